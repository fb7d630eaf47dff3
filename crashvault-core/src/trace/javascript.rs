//! JavaScript: V8 (Node, Chrome, Deno, Edge) and what prints as it does (Hermes, Bun, Internet Explorer), and the manner of
//! SpiderMonkey (Firefox), JavaScriptCore (Safari) and old Opera.
//!
//! ```text
//! TypeError: cart is undefined            TypeError: cart is undefined
//!     at total (/srv/cart.js:3:9)         total@https://shop/cart.js:3:9
//!     at async /srv/main.js:7:1           @https://shop/main.js:7:1
//! ```

use super::at::{self, HEAD_WITHIN, MESSAGE_LINES_MAX};
use super::text::{Prefix, Text};
use super::{FRAMES_MAX, Trace, exception, keep_free};
use crate::event::{Exception, Frame};

/// Exceptions of one tree.
const EXCEPTIONS_MAX: usize = 200;
/// Lines of what Node prints of an error besides its stack.
const PROPERTIES_MAX: usize = 10_000;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    find_uncaught(text, found);
    let mut stacks = Vec::new();
    find_at(text, &mut stacks);
    keep_free(found, stacks);
    let mut stacks = Vec::new();
    find_addressed(text, &mut stacks);
    keep_free(found, stacks);
}

/// What ended Node: the line of the source, a caret, what was thrown, the version.
fn find_uncaught(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut read_until = 0;
    for (number, column) in text.places("Node.js v") {
        let line = text.line(number);
        let prefix = Prefix::of(line, column);
        let is_version = line[column + 9..]
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if !is_version {
            continue;
        }
        let from = read_until.max(number.saturating_sub(4 * MESSAGE_LINES_MAX));
        let line = |number: usize| prefix.strip(text.line(number));
        // The place stands above the source; a message may hold carets too.
        let is_below_place = |&caret: &usize| {
            caret >= from + 2
                && is_caret(line(caret))
                && at::split_number(line(caret - 2).trim_end()).is_some()
        };
        let mut above = from..number;
        let caret = above.clone().rfind(is_below_place);
        let caret = caret.or_else(|| above.rfind(|&above| is_caret(line(above))));
        if let Some(caret) = caret
            && let Some(trace) = Walk::new(text, prefix).thrown(caret, number)
        {
            found.push(trace);
        }
        read_until = number + 1;
    }
}

/// Stacks of lines that say `at`.
fn find_at(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut read_until = 0;
    for (number, column) in at::places(text) {
        if number < read_until {
            continue;
        }
        let line = text.line(number);
        let (before, call) = (&line[..column], &line[column..]);
        if at_frame(call).is_none() {
            continue;
        }
        let prefix = Prefix::of(line, before.trim_end().len());
        if prefix.strip(line).trim_start() != call {
            continue;
        }
        let walk = Walk::new(text, prefix);
        let trace = match walk.head_above(number, read_until) {
            Some((above, end)) => walk.read(above, end, number),
            // One line may be anything, more are a stack.
            None => walk.headless(number).filter(|trace| trace.frames_max() > 1),
        };
        if let Some(trace) = trace {
            read_until = trace.lines.end;
            found.push(trace);
        }
    }
}

/// Only what underlines the source.
fn is_caret(line: &str) -> bool {
    let line = line.trim();
    line.starts_with(['^', '~']) && line.bytes().all(|byte| matches!(byte, b'^' | b'~' | b' '))
}

/// `TypeError: message`
#[derive(Clone, Copy)]
struct Head<'t> {
    ty: &'t str,
    value: Option<&'t str>,
}

impl<'t> Head<'t> {
    /// At the beginning of a line, behind what may announce it.
    fn read(line: &'t str, right_above: bool) -> Option<Self> {
        let mut line = line.trim();
        if let Some((_, rest)) = line
            .strip_prefix("(node:")
            .and_then(|rest| rest.split_once(") "))
        {
            line = rest;
        }
        let announced = [
            "Uncaught (in promise) ",
            "Uncaught ",
            "UnhandledPromiseRejectionWarning: ",
            "Unhandled promise rejection: ",
            "[cause]: ",
            "Caused by: ",
            "Cause: ",
        ];
        loop {
            let rest = announced.iter().find_map(|words| line.strip_prefix(words));
            let logged = || {
                line.strip_prefix("error: ")
                    .filter(|rest| rest.starts_with("Uncaught ") || begins_named(rest))
            };
            match rest.or_else(logged) {
                Some(rest) => line = rest,
                None => break,
            }
        }
        Self::bracketed(line).or_else(|| Self::of_type(line, right_above))
    }

    /// `[TypeError: message]`, as errors without a stack are shown.
    fn bracketed(line: &'t str) -> Option<Self> {
        let inner = line.strip_prefix('[')?.trim_end_matches([' ', '{', ',']);
        let head = Self::of_type(inner.strip_suffix(']').unwrap_or(inner), false)?;
        Some(head)
    }

