//! .NET and Mono: C#, F#, Visual Basic, Unity.
//!
//! ```text
//! Unhandled exception. Shop.CartException: no cart
//!  ---> System.NullReferenceException: Object reference not set to an instance of an object.
//!    at Shop.Cart.Price(Int32 item) in /src/Cart.cs:line 12
//!    --- End of inner exception stack trace ---
//!    at Shop.Program.Main(String[] args) in /src/Program.cs:line 5
//! ```
//!
//! The frames of the innermost exception come first; each end of an inner stack leads one out.

use super::at::{self, HEAD_WITHIN, MESSAGE_LINES_MAX};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Trace, exception};
use crate::event::{Exception, Frame};

/// Exceptions of one tree.
const EXCEPTIONS_MAX: usize = 200;

/// What stands before a call in other languages than English.
const AT_ELSEWHERE: &[&str] = &[
    "   bei ",
    "   à ",
    "   en ",
    "   em ",
    "   в ",
    "   場所 ",
    "   在 ",
];

const UNHANDLED: &str = "Unhandled exception. ";

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    find_at(text, "at ", at::places(text), found);
    if !text.contains("Exception") {
        return;
    }
    for words in AT_ELSEWHERE {
        let mut more = Vec::new();
        let places = text.places_if(words, at::ends_as_call);
        find_at(text, words, places, &mut more);
        super::keep_free(found, more);
    }
    let mut more = Vec::new();
    let mut read_until = 0;
    for (number, column) in text.places(UNHANDLED) {
        let line = text.line(number);
        if number >= read_until
            && let Some(head) = Head::read(&line[column..], true)
        {
            let trace =
                Walk::new(text, Prefix::of(line, column), "at ").read(&head, number, number + 1);
            read_until = trace.lines.end;
            more.push(trace);
        }
    }
    super::keep_free(found, more);
}

/// Stacks whose lines say `words` before each call.
fn find_at(
    text: &Text<'_>,
    words: &'static str,
    places: impl Iterator<Item = (usize, usize)>,
    found: &mut Vec<Trace>,
) {
    let mut read_until = 0;
    let word = words.trim_start();
    for (number, column) in places {
        let column = column + words.len() - word.len();
        let line = text.line(number);
        let is_word = column == 0 || matches!(line.as_bytes()[column - 1], b' ' | b'\t');
        if number < read_until || !is_word {
            continue;
        }
        let (before, call) = (&line[..column], &line[column..]);
        if frame(call, word).is_none_or(|call| !call.is_strong()) {
            continue;
        }
        let prefix = Prefix::of(line, before.trim_end().len());
        if prefix.strip(line).trim_start() != call {
            continue;
        }
        let walk = Walk::new(text, prefix, word);
        let trace = match walk.head_above(number, read_until) {
            Some((above, head)) => Some(walk.read(&head, above, above + 1)),
            // One line may be anything, more are a stack.
            None => Some(walk.headless(number)).filter(|trace| trace.frames_max() > 1),
        };
        let Some(trace) = trace else { continue };
        read_until = trace.lines.end;
        // Mono says everything twice.
        match found.last_mut() {
            Some(last)
                if text
                    .line(trace.lines.start)
                    .contains("FATAL UNHANDLED EXCEPTION: ")
                    && last.exceptions == trace.exceptions =>
            {
                last.lines.end = trace.lines.end;
            }
            _ => found.push(trace),
        }
    }
}

/// `System.ArgumentException: message`; the message may name inner exceptions.
struct Head<'t> {
    ty: &'t str,
    value: Option<&'t str>,
}

impl<'t> Head<'t> {
    fn read(line: &'t str, right_above: bool) -> Option<Self> {
        let mut line = line.trim();
        let announced = [
            UNHANDLED,
            "Unhandled Exception: ",
            "Unhandled exception: ",
            "Unbehandelte Ausnahme: ",
            "[ERROR] FATAL UNHANDLED EXCEPTION: ",
            "FATAL UNHANDLED EXCEPTION: ",
            "Exception Info: ",
        ];
        while let Some(rest) = announced.iter().find_map(|words| line.strip_prefix(words)) {
            line = rest;
        }
        Self::of_type(line, right_above)
    }

