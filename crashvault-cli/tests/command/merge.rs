use serde_json::{Value, json};

use crate::run::{ISSUE_KEYS, Place, keys};

/// A vault with three issues.
fn vault() -> Place {
    let place = Place::new();
    for message in ["disk full", "no space left", "connection refused"] {
        place.ok(&["add", message]);
    }
    place
}

fn numbers(place: &Place) -> Vec<u64> {
    let list = place.ok(&["list", "--json"]).json();
    let issues = list["issues"].as_array().unwrap();
    let mut numbers: Vec<u64> = issues
        .iter()
        .map(|i| i["number"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

fn variant(place: &Place, issue: &str, at: usize) -> String {
    let show = place.ok(&["show", issue, "--json"]).json();
    show["joins"][at]["variant"].as_str().unwrap().to_owned()
}

#[test]
fn merged_issues_are_one() {
    let place = vault();
    let said = place.ok(&["merge", "1", "3", "2"]).stdout;
    assert_eq!(said, "#1 now has what #2 and #3 had: connection refused\n");
    assert_eq!(numbers(&place), [1]);
    let shown = place.ok(&["show", "#2"]);
    assert!(
        shown.stderr.contains("note: #2 was merged into #1"),
        "{}",
        shown.stderr
    );
    assert!(shown.stdout.contains("merged   #2, #3"), "{}", shown.stdout);
    place.ok(&["undo", "1"]);
    assert_eq!(numbers(&place), [1, 2]);
}

#[test]
fn a_merge_answers_in_json() {
    let place = vault();
    let answer = place.ok(&["merge", "1", "2", "--json"]).json();
    assert_eq!(keys(&answer["decided"][0]["issue"]), ISSUE_KEYS);
    assert_eq!(
        answer["decided"][0]["activities"][0]["deed"]["kind"],
        "merge"
    );
    assert_eq!(answer["merged"][0]["number"], 2);
    let shown = place.ok(&["show", "2", "--json"]).json();
    assert_eq!(
        (&shown["issue"]["number"], &shown["merged"]),
        (&json!(1), &answer["merged"])
    );
}

#[test]
fn what_is_decided_by_a_merged_number_is_said_to_be_elsewhere() {
    let place = vault();
    place.ok(&["merge", "1", "2"]);
    let resolved = place.ok(&["resolve", "2"]);
    assert!(
        resolved.stderr.contains("note: #2 was merged into #1"),
        "{}",
        resolved.stderr
    );
    assert!(
        resolved.stdout.starts_with("#1 resolved"),
        "{}",
        resolved.stdout
    );
}

#[track_caller]
fn check_refused(words: &[&str], code: i32, says: &str) {
    let place = vault();
    place.ok(&["merge", "1", "2"]);
    place.ok(&["note", "look here"]);
    let ran = place.run(words);
    assert_eq!(ran.code, code, "{}", ran.stderr);
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert_eq!(numbers(&place), [1, 3, 4]);
}

#[test]
fn what_cannot_be_merged_is_told() {
    check_refused(&["merge", "1", "1"], 2, "#1 cannot become part of itself");
    check_refused(&["merge", "1", "2"], 2, "#2 was merged into #1");
    check_refused(&["merge", "2", "3"], 2, "#2 was merged into #1");
    check_refused(&["merge", "1", "77"], 3, "no issue #77");
    check_refused(&["merge", "1", "4"], 2, "#4 is a note");
    check_refused(&["merge", "1"], 2, "OTHER");
    check_refused(&["unmerge", "1", "ffff"], 3, "no variant ffff");
    check_refused(&["unmerge", "1", "what"], 2, "4 hex digits");
}

#[test]
fn a_variant_is_taken_out_by_the_digits_that_are_shown() {
    let place = vault();
    place.ok(&["merge", "1", "2"]);
    let variant = variant(&place, "1", 1);
    let shown = place.ok(&["show", "1"]).stdout;
    assert!(
        shown.contains(&format!("variant {}", &variant[..12])),
        "{shown}"
    );
    let said = place.ok(&["unmerge", "1", &variant[..12]]).stdout;
    let expected = format!(
        "#1 no longer has variant {}, which is now in #2: disk full\n",
        &variant[..12]
    );
    assert_eq!(said, expected);
    assert_eq!(numbers(&place), [1, 2, 3]);
    place.ok(&["merge", "1", "3"]);
    let own = self::variant(&place, "1", 0);
    let answer = place.ok(&["unmerge", "1", &own, "--json"]).json();
    assert_eq!(answer["to"]["number"], 4);
    assert_eq!(
        answer["decided"][0]["activities"][0]["deed"]["kind"],
        "unmerge"
    );
}

#[test]
fn an_event_is_moved() {
    let place = vault();
    let event = place.ok(&["add", "disk full", "--json"]).json()["event_id"].clone();
    let event = event.as_str().unwrap();
    let said = place.ok(&["move", event, "3"]).stdout;
    assert_eq!(said, format!("#3 event {event} moved here: disk full\n"));
    let shown = place.ok(&["show", event, "--json"]).json();
    assert_eq!(
        (&shown["issue"]["number"], &shown["issue"]["seen_count"]),
        (&json!(3), &json!(2))
    );
    let ran = place.run(&["move", event, "3"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("is in #3 already"), "{}", ran.stderr);
    let answer = place.ok(&["move", event, "2", "--json"]).json();
    assert_eq!(answer["decided"][0]["issue"]["number"], 2);
}

#[test]
fn nothing_is_related_where_nothing_is_alike() {
    let place = vault();
    let ran = place.ok(&["related", "1"]);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains("no other issue is like #1"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        place.ok(&["related", "1", "--json"]).json(),
        json!({"related": []})
    );
}

/// Two ways to one place, which are one issue, and are taken apart by the author of regroupings.
fn regrouped() -> Place {
    let place = Place::new();
    let crash = |way: &str| {
        json!({"platform": "ruby", "exception": {"type": "E", "value": "no price", "stacktrace": {"frames": [
            {"function": way, "in_app": true}, {"function": "total", "in_app": true}]}}})
    };
    let mut vault = crashvault::Vault::open(place.vault()).unwrap();
    for way in ["pay", "quote"] {
        let json = crash(way).to_string();
        vault
            .add(crashvault::Event::from_json(json.as_bytes()).unwrap())
            .unwrap();
    }
    drop(vault);
    place.ok(&[
        "unmerge",
        "1",
        &variant(&place, "1", 1),
        "--author",
        "regroup",
    ]);
    assert_eq!(numbers(&place), [1, 2]);
    place
}

#[test]
fn related_issues_are_listed_with_how_alike_they_are() {
    let place = regrouped();
    place.ok(&["undo", "1"]);
    place.ok(&[
        "unmerge",
        "1",
        &variant(&place, "1", 1),
        "--author",
        "regroup",
    ]);
    let line = place.ok(&["related", "1"]).stdout;
    let fields: Vec<&str> = line.split('\t').collect();
    assert_eq!(fields[1], "2");
    let score: f64 = fields[0].parse().unwrap();
    assert!((0.5..=1.0).contains(&score), "{score}");
    let answer = place.ok(&["related", "1", "--json"]).json();
    let expected = ["is_like", "issue", "score", "variant"];
    assert_eq!(keys(&answer["related"][0]), expected);
    // What a person takes apart is not suggested.
    place.ok(&["undo", "1"]);
    place.ok(&["unmerge", "1", &variant(&place, "1", 1), "--author", "ada"]);
    assert_eq!(
        place.ok(&["related", "1", "--json"]).json(),
        json!({"related": []})
    );
}

#[test]
fn a_regrouping_is_told_and_done_when_asked_to() {
    let place = regrouped();
    for words in [&["regroup"][..], &["regroup", "--dry-run"]] {
        let ran = place.ok(words);
        assert!(ran.stdout.starts_with("merge\t2\t1\t"), "{}", ran.stdout);
        assert!(ran.stderr.contains("1 issue would merge"), "{}", ran.stderr);
        assert_eq!(numbers(&place), [1, 2]);
    }
    let answer: Value = place.ok(&["regroup", "--apply", "--json"]).json();
    assert_eq!(
        (&answer["is_applied"], &answer["variant_count"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(answer["event_count"], 2);
    assert_eq!(answer["merges"][0]["into"]["number"], 1);
    assert_eq!(answer["splits"], json!([]));
    assert_eq!(numbers(&place), [1]);
    let again = place.ok(&["regroup"]);
    assert!(
        again.stderr.contains("all are where they belong"),
        "{}",
        again.stderr
    );
    assert_eq!(place.run(&["regroup", "--dry-run", "--apply"]).code, 2);
    assert!(
        place.ok(&["rebuild", "--verify", "--json"]).json()["is_same"]
            .as_bool()
            .unwrap()
    );
}

const RULE: &str = "[[group.rule]]\nid = \"disks\"\nmatch = { message = [\"disk *\", \"no space *\"] }\n\
    fingerprint = [\"disk\"]\n";

#[test]
fn a_new_rule_regroups_what_is_there() {
    let place = vault();
    std::fs::write(place.vault().join("vault.toml"), RULE).unwrap();
    let ran = place.ok(&["regroup", "--dry-run"]);
    let lines: Vec<Vec<&str>> = ran
        .stdout
        .lines()
        .map(|l| l.split('\t').collect())
        .collect();
    assert_eq!(lines[0][..3], ["merge", "2", "1"], "{}", ran.stdout);
    assert_eq!(
        (lines[1][0], &lines[1][2..]),
        ("variant", &["1", "", "", "2", "disks"][..])
    );
    assert!(
        ran.stderr.contains("1 new variant; --apply does it"),
        "{}",
        ran.stderr
    );
    assert_eq!(numbers(&place), [1, 2, 3]);
    let answer = place.ok(&["regroup", "--apply", "--json"]).json();
    assert_eq!(answer["variants"][0]["rule"], "disks");
    assert_eq!(answer["variants"][0]["issue"]["number"], 1);
    assert_eq!(numbers(&place), [1, 3]);
    place.ok(&["rebuild"]);
    assert_eq!(numbers(&place), [1, 3]);
    let added = place.ok(&["add", "disk broken", "--json"]).json();
    assert_eq!(added["issue_number"], 1);
    let again = place.ok(&["regroup"]);
    assert!(
        again.stderr.contains("all are where they belong"),
        "{}",
        again.stderr
    );
}

#[test]
fn events_that_a_rule_takes_out_are_moved() {
    let place = vault();
    place.ok(&["add", "disk full", "--tag", "eu"]);
    let rule =
        "[[group.rule]]\nid = \"eu\"\nmatch = { \"tags.eu\" = \"*\" }\nfingerprint = [\"eu\"]\n";
    std::fs::write(place.vault().join("vault.toml"), rule).unwrap();
    let ran = place.ok(&["regroup", "--apply"]);
    assert!(
        ran.stdout.starts_with("split\t1\tnew\t\t1\t1\t"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("1 event moved"), "{}", ran.stderr);
    let shown = place.ok(&["show", "4"]).stdout;
    assert!(shown.contains("1 event found to be variant"), "{shown}");
    place.ok(&["undo", "4"]);
    assert_eq!(numbers(&place), [1, 2, 3]);
}

#[track_caller]
fn check_told(words: &[&str]) {
    let place = vault();
    place.ok(&["merge", "1", "2"]);
    let ran = place.ok(words);
    let told = ran.stderr.matches("note: #2 was merged into #1").count();
    assert_eq!(told, 1, "{words:?}: {}", ran.stderr);
}

#[test]
fn every_command_says_where_a_merged_number_leads() {
    check_told(&["purge", "2", "--yes"]);
    check_told(&["events", "--issue", "2"]);
    check_told(&["why", "2"]);
    check_told(&["related", "2"]);
    check_told(&["share", "2"]);
    check_told(&["set-title", "2", "no room"]);
    check_told(&["group-rules", "test", "2"]);
    check_told(&["attachment", "list", "2"]);
    check_told(&["export", "--issue", "2"]);
}
