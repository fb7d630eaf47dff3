//! Reports of the sanitizers (address, hardware address, leak, memory, thread, undefined behaviour), libFuzzer, and of
//! Chromium's signal handler, which prints its stacks like them.
//!
//! ```text
//! ==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x6020 at pc 0x55 bp 0x7f sp 0x7f
//! READ of size 4 at 0x6020 thread T0
//!     #0 0x55a4 in sum(int*) /srv/app/uaf.c:4:7
//!     #1 0x55a5 in _start (/srv/app/uaf+0x10e0) (BuildId: 12ab)
//!
//! freed by thread T0 here:
//!     #0 0x7f38 in free (/srv/app/uaf+0x20e0)
//! SUMMARY: AddressSanitizer: heap-use-after-free /srv/app/uaf.c:4:7 in sum(int*)
//! ```
//!
//! The first stack is where it failed. The others become threads, named by the line above them.

use std::borrow::Cow;

use super::native::{
    address, function_and_place, leading_address, leading_number, set_place, thread, trace,
    without_signature,
};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, abort, exception, rust};

/// Lines between the head of a report and its stack, and between its stacks.
const GAP_LINES_MAX: usize = 64;
/// Stacks read beside the first.
const STACKS_MAX: usize = 256;

/// The first line of a report.
struct Head<'t> {
    line: usize,
    prefix: Prefix<'t>,
    ty: Cow<'t, str>,
    value: Option<&'t str>,
    /// Where undefined behaviour was met; also printed where no stack is.
    place: Option<&'t str>,
}

/// Reads a head whose mark stands at a byte of a line.
type ReadHead = for<'t> fn(&'t str, usize) -> Option<Head<'t>>;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut heads: Vec<Head<'_>> = Vec::new();
    let kinds: [(&str, ReadHead); 4] = [
        ("Sanitizer: ", sanitizer),
        ("ERROR: libFuzzer: ", fuzzer),
        (": runtime error: ", undefined),
        ("Received signal ", signal),
    ];
    for (mark, read) in kinds {
        heads.extend(text.places(mark).filter_map(|(line, column)| {
            let head = read(text.line(line), column)?;
            Some(Head { line, ..head })
        }));
    }
    heads.sort_by_key(|head| head.line);
    let mut next_line = 0;
    for (number, head) in heads.iter().enumerate() {
        if head.line >= next_line {
            let mut report = read(text, head, &heads[number + 1..]);
            let aborted = matches!(&*head.ty, "ABRT" | "deadly signal");
            let said = aborted
                .then(|| abort::above(text, head.line, next_line))
                .flatten();
            if let Some((cause, start)) = said {
                report.exceptions.insert(0, cause);
                report.lines.start = start;
            }
            next_line = report.lines.end;
            found.push(report);
        }
    }
}

/// `==7==ERROR: AddressSanitizer: text`
fn sanitizer(line: &str, column: usize) -> Option<Head<'_>> {
    let before = &line[..column];
    let name = before
        .bytes()
        .rev()
        .take_while(u8::is_ascii_alphabetic)
        .count();
    let level = &before[..column - name];
    let (start, level_at) = level_start(level)?;
    let is_warning = level[level_at..].starts_with("WARNING");
    let text = &line[column + "Sanitizer: ".len()..];
    let warns = matches!(&before[column - name..], "Thread" | "Memory");
    let counts = if is_warning { warns } else { name > 0 };
    counts.then(|| head(line, start, text)).flatten()
}

/// Where `==7==` and where the `ERROR: ` behind it begins, at the end of a text.
fn level_start(text: &str) -> Option<(usize, usize)> {
    let level = ["ERROR: ", "WARNING: "]
        .into_iter()
        .find_map(|level| text.strip_suffix(level))?;
    let before = level.trim_end_matches(' ');
    let start = before
        .strip_suffix("==")
        .map(|rest| rest.trim_end_matches(|c: char| c.is_ascii_digit()))
        .and_then(|rest| rest.strip_suffix("=="));
    Some((start.map_or(level.len(), str::len), level.len()))
}

