//! Enters: files and directories that somebody names. Leaves: which binary each file is about, and the file for a binary.
//!
//! Never: believes a file's name, follows links out of a directory, reads more than heads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::elf::Elf;
use super::file::RegularFile;

/// The first line of a Breakpad symbol file, in bytes.
const MODULE_BYTES_MAX: u64 = 4096;

/// What a file tells of a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holding {
    /// Its code, and what else it holds.
    Binary,
    /// Debug information without code.
    Debug,
    /// Breakpad's text of functions, lines and unwind rules.
    Breakpad,
}

impl Holding {
    /// The name under which a vault keeps such a file. Links to programs are named by the id alone: a name with an ending
    /// says that somebody put it there.
    pub(crate) fn file_name(self, id: &str) -> String {
        let ending = match self {
            Self::Binary => "elf",
            Self::Debug => "debug",
            Self::Breakpad => "sym",
        };
        format!("{id}.{ending}")
    }
}

/// A file of symbols, known by what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SymbolFile {
    pub(crate) holding: Holding,
    /// The build id of ELF, the debug id of Breakpad; lower-case hex.
    pub(crate) id: String,
}

impl SymbolFile {
    /// Reads whose symbols a file holds. Else what is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, &'static str> {
        let path = std::path::absolute(path).map_err(|_| "has no usable path")?;
        let file = RegularFile::open(&path).map_err(|_| "is no file that can be read")?;
        let head = file
            .read(0, file.len.min(MODULE_BYTES_MAX))
            .unwrap_or_default();
        if head.starts_with(b"MODULE ") {
            let id = breakpad_id(&head).ok_or("has no debug id in its first line")?;
            let holding = Holding::Breakpad;
            return Ok(Self { holding, id });
        }
        let elf = Elf::read(file).ok_or("is neither an ELF file nor a Breakpad symbol file")?;
        let holding = match elf.is_debug_only() {
            true => Holding::Debug,
            false => Holding::Binary,
        };
        let id = elf
            .build_id
            .ok_or("has no build id (link with --build-id)")?;
        Ok(Self { holding, id })
    }

    /// The name under which a vault keeps it.
    pub(crate) fn name(&self) -> String {
        self.holding.file_name(&self.id)
    }
}

/// Of `MODULE <os> <machine> <id> <name>`.
fn breakpad_id(head: &[u8]) -> Option<String> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let id = std::str::from_utf8(line.split(|byte| *byte == b' ').nth(3)?).ok()?;
    let is_id = (33..=40).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_ascii_lowercase())
}

/// Files of symbols by the names a vault would give them.
#[derive(Clone, Default)]
pub(crate) struct Library {
    paths: HashMap<String, PathBuf>,
}

impl Library {
    pub(super) fn find(&self, name: &str) -> Option<&Path> {
        self.paths.get(name).map(PathBuf::as_path)
    }
}

#[cfg(feature = "minidump")]
impl Library {
    /// Directories within each other.
    const DEPTH_MAX: usize = 16;
    /// Files looked at altogether.
    const FILES_MAX: usize = 100_000;

    /// Everything below these directories; a file may be named as well.
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        let mut library = Self::default();
        let mut left = Self::FILES_MAX;
        for path in paths {
            library.take(path, Self::DEPTH_MAX, &mut left);
        }
        library
    }

    /// The file of this kind for an id, among these and then in a vault's directory.
    pub(crate) fn file(&self, kept: &Path, holding: Holding, id: &str) -> Option<PathBuf> {
        let name = holding.file_name(id);
        let named = self.find(&name).map(Path::to_owned);
        let is_it = |path: &PathBuf| {
            SymbolFile::read(path).is_ok_and(|file| file.holding == holding && file.id == id)
        };
        named.into_iter().chain([kept.join(name)]).find(is_it)
    }

    fn take(&mut self, path: &Path, depth: usize, left: &mut usize) {
        let Ok(entries) = std::fs::read_dir(path) else {
            if let Ok(path) = std::path::absolute(path)
                && let Ok(file) = SymbolFile::read(&path)
            {
                self.paths.entry(file.name()).or_insert(path);
            }
            return;
        };
        for entry in entries.flatten() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                return;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth > 0 => self.take(&entry.path(), depth - 1, left),
                Ok(kind) if kind.is_file() => self.take(&entry.path(), 0, left),
                _ => {}
            }
        }
    }
}
