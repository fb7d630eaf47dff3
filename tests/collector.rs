//! A collector for tests: strict about what it is sent, and answering as a test wants it to.
//!
//! Taken in by the tests of the crates that send to one.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// The key it knows.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";

/// How it answers one request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It takes what was sent.
    Take,
    /// It takes what was sent, and says this in headers.
    TakeWith(&'static [(&'static str, &'static str)]),
    /// It takes nothing: a status, headers, a body.
    Refuse(u16, &'static [(&'static str, &'static str)], &'static str),
    /// It reads all, takes it, and closes the connection without a word.
    LoseAnswer,
    /// It closes the connection before it has read.
    HangUp,
    /// It takes what was sent, after that time.
    Slowly(Duration),
}

/// A file that came with an event.
#[derive(Clone, Debug)]
pub struct ReceivedFile {
    pub header: Value,
    pub content: Vec<u8>,
}

/// A whole envelope that was taken.
#[derive(Clone, Debug)]
pub struct Received {
    pub header: Value,
    pub event: Option<Value>,
    pub files: Vec<ReceivedFile>,
}

impl Received {
    /// The event's id, as the envelope names it.
    pub fn id(&self) -> String {
        self.header["event_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The event's message.
    pub fn message(&self) -> String {
        let event = self.event.as_ref();
        event
            .and_then(|event| event["message"].as_str())
            .unwrap_or_default()
            .to_owned()
    }
}

#[derive(Default)]
struct State {
    replies: VecDeque<Reply>,
    taken: Vec<Received>,
    /// Envelopes that came, taken or not.
    requests: usize,
    faults: Vec<String>,
    stays_down: bool,
    /// What else it may be called than by its address.
    host: Option<String>,
}

/// A collector on a port of this machine.
pub struct Collector {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// One that takes everything.
    pub fn start() -> Self {
        Self::at("127.0.0.1:0")
    }

    /// One on an address that was another's before.
    pub fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if lock(&shared).stays_down {
                    return;
                }
                let shared = Arc::clone(&shared);
                let Ok(stream) = stream else { continue };
                thread::spawn(move || serve(stream, address, &shared));
            }
        });
        Self { address, state }
    }

    /// One that answers the first requests like this, and takes the others.
    pub fn answering(replies: &[Reply]) -> Self {
        let collector = Self::start();
        collector.answer(replies);
        collector
    }

    /// The next requests are answered like this.
    pub fn answer(&self, replies: &[Reply]) {
        lock(&self.state).replies.extend(replies.iter().cloned());
    }

    /// It is reached under this name and port.
    pub fn is_called(&self, host: &str) {
        lock(&self.state).host = Some(host.to_owned());
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to report to.
    pub fn dsn(&self) -> String {
        format!("http://{KEY}@{}/1", self.address)
    }

    /// The envelopes it took, in their order.
    ///
    /// # Panics
    /// If anything that came was not as it must be.
    pub fn taken(&self) -> Vec<Received> {
        let state = lock(&self.state);
        assert_eq!(state.faults, [""; 0], "what was sent is wrong");
        state.taken.clone()
    }

    /// The messages of the events it took, in their order.
    pub fn messages(&self) -> Vec<String> {
        self.taken().iter().map(Received::message).collect()
    }

    /// How many requests came, whatever became of them.
    pub fn request_count(&self) -> usize {
        lock(&self.state).requests
    }

    /// Whether nothing is wrong with what came; for tests that send what is wrong.
    pub fn faults(&self) -> Vec<String> {
        lock(&self.state).faults.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        lock(&self.state).stays_down = true;
        // Wakes who listens, so that the port is free.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn serve(stream: TcpStream, address: SocketAddr, state: &Mutex<State>) {
    let Ok(mut out) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    // A connection is begun and not used where a collector is woken to end.
    while let Ok(false) = reader.fill_buf().map(<[u8]>::is_empty) {
        let reply = {
            let mut state = lock(state);
            state.requests += 1;
            state.replies.pop_front().unwrap_or(Reply::Take)
        };
        if matches!(reply, Reply::HangUp) {
            return;
        }
        let host = lock(state)
            .host
            .clone()
            .unwrap_or_else(|| address.to_string());
        let read = request(&mut reader, &host);
        let received = match read {
            Ok(received) => received,
            Err(fault) => {
                lock(state).faults.push(fault);
                answer(&mut out, 400, &[], "{\"detail\": \"malformed\"}");
                return;
            }
        };
        let id = received.id();
        match reply {
            Reply::Refuse(status, headers, body) => {
                answer(&mut out, status, headers, body);
                continue;
            }
            Reply::Slowly(time) => thread::sleep(time),
            _ => {}
        }
        lock(state).taken.push(received);
        let body = if id.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{\"id\":\"{id}\"}}")
        };
        match reply {
            Reply::LoseAnswer => return,
            Reply::TakeWith(headers) => answer(&mut out, 200, headers, &body),
            _ => answer(&mut out, 200, &[], &body),
        }
    }
}

fn answer(out: &mut TcpStream, status: u16, headers: &[(&str, &str)], body: &str) {
    let mut text = format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    let _ = out.write_all(text.as_bytes());
}

