//! What every event of a task or thread carries: tags, user, contexts, extra, breadcrumbs.
//!
//! The scope lies in a context variable. Tasks begin with their creator's and threads with none; whoever first changes one
//! that another task or thread made gets a copy of its own, so that nothing leaks to a sibling.

use std::cell::RefCell;

use crashvault::event::limits;
use crashvault::host::{AdmittedBreadcrumb, is_installed};
use crashvault::{Breadcrumb, Durability, Scope as Inner, ScopeHandle, Timestamp, User};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyWeakrefReference};
use serde_json::Value;

use crate::own::Own;
use crate::raw::name;
use crate::serving::Request;
use crate::{interrupt, raw, text, value};

/// The scope of the running context.
static VARIABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn variable(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    let variable = VARIABLE.get_or_try_init(py, || {
        let variable = py.import("contextvars")?.getattr("ContextVar")?;
        let options = PyDict::new(py);
        options.set_item("default", py.None())?;
        PyResult::Ok(
            variable
                .call(("crashvault_scope",), Some(&options))?
                .unbind(),
        )
    })?;
    Ok(variable.bind(py))
}

pub fn current(py: Python<'_>) -> Option<Bound<'_, Scope>> {
    let scope = variable(py).ok()?.call_method0(name!(py, "get")).ok()?;
    scope.cast_into().ok()
}

/// Who changes a scope in its place.
enum Owner {
    Thread(std::thread::ThreadId),
    Task(Py<PyWeakrefReference>),
    /// Nobody: it is copied at each change.
    Nobody,
}

/// What the running code belongs to.
enum Runner<'py> {
    Thread(std::thread::ThreadId),
    Task(Bound<'py, PyAny>),
    /// A callback of an event loop, or a task of a library that is not known here.
    Other,
}

impl<'py> Runner<'py> {
    fn current(py: Python<'py>) -> Self {
        let imported = |name: &Bound<'py, PyString>| Own::of(py).ok()?.imported(py, name);
        if imported(&name!(py, "trio")).is_some() {
            return Self::Other;
        }
        let thread = Self::Thread(std::thread::current().id());
        let Some(asyncio) = imported(&name!(py, "_asyncio")) else {
            return thread;
        };
        let in_loop = asyncio.call_method0(name!(py, "_get_running_loop"));
        let Some(in_loop) = in_loop.ok().filter(|in_loop| !in_loop.is_none()) else {
            return thread;
        };
        let task = imported(&name!(py, "asyncio")).and_then(|asyncio| {
            asyncio
                .call_method1(name!(py, "current_task"), (in_loop,))
                .ok()
        });
        match task.filter(|task| !task.is_none()) {
            Some(task) => Self::Task(task),
            None => Self::Other,
        }
    }

    fn owns(&self, scope: &Scope) -> bool {
        match (self, &scope.owner) {
            // A thread of a pool that a handler of a request was put into: what it sets is the request's.
            (Self::Thread(_), Owner::Task(_)) => scope.request.is_some(),
            (Self::Thread(own), Owner::Thread(of)) => own == of,
            (Self::Task(own), Owner::Task(of)) => {
                of.bind(own.py()).call0().is_ok_and(|of| of.is(own))
            }
            _ => false,
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Thread(thread) => Owner::Thread(*thread),
            Self::Task(task) => match PyWeakrefReference::new(task) {
                Ok(task) => Owner::Task(task.unbind()),
                Err(_) => Owner::Nobody,
            },
            Self::Other => Owner::Nobody,
        }
    }
}

/// The scope of the running context, for the running code alone.
fn own(py: Python<'_>) -> Option<Bound<'_, Scope>> {
    let runner = Runner::current(py);
    let present = current(py);
    if let Some(present) = &present
        && let Ok(scope) = present.try_borrow()
        && runner.owns(&scope)
    {
        drop(scope);
        return Some(present.clone());
    }
    let (handle, request) = match &present {
        Some(present) => {
            let present = present.try_borrow().ok()?;
            (present.handle.clone()?, present.request_of(py))
        }
        None => Default::default(),
    };
    let scope = Scope {
        handle: Some(handle),
        owner: runner.owner(),
        request,
    };
    let scope = Bound::new(py, scope).ok()?;
    variable(py)
        .ok()?
        .call_method1(name!(py, "set"), (&scope,))
        .ok()?;
    Some(scope)
}

/// Makes `scope` that of the running context; the one it had, if that could be done.
pub fn exchange<'py>(py: Python<'py>, scope: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let variable = variable(py).ok()?;
    let before = variable.call_method0(name!(py, "get")).ok()?;
    variable.call_method1(name!(py, "set"), (scope,)).ok()?;
    Some(before)
}

/// Gives the running context back what it had.
pub fn leave(before: &Bound<'_, PyAny>) {
    if exchange(before.py(), before).is_none() {
        return;
    }
    match before.cast::<Scope>() {
        Ok(before) => Scope::change(before, |_| ()),
        Err(_) => ScopeHandle::default().show(),
    }
}

/// Changes the scope of the running code, if anything is installed; `change` runs no code of the host.
fn change(py: Python<'_>, change: impl FnOnce(&mut Inner)) {
    if is_installed()
        && let Some(scope) = own(py)
    {
        Scope::change(&scope, change);
    }
}

thread_local! {
    /// The scope of the capture that is being made.
    static LENT: RefCell<Option<Py<Scope>>> = const { RefCell::new(None) };
}

/// Lends the scope of the capture that is being made to the engine; at the moment it is read no code of the host runs.
fn lend(read: &mut dyn FnMut(&mut Inner)) {
    let lent = LENT.try_with(|lent| {
        let lent = lent.try_borrow().ok()?;
        Python::try_attach(|py| Some(lent.as_ref()?.clone_ref(py))).flatten()
    });
    let Some(scope) = lent.ok().flatten() else {
        return;
    };
    Python::try_attach(|py| {
        if let Ok(mut scope) = scope.bind(py).try_borrow_mut()
            && let Some(handle) = &mut scope.handle
        {
            read(handle.scope());
        }
        drop(scope);
    });
}

/// Once, when the engine is installed.
pub fn lend_to_engine(py: Python<'_>) -> PyResult<()> {
    // Made now: not while another thread may fork the process.
    variable(py)?;
    crashvault::host::lend_scopes(lend);
    Ok(())
}

/// Runs a capture in the scope of the running code.
pub fn with_current<T>(py: Python<'_>, work: impl FnOnce() -> T) -> T {
    let exchange = |scope| LENT.try_with(|lent| lent.replace(scope)).ok().flatten();
    let before = exchange(current(py).map(Bound::unbind));
    let result = work();
    drop(exchange(before));
    result
}

/// What is served in the scope of the capture that is being made.
pub fn lent_request(py: Python<'_>) -> Option<Py<Request>> {
    let lent = LENT.try_with(|lent| Some(lent.try_borrow().ok()?.as_ref()?.clone_ref(py)));
    lent.ok().flatten()?.bind(py).get_request()
}

/// What events captured in it carry. `new_scope()` makes one, `global_scope()` is the one below all others.
///
/// Limits: 200 tags of 200 bytes, 50 contexts of 8 KB, 128 KB of extra, 100 breadcrumbs within 32 KB; what passes them is cut
/// or left out visibly. Values under forbidden keys (password, token, authorization …) never reach the disk.
#[pyclass(module = "crashvault")]
pub struct Scope {
    /// `None` of the global one, which is the engine's.
    handle: Option<ScopeHandle>,
    owner: Owner,
    /// What is served in it.
    request: Option<Py<Request>>,
}

/// Of a scope that may be in use.
pub trait GetRequest {
    fn get_request(&self) -> Option<Py<Request>>;
}

impl GetRequest for Bound<'_, Scope> {
    fn get_request(&self) -> Option<Py<Request>> {
        self.try_borrow().ok()?.request_of(self.py())
    }
}

