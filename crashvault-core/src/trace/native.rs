//! What the ways of printing native code share: numbered frames, names with signatures, places, addresses. Knows no
//! report as a whole.

use super::{Frame, Trace, at};
use crate::event::{Exception, Stacktrace, Thread};
use std::ops::Range;

/// A failure of native code.
pub(super) fn trace(exception: Exception, threads: Vec<Thread>, lines: Range<usize>) -> Trace {
    Trace {
        language: "native",
        exceptions: vec![exception],
        threads,
        lines,
    }
}

/// Another stack of a report, innermost frame first.
pub(super) fn thread(id: Option<&str>, name: Option<&str>, innermost_first: Vec<Frame>) -> Thread {
    let named = super::exception(None, None, innermost_first);
    Thread {
        id: id.map(str::to_owned),
        name: name.filter(|name| !name.is_empty()).map(str::to_owned),
        stacktrace: named.stacktrace.or_else(|| Some(Stacktrace::default())),
        ..Thread::default()
    }
}

/// A number in hexadecimal digits, with or without `0x`.
pub(super) fn address(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

/// An address with its `0x` at the beginning of a text, and what stands behind it.
pub(super) fn leading_address(text: &str) -> Option<(Option<u64>, &str)> {
    let digits = text.strip_prefix("0x")?;
    let end = digits
        .bytes()
        .position(|byte| !byte.is_ascii_hexdigit())
        .unwrap_or(digits.len());
    (end > 0).then(|| (address(&digits[..end]), &digits[end..]))
}

/// Decimal digits at the beginning of a text, and what stands behind them.
pub(super) fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// `path`, `path:line` or `path:line:column` into a frame; the path itself may hold colons. What native code prints where
/// it knows no file or no line is none.
pub(super) fn set_place(frame: &mut Frame, place: &str) {
    let mut read = Frame::default();
    at::set_place(&mut read, place);
    if read
        .filename
        .as_deref()
        .is_some_and(|file| file != "<null>")
    {
        (frame.filename, frame.abs_path) = (read.filename, read.abs_path);
        (frame.lineno, frame.colno) = (read.lineno.filter(|&line| line > 0), read.colno);
    }
}

fn is_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

/// Splits `function(arguments) const path:line:column` before the path; either may be missing.
pub(super) fn function_and_place(text: &str) -> (&str, &str) {
    let text = text.trim();
    let is_path = |token: &str| {
        token.starts_with(['/', '.']) && token.contains('/') || is_drive(token) || token == "<null>"
    };
    let mut last = None;
    for blank in outer_blanks(text) {
        let token = &text[blank + 1..];
        let first = token.split(' ').next().unwrap_or_default();
        if is_path(first) {
            return (text[..blank].trim_end(), token);
        }
        last = Some(blank);
    }
    if is_path(text) {
        return ("", text);
    }
    match last {
        Some(blank) if is_file(&text[blank + 1..]) => {
            (text[..blank].trim_end(), &text[blank + 1..])
        }
        _ => (text, ""),
    }
}

/// Whether a word without a folder names a file: it has a line, or an ending.
fn is_file(word: &str) -> bool {
    let has_line = at::split_number(word).is_some();
    has_line || word == "_asan_rtl_" || (word.contains('.') && !word.contains(['(', '<', ')']))
}

/// The blanks outside of all brackets.
fn outer_blanks(text: &str) -> impl Iterator<Item = usize> {
    outer(text).filter_map(|(at, byte)| (byte == b' ').then_some(at))
}

/// The bytes outside of all brackets, the outermost brackets themselves among them. Operators such as `operator<` are
/// no brackets.
fn outer(text: &str) -> impl Iterator<Item = (usize, u8)> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0_usize, 0_usize);
    std::iter::from_fn(move || {
        while let Some(&byte) = bytes.get(at) {
            if byte == b'o' && bytes[at..].starts_with(b"operator") {
                at += "operator".len() + operator_len(&bytes[at + "operator".len()..]);
                continue;
            }
            let here = at;
            at += 1;
            match byte {
                b'(' | b'<' | b'[' | b'{' => {
                    depth += 1;
                    if depth == 1 {
                        return Some((here, byte));
                    }
                }
                b'>' if here > 0 && bytes[here - 1] == b'-' => {}
                b')' | b'>' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some((here, byte));
                    }
                }
                _ if depth == 0 => return Some((here, byte)),
                _ => {}
            }
        }
        None
    })
}

