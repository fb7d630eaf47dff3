//! Issues that leave with all their records, and come back.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{Exported, Record, Residue, StoredEvent};
use super::derive::{Deriver, Item, shelf};
use super::likeness::Likeness;
use super::names::Names;
use super::payload::{Decoder, Encoder, Parts};
use super::read::{self, signed, unsigned};
use super::records::EventRow;
use super::remove::{Removal, Remover};
use super::side::Side;
use super::{Failed, act, attach, ground, homes, react, write};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventId, Level};
use crate::issue::{Activity, ActivityId, Deed, IssueId, VariantKey};
use crate::time::Timestamp;

/// Up to here, what an archive or Crashvault 1 says its numbers were is taken: one record with the last number there is would leave none
/// for what comes.
pub(super) const ISSUE_MAX: u64 = 1 << 24;
const EVENT_MAX: u64 = 1 << 31;
const ATTACHMENT_MAX: u64 = 1 << 53;

pub(super) type Put<'p> = &'p mut dyn FnMut(Record) -> Result<()>;

pub(super) fn export(
    conn: &Connection,
    decoder: &Decoder,
    number: u64,
    put: Put<'_>,
) -> Result<Exported, Failed> {
    // One moment of the issue, however long it takes to write it down.
    let transaction = conn.unchecked_transaction()?;
    let Some(issue) = read::issue_by_number(&transaction, number)? else {
        let message = format!("no issue #{number}");
        return Err(Error::new(ErrorKind::NotFound, "archive", message).into());
    };
    let others = Others::of(&transaction, number)?;
    others.put_issues(&transaction, put)?;
    put(Record::Issue {
        number,
        id: issue.id,
        project: issue.project.clone(),
    })?;
    put_joins(&transaction, number, &others, put)?;
    let mut activities = read::activities(&transaction, signed(number))?;
    let exported = Exported {
        number,
        events: placed(&transaction, number)?,
        activities: activities.len() as u64,
        attachments: attachment_count(&transaction, number)?,
        last_event: issue.last_event,
    };
    activities.extend(activities_of_merged(&transaction, number)?);
    activities.extend(others.activities);
    activities
        .into_iter()
        .try_for_each(|activity| put(Record::Activity(activity)))?;
    for sequence in &exported.events {
        put_stored(&transaction, decoder, signed(*sequence), put)?;
    }
    put_residue(&transaction, Some(number), put)?;
    Ok(exported)
}

/// What was decided about the issues that are part of this one: what they are made of, among it.
pub(super) fn activities_of_merged(
    conn: &Connection,
    number: u64,
) -> Result<Vec<Activity>, Failed> {
    let mut found = Vec::new();
    for issue in homes::merged(conn, signed(number))? {
        found.extend(read::activities(conn, issue)?);
    }
    Ok(found)
}

/// What was decided about other issues by which variants, and events, came to be in this one.
pub(super) struct Others {
    /// Those issues.
    issues: BTreeSet<i64>,
    pub(super) activities: Vec<Activity>,
}

impl Others {
    pub(super) fn of(conn: &Connection, number: u64) -> Result<Self, Failed> {
        let number = signed(number);
        let mut own: BTreeSet<i64> = homes::merged(conn, number)?.into_iter().collect();
        own.insert(number);
        let ids = own.iter().map(|issue| read::issue_id(conn, *issue));
        let ids: BTreeSet<IssueId> = ids.collect::<rusqlite::Result<_>>()?;
        let variants = variants_at_home(conn, number)?;
        let mut others = Self {
            issues: BTreeSet::new(),
            activities: Vec::new(),
        };
        for issue in deciding(conn, number)? {
            if own.contains(&issue) {
                continue;
            }
            let mut wanted: BTreeSet<ActivityId> = BTreeSet::new();
            let decided = read::activities(conn, issue)?.into_iter();
            let about = decided.filter(|activity| {
                let is_about = match &activity.deed {
                    Deed::Unmerge { variant, to } => ids.contains(to) || variants.contains(variant),
                    Deed::Regroup { variant, .. } => variants.contains(variant),
                    Deed::Undo(earlier) => wanted.contains(earlier),
                    _ => false,
                };
                is_about && wanted.insert(activity.id)
            });
            others.activities.extend(about);
            if !wanted.is_empty() {
                others.issues.insert(issue);
            }
        }
        Ok(others)
    }

