//! Room in the file: giving it back, and telling where it goes.

use rusqlite::Connection;

/// Pages given back in one step: others can write in between.
const STEP_PAGES: i64 = 2_000;

/// Free pages that a file may keep for what comes next: a share of all, and never fewer than that.
const KEPT_SHARE: i64 = 25;
const KEPT_PAGES_MIN: i64 = 512;
/// Pages given back between batches.
const TENDED_PAGES: i64 = 8_000;

/// Gives some free pages back if there are many: merging the full-text index frees whole segments at once.
pub(super) fn tend(conn: &Connection) -> rusqlite::Result<()> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let kept = (pragma("page_count")? / KEPT_SHARE).max(KEPT_PAGES_MIN);
    let excess = pragma("freelist_count")? - kept;
    match excess > 0 {
        true => give_back(conn, excess.min(TENDED_PAGES)),
        false => Ok(()),
    }
}

fn give_back(conn: &Connection, pages: i64) -> rusqlite::Result<()> {
    let mut step = conn.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = step.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Gives free pages back to the file system.
pub(super) fn shrink(conn: &Connection) -> rusqlite::Result<()> {
    loop {
        let free: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if free == 0 {
            return Ok(());
        }
        give_back(conn, STEP_PAGES)?;
        let left: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if left >= free {
            return Ok(());
        }
    }
}

/// Bytes of each table with its indexes, largest first. Reads the heads of all pages.
pub(super) fn tables(conn: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    conn.prepare(
        "SELECT coalesce(m.tbl_name, d.name) AS owner, sum(d.pgsize) FROM dbstat d
         LEFT JOIN sqlite_schema m ON m.name = d.name
         WHERE d.aggregate = TRUE GROUP BY owner ORDER BY 2 DESC, 1",
    )?
    .query_map([], |row| {
        Ok((row.get(0)?, super::read::unsigned(row.get(1)?)?))
    })?
    .collect()
}

/// Steps of a merge: pages written in one transaction of the full-text index.
const MERGE_PAGES: i64 = 500;

/// The full-text indexes, which keep what was deleted until their segments are merged.
const INDEXES: [&str; 2] = ["derived_text", "derived_stack_text"];

/// Writes the full-text indexes anew without what was deleted from them, step by step.
pub(super) fn merge(conn: &Connection) -> rusqlite::Result<()> {
    for index in INDEXES {
        let mut put = conn.prepare(&format!(
            "INSERT INTO {index} ({index}, rank) VALUES ('merge', ?1)"
        ))?;
        // A negative number asks for all segments to become one; the others go on with that.
        let mut pages = -MERGE_PAGES;
        loop {
            let before = conn.total_changes();
            put.execute([pages])?;
            // Its way of saying that there was nothing to do (sqlite.org/fts5.html, "merge").
            if conn.total_changes() - before < 2 {
                break;
            }
            pages = MERGE_PAGES;
        }
    }
    Ok(())
}

/// Moves the log into the file and cuts both, unless somebody reads: then the next one does.
pub(super) fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Bytes of all pages that hold something, and of the attachments of events that are here, each content once.
pub(super) fn in_use_bytes(conn: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    let attachments: i64 = conn.query_row(
        "SELECT coalesce(sum(bytes), 0) FROM (SELECT max(a.bytes) AS bytes FROM attachment a
             JOIN event e ON e.event_id = a.event_id GROUP BY a.hash)",
        [],
        |row| row.get(0),
    )?;
    super::read::unsigned((pages * pragma("page_size")?).saturating_add(attachments))
}
