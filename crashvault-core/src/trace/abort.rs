//! What the C and C++ runtimes print before they abort a program: `terminate called after throwing …`, assertions that
//! failed, heaps that were found broken. There is no stack; an assertion names its place.

use super::native::{set_place, trace, without_signature};
use super::text::Text;
use super::{Frame, Trace, at, exception};
use crate::event::Exception;

/// Lines between what the runtime said and the report of a tool on the same abort.
const ABOVE_LINES_MAX: usize = 8;

const MARKS: &[&str] = &[
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
];

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut lines: Vec<usize> = Vec::new();
    for mark in MARKS {
        lines.extend(text.places(mark).map(|(line, _)| line));
    }
    lines.sort_unstable();
    lines.dedup();
    for line in lines {
        if let Some(said) = said(text.line(line), text.line(line + 1)) {
            found.push(trace(said.exception, Vec::new(), line..line + said.lines));
        }
    }
}

/// What the runtime said right above a report of the abort, and the line where it begins.
pub(super) fn above(text: &Text<'_>, line: usize, free: usize) -> Option<(Exception, usize)> {
    let mut lines = (free.max(line.saturating_sub(ABOVE_LINES_MAX))..line).rev();
    lines.find_map(|number| {
        Some((
            said(text.line(number), text.line(number + 1))?.exception,
            number,
        ))
    })
}

struct Said {
    exception: Exception,
    lines: usize,
}

fn said(line: &str, next: &str) -> Option<Said> {
    let line = line.trim_end();
    terminated(line, next).or_else(|| {
        let exception = uncaught(line)
            .or_else(|| assertion(line))
            .or_else(|| assertion_of_macos(line))
            .or_else(|| broken_heap(line))?;
        Some(Said {
            exception,
            lines: 1,
        })
    })
}

fn failure(ty: &str, value: Option<&str>) -> Exception {
    exception(Some(ty), value, Vec::new())
}

/// libstdc++: `terminate called after throwing an instance of 'std::out_of_range'`, and `what():  key` below.
fn terminated(line: &str, next: &str) -> Option<Said> {
    let at = line.find("terminate called ")?;
    let how = &line[at..];
    let thrown = how
        .split_once("throwing an instance of '")
        .and_then(|(_, ty)| ty.strip_suffix('\''));
    let Some(ty) = thrown else {
        let known = how.ends_with("without an active exception") || how.ends_with("recursively");
        return known.then(|| Said {
            exception: failure(how, None),
            lines: 1,
        });
    };
    let what = next
        .split_once("  what():  ")
        .map(|(_, what)| what.trim_end());
    Some(Said {
        exception: failure(ty, what),
        lines: 1 + usize::from(what.is_some()),
    })
}

/// libc++: `libc++abi: terminating due to uncaught exception of type std::length_error: vector`
fn uncaught(line: &str) -> Option<Exception> {
    let (_, how) = line.split_once("libc++abi")?;
    let (_, how) = how.split_once(": terminating ")?;
    let Some((_, thrown)) = how.split_once("uncaught exception of type ") else {
        let (_, what) = how.split_once("uncaught ")?;
        return Some(failure(what, None));
    };
    match thrown.split_once(": ") {
        Some((ty, what)) => Some(failure(ty, Some(what))),
        None => Some(failure(thrown, None)),
    }
}

/// glibc and libstdc++: `shop: cart.c:12: total: Assertion `count > 0' failed.`
fn assertion(line: &str) -> Option<Exception> {
    let line = line.strip_suffix('.').unwrap_or(line);
    let (before, asserted) = line.strip_suffix("' failed")?.split_once(": Assertion ")?;
    let asserted = asserted.strip_prefix(['`', '\''])?;
    let mut frame = Frame::default();
    // The place is the first `file:line: ` of the line, the program's name may stand before it.
    let mut start = 0;
    for (end, _) in before.match_indices(": ") {
        let place = &before[start..end];
        if at::split_number(place).is_some() {
            set_place(&mut frame, place);
            let function = without_signature(
                before[end + 2..]
                    .split(" [with ")
                    .next()
                    .unwrap_or_default(),
            );
            frame.function = Some(function.to_owned());
            break;
        }
        start = end + 2;
    }
    Some(exception(
        Some("Assertion failed"),
        Some(asserted),
        vec![frame],
    ))
}

/// `Assertion failed: (count > 0), function total, file cart.c, line 12.`
fn assertion_of_macos(line: &str) -> Option<Exception> {
    let (_, rest) = line.split_once("Assertion failed: ")?;
    let (rest, number) = rest
        .strip_suffix('.')
        .unwrap_or(rest)
        .rsplit_once(", line ")?;
    let (rest, file) = rest.rsplit_once(", file ")?;
    let (asserted, function) = match rest.rsplit_once(", function ") {
        Some((asserted, function)) => (asserted, Some(function)),
        None => (rest, None),
    };
    let mut frame = Frame::default();
    set_place(&mut frame, file);
    frame.lineno = Some(
        number
            .trim_end_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .ok()?,
    );
    frame.function = function.map(str::to_owned);
    Some(exception(
        Some("Assertion failed"),
        Some(asserted),
        vec![frame],
    ))
}

