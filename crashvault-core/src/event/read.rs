//! JSON → [`Event`], forgiving: a broken part becomes a flaw, never a refusal.

use serde_json::Value;

use super::limits::CUT_MARK;
use super::model::*;
use super::raw::{Raw, RawObject};
use super::wire::STACK_TEXT;
use crate::error::{Error, ErrorKind};
use crate::time::Timestamp;

impl Event {
    /// Reads a JSON event payload.
    ///
    /// Python's bare `NaN` and `Infinity` are read as null, as SDKs send them; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is not a JSON object at all.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let invalid = |reason: String| Error::new(ErrorKind::InvalidInput, "read event", reason);
        let patched;
        // As one text: then its strings need no look of their own whether they are UTF-8.
        let read = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(json),
        };
        let raw = match read {
            Ok(raw) => raw,
            Err(first) => {
                patched = patch_json(&String::from_utf8_lossy(json));
                serde_json::from_str(&patched)
                    .map_err(|_| invalid(format!("not a JSON object: {first}")))?
            }
        };
        match raw {
            Raw::Object(map) => Ok(Self::from_raw(map)),
            _ => Err(invalid("an event is a JSON object".into())),
        }
    }

    /// Reads a parsed JSON object; never fails.
    pub fn from_object(map: Object) -> Self {
        Self::from_raw(map.into())
    }

    pub(super) fn from_raw(map: RawObject<'_>) -> Self {
        let mut flaws = Vec::new();
        let mut fields = Fields {
            map,
            path: Path::default(),
            flaws: &mut flaws,
        };
        let mut event = read_event(&mut fields);
        event.other = fields.rest();
        event.flaws.append(&mut flaws);
        event
    }
}

/// Reads JSON as Python writes it, forgiving what [`Event::from_json`] forgives; else the reason.
#[cfg(feature = "v1")]
pub(crate) fn read_value(json: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(json).or_else(|first| {
        let patched = patch_json(&String::from_utf8_lossy(json));
        serde_json::from_str(&patched).map_err(|_| first.to_string())
    })
}

/// One object being read: what is taken is removed, what stays is `other`.
struct Fields<'f, 'j> {
    map: RawObject<'j>,
    path: Path<'f>,
    flaws: &'f mut Vec<Flaw>,
}

/// Where an object stands in the event; written out only if there is something to say of it.
#[derive(Clone, Copy, Default)]
struct Path<'p> {
    above: Option<&'p Path<'p>>,
    key: &'p str,
    index: Option<usize>,
}

impl Path<'_> {
    fn of(&self, key: &str) -> String {
        let mut path = match self.above {
            Some(above) => above.of(self.key),
            None => return key.to_owned(),
        };
        if let Some(index) = self.index {
            path.push_str(&format!(".{index}"));
        }
        path + "." + key
    }
}

