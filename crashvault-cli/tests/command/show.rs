use crashvault::{Event, NewAttachment, Vault};
use serde_json::json;

use crate::run::{Place, keys};

/// A vault with one event of a shop: a chain of two, a stack, a breadcrumb.
fn shop() -> (Place, String, String) {
    let place = Place::new();
    let payload = json!({
        "event_id": "836d5dc8386c46d6a6cbca36eeabce7f",
        "timestamp": "2026-01-05T10:00:00Z",
        "level": "fatal", "platform": "native",
        "release": "shop@1.2.3", "environment": "staging", "server_name": "web-1",
        "exception": {"values": [
            {"type": "Timeout", "value": "no answer"},
            {"type": "OrderError", "value": "order 7 was lost", "stacktrace": {"frames": [
                {"function": "std::rt::start", "in_app": false},
                {"function": "shop::order", "filename": "src/order.rs", "lineno": 10, "in_app": true,
                 "context_line": "    store()?;", "pre_context": ["fn order() {"], "post_context": ["}"]}]}},
        ]},
        "breadcrumbs": {"values": [{"category": "db", "message": "select", "timestamp": "2026-01-05T09:59:59Z"}]},
        "tags": {"region": "eu"},
        "contexts": {"crashvault": {"project": "shop"}},
    });
    let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
    let mut vault = Vault::open(place.vault()).unwrap();
    vault.add(event).unwrap();
    let issue = vault.issue(&"1".parse().unwrap()).unwrap().id.to_string();
    (place, issue, "836d5dc8386c46d6a6cbca36eeabce7f".into())
}

#[test]
fn an_issue_is_explained_and_its_event_shown() {
    let (place, ..) = shop();
    let shown = place.ok(&["show", "1"]).stdout;
    for text in [
        "#1  OrderError: order 7 was lost\n",
        "(2026-01-05T10:00:00Z)",
        "shop@1.2.3",
        "staging",
        "web-1",
        "Grouped by\n  stack  ",
        "Event 836d5dc8386c46d6a6cbca36eeabce7f",
        "  OrderError: order 7 was lost\n    at shop::order  src/order.rs:10\n          9 | fn order() {\n       > 10 |     store()?;\n         11 | }\n    … 1 frame of libraries; --all-frames shows them\n  caused by Timeout: no answer\n",
        "  09:59:59.000  db  select\n",
        "  region  eu\n",
    ] {
        assert!(shown.contains(text), "{text}\n---\n{shown}");
    }
    assert!(
        place
            .ok(&["show", "1", "--all-frames"])
            .stdout
            .contains("at std::rt::start")
    );
}

#[test]
fn an_issue_has_many_names() {
    let (place, issue, event) = shop();
    let expected = place.ok(&["show", "1", "--json"]).stdout;
    let hyphens = "836d5dc8-386c-46d6-a6cb-ca36eeabce7f";
    for name in ["#1", &issue, &issue.to_uppercase(), &event, hyphens] {
        assert_eq!(
            place.ok(&["show", name, "--json"]).stdout,
            expected,
            "{name}"
        );
    }
    // The start of an id that has a letter in it, or it would be a number.
    let start = (6..32)
        .map(|length| &issue[..length])
        .find(|start| start.parse::<u64>().is_err());
    assert_eq!(
        place.ok(&["show", start.unwrap(), "--json"]).stdout,
        expected
    );
    assert_eq!(
        place.ok(&["show", "1", "--event", &event, "--json"]).stdout,
        expected
    );
}

