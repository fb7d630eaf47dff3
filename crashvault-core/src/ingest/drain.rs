//! Moving the journal into the store.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Instant;

use super::ending::{self, Ending};
use super::received::{self, Files, Received};
use super::{Origin, Walk, named, threads};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventId, Flaw, Image, wire};
use crate::journal::{self, Flags, Kind, Scan, SegmentFile};
use crate::store::{Attachment, Batch, Committed, NewEvent, NewItem, Packed, Store};
use crate::time::Timestamp;

/// Events in one transaction.
const BATCH_EVENTS_MAX: usize = 512;
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
    files: &mut dyn Files,
    limit: DrainLimit,
    now: Timestamp,
) -> Result<DrainReport> {
    walk.has_legacy = store.has_legacy()?;
    let mut drain = Drain {
        directory,
        store,
        walk,
        files,
        limit,
        now,
        report: DrainReport::default(),
        finished: Vec::new(),
        ending: Ending::default(),
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
                    is_place: header.is_place,
                }),
            Err(fault) => drain.report.faults.push(fault),
        }
    }
    for pending in in_order_of_start(processes) {
        let mut is_whole = true;
        for window in pending.chunks(WINDOW_SEGMENTS) {
            let sources = drain.scan(window);
            // Afterwards: what a process that died meanwhile said last is about frames that were read, never the other way
            // round.
            drain.ending = read_ending(&pending);
            is_whole &= drain.window(sources, is_whole)?;
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
    is_place: bool,
}

/// What the places for last words say is needed for events in any of the process's segments. One that cannot be read is
/// a fault when its turn comes.
fn read_ending(pending: &[Pending]) -> Ending {
    let mut ending = Ending::default();
    for place in pending.iter().filter(|pending| pending.is_place) {
        if let Ok(scan) = place.file.scan() {
            ending.add(scan, place.file.stacks());
        }
    }
    ending
}

/// The segments of each process by number, and the processes by the time of their first segment: so that issues found
/// in one drain are numbered as they came up. Ticks since boot are too coarse for that, and differ from boot to boot.
fn in_order_of_start(processes: BTreeMap<[u8; 16], Vec<Pending>>) -> Vec<Vec<Pending>> {
    let mut processes: Vec<Vec<Pending>> = processes.into_values().collect();
    for pending in &mut processes {
        // What the place says is needed until all others are drained.
        pending.sort_by_key(|pending| (pending.is_place, pending.number));
    }
    processes.sort_by_key(|pending| pending.iter().map(|pending| pending.created_at_ns).min());
    processes
}

struct Drain<'d> {
    directory: &'d Path,
    store: &'d mut dyn Store,
    walk: &'d mut Walk,
    files: &'d mut dyn Files,
    limit: DrainLimit,
    now: Timestamp,
    report: DrainReport,
    finished: Vec<SegmentFile>,
    /// Of the process whose segments are being drained.
    ending: Ending,
}

/// Frames of a batch, ready to be kept.
#[derive(Default)]
struct Digested {
    events: Vec<Packed>,
    items: Vec<NewItem>,
    files: Vec<Attachment>,
    /// How many cannot be kept.
    unstorable: u64,
}

/// A segment being drained, with what its events share.
struct Source {
    file: SegmentFile,
    scan: Scan,
    /// Everything before is in the store.
    offset: u64,
    /// Everything before was in the store when this drain began.
    begun_at: u64,
    base: Event,
    /// All module tables of the segment, one behind the other.
    images: Vec<Image>,
    /// Where each table's frame ends in the file, and how many of `images` stand up to its end.
    tables: Vec<(u64, usize)>,
    /// Ends of the frames that are taken one by one, in the order of the file, and whether each is in the store (or the batch).
    taken: Vec<(u64, bool)>,
}

/// One such frame: which source, which entry of `taken`.
struct Waiting {
    source: usize,
    index: usize,
    sequence: u64,
    id: [u8; 16],
}

