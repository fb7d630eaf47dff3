//! Symbols that somebody gives the vault: for programs that are shipped without theirs.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Draft;
use crate::journal;
use crate::symbol::{Holding, SymbolFile};

/// All of `symbols/` together, in bytes; links to programs that captures make keep to the same.
const SYMBOLS_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// A file of symbols that a vault keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SymbolsAdded {
    /// What it holds.
    pub kind: SymbolsKind,
    /// Of which binary: its build id, or the debug id of a Breakpad file; lower-case hex.
    pub id: String,
    /// Where it is kept.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// Whether the vault had symbols of this kind for this binary; they were replaced.
    pub is_known: bool,
}

/// What a file of symbols holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SymbolsKind {
    /// An ELF program or library.
    Binary,
    /// ELF debug information that was split off.
    Debug,
    /// A Breakpad symbol file.
    Breakpad,
}

impl Vault {
    /// Whether a file is one that [`Vault::add_symbols`] keeps. Makes no vault.
    ///
    /// # Errors
    /// As there.
    pub fn check_symbols(path: impl AsRef<Path>) -> Result<()> {
        read(path.as_ref()).map(drop)
    }

    /// Keeps a copy of a program, a library, its split-off debug information or its Breakpad symbol file, for stripped
    /// programs and for minidumps from elsewhere. It serves events that are taken in from then on, stays until it is
    /// removed by hand from the vault's `symbols/`, and is found by the build id within it, whatever its name.
    ///
    /// # Errors
    /// NotFound; InvalidInput for a file that is no such thing or has no build id; LimitReached above 2 GB of symbols;
    /// ReadOnly, Io; Unsupported in a forked child.
    pub fn add_symbols(&mut self, path: impl AsRef<Path>) -> Result<SymbolsAdded> {
        self.lineage.check()?;
        let path = path.as_ref();
        if self.is_read_only {
            let message = format!("{} is open for reading only", self.home.display());
            return Err(Error::new(ErrorKind::ReadOnly, OPERATION, message));
        }
        let (file, bytes) = read(path)?;
        let directory = self.home.join("symbols");
        let target = directory.join(file.name());
        let known_bytes = fs::metadata(&target).map_or(0, |metadata| metadata.len());
        let kept = journal::directory_bytes(&directory).saturating_sub(known_bytes);
        if kept.saturating_add(bytes) > SYMBOLS_BYTES_MAX {
            let message = format!(
                "{} would make {} larger than 2 GB; remove files there that are no longer needed",
                path.display(),
                directory.display()
            );
            return Err(Error::new(ErrorKind::LimitReached, OPERATION, message));
        }
        self.refuse_full_disk(OPERATION)?;
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&directory);
        made.map_err(|error| Error::io(OPERATION, &directory, error))?;
        let is_known = known_bytes > 0;
        copy(path, &target, &file)?;
        Ok(SymbolsAdded {
            kind: match file.holding {
                Holding::Binary => SymbolsKind::Binary,
                Holding::Debug => SymbolsKind::Debug,
                Holding::Breakpad => SymbolsKind::Breakpad,
            },
            id: file.id,
            path: target,
            bytes,
            is_known,
        })
    }
}

const OPERATION: &str = "add symbols";

/// What it is, and how long.
fn read(path: &Path) -> Result<(SymbolFile, u64)> {
    let metadata = fs::metadata(path).map_err(|error| Error::io(OPERATION, path, error))?;
    let file = SymbolFile::read(path).map_err(|reason| unusable(path, reason))?;
    Ok((file, metadata.len()))
}

fn unusable(path: &Path, reason: &str) -> Error {
    let message = format!(
        "{} {reason}; give an ELF program or library, its debug file, or a Breakpad .sym file",
        path.display()
    );
    Error::new(ErrorKind::InvalidInput, OPERATION, message).with_context("path", path.display())
}

