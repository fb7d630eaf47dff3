//! Results as small classes that cannot be changed: the engine's structs, with ids as text, times as `datetime`, words
//! for enums.
//!
//! Never: holds what the engine may still change, or asks the vault.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crashvault::Timestamp;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyTzInfo,
};
use pyo3::{BoundObject, IntoPyObjectExt};
use serde_json::{Map, Number, Value};

use crate::error::invalid;

/// Declares a record: a class with these attributes, `to_dict()`, `==`, and a `repr()` that shows those named first.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $name:ident($($shown:ident),*) {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
        $(with { $($methods:tt)* })?
    ) => {
        $(#[$doc])*
        #[pyo3::pyclass(frozen, get_all, eq, module = "crashvault")]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        #[pyo3::pymethods]
        impl $name {
            /// All of it as plain data that ``json.dumps`` takes: records as dicts, times as text in UTC.
            fn to_dict<'py>(&self, py: pyo3::Python<'py>) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::PyAny>> {
                $crate::record::to_object(py, &$crate::record::Plain::plain(self))
            }

            fn __repr__(slf: &pyo3::Bound<'_, Self>) -> pyo3::PyResult<String> {
                $crate::record::shown(slf.as_any(), stringify!($name), &[$(stringify!($shown)),*])
            }

            $($($methods)*)?
        }

        impl $crate::record::Plain for $name {
            fn plain(&self) -> serde_json::Value {
                let mut map = serde_json::Map::new();
                $(map.insert(stringify!($field).to_owned(), $crate::record::Plain::plain(&self.$field));)*
                map.into()
            }
        }
    };
}
pub(crate) use record;

/// A record with the attributes of a struct of the engine, by the same names.
macro_rules! mirror {
    (
        $(#[$doc:meta])*
        $name:ident($($shown:ident),*) of $engine:path {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $crate::record::record! {
            $(#[$doc])*
            $name($($shown),*) {
                $($(#[$field_doc])* $field: $type,)*
            }
        }

        impl From<$engine> for $name {
            fn from(told: $engine) -> Self {
                Self {
                    $($field: told.$field.into(),)*
                }
            }
        }
    };
}
pub(crate) use mirror;

/// What can be told as JSON.
pub trait Plain {
    fn plain(&self) -> Value;
}

macro_rules! plain {
    ($($type:ty),*) => {
        $(impl Plain for $type {
            fn plain(&self) -> Value {
                self.clone().into()
            }
        })*
    };
}
plain!(u64, u32, usize, bool, f64, String, &'static str);

impl Plain for PathBuf {
    fn plain(&self) -> Value {
        self.to_string_lossy().into()
    }
}

impl<T: Plain> Plain for Option<T> {
    fn plain(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::plain)
    }
}

impl<T: Plain> Plain for BTreeMap<String, T> {
    fn plain(&self) -> Value {
        let entries = self.iter();
        let entries = entries.map(|(key, value)| (key.clone(), value.plain()));
        entries.collect::<Map<_, _>>().into()
    }
}

impl<T: Plain, U: Plain> Plain for (T, U) {
    fn plain(&self) -> Value {
        Value::Array(vec![self.0.plain(), self.1.plain()])
    }
}

/// Several of a kind; a tuple.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<T>(pub Arc<[T]>);

impl<T> Rows<T> {
    pub fn of<E>(items: impl IntoIterator<Item = E>) -> Self
    where
        T: From<E>,
    {
        Self(items.into_iter().map(T::from).collect())
    }
}

impl<'py, T: Clone + IntoPyObject<'py>> Rows<T> {
    /// As of a tuple: one of them by its place, or several by a slice.
    pub fn get(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        let Ok(place) = index.extract::<isize>() else {
            return self.clone().into_pyobject(py)?.as_any().get_item(index);
        };
        let place = match usize::try_from(place) {
            Ok(place) => Some(place),
            Err(_) => self.0.len().checked_sub(place.unsigned_abs()),
        };
        let item = place.and_then(|place| self.0.get(place));
        let missing = || PyIndexError::new_err("there are not so many on this page");
        item.ok_or_else(missing)?.clone().into_bound_py_any(py)
    }

    pub fn iterator(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self
            .clone()
            .into_pyobject(py)?
            .as_any()
            .try_iter()?
            .into_any())
    }
}

impl<E, T: From<E>> From<Vec<E>> for Rows<T> {
    fn from(items: Vec<E>) -> Self {
        Self::of(items)
    }
}

impl<T: Plain> Plain for Rows<T> {
    fn plain(&self) -> Value {
        self.0.iter().map(T::plain).collect()
    }
}

impl<'py, T: Clone + IntoPyObject<'py>> IntoPyObject<'py> for Rows<T> {
    type Target = PyTuple;
    type Output = Bound<'py, PyTuple>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let items = self.0.iter().cloned();
        let items = items.map(|item| {
            item.into_pyobject(py)
                .map(|item| item.into_any().into_bound())
        });
        let items = items.collect::<Result<Vec<_>, _>>().map_err(Into::into)?;
        PyTuple::new(py, items)
    }
}

/// How many there are of each kind; a dict in the order of the kinds.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts(pub Arc<[(&'static str, u64)]>);

impl Plain for Counts {
    fn plain(&self) -> Value {
        let counts = self.0.iter();
        let counts = counts.map(|(kind, count)| ((*kind).to_owned(), (*count).into()));
        counts.collect::<Map<_, _>>().into()
    }
}

impl<'py> IntoPyObject<'py> for Counts {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let dict = PyDict::new(py);
        for (kind, count) in &*self.0 {
            dict.set_item(kind, count)?;
        }
        Ok(dict)
    }
}

/// What has the form of JSON already; a dict, made anew whenever it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub Arc<Value>);

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(Arc::new(value))
    }
}