#[test]
fn json_has_the_documented_keys_and_the_whole_event() {
    let (place, ..) = shop();
    let shown = place.ok(&["show", "1", "--json"]).json();
    assert_eq!(
        keys(&shown),
        [
            "activities",
            "attachments",
            "events",
            "hours",
            "issue",
            "joins",
            "merged",
            "values",
            "why"
        ]
    );
    assert_eq!(keys(&shown["hours"][0]), ["count", "hour"]);
    assert_eq!(shown["hours"][0]["hour"], "2026-01-05T10:00:00Z");
    assert_eq!(
        keys(&shown["values"][0]),
        ["count", "is_tag", "key", "value"]
    );
    let values = shown["values"].as_array().unwrap();
    let region = json!({"key": "region", "is_tag": true, "value": "eu", "count": 1});
    assert!(values.contains(&region), "{values:?}");
    assert_eq!(
        keys(&shown["joins"][0]),
        ["algorithm", "joined_at", "parts", "reason", "variant"]
    );
    assert_eq!(
        shown["events"][0]["exception"]["values"][1]["type"],
        "OrderError"
    );
    assert_eq!(shown["events"][0]["tags"]["region"], "eu");
}

#[test]
fn attachments_of_the_events_shown_are_listed() {
    let (place, _, event) = shop();
    let without = place.ok(&["show", "1"]).stdout;
    assert!(!without.contains("Attachments"), "{without}");
    let mut vault = Vault::open(place.vault()).unwrap();
    let event = event.parse().unwrap();
    let log = NewAttachment::new("app\u{202e}.log", vec![b'x'; 1200]).content_type("text/plain");
    let kept = vault.attach(event, &log).unwrap().content_type.unwrap();
    let dump = NewAttachment::new("core", "dump").kind("event.minidump");
    vault.attach(event, &dump).unwrap();
    let shown = place.ok(&["show", "1"]).stdout;
    let expected = format!(
        "\nAttachments\n  app\\u{{202e}}.log  {kept}, 1.2 kB\n  core             event.minidump, 4 B\n"
    );
    assert!(shown.contains(&expected), "{shown}");
    let json = place.ok(&["show", "1", "--json"]).json();
    let attachments = json["attachments"].as_array().unwrap();
    let expected = [
        "added_at",
        "content_type",
        "event",
        "hash",
        "kind",
        "name",
        "size_bytes",
    ];
    assert_eq!(keys(&attachments[0]), expected);
    assert_eq!(attachments.len(), 2);
    assert_eq!(attachments[0]["size_bytes"], 1200);
}

#[test]
fn so_many_events_are_shown_as_asked_for() {
    let place = Place::new();
    for _ in 0..3 {
        place.ok(&["add", "again"]);
    }
    let count = |words: &[&str]| place.ok(words).json()["events"].as_array().unwrap().len();
    assert_eq!(count(&["show", "1", "--json"]), 1);
    assert_eq!(count(&["show", "1", "--json", "--limit", "2"]), 2);
    assert_eq!(count(&["show", "1", "--json", "--limit", "9"]), 3);
    let text = place.ok(&["show", "1"]).stdout;
    assert!(
        text.contains("seen     3 times") && text.contains("Newest event"),
        "{text}"
    );
}

#[test]
fn what_is_not_there_is_exit_code_3() {
    let (place, ..) = shop();
    place.run(&["show", "99"]).fails(3, "99");
    place.run(&["show", "abcdef123"]).fails(3, "abcdef123");
    place
        .run(&["show", &"ab".repeat(16)])
        .fails(3, "no issue and no event has the id abab");
    place
        .run(&["show", "1", "--event", &"ab".repeat(16)])
        .fails(3, "abab");
    let other = place.ok(&["add", "elsewhere", "--json"]).json();
    let id = other["event_id"].as_str().unwrap();
    place
        .run(&["show", "1", "--event", id])
        .fails(3, "belongs to issue #2");
    Place::new()
        .run(&["show", "1"])
        .fails(3, "there is no vault");
}

#[test]
fn what_names_nothing_is_exit_code_2() {
    let place = Place::new();
    place
        .run(&["show", "abc"])
        .fails(2, "at least 6 hex digits");
    place.run(&["show"]).fails(2, "ISSUE");
    place
        .run(&["show", "1", "--event", "x"])
        .fails(2, "32 hex digits");
    place
        .run(&["show", "1", "--limit", "2", "--event", &"ab".repeat(16)])
        .fails(2, "cannot be used");
}

