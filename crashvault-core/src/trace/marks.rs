//! Enters: a text. Leaves: where each mark of the languages stands in it, found in one walk for all of them.
//!
//! Of each mark two groups of four bytes, one byte apart, are in a table. At every second byte of the text a group is looked
//! up there: whatever the byte a mark begins at, one of its two is met. Only then the mark itself is compared.

use std::sync::LazyLock;

/// What the languages look for, as far as it is long enough. Others are looked for one by one.
pub(super) const MARKS: &[&str] = &[
    // Python.
    "(most recent call ",
    "\", line ",
    "= FAILURES =",
    "= ERRORS =",
    "__ test",
    "__ Test",
    "__ ERROR ",
    // Java.
    "Exception in thread \"",
    "has been detected by the Java Runtime Environment",
    "insufficient memory for the Java Runtime Environment",
    // Sanitizers.
    "Sanitizer: ",
    "ERROR: libFuzzer: ",
    ": runtime error: ",
    "Received signal ",
    // Android.
    ", tid: ",
    // Debuggers.
    "frame #0: ",
    "STACK_TEXT:",
    "RetAddr",
    // Go.
    "goroutine ",
    "panic.go:",
    // Rust.
    "panicked at ",
    " has overflowed its stack",
    "Caused by:",
    "The application panicked (crashed)",
    "Location:",
    // The kernel.
    "Call Trace:",
    "Call trace:",
    "Kernel Library Stack Trace:",
    // Apple.
    "Exception Type:",
    "Terminating app due to uncaught exception '",
    ".swift:",
    "Fatal error: ",
    "\"faultingThread\"",
    "Program crashed: ",
    "Current stack trace:",
    // .NET.
    "Unhandled exception. ",
    "Exception",
    " (at ",
    // JavaScript.
    "Node.js v",
    // Dart.
    ".dart",
    "dart:",
    "_kDart",
    ".dart ",
    // Ruby.
    ":in `",
    ":in '",
    ": syntax error",
    // Erlang.
    "Reason for termination",
    "with exit value:",
    "exited with reason:",
    "exception error: ",
    "exception exit: ",
    "exception throw: ",
    // Lists in JSON.
    "stack\":",
    "Stack\":",
    "race\":",
    // PHP.
    "tack trace",
    "stacktrace]",
    "Parse error: ",
    // Runtimes of C and C++. Between the two parts of a symbol the digit makes the mark long enough.
    ") [0x",
    ")[0x0",
    ")[0x4",
    ")[0x5",
    ")[0x7",
    ")[0xa",
    ")[0xf",
    "terminate called ",
    "libc++abi",
    "Assertion ",
    "free(): ",
    "alloc(): ",
    "munmap_chunk(): ",
    "malloc_consolidate(): ",
    "mremap_chunk(): ",
    "*** Error in `",
    "*** stack smashing detected ***",
    "*** buffer overflow detected ***",
    "corruption (",
    "corrupted size vs",
    "corrupted double-linked list",
    // Lua, Perl.
    "stack traceback:",
    " near ",
    " line ",
];

const GROUP: usize = 4;
const TABLE_LEN: usize = 1 << 13;
/// Groups looked up at once.
const STEP: usize = 16;

/// A group of a mark.
struct Group {
    bytes: [u8; GROUP],
    mark: usize,
    /// Where the group begins in the mark.
    offset: usize,
}

struct Table {
    /// For each hash one more than the first of its groups; 0 for none.
    first: Box<[u8; TABLE_LEN]>,
    groups: Vec<Group>,
    /// The next of the same hash, in the same way.
    next: Vec<u8>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

impl Table {
    fn new() -> Self {
        let mut table = Self {
            first: Box::new([0; TABLE_LEN]),
            groups: Vec::new(),
            next: Vec::new(),
        };
        for (number, mark) in MARKS.iter().enumerate() {
            let start = rarest(mark.as_bytes());
            table.add(number, mark.as_bytes(), start);
            table.add(number, mark.as_bytes(), start + 1);
        }
        table
    }