    fn of_type(text: &'t str, right_above: bool) -> Option<Self> {
        let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
        let end = text.find(|c: char| !is_of_name(c)).unwrap_or(text.len());
        let (ty, rest) = text.split_at(end);
        let rest = match rest
            .strip_prefix(" [")
            .and_then(|rest| rest.split_once(']'))
        {
            Some((code, rest)) if !code.contains(' ') => rest,
            _ => rest,
        };
        let value = match rest.trim_end() {
            "" | " {" => None,
            rest => Some(rest.strip_prefix(':')?),
        };
        let value = match value {
            None | Some("") => None,
            Some(value) => Some(value.strip_prefix(' ')?.trim()),
        };
        let could_be = ty.starts_with(char::is_uppercase) || ty == "error";
        (is_named(ty) || (right_above && could_be)).then(|| Self {
            ty,
            value: value.filter(|value| !value.is_empty()),
        })
    }

    /// At the beginning of a line, or behind what a log says first.
    fn anywhere(line: &'t str, right_above: bool) -> Option<Self> {
        Self::read(line, right_above).or_else(|| {
            let starts = line
                .match_indices(' ')
                .map(|(at, _)| at + 1)
                .take(64)
                .take_while(|&at| at < HEAD_WITHIN);
            starts
                .map(|at| &line[at..])
                .find_map(|rest| Self::read(rest, false))
        })
    }
}

fn begins_named(text: &str) -> bool {
    text.split_once(": ")
        .is_some_and(|(name, _)| name.len() < HEAD_WITHIN && is_named(name) && !name.contains(' '))
}

/// Named as errors are.
fn is_named(name: &str) -> bool {
    let ends = ["Error", "Exception", "Warning", "Rejection", "Failure"];
    name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'))
        && ends.iter().any(|end| name.ends_with(end))
}

/// `at CALL (PLACE)` or `at PLACE`.
fn at_frame(line: &str) -> Option<Frame> {
    let call = line
        .strip_prefix("at ")?
        .trim_end_matches([' ', ',', '{', '}', ']', '\t']);
    let call = call.strip_prefix("async ").unwrap_or(call);
    match call.strip_suffix(')') {
        Some(inner) => {
            let (name, place) = inner.split_once(" (")?;
            let mut frame = called(place)?;
            frame.function = (name != "<anonymous>").then(|| name.to_owned());
            Some(frame)
        }
        None => bare(call),
    }
}

/// A place within parentheses.
fn called(place: &str) -> Option<Frame> {
    let mut frame = Frame::default();
    let is_index = place
        .strip_prefix("index ")
        .is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()));
    if is_index || ["<anonymous>", "native", "native code"].contains(&place) {
        return Some(of_engine());
    }
    if let Some(origin) = place.strip_prefix("eval at ") {
        // Where the innermost piece of source stands.
        let (_, origin) = origin.rsplit_once('(')?;
        let (origin, _) = origin.split_once(')')?;
        if at::split_number(origin).is_some() {
            at::set_place(&mut frame, origin);
        }
        return Some(frame);
    }
    let place = place.strip_prefix("address at ").unwrap_or(place);
    if let Some((module, offset)) = place.rsplit_once(":0x")
        && module.contains("wasm")
    {
        at::set_file(&mut frame, module);
        frame.instruction_addr = u64::from_str_radix(offset, 16).ok();
        return Some(frame);
    }
    at::set_place(&mut frame, place);
    is_script_place(&frame).then_some(frame)
}

/// A function that the engine brings along, and whatever it calls without a place.
fn of_engine() -> Frame {
    Frame {
        in_app: Some(false),
        ..Frame::default()
    }
}

/// A place alone.
fn bare(place: &str) -> Option<Frame> {
    if place == "<anonymous>" || place == "native" {
        return Some(of_engine());
    }
    let mut frame = Frame::default();
    at::set_place(&mut frame, place);
    let file = frame.filename.as_deref()?;
    let is_file = file.contains(['/', '\\', '.', ':', '[', '<'])
        && !file.contains('(')
        && !file.ends_with(".rs");
    (is_file && frame.colno.is_some()).then_some(frame)
}

/// With a column it is one; else what it is in must be a script.
fn is_script_place(frame: &Frame) -> bool {
    let Some(file) = frame.filename.as_deref() else {
        return false;
    };
    let is_plain = (!file.contains(['(', ')']) || file.contains('/')) && !file.ends_with(".rs");
    is_plain && (frame.colno.is_some() || (frame.lineno.is_some() && is_script(file)))
}

fn is_script(file: &str) -> bool {
    let ends = [
        ".js",
        ".mjs",
        ".cjs",
        ".ts",
        ".tsx",
        ".jsx",
        ".html",
        ".htm",
        "bundle",
        ".vue",
        ".svelte",
        "eval code",
        ".coffee",
    ];
    has_scheme(file) || ends.iter().any(|end| file.ends_with(end))
}

