//! What of an event can be searched: its values by key, its texts, its frames.
//!
//! The one list of attributes, for every store: the same event is found by the same words whichever store keeps it.

use std::borrow::Cow;

use serde_json::Value;

use super::condition::{FrameField, Key};
use crate::event::limits::{CUT_MARK, TAG_VALUE_BYTES_MAX};
use crate::event::{Event, Frame, User};

/// Attributes by the names that queries use, and whether their words are found by a search for plain words.
pub(crate) const ATTRIBUTES: [(&str, bool); 21] = [
    ("dist", true),
    ("environment", true),
    ("error.handled", false),
    ("error.mechanism", false),
    ("error.type", true),
    ("http.method", false),
    ("level", false),
    ("logger", true),
    ("os.name", false),
    ("platform", false),
    ("release", true),
    ("runtime.name", false),
    ("sdk.name", false),
    ("server", true),
    ("trace", false),
    ("transaction", true),
    ("url", false),
    ("user.email", true),
    ("user.id", true),
    ("user.ip", false),
    ("user.username", true),
];

/// The attribute that says which trace an event belongs to; found by its whole text alone.
pub(crate) const TRACE: &str = "trace";
/// The attributes that say who was affected; an event's user is counted by the first of them that it has.
pub(crate) const USER: [&str; 4] = ["user.id", "user.email", "user.username", "user.ip"];

/// Values of one event; what passes it is not found by value.
const VALUES_MAX: usize = 250;
/// Bytes of an event's messages, and of its breadcrumbs, that are read as words.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
const BREADCRUMB_BYTES_MAX: usize = 32 * 1024;

/// The name of an attribute as the list has it.
pub(crate) fn attribute(name: &str) -> Option<&'static str> {
    let found = ATTRIBUTES.iter().find(|(known, _)| *known == name);
    found.map(|(known, _)| *known)
}

/// Whether plain words look into the values of this key. Tags always, attributes as listed.
pub(crate) fn is_readable(fact: Fact<'_>) -> bool {
    let listed = || {
        ATTRIBUTES
            .iter()
            .any(|(known, is_readable)| *known == fact.name && *is_readable)
    };
    fact.is_tag || listed()
}

/// Whether values of this key have names in the store, so that they are found by a part of their text.
pub(crate) fn is_named(fact: Fact<'_>) -> bool {
    fact.is_tag || fact.name != TRACE
}

/// Whether an issue's values of this key are counted. Of what says who was affected, only the user is ([`user`]).
pub(crate) fn is_counted(fact: Fact<'_>) -> bool {
    is_named(fact) && (fact.is_tag || !USER.contains(&fact.name))
}

/// The value that an event's user is counted by.
pub(crate) fn user(event: &Event) -> Option<(Fact<'_>, Cow<'_, str>)> {
    let mut values = user_values(event.user.as_ref()?);
    let (name, value) = values.find_map(|(name, value)| Some((name, value?)))?;
    Some((
        Fact {
            is_tag: false,
            name,
        },
        cut(value),
    ))
}

fn user_values(user: &User) -> impl Iterator<Item = (&'static str, Option<&str>)> {
    let values = [&user.id, &user.email, &user.username, &user.ip_address];
    USER.into_iter().zip(values.map(Option::as_deref))
}

/// One value of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fact<'e> {
    /// Whether `name` is a tag's key; else it is an attribute.
    pub(crate) is_tag: bool,
    /// The key.
    pub(crate) name: &'e str,
}

impl Fact<'_> {
    pub(crate) fn key(self) -> Key {
        match self.is_tag {
            true => Key::Tag(self.name.to_owned()),
            false => Key::Attribute(self.name.to_owned()),
        }
    }
}

/// The values of an event, each pair once, cut to [`TAG_VALUE_BYTES_MAX`].
pub(crate) fn values(event: &Event) -> Vec<(Fact<'_>, Cow<'_, str>)> {
    let mut found = Found(Vec::with_capacity(24));
    found.fields(event);
    found.errors(event);
    found.user(event.user.as_ref());
    found.surroundings(event);
    for (key, value) in &event.tags {
        found.put(true, key, value.as_str());
    }
    found.0
}

struct Found<'e>(Vec<(Fact<'e>, Cow<'e, str>)>);

impl<'e> Found<'e> {
    fn put(&mut self, is_tag: bool, name: &'e str, value: &'e str) {
        let pair = (Fact { is_tag, name }, cut(value));
        if self.0.len() < VALUES_MAX && !self.0.contains(&pair) {
            self.0.push(pair);
        }
    }

