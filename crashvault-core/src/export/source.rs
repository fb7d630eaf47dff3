//! What a file is, told by its content, and the records in it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Item, document, lines};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Access, SqliteStore, Store};

const READ: &str = "import";
/// Of a file's beginning, to tell what it is.
const PEEK_BYTES: u64 = 64 * 1024;

/// What a file is, as far as importing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportKind {
    /// Our NDJSON.
    Ndjson,
    /// Our JSON.
    Json,
    /// A vault's database.
    Database,
    /// A vault's directory.
    Vault,
    /// An archive (`.cva`), which `restore` puts back.
    Archive,
    /// Our CSV: it lacks too much to be read back.
    Csv,
    /// A page for people.
    Page,
}

/// What can be read back.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) kind: ExportKind,
}

/// What lies there; `None` for what is none of ours.
///
/// # Errors
/// NotFound, Io.
pub(crate) fn detect(path: &Path) -> Result<Option<ExportKind>> {
    if path.is_dir() {
        return Ok(path.join("vault.db").is_file().then_some(ExportKind::Vault));
    }
    let mut start = Vec::new();
    // What cannot be unpacked is none of ours.
    let read = open(path)?.take(PEEK_BYTES).read_to_end(&mut start);
    if read.is_err() && start.is_empty() {
        return Ok(None);
    }
    Ok(kind_of(&start))
}

/// What begins so.
fn kind_of(start: &[u8]) -> Option<ExportKind> {
    if start.starts_with(b"SQLite format 3\0") {
        return Some(ExportKind::Database);
    }
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let first = text.lines().next().unwrap_or_default();
    let head: Option<Value> = serde_json::from_str(first).ok();
    let has = |key| head.as_ref().is_some_and(|head| head.get(key).is_some());
    if has("crashvault_archive") {
        return Some(ExportKind::Archive);
    }
    // A whole JSON export on one line has the name too, but not as its first.
    if has("crashvault_export") && !first.starts_with("{\"version\"") {
        return Some(ExportKind::Ndjson);
    }
    if text.starts_with('{') && text.contains("\"crashvault_export\"") {
        return Some(ExportKind::Json);
    }
    if first == "# Issues"
        && text
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("id,title,"))
    {
        return Some(ExportKind::Csv);
    }
    let is_page = first.starts_with("<!doctype html>")
        && text.contains("name=\"generator\" content=\"crashvault")
        || first == "<!-- crashvault -->";
    is_page.then_some(ExportKind::Page)
}

/// The file's content, unpacked if it is gzip or zstd.
fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let failed = |error: io::Error| Error::io(READ, path, error);
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let start = reader.fill_buf().map_err(failed)?;
    if start.starts_with(&[0x1f, 0x8b]) {
        let decoder = flate2::bufread::MultiGzDecoder::new(reader);
        return Ok(Box::new(BufReader::new(decoder)));
    }
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::stream::read::Decoder::with_buffer(reader).map_err(failed)?;
        return Ok(Box::new(BufReader::new(decoder)));
    }
    Ok(Box::new(reader))
}

impl Source {
    /// Hands out what is there.
    ///
    /// # Errors
    /// Corrupt for a file that is not whole; Unsupported for a newer form and for what cannot be read back; Io; what
    /// `take` says.
    pub(crate) fn read(&self, take: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
        let path = &self.path;
        match self.kind {
            ExportKind::Ndjson => lines::read(path, open(path)?, take),
            ExportKind::Json => document::read(path, open(path)?, take),
            ExportKind::Database => read_database(path, take),
            ExportKind::Vault => read_database(&path.join("vault.db"), take),
            kind => Err(refusal(path, kind)),
        }
    }

    /// Whether records may come before those they name.
    pub(crate) fn is_unordered(&self) -> bool {
        self.kind == ExportKind::Json
    }

    /// Where the contents of attachments lie that are not in the file itself.
    pub(crate) fn home(&self) -> Option<&Path> {
        match self.kind {
            ExportKind::Vault => Some(&self.path),
            ExportKind::Database => self.path.parent(),
            _ => None,
        }
    }
}

fn read_database(path: &Path, take: &mut dyn FnMut(Item) -> Result<()>) -> Result<()> {
    let store = SqliteStore::open(path, Access::ReadOnly)?;
    let unreadable = store.records(None, &mut |record| take(Item::Record(record)))?;
    if unreadable > 0 {
        let message = format!(
            "{} has {unreadable} events that cannot be read; `crashvault doctor` tells more of it",
            path.display()
        );
        return Err(Error::new(ErrorKind::Corrupt, READ, message));
    }
    Ok(())
}

/// Why it cannot be read back, and what can.
fn refusal(path: &Path, kind: ExportKind) -> Error {
    let why = match kind {
        ExportKind::Csv => {
            "is a table: it leaves out stacks and decisions, and cannot be read back; import an export as NDJSON or JSON"
        }
        ExportKind::Page => {
            "is a page for people and cannot be read back; import an export as NDJSON or JSON"
        }
        ExportKind::Archive => "is an archive; `crashvault restore` puts it back",
        _ => "cannot be read back by this version",
    };
    let message = format!("{} {why}", path.display());
    Error::new(ErrorKind::Unsupported, READ, message)
}
