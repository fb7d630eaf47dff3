//! `parse`: the failures that a text tells of.

use std::fs::File;
use std::io::{self, Read};

use crashvault::event::{Stacktrace, Thread};
use crashvault::{Event, Exception, Frame, Trace, TraceReader};
use serde_json::{Value, json};

use super::{Done, reading};
use crate::args::Parse;
use crate::output::event::{self, Page};
use crate::output::{Screen, Stop, Style};

pub fn run(parse: &Parse, screen: &mut Screen) -> Result<Done, Stop> {
    let input: Box<dyn Read> = match parse.file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => {
            Box::new(File::open(&parse.file).map_err(|error| reading::unread(&parse.file, &error))?)
        }
    };
    let mut is_first = true;
    for trace in TraceReader::new(input) {
        let trace = trace.map_err(|error| reading::unread(&parse.file, &error))?;
        if screen.json {
            screen.value(&value(&trace))?;
            continue;
        }
        if is_nothing(&trace) {
            screen.note("no failure was found: the text is empty");
            continue;
        }
        if !std::mem::replace(&mut is_first, false) {
            screen.line("")?;
        }
        show(trace, parse.all_frames, screen)?;
    }
    Ok(Done::Well)
}

/// What an empty text is told as.
fn is_nothing(trace: &Trace) -> bool {
    let says = |exception: &Exception| exception.value.is_some() || exception.ty.is_some();
    trace.threads.is_empty()
        && !trace.exceptions.iter().any(says)
        && !trace
            .exceptions
            .iter()
            .any(|exception| exception.stacktrace.is_some())
}

/// As an event shows what was thrown.
fn show(trace: Trace, is_whole: bool, screen: &mut Screen) -> io::Result<()> {
    let lines = match trace.lines.len() {
        0 | 1 => format!("line {}", trace.lines.start + 1),
        _ => format!("lines {} to {}", trace.lines.start + 1, trace.lines.end),
    };
    screen.styled(Style::Bold, format!("{}, {lines}", trace.language))?;
    let mut page = Page::new(screen.paint, is_whole);
    page.width = screen.width;
    let mut told = Event::new();
    told.exceptions = trace.exceptions;
    told.threads = trace.threads;
    event::failure(&mut page, &told);
    event::threads(&mut page, &told);
    page.lines.iter().try_for_each(|line| screen.line(line))
}

fn value(trace: &Trace) -> Value {
    let exceptions: Vec<Value> = trace.exceptions.iter().map(exception).collect();
    let mut value = json!({"language": trace.language, "exceptions": exceptions});
    let threads = trace.threads.iter();
    let threads: Vec<Value> = threads
        .filter(|thread| thread.stacktrace.is_some())
        .map(thread)
        .collect();
    if !threads.is_empty() {
        value["threads"] = threads.into();
    }
    value
}

fn thread(thread: &Thread) -> Value {
    let frames = frames(thread.stacktrace.as_ref());
    json!({"id": thread.id, "name": thread.name, "frames": frames})
}

fn exception(exception: &Exception) -> Value {
    let frames = frames(exception.stacktrace.as_ref());
    let mut value = json!({"type": exception.ty, "value": exception.value, "frames": frames});
    if exception.is_suppressed() {
        value["is_suppressed"] = true.into();
    }
    value
}

fn frames(stack: Option<&Stacktrace>) -> Vec<Value> {
    let frames = stack.iter().flat_map(|stack| &stack.frames);
    frames.map(frame).collect()
}

fn frame(frame: &Frame) -> Value {
    let address = frame.instruction_addr;
    json!({
        "function": frame.function,
        "module": frame.module,
        "filename": frame.filename,
        "lineno": frame.lineno,
        "colno": frame.colno,
        "in_app": frame.in_app,
        "instruction_addr": address.map(|address| format!("{address:#x}")),
    })
}
