//! The answers to a command line.
//!
//! Enters: words a person typed. Leaves: [`Answer`] or [`Usage`] with the nearest known words.
//!
//! Never: starts a process or touches a file.

/// How a chore ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Well,
    Failed,
}

impl Answer {
    pub fn well_if(condition: bool) -> Answer {
        if condition {
            Answer::Well
        } else {
            Answer::Failed
        }
    }
}

/// A command line that asks for nothing we know; the text says what would be known.
#[derive(Debug)]
pub struct Usage(pub String);

pub fn is_help(word: &str) -> bool {
    matches!(word, "--help" | "-h")
}

/// Refuses every flag that is not in `known`.
pub fn only(flags: &[String], known: &[&str]) -> Result<(), Usage> {
    match flags.iter().find(|flag| !known.contains(&flag.as_str())) {
        Some(flag) => Err(unknown("flag", flag, known)),
        None => Ok(()),
    }
}

pub fn unknown(what: &str, word: &str, known: &[&str]) -> Usage {
    let mut message = format!("unknown {what} `{word}`");
    let near = nearest(word, known);
    if !near.is_empty() {
        message += &format!("; did you mean `{}`?", near.join("` or `"));
    }
    if !known.is_empty() {
        message += &format!("\nknown: {}", known.join(", "));
    }
    Usage(message)
}

/// The known words at most a third of their letters away, the nearest first.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .collect();
    near.sort();
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Letters to insert, remove or replace to come from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for column in 0..to.len() {
            let replaced = diagonal + usize::from(letter != to[column]);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, expected: usize) {
        assert_eq!(distance(from, to), expected, "{from} → {to}");
        assert_eq!(distance(to, from), expected, "{to} → {from}");
    }

    #[test]
    fn distance_counts_single_letters() {
        check("test", "test", 0);
        check("", "test", 4);
        check("tset", "test", 2);
        check("chek", "check", 1);
        check("kitten", "sitting", 3);
    }

    #[test]
    fn far_words_are_not_suggested() {
        assert!(nearest("deploy", &["check", "test", "bench"]).is_empty());
    }

    #[test]
    fn the_nearest_word_comes_first() {
        assert_eq!(nearest("bunch", &["check", "bench"])[0], "bench");
    }
}
