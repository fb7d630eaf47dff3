//! Tests of your own captures: what a piece of code captures is handed to you as events, and goes nowhere else.
//!
//! ```
//! use crashvault::{Level, test::with_captured};
//!
//! let events = with_captured(|| {
//!     crashvault::set_tag("shelf", "A 7");
//!     crashvault::capture_message("nothing left to sell", Level::Warning);
//! });
//! assert_eq!(events.len(), 1);
//! assert_eq!(events[0].message.as_deref(), Some("nothing left to sell"));
//! assert_eq!(events[0].tags["shelf"], "A 7");
//! ```
//!
//! Nothing is installed and no file is written, so tests may run side by side in the threads of one process. What leads
//! to the collector is the thread's scope: it goes along with [`ScopeHandle`](crate::ScopeHandle)s and futures with a
//! scope ([`in_scope`](crate::ScopeFutureExt::in_scope)); what other threads capture is not in it.
//!
//! Enters: a closure. Leaves: the events captured in it, as a vault would hold them (with the feature `store`: functions
//! and lines found, secrets removed), else as they were captured.
//!
//! Never: reads settings or variables, touches a vault, or sees what is captured outside the closure's scope.

#[cfg(not(feature = "store"))]
mod disabled;
#[cfg(feature = "store")]
mod enabled;

#[cfg(not(feature = "store"))]
use disabled::digest;
#[cfg(feature = "store")]
use enabled::digest;

use crate::capture::{self, Collected, Options};
use crate::event::{Event, EventId, Flaw, wire};
use crate::journal::{Flags, KeptFrame};

/// Runs `work` and returns what it captured, in the order of the captures.
///
/// Scope, breadcrumbs, limits and throttling are those of an installed Crashvault with default options, starting from
/// an empty scope. Panics that are caught inside `work` are captured too; one that leaves it goes on to the caller.
///
/// ```
/// use crashvault::{ResultExt, test::with_captured};
///
/// fn port(text: &str) -> u16 {
///     text.parse().capture().unwrap_or(8080)
/// }
///
/// let events = with_captured(|| port("eighty"));
/// assert_eq!(events[0].title(), "ParseIntError: invalid digit found in string");
/// assert!(with_captured(|| port("80")).is_empty());
/// ```
///
/// With the feature `store` the first call in a process that finds a stack reads the debug information of the test
/// program, which may take some tenths of a second. Each call leaves some ten kilobytes behind, as scopes elsewhere may
/// still lead to its collector; what is captured through them after it returned is dropped.
pub fn with_captured<T>(work: impl FnOnce() -> T) -> Vec<Event> {
    with_captured_options(Options::default(), work)
}

/// The same with options, for tests of `before_send`, sampling, tags and the like.
///
/// Those that concern the vault's place, durability and crashes by signals have no meaning here.
///
/// ```
/// use crashvault::test::with_captured_options;
///
/// let options = crashvault::options().before_send(|mut event| {
///     event.user = None;
///     Some(event)
/// });
/// let events = with_captured_options(options, || {
///     crashvault::set_user(crashvault::User::new("4711"));
///     crashvault::capture_message("card refused", crashvault::Level::Error);
/// });
/// assert_eq!(events[0].user, None);
/// ```
pub fn with_captured_options<T>(options: Options, work: impl FnOnce() -> T) -> Vec<Event> {
    let collected = capture::collect(options, || drop(work()));
    let events = collected.frames.iter();
    let events = events.map(|frame| read(frame, &collected)).collect();
    digest(events, &collected)
}

fn read(frame: &KeptFrame, collected: &Collected) -> Event {
    let mut event = collected.base.clone();
    if frame.flags.contains(Flags::JSON) {
        event = Event::from_json(&frame.body).unwrap_or_else(|error| {
            event.flaws.push(Flaw::new("event", error.to_string()));
            event
        });
    } else {
        wire::decode_onto(&mut event, &frame.body);
    }
    if event.event_id.is_nil() {
        event.event_id = EventId::from_bytes(frame.id);
    }
    event
}