impl<'j> Fields<'_, 'j> {
    fn flaw(&mut self, key: &str, reason: &str, value: Raw<'_>) {
        self.flaws.push(Flaw {
            field: self.path.of(key),
            reason: reason.into(),
            value: Some(value.into_value()),
        });
    }

    fn take(&mut self, key: &str) -> Option<Raw<'j>> {
        self.map.remove(key).filter(|value| *value != Raw::Null)
    }

    /// Text; numbers and booleans are printed, other JSON is a flaw.
    fn text(&mut self, key: &str) -> Option<String> {
        let scalar = self.take(key)?.into_scalar_text();
        scalar
            .map_err(|other| self.flaw(key, "expected a text", other))
            .ok()
    }

    /// Text where SDKs send any JSON: objects and lists are kept as their JSON.
    fn lenient_text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Raw::String(text) => Some(text.into_owned()),
            other => Some(other.into_value().to_string()),
        }
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        match self.take(key)? {
            Raw::Bool(flag) => Some(flag),
            Raw::String(text) if text == "true" => Some(true),
            Raw::String(text) if text == "false" => Some(false),
            other => {
                self.flaw(key, "expected true or false", other);
                None
            }
        }
    }

    fn number(&mut self, key: &str) -> Option<u64> {
        let value = self.take(key)?;
        let number = match &value {
            Raw::Number(number) => number.as_u64().or_else(|| {
                number
                    .as_f64()
                    .filter(|n| *n >= 0.0 && n.fract() == 0.0)
                    .map(|n| n as u64)
            }),
            Raw::String(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.flaw(key, "expected a whole number that is not negative", value);
        }
        number
    }

    /// An address: `0x…` text, or a number.
    fn address(&mut self, key: &str) -> Option<u64> {
        let value = self.take(key)?;
        let number = match &value {
            Raw::Number(number) => number.as_u64(),
            Raw::String(text) => match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
                Some(hex) => u64::from_str_radix(hex, 16).ok(),
                None => text.parse().ok(),
            },
            _ => None,
        };
        if number.is_none() {
            self.flaw(key, "expected an address such as \"0x7f00\"", value);
        }
        number
    }

    fn time(&mut self, key: &str) -> Option<Timestamp> {
        let value = self.take(key)?;
        let time = match &value {
            Raw::Number(number) => number.as_f64().and_then(Timestamp::from_secs_f64),
            Raw::String(text) => Timestamp::parse(text)
                .or_else(|| text.parse().ok().and_then(Timestamp::from_secs_f64)),
            _ => None,
        };
        if time.is_none() {
            self.flaw(
                key,
                "expected seconds since 1970 or an RFC 3339 time",
                value,
            );
        }
        time
    }

    fn level(&mut self, key: &str) -> Option<Level> {
        let value = self.take(key)?;
        let level = match &value {
            Raw::String(text) => Level::from_name(text),
            _ => None,
        };
        if level.is_none() {
            self.flaw(key, "expected debug, info, warning, error or fatal", value);
        }
        level
    }

    fn raw_object(&mut self, key: &str) -> Option<RawObject<'j>> {
        match self.take(key)? {
            Raw::Object(map) => Some(map),
            other => {
                self.flaw(key, "expected an object", other);
                None
            }
        }
    }

    /// Pairs: an object, or a list of pairs.
    fn pairs(&mut self, key: &str) -> Vec<(String, Raw<'j>)> {
        match self.take(key) {
            None => Vec::new(),
            Some(Raw::Object(map)) => map.into_pairs(),
            Some(Raw::Array(items)) => {
                let mut pairs = Vec::with_capacity(items.len());
                for item in items {
                    match as_pair(item) {
                        Ok(pair) => pairs.push(pair),
                        Err(item) => self.flaw(key, "expected pairs", item),
                    }
                }
                pairs
            }
            Some(other) => {
                self.flaw(key, "expected an object or a list of pairs", other);
                Vec::new()
            }
        }
    }

    /// `{"values": […]}`, a bare list, or a single object, each item read by `read`.
    fn values<T>(&mut self, key: &str, read: impl Fn(&mut Fields<'_, 'j>) -> T) -> Vec<T> {
        let items = match self.take(key) {
            None => return Vec::new(),
            Some(Raw::Array(items)) => items,
            Some(Raw::Object(map)) => self.wrapped_items(key, map),
            Some(other) => {
                self.flaw(key, "expected a list", other);
                Vec::new()
            }
        };
        let mut read_items = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Raw::Object(map) => read_items.push(self.nested(key, Some(index), map, &read)),
                Raw::Null => {}
                other => self.flaw(key, "expected an object", other),
            }
        }
        read_items
    }

    fn wrapped_items(&mut self, key: &str, mut map: RawObject<'j>) -> Vec<Raw<'j>> {
        let items = match map.remove("values") {
            Some(Raw::Array(items)) => items,
            Some(Raw::Null) => Vec::new(),
            Some(other) => {
                self.flaw(key, "expected a list under \"values\"", other);
                Vec::new()
            }
            None if map.is_empty() => Vec::new(),
            None => return vec![Raw::Object(map)],
        };
        if !map.is_empty() {
            self.flaw(key, "not expected beside \"values\"", Raw::Object(map));
        }
        items
    }

    fn nested<T>(
        &mut self,
        key: &str,
        index: Option<usize>,
        map: RawObject<'j>,
        read: impl Fn(&mut Fields<'_, 'j>) -> T,
    ) -> T {
        read(&mut Fields {
            map,
            path: Path {
                above: Some(&self.path),
                key,
                index,
            },
            flaws: self.flaws,
        })
    }

    fn object(&mut self, key: &str) -> Option<Object> {
        self.raw_object(key).map(RawObject::into_object)
    }

    fn part<T>(&mut self, key: &str, read: impl Fn(&mut Fields<'_, 'j>) -> T) -> Option<T> {
        let map = self.raw_object(key)?;
        Some(self.nested(key, None, map, read))
    }

    /// A stack, or the text of one, which is kept to be read where languages are known.
    fn stacktrace(&mut self) -> Option<Stacktrace> {
        match self.take("stacktrace") {
            Some(Raw::String(text)) => Some(Stacktrace {
                other: Object::from_iter([(STACK_TEXT.to_owned(), text.into_owned().into())]),
                ..Stacktrace::default()
            }),
            Some(other) => {
                self.map.insert("stacktrace", other);
                self.part("stacktrace", read_stacktrace)
            }
            None => None,
        }
    }

    fn text_list(&mut self, key: &str) -> Vec<String> {
        match self.take(key) {
            None => Vec::new(),
            Some(Raw::String(text)) => vec![text.into_owned()],
            Some(Raw::Array(items)) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    match item.into_scalar_text() {
                        Ok(text) => texts.push(text),
                        Err(Raw::Null) => texts.push(String::new()),
                        Err(other) => self.flaw(key, "expected texts", other),
                    }
                }
                texts
            }
            Some(other) => {
                self.flaw(key, "expected a list of texts", other);
                Vec::new()
            }
        }
    }

    fn rest(&mut self) -> Object {
        std::mem::take(&mut self.map).into_object()
    }
}

