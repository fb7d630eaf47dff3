//! The default store: one SQLite file in WAL mode, safe with many processes.
//!
//! Format and reasons of each table: `migrations/`. A vault's file must not be opened and closed by other means in a
//! process that has it open here: closing any descriptor of it drops SQLite's locks on it (POSIX).

mod act;
mod adopt;
mod archive;
mod attach;
mod carve;
mod check;
mod collect;
mod compile;
mod derive;
mod dictionary;
mod dump;
mod explain;
mod failure;
mod foresee;
mod gist;
mod ground;
mod homes;
mod issue_sql;
mod item;
mod legacy;
mod likeness;
mod meter;
mod names;
mod open;
mod payload;
mod postings;
mod react;
mod read;
mod rebuild;
mod records;
mod remove;
mod repack;
mod rescue;
mod retire;
mod search;
mod side;
mod space;
mod terms;
#[cfg(test)]
mod tests;
mod whole;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{
    Adoption, Attachment, Batch, Collected, Committed, Condition, Contents, Decision, Effort,
    Estimate, EventPage, EventSearch, Expendable, Exported, Foreseen, IssueFilter, IssuePage,
    IssueSearch, Item, ItemFilter, KnownVariant, Links, NewEvent, Packed, Place, Plan, Record,
    RelatedIssue, Retired, Store, StoreStats, StoredEvent, Tally, ValueCount,
};
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventId;
use crate::issue::{Activity, Issue, IssueId, IssueRef, Join, VariantKey};
use crate::time::Timestamp;

pub(crate) use open::Access;
pub(crate) use payload::Parts;
pub use rebuild::RebuildReport;
pub(crate) use rescue::rescue;

/// A vault's database.
pub(crate) struct SqliteStore {
    conn: Connection,
    path: PathBuf,
    encoder: payload::Encoder,
    decoder: payload::Decoder,
    names: names::Names,
}

/// Why a step within the store failed: told in the vault's words at its door.
#[derive(Debug)]
enum Failed {
    Sql(rusqlite::Error),
    Own(Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sql(source)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
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
            decoder: payload::Decoder::new(path)?,
            names: names::Names::default(),
        })
    }

    fn told(&self, operation: &'static str) -> impl Fn(Failed) -> Error {
        move |failed| match failed {
            Failed::Sql(source) => failure::failure(operation, &self.path, source),
            Failed::Own(error) => error,
        }
    }

    /// After a write that was rolled back, ids found on the way may stand for nothing.
    fn written<T>(&mut self, operation: &'static str, done: Result<T, Failed>) -> Result<T> {
        if done.is_err() {
            self.names = names::Names::default();
            self.decoder.forget();
        }
        done.map_err(self.told(operation))
    }

    /// Reads of one moment: a rebuild that ends between two statements gives keys and values other ids.
    fn at_once<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Failed>,
    ) -> Result<T> {
        let begin = || {
            let transaction = self.conn.unchecked_transaction()?;
            // The moment is that of the first statement, and so are the tables that later ones are prepared for.
            transaction.query_row("SELECT rebuilds FROM ledger", [], |_| Ok(()))?;
            Ok(transaction)
        };
        let transaction = begin().map_err(self.named(operation))?;
        read(&transaction).map_err(self.told(operation))
    }

    fn named(&self, operation: &'static str) -> impl Fn(rusqlite::Error) -> Error {
        move |source| failure::failure(operation, &self.path, source)
    }

    fn no_issue(&self, reference: impl std::fmt::Display) -> Error {
        Error::new(
            ErrorKind::NotFound,
            "find issue",
            format!("no issue {reference}"),
        )
    }

    fn one_issue_id(&self, prefix: &str) -> Result<IssueId> {
        let found = read::issue_ids(&self.conn, prefix).map_err(self.named("find issue"))?;
        match found.as_slice() {
            [] => Err(self.no_issue(prefix)),
            [(_, id)] => Ok(*id),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .map(|(number, id)| format!("#{number} ({id})"))
                    .collect();
                let message = format!("{prefix} is the start of {}", names.join(", "));
                Err(Error::new(ErrorKind::Conflict, "find issue", message))
            }
        }
    }

    fn decoded(&self, raw: read::RawEvent) -> Result<StoredEvent> {
        let id = raw.event_id;
        raw.decode(&self.conn, &self.decoder).map_err(|error| {
            error
                .with_context("path", self.path.display())
                .with_context("event", id)
        })
    }
}

