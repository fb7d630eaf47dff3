//! Numbers of issues that came from Crashvault 1.

use rusqlite::Connection;
#[cfg(feature = "v1")]
use rusqlite::params;

use super::super::LEGACY_COUNTER;
#[cfg(feature = "v1")]
use super::{archive::ISSUE_MAX, read, write};
#[cfg(feature = "v1")]
use crate::issue::IssueId;

/// Whether there are any. Asked before each batch: one look at an index of some ten rows.
pub(super) fn is_there(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM counter WHERE name = ?1)")?
        .query_row([LEGACY_COUNTER], |row| row.get(0))
}

/// First those whose number is free, so that no other issue takes it meanwhile. Without `keep` nothing is changed.
#[cfg(feature = "v1")]
pub(super) fn number(
    conn: &mut Connection,
    project: &str,
    issues: &[(IssueId, Option<u64>)],
    keep: bool,
) -> rusqlite::Result<Vec<(u64, bool)>> {
    let transaction = write::begin(conn)?;
    let project = write::project(&transaction, project)?;
    let mut is_new = Vec::with_capacity(issues.len());
    for (issue, wish) in issues {
        is_new.push(read::number(&transaction, issue)?.is_none());
        if let Some(wish) = wish
            && (1..=ISSUE_MAX).contains(wish)
        {
            write::put_number(&transaction, project, issue, *wish)?;
        }
    }
    let mut numbers = Vec::with_capacity(issues.len());
    for ((issue, _), is_new) in issues.iter().zip(is_new) {
        let (number, _) = write::number(&transaction, project, issue)?;
        numbers.push((read::unsigned(number)?, is_new));
    }
    transaction.execute(
        "INSERT OR IGNORE INTO counter (name, value) VALUES (?1, ?2)",
        params![LEGACY_COUNTER, issues.len() as i64],
    )?;
    match keep {
        true => transaction.commit()?,
        false => transaction.rollback()?,
    }
    Ok(numbers)
}