fn as_pair(item: Raw<'_>) -> Result<(String, Raw<'_>), Raw<'_>> {
    let Raw::Array(items) = item else {
        return Err(item);
    };
    match <[Raw<'_>; 2]>::try_from(items) {
        Ok([key, value]) => match key.into_scalar_text() {
            Ok(key) => Ok((key, value)),
            Err(key) => Err(Raw::Array(vec![key, value])),
        },
        Err(items) => Err(Raw::Array(items)),
    }
}

fn read_event(fields: &mut Fields<'_, '_>) -> Event {
    let (message, logentry) = read_message(fields);
    let mut event = Event {
        event_id: read_id(fields),
        timestamp: fields.time("timestamp"),
        level: fields.level("level").unwrap_or_default(),
        platform: fields.text("platform").unwrap_or_else(|| "other".into()),
        message,
        logentry,
        exceptions: fields.values("exception", read_exception),
        threads: fields.values("threads", read_thread),
        breadcrumbs: fields.values("breadcrumbs", read_breadcrumb),
        contexts: fields.object("contexts").unwrap_or_default(),
        extra: fields.object("extra").unwrap_or_default(),
        user: fields.part("user", read_user),
        request: fields.object("request"),
        transaction: fields.text("transaction"),
        release: fields.text("release"),
        environment: fields.text("environment"),
        dist: fields.text("dist"),
        server_name: fields.text("server_name"),
        logger: fields.text("logger"),
        fingerprint: fields.text_list("fingerprint"),
        sdk: fields.object("sdk"),
        ..Event::default()
    };
    read_tags(fields, &mut event);
    read_images(fields, &mut event);
    read_own_flaws(&mut event);
    event
}

