//! Events that retention gives up, oldest first.

use rusqlite::{Connection, params};

use super::super::{Expendable, Place, Retired};
use super::names::Names;
use super::payload::Decoder;
use super::read::{bounded, signed, unsigned};
use super::remove::{Removal, Remover};
use super::{Failed, item, write};
use crate::error::ErrorKind;
use crate::time::Timestamp;

pub(super) fn retire(
    conn: &mut Connection,
    names: &mut Names,
    decoder: &Decoder,
    which: &Expendable,
    limit: usize,
    after: Option<Place>,
    at: Timestamp,
) -> Result<Retired, Failed> {
    let transaction = write::begin(conn)?;
    names.refresh(&transaction)?;
    let places = oldest(&transaction, which, limit, after)?;
    let mut remover = Remover::new(&transaction, names, decoder);
    for place in &places {
        match remover.remove(signed(place.id), Removal::Retire, at) {
            // It is for the doctor to find; what is older and whole goes nonetheless.
            Err(super::Failed::Own(error)) if error.kind() == ErrorKind::Corrupt => {}
            done => done?,
        }
    }
    let mut retired = Retired {
        events: remover.removed,
        attachments: remover.attachments,
        next: places.last().copied().filter(|_| places.len() == limit),
    };
    remover.finish()?;
    if retired.next.is_none() {
        retired.attachments += drop_strays(&transaction, which)?;
    }
    if let Some(horizon) = horizon(which, &retired) {
        item::retire(&transaction, horizon)?;
    }
    transaction.commit()?;
    Ok(retired)
}

/// How many there are.
pub(super) fn count(conn: &Connection, which: &Expendable) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) {}", expendable(which));
    conn.prepare_cached(&sql)?
        .query_row([i64::MIN, 0, before(which)], |row| unsigned(row.get(0)?))
}

fn oldest(
    conn: &Connection,
    which: &Expendable,
    limit: usize,
    after: Option<Place>,
) -> rusqlite::Result<Vec<Place>> {
    let (time, event) = after.map_or((i64::MIN, 0), |place| (place.by, signed(place.id)));
    let sql = format!(
        "SELECT p.time, p.event {} ORDER BY p.time, p.event LIMIT ?4",
        expendable(which)
    );
    conn.prepare_cached(&sql)?
        .query_map(params![time, event, before(which), bounded(limit)], |row| {
            Ok(Place {
                by: row.get(0)?,
                id: unsigned(row.get(1)?)?,
            })
        })?
        .collect()
}

fn before(which: &Expendable) -> i64 {
    which.before.map_or(i64::MAX, Timestamp::as_nanos)
}

/// An issue keeps its newest event: by it the issue is shown.
fn expendable(which: &Expendable) -> String {
    let kinds: Vec<String> = which
        .kinds
        .iter()
        .map(|(level, status)| format!("({}, {})", *level as u8, *status as u8))
        .collect();
    let of_kind = match kinds.is_empty() {
        true => String::new(),
        false => format!("AND (e.level, i.status) IN (VALUES {})", kinds.join(", ")),
    };
    format!(
        "FROM derived_placement p
         CROSS JOIN event e ON e.ingest_sequence = p.event
         CROSS JOIN derived_issue i ON i.number = p.issue
         WHERE p.time >= ?1 AND (p.time, p.event) > (?1, ?2) AND p.time < ?3
             AND e.event_id <> i.last_event {of_kind}"
    )
}

/// Items of that time and later stay, since events of it do.
fn horizon(which: &Expendable, retired: &Retired) -> Option<Timestamp> {
    let reached = retired.next.map(|place| Timestamp::from_nanos(place.by));
    reached.or(which.before).filter(|_| which.kinds.is_empty())
}

/// Attachments whose event never came leave with the events of their time.
fn drop_strays(conn: &Connection, which: &Expendable) -> rusqlite::Result<u64> {
    let Some(before) = which.before.filter(|_| which.kinds.is_empty()) else {
        return Ok(0);
    };
    let dropped = conn.execute(
        "DELETE FROM attachment WHERE added_at < ?1
             AND NOT EXISTS (SELECT 1 FROM event e WHERE e.event_id = attachment.event_id)",
        [before.as_nanos()],
    )?;
    Ok(dropped as u64)
}
