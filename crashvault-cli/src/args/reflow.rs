//! Enters: a text of help, written for a hundred columns. Leaves: the same for fewer.
//!
//! A text is paragraphs, and indented rows: an example, or a word with what it means behind two blanks or more.
//!
//! Never: breaks a row that is to be typed; the terminal does that.

/// For so many columns the texts are written.
pub const WRITTEN_FOR: usize = 100;
/// What is told of a word stands beside it if it has so much room, else below.
const BESIDE_MIN: usize = 32;
const BELOW_INDENT: usize = 6;
/// Continuations of what is told of a word stand at least so far in.
const CONTINUED_MIN: usize = 8;

/// The text in lines of at most `columns`, but for rows that are to be typed and for longer words.
pub fn reflow(text: &str, columns: usize) -> String {
    if columns >= WRITTEN_FOR {
        return text.to_owned();
    }
    let mut lines = Vec::new();
    for part in parts(text) {
        part.lay_out(columns, &mut lines);
    }
    lines.join("\n")
}

#[derive(Debug)]
enum Part {
    Blank,
    Prose(String),
    Typed(String),
    /// A word, and what it means from a column on.
    Row {
        word: String,
        column: usize,
        meaning: String,
    },
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match parts.last_mut() {
            _ if line.trim().is_empty() => parts.push(Part::Blank),
            Some(Part::Prose(before)) if indent == 0 => {
                before.push(' ');
                before.push_str(line);
            }
            Some(Part::Row {
                column, meaning, ..
            }) if indent >= CONTINUED_MIN && indent == *column => {
                meaning.push(' ');
                meaning.push_str(line.trim_start());
            }
            _ if indent == 0 => parts.push(Part::Prose(line.to_owned())),
            _ => parts.push(row(line, indent)),
        }
    }
    parts
}

/// The last gap of two blanks or more parts the meaning from what it is told of.
fn row(line: &str, indent: usize) -> Part {
    let gap = line[indent..].rfind("  ").map(|place| place + indent + 2);
    match gap {
        Some(column) => Part::Row {
            word: line[..column].trim_end().to_owned(),
            column: line[..column].chars().count(),
            meaning: line[column..].to_owned(),
        },
        None => Part::Typed(line.to_owned()),
    }
}

impl Part {
    fn lay_out(&self, columns: usize, lines: &mut Vec<String>) {
        match self {
            Self::Blank => lines.push(String::new()),
            Self::Prose(text) => wrap(text, "", columns, lines),
            Self::Typed(line) => lines.push(line.clone()),
            Self::Row {
                word,
                column,
                meaning,
            } if columns >= column + BESIDE_MIN.min(meaning.chars().count()) => {
                let first = lines.len();
                wrap(meaning, &" ".repeat(*column), columns, lines);
                if let Some(line) = lines.get_mut(first) {
                    *line = format!("{word:column$}{}", line.trim_start());
                }
            }
            Self::Row { word, meaning, .. } => {
                lines.push(word.clone());
                wrap(meaning, &" ".repeat(BELOW_INDENT), columns, lines);
            }
        }
    }
}

fn wrap(text: &str, indent: &str, columns: usize, lines: &mut Vec<String>) {
    let mut line = indent.to_owned();
    let mut has_word = false;
    for word in text.split(' ') {
        if has_word && line.chars().count() + 1 + word.chars().count() > columns {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            has_word = false;
        }
        if has_word {
            line.push(' ');
        }
        line.push_str(word);
        has_word = true;
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
One line of prose that
goes on here.

  timeout  time*          words, beginnings, anywhere in
                          an event
  short    a word

Example:
  crashvault search 'one two three four five six'";

    #[track_caller]
    fn check(columns: usize, expected: &str) {
        assert_eq!(reflow(TEXT, columns), expected);
    }

    #[test]
    fn where_there_is_room_it_stays_as_it_is() {
        check(100, TEXT);
    }

    #[test]
    fn a_paragraph_is_wrapped_once_and_meanings_hang() {
        check(
            60,
            "\
One line of prose that goes on here.

  timeout  time*          words, beginnings, anywhere in an
                          event
  short    a word

Example:
  crashvault search 'one two three four five six'",
        );
    }

    #[test]
    fn in_few_columns_a_meaning_stands_below() {
        check(
            40,
            "\
One line of prose that goes on here.

  timeout  time*
      words, beginnings, anywhere in an
      event
  short    a word

Example:
  crashvault search 'one two three four five six'",
        );
    }
}
