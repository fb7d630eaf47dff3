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

#[test]
fn json_takes_no_word_behind_a_blank() {
    let place = vault();
    let found = place.ok(&["search", "--json", "cart"]).json();
    assert_eq!(found["issues"].as_array().unwrap().len(), 1);
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
    check_talk(Some("loud"), &[], &["note: "], &["info: "]);
}
