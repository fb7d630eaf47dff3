//! `install()` and what follows the program's whole life.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crashvault::host::Language;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;

use crate::own::Own;
use crate::record::mirror;
use crate::{callback, capture, raw, scope, text, value};

/// What `install()` tells: where the vault is and how it goes.
#[pyclass(frozen, get_all, module = "crashvault")]
#[derive(Debug)]
pub struct Installed {
    /// The vault's directory; `None` if no place can be written, and then nothing is captured.
    vault: Option<PathBuf>,
    /// What is not as it should be.
    note: Option<String>,
    /// False if an earlier call had installed Crashvault already.
    is_first: bool,
}

#[pymethods]
impl Installed {
    fn __repr__(&self) -> String {
        let vault = self.vault.as_deref().map(std::path::Path::display);
        let vault = vault.map_or("None".into(), |vault| format!("'{vault}'"));
        let note = self.note.as_ref();
        let note = note.map_or("None".into(), |note| format!("{note:?}"));
        let is_first = if self.is_first { "True" } else { "False" };
        format!("Installed(vault={vault}, note={note}, is_first={is_first})")
    }
}

/// Installs the engine; the package's `install()` documents the options.
#[pyfunction]
#[pyo3(signature = (
    *, vault=None, project=None, release=None, environment=None, dist=None, server_name=None, tags=None, sample_rate=None,
    max_breadcrumbs=None, durability=None, throttle=None, drain=None, native=None, black_box=None, stacks=true, locals=true, before_send=None,
    before_breadcrumb=None, clock=None,
))]
#[expect(clippy::too_many_arguments, reason = "each is a keyword in Python")]
pub fn install(
    py: Python<'_>,
    vault: Option<PathBuf>,
    project: Option<String>,
    release: Option<String>,
    environment: Option<String>,
    dist: Option<String>,
    server_name: Option<String>,
    tags: Option<Bound<'_, PyDict>>,
    sample_rate: Option<f64>,
    max_breadcrumbs: Option<usize>,
    durability: Option<Bound<'_, PyAny>>,
    throttle: Option<bool>,
    drain: Option<bool>,
    native: Option<bool>,
    black_box: Option<bool>,
    stacks: bool,
    locals: bool,
    before_send: Option<Py<PyAny>>,
    before_breadcrumb: Option<Py<PyAny>>,
    clock: Option<Py<PyAny>>,
) -> PyResult<Installed> {
    let mut options = crashvault::options()
        .language(language(py)?)
        .panic_hook(false)
        .stacks(false);
    macro_rules! set {
        ($($option:ident = $value:expr;)*) => {
            $(if let Some(value) = $value {
                options = options.$option(value);
            })*
        };
    }
    if sample_rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
        return Err(PyValueError::new_err(
            "sample_rate is a share from 0.0 to 1.0",
        ));
    }
    let durability = match &durability {
        None => None,
        Some(name) => Some(scope::of_durability(name).ok_or_else(|| {
            PyValueError::new_err("durability is \"process\", \"data\" or \"async\"")
        })?),
    };
    for (name, callable) in [
        ("before_send", &before_send),
        ("before_breadcrumb", &before_breadcrumb),
        ("clock", &clock),
    ] {
        if callable
            .as_ref()
            .is_some_and(|callable| !callable.bind(py).is_callable())
        {
            return Err(PyTypeError::new_err(format!(
                "{name} is called, and cannot be"
            )));
        }
    }
    set! {
        vault = vault;
        project = project;
        release = release;
        environment = environment;
        dist = dist;
        server_name = server_name;
        sample_rate = sample_rate;
        max_breadcrumbs = max_breadcrumbs;
        durability = durability;
        throttle = throttle;
        drain = drain;
        native = native;
        black_box = black_box;
        before_send = before_send.map(callback::before_send);
        before_breadcrumb = before_breadcrumb.map(callback::before_breadcrumb);
        clock = clock.map(callback::HostClock::new);
    }
    let mut options = Some(options);
    if let Some(tags) = &tags {
        raw::entries(tags, usize::MAX, |key, value| {
            let (key, value) = (value::short_text(&key), value::short_text(&value));
            options = options.take().map(|options| options.tag(key, value));
        });
    }
    let options = options.unwrap_or_default();
    // Now: while modules can be imported, and no other thread may fork the process.
    Own::of(py)?;
    scope::lend_to_engine(py)?;
    let installed = py.detach(|| options.install());
    if installed.is_first() {
        capture::WANTS_STACKS.store(stacks, Ordering::Relaxed);
        capture::WANTS_LOCALS.store(locals, Ordering::Relaxed);
    }
    Ok(Installed {
        vault: installed.vault().map(Into::into),
        note: installed.note().map(Into::into),
        is_first: installed.is_first(),
    })
}

