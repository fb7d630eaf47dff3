//! The SQLite of crash reporting: every crash and error, with its context, is safely on disk before the call returns.
//!
//! ```no_run
//! # use std::io;
//! fn main() -> io::Result<()> {
//!     crashvault::install(); // panics are captured from here on
//!     crashvault::set_tag("region", "eu");
//!     crashvault::breadcrumb("config", "reading app.toml");
//!     if let Err(error) = std::fs::read_to_string("app.toml") {
//!         crashvault::capture_error(&error); // on disk when this returns
//!         return Err(error);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Then, in a terminal: `crashvault list`, `crashvault show 1`.
//!
//! What a capture writes goes to an append-only journal that survives `kill -9`; whoever opens the vault next (the
//! command, or this process's own drainer) turns addresses into functions and lines, scrubs, groups, and stores. The
//! vault itself can be read from a program through `Vault`.
//!
//! # What it does not do
//!
//! - It opens no connection to anywhere. Nothing leaves the machine.
//! - It brings no async runtime, no logger, no allocator, no code before `main`.
//! - It never panics into the host, never writes to stderr, and never makes a capture wait for the vault's database.
//! - It does not see crashes by signals on other systems than Linux.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `native` | yes | crashes by signals (SIGSEGV, SIGABRT …), on Linux; brings no dependency |
//! | `store` | yes | the vault: SQLite, grouping, symbolication, settings, the in-process drainer |
//! | `anyhow` | no | `anyhow::capture_anyhow`, `.capture()` on its results |
//! | `eyre` | no | `eyre::capture_eyre`, `.capture()` on its results |
//! | `test` | no | `test::with_captured`: tests of your own captures |
//! | `minidump` | no | `Vault::import_minidump`: crashes that other programs' handlers wrote as minidumps (57 crates more) |
//! | `out-of-process` | no | `Options::out_of_process`: at a crash a second process writes down the stacks of all threads |
//! | `tower` | no | a layer for axum, tonic, hyper: a scope for each request, with the request in its events |
//! | `actix` | no | the same as a middleware for actix-web |
//! | `tokio` | no | tasks that take the scope along, and say where they were spawned |
//! | `tracing` | no | `crashvault::tracing::layer()`: errors become events, warnings and notices breadcrumbs |
//! | `log`, `slog` | no | the same around a logger or drain the program has |
//! | `host` | no | `host`: the door for bindings of other languages |
//! | `server` | no | `Intake`: the door for servers, which answer once what they were sent is in the journal |
//! | `v1` | no | `Vault::import_v1`: what Crashvault 1 left (17 crates more) |
//!
//! A process that ends without notice (SIGKILL, `_exit`) leaves a warning with its last breadcrumbs; see
//! [`Options::black_box`].
//!
//! Without `store` a program only captures; any vault that is opened in the same place takes its events in.
#![deny(missing_docs)]
#![deny(unsafe_code)]

mod capture;
mod error;
pub mod event;
#[cfg(feature = "store")]
mod export;
#[cfg(feature = "store")]
mod file;
#[cfg(feature = "store")]
mod group;
#[cfg(feature = "store")]
mod ingest;
mod integrations;
pub mod issue;
mod journal;
#[cfg(feature = "store")]
mod language;
#[cfg(feature = "store")]
mod query;
#[cfg(test)]
mod scratch;
#[cfg(feature = "store")]
mod scrub;
#[cfg(feature = "store")]
mod store;
#[cfg(feature = "store")]
mod symbol;
#[cfg(feature = "test")]
pub mod test;
mod time;
#[cfg(feature = "store")]
mod trace;
mod vault;