    /// At the beginning of a line, or behind what a log says first.
    fn anywhere(line: &'t str, right_above: bool) -> Option<Self> {
        Self::read(line, right_above).or_else(|| {
            let starts = line.match_indices(' ').map(|(at, _)| at + 1).take(64);
            let mut starts = starts.take_while(|&at| at < HEAD_WITHIN);
            starts.find_map(|at| Self::of_type(&line[at..], false))
        })
    }

    fn of_type(text: &'t str, right_above: bool) -> Option<Self> {
        let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '`');
        let name_end = text.find(|c: char| !is_of_name(c)).unwrap_or(text.len());
        let name = &text[..name_end];
        // Arguments of generic types.
        let end = match text[name_end..].starts_with('[') && name.contains('`') {
            true => {
                name_end
                    + text[name_end..]
                        .rfind(']')
                        .filter(|&end| end < HEAD_WITHIN)?
                    + 1
            }
            false => name_end,
        };
        let (ty, rest) = text.split_at(end);
        let rest = rest.trim_end();
        let value = match rest.strip_prefix(" :").or_else(|| rest.strip_prefix(':')) {
            None if rest.is_empty() => None,
            None => {
                return rest
                    .starts_with(" ---> ")
                    .then_some(Self {
                        ty,
                        value: Some(rest),
                    })
                    .filter(|_| is_named(name));
            }
            Some("") => None,
            Some(value) => Some(value.strip_prefix(' ')?),
        };
        let could_be = name.starts_with(char::is_uppercase) && !name.ends_with('.');
        (is_named(name) || (right_above && could_be)).then_some(Self { ty, value })
    }
}

/// Named as exceptions are.
pub(super) fn is_named(name: &str) -> bool {
    let name = name.split('`').next().unwrap_or_default();
    let last = name.rsplit(['.', '+']).next().unwrap_or_default();
    last.ends_with("Exception")
        || (name.contains('.') && (last.ends_with("Error") || last.ends_with("Fault")))
}

/// A read `at NAME(PARAMETERS) in PLACE`.
struct Call<'l> {
    name: &'l str,
    parameters: &'l str,
    place: Option<&'l str>,
}

fn frame<'l>(line: &'l str, word: &str) -> Option<Call<'l>> {
    let call = line.strip_prefix(word)?.trim();
    let call = call.strip_suffix("<---").unwrap_or(call);
    let call = match call.strip_prefix("(wrapper ") {
        Some(rest) => rest.split_once(") ")?.1,
        None => call,
    };
    if call.starts_with("<0x") && call.ends_with("<unknown method>") {
        return Some(Call {
            name: "",
            parameters: "",
            place: None,
        });
    }
    let (name, rest) = call.split_once('(')?;
    let (parameters, rest) = rest.split_once(')')?;
    let name = name.trim_end();
    let is_name = !name.is_empty()
        && (!name.contains(' ') || name.contains('[') || name.contains('<'))
        && !name.contains('/');
    let read = Call {
        name,
        parameters,
        place: place(rest),
    };
    (is_name
        && read.is_call()
        && (rest.trim().is_empty() || read.place.is_some() || rest.trim_start().starts_with("[0x")))
    .then_some(read)
}

/// What stands behind the parameters: ` [0x0001] in PLACE`, the `in` in any language.
fn place(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix("[0x") {
        Some(offset) => offset.split_once(']')?.1.trim_start(),
        None => rest,
    };
    let (word, place) = rest.split_once(' ')?;
    (word.chars().count() <= 5 && word.chars().all(|c| c.is_alphabetic() || c == ':'))
        .then(|| place.trim())
}

