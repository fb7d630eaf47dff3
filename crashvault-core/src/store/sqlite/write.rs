//! Everything that changes the database, each call in one transaction.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::super::{Batch, Committed, LINE_CHARS_MAX, NewEvent, Outcome};
use super::payload::{CODEC_ZSTD, Payload};
use super::read::unsigned;
use crate::event::Level;
use crate::issue::{IssueId, Join, VariantKey};

pub(super) fn commit(
    conn: &mut Connection,
    batch: &Batch,
    payloads: &[Payload],
) -> rusqlite::Result<Committed> {
    let transaction = begin(conn)?;
    let mut keeper = Keeper::new(&transaction);
    for (new, payload) in batch.events.iter().zip(payloads) {
        keeper.keep(new, payload)?;
    }
    let committed = keeper.finish()?;
    put_offsets(&transaction, &batch.offsets)?;
    put_counters(&transaction, &batch.counters)?;
    transaction.commit()?;
    Ok(committed)
}

/// With `synchronous = FULL` a commit waits for the disk, and for all commits before it: the log is one file.
pub(super) fn sync(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "synchronous", "FULL")?;
    let marked = mark_sync(conn);
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    marked
}

fn mark_sync(conn: &mut Connection) -> rusqlite::Result<()> {
    let transaction = begin(conn)?;
    transaction.execute("UPDATE sync_mark SET syncs = (syncs + 1) % 1000000", [])?;
    transaction.commit()
}

pub(super) fn forget_segments(conn: &mut Connection, names: &[String]) -> rusqlite::Result<()> {
    let transaction = begin(conn)?;
    for name in names {
        transaction
            .prepare_cached("DELETE FROM segment_offset WHERE name = ?1")?
            .execute([name])?;
    }
    transaction.commit()
}

/// The write lock first: a transaction that begins by reading cannot wait for it later.
fn begin(conn: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    conn.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn put_offsets(transaction: &Transaction<'_>, offsets: &[(String, u64)]) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO segment_offset (name, bytes) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET bytes = max(bytes, excluded.bytes)",
    )?;
    for (name, bytes) in offsets {
        put.execute(params![name, signed(*bytes)])?;
    }
    Ok(())
}

fn put_counters(transaction: &Transaction<'_>, counters: &[(String, u64)]) -> rusqlite::Result<()> {
    // Compared before adding: a sum past the largest integer would become a float.
    let mut put = transaction.prepare_cached(
        "INSERT INTO counter (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = CASE
             WHEN value > 9223372036854775807 - excluded.value THEN 9223372036854775807
             ELSE value + excluded.value
         END",
    )?;
    for (name, value) in counters {
        put.execute(params![name, signed(*value)])?;
    }
    Ok(())
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Adds the events of one batch and gathers what they change about issues, to write each issue once.
struct Keeper<'a> {
    transaction: &'a Transaction<'a>,
    projects: HashMap<&'a str, i64>,
    variants: HashMap<(i64, VariantKey), Joined>,
    changes: BTreeMap<i64, Change<'a>>,
    payload_bytes: i64,
    json_bytes: i64,
    committed: Committed,
}

#[derive(Clone, Copy)]
struct Joined {
    join: i64,
    issue: i64,
}

/// What the batch adds to one issue.
struct Change<'a> {
    project: i64,
    level: Level,
    first_seen: i64,
    seen_count: i64,
    newest: &'a NewEvent,
}

impl<'a> Keeper<'a> {
    fn new(transaction: &'a Transaction<'a>) -> Self {
        Self {
            transaction,
            projects: HashMap::new(),
            variants: HashMap::new(),
            changes: BTreeMap::new(),
            payload_bytes: 0,
            json_bytes: 0,
            committed: Committed::default(),
        }
    }

    fn keep(&mut self, new: &'a NewEvent, payload: &Payload) -> rusqlite::Result<()> {
        if let Some(issue) = self.known_issue(new)? {
            self.committed.events_known += 1;
            return self.report(new, issue, false, true);
        }
        let project = self.project(&new.join.project)?;
        let issues_before = self.committed.issues_new.len();
        let joined = self.join(project, &new.join)?;
        self.insert(new, joined, payload)?;
        self.note(new, project, joined.issue);
        self.committed.events_new += 1;
        let is_new_issue = self.committed.issues_new.len() > issues_before;
        self.report(new, joined.issue, is_new_issue, false)
    }

