//! Rust source as words, far enough to see which modules a file names.
//!
//! Enters: the text of a file. Leaves: the paths it names from `crate::` or `super::`, grouped imports expanded.
//!
//! Never: understands macros or types; a path built by a macro is not seen.

use std::iter::Peekable;
use std::str::Chars;

/// A path as written: `crate::event::Event` is `["crate", "event", "Event"]`.
pub type Path = Vec<String>;

/// The paths that begin with `crate` or `super` and are not in an item under `#[cfg(test)]`.
pub fn paths(text: &str) -> Vec<Path> {
    let words = without_tests(&words(text));
    let mut paths = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let inside_path = at > 0 && words[at - 1] == "::";
        let starts = matches!(words[at].as_str(), "crate" | "super") && !inside_path;
        if starts && words.get(at + 1).is_some_and(|word| word == "::") {
            at = expand(&words, at, &Path::new(), &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

/// Reads one path or import tree from `at`, adds its full paths, and returns the place behind it.
fn expand(words: &[String], mut at: usize, prefix: &Path, paths: &mut Vec<Path>) -> usize {
    let mut path = prefix.clone();
    while let Some(word) = words.get(at) {
        match word.as_str() {
            "{" => return expand_group(words, at + 1, &path, paths),
            word if is_name(word) || word == "*" => path.push(word.to_owned()),
            _ => break,
        }
        at += 1;
        if words.get(at).is_none_or(|word| word != "::") {
            break;
        }
        at += 1;
    }
    if path.len() > prefix.len() {
        paths.push(path);
    }
    at
}

fn expand_group(words: &[String], mut at: usize, prefix: &Path, paths: &mut Vec<Path>) -> usize {
    while let Some(word) = words.get(at) {
        if word == "}" {
            return at + 1;
        }
        let next = expand(words, at, prefix, paths);
        at = next.max(at + 1);
        // `as other` belongs to the name before it.
        if words.get(at).is_some_and(|word| word == "as") {
            at += 2;
        }
    }
    at
}

fn is_name(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Drops each item that follows `#[cfg(test)]`: a room's tests may reach further than the room.
fn without_tests(words: &[String]) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if words[at..].len() >= MARK.len()
            && words[at..]
                .iter()
                .zip(MARK)
                .all(|(word, mark)| word == mark)
        {
            at = end_of_item(words, at + MARK.len());
        } else {
            kept.push(words[at].clone());
            at += 1;
        }
    }
    kept
}

/// The place behind the item at `at`: behind its `;`, or behind the brace that closes its first one.
fn end_of_item(words: &[String], mut at: usize) -> usize {
    let mut depth = 0usize;
    while let Some(word) = words.get(at) {
        at += 1;
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth <= 1 => return at,
            "}" => depth -= 1,
            ";" if depth == 0 => return at,
            _ => {}
        }
    }
    at
}

/// Names, `::` and single signs; comments, literals and spaces are gone.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '/' if letters.peek() == Some(&'/') => skip_line(&mut letters),
            '/' if letters.peek() == Some(&'*') => skip_block(&mut letters),
            '"' => skip_string(&mut letters),
            '\'' => skip_quote(&mut letters),
            ':' if letters.next_if_eq(&':').is_some() => words.push("::".to_owned()),
            letter if letter.is_alphanumeric() || letter == '_' => {
                let word = name(letter, &mut letters);
                if !skip_raw(&word, &mut letters) {
                    words.push(word);
                }
            }
            letter if letter.is_whitespace() => {}
            sign => words.push(sign.to_string()),
        }
    }
    words
}

fn name(first: char, letters: &mut Peekable<Chars<'_>>) -> String {
    let mut name = String::from(first);
    while let Some(letter) = letters.next_if(|letter| letter.is_alphanumeric() || *letter == '_') {
        name.push(letter);
    }
    name
}

fn skip_line(letters: &mut Peekable<Chars<'_>>) {
    while letters.next_if(|letter| *letter != '\n').is_some() {}
}

fn skip_block(letters: &mut Peekable<Chars<'_>>) {
    let mut depth = 1;
    letters.next();
    while let (Some(letter), true) = (letters.next(), depth > 0) {
        if letter == '/' && letters.next_if_eq(&'*').is_some() {
            depth += 1;
        } else if letter == '*' && letters.next_if_eq(&'/').is_some() {
            depth -= 1;
            if depth == 0 {
                return;
            }
        }
    }
}