    /// Names those of the issues that no join names.
    pub(super) fn put_issues(&self, conn: &Connection, put: Put<'_>) -> Result<(), Failed> {
        let mut find = conn.prepare_cached(
            "SELECT n.issue, p.name FROM issue_number n JOIN project p ON p.id = n.project
             WHERE n.number = ?1
                 AND NOT EXISTS (SELECT 1 FROM variant_join j WHERE j.issue = n.number)",
        )?;
        for issue in &self.issues {
            let named = find.query_row([issue], |row| {
                Ok(Record::Issue {
                    number: unsigned(*issue)?,
                    id: IssueId::from_bytes(row.get(0)?),
                    project: row.get(1)?,
                })
            });
            if let Some(record) = named.optional()? {
                put(record)?;
            }
        }
        Ok(())
    }
}

fn variants_at_home(conn: &Connection, issue: i64) -> rusqlite::Result<BTreeSet<VariantKey>> {
    let mut find = conn.prepare_cached("SELECT variant FROM variant_join WHERE id = ?1")?;
    let mut variants = BTreeSet::new();
    for join in ground::at_home(conn, issue)? {
        variants.insert(find.query_row([join], |row| Ok(VariantKey::from_bytes(row.get(0)?)))?);
    }
    Ok(variants)
}

/// The issues of the same project that variants ever left, or whose events were found to be of another variant.
fn deciding(conn: &Connection, issue: i64) -> rusqlite::Result<Vec<i64>> {
    conn.prepare_cached(
        "SELECT DISTINCT a.issue FROM activity a JOIN issue_number n ON n.number = a.issue
         WHERE n.project = (SELECT project FROM issue_number WHERE number = ?1)
             AND (a.deed LIKE '%\"kind\":\"unmerge\"%' OR a.deed LIKE '%\"kind\":\"regroup\"%')
         ORDER BY a.issue",
    )?
    .query_map([issue], |row| row.get(0))?
    .collect()
}

pub(super) fn placed(conn: &Connection, number: u64) -> rusqlite::Result<Vec<u64>> {
    conn.prepare_cached("SELECT event FROM derived_placement WHERE issue = ?1 ORDER BY event")?
        .query_map([signed(number)], |row| unsigned(row.get(0)?))?
        .collect()
}

fn attachment_count(conn: &Connection, number: u64) -> rusqlite::Result<u64> {
    conn.prepare_cached(
        "SELECT count(*) FROM derived_placement p
         CROSS JOIN event e ON e.ingest_sequence = p.event
         CROSS JOIN attachment a ON a.event_id = e.event_id WHERE p.issue = ?1",
    )?
    .query_row([signed(number)], |row| unsigned(row.get(0)?))
}