    fn attribute(&mut self, name: &'static str, value: Option<&'e str>) {
        if let Some(value) = value {
            self.put(false, name, value);
        }
    }

    fn fields(&mut self, event: &'e Event) {
        self.attribute("level", Some(event.level.name()));
        self.attribute("platform", Some(&event.platform));
        self.attribute("release", event.release.as_deref());
        self.attribute("environment", event.environment.as_deref());
        self.attribute("dist", event.dist.as_deref());
        self.attribute("server", event.server_name.as_deref());
        self.attribute("transaction", event.transaction.as_deref());
        self.attribute("logger", event.logger.as_deref());
    }

    fn errors(&mut self, event: &'e Event) {
        for exception in &event.exceptions {
            self.attribute("error.type", exception.ty.as_deref());
        }
        let mechanism = event.primary_exception().and_then(|e| e.mechanism.as_ref());
        if let Some(mechanism) = mechanism {
            self.attribute("error.mechanism", mechanism.ty.as_deref());
            let handled = mechanism
                .handled
                .map(|handled| if handled { "true" } else { "false" });
            self.attribute("error.handled", handled);
        }
    }

    fn user(&mut self, user: Option<&'e User>) {
        for (name, value) in user.into_iter().flat_map(user_values) {
            self.attribute(name, value);
        }
    }

    fn surroundings(&mut self, event: &'e Event) {
        let context = |name: &str, key: &str| event.contexts.get(name)?.get(key)?.as_str();
        self.attribute("trace", context("trace", "trace_id"));
        self.attribute("os.name", context("os", "name"));
        self.attribute("runtime.name", context("runtime", "name"));
        let text = |object: Option<&'e crate::event::Object>, key: &str| object?.get(key)?.as_str();
        self.attribute("sdk.name", text(event.sdk.as_ref(), "name"));
        self.attribute("http.method", text(event.request.as_ref(), "method"));
        self.attribute("url", text(event.request.as_ref(), "url"));
    }
}

/// At most [`TAG_VALUE_BYTES_MAX`] of a value, with a mark if something was cut.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= TAG_VALUE_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(TAG_VALUE_BYTES_MAX - CUT_MARK.len());
    Cow::Owned(format!("{}{CUT_MARK}", &text[..end]))
}

/// The texts that say what happened: each exception's value, the message.
pub(crate) fn messages(event: &Event) -> impl Iterator<Item = &str> {
    let values = event
        .exceptions
        .iter()
        .rev()
        .filter_map(|e| e.value.as_deref());
    bounded(values.chain(event.message_text()), MESSAGE_BYTES_MAX)
}

/// The texts of the breadcrumbs: category, message, and the texts and numbers in the data; newest first.
pub(crate) fn breadcrumbs(event: &Event) -> impl Iterator<Item = Cow<'_, str>> {
    let texts = event.breadcrumbs.iter().rev().flat_map(|crumb| {
        let named = crumb
            .category
            .as_deref()
            .into_iter()
            .chain(crumb.message.as_deref());
        let data = crumb.data.values().filter_map(|value| match value {
            Value::String(text) => Some(Cow::Borrowed(text.as_str())),
            Value::Number(number) => Some(number.to_string().into()),
            _ => None,
        });
        named.map(Cow::Borrowed).chain(data)
    });
    bounded(texts, BREADCRUMB_BYTES_MAX)
}

/// As many texts as fit; the first that does not ends the list, except that one text alone is always given.
fn bounded<T: AsRef<str>>(
    texts: impl Iterator<Item = T>,
    bytes_max: usize,
) -> impl Iterator<Item = T> {
    let mut left = Some(bytes_max);
    texts.take_while(move |text| {
        let is_first = left == Some(bytes_max);
        left = left.and_then(|left| left.checked_sub(text.as_ref().len()));
        left.is_some() || is_first
    })
}

impl FrameField {
    /// What a frame shows under this name.
    pub(crate) fn texts(self, frame: &Frame) -> impl Iterator<Item = &str> {
        let (function, module, file) = match self {
            Self::Any => (true, true, true),
            Self::Function => (true, false, false),
            Self::Module => (false, true, false),
            Self::Filename => (false, false, true),
        };
        let module_text = frame.module.as_deref().or(frame.package.as_deref());
        let texts = [
            frame.function.as_deref().filter(|_| function),
            module_text.filter(|_| module),
            frame.filename.as_deref().filter(|_| file),
            frame.abs_path.as_deref().filter(|_| file),
        ];
        texts.into_iter().flatten()
    }
}
