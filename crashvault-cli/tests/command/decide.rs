use std::io::Write;
use std::process::Stdio;

use crashvault::{Event, Vault};
use serde_json::{Value, json};

use crate::run::{ISSUE_KEYS, Place, Ran, keys};

/// A vault with two issues.
fn vault() -> Place {
    let place = Place::new();
    place.ok(&["add", "disk full"]);
    place.ok(&["add", "connection refused"]);
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
    assert_eq!(said, format!("#1 {says}: disk full\n"));
    assert_eq!(issue(&place, "1")[key], expected);
}

#[test]
fn an_issue_is_resolved_now_or_in_a_release() {
    check(
        &["resolve", "1"],
        "resolved",
        "resolution",
        json!({"in": "now"}),
    );
    check(&["resolve", "1"], "resolved", "status", "resolved".into());
    check(
        &["resolve", "#1", "--in-release", "shop@2.0"],
        "resolved in release shop@2.0",
        "resolution",
        json!({"in": "release", "release": "shop@2.0"}),
    );
    check(
        &["resolve", "1", "--in-next-release"],
        "resolved in the next release, though none is known yet",
        "resolution",
        json!({"in": "next_release", "after": null}),
    );
}

#[test]
fn an_issue_is_ignored_for_ever_or_for_a_while() {
    check(
        &["ignore", "1"],
        "ignored until it is reopened",
        "ignore",
        "forever".into(),
    );
    check(
        &["ignore", "1", "--count", "5"],
        "ignored until it has been seen 6 times in all",
        "ignore",
        json!({"seen_count": 6}),
    );
    check(
        &["ignore", "1", "--until-grows"],
        "ignored until it is seen more than 10 times in 24 hours",
        "ignore",
        json!({"day_count": 10}),
    );
    check(
        &["ignore", "1", "--until", "2200-02-01"],
        "ignored until 2200-02-01T00:00:00Z",
        "ignore",
        json!({"time": "2200-02-01T00:00:00Z"}),
    );
}

#[test]
fn an_issue_is_given_to_somebody_or_nobody() {
    check(
        &["assign", "1", "ada"],
        "assigned to ada",
        "assignee",
        "ada".into(),
    );
    check(
        &["assign", "1", "--to", "42"],
        "assigned to 42",
        "assignee",
        "42".into(),
    );
    for words in [&["assign", "1", "me"][..], &["assign", "1", "--to", "me"]] {
        let words = [words, &["--author", "bob"]].concat();
        check(&words, "assigned to bob", "assignee", "bob".into());
    }
    check(
        &["assign", "1", "--nobody"],
        "assigned to nobody",
        "assignee",
        Value::Null,
    );
}

#[test]
fn an_issue_is_commented() {
    check(
        &["comment", "1", "-- seen on db1"],
        "commented",
        "comment_count",
        1.into(),
    );
}

