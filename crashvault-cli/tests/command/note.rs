use crate::run::{Place, keys};

fn found(place: &Place, query: &str) -> Vec<u64> {
    let found = place.ok(&["search", query, "--json"]).json();
    let issues = found["issues"].as_array().unwrap().iter();
    let mut numbers: Vec<u64> = issues.map(|i| i["number"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

/// A crash, a note and a report of the same words, and the note again.
fn vault() -> Place {
    let place = Place::new();
    place.ok(&["add", "disk full"]);
    place.ok(&["note", "disk full", "--tag", "host=db1"]);
    place.ok(&["report", "--title", "disk full", "--body", "since\nMonday"]);
    place.ok(&["note", "disk full"]);
    place
}

#[test]
fn what_people_write_never_becomes_one_with_a_crash() {
    let place = vault();
    assert_eq!(found(&place, "disk full"), [1, 2, 3, 4]);
    assert_eq!(found(&place, "kind:note"), [2, 4]);
    assert_eq!(found(&place, "kind:report"), [3]);
    assert_eq!(found(&place, "!has:kind"), [1]);
    assert_eq!(found(&place, "note:true host:db1 level:info"), [2]);
    let shown = place.ok(&["show", "3"]).stdout;
    assert!(shown.contains("    since\n    Monday"), "{shown}");
}

#[test]
fn a_note_is_told_and_may_come_from_stdin() {
    let place = Place::new();
    let ran = place.answered(&["note", "-", "--project", "shop"], "of two\nlines\n\n");
    assert!(
        ran.stdout.starts_with("Note ") && ran.stdout.ends_with(" saved as issue #1\n"),
        "{}",
        ran.stdout
    );
    let shown = place.ok(&["show", "1", "--json"]).json();
    assert_eq!(shown["events"][0]["message"], "of two\nlines");
    assert_eq!(shown["issue"]["project"], "shop");
    let said = place.ok(&["report", "--title", "-x", "--json"]).json();
    assert_eq!(
        keys(&said),
        [
            "event_id",
            "is_known",
            "is_new_issue",
            "is_regression",
            "issue_number"
        ]
    );
}

#[test]
fn an_empty_one_is_refused() {
    let place = Place::new();
    place.run(&["note", "  "]).fails(2, "the message is empty");
    place
        .run(&["report", "--title", ""])
        .fails(2, "the title is empty");
    place.run(&["report", "--body", "x"]).fails(2, "required");
    assert!(!place.vault().exists());
}

#[test]
fn neither_gc_nor_prune_takes_notes() {
    let place = vault();
    place.ok(&["gc"]);
    place.ok(&["prune", "--keep-events", "1"]);
    place.ok(&["rebuild"]);
    assert_eq!(found(&place, "has:kind"), [2, 3, 4]);
}
