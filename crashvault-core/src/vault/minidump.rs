//! Minidumps that somebody hands in.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::door::{Added, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::ingest;
use crate::language::InAppRules;
use crate::symbol::{Library, Symbolizer};

/// A minidump in bytes. Dumps of stacks have some hundred kilobytes; of all memory, gigabytes that nobody reads here.
const MINIDUMP_BYTES_MAX: u64 = 512 << 20;

impl Vault {
    /// Whether [`Vault::import_minidump`] could read this. Makes no vault.
    ///
    /// # Errors
    /// As there.
    pub fn check_minidump(path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut symbolizer = Symbolizer::new(None, InAppRules::default());
        let none = Library::default();
        let event = ingest::minidump::read(&read(path)?, &mut symbolizer, Path::new(""), none);
        event
            .map(drop)
            .map_err(|error| error.with_context("path", path.display()))
    }

    /// Takes a crash into the vault that a handler of Breakpad, Crashpad or Windows wrote as a minidump: one event, with
    /// the stacks of all threads, however often it is imported.
    ///
    /// Functions and lines come from Breakpad `.sym` files and from ELF binaries and debug files with the build id that
    /// the dump names: below the directories (or among the files) in `symbols`, in the vault's own `symbols/`, and on
    /// this machine. Nothing is fetched. Needs the feature `minidump`.
    ///
    /// # Errors
    /// NotFound; InvalidInput for what is no minidump, or a damaged one, saying what is wrong; LimitReached above 512 MB;
    /// and what [`Vault::add`] says.
    pub fn import_minidump(
        &mut self,
        path: impl AsRef<Path>,
        symbols: &[PathBuf],
    ) -> Result<Added> {
        self.lineage.check()?;
        let path = path.as_ref();
        let bytes = read(path)?;
        let library = Library::of(symbols);
        let kept = self.home.join("symbols");
        let event = ingest::minidump::read(&bytes, &mut self.walk.symbolizer, &kept, library);
        self.add(event.map_err(|error| error.with_context("path", path.display()))?)
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path.is_dir() {
        let message = format!("{} is a directory; name the .dmp file", path.display());
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "import minidump",
            message,
        ));
    }
    let failed = |error| Error::io("import minidump", path, error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    let mut limited = file.take(MINIDUMP_BYTES_MAX + 1);
    limited.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MINIDUMP_BYTES_MAX {
        let message = format!(
            "{} has more than 512 MB; have it written with stacks only, not with all memory",
            path.display()
        );
        return Err(Error::new(
            ErrorKind::LimitReached,
            "import minidump",
            message,
        ));
    }
    Ok(bytes)
}
