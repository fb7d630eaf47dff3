//! Exports into a file by its name, or into what the host writes to.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crashvault::{ExportFormat, ExportReport as Report, ExportRule};
use pyo3::exceptions::{PyOSError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::shared::Shared;
use crate::error::{invalid, text_of, unknown};
use crate::issue::Named;
use crate::record::mirror;

mirror! {
    /// What an export holds.
    ExportReport(issues, events) of crashvault::ExportReport {
        /// Issues that have events.
        issues: u64,
        /// Their events.
        events: u64,
        /// Events that cannot be read, and so are not in it.
        events_unreadable: u64,
        /// Files that belong to events.
        attachments: u64,
        /// Of these, those whose content is missing or damaged.
        attachments_missing: u64,
    }
}

mirror! {
    /// What an import did.
    ImportReport(issues, events, events_known) of crashvault::ImportReport {
        /// Issues in the file.
        issues: u64,
        /// Events that came in.
        events: u64,
        /// Events that were there already, or were removed for good before.
        events_known: u64,
        /// Files that belong to events, and are kept now.
        attachments: u64,
        /// Those that the file names without their content.
        attachments_missing: u64,
    }
}

/// What is to be exported.
pub fn rule_of(py: Python<'_>, query: Option<&str>, issue: Option<Named>) -> PyResult<ExportRule> {
    match (query, issue) {
        (Some(_), Some(_)) => Err(invalid(py, "export", "name a query or an issue, not both")),
        (Some(query), None) if !query.trim().is_empty() => Ok(ExportRule::query(query)),
        (_, Some(Named(issue))) => Ok(ExportRule::issue(&issue)),
        _ => Ok(ExportRule::all()),
    }
}

fn format_of(py: Python<'_>, word: &str) -> PyResult<ExportFormat> {
    let known = ExportFormat::ALL.map(ExportFormat::name);
    ExportFormat::from_name(word).ok_or_else(|| unknown(py, "format", word, &known))
}

/// What the end of a name says, below that of its compression; JSON where it says nothing.
fn format_by_name(path: &Path) -> ExportFormat {
    let mut path = PathBuf::from(path);
    if path
        .extension()
        .is_some_and(|end| end == "gz" || end == "zst")
    {
        path.set_extension("");
    }
    let end = path.extension().and_then(|end| end.to_str());
    end.and_then(ExportFormat::from_name)
        .unwrap_or(ExportFormat::Json)
}

/// Writes where `to` says: a path, or anything with `write`.
pub fn export(
    open: &Shared,
    to: &Bound<'_, PyAny>,
    format: Option<&str>,
    rule: &ExportRule,
    replace: bool,
) -> PyResult<Report> {
    let py = to.py();
    let format = format.map(|word| format_of(py, word)).transpose()?;
    if let Ok(path) = to.extract::<PathBuf>() {
        let format = format.unwrap_or_else(|| format_by_name(&path));
        return open.work(py, |vault| {
            vault.export_file(rule, format, &path, replace, &mut |_| {})
        });
    }
    if !to.hasattr(intern!(py, "write"))? {
        return Err(PyTypeError::new_err(
            "an export goes to a path or to a file that is open for writing",
        ));
    }
    let mut out = HostFile::new(to)?;
    let format = format.unwrap_or(ExportFormat::Json);
    let done = open.work(py, |vault| {
        let mut buffered = io::BufWriter::with_capacity(BUFFER_BYTES, &mut out);
        let report = vault.export(rule, format, &mut buffered, &mut |_| {})?;
        Ok(report)
    });
    match out.failed {
        Some(failed) => Err(failed),
        None => done,
    }
}

/// Fewer calls of the host.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file of the host's, in bytes or in text.
struct HostFile {
    file: Py<PyAny>,
    is_text: bool,
    /// The first bytes of a letter whose last ones come with the next write.
    begun: Vec<u8>,
    /// What the file raised, to be raised again as it is.
    failed: Option<PyErr>,
}

impl HostFile {
    fn new(file: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = file.py();
        let text = py.import("io")?.getattr("TextIOBase")?;
        Ok(Self {
            is_text: file.is_instance(&text)?,
            file: file.clone().unbind(),
            begun: Vec::new(),
            failed: None,
        })
    }

    fn put(&mut self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        py.check_signals()?;
        let write = self.file.bind(py).getattr(intern!(py, "write"))?;
        if !self.is_text {
            return put_all(&write, bytes);
        }
        self.begun.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.begun) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.begun.split_off(whole);
        let text = String::from_utf8_lossy(&self.begun).into_owned();
        self.begun = rest;
        write.call1((text,))?;
        Ok(())
    }
}

/// An unbuffered file may take a part at a time.
fn put_all(write: &Bound<'_, PyAny>, mut bytes: &[u8]) -> PyResult<()> {
    while !bytes.is_empty() {
        let taken = write.call1((PyBytes::new(write.py(), bytes),))?;
        let taken = taken.extract::<usize>().unwrap_or(bytes.len());
        if taken == 0 {
            return Err(PyOSError::new_err("the file takes no more bytes"));
        }
        bytes = bytes.get(taken..).unwrap_or_default();
    }
    Ok(())
}

impl Write for HostFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Err(io::Error::other("the file refused before"));
        }
        let put = Python::attach(|py| {
            self.put(py, bytes).map_err(|error| {
                let told = io::Error::other(text_of(py, &error));
                self.failed = Some(error);
                told
            })
        });
        put.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
