//! The installed process's own drainer: a thread that starts about a second after a capture and sleeps otherwise.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use super::door::Vault;
use crate::capture;
use crate::time::Clock;

/// Captures come in bursts; waiting a little makes one pass of many.
const DELAY: Duration = Duration::from_secs(1);
/// How long a drainer that found nothing to do waits before it gives its thread back.
const IDLE_MAX: Duration = Duration::from_secs(30);

struct Config {
    home: PathBuf,
    clock: Arc<dyn Clock>,
    /// Only the process that was installed drains: SQLite must not be used on both sides of a fork.
    generation: u64,
}

static CONFIG: OnceLock<Config> = OnceLock::new();
/// Something was written since the last pass.
static IS_DUE: AtomicBool = AtomicBool::new(false);
/// Somebody has the post: a thread that will look at [`IS_DUE`] again before it gives the post up.
static IS_RUNNING: AtomicBool = AtomicBool::new(false);
static THREAD: Mutex<Option<Thread>> = Mutex::new(None);

pub(super) fn configure(home: PathBuf, clock: Arc<dyn Clock>) {
    let _ = CONFIG.set(Config {
        home,
        clock,
        generation: capture::fork_generation(),
    });
}

/// Called after each written frame; costs one read while a pass is due already.
///
/// Whoever makes a pass due sees to a thread; the thread, after giving up the post, looks whether one is due. One total
/// order of these four steps (`SeqCst`) makes sure that at least one of the two sees the other.
pub(super) fn wake() {
    if IS_DUE.load(Ordering::Relaxed) {
        return;
    }
    let is_own = CONFIG
        .get()
        .is_some_and(|config| config.generation == capture::fork_generation());
    if !is_own || IS_DUE.swap(true, Ordering::SeqCst) {
        return;
    }
    if IS_RUNNING.swap(true, Ordering::SeqCst) {
        // Not waited for: the thread holds it only to put itself there.
        if let Ok(thread) = THREAD.try_lock()
            && let Some(thread) = thread.as_ref()
        {
            thread.unpark();
        }
        return;
    }
    let spawned = std::thread::Builder::new()
        .name("crashvault-drain".into())
        .spawn(run);
    if spawned.is_err() {
        IS_RUNNING.store(false, Ordering::SeqCst);
        // The next capture tries again.
        IS_DUE.store(false, Ordering::SeqCst);
    }
}

fn run() {
    capture::mark_own_thread();
    let Some(config) = CONFIG.get() else { return };
    *THREAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
    let mut vault = None;
    loop {
        std::thread::sleep(DELAY);
        capture::write_counts();
        if IS_DUE.swap(false, Ordering::SeqCst) {
            pass(config, &mut vault);
            continue;
        }
        // Idle: the caches of binaries and the database go, so that a quiet host carries nothing.
        vault = None;
        std::thread::park_timeout(IDLE_MAX);
        if !IS_DUE.load(Ordering::SeqCst) && has_left() {
            return;
        }
    }
}

/// Gives up the post, unless something came meanwhile and nobody else took it.
fn has_left() -> bool {
    IS_RUNNING.store(false, Ordering::SeqCst);
    !IS_DUE.load(Ordering::SeqCst) || IS_RUNNING.swap(true, Ordering::SeqCst)
}

/// A failure is left to the next reader, who will meet it and say so; the events are safe in the journal.
fn pass(config: &Config, vault: &mut Option<Vault>) {
    if vault.is_none() {
        *vault = Vault::options()
            .clock_shared(Arc::clone(&config.clock))
            .open(&config.home)
            .ok();
    }
    if let Some(open) = vault
        && open.drain_all().is_err()
    {
        *vault = None;
    }
}
