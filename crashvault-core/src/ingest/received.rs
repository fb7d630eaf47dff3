//! What others sent, as a server wrote it into the journal: events on the walk of all others, and items that are kept
//! beside them.
//!
//! The sender's clock may be wrong: times of an event are moved by what its `sent_at` is off, where that is much.

use serde_json::Value;

use super::Origin;
use crate::event::{Delivery, Event, EventId, Flaw};
use crate::journal::Frame;
use crate::scrub::{self, ScrubRules};
use crate::store::{Attachment, NewItem, attachment_line, attachment_name};
use crate::time::Timestamp;

/// Less than that is the way of the envelope.
const DRIFT_SECS_MIN: i64 = 60;
/// What a browser sends for an address that only the receiver knows.
const AUTO_ADDRESS: &str = "{{auto}}";
/// The item that is a file.
const ATTACHMENT: &str = "attachment";
/// What an attachment is for, if nobody says.
const ATTACHMENT_KIND: &str = "event.attachment";

/// What a frame turned out to hold.
pub(super) enum Received {
    Event(Box<Event>, Origin),
    Item(NewItem),
    /// A file for an event: its record, and its content.
    File(Attachment, Vec<u8>),
    /// Nothing that can be read.
    Nothing,
}

/// Reads a frame that a process of this name wrote.
pub(super) fn read(frame: &Frame<'_>, process: [u8; 16], rules: &ScrubRules) -> Received {
    let Some(delivery) = Delivery::decode(frame.body) else {
        return Received::Nothing;
    };
    if delivery.is_event() {
        let origin = Origin {
            received_at: delivery.received_at,
            process,
            sequence: frame.sequence,
        };
        return Received::Event(Box::new(event(&delivery, frame.id)), origin);
    }
    match (delivery.kind.as_str(), delivery.event) {
        (ATTACHMENT, Some(event)) => Received::File(
            attachment(&delivery, event),
            // A copy, since the frame's segment is let go before the batch is kept.
            delivery.payload.to_vec(),
        ),
        _ => Received::Item(item(&delivery, frame.id, rules)),
    }
}

fn event(delivery: &Delivery<'_>, id: [u8; 16]) -> Event {
    let mut event = Event::from_json(delivery.payload).unwrap_or_else(|error| {
        let mut event = Event::new();
        event.flaws.push(Flaw::new("event", error.to_string()));
        event
    });
    // The envelope's word goes before the event's own.
    event.event_id = EventId::from_bytes(id);
    event.set_own("project", delivery.project.as_str());
    if let Some(user) = &mut event.user
        && user.ip_address.as_deref() == Some(AUTO_ADDRESS)
    {
        user.ip_address.clone_from(&delivery.client);
    }
    if let Some(drift) = drift(delivery) {
        correct(&mut event, drift);
    }
    event.timestamp.get_or_insert(delivery.received_at);
    event
}

/// Nanoseconds that the sender's clock is behind; `None` where it is about right, or nobody knows.
fn drift(delivery: &Delivery<'_>) -> Option<i64> {
    let sent_at = delivery.sent_at?.as_nanos();
    let drift = delivery.received_at.as_nanos().checked_sub(sent_at)?;
    (drift / 1_000_000_000)
        .abs()
        .ge(&DRIFT_SECS_MIN)
        .then_some(drift)
}

fn correct(event: &mut Event, drift: i64) {
    let moved = |time: Timestamp| Timestamp::from_nanos(time.as_nanos().saturating_add(drift));
    event.timestamp = event.timestamp.map(moved);
    for crumb in &mut event.breadcrumbs {
        crumb.timestamp = crumb.timestamp.map(moved);
    }
    event.set_own("clock_drift_ms", drift / 1_000_000);
}

fn attachment(delivery: &Delivery<'_>, event: EventId) -> Attachment {
    let text = |key: &str| delivery.head.get(key).and_then(Value::as_str);
    let kind = text("attachment_type").and_then(attachment_name);
    Attachment {
        id: 0,
        event,
        name: text("filename")
            .and_then(attachment_name)
            .unwrap_or_else(|| "unnamed".into()),
        content_type: text("content_type").and_then(attachment_line),
        kind: kind.unwrap_or_else(|| ATTACHMENT_KIND.into()),
        // Known once the content is in its place.
        hash: [0; 32],
        size_bytes: delivery.payload.len() as u64,
        added_at: delivery.received_at,
    }
}

fn item(delivery: &Delivery<'_>, key: [u8; 16], rules: &ScrubRules) -> NewItem {
    let mut head = Value::Object(delivery.head.clone());
    scrub::scrub_value(&mut head, rules);
    NewItem {
        key,
        kind: attachment_line(&delivery.kind).unwrap_or_else(|| "unknown".into()),
        project: delivery.project.clone(),
        event: delivery.event,
        received_at: delivery.received_at,
        head: head.to_string(),
        payload: scrubbed(delivery.payload, rules),
    }
}

/// What is no JSON is kept as it came; and what holds no secret too, to the last digit of its numbers.
fn scrubbed(payload: &[u8], rules: &ScrubRules) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(payload) else {
        return payload.to_vec();
    };
    match scrub::scrub_value(&mut value, rules) {
        0 => payload.to_vec(),
        _ => value.to_string().into_bytes(),
    }
}

/// A name for an item: that of an envelope which names its event is the same each time it is sent, any other is `random`.
#[cfg(feature = "server")]
pub(crate) fn key_of(delivery: &Delivery<'_>, random: [u8; 16]) -> [u8; 16] {
    match delivery.event {
        Some(event) if delivery.is_event() => *event.as_bytes(),
        Some(event) => {
            let mut hasher = blake3::Hasher::new();
            for part in [
                delivery.project.as_bytes(),
                delivery.kind.as_bytes(),
                event.as_bytes(),
            ] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            hasher.update(delivery.payload);
            let mut key = [0; 16];
            key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
            key
        }
        None => random,
    }
}

/// Where contents of files are put.
pub(crate) trait Files {
    /// Puts a content in its place, whole and on the disk, and says its hash.
    ///
    /// # Errors
    /// Io.
    fn put(&mut self, bytes: &[u8]) -> crate::error::Result<[u8; 32]>;
}
