//! The server as SDKs and people meet it: what real SDKs sent is replayed, and read back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crashvault::{Event, EventId, Exception};
use serde_json::{Value, json};

use crate::run::Place;

/// What a scrubbed value holds.
const FILTERED: &str = "[Filtered]";

/// A server that runs in a place's vault.
struct Serving {
    child: Child,
    address: String,
    dsn: String,
}

impl Serving {
    fn start(place: &Place) -> Self {
        let mut child = place
            .command(&["serve", "--addr", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).expect("it tells where it is");
        let text = |key: &str| told[key].as_str().unwrap().to_owned();
        Self {
            child,
            address: text("address").replace("http://", ""),
            dsn: text("dsn"),
        }
    }

    fn signal(&mut self, name: &str) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap()
    }

    /// Asks, and reads the answer: status, head, body. `None` where the server has gone.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Reply> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).ok()?;
        stream.set_write_timeout(patience).ok()?;
        let length = match headers.contains("chunked") {
            true => String::new(),
            false => format!("content-length: {}\r\n", body.len()),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{length}{headers}\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).ok()?;
        match headers.contains("chunked") {
            true => {
                for part in body.chunks(4000) {
                    write!(stream, "{:x}\r\n", part.len()).ok()?;
                    stream.write_all(part).ok()?;
                    stream.write_all(b"\r\n").ok()?;
                }
                stream.write_all(b"0\r\n\r\n").ok()?;
            }
            false => stream.write_all(body).ok()?,
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Reply::read(&answer)
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let reply = self.ask("GET", path, "", b"").expect("it answers");
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// All entries of a list, page by page.
    fn all(&self, list: &str) -> Vec<Value> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/v1/{list}?limit=100&cursor={cursor}"));
            found.extend(page[list].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return found,
            }
        }
    }

    fn event_count(&self) -> usize {
        self.all("events").len()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn read(answer: &[u8]) -> Option<Self> {
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
        let head = String::from_utf8(answer[..end].to_vec()).ok()?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head: head.to_lowercase(),
            body: answer[end + 4..].to_vec(),
        })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Waits until something is so that takes moments; a test that waits for ever fails.
#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One request that an SDK made.
struct Capture {
    name: String,
    about: Value,
    body: Vec<u8>,
}

impl Capture {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("tests/corpus/sdk-captures"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .flat_map(|sdk| {
                std::fs::read_dir(sdk)
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
            })
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .collect();
        files.sort();
        let read = |file: PathBuf| Self {
            name: file.display().to_string(),
            about: serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap(),
            body: std::fs::read(file.with_extension("bin")).unwrap(),
        };
        files.into_iter().map(read).collect()
    }

    fn send(&self, server: &Serving) -> Reply {
        let headers = self.about["headers"].as_array().unwrap().iter();
        let headers: String = headers
            .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
            .filter(|(name, _)| {
                let own = ["host", "connection", "content-length"];
                !own.contains(&name.to_lowercase().as_str())
            })
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let path = self.about["path"].as_str().unwrap();
        let method = self.about["method"].as_str().unwrap();
        server
            .ask(method, path, &headers, &self.body)
            .expect(&self.name)
    }

    fn decoded(&self) -> Vec<u8> {
        let mut decoded = Vec::new();
        let read = match self.about["content_encoding"].as_str() {
            Some("br") => brotli_decompressor::Decompressor::new(&self.body[..], 4096)
                .read_to_end(&mut decoded),
            Some("gzip") => flate2::read::GzDecoder::new(&self.body[..]).read_to_end(&mut decoded),
            _ => (&self.body[..]).read_to_end(&mut decoded),
        };
        read.expect(&self.name);
        decoded
    }

    /// The envelope's head, and its items with their heads.
    fn parts(&self) -> (Value, Vec<(Value, Vec<u8>)>) {
        let bytes = self.decoded();
        let line = |from: usize| {
            let end = bytes[from..].iter().position(|byte| *byte == b'\n');
            end.map_or(bytes.len(), |end| from + end)
        };
        let mut at = line(0);
        let head = serde_json::from_slice(&bytes[..at]).expect(&self.name);
        let mut items = Vec::new();
        while at + 1 < bytes.len() {
            let (from, to) = (at + 1, line(at + 1));
            at = to;
            if from == to {
                continue;
            }
            let item: Value = serde_json::from_slice(&bytes[from..to]).expect(&self.name);
            let from = to + 1;
            at = match item["length"].as_u64() {
                Some(length) => from + length as usize,
                None => line(from),
            };
            items.push((item, bytes[from..at].to_vec()));
        }
        (head, items)
    }
}

