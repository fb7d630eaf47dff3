//! [`Event`] → JSON in one canonical form: lists under `values`, times as RFC 3339, ids without hyphens, keys in order.
//!
//! A tree that borrows from the event is made first and then serialized: every stored event passes here, and copying
//! it into JSON values took half of the time of storing it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use super::model::*;

impl Event {
    /// The event as a JSON event payload. Reading it again gives an equal event.
    pub fn to_value(&self) -> Value {
        // A tree always serializes: its keys are texts and its numbers are finite.
        serde_json::to_value(self.tree(Stacks::Within)).unwrap_or_default()
    }

    /// The event as JSON text.
    pub fn to_json(&self) -> Vec<u8> {
        self.json(Stacks::Within)
    }

    pub(super) fn json(&self, stacks: Stacks) -> Vec<u8> {
        // As above.
        serde_json::to_vec(&self.tree(stacks)).unwrap_or_default()
    }

    fn tree(&self, stacks: Stacks) -> Node<'_> {
        object(&self.other, |put| {
            if !self.event_id.is_nil() {
                put.value("event_id", self.event_id.to_string());
            }
            put.optional("timestamp", self.timestamp.map(|t| t.to_string()));
            put.value("level", self.level.name());
            put.value("platform", self.platform.as_str());
            put.optional("message", self.message.as_deref());
            put.optional("logentry", self.logentry.as_ref().map(logentry));
            put.values("exception", &self.exceptions, |e| exception(e, stacks));
            put.values("threads", &self.threads, |t| thread(t, stacks));
            put.values("breadcrumbs", &self.breadcrumbs, breadcrumb);
            if !self.tags.is_empty() {
                put.value("tags", Node::Tags(&self.tags));
            }
            put.object("extra", &self.extra);
            put.optional("user", self.user.as_ref().map(user));
            put.optional("request", self.request.as_ref().map(Node::Object));
            put.optional("transaction", self.transaction.as_deref());
            put.optional("release", self.release.as_deref());
            put.optional("environment", self.environment.as_deref());
            put.optional("dist", self.dist.as_deref());
            put.optional("server_name", self.server_name.as_deref());
            put.optional("logger", self.logger.as_deref());
            put.texts("fingerprint", &self.fingerprint);
            put.optional("sdk", self.sdk.as_ref().map(Node::Object));
            put.optional("contexts", self.contexts());
            put.optional("debug_meta", self.debug_meta());
        })
    }

    /// The images, among what else the payload said of them; nothing if that has another shape.
    fn debug_meta(&self) -> Option<Node<'_>> {
        if self.images.is_empty() {
            return None;
        }
        let others = beside(self.other.get("debug_meta"))?;
        Some(object(others, |put| {
            put.list("images", &self.images, image)
        }))
    }

    /// The contexts, with the flaws in our own.
    fn contexts(&self) -> Option<Node<'_>> {
        let contexts = match self.contexts.is_empty() {
            true => beside(self.other.get("contexts"))?,
            false => &self.contexts,
        };
        let own = match self.flaws.is_empty() {
            true => None,
            false => beside(contexts.get("crashvault")),
        };
        match own {
            Some(own) => Some(object(contexts, |put| {
                let own = object(own, |put| put.list("flaws", &self.flaws, flaw));
                put.value("crashvault", own);
            })),
            None => (!contexts.is_empty()).then_some(Node::Object(contexts)),
        }
    }
}

/// Where the frames that events share are written.
#[cfg_attr(
    not(feature = "store"),
    expect(dead_code, reason = "only a store keeps frames apart")
)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stacks {
    /// In their places.
    Within,
    /// Not here.
    Apart,
}

/// What events share of these frames, as a JSON list.
#[cfg_attr(
    not(feature = "store"),
    expect(dead_code, reason = "only a store keeps frames apart")
)]
pub(super) fn shared_frames(frames: &[Frame]) -> Vec<u8> {
    let frames = Node::List(
        frames
            .iter()
            .map(|f| object(&EMPTY, |put| shared_of_frame(f, put)))
            .collect(),
    );
    // As in `to_value`.
    serde_json::to_vec(&frames).unwrap_or_default()
}

static EMPTY: LazyLock<Object> = LazyLock::new(Object::new);

/// The object to add to: what is there, an empty one if nothing is, none if it is no object.
fn beside(found: Option<&Value>) -> Option<&Object> {
    match found {
        None => Some(&EMPTY),
        Some(found) => found.as_object(),
    }
}

