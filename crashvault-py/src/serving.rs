//! Requests that are served: each has a scope of its own, and is asked what it is only when something is captured in it.
//!
//! Enters: a callable of an integration, which tells a request. Leaves: the event's request, as the engine reads it.
//!
//! Never: asks before something is captured, lets an error of the callable through, or sees a body.

use std::sync::atomic::{AtomicBool, Ordering};

use crashvault::Level;
use crashvault::event::limits;
use crashvault::host::{EventWriter, Served, is_installed};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::raw::name;
use crate::scope::{self, GetRequest as _, Scope};
use crate::{interrupt, text};

/// An address with its query, in bytes; the engine keeps less of it.
const URL_BYTES_MAX: usize = 16 * 1024;
/// One header's value, in bytes; the engine keeps less of it.
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Headers that are looked at; the engine keeps as many.
const HEADERS_MAX: usize = 64;

/// What a scope knows of the request that is served in it.
#[pyclass(frozen, module = "crashvault")]
pub struct Request {
    tell: Py<PyAny>,
    has_error: AtomicBool,
    outer: Option<Py<Self>>,
}

#[pymethods]
impl Request {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.tell)?;
        visit.call(&self.outer)
    }
}

impl Request {
    /// Learns that something of this level is captured in it.
    pub fn see(&self, level: Level) {
        if level >= Level::Error {
            self.has_error.store(true, Ordering::Relaxed);
            if let Some(outer) = &self.outer {
                outer.get().see(level);
            }
        }
    }

    pub fn write(&self, py: Python<'_>, event: &mut EventWriter<'_, '_>) {
        let told = interrupt::answer(py, self.tell.bind(py).call0());
        if let Ok(told) = told
            && let Ok(told) = told.cast_into::<PyDict>()
        {
            event.served(&served(&told));
        }
    }
}

fn served<'py>(told: &Bound<'py, PyDict>) -> Served {
    let py = told.py();
    let entry = |key: Bound<'py, PyString>| told.get_item(key).ok().flatten();
    let text = |key, bytes_max| text::text(&entry(key)?, bytes_max);
    let headers = entry(name!(py, "headers")).and_then(|headers| headers.cast_into().ok());
    let headers: Option<Bound<'_, PyList>> = headers;
    let count = headers.as_ref().map_or(0, |headers| headers.len());
    let headers = headers.iter().flatten().take(HEADERS_MAX);
    Served::new(
        text(name!(py, "method"), limits::NAME_BYTES_MAX).unwrap_or_default(),
        text(name!(py, "url"), URL_BYTES_MAX).unwrap_or_default(),
        count,
        headers.filter_map(|header| header_of(&header)),
        text(name!(py, "route"), limits::NAME_BYTES_MAX),
    )
}

/// A pair of name and value, each a text or bytes.
fn header_of(header: &Bound<'_, PyAny>) -> Option<(String, Vec<u8>)> {
    let pair = header.cast::<PyTuple>().ok();
    let part = |index| match pair {
        Some(pair) => pair.get_item(index).ok(),
        None => header.cast::<PyList>().ok()?.get_item(index).ok(),
    };
    let name = bytes(&part(0)?, limits::NAME_BYTES_MAX)?;
    let value = bytes(&part(1)?, HEADER_BYTES_MAX)?;
    let name = String::from_utf8_lossy(&name).to_ascii_lowercase();
    Some((name, value))
}

fn bytes(given: &Bound<'_, PyAny>, bytes_max: usize) -> Option<Vec<u8>> {
    if let Ok(bytes) = given.cast::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return Some(bytes[..bytes.len().min(bytes_max)].to_vec());
    }
    Some(text::text(given, bytes_max)?.into_bytes())
}

/// The scope of one request, which may be entered and left again and again: as often as its server asks for more.
#[pyclass(module = "crashvault")]
pub struct Serving {
    request: Py<Request>,
    /// What the request's code has, while it does not run.
    scope: Py<PyAny>,
    /// What the server has, while the request's code runs.
    before: Option<Py<PyAny>>,
    depth: u32,
}

#[pymethods]
impl Serving {
    fn __enter__(slf: &Bound<'_, Self>) {
        let Ok(mut serving) = slf.try_borrow_mut() else {
            return;
        };
        serving.depth += 1;
        if serving.depth == 1
            && let Some(before) = scope::exchange(slf.py(), serving.scope.bind(slf.py()))
        {
            serving.before = Some(before.unbind());
        }
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(slf: &Bound<'_, Self>, _raised: &Bound<'_, PyTuple>) -> bool {
        let Ok(mut serving) = slf.try_borrow_mut() else {
            return false;
        };
        serving.depth = serving.depth.saturating_sub(1);
        if serving.depth > 0 {
            return false;
        }
        let py = slf.py();
        let Some(before) = serving.before.take() else {
            return false;
        };
        // Code that is closed by the collector may be closed in a context that is another's.
        if let Some(own) = scope::current(py)
            && own
                .get_request()
                .is_some_and(|request| request.is(&serving.request))
        {
            serving.scope = own.into_any().unbind();
            scope::leave(before.bind(py));
        }
        false
    }

    /// Whether something of level error or above was captured in it.
    #[getter]
    fn has_error(&self) -> bool {
        self.request.get().has_error.load(Ordering::Relaxed)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.request)?;
        visit.call(&self.scope)?;
        visit.call(&self.before)
    }
}

/// A copy of the scope for a request, which `tell()` tells when something is captured in it: as a dictionary of `method`,
/// `url`, `headers` (a list of pairs) and `route`. `None` where nothing is installed.
#[pyfunction]
#[pyo3(signature = (tell, traceparent=None))]
pub fn serving(
    py: Python<'_>,
    tell: Py<PyAny>,
    traceparent: Option<Bound<'_, PyAny>>,
) -> Option<Serving> {
    if !is_installed() {
        return None;
    }
    let outer = scope::current(py).and_then(|scope| scope.get_request());
    let request = Request {
        tell,
        has_error: AtomicBool::new(false),
        outer,
    };
    let request = Py::new(py, request).ok()?;
    let scope = Scope::of_request(py, request.clone_ref(py), traceparent);
    Some(Serving {
        request,
        scope: Py::new(py, scope).ok()?.into_any(),
        before: None,
        depth: 0,
    })
}

/// What `serving()` was given for the request that the running code serves.
#[pyfunction]
pub fn served_now(py: Python<'_>) -> Option<Py<PyAny>> {
    let request = scope::current(py)?.get_request()?;
    Some(request.get().tell.clone_ref(py))
}
