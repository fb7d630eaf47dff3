//! What of an event can be searched: its values by key, its texts, its frames.
//!
//! The one list of attributes, for every store: the same event is found by the same words whichever store keeps it.

use std::borrow::Cow;

use serde_json::Value;

use super::condition::{FrameField, Key};
use crate::event::limits::{CUT_MARK, TAG_VALUE_BYTES_MAX};
use crate::event::{Event, EventKind, Frame, Thread, User};

/// An attribute: its name in queries; whether plain words look into its values; whether an issue's values are counted.
type Attribute = (&'static str, bool, bool);

/// All attributes, by name. Those of contexts that say the same of each event of a program are searched and not
/// counted: a count costs a row for each issue. Of what says who was affected, only the user is counted ([`user`]).
pub(crate) const ATTRIBUTES: &[Attribute] = &[
    ("app.version", false, false),
    ("browser.name", false, false),
    ("browser.version", false, false),
    ("device.arch", false, false),
    ("device.brand", false, false),
    ("device.charging", false, false),
    ("device.family", false, false),
    ("device.locale", false, false),
    ("device.model", false, false),
    ("device.name", false, false),
    ("device.online", false, false),
    ("device.orientation", false, false),
    ("device.simulator", false, false),
    ("dist", true, true),
    ("environment", true, true),
    ("error.handled", false, true),
    ("error.main_thread", false, false),
    ("error.mechanism", false, true),
    ("error.type", true, true),
    ("flag", false, false),
    ("geo.city", false, false),
    ("geo.country_code", false, false),
    ("geo.region", false, false),
    ("geo.subdivision", false, false),
    ("http.method", false, true),
    ("http.referer", false, false),
    ("http.status_code", false, false),
    ("kind", false, true),
    ("level", false, true),
    ("logger", true, true),
    ("os.build", false, false),
    ("os.kernel_version", false, false),
    ("os.name", false, true),
    ("os.version", false, false),
    ("platform", false, true),
    ("release", true, true),
    ("runtime.name", false, true),
    ("runtime.version", false, false),
    ("sdk.name", false, true),
    ("sdk.version", false, false),
    ("server", true, true),
    ("trace", false, false),
    ("transaction", true, true),
    ("url", false, true),
    ("user.email", true, false),
    ("user.id", true, false),
    ("user.ip", false, false),
    ("user.username", true, false),
];

/// Where contexts hold attributes: the context, its key, the attribute.
const CONTEXTS: &[(&str, &[(&str, &str)])] = &[
    ("app", &[("app_version", "app.version")]),
    (
        "browser",
        &[("name", "browser.name"), ("version", "browser.version")],
    ),
    (
        "device",
        &[
            ("arch", "device.arch"),
            ("brand", "device.brand"),
            ("charging", "device.charging"),
            ("family", "device.family"),
            ("locale", "device.locale"),
            ("model", "device.model"),
            ("name", "device.name"),
            ("online", "device.online"),
            ("orientation", "device.orientation"),
            ("simulator", "device.simulator"),
        ],
    ),
    (
        "os",
        &[
            ("build", "os.build"),
            ("kernel_version", "os.kernel_version"),
            ("version", "os.version"),
        ],
    ),
    ("response", &[("status_code", "http.status_code")]),
    ("runtime", &[("version", "runtime.version")]),
];

/// Where a user's `geo` holds attributes.
const GEO: [(&str, &str); 4] = [
    ("city", "geo.city"),
    ("country_code", "geo.country_code"),
    ("region", "geo.region"),
    ("subdivision", "geo.subdivision"),
];

/// Feature flags, each as `name:result`: a flag and its state are found together.
pub(crate) const FLAG: &str = "flag";
/// The attribute that says which trace an event belongs to; found by its whole text alone.
pub(crate) const TRACE: &str = "trace";
/// The attributes that say who was affected; an event's user is counted by the first of them that it has.
pub(crate) const USER: [&str; 4] = ["user.id", "user.email", "user.username", "user.ip"];

/// Values of one event; what passes it is not found by value.
const VALUES_MAX: usize = 250;
/// Bytes of an event's messages, and of its breadcrumbs, that are read as words.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
const BREADCRUMB_BYTES_MAX: usize = 32 * 1024;

fn listed(name: &str) -> Option<&'static Attribute> {
    let place = ATTRIBUTES.binary_search_by_key(&name, |(known, ..)| known);
    place.ok().map(|place| &ATTRIBUTES[place])
}

/// The name of an attribute as the list has it.
pub(crate) fn attribute(name: &str) -> Option<&'static str> {
    listed(name).map(|(known, ..)| *known)
}

/// Whether plain words look into the values of this key. Tags always, attributes as listed.
pub(crate) fn is_readable(fact: Fact<'_>) -> bool {
    fact.is_tag || listed(fact.name).is_some_and(|(_, is_readable, _)| *is_readable)
}

/// Whether values of this key have names in the store, so that they are found by a part of their text.
pub(crate) fn is_named(fact: Fact<'_>) -> bool {
    fact.is_tag || fact.name != TRACE
}

