//! The records of several issues, or of all, each kind for itself.

use rusqlite::Connection;

use super::super::Record;
use super::Failed;
use super::archive::{
    Others, Put, activities_of_merged, placed, put_joins, put_residue, put_stored, range,
};
use super::open::read_once;
use super::payload::Decoder;
use super::read::{self, signed, unsigned};
use crate::error::{Error, ErrorKind};
use crate::event::EventId;
use crate::issue::IssueId;
use crate::time::Timestamp;

/// Hands them out; how many events cannot be read.
pub(super) fn records(
    conn: &Connection,
    decoder: &Decoder,
    issues: Option<&[u64]>,
    put: Put<'_>,
) -> Result<u64, Failed> {
    read_once(conn, || {
        // One moment, however long it takes to write it down.
        let transaction = conn.unchecked_transaction()?;
        match issues {
            Some(numbers) => some(&transaction, decoder, numbers, put),
            None => all(&transaction, decoder, put),
        }
    })
}

fn all(conn: &Connection, decoder: &Decoder, put: Put<'_>) -> Result<u64, Failed> {
    put_issues(conn, None, put)?;
    let mut joins = conn.prepare(
        "SELECT j.variant, p.name, j.joined_at, j.reason, j.parts, j.algorithm, c.comparison, n.issue,
             n.number
         FROM variant_join j JOIN project p ON p.id = j.project
         JOIN issue_number n ON n.number = j.issue
         LEFT JOIN variant_comparison c ON c.variant = j.id ORDER BY j.id",
    )?;
    let joins = joins.query_map([], |row| {
        let join = read::join_row(row, IssueId::from_bytes(row.get(7)?))?;
        Ok((unsigned(row.get(8)?)?, join))
    })?;
    for join in joins {
        let (number, join) = join?;
        put(Record::Join { number, join })?;
    }
    let mut activities = conn.prepare(&format!("{} ORDER BY a.sequence", read::ACTIVITY))?;
    let mut rows = activities.query([])?;
    while let Some(row) = rows.next()? {
        put(Record::Activity(read::activity_row(row)?))?;
    }
    let mut unreadable = 0;
    let mut events = conn.prepare("SELECT ingest_sequence FROM event ORDER BY ingest_sequence")?;
    for sequence in events.query_map([], |row| row.get(0))? {
        unreadable += put_event(conn, decoder, sequence?, put)?;
    }
    put_residue(conn, None, put)?;
    put_tombstones(conn, put)?;
    Ok(unreadable)
}

fn some(
    conn: &Connection,
    decoder: &Decoder,
    numbers: &[u64],
    put: Put<'_>,
) -> Result<u64, Failed> {
    let others = numbers.iter().map(|number| Others::of(conn, *number));
    let others: Vec<Others> = others.collect::<Result<_, _>>()?;
    for (number, others) in numbers.iter().zip(&others) {
        others.put_issues(conn, put)?;
        put_issues(conn, Some(*number), put)?;
    }
    for (number, others) in numbers.iter().zip(&others) {
        put_joins(conn, *number, others, put)?;
    }
    for (number, others) in numbers.iter().zip(others) {
        let own = read::activities(conn, signed(*number))?;
        let merged = activities_of_merged(conn, *number)?;
        for activity in own.into_iter().chain(merged).chain(others.activities) {
            put(Record::Activity(activity))?;
        }
    }
    let mut unreadable = 0;
    for number in numbers {
        for sequence in placed(conn, *number)? {
            unreadable += put_event(conn, decoder, signed(sequence), put)?;
        }
    }
    for number in numbers {
        put_residue(conn, Some(*number), put)?;
    }
    Ok(unreadable)
}

fn put_issues(conn: &Connection, number: Option<u64>, put: Put<'_>) -> Result<(), Failed> {
    let mut find = conn.prepare_cached(
        "SELECT n.number, n.issue, p.name FROM issue_number n JOIN project p ON p.id = n.project
         WHERE n.number BETWEEN ?1 AND ?2 ORDER BY n.number",
    )?;
    let issues = find.query_map(range(number), |row| {
        Ok(Record::Issue {
            number: unsigned(row.get(0)?)?,
            id: IssueId::from_bytes(row.get(1)?),
            project: row.get(2)?,
        })
    })?;
    for issue in issues {
        put(issue?)?;
    }
    Ok(())
}

/// 1 if it cannot be read: a damaged event must not keep the others from leaving.
fn put_event(
    conn: &Connection,
    decoder: &Decoder,
    sequence: i64,
    put: Put<'_>,
) -> Result<u64, Failed> {
    let mut refusal = None;
    let done = put_stored(conn, decoder, sequence, &mut |record| {
        put(record).map_err(|error| {
            refusal = Some(error);
            Error::new(ErrorKind::Io, "export", "what reads this has stopped")
        })
    });
    match (done, refusal) {
        (_, Some(error)) => Err(error.into()),
        (Err(Failed::Own(error)), None) if error.kind() == ErrorKind::Corrupt => Ok(1),
        (done, None) => done.map(|()| 0),
    }
}

fn put_tombstones(conn: &Connection, put: Put<'_>) -> Result<(), Failed> {
    let mut find = conn.prepare("SELECT event_id, removed_at FROM tombstone ORDER BY event_id")?;
    let removed = find.query_map([], |row| {
        Ok(Record::Tombstone {
            event: EventId::from_bytes(row.get(0)?),
            removed_at: Timestamp::from_nanos(row.get(1)?),
        })
    })?;
    for removed in removed {
        put(removed?)?;
    }
    Ok(())
}
