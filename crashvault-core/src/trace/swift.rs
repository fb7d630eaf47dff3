//! What Swift's own crash handler prints, on Linux above all, and the stacks of versions before it.
//!
//! ```text
//! shop/Cart.swift:12: Fatal error: Index out of range
//!
//! *** Program crashed: Illegal instruction at 0x00007f0a3c1b2d10 ***
//!
//! Thread 0 "shop" crashed:
//!
//! 0        0x00007f0a3c1b2d10 _assertionFailure(_:_:file:line:flags:) + 352 in libswiftCore.so
//! 1 [ra]   0x00005581a2b40f33 Cart.total(at:) + 130 in shop at /srv/shop/Cart.swift:12:22
//!
//!     12│     return prices[i]
//!       │                   ▲
//! ```

use super::apple::{self, fatal_in, trace};
use super::native::{leading_address, leading_number, set_place, thread};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception, rust};

/// Lines above a report where the runtime may have said why.
const ABOVE_LINES_MAX: usize = 8;
/// Lines of code shown below a call, and blank ones.
const GAP_LINES_MAX: usize = 12;
/// Threads read beside the one that failed.
const THREADS_MAX: usize = 1024;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let crashes = text.places("Program crashed: ");
    let mut places: Vec<_> = crashes.chain(text.places("Current stack trace:")).collect();
    places.sort_unstable();
    let mut next = 0;
    for (line, column) in places {
        if line < next {
            continue;
        }
        let read = match text.line(line)[column..].starts_with("Program") {
            true => crash(text, line, column, next),
            false => stack(text, line, column, next),
        };
        if let Some(trace) = read {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

/// What the runtime said above, and its line.
fn said_above(text: &Text<'_>, line: usize, free: usize) -> Option<(Trace, usize)> {
    let mut above = (free.max(line.saturating_sub(ABOVE_LINES_MAX))..line).rev();
    above.find_map(|number| Some((fatal_in(text, number)?, number)))
}

fn crash(text: &Text<'_>, line: usize, column: usize, free: usize) -> Option<Trace> {
    let (before, said) = text.line(line).split_at(column);
    let start = before
        .strip_suffix("*** ")
        .or_else(|| before.strip_suffix("💣 "))
        .map_or(column, str::len);
    let prefix = Prefix::of(before, start);
    let said = said.strip_prefix("Program crashed: ")?.trim_end();
    let said = said.strip_suffix(" ***").unwrap_or(said);
    let (ty, address) = match said.find(" at 0x") {
        Some(at) => (&said[..at], Some(said[at..].trim_start())),
        None => (said, None),
    };
    let mut failed = None;
    let mut threads = Vec::new();
    let (stacks, end) = stacks(text, prefix, line + 1);
    for (about, frames) in stacks {
        if about.has_crashed && failed.is_none() {
            failed = Some((about.id, frames));
        } else if threads.len() < THREADS_MAX {
            threads.push(thread(Some(about.id), about.name, frames));
        }
    }
    let (id, frames) = failed?;
    let above = said_above(text, line, free);
    let start = above.as_ref().map_or(line, |(_, above)| *above);
    let reason = above.and_then(|(mut said, _)| said.exceptions.pop());
    let mut failure = match reason {
        Some(reason) => exception(reason.ty.as_deref(), reason.value.as_deref(), frames),
        None => exception(Some(ty), address, frames),
    };
    failure.thread_id = Some(id.to_owned());
    Some(trace(vec![failure], threads, start..end))
}

struct About<'t> {
    id: &'t str,
    name: Option<&'t str>,
    has_crashed: bool,
}

/// `Thread 0 "shop" crashed:`
fn about(line: &str) -> Option<About<'_>> {
    let rest = line.strip_prefix("Thread ")?.strip_suffix(':')?;
    let (_, behind) = leading_number(rest)?;
    let id = &rest[..rest.len() - behind.len()];
    let name = behind.trim().strip_suffix(" crashed");
    let has_crashed = name.is_some() || behind == " crashed";
    let name = name.unwrap_or(behind).trim().trim_matches('"');
    let name = Some(name).filter(|name| !matches!(*name, "" | "crashed"));
    Some(About {
        id,
        name,
        has_crashed,
    })
}

