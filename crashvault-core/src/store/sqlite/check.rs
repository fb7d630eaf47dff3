//! Looks for damage: SQLite's own check, then whether what is derived agrees with what it was derived from.

use rusqlite::{Connection, Row};

use super::payload::Decoder;

/// Findings of one kind that are named; the rest are counted.
const FINDINGS_MAX: usize = 20;

/// Each lists rows that should not exist, as one text each.
const CONTRADICTIONS: [&str; 8] = [
    "SELECT 'row ' || coalesce(rowid, '?') || ' of ' || \"table\" || ' names a missing row of ' || parent
     FROM pragma_foreign_key_check",
    "SELECT 'event ' || lower(hex(e.event_id)) || ' has no payload' FROM event e
     WHERE NOT EXISTS (SELECT 1 FROM event_payload y WHERE y.event = e.ingest_sequence)",
    "SELECT 'event ' || lower(hex(e.event_id)) || ' belongs to no issue' FROM event e
     WHERE NOT EXISTS (SELECT 1 FROM placement p WHERE p.event = e.ingest_sequence)",
    "SELECT 'event ' || lower(hex(e.event_id)) || ' is listed under another time'
     FROM event e JOIN placement p ON p.event = e.ingest_sequence WHERE p.time <> e.time",
    "SELECT 'issue #' || i.number || ' says ' || i.seen_count || ' events and has ' || count(p.event)
     FROM issue i LEFT JOIN placement p ON p.issue = i.number
     GROUP BY i.number HAVING i.seen_count <> count(p.event)",
    "SELECT 'issue #' || i.number || ' was first or last seen at another time than it says'
     FROM issue i JOIN placement p ON p.issue = i.number
     GROUP BY i.number HAVING i.first_seen <> min(p.time) OR i.last_seen <> max(p.time)",
    "SELECT 'issue #' || i.number || ' names a last event that is missing' FROM issue i
     WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.event_id = i.last_event)",
    "SELECT 'the sums say ' || events || ' events and ' || payload_bytes || ' payload bytes, there are '
         || (SELECT count(*) FROM event) || ' and '
         || (SELECT coalesce(sum(length(data)), 0) FROM event_payload)
     FROM total WHERE events <> (SELECT count(*) FROM event)
         OR payload_bytes <> (SELECT coalesce(sum(length(data)), 0) FROM event_payload)
         OR json_bytes <> (SELECT coalesce(sum(json_bytes), 0) FROM event_payload)",
];

pub(super) fn check(conn: &Connection, decoder: &mut Decoder) -> rusqlite::Result<Vec<String>> {
    // One transaction: what is compared must be of one moment.
    let transaction = conn.unchecked_transaction()?;
    let mut findings = Vec::new();
    collect(&mut findings, page_findings(&transaction));
    for sql in CONTRADICTIONS {
        collect(&mut findings, texts(&transaction, sql));
    }
    collect(&mut findings, payload_findings(&transaction, decoder));
    Ok(findings)
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
    let mut found = texts(conn, &format!("PRAGMA quick_check({FINDINGS_MAX})"))?;
    found.retain(|line| line != "ok");
    Ok(found)
}

fn texts(conn: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn payload_findings(conn: &Connection, decoder: &mut Decoder) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(
        "SELECT e.event_id, y.codec, y.json_bytes, y.data
         FROM event_payload y CROSS JOIN event e ON e.ingest_sequence = y.event",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(payload_finding(row, decoder)?);
    }
    Ok(found)
}

fn payload_finding(row: &Row<'_>, decoder: &mut Decoder) -> rusqlite::Result<Option<String>> {
    let id = crate::event::EventId::from_bytes(row.get(0)?);
    let (codec, json_bytes): (i64, i64) = (row.get(1)?, row.get(2)?);
    let data = row.get_ref(3)?.as_blob().unwrap_or_default();
    Ok(match decoder.decode(codec, data) {
        Ok(json) if json.len() as i64 == json_bytes => None,
        Ok(_) => Some(format!(
            "event {id}: the payload has another length than it says"
        )),
        Err(error) => Some(format!("event {id}: {}", error.message())),
    })
}
