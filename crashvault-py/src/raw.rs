//! The few calls of Python's C interface that its Rust face does not offer as they are needed here.
//!
//! Enters: objects under the interpreter's lock. Leaves: new references, or nothing.
//!
//! Never: runs code of the host, or keeps an error that Python set.

use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// A name that Python is asked by, made at its first use and kept.
///
/// Not `pyo3::intern`: that lets Python's lock go while a thread makes the name, and a process that is forked at this moment
/// waits for that thread for ever.
pub struct Name {
    text: &'static str,
    made: AtomicPtr<ffi::PyObject>,
}

impl Name {
    pub const fn new(text: &'static str) -> Self {
        Self {
            text,
            made: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    pub fn get<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        let mut known = self.made.load(Ordering::Acquire);
        if known.is_null() {
            let made = PyString::intern(py, self.text).into_ptr();
            let first =
                self.made
                    .compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire);
            // Two that make it at once make the same object; a reference too many to a name that is kept for ever costs nothing.
            known = first.map_or_else(|first| first, |_| made);
        }
        // SAFETY: it is a str that is kept for ever, and the lock is held.
        unsafe { Bound::from_borrowed_ptr(py, known).cast_into_unchecked() }
    }
}

/// The name as Python's text object.
macro_rules! name {
    ($py:expr, $text:literal) => {{
        static NAME: $crate::raw::Name = $crate::raw::Name::new($text);
        NAME.get($py)
    }};
}
pub(crate) use name;

/// The first `chars_max` characters, whatever a subclass of `str` says it has.
pub fn head<'py>(text: &Bound<'py, PyString>, chars_max: usize) -> Bound<'py, PyString> {
    let chars_max = ffi::Py_ssize_t::try_from(chars_max).unwrap_or(ffi::Py_ssize_t::MAX);
    // SAFETY: `text` is a str, which both calls take, and the lock is held.
    let length = unsafe { ffi::PyUnicode_GetLength(text.as_ptr()) };
    if length <= chars_max {
        return text.clone();
    }
    // SAFETY: as above; the answer is a new reference to a str, or null with an error set, which is taken.
    let cut = unsafe {
        let cut = ffi::PyUnicode_Substring(text.as_ptr(), 0, chars_max);
        Bound::from_owned_ptr_or_err(text.py(), cut)
    };
    match cut.map(Bound::cast_into::<PyString>) {
        Ok(Ok(cut)) => cut,
        _ => PyString::new(text.py(), ""),
    }
}

/// The first entries of a dictionary, as many as `into` has room for, as they lie in it: a subclass is not asked.
pub fn entries<'py>(
    dict: &Bound<'py, PyDict>,
    count_max: usize,
    mut each: impl FnMut(Bound<'py, PyAny>, Bound<'py, PyAny>),
) {
    let mut position: ffi::Py_ssize_t = 0;
    for _ in 0..count_max {
        let mut key = std::ptr::null_mut();
        let mut value = std::ptr::null_mut();
        // SAFETY: `dict` is a dict, the pointers are to places that live, and the lock is held. `each` may run code of
        // the host that changes the dictionary: the position is checked against its size at every call.
        let (key, value) = unsafe {
            if ffi::PyDict_Next(dict.as_ptr(), &mut position, &mut key, &mut value) == 0 {
                return;
            }
            (
                Bound::from_borrowed_ptr(dict.py(), key),
                Bound::from_borrowed_ptr(dict.py(), value),
            )
        };
        each(key, value);
    }
}

/// The traceback of an exception.
pub fn traceback<'py>(error: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: `error` is an exception, and the lock is held; the answer is a new reference, or null without an error.
    unsafe {
        Bound::from_owned_ptr_or_opt(error.py(), ffi::PyException_GetTraceback(error.as_ptr()))
    }
}

/// What it was raised from.
pub fn cause<'py>(error: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: as in `traceback`.
    unsafe { Bound::from_owned_ptr_or_opt(error.py(), ffi::PyException_GetCause(error.as_ptr())) }
}

/// What was being handled when it was raised.
pub fn context<'py>(error: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: as in `traceback`.
    unsafe { Bound::from_owned_ptr_or_opt(error.py(), ffi::PyException_GetContext(error.as_ptr())) }
}

/// The exception that is being handled. No call, so that it works where the stack is full.
pub fn handled(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let mut parts = [std::ptr::null_mut(); 3];
    let [ty, value, traceback] = &mut parts;
    // SAFETY: the pointers are to places that live, and the lock is held; each is filled with a new reference, or null.
    let [_, value, _] = unsafe {
        ffi::PyErr_GetExcInfo(ty, value, traceback);
        parts.map(|part| Bound::from_owned_ptr_or_opt(py, part))
    };
    value
}

/// The number of the interpreter that is running; 0 is the main one.
pub fn interpreter() -> i64 {
    // SAFETY: the lock is held, so there is a current interpreter.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) }
}