#[cfg(feature = "host")]
pub use capture::host;
#[cfg(feature = "out-of-process")]
pub use capture::receive_crash;
pub use capture::{
    Health, InScope, Installed, Options, ResultExt, Scope, ScopeFutureExt, ScopeHandle,
    add_breadcrumb, breadcrumb, capture_error, capture_event, capture_message, close,
    configure_global_scope, configure_scope, flush, health, set_context, set_extra, set_tag,
    set_user, traceparent, with_scope,
};
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "server")]
pub use event::Delivery;
pub use event::{Breadcrumb, Event, EventId, Exception, Frame, Level, User};
#[cfg(feature = "v1")]
pub use export::v1::V1Remark;
#[cfg(feature = "store")]
pub use export::{ExportFormat, ExportKind, ExportReport, ExportRule, ImportReport, ReportRule};
#[cfg(feature = "store")]
pub use group::{FieldMissed, Grouper, RuleTried, TraceLine};
#[cfg(feature = "store")]
pub use ingest::{DrainReport, TraceReader, parse_traces};
#[cfg(feature = "actix")]
pub use integrations::actix;
#[cfg(feature = "anyhow")]
pub use integrations::anyhow;
#[cfg(feature = "eyre")]
pub use integrations::eyre;
#[cfg(feature = "log")]
pub use integrations::log;
#[cfg(feature = "slog")]
pub use integrations::slog;
#[cfg(feature = "tokio")]
pub use integrations::tokio;
#[cfg(feature = "tower")]
pub use integrations::tower;
#[cfg(feature = "tracing")]
pub use integrations::tracing;
pub use issue::{
    Activity, ActivityId, Deed, HybridTime, Ignore, Issue, IssueId, IssueRef, IssueState, Join,
    Resolution, ReviewStep, Status, VariantKey, Why,
};
pub use journal::Durability;
#[cfg(feature = "store")]
pub use query::{
    Cause, CausesFound, Cursor, Doubt, EventsFound, ExplainedTerm, Explanation, FactKind, Followed,
    IssuesFound, Search, SharedFact, TermKind, TermRows,
};
#[cfg(feature = "store")]
pub use store::{
    Attachment, IssueFilter, IssueSort, Item, ItemFilter, RebuildReport, RelatedIssue, StoredEvent,
    Tally, ValueCount,
};
pub use time::{Clock, FixedClock, SystemClock, Timestamp};
#[cfg(feature = "store")]
pub use trace::Trace;
#[cfg(feature = "store")]
pub use vault::{
    Added, Archive, ArchiveReport, ArchiveRule, ArchivedIssue, ArchivesFound, EmptyReport, Finding,
    GarbageReport, GroupRulesTried, GroupingTried, IgnoreUntil, NewAttachment, PruneReport,
    PruneRule, READER_DRAIN_MAX, RegroupedMerge, RegroupedSplit, RegroupedVariant, Regrouping,
    ReportCursor, ReportRefusal, ReportTurn, RescueReport, RestoreReport, SETTINGS, SavedSearch,
    Setting, SettingForm, SettingSource, Severity, SpaceReport, SymbolsAdded, SymbolsKind, Vault,
    VaultOptions, VaultStatus, Webhook, WebhookKind,
};
#[cfg(feature = "server")]
pub use vault::{Intake, IntakeOptions};
#[cfg(feature = "v1")]
pub use vault::{V1Options, V1Report};

/// Starts capturing panics and makes the `capture_*` functions work, with default options.
pub fn install() -> Installed {
    options().install()
}

/// Options to be changed before installing.
pub fn options() -> Options {
    Options::default()
}

impl Options {
    /// Installs Crashvault with these options. Never fails: what is wrong is told by the answer.
    pub fn install(self) -> Installed {
        vault::install(self)
    }
}

/// The calling crate's `name@version`, from Cargo.
#[macro_export]
macro_rules! release {
    () => {
        concat!(env!("CARGO_PKG_NAME"), "@", env!("CARGO_PKG_VERSION"))
    };
}

/// The code in the guides compiles.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/guide/rust.md")]
    struct Rust;
    #[cfg(all(
        feature = "actix",
        feature = "log",
        feature = "slog",
        feature = "tokio",
        feature = "tower",
        feature = "tracing",
    ))]
    #[doc = include_str!("../../docs/guide/rust-integrations.md")]
    struct RustIntegrations;
}
