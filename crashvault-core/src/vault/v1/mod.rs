//! What Crashvault 1 left, taken into a vault: once, however often it is done (docs/decisions/0021).

mod decided;
mod importer;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::export::v1::{self, Source, V1Remark};
use crate::ingest::PROJECT_DEFAULT;
use importer::Importer;

/// How to import what Crashvault 1 left.
#[derive(Clone)]
#[non_exhaustive]
pub struct V1Options {
    password: Option<String>,
    project: String,
    dry_run: bool,
}

impl Default for V1Options {
    fn default() -> Self {
        Self {
            password: None,
            project: PROJECT_DEFAULT.into(),
            dry_run: false,
        }
    }
}

/// Not the password.
impl std::fmt::Debug for V1Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("V1Options")
            .field("project", &self.project)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

impl V1Options {
    /// The password of an encrypted `issues.json`.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The project that everything comes into. Version 1 knew none. Default: `default`, that of `crashvault add`.
    #[must_use]
    pub fn project(mut self, name: impl Into<String>) -> Self {
        self.project = name.into();
        self
    }

    /// Whether to change nothing and only tell. Default: false.
    #[must_use]
    pub fn dry_run(mut self, on: bool) -> Self {
        self.dry_run = on;
        self
    }
}

/// What an import of Crashvault 1's data did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct V1Report {
    /// Issues found, each fingerprint once.
    pub issue_count: u64,
    /// Of these, those the vault did not have.
    pub issues_new: u64,
    /// Events of issues.
    pub event_count: u64,
    /// Notes, reports, failures under `wrap` and uncaught exceptions: what version 1 kept outside of issues.
    pub note_count: u64,
    /// Of both, those the vault did not have.
    pub events_new: u64,
    /// Events made for issues that had none left, as the vault did not have these.
    pub synthetic_count: u64,
    /// Statuses, titles, severities and tags of issues that were recorded.
    pub decision_count: u64,
    /// Files in `attachments/`.
    pub attachment_count: u64,
    /// Of these, those the vault did not have.
    pub attachments_new: u64,
    /// Issues whose number was taken: the one in version 1, and the one here.
    pub renumbered: Vec<(u64, u64)>,
    /// What did not come in.
    pub skipped: Vec<V1Remark>,
    /// What came in otherwise than it stood there.
    pub changed: Vec<V1Remark>,
}

impl Vault {
    /// Whether there is something of Crashvault 1 at `path`: its directory, or a JSON export of it. Only looks, at what
    /// is in it, not at its name.
    pub fn is_v1(path: impl AsRef<Path>) -> bool {
        v1::is_ours(path.as_ref())
    }

    /// Takes in what Crashvault 1 left: its directory (which may be this vault's own), or the JSON its `export` wrote.
    /// Its files are only read.
    ///
    /// Ids, times, hosts and processes stay, numbers where they are free. Issues are put together as version 1 did, by
    /// the whole message, and go on receiving what is captured later in the same words. Doing it again adds what is new
    /// there; what was decided here since is not overruled. Files that cannot be read are told and passed over. Needs
    /// the feature `v1`.
    ///
    /// # Errors
    /// NotFound; InvalidInput for what version 1 did not write and for a wrong password; Locked where a password is
    /// needed; Unsupported for an export of another version; then nothing has changed. As [`Vault::add_all`]; what came
    /// in before stays, and doing it again completes it.
    pub fn import_v1(&mut self, path: impl AsRef<Path>, options: &V1Options) -> Result<V1Report> {
        self.lineage.check()?;
        if self.is_read_only && !options.dry_run {
            let message = format!("{} is open for reading only", self.home.display());
            return Err(Error::new(ErrorKind::ReadOnly, "import v1", message));
        }
        let source = Source::open(path.as_ref(), options.password.as_deref())?;
        Importer::new(Some(self), options).run(source)
    }

    /// Whether [`Vault::import_v1`] could begin: that there is something, and that it opens with the password. Makes no
    /// vault.
    ///
    /// # Errors
    /// As there.
    pub fn check_v1(path: impl AsRef<Path>, options: &V1Options) -> Result<()> {
        Source::open(path.as_ref(), options.password.as_deref()).map(drop)
    }

    /// What [`Vault::import_v1`] would do with a new vault.
    ///
    /// # Errors
    /// As there.
    pub fn examine_v1(path: impl AsRef<Path>, options: &V1Options) -> Result<V1Report> {
        let source = Source::open(path.as_ref(), options.password.as_deref())?;
        Importer::new(None, options).run(source)
    }
}
