//! What the host gave to be called: `before_send`, `before_breadcrumb`, a clock.
//!
//! Never: lets an error of theirs through; calls them while the interpreter ends.

use std::sync::atomic::{AtomicI64, Ordering};

use crashvault::event::Flaw;
use crashvault::{Breadcrumb, Clock, Event, Timestamp};
use pyo3::prelude::*;
use serde_json::{Map, Value};

use crate::record::Moment;
use crate::{interrupt, record, value};

/// What a callable made of a value: `None` where it wants it dropped; what it did wrong.
fn call(callable: &Py<PyAny>, given: &Value) -> Result<Option<Map<String, Value>>, String> {
    let called = Python::try_attach(|py| {
        let argument = record::to_object(py, given).map_err(|error| error.to_string())?;
        let answer = interrupt::answer(py, callable.bind(py).call1((argument,)));
        match answer {
            Ok(answer) if answer.is_none() => Ok(None),
            Ok(answer) => match value::object(&answer) {
                Some(answer) => Ok(Some(answer)),
                None => Err(format!(
                    "it returned a {} and no dict",
                    value::type_mark(&answer)
                )),
            },
            Err(error) => Err(format!(
                "it raised {}",
                value::type_name(&error.get_type(py)).1
            )),
        }
    });
    called.unwrap_or_else(|| Err("the interpreter is ending".into()))
}

pub fn before_send(callable: Py<PyAny>) -> impl Fn(Event) -> Option<Event> + Send + Sync {
    move |mut event| match call(&callable, &event.to_value()) {
        Ok(None) => None,
        Ok(Some(changed)) => Some(Event::from_object(changed)),
        Err(why) => {
            let flaw = format!("{why}; the event is kept as it was");
            event.flaws.push(Flaw::new("before_send", flaw));
            Some(event)
        }
    }
}

pub fn before_breadcrumb(
    callable: Py<PyAny>,
) -> impl Fn(Breadcrumb) -> Option<Breadcrumb> + Send + Sync {
    move |crumb| {
        // An event's own reading and writing knows how breadcrumbs look.
        let mut event = Event::new();
        event.breadcrumbs.push(crumb);
        let given = event.to_value()["breadcrumbs"]["values"][0].clone();
        let changed = Value::Object(call(&callable, &given).ok()??);
        let event = Map::from_iter([("breadcrumbs".to_owned(), vec![changed].into())]);
        Event::from_object(event).breadcrumbs.pop()
    }
}

/// A callable that says the time.
pub struct HostClock {
    callable: Py<PyAny>,
    /// What it said last, in nanoseconds since 1970.
    said: AtomicI64,
}

impl HostClock {
    pub fn new(callable: Py<PyAny>) -> Self {
        let said = AtomicI64::new(Timestamp::now().as_nanos());
        Self { callable, said }
    }

    fn ask(&self) -> Option<i64> {
        // A thread of the engine's must not wait for the interpreter, which may be ending.
        let thread = std::thread::current();
        if thread
            .name()
            .is_some_and(|name| name.starts_with("crashvault-"))
        {
            return None;
        }
        let said = Python::try_attach(|py| Moment::told(&self.callable.bind(py).call0()?));
        Some(said?.ok()?.0.as_nanos())
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        let nanos = match self.ask() {
            Some(nanos) => {
                self.said.store(nanos, Ordering::Relaxed);
                nanos
            }
            None => self.said.load(Ordering::Relaxed),
        };
        Timestamp::from_nanos(nanos)
    }
}
