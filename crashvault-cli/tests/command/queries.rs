//! The committed queries (tests/behaviour/queries), asked through the command.

use std::path::PathBuf;

use crashvault::{Deed, Event, FixedClock, IssueRef, Vault};
use serde_json::{Value, json};

use crate::run::Place;

fn file(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../tests/behaviour/queries").join(name)
}

fn lines(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(file(name)).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

fn vault() -> Place {
    let place = Place::new();
    let clock = FixedClock::at("2026-01-05T10:00:00Z").unwrap();
    let options = Vault::options().clock(clock).author("ada");
    let mut vault = options.open(place.vault()).unwrap();
    for event in lines("events.jsonl") {
        let event = Event::from_json(event.to_string().as_bytes()).unwrap();
        vault.add(event).unwrap();
    }
    for decision in lines("decisions.jsonl") {
        let issue = IssueRef::Number(decision["issue"].as_u64().unwrap());
        let deed = Deed::from_value(&decision["deed"]).unwrap();
        vault.decide(&issue, deed).unwrap();
    }
    std::fs::copy(file("searches.toml"), place.vault().join("searches.toml")).unwrap();
    place
}

#[test]
fn every_query_finds_the_same_as_in_the_engine() {
    let place = vault();
    // The command's clock is that of the machine.
    let mut queries = lines("queries.jsonl");
    queries.retain(|line| line["clock"] != true);
    assert!(queries.len() > 100);
    for line in queries {
        let mut words = vec!["search", "--json", "--author", "ada", "--sort", "number"];
        for option in ["since", "until"] {
            if let Some(time) = line[option].as_str() {
                words.extend([
                    if option == "since" {
                        "--since"
                    } else {
                        "--until"
                    },
                    time,
                ]);
            }
        }
        words.extend(["--", line["query"].as_str().unwrap()]);
        let found = place.ok(&words).json();
        let issues = found["issues"].as_array().unwrap().iter().rev();
        let numbers: Vec<&Value> = issues.map(|issue| &issue["number"]).collect();
        assert_eq!(json!(numbers), line["expect"], "{line}");
    }
}

#[test]
fn every_wrong_query_is_told_in_the_same_words() {
    let place = vault();
    for line in lines("wrong.jsonl") {
        let ran = place.run(&["search", "--json", "--", line["query"].as_str().unwrap()]);
        assert_eq!(ran.code, 2, "{line}");
        let told: Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(told["error"]["position"], line["position"], "{line}");
        let message = told["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(line["message"].as_str().unwrap()),
            "{message}"
        );
    }
}
