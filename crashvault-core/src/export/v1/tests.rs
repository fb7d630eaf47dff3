//! What is read of odd and hostile files, and which issue an event belongs to.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::event::{Event, EventKind, Level};
use crate::issue::Status;
use crate::scratch::{Scratch, scratch};

fn write(root: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A vault of version 1 with this list and the file of this event.
fn vault(issues: &str, event: &str) -> Scratch {
    let root = scratch();
    write(root.path(), "issues.json", issues);
    write(root.path(), "events/2024/03/07/a.json", event);
    root
}

/// What `add` of version 1 wrote.
fn plain(message: &str, issue: i64) -> Value {
    json!({
        "event_id": "836d5dc8-386c-46d6-a6cb-ca36eeabce7f", "issue_id": issue, "message": message,
        "stacktrace": "", "timestamp": "2024-03-07T10:11:12.131415Z", "level": "error",
        "tags": [], "context": {}, "host": "web-1", "pid": 7
    })
}

fn listed(number: i64, message: &str) -> Value {
    json!({
        "id": number, "fingerprint": LegacyFingerprint::of(message).to_string(), "title": message,
        "status": "open", "created_at": "2024-03-01T00:00:00.000000Z"
    })
}

fn events(source: &mut Source) -> Vec<OldEvent> {
    let mut events = Vec::new();
    source
        .events(&mut |event| {
            events.push(event);
            Ok(())
        })
        .unwrap();
    events
}

fn read_with(issues: &Value, event: &Value) -> (OldEvent, Source) {
    let root = vault(&issues.to_string(), &event.to_string());
    let mut source = Source::open(root.path(), None).unwrap();
    let mut events = events(&mut source);
    assert_eq!(events.len(), 1, "{:?}", source.skipped);
    (events.remove(0), source)
}

/// One field of an event changed: which fields of it have flaws.
#[track_caller]
fn check_flaw(field: &str, value: Value, expected: &[&str]) -> Event {
    let mut fields = plain("disk full", 1);
    fields[field] = value;
    let (old, _) = read_with(&json!([listed(1, "disk full")]), &fields);
    let flawed: Vec<&str> = old
        .event
        .flaws
        .iter()
        .map(|flaw| flaw.field.as_str())
        .collect();
    assert_eq!(flawed, expected);
    old.event
}

#[test]
fn a_whole_event_keeps_everything() {
    let mut fields = plain("disk full", 1);
    fields["stacktrace"] = "File \"a.py\", line 3".into();
    fields["tags"] = json!(["db", "host=a"]);
    fields["context"] = json!({"path": "/x", "n": {"deep": [1]}});
    fields["more"] = json!(true);
    let (old, _) = read_with(&json!([listed(1, "disk full")]), &fields);
    let event = old.event;
    assert_eq!(
        event.event_id.to_string(),
        "836d5dc8386c46d6a6cbca36eeabce7f"
    );
    assert_eq!(
        event.timestamp.unwrap().to_string(),
        "2024-03-07T10:11:12.131415Z"
    );
    assert_eq!(event.message.as_deref(), Some("disk full"));
    assert_eq!(event.server_name.as_deref(), Some("web-1"));
    assert_eq!(event.contexts["process"]["pid"], 7);
    assert_eq!(
        (&event.tags["db"][..], &event.tags["host"][..]),
        ("true", "a")
    );
    assert_eq!(
        Value::from(event.extra),
        json!({"path": "/x", "n": {"deep": [1]}})
    );
    let own = &event.contexts["crashvault"];
    assert_eq!(own["stack"], "File \"a.py\", line 3");
    assert_eq!(own["v1"]["issue_id"], 1);
    assert_eq!(own["v1"]["other"], json!({"more": true}));
    assert!(event.flaws.is_empty(), "{:?}", event.flaws);
    assert_eq!(old.kind, OldKind::Event);
}

#[test]
fn odd_fields_are_flaws_of_their_own() {
    check_flaw("event_id", Value::Null, &["event_id"]);
    check_flaw(
        "event_id",
        json!("00000000-0000-0000-0000-000000000000"),
        &["event_id"],
    );
    check_flaw("issue_id", json!("1"), &["issue_id"]);
    check_flaw("stacktrace", json!(["a"]), &["stacktrace"]);
    check_flaw("tags", json!({"a": 1}), &["tags"]);
    check_flaw("tags", json!(["a", [], ""]), &["tags", "tags"]);
    check_flaw("host", json!(7), &["host"]);
    check_flaw("pid", json!(-1), &["pid"]);
    check_flaw("pid", json!(1e300), &["pid"]);
    assert_eq!(
        check_flaw("context", json!([1]), &["context"]).extra["context"],
        json!([1])
    );
}

#[test]
fn what_version_1s_server_left_out_is_no_flaw() {
    for field in ["tags", "context", "stacktrace", "host"] {
        check_flaw(field, Value::Null, &[]);
    }
    assert!(
        !check_flaw("pid", json!(0), &[])
            .contexts
            .contains_key("process")
    );
    assert_eq!(check_flaw("tags", json!("one"), &[]).tags["one"], "true");
}

#[test]
fn levels_are_those_of_this_version() {
    assert_eq!(
        check_flaw("level", json!("CRITICAL"), &[]).level,
        Level::Fatal
    );
    assert_eq!(
        check_flaw("level", json!("WeIrD"), &["level"]).level,
        Level::Error
    );
    assert_eq!(
        check_flaw("level", json!(3), &["level"]).level,
        Level::Error
    );
}

#[test]
fn an_event_without_a_time_has_that_of_its_directory() {
    let event = check_flaw("timestamp", json!("soon"), &["timestamp"]);
    assert_eq!(event.timestamp.unwrap().to_string(), "2024-03-07T00:00:00Z");
}

#[test]
fn an_event_without_an_id_gets_the_same_one_each_time() {
    let id = |message: &str| {
        let mut fields = plain(message, 1);
        fields["event_id"] = "x".into();
        read_with(&json!([]), &fields).0.event.event_id
    };
    assert_eq!(id("a"), id("a"));
    assert_ne!(id("a"), id("b"));
}

#[test]
fn a_message_names_the_issue_whatever_the_number_says() {
    let issues = json!([listed(4, "first"), listed(4, "second"), listed(5, "third")]);
    for (message, number) in [("second", 4), ("second", 5), ("third", 4), ("lost", 4)] {
        let (old, _) = read_with(&issues, &plain(message, number));
        assert_eq!(old.fingerprint, LegacyFingerprint::of(message), "{message}");
    }
}

#[test]
fn without_words_the_number_names_it_if_it_is_the_only_one() {
    let mut fields = plain("", 5);
    fields["message"] = json!({"a": 1});
    let issues = json!([listed(4, "a"), listed(4, "b"), listed(5, "third")]);
    let (old, _) = read_with(&issues, &fields);
    assert_eq!(old.fingerprint, LegacyFingerprint::of("third"));
    assert_eq!(old.event.message.as_deref(), Some("{\"a\":1}"));
    fields["issue_id"] = 4.into();
    let (old, _) = read_with(&issues, &fields);
    assert_eq!(old.fingerprint, LegacyFingerprint::of("{\"a\":1}"));
}

#[test]
fn what_was_no_issue_has_a_kind() {
    let check = |number: i64, tags: Value, expected| {
        let mut fields = plain("x", number);
        fields["tags"] = tags;
        let (old, _) = read_with(&json!([]), &fields);
        assert_eq!(old.kind, expected);
        let kind = match expected {
            OldKind::Event => None,
            OldKind::Other(kind) => Some(kind),
        };
        assert_eq!(old.event.kind(), kind);
        let is_apart = kind.is_some_and(|kind| !kind.is_written());
        assert_eq!(!old.event.fingerprint.is_empty(), is_apart);
    };
    check(0, json!(["note"]), OldKind::Other(EventKind::Note));
    check(0, json!(["ci", "wrap"]), OldKind::Other(EventKind::Wrap));
    check(0, json!(["autolog"]), OldKind::Other(EventKind::Autolog));
    check(0, json!([]), OldKind::Other(EventKind::Note));
    check(-1, json!(["report"]), OldKind::Other(EventKind::Report));
    check(-2, json!(["note"]), OldKind::Event);
    check(1, json!(["note"]), OldKind::Event);
}

#[test]
fn a_list_that_two_writers_broke_is_read_as_far_as_it_goes() {
    let good = json!([listed(1, "a"), listed(2, "b")]).to_string();
    let check = |text: &str, count: usize, says: &str| {
        let root = vault(text, &plain("a", 1).to_string());
        let source = Source::open(root.path(), None).unwrap();
        assert_eq!(source.issues.len(), count, "{text}");
        let reason = source.skipped.first().map_or("", |skipped| &skipped.reason);
        assert!(reason.contains(says), "{reason}");
        assert_eq!(reason.is_empty(), says.is_empty());
    };
    check(&good, 2, "");
    check(&format!("{good}\n  }}\n]"), 2, "behind the end");
    check(&good[..good.len() - 3], 1, "behind 1 issues");
    check("[", 0, "behind 0 issues");
    check("{}", 0, "not a list");
    check("", 0, "not a list");
    check("[1, null]", 0, "not an object");
    check(&"[".repeat(10_000), 0, "behind 0 issues");
}

#[test]
fn odd_issues_are_taken_and_told_of() {
    let issues = json!([
        {"id": null, "title": null, "fingerprint": "zz", "status": 7, "created_at": [], "tags": [1, "db"], "x": 1},
        {"id": 2, "title": "b", "fingerprint": LegacyFingerprint::of("b").to_string(), "status": "RESOLVED",
         "created_at": "2024-03-01T00:00:00Z", "resolved_at": "2024-03-02T00:00:00Z", "severity": "high"},
        listed(3, "b"),
    ]);
    let (_, source) = read_with(&issues, &plain("a", 1));
    let told: Vec<&str> = source
        .changed
        .iter()
        .map(|told| told.reason.as_str())
        .collect();
    assert_eq!(source.issues.len(), 2);
    assert_eq!(
        source.issues[0].tags,
        [("db".to_owned(), "true".to_owned())]
    );
    assert_eq!(source.issues[1].status, Status::Resolved);
    assert_eq!(
        source.issues[1].resolved_at.unwrap().to_string(),
        "2024-03-02T00:00:00Z"
    );
    for expected in [
        "has no title",
        "has no number",
        "has no fingerprint; that of its title is taken",
        "has no status that is known; it is taken as open",
        "created_at is no text",
        "1 is no tag",
        "'x' is not known, and is left out",
        "has the fingerprint of #2, and is taken for it",
    ] {
        assert!(told.contains(&expected), "{expected}: {told:?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_told_and_passed_over() {
    let root = vault("[]", &plain("a", 1).to_string());
    write(root.path(), "events/2024/03/07/b.json", "{\"message\": ");
    write(root.path(), "events/2024/03/07/c.json", "[]");
    write(root.path(), "events/2024/03/07/d.json.tmp", "{}");
    write(root.path(), "events/2024/03/07/e.json", b"\xff\0");
    std::os::unix::fs::symlink("/", root.path().join("events/2024/f")).unwrap();
    let mut source = Source::open(root.path(), None).unwrap();
    assert_eq!(events(&mut source).len(), 1);
    let paths: Vec<&str> = source
        .skipped
        .iter()
        .map(|skipped| &skipped.path[..])
        .collect();
    for name in ["b.json", "c.json", "d.json.tmp", "e.json", "2024/f"] {
        assert!(
            paths.iter().any(|path| path.ends_with(name)),
            "{name}: {paths:?}"
        );
    }
    assert_eq!(source.skipped.len(), 5);
}

#[test]
fn an_id_that_two_events_have_stays_with_the_first() {
    let root = vault("[]", &plain("a", 1).to_string());
    write(
        root.path(),
        "events/2024/03/07/b.json",
        plain("b", 1).to_string(),
    );
    write(
        root.path(),
        "events/2024/03/07/c.json",
        plain("a", 1).to_string(),
    );
    let mut source = Source::open(root.path(), None).unwrap();
    let events = events(&mut source);
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].event.event_id, events[1].event.event_id);
    assert_eq!(events[1].event.flaws[0].field, "event_id");
    assert_eq!(source.changed.len(), 2);
}

#[test]
fn hostile_json_does_no_harm() {
    let deep = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let texts = [
        format!("{{\"context\": {}, \"more\": {}}}", deep(100), deep(100)),
        format!("{{\"context\": {}, \"tags\": {}}}", deep(10_000), deep(100)),
        r#"{"message": "\u0000<script>[/b]\ud800", "pid": 1e400, "context": {"a": NaN, "b": -Infinity}}"#.into(),
        r#"{"issue_id": 99999999999999999999999999, "event_id": 1, "timestamp": -1e308}"#.into(),
        r#"{"issue_id": -9223372036854775808, "timestamp": "9999999-99-99T99:99:99Z"}"#.into(),
        "{}".into(),
    ];
    for text in texts {
        let root = vault("[]", &text);
        let mut source = Source::open(root.path(), None).unwrap();
        for old in events(&mut source) {
            let again = Event::from_json(old.event.to_json().as_ref()).unwrap();
            assert_eq!(
                again.event_id,
                old.event.event_id,
                "{}",
                &text[..40.min(text.len())]
            );
            assert_eq!(
                again.message.unwrap_or_default(),
                old.event.message.unwrap()
            );
        }
    }
}

#[test]
fn an_export_says_the_same_as_the_directory() {
    let (issues, event) = (json!([listed(1, "a")]), plain("a", 1));
    let (from_directory, directory) = read_with(&issues, &event);
    let root = scratch();
    let export =
        json!({"version": 1, "exported_at": "now", "issues": issues, "events": [event, 7]});
    write(root.path(), "out.txt", export.to_string());
    let path = root.path().join("out.txt");
    assert!(is_ours(&path));
    let mut source = Source::open(&path, None).unwrap();
    assert_eq!(events(&mut source), [from_directory]);
    assert_eq!(source.issues, directory.issues);
    assert_eq!(source.skipped.len(), 1);
}

#[test]
fn what_version_1_did_not_write_is_refused() {
    let root = scratch();
    let check = |text: &str, expected: ErrorKind| {
        write(root.path(), "file", text);
        let error = Source::open(&root.path().join("file"), None).unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
    };
    check("MDMP", ErrorKind::InvalidInput);
    check("{}", ErrorKind::InvalidInput);
    check("{\"version\": 1, \"issues\": {}}", ErrorKind::InvalidInput);
    check("{\"version\": 2, \"issues\": []}", ErrorKind::Unsupported);
    check("gAAAAABl", ErrorKind::InvalidInput);
    let missing = Source::open(&root.path().join("none"), None).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let empty = Source::open(root.path(), None).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::InvalidInput);
    assert!(!is_ours(root.path()) && !is_ours(&root.path().join("none")));
}

#[test]
fn an_encrypted_list_needs_its_password() {
    let text = json!([listed(1, "a")]).to_string();
    let token = fernet::tests::seal(text.as_bytes(), &fernet::Key::of_password("open sesame"));
    let root = vault(&token, &plain("a", 1).to_string());
    let open = |password| Source::open(root.path(), password);
    assert_eq!(open(None).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(
        open(Some("wrong")).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(open(Some("open sesame")).unwrap().issues.len(), 1);
}
