//! A store as text: every record and everything derived, in an order of its own, so that two can be compared.
//!
//! What depends on the order of work alone (ids of keys and values, segments of the full-text index, rows that nothing
//! names any more) is left out or told by what it stands for.

use std::io::Write;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::Failed;
use super::side::Side;
use crate::error::Error;

/// Ground records: a name, then rows in the order of their keys.
const GROUND: [(&str, &str); 15] = [
    ("project", "SELECT id, name FROM project ORDER BY id"),
    (
        "issue_number",
        "SELECT number, issue, project FROM issue_number ORDER BY number",
    ),
    (
        "variant_join",
        "SELECT id, project, variant, issue, reason, parts, algorithm, joined_at FROM variant_join ORDER BY id",
    ),
    (
        "variant_sketch",
        "SELECT id, variant, sketch FROM variant_sketch ORDER BY id",
    ),
    (
        "variant_comparison",
        "SELECT variant, comparison FROM variant_comparison ORDER BY variant",
    ),
    (
        "function_name",
        "SELECT name, text FROM function_name ORDER BY name",
    ),
    (
        "event",
        "SELECT ingest_sequence, event_id, variant, level, time, received_at, process, sequence
         FROM event ORDER BY ingest_sequence",
    ),
    (
        "event_payload",
        "SELECT event, codec, json_bytes, data, stacks FROM event_payload ORDER BY event",
    ),
    (
        "stack",
        "SELECT id, hash, json_bytes, data FROM stack ORDER BY id",
    ),
    ("dictionary", "SELECT id, data FROM dictionary ORDER BY id"),
    (
        "activity",
        "SELECT sequence, id, issue, vault, author, wall, tick, deed, decided_at FROM activity ORDER BY sequence",
    ),
    (
        "tombstone",
        "SELECT event_id, removed_at FROM tombstone ORDER BY event_id",
    ),
    (
        "residue",
        "SELECT shelf, hour, level, count, first_seen FROM residue ORDER BY shelf, hour",
    ),
    (
        "attachment",
        "SELECT id, event_id, name, content_type, kind, hash, bytes, added_at FROM attachment ORDER BY id",
    ),
    (
        "item",
        "SELECT id, item_key, kind, project, event_id, received_at, head, bytes, data FROM item ORDER BY id",
    ),
];

/// Derived state, likewise.
const DERIVED: [(&str, &str); 19] = [
    ("placement", "SELECT event, issue, time, is_moved FROM derived_placement ORDER BY event"),
    (
        "shelf",
        "SELECT id, issue FROM derived_shelf s WHERE EXISTS (SELECT 1 FROM derived_placement p
             JOIN event e ON e.ingest_sequence = p.event
             WHERE p.issue = s.issue AND s.id = CASE WHEN p.is_moved THEN 1073741824 + p.issue ELSE e.variant END)
         ORDER BY id",
    ),
    (
        "issue",
        "SELECT number, project, status, level, first_seen, last_seen, seen_count, user_count, last_event, platform,
             title, culprit, state, own_title, is_regressed, assignee, severity, is_bookmarked, review
         FROM derived_issue ORDER BY number",
    ),
    ("label", "SELECT issue, key, value FROM derived_label ORDER BY issue, key"),
    ("hour", "SELECT issue, hour, count FROM derived_hour ORDER BY issue, hour"),
    (
        "issue_value",
        "SELECT c.issue, k.is_tag, k.name, v.text, c.count FROM derived_issue_value c
         JOIN derived_value v ON v.id = c.value JOIN derived_key k ON k.id = v.key
         ORDER BY c.issue, k.is_tag, k.name, v.text",
    ),
    (
        "issue_user",
        "SELECT c.issue, k.name, v.text, c.count FROM derived_issue_user c
         JOIN derived_value v ON v.id = c.value JOIN derived_key k ON k.id = v.key
         ORDER BY c.issue, k.name, v.text",
    ),
    ("posting", "SELECT stack, document FROM derived_posting ORDER BY stack, document"),
    ("shelf_stack", "SELECT shelf, stack, first FROM derived_shelf_stack ORDER BY shelf, stack"),
    ("total", "SELECT events, payload_bytes, json_bytes FROM derived_total"),
    ("bearer", "SELECT project, name, sketch FROM derived_bearer ORDER BY project, name, sketch"),
    ("issue_name", "SELECT issue, name FROM derived_issue_name ORDER BY issue, name"),
    ("spread", "SELECT project, name, issues FROM derived_spread ORDER BY project, name"),
    ("compared", "SELECT project, issues FROM derived_compared ORDER BY project"),
    ("alias", "SELECT issue, target FROM derived_alias ORDER BY issue"),
    ("taken_out", "SELECT project, variant, issue FROM derived_taken_out ORDER BY project, variant"),
    ("text", "SELECT term, doc, col, offset FROM temp.dump_text WHERE col <> 'term'"),
    (
        "term",
        "SELECT t.doc, t.offset, CASE substr(t.term, 1, 1)
             WHEN char(57347) THEN (SELECT k.is_tag || k.name || '=' || v.text FROM derived_value v
                 JOIN derived_key k ON k.id = v.key WHERE v.id = CAST(substr(t.term, 2) AS INTEGER))
             WHEN char(57348) THEN (SELECT k.is_tag || k.name FROM derived_key k
                 WHERE k.id = CAST(substr(t.term, 2) AS INTEGER))
             ELSE t.term END
         FROM temp.dump_text t WHERE t.col = 'term' ORDER BY t.doc, t.offset",
    ),
    (
        "stack_text",
        "SELECT term, doc, col, offset FROM temp.dump_stack_text
         WHERE doc IN (SELECT stack FROM derived_posting)",
    ),
];