fn fuzzer(line: &str, column: usize) -> Option<Head<'_>> {
    let text = &line[column..];
    let (start, _) = level_start(&line[..column + "ERROR: ".len()])?;
    head(line, start, text.strip_prefix("ERROR: libFuzzer: ")?)
}

/// `Received signal 11 SEGV_MAPERR 000000000000`
fn signal(line: &str, column: usize) -> Option<Head<'_>> {
    let (_, rest) = leading_number(&line[column + "Received signal ".len()..])?;
    let (ty, rest) = rest
        .strip_prefix(' ')?
        .split_once(' ')
        .unwrap_or((rest.trim(), ""));
    let is_code = ty.contains('_') && ty.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    is_code.then(|| Head {
        line: 0,
        prefix: Prefix::of(line, column),
        ty: ty.into(),
        value: Some(rest).filter(|rest| !rest.is_empty()),
        place: None,
    })
}

/// `src/a.c:3:7: runtime error: text`
fn undefined(line: &str, column: usize) -> Option<Head<'_>> {
    let before = &line[..column];
    let start = match before.starts_with('/') {
        true => 0,
        false => before.rfind([' ', '\t']).map_or(0, |blank| blank + 1),
    };
    let place = &before[start..];
    let has_line = rust::split_number(place).1.is_some();
    if !has_line && place != "<unknown>" {
        return None;
    }
    let text = &line[column + ": runtime error: ".len()..];
    let text = text.trim_end();
    (!text.is_empty()).then(|| Head {
        line: 0,
        prefix: Prefix::of(line, start),
        ty: kind(text),
        value: Some(text),
        place: Some(place).filter(|_| has_line),
    })
}

/// What is said of undefined behaviour, without the values and types of this one time.
fn kind(text: &str) -> Cow<'_, str> {
    let ends = [
        ": ",
        " of type ",
        " for type ",
        " from type ",
        " through pointer ",
    ];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    let text = &text[..end.unwrap_or(text.len())];
    // `index 5 out of bounds`, `1e+10 is outside the range of representable values`
    let mut words = text.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(value), Some(_), _) if is_value(value) => {
            Cow::Borrowed(until_value(&text[value.len() + 1..]))
        }
        (Some(name), Some(value), Some(rest)) if is_value(value) => {
            Cow::Owned(format!("{name} {}", until_value(rest)))
        }
        _ => Cow::Borrowed(until_value(text)),
    }
}

/// The words before the first value.
fn until_value(text: &str) -> &str {
    let mut blanks = text.match_indices(' ').map(|(blank, _)| blank);
    let value = blanks.find(|&blank| is_value(&text[blank + 1..]));
    let text = text[..value.unwrap_or(text.len())].trim_end();
    text.strip_suffix(" of").unwrap_or(text)
}

/// Whether a number begins the text, as C prints it.
fn is_value(text: &str) -> bool {
    let text = text.trim_start_matches('-');
    let word = text.split(' ').next().unwrap_or_default();
    text.starts_with(|c: char| c.is_ascii_digit()) || matches!(word, "inf" | "nan")
}

fn head<'t>(line: &'t str, start: usize, text: &'t str) -> Option<Head<'t>> {
    let text = text.trim_end().trim_end_matches(':');
    let ends = [
        " on address 0x",
        " on unknown address",
        " (",
        ": ",
        "; ",
        " 0x",
        " after ",
    ];
    let end = ends.iter().filter_map(|end| text.find(end)).min();
    let ty = &text[..end.unwrap_or(text.len())];
    let ty = ty.strip_suffix(" on").unwrap_or(ty);
    let rest = text[ty.len()..].trim_start_matches([':', ';', ' ']);
    (!ty.is_empty()).then(|| Head {
        line: 0,
        prefix: Prefix::of(line, start),
        ty: ty.into(),
        value: Some(rest).filter(|rest| !rest.is_empty()),
        place: None,
    })
}

