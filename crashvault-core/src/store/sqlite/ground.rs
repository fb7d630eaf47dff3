//! Ground rows → events as derived state is made of them.

use rusqlite::{Connection, Row};

use super::Failed;
use super::derive::Item;
use super::payload::{Decoder, Packed, is_damage, stack_ids};
use crate::event::{Event, EventId};

/// An event with all that derived state needs of it.
pub(super) struct Owned {
    pub(super) event: Event,
    pub(super) sequence: i64,
    pub(super) time: i64,
    process: [u8; 16],
    process_sequence: i64,
    pub(super) variant: i64,
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
            event: &self.event,
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
        y.codec, y.data, y.stacks, y.json_bytes
    FROM event e
    CROSS JOIN variant_join j ON j.id = e.variant
    CROSS JOIN event_payload y ON y.event = e.ingest_sequence";

/// One event, in the issue it is placed in.
pub(super) fn event(conn: &Connection, decoder: &Decoder, sequence: i64) -> Result<Owned, Failed> {
    let mut owned = {
        let mut find =
            conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE e.ingest_sequence = ?1"))?;
        let mut rows = find.query([sequence])?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        read(conn, decoder, row)?
    };
    (owned.issue, owned.is_moved) = conn
        .prepare_cached("SELECT issue, is_moved FROM derived_placement WHERE event = ?1")?
        .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(owned)
}

/// What is to be done about an event whose payload is damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Damaged {
    /// It is an error.
    Refused,
    /// It is left out.
    Skipped,
}

/// Events behind `after` in the order of ingestion, at most `limit`, each in its variant's issue. None only at the end.
pub(super) fn events(
    conn: &Connection,
    decoder: &Decoder,
    after: i64,
    limit: usize,
    damaged: Damaged,
) -> Result<Vec<Owned>, Failed> {
    let sql = format!("SELECT {COLUMNS} WHERE e.ingest_sequence > ?1 ORDER BY e.ingest_sequence");
    let mut find = conn.prepare_cached(&sql)?;
    let mut rows = find.query([after])?;
    let mut events = Vec::new();
    while events.len() < limit
        && let Some(row) = rows.next()?
    {
        match read(conn, decoder, row) {
            Err(Failed::Own(error)) if damaged == Damaged::Skipped && is_damage(&error) => {}
            read => events.push(read?),
        }
    }
    Ok(events)
}

/// The issue a variant has joined.
pub(super) fn home(conn: &Connection, variant: i64) -> rusqlite::Result<i64> {
    conn.prepare_cached("SELECT issue FROM variant_join WHERE id = ?1")?
        .query_row([variant], |row| row.get(0))
}

fn read(conn: &Connection, decoder: &Decoder, row: &Row<'_>) -> Result<Owned, Failed> {
    let blob = |column| -> rusqlite::Result<&[u8]> {
        row.get_ref(column)?
            .as_blob()
            .map_err(rusqlite::Error::from)
    };
    let packed = Packed {
        codec: row.get(7)?,
        data: blob(8)?,
        stacks: blob(9)?,
    };
    let id = EventId::from_bytes(row.get(1)?);
    let event = decoder
        .event(conn, &packed)
        .map_err(|error| error.with_context("event", id))?;
    Ok(Owned {
        event,
        sequence: row.get(0)?,
        variant: row.get(2)?,
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
