//! Event ↔ the bytes of its payload, with the stacks that events share kept once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe;

use super::super::needs_id;
use super::failure::failure;
use super::gist::{Face, Gist};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Frame, put_key_of_frames, read_frames, write_frames};

/// The event's JSON as one zstd frame with checksum, no dictionary: what format 1 wrote.
pub(super) const CODEC_WHOLE: i64 = 1;
/// The same without its stacks, perhaps with a dictionary.
pub(super) const CODEC_APART: i64 = 2;

/// zstd's own default: of the time of a commit it takes a tenth.
const ZSTD_LEVEL: i32 = 3;

/// A payload that unpacks to more is damaged: no sender's limit comes near.
pub(super) const JSON_BYTES_MAX: u64 = 256 << 20;

/// JSON bytes of the stacks kept unpacked; in memory they take about three times as much.
const STACK_CACHE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Distinct stacks of one batch that are remembered.
const BATCH_STACKS_MAX: usize = 10_000;

/// All that the store keeps of an event, but for its row.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(super) payload: Payload,
    pub(super) gist: Gist,
    pub(super) face: Face,
}

impl Parts {
    pub(crate) fn bytes(&self) -> usize {
        self.payload.data.len() + self.gist.bytes()
    }
}

/// An event's payload as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) json_bytes: i64,
    pub(super) data: Vec<u8>,
    /// One for each stack trace of the event, `None` for one without frames.
    pub(super) stacks: Vec<Option<Arc<PackedStack>>>,
}

/// A stack as JSON, under its hash.
#[derive(Debug)]
pub(super) struct PackedStack {
    pub(super) hash: [u8; 16],
    pub(super) json: Vec<u8>,
}

impl PackedStack {
    fn new(json: Vec<u8>) -> Self {
        Self {
            hash: short_hash(&json),
            json,
        }
    }
}

fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    hash
}

/// Keeps its tables between events; making them costs as much as packing one.
pub(super) struct Encoder {
    /// Of stacks, which differ too much for a dictionary made of events.
    plain: Compressor<'static>,
    compressor: Compressor<'static>,
    dictionary: Option<i64>,
    /// The stacks of the batch that is being made, by the hash of their keys.
    stacks: HashMap<[u8; 16], Arc<PackedStack>>,
    key: Vec<u8>,
    is_in_batch: bool,
}

impl Encoder {
    pub(super) fn new() -> Result<Self> {
        Self::over(&[], None)
    }

    fn over(dictionary: &[u8], id: Option<i64>) -> Result<Self> {
        let packing_with = |dictionary: &[u8]| {
            let mut compressor = Compressor::with_dictionary(ZSTD_LEVEL, dictionary)?;
            // Four bytes that find a flipped bit, which SQLite does not look for inside a value.
            compressor.include_checksum(true)?;
            Ok(compressor)
        };
        Ok(Self {
            plain: packing_with(&[]).map_err(unpackable)?,
            compressor: packing_with(dictionary).map_err(unpackable)?,
            dictionary: id,
            stacks: HashMap::new(),
            key: Vec::new(),
            is_in_batch: false,
        })
    }

    /// A stack's JSON as it is stored: a zstd frame with checksum.
    pub(super) fn pack_stack(&mut self, json: &[u8]) -> Result<Vec<u8>> {
        self.plain.compress(json).map_err(unpackable)
    }

    /// Begins a batch if none has begun: takes up the newest dictionary of the vault.
    pub(super) fn begin_batch(&mut self, conn: &Connection, path: &Path) -> Result<()> {
        if self.is_in_batch {
            return Ok(());
        }
        self.use_newest(conn, path)?;
        self.is_in_batch = true;
        Ok(())
    }

