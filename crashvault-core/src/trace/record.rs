//! Enters: a line. Leaves: whether a log began a record with it, so that it is no more of a message above.

const LEVELS: [&str; 12] = [
    "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL", "SEVERE", "TRACE",
    "ALERT", "EMERG",
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Whether the line opens with a time or the name of a level, as nearly all logs do.
pub(super) fn begins_a_record(line: &str) -> bool {
    let line = line.trim_start_matches(['[', '(', '<']);
    is_time(line.as_bytes()) || is_level(line) || is_month(line)
}

/// `2026-01-02`, `02/Jan/2026`, `03:04:05`, `0102 03:04:05`, a letter for the level before it.
fn is_time(line: &[u8]) -> bool {
    let line = match line {
        [level, b',', b' ', b'[', rest @ ..] if level.is_ascii_uppercase() => rest,
        [b'I' | b'W' | b'E' | b'F', rest @ ..] => rest,
        _ => line,
    };
    let mut shape = [0; 10];
    for (shape, byte) in shape.iter_mut().zip(line) {
        *shape = if byte.is_ascii_digit() { b'0' } else { *byte };
    }
    matches!(
        shape,
        [b'0', b'0', b'0', b'0', b'-' | b'/', b'0', b'0', ..]
            | [b'0', b'0', b':', b'0', b'0', b':', b'0', b'0', ..]
            | [b'0', b'0', b'0', b'0', b' ', b'0', b'0', b':', b'0', b'0']
            | [b'0', b'0', b'/' | b'.' | b'-', _, _, ..]
            | [b'0', b'0', b'0', b'0', b'0', b'0', b'0', b'0', b'T', b'0']
    )
}

fn is_level(line: &str) -> bool {
    LEVELS.iter().any(|level| {
        line.strip_prefix(level).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with([' ', ':', ']', ',', '\t', '|', '/', '-'])
        })
    })
}

/// `Jan  2 03:04:05 host`, `Fri Jan 02 03:04:05 2026`
fn is_month(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace().take(3);
    let is_month = |word: &str| MONTHS.contains(&word);
    let is_day = |word: &str| word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
    match (words.next(), words.next(), words.next()) {
        (Some(month), Some(day), Some(_)) if is_month(month) => is_day(day),
        (Some(weekday), Some(month), Some(day)) if weekday.len() == 3 && is_month(month) => {
            is_day(day)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: bool) {
        assert_eq!(begins_a_record(line), expected, "{line}");
    }

    #[test]
    fn records_are_told_from_other_lines() {
        for line in [
            "2026-01-02 03:04:05 next",
            "[2026-01-02T03:04:05Z] next",
            "03:04:05.678 next",
            "2026/01/02 next",
            "I0102 03:04:05.678 next",
            "E, [2026-01-02T03:04:05 #7] ERROR",
            "Jan  2 03:04:05 host app[3]: next",
            "[Fri Jan 02 03:04:05 2026] next",
            "INFO: next",
            "[ERROR] next",
            "WARNING:root:next",
            "20260102T030405 next",
        ] {
            check(line, true);
        }
        for line in [
            "",
            "line two: id=42",
            "DETAIL:  Key (id)=(1) already exists.",
            "Error: refused",
            "In file a.py",
            "INFORMATION is missing",
            "42 of 43",
            "Mar is a name",
        ] {
            check(line, false);
        }
    }
}
