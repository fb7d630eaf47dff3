use crashvault::{Event, Vault};
use serde_json::json;

use crate::run::{Place, keys};

/// Of one issue two old events and a new one; of another an old debug event and a newer one.
fn vault() -> Place {
    let place = Place::new();
    let mut vault = Vault::open(place.vault()).unwrap();
    for (message, level, time) in [
        ("disk full", "error", "2020-01-01T00:00:00Z"),
        ("disk full", "error", "2020-01-02T00:00:00Z"),
        ("disk full", "error", "2026-01-01T00:00:00Z"),
        ("cache miss", "debug", "2020-01-01T00:00:00Z"),
        ("cache miss", "debug", "2020-01-03T00:00:00Z"),
    ] {
        let payload = json!({"message": message, "level": level, "timestamp": time});
        let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
        vault.add(event).unwrap();
    }
    place
}

/// So many events leave, and each issue goes on counting all of its own.
#[track_caller]
fn check(options: &[&str], expected: u64) {
    let place = vault();
    let words = [&["prune", "--json"], options].concat();
    let would = place.ok(&[&words[..], &["--dry-run"]].concat()).json();
    assert_eq!(would["is_dry_run"], true);
    let left = place.ok(&words).json();
    assert_eq!(
        keys(&left),
        [
            "attachments_removed",
            "bytes_freed",
            "events_removed",
            "is_dry_run"
        ]
    );
    assert_eq!(left["events_removed"], expected);
    assert_eq!(would["events_removed"], expected);
    let status = place.ok(&["status", "--json"]).json();
    assert_eq!(status["event_count"], 5 - expected);
    let issues = place.ok(&["list", "--json", "--sort", "number"]).json();
    let counts = issues["issues"].as_array().unwrap();
    let counts: Vec<_> = counts.iter().map(|issue| &issue["seen_count"]).collect();
    assert_eq!(counts, [2, 3]);
    place.ok(&["rebuild", "--verify"]);
}

#[test]
fn events_leave_by_age() {
    check(&["--older-than", "2020-01-02"], 2);
    check(&["--older-than", "7d"], 3);
}

#[test]
fn events_leave_by_level_and_status() {
    check(&["--older-than", "7d", "--level", "debug"], 1);
    check(&["--older-than", "7d", "--status", "resolved"], 0);
}

#[test]
fn events_leave_by_number() {
    check(&["--keep-events", "4"], 1);
    check(&["--keep-events", "9"], 0);
}

#[test]
fn what_left_is_told() {
    let place = vault();
    let prune = ["prune", "--older-than", "7d"];
    let would = place.ok(&[&prune[..], &["--dry-run"]].concat()).stdout;
    assert!(would.starts_with("3 events would leave, about "), "{would}");
    let left = place.ok(&prune).stdout;
    assert!(
        left.starts_with("3 events left, ") && left.ends_with(" freed\n"),
        "{left}"
    );
}

#[test]
fn without_options_the_settings_decide() {
    let place = vault();
    let nothing = place.ok(&["prune"]);
    assert!(nothing.stderr.contains("[retention]"), "{}", nothing.stderr);
    let file = place.vault().join("vault.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\n[retention]\nage_days = 30\n").unwrap();
    let would = place.ok(&["prune", "--dry-run", "--json"]).json();
    let left = place.ok(&["prune", "--json"]).json();
    assert_eq!(
        place.ok(&["status", "--json"]).json()["event_count"],
        2,
        "{would} {left}"
    );
}

#[test]
fn wrong_words_are_usage_errors() {
    let place = vault();
    let check =
        |words: &[&str], says: &str| place.run(&[&["prune"], words].concat()).fails(2, says);
    check(&["--older-than", "2200-01-01"], "lies ahead");
    check(&["--older-than", "old"], "a span as 30d");
    check(&["--keep-events", "0"], "from 1");
    check(&["--keep-bytes", "much"], "a size as 500MB");
    check(&["--level", "debug"], "say which events are to leave");
    Place::new().run(&["prune"]).fails(3, "there is no vault");
}

#[test]
fn what_nothing_names_is_removed() {
    let place = vault();
    place.ok(&["prune", "--older-than", "7d"]);
    let text = place.ok(&["gc"]).stdout;
    assert!(
        text.starts_with("Removed 0 attachments, ") && text.ends_with(" freed\n"),
        "{text}"
    );
    let json = place.ok(&["gc", "--json"]).json();
    assert_eq!(
        keys(&json),
        [
            "archives_unreadable",
            "attachments_removed",
            "bytes_freed",
            "dictionaries_removed",
            "stacks_removed",
            "temporaries_removed",
            "texts_removed",
        ]
    );
    place.ok(&["rebuild", "--verify"]);
    Place::new().run(&["gc"]).fails(3, "there is no vault");
}

#[test]
fn days_are_a_number_as_in_version_1() {
    check(&["--days", "1000"], 3);
    vault()
        .run(&["prune", "--days", "0"])
        .fails(2, "0 is not in 1..");
}
