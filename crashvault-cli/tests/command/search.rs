use crashvault::{Event, Vault};
use serde_json::{Value, json};

use crate::run::{ISSUE_KEYS, Place, keys};

/// Three issues: two of a shop, one of a till; the first with two events.
fn vault() -> Place {
    let place = Place::new();
    let mut vault = Vault::open(place.vault()).unwrap();
    for (minute, message, level, release, user) in [
        (0, "connection refused", "error", "shop@2.0", "1"),
        (1, "connection refused", "error", "shop@2.1", "2"),
        (2, "disk is nearly full", "warning", "shop@2.1", "1"),
        (3, "refused by the bank", "fatal", "till@1.0", "1"),
    ] {
        let payload = json!({
            "event_id": format!("836d5dc8386c46d6a6cbca36eeabce7{minute}"),
            "timestamp": format!("2026-01-05T10:0{minute}:00Z"),
            "message": message, "level": level, "release": release, "user": {"id": user},
            "tags": {"region": "eu"},
        });
        let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
        vault.add(event).unwrap();
    }
    place
}

/// The numbers of the issues found, or of the issues of the events found.
fn found(place: &Place, words: &[&str]) -> Vec<String> {
    let ran = place.ok(&[&["search"], words].concat());
    let column = if words.contains(&"--events") { 2 } else { 0 };
    let lines = ran.stdout.lines();
    lines
        .map(|line| line.split('\t').nth(column).unwrap().to_owned())
        .collect()
}

#[test]
fn options_of_version_1_say_what_a_query_could() {
    let place = vault();
    for (words, expected) in [
        (&["--level", "warning"][..], &["2"][..]),
        (&["--text", "refused", "--tag", "region=eu"], &["3", "1"]),
        (&["--text", "refused", "level:fatal OR level:debug"], &["3"]),
        (&["--text", "refused by"], &["3"]),
        (&["--tag", "region"], &[]),
        (&["--tag", "a key] of \"words\"=x"], &[]),
    ] {
        assert_eq!(found(&place, words), expected, "{words:?}");
    }
}

#[track_caller]
fn check(words: &[&str], expected: &[&str]) {
    assert_eq!(found(&vault(), words), expected, "{words:?}");
}

#[test]
fn words_are_joined_by_blanks() {
    check(&["refused"], &["3", "1"]);
    check(&["refused", "level:error"], &["1"]);
    check(&["refused level:error"], &["1"]);
    check(&["\"connection refused\""], &["1"]);
    check(&["disk", "OR", "bank"], &["3", "2"]);
    check(&["!refused"], &["2"]);
    check(&["zebra"], &[]);
}

#[test]
fn nothing_asked_for_finds_all() {
    check(&[], &["3", "2", "1"]);
    check(&[""], &["3", "2", "1"]);
}

#[test]
fn the_order_is_as_asked_for() {
    check(&["--sort", "number", "has:user"], &["3", "2", "1"]);
    check(&["--sort", "users", "release:shop@*"], &["1", "2"]);
    check(&["--sort", "count", "--limit", "1"], &["1"]);
}

#[test]
fn events_are_found_newest_first() {
    check(&["refused", "--events"], &["3", "1", "1"]);
    let place = vault();
    let lines = place.ok(&["search", "--events", "release:shop@2.0"]).stdout;
    let expected =
        "2026-01-05T10:00:00Z\terror\t1\tconnection refused\t836d5dc8386c46d6a6cbca36eeabce70\n";
    assert_eq!(lines, expected);
}

#[test]
fn decisions_can_be_searched() {
    let place = vault();
    place.ok(&["assign", "1", "ada"]);
    place.ok(&["resolve", "2"]);
    assert_eq!(found(&place, &["is:resolved"]), ["2"]);
    assert_eq!(found(&place, &["assigned:ada"]), ["1"]);
    assert_eq!(found(&place, &["assigned:me", "--author", "ada"]), ["1"]);
    assert_eq!(found(&place, &["assigned:me", "--author", "bob"]), [""; 0]);
}

