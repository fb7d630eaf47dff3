//! What Erlang's runtime, its logger and its shell print of errors: as terms, and as the reports made of them.
//!
//! ```text
//! Error in process <0.80.0> with exit value:
//! {function_clause,[{cart,total,[3],[{file,"cart.erl"},{line,3}]},
//!                   {proc_lib,init_p_do_apply,3,[{file,"proc_lib.erl"},{line,240}]}]}
//!
//!     exception error: no function clause matching srv:total(0) (srv.erl, line 7)
//!       in function  srv:handle_call/3 (srv.erl, line 5)
//!       in call from gen_server:try_handle_call/4 (gen_server.erl, line 1149)
//! ```

use super::native::leading_number;
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Frame, Trace, exception};

/// What stands before a reason as a term.
const TERMS: &[&str] = &[
    "Reason for termination",
    "with exit value:",
    "exited with reason:",
];
/// What stands before a reason in words: its class is the word before the colon.
const REPORTS: &[&str] = &["exception error: ", "exception exit: ", "exception throw: "];

/// Lines and bytes of a term.
const TERM_LINES_MAX: usize = 512;
const TERM_BYTES_MAX: usize = 256 << 10;
/// Lines of a message, and lines between two calls.
const MESSAGE_LINES_MAX: usize = 64;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut marks: Vec<(usize, usize, usize)> = Vec::new();
    for (kind, mark) in TERMS.iter().chain(REPORTS).enumerate() {
        marks.extend(text.places(mark).map(|(line, column)| (line, column, kind)));
    }
    marks.sort_unstable();
    let mut next = 0;
    for (line, column, kind) in marks {
        if line < next {
            continue;
        }
        let read = match kind.checked_sub(TERMS.len()) {
            None => term(text, line, column + TERMS[kind].len()),
            Some(kind) => report(text, line, column, REPORTS[kind]),
        };
        if let Some(trace) = read {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

fn trace(
    ty: &str,
    value: &str,
    innermost_first: Vec<Frame>,
    lines: std::ops::Range<usize>,
) -> Trace {
    let value = Some(value.trim()).filter(|value| !value.is_empty());
    Trace {
        language: "elixir",
        exceptions: vec![exception(Some(ty), value, innermost_first)],
        threads: Vec::new(),
        lines,
    }
}

// Terms --------------------------------------------------------------------------------------------------------

/// The reason that begins behind a colon, or on the next line behind `** `.
fn term(text: &Text<'_>, line: usize, behind: usize) -> Option<Trace> {
    let first = text.line(line);
    let rest = first[behind..].trim_start_matches([' ', ':', '=']);
    let (start, rest) = match rest {
        "" => (line + 1, text.line(line + 1)),
        rest => (line, rest),
    };
    let (term, end) = whole(text, start, rest.trim_start().trim_start_matches("** "));
    let stack = term.match_indices("[{").find_map(|(at, _)| {
        let frames = stack(&term[at + 1..]);
        (!frames.is_empty()).then_some((at, frames))
    });
    let (at, frames) = stack?;
    let reason = term[..at].trim_end_matches([',', ' ']);
    let reason = reason.strip_prefix('{').unwrap_or(reason);
    let (ty, value) = reason_parts(reason);
    Some(trace(ty, value, frames, line..end))
}

/// A term to its last bracket, on one line, and the line behind it.
fn whole(text: &Text<'_>, start: usize, first: &str) -> (String, usize) {
    let mut term = String::new();
    let mut depth = 0_usize;
    let mut quote = None;
    let mut number = start;
    let mut line = first;
    loop {
        for character in line.trim().chars() {
            match (quote, character) {
                (None, '{' | '[') => depth += 1,
                (None, '}' | ']') => depth = depth.saturating_sub(1),
                (None, '"' | '\'') => quote = Some(character),
                (Some(open), _) if open == character => quote = None,
                _ => {}
            }
        }
        term.push_str(line.trim());
        number += 1;
        let is_long = number - start >= TERM_LINES_MAX || term.len() >= TERM_BYTES_MAX;
        if depth == 0 || is_long || number >= text.len() {
            return (term, number);
        }
        line = text.line(number);
    }
}

/// `badmatch,{error,x}` of `{badmatch,{error,x}}`: a word that says what, and of what.
fn reason_parts(reason: &str) -> (&str, &str) {
    let (inner, is_tuple) = match reason.strip_prefix('{') {
        Some(inner) => (inner.strip_suffix('}').unwrap_or(inner), true),
        None => (reason, false),
    };
    match inner.split_once(',') {
        Some((ty, value)) if is_tuple && is_atom(ty) => (ty, value),
        _ if is_atom(inner) => (inner, ""),
        _ => ("error", reason),
    }
}

fn is_atom(word: &str) -> bool {
    let is_of_atom = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@');
    word.starts_with(|first: char| first.is_ascii_lowercase()) && word.chars().all(is_of_atom)
}

/// The calls of a list that begins here, innermost first.
fn stack(list: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut rest = list;
    while let Some((frame, behind)) = call(rest)
        && frames.len() < FRAMES_MAX
    {
        frames.push(frame);
        rest = match behind.strip_prefix(',') {
            Some(next) => next,
            None => break,
        };
    }
    frames
}

/// `{cart,total,[3],[{file,"cart.erl"},{line,3}]}` and what stands behind it.
fn call(text: &str) -> Option<(Frame, &str)> {
    let inner = text.strip_prefix('{')?;
    let (module, rest) = atom(inner)?;
    let (function, rest) = atom(rest.strip_prefix(',')?)?;
    let rest = rest.strip_prefix(',')?;
    let (arity, rest) = match rest.strip_prefix('[') {
        Some(arguments) => list(arguments)?,
        None => {
            let (arity, rest) = leading_number(rest)?;
            (usize::try_from(arity).ok()?, rest)
        }
    };
    let properties = rest.strip_prefix(",[")?;
    let (_, behind) = list(properties)?;
    let told = &properties[..properties.len() - behind.len()];
    let file = told
        .split_once("{file,\"")
        .and_then(|(_, file)| file.split_once('"'))
        .map(|(file, _)| file);
    let line = told
        .split_once("{line,")
        .and_then(|(_, line)| leading_number(line))
        .map(|(line, _)| line);
    Some((
        placed(module, format!("{function}/{arity}"), file, line),
        behind.strip_prefix('}')?,
    ))
}

fn placed(module: &str, function: String, file: Option<&str>, line: Option<u64>) -> Frame {
    Frame {
        module: Some(module.to_owned()),
        function: Some(function),
        abs_path: file.filter(|file| file.starts_with('/')).map(str::to_owned),
        filename: file.map(str::to_owned),
        lineno: line.filter(|&line| line > 0),
        ..Frame::default()
    }
}

/// `cart`, `'Elixir.Cart'`
fn atom(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        return quoted.split_once('\'');
    }
    let end = text.find([',', '}', ']', '(', ' ', '/', '"'])?;
    let (atom, rest) = text.split_at(end);
    is_atom(atom).then_some((atom, rest))
}

/// How many things are in a list whose bracket is open, and what stands behind its end.
fn list(text: &str) -> Option<(usize, &str)> {
    let (mut depth, mut count, mut quote) = (0_usize, 0, None);
    let mut is_empty = true;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, ']') if depth == 0 => {
                return Some((count + usize::from(!is_empty), &text[at + 1..]));
            }
            (None, ',') if depth == 0 => count += 1,
            (None, '{' | '[' | '(') => depth += 1,
            (None, '}' | ']' | ')') => depth = depth.saturating_sub(1),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
        is_empty = false;
    }
    None
}

