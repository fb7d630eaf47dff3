//! How far the vault's events were reported to each place that takes them: local state, which no rebuild touches and no
//! sync carries. Nothing is sent from here (docs/decisions/0026-report-cursor.md).
//!
//! One file for each destination, named by the hash of what the destination is, and beside it the lock of whoever
//! reports there.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::ErrorKind as IoKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::door::{Lease, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventId;
use crate::event::limits::cut;
use crate::store::hex;
use crate::time::Timestamp;

const DIRECTORY: &str = "reports";
/// Bytes of a destination's name.
const DESTINATION_BYTES_MAX: usize = 2048;
/// Refused events that are named; older ones are only counted.
const REFUSALS_MAX: usize = 20;
/// Bytes of the reason why one was refused, or of what went wrong last.
const REASON_BYTES_MAX: usize = 500;
/// Kinds of data that a destination may want none of for a while.
const PAUSES_MAX: usize = 50;
/// Bytes of a cursor's file.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// An event that a destination would not take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportRefusal {
    /// The event. It is in the vault still.
    pub event_id: EventId,
    /// Why, as the destination said.
    pub reason: String,
    /// When that was.
    pub at: Timestamp,
}

impl ReportRefusal {
    /// An event that was refused.
    pub fn new(event_id: EventId, reason: impl Into<String>, at: Timestamp) -> Self {
        Self {
            event_id,
            reason: reason.into(),
            at,
        }
    }
}

/// How far the vault's events were reported to one destination, and what is known of that destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportCursor {
    /// The destination, without any secret: `https://host/1`.
    pub destination: String,
    /// The ingest sequence up to which each event was taken, refused or passed over.
    pub reached: u64,
    /// The event that has it, where that is known.
    pub reached_event: Option<EventId>,
    /// Events that the destination took.
    pub sent_count: u64,
    /// Events that it would not take.
    pub refused_count: u64,
    /// The last twenty of these, the newest last.
    pub refusals: Vec<ReportRefusal>,
    /// Until when the destination wants none of a kind of data, in its own words; all kinds where the key is empty.
    pub pauses: BTreeMap<String, Timestamp>,
    /// How often in a row it could not be reached.
    pub failed_tries: u32,
    /// What went wrong last, unless it went well since.
    pub trouble: Option<String>,
    /// When this was written down.
    pub kept_at: Option<Timestamp>,
}

/// The right to report to one destination, given up when dropped: one process at a time.
#[derive(Debug)]
pub struct ReportTurn {
    path: PathBuf,
    _lease: Lease,
    cursor: ReportCursor,
}

impl ReportTurn {
    /// How far it had come before. Where the vault's database was replaced since, it begins anew.
    pub fn cursor(&self) -> &ReportCursor {
        &self.cursor
    }

    /// Writes down how far it has come; on the disk when this returns. Long texts and lists are cut.
    ///
    /// # Errors
    /// Io.
    pub fn keep(&mut self, cursor: &ReportCursor) -> Result<()> {
        let mut cursor = cursor.clone();
        cursor.destination.clone_from(&self.cursor.destination);
        let surplus = cursor.refusals.len().saturating_sub(REFUSALS_MAX);
        cursor.refusals.drain(..surplus);
        while cursor.pauses.len() > PAUSES_MAX {
            cursor.pauses.pop_last();
        }
        let written = crate::file::replace(&self.path, text_of(&cursor).as_bytes());
        written.map_err(|error| Error::io("keep report cursor", &self.path, error))?;
        self.cursor = cursor;
        Ok(())
    }
}

