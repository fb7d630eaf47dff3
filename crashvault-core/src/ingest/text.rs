//! Failures that came as text: read for whoever asks, and for events that hold such a text.

use std::io::{self, Read};
use std::ops::Range;

use serde_json::Value;

use super::utf16::{self, Utf16};
use crate::event::wire::STACK_TEXT;
use crate::event::{Event, Exception, Flaw, Frame, Stacktrace, Thread, limits, put_printed};
use crate::language::{self, InAppRules};
use crate::symbol;
use crate::trace::{self, Trace};

/// Of a text in an event, in bytes: of a longer one so much is read of how it begins, and of how it ends.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Lines that a text without a failure is told by.
const LINES_MAX: usize = 20;

/// Read at once of a long text, in bytes.
const WINDOW_BYTES: usize = 4 << 20;
/// Failures read of one window. More are read in another go.
const WINDOW_TRACES_MAX: usize = 50_000;
/// A failure that begins in the last bytes of a window is read again with what follows.
const OVERLAP_BYTES: usize = 512 << 10;

/// The failures that a text tells of, such as a log, in its order; whose their frames are is judged by the built-in
/// rules.
///
/// UTF-16 is read where the text begins with its mark. Never empty: a text without a failure is one of the language `other`, with its first lines as the value of an exception
/// without a type. At most 10,000 failures are read; [`TraceReader`] reads texts of any length.
///
/// ```
/// let log = "12:01 ready\nTraceback (most recent call last):\n  File \"/srv/shop.py\", line 3, in pay\nKeyError: 'total'\n";
/// let traces = crashvault::parse_traces(log.as_bytes());
/// assert_eq!(traces.len(), 1);
///
/// let traces = crashvault::parse_traces(b"nothing went wrong");
/// assert_eq!(traces[0].language, "other");
/// assert_eq!(traces[0].exceptions[0].value.as_deref(), Some("nothing went wrong"));
/// ```
pub fn parse_traces(text: &[u8]) -> Vec<Trace> {
    let text = &utf16::decoded(text);
    let mut traces = judged(trace::parse(text));
    if traces.is_empty() {
        traces.push(no_failure(text));
    }
    traces
}

fn judged(mut traces: Vec<Trace>) -> Vec<Trace> {
    let rules = InAppRules::default();
    for trace in &mut traces {
        judge(trace, &rules);
    }
    traces
}

/// What a text without a failure says first.
fn no_failure(text: &[u8]) -> Trace {
    let text = String::from_utf8_lossy(&text[..text.len().min(limits::MESSAGE_BYTES_MAX)]);
    let first: Vec<&str> = text.trim().lines().take(LINES_MAX).collect();
    let value = first.join("\n");
    Trace {
        language: "other",
        exceptions: vec![Exception {
            value: (!value.is_empty()).then_some(value),
            ..Exception::default()
        }],
        threads: Vec::new(),
        lines: 0..first.len(),
    }
}

/// Says of each frame whether it is the program's own.
fn judge(trace: &mut Trace, rules: &InAppRules) {
    let language = trace.language;
    let exceptions = trace.exceptions.iter_mut();
    let threads = trace.threads.iter_mut();
    let stacks = exceptions
        .filter_map(|exception| exception.stacktrace.as_mut())
        .chain(threads.filter_map(|thread| thread.stacktrace.as_mut()));
    for stack in stacks {
        judge_frames(language, &mut stack.frames, rules);
    }
}

fn judge_frames(language: &str, frames: &mut [Frame], rules: &InAppRules) {
    if language == "rust" {
        return symbol::judge_text(frames, rules);
    }
    for frame in frames.iter_mut() {
        // The text itself may say of a call that it is not to blame.
        let is_named = frame.in_app != Some(false);
        frame.in_app = Some(is_named && language::is_in_app(language, frame, rules));
    }
    if language == "native" {
        leave_out_nameless(frames);
    }
}

/// A binary with lines knows all its own code by name; what has none there is assembler, or a library that came without.
fn leave_out_nameless(frames: &mut [Frame]) {
    let is_own = |frame: &Frame| frame.in_app == Some(true);
    if !frames
        .iter()
        .any(|frame| is_own(frame) && frame.lineno.is_some())
    {
        return;
    }
    let nameless = frames
        .iter_mut()
        .filter(|frame| frame.function.is_none() && frame.filename.is_none());
    for frame in nameless {
        frame.in_app = Some(false);
    }
}