impl Source {
    fn new(pending: &Pending, scan: Scan) -> Self {
        let mut source = Self {
            file: pending.file.clone(),
            offset: pending.offset,
            begun_at: pending.offset,
            base: Event::new(),
            images: Vec::new(),
            tables: Vec::new(),
            taken: Vec::new(),
            scan,
        };
        for frame in source.scan.frames() {
            match frame.kind {
                Kind::Process => source.base = wire::decode(frame.body),
                Kind::Modules => {
                    source.images.extend(wire::decode(frame.body).images);
                    source.tables.push((frame.end, source.images.len()));
                }
                Kind::Event | Kind::Received => {
                    source.taken.push((frame.end, frame.end <= pending.offset));
                }
                Kind::Counts | Kind::Amend => {}
            }
        }
        source
    }

    /// The binaries that an event's addresses lie in: of tables that overlap the last before the event holds, as
    /// symbolication lets later images win. What only an earlier one has (a library unloaded since) stays findable.
    fn images_at(&self, event_end: u64) -> &[Image] {
        let count = self.tables.partition_point(|(end, _)| *end <= event_end);
        let table = self.tables.get(count.saturating_sub(1));
        &self.images[..table.map_or(0, |(_, length)| *length)]
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

    /// What the process suppressed and had not yet written down.
    fn suppressed(&self) -> Vec<(String, u64)> {
        let counts = self.scan.black_box().map(|content| content.suppressed());
        let names = ["throttled", "sampled", "refused"].map(str::to_owned);
        let counts = names.into_iter().zip(counts.unwrap_or_default());
        counts.filter(|(_, count)| *count > 0).collect()
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

    fn scan(&mut self, window: &[Pending]) -> Vec<Source> {
        let mut sources = Vec::new();
        for pending in window {
            match pending.file.scan() {
                Ok(scan) => sources.push(Source::new(pending, scan)),
                Err(fault) => self.report.faults.push(fault),
            }
        }
        sources
    }

    /// Whether all of it is drained. Places are closed only if what came before is drained too.
    fn window(&mut self, mut sources: Vec<Source>, is_whole: bool) -> Result<bool> {
        let (held, waiting): (Vec<_>, Vec<_>) = in_order(&sources)
            .into_iter()
            .partition(|waiting| self.is_held(&sources[waiting.source], waiting));
        self.report.waiting_count += held.len() as u64;
        let mut rest = waiting.as_slice();
        while !rest.is_empty() {
            if self.limit.is_over() {
                self.report.waiting_count += rest.len() as u64;
                return Ok(false);
            }
            let (now, later) = rest.split_at(rest.len().min(BATCH_EVENTS_MAX));
            self.batch(&mut sources, now)?;
            rest = later;
        }
        let is_whole = is_whole && held.is_empty();
        self.close(sources, is_whole)?;
        Ok(is_whole)
    }

    fn is_held(&self, source: &Source, waiting: &Waiting) -> bool {
        let is_place = source.scan.header.is_place;
        !source.scan.is_ownerless && self.ending.holds(is_place, waiting.id, self.now)
    }

    fn batch(&mut self, sources: &mut [Source], waiting: &[Waiting]) -> Result<()> {
        let digested = self.digest(sources, waiting)?;
        for event in waiting {
            sources[event.source].taken[event.index].1 = true;
        }
        self.commit(sources, digested)
    }

    /// Stores events together with how far each source is now drained, and the counters on that way.
    fn commit(&mut self, sources: &mut [Source], digested: Digested) -> Result<()> {
        let mut batch = Batch {
            events: digested.events,
            items: digested.items,
            files: digested.files,
            ..Batch::default()
        };
        if digested.unstorable > 0 {
            let counter = ("unstorable".into(), digested.unstorable);
            batch.counters.push(counter);
        }
        for source in sources.iter() {
            let reached = source.reached();
            if reached > source.offset {
                batch
                    .counters
                    .extend(source.counters(source.offset, reached));
                batch.offsets.push((source.file.stem.clone(), reached));
            }
        }
        // What is beside events moves an offset too.
        if batch.events.is_empty() && batch.offsets.is_empty() && batch.counters.is_empty() {
            return Ok(());
        }
        match self.store.commit(&batch) {
            Ok(committed) => self.count(committed),
            Err(error) if is_about_an_event(&error) => self.commit_singly(batch)?,
            Err(error) => return Err(error),
        }
        for source in sources {
            let reached = source.reached();
            let (count, bytes) = source.torn(source.offset, reached);
            self.report.torn_count += count;
            self.report.torn_bytes += bytes;
            source.offset = reached;
        }
        Ok(())
    }

    fn count(&mut self, committed: Committed) {
        self.report.events_new += committed.events_new;
        self.report.events_known += committed.events_known;
    }

    /// One event that cannot be stored must not hold back the others: it is counted and passed over. The offsets come
    /// last; an interruption before finds the events known already.
    fn commit_singly(&mut self, mut batch: Batch) -> Result<()> {
        let mut unstorable = 0;
        for event in std::mem::take(&mut batch.events) {
            let alone = Batch {
                events: vec![event],
                ..Batch::default()
            };
            match self.store.commit(&alone) {
                Ok(committed) => self.count(committed),
                Err(error) if is_about_an_event(&error) => unstorable += 1,
                Err(error) => return Err(error),
            }
        }
        if unstorable > 0 {
            batch.counters.push(("unstorable".into(), unstorable));
        }
        self.store.commit(&batch)?;
        Ok(())
    }

    /// None for an event that cannot be stored.
    fn pack(&mut self, new: NewEvent) -> Result<Option<Packed>> {
        match self.store.pack(new) {
            Err(error) if is_about_an_event(&error) => Ok(None),
            packed => packed.map(Some),
        }
    }

    fn digest(&mut self, sources: &[Source], waiting: &[Waiting]) -> Result<Digested> {
        let mut by_source: BTreeMap<(usize, usize), Packed> = BTreeMap::new();
        let mut digested = Digested::default();
        for (index, source) in sources.iter().enumerate() {
            let wanted: HashSet<usize> = waiting
                .iter()
                .filter(|w| w.source == index)
                .map(|w| w.index)
                .collect();
            let frames = source
                .scan
                .frames()
                .filter(|frame| is_unit(frame.kind))
                .enumerate();
            for (place, frame) in frames.filter(|(place, _)| wanted.contains(place)) {
                if frame.kind == Kind::Received {
                    let event = self.receive(source, &frame, &mut digested)?;
                    by_source.extend(event.map(|packed| ((index, place), packed)));
                    continue;
                }
                let whole = self.ending.whole_of(frame.id);
                if whole.is_some_and(|whole| is_among(sources, whole)) {
                    continue;
                }
                let (mut event, images) = self.whole_event(sources, source, &frame);
                let language = &source.base.platform;
                named::read(&mut event, language, &mut self.walk.symbolizer);
                let origin = Origin {
                    received_at: self.now,
                    process: source.scan.header.identity.process,
                    sequence: frame.sequence,
                };
                let new = self.walk.digest(event, &images, origin);
                match self.pack(new)? {
                    Some(packed) => drop(by_source.insert((index, place), packed)),
                    None => digested.unstorable += 1,
                }
            }
        }
        let packed = waiting.iter();
        let packed = packed.filter_map(|w| by_source.remove(&(w.source, w.index)));
        digested.events = packed.collect();
        Ok(digested)
    }

    /// Takes in what was sent from outside: an event is the answer, anything else goes straight to what is digested.
    fn receive(
        &mut self,
        source: &Source,
        frame: &journal::Frame<'_>,
        digested: &mut Digested,
    ) -> Result<Option<Packed>> {
        let process = source.scan.header.identity.process;
        match received::read(frame, process, &self.walk.scrub_rules) {
            Received::Event(event, origin) => {
                let new = self.walk.digest(*event, &[], origin);
                let packed = self.pack(new)?;
                digested.unstorable += u64::from(packed.is_none());
                return Ok(packed);
            }
            Received::Item(item) => digested.items.push(item),
            Received::File(mut file, content) => {
                file.hash = self.files.put(&content)?;
                digested.files.push(file);
            }
            Received::Nothing => digested.unstorable += 1,
        }
        Ok(None)
    }

    /// An event with what the place for last words adds to it, and the binaries of its process.
    fn whole_event<'s>(
        &mut self,
        sources: &'s [Source],
        source: &'s Source,
        frame: &journal::Frame<'_>,
    ) -> (Event, Cow<'s, [Image]>) {
        let mut event = read_event(source, frame);
        let images = source.images_at(frame.end);
        for part in self.ending.parts_of(frame.id) {
            let found = sources.iter().find_map(|source| {
                let mut frames = source.scan.frames();
                let frame = frames.find(|frame| frame.kind == Kind::Event && frame.id == part)?;
                Some(read_event(source, &frame))
            });
            if let Some(part) = found {
                ending::absorb(&mut event, part);
            }
        }
        if !self.ending.concerns(source.scan.header.is_place, frame.id) {
            return (event, Cow::Borrowed(images));
        }
        let body = if frame.flags.contains(Flags::JSON) {
            &[]
        } else {
            frame.body
        };
        let mut images = images.to_vec();
        let symbolizer = &mut self.walk.symbolizer;
        self.ending
            .complete(&mut event, frame.id, body, &mut images, symbolizer);
        self.add_threads(&mut event, frame.id, &images);
        (event, Cow::Owned(images))
    }

    /// Adds what the receiver saw. Its dump stays: the vault keeps it with the event.
    fn add_threads(&mut self, event: &mut Event, id: [u8; 16], images: &[Image]) {
        match journal::read_dump(self.directory, EventId::from_bytes(id)) {
            Ok(None) => {}
            Ok(Some(dump)) => {
                threads::add_threads(event, &dump, images, &mut self.walk.symbolizer);
            }
            Err(error) => {
                let reason = format!("the dump of all threads cannot be read: {error}");
                event.flaws.push(Flaw::new("threads", reason));
            }
        }
    }

    /// The event of a process that ended without notice, if this is its place for last words.
    fn end_without_notice(&mut self, source: &Source) -> Result<Option<Packed>> {
        let id = id_of_place(source.scan.header.segment, 0);
        let is_place = source.scan.header.is_place;
        let stacks = is_place.then(|| source.file.stacks()).flatten();
        let told = ending::without_notice(&source.scan, stacks, &source.base, id);
        let Some(mut event) = told else {
            return Ok(None);
        };
        let language = &source.base.platform;
        named::read(&mut event, language, &mut self.walk.symbolizer);
        let origin = Origin {
            received_at: self.now,
            process: source.scan.header.identity.process,
            // After all others of the process.
            sequence: u64::from(u32::MAX),
        };
        let new = self.walk.digest(event, &source.images, origin);
        self.pack(new)
    }

    /// Writes down the rest of sources that are wholly drained; those whose writer has ended can go.
    fn close(&mut self, mut sources: Vec<Source>, is_whole: bool) -> Result<()> {
        self.commit(&mut sources, Digested::default())?;
        for source in sources
            .into_iter()
            .filter(|source| source.scan.is_ownerless)
        {
            if source.scan.foreign_count > 0 {
                // Frames of a newer version or a sealed vault: a later reader can still use them.
                continue;
            }
            let identity = &source.scan.header.identity;
            if source.scan.header.is_place && (!is_whole || ending::is_still_there(identity)) {
                continue;
            }
            let mut batch = Batch::default();
            batch.events.extend(self.end_without_notice(&source)?);
            batch.counters.extend(source.suppressed());
            batch
                .offsets
                .push((source.file.stem.clone(), source.offset | CLOSED));
            let lost = source.scan.header.lost_count;
            if lost > 0 {
                batch.counters.push(("lost".into(), lost));
                let errno = source.scan.header.last_errno;
                if errno != 0 {
                    batch.counters.push((format!("lost_errno:{errno}"), lost));
                }
            }
            let committed = self.store.commit(&batch)?;
            self.count(committed);
            self.finished.push(source.file);
        }
        Ok(())
    }

    /// Removes files whose events surely survive, then what served only them. Not now where others write all the time.
    fn remove_finished(&mut self, directory: &Path) -> Result<()> {
        match self.try_to_remove_finished(directory) {
            // The next drain removes them; what was stored must not look as if it had failed.
            Err(error) if error.kind() == ErrorKind::Busy => Ok(()),
            done => done,
        }
    }

    fn try_to_remove_finished(&mut self, directory: &Path) -> Result<()> {
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
        journal::remove_orphaned_stacks(directory);
        self.store.forget_segments(&removed)?;
        remove_unused_symbols(directory);
        Ok(())
    }
}

/// Whether a failed commit is the fault of what was to be stored, not of the place or the moment.
fn is_about_an_event(error: &Error) -> bool {
    !error.is_retryable() && matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Internal)
}