    fn report(
        &mut self,
        new: &NewEvent,
        issue: i64,
        is_new_issue: bool,
        is_known: bool,
    ) -> rusqlite::Result<()> {
        self.committed.outcomes.push(Outcome {
            event: new.event.event_id,
            issue_number: unsigned(issue)?,
            is_new_issue,
            is_known,
        });
        Ok(())
    }

    fn known_issue(&self, new: &NewEvent) -> rusqlite::Result<Option<i64>> {
        self.transaction
            .prepare_cached(
                "SELECT p.issue FROM event e JOIN placement p ON p.event = e.ingest_sequence
                 WHERE e.event_id = ?1",
            )?
            .query_row([new.event.event_id.as_bytes()], |row| row.get(0))
            .optional()
    }

    fn project(&mut self, name: &'a str) -> rusqlite::Result<i64> {
        if let Some(id) = self.projects.get(name) {
            return Ok(*id);
        }
        let found = self
            .transaction
            .prepare_cached("SELECT id FROM project WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => self
                .transaction
                .prepare_cached("INSERT INTO project (name) VALUES (?1)")?
                .insert([name])?,
        };
        self.projects.insert(name, id);
        Ok(id)
    }

    /// The issue a variant has joined; a new variant joins the one proposed.
    fn join(&mut self, project: i64, join: &Join) -> rusqlite::Result<Joined> {
        let key = (project, join.variant);
        if let Some(joined) = self.variants.get(&key) {
            return Ok(*joined);
        }
        let found = self
            .transaction
            .prepare_cached(
                "SELECT id, issue FROM variant_join WHERE project = ?1 AND variant = ?2",
            )?
            .query_row(params![project, join.variant.as_bytes()], |row| {
                Ok(Joined {
                    join: row.get(0)?,
                    issue: row.get(1)?,
                })
            })
            .optional()?;
        let joined = match found {
            Some(joined) => joined,
            None => self.record_join(project, join)?,
        };
        self.variants.insert(key, joined);
        Ok(joined)
    }

