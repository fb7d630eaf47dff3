//! Moving the journal into the store.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Instant;

use super::{Origin, Walk};
use crate::error::{Error, Result};
use crate::event::{Event, EventId, Flaw, Image, wire};
use crate::journal::{self, Flags, Kind, Scan, SegmentFile};
use crate::store::{Batch, NewEvent, Store};
use crate::time::Timestamp;

/// Events in one transaction.
const BATCH_EVENTS_MAX: usize = 256;
/// Segments of one process that are read at once: enough to put neighbours in order, little enough for memory.
const WINDOW_SEGMENTS: usize = 4;
/// Set on the offset of a segment whose counters are in the store too: what is left is to remove the file.
const CLOSED: u64 = 1 << 62;

/// How long a drain may take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DrainLimit {
    /// After this moment no new batch is begun; `None` for no limit.
    pub(crate) deadline: Option<Instant>,
}

impl DrainLimit {
    fn is_over(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// What a drain did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct DrainReport {
    /// Events that are in the vault now and were not before.
    pub events_new: u64,
    /// Events that had been there already.
    pub events_known: u64,
    /// Events that still wait because time was up, or another process is draining.
    pub waiting_count: u64,
    /// Damaged places in the journal that were passed over, and their bytes.
    pub torn_count: u64,
    /// Bytes of those places.
    pub torn_bytes: u64,
    /// Segments that were removed.
    pub segments_removed: u64,
    /// Files in the journal that could not be read; they were left as they are.
    pub faults: Vec<Error>,
    /// Whether another process holds the lease; then nothing was done here.
    pub is_elsewhere: bool,
}

/// Drains the journal in `directory` into `store`.
///
/// Events of one process are stored in the order of its sequence. Each batch is one transaction with the offsets it
/// reaches, so that an interruption at any point loses nothing and doubles nothing.
///
/// # Errors
/// What the store says; a segment that cannot be read is a fault in the report, not an error.
pub(crate) fn drain(
    directory: &Path,
    store: &mut dyn Store,
    walk: &mut Walk,
    limit: DrainLimit,
    now: Timestamp,
) -> Result<DrainReport> {
    let mut drain = Drain {
        store,
        walk,
        limit,
        now,
        report: DrainReport::default(),
        finished: Vec::new(),
    };
    let offsets = drain.store.offsets()?;
    let segments = journal::list(directory)?;
    drain.forget_vanished(&segments, &offsets)?;
    let mut processes: BTreeMap<[u8; 16], Vec<Pending>> = BTreeMap::new();
    for file in segments {
        let offset = offsets.get(&file.stem).copied().unwrap_or(0);
        if offset & CLOSED != 0 {
            drain.finished.push(file);
            continue;
        }
        match file.header() {
            Ok(header) => processes
                .entry(header.identity.process)
                .or_default()
                .push(Pending {
                    file,
                    offset,
                    number: header.number,
                    created_at_ns: header.created_at_ns,
                }),
            Err(fault) => drain.report.faults.push(fault),
        }
    }
    for pending in in_order_of_start(processes) {
        for window in pending.chunks(WINDOW_SEGMENTS) {
            drain.window(window)?;
        }
    }
    drain.remove_finished(directory)?;
    Ok(drain.report)
}

struct Pending {
    file: SegmentFile,
    offset: u64,
    number: u32,
    created_at_ns: i64,
}

/// The segments of each process by number, and the processes by the time of their first segment: so that issues found
/// in one drain are numbered as they came up. Ticks since boot are too coarse for that, and differ from boot to boot.
fn in_order_of_start(processes: BTreeMap<[u8; 16], Vec<Pending>>) -> Vec<Vec<Pending>> {
    let mut processes: Vec<Vec<Pending>> = processes.into_values().collect();
    for pending in &mut processes {
        pending.sort_by_key(|pending| pending.number);
    }
    processes.sort_by_key(|pending| pending.iter().map(|pending| pending.created_at_ns).min());
    processes
}

struct Drain<'d> {
    store: &'d mut dyn Store,
    walk: &'d mut Walk,
    limit: DrainLimit,
    now: Timestamp,
    report: DrainReport,
    finished: Vec<SegmentFile>,
}

/// A segment being drained, with what its events share.
struct Source {
    file: SegmentFile,
    scan: Scan,
    /// Everything before is in the store.
    offset: u64,
    base: Event,
    images: Vec<Image>,
    /// Ends of the event frames in the order of the file, and whether each is in the store (or the batch).
    taken: Vec<(u64, bool)>,
}

/// One event frame: which source, which entry of `taken`.
struct Waiting {
    source: usize,
    index: usize,
    sequence: u64,
}

impl Source {
    fn new(pending: &Pending, scan: Scan) -> Self {
        let mut source = Self {
            file: pending.file.clone(),
            offset: pending.offset,
            base: Event::new(),
            images: Vec::new(),
            taken: Vec::new(),
            scan,
        };
        for frame in source.scan.frames() {
            match frame.kind {
                Kind::Process => source.base = wire::decode(frame.body),
                Kind::Modules => source.images.extend(wire::decode(frame.body).images),
                Kind::Event => source.taken.push((frame.end, frame.end <= pending.offset)),
                Kind::Counts => {}
            }
        }
        source
    }

