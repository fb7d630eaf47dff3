//! Everything that only reads, as rows → plain data.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::super::{
    Condition, IssueFilter, IssueOrder, IssueSort, IssueTest, Pattern, Place, STATUSES, StoreStats,
    StoredEvent, Tally, ValueCount,
};
use super::Failed;
use super::derive::HOUR;
use super::ground;
use super::issue_sql::{self, Sql};
use super::names::{find_key, find_value};
use super::open::SCHEMA_VERSION;
use super::payload::{Decoder, PackedRow};
use super::side::Side;
use crate::error::Result;
use crate::event::{EventId, Level};
use crate::issue::{
    Activity, ActivityId, Comparison, Deed, HybridTime, Issue, IssueId, IssueState, Join, Status,
    VariantKey,
};
use crate::time::Timestamp;

/// Issues named in a conflict.
const CANDIDATES_MAX: usize = 10;

const ISSUE: &str = "SELECT i.number, n.issue, p.name, i.status, i.level, i.title, i.culprit,
        i.platform, i.first_seen, i.last_seen, i.seen_count, i.last_event, i.user_count, i.state
    FROM derived_issue i
    CROSS JOIN issue_number n ON n.number = i.number
    CROSS JOIN project p ON p.id = i.project";

/// The title that is shown.
const TITLE: &str = "coalesce(i.own_title, i.title)";

pub(super) fn issues(conn: &Connection, filter: &IssueFilter) -> rusqlite::Result<Vec<Issue>> {
    let (sql, values) = issues_query(filter);
    conn.prepare_cached(&sql)?
        .query_map(params_from_iter(values), issue_row)?
        .collect()
}

pub(super) fn issues_query(filter: &IssueFilter) -> (String, Vec<Value>) {
    issues_sql(filter.sort.into(), None, &filtered(filter), filter.limit)
}

fn filtered(filter: &IssueFilter) -> Sql {
    let project = filter
        .project
        .clone()
        .map(|name| IssueTest::Project(Pattern::Exact(name)));
    let status = filter.status.map(IssueTest::Status);
    let tests = project.into_iter().chain(status).map(Condition::Issue);
    issue_sql::of(&Condition::All(tests.collect()))
}

/// How many issues pass a filter.
pub(super) fn issue_count(conn: &Connection, filter: &IssueFilter) -> rusqlite::Result<u64> {
    let filter = filtered(filter);
    let sql = format!("SELECT count(*) FROM derived_issue i WHERE {}", filter.text);
    conn.prepare_cached(&sql)?
        .query_row(params_from_iter(filter.values), |row| unsigned(row.get(0)?))
}

/// A list of the issues that pass a filter, behind a place in its order.
pub(super) fn issues_sql(
    order: IssueOrder,
    after: Option<Place>,
    filter: &Sql,
    limit: usize,
) -> (String, Vec<Value>) {
    let column = match order.sort {
        IssueSort::LastSeen => "i.last_seen",
        IssueSort::FirstSeen => "i.first_seen",
        IssueSort::SeenCount => "i.seen_count",
        IssueSort::UserCount => "i.user_count",
        IssueSort::Number => "i.number",
        IssueSort::Status => "i.status",
        IssueSort::Title => TITLE,
    };
    let (behind, way) = match order.is_ascending() {
        true => (">", "ASC"),
        false => ("<", "DESC"),
    };
    let mut sql = format!("{ISSUE} WHERE {}", filter.text);
    let mut values = filter.values.clone();
    if let Some(place) = after.map(|place| order.turned(place)) {
        if order.sort == IssueSort::Title {
            sql.push_str(&format!(
                " AND ({TITLE}, i.number) {behind}
                 (SELECT {TITLE}, i.number FROM derived_issue i WHERE i.number = ?)"
            ));
        } else {
            sql.push_str(&format!(" AND ({column}, i.number) {behind} (?, ?)"));
            values.push(place.by.into());
        }
        values.push(signed(place.id).into());
    }
    sql.push_str(&match order.sort {
        IssueSort::Number => format!(" ORDER BY i.number {way} LIMIT ?"),
        _ => format!(" ORDER BY {column} {way}, i.number {way} LIMIT ?"),
    });
    values.push(bounded(limit).into());
    (sql, values)
}

pub(super) fn issue_by_number(conn: &Connection, number: u64) -> rusqlite::Result<Option<Issue>> {
    let Ok(number) = i64::try_from(number) else {
        return Ok(None);
    };
    let number = super::homes::root(conn, number)?;
    conn.prepare_cached(&format!("{ISSUE} WHERE i.number = ?1"))?
        .query_row([number], issue_row)
        .optional()
}