/// A part of the JSON text, borrowed from the event where it can be.
enum Node<'e> {
    Text(&'e str),
    Made(String),
    Number(u64),
    Bool(bool),
    Value(&'e Value),
    Object(&'e Object),
    Tags(&'e BTreeMap<String, String>),
    Texts(&'e [String]),
    List(Vec<Node<'e>>),
    Fields(Fields<'e>),
}

/// What the event names, and beside it what it does not; the named ones win.
struct Fields<'e> {
    others: &'e Object,
    named: Vec<(&'static str, Node<'e>)>,
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Made(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Value(value) => value.serialize(serializer),
            Self::Object(object) => object.serialize(serializer),
            Self::Tags(tags) => serializer.collect_map(tags.iter()),
            Self::Texts(texts) => serializer.collect_seq(texts.iter()),
            Self::List(items) => serializer.collect_seq(items),
            Self::Fields(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for Fields<'_> {
    /// Merges two lists in the order of their keys. (A program that links us may have told serde_json to keep objects
    /// in the order of insertion: then the order is another one, but still no key comes twice.)
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_unnamed = |key: &str| self.named.binary_search_by_key(&key, |(k, _)| k).is_err();
        let mut others = self
            .others
            .iter()
            .filter(|(key, _)| is_unnamed(key))
            .peekable();
        let mut map = serializer.serialize_map(None)?;
        for (key, node) in &self.named {
            while let Some((other, value)) = others.next_if(|(other, _)| other.as_str() < *key) {
                map.serialize_entry(other, value)?;
            }
            map.serialize_entry(key, node)?;
        }
        for (other, value) in others {
            map.serialize_entry(other, value)?;
        }
        map.end()
    }
}

impl<'e> From<&'e str> for Node<'e> {
    fn from(text: &'e str) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Node<'_> {
    fn from(text: String) -> Self {
        Self::Made(text)
    }
}

impl From<u64> for Node<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Node<'_> {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl<'e> From<&'e Value> for Node<'e> {
    fn from(value: &'e Value) -> Self {
        Self::Value(value)
    }
}

struct Put<'p, 'e>(&'p mut Vec<(&'static str, Node<'e>)>);

impl<'e> Put<'_, 'e> {
    fn value(&mut self, key: &'static str, value: impl Into<Node<'e>>) {
        self.0.push((key, value.into()));
    }

    fn optional(&mut self, key: &'static str, value: Option<impl Into<Node<'e>>>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    fn object(&mut self, key: &'static str, map: &'e Object) {
        if !map.is_empty() {
            self.value(key, Node::Object(map));
        }
    }

    fn texts(&mut self, key: &'static str, texts: &'e [String]) {
        if !texts.is_empty() {
            self.value(key, Node::Texts(texts));
        }
    }

    fn list<T>(&mut self, key: &'static str, items: &'e [T], write: impl Fn(&'e T) -> Node<'e>) {
        self.value(key, Node::List(items.iter().map(write).collect()));
    }

    fn values<T>(&mut self, key: &'static str, items: &'e [T], write: impl Fn(&'e T) -> Node<'e>) {
        if !items.is_empty() {
            self.value(key, object(&EMPTY, |put| put.list("values", items, write)));
        }
    }
}

fn object<'e>(others: &'e Object, fill: impl FnOnce(&mut Put<'_, 'e>)) -> Node<'e> {
    let mut named = Vec::with_capacity(8);
    fill(&mut Put(&mut named));
    named.sort_unstable_by_key(|(key, _)| *key);
    Node::Fields(Fields { others, named })
}

fn logentry(entry: &LogEntry) -> Node<'_> {
    object(&entry.other, |put| {
        put.optional("message", entry.message.as_deref());
        put.optional("formatted", entry.formatted.as_deref());
        put.optional("params", entry.params.as_ref());
    })
}

fn exception(exception: &Exception, stacks: Stacks) -> Node<'_> {
    object(&exception.other, |put| {
        put.optional("type", exception.ty.as_deref());
        put.optional("value", exception.value.as_deref());
        put.optional("module", exception.module.as_deref());
        put.optional("thread_id", exception.thread_id.as_deref());
        put.optional("mechanism", exception.mechanism.as_ref().map(mechanism));
        let trace = exception.stacktrace.as_ref();
        put.optional("stacktrace", trace.map(|trace| stacktrace(trace, stacks)));
    })
}

fn mechanism(mechanism: &Mechanism) -> Node<'_> {
    object(&mechanism.other, |put| {
        put.optional("type", mechanism.ty.as_deref());
        put.optional("handled", mechanism.handled);
    })
}

fn stacktrace(trace: &Stacktrace, stacks: Stacks) -> Node<'_> {
    let has_own = |frame: &Frame| frame.instruction_addr.is_some() || !frame.other.is_empty();
    object(&trace.other, |put| match stacks {
        Stacks::Within => put.list("frames", &trace.frames, frame),
        Stacks::Apart if trace.frames.iter().any(has_own) => {
            put.list("frames", &trace.frames, |frame| {
                object(&frame.other, |put| own_of_frame(frame, put))
            });
        }
        Stacks::Apart => {}
    })
}

fn frame(frame: &Frame) -> Node<'_> {
    object(&frame.other, |put| {
        shared_of_frame(frame, put);
        own_of_frame(frame, put);
    })
}

fn shared_of_frame<'e>(frame: &'e Frame, put: &mut Put<'_, 'e>) {
    put.optional("function", frame.function.as_deref());
    put.optional("module", frame.module.as_deref());
    put.optional("filename", frame.filename.as_deref());
    put.optional("abs_path", frame.abs_path.as_deref());
    put.optional("lineno", frame.lineno);
    put.optional("colno", frame.colno);
    put.optional("context_line", frame.context_line.as_deref());
    put.texts("pre_context", &frame.pre_context);
    put.texts("post_context", &frame.post_context);
    put.optional("in_app", frame.in_app);
    put.optional("package", frame.package.as_deref());
}

/// What differs from event to event although the frame is the same.
fn own_of_frame<'e>(frame: &'e Frame, put: &mut Put<'_, 'e>) {
    put.optional("instruction_addr", frame.instruction_addr.map(hex));
}

fn thread(thread: &Thread, stacks: Stacks) -> Node<'_> {
    object(&thread.other, |put| {
        put.optional("id", thread.id.as_deref());
        put.optional("name", thread.name.as_deref());
        put.optional("current", thread.current);
        put.optional("crashed", thread.crashed);
        let trace = thread.stacktrace.as_ref();
        put.optional("stacktrace", trace.map(|trace| stacktrace(trace, stacks)));
    })
}

