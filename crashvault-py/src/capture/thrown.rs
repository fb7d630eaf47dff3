//! An exception, what it came from and what it holds → exceptions of an event: the thrown one first.
//!
//! Python's own slots are read, whatever a subclass puts over them; only `__str__` is asked of the host's code.

use std::borrow::Cow;
use std::cell::OnceCell;

use crashvault::event::limits;
use crashvault::host::{EventWriter, ExceptionWriter, Kind, Kinship};
use pyo3::exceptions::{PyBaseException, PyOSError, PyRecursionError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyTuple};

use super::Wants;
use super::frames::{Trace, place};
use super::locals::Budget;
use crate::own::{Own, slot};
use crate::raw::name;
use crate::text::{self, Shown};
use crate::{interrupt, raw, value};

/// Who noticed an exception, and whether the program dealt with it.
#[derive(Clone, Copy, Debug)]
pub struct Mechanism<'m> {
    pub ty: &'m str,
    pub is_handled: bool,
}

/// A thrown exception; what is asked of it is asked once.
pub struct Thrown<'py> {
    error: Bound<'py, PyBaseException>,
    said: OnceCell<Said>,
    trace: OnceCell<Trace<'py>>,
}

/// What an exception says.
struct Said {
    text: String,
    flaw: Option<String>,
}

impl<'py> Thrown<'py> {
    pub fn new(error: Bound<'py, PyBaseException>) -> Self {
        Self {
            error,
            said: OnceCell::new(),
            trace: OnceCell::new(),
        }
    }

    fn said(&self) -> &Said {
        self.said.get_or_init(|| said(&self.error))
    }

    fn trace(&self) -> &Trace<'py> {
        self.trace
            .get_or_init(|| Trace::new(raw::traceback(&self.error)))
    }

    /// What tells kinds apart: the type, the instruction that threw, the head of what is said.
    pub fn kind(&self, kind: &mut Kind<'_>) {
        kind.number(self.error.get_type().as_ptr() as u64);
        if let Some(place) = self.trace().links.last().and_then(|link| place(link).ok()) {
            kind.number(place.code_id());
            kind.number(place.instruction);
        }
        kind.text(&Shown(Cow::Borrowed(&self.said().text)));
    }

    /// Writes all exceptions; their frames with variables, if those are wanted.
    pub fn write(&self, event: &mut EventWriter<'_, '_>, mechanism: Mechanism<'_>, wants: Wants) {
        let mut budget = wants.locals.then(Budget::default);
        let family = family(&self.error);
        let is_alone = family.members.len() == 1;
        if family.is_cut {
            event.flaw("exception", "more of them than are kept");
        }
        if family.is_round {
            event.flaw("exception", "one of them is its own cause");
        }
        for (id, member) in (0u32..).zip(family.members) {
            let other = (id > 0).then(|| Thrown::new(member.error.clone()));
            let thrown = other.as_ref().unwrap_or(self);
            if let Some(flaw) = &thrown.said().flaw {
                event.flaw("exception", flaw);
            }
            event.exception(|exception| {
                thrown.write_one(exception);
                let ty = match id {
                    0 => mechanism.ty,
                    _ => "chained",
                };
                exception.mechanism(ty, mechanism.is_handled);
                if !is_alone {
                    exception.kinship(Kinship {
                        id,
                        parent: member.parent,
                        is_group: member.is_group,
                        source: member.source.as_deref(),
                    });
                }
                if let Some(errno) = errno(&thrown.error) {
                    exception.errno(errno);
                }
                if wants.stacks {
                    thrown.trace().write(exception, budget.as_mut());
                }
                if let Some(place) = SyntaxPlace::of(&thrown.error) {
                    place.write(exception);
                }
            });
        }
        if budget.is_some_and(|budget| budget.is_spent()) {
            event.flaw(
                "vars",
                "not all were read: they took a millisecond or 64 KB",
            );
        }
    }

    fn write_one(&self, exception: &mut ExceptionWriter<'_, '_>) {
        let (module, name) = value::type_name(&self.error.get_type());
        exception.ty(&name);
        if let Some(module) = module {
            exception.module(&module);
        }
        exception.value(&Shown(Cow::Borrowed(&self.said().text)));
    }
}

/// What an exception says of itself, and its notes below that.
fn said(error: &Bound<'_, PyBaseException>) -> Said {
    let bytes_max = limits::MESSAGE_BYTES_MAX;
    let py = error.py();
    let (mut said, flaw) = match interrupt::answer(py, error.str()) {
        Ok(said) => (text::head(&said, bytes_max), None),
        Err(raised) if raised.is_instance_of::<PyRecursionError>(py) && words(error).is_some() => {
            (words(error).unwrap_or_default(), None)
        }
        Err(raised) => {
            let raised = value::type_name(&raised.get_type(py)).1;
            let flaw = format!("its __str__ raised {raised}");
            (format!("<{flaw}>"), Some(flaw))
        }
    };
    for note in notes(error) {
        if said.len() > bytes_max {
            break;
        }
        said.push('\n');
        said.push_str(&note);
    }
    Said { text: said, flaw }
}

/// What it was made with. Where the stack is full, nothing can be asked that takes a call.
fn words(error: &Bound<'_, PyBaseException>) -> Option<String> {
    let arguments = error.getattr(name!(error.py(), "args")).ok()?;
    let arguments = arguments.cast_into::<PyTuple>().ok()?;
    match arguments.len() {
        1 => text::text(&arguments.get_item(0).ok()?, limits::MESSAGE_BYTES_MAX),
        _ => None,
    }
}