// Long texts ---------------------------------------------------------------------------------------------------

/// Reads the failures out of a text of any length, such as a log or a pipe, in bounded memory (some 4 MB of the text at a
/// time).
///
/// Gives what [`parse_traces`] gives; the lines are counted from the beginning of the whole text. A failure of more than
/// half a megabyte may be read as two.
///
/// ```
/// let mut reader = crashvault::TraceReader::new(&b"nothing went wrong"[..]);
/// assert_eq!(reader.next().unwrap()?.language, "other");
/// assert!(reader.next().is_none());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TraceReader<R> {
    input: R,
    window: Vec<u8>,
    /// What the input is decoded by, if it is no UTF-8.
    utf16: Option<Utf16>,
    is_begun: bool,
    /// The number of the window's first line.
    line: usize,
    found: std::vec::IntoIter<Trace>,
    has_found: bool,
    is_done: bool,
    /// How the text begins, until a failure was found.
    head: Vec<u8>,
}

impl<R: Read> TraceReader<R> {
    /// Reads nothing yet. The input needs no buffer of its own.
    pub fn new(input: R) -> Self {
        Self {
            input,
            window: Vec::new(),
            utf16: None,
            is_begun: false,
            line: 0,
            found: Vec::new().into_iter(),
            has_found: false,
            is_done: false,
            head: Vec::new(),
        }
    }

    /// Reads on until something was found, or there is no more.
    fn read_on(&mut self) -> io::Result<()> {
        while !self.is_done && self.found.len() == 0 {
            let is_at_end = self.fill()?;
            if self.head.is_empty() {
                let len = self.window.len().min(limits::MESSAGE_BYTES_MAX);
                self.head = self.window[..len].to_vec();
            }
            self.read_window(is_at_end);
        }
        Ok(())
    }

    /// Reads as much as the window holds; whether that was the end.
    fn fill(&mut self) -> io::Result<bool> {
        let missing = WINDOW_BYTES.saturating_sub(self.window.len());
        let mut input = self.input.by_ref().take(missing as u64);
        if let Some(utf16) = &mut self.utf16 {
            let mut piece = Vec::new();
            let read = input.read_to_end(&mut piece)?;
            utf16.put(&piece, &mut self.window);
            return Ok(read < missing);
        }
        let read = input.read_to_end(&mut self.window)?;
        if !std::mem::replace(&mut self.is_begun, true) {
            let piece = std::mem::take(&mut self.window);
            match Utf16::of(&piece) {
                Some((mut utf16, rest)) => {
                    utf16.put(rest, &mut self.window);
                    self.utf16 = Some(utf16);
                }
                None => self.window = piece,
            }
        }
        Ok(read < missing)
    }

    fn read_window(&mut self, is_at_end: bool) {
        let mut traces = judged(trace::parse_some(&self.window, WINDOW_TRACES_MAX));
        let first_line = self.line;
        // More were not looked for.
        let is_full = traces.len() == WINDOW_TRACES_MAX;
        self.is_done = is_at_end && !is_full;
        if is_full {
            let last = traces.last().map_or(0, |last| last.lines.end);
            let ends: Vec<usize> = memchr::memchr_iter(b'\n', &self.window).collect();
            self.drop_lines(last, &ends);
        } else if !is_at_end {
            self.carry(&mut traces);
        }
        for trace in &mut traces {
            trace.lines.start += first_line;
            trace.lines.end += first_line;
        }
        self.has_found |= !traces.is_empty();
        self.found = traces.into_iter();
    }