    /// Whether the dictionary of the batch is there. One that is not the newest any more can be removed after a while.
    pub(super) fn has_dictionary(&self, conn: &Connection) -> rusqlite::Result<bool> {
        match self.dictionary {
            None => Ok(true),
            Some(id) => conn
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM dictionary WHERE id = ?1)")?
                .query_row([id], |row| row.get(0)),
        }
    }

    pub(super) fn end_batch(&mut self) {
        self.stacks.clear();
        self.is_in_batch = false;
    }

    fn use_newest(&mut self, conn: &Connection, path: &Path) -> Result<()> {
        let newest = newest_dictionary(conn).map_err(|source| failure("commit", path, source))?;
        match newest {
            Some(id) if self.dictionary != Some(id) => {
                let data =
                    dictionary(conn, id).map_err(|source| failure("commit", path, source))?;
                *self = Self::over(&data.unwrap_or_default(), Some(id))?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn take_apart(&mut self, event: &Event) -> Result<Parts> {
        Ok(Parts {
            payload: self.encode(event)?,
            gist: Gist::of(event),
            face: Face::of(event),
        })
    }

    pub(super) fn encode(&mut self, event: &Event) -> Result<Payload> {
        needs_id(event)?;
        let json = event.json_apart();
        Ok(Payload {
            json_bytes: json.len() as i64,
            data: self.compressor.compress(&json).map_err(unpackable)?,
            stacks: event
                .stacktraces()
                .map(|trace| self.stack(&trace.frames))
                .collect(),
        })
    }

    fn stack(&mut self, frames: &[Frame]) -> Option<Arc<PackedStack>> {
        if frames.is_empty() {
            return None;
        }
        self.key.clear();
        put_key_of_frames(frames, &mut self.key);
        let key = short_hash(&self.key);
        if let Some(known) = self.stacks.get(&key) {
            return Some(Arc::clone(known));
        }
        if self.stacks.len() >= BATCH_STACKS_MAX {
            self.stacks.clear();
        }
        let stack = Arc::new(PackedStack::new(write_frames(frames)));
        self.stacks.insert(key, Arc::clone(&stack));
        Some(stack)
    }
}

/// The id of the dictionary that new payloads are packed with.
pub(super) fn newest_dictionary(conn: &Connection) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM dictionary ORDER BY events DESC, id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

fn dictionary(conn: &Connection, id: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    conn.prepare_cached("SELECT data FROM dictionary WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()
}

fn unpackable(source: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, "commit", "cannot compress an event").with_source(source)
}

/// A payload as it lies in its row.
pub(super) struct PackedRow<'r> {
    pub(super) codec: i64,
    pub(super) data: &'r [u8],
    pub(super) stacks: &'r [u8],
}

/// The ids in a row's `stacks`.
pub(super) fn stack_ids(blob: &[u8]) -> impl Iterator<Item = i64> + '_ {
    let words = blob.chunks_exact(4);
    words.map(|word| i64::from(u32::from_le_bytes([word[0], word[1], word[2], word[3]])))
}

/// Keeps its tables, the dictionaries and the stacks used last between payloads.
pub(super) struct Decoder {
    path: PathBuf,
    plain: RefCell<Decompressor<'static>>,
    with_dictionary: RefCell<HashMap<u32, Decompressor<'static>>>,
    stacks: RefCell<StackCache>,
}

/// The stacks met last, in two halves: when the new one is full, the old one goes, so that what is met often stays.
#[derive(Default)]
struct StackCache {
    new: HashMap<i64, CachedStack>,
    new_json_bytes: usize,
    old: HashMap<i64, CachedStack>,
}

struct CachedStack {
    frames: Arc<[Frame]>,
    json_bytes: usize,
}

impl StackCache {
    fn get(&mut self, id: i64) -> Option<Arc<[Frame]>> {
        if let Some(known) = self.new.get(&id) {
            return Some(Arc::clone(&known.frames));
        }
        let known = self.old.remove(&id)?;
        let frames = Arc::clone(&known.frames);
        self.put(id, known);
        Some(frames)
    }

    fn put(&mut self, id: i64, stack: CachedStack) {
        if self.new_json_bytes + stack.json_bytes > STACK_CACHE_BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.new);
            self.new_json_bytes = 0;
        }
        self.new_json_bytes += stack.json_bytes;
        self.new.insert(id, stack);
    }
}

