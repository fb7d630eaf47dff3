use crashvault::{Event, Vault};
use serde_json::{Value, json};

use crate::run::Place;

/// One function reached by two ways, and a message.
fn vault() -> Place {
    let place = Place::new();
    let mut vault = Vault::open(place.vault()).unwrap();
    for way in ["quote", "checkout"] {
        let frames: Vec<Value> = [way, "sum", "total"]
            .map(|function| json!({"function": function, "in_app": true}))
            .into();
        let exception = json!({"type": "KeyError", "value": "no price for cart", "stacktrace": {"frames": frames}});
        let event = json!({"platform": "python", "exception": exception}).to_string();
        vault
            .add(Event::from_json(event.as_bytes()).unwrap())
            .unwrap();
    }
    place.ok(&["add", "disk is full"]);
    place
}

#[test]
fn every_variant_of_an_issue_is_explained() {
    let place = vault();
    let why = place.ok(&["why", "1", "--json"]).json();
    let kinds = why["variants"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds
        .map(|variant| variant["verdict"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["founded", "similar"]);
    let nearest = &why["variants"][1]["verdict"]["nearest"];
    assert_eq!(
        nearest["functions"][0],
        json!({"name": "total", "is_matched": true, "weight": nearest["functions"][0]["weight"]})
    );
    assert_eq!(place.ok(&["show", "1", "--json"]).json()["why"], why);
}

#[test]
fn a_person_reads_what_was_compared() {
    let place = vault();
    let told = place.ok(&["why", "1"]).stdout;
    for words in [
        "#1  KeyError: no price for cart",
        "Its events are 2 variants.",
        "had nothing in common with anything",
        "alike enough to a known variant",
        "+ total",
        "- checkout",
        "~ quote",
        "runner-up  none",
        "by algorithm ",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let widest = told.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 80, "{told}");
}

#[test]
fn an_event_is_explained_by_its_variant() {
    let place = vault();
    let shown = place.ok(&["show", "2", "--json"]).json();
    let event = shown["events"][0]["event_id"].as_str().unwrap();
    let why = place.ok(&["why", event, "--json"]).json();
    assert_eq!(
        (&why["event"], &why["issue_number"]),
        (&json!(event), &json!(2))
    );
    assert_eq!(why["variants"].as_array().unwrap().len(), 1);
    let told = place.ok(&["why", event]).stdout;
    assert!(
        told.contains("its key alone decides (by message)"),
        "{told}"
    );
    place.run(&["why", "99"]).fails(3, "99");
}
