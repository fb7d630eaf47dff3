//! What a library must offer to be timed.

use std::error::Error;

/// One library in one configuration. It is used from one thread at a time, and lives as long as the program,
/// because what a library installs into a process cannot be taken out again.
pub trait Subject: Sync {
    /// What its keys in the result begin with: `"sentry_"` gives `sentry_capture_error_p50_us`.
    /// Empty for the one that the benchmark is about. Unique among the subjects of one run; it also names
    /// the subject to child processes and its file of raw samples.
    fn prefix(&self) -> &'static str;

    /// Name and version for the result's `peers`, such as `sentry 0.49.5`.
    fn version(&self) -> String;

    /// Starts the library in this process, with its panic hook. Called once per process. Timed in a fresh
    /// process as `install_us`, so what it needs for the comparison alone (temporary directories) is made
    /// before, for instance by the constructor.
    ///
    /// The harness takes the panic hook out afterwards and calls it only in its subject's own turns.
    fn install(&self);

    /// Makes the scope of later captures exactly [`workload::TAGS`](crate::workload::TAGS), the user
    /// [`workload::USER`](crate::workload::USER) and the breadcrumbs of
    /// [`workload::breadcrumbs`](crate::workload::breadcrumbs). Called again to forget breadcrumbs that were
    /// added in between. Not timed.
    fn set_scope(&self);

    /// Runs `turn` with this subject as the one that the calling thread's captures and panics go to.
    /// Only where several subjects share one library is there something to do. Not timed.
    fn take_turn(&self, turn: &mut dyn FnMut()) {
        turn();
    }

    /// Captures `error` with its whole `source()` chain and the stack, in the way the library promises.
    /// True where the event was accepted: the id is not nil. Timed, so nothing else belongs in it.
    fn capture_error(&self, error: &(dyn Error + 'static)) -> bool;

    /// Captures a message of level info. True where it was accepted. Timed.
    fn capture_message(&self, text: &str) -> bool;

    /// Adds one breadcrumb of category `bench`. Timed.
    fn add_breadcrumb(&self, message: &str);

    /// Whether [`install`](Self::install) brings a panic hook of its own. A second configuration of a library
    /// that hooks once per process says no.
    fn has_panic_hook(&self) -> bool {
        true
    }

    /// Counts what arrived since `install`: called after all timing, may take its time.
    fn kept(&self) -> Kept;
}

/// What a subject still has of what it accepted, in this process and after everything was timed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Events that can be read back, of every kind.
    pub events: u64,
    /// Events looked into; all where the library keeps them, fewer where it only hands them over.
    pub inspected: u64,
    /// Of the inspected ones, those without the stack, breadcrumbs, tags or user that they should have.
    pub incomplete: u64,
}