impl Plain for Json {
    fn plain(&self) -> Value {
        (*self.0).clone()
    }
}

impl<'py> IntoPyObject<'py> for Json {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        to_object(py, &self.0)
    }
}

/// A moment; a `datetime` in UTC, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Moment(pub Timestamp);

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl Moment {
    /// What a clock of the host's says: a `datetime`, or the nanoseconds since 1970.
    pub fn told(said: &Bound<'_, PyAny>) -> PyResult<Self> {
        match said.extract() {
            Ok(nanos) => Ok(Self(Timestamp::from_nanos(nanos))),
            Err(_) => said.extract(),
        }
    }
}

impl Plain for Moment {
    fn plain(&self) -> Value {
        self.0.to_string().into()
    }
}

const DAY_MICROS: i64 = 86_400_000_000;
const SECOND_MICROS: i64 = 1_000_000;

impl<'py> IntoPyObject<'py> for Moment {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let micros = self.0.as_nanos().div_euclid(1000);
        let (days, rest) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
        // Both are small: the years are 1677 to 2262.
        let (days, seconds, rest) = (
            days as i32,
            (rest / SECOND_MICROS) as i32,
            (rest % SECOND_MICROS) as i32,
        );
        epoch(py)?.add(PyDelta::new(py, days, seconds, rest, false)?)
    }
}

impl<'py> FromPyObject<'_, 'py> for Moment {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if !object.is_instance_of::<PyDateTime>() {
            return Err(PyTypeError::new_err("expected a datetime with a time zone"));
        }
        if object.call_method0(intern!(py, "utcoffset"))?.is_none() {
            let message = "a datetime needs a time zone here, such as datetime.timezone.utc";
            return Err(invalid(py, "read time", message));
        }
        let since = object.sub(epoch(py)?)?;
        let micros = micros(&since)?;
        match micros.checked_mul(1000) {
            Some(nanos) => Ok(Self(Timestamp::from_nanos(nanos))),
            None => Err(invalid(
                py,
                "read time",
                "times lie between the years 1677 and 2262",
            )),
        }
    }
}

/// Microseconds of a `timedelta`, which has days, seconds, microseconds.
pub fn micros(delta: &Bound<'_, PyAny>) -> PyResult<i64> {
    let py = delta.py();
    let days: i64 = delta.getattr(intern!(py, "days"))?.extract()?;
    let seconds: i64 = delta.getattr(intern!(py, "seconds"))?.extract()?;
    let rest: i64 = delta.getattr(intern!(py, "microseconds"))?.extract()?;
    Ok(days * DAY_MICROS + seconds * SECOND_MICROS + rest)
}

fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = EPOCH.get_or_try_init(py, || {
        let utc = PyTzInfo::utc(py)?;
        let utc = utc.to_owned();
        let epoch = PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc))?;
        Ok::<_, PyErr>(epoch.into_any().unbind())
    })?;
    Ok(made.bind(py))
}

