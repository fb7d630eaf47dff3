//! Keeping the executable until its addresses are names.

use std::path::{Path, PathBuf};

use crate::event::Image;

/// The executable, to be kept by a hard link until its addresses are names.
pub(super) struct SymbolsLink {
    executable: PathBuf,
    directory: PathBuf,
    pub(super) key: String,
}

/// All links together may keep at most this alive, in bytes.
const SYMBOLS_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

impl SymbolsLink {
    pub(super) fn prepare(&self) {
        use std::os::unix::fs::DirBuilderExt;
        let _ = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory);
    }

    pub(super) fn new(home: &Path, images: &[Image]) -> Option<Self> {
        let program = images.first()?;
        Some(Self {
            executable: program.code_file.as_ref()?.into(),
            directory: home.join("symbols"),
            key: program.symbols_key()?,
        })
    }

    /// Failure is common (another file system, not permitted) and harmless: then lines can be told only while the
    /// executable stays what it is.
    pub(super) fn make(&self) {
        let link = self.directory.join(&self.key);
        if link.symlink_metadata().is_ok() {
            return;
        }
        let kept: u64 = std::fs::read_dir(&self.directory)
            .map(|entries| {
                entries
                    .flatten()
                    .filter_map(|entry| Some(entry.metadata().ok()?.len()))
                    .sum()
            })
            .unwrap_or(u64::MAX);
        let size = std::fs::metadata(&self.executable).map_or(u64::MAX, |metadata| metadata.len());
        if kept.saturating_add(size) <= SYMBOLS_BYTES_MAX {
            let _ = std::fs::hard_link(&self.executable, link);
        }
    }
}
