//! What of Python itself is asked again and again, looked up once: also while the interpreter ends and imports nothing more.

use crate::raw::name;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

/// Functions and descriptors of Python's own, which no class of the host can lay itself over.
pub struct Own {
    getframe: Py<PyAny>,
    modules: Py<PyDict>,
    type_module: Py<PyAny>,
    type_qualname: Py<PyAny>,
    error_dict: Py<PyAny>,
    suppress_context: Py<PyAny>,
    /// The type of groups of exceptions, from Python 3.11 on, and what reads theirs.
    group: Option<(Py<PyType>, Py<PyAny>)>,
}

static OWN: PyOnceLock<Own> = PyOnceLock::new();

impl Own {
    pub fn of(py: Python<'_>) -> PyResult<&Self> {
        OWN.get_or_try_init(py, || Self::look_up(py))
    }

    fn look_up(py: Python<'_>) -> PyResult<Self> {
        let sys = py.import("sys")?;
        let error = py.get_type::<PyBaseException>();
        let ty = py.get_type::<PyType>();
        let group = py.import("builtins")?.getattr("BaseExceptionGroup").ok();
        let group = match group {
            Some(group) => {
                let group = group.cast_into::<PyType>()?;
                let held = reader(&group, "exceptions")?;
                Some((group.unbind(), held))
            }
            None => None,
        };
        Ok(Self {
            getframe: sys.getattr("_getframe")?.unbind(),
            modules: sys.getattr("modules")?.cast_into::<PyDict>()?.unbind(),
            type_module: reader(&ty, "__module__")?,
            type_qualname: reader(&ty, "__qualname__")?,
            error_dict: reader(&error, "__dict__")?,
            suppress_context: reader(&error, "__suppress_context__")?,
            group,
        })
    }

    /// The frame that called us.
    pub fn frame<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.getframe.bind(py).call0()
    }

    /// A module, if the program has imported it.
    pub fn imported<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> Option<Bound<'py, PyAny>> {
        self.modules.bind(py).get_item(name).ok()?
    }

    /// A type's module as it stands in it.
    pub fn module_of<'py>(&self, ty: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
        match is_plain(ty) {
            true => ty.getattr(name!(ty.py(), "__module__")),
            false => self.type_module.bind(ty.py()).call1((ty,)),
        }
    }

    /// A type's name with the classes and functions around it.
    pub fn name_of<'py>(&self, ty: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
        match is_plain(ty) {
            true => ty.getattr(name!(ty.py(), "__qualname__")),
            false => self.type_qualname.bind(ty.py()).call1((ty,)),
        }
    }

    /// An exception's own attributes.
    pub fn dict_of<'py>(
        &self,
        error: &Bound<'py, PyBaseException>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let dict = self.error_dict.bind(error.py()).call1((error,))?;
        Ok(dict.cast_into()?)
    }

    /// Whether `from None` was said.
    pub fn suppresses_context(&self, error: &Bound<'_, PyBaseException>) -> bool {
        let says = self.suppress_context.bind(error.py()).call1((error,));
        says.is_ok_and(|says| says.is_truthy().unwrap_or(false))
    }

    /// What a group of exceptions holds, if it is one.
    pub fn held<'py>(&self, error: &Bound<'py, PyBaseException>) -> Option<Bound<'py, PyAny>> {
        let (group, held) = self.group.as_ref()?;
        let py = error.py();
        let is_group = error
            .get_type()
            .is_subclass(group.bind(py))
            .unwrap_or(false);
        is_group.then(|| held.bind(py).call1((error,)).ok())?
    }
}

/// Whether its own type is `type`, so that asking it for an attribute runs no code of the host. That is quicker than a call, and
/// works where the stack is full.
fn is_plain(ty: &Bound<'_, PyType>) -> bool {
    ty.get_type().is(ty.py().get_type::<PyType>())
}

/// What reads a slot of a built-in type, whatever a subclass has laid over it.
fn reader(ty: &Bound<'_, PyType>, name: &str) -> PyResult<Py<PyAny>> {
    let slots = ty.getattr(name!(ty.py(), "__dict__"))?;
    let slot = slots.get_item(name)?;
    Ok(slot.getattr(name!(ty.py(), "__get__"))?.unbind())
}

/// A slot of a built-in type that is seldom asked for.
pub fn slot<'py, T>(
    ty: &Bound<'py, PyType>,
    object: &Bound<'py, T>,
    name: &str,
) -> Option<Bound<'py, PyAny>> {
    let read = reader(ty, name).ok()?;
    let value = read.bind(ty.py()).call1((object.as_any(),)).ok()?;
    (!value.is_none()).then_some(value)
}
