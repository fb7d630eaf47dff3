//! Enters: any text, such as a log. Leaves: the failures printed in it, as exceptions with frames, and where they stand.
//!
//! Each language has a file that knows how it prints a failure. It is asked only where one of its marks is in the
//! text, finds its own failures among other lines, and knows nothing of the others. Where two claim the same lines,
//! the one that stands first in [`LANGUAGES`] is right: from marks that nothing else prints to mere shapes.
//!
//! Never: fails, reads a file, decides whose a frame is, or takes more time than a fixed number of walks over the
//! text; what is no failure is passed over.

mod abort;
mod apple;
mod at;
mod csharp;
mod dart;
mod elixir;
mod erlang;
mod escaped;
mod gdb;
mod go;
mod go_caught;
mod hotspot;
mod java;
mod javascript;
mod kernel;
mod listed;
mod lua;
mod marks;
mod native;
mod perl;
mod php;
mod pieces;
mod pytest;
mod python;
mod python_rich;
mod record;
mod ruby;
pub(crate) mod rust;
mod rust_eyre;
mod rust_panic;
mod sanitizer;
mod swift;
mod symbols;
mod text;
mod tombstone;
mod unity;
mod windbg;

use std::borrow::Cow;
use std::ops::Range;

use crate::event::{Exception, Frame, Stacktrace, Thread};
use pieces::Pieces;
use text::Text;

/// Frames read of one stack: the innermost ones.
const FRAMES_MAX: usize = 1024;
/// Exceptions of one failure.
const EXCEPTIONS_MAX: usize = 200;
/// Failures read from one text.
pub(crate) const TRACES_MAX: usize = 10_000;

/// A failure that a text tells of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// The platform, as in the event payload: `python`, `java`, `native` …
    pub language: &'static str,
    /// The exceptions, oldest cause first, each with its frames, outermost first. The type is as printed, whole
    /// (`java.io.IOException`); whose a frame is is told where the trace was asked for by
    /// [`parse_traces`](crate::parse_traces).
    pub exceptions: Vec<Exception>,
    /// Other threads, where the text lists them.
    pub threads: Vec<Thread>,
    /// The lines it stands in, counted from 0.
    pub lines: Range<usize>,
}

