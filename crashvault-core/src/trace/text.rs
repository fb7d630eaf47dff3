//! Enters: a text. Leaves: its lines by number, where something stands in it, and lines without what a log wrote before them.

use std::cell::OnceCell;
use std::ops::Range;

use super::marks::{self, MARKS};
use memchr::memmem;

/// The same mark in one line.
const PER_LINE_MAX: usize = 16;

/// A text and where its lines are.
pub(super) struct Text<'t> {
    text: &'t str,
    /// Where each line begins; the length of the text behind the last.
    starts: Vec<usize>,
    /// Where each of [`MARKS`] stands.
    marks: Vec<Vec<usize>>,
    /// Lines that are read, in their order.
    taken: Vec<Range<usize>>,
    /// Where calls stand behind an `at`; several languages ask for them.
    calls: OnceCell<Vec<usize>>,
    /// Bytes of lines that were asked for.
    #[cfg(test)]
    pub(super) asked: std::cell::Cell<usize>,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|end| end + 1);
        let mut starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
        if starts.last() != Some(&text.len()) {
            starts.push(text.len());
        }
        Self {
            text,
            starts,
            marks: marks::places(text.as_bytes()),
            taken: Vec::new(),
            calls: OnceCell::new(),
            #[cfg(test)]
            asked: std::cell::Cell::default(),
        }
    }

    /// Marks in these lines are passed over from now on. The lines are in their order.
    pub(super) fn take(&mut self, lines: impl Iterator<Item = Range<usize>>) {
        self.taken = lines.collect();
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// A line without its end; empty behind the last.
    pub(super) fn line(&self, number: usize) -> &'t str {
        let (Some(&start), Some(&end)) = (self.starts.get(number), self.starts.get(number + 1))
        else {
            return "";
        };
        let line = &self.text[start..end];
        #[cfg(test)]
        self.asked.set(self.asked.get() + line.len());
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// All from a line on.
    pub(super) fn rest(&self, number: usize) -> &'t str {
        let start = self.starts.get(number).copied();
        &self.text[start.unwrap_or(self.text.len())..]
    }

    /// Whether `mark` stands anywhere.
    pub(super) fn contains(&self, mark: &str) -> bool {
        match self.known(mark) {
            Some(places) => !places.is_empty(),
            None => memmem::find(self.text.as_bytes(), mark.as_bytes()).is_some(),
        }
    }

    /// Where `mark` stands: the number of the line, and the byte within it. In the order of the text. A mark is within one
    /// line.
    pub(super) fn places<'a>(&'a self, mark: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.places_if(mark, |_, _| true)
    }

    /// The same, of those that `keep` wants: it sees the text and where in it the mark begins, before its line is looked up.
    pub(super) fn places_if<'a>(
        &'a self,
        mark: &'a str,
        keep: impl Fn(&[u8], usize) -> bool + 'a,
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let text = self.text.as_bytes();
        let known = self.known(mark);
        let unknown = known.is_none().then(|| memmem::find_iter(text, mark));
        let places = known
            .into_iter()
            .flatten()
            .copied()
            .chain(unknown.into_iter().flatten())
            .filter(move |&at| keep(text, at));
        self.free(places)
    }

    /// Where calls stand behind an `at`, as `find` finds them.
    pub(super) fn calls<'a>(
        &'a self,
        find: impl FnOnce(&[u8]) -> Vec<usize>,
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let calls = self.calls.get_or_init(|| find(self.text.as_bytes()));
        self.free(calls.iter().copied())
    }

    /// Places, in their order, by line and byte, without those in lines that are read. Of many in one line the first: reading
    /// a line again for each of them would take the square of its length.
    fn free<'a>(
        &'a self,
        places: impl Iterator<Item = usize> + 'a,
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let (mut number, mut of_line) = (0, 0);
        let mut taken = self.taken.iter().peekable();
        places.filter_map(move |at| {
            let line = self.line_at(at, number);
            of_line = if line == number { of_line + 1 } else { 1 };
            number = line;
            while taken.next_if(|lines| lines.end <= line).is_some() {}
            let is_free = taken.peek().is_none_or(|lines| line < lines.start);
            (is_free && of_line <= PER_LINE_MAX).then(|| (line, at - self.starts[line]))
        })
    }

    /// The places of a mark that was looked for from the beginning.
    fn known(&self, mark: &str) -> Option<&[usize]> {
        let number = MARKS.iter().position(|known| *known == mark)?;
        self.marks.get(number).map(Vec::as_slice)
    }

    /// The line that holds the byte `at`, which is not before line `from`: most are near it.
    fn line_at(&self, at: usize, from: usize) -> usize {
        let mut step = 1;
        while self
            .starts
            .get(from + step)
            .is_some_and(|&start| start <= at)
        {
            step *= 2;
        }
        let (low, high) = (from + step / 2, self.starts.len().min(from + step + 1));
        low + self.starts[low + 1..high].partition_point(|&start| start <= at)
    }
}