/// Equal, or what was a secret is gone.
fn is_same(sent: &Value, kept: &Value) -> bool {
    match (sent, kept) {
        (Value::Object(sent), Value::Object(kept)) => {
            sent.len() == kept.len()
                && sent
                    .iter()
                    .all(|(key, value)| kept.get(key).is_some_and(|kept| is_same(value, kept)))
        }
        (Value::Array(sent), Value::Array(kept)) => {
            sent.len() == kept.len()
                && sent
                    .iter()
                    .zip(kept)
                    .all(|(sent, kept)| is_same(sent, kept))
        }
        (_, Value::String(kept)) if kept.contains(FILTERED) => true,
        (sent, kept) => sent == kept,
    }
}

fn frames(exception: &Exception) -> Value {
    let frames = exception.stacktrace.as_ref().map(|trace| &trace.frames);
    let top = frames.and_then(|frames| frames.last());
    json!({
        "type": exception.ty,
        "value": exception.value,
        "frame_count": frames.map(Vec::len),
        "function": top.and_then(|top| top.function.clone()),
        "filename": top.and_then(|top| top.filename.clone()),
        "line": top.and_then(|top| top.lineno),
    })
}

/// What of an event must come back; times apart, which follow the server's clock.
fn shown(event: &Event) -> Value {
    let crumbs = event.breadcrumbs.iter();
    let crumbs = crumbs.map(|crumb| json!([crumb.ty, crumb.category, crumb.message, crumb.data]));
    let user = event.user.as_ref();
    let user = user.map(|user| json!([user.id, user.email, user.username, user.other]));
    json!({
        "title": event.title(),
        "level": event.level.name(),
        "chain": event.exceptions.iter().map(frames).collect::<Vec<_>>(),
        "breadcrumbs": crumbs.collect::<Vec<_>>(),
        "tags": event.tags,
        "user": user,
        "release": event.release,
        "environment": event.environment,
    })
}

