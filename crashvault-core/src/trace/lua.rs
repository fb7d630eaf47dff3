//! Errors of Lua with the stack below them, innermost frame first.
//!
//! ```text
//! lua: cart.lua:3: attempt to index a nil value (field 'price')
//! stack traceback:
//!         cart.lua:3: in function 'total'
//!         [C]: in ?
//! ```

use super::record::begins_a_record;
use super::text::{Prefix, Text};
use super::{Trace, exception};
use crate::event::Frame;

const MARK: &str = "stack traceback:";
/// Lines looked at above a stack for the begin of its message.
const MESSAGE_LINES_MAX: usize = 16;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut next = 0;
    for (line, column) in text.places(MARK) {
        if line < next {
            continue;
        }
        let (trace, end) = read(text, line, column, next);
        next = end;
        found.extend(trace);
    }
    let unread = text.places(" near ");
    let unread = unread.filter_map(|(line, column)| unreadable(text, line, column));
    super::keep_free(found, unread.collect());
}

/// A program that cannot be read has no stack: `lua5.4: bad.lua:3: unexpected symbol near 'end'`
fn unreadable(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let printed = text.line(line);
    let name = printed[..column].rfind("lua")?;
    // Behind the program's name blanks are of the path.
    let start = match printed[..name].rfind(": ") {
        Some(colon) => colon + 2,
        None => printed[..name].rfind([' ', '\t']).map_or(0, |at| at + 1),
    };
    let said = printed[start..].trim_end();
    let place = place_of(said)?;
    let message = message_of(said);
    let near = message.split_once(" near ").map(|(_, near)| near)?;
    let is_quoted = near.starts_with(['\'', '<', '"']) || near.starts_with("end of file");
    let (path, number) = place.rsplit_once(':')?;
    let is_program = path.ends_with(".lua") || said.starts_with("lua");
    let frame = Frame {
        abs_path: path.starts_with('/').then(|| path.to_owned()),
        filename: Some(path.to_owned()),
        lineno: number.parse().ok(),
        ..Frame::default()
    };
    (is_quoted && is_program).then(|| Trace {
        language: "lua",
        exceptions: vec![exception(None, Some(message), vec![frame])],
        threads: Vec::new(),
        lines: line..line + 1,
    })
}

fn read(text: &Text<'_>, line: usize, column: usize, free: usize) -> (Option<Trace>, usize) {
    let prefix = Prefix::of(text.line(line), column);
    let mut frames = Vec::new();
    let mut at = line + 1;
    while at < text.len() {
        let below = prefix.strip(text.line(at));
        let is_indented = below.starts_with(['\t', ' ']);
        match frame(below.trim()) {
            Some(frame) if is_indented => frames.push(frame),
            _ if is_passed_over(below) => {}
            _ => break,
        }
        at += 1;
    }
    if frames.is_empty() {
        return (None, at);
    }
    let start = head(text, &prefix, line, free);
    let lines: Vec<&str> = (start..line)
        .map(|number| prefix.strip(text.line(number)))
        .collect();
    let message = lines.join("\n");
    excuse(&mut frames, place_of(&message));
    let value = message_of(&message).trim();
    let value = Some(value).filter(|value| !value.is_empty());
    let trace = Trace {
        language: "lua",
        exceptions: vec![exception(None, value, frames)],
        threads: Vec::new(),
        lines: start..at,
    };
    (Some(trace), at)
}

/// `error(message, 2)` blames the caller, `error(message, 3)` its caller: the place before the message is the one to blame, and
/// the calls below it are not.
fn excuse(innermost_first: &mut [Frame], place: Option<&str>) {
    let is_raised = innermost_first
        .first()
        .is_some_and(|frame| frame.function.as_deref() == Some("error"));
    let Some((file, line)) = place.and_then(|place| place.rsplit_once(':')) else {
        return;
    };
    let line: Option<u64> = line.parse().ok();
    let is_blamed = |frame: &Frame| frame.lineno == line && frame.filename.as_deref() == Some(file);
    if let (true, Some(blamed)) = (is_raised, innermost_first.iter().position(is_blamed)) {
        for frame in &mut innermost_first[..blamed] {
            frame.in_app = Some(false);
        }
    }
}

