use serde_json::{Value, json};

use crate::run::{Place, Ran, keys};

/// A vault with three issues.
fn vault() -> Place {
    let place = Place::new();
    place.ok(&["add", "disk full", "--level", "warning"]);
    place.ok(&["add", "connection refused"]);
    place.ok(&["add", "coupon expired"]);
    place
}

fn issue(place: &Place, number: &str) -> Value {
    place.ok(&["show", number, "--json"]).json()["issue"].clone()
}

/// The command does this to issue #1 and says so.
#[track_caller]
fn check(words: &[&str], says: &str, key: &str, expected: Value) {
    let place = vault();
    let said = place.ok(words).stdout;
    assert_eq!(said, format!("#1 {says}\n"));
    assert_eq!(issue(&place, "1")[key], expected);
}

#[track_caller]
fn check_answered(words: &[&str], answer: &str, code: i32) -> (Place, Ran) {
    let place = vault();
    let ran = place.answered(words, answer);
    assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
    (place, ran)
}

fn issue_count(place: &Place) -> usize {
    place.ok(&["list"]).stdout.lines().count()
}

#[test]
fn a_status_is_set_by_its_name() {
    check(
        &["set-status", "1", "RESOLVED"],
        "resolved: disk full",
        "status",
        "resolved".into(),
    );
    check(
        &["st", "1", "ignored"],
        "ignored until it is reopened: disk full",
        "status",
        "ignored".into(),
    );
    check(
        &["set-status", "1", "open"],
        "reopened: disk full",
        "status",
        "open".into(),
    );
}

#[test]
fn a_status_that_is_none_is_a_usage_error() {
    vault()
        .run(&["set-status", "1", "closed"])
        .fails(2, "expected open, resolved or ignored");
    vault()
        .run(&["set-status", "99", "open"])
        .fails(3, "no issue");
}

#[test]
fn a_severity_is_set_in_any_case_and_taken_away() {
    check(
        &["set-severity", "1", "High"],
        "severity set to high: disk full",
        "severity",
        "high".into(),
    );
    check(
        &["set-severity", "1", "--clear"],
        "severity removed: disk full",
        "severity",
        Value::Null,
    );
    vault()
        .run(&["set-severity", "1", "loud"])
        .fails(2, "use low, medium, high, critical");
    vault()
        .run(&["set-severity", "1"])
        .fails(2, "required arguments");
}

#[test]
fn a_title_is_set_and_taken_away() {
    check(
        &["set-title", "1", "-full disk- "],
        "titled -full disk-: -full disk-",
        "title",
        "-full disk-".into(),
    );
    check(
        &["title", "1", "--clear"],
        "title of its own removed: disk full",
        "title",
        "disk full".into(),
    );
}

#[test]
fn a_long_title_is_cut_and_a_hostile_one_refused() {
    let place = vault();
    let ran = place.ok(&["set-title", "1", &"ä".repeat(300)]);
    assert!(
        ran.stderr.contains("cut to 200 characters"),
        "{}",
        ran.stderr
    );
    assert_eq!(issue(&place, "1")["title"], "ä".repeat(200));
    place
        .run(&["set-title", "1", "a\u{1b}[31mb"])
        .fails(2, "must be one line");
}

#[test]
fn many_issues_are_changed_at_once() {
    let place = vault();
    let said = place.ok(&[
        "batch",
        "1",
        "#2",
        "--resolve",
        "--severity",
        "low",
        "--tag",
        "team=shop",
        "--tag",
        "seen",
    ]);
    assert_eq!(
        said.stdout,
        "#1 resolved, severity set to low, tag team set to shop, tag seen set to true: disk full\n\
         #2 resolved, severity set to low, tag team set to shop, tag seen set to true: connection refused\n"
    );
    for number in ["1", "2"] {
        let issue = issue(&place, number);
        assert_eq!(issue["status"], "resolved");
        assert_eq!(issue["tags"], json!({"seen": "true", "team": "shop"}));
    }
    place.ok(&["batch", "1", "--untag", "team", "--status", "open"]);
    assert_eq!(issue(&place, "1")["tags"], json!({"seen": "true"}));
    assert_eq!(issue(&place, "1")["status"], "open");
}

#[test]
fn a_batch_tells_what_failed_and_does_the_rest() {
    let place = vault();
    let ran = place.run(&["batch", "99", "2", "--ignore"]);
    ran.fails(3, "no issue #99");
    assert_eq!(issue(&place, "2")["status"], "ignored");
    // Of one issue all or nothing.
    let ran = place.run(&["batch", "1", "--resolve", "--severity", "loud"]);
    ran.fails(2, "'loud' is no severity here");
    assert_eq!(issue(&place, "1")["status"], "open");
}

