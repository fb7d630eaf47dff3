//! One event of version 1 → [`OldEvent`]. What is odd in it becomes a flaw, never a refusal.

use serde_json::{Value, json};

use super::{Index, OldIssue};
use crate::event::{Event, EventId, EventKind, Flaw, Level, Object};
use crate::group::LegacyFingerprint;
use crate::time::Timestamp;

/// Lists and objects within each other that are kept as such: what is deeper is kept as the text of its JSON.
const DEPTH_MAX: usize = 64;

/// An event as version 1 had it, in the shape of this version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OldEvent {
    pub(crate) event: Event,
    pub(crate) kind: OldKind,
    /// Of its message, before anything is scrubbed.
    pub(crate) fingerprint: LegacyFingerprint,
    /// How the title of an issue begins that this event founded.
    pub(crate) title: String,
}

/// What version 1 used an event for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldKind {
    /// One that belongs to an issue.
    Event,
    /// What was kept outside of issues.
    Other(EventKind),
}

impl OldKind {
    /// Version 1 had two numbers for what is no issue, and said in a tag what it is.
    fn of(number: Option<i64>, event: &Event) -> Self {
        match number {
            Some(-1) => Self::Other(EventKind::Report),
            Some(0) => {
                let kinds = [EventKind::Wrap, EventKind::Autolog, EventKind::Report];
                let mut kinds = kinds.into_iter();
                let tagged = kinds.find(|kind| event.tags.contains_key(kind.name()));
                Self::Other(tagged.unwrap_or(EventKind::Note))
            }
            _ => Self::Event,
        }
    }
}

impl OldEvent {
    /// Gives it the id that its content has.
    pub(super) fn renew_id(&mut self, content: EventId) {
        let flaw = "another event of version 1 has this id";
        let id = self.event.event_id.to_string();
        self.event.flaws.push(flawed("event_id", flaw, id.into()));
        self.event.event_id = content;
    }
}

/// An id that the same content always gets.
pub(crate) fn id_of(what: &str, content: &[u8]) -> EventId {
    let mut hasher = blake3::Hasher::new_derive_key("crashvault v1 import");
    hasher.update(&(what.len() as u64).to_le_bytes());
    hasher.update(what.as_bytes());
    hasher.update(content);
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    EventId::from_bytes(id)
}

/// A word of version 1 as a pair, as `add --tag` takes it.
pub(super) fn tag(word: &str) -> Option<(String, String)> {
    match word.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Some((key.trim().into(), value.into())),
        _ if word.trim().is_empty() => None,
        _ => Some((word.trim().into(), "true".into())),
    }
}

/// Any JSON as a text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `day` is when the file was written.
pub(super) fn read(
    fields: Object,
    content: EventId,
    day: Option<Timestamp>,
    index: &Index,
    issues: &[OldIssue],
) -> OldEvent {
    let mut fields = Fields {
        map: fields,
        event: Event::new(),
    };
    fields.event.platform = "other".into();
    fields.event.event_id = fields.id().unwrap_or(content);
    let number = fields.number("issue_id");
    let (message, is_text) = fields.message();
    fields.event.level = fields.level();
    fields.tags();
    fields.surroundings();
    let kind = OldKind::of(number, &fields.event);
    let fingerprint = match index.place(number) {
        // Words that are none name no issue; the number does.
        Some(place) if !is_text => issues[place].fingerprint,
        _ => LegacyFingerprint::of(&message),
    };
    let created_at = || {
        issues
            .get(*index.by_fingerprint.get(&fingerprint)?)?
            .created_at
    };
    let time = fields.time();
    fields.event.timestamp = time.or(day).or_else(created_at);
    fields.finish(number, kind, fingerprint);
    let title = message.chars().take(80).collect();
    fields.event.message = Some(message);
    OldEvent {
        event: fields.event,
        kind,
        fingerprint,
        title,
    }
}

impl Index {
    /// The only issue that has this number.
    fn place(&self, number: Option<i64>) -> Option<usize> {
        *self.by_number.get(&number?)?
    }
}

/// One event being read: what is understood moves from the map into the event.
struct Fields {
    map: Object,
    event: Event,
}