/// `Name(attribute=…, …)`.
pub fn shown(record: &Bound<'_, PyAny>, name: &str, attributes: &[&str]) -> PyResult<String> {
    let mut parts = Vec::new();
    for attribute in attributes {
        let value = record.getattr(*attribute)?.repr()?;
        parts.push(format!("{attribute}={}", value.to_cow()?));
    }
    Ok(format!("{name}({})", parts.join(", ")))
}

/// JSON → what `json.loads` would make of it. As deep as JSON was read.
pub fn to_object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(is_true) => PyBool::new(py, *is_true).to_owned().into_any(),
        Value::Number(number) => number_object(py, number)?,
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let items = items.iter().map(|item| to_object(py, item));
            PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?.into_any()
        }
        Value::Object(map) => {
            let dict = PyDict::new(py);
            for (key, item) in map {
                dict.set_item(key, to_object(py, item)?)?;
            }
            dict.into_any()
        }
    })
}

fn number_object<'py>(py: Python<'py>, number: &Number) -> PyResult<Bound<'py, PyAny>> {
    if let Some(number) = number.as_i64() {
        return Ok(number.into_pyobject(py)?.into_any());
    }
    if let Some(number) = number.as_u64() {
        return Ok(number.into_pyobject(py)?.into_any());
    }
    Ok(PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any())
}

/// How deep lists and dicts may lie within each other; what refers to itself ends here.
const DEPTH_MAX: usize = 100;

/// What `json.dumps` takes, tuples and times → JSON. `at` names the place for the error.
///
/// # Errors
/// `TypeError` for what JSON has no word for, `InvalidInputError` for a number it cannot hold or what lies too deep.
pub fn from_object(object: &Bound<'_, PyAny>, at: &str) -> PyResult<Value> {
    read(object, &mut at.to_owned(), 0)
}

fn read(object: &Bound<'_, PyAny>, at: &mut String, depth: usize) -> PyResult<Value> {
    let py = object.py();
    if depth > DEPTH_MAX {
        let message = format!("{at} lies more than {DEPTH_MAX} deep, or holds itself");
        return Err(invalid(py, "read value", message));
    }
    if object.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(is_true) = object.cast::<PyBool>() {
        return Ok(is_true.is_true().into());
    }
    if object.is_instance_of::<PyString>() {
        return Ok(object.extract::<String>()?.into());
    }
    if object.is_instance_of::<PyInt>() {
        return whole(object, at);
    }
    if let Ok(float) = object.cast::<PyFloat>() {
        let number = Number::from_f64(float.value());
        let message = || format!("{at} is {}, which JSON cannot hold", float.value());
        return number
            .map(Value::Number)
            .ok_or_else(|| invalid(py, "read value", message()));
    }
    if object.is_instance_of::<PyDateTime>() {
        return Ok(object.extract::<Moment>()?.plain());
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        return read_dict(dict, at, depth);
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        let mut items = Vec::new();
        for (index, item) in object.try_iter()?.enumerate() {
            items.push(within(at, &format!("[{index}]"), |at| {
                read(&item?, at, depth + 1)
            })?);
        }
        return Ok(items.into());
    }
    let name = object.get_type().qualname()?;
    Err(PyTypeError::new_err(format!(
        "{at} is of type {name}, which JSON has no word for"
    )))
}

fn whole(object: &Bound<'_, PyAny>, at: &str) -> PyResult<Value> {
    if let Ok(number) = object.extract::<i64>() {
        return Ok(number.into());
    }
    match object.extract::<u64>() {
        Ok(number) => Ok(number.into()),
        Err(_) => Err(invalid(
            object.py(),
            "read value",
            format!("{at} is a number of more than 64 bits"),
        )),
    }
}

fn read_dict(dict: &Bound<'_, PyDict>, at: &mut String, depth: usize) -> PyResult<Value> {
    let mut map = Map::new();
    for (key, item) in dict {
        if !key.is_instance_of::<PyString>() {
            let name = key.get_type().qualname()?;
            return Err(PyTypeError::new_err(format!(
                "{at} has a key of type {name}; keys are str"
            )));
        }
        let key: String = key.extract()?;
        let item = within(at, &format!("[{key:?}]"), |at| read(&item, at, depth + 1))?;
        map.insert(key, item);
    }
    Ok(map.into())
}

fn within<T>(
    at: &mut String,
    step: &str,
    work: impl FnOnce(&mut String) -> PyResult<T>,
) -> PyResult<T> {
    let length = at.len();
    at.push_str(step);
    let done = work(at)?;
    at.truncate(length);
    Ok(done)
}
