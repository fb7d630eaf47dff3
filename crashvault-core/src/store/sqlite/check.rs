//! Looks for damage: SQLite's own check, then whether what is derived agrees with what it was derived from.

use rusqlite::{Connection, ErrorCode, Row};

use super::likeness::is_named;
use super::payload::Decoder;
use super::records::{ActivityRow, ComparisonRow, EventRow, JoinRow, SketchRow};

/// Findings of one kind that are named; the rest are counted.
const FINDINGS_MAX: usize = 20;

/// Each lists rows that should not exist, as one text each.
const CONTRADICTIONS: [&str; 14] = [
    "SELECT 'row ' || coalesce(rowid, '?') || ' of ' || \"table\" || ' names a missing row of ' || parent
     FROM pragma_foreign_key_check",
    "SELECT 'event ' || lower(hex(e.event_id)) || ' has no payload' FROM event e
     WHERE NOT EXISTS (SELECT 1 FROM event_payload y WHERE y.event = e.ingest_sequence)",
    "SELECT 'event ' || lower(hex(e.event_id)) || ' belongs to no issue' FROM event e
     WHERE NOT EXISTS (SELECT 1 FROM derived_placement p WHERE p.event = e.ingest_sequence)",
    "SELECT 'event ' || lower(hex(e.event_id)) || ' is listed under another time'
     FROM event e JOIN derived_placement p ON p.event = e.ingest_sequence WHERE p.time <> e.time",
    "SELECT 'issue #' || i.number || ' says ' || i.seen_count || ' events and has ' || (count(p.event) + r.count)
     FROM derived_issue i LEFT JOIN derived_placement p ON p.issue = i.number
     JOIN (SELECT i.number AS issue, coalesce(sum(r.count), 0) AS count FROM derived_issue i
         LEFT JOIN derived_shelf s ON s.issue = i.number LEFT JOIN residue r ON r.shelf = s.id
         GROUP BY i.number) r ON r.issue = i.number
     GROUP BY i.number HAVING i.seen_count <> count(p.event) + r.count",
    "SELECT 'issue #' || i.number || ' was first or last seen at another time than it says'
     FROM derived_issue i JOIN derived_placement p ON p.issue = i.number
     GROUP BY i.number HAVING i.first_seen > min(p.time) OR i.last_seen <> max(p.time)",
    "SELECT 'issue #' || i.number || ' says ' || i.seen_count || ' events and its hours ' || sum(h.count)
     FROM derived_issue i JOIN derived_hour h ON h.issue = i.number
     GROUP BY i.number HAVING i.seen_count <> sum(h.count)",
    "SELECT 'document ' || o.document || ' of a stack is no event' FROM derived_posting o
     WHERE NOT EXISTS (SELECT 1 FROM derived_placement p WHERE p.event = o.document & 4294967295)",
    "SELECT 'shelf ' || s.shelf || ' says it has stack ' || s.stack || ' from another document on than it has'
     FROM derived_shelf_stack s WHERE s.first IS NOT (SELECT min(o.document) FROM derived_posting o
         WHERE o.stack = s.stack AND o.document BETWEEN s.shelf << 32 AND (s.shelf << 32) + 4294967295)",
    "SELECT 'a value of issue #' || c.issue || ' is missing' FROM derived_issue_value c
     WHERE NOT EXISTS (SELECT 1 FROM derived_value v WHERE v.id = c.value)",
    "SELECT 'issue #' || i.number || ' names a last event that is missing' FROM derived_issue i
     WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.event_id = i.last_event)",
    "SELECT 'a variant that is compared, ' || b.sketch || ', is missing' FROM derived_bearer b
     WHERE NOT EXISTS (SELECT 1 FROM variant_sketch s WHERE s.id = b.sketch)",
    "SELECT 'a name is said to be in ' || s.issues || ' issues and is in ' || t.issues
     FROM (SELECT n.project, i.name, count(*) AS issues FROM derived_issue_name i
         JOIN issue_number n ON n.number = i.issue GROUP BY n.project, i.name) t
     JOIN derived_spread s ON s.project = t.project AND s.name = t.name WHERE s.issues <> t.issues",
    "SELECT 'the sums say ' || events || ' events and ' || payload_bytes || ' payload bytes, there are '
         || (SELECT count(*) FROM event) || ' and '
         || (SELECT coalesce(sum(length(data)), 0) FROM event_payload)
     FROM derived_total WHERE events <> (SELECT count(*) FROM event)
         OR payload_bytes <> (SELECT coalesce(sum(length(data)), 0) FROM event_payload)
         OR json_bytes <> (SELECT coalesce(sum(json_bytes), 0) FROM event_payload)",
];

