//! A damaged database → the events that can still be read.
//!
//! First through SQLite, around what is broken; then, for what is missing, from the pages themselves.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

use super::carve::{Cell, Pages};
use super::open::{beside, open_immutable};
use super::payload::{CODEC_APART, CODEC_WHOLE, Decoder, JSON_BYTES_MAX, PackedRow, stack_ids};
use crate::error::{Error, Result};
use crate::event::{Event, Frame, read_frames};

/// Places asked one by one between two that can be read.
const GAP_MAX: i64 = 2_000_000;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const DICTIONARY_MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rescued {
    /// Events.
    pub(crate) events: u64,
    /// Those of them that lack stacks.
    pub(crate) incomplete: u64,
    /// Events that are known to be there and cannot be read.
    pub(crate) unreadable: u64,
}

/// Hands out each event that can be read, once.
///
/// # Errors
/// Io if the file cannot be read at all; what `put` says.
pub(crate) fn rescue(path: &Path, put: &mut dyn FnMut(&Event) -> Result<()>) -> Result<Rescued> {
    let mut rescue = Rescue {
        put,
        done: HashSet::new(),
        failed: BTreeSet::new(),
        rescued: Rescued::default(),
    };
    let known = rescue.read_tables(path)?;
    let is_all = known
        .as_ref()
        .is_some_and(|known| known.iter().all(|id| rescue.done.contains(id)));
    if !is_all {
        rescue.read_pages(path, known.as_ref())?;
    }
    let missing = match &known {
        Some(known) => known.iter().filter(|id| !rescue.done.contains(id)).count(),
        None => rescue
            .failed
            .iter()
            .filter(|id| !rescue.done.contains(id))
            .count(),
    };
    rescue.rescued.unreadable = missing as u64;
    Ok(rescue.rescued)
}

struct Rescue<'p> {
    put: &'p mut dyn FnMut(&Event) -> Result<()>,
    /// Ingest sequences of events that were handed out, and of those that met an obstacle.
    done: HashSet<i64>,
    failed: BTreeSet<i64>,
    rescued: Rescued,
}

const PAYLOAD: &str = "SELECT event, codec, data, stacks FROM event_payload";

impl Rescue<'_> {
    fn put(&mut self, sequence: i64, event: &Event) -> Result<()> {
        if self.done.insert(sequence) {
            (self.put)(event)?;
            self.rescued.events += 1;
        }
        Ok(())
    }

    /// The events that there should be, if that can be told.
    fn read_tables(&mut self, path: &Path) -> Result<Option<BTreeSet<i64>>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let usable = |conn: rusqlite::Result<Connection>| {
            conn.ok().filter(|conn| {
                conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
                    .is_ok()
            })
        };
        let conn = usable(Connection::open_with_flags(path, flags))
            .or_else(|| usable(open_immutable(path)));
        let Some(conn) = conn else {
            return Ok(None);
        };
        // Also looks at the cells of a page before it believes them.
        let _ = conn.pragma_update(None, "cell_size_check", true);
        let decoder = Decoder::new(path)?;
        let known = known(&conn);
        let low = self.walk(&conn, &decoder, &format!("{PAYLOAD} ORDER BY event"))?;
        if let Walked::Broken(low) = low {
            self.walk_back(&conn, &decoder, low)?;
        }
        for sequence in known.iter().flatten() {
            if !self.done.contains(sequence) {
                self.one(&conn, &decoder, *sequence)?;
            }
        }
        Ok(known)
    }

    fn walk_back(&mut self, conn: &Connection, decoder: &Decoder, low: i64) -> Result<()> {
        let sql = format!("{PAYLOAD} WHERE event > {low} ORDER BY event DESC");
        let last = conn.query_row("SELECT max(ingest_sequence) FROM event", [], |row| {
            row.get(0)
        });
        let last: i64 = last.unwrap_or(low.saturating_add(GAP_MAX));
        let high = match self.walk(conn, decoder, &sql)? {
            Walked::Whole => return Ok(()),
            Walked::Broken(0) => last.saturating_add(1),
            Walked::Broken(high) => high,
        };
        for sequence in low.saturating_add(1)..high.min(low.saturating_add(GAP_MAX)) {
            self.one(conn, decoder, sequence)?;
        }
        Ok(())
    }

    /// Goes as far as the pages let it.
    fn walk(&mut self, conn: &Connection, decoder: &Decoder, sql: &str) -> Result<Walked> {
        let mut last = 0;
        let Ok(mut statement) = conn.prepare(sql) else {
            return Ok(Walked::Broken(last));
        };
        let Ok(mut rows) = statement.query([]) else {
            return Ok(Walked::Broken(last));
        };
        loop {
            match rows.next() {
                Ok(Some(row)) => last = self.take(conn, decoder, row)?.unwrap_or(last),
                Ok(None) => return Ok(Walked::Whole),
                Err(_) => return Ok(Walked::Broken(last)),
            }
        }
    }

    fn one(&mut self, conn: &Connection, decoder: &Decoder, sequence: i64) -> Result<()> {
        let Ok(mut find) = conn.prepare_cached(&format!("{PAYLOAD} WHERE event = ?1")) else {
            return Ok(());
        };
        let Ok(mut rows) = find.query([sequence]) else {
            return Ok(());
        };
        match rows.next() {
            Ok(Some(row)) => self.take(conn, decoder, row).map(drop),
            Ok(None) => Ok(()),
            Err(_) => {
                self.failed.insert(sequence);
                Ok(())
            }
        }
    }

    /// The row's place, if it can be told.
    fn take(&mut self, conn: &Connection, decoder: &Decoder, row: &Row<'_>) -> Result<Option<i64>> {
        let Ok(sequence) = row.get::<_, i64>(0) else {
            return Ok(None);
        };
        let packed = || -> rusqlite::Result<PackedRow<'_>> {
            Ok(PackedRow {
                codec: row.get(1)?,
                data: row.get_ref(2)?.as_blob()?,
                stacks: row.get_ref(3)?.as_blob()?,
            })
        };
        match packed()
            .ok()
            .and_then(|packed| decoder.event(conn, &packed).ok())
        {
            Some(event) => self.put(sequence, &event)?,
            None => {
                self.failed.insert(sequence);
            }
        }
        Ok(Some(sequence))
    }

    /// What is missing, from the pages themselves. Only what is known to belong there, if that is known: a page may still
    /// hold what was deleted.
    fn read_pages(&mut self, path: &Path, known: Option<&BTreeSet<i64>>) -> Result<()> {
        let log = beside(path, "-wal");
        let pages = Pages::open(path, &log).map_err(|error| Error::io("rescue", path, error))?;
        let mut shared = Shared::default();
        pages.rows(&mut |id, row| shared.take(id, row));
        let mut failure = Ok(());
        pages.rows(&mut |sequence, row| {
            let is_wanted = !self.done.contains(&sequence)
                && known.is_none_or(|known| known.contains(&sequence));
            let [
                _,
                Cell::Number(codec),
                Cell::Number(_),
                Cell::Blob(data),
                Cell::Blob(stacks),
            ] = row.as_slice()
            else {
                return;
            };
            if !is_wanted || failure.is_err() || !data.starts_with(&ZSTD_MAGIC) {
                return;
            }
            match shared.event(*codec, data, stacks) {
                Some((event, is_complete)) => {
                    failure = self.put(sequence, &event);
                    self.rescued.incomplete += u64::from(!is_complete);
                }
                None => {
                    self.failed.insert(sequence);
                }
            }
        });
        failure
    }
}