#[test]
fn a_comment_may_come_from_stdin() {
    let place = vault();
    let mut command = place.command(&["comment", "1", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one \xff\ntwo\n\n").unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let shown = place.ok(&["show", "1", "--json"]).json();
    assert_eq!(shown["activities"][0]["deed"]["text"], "one \u{fffd}\ntwo");
}

#[test]
fn a_comment_of_any_length_is_kept_whole_or_refused() {
    let place = vault();
    let mut command = place.command(&["comment", "1", "-"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The command may leave before all is written.
    let _ = stdin.write_all(&vec![b'x'; 200_000]);
    drop(stdin);
    Ran::of(child.wait_with_output().unwrap()).fails(2, "cut it to 65536");
    assert_eq!(issue(&place, "1")["comment_count"], 0);
}

#[test]
fn a_resolution_and_its_comment_are_two_decisions() {
    let place = vault();
    place.ok(&["resolve", "1", "--comment", "more room"]);
    assert_eq!(issue(&place, "1")["comment_count"], 1);
    let undone = place.ok(&["undo", "1", "--author", "ada"]).stdout;
    assert!(
        undone.starts_with("#1 took back: resolved (") && undone.ends_with("): disk full\n"),
        "{undone}"
    );
    let issue = issue(&place, "1");
    assert_eq!(
        (&issue["status"], &issue["comment_count"]),
        (&"open".into(), &1.into())
    );
}

#[test]
fn a_resolution_that_cannot_be_leaves_no_comment() {
    let place = vault();
    place
        .run(&["resolve", "1", "--in-release", " ", "--comment", "x"])
        .fails(2, "the release is empty");
    assert_eq!(issue(&place, "1")["comment_count"], 0);
    place
        .run(&["resolve", "1", "--comment", " "])
        .fails(2, "the comment is empty");
    assert_eq!(issue(&place, "1")["status"], "open");
}

#[test]
fn the_next_release_follows_the_newest_one_also_with_a_comment() {
    let place = vault();
    let mut event = Event::new();
    event.message = Some("disk full".into());
    event.release = Some("shop@1.2".into());
    Vault::open(place.vault()).unwrap().add(event).unwrap();
    place.ok(&["resolve", "1", "--in-next-release", "--comment", "x"]);
    let expected = json!({"in": "next_release", "after": "shop@1.2"});
    assert_eq!(issue(&place, "1")["resolution"], expected);
}

#[test]
fn what_comes_back_is_a_regression_by_that_event() {
    let place = vault();
    place.ok(&["resolve", "1"]);
    let event = place.ok(&["add", "disk full", "--json"]).json()["event_id"].clone();
    let issue = issue(&place, "1");
    assert_eq!(
        (
            &issue["status"],
            &issue["is_regressed"],
            &issue["regression"]
        ),
        (&"open".into(), &true.into(), &event)
    );
    let event = event.as_str().unwrap();
    let text = place.ok(&["show", "1"]).stdout;
    let status = format!("open again, regressed by event {event}");
    assert!(text.contains(&status), "{text}");
    place.ok(&["reopen", "1"]);
    assert!(!place.ok(&["show", "1"]).stdout.contains(&status));
}

#[test]
fn an_event_waiting_in_the_journal_is_there_to_be_decided_about() {
    let place = Place::new();
    let vault = place.vault();
    let child = place.run(&["__demo-child", "error", "--vault", vault.to_str().unwrap()]);
    assert_eq!(child.code, 1);
    place.ok(&["resolve", "1"]);
}

#[test]
fn an_event_names_its_issue() {
    let place = vault();
    let event = place.ok(&["add", "disk full", "--json"]).json()["event_id"].clone();
    let said = place.ok(&["resolve", event.as_str().unwrap()]).stdout;
    assert_eq!(said, "#1 resolved: disk full\n");
}

#[test]
fn all_issues_are_tried_and_the_worst_is_the_exit_code() {
    let place = vault();
    let ran = place.run(&["resolve", "99", "1", "98", "2", "1"]);
    assert_eq!(ran.code, 3);
    assert_eq!(
        ran.stdout,
        "#1 resolved: disk full\n#2 resolved: connection refused\n"
    );
    assert_eq!(ran.stderr.matches("error: ").count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("#99") && ran.stderr.contains("#98"));

    let json = place.run(&["reopen", "1", "97", "--json"]);
    assert_eq!(json.code, 3);
    assert_eq!(json.json()["decided"].as_array().unwrap().len(), 1);
    let error: Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(error["error"]["kind"], "NotFound");

    let both = place.run(&["assign", "99", "1", "--to", " "]);
    both.fails(2, "the assignee is empty");
    assert_eq!(both.stdout, "");
}

#[test]
fn json_has_the_documented_keys() {
    let place = vault();
    let commands: [&[&str]; 6] = [
        &["resolve", "1", "2", "--comment", "x"],
        &["reopen", "1"],
        &["ignore", "1"],
        &["assign", "1", "ada"],
        &["comment", "1", "x"],
        &["undo", "1"],
    ];
    for words in commands {
        let answer = place
            .ok(&[words, &["--json", "--author", "ada"]].concat())
            .json();
        assert_eq!(keys(&answer), ["decided"]);
        let first = &answer["decided"][0];
        let expected: &[&str] = match words[0] {
            "undo" => &["activities", "issue", "undone"],
            _ => &["activities", "issue"],
        };
        assert_eq!(keys(first), expected, "{words:?}");
        assert_eq!(keys(&first["issue"]), ISSUE_KEYS);
        for activity in first["activities"].as_array().unwrap() {
            assert_eq!(activity["author"], "ada");
        }
        let kind = &first["activities"].as_array().unwrap().last().unwrap()["deed"]["kind"];
        assert_eq!(kind, words[0]);
    }
    let first = &place.ok(&["undo", "1", "--json"]).json()["decided"][0];
    assert_eq!(first["undone"]["deed"]["kind"], "assign");
    assert_eq!(first["issue"]["assignee"], Value::Null);
}

#[test]
fn the_author_comes_from_the_option_then_the_variable() {
    let place = vault();
    let author = |words: &[&str], variable: Option<&str>| {
        let mut command = place.command(words);
        if let Some(name) = variable {
            command.env("CRASHVAULT_AUTHOR", name);
        }
        let ran = Ran::of(command.output().unwrap());
        ran.json()["decided"][0]["activities"][0]["author"].clone()
    };
    let reopen = ["reopen", "1", "--json"];
    assert_eq!(author(&reopen, Some("bob")), "bob");
    let by_ada = [&reopen[..], &["--author", "ada"]].concat();
    assert_eq!(author(&by_ada, Some("bob")), "ada");
}

#[test]
fn nothing_to_take_back_is_told() {
    let ran = vault().run(&["undo", "1"]);
    ran.fails(3, "nothing was decided about #1");
    assert!(
        ran.stderr.contains("hint: `crashvault show"),
        "{}",
        ran.stderr
    );
}

#[test]
fn wrong_words_are_usage_errors_that_say_what_is_right() {
    let place = vault();
    let check = |words: &[&str], says: &str| {
        let ran = place.run(words);
        ran.fails(2, says);
        assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    };
    check(&["resolve"], "ISSUE");
    check(&["resolve", "abc"], "at least 6 hex digits");
    check(
        &["resolve", "1", "--in-next-release", "--in-release", "2"],
        "cannot be used",
    );
    check(&["ignore", "1", "--until", "soon"], "a span as 30d");
    check(&["ignore", "1", "--until", "2020-01-01"], "in the past");
    check(&["ignore", "1", "--count", "0"], "from 1");
    check(
        &["ignore", "1", "--until-grows", "--count", "3"],
        "cannot be used",
    );
    check(&["assign", "1"], "to whom?");
    check(&["assign", "1", "2"], "'2' is the number of an issue");
    check(&["assign", "x", "ada"], "invalid value 'x'");
    check(&["assign", "1", "--to", "a", "--nobody"], "cannot be used");
    check(&["comment", "1"], "TEXT");
    for number in ["1", "2"] {
        assert_eq!(issue(&place, number)["status"], "open");
        assert_eq!(issue(&place, number)["assignee"], Value::Null);
    }
}

#[test]
fn what_the_engine_refuses_is_exit_code_2() {
    let place = vault();
    place
        .run(&["comment", "1", "  "])
        .fails(2, "the comment is empty");
    place
        .run(&["assign", "1", "a\u{1b}[2Jb"])
        .fails(2, "the assignee must be one line");
    place.run(&["resolve", "99"]).fails(3, "no issue #99");
    Place::new()
        .run(&["resolve", "1"])
        .fails(3, "there is no vault");
}

#[test]
fn hostile_words_stay_words() {
    let place = vault();
    let evil = "a\u{1b}[31m\u{9b}2J\u{202e}\u{7}b\nerror: c";
    let marks = "a\u{202e}b";
    place.ok(&["comment", "1", evil, "--author", marks]);
    let said = place.ok(&["assign", "1", marks]).stdout;
    assert_eq!(said, "#1 assigned to a\\u{202e}b: disk full\n");
    place.ok(&["resolve", "2", "--in-release", marks]);
    for words in [
        &["list"][..],
        &["show", "1"],
        &["show", "1", "--all-frames", "--color", "always"],
        &["show", "2"],
        &["search", "is:assigned"],
        &["undo", "1"],
        &["undo", "1", "--author", marks],
    ] {
        let text = place.ok(words).stdout.replace("\u{1b}[", "");
        assert!(
            !text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']),
            "{words:?}: {text:?}"
        );
        assert!(!text.contains("\nerror: c"), "{text}");
    }
}

#[test]
fn an_event_of_what_was_resolved_is_told_to_be_a_regression() {
    let place = Place::new();
    place.ok(&["add", "no cart"]);
    place.ok(&["resolve", "1"]);
    let ran = place.ok(&["add", "no cart"]);
    let said = "Issue #1 was resolved; this is a regression, and it is open again\n";
    assert!(ran.stdout.ends_with(said), "{}", ran.stdout);
    let is_regression = || place.ok(&["add", "no cart", "--json"]).json()["is_regression"].clone();
    assert_eq!(is_regression(), false);
    place.ok(&["resolve", "1"]);
    assert_eq!(is_regression(), true);
}

#[test]
fn who_has_no_name_in_the_environment_has_that_of_the_account() {
    let place = Place::new();
    place.ok(&["add", "no cart"]);
    let mut command = place.command(&["resolve", "1", "--json"]);
    for name in ["USER", "LOGNAME"] {
        command.env_remove(name);
    }
    let decided = crate::run::Ran::of(command.output().unwrap()).json();
    let author = &decided["decided"][0]["activities"][0]["author"];
    let name = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let name = String::from_utf8(name.stdout).unwrap();
    assert_eq!(author, name.trim());
}