fn read_id(fields: &mut Fields<'_, '_>) -> super::EventId {
    let Some(text) = fields.text("event_id") else {
        return super::EventId::NIL;
    };
    text.parse().unwrap_or_else(|_| {
        fields.flaw(
            "event_id",
            "expected 32 hex digits",
            Raw::String(text.into()),
        );
        super::EventId::NIL
    })
}

/// `message` may be a text or, from old SDKs, what `logentry` is now.
fn read_message(fields: &mut Fields<'_, '_>) -> (Option<String>, Option<LogEntry>) {
    let entry = fields.part("logentry", read_logentry);
    match fields.take("message") {
        Some(Raw::Object(map)) if entry.is_none() => (
            None,
            Some(fields.nested("message", None, map, read_logentry)),
        ),
        Some(Raw::String(text)) => (Some(text.into_owned()), entry),
        Some(other) => (Some(other.into_value().to_string()), entry),
        None => (None, entry),
    }
}

fn read_logentry(fields: &mut Fields<'_, '_>) -> LogEntry {
    LogEntry {
        message: fields.lenient_text("message"),
        formatted: fields.lenient_text("formatted"),
        params: fields.take("params").map(Raw::into_value),
        other: fields.rest(),
    }
}

fn read_exception(fields: &mut Fields<'_, '_>) -> Exception {
    Exception {
        ty: fields.lenient_text("type"),
        value: fields.lenient_text("value"),
        module: fields.text("module"),
        thread_id: fields.text("thread_id"),
        mechanism: fields.part("mechanism", |fields| Mechanism {
            ty: fields.text("type"),
            handled: fields.flag("handled"),
            other: fields.rest(),
        }),
        stacktrace: fields.stacktrace(),
        other: fields.rest(),
    }
}

fn read_stacktrace(fields: &mut Fields<'_, '_>) -> Stacktrace {
    Stacktrace {
        frames: fields.values("frames", read_frame),
        other: fields.rest(),
    }
}

fn read_frame(fields: &mut Fields<'_, '_>) -> Frame {
    Frame {
        function: fields.text("function"),
        module: fields.text("module"),
        filename: fields.text("filename"),
        abs_path: fields.text("abs_path"),
        lineno: fields.number("lineno"),
        colno: fields.number("colno"),
        context_line: fields.text("context_line"),
        pre_context: fields.text_list("pre_context"),
        post_context: fields.text_list("post_context"),
        in_app: fields.flag("in_app"),
        package: fields.text("package"),
        instruction_addr: fields.address("instruction_addr"),
        other: fields.rest(),
    }
}

fn read_thread(fields: &mut Fields<'_, '_>) -> Thread {
    Thread {
        id: fields.text("id"),
        name: fields.text("name"),
        current: fields.flag("current"),
        crashed: fields.flag("crashed"),
        stacktrace: fields.stacktrace(),
        other: fields.rest(),
    }
}

fn read_breadcrumb(fields: &mut Fields<'_, '_>) -> Breadcrumb {
    Breadcrumb {
        timestamp: fields.time("timestamp"),
        ty: fields.text("type"),
        category: fields.text("category"),
        level: fields.level("level"),
        message: fields.lenient_text("message"),
        data: match fields.take("data") {
            Some(Raw::Object(map)) => map.into_object(),
            Some(other) => Object::from_iter([("value".to_owned(), other.into_value())]),
            None => Object::new(),
        },
        other: fields.rest(),
    }
}

fn read_user(fields: &mut Fields<'_, '_>) -> User {
    User {
        id: fields.text("id"),
        email: fields.text("email"),
        username: fields.text("username"),
        ip_address: fields.text("ip_address"),
        other: fields.rest(),
    }
}

