//! Keeps our use of the loader's lock, and of the platform unwinder's, out of the moment of a fork.
//!
//! A lock that another thread holds while the process forks stays closed in the child for ever. Captures pass through
//! here on their way to such locks; a fork waits until nobody is inside.
//!
//! Never: waits without end. It cannot help against a host whose own thread holds the loader's lock (in the middle of
//! `dlopen`) while another one forks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// Forks under way: the C library lets several threads be between their handlers.
static FORKING: AtomicUsize = AtomicUsize::new(0);

/// A fork is held up no longer than this by captures.
const FORK_WAIT_MAX: Duration = Duration::from_millis(100);
/// A capture is held up no longer than this by forks; copying a large process takes its time.
const CAPTURE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Being inside; ends with the value.
struct Pass {
    generation: u64,
}

impl Pass {
    fn enter() -> Self {
        let generation = super::fork_generation();
        // Either this is seen by the fork or the fork is seen here: both write before they look.
        INSIDE.fetch_add(1, Ordering::SeqCst);
        if FORKING.load(Ordering::SeqCst) != 0 {
            wait_for_forks();
        }
        Self { generation }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // A fork out of a signal handler may have come between; the child began to count anew.
        if self.generation == super::fork_generation() {
            INSIDE.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[cold]
fn wait_for_forks() {
    let begun = Instant::now();
    while FORKING.load(Ordering::SeqCst) != 0 && begun.elapsed() < CAPTURE_WAIT_MAX {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
        while FORKING.load(Ordering::SeqCst) != 0 && begun.elapsed() < CAPTURE_WAIT_MAX {
            std::thread::yield_now();
        }
        INSIDE.fetch_add(1, Ordering::SeqCst);
    }
}

/// Does `work`, which takes locks of the C library or the unwinder, while no fork is under way.
pub(crate) fn outside_forks<R>(work: impl FnOnce() -> R) -> R {
    let _pass = Pass::enter();
    work()
}

pub(super) extern "C" fn before_fork() {
    FORKING.fetch_add(1, Ordering::SeqCst);
    let begun = Instant::now();
    while INSIDE.load(Ordering::SeqCst) != 0 && begun.elapsed() < FORK_WAIT_MAX {
        std::thread::yield_now();
    }
}

pub(super) extern "C" fn after_fork_in_parent() {
    FORKING.fetch_sub(1, Ordering::SeqCst);
}

/// In the child there is one thread, and it is outside.
pub(super) fn reset_in_child() {
    INSIDE.store(0, Ordering::SeqCst);
    FORKING.store(0, Ordering::SeqCst);
}