/// Reads one request and says what is wrong with it.
fn request(reader: &mut impl BufRead, host: &str) -> Result<Received, String> {
    let first = line(reader)?;
    demand(first == "POST /api/1/envelope/ HTTP/1.1", || {
        format!("request line: {first}")
    })?;
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("header: {line}"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let one = |name: &str| {
        let mut values = headers.iter().filter(|(known, _)| known == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(value.as_str()),
            (None, _) => Err(format!("no {name}")),
            _ => Err(format!("{name} twice")),
        }
    };
    demand(one("host")? == host, || "host".into())?;
    demand(one("authorization").is_err(), || "a second key".into())?;
    demand(
        one("content-type")? == "application/x-sentry-envelope",
        || "content-type".into(),
    )?;
    demand(one("content-encoding")? == "gzip", || {
        "content-encoding".into()
    })?;
    demand(one("user-agent")?.starts_with("crashvault/"), || {
        "user-agent".into()
    })?;
    demand(one("transfer-encoding").is_err(), || {
        "chunks beside a length".into()
    })?;
    auth(one("x-sentry-auth")?)?;
    let length: usize = one("content-length")?
        .parse()
        .map_err(|_| "content-length")?;
    let mut body = vec![0; length];
    reader
        .read_exact(&mut body)
        .map_err(|error| format!("body: {error}"))?;
    envelope(&unpacked(&body)?)
}

fn demand(is_right: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(what()) }
}

fn line(reader: &mut impl BufRead) -> Result<String, String> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let line = line
        .strip_suffix("\r\n")
        .ok_or_else(|| format!("a line without an end: {line:?}"))?;
    Ok(line.to_owned())
}

fn auth(value: &str) -> Result<(), String> {
    let rest = value
        .strip_prefix("Sentry ")
        .ok_or("auth is not Sentry's")?;
    let pairs: Option<Vec<(&str, &str)>> =
        rest.split(", ").map(|pair| pair.split_once('=')).collect();
    let pairs = pairs.ok_or("auth is no list")?;
    let of = |name: &str| {
        pairs
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    demand(of("sentry_key") == Some(KEY), || "sentry_key".into())?;
    demand(of("sentry_version") == Some("7"), || {
        "sentry_version".into()
    })?;
    demand(
        of("sentry_client").is_some_and(|client| client.starts_with("crashvault/")),
        || "sentry_client".into(),
    )
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoder = flate2::bufread::GzDecoder::new(body);
    let mut out = Vec::new();
    decoder
        .read_to_end(&mut out)
        .map_err(|error| format!("gzip: {error}"))?;
    demand(decoder.into_inner().is_empty(), || {
        "something behind the gzip".into()
    })?;
    Ok(out)
}

/// Takes a line of JSON, which must be an object.
fn object(bytes: &mut &[u8]) -> Result<Value, String> {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or("a line without an end")?;
    let value: Value = serde_json::from_slice(&bytes[..end]).map_err(|error| error.to_string())?;
    *bytes = &bytes[end + 1..];
    demand(value.is_object(), || "a header is no object".into())?;
    Ok(value)
}

fn envelope(mut bytes: &[u8]) -> Result<Received, String> {
    let bytes = &mut bytes;
    let header = object(bytes)?;
    let sent_at = header["sent_at"].as_str().unwrap_or_default();
    demand(sent_at.ends_with('Z') && sent_at.len() >= 20, || {
        "sent_at".into()
    })?;
    demand(header["sdk"]["name"] == "crashvault", || "sdk".into())?;
    demand(header.get("dsn").is_none(), || {
        "the key a second time".into()
    })?;
    let mut received = Received {
        header,
        event: None,
        files: Vec::new(),
    };
    while !bytes.is_empty() {
        let item = object(bytes)?;
        let length = item["length"].as_u64().ok_or("an item without a length")? as usize;
        demand(bytes.len() > length && bytes[length] == b'\n', || {
            "an item of another length".into()
        })?;
        let payload = bytes[..length].to_vec();
        *bytes = &bytes[length + 1..];
        take_item(&mut received, item, payload)?;
    }
    let id = received.id();
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    demand(is_id || received.event.is_none(), || {
        format!("event id {id}")
    })?;
    demand(
        received.event.is_some() || received.files.is_empty(),
        || "files of no event".into(),
    )?;
    if let Some(event) = &received.event {
        demand(event["event_id"] == id.as_str(), || {
            "another id in the event".into()
        })?;
        demand(event["timestamp"].is_string(), || {
            "an event without a time".into()
        })?;
    }
    Ok(received)
}

fn take_item(received: &mut Received, item: Value, payload: Vec<u8>) -> Result<(), String> {
    match item["type"].as_str() {
        Some("event") => {
            let event: Value =
                serde_json::from_slice(&payload).map_err(|error| error.to_string())?;
            demand(event.is_object(), || "an event that is no object".into())?;
            demand(received.event.replace(event).is_none(), || {
                "two events".into()
            })
        }
        Some("attachment") => {
            demand(item["filename"].is_string(), || {
                "a file without a name".into()
            })?;
            received.files.push(ReceivedFile {
                header: item,
                content: payload,
            });
            Ok(())
        }
        kind => Err(format!("an item of the kind {kind:?}")),
    }
}
