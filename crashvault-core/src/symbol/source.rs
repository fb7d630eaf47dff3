//! Enters: a source file's path, a line, and the moment it must not be newer than. Leaves: the line and its surroundings.
//!
//! Never: reads anything but regular files of a stated size, and none that changed since.

use std::collections::HashMap;
use std::path::Path;

use super::file::{RegularFile, mtime_ns};
use crate::event::Frame;
use crate::event::limits::cut;
use crate::time::Timestamp;

/// Lines kept before and after.
const CONTEXT_LINES: usize = 5;
/// One line, in bytes.
const LINE_BYTES_MAX: usize = 256;
/// A source file, in bytes.
const FILE_BYTES_MAX: u64 = 2 << 20;
/// All files held at once, in bytes; what is over it is forgotten and read again.
const CACHE_BYTES_MAX: usize = 16 << 20;
/// Paths remembered at once, with or without a file behind them.
const CACHE_FILES_MAX: usize = 512;

/// A source line with its surroundings.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SourceContext {
    pub before: Vec<String>,
    pub line: String,
    pub after: Vec<String>,
}

impl SourceContext {
    pub fn fill(self, frame: &mut Frame) {
        frame.pre_context = self.before;
        frame.context_line = Some(self.line);
        frame.post_context = self.after;
    }
}

/// Source files, read once.
#[derive(Default)]
pub(super) struct Sources {
    files: HashMap<Box<str>, Source>,
    len: usize,
}

struct Source {
    text: Option<Text>,
    mtime_ns: i64,
    /// Until when the file is known to have held this text.
    seen_ns: i64,
}

struct Text {
    text: String,
    /// Where each line starts.
    starts: Vec<u32>,
}

impl Sources {
    /// The 1-based `line` of `path` with its surroundings, unless the file changed after `not_after`.
    pub fn context(
        &mut self,
        path: &str,
        line: u64,
        not_after: Timestamp,
    ) -> Option<SourceContext> {
        let not_after = not_after.as_nanos();
        // What was read holds for every moment between the file's last change and the reading; for a later one it is asked again.
        let known = self.files.get_mut(path);
        if !known.is_some_and(|source| source.seen_ns >= not_after || source.is_unchanged(path)) {
            self.read(path);
        }
        let source = self.files.get(path)?;
        if source.mtime_ns > not_after {
            return None;
        }
        source.text.as_ref()?.context(line)
    }

    fn read(&mut self, path: &str) {
        if let Some(old) = self.files.remove(path) {
            self.len -= old.len();
        }
        let source = Source::read(path);
        if self.files.len() >= CACHE_FILES_MAX || self.len + source.len() > CACHE_BYTES_MAX {
            self.files.clear();
            self.len = 0;
        }
        self.len += source.len();
        self.files.insert(path.into(), source);
    }
}

impl Source {
    fn read(path: &str) -> Self {
        let seen_ns = Timestamp::now().as_nanos();
        let file = RegularFile::open(Path::new(path)).ok();
        let changed_ns = file.as_ref().map_or(0, |file| file.mtime_ns);
        let bytes = file
            .filter(|file| file.len <= FILE_BYTES_MAX)
            .and_then(|file| file.read(0, file.len));
        Self {
            text: bytes.map(|bytes| Text::new(String::from_utf8_lossy(&bytes).into_owned())),
            mtime_ns: changed_ns,
            seen_ns,
        }
    }

    /// Whether the file is still the one that was read; if so it is known to be until now.
    fn is_unchanged(&mut self, path: &str) -> bool {
        let now_ns = Timestamp::now().as_nanos();
        let unchanged = self.text.is_some()
            && std::fs::metadata(path)
                .is_ok_and(|metadata| metadata.is_file() && mtime_ns(&metadata) == self.mtime_ns);
        if unchanged {
            self.seen_ns = now_ns;
        }
        unchanged
    }

    fn len(&self) -> usize {
        self.text.as_ref().map_or(0, |text| {
            text.text.len() + text.starts.len() * size_of::<u32>()
        })
    }
}

