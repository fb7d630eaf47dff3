//! The local variables of frames → short JSON, by a walk over Python's own plain types.
//!
//! Never: asks an object of the host anything, not even how it looks: what is no plain data is its type's name. Takes more
//! than a millisecond or 64 KB for one event; the innermost frames are looked at first.

use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crashvault::event::{is_forbidden_key, limits};
use crashvault::host::FrameWriter;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyCFunction, PyDict, PyFloat, PyFrozenSet, PyFunction, PyInt, PyList,
    PyModule, PySet, PyString, PyTuple, PyType,
};

use super::frames::{Code, NameKind, Place};
use crate::raw::name;
use crate::{raw, text, value};

/// Variables of one frame.
const VARIABLES_MAX: usize = 10;
/// Names of one frame that are looked at to find them.
const NAMES_MAX: usize = 200;
/// Entries of one container.
const ITEMS_MAX: usize = 10;
/// Containers within containers.
const DEPTH_MAX: usize = 3;
/// One text, and one key, in bytes.
const TEXT_BYTES_MAX: usize = 256;
const KEY_BYTES_MAX: usize = 64;
/// One variable, all of one event, in bytes.
const VARIABLE_BYTES_MAX: usize = 4 * 1024;
const EVENT_BYTES_MAX: usize = 64 * 1024;
/// All variables of one event. Tests are built without optimisation, and on machines that do other things: nothing is to be
/// missing there for want of time.
const TIME_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 1 });
/// Types whose names are remembered within one event.
const MARKS_MAX: usize = 32;
/// Room for the variables of a usual event, in bytes and by number.
const TEXT_BYTES_FIRST: usize = 8 * 1024;
const VARIABLES_FIRST: usize = 128;
/// Values between two looks at the clock.
const VALUES_PER_LOOK: u32 = 16;

/// What is left of one event's bounds.
#[derive(Debug)]
pub struct Budget {
    ends_at: Option<Instant>,
    bytes_left: usize,
    values_seen: u32,
    is_spent: bool,
    /// The names of types, as JSON, by where the types are: they outlive the event, as objects of theirs do.
    marks: Vec<(usize, Box<[u8]>)>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            ends_at: None,
            bytes_left: EVENT_BYTES_MAX,
            values_seen: 0,
            is_spent: false,
            marks: Vec::new(),
        }
    }
}

impl Budget {
    /// Whether something was left out for want of time or room.
    pub fn is_spent(&self) -> bool {
        self.is_spent
    }

    fn look_at_clock(&mut self) {
        let now = Instant::now();
        self.is_spent |= now > *self.ends_at.get_or_insert(now + TIME_MAX);
    }

    fn count_value(&mut self) {
        self.values_seen += 1;
        if self.values_seen.is_multiple_of(VALUES_PER_LOOK) {
            self.look_at_clock();
        }
    }
}

/// The variables of some frames, read and not yet written.
#[derive(Debug, Default)]
pub struct Locals {
    /// Names and JSON, one behind the other.
    text: Vec<u8>,
    variables: Vec<Variable>,
    /// Which of them are whose.
    by_frame: Vec<Range<usize>>,
}

#[derive(Debug)]
struct Variable {
    name: Range<usize>,
    json: Range<usize>,
}

