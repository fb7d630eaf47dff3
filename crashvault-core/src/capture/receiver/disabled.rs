//! Without the feature `out-of-process`, or on a system where it is not built: no program is started.

use std::path::Path;

#[cfg(feature = "native")]
pub(in crate::capture) const TIME_MS_MAX: u32 = 0;

/// What a receiver is told.
#[cfg(feature = "native")]
pub(in crate::capture) struct Crash {
    pub(in crate::capture) pid: u32,
    pub(in crate::capture) thread: u32,
    pub(in crate::capture) info: u64,
    pub(in crate::capture) context: u64,
    pub(in crate::capture) id: [u8; 16],
}

#[cfg(feature = "native")]
pub(in crate::capture) fn dump(crash: &Crash) -> Option<&'static str> {
    let _ = (crash.pid, crash.thread, crash.info, crash.context, crash.id);
    None
}

#[cfg(feature = "native")]
pub(in crate::capture) fn withdraw() {}

/// Why there will be no dumps.
pub(in crate::capture) fn refusal(_: &Path) -> Option<String> {
    Some(
        "out_of_process: Unsupported in this build, which needs the feature `out-of-process` and Linux on x86-64 or \
         aarch64; a crash keeps the stack of its own thread"
            .into(),
    )
}

pub(in crate::capture) fn prepare(_: &Path, _: &Path) {}

/// Writes the dump and ends, in a process that was started for that.
pub(in crate::capture) fn attend() {}

/// Nothing can start this process as a receiver here: returns at once.
#[cfg(feature = "out-of-process")]
pub fn receive_crash() {}
