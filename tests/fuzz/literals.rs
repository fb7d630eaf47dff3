//! The texts that sources hold: what tests of a room read is what a room can be asked to read.
//!
//! Enters: a folder of Rust sources. Leaves: their string literals, unescaped.
//!
//! Never: understands macros; `{}` in a format stays as it is.

use crate::{files_below, repository};

/// All literals below a folder of the repository, each once, in a stable order.
pub fn below(folder: &str) -> Vec<String> {
    let files = files_below(&repository().join(folder));
    let sources = files.iter().filter(|file| {
        let ending = file.extension().and_then(|ending| ending.to_str());
        ending == Some("rs")
    });
    let mut found: Vec<String> = sources
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .flat_map(|source| of(&source))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The literals of one source, in its order.
pub fn of(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '\'', '/', 'r']) {
        rest = &rest[at..];
        rest = if let Some(behind) = rest.strip_prefix("//") {
            behind.split_once('\n').map_or("", |(_, next)| next)
        } else if let Some((text, behind)) = raw(rest) {
            found.push(text.to_owned());
            behind
        } else if let Some(behind) = rest.strip_prefix('"') {
            let end = end_of(behind);
            found.push(unescaped(&behind[..end]));
            behind.get(end + 1..).unwrap_or("")
        } else {
            behind_letter(rest)
        };
    }
    found
}

/// `r#"text"#` and what is behind it.
fn raw(rest: &str) -> Option<(&str, &str)> {
    let marks = rest.strip_prefix('r')?;
    let behind = marks.trim_start_matches('#');
    let count = marks.len() - behind.len();
    let behind = behind.strip_prefix('"')?;
    behind.split_once(&format!("\"{}", "#".repeat(count)))
}

/// Passes over `'"'`, whose quote opens nothing, and over one letter of anything else.
fn behind_letter(rest: &str) -> &str {
    let quoted = ["'\"'", "'\\\"'"].iter();
    let long = quoted.filter_map(|quoted| rest.strip_prefix(quoted)).next();
    long.unwrap_or(&rest[1..])
}

fn end_of(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.find(|letter| {
        let ends = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    });
    end.unwrap_or(text.len())
}

fn unescaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            made.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => made.push('\n'),
            Some('t') => made.push('\t'),
            Some('r') => made.push('\r'),
            Some('0') => made.push('\0'),
            Some('x') => {
                let digits: String = letters.by_ref().take(2).collect();
                made.extend(u8::from_str_radix(&digits, 16).map(char::from));
            }
            Some('u') => {
                let digits = letters.by_ref().skip(1).take_while(|letter| *letter != '}');
                let number = u32::from_str_radix(&digits.collect::<String>(), 16);
                made.extend(number.ok().and_then(char::from_u32));
            }
            // The line goes on with the next line's first letter.
            Some('\n') => {
                letters = letters.as_str().trim_start().chars();
            }
            Some(other) => made.push(other),
            None => {}
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::of;

    fn check(source: &str, expected: &[&str]) {
        assert_eq!(of(source), expected, "{source}");
    }

    #[test]
    fn literals_are_found_unescaped() {
        check(r#"f("a\n\"b\"", "c")"#, &["a\n\"b\"", "c"]);
        check("r#\"raw \"x\\n\"\"# \"y\"", &["raw \"x\\n\"", "y"]);
        check(r#"'"' "x" '\"' "\u{e9}\x41""#, &["x", "éA"]);
        check("// \"no\"\n\"two \\\n   parts\"", &["two parts"]);
        check("fn a<'a>(x: &'a str) { \"q\" }", &["q"]);
    }
}
