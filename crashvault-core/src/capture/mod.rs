//! Enters: errors, panics, messages and events of the host program, and what its scopes say. Leaves: frames in the
//! journal, and an id at once.
//!
//! Never: opens the store, takes a lock shared with it, resolves addresses, panics, writes to stderr, or makes the host
//! wait for anything but one write.

mod blackbox;
mod built;
mod chain;
mod crumbs;
mod engine;
#[cfg(any(feature = "tracing", feature = "log", feature = "slog"))]
mod fields;
mod health;
#[cfg(any(feature = "anyhow", feature = "eyre"))]
mod held;
mod hook;
#[cfg(feature = "host")]
pub mod host;
mod late;
#[cfg(any(
    feature = "actix",
    feature = "host",
    feature = "tokio",
    feature = "tower"
))]
mod lent;
mod local;
mod native;
mod options;
mod platform;
mod process;
mod receiver;
#[cfg(any(feature = "tracing", feature = "log", feature = "slog"))]
pub(crate) mod report;
#[cfg(any(feature = "actix", feature = "host", feature = "tower"))]
mod request;
mod scope;
#[cfg(feature = "host")]
mod stacks;
mod symbols;
mod throttle;
mod trace;

use std::error::Error;
use std::hash::Hash;
use std::panic::Location;

#[cfg(any(feature = "tracing", feature = "log", feature = "slog"))]
pub(crate) use engine::Site;
pub(crate) use engine::Wiring;
#[cfg(feature = "test")]
pub(crate) use engine::collect::{Collected, collect};
use engine::{Draft, Stack, engine};
pub use health::{Health, Installed, health};
#[cfg(any(feature = "anyhow", feature = "eyre"))]
pub(crate) use held::{Held, capture_held};
#[cfg(feature = "tokio")]
pub(crate) use late::Late;
#[cfg(any(feature = "actix", feature = "tokio", feature = "tower"))]
pub(crate) use lent::is_capturing;
#[cfg(feature = "store")]
pub(crate) use local::{mark_own_thread, random_bytes};
pub use options::Options;
#[cfg(feature = "store")]
pub(crate) use platform::{fork_generation, free_bytes, watch_forks};
#[cfg(feature = "server")]
pub(crate) use process::identity;
#[cfg(feature = "out-of-process")]
pub use receiver::receive_crash;
#[cfg(any(feature = "actix", feature = "tower"))]
pub(crate) use request::Kept;
pub use scope::{InScope, Scope, ScopeFutureExt, ScopeHandle};

use crate::event::limits;
use crate::event::wire::Field;
use crate::event::{Breadcrumb, Event, EventId, Level, User};
use crate::time::Timestamp;

/// Installs capture. The first caller's options stay.
pub(crate) fn start(options: Options, mut wiring: Wiring) -> Installed {
    let captures_panics = options.panic_hook;
    let program = options.out_of_process.as_deref();
    let refusals = [
        native_refusal(options.native, native::IS_BUILT),
        program.and_then(receiver::refusal),
    ];
    for refusal in refusals.into_iter().flatten() {
        let note = wiring.note.take().map(|note| note + ". ");
        wiring.note = Some(note.unwrap_or_default() + &refusal);
    }
    let is_first = engine::install(options, wiring);
    if is_first {
        hook::chain_panic_hook(move || captures_panics && !local::collector().is_some());
        engine::watch_the_end();
    }
    let wiring = engine::installed().map(|engine| &engine.wiring);
    Installed {
        vault: wiring.and_then(|wiring| wiring.home.clone()),
        note: wiring.and_then(|wiring| wiring.note.clone()),
        is_first,
    }
}

/// Why crashes by signals will not be kept although they were asked for.
fn native_refusal(asked: Option<bool>, is_built: bool) -> Option<String> {
    (asked == Some(true) && !is_built).then(|| {
        "native: Unsupported in this build, which needs the feature `native` and Linux on x86-64 or aarch64; \
         a crash by a signal leaves nothing but what was captured before"
            .to_owned()
    })
}

/// Where the process was started to look at one that crashes: does so and ends it.
pub(crate) fn attend(options: &Options) {
    if options.out_of_process.is_some() {
        receiver::attend();
    }
}