/// `https://shop/cart.js`, not what merely holds an address.
fn has_scheme(file: &str) -> bool {
    let is_of_scheme =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    file.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(is_of_scheme))
}

struct Node {
    ty: Option<String>,
    value: Option<String>,
    frames: Vec<Frame>,
    parent: Option<usize>,
    /// One of several errors in one, or below such a one.
    is_aside: bool,
    is_group: bool,
}

/// The reading of one failure, line by line.
struct Walk<'a, 't> {
    text: &'a Text<'t>,
    prefix: Prefix<'a>,
    nodes: Vec<Node>,
    /// Within the properties of which error a line stands: how far these are indented, and whether they are a list of errors.
    open: Vec<(usize, usize, bool)>,
}

impl<'a, 't: 'a> Walk<'a, 't> {
    fn new(text: &'a Text<'t>, prefix: Prefix<'a>) -> Self {
        Self {
            text,
            prefix,
            nodes: Vec::new(),
            open: Vec::new(),
        }
    }

    fn line(&self, number: usize) -> &'a str {
        let line: &'a str = self.text.line(number);
        self.prefix.strip(line)
    }

    /// The line above frames where their error is named, and where its message ends.
    fn head_above(&self, frames: usize, read_until: usize) -> Option<(usize, usize)> {
        let mut end = frames;
        // Deno shows the source between the message and the stack.
        if end >= read_until + 3
            && is_caret(self.line(end - 1))
            && Head::anywhere(self.line(end - 2), false).is_none()
        {
            end -= 2;
        }
        let mut candidate = None;
        for above in (read_until..end).rev().take(MESSAGE_LINES_MAX) {
            let line = self.line(above);
            if at_frame(line.trim_start()).is_some() {
                break;
            }
            if is_caret(line) && above + 2 < end && self.line(above + 1).is_empty() {
                // Node's own report: the error begins behind it.
                let is_head = Head::read(self.line(above + 2), true).is_some();
                return if is_head {
                    Some((above + 2, end))
                } else {
                    candidate
                };
            }
            let right_above = above + 1 == end;
            if candidate.is_none() && Head::anywhere(line, right_above).is_some() {
                candidate = Some((above, end));
                // What stands above an indented one is something else.
                if at::indentation(line) > 0 {
                    break;
                }
            }
        }
        candidate
    }

    /// An error named in line `head`, whose message ends before `end` and whose frames begin at `frames`.
    fn read(mut self, head: usize, end: usize, frames: usize) -> Option<Trace> {
        let line = self.line(head);
        let read = Head::anywhere(line, head + 1 == end).or_else(|| Head::read(line, true))?;
        self.push(read, at::indentation(line), None, false);
        self.add_message(head + 1, end, at::indentation(line));
        let next = self.body(frames, at::indentation(line));
        Some(self.trace(head, next))
    }

    fn headless(mut self, frames: usize) -> Option<Trace> {
        self.push_node(None, None, None, false);
        let next = self.body(frames, 0);
        Some(self.trace(frames, next))
    }

    /// What Node prints behind the caret: an error, or any value.
    fn thrown(mut self, caret: usize, version: usize) -> Option<Trace> {
        let start = if self.line(caret + 1).trim().is_empty() {
            caret + 2
        } else {
            caret + 1
        };
        let is_end = |line: &str| {
            line.trim().is_empty() || line.starts_with("(Use `node") || line == "Thrown at:"
        };
        let is_frame = |number: &usize| at_frame(self.line(*number).trim_start()).is_some();
        let frames = (start..version).find(is_frame);
        let bracketed = Head::bracketed(self.line(start));
        if let (Some(head), false) = (bracketed, self.line(start).is_empty()) {
            self.push(head, 0, None, false);
            let next = match self.line(start).ends_with('{') {
                true => self.properties(start + 1, 0),
                false => start + 1,
            };
            return Some(self.trace(start, next));
        }
        if let Some(frames) = frames
            && Head::read(self.line(start), true).is_some()
        {
            return self.read(start, frames, frames);
        }
        let end = (start..version)
            .find(|&number| is_end(self.line(number)))
            .unwrap_or(version);
        let lines: Vec<&str> = (start..end).map(|number| self.line(number)).collect();
        if lines.is_empty() {
            return None;
        }
        self.push_node(None, Some(lines.join("\n")), None, false);
        let next = match frames {
            Some(frames) => self.body(frames, 0),
            None => end,
        };
        Some(self.trace(start, next))
    }

    fn push(&mut self, head: Head<'_>, indentation: usize, parent: Option<usize>, in_list: bool) {
        let id = self.push_node(
            Some(head.ty.to_owned()),
            head.value.map(str::to_owned),
            parent,
            in_list,
        );
        self.open.push((indentation, id, false));
    }

    fn push_node(
        &mut self,
        ty: Option<String>,
        value: Option<String>,
        parent: Option<usize>,
        in_list: bool,
    ) -> usize {
        let is_aside = in_list || parent.is_some_and(|parent| self.nodes[parent].is_aside);
        self.nodes.push(Node {
            ty,
            value,
            frames: Vec::new(),
            parent,
            is_aside,
            is_group: false,
        });
        self.nodes.len() - 1
    }

    /// Appends lines to the message of the last error, without the indentation that the whole of it has.
    fn add_message(&mut self, from: usize, end: usize, indentation: usize) {
        let mut lines = String::new();
        for number in from..end {
            let line = self.line(number).trim_end();
            let blanks = line
                .bytes()
                .take(indentation)
                .take_while(|&byte| byte == b' ')
                .count();
            lines.push('\n');
            lines.push_str(&line[blanks..]);
        }
        if let Some(node) = self.nodes.last_mut()
            && !lines.trim().is_empty()
        {
            node.value
                .get_or_insert_default()
                .push_str(lines.trim_end());
        }
    }

    /// Frames, and what stands behind them; the line behind it all.
    fn body(&mut self, mut number: usize, indentation: usize) -> usize {
        while number < self.text.len() {
            let line = self.line(number).trim();
            if let Some(frame) = at_frame(line) {
                self.add_frame(frame);
                number += 1;
                if line.ends_with('{') {
                    return self.properties(number, indentation);
                }
            } else if is_passed(line) {
                number += 1;
            } else if let Some(after) = self.cause(number) {
                number = after;
            } else {
                break;
            }
        }
        number
    }

    fn add_frame(&mut self, frame: Frame) {
        if let Some(node) = self.nodes.last_mut()
            && node.frames.len() < FRAMES_MAX
        {
            node.frames.push(frame);
        }
    }

    /// `Caused by: ` in a line of its own, as Deno and browsers print it.
    fn cause(&mut self, number: usize) -> Option<usize> {
        let line = self.line(number);
        let announced = line.trim_start();
        if !announced.starts_with("Caused by: ") && !announced.starts_with("[cause]: ") {
            return None;
        }
        let head = Head::read(line, true)?;
        let parent = self.nodes.len().checked_sub(1);
        self.push(head, at::indentation(line), parent, false);
        Some(self.message(number + 1, at::indentation(line)))
    }

    /// The lines of a message that goes on at `from`, if frames follow; the line behind.
    fn message(&mut self, from: usize, indentation: usize) -> usize {
        let last = self.text.len().min(from + MESSAGE_LINES_MAX);
        for number in from..last {
            let line = self.line(number).trim();
            if at_frame(line).is_some() {
                self.add_message(from, number, indentation);
                return number;
            }
            if line.starts_with("[cause]: ")
                || line.starts_with("Caused by: ")
                || line.starts_with('}')
            {
                break;
            }
        }
        from
    }

    /// What Node prints of an error in braces, errors among it; the line behind the brace that closes them.
    fn properties(&mut self, from: usize, indentation: usize) -> usize {
        let last = self.text.len().min(from + PROPERTIES_MAX);
        let mut number = from;
        while number < last {
            let line = self.line(number);
            let inner = line.trim();
            number += 1;
            if inner.starts_with('}') && at::indentation(line) <= indentation {
                return number;
            }
            if inner.starts_with("Node.js v") {
                return number - 1;
            }
            if let Some(frame) = at_frame(inner) {
                self.add_frame(frame);
            } else if self.nodes.len() < EXCEPTIONS_MAX {
                number = self.property(line, number);
            }
        }
        number
    }

    fn property(&mut self, line: &str, next: usize) -> usize {
        let inner = line.trim();
        let indentation = at::indentation(line);
        let is_cause = inner.starts_with("[cause]: ");
        let is_list = inner.starts_with("[errors]: [");
        let in_list = || {
            self.open
                .iter()
                .rev()
                .find(|open| open.0 < indentation)
                .is_some_and(|open| open.2)
        };
        if !is_cause && !is_list && !in_list() {
            return next;
        }
        self.open.retain(|open| open.0 < indentation);
        let Some(&(_, owner, in_list)) = self.open.last() else {
            return next;
        };
        if is_list {
            self.nodes[owner].is_group = true;
            self.open.push((indentation, owner, true));
            return next;
        }
        match Head::read(inner.trim_end_matches(','), true) {
            Some(head) => {
                self.push(head, indentation, Some(owner), in_list);
                // One in brackets is whole.
                match inner.trim_end_matches([' ', ',', '{']).ends_with(']') {
                    true => next,
                    false => self.message(next, indentation),
                }
            }
            None => next,
        }
    }

    fn trace(self, start: usize, end: usize) -> Trace {
        let is_tree = self.nodes.iter().any(|node| node.is_aside || node.is_group);
        let mut exceptions: Vec<(bool, Exception)> = Vec::with_capacity(self.nodes.len());
        for (id, node) in self.nodes.into_iter().enumerate() {
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
            language: "javascript",
            exceptions: exceptions
                .into_iter()
                .map(|(_, exception)| exception)
                .collect(),
            threads: Vec::new(),
            lines: start..end,
        }
    }
}

