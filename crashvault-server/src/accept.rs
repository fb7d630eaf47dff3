//! What SDKs send: envelopes and single events. Answered 200 once it is in the journal.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, Request, State as Shared};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use crashvault::{Delivery, Event, EventId, Intake, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::refusal::{Refusal, json_response};
use crate::state::State;
use crate::{auth, body, envelope};

const EVENT: &str = "event";
const ATTACHMENT: &str = "attachment";
/// Attachments of one envelope: as many as an event may have.
const ATTACHMENTS_MAX: usize = 50;
/// The journal keeps an item's head and way beside it.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The longest item of a kind, in bytes (Sentry's own limits, but for attachments, which are one frame of the journal here).
fn bytes_max(kind: &str) -> usize {
    match kind {
        EVENT | "feedback" | "user_report" | "security" | "nel" | "trace_metric" => MIB,
        "check_in" | "client_report" => 100 * KIB,
        "session" | "sessions" | "span" | "transaction" => 10 * MIB,
        "log" => 12 * MIB,
        _ => Intake::BYTES_MAX - HEAD_BYTES_MAX,
    }
}

/// What a request says of itself beside its body.
struct Sender {
    /// The key in its headers or its address.
    key: Option<String>,
    client: SocketAddr,
    received_at: Timestamp,
}

type Answer = Result<Response, Refusal>;