pub(super) fn put_joins(
    conn: &Connection,
    number: u64,
    others: &Others,
    put: Put<'_>,
) -> Result<(), Failed> {
    let number = signed(number);
    let mut find = conn.prepare_cached(
        "SELECT DISTINCT j.issue FROM variant_join j
         WHERE j.issue = ?1 OR j.id IN (
             SELECT e.variant FROM derived_placement p JOIN event e ON e.ingest_sequence = p.event
             WHERE p.issue = ?1)
             OR j.issue IN (SELECT issue FROM derived_alias WHERE target = ?1)
             OR j.id IN (SELECT id FROM derived_shelf WHERE issue = ?1)",
    )?;
    let mut issues: BTreeSet<i64> = find
        .query_map([number], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut find = conn.prepare_cached("SELECT issue FROM variant_join WHERE id = ?1")?;
    for join in ground::at_home(conn, number)? {
        issues.insert(find.query_row([join], |row| row.get(0))?);
    }
    issues.extend(&others.issues);
    let own = issues.take(&number);
    for issue in own.into_iter().chain(issues) {
        let id = read::issue_id(conn, issue)?;
        let number = unsigned(issue)?;
        for join in read::joins_first(conn, &id)? {
            put(Record::Join { number, join })?;
        }
    }
    Ok(())
}

pub(super) fn put_stored(
    conn: &Connection,
    decoder: &Decoder,
    sequence: i64,
    put: Put<'_>,
) -> Result<(), Failed> {
    let raw = read::event_by_sequence(conn, sequence)?;
    let id = raw.event_id;
    let stored = raw
        .decode(conn, decoder)
        .map_err(|error| error.with_context("event", id))?;
    let project = conn
        .prepare_cached(
            "SELECT p.name FROM event e JOIN variant_join j ON j.id = e.variant
             JOIN project p ON p.id = j.project WHERE e.ingest_sequence = ?1",
        )?
        .query_row([sequence], |row| row.get(0))?;
    put(Record::Event {
        project,
        stored: Box::new(stored),
    })?;
    for attachment in attach::of_event(conn, id)? {
        put(Record::Attachment(attachment))?;
    }
    Ok(())
}

/// The numbers of one issue, or of all.
pub(super) fn range(number: Option<u64>) -> [i64; 2] {
    number.map_or([0, i64::MAX], |number| [signed(number); 2])
}

/// Of one issue, or of all.
pub(super) fn put_residue(
    conn: &Connection,
    number: Option<u64>,
    put: Put<'_>,
) -> Result<(), Failed> {
    let mut find = conn.prepare_cached(
        "SELECT p.name, j.variant, r.hour, r.level, r.count, r.first_seen, n.issue
         FROM residue r
         JOIN derived_shelf s ON s.id = r.shelf
         JOIN issue_number n ON n.number = s.issue
         LEFT JOIN variant_join j ON j.id = r.shelf LEFT JOIN project p ON p.id = j.project
         WHERE s.issue BETWEEN ?1 AND ?2 ORDER BY r.shelf, r.hour",
    )?;
    let rows = find.query_map(range(number), |row| {
        let (project, variant): (Option<String>, Option<[u8; 16]>) = (row.get(0)?, row.get(1)?);
        let level: u8 = row.get(3)?;
        Ok(Residue {
            issue: IssueId::from_bytes(row.get(6)?),
            variant: project.zip(variant.map(VariantKey::from_bytes)),
            hour: row.get(2)?,
            level: Level::from_number(level)
                .ok_or(rusqlite::Error::IntegralValueOutOfRange(3, level.into()))?,
            count: unsigned(row.get(4)?)?,
            first_seen: Timestamp::from_nanos(row.get(5)?),
        })
    })?;
    for residue in rows {
        put(Record::Residue(residue?))?;
    }
    Ok(())
}

/// Takes out what was exported, unless the issue has changed since. Its number, its joins and what was decided about it
/// stay: an event that belongs to it finds it again.
pub(super) fn release(
    conn: &mut Connection,
    names: &mut Names,
    decoder: &Decoder,
    exported: &Exported,
    at: Timestamp,
) -> Result<bool, Failed> {
    let transaction = write::begin(conn)?;
    names.refresh(&transaction)?;
    let issue = read::issue_by_number(&transaction, exported.number)?;
    let is_same = issue.is_some_and(|issue| issue.last_event == exported.last_event)
        && placed(&transaction, exported.number)? == exported.events
        && read::activities(&transaction, signed(exported.number))?.len() as u64
            == exported.activities
        && attachment_count(&transaction, exported.number)? == exported.attachments;
    if !is_same {
        return Ok(false);
    }
    let mut remover = Remover::new(&transaction, names, decoder);
    for sequence in &exported.events {
        remover.remove(signed(*sequence), Removal::Archive, at)?;
    }
    remover.forget_residue(signed(exported.number))?;
    remover.finish()?;
    transaction.commit()?;
    Ok(true)
}

/// Puts records back; what is there already, or was removed for good, stays as it is. How many events came back.
pub(super) fn restore(
    conn: &mut Connection,
    names: &mut Names,
    encoder: &mut Encoder,
    decoder: &Decoder,
    records: &[Record],
) -> Result<u64, Failed> {
    let transaction = write::begin(conn)?;
    names.refresh(&transaction)?;
    let (mut decided, mut moved) = (BTreeSet::new(), BTreeSet::new());
    for record in records {
        match record {
            Record::Issue {
                number,
                id,
                project,
            } => {
                issue_number(&transaction, project, id, *number)?;
            }
            Record::Join { number, join } => put_join(&transaction, *number, join)?,
            Record::Activity(activity) => {
                let issue = known_number(&transaction, &activity.issue)?;
                react::put(&transaction, issue, activity)?;
                put_other(&transaction, issue, activity)?;
                moved.extend(act::moved(&transaction, activity)?);
                decided.insert(issue);
            }
            Record::Event { .. }
            | Record::Attachment(_)
            | Record::Residue(_)
            | Record::Tombstone { .. } => {}
        }
    }
    if !decided.is_empty() {
        homes::settle(&transaction, names, decoder, moved)?;
    }
    let restored = restore_events(&transaction, names, encoder, records, &mut decided)?;
    for record in records {
        match record {
            Record::Attachment(attachment) => put_attachment(&transaction, attachment)?,
            Record::Residue(residue) => add_residue(&transaction, residue)?,
            Record::Tombstone { event, removed_at } => bury(&transaction, *event, *removed_at)?,
            _ => {}
        }
    }
    for issue in decided {
        react::refresh(&transaction, Side::Live, issue)?;
    }
    transaction.execute("UPDATE ledger SET removals = removals + 1", [])?;
    transaction.commit()?;
    Ok(restored)
}

/// An issue that a merge or an unmerge names has a number, so that it is found by it.
fn put_other(conn: &Connection, issue: i64, activity: &Activity) -> Result<(), Failed> {
    let Some(other) = activity.deed.other_issue() else {
        return Ok(());
    };
    let project = conn
        .prepare_cached("SELECT project FROM issue_number WHERE number = ?1")?
        .query_row([issue], |row| row.get(0))?;
    write::number(conn, project, &other)?;
    Ok(())
}

fn known_number(conn: &Connection, issue: &IssueId) -> Result<i64, Failed> {
    read::number(conn, issue)?.ok_or_else(|| {
        let message = format!("the archive says something about issue {issue} before it names it");
        Error::new(ErrorKind::Corrupt, "restore", message).into()
    })
}

/// The number an issue has here: the one it had, else the archived one if it is free, else the next.
fn issue_number(
    conn: &Connection,
    project: &str,
    id: &IssueId,
    number: u64,
) -> rusqlite::Result<i64> {
    let project = write::project(conn, project)?;
    if number <= ISSUE_MAX && read::number(conn, id)?.is_none() {
        write::put_number(conn, project, id, number)?;
    }
    write::number(conn, project, id).map(|(number, _)| number)
}

fn put_join(conn: &Connection, number: u64, join: &crate::issue::Join) -> Result<(), Failed> {
    if variant(conn, &join.project, &join.variant)?.is_none() {
        let issue = issue_number(conn, &join.project, &join.issue, number)?;
        let project = write::project(conn, &join.project)?;
        write::put_join(conn, project, issue, join)?;
    }
    Ok(())
}

fn variant(
    conn: &Connection,
    project: &str,
    variant: &VariantKey,
) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached(
        "SELECT j.id FROM variant_join j JOIN project p ON p.id = j.project
         WHERE p.name = ?1 AND j.variant = ?2",
    )?
    .query_row(params![project, variant.as_bytes()], |row| row.get(0))
    .optional()
}