/// Belongs to a stack and says nothing.
fn is_passed(line: &str) -> bool {
    (line.starts_with("... ") && line.contains("lines matching")) || line == "From previous event:"
}

/// Stacks of lines like `call@place`.
fn find_addressed(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut read_until = 0;
    for (number, column) in text.places("@") {
        if number < read_until {
            continue;
        }
        read_until = number + 1;
        let line = text.line(number);
        // Most lines with the sign end otherwise.
        let is_end = |byte: &u8| byte.is_ascii_digit() || *byte == b']';
        if !line.trim_end().as_bytes().last().is_some_and(is_end) {
            continue;
        }
        let begin = beginning(&line[..column]);
        if is_origin(line.trim_start()) {
            continue;
        }
        if addressed(&line[begin..]).is_none_or(|frame| frame.weak) {
            continue;
        }
        let last = found.last().map_or(0, |trace: &Trace| trace.lines.end);
        if let Some(trace) = read_addressed(text, number, Prefix::of(line, begin), last) {
            read_until = trace.lines.end;
            found.push(trace);
        }
    }
}

/// Where the name of a call begins behind what a log may have written before it.
fn beginning(before: &str) -> usize {
    let name = before.trim_start();
    let indented = before.len() - name.len();
    let known = [
        "global code",
        "eval code",
        "module code",
        "get ",
        "set ",
        "<anonymous function",
    ];
    let is_name =
        name.contains(['*', '[', '(']) || known.iter().any(|known| name.starts_with(known));
    match name.rfind(' ') {
        Some(blank) if !is_name => indented + blank + 1,
        _ => indented,
    }
}

