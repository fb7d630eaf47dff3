use serde_json::json;

use crate::run::{Place, Ran};

fn vault() -> Place {
    let place = Place::new();
    place.ok(&["add", "no cart", "--id", "836d5dc8386c46d6a6cbca36eeabce70"]);
    place
}

#[test]
fn json_may_be_a_choice_of_keys() {
    let place = vault();
    let check =
        |words: &[&str], expected| assert_eq!(place.ok(words).json(), expected, "{words:?}");
    let issues = json!({"issues": [{"number": 1, "title": "no cart"}]});
    check(&["list", "--json=number,title"], issues.clone());
    check(&["--json=title,number", "list"], issues);
    check(
        &["search", "--json=next,number"],
        json!({"issues": [{"number": 1}], "next": null}),
    );
    check(
        &["search", "--events", "--json=level"],
        json!({"events": [{"level": "error"}]}),
    );
    check(&["status", "--json=event_count"], json!({"event_count": 1}));
    check(
        &["show", "1", "--json=reason"],
        json!({"joins": [{"reason": "message"}]}),
    );
}

#[test]
fn an_unknown_key_is_a_usage_error_that_lists_those_there_are() {
    let place = vault();
    let ran = place.run(&["list", "--json=number,nmber"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["error"]["kind"], "Usage");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("the answer has no nmber; it has assignee, "),
        "{message}"
    );
}

/// A name that no answer has, told by a command that leaves the vault as it was.
#[track_caller]
fn check_unchanged(words: &[&str], says: &str) {
    let place = vault();
    let before = place.ok(&["show", "1", "--json"]).stdout;
    let ran = place.run(&[&["--json=nmber"], words].concat());
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (2, ""),
        "{words:?}: {}",
        ran.stderr
    );
    assert!(ran.stderr.contains(says), "{words:?}: {}", ran.stderr);
    assert_eq!(
        place.ok(&["show", "1", "--json"]).stdout,
        before,
        "{words:?}"
    );
    assert_eq!(place.ok(&["list"]).stdout.lines().count(), 1, "{words:?}");
    assert!(!place.path().join("out").exists(), "{words:?}");
}

#[test]
fn a_command_that_changes_something_checks_the_keys_first() {
    let says = "the answer has no nmber; it has ";
    for words in [
        &["add", "other"][..],
        &["note", "other"],
        &["report", "--title", "other"],
        &["attach", "Cargo.toml", "--issue", "1"],
        &["resolve", "1"],
        &["ignore", "1"],
        &["assign", "1", "ada"],
        &["comment", "1", "text"],
        &["set-status", "1", "resolved"],
        &["set-severity", "1", "high"],
        &["set-title", "1", "text"],
        &["batch", "1", "--resolve"],
        &["purge", "1", "--yes"],
        &["kill", "--yes"],
        &["prune", "--days", "1"],
        &["config", "set", "capture.environment", "x"],
        &["webhook", "add", "slack", "--url", "https://example.com/x"],
        &["search", "--save", "mine", "cart"],
        &["rebuild"],
        &["gc"],
        &["archive"],
        &["export", "--output", "out"],
        &["list"],
    ] {
        check_unchanged(words, says);
    }
}

#[test]
fn keys_of_an_answer_that_is_none_are_refused() {
    check_unchanged(&["wrap", "false"], "leaves stdout to the command");
    check_unchanged(&["export"], "the file itself");
    check_unchanged(&["generate-report", "--format", "html"], "asks for a page");
    check_unchanged(&["tail"], "the answer has no nmber; it has event, id,");
}

#[test]
fn reports_and_pages_are_a_choice_of_keys_too() {
    let place = vault();
    let check = |words: &[&str], expected| {
        assert_eq!(place.ok(words).json(), expected, "{words:?}");
    };
    let summary = place.ok(&["generate-report", "--json"]).json();
    check(
        &["generate-report", "--json=summary,title"],
        json!({
            "summary": summary["summary"],
            "issues": [{"title": "no cart"}],
        }),
    );
    let path = place.path().join("out.json");
    let output = path.to_str().unwrap();
    place.ok(&["generate-report", "--json=team", "--output", output]);
    let written = std::fs::read(&path).unwrap();
    assert_eq!(written, b"{\n  \"team\": null\n}\n");
    place.ok(&["share", "1", "--json=reason", "--output", output, "--force"]);
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(written, json!({"joins": [{"reason": "message"}]}));
    check(
        &[
            "export",
            "--output",
            output,
            "--force",
            "--json=format,event_count",
        ],
        json!({"format": "json", "event_count": 1}),
    );
}

#[test]
fn json_takes_no_word_behind_a_blank() {
    let place = vault();
    let found = place.ok(&["search", "--json", "cart"]).json();
    assert_eq!(found["issues"].as_array().unwrap().len(), 1);
}

#[test]
fn names_of_version_1_that_are_gone_are_told_as_that() {
    let place = Place::new();
    for words in [&["server"][..], &["server", "--port", "80"]] {
        place.run(words).fails(2, "there is no `server` any more");
    }
    let ran = place.run(&["test"]);
    ran.fails(2, "there is no `test` any more");
    assert!(!ran.stderr.contains("similar"), "{}", ran.stderr);
    let ran = place.run(&["--json", "server"]);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((ran.code, &error["error"]["kind"]), (2, &json!("Usage")));
}

#[test]
fn quiet_says_nothing_but_errors() {
    let place = vault();
    assert!(
        place
            .ok(&["search", "zebra"])
            .stderr
            .contains("note: nothing fits")
    );
    assert_eq!(place.ok(&["search", "zebra", "-q"]).stderr, "");
    place.run(&["show", "9", "--quiet"]).fails(3, "9");
    assert_eq!(place.run(&["wrap", "-q", "false"]).stderr, "");
    place
        .run(&["list", "-q", "-v"])
        .fails(2, "cannot be used with");
}

/// What stderr says at a level of the variable, and with options.
#[track_caller]
fn check_talk(level: Option<&str>, words: &[&str], says: &[&str], says_not: &[&str]) {
    let place = vault();
    let mut command = place.command(&[&["search", "zebra"], words].concat());
    if let Some(level) = level {
        command.env("CRASHVAULT_LOG_LEVEL", level);
    }
    let ran = Ran::of(command.output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    for text in says {
        assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
    }
    for text in says_not {
        assert!(!ran.stderr.contains(text), "{text}: {}", ran.stderr);
    }
}

#[test]
fn how_much_is_said_can_be_chosen() {
    check_talk(None, &[], &["note: "], &["info: ", "debug: "]);
    check_talk(
        None,
        &["-v"],
        &["note: ", "info: the vault is ", "info: took 0 events in"],
        &["debug: "],
    );
    check_talk(
        None,
        &["-vv"],
        &["info: ", "debug: opened in ", "debug: done after "],
        &[],
    );
    check_talk(Some("DEBUG"), &[], &["note: ", "info: ", "debug: "], &[]);
    check_talk(Some("info"), &[], &["info: "], &["debug: "]);
    check_talk(Some("error"), &[], &[], &["note: ", "info: "]);
    check_talk(Some("error"), &["-v"], &["info: "], &[]);
    let loud = "note: $CRASHVAULT_LOG_LEVEL is 'loud', which is no level: it may be error, warning, info or debug";
    check_talk(
        Some("loud"),
        &[],
        &[loud, "note: nothing fits"],
        &["info: "],
    );
    check_talk(Some("loud"), &["-q"], &[], &["loud"]);
    check_talk(Some(" "), &[], &["note: "], &["no level"]);
}
