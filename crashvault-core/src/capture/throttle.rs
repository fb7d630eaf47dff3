//! Floods: the first of each kind in full, then a trickle, the rest counted. Decided before any stack is walked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::time::Timestamp;

/// Captures of one key that are kept before the trickle begins.
const FULL_COUNT: u32 = 50;
/// Captures of one key a second that are kept after that, and the most that are saved up.
const TRICKLE_PER_SECOND: i64 = 5;
const NANOS_PER_TOKEN: i64 = 1_000_000_000 / TRICKLE_PER_SECOND;
/// Keys remembered in each of two halves; the older half is forgotten when the newer one is full.
const KEYS_PER_HALF: usize = 2048;

/// What was decided about one capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Keep it; it is the first of its key.
    First,
    /// Keep it.
    Repeat,
    /// Count it.
    Throttled,
}

#[derive(Default)]
pub(super) struct Throttle(Mutex<Halves>);

#[derive(Default)]
struct Halves {
    newer: HashMap<u64, Bucket>,
    older: HashMap<u64, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    seen_count: u32,
    /// When the next token is due, in nanoseconds.
    due: i64,
}

impl Throttle {
    pub(super) fn judge(&self, key: u64, now: Timestamp) -> Verdict {
        let mut halves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        halves.bucket(key).judge(now.as_nanos())
    }
}

impl Halves {
    fn bucket(&mut self, key: u64) -> &mut Bucket {
        if self.newer.len() >= KEYS_PER_HALF && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        let older = &mut self.older;
        self.newer.entry(key).or_insert_with(|| {
            older.remove(&key).unwrap_or(Bucket {
                seen_count: 0,
                due: i64::MIN,
            })
        })
    }
}

impl Bucket {
    fn judge(&mut self, now: i64) -> Verdict {
        self.seen_count = self.seen_count.saturating_add(1);
        if self.seen_count <= FULL_COUNT {
            self.due = now;
            return if self.seen_count == 1 {
                Verdict::First
            } else {
                Verdict::Repeat
            };
        }
        // A clock that jumped back must not silence a key until it has caught up.
        let latest_due = now.saturating_add(NANOS_PER_TOKEN);
        let earliest_due = now.saturating_sub(1_000_000_000);
        self.due = self.due.clamp(earliest_due, latest_due);
        if self.due.saturating_add(NANOS_PER_TOKEN) > now {
            return Verdict::Throttled;
        }
        self.due += NANOS_PER_TOKEN;
        Verdict::Repeat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(throttle: &Throttle, key: u64, count: usize, second: f64) -> usize {
        let now = Timestamp::from_secs_f64(second).unwrap();
        (0..count)
            .filter(|_| throttle.judge(key, now) != Verdict::Throttled)
            .count()
    }

    #[test]
    fn fifty_are_kept_then_five_a_second() {
        let throttle = Throttle::default();
        assert_eq!(kept(&throttle, 1, 1000, 100.0), 50);
        assert_eq!(kept(&throttle, 1, 1000, 101.0), 5);
        assert_eq!(kept(&throttle, 1, 1000, 101.2), 1);
        assert_eq!(kept(&throttle, 1, 1000, 900.0), 5);
    }

    #[test]
    fn keys_do_not_share() {
        let throttle = Throttle::default();
        assert_eq!(kept(&throttle, 1, 60, 1.0), 50);
        assert_eq!(kept(&throttle, 2, 60, 1.0), 50);
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_silence() {
        let throttle = Throttle::default();
        kept(&throttle, 1, 100, 1e6);
        assert_eq!(kept(&throttle, 1, 10, 10.0), 0);
        assert!(kept(&throttle, 1, 10, 11.0) >= 3);
    }

    #[test]
    fn many_keys_stay_bounded_and_hot_ones_are_remembered() {
        let throttle = Throttle::default();
        kept(&throttle, 7, 60, 1.0);
        for key in 1000..1000 + 10 * KEYS_PER_HALF as u64 {
            throttle.judge(key, Timestamp::from_nanos(1_000_000_000));
            assert_eq!(
                throttle.judge(7, Timestamp::from_nanos(1_000_000_000)),
                Verdict::Throttled
            );
        }
        let halves = throttle.0.lock().unwrap();
        assert!(halves.newer.len() + halves.older.len() <= 2 * KEYS_PER_HALF);
    }
}
