//! Stacks that programs in C and C++ print of themselves with the C library (`backtrace_symbols`), often from the handler of a
//! signal.
//!
//! ```text
//! caught signal 11
//! ./shop(on_signal+0x2f) [0x55d2c1a0b2c9]
//! /lib/x86_64-linux-gnu/libc.so.6(+0x42520) [0x7f6a1e442520]
//! ./shop(pay+0x1a) [0x55d2c1a0b31a]
//! ```

use super::native::{address, trace};
use super::text::Text;
use super::{FRAMES_MAX, Frame, Trace, abort, exception};

const MARKS: &[&str] = &[
    ") [0x", ")[0x0", ")[0x4", ")[0x5", ")[0x7", ")[0xa", ")[0xf",
];
/// Lines above a stack that may say why it is printed.
const ABOVE_LINES_MAX: usize = 8;
/// Names of functions that print the stack they stand in.
const PRINTERS: &[&str] = &[
    "backtrace",
    "stacktrace",
    "stack_trace",
    "print_trace",
    "dump_trace",
    "signal_handler",
    "sighandler",
    "sig_handler",
    "crash_handler",
    "segv_handler",
    "segfault_handler",
    "signalhandler",
    "crashhandler",
];

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut lines: Vec<usize> = Vec::new();
    for mark in MARKS {
        lines.extend(text.places(mark).map(|(line, _)| line));
    }
    lines.sort_unstable();
    let mut next = 0;
    for line in lines {
        if line >= next
            && let Some(trace) = read(text, line, next)
        {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

fn read(text: &Text<'_>, line: usize, free: usize) -> Option<Trace> {
    let mut frames = Vec::new();
    let mut end = line;
    while let Some(frame) = frame(text.line(end)) {
        if frames.len() < FRAMES_MAX {
            frames.push(frame);
        }
        end += 1;
    }
    // One such line may be anything.
    if frames.len() < 2 {
        return None;
    }
    excuse(&mut frames);
    let aborted = abort::above(text, line, free);
    let (mut failure, start) = match aborted {
        Some(said) => said,
        None => signal_above(text, line, free)
            .map_or((exception(None, None, Vec::new()), line), |(said, at)| {
                (exception(Some(said.0), Some(said.1), Vec::new()), at)
            }),
    };
    failure.stacktrace = exception(None, None, frames).stacktrace;
    Some(trace(failure, Vec::new(), start..end))
}

/// `./shop(pay+0x1a) [0x55d2c1a0b31a]`, a number or what a log says before it.
fn frame(line: &str) -> Option<Frame> {
    let line = line.trim_end();
    let (call, at) = line.strip_suffix(']')?.rsplit_once("[0x")?;
    let (before, symbol) = call.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let before = before.trim_end();
    let begins = |at: usize| before[at..].starts_with(['/', '.']);
    let mut blanks = before
        .match_indices([' ', '\t'])
        .map(|(blank, _)| blank + 1);
    let mut starts = std::iter::once(0).chain(blanks.clone());
    let start = starts
        .find(|&at| begins(at))
        .or(blanks.next_back())
        .unwrap_or(0);
    let path = &before[start..];
    let name = symbol.split_once('+').map_or(symbol, |(name, _)| name);
    Some(Frame {
        function: Some(name)
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        package: Some(path)
            .filter(|path| !path.is_empty())
            .map(str::to_owned),
        instruction_addr: Some(address(at)?),
        ..Frame::default()
    })
}

/// Neither what prints the stack nor the handler of the signal is to blame, both innermost.
fn excuse(innermost_first: &mut [Frame]) {
    let is_of_libc = |frame: &Frame| {
        let package = frame.package.as_deref().unwrap_or_default();
        let file = package.rsplit('/').next().unwrap_or_default();
        ["libc.so", "libc-2", "libpthread", "libpthread-2"]
            .iter()
            .any(|name| file.starts_with(name))
    };
    let raises = |frame: &Frame| {
        let name = frame.function.as_deref().unwrap_or_default();
        [
            "gsignal",
            "raise",
            "abort",
            "pthread_kill",
            "__pthread_kill",
        ]
        .contains(&name)
    };
    // The kernel calls handlers through a piece of the C library that has no name; below it is what was interrupted.
    let returns = innermost_first.windows(2).position(|pair| {
        pair[0].function.is_none()
            && is_of_libc(&pair[0])
            && (!is_of_libc(&pair[1]) || raises(&pair[1]))
    });
    let handler = returns.filter(|&at| at > 0 && !innermost_first[..at].iter().any(is_of_libc));
    let prints = |frame: &Frame| {
        let name = frame
            .function
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        PRINTERS.iter().any(|printer| name.contains(printer))
    };
    let printers = innermost_first
        .iter()
        .take_while(|frame| prints(frame))
        .count();
    let excused = handler.unwrap_or(0).max(printers);
    if excused < innermost_first.len() {
        for frame in &mut innermost_first[..excused] {
            frame.in_app = Some(false);
        }
    }
}

/// The name or number of a signal in a line above, and the line's text.
fn signal_above<'t>(
    text: &Text<'t>,
    line: usize,
    free: usize,
) -> Option<((&'t str, &'t str), usize)> {
    let mut above = (free.max(line.saturating_sub(ABOVE_LINES_MAX))..line).rev();
    above.find_map(|number| {
        let said = text.line(number).trim();
        Some(((signal(said)?, said), number))
    })
}

/// `SIGSEGV`, `Segmentation fault`, `signal 11`
fn signal(said: &str) -> Option<&str> {
    const SAID: &[&str] = &[
        "Segmentation fault",
        "Bus error",
        "Illegal instruction",
        "Floating point exception",
    ];
    if let Some(at) = said.find("SIG") {
        let len = said[at..]
            .bytes()
            .take_while(u8::is_ascii_uppercase)
            .count();
        let is_word = !said[..at].ends_with(|c: char| c.is_alphanumeric());
        if is_word && (6..=8).contains(&len) {
            return Some(&said[at..at + len]);
        }
    }
    if let Some(known) = SAID
        .iter()
        .find_map(|known| said.find(known).map(|at| &said[at..at + known.len()]))
    {
        return Some(known);
    }
    let at = said.find("ignal ")?;
    let digits = said[at + 6..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    (at > 0 && digits > 0).then(|| &said[at - 1..at + 6 + digits])
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

    const STACK: &str = "\
./shop(on_signal+0x2f) [0x55d2c1a0b2c9]
/lib/x86_64-linux-gnu/libc.so.6(+0x42520) [0x7f6a1e442520]
./shop(pay+0x1a) [0x55d2c1a0b31a]
./shop(+0x1352) [0x55d2c1a0b352]
/lib/x86_64-linux-gnu/libc.so.6(__libc_start_main+0x80) [0x7f6a1e429e40]
";
    const SHOWN: &str = "on_signal [./shop] < 0x7f6a1e442520 [/lib/x86_64-linux-gnu/libc.so.6] < pay [./shop] < 0x55d2c1a0b352 [./shop] < __libc_start_main [/lib/x86_64-linux-gnu/libc.so.6]";

    #[test]
    fn stacks_are_read() {
        check(STACK, &format!("?:  | {SHOWN}"));
        check(
            &format!("x\nError: signal 11:\n{STACK}y\n"),
            &format!("signal 11: Error: signal 11: | {SHOWN}"),
        );
        check(
            &format!("*** SIGSEGV (@0x0) received\n\n{STACK}"),
            &format!("SIGSEGV: *** SIGSEGV (@0x0) received | {SHOWN}"),
        );
        check(
            &format!("shop: a.c:3: pay: Assertion `x > 0' failed.\nstack:\n{STACK}"),
            &format!("Assertion failed: x > 0 | {SHOWN}"),
        );
        let numbered: String = STACK
            .lines()
            .map(|line| format!("[bt]: (7) {line}\n"))
            .collect();
        check(&numbered, &format!("?:  | {SHOWN}"));
    }

    #[test]
    fn all_manners_of_a_line_are_read() {
        check(
            "/usr/bin/redis-server *:6379(logStackTrace+0x29)[0x45ee39]\n/usr/sbin/mysqld() [0x4005f6]\nshop(_ZN4Shop3payEv+0x1)[0x7ffe]\n",
            "?:  | logStackTrace [/usr/bin/redis-server *:6379] < 0x4005f6 [/usr/sbin/mysqld] < _ZN4Shop3payEv [shop]",
        );
    }

    #[track_caller]
    fn check_excused(text: &str, expected: &[&str]) {
        let mut frames: Vec<Frame> = text.lines().filter_map(frame).collect();
        excuse(&mut frames);
        let excused = frames.iter().filter(|frame| frame.in_app == Some(false));
        let names: Vec<_> = excused
            .filter_map(|frame| frame.function.as_deref())
            .collect();
        assert_eq!(names, expected, "{text}");
    }

    #[test]
    fn handlers_are_excused() {
        check_excused(STACK, &["on_signal"]);
        check_excused(
            "./a(print_trace+0x1) [0x1]\n./a(pay+0x1) [0x2]\n./a(main+0x1) [0x3]\n",
            &["print_trace"],
        );
        check_excused(
            "./a(cmp+0x1) [0x1]\n/lib/libc.so.6(+0x1) [0x2]\n/lib/libc.so.6(qsort+0x1) [0x2]\n./a(main+0x1) [0x3]\n",
            &[],
        );
        check_excused("./a(print_backtrace+0x1) [0x1]\n", &[]);
    }

    #[test]
    fn what_is_no_stack_is_none() {
        for text in [
            "",
            ") [0x1]",
            "f(x) [0x1]\n",
            "f(x) [0x1\ng(x) [0xzz]\n",
            "see f(x) [0x10]\nand more\n",
        ] {
            check(text, "");
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&") [0x1] \n".repeat(20_000).replace("] ", " "), "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, STACK);
    }
}