impl Store for SqliteStore {
    fn pack(&mut self, new: NewEvent) -> Result<Packed> {
        self.encoder.begin_batch(&self.conn, &self.path)?;
        Packed::new(new, |event| {
            let parts = self.encoder.take_apart(&event)?;
            Ok(Contents::Parts(parts.into()))
        })
    }

    fn commit(&mut self, batch: &Batch) -> Result<Committed> {
        self.encoder.end_batch();
        let done = write::commit(&mut self.conn, &mut self.names, &mut self.encoder, batch);
        self.written("commit", done)
    }

    #[cfg(feature = "v1")]
    fn number_legacy(
        &mut self,
        project: &str,
        issues: &[(IssueId, Option<u64>)],
        keep: bool,
    ) -> Result<Vec<(u64, bool)>> {
        legacy::number(&mut self.conn, project, issues, keep).map_err(self.named("import"))
    }

    fn has_legacy(&self) -> Result<bool> {
        legacy::is_there(&self.conn).map_err(self.named("read"))
    }

    fn sync(&mut self) -> Result<()> {
        write::sync(&mut self.conn).map_err(|source| failure::failure("sync", &self.path, source))
    }

    fn act(&mut self, decisions: &[Decision]) -> Result<Vec<Activity>> {
        let done = act::act(&mut self.conn, &mut self.names, &self.decoder, decisions);
        self.written("decide", done)
    }

    fn activities(&self, issue: &IssueId) -> Result<Vec<Activity>> {
        let number = read::number(&self.conn, issue).map_err(self.named("list activities"))?;
        let found = number.map(|number| read::activities(&self.conn, number));
        found
            .unwrap_or_else(|| Ok(Vec::new()))
            .map_err(self.told("list activities"))
    }

    fn issue_count(&self, filter: &IssueFilter) -> Result<u64> {
        read::issue_count(&self.conn, filter).map_err(self.named("count issues"))
    }

    fn issues(&self, filter: &IssueFilter) -> Result<Vec<Issue>> {
        read::issues(&self.conn, filter).map_err(self.named("list issues"))
    }

    fn search(&self, search: &IssueSearch) -> Result<IssuePage> {
        self.at_once("search", |conn| search::issues(conn, search))
    }

    fn search_events(&self, search: &EventSearch) -> Result<EventPage> {
        self.at_once("search", |conn| {
            let (hits, next) = search::events(conn, search)?;
            let events = hits.iter().map(|hit| {
                let raw = read::event_by_sequence(conn, hit.sequence)?;
                Ok(self.decoded(raw)?)
            });
            let events = events.collect::<Result<_, Failed>>()?;
            Ok(EventPage { events, next })
        })
    }

    fn estimate(&self, condition: &Condition) -> Result<Estimate> {
        self.at_once("explain", |conn| explain::estimate(conn, condition))
    }

    fn explain(&self, search: &IssueSearch) -> Result<Plan> {
        self.at_once("explain", |conn| explain::issues(conn, search))
    }

    fn explain_events(&self, search: &EventSearch) -> Result<Plan> {
        self.at_once("explain", |conn| explain::events(conn, search))
    }

    fn hours(&self, issue: &IssueId) -> Result<Vec<(Timestamp, u64)>> {
        read::hours(&self.conn, issue).map_err(self.named("count hours"))
    }

    fn events_behind(&self, ingest_sequence: u64, limit: usize) -> Result<(Vec<StoredEvent>, u64)> {
        let rows = read::events_behind(&self.conn, ingest_sequence, limit);
        let rows = rows.map_err(self.named("read events"))?;
        let reached = rows
            .last()
            .map_or(ingest_sequence, |row| row.ingest_sequence);
        let events = rows.into_iter().map(|row| self.decoded(row));
        let is_damage = |error: &Error| error.kind() == ErrorKind::Corrupt;
        let events = events.filter(|read| !read.as_ref().is_err_and(is_damage));
        Ok((events.collect::<Result<_>>()?, reached))
    }

    fn last_ingest_sequence(&self) -> Result<u64> {
        read::last_ingest_sequence(&self.conn).map_err(self.named("read events"))
    }

    fn event_count_behind(&self, ingest_sequence: u64) -> Result<u64> {
        let count = read::event_count_behind(&self.conn, ingest_sequence);
        count.map_err(self.named("count events"))
    }

    fn last_given_sequence(&self) -> Result<u64> {
        read::last_given_sequence(&self.conn).map_err(self.named("read events"))
    }

