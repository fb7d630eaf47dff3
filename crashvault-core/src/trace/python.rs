//! Tracebacks of Python, also chained and in groups; what faulthandler prints; errors of syntax that stand alone.
//!
//! ```text
//! Traceback (most recent call last):
//!   File "/srv/shop/cart.py", line 3, in total
//!     return price / count
//!            ~~~~~~^~~~~~~
//! ZeroDivisionError: division by zero
//! ```

use super::at::is_absolute;
use super::record::begins_a_record;
use super::text::{Prefix, Text};
use super::{EXCEPTIONS_MAX, Trace, exception, pytest, python_rich};
use crate::event::{Exception, Frame, Mechanism, Thread};

const HEAD: &str = "Traceback (most recent call last):";
const GROUP_HEAD: &str = "Exception Group Traceback (most recent call last):";
pub(super) const CAUSE: &str =
    "The above exception was the direct cause of the following exception:";
pub(super) const CONTEXT: &str =
    "During handling of the above exception, another exception occurred:";

/// Lines read of one message, and how deep groups are followed.
const MESSAGE_LINES_MAX: usize = 256;
const DEPTH_MAX: usize = 64;
/// Lines whose stamps are compared.
const STAMPED_LINES_MAX: usize = 3;

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut stacks = text.places("(most recent call ").peekable();
    let mut files = text.places("\", line ").peekable();
    let mut next = 0;
    loop {
        let (line, column, is_stack) = match (stacks.peek(), files.peek()) {
            (Some(&stack), Some(&file)) if file.0 < stack.0 => (file.0, file.1, false),
            (Some(&(line, column)), _) => (line, column, true),
            (None, Some(&(line, column))) => (line, column, false),
            (None, None) => return,
        };
        if is_stack {
            stacks.next();
        } else {
            files.next();
        }
        if line < next {
            continue;
        }
        let read = if is_stack {
            stack(text, line, column, next)
        } else {
            syntax_error(text, line)
        };
        next = read.1.max(line + 1);
        found.extend(read.0);
    }
}

/// What stands at a mark, and the line behind what was read of it.
fn stack(text: &Text<'_>, line: usize, column: usize, free: usize) -> (Option<Trace>, usize) {
    let (before, mark) = text.line(line).split_at(column);
    if mark.starts_with("(most recent call first):") {
        return faults(text, line, before, free);
    }
    if !mark.starts_with("(most recent call last)") {
        return (None, line);
    }
    match before.strip_suffix("Traceback ") {
        Some(before) if mark.starts_with("(most recent call last):") => {
            Tracebacks::read(text, line, before, free)
        }
        Some(before) => match before.trim() {
            "" => (None, line),
            edge if python_rich::is_edge(edge) => python_rich::read(text, line, before),
            ty => notebook(text, line, ty),
        },
        None => (None, line),
    }
}

pub(super) fn trace(exceptions: Vec<Exception>, lines: std::ops::Range<usize>) -> Trace {
    Trace {
        language: "python",
        exceptions,
        threads: Vec::new(),
        lines,
    }
}

/// `Exception in thread Thread-1 (work):`, right above a traceback.
fn failed_thread(line: &str) -> Option<Thread> {
    let name = line.trim().strip_prefix("Exception in thread ")?;
    Some(Thread {
        name: Some(name.strip_suffix(':')?.to_owned()),
        crashed: Some(true),
        ..Thread::default()
    })
}

/// Whether the line above a traceback says that the program goes on as if nothing was: while something was destroyed, or a
/// record was logged.
fn is_of_what_goes_on(line: &str) -> bool {
    line.starts_with("Exception ignored ") || line.trim_end() == "--- Logging error ---"
}

/// An exception in the tree of causes and groups.
struct Node {
    exception: Exception,
    parent: Option<usize>,
    /// What it is to the parent.
    source: String,
    is_group: bool,
}

/// The exceptions printed at one depth of groups: each the cause of the next.
#[derive(Default)]
struct Level {
    group: Option<usize>,
    members: usize,
    last: Option<usize>,
    link: Option<&'static str>,
}

/// Reads one traceback with all that hangs on it.
struct Tracebacks<'t> {
    text: &'t Text<'t>,
    prefix: Prefix<'t>,
    /// The first line not read.
    at: usize,
    /// Whether the lines below the head have the prefix of the head.
    is_prefixed: bool,
    /// Whether the prefix is more than blanks.
    is_logged: bool,
    /// Whether the log stamps each line anew, so that other numbers begin no other record.
    is_restless: bool,
    nodes: Vec<Node>,
    levels: Vec<Level>,
}

impl<'t> Tracebacks<'t> {
    fn read(
        text: &'t Text<'t>,
        line: usize,
        before: &'t str,
        free: usize,
    ) -> (Option<Trace>, usize) {
        let before = before.strip_suffix("Exception Group ").unwrap_or(before);
        let before = before.strip_suffix("  + ").unwrap_or(before);
        let prefix = Prefix::of(before, before.len());
        let mut tracebacks = Self {
            text,
            prefix,
            at: line,
            is_prefixed: !before.is_empty() && prefix.of_line(text.line(line + 1)).is_some(),
            is_logged: !before.trim().is_empty(),
            is_restless: false,
            nodes: Vec::new(),
            levels: vec![Level::default()],
        };
        tracebacks.is_restless = tracebacks.has_different_stamps(line);
        let start = tracebacks.cause_without_frames(line, free).unwrap_or(line);
        tracebacks.read_all();
        let end = tracebacks.at;
        let mut exceptions = in_order(tracebacks.nodes);
        let is_failure = exceptions
            .iter()
            .any(|one| one.ty.is_some() || one.stacktrace.is_some());
        let above = line.checked_sub(1).filter(|&above| above >= free);
        let above = above.map(|above| prefix.strip(text.line(above)));
        let thread = above.and_then(failed_thread);
        if above.is_some_and(is_of_what_goes_on)
            && let Some(thrown) = exceptions.last_mut()
        {
            let mechanism = thrown.mechanism.get_or_insert_with(Mechanism::default);
            mechanism.ty = Some("unraisable".to_owned());
            mechanism.handled = Some(true);
        }
        let read = is_failure.then(|| Trace {
            threads: thread.into_iter().collect(),
            ..trace(exceptions, start..end)
        });
        (read, end)
    }

