//! What Elixir prints of an error, also of processes that ended by one, innermost frame first.
//!
//! ```text
//! ** (ArithmeticError) bad argument in arithmetic expression
//!     (shop 1.0.0) lib/cart.ex:2: Shop.Cart.total/1
//! ```

use super::record::begins_a_record;
use super::text::{Prefix, Text};
use super::{Trace, exception};
use crate::event::{Exception, Frame};

/// Lines looked at between the head of an error and its first frame, and heads that may stand within one another.
const MESSAGE_LINES_MAX: usize = 256;
const DEPTH_MAX: usize = 8;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut next = 0;
    for (line, column) in text.places("** (") {
        if line < next {
            continue;
        }
        if let Some(trace) = read(text, line, column) {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

fn read(text: &Text<'_>, start: usize, column: usize) -> Option<Trace> {
    let before = text.line(start).get(..column)?;
    if before.ends_with(|last: char| !matches!(last, ' ' | '\t' | '|' | ']' | ':')) {
        return None;
    }
    let (exceptions, end) = failure(text, start, column, 0)?;
    Some(Trace {
        language: "elixir",
        exceptions,
        threads: Vec::new(),
        lines: start..end,
    })
}

/// An error with those that led to it, and the line behind it.
fn failure(
    text: &Text<'_>,
    start: usize,
    column: usize,
    depth: usize,
) -> Option<(Vec<Exception>, usize)> {
    let prefix = Prefix::of(text.line(start), column);
    let (ty, first) = head(text.line(start).get(column..)?)?;
    let below = |number: usize| match prefix.of_line(text.line(number)) {
        Some(line) => line,
        // What is not as deep is of the error around it.
        None if depth > 0 => "",
        None => text.line(number),
    };
    let inner = (start + 1..start + 3)
        .find(|&number| number < text.len() && below(number).trim_start().starts_with("** ("))
        .filter(|&number| depth < DEPTH_MAX && below(number).starts_with(' '));
    let led = inner.and_then(|number| {
        let column = text.line(number).find("** (")?;
        failure(text, number, column, depth + 1)
    });
    let (message_end, (mut exceptions, frames_at)) = match (inner, led) {
        (Some(inner), Some(led)) => (inner, led),
        _ => {
            let end = end_of_message(&below, start + 1, text.len());
            (end, (Vec::new(), end))
        }
    };
    let mut frames = Vec::new();
    let mut at = frames_at;
    while at < text.len()
        && let Some(frame) = frame(below(at)).or_else(|| call_without_place(below(at)))
    {
        frames.push(frame);
        at += 1;
    }
    let value = message(first, (start + 1..message_end).map(below));
    // That a process ended tells nothing beside the error that ended it.
    if !(ty.starts_with("EXIT") && !exceptions.is_empty() && frames.is_empty()) {
        exceptions.push(exception(Some(ty), value.as_deref(), frames));
    }
    Some((exceptions, at))
}

/// `** (ArgumentError) message`
fn head(line: &str) -> Option<(&str, &str)> {
    let (ty, message) = line.strip_prefix("** (")?.split_once(')')?;
    let is_module = ty.starts_with(char::is_uppercase)
        && ty
            .chars()
            .all(|character| character.is_alphanumeric() || matches!(character, '.' | '_'));
    let is_kind =
        matches!(ty, "exit" | "throw" | "stop" | "error") || ty.starts_with("EXIT from #PID<");
    (is_module || is_kind).then_some((ty, message.strip_prefix(' ').unwrap_or(message)))
}

/// The line of the first frame; without one, where the paragraph ends.
fn end_of_message<'t>(line: &impl Fn(usize) -> &'t str, start: usize, len: usize) -> usize {
    let mut paragraph = None;
    for number in start..(start + MESSAGE_LINES_MAX).min(len) {
        let below = line(number);
        if frame(below).is_some() {
            // The innermost may have no place.
            let above = number - 1;
            let is_call = above >= start && call_without_place(line(above)).is_some();
            return if is_call { above } else { number };
        }
        if below.contains("** (") || begins_a_record(below) || ends_the_error(below) {
            return paragraph.unwrap_or(number);
        }
        if below.is_empty() && !line(number + 1).starts_with(' ') {
            paragraph = paragraph.or(Some(number));
        }
    }
    paragraph.unwrap_or((start + MESSAGE_LINES_MAX).min(len))
}

/// What loggers write below the frames.
fn ends_the_error(line: &str) -> bool {
    [
        "Last message",
        "State: ",
        "Function: ",
        "Client #PID",
        "    Args: ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

/// A message without the arguments that are listed below it.
fn message<'t>(first: &str, below: impl Iterator<Item = &'t str>) -> Option<String> {
    let mut value = first.trim_end().to_owned();
    for line in below {
        if line
            .trim_start()
            .starts_with("The following arguments were given to ")
        {
            break;
        }
        value.push('\n');
        value.push_str(line.trim_end());
    }
    value.truncate(value.trim_end().len());
    (!value.is_empty()).then_some(value)
}

/// `    (shop 1.0.0) lib/cart.ex:2: Shop.Cart.total/1`
fn frame(line: &str) -> Option<Frame> {
    let (package, rest) = package(line.strip_prefix("    ")?);
    let (place, function) = rest.split_once(": ")?;
    let (path, number) = place.rsplit_once(':')?;
    let is_path = path.contains('.') && !path.starts_with(' ') && !path.contains('"');
    let number = number.parse().ok()?;
    is_path.then(|| Frame {
        abs_path: path.starts_with('/').then(|| path.to_owned()),
        filename: Some(path.to_owned()),
        lineno: Some(number),
        ..named(function.trim_end(), package)
    })
}

/// `    :erlang.hd([])`, `    (stdlib 4.2) :lists.map/2`
fn call_without_place(line: &str) -> Option<Frame> {
    let (package, call) = package(line.strip_prefix("    ")?);
    let call = call.trim_end();
    let is_module = call.starts_with(|first: char| first == ':' || first.is_uppercase());
    let name = call.split(['(', '/']).next().unwrap_or(call);
    let is_name = name.contains('.') && !name.contains(' ');
    let ends = call.ends_with(')')
        || call.rsplit('/').next().is_some_and(|arity| {
            !arity.is_empty() && arity.bytes().all(|byte| byte.is_ascii_digit())
        });
    (is_module && is_name && ends).then(|| named(call, package))
}

/// The application in parentheses before a place.
fn package(line: &str) -> (Option<&str>, &str) {
    match line
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(") "))
    {
        Some((package, rest)) => (Some(package), rest),
        None => (None, line),
    }
}

/// `Shop.Cart.total/1`, `:gen_server.loop/7`, `Enum."-map/2-"/2`; `anonymous fn/1 in Shop.run/1` and `(file)` have no module.
fn named(function: &str, package: Option<&str>) -> Frame {
    let name_end = function.find(['"', '(', '/']).unwrap_or(function.len());
    let split = function[..name_end]
        .rfind('.')
        .filter(|_| !function.starts_with("anonymous fn") && !function.starts_with('('));
    let (module, function) = match split {
        Some(dot) => (Some(&function[..dot]), &function[dot + 1..]),
        None => (None, function),
    };
    Frame {
        function: Some(function.to_owned()),
        module: module.map(str::to_owned),
        package: package.map(str::to_owned),
        ..Frame::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(find, text, expected);
    }

    const PLAIN: &str = "** (ArithmeticError) bad argument\n    (shop 1.0.0) lib/cart.ex:2: Shop.Cart.total/1\n    (elixir 1.14.0) lib/enum.ex:1658: Enum.\"-map/2-lists^map/1-0-\"/2\n    e.exs:12: (file)\n";
    const PLAIN_SHOWN: &str = "ArithmeticError: bad argument | (file) e.exs:12 | Enum!\"-map/2-lists^map/1-0-\"/2 lib/enum.ex:1658 (elixir 1.14.0) | Shop.Cart!total/1 lib/cart.ex:2 (shop 1.0.0)";

    #[test]
    fn an_error_is_read() {
        check(PLAIN, &[PLAIN_SHOWN]);
        check(
            &format!("{PLAIN}{PLAIN}"),
            &[PLAIN_SHOWN, "--", PLAIN_SHOWN],
        );
        check(
            &format!(
                "04:45:16.239 [error] Process #PID<0.106.0> raised an exception\n{PLAIN}Function: #Function<2.3>\n    Args: []\n"
            ),
            &[PLAIN_SHOWN],
        );
        check(&format!("04:45:16.239 [error] {PLAIN}"), &[PLAIN_SHOWN]);
        let logged: String = PLAIN
            .lines()
            .map(|line| format!("app | {line}\n"))
            .collect();
        check(&logged, &[PLAIN_SHOWN]);
    }

    #[test]
    fn messages_are_whole_without_arguments() {
        check(
            "** (RuntimeError) boom\nline two\n    e.exs:12: (file)\n",
            &["RuntimeError: boom\nline two | (file) e.exs:12"],
        );
        check(
            "** (ArgumentError) errors were found at the given arguments:\n\n  * 1st argument: not a nonempty list\n\n    :erlang.hd([])\n    e.exs:2: Shop.Cart.total/1\nLast message: :boom\n",
            &[
                "ArgumentError: errors were found at the given arguments:\n\n  * 1st argument: not a nonempty list | Shop.Cart!total/1 e.exs:2 | :erlang!hd([])",
            ],
        );
        check(
            "** (FunctionClauseError) no function clause matching in Shop.price/1    \n    \n    The following arguments were given to Shop.price/1:\n    \n        # 1\n        %{name: \"x\"}\n    \n    ex/a.exs:3: Shop.price/1\n",
            &[
                "FunctionClauseError: no function clause matching in Shop.price/1 | Shop!price/1 ex/a.exs:3",
            ],
        );
    }

    #[test]
    fn throws_and_exits_are_read() {
        check(
            "** (throw) :x\n    e.exs:16: (file)\n",
            &["throw: :x | (file) e.exs:16"],
        );
        check(
            "** (Mix) The task \"x\" could not be found\n\nmore\n",
            &["Mix: The task \"x\" could not be found"],
        );
        check("    e.exs:19: anonymous fn/0 in A.b/1\n", &[]);
        check(
            "** (E) t\n    e.exs:19: anonymous fn/0 in A.b/1\n    (stdlib 4.2) gen_server.erl:1149: :gen_server.loop/7\n",
            &[
                "E: t | :gen_server!loop/7 gen_server.erl:1149 (stdlib 4.2) | anonymous fn/0 in A.b/1 e.exs:19",
            ],
        );
    }

    #[test]
    fn what_ended_a_process_comes_first() {
        check(
            "** (EXIT from #PID<0.96.0>) an exception was raised:\n    ** (ArgumentError) t\n        e.exs:19: A.b/1\n        (stdlib 4.2) proc_lib.erl:240: :proc_lib.x/3\n\n",
            &["ArgumentError: t | :proc_lib!x/3 proc_lib.erl:240 (stdlib 4.2) | A!b/1 e.exs:19"],
        );
        check(
            "** (exit) exited in: GenServer.call(#PID<0.1.0>, :boom, 5000)\n    ** (EXIT) an exception was raised:\n        ** (KeyError) key :foo\n            e.exs:20: A.b/1\n    e.exs:13: (file)\n",
            &[
                "KeyError: key :foo | A!b/1 e.exs:20",
                "exit: exited in: GenServer.call(#PID<0.1.0>, :boom, 5000) | (file) e.exs:13",
            ],
        );
    }

    #[test]
    fn what_is_no_error_is_none() {
        for text in [
            "",
            "** (",
            "** (see below)",
            "**bold** (Note) x",
            "** (Two Words) x",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"x** (A) ".repeat(20_000), &[]);
        check(&"** (".repeat(20_000), &[]);
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(find, PLAIN);
        shown::any_bytes(
            find,
            "** (exit) a\n    ** (EXIT) b:\n        ** (KeyError) key\n            e.exs:20: A.b/1\n    e.exs:13: (file)\n",
        );
    }
}