impl Vault {
    /// Takes the turn to report to a destination, which is named without any secret (`https://host/1`): that name alone
    /// says whether it is the same as another time.
    ///
    /// ```
    /// use crashvault::{Event, Search, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-cursor-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// vault.add(Event::new())?;
    /// let mut turn = vault.begin_report("https://errors.example.com/1")?;
    /// let mut cursor = turn.cursor().clone();
    /// let next = vault.follow(&Search::new("").limit(100), cursor.reached)?;
    /// // Here next.events are sent.
    /// cursor.sent_count += next.events.len() as u64;
    /// cursor.reached = next.reached;
    /// turn.keep(&cursor)?;
    /// assert_eq!(vault.event_count_behind(cursor.reached)?, 0);
    /// assert_eq!(vault.reports()?[0].sent_count, 1);
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// Busy while another process reports there; ReadOnly; InvalidInput for a name that is empty or longer than 2,048
    /// bytes; Corrupt for a cursor that was edited wrongly, naming its file; Io; Unsupported in a forked child.
    pub fn begin_report(&self, destination: &str) -> Result<ReportTurn> {
        const WHAT: &str = "begin report";
        self.lineage.check()?;
        if destination.is_empty() || destination.len() > DESTINATION_BYTES_MAX {
            let message = "a destination has a name, of at most 2,048 bytes";
            return Err(Error::new(ErrorKind::InvalidInput, WHAT, message));
        }
        if self.is_read_only {
            let message = format!(
                "{} is open for reading only, and how far a report has come must be kept in it",
                self.home.display()
            );
            return Err(Error::new(ErrorKind::ReadOnly, WHAT, message));
        }
        let directory = self.home.join(DIRECTORY);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|error| Error::io(WHAT, &directory, error))?;
        let name = name_of(destination);
        let lease = self.lock(&format!("{DIRECTORY}/{name}.lock"), WHAT)?;
        let lease = lease.ok_or_else(|| {
            let message = format!("another process reports to {destination} already");
            Error::new(ErrorKind::Busy, WHAT, message)
        })?;
        let path = directory.join(format!("{name}.json"));
        Ok(ReportTurn {
            cursor: self.cursor_of(&path, destination)?,
            path,
            _lease: lease,
        })
    }

    /// How far each destination has come that was ever reported to, by name.
    ///
    /// # Errors
    /// Corrupt for a cursor that was edited wrongly, naming its file; Io.
    pub fn reports(&self) -> Result<Vec<ReportCursor>> {
        let directory = self.home.join(DIRECTORY);
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == IoKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read reports", &directory, error)),
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_cursor = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.ends_with(".json") && !name.starts_with('.'))
        };
        let read = paths.filter(is_cursor).map(|path| read(&path));
        let mut cursors: Vec<ReportCursor> =
            read.filter_map(Result::transpose).collect::<Result<_>>()?;
        cursors.sort_by(|one, other| one.destination.cmp(&other.destination));
        Ok(cursors)
    }

    /// The DSN that `$CRASHVAULT_REPORT_TO`, else `report.to` of `vault.toml` names, with its key. Nothing is sent there
    /// but by who is asked to.
    pub fn report_to(&self) -> Option<&str> {
        self.settings.report_to.as_deref()
    }

    /// How many events came into the vault after that ingest sequence and are there still.
    ///
    /// # Errors
    /// Corrupt, Io.
    pub fn event_count_behind(&self, after: u64) -> Result<u64> {
        self.store.event_count_behind(after)
    }

    fn cursor_of(&self, path: &Path, destination: &str) -> Result<ReportCursor> {
        let mut cursor = read(path)?.unwrap_or_default();
        cursor.destination = destination.to_owned();
        if self.is_of_another_database(&cursor)? {
            cursor.reached = 0;
            cursor.reached_event = None;
        }
        Ok(cursor)
    }

    /// Places in the order of ingestion are given once. A cursor that knows another event at its place, or a place that
    /// was never given, was kept beside a database that has been replaced.
    fn is_of_another_database(&self, cursor: &ReportCursor) -> Result<bool> {
        if cursor.reached > self.store.last_given_sequence()? {
            return Ok(true);
        }
        let Some(known) = cursor.reached_event else {
            return Ok(false);
        };
        let before = cursor.reached.saturating_sub(1);
        let (events, _) = self.store.events_behind(before, 1)?;
        Ok(events.first().is_some_and(|found| {
            found.ingest_sequence == cursor.reached && found.event.event_id != known
        }))
    }
}

/// The name of a destination's file.
fn name_of(destination: &str) -> String {
    hex(&blake3::hash(destination.as_bytes()).as_bytes()[..16])
}