/// The signs behind `operator`, that are no brackets there.
fn operator_len(rest: &[u8]) -> usize {
    let signs = rest
        .iter()
        .take(3)
        .take_while(|byte| b"<>=-+*/%^&|~!,".contains(byte))
        .count();
    match rest {
        [b'(', b')', ..] | [b'[', b']', ..] => 2,
        // A template's arguments stand right behind the operator: operator< <int>, operator==<int>.
        [b'=' | b'!', b'=', b'<', ..] => 2,
        _ => signs,
    }
}

/// A function's name without its parameters, what follows them, and the type that it returns.
pub(super) fn without_signature(name: &str) -> &str {
    let name = name.trim();
    if name.starts_with("-[") || name.starts_with("+[") {
        return name;
    }
    let cloned = name.ends_with(']').then(|| name.rsplit_once(" [clone "));
    let name = cloned.flatten().map_or(name, |(rest, _)| rest);
    if !name.contains('(') {
        return name;
    }
    let Some(parameters) = parameters(name) else {
        return name;
    };
    let head = &name[..parameters];
    let head = match head.find("operator") {
        Some(operator) => {
            let start = outer_blanks(&head[..operator]).last();
            start.map_or(head, |blank| &head[blank + 1..])
        }
        None => outer_blanks(head)
            .last()
            .map_or(head, |blank| &head[blank + 1..]),
    };
    match head.trim_start_matches(['*', '&']).trim_end() {
        "" => name,
        head => head,
    }
}

