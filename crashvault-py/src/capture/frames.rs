//! A traceback → frames, outermost first.
//!
//! What a code object says of itself is asked once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crashvault::event::{is_forbidden_key, limits};
use crashvault::host::{ExceptionWriter, FrameWriter};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::locals::{Budget, Locals};
use crate::raw::name;
use crate::text;

/// Code objects known at once; with one more all are forgotten.
const CODES_MAX: usize = 4096;
/// Names and paths, in bytes: what the engine keeps of them.
const NAME_BYTES_MAX: usize = 200;
const PATH_BYTES_MAX: usize = 4096;
/// Names of variables that are known of one function.
const NAMES_MAX: usize = 200;
/// Frames of one stack that are kept at each of its ends.
pub const FRAMES_AT_ENDS: usize = 50;

/// One call.
pub struct Place<'py> {
    pub frame: Bound<'py, PyAny>,
    code: Bound<'py, PyAny>,
    line: u32,
    /// The instruction in the function.
    pub instruction: u64,
}

impl Place<'_> {
    /// Which function it is, as long as the process lives and keeps it.
    pub fn code_id(&self) -> u64 {
        self.code.as_ptr() as u64
    }
}

/// The links of a traceback, outermost first, without what is left out between its ends, and how many those are.
pub struct Trace<'py> {
    pub links: Vec<Bound<'py, PyAny>>,
    pub left_out: usize,
}

impl<'py> Trace<'py> {
    pub fn new(traceback: Option<Bound<'py, PyAny>>) -> Self {
        let mut links = Vec::with_capacity(32);
        let mut next = traceback.filter(|link| !link.is_none());
        let mut left_out = 0;
        while let Some(link) = next {
            next = link
                .getattr(name!(link.py(), "tb_next"))
                .ok()
                .filter(|next| !next.is_none());
            if links.len() == 2 * FRAMES_AT_ENDS {
                links.remove(FRAMES_AT_ENDS);
                left_out += 1;
            }
            links.push(link);
        }
        Self { links, left_out }
    }

    /// The places of its links.
    pub fn places(&self) -> impl DoubleEndedIterator<Item = Place<'py>> {
        self.links.iter().filter_map(|link| place(link).ok())
    }

    /// Writes the frames, with their variables if there is a `budget` for them.
    pub fn write(&self, exception: &mut ExceptionWriter<'_, '_>, budget: Option<&mut Budget>) {
        let places: Vec<_> = self
            .places()
            .map(|place| {
                let code = Code::of(&place);
                (place, code)
            })
            .collect();
        let locals = budget.map(|budget| Locals::read(&places, budget));
        for (at, (place, code)) in places.iter().enumerate() {
            exception.frame(|frame| {
                code.write(frame);
                if place.line > 0 {
                    frame.line(place.line);
                }
                if let Some(locals) = &locals {
                    locals.write(at, frame);
                }
            });
        }
        if self.left_out > 0 {
            let left_out = u32::try_from(self.left_out).unwrap_or(u32::MAX);
            exception.frames_omitted(FRAMES_AT_ENDS as u32, left_out);
        }
    }
}

/// What a link of a traceback stands for.
pub fn place<'py>(link: &Bound<'py, PyAny>) -> PyResult<Place<'py>> {
    let py = link.py();
    let frame = link.getattr(name!(py, "tb_frame"))?;
    let code = frame.getattr(name!(py, "f_code"))?;
    let line = link.getattr(name!(py, "tb_lineno"))?;
    let instruction = link.getattr(name!(py, "tb_lasti"))?.extract::<i64>()?;
    Ok(Place {
        frame,
        code,
        line: line.extract().unwrap_or(0),
        instruction: instruction.unsigned_abs(),
    })
}

/// What a function says of itself.
#[derive(Debug)]
pub struct Code {
    function: String,
    /// Whether it is the body of a module.
    pub is_module: bool,
    module: Option<String>,
    filename: String,
    abs_path: Option<String>,
    /// Those of its variables, once somebody asked.
    names: OnceLock<Vec<Name>>,
    /// While it is here no other object has its address.
    object: Py<PyAny>,
}

/// The name of a local variable.
#[derive(Debug)]
pub struct Name {
    /// Where the text object is, which the code holds.
    address: usize,
    pub text: Box<str>,
    pub kind: NameKind,
}

/// What is to be shown of a variable by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    Plain,
    /// Its value must not be kept.
    Forbidden,
    /// `__name__` and its like, and the nameless variables of comprehensions.
    Hidden,
}

impl NameKind {
    pub fn of(name: &str) -> Self {
        if name.starts_with('.') || (name.starts_with("__") && name.ends_with("__")) {
            return Self::Hidden;
        }
        match is_forbidden_key(name) {
            true => Self::Forbidden,
            false => Self::Plain,
        }
    }
}

static CODES: Mutex<Option<HashMap<usize, Arc<Code>>>> = Mutex::new(None);

impl Code {
    fn of(place: &Place<'_>) -> Arc<Self> {
        let address = place.code.as_ptr() as usize;
        let known = {
            let codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
            codes
                .as_ref()
                .and_then(|codes| codes.get(&address).cloned())
        };
        known.unwrap_or_else(|| {
            let code = Arc::new(Self::read(place));
            keep(address, Arc::clone(&code));
            code
        })
    }

    fn write(&self, frame: &mut FrameWriter<'_, '_>) {
        frame.function(&self.function);
        if let Some(module) = &self.module {
            frame.module(module);
        }
        frame.filename(&self.filename);
        if let Some(path) = &self.abs_path {
            frame.abs_path(path);
        }
    }

