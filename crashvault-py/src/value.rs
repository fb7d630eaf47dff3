//! Data that the host hands over (contexts, extra, users, breadcrumbs, events) ↔ JSON.
//!
//! Enters: dictionaries, lists and what lies in them. Leaves: JSON of a bounded size, and back.
//!
//! Never: asks an object of the host how it looks, unless its type is of Python's own library; follows a cycle for ever;
//! fails: what cannot be told is its type's name.

use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString,
    PyTuple, PyType,
};
use serde_json::{Map, Value};

use crate::own::Own;
use crate::{interrupt, raw, text};

/// Values in one that is handed over, at most; a record has no room for more.
const VALUES_MAX: usize = 10_000;
/// The texts in one together, in bytes: as much as a record holds.
const BYTES_MAX: usize = crashvault::event::limits::RECORD_BYTES_MAX;
/// Nesting, as deep as the engine keeps it.
const DEPTH_MAX: usize = crashvault::event::limits::JSON_DEPTH_MAX;
/// One text, in bytes: the longest entry that the engine keeps.
const TEXT_BYTES_MAX: usize = crashvault::event::limits::EXTRA_ITEM_BYTES_MAX;
/// The texts of a built event together, in bytes.
const PAYLOAD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The name of a type or a module, in bytes.
const NAME_BYTES_MAX: usize = crashvault::event::limits::NAME_BYTES_MAX;
/// Whole numbers are written out up to this many bits.
const INT_BITS_MAX: u64 = 1024;

const CUT: &str = crashvault::event::limits::CUT_MARK;

/// Modules whose objects say what they are by their text, and run no code of the host for it.
const TOLD_BY_TEXT: &[&str] = &[
    "datetime",
    "decimal",
    "fractions",
    "ipaddress",
    "pathlib",
    "uuid",
    "zoneinfo",
];

/// The value as JSON.
pub fn json(value: &Bound<'_, PyAny>) -> Value {
    let mut reader = Reader {
        left: VALUES_MAX,
        bytes_left: BYTES_MAX,
        text_bytes_max: TEXT_BYTES_MAX,
    };
    reader.read(value, 0)
}