/// A line like `call@place`, and whether others could print it.
struct Addressed {
    frame: Frame,
    weak: bool,
}

fn addressed(line: &str) -> Option<Addressed> {
    let line = line.trim();
    if is_origin(line) {
        return None;
    }
    let mut ats = line.match_indices('@').map(|(at, _)| at).take(16);
    let (at, weak) = ats.find_map(|at| Some((at, is_weak_place(&line[at + 1..])?)))?;
    let (call, place) = (&line[..at], &line[at + 1..]);
    let mut frame = Frame::default();
    if let Some((file, rest)) = place.split_once(" line ").filter(|_| place.contains(" > ")) {
        let digits = rest.split(' ').next().unwrap_or_default();
        at::set_file(&mut frame, file);
        frame.lineno = digits.parse().ok();
    } else if place == "[native code]" {
        frame = of_engine();
    } else {
        at::set_place(&mut frame, place);
    }
    frame.function = call_name(call).map(str::to_owned);
    Some(Addressed { frame, weak })
}

/// Where an error was made, as Opera says below a stack.
fn is_origin(line: &str) -> bool {
    line.starts_with("Error created at ") || line.starts_with("Error thrown at ")
}

/// Whether a place is one that others could print too; `None` if it is none.
fn is_weak_place(place: &str) -> Option<bool> {
    if place == "[native code]" {
        return Some(false);
    }
    let (rest, _) = at::split_number(place)?;
    let (file, has_column) = match at::split_number(rest) {
        Some((file, _)) => (file, true),
        None => (rest, false),
    };
    // A name may hold the sign too; the place begins behind the last before the file.
    let is_within_name = |mark: &str| {
        file.split_once(mark)
            .is_some_and(|(name, _)| name.contains('@'))
    };
    if is_within_name("://") || file.find("@/").is_some_and(|at| at > 0) && !file.starts_with('/') {
        return None;
    }
    let is_evaluated =
        file.contains(" > ") || file.ends_with("eval code") || file.starts_with("Scratchpad/");
    let has_scheme = file.split_once(":/").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    });
    let schemes = ["blob:", "data:", "file:", "webpack:", "self-hosted"];
    if is_evaluated || has_scheme || schemes.iter().any(|scheme| file.starts_with(scheme)) {
        // A path tells an address of a script from one of a server.
        let has_path = !has_scheme || has_column || file.matches('/').count() > 2;
        return has_path.then_some(false);
    }
    let is_path = file.starts_with('/') || is_script(file);
    match (is_path, has_column) {
        (true, true) => Some(false),
        (true, false) => Some(true),
        // React Native names no file at times: `call@1:234`.
        (false, _) => {
            (file.is_empty() || rest.bytes().all(|byte| byte.is_ascii_digit())).then_some(true)
        }
    }
}

/// Without what called it later, and without the arguments that Opera prints.
fn call_name(call: &str) -> Option<&str> {
    let call = call.rsplit('*').next().unwrap_or(call);
    let call = match call.strip_prefix("<anonymous function") {
        Some(rest) => rest
            .strip_prefix(": ")
            .and_then(|rest| rest.split('>').next())
            .unwrap_or_default(),
        None => match call.split_once('(') {
            Some((name, _)) if call.ends_with(')') => name,
            _ => call,
        },
    };
    (!call.is_empty()).then_some(call)
}