    /// A line without the prefix of the log and the margin of a group; `None` outside the margin.
    fn content(&self, line: usize, margin: usize) -> Option<&'t str> {
        if line >= self.text.len() {
            return None;
        }
        let line = self.prefix.strip(self.text.line(line));
        if margin == 0 {
            return Some(line);
        }
        let rest = line.trim_start_matches(' ');
        if line.len() - rest.len() != 2 * margin {
            return None;
        }
        let rest = rest.strip_prefix('|')?;
        Some(rest.strip_prefix(' ').unwrap_or(rest))
    }

    /// The depth and kind of a line between the members of a group.
    fn divider(&self, line: usize) -> Option<(usize, Divider)> {
        let line = self.prefix.strip(self.text.line(line));
        let rest = line.trim_start_matches(' ');
        let margin = (line.len() - rest.len()) / 2;
        let rest = rest.strip_prefix("+-")?;
        match rest.strip_prefix("+--") {
            Some(_) => Some((margin, Divider::Opens)),
            None if !rest.starts_with("--") => None,
            None if rest.bytes().all(|byte| byte == b'-') => Some((margin, Divider::Closes)),
            None => Some((margin, Divider::Next)),
        }
    }

    /// The margin a line has; 0 without one.
    fn margin(&self, line: usize) -> usize {
        let line = self.prefix.strip(self.text.line(line));
        let rest = line.trim_start_matches(' ');
        match rest.starts_with(['|', '+']) {
            true => (line.len() - rest.len()) / 2,
            false => 0,
        }
    }

    fn read_all(&mut self) {
        let mut margin = 0;
        loop {
            let before = self.at;
            margin = self.exception(margin);
            if before == self.at {
                return;
            }
            let is_grouped = margin > 0;
            while let Some((depth, divider)) = self.divider(self.at).filter(|_| is_grouped) {
                let behind = self.margin(self.at + 1).min(depth.saturating_sub(1));
                match divider {
                    Divider::Opens => self.open(depth),
                    Divider::Next => self.levels.truncate(depth.max(1)),
                    Divider::Closes => self.levels.truncate(behind.max(1)),
                }
                if let (Divider::Next, Some(level)) = (divider, self.levels.last_mut()) {
                    (level.last, level.link) = (None, None);
                }
                self.at += 1;
                margin = match divider {
                    Divider::Opens => depth + 1,
                    Divider::Next => depth,
                    // One line may close several groups; what stands below may go on a chain of any of them.
                    Divider::Closes => behind,
                };
            }
            // What closed the innermost group may have closed this one.
            let next = self.margin(self.at);
            if next < margin {
                margin = next;
                self.levels.truncate(margin.max(1));
            }
            if margin <= 1 {
                self.levels.truncate(1);
                margin = 0;
            }
            self.link(margin);
        }
    }

    fn open(&mut self, depth: usize) {
        self.levels.truncate(depth.max(1));
        let group = self.levels.last().and_then(|level| level.last);
        if let Some(group) = group.and_then(|group| self.nodes.get_mut(group)) {
            group.is_group = true;
        }
        if self.levels.len() < DEPTH_MAX {
            self.levels.push(Level {
                group,
                ..Level::default()
            });
        }
    }

    /// Goes behind the line that says how the exception above belongs to the one below, if there is one.
    fn link(&mut self, margin: usize) {
        let mut at = self.at;
        let is_separator = |line: &str| line.trim().is_empty() || line.trim() == "\"\"\"";
        for _ in 0..3 {
            match self.content(at, margin) {
                Some(line) if is_separator(line) => at += 1,
                _ => break,
            }
        }
        let link = match self.content(at, margin).map(str::trim_end) {
            Some(CAUSE) => "__cause__",
            Some(CONTEXT) => "__context__",
            _ => return,
        };
        at += 1;
        if self
            .content(at, margin)
            .is_some_and(|line| line.trim().is_empty())
        {
            at += 1;
        }
        if let Some(level) = self.levels.last_mut() {
            level.link = Some(link);
        }
        self.at = at;
    }

    /// Reads one exception, if one is here, and tells its margin: a group at the root has one that is announced in its head.
    fn exception(&mut self, margin: usize) -> usize {
        let has_last = self.levels.last().is_some_and(|level| level.last.is_some());
        let is_linked = self.levels.last().is_some_and(|level| level.link.is_some());
        if has_last && !is_linked {
            return margin;
        }
        let Some(line) = self.content(self.at, margin) else {
            return margin;
        };
        let is_first = self.nodes.is_empty() || (margin == 0 && has_last);
        let (margin, has_head) = match line {
            line if margin == 0 && line.strip_prefix("  + ").is_some_and(is_group_head) => {
                (1, true)
            }
            line if is_group_head(line) || line.trim_end() == HEAD => (margin, true),
            // The first line of all is known to be a head: something may stand behind it.
            line if is_first && line.contains(HEAD) => (margin, true),
            _ => (margin, false),
        };
        self.at += usize::from(has_head);
        if margin > 0 && is_left_out(line) {
            self.at += 1;
            return margin;
        }
        let frames = self.frames(margin);
        match self.content(self.at, margin).and_then(type_and_message) {
            Some((ty, message)) => {
                self.at += 1;
                let value = message.map(|first| self.message(first, margin));
                let value = value.or_else(|| self.notes(margin));
                self.add(exception(Some(ty), value.as_deref(), frames));
            }
            None if !frames.is_empty() => self.add(exception(None, None, frames)),
            None => {}
        }
        margin
    }

    /// Frames from here on, innermost first.
    fn frames(&mut self, margin: usize) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut is_location = false;
        while let Some(line) = self.content(self.at, margin) {
            if line.starts_with("    ") {
                let source = line.trim();
                match frames.last_mut() {
                    Some(frame) if !is_location && frame.context_line.is_none() => {
                        frame.context_line = Some(source.to_owned());
                    }
                    _ => {}
                }
            } else if let Some(file) = line.strip_prefix("  File \"") {
                let frame = frame(file);
                is_location = frame.is_none();
                frames.extend(frame);
            } else if !line.starts_with("  [Previous line repeated ") && !is_marker(line) {
                break;
            }
            self.at += 1;
        }
        frames.reverse();
        frames
    }

    /// A message from its first line on.
    fn message(&mut self, first: &str, margin: usize) -> String {
        let mut value = first.to_owned();
        let started = self.at;
        let stamp = self.stamp(self.at - 1);
        while self.at - started < MESSAGE_LINES_MAX && self.goes_on(margin, stamp) {
            value.push('\n');
            value.push_str(self.content(self.at, margin).unwrap_or_default());
            self.at += 1;
        }
        value.truncate(value.trim_end().len());
        value
    }

    /// Only a margin tells notes of an exception without message from what is printed next.
    fn notes(&mut self, margin: usize) -> Option<String> {
        let notes = (margin > 0).then(|| self.message("", margin))?;
        let notes = notes.trim_start_matches('\n');
        (!notes.is_empty()).then(|| notes.to_owned())
    }

    /// What the log wrote before a line, where lines of the traceback have it.
    fn stamp(&self, line: usize) -> &'t str {
        let line = self.text.line(line);
        let rest = self.prefix.of_line(line).filter(|_| self.is_prefixed);
        &line[..line.len() - rest.unwrap_or(line).len()]
    }

    /// Whether the stamps of the first lines differ.
    fn has_different_stamps(&self, first: usize) -> bool {
        let lines = first..self.text.len().min(first + STAMPED_LINES_MAX);
        let mut stamps = lines.map(|line| self.stamp(line));
        let first = stamps.next().unwrap_or_default();
        stamps.any(|stamp| !stamp.is_empty() && stamp != first)
    }

    /// Whether the line here is one more of the message above.
    fn goes_on(&self, margin: usize, stamp: &str) -> bool {
        let Some(line) = self.content(self.at, margin) else {
            return false;
        };
        if margin > 0 {
            let next = self.content(self.at + 1, margin).map(str::trim_end);
            return !(line.is_empty() && matches!(next, Some(CAUSE | CONTEXT)));
        }
        let here = self.stamp(self.at);
        let is_stamped_so = match self.is_restless {
            true => here.is_empty() == stamp.is_empty(),
            false => here == stamp,
        };
        if !is_stamped_so || self.begins_a_record(line) {
            return false;
        }
        let next = self.content(self.at + 1, margin);
        match line.trim_end() {
            "\"\"\"" => false,
            "" => next.is_some_and(|next| next.starts_with([' ', '\t']) && is_in_message(next)),
            _ => true,
        }
    }

    fn begins_a_record(&self, line: &str) -> bool {
        let raw = self.text.line(self.at);
        let is_of_log = self.is_logged && !self.is_prefixed && self.prefix.of_line(raw).is_some();
        let starts = [
            HEAD,
            "Exception in thread ",
            "Exception ignored ",
            "--- Logging error ---",
            "Call stack:",
            "Task exception was never retrieved",
            "Fatal Python error: ",
            "  + Exception Group Traceback",
            "During handling of the above exception",
            "The above exception was the direct cause",
            ">>> ",
        ];
        is_of_log
            || begins_a_record(line)
            || pytest::is_heading(line)
            || starts.iter().any(|start| line.starts_with(start))
    }

    fn add(&mut self, exception: Exception) {
        let added = self.nodes.len();
        let Some(level) = self.levels.last_mut() else {
            return;
        };
        let cause = level.last.zip(level.link.take());
        if let Some((cause, link)) = cause {
            (self.nodes[cause].parent, self.nodes[cause].source) = (Some(added), link.to_owned());
        } else {
            level.members += 1;
        }
        let source = match level.group {
            Some(_) => format!("exceptions[{}]", level.members - 1),
            None => String::new(),
        };
        level.last = Some(added);
        self.nodes.push(Node {
            exception,
            parent: level.group,
            source,
            is_group: false,
        });
    }

    /// A cause that was never raised stands before the first head, with its message alone.
    fn cause_without_frames(&mut self, head: usize, free: usize) -> Option<usize> {
        let start = head.checked_sub(4).filter(|start| *start >= free)?;
        let line = |number| self.prefix.strip(self.text.line(number)).trim_end();
        let link = match line(start + 2) {
            CAUSE => "__cause__",
            CONTEXT => "__context__",
            _ => return None,
        };
        let (ty, message) = type_and_message(line(start))?;
        self.add(exception(Some(ty), message, Vec::new()));
        self.levels.last_mut()?.link = Some(link);
        Some(start)
    }
}