pub(super) fn issue_by_id(conn: &Connection, id: &IssueId) -> rusqlite::Result<Option<Issue>> {
    match number(conn, id)? {
        Some(number) => issue_by_number(conn, unsigned(number)?),
        None => Ok(None),
    }
}

/// The number of an issue, also of one that has no events any more.
pub(super) fn number(conn: &Connection, id: &IssueId) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT number FROM issue_number WHERE issue = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()
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
        "SELECT n.number, n.issue FROM issue_number n LEFT JOIN derived_alias a ON a.issue = n.number
         JOIN derived_issue i ON i.number = coalesce(a.target, n.number)
         WHERE n.issue BETWEEN ?1 AND ?2 ORDER BY n.issue LIMIT ?3",
    )?
    .query_map(
        params![low.as_bytes(), high.as_bytes(), bounded(CANDIDATES_MAX)],
        |row| Ok((unsigned(row.get(0)?)?, IssueId::from_bytes(row.get(1)?))),
    )?
    .collect()
}

pub(super) fn issue_row(row: &Row<'_>) -> rusqlite::Result<Issue> {
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
    issue.user_count = unsigned(row.get(12)?)?;
    issue.state = state(row.get_ref(13)?.as_str()?)?;
    if let Some(title) = &issue.state.title {
        issue.title.clone_from(title);
    }
    Ok(issue)
}

pub(super) fn status(number: i64) -> rusqlite::Result<Status> {
    [Status::Open, Status::Resolved, Status::Ignored]
        .into_iter()
        .find(|status| i64::from(*status as u8) == number)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(3, number))
}

fn level(number: i64) -> rusqlite::Result<Level> {
    let level = u8::try_from(number).ok().and_then(Level::from_number);
    level.ok_or(rusqlite::Error::IntegralValueOutOfRange(4, number))
}

fn state(json: &str) -> rusqlite::Result<IssueState> {
    if json.is_empty() {
        return Ok(IssueState::default());
    }
    let value = serde_json::from_str(json).map_err(|source| unreadable(13, source))?;
    IssueState::from_value(&value).map_err(|source| unreadable(13, source))
}

fn unreadable(
    column: usize,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, source.into())
}

/// A number as SQLite keeps it; what is larger than that is never reached.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A stored count or number; a negative one is damage.
pub(super) fn unsigned(value: i64) -> rusqlite::Result<u64> {
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, value))
}

pub(super) fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// An event's row with its payload still packed.
pub(super) struct RawEvent {
    pub(super) event_id: EventId,
    pub(super) ingest_sequence: u64,
    issue: IssueId,
    issue_number: u64,
    variant: VariantKey,
    received_at: Timestamp,
    process: [u8; 16],
    sequence: u64,
    codec: i64,
    data: Vec<u8>,
    stacks: Vec<u8>,
}