fn text_of(cursor: &ReportCursor) -> String {
    let refusal = |refusal: &ReportRefusal| {
        json!({
            "event_id": refusal.event_id.to_string(),
            "reason": cut(&refusal.reason, REASON_BYTES_MAX),
            "at": refusal.at.to_string(),
        })
    };
    let pause = |(kind, until): (&String, &Timestamp)| (kind.clone(), until.to_string().into());
    let trouble = cursor.trouble.as_deref();
    let value = json!({
        "destination": cursor.destination,
        "reached": cursor.reached,
        "reached_event": cursor.reached_event.map(|id| id.to_string()),
        "sent_count": cursor.sent_count,
        "refused_count": cursor.refused_count,
        "refusals": cursor.refusals.iter().map(refusal).collect::<Vec<_>>(),
        "pauses": cursor.pauses.iter().map(pause).collect::<Map<_, _>>(),
        "failed_tries": cursor.failed_tries,
        "trouble": trouble.map(|text| cut(text, REASON_BYTES_MAX)),
        "kept_at": cursor.kept_at.map(|time| time.to_string()),
    });
    format!("{value:#}\n")
}

/// A cursor from its file; `None` where there is none.
fn read(path: &Path) -> Result<Option<ReportCursor>> {
    let failed = |error| Error::io("read report cursor", path, error);
    let bytes = match path.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == IoKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if bytes > FILE_BYTES_MAX {
        return Err(corrupt(path));
    }
    let text = std::fs::read(path).map_err(failed)?;
    let value: Option<Value> = serde_json::from_slice(&text).ok();
    let cursor = value.as_ref().and_then(cursor_from);
    cursor.map(Some).ok_or_else(|| corrupt(path))
}

fn corrupt(path: &Path) -> Error {
    let message = format!(
        "{} is no report cursor; move it away, and all events are reported anew",
        path.display()
    );
    Error::new(ErrorKind::Corrupt, "read report cursor", message)
        .with_context("path", path.display())
}

fn cursor_from(value: &Value) -> Option<ReportCursor> {
    let count = |key: &str| value[key].as_u64();
    let text = |key: &str| value[key].as_str();
    let refusal = |value: &Value| {
        Some(ReportRefusal {
            event_id: value["event_id"].as_str()?.parse().ok()?,
            reason: value["reason"].as_str()?.to_owned(),
            at: Timestamp::parse(value["at"].as_str()?)?,
        })
    };
    let pause =
        |(kind, until): (&String, &Value)| Some((kind.clone(), Timestamp::parse(until.as_str()?)?));
    Some(ReportCursor {
        destination: text("destination")?.to_owned(),
        reached: count("reached")?,
        reached_event: text("reached_event").and_then(|id| id.parse().ok()),
        sent_count: count("sent_count")?,
        refused_count: count("refused_count")?,
        refusals: value["refusals"]
            .as_array()?
            .iter()
            .map(refusal)
            .collect::<Option<_>>()?,
        pauses: value["pauses"]
            .as_object()?
            .iter()
            .map(pause)
            .collect::<Option<_>>()?,
        failed_tries: count("failed_tries")?.try_into().ok()?,
        trouble: text("trouble").map(str::to_owned),
        kept_at: text("kept_at").and_then(Timestamp::parse),
    })
}

#[cfg(test)]
mod tests {
    use super::super::status::Finding;
    use super::*;
    use crate::event::Event;
    use crate::scratch::scratch;

    const PLACE: &str = "https://errors.example.com/1";

    fn filled() -> ReportCursor {
        let at = Timestamp::parse("2026-01-05T10:00:00.5Z").unwrap();
        ReportCursor {
            destination: PLACE.into(),
            reached: 0,
            reached_event: Some(EventId::from_bytes([7; 16])),
            sent_count: 5,
            refused_count: 2,
            refusals: vec![ReportRefusal::new(
                EventId::from_bytes([8; 16]),
                "413: too \"large\"\n",
                at,
            )],
            pauses: BTreeMap::from([("error".to_owned(), at), (String::new(), at)]),
            failed_tries: 3,
            trouble: Some("no route".into()),
            kept_at: Some(at),
        }
    }

