//! Decisions of people, one transaction.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::super::Decision;
use super::Failed;
use super::names::Names;
use super::payload::Decoder;
use super::react::{self, Unrecorded};
use super::remove::Remover;
use super::side::Side;
use super::{ground, homes, read, write};
use crate::error::{Error, ErrorKind};
use crate::event::EventId;
use crate::issue::{Activity, ActivityId, Deed, IssueId, VariantKey, standing};

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
    let mut is_about_belonging = decision.deed.is_about_belonging();
    let moved = match &decision.deed {
        Deed::MoveEvent(event) => {
            react::event(conn, *event)?;
            Some(*event)
        }
        Deed::Undo(target) => match undone(conn, issue, target)? {
            Some(Deed::MoveEvent(event)) => Some(event),
            undone => {
                is_about_belonging = undone.is_some_and(|deed| deed.is_about_belonging());
                None
            }
        },
        Deed::Merge(other) => {
            check_merge(conn, issue, other)?;
            None
        }
        Deed::Unmerge { variant, to } => {
            check_unmerge(conn, issue, *variant, to)?;
            None
        }
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
    if is_about_belonging {
        homes::settle(conn, names, decoder)?;
    }
    if let Some(event) = moved {
        place(conn, names, decoder, event)?;
    }
    if decision.deed == Deed::Tombstone {
        delete_issue(conn, names, decoder, issue, decision)?;
    }
    react::refresh(conn, Side::Live, issue)?;
    Ok(activity)
}

/// # Errors
/// NotFound if the other is not there, or is part of another one; InvalidInput for itself, or one of another project.
fn check_merge(conn: &Connection, issue: i64, other: &IssueId) -> Result<(), Failed> {
    let other = react::existing(conn, other)?;
    if issue == other {
        return refuse("merge", format!("#{issue} cannot become part of itself"));
    }
    let mut project = conn.prepare_cached("SELECT project FROM issue_number WHERE number = ?1")?;
    let mut project = |issue: i64| project.query_row([issue], |row| row.get::<_, i64>(0));
    if project(issue)? != project(other)? {
        let message = format!("#{issue} and #{other} are of two projects, whose issues stay apart");
        return refuse("merge", message);
    }
    Ok(())
}

/// Gives the issue that the variant is to belong to its number.
///
/// # Errors
/// NotFound if the variant does not belong to the issue; InvalidInput if it is to go where it is.
fn check_unmerge(
    conn: &Connection,
    issue: i64,
    variant: VariantKey,
    to: &IssueId,
) -> Result<(), Failed> {
    let mut project = conn.prepare_cached("SELECT project FROM issue_number WHERE number = ?1")?;
    let project: i64 = project.query_row([issue], |row| row.get(0))?;
    let mut join =
        conn.prepare_cached("SELECT id FROM variant_join WHERE project = ?1 AND variant = ?2")?;
    let join: Option<i64> = join
        .query_row(params![project, variant.as_bytes()], |row| row.get(0))
        .optional()?;
    let home = join.map(|join| ground::home(conn, join)).transpose()?;
    if home != Some(issue) {
        let message = format!("#{issue} has no variant {variant}");
        return Err(Error::new(ErrorKind::NotFound, "unmerge", message).into());
    }
    let (number, _) = write::number(conn, project, to)?;
    if number == issue {
        let message = format!("the variant is in #{issue} already");
        return refuse("unmerge", message);
    }
    Ok(())
}

fn refuse<T>(operation: &'static str, message: String) -> Result<T, Failed> {
    Err(Error::new(ErrorKind::InvalidInput, operation, message).into())
}

/// What an undo takes back, or what counts again when it takes an undo back.
///
/// # Errors
/// NotFound if the activity is not one of this issue; InvalidInput if it cannot be undone.
fn undone(conn: &Connection, issue: i64, target: &ActivityId) -> Result<Option<Deed>, Failed> {
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
        Some(_) => Ok(meant_in_the_end(&deeds, *target)),
        None => {
            let message = format!("the issue has no activity {target}");
            Err(Error::new(ErrorKind::NotFound, "undo", message).into())
        }
    }
}

/// What an activity did, or what the undos did that it takes back.
fn meant_in_the_end(deeds: &HashMap<ActivityId, &Deed>, mut of: ActivityId) -> Option<Deed> {
    // Undos from elsewhere may name each other.
    let mut known = HashSet::new();
    while known.insert(of) {
        match deeds.get(&of) {
            Some(Deed::Undo(earlier)) => of = *earlier,
            deed => return deed.map(|deed| (*deed).clone()),
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
    let wanted = match wanted {
        Some((_, issue)) => Some(homes::root(conn, issue)?),
        None => None,
    };
    remover.move_event(sequence, wanted)?;
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
