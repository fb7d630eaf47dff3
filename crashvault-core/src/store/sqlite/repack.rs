//! Payloads of format 1 → as they are kept now, their stacks apart.

use rusqlite::{Connection, params};

use super::Failed;
use super::payload::{CODEC_WHOLE, Decoder, Encoder, PackedRow, is_damage};
use super::write;

/// Payloads read together.
const STEP_EVENTS: i64 = 500;

/// Packs all payloads of the old codec anew, but those that are damaged: they stay for the check to name and for
/// whoever can repair them.
pub(super) fn repack(conn: &Connection, decoder: &Decoder) -> Result<(), Failed> {
    let mut encoder = Encoder::new()?;
    let mut reached = i64::MIN;
    loop {
        let step = old_payloads(conn, reached)?;
        if step.is_empty() {
            return Ok(());
        }
        for (event, data) in step {
            reached = event;
            let packed = PackedRow {
                codec: CODEC_WHOLE,
                data: &data,
                stacks: &[],
            };
            let read = decoder.event(conn, &packed);
            match read.and_then(|event| encoder.encode(&event)) {
                Ok(payload) => write::replace_payload(conn, &mut encoder, event, &payload)?,
                Err(error) if is_damage(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn old_payloads(conn: &Connection, after: i64) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    conn.prepare_cached(
        "SELECT event, data FROM event_payload WHERE codec = ?1 AND event > ?2 ORDER BY event LIMIT ?3",
    )?
    .query_map(params![CODEC_WHOLE, after, STEP_EVENTS], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?
    .collect()
}
