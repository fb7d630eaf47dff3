//! Payloads of format 1 → as they are kept now, their stacks apart.

use rusqlite::{Connection, params};

use super::Failed;
use super::payload::{CODEC_WHOLE, Decoder, Encoder, Packed};
use super::write;

/// Payloads read together.
const STEP_EVENTS: i64 = 500;

/// Packs all payloads of the old codec anew.
pub(super) fn repack(conn: &Connection, decoder: &Decoder) -> Result<(), Failed> {
    let mut encoder = Encoder::new()?;
    loop {
        let step = old_payloads(conn)?;
        if step.is_empty() {
            return Ok(());
        }
        for (event, data) in step {
            let packed = Packed {
                codec: CODEC_WHOLE,
                data: &data,
                stacks: &[],
            };
            let payload = encoder.encode_one(&decoder.event(conn, &packed)?)?;
            write::replace_payload(conn, &mut encoder, event, &payload)?;
        }
    }
}

fn old_payloads(conn: &Connection) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    conn.prepare_cached("SELECT event, data FROM event_payload WHERE codec = ?1 LIMIT ?2")?
        .query_map(params![CODEC_WHOLE, STEP_EVENTS], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect()
}
