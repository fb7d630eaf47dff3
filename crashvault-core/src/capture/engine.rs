//! The installed engine: from a draft of an event to a frame in the journal.

pub(super) mod collect;

use std::panic::Location;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, RwLock, RwLockReadGuard, TryLockError};

use super::options::Options;
use super::platform::{self, Addresses};
use super::process::{self, ProcessInfo};
use super::scope::Scope;
use super::symbols::SymbolsLink;
use super::throttle::{Throttle, Verdict};
use super::{blackbox, built, chain, health, local, native, receiver};
use crate::event::wire::{self, Encoder, Field};
use crate::event::{Event, EventId, Flaw, Level, limits};
use crate::journal::{
    Durability, Entry, FRAME_HEADER_BYTES, Flags, Fullness, Journal, Kind, Limits, Place,
};
use crate::time::Timestamp;

/// How the engine is wired by whoever installs it.
pub(crate) struct Wiring {
    /// The vault's directory, if one can be used.
    pub(crate) home: Option<PathBuf>,
    /// Why `home` is not the place that was asked for.
    pub(crate) note: Option<String>,
    /// Called after each frame that was written; must return at once.
    pub(crate) wake: fn(),
    pub(crate) vault_id: [u8; 16],
}

pub(super) struct Engine {
    pub(super) options: Options,
    pub(super) wiring: Wiring,
    pub(super) global: RwLock<Scope>,
    is_closed: AtomicBool,
    lineage: Lineage,
}

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// The engine, if one is installed and not closed and the calling thread is the host's.
pub(super) fn engine() -> Option<&'static Engine> {
    let engine = local::collector().engine().or_else(|| ENGINE.get())?;
    let is_usable = !engine.is_closed.load(Ordering::Relaxed) && !local::is_own_thread();
    is_usable.then_some(engine)
}

/// The engine even if it is closed.
pub(super) fn installed() -> Option<&'static Engine> {
    ENGINE.get()
}

/// The place for this process's last words, if it has one by now. Async-signal-safe.
pub(super) fn place() -> Option<&'static Place> {
    place_of(platform::fork_generation())
}

/// The same of the process that is `generation` forks away from the one that loaded the program.
pub(super) fn place_of(generation: u64) -> Option<&'static Place> {
    let engine = ENGINE.get().filter(|engine| !engine.is_closed())?;
    engine.lineage.made(generation)?.place.as_ref()
}

/// How long fatal signals wait for the disk: not at all where the host asked for less than that.
#[cfg(feature = "native")]
pub(super) fn syncs_last_words() -> bool {
    ENGINE
        .get()
        .is_some_and(|engine| matches!(engine.options.durability, None | Some(Durability::Data)))
}

/// From now on the end of the process is noticed, as far as the options want it.
pub(super) fn watch_the_end() {
    let Some(engine) = ENGINE.get() else { return };
    if engine.wants_place() && place().is_some() {
        platform::watch_exit();
    }
    if engine.options.native.unwrap_or(true) && place().is_some() {
        if let (Some(program), Some(home)) = (&engine.options.out_of_process, &engine.wiring.home) {
            receiver::prepare(program, &home.join("journal"));
        }
        native::install();
    }
}

/// A descriptor of the file beside the place for last words; `None` where crashes by signals are not captured.
#[cfg(feature = "host")]
pub(super) fn stacks_file() -> Option<std::os::fd::RawFd> {
    let engine = ENGINE.get()?;
    let is_wanted = native::IS_BUILT && engine.options.native.unwrap_or(true);
    let place = place().filter(|_| is_wanted)?;
    super::stacks::open(place)
}

/// The process ends in the usual way.
pub(super) fn note_exit() {
    if let Some(place) = place() {
        place.retire();
    }
}

/// Where a program that was started as a part of a trace finds it.
const TRACEPARENT_VARIABLE: &str = "TRACEPARENT";