impl Call<'_> {
    /// Whether the parameters are such.
    fn is_call(&self) -> bool {
        let no_place = [
            "Native Method",
            "Unknown Source",
            "<anonymous>",
            "native",
            "native code",
        ];
        let is_of_type = |c: char| c.is_alphanumeric() || " _.,[]`<>&*+?!@|{}=-".contains(c);
        !no_place.contains(&self.parameters)
            && self.parameters.chars().all(is_of_type)
            && !self.parameters.starts_with("index ")
            && ![".java", ".kt", ".scala", ".js"]
                .iter()
                .any(|end| self.parameters.ends_with(end))
    }

    /// Whether nothing but .NET prints it so.
    fn is_strong(&self) -> bool {
        let has_names = self.parameters.split(", ").all(|one| one.contains(' '));
        self.name.contains(['.', ':'])
            && (self.place.is_some() || self.parameters.is_empty() || has_names)
    }

    fn read(&self) -> Frame {
        let (module, function) = split_name(self.name);
        let mut frame = Frame {
            module: module.map(str::to_owned),
            function: (!function.is_empty()).then(|| function.to_owned()),
            ..Frame::default()
        };
        if let Some((file, line)) = self.place.and_then(split_line) {
            at::set_file(&mut frame, file);
            frame.lineno = Some(line);
        }
        frame
    }
}

/// `file:line 7`, in any language, or `file:7`; Mono names a number instead of a file it does not know.
fn split_line(place: &str) -> Option<(&str, u64)> {
    let (file, line) = place.rsplit_once(':')?;
    let digits = line.trim_end_matches('.').rsplit(' ').next()?;
    let line = digits.parse().ok()?;
    (!file.starts_with('<')).then_some((file, line))
}

/// The class and the method: at the last dot outside of brackets; constructors begin with one.
pub(super) fn split_name(name: &str) -> (Option<&str>, &str) {
    let mut depth = 0_usize;
    for (at, byte) in name.bytes().enumerate().rev() {
        match byte {
            b']' | b'>' => depth += 1,
            b'[' | b'<' => depth = depth.saturating_sub(1),
            b'.' | b':' if depth == 0 && at > 0 => {
                let is_constructor = name.as_bytes()[at - 1] == b'.';
                return match is_constructor {
                    true => (Some(&name[..at - 1]), &name[at..]),
                    false => (Some(&name[..at]), &name[at + 1..]),
                };
            }
            _ => {}
        }
    }
    (None, name)
}

struct Node {
    ty: Option<String>,
    value: Option<String>,
    frames: Vec<Frame>,
    parent: Option<usize>,
    /// One of several in one, or below such a one.
    is_aside: bool,
    is_group: bool,
}

/// The reading of one failure, line by line.
struct Walk<'a, 't> {
    text: &'a Text<'t>,
    prefix: Prefix<'a>,
    word: &'a str,
    nodes: Vec<Node>,
    /// The exceptions whose frames are still to come, the innermost last.
    open: Vec<usize>,
    /// Where `open` ends when one of several is read: `<---` closes it.
    listed: Vec<usize>,
}

