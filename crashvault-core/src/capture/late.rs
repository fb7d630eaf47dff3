//! What a scope is told at once and asks for only when something is captured in it: the request that is served, the task
//! that runs. Almost all requests end well, so nothing about them is formatted before.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::event::Level;
use crate::event::wire::Encoder;

/// Something that is asked for its fields at each capture.
///
/// That may be in the panic hook, where a panic ends the process: no code of the host may be called.
pub(crate) trait Late: Send + Sync + UnwindSafe + RefUnwindSafe {
    fn encode(&self, encoder: &mut Encoder<'_>, level: Level);

    /// Learns that an event of this level was captured in its scope, or in one further in.
    #[cfg(any(feature = "actix", feature = "host", feature = "tower"))]
    fn see(&self, _: Level) {}
}

/// What a scope has of it. A copy of the scope shares it.
#[derive(Clone, Default)]
pub(super) struct LateParts {
    pub(super) request: Option<Arc<dyn Late>>,
    pub(super) task: Option<Arc<dyn Late>>,
}

impl LateParts {
    /// Comes before the scope's own fields, which win.
    pub(super) fn encode(&self, encoder: &mut Encoder<'_>, level: Level) {
        for part in self.request.iter().chain(&self.task) {
            part.encode(encoder, level);
        }
    }
}

impl fmt::Debug for LateParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LateParts")
    }
}