/// Whether an issue's values of this key are counted.
pub(crate) fn is_counted(fact: Fact<'_>) -> bool {
    fact.is_tag || listed(fact.name).is_some_and(|(.., is_counted)| *is_counted)
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
        self.push(is_tag, name, cut(value));
    }

    fn push(&mut self, is_tag: bool, name: &'e str, value: Cow<'e, str>) {
        let pair = (Fact { is_tag, name }, value);
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
        self.attribute("kind", event.kind().map(EventKind::name));
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
        let is_main = thread(event).and_then(|thread| thread.other.get("main")?.as_bool());
        let is_main = is_main.map(|is| if is { "true" } else { "false" });
        self.attribute("error.main_thread", is_main);
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
        self.attribute("sdk.version", text(event.sdk.as_ref(), "version"));
        self.attribute("http.method", text(event.request.as_ref(), "method"));
        self.attribute("url", text(event.request.as_ref(), "url"));
        self.attribute("http.referer", event.request.as_ref().and_then(referer));
        for (context, keys) in CONTEXTS {
            self.plain(event.contexts.get(*context), keys);
        }
        let geo = event.user.as_ref().and_then(|user| user.other.get("geo"));
        self.plain(geo, &GEO);
        self.flags(event);
    }

    /// Those keys of an object that hold something plain.
    fn plain(&mut self, object: Option<&'e Value>, keys: &[(&str, &'static str)]) {
        let Some(object) = object.and_then(Value::as_object) else {
            return;
        };
        for (key, attribute) in keys {
            if let Some(text) = object.get(*key).and_then(plain_text) {
                self.push(false, attribute, text);
            }
        }
    }

    fn flags(&mut self, event: &'e Event) {
        let flags = event.contexts.get("flags").and_then(|it| it.get("values"));
        for flag in flags.and_then(Value::as_array).into_iter().flatten() {
            let name = flag.get("flag").and_then(Value::as_str);
            let result = flag.get("result").and_then(plain_text);
            if let Some((name, result)) = name.zip(result) {
                let text = cut(&format!("{name}:{result}")).into_owned();
                self.push(false, FLAG, Cow::Owned(text));
            }
        }
    }
}

/// The thread that the event happened in.
fn thread(event: &Event) -> Option<&Thread> {
    let named = event.primary_exception().and_then(|e| e.thread_id.as_ref());
    let is_it = |thread: &&Thread| match named {
        Some(id) => thread.id.as_ref() == Some(id),
        None => thread.crashed == Some(true) || thread.current == Some(true),
    };
    event.threads.iter().find(is_it)
}

/// A text, a number or a truth as a query writes it.
fn plain_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(cut(text)),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(is) => Some(if *is { "true" } else { "false" }.into()),
        _ => None,
    }
}

/// The page that a request came from. Senders write headers as an object or as a list of pairs.
fn referer(request: &crate::event::Object) -> Option<&str> {
    let is_referer = |name: &str| name.eq_ignore_ascii_case("referer");
    match request.get("headers")? {
        Value::Object(headers) => {
            let mut named = headers.iter().filter(|(name, _)| is_referer(name));
            named.find_map(|(_, value)| value.as_str())
        }
        Value::Array(pairs) => pairs.iter().find_map(|pair| {
            let name = pair.get(0)?.as_str()?;
            pair.get(1)?.as_str().filter(|_| is_referer(name))
        }),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, name: &str, expected: &[&str]) {
        let event = Event::from_json(event.as_bytes()).unwrap();
        let values = values(&event);
        let found = values
            .iter()
            .filter(|(fact, _)| !fact.is_tag && fact.name == name);
        let found: Vec<&str> = found.map(|(_, value)| &**value).collect();
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn attributes_stand_in_order_and_those_of_contexts_among_them() {
        assert!(ATTRIBUTES.is_sorted());
        let in_contexts = CONTEXTS.iter().flat_map(|(_, keys)| *keys).chain(&GEO);
        for (_, name) in in_contexts {
            assert_eq!(attribute(name), Some(*name));
        }
    }

    #[test]
    fn numbers_and_truths_are_found_as_they_are_written() {
        let event = r#"{"contexts": {"device": {"online": true, "model": ["x"]},
            "response": {"status_code": 500}, "app": "none"}}"#;
        check(event, "device.online", &["true"]);
        check(event, "http.status_code", &["500"]);
        check(event, "device.model", &[]);
        check(event, "app.version", &[]);
    }

    #[test]
    fn a_referer_is_found_in_every_form_of_headers() {
        let pairs = r#"{"request": {"headers": [["Host", "a"], ["REFERER", "b"], [1]]}}"#;
        check(pairs, "http.referer", &["b"]);
        let object = r#"{"request": {"headers": {"referer": "c"}}}"#;
        check(object, "http.referer", &["c"]);
        check(r#"{"request": {"headers": 7}}"#, "http.referer", &[]);
    }

    #[test]
    fn a_flag_is_found_with_its_result() {
        let event = r#"{"contexts": {"flags": {"values": [
            {"flag": "a", "result": true}, {"flag": "b"}, 7, {"flag": "c", "result": "blue"}]}}}"#;
        check(event, "flag", &["a:true", "c:blue"]);
    }

    #[test]
    fn the_thread_of_an_error_is_the_one_it_names() {
        let threads = r#""threads": {"values": [{"id": 1, "main": true, "crashed": true},
            {"id": 2, "main": false}]}"#;
        let of = |exception: &str| format!("{{{threads}{exception}}}");
        check(&of(""), "error.main_thread", &["true"]);
        let second = r#", "exception": {"values": [{"type": "E", "thread_id": 2}]}"#;
        check(&of(second), "error.main_thread", &["false"]);
        check("{}", "error.main_thread", &[]);
    }
}
