//! A vault of Crashvault 1 with 10,000 issues, written as that program wrote it, comes in whole, and stays equal when it
//! comes in again.
//!
//! The layout and the bytes are those of version 1's files: Python's `json.dump` with an indent of two, everything beyond
//! ASCII escaped, one file for each event below the day it was written.

use std::fs;
use std::path::{Path, PathBuf};

use crashvault::{Deed, FixedClock, IssueFilter, IssueRef, Status, V1Options, V1Report, Vault};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

const ISSUES: u64 = 10_000;
/// Two issues of one number, as a purge left them behind: the last two.
const TWICE: u64 = ISSUES - 1;

/// Python's `json.dump(value, indent=2)`.
fn python(value: &Value) -> String {
    let pretty = serde_json::to_string_pretty(value).unwrap();
    let mut written = String::with_capacity(pretty.len());
    for letter in pretty.chars() {
        match letter.is_ascii() {
            true => written.push(letter),
            false => {
                let mut units = [0; 2];
                for unit in letter.encode_utf16(&mut units) {
                    written.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    written
}

fn fingerprint(message: &str) -> String {
    let digest = Sha1::digest(message.as_bytes());
    digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What version 1 wrote about issue number `n`, and the words it has.
struct Old {
    root: PathBuf,
    events: u64,
}

fn words(n: u64) -> String {
    match n % 4 {
        0 => format!("User {n} is unknown"),
        1 => format!("[/red] naïve 漢字 {n} \u{1f4a5}"),
        2 => format!("{} in line {n}", "a very long message ".repeat(6)),
        _ => format!("first line {n}\nsecond line"),
    }
}

impl Old {
    fn new(root: PathBuf) -> Self {
        Self { root, events: 0 }
    }

    fn write(&self, name: &str, bytes: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn issue(n: u64) -> Value {
        let words = words(n);
        let title: String = words.chars().take(80).collect();
        let number = if n == ISSUES { TWICE } else { n };
        let status = ["open", "open", "resolved", "ignored"][(n % 4) as usize];
        let severity = ["low", "medium", "high", "critical"][(n % 4) as usize];
        let mut issue = json!({
            "id": number, "fingerprint": fingerprint(&words), "title": title, "status": status,
            "created_at": "2024-03-01T00:00:00.000001Z", "severity": severity
        });
        if n.is_multiple_of(100) {
            issue["title"] = format!("renamed {n}").into();
        }
        issue
    }

    fn event(&mut self, issue: i64, message: &str, tags: Value) {
        self.events += 1;
        let n = self.events;
        let id = format!("00000000-0000-4000-8000-{n:012x}");
        let (day, hour, minute, second) = (1 + n / 86_400, n / 3600 % 24, n / 60 % 60, n % 60);
        let level = ["debug", "info", "warning", "error", "critical"][(n % 5) as usize];
        let event = json!({
            "event_id": id, "issue_id": issue, "message": message,
            "stacktrace": "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n",
            "timestamp": format!("2024-03-{day:02}T{hour:02}:{minute:02}:{second:02}.000250Z"),
            "level": level,
            "tags": tags, "context": {"n": n.to_string()}, "host": "web-1", "pid": 4242
        });
        self.write(
            &format!("events/2024/03/{day:02}/{id}.json"),
            &python(&event),
        );
    }

    /// Everything but what `more` adds.
    fn fill(&mut self) {
        self.write(
            "config.json",
            &python(&json!({"version": 1, "user": {"name": "ada"}})),
        );
        let issues: Vec<Value> = (1..=ISSUES).map(Self::issue).collect();
        self.write("issues.json", &python(&Value::from(issues)));
        for n in 1..=ISSUES {
            let number = if n == ISSUES { TWICE } else { n };
            // One in ten had all its events pruned, one in ten was seen twice.
            for _ in 0..[0, 1, 1, 1, 1, 1, 1, 1, 1, 2][(n % 10) as usize] {
                self.event(number.cast_signed(), &words(n), json!(["db"]));
            }
        }
        self.event(0, "looks better", json!(["note"]));
        self.event(-1, "the button is gone", json!(["report"]));
        self.write("events/2024/03/01/broken.json", "{\"message\": ");
        self.write("attachments/app.log", "it began well");
        self.write("logs/app.log", "not looked at");
    }
}

fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = crashvault_tests::files_below(root);
    let read = paths.into_iter().map(|path| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    });
    read.collect()
}

fn dump(vault: &Vault) -> Vec<u8> {
    let mut out = Vec::new();
    vault.dump(&mut out).unwrap();
    out
}

fn new_in(report: &V1Report) -> [u64; 5] {
    [
        report.issues_new,
        report.events_new,
        report.synthetic_count,
        report.attachments_new,
        report.decision_count,
    ]
}

#[test]
fn ten_thousand_issues_come_in_whole_and_once() {
    let place = tempfile::tempdir().unwrap();
    let mut old = Old::new(place.path().join("old"));
    old.fill();
    let before = files(&old.root);
    let options = V1Options::default();
    let clock = FixedClock::at("2026-01-05T10:00:00Z").unwrap();
    let vault = Vault::options().clock(clock).author("ada");
    let mut vault = vault.open(place.path().join("vault")).unwrap();

    let dry = Vault::examine_v1(&old.root, &options).unwrap();
    let report = vault.import_v1(&old.root, &options).unwrap();
    assert_eq!(dry, report);
    assert_eq!(report.issue_count, ISSUES);
    assert_eq!((report.event_count, report.note_count), (ISSUES, 2));
    assert_eq!(report.synthetic_count, ISSUES / 10);
    assert_eq!(report.events_new, ISSUES + 2);
    assert_eq!(report.renumbered, [(TWICE, ISSUES)]);
    assert_eq!(report.skipped.len(), 1);
    assert!(report.skipped[0].path.ends_with("broken.json"));
    assert!(report.changed.is_empty(), "{:?}", report.changed.first());

    for n in (1..=ISSUES).step_by(97).chain([TWICE, ISSUES]) {
        let issue = vault.issue(&IssueRef::Number(n)).unwrap();
        let line = words(n).lines().next().unwrap().to_owned();
        let expected = match n.is_multiple_of(100) {
            true => format!("renamed {n}"),
            false => line.chars().take(80).collect(),
        };
        assert!(
            issue.title.starts_with(expected.trim_end()),
            "#{n}: {}",
            issue.title
        );
        let status = [
            Status::Open,
            Status::Open,
            Status::Resolved,
            Status::Ignored,
        ];
        assert_eq!(issue.status, status[(n % 4) as usize], "#{n}");
        let severity = ["low", "medium", "high", "critical"][(n % 4) as usize];
        assert_eq!(issue.state.severity.as_deref(), Some(severity));
        let seen = [1, 1, 1, 1, 1, 1, 1, 1, 1, 2][(n % 10) as usize];
        assert_eq!(issue.seen_count, seen, "#{n}");
        let stored = &vault.events(&issue.id, 1).unwrap()[0];
        if !n.is_multiple_of(10) {
            assert_eq!(stored.event.message, Some(words(n)));
            assert_eq!(stored.event.contexts["process"]["pid"], 4242);
        }
    }
    assert!(vault.verify().unwrap().is_empty());
    assert!(files(&old.root) == before, "version 1's files have changed");

    let first = dump(&vault);
    let again = vault.import_v1(&old.root, &options).unwrap();
    assert_eq!(new_in(&again), [0; 5]);
    assert!(dump(&vault) == first, "importing again changed something");

    // Both sides go on.
    let third = IssueRef::Number(3);
    vault.decide(&third, Deed::Reopen).unwrap();
    let mut event = crashvault::Event::new();
    event.message = Some(words(6));
    assert_eq!(vault.add(event).unwrap().issue_number, 6);
    old.event(8, &words(8), json!([]));
    let more = vault.import_v1(&old.root, &options).unwrap();
    assert_eq!(new_in(&more), [0, 1, 0, 0, 0]);
    assert_eq!(vault.issue(&third).unwrap().status, Status::Open);
    assert_eq!(
        vault.issue(&IssueRef::Number(6)).unwrap().status,
        Status::Open
    );
    let then = dump(&vault);
    vault.import_v1(&old.root, &options).unwrap();
    assert!(dump(&vault) == then, "importing again changed something");
    let filter = IssueFilter::default().limit(usize::MAX >> 1);
    assert_eq!(vault.issues(&filter).unwrap().len() as u64, ISSUES + 3);
}

#[test]
fn what_a_program_captures_in_the_same_words_joins_the_old_issue() {
    let place = tempfile::tempdir().unwrap();
    let old = Old::new(place.path().join("old"));
    old.write(
        "issues.json",
        &python(&json!([Old::issue(4), Old::issue(6)])),
    );
    let home = place.path().join("vault");
    let mut vault = Vault::open(&home).unwrap();
    let options = V1Options::default().project("shop");
    vault.import_v1(&old.root, &options).unwrap();
    let installed = crashvault::options()
        .vault(&home)
        .project("shop")
        .drain(false);
    let installed = installed.black_box(false).panic_hook(false).install();
    let known = crashvault::capture_message(&words(6), crashvault::Level::Error);
    let unknown = crashvault::capture_message(&words(8), crashvault::Level::Error);
    assert!(!known.is_nil(), "{installed:?}");
    vault.drain_all().unwrap();
    assert_eq!(vault.event(known).unwrap().issue_number, 6);
    assert_eq!(vault.event(unknown).unwrap().issue_number, 7);
}
