//! Variants that join an issue without an event that comes: what events here would be by other rules.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{Adoption, KnownVariant};
use super::likeness::Likeness;
use super::{Failed, act, ground, read, write};
use crate::event::EventId;
use crate::group::Sketch;
use crate::issue::{IssueId, VariantKey};

/// Lets variants join the issues that their joins name; those that are known stay where they are.
pub(super) fn adopt(conn: &mut Connection, adoptions: &[Adoption]) -> Result<(), Failed> {
    let transaction = write::begin(conn)?;
    let likeness = Likeness::new(&transaction);
    for Adoption { join, traits } in adoptions {
        let project = write::project(&transaction, &join.project)?;
        if id(&transaction, &join.project, &join.variant)?.is_some() {
            continue;
        }
        let (issue, _) = write::number(&transaction, project, &join.issue)?;
        let variant = write::put_join(&transaction, project, issue, join)?;
        if let Some(traits) = traits {
            likeness.keep(project, variant, traits, &Sketch::of(traits))?;
        }
    }
    drop(likeness);
    Ok(transaction.commit()?)
}

fn id(conn: &Connection, project: &str, variant: &VariantKey) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached(
        "SELECT j.id FROM variant_join j JOIN project p ON p.id = j.project
         WHERE p.name = ?1 AND j.variant = ?2",
    )?
    .query_row(params![project, variant.as_bytes()], |row| row.get(0))
    .optional()
}

pub(super) fn known(
    conn: &Connection,
    project: &str,
    variant: &VariantKey,
) -> rusqlite::Result<Option<KnownVariant>> {
    let Some(id) = id(conn, project, variant)? else {
        return Ok(None);
    };
    let home = read::issue_id(conn, ground::home(conn, id)?)?;
    conn.prepare_cached(
        "SELECT n.issue, j.reason FROM variant_join j JOIN issue_number n ON n.number = j.issue
         WHERE j.id = ?1",
    )?
    .query_row([id], |row| {
        Ok(KnownVariant {
            joined: IssueId::from_bytes(row.get(0)?),
            home,
            reason: row.get(1)?,
        })
    })
    .optional()
}

/// The events that are where somebody said, each with the variant that a regrouping found it to be.
pub(super) fn moved(conn: &Connection) -> Result<Vec<(EventId, Option<VariantKey>)>, Failed> {
    let moves = act::moves(conn)?.into_iter();
    let moves: HashMap<_, _> = moves
        .map(|(event, moved)| (event, moved.variant.map(|(_, variant)| variant)))
        .collect();
    Ok(moves.into_iter().collect())
}

/// The variant that an event was found to be since it came, if any.
pub(super) fn variant_of(conn: &Connection, event: EventId) -> Result<Option<i64>, Failed> {
    let is_moved: Option<bool> = conn
        .prepare_cached(
            "SELECT p.is_moved FROM event e JOIN derived_placement p ON p.event = e.ingest_sequence
             WHERE e.event_id = ?1",
        )?
        .query_row([event.as_bytes()], |row| row.get(0))
        .optional()?;
    if is_moved != Some(true) {
        return Ok(None);
    }
    let moved = act::moves(conn)?
        .into_iter()
        .rfind(|(moved, _)| *moved == event);
    let Some((project, variant)) = moved.and_then(|(_, moved)| moved.variant) else {
        return Ok(None);
    };
    let found = conn
        .prepare_cached("SELECT id FROM variant_join WHERE project = ?1 AND variant = ?2")?
        .query_row(params![project, variant.as_bytes()], |row| row.get(0));
    Ok(found.optional()?)
}