fn read_tags(fields: &mut Fields<'_, '_>, event: &mut Event) {
    for (key, value) in fields.pairs("tags") {
        match value.into_scalar_text() {
            Ok(text) => {
                let earlier = event.tags.insert(key.clone(), text);
                if let Some(earlier) = earlier.filter(|earlier| event.tags[&key] != *earlier) {
                    fields.flaw(
                        &format!("tags.{key}"),
                        "given twice",
                        Raw::String(earlier.into()),
                    );
                }
            }
            Err(Raw::Null) => {}
            Err(value) => fields.flaw(&format!("tags.{key}"), "expected a text", value),
        }
    }
}

/// `debug_meta` is ours only as far as its images; its other keys stay where they were.
fn read_images(fields: &mut Fields<'_, '_>, event: &mut Event) {
    let Some(map) = fields.raw_object("debug_meta") else {
        return;
    };
    let (images, rest) = fields.nested("debug_meta", None, map, |fields| {
        let images = fields.values("images", |fields| Image {
            ty: fields.text("type"),
            code_file: fields.text("code_file"),
            code_id: fields.text("code_id"),
            image_addr: fields.address("image_addr"),
            image_size: fields.number("image_size"),
            other: fields.rest(),
        });
        (images, std::mem::take(&mut fields.map))
    });
    event.images = images;
    if !rest.is_empty() {
        fields.map.insert("debug_meta", Raw::Object(rest));
    }
}

/// Flaws written by [`Event::to_value`] come back as flaws.
fn read_own_flaws(event: &mut Event) {
    let own = match event.contexts.get_mut("crashvault") {
        None => return,
        Some(Value::Object(own)) => own,
        Some(other) => {
            event.flaws = vec![Flaw {
                value: Some(other.take()),
                ..Flaw::new("contexts.crashvault", "expected an object")
            }];
            event.contexts.remove("crashvault");
            return;
        }
    };
    let items = match own.remove("flaws") {
        None => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(other) => vec![other],
    };
    if own.is_empty() {
        event.contexts.remove("crashvault");
    }
    event.flaws = items.into_iter().map(read_own_flaw).collect();
}

fn read_own_flaw(item: Value) -> Flaw {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    match (text("field"), text("reason")) {
        (Some(field), Some(reason)) => Flaw {
            value: item.get("value").cloned(),
            ..Flaw::new(field, reason)
        },
        _ => Flaw {
            value: Some(item),
            ..Flaw::new("contexts.crashvault.flaws", "expected field and reason")
        },
    }
}

/// What JSON forbids and SDKs send: outside of strings `NaN`, `Infinity` and `-Infinity` become `null`, in strings an
/// escaped half of a surrogate pair becomes U+FFFD, and what lies deeper than a parser dares to go becomes a mark.
fn patch_json(json: &str) -> String {
    let mut patcher = Patcher {
        rest: json,
        made: String::with_capacity(json.len()),
        depth: 0,
    };
    while let Some(next) = patcher.rest.chars().next() {
        patcher.step(next);
    }
    patcher.made
}

/// Nesting that is kept; serde_json reads no deeper than 127, and writing may add a few levels.
const NESTING_MAX: usize = 110;

struct Patcher<'j> {
    rest: &'j str,
    made: String,
    depth: usize,
}