fn skip_string(letters: &mut Peekable<Chars<'_>>) {
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '"' => return,
            _ => {}
        }
    }
}

/// A character literal, or a lifetime, whose name is then no harm as a word.
fn skip_quote(letters: &mut Peekable<Chars<'_>>) {
    let mut ahead = letters.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), Some(_)) => {
            while letters.next().is_some_and(|letter| letter != '\'') {
                if letters.peek() == Some(&'\\') {
                    letters.next();
                }
            }
        }
        (Some(_), Some('\'')) => drop(letters.nth(1)),
        _ => {}
    }
}

/// `r#"…"#` and its family: true where `word` was the prefix of a raw string, which is then behind us.
fn skip_raw(word: &str, letters: &mut Peekable<Chars<'_>>) -> bool {
    if !matches!(word, "r" | "br" | "cr") {
        return false;
    }
    let mut ahead = letters.clone();
    let mut fence = 0;
    while ahead.next_if_eq(&'#').is_some() {
        fence += 1;
    }
    if ahead.next() != Some('"') {
        return false;
    }
    let end = format!("\"{}", "#".repeat(fence));
    let mut seen = String::new();
    for letter in ahead.by_ref() {
        seen.push(letter);
        if seen.ends_with(&end) {
            break;
        }
    }
    *letters = ahead;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = paths(text).iter().map(|path| path.join("::")).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_plain_import() {
        check("use crate::event::Event;", &["crate::event::Event"]);
        check("use crate::event::Event as E;", &["crate::event::Event"]);
        check("use crate::event::*;", &["crate::event::*"]);
    }

    #[test]
    fn groups_are_expanded() {
        check(
            "use crate::{event::{Event, Frame as F, self}, time::Clock,};",
            &[
                "crate::event::Event",
                "crate::event::Frame",
                "crate::event::self",
                "crate::time::Clock",
            ],
        );
        check(
            "use crate::{a::A as B, c}; use crate::d;",
            &["crate::a::A", "crate::c", "crate::d"],
        );
    }

    #[test]
    fn paths_inside_code_are_seen() {
        check(
            "fn f(x: &crate::store::Row) -> u8 { crate::time::now() }",
            &["crate::store::Row", "crate::time::now"],
        );
        check(
            "use super::super::store::Row;",
            &["super::super::store::Row"],
        );
        check("type T = Vec<crate::event::Id>;", &["crate::event::Id"]);
    }

    #[test]
    fn visibility_is_no_path() {
        check("pub(crate) fn f() {} pub(super) mod x;", &[]);
    }

    #[test]
    fn comments_are_no_code() {
        check(
            "// crate::store::A\n/// crate::store::B\n/* a /* b */ crate::store::C */",
            &[],
        );
        check("/**/ use crate::a::B;", &["crate::a::B"]);
    }

    #[test]
    fn literals_are_no_code() {
        check(
            r##"let a = "crate::a::B \" crate::c::D"; let b = r#"" crate::e::F"#;"##,
            &[],
        );
        check(
            r#"let a = '"'; crate::a::b(); let c = '\''; crate::c::d()"#,
            &["crate::a::b", "crate::c::d"],
        );
        check(
            r"let a = '\\'; crate::a::b(); let c = '\u{22}'; crate::c::d()",
            &["crate::a::b", "crate::c::d"],
        );
    }

    #[test]
    fn lifetimes_open_no_literal() {
        check(
            "fn f<'a>(x: &'a str) -> crate::a::B<'a> {}",
            &["crate::a::B"],
        );
    }

    #[test]
    fn tests_of_a_room_are_free() {
        check(
            "#[cfg(test)] mod tests { use crate::a::B; fn f() {} } use crate::c::D;",
            &["crate::c::D"],
        );
        check("#[cfg(test)] mod tests; use crate::c::D;", &["crate::c::D"]);
        check(
            "#[cfg(test)] use crate::a::{B, C}; use crate::d::E;",
            &["crate::d::E"],
        );
    }

    #[test]
    fn broken_source_ends() {
        for text in [
            "use crate::{",
            "use crate::",
            "\"",
            "/*",
            "r#\"",
            "'\\",
            "use crate::{a::{,}",
            "crate::{{{",
        ] {
            paths(text);
        }
    }
}
