use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use crashvault::{Event, Vault};
use serde_json::Value;

use crate::run::Place;

/// A `tail` that runs; it is killed if the test fails.
struct Tail {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Tail {
    fn start(place: &Place, words: &[&str]) -> Self {
        let mut command = place.command(&[&["tail", "--interval", "0.1"], words].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The title in a line of JSON.
    fn title(&mut self) -> String {
        let value: Value = serde_json::from_str(&self.line()).unwrap();
        value["title"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn shows(&mut self, title: &str) {
        let line = self.line();
        assert_eq!(line.split('\t').nth(3), Some(title), "{line}");
    }

    /// Ctrl-C, as a terminal sends it; the exit code.
    fn interrupt(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_last_events_come_first_and_then_new_ones_once() {
    let place = Place::new();
    for message in ["first", "second", "third"] {
        place.ok(&["add", message]);
    }
    let mut tail = Tail::start(&place, &["-n", "2"]);
    tail.shows("second");
    tail.shows("third");
    place.ok(&["add", "fourth \u{1b}[2J"]);
    tail.shows("fourth \\x1b[2J");
    // One that happened long ago comes in now.
    let mut late = Event::new();
    late.message = Some("long ago".into());
    late.timestamp = crashvault::Timestamp::parse("2020-01-01T00:00:00Z");
    Vault::open(place.vault()).unwrap().add(late).unwrap();
    tail.shows("long ago");
    assert_eq!(tail.interrupt(), Some(0));
    assert_eq!(tail.line(), "");
}

#[test]
fn only_what_fits_is_shown() {
    let place = Place::new();
    let fits = |message: &str, extra: &[&str]| {
        let words = ["add", message, "--tag", "region=eu", "--tag", "db"];
        place.ok(&[&words[..], extra].concat());
    };
    fits("a timeout before", &[]);
    let words = [
        "--lines",
        "1",
        "--level",
        "error",
        "--tag",
        "region=eu",
        "--tag",
        "db",
        "--text",
        "time",
        "--query",
        "is:open OR is:ignored",
        "--json",
    ];
    let mut tail = Tail::start(&place, &words);
    // What it shows first was read behind the place from which it goes on.
    assert_eq!(tail.title(), "a timeout before");
    fits("a timeout of low level", &["--level", "info"]);
    fits("something else", &[]);
    place.ok(&["add", "a timeout without tags"]);
    fits("another timeout", &[]);
    assert_eq!(tail.title(), "another timeout");
    assert_eq!(tail.interrupt(), Some(0));
}

#[test]
fn a_line_of_json_may_be_a_choice_of_keys() {
    let place = Place::new();
    place.ok(&["add", "one"]);
    let mut tail = Tail::start(&place, &["--json=title,level"]);
    let line = tail.line();
    assert_eq!(line, r#"{"level":"error","title":"one"}"#);
    assert_eq!(tail.interrupt(), Some(0));
}

#[test]
fn what_cannot_be_followed_is_told() {
    let place = Place::new();
    place.run(&["tail"]).fails(3, "there is no vault");
    place.ok(&["add", "one"]);
    place
        .run(&["tail", "--query", "a (b"])
        .fails(2, "  a (b\n    ^");
    place
        .run(&["tail", "--interval", "x"])
        .fails(2, "expected seconds");
}
