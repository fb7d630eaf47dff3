//! Records of attachments. The files are the vault's.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::Attachment;
use super::read::{bounded, signed, unsigned};
use super::{Failed, write};
use crate::error::{Error, ErrorKind};
use crate::event::EventId;
use crate::time::Timestamp;

/// Keeps one, unless the event has it already or has too many.
pub(super) fn attach(
    conn: &mut Connection,
    attachment: &Attachment,
    count_max: usize,
) -> Result<Attachment, Failed> {
    let transaction = write::begin(conn)?;
    if let Some(known) = known(&transaction, attachment)? {
        return Ok(known);
    }
    refuse(&transaction, attachment.event, count_max)?;
    let id = put(&transaction, attachment, None)?;
    transaction.commit()?;
    Ok(Attachment {
        id: unsigned(id)?,
        ..attachment.clone()
    })
}

fn refuse(conn: &Connection, event: EventId, count_max: usize) -> Result<(), Failed> {
    let is_gone: bool = conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM tombstone WHERE event_id = ?1)",
        [event.as_bytes()],
        |row| row.get(0),
    )?;
    if is_gone {
        let message =
            format!("event {event} was removed from this vault; nothing can be attached to it");
        return Err(Error::new(ErrorKind::Conflict, "attach", message).into());
    }
    let count: i64 = conn.query_row(
        "SELECT count(*) FROM attachment WHERE event_id = ?1",
        [event.as_bytes()],
        |row| row.get(0),
    )?;
    if count >= bounded(count_max) {
        let message = format!(
            "event {event} has {count} attachments, the most one can have; put several files into one"
        );
        return Err(Error::new(ErrorKind::LimitReached, "attach", message).into());
    }
    Ok(())
}

pub(super) fn known(
    conn: &Connection,
    wanted: &Attachment,
) -> rusqlite::Result<Option<Attachment>> {
    conn.prepare_cached(&format!(
        "{ATTACHMENT} WHERE event_id = ?1 AND name = ?2 AND hash = ?3"
    ))?
    .query_row(
        params![wanted.event.as_bytes(), wanted.name, wanted.hash],
        attachment_row,
    )
    .optional()
}

/// Adds the record, under a number of its own if one is given.
pub(super) fn put(
    conn: &Connection,
    attachment: &Attachment,
    id: Option<i64>,
) -> rusqlite::Result<i64> {
    conn.prepare_cached(
        "INSERT INTO attachment (id, event_id, name, content_type, kind, hash, bytes, added_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .insert(params![
        id,
        attachment.event.as_bytes(),
        attachment.name,
        attachment.content_type,
        attachment.kind,
        attachment.hash,
        signed(attachment.size_bytes),
        attachment.added_at.as_nanos(),
    ])
}

const ATTACHMENT: &str =
    "SELECT id, event_id, name, content_type, kind, hash, bytes, added_at FROM attachment";

/// Those of an event, in the order they came.
pub(super) fn of_event(conn: &Connection, event: EventId) -> rusqlite::Result<Vec<Attachment>> {
    conn.prepare_cached(&format!("{ATTACHMENT} WHERE event_id = ?1 ORDER BY id"))?
        .query_map([event.as_bytes()], attachment_row)?
        .collect()
}

/// All behind a number, in the order of their numbers.
pub(super) fn behind(
    conn: &Connection,
    id: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Attachment>> {
    conn.prepare_cached(&format!("{ATTACHMENT} WHERE id > ?1 ORDER BY id LIMIT ?2"))?
        .query_map([signed(id), bounded(limit)], attachment_row)?
        .collect()
}

fn attachment_row(row: &Row<'_>) -> rusqlite::Result<Attachment> {
    Ok(Attachment {
        id: unsigned(row.get(0)?)?,
        event: EventId::from_bytes(row.get(1)?),
        name: row.get(2)?,
        content_type: row.get(3)?,
        kind: row.get(4)?,
        hash: row.get(5)?,
        size_bytes: unsigned(row.get(6)?)?,
        added_at: Timestamp::from_nanos(row.get(7)?),
    })
}
