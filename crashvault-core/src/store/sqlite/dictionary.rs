//! What payloads have in common, learnt from the newest ones, so that each needs to hold only what is its own.

use rusqlite::{Connection, params};

use super::Failed;
use super::payload::{self, Decoder};
use super::write;
use crate::error::{Error, ErrorKind};
use crate::time::Timestamp;

/// Events before the first dictionary is made; each later one when there are [`GROWTH`] times as many.
const EVENTS_FIRST: i64 = 1_000;
const GROWTH: i64 = 16;
/// Payloads to learn from.
const SAMPLES_MAX: i64 = 2_000;
const SAMPLE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// zstd's command takes 110 KB; half of it serves as well here and is loaded faster by a short-lived reader.
const DICTIONARY_BYTES: usize = 48 * 1024;

/// Makes a dictionary if the vault has grown enough since the last one.
pub(super) fn train_if_due(
    conn: &mut Connection,
    decoder: &Decoder,
    now: Timestamp,
) -> Result<(), Failed> {
    let Some(events) = due(conn)? else {
        return Ok(());
    };
    let samples = samples(conn, decoder)?;
    // Too little, or nothing in common: not an error, only no gain.
    let Ok(data) = zstd::dict::from_samples(&samples, DICTIONARY_BYTES) else {
        return Ok(());
    };
    let id = zstd::zstd_safe::get_dict_id_from_dict(&data).ok_or_else(|| {
        Error::new(
            ErrorKind::Internal,
            "train dictionary",
            "the dictionary has no id",
        )
    })?;
    let transaction = write::begin(conn)?;
    if due(&transaction)?.is_some() {
        transaction.execute(
            "INSERT OR IGNORE INTO dictionary (id, data, made_at, events) VALUES (?1, ?2, ?3, ?4)",
            params![id.get(), data, now.as_nanos(), events],
        )?;
        transaction.commit()?;
    }
    Ok(())
}

/// How many events there are, if that is enough for a new dictionary.
fn due(conn: &Connection) -> rusqlite::Result<Option<i64>> {
    let (events, trained): (i64, Option<i64>) = conn.query_row(
        "SELECT events, (SELECT max(events) FROM dictionary) FROM derived_total",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let needed = trained.map_or(EVENTS_FIRST, |trained| trained.saturating_mul(GROWTH));
    Ok((events >= needed).then_some(events))
}

fn samples(conn: &Connection, decoder: &Decoder) -> Result<Vec<Vec<u8>>, Failed> {
    let mut newest = conn.prepare(
        "SELECT codec, data FROM event_payload WHERE codec = ?1 ORDER BY event DESC LIMIT ?2",
    )?;
    let mut rows = newest.query([payload::CODEC_APART, SAMPLES_MAX])?;
    let (mut samples, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let data = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let json = decoder.json(conn, row.get(0)?, data)?;
        bytes += json.len();
        if bytes > SAMPLE_BYTES_MAX {
            break;
        }
        samples.push(json);
    }
    Ok(samples)
}