impl Text {
    fn new(text: String) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(ends.map(|(at, _)| at + 1))
            // Cannot fail: a file has at most 2 MB, three bytes for each of them after replacement.
            .filter_map(|at| u32::try_from(at).ok())
            .collect();
        Self { text, starts }
    }

    fn context(&self, line: u64) -> Option<SourceContext> {
        let at = usize::try_from(line.checked_sub(1)?).ok()?;
        let lines = |range: std::ops::Range<usize>| -> Vec<String> {
            range.map_while(|at| self.line(at)).collect()
        };
        Some(SourceContext {
            line: self.line(at)?,
            before: lines(at.saturating_sub(CONTEXT_LINES)..at),
            after: lines(at + 1..at + 1 + CONTEXT_LINES),
        })
    }

    /// The line at a 0-based number; `None` behind the last one.
    fn line(&self, at: usize) -> Option<String> {
        let start = *self.starts.get(at)? as usize;
        let end = self
            .starts
            .get(at + 1)
            .map_or(self.text.len(), |end| *end as usize);
        // The part behind the last line end is no line.
        if start == self.text.len() {
            return None;
        }
        let line = self.text.get(start..end)?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Some(cut(line, LINE_BYTES_MAX).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "1\n2\n3\r\n4\n5\n6\n7\n8";

    fn check(line: u64, expected: Option<(&str, &str, &str)>) {
        let found = Text::new(TEXT.into()).context(line);
        let found = found.map(|c| (c.before.join(""), c.line, c.after.join("")));
        let expected = expected.map(|(b, l, a)| (b.to_owned(), l.to_owned(), a.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn five_lines_stand_around() {
        check(7, Some(("23456", "7", "8")));
        check(2, Some(("1", "2", "34567")));
    }

    #[test]
    fn the_ends_are_ends() {
        check(1, Some(("", "1", "23456")));
        check(8, Some(("34567", "8", "")));
        check(9, None);
        check(0, None);
        check(u64::MAX, None);
    }

    #[test]
    fn an_empty_file_has_no_line() {
        assert_eq!(Text::new(String::new()).context(1), None);
    }

    #[test]
    fn a_long_line_is_cut() {
        let context = Text::new("x".repeat(1000)).context(1).unwrap();
        assert!(context.line.len() <= LINE_BYTES_MAX && context.line.starts_with("xxx"));
    }

    fn file(text: &[u8]) -> (crate::scratch::Scratch, String) {
        let dir = crate::scratch::scratch();
        let path = dir.path().join("a.rs");
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (dir, path)
    }

    fn after_mtime(path: &str, by_ns: i64) -> Timestamp {
        let metadata = std::fs::metadata(path).unwrap();
        Timestamp::from_nanos(super::super::file::mtime_ns(&metadata) + by_ns)
    }

    #[test]
    fn a_file_newer_than_the_moment_is_not_used() {
        let (_dir, path) = file(b"fn main() {}\n");
        let mut sources = Sources::default();
        assert!(sources.context(&path, 1, after_mtime(&path, -1)).is_none());
        assert!(sources.context(&path, 1, after_mtime(&path, 0)).is_some());
    }

    #[test]
    fn a_change_after_the_reading_is_seen() {
        let (_dir, path) = file(b"old\n");
        let mut sources = Sources::default();
        let first = after_mtime(&path, 0);
        assert_eq!(sources.context(&path, 1, first).unwrap().line, "old");
        std::fs::write(&path, "new\n").unwrap();
        let later = Timestamp::now().saturating_add_secs(10);
        assert_eq!(sources.context(&path, 1, later).unwrap().line, "new");
        assert!(sources.context(&path, 1, first).is_none());
    }

    #[test]
    fn an_unchanged_file_is_not_read_again() {
        let (_dir, path) = file(b"old\n");
        let mut sources = Sources::default();
        sources.context(&path, 1, after_mtime(&path, 0));
        // Other text at the same time would show that it was read.
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, "new\n").unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(modified).unwrap();
        let later = Timestamp::now().saturating_add_secs(10);
        assert_eq!(sources.context(&path, 1, later).unwrap().line, "old");
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        let (_dir, path) = file(b"a\xffb\n");
        let found = Sources::default().context(&path, 1, after_mtime(&path, 0));
        assert_eq!(found.unwrap().line, "a\u{fffd}b");
    }

    #[test]
    fn a_large_file_is_not_read() {
        let (_dir, path) = file(&vec![b'x'; FILE_BYTES_MAX as usize + 1]);
        assert!(
            Sources::default()
                .context(&path, 1, after_mtime(&path, 0))
                .is_none()
        );
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let now = Timestamp::now();
        for path in ["/dev/zero", "/", "src/lib.rs", "", "/none/such"] {
            assert!(Sources::default().context(path, 1, now).is_none(), "{path}");
        }
    }

    #[test]
    fn the_cache_stays_within_its_bounds() {
        let dir = crate::scratch::scratch();
        let mut sources = Sources::default();
        for number in 0..20 {
            let path = dir.path().join(number.to_string());
            std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
            sources.context(path.to_str().unwrap(), 1, Timestamp::now());
            assert!(sources.len <= CACHE_BYTES_MAX);
        }
        let held: usize = sources.files.values().map(Source::len).sum();
        assert_eq!(held, sources.len);
    }
}
