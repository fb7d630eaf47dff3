//! Enters: a pattern and a text. Leaves: whether the whole text matches; `*` is any run, `?` any one character.
//!
//! Never: looks at case; goes back further than to the last `*`, so its cost is bounded by pattern × text.

/// Longest pattern accepted, in bytes; it bounds the cost of one match.
pub(super) const PATTERN_BYTES_MAX: usize = 1024;

/// A pattern, folded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Vec<char>);

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.chars().map(fold).collect())
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let pattern = &self.0;
        let mut rest = text.chars();
        let mut at = 0;
        let mut last_star: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            if pattern.get(at) == Some(&'*') {
                at += 1;
                last_star = Some((at, rest.clone()));
                continue;
            }
            let Some(next) = rest.next() else {
                return at == pattern.len();
            };
            if pattern
                .get(at)
                .is_some_and(|wanted| *wanted == '?' || *wanted == fold(next))
            {
                at += 1;
                continue;
            }
            let Some((after_star, resume)) = &mut last_star else {
                return false;
            };
            resume.next();
            rest = resume.clone();
            at = *after_star;
        }
    }
}

/// Lower case as one character; the few that have two keep themselves.
fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(
            Glob::new(pattern).matches(text),
            expected,
            "{pattern} on {text}"
        );
    }

    #[test]
    fn a_plain_pattern_is_the_whole_text() {
        check("abc", "ABC", true);
        check("abc", "abcd", false);
        check("", "", true);
    }

    #[test]
    fn a_star_is_any_run() {
        check("*", "", true);
        check("a*c", "abbbc", true);
        check("*time-*out*", "Connection timed out", false);
        check("*tim*out*", "Connection timed out", true);
        check("*ab", "aab", true);
    }

    #[test]
    fn a_question_mark_is_one_character() {
        check("h?t", "hät", true);
        check("h?t", "ht", false);
    }

    #[test]
    fn case_is_ignored_beyond_ascii() {
        check("ÄRGER*", "ärgernis", true);
    }

    #[test]
    fn many_stars_stay_cheap() {
        check(&"*a".repeat(500), &"a".repeat(10_000), true);
        check(
            &format!("{}b", "*a".repeat(500)),
            &"a".repeat(10_000),
            false,
        );
    }
}
