//! The walk that events take into a vault, short of the vault.

use std::sync::{Mutex, PoisonError};

use crate::capture::Collected;
use crate::event::Event;
use crate::group::GroupRules;
use crate::ingest::{Origin, Walk};
use crate::language::InAppRules;
use crate::scrub::ScrubRules;
use crate::symbol::Symbolizer;
use crate::time::Timestamp;

/// One for all tests of the process: the debug information of the program is read once.
static WALK: Mutex<Option<Walk>> = Mutex::new(None);

pub(super) fn digest(events: Vec<Event>, collected: &Collected) -> Vec<Event> {
    let mut walk = WALK.lock().unwrap_or_else(PoisonError::into_inner);
    let walk = walk.get_or_insert_with(|| Walk {
        symbolizer: Symbolizer::new(None, InAppRules::default()),
        group_rules: GroupRules::default(),
        scrub_rules: ScrubRules::default(),
        has_legacy: false,
    });
    let origin = Origin {
        received_at: Timestamp::now(),
        process: [0; 16],
        sequence: 0,
    };
    let events = events.into_iter();
    events
        .map(|event| walk.digest(event, &collected.images, origin).event)
        .collect()
}
