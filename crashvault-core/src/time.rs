//! Enters: the system's clock, or one the host injects. Leaves: [`Timestamp`]s.
//!
//! Never: reads time zones, sleeps, or compares clocks of two machines.

mod written;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(feature = "store")]
pub(crate) use written::{moment, span_secs};

/// A moment in UTC, in nanoseconds since 1970-01-01T00:00:00Z (years 1677 to 2262).
///
/// ```
/// use crashvault::Timestamp;
/// let t = Timestamp::parse("2026-01-05T10:00:00.25Z").unwrap();
/// assert_eq!(t.to_string(), "2026-01-05T10:00:00.25Z");
/// assert_eq!(t.as_secs(), 1_767_607_200);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From seconds since the epoch, rounded to microseconds (a double holds no more at today's dates).
    ///
    /// `None` for values that are not finite or outside the representable years.
    pub fn from_secs_f64(secs: f64) -> Option<Self> {
        let micros = (secs * 1e6).round();
        (micros.is_finite() && micros.abs() < 9.2e15).then(|| Self(micros as i64 * 1000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The system clock's time.
    pub fn now() -> Self {
        let nanos = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n),
        };
        Self(nanos)
    }

    /// Reads RFC 3339 / ISO 8601 with an offset or `Z`; without either it is taken as UTC, as SDKs mean it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let nanos = match text.parse::<jiff::Timestamp>() {
            Ok(timestamp) => timestamp.as_nanosecond(),
            Err(_) => format!("{text}Z")
                .parse::<jiff::Timestamp>()
                .ok()?
                .as_nanosecond(),
        };
        i64::try_from(nanos).ok().map(Self)
    }

    /// The moment `seconds` later (earlier if negative), kept within the representable years.
    #[must_use]
    pub const fn saturating_add_secs(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000_000)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

/// Where the engine reads the time. Inject one for exact tests.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The system's clock; the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is told to move. Clones share one hand.
///
/// ```
/// use crashvault::{Clock, FixedClock};
/// let clock = FixedClock::at("2026-01-05T10:00:00Z").unwrap();
/// clock.advance_secs(60);
/// assert_eq!(clock.now().to_string(), "2026-01-05T10:01:00Z");
/// ```
#[derive(Clone, Debug)]
pub struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    /// A clock that shows `text` (RFC 3339); `None` if it cannot be read.
    pub fn at(text: &str) -> Option<Self> {
        Timestamp::parse(text).map(|t| Self(Arc::new(AtomicI64::new(t.as_nanos()))))
    }

    /// Moves the clock; negative values move it back.
    pub fn advance_secs(&self, seconds: i64) {
        self.0
            .fetch_add(seconds.saturating_mul(1_000_000_000), Ordering::Relaxed);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(Timestamp::parse(text).unwrap().to_string(), expected);
    }

    #[test]
    fn python_writes_microseconds() {
        check("2026-11-22T10:00:00.123456Z", "2026-11-22T10:00:00.123456Z");
    }

    #[test]
    fn an_offset_becomes_utc() {
        check("2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00Z");
    }

    #[test]
    fn a_missing_zone_is_utc() {
        check("2026-11-22T10:00:00", "2026-11-22T10:00:00Z");
    }

    #[test]
    fn a_float_keeps_microseconds() {
        let t = Timestamp::from_secs_f64(1_795_354_980.999_249).unwrap();
        assert_eq!(t.as_nanos(), 1_795_354_980_999_249_000);
    }

    #[test]
    fn nonsense_is_none() {
        assert!(Timestamp::parse("yesterday").is_none());
        assert!(Timestamp::from_secs_f64(f64::NAN).is_none());
        assert!(Timestamp::from_secs_f64(1e300).is_none());
    }
}