/// `POST /api/{project}/envelope/`.
pub(crate) async fn envelope(
    Shared(state): Shared<Arc<State>>,
    Path(project): Path<String>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Answer {
    let project = number(&project)?;
    let (sender, bytes, _share) = receive(&state, client, request).await?;
    take_envelope(&state, &sender, Some(project), &bytes).await
}

/// A `POST` to any other place: an envelope that names its DSN, as the SDKs' option `tunnel` sends it.
pub(crate) async fn tunnel(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Answer {
    let path = request.uri().path().to_owned();
    if request.method() != axum::http::Method::POST {
        return Err(Refusal::missing(format!("there is nothing at {path}")));
    }
    let (sender, bytes, _share) = receive(&state, client, request).await?;
    take_envelope(&state, &sender, None, &bytes).await
}

/// `POST /api/{project}/store/`.
pub(crate) async fn store(
    Shared(state): Shared<Arc<State>>,
    Path(project): Path<String>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Answer {
    let project = number(&project)?;
    let (sender, bytes, _share) = receive(&state, client, request).await?;
    let name = admit(&state, project, sender.key.as_deref())?;
    let bytes = plain_json(bytes)?;
    check_event(&bytes)?;
    let id = id_of(&bytes).unwrap_or_else(|| new_id(sender.received_at));
    let delivery = Delivery::new(EVENT, name, sender.received_at, &bytes)
        .event(id)
        .client(sender.client.ip().to_canonical().to_string());
    take(&state, &[delivery]).await?;
    Ok(accepted(Some(id)))
}

/// Whether anything would be taken at all is asked before a body is received. The share is to be held as long as the bytes.
async fn receive(
    state: &State,
    client: SocketAddr,
    request: Request<Body>,
) -> Result<(Sender, Bytes, body::Share), Refusal> {
    state
        .intake
        .check()
        .map_err(|error| Refusal::full(&error))?;
    let (parts, body) = request.into_parts();
    let sender = Sender {
        key: auth::key(&parts.headers, query(&parts.uri))?,
        client,
        received_at: Timestamp::now(),
    };
    let mut share = state.budget.share();
    let bytes = body::read(&parts.headers, body, &mut share).await?;
    Ok((sender, bytes, share))
}

fn query(uri: &Uri) -> Option<&str> {
    uri.query()
}

fn number(project: &str) -> Result<u64, Refusal> {
    let number = project.parse().ok();
    let number = number.filter(|number| (1..=auth::PROJECT_MAX).contains(number));
    number.ok_or_else(|| {
        Refusal::bad(
            format!("{project:?} is no project's number"),
            "a DSN ends with the number: http://KEY@host/1",
        )
    })
}

/// The name of the project, if the key opens it.
fn admit(state: &State, project: u64, key: Option<&str>) -> Result<String, Refusal> {
    if !state.demands_key {
        let obtained = state.projects.obtain(project);
        return obtained
            .map(|project| project.name)
            .map_err(|error| Refusal::full(&error));
    }
    let key = key.ok_or_else(|| Refusal::unauthorized("the request carries no key"))?;
    let key = auth::plain(key);
    let known = state.projects.by_id(project);
    let known = known.filter(|known| known.keys.iter().any(|one| auth::plain(one) == key));
    known.map(|project| project.name).ok_or_else(|| {
        Refusal::forbidden(
            format!("the key does not open project {project}"),
            "compare the DSN with the project's; `crashvault projects` shows it",
        )
    })
}

async fn take_envelope(
    state: &State,
    sender: &Sender,
    project: Option<u64>,
    bytes: &[u8],
) -> Answer {
    let envelope = envelope::parse(bytes).map_err(|what| {
        Refusal::bad(what, "send an envelope: a JSON head, then items with heads")
    })?;
    let dsn = envelope.head.get("dsn").and_then(Value::as_str);
    let dsn = dsn.and_then(auth::of_dsn);
    let (project, key) = addressed(project, sender.key.as_deref(), dsn)?;
    let name = admit(state, project, key.as_deref())?;
    let event = event_of(&envelope, sender.received_at)?;
    let sent_at = envelope.head.get("sent_at").and_then(time);
    let client = sender.client.ip().to_canonical().to_string();
    check_items(&envelope)?;
    let deliveries: Vec<Delivery<'_>> = envelope
        .items
        .iter()
        .map(|item| {
            let mut delivery = Delivery::new(&item.kind, &name, sender.received_at, item.payload)
                .sent_at(sent_at)
                .client(&client)
                .head(item.head.clone());
            delivery.event = event;
            delivery
        })
        .collect();
    take(state, &deliveries).await?;
    Ok(accepted(event))
}

/// Whom the request means: by its address, and by the DSN that its envelope names.
fn addressed(
    project: Option<u64>,
    key: Option<&str>,
    dsn: Option<(String, u64)>,
) -> Result<(u64, Option<String>), Refusal> {
    let Some((named_key, named)) = dsn else {
        let project = project.ok_or_else(|| Refusal::missing("nothing takes events here"))?;
        return Ok((project, key.map(str::to_owned)));
    };
    let differs = project.is_some_and(|project| project != named)
        || key.is_some_and(|key| auth::plain(key) != auth::plain(&named_key));
    if differs {
        return Err(Refusal::forbidden(
            "the DSN in the envelope is another one than the request's",
            "send an envelope to the project that it was made for",
        ));
    }
    Ok((named, Some(named_key)))
}

/// The event that an envelope is about: its head's word goes before the event's own.
fn event_of(
    envelope: &envelope::Envelope<'_>,
    received_at: Timestamp,
) -> Result<Option<EventId>, Refusal> {
    if let Some(id) = envelope.head.get("event_id").filter(|id| !id.is_null()) {
        let id = id.as_str().and_then(|id| id.parse().ok());
        let id = id.filter(|id: &EventId| !id.is_nil());
        return id.map(Some).ok_or_else(|| {
            Refusal::bad(
                "event_id is no id",
                "send 32 hexadecimal digits, with or without hyphens",
            )
        });
    }
    let event = envelope.items.iter().find(|item| item.kind == EVENT);
    Ok(event.map(|event| id_of(event.payload).unwrap_or_else(|| new_id(received_at))))
}

fn check_items(envelope: &envelope::Envelope<'_>) -> Result<(), Refusal> {
    let count = |kind: &str| {
        envelope
            .items
            .iter()
            .filter(|item| item.kind == kind)
            .count()
    };
    if count(EVENT) > 1 {
        let hint = "send each event in an envelope of its own";
        return Err(Refusal::bad("the envelope holds several events", hint));
    }
    if count(ATTACHMENT) > ATTACHMENTS_MAX {
        let what = format!("the envelope holds more than {ATTACHMENTS_MAX} attachments");
        return Err(Refusal::too_large(what));
    }
    for item in &envelope.items {
        let (bytes, max) = (item.payload.len(), bytes_max(&item.kind));
        if bytes > max {
            let what = format!("the {} has {bytes} bytes, more than {max}", item.kind);
            return Err(Refusal::too_large(what));
        }
        let head_bytes = Value::Object(item.head.clone()).to_string().len();
        if item.kind.len() > 100 || head_bytes > HEAD_BYTES_MAX / 2 {
            return Err(Refusal::too_large("the head of an item is too long"));
        }
        if item.kind == EVENT {
            check_event(item.payload)?;
        }
    }
    Ok(())
}

/// Whether it is an event at all. What is wrong inside of one is for the vault to say, and no reason to lose it.
fn check_event(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > bytes_max(EVENT) {
        let what = format!(
            "the event has {} bytes, more than {}",
            bytes.len(),
            bytes_max(EVENT)
        );
        return Err(Refusal::too_large(what));
    }
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    if is_object && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        return Ok(());
    }
    // What some senders take for JSON, the engine reads too.
    Event::from_json(bytes)
        .map(drop)
        .map_err(|error| Refusal::bad(error.message(), "send the event as a JSON object"))
}

#[derive(Deserialize)]
struct Named {
    event_id: Option<String>,
}

fn id_of(event: &[u8]) -> Option<EventId> {
    let named: Named = serde_json::from_slice(event).ok()?;
    named
        .event_id?
        .parse()
        .ok()
        .filter(|id: &EventId| !id.is_nil())
}

fn new_id(now: Timestamp) -> EventId {
    use std::hash::{BuildHasher, RandomState};
    // Each of them has keys of its own from the system.
    let random = [
        RandomState::new().hash_one(0),
        RandomState::new().hash_one(1),
    ];
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&random[0].to_le_bytes());
    bytes[8..].copy_from_slice(&random[1].to_le_bytes()[..2]);
    EventId::v7((now.as_nanos() / 1_000_000).unsigned_abs(), &bytes)
}

fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(seconds) => Timestamp::from_secs_f64(seconds.as_f64()?),
        value => Timestamp::parse(value.as_str()?),
    }
}

