use crashvault::{Event, Vault};
use serde_json::{Value, json};

use crate::run::Place;

/// Fourteen issues, of which the first five fail below the same function.
fn vault() -> Place {
    let place = Place::new();
    let mut vault = Vault::open(place.vault()).unwrap();
    for number in 0..14 {
        let name = char::from(b'a' + number);
        let mut functions = vec!["main".to_owned(), format!("work_{name}")];
        if number < 5 {
            functions.push("decode\u{1b}price".into());
        }
        let frames: Vec<Value> = functions
            .into_iter()
            .map(|function| json!({"function": function, "in_app": true}))
            .collect();
        let ty = format!("Error{name}");
        let exception = json!({"type": ty, "value": name, "stacktrace": {"frames": frames}});
        let event = json!({"platform": "python", "exception": exception}).to_string();
        vault
            .add(Event::from_json(event.as_bytes()).unwrap())
            .unwrap();
    }
    place
}

#[test]
fn what_issues_share_is_told_with_the_evidence() {
    let found = vault().ok(&["causes", "--json"]).json();
    assert_eq!(
        (&found["issue_count"], &found["is_cut"]),
        (&json!(14), &json!(false))
    );
    let first = &found["causes"][0];
    let fact = &first["facts"][0];
    assert_eq!(fact["kind"], "function");
    assert_eq!(
        (&fact["issue_count"], &fact["project_count"]),
        (&json!(5), &json!(14))
    );
    assert_eq!(
        (&fact["share_inside"], &fact["share_outside"]),
        (&json!(1.0), &json!(0.0))
    );
    let numbers = first["issues"].as_array().unwrap().iter();
    let numbers: Vec<_> = numbers.map(|issue| issue["number"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn a_pipe_gets_a_line_for_each_fact() {
    let told = vault().ok(&["causes", "--limit", "1"]).stdout;
    let columns: Vec<&str> = told.lines().next().unwrap().split('\t').collect();
    assert_eq!(columns.len(), 10);
    assert_eq!(
        (columns[0], columns[2], columns[5], columns[9]),
        ("1", "function", "5", "1,2,3,4,5")
    );
    assert!(!told.contains('\u{1b}'));
}

#[test]
fn nothing_shared_and_nothing_understood_are_told() {
    let place = vault();
    let ran = place.ok(&["causes", "level:fatal"]);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("0 issues looked at"), "{}", ran.stderr);
    place.run(&["causes", "level:("]).fails(2, "level");
}