/// Captures an error with its whole chain of sources and the caller's stack.
///
/// Returns the event's id: it is on disk then. Before `install()`, and where it was throttled, sampled out or could not
/// be written, the id is [`EventId::NIL`]. The level is `error` unless the scope says otherwise.
///
/// ```
/// use crashvault::{capture_error, test::with_captured};
///
/// let failed = "x".parse::<u8>().unwrap_err();
/// assert!(capture_error(&failed).is_nil(), "nothing is installed in this example");
///
/// let events = with_captured(|| capture_error(&failed));
/// assert_eq!(events[0].title(), "ParseIntError: invalid digit found in string");
/// ```
#[track_caller]
#[inline(never)]
pub fn capture_error<E: Error + ?Sized>(error: &E) -> EventId {
    let Some(engine) = engine() else {
        return EventId::NIL;
    };
    let location = Location::caller();
    let type_name = std::any::type_name::<E>();
    let draft = Draft {
        level: Level::Error,
        is_fatal: false,
        is_in_panic_hook: false,
        wants_stack: true,
        thread_name: None,
        key: &|hasher| {
            let link = chain::Link {
                type_name,
                address: std::ptr::from_ref(error).cast(),
                display: &error,
                debug: &error,
                source: None,
            };
            type_name.hash(hasher);
            link.key_text().as_bytes().hash(hasher);
        },
        fill: &|encoder, addresses| {
            let link = chain::Link {
                type_name,
                address: std::ptr::from_ref(error).cast(),
                display: &error,
                debug: &error,
                source: error.source(),
            };
            chain::encode(encoder, &link, addresses, location.into());
            Stack::Written
        },
        above_scopes: None,
    };
    engine.capture(&draft, location.into())
}

/// Captures a message.
///
/// ```
/// use crashvault::{Level, capture_message, test::with_captured};
///
/// let events = with_captured(|| capture_message("disk is nearly full", Level::Warning));
/// assert_eq!(events[0].title(), "disk is nearly full");
/// assert_eq!(events[0].level, Level::Warning);
/// ```
#[track_caller]
#[inline(never)]
pub fn capture_message(message: &str, level: Level) -> EventId {
    let Some(engine) = engine() else {
        return EventId::NIL;
    };
    let location = Location::caller();
    let draft = Draft {
        level,
        is_fatal: level == Level::Fatal,
        is_in_panic_hook: false,
        wants_stack: false,
        thread_name: None,
        key: &|hasher| {
            let mut key = chain::KeyText::default();
            let _ = std::fmt::Write::write_str(&mut key, message);
            key.as_bytes().hash(hasher);
        },
        fill: &|encoder, _| {
            encoder.text(Field::Message as u8, message, limits::MESSAGE_BYTES_MAX);
            encoder.display(Field::Location as u8, location, limits::NAME_BYTES_MAX);
            Stack::OfThread
        },
        above_scopes: None,
    };
    engine.capture(&draft, location.into())
}

/// Captures an event that the program built itself. What it leaves open comes from the scope and the process.
///
/// An `event_id` that is not nil is kept; capturing it again changes nothing in the vault.
#[track_caller]
pub fn capture_event(event: Event) -> EventId {
    let Some(engine) = engine() else {
        return EventId::NIL;
    };
    engine.capture_event(event, Location::caller().into(), &|_| ())
}

/// Captures the error of a result on its way.
pub trait ResultExt {
    /// Captures the error, if it is one, and passes the result on unchanged.
    ///
    /// ```
    /// use crashvault::{ResultExt, test::with_captured};
    ///
    /// let events = with_captured(|| {
    ///     assert_eq!("7".parse::<u8>().capture(), Ok(7));
    ///     assert_eq!("seven".parse().capture().unwrap_or(0), 0);
    /// });
    /// assert_eq!(events.len(), 1);
    /// ```
    #[must_use]
    fn capture(self) -> Self;
}

impl<T, E: Error> ResultExt for Result<T, E> {
    #[track_caller]
    #[inline]
    fn capture(self) -> Self {
        if let Err(error) = &self {
            capture_error(error);
        }
        self
    }
}

/// Adds a breadcrumb to the thread's scope.
///
/// ```
/// use crashvault::Breadcrumb;
/// crashvault::add_breadcrumb(Breadcrumb::new("opened cart").category("shop").data("items", 3));
/// ```
pub fn add_breadcrumb(crumb: Breadcrumb) {
    // The hook runs before the scope is taken, so that it may use the scope itself.
    if let Some(admitted) = Admitted::new(crumb) {
        local::with_scope_of_thread(|scope| admitted.add_to(scope.crumbs_mut()));
    }
}

/// A breadcrumb that the host's hook has let through, with what the options and the clock say about it.
struct Admitted {
    crumb: Breadcrumb,
    now: Timestamp,
    count_max: usize,
}

impl Admitted {
    fn new(crumb: Breadcrumb) -> Option<Self> {
        let options = &engine()?.options;
        let crumb = match &options.before_breadcrumb {
            None => crumb,
            Some(hook) => local::guarded(|| hook(crumb)).flatten()?,
        };
        Some(Self {
            crumb,
            now: options.clock.now(),
            count_max: options.breadcrumbs_max.unwrap_or(limits::BREADCRUMBS_MAX),
        })
    }

    fn add_to(&self, crumbs: &mut crumbs::Crumbs) {
        crumbs.add(&self.crumb, self.now, self.count_max);
    }
}

