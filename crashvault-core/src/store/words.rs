//! Text → words, as the full-text index reads it: runs of letters and digits, lower case; everything else divides.
//!
//! Case is folded letter by letter: a letter looks the same wherever it stands in a word (`Σ` ends as `σ`).

use super::condition::Words;

/// The words of a text, in order.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(fold)
}

/// Adds a text's words, each with a blank behind it.
pub(crate) fn spell(text: &str, out: &mut String) {
    out.reserve(text.len() + 1);
    let mut is_within = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
            is_within = true;
        } else if !c.is_ascii() && c.is_alphanumeric() {
            out.extend(fold_letter(c));
            is_within = true;
        } else if is_within {
            out.push(' ');
            is_within = false;
        }
    }
    if is_within {
        out.push(' ');
    }
}

/// A word, or a pattern of one, as it is compared.
pub(crate) fn fold(word: &str) -> String {
    word.chars().flat_map(fold_letter).collect()
}

fn fold_letter(letter: char) -> impl Iterator<Item = char> {
    // Lower case can bring marks along (`İ` has a dot above), which divide words.
    let kept = letter
        .to_lowercase()
        .filter(|c| c.is_alphanumeric() || *c == '*');
    kept.map(|c| if c == 'ς' { 'σ' } else { c })
}

impl Words {
    /// Whether the text holds them.
    pub(crate) fn fit(&self, text: &str) -> bool {
        let found: Vec<String> = words(text).collect();
        match self {
            Self::Glob(glob) => found.iter().any(|word| glob_fits(glob, word)),
            Self::Phrase(phrase) => found
                .windows(phrase.len().max(1))
                .any(|window| window == phrase.as_slice()),
            Self::Prefix(phrase) => found
                .windows(phrase.len().max(1))
                .any(|window| prefix_fits(phrase, window)),
        }
    }
}

fn prefix_fits(phrase: &[String], window: &[String]) -> bool {
    match (phrase.split_last(), window.split_last()) {
        (Some((last, before)), Some((found, found_before))) => {
            before == found_before && found.starts_with(last.as_str())
        }
        _ => false,
    }
}

/// Whether a text fits a pattern in which `*` stands for any run of characters, without case (ASCII).
pub(crate) fn glob_fits(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: Words, text: &str, expected: bool) {
        assert_eq!(words.fit(text), expected, "{words:?} in {text:?}");
    }

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let found: Vec<String> = words("parse_header(ÄRGER): 10.0.0.7").collect();
        assert_eq!(found, ["parse", "header", "ärger", "10", "0", "0", "7"]);
    }

    #[test]
    fn a_letter_is_the_same_at_the_end_of_a_word() {
        let found: Vec<String> = words("ΟΔΟΣ οδος οδοσ İX").collect();
        assert_eq!(found, ["οδοσ", "οδοσ", "οδοσ", "ix"]);
    }

    #[test]
    fn spelling_a_text_gives_its_words() {
        for text in [
            "parse_header(ÄRGER): 10.0.0.7",
            "",
            " a ",
            "İstanbul हिन्दी a\u{e000}b Ⓐⓑ x\u{301}y",
        ] {
            let mut spelt = String::new();
            spell(text, &mut spelt);
            let expected: String = words(text).map(|word| word + " ").collect();
            assert_eq!(spelt, expected);
        }
    }

    #[test]
    fn a_phrase_stands_together() {
        check(
            Words::Phrase(list(&["parse", "header"])),
            "http::parse_header",
            true,
        );
        check(
            Words::Phrase(list(&["parse", "header"])),
            "parse the header",
            false,
        );
        check(Words::Phrase(list(&["a"])), "", false);
    }

    #[test]
    fn only_the_last_word_of_a_prefix_goes_on() {
        check(
            Words::Prefix(list(&["parse", "head"])),
            "parse_header",
            true,
        );
        check(
            Words::Prefix(list(&["par", "header"])),
            "parse_header",
            false,
        );
    }

    #[test]
    fn a_glob_fits_one_whole_word() {
        check(Words::Glob("t*out".into()), "a TimeOut came", true);
        check(Words::Glob("t*out".into()), "timeouts", false);
        check(Words::Glob("*a*b*".into()), "xxbxax", false);
    }

    #[test]
    fn globs_do_not_overlap() {
        assert!(!glob_fits("ab*ba", "aba"));
        assert!(glob_fits("ab*ba", "abba"));
        assert!(glob_fits("2.*", "2.0"));
        assert!(glob_fits("*", ""));
        assert!(!glob_fits("a", "ab"));
    }
}
