//! Enters: an event and its files. Leaves: the envelope's bytes, packed for the way.
//!
//! Never: changes an event; reads a clock.

use std::io::Write;

use crashvault::{Attachment, Event, EventId, Timestamp};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// A file and what is known of it.
pub(crate) type File = (Attachment, Vec<u8>);

/// The event as it is stored, and its files behind it, each with its length.
pub(crate) fn of(event: &Event, files: &[File], sent_at: Timestamp) -> Vec<u8> {
    let mut envelope = head(Some(event.event_id), sent_at);
    let payload = event.to_json();
    let item =
        json!({"type": "event", "content_type": "application/json", "length": payload.len()});
    put(&mut envelope, &item, &payload);
    for (attachment, content) in files {
        put(&mut envelope, &item_of(attachment, content), content);
    }
    envelope
}

/// An envelope with nothing in it, to ask whether the key is known.
pub(crate) fn empty(sent_at: Timestamp) -> Vec<u8> {
    head(None, sent_at)
}

fn head(event: Option<EventId>, sent_at: Timestamp) -> Vec<u8> {
    let mut head = json!({
        "sent_at": sent_at.to_string(),
        "sdk": {"name": "crashvault", "version": env!("CARGO_PKG_VERSION")},
    });
    if let Some(id) = event {
        head["event_id"] = id.to_string().into();
    }
    let mut line = head.to_string().into_bytes();
    line.push(b'\n');
    line
}

fn item_of(attachment: &Attachment, content: &[u8]) -> Value {
    let mut item = json!({
        "type": "attachment",
        "length": content.len(),
        "filename": attachment.name,
        "attachment_type": attachment.kind,
    });
    if let Some(content_type) = &attachment.content_type {
        item["content_type"] = content_type.as_str().into();
    }
    item
}

fn put(envelope: &mut Vec<u8>, item: &Value, payload: &[u8]) {
    envelope.extend_from_slice(item.to_string().as_bytes());
    envelope.push(b'\n');
    envelope.extend_from_slice(payload);
    envelope.push(b'\n');
}

/// The same with gzip around it.
pub(crate) fn packed(envelope: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory cannot fail; if it did, the body would be cut and refused.
    let _ = encoder.write_all(envelope);
    encoder.finish().unwrap_or_default()
}