    /// Leaves in the window what is to be read again, and takes out of `traces` what is found there.
    fn carry(&mut self, traces: &mut Vec<Trace>) {
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &self.window).collect();
        let border = self.window.len().saturating_sub(OVERLAP_BYTES);
        // The first line behind the border.
        let next = ends.partition_point(|end| *end < border) + 1;
        let is_cut = |lines: &Range<usize>| {
            let start = lines.start.checked_sub(1).and_then(|line| ends.get(line));
            let reaches_end = lines.end >= ends.len();
            lines.start >= next || reaches_end && start.is_some_and(|at| *at > border / 2)
        };
        let kept = traces.iter().take_while(|trace| !is_cut(&trace.lines));
        let kept = kept.count();
        let next = traces
            .get(kept)
            .map_or(next, |cut| next.min(cut.lines.start));
        traces.truncate(kept);
        let next = traces.last().map_or(next, |last| next.max(last.lines.end));
        self.drop_lines(next, &ends);
    }

    /// Takes lines off the window's start. One that is a single line, or has no more, goes whole: it holds no failure.
    fn drop_lines(&mut self, count: usize, ends: &[usize]) {
        let end = count.checked_sub(1).and_then(|line| ends.get(line));
        let at = end.map_or(self.window.len(), |end| end + 1);
        self.line += count.min(ends.len());
        self.window.drain(..at);
    }
}

impl<R: Read> Iterator for TraceReader<R> {
    type Item = io::Result<Trace>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.found.len() == 0
            && let Err(error) = self.read_on()
        {
            self.is_done = true;
            self.has_found = true;
            return Some(Err(error));
        }
        match self.found.next() {
            Some(trace) => Some(Ok(trace)),
            None if self.has_found => None,
            None => {
                self.has_found = true;
                Some(Ok(no_failure(&self.head)))
            }
        }
    }
}

// Events -------------------------------------------------------------------------------------------------------

/// Puts exceptions and frames into an event that has texts for them; the texts stay where they are.
pub(super) fn read(event: &mut Event, rules: &InAppRules) {
    read_exceptions(event, rules);
    read_threads(event, rules);
    if event.stacktraces().any(|stack| !stack.frames.is_empty()) {
        return;
    }
    if let Some(trace) = told(event).and_then(|text| last_trace(text, None, rules)) {
        take_over(event, trace);
    }
}

/// The stacks of exceptions that are texts.
fn read_exceptions(event: &mut Event, rules: &InAppRules) {
    let is_alone = event.exceptions.len() == 1;
    let mut causes = Vec::new();
    for (index, exception) in event.exceptions.iter_mut().enumerate() {
        let Some(text) = unread_text(exception.stacktrace.as_ref()) else {
            continue;
        };
        let headline = headline(exception);
        let Some(mut trace) = last_trace(&text, Some(&headline), rules) else {
            exception.stacktrace = None;
            event
                .flaws
                .push(unread(format!("exception.{index}.stacktrace"), text));
            continue;
        };
        if let Some(thrown) = trace.exceptions.pop() {
            fill_exception(exception, thrown, text);
        }
        if is_alone {
            causes = std::mem::take(&mut trace.exceptions);
        }
        set_platform(&mut event.platform, trace.language);
    }
    event.flaws.extend(bound(&mut causes));
    event.exceptions.splice(0..0, causes);
}

/// Of too many exceptions the root and the last are kept.
fn bound(exceptions: &mut Vec<Exception>) -> Option<Flaw> {
    let over = exceptions.len().checked_sub(limits::EXCEPTIONS_MAX + 1)?;
    exceptions.drain(1..=over + 1);
    let reason = format!("{} of the exceptions in its text were left out", over + 1);
    Some(Flaw::new("exception", reason))
}

fn fill_exception(exception: &mut Exception, thrown: Exception, text: String) {
    let mut stack = thrown.stacktrace.unwrap_or_default();
    stack.other.insert(STACK_TEXT.into(), text.into());
    exception.stacktrace = Some(stack);
    exception.ty = exception.ty.take().or(thrown.ty);
    exception.value = exception.value.take().or(thrown.value);
}

fn read_threads(event: &mut Event, rules: &InAppRules) {
    for (index, thread) in event.threads.iter_mut().enumerate() {
        let Some(text) = unread_text(thread.stacktrace.as_ref()) else {
            continue;
        };
        let trace = last_trace(&text, Some("Thread"), rules);
        let language = trace.as_ref().map(|trace| trace.language);
        let Some(mut stack) = trace.and_then(stack_of) else {
            thread.stacktrace = None;
            event
                .flaws
                .push(unread(format!("threads.{index}.stacktrace"), text));
            continue;
        };
        stack.other.insert(STACK_TEXT.into(), text.into());
        thread.stacktrace = Some(stack);
        if let Some(language) = language {
            set_platform(&mut event.platform, language);
        }
    }
}