    /// How far the file is drained without a gap; its whole length once every event is taken.
    fn reached(&self) -> u64 {
        match self.taken.iter().find(|(_, is_taken)| !is_taken) {
            None => self.scan.end.max(self.offset),
            Some(_) => {
                let whole = self.taken.iter().take_while(|(_, is_taken)| *is_taken);
                whole
                    .last()
                    .map_or(self.offset, |(end, _)| *end)
                    .max(self.offset)
            }
        }
    }

    /// Counters between two places of the file, and what was torn there.
    fn counters(&self, from: u64, to: u64) -> Vec<(String, u64)> {
        let mut counters = Vec::new();
        let frames = self
            .scan
            .frames()
            .filter(|frame| frame.kind == Kind::Counts);
        for frame in frames.filter(|frame| from < frame.end && frame.end <= to) {
            for (name, count) in wire::decode(frame.body).tags {
                counters.extend(count.parse().ok().map(|count| (name, count)));
            }
        }
        let (count, bytes) = self.torn(from, to);
        if count > 0 {
            counters.push(("torn".into(), count));
            counters.push(("torn_bytes".into(), bytes));
        }
        counters
    }

    fn torn(&self, from: u64, to: u64) -> (u64, u64) {
        let torn = self
            .scan
            .skipped
            .iter()
            .filter(|range| from <= range.start && range.start < to);
        torn.fold((0, 0), |(count, bytes), range| {
            (count + 1, bytes + range.end - range.start)
        })
    }
}

impl Drain<'_> {
    /// Offsets of files that are gone have no use.
    fn forget_vanished(
        &mut self,
        segments: &[SegmentFile],
        offsets: &BTreeMap<String, u64>,
    ) -> Result<()> {
        let present: HashSet<&str> = segments
            .iter()
            .map(|segment| segment.stem.as_str())
            .collect();
        let gone: Vec<String> = offsets
            .keys()
            .filter(|stem| !present.contains(stem.as_str()))
            .cloned()
            .collect();
        if gone.is_empty() {
            Ok(())
        } else {
            self.store.forget_segments(&gone)
        }
    }

    fn window(&mut self, window: &[Pending]) -> Result<()> {
        let mut sources = Vec::new();
        for pending in window {
            match pending.file.scan() {
                Ok(scan) => sources.push(Source::new(pending, scan)),
                Err(fault) => self.report.faults.push(fault),
            }
        }
        let waiting = in_order(&sources);
        let mut rest = waiting.as_slice();
        while !rest.is_empty() {
            if self.limit.is_over() {
                self.report.waiting_count += rest.len() as u64;
                return Ok(());
            }
            let (now, later) = rest.split_at(rest.len().min(BATCH_EVENTS_MAX));
            self.batch(&mut sources, now)?;
            rest = later;
        }
        self.close(sources)
    }

    fn batch(&mut self, sources: &mut [Source], waiting: &[Waiting]) -> Result<()> {
        let events = self.digest(sources, waiting);
        for event in waiting {
            sources[event.source].taken[event.index].1 = true;
        }
        self.commit(sources, events)
    }

    /// Stores events together with how far each source is now drained, and the counters on that way.
    fn commit(&mut self, sources: &mut [Source], events: Vec<NewEvent>) -> Result<()> {
        let mut batch = Batch {
            events,
            ..Batch::default()
        };
        for source in sources.iter() {
            let reached = source.reached();
            if reached > source.offset {
                batch
                    .counters
                    .extend(source.counters(source.offset, reached));
                batch.offsets.push((source.file.stem.clone(), reached));
            }
        }
        if batch.events.is_empty() && batch.offsets.is_empty() {
            return Ok(());
        }
        let committed = self.store.commit(&batch)?;
        self.report.events_new += committed.events_new;
        self.report.events_known += committed.events_known;
        for source in sources {
            let reached = source.reached();
            let (count, bytes) = source.torn(source.offset, reached);
            self.report.torn_count += count;
            self.report.torn_bytes += bytes;
            source.offset = reached;
        }
        Ok(())
    }

    fn digest(&mut self, sources: &[Source], waiting: &[Waiting]) -> Vec<NewEvent> {
        let mut by_source: BTreeMap<(usize, usize), NewEvent> = BTreeMap::new();
        for (index, source) in sources.iter().enumerate() {
            let wanted: HashSet<usize> = waiting
                .iter()
                .filter(|w| w.source == index)
                .map(|w| w.index)
                .collect();
            let frames = source
                .scan
                .frames()
                .filter(|frame| frame.kind == Kind::Event)
                .enumerate();
            for (place, frame) in frames.filter(|(place, _)| wanted.contains(place)) {
                let event = read_event(source, &frame);
                let origin = Origin {
                    received_at: self.now,
                    process: source.scan.header.identity.process,
                    sequence: frame.sequence,
                };
                by_source.insert(
                    (index, place),
                    self.walk.digest(event, &source.images, origin),
                );
            }
        }
        waiting
            .iter()
            .filter_map(|w| by_source.remove(&(w.source, w.index)))
            .collect()
    }

    /// Writes down the rest of sources that are wholly drained; those whose writer has ended can go.
    fn close(&mut self, mut sources: Vec<Source>) -> Result<()> {
        self.commit(&mut sources, Vec::new())?;
        for source in sources
            .into_iter()
            .filter(|source| source.scan.is_ownerless)
        {
            if source.scan.foreign_count > 0 {
                // Frames of a newer version or a sealed vault: a later reader can still use them.
                continue;
            }
            let mut batch = Batch::default();
            batch
                .offsets
                .push((source.file.stem.clone(), source.offset | CLOSED));
            let lost = source.scan.header.lost_count;
            if lost > 0 {
                batch.counters.push(("lost".into(), lost));
            }
            self.store.commit(&batch)?;
            self.finished.push(source.file);
        }
        Ok(())
    }

    /// Removes files whose events surely survive, then what served only them.
    fn remove_finished(&mut self, directory: &Path) -> Result<()> {
        journal::remove_stale_temporaries(directory);
        if self.finished.is_empty() {
            return Ok(());
        }
        self.store.sync()?;
        let mut removed = Vec::new();
        for file in self.finished.drain(..) {
            if std::fs::remove_file(&file.path).is_ok() {
                removed.push(file.stem);
            }
        }
        self.report.segments_removed = removed.len() as u64;
        self.store.forget_segments(&removed)?;
        remove_unused_symbols(directory);
        Ok(())
    }
}

