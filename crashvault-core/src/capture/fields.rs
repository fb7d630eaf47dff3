//! Enters: named values of the host's, by reference. Leaves: their JSON, written straight into a buffer.
//!
//! Never: allocates for a value, formats more of it than is kept, or formats what stands under a forbidden key.
#![cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "log and slog need less of it than tracing does")
)]

use std::fmt::{self, Write as _};

use crate::event::limits::{self, CUT_MARK};
use crate::event::{is_forbidden_key, limits::FILTERED};

/// A value as another library hands it over.
#[derive(Clone, Copy)]
pub(crate) enum Value<'v> {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text(&'v str),
    /// Anything else, by its text.
    Display(&'v dyn fmt::Display),
    /// The same by its `Debug`.
    Debug(&'v dyn fmt::Debug),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::I64(value) => value.fmt(f),
            Self::U64(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
            Self::Display(value) => value.fmt(f),
            Self::Debug(value) => value.fmt(f),
        }
    }
}

impl Value<'_> {
    /// Appends the value as JSON, within `bytes_max` bytes, which hold at least a number.
    pub(super) fn put_json(self, buffer: &mut Vec<u8>, bytes_max: usize) {
        match self {
            Self::Bool(true) => buffer.extend_from_slice(b"true"),
            Self::Bool(false) => buffer.extend_from_slice(b"false"),
            Self::I64(value) => put_integer(buffer, value.is_negative(), value.unsigned_abs()),
            Self::U64(value) => put_integer(buffer, false, value),
            // Debug shows every float in a form that JSON knows; `NaN` and its kin become texts.
            Self::F64(value) if value.is_finite() => {
                let _ = write!(Raw(buffer), "{value:?}");
            }
            Self::F64(_) | Self::Text(_) | Self::Display(_) | Self::Debug(_) => {
                put_text(buffer, &self, bytes_max);
            }
        }
    }
}

/// The longest text of a number: a `f64` by its `Debug` needs 24 bytes.
const NUMBER_BYTES_MAX: usize = 32;

struct Raw<'b>(&'b mut Vec<u8>);

impl fmt::Write for Raw<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn put_integer(buffer: &mut Vec<u8>, is_negative: bool, magnitude: u64) {
    let mut digits = [0; 20];
    if is_negative {
        buffer.push(b'-');
    }
    let digits = super::engine::decimal(magnitude, &mut digits);
    buffer.extend_from_slice(digits.as_bytes());
}

fn put_text(buffer: &mut Vec<u8>, value: &Value<'_>, bytes_max: usize) {
    buffer.push(b'"');
    let mut escaped = Escaped {
        left: bytes_max.saturating_sub(CUT_MARK.len() + 2),
        buffer,
        is_cut: false,
    };
    // An error is the cut, or the host's own; what was written stands.
    let _ = match value {
        Value::Text(text) => escaped.write_str(text),
        other => write!(escaped, "{other}"),
    };
    buffer.push(b'"');
}

/// Writes the inside of a JSON text and ends at its limit.
struct Escaped<'b> {
    buffer: &'b mut Vec<u8>,
    left: usize,
    is_cut: bool,
}

impl Escaped<'_> {
    fn put(&mut self, piece: &str) -> fmt::Result {
        let kept = limits::head(piece, self.left);
        self.buffer.extend_from_slice(kept.as_bytes());
        self.left -= kept.len();
        if kept.len() == piece.len() {
            return Ok(());
        }
        self.cut()
    }

    /// An escape is kept whole or not at all.
    fn put_escape(&mut self, byte: u8) -> fmt::Result {
        let code = [b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)];
        let short = [b'\\', short_escape(byte).unwrap_or_default()];
        let escape: &[u8] = if short[1] == 0 { &code } else { &short };
        if escape.len() > self.left {
            return self.cut();
        }
        self.buffer.extend_from_slice(escape);
        self.left -= escape.len();
        Ok(())
    }

    fn cut(&mut self) -> fmt::Result {
        self.buffer.extend_from_slice(CUT_MARK.as_bytes());
        self.is_cut = true;
        Err(fmt::Error)
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Some code goes on writing after an error.
        if self.is_cut {
            return Err(fmt::Error);
        }
        let mut start = 0;
        for (at, byte) in text.bytes().enumerate() {
            if byte >= b' ' && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.put(&text[start..at])?;
            self.put_escape(byte)?;
            start = at + 1;
        }
        self.put(&text[start..])
    }
}

fn short_escape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => return None,
    })
}

fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef"[usize::from(nibble & 15)]
}

/// The value that may be kept under `key`.
pub(super) fn allowed<'v>(key: &str, value: Value<'v>) -> Value<'v> {
    if is_forbidden_key(key) {
        Value::Text(FILTERED)
    } else {
        value
    }
}

/// The members of a JSON object, `"key":value` with commas between, within a limit of bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    json: Vec<u8>,
    bytes_max: usize,
    left_out: usize,
}

/// One member's value, in bytes.
const VALUE_BYTES_MAX: usize = limits::BREADCRUMB_TEXT_BYTES_MAX;

