//! An engine whose journal stays in memory, and the scope that leads to it.

use std::fmt;
use std::sync::Once;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::capture::engine::{Engine, Lineage, State, Wiring};
use crate::capture::process::ProcessInfo;
use crate::capture::scope::{Entered, Scope};
use crate::capture::throttle::Throttle;
use crate::capture::{Options, health, hook, local, platform};
use crate::event::{Event, Image};
use crate::journal::{Journal, KeptFrame};

/// The engine that captures of a scope go to, if not to the one that is installed.
#[derive(Clone, Copy, Default)]
pub(in crate::capture) struct Collector(Option<&'static Engine>);

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Collector").field(&self.is_some()).finish()
    }
}

impl Collector {
    pub(in crate::capture) const IS_BUILT: bool = true;
    pub(in crate::capture) const NONE: Self = Self(None);

    pub(in crate::capture) fn is_some(self) -> bool {
        self.0.is_some()
    }

    pub(in crate::capture) fn engine(self) -> Option<&'static Engine> {
        self.0
    }

    pub(in crate::capture) fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }
}

/// What was captured, as a drain would find it in a segment.
pub(crate) struct Collected {
    /// What the process frame says.
    pub(crate) base: Event,
    /// The module table of the process.
    #[cfg_attr(
        not(feature = "store"),
        expect(
            dead_code,
            reason = "addresses are looked up by what comes with the store"
        )
    )]
    pub(crate) images: Vec<Image>,
    pub(crate) frames: Vec<KeptFrame>,
}

/// Runs `work` in an empty scope that leads to an engine of its own. Later captures of that scope do nothing.
pub(crate) fn collect(options: Options, work: impl FnOnce()) -> Collected {
    see_panics();
    // Scopes of other threads and tasks may hold it longer than any of us can know, so it stays: some ten kilobytes.
    let engine: &'static Engine = Box::leak(Box::new(Engine::collecting(options)));
    let state = engine.lineage.state(platform::fork_generation(), || {
        Some(engine.state_in_memory())
    });
    let finished = Finished(engine);
    let mut scope = Scope::leading_to(Collector(Some(engine)));
    {
        let _entered = Entered::enter(&mut scope);
        work();
    }
    drop(finished);
    Collected {
        base: state.map(|state| state.base.clone()).unwrap_or_default(),
        images: platform::modules().0,
        frames: state
            .map(|state| state.journal.take_kept())
            .unwrap_or_default(),
    }
}

/// Chains the panic hook once in a process: for threads whose scope leads to a collector, and no others.
fn see_panics() {
    static HOOK: Once = Once::new();
    // A thread that panics must not change the hook; whoever collects while it unwinds collects no panics yet.
    if std::thread::panicking() {
        return;
    }
    HOOK.call_once(|| {
        hook::chain_panic_hook(|| {
            let engine = local::collector().engine();
            engine.is_some_and(|engine| engine.options.panic_hook)
        });
    });
}

/// Closes the engine, also where the host's test panics.
struct Finished(&'static Engine);

impl Drop for Finished {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Ordering::Relaxed);
    }
}

impl Engine {
    fn collecting(options: Options) -> Self {
        let mut global = Scope::default();
        for (key, value) in &options.tags {
            global.set_tag(key.clone(), value);
        }
        global.refresh();
        Self {
            options,
            wiring: Wiring {
                home: None,
                note: None,
                wake: || (),
                vault_id: [0; 16],
            },
            global: RwLock::new(global),
            is_closed: AtomicBool::new(false),
            lineage: Lineage::default(),
        }
    }

    fn state_in_memory(&self) -> State {
        let (images, generation) = platform::modules();
        let info = Box::new(ProcessInfo::new(&self.options, &images, generation));
        State {
            base: info.base_event(),
            journal: Journal::in_memory(info, local::random_bytes),
            counts: health::Counts::default(),
            throttle: Throttle::default(),
            has_linked: AtomicBool::new(true),
            has_flusher: AtomicBool::new(true),
            symbols_link: None,
            place: None,
        }
    }
}
