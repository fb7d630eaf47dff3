//! Exceptions, messages and built events → the engine's records.
//!
//! Never: raises, but for the user's own interrupt; changes what it is given; keeps a reference to it.

mod frames;
mod locals;
mod mark;
mod thrown;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use crashvault::event::limits;
use crashvault::host::{self, Capture, EventWriter, Site, is_listening};
use crashvault::{Event, EventId, Level};
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::own::Own;
use crate::raw::name;
use crate::text::{self, Shown};
use crate::{interrupt, raw, scope, value};
use thrown::{Mechanism, Thrown};

/// The id as 32 hexadecimal digits; `None` where nothing was kept.
fn told(id: EventId) -> PyResult<Option<String>> {
    interrupt::passed((!id.is_nil()).then(|| id.to_string()))
}

/// Whether exceptions carry their tracebacks.
pub static WANTS_STACKS: AtomicBool = AtomicBool::new(true);
/// Whether frames carry local variables.
pub static WANTS_LOCALS: AtomicBool = AtomicBool::new(true);

/// What of an exception is wanted.
#[derive(Clone, Copy)]
struct Wants {
    stacks: bool,
    locals: bool,
}

impl Wants {
    fn now() -> Self {
        Self {
            stacks: WANTS_STACKS.load(Ordering::Relaxed),
            locals: WANTS_LOCALS.load(Ordering::Relaxed),
        }
    }
}

const NOWHERE: Site<'static> = Site {
    file: "",
    line: 0,
    column: 0,
};

/// Captures an exception with its traceback and all that it came from; it is on disk when this returns.
#[pyfunction]
#[pyo3(signature = (error=None, *, level=None, mechanism=None, handled=None, fatal=None, logger=None))]
pub fn capture_exception(
    py: Python<'_>,
    error: Option<Bound<'_, PyAny>>,
    level: Option<Bound<'_, PyAny>>,
    mechanism: Option<Bound<'_, PyAny>>,
    handled: Option<Bound<'_, PyAny>>,
    fatal: Option<Bound<'_, PyAny>>,
    logger: Option<Bound<'_, PyAny>>,
) -> PyResult<Option<String>> {
    if !is_listening() {
        return Ok(None);
    }
    let Some(error) = exception(py, error) else {
        return Ok(None);
    };
    // What is noticed by itself (a hook, an integration, a decorator) is often noticed by several on its way out.
    if mechanism.is_some()
        && let Some(id) = mark::read(&error)
    {
        return Ok(Some(id));
    }
    let is = |flag: Option<Bound<'_, PyAny>>, default: bool| {
        flag.map_or(default, |flag| flag.is_truthy().unwrap_or(default))
    };
    let mechanism = mechanism.and_then(|name| text::text(&name, limits::NAME_BYTES_MAX));
    let mechanism = Mechanism {
        ty: mechanism.as_deref().unwrap_or("generic"),
        is_handled: is(handled, true),
    };
    let mut capture = Capture::at(NOWHERE);
    capture.is_fatal = is(fatal, false);
    capture.level = match capture.is_fatal {
        true => Level::Fatal,
        false => text::level(level.as_ref()).unwrap_or(Level::Error),
    };
    let thread_name = thread_name(py);
    capture.thread_name = thread_name.as_deref();
    let logger = logger.and_then(|name| text::text(&name, limits::NAME_BYTES_MAX));
    let thrown = Thrown::new(error.clone());
    let id = in_scope(py, capture.level, || {
        capture.capture(&|kind| thrown.kind(kind), &|event| {
            if let Some(logger) = &logger {
                event.logger(logger);
            }
            thrown.write(event, mechanism, Wants::now());
            write_request(py, event);
        })
    });
    mark::write(&error, id);
    told(id)
}

/// What was given as an exception, or is being handled.
fn exception<'py>(
    py: Python<'py>,
    given: Option<Bound<'py, PyAny>>,
) -> Option<Bound<'py, PyBaseException>> {
    let given = match given.filter(|given| !given.is_none()) {
        Some(given) => given,
        None => raw::handled(py)?,
    };
    // As `sys.exc_info()` gives it.
    let given = match given.cast::<PyTuple>() {
        Ok(parts) => parts.get_item(1).ok()?,
        Err(_) => given,
    };
    given.cast_into().ok()
}

