//! Everything that changes the database, each call in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::super::{Batch, Committed, Contents, Outcome, Packed};
use super::derive::{Deriver, Item, SEQUENCE_MAX};
use super::likeness::{self, Likeness};
use super::names::Names;
use super::payload::{CODEC_APART, Encoder, PackedStack, Parts, Payload};
use super::read::{signed, unsigned};
use super::records::{EventRow, JoinRow};
use super::side::Side;
use super::{Failed, ground, item, react};
use crate::error::{Error, ErrorKind};
use crate::event::read_frames;
use crate::group::{self, Sketch, Traits};
use crate::issue::{IssueId, Join, VariantKey};

pub(super) fn commit(
    conn: &mut Connection,
    names: &mut Names,
    encoder: &mut Encoder,
    batch: &Batch,
) -> Result<Committed, Failed> {
    let transaction = begin(conn)?;
    names.refresh(&transaction)?;
    if !batch.events.is_empty() && !encoder.has_dictionary(&transaction)? {
        let message = "the batch waited for more than an hour; add its events again";
        return Err(Error::new(ErrorKind::Conflict, "commit", message).into());
    }
    let before = newest(&transaction)?;
    let mut keeper = Keeper::new(&transaction, names, encoder)?;
    for new in &batch.events {
        keeper.keep(new)?;
    }
    let (mut committed, touched) = keeper.finish()?;
    react::to_events(
        &transaction,
        &batch.events,
        &mut committed,
        &touched,
        before,
    )?;
    item::put(&transaction, &batch.items)?;
    item::put_files(&transaction, &batch.files)?;
    put_offsets(&transaction, &batch.offsets)?;
    put_counters(&transaction, &batch.counters)?;
    transaction.commit()?;
    Ok(committed)
}

/// The last event there is; 0 if there is none.
fn newest(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT coalesce(max(ingest_sequence), 0) FROM event")?
        .query_row([], |row| row.get(0))
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
pub(super) fn begin(conn: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
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

pub(super) fn set_counter(conn: &mut Connection, name: &str, value: u64) -> rusqlite::Result<()> {
    let transaction = begin(conn)?;
    transaction.execute(
        "INSERT INTO counter (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![name, signed(value)],
    )?;
    transaction.commit()
}

/// Gives an issue this number, unless one of the two is taken.
pub(super) fn put_number(
    conn: &Connection,
    project: i64,
    issue: &IssueId,
    number: u64,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO issue_number (number, issue, project) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![signed(number), issue.as_bytes(), project])
    .map(drop)
}

/// Adds the events of one batch to the ground records, and hands them on to be derived from.
struct Keeper<'a> {
    transaction: &'a Transaction<'a>,
    encoder: &'a mut Encoder,
    projects: HashMap<&'a str, i64>,
    variants: HashMap<(i64, VariantKey), Joined>,
    deriver: Deriver<'a, 'a>,
    likeness: Likeness<'a>,
    in_batch: HashMap<[u8; 16], i64>,
    has_tombstones: bool,
    committed: Committed,
}

#[derive(Clone, Copy)]
struct Joined {
    join: i64,
    issue: i64,
    /// Whether what of it is compared is known.
    is_sketched: bool,
}

impl<'a> Keeper<'a> {
    fn new(
        transaction: &'a Transaction<'a>,
        names: &'a mut Names,
        encoder: &'a mut Encoder,
    ) -> rusqlite::Result<Self> {
        let has_tombstones =
            transaction.query_row("SELECT EXISTS (SELECT 1 FROM tombstone)", [], |row| {
                row.get(0)
            })?;
        Ok(Self {
            transaction,
            encoder,
            projects: HashMap::new(),
            variants: HashMap::new(),
            deriver: Deriver::new(transaction, Side::Live, names),
            likeness: Likeness::new(transaction),
            in_batch: HashMap::new(),
            has_tombstones,
            committed: Committed::default(),
        })
    }

