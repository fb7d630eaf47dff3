//! Crashvault for Python.
//!
//! Enters: Python's exceptions, scopes and questions. Leaves: what the engine makes of them, as Python's objects.
//!
//! Never: holds a rule about events or issues, which is the engine's; calls code of the host that was not asked for;
//! raises from a capture.

mod callback;
mod capture;
mod error;
mod event;
mod install;
mod interrupt;
mod issue;
mod own;
mod raw;
mod record;
mod report;
mod scope;
mod serving;
mod text;
mod value;
mod vault;

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// The interpreter that this library serves: one of a process, as objects of two must not meet.
static INTERPRETER: AtomicI64 = AtomicI64::new(-1);

fn serve_this_interpreter() -> PyResult<()> {
    let own = raw::interpreter();
    match INTERPRETER.compare_exchange(-1, own, Ordering::Relaxed, Ordering::Relaxed) {
        Err(served) if served != own => Err(PyImportError::new_err(
            "crashvault serves one interpreter of a process, and another one has imported it already \
             (under mod_wsgi: WSGIApplicationGroup %{GLOBAL})",
        )),
        _ => Ok(()),
    }
}

/// The extension module; `crashvault/__init__.py` is its face.
#[pymodule]
mod _crashvault {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::serve_this_interpreter()
    }

    #[pymodule_export]
    use crate::capture::{capture_event, capture_exception, capture_log, capture_message};
    #[pymodule_export]
    use crate::event::{Added, Attachment, EventsFound, Followed, StoredEvent};
    #[pymodule_export]
    use crate::install::{
        Health, Installed, close, flush, health, install, lend_stacks, note_end, note_stay,
        stacks_file, stand_before, watch_requests,
    };
    #[pymodule_export]
    use crate::issue::{Activity, Doubt, Issue, IssuesFound};
    #[pymodule_export]
    use crate::report::{ReportOutcome, ReportRefusal, report};
    #[pymodule_export]
    use crate::scope::{
        NewScope, Scope, add_breadcrumb, clear_scope, global_scope, new_scope, set_context,
        set_durability, set_extra, set_fingerprint, set_level, set_tag, set_tags, set_traceparent,
        set_transaction, set_user, start_trace, traceparent,
    };
    #[pymodule_export]
    use crate::serving::{Serving, served_now, serving};
    #[pymodule_export]
    use crate::vault::reports::{
        Archive, ArchiveReport, ArchivedIssue, ArchivesFound, Cause, CausesFound, DrainReport,
        EmptyReport, ExplainedTerm, Explanation, Finding, GarbageReport, Join, PruneReport,
        RebuildReport, RegroupedMerge, RegroupedSplit, Regrouping, RelatedIssue, RestoreReport,
        SavedSearch, Setting, SharedFact, SpaceReport, Stats, TermRows, ValueCount, VaultStatus,
    };
    #[pymodule_export]
    use crate::vault::{ExportReport, ImportReport, IssueIterator, Vault, open};
}