#[test]
fn pages_follow_each_other() {
    for events in [false, true] {
        let place = vault();
        let mut after: Option<String> = None;
        let mut seen = Vec::new();
        loop {
            let mut words = vec!["search", "--limit", "1", "--json"];
            words.extend(events.then_some("--events"));
            if let Some(cursor) = &after {
                words.extend(["--after", cursor]);
            }
            let page = place.ok(&words).json();
            let list = if events { "events" } else { "issues" };
            for one in page[list].as_array().unwrap() {
                seen.push(one["id"].as_str().unwrap().to_owned());
            }
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        let count = if events { 4 } else { 3 };
        assert_eq!(seen.len(), count, "{seen:?}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}

#[test]
fn where_it_goes_on_is_told() {
    let place = vault();
    let first = place.ok(&["search", "--limit", "2"]);
    let cursor = first
        .stderr
        .split_whitespace()
        .skip_while(|word| *word != "--after");
    let cursor = cursor.take(2).last().unwrap().to_owned();
    assert_eq!(found(&place, &["--after", &cursor]), ["1"]);
    assert_eq!(place.ok(&["search", "--after", &cursor]).stderr, "");
    place
        .run(&["search", "--after", &cursor, "--sort", "count"])
        .fails(2, "another order");
    place
        .run(&["search", "--after", &cursor, "--events"])
        .fails(2, "another order");
    place
        .run(&["search", "--after", "x"])
        .fails(2, "this is no cursor");
}

#[test]
fn nothing_found_is_no_error() {
    let place = vault();
    let ran = place.ok(&["search", "zebra"]);
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("", "note: nothing fits\n")
    );
    let missing = Place::new();
    let ran = missing.ok(&["search", "zebra", "--json"]);
    assert_eq!(ran.json()["issues"], json!([]));
    assert!(ran.stderr.contains("there is no vault"), "{}", ran.stderr);
    assert!(!missing.vault().exists());
}

#[test]
fn json_has_the_documented_keys() {
    let place = vault();
    let issues = place.ok(&["search", "bank", "--json"]).json();
    let expected = ["doubts", "issues", "next", "vault", "waiting_count"];
    assert_eq!(keys(&issues), expected);
    assert_eq!(keys(&issues["issues"][0]), ISSUE_KEYS);
    assert_eq!(issues["next"], Value::Null);
    let events = place.ok(&["search", "bank", "--json", "--events"]).json();
    let expected = ["doubts", "events", "next", "vault", "waiting_count"];
    assert_eq!(keys(&events), expected);
    let expected = [
        "event",
        "id",
        "issue",
        "issue_number",
        "level",
        "received_at",
        "time",
        "title",
    ];
    assert_eq!(keys(&events["events"][0]), expected);
    assert_eq!(events["events"][0]["event"]["release"], "till@1.0");
}

#[track_caller]
fn check_mark(query: &str, says: &str, excerpt: &str) {
    let ran = vault().run(&["search", query]);
    ran.fails(2, says);
    assert!(ran.stderr.contains(excerpt), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("hint: `crashvault search --help`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_query_that_cannot_be_read_is_shown_with_its_place() {
    check_mark(
        "disk (level:error",
        "'(' is not closed",
        "\n  disk (level:error\n       ^\n",
    );
    check_mark(
        "漢字 level:bad",
        "'bad'",
        "\n  漢字 level:bad\n             ^\n",
    );
    check_mark(
        "a\u{1b}[2J\tb )",
        "closes nothing",
        "\n  a\\x1b[2J\\tb )\n              ^\n",
    );
    check_mark(&"x".repeat(5000), "at most 4096 bytes", "…\n");
    check_mark(&"漢".repeat(5000), "at most 4096 bytes", "…\n");
}

#[test]
fn the_place_is_a_number_in_json() {
    let ran = vault().run(&["search", "level:bad", "--json"]);
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(
        keys(&error["error"]),
        ["exit_code", "hint", "kind", "message", "position"]
    );
    assert_eq!(error["error"]["position"], 6);
}

#[test]
fn a_period_bounds_what_is_found() {
    check(&["--since", "2026-01-05T10:02:00Z"], &["3", "2"]);
    check(&["--until", "2026-01-05T10:01"], &["1"]);
    check(
        &["refused", "--since", "2026-01-05T11:01+01:00"],
        &["3", "1"],
    );
    check(
        &["--since", "2026-01-05", "--until", "2026-01-05"],
        &["3", "2", "1"],
    );
    check(&["--since", "1h"], &[]);
    check(
        &[
            "--events",
            "--since",
            "2026-01-05T10:01:00Z",
            "--until",
            "2026-01-05T10:02:00Z",
        ],
        &["2", "1"],
    );
    vault()
        .run(&["search", "--since", "soon"])
        .fails(2, "since: 'soon' is no time");
    vault()
        .run(&["search", "--since", "2026-01-05", "--until", "2026-01-04"])
        .fails(2, "lies behind");
}

#[test]
fn a_key_that_is_nearly_known_is_asked_about() {
    let place = vault();
    let ran = place.ok(&["search", "levle:error"]);
    let expected = "note: levle is looked for as a tag; did you mean level?\nnote: nothing fits\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected));
    let doubts = place.ok(&["search", "x levle:error", "--json"]).json();
    let expected = json!([{"position": 2, "key": "levle", "meant": "level"}]);
    assert_eq!(doubts["doubts"], expected);
    assert_eq!(
        place.ok(&["search", "refused", "--json"]).json()["doubts"],
        json!([])
    );
}

#[test]
fn a_search_is_explained() {
    let place = vault();
    let told = place
        .ok(&["search", "--explain", "refused (level:error OR region:us)"])
        .stdout;
    for line in [
        "  all of\n",
        "    0  refused  →  event: the word \"refused\" anywhere\n",
        "        3 events, in index of texts, index of stacks\n",
        "    any of\n",
        "      9  level:error  →  event: level is \"error\"\n",
        "      24  region:us  →  event: tag \"region\" is \"us\"\n",
        "        0 events, in values, in the index of texts\n",
        " 1 issue on the page\n",
    ] {
        assert!(told.contains(line), "{line:?} in {told}");
    }
    let told = place
        .ok(&["search", "--explain", "--events", "refused", "--json"])
        .json();
    let expected = [
        "doubts",
        "elapsed_us",
        "found_count",
        "lists",
        "meaning",
        "route",
        "rows_read",
        "tree",
    ];
    assert_eq!(keys(&told), expected);
    assert_eq!(
        (&told["found_count"], &told["tree"]["kind"]),
        (&json!(3), &json!("text"))
    );
    place
        .run(&["search", "--explain", "level:bad"])
        .fails(2, "'bad'");
}

#[test]
fn events_have_one_order() {
    let sorted = ["search", "x", "--events", "--sort", "count"];
    vault().run(&sorted).fails(2, "cannot be used");
}

#[test]
fn a_query_must_be_one_without_the_options_too() {
    let place = vault();
    for words in [
        &["search", "a) OR (b", "--level", "error"][..],
        &["tail", "--query", "a) OR (b", "--level", "error"],
        &["events", "--query", "a) OR (b", "--issue", "1"],
    ] {
        place.run(words).fails(2, "this ')' closes nothing");
    }
}
