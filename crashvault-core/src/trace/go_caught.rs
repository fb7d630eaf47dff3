//! Stacks of Go that a program printed itself when it had caught a panic, a place and its instruction in each line, as
//! gin's recovery does; the call may stand below.
//!
//! ```text
//! 2026/01/02 03:04:05 [Recovery] panic recovered:
//! runtime error: index out of range [5] with length 3
//! /usr/local/go/src/runtime/panic.go:113 (0x4316c4)
//!         goPanicIndex: panic(boundsError{x: int64(x), signed: true, y: y, code: boundsIndex})
//! /srv/app/main.go:12 (0x6ab0c4)
//!         main.func1: return items[5]
//! ```

use super::native::{address, set_place};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception};

/// Every such stack goes through this file of the runtime.
const MARK: &str = "panic.go:";

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut next_line = 0;
    for (line, column) in text.places(MARK) {
        if line < next_line {
            continue;
        }
        let whole = text.line(line);
        let start = whole[..column].rfind([' ', '\t']);
        let prefix = Prefix::of(whole, start.map_or(0, |blank| blank + 1));
        let (frames, end) = read_stack(text, prefix, line);
        next_line = end;
        if frames.len() > 1 {
            let (start, value) = said(text, prefix, line);
            found.push(Trace {
                language: "go",
                exceptions: vec![exception(Some("panic"), value, frames)],
                threads: Vec::new(),
                lines: start..end,
            });
        }
    }
}

/// Frames, innermost first, and the line behind them.
fn read_stack(text: &Text<'_>, prefix: Prefix<'_>, from: usize) -> (Vec<Frame>, usize) {
    let mut frames: Vec<Frame> = Vec::new();
    let mut number = from;
    while number < text.len() {
        let line = prefix.strip(text.line(number));
        let last = frames.last_mut();
        if let Some(frame) = frame(line.trim()) {
            if frames.len() < FRAMES_MAX {
                frames.push(frame);
            }
        } else if let (Some(name), Some(last)) = (called(line), last) {
            last.function = Some(name.to_owned());
        } else {
            break;
        }
        number += 1;
    }
    (frames, number.max(from + 1))
}

/// `/srv/app/main.go:12 (0x6ab0c4)`
fn frame(line: &str) -> Option<Frame> {
    let (place, instruction) = line.strip_suffix(')')?.rsplit_once(" (0x")?;
    let mut frame = Frame {
        instruction_addr: Some(address(instruction)?),
        ..Frame::default()
    };
    set_place(&mut frame, place);
    let file = frame.filename.as_deref()?;
    let is_go = file.ends_with(".go") || file.ends_with(".s") || file.ends_with(".c");
    (is_go && frame.lineno.is_some()).then_some(frame)
}

/// The function in the indented line below a place: `main.func1: return items[5]`
fn called(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start().split_once(": ")?;
    let is_indented = line.starts_with(['\t', ' ']);
    (is_indented && !name.contains(' ')).then_some(name)
}

/// What was said right above the stack, without what a log wrote before it, and its line.
fn said<'t>(text: &Text<'t>, prefix: Prefix<'_>, first: usize) -> (usize, Option<&'t str>) {
    let Some(above) = first.checked_sub(1) else {
        return (first, None);
    };
    let line: &str = text.line(above);
    let said = prefix.strip(line).trim();
    if said.is_empty() || frame(said).is_some() || called(line).is_some() {
        return (first, None);
    }
    let starts = [
        "runtime error: ",
        "panic recovered: ",
        "panic: ",
        "Panic: ",
        "PANIC: ",
    ];
    let value = starts.iter().find_map(|start| {
        let at = said.find(start)?;
        let is_kept = *start == "runtime error: ";
        Some(&said[at + if is_kept { 0 } else { start.len() }..])
    });
    (above, Some(value.unwrap_or(said)))
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

    const GIN: &str = "[Recovery] 2026/01/02 - 03:04:05 panic recovered:\nGET / HTTP/1.1\nHost: shop\n\nruntime error: index out of range [5]\n/usr/local/go/src/runtime/panic.go:113 (0x4316c4)\n\tgoPanicIndex: panic(boundsError{x: int64(x)})\n/srv/my app/main.go:12 (0x6ab0c4)\n\tmain.func1: return items[5]\n/usr/local/go/src/runtime/asm_amd64.s:1693 (0x3d9400)\n\tgoexit: BYTE\t$0x90\n\n";

    #[test]
    fn a_stack_of_gin_is_read() {
        check(
            GIN,
            "panic: runtime error: index out of range [5] | goPanicIndex /usr/local/go/src/runtime/panic.go:113 < main.func1 /srv/my app/main.go:12 < goexit /usr/local/go/src/runtime/asm_amd64.s:1693",
        );
        let mut found = Vec::new();
        find(&Text::new(GIN), &mut found);
        assert_eq!(found[0].lines, 4..11);
    }

    #[test]
    fn places_alone_are_read() {
        check(
            "2026/01/26 09:04:35 m.go:210: [E] Panic in m: runtime error: slice bounds out of range [:-1]\nruntime/panic.go:129 (0x5b3)\nproject/l/filer.go:1310 (0x5b4)\n",
            "panic: runtime error: slice bounds out of range [:-1] | 0x5b3 runtime/panic.go:129 < 0x5b4 project/l/filer.go:1310",
        );
        check(
            "http: panic: no cart\nruntime/panic.go:129 (0x5b3)\na.go:1 (0x5b4)\n",
            "panic: no cart | 0x5b3 runtime/panic.go:129 < 0x5b4 a.go:1",
        );
    }

    #[test]
    fn a_place_alone_is_no_stack() {
        check("see runtime/panic.go:129 (0x5b3)\nmore\n", "");
        check("see runtime/panic.go:129\n", "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, GIN);
    }
}
