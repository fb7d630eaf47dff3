//! The default store: one SQLite file in WAL mode, safe with many processes.
//!
//! Format and reasons of each table: `migrations/`. A vault's file must not be opened and closed by other means in a
//! process that has it open here: closing any descriptor of it drops SQLite's locks on it (POSIX).

mod check;
mod failure;
mod open;
mod payload;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Batch, Committed, IssueFilter, Store, StoreStats, StoredEvent};
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventId;
use crate::issue::{Issue, IssueId, IssueRef, Join};

pub(crate) use open::Access;

/// A vault's database.
pub(crate) struct SqliteStore {
    conn: Connection,
    path: PathBuf,
    encoder: payload::Encoder,
}

impl SqliteStore {
    /// Opens the vault's database; with [`Access::ReadWrite`] it is made (mode 0600) or brought to this format first.
    ///
    /// # Errors
    /// Corrupt for a file that is no vault (it stays untouched) or is damaged; Unsupported for a newer format;
    /// NotFound for a missing or empty file that may not be written; ReadOnly; Busy; Io.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self> {
        Ok(Self {
            conn: open::open(path, access)?,
            path: path.to_owned(),
            encoder: payload::Encoder::new()?,
        })
    }

    fn named(&self, operation: &'static str) -> impl Fn(rusqlite::Error) -> Error {
        move |source| failure::failure(operation, &self.path, source)
    }

    fn no_issue(&self, reference: impl std::fmt::Display) -> Error {
        Error::new(
            ErrorKind::NotFound,
            "show issue",
            format!("no issue {reference}"),
        )
    }

    fn one_issue_id(&self, prefix: &str) -> Result<IssueId> {
        let found = read::issue_ids(&self.conn, prefix).map_err(self.named("show issue"))?;
        match found.as_slice() {
            [] => Err(self.no_issue(prefix)),
            [(_, id)] => Ok(*id),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .map(|(number, id)| format!("#{number} ({id})"))
                    .collect();
                let message = format!("{prefix} is the start of {}", names.join(", "));
                Err(Error::new(ErrorKind::Conflict, "show issue", message))
            }
        }
    }

    fn decoded(&self, raw: read::RawEvent, decoder: &mut payload::Decoder) -> Result<StoredEvent> {
        let id = raw.event_id;
        raw.decode(decoder).map_err(|error| {
            error
                .with_context("path", self.path.display())
                .with_context("event", id)
        })
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, batch: &Batch) -> Result<Committed> {
        // Encoded before the transaction begins: other writers wait for inserts alone.
        let payloads = self.encoder.encode(&batch.events)?;
        write::commit(&mut self.conn, batch, &payloads)
            .map_err(|source| failure::failure("commit", &self.path, source))
    }

    fn sync(&mut self) -> Result<()> {
        write::sync(&mut self.conn).map_err(|source| failure::failure("sync", &self.path, source))
    }

    fn issues(&self, filter: &IssueFilter) -> Result<Vec<Issue>> {
        read::issues(&self.conn, filter).map_err(self.named("list issues"))
    }

    fn issue(&self, reference: &IssueRef) -> Result<Issue> {
        let found = match reference {
            IssueRef::Number(number) => read::issue_by_number(&self.conn, *number),
            IssueRef::Id(id) => read::issue_by_id(&self.conn, id),
            IssueRef::Prefix(prefix) => read::issue_by_id(&self.conn, &self.one_issue_id(prefix)?),
        };
        let found = found.map_err(self.named("show issue"))?;
        found.ok_or_else(|| match reference {
            IssueRef::Number(number) => self.no_issue(format_args!("#{number}")),
            IssueRef::Id(id) => self.no_issue(id),
            IssueRef::Prefix(prefix) => self.no_issue(prefix),
        })
    }

    fn events(&self, issue: &IssueId, limit: usize) -> Result<Vec<StoredEvent>> {
        let raw = read::events(&self.conn, issue, limit).map_err(self.named("list events"))?;
        let mut decoder = payload::Decoder::new()?;
        raw.into_iter()
            .map(|raw| self.decoded(raw, &mut decoder))
            .collect()
    }

    fn event(&self, id: EventId) -> Result<StoredEvent> {
        let raw = read::event(&self.conn, id).map_err(self.named("show event"))?;
        match raw {
            Some(raw) => self.decoded(raw, &mut payload::Decoder::new()?),
            None => {
                let message = format!("no event {id}");
                Err(Error::new(ErrorKind::NotFound, "show event", message))
            }
        }
    }

    fn joins(&self, issue: &IssueId) -> Result<Vec<Join>> {
        read::joins(&self.conn, issue).map_err(self.named("list joins"))
    }

    fn offsets(&self) -> Result<BTreeMap<String, u64>> {
        read::numbers(&self.conn, "SELECT name, bytes FROM segment_offset")
            .map_err(self.named("read offsets"))
    }

    fn forget_segments(&mut self, names: &[String]) -> Result<()> {
        write::forget_segments(&mut self.conn, names)
            .map_err(|source| failure::failure("forget segments", &self.path, source))
    }

    fn counters(&self) -> Result<BTreeMap<String, u64>> {
        read::numbers(&self.conn, "SELECT name, value FROM counter")
            .map_err(self.named("read counters"))
    }

    fn stats(&self) -> Result<StoreStats> {
        let mut stats = read::stats(&self.conn).map_err(self.named("measure store"))?;
        stats.disk_bytes = open::disk_bytes(&self.path);
        Ok(stats)
    }

    fn check(&self) -> Result<Vec<String>> {
        check::check(&self.conn, &mut payload::Decoder::new()?).map_err(self.named("check store"))
    }
}