/// Installs the engine; false if there is one already.
pub(super) fn install(options: Options, wiring: Wiring) -> bool {
    let mut global = Scope::default();
    for (key, value) in &options.tags {
        global.set_tag(key.clone(), value);
    }
    if let Some(traceparent) = std::env::var_os(TRACEPARENT_VARIABLE) {
        global.set_traceparent(&traceparent.to_string_lossy());
    }
    global.refresh();
    let engine = Engine {
        options,
        wiring,
        global: RwLock::new(global),
        is_closed: AtomicBool::new(false),
        lineage: Lineage::default(),
    };
    let is_first = ENGINE.set(engine).is_ok();
    if is_first {
        platform::watch_forks();
        if let Some(engine) = ENGINE.get()
            && let Some(state) = engine.state()
        {
            state.prepare();
            engine.configure_global(|_| ());
        }
    }
    is_first
}

/// The states of a process and of the forked children that descend from it, by fork generation. A child makes its own
/// at first use; its parent's is abandoned where it is, as its locks may be held by threads that do not exist here.
#[derive(Default)]
struct Lineage {
    state: OnceLock<Option<State>>,
    next: OnceLock<Box<Lineage>>,
}

impl Lineage {
    fn state(&self, generation: u64, make: impl FnOnce() -> Option<State>) -> Option<&State> {
        let mut lineage = self;
        for _ in 0..generation {
            lineage = lineage.next.get_or_init(Box::default);
        }
        lineage.state.get_or_init(make).as_ref()
    }

    /// The state, if there is one by now.
    fn made(&self, generation: u64) -> Option<&State> {
        let mut lineage = self;
        for _ in 0..generation {
            lineage = lineage.next.get()?;
        }
        lineage.state.get()?.as_ref()
    }
}

/// What one process writes with.
pub(super) struct State {
    pub(super) journal: Journal,
    pub(super) counts: health::Counts,
    throttle: Throttle,
    /// What the process frame says, for events that leave as JSON.
    base: Event,
    has_linked: AtomicBool,
    has_flusher: AtomicBool,
    symbols_link: Option<SymbolsLink>,
    pub(super) place: Option<Place>,
}

/// An event about to be captured, without what the engine adds.
pub(super) struct Draft<'d> {
    pub(super) level: Level,
    pub(super) is_fatal: bool,
    /// Where the host's code must not run on this thread: a panic in it would end the process.
    pub(super) is_in_panic_hook: bool,
    pub(super) wants_stack: bool,
    /// Where the system does not know it.
    pub(super) thread_name: Option<&'d str>,
    /// Tells kinds apart for the throttle; called before anything else, with the host's code in it.
    pub(super) key: &'d dyn Fn(&mut KeyHasher),
    /// Writes the event's own fields, and says whether the stack is among them; the host's code runs in it.
    pub(super) fill: &'d dyn Fn(&mut Encoder<'_>, &Addresses) -> Stack,
    /// Writes fields that stand above the scopes' of the same name; the host's code runs in it.
    pub(super) above_scopes: Option<&'d dyn Fn(&mut Encoder<'_>)>,
}

/// Where the captured stack of an event went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stack {
    /// It stands with an exception.
    Written,
    /// It is still to be written: with the thread.
    OfThread,
}

/// A place in source code: it tells throttled kinds apart, and an event says it.
#[derive(Clone, Copy, Debug)]
pub struct Site<'s> {
    /// Its file.
    pub file: &'s str,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1; 0 where it is not known.
    pub column: u32,
}

impl<'s> From<&'s Location<'_>> for Site<'s> {
    fn from(location: &'s Location<'_>) -> Self {
        Self {
            file: location.file(),
            line: location.line(),
            column: location.column(),
        }
    }
}

impl std::fmt::Display for Site<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        match self.column {
            0 => Ok(()),
            column => write!(f, ":{column}"),
        }
    }
}

/// Attempts to get a lock that is only ever held for a moment, unless its holder was lost in a fork.
const LOCK_ATTEMPTS: u32 = 10_000;

pub(super) type KeyHasher = std::hash::DefaultHasher;

