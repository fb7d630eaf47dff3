//! Written times and ages → ranges of nanoseconds since 1970, and what was expected where there is none.

use std::ops::RangeInclusive;

use super::parse::Operator;
use crate::error::{Error, ErrorKind, Result};
use crate::time::{Timestamp, moment, span_secs};

pub(super) fn time_message(is_age: bool, operator: Operator) -> &'static str {
    match (is_age, operator) {
        (_, Operator::Is) => {
            "this is no time: write -24h for less than a day ago, +24h for more (s, m, h, d, w), or a date as 2026-01-05"
        }
        (true, _) => "this is no age: write it as 24h (s, m, h, d, w)",
        (false, _) => {
            "this is no time: write a date as 2026-01-05, a time as 2026-01-05T10:00:00Z, or -24h for a day ago"
        }
    }
}

/// What compares so with a value that covers a range; `None` if nothing can.
pub(super) fn compared(
    operator: Operator,
    value: RangeInclusive<i64>,
) -> Option<RangeInclusive<i64>> {
    let (first, last) = value.into_inner();
    Some(match operator {
        Operator::Is => first..=last,
        Operator::Above => last.checked_add(1)?..=i64::MAX,
        Operator::AtLeast => first..=i64::MAX,
        Operator::Below => i64::MIN..=first.checked_sub(1)?,
        Operator::AtMost => i64::MIN..=last,
    })
}

/// A length of time before now, in nanoseconds.
pub(super) enum Span {
    /// `-24h`
    Younger(i64),
    /// `+24h`
    Older(i64),
    /// `24h`
    Plain(i64),
}

pub(super) fn span(text: &str) -> Option<Span> {
    let plain = text.trim_start_matches(['-', '+']);
    let nanos = span_secs(plain)?.saturating_mul(SECOND);
    match &text[..text.len() - plain.len()] {
        "-" => Some(Span::Younger(nanos)),
        "+" => Some(Span::Older(nanos)),
        "" => Some(Span::Plain(nanos)),
        _ => None,
    }
}

const SECOND: i64 = 1_000_000_000;

/// From when to when events are looked for, both ends within; `None`: no bound is given.
///
/// # Errors
/// InvalidInput for what is no time or age, and for a span that ends before it begins.
pub(super) fn period(
    since: Option<&str>,
    until: Option<&str>,
    now: Timestamp,
) -> Result<Option<RangeInclusive<i64>>> {
    if since.is_none() && until.is_none() {
        return Ok(None);
    }
    let first = since.map(|text| bound("since", text, now)).transpose()?;
    let last = until.map(|text| bound("until", text, now)).transpose()?;
    let first = first.map_or(i64::MIN, |range| *range.start());
    let last = last.map_or(i64::MAX, |range| *range.end());
    if first > last {
        let message = "the time since which is asked for lies behind the one until which it is";
        return Err(Error::new(ErrorKind::InvalidInput, "search", message));
    }
    Ok(Some(first..=last))
}

fn bound(name: &str, text: &str, now: Timestamp) -> Result<RangeInclusive<i64>> {
    let found = match span(text) {
        Some(Span::Younger(nanos) | Span::Plain(nanos)) => {
            let then = now.as_nanos().saturating_sub(nanos);
            Some(then..=then)
        }
        Some(Span::Older(_)) => None,
        None => moment(text),
    };
    found.ok_or_else(|| {
        let message = format!(
            "{name}: '{text}' is no time: write an age as 7d (s, m, h, d, w), a date as 2026-01-05 or a time as 2026-01-05T10:00:00Z"
        );
        Error::new(ErrorKind::InvalidInput, "search", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, first: &str, last: &str) {
        let range = moment(text).unwrap();
        let told = |nanos: &i64| Timestamp::from_nanos(*nanos).to_string();
        assert_eq!(told(range.start()), first, "{text}");
        assert_eq!(told(range.end()), last, "{text}");
    }

    #[test]
    fn a_time_covers_what_it_leaves_open() {
        check(
            "2026-01-05",
            "2026-01-05T00:00:00Z",
            "2026-01-05T23:59:59.999999999Z",
        );
        check(
            "2026-01-05T10:00",
            "2026-01-05T10:00:00Z",
            "2026-01-05T10:00:59.999999999Z",
        );
        check(
            "2026-01-05T10:00:07",
            "2026-01-05T10:00:07Z",
            "2026-01-05T10:00:07.999999999Z",
        );
        check(
            "2026-01-05 10:00:07.5Z",
            "2026-01-05T10:00:07.5Z",
            "2026-01-05T10:00:07.5Z",
        );
    }

    #[test]
    fn a_time_is_that_of_its_zone() {
        check(
            "2026-01-05+02:00",
            "2026-01-04T22:00:00Z",
            "2026-01-05T21:59:59.999999999Z",
        );
        check(
            "2026-01-05T10:00+02:00",
            "2026-01-05T08:00:00Z",
            "2026-01-05T08:00:59.999999999Z",
        );
        check(
            "2026-01-05T10:00:00-05:30",
            "2026-01-05T15:30:00Z",
            "2026-01-05T15:30:00.999999999Z",
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "today",
            "2026-1-5",
            "2026-02-30",
            "2026-01-05T",
            "2026-01-05Tx",
            "2026-01-05X",
            "ab ü-01-05x",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_period_holds_its_last_day() {
        let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        let told = |since: Option<&str>, until: Option<&str>| {
            period(since, until, now).map(|range| range.map(|r| (*r.start(), *r.end())))
        };
        let day = |text: &str| moment(text).unwrap();
        assert_eq!(told(None, None).unwrap(), None);
        assert_eq!(
            told(Some("2d"), Some("2026-01-04")).unwrap(),
            Some((
                now.saturating_add_secs(-2 * 86_400).as_nanos(),
                *day("2026-01-04").end()
            ))
        );
        assert!(
            told(Some("1d"), Some("2d"))
                .unwrap_err()
                .message()
                .contains("behind")
        );
        assert!(
            told(Some("soon"), None)
                .unwrap_err()
                .message()
                .starts_with("since: 'soon'")
        );
        assert!(told(None, Some("+2d")).is_err());
    }
}
