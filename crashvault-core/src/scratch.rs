//! Enters: a test that needs files. Leaves: a directory of its own, gone when dropped.
//!
//! Never: is part of the engine. A crate for this would double what `cargo tree` shows of the engine's small build.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory below the system's temporary one.
pub(crate) struct Scratch(PathBuf);

pub(crate) fn scratch() -> Scratch {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("crashvault-test-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    // What an earlier process of the same id left.
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir(&path).unwrap();
    Scratch(path)
}

impl Scratch {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