impl Engine {
    pub(super) fn state(&'static self) -> Option<&'static State> {
        self.lineage
            .state(platform::fork_generation(), || self.make_state())
    }

    fn make_state(&self) -> Option<State> {
        let home = self.wiring.home.as_ref()?;
        let (images, generation) = platform::modules();
        let symbols_link = SymbolsLink::new(home, &images);
        let key = symbols_link
            .as_ref()
            .map(|link| link.key.clone())
            .unwrap_or_default();
        let identity = process::identity(local::random_bytes(), self.wiring.vault_id, key);
        let info = Box::new(ProcessInfo::new(&self.options, &images, generation));
        let base = info.base_event();
        let journal = Journal::new(
            home.join("journal"),
            Limits::default(),
            identity,
            info,
            local::random_bytes,
        );
        let place = self.open_place(&journal);
        Some(State {
            journal,
            counts: health::Counts::default(),
            throttle: Throttle::default(),
            base,
            has_linked: AtomicBool::new(false),
            has_flusher: AtomicBool::new(false),
            symbols_link,
            place,
        })
    }

    fn wants_box(&self) -> bool {
        platform::SEES_EXIT && self.options.black_box.unwrap_or(true)
    }

    fn wants_place(&self) -> bool {
        self.wants_box() || (native::IS_BUILT && self.options.native.unwrap_or(true))
    }

    /// Where it cannot be had (a full disk, a read-only one), crashes by signals leave nothing; captures say why.
    fn open_place(&self, journal: &Journal) -> Option<Place> {
        if !self.wants_place() {
            return None;
        }
        let is_forked = platform::fork_generation() > 0;
        let place = journal.open_place(self.wants_box(), is_forked).ok()?;
        if let Some(ring) = place.ring() {
            blackbox::note_memory_group(ring);
        }
        #[cfg(feature = "host")]
        if is_forked {
            super::stacks::follow(&place);
        }
        Some(place)
    }

    /// The whole capture. Returns the nil id if the event was sampled out, throttled, refused or could not be written.
    #[inline(never)]
    pub(super) fn capture(&'static self, draft: &Draft<'_>, site: Site<'_>) -> EventId {
        let Some((state, now)) = self.admit(draft, site) else {
            return EventId::NIL;
        };
        let generation = platform::modules_generation();
        let mut addresses = Addresses::new();
        if draft.wants_stack && self.options.stacks {
            local::walk(generation, &mut addresses);
        }
        let id = new_id(now);
        local::with_buffer(|frame| {
            frame.resize(FRAME_HEADER_BYTES, 0);
            self.encode(frame, draft, &addresses, now);
            self.write(state, frame, draft, id, generation)
        })
    }

    /// Whether and when the event is to be captured; what is refused is counted here.
    fn admit(
        &'static self,
        draft: &Draft<'_>,
        site: Site<'_>,
    ) -> Option<(&'static State, Timestamp)> {
        let Some(state) = self.state() else {
            health::LOST_WITHOUT_VAULT.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        if !draft.is_fatal && self.is_sampled_out() {
            self.count_suppressed(state, 1);
            return None;
        }
        let now = self.options.clock.now();
        if !self.is_admitted(state, draft, site, now) {
            self.count_suppressed(state, 0);
            return None;
        }
        Some((state, now))
    }

    fn is_sampled_out(&self) -> bool {
        let Some(rate) = self.options.sample_rate.filter(|rate| *rate < 1.0) else {
            return false;
        };
        let unit = (local::random()[0] >> 11) as f64 / (1u64 << 53) as f64;
        unit >= rate
    }

    fn is_admitted(
        &self,
        state: &State,
        draft: &Draft<'_>,
        site: Site<'_>,
        now: Timestamp,
    ) -> bool {
        let fullness = state.journal.fullness();
        let throttles = self.options.throttle.unwrap_or(true);
        if !throttles && fullness == Fullness::HasRoom {
            return true;
        }
        let key = local::guarded(|| key_of(draft, site)).unwrap_or_default();
        match state.throttle.judge(key, now) {
            Verdict::First => fullness != Fullness::FarOver,
            Verdict::Repeat => fullness == Fullness::HasRoom,
            Verdict::Throttled => false,
        }
    }

    /// Counts one, and writes the counts down while there are few, later each 64: a process that is killed takes at most
    /// 63 of them along, and one write for 64 costs little.
    fn count_suppressed(&self, state: &State, which: usize) {
        let count = state.counts.suppressed()[which].fetch_add(1, Ordering::Relaxed) + 1;
        blackbox::count_suppressed(state, which, 1, 0);
        if count.is_multiple_of(64) || (count < 64 && count.is_power_of_two()) {
            self.write_counts(state);
        }
    }

    /// Writes down what was suppressed since the last time.
    pub(super) fn write_counts(&self, state: &State) {
        local::with_buffer(|frame| {
            frame.resize(FRAME_HEADER_BYTES, 0);
            let added = state.counts.encode_new(frame);
            if added == [0; 3] {
                return;
            }
            let entry = Entry {
                kind: Kind::Counts,
                flags: Flags::default(),
                id: [0; 16],
                durability: Durability::Process,
                modules_generation: platform::modules_generation(),
            };
            if state.journal.append(frame, entry).is_err() {
                return state.counts.not_written(added);
            }
            for (which, written) in added.into_iter().enumerate() {
                blackbox::count_suppressed(state, which, 0, written);
            }
        });
    }

    fn encode(
        &self,
        frame: &mut Vec<u8>,
        draft: &Draft<'_>,
        addresses: &Addresses,
        now: Timestamp,
    ) {
        let body = frame.len();
        let mut encoder = Encoder::new(frame);
        encoder.bytes(Field::Timestamp as u8, &now.as_nanos().to_le_bytes());
        encoder.bytes(Field::Level as u8, &[draft.level as u8]);
        encoder.finish();
        let mark = frame.len();
        let filled = local::guarded(|| {
            let mut encoder = Encoder::new(frame);
            let stack = (draft.fill)(&mut encoder, addresses);
            encoder.finish();
            stack
        });
        let own_bytes = frame.len() - body;
        if filled.is_none() {
            frame.truncate(mark);
        }
        let mut encoder = Encoder::with_used(frame, own_bytes);
        if filled.is_none() {
            encode_stand_in(&mut encoder, addresses);
        }
        let of_thread = (filled == Some(Stack::OfThread)).then_some(addresses);
        encode_thread(&mut encoder, draft, of_thread);
        self.encode_scopes(&mut encoder, draft);
        encoder.finish();
    }

    fn encode_scopes(&self, encoder: &mut Encoder<'_>, draft: &Draft<'_>) {
        let global = self.read_global();
        if let Some(global) = &global {
            global.encode_head(encoder);
        }
        let encoded = local::with_scope_of_thread(|scope| {
            scope.refresh();
            scope.late.encode(encoder, draft.level);
            scope.encode_head(encoder);
            match &global {
                Some(global) if !scope.has_fingerprint() => global.encode_fingerprint(encoder),
                _ => scope.encode_fingerprint(encoder),
            }
            if let Some(level) = scope.level().filter(|_| !draft.is_fatal) {
                encoder.bytes(Field::Level as u8, &[level as u8]);
            }
            if let Some(above) = draft.above_scopes {
                encoder.or_nothing(|encoder| local::guarded(|| above(encoder)).is_some());
            }
            if let Some(global) = &global {
                global.encode_tail(encoder);
            }
            scope.encode_tail(encoder);
        });
        if encoded.is_none()
            && let Some(global) = &global
        {
            global.encode_tail(encoder);
        }
    }

    /// Tried a while and not waited for: after a fork in a writer's hands the lock would stay closed for ever.
    pub(super) fn read_global(&self) -> Option<RwLockReadGuard<'_, Scope>> {
        for _ in 0..LOCK_ATTEMPTS {
            match self.global.try_read() {
                Ok(guard) => return Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        }
        None
    }

    fn write(
        &self,
        state: &'static State,
        frame: &mut Vec<u8>,
        draft: &Draft<'_>,
        id: EventId,
        generation: u64,
    ) -> EventId {
        let mut flags = if draft.is_fatal {
            Flags::FATAL
        } else {
            Flags::default()
        };
        if self.options.before_send.is_some() {
            let mut event = state.base.clone();
            wire::decode_onto(&mut event, &frame[FRAME_HEADER_BYTES..]);
            let Some(event) = self.review(state, event, id, draft.is_in_panic_hook) else {
                return EventId::NIL;
            };
            built::put_json(frame, event);
            flags = flags.with(Flags::JSON);
        }
        self.append(state, frame, flags, id, generation)
    }

    /// Lets `before_send` change or refuse the event; its id stays, as the caller will be told it.
    ///
    /// A hook that panics leaves the event as it was. In the panic hook it runs in a thread of its own: there, any panic
    /// would end the process, caught or not.
    fn review(
        &self,
        state: &State,
        mut event: Event,
        id: EventId,
        is_in_panic_hook: bool,
    ) -> Option<Event> {
        event.event_id = id;
        let Some(hook) = &self.options.before_send else {
            return Some(event);
        };
        let call = || local::guarded(|| hook(event.clone()));
        let answer = if is_in_panic_hook {
            in_own_thread(call).flatten()
        } else {
            call()
        };
        match answer {
            Some(Some(mut changed)) => {
                changed.event_id = id;
                Some(changed)
            }
            Some(None) => {
                self.count_suppressed(state, 2);
                None
            }
            None => {
                event.flaws.push(Flaw::new(
                    "before_send",
                    "it panicked; the event is kept as it was",
                ));
                Some(event)
            }
        }
    }

    /// What the scope asks for, else the options.
    fn durability(&self) -> Durability {
        local::with_scope_of_thread(|scope| scope.durability())
            .flatten()
            .or(self.options.durability)
            .unwrap_or_default()
    }

    fn append(
        &self,
        state: &'static State,
        frame: &mut [u8],
        flags: Flags,
        id: EventId,
        generation: u64,
    ) -> EventId {
        let entry = Entry {
            kind: Kind::Event,
            flags,
            id: *id.as_bytes(),
            durability: self.durability(),
            modules_generation: generation,
        };
        if state.journal.append(frame, entry).is_err() {
            return EventId::NIL;
        }
        state.counts.captured.fetch_add(1, Ordering::Relaxed);
        if entry.durability == Durability::Async {
            state.ensure_flusher();
        }
        if let Some(link) = &state.symbols_link
            && !state.has_linked.swap(true, Ordering::Relaxed)
        {
            link.make();
        }
        (self.wiring.wake)();
        id
    }

    /// Writes an event that the host built; it passes `before_send` and takes the scope's data where it has none.
    pub(super) fn capture_event(
        &'static self,
        mut event: Event,
        site: Site<'_>,
        beside: &dyn Fn(&mut Encoder<'_>),
    ) -> EventId {
        let is_fatal = event.level == Level::Fatal;
        let title = event.title();
        let draft = Draft {
            level: event.level,
            is_fatal,
            is_in_panic_hook: false,
            wants_stack: false,
            thread_name: None,
            key: &|hasher| std::hash::Hash::hash(limits::head(&title, 64), hasher),
            fill: &|_, _| Stack::Written,
            above_scopes: None,
        };
        let Some((state, now)) = self.admit(&draft, site) else {
            return EventId::NIL;
        };
        event.timestamp.get_or_insert(now);
        let id = if event.event_id.is_nil() {
            new_id(now)
        } else {
            event.event_id
        };
        local::with_buffer(|frame| {
            frame.resize(FRAME_HEADER_BYTES, 0);
            let mut encoder = Encoder::new(frame);
            encoder.or_nothing(|encoder| local::guarded(|| beside(encoder)).is_some());
            self.encode_scopes(&mut encoder, &draft);
            encoder.finish();
            let mut base = state.base.clone();
            wire::decode_onto(&mut base, &frame[FRAME_HEADER_BYTES..]);
            let Some(event) = self.review(state, built::merge(base, event), id, false) else {
                return EventId::NIL;
            };
            built::put_json(frame, event);
            let flags = if is_fatal {
                Flags::FATAL.with(Flags::JSON)
            } else {
                Flags::JSON
            };
            self.append(state, frame, flags, id, platform::modules_generation())
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    pub(super) fn close(&'static self) {
        let is_installed = ENGINE
            .get()
            .is_some_and(|engine| std::ptr::eq(engine, self));
        let place = place().filter(|_| is_installed);
        self.is_closed.store(true, Ordering::Relaxed);
        if let Some(state) = self.state() {
            self.write_counts(state);
            let _ = state.journal.close();
        }
        if let Some(place) = place {
            place.retire();
        }
    }

    /// Changes the scope that lies under all threads' scopes.
    ///
    /// The host's code works on a copy, so that it may capture, or come here again, while it does. Of two such changes at
    /// once the later one stays.
    pub(super) fn configure_global(&self, configure: impl FnOnce(&mut Scope)) {
        let Some(mut scope) = self.read_global().map(|global| global.clone()) else {
            return;
        };
        configure(&mut scope);
        scope.refresh();
        for _ in 0..LOCK_ATTEMPTS {
            match self.global.try_write() {
                Ok(mut global) => {
                    // Under the lock: the box takes one writer at a time.
                    blackbox::show_scope(0, &mut scope);
                    *global = scope;
                    return;
                }
                Err(TryLockError::Poisoned(poisoned)) => {
                    *poisoned.into_inner() = scope;
                    return;
                }
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
    }
}

impl State {
    /// What the first capture need not wait for: directories, unwind tables, the bounds of the installing thread's stack.
    fn prepare(&self) {
        self.journal.prepare();
        if let Some(link) = &self.symbols_link {
            link.prepare();
        }
        local::walk(platform::modules_generation(), &mut Addresses::new());
        local::with_buffer(|_| ());
    }

    /// `async` frames need someone who writes them in time: a thread that lives while there are such frames.
    fn ensure_flusher(&'static self) {
        if self.has_flusher.swap(true, Ordering::AcqRel) {
            return;
        }
        let thread = std::thread::Builder::new()
            .name("crashvault-flush".into())
            .spawn(|| {
                local::mark_own_thread();
                self.flush_while_due();
            });
        if thread.is_err() {
            self.has_flusher.store(false, Ordering::Release);
            let _ = self.journal.flush(false);
        }
    }

    fn flush_while_due(&self) {
        loop {
            while let Some(left) = self.journal.flush_due() {
                std::thread::sleep(left);
            }
            self.has_flusher.store(false, Ordering::Release);
            // Something may have come between the last look and giving up the post.
            if self.journal.flush_due().is_none() || self.has_flusher.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}

/// Runs host code where a panic ends a thread and not the process. `None` if there can be no thread.
fn in_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, work).ok()?;
        thread.join().ok()
    })
}

fn new_id(now: Timestamp) -> EventId {
    let [first, second] = local::random();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&first.to_le_bytes());
    random[8..].copy_from_slice(&second.to_le_bytes()[..2]);
    EventId::v7((now.as_nanos() / 1_000_000).max(0) as u64, &random)
}

fn key_of(draft: &Draft<'_>, site: Site<'_>) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = KeyHasher::new();
    (site.file, site.line, site.column).hash(&mut hasher);
    (draft.key)(&mut hasher);
    hasher.finish()
}

/// What stands for an error whose own code panicked while it was asked.
fn encode_stand_in(encoder: &mut Encoder<'_>, addresses: &Addresses) {
    use crate::event::wire::Part;
    encoder.nested(Field::Exception as u8, |inner| {
        inner.text(Part::Type as u8, "Error", limits::NAME_BYTES_MAX);
        inner.text(
            Part::Value as u8,
            "<its Display or Debug panicked>",
            limits::NAME_BYTES_MAX,
        );
        chain::encode_stack(inner, addresses);
    });
    encoder.keyed(
        Field::Flaw as u8,
        "exception",
        b"the error's own Display, Debug or source() panicked",
    );
}

fn encode_thread(encoder: &mut Encoder<'_>, draft: &Draft<'_>, stack: Option<&Addresses>) {
    use crate::event::wire::Part;
    encoder.nested(Field::Thread as u8, |inner| {
        let mut digits = [0u8; 20];
        inner.text(
            Part::Id as u8,
            decimal(platform::thread_id(), &mut digits),
            20,
        );
        let thread = std::thread::current();
        if let Some(name) = draft.thread_name.or(thread.name()) {
            inner.text(Part::Name as u8, name, limits::NAME_BYTES_MAX);
        }
        if draft.is_fatal {
            inner.bytes(Part::Crashed as u8, &[1]);
        }
        if let Some(addresses) = stack {
            chain::encode_stack(inner, addresses);
        }
    });
}

/// A number as text without an allocation.
pub(super) fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &str {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    // Only ASCII digits were written.
    std::str::from_utf8(&digits[start..]).unwrap_or_default()
}
