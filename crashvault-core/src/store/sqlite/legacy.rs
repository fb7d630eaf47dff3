//! Numbers of issues that came from Crashvault 1.

#[cfg(feature = "v1")]
use std::collections::BTreeSet;

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
    if !keep {
        let transaction = conn.unchecked_transaction()?;
        return foreseen(&transaction, issues);
    }
    let transaction = write::begin(conn)?;
    let project = write::project(&transaction, project)?;
    let mut is_new = Vec::with_capacity(issues.len());
    for (issue, wish) in issues {
        let is_unknown = read::number(&transaction, issue)?.is_none();
        is_new.push(is_unknown);
        // An insertion that is ignored would use up the numbers below it.
        if let Some(wish) = wish
            && is_unknown
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
    transaction.commit()?;
    Ok(numbers)
}

/// The same by reading alone, so that a question waits for no writer, and is answered where nothing can be written.
#[cfg(feature = "v1")]
fn foreseen(
    conn: &Connection,
    issues: &[(IssueId, Option<u64>)],
) -> rusqlite::Result<Vec<(u64, bool)>> {
    let mut last = last_number(conn)?;
    let mut taken = BTreeSet::new();
    let mut numbers = Vec::with_capacity(issues.len());
    for (issue, wish) in issues {
        let known = read::number(conn, issue)?.map(read::unsigned).transpose()?;
        let wish = wish.filter(|wish| (1..=ISSUE_MAX).contains(wish));
        let free = match (known, wish) {
            (None, Some(wish)) if !is_taken(conn, wish)? && taken.insert(wish) => Some(wish),
            _ => None,
        };
        last = last.max(free.unwrap_or(0));
        numbers.push((known.or(free), known.is_none()));
    }
    let mut next = || {
        last += 1;
        last
    };
    let numbers = numbers.into_iter();
    Ok(numbers
        .map(|(number, is_new)| (number.unwrap_or_else(&mut next), is_new))
        .collect())
}

#[cfg(feature = "v1")]
fn is_taken(conn: &Connection, number: u64) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM issue_number WHERE number = ?1)")?
        .query_row([read::signed(number)], |row| row.get(0))
}

/// The highest number that was ever given.
#[cfg(feature = "v1")]
fn last_number(conn: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'issue_number'";
    read::unsigned(conn.query_row(sql, [], |row| row.get(0))?)
}