    fn add(&mut self, mark: usize, bytes: &[u8], offset: usize) {
        let mut group = [0; GROUP];
        group.copy_from_slice(&bytes[offset..offset + GROUP]);
        let slot = &mut self.first[hash(group)];
        self.next.push(*slot);
        self.groups.push(Group {
            bytes: group,
            mark,
            offset,
        });
        *slot = self.groups.len() as u8;
    }

    fn first(&self, text: &[u8; STEP + GROUP], at: usize) -> u8 {
        self.first[hash([text[at], text[at + 1], text[at + 2], text[at + 3]])]
    }

    /// The marks with a group at a byte of the text.
    fn met(&self, text: &[u8], at: usize, places: &mut [Vec<usize>]) {
        let group = [text[at], text[at + 1], text[at + 2], text[at + 3]];
        let mut next = self.first[hash(group)];
        while let Some(number) = usize::from(next).checked_sub(1) {
            let found = &self.groups[number];
            next = self.next[number];
            if found.bytes == group
                && let Some(start) = at.checked_sub(found.offset)
                && text[start..].starts_with(MARKS[found.mark].as_bytes())
            {
                places[found.mark].push(start);
            }
        }
    }
}

/// Where the five bytes of a mark begin that are met least in other texts.
fn rarest(mark: &[u8]) -> usize {
    let frequency = |byte: &u8| match byte {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 4,
        b'a'..=b'z' => 3,
        b'0'..=b'9' | b'.' | b':' | b'/' | b'"' | b'\'' | b'(' | b',' => 2,
        _ => 1,
    };
    let groups = mark.windows(GROUP + 1).enumerate();
    let score = |bytes: &[u8]| bytes.iter().map(frequency).sum::<usize>();
    let rarest = groups.min_by_key(|(_, bytes)| score(bytes));
    rarest.map_or(0, |(start, _)| start)
}

fn hash(group: [u8; GROUP]) -> usize {
    (u32::from_le_bytes(group).wrapping_mul(0x9e37_79b1) >> 19) as usize
}

/// Where each mark begins in the text, in its order.
pub(super) fn places(text: &[u8]) -> Vec<Vec<usize>> {
    let table = &*TABLE;
    let mut places = vec![Vec::new(); MARKS.len()];
    let mut at = 0;
    while let Some(block) = text[at..].first_chunk::<{ STEP + GROUP }>() {
        let mut any = 0;
        for group in (0..STEP).step_by(2) {
            any |= table.first(block, group);
        }
        if any != 0 {
            for group in (at..at + STEP).step_by(2) {
                table.met(text, group, &mut places);
            }
        }
        at += STEP;
    }
    while at + GROUP <= text.len() {
        table.met(text, at, &mut places);
        at += 2;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use memchr::memmem;

    #[track_caller]
    fn check(text: &str) {
        for (mark, places) in MARKS.iter().zip(places(text.as_bytes())) {
            let one_by_one = memmem::find_iter(text.as_bytes(), mark.as_bytes());
            assert_eq!(places, one_by_one.collect::<Vec<_>>(), "{mark} in {text}");
        }
    }

    #[test]
    fn each_mark_is_found_wherever_it_stands() {
        for mark in MARKS {
            for before in 0..40 {
                let before = "x".repeat(before);
                check(&format!("{before}{mark}"));
                check(&format!("{before}{mark}é{mark}\n{mark}"));
            }
        }
    }

    #[test]
    fn parts_of_marks_are_none() {
        for mark in MARKS {
            for end in 0..mark.len() {
                check(&mark[..end]);
                check(&mark[end..]);
            }
        }
    }

    #[test]
    fn all_groups_have_a_number() {
        assert!(TABLE.groups.len() < usize::from(u8::MAX));
        assert!(MARKS.iter().all(|mark| mark.len() > GROUP));
    }
}
