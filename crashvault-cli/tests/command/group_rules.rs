use serde_json::{Value, json};

use crate::run::{Place, keys};

const RULES: &str = r#"
[[group.rule]]
id = "slow"
match = { level = "fatal", message = ["*slow*", "*timed out*"] }
fingerprint = ["slow", "{{ tags.region }}"]

[[group.rule]]
id = "no-user"
template = "user * not found"
"#;

fn vault() -> Place {
    let place = Place::new();
    place.ok(&["add", "user ada not found"]);
    write_rules(&place, RULES);
    place
}

fn write_rules(place: &Place, rules: &str) {
    let path = place.vault().join("vault.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text + rules).unwrap();
}

fn tried(place: &Place, event: Value) -> Value {
    let ran = place.answered(&["group-rules", "test", "-", "--json"], &event.to_string());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.json()
}

#[test]
fn a_rule_that_fits_is_told_and_why_the_others_do_not() {
    let place = vault();
    let told = tried(
        &place,
        json!({"message": "user bob not found", "level": "error"}),
    );
    let expected = [
        "event_id",
        "issue_number",
        "rules",
        "before",
        "after",
        "faults",
    ];
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let mut found = keys(&told);
    found.sort_unstable();
    assert_eq!(found, expected);
    let rules = json!([
        {"number": 1, "id": "slow", "is_deciding": false, "misses": [
            {"field": "level", "patterns": ["fatal"], "values": ["error"]},
            {"field": "message", "patterns": ["*slow*", "*timed out*"], "values": ["user bob not found"]},
        ]},
        {"number": 2, "id": "no-user", "is_deciding": true, "misses": []},
    ]);
    assert_eq!(told["rules"], rules);
    assert_eq!(told["before"]["reason"], "message");
    assert_eq!(
        told["after"]["parts"],
        json!(["rule no-user", "message user * not found"])
    );
    assert_eq!(told["after"]["title"], "user * not found");
    assert_eq!(told["after"]["issue_number"], Value::Null);
}

#[test]
fn what_was_foretold_comes_true() {
    let place = vault();
    place.ok(&["add", "user bob not found"]);
    let told = tried(&place, json!({"message": "user eve not found"}));
    assert_eq!(told["after"]["issue_number"], 2);
    assert_eq!(told["after"]["is_known"], true);
    place.ok(&["add", "user eve not found"]);
    let list = place.ok(&["list", "--json"]).json();
    let issues = list["issues"].as_array().unwrap();
    assert_eq!(issues.len(), 2, "{issues:?}");
    assert_eq!(issues[0]["title"], "user * not found");
    assert_eq!(issues[0]["seen_count"], 2);
}

#[test]
fn nothing_is_changed_by_trying() {
    let place = vault();
    let events = place.ok(&["events"]).stdout;
    let told = place.ok(&["group-rules", "test", "1"]).stdout;
    for words in [
        "slow     does not fit: level 'error' is not of 'fatal'",
        "no-user  fits, and decides",
        "decided by  message",
        "issue #1; it stays there",
        "a new issue",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(place.ok(&["events"]).stdout, events);
}

#[test]
fn rules_of_another_file_are_tried_and_wrong_ones_told_with_their_line() {
    let place = vault();
    let file = place.path().join("new.toml");
    let rules = "# new\n[[group.rule]]\nmatch = { functoin = \"x\" }\nfingerprint = [\"y\"]\n\n\
                 [[group.rule]]\nid = \"all\"\nmatch = { message = \"*\" }\nfingerprint = [\"z\"]\n";
    std::fs::write(&file, rules).unwrap();
    let ran = place.run(&[
        "group-rules",
        "test",
        "1",
        "--rules",
        file.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("fits, and decides"), "{}", ran.stdout);
    let fault = "new.toml: group.rule 1 (line 3): match.functoin: no field 'functoin' to group by; \
                 did you mean 'function'?; the rule is left out";
    assert!(ran.stderr.contains(fault), "{}", ran.stderr);
}

#[test]
fn a_rule_that_was_not_meant_so_is_left_out() {
    let place = vault();
    let file = place.path().join("new.toml");
    let rule = |text: &str| format!("[[group.rule]]\n{text}\n");
    for (text, words) in [
        (
            "match = {}\nfingerprint = [\"y\"]",
            "match: it is empty and would take every event",
        ),
        (
            "match = { type = \"E\" }\nfingerprnt = [\"y\"]",
            "a rule has no 'fingerprnt'",
        ),
        (
            "match = { type = \"E\" }\nfingerprint = [\"{{default\"]",
            "nothing '{{default' to put",
        ),
        (
            "id = \"all\"\nmatch = { type = \"E\" }\nfingerprint = [\"y\"]",
            "id: rule 1 has the same",
        ),
    ] {
        let all = rule("id = \"all\"\nmatch = { message = \"*\" }\nfingerprint = [\"z\"]");
        std::fs::write(&file, all + &rule(text) + &rule("template = \"user *\"")).unwrap();
        let ran = place.run(&[
            "group-rules",
            "test",
            "1",
            "--rules",
            file.to_str().unwrap(),
        ]);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert!(ran.stderr.contains("group.rule 2 (line "), "{}", ran.stderr);
        assert!(ran.stdout.contains("\n  3 "), "{}", ran.stdout);
    }
}

#[test]
fn a_wrong_rule_stops_nothing_and_is_told() {
    let place = vault();
    write_rules(
        &place,
        "[[group.rule]]\nfingerprint = [\"{{ typ }}\"]\nmatch = { type = \"E\" }\n",
    );
    place.ok(&["add", "user bob not found"]);
    let doctor = place.run(&["doctor"]);
    let fault = "group.rule 3 (line 14): fingerprint: nothing 'typ' to put into a fingerprint; did you mean 'type'?";
    assert!(doctor.stdout.contains(fault), "{}", doctor.stdout);
    let ran = place.run(&["group-rules", "test", "1", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.json()["faults"][0].as_str().unwrap().contains(fault));
}

#[test]
fn what_is_no_event_is_refused() {
    let place = vault();
    place
        .run(&["group-rules", "test", "nothing-here"])
        .fails(1, "no file, and no event");
    place.run(&["group-rules", "test", "99"]).fails(3, "99");
    place
        .answered(&["group-rules", "test", "-"], "[]")
        .fails(1, "holds no event");
    place
        .run(&["group-rules", "test", "1", "--rules", "/nowhere.toml"])
        .fails(3, "cannot read /nowhere.toml");
}
