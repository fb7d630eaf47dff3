//! Ground rows → events as derived state is made of them.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, Row};

use super::Failed;
use super::derive::Item;
use super::gist::{Face, Gist};
use super::payload::{Decoder, PackedRow, is_damage, stack_ids};
use crate::event::{Event, EventId, Frame};
use crate::issue::VariantKey;

/// An event with all that derived state needs of it.
pub(super) struct Owned {
    pub(super) event_id: EventId,
    gist: Gist,
    /// None of the events of a rebuild: few of them are the newest of their issue.
    pub(super) face: Option<Face>,
    /// The stacks that a rebuild has not met before.
    pub(super) new_stacks: Vec<(i64, Arc<[Frame]>)>,
    pub(super) sequence: i64,
    pub(super) time: i64,
    process: [u8; 16],
    process_sequence: i64,
    pub(super) variant: i64,
    /// The project and the key of the variant.
    pub(super) key: (i64, VariantKey),
    pub(super) issue: i64,
    pub(super) is_moved: bool,
    stacks: Vec<i64>,
    payload_bytes: i64,
    json_bytes: i64,
}

impl Owned {
    pub(super) fn item(&self) -> Item<'_> {
        Item {
            sequence: self.sequence,
            event_id: self.event_id,
            gist: &self.gist,
            face: self.face.as_ref(),
            time: self.time,
            process: self.process,
            process_sequence: self.process_sequence,
            variant: self.variant,
            issue: self.issue,
            is_moved: self.is_moved,
            stacks: self.stacks.clone(),
            payload_bytes: self.payload_bytes,
            json_bytes: self.json_bytes,
        }
    }
}

/// The issue is that of the variant.
const COLUMNS: &str =
    "e.ingest_sequence, e.event_id, e.variant, e.time, e.process, e.sequence, j.issue,
        y.codec, y.data, y.stacks, y.json_bytes, j.project, j.variant
    FROM event e
    CROSS JOIN variant_join j ON j.id = e.variant
    CROSS JOIN event_payload y ON y.event = e.ingest_sequence";

/// One event, in the issue it is placed in.
pub(super) fn event(conn: &Connection, decoder: &Decoder, sequence: i64) -> Result<Owned, Failed> {
    let owned = {
        let mut find =
            conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE e.ingest_sequence = ?1"))?;
        let mut rows = find.query([sequence])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let (event, packed) = whole(conn, decoder, row)?;
        Owned {
            face: Some(Face::of(&event)),
            ..owned(Gist::of(&event), &packed, row)?
        }
    };
    placed(conn, owned)
}

/// What is to be done about an event whose payload is damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Damaged {
    /// It is an error.
    Refused,
    /// It is left out.
    Skipped,
}

/// One event whose payload cannot be read: what its rows say of it, in the issue it is placed in.
pub(super) fn unread(conn: &Connection, sequence: i64) -> Result<Owned, Failed> {
    let mut find =
        conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE e.ingest_sequence = ?1"))?;
    let mut rows = find.query([sequence])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    placed(conn, owned(Gist::default(), &packed(row)?, row)?)
}

/// In the issue it is placed in.
fn placed(conn: &Connection, mut owned: Owned) -> Result<Owned, Failed> {
    (owned.issue, owned.is_moved) = conn
        .prepare_cached("SELECT issue, is_moved FROM derived_placement WHERE event = ?1")?
        .query_row([owned.sequence], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(owned)
}

/// What an issue shows of one of its events, if that is there.
pub(super) fn face(
    conn: &Connection,
    decoder: &Decoder,
    id: EventId,
) -> Result<Option<Face>, Failed> {
    let sql = format!("SELECT {COLUMNS} WHERE e.event_id = ?1");
    let mut find = conn.prepare_cached(&sql)?;
    let mut rows = find.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Face::of(&whole(conn, decoder, row)?.0)))
}

/// Events behind `after` in the order of ingestion, at most `limit`, each in the issue its variant joined; of their stacks only
/// those that are not `known`. None only at the end.
pub(super) fn events(
    conn: &Connection,
    decoder: &Decoder,
    after: i64,
    limit: usize,
    damaged: Damaged,
    known: &HashSet<i64>,
) -> Result<Vec<Owned>, Failed> {
    let sql = format!("SELECT {COLUMNS} WHERE e.ingest_sequence > ?1 ORDER BY e.ingest_sequence");
    let mut find = conn.prepare_cached(&sql)?;
    let mut rows = find.query([after])?;
    let mut events = Vec::new();
    while events.len() < limit
        && let Some(row) = rows.next()?
    {
        match without_known(conn, decoder, row, known) {
            Err(Failed::Own(error)) if damaged == Damaged::Skipped && is_damage(&error) => {}
            read => events.push(read?),
        }
    }
    Ok(events)
}

