//! Enters: where a vault lies. Leaves: the one door that joins journal, ingest and store.
//!
//! Never: decides what belongs together, reads SQL, or lets a reader see less than what was captured.

mod home;

#[cfg(not(feature = "store"))]
mod disabled;
#[cfg(not(feature = "store"))]
pub(crate) use disabled::install;

#[cfg(feature = "store")]
mod archive;
#[cfg(feature = "store")]
mod attach;
#[cfg(feature = "store")]
mod configure;
#[cfg(feature = "store")]
mod decide;
#[cfg(feature = "store")]
mod door;
#[cfg(feature = "store")]
mod drainer;
#[cfg(feature = "store")]
mod dumps;
#[cfg(feature = "store")]
mod empty;
#[cfg(feature = "store")]
mod enabled;
#[cfg(feature = "store")]
mod export;
#[cfg(feature = "store")]
mod find;
#[cfg(feature = "store")]
mod garbage;
#[cfg(feature = "store")]
mod group_rules;
#[cfg(feature = "server")]
mod intake;
#[cfg(feature = "store")]
mod items;
#[cfg(feature = "store")]
mod lineage;
#[cfg(feature = "store")]
mod merge;
#[cfg(feature = "minidump")]
mod minidump;
#[cfg(feature = "store")]
mod overview;
#[cfg(feature = "store")]
mod regroup;
#[cfg(feature = "store")]
mod renew;
#[cfg(feature = "store")]
mod report;
#[cfg(feature = "store")]
mod report_cursor;
#[cfg(feature = "store")]
mod rescue;
#[cfg(feature = "store")]
mod retain;
#[cfg(all(test, feature = "store"))]
mod samples;
#[cfg(feature = "store")]
mod searches;
#[cfg(feature = "store")]
mod settings;
#[cfg(feature = "store")]
mod space;
#[cfg(feature = "store")]
mod status;
#[cfg(feature = "store")]
mod symbols;
#[cfg(feature = "v1")]
mod v1;
#[cfg(feature = "store")]
mod webhooks;
#[cfg(feature = "store")]
mod why;

#[cfg(feature = "store")]
pub use archive::{
    Archive, ArchiveReport, ArchiveRule, ArchivedIssue, ArchivesFound, RestoreReport,
};
#[cfg(feature = "store")]
pub use attach::NewAttachment;
#[cfg(feature = "store")]
pub use configure::{SETTINGS, SettingForm};
#[cfg(feature = "store")]
pub use decide::IgnoreUntil;
#[cfg(feature = "store")]
pub use door::{Added, READER_DRAIN_MAX, Vault, VaultOptions};
#[cfg(feature = "store")]
pub use empty::EmptyReport;
#[cfg(feature = "store")]
pub(crate) use enabled::install;
#[cfg(feature = "store")]
pub use garbage::GarbageReport;
#[cfg(feature = "store")]
pub use group_rules::{GroupRulesTried, GroupingTried};
#[cfg(feature = "server")]
pub use intake::{Intake, IntakeOptions};
#[cfg(feature = "store")]
pub use regroup::{RegroupedMerge, RegroupedSplit, RegroupedVariant, Regrouping};
#[cfg(feature = "store")]
pub use report_cursor::{ReportCursor, ReportRefusal, ReportTurn};
#[cfg(feature = "store")]
pub use rescue::RescueReport;
#[cfg(feature = "store")]
pub use retain::{PruneReport, PruneRule};
#[cfg(feature = "store")]
pub use searches::SavedSearch;
#[cfg(feature = "store")]
pub use settings::{Setting, SettingSource};
#[cfg(feature = "store")]
pub use space::SpaceReport;
#[cfg(feature = "store")]
pub use status::{Finding, Severity, VaultStatus};
#[cfg(feature = "store")]
pub use symbols::{SymbolsAdded, SymbolsKind};
#[cfg(feature = "v1")]
pub use v1::{V1Options, V1Report};
#[cfg(feature = "store")]
pub use webhooks::{Webhook, WebhookKind};