/// Whether this event is drained together with the sources' others; one that an earlier drain stored takes no parts in.
fn is_among(sources: &[Source], id: [u8; 16]) -> bool {
    sources.iter().any(|source| {
        let mut frames = source.scan.frames();
        frames
            .any(|frame| frame.kind == Kind::Event && frame.id == id && frame.end > source.begun_at)
    })
}

/// Whether a frame of this kind is taken for itself, and not as a part of another.
fn is_unit(kind: Kind) -> bool {
    matches!(kind, Kind::Event | Kind::Received)
}

/// What is not drained yet, in the order of their process.
fn in_order(sources: &[Source]) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    for (source, content) in sources.iter().enumerate() {
        let frames = content
            .scan
            .frames()
            .filter(|frame| is_unit(frame.kind))
            .enumerate();
        for (index, frame) in frames.filter(|(_, frame)| frame.end > content.offset) {
            waiting.push(Waiting {
                source,
                index,
                sequence: frame.sequence,
                id: frame.id,
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
    if event.event_id.is_nil() {
        event.event_id = id_of_place(source.scan.header.segment, frame.end);
        let reason = "missing; derived from the event's place in the journal";
        event.flaws.push(Flaw::new("event_id", reason));
    }
    event
}

/// The same at each drain, so that an event without an id is not doubled by an interruption.
fn id_of_place(segment: [u8; 16], end: u64) -> EventId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&segment);
    hasher.update(&end.to_le_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    EventId::from_bytes(id)
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
        if offset & CLOSED != 0 {
            // Its counters are the store's already.
            continue;
        }
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
            .filter(|frame| is_unit(frame.kind) && frame.end > offset);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::GroupRules;
    use crate::language::InAppRules;
    use crate::scrub::ScrubRules;
    use crate::store::{Access, SqliteStore};
    use crate::symbol::Symbolizer;

    fn walk() -> Walk {
        Walk {
            symbolizer: Symbolizer::new(None, InAppRules::default()),
            group_rules: GroupRules::default(),
            scrub_rules: ScrubRules::default(),
            has_legacy: false,
        }
    }

    fn event(walk: &mut Walk, id: u8) -> NewEvent {
        let mut event = Event::new();
        event.event_id = EventId::from_bytes([id; 16]);
        let origin = Origin {
            received_at: Timestamp::now(),
            process: [1; 16],
            sequence: id.into(),
        };
        walk.digest(event, &[], origin)
    }

    struct NoFiles;

    impl Files for NoFiles {
        fn put(&mut self, _: &[u8]) -> Result<[u8; 32]> {
            Ok([0; 32])
        }
    }

    fn drain_of<'d>(
        directory: &'d Path,
        store: &'d mut dyn Store,
        walk: &'d mut Walk,
        files: &'d mut dyn Files,
    ) -> Drain<'d> {
        Drain {
            directory,
            store,
            walk,
            files,
            limit: DrainLimit::default(),
            now: Timestamp::now(),
            report: DrainReport::default(),
            finished: Vec::new(),
            ending: Ending::default(),
        }
    }

    #[test]
    fn a_drained_file_stays_while_others_write_all_the_time() {
        let home = crate::scratch::scratch();
        let path = home.path().join("vault.db");
        let mut store = SqliteStore::open(&path, Access::ReadWrite).unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let segment = home.path().join("1-2-3.cvj");
        std::fs::write(&segment, "").unwrap();
        let mut walk = walk();
        let mut files = NoFiles;
        let mut drain = drain_of(home.path(), &mut store, &mut walk, &mut files);
        drain.finished.push(SegmentFile {
            stem: "1-2-3".into(),
            path: segment.clone(),
            bytes: 0,
        });
        drain.remove_finished(home.path()).unwrap();
        assert!(segment.exists());
    }

    /// Commits events with these ids; 0 cannot be stored.
    fn check_stored(ids: &[u8], expected_new: u64, expected_unstorable: Option<u64>) {
        let home = crate::scratch::scratch();
        let path = home.path().join("vault.db");
        let mut store = SqliteStore::open(&path, Access::ReadWrite).unwrap();
        let mut walk = walk();
        let events: Vec<NewEvent> = ids.iter().map(|id| event(&mut walk, *id)).collect();
        let mut files = NoFiles;
        let mut drain = drain_of(home.path(), &mut store, &mut walk, &mut files);
        let packed = events.into_iter().map(|new| drain.pack(new).unwrap());
        let packed: Vec<Option<Packed>> = packed.collect();
        let unstorable = packed.iter().filter(|packed| packed.is_none()).count();
        let packed: Vec<Packed> = packed.into_iter().flatten().collect();
        let digested = Digested {
            events: packed,
            unstorable: unstorable as u64,
            ..Digested::default()
        };
        drain.commit(&mut [], digested).unwrap();
        assert_eq!(drain.report.events_new, expected_new);
        let counters = store.counters().unwrap();
        assert_eq!(counters.get("unstorable").copied(), expected_unstorable);
    }

    #[test]
    fn events_that_can_be_stored_are_all_stored() {
        check_stored(&[1, 2, 3], 3, None);
    }

    #[test]
    fn one_event_that_cannot_be_stored_is_counted_and_passed_over() {
        check_stored(&[1, 0, 3], 2, Some(1));
    }

    #[test]
    fn symbols_that_somebody_added_outlive_the_links_of_programs() {
        let home = crate::scratch::scratch();
        let (journal, symbols) = (home.path().join("journal"), home.path().join("symbols"));
        for directory in [&journal, &symbols] {
            std::fs::create_dir(directory).unwrap();
        }
        let names = ["aa11", "aa11.debug", "aa11.elf", "bb22.sym"];
        for name in names {
            std::fs::write(symbols.join(name), "").unwrap();
        }
        remove_unused_symbols(&journal);
        let left = names.map(|name| symbols.join(name).exists());
        assert_eq!(left, [false, true, true, true]);
    }

    struct Nothing;

    impl journal::Preamble for Nothing {
        fn process(&self, _: &mut Vec<u8>) {}

        fn modules(&self, _: &mut Vec<u8>) -> u64 {
            1
        }
    }

    /// Drains a segment of one event whose head says these losses; counters of that begin with `lost`.
    fn check_losses(lost: u64, errno: u32, expected: &[(&str, u64)]) {
        let home = crate::scratch::scratch();
        let directory = home.path().join("journal");
        let writer = journal::Journal::new(
            directory.clone(),
            journal::Limits::default(),
            journal::Identity::default(),
            Box::new(Nothing),
            || [7; 16],
        );
        let entry = journal::Entry {
            kind: Kind::Event,
            flags: Flags::default(),
            id: [1; 16],
            durability: journal::Durability::Process,
            modules_generation: 1,
        };
        let mut frame = [0; journal::FRAME_HEADER_BYTES];
        writer.append(&mut frame, entry).unwrap();
        writer.close().unwrap();
        let path = &journal::list(&directory).unwrap()[0].path;
        let mut bytes = std::fs::read(path).unwrap();
        bytes[440..448].copy_from_slice(&lost.to_le_bytes());
        bytes[448..452].copy_from_slice(&errno.to_le_bytes());
        std::fs::write(path, bytes).unwrap();

        let path = home.path().join("vault.db");
        let mut store = SqliteStore::open(&path, Access::ReadWrite).unwrap();
        let limit = DrainLimit::default();
        let now = Timestamp::now();
        let report = drain(
            &directory,
            &mut store,
            &mut walk(),
            &mut NoFiles,
            limit,
            now,
        )
        .unwrap();
        assert_eq!((report.events_new, report.segments_removed), (1, 1));
        let counters = store.counters().unwrap();
        let found: Vec<(&str, u64)> = counters
            .iter()
            .filter(|(name, _)| name.starts_with("lost"))
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        assert_eq!(found, expected);
    }

    /// Drains what a process without a record of its end left beside this text; the types of the exceptions.
    fn check_told(text: &str, expected: &[&str]) {
        let home = crate::scratch::scratch();
        let directory = home.path().join("journal");
        let writer = journal::Journal::new(
            directory.clone(),
            journal::Limits::default(),
            journal::Identity::default(),
            Box::new(Nothing),
            || [7; 16],
        );
        drop(writer.open_place(false, false).unwrap());
        let place = journal::list(&directory).unwrap().remove(0);
        let stacks = place.path.with_extension("stacks");
        std::fs::write(&stacks, text).unwrap();

        let path = home.path().join("vault.db");
        let mut store = SqliteStore::open(&path, Access::ReadWrite).unwrap();
        let limit = DrainLimit::default();
        let now = Timestamp::now();
        let report = drain(
            &directory,
            &mut store,
            &mut walk(),
            &mut NoFiles,
            limit,
            now,
        )
        .unwrap();
        assert_eq!(report.events_new, expected.len() as u64);
        let id = id_of_place([7; 16], 0);
        let stored = store.event(id).ok();
        let exceptions = stored.iter().flat_map(|stored| &stored.event.exceptions);
        let types: Vec<_> = exceptions.filter_map(|e| e.ty.as_deref()).collect();
        assert_eq!(types, expected);
        assert!(!stacks.exists(), "it goes with the segment");
    }

    #[test]
    fn what_the_runtime_said_alone_is_an_event() {
        let text = "Fatal Python error: Aborted\n\nCurrent thread 0x00007f02 (most recent call first):\n  File \"/srv/t.py\", line 5 in poke\n";
        check_told(text, &["Aborted"]);
    }

    #[test]
    fn what_is_no_failure_is_no_event() {
        check_told("ready\n", &[]);
        check_told("", &[]);
    }

    #[test]
    fn losses_are_kept_with_their_reason() {
        check_losses(5, 28, &[("lost", 5), ("lost_errno:28", 5)]);
    }

    #[test]
    fn losses_without_a_reason_are_kept_too() {
        check_losses(5, 0, &[("lost", 5)]);
    }

    #[test]
    fn a_reason_without_losses_is_none() {
        check_losses(0, 28, &[]);
    }
}
