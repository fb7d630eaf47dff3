//! What Android writes when native code of an app crashes: a tombstone, in its file or in the log.
//!
//! ```text
//! *** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***
//! pid: 17946, tid: 17949, name: crasher  >>> com.example.shop <<<
//! signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0
//! backtrace:
//!       #00 pc 0000000000017eb8  /system/lib64/libc.so (strlen+16) (BuildId: 12ab)
//! ```
//!
//! Threads that did not crash follow in the same form. The addresses are those in the file, not in the process.

use super::native::{address, leading_number, thread, trace, without_signature};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception};
use crate::event::Thread;

/// Lines from a thread to its stack: registers, and memory where a log mixes.
const HEAD_LINES_MAX: usize = 128;
/// Lines above a thread that belong to the report.
const ABOVE_LINES_MAX: usize = 12;
/// Lines of memory and maps between two threads.
const GAP_LINES_MAX: usize = 1024;
/// Threads read beside the one that crashed.
const THREADS_MAX: usize = 1024;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut next_line = 0;
    for (line, column) in text.places(", tid: ") {
        let Some(start) = text.line(line)[..column].rfind("pid: ") else {
            continue;
        };
        if line < next_line {
            continue;
        }
        let stone = Stone::read(text, line, start);
        let last = found
            .last_mut()
            .filter(|last| line - last.lines.end < GAP_LINES_MAX);
        match (&stone.signal, last) {
            (Some(_), _) => {
                let above = stone.begin(text, line, next_line);
                next_line = stone.end;
                found.push(stone.crashed(above));
            }
            (None, Some(last)) if stone.has_stack && last.threads.len() < THREADS_MAX => {
                next_line = stone.end;
                last.lines.end = stone.end;
                last.threads.push(stone.other());
            }
            _ => {}
        }
    }
}

/// One thread of a tombstone.
struct Stone<'t> {
    prefix: Prefix<'t>,
    id: &'t str,
    name: Option<&'t str>,
    signal: Option<&'t str>,
    value: Option<&'t str>,
    has_stack: bool,
    frames: Vec<Frame>,
    end: usize,
}

impl<'t> Stone<'t> {
    fn read(text: &Text<'t>, line: usize, start: usize) -> Self {
        let first = text.line(line);
        let prefix = Prefix::of(first, start);
        let (_, about) = first.split_once(", tid: ").unwrap_or_default();
        let id = about.split([',', ' ']).next().unwrap_or_default();
        let name = about
            .split_once("name: ")
            .map(|(_, name)| name.split("  >>>").next().unwrap_or(name));
        let mut stone = Self {
            prefix,
            id,
            name: name.map(str::trim),
            signal: None,
            value: None,
            has_stack: false,
            frames: Vec::new(),
            end: line + 1,
        };
        let mut abort_message = None;
        for number in line + 1..text.len().min(line + HEAD_LINES_MAX) {
            let said = prefix.strip(text.line(number)).trim();
            if said.contains(", tid: ") {
                break;
            } else if let Some((signal, value)) = signal(said) {
                (stone.signal, stone.value) =
                    (Some(signal), Some(value).filter(|it| !it.is_empty()));
                stone.end = number + 1;
            } else if let Some(message) = said.strip_prefix("Abort message: ") {
                abort_message = Some(message.trim_matches(['\'', '"']));
                stone.end = number + 1;
            } else if said == "backtrace:" || numbered(said).is_some() {
                stone.has_stack = true;
                let from = number + usize::from(numbered(said).is_none());
                (stone.frames, stone.end) = read_stack(text, prefix, from);
                break;
            }
        }
        stone.value = abort_message.or(stone.value);
        stone
    }

    /// The line of stars above, where it stands there.
    fn begin(&self, text: &Text<'_>, line: usize, free: usize) -> usize {
        let mut above = (free.max(line.saturating_sub(ABOVE_LINES_MAX))..line).rev();
        let stars = above.find(|&number| {
            self.prefix
                .strip(text.line(number))
                .trim()
                .starts_with("*** *** ***")
        });
        stars.unwrap_or(line)
    }

    fn crashed(self, start: usize) -> Trace {
        let mut failure = exception(self.signal, self.value, self.frames);
        failure.thread_id = Some(self.id.to_owned());
        trace(failure, Vec::new(), start..self.end)
    }

    fn other(self) -> Thread {
        thread(Some(self.id), self.name, self.frames)
    }
}

/// `signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0`
fn signal(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = leading_number(line.strip_prefix("signal ")?)?;
    let (name, rest) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
    Some((name, rest.trim_start_matches([',', ' '])))
}

/// Frames, innermost first, and the line behind them.
fn read_stack(text: &Text<'_>, prefix: Prefix<'_>, from: usize) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let mut number = from;
    while number < text.len() {
        let line = prefix.strip(text.line(number)).trim();
        match numbered(line) {
            Some(call) if frames.len() < FRAMES_MAX => frames.extend(frame(call)),
            Some(_) => {}
            None if line.starts_with("NOTE: ") => {}
            None => break,
        }
        number += 1;
    }
    (frames, number)
}