fn read_addressed(
    text: &Text<'_>,
    number: usize,
    prefix: Prefix<'_>,
    read_until: usize,
) -> Option<Trace> {
    let line = |number: usize| prefix.strip(text.line(number)).trim();
    let mut frames = Vec::new();
    let mut next = number;
    let mut is_safari = false;
    while next < text.len() {
        let read = addressed(line(next)).map(|read| read.frame);
        let is_followed =
            || (next + 1..text.len().min(next + 4)).any(|after| addressed(line(after)).is_some());
        let Some(frame) = read.or_else(|| nameless(line(next)).filter(|_| is_followed())) else {
            break;
        };
        is_safari |=
            line(next).ends_with("[native code]") || line(next).starts_with("global code@");
        if frames.len() < FRAMES_MAX {
            frames.push(frame);
        }
        next += 1;
    }
    // Safari leaves out places it does not know, in the lines above too.
    let mut start = number;
    let mut above = Vec::new();
    while start > read_until && start + 16 > number {
        let bare = line(start - 1);
        let frame = script_alone(bare).or_else(|| nameless(bare).filter(|_| is_safari));
        let Some(frame) = frame else { break };
        above.push(frame);
        start -= 1;
    }
    above.reverse();
    above.append(&mut frames);
    let head = (read_until..start).rev().take(8).find_map(|above| {
        Head::anywhere(line(above), above + 1 == start).map(|head| (above, head))
    });
    let mut first = start;
    let mut read = Exception::default();
    match head {
        Some((above_head, head)) => {
            let mut value = head.value.unwrap_or_default().to_owned();
            for number in above_head + 1..start {
                value.push('\n');
                value.push_str(line(number));
            }
            let value = value.trim_end();
            read = exception(Some(head.ty), (!value.is_empty()).then_some(value), above);
            first = above_head;
        }
        None if above.len() > 1 || at::split_number(line(number)).is_some() => {
            read = exception(None, None, above)
        }
        None => {}
    }
    read.stacktrace.is_some().then(|| Trace {
        language: "javascript",
        exceptions: vec![read],
        threads: Vec::new(),
        lines: first..next,
    })
}

/// A name where Safari knows no place.
fn nameless(line: &str) -> Option<Frame> {
    let is_known = ["eval code", "global code", "module code", "[native code]"].contains(&line);
    let is_name = line.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'))
        && line
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'))
        && !is_named(line);
    (is_known || is_name).then(|| Frame {
        function: (line != "[native code]").then(|| line.to_owned()),
        ..Frame::default()
    })
}