#[derive(Clone, Copy)]
enum Divider {
    Opens,
    Next,
    Closes,
}

fn is_group_head(line: &str) -> bool {
    line.trim_end() == GROUP_HEAD
}

/// What stands for the members of a group that were too many or too deep.
fn is_left_out(line: &str) -> bool {
    line.starts_with("and ") && line.ends_with(" more exceptions") || line.starts_with("... (")
}

/// `~~~^^^` below a line of code that was not indented.
fn is_marker(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && line.bytes().all(|byte| matches!(byte, b'~' | b'^'))
}

fn is_in_message(line: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with("File \"")
        && !line.starts_with("+ Exception Group ")
        && !line.starts_with(HEAD)
}

/// The tree as the payload of an event lists it: the thrown last, what led to each before it. A plain chain of causes needs
/// no more than the order.
fn in_order(nodes: Vec<Node>) -> Vec<Exception> {
    let is_tree = nodes.iter().any(|node| node.is_group);
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut thrown = None;
    for (number, node) in nodes.iter().enumerate() {
        match node.parent {
            Some(parent) => below[parent].push(number),
            None => thrown = Some(number),
        }
    }
    let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
    let mut waiting: Vec<(usize, Option<usize>)> =
        thrown.map(|thrown| (thrown, None)).into_iter().collect();
    let mut ordered = Vec::with_capacity(nodes.len());
    while let Some((number, parent)) = waiting.pop() {
        let Some(mut node) = nodes[number].take() else {
            continue;
        };
        let id = ordered.len();
        if is_tree {
            node.exception.mechanism = Some(mechanism(&node, id, parent));
        }
        ordered.push(node.exception);
        waiting.extend(below[number].iter().rev().map(|&child| (child, Some(id))));
    }
    ordered.reverse();
    // Of too many the root and those thrown last say most.
    if ordered.len() > EXCEPTIONS_MAX {
        ordered.drain(1..=ordered.len() - EXCEPTIONS_MAX);
    }
    ordered
}