/// What glibc says of a heap or a stack that it finds broken.
const BROKEN: &[&str] = &[
    "free(): ",
    "malloc(): ",
    "realloc(): ",
    "calloc(): ",
    "munmap_chunk(): ",
    "malloc_consolidate(): ",
    "mremap_chunk(): ",
    "double free or corruption (",
    "corrupted size vs. prev_size",
    "corrupted double-linked list",
    "*** stack smashing detected ***",
    "*** buffer overflow detected ***",
];

fn broken_heap(line: &str) -> Option<Exception> {
    // Until 2.26: *** Error in `./shop': free(): invalid pointer: 0x0001 ***
    if let Some((_, rest)) = line.split_once("*** Error in `") {
        let (_, what) = rest.strip_suffix(" ***")?.split_once("': ")?;
        let (what, address) = what.rsplit_once(": ").unwrap_or((what, ""));
        return Some(failure(
            what,
            Some(address).filter(|address| !address.is_empty()),
        ));
    }
    let at = BROKEN.iter().find_map(|start| line.find(start))?;
    // Programs write of `free(): ` too; the C library says nothing else on its line.
    let is_alone = at == 0 || line[..at].ends_with([' ', '\t', '|']);
    let what = &line[at..];
    let what = what
        .split(" ***: ")
        .next()
        .unwrap_or(what)
        .trim_start_matches("*** ");
    let is_short = what.len() < 60 && !what.contains(['=', '"', ';']);
    (is_alone && is_short).then(|| failure(what, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::native::testing::shown;
    use crate::trace::shown::any_bytes;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(find, text), expected, "{text}");
    }

    const TEXTS: &str = "terminate called after throwing an instance of 'std::out_of_range'\n  what():  key 7\nshop: a.c:3: f: Assertion `x' failed.\nAssertion failed: (x), function f, file a.c, line 3.\nfree(): invalid pointer\n*** Error in `./a': free(): x: 0x1 ***\n";

    #[test]
    fn exceptions_that_nobody_caught_are_read() {
        check(
            "terminate called after throwing an instance of 'std::out_of_range'\n  what():  key 7: not found\nAborted (core dumped)\n",
            "std::out_of_range: key 7: not found | ",
        );
        check(
            "log: terminate called after throwing an instance of 'int'\nAborted\n",
            "int:  | ",
        );
        check(
            "terminate called without an active exception\n",
            "terminate called without an active exception:  | ",
        );
        check(
            "libc++abi.dylib: terminating with uncaught exception of type std::length_error: vector\n",
            "std::length_error: vector | ",
        );
        check(
            "libc++abi: terminating due to uncaught exception of type int\n",
            "int:  | ",
        );
    }

    #[test]
    fn assertions_are_read_with_their_place() {
        check(
            "shop: src/cart.c:12: int total(const Cart *): Assertion `count > 0 && \"x: y\"' failed.\nAborted\n",
            "Assertion failed: count > 0 && \"x: y\" | total src/cart.c:12",
        );
        check(
            "/usr/include/c++/12/bits/stl_vector.h:1123: std::vector<T>::reference std::vector<T>::operator[](size_type) [with _Tp = int]: Assertion '__n < this->size()' failed.\n",
            "Assertion failed: __n < this->size() | std::vector<T>::operator[] /usr/include/c++/12/bits/stl_vector.h:1123",
        );
        check(
            "Assertion failed: (count > 0), function total, file cart.c, line 12.\n",
            "Assertion failed: (count > 0) | total cart.c:12",
        );
    }

    #[test]
    fn broken_heaps_are_read() {
        check(
            "free(): invalid pointer\nAborted (core dumped)\n",
            "free(): invalid pointer:  | ",
        );
        check(
            "app | double free or corruption (fasttop)\n",
            "double free or corruption (fasttop):  | ",
        );
        check(
            "*** stack smashing detected ***: terminated\n",
            "stack smashing detected:  | ",
        );
        check(
            "*** Error in `./shop': free(): invalid pointer: 0x0001 ***\n",
            "free(): invalid pointer: 0x0001 | ",
        );
    }

    #[test]
    fn what_is_no_abort_is_passed_over() {
        check("we call my_free(): it is \"fine\"\n", "");
        check("*** a heading ***\n", "");
        check("Assertion tests passed\n", "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, TEXTS);
    }
}