/// The stack that a text of one thread is about.
fn stack_of(trace: Trace) -> Option<Stacktrace> {
    let exceptions = trace.exceptions.into_iter().rev();
    let of_exceptions = exceptions.filter_map(|exception| exception.stacktrace);
    let of_threads = trace.threads.into_iter();
    let of_threads = of_threads.filter_map(|thread: Thread| thread.stacktrace);
    of_exceptions.chain(of_threads).next()
}

fn unread_text(stack: Option<&Stacktrace>) -> Option<String> {
    let stack = stack.filter(|stack| stack.frames.is_empty())?;
    stack.other.get(STACK_TEXT)?.as_str().map(str::to_owned)
}

fn unread(field: String, text: String) -> Flaw {
    let mut flaw = Flaw::new(field, "no frame can be read from its text");
    flaw.value = Some(text.into());
    flaw
}

/// How a language would print what was thrown, above its calls.
fn headline(exception: &Exception) -> String {
    let ty = exception.ty.as_deref().unwrap_or("Error");
    match exception.value.as_deref() {
        Some(value) if !value.is_empty() => format!("{ty}: {value}"),
        _ => ty.to_owned(),
    }
}

/// The text of an event that has no stack: its own `stacktrace`, what was given beside the message, or the message.
fn told(event: &Event) -> Option<&str> {
    let own = event.other.get("stacktrace").and_then(Value::as_str);
    let given = || event.contexts.get("crashvault")?.get("stack")?.as_str();
    let message = || match event.exceptions.is_empty() {
        true => event.message_text().filter(|text| text.contains('\n')),
        false => None,
    };
    own.or_else(given).or_else(message)
}

/// The failure that a text ends with, for what comes last ended the program. A text that is only calls is read below
/// `headline`.
fn last_trace(text: &str, headline: Option<&str>, rules: &InAppRules) -> Option<Trace> {
    let last = |text: &str| {
        let traces = ends(text).flat_map(|text| trace::parse(text.as_bytes()));
        traces.filter(has_calls).max_by_key(weight)
    };
    let below = |head: &str| last(&format!("{head}\n{text}"));
    let bare = || {
        let headline = headline?;
        below(headline).or_else(|| below("Traceback (most recent call last):"))
    };
    let mut trace = last(text).or_else(bare)?;
    judge(&mut trace, rules);
    Some(trace)
}

/// What is read of a text: the whole, or how it begins and how it ends.
fn ends(text: &str) -> impl Iterator<Item = &str> {
    let Some(mut start) = text.len().checked_sub(TEXT_BYTES_MAX + 1) else {
        return [Some(text), None].into_iter().flatten();
    };
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let line = text[start..]
        .find('\n')
        .map_or(start, |end| start + end + 1);
    let ends = [limits::head(text, TEXT_BYTES_MAX), &text[line..]];
    ends.map(Some).into_iter().flatten()
}

/// The weight of what ended a program.
const FAILURE: u8 = 2;

/// How much a trace says of why a program ended: an exception, more than one that was passed over, and that more than
/// where the threads were.
fn weight(trace: &Trace) -> u8 {
    let Some(thrown) = trace.exceptions.last() else {
        return 0;
    };
    let mechanism = thrown.mechanism.as_ref();
    let is_handled = mechanism.and_then(|mechanism| mechanism.handled) == Some(true);
    match (&thrown.ty, &thrown.value) {
        (None, None) => 0,
        _ if is_handled => 1,
        _ => FAILURE,
    }
}

fn has_calls(trace: &Trace) -> bool {
    let mut threads = trace.threads.iter();
    trace.frames_max() > 0 || threads.any(|thread| thread.stacktrace.is_some())
}

/// What the event says of itself comes last, as that what was thrown in the end; but that a command failed says less than
/// what it printed.
fn take_over(event: &mut Event, mut trace: Trace) {
    let flaw = bound(&mut trace.exceptions);
    if weight(&trace) < FAILURE || !put_printed(event, &mut trace.exceptions) {
        event.exceptions.splice(0..0, trace.exceptions);
    }
    event.flaws.extend(flaw);
    if event.threads.is_empty() {
        event.threads = trace.threads;
    }
    set_platform(&mut event.platform, trace.language);
}

fn set_platform(platform: &mut String, language: &str) {
    if platform.is_empty() || platform == "other" {
        *platform = language.to_owned();
    }
}

#[cfg(test)]
mod tests;