impl Locals {
    /// Reads those of `places`, which stand outermost first.
    pub fn read(places: &[(Place<'_>, Arc<Code>)], budget: &mut Budget) -> Self {
        let mut locals = Self {
            text: Vec::with_capacity(TEXT_BYTES_FIRST),
            variables: Vec::with_capacity(VARIABLES_FIRST),
            by_frame: vec![0..0; places.len()],
        };
        for (at, (place, code)) in places.iter().enumerate().rev() {
            if budget.is_spent {
                break;
            }
            budget.look_at_clock();
            let first = locals.variables.len();
            locals.read_frame(place, code, budget);
            locals.by_frame[at] = first..locals.variables.len();
        }
        locals
    }

    fn read_frame(&mut self, place: &Place<'_>, code: &Code, budget: &mut Budget) {
        let Some(variables) = variables(&place.frame) else {
            return;
        };
        let end = self.variables.len() + VARIABLES_MAX;
        raw::entries(&variables, NAMES_MAX, |name, value| {
            let is_full = self.variables.len() >= end || budget.is_spent;
            if is_full || (code.is_module && is_furniture(&value)) {
                return;
            }
            let Ok(name) = name.cast_exact::<PyString>() else {
                return;
            };
            match code.name(name) {
                Some(name) => self.read_variable(&name.text, name.kind, &value, budget),
                None => text::with_head(name, limits::TAG_KEY_BYTES_MAX, |name| {
                    let name = limits::head(name, limits::TAG_KEY_BYTES_MAX);
                    self.read_variable(name, NameKind::of(name), &value, budget);
                }),
            }
        });
    }

    fn read_variable(
        &mut self,
        name: &str,
        kind: NameKind,
        value: &Bound<'_, PyAny>,
        budget: &mut Budget,
    ) {
        if kind == NameKind::Hidden {
            return;
        }
        let start = self.text.len();
        self.text.extend_from_slice(name.as_bytes());
        let middle = self.text.len();
        let mut writer = Writer {
            json: &mut self.text,
            end_max: middle + VARIABLE_BYTES_MAX,
            budget,
        };
        match kind {
            NameKind::Forbidden => writer.text(limits::FILTERED),
            _ => writer.write(value, 0),
        }
        let end = self.text.len();
        match budget.bytes_left.checked_sub(end - start) {
            Some(left) => {
                budget.bytes_left = left;
                self.variables.push(Variable {
                    name: start..middle,
                    json: middle..end,
                });
            }
            None => {
                budget.is_spent = true;
                self.text.truncate(start);
            }
        }
    }

    /// Writes those of one frame.
    pub fn write(&self, frame: usize, writer: &mut FrameWriter<'_, '_>) {
        for variable in &self.variables[self.by_frame[frame].clone()] {
            let name = &self.text[variable.name.clone()];
            // It was a text when it was put there.
            let name = std::str::from_utf8(name).unwrap_or_default();
            writer.clean_variable(name, &self.text[variable.json.clone()]);
        }
    }
}

/// The variables of a frame, as Python shows them: a dictionary, or (from 3.13 on) a view that makes one.
fn variables<'py>(frame: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    let py = frame.py();
    let variables = frame.getattr(name!(py, "f_locals")).ok()?;
    match variables.cast_into_exact::<PyDict>() {
        Ok(variables) => Some(variables),
        Err(other) => {
            let other = other.into_inner();
            let ty = value::type_name(&other.get_type());
            // A class's body may lie in an object of the host, which is not asked.
            if ty != (None, "FrameLocalsProxy".to_owned()) {
                return None;
            }
            let made = py.get_type::<PyDict>().call1((other,)).ok()?;
            made.cast_into_exact().ok()
        }
    }
}

/// Whether what comes behind it in a pair is not to be kept.
fn is_forbidden_name(name: &Bound<'_, PyAny>) -> bool {
    if let Ok(name) = name.cast_exact::<PyString>() {
        return text::with_head(name, KEY_BYTES_MAX, is_forbidden_key);
    }
    // Servers of ASGI give headers as bytes.
    let name = name.cast_exact::<PyBytes>();
    let name = name.ok().map(|name| name.as_bytes());
    name.and_then(|name| std::str::from_utf8(&name[..name.len().min(KEY_BYTES_MAX)]).ok())
        .is_some_and(is_forbidden_key)
}

/// Whether it is a request as servers of WSGI or ASGI give it. The event has it where it belongs, and with the manners that
/// are due to a request.
fn is_request(dict: &Bound<'_, PyDict>) -> bool {
    let mut is_request = false;
    raw::entries(dict, NAMES_MAX, |key, _| {
        if !is_request && let Ok(key) = key.cast_exact::<PyString>() {
            is_request = text::with_head(key, KEY_BYTES_MAX, |key| REQUEST_KEYS.contains(&key));
        }
    });
    is_request
}

/// What a module is furnished with, rather than what it works on.
fn is_furniture(value: &Bound<'_, PyAny>) -> bool {
    value.cast::<PyModule>().is_ok()
        || value.cast::<PyType>().is_ok()
        || value.cast::<PyFunction>().is_ok()
        || value.cast::<PyCFunction>().is_ok()
}

struct Writer<'w> {
    json: &'w mut Vec<u8>,
    end_max: usize,
    budget: &'w mut Budget,
}

