//! Stacks that the debugger of Windows shows, also by `!analyze -v`.
//!
//! ```text
//! ExceptionCode: c0000005 (Access violation)
//! Attempt to write to address 0000000000000000
//!
//! STACK_TEXT:
//! 000000e5`1a6ff8d0 00007ff6`a1b21280 : 00000000`00000000 … : shop!pay+0x14 [C:\src\cart.cpp @ 12]
//! 000000e5`1a6ff980 00007ffb`14022651 : 00000000`00000000 … : KERNEL32!BaseThreadInitThunk+0x14
//! ```

use super::native::{address, set_place, trace};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception};

/// What stands above a stack: of a report, and of a command.
const MARKS: &[&str] = &["STACK_TEXT:", "RetAddr"];
/// Lines above a stack that may name the exception.
const ABOVE_LINES_MAX: usize = 64;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut marks: Vec<(usize, usize)> = Vec::new();
    for mark in MARKS {
        marks.extend(text.places(mark));
    }
    marks.sort_unstable();
    let mut next = 0;
    for (line, column) in marks {
        if line >= next
            && let Some(trace) = read(text, line, column, next)
        {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

fn read(text: &Text<'_>, line: usize, column: usize, free: usize) -> Option<Trace> {
    let title = text.line(line);
    let prefix = match title[column..].starts_with("STACK_TEXT:") {
        true => Prefix::of(title, column),
        // Other columns stand before it.
        false => Prefix::of(title, 0),
    };
    let mut frames = Vec::new();
    let mut end = line + 1;
    while end < text.len() {
        let shown = prefix.strip(text.line(end)).trim();
        match frame(shown) {
            Some(frame) if frames.len() < FRAMES_MAX => frames.push(frame),
            Some(_) => {}
            None if shown.starts_with("WARNING: ") => {}
            None => break,
        }
        end += 1;
    }
    if frames.is_empty() {
        return None;
    }
    let (said, start) = match said_above(text, prefix, line, free) {
        Some((ty, value, start)) => ((Some(ty), value), start),
        None => ((None, None), line),
    };
    // One line may be anything.
    let is_stack = frames.len() > 1 || said.0.is_some();
    is_stack.then(|| trace(exception(said.0, said.1, frames), Vec::new(), start..end))
}

/// The exception that is shown above, with what it did, and its line.
fn said_above<'t>(
    text: &Text<'t>,
    prefix: Prefix<'t>,
    line: usize,
    free: usize,
) -> Option<(&'t str, Option<&'t str>, usize)> {
    let first = free.max(line.saturating_sub(ABOVE_LINES_MAX));
    let mut value = None;
    for number in (first..line).rev() {
        let shown: &'t str = prefix.strip(text.line(number)).trim();
        if shown.starts_with("Attempt to ") {
            value = Some(shown);
        } else if let Some(code) = shown.strip_prefix("ExceptionCode: ") {
            let (code, name) = code.split_once(" (").unwrap_or((code, code));
            return Some((name.trim_end_matches(')'), value.or(Some(code)), number));
        } else if shown.ends_with(" chance)") || shown.ends_with(" chance !!!)") {
            // `(1a2c.1f30): Access violation - code c0000005 (first chance)`
            let (_, said) = shown.split_once("): ")?;
            let (name, code) = said.split_once(" - ")?;
            return Some((name, value.or(Some(code)), number));
        }
    }
    None
}

/// Numbers, and the call behind them.
fn frame(line: &str) -> Option<Frame> {
    let is_number = |word: &str| {
        let is_of_number = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'`' | b'-');
        !word.is_empty() && word.bytes().all(is_of_number)
    };
    let mut call = line;
    let mut numbers = 0;
    loop {
        call = call.trim_start_matches([' ', ':']);
        if let Some(rest) = call.strip_prefix("(Inline Function)") {
            call = rest;
            numbers += 1;
            continue;
        }
        let (word, rest) = call.split_once(' ')?;
        if !is_number(word) {
            break;
        }
        call = rest;
        numbers += 1;
        if rest.trim_start().starts_with("0x") && !rest.trim().contains(' ') {
            call = rest;
            break;
        }
        if !rest.trim_start_matches([' ', ':']).contains(' ') {
            call = rest.trim_start_matches([' ', ':']);
            break;
        }
    }
    (numbers > 1).then(|| called(call.trim()))?
}