/// An event as old clients send it: JSON, or base64 of it, or base64 of it packed.
fn plain_json(bytes: Bytes) -> Result<Bytes, Refusal> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        return Ok(bytes);
    }
    let unpacked = from_base64(&bytes).and_then(|bytes| match bytes.trim_ascii_start().first() {
        Some(b'{') => Some(bytes),
        _ => body::unpack_deflated(&bytes),
    });
    unpacked.map(Bytes::from).ok_or_else(|| {
        Refusal::bad(
            "the body is neither JSON nor base64 of it",
            "send the event as a JSON object",
        )
    })
}

/// Both alphabets, with or without signs at the end.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let end = text
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |at| at + 1);
    let mut bytes = Vec::with_capacity(end * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in &text[..end] {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' => continue,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// Returns once all of it is on the disk.
async fn take(state: &State, deliveries: &[Delivery<'_>]) -> Result<(), Refusal> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let (done, outcome) = oneshot::channel();
    let digester = Arc::clone(&state.digester);
    let taken = state.intake.take(deliveries, move |result| {
        digester.wake();
        // Whoever asked may have gone.
        let _ = done.send(result);
    });
    taken.map_err(|error| Refusal::full(&error))?;
    let outcome = outcome.await.map_err(|_| Refusal::busy())?;
    outcome.map_err(|error| Refusal::full(&error))
}

fn accepted(event: Option<EventId>) -> Response {
    let answer = match event {
        Some(id) => json!({"id": id.to_string()}),
        None => Value::Object(Map::new()),
    };
    json_response(StatusCode::OK, &answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_undone_in_both_alphabets() {
        let check = |text: &str, expected: Option<&[u8]>| {
            assert_eq!(from_base64(text.as_bytes()).as_deref(), expected, "{text}");
        };
        check("", Some(b""));
        check("eyJhIjoxfQ==", Some(b"{\"a\":1}"));
        check("eyJhIjoxfQ\n", Some(b"{\"a\":1}"));
        check("-_-_", Some(b"\xfb\xff\xbf"));
        check("+/+/", Some(b"\xfb\xff\xbf"));
        check("a b", None);
    }

    #[test]
    fn new_ids_differ() {
        let now = Timestamp::now();
        assert_ne!(new_id(now), new_id(now));
    }
}