    fn tally(&self, since: Timestamp) -> Result<Tally> {
        read::tally(&self.conn, since).map_err(self.named("count events"))
    }

    fn values(&self, issue: &IssueId, limit: usize) -> Result<Vec<ValueCount>> {
        read::values(&self.conn, issue, limit).map_err(self.named("count values"))
    }

    fn issue(&self, reference: &IssueRef) -> Result<Issue> {
        let found = match reference {
            IssueRef::Number(number) => read::issue_by_number(&self.conn, *number),
            IssueRef::Id(id) => read::issue_by_id(&self.conn, id),
            IssueRef::Prefix(prefix) => read::issue_by_id(&self.conn, &self.one_issue_id(prefix)?),
        };
        let found = found.map_err(self.named("find issue"))?;
        found.ok_or_else(|| match reference {
            IssueRef::Number(number) => self.no_issue(format_args!("#{number}")),
            IssueRef::Id(id) => self.no_issue(id),
            IssueRef::Prefix(prefix) => self.no_issue(prefix),
        })
    }

    fn events(&self, issue: &IssueId, limit: usize) -> Result<Vec<StoredEvent>> {
        let raw = read::events(&self.conn, issue, limit).map_err(self.named("list events"))?;
        raw.into_iter().map(|raw| self.decoded(raw)).collect()
    }

    fn event(&self, id: EventId) -> Result<StoredEvent> {
        let raw = read::event(&self.conn, id).map_err(self.named("find event"))?;
        match raw {
            Some(raw) => self.decoded(raw),
            None => {
                let message = format!("no event {id}");
                Err(Error::new(ErrorKind::NotFound, "find event", message))
            }
        }
    }

    fn joins(&self, issue: &IssueId) -> Result<Vec<Join>> {
        read::joins(&self.conn, issue).map_err(self.named("list joins"))
    }

    fn merged(&self, issue: &IssueId) -> Result<Vec<(u64, IssueId)>> {
        self.at_once("list merged issues", |conn| read::merged(conn, issue))
    }

    fn links(&self) -> Result<Links> {
        self.at_once("compare issues", |conn| {
            let homes = homes::fold(conn)?;
            Ok(Links {
                apart: homes.apart(),
                together: homes.together(),
            })
        })
    }

    fn join_of(&self, event: EventId) -> Result<Join> {
        let found = self.at_once("explain", |conn| read::join_of(conn, event))?;
        found.ok_or_else(|| {
            let message = format!("no event {event}");
            Error::new(ErrorKind::NotFound, "explain", message)
        })
    }

    fn known_variant(&self, project: &str, variant: &VariantKey) -> Result<Option<KnownVariant>> {
        adopt::known(&self.conn, project, variant).map_err(self.named("compare variants"))
    }

    fn moved(&self) -> Result<Vec<(EventId, Option<VariantKey>)>> {
        self.at_once("compare variants", adopt::moved)
    }

    fn adopt(&mut self, adoptions: &[Adoption]) -> Result<()> {
        let done = adopt::adopt(&mut self.conn, adoptions);
        self.written("regroup", done)
    }

    fn numbers(&self, issues: &[IssueId]) -> Result<BTreeMap<IssueId, u64>> {
        read::issue_numbers(&self.conn, issues).map_err(self.named("explain"))
    }

    fn foresee(&self, new: &NewEvent) -> Result<Foreseen> {
        self.at_once("foresee", |conn| foresee::foresee(conn, new))
    }

    fn related(&self, issue: &IssueId) -> Result<Vec<RelatedIssue>> {
        self.at_once("find related", |conn| likeness::related(conn, issue))
    }

    fn attach(&mut self, attachment: &Attachment, count_max: usize) -> Result<Attachment> {
        attach::attach(&mut self.conn, attachment, count_max).map_err(self.told("attach"))
    }

    fn attachments(&self, event: EventId) -> Result<Vec<Attachment>> {
        attach::of_event(&self.conn, event).map_err(self.named("list attachments"))
    }

    fn attachments_behind(&self, id: u64, limit: usize) -> Result<Vec<Attachment>> {
        attach::behind(&self.conn, id, limit).map_err(self.named("list attachments"))
    }

    fn items(&self, filter: &ItemFilter) -> Result<Vec<Item>> {
        item::list(&self.conn, filter).map_err(self.named("list items"))
    }

    fn item(&self, id: u64) -> Result<Item> {
        item::one(&self.conn, id).map_err(self.told("read item"))
    }

