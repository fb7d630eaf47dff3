//! What the engine counts about itself: these numbers never travel through the capture path.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::limits;
use crate::event::wire::{Encoder, Field};

/// Captures that found no vault to write to.
pub(super) static LOST_WITHOUT_VAULT: AtomicU64 = AtomicU64::new(0);

#[derive(Default)]
pub(super) struct Counts {
    pub(super) captured: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) sampled: AtomicU64,
    pub(super) refused: AtomicU64,
    /// What of throttled, sampled and refused has been written down.
    written: [AtomicU64; 3],
}

impl Counts {
    /// Throttled, sampled, refused.
    pub(super) fn suppressed(&self) -> [&AtomicU64; 3] {
        [&self.throttled, &self.sampled, &self.refused]
    }

    /// The body of a counts frame: keyed decimal numbers, what was added since the last one. Says what was added.
    pub(super) fn encode_new(&self, body: &mut Vec<u8>) -> [u64; 3] {
        let mut encoder = Encoder::new(body);
        let counts = [
            ("throttled", &self.throttled),
            ("sampled", &self.sampled),
            ("refused", &self.refused),
        ];
        let mut all_added = [0; 3];
        for (at, (key, count)) in counts.into_iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            let added = count.saturating_sub(self.written[at].fetch_max(count, Ordering::Relaxed));
            if added > 0 {
                encoder.keyed(Field::Tag as u8, key, added.to_string().as_bytes());
            }
            all_added[at] = added;
        }
        all_added
    }

    /// Takes back what [`Counts::encode_new`] took for written.
    pub(super) fn not_written(&self, added: [u64; 3]) {
        for (written, added) in self.written.iter().zip(added) {
            written.fetch_sub(added, Ordering::Relaxed);
        }
    }
}

/// How capturing goes in this process.
///
/// Numbers count since `install()`, or since the fork in a forked child.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Events on disk (or, with `async`, about to be).
    pub captured_count: u64,
    /// Captures thinned out of floods.
    pub throttled_count: u64,
    /// Captures left out by the sample rate.
    pub sampled_count: u64,
    /// Events that `before_send` dropped.
    pub refused_count: u64,
    /// Events that could not be written.
    pub lost_count: u64,
    /// Why the last one was lost, and what to do.
    pub last_failure: Option<String>,
}

/// What `install()` tells: where the vault is and how it goes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Installed {
    pub(super) vault: Option<PathBuf>,
    pub(super) note: Option<String>,
    pub(super) is_first: bool,
}

impl Installed {
    /// The vault's directory; `None` if no place can be written, and then nothing is captured.
    pub fn vault(&self) -> Option<&Path> {
        self.vault.as_deref()
    }

    /// What is not as it should be: a fallback in use, settings that could not be read.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// False if an earlier call had installed Crashvault already; that one's options stay in force.
    pub fn is_first(&self) -> bool {
        self.is_first
    }
}

/// How capturing goes; all zero before `install()`.
pub fn health() -> Health {
    let collecting = super::local::collector().engine();
    let Some(engine) = collecting.or_else(super::engine::installed) else {
        return Health::default();
    };
    let lost_without_vault = match collecting {
        None => LOST_WITHOUT_VAULT.load(Ordering::Relaxed),
        Some(_) => 0,
    };
    let Some(state) = engine.state() else {
        let failure = engine
            .wiring
            .note
            .clone()
            .unwrap_or_else(|| "there is no vault to write to".into());
        return Health {
            lost_count: lost_without_vault,
            last_failure: Some(failure),
            ..Health::default()
        };
    };
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (lost_count, errno) = state.journal.losses();
    Health {
        captured_count: load(&state.counts.captured),
        throttled_count: load(&state.counts.throttled),
        sampled_count: load(&state.counts.sampled),
        refused_count: load(&state.counts.refused),
        lost_count: lost_count + lost_without_vault,
        last_failure: (errno != 0).then(|| explain(errno, state.journal.directory())),
    }
}

fn explain(errno: u32, directory: &Path) -> String {
    let error = std::io::Error::from_raw_os_error(errno as i32);
    let hint = crate::journal::write_failure_hint(errno);
    limits::cut(
        &format!("cannot write {}: {error}; {hint}", directory.display()),
        limits::MESSAGE_BYTES_MAX,
    )
    .into_owned()
}
