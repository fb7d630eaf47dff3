//! Times and spans as people write them → moments. In queries, settings and options one text means one thing.
//!
//! Never: guesses. What is no time is `None`.

use std::ops::RangeInclusive;

use super::Timestamp;

const SECOND: i64 = 1_000_000_000;
const DAY_SECS: i64 = 86_400;
/// A span to a moment is at most a century: what is longer is a slip.
const SPAN_SECS_MAX: i64 = 100 * 365 * DAY_SECS;
/// Bytes of `2026-01-05`.
const DATE_BYTES: usize = 10;

/// The seconds of a span such as `30d`; its unit is s, m, h, d or w. Spans are at most 2³² - 1 of their unit.
pub(crate) fn span_secs(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => DAY_SECS,
        'w' => 7 * DAY_SECS,
        _ => return None,
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: u32 = is_number.then(|| digits.parse().ok())??;
    Some(i64::from(count) * seconds)
}

/// What a written time covers: a date its whole day, a time without seconds its minute, one without a fraction its
/// second. What names no zone is in UTC.
pub(crate) fn moment(text: &str) -> Option<RangeInclusive<i64>> {
    let (date, rest) = text.split_at_checked(DATE_BYTES)?;
    let Some(clock) = rest.strip_prefix(['T', 't', ' ']) else {
        let zone = if rest.is_empty() { "Z" } else { rest };
        return covered(&format!("{date}T00:00:00{zone}"), DAY_SECS * SECOND);
    };
    let zone = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone);
    let zone = if zone.is_empty() { "Z" } else { zone };
    let length = match clock.matches(':').count() {
        _ if clock.contains('.') => 1,
        1 => 60 * SECOND,
        _ => SECOND,
    };
    covered(&format!("{date}T{clock}{zone}"), length)
}

fn covered(text: &str, length: i64) -> Option<RangeInclusive<i64>> {
    let first = Timestamp::parse(text)?.as_nanos();
    Some(first..=first.saturating_add(length - 1))
}

impl Timestamp {
    /// The moment that a text names: a span such as `30d` (s, m, h, d, w; above nothing, a century at most) before `now`,
    /// or a date (its beginning) or a time, in UTC or the zone behind it. A date may lie ahead of `now`.
    ///
    /// ```
    /// use crashvault::Timestamp;
    /// let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
    /// let told = |text| Timestamp::ago(text, now).map(|time| time.to_string());
    /// assert_eq!(told("2d").unwrap(), "2026-01-03T10:00:00Z");
    /// assert_eq!(told("2025-12-24").unwrap(), "2025-12-24T00:00:00Z");
    /// assert_eq!(told("yesterday"), None);
    /// ```
    pub fn ago(text: &str, now: Self) -> Option<Self> {
        Self::beside(text, now, -1)
    }

    /// As [`Timestamp::ago`], but a span is one after `now`.
    pub fn ahead(text: &str, now: Self) -> Option<Self> {
        Self::beside(text, now, 1)
    }

    fn beside(text: &str, now: Self, direction: i64) -> Option<Self> {
        match span_secs(text) {
            Some(seconds) => (1..=SPAN_SECS_MAX)
                .contains(&seconds)
                .then(|| now.saturating_add_secs(direction * seconds)),
            None => moment(text).map(|range| Self::from_nanos(*range.start())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, ago: Option<&str>, ahead: Option<&str>) {
        let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        let told = |found: Option<Timestamp>| found.map(|time| time.to_string());
        assert_eq!(told(Timestamp::ago(text, now)).as_deref(), ago, "{text}");
        assert_eq!(
            told(Timestamp::ahead(text, now)).as_deref(),
            ahead,
            "{text}"
        );
    }

    #[test]
    fn a_span_counts_from_now() {
        check(
            "90s",
            Some("2026-01-05T09:58:30Z"),
            Some("2026-01-05T10:01:30Z"),
        );
        check(
            "2w",
            Some("2025-12-22T10:00:00Z"),
            Some("2026-01-19T10:00:00Z"),
        );
    }

    #[test]
    fn a_date_or_a_time_is_itself() {
        for (text, expected) in [
            ("2026-02-01", "2026-02-01T00:00:00Z"),
            ("2026-02-01T08:00", "2026-02-01T08:00:00Z"),
            ("2026-02-01T08:00:00+01:00", "2026-02-01T07:00:00Z"),
            ("2026-02-01+01:00", "2026-01-31T23:00:00Z"),
        ] {
            check(text, Some(expected), Some(expected));
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "d",
            "0d",
            "-3d",
            "+3d",
            "3 days",
            "3é",
            "4294967295w",
            "99999999999999999999d",
            "2026-02-30",
            "soon",
        ] {
            check(text, None, None);
        }
    }
}
