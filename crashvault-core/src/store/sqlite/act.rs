//! Decisions of people, one transaction.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::super::Decision;
use super::Failed;
use super::homes::Moved;
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
    let mut decider = Decider {
        conn: &transaction,
        names,
        decoder,
        unsettled: Unsettled::default(),
    };
    let mut recorded = Vec::with_capacity(decisions.len());
    for decision in decisions {
        recorded.push(decider.decide(decision)?);
    }
    decider.settle()?;
    transaction.commit()?;
    Ok(recorded)
}

/// What decisions of this transaction have yet to change. Merges, unmerges and moves change it together, as far as none
/// asks what another one changed.
#[derive(Default)]
struct Unsettled {
    /// Whether something is to be placed otherwise.
    is_misplaced: bool,
    /// Issues that something leaves.
    left: BTreeSet<i64>,
    /// Issues that something comes to.
    joined: BTreeSet<i64>,
    /// Variants that are taken out.
    taken_out: BTreeSet<VariantKey>,
    /// Events that are moved.
    events: BTreeSet<EventId>,
    /// Issues about which something was decided.
    decided: BTreeSet<i64>,
}

struct Decider<'c> {
    conn: &'c Connection,
    names: &'c mut Names,
    decoder: &'c Decoder,
    unsettled: Unsettled,
}

