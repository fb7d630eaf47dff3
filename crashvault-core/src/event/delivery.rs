//! One item that somebody sent, with what is known of its way; and its form in the journal, both ways.
//!
//! The form is the length of a JSON head (4 bytes, little-endian), the head, then the item as it was sent.

use serde_json::Value;

use super::{EventId, Object};
use crate::time::Timestamp;

/// One item that somebody sent: an event, or anything else of an envelope.
///
/// ```
/// use crashvault::event::Delivery;
/// use crashvault::{EventId, Timestamp};
///
/// let id: EventId = "0123456789abcdef0123456789abcdef".parse().unwrap();
/// let body = br#"{"message":"disk full"}"#;
/// let delivery = Delivery::new("event", "shop", Timestamp::now(), body).event(id);
/// assert!(delivery.is_event());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delivery<'d> {
    /// What it is, in the words of Sentry's envelopes: `event`, `attachment`, `check_in` …
    pub kind: String,
    /// The name of the project that it was sent to.
    pub project: String,
    /// When it came.
    pub received_at: Timestamp,
    /// When the sender says it was sent, by the sender's clock.
    pub sent_at: Option<Timestamp>,
    /// The event that the envelope names; the event's own id if it is one.
    pub event: Option<EventId>,
    /// The network address that it came from.
    pub client: Option<String>,
    /// The item's own head, as sent.
    pub head: Object,
    /// The item.
    pub payload: &'d [u8],
}

/// The kind of an event.
const EVENT: &str = "event";
/// Bytes before the head.
const LENGTH_BYTES: usize = 4;

impl<'d> Delivery<'d> {
    /// An item that came now, of which nothing else is known.
    pub fn new(
        kind: impl Into<String>,
        project: impl Into<String>,
        received_at: Timestamp,
        payload: &'d [u8],
    ) -> Self {
        Self {
            kind: kind.into(),
            project: project.into(),
            received_at,
            sent_at: None,
            event: None,
            client: None,
            head: Object::new(),
            payload,
        }
    }

    /// The event that the envelope names.
    #[must_use]
    pub fn event(mut self, id: EventId) -> Self {
        self.event = Some(id);
        self
    }

    /// When the sender says it was sent.
    #[must_use]
    pub fn sent_at(mut self, time: Option<Timestamp>) -> Self {
        self.sent_at = time;
        self
    }

    /// The network address that it came from.
    #[must_use]
    pub fn client(mut self, address: impl Into<String>) -> Self {
        self.client = Some(address.into());
        self
    }

    /// The item's own head, as sent.
    #[must_use]
    pub fn head(mut self, head: Object) -> Self {
        self.head = head;
        self
    }

    /// Whether it is an event, which is grouped and searched; anything else is kept as it is.
    pub fn is_event(&self) -> bool {
        self.kind == EVENT
    }

    /// Appends its form in the journal.
    #[cfg(feature = "server")]
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        let head = serde_json::json!({
            "kind": self.kind,
            "project": self.project,
            "received_at": self.received_at.as_nanos(),
            "sent_at": self.sent_at.map(Timestamp::as_nanos),
            "event": self.event.map(|id| id.to_string()),
            "client": self.client,
            "head": self.head,
        })
        .to_string();
        into.reserve(LENGTH_BYTES + head.len() + self.payload.len());
        into.extend_from_slice(&(head.len() as u32).to_le_bytes());
        into.extend_from_slice(head.as_bytes());
        into.extend_from_slice(self.payload);
    }

    /// `None` for what is none.
    pub(crate) fn decode(body: &'d [u8]) -> Option<Self> {
        let (length, rest) = body.split_first_chunk::<LENGTH_BYTES>()?;
        let (head, payload) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let head: Value = serde_json::from_slice(head).ok()?;
        let text = |key: &str| head[key].as_str();
        Some(Self {
            kind: text("kind")?.to_owned(),
            project: text("project")?.to_owned(),
            received_at: Timestamp::from_nanos(head["received_at"].as_i64()?),
            sent_at: head["sent_at"].as_i64().map(Timestamp::from_nanos),
            event: text("event").and_then(|id| id.parse().ok()),
            client: text("client").map(str::to_owned),
            head: head["head"].as_object().cloned().unwrap_or_default(),
            payload,
        })
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;

    fn check(delivery: &Delivery<'_>) {
        let mut body = Vec::new();
        delivery.encode(&mut body);
        assert_eq!(Delivery::decode(&body).as_ref(), Some(delivery));
        for length in 0..body.len() - delivery.payload.len() {
            assert_eq!(Delivery::decode(&body[..length]), None, "{length}");
        }
    }

    #[test]
    fn what_was_sent_comes_back_with_what_is_known_of_its_way() {
        let at = Timestamp::from_nanos(1_767_607_200_000_000_001);
        check(&Delivery::new("log", "shop", at, b""));
        let head = serde_json::json!({"type": "attachment", "filename": "å\n.log"});
        let whole = Delivery::new("attachment", "two words", at, b"\0\xff\n{}")
            .event(EventId::from_bytes([7; 16]))
            .sent_at(Some(Timestamp::from_nanos(-5)))
            .client("::1")
            .head(head.as_object().cloned().unwrap());
        check(&whole);
    }
}
