//! Enters: traces, in tests. Leaves: each exception as one line, and a text cut and changed at every byte.

use super::{Text, Trace};
use crate::event::{Frame, Stacktrace};

/// `Type: value | outermost file:line | innermost file:line` for each exception, `thread id name | …` for each thread, `--`
/// between traces.
#[track_caller]
pub(super) fn check(find: fn(&Text<'_>, &mut Vec<Trace>), text: &str, expected: &[&str]) {
    let mut found = Vec::new();
    find(&Text::new(text), &mut found);
    let traces: Vec<Vec<String>> = found.iter().map(trace).collect();
    assert_eq!(traces.join(&"--".to_owned()), expected, "{text}");
}

fn trace(trace: &Trace) -> Vec<String> {
    let exceptions = trace.exceptions.iter().map(|exception| {
        let ty = exception.ty.as_deref().unwrap_or("?");
        let head = match &exception.value {
            Some(value) => format!("{ty}: {value}"),
            None => ty.to_owned(),
        };
        with_frames(head, exception.stacktrace.as_ref())
    });
    let threads = trace.threads.iter().map(|thread| {
        let words = ["thread".to_owned()].into_iter();
        let words = words.chain(thread.id.clone()).chain(thread.name.clone());
        with_frames(
            words.collect::<Vec<_>>().join(" "),
            thread.stacktrace.as_ref(),
        )
    });
    exceptions.chain(threads).collect()
}

fn with_frames(head: String, stack: Option<&Stacktrace>) -> String {
    let frames = stack.iter().flat_map(|stack| &stack.frames).map(frame);
    [head]
        .into_iter()
        .chain(frames)
        .collect::<Vec<_>>()
        .join(" | ")
}

fn frame(frame: &Frame) -> String {
    let name = frame.function.as_deref().unwrap_or("?");
    let name = match &frame.module {
        Some(module) => format!("{module}!{name}"),
        None => name.to_owned(),
    };
    let place = match (&frame.filename, frame.lineno) {
        (Some(file), Some(line)) => format!(" {file}:{line}"),
        (Some(file), None) => format!(" {file}"),
        (None, _) => String::new(),
    };
    let package = frame
        .package
        .as_deref()
        .map(|package| format!(" ({package})"));
    format!("{name}{place}{}", package.unwrap_or_default())
}

/// Every piece of a real text, cut anywhere and with any one byte changed, is read without a panic.
pub(super) fn any_bytes(find: fn(&Text<'_>, &mut Vec<Trace>), text: &str) {
    let read = |bytes: &[u8]| find(&Text::new(&String::from_utf8_lossy(bytes)), &mut Vec::new());
    let mut bytes = text.as_bytes().to_vec();
    for at in 0..bytes.len() {
        read(&bytes[..at]);
        read(&bytes[at..]);
        for changed in *b"\0 \n:9'().@\xff" {
            let before = std::mem::replace(&mut bytes[at], changed);
            read(&bytes);
            bytes[at] = before;
        }
    }
}
