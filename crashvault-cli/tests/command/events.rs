use serde_json::json;

use crate::run::{Place, keys};

/// Five events of two issues, one of them hostile.
fn vault() -> Place {
    let place = Place::new();
    for message in ["disk full on 1", "connection refused", "disk full on 2"] {
        place.ok(&["add", message]);
    }
    place.ok(&["add", "coupon\u{1b}[31m\texpired", "--level", "info"]);
    place.ok(&["add", "disk full on 3", "--tag", "region=eu"]);
    place
}

/// The titles that these words list.
#[track_caller]
fn check(place: &Place, words: &[&str], expected: &[&str]) {
    let lines = place.ok(words).stdout;
    let titles = lines.lines().map(|line| line.split('\t').nth(3).unwrap());
    assert_eq!(titles.collect::<Vec<_>>(), expected, "{lines}");
}

#[test]
fn events_are_newest_first_and_one_line_each() {
    let place = vault();
    let hostile = "coupon\\x1b[31m\\texpired";
    let expected = [
        "disk full on 3",
        hostile,
        "disk full on 2",
        "connection refused",
        "disk full on 1",
    ];
    check(&place, &["events"], &expected);
    let lines = place.ok(&["events"]).stdout;
    let first: Vec<&str> = lines.lines().next().unwrap().split('\t').collect();
    assert_eq!(first.len(), 5, "{lines}");
    assert!(first[0].ends_with('Z') && first[4].len() >= 32, "{lines}");
    assert_eq!((first[1], first[2]), ("error", "1"));
}

#[test]
fn they_are_chosen_by_issue_and_query() {
    let place = vault();
    let ofs = ["disk full on 3", "disk full on 2", "disk full on 1"];
    check(&place, &["events", "--issue", "1"], &ofs);
    check(
        &place,
        &["events", "--issue", "#1", "--query", "region:eu OR refused"],
        &ofs[..1],
    );
    check(
        &place,
        &["events", "--query", "level:error refused"],
        &["connection refused"],
    );
    let event = place.ok(&["events", "--issue", "2", "--json"]).json();
    let id = event["events"][0]["id"].as_str().unwrap();
    check(&place, &["events", "--issue", id], &["connection refused"]);
}

#[test]
fn pages_are_reached_by_offset_and_by_cursor() {
    let place = vault();
    let words = ["events", "--issue", "1", "--limit", "1"];
    check(
        &place,
        &[&words[..], &["--offset", "1"]].concat(),
        &["disk full on 2"],
    );
    check(&place, &[&words[..], &["--offset", "3"]].concat(), &[]);
    check(&place, &[&words[..], &["--offset", "900"]].concat(), &[]);
    let page = place.ok(&[&words[..], &["--json"]].concat()).json();
    assert_eq!(keys(&page), ["events", "next", "vault", "waiting_count"]);
    let cursor = page["next"].as_str().unwrap();
    check(
        &place,
        &[&words[..], &["--after", cursor]].concat(),
        &["disk full on 2"],
    );
    let ran = place.ok(&words);
    assert!(
        ran.stderr.contains(&format!("--after {cursor} goes on")),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_not_there_or_not_understood_is_told() {
    let place = vault();
    place
        .run(&["events", "--issue", "9"])
        .fails(3, "no issue #9");
    place
        .run(&["events", "--issue", "1", "--query", "a (b"])
        .fails(2, "  a (b\n    ^");
    let none = Place::new().ok(&["events", "--json"]);
    assert_eq!(none.json()["events"], json!([]));
    Place::new()
        .run(&["events", "--issue", "1"])
        .fails(3, "no vault");
}