/// One way of printing failures.
struct Language {
    /// Puts what it finds behind what is there; in the order of the text, and no two over the same lines.
    find: fn(&Text<'_>, &mut Vec<Trace>),
}

/// In the order of trust.
const LANGUAGES: &[Language] = &[
    Language { find: python::find },
    Language { find: pytest::find },
    Language { find: java::find },
    Language {
        find: hotspot::find,
    },
    Language {
        find: sanitizer::find,
    },
    Language {
        find: tombstone::find,
    },
    Language { find: gdb::find },
    Language { find: go::find },
    Language {
        find: go_caught::find,
    },
    Language {
        find: rust_panic::find,
    },
    Language {
        find: rust_eyre::find,
    },
    Language { find: kernel::find },
    Language { find: swift::find },
    Language { find: apple::find },
    Language { find: csharp::find },
    Language { find: unity::find },
    Language {
        find: javascript::find,
    },
    Language { find: dart::find },
    Language { find: ruby::find },
    Language { find: php::find },
    Language { find: elixir::find },
    Language { find: erlang::find },
    Language {
        find: symbols::find,
    },
    Language { find: windbg::find },
    Language { find: abort::find },
    Language { find: lua::find },
    Language { find: perl::find },
];

/// The first failures in `text`, at most [`TRACES_MAX`], in its order. Bytes that are no UTF-8 are replaced, colours of
/// terminals taken out.
pub(crate) fn parse(text: &[u8]) -> Vec<Trace> {
    parse_some(text, TRACES_MAX)
}

/// The same, at most `max`.
pub(crate) fn parse_some(text: &[u8], max: usize) -> Vec<Trace> {
    let text = escaped::without_docker(readable(text));
    let mut text = Text::new(&text);
    // Before the others, that would take a part of such a line for the whole.
    let mut traces = find_escaped(&text, max, escaped::values);
    keep_free(&mut traces, find_listed(&text));
    text.take(traces.iter().map(|trace| trace.lines.clone()));
    find_all(&mut text, &mut traces);
    // Of lines without values the whole, unless the languages found their own there.
    let more = find_escaped(&text, max, |line| match escaped::values(line).is_empty() {
        true => vec![escaped::unescaped(line)],
        false => Vec::new(),
    });
    keep_free(&mut traces, more);
    traces.truncate(max);
    traces
}

/// Failures with frames in lines whose own line ends are escaped; `texts` gives what is escaped in one.
fn find_escaped(text: &Text<'_>, max: usize, texts: impl Fn(&str) -> Vec<String>) -> Vec<Trace> {
    let mut traces: Vec<Trace> = Vec::new();
    let mut pieces = Pieces::default();
    for line in escaped::lines(text) {
        let texts = texts(text.line(line)).into_iter();
        texts.for_each(|text| pieces.push(line, text));
        if pieces.is_full() {
            traces.append(&mut std::mem::take(&mut pieces).traces());
            if traces.len() >= max {
                return traces;
            }
        }
    }
    traces.append(&mut pieces.traces());
    traces
}

/// Failures with frames in lists of lines.
fn find_listed(text: &Text<'_>) -> Vec<Trace> {
    let mut traces = Vec::new();
    for list in listed::lists(text) {
        let mut found = Vec::new();
        find_all(&mut Text::new(&list.text), &mut found);
        if let Some(trace) = found.into_iter().find(|trace| trace.frames_max() > 0) {
            let lines = list.lines;
            traces.push(Trace { lines, ..trace });
        }
    }
    traces
}

impl Trace {
    /// The frames of its exceptions' longest stack.
    pub(crate) fn frames_max(&self) -> usize {
        let stacks = self.exceptions.iter().filter_map(|e| e.stacktrace.as_ref());
        stacks.map(|stack| stack.frames.len()).max().unwrap_or(0)
    }
}

fn find_all(text: &mut Text<'_>, traces: &mut Vec<Trace>) {
    for language in LANGUAGES {
        let mut found = Vec::new();
        (language.find)(text, &mut found);
        if !found.is_empty() {
            keep_free(traces, found);
            text.take(traces.iter().map(|trace| trace.lines.clone()));
        }
    }
}

fn readable(text: &[u8]) -> Cow<'_, str> {
    // Most texts are UTF-8, which is seen faster of the whole than piece by piece.
    let text = match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(text),
    };
    match text {
        text if memchr::memchr(0x1b, text.as_bytes()).is_some() => {
            Cow::Owned(text::without_escapes(&text))
        }
        text => text,
    }
}

/// An exception with its frames, innermost first as most languages print them; of too many the innermost are kept.
fn exception(ty: Option<&str>, value: Option<&str>, innermost_first: Vec<Frame>) -> Exception {
    let mut frames = innermost_first;
    frames.truncate(FRAMES_MAX);
    frames.reverse();
    Exception {
        ty: ty.map(str::to_owned),
        value: value.map(str::to_owned),
        stacktrace: (!frames.is_empty()).then(|| Stacktrace {
            frames,
            ..Stacktrace::default()
        }),
        ..Exception::default()
    }
}

/// Merges what stands on lines that are still free into `kept`; both are in the order of the text.
fn keep_free(kept: &mut Vec<Trace>, found: Vec<Trace>) {
    if found.is_empty() {
        return;
    }
    let mut merged = Vec::with_capacity(kept.len() + found.len());
    let mut older = std::mem::take(kept).into_iter().peekable();
    for trace in found {
        while let Some(next) = older.next_if(|older| older.lines.start < trace.lines.end) {
            merged.push(next);
        }
        let taken_until = merged.last().map_or(0, |last: &Trace| last.lines.end);
        if trace.lines.start >= taken_until {
            merged.push(trace);
        }
    }
    merged.extend(older);
    *kept = merged;
}

#[cfg(test)]
mod plain;
#[cfg(test)]
mod shown;
#[cfg(test)]
mod tests;
