//! How much a report does in one call, and what it needs of the world beside the network.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crashvault::{Clock, SystemClock, Timestamp};

use crate::outcome::ReportOutcome;

/// How soon a wait notices that it is to stop.
const NAP: Duration = Duration::from_millis(50);

/// How to report. Every call is bounded by events, bytes and time.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReportOptions {
    /// Events that are sent at most. Default: 10,000.
    pub events_max: u64,
    /// Bytes, as they go over the wire, from which on nothing more is begun. Default: 1 GiB.
    pub bytes_max: u64,
    /// How long the call goes on, waiting included; a request that is under way ends first. Default: 10 minutes.
    pub time_max: Duration,
    /// The longest wait that is sat out; a longer one ends the call. Default: 2 minutes.
    pub wait_max: Duration,
    /// How long one request may take. Default: 2 minutes.
    pub request_time_max: Duration,
    /// How often in a row a request is tried that gets no answer, or one of a collector in trouble. Default: 4.
    pub tries_max: u32,
    /// Bytes of all attachments of an event together; those that are more are left out. Default: 20 MiB.
    pub attachments_bytes_max: u64,
    /// Whether dumps of memory are sent, which nobody has looked through for secrets. Default: no.
    pub has_dumps: bool,
    /// Only events that happened since then: an age as `7d`, a date or a time, as in a search. Older ones are passed
    /// over for good. Default: all.
    pub since: Option<String>,
    /// Whether it begins with the first event again, whatever was sent before. Default: no.
    pub is_anew: bool,
    /// Whether it only counts what it would send. Default: no.
    pub is_dry_run: bool,
    pub(crate) clock: Arc<dyn Clock>,
    wait: Option<Arc<dyn Fn(Duration) + Send + Sync>>,
    chance: Arc<dyn Fn() -> f64 + Send + Sync>,
    is_stopped: Arc<dyn Fn() -> bool + Send + Sync>,
    progress: Arc<dyn Fn(&ReportOutcome) + Send + Sync>,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            events_max: 10_000,
            bytes_max: 1 << 30,
            time_max: Duration::from_secs(600),
            wait_max: Duration::from_secs(120),
            request_time_max: Duration::from_secs(120),
            tries_max: 4,
            attachments_bytes_max: 20 << 20,
            has_dumps: false,
            since: None,
            is_anew: false,
            is_dry_run: false,
            clock: Arc::new(SystemClock),
            wait: None,
            chance: Arc::new(chance),
            is_stopped: Arc::new(|| false),
            progress: Arc::new(|_| ()),
        }
    }
}

impl fmt::Debug for ReportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportOptions")
            .field("events_max", &self.events_max)
            .field("bytes_max", &self.bytes_max)
            .field("time_max", &self.time_max)
            .field("since", &self.since)
            .field("is_dry_run", &self.is_dry_run)
            .finish_non_exhaustive()
    }
}

impl ReportOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many events.
    #[must_use]
    pub fn events_max(mut self, count: u64) -> Self {
        self.events_max = count;
        self
    }

    /// Nothing is begun after so many bytes.
    #[must_use]
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        self.bytes_max = bytes;
        self
    }

    /// No longer than this.
    #[must_use]
    pub fn time_max(mut self, time: Duration) -> Self {
        self.time_max = time;
        self
    }

    /// The longest wait that is sat out.
    #[must_use]
    pub fn wait_max(mut self, time: Duration) -> Self {
        self.wait_max = time;
        self
    }

    /// How long one request may take.
    #[must_use]
    pub fn request_time_max(mut self, time: Duration) -> Self {
        self.request_time_max = time;
        self
    }

    /// How often in a row a request is tried; once at least.
    #[must_use]
    pub fn tries_max(mut self, count: u32) -> Self {
        self.tries_max = count;
        self
    }

    /// At most so many bytes of attachments with an event; 0 for none.
    #[must_use]
    pub fn attachments_bytes_max(mut self, bytes: u64) -> Self {
        self.attachments_bytes_max = bytes;
        self
    }

    /// Whether dumps of memory are sent.
    #[must_use]
    pub fn dumps(mut self, on: bool) -> Self {
        self.has_dumps = on;
        self
    }

    /// Only events that happened since then.
    #[must_use]
    pub fn since(mut self, text: impl Into<String>) -> Self {
        self.since = Some(text.into());
        self
    }

    /// Whether it begins with the first event again.
    #[must_use]
    pub fn anew(mut self, on: bool) -> Self {
        self.is_anew = on;
        self
    }

    /// Whether it only counts.
    #[must_use]
    pub fn dry_run(mut self, on: bool) -> Self {
        self.is_dry_run = on;
        self
    }

    /// Where the time comes from. For tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What is done instead of sleeping. For tests, and for hosts that do something meanwhile.
    #[must_use]
    pub fn wait(mut self, wait: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.wait = Some(Arc::new(wait));
        self
    }

    /// Where the chance comes from that waits are shortened by: from 0.0 to 1.0. For tests.
    #[must_use]
    pub fn chance(mut self, chance: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.chance = Arc::new(chance);
        self
    }

    /// Asked before each request, and 20 times a second while it waits: whether to end here. What was sent is kept.
    #[must_use]
    pub fn stop_when(mut self, is_stopped: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.is_stopped = Arc::new(is_stopped);
        self
    }

    /// Told how far it is, after each event and before each wait.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(&ReportOutcome) + Send + Sync + 'static) -> Self {
        self.progress = Arc::new(progress);
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn is_to_stop(&self) -> bool {
        (self.is_stopped)()
    }

    pub(crate) fn tell(&self, outcome: &ReportOutcome) {
        (self.progress)(outcome);
    }

    /// A part of that time by chance, so that those who failed together do not come back together.
    pub(crate) fn part_of(&self, time: Duration) -> Duration {
        time.mul_f64((self.chance)().clamp(0.0, 1.0))
    }

    pub(crate) fn wait_for(&self, mut time: Duration) {
        if let Some(wait) = &self.wait {
            return wait(time);
        }
        while !time.is_zero() && !self.is_to_stop() {
            let nap = time.min(NAP);
            std::thread::sleep(nap);
            time -= nap;
        }
    }
}

/// What the standard library seeds its maps with is chance enough for a wait.
fn chance() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let bits = RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_differ_and_lie_within_bounds() {
        let chances: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert!(chances.iter().any(|chance| *chance != chances[0]));
    }
}