impl Scope {
    fn request_of(&self, py: Python<'_>) -> Option<Py<Request>> {
        self.request.as_ref().map(|request| request.clone_ref(py))
    }

    /// A copy of the running code's scope, in which `request` is served.
    pub fn of_request(py: Python<'_>, request: Py<Request>, traceparent: Given<'_>) -> Self {
        let present = current(py);
        let handle = present.and_then(|present| present.try_borrow().ok()?.handle.clone());
        let mut handle = handle.unwrap_or_default();
        take_up(handle.scope(), traceparent);
        Self {
            handle: Some(handle),
            owner: Runner::current(py).owner(),
            request: Some(request),
        }
    }

    /// Changes the scope; `change` runs no code of the host.
    fn change(scope: &Bound<'_, Self>, change: impl FnOnce(&mut Inner)) {
        let Ok(mut scope) = scope.try_borrow_mut() else {
            return;
        };
        match &mut scope.handle {
            Some(handle) => {
                change(handle.scope());
                handle.show();
            }
            None => {
                drop(scope);
                crashvault::configure_global_scope(change);
            }
        }
    }

    fn add(scope: &Bound<'_, Self>, crumb: Breadcrumb) {
        let Some(crumb) = AdmittedBreadcrumb::new(crumb) else {
            return;
        };
        if let Ok(mut scope) = scope.try_borrow_mut() {
            match &mut scope.handle {
                Some(handle) => crumb.add_to(handle.scope()),
                None => crashvault::configure_global_scope(|scope| crumb.add_to(scope)),
            }
        }
    }
}

