//! Enters: the place for last words. Leaves: a descriptor of the file beside it, by which the runtime of the program's
//! language says what its threads were at when a signal ends the process.
//!
//! The runtime is told one descriptor, once; in a forked child it leads to that child's own file from its first capture on,
//! and before that the runtime is not asked.
//!
//! Never: lets the runtime write where the host has put a file of its own under that number.

use std::fs::File;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

use super::platform;
use crate::journal::Place;

/// The descriptor; -1 if there is none.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);
/// The file that it leads to, and the process that has made it.
static DEVICE: AtomicU64 = AtomicU64::new(0);
static INODE: AtomicU64 = AtomicU64::new(0);
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// Whether the runtime says it somewhere else, because the host wants that.
static IS_LENT: AtomicBool = AtomicBool::new(false);

/// The descriptor of the file beside this place, made at the first call.
pub(super) fn open(place: &Place) -> Option<RawFd> {
    let known = DESCRIPTOR.load(Ordering::Acquire);
    if known >= 0 {
        return Some(known);
    }
    let file = place.open_stacks().ok()?;
    note(&file)?;
    // For the rest of the process: a handler may be writing there whenever.
    let descriptor = file.into_raw_fd();
    DESCRIPTOR.store(descriptor, Ordering::Release);
    Some(descriptor)
}

/// From now on the descriptor leads to the file beside a forked child's own place.
pub(super) fn follow(place: &Place) {
    let descriptor = DESCRIPTOR.load(Ordering::Acquire);
    if descriptor < 0 || !leads_to_ours(descriptor) {
        return;
    }
    let Ok(file) = place.open_stacks() else {
        return;
    };
    if platform::lead(descriptor, file.as_raw_fd()) {
        note(&file);
    }
}

fn note(file: &File) -> Option<()> {
    let metadata = file.metadata().ok()?;
    DEVICE.store(metadata.dev(), Ordering::Release);
    INODE.store(metadata.ino(), Ordering::Release);
    PROCESS.store(std::process::id(), Ordering::Release);
    Some(())
}

fn leads_to_ours(descriptor: RawFd) -> bool {
    let ours = (
        DEVICE.load(Ordering::Acquire),
        INODE.load(Ordering::Acquire),
    );
    platform::file_identity(descriptor) == Some(ours)
}

/// Whether the host has the runtime say it somewhere else from now on.
pub(super) fn lend(is_lent: bool) {
    IS_LENT.store(is_lent, Ordering::Release);
}

/// Whether the runtime may be asked, and writes where it is to. Async-signal-safe.
#[cfg_attr(
    not(all(
        feature = "native",
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    expect(dead_code, reason = "asked by the handlers of signals")
)]
pub(super) fn are_wanted(process: u32) -> bool {
    let descriptor = DESCRIPTOR.load(Ordering::Acquire);
    IS_LENT.load(Ordering::Acquire)
        || (PROCESS.load(Ordering::Acquire) == process && leads_to_ours(descriptor))
}
