//! A server on loopback that answers every request after 5 ms and keeps what the events in it say: where the peer sends to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// Keeps events until the program ends.
pub struct Sink {
    port: u16,
    events: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Sink {
    /// Starts listening on a free port of 127.0.0.1.
    pub fn start() -> std::io::Result<Sink> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let events = Arc::default();
        let kept = Arc::clone(&events);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream, &kept));
            }
        });
        Ok(Sink { port, events })
    }

    /// A DSN that leads here.
    pub fn dsn(&self) -> String {
        format!(
            "http://0123456789abcdef0123456789abcdef@127.0.0.1:{}/1",
            self.port
        )
    }

    /// The number of events received so far.
    pub fn count(&self) -> usize {
        self.locked().len()
    }

    /// The events received since this was asked last.
    pub fn take(&self) -> Vec<Value> {
        let events = std::mem::take(&mut *self.locked());
        let read = |event: &Vec<u8>| serde_json::from_slice(event).unwrap_or_default();
        events.iter().map(read).collect()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server nearby needs for an answer.
const ANSWER_TIME: Duration = Duration::from_millis(5);

/// Answers requests on one connection until it ends.
fn answer(stream: TcpStream, kept: &Mutex<Vec<Vec<u8>>>) -> Option<()> {
    let mut output = stream.try_clone().ok()?;
    let mut input = BufReader::new(stream);
    loop {
        let body = read_request(&mut input)?;
        std::thread::sleep(ANSWER_TIME);
        kept.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(events_of(&body));
        output
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            .ok()?;
    }
}

/// The events of an envelope: after its own header each item is a line of header and a line of payload.
fn events_of(envelope: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = envelope.split(|byte| *byte == b'\n').skip(1).collect();
    let items = lines.chunks_exact(2);
    let events = items.filter(|item| item[0].starts_with(br#"{"type":"event""#));
    events.map(|item| item[1].to_vec()).collect()
}

/// The body of the next request; `None` at the end of the connection.
fn read_request(input: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    let mut is_chunked = false;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        is_chunked |= line == "transfer-encoding: chunked";
    }
    if !is_chunked {
        let mut body = vec![0; length];
        input.read_exact(&mut body).ok()?;
        return Some(body);
    }
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let start = body.len();
        body.resize(start + size, 0);
        input.read_exact(&mut body[start..]).ok()?;
        input.read_line(&mut String::new()).ok()?;
        if size == 0 {
            return Some(body);
        }
    }
}
