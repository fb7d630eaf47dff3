//! The `sentry` crate as it is used without a network: its transport serializes the envelope and drops it.
//!
//! That is kind to it: the real transports hand the envelope to a thread that serializes, compresses and sends.
//! It is also what a durable library must be compared with, because that has serialized when it returns.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sentry::protocol::{Envelope, User};
use sentry::{Breadcrumb, Client, ClientOptions, Hub, Level, Transport, apply_defaults};
use serde_json::Value;

use crate::subject::{Kept, Subject};
use crate::workload::{self, BREADCRUMBS, CATEGORY, DEPTH, TAGS, USER};

/// The crate in one configuration. Both share a process: each has a hub with a client of its own.
pub struct Sentry {
    prefix: &'static str,
    with_stack: bool,
    hub: OnceLock<Arc<Hub>>,
    transport: OnceLock<Arc<Dropping>>,
}

static WITH_STACK: Sentry = Sentry::new("sentry_", true);
static WITHOUT_STACK: Sentry = Sentry::new("sentry_nostack_", false);

impl Sentry {
    const fn new(prefix: &'static str, with_stack: bool) -> Sentry {
        Sentry {
            prefix,
            with_stack,
            hub: OnceLock::new(),
            transport: OnceLock::new(),
        }
    }

    /// `attach_stacktrace(true)`: an error arrives with the stack of its capture, as Crashvault's do.
    pub fn with_stack() -> &'static Sentry {
        &WITH_STACK
    }

    /// The crate's default for errors and messages: no stack.
    pub fn without_stack() -> &'static Sentry {
        &WITHOUT_STACK
    }

    /// The event that was handed over last; null without one.
    pub fn last_event(&self) -> Value {
        let Some(transport) = self.transport.get() else {
            return Value::Null;
        };
        let last = transport.last.lock();
        event_of(&last.unwrap_or_else(PoisonError::into_inner))
    }

    fn options(&self, transport: &Arc<Dropping>) -> ClientOptions {
        ClientOptions::new()
            .dsn("https://key@localhost/1")
            .release("bench@1.0.0")
            .attach_stacktrace(self.with_stack)
            .transport(Arc::clone(transport))
    }

    /// What an envelope's event lacks of what the workload promises; nothing where it is whole.
    fn lacks(&self, envelope: &[u8]) -> Vec<&'static str> {
        let event = event_of(envelope);
        let frames = if self.with_stack {
            frames_of(&event)
        } else {
            DEPTH
        };
        let crumbs = &event["breadcrumbs"];
        let crumbs = crumbs["values"]
            .as_array()
            .or_else(|| crumbs.as_array())
            .map_or(0, Vec::len);
        let tags = TAGS.iter().all(|(key, value)| event["tags"][key] == *value);
        let checks = [
            ("frames", frames >= DEPTH),
            ("breadcrumbs", crumbs == BREADCRUMBS),
            ("tags", tags),
            ("user", event["user"]["id"] == USER),
        ];
        checks
            .iter()
            .filter(|(_, well)| !well)
            .map(|(name, _)| *name)
            .collect()
    }
}