/// A context manager whose block has a copy of the scope.
#[pyclass(module = "crashvault")]
#[derive(Default)]
pub struct NewScope {
    before: Option<Py<PyAny>>,
}

#[pymethods]
impl NewScope {
    fn __enter__<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, Scope>> {
        let variable = variable(py)?;
        let before = variable.call_method0(name!(py, "get"))?;
        let copied = before.cast::<Scope>().ok().and_then(|before| {
            let before = before.try_borrow().ok()?;
            Some((before.handle.clone(), before.request_of(py)))
        });
        let (handle, request) = copied.unwrap_or_default();
        let scope = Scope {
            handle: Some(handle.unwrap_or_default()),
            owner: Runner::current(py).owner(),
            request,
        };
        let scope = Bound::new(py, scope)?;
        variable.call_method1(name!(py, "set"), (&scope,))?;
        self.before = Some(before.unbind());
        Ok(scope)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&mut self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) -> PyResult<bool> {
        if let Some(before) = self.before.take() {
            leave(before.bind(py));
        }
        Ok(false)
    }
}

/// A copy of the scope for the block of a `with`: what is set in it ends with it.
#[pyfunction]
pub fn new_scope() -> NewScope {
    NewScope::default()
}

/// The scope below those of all tasks and threads.
#[pyfunction]
pub fn global_scope() -> Scope {
    Scope {
        handle: None,
        owner: Owner::Nobody,
        request: None,
    }
}

/// The W3C `traceparent` to pass on to what is called or started; `None` without a trace.
#[pyfunction]
pub fn traceparent(py: Python<'_>) -> Option<String> {
    with_current(py, crashvault::traceparent)
}

fn short_name(value: &Bound<'_, PyAny>) -> String {
    match value.cast::<PyString>() {
        Ok(text) => text::head(text, limits::NAME_BYTES_MAX),
        Err(_) => value::short_text(value),
    }
}

/// A tag's name, and its value if it is to have one.
fn tag(key: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> (String, Option<String>) {
    let value = value.filter(|value| !value.is_none());
    (short_name(key), value.map(value::short_text))
}

fn set_tags_of(scope: &mut Inner, tags: impl IntoIterator<Item = (String, Option<String>)>) {
    for (key, value) in tags {
        match value {
            Some(value) => scope.set_tag(key, value),
            None => scope.remove_tag(&key),
        }
    }
}

fn of_user(given: &Bound<'_, PyAny>) -> Option<User> {
    let mut user = User::default();
    for (key, value) in value::object(given)? {
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Null => continue,
            other => other.to_string(),
        };
        match key.as_str() {
            "id" => user.id = Some(text),
            "email" => user.email = Some(text),
            "username" => user.username = Some(text),
            "ip_address" => user.ip_address = Some(text),
            _ => {
                user.other.insert(key, value);
            }
        }
    }
    Some(user)
}

/// How much captures wait for, by its name.
pub fn of_durability(value: &Bound<'_, PyAny>) -> Option<Durability> {
    match text::text(value, 16)?.as_str() {
        "process" => Some(Durability::Process),
        "data" => Some(Durability::Data),
        "async" => Some(Durability::Async),
        _ => None,
    }
}

