//! The files below a directory of version 1. Opened for reading, and only where they are plain files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::time::Timestamp;

/// Directories within each other that are looked into; version 1 had three.
const DEPTH_MAX: usize = 16;
pub(super) const LINK: &str = "a symbolic link, which is not followed";

/// Whether a directory holds what the Python program wrote.
pub(super) fn is_vault(directory: &Path) -> bool {
    directory.join("issues.json").is_file() || directory.join("events").is_dir()
}

/// What lies below a directory, in the order of the names.
#[derive(Default)]
pub(super) struct Found {
    pub(super) files: Vec<PathBuf>,
    /// What was not looked at, and why.
    pub(super) refused: Vec<(PathBuf, String)>,
}

pub(super) fn below(directory: &Path) -> Found {
    let mut found = Found::default();
    // Whether it is there at all; a link in its place was told of.
    if fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_dir()) {
        collect(directory, 0, &mut found);
    }
    found
}

fn collect(directory: &Path, depth: usize, found: &mut Found) {
    let mut entries = match fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>)
    {
        Ok(entries) => entries,
        Err(error) => {
            found
                .refused
                .push((directory.to_owned(), error.to_string()));
            return;
        }
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_file() => found.files.push(path),
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => collect(&path, depth + 1, found),
            Ok(kind) if kind.is_dir() => found.refused.push((path, "lies too deep".into())),
            Ok(kind) if kind.is_symlink() => found.refused.push((path, LINK.into())),
            Ok(_) => found.refused.push((path, "not a plain file".into())),
            Err(error) => found.refused.push((path, error.to_string())),
        }
    }
}

/// A whole file, or why it cannot be had.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("not a plain file".into());
    }
    let mut bytes = Vec::new();
    let read = file.take(bytes_max + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("has more than {bytes_max} bytes"));
    }
    Ok(bytes)
}

/// The day that an event's file was written, as its directories say it.
pub(super) fn day_of(events: &Path, file: &Path) -> Option<Timestamp> {
    let mut parts = file.strip_prefix(events).ok()?.iter();
    let mut part = || parts.next()?.to_str();
    let (year, month, day) = (part()?, part()?, part()?);
    Timestamp::parse(&format!("{year}-{month}-{day}T00:00:00Z"))
}

/// Whether a name below `attachments/` is one of this version's, which may lie in the same place.
pub(super) fn is_of_this_version(name: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some((shelf, file)) = name.split_once('/') else {
        return false;
    };
    let is_content = file.len() == 64 && is_hex(file) && file.starts_with(shelf);
    let is_temporary = file.starts_with('.') && file.ends_with(".tmp");
    shelf.len() == 2 && is_hex(shelf) && (is_content || is_temporary)
}
