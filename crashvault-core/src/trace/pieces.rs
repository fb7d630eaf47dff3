//! Enters: many small texts, each out of a line. Leaves: the first failure with frames of each.
//!
//! They are read as one text with walls between, since a text by itself costs more than its few bytes. What reaches over a
//! wall is read again by itself.

use std::ops::Range;

use super::escaped;
use super::text::Text;
use super::{Trace, find_all};

/// A record of a log, which ends whatever is above, between blank lines.
const WALL: &str = "\n\n2000-01-01 00:00:00 INFO\n\n";
const WALL_LINES: usize = 4;
/// Read at once.
const BYTES_MAX: usize = 1 << 20;

/// Texts and the lines that they are out of, in the order of the lines.
#[derive(Default)]
pub(super) struct Pieces {
    of_line: Vec<usize>,
    texts: Vec<String>,
    bytes: usize,
}

impl Pieces {
    pub(super) fn push(&mut self, line: usize, text: String) {
        self.bytes += text.len() + WALL.len();
        self.of_line.push(line);
        self.texts.push(text);
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX
    }

    /// The first failure with frames of each line, in the order of the lines.
    pub(super) fn traces(&self) -> Vec<Trace> {
        let mut traces: Vec<Trace> = Vec::new();
        for (&line, found) in self.of_line.iter().zip(self.first_of_each()) {
            let is_first = traces.last().is_none_or(|last| last.lines.start < line);
            if let Some(mut trace) = found.filter(|_| is_first) {
                trace.lines = line..line + 1;
                traces.push(trace);
            }
        }
        traces
    }

    fn first_of_each(&self) -> Vec<Option<Trace>> {
        let mut found = found(&self.texts);
        // What has no failure may have been escaped twice.
        let mut within = Self::default();
        for (number, text) in self.texts.iter().enumerate() {
            if found[number].is_empty() && text.contains("\\n") {
                let values = escaped::values_or_all(text).into_iter();
                values.for_each(|value| within.push(number, value));
            }
        }
        if !within.texts.is_empty() {
            for (&number, traces) in within.of_line.iter().zip(self::found(&within.texts)) {
                if found[number].is_empty() {
                    found[number] = traces;
                }
            }
        }
        let first = |traces: Vec<Trace>| traces.into_iter().find(|trace| trace.frames_max() > 0);
        found.into_iter().map(first).collect()
    }
}

/// The failures in each of the texts.
fn found(texts: &[String]) -> Vec<Vec<Trace>> {
    let mut found: Vec<Vec<Trace>> = vec![Vec::new(); texts.len()];
    let mut is_apart = vec![false; texts.len()];
    let lines = lines(texts);
    let mut traces = Vec::new();
    find_all(&mut Text::new(&texts.join(WALL)), &mut traces);
    for trace in traces {
        let number = lines.partition_point(|lines| lines.end <= trace.lines.start);
        let is_within = lines
            .get(number)
            .is_some_and(|lines| lines.start <= trace.lines.start && trace.lines.end <= lines.end);
        if is_within {
            found[number].push(trace);
            continue;
        }
        let touched = lines[number..].iter().zip(&mut is_apart[number..]);
        touched
            .take_while(|(lines, _)| lines.start < trace.lines.end)
            .for_each(|(_, is_apart)| *is_apart = true);
    }
    for (number, _) in is_apart
        .iter()
        .enumerate()
        .filter(|(_, is_apart)| **is_apart)
    {
        found[number].clear();
        find_all(&mut Text::new(&texts[number]), &mut found[number]);
    }
    found
}

/// The lines of each text where all are one.
fn lines(texts: &[String]) -> Vec<Range<usize>> {
    let mut next = 0;
    let lines = texts.iter().map(|text| {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let lines = next..next + ends + 1;
        next = lines.end + WALL_LINES - 1;
        lines
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::own_texts;
    use super::*;

    #[test]
    fn walls_are_between_the_lines() {
        let texts = [
            "a".to_owned(),
            "b\n".to_owned(),
            String::new(),
            "d".to_owned(),
        ];
        let joined = texts.join(WALL);
        let text = Text::new(&joined);
        let read = |lines: &Range<usize>| -> Vec<&str> {
            lines.clone().map(|line| text.line(line)).collect()
        };
        let lines: Vec<_> = lines(&texts).iter().map(read).collect();
        assert_eq!(lines, [vec!["a"], vec!["b", ""], vec![""], vec!["d"]]);
    }

    #[test]
    fn many_texts_at_once_are_read_as_alone() {
        let texts: Vec<String> = own_texts().into_iter().map(|(_, text)| text).collect();
        // Each beside each, and halves, which may go on in the next.
        let halves = |text: &String| {
            let lines: Vec<&str> = text.lines().collect();
            let (first, second) = lines.split_at(lines.len() / 2);
            [first.join("\n"), second.join("\n")]
        };
        let pairs = texts
            .iter()
            .flat_map(|first| texts.iter().flat_map(move |second| [first, second]));
        let halves: Vec<String> = texts.iter().flat_map(halves).collect();
        let all: Vec<String> = pairs.take(2000).cloned().chain(halves).collect();
        for (text, found) in all.iter().zip(found(&all)) {
            let mut alone = Vec::new();
            find_all(&mut Text::new(text), &mut alone);
            for one in alone.iter_mut() {
                one.lines = 0..0;
            }
            let found: Vec<Trace> = found
                .into_iter()
                .map(|one| Trace { lines: 0..0, ..one })
                .collect();
            assert_eq!(found, alone, "{text}");
        }
    }
}
