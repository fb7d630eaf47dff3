use std::io::Read;
use std::process::Stdio;

use crashvault::{Event, Vault};
use serde_json::{Value, json};

use crate::run::{ISSUE_KEYS, Place, keys};

#[test]
fn a_period_bounds_the_list() {
    let place = Place::new();
    let mut vault = crashvault::Vault::open(place.vault()).unwrap();
    for (day, message) in [(1, "old"), (3, "middle"), (5, "new")] {
        let payload = serde_json::json!({
            "message": message, "timestamp": format!("2026-01-0{day}T10:00:00Z"),
        });
        let event = crashvault::Event::from_json(payload.to_string().as_bytes()).unwrap();
        vault.add(event).unwrap();
    }
    let listed = |words: &[&str]| {
        let ran = place.ok(&[&["list"], words].concat());
        let numbers = ran
            .stdout
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned());
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(listed(&["--since", "2026-01-03"]), ["3", "2"]);
    assert_eq!(listed(&["--until", "2026-01-03"]), ["2", "1"]);
    assert_eq!(
        listed(&["--since", "2026-01-02", "--until", "2026-01-04"]),
        ["2"]
    );
    assert_eq!(
        listed(&["--since", "2026-01-03", "--limit", "1", "--sort", "number"]),
        ["3"]
    );
    assert_eq!(
        listed(&["--since", "2026-01-03", "--status", "resolved"]),
        [""; 0]
    );
    assert_eq!(
        listed(&["--since", "2026-01-03", "--project", "a \"b\\"]),
        [""; 0]
    );
    assert_eq!(listed(&["--since", "1d"]), [""; 0]);
    assert_eq!(listed(&["--status", "all"]), ["3", "2", "1"]);
    assert_eq!(
        listed(&["--since", "2026-01-03", "--status", "ALL"]),
        ["3", "2"]
    );
    place
        .run(&["list", "--until", "x"])
        .fails(2, "until: 'x' is no time");
}

#[test]
fn a_pipe_gets_one_line_per_issue_with_tabs() {
    let place = Place::new();
    place.ok(&[
        "add",
        "disk full",
        "--level",
        "warning",
        "--project",
        "shop",
    ]);
    let lines = place.ok(&["list"]).stdout;
    let columns: Vec<&str> = lines.trim_end_matches('\n').split('\t').collect();
    assert_eq!(columns[..4], ["1", "warning", "open", "1"]);
    assert!(
        columns[4].ends_with('Z') && columns[4] == columns[5],
        "{columns:?}"
    );
    assert_eq!(columns[6..], ["shop", "disk full", "", "0", "", ""]);
    assert_eq!(
        place.ok(&["list"]).stdout,
        lines,
        "the same vault gives the same lines"
    );
}

#[test]
fn json_has_the_documented_keys() {
    let place = Place::new();
    place.ok(&["add", "disk full"]);
    let list = place.ok(&["list", "--json"]).json();
    assert_eq!(
        keys(&list),
        ["issues", "next", "total", "vault", "waiting_count"]
    );
    assert_eq!((&list["next"], &list["total"]), (&Value::Null, &json!(1)));
    assert_eq!(keys(&list["issues"][0]), ISSUE_KEYS);
}

#[test]
fn hostile_titles_stay_on_their_line_and_do_nothing() {
    let place = Place::new();
    let title = "a\u{1b}[31m\u{9b}2J\u{202e}b\tc\u{7}";
    place.ok(&["add", title, "--project", "p\n\u{1b}c"]);
    for words in [
        &["list"][..],
        &["list", "--color", "always"],
        &["show", "1"],
        &["show", "1", "--all-frames"],
    ] {
        let text = place.ok(words).stdout;
        let own_colour = |text: &str| text.replace("\u{1b}[", "");
        assert!(
            !own_colour(&text).contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']),
            "{text:?}"
        );
        assert!(text.contains("\\x1b[31m\\u{9b}2J\\u{202e}b"), "{text}");
    }
    assert_eq!(place.ok(&["list"]).stdout.lines().count(), 1);
    let listed = place.ok(&["list", "--json"]).json();
    assert_eq!(listed["issues"][0]["title"], title);
    assert_eq!(listed["issues"][0]["project"], "p\n\u{1b}c");
}