    fn keep(&mut self, new: &'a Packed) -> Result<(), Failed> {
        let parts = parts(new)?;
        if let Some(issue) = self.known_issue(new)? {
            self.committed.events_known += 1;
            return Ok(self.report(new, issue, false, true)?);
        }
        let project = self.project(&new.join.project)?;
        let issues_before = self.committed.issues_new.len();
        let joined = match self.joined_legacy(project, new)? {
            Some(joined) => joined,
            None => self.join(project, new)?,
        };
        let stacks = stacks(
            self.transaction,
            self.encoder,
            &mut self.deriver,
            &parts.payload.stacks,
        )?;
        let item = self.insert(new, parts, joined, stacks)?;
        self.deriver.add(&item)?;
        self.in_batch.insert(*new.event_id.as_bytes(), joined.issue);
        self.committed.events_new += 1;
        let is_new_issue = self.committed.issues_new.len() > issues_before;
        Ok(self.report(new, joined.issue, is_new_issue, false)?)
    }

    fn report(
        &mut self,
        new: &Packed,
        issue: i64,
        is_new_issue: bool,
        is_known: bool,
    ) -> rusqlite::Result<()> {
        self.committed.outcomes.push(Outcome {
            event: new.event_id,
            issue_number: unsigned(issue)?,
            is_new_issue,
            is_known,
            is_regression: false,
        });
        Ok(())
    }

    /// The issue of an event that is here; 0 for one that was deleted and must not come back.
    fn known_issue(&self, new: &Packed) -> rusqlite::Result<Option<i64>> {
        let id = new.event_id;
        if let Some(issue) = self.in_batch.get(id.as_bytes()) {
            return Ok(Some(*issue));
        }
        let kept = self
            .transaction
            .prepare_cached(
                "SELECT coalesce(p.issue, (SELECT issue FROM variant_join WHERE id = e.variant))
                 FROM event e LEFT JOIN derived_placement p ON p.event = e.ingest_sequence
                 WHERE e.event_id = ?1",
            )?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()?;
        if kept.is_some() || !self.has_tombstones {
            return Ok(kept);
        }
        self.transaction
            .prepare_cached("SELECT 0 FROM tombstone WHERE event_id = ?1")?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()
    }

    fn project(&mut self, name: &'a str) -> rusqlite::Result<i64> {
        if let Some(id) = self.projects.get(name) {
            return Ok(*id);
        }
        let id = project(self.transaction, name)?;
        self.projects.insert(name, id);
        Ok(id)
    }

    /// The issue of Crashvault 1 that an event belongs to, if there is one.
    fn joined_legacy(&mut self, project: i64, new: &Packed) -> rusqlite::Result<Option<Joined>> {
        match new.legacy {
            Some(variant) => self.joined(project, variant),
            None => Ok(None),
        }
    }

    /// The issue a variant has joined; a new variant joins that of those it is like, else it founds the one proposed.
    fn join(&mut self, project: i64, new: &Packed) -> Result<Joined, Failed> {
        let known = self.joined(project, new.join.variant)?;
        let joined = match (known, &new.traits) {
            (Some(joined), None) => return Ok(joined),
            (Some(joined), Some(_)) if joined.is_sketched => return Ok(joined),
            // It is known from before variants were compared, or from another vault.
            (Some(joined), Some(traits)) => {
                self.sketch(project, joined, traits, &Sketch::of(traits))?
            }
            (None, None) => self.found(project, &new.join)?,
            (None, Some(traits)) => self.place(project, &new.join, traits)?,
        };
        self.variants.insert((project, new.join.variant), joined);
        Ok(joined)
    }

    fn place(&mut self, project: i64, join: &Join, traits: &Traits) -> Result<Joined, Failed> {
        let sketch = Sketch::of(traits);
        let (issue, comparison) = self.likeness.place(project, traits, &sketch)?;
        let mut join = join.clone();
        join.comparison = Some(comparison.into());
        let joined = match issue {
            None => self.found(project, &join)?,
            Some(issue) => {
                join.reason = group::SIMILAR.into();
                Joined {
                    join: put_join(self.transaction, project, issue, &join)?,
                    issue,
                    is_sketched: false,
                }
            }
        };
        self.sketch(project, joined, traits, &sketch)
    }

    fn sketch(
        &mut self,
        project: i64,
        joined: Joined,
        traits: &Traits,
        sketch: &Sketch,
    ) -> Result<Joined, Failed> {
        self.likeness.keep(project, joined.join, traits, sketch)?;
        Ok(Joined {
            is_sketched: true,
            ..joined
        })
    }