/// What a log writes before each line: `2026-01-02 03:04:05,678 ERROR [7] `, `app_1  | `, `E/AndroidRuntime( 123): `.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix<'t> {
    shape: &'t str,
}

impl<'t> Prefix<'t> {
    /// What stands before `column` in the line where a failure begins.
    pub(super) fn of(line: &'t str, column: usize) -> Self {
        Self {
            shape: line.get(..column).unwrap_or_default(),
        }
    }

    /// The line without a prefix of this shape: the same but for the digits of times and numbers. Lines of a failure that
    /// have no prefix come as they are.
    pub(super) fn strip<'l>(&self, line: &'l str) -> &'l str {
        self.of_line(line).unwrap_or(line)
    }

    /// The same; `None` where the line has no such prefix.
    pub(super) fn of_line<'l>(&self, line: &'l str) -> Option<&'l str> {
        // Most lines have the very prefix, or none.
        if let Some(rest) = line.strip_prefix(self.shape) {
            return Some(rest);
        }
        let (mut shape, mut rest) = (self.shape, line);
        loop {
            let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
            match (digits(shape), digits(rest)) {
                (0, 0) => {}
                (0, _) | (_, 0) => return None,
                (of_shape, of_line) => (shape, rest) = (&shape[of_shape..], &rest[of_line..]),
            }
            let Some(character) = shape.chars().next() else {
                return Some(rest);
            };
            // Collectors of logs take the blanks off the ends of lines.
            if rest.is_empty() && shape.trim().is_empty() {
                return Some(rest);
            }
            rest = rest.strip_prefix(character)?;
            shape = &shape[character.len_utf8()..];
        }
    }
}

/// The text without what colours a terminal.
pub(super) fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(0x1b, rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        let sequence = &rest[at + 1..];
        rest = match sequence.strip_prefix('[') {
            Some(control) => {
                let end = control
                    .bytes()
                    .position(|byte| !(b' '..=b'?').contains(&byte));
                match end {
                    Some(end) if (b'@'..=b'~').contains(&control.as_bytes()[end]) => {
                        &control[end + 1..]
                    }
                    _ => control,
                }
            }
            None => sequence,
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_number() {
        let text = Text::new("a\r\nb\n\nc");
        let lines: Vec<&str> = (0..text.len() + 1).map(|n| text.line(n)).collect();
        assert_eq!(lines, ["a", "b", "", "c", ""]);
        assert_eq!(Text::new("").len(), 0);
        assert_eq!(Text::new("a\n").len(), 1);
    }

    #[test]
    fn marks_are_found_with_their_lines() {
        let text = Text::new("x at\n\nat at\n");
        let places: Vec<_> = text.places("at").collect();
        assert_eq!(places, [(0, 2), (2, 0), (2, 3)]);
        assert!(!text.contains("xat"));
    }

    #[track_caller]
    fn check_prefix(first: &str, column: usize, line: &str, expected: &str) {
        assert_eq!(Prefix::of(first, column).strip(line), expected, "{line}");
    }

    #[test]
    fn prefixes_of_logs_are_taken_off() {
        check_prefix("app_1  | boom", 9, "app_1  |   at x", "  at x");
        check_prefix(
            "2026-01-02 03:04:05,678 E boom",
            26,
            "2026-01-02 03:04:15,9 E  at x",
            " at x",
        );
        check_prefix("E/Run( 1): boom", 11, "E/Run( 22): at x", "at x");
    }

    #[test]
    fn lines_without_the_prefix_stay() {
        check_prefix("ERROR boom", 6, "  at x", "  at x");
        check_prefix("", 0, "  at x", "  at x");
        check_prefix("12: boom", 4, "a: b", "a: b");
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(without_escapes("\x1b[1;31mError\x1b[0m: x"), "Error: x");
        assert_eq!(without_escapes("a\x1b"), "a");
        assert_eq!(without_escapes("a\x1b[31"), "a31");
        assert_eq!(without_escapes("\x1b[31é"), "31é");
    }
}