/// `a.lua:3` of `lua: a.lua:3: message`.
fn place_of(message: &str) -> Option<&str> {
    let before = message[..place_in(message.lines().next()?)?].strip_suffix(": ")?;
    Some(match before.split_once(": ") {
        Some((program, place)) if !program.contains(':') => place,
        _ => before,
    })
}

/// Calls that left no frame, those left out, and the names of coroutines.
fn is_passed_over(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("...")
        || line.starts_with("(...")
        || (line.starts_with("coroutine ") && line.ends_with(':'))
}

/// The line where the message begins: the one above, or one before it that has a place.
fn head(text: &Text<'_>, prefix: &Prefix<'_>, stack: usize, free: usize) -> usize {
    let first = free.max(stack.saturating_sub(MESSAGE_LINES_MAX));
    let above = stack
        .checked_sub(1)
        .filter(|above| *above >= first)
        .unwrap_or(stack);
    for number in (first..stack).rev() {
        let line = prefix.strip(text.line(number));
        if line.trim().is_empty() {
            break;
        }
        if place_in(line).is_some() || line.starts_with("lua") {
            return number;
        }
        if begins_a_record(line) {
            break;
        }
    }
    above
}

/// Where the message is in `lua: a.lua:3: message`.
fn place_in(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut from = 0;
    while let Some(at) = line[from..].find(": ") {
        let colon = from + at;
        let digits = bytes[..colon]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let before = colon - digits;
        let is_place = digits > 0 && before > 1 && bytes[before - 1] == b':';
        // A time has colons and digits too.
        if is_place && !bytes[before - 2].is_ascii_digit() {
            return Some(colon + 2);
        }
        from = colon + 2;
    }
    None
}

fn message_of(message: &str) -> &str {
    let first = message.lines().next().unwrap_or_default();
    if let Some(at) = place_in(first) {
        return &message[at..];
    }
    match message.split_once(": ") {
        Some((program, rest)) if program.starts_with("lua") && !program.contains(' ') => rest,
        _ => message,
    }
}

