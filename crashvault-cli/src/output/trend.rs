//! Enters: how often an issue was seen in each hour. Leaves: bars for the last 24 hours and the last 14 days.

use crashvault::Timestamp;

use super::text::counted;

const HOUR_SECS: i64 = 3600;
const HOURS: usize = 24;
const DAYS: usize = 14;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A row for the hours and one for the days (of UTC); none if it was not seen in all that time.
pub fn rows(hours: &[(Timestamp, u64)], now: Timestamp) -> Vec<(String, String)> {
    let by_hour = spread::<HOURS>(hours, now, HOUR_SECS);
    let by_day = spread::<DAYS>(hours, now, 24 * HOUR_SECS);
    if by_day.iter().chain(&by_hour).all(|count| *count == 0) {
        return Vec::new();
    }
    vec![
        (format!("{HOURS}h"), row(&by_hour)),
        (format!("{DAYS}d"), row(&by_day)),
    ]
}

fn row(counts: &[u64]) -> String {
    let sum = counts
        .iter()
        .fold(0_u64, |sum, count| sum.saturating_add(*count));
    format!("|{}| {}", bars(counts), counted(sum, "time", "times"))
}

/// The counts of the last spans of so many seconds, the present one last.
fn spread<const N: usize>(hours: &[(Timestamp, u64)], now: Timestamp, seconds: i64) -> [u64; N] {
    let mut counts = [0_u64; N];
    let present = now.as_secs().div_euclid(seconds);
    for (hour, count) in hours {
        let ago = present - hour.as_secs().div_euclid(seconds);
        let place = usize::try_from(ago)
            .ok()
            .and_then(|ago| (N - 1).checked_sub(ago));
        if let Some(sum) = place.and_then(|place| counts.get_mut(place)) {
            *sum = sum.saturating_add(*count);
        }
    }
    counts
}

/// One bar for each count, as high as it is beside the highest; a blank for none.
fn bars(counts: &[u64]) -> String {
    let highest = u128::from(counts.iter().copied().max().unwrap_or(0).max(1));
    let bar = |count: &u64| match *count {
        0 => ' ',
        count => {
            let eighths = (u128::from(count) * BARS.len() as u128).div_ceil(highest);
            BARS.get(eighths.saturating_sub(1) as usize)
                .copied()
                .unwrap_or('█')
        }
    };
    counts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn check(hours: &[(&str, u64)], expected: &[&str]) {
        let hours: Vec<_> = hours
            .iter()
            .map(|(hour, count)| (at(hour), *count))
            .collect();
        let rows = rows(&hours, at("2026-01-05T10:30:00Z"));
        let rows: Vec<_> = rows.iter().map(|(_, bars)| bars.as_str()).collect();
        assert_eq!(rows, expected);
    }

    fn check_bars(counts: &[u64], expected: &str) {
        assert_eq!(bars(counts), expected);
    }

    #[test]
    fn the_highest_is_whole_and_nothing_is_blank() {
        check_bars(&[0, 1, 4, 8, 0], " ▁▄█ ");
        check_bars(&[1, 1_000_000], "▁█");
        check_bars(&[0, 0], "  ");
        check_bars(&[u64::MAX, u64::MAX / 2], "█▄");
    }

    #[test]
    fn the_present_hour_and_day_are_last() {
        check(
            &[
                ("2025-12-22T23:00:00Z", 8),
                ("2026-01-04T10:00:00Z", 3),
                ("2026-01-04T11:00:00Z", 1),
                ("2026-01-05T10:00:00Z", 2),
            ],
            &[
                "|▄                      █| 3 times",
                "|            █▄| 6 times",
            ],
        );
    }

    #[test]
    fn what_was_not_seen_lately_has_no_bars() {
        check(&[("2025-12-01T10:00:00Z", 3)], &[]);
        check(&[], &[]);
    }

    #[test]
    fn hours_ahead_are_left_out() {
        check(
            &[("2026-01-05T11:00:00Z", 3), ("2262-01-05T11:00:00Z", 3)],
            &[
                "|                        | 0 times",
                "|             █| 3 times",
            ],
        );
    }
}