impl RawEvent {
    pub(super) fn decode(self, conn: &Connection, decoder: &Decoder) -> Result<StoredEvent> {
        let packed = PackedRow {
            codec: self.codec,
            data: &self.data,
            stacks: &self.stacks,
        };
        Ok(StoredEvent {
            event: decoder.event(conn, &packed)?,
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

/// A damaged event has no place (`rebuild.rs`); its variant's issue stands for it.
const EVENT: &str = "SELECT e.event_id, e.ingest_sequence, n.issue, n.number, j.variant,
        e.received_at, e.process, e.sequence, y.codec, y.data, y.stacks
    FROM event e
    JOIN event_payload y ON y.event = e.ingest_sequence
    JOIN variant_join j ON j.id = e.variant
    LEFT JOIN derived_placement p ON p.event = e.ingest_sequence
    JOIN issue_number n ON n.number = coalesce(p.issue, j.issue)";

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
             SELECT p.event FROM derived_placement p JOIN event e ON e.ingest_sequence = p.event
             WHERE p.issue = (SELECT number FROM issue_number WHERE issue = ?1)
             {NEWEST_FIRST} LIMIT ?2
         ) {NEWEST_FIRST}"
    );
    conn.prepare_cached(&sql)?
        .query_map(params![issue.as_bytes(), bounded(limit)], event_row)?
        .collect()
}

/// The events that came later, in the order they came.
pub(super) fn events_behind(
    conn: &Connection,
    ingest_sequence: u64,
    limit: usize,
) -> rusqlite::Result<Vec<RawEvent>> {
    conn.prepare_cached(&format!(
        "{EVENT} WHERE e.ingest_sequence > ?1 ORDER BY e.ingest_sequence LIMIT ?2"
    ))?
    .query_map(params![signed(ingest_sequence), bounded(limit)], event_row)?
    .collect()
}

pub(super) fn last_ingest_sequence(conn: &Connection) -> rusqlite::Result<u64> {
    conn.query_row(
        "SELECT coalesce(max(ingest_sequence), 0) FROM event",
        [],
        |row| unsigned(row.get(0)?),
    )
}

pub(super) fn event_count_behind(conn: &Connection, ingest_sequence: u64) -> rusqlite::Result<u64> {
    conn.query_row(
        "SELECT count(*) FROM event WHERE ingest_sequence > ?1",
        [signed(ingest_sequence)],
        |row| unsigned(row.get(0)?),
    )
}

/// SQLite itself remembers it, so that none is given twice.
pub(super) fn last_given_sequence(conn: &Connection) -> rusqlite::Result<u64> {
    conn.query_row(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'event'",
        [],
        |row| unsigned(row.get(0)?),
    )
}

pub(super) fn event(conn: &Connection, id: EventId) -> rusqlite::Result<Option<RawEvent>> {
    conn.prepare_cached(&format!("{EVENT} WHERE e.event_id = ?1"))?
        .query_row([id.as_bytes()], event_row)
        .optional()
}

pub(super) fn event_by_sequence(conn: &Connection, sequence: i64) -> rusqlite::Result<RawEvent> {
    conn.prepare_cached(&format!("{EVENT} WHERE e.ingest_sequence = ?1"))?
        .query_row([sequence], event_row)
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
        stacks: row.get(10)?,
    })
}

/// The joins of the variants that belong to an issue now, in the order in which they were recorded.
pub(super) fn joins(conn: &Connection, issue: &IssueId) -> rusqlite::Result<Vec<Join>> {
    let Some(number) = number(conn, issue)? else {
        return Ok(Vec::new());
    };
    let mut find = conn.prepare_cached(
        "SELECT j.variant, p.name, j.joined_at, j.reason, j.parts, j.algorithm, c.comparison, n.issue
         FROM variant_join j JOIN project p ON p.id = j.project
         JOIN issue_number n ON n.number = j.issue
         LEFT JOIN variant_comparison c ON c.variant = j.id
         WHERE j.id = ?1",
    )?;
    let variants = ground::at_home(conn, number)?;
    let joins = variants.iter().rev().map(|variant| {
        find.query_row([variant], |row| {
            join_row(row, IssueId::from_bytes(row.get(7)?))
        })
    });
    joins.collect()
}

/// The joins of the variants that first came to an issue, wherever they are now.
pub(super) fn joins_first(conn: &Connection, issue: &IssueId) -> rusqlite::Result<Vec<Join>> {
    conn.prepare_cached(
        "SELECT j.variant, p.name, j.joined_at, j.reason, j.parts, j.algorithm, c.comparison
         FROM variant_join j JOIN project p ON p.id = j.project
         LEFT JOIN variant_comparison c ON c.variant = j.id
         WHERE j.issue = (SELECT number FROM issue_number WHERE issue = ?1) ORDER BY j.id",
    )?
    .query_map([issue.as_bytes()], |row| join_row(row, *issue))?
    .collect()
}

/// The join of an event's variant.
pub(super) fn join_of(conn: &Connection, event: EventId) -> Result<Option<Join>, Failed> {
    let found_since = super::adopt::variant_of(conn, event)?;
    Ok(conn.prepare_cached(
        "SELECT j.variant, p.name, j.joined_at, j.reason, j.parts, j.algorithm, c.comparison, n.issue
         FROM event e JOIN variant_join j ON j.id = coalesce(?2, e.variant)
         JOIN project p ON p.id = j.project
         JOIN issue_number n ON n.number = j.issue
         LEFT JOIN variant_comparison c ON c.variant = j.id
         WHERE e.event_id = ?1",
    )?
    .query_row(params![event.as_bytes(), found_since], |row| {
        join_row(row, IssueId::from_bytes(row.get(7)?))
    })
    .optional()?)
}

/// The issues that are part of this one, by number.
pub(super) fn merged(conn: &Connection, issue: &IssueId) -> Result<Vec<(u64, IssueId)>, Failed> {
    let mut found = Vec::new();
    if let Some(number) = number(conn, issue)? {
        for merged in super::homes::merged(conn, number)? {
            found.push((unsigned(merged)?, issue_id(conn, merged)?));
        }
    }
    Ok(found)
}

