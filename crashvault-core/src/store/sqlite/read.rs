//! Everything that only reads, as rows → plain data.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::super::{IssueFilter, IssueSort, StoreStats, StoredEvent};
use super::open::SCHEMA_VERSION;
use super::payload::Decoder;
use crate::error::Result;
use crate::event::{Event, EventId, Level};
use crate::issue::{Issue, IssueId, Join, Status, VariantKey};
use crate::time::Timestamp;

/// Issues named in a conflict.
const CANDIDATES_MAX: usize = 10;

const ISSUE: &str = "SELECT i.number, n.issue, p.name, i.status, i.level, i.title, i.culprit,
        i.platform, i.first_seen, i.last_seen, i.seen_count, i.last_event
    FROM issue i
    CROSS JOIN issue_number n ON n.number = i.number
    CROSS JOIN project p ON p.id = i.project";

pub(super) fn issues(conn: &Connection, filter: &IssueFilter) -> rusqlite::Result<Vec<Issue>> {
    let (sql, values) = issues_query(filter);
    conn.prepare_cached(&sql)?
        .query_map(params_from_iter(values), issue_row)?
        .collect()
}

pub(super) fn issues_query(filter: &IssueFilter) -> (String, Vec<Value>) {
    let mut sql = format!("{ISSUE} WHERE 1");
    let mut values: Vec<Value> = Vec::new();
    if let Some(project) = &filter.project {
        sql.push_str(" AND i.project = (SELECT id FROM project WHERE name = ?)");
        values.push(project.clone().into());
    }
    if let Some(status) = filter.status {
        sql.push_str(" AND i.status = ?");
        values.push(i64::from(status as u8).into());
    }
    sql.push_str(match filter.sort {
        IssueSort::LastSeen => " ORDER BY i.last_seen DESC, i.number DESC",
        IssueSort::FirstSeen => " ORDER BY i.first_seen DESC, i.number DESC",
        IssueSort::SeenCount => " ORDER BY i.seen_count DESC, i.number DESC",
        IssueSort::Number => " ORDER BY i.number DESC",
    });
    sql.push_str(" LIMIT ?");
    values.push(bounded(filter.limit).into());
    (sql, values)
}

pub(super) fn issue_by_number(conn: &Connection, number: u64) -> rusqlite::Result<Option<Issue>> {
    let Ok(number) = i64::try_from(number) else {
        return Ok(None);
    };
    conn.prepare_cached(&format!("{ISSUE} WHERE i.number = ?1"))?
        .query_row([number], issue_row)
        .optional()
}

pub(super) fn issue_by_id(conn: &Connection, id: &IssueId) -> rusqlite::Result<Option<Issue>> {
    let number: Option<i64> = conn
        .prepare_cached("SELECT number FROM issue_number WHERE issue = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    match number {
        Some(number) => issue_by_number(conn, unsigned(number)?),
        None => Ok(None),
    }
}

/// The issues whose id begins with these hex digits.
pub(super) fn issue_ids(conn: &Connection, prefix: &str) -> rusqlite::Result<Vec<(u64, IssueId)>> {
    let range = (
        format!("{prefix:0<32}").parse::<IssueId>(),
        format!("{prefix:f<32}").parse::<IssueId>(),
    );
    let (Ok(low), Ok(high)) = range else {
        return Ok(Vec::new());
    };
    conn.prepare_cached(
        "SELECT n.number, n.issue FROM issue_number n JOIN issue i ON i.number = n.number
         WHERE n.issue BETWEEN ?1 AND ?2 ORDER BY n.issue LIMIT ?3",
    )?
    .query_map(
        params![low.as_bytes(), high.as_bytes(), bounded(CANDIDATES_MAX)],
        |row| Ok((unsigned(row.get(0)?)?, IssueId::from_bytes(row.get(1)?))),
    )?
    .collect()
}

fn issue_row(row: &Row<'_>) -> rusqlite::Result<Issue> {
    let id = IssueId::from_bytes(row.get(1)?);
    let last_event = EventId::from_bytes(row.get(11)?);
    let last_seen = Timestamp::from_nanos(row.get(9)?);
    let project: String = row.get(2)?;
    let mut issue = Issue::new(id, unsigned(row.get(0)?)?, project, last_event, last_seen);
    issue.status = status(row.get(3)?)?;
    issue.level = level(row.get(4)?)?;
    issue.title = row.get(5)?;
    issue.culprit = row.get(6)?;
    issue.platform = row.get(7)?;
    issue.first_seen = Timestamp::from_nanos(row.get(8)?);
    issue.seen_count = unsigned(row.get(10)?)?;
    Ok(issue)
}

fn status(number: i64) -> rusqlite::Result<Status> {
    [Status::Open, Status::Resolved, Status::Ignored]
        .into_iter()
        .find(|status| i64::from(*status as u8) == number)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(3, number))
}

fn level(number: i64) -> rusqlite::Result<Level> {
    let level = u8::try_from(number).ok().and_then(Level::from_number);
    level.ok_or(rusqlite::Error::IntegralValueOutOfRange(4, number))
}

/// A stored count or number; a negative one is damage.
pub(super) fn unsigned(value: i64) -> rusqlite::Result<u64> {
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, value))
}

fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// An event's row with its payload still packed.
pub(super) struct RawEvent {
    pub(super) event_id: EventId,
    ingest_sequence: u64,
    issue: IssueId,
    issue_number: u64,
    variant: VariantKey,
    received_at: Timestamp,
    process: [u8; 16],
    sequence: u64,
    codec: i64,
    data: Vec<u8>,
}

impl RawEvent {
    pub(super) fn decode(self, decoder: &mut Decoder) -> Result<StoredEvent> {
        let json = decoder.decode(self.codec, &self.data)?;
        Ok(StoredEvent {
            event: Event::from_json(&json)?,
            issue: self.issue,
            issue_number: self.issue_number,
            variant: self.variant,
            ingest_sequence: self.ingest_sequence,
            received_at: self.received_at,
            process: self.process,
            sequence: self.sequence,
        })
    }
}

const EVENT: &str = "SELECT e.event_id, e.ingest_sequence, n.issue, n.number, j.variant,
        e.received_at, e.process, e.sequence, y.codec, y.data
    FROM event e
    JOIN event_payload y ON y.event = e.ingest_sequence
    JOIN placement p ON p.event = e.ingest_sequence
    JOIN issue_number n ON n.number = p.issue
    JOIN variant_join j ON j.id = e.variant";

/// The order of an issue's events. The index gives the time; only equal times are sorted.
const NEWEST_FIRST: &str = "ORDER BY p.time DESC, e.process DESC, e.sequence DESC, e.event_id DESC";

pub(super) fn events(
    conn: &Connection,
    issue: &IssueId,
    limit: usize,
) -> rusqlite::Result<Vec<RawEvent>> {
    // Chosen first by rows without payloads: sorting must not carry them.
    let sql = format!(
        "{EVENT} WHERE e.ingest_sequence IN (
             SELECT p.event FROM placement p JOIN event e ON e.ingest_sequence = p.event
             WHERE p.issue = (SELECT number FROM issue_number WHERE issue = ?1)
             {NEWEST_FIRST} LIMIT ?2
         ) {NEWEST_FIRST}"
    );
    conn.prepare_cached(&sql)?
        .query_map(params![issue.as_bytes(), bounded(limit)], event_row)?
        .collect()
}

pub(super) fn event(conn: &Connection, id: EventId) -> rusqlite::Result<Option<RawEvent>> {
    conn.prepare_cached(&format!("{EVENT} WHERE e.event_id = ?1"))?
        .query_row([id.as_bytes()], event_row)
        .optional()
}

fn event_row(row: &Row<'_>) -> rusqlite::Result<RawEvent> {
    Ok(RawEvent {
        event_id: EventId::from_bytes(row.get(0)?),
        ingest_sequence: unsigned(row.get(1)?)?,
        issue: IssueId::from_bytes(row.get(2)?),
        issue_number: unsigned(row.get(3)?)?,
        variant: VariantKey::from_bytes(row.get(4)?),
        received_at: Timestamp::from_nanos(row.get(5)?),
        process: row.get(6)?,
        sequence: unsigned(row.get(7)?)?,
        codec: row.get(8)?,
        data: row.get(9)?,
    })
}

pub(super) fn joins(conn: &Connection, issue: &IssueId) -> rusqlite::Result<Vec<Join>> {
    conn.prepare_cached(
        "SELECT j.variant, p.name, j.joined_at, j.reason, j.parts, j.algorithm
         FROM variant_join j JOIN project p ON p.id = j.project
         WHERE j.issue = (SELECT number FROM issue_number WHERE issue = ?1) ORDER BY j.id",
    )?
    .query_map([issue.as_bytes()], |row| {
        let variant = VariantKey::from_bytes(row.get(0)?);
        let project: String = row.get(1)?;
        let mut join = Join::new(variant, *issue, project, Timestamp::from_nanos(row.get(2)?));
        join.reason = row.get(3)?;
        join.parts = parts(&row.get::<_, String>(4)?)?;
        join.algorithm = row.get(5)?;
        Ok(join)
    })?
    .collect()
}

fn parts(json: &str) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(json).map_err(|source| {
        rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, source.into())
    })
}

/// A table of names and numbers.
pub(super) fn numbers(conn: &Connection, sql: &str) -> rusqlite::Result<BTreeMap<String, u64>> {
    conn.prepare_cached(sql)?
        .query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?)?)))?
        .collect()
}

/// All but the bytes on disk, which the file system knows.
pub(super) fn stats(conn: &Connection) -> rusqlite::Result<StoreStats> {
    let free_pages: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let page_bytes: i64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    conn.prepare_cached(
        "SELECT events, payload_bytes, json_bytes, (SELECT count(*) FROM issue),
             (SELECT count(*) FROM project)
         FROM total",
    )?
    .query_row([], |row| {
        Ok(StoreStats {
            events: unsigned(row.get(0)?)?,
            issues: unsigned(row.get(3)?)?,
            projects: unsigned(row.get(4)?)?,
            disk_bytes: 0,
            free_bytes: unsigned(free_pages * page_bytes)?,
            payload_bytes: unsigned(row.get(1)?)?,
            json_bytes: unsigned(row.get(2)?)?,
            schema_version: SCHEMA_VERSION,
        })
    })
}
