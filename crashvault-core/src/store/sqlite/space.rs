//! Room in the file: giving it back, and telling where it goes.

use rusqlite::Connection;

/// Pages given back in one step: others can write in between.
const STEP_PAGES: i64 = 2_000;

/// Gives free pages back to the file system.
pub(super) fn shrink(conn: &Connection) -> rusqlite::Result<()> {
    loop {
        let free: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if free == 0 {
            return Ok(());
        }
        let mut step = conn.prepare(&format!("PRAGMA incremental_vacuum({STEP_PAGES})"))?;
        let mut rows = step.query([])?;
        while rows.next()?.is_some() {}
        drop(rows);
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