    fn item_payload(&self, id: u64) -> Result<Vec<u8>> {
        item::payload(&self.conn, id).map_err(self.told("read item"))
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
        check::check(&self.conn, &self.decoder).map_err(self.named("check store"))
    }

    fn export(&self, number: u64, put: &mut dyn FnMut(Record) -> Result<()>) -> Result<Exported> {
        archive::export(&self.conn, &self.decoder, number, put).map_err(self.told("archive"))
    }

    fn records(
        &self,
        issues: Option<&[u64]>,
        put: &mut dyn FnMut(Record) -> Result<()>,
    ) -> Result<u64> {
        whole::records(&self.conn, &self.decoder, issues, put).map_err(self.told("export"))
    }

    fn copy(&self, path: &std::path::Path) -> Result<()> {
        let name = path.to_str().ok_or_else(|| {
            let message = "SQLite takes names of files in UTF-8 alone";
            Error::new(ErrorKind::InvalidInput, "copy", message)
        })?;
        let copied = self.conn.execute("VACUUM INTO ?1", [name]);
        copied.map(|_| ()).map_err(self.named("copy"))
    }

    fn release(&mut self, exported: &Exported, at: Timestamp) -> Result<bool> {
        let done = archive::release(&mut self.conn, &mut self.names, &self.decoder, exported, at);
        self.written("archive", done)
    }

    fn restore(&mut self, records: &[Record]) -> Result<u64> {
        self.encoder.begin_batch(&self.conn, &self.path)?;
        let done = archive::restore(
            &mut self.conn,
            &mut self.names,
            &mut self.encoder,
            &self.decoder,
            records,
        );
        self.encoder.end_batch();
        self.written("restore", done)
    }

    fn retire(
        &mut self,
        which: &Expendable,
        limit: usize,
        after: Option<Place>,
        at: Timestamp,
    ) -> Result<Retired> {
        let done = retire::retire(
            &mut self.conn,
            &mut self.names,
            &self.decoder,
            which,
            limit,
            after,
            at,
        );
        self.written("prune", done)
    }

    fn count_expendable(&self, which: &Expendable) -> Result<u64> {
        retire::count(&self.conn, which).map_err(self.named("prune"))
    }

    fn in_use_bytes(&self) -> Result<u64> {
        space::in_use_bytes(&self.conn).map_err(self.named("measure store"))
    }

    fn tables(&self) -> Result<Vec<(String, u64)>> {
        space::tables(&self.conn).map_err(self.named("measure store"))
    }

    fn shrink(&mut self, effort: Effort) -> Result<()> {
        let shrunk = match effort {
            Effort::Words => space::merge(&self.conn),
            Effort::Pages | Effort::Log => Ok(()),
        };
        let shrunk = shrunk.and_then(|()| space::shrink(&self.conn));
        let shrunk = shrunk.and_then(|()| match effort {
            Effort::Log | Effort::Words => space::checkpoint(&self.conn),
            Effort::Pages => Ok(()),
        });
        shrunk.map_err(self.named("shrink"))
    }

    fn collect(&mut self, now: Timestamp) -> Result<Collected> {
        let done = collect::collect(&mut self.conn, now);
        self.names = names::Names::default();
        self.decoder.forget();
        done.map_err(self.told("collect garbage"))
    }

    fn set_counter(&mut self, name: &str, value: u64) -> Result<()> {
        write::set_counter(&mut self.conn, name, value)
            .map_err(|source| failure::failure("set counter", &self.path, source))
    }

    fn tend(&mut self, now: Timestamp) -> Result<()> {
        let trained = dictionary::train_if_due(&mut self.conn, &self.decoder, now)
            .map_err(self.told("train dictionary"));
        let tended = trained.and_then(|_| space::tend(&self.conn).map_err(self.named("shrink")));
        match tended {
            // Both can be done another time; what was committed before must not look as if it had failed.
            Err(error) if error.is_retryable() => Ok(()),
            tended => tended,
        }
    }

    fn rebuild(&mut self) -> Result<RebuildReport> {
        let done = rebuild::rebuild(&mut self.conn, &self.decoder);
        self.names = names::Names::default();
        done.map_err(self.told("rebuild"))
    }

    fn verify(&mut self) -> Result<Vec<String>> {
        let done = rebuild::verify(&mut self.conn, &self.decoder);
        done.map_err(self.told("verify"))
    }

    fn dump(&self, out: &mut dyn std::io::Write) -> Result<()> {
        dump::dump(&self.conn, out).map_err(self.told("dump"))
    }
}
