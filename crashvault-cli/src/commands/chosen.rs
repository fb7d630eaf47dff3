//! Options that say what a query could say → one query.

use super::search::explained;
use crate::args::Chosen;
use crate::output::Failure;

/// A query as a part of another. It must be one by itself: what it leaves open closes nothing of ours.
pub fn part(query: &str) -> Result<String, Failure> {
    crashvault::Search::check(query).map_err(|error| explained(&error, query))?;
    // A word ends before a blank, but not before a parenthesis that closes one within it.
    Ok(format!("({query} )"))
}

/// `query` and the options together.
pub fn query(query: Option<&str>, chosen: &Chosen) -> Result<String, Failure> {
    let mut parts = Vec::new();
    if let Some(query) = query.filter(|query| !query.trim().is_empty()) {
        // As it stands where nothing is added: positions in it are told.
        match chosen.is_empty() {
            true => return Ok(query.to_owned()),
            false => parts.push(part(query)?),
        }
    }
    parts.extend(chosen.level.map(|level| format!("level:{level}")));
    let tags = chosen.tags.iter();
    parts.extend(tags.map(|(key, value)| format!("tags[{}]:{}", quoted(key), quoted(value))));
    if let Some(text) = chosen.words() {
        let is_word = text.chars().all(char::is_alphanumeric);
        parts.push(match is_word {
            true => format!("message:*{text}*"),
            false => format!("message:{}", quoted(text)),
        });
    }
    Ok(parts.join(" "))
}

impl Chosen {
    fn words(&self) -> Option<&str> {
        self.text.as_deref().filter(|text| !text.trim().is_empty())
    }

    fn is_empty(&self) -> bool {
        self.level.is_none() && self.tags.is_empty() && self.words().is_none()
    }
}

/// A text as a query names it, whatever is in it.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: Option<&str>, chosen: &Chosen, expected: &str) {
        assert_eq!(query(asked, chosen).unwrap(), expected);
    }

    #[test]
    fn nothing_asked_is_no_query() {
        check(None, &Chosen::default(), "");
    }

    #[test]
    fn a_query_alone_stays_as_it_is() {
        check(Some("a OR b"), &Chosen::default(), "a OR b");
    }

    #[test]
    fn options_become_one_query() {
        let chosen = Chosen {
            level: Some(crashvault::Level::Error),
            tags: vec![("region".into(), "eu \"west\"".into())],
            text: Some("disk full".into()),
        };
        let expected = r#"(a OR b ) level:error tags["region"]:"eu \"west\"" message:"disk full""#;
        check(Some("a OR b"), &chosen, expected);
    }

    #[test]
    fn what_is_no_query_by_itself_is_none_with_options() {
        let chosen = Chosen {
            level: Some(crashvault::Level::Error),
            ..Chosen::default()
        };
        for asked in ["a) OR (b", "a OR", "(a", "\"a", "a)"] {
            let failure = query(Some(asked), &chosen).unwrap_err();
            assert_eq!(failure.excerpt.unwrap().query, asked);
        }
        check(Some("a OR b("), &chosen, "(a OR b( ) level:error");
    }

    #[test]
    fn a_word_alone_is_found_within_longer_ones() {
        let chosen = Chosen {
            text: Some("time".into()),
            ..Chosen::default()
        };
        check(None, &chosen, "message:*time*");
    }
}
