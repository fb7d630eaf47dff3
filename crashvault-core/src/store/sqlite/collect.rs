//! What nothing names any more.
//!
//! In steps of one transaction each, so that others can write in between; what they write within a step's reach is
//! looked for again in the step.

use std::collections::HashSet;

use rusqlite::{Connection, params};

use super::super::Collected;
use super::payload::{newest_dictionary, stack_ids};
use super::{Failed, rebuild, write};
use crate::time::Timestamp;
use zstd::zstd_safe;

/// Values removed by one transaction.
const STEP_VALUES: usize = 1_000;
/// Stacks removed by one transaction.
const STEP_STACKS: usize = 200;
/// Nobody packs for so long with a dictionary that is no longer the newest.
const DICTIONARY_REST_NS: i64 = 3_600_000_000_000;
/// The head of a zstd frame, in which the dictionary's id stands.
const FRAME_HEAD_BYTES: i64 = 18;

/// Nobody may rebuild meanwhile.
pub(super) fn collect(conn: &mut Connection, now: Timestamp) -> Result<Collected, Failed> {
    rebuild::sweep(conn)?;
    Ok(Collected {
        texts: collect_values(conn)? + collect_keys(conn)?,
        stacks: collect_stacks(conn)?,
        dictionaries: collect_dictionaries(conn, now)?,
    })
}

fn collect_values(conn: &mut Connection) -> Result<u64, Failed> {
    const UNNAMED: &str = "SELECT id FROM derived_value v
        WHERE NOT EXISTS (SELECT 1 FROM derived_text WHERE derived_text MATCH (char(57347) || v.id))
            AND id NOT IN (SELECT value FROM derived_issue_user)";
    let ids = |conn: &Connection, sql: &str, among: &[&str]| -> rusqlite::Result<Vec<i64>> {
        conn.prepare_cached(sql)?
            .query_map(rusqlite::params_from_iter(among), |row| row.get(0))?
            .collect()
    };
    let mut removed = 0;
    for step in ids(conn, UNNAMED, &[])?.chunks(STEP_VALUES) {
        let transaction = write::begin(conn)?;
        let among = serde_json::Value::from(step).to_string();
        let sql = format!("{UNNAMED} AND id IN (SELECT value FROM json_each(?1))");
        for id in ids(&transaction, &sql, &[&among])? {
            run(&transaction, "DELETE FROM derived_value WHERE id = ?1", id)?;
            removed += 1;
        }
        transaction.commit()?;
    }
    Ok(removed)
}

fn run(conn: &Connection, sql: &str, id: i64) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute([id])
}

fn collect_keys(conn: &mut Connection) -> Result<u64, Failed> {
    let transaction = write::begin(conn)?;
    // A value is found by its key first.
    let removed = transaction.execute(
        "DELETE FROM derived_key WHERE id NOT IN (SELECT DISTINCT key FROM derived_value)",
        [],
    )?;
    transaction.commit()?;
    Ok(removed as u64)
}

fn collect_stacks(conn: &mut Connection) -> Result<u64, Failed> {
    const UNNAMED: &str = "NOT EXISTS (SELECT 1 FROM derived_posting o WHERE o.stack = s.id)";
    let mut unnamed: HashSet<i64> = conn
        .prepare(&format!("SELECT id FROM stack s WHERE {UNNAMED}"))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if unnamed.is_empty() {
        return Ok(0);
    }
    // A stack is a record: what derived state says is not enough to remove it.
    let mut payloads = conn.prepare("SELECT stacks FROM event_payload")?;
    let mut rows = payloads.query([])?;
    while let Some(row) = rows.next()? {
        for id in stack_ids(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?) {
            unnamed.remove(&id);
        }
    }
    drop(rows);
    drop(payloads);
    let unnamed: Vec<i64> = unnamed.into_iter().collect();
    let mut removed = 0;
    for step in unnamed.chunks(STEP_STACKS) {
        let transaction = write::begin(conn)?;
        for id in step {
            let gone = run(
                &transaction,
                &format!("DELETE FROM stack AS s WHERE id = ?1 AND {UNNAMED}"),
                *id,
            )?;
            if gone > 0 {
                run(
                    &transaction,
                    "DELETE FROM derived_stack_text WHERE rowid = ?1",
                    *id,
                )?;
            }
            removed += gone as u64;
        }
        transaction.commit()?;
    }
    Ok(removed)
}

fn collect_dictionaries(conn: &mut Connection, now: Timestamp) -> Result<u64, Failed> {
    let transaction = write::begin(conn)?;
    let newest = newest_dictionary(&transaction)?.unwrap_or_default();
    let mut old: HashSet<i64> = transaction
        .prepare(
            "SELECT id FROM dictionary WHERE id <> ?1
                 AND ?2 > (SELECT max(made_at) FROM dictionary)",
        )?
        .query_map(
            params![newest, now.as_nanos().saturating_sub(DICTIONARY_REST_NS)],
            |row| row.get(0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    if old.is_empty() {
        return Ok(0);
    }
    {
        let mut heads = transaction.prepare("SELECT substr(data, 1, ?1) FROM event_payload")?;
        let mut rows = heads.query([FRAME_HEAD_BYTES])?;
        while let Some(row) = rows.next()? {
            let head = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            if let Some(id) = zstd_safe::get_dict_id_from_frame(head) {
                old.remove(&id.get().into());
            }
        }
    }
    for id in &old {
        run(&transaction, "DELETE FROM dictionary WHERE id = ?1", *id)?;
    }
    transaction.commit()?;
    Ok(old.len() as u64)
}