/// The place of a function without a name, as Safari prints it.
fn script_alone(line: &str) -> Option<Frame> {
    let mut frame = Frame::default();
    at::set_place(&mut frame, line);
    let file = frame.filename.as_deref()?;
    let is_address = file.contains("://") && !file.contains([' ', '@']);
    (is_address && frame.colno.is_some()).then_some(frame)
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
            &format!("Error: x\n    {line}\n"),
            &[&format!("Error: x | {expected}")],
        );
    }

    /// A head above one frame.
    #[track_caller]
    fn check_head(head: &str, expected: &str) {
        check(
            &format!("{head}\n    at f (/a.js:1:2)\n"),
            &[&format!("{expected} | f /a.js:1:2")],
        );
    }

    const CAUSE: &str = "/srv/a.js:1\nthrow new Error('x')\n^\n\nError: save failed\n    at outer (/srv/a.js:2:55)\n    ... 5 lines matching cause stack trace ...\n    at node:internal/main:28:49 {\n  code: 'X',\n  [cause]: TypeError: disk\n  full\n      at inner (/srv/a.js:1:26)\n      at node:internal/main:28:49 {\n    [cause]: [Error: deep]\n  }\n}\n\nNode.js v20.20.2\n";

    const GROUP: &str = "[AggregateError: many] {\n  [errors]: [\n    Error: one\n        at a (/a.js:1:2),\n    [TypeError: two],\n    Error: three\n        at c (/c.js:1:2) {\n      [cause]: RangeError: deep\n          at d (/d.js:1:2)\n    },\n    'four'\n  ]\n}\n";

    #[test]
    fn names_of_firefox_may_hold_the_sign() {
        let text = "Error: x\na@b@https://shop.example/app.js:10:5\nc@d/<@/srv/x.js:1:2\n@https://unpkg.example/react@18/x.js:30:1\n";
        check(
            text,
            &[
                "Error: x | a@b https://shop.example/app.js:10:5 | c@d/< /srv/x.js:1:2 | ? https://unpkg.example/react@18/x.js:30:1",
            ],
        );
    }

    #[test]
    fn a_cause_comes_before_what_it_caused() {
        check(
            CAUSE,
            &[
                "Error: deep",
                "TypeError: disk\nfull | inner /srv/a.js:1:26 | ? node:internal/main:28:49",
                "Error: save failed | outer /srv/a.js:2:55 | ? node:internal/main:28:49",
            ],
        );
        check(
            "error: Uncaught (in promise) Error: a\n    at f (file:///a.ts:1:2)\nCaused by: Error: b\n    at g (file:///b.ts:1:2)\n",
            &[
                "Error: b | g file:///b.ts:1:2",
                "Error: a | f file:///a.ts:1:2",
            ],
        );
    }

    #[test]
    fn errors_in_one_are_beside_the_chain() {
        check(
            &format!("node:internal/x:1\n    y\n    ^\n\n{GROUP}\nNode.js v20.20.2\n"),
            &[
                "RangeError: deep | d /d.js:1:2",
                "Error: three | c /c.js:1:2",
                "TypeError: two",
                "Error: one | a /a.js:1:2",
                "AggregateError: many",
            ],
        );
    }

    #[test]
    fn anything_can_be_thrown() {
        let uncaught = |what: &str| {
            format!(
                "\n/a.js:1\nthrow x\n^\n{what}\n(Use `node --trace-uncaught ...` to show where the exception was thrown)\n\nNode.js v20.20.2\n"
            )
        };
        check(&uncaught("boom: here"), &["?: boom: here"]);
        check(&uncaught("{ a: 1,\n  b: 2 }"), &["?: { a: 1,\n  b: 2 }"]);
        check(
            &uncaught("boom\nThrown at:\n    at /a.js:1:1"),
            &["?: boom | ? /a.js:1:1"],
        );
        check(
            "\n/a.js:1\nthrow x\n^\n\n[TypeError [ERR_X]: y: z] {\n  code: 'ERR_X'\n}\n\nNode.js v20.20.2\n",
            &["TypeError: y: z"],
        );
    }

    #[test]
    fn heads_may_be_announced() {
        check_head("TypeError: y", "TypeError: y");
        check_head("Error", "Error");
        check_head("Error: ", "Error");
        check_head("Uncaught TypeError: y", "TypeError: y");
        check_head("Uncaught (in promise) MyProblem: y", "MyProblem: y");
        check_head(
            "(node:12) UnhandledPromiseRejectionWarning: Error: y",
            "Error: y",
        );
        check_head(
            "(node:12) [DEP0005] DeprecationWarning: y",
            "DeprecationWarning: y",
        );
        check_head(
            "TypeError [ERR_INVALID_ARG_TYPE]: The \"x\"",
            "TypeError: The \"x\"",
        );
        check_head("caught Error: y", "Error: y");
        check_head("  error: TypeError: y", "TypeError: y");
        check_head("error: boom", "error: boom");
        check_head(
            "2026-01-02T03:04:05Z ERROR [w] ValidationError: y: z",
            "ValidationError: y: z",
        );
        check_head("Größe: y", "Größe: y");
    }

    #[test]
    fn a_message_may_have_lines() {
        check_head(
            "Error: Cannot find module 'x'\nRequire stack:\n- /a.js",
            "Error: Cannot find module 'x'\nRequire stack:\n- /a.js",
        );
        check_head(
            "AssertionError [ERR_ASSERTION]: Expected\n\n  a: 1\n+ b\n",
            "AssertionError: Expected\n\n  a: 1\n+ b",
        );
        check_head(
            "/a.js:1\nx\n^\n\nBoom: one\nError: two",
            "Boom: one\nError: two",
        );
        check_head(
            "error: Uncaught Error: y\n  throw new Error(\"y\");\n        ^",
            "Error: y",
        );
    }

    #[test]
    fn frames_of_v8_are_read() {
        check_frame("at f (/a b/c (1).js:1:2)", "f /a b/c (1).js:1:2");
        check_frame("at /a.js:1:2", "? /a.js:1:2");
        check_frame("at async f (/a.js:1:2)", "f /a.js:1:2");
        check_frame("at async /a.js:1:2", "? /a.js:1:2");
        check_frame("at async Promise.all (index 0)", "Promise.all");
        check_frame(
            "at new Cart (C:\\my shop\\a.js:1:2)",
            "new Cart C:\\my shop\\a.js:1:2",
        );
        check_frame(
            "at Object.<anonymous> (/a.js:1:2)",
            "Object.<anonymous> /a.js:1:2",
        );
        check_frame("at <anonymous> (/a.js:1:2)", "? /a.js:1:2");
        check_frame(
            "at Timeout.tick [as _onTimeout] (/a.js:1:2)",
            "Timeout.tick [as _onTimeout] /a.js:1:2",
        );
        check_frame("at Array.map (<anonymous>)", "Array.map");
        check_frame("at Array.map (native)", "Array.map");
        check_frame("at #run (node:internal/x:1:2)", "#run node:internal/x:1:2");
        check_frame("at [eval]:1:7", "? [eval]:1:7");
        check_frame("at file:///a.mjs:1:2", "? file:///a.mjs:1:2");
        check_frame(
            "at f (webpack-internal:///./src/a.js?1:2:3)",
            "f webpack-internal:///./src/a.js?1:2:3",
        );
        check_frame(
            "at f (https://shop/a.js?v=1:2:3)",
            "f https://shop/a.js?v=1:2:3",
        );
        check_frame(
            "at f (wasm://wasm/1a:wasm-function[3]:0x1f)",
            "f wasm://wasm/1a:wasm-function[3]",
        );
    }

    #[test]
    fn frames_of_evaluated_sources_stand_where_that_was() {
        check_frame(
            "at eval (eval at f (/a.js:7:8), <anonymous>:1:30)",
            "eval /a.js:7:8",
        );
        check_frame(
            "at g (eval at f (eval at s (http://h/a.js:21:17)), <anonymous>:1:30)",
            "g http://h/a.js:21:17",
        );
        check_frame("at f (eval code:1:18)", "f eval code:1:18");
    }

    #[test]
    fn frames_like_those_of_v8_are_read() {
        check_frame(
            "at Anonymous function (http://h/a.js:48:13)",
            "Anonymous function http://h/a.js:48:13",
        );
        check_frame(
            "at f (address at index.android.bundle:1:2)",
            "f index.android.bundle:1:2",
        );
        check_frame(
            "at Global code (http://h/a.js:32)",
            "Global code http://h/a.js:32",
        );
    }

    #[test]
    fn lines_of_logs_may_have_prefixes() {
        check(
            "app_1  | 3 Error: x\napp_1  |     at f (/a.js:1:2)\napp_1  |     at g (/b.js:1:2)\napp_2  | y\n",
            &["Error: x | f /a.js:1:2 | g /b.js:1:2"],
        );
    }

    #[test]
    fn frames_of_firefox_are_read() {
        check(
            "TypeError: x is undefined\nf@https://h/a.js:41:13\nasync*g/<@https://h/@b/a.js:1:2\nobj[\"@fn\"]@Scratchpad/1:10:29\nh@https://h/a.js line 26 > eval line 2 > eval:1:30\n@debugger eval code:1:1\n\n",
            &[
                "TypeError: x is undefined | f https://h/a.js:41:13 | g/< https://h/@b/a.js:1:2 | obj[\"@fn\"] Scratchpad/1:10:29 | h https://h/a.js:26 | ? debugger eval code:1:1",
            ],
        );
        check(
            "setTimeout handler*f@https://h/a.js:1:2\n",
            &["? | f https://h/a.js:1:2"],
        );
        check(
            "3:04 ERROR f@https://h/a.js:1:2\n3:05 ERROR g@https://h/a.js:3:4\n",
            &["? | f https://h/a.js:1:2 | g https://h/a.js:3:4"],
        );
    }

    #[test]
    fn frames_of_safari_are_read() {
        check(
            "baz\neval code\neval@[native code]\nspeak@http://h/a.js:26:21\nglobal code@http://h/a.js:33:18\n",
            &[
                "? | baz | eval code | eval | speak http://h/a.js:26:21 | global code http://h/a.js:33:18",
            ],
        );
        check(
            "http://h/a.js:48:22\nfoo@http://h/a.js:52:15\n",
            &["? | ? http://h/a.js:48:22 | foo http://h/a.js:52:15"],
        );
        check(
            "value@main.jsbundle:8:10\nf@1:234\n",
            &["? | value main.jsbundle:8:10 | f 1:234"],
        );
    }

    #[test]
    fn frames_of_opera_are_read() {
        check(
            "<anonymous function: run>([arguments not available])@http://h/a.js:27\nbar(1, 2)@http://h:1/a.js:18\n<anonymous function>@http://h/a.js:15\nError created at <anonymous function>@http://h/a.js:15\n",
            &["? | run http://h/a.js:27 | bar http://h:1/a.js:18 | ? http://h/a.js:15"],
        );
    }

    #[test]
    fn what_is_no_stack_is_passed_over() {
        for text in [
            "meet at 10:30:15\n",
            "listening at http://localhost:8080\nlistening at http://localhost:8081\n",
            "mail me@example.org:25\nmail you@example.org:25\n",
            "Linux version 6.1 (user@host) (https://example.org/x) Fri Jan 2 03:04:05\n",
            "git@github.com:a/b\nclone git@github.com:1\nimage@sha256:12\nproxy user@http://h:80\n",
            "a.X: y\n\tat a.A.a(A.java:1)\n\tat a.A.b(Native Method)\n\tat a.B.c (B.kt:12)\n",
            "A.B: x\n   at A.C.D(String x) in /a.cs:line 3\n   at A.C.E()\n",
            "thread 'main' panicked\n   0: a\n             at ./src/a.rs:1:2\n   1: b\n             at ./src/b.rs:1:2\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read() {
        any_bytes(find, CAUSE);
        any_bytes(find, GROUP);
        any_bytes(
            find,
            "x 1 E: é\nx 1 async*f@http://h/a.js line 2 > eval:1:2\nbaz\neval@[native code]\nx 1 @/a.js:1:2\n",
        );
    }
}