/// Threads with their frames, innermost first, and the line behind them.
fn stacks<'t>(
    text: &Text<'t>,
    prefix: Prefix<'_>,
    from: usize,
) -> (Vec<(About<'t>, Vec<Frame>)>, usize) {
    let mut stacks: Vec<(About<'t>, Vec<Frame>)> = Vec::new();
    let (mut number, mut behind) = (from, from);
    while number < text.len() && number < behind + GAP_LINES_MAX {
        let line = prefix.strip(text.line(number)).trim();
        let last = stacks.last_mut().map(|(_, frames)| frames);
        if let Some(about) = about(line) {
            stacks.push((about, Vec::new()));
            behind = number + 1;
        } else if let Some((frame, frames)) = frame(line).zip(last) {
            if frames.len() < FRAMES_MAX {
                frames.push(frame);
            }
            behind = number + 1;
        } else if line == "Registers:" || line.starts_with("Images (") {
            break;
        }
        number += 1;
    }
    (stacks, behind)
}

/// `1 [ra] [inlined] 0x00005581a2b40f33 Cart.total(at:) + 130 in shop at /srv/shop/Cart.swift:12:22`
fn frame(line: &str) -> Option<Frame> {
    let (_, rest) = leading_number(line)?;
    let mut rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let mut frame = Frame::default();
    while let Some((kind, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        if matches!(kind, "system" | "thunk") {
            frame.in_app = Some(false);
        }
        rest = behind.trim_start();
    }
    let has_address = match leading_address(rest) {
        Some((address, behind)) => {
            frame.instruction_addr = address;
            rest = behind.trim_start();
            true
        }
        None => false,
    };
    if let Some((call, place)) = rest.rsplit_once(" at ")
        && (rust::split_number(place).1.is_some() || place.contains("<compiler-generated>"))
    {
        set_place(&mut frame, place);
        rest = call;
    }
    let (call, image) = match rest.rsplit_once(" in ") {
        Some((call, image)) => (call, Some(image)),
        None => (rest, None),
    };
    frame.package = image.map(str::to_owned);
    let call = match call.rsplit_once(" + ") {
        Some((name, offset)) if leading_number(offset).is_some() => name,
        _ => call,
    };
    let is_name = !matches!(call, "" | "<unknown>" | "<unavailable>");
    frame.function = is_name.then(|| call.to_owned());
    (has_address || image.is_some()).then_some(frame)
}

/// Before Swift 5.9 the stack stood right below what was said.
fn stack(text: &Text<'_>, line: usize, column: usize, free: usize) -> Option<Trace> {
    let prefix = Prefix::of(text.line(line), column);
    let (mut said, start) = said_above(text, line, free)?;
    let mut frames = Vec::new();
    let mut end = line + 1;
    while let Some(frame) = old_frame(prefix.strip(text.line(end)).trim()) {
        if frames.len() < FRAMES_MAX {
            frames.push(frame);
        }
        end += 1;
    }
    let reason = said.exceptions.pop()?;
    let failure = exception(reason.ty.as_deref(), reason.value.as_deref(), frames);
    (failure.stacktrace.is_some()).then(|| trace(vec![failure], Vec::new(), start..end))
}

/// `6    shop    0x00005581a2b40d02 pay(_:) + 120 at /src/main.swift:3`
fn old_frame(line: &str) -> Option<Frame> {
    let (call, place) = match line.rsplit_once(" at ") {
        Some((call, place)) if rust::split_number(place).1.is_some() => (call, Some(place)),
        _ => (line, None),
    };
    let mut frame = apple::frame(call)?;
    if let Some(place) = place {
        set_place(&mut frame, place);
    }
    Some(frame)
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

    const CRASH: &str = "\
shop/Cart.swift:12: Fatal error: Index out of range

*** Signal 4: Backtracing from 0x7f0a3c1b2d10... done ***

*** Program crashed: Illegal instruction at 0x00007f0a3c1b2d10 ***

Platform: x86_64 Linux (Ubuntu 24.04)

Thread 0 \"shop\" crashed:

0                  0x00007f0a3c1b2d10 _assertionFailure(_:_:file:line:flags:) + 352 in libswiftCore.so
1 [ra]             0x00005581a2b40f33 Cart.total(at:) + 130 in shop at /srv/a b/Cart.swift:12:22

    10│   func total(at i: Int) -> Int {
    11│     let prices = [1, 2]
    12│     return prices[i]
      │                   ▲
    13│   }

2 [ra] [system]    0x00005581a2b40d02 main + 17 in shop at //<compiler-generated>
3 [ra]             0x00007f0a3b6b0d90 <unknown> in libc.so.6

Thread 1:

0  0x0000ffff78022900


Registers:

rax 0x0000000000000000  0
";
    const FRAMES: &str = "_assertionFailure(_:_:file:line:flags:) [libswiftCore.so] < Cart.total(at:) /srv/a b/Cart.swift:12:22 [shop] < main //<compiler-generated> [shop] < 0x7f0a3b6b0d90 [libc.so.6]\nthread 1 - | 0xffff78022900";

    #[test]
    fn crashes_are_read() {
        check(
            CRASH,
            &format!("Fatal error: Index out of range | {FRAMES}"),
        );
        let (_, without_reason) = CRASH.split_once('\n').expect("lines");
        let crash = format!("Illegal instruction: at 0x00007f0a3c1b2d10 | {FRAMES}");
        check(without_reason, &crash);
        let logged: String = without_reason
            .lines()
            .map(|line| format!("app | {line}\n"))
            .collect();
        check(&logged, &crash);
        check(
            &format!("{CRASH}\n\n{CRASH}"),
            &[&format!("Fatal error: Index out of range | {FRAMES}")[..]; 2].join("\n"),
        );
    }

    #[test]
    fn what_a_terminal_shows_is_read() {
        check(
            "💣 Program crashed: Bad pointer dereference at 0x0000000000000004\n\nThread 0 crashed:\n\n0 reallyCrashMe() + 404 in crash at /src/crash.swift:4:15\n\n     2│   print(\"a in b\")\n\n1 [inlined] crashMe() in crash at /src/crash.swift:8:3\n...\n\nPress space to interact\n",
            "Bad pointer dereference: at 0x0000000000000004 | reallyCrashMe() /src/crash.swift:4:15 [crash] < crashMe() /src/crash.swift:8:3 [crash]",
        );
    }

    #[test]
    fn stacks_of_older_versions_are_read() {
        check(
            "Fatal error: Index out of range: file /src/main.swift, line 3\nCurrent stack trace:\n0    libswiftCore.so                    0x00007fb1c1e4a1d0 swift_reportError + 50\n1    shop                               0x00005581a2b40e51 <unavailable> + 3665\n2    shop                               0x00005581a2b40d02 pay(_:) + 120 at /src/main.swift:3\nIllegal instruction\n",
            "Fatal error: Index out of range | swift_reportError [libswiftCore.so] < 0x5581a2b40e51 [shop] < pay(_:) /src/main.swift:3 [shop]",
        );
    }

    #[test]
    fn what_is_no_crash_is_none() {
        for text in [
            "Program crashed: yes",
            "*** Program crashed: x ***\nThread 0:\n0 f in g\n",
            "Current stack trace:\n0  a  0x1 b + 1\n",
            "Fatal error: x: file a.swift, line 1\nCurrent stack trace:\n",
        ] {
            check(text, "");
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"Program crashed: x\n".repeat(20_000), "");
        check(&"Current stack trace:\n".repeat(20_000), "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, CRASH);
    }
}
