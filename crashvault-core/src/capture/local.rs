//! What each thread keeps between captures: its scope, a buffer, a stack walker, a source of randomness.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hasher, RandomState};

use super::blackbox;
use super::engine::collect::Collector;
use super::platform::{self, Addresses, Walker};
use super::scope::Scope;
use crate::event::EventId;
use crate::time::Timestamp;

/// A thread keeps a buffer between captures up to this size, in bytes.
const BUFFER_BYTES_KEPT: usize = 64 * 1024;

/// Room for a usual record, so that the first one need not grow its buffer step by step, in bytes.
const BUFFER_BYTES_FIRST: usize = 8 * 1024;

#[derive(Default)]
struct Local {
    scope: RefCell<Scope>,
    buffer: Cell<Vec<u8>>,
    walker: RefCell<Option<Box<Walker>>>,
    random: Cell<Random>,
    is_own: Cell<bool>,
    is_guarded: Cell<bool>,
    has_captured_panic: Cell<bool>,
    /// The kernel's id of the thread, and the fork generation it was asked in.
    thread_id: Cell<(u32, u64)>,
    in_box: InBox,
    /// Of the present scope; asked for while the scope itself may be in use.
    collector: Cell<Collector>,
}

/// What the black box has of this thread.
#[derive(Default)]
struct InBox {
    /// The place of its scope, and the fork generation whose box that is in.
    slot: Cell<Option<(usize, u64)>>,
    may_be_dying: Cell<bool>,
    thread: Cell<u32>,
}

impl Drop for InBox {
    fn drop(&mut self) {
        if let Some((slot, generation)) = self.slot.get()
            && generation == platform::fork_generation()
        {
            blackbox::release_slot(slot);
        }
        if self.may_be_dying.get() && !std::thread::panicking() {
            blackbox::note_survival(self.thread.get());
        }
    }
}

thread_local!(static LOCAL: Local = Local::default());

/// Runs `work` on the thread's scope; `None` while the thread ends or the scope is being used further up the stack.
pub(super) fn with_scope_of_thread<T>(work: impl FnOnce(&mut Scope) -> T) -> Option<T> {
    #[cfg(feature = "host")]
    let work = match lent::with_scope(work) {
        Ok(done) => return done,
        Err(work) => work,
    };
    LOCAL
        .try_with(|local| {
            local.in_box.look_alive();
            local
                .scope
                .try_borrow_mut()
                .ok()
                .map(|mut scope| work(&mut scope))
        })
        .ok()
        .flatten()
}

/// Scopes that a binding keeps where its language has them.
#[cfg(feature = "host")]
pub(super) mod lent {
    use std::sync::OnceLock;

    use super::Scope;

    /// Calls back with the scope of the running code, at most once.
    pub type ScopeSource = fn(&mut dyn FnMut(&mut Scope));

    static SOURCE: OnceLock<ScopeSource> = OnceLock::new();

    pub(in crate::capture) fn set_source(source: ScopeSource) {
        let _ = SOURCE.set(source);
    }

    /// Hands `work` back where the binding has no scope for it.
    pub(super) fn with_scope<W, T>(work: W) -> Result<Option<T>, W>
    where
        W: FnOnce(&mut Scope) -> T,
    {
        let Some(source) = SOURCE.get() else {
            return Err(work);
        };
        let (mut work, mut done) = (Some(work), None);
        source(&mut |scope| {
            if let Some(work) = work.take() {
                done = Some(work(scope));
            }
        });
        work.map_or(Ok(done), Err)
    }
}

/// False if the thread's scope cannot be had now; nothing is swapped then.
pub(super) fn swap_scope(other: &mut Scope) -> bool {
    with_scope_of_thread(|scope| {
        std::mem::swap(scope, other);
        if Collector::IS_BUILT {
            let _ = LOCAL.try_with(|local| local.collector.set(scope.collector()));
        }
    })
    .is_some()
}

/// Where the thread's captures go, if not to the installed engine.
pub(super) fn collector() -> Collector {
    if !Collector::IS_BUILT {
        return Collector::NONE;
    }
    LOCAL
        .try_with(|local| local.collector.get())
        .unwrap_or_default()
}

/// Lends the thread's buffer; a capture within a capture gets a new one.
pub(super) fn with_buffer<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buffer = LOCAL
        .try_with(|local| local.buffer.take())
        .unwrap_or_default();
    buffer.clear();
    buffer.reserve(BUFFER_BYTES_FIRST);
    let result = work(&mut buffer);
    if buffer.capacity() <= BUFFER_BYTES_KEPT {
        let _ = LOCAL.try_with(|local| local.buffer.set(buffer));
    }
    result
}

/// Walks the calling thread's stack.
#[inline(never)]
pub(super) fn walk(generation: u64, addresses: &mut Addresses) {
    let walked = LOCAL.try_with(|local| match local.walker.try_borrow_mut() {
        Ok(mut walker) => {
            walker
                .get_or_insert_with(|| Box::new(Walker::new()))
                .walk(generation, addresses);
            true
        }
        Err(_) => false,
    });
    if !matches!(walked, Ok(true)) {
        Walker::new().walk(generation, addresses);
    }
}