fn known_variant(conn: &Connection, project: &str, key: &VariantKey) -> Result<i64, Failed> {
    variant(conn, project, key)?.ok_or_else(|| {
        let message = format!(
            "the archive has an event of variant {key} of {project} and not why it belongs there"
        );
        Error::new(ErrorKind::Corrupt, "restore", message).into()
    })
}

fn restore_events(
    conn: &Connection,
    names: &mut Names,
    encoder: &mut Encoder,
    records: &[Record],
    decided: &mut BTreeSet<i64>,
) -> Result<u64, Failed> {
    let (belonging, moves) = (homes::kept(conn)?, act::moves(conn)?);
    let moves = moves.into_iter();
    let moves: HashMap<EventId, i64> = moves
        .map(|(event, moved)| (event, belonging.of_moved(&moved)))
        .collect();
    let mut packed = Vec::new();
    for record in records {
        if let Record::Event { project, stored } = record {
            packed.push((project, stored, encoder.take_apart(&stored.event)?));
        }
    }
    let mut deriver = Deriver::new(conn, Side::Live, names);
    let likeness = Likeness::new(conn);
    let mut restored = 0;
    for (project, stored, parts) in &packed {
        if is_known(conn, stored.event.event_id)? {
            continue;
        }
        let variant = known_variant(conn, project, &stored.variant)?;
        likeness.remember(variant, &stored.event)?;
        let stacks = write::stacks(conn, encoder, &mut deriver, &parts.payload.stacks)?;
        let item = insert(conn, stored, parts, stacks, variant, &moves)?;
        deriver.add(&item)?;
        restored += 1;
    }
    let touched = deriver.finish()?;
    decided.extend(
        touched
            .into_iter()
            .filter(|(_, is_new)| *is_new)
            .map(|(issue, _)| issue),
    );
    Ok(restored)
}

/// Whether an event is here, or was removed for good.
fn is_known(conn: &Connection, event: EventId) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM event WHERE event_id = ?1)
             OR EXISTS (SELECT 1 FROM tombstone WHERE event_id = ?1)",
    )?
    .query_row([event.as_bytes()], |row| row.get(0))
}