/// One set of setters, as functions of the module and as methods of a scope. Each reads what it is given, which may run code of
/// the host, and then says how the scope is changed.
macro_rules! setters {
    ($(
        $(#[doc = $doc:literal])*
        fn $name:ident($($argument:ident $(= $default:expr)?),*) $read:block
    )*) => {
        $(
            $(#[doc = $doc])*
            #[pyfunction]
            #[pyo3(signature = ($($argument $(= $default)?),*))]
            pub fn $name(py: Python<'_>, $($argument: Given<'_>),*) -> PyResult<()> {
                if is_installed() {
                    let work = $read;
                    change(py, work);
                }
                interrupt::passed(())
            }
        )*

        #[pymethods]
        impl Scope {
            $(
                $(#[doc = $doc])*
                #[pyo3(signature = ($($argument $(= $default)?),*))]
                fn $name(slf: &Bound<'_, Self>, $($argument: Given<'_>),*) -> PyResult<()> {
                    let work = $read;
                    Self::change(slf, work);
                    interrupt::passed(())
                }
            )*

            /// Takes up the trace of a caller; false, and nothing is changed, where its `traceparent` is not valid.
            fn set_traceparent(slf: &Bound<'_, Self>, traceparent: Given<'_>) -> bool {
                let mut is_valid = false;
                Self::change(slf, |scope| is_valid = take_up(scope, traceparent));
                is_valid
            }

            /// Begins a trace of its own, and says the `traceparent` to pass on.
            fn start_trace(slf: &Bound<'_, Self>) -> Option<String> {
                let mut begun = None;
                Self::change(slf, |scope| begun = begin_trace(scope));
                begun
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                visit.call(&self.request)
            }

            /// Forgets everything.
            fn clear(slf: &Bound<'_, Self>) {
                Self::change(slf, Inner::clear);
            }

            /// Adds a breadcrumb; the oldest give way.
            #[pyo3(signature = (message=None, *, category=None, level=None, r#type=None, data=None, timestamp=None))]
            fn add_breadcrumb(
                slf: &Bound<'_, Self>,
                message: Given<'_>,
                category: Given<'_>,
                level: Given<'_>,
                r#type: Given<'_>,
                data: Given<'_>,
                timestamp: Given<'_>,
            ) -> PyResult<()> {
                Self::add(slf, crumb([message, category, r#type], level, data, timestamp));
                interrupt::passed(())
            }
        }
    };
}

/// What was given for an argument; `None` in Python and nothing are one.
type Given<'py> = Option<Bound<'py, PyAny>>;

setters! {
    /// Sets a tag; `None` removes it. Numbers and flags become texts.
    fn set_tag(key, value = None) {
        let tag = key.map(|key| tag(&key, value.as_ref()));
        move |scope: &mut Inner| set_tags_of(scope, tag)
    }
    /// Sets tags from a dictionary.
    fn set_tags(tags) {
        let mut read = Vec::new();
        if let Some(tags) = tags.as_ref().and_then(|tags| tags.cast::<PyDict>().ok()) {
            raw::entries(tags, limits::TAGS_MAX, |key, value| read.push(tag(&key, Some(&value))));
        }
        move |scope: &mut Inner| set_tags_of(scope, read)
    }
    /// Sets the user (`id`, `email`, `username`, `ip_address` and what else there is); `None` removes it.
    fn set_user(user) {
        let user = user.and_then(|user| of_user(&user));
        move |scope: &mut Inner| scope.set_user(user)
    }
    /// Sets a context: structured data under a name. `None` removes it.
    fn set_context(name, value = None) {
        let name = name.map(|name| short_name(&name));
        let value = value.map(|value| value::json(&value));
        move |scope: &mut Inner| match (name, value) {
            (Some(name), Some(value)) => scope.set_context(name, value),
            (Some(name), None) => scope.remove_context(&name),
            (None, _) => {}
        }
    }
    /// Sets one entry of free data.
    fn set_extra(key, value = None) {
        let key = key.map(|key| short_name(&key));
        let value = value.map_or(Value::Null, |value| value::json(&value));
        move |scope: &mut Inner| {
            if let Some(key) = key {
                scope.set_extra(key, value);
            }
        }
    }
    /// Sets the level of errors and messages captured here; `None` leaves it to them again. Fatal ones stay fatal.
    fn set_level(level = None) {
        let level = text::level(level.as_ref());
        move |scope: &mut Inner| scope.set_level(level)
    }
    /// Groups events by these texts; `"{{ default }}"` stands for what they would be grouped by.
    fn set_fingerprint(parts = None) {
        let parts = match parts.map(|parts| value::json(&parts)) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(parts)) => parts.into_iter().map(plain_text).collect(),
            Some(other) => vec![plain_text(other)],
        };
        move |scope: &mut Inner| scope.set_fingerprint(parts)
    }
    /// Names the route, job or operation.
    fn set_transaction(name) {
        let name = name.map(|name| short_name(&name));
        move |scope: &mut Inner| {
            if let Some(name) = name {
                scope.set_transaction(name);
            }
        }
    }
    /// How much captures here wait for: `"process"`, `"data"` or `"async"`; `None` leaves it to `install()` again.
    fn set_durability(durability = None) {
        let durability = durability.and_then(|durability| of_durability(&durability));
        move |scope: &mut Inner| scope.set_durability(durability)
    }
}

fn plain_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Takes up the trace of a caller from the W3C `traceparent` that it sent. False, and nothing is changed, where it is not valid.
#[pyfunction]
pub fn set_traceparent(py: Python<'_>, traceparent: Given<'_>) -> bool {
    let mut is_valid = false;
    change(py, |scope| is_valid = take_up(scope, traceparent));
    is_valid
}

fn take_up(scope: &mut Inner, traceparent: Given<'_>) -> bool {
    let traceparent = traceparent.and_then(|given| text::text(&given, 256));
    traceparent.is_some_and(|traceparent| scope.set_traceparent(&traceparent))
}

/// Begins a trace of its own, and says the `traceparent` to pass on; `None` where nothing is installed.
#[pyfunction]
pub fn start_trace(py: Python<'_>) -> Option<String> {
    let mut begun = None;
    change(py, |scope| begun = begin_trace(scope));
    begun
}

fn begin_trace(scope: &mut Inner) -> Option<String> {
    scope.start_trace();
    scope.traceparent()
}

/// Forgets everything that the scope of the running code holds.
#[pyfunction]
pub fn clear_scope(py: Python<'_>) {
    change(py, crashvault::Scope::clear);
}

/// Adds a breadcrumb to the scope of the running code; the oldest give way.
#[pyfunction]
#[pyo3(signature = (message=None, *, category=None, level=None, r#type=None, data=None, timestamp=None))]
pub fn add_breadcrumb(
    py: Python<'_>,
    message: Given<'_>,
    category: Given<'_>,
    level: Given<'_>,
    r#type: Given<'_>,
    data: Given<'_>,
    timestamp: Given<'_>,
) -> PyResult<()> {
    if is_installed() {
        let crumb = crumb([message, category, r#type], level, data, timestamp);
        if let Some(scope) = own(py) {
            Scope::add(&scope, crumb);
        }
    }
    interrupt::passed(())
}

fn crumb(
    texts: [Given<'_>; 3],
    level: Given<'_>,
    data: Given<'_>,
    timestamp: Given<'_>,
) -> Breadcrumb {
    let text = |given: Given<'_>| {
        given.map(|given| match given.cast::<PyString>() {
            Ok(text) => text::head(text, limits::BREADCRUMB_TEXT_BYTES_MAX),
            Err(_) => value::short_text(&given),
        })
    };
    let [message, category, ty] = texts;
    let mut crumb = Breadcrumb::default();
    crumb.message = text(message);
    crumb.category = text(category);
    crumb.ty = text(ty);
    crumb.level = text::level(level.as_ref());
    crumb.data = match data.map(|data| value::json(&data)) {
        Some(Value::Object(data)) => data,
        Some(other) if !other.is_null() => [("value".to_owned(), other)].into_iter().collect(),
        _ => Default::default(),
    };
    crumb.timestamp = timestamp.and_then(|timestamp| moment(&timestamp));
    crumb
}

/// Seconds since the epoch, RFC 3339, or a `datetime`.
fn moment(given: &Bound<'_, PyAny>) -> Option<Timestamp> {
    if let Some(text) = text::text(given, 64) {
        return Timestamp::parse(&text);
    }
    let seconds = given.extract::<f64>().ok().or_else(|| {
        let seconds = given.call_method0(name!(given.py(), "timestamp")).ok()?;
        seconds.extract().ok()
    });
    Timestamp::from_secs_f64(seconds?)
}