impl Subject for Sentry {
    fn prefix(&self) -> &'static str {
        self.prefix
    }

    fn version(&self) -> String {
        let stack = if self.with_stack {
            "with stack"
        } else {
            "without stack"
        };
        let agent = ClientOptions::new().user_agent;
        let version = agent.rsplit('/').next().unwrap_or_default();
        format!("sentry {version} ({stack}, transport serializes and drops)")
    }

    fn install(&self) {
        let transport = self.transport.get_or_init(Arc::default);
        self.hub.get_or_init(|| {
            let client = Client::from(apply_defaults(self.options(transport)));
            Arc::new(Hub::new(Some(Arc::new(client)), Arc::default()))
        });
    }

    fn set_scope(&self) {
        sentry::configure_scope(|scope| {
            scope.clear();
            for (key, value) in TAGS {
                scope.set_tag(key, value);
            }
            scope.set_user(Some(User {
                id: Some(USER.into()),
                ..User::default()
            }));
        });
        for message in workload::breadcrumbs() {
            self.add_breadcrumb(&message);
        }
    }

    fn take_turn(&self, turn: &mut dyn FnMut()) {
        if let Some(hub) = self.hub.get() {
            Hub::run(Arc::clone(hub), turn);
        }
    }

    fn capture_error(&self, error: &(dyn Error + 'static)) -> bool {
        !sentry::capture_error(error).is_nil()
    }

    fn capture_message(&self, text: &str) -> bool {
        !sentry::capture_message(text, Level::Info).is_nil()
    }

    fn add_breadcrumb(&self, message: &str) {
        sentry::add_breadcrumb(Breadcrumb {
            category: Some(CATEGORY.into()),
            message: Some(message.to_owned()),
            ..Breadcrumb::default()
        });
    }

    /// The crate hooks once per process, and its hook asks the current hub.
    fn has_panic_hook(&self) -> bool {
        self.with_stack
    }

    fn kept(&self) -> Kept {
        let Some(transport) = self.transport.get() else {
            return Kept::default();
        };
        let last = transport
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let inspected = u64::from(!last.is_empty());
        let incomplete = u64::from(inspected == 1 && !self.lacks(&last).is_empty());
        Kept {
            events: transport.events.load(Ordering::Relaxed),
            inspected,
            incomplete,
        }
    }
}

/// Serializes each envelope into memory of its own and keeps only the last one, to be looked at.
#[derive(Default)]
struct Dropping {
    events: AtomicU64,
    last: Mutex<Vec<u8>>,
}

impl Transport for Dropping {
    fn send_envelope(&self, envelope: Envelope) {
        let mut bytes = Vec::new();
        if envelope.to_writer(&mut bytes).is_ok() {
            self.events.fetch_add(1, Ordering::Relaxed);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
        }
    }
}

/// The event in an envelope: the line after the header of the item that is called so.
fn event_of(envelope: &[u8]) -> Value {
    let mut lines = envelope.split(|byte| *byte == b'\n');
    let is_event = |line: &[u8]| {
        serde_json::from_slice::<Value>(line).is_ok_and(|header| header["type"] == "event")
    };
    let event = lines
        .by_ref()
        .find(|line| is_event(line))
        .and_then(|_| lines.next());
    event
        .and_then(|line| serde_json::from_slice(line).ok())
        .unwrap_or_default()
}

/// The frames of the longest stack, wherever the event carries it.
fn frames_of(event: &Value) -> usize {
    let stacks = |key: &str| {
        event[key]["values"]
            .as_array()
            .or_else(|| event[key].as_array())
            .cloned()
    };
    let all = ["exception", "threads"]
        .into_iter()
        .filter_map(stacks)
        .flatten();
    all.filter_map(|one| one["stacktrace"]["frames"].as_array().map(Vec::len))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{LoadError, at_depth};

    fn check_whole(subject: &'static Sentry) {
        subject.install();
        subject.take_turn(&mut || {
            subject.set_scope();
            let error = LoadError::new(1);
            assert!(at_depth(DEPTH, &mut || subject.capture_error(&error)));
        });
        let last = subject
            .transport
            .get()
            .unwrap()
            .last
            .lock()
            .unwrap()
            .clone();
        assert_eq!(
            subject.lacks(&last),
            Vec::<&str>::new(),
            "{}",
            event_of(&last)
        );
        assert_eq!(
            subject.kept(),
            Kept {
                events: 1,
                inspected: 1,
                incomplete: 0
            }
        );
        assert_eq!(
            event_of(&last)["exception"]["values"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn errors_arrive_whole_with_their_stack() {
        check_whole(Sentry::with_stack());
    }

    #[test]
    fn errors_arrive_whole_without_a_stack() {
        check_whole(Sentry::without_stack());
    }

    #[test]
    fn an_empty_envelope_lacks_everything() {
        assert_eq!(
            Sentry::with_stack().lacks(b"{}\n"),
            ["frames", "breadcrumbs", "tags", "user"]
        );
    }

    #[test]
    fn the_version_is_the_crates_own() {
        assert!(Sentry::with_stack().version().starts_with("sentry 0.49.5 "));
    }
}