impl Fields {
    fn flaw(&mut self, field: &str, reason: &str, value: Value) {
        self.event.flaws.push(flawed(field, reason, value));
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    fn id(&mut self) -> Option<EventId> {
        let value = self.map.remove("event_id").unwrap_or_default();
        let id = value.as_str().and_then(|text| text.parse().ok());
        let id = id.filter(|id: &EventId| !id.is_nil());
        if id.is_none() {
            self.flaw("event_id", "expected a UUID", value);
        }
        id
    }

    fn number(&mut self, key: &str) -> Option<i64> {
        let value = self.map.remove(key).unwrap_or_default();
        let number = value.as_i64();
        if number.is_none() {
            self.flaw(key, "expected a whole number", value);
        }
        number
    }

    /// And whether it was a text.
    fn message(&mut self) -> (String, bool) {
        match self.map.remove("message").unwrap_or_default() {
            Value::String(text) => (text, true),
            other => {
                let text = text_of(&other);
                self.flaw("message", "expected a text", other);
                (text, false)
            }
        }
    }

    fn level(&mut self) -> Level {
        let value = self.map.remove("level").unwrap_or_default();
        let level = value.as_str().and_then(Level::from_name);
        level.unwrap_or_else(|| {
            let reason = "expected debug, info, warning, error or critical";
            self.flaw("level", reason, value);
            Level::Error
        })
    }

    fn time(&mut self) -> Option<Timestamp> {
        let value = self.map.remove("timestamp").unwrap_or_default();
        let time = value.as_str().and_then(Timestamp::parse);
        if time.is_none() {
            self.flaw("timestamp", "expected a time", value);
        }
        time
    }

    fn tags(&mut self) {
        let words = match self.take("tags") {
            None => return,
            Some(Value::Array(words)) => words,
            Some(word @ Value::String(_)) => vec![word],
            Some(other) => return self.flaw("tags", "expected a list", other),
        };
        for word in words {
            let text = match &word {
                Value::String(text) => Some(text.clone()),
                Value::Number(_) | Value::Bool(_) => Some(word.to_string()),
                _ => None,
            };
            match text.as_deref().and_then(tag) {
                Some((key, value)) => drop(self.event.tags.insert(key, value)),
                None => self.flaw("tags", "expected a word", word),
            }
        }
    }

    /// Stack, context, machine and process, as `add` keeps them.
    fn surroundings(&mut self) {
        match self.take("stacktrace") {
            None => {}
            Some(Value::String(stack)) if stack.is_empty() => {}
            Some(Value::String(stack)) => self.event.set_own("stack", stack),
            Some(other) => {
                self.event.set_own("stack", other.to_string());
                self.flaw("stacktrace", "expected a text", other);
            }
        }
        match self.take("context") {
            None => {}
            Some(Value::Object(context)) => {
                let bounded = context
                    .into_iter()
                    .map(|(key, value)| (key, bounded(value)));
                self.event.extra = bounded.collect();
            }
            Some(other) => {
                self.event
                    .extra
                    .insert("context".into(), bounded(other.clone()));
                self.flaw("context", "expected an object", other);
            }
        }
        match self.take("host") {
            None => {}
            Some(Value::String(host)) => {
                self.event.server_name = Some(host).filter(|h| !h.is_empty())
            }
            Some(other) => self.flaw("host", "expected a text", other),
        }
        match self.take("pid") {
            None => {}
            // What came over the network had none.
            Some(pid) if pid.as_u64() == Some(0) => {}
            Some(pid) if pid.is_u64() => {
                self.event
                    .contexts
                    .insert("process".into(), json!({ "pid": pid }));
            }
            Some(other) => self.flaw("pid", "expected a whole number", other),
        }
    }

    /// What version 1 called it, and what else stood there.
    fn finish(&mut self, number: Option<i64>, kind: OldKind, fingerprint: LegacyFingerprint) {
        let mut own = Object::new();
        if let Some(number) = number {
            own.insert("issue_id".into(), number.into());
        }
        match kind {
            OldKind::Event => {
                own.insert("fingerprint".into(), fingerprint.to_string().into());
            }
            OldKind::Other(kind) => {
                self.event.set_kind(kind);
                // What a person wrote is an issue of its own anyway; the rest must not meet events of issues.
                if !kind.is_written() {
                    self.event.fingerprint = vec![kind.name().into(), "{{ default }}".into()];
                }
            }
        }
        let rest = std::mem::take(&mut self.map);
        if !rest.is_empty() {
            own.insert("other".into(), bounded(Value::Object(rest)));
        }
        self.event.set_own("v1", own);
    }
}

fn flawed(field: &str, reason: &str, value: Value) -> Flaw {
    Flaw {
        value: (!value.is_null()).then(|| bounded(value)),
        ..Flaw::new(field, reason)
    }
}

/// A value that can be written within others and read again.
fn bounded(value: Value) -> Value {
    at_depth(value, 0)
}

fn at_depth(value: Value, depth: usize) -> Value {
    match value {
        Value::Array(_) | Value::Object(_) if depth == DEPTH_MAX => value.to_string().into(),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| at_depth(item, depth + 1));
            items.collect()
        }
        Value::Object(fields) => {
            let fields = fields.into_iter();
            let fields = fields.map(|(key, value)| (key, at_depth(value, depth + 1)));
            Value::Object(fields.collect())
        }
        other => other,
    }
}
