//! JSON text → a tree that borrows from it, to be taken apart by [`read`](super::read).
//!
//! Most of an event ends as texts in fields of their own: a tree of `serde_json`'s values would copy each key and text
//! once more on the way, and sort keys that are asked for by name.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::model::Object;

/// A JSON value.
#[derive(Debug, PartialEq)]
pub(super) enum Raw<'j> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'j, str>),
    Array(Vec<Raw<'j>>),
    Object(RawObject<'j>),
}

/// Keys and values as they stood in the text; of a key that comes twice the last counts.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RawObject<'j>(Vec<(Cow<'j, str>, Raw<'j>)>);

impl<'j> RawObject<'j> {
    pub(super) fn remove(&mut self, key: &str) -> Option<Raw<'j>> {
        let mut last = None;
        let first = self.0.iter().position(|(known, _)| known == key)?;
        if self.0[first + 1..].iter().all(|(known, _)| known != key) {
            return Some(self.0.remove(first).1);
        }
        // In one walk: somebody may send a key a million times.
        self.0.retain_mut(|(known, value)| {
            let is_sought = known == key;
            if is_sought {
                last = Some(std::mem::replace(value, Raw::Null));
            }
            !is_sought
        });
        last
    }

    pub(super) fn insert(&mut self, key: &'static str, value: Raw<'j>) {
        self.0.push((key.into(), value));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_pairs(self) -> Vec<(String, Raw<'j>)> {
        let pairs = self.0.into_iter();
        pairs
            .map(|(key, value)| (key.into_owned(), value))
            .collect()
    }

    pub(super) fn into_object(self) -> Object {
        let pairs = self.0.into_iter();
        pairs
            .map(|(key, value)| (key.into_owned(), value.into_value()))
            .collect()
    }
}

impl Raw<'_> {
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => flag.into(),
            Self::Number(number) => number.into(),
            Self::String(text) => text.into_owned().into(),
            Self::Array(items) => items.into_iter().map(Raw::into_value).collect(),
            Self::Object(object) => object.into_object().into(),
        }
    }

    /// A text, or what prints as one.
    pub(super) fn into_scalar_text(self) -> Result<String, Self> {
        match self {
            Self::String(text) => Ok(text.into_owned()),
            Self::Number(number) => Ok(number.to_string()),
            Self::Bool(flag) => Ok(flag.to_string()),
            other => Err(other),
        }
    }
}

impl From<Value> for Raw<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::String(text.into()),
            Value::Array(items) => Self::Array(items.into_iter().map(Raw::from).collect()),
            Value::Object(object) => Self::Object(object.into()),
        }
    }
}

impl From<Object> for RawObject<'_> {
    fn from(object: Object) -> Self {
        let pairs = object.into_iter();
        Self(
            pairs
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

/// What a number comes as where a program has told serde_json to keep all its digits.
const NUMBER_KEY: &str = "$serde_json::private::Number";

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Raw<'de>, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Raw<'de>, E> {
        Ok(Raw::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw<'de>, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw<'de>, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Raw<'de>, E> {
        Ok(Number::from_f64(number).map_or(Raw::Null, Raw::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Raw<'de>, E> {
        Ok(Raw::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw<'de>, E> {
        Ok(Raw::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw<'de>, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element()? {
            read.push(item);
        }
        Ok(Raw::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Raw<'de>, A::Error> {
        let mut read = Vec::new();
        while let Some(Key(key)) = pairs.next_key()? {
            let value: Raw<'de> = pairs.next_value()?;
            if let (NUMBER_KEY, Raw::String(digits)) = (&*key, &value)
                && let Ok(number) = digits.parse()
            {
                return Ok(Raw::Number(number));
            }
            read.push((key, value));
        }
        Ok(Raw::Object(RawObject(read)))
    }
}

struct Key<'j>(Cow<'j, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) {
        let value: Value = serde_json::from_str(json).unwrap();
        let raw: Raw<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(raw.into_value(), value);
        assert_eq!(Raw::from(value.clone()).into_value(), value);
    }

    #[test]
    fn every_kind_of_json_is_read_as_serde_json_reads_it() {
        check("null");
        check("[true, false, 1, -1, 1.5, 18446744073709551615, 1e300, -0.0]");
        check(r#"{"a": "plain", "b": "esc\u0061ped\n", "\u0063": {"d": [{}, []]}}"#);
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        check(r#"{"a": 1, "b": 2, "a": 3}"#);
        let mut object = match serde_json::from_str(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap() {
            Raw::Object(object) => object,
            other => panic!("{other:?}"),
        };
        assert_eq!(object.remove("a"), Some(Raw::Number(3.into())));
        assert_eq!(object.remove("a"), None);
        assert_eq!(object.remove("b"), Some(Raw::Number(2.into())));
        assert!(object.is_empty());
    }

    #[test]
    fn numbers_kept_with_all_their_digits_are_numbers() {
        let raw: Raw<'_> =
            serde_json::from_str(r#"{"$serde_json::private::Number": "12"}"#).unwrap();
        assert_eq!(raw, Raw::Number(12.into()));
    }
}