#[test]
fn what_sdks_sent_is_taken_and_read_back() {
    let place = Place::new();
    let mut server = Serving::start(&place);
    let captures = Capture::all();
    assert!(captures.len() >= 120, "{} requests", captures.len());
    let mut wrong = Vec::new();
    let mut sent_items: BTreeMap<String, usize> = BTreeMap::new();
    let mut events = 0;
    for capture in &captures {
        let reply = capture.send(&server);
        if reply.status != 200 {
            wrong.push(format!(
                "{}: {} {}",
                capture.name,
                reply.status,
                reply.text()
            ));
        }
        let (head, items) = capture.parts();
        let id = head["event_id"].as_str().map(|id| id.replace('-', ""));
        assert_eq!(
            reply.json()["id"].as_str(),
            id.as_deref(),
            "{}",
            capture.name
        );
        for (item, _) in &items {
            match item["type"].as_str().unwrap() {
                "event" => events += 1,
                "attachment" => {}
                kind => *sent_items.entry(kind.to_owned()).or_default() += 1,
            }
        }
    }
    let items: usize = sent_items.values().sum();
    until(|| server.event_count() == events && server.all("items").len() == items);
    let mut kept_items: BTreeMap<String, usize> = BTreeMap::new();
    for item in server.all("items") {
        let kind = item["kind"].as_str().unwrap().to_owned();
        *kept_items.entry(kind).or_default() += 1;
    }
    assert_eq!(kept_items, sent_items);
    for capture in &captures {
        wrong.extend(check_capture(&server, capture));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(server.signal("-TERM").success());
    // The command sees the same.
    let shown = place.ok(&["events", "--json", "--limit", "1000"]).json();
    assert_eq!(shown["events"].as_array().unwrap().len(), events);
}

/// What of a request does not come back, as sentences.
fn check_capture(server: &Serving, capture: &Capture) -> Vec<String> {
    let (head, items) = capture.parts();
    let mut wrong = Vec::new();
    let mut files = Vec::new();
    for (item, payload) in &items {
        match item["type"].as_str().unwrap() {
            "event" => {
                let id = head["event_id"].as_str().unwrap();
                let kept = server.get(&format!("/api/v1/events/{id}"));
                let kept = Event::from_json(kept.to_string().as_bytes()).unwrap();
                let sent = Event::from_json(payload).unwrap();
                let (sent, kept) = (shown(&sent), shown(&kept));
                if !is_same(&sent, &kept) {
                    wrong.push(format!("{}: {sent}\nbecame {kept}", capture.name));
                }
            }
            "attachment" => files.push((item, payload)),
            _ => {}
        }
    }
    if !files.is_empty() {
        let id = head["event_id"].as_str().unwrap();
        let path = format!("/api/v1/events/{id}/attachments");
        let kept = server.get(&path)["attachments"].clone();
        for (item, payload) in files {
            let found = kept
                .as_array()
                .unwrap()
                .iter()
                .find(|kept| kept["name"] == item["filename"]);
            let content = found
                .and_then(|found| server.ask("GET", &format!("{path}/{}", found["id"]), "", b""));
            if content.is_none_or(|content| content.body != *payload) {
                wrong.push(format!(
                    "{}: {} is not there",
                    capture.name, item["filename"]
                ));
            }
        }
    }
    wrong
}

/// Items of every kind come back as they were sent, to the byte where nothing in them is secret.
#[test]
fn items_are_read_back_as_they_were_sent() {
    let place = Place::new();
    let server = Serving::start(&place);
    let kinds = [
        "check_in",
        "session",
        "sessions",
        "log",
        "feedback",
        "transaction",
        "client_report",
    ];
    let mut sent: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for capture in Capture::all() {
        for (item, payload) in capture.parts().1 {
            let kind = kinds.iter().find(|kind| item["type"] == **kind);
            if let Some(kind) = kind {
                let list = sent.entry(kind).or_default();
                list.push(serde_json::from_slice(&payload).unwrap());
            }
        }
        assert_eq!(capture.send(&server).status, 200);
    }
    let count: usize = sent.values().map(Vec::len).sum();
    assert!(sent.len() == kinds.len(), "{:?}", sent.keys());
    let of_kind = |kind: &str| server.get(&format!("/api/v1/items?kind={kind}&limit=100"));
    let kept = || {
        kinds
            .iter()
            .map(|kind| of_kind(kind)["items"].as_array().unwrap().len())
    };
    until(|| kept().sum::<usize>() == count);
    for (kind, sent) in &sent {
        let kept = of_kind(kind);
        let kept = kept["items"].as_array().unwrap().iter().rev();
        for (sent, kept) in sent.iter().zip(kept) {
            assert!(is_same(sent, &kept["content"]), "{sent}\nbecame {kept}");
        }
    }
}

fn event_id(number: u64) -> EventId {
    format!("{number:032x}").parse().unwrap()
}

fn envelope(number: u64) -> Vec<u8> {
    let head = json!({ "event_id": event_id(number).to_string() });
    let event = json!({"message": format!("order {number} failed"), "tags": {"n": number}});
    format!("{head}\n{{\"type\":\"event\"}}\n{event}\n{{\"type\":\"session\"}}\n{{}}\n")
        .into_bytes()
}

/// Whatever moment it dies at, what it accepted is there once afterwards.
#[test]
fn what_was_accepted_survives_a_kill_and_is_there_once() {
    const KILLS: u64 = 10;
    let place = Place::new();
    let mut accepted = Vec::new();
    for kill in 0..KILLS {
        let mut server = Serving::start(&place);
        let pid = server.child.id().to_string();
        let (first, accepts) = std::sync::mpsc::channel();
        // At another moment each time: while it receives, writes, or takes in.
        let killer = std::thread::spawn(move || {
            let _ = accepts.recv_timeout(Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(kill * 23));
            Command::new("kill").args(["-KILL", &pid]).status().unwrap()
        });
        for number in 0_u64.. {
            let number = (kill + 1) * 1_000_000 + number;
            match server.ask("POST", "/api/1/envelope/", "", &envelope(number)) {
                Some(reply) => {
                    assert_eq!(reply.status, 200, "{}", reply.text());
                    accepted.push(event_id(number).to_string());
                    let _ = first.send(());
                }
                None => break,
            }
        }
        killer.join().unwrap();
        server.child.wait().unwrap();
    }
    assert!(
        accepted.len() >= KILLS as usize,
        "{} accepted",
        accepted.len()
    );
    let mut server = Serving::start(&place);
    until(|| server.event_count() >= accepted.len());
    assert!(server.signal("-TERM").success());
    let server = Serving::start(&place);
    let events = server.all("events");
    let mut ids: Vec<&str> = events
        .iter()
        .map(|event| event["event_id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "none is doubled");
    let lost: Vec<_> = accepted
        .iter()
        .filter(|id| ids.binary_search(&id.as_str()).is_err())
        .collect();
    assert!(lost.is_empty(), "{lost:?} of {} were lost", accepted.len());
    // What came without an answer may be there too: of each kill one at most.
    assert!(count as u64 <= accepted.len() as u64 + KILLS);
    let items = server.all("items");
    assert!(items.len() >= accepted.len() && items.len() as u64 <= accepted.len() as u64 + KILLS);
}

#[test]
fn it_tells_a_dsn_that_takes_events_and_ends_when_asked() {
    let place = Place::new();
    let mut server = Serving::start(&place);
    let (key, project) = (
        server.dsn[7..39].to_owned(),
        server.dsn.rsplit('/').next().unwrap(),
    );
    let headers = format!("x-sentry-auth: Sentry sentry_version=7, sentry_key={key}\r\n");
    let path = format!("/api/{project}/store/");
    let body = br#"{"message":"disk full","level":"warning"}"#;
    let reply = server.ask("POST", &path, &headers, body).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);
    assert!(server.signal("-INT").success());
    // All of it is in the vault when the process has ended.
    let found = place.ok(&["list", "--json"]).json();
    assert_eq!(found["issues"][0]["title"], "disk full");
    assert_eq!(found["issues"][0]["project"], "default");
}

/// A body that is refused, and what the answer says.
#[track_caller]
fn check_refused(server: &Serving, headers: &str, body: &[u8], status: u16, says: &str) {
    let reply = server
        .ask("POST", "/api/1/envelope/", headers, body)
        .unwrap();
    assert_eq!(reply.status, status, "{}", reply.text());
    let error = &reply.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(says), "{message}");
    assert!(error["kind"].is_string() && error["hint"].is_string());
    assert!(
        reply.head.contains("access-control-allow-origin: *"),
        "{}",
        reply.head
    );
}

#[test]
fn what_cannot_be_taken_is_refused_with_a_reason() {
    let place = Place::new();
    let server = Serving::start(&place);
    check_refused(&server, "", b"", 400, "no JSON object");
    check_refused(
        &server,
        "",
        b"{}\n{\"type\":\"event\"}\n[]",
        400,
        "an event is a JSON object",
    );
    check_refused(&server, "", b"{\"event_id\":\"7\"}\n", 400, "event_id");
    check_refused(
        &server,
        "content-encoding: gzip\r\n",
        b"{}",
        400,
        "Content-Encoding",
    );
    let twice = "authorization: Sentry sentry_key=a\r\nx-sentry-auth: Sentry sentry_key=a\r\n";
    check_refused(&server, twice, b"{}", 401, "several keys");
    let long = [
        b"{}\n{\"type\":\"event\"}\n{\"a\":\"",
        &vec![b'x'; 1 << 20][..],
        b"\"}",
    ]
    .concat();
    check_refused(&server, "", &long, 413, "the event has");
    let foreign = b"{\"dsn\":\"https://a@h/2\"}\n";
    check_refused(&server, "", foreign, 403, "another one");
    assert!(server.all("events").is_empty());
}

#[test]
fn a_compression_bomb_does_no_harm() {
    let place = Place::new();
    let server = Serving::start(&place);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..200 {
        packed.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = packed.finish().unwrap();
    check_refused(
        &server,
        "content-encoding: gzip\r\n",
        &bomb,
        413,
        "once it is decoded",
    );
    assert_eq!(server.get("/health")["status"], "ok");
}

#[test]
fn an_address_that_others_reach_demands_a_key() {
    let place = Place::new();
    let words = ["serve", "--addr", "0.0.0.0:0"];
    place.run(&words).fails(2, "no project has a key");
    assert!(!place.vault().exists());
}

#[test]
fn a_browser_may_ask_from_anywhere() {
    let place = Place::new();
    let server = Serving::start(&place);
    let reply = server
        .ask(
            "OPTIONS",
            "/api/1/envelope/",
            "origin: http://shop.test\r\n",
            b"",
        )
        .unwrap();
    assert_eq!(reply.status, 200);
    for part in [
        "allow-origin: *",
        "allow-methods: post",
        "x-sentry-auth",
        "max-age: 3600",
    ] {
        assert!(reply.head.contains(part), "{part}: {}", reply.head);
    }
}

#[test]
fn pages_of_other_sites_and_proxies_cannot_read() {
    let place = Place::new();
    let server = Serving::start(&place);
    let ask = |headers: &str| server.ask("GET", "/api/v1/issues", headers, b"").unwrap();
    let refused = [
        "origin: http://shop.test\r\n",
        "x-forwarded-for: 192.0.2.7\r\n",
        "forwarded: for=192.0.2.7\r\n",
    ];
    for headers in refused {
        let reply = ask(headers);
        assert_eq!(reply.status, 403, "{headers}: {}", reply.text());
        assert!(reply.json()["error"]["hint"].is_string());
        assert!(!reply.head.contains("allow-origin"), "{}", reply.head);
    }
    let own = format!("origin: http://{}\r\n", server.address);
    for headers in ["", &own] {
        let reply = ask(headers);
        assert_eq!(reply.status, 200, "{headers}: {}", reply.text());
        assert!(!reply.head.contains("allow-origin"), "{}", reply.head);
    }
}