/// A report from its head on.
fn read(text: &Text<'_>, head: &Head<'_>, others: &[Head<'_>]) -> Trace {
    // libFuzzer may say the same twice before it comes to the stack.
    let mut others = others.iter().filter(|other| other.line > head.line);
    let (mut last_head, mut end) = (head.line, text.len());
    for other in others.by_ref() {
        if other.line - last_head > GAP_LINES_MAX || other.ty != head.ty {
            end = other.line;
            break;
        }
        if stack_start(text, head.prefix, last_head + 1, other.line).is_some() {
            end = other.line;
            break;
        }
        last_head = other.line;
    }
    let mut value = head.value;
    let mut frames = Vec::new();
    let mut threads = Vec::new();
    let mut next = last_head + 1;
    while let Some(stack) = stack_start(text, head.prefix, next, end) {
        if threads.len() == STACKS_MAX {
            break;
        }
        let title = title(text, head.prefix, last_head + 1, stack);
        let (read, behind) = read_stack(text, head.prefix, stack, end);
        if next == last_head + 1 {
            value = accessed(text, head.prefix, next, stack).or(value);
            frames = read;
        } else {
            threads.push(thread(None, title, read));
        }
        next = behind;
    }
    if let (true, Some(place)) = (frames.is_empty(), head.place) {
        let mut frame = Frame::default();
        set_place(&mut frame, place);
        frames.push(frame);
    }
    let exception = exception(Some(&head.ty), value, frames);
    trace(
        exception,
        threads,
        head.line..with_summary(text, head.prefix, next, end),
    )
}

/// What was done to the memory, as said between the head and the first stack.
fn accessed<'t>(text: &Text<'t>, prefix: Prefix<'_>, from: usize, to: usize) -> Option<&'t str> {
    (from..to).find_map(|number| {
        let line = prefix.strip(text.line(number)).trim();
        let said = match line.strip_prefix("==") {
            Some(own) => own.split_once("==").map_or(own, |(_, said)| said),
            None => line,
        };
        let starts = [
            "READ of size",
            "WRITE of size",
            "Read of size",
            "Write of size",
        ];
        let more = [
            "The signal is caused by",
            "Atomic ",
            "Direct leak of",
            "Indirect leak of",
        ];
        let is_access = starts
            .iter()
            .chain(&more)
            .any(|start| said.starts_with(start));
        is_access.then(|| said.trim_end_matches(':'))
    })
}

/// The line above a stack, without its colon.
fn title<'t>(text: &Text<'t>, prefix: Prefix<'_>, from: usize, stack: usize) -> Option<&'t str> {
    let above = (from..stack).rev().take(2);
    let mut said = above.map(|number| prefix.strip(text.line(number)).trim());
    said.find(|line| !line.is_empty())
        .filter(|line| numbered(line).is_none())
        .map(|line| line.trim_end_matches(':'))
}

/// The line with the next stack's first frame; `None` where the report is over before it.
fn stack_start(text: &Text<'_>, prefix: Prefix<'_>, from: usize, end: usize) -> Option<usize> {
    for number in from..end.min(from + GAP_LINES_MAX) {
        let line = prefix.strip(text.line(number)).trim_start();
        if line.starts_with("SUMMARY: ") && line.contains("Sanitizer: ")
            || line.ends_with("==ABORTING")
        {
            return None;
        }
        if numbered(line).is_some() {
            return Some(number);
        }
    }
    None
}

/// Frames, innermost first, and the line behind them. Some logs put blank lines between.
fn read_stack(
    text: &Text<'_>,
    prefix: Prefix<'_>,
    start: usize,
    end: usize,
) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let (mut number, mut behind) = (start, start + 1);
    while number < end && number < behind + 2 {
        let line = prefix.strip(text.line(number)).trim();
        match numbered(line) {
            Some((0, _)) if number > behind => break,
            Some((_, call)) => {
                if frames.len() < FRAMES_MAX {
                    frames.push(frame(call));
                }
                behind = number + 1;
            }
            None if line.is_empty() => {}
            None => break,
        }
        number += 1;
    }
    (frames, behind)
}

