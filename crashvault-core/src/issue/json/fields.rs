//! The fields of a JSON object → typed values, or the error that names the field.

use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::event::{EventId, Object, limits};
use crate::issue::{ActivityId, IssueId, VariantKey};
use crate::time::Timestamp;

/// An object that is being read.
pub(super) struct Fields<'v> {
    object: &'v Object,
    /// Where it stands: empty, or names with a dot behind each.
    path: String,
    operation: &'static str,
}

/// What a field can hold.
pub(super) trait Read: Sized {
    /// In words, for the error.
    const EXPECTED: &'static str;

    fn read(value: &Value) -> Option<Self>;
}

impl<'v> Fields<'v> {
    pub(super) fn of(value: &'v Value, operation: &'static str) -> Result<Self, Error> {
        match value {
            Value::Object(object) => Ok(Self {
                object,
                path: String::new(),
                operation,
            }),
            _ => {
                let message = "it must be a JSON object";
                Err(Error::new(ErrorKind::InvalidInput, operation, message))
            }
        }
    }

    /// A value that must be there.
    pub(super) fn required<T: Read>(&self, name: &str) -> Result<T, Error> {
        let read = self.object.get(name).and_then(T::read);
        read.ok_or_else(|| self.wrong(name, T::EXPECTED))
    }

    /// A value that must be there and may be null: what takes something away says so.
    pub(super) fn nullable<T: Read>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.object.get(name) {
            Some(Value::Null) => Ok(None),
            _ => self.required(name).map(Some),
        }
    }

    /// A value that may be left out.
    pub(super) fn optional<T: Read>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.required(name).map(Some),
        }
    }

    /// The object under a name.
    pub(super) fn inner(&self, name: &str) -> Result<Self, Error> {
        let value = self.object.get(name).and_then(Value::as_object);
        let object = value.ok_or_else(|| self.wrong(name, "an object"))?;
        let path = format!("{}{name}.", self.path);
        Ok(Self {
            object,
            path,
            operation: self.operation,
        })
    }

    /// Whether there is something under a name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some_and(|value| !value.is_null())
    }

    /// The names there are.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &'v str> {
        self.object.keys().map(String::as_str)
    }

    /// The field does not hold what it must.
    pub(super) fn wrong(&self, name: &str, expected: &str) -> Error {
        let name = shown(name);
        let message = format!("field '{}{name}' must be {expected}", self.path);
        Error::new(ErrorKind::InvalidInput, self.operation, message)
    }

    /// The field holds a word that a later version may know.
    pub(super) fn unknown(&self, name: &str, word: &str) -> Error {
        let word = shown(word);
        let message = format!(
            "field '{}{name}' is '{word}', which this version does not know; use a newer one",
            self.path
        );
        Error::new(ErrorKind::Unsupported, self.operation, message)
    }
}

/// A stranger's word, short and without control characters.
fn shown(word: &str) -> String {
    limits::cut(word, limits::NAME_BYTES_MAX)
        .escape_debug()
        .to_string()
}

impl Read for String {
    const EXPECTED: &'static str = "a text";

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Read for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Read for u64 {
    const EXPECTED: &'static str = "a whole number, at least 0";

    fn read(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl Read for u32 {
    const EXPECTED: &'static str = "a whole number from 0 to 4294967295";

    fn read(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl Read for Timestamp {
    const EXPECTED: &'static str = "a time as in RFC 3339, like 2026-01-05T10:00:00Z";

    fn read(value: &Value) -> Option<Self> {
        Self::parse(value.as_str()?)
    }
}

impl Read for EventId {
    const EXPECTED: &'static str = "an id of 32 hex digits";

    fn read(value: &Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
}

impl Read for Vec<EventId> {
    const EXPECTED: &'static str = "a list of ids of 32 hex digits, at least one";

    fn read(value: &Value) -> Option<Self> {
        let ids = value.as_array().filter(|ids| !ids.is_empty())?;
        ids.iter().map(EventId::read).collect()
    }
}

impl Read for [u8; 16] {
    const EXPECTED: &'static str = EventId::EXPECTED;

    fn read(value: &Value) -> Option<Self> {
        EventId::read(value).map(|id| *id.as_bytes())
    }
}

impl Read for ActivityId {
    const EXPECTED: &'static str = EventId::EXPECTED;

    fn read(value: &Value) -> Option<Self> {
        Read::read(value).map(Self::from_bytes)
    }
}

impl Read for VariantKey {
    const EXPECTED: &'static str = EventId::EXPECTED;

    fn read(value: &Value) -> Option<Self> {
        Read::read(value).map(Self::from_bytes)
    }
}

impl Read for IssueId {
    const EXPECTED: &'static str = EventId::EXPECTED;

    fn read(value: &Value) -> Option<Self> {
        Read::read(value).map(Self::from_bytes)
    }
}
