//! What people decided about issues, and what events do to issues that are resolved or ignored.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{Committed, Packed, id_of_reaction};
use super::Failed;
use super::derive::HOUR;
use super::names::{find_key, find_value};
use super::read;
use super::records::ActivityRow;
use super::side::Side;
use super::terms;
use crate::error::{Error, ErrorKind};
use crate::event::EventId;
use crate::issue::{
    AUTHOR_OF_EVENTS, Activity, ActivityId, Deed, HybridTime, IssueId, IssueState, Seen, Status,
    fold,
};
use crate::time::Timestamp;

/// What is to be recorded: an activity without its time.
pub(super) struct Unrecorded<'a> {
    pub(super) id: ActivityId,
    pub(super) vault: [u8; 16],
    pub(super) author: &'a str,
    pub(super) at: Timestamp,
    pub(super) issue: i64,
    pub(super) issue_id: IssueId,
    pub(super) deed: Deed,
}

/// Records an activity at the next moment of the vault's hybrid clock.
pub(super) fn record(conn: &Connection, new: Unrecorded<'_>) -> rusqlite::Result<Activity> {
    let last = conn
        .prepare_cached("SELECT wall, tick FROM activity ORDER BY wall DESC, tick DESC LIMIT 1")?
        .query_row([], |row| {
            Ok(HybridTime {
                wall: Timestamp::from_nanos(row.get(0)?),
                tick: row.get(1)?,
            })
        })
        .optional()?;
    let activity = Activity {
        id: new.id,
        vault: new.vault,
        author: new.author.to_owned(),
        time: last.unwrap_or_default().next(new.at),
        decided_at: new.at,
        issue: new.issue_id,
        deed: new.deed,
    };
    put(conn, new.issue, &activity)?;
    Ok(activity)
}

/// Keeps an activity as it is.
pub(super) fn put(conn: &Connection, issue: i64, activity: &Activity) -> rusqlite::Result<()> {
    let deed = activity.deed.to_value().to_string();
    let row = ActivityRow {
        id: activity.id.as_bytes(),
        issue,
        vault: &activity.vault,
        author: &activity.author,
        wall: activity.time.wall.as_nanos(),
        tick: activity.time.tick.into(),
        decided_at: activity.decided_at.as_nanos(),
        deed: &deed,
    };
    conn.prepare_cached(
        "INSERT INTO activity (id, issue, vault, author, wall, tick, decided_at, deed, crc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO NOTHING",
    )?
    .execute(params![
        row.id,
        row.issue,
        row.vault,
        row.author,
        row.wall,
        row.tick,
        row.decided_at,
        row.deed,
        row.crc()
    ])?;
    Ok(())
}

/// Writes what the activities of an issue come to into its row, if it has one.
pub(super) fn refresh(conn: &Connection, side: Side, issue: i64) -> Result<IssueState, Failed> {
    let activities = read::activities(conn, issue)?;
    let state = fold(&activities);
    let text = match activities.is_empty() {
        true => String::new(),
        false => state.to_value().to_string(),
    };
    conn.prepare_cached(&side.sql(
        "UPDATE derived_issue SET status = ?2, state = ?3, own_title = ?4, is_regressed = ?5,
             assignee = ?6, severity = ?7, is_bookmarked = ?8, review = ?9
         WHERE number = ?1",
    ))?
    .execute(params![
        issue,
        state.status as u8,
        text,
        state.title,
        state.regression.is_some(),
        state.assignee,
        state.severity,
        state.is_bookmarked,
        state.review.map(|step| step as u8),
    ])?;
    conn.prepare_cached(&side.sql("DELETE FROM derived_label WHERE issue = ?1"))?
        .execute([issue])?;
    for (key, value) in &state.tags {
        conn.prepare_cached(&side.sql(
            "INSERT INTO derived_label (issue, key, value)
             SELECT number, ?2, ?3 FROM derived_issue WHERE number = ?1",
        ))?
        .execute(params![issue, key, value])?;
    }
    Ok(state)
}

/// Lets the events of a batch reopen what was resolved or ignored. `before` is the last event that was there before it.
pub(super) fn to_events(
    conn: &Connection,
    events: &[Packed],
    committed: &mut Committed,
    touched: &[(i64, bool)],
    before: i64,
) -> Result<(), Failed> {
    for &(issue, is_new) in touched {
        // An issue can come back that was emptied before: what was decided about it still holds.
        let has_state = match is_new {
            true => !read::activities(conn, issue)?.is_empty(),
            false => true,
        };
        if is_new && has_state {
            refresh(conn, Side::Live, issue)?;
        }
        if has_state
            && status(conn, issue)? != Status::Open
            && let Some(deed) = to_issue(conn, issue, events, committed, before)?
        {
            committed.note_reaction(&deed);
        }
    }
    Ok(())
}

fn status(conn: &Connection, issue: i64) -> rusqlite::Result<Status> {
    conn.prepare_cached("SELECT status FROM derived_issue WHERE number = ?1")?
        .query_row([issue], |row| read::status(row.get(0)?))
}