// Reports ------------------------------------------------------------------------------------------------------

fn report(text: &Text<'_>, line: usize, column: usize, mark: &str) -> Option<Trace> {
    let first = text.line(line);
    let ty = mark.strip_prefix("exception ")?.strip_suffix(": ")?;
    let before = first[..column]
        .strip_suffix("** ")
        .unwrap_or(&first[..column]);
    let prefix = Prefix::of(first, before.trim_end().len());
    let stripped = |number: usize| prefix.strip(text.line(number)).trim();
    let mut value = first[column + mark.len()..].trim_end().to_owned();
    let mut frames = Vec::new();
    // Of the call that found no clause the place stands with the message.
    frames.extend(
        value
            .rsplit(' ')
            .nth(3)
            .and_then(|_| value.split_once(" matching "))
            .and_then(|(_, call)| called(call)),
    );
    let (mut number, mut end) = (line + 1, line + 1);
    let mut is_message = true;
    while number < text.len().min(end + MESSAGE_LINES_MAX) {
        let told = stripped(number);
        let call = ["in function ", "in call from "]
            .iter()
            .find_map(|start| told.strip_prefix(start));
        number += 1;
        if let Some(frame) = call.and_then(called) {
            is_message = false;
            if frames.len() < FRAMES_MAX {
                frames.push(frame);
            }
            end = number;
        } else if told.starts_with("called as ") || told.starts_with("*** argument ") {
            is_message = false;
        } else if told.is_empty() || !is_message && !is_argument(told) || is_property(told) {
            break;
        } else if is_message && number - line < MESSAGE_LINES_MAX {
            value.push('\n');
            value.push_str(told);
        }
    }
    let value = match frames.is_empty() {
        true => value.lines().next().unwrap_or_default().to_owned(),
        false => value,
    };
    Some(trace(ty, &value, frames, line..end))
}

/// Arguments go over several lines.
fn is_argument(told: &str) -> bool {
    told.ends_with([',', ')', ']', '}']) && !told.contains(": ")
}

/// What a crash report says next.
fn is_property(told: &str) -> bool {
    [
        "ancestors:",
        "message_queue_len:",
        "pid:",
        "registered_name:",
    ]
    .iter()
    .any(|start| told.starts_with(start))
}