/// `shop!pay+0x14 [C:\src\cart.cpp @ 12]`, `shop+0x1234`, `0x7ff612340000`
fn called(call: &str) -> Option<Frame> {
    let mut frame = Frame::default();
    let (call, place) = match call
        .strip_suffix(']')
        .and_then(|call| call.split_once(" ["))
    {
        Some((call, place)) => (call, Some(place)),
        None => (call, None),
    };
    if let Some((file, line)) = place.and_then(|place| place.rsplit_once(" @ ")) {
        set_place(&mut frame, file);
        frame.lineno = line.parse().ok();
    }
    let name = match call.rsplit_once("+0x") {
        Some((name, offset)) if address(offset).is_some() => name,
        _ => call,
    };
    match name.split_once('!') {
        Some((module, function)) => {
            frame.package = Some(module.to_owned());
            frame.function = Some(function.to_owned()).filter(|name| !name.is_empty());
        }
        None if name.starts_with("0x") => frame.instruction_addr = Some(address(name)?),
        None if name.len() < call.len() && !name.contains(' ') => {
            frame.package = Some(name.to_owned());
        }
        None => return None,
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

    const REPORT: &str = "\
ExceptionAddress: 00007ff6a1b21234 (shop!pay+0x0000000000000014)
   ExceptionCode: c0000005 (Access violation)
Attempt to write to address 0000000000000000

STACK_TEXT:  
000000e5`1a6ff8d0 00007ff6`a1b21280     : 00000000`00000000 00000000`00000001 : shop!Cart::pay<int,char>+0x14 [C:\\my src\\cart.cpp @ 12] 
(Inline Function) --------`--------     : --------`-------- --------`-------- : shop!invoke_main+0x22 [d:\\exe_common.inl @ 78] 
000000e5`1a6ff940 00007ffb`12347034     : 00000000`00000000 00000000`00000000 : helper+0x1234
000000e5`1a6ff980 00007ffb`14022651     : 00000000`00000000 00000000`00000000 : 0x7ff612340000
000000e5`1a6ff9b0 00000000`00000000     : 00000000`00000000 00000000`00000000 : ntdll!RtlUserThreadStart+0x21


SYMBOL_NAME:  shop!pay+14
";
    const FRAMES: &str = "Cart::pay<int,char> C:\\my src\\cart.cpp:12 [shop] < invoke_main d:\\exe_common.inl:78 [shop] < ? [helper] < 0x7ff612340000 < RtlUserThreadStart [ntdll]";

    #[test]
    fn reports_are_read() {
        check(
            REPORT,
            &format!("Access violation: Attempt to write to address 0000000000000000 | {FRAMES}"),
        );
        let logged: String = REPORT
            .lines()
            .map(|line| format!("app | {line}\n"))
            .collect();
        assert!(shown(find, &logged).contains(FRAMES));
    }

    #[test]
    fn stacks_of_commands_are_read() {
        check(
            "(1a2c.1f30): Access violation - code c0000005 (first chance)\n0:000> k\n # Child-SP          RetAddr               Call Site\n00 000000e5`1a6ff8d0 00007ff6`a1b21280     shop!pay+0x14 [C:\\src\\cart.cpp @ 12] \n01 (Inline Function) --------`--------     shop!main+0x22\n02 000000e5`1a6ff9b0 00000000`00000000     ntdll!RtlUserThreadStart+0x21\n",
            "Access violation: code c0000005 (first chance) | pay C:\\src\\cart.cpp:12 [shop] < main [shop] < RtlUserThreadStart [ntdll]",
        );
        check(
            "ChildEBP RetAddr  Args to Child              \n0019fe14 00401050 00000000 00000001 0019fe40 shop!pay+0x14 [c:\\cart.cpp @ 12]\nWARNING: Stack unwind information not available.\n0019ff70 76b1fa29 003e4000 76b1fa10 0019ffdc kernel32!BaseThreadInitThunk+0x19\n",
            "?:  | pay c:\\cart.cpp:12 [shop] < BaseThreadInitThunk [kernel32]",
        );
    }

    #[test]
    fn what_is_no_stack_is_none() {
        for text in [
            "STACK_TEXT:",
            "STACK_TEXT:  \nnone\n",
            "RetAddr\n01 02 a!b+0x1\n",
            "RetAddr\n01 02 words\n01 02 more words\n",
        ] {
            check(text, "");
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"RetAddr\n".repeat(20_000), "");
    }

    #[test]
    fn any_text_is_read() {
        any_bytes(find, REPORT);
    }
}