/// Where the parameters begin: the last brackets outside, if only qualifiers stand behind them.
fn parameters(name: &str) -> Option<usize> {
    let (mut open, mut close) = (None, None);
    for (at, byte) in outer(name) {
        match byte {
            b'(' => open = Some(at),
            b')' => close = open.map(|_| at),
            _ => {}
        }
    }
    let (open, close) = (open?, close?);
    let behind = name.get(close + 1..)?;
    let only_qualifiers = behind
        .split(' ')
        .all(|word| matches!(word, "" | "const" | "volatile" | "&" | "&&" | "noexcept"));
    (open > 0 && open < close && only_qualifiers).then_some(open)
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::trace::text::Text;

    pub(in crate::trace) type Find = fn(&Text<'_>, &mut Vec<Trace>);

    /// A failure on each line and its threads behind it: `type: value | innermost file:1 < outermost`.
    pub(in crate::trace) fn shown(find: Find, text: &str) -> String {
        let mut found = Vec::new();
        find(&Text::new(text), &mut found);
        let mut lines = Vec::new();
        for trace in found {
            for exception in &trace.exceptions {
                let ty = exception.ty.as_deref().unwrap_or("?");
                let value = exception.value.as_deref().unwrap_or_default();
                lines.push(format!(
                    "{ty}: {value} | {}",
                    stack(exception.stacktrace.as_ref())
                ));
            }
            for thread in &trace.threads {
                let id = thread.id.as_deref().unwrap_or("-");
                let name = thread.name.as_deref().unwrap_or("-");
                lines.push(format!(
                    "thread {id} {name} | {}",
                    stack(thread.stacktrace.as_ref())
                ));
            }
        }
        lines.join("\n")
    }

    fn stack(stack: Option<&Stacktrace>) -> String {
        let frames = stack
            .map(|stack| stack.frames.as_slice())
            .unwrap_or_default();
        let frames: Vec<String> = frames.iter().rev().map(frame).collect();
        frames.join(" < ")
    }

    fn frame(frame: &Frame) -> String {
        let function = match (&frame.function, frame.instruction_addr) {
            (Some(function), _) => function.clone(),
            (None, Some(address)) => format!("{address:#x}"),
            (None, None) => "?".to_owned(),
        };
        let mut shown = match &frame.module {
            Some(module) => format!("{module}.{function}"),
            None => function,
        };
        if let Some(file) = &frame.filename {
            shown.push_str(&format!(" {file}"));
        }
        for number in [frame.lineno, frame.colno].into_iter().flatten() {
            shown.push_str(&format!(":{number}"));
        }
        if let Some(package) = &frame.package {
            shown.push_str(&format!(" [{package}]"));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(without_signature(name), expected);
    }

    #[test]
    fn names_lose_their_parameters() {
        check("main", "main");
        check("app::Doc::len(int, char**)", "app::Doc::len");
        check("a::b() const", "a::b");
        check("a::b() const &", "a::b");
        check("a::f(void (*)(int), int)", "a::f");
        check("f(int) [clone .cold]", "f");
        check("Fuzzer(class fuzzer::Fuzzer *,char const *)", "Fuzzer");
    }

    #[test]
    fn names_lose_what_they_return() {
        check("void a::f<int>(int)", "a::f<int>");
        check("std::vector<int, A<int> > a::f<int>(int)", "a::f<int>");
        check("decltype(auto) a::f<int>(int)", "a::f<int>");
        check("char* a::f<int>(int)", "a::f<int>");
    }

    #[test]
    fn anonymous_namespaces_are_no_parameters() {
        check("(anonymous namespace)::f(int)", "(anonymous namespace)::f");
        check("a::(anonymous namespace)::f", "a::(anonymous namespace)::f");
        check("(anonymous namespace)::f", "(anonymous namespace)::f");
        check(
            "a::`anonymous namespace'::f<0>",
            "a::`anonymous namespace'::f<0>",
        );
    }

    #[test]
    fn operators_are_names() {
        check("operator new(unsigned long)", "operator new");
        check("operator delete[](void*)", "operator delete[]");
        check("a::X::operator()(int) const", "a::X::operator()");
        check("a::X::operator()", "a::X::operator()");
        check("bool a::operator< <int>(int, int)", "a::operator< <int>");
        check("bool a::operator==<int>(X<int>, int)", "a::operator==<int>");
        check("std::ostream& operator<<(std::ostream&, X)", "operator<<");
        check("X::operator->() const", "X::operator->");
        check("X::operator bool() const", "X::operator bool");
        check(
            "main::{lambda()#1}::operator()() const",
            "main::{lambda()#1}::operator()",
        );
        check(
            "std::function<void ()>::operator()() const",
            "std::function<void ()>::operator()",
        );
    }

    #[test]
    fn other_languages_keep_their_names() {
        check("-[Foo bar:baz:]", "-[Foo bar:baz:]");
        check(
            "<T as core::fmt::Debug>::fmt",
            "<T as core::fmt::Debug>::fmt",
        );
        check(
            "__26-[Home create]_block_invoke",
            "__26-[Home create]_block_invoke",
        );
    }

    #[track_caller]
    fn check_split(text: &str, function: &str, place: &str) {
        assert_eq!(function_and_place(text), (function, place));
    }

    #[test]
    fn places_stand_behind_functions() {
        check_split("main /a/b.c:3:4", "main", "/a/b.c:3:4");
        check_split(
            "f(int, char) const /a/b.c:3",
            "f(int, char) const",
            "/a/b.c:3",
        );
        check_split("f(int) /a b/c d.c:3", "f(int)", "/a b/c d.c:3");
        check_split("f C:\\a b\\c.cc:18", "f", "C:\\a b\\c.cc:18");
        check_split("f content/x.h:224", "f", "content/x.h:224");
        check_split("f ../csu/x.c:3", "f", "../csu/x.c:3");
        check_split("f x.cc", "f", "x.cc");
        check_split("operator-> b/memory:27:76", "operator->", "b/memory:27:76");
        check_split("f() const", "f() const", "");
        check_split(
            "operator new(unsigned long) <null>",
            "operator new(unsigned long)",
            "<null>",
        );
        check_split("operator() /a.h:1", "operator()", "/a.h:1");
        check_split("/a/b.c:3", "", "/a/b.c:3");
        check_split("", "", "");
    }
}
