//! Enters: finished bodies from capture (and later the server). Leaves: the same bodies, for whoever drains.
//!
//! Append-only framed files, one set per process, that survive `kill -9` (docs/journal.md describes every byte).
//! A writer holds a lock on its segment while it lives; that lock, not a pid, says whether it is alive.
//!
//! Never: looks into a body, touches the store, truncates a live segment, or blocks on another process.

mod boxed;
#[cfg(any(feature = "out-of-process", feature = "store"))]
mod dump;
mod frame;
mod held;
mod memory;
#[cfg(feature = "store")]
mod parse;
mod place;
#[cfg(feature = "store")]
mod reader;
mod ring;
mod segment;
#[cfg(any(feature = "host", feature = "store"))]
mod stacks;
#[cfg(feature = "store")]
mod sums;
#[cfg(all(test, feature = "store"))]
mod tests;
mod writer;

#[cfg(feature = "store")]
pub(crate) use boxed::{BoxContent, BoxCrumb, Dying, MemoryGroup};
pub(crate) use boxed::{DYING_MAX, PANE_BYTES};
#[cfg(feature = "out-of-process")]
pub(crate) use dump::{DUMP_ENDING, write_dump};
#[cfg(feature = "store")]
pub(crate) use dump::{dump_path, dumps, read_dump};
pub(crate) use frame::{Flags, HEADER_BYTES as FRAME_HEADER_BYTES, Kind};
#[cfg(feature = "store")]
pub(crate) use held::Held;
pub(crate) use held::held_descriptors;
#[cfg(feature = "test")]
pub(crate) use memory::KeptFrame;
#[cfg(feature = "server")]
pub(crate) use parse::BODY_BYTES_MAX;
pub(crate) use place::Place;
#[cfg(feature = "store")]
pub(crate) use reader::{Frame, Scan, SegmentFile, list, remove_stale_temporaries};
pub(crate) use ring::Ring;
#[cfg(feature = "store")]
pub(crate) use segment::directory_bytes;
pub(crate) use segment::{Identity, Mark};
#[cfg(feature = "store")]
pub(crate) use stacks::remove_orphaned_stacks;
#[cfg(feature = "server")]
pub(crate) use writer::Unsealed;
pub(crate) use writer::{Entry, Fullness, Journal, Limits, Preamble};

/// What a person can do about an error number that writing the journal met.
pub(crate) fn write_failure_hint(errno: u32) -> &'static str {
    match errno as i32 {
        libc::ENOSPC | libc::EDQUOT => {
            "free some space, or set CRASHVAULT_HOME to a place that has it"
        }
        libc::EACCES | libc::EPERM => {
            "let this user own the vault's directory, or set CRASHVAULT_HOME to one it may write"
        }
        libc::EROFS => "the file system is read-only; set CRASHVAULT_HOME to one that is not",
        libc::ENOTDIR | libc::ENOENT => {
            "a part of the path is no directory; set CRASHVAULT_HOME to another place"
        }
        libc::EMFILE | libc::ENFILE => "too many open files; raise the limit (ulimit -n)",
        _ => "set CRASHVAULT_HOME to another place",
    }
}

/// How much a capture waits for before it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// In the page cache: survives SIGKILL, not a power cut. The default.
    #[default]
    Process,
    /// On the disk (`fdatasync`): survives a power cut.
    Data,
    /// In memory for at most 100 ms: for noise that may be lost.
    Async,
}

impl Durability {
    /// From its name: `process`, `data` or `async`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "process" => Some(Self::Process),
            "data" => Some(Self::Data),
            "async" => Some(Self::Async),
            _ => None,
        }
    }
}
