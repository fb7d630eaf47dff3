//! Which process of a line of forks may use SQLite: the one that opened a vault first, and none of its children.
//!
//! SQLite remembers its file locks in the process. A forked child inherits the memory but not the locks; what it opens
//! believes itself protected, and neither side notices when the other replaces or removes the log under it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::capture;
use crate::error::{Error, ErrorKind, Result};

/// The fork generation that opened a vault first, plus one; 0 while none did.
static FIRST: AtomicU64 = AtomicU64::new(0);

/// The fork generation a vault belongs to.
#[derive(Clone, Copy)]
pub(super) struct Lineage(u64);

impl Lineage {
    /// To be asked before the store is opened. Opening is noted even if it fails then: locks may be remembered already.
    ///
    /// # Errors
    /// Unsupported in a child of a process that had a vault open.
    pub(super) fn enter() -> Result<Self> {
        capture::watch_forks();
        let own = Self(capture::fork_generation());
        let first = FIRST.compare_exchange(0, own.0 + 1, Ordering::SeqCst, Ordering::SeqCst);
        match first {
            Err(first) if first != own.0 + 1 => Err(forked("open vault")),
            _ => Ok(own),
        }
    }

    /// # Errors
    /// Unsupported in a child of the process that opened the vault.
    pub(super) fn check(self) -> Result<()> {
        if self.0 == capture::fork_generation() {
            Ok(())
        } else {
            Err(forked("use vault"))
        }
    }
}

fn forked(operation: &'static str) -> Error {
    let message = "a vault that was opened before a fork cannot be opened or used in the child; exec a new program, or \
                   open it only after the fork";
    Error::new(ErrorKind::Unsupported, operation, message)
}