/// Adds a breadcrumb of a category and a message: the quick way, without an allocation.
///
/// ```
/// use crashvault::{Level, capture_message, test::with_captured};
///
/// let events = with_captured(|| {
///     crashvault::breadcrumb("db.query", "select from cart");
///     capture_message("the cart is empty", Level::Info);
/// });
/// assert_eq!(events[0].breadcrumbs[0].category.as_deref(), Some("db.query"));
/// ```
pub fn breadcrumb(category: &str, message: &str) {
    let Some(engine) = engine() else { return };
    if engine.options.before_breadcrumb.is_some() {
        return add_breadcrumb(Breadcrumb::new(message).category(category));
    }
    let count_max = engine
        .options
        .breadcrumbs_max
        .unwrap_or(limits::BREADCRUMBS_MAX);
    let now = engine.options.clock.now();
    local::with_scope_of_thread(|scope| {
        scope
            .crumbs_mut()
            .add_text(category, message, now, count_max)
    });
}

/// Changes the thread's scope.
pub fn configure_scope(configure: impl FnOnce(&mut Scope)) {
    if engine().is_some() {
        local::with_scope_of_thread(configure);
        local::show_scope();
    }
}

/// Changes the scope that lies under the scopes of all threads, also those that start later.
pub fn configure_global_scope(configure: impl FnOnce(&mut Scope)) {
    if let Some(engine) = engine() {
        engine.configure_global(configure);
    }
}

/// Runs `work` in a copy of the thread's scope that `configure` has changed; the former one returns afterwards.
///
/// ```
/// use crashvault::{Level, capture_message, test::with_captured, with_scope};
///
/// let events = with_captured(|| {
///     with_scope(
///         |scope| scope.set_tag("step", "checkout"),
///         || capture_message("inside", Level::Info),
///     );
///     capture_message("outside", Level::Info);
/// });
/// assert_eq!(events[0].tags["step"], "checkout");
/// assert!(events[1].tags.is_empty());
/// ```
pub fn with_scope<T>(configure: impl FnOnce(&mut Scope), work: impl FnOnce() -> T) -> T {
    if engine().is_none() {
        return work();
    }
    let mut scope = local::with_scope_of_thread(|scope| scope.clone()).unwrap_or_default();
    configure(&mut scope);
    let _entered = scope::Entered::enter(&mut scope);
    work()
}

/// The W3C `traceparent` to pass on to what this program calls or starts: the trace of the thread's scope, else of the
/// global one. `None` without a trace, and before `install()`.
///
/// The trace comes from [`Scope::set_traceparent`] or [`Scope::start_trace`]; at `install()` the global scope takes it
/// from the variable `TRACEPARENT`.
///
/// ```no_run
/// let mut command = std::process::Command::new("resize-images");
/// if let Some(traceparent) = crashvault::traceparent() {
///     command.env("TRACEPARENT", traceparent);
/// }
/// ```
pub fn traceparent() -> Option<String> {
    let engine = engine()?;
    let own = local::with_scope_of_thread(|scope| scope.trace()).flatten();
    let trace = own.or_else(|| engine.read_global()?.trace())?;
    Some(trace.to_string())
}

/// Sets a tag on the thread's scope.
pub fn set_tag(key: impl Into<String>, value: impl std::fmt::Display) {
    configure_scope(|scope| scope.set_tag(key, value));
}

/// Sets or removes the user on the thread's scope.
pub fn set_user(user: impl Into<Option<User>>) {
    configure_scope(|scope| scope.set_user(user));
}

/// Sets a context on the thread's scope.
pub fn set_context(name: impl Into<String>, value: impl Into<serde_json::Value>) {
    configure_scope(|scope| scope.set_context(name, value));
}

/// Sets one entry of free data on the thread's scope.
pub fn set_extra(key: impl Into<String>, value: impl Into<serde_json::Value>) {
    configure_scope(|scope| scope.set_extra(key, value));
}

/// Writes what waits in memory (durability `async`) and waits until the disk has it all. False if that failed.
pub fn flush() -> bool {
    let Some(engine) = engine() else {
        return true;
    };
    engine.state().is_none_or(|state| {
        engine.write_counts(state);
        state.journal.flush(true).is_ok()
    })
}

/// Writes down the counts of what was suppressed: for the drainer, whose thread is not the host's.
#[cfg(feature = "store")]
pub(crate) fn write_counts() {
    if let Some(engine) = engine::installed().filter(|engine| !engine.is_closed())
        && let Some(state) = engine.state()
    {
        engine.write_counts(state);
    }
}

/// Ends capture in this process: what waits is written, the journal's locks are given up, later captures do nothing.
pub fn close() {
    if let Some(engine) = engine() {
        engine.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crashes_by_signals_that_cannot_be_kept_are_refused_only_where_they_were_asked_for() {
        let refusal = native_refusal(Some(true), false).unwrap_or_default();
        assert!(refusal.contains("Unsupported"), "{refusal}");
        for (asked, is_built) in [(None, false), (Some(false), false), (Some(true), true)] {
            assert_eq!(native_refusal(asked, is_built), None);
        }
    }
}
