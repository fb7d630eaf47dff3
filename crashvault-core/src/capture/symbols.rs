//! Keeping the executable until its addresses are names.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::event::Image;

/// The executable, to be kept by a hard link until its addresses are names.
pub(super) struct SymbolsLink {
    executable: PathBuf,
    directory: PathBuf,
    pub(super) key: String,
    has_room: OnceLock<bool>,
}

/// All links together may keep at most this alive, in bytes.
const SYMBOLS_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

impl SymbolsLink {
    pub(super) fn new(home: &Path, images: &[Image]) -> Option<Self> {
        let program = images.first()?;
        Some(Self {
            executable: program.code_file.as_ref()?.into(),
            directory: home.join("symbols"),
            key: program.symbols_key()?,
            has_room: OnceLock::new(),
        })
    }

    /// Makes the directory and looks whether there is room, so that the first capture need not.
    pub(super) fn prepare(&self) {
        self.has_room.get_or_init(|| self.find_room());
    }

    fn find_room(&self) -> bool {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        let _ = builder.recursive(true).mode(0o700).create(&self.directory);
        let size = std::fs::metadata(&self.executable).map_or(u64::MAX, |metadata| metadata.len());
        kept_bytes(&self.directory).saturating_add(size) <= SYMBOLS_BYTES_MAX
    }

    /// Links the executable, if it is not linked yet.
    ///
    /// Failure is common (another file system, not permitted) and harmless: then lines can be told only while the
    /// executable stays what it is.
    pub(super) fn make(&self) {
        if *self.has_room.get_or_init(|| self.find_room()) {
            let _ = std::fs::hard_link(&self.executable, self.directory.join(&self.key));
        }
    }
}

fn kept_bytes(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return u64::MAX;
    };
    let sizes = entries
        .flatten()
        .filter_map(|entry| Some(entry.metadata().ok()?.len()));
    sizes.sum()
}