fn insert<'e>(
    conn: &Connection,
    stored: &StoredEvent,
    parts: &'e Parts,
    stacks: Vec<i64>,
    variant: i64,
    moves: &HashMap<EventId, i64>,
) -> Result<Item<'e>, Failed> {
    let event = &stored.event;
    let payload = &parts.payload;
    let time = event.timestamp.unwrap_or(stored.received_at).as_nanos();
    let row = EventRow {
        event_id: event.event_id.as_bytes(),
        variant,
        level: i64::from(event.level as u8),
        time,
        received_at: stored.received_at.as_nanos(),
        process: &stored.process,
        sequence: signed(stored.sequence),
    };
    let place = free_place(
        conn,
        "event",
        "ingest_sequence",
        stored.ingest_sequence,
        EVENT_MAX,
    )?;
    let sequence = write::put_event(conn, place, &row, payload, &stacks)?;
    let moved = moves.get(&event.event_id).copied();
    Ok(Item {
        sequence,
        event_id: event.event_id,
        gist: &parts.gist,
        face: Some(&parts.face),
        time,
        process: stored.process,
        process_sequence: row.sequence,
        variant,
        issue: match moved {
            Some(issue) => issue,
            None => ground::home(conn, variant)?,
        },
        is_moved: moved.is_some(),
        stacks,
        payload_bytes: payload.data.len() as i64,
        json_bytes: payload.json_bytes,
    })
}

/// The row number something had, if nothing else has it now.
fn free_place(
    conn: &Connection,
    table: &str,
    column: &str,
    number: u64,
    number_max: u64,
) -> rusqlite::Result<Option<i64>> {
    if number > number_max {
        return Ok(None);
    }
    let number = signed(number);
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {column} = ?1)");
    let is_taken: bool = conn
        .prepare_cached(&sql)?
        .query_row([number], |row| row.get(0))?;
    Ok((!is_taken && number > 0).then_some(number))
}

/// An event that was removed elsewhere does not come any more; one that is here stays.
fn bury(conn: &Connection, event: EventId, at: Timestamp) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO tombstone (event_id, removed_at) SELECT ?1, ?2
         WHERE NOT EXISTS (SELECT 1 FROM event WHERE event_id = ?1)",
    )?
    .execute(params![event.as_bytes(), at.as_nanos()])?;
    Ok(())
}

fn put_attachment(conn: &Connection, attachment: &super::super::Attachment) -> Result<(), Failed> {
    let is_there: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM event WHERE event_id = ?1)")?
        .query_row([attachment.event.as_bytes()], |row| row.get(0))?;
    if is_there && attach::known(conn, attachment)?.is_none() {
        let place = free_place(conn, "attachment", "id", attachment.id, ATTACHMENT_MAX)?;
        attach::put(conn, attachment, place)?;
    }
    Ok(())
}

/// Counts what retention had left, as far as it is not counted already.
fn add_residue(conn: &Connection, residue: &Residue) -> Result<(), Failed> {
    let (place, issue) = match &residue.variant {
        Some((project, key)) => {
            let variant = known_variant(conn, project, key)?;
            (variant, ground::home(conn, variant)?)
        }
        None => {
            let issue = known_number(conn, &residue.issue)?;
            (shelf(0, issue, true), homes::root(conn, issue)?)
        }
    };
    let counted: i64 = conn
        .prepare_cached("SELECT count FROM residue WHERE shelf = ?1 AND hour = ?2")?
        .query_row([place, residue.hour], |row| row.get(0))
        .optional()?
        .unwrap_or_default();
    let more = signed(residue.count).saturating_sub(counted).max(0);
    let (level, first_seen) = (residue.level as u8, residue.first_seen.as_nanos());
    conn.prepare_cached(
        "INSERT INTO residue (shelf, hour, level, count, first_seen) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (shelf, hour) DO UPDATE SET count = count + excluded.count,
             level = max(level, excluded.level), first_seen = min(first_seen, excluded.first_seen)",
    )?
    .execute(params![place, residue.hour, level, more, first_seen])?;
    conn.prepare_cached("INSERT OR IGNORE INTO derived_shelf (id, issue) VALUES (?1, ?2)")?
        .execute([place, issue])?;
    let shown = conn
        .prepare_cached(
            "UPDATE derived_issue SET seen_count = seen_count + ?2, level = max(level, ?3),
                 first_seen = min(first_seen, ?4) WHERE number = ?1",
        )?
        .execute(params![issue, more, level, first_seen])?;
    if shown > 0 && more > 0 {
        conn.prepare_cached(
            "INSERT INTO derived_hour (issue, hour, count) VALUES (?1, ?2, ?3)
             ON CONFLICT (issue, hour) DO UPDATE SET count = count + excluded.count",
        )?
        .execute([issue, residue.hour, more])?;
    }
    Ok(())
}
