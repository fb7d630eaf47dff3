//! Decisions of people, one transaction.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::super::Decision;
use super::Failed;
use super::names::Names;
use super::payload::Decoder;
use super::react::{self, Unrecorded};
use super::remove::Remover;
use super::side::Side;
use super::{read, write};
use crate::error::{Error, ErrorKind};
use crate::event::EventId;
use crate::issue::{Activity, ActivityId, Deed, standing};

pub(super) fn act(
    conn: &mut Connection,
    names: &mut Names,
    decoder: &Decoder,
    decisions: &[Decision],
) -> Result<Vec<Activity>, Failed> {
    let transaction = write::begin(conn)?;
    names.refresh(&transaction)?;
    let mut recorded = Vec::with_capacity(decisions.len());
    for decision in decisions {
        recorded.push(decide(&transaction, names, decoder, decision)?);
    }
    transaction.commit()?;
    Ok(recorded)
}

fn decide(
    conn: &Connection,
    names: &mut Names,
    decoder: &Decoder,
    decision: &Decision,
) -> Result<Activity, Failed> {
    if let Some(known) = read::activity(conn, &decision.id)? {
        return Ok(known);
    }
    let issue = react::existing(conn, &decision.issue)?;
    let moved = match &decision.deed {
        Deed::MoveEvent(event) => {
            react::event(conn, *event)?;
            Some(*event)
        }
        Deed::Undo(target) => undone_move(conn, issue, target)?,
        _ => None,
    };
    let activity = react::record(
        conn,
        Unrecorded {
            id: decision.id,
            vault: decision.vault,
            author: &decision.author,
            at: decision.at,
            issue,
            issue_id: decision.issue,
            deed: decision.deed.clone(),
        },
    )?;
    if let Some(event) = moved {
        place(conn, names, decoder, event)?;
    }
    if decision.deed == Deed::Tombstone {
        delete_issue(conn, names, decoder, issue, decision)?;
    }
    react::refresh(conn, Side::Live, issue)?;
    Ok(activity)
}

/// The event that an undone activity had moved.
///
/// # Errors
/// NotFound if the activity is not one of this issue; InvalidInput if it cannot be undone.
fn undone_move(
    conn: &Connection,
    issue: i64,
    target: &ActivityId,
) -> Result<Option<EventId>, Failed> {
    let activities = read::activities(conn, issue)?;
    let deeds: HashMap<ActivityId, &Deed> = activities
        .iter()
        .map(|activity| (activity.id, &activity.deed))
        .collect();
    match deeds.get(target) {
        Some(Deed::Tombstone) => {
            let message = "a deletion cannot be undone: its events are gone";
            Err(Error::new(ErrorKind::InvalidInput, "undo", message).into())
        }
        Some(_) => Ok(moved_in_the_end(&deeds, *target)),
        None => {
            let message = format!("the issue has no activity {target}");
            Err(Error::new(ErrorKind::NotFound, "undo", message).into())
        }
    }
}

/// The event that an activity moved, or the one that an undo took back, which counts again.
fn moved_in_the_end(deeds: &HashMap<ActivityId, &Deed>, mut of: ActivityId) -> Option<EventId> {
    // Undos from elsewhere may name each other.
    let mut known = HashSet::new();
    while known.insert(of) {
        match deeds.get(&of) {
            Some(Deed::Undo(earlier)) => of = *earlier,
            Some(Deed::MoveEvent(event)) => return Some(*event),
            _ => return None,
        }
    }
    None
}

/// Puts an event where the standing decisions about it say, else where its variant belongs.
fn place(
    conn: &Connection,
    names: &mut Names,
    decoder: &Decoder,
    event: EventId,
) -> Result<(), Failed> {
    // One that has left since it was moved: what was decided about it can still be taken back.
    let Some((sequence, _)) = react::known_event(conn, event)? else {
        return Ok(());
    };
    let wanted = moves(conn)?.into_iter().rfind(|(moved, _)| *moved == event);
    let mut remover = Remover::new(conn, names, decoder);
    remover.move_event(sequence, wanted.map(|(_, issue)| issue))?;
    remover.finish()
}

/// The moves of events that stand, in the order of the clock: event, number of the issue.
pub(super) fn moves(conn: &Connection) -> Result<Vec<(EventId, i64)>, Failed> {
    let mut issues = conn
        .prepare_cached("SELECT DISTINCT issue FROM activity WHERE deed LIKE '%\"move_event\"%'")?;
    let issues: Vec<i64> = issues
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut moves = Vec::new();
    for issue in issues {
        let activities = read::activities(conn, issue)?;
        for activity in standing(&activities) {
            if let Deed::MoveEvent(event) = activity.deed {
                moves.push((activity.time, event, issue));
            }
        }
    }
    moves.sort_unstable();
    Ok(moves
        .into_iter()
        .map(|(_, event, issue)| (event, issue))
        .collect())
}

fn delete_issue(
    conn: &Connection,
    names: &mut Names,
    decoder: &Decoder,
    issue: i64,
    decision: &Decision,
) -> Result<(), Failed> {
    let events: Vec<i64> = conn
        .prepare_cached("SELECT event FROM derived_placement WHERE issue = ?1")?
        .query_map([issue], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut remover = Remover::new(conn, names, decoder);
    for event in events {
        remover.delete_unread(event, decision.at)?;
    }
    remover.forget_values(issue)?;
    remover.forget_residue(issue)?;
    remover.finish()
}