/// The numbers of those of these issues that have one.
pub(super) fn issue_numbers(
    conn: &Connection,
    issues: &[IssueId],
) -> rusqlite::Result<BTreeMap<IssueId, u64>> {
    let mut numbers = BTreeMap::new();
    for issue in issues {
        if let Some(number) = number(conn, issue)? {
            numbers.insert(*issue, unsigned(number)?);
        }
    }
    Ok(numbers)
}

/// Variant, project, time, reason, parts, algorithm, comparison.
pub(super) fn join_row(row: &Row<'_>, issue: IssueId) -> rusqlite::Result<Join> {
    let variant = VariantKey::from_bytes(row.get(0)?);
    let project: String = row.get(1)?;
    let mut join = Join::new(variant, issue, project, Timestamp::from_nanos(row.get(2)?));
    join.reason = row.get(3)?;
    join.parts = parts(&row.get::<_, String>(4)?)?;
    join.algorithm = row.get(5)?;
    let comparison: Option<String> = row.get(6)?;
    // One that is damaged is told by `check`, and keeps nothing else from being read.
    let comparison = comparison.and_then(|text| serde_json::from_str(&text).ok());
    let comparison = comparison.and_then(|value| Comparison::from_value(&value).ok());
    join.comparison = comparison.map(Box::new);
    Ok(join)
}

/// What was decided about an issue, in the order of the clock.
pub(super) fn activities(conn: &Connection, issue: i64) -> Result<Vec<Activity>, Failed> {
    let mut find = conn.prepare_cached(&format!(
        "{ACTIVITY} WHERE a.issue = ?1 ORDER BY a.wall, a.tick, a.id"
    ))?;
    let mut rows = find.query([issue])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(activity_row(row)?);
    }
    Ok(found)
}

pub(super) fn activity(conn: &Connection, id: &ActivityId) -> Result<Option<Activity>, Failed> {
    let mut find = conn.prepare_cached(&format!("{ACTIVITY} WHERE a.id = ?1"))?;
    let mut rows = find.query([id.as_bytes()])?;
    rows.next()?.map(activity_row).transpose()
}

pub(super) const ACTIVITY: &str =
    "SELECT a.id, a.vault, a.author, a.wall, a.tick, a.decided_at, n.issue, a.deed
    FROM activity a JOIN issue_number n ON n.number = a.issue";

pub(super) fn activity_row(row: &Row<'_>) -> Result<Activity, Failed> {
    let deed = serde_json::from_str(row.get_ref(7)?.as_str().map_err(rusqlite::Error::from)?);
    let deed = deed.map_err(|source| unreadable(7, source))?;
    Ok(Activity {
        id: ActivityId::from_bytes(row.get(0)?),
        vault: row.get(1)?,
        author: row.get(2)?,
        time: HybridTime {
            wall: Timestamp::from_nanos(row.get(3)?),
            tick: row.get(4)?,
        },
        decided_at: Timestamp::from_nanos(row.get(5)?),
        issue: IssueId::from_bytes(row.get(6)?),
        deed: Deed::from_value(&deed)?,
    })
}

pub(super) fn issue_id(conn: &Connection, number: i64) -> rusqlite::Result<IssueId> {
    conn.prepare_cached("SELECT issue FROM issue_number WHERE number = ?1")?
        .query_row([number], |row| row.get(0).map(IssueId::from_bytes))
}

pub(super) fn hours(conn: &Connection, issue: &IssueId) -> rusqlite::Result<Vec<(Timestamp, u64)>> {
    conn.prepare_cached(
        "SELECT hour, count FROM derived_hour
         WHERE issue = (SELECT number FROM issue_number WHERE issue = ?1) ORDER BY hour",
    )?
    .query_map([issue.as_bytes()], hour_row)?
    .collect()
}

pub(super) fn tally(conn: &Connection, since: Timestamp) -> rusqlite::Result<Tally> {
    let mut tally = Tally::default();
    for status in STATUSES {
        let count = conn
            .prepare_cached("SELECT count(*) FROM derived_issue WHERE status = ?1")?
            .query_row([status as u8], |row| unsigned(row.get(0)?))?;
        tally.issues.push((status, count));
    }
    tally.events = of_levels(conn)?;
    tally.hours = of_hours(conn, since)?;
    Ok(tally)
}

