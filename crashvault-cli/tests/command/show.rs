use crashvault::{Event, Vault};
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
    assert_eq!(keys(&shown), ["events", "issue", "joins"]);
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
