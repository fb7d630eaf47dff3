//! Enters: one word of a command line. Leaves: what it means, or what was expected in its place.

use std::time::Duration;

use super::Statuses;
use crashvault::{
    Cursor, EventId, IssueId, IssueRef, IssueSort, Level, Status, Timestamp, WebhookKind,
};

pub fn level(text: &str) -> Result<Level, String> {
    Level::from_name(text).ok_or_else(|| one_of(&Level::ALL.map(Level::name)))
}

pub fn status(text: &str) -> Result<Status, String> {
    let all = [Status::Open, Status::Resolved, Status::Ignored];
    let found = all
        .into_iter()
        .find(|status| status.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| one_of(&all.map(Status::name)))
}

/// Also version 1's word for any of them.
pub fn statuses(text: &str) -> Result<Statuses, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(Statuses(None));
    }
    let only = status(text).map(|status| Statuses(Some(status)));
    only.map_err(|_| one_of(&["open", "resolved", "ignored", "all"]))
}

/// The orders of issues.
pub const ORDERS: [&str; 7] = [
    "last-seen",
    "first-seen",
    "count",
    "users",
    "number",
    "status",
    "title",
];

/// The names with hyphens, and those of the fields and of v1.
pub fn sort(text: &str) -> Result<IssueSort, String> {
    match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "last-seen" => Ok(IssueSort::LastSeen),
        "first-seen" | "created-at" => Ok(IssueSort::FirstSeen),
        "count" | "seen-count" => Ok(IssueSort::SeenCount),
        "users" | "user-count" => Ok(IssueSort::UserCount),
        "number" | "id" => Ok(IssueSort::Number),
        "status" => Ok(IssueSort::Status),
        "title" => Ok(IssueSort::Title),
        _ => Err(one_of(&ORDERS)),
    }
}

fn one_of(names: &[&str]) -> String {
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    format!("expected {} or {last}", others.join(", "))
}

pub fn webhook_kind(text: &str) -> Result<WebhookKind, String> {
    let names = || one_of(&WebhookKind::ALL.map(WebhookKind::name));
    WebhookKind::from_name(text).ok_or_else(names)
}

pub fn limit(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a number from 1".into()),
    }
}

pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().into(), value.into())),
        _ => Err("expected KEY=VALUE".into()),
    }
}

/// v1 had words alone; such a word is a tag that is true.
pub fn tag(text: &str) -> Result<(String, String), String> {
    match text.contains('=') {
        true => pair(text),
        false if text.trim().is_empty() => Err("expected KEY=VALUE, or a word alone".into()),
        false => Ok((text.trim().into(), "true".into())),
    }
}

/// The key of a tag; a value behind it is of no account, for one key has one value.
pub fn label(text: &str) -> Result<String, String> {
    tag(text).map(|(key, _)| key)
}

pub fn event_id(text: &str) -> Result<EventId, String> {
    match text.parse::<EventId>() {
        Ok(id) if id.is_nil() => Err("the nil id stands for no event".into()),
        Ok(id) => Ok(id),
        Err(error) => Err(error.message().to_owned()),
    }
}

/// An event's id has the same digits as an issue's; which one it is, the vault knows.
pub fn issue(text: &str) -> Result<IssueRef, String> {
    if let Ok(id) = text.parse::<EventId>() {
        return Ok(IssueRef::Id(IssueId::from_bytes(*id.as_bytes())));
    }
    text.parse::<IssueRef>()
        .map_err(|error| error.message().to_owned())
}

pub fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a number from 1".into()),
    }
}

/// Of a program that failed.
pub fn exit_code(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(code) if code > 0 => Ok(code),
        _ => Err("expected an exit code from 1 to 255".into()),
    }
}

pub fn cursor(text: &str) -> Result<Cursor, String> {
    text.parse::<Cursor>()
        .map_err(|error| error.message().to_owned())
}

/// The shortest pause between two looks.
const PAUSE_SECS_MIN: f64 = 0.1;
/// And the longest: a century.
const PAUSE_SECS_MAX: u64 = 100 * 365 * 86_400;

/// A pause; what is shorter than it may be becomes the shortest, as in v1.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    seconds
        .filter(|seconds| *seconds >= 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(PAUSE_SECS_MIN)).ok())
        .filter(|pause| *pause <= Duration::from_secs(PAUSE_SECS_MAX))
        .ok_or_else(|| "expected seconds as 1 or 0.5".into())
}

const NO_TIME: &str = "expected a span as 30d (s, m, h, d, w), a date as 2026-01-05 or a time as 2026-01-05T10:00:00Z";
const DAY_SECS: i64 = 86_400;

/// A moment to come: a span from now, a date (its beginning in UTC) or a time.
pub fn ahead(text: &str) -> Result<Timestamp, String> {
    ahead_of(text, Timestamp::now())
}

fn ahead_of(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match Timestamp::ahead(text, now) {
        Some(moment) if moment > now => Ok(moment),
        Some(_) => Err("this lies in the past".into()),
        None => Err(NO_TIME.into()),
    }
}

/// A moment that is gone: a span before now, a date (its beginning in UTC) or a time.
pub fn past(text: &str) -> Result<Timestamp, String> {
    past_of(text, Timestamp::now())
}

