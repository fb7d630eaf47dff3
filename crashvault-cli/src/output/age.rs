//! Enters: a moment and the present. Leaves: how long ago that was, in a few letters.

use crashvault::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `now`, `40s ago`, `3m ago`, `5h ago`, `12d ago`, then the date. What lies ahead (clocks differ) is `in 5m`.
pub fn age(moment: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_secs().saturating_sub(moment.as_secs());
    let span = seconds.unsigned_abs() as i64;
    let text = match span {
        0..=1 => return "now".into(),
        2..MINUTE => format!("{span}s"),
        MINUTE..HOUR => format!("{}m", span / MINUTE),
        HOUR..DAY => format!("{}h", span / HOUR),
        DAY..8_640_000 => format!("{}d", span / DAY),
        _ => return moment.to_string().chars().take(10).collect(),
    };
    if seconds < 0 {
        format!("in {text}")
    } else {
        format!("{text} ago")
    }
}

/// A moment for people, to the millisecond.
pub fn moment(moment: Timestamp) -> String {
    let text = moment.to_string();
    match text.trim_end_matches('Z').split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:.3}Z"),
        None => text,
    }
}

/// `10:04:31.250` of a moment, in UTC.
pub fn clock_time(moment: Timestamp) -> String {
    let text = moment.to_string();
    let time = text.split_once('T').map_or("", |(_, time)| time);
    let (seconds, fraction) = time
        .trim_end_matches('Z')
        .split_once('.')
        .unwrap_or((time.trim_end_matches('Z'), ""));
    format!("{seconds}.{:0<3.3}", fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(moment: &str, expected: &str) {
        let now = Timestamp::parse("2026-01-05T10:00:00Z").unwrap();
        assert_eq!(age(Timestamp::parse(moment).unwrap(), now), expected);
    }

    #[test]
    fn ages_use_the_largest_unit() {
        check("2026-01-05T09:59:59.5Z", "now");
        check("2026-01-05T09:59:20Z", "40s ago");
        check("2026-01-05T09:56:01Z", "3m ago");
        check("2026-01-05T05:00:00Z", "5h ago");
        check("2025-12-24T05:00:00Z", "12d ago");
    }

    #[test]
    fn what_is_long_ago_has_its_date() {
        check("2024-02-29T05:00:00Z", "2024-02-29");
    }

    #[test]
    fn a_clock_may_be_ahead() {
        check("2026-01-05T10:05:00Z", "in 5m");
    }

    #[test]
    fn a_time_has_milliseconds() {
        let time = |text| clock_time(Timestamp::parse(text).unwrap());
        assert_eq!(time("2026-01-05T10:00:00Z"), "10:00:00.000");
        assert_eq!(time("2026-01-05T10:00:00.123456Z"), "10:00:00.123");
        assert_eq!(time("2026-01-05T10:00:00.5Z"), "10:00:00.500");
    }
}
