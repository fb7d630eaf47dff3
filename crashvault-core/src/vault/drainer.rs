//! The installed process's own drainer: a thread that starts about a second after a capture and sleeps otherwise.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
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
}

static CONFIG: OnceLock<Config> = OnceLock::new();
/// Something was written since the last pass.
static IS_DUE: AtomicBool = AtomicBool::new(false);
/// The fork generation whose thread runs, plus one; 0 while none runs.
static RUNNING: AtomicU64 = AtomicU64::new(0);
static THREAD: std::sync::Mutex<Option<Thread>> = std::sync::Mutex::new(None);

pub(super) fn configure(home: PathBuf, clock: Arc<dyn Clock>) {
    let _ = CONFIG.set(Config { home, clock });
}

/// Called after each written frame; costs one read while a pass is due already.
pub(super) fn wake() {
    if IS_DUE.load(Ordering::Relaxed) || IS_DUE.swap(true, Ordering::AcqRel) {
        return;
    }
    let generation = capture::fork_generation() + 1;
    let running = RUNNING.load(Ordering::Acquire);
    if running == generation {
        // Not waited for: the thread holds it only to put itself there.
        if let Ok(thread) = THREAD.try_lock()
            && let Some(thread) = thread.as_ref()
        {
            thread.unpark();
        }
        return;
    }
    if RUNNING
        .compare_exchange(running, generation, Ordering::AcqRel, Ordering::Relaxed)
        .is_err()
    {
        return;
    }
    let spawned = std::thread::Builder::new()
        .name("crashvault-drain".into())
        .spawn(run);
    match spawned {
        Ok(handle) => {
            if let Ok(mut thread) = THREAD.try_lock() {
                *thread = Some(handle.thread().clone());
            }
        }
        Err(_) => RUNNING.store(0, Ordering::Release),
    }
}

fn run() {
    capture::mark_own_thread();
    let Some(config) = CONFIG.get() else { return };
    let mut vault = None;
    loop {
        std::thread::sleep(DELAY);
        if IS_DUE.swap(false, Ordering::AcqRel) {
            pass(config, &mut vault);
            continue;
        }
        // Idle: the caches of binaries and the database go, so that a quiet host carries nothing.
        vault = None;
        std::thread::park_timeout(IDLE_MAX);
        if !IS_DUE.load(Ordering::Acquire) {
            RUNNING.store(0, Ordering::Release);
            // Something may have come between the look and giving up the post.
            if !IS_DUE.load(Ordering::Acquire)
                || RUNNING.swap(capture::fork_generation() + 1, Ordering::AcqRel) != 0
            {
                return;
            }
        }
    }
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
