//! Enters: what a collector's headers say about when to send again. Leaves: until when, by kind of data.
//!
//! Never: reads a clock or waits.

use std::collections::BTreeMap;

use crashvault::Timestamp;

/// Where a collector says that it wants none, and not for how long.
pub(crate) const PAUSE_SECS_DEFAULT: u64 = 60;
/// Quotas are counted by the month; what says more is a slip.
const PAUSE_SECS_MAX: u64 = 31 * 24 * 3600;
/// Limits in one header.
const LIMITS_MAX: usize = 50;
/// Bytes of a kind's name.
const KIND_BYTES_MAX: usize = 64;

/// All kinds of data.
pub(crate) const ALL: &str = "";
/// Events.
pub(crate) const ERROR: &str = "error";
/// Attachments.
pub(crate) const ATTACHMENT: &str = "attachment";

/// Until when a collector wants none of a kind of data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pauses(pub(crate) BTreeMap<String, Timestamp>);

impl Pauses {
    /// Where two are told the longer one counts.
    pub(crate) fn add(&mut self, kind: &str, until: Timestamp) {
        let known = self.0.entry(kind.to_owned()).or_insert(until);
        *known = until.max(*known);
    }

    /// Until when a kind is not wanted, alone or with all others; `None` if it is now.
    pub(crate) fn until(&self, kind: &str, now: Timestamp) -> Option<Timestamp> {
        let both = [ALL, kind].into_iter();
        let told = both.filter_map(|kind| self.0.get(kind).copied());
        told.filter(|until| *until > now).max()
    }

    pub(crate) fn forget_past(&mut self, now: Timestamp) {
        self.0.retain(|_, until| *until > now);
    }

    /// What `X-Sentry-Rate-Limits` says: `60:error;attachment:organization, 2700::key`.
    pub(crate) fn add_limits(&mut self, header: &str, now: Timestamp) {
        for limit in header.split(',').take(LIMITS_MAX) {
            let mut parts = limit.trim().split(':');
            let Some(seconds) = parts.next().filter(|seconds| !seconds.is_empty()) else {
                continue;
            };
            let until = after(now, seconds_of(seconds).unwrap_or(PAUSE_SECS_DEFAULT));
            let kinds = parts.next().unwrap_or_default().split(';').map(str::trim);
            for kind in kinds.filter(|kind| kind.len() <= KIND_BYTES_MAX) {
                self.add(kind, until);
            }
        }
    }
}

/// The time so many seconds later.
pub(crate) fn after(now: Timestamp, seconds: u64) -> Timestamp {
    // Bounded above.
    now.saturating_add_secs(seconds.min(PAUSE_SECS_MAX) as i64)
}

/// What `Retry-After` says: seconds, or a date.
pub(crate) fn retry_after(header: &str, now: Timestamp) -> Timestamp {
    let header = header.trim();
    let latest = after(now, PAUSE_SECS_MAX);
    match (seconds_of(header), date(header)) {
        (Some(seconds), _) => after(now, seconds),
        (None, Some(date)) => date.min(latest),
        (None, None) => after(now, PAUSE_SECS_DEFAULT),
    }
}

/// Whole seconds, rounded up: some write a fraction.
fn seconds_of(text: &str) -> Option<u64> {
    let seconds: f64 = text.trim().parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then(|| seconds.ceil() as u64)
}

/// A date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_whitespace().skip(1);
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    (zone == "GMT").then(|| Timestamp::parse(&format!("{year}-{month:02}-{day:0>2}T{time}Z")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-01-05T10:00:00Z").unwrap()
    }

    /// Seconds until each kind is wanted again.
    fn check(header: &str, expected: &[(&str, i64)]) {
        let mut pauses = Pauses::default();
        pauses.add_limits(header, now());
        let found = pauses.0.iter();
        let found: Vec<_> = found
            .map(|(kind, until)| (kind.as_str(), until.as_secs() - now().as_secs()))
            .collect();
        assert_eq!(found, expected, "{header}");
    }

    fn check_retry(header: &str, seconds: i64) {
        let until = retry_after(header, now());
        assert_eq!(until.as_secs() - now().as_secs(), seconds, "{header}");
    }

    #[test]
    fn limits_are_by_kind() {
        check("60:error:organization", &[("error", 60)]);
        check(
            "60:error;transaction:key, 2700:attachment:organization:quota",
            &[("attachment", 2700), ("error", 60), ("transaction", 60)],
        );
    }

    #[test]
    fn a_limit_without_a_kind_is_for_all() {
        check("5::organization", &[("", 5)]);
        check("5", &[("", 5)]);
    }

    #[test]
    fn of_two_limits_the_longer_counts() {
        check("60:error:key,10:error:project", &[("error", 60)]);
        check("10:error:key,60:error:project", &[("error", 60)]);
    }

    #[test]
    fn what_cannot_be_read_is_a_minute() {
        check("soon:error", &[("error", 60)]);
        check("-1:error", &[("error", 60)]);
        check("NaN:error", &[("error", 60)]);
        check("", &[]);
        check(" , ", &[]);
        check_retry("later", 60);
        check_retry("", 60);
    }

    #[test]
    fn a_second_that_began_counts() {
        check("0.2:error", &[("error", 1)]);
        check_retry("1.5", 2);
    }

    #[test]
    fn a_pause_has_an_end() {
        check("1e300:error", &[("error", 31 * 24 * 3600)]);
        check_retry("99999999999", 31 * 24 * 3600);
        check_retry("Sun, 06 Nov 2094 08:49:37 GMT", 31 * 24 * 3600);
    }

    #[test]
    fn a_date_is_read() {
        check_retry("Mon, 05 Jan 2026 10:02:03 GMT", 123);
        check_retry("Mon, 5 Jan 2026 10:02:03 GMT", 123);
        check_retry("Mon, 05 Jan 2026 10:02:03 CET", 60);
    }

    #[test]
    fn a_kind_waits_for_its_own_and_for_all() {
        let mut pauses = Pauses::default();
        pauses.add_limits("10:error:key, 20::key, 30:attachment:key", now());
        assert_eq!(pauses.until(ERROR, now()), Some(after(now(), 20)));
        assert_eq!(pauses.until(ATTACHMENT, now()), Some(after(now(), 30)));
        assert_eq!(pauses.until(ERROR, after(now(), 20)), None);
    }
}
