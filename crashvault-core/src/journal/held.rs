//! Descriptors whose lock means "this process is alive". A forked child inherits them, and with them the lock, so
//! `capture::platform` closes them in the child; it may do no more there than read these atomics and close.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

const SLOTS: usize = 32;
static DESCRIPTORS: [AtomicI32; SLOTS] = [const { AtomicI32::new(-1) }; SLOTS];

/// A registered descriptor; released when dropped. With all slots taken nothing is registered: a child then keeps
/// the lock until it ends, which delays the drain of its parent's segment and loses nothing.
#[derive(Debug)]
pub(crate) struct Held(Option<usize>);

impl Held {
    pub(crate) fn new(descriptor: &impl AsRawFd) -> Self {
        let descriptor = descriptor.as_raw_fd();
        Self(DESCRIPTORS.iter().position(|slot| {
            slot.compare_exchange(-1, descriptor, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            DESCRIPTORS[slot].store(-1, Ordering::Release);
        }
    }
}

/// Takes all registered descriptors: for the child after a fork, which closes them and never unlocks them.
pub(crate) fn held_descriptors() -> impl Iterator<Item = RawFd> {
    DESCRIPTORS
        .iter()
        .map(|slot| slot.swap(-1, Ordering::AcqRel))
        .filter(|descriptor| *descriptor >= 0)
}
