//! The examples that serve requests, under their real servers: what a client sees of them, and what their vaults hold.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crashvault::{Event, IssueFilter, Level, Vault};
use crashvault_tests::{files_below, repository};
use tempfile::TempDir;

use crate::built;

const SECRET: &str = "hunter2";

/// A running example with a vault of its own.
struct Server {
    child: Child,
    address: String,
    home: TempDir,
}

impl Server {
    fn start(package: &str, layer: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(built(package))
            .env("CRASHVAULT_HOME", home.path())
            .env("LAYER", layer)
            .env_remove("PORT")
            .current_dir(home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        Self {
            address: address.expect(&line).to_owned(),
            child,
            home,
        }
    }

    /// The answer but for its date; empty where the server hung up.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\nx-shop: north\r\n\
             authorization: Bearer {SECRET}\r\ncookie: session={SECRET}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        // A server that hangs up before it has read everything resets the connection.
        let _ = stream.read_to_string(&mut answer);
        let lines = answer.split_inclusive('\n');
        lines.filter(|line| !line.starts_with("date: ")).collect()
    }

    /// Ends it as an administrator does, and reads what it left.
    fn stop(mut self) -> Vec<Event> {
        // SAFETY: `kill` takes two numbers; the child is ours and not yet waited for.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        self.child.wait().unwrap();
        assert_no_secret(self.home.path());
        let mut vault = Vault::open(self.home.path()).unwrap();
        let report = vault.drain_all().unwrap();
        assert_eq!((report.torn_count, report.faults.len()), (0, 0));
        assert_no_secret(self.home.path());
        let issues = vault.issues(&IssueFilter::default()).unwrap();
        let events = issues
            .iter()
            .flat_map(|issue| vault.events(&issue.id, 100).unwrap());
        events.map(|stored| stored.event).collect()
    }
}

fn assert_no_secret(home: &Path) {
    for file in files_below(home) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        assert!(!found, "{} holds the secret", file.display());
    }
}

/// Each path alone, without and with what is ours.
fn check_answers(package: &str, expected: &[(&str, &str)]) {
    let (bare, ours) = (Server::start(package, "off"), Server::start(package, "on"));
    for (path, line) in expected {
        let answer = bare.get(path);
        assert_eq!(answer.lines().next().unwrap_or_default(), *line, "{path}");
        assert_eq!(ours.get(path), answer, "{path}");
    }
    bare.stop();
    ours.stop();
}

const ANSWERS: &[(&str, &str)] = &[
    ("/users/7", "HTTP/1.1 200 OK"),
    ("/orders/7", "HTTP/1.1 500 Internal Server Error"),
    ("/orders/0", "HTTP/1.1 404 Not Found"),
    ("/orders/seven", "HTTP/1.1 400 Bad Request"),
    ("/mail/joe", "HTTP/1.1 200 OK"),
    ("/nowhere", "HTTP/1.1 404 Not Found"),
    ("/baskets/1", "HTTP/1.1 200 OK"),
    // A panic: the server hangs up.
    ("/baskets/5", ""),
];

/// What one request to a new server leaves.
fn events_of(package: &str, path: &str) -> Vec<Event> {
    let server = Server::start(package, "on");
    server.get("/users/7");
    server.get(path);
    server.stop()
}

/// Exactly one event, with the request and its route and nothing of the request before.
fn check_event(package: &str, path: &str, transaction: &str) -> Event {
    let events = events_of(package, path);
    let [event] = events.as_slice() else {
        panic!("{path} left {} events: {events:?}", events.len());
    };
    assert_eq!(event.transaction.as_deref(), Some(transaction));
    let request = event.request.as_ref().unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    assert_eq!(request["method"], "GET");
    assert_eq!(request["url"], format!("http://shop.test{path}"));
    let kept = request
        .get("query_string")
        .map_or("", |kept| kept.as_str().unwrap());
    assert_eq!(kept, query.replace(SECRET, "[Filtered]"));
    assert_eq!(request["headers"]["x-shop"], "north");
    assert_eq!(request["headers"]["authorization"], "[Filtered]");
    assert_eq!(request["headers"]["cookie"], "[Filtered]");
    assert!(event.tags.is_empty(), "{:?}", event.tags);
    event.clone()
}

