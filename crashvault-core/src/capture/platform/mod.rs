//! What differs from system to system: walking the stack, listing modules, noticing a fork, naming a thread.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#[path = "linux.rs"]
mod system;
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "other.rs"]
mod system;

#[cfg(feature = "store")]
pub(crate) use system::free_bytes;
#[cfg(feature = "host")]
pub(crate) use system::watch_requests;
pub(crate) use system::{
    SEES_EXIT, Walker, fork_generation, modules, modules_generation, outside_forks, thread_id,
    watch_exit, watch_forks,
};
#[cfg(feature = "host")]
pub(crate) use system::{file_identity, lead};

/// Return addresses of a stack, innermost first.
pub(crate) struct Addresses {
    kept: [u64; crate::event::limits::ADDRESSES_MAX],
    length: usize,
    /// Outer frames beyond the limit that were seen and not kept.
    pub(crate) omitted: u32,
}

/// Frames are counted up to here; deeper stacks are not walked to their end.
const WALK_MAX: u32 = 4096;

impl Addresses {
    pub(crate) fn new() -> Self {
        Self {
            kept: [0; crate::event::limits::ADDRESSES_MAX],
            length: 0,
            omitted: 0,
        }
    }

    pub(crate) fn as_slice(&self) -> &[u64] {
        &self.kept[..self.length]
    }

    /// Keeps or counts one address; false when the walk should end.
    fn push(&mut self, address: u64) -> bool {
        if self.length < self.kept.len() {
            self.kept[self.length] = address;
            self.length += 1;
            return true;
        }
        self.omitted += 1;
        self.omitted < WALK_MAX
    }

    fn clear(&mut self) {
        self.length = 0;
        self.omitted = 0;
    }

    /// The slow and sure way: the platform's own unwinder.
    fn trace(&mut self) {
        self.clear();
        // Some stacks end with a frame at address 0, which is nobody's.
        outside_forks(|| {
            backtrace::trace(|frame| frame.ip().is_null() || self.push(frame.ip() as u64));
        });
    }
}