enum Walked {
    Whole,
    /// The last row before the damage; 0 if there was none.
    Broken(i64),
}

/// The ingest sequences of all events, or nothing if they cannot all be read.
fn known(conn: &Connection) -> Option<BTreeSet<i64>> {
    let count = conn
        .query_row("SELECT count(*) FROM event NOT INDEXED", [], |row| {
            row.get::<_, i64>(0)
        })
        .optional()
        .ok()??;
    let mut all = conn
        .prepare("SELECT ingest_sequence FROM event NOT INDEXED")
        .ok()?;
    let found: rusqlite::Result<BTreeSet<i64>> =
        all.query_map([], |row| row.get(0)).ok()?.collect();
    found.ok().filter(|found| found.len() as i64 == count)
}

/// What payloads share, as the pages have it.
#[derive(Default)]
struct Shared {
    stacks: HashMap<i64, Vec<u8>>,
    dictionaries: HashMap<u32, Vec<u8>>,
}

impl Shared {
    fn take(&mut self, id: i64, row: Vec<Cell>) {
        match <[Cell; 4]>::try_from(row) {
            Ok([_, Cell::Blob(hash), Cell::Number(_), Cell::Blob(data)])
                if hash.len() == 16 && data.starts_with(&ZSTD_MAGIC) =>
            {
                let is_whole = |data: &[u8]| {
                    unpack(data, &[])
                        .is_some_and(|json| blake3::hash(&json).as_bytes().starts_with(&hash))
                };
                if is_whole(&data) {
                    self.stacks.insert(id, data);
                }
            }
            Ok([_, Cell::Blob(data), Cell::Number(_), Cell::Number(_)])
                if data.starts_with(&DICTIONARY_MAGIC) =>
            {
                if let Some(id) = zstd_safe::get_dict_id_from_dict(&data) {
                    self.dictionaries.insert(id.get(), data);
                }
            }
            _ => {}
        }
    }

    /// The event, and whether all its stacks are there.
    fn event(&self, codec: i64, data: &[u8], stacks: &[u8]) -> Option<(Event, bool)> {
        if codec != CODEC_WHOLE && codec != CODEC_APART {
            return None;
        }
        let dictionary = match zstd_safe::get_dict_id_from_frame(data) {
            Some(id) => self.dictionaries.get(&id.get())?.as_slice(),
            None => &[],
        };
        let mut event = Event::from_json(&unpack(data, dictionary)?).ok()?;
        let mut is_complete = true;
        if !stacks.is_empty() {
            let frames = stack_ids(stacks).map(|id| {
                let found = (id != 0).then(|| self.frames(id));
                is_complete &= !matches!(found, Some(None));
                found.flatten()
            });
            let frames: Vec<Option<Vec<Frame>>> = frames.collect();
            event.join(frames.iter().map(Option::as_deref));
        }
        Some((event, is_complete))
    }

    fn frames(&self, id: i64) -> Option<Vec<Frame>> {
        read_frames(&unpack(self.stacks.get(&id)?, &[])?).ok()
    }
}

fn unpack(data: &[u8], dictionary: &[u8]) -> Option<Vec<u8>> {
    let declared = zstd_safe::get_frame_content_size(data).ok().flatten()?;
    let declared = usize::try_from(declared.min(JSON_BYTES_MAX)).ok()?;
    Decompressor::with_dictionary(dictionary)
        .ok()?
        .decompress(data, declared)
        .ok()
}