    /// The name of a variable, if the code itself holds this text.
    pub fn name(&self, text: &Bound<'_, PyString>) -> Option<&Name> {
        let names = match self.names.get() {
            Some(names) => names,
            // Not `get_or_init`: a collection of garbage within would let another thread wait here, with Python's lock in hand.
            None => {
                let _ = self.names.set(self.read_names(text.py()));
                self.names.get()?
            }
        };
        let address = text.as_ptr() as usize;
        names.iter().find(|name| name.address == address)
    }

    fn read_names(&self, py: Python<'_>) -> Vec<Name> {
        let lists = ["co_varnames", "co_cellvars", "co_freevars"];
        let lists = lists.into_iter().filter_map(|list| {
            let list = self.object.bind(py).getattr(list).ok()?;
            list.cast_into::<PyTuple>().ok()
        });
        let names = lists.flat_map(|list| list.iter().collect::<Vec<_>>());
        let names = names.take(NAMES_MAX).filter_map(|name| {
            let text: Box<str> = text::text(&name, limits::TAG_KEY_BYTES_MAX)?.into();
            Some(Name {
                address: name.as_ptr() as usize,
                kind: NameKind::of(&text),
                text,
            })
        });
        names.collect()
    }

    fn read(place: &Place<'_>) -> Self {
        let py = place.code.py();
        let said = |name: &str, bytes_max| {
            let value = place.code.getattr(name).ok()?;
            text::text(&value, bytes_max)
        };
        let function = said("co_qualname", NAME_BYTES_MAX)
            .or_else(|| said("co_name", NAME_BYTES_MAX))
            .unwrap_or_default();
        let globals = place.frame.getattr(name!(py, "f_globals")).ok();
        let of_module = |name: &str, bytes_max| {
            let globals = globals.as_ref()?.cast::<pyo3::types::PyDict>().ok()?;
            text::text(&globals.get_item(name).ok()??, bytes_max)
        };
        let module = of_module("__name__", NAME_BYTES_MAX);
        let path = said("co_filename", PATH_BYTES_MAX).unwrap_or_default();
        let abs_path = absolute(&path, of_module("__file__", PATH_BYTES_MAX));
        let filename = match &abs_path {
            Some(path) => relative(py, path, module.as_deref()),
            None => path,
        };
        Self {
            is_module: function == "<module>",
            function,
            module,
            filename,
            abs_path,
            names: OnceLock::new(),
            object: place.code.clone().unbind(),
        }
    }
}

fn keep(address: usize, code: Arc<Code>) {
    // Dropped behind the lock: the end of a code object may run code of the host.
    let mut forgotten = None;
    let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
    if codes.as_ref().is_some_and(|codes| codes.len() >= CODES_MAX) {
        forgotten = codes.take();
    }
    codes.get_or_insert_default().insert(address, code);
    drop(codes);
    drop(forgotten);
}

/// Where the file is; `None` for what is no file, such as `<string>`.
fn absolute(path: &str, of_module: Option<String>) -> Option<String> {
    if path.is_empty() || path.starts_with('<') {
        return None;
    }
    if std::path::Path::new(path).is_absolute() {
        return Some(path.to_owned());
    }
    // A relative path holds for the directory that the module was loaded in, which its `__file__` may still know.
    if let Some(known) = of_module.filter(|known| known.ends_with(path) && known.len() > path.len())
    {
        return Some(known);
    }
    let path = std::env::current_dir().ok()?.join(path);
    Some(path.to_string_lossy().into_owned())
}

/// The path below the entry of `sys.path` that the module was imported from.
fn relative(py: Python<'_>, path: &str, module: Option<&str>) -> String {
    if let Some(below) = module.and_then(|module| of_module(path, module)) {
        return below.to_owned();
    }
    let entries = py.import("sys").and_then(|sys| sys.getattr("path")).ok();
    let entries = entries.and_then(|entries| entries.cast_into::<pyo3::types::PyList>().ok());
    let below = entries
        .iter()
        .flat_map(|entries| entries.iter())
        .filter_map(|entry| {
            let entry = text::text(&entry, PATH_BYTES_MAX)?;
            let rest = path.strip_prefix(entry.trim_end_matches('/'))?;
            let rest = rest.strip_prefix('/')?;
            (!entry.is_empty()).then(|| rest.to_owned())
        });
    below
        .min_by_key(String::len)
        .unwrap_or_else(|| path.rsplit('/').next().unwrap_or(path).to_owned())
}

/// `shop/cart.py` of `/srv/app/shop/cart.py`, which is the module `shop.cart`.
fn of_module<'p>(path: &'p str, module: &str) -> Option<&'p str> {
    let mut start = path.len();
    let mut step_over = |expected: &str, is_file: bool| {
        let rest = &path[..start];
        let at = rest.rfind('/').map_or(0, |at| at + 1);
        let part = &rest[at..];
        let part = match is_file {
            true => part.split('.').next().unwrap_or(part),
            false => part,
        };
        let fits = part == expected;
        if fits {
            start = at.saturating_sub(1);
        }
        fits
    };
    let mut is_file = true;
    if step_over("__init__", true) {
        is_file = false;
    }
    for part in module.rsplit('.') {
        if !step_over(part, is_file) {
            return None;
        }
        is_file = false;
    }
    Some(path[start..].trim_start_matches('/'))
}