impl Members {
    pub(crate) fn within(bytes_max: usize) -> Self {
        Self {
            json: Vec::new(),
            bytes_max,
            left_out: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.json.is_empty() && self.left_out == 0
    }

    /// Adds a member; one that does not fit is counted. Of two with one key the later one counts.
    pub(crate) fn put(&mut self, key: &str, value: Value<'_>) {
        let key = limits::head(key, limits::TAG_KEY_BYTES_MAX);
        let head = key.len() + 4;
        let room = self.bytes_max.saturating_sub(self.json.len() + head);
        // A key of control characters grows when it is escaped; such keys do not come from programs.
        if room < NUMBER_BYTES_MAX || !is_plain(key) {
            self.left_out += 1;
            return;
        }
        self.separate();
        self.json.push(b'"');
        self.json.extend_from_slice(key.as_bytes());
        self.json.extend_from_slice(b"\":");
        allowed(key, value).put_json(&mut self.json, room.min(VALUE_BYTES_MAX));
    }

    /// Adds a member whose value is JSON already.
    pub(crate) fn put_json(&mut self, key: &str, json: &[u8]) {
        if self.json.len() + key.len() + json.len() + 4 > self.bytes_max {
            self.left_out += 1;
            return;
        }
        self.separate();
        let _ = write!(Raw(&mut self.json), "\"{key}\":");
        self.json.extend_from_slice(json);
    }

    /// Whether a member was left out.
    pub(crate) fn is_full(&self) -> bool {
        self.left_out > 0
    }

    /// Keeps the last one of several members of a key. False if nothing came free.
    pub(crate) fn compact(&mut self) -> bool {
        let mut whole = Vec::new();
        self.append_object_to(&mut whole);
        let Ok(mut object) = serde_json::from_slice::<crate::event::Object>(&whole) else {
            return false;
        };
        object.remove(LEFT_OUT);
        let text = serde_json::Value::Object(object).to_string();
        let inside = &text.as_bytes()[1..text.len() - 1];
        let is_shorter = inside.len() < self.json.len();
        if is_shorter {
            self.json.clear();
            self.json.extend_from_slice(inside);
            self.left_out = 0;
        }
        is_shorter
    }

    /// Appends the object: the members in their braces, and how many there was no room for.
    pub(crate) fn append_object_to(&self, buffer: &mut Vec<u8>) {
        buffer.push(b'{');
        buffer.extend_from_slice(&self.json);
        if self.left_out > 0 {
            let comma = if self.json.is_empty() { "" } else { "," };
            let _ = write!(Raw(buffer), "{comma}\"{LEFT_OUT}\":{}", self.left_out);
        }
        buffer.push(b'}');
    }

    fn separate(&mut self) {
        if self.json.is_empty() {
            // Room for a usual handful of members, so that it need not grow one by one.
            self.json.reserve(128);
        } else {
            self.json.push(b',');
        }
    }
}

/// The member that says how many others there was no room for.
const LEFT_OUT: &str = "…[left out]";

fn is_plain(key: &str) -> bool {
    key.bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn json_of(value: Value<'_>, bytes_max: usize) -> serde_json::Value {
        let mut buffer = Vec::new();
        value.put_json(&mut buffer, bytes_max);
        assert!(
            buffer.len() <= bytes_max.max(NUMBER_BYTES_MAX),
            "{}",
            buffer.len()
        );
        serde_json::from_slice(&buffer).unwrap()
    }

    fn check(value: Value<'_>, expected: serde_json::Value) {
        assert_eq!(json_of(value, 1000), expected);
    }

    #[test]
    fn values_are_json_of_their_kind() {
        check(Value::Bool(true), json!(true));
        check(Value::I64(i64::MIN), json!(i64::MIN));
        check(Value::U64(u64::MAX), json!(u64::MAX));
        check(Value::F64(1.5e300), json!(1.5e300));
        check(Value::F64(f64::NAN), json!("NaN"));
        check(Value::Debug(&Some(3)), json!("Some(3)"));
        check(Value::Display(&'c'), json!("c"));
    }

    #[test]
    fn any_text_is_escaped() {
        let text: String = (0..300).filter_map(char::from_u32).collect();
        check(Value::Text(&text), json!(text));
        check(Value::Debug(&text), json!(format!("{text:?}")));
    }

    #[test]
    fn a_long_text_is_cut_and_stays_json() {
        for text in ["\u{1}".repeat(500), "ñ".repeat(500), "\"".repeat(500)] {
            for bytes_max in 40..60 {
                let kept = json_of(Value::Text(&text), bytes_max);
                assert!(kept.as_str().unwrap().ends_with(CUT_MARK));
            }
        }
    }

    fn object_of(members: &Members) -> serde_json::Value {
        let mut buffer = Vec::new();
        members.append_object_to(&mut buffer);
        serde_json::from_slice(&buffer).unwrap()
    }

    #[test]
    fn members_keep_to_their_limit_and_count_the_rest() {
        let mut members = Members::within(200);
        for index in 0..100 {
            members.put(&format!("key{index}"), Value::U64(index));
        }
        let object = object_of(&members);
        let kept = object.as_object().unwrap().len() as u64 - 1;
        assert!(kept > 5);
        assert_eq!(object[LEFT_OUT], json!(100 - kept));
    }

    #[test]
    fn forbidden_keys_are_filtered_without_being_formatted() {
        struct Unasked;
        impl fmt::Display for Unasked {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("a secret was formatted")
            }
        }
        let mut members = Members::within(200);
        members.put("db_password", Value::Display(&Unasked));
        assert_eq!(object_of(&members), json!({"db_password": FILTERED}));
    }

    #[test]
    fn what_is_recorded_again_gives_way() {
        let mut members = Members::within(200);
        for index in 0..100 {
            members.put("progress", Value::U64(index));
            if members.is_full() && members.compact() {
                members.put("progress", Value::U64(index));
            }
        }
        assert_eq!(object_of(&members), json!({"progress": 99}));
    }

    #[test]
    fn a_key_that_is_no_name_is_left_out() {
        let mut members = Members::within(200);
        members.put("a\"b", Value::Bool(true));
        assert_eq!(object_of(&members), json!({LEFT_OUT: 1}));
    }
}