impl Patcher<'_> {
    fn step(&mut self, next: char) {
        match next {
            '"' => self.string(),
            '{' | '[' => {
                if self.depth == NESTING_MAX {
                    self.put(&Value::from(CUT_MARK).to_string());
                }
                self.depth += 1;
                self.take(1);
            }
            '}' | ']' => {
                self.take(1);
                self.depth = self.depth.saturating_sub(1);
            }
            _ => match ["-Infinity", "Infinity", "NaN"]
                .iter()
                .find(|constant| self.rest.starts_with(**constant))
            {
                Some(constant) => self.replace(constant.len(), "null"),
                None => self.take(next.len_utf8()),
            },
        }
    }

    /// A whole string, with its quotes.
    fn string(&mut self) {
        self.take(1);
        while let Some(next) = self.rest.chars().next() {
            match next {
                '\\' if is_surrogate(self.rest) => {
                    let pair = is_high_surrogate(self.rest)
                        && self.rest.get(6..).is_some_and(is_low_surrogate);
                    if pair {
                        self.take(12);
                    } else {
                        self.replace(6, "\u{fffd}");
                    }
                }
                '\\' => self.take(1 + self.rest[1..].chars().next().map_or(0, char::len_utf8)),
                _ => self.take(next.len_utf8()),
            }
            if next == '"' {
                return;
            }
        }
    }

    fn take(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.put(taken);
        self.rest = rest;
    }

    fn replace(&mut self, bytes: usize, by: &str) {
        self.put(by);
        self.rest = &self.rest[bytes..];
    }

    fn put(&mut self, text: &str) {
        if self.depth <= NESTING_MAX {
            self.made.push_str(text);
        }
    }
}

fn escaped_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

fn is_surrogate(text: &str) -> bool {
    is_high_surrogate(text) || is_low_surrogate(text)
}

fn is_high_surrogate(text: &str) -> bool {
    escaped_unit(text).is_some_and(|unit| (0xD800..0xDC00).contains(&unit))
}