/// `a.lua:3: in function 'total'`, `[C]: in ?`, `[string "x"]:1: in main chunk`
fn frame(line: &str) -> Option<Frame> {
    let (place, function) = line.split_once(": in ")?;
    let (path, number) = match place.rsplit_once(':') {
        Some((path, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            (path, number.parse().ok())
        }
        _ => (place, None),
    };
    Some(Frame {
        function: function_name(function).map(str::to_owned),
        abs_path: path.starts_with('/').then(|| path.to_owned()),
        filename: Some(path.to_owned()),
        lineno: number,
        ..Frame::default()
    })
}

/// `function 'total'`, `local 'f'`, `function <a.lua:3>`, `main chunk`; `?` is no name.
fn function_name(function: &str) -> Option<&str> {
    if let Some((_, quoted)) = function.split_once(['\'', '`']) {
        return Some(quoted.strip_suffix('\'').unwrap_or(quoted));
    }
    let name = function.strip_prefix("function ").unwrap_or(function);
    (name != "?" && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(find, text, expected);
    }

    const PLAIN: &str = "lua5.4: lua/b.lua:4: bad state 17\nstack traceback:\n\t[C]: in function 'error'\n\tlua/b.lua:2: in upvalue 'g'\n\tlua/b.lua:6: in main chunk\n\t[C]: in ?\n";
    const PLAIN_SHOWN: &str =
        "?: bad state 17 | ? [C] | main chunk lua/b.lua:6 | g lua/b.lua:2 | error [C]";

    #[test]
    fn an_error_is_read() {
        check(PLAIN, &[PLAIN_SHOWN]);
        check(
            &format!("x\n{PLAIN}{PLAIN}y\n"),
            &[PLAIN_SHOWN, "--", PLAIN_SHOWN],
        );
        let logged: String = PLAIN
            .lines()
            .map(|line| format!("app | {line}\n"))
            .collect();
        check(&logged, &[PLAIN_SHOWN]);
        check(
            &format!(
                "2026/01/02 03:04:05 [error] 7#7: *1 {}",
                PLAIN.replace("lua5.4: ", "runtime error: ")
            ),
            &[PLAIN_SHOWN],
        );
    }

    #[test]
    fn messages_are_whole() {
        check(
            "lua: l.lua:4: multi\nline\nstack traceback:\n\t[C]: in ?\n",
            &["?: multi\nline | ? [C]"],
        );
        check(
            "lua5.4: nopos\nstack traceback:\n\t[C]: in ?\n",
            &["?: nopos | ? [C]"],
        );
        check(
            "lua5.4: (error object is a table value)\nstack traceback:\n\t[C]: in ?\n",
            &["?: (error object is a table value) | ? [C]"],
        );
        check("stack traceback:\n\t[C]: in ?\n", &["? | ? [C]"]);
    }

    #[test]
    fn calls_below_the_one_to_blame_are_excused() {
        let excused = |text: &str| {
            let mut found = Vec::new();
            find(&Text::new(text), &mut found);
            let stacks = found.iter().flat_map(|trace| &trace.exceptions);
            let frames = stacks.flat_map(|exception| &exception.stacktrace);
            frames
                .flat_map(|stack| &stack.frames)
                .filter(|frame| frame.in_app == Some(false))
                .filter_map(|frame| frame.function.clone())
                .collect::<Vec<_>>()
        };
        let level_2 = PLAIN.replace(
            "upvalue 'g'\n",
            "upvalue 'g'\n\tlua/b.lua:4: in local 'h'\n",
        );
        assert_eq!(excused(&level_2), ["g", "error"]);
        assert_eq!(excused(&PLAIN.replace("b.lua:4:", "b.lua:2:")), ["error"]);
        // Raised by the runtime, or with a message that names another place.
        let of_runtime = level_2.replace("\t[C]: in function 'error'\n", "");
        assert_eq!(excused(&of_runtime), [""; 0]);
        assert_eq!(excused(PLAIN), [""; 0]);
    }

    #[test]
    fn levels_left_out_are_passed_over() {
        check(
            "lua: l.lua:3: stack overflow\nstack traceback:\n\tl.lua:3: in upvalue 'r'\n\t...\t(skipping 499973 levels)\n\t(...tail calls...)\n\tl.lua:4: in main chunk\n",
            &["?: stack overflow | main chunk l.lua:4 | r l.lua:3"],
        );
    }

    #[test]
    fn names_of_all_versions_are_read() {
        check(
            "x.lua:1: e\nstack traceback:\n\t[string \"a: b\"]:1: in function <l.lua:5>\n\t/srv/a b.lua:7: in method 'bad'\n\tl.lua:2: in function `old'\n\tl.lua:9: in function 'a.get'\n",
            &[
                "?: e | a.get l.lua:9 | old l.lua:2 | bad /srv/a b.lua:7 | <l.lua:5> [string \"a: b\"]:1",
            ],
        );
    }

    #[test]
    fn programs_that_cannot_be_read_are_told() {
        let expected = "?: unexpected symbol near 'end' | ? bad.lua:3";
        for start in ["lua5.4: ", "", "12:01 ERROR "] {
            check(
                &format!("{start}bad.lua:3: unexpected symbol near 'end'\n"),
                &[expected],
            );
        }
        check(
            "luajit: /srv/a b.lua:3: '=' expected near '<eof>'\n",
            &["?: '=' expected near '<eof>' | ? /srv/a b.lua:3"],
        );
    }

    #[test]
    fn what_is_no_error_is_none() {
        for text in [
            "evaluated near 'x'\n",
            "lua: near 'x'\n",
            "see a.lua:3: the bug is near here\n",
            "",
            "stack traceback:",
            "x\nstack traceback:\nno frame\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"stack traceback:\n\t...\n".repeat(20_000), &[]);
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(find, PLAIN);
    }
}
