//! Items that are no events.

use std::io::Read;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::{Item, ItemFilter, NewItem};
use super::read::{bounded, signed, unsigned};
use super::{Failed, attach};
use crate::error::{Error, ErrorKind};
use crate::event::EventId;
use crate::store::Attachment;
use crate::time::Timestamp;

/// Most items are small JSON; higher levels gain little on them.
const ZSTD_LEVEL: i32 = 3;

/// Keeps them, but for those that are here, and those of events that were removed for good.
pub(super) fn put(conn: &Connection, items: &[NewItem]) -> Result<(), Failed> {
    for item in items {
        if is_removed(conn, item.event)? {
            continue;
        }
        conn.prepare_cached(
            "INSERT OR IGNORE INTO item (item_key, kind, project, event_id, received_at, head, bytes, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            item.key,
            item.kind,
            item.project,
            item.event.as_ref().map(EventId::as_bytes),
            item.received_at.as_nanos(),
            item.head,
            signed(item.payload.len() as u64),
            packed(&item.payload).map_err(cannot_pack)?,
        ])?;
    }
    Ok(())
}

/// Keeps records of files that came with events, however many an event has: they were accepted.
pub(super) fn put_files(conn: &Connection, files: &[Attachment]) -> Result<(), Failed> {
    for file in files {
        let is_kept = is_removed(conn, Some(file.event))? || attach::known(conn, file)?.is_some();
        if !is_kept {
            attach::put(conn, file, None)?;
        }
    }
    Ok(())
}

fn is_removed(conn: &Connection, event: Option<EventId>) -> rusqlite::Result<bool> {
    let Some(event) = event else { return Ok(false) };
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM tombstone WHERE event_id = ?1)")?
        .query_row([event.as_bytes()], |row| row.get(0))
}

fn packed(payload: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::read::Encoder::new(payload, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    let mut data = Vec::new();
    encoder.read_to_end(&mut data)?;
    Ok(data)
}

fn cannot_pack(source: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        "commit",
        "an item could not be compressed",
    )
    .with_source(source)
}

const ITEM: &str = "SELECT id, kind, project, event_id, received_at, head, bytes FROM item";

/// The newest first.
pub(super) fn list(conn: &Connection, filter: &ItemFilter) -> rusqlite::Result<Vec<Item>> {
    let before = filter.before.map_or(i64::MAX, signed);
    let event = filter.event.as_ref().map(EventId::as_bytes);
    // One text for each way to look them up, so that each goes by its own index.
    let by = match (&filter.event, &filter.kind) {
        (Some(_), _) => "event_id = ?2 AND (?3 IS NULL OR kind = ?3)",
        (None, Some(_)) => "?2 IS NULL AND kind = ?3",
        (None, None) => "?2 IS NULL AND ?3 IS NULL",
    };
    conn.prepare_cached(&format!(
        "{ITEM} WHERE id < ?1 AND {by} AND (?4 IS NULL OR project = ?4) ORDER BY id DESC LIMIT ?5"
    ))?
    .query_map(
        params![
            before,
            event,
            filter.kind,
            filter.project,
            bounded(filter.limit)
        ],
        item_row,
    )?
    .collect()
}

pub(super) fn one(conn: &Connection, id: u64) -> Result<Item, Failed> {
    let found = conn
        .prepare_cached(&format!("{ITEM} WHERE id = ?1"))?
        .query_row([signed(id)], item_row)
        .optional()?;
    found.ok_or_else(|| missing(id).into())
}

/// What followed the head.
pub(super) fn payload(conn: &Connection, id: u64) -> Result<Vec<u8>, Failed> {
    let row = conn
        .prepare_cached("SELECT bytes, data FROM item WHERE id = ?1")?
        .query_row([signed(id)], |row| {
            Ok((unsigned(row.get(0)?)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    let (bytes, data) = row.ok_or_else(|| missing(id))?;
    let unpack = || -> std::io::Result<Vec<u8>> {
        let decoder = zstd::stream::read::Decoder::new(&data[..])?;
        let mut payload = Vec::new();
        // One byte more than it has: a longer one is not read to its end.
        decoder
            .take(bytes.saturating_add(1))
            .read_to_end(&mut payload)?;
        match payload.len() as u64 == bytes {
            true => Ok(payload),
            false => Err(std::io::Error::other("it has another length")),
        }
    };
    unpack().map_err(|source| {
        let message = format!("item {id} cannot be read");
        Error::new(ErrorKind::Corrupt, "read item", message)
            .with_source(source)
            .into()
    })
}

fn missing(id: u64) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "read item",
        format!("there is no item {id}"),
    )
}

/// Items leave with the events of their time.
pub(super) fn retire(conn: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM item WHERE received_at < ?1")?
        .execute([before.as_nanos()])
        .map(drop)
}

fn item_row(row: &Row<'_>) -> rusqlite::Result<Item> {
    let head: String = row.get(5)?;
    Ok(Item {
        id: unsigned(row.get(0)?)?,
        kind: row.get(1)?,
        project: row.get(2)?,
        event: row.get::<_, Option<[u8; 16]>>(3)?.map(EventId::from_bytes),
        received_at: Timestamp::from_nanos(row.get(4)?),
        head: serde_json::from_str(&head).unwrap_or_default(),
        size_bytes: unsigned(row.get(6)?)?,
    })
}