/// The entries of a dictionary as a JSON object; nothing of anything else.
pub fn object(value: &Bound<'_, PyAny>) -> Option<Map<String, Value>> {
    match json(value.cast::<PyDict>().ok()?) {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// The entries of a built event. What is too much of it is left out by the engine, which says so; here is only seen to
/// that it can be held.
pub fn payload(event: &Bound<'_, PyAny>) -> Option<Map<String, Value>> {
    let mut reader = Reader {
        left: 2 * VALUES_MAX,
        bytes_left: PAYLOAD_BYTES_MAX,
        text_bytes_max: PAYLOAD_BYTES_MAX,
    };
    match reader.read(event.cast::<PyDict>().ok()?, 0) {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// The value as a short text: of a text itself, of anything else as its JSON.
pub fn short_text(value: &Bound<'_, PyAny>) -> String {
    match json(value) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// `<module.Type>`, by the type that an object really has.
pub fn type_mark(value: &Bound<'_, PyAny>) -> String {
    let (module, name) = type_name(&value.get_type());
    match module {
        Some(module) => format!("<{module}.{name}>"),
        None => format!("<{name}>"),
    }
}

/// A type's module, unless it is a built-in one, and its name; no metaclass is asked.
pub fn type_name(ty: &Bound<'_, PyType>) -> (Option<String>, String) {
    let Ok(own) = Own::of(ty.py()) else {
        return (None, "object".into());
    };
    let text = |value: PyResult<Bound<'_, PyAny>>| text::text(&value.ok()?, NAME_BYTES_MAX);
    let module = text(own.module_of(ty)).filter(|module| module != "builtins");
    let name = text(own.name_of(ty));
    (module, name.unwrap_or_else(|| "object".into()))
}

struct Reader {
    left: usize,
    bytes_left: usize,
    text_bytes_max: usize,
}

impl Reader {
    fn read(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Value {
        if self.left == 0 || depth > DEPTH_MAX {
            return CUT.into();
        }
        self.left -= 1;
        if value.is_none() {
            return Value::Null;
        }
        if let Ok(text) = value.cast::<PyString>() {
            return self.text(text).into();
        }
        if let Ok(flag) = value.cast::<PyBool>() {
            return flag.is_true().into();
        }
        if let Ok(int) = value.cast::<PyInt>() {
            return int_json(int);
        }
        if let Ok(float) = value.cast::<PyFloat>() {
            return float_json(float.value());
        }
        self.read_container(value, depth)
            .unwrap_or_else(|| told(value))
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> String {
        let text = text::head(text, self.text_bytes_max.min(self.bytes_left));
        self.bytes_left = self.bytes_left.saturating_sub(text.len());
        if self.bytes_left == 0 {
            self.left = 0;
        }
        text
    }

    fn read_container(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Option<Value> {
        if let Ok(dict) = value.cast::<PyDict>() {
            let mut map = Map::new();
            raw::entries(dict, self.left, |key, value| {
                let key = match self.read(&key, DEPTH_MAX) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                let value = self.read(&value, depth + 1);
                map.insert(key, value);
            });
            return Some(map.into());
        }
        if let Ok(list) = value.cast::<PyList>() {
            return Some(self.read_items(list.iter(), depth));
        }
        if let Ok(tuple) = value.cast::<PyTuple>() {
            return Some(self.read_items(tuple.iter(), depth));
        }
        let is_set =
            value.is_exact_instance_of::<PySet>() || value.is_exact_instance_of::<PyFrozenSet>();
        if is_set {
            let items = value.try_iter().ok()?.map_while(Result::ok);
            return Some(self.read_items(items, depth));
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Some(bytes_json(bytes.as_bytes()));
        }
        if let Ok(bytes) = value.cast::<PyByteArray>() {
            return Some(bytes_json(&bytes.to_vec()));
        }
        None
    }

    fn read_items<'py>(
        &mut self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> Value {
        let mut list = Vec::new();
        for item in items {
            list.push(self.read(&item, depth + 1));
            if self.left == 0 {
                break;
            }
        }
        list.into()
    }
}

pub fn int_json(int: &Bound<'_, PyInt>) -> Value {
    if let Ok(number) = int.extract::<i64>() {
        return number.into();
    }
    if let Ok(number) = int.extract::<u64>() {
        return number.into();
    }
    let py = int.py();
    let slot = |name: &str| {
        let slot = py.get_type::<PyInt>().getattr(name).ok()?;
        slot.call1((int,)).ok()
    };
    let bits = slot("bit_length").and_then(|bits| bits.extract::<u64>().ok());
    match bits {
        Some(bits) if bits <= INT_BITS_MAX => slot("__repr__")
            .and_then(|text| text::text(&text, TEXT_BYTES_MAX))
            .into(),
        _ => "<int of many digits>".into(),
    }
}

fn float_json(number: f64) -> Value {
    match serde_json::Number::from_f64(number) {
        Some(number) => number.into(),
        None => number.to_string().into(),
    }
}

fn bytes_json(bytes: &[u8]) -> Value {
    let head = &bytes[..bytes.len().min(TEXT_BYTES_MAX)];
    String::from_utf8_lossy(head).into_owned().into()
}

/// What is no plain data: its text where that is of Python's own making, else the name of its type.
fn told(value: &Bound<'_, PyAny>) -> Value {
    let (module, _) = type_name(&value.get_type());
    let module = module.unwrap_or_default();
    // The types of paths have moved into a package of their own.
    let module = module.split('.').next().unwrap_or_default();
    if TOLD_BY_TEXT.contains(&module)
        && let Ok(text) = interrupt::answer(value.py(), value.str())
    {
        return text::head(&text, TEXT_BYTES_MAX).into();
    }
    type_mark(value).into()
}