/// ` srv:handle_call/3 (srv.erl, line 5)`, `srv:total(0) (srv.erl, line 7)`
fn called(call: &str) -> Option<Frame> {
    let call = call.trim();
    let (module, rest) = atom(call).or_else(|| {
        let (module, _) = call.split_once(':')?;
        is_atom(module).then(|| call.split_at(module.len()))
    })?;
    let rest = rest.strip_prefix(':')?;
    let (rest, file, line) = match rest.rsplit_once(" (") {
        Some((rest, place)) if place.ends_with(')') => {
            let (file, line) = place.trim_end_matches(')').split_once(", line ")?;
            (rest, Some(file), line.parse().ok())
        }
        _ => (rest, None, None),
    };
    let rest = rest.trim_end();
    let function = match rest.split_once('(') {
        Some((name, arguments)) if !name.contains('/') => {
            let arguments = arguments.strip_suffix(')')?;
            let (arity, _) = list(&format!("{arguments}]")).map(|(arity, _)| (arity, ()))?;
            format!("{name}/{arity}")
        }
        _ => rest.to_owned(),
    };
    (!function.is_empty()).then(|| placed(module, function, file, line))
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(find, text, expected);
    }

    const SERVER: &str = "\
=ERROR REPORT==== 23-Nov-2026::07:28:38.340235 ===
** Generic server <0.79.0> terminating
** Last message in was boom
** When Server state == 0
** Reason for termination ==
** {function_clause,[{srv,total,[0],[{file,\"srv.erl\"},{line,7}]},
                     {srv,'-start/0-fun-1-',3,[{file,\"/srv/a b/srv.erl\"},{line,5}]},
                     {gen_server,try_handle_call,4,
                                 [{file,\"gen_server.erl\"},{line,1149}]}]}
** Client <0.9.0> stacktrace
** [{gen,do_call,4,[{file,\"gen.erl\"},{line,256}]},
    {init,do_boot,3,[]}]
";
    const SERVER_SHOWN: &str = "function_clause | gen_server!try_handle_call/4 gen_server.erl:1149 | srv!-start/0-fun-1-/3 /srv/a b/srv.erl:5 | srv!total/1 srv.erl:7";

    #[test]
    fn terms_are_read() {
        check(SERVER, &[SERVER_SHOWN]);
        check(
            &format!("{SERVER}\n{SERVER}"),
            &[SERVER_SHOWN, "--", SERVER_SHOWN],
        );
        check(
            "Error in process <0.81.0> with exit value:\n{{badmatch,{error,\"a]\"}},[{erlang,list_to_integer,\n                 [\"a,c\",10],\n                 [{error_info,#{module => erl_erts_errors}}]},\n         {crash,loop,0,[{file,\"crash.erl\"},{line,11}]}]}\n",
            &["badmatch: {error,\"a]\"} | crash!loop/0 crash.erl:11 | erlang!list_to_integer/2"],
        );
        check(
            "x exited with reason: {badarg,[{a,b,0,[]}]} in context start_error\n",
            &["badarg | a!b/0"],
        );
    }

    const CRASH: &str = "\
=CRASH REPORT==== 23-Nov-2026::07:28:38.388168 ===
  crasher:
    initial call: srv:init/1
    exception error: no function clause matching srv:total(0,[]) (srv.erl, line 7)
      in function  srv:handle_call/3 (srv.erl, line 5)
         called as srv:handle_call(a,
                                   b)
      in call from gen_server:try_handle_call/4 (gen_server.erl, line 1149)
    ancestors: [<0.9.0>]
";
    const CRASH_SHOWN: &str = "error: no function clause matching srv:total(0,[]) (srv.erl, line 7) | gen_server!try_handle_call/4 gen_server.erl:1149 | srv!handle_call/3 srv.erl:5 | srv!total/2 srv.erl:7";

    #[test]
    fn reports_are_read() {
        check(CRASH, &[CRASH_SHOWN]);
        check(
            &format!("{SERVER}\n{CRASH}"),
            &[SERVER_SHOWN, "--", CRASH_SHOWN],
        );
        check(
            "1> a:b().\n** exception exit: {noproc,\n                    x}\n     in function  gen:do_for_proc/2 (gen.erl, line 228)\n",
            &["exit: {noproc,\nx} | gen!do_for_proc/2 gen.erl:228"],
        );
        check(
            "    exception error: badarg_here\n      in function  crash:'-start/0-fun-1-'/0 (crash.erl, line 9)\n    ancestors: []\n",
            &["error: badarg_here | crash!'-start/0-fun-1-'/0 crash.erl:9"],
        );
    }

    #[test]
    fn what_is_no_error_is_none() {
        for text in [
            "",
            "with exit value:",
            "with exit value: {a,[{b,c}]}\n",
            "Reason for termination ==\n** normal\n",
            "exited with reason: shutdown\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"with exit value: x\n".repeat(20_000), &[]);
        check(&"with exit value: [{\n".repeat(2_000), &[]);
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(find, SERVER);
        shown::any_bytes(find, CRASH);
    }
}
