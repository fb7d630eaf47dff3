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
mod named;
mod received;
mod stacks;
mod text;
mod threads;
mod utf16;

pub use drain::DrainReport;
pub(crate) use drain::{DrainLimit, count_waiting, drain};
pub(crate) use received::Files;
#[cfg(feature = "server")]
pub(crate) use received::key_of;
pub use text::{TraceReader, parse_traces};

use crate::event::{Event, Image};
use crate::group::{self, GroupRules, Grouping};
use crate::issue::{Join, VariantKey};
use crate::language::InAppRules;
use crate::scrub::{self, ScrubRules};
use crate::store::NewEvent;
use crate::symbol::{self, Symbolizer};
use crate::time::Timestamp;

/// The steps between an event as captured and an event as stored, with their rules and caches.
pub(crate) struct Walk {
    pub(crate) symbolizer: Symbolizer,
    pub(crate) group_rules: GroupRules,
    pub(crate) scrub_rules: ScrubRules,
    /// Whether the store has issues of Crashvault 1, which events may belong to; to be asked before each batch.
    pub(crate) has_legacy: bool,
}

/// Where an event came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) received_at: Timestamp,
    pub(crate) process: [u8; 16],
    pub(crate) sequence: u64,
}

impl Origin {
    /// Of events that no journal brought.
    pub(crate) fn handed_in(received_at: Timestamp) -> Self {
        Self {
            received_at,
            process: [0; 16],
            sequence: 0,
        }
    }
}

/// The project of events that name none.
pub(crate) const PROJECT_DEFAULT: &str = "default";

/// What an event was to Crashvault 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Legacy {
    /// The variant that an issue of it would know the event by.
    variant: Option<VariantKey>,
    /// Whether exceptions were read out of the event's words.
    has_read_words: bool,
}

impl Walk {
    /// Takes one event through symbolication, scrubbing and grouping.
    pub(crate) fn digest(
        &mut self,
        mut event: Event,
        images: &[Image],
        origin: Origin,
    ) -> NewEvent {
        let legacy = self.prepare(&mut event, images);
        Self::grouped(event, legacy, &self.group_rules, origin)
    }

    /// All steps before grouping.
    pub(crate) fn prepare(&mut self, event: &mut Event, images: &[Image]) -> Legacy {
        backtrace::read(event, &self.symbolizer);
        self.symbolizer.symbolicate(event, images);
        stacks::join(event, self.symbolizer.rules());
        // Version 1 scrubbed nothing: its key is that of the words as they came.
        let legacy = match self.has_legacy {
            true => group::legacy_fingerprint(event),
            false => None,
        };
        let was_words = event.exceptions.is_empty();
        // Behind symbolication: addresses in texts are not of this process.
        text::read(event, self.symbolizer.rules());
        scrub::scrub(event, &self.scrub_rules);
        Legacy {
            variant: legacy.map(|legacy| legacy.grouping().variant),
            has_read_words: was_words && !event.exceptions.is_empty(),
        }
    }

    /// Groups an event that was prepared.
    pub(crate) fn grouped(
        event: Event,
        legacy: Legacy,
        rules: &GroupRules,
        origin: Origin,
    ) -> NewEvent {
        let grouping = group::group(&event, rules);
        // A rule of the user's goes before what version 1 did, which read no stack out of words.
        let is_by_default = match legacy.has_read_words {
            true => matches!(grouping.reason, "stack" | "type"),
            false => grouping.reason == "message",
        };
        let legacy = legacy.variant.filter(|_| is_by_default);
        NewEvent {
            legacy,
            ..placed(event, grouping, origin)
        }
    }

    /// Takes an event of Crashvault 1 through the same steps, into the issue that it had there.
    #[cfg(feature = "v1")]
    pub(crate) fn digest_legacy(
        &mut self,
        mut event: Event,
        fingerprint: group::LegacyFingerprint,
        origin: Origin,
    ) -> NewEvent {
        scrub::scrub(&mut event, &self.scrub_rules);
        placed(event, fingerprint.grouping(), origin)
    }
}

/// Says of an event that was taken in before what the user's rules say now of whose its frames are, where they are asked:
/// of frames that were found by their addresses. Where they say nothing it stays as it was.
pub(crate) fn ask_again(event: &mut Event, rules: &InAppRules) {
    if rules.include.is_empty() && rules.exclude.is_empty() {
        return;
    }
    let frames = event.stacktraces_mut().flat_map(|trace| &mut trace.frames);
    for frame in frames.filter(|frame| frame.instruction_addr.is_some()) {
        if let Some(said) = symbol::said(frame, rules) {
            frame.in_app = Some(said);
        }
    }
}

fn placed(mut event: Event, grouping: Grouping, origin: Origin) -> NewEvent {
    let project = event.project().unwrap_or(PROJECT_DEFAULT).to_owned();
    let issue = group::issue_id(&project, &grouping.variant);
    let mut join = Join::new(grouping.variant, issue, project, origin.received_at);
    let traits = group::traits(&event, grouping.reason, &grouping.parts);
    if let Some(title) = grouping.title {
        event.set_title(title);
    }
    join.reason = grouping.reason.into();
    join.parts = grouping.parts;
    join.algorithm = grouping.algorithm;
    NewEvent {
        event,
        legacy: None,
        join,
        traits,
        received_at: origin.received_at,
        process: origin.process,
        sequence: origin.sequence,
    }
}