/// Captures a message; it is on disk when this returns.
#[pyfunction]
#[pyo3(signature = (message, level=None))]
pub fn capture_message(
    py: Python<'_>,
    message: Bound<'_, PyAny>,
    level: Option<Bound<'_, PyAny>>,
) -> PyResult<Option<String>> {
    if !is_listening() {
        return Ok(None);
    }
    let message = match message.cast::<PyString>() {
        Ok(message) => text::head(message, limits::MESSAGE_BYTES_MAX),
        Err(_) => value::short_text(&message),
    };
    let message = Shown(Cow::Owned(message));
    let caller = Caller::of(py);
    let mut capture = Capture::at(caller.as_ref().map_or(NOWHERE, Caller::site));
    capture.level = text::level(level.as_ref()).unwrap_or(Level::Info);
    let thread_name = thread_name(py);
    capture.thread_name = thread_name.as_deref();
    let id = in_scope(py, capture.level, || {
        capture.capture(&|kind| kind.text(&message), &|event| {
            event.message(&message);
            write_request(py, event);
        })
    });
    told(id)
}

/// Captures what a logger says, at the place in the source that its record names.
#[pyfunction]
pub fn capture_log(
    py: Python<'_>,
    message: Bound<'_, PyAny>,
    level: Option<Bound<'_, PyAny>>,
    logger: Bound<'_, PyAny>,
    file: Bound<'_, PyAny>,
    line: u32,
) -> PyResult<Option<String>> {
    if !is_listening() {
        return Ok(None);
    }
    let texts = [
        text::text(&message, limits::MESSAGE_BYTES_MAX),
        text::text(&logger, limits::NAME_BYTES_MAX),
        text::text(&file, limits::NAME_BYTES_MAX),
    ];
    let [message, logger, file] = texts.map(Option::unwrap_or_default);
    let mut capture = Capture::at(Site {
        file: &file,
        line,
        column: 0,
    });
    capture.level = text::level(level.as_ref()).unwrap_or(Level::Error);
    let thread_name = thread_name(py);
    capture.thread_name = thread_name.as_deref();
    let id = in_scope(py, capture.level, || {
        capture.capture(&|kind| kind.text(&message), &|event| {
            event.message(&message);
            event.logger(&logger);
            write_request(py, event);
        })
    });
    told(id)
}

/// Captures an event that the program built itself, in the shape of Sentry's payload; what it leaves open comes from the scope
/// and the process. An `event_id` in it is kept.
#[pyfunction]
pub fn capture_event(py: Python<'_>, event: Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if !is_listening() {
        return Ok(None);
    }
    let Some(mut payload) = value::payload(&event) else {
        return Ok(None);
    };
    let platform = payload.entry("platform");
    platform.or_insert_with(|| "python".into());
    let event = Event::from_object(payload);
    let caller = Caller::of(py);
    let site = caller.as_ref().map_or(NOWHERE, Caller::site);
    let id = in_scope(py, event.level, || {
        host::capture_event(event, site, &|event| write_request(py, event))
    });
    told(id)
}

/// Makes a capture in the scope of the running code; the request that is served there learns of it.
fn in_scope(py: Python<'_>, level: Level, capture: impl FnOnce() -> EventId) -> EventId {
    scope::with_current(py, || {
        if let Some(request) = scope::lent_request(py) {
            request.get().see(level);
        }
        capture()
    })
}

fn write_request(py: Python<'_>, event: &mut EventWriter<'_, '_>) {
    if let Some(request) = scope::lent_request(py) {
        request.get().write(py, event);
    }
}

/// The call that a function of ours was called by.
struct Caller {
    file: String,
    line: u32,
}

impl Caller {
    fn of(py: Python<'_>) -> Option<Self> {
        let frame = Own::of(py).ok()?.frame(py).ok()?;
        let code = frame.getattr(name!(py, "f_code")).ok()?;
        let file = code.getattr(name!(py, "co_filename")).ok()?;
        let line = frame.getattr(name!(py, "f_lineno")).ok()?;
        Some(Self {
            file: text::text(&file, limits::NAME_BYTES_MAX)?,
            line: line.extract().unwrap_or(0),
        })
    }

    fn site(&self) -> Site<'_> {
        Site {
            file: &self.file,
            line: self.line,
            column: 0,
        }
    }
}

/// The name that `threading` has for the thread, where it has been imported and knows it.
fn thread_name(py: Python<'_>) -> Option<String> {
    let threading = Own::of(py).ok()?.imported(py, &name!(py, "threading"))?;
    let ident = threading.call_method0(name!(py, "get_ident")).ok()?;
    let active = threading.getattr(name!(py, "_active")).ok()?;
    let active = active.cast_into::<pyo3::types::PyDict>().ok()?;
    let thread = active.get_item(ident).ok()??;
    let name = thread.getattr(name!(py, "_name")).ok()?;
    text::text(&name, limits::NAME_BYTES_MAX)
}