fn is_low_surrogate(text: &str) -> bool {
    escaped_unit(text).is_some_and(|unit| (0xDC00..0xE000).contains(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(value: Value) -> Event {
        Event::from_json(value.to_string().as_bytes()).unwrap()
    }

    /// Reads `input`, expects the part of the written event at `pointer` to be `expected`.
    fn check(input: Value, pointer: &str, expected: Value) {
        let written = event(input).to_value();
        assert_eq!(written.pointer(pointer), Some(&expected), "{written}");
    }

    #[test]
    fn a_bare_list_of_breadcrumbs_is_wrapped() {
        check(
            json!({"breadcrumbs": [{"message": "a"}]}),
            "/breadcrumbs/values/0/message",
            json!("a"),
        );
    }

    #[test]
    fn a_single_exception_object_is_a_list() {
        check(
            json!({"exception": {"type": "E"}}),
            "/exception/values/0/type",
            json!("E"),
        );
    }

    #[test]
    fn tags_may_be_pairs_numbers_and_booleans() {
        check(
            json!({"tags": [["n", 5], ["b", true]]}),
            "/tags",
            json!({"n": "5", "b": "true"}),
        );
    }

    #[test]
    fn a_numeric_user_id_becomes_text() {
        check(json!({"user": {"id": 42}}), "/user/id", json!("42"));
    }

    #[test]
    fn an_exception_value_may_be_any_json() {
        check(
            json!({"exception": [{"value": {"a": 1}}]}),
            "/exception/values/0/value",
            json!("{\"a\":1}"),
        );
    }

    #[test]
    fn an_old_message_object_is_a_logentry() {
        check(
            json!({"message": {"formatted": "x"}}),
            "/logentry/formatted",
            json!("x"),
        );
    }

    #[test]
    fn a_broken_timestamp_is_a_flaw_and_kept() {
        let event = event(json!({"timestamp": "soon", "message": "m"}));
        assert_eq!(event.timestamp, None);
        assert_eq!(event.flaws[0].field, "timestamp");
        assert_eq!(event.flaws[0].value, Some(json!("soon")));
    }

    #[test]
    fn flaws_survive_writing_and_reading() {
        let first = event(json!({"level": 9, "exception": [{"stacktrace": 7}]}));
        assert_eq!(first.flaws.len(), 2);
        assert_eq!(event(first.to_value()).flaws, first.flaws);
    }

    #[test]
    fn unknown_fields_stay() {
        check(
            json!({"new_thing": {"a": [1]}}),
            "/new_thing",
            json!({"a": [1]}),
        );
        check(
            json!({"debug_meta": {"sdk_info": 1, "images": []}}),
            "/debug_meta/sdk_info",
            json!(1),
        );
    }

    #[test]
    fn python_constants_are_null() {
        let event =
            Event::from_json(br#"{"extra": {"x": NaN, "y": -Infinity, "s": "NaN \" NaN"}}"#)
                .unwrap();
        assert_eq!(event.extra["x"], Value::Null);
        assert_eq!(event.extra["s"], json!("NaN \" NaN"));
    }

    fn check_message(json: &str, expected: &str) {
        let event = Event::from_json(json.as_bytes()).unwrap();
        assert_eq!(event.message.as_deref(), Some(expected), "{json}");
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_and_a_whole_one_kept() {
        check_message(r#"{"message": "a\ud800b"}"#, "a\u{fffd}b");
        check_message(r#"{"message": "\udc00"}"#, "\u{fffd}");
        check_message(
            r#"{"message": "\ud83d\ude00 \ud800\ud83d\ude00"}"#,
            "\u{1f600} \u{fffd}\u{1f600}",
        );
        check_message(r#"{"message": "\\ud800", "extra": {"x": NaN}}"#, "\\ud800");
    }

    #[test]
    fn nesting_deeper_than_can_be_read_is_cut_visibly() {
        let deep = |depth: usize| {
            format!(
                r#"{{"message": "m", "extra": {{"x": {}1{}}}, "logger": "l"}}"#,
                "[".repeat(depth),
                "]".repeat(depth)
            )
        };
        let event = Event::from_json(deep(100_000).as_bytes()).unwrap();
        assert_eq!(
            (event.message.as_deref(), event.logger.as_deref()),
            (Some("m"), Some("l"))
        );
        assert!(event.extra["x"].to_string().contains(CUT_MARK));
        assert_eq!(Event::from_json(&event.to_json()).unwrap(), event);
        assert!(
            !Event::from_json(deep(100).as_bytes()).unwrap().extra["x"]
                .to_string()
                .contains(CUT_MARK)
        );
    }

    #[test]
    fn what_stands_beside_values_is_a_flaw() {
        let event = event(json!({"exception": {"values": [{"type": "A"}], "more": 1}}));
        assert_eq!(
            (event.exceptions.len(), event.flaws[0].value.clone()),
            (1, Some(json!({"more": 1})))
        );
    }

    #[test]
    fn an_empty_object_is_an_empty_list() {
        assert!(event(json!({"exception": {}})).exceptions.is_empty());
    }

    #[test]
    fn a_tag_that_is_given_twice_keeps_the_last_and_tells_the_first() {
        let event = event(json!({"tags": [["a", 1], ["a", 2]]}));
        assert_eq!(
            (event.tags["a"].as_str(), event.flaws[0].value.clone()),
            ("2", Some(json!("1")))
        );
    }

    #[test]
    fn an_empty_context_of_our_own_is_none() {
        for level in ["error", "no level"] {
            let first = event(json!({"contexts": {"crashvault": {}}, "level": level}));
            assert!(first.contexts.is_empty());
            assert_eq!(event(first.to_value()), first);
        }
    }

    #[test]
    fn foreign_things_in_our_own_context_are_kept_as_flaws() {
        for own in [json!(5), json!({"flaws": [7]}), json!({"flaws": 7})] {
            let first = event(json!({"contexts": {"crashvault": own}}));
            assert_eq!(first.flaws.len(), 1);
            assert_eq!(event(first.to_value()), first);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let event = Event::from_json(b"{\"message\": \"a\xff\"}").unwrap();
        assert_eq!(event.message.as_deref(), Some("a\u{fffd}"));
    }

    #[test]
    fn no_object_is_an_error_that_says_so() {
        for bytes in [
            &b"[]"[..],
            b"",
            b"{",
            b"nul",
            b"{\"a\\",
            "{\"é\\".as_bytes(),
        ] {
            assert_eq!(
                Event::from_json(bytes).unwrap_err().kind(),
                ErrorKind::InvalidInput
            );
        }
    }
}
