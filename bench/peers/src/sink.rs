//! A server on loopback that answers every request after 5 ms and counts the events in it: where the peer sends to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts events until the program ends.
pub struct Sink {
    port: u16,
    events: Arc<AtomicU64>,
}

impl Sink {
    /// Starts listening on a free port of 127.0.0.1.
    pub fn start() -> std::io::Result<Sink> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let events = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&events);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || answer(stream, &counter));
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

    /// Events received so far.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::SeqCst)
    }
}

/// What a server nearby needs for an answer.
const ANSWER_TIME: Duration = Duration::from_millis(5);

/// Answers requests on one connection until it ends.
fn answer(stream: TcpStream, counter: &AtomicU64) -> Option<()> {
    let mut output = stream.try_clone().ok()?;
    let mut input = BufReader::new(stream);
    loop {
        let body = read_request(&mut input)?;
        std::thread::sleep(ANSWER_TIME);
        let marks = [&br#"{"type":"event""#[..], br#""type":"event""#];
        let found = marks
            .iter()
            .map(|mark| {
                body.windows(mark.len())
                    .filter(|window| window == mark)
                    .count()
            })
            .max();
        counter.fetch_add(found.unwrap_or_default() as u64, Ordering::SeqCst);
        output
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            .ok()?;
    }
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
