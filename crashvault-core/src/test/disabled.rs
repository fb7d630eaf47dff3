//! Without the feature `store` nobody knows names of functions, or which values are secret.

use crate::capture::Collected;
use crate::event::Event;

pub(super) fn digest(events: Vec<Event>, _: &Collected) -> Vec<Event> {
    events
}