/// `#12 call`, and `#12.1 call` for what was inlined. libFuzzer counts its runs as `#12<tab>`.
fn numbered(line: &str) -> Option<(u64, &str)> {
    let (number, rest) = leading_number(line.strip_prefix('#')?)?;
    let rest = match rest.strip_prefix('.') {
        Some(inlined) => leading_number(inlined)?.1,
        None => rest,
    };
    let call = rest.strip_prefix(' ')?.trim();
    // The kernel prints its frames in brackets.
    (!call.is_empty() && !call.starts_with("[<")).then_some((number, call))
}

/// `0x55 in name /path:1:2 (/module+0x12) (BuildId: 12ab)`, each part of which may be missing.
fn frame(call: &str) -> Frame {
    let mut frame = Frame::default();
    let mut rest = call;
    if let Some((at, behind)) = leading_address(call) {
        frame.instruction_addr = at;
        rest = behind.trim_start();
        rest = rest.strip_prefix("in ").unwrap_or(rest);
    }
    if rest.ends_with(')')
        && let Some((before, _)) = rest.rsplit_once(" (BuildId:")
    {
        rest = before;
    }
    let (rest, module) = module(rest);
    frame.package = module.map(str::to_owned);
    let (function, place) = match rest
        .strip_suffix(']')
        .and_then(|rest| rest.rsplit_once(" ["))
    {
        // Chromium prints the place in brackets.
        Some((function, place)) if place.contains(':') => (function, place),
        _ => function_and_place(rest),
    };
    let function = without_signature(without_offset(function));
    let is_name = !matches!(function, "" | "<null>" | "<unknown>" | "??");
    frame.function = is_name.then(|| function.to_owned());
    set_place(&mut frame, place);
    frame
}

/// `(/lib/x.so:arm64+0x12)` or `<x.so>+0x12` at the end.
fn module(text: &str) -> (&str, Option<&str>) {
    let text = text.trim_end();
    if let Some(open) = opening(text) {
        let inside = &text[open + 1..text.len() - 1];
        if let Some((module, offset)) = inside.rsplit_once("+0x")
            && address(offset).is_some()
        {
            return (text[..open].trim_end(), Some(without_arch(module)));
        }
        if inside == "<unknown module>" {
            return (text[..open].trim_end(), None);
        }
    }
    if let Some((before, offset)) = text.rsplit_once(">+0x")
        && address(offset).is_some()
        && let Some((before, module)) = before.rsplit_once('<')
    {
        // The application itself has the name `<application>` in angles.
        let before = before.trim_end_matches(['<', ' ']);
        return (before, Some(module.trim_end_matches('>')));
    }
    (text, None)
}

/// Where the bracket opens that the last character closes.
fn opening(text: &str) -> Option<usize> {
    if !text.ends_with(')') {
        return None;
    }
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return (byte == b'(').then_some(at);
        }
    }
    None
}

fn without_arch(module: &str) -> &str {
    match module.rsplit_once(':') {
        Some((module, "x86_64" | "x86_64h" | "arm64" | "arm64e" | "i386")) => module,
        _ => module,
    }
}

/// macOS and Windows print how far into a function it was where they know no line.
fn without_offset(function: &str) -> &str {
    match function.rsplit_once("+0x") {
        Some((name, offset)) if address(offset).is_some() && !name.is_empty() => name,
        _ => function,
    }
}