/// Python, and the program as it sees itself.
fn language(py: Python<'_>) -> PyResult<Language> {
    let sys = py.import("sys")?;
    let version = py.version_info();
    let version = format!("{}.{}.{}", version.major, version.minor, version.patch);
    let name = sys.getattr("implementation")?.getattr("name")?;
    let name = match text::text(&name, 64).as_deref() {
        Some("cpython") => "CPython".to_owned(),
        name => name.unwrap_or("python").to_owned(),
    };
    let mut language = Language::new("python", "crashvault.python").runtime(name, version);
    // What the interpreter was started with; `sys.argv` has lost the interpreter's own words by now.
    if let Ok(Value::Array(arguments)) = sys.getattr("argv").map(|argv| value::json(&argv)) {
        let text = |argument: Value| match argument {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let arguments: Vec<String> = arguments.into_iter().map(text).collect();
        language = language.program(program(py, arguments.first().map(String::as_str)));
        language = language.arguments(arguments);
    }
    Ok(language)
}

/// `shop` of `python -m shop`, `shop.py` and `/srv/shop`; `python` where the program has no file.
fn program(py: Python<'_>, script: Option<&str>) -> String {
    let spec = || {
        let main = py.import("__main__").ok()?;
        let name = main.getattr("__spec__").ok()?.getattr("name").ok()?;
        text::text(&name, 200)
    };
    if let Some(module) = spec() {
        let module = module.strip_suffix(".__main__").unwrap_or(&module);
        return module.to_owned();
    }
    let stem = script.and_then(|script| std::path::Path::new(script).file_stem());
    match stem.and_then(|stem| stem.to_str()) {
        None | Some("" | "-c" | "-") => "python".into(),
        Some(stem) => stem.into(),
    }
}

/// Writes what waits in memory and waits until the disk has it all. False if that failed.
#[pyfunction]
pub fn flush(py: Python<'_>) -> bool {
    py.detach(crashvault::flush)
}

/// Ends capture in this process; later captures do nothing.
#[pyfunction]
pub fn close(py: Python<'_>) {
    py.detach(crashvault::close);
}

mirror! {
    /// How capturing goes in this process, since ``install()`` or since the fork; all zero before.
    Health(captured_count, lost_count) of crashvault::Health {
        /// Events on disk (or, with ``durability="async"``, about to be).
        captured_count: u64,
        /// Captures thinned out of floods.
        throttled_count: u64,
        /// Captures left out by the sample rate.
        sampled_count: u64,
        /// Events that ``before_send`` dropped.
        refused_count: u64,
        /// Events that could not be written.
        lost_count: u64,
        /// Why the last one was lost, and what to do.
        last_failure: Option<String>,
    }
}

/// How capturing goes in this process.
#[pyfunction]
pub fn health(py: Python<'_>) -> Health {
    py.detach(crashvault::health).into()
}

/// A descriptor of the file in which faulthandler may say what the threads were at when a signal ends the process; ``None``
/// where crashes by signals are not captured.
#[pyfunction]
pub fn stacks_file() -> Option<i32> {
    crashvault::host::stacks_file()
}

/// Calls ``begin``, which puts faulthandler's handlers of signals, and stands before them again.
#[pyfunction]
pub fn stand_before(begin: &Bound<'_, PyAny>) -> PyResult<()> {
    let mut done = Ok(());
    crashvault::host::stand_before(|| done = begin.call0().map(drop));
    done
}

/// Whether faulthandler writes to somebody else, because the program wants that.
#[pyfunction]
pub fn lend_stacks(is_lent: bool) {
    crashvault::host::lend_stacks(is_lent);
}

/// The process ends now, or becomes another program: it leaves the mark of a good end.
#[pyfunction]
pub fn note_end() {
    crashvault::host::note_end();
}

/// It stays.
#[pyfunction]
pub fn note_stay() {
    crashvault::host::note_stay();
}

/// A signal was given back to the system.
#[pyfunction]
pub fn watch_requests() {
    crashvault::host::watch_requests();
}