fn mechanism(node: &Node, id: usize, parent: Option<usize>) -> Mechanism {
    let mut mechanism = Mechanism {
        ty: Some(
            if parent.is_some() {
                "chained"
            } else {
                "generic"
            }
            .to_owned(),
        ),
        ..Mechanism::default()
    };
    let other = &mut mechanism.other;
    other.insert("exception_id".to_owned(), id.into());
    if let Some(parent) = parent {
        other.insert("parent_id".to_owned(), parent.into());
        other.insert("source".to_owned(), node.source.clone().into());
    }
    if node.is_group {
        other.insert("is_exception_group".to_owned(), true.into());
    }
    mechanism
}

/// `shop/cart.py", line 3, in total`; the place of an error of syntax names no function and is no frame.
fn frame(file: &str) -> Option<Frame> {
    let (path, rest) = file.split_once("\", line ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = rest.split_at(digits);
    let function = rest
        .strip_prefix(", in ")
        .or_else(|| rest.strip_prefix(" in "))?;
    Some(Frame {
        function: Some(function.trim_end())
            .filter(|function| !function.is_empty() && *function != "???")
            .map(str::to_owned),
        abs_path: is_absolute(path).then(|| path.to_owned()),
        filename: (path != "???").then(|| path.to_owned()),
        lineno: number.parse().ok(),
        ..Frame::default()
    })
}

/// `shop.errors.Refused: the message`; `AssertionError` alone.
pub(super) fn type_and_message(line: &str) -> Option<(&str, Option<&str>)> {
    let line = line.trim_end();
    let (ty, message) = match line.split_once(':') {
        Some((ty, message)) => (ty, Some(message)),
        None => (line, None),
    };
    let is_named = ty.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && ty.chars().all(|character| {
            character.is_alphanumeric() || matches!(character, '_' | '.' | '<' | '>')
        });
    let message = match message {
        None | Some("") => message,
        Some(message) => Some(message.strip_prefix(' ')?),
    };
    is_named.then_some((ty, message))
}

/// An error of syntax in the file that was to be run: its place, the code, a mark below it, and the error.
fn syntax_error(text: &Text<'_>, line: usize) -> (Option<Trace>, usize) {
    let printed = text.line(line);
    let Some(column) = printed.find("  File \"") else {
        return (None, line);
    };
    if !printed
        .trim_end()
        .ends_with(|last: char| last.is_ascii_digit())
    {
        return (None, line);
    }
    let prefix = Prefix::of(printed, column);
    for number in line + 1..(line + 4).min(text.len()) {
        let below = prefix.strip(text.line(number));
        if let Some((ty @ ("SyntaxError" | "IndentationError" | "TabError"), message)) =
            type_and_message(below)
        {
            let exceptions = vec![exception(Some(ty), message, Vec::new())];
            return (Some(trace(exceptions, line..number + 1)), number + 1);
        }
        if !below.starts_with("    ") {
            break;
        }
    }
    (None, line)
}

/// What faulthandler prints: a head, and the stacks of all threads, innermost frame first.
fn faults(text: &Text<'_>, line: usize, before: &str, free: usize) -> (Option<Trace>, usize) {
    let column = ["Current thread ", "Thread ", "Stack "]
        .iter()
        .find_map(|start| before.find(start))
        .unwrap_or_default();
    let prefix = Prefix::of(before, column);
    // The head, a line about the runtime and an empty one.
    let head = (free.max(line.saturating_sub(4))..line)
        .rev()
        .find_map(|number| Some((number, fault_head(text.line(number))?)));
    let mut at = line;
    let mut stacks = Vec::new();
    while let Some((stack, end)) = thread(text, &prefix, at) {
        stacks.extend(stack);
        let is_blank = prefix.strip(text.line(end)).trim().is_empty();
        at = end;
        if is_blank && is_thread_head(prefix.strip(text.line(end + 1))) {
            at = end + 1;
        }
    }
    let Some((start, (ty, value))) = head else {
        return (None, at);
    };
    let crashed = stacks
        .iter()
        .position(|(_, thread): &ThreadStack| thread.current == Some(true));
    let crashed = crashed.map(|crashed| stacks.remove(crashed));
    let (frames, thread_id) =
        crashed.map_or((Vec::new(), None), |(frames, thread)| (frames, thread.id));
    let mut failed = exception(Some(ty), value, frames);
    failed.thread_id = thread_id;
    let mut trace = trace(vec![failed], start..at);
    trace.threads = stacks
        .into_iter()
        .map(|(frames, thread)| Thread {
            stacktrace: exception(None, None, frames).stacktrace,
            ..thread
        })
        .collect();
    (Some(trace), at)
}

fn fault_head(line: &str) -> Option<(&str, Option<&str>)> {
    for head in ["Fatal Python error: ", "Windows fatal exception: "] {
        if let Some((_, error)) = line.split_once(head) {
            let error = error.trim_end();
            return Some(match error.split_once(": ") {
                Some((ty, value)) => (ty, Some(value)),
                None => (error, None),
            });
        }
    }
    let (_, time) = line.split_once("Timeout (")?;
    Some(("Timeout", Some(time.trim_end().strip_suffix(")!")?)))
}

/// Frames, innermost first, and whose they are.
type ThreadStack = (Vec<Frame>, Thread);

fn is_thread_head(line: &str) -> bool {
    line.trim_end().ends_with("(most recent call first):")
}

/// One thread: its frames, itself, and the line behind it. No thread for the stack of C that newer versions print too.
fn thread(
    text: &Text<'_>,
    prefix: &Prefix<'_>,
    head: usize,
) -> Option<(Option<ThreadStack>, usize)> {
    let line = prefix.strip(text.line(head));
    if !is_thread_head(line) {
        return None;
    }
    let mut frames = Vec::new();
    let mut at = head + 1;
    while at < text.len() {
        let below = prefix.strip(text.line(at));
        let Some(below) = below.strip_prefix("  ") else {
            break;
        };
        frames.extend(below.strip_prefix("File \"").and_then(frame));
        at += 1;
    }
    let is_current = line.starts_with("Current thread ");
    let words = line
        .strip_prefix("Current thread ")
        .or_else(|| line.strip_prefix("Thread "));
    let thread = words.map(|words| {
        let words = words.split(" (most recent").next().unwrap_or_default();
        let (id, name) = words.split_once(" [").unwrap_or((words, ""));
        Thread {
            id: Some(id.to_owned()),
            name: name.strip_suffix(']').map(str::to_owned),
            current: is_current.then_some(true),
            crashed: is_current.then_some(true),
            ..Thread::default()
        }
    });
    Some((thread.map(|thread| (frames, thread)), at))
}

/// What IPython and Jupyter print: a head with the type, frames each with the code around it, and the message last.
fn notebook(text: &Text<'_>, head: usize, ty: &str) -> (Option<Trace>, usize) {
    let mut exceptions = Vec::new();
    let mut at = head;
    let mut ty = Some(ty);
    while let Some(named) = ty.take() {
        let (one, end) = notebook_exception(text, at + 1, named);
        at = end;
        let Some(one) = one else { break };
        exceptions.push(one);
        let is_blank = |number: usize| text.line(number).trim().is_empty();
        if is_blank(at) && matches!(text.line(at + 1), CAUSE | CONTEXT) && is_blank(at + 2) {
            let next = text.line(at + 3);
            ty = next
                .strip_suffix("Traceback (most recent call last)")
                .map(str::trim_end);
            at += 3;
        }
    }
    let found = (!exceptions.is_empty()).then(|| trace(exceptions, head..at));
    (found, at)
}

fn notebook_exception(text: &Text<'_>, start: usize, ty: &str) -> (Option<Exception>, usize) {
    let mut frames: Vec<Frame> = Vec::new();
    for number in start..text.len() {
        let line = text.line(number);
        if let Some((arrow, code)) = line
            .strip_prefix("--")
            .and_then(|rest| rest.split_once("> "))
        {
            let digits = code.bytes().take_while(u8::is_ascii_digit).count();
            if let Some(frame) = frames
                .last_mut()
                .filter(|_| arrow.bytes().all(|byte| byte == b'-'))
            {
                frame.lineno = frame.lineno.or_else(|| code[..digits].parse().ok());
                frame
                    .context_line
                    .get_or_insert_with(|| code[digits..].trim().to_owned());
            }
        } else if line.starts_with([' ', '\t']) || line.trim().is_empty() {
        } else if let Some(frame) = notebook_frame(line) {
            frames.push(frame);
        } else {
            let read = type_and_message(line).filter(|(named, _)| named.ends_with(ty));
            frames.reverse();
            let failed = read.map(|(ty, message)| exception(Some(ty), message, frames));
            let end = number + usize::from(failed.is_some());
            return (failed, end);
        }
    }
    (None, text.len())
}

/// `File ~/shop/cart.py:3, in total(items)`, `Cell In[2], line 1`, and the older `~/shop/cart.py in total(items)`.
fn notebook_frame(line: &str) -> Option<Frame> {
    let (place, function) = match line.split_once(" in ") {
        Some((place, function)) => (place.trim_end_matches(','), Some(function)),
        None => (line, None),
    };
    let is_cell = place.starts_with("Cell In") || place.starts_with("Input In");
    let (path, number) = if let Some((cell, number)) = place.split_once(", line ") {
        (cell, Some(number))
    } else if let Some(file) = place.strip_prefix("File ") {
        file.rsplit_once(':')
            .map_or((file, None), |(path, number)| (path, Some(number)))
    } else {
        (place, None)
    };
    let is_path = path.contains(['/', '\\']) || path.starts_with('<');
    if !is_cell && (!is_path || (function.is_none() && number.is_none())) {
        return None;
    }
    let function = function.unwrap_or("<module>").trim_end();
    let function = function.split('(').next().unwrap_or(function);
    Some(Frame {
        function: Some(function.to_owned()),
        abs_path: is_absolute(path).then(|| path.to_owned()),
        filename: Some(path.to_owned()),
        lineno: number.and_then(|number| number.trim_end().parse().ok()),
        ..Frame::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(find, text, expected);
    }

    const PLAIN: &str = "Traceback (most recent call last):\n  File \"/srv/a b.py\", line 5, in <module>\n    f()\n    ~^^\n  File \"x.py\", line 2, in f\n    1/0\nZeroDivisionError: division by zero\n";
    const PLAIN_SHOWN: &str =
        "ZeroDivisionError: division by zero | <module> /srv/a b.py:5 | f x.py:2";

    #[test]
    fn a_traceback_is_read() {
        check(PLAIN, &[PLAIN_SHOWN]);
        check(&PLAIN.replace('\n', "\r\n"), &[PLAIN_SHOWN]);
        check(
            &format!("\n{PLAIN}\nbye\n{PLAIN}"),
            &[PLAIN_SHOWN, "--", PLAIN_SHOWN],
        );
        check(
            &format!("{PLAIN}{PLAIN}"),
            &[PLAIN_SHOWN, "--", PLAIN_SHOWN],
        );
    }

    #[test]
    fn code_and_paths_are_kept() {
        let mut found = Vec::new();
        find(&Text::new(PLAIN), &mut found);
        let frames = &found[0].exceptions[0]
            .stacktrace
            .as_ref()
            .expect("frames")
            .frames;
        assert_eq!(frames[0].abs_path.as_deref(), Some("/srv/a b.py"));
        assert_eq!(frames[0].context_line.as_deref(), Some("f()"));
        assert_eq!(frames[1].abs_path, None);
        assert_eq!(found[0].lines, 0..7);
    }

    #[test]
    fn tracebacks_in_logs_are_read() {
        check(
            &format!("ERROR:root:failed\n{PLAIN}INFO:root:next\n"),
            &[PLAIN_SHOWN],
        );
        check(
            &format!(
                "2026-01-02 03:04:05,678 ERROR [7] failed\n{PLAIN}2026-01-02 03:04:06 INFO next\n"
            ),
            &[PLAIN_SHOWN],
        );
        check(
            &format!("2026-01-02 03:04:05 ERROR {PLAIN}2026-01-02 03:04:06 ERROR next\n"),
            &[PLAIN_SHOWN],
        );
        check(
            &format!("FuzzError: {PLAIN}\n==1==ERROR: x\n"),
            &[PLAIN_SHOWN],
        );
        let prefixed = |prefix: &str| {
            PLAIN
                .lines()
                .map(|line| format!("{prefix}{line}\n"))
                .collect::<String>()
        };
        check(&prefixed("app_1  | "), &[PLAIN_SHOWN]);
        check(&prefixed("    "), &[PLAIN_SHOWN]);
        let journal = "Jan 02 03:04:05 host app[12]: ";
        check(
            &format!("{}Jan 02 03:04:06 host app[12]: next\n", prefixed(journal)),
            &[PLAIN_SHOWN],
        );
        check(
            &format!(
                "{journal}x\n{}Jan 02 03:04:05 host cron[1]: next\n",
                prefixed(journal)
            ),
            &[PLAIN_SHOWN],
        );
    }

    #[test]
    fn lines_may_each_have_their_own_time() {
        let text = format!(
            "{PLAIN}\n{CAUSE}\n\n{}two\n",
            PLAIN.trim_end().to_owned() + "\n"
        );
        let stamped = |prefix: &dyn Fn(usize) -> String| -> String {
            let lines = text.lines().enumerate();
            lines
                .map(|(number, line)| format!("{}{line}\n", prefix(number)))
                .collect()
        };
        let cri =
            stamped(&|number| format!("2026-01-02T03:04:05.{:09}Z stderr F ", number * 7_919_000));
        let expected = [
            PLAIN_SHOWN,
            "ZeroDivisionError: division by zero\ntwo | <module> /srv/a b.py:5 | f x.py:2",
        ];
        check(&cri, &expected);
        let trimmed: String = cri
            .lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect();
        check(&trimmed, &expected);
        let next = "2026-01-02T03:04:06.123456789Z stderr F INFO next\n";
        check(&format!("{cri}{next}"), &expected);
        let same = stamped(&|_| "Jan 02 03:04:05 host app[1]: ".to_owned());
        check(
            &format!("{same}Jan 02 03:04:06 host app[1]: next\n"),
            &expected,
        );
    }

    #[test]
    fn messages_of_several_lines_are_whole() {
        let text = "Traceback (most recent call last):\n  File \"m.py\", line 3, in q\n    raise E()\nE: one\ntwo: id=42\n  File \"fake.py\", line 3, in fake\nTraceback of thought\n";
        check(
            text,
            &[
                "E: one\ntwo: id=42\n  File \"fake.py\", line 3, in fake\nTraceback of thought | q m.py:3",
            ],
        );
        check(
            &format!("{text}\nother"),
            &[
                "E: one\ntwo: id=42\n  File \"fake.py\", line 3, in fake\nTraceback of thought | q m.py:3",
            ],
        );
        check(
            "Traceback (most recent call last):\nE: list:\n\n  - one\n  - two\n\nother\n",
            &["E: list:\n\n  - one\n  - two"],
        );
        check(
            "Traceback (most recent call last):\nE: \nbelow\n",
            &["E: \nbelow"],
        );
    }

    #[test]
    fn exceptions_without_message_end_in_their_line() {
        check(
            "Traceback (most recent call last):\n  File \"x.py\", line 2, in f\n    assert x\nAssertionError\nnext line\n",
            &["AssertionError | f x.py:2"],
        );
        check(
            "Traceback (most recent call last):\n  File \"x.py\", line 2, in f\nKeyboardInterrupt",
            &["KeyboardInterrupt | f x.py:2"],
        );
        check(
            "Traceback (most recent call last):\nKeyError: 1\n",
            &["KeyError: 1"],
        );
        check(
            "Traceback (most recent call last):\n  File \"x.py\", line 2, in f\n",
            &["? | f x.py:2"],
        );
        check(
            "Traceback (most recent call last):\n  File \"x.py\", line 2, in f\n    x\nthis is no type\n",
            &["? | f x.py:2"],
        );
    }

    #[test]
    fn types_are_whole() {
        check(
            "Traceback (most recent call last):\n  File \"x.py\", line 2, in f\n__main__.f.<locals>.Größe: x\n",
            &["__main__.f.<locals>.Größe: x | f x.py:2"],
        );
    }

    #[test]
    fn causes_come_first() {
        let text = format!(
            "{PLAIN}\n{CONTEXT}\n\nTraceback (most recent call last):\n  File \"x.py\", line 4, in a\n    raise K\nK: k\nmore\n\n{CAUSE}\n\nTraceback (most recent call last):\n  File \"x.py\", line 9, in b\n    raise L\nL\n"
        );
        check(
            &text,
            &[PLAIN_SHOWN, "K: k\nmore | a x.py:4", "L | b x.py:9"],
        );
        let logged: String = text
            .lines()
            .map(|line| format!("web-1 | {line}\n"))
            .collect();
        check(
            &logged,
            &[PLAIN_SHOWN, "K: k\nmore | a x.py:4", "L | b x.py:9"],
        );
    }

    #[test]
    fn of_too_many_causes_the_root_and_the_last_are_kept() {
        let one = |number: usize| {
            format!(
                "Traceback (most recent call last):\n  File \"x.py\", line {number}, in f\nE: {number}\n"
            )
        };
        let chain: Vec<String> = (0..EXCEPTIONS_MAX + 50).map(one).collect();
        let mut found = Vec::new();
        find(
            &Text::new(&chain.join(&format!("\n{CONTEXT}\n\n"))),
            &mut found,
        );
        let values: Vec<_> = found[0]
            .exceptions
            .iter()
            .map(|one| one.value.as_deref())
            .collect();
        assert_eq!((found.len(), values.len()), (1, EXCEPTIONS_MAX));
        assert_eq!(values[..2], [Some("0"), Some("51")]);
        assert_eq!(values.last(), Some(&Some("249")));
    }

    #[test]
    fn causes_that_were_never_raised_are_read() {
        check(
            &format!("x\nValueError: no\n\n{CAUSE}\n\n{PLAIN}"),
            &["ValueError: no", PLAIN_SHOWN],
        );
        check(
            &format!("{PLAIN}\n{CONTEXT}\n\nKeyError: 'k'\n\n{CAUSE}\n\n{PLAIN}"),
            &[PLAIN_SHOWN, "KeyError: 'k'", PLAIN_SHOWN],
        );
    }

    #[test]
    fn tracebacks_of_other_processes_are_causes() {
        check(
            &format!(
                "concurrent.futures.process._RemoteTraceback: \n\"\"\"\n{PLAIN}\"\"\"\n\n{CAUSE}\n\n{PLAIN}"
            ),
            &[PLAIN_SHOWN, PLAIN_SHOWN],
        );
    }

    #[test]
    fn recursion_is_read_once() {
        check(
            "Traceback (most recent call last):\n  File \"x.py\", line 8, in rec\n    rec(n+1)\n    ~~~^^^^^\n  [Previous line repeated 996 more times]\nRecursionError: maximum recursion depth exceeded\n",
            &["RecursionError: maximum recursion depth exceeded | rec x.py:8"],
        );
    }

    #[test]
    fn the_place_of_an_error_of_syntax_is_no_frame() {
        let place = "  File \"/srv/syn.py\", line 1\n    def x(:\n          ^\nSyntaxError: invalid syntax\n";
        check(place, &["SyntaxError: invalid syntax"]);
        check(&format!("app: {place}"), &["SyntaxError: invalid syntax"]);
        check(
            &format!(
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    import syn\n{place}"
            ),
            &["SyntaxError: invalid syntax | <module> a.py:1"],
        );
        check(
            "  File \"i.py\", line 3\n    y\n     ^\nIndentationError: unindent\n",
            &["IndentationError: unindent"],
        );
        check("  File \"i.py\", line 3\n    y\nok\n", &[]);
        check("see \"i.py\", line 3\nSyntaxError: x\n", &[]);
    }

    #[test]
    fn threads_have_their_names_and_tasks_are_passed_over() {
        check(
            &format!("Exception in thread pool-1:\n{PLAIN}Exception in thread pool-2:\n{PLAIN}"),
            &[
                PLAIN_SHOWN,
                "thread pool-1",
                "--",
                PLAIN_SHOWN,
                "thread pool-2",
            ],
        );
        check(
            &format!(
                "Task exception was never retrieved\nfuture: <Task finished name='T' exception=ValueError('lost')>\n{PLAIN}Exception ignored in: <function D.__del__ at 0x7f>\n{PLAIN}"
            ),
            &[PLAIN_SHOWN, "--", PLAIN_SHOWN],
        );
        check(
            &format!(
                "--- Logging error ---\n{PLAIN}Call stack:\n  File \"x.py\", line 20, in <module>\n    log()\nMessage: '%s'\nArguments: (1,)\n"
            ),
            &[PLAIN_SHOWN],
        );
    }

    const GROUP: &str = "  + Exception Group Traceback (most recent call last):
  |   File \"g.py\", line 19, in <module>
  |     run()
  |     ~~~^^
  | ExceptionGroup: many (3 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File \"g.py\", line 3, in bad
    |     raise ValueError(n)
    | ValueError: bad 0
    | a note
    +---------------- 2 ----------------
    | ExceptionGroup: nested (2 sub-exceptions)
    +-+---------------- 1 ----------------
      | Traceback (most recent call last):
      |   File \"g.py\", line 9, in run
      |     raise TypeError()
      | TypeError: inner
      | 
      | The above exception was the direct cause of the following exception:
      | 
      | Traceback (most recent call last):
      |   File \"g.py\", line 11, in run
      |     raise KeyError(\"k\") from t
      | KeyError: 'k'
      +---------------- 2 ----------------
      | FileNotFoundError: [Errno 2] x: 'f'
      +------------------------------------
    +---------------- 3 ----------------
    | Traceback (most recent call last):
    |   File \"g.py\", line 4, in last
    | OSError
    +------------------------------------
";
    const GROUP_SHOWN: [&str; 7] = [
        "OSError | last g.py:4",
        "FileNotFoundError: [Errno 2] x: 'f'",
        "TypeError: inner | run g.py:9",
        "KeyError: 'k' | run g.py:11",
        "ExceptionGroup: nested (2 sub-exceptions)",
        "ValueError: bad 0\na note | bad g.py:3",
        "ExceptionGroup: many (3 sub-exceptions) | <module> g.py:19",
    ];

    #[test]
    fn groups_are_trees() {
        check(GROUP, &GROUP_SHOWN);
        let mut found = Vec::new();
        find(&Text::new(GROUP), &mut found);
        assert_eq!(found[0].lines, 0..33);
        let shown: Vec<String> = found[0]
            .exceptions
            .iter()
            .rev()
            .map(|one| {
                let other = &one.mechanism.as_ref().expect("a tree").other;
                format!(
                    "{} {} {}",
                    other["exception_id"],
                    other.get("parent_id").unwrap_or_default(),
                    other.get("source").unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "0 null null",
                "1 0 \"exceptions[0]\"",
                "2 0 \"exceptions[1]\"",
                "3 2 \"exceptions[0]\"",
                "4 3 \"__cause__\"",
                "5 2 \"exceptions[1]\"",
                "6 0 \"exceptions[2]\"",
            ]
        );
    }

    const CHAINS_IN_GROUP: &str = "  + Exception Group Traceback (most recent call last):
  |   File \"g.py\", line 12, in <module>
  |     outer()
  | ExceptionGroup:  (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Exception Group Traceback (most recent call last):
    |   File \"g.py\", line 10, in outer
    | ExceptionGroup: many (1 sub-exception)
    +-+---------------- 1 ----------------
      | Traceback (most recent call last):
      |   File \"g.py\", line 1, in a
      | ValueError: a
      +------------------------------------
    | 
    | The above exception was the direct cause of the following exception:
    | 
    | Traceback (most recent call last):
    |   File \"g.py\", line 11, in outer
    | RuntimeError: after
    +---------------- 2 ----------------
    | Exception Group Traceback (most recent call last):
    |   File \"g.py\", line 10, in outer
    | ExceptionGroup: many (1 sub-exception)
    +-+---------------- 1 ----------------
      | ExceptionGroup: deep (1 sub-exception)
      +-+---------------- 1 ----------------
        | Traceback (most recent call last):
        |   File \"g.py\", line 2, in b
        | ZeroDivisionError: division by zero
        +------------------------------------
    | 
    | During handling of the above exception, another exception occurred:
    | 
    | Traceback (most recent call last):
    |   File \"g.py\", line 13, in outer
    | KeyError: 'k'
";

    #[test]
    fn chains_within_groups_go_on_behind_their_groups() {
        let expected = [
            "ZeroDivisionError: division by zero | b g.py:2",
            "ExceptionGroup: deep (1 sub-exception)",
            "ExceptionGroup: many (1 sub-exception) | outer g.py:10",
            "KeyError: 'k' | outer g.py:13",
            "ValueError: a | a g.py:1",
            "ExceptionGroup: many (1 sub-exception) | outer g.py:10",
            "RuntimeError: after | outer g.py:11",
            "ExceptionGroup:  (2 sub-exceptions) | <module> g.py:12",
        ];
        check(CHAINS_IN_GROUP, &expected);
        let logged: String = CHAINS_IN_GROUP
            .lines()
            .map(|line| format!("web-1 | {line}\n"))
            .collect();
        check(&logged, &expected);
        let chain = format!("{CHAINS_IN_GROUP}\n{CAUSE}\n\n{PLAIN}");
        let expected: Vec<&str> = expected.into_iter().chain([PLAIN_SHOWN]).collect();
        check(&chain, &expected);
    }

    #[test]
    fn groups_stand_in_logs_and_chains() {
        let logged: String = GROUP
            .lines()
            .map(|line| format!("web-1 | {line}\n"))
            .collect();
        check(&logged, &GROUP_SHOWN);
        let chain = format!("{PLAIN}\n{CONTEXT}\n\n{GROUP}\n{CAUSE}\n\n{PLAIN}");
        let expected: Vec<&str> = GROUP_SHOWN[..6]
            .iter()
            .copied()
            .chain([PLAIN_SHOWN, GROUP_SHOWN[6], PLAIN_SHOWN])
            .collect();
        check(&chain, &expected);
    }

    #[test]
    fn members_left_out_end_no_group() {
        check(
            "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: many (9 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: 1\n    +---------------- ... ----------------\n    | and 8 more exceptions\n    +------------------------------------\n\nThe above exception was the direct cause of the following exception:\n\nKeyError: 2\n",
            &[
                "ValueError: 1",
                "ExceptionGroup: many (9 sub-exceptions)",
                "KeyError: 2",
            ],
        );
    }

    const FAULT: &str = "Fatal Python error: Segmentation fault\n\nThread 0x00007f01 (most recent call first):\n  File \"t.py\", line 870 in run\n  File \"t.py\", line 890 in _bootstrap\n\nCurrent thread 0x00007f02 [main] (most recent call first):\n  File \"fh.py\", line 8 in die\n  File \"fh.py\", line 9 in <module>\n\nCurrent thread's C stack trace (most recent call first):\n  Binary file \"/usr/bin/python3\", at _Py_Dump+0x4f [0x5]\n\nExtension modules: numpy (total: 1)\nSegmentation fault (core dumped)\n";

    #[test]
    fn faults_are_read_with_their_threads() {
        check(
            FAULT,
            &[
                "Segmentation fault | <module> fh.py:9 | die fh.py:8",
                "thread 0x00007f01 | _bootstrap t.py:890 | run t.py:870",
            ],
        );
        let mut found = Vec::new();
        find(&Text::new(FAULT), &mut found);
        assert_eq!(found[0].lines, 0..12);
        assert_eq!(
            found[0].exceptions[0].thread_id.as_deref(),
            Some("0x00007f02")
        );
    }

    #[test]
    fn faults_of_all_kinds_are_read() {
        check(
            "Fatal Python error: _Py_CheckRecursiveCall: Cannot recover from stack overflow.\nPython runtime state: initialized\n\nCurrent thread 0x1 (most recent call first):\n  File \"r.py\", line 2 in f\n  ...\n",
            &["_Py_CheckRecursiveCall: Cannot recover from stack overflow. | f r.py:2"],
        );
        check(
            "Windows fatal exception: access violation\n\nCurrent thread 0x00001a2c (most recent call first):\n  File \"C:\\a b\\x.py\", line 2 in f\n",
            &["access violation | f C:\\a b\\x.py:2"],
        );
        check(
            "Fatal Python error: Aborted\n\nCurrent thread 0x1 (most recent call first):\n  <no Python frame>\n",
            &["Aborted"],
        );
        check(
            "Timeout (0:00:01)!\nThread 0x1 (most recent call first):\n  File \"x.py\", line 3 in w\n",
            &["Timeout: 0:00:01", "thread 0x1 | w x.py:3"],
        );
        check(
            "Current thread 0x1 (most recent call first):\n  File \"x.py\", line 3 in w\n",
            &[],
        );
    }

    #[test]
    fn notebooks_are_read() {
        let rule = "-".repeat(75);
        check(
            &format!(
                "{rule}\nZeroDivisionError                         Traceback (most recent call last)\nCell In[1], line 5\n      2     return 1/0\n      4 x = 1\n----> 5 f()\n\nCell In[1], line 2, in f(x)\n      1 def f():\n----> 2     return 1/0\n\nFile ~/lib/x.py:7, in C.g(self)\n      6 def g(self):\n----> 7   pass\n\nZeroDivisionError: division by zero\n"
            ),
            &[
                "ZeroDivisionError: division by zero | <module> Cell In[1]:5 | f Cell In[1]:2 | C.g ~/lib/x.py:7",
            ],
        );
        check(
            "KeyError                 Traceback (most recent call last)\n<ipython-input-1-9e16> in <module>\n----> 1 f()\n\n~/x.py in f(a, b)\n      1 def f():\n----> 2   {}['k']\n\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\nValueError               Traceback (most recent call last)\n/srv/x.py in g()\n----> 9 g\n\nValueError: v\n",
            &[
                "KeyError: 'k' | <module> <ipython-input-1-9e16>:1 | f ~/x.py:2",
                "ValueError: v | g /srv/x.py:9",
            ],
        );
    }

    #[test]
    fn heads_of_ruby_are_left_to_it() {
        check(
            "Traceback (most recent call last):\nr.rb:16:in `<main>': x (RuntimeError)\n",
            &[],
        );
    }

    #[test]
    fn what_is_no_traceback_is_none() {
        for text in [
            "",
            "Traceback (most recent call last):",
            "Traceback (most recent call last)\nx",
            "Traceback (most recent call last):\n\n\n",
            "Stack (most recent call last):\n  File \"x.py\", line 3, in f\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(
            &"Traceback (most recent call last):\n    ".repeat(20_000),
            &[],
        );
        check(&"Traceback (most recent call last): ".repeat(20_000), &[]);
        check(
            &format!(
                "{PLAIN}\n{CONTEXT}\n\n{}",
                "  +-+----------------\n".repeat(20_000)
            ),
            &[PLAIN_SHOWN],
        );
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(find, &format!("{PLAIN}\n{CAUSE}\n\n{GROUP}"));
        shown::any_bytes(find, FAULT);
    }
}
