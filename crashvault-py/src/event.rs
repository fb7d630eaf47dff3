//! Events as dicts in the shape of Sentry's payload, both ways, and what the vault knows about them besides.

use crashvault::Event;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;

use crate::issue::Doubt;
use crate::record::{Json, Moment, Rows, from_object, mirror, record, to_object};

/// An event as a dict.
pub struct Payload(pub Event);

impl<'py> IntoPyObject<'py> for Payload {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        to_object(py, &self.0.to_value())
    }
}

impl<'py> FromPyObject<'_, 'py> for Payload {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if !object.is_instance_of::<PyDict>() {
            return Err(PyTypeError::new_err(
                "an event is a dict in the shape of Sentry's payload",
            ));
        }
        match from_object(&object, "event")? {
            Value::Object(map) => Ok(Self(Event::from_object(map))),
            _ => Err(PyTypeError::new_err("an event is a dict")),
        }
    }
}

record! {
    /// An event that a search found.
    StoredEvent(id, issue_number, title) {
        /// 32 hex digits.
        id: String,
        /// The id of the issue it belongs to.
        issue: String,
        /// That issue's number.
        issue_number: u64,
        /// When it happened; where it does not say, when the vault got it.
        time: Moment,
        /// When the vault got it.
        received_at: Moment,
        /// ``debug``, ``info``, ``warning``, ``error`` or ``fatal``.
        level: &'static str,
        /// Its first line.
        title: String,
        /// The key of the variant it was found to be, 32 hex digits.
        variant: String,
        /// Its place in the order in which events came in, for ``Vault.follow``.
        ingest_sequence: u64,
        /// The event in the shape of Sentry's payload: a dict, made anew whenever it is asked for.
        payload: Json,
    }
}

impl From<crashvault::StoredEvent> for StoredEvent {
    fn from(stored: crashvault::StoredEvent) -> Self {
        let event = &stored.event;
        Self {
            id: event.event_id.to_string(),
            issue: stored.issue.to_string(),
            issue_number: stored.issue_number,
            time: event.timestamp.unwrap_or(stored.received_at).into(),
            received_at: stored.received_at.into(),
            level: event.level.name(),
            title: event.title(),
            variant: stored.variant.to_string(),
            ingest_sequence: stored.ingest_sequence,
            payload: event.to_value().into(),
        }
    }
}

record! {
    /// A page of events; it can be iterated, indexed and measured like its ``events``.
    EventsFound(events, next) {
        /// The events, newest first.
        events: Rows<StoredEvent>,
        /// Where the next page begins, for ``after=``; ``None`` if this is the last one.
        next: Option<String>,
        /// Where nothing was found: keys that were taken for tags and are nearly the name of something else.
        doubts: Rows<Doubt>,
    }
    with {
        fn __len__(&self) -> usize {
            self.events.0.len()
        }

        fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
            self.events.get(index)
        }

        fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            self.events.iterator(py)
        }
    }
}

impl From<crashvault::EventsFound> for EventsFound {
    fn from(found: crashvault::EventsFound) -> Self {
        Self {
            events: Rows::of(found.events),
            next: found.next.map(|cursor| cursor.to_string()),
            doubts: Rows::of(found.doubts),
        }
    }
}

mirror! {
    /// Events that came in, and how far was read.
    Followed(events, reached) of crashvault::Followed {
        /// The events that fit, in the order they came in.
        events: Rows<StoredEvent>,
        /// The ingest sequence up to which all was looked at, for the next ``Vault.follow``.
        reached: u64,
    }
}

record! {
    /// What became of an event that was added.
    Added(event_id, issue_number) {
        /// The event's id, 32 hex digits.
        event_id: String,
        /// The number of the issue it belongs to.
        issue_number: u64,
        /// Whether it is the issue's first.
        is_new_issue: bool,
        /// Whether the vault had this id already; then nothing changed.
        is_known: bool,
        /// Whether it opened an issue again that was resolved.
        is_regression: bool,
    }
}

impl From<crashvault::Added> for Added {
    fn from(added: crashvault::Added) -> Self {
        Self {
            event_id: added.event_id.to_string(),
            issue_number: added.issue_number,
            is_new_issue: added.is_new_issue,
            is_known: added.is_known,
            is_regression: added.is_regression,
        }
    }
}

record! {
    /// A file that belongs to an event. ``Vault.read_attachment`` gives its content.
    Attachment(name, size_bytes) {
        /// The record's own number.
        id: u64,
        /// The event's id.
        event: String,
        /// What the sender calls it: to be shown, never to be taken for a path.
        name: String,
        /// The kind of its content, such as ``text/plain``, as the sender says.
        content_type: Option<String>,
        /// What it is for, in Sentry's words, such as ``event.attachment``.
        kind: String,
        /// BLAKE3 of its content, 64 hex digits.
        hash: String,
        /// Bytes of its content.
        size_bytes: u64,
        /// When the vault got it.
        added_at: Moment,
    }
}

impl From<crashvault::Attachment> for Attachment {
    fn from(attachment: crashvault::Attachment) -> Self {
        Self {
            id: attachment.id,
            event: attachment.event.to_string(),
            hash: attachment.hash_hex(),
            name: attachment.name,
            content_type: attachment.content_type,
            kind: attachment.kind,
            size_bytes: attachment.size_bytes,
            added_at: attachment.added_at.into(),
        }
    }
}