#[test]
fn a_failure_is_json_where_json_is_asked_for() {
    let (place, ..) = shop();
    let error = |words: &[&str]| {
        let ran = place.run(words);
        assert_eq!(ran.stdout, "");
        let value: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(
            keys(&value["error"]),
            ["exit_code", "hint", "kind", "message"]
        );
        assert_eq!(value["error"]["exit_code"], ran.code);
        value["error"]["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(error(&["show", "99", "--json"]), "NotFound");
    assert_eq!(error(&["show", "abc", "--json"]), "Usage");
}

/// An issue of four events in two releases, of three users.
fn busy() -> Place {
    let place = Place::new();
    let mut vault = Vault::open(place.vault()).unwrap();
    for (user, release) in [("1", "2.0"), ("2", "2.0"), ("3", "2.0"), ("3", "1.9")] {
        let payload = json!({
            "message": "slow", "release": release, "user": {"id": user}, "tags": {"region": "eu"},
        });
        let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
        vault.add(event).unwrap();
    }
    place
}

#[test]
fn what_was_decided_is_shown_in_its_order() {
    let place = busy();
    place.ok(&["comment", "1", "first\nsecond", "--author", "ada"]);
    place.ok(&["assign", "1", "bob", "--author", "ada"]);
    place.ok(&["ignore", "1", "--author", "bob"]);
    place.ok(&["undo", "1", "--author", "ada"]);
    place.ok(&["resolve", "1", "--in-next-release", "--author", "bob"]);
    let text = place.ok(&["show", "1"]).stdout;
    let start = text.find("Decisions, oldest first").unwrap();
    let feed: Vec<&str> = text[start..].lines().skip(1).take(6).collect();
    for (line, expected) in feed.iter().zip([
        "ada  commented: first",
        " second",
        "ada  assigned to bob",
        "bob  ignored until it is reopened (taken back)",
        "ada  took back: ignored until it is reopened",
        "bob  resolved in the next release, after ",
    ]) {
        assert!(line.contains(expected), "{expected}: {line}");
    }
    assert!(text.contains("assignee  bob\n"), "{text}");
    assert!(
        text.contains("status    resolved in the next release, after "),
        "{text}"
    );
    let shown = place.ok(&["show", "1", "--json"]).json();
    assert_eq!(shown["activities"].as_array().unwrap().len(), 5);
    assert_eq!(
        keys(&shown["activities"][0]),
        [
            "author",
            "decided_at",
            "deed",
            "id",
            "issue",
            "time",
            "vault"
        ]
    );
    assert_eq!(
        shown["activities"][1]["deed"],
        json!({"kind": "assign", "to": "bob"})
    );
}

#[test]
fn users_values_and_the_trend_are_shown() {
    let text = busy().ok(&["show", "1"]).stdout;
    assert!(text.contains("seen     4 times, by 3 users\n"), "{text}");
    assert!(text.contains("release  2.0 (75%), 1.9 (25%)\n"), "{text}");
    assert!(text.contains("region   eu (100%)\n"), "{text}");
    assert!(text.contains("| 4 times\n") && text.contains('█'), "{text}");
}

#[test]
fn an_issue_of_one_event_has_no_shares() {
    let (place, ..) = shop();
    let text = place.ok(&["show", "1"]).stdout;
    assert!(!text.contains("Most frequent values"), "{text}");
}

#[test]
fn many_decisions_are_cut_and_say_so() {
    let place = busy();
    let mut vault = Vault::open(place.vault()).unwrap();
    for number in 0..23 {
        let text = format!("comment {number}");
        vault.comment(&"1".parse().unwrap(), &text).unwrap();
    }
    let text = place.ok(&["show", "1"]).stdout;
    assert!(
        text.contains("… 3 earlier; --all-frames shows them"),
        "{text}"
    );
    assert!(!text.contains("comment 2\n") && text.contains("comment 3\n"));
    let whole = place.ok(&["show", "1", "--all-frames"]).stdout;
    assert!(whole.contains("comment 0\n"), "{whole}");
}