fn notes(error: &Bound<'_, PyBaseException>) -> Vec<String> {
    let own = Own::of(error.py()).and_then(|own| own.dict_of(error)).ok();
    let notes = own.and_then(|own| own.get_item(name!(error.py(), "__notes__")).ok()?);
    let Some(notes) = notes.and_then(|notes| notes.cast_into::<PyList>().ok()) else {
        return Vec::new();
    };
    let notes = notes.iter().take(NOTES_MAX);
    notes
        .filter_map(|note| text::text(&note, limits::MESSAGE_BYTES_MAX))
        .collect()
}

/// Notes of one exception that are looked at.
const NOTES_MAX: usize = 50;

fn errno(error: &Bound<'_, PyBaseException>) -> Option<i32> {
    if !error.is_instance_of::<PyOSError>() {
        return None;
    }
    let errno = slot(&error.py().get_type::<PyOSError>(), error, "errno")?;
    errno.cast::<PyInt>().ok()?.extract().ok()
}

/// Where the text is that could not be read as Python: the innermost place of all.
struct SyntaxPlace {
    file: String,
    line: Option<u32>,
    column: Option<u32>,
}

impl SyntaxPlace {
    fn of(error: &Bound<'_, PyBaseException>) -> Option<Self> {
        if !error.is_instance_of::<pyo3::exceptions::PySyntaxError>() {
            return None;
        }
        let ty = error.py().get_type::<pyo3::exceptions::PySyntaxError>();
        let number = |name| {
            let number = slot(&ty, error, name)?;
            number.extract::<u32>().ok().filter(|number| *number > 0)
        };
        Some(Self {
            file: text::text(&slot(&ty, error, "filename")?, 4096)?,
            line: number("lineno"),
            column: number("offset"),
        })
    }

    fn write(&self, exception: &mut ExceptionWriter<'_, '_>) {
        exception.frame(|frame| {
            frame.function("<module>");
            frame.filename(self.file.rsplit('/').next().unwrap_or(&self.file));
            if self.file.starts_with('/') {
                frame.abs_path(&self.file);
            }
            if let Some(line) = self.line {
                frame.line(line);
            }
            if let Some(column) = self.column {
                frame.column(column);
            }
        });
    }
}

/// An exception among those of an event.
struct Member<'py> {
    error: Bound<'py, PyBaseException>,
    parent: Option<u32>,
    source: Option<Cow<'static, str>>,
    is_group: bool,
}

struct Family<'py> {
    members: Vec<Member<'py>>,
    is_cut: bool,
    is_round: bool,
}

impl Family<'_> {
    /// Whether it is what the member hangs on, however far above.
    fn is_above(&self, member: &Member<'_>) -> bool {
        let mut above = member.parent;
        while let Some(parent) = above.and_then(|id| self.members.get(id as usize)) {
            if parent.error.is(&member.error) {
                return true;
            }
            above = parent.parent;
        }
        false
    }
}

/// The thrown exception and all that hangs on it, each once, each behind the one it hangs on.
fn family<'py>(error: &Bound<'py, PyBaseException>) -> Family<'py> {
    let mut family = Family {
        members: Vec::with_capacity(4),
        is_cut: false,
        is_round: false,
    };
    let mut waiting = vec![Member {
        error: error.clone(),
        parent: None,
        source: None,
        is_group: false,
    }];
    while let Some(mut member) = waiting.pop() {
        if family
            .members
            .iter()
            .any(|known| known.error.is(&member.error))
        {
            family.is_round |= family.is_above(&member);
            continue;
        }
        if family.members.len() >= limits::EXCEPTIONS_MAX {
            family.is_cut = true;
            break;
        }
        let id = u32::try_from(family.members.len()).ok();
        let children = waiting.len();
        let held = held(&member.error);
        member.is_group = held.is_some();
        let held = held
            .iter()
            .flat_map(|held| held.iter())
            .take(limits::EXCEPTIONS_MAX + 1);
        for (at, error) in held.enumerate() {
            if let Ok(error) = error.cast_into::<PyBaseException>() {
                let source = Some(format!("exceptions[{at}]").into());
                waiting.push(Member {
                    error,
                    parent: id,
                    source,
                    is_group: false,
                });
            }
        }
        // The next to be looked at is the last in line: the cause, then what is held in its order.
        waiting[children..].reverse();
        if let Some((error, source)) = cause(&member.error) {
            let source = Some(Cow::Borrowed(source));
            waiting.push(Member {
                error,
                parent: id,
                source,
                is_group: false,
            });
        }
        family.members.push(member);
    }
    family
}

fn cause<'py>(
    error: &Bound<'py, PyBaseException>,
) -> Option<(Bound<'py, PyBaseException>, &'static str)> {
    if let Some(cause) = raw::cause(error) {
        return Some((cause.cast_into().ok()?, "__cause__"));
    }
    if Own::of(error.py()).ok()?.suppresses_context(error) {
        return None;
    }
    Some((raw::context(error)?.cast_into().ok()?, "__context__"))
}

/// The exceptions that a group holds.
fn held<'py>(error: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyTuple>> {
    Own::of(error.py()).ok()?.held(error)?.cast_into().ok()
}