    fn joined(&mut self, project: i64, variant: VariantKey) -> rusqlite::Result<Option<Joined>> {
        let key = (project, variant);
        if let Some(joined) = self.variants.get(&key) {
            return Ok(Some(*joined));
        }
        let found = self
            .transaction
            .prepare_cached(
                "SELECT id, EXISTS (SELECT 1 FROM variant_sketch s WHERE s.variant = j.id)
                 FROM variant_join j WHERE project = ?1 AND variant = ?2",
            )?
            .query_row(params![project, variant.as_bytes()], |row| {
                let join = row.get(0)?;
                Ok(Joined {
                    join,
                    issue: ground::home(self.transaction, join)?,
                    is_sketched: row.get(1)?,
                })
            })
            .optional()?;
        if let Some(joined) = found {
            self.variants.insert(key, joined);
        }
        Ok(found)
    }

    fn found(&mut self, project: i64, join: &Join) -> rusqlite::Result<Joined> {
        let (issue, is_new) = number(self.transaction, project, &join.issue)?;
        if is_new {
            self.committed.issues_new.push(unsigned(issue)?);
        }
        let id = put_join(self.transaction, project, issue, join)?;
        Ok(Joined {
            join: id,
            // Where a merge, or an unmerge of this variant, came from elsewhere before it.
            issue: ground::home(self.transaction, id)?,
            is_sketched: false,
        })
    }

    fn insert(
        &mut self,
        new: &Packed,
        parts: &'a Parts,
        joined: Joined,
        stacks: Vec<i64>,
    ) -> Result<Item<'a>, Failed> {
        let time = new.time.as_nanos();
        let payload = &parts.payload;
        let row = EventRow {
            event_id: new.event_id.as_bytes(),
            variant: joined.join,
            level: i64::from(parts.gist.level as u8),
            time,
            received_at: new.received_at.as_nanos(),
            process: &new.process,
            sequence: signed(new.sequence),
        };
        let sequence = put_event(self.transaction, None, &row, payload, &stacks)?;
        Ok(Item {
            sequence,
            event_id: new.event_id,
            gist: &parts.gist,
            face: Some(&parts.face),
            time,
            process: new.process,
            process_sequence: row.sequence,
            variant: joined.join,
            issue: joined.issue,
            is_moved: false,
            stacks,
            payload_bytes: payload.data.len() as i64,
            json_bytes: payload.json_bytes,
        })
    }

    fn finish(self) -> rusqlite::Result<(Committed, Vec<(i64, bool)>)> {
        let touched = self.deriver.finish()?;
        Ok((self.committed, touched))
    }
}

/// The row of a project, made where it is missing.
pub(super) fn project(conn: &Connection, name: &str) -> rusqlite::Result<i64> {
    let found = conn
        .prepare_cached("SELECT id FROM project WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => conn
            .prepare_cached("INSERT INTO project (name) VALUES (?1)")?
            .insert([name]),
    }
}

/// The number of an issue, given where it has none yet, and whether it is new.
pub(super) fn number(
    conn: &Connection,
    project: i64,
    issue: &IssueId,
) -> rusqlite::Result<(i64, bool)> {
    let found = conn
        .prepare_cached("SELECT number FROM issue_number WHERE issue = ?1")?
        .query_row([issue.as_bytes()], |row| row.get(0))
        .optional()?;
    match found {
        Some(number) => Ok((number, false)),
        None => conn
            .prepare_cached("INSERT INTO issue_number (issue, project) VALUES (?1, ?2)")?
            .insert(params![issue.as_bytes(), project])
            .map(|number| (number, true)),
    }
}