const INDEXES: [&str; 2] = ["text", "stack_text"];

/// Writes everything, one line for each row.
pub(super) fn dump(conn: &Connection, out: &mut dyn Write) -> Result<(), Failed> {
    let transaction = conn.unchecked_transaction()?;
    let mut write =
        |line: &str| writeln!(out, "{line}").map_err(|source| cannot_write(source).into());
    for (name, sql) in GROUND {
        lines(&transaction, name, sql, &mut write)?;
    }
    look_into(&transaction, Side::Live)?;
    for (name, sql) in DERIVED {
        lines(&transaction, name, sql, &mut write)?;
    }
    Ok(())
}

fn cannot_write(source: std::io::Error) -> Error {
    Error::new(crate::error::ErrorKind::Io, "dump", "cannot write the dump").with_source(source)
}

/// Where what is read differs from what was rebuilt beside it: for each kind of row the first difference.
pub(super) fn differences(conn: &Connection) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for (name, sql) in DERIVED {
        let mut sides = [Side::Live, Side::Rebuilt].map(|side| (side, Vec::new()));
        for (side, rows) in &mut sides {
            look_into(conn, *side)?;
            // Hashes of the lines: those of a million events would not fit into memory.
            lines(conn, name, &side.sql(sql), &mut |line| {
                rows.push(short_hash(line));
                Ok(())
            })?;
        }
        let [(_, live), (_, rebuilt)] = &sides;
        if live != rebuilt {
            let place = live.iter().zip(rebuilt).position(|(a, b)| a != b);
            let place = place.unwrap_or(live.len().min(rebuilt.len()));
            found.push(difference(conn, name, sql, place)?);
        }
    }
    Ok(found)
}

fn short_hash(line: &str) -> u64 {
    let hash = blake3::hash(line.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn difference(
    conn: &Connection,
    name: &str,
    sql: &'static str,
    place: usize,
) -> Result<String, Failed> {
    let mut told = [Side::Live, Side::Rebuilt].map(|side| (side, String::from("nothing")));
    for (side, text) in &mut told {
        look_into(conn, *side)?;
        let mut count = 0;
        lines(conn, name, &side.sql(sql), &mut |line| {
            if count == place {
                *text = line.chars().take(200).collect();
            }
            count += 1;
            Ok(())
        })?;
    }
    let [(_, live), (_, rebuilt)] = told;
    Ok(format!("{name}: found {live}, should be {rebuilt}"))
}

/// Makes the words of the full-text indexes readable, in tables of this connection alone.
fn look_into(conn: &Connection, side: Side) -> rusqlite::Result<()> {
    let prefix = match side {
        Side::Live => "derived",
        Side::Rebuilt => "rebuilt",
    };
    for index in INDEXES {
        conn.execute_batch(&format!(
            "DROP TABLE IF EXISTS temp.dump_{index};
             CREATE VIRTUAL TABLE temp.dump_{index} USING fts5vocab (main, {prefix}_{index}, instance);"
        ))?;
    }
    Ok(())
}

fn lines(
    conn: &Connection,
    name: &str,
    sql: &str,
    take: &mut dyn FnMut(&str) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut statement = conn.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut line = String::new();
    while let Some(row) = rows.next()? {
        line.clear();
        line.push_str(name);
        for column in 0..columns {
            line.push('\t');
            put(&mut line, row, column)?;
        }
        take(&line)?;
    }
    Ok(())
}

fn put(line: &mut String, row: &Row<'_>, column: usize) -> rusqlite::Result<()> {
    use std::fmt::Write;
    let written = match row.get_ref(column)? {
        ValueRef::Null => write!(line, "-"),
        ValueRef::Integer(number) => write!(line, "{number}"),
        ValueRef::Real(number) => write!(line, "{number}"),
        ValueRef::Text(text) => write!(line, "{:?}", String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => bytes.iter().try_for_each(|byte| write!(line, "{byte:02x}")),
    };
    // Writing into a text cannot fail.
    written.map_err(|_| rusqlite::Error::InvalidQuery)
}