impl Writer<'_> {
    fn write(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        self.budget.count_value();
        if let Ok(text) = value.cast_exact::<PyString>() {
            return self.string(text, TEXT_BYTES_MAX);
        }
        if value.is_none() {
            return self.json.extend_from_slice(b"null");
        }
        if let Ok(int) = value.cast_exact::<PyInt>() {
            return match int.extract::<i64>() {
                Ok(number) => self.number(number),
                Err(_) => self.json_value(&value::int_json(int)),
            };
        }
        if let Ok(flag) = value.cast_exact::<PyBool>() {
            let text: &[u8] = if flag.is_true() { b"true" } else { b"false" };
            return self.json.extend_from_slice(text);
        }
        if let Ok(number) = value.cast_exact::<PyFloat>() {
            return self.float(number.value());
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            return self.bytes(bytes.as_bytes());
        }
        if !self.container(value, depth) {
            self.mark(value);
        }
    }

    fn container(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> bool {
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.dict(dict, depth);
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.items(list.len(), list.iter(), depth);
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.items(tuple.len(), tuple.iter(), depth);
        } else if let Ok(set) = value.cast_exact::<PySet>() {
            self.set(value, set.len(), depth);
        } else if let Ok(set) = value.cast_exact::<PyFrozenSet>() {
            self.set(value, set.len(), depth);
        } else {
            return false;
        }
        true
    }

    fn set(&mut self, set: &Bound<'_, PyAny>, length: usize, depth: usize) {
        if let Ok(items) = set.try_iter() {
            self.items(length, items.map_while(Result::ok), depth);
        }
    }

    fn items<'py>(
        &mut self,
        length: usize,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) {
        if length > 0 && depth >= DEPTH_MAX {
            return self.text(CUT);
        }
        self.json.push(b'[');
        let mut names_secret = false;
        for (at, item) in items.take(ITEMS_MAX).enumerate() {
            self.comma(at);
            if self.is_full() {
                self.text(CUT);
                break;
            }
            // Headers and the like come as pairs.
            match names_secret {
                true => self.text(limits::FILTERED),
                false => self.write(&item, depth + 1),
            }
            names_secret = at == 0 && length == 2 && is_forbidden_name(&item);
        }
        self.left_out(length);
        self.json.push(b']');
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>, depth: usize) {
        if !dict.is_empty() && depth >= DEPTH_MAX {
            return self.text(CUT);
        }
        if dict.len() > ITEMS_MAX && is_request(dict) {
            return self.text(REQUEST);
        }
        self.json.push(b'{');
        let mut at = 0;
        raw::entries(dict, ITEMS_MAX, |key, value| {
            if self.is_full() {
                return;
            }
            self.comma(at);
            at += 1;
            let is_forbidden = self.key(&key);
            self.json.push(b':');
            match is_forbidden {
                true => self.text(limits::FILTERED),
                false => self.write(&value, depth + 1),
            }
        });
        if dict.len() > at {
            self.comma(at);
            self.text("…");
            self.json.push(b':');
            self.text(&format!("{} more", dict.len() - at));
        }
        self.json.push(b'}');
    }

    /// Whether what stands under it is not to be kept.
    fn key(&mut self, key: &Bound<'_, PyAny>) -> bool {
        if let Ok(key) = key.cast_exact::<PyString>() {
            return text::with_head(key, KEY_BYTES_MAX, |key| {
                self.text(&limits::cut(key, KEY_BYTES_MAX));
                is_forbidden_key(key)
            });
        }
        // What is no text is written as the text of its JSON.
        let start = self.json.len();
        self.write(key, DEPTH_MAX - 1);
        let written = self.json.split_off(start);
        let written = String::from_utf8_lossy(&written).into_owned();
        self.text(written.trim_matches('"'));
        false
    }

    fn left_out(&mut self, length: usize) {
        if length > ITEMS_MAX {
            self.comma(1);
            self.text(&format!("… {} more", length - ITEMS_MAX));
        }
    }

    fn comma(&mut self, at: usize) {
        if at > 0 {
            self.json.push(b',');
        }
    }

    fn is_full(&self) -> bool {
        self.budget.is_spent || self.json.len() >= self.end_max
    }

    fn string(&mut self, text: &Bound<'_, PyString>, bytes_max: usize) {
        text::with_head(text, bytes_max, |text| {
            self.text(&limits::cut(text, bytes_max))
        });
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let head = &bytes[..bytes.len().min(TEXT_BYTES_MAX + 1)];
        self.text(&limits::cut(&String::from_utf8_lossy(head), TEXT_BYTES_MAX));
    }

    fn number(&mut self, number: i64) {
        let _ = write!(self.json, "{number}");
    }

    fn float(&mut self, number: f64) {
        match serde_json::Number::from_f64(number) {
            Some(number) => self.json.extend_from_slice(number.to_string().as_bytes()),
            None => self.text(&number.to_string()),
        }
    }

    fn json_value(&mut self, value: &serde_json::Value) {
        let json = value.to_string();
        self.json.extend_from_slice(json.as_bytes());
    }

    fn mark(&mut self, value: &Bound<'_, PyAny>) {
        let address = value.get_type_ptr() as usize;
        let marks = &self.budget.marks;
        if let Some((_, mark)) = marks.iter().find(|(ty, _)| *ty == address) {
            return self.json.extend_from_slice(mark);
        }
        let start = self.json.len();
        self.text(&value::type_mark(value));
        if self.budget.marks.len() < MARKS_MAX {
            let mark = self.json[start..].into();
            self.budget.marks.push((address, mark));
        }
    }

    fn text(&mut self, text: &str) {
        // Writing to memory cannot fail, nor can a text as JSON.
        let _ = serde_json::to_writer(&mut *self.json, text);
    }
}

const CUT: &str = limits::CUT_MARK;
const REQUEST: &str = "<request>";
/// Only requests have these.
const REQUEST_KEYS: [&str; 3] = ["REQUEST_METHOD", "asgi", "wsgi.input"];