fn past_of(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match Timestamp::ago(text, now) {
        Some(moment) if moment <= now => Ok(moment),
        Some(_) => Err("this lies ahead".into()),
        None => Err(NO_TIME.into()),
    }
}

/// Bytes: a number alone, or with kB, MB, GB or TB behind it.
pub fn size(text: &str) -> Result<u64, String> {
    let units = [("tb", 4), ("gb", 3), ("mb", 2), ("kb", 1), ("b", 0)];
    let lower = text.trim().to_ascii_lowercase();
    let unit = units
        .iter()
        .find_map(|(unit, power)| Some((lower.strip_suffix(unit)?, *power)));
    let (digits, power) = unit.unwrap_or((&lower, 0));
    let count = digits.trim_end().parse::<u64>().ok();
    let bytes = count.and_then(|count| count.checked_mul(1000_u64.pow(power)));
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "expected a size as 500MB or 2GB".into())
}

/// A span in whole days.
pub fn days(text: &str) -> Result<u32, String> {
    let now = Timestamp::default();
    let is_span = text.ends_with(['d', 'w']);
    let then = is_span.then(|| Timestamp::ahead(text, now)).flatten();
    let days = then.and_then(|then| u32::try_from(then.as_secs() / DAY_SECS).ok());
    days.ok_or_else(|| "expected a span of days as 90d or 12w".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_can_be_named() {
        for wanted in Level::ALL {
            assert_eq!(level(wanted.name()), Ok(wanted));
        }
        assert_eq!(level("CRITICAL"), Ok(Level::Fatal));
        assert_eq!(
            level("bad").unwrap_err(),
            "expected debug, info, warning, error or fatal"
        );
    }

    #[test]
    fn a_tag_is_a_pair_or_a_word() {
        assert_eq!(tag("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(tag("db"), Ok(("db".into(), "true".into())));
        assert!(tag("=b").is_err());
        assert!(tag(" ").is_err());
    }

    #[test]
    fn an_uuid_of_any_spelling_may_name_an_issue_or_event() {
        let with_hyphens = issue("836d5dc8-386c-46d6-a6cb-ca36eeabce7f").unwrap();
        assert_eq!(
            with_hyphens,
            issue("836d5dc8386c46d6a6cbca36eeabce7f").unwrap()
        );
        assert!(matches!(with_hyphens, IssueRef::Id(_)));
    }

    fn check_ahead(text: &str, expected: Result<&str, &str>) {
        let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        let found = ahead_of(text, now);
        assert_eq!(
            found.map(|time| time.to_string()),
            expected.map(str::to_owned).map_err(str::to_owned)
        );
    }

    #[test]
    fn a_span_counts_from_now() {
        check_ahead("90s", Ok("2026-01-05T10:01:30Z"));
        check_ahead("30m", Ok("2026-01-05T10:30:00Z"));
        check_ahead("12h", Ok("2026-01-05T22:00:00Z"));
        check_ahead("30d", Ok("2026-02-04T10:00:00Z"));
        check_ahead("2w", Ok("2026-01-19T10:00:00Z"));
    }

    #[test]
    fn a_date_is_its_beginning() {
        check_ahead("2026-02-01T08:00", Ok("2026-02-01T08:00:00Z"));
        check_ahead("2026-02-01", Ok("2026-02-01T00:00:00Z"));
        check_ahead("2026-02-01T08:00:00+01:00", Ok("2026-02-01T07:00:00Z"));
    }

    #[test]
    fn what_is_gone_may_be_a_span_or_a_date() {
        let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        let check = |text: &str, expected: &str| {
            let found = past_of(text, now);
            assert_eq!(
                found.map_or_else(|why| why, |time| time.to_string()),
                expected
            );
        };
        check("2d", "2026-01-03T10:00:00Z");
        check("2025-12-24", "2025-12-24T00:00:00Z");
        check("2026-01-06", "this lies ahead");
        check("yesterday", NO_TIME);
    }

    #[test]
    fn days_are_whole() {
        assert_eq!(days("90d"), Ok(90));
        assert_eq!(days("2w"), Ok(14));
        for wrong in ["0d", "48h", "90", "2026-01-05", "99999999999d", ""] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pause_is_never_too_short() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("0"), Ok(Duration::from_millis(100)));
        for wrong in ["-1", "NaN", "inf", "1e300", "soon", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("2 gb"), Ok(2_000_000_000));
        assert_eq!(size("10"), Ok(10));
        assert_eq!(size("3b"), Ok(3));
        for wrong in ["0", "", "MB", "-1MB", "1.5GB", "99999999999TB", "é"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_past_or_no_time_is_refused() {
        check_ahead("2026-01-05", Err("this lies in the past"));
        check_ahead("0d", Err(NO_TIME));
        check_ahead("-3d", Err(NO_TIME));
        check_ahead("3 days", Err(NO_TIME));
        check_ahead("d", Err(NO_TIME));
        check_ahead("99999999999999999999d", Err(NO_TIME));
        check_ahead("4294967295w", Err(NO_TIME));
        check_ahead("", Err(NO_TIME));
    }
}
