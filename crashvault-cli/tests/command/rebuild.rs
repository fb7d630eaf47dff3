use serde_json::json;

use crate::run::{Place, keys};

fn vault() -> Place {
    let place = Place::new();
    place.ok(&["add", "disk full"]);
    place.ok(&["add", "disk full"]);
    place.ok(&["add", "connection refused"]);
    place.ok(&["resolve", "2", "--comment", "x", "--author", "ada"]);
    place.ok(&["assign", "1", "ada", "--author", "ada"]);
    place
}

/// Writes another title over the one in the database; the event itself is compressed there.
fn forge_titles(place: &Place) {
    let file = place.vault().join("vault.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let title = b"disk full";
    let places: Vec<usize> = (0..bytes.len() - title.len())
        .filter(|at| bytes[*at..].starts_with(title))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + title.len() - 1] = b'x';
    }
    std::fs::write(&file, bytes).unwrap();
}

#[test]
fn rebuilding_changes_nothing_that_was_right() {
    let place = vault();
    let all = || {
        [
            place.ok(&["list", "--json"]).stdout,
            place.ok(&["show", "2"]).stdout,
        ]
    };
    let before = all();
    assert_eq!(
        place.ok(&["rebuild"]).stdout,
        "Made 2 issues again from 3 events\n"
    );
    assert_eq!(place.ok(&["list", "--json"]).stdout, before[0]);
    let expected = json!({"event_count": 3, "issue_count": 2});
    assert_eq!(place.ok(&["rebuild", "--json"]).json(), expected);
    assert_eq!(all()[0], before[0]);
}

#[test]
fn what_is_right_is_said_to_be() {
    let place = vault();
    let said = place.ok(&["rebuild", "--verify"]).stdout;
    assert!(said.contains("what the records say"), "{said}");
    let json = place.ok(&["rebuild", "--verify", "--json"]).json();
    assert_eq!(keys(&json), ["differences", "is_same"]);
    assert_eq!(json, json!({"differences": [], "is_same": true}));
}

#[test]
fn what_is_wrong_is_told_and_made_again() {
    let place = vault();
    forge_titles(&place);
    assert!(place.ok(&["list"]).stdout.contains("disk fulx"));
    let differs = place.run(&["rebuild", "--verify"]);
    assert_eq!(differs.code, 1, "{}{}", differs.stdout, differs.stderr);
    assert!(!differs.stdout.is_empty());
    assert!(
        differs.stderr.contains("note: `crashvault rebuild`"),
        "{}",
        differs.stderr
    );
    let json = place.run(&["rebuild", "--verify", "--json"]);
    assert_eq!((json.code, &json.json()["is_same"]), (1, &false.into()));
    place.ok(&["rebuild"]);
    place.ok(&["rebuild", "--verify"]);
    assert!(place.ok(&["list"]).stdout.contains("disk full"));
}

#[test]
fn a_vault_that_is_missing_or_in_other_hands_is_told() {
    Place::new().run(&["rebuild"]).fails(3, "there is no vault");
    let place = vault();
    let lock = std::fs::File::create(place.vault().join("chore.lock")).unwrap();
    lock.lock().unwrap();
    place.run(&["rebuild"]).fails(1, "another process rebuilds");
    place
        .run(&["rebuild", "--verify"])
        .fails(1, "another process rebuilds");
}