fn breadcrumb(crumb: &Breadcrumb) -> Node<'_> {
    object(&crumb.other, |put| {
        put.optional("timestamp", crumb.timestamp.map(|t| t.to_string()));
        put.optional("type", crumb.ty.as_deref());
        put.optional("category", crumb.category.as_deref());
        put.optional("level", crumb.level.map(Level::name));
        put.optional("message", crumb.message.as_deref());
        put.object("data", &crumb.data);
    })
}

fn user(user: &User) -> Node<'_> {
    object(&user.other, |put| {
        put.optional("id", user.id.as_deref());
        put.optional("email", user.email.as_deref());
        put.optional("username", user.username.as_deref());
        put.optional("ip_address", user.ip_address.as_deref());
    })
}

fn image(image: &Image) -> Node<'_> {
    object(&image.other, |put| {
        put.optional("type", image.ty.as_deref());
        put.optional("code_file", image.code_file.as_deref());
        put.optional("code_id", image.code_id.as_deref());
        put.optional("image_addr", image.image_addr.map(hex));
        put.optional("image_size", image.image_size);
    })
}

fn flaw(flaw: &Flaw) -> Node<'_> {
    object(&EMPTY, |put| {
        put.value("field", flaw.field.as_str());
        put.value("reason", flaw.reason.as_str());
        put.optional("value", flaw.value.as_ref());
    })
}

fn hex(address: u64) -> String {
    format!("{address:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &Event, expected: &str) {
        let text = String::from_utf8(event.to_json()).unwrap();
        assert_eq!(text, expected);
        assert_eq!(event.to_value().to_string(), expected);
    }

    fn event_beside(others: Value) -> Event {
        let mut event = Event::new();
        event.other = others.as_object().cloned().unwrap();
        event
    }

    #[test]
    fn keys_are_in_order_and_the_named_ones_win() {
        check(
            &event_beside(serde_json::json!({"zone": 1, "level": "odd", "art": [2], "message": 3})),
            r#"{"art":[2],"level":"error","message":3,"platform":"native","zone":1}"#,
        );
    }

    #[test]
    fn images_stand_among_what_else_debug_meta_says() {
        let mut event = event_beside(serde_json::json!({"debug_meta": {"sdk_info": 1}}));
        event.images.push(Image::default());
        check(
            &event,
            r#"{"debug_meta":{"images":[{}],"sdk_info":1},"level":"error","platform":"native"}"#,
        );
    }

    #[test]
    fn flaws_stand_in_our_own_context() {
        let mut event = Event::new();
        event.set_own("project", "shop");
        event.flaws.push(Flaw::new("f", "r"));
        check(
            &event,
            r#"{"contexts":{"crashvault":{"flaws":[{"field":"f","reason":"r"}],"project":"shop"}},"level":"error","platform":"native"}"#,
        );
    }

    #[test]
    fn what_has_another_shape_is_left_alone() {
        let mut event = event_beside(serde_json::json!({"contexts": 5, "debug_meta": 6}));
        event.images.push(Image::default());
        event.flaws.push(Flaw::new("f", "r"));
        check(
            &event,
            r#"{"contexts":5,"debug_meta":6,"level":"error","platform":"native"}"#,
        );
    }
}
