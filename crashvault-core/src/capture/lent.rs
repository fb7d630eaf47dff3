//! Scopes in the hands of integrations: told once what they are for, and lent to the thread again and again.

#[cfg(any(feature = "actix", feature = "tokio", feature = "tower"))]
use std::sync::Arc;

#[cfg(any(feature = "actix", feature = "tokio", feature = "tower"))]
use super::engine;
#[cfg(any(feature = "actix", feature = "tokio", feature = "tower"))]
use super::late::Late;
use super::scope::{Entered, ScopeHandle};

/// Whether anything would be captured now on this thread.
#[cfg(any(feature = "actix", feature = "tokio", feature = "tower"))]
pub(crate) fn is_capturing() -> bool {
    engine::engine().is_some()
}

impl ScopeHandle {
    /// What is served in this scope already.
    #[cfg(any(feature = "actix", feature = "tower"))]
    pub(crate) fn request(&self) -> Option<Arc<dyn Late>> {
        self.0.late.request.clone()
    }

    /// This scope, in which `request` is served: a part of its caller's trace, if it says one.
    #[cfg(any(feature = "actix", feature = "tower"))]
    pub(crate) fn of_request(mut self, request: Arc<dyn Late>, traceparent: Option<&str>) -> Self {
        self.0.late.request = Some(request);
        if let Some(traceparent) = traceparent {
            self.0.set_traceparent(traceparent);
        }
        self
    }

    /// This scope, in which `task` runs.
    #[cfg(feature = "tokio")]
    pub(crate) fn of_task(mut self, task: Arc<dyn Late>) -> Self {
        self.0.late.task = Some(task);
        self
    }

    /// Runs `work` with this scope as the thread's; what it sets stays in the handle.
    pub(crate) fn lend<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let _entered = Entered::enter(&mut self.0);
        work()
    }
}