/// The issue a variant belongs to: the one it joined, unless that is part of another or the variant was taken out.
pub(super) fn home(conn: &Connection, variant: i64) -> rusqlite::Result<i64> {
    conn.prepare_cached(
        "SELECT coalesce(
             (SELECT issue FROM derived_taken_out t WHERE t.project = j.project AND t.variant = j.variant),
             (SELECT target FROM derived_alias a WHERE a.issue = j.issue), j.issue)
         FROM variant_join j WHERE j.id = ?1",
    )?
        .query_row([variant], |row| row.get(0))
}

/// The variants that belong to an issue, the newest first: what [`home`] is, from the other side.
pub(super) fn at_home(conn: &Connection, issue: i64) -> rusqlite::Result<Vec<i64>> {
    // Its own, those of what is part of it, and those that were put there: each found by an index.
    conn.prepare_cached(
        "SELECT j.id FROM variant_join j
         LEFT JOIN derived_taken_out t ON t.project = j.project AND t.variant = j.variant
         LEFT JOIN derived_alias a ON a.issue = j.issue
         WHERE j.id IN (
             SELECT v.id FROM variant_join v WHERE v.issue = ?1
             UNION SELECT v.id FROM derived_alias m JOIN variant_join v ON v.issue = m.issue
                 WHERE m.target = ?1
             UNION SELECT v.id FROM derived_taken_out o
                 JOIN variant_join v ON v.project = o.project AND v.variant = o.variant
                 WHERE o.issue = ?1)
             AND coalesce(t.issue, a.target, j.issue) = ?1
         ORDER BY j.id DESC",
    )?
    .query_map([issue], |row| row.get(0))?
    .collect()
}

fn without_known(
    conn: &Connection,
    decoder: &Decoder,
    row: &Row<'_>,
    known: &HashSet<i64>,
) -> Result<Owned, Failed> {
    let packed = packed(row)?;
    let event = named(row, decoder.event_apart(conn, &packed))?;
    let mut owned = owned(Gist::of(&event), &packed, row)?;
    for id in &owned.stacks {
        if *id != 0 && !known.contains(id) {
            let frames = named(row, decoder.stack(conn, *id))?;
            owned.new_stacks.push((*id, frames));
        }
    }
    Ok(owned)
}

fn whole<'r>(
    conn: &Connection,
    decoder: &Decoder,
    row: &'r Row<'_>,
) -> Result<(Event, PackedRow<'r>), Failed> {
    let packed = packed(row)?;
    Ok((named(row, decoder.event(conn, &packed))?, packed))
}

fn packed<'r>(row: &'r Row<'_>) -> rusqlite::Result<PackedRow<'r>> {
    let blob = |column| -> rusqlite::Result<&[u8]> {
        row.get_ref(column)?
            .as_blob()
            .map_err(rusqlite::Error::from)
    };
    Ok(PackedRow {
        codec: row.get(7)?,
        data: blob(8)?,
        stacks: blob(9)?,
    })
}

fn named<T>(row: &Row<'_>, read: crate::error::Result<T>) -> Result<T, Failed> {
    let id = EventId::from_bytes(row.get(1)?);
    Ok(read.map_err(|error| error.with_context("event", id))?)
}

fn owned(gist: Gist, packed: &PackedRow<'_>, row: &Row<'_>) -> rusqlite::Result<Owned> {
    Ok(Owned {
        event_id: EventId::from_bytes(row.get(1)?),
        gist,
        face: None,
        new_stacks: Vec::new(),
        sequence: row.get(0)?,
        variant: row.get(2)?,
        key: (row.get(11)?, VariantKey::from_bytes(row.get(12)?)),
        time: row.get(3)?,
        process: row.get(4)?,
        process_sequence: row.get(5)?,
        issue: row.get(6)?,
        is_moved: false,
        stacks: stack_ids(packed.stacks).collect(),
        payload_bytes: packed.data.len() as i64,
        json_bytes: row.get(10)?,
    })
}
