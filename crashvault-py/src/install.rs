//! `install()` and what follows the program's whole life.

use std::path::PathBuf;

use crashvault::host::Language;
use pyo3::prelude::*;

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

#[pyfunction]
#[pyo3(signature = (*, vault=None, project=None, release=None, environment=None, program=None, arguments=None))]
pub fn install(
    py: Python<'_>,
    vault: Option<PathBuf>,
    project: Option<String>,
    release: Option<String>,
    environment: Option<String>,
    program: Option<String>,
    arguments: Option<Vec<String>>,
) -> PyResult<Installed> {
    let version = py.version_info();
    let version = format!("{}.{}.{}", version.major, version.minor, version.patch);
    let implementation: String = py
        .import("sys")?
        .getattr("implementation")?
        .getattr("name")?
        .extract()?;
    let mut language =
        Language::new("python", "crashvault.python").runtime(implementation, version);
    if let Some(program) = program {
        language = language.program(program);
    }
    if let Some(arguments) = arguments {
        language = language.arguments(arguments);
    }
    let mut options = crashvault::options().language(language).panic_hook(false);
    if let Some(vault) = vault {
        options = options.vault(vault);
    }
    if let Some(project) = project {
        options = options.project(project);
    }
    if let Some(release) = release {
        options = options.release(release);
    }
    if let Some(environment) = environment {
        options = options.environment(environment);
    }
    let installed = py.detach(|| options.install());
    Ok(Installed {
        vault: installed.vault().map(Into::into),
        note: installed.note().map(Into::into),
        is_first: installed.is_first(),
    })
}

#[pyfunction]
pub fn flush(py: Python<'_>) -> bool {
    py.detach(crashvault::flush)
}

#[pyfunction]
pub fn close(py: Python<'_>) {
    py.detach(crashvault::close);
}