/// The line behind the report: its summary is the last that belongs to it.
fn with_summary(text: &Text<'_>, prefix: Prefix<'_>, next: usize, end: usize) -> usize {
    let mut lines = next..end.min(next + GAP_LINES_MAX);
    let summary = lines.find(|&number| {
        let line = prefix.strip(text.line(number)).trim_start();
        line.starts_with("SUMMARY: ")
    });
    summary.map_or(next, |summary| summary + 1)
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

    const USE_AFTER_FREE: &str = "\
=================================================================
==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x6020 at pc 0x55a4 bp 0x7f sp 0x7f
READ of size 4 at 0x6020 thread T0
    #0 0x55a4 in shop::sum(int*, std::vector<int>) /srv/my shop/uaf.c:4:7
    #1 0x55a5 in main ../uaf.c:6
    #2 0x55a6 in _start (/srv/app (1)/uaf+0x10e0) (BuildId: 12ab)
    #3 0x55a7  (<unknown module>)

0x6020 is located 8 bytes inside of 16-byte region [0x6020,0x6030)
freed by thread T0 here:
    #0 0x7f38 in free (/usr/lib/libasan.so.8+0xa8)
    #1 0x55a5 in main ../uaf.c:5

SUMMARY: AddressSanitizer: heap-use-after-free /srv/my shop/uaf.c:4:7 in sum
Shadow bytes around the buggy address:
";

    #[test]
    fn an_address_error_is_read() {
        check(
            USE_AFTER_FREE,
            "heap-use-after-free: READ of size 4 at 0x6020 thread T0 | shop::sum /srv/my shop/uaf.c:4:7 < main ../uaf.c:6 < _start [/srv/app (1)/uaf] < 0x55a7\n\
             thread - freed by thread T0 here | free [/usr/lib/libasan.so.8] < main ../uaf.c:5",
        );
        let mut found = Vec::new();
        find(&Text::new(USE_AFTER_FREE), &mut found);
        assert_eq!(found[0].lines, 1..14);
        assert_eq!(found[0].language, "native");
    }

    #[test]
    fn a_report_behind_the_prefixes_of_a_log_is_read() {
        let logged: String = USE_AFTER_FREE
            .lines()
            .enumerate()
            .map(|(number, line)| format!("web_1  | 12:00:{number:02} {line}\n"))
            .collect();
        check(&logged, &shown(find, USE_AFTER_FREE));
    }

    #[test]
    fn types_are_what_the_head_says() {
        let head = |text: &str| {
            shown(
                find,
                &format!("==1==ERROR: {text}\n    #0 0x1 in f a.c:1\n"),
            )
        };
        let check =
            |text: &str, expected: &str| assert_eq!(head(text), format!("{expected} | f a.c:1"));
        check(
            "AddressSanitizer: attempting double-free on 0x602 in thread T0:",
            "attempting double-free: on 0x602 in thread T0",
        );
        check(
            "AddressSanitizer: attempting free on address which was not malloc()-ed: 0x1 in thread T0",
            "attempting free on address which was not malloc()-ed: 0x1 in thread T0",
        );
        check(
            "AddressSanitizer: SEGV on unknown address (pc 0x1 bp 0x2)",
            "SEGV: on unknown address (pc 0x1 bp 0x2)",
        );
        check(
            "AddressSanitizer: alloc-dealloc-mismatch (operator new vs free) on 0x1",
            "alloc-dealloc-mismatch: (operator new vs free) on 0x1",
        );
        check(
            "AddressSanitizer: memcpy-param-overlap: memory ranges [0x1,0x2)",
            "memcpy-param-overlap: memory ranges [0x1,0x2)",
        );
        check(
            "HWAddressSanitizer: tag-mismatch on address 0x1 at pc 0x2",
            "tag-mismatch: on address 0x1 at pc 0x2",
        );
        check(
            "LeakSanitizer: detected memory leaks",
            "detected memory leaks: ",
        );
        check("libFuzzer: deadly signal", "deadly signal: ");
        check(
            "libFuzzer: out-of-memory (used: 2051Mb; limit: 2048Mb)",
            "out-of-memory: (used: 2051Mb; limit: 2048Mb)",
        );
        check(
            "libFuzzer: timeout after 28 seconds",
            "timeout: after 28 seconds",
        );
    }

    #[test]
    fn a_signal_says_what_it_did() {
        check(
            "==9==ERROR: AddressSanitizer: SEGV on unknown address 0x8 (pc 0x1 T0)\n==9==The signal is caused by a READ memory access.\n==9==Hint: address points to the zero page.\n    #0 0x1 in f() const x/y.h:2713:76\n",
            "SEGV: The signal is caused by a READ memory access. | f x/y.h:2713:76",
        );
    }

    #[test]
    fn a_data_race_is_read() {
        check(
            "==================\nWARNING: ThreadSanitizer: data race (pid=24437)\n  Read of size 4 at 0x55 by thread T2:\n    #0 inc /srv/race.c:3 (race+0x11d9)\n    #1 <null> <null> (libtsan.so.2+0x5e)\n\n  Previous write of size 4 at 0x55 by thread T1:\n    #0 inc /srv/race.c:3 (race+0x11f1)\n\nSUMMARY: ThreadSanitizer: data race /srv/race.c:3 in inc\n==================\n",
            "data race: Read of size 4 at 0x55 by thread T2 | inc /srv/race.c:3 [race] < ? [libtsan.so.2]\n\
             thread - Previous write of size 4 at 0x55 by thread T1 | inc /srv/race.c:3 [race]",
        );
    }

    #[test]
    fn every_leak_has_its_stack() {
        check(
            "==1==ERROR: LeakSanitizer: detected memory leaks\n\nDirect leak of 192 byte(s) in 3 object(s) allocated from:\n    #0 0x1 in malloc\n    #1 0x2 in mk /leak.c:2\n\nIndirect leak of 1 byte(s) in 1 object(s) allocated from:\n    #0 0x1 in malloc\n\nSUMMARY: AddressSanitizer: 192 byte(s) leaked\n",
            "detected memory leaks: Direct leak of 192 byte(s) in 3 object(s) allocated from | malloc < mk /leak.c:2\n\
             thread - Indirect leak of 1 byte(s) in 1 object(s) allocated from | malloc",
        );
    }

    #[test]
    fn undefined_behaviour_is_read_with_and_without_a_stack() {
        check(
            "a.c:3:7: runtime error: signed integer overflow: 2147483647 + 1 cannot be represented in type 'int'\n",
            "signed integer overflow: signed integer overflow: 2147483647 + 1 cannot be represented in type 'int' | ? a.c:3:7",
        );
        check(
            "log: C:\\src\\a.c:3:7: runtime error: division by zero\n    #0 0x1 in f C:\\src\\a.c:3:7\nC:\\src\\a.c:4:7: runtime error: division by zero\n",
            "division by zero: division by zero | f C:\\src\\a.c:3:7\ndivision by zero: division by zero | ? C:\\src\\a.c:4:7",
        );
    }

    #[test]
    fn kinds_of_undefined_behaviour_leave_values_out() {
        let check = |text: &str, expected: &str| assert_eq!(kind(text), expected);
        check(
            "signed integer overflow: 1 + 1 cannot be represented in type 'int'",
            "signed integer overflow",
        );
        check("division by zero", "division by zero");
        check(
            "load of misaligned address 0x602b for type 'int'",
            "load of misaligned address",
        );
        check("load of null pointer of type 'int'", "load of null pointer");
        check(
            "load of value 161, which is not a valid value for type 'bool'",
            "load of value",
        );
        check(
            "shift exponent 33 is too large for 32-bit type 'int'",
            "shift exponent",
        );
        check(
            "negation of -2147483648 cannot be represented in type 'int'",
            "negation",
        );
        check(
            "index 5 out of bounds for type 'int [4]'",
            "index out of bounds",
        );
        check(
            "-nan is outside the range of representable values of type 'int'",
            "is outside the range of representable values",
        );
        check(
            "3e+38 is outside the range of representable values of type 'int'",
            "is outside the range of representable values",
        );
        check(
            "left shift of 1 by 31 places cannot be represented in type 'int'",
            "left shift",
        );
        check("null pointer returned", "null pointer returned");
        check(
            "null pointer passed as argument 1, which is declared to never be null",
            "null pointer passed as argument",
        );
    }

    #[test]
    fn a_memory_warning_is_read() {
        check(
            "==5==WARNING: MemorySanitizer: use-of-uninitialized-value\n    #0 0x1 in main /a.c:3:3\n\n  Uninitialized value was created by an allocation of 'x' in the stack frame\n    #0 0x2 in main /a.c:2:3\n\nSUMMARY: MemorySanitizer: use-of-uninitialized-value /a.c:3:3 in main\n",
            "use-of-uninitialized-value:  | main /a.c:3:3\n\
             thread - Uninitialized value was created by an allocation of 'x' in the stack frame | main /a.c:2:3",
        );
    }

    #[test]
    fn warnings_and_runtime_errors_of_others_are_none() {
        check(
            "==7==WARNING: AddressSanitizer failed to allocate 0xff bytes\n",
            "",
        );
        check("==7==WARNING: AddressSanitizer: something harmless\n", "");
        check("panic: runtime error: index out of range [5]\n", "");
        check("SUMMARY: AddressSanitizer: SEGV a.c:1 in f\n", "");
        check("INFO: Received signal 15 from init\n", "");
    }

    #[test]
    fn what_fuzzers_print_between_is_passed_over() {
        check(
            "==4== ERROR: libFuzzer: deadly signal\n#2\tINITED cov: 5\n==4== ERROR: libFuzzer: deadly signal\nNOTE: x\n   #0    0x1 in __sanitizer_print_stack_trace ../x.cc:12 <libclang.so>+0x1\n   #1.1  0x2 in Unwind <<application>>+0x2\n   #1    0x3 in <libc.so>+0x3\n",
            "deadly signal:  | __sanitizer_print_stack_trace ../x.cc:12 [libclang.so] < Unwind [application] < 0x3 [libc.so]",
        );
    }

    #[test]
    fn blank_lines_between_frames_do_not_end_a_stack() {
        check(
            "ERROR: AddressSanitizer: BUS on unknown address 0x1\n#0 0x1 in a\n\n#1 0x2 in b\n\n\n#0 0x3 in c\n",
            "BUS: on unknown address 0x1 | a < b\nthread - - | c",
        );
    }

    #[test]
    fn windows_and_macos_frames_are_read() {
        check(
            "==1==ERROR: AddressSanitizer: access-violation on unknown address 0x1\n    #0 0x7ff in GetHandle+0x31e (c:\\my builds\\chrome.dll+0x8363)\n    #1 0x7fe in start+0x0 (libdyld.dylib:x86_64+0x1)\n    #2 0x7 in v8::`anonymous namespace'::f<0> C:\\b c\\api.cc:112\n",
            "access-violation: on unknown address 0x1 | GetHandle [c:\\my builds\\chrome.dll] < start [libdyld.dylib] < v8::`anonymous namespace'::f<0> C:\\b c\\api.cc:112",
        );
    }

    #[test]
    fn a_signal_of_chromium_is_read() {
        check(
            "Received signal 11 SEGV_MAPERR 000000000000\n#0 0x55 base::debug::StackTrace::StackTrace() [../../base/debug/x.cc:3:5]\n#1 0x56 abc::def() /blah.cc:111\n  r8: 000 r9: 000\n",
            "SEGV_MAPERR: 000000000000 | base::debug::StackTrace::StackTrace ../../base/debug/x.cc:3:5 < abc::def /blah.cc:111",
        );
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, USE_AFTER_FREE);
        any_bytes(
            find,
            "WARNING: ThreadSanitizer: data race\n #0 f <null> (a+0x1)\n a.c:1:2: runtime error: x\nReceived signal 1 A_B\n#0 [<0x1>] x\n",
        );
    }
}