/// The full-text indexes, which look at themselves.
const INDEXES: [&str; 2] = ["derived_text", "derived_stack_text"];

pub(super) fn check(conn: &Connection, decoder: &Decoder) -> rusqlite::Result<Vec<String>> {
    // One transaction: what is compared must be of one moment.
    let transaction = conn.unchecked_transaction()?;
    let mut findings = Vec::new();
    collect(&mut findings, page_findings(&transaction));
    for sql in CONTRADICTIONS {
        collect(&mut findings, texts(&transaction, sql));
    }
    collect(&mut findings, event_findings(&transaction));
    collect(&mut findings, join_findings(&transaction));
    collect(&mut findings, sketch_findings(&transaction));
    collect(&mut findings, comparison_findings(&transaction));
    collect(&mut findings, function_findings(&transaction));
    collect(&mut findings, activity_findings(&transaction));
    collect(&mut findings, stack_findings(&transaction, decoder));
    collect(&mut findings, payload_findings(&transaction, decoder));
    for index in INDEXES {
        collect(&mut findings, index_finding(&transaction, index));
    }
    Ok(findings)
}

/// FTS5 compares the checksums of what it holds (`integrity-check`).
fn index_finding(conn: &Connection, index: &str) -> rusqlite::Result<Vec<String>> {
    let checked = conn.execute_batch(&format!(
        "INSERT INTO {index} ({index}) VALUES ('integrity-check')"
    ));
    Ok(match checked {
        Ok(()) => Vec::new(),
        // It counts as writing.
        Err(source) if source.sqlite_error_code() == Some(ErrorCode::ReadOnly) => Vec::new(),
        Err(source) => vec![format!(
            "{index} is damaged: {source}; `crashvault rebuild` makes it again"
        )],
    })
}

fn event_findings(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut all = conn.prepare(
        "SELECT event_id, variant, level, time, received_at, process, sequence, crc FROM event WHERE crc <> 0",
    )?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let blob = |column| {
            row.get_ref(column)
                .map(|value| value.as_blob().unwrap_or_default())
        };
        let event = EventRow {
            event_id: blob(0)?,
            variant: row.get(1)?,
            level: row.get(2)?,
            time: row.get(3)?,
            received_at: row.get(4)?,
            process: blob(5)?,
            sequence: row.get(6)?,
        };
        if i64::from(event.crc()) != row.get::<_, i64>(7)? {
            let id: String = event
                .event_id
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            found.push(format!("event {id}: its row is damaged"));
        }
    }
    Ok(found)
}

fn join_findings(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut all = conn.prepare(
        "SELECT project, variant, issue, reason, parts, algorithm, joined_at, crc, id FROM variant_join WHERE crc <> 0",
    )?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |column| {
            row.get_ref(column)
                .map(|value| value.as_str().unwrap_or_default())
        };
        let join = JoinRow {
            project: row.get(0)?,
            variant: row.get_ref(1)?.as_blob().unwrap_or_default(),
            issue: row.get(2)?,
            reason: text(3)?,
            parts: text(4)?,
            algorithm: row.get(5)?,
            joined_at: row.get(6)?,
        };
        if i64::from(join.crc()) != row.get::<_, i64>(7)? {
            found.push(format!(
                "variant {} of issue #{}: its row is damaged",
                row.get::<_, i64>(8)?,
                join.issue
            ));
        }
    }
    Ok(found)
}

fn sketch_findings(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut all = conn.prepare("SELECT variant, sketch, crc FROM variant_sketch")?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let sketch = SketchRow {
            variant: row.get(0)?,
            sketch: row.get_ref(1)?.as_blob().unwrap_or_default(),
        };
        if i64::from(sketch.crc()) != row.get::<_, i64>(2)? {
            let variant = sketch.variant;
            found.push(format!("what is compared of variant {variant} is damaged"));
        }
    }
    Ok(found)
}

