//! Notices a good end of the process: `exit`, the end of `main`, and the signals that ask a program to end.
//!
//! Never: changes how the process ends, or takes a signal that somebody else handles or ignores.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::super::engine;
use crate::journal::Mark;

/// Whether a good end of the process is noticed.
pub(crate) const SEES_EXIT: bool = true;

/// Whoever is sent one of these was asked to go; it did not crash.
const REQUESTS: [c_int; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGPIPE];

static IS_WATCHING: AtomicBool = AtomicBool::new(false);

/// From now on a process that ends in the usual way leaves its mark.
pub(crate) fn watch_exit() {
    if IS_WATCHING.swap(true, Ordering::SeqCst) {
        return;
    }
    // SAFETY: a static function.
    unsafe { libc::atexit(at_exit) };
    watch_requests();
}

/// Again, where the host gave signals back to the system: servers do before they end themselves by the one they were sent.
pub(crate) fn watch_requests() {
    if IS_WATCHING.load(Ordering::SeqCst) {
        REQUESTS.into_iter().for_each(watch_request);
    }
}

extern "C" fn at_exit() {
    engine::note_exit();
}

/// Only where the signal would end the process: whoever handles or ignores it knows what to do.
fn watch_request(signal: c_int) {
    // SAFETY: an all-zero sigaction is valid, and both calls read or write the structures they are given.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &mut action) != 0
            || action.sa_sigaction != libc::SIG_DFL
        {
            return;
        }
        action.sa_sigaction = asked as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

extern "C" fn asked(signal: c_int) {
    // SAFETY: only async-signal-safe calls with valid structures; errno is given back as it was found.
    unsafe {
        let errno = *libc::__errno_location();
        let mut present: libc::sigaction = std::mem::zeroed();
        let is_asked = libc::sigaction(signal, std::ptr::null(), &mut present) == 0;
        let is_ours = is_asked && present.sa_sigaction == asked as *const () as usize;
        // Another handler that came after ours and calls it: the host decides what follows. Programs take SIGHUP for
        // other requests than to end.
        if (is_ours || signal == libc::SIGTERM || signal == libc::SIGINT)
            && let Some(place) = engine::place()
        {
            place.put_mark(Mark::Asked);
        }
        if is_ours {
            present.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(signal, &present, std::ptr::null_mut());
            // Delivered when this handler returns, as the signal is blocked until then.
            libc::raise(signal);
        }
        *libc::__errno_location() = errno;
    }
}