pub(super) fn put_join(
    conn: &Connection,
    project: i64,
    issue: i64,
    join: &Join,
) -> rusqlite::Result<i64> {
    let parts = serde_json::Value::from(join.parts.as_slice()).to_string();
    let row = JoinRow {
        project,
        variant: join.variant.as_bytes(),
        issue,
        reason: &join.reason,
        parts: &parts,
        algorithm: join.algorithm.into(),
        joined_at: join.joined_at.as_nanos(),
    };
    let id = conn
        .prepare_cached(
            "INSERT INTO variant_join
                 (project, variant, issue, reason, parts, algorithm, joined_at, crc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .insert(params![
            row.project,
            row.variant,
            row.issue,
            row.reason,
            row.parts,
            row.algorithm,
            row.joined_at,
            row.crc(),
        ])?;
    if let Some(comparison) = &join.comparison {
        likeness::put_comparison(conn, id, comparison)?;
    }
    Ok(id)
}

fn parts(new: &Packed) -> Result<&Parts, Failed> {
    match &new.contents {
        Contents::Parts(parts) => Ok(parts),
        #[cfg(test)]
        Contents::Whole(_) => {
            let message = "the event was packed for another store";
            Err(Error::new(ErrorKind::Internal, "commit", message).into())
        }
    }
}

/// The ids of an event's stacks, each kept where it is new.
pub(super) fn stacks(
    conn: &Connection,
    encoder: &mut Encoder,
    deriver: &mut Deriver<'_, '_>,
    stacks: &[Option<Arc<PackedStack>>],
) -> Result<Vec<i64>, Failed> {
    let mut ids = Vec::with_capacity(stacks.len());
    for stack in stacks {
        ids.push(match stack {
            Some(stack) => known_or_new(conn, encoder, deriver, stack)?,
            None => 0,
        });
    }
    Ok(ids)
}

fn known_or_new(
    conn: &Connection,
    encoder: &mut Encoder,
    deriver: &mut Deriver<'_, '_>,
    stack: &PackedStack,
) -> Result<i64, Failed> {
    if let Some(id) = deriver.names().stack(&stack.hash) {
        return Ok(id);
    }
    let (id, is_new) = put_stack(conn, encoder, stack)?;
    deriver.names().remember_stack(stack.hash, id);
    if is_new {
        deriver.add_stack(id, &read_frames(&stack.json)?);
    }
    Ok(id)
}

/// The row of a stack, made where it is missing, and whether it is new.
pub(super) fn put_stack(
    conn: &Connection,
    encoder: &mut Encoder,
    stack: &PackedStack,
) -> Result<(i64, bool), Failed> {
    let found = conn
        .prepare_cached("SELECT id FROM stack WHERE hash = ?1")?
        .query_row([stack.hash], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        // A stack that no event had for a while lost its words when derived state was made again.
        let has_words: bool = conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM derived_stack_text WHERE rowid = ?1)")?
            .query_row([id], |row| row.get(0))?;
        return Ok((id, !has_words));
    }
    let data = encoder.pack_stack(&stack.json)?;
    let id = conn
        .prepare_cached("INSERT INTO stack (hash, json_bytes, data) VALUES (?1, ?2, ?3)")?
        .insert(params![stack.hash, stack.json.len() as i64, data])?;
    Ok((id, true))
}

/// Adds an event with its payload, at a place in the order of ingestion that is known to be free, else at the next one.
pub(super) fn put_event(
    conn: &Connection,
    place: Option<i64>,
    row: &EventRow<'_>,
    payload: &Payload,
    stacks: &[i64],
) -> Result<i64, Failed> {
    let sequence = conn
        .prepare_cached(
            "INSERT INTO event
                 (ingest_sequence, event_id, variant, level, time, received_at, process, sequence, crc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert(params![
            place,
            row.event_id,
            row.variant,
            row.level,
            row.time,
            row.received_at,
            row.process,
            row.sequence,
            row.crc(),
        ])?;
    if sequence > SEQUENCE_MAX {
        let message = format!("a vault takes in at most {SEQUENCE_MAX} events");
        return Err(Error::new(ErrorKind::LimitReached, "commit", message).into());
    }
    conn.prepare_cached(
        "INSERT INTO event_payload (event, codec, json_bytes, data, stacks)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        sequence,
        CODEC_APART,
        payload.json_bytes,
        payload.data,
        stack_blob(stacks),
    ])?;
    Ok(sequence)
}

fn stack_blob(stacks: &[i64]) -> Vec<u8> {
    let ids = stacks
        .iter()
        .map(|id| u32::try_from(*id).unwrap_or_default());
    ids.flat_map(u32::to_le_bytes).collect()
}

/// Puts a payload that was packed anew in the place of the old.
pub(super) fn replace_payload(
    conn: &Connection,
    encoder: &mut Encoder,
    event: i64,
    payload: &Payload,
) -> Result<(), Failed> {
    let mut stacks = Vec::with_capacity(payload.stacks.len());
    for stack in &payload.stacks {
        stacks.push(match stack {
            Some(stack) => put_stack(conn, encoder, stack)?.0,
            None => 0,
        });
    }
    conn.prepare_cached(
        "UPDATE event_payload SET codec = ?2, json_bytes = ?3, data = ?4, stacks = ?5 WHERE event = ?1",
    )?
    .execute(params![
        event,
        CODEC_APART,
        payload.json_bytes,
        payload.data,
        stack_blob(&stacks)
    ])?;
    Ok(())
}