/// Under its name the file is always whole, and what it was when it was looked at.
fn copy(from: &Path, to: &Path, expected: &SymbolFile) -> Result<()> {
    let failed = |path: &Path, error| Error::io(OPERATION, path, error);
    let draft = Draft::new(to).map_err(|error| failed(to, error))?;
    let copied = File::open(from).and_then(|mut from| io::copy(&mut from, &mut draft.file()));
    copied.map_err(|error| failed(from, error))?;
    match SymbolFile::read(draft.temporary()) {
        Ok(found) if found == *expected => draft.put().map_err(|error| failed(to, error)),
        _ => Err(unusable(from, "changed while it was copied")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::{Scratch, scratch};

    const SYM: &str =
        "MODULE Linux x86_64 5A9832E5287241C1838ED98914E9B7FF0 shop\nPUBLIC 1000 0 pay\n";

    fn vault() -> (Scratch, Vault) {
        let home = scratch();
        let vault = Vault::open(home.path().join("vault")).unwrap();
        (home, vault)
    }

    /// The head of a 64-bit ELF library with a build id, and nothing else.
    fn elf(build_id: &[u8; 20]) -> Vec<u8> {
        let mut file = vec![0; 0x1000];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7fELF\x02\x01\x01");
        put(16, &[3, 0, 62, 0, 1]); // a shared object for x86-64
        put(32, &[64]); // program headers, two of them
        put(52, &[64, 0, 56, 0, 2, 0, 64, 0]);
        let words = |words: [u64; 7]| words.map(u64::to_le_bytes).concat();
        put(64, &words([1 | (4 << 32), 0, 0, 0, 0x1000, 0x1000, 0x1000])); // PT_LOAD
        put(120, &words([4 | (4 << 32), 0x200, 0x200, 0x200, 36, 36, 4])); // PT_NOTE
        put(0x200, &[4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0]);
        put(0x20c, b"GNU\0");
        put(0x210, build_id);
        file
    }

    #[test]
    fn a_program_is_kept_by_its_build_id_and_stays() {
        let (home, mut vault) = vault();
        let path = home.path().join("program");
        fs::write(&path, elf(&[0xab; 20])).unwrap();
        let added = vault.add_symbols(&path).unwrap();
        assert_eq!(added.kind, SymbolsKind::Binary);
        assert_eq!(added.id, "ab".repeat(20));
        let directory = home.path().join("vault/symbols");
        assert_eq!(added.path, directory.join(format!("{}.elf", added.id)));
        assert_eq!((added.is_known, added.bytes), (false, 0x1000));
        assert!(vault.add_symbols(&path).unwrap().is_known);
        vault.drain_all().unwrap();
        vault.collect_garbage().unwrap();
        assert_eq!(fs::read(&added.path).unwrap(), elf(&[0xab; 20]));
        assert_eq!(fs::read_dir(directory).unwrap().count(), 1);
    }

    #[test]
    fn a_program_that_was_killed_while_copying_leaves_nothing_for_long() {
        let (home, mut vault) = vault();
        let path = home.path().join("program");
        fs::write(&path, elf(&[0xab; 20])).unwrap();
        let kept = vault.add_symbols(&path).unwrap().path;
        let half = kept.with_file_name(".x.elf.1.tmp");
        fs::write(&half, "half").unwrap();
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        for path in [&half, &kept] {
            let file = File::options().write(true).open(path).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        assert_eq!(vault.collect_garbage().unwrap().temporaries_removed, 1);
        assert!(kept.exists() && !half.exists());
    }

    #[test]
    fn a_breakpad_file_is_kept_by_its_debug_id() {
        let (home, mut vault) = vault();
        let path = home.path().join("anything");
        fs::write(&path, SYM).unwrap();
        let added = vault.add_symbols(&path).unwrap();
        assert_eq!(added.kind, SymbolsKind::Breakpad);
        assert_eq!(added.id, "5a9832e5287241c1838ed98914e9b7ff0");
        assert_eq!(fs::read_to_string(&added.path).unwrap(), SYM);
        use std::os::unix::fs::MetadataExt;
        assert_eq!(fs::metadata(&added.path).unwrap().mode() & 0o777, 0o600);
    }

    fn check_refused(content: &str, expected: &str) {
        let (home, mut vault) = vault();
        let path = home.path().join("file");
        fs::write(&path, content).unwrap();
        let error = vault.add_symbols(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(expected), "{error}");
        let left = fs::read_dir(home.path().join("vault/symbols")).map_or(0, Iterator::count);
        assert_eq!(left, 0);
    }

    #[test]
    fn what_holds_no_symbols_is_refused_with_the_reason() {
        check_refused("", "is neither an ELF file nor a Breakpad symbol file");
        check_refused(
            "#!/bin/sh\n",
            "is neither an ELF file nor a Breakpad symbol file",
        );
        check_refused("MODULE Linux x86_64\n", "has no debug id in its first line");
        check_refused(
            "MODULE Linux x86_64 ../../x shop\n",
            "has no debug id in its first line",
        );
        let zeros = "0".repeat(5000);
        check_refused(
            &format!("MODULE a b {zeros} c"),
            "has no debug id in its first line",
        );
    }

    #[test]
    fn a_missing_file_and_a_directory_are_told_apart() {
        let (home, mut vault) = vault();
        let missing = vault.add_symbols(home.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        let directory = vault.add_symbols(home.path()).unwrap_err();
        assert_eq!(directory.kind(), ErrorKind::InvalidInput);
        assert!(directory.message().contains("is no file that can be read"));
    }
}
