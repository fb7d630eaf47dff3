//! Systems without a walk of our own: the platform's unwinder, no module list, no forks.

use super::Addresses;

pub(crate) fn fork_generation() -> u64 {
    0
}

pub(crate) fn watch_forks() {}

/// Whether a good end of the process is noticed.
pub(crate) const SEES_EXIT: bool = false;

pub(crate) fn watch_exit() {}

#[cfg(feature = "host")]
pub(crate) fn watch_requests() {}

pub(crate) fn outside_forks<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(feature = "store")]
pub(crate) fn free_bytes(_path: &std::path::Path) -> Option<u64> {
    None
}

#[cfg(feature = "host")]
pub(crate) fn file_identity(_descriptor: i32) -> Option<(u64, u64)> {
    None
}

#[cfg(feature = "host")]
pub(crate) fn lead(_descriptor: i32, _to: i32) -> bool {
    false
}

pub(crate) fn thread_id() -> u64 {
    0
}

pub(crate) fn modules_generation() -> u64 {
    0
}

pub(crate) fn modules() -> (Vec<crate::event::Image>, u64) {
    (Vec::new(), 0)
}

pub(crate) struct Walker;

impl Walker {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn walk(&mut self, _generation: u64, addresses: &mut Addresses) {
        addresses.trace();
    }
}
