use std::fs;
use std::path::PathBuf;

use crashvault::{Event, Vault};
use serde_json::{Value, json};

use crate::run::{ISSUE_KEYS, Place, keys};

/// An old issue that is resolved, one that is ignored, one that is open.
fn vault() -> Place {
    let place = Place::new();
    let mut vault = Vault::open(place.vault()).unwrap();
    for (message, time) in [
        ("disk full", "2020-01-01T00:00:00Z"),
        ("disk full", "2020-01-02T00:00:00Z"),
        ("cache miss", "2020-01-03T00:00:00Z"),
        ("order lost", "2020-01-04T00:00:00Z"),
    ] {
        let payload = json!({"message": message, "timestamp": time});
        let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
        vault.add(event).unwrap();
    }
    place.ok(&["resolve", "1", "--comment", "more room"]);
    place.ok(&["ignore", "2"]);
    place
}

/// A vault, and the archive in which its first issue lies.
fn archived() -> (Place, PathBuf) {
    let place = vault();
    let said = place.ok(&["archive", "--json"]).json();
    let path = said["path"].as_str().unwrap().into();
    (place, path)
}

fn numbers(place: &Place, words: &[&str]) -> Vec<Value> {
    let issues = place.ok(&[words, &["--json"]].concat()).json()["issues"].clone();
    let issues = issues.as_array().unwrap().iter();
    issues.map(|issue| issue["number"].clone()).collect()
}

#[track_caller]
fn check(options: &[&str], issues: u64, events: u64, left: u64) {
    let place = vault();
    let said = place.ok(&[&["archive", "--json"], options].concat()).json();
    assert_eq!(keys(&said), ["bytes", "event_count", "issue_count", "path"]);
    assert_eq!(
        (&said["issue_count"], &said["event_count"]),
        (&issues.into(), &events.into())
    );
    assert_eq!(said["path"].is_null(), issues == 0);
    assert_eq!(numbers(&place, &["list"]).len() as u64, left);
    place.ok(&["rebuild", "--verify"]);
}

#[test]
fn resolved_issues_that_rest_are_archived() {
    check(&[], 1, 2, 2);
    check(&["--older-than", "12w"], 1, 2, 2);
    check(&["--older-than", "36000d"], 0, 0, 3);
}

#[test]
fn ignored_issues_are_archived_where_that_is_wanted() {
    check(&["--ignored"], 2, 3, 1);
}

#[test]
fn a_pipe_gets_the_file_and_how_much_is_in_it() {
    let place = vault();
    let said = place.ok(&["archive"]).stdout;
    let cells: Vec<&str> = said.trim_end().split('\t').collect();
    assert_eq!(cells[1..3], ["1", "2"]);
    assert_eq!(
        fs::metadata(cells[0]).unwrap().len().to_string(),
        cells[3],
        "{said}"
    );
    let nothing = place.ok(&["archive"]);
    assert_eq!(nothing.stdout, "");
    let note = "no resolved issue was last seen more than 90 days ago";
    assert!(nothing.stderr.contains(note), "{}", nothing.stderr);
}

#[test]
fn archives_are_listed() {
    let (place, path) = archived();
    let line = place.ok(&["archive", "--list"]).stdout;
    let cells: Vec<&str> = line.trim_end_matches('\n').split('\t').collect();
    assert_eq!(cells.len(), 6, "{line}");
    assert_eq!(cells[..3], [path.to_str().unwrap(), "1", "2"]);
    assert!(cells[4].ends_with('Z') && cells[5].is_empty(), "{line}");
    let json = place.ok(&["archive", "--list", "--json"]).json();
    assert_eq!(keys(&json), ["archives", "vault"]);
    let expected = [
        "bytes",
        "created_at",
        "event_count",
        "fault",
        "issue_count",
        "path",
        "vault_id",
    ];
    assert_eq!(keys(&json["archives"][0]), expected);
    assert_eq!(json["archives"][0]["fault"], Value::Null);
    let none = vault().ok(&["archive", "--list"]);
    assert_eq!(none.stdout, "");
    assert!(none.stderr.contains("there is no archive"));
}