    #[test]
    fn what_was_kept_is_there_the_next_time_and_after_a_rebuild() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        vault.begin_report(PLACE).unwrap().keep(&filled()).unwrap();
        vault.rebuild().unwrap();
        assert_eq!(*vault.begin_report(PLACE).unwrap().cursor(), filled());
        assert_eq!(vault.reports().unwrap(), [filled()]);
    }

    #[test]
    fn each_destination_has_a_cursor_of_its_own() {
        let home = scratch();
        let vault = Vault::open(home.path()).unwrap();
        vault.begin_report(PLACE).unwrap().keep(&filled()).unwrap();
        let other = vault.begin_report("https://errors.example.com/2").unwrap();
        assert_eq!(other.cursor().sent_count, 0);
    }

    #[test]
    fn one_process_reports_to_a_destination_at_a_time() {
        let home = scratch();
        let vault = Vault::open(home.path()).unwrap();
        let turn = vault.begin_report(PLACE).unwrap();
        let second = vault.begin_report(PLACE).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::Busy);
        assert!(second.is_retryable());
        drop(turn);
        assert!(vault.begin_report(PLACE).is_ok());
    }

    /// How far a cursor is believed to have come beside a vault with two events.
    fn check_believed(reached: u64, event: Option<u8>, expected: u64) {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        for number in [1, 2] {
            let mut event = Event::new();
            event.event_id = EventId::from_bytes([number; 16]);
            vault.add(event).unwrap();
        }
        let mut cursor = filled();
        cursor.reached = reached;
        cursor.reached_event = event.map(|number| EventId::from_bytes([number; 16]));
        vault.begin_report(PLACE).unwrap().keep(&cursor).unwrap();
        let turn = vault.begin_report(PLACE).unwrap();
        assert_eq!(turn.cursor().reached, expected);
    }

    #[test]
    fn a_cursor_beside_its_own_database_is_believed() {
        check_believed(2, Some(2), 2);
        check_believed(1, None, 1);
    }

    #[test]
    fn beside_a_database_that_was_replaced_all_begins_anew() {
        check_believed(3, Some(3), 0);
        check_believed(2, Some(9), 0);
    }

    #[test]
    fn a_cursor_is_believed_when_its_event_is_gone() {
        let home = scratch();
        let mut vault = Vault::open(home.path()).unwrap();
        let added = vault.add(Event::new()).unwrap();
        let mut cursor = filled();
        (cursor.reached, cursor.reached_event) = (1, Some(added.event_id));
        vault.begin_report(PLACE).unwrap().keep(&cursor).unwrap();
        vault.empty().unwrap();
        assert_eq!(vault.begin_report(PLACE).unwrap().cursor().reached, 1);
    }

    #[test]
    fn lists_and_texts_are_cut() {
        let home = scratch();
        let vault = Vault::open(home.path()).unwrap();
        let mut cursor = filled();
        let refusal = cursor.refusals[0].clone();
        cursor.refusals = vec![refusal; 100];
        cursor.refusals[99].reason = "x".repeat(10_000);
        vault.begin_report(PLACE).unwrap().keep(&cursor).unwrap();
        let kept = &vault.reports().unwrap()[0];
        assert_eq!(kept.refusals.len(), REFUSALS_MAX);
        assert_eq!(
            kept.refusals[REFUSALS_MAX - 1].reason.len(),
            REASON_BYTES_MAX
        );
    }

    #[test]
    fn a_cursor_that_was_edited_wrongly_is_named() {
        let home = scratch();
        let vault = Vault::open(home.path()).unwrap();
        let path = home
            .path()
            .join(DIRECTORY)
            .join(format!("{}.json", name_of(PLACE)));
        vault.begin_report(PLACE).unwrap().keep(&filled()).unwrap();
        for text in ["", "{}", "[]", "{\"destination\": 1}"] {
            std::fs::write(&path, text).unwrap();
            let error = vault.begin_report(PLACE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
            assert!(error.message().contains("move it away"), "{error}");
            let findings = vault.doctor().unwrap();
            let is_named = |finding: &Finding| finding.what.contains("is no report cursor");
            assert!(findings.iter().any(is_named), "{findings:?}");
        }
    }

    #[test]
    fn a_destination_needs_a_name() {
        let home = scratch();
        let vault = Vault::open(home.path()).unwrap();
        for name in ["", &"x".repeat(3000)] {
            let error = vault.begin_report(name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}