#[test]
fn filters_and_order() {
    let place = Place::new();
    for (message, project) in [("one", "a"), ("two", "b"), ("two", "b"), ("three", "a")] {
        place.ok(&["add", message, "--project", project]);
    }
    let numbers = |words: &[&str]| -> Vec<String> {
        let lines = place.ok(words).stdout;
        lines
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(numbers(&["list", "--sort", "count", "--limit", "1"]), ["2"]);
    assert_eq!(
        numbers(&["ls", "--project", "a", "--sort", "id"]),
        ["3", "1"]
    );
    assert_eq!(numbers(&["list", "--status", "OPEN"]).len(), 3);
    let none = place.ok(&["list", "--status", "resolved"]);
    assert_eq!(none.stdout, "");
    assert!(none.stderr.contains("no issue fits"), "{}", none.stderr);
    let more = place.ok(&["list", "--limit", "2"]).stderr;
    assert!(more.contains("more than 2"), "{more}");
    place
        .run(&["list", "--status", "closed"])
        .fails(2, "open, resolved, ignored or all");
    place.run(&["list", "--sort", "size"]).fails(
        2,
        "last-seen, first-seen, count, users, number, status or title",
    );
    place.run(&["list", "--limit", "0"]).fails(2, "from 1");
}

/// Four issues, of titles d, c, B and a; the second is resolved.
fn four() -> Place {
    let place = Place::new();
    for title in ["d", "c", "B", "a"] {
        place.ok(&["add", title, "--project", title]);
    }
    place.ok(&["resolve", "2"]);
    place
}

#[track_caller]
fn check_order(place: &Place, words: &[&str], numbers: [u64; 4]) {
    for limit in ["1", "2", "3", "4"] {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let mut words = [words, &["--json", "--limit", limit]].concat();
            words.extend(next.as_deref().map(|_| "--after"));
            words.extend(next.as_deref());
            let page = place.ok(&words).json();
            assert!(page["total"].is_null() || page["total"] == 4);
            let issues = page["issues"].as_array().unwrap().clone();
            found.extend(issues.iter().map(|issue| issue["number"].as_u64().unwrap()));
            next = page["next"].as_str().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        assert_eq!(found, numbers, "{words:?} --limit {limit}");
    }
}

#[test]
fn an_order_has_two_directions_and_pages() {
    let place = four();
    for command in ["list", "search"] {
        let check = |words: &[&str], numbers| {
            check_order(&place, &[&[command], words].concat(), numbers);
        };
        check(&[], [4, 3, 2, 1]);
        check(&["--asc"], [1, 2, 3, 4]);
        check(&["--sort", "title"], [3, 4, 2, 1]);
        check(&["--sort", "title", "--desc"], [1, 2, 4, 3]);
        check(&["--sort", "status"], [1, 3, 4, 2]);
        check(&["--sort", "status", "--desc"], [2, 4, 3, 1]);
        check(&["--sort", "number", "--asc"], [1, 2, 3, 4]);
    }
    place
        .run(&["list", "--asc", "--desc"])
        .fails(2, "cannot be used with");
}

#[test]
fn the_total_is_that_of_all_pages_and_the_filter() {
    let place = four();
    let total = |words: &[&str]| {
        let listed = place.ok(&[&["list", "--json=total"], words].concat());
        listed.json()["total"].clone()
    };
    assert_eq!(total(&["--limit", "1"]), 4);
    assert_eq!(total(&["--status", "open", "--limit", "1"]), 3);
    assert_eq!(total(&["--project", "a"]), 1);
    assert_eq!(total(&["--since", "1d"]), Value::Null);
}

#[test]
fn a_cursor_is_of_one_order_and_of_issues_that_are_there() {
    let place = four();
    let first = place.ok(&["list", "--json", "--limit", "1", "--sort", "title"]);
    let cursor = first.json()["next"].as_str().unwrap().to_owned();
    place
        .run(&["list", "--after", &cursor])
        .fails(2, "another order");
    place
        .run(&["list", "--after", &cursor, "--sort", "title", "--desc"])
        .fails(2, "another order");
    place.ok(&["purge", "3", "--yes"]);
    place
        .run(&["list", "--after", &cursor, "--sort", "title"])
        .fails(2, "is gone; begin again");
}

#[test]
fn nothing_yet_is_no_error_and_makes_nothing() {
    let place = Place::new();
    let missing = place.ok(&["list"]);
    assert_eq!(missing.stdout, "");
    assert!(
        missing.stderr.contains("crashvault demo"),
        "{}",
        missing.stderr
    );
    assert!(!place.vault().exists());
    let json = place.ok(&["list", "--json"]).json();
    assert_eq!(json["issues"], serde_json::json!([]));
    Vault::open(place.vault()).unwrap();
    assert!(place.ok(&["list"]).stderr.contains("the vault is empty"));
}

#[test]
fn vault_comes_from_the_option_then_the_variable_then_the_home() {
    let place = Place::new();
    let other = place.path().join("other");
    place.ok(&["--vault", other.to_str().unwrap(), "add", "in other"]);
    assert!(place.ok(&["list"]).stdout.is_empty());
    assert!(
        place
            .ok(&["list", "--vault", other.to_str().unwrap()])
            .stdout
            .contains("in other")
    );
    let mut at_home = place.command(&["add", "at home"]);
    assert!(
        at_home
            .env_remove("CRASHVAULT_HOME")
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(place.path().join(".crashvault/vault.db").is_file());
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let place = Place::new();
    place.ok(&["add", "disk full"]);
    let has_colour = |text: String| text.contains('\u{1b}');
    assert!(!has_colour(place.ok(&["show", "1"]).stdout));
    assert!(has_colour(
        place.ok(&["show", "1", "--color", "always"]).stdout
    ));
    let with = |words: &[&str], name: &str| {
        let output = place.command(words).env(name, "1").output().unwrap();
        has_colour(String::from_utf8(output.stdout).unwrap())
    };
    assert!(with(&["show", "1"], "CLICOLOR_FORCE"));
    assert!(!with(&["show", "1", "--color", "auto"], "NO_COLOR"));
    assert!(with(&["show", "1", "--color", "always"], "NO_COLOR"));
}

#[test]
fn a_reader_that_leaves_early_ends_the_command_quietly() {
    let place = Place::new();
    let mut vault = Vault::open(place.vault()).unwrap();
    let mut event = Event::new();
    event.message = Some("long".into());
    // More than a pipe holds.
    event
        .extra
        .insert("text".into(), "x".repeat(1 << 20).into());
    vault.add(event).unwrap();
    drop(vault);
    let mut command = place.command(&["show", "1", "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