fn check_failing_handler(package: &str) {
    let event = check_event(
        package,
        "/orders/7?password=hunter2&page=2",
        "GET /orders/{id}",
    );
    assert_eq!(event.level, Level::Error);
    let types = event
        .exceptions
        .iter()
        .filter_map(|exception| exception.ty.as_deref());
    assert_eq!(types.collect::<Vec<_>>(), ["std::io::Error", "ShopError"]);
    let crumbs = event
        .breadcrumbs
        .iter()
        .filter_map(|crumb| crumb.message.as_deref());
    assert_eq!(crumbs.collect::<Vec<_>>(), ["reading one"]);
}

fn check_panicking_handler(package: &str) {
    let event = check_event(package, "/baskets/5", "GET /baskets/{index}");
    assert_eq!(event.level, Level::Fatal);
    let message = event.exceptions[0].value.as_deref();
    assert_eq!(
        message,
        Some("index out of bounds: the len is 2 but the index is 5")
    );
}

fn check_failing_task(package: &str) {
    let event = check_event(package, "/mail/joe", "GET /mail/{to}");
    let task = &event.contexts["task"];
    let place = task["spawned_at"].as_str().unwrap();
    assert!(place.contains("src/main.rs:"), "{place}");
    assert!(task["id"].is_string());
    assert_eq!(event.exceptions[0].value.as_deref(), Some("no way to joe"));
}

fn check_meeting(package: &str) {
    let server = Server::start(package, "on");
    std::thread::scope(|scope| {
        for name in ["ann", "bob"] {
            let server = &server;
            scope.spawn(move || server.get(&format!("/meeting/{name}")));
        }
    });
    let events = server.stop();
    let mut pairs: Vec<_> = events
        .iter()
        .map(|event| {
            let url = event.request.as_ref().unwrap()["url"].as_str().unwrap();
            (event.tags["name"].as_str(), url)
        })
        .collect();
    pairs.sort_unstable();
    let expected = [
        ("ann", "http://shop.test/meeting/ann"),
        ("bob", "http://shop.test/meeting/bob"),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn axum_answers_as_without_us() {
    check_answers("rust-axum", ANSWERS);
}

#[test]
fn a_failing_handler_of_axum_is_one_event_with_its_request() {
    check_failing_handler("rust-axum");
}

#[test]
fn a_panicking_handler_of_axum_is_one_event_with_its_request() {
    check_panicking_handler("rust-axum");
}

#[test]
fn a_failing_task_of_axum_is_one_event_with_its_request() {
    check_failing_task("rust-axum");
}

#[test]
fn requests_of_axum_at_once_do_not_mix() {
    check_meeting("rust-axum");
}

#[test]
fn actix_answers_as_without_us() {
    // It has another opinion of a path that does not fit.
    let answers = ANSWERS.iter().map(|(path, line)| match *path {
        "/orders/seven" => (*path, "HTTP/1.1 404 Not Found"),
        _ => (*path, *line),
    });
    check_answers("rust-actix", &answers.collect::<Vec<_>>());
}

#[test]
fn a_failing_handler_of_actix_is_one_event_with_its_request() {
    check_failing_handler("rust-actix");
}

#[test]
fn a_panicking_handler_of_actix_is_one_event_with_its_request() {
    check_panicking_handler("rust-actix");
}

#[test]
fn a_failing_task_of_actix_is_one_event_with_its_request() {
    check_failing_task("rust-actix");
}

#[test]
fn requests_of_actix_at_once_do_not_mix() {
    check_meeting("rust-actix");
}

/// What cannot be compiled as a part of the guide, since the engine does not know axum, is compiled in the example.
#[test]
fn the_guide_shows_what_the_example_does() {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).unwrap();
    let guide = read("docs/guide/rust-integrations.md");
    let example = read("examples/rust-axum/src/main.rs");
    let blocks = guide.split("```rust,ignore\n").skip(1);
    let blocks: Vec<_> = blocks.filter_map(|rest| rest.split_once("```")).collect();
    assert_eq!(blocks.len(), 2);
    for (block, _) in blocks {
        assert!(example.contains(block), "not in the example:\n{block}");
    }
}