#[test]
fn what_was_archived_comes_back_as_it_was() {
    let place = vault();
    let before = place.ok(&["show", "1", "--json"]).stdout;
    let path = place.ok(&["archive", "--json"]).json()["path"].clone();
    let path = path.as_str().unwrap();
    place.run(&["show", "1"]).fails(3, "no issue #1");
    let said = place.ok(&["restore", path]).stdout;
    assert_eq!(said, "Restored 1 issue with 2 events\n");
    assert_eq!(place.ok(&["show", "1", "--json"]).stdout, before);
    // A name alone is looked for among the vault's own.
    let name = path.rsplit('/').next().unwrap();
    let again = place.ok(&["restore", name, "--remove", "--json"]).json();
    let expected = json!({
        "issue_count": 1, "event_count": 0, "known_count": 2, "is_removed": true,
    });
    assert_eq!(again, expected);
    assert!(!fs::exists(path).unwrap());
    assert_eq!(place.ok(&["show", "1", "--json"]).stdout, before);
    place.ok(&["rebuild", "--verify"]);
}

#[test]
fn archives_are_searched_when_asked() {
    let (place, path) = archived();
    let check = |words: &[&str], expected: &[u64]| {
        assert_eq!(numbers(&place, words), expected, "{words:?}");
    };
    check(&["search", "full"], &[]);
    check(&["search", "full", "--archived"], &[1]);
    check(&["search", "is:resolved", "--archived"], &[1]);
    check(&["search", "order", "--archived"], &[]);
    let found = place.ok(&["search", "--archived", "--json"]).json();
    assert_eq!(
        keys(&found),
        [
            "doubts",
            "issues",
            "next",
            "unreadable",
            "vault",
            "waiting_count"
        ]
    );
    let issue = &found["issues"][0];
    assert_eq!(issue["archive"], path.to_str().unwrap());
    let mut expected = [&["archive"], &ISSUE_KEYS[..]].concat();
    expected.sort_unstable();
    assert_eq!(keys(issue), expected);
    let line = place.ok(&["search", "--archived"]).stdout;
    let end = format!("\t{}\n", path.display());
    assert!(line.starts_with("1\t") && line.ends_with(&end), "{line}");
    assert_eq!(line.matches('\t').count(), 12);
}

#[test]
fn pages_of_archived_issues_follow_each_other() {
    let place = vault();
    place.ok(&["archive"]);
    place.ok(&["archive", "--ignored"]);
    let words = ["search", "--archived", "--limit", "1"];
    assert_eq!(numbers(&place, &words), [2]);
    let next = place.ok(&[&words[..], &["--json"]].concat()).json()["next"].clone();
    let after = [&words[..], &["--after", next.as_str().unwrap()]].concat();
    assert_eq!(numbers(&place, &after), [1]);
}

#[test]
fn a_damaged_archive_is_told_and_brings_nothing_back() {
    let (place, path) = archived();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let name = path.to_str().unwrap();
    let ran = place.run(&["restore", name, "--remove"]);
    ran.fails(1, name);
    assert!(
        ran.stderr.contains("hint: nothing came back"),
        "{}",
        ran.stderr
    );
    assert!(path.exists());
    assert_eq!(numbers(&place, &["list"]).len(), 2);
    let listed = place.ok(&["archive", "--list"]).stdout;
    assert!(
        !listed.trim_end_matches('\n').ends_with('\t'),
        "it has no fault: {listed}"
    );
    let found = place.ok(&["search", "--archived", "--json"]);
    assert_eq!(found.json()["unreadable"], json!([name]));
    assert!(found.stderr.contains("is damaged"), "{}", found.stderr);
    let gc = place.ok(&["gc"]);
    assert!(gc.stderr.contains("archive --list"), "{}", gc.stderr);
}

#[test]
fn wrong_words_are_usage_errors() {
    let place = vault();
    let check = |words: &[&str], says: &str| place.run(words).fails(2, says);
    check(&["archive", "--older-than", "5h"], "a span of days as 90d");
    check(&["archive", "--list", "--ignored"], "cannot be used");
    check(&["restore"], "FILE");
    check(&["search", "--archived", "--events"], "cannot be used");
    let missing = place.run(&["restore", "none.cva"]);
    missing.fails(3, "none.cva");
    assert!(
        missing.stderr.contains("archive --list"),
        "{}",
        missing.stderr
    );
    Place::new().run(&["archive"]).fails(3, "there is no vault");
    let nowhere = Place::new().ok(&["search", "--archived", "--json"]).json();
    assert_eq!(nowhere["unreadable"], json!([]));
}