impl Decoder {
    pub(super) fn new(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            plain: RefCell::new(Decompressor::new().map_err(cannot_unpack)?),
            with_dictionary: RefCell::default(),
            stacks: RefCell::default(),
        })
    }

    /// The event of a payload, its stacks put back.
    pub(super) fn event(&self, conn: &Connection, packed: &PackedRow<'_>) -> Result<Event> {
        let mut event = self.event_apart(conn, packed)?;
        if !packed.stacks.is_empty() {
            let ids = stack_ids(packed.stacks);
            let stacks: Vec<Option<Arc<[Frame]>>> = ids
                .map(|id| (id != 0).then(|| self.stack(conn, id)).transpose())
                .collect::<Result<_>>()?;
            event.join(stacks.iter().map(Option::as_deref));
        }
        Ok(event)
    }

    /// The same without what its stacks share with others.
    pub(super) fn event_apart(&self, conn: &Connection, packed: &PackedRow<'_>) -> Result<Event> {
        Event::from_json(&self.json(conn, packed.codec, packed.data)?)
    }

    /// The JSON text of a payload without its stacks, its checksum compared.
    pub(super) fn json(&self, conn: &Connection, codec: i64, data: &[u8]) -> Result<Vec<u8>> {
        match codec {
            CODEC_WHOLE | CODEC_APART => {}
            other => {
                let message = format!(
                    "payload codec {other} is not known; this version reads up to {CODEC_APART}"
                );
                return Err(Error::new(ErrorKind::Unsupported, "read event", message));
            }
        }
        match zstd_safe::get_dict_id_from_frame(data) {
            None => unpack(&mut self.plain.borrow_mut(), data),
            Some(id) => self.unpack_with(conn, id.get(), data),
        }
    }

    fn unpack_with(&self, conn: &Connection, id: u32, data: &[u8]) -> Result<Vec<u8>> {
        let mut known = self.with_dictionary.borrow_mut();
        if let Some(decompressor) = known.get_mut(&id) {
            return unpack(decompressor, data);
        }
        let dictionary = dictionary(conn, id.into())
            .map_err(|source| failure("read event", &self.path, source))?
            .ok_or_else(|| corrupt(&format!("dictionary {id} of the payload is missing")))?;
        let decompressor = Decompressor::with_dictionary(&dictionary).map_err(cannot_unpack)?;
        unpack(known.entry(id).or_insert(decompressor), data)
    }

    /// The frames of a stack.
    pub(super) fn stack(&self, conn: &Connection, id: i64) -> Result<Arc<[Frame]>> {
        let mut cache = self.stacks.borrow_mut();
        if let Some(frames) = cache.get(id) {
            return Ok(frames);
        }
        let data: Option<Vec<u8>> = conn
            .prepare_cached("SELECT data FROM stack WHERE id = ?1")
            .and_then(|mut find| find.query_row([id], |row| row.get(0)).optional())
            .map_err(|source| failure("read event", &self.path, source))?;
        let data = data.ok_or_else(|| corrupt(&format!("stack {id} of the event is missing")))?;
        let json = unpack(&mut self.plain.borrow_mut(), &data)?;
        let frames: Arc<[Frame]> = read_frames(&json)?.into();
        let stack = CachedStack {
            frames: Arc::clone(&frames),
            json_bytes: json.len(),
        };
        cache.put(id, stack);
        Ok(frames)
    }

    /// What a stack's row holds, as it was packed.
    pub(super) fn stack_json(&self, data: &[u8]) -> Result<Vec<u8>> {
        unpack(&mut self.plain.borrow_mut(), data)
    }

    /// Forgets the stacks: their rows may have changed.
    pub(super) fn forget(&self) {
        *self.stacks.borrow_mut() = StackCache::default();
    }
}

/// Whether the payload itself is at fault, not the file around it.
pub(super) fn is_damage(error: &Error) -> bool {
    use ErrorKind::{Corrupt, InvalidInput, Unsupported};
    matches!(error.kind(), Corrupt | InvalidInput | Unsupported)
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read event", what)
}

fn cannot_unpack(source: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, "read event", "cannot decompress").with_source(source)
}

fn unpack(decompressor: &mut Decompressor<'static>, data: &[u8]) -> Result<Vec<u8>> {
    let declared = zstd_safe::get_frame_content_size(data)
        .ok()
        .flatten()
        .filter(|bytes| *bytes <= JSON_BYTES_MAX)
        .ok_or_else(|| corrupt("the payload has a damaged head"))?;
    decompressor
        .decompress(data, declared as usize)
        .map_err(|source| corrupt("the payload is damaged").with_source(source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK_BYTES: usize = STACK_CACHE_BYTES_MAX / 100;

    fn put(cache: &mut StackCache, id: i64) {
        let stack = CachedStack {
            frames: Arc::new([]),
            json_bytes: STACK_BYTES,
        };
        cache.put(id, stack);
    }

    #[test]
    fn stacks_that_are_kept_unpacked_take_no_more_however_many_come() {
        let mut cache = StackCache::default();
        for id in 0..10_000 {
            put(&mut cache, id);
            let kept = cache.new.values().chain(cache.old.values());
            assert!(kept.map(|stack| stack.json_bytes).sum::<usize>() <= STACK_CACHE_BYTES_MAX);
        }
    }

    #[test]
    fn a_stack_that_is_met_often_stays_unpacked() {
        let mut cache = StackCache::default();
        put(&mut cache, 0);
        for id in 1..10_000 {
            put(&mut cache, id);
            assert!(cache.get(0).is_some());
        }
        assert!(cache.get(1).is_none());
    }
}