/// Marks the calling thread as one of ours: nothing on it is captured.
pub(crate) fn mark_own_thread() {
    let _ = LOCAL.try_with(|local| local.is_own.set(true));
}

pub(super) fn is_own_thread() -> bool {
    LOCAL.try_with(|local| local.is_own.get()).unwrap_or(false)
}

/// Whether the host's code is being called from within a capture; a panic then is caught and not reported.
pub(super) fn is_guarded() -> bool {
    LOCAL
        .try_with(|local| local.is_guarded.get())
        .unwrap_or(false)
}

/// Remembers the event of the thread's last panic; nil if it was not captured.
pub(super) fn note_panic(id: EventId) {
    let _ = LOCAL.try_with(|local| {
        local.has_captured_panic.set(!id.is_nil());
        local.in_box.may_be_dying.set(true);
        local.in_box.thread.set(cached_thread_id());
    });
    blackbox::note_panic(id);
}

impl InBox {
    /// A thread that comes here and does not panic has outlived its last panic.
    fn look_alive(&self) {
        if self.may_be_dying.get() && !std::thread::panicking() {
            self.may_be_dying.set(false);
            blackbox::note_survival(self.thread.get());
        }
    }
}

/// The kernel's id of this thread, asked once.
pub(super) fn cached_thread_id() -> u32 {
    let generation = platform::fork_generation();
    LOCAL
        .try_with(|local| {
            let (id, asked_in) = local.thread_id.get();
            if id != 0 && asked_in == generation {
                return id;
            }
            let id = platform::thread_id() as u32;
            local.thread_id.set((id, generation));
            id
        })
        .unwrap_or_else(|_| platform::thread_id() as u32)
}

/// Shows the thread's scope in the black box, once there is something in it.
pub(super) fn show_scope() {
    let _ = LOCAL.try_with(|local| {
        if let Ok(mut scope) = local.scope.try_borrow_mut() {
            local.in_box.show(&mut scope);
        }
    });
}

/// Shows a scope that is kept elsewhere as what the thread is at.
#[cfg(feature = "host")]
pub(super) fn show_kept_scope(scope: &mut Scope) {
    let _ = LOCAL.try_with(|local| local.in_box.show(scope));
}

impl InBox {
    fn show(&self, scope: &mut Scope) {
        let generation = platform::fork_generation();
        let slot = match self.slot.get() {
            Some((slot, of)) if of == generation => Some(slot),
            _ if scope.is_bare() => None,
            _ => blackbox::claim_slot(),
        };
        if let Some(slot) = slot {
            self.slot.set(Some((slot, generation)));
            blackbox::show_scope(slot, scope);
        }
    }
}

pub(super) fn has_captured_panic() -> bool {
    LOCAL
        .try_with(|local| local.has_captured_panic.get())
        .unwrap_or(false)
}

/// Calls the host's code (`Display`, `before_send` …); a panic in it ends here, silently.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = LOCAL
        .try_with(|local| local.is_guarded.replace(true))
        .unwrap_or(false);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let _ = LOCAL.try_with(|local| local.is_guarded.set(before));
    match result {
        Ok(result) => Some(result),
        Err(payload) => {
            // A payload's own drop may panic again; it is not worth that risk.
            std::mem::forget(payload);
            None
        }
    }
}

/// A small generator (xoroshiro128++, Blackman and Vigna 2019), seeded anew in each thread and forked child.
#[derive(Clone, Copy, Default)]
struct Random {
    state: [u64; 2],
    fork_generation: u64,
}

impl Random {
    fn seeded(fork_generation: u64) -> Self {
        // RandomState's keys come from the operating system; time, thread and generation keep a forked child apart.
        let seed = |salt: u64| {
            let mut hasher = RandomState::new().build_hasher();
            for part in [
                salt,
                fork_generation,
                u64::from(std::process::id()),
                platform::thread_id(),
            ] {
                hasher.write_u64(part);
            }
            hasher.write_i64(Timestamp::now().as_nanos());
            hasher.finish()
        };
        Self {
            state: [seed(1), seed(2) | 1],
            fork_generation,
        }
    }

    fn next(&mut self) -> u64 {
        let [s0, mut s1] = self.state;
        let result = s0.wrapping_add(s1).rotate_left(17).wrapping_add(s0);
        s1 ^= s0;
        self.state = [s0.rotate_left(49) ^ s1 ^ (s1 << 21), s1.rotate_left(28)];
        result
    }
}

/// Two random words, never the same in two threads or in parent and child.
pub(super) fn random() -> [u64; 2] {
    let draw = |random: &mut Random| {
        let generation = platform::fork_generation();
        if random.state == [0, 0] || random.fork_generation != generation {
            *random = Random::seeded(generation);
        }
        [random.next(), random.next()]
    };
    LOCAL
        .try_with(|local| {
            let mut random = local.random.get();
            let words = draw(&mut random);
            local.random.set(random);
            words
        })
        .unwrap_or_else(|_| draw(&mut Random::default()))
}

/// Sixteen random bytes.
pub(crate) fn random_bytes() -> [u8; 16] {
    let [first, second] = random();
    (u128::from(first) << 64 | u128::from(second)).to_le_bytes()
}