    fn record_join(&mut self, project: i64, join: &Join) -> rusqlite::Result<Joined> {
        let issue = self.number(project, &join.issue)?;
        let id = self
            .transaction
            .prepare_cached(
                "INSERT INTO variant_join
                     (project, variant, issue, reason, parts, algorithm, joined_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .insert(params![
                project,
                join.variant.as_bytes(),
                issue,
                join.reason,
                serde_json::Value::from(join.parts.as_slice()).to_string(),
                join.algorithm,
                join.joined_at.as_nanos(),
            ])?;
        Ok(Joined { join: id, issue })
    }

    fn number(&mut self, project: i64, issue: &IssueId) -> rusqlite::Result<i64> {
        let found = self
            .transaction
            .prepare_cached("SELECT number FROM issue_number WHERE issue = ?1")?
            .query_row([issue.as_bytes()], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            return Ok(number);
        }
        let number = self
            .transaction
            .prepare_cached("INSERT INTO issue_number (issue, project) VALUES (?1, ?2)")?
            .insert(params![issue.as_bytes(), project])?;
        self.committed.issues_new.push(unsigned(number)?);
        Ok(number)
    }

    fn insert(
        &mut self,
        new: &NewEvent,
        joined: Joined,
        payload: &Payload,
    ) -> rusqlite::Result<()> {
        let time = new.time().as_nanos();
        let ingest_sequence = self
            .transaction
            .prepare_cached(
                "INSERT INTO event
                     (event_id, variant, level, time, received_at, process, sequence)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .insert(params![
                new.event.event_id.as_bytes(),
                joined.join,
                new.event.level as u8,
                time,
                new.received_at.as_nanos(),
                new.process,
                signed(new.sequence),
            ])?;
        self.transaction
            .prepare_cached(
                "INSERT INTO event_payload (event, codec, json_bytes, data) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                ingest_sequence,
                CODEC_ZSTD,
                payload.json_bytes,
                payload.data
            ])?;
        self.transaction
            .prepare_cached("INSERT INTO placement (event, issue, time) VALUES (?1, ?2, ?3)")?
            .execute([ingest_sequence, joined.issue, time])?;
        self.json_bytes += payload.json_bytes;
        self.payload_bytes += payload.data.len() as i64;
        Ok(())
    }

    fn note(&mut self, new: &'a NewEvent, project: i64, issue: i64) {
        let change = self.changes.entry(issue).or_insert(Change {
            project,
            level: new.event.level,
            first_seen: new.time().as_nanos(),
            seen_count: 0,
            newest: new,
        });
        change.level = change.level.max(new.event.level);
        change.first_seen = change.first_seen.min(new.time().as_nanos());
        change.seen_count += 1;
        if place(new) > place(change.newest) {
            change.newest = new;
        }
    }

    fn finish(self) -> rusqlite::Result<Committed> {
        for (issue, change) in &self.changes {
            self.apply(*issue, change)?;
        }
        self.transaction
            .prepare_cached(
                "UPDATE total SET events = events + ?1, payload_bytes = payload_bytes + ?2,
                     json_bytes = json_bytes + ?3",
            )?
            .execute([
                signed(self.committed.events_new),
                self.payload_bytes,
                self.json_bytes,
            ])?;
        Ok(self.committed)
    }

    fn apply(&self, issue: i64, change: &Change<'_>) -> rusqlite::Result<()> {
        match self.newest_kept(issue)? {
            None => self.add_issue(issue, change),
            Some(newest) => {
                self.add_to_issue(issue, change)?;
                match place(change.newest).cmp(&newest) {
                    Ordering::Greater => self.renew_face(issue, change.newest),
                    _ => Ok(()),
                }
            }
        }
    }

    fn newest_kept(&self, issue: i64) -> rusqlite::Result<Option<Place>> {
        self.transaction
            .prepare_cached(
                "SELECT i.last_seen, e.process, e.sequence, i.last_event
                 FROM issue i JOIN event e ON e.event_id = i.last_event WHERE i.number = ?1",
            )?
            .query_row([issue], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()
    }

    fn add_issue(&self, issue: i64, change: &Change<'_>) -> rusqlite::Result<()> {
        let face = Face::of(change.newest);
        self.transaction
            .prepare_cached(
                "INSERT INTO issue (number, project, level, first_seen, last_seen, seen_count,
                     last_event, platform, title, culprit)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                issue,
                change.project,
                change.level as u8,
                change.first_seen,
                change.newest.time().as_nanos(),
                change.seen_count,
                change.newest.event.event_id.as_bytes(),
                face.platform,
                face.title,
                face.culprit,
            ])?;
        Ok(())
    }

    fn add_to_issue(&self, issue: i64, change: &Change<'_>) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(
                "UPDATE issue SET level = max(level, ?2), first_seen = min(first_seen, ?3),
                     seen_count = seen_count + ?4
                 WHERE number = ?1",
            )?
            .execute(params![
                issue,
                change.level as u8,
                change.first_seen,
                change.seen_count
            ])?;
        Ok(())
    }

    fn renew_face(&self, issue: i64, newest: &NewEvent) -> rusqlite::Result<()> {
        let face = Face::of(newest);
        self.transaction
            .prepare_cached(
                "UPDATE issue SET last_seen = ?2, last_event = ?3, platform = ?4, title = ?5,
                     culprit = ?6
                 WHERE number = ?1",
            )?
            .execute(params![
                issue,
                newest.time().as_nanos(),
                newest.event.event_id.as_bytes(),
                face.platform,
                face.title,
                face.culprit,
            ])?;
        Ok(())
    }
}

/// An event's place in the order of an issue's events: time, process, sequence, id.
type Place = (i64, [u8; 16], i64, [u8; 16]);

fn place(new: &NewEvent) -> Place {
    (
        new.time().as_nanos(),
        new.process,
        signed(new.sequence),
        *new.event.event_id.as_bytes(),
    )
}

/// What an issue shows of its newest event.
struct Face {
    title: String,
    culprit: Option<String>,
    platform: String,
}

impl Face {
    fn of(new: &NewEvent) -> Self {
        Self {
            title: line(new.event.title()),
            culprit: new.event.culprit().map(line),
            platform: line(new.event.platform.clone()),
        }
    }
}

/// At most [`LINE_CHARS_MAX`] characters, the last one a mark if something was cut.
fn line(mut text: String) -> String {
    if text.char_indices().nth(LINE_CHARS_MAX).is_none() {
        return text;
    }
    if let Some((end, _)) = text.char_indices().nth(LINE_CHARS_MAX - 1) {
        text.truncate(end);
        text.push('…');
    }
    text
}