/// `#00 pc 0001  /lib/x.so (f+12)`: what stands behind `pc`.
fn numbered(line: &str) -> Option<&str> {
    let (_, rest) = leading_number(line.strip_prefix('#')?)?;
    rest.trim_start().strip_prefix("pc ").map(str::trim)
}

fn frame(call: &str) -> Option<Frame> {
    let (digits, rest) = call.split_once(' ').unwrap_or((call, ""));
    let mut frame = Frame {
        instruction_addr: Some(address(digits)?),
        ..Frame::default()
    };
    let mut rest = rest.trim();
    rest = rest.split(" (BuildId:").next().unwrap_or(rest).trim_end();
    if let Some((before, name)) = named(rest) {
        frame.function = Some(without_signature(name).to_owned());
        rest = before;
    }
    let package = rest.split(" (offset ").next().unwrap_or(rest).trim_end();
    let package = package.strip_suffix(" (deleted)").unwrap_or(package);
    let is_known = !matches!(package, "" | "<unknown>" | "<anonymous>");
    frame.package = is_known.then(|| package.to_owned());
    Some(frame)
}

/// `path (name+12)`: what stands before the last brackets, and the name in them.
fn named(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_suffix(')')?;
    let mut depth = 1_usize;
    for (at, byte) in inside.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let name = &inside[at + 1..];
            let name = match name.rsplit_once('+') {
                Some((name, offset)) if leading_number(offset).is_some() => name,
                _ => name,
            };
            let is_name = !name.is_empty() && !name.starts_with("offset ") && name != "deleted";
            return is_name.then(|| (inside[..at].trim_end(), name));
        }
    }
    None
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

    const STONE: &str = "\
*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***
Build fingerprint: 'google/x:14/1'
ABI: 'arm64'
pid: 17946, tid: 17949, name: my worker  >>> com.example.shop <<<
signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), fault addr 0x0
Cause: null pointer dereference
    x0  0000000000000000  x1  0000007e2b8c1000

backtrace:
      #00 pc 0000000000017eb8  /system/lib64/libc.so (strlen+16) (BuildId: 12ab)
      #01 pc 00000000000003cc  /data/app/a b/base.apk!libshop.so (offset 0x1000) (shop::total(int, (anonymous namespace)::X)+12)
      #02 pc 0000000000000444  <anonymous:7e2b>
      #03 pc 0000000000000555  /data/app/x.oat (com.example.Foo.bar+84)
      #04 pc 0000000000000666  /system/lib64/libart.so

memory near x0:
    0000007e2b8c0ff0 0000000000000000
--- --- --- --- --- --- --- --- --- --- --- --- --- --- --- ---
pid: 17946, tid: 17950, name: other  >>> com.example.shop <<<
    x0  0000000000000000

backtrace:
      #00 pc 0000000000017eb8  /system/lib64/libc.so (poll+16)
";
    const READ: &str = "SIGSEGV: code 1 (SEGV_MAPERR), fault addr 0x0 | strlen [/system/lib64/libc.so] < shop::total [/data/app/a b/base.apk!libshop.so] < 0x444 [<anonymous:7e2b>] < com.example.Foo.bar [/data/app/x.oat] < 0x666 [/system/lib64/libart.so]\n\
         thread 17950 other | poll [/system/lib64/libc.so]";

    #[test]
    fn a_tombstone_is_read() {
        check(STONE, READ);
        let mut found = Vec::new();
        find(&Text::new(STONE), &mut found);
        assert_eq!(found[0].lines, 0..23);
    }

    #[test]
    fn a_tombstone_in_the_log_is_read() {
        let logged: String = STONE
            .lines()
            .map(|line| format!("01-02 03:04:05.678  123  123 F DEBUG   : {line}\n"))
            .collect();
        check(&logged, READ);
        let logged: String = STONE
            .lines()
            .map(|line| format!("I/DEBUG   ( 123): {line}\n"))
            .collect();
        check(&logged, READ);
    }

    #[test]
    fn the_message_of_an_abort_is_the_value() {
        check(
            "pid: 1, tid: 2, name: a  >>> b <<<\nsignal 6 (SIGABRT), code -6 (SI_TKILL), fault addr --------\nAbort message: 'it's broken'\n    #00  pc 0001b340  /system/lib/libc.so (abort+71)\n",
            "SIGABRT: it's broken | abort [/system/lib/libc.so]",
        );
    }

    #[test]
    fn a_crash_without_a_stack_is_read() {
        check(
            "pid: 1, tid: 2, name: a  >>> b <<<\nsignal 9 (SIGKILL)\n",
            "SIGKILL:  | ",
        );
    }

    #[test]
    fn what_is_no_crash_is_passed_over() {
        check(
            "pid: 1, tid: 2, started\nbacktrace:\n#00 pc 01 /a (b+1)\n",
            "",
        );
        check("*** *** *** a heading\n", "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, STONE);
    }
}