/// The events of each level, from the counts that each issue keeps.
fn of_levels(conn: &Connection) -> rusqlite::Result<Vec<(Level, u64)>> {
    let mut counts = Level::ALL.map(|level| (level, 0));
    let mut values = [None; Level::ALL.len()];
    if let Some(key) = find_key(conn, Side::Live, false, "level")? {
        for (value, level) in values.iter_mut().zip(Level::ALL) {
            *value = find_value(conn, Side::Live, key, level.name())?;
        }
    }
    // A seek for each issue and level: the table has hundreds of other values of each issue.
    let mut count = conn
        .prepare_cached("SELECT count FROM derived_issue_value WHERE issue = ?1 AND value = ?2")?;
    let mut issues = conn.prepare_cached("SELECT number, level, seen_count FROM derived_issue")?;
    let mut rows = issues.query([])?;
    while let Some(row) = rows.next()? {
        let (issue, worst): (i64, u8) = (row.get(0)?, row.get(1)?);
        let mut left = unsigned(row.get(2)?)?;
        // First its worst level: most issues have no other.
        for step in 0..counts.len() {
            let place = (usize::from(worst) + step) % counts.len();
            let Some(value) = values[place].filter(|_| left > 0) else {
                continue;
            };
            let found = count
                .query_row([issue, value], |row| unsigned(row.get(0)?))
                .optional()?
                .unwrap_or_default();
            counts[place].1 += found;
            left = left.saturating_sub(found);
        }
    }
    Ok(counts.to_vec())
}

fn of_hours(conn: &Connection, since: Timestamp) -> rusqlite::Result<Vec<(Timestamp, u64)>> {
    let first = since.as_nanos().div_euclid(HOUR);
    // From the issues that were seen since: the others have hours too. Summed here, because SQLite sorts the rows first.
    let mut find = conn.prepare_cached(
        "SELECT h.hour, h.count FROM derived_issue i
         CROSS JOIN derived_hour h ON h.issue = i.number AND h.hour >= ?1
         WHERE i.last_seen >= ?2",
    )?;
    let mut rows = find.query([first, first.saturating_mul(HOUR)])?;
    let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        *hours.entry(row.get(0)?).or_default() += unsigned(row.get(1)?)?;
    }
    let hours = hours
        .into_iter()
        .map(|(hour, count)| (start_of(hour), count));
    Ok(hours.collect())
}

fn hour_row(row: &Row<'_>) -> rusqlite::Result<(Timestamp, u64)> {
    Ok((start_of(row.get(0)?), unsigned(row.get(1)?)?))
}

fn start_of(hour: i64) -> Timestamp {
    Timestamp::from_nanos(hour.saturating_mul(HOUR))
}

/// Values of an issue whose texts are read, and as many users: the most frequent. Some have another one in each event
/// (ids of requests), and reading the texts of 300,000 takes seconds.
const VALUES_READ_MAX: i64 = 4096;

pub(super) fn values(
    conn: &Connection,
    issue: &IssueId,
    limit: usize,
) -> rusqlite::Result<Vec<ValueCount>> {
    conn.prepare_cached(
        "SELECT name, is_tag, text, count FROM (
             SELECT k.name, k.is_tag, v.text, c.count,
                 row_number() OVER (PARTITION BY k.id ORDER BY c.count DESC, v.text) AS place
             FROM (SELECT * FROM (SELECT value, count FROM derived_issue_value
                     WHERE issue = (SELECT number FROM issue_number WHERE issue = ?1)
                     ORDER BY count DESC, value LIMIT ?3)
                 UNION ALL SELECT * FROM (SELECT value, count FROM derived_issue_user
                     WHERE issue = (SELECT number FROM issue_number WHERE issue = ?1)
                     ORDER BY count DESC, value LIMIT ?3)) c
             CROSS JOIN derived_value v ON v.id = c.value
             CROSS JOIN derived_key k ON k.id = v.key)
         WHERE place <= ?2 ORDER BY is_tag, name, place",
    )?
    .query_map(
        params![issue.as_bytes(), bounded(limit), VALUES_READ_MAX],
        |row| {
            Ok(ValueCount {
                key: row.get(0)?,
                is_tag: row.get(1)?,
                value: row.get(2)?,
                count: unsigned(row.get(3)?)?,
            })
        },
    )?
    .collect()
}

pub(super) fn parts(json: &str) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(json).map_err(|source| unreadable(4, source))
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
        "SELECT events, payload_bytes, json_bytes, (SELECT count(*) FROM derived_issue),
             (SELECT count(*) FROM project)
         FROM derived_total",
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