#[test]
fn a_query_chooses_after_a_question() {
    let (place, ran) = check_answered(&["batch", "--query", "level:error", "--resolve"], "y\n", 0);
    assert_eq!(ran.stderr, "2 issues fit the query. Change them? [y/N] ");
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    assert_eq!(issue(&place, "1")["status"], "open");
    assert_eq!(issue(&place, "3")["status"], "resolved");
}

#[test]
fn without_a_yes_nothing_is_changed() {
    for answer in ["n\n", "\n", "", "maybe\n"] {
        let words = ["batch", "--query", "level:error", "--resolve"];
        let (place, ran) = check_answered(&words, answer, 1);
        assert!(
            ran.stderr.contains("hint: --yes goes ahead"),
            "{}",
            ran.stderr
        );
        assert_eq!(issue(&place, "3")["status"], "open");
    }
}

#[test]
fn a_query_that_finds_nothing_changes_nothing() {
    let place = vault();
    let words = ["batch", "--query", "nothing:such", "--reopen", "--json"];
    let ran = place.ok(&words);
    assert_eq!(ran.json(), json!({"decided": []}));
    assert!(ran.stderr.contains("nothing fits"), "{}", ran.stderr);
    place
        .run(&["batch", "--query", "a (b", "--reopen"])
        .fails(2, "  a (b\n    ^");
}

#[test]
fn a_batch_needs_issues_and_something_to_do() {
    let place = vault();
    place.run(&["batch", "--resolve"]).fails(2, "required");
    place.run(&["batch", "1"]).fails(2, "required");
    place
        .run(&["batch", "1", "--resolve", "--reopen"])
        .fails(2, "cannot be used with");
    place
        .run(&["batch", "1", "--query", "x", "--resolve"])
        .fails(2, "cannot be used with");
}

#[test]
fn a_purged_issue_is_gone_with_its_events() {
    let (place, ran) = check_answered(&["purge", "1"], "yes\n", 0);
    assert_eq!(
        ran.stderr,
        "Remove issue #1 (disk full) and its 1 event for good? [y/N] "
    );
    assert_eq!(ran.stdout, "Purged issue #1 and 1 event\n");
    place.run(&["show", "1"]).fails(3, "1");
    assert_eq!(issue_count(&place), 2);
    place.run(&["undo", "1"]).fails(3, "");
}

#[test]
fn rm_asks_too_and_takes_several() {
    let (place, ran) = check_answered(&["rm", "1", "2", "1"], "", 1);
    assert!(
        ran.stderr
            .starts_with("Remove 2 issues and their 2 events for good? [y/N] \n")
    );
    assert_eq!(issue_count(&place), 3);
    let ran = place.run(&["rm", "1", "77", "--yes", "--json"]);
    assert_eq!(ran.code, 3);
    let purged = &ran.json()["purged"];
    assert_eq!(purged.as_array().unwrap().len(), 1);
    assert_eq!(keys(&purged[0]), ["event_count", "id", "number", "title"]);
    assert_eq!(issue_count(&place), 2);
}

#[test]
fn a_killed_vault_is_empty_and_keeps_its_settings() {
    let place = vault();
    let settings = std::fs::read(place.vault().join("vault.toml")).unwrap();
    let declined = place.answered(&["kill"], "no\n");
    assert_eq!((declined.code, issue_count(&place)), (1, 3));
    assert!(
        declined
            .stderr
            .contains("3 issues and 3 events, for good? [y/N]")
    );
    let ran = place.ok(&["kill", "--yes", "--json"]);
    assert_eq!(
        keys(&ran.json()),
        ["bytes_freed", "events_removed", "issues_removed"]
    );
    assert!(
        ran.stderr
            .contains("settings, symbols and archives are kept")
    );
    assert_eq!(issue_count(&place), 0);
    assert_eq!(
        std::fs::read(place.vault().join("vault.toml")).unwrap(),
        settings
    );
    let added = place.ok(&["add", "after that", "--json"]).json();
    assert_eq!(added["issue_number"], 4);
}

#[test]
fn what_is_no_vault_cannot_be_killed() {
    let place = Place::new();
    place.run(&["kill", "--yes"]).fails(3, "there is no vault");
    assert!(!place.vault().exists());
}
