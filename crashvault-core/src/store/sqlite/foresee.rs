//! What would become of an event if it were kept now. Only reads.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::{Foreseen, NewEvent};
use super::likeness::Likeness;
use super::read::unsigned;
use super::{Failed, ground};
use crate::group::{self, Sketch};

/// No project has this id.
const NO_PROJECT: i64 = 0;

pub(super) fn foresee(conn: &Connection, new: &NewEvent) -> Result<Foreseen, Failed> {
    let mut foreseen = Foreseen {
        join: new.join.clone(),
        is_known: false,
        issue_number: None,
    };
    let project: Option<i64> = conn
        .prepare_cached("SELECT id FROM project WHERE name = ?1")?
        .query_row([&new.join.project], |row| row.get(0))
        .optional()?;
    // In a project that nobody knew there is nothing that it could be like.
    let project = project.unwrap_or(NO_PROJECT);
    for variant in new.legacy.into_iter().chain([new.join.variant]) {
        let joined: Option<i64> = conn
            .prepare_cached("SELECT id FROM variant_join WHERE project = ?1 AND variant = ?2")?
            .query_row(params![project, variant.as_bytes()], |row| row.get(0))
            .optional()?;
        if let Some(joined) = joined {
            foreseen.is_known = true;
            foreseen.issue_number = Some(unsigned(ground::home(conn, joined)?)?);
            return Ok(foreseen);
        }
    }
    if let Some(traits) = &new.traits {
        let sketch = Sketch::of(traits);
        let (issue, comparison) = Likeness::new(conn).place(project, traits, &sketch)?;
        foreseen.join.comparison = Some(comparison.into());
        if let Some(issue) = issue {
            foreseen.join.reason = group::SIMILAR.into();
            foreseen.issue_number = Some(unsigned(issue)?);
        }
    }
    Ok(foreseen)
}
