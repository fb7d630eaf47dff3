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
mod raw;
mod record;
mod scope;
mod text;
mod value;
mod vault;

use pyo3::prelude::*;

/// The extension module; `crashvault/__init__.py` is its face.
#[pymodule]
mod _crashvault {
    #[pymodule_export]
    use crate::capture::{capture_exception, capture_message};
    #[pymodule_export]
    use crate::event::{Added, Attachment, EventsFound, Followed, StoredEvent};
    #[pymodule_export]
    use crate::install::{Installed, close, flush, install};
    #[pymodule_export]
    use crate::issue::{Activity, Doubt, Issue, IssuesFound};
    #[pymodule_export]
    use crate::scope::{
        NewScope, Scope, add_breadcrumb, clear_scope, global_scope, new_scope, set_context,
        set_durability, set_extra, set_fingerprint, set_level, set_tag, set_tags, set_traceparent,
        set_transaction, set_user, start_trace, traceparent,
    };
    #[pymodule_export]
    use crate::vault::reports::{
        Cause, CausesFound, DrainReport, EmptyReport, Finding, GarbageReport, Join, PruneReport,
        RebuildReport, RegroupedMerge, RegroupedSplit, Regrouping, RelatedIssue, SavedSearch,
        Setting, SharedFact, SpaceReport, Stats, ValueCount, VaultStatus,
    };
    #[pymodule_export]
    use crate::vault::{ExportReport, ImportReport, IssueIterator, Vault, open};
}
