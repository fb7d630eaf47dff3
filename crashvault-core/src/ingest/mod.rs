//! Enters: frames of the journal and events handed in. Leaves: symbolicated, scrubbed, grouped events in the store.
//!
//! The one place that knows the order of the walk: decode, symbolicate, scrub, group, store ([`Walk::digest`]), and the
//! order of a drain: read, commit events with their offset, make that survive, only then remove ([`drain`]).
//!
//! Never: rejects an event because a part of it is broken, removes a live segment, or runs twice at once in one vault
//! (whoever calls holds the vault's lease).

mod backtrace;
mod drain;
mod ending;
mod last_words;
#[cfg(feature = "minidump")]
pub(crate) mod minidump;
mod threads;

pub use drain::DrainReport;
pub(crate) use drain::{DrainLimit, count_waiting, drain};

use crate::event::{Event, Image};
use crate::group::{self, GroupRules};
use crate::issue::Join;
use crate::scrub::{self, ScrubRules};
use crate::store::NewEvent;
use crate::symbol::Symbolizer;
use crate::time::Timestamp;

/// The steps between an event as captured and an event as stored, with their rules and caches.
pub(crate) struct Walk {
    pub(crate) symbolizer: Symbolizer,
    pub(crate) group_rules: GroupRules,
    pub(crate) scrub_rules: ScrubRules,
}

/// Where an event came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) received_at: Timestamp,
    pub(crate) process: [u8; 16],
    pub(crate) sequence: u64,
}

/// The project of events that name none.
pub(crate) const PROJECT_DEFAULT: &str = "default";

impl Walk {
    /// Takes one event through symbolication, scrubbing and grouping.
    pub(crate) fn digest(
        &mut self,
        mut event: Event,
        images: &[Image],
        origin: Origin,
    ) -> NewEvent {
        backtrace::read(&mut event, &self.symbolizer);
        self.symbolizer.symbolicate(&mut event, images);
        scrub::scrub(&mut event, &self.scrub_rules);
        let grouping = group::group(&event, &self.group_rules);
        let project = event.project().unwrap_or(PROJECT_DEFAULT).to_owned();
        let issue = group::issue_id(&project, &grouping.variant);
        let mut join = Join::new(grouping.variant, issue, project, origin.received_at);
        join.reason = grouping.reason.into();
        join.parts = grouping.parts;
        join.algorithm = grouping.algorithm;
        NewEvent {
            event,
            join,
            received_at: origin.received_at,
            process: origin.process,
            sequence: origin.sequence,
        }
    }
}
