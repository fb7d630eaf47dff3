//! Crashvault itself as a subject: durable against SIGKILL when a capture returns, read back through the vault.

use std::error::Error;
use std::path::PathBuf;
use std::sync::OnceLock;

use crashvault::{Event, IssueFilter, Level, Search, User, Vault};

use crate::subject::{Kept, Subject};
use crate::workload::{self, BREADCRUMBS, CATEGORY, DEPTH, TAGS, USER};

/// Crashvault with its default options, except that floods are not thinned (each timed call must be kept) and that
/// nothing drains in the background (both would blur what one capture costs).
pub struct Crashvault {
    home: OnceLock<PathBuf>,
}

static OURS: Crashvault = Crashvault {
    home: OnceLock::new(),
};

impl Crashvault {
    /// The one installation of this process; its vault is a fresh directory.
    pub fn new() -> &'static Self {
        &OURS
    }

    /// Where its vault is. Made at the first call, so that making it is not timed.
    pub fn home(&self) -> &PathBuf {
        self.home.get_or_init(fresh_directory)
    }

    /// The options that all configurations share.
    pub fn options(&self) -> crashvault::Options {
        crashvault::options()
            .vault(self.home())
            .release("bench@1.0.0")
            .throttle(false)
            .drain(false)
    }
}

/// A directory of this process below the system's temporary one.
pub fn fresh_directory() -> PathBuf {
    let name = format!("crashvault-bench-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    // What an earlier process of the same id left would be counted as kept.
    let _ = std::fs::remove_dir_all(&directory);
    let made = std::fs::create_dir_all(&directory);
    made.unwrap_or_else(|error| panic!("cannot make {}: {error}", directory.display()));
    directory
}

impl Subject for Crashvault {
    fn prefix(&self) -> &'static str {
        ""
    }

    fn version(&self) -> String {
        format!(
            "crashvault {} (journal, read back from the vault)",
            env!("CARGO_PKG_VERSION")
        )
    }

    fn install(&self) {
        self.options().install();
    }

    fn set_scope(&self) {
        crashvault::configure_scope(|scope| {
            scope.clear();
            for (key, value) in TAGS {
                scope.set_tag(key, value);
            }
            scope.set_user(User::new(USER));
        });
        for message in workload::breadcrumbs() {
            self.add_breadcrumb(&message);
        }
    }

    fn capture_error(&self, error: &(dyn Error + 'static)) -> bool {
        !crashvault::capture_error(error).is_nil()
    }

    fn capture_message(&self, text: &str) -> bool {
        !crashvault::capture_message(text, Level::Info).is_nil()
    }

    fn add_breadcrumb(&self, message: &str) {
        crashvault::breadcrumb(CATEGORY, message);
    }

    /// Drains the journal into the vault and looks into every event.
    fn kept(&self) -> Kept {
        let kept =
            read_back(self.home()).unwrap_or_else(|error| panic!("cannot read the vault: {error}"));
        let _ = std::fs::remove_dir_all(self.home());
        kept
    }
}

/// The event that was captured last; none in an empty vault.
pub fn last_event(home: &PathBuf) -> crashvault::Result<Option<Event>> {
    let mut vault = Vault::open(home)?;
    vault.drain_all()?;
    let newest = vault
        .search_events(&Search::new(""))?
        .events
        .into_iter()
        .next();
    Ok(newest.map(|stored| stored.event))
}

/// Counts the events of a vault and those that lack something.
pub fn read_back(home: &PathBuf) -> crashvault::Result<Kept> {
    let mut vault = Vault::open(home)?;
    vault.drain_all()?;
    let mut kept = Kept::default();
    for issue in vault.issues(&IssueFilter::default().limit(usize::MAX >> 1))? {
        for stored in vault.events(&issue.id, usize::MAX >> 1)? {
            kept.events += 1;
            kept.inspected += 1;
            kept.incomplete += u64::from(!is_whole(&stored.event));
        }
    }
    Ok(kept)
}

/// Whether an event carries the whole scope, and a stack where it is no message.
pub fn is_whole(event: &Event) -> bool {
    let frames = event
        .stacktraces()
        .map(|trace| trace.frames.len())
        .max()
        .unwrap_or(0);
    let has_stack = event.exceptions.is_empty() || frames >= DEPTH;
    let has_tags = TAGS
        .iter()
        .all(|(key, value)| event.tags.get(*key).is_some_and(|tag| tag == value));
    let has_user = event.user.as_ref().and_then(|user| user.id.as_deref()) == Some(USER);
    has_stack && event.breadcrumbs.len() == BREADCRUMBS && has_tags && has_user
}