fn to_issue(
    conn: &Connection,
    issue: i64,
    events: &[Packed],
    committed: &Committed,
    before: i64,
) -> Result<Option<Deed>, Failed> {
    let number = read::unsigned(issue)?;
    let outcomes = committed.outcomes.iter().zip(events);
    let new: Vec<&Packed> = outcomes
        .filter(|(outcome, _)| outcome.issue_number == number && !outcome.is_known)
        .map(|(_, new)| new)
        .collect();
    let Some(last) = new.iter().max_by_key(|new| new.time) else {
        return Ok(None);
    };
    let state = fold(&read::activities(conn, issue)?);
    let mut sights = Sights {
        conn,
        state: &state,
        before,
        known: HashMap::new(),
    };
    let seen = new
        .iter()
        .map(|new| sights.seen(new))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let (seen_count, day_count) = counts(conn, issue, last.time)?;
    let Some(deed) = state.reaction(seen.into_iter(), seen_count, day_count) else {
        return Ok(None);
    };
    let issue_id = read::issue_id(conn, issue)?;
    let unrecorded = Unrecorded {
        id: id_of_reaction(&issue_id, &deed),
        vault: [0; 16],
        author: AUTHOR_OF_EVENTS,
        at: last.received_at,
        issue,
        issue_id,
        deed: deed.clone(),
    };
    record(conn, unrecorded)?;
    refresh(conn, Side::Live, issue)?;
    Ok(Some(deed))
}

/// When releases were first seen, as far as it matters to an issue, each asked for once.
struct Sights<'c, 'e> {
    conn: &'c Connection,
    state: &'c IssueState,
    before: i64,
    known: HashMap<(&'e str, &'e str), Option<Timestamp>>,
}

impl<'e> Sights<'_, 'e> {
    fn seen(&mut self, new: &'e Packed) -> rusqlite::Result<Seen<'e>> {
        let release = new.release.as_deref();
        let asked = release.filter(|release| self.state.asks_first_sight(release, new.time));
        Ok(Seen {
            event: new.event_id,
            time: new.time,
            release,
            release_first_seen: match asked {
                Some(release) => self.early(&new.join.project, release)?,
                None => None,
            },
        })
    }

    fn early(&mut self, project: &'e str, release: &'e str) -> rusqlite::Result<Option<Timestamp>> {
        if let Some(known) = self.known.get(&(project, release)) {
            return Ok(*known);
        }
        let found = early(self.conn, project, release, self.state.since, self.before)?;
        self.known.insert((project, release), found);
        Ok(found)
    }
}

/// When some event of the release happened that was there by then; one that only came later is as good as none. Any
/// will do, so that not all are looked at.
fn early(
    conn: &Connection,
    project: &str,
    release: &str,
    since: Option<Timestamp>,
    before: i64,
) -> rusqlite::Result<Option<Timestamp>> {
    let since = since.map_or(i64::MIN, Timestamp::as_nanos);
    let Some(key) = find_key(conn, Side::Live, false, "release")? else {
        return Ok(None);
    };
    let Some(value) = find_value(conn, Side::Live, key, release)? else {
        return Ok(None);
    };
    let found: Option<i64> = conn
        .prepare_cached(
            "SELECT p.time FROM derived_text o
             CROSS JOIN derived_placement p ON p.event = o.rowid & 4294967295
             CROSS JOIN issue_number n ON n.number = p.issue
             WHERE o.derived_text MATCH ?2 AND p.event <= ?3 AND p.time <= ?4
                 AND n.project = (SELECT id FROM project WHERE name = ?1) LIMIT 1",
        )?
        .query_row(
            params![project, terms::value(value), before, since],
            |row| row.get(0),
        )
        .optional()?;
    Ok(found.map(Timestamp::from_nanos))
}

/// How often the issue was seen in all, and in the 24 hours up to that moment (whole hours).
fn counts(conn: &Connection, issue: i64, until: Timestamp) -> rusqlite::Result<(u64, u64)> {
    let hour = until.as_nanos().div_euclid(HOUR);
    let (seen, day): (i64, i64) = conn
        .prepare_cached(
            "SELECT seen_count, (SELECT coalesce(sum(count), 0) FROM derived_hour
                 WHERE issue = ?1 AND hour > ?2 - 24 AND hour <= ?2)
             FROM derived_issue WHERE number = ?1",
        )?
        .query_row([issue, hour], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((read::unsigned(seen)?, read::unsigned(day)?))
}

/// The number and the issue id of an issue that is there.
pub(super) fn existing(conn: &Connection, issue: &IssueId) -> Result<i64, Failed> {
    let number = conn
        .prepare_cached(
            "SELECT n.number FROM issue_number n JOIN derived_issue i ON i.number = n.number
             WHERE n.issue = ?1",
        )?
        .query_row([issue.as_bytes()], |row| row.get(0))
        .optional()?;
    number.ok_or_else(|| not_found(format!("no issue {issue}")))
}

/// The ingest sequence of an event that is there, and its issue's number.
pub(super) fn event(conn: &Connection, id: EventId) -> Result<(i64, i64), Failed> {
    known_event(conn, id)?.ok_or_else(|| not_found(format!("no event {id}")))
}

/// The same, of an event that may have left.
pub(super) fn known_event(conn: &Connection, id: EventId) -> rusqlite::Result<Option<(i64, i64)>> {
    conn.prepare_cached(
        "SELECT e.ingest_sequence, p.issue FROM event e
             JOIN derived_placement p ON p.event = e.ingest_sequence WHERE e.event_id = ?1",
    )?
    .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
    .optional()
}

fn not_found(message: String) -> Failed {
    Error::new(ErrorKind::NotFound, "decide", message).into()
}