fn comparison_findings(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut all = conn.prepare("SELECT variant, comparison, crc FROM variant_comparison")?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let comparison = ComparisonRow {
            variant: row.get(0)?,
            comparison: row.get_ref(1)?.as_str().unwrap_or_default(),
        };
        if i64::from(comparison.crc()) != row.get::<_, i64>(2)? {
            let variant = comparison.variant;
            found.push(format!("how variant {variant} compared is damaged"));
        }
    }
    Ok(found)
}

fn function_findings(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut all = conn.prepare("SELECT name, text FROM function_name")?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get(0)?;
        if !is_named(name, row.get_ref(1)?.as_str().unwrap_or_default()) {
            found.push(format!("function {name} is not what its hash says"));
        }
    }
    Ok(found)
}

fn activity_findings(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut all = conn.prepare(
        "SELECT id, issue, vault, author, wall, tick, decided_at, deed, crc FROM activity",
    )?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = |column| {
            row.get_ref(column)
                .map(|value| value.as_str().unwrap_or_default())
        };
        let activity = ActivityRow {
            id: row.get_ref(0)?.as_blob().unwrap_or_default(),
            issue: row.get(1)?,
            vault: row.get_ref(2)?.as_blob().unwrap_or_default(),
            author: text(3)?,
            wall: row.get(4)?,
            tick: row.get(5)?,
            decided_at: row.get(6)?,
            deed: text(7)?,
        };
        if i64::from(activity.crc()) != row.get::<_, i64>(8)? {
            found.push(format!(
                "an activity of issue #{}: its row is damaged",
                activity.issue
            ));
        }
    }
    Ok(found)
}

fn stack_findings(conn: &Connection, decoder: &Decoder) -> rusqlite::Result<Vec<String>> {
    let mut all = conn.prepare("SELECT id, hash, data FROM stack")?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let (hash, data) = (
            row.get_ref(1)?,
            row.get_ref(2)?.as_blob().unwrap_or_default(),
        );
        match decoder.stack_json(data) {
            Ok(json)
                if hash
                    .as_blob()
                    .is_ok_and(|hash| blake3::hash(&json).as_bytes().starts_with(hash)) => {}
            Ok(_) => found.push(format!("stack {id} is not what its hash says")),
            Err(error) => found.push(format!("stack {id}: {}", error.message())),
        }
    }
    Ok(found)
}

/// A step that damage cuts short is a finding, not the end of the check.
fn collect(findings: &mut Vec<String>, found: rusqlite::Result<Vec<String>>) {
    match found {
        Ok(found) => {
            let more = found.len().saturating_sub(FINDINGS_MAX);
            findings.extend(found.into_iter().take(FINDINGS_MAX));
            if more > 0 {
                findings.push(format!("… and {more} more of this kind"));
            }
        }
        Err(source) => {
            let finding = format!("damaged file: {source}");
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
}

fn page_findings(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = texts(conn, &format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    found.retain(|line| line != "ok");
    Ok(found)
}

fn texts(conn: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn payload_findings(conn: &Connection, decoder: &Decoder) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(
        "SELECT e.event_id, y.codec, y.json_bytes, y.data
         FROM event_payload y CROSS JOIN event e ON e.ingest_sequence = y.event",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(payload_finding(conn, row, decoder)?);
    }
    Ok(found)
}

fn payload_finding(
    conn: &Connection,
    row: &Row<'_>,
    decoder: &Decoder,
) -> rusqlite::Result<Option<String>> {
    let id = crate::event::EventId::from_bytes(row.get(0)?);
    let (codec, json_bytes): (i64, i64) = (row.get(1)?, row.get(2)?);
    let data = row.get_ref(3)?.as_blob().unwrap_or_default();
    Ok(match decoder.json(conn, codec, data) {
        Ok(json) if json.len() as i64 == json_bytes => None,
        Ok(_) => Some(format!(
            "event {id}: the payload has another length than it says"
        )),
        Err(error) => Some(format!("event {id}: {}", error.message())),
    })
}