impl<'a, 't: 'a> Walk<'a, 't> {
    fn new(text: &'a Text<'t>, prefix: Prefix<'a>, word: &'a str) -> Self {
        Self {
            text,
            prefix,
            word,
            nodes: Vec::new(),
            open: Vec::new(),
            listed: Vec::new(),
        }
    }

    fn line(&self, number: usize) -> &'a str {
        let line: &'a str = self.text.line(number);
        self.prefix.strip(line)
    }

    fn head_above(&self, frames: usize, read_until: usize) -> Option<(usize, Head<'a>)> {
        // Runners of tests have a line between the message and the stack.
        let mut end = frames;
        while end > read_until && is_title(self.line(end - 1).trim()) {
            end -= 1;
        }
        for above in (read_until..end).rev().take(MESSAGE_LINES_MAX) {
            let line = self.line(above);
            if frame(line.trim_start(), self.word).is_some_and(|call| call.is_strong()) {
                break;
            }
            // An inner one belongs to one above.
            if line.trim_start().starts_with("---> ") {
                continue;
            }
            let is_inner_below = self.line(above + 1).trim_start().starts_with("---> ");
            if let Some(head) = Head::anywhere(line, above + 1 == end || is_inner_below) {
                return Some((above, head));
            }
        }
        None
    }

    /// A failure with this head in line `start`; its other lines begin at `next`.
    fn read(mut self, head: &Head<'_>, start: usize, next: usize) -> Trace {
        self.push(head, None, false);
        let mut next = self.message(next);
        while next < self.text.len() {
            match self.step(next) {
                Some(after) => next = after,
                None => break,
            }
        }
        self.trace(start, next)
    }

    fn headless(mut self, start: usize) -> Trace {
        self.push_node(None, None, None, false);
        let mut next = start;
        while next < self.text.len() {
            match self.step(next) {
                Some(after) => next = after,
                None => break,
            }
        }
        self.trace(start, next)
    }

    /// The exception, and those that its line names as inner ones.
    fn push(&mut self, head: &Head<'_>, parent: Option<usize>, in_list: bool) {
        let (value, inner) = match head.value.and_then(|value| value.split_once("---> ")) {
            Some((value, inner)) => (Some(value.trim_end()), Head::of_type(inner, true)),
            None => (head.value.map(str::trim_end), None),
        };
        // No inner exception: an arrow of the message's own.
        let value = if inner.is_none() {
            head.value.map(str::trim_end)
        } else {
            value
        };
        let value = value.filter(|value| !value.is_empty()).map(str::to_owned);
        self.push_node(Some(head.ty.to_owned()), value, parent, in_list);
        if let Some(inner) = inner
            && self.nodes.len() < EXCEPTIONS_MAX
        {
            let parent = Some(self.nodes.len() - 1);
            self.push(&inner, parent, false);
        }
    }

    fn push_node(
        &mut self,
        ty: Option<String>,
        value: Option<String>,
        parent: Option<usize>,
        in_list: bool,
    ) {
        let is_aside = in_list || parent.is_some_and(|parent| self.nodes[parent].is_aside);
        self.open.push(self.nodes.len());
        self.nodes.push(Node {
            ty,
            value,
            frames: Vec::new(),
            parent,
            is_aside,
            is_group: false,
        });
    }

    /// Appends lines to the message of the last exception, if its frames or an inner one follow; the line behind.
    fn message(&mut self, from: usize) -> usize {
        let last = self.text.len().min(from + MESSAGE_LINES_MAX);
        for end in from..last {
            let line = self.line(end).trim();
            let is_frame =
                frame(line, self.word).is_some_and(|call| call.is_strong() || end == from);
            if is_frame || line.starts_with("---> ") || is_end_of_inner(line) || is_title(line) {
                let lines: Vec<&str> = (from..end)
                    .map(|number| self.line(number).trim_end())
                    .collect();
                let added = lines.join("\n");
                if let Some(node) = self.nodes.last_mut()
                    && !added.trim().is_empty()
                {
                    let value = node.value.get_or_insert_default();
                    value.push('\n');
                    value.push_str(added.trim_end());
                }
                return end;
            }
            if Head::read(line, false).is_some() {
                break;
            }
        }
        from
    }

    fn step(&mut self, number: usize) -> Option<usize> {
        let line = self.line(number).trim();
        if let Some(inner) = line.strip_prefix("---> ") {
            return self.inner(inner, number);
        }
        if let Some(call) = frame(line, self.word) {
            self.add_frame(&call);
            if line.ends_with("<---") {
                self.close_listed();
            }
            return Some(number + 1);
        }
        if line == "<---" {
            self.close_listed();
        } else if is_end_of_inner(line) {
            if self.open.len() > 1 {
                self.open.pop();
            }
        } else if line.is_empty() {
            let next = self.line(number + 1).trim();
            let goes_on = frame(next, self.word).is_some()
                || next.starts_with("---> ")
                || is_end_of_inner(next);
            return goes_on.then_some(number + 1);
        } else if !is_title(line) && !is_passed(line) {
            return None;
        }
        Some(number + 1)
    }

    /// `---> Type: message`, or one of several: `---> (Inner Exception #1) Type: message`.
    fn inner(&mut self, inner: &str, number: usize) -> Option<usize> {
        let numbered = inner
            .strip_prefix("(Inner Exception #")
            .and_then(|rest| rest.split_once(") "));
        let head = Head::of_type(
            numbered
                .map_or(inner, |(_, head)| head)
                .trim_end_matches("<---"),
            true,
        )?;
        if self.nodes.len() >= EXCEPTIONS_MAX {
            return Some(number + 1);
        }
        let parent = self.open.last().copied();
        if let (Some(_), Some(parent)) = (numbered, parent) {
            self.nodes[parent].is_group = true;
            self.listed.push(self.open.len());
        }
        self.push(&head, parent, numbered.is_some());
        let next = self.message(number + 1);
        if numbered.is_some() && inner.ends_with("<---") {
            self.close_listed();
        }
        Some(next)
    }

    fn close_listed(&mut self) {
        if let Some(length) = self.listed.pop() {
            self.open.truncate(length.max(1));
        }
    }

    fn add_frame(&mut self, call: &Call<'_>) {
        if let Some(node) = self.open.last().map(|&at| &mut self.nodes[at])
            && node.frames.len() < FRAMES_MAX
        {
            node.frames.push(call.read());
        }
    }

    fn trace(self, start: usize, end: usize) -> Trace {
        let is_tree = self.nodes.iter().any(|node| node.is_aside);
        let mut exceptions: Vec<(bool, Exception)> = Vec::with_capacity(self.nodes.len());
        let mut seen: Vec<(Option<String>, Option<String>, Option<Frame>)> = Vec::new();
        for (id, node) in self.nodes.into_iter().enumerate() {
            // Older runtimes list the first one of several again.
            let key = (
                node.ty.clone(),
                node.value.clone(),
                node.frames.first().cloned(),
            );
            if node.is_aside && seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let mut read = exception(node.ty.as_deref(), node.value.as_deref(), node.frames);
            if is_tree {
                at::set_parent(&mut read, id, node.parent, node.parent.map(|_| "chained"));
            }
            if node.is_group
                && let Some(mechanism) = &mut read.mechanism
            {
                mechanism
                    .other
                    .insert("is_exception_group".into(), true.into());
            }
            exceptions.push((node.is_aside, read));
        }
        exceptions.reverse();
        // The root cause stays first and the thrown one last.
        if let Some(thrown) = exceptions.pop() {
            exceptions.sort_by_key(|(is_aside, _)| *is_aside);
            exceptions.push(thrown);
        }
        Trace {
            language: "csharp",
            exceptions: exceptions
                .into_iter()
                .map(|(_, exception)| exception)
                .collect(),
            threads: Vec::new(),
            lines: start..end,
        }
    }
}

