use serde_json::{Value, json};

use crate::run::Place;

fn vault() -> Place {
    let place = Place::new();
    place.ok(&[
        "add",
        "disk is full",
        "--level",
        "warning",
        "--tag",
        "region=eu",
    ]);
    place.ok(&["add", "refused", "--tag", "region=us"]);
    place
}

fn found(place: &Place, query: &str) -> Value {
    let found = place
        .ok(&["search", "--json", "--sort", "number", query])
        .json();
    let issues = found["issues"].as_array().unwrap().iter();
    issues.map(|issue| issue["number"].clone()).collect()
}

#[test]
fn a_saved_search_is_part_of_others() {
    let place = vault();
    let saved = place.ok(&[
        "search",
        "--save",
        "europe",
        "region:eu",
        "OR",
        "region:africa",
    ]);
    assert_eq!(
        saved.stdout,
        "Saved as @europe: region:eu OR region:africa\n"
    );
    assert_eq!(found(&place, "@europe"), json!([1]));
    assert_eq!(found(&place, "!@europe"), json!([2]));
    assert_eq!(found(&place, "@europe level:error"), json!([]));
    place.ok(&["search", "--save", "@far", "!@europe"]);
    assert_eq!(found(&place, "@far"), json!([2]));
    place
        .run(&["search", "--save", "europe", "@far"])
        .fails(2, "part of itself");
    place.ok(&["rebuild"]);
    assert_eq!(
        place.ok(&["searches"]).stdout,
        "europe\tregion:eu OR region:africa\nfar\t!@europe\n"
    );
}

#[test]
fn what_had_the_name_is_told() {
    let place = vault();
    place.ok(&["search", "--save", "mine", "assigned:me"]);
    let ran = place.ok(&["search", "--save", "mine", "assigned:ada"]);
    assert_eq!(ran.stderr, "note: @mine was before: assigned:me\n");
    let value = place
        .ok(&["search", "--json", "--save", "mine", "is:open"])
        .json();
    let expected = json!({"name": "mine", "query": "is:open", "replaced": "assigned:ada"});
    assert_eq!(value, expected);
}

#[test]
fn a_search_is_forgotten() {
    let place = vault();
    place.ok(&["search", "--save", "mine", "assigned:me"]);
    let value = place.ok(&["searches", "--json"]).json();
    assert_eq!(
        value["searches"],
        json!([{"name": "mine", "query": "assigned:me"}])
    );
    let ran = place.ok(&["searches", "remove", "@mine"]);
    assert_eq!(ran.stdout, "Forgot @mine: assigned:me\n");
    let ran = place.run(&["searches", "remove", "mine"]);
    ran.fails(3, "no search is saved as @mine");
    assert!(
        ran.stderr.contains("hint: `crashvault searches`"),
        "{}",
        ran.stderr
    );
    let ran = place.ok(&["searches"]);
    assert!(ran.stderr.contains("no search is saved;"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_saved_is_told_with_its_place() {
    let place = vault();
    let ran = place.run(&["search", "--save", "mine", "disk (level:error"]);
    ran.fails(2, "'(' is not closed");
    assert!(ran.stderr.contains("\n       ^\n"), "{}", ran.stderr);
    place
        .run(&["search", "--save", "my search", "x"])
        .fails(2, "is no name for a search");
    place
        .run(&["search", "--save", "mine"])
        .fails(2, "no query");
    place
        .run(&["search", "--save", "mine", "x", "--events"])
        .fails(2, "cannot be used");
}

#[test]
fn a_vault_that_is_not_there_has_no_searches() {
    let place = Place::new();
    let ran = place.ok(&["searches", "--json"]);
    assert_eq!(ran.json()["searches"], json!([]));
    place
        .run(&["search", "--save", "mine", "x"])
        .fails(3, "there is no vault");
    assert!(!place.vault().exists());
}