/// The events that are not drained yet, in the order of their process.
fn in_order(sources: &[Source]) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    for (source, content) in sources.iter().enumerate() {
        let frames = content
            .scan
            .frames()
            .filter(|frame| frame.kind == Kind::Event)
            .enumerate();
        for (index, frame) in frames.filter(|(_, frame)| frame.end > content.offset) {
            waiting.push(Waiting {
                source,
                index,
                sequence: frame.sequence,
            });
        }
    }
    waiting.sort_by_key(|waiting| waiting.sequence);
    waiting
}

fn read_event(source: &Source, frame: &journal::Frame<'_>) -> Event {
    let mut event = if frame.flags.contains(Flags::JSON) {
        Event::from_json(frame.body).unwrap_or_else(|error| {
            let mut event = source.base.clone();
            event.flaws.push(Flaw::new("event", error.to_string()));
            event
        })
    } else {
        let mut event = source.base.clone();
        wire::decode_onto(&mut event, frame.body);
        event
    };
    if event.event_id.is_nil() {
        event.event_id = EventId::from_bytes(frame.id);
    }
    event
}

/// Hard links of executables go when no segment is left that names them.
fn remove_unused_symbols(journal_directory: &Path) {
    let Some(symbols) = journal_directory.parent().map(|home| home.join("symbols")) else {
        return;
    };
    let Ok(segments) = journal::list(journal_directory) else {
        return;
    };
    let mut used = HashSet::new();
    for segment in segments {
        match segment.header() {
            Ok(header) => used.insert(header.identity.symbols_key),
            // What cannot be read may need any of them.
            Err(_) => return,
        };
    }
    let Ok(entries) = std::fs::read_dir(&symbols) else {
        return;
    };
    for entry in entries.flatten() {
        // Files with an extension were put there on purpose.
        let name = entry.file_name().to_string_lossy().into_owned();
        if !used.contains(&name) && !name.contains('.') {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Events in the journal that are not in the store yet, and segments whose writers live.
///
/// # Errors
/// What the store says; segments that cannot be read are passed over.
pub(crate) fn count_waiting(directory: &Path, store: &dyn Store) -> Result<Waited> {
    let offsets = store.offsets()?;
    let mut waited = Waited::default();
    for file in journal::list(directory)? {
        waited.journal_bytes += file.bytes;
        let offset = offsets.get(&file.stem).copied().unwrap_or(0);
        let Ok(scan) = file.scan() else {
            waited.unreadable_count += 1;
            continue;
        };
        waited.writers_alive += u64::from(!scan.is_ownerless && !scan.header.is_preallocated);
        waited.lost_count += scan.header.lost_count;
        if scan.header.last_errno != 0 {
            waited.last_errno = scan.header.last_errno;
        }
        waited.foreign_count += scan.foreign_count;
        let frames = scan
            .frames()
            .filter(|frame| frame.kind == Kind::Event && frame.end > offset);
        waited.events += frames.count() as u64;
    }
    Ok(waited)
}

/// What a journal holds that is not drained.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waited {
    pub(crate) events: u64,
    pub(crate) writers_alive: u64,
    pub(crate) unreadable_count: u64,
    pub(crate) foreign_count: u64,
    /// Losses that living writers have noted and that are not yet among the store's counters.
    pub(crate) lost_count: u64,
    pub(crate) last_errno: u32,
    pub(crate) journal_bytes: u64,
}