impl Decider<'_> {
    fn settle(&mut self) -> Result<(), Failed> {
        let unsettled = std::mem::take(&mut self.unsettled);
        if unsettled.is_misplaced {
            homes::settle(self.conn, self.names, self.decoder, unsettled.events)?;
        }
        for issue in unsettled.decided {
            react::refresh(self.conn, Side::Live, issue)?;
        }
        Ok(())
    }

    fn decide(&mut self, decision: &Decision) -> Result<Activity, Failed> {
        if let Some(known) = read::activity(self.conn, &decision.id)? {
            return Ok(known);
        }
        if self.must_settle_before(decision)? {
            self.settle()?;
        }
        let issue = match &decision.deed {
            // It may not have an event, yet or any more.
            Deed::Regroup { .. } | Deed::Unmerge { .. } => numbered(self.conn, &decision.issue)?,
            _ => react::existing(self.conn, &decision.issue)?,
        };
        self.check(issue, &decision.deed)?;
        let activity = react::record(
            self.conn,
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
        self.unsettled.decided.insert(issue);
        if decision.deed == Deed::Tombstone {
            delete_issue(self.conn, self.names, self.decoder, issue, decision)?;
        }
        Ok(activity)
    }

    /// Whether a decision depends on what is not settled yet.
    fn must_settle_before(&self, decision: &Decision) -> Result<bool, Failed> {
        let unsettled = &self.unsettled;
        let issue = read::number(self.conn, &decision.issue)?;
        let issue = issue.unwrap_or_default();
        let is_touched =
            |issue: i64| unsettled.left.contains(&issue) || unsettled.joined.contains(&issue);
        Ok(match &decision.deed {
            Deed::Merge(other) => {
                let other = read::number(self.conn, other)?.unwrap_or_default();
                unsettled.left.contains(&issue) || is_touched(other)
            }
            Deed::Unmerge { variant, .. } => {
                unsettled.joined.contains(&issue) || unsettled.taken_out.contains(variant)
            }
            Deed::Regroup { .. } => false,
            _ => unsettled.is_misplaced,
        })
    }

    /// Whether it can be decided, and what will have to be settled then.
    fn check(&mut self, issue: i64, deed: &Deed) -> Result<(), Failed> {
        let (conn, unsettled) = (self.conn, &mut self.unsettled);
        let undone = match deed {
            Deed::Undo(target) => undone(conn, issue, target)?,
            _ => None,
        };
        let meant = undone.as_ref().unwrap_or(deed);
        unsettled.events.extend(meant.moved_events());
        unsettled.is_misplaced |= meant.is_about_belonging() || !meant.moved_events().is_empty();
        match deed {
            Deed::MoveEvent(event) => {
                react::event(conn, *event)?;
            }
            Deed::Merge(other) => {
                let other = check_merge(conn, issue, other)?;
                unsettled.left.insert(other);
                unsettled.joined.insert(issue);
            }
            Deed::Unmerge { variant, to } => {
                let to = check_unmerge(conn, issue, *variant, to)?;
                // Where it goes to may not be shown before.
                unsettled.left.extend([issue, to]);
                unsettled.joined.insert(to);
                unsettled.taken_out.insert(*variant);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The number of an issue, whether or not it is shown.
fn numbered(conn: &Connection, issue: &IssueId) -> Result<i64, Failed> {
    read::number(conn, issue)?.ok_or_else(|| {
        let message = format!("no issue {issue}");
        Error::new(ErrorKind::NotFound, "decide", message).into()
    })
}

/// # Errors
/// NotFound if the other is not there, or is part of another one; InvalidInput for itself, or one of another project.
fn check_merge(conn: &Connection, issue: i64, other: &IssueId) -> Result<i64, Failed> {
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
    Ok(other)
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
) -> Result<i64, Failed> {
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
    Ok(number)
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
    let deeds = deeds(&activities);
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

/// The moves of events that stand, in the order in which they count: those of people behind those of regroupings.
pub(super) fn moves(conn: &Connection) -> Result<Vec<(EventId, Moved)>, Failed> {
    let mut issues = conn.prepare_cached(
        "SELECT DISTINCT issue FROM activity
         WHERE deed LIKE '%\"move_event\"%' OR deed LIKE '%\"kind\":\"regroup\"%'",
    )?;
    let issues: Vec<i64> = issues
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut moves = Vec::new();
    for issue in issues {
        let activities = read::activities(conn, issue)?;
        for activity in standing(&activities) {
            let moved = match &activity.deed {
                Deed::Regroup { variant, .. } => regrouped(conn, issue, *variant)?,
                _ => Moved {
                    issue,
                    variant: None,
                },
            };
            let is_by_people = moved.variant.is_none();
            let place = (is_by_people, activity.time, activity.id);
            let events = activity.deed.moved_events().iter();
            moves.extend(events.map(|event| (place, *event, moved)));
        }
    }
    moves.sort_unstable_by_key(|(place, event, _)| (*place, *event));
    Ok(moves
        .into_iter()
        .map(|(_, event, moved)| (event, moved))
        .collect())
}

/// Where a variant belongs that events were found to be. One that is not known here belongs where it was said.
fn regrouped(conn: &Connection, issue: i64, variant: VariantKey) -> rusqlite::Result<Moved> {
    let project: i64 = conn
        .prepare_cached("SELECT project FROM issue_number WHERE number = ?1")?
        .query_row([issue], |row| row.get(0))?;
    let joined: Option<i64> = conn
        .prepare_cached("SELECT issue FROM variant_join WHERE project = ?1 AND variant = ?2")?
        .query_row(params![project, variant.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(Moved {
        issue: joined.unwrap_or(issue),
        variant: Some((project, variant)),
    })
}

/// The events about whose place an activity says something.
pub(super) fn moved(conn: &Connection, activity: &Activity) -> Result<Vec<EventId>, Failed> {
    let deed = match &activity.deed {
        Deed::Undo(target) => {
            let issue = numbered(conn, &activity.issue)?;
            let activities = read::activities(conn, issue)?;
            meant_in_the_end(&deeds(&activities), *target)
        }
        deed => Some(deed.clone()),
    };
    Ok(deed.map_or_else(Vec::new, |deed| deed.moved_events().to_vec()))
}

fn deeds(activities: &[Activity]) -> HashMap<ActivityId, &Deed> {
    let activities = activities.iter();
    activities
        .map(|activity| (activity.id, &activity.deed))
        .collect()
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
