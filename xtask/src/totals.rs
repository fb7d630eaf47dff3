//! What test programs counted.
//!
//! Enters: the lines that they print. Leaves: [`Totals`], and what a language's behaviour runner has played.
//!
//! Never: judges a test.

/// A skip is an ignored test or a line of the skip log; a test that wrote such a line has still passed with what it
/// could do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Totals {
    /// A line of a Rust test program or of a behaviour runner: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    pub fn add_line(&mut self, line: &str) {
        let Some(rest) = line.trim_start().strip_prefix("test result: ") else {
            return;
        };
        if let Some((_, counts)) = rest.split_once(". ") {
            self.add_counts(counts.split("; "));
        }
    }

    /// The last line of pytest: `3 passed, 1 skipped in 0.12s`.
    pub fn add_pytest_line(&mut self, line: &str) {
        let line = line.trim().trim_matches('=').trim();
        let Some((counts, seconds)) = line.rsplit_once(" in ") else {
            return;
        };
        if seconds.starts_with(|first: char| first.is_ascii_digit()) {
            self.add_counts(counts.split(", "));
        }
    }

    fn add_counts<'c>(&mut self, counts: impl Iterator<Item = &'c str>) {
        for (number, word) in counts.filter_map(|count| count.split_once(' ')) {
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" | "xfailed" => self.passed += number,
                "failed" | "xpassed" | "error" | "errors" => self.failed += number,
                "ignored" | "skipped" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Totals {
            passed,
            failed,
            skipped,
        } = self;
        write!(out, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// How many cases a language's behaviour runner knew, from its line `behaviour LANGUAGE: N run, M skipped`.
pub fn behaviour_cases(language: &str, line: &str) -> Option<u64> {
    let rest = line.trim().strip_prefix("behaviour ")?;
    let rest = rest.strip_prefix(language)?.strip_prefix(": ")?;
    let (run, skipped) = rest.strip_suffix(" skipped")?.split_once(" run, ")?;
    Some(run.parse::<u64>().ok()? + skipped.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(add: impl Fn(&mut Totals), passed: u64, failed: u64, skipped: u64) {
        let mut totals = Totals::default();
        add(&mut totals);
        let expected = Totals {
            passed,
            failed,
            skipped,
        };
        assert_eq!(totals, expected);
    }

    fn check_line(line: &str, passed: u64, failed: u64, skipped: u64) {
        check(|totals| totals.add_line(line), passed, failed, skipped);
    }

    fn check_pytest(line: &str, passed: u64, failed: u64, skipped: u64) {
        check(
            |totals| totals.add_pytest_line(line),
            passed,
            failed,
            skipped,
        );
    }

    #[test]
    fn a_result_line_is_counted() {
        let rest = "0 measured; 7 filtered out; finished in 0.01s\n";
        check_line(
            &format!("test result: ok. 12 passed; 0 failed; 3 ignored; {rest}"),
            12,
            0,
            3,
        );
        check_line(
            &format!("test result: FAILED. 1 passed; 2 failed; 0 ignored; {rest}"),
            1,
            2,
            0,
        );
    }

    #[test]
    fn other_lines_are_not_counted() {
        check_line("test result::tests::one ... ok", 0, 0, 0);
        check_line("running 3 tests", 0, 0, 0);
        check_line("test result: ok", 0, 0, 0);
    }

    #[test]
    fn the_last_line_of_pytest_is_counted() {
        check_pytest("3 passed in 0.12s\n", 3, 0, 0);
        check_pytest(
            "===== 2 failed, 3 passed, 1 skipped in 2.30s =====",
            3,
            2,
            1,
        );
        check_pytest("1 passed, 1 xfailed, 1 error in 61.02s (0:01:01)", 2, 1, 0);
        check_pytest("no tests ran in 0.00s", 0, 0, 0);
    }

    #[test]
    fn what_a_python_test_prints_is_not_counted() {
        check_pytest("5 failed in the middle", 0, 0, 0);
        check_pytest("crashvault-py/tests/test_capture.py .....", 0, 0, 0);
    }

    #[test]
    fn totals_close_in_the_promised_form() {
        let totals = Totals {
            passed: 10,
            failed: 0,
            skipped: 2,
        };
        assert_eq!(totals.to_string(), "10 passed, 0 failed, 2 skipped");
    }

    #[test]
    fn the_cases_of_a_language_are_read() {
        let line = "behaviour python: 112 run, 3 skipped\n";
        assert_eq!(behaviour_cases("python", line), Some(115));
        assert_eq!(behaviour_cases("rust", line), None);
        assert_eq!(
            behaviour_cases("python", "behaviour python: some run"),
            None
        );
    }
}