/// Between the message and the stack.
fn is_title(line: &str) -> bool {
    matches!(
        line,
        "Stack Trace:" | "StackTrace:" | "Stack trace:" | "Stacktrace:"
    )
}

/// `--- End of inner exception stack trace ---`, in any language.
fn is_end_of_inner(line: &str) -> bool {
    let inner = ["inner", "intern", "внутрен", "内部", "內部"];
    is_passed(line) && inner.iter().any(|word| line.contains(word))
}

/// `--- End of stack trace from previous location ---`
fn is_passed(line: &str) -> bool {
    line.starts_with("--- ") && line.ends_with(" ---")
}

#[cfg(test)]
mod tests {
    use super::super::at::tests::shown;
    use super::super::shown::any_bytes;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(shown(find, text), expected, "{text}");
    }

    /// One frame below a head.
    #[track_caller]
    fn check_frame(line: &str, expected: &str) {
        check(
            &format!("A.XException: y\n   {line}\n"),
            &[&format!("A.XException: y | {expected}")],
        );
    }

    /// A head above one frame.
    #[track_caller]
    fn check_head(head: &str, expected: &str) {
        check(
            &format!("{head}\n   at A.B.C()\n"),
            &[&format!("{expected} | A.B::C")],
        );
    }

    const INNER: &str = "Unhandled exception. Shop.CartException: no cart\n ---> System.Exception: two\nlines\n ---> System.IO.IOException: deep\n   at A.Deep() in /src/A.cs:line 1\n   --- End of inner exception stack trace ---\n   at A.Two() in /src/A.cs:line 2\n--- End of stack trace from previous location ---\n   at A.Two2()\n   --- End of inner exception stack trace ---\n   at A.Main(String[] args) in /src/A.cs:line 3\n";

    const GROUP: &str = "System.AggregateException: One or more errors occurred. (a) (b)\n ---> System.Exception: a\n   at A.F()\n   --- End of inner exception stack trace ---\n   at A.Wait()\n ---> (Inner Exception #0) System.Exception: a\n   at A.F()<---\n\n ---> (Inner Exception #1) System.ArgumentException: b (Parameter 'x')\n   at A.G() in C:\\a b\\A.cs:line 5<---\n\n";

    #[test]
    fn frames_belong_to_the_innermost_that_is_open() {
        check(
            INNER,
            &[
                "System.IO.IOException: deep | A::Deep /src/A.cs:1",
                "System.Exception: two\nlines | A::Two /src/A.cs:2 | A::Two2",
                "Shop.CartException: no cart | A::Main /src/A.cs:3",
            ],
        );
    }

    #[test]
    fn inner_exceptions_may_stand_in_the_line_of_the_outer() {
        check(
            "Unhandled Exception: System.Exception: outer ---> System.Exception: in ---> B.XException\n   at A.F()\n   --- End of inner exception stack trace ---\n   at A.G()\n   --- End of inner exception stack trace ---\n   at A.H()\n",
            &[
                "B.XException | A::F",
                "System.Exception: in | A::G",
                "System.Exception: outer | A::H",
            ],
        );
        check_head("A.XException: a ---> b", "A.XException: a ---> b");
    }

    #[test]
    fn several_in_one_are_beside_the_chain() {
        check(
            GROUP,
            &[
                "System.Exception: a | A::F",
                "System.ArgumentException: b (Parameter 'x') | A::G C:\\a b\\A.cs:5",
                "System.AggregateException: One or more errors occurred. (a) (b) | A::Wait",
            ],
        );
    }

    #[test]
    fn what_mono_says_twice_is_one() {
        let stack = "System.NullReferenceException: Object reference\n  at P.Foo (System.String s) [0x00001] in <8f3a>:0 \n  at P.Main (System.String[] args) [0x00000] in /src/P.cs:12 \n";
        check(
            &format!("\nUnhandled Exception:\n{stack}[ERROR] FATAL UNHANDLED EXCEPTION: {stack}"),
            &["System.NullReferenceException: Object reference | P::Foo | P::Main /src/P.cs:12"],
        );
    }

    #[test]
    fn frames_are_read() {
        check_frame("at A.B.C()", "A.B::C");
        check_frame(
            "at A.B.C(Int32 x, List`1 y) in C:\\my src\\A.cs:line 12",
            "A.B::C C:\\my src\\A.cs:12",
        );
        check_frame("at A.B..ctor(String x)", "A.B::.ctor");
        check_frame("at A.B..cctor()", "A.B::.cctor");
        check_frame(
            "at A.B`1[System.Int32].Add[T](T x)",
            "A.B`1[System.Int32]::Add[T]",
        );
        check_frame(
            "at A.B.<RunAsync>d__1.MoveNext() in /a.cs:line 1",
            "A.B.<RunAsync>d__1::MoveNext /a.cs:1",
        );
        check_frame(
            "at A.B.<>c.<<Main>b__0_0>d.MoveNext()",
            "A.B.<>c.<<Main>b__0_0>d::MoveNext",
        );
        check_frame(
            "at A.B.<Main>g__Local|0_0(String x)",
            "A.B::<Main>g__Local|0_0",
        );
        check_frame(
            "at (wrapper managed-to-native) A.B:C (int)\n   at A.D()",
            "A.B::C | A::D",
        );
        check_frame("at <0x40a5> <unknown method>\n   at A.D()", "? | A::D");
        check_frame("at A.B.C () [0x00000] in <filename unknown>:0 ", "A.B::C");
        check_frame("at Größe.Maß.Süß()", "Größe.Maß::Süß");
    }

    #[test]
    fn other_languages_of_the_runtime_are_read() {
        check(
            "System.Exception: y\n   bei A.B() in C:\\a.cs:Zeile 7.\n   bei A.C(Int32 x) in C:\\a.cs:Zeile 8\n",
            &["System.Exception: y | A::B C:\\a.cs:7 | A::C C:\\a.cs:8"],
        );
        check(
            "System.Exception: y\n   à A.B() dans C:\\a.cs:ligne 7\n",
            &["System.Exception: y | A::B C:\\a.cs:7"],
        );
        check(
            "System.Exception: y\n   場所 A.B() 場所 C:\\a.cs:行 7\n",
            &["System.Exception: y | A::B C:\\a.cs:7"],
        );
    }

    #[test]
    fn heads_may_be_announced() {
        check_head("System.Exception", "System.Exception");
        check_head("System.Exception: ", "System.Exception");
        check_head(
            "Unhandled exception. A.B+CException: y",
            "A.B+CException: y",
        );
        check_head(
            "Exception Info: System.NullReferenceException: y",
            "System.NullReferenceException: y",
        );
        check_head("NullReferenceException: y", "NullReferenceException: y");
        check_head("A.FaultException`1[A.B]: y", "A.FaultException`1[A.B]: y");
        check_head(
            "[12:00:01 ERR] failed System.Exception: y",
            "System.Exception: y",
        );
        check_head(
            "  Error Message:\n   System.Exception : y\n  Stack Trace:",
            "System.Exception: y",
        );
        check_head("A.Trouble: y", "A.Trouble: y");
        check_head(
            "System.Exception: y\nfile: z",
            "System.Exception: y\nfile: z",
        );
    }

    #[test]
    fn an_exception_may_have_no_stack() {
        check(
            "Unhandled exception. System.Exception: y\n",
            &["System.Exception: y"],
        );
    }

    #[test]
    fn lines_of_logs_may_have_prefixes() {
        check(
            "app_1  | A.XException: y\napp_1  |    at A.B()\napp_1  |    at A.C()\napp_2  | z\n",
            &["A.XException: y | A::B | A::C"],
        );
    }

    #[test]
    fn other_languages_are_passed_over() {
        for text in [
            "a.X: y\n\tat a.A.a(A.java:1)\n\tat a.A.b(Native Method)\n\tat a.A.c(Unknown Source)\n",
            "Error: x\n    at f (/a.js:1:2)\n    at A.b (<anonymous>)\n    at async Promise.all (index 0)\n",
            "look at a.b() and c\n",
            "look at a.b()\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read() {
        any_bytes(find, INNER);
        any_bytes(find, GROUP);
        any_bytes(
            find,
            "x 1 é.E: y\nx 1   at A.<B>[c].D (E f) [0x1] in <a>:0\n   à A.B() dans a:1\n",
        );
    }
}
