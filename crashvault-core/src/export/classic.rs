//! Issues and events in the words of Crashvault 1, for the tools that read its JSON and CSV.

use serde_json::{Map, Value};

use crate::error::{ErrorKind, Result};
use crate::event::{Event, EventId, Exception, Frame, Level, Stacktrace};
use crate::issue::{Issue, IssueRef, Status};
use crate::store::{Store, StoredEvent};

/// The issue with that number; `None` for one without events, which is not shown.
pub(super) fn issue(store: &dyn Store, number: u64) -> Result<Option<Issue>> {
    match store.issue(&IssueRef::Number(number)) {
        // One that was merged is told with the issue it is part of.
        Ok(issue) => Ok((issue.number == number).then_some(issue)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of a level: fatal was critical.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Fatal => "critical",
        level => level.name(),
    }
}

/// Tags were words: `word` for `word=true`, `key=value` for any other.
pub(super) fn words<'t>(tags: impl IntoIterator<Item = (&'t String, &'t String)>) -> Vec<String> {
    let words = tags.into_iter().map(|(key, value)| match value.as_str() {
        "true" => key.clone(),
        value => format!("{key}={value}"),
    });
    words.collect()
}

/// Eight hex digits that stand for the issue. v1's were a hash of the message; ours of what groups it.
pub(super) fn fingerprint(issue: &Issue) -> String {
    issue.id.to_string().chars().take(8).collect()
}

pub(super) fn resolved_at(issue: &Issue) -> Option<String> {
    let since = issue
        .state
        .since
        .filter(|_| issue.status == Status::Resolved);
    since.map(|time| time.to_string())
}

/// An id with its hyphens.
pub(super) fn uuid(id: EventId) -> String {
    let digits = id.to_string();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts = parts.map(|part| digits.get(part).unwrap_or_default());
    parts.join("-")
}

pub(super) fn message(event: &Event) -> String {
    match event.message_text() {
        Some(text) if event.exceptions.is_empty() => text.to_owned(),
        _ => event.title(),
    }
}

pub(super) fn time(stored: &StoredEvent) -> String {
    let time = stored.event.timestamp.unwrap_or(stored.received_at);
    time.to_string()
}

/// Free data, else nothing.
pub(super) fn context(event: &Event) -> Value {
    Value::Object(event.extra.clone())
}

pub(super) fn pid(event: &Event) -> u64 {
    let process = event.contexts.get("process").and_then(Value::as_object);
    let pid = process.and_then(|process: &Map<String, Value>| process.get("pid"));
    pid.and_then(Value::as_u64).unwrap_or(0)
}

/// The stack as it was given, else as text: each exception, the innermost call first.
pub(super) fn stack(event: &Event) -> String {
    let own = event.contexts.get("crashvault");
    if let Some(text) = own.and_then(|own| own.get("stack")).and_then(Value::as_str) {
        return text.to_owned();
    }
    let mut text = String::new();
    for (index, exception) in event.exceptions.iter().rev().enumerate() {
        text.push_str(relation(index, exception));
        text.push_str(&headline(exception));
        text.push('\n');
        if let Some(trace) = &exception.stacktrace {
            put_calls(&mut text, trace);
        }
    }
    if event.exceptions.is_empty()
        && let Some(trace) = event.stacktraces().next()
    {
        put_calls(&mut text, trace);
    }
    text.trim_end().to_owned()
}

/// What an exception is to the one above it; the first is what was thrown.
pub(super) fn relation(index: usize, exception: &Exception) -> &'static str {
    match index {
        0 => "",
        _ if exception.is_suppressed() => "suppressed ",
        _ => "caused by ",
    }
}

pub(super) fn headline(exception: &Exception) -> String {
    let ty = exception.ty.as_deref().unwrap_or_default();
    let value = exception.value.as_deref().unwrap_or_default();
    match (ty, value) {
        ("", value) => value.to_owned(),
        (ty, "") => ty.to_owned(),
        (ty, value) => format!("{ty}: {value}"),
    }
}

fn put_calls(text: &mut String, trace: &Stacktrace) {
    for frame in trace.frames.iter().rev() {
        text.push_str("    at ");
        text.push_str(&Frame::to_string(frame));
        text.push('\n');
    }
}
