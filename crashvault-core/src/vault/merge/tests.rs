//! What merging and taking apart refuse, and what of them outlives what.

use serde_json::json;

use super::*;
use crate::event::Event;
use crate::export::{ExportFormat, ExportRule};
use crate::scratch::{Scratch, scratch};

fn named(text: &str) -> IssueRef {
    text.parse().unwrap()
}

fn message(text: &str) -> Event {
    let mut event = Event::new();
    event.message = Some(text.into());
    event
}

fn crash(functions: &[&str]) -> Event {
    let frames: Vec<_> = functions
        .iter()
        .rev()
        .map(|function| json!({"function": function, "in_app": true}))
        .collect();
    let exception = json!({"type": "E", "value": "no price", "stacktrace": {"frames": frames}});
    let event = json!({"platform": "ruby", "exception": exception});
    Event::from_json(event.to_string().as_bytes()).unwrap()
}

/// #1 and #2 of one variant each, #3 of two.
fn vault() -> (Scratch, Vault) {
    let home = scratch();
    let mut vault = Vault::options().author("ada").open(home.path()).unwrap();
    for event in [
        message("disk full"),
        message("no space left"),
        crash(&["total", "pay", "main"]),
        crash(&["total", "quote", "mail"]),
    ] {
        vault.add(event).unwrap();
    }
    (home, vault)
}

/// Each issue that is shown, by number, with how many events it has.
fn counts(vault: &Vault) -> Vec<(u64, u64)> {
    let issues = vault.issues(&Default::default()).unwrap();
    let mut counts: Vec<_> = issues
        .iter()
        .map(|issue| (issue.number, issue.seen_count))
        .collect();
    counts.sort_unstable();
    counts
}

fn variants(vault: &Vault, issue: &str) -> Vec<VariantKey> {
    let issue = vault.issue(&named(issue)).unwrap();
    let joins = vault.joins(&issue.id).unwrap();
    joins.iter().map(|join| join.variant).collect()
}

#[track_caller]
fn check_refused<T: std::fmt::Debug>(result: Result<T>, says: &str) {
    let error = result.unwrap_err();
    assert!(error.message().contains(says), "{error}");
}

#[test]
fn several_are_merged_at_once_and_undone_one_by_one() {
    let (_home, mut vault) = vault();
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 2)]);
    vault
        .merge(&named("2"), &[named("#1"), named("3"), named("1")])
        .unwrap();
    assert_eq!(counts(&vault), [(2, 4)]);
    let merged = vault.merged(&named("1")).unwrap();
    assert_eq!(merged.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 3]);
    vault.undo(&named("2")).unwrap();
    assert_eq!(counts(&vault), [(2, 2), (3, 2)]);
    vault.undo(&named("2")).unwrap();
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 2)]);
}

#[test]
fn what_cannot_be_one_is_refused() {
    let (_home, mut vault) = vault();
    check_refused(vault.merge(&named("1"), &[named("1")]), "part of itself");
    check_refused(vault.merge(&named("1"), &[]), "name an issue");
    check_refused(vault.merge(&named("1"), &[named("77")]), "no issue #77");
    vault.merge(&named("1"), &[named("2")]).unwrap();
    let says = "#2 was merged into #1; name that one instead";
    check_refused(vault.merge(&named("3"), &[named("2")]), says);
    check_refused(vault.merge(&named("2"), &[named("3")]), says);
    let json = json!({"message": "look here", "contexts": {"crashvault": {"kind": "note"}}});
    let note = vault
        .add(Event::from_json(json.to_string().as_bytes()).unwrap())
        .unwrap();
    let note = IssueRef::Number(note.issue_number);
    check_refused(vault.merge(&note, &[named("1")]), "is a note");
    check_refused(vault.merge(&named("1"), &[note]), "is a note");
}

#[test]
fn a_variant_is_taken_out_and_not_suggested_again() {
    let (_home, mut vault) = vault();
    let [first, second] = variants(&vault, "3")[..] else {
        panic!();
    };
    vault.unmerge(&named("3"), second).unwrap();
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(vault.related(&named("3")).unwrap(), []);
    assert_eq!(vault.related(&named("4")).unwrap(), []);
    let added = vault.add(crash(&["total", "quote", "mail"])).unwrap();
    assert_eq!((added.issue_number, added.is_new_issue), (4, false));
    check_refused(vault.unmerge(&named("3"), first), "no other variant");
    check_refused(vault.unmerge(&named("3"), second), "has no variant");
    vault.undo(&named("3")).unwrap();
    assert_eq!(counts(&vault)[2], (3, 3));
    assert!(vault.related(&named("3")).unwrap().is_empty());
}

#[test]
fn the_variant_that_founded_an_issue_can_leave_it() {
    let (_home, mut vault) = vault();
    let founder = variants(&vault, "3")[0];
    vault.unmerge(&named("3"), founder).unwrap();
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(variants(&vault, "4"), [founder]);
}

#[test]
fn a_merged_variant_goes_back_to_where_it_came_from() {
    let (_home, mut vault) = vault();
    let variant = variants(&vault, "2")[0];
    vault.merge(&named("1"), &[named("2")]).unwrap();
    vault.unmerge(&named("1"), variant).unwrap();
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 2)]);
    assert!(named("2").names(&vault.issue(&named("2")).unwrap()));
}

#[test]
fn only_the_variant_that_was_named_leaves() {
    let (_home, mut vault) = vault();
    let variant = variants(&vault, "2")[0];
    vault.merge(&named("2"), &[named("3")]).unwrap();
    vault.merge(&named("1"), &[named("2")]).unwrap();
    vault.unmerge(&named("1"), variant).unwrap();
    assert_eq!(counts(&vault), [(1, 3), (2, 1)]);
    assert!(named("1").names(&vault.issue(&named("3")).unwrap()));
}

#[test]
fn one_of_several_variants_of_a_merged_issue_gets_one_of_its_own() {
    let (_home, mut vault) = vault();
    let [first, second] = variants(&vault, "3")[..] else {
        panic!();
    };
    vault.merge(&named("1"), &[named("3")]).unwrap();
    vault.unmerge(&named("1"), first).unwrap();
    assert_eq!(counts(&vault), [(1, 2), (2, 1), (4, 1)]);
    assert_eq!(variants(&vault, "3")[1], second);
}

#[test]
fn a_variant_is_named_by_how_its_key_begins() {
    let (_home, vault) = vault();
    let key = variants(&vault, "1")[0];
    let begins = key.to_string()[..6].to_uppercase();
    assert_eq!(vault.variant(&named("1"), &begins).unwrap(), key);
    check_refused(vault.variant(&named("1"), "abc"), "at least 4");
    check_refused(vault.variant(&named("1"), "xyzw"), "begins no variant");
    check_refused(vault.variant(&named("2"), &begins), "has no variant");
}

#[test]
fn an_event_is_moved_alone() {
    let (_home, mut vault) = vault();
    let event = vault.add(message("disk full")).unwrap().event_id;
    check_refused(vault.move_event(event, &named("1")), "is in #1 already");
    vault.move_event(event, &named("2")).unwrap();
    assert_eq!(counts(&vault), [(1, 1), (2, 2), (3, 2)]);
    assert_eq!(vault.add(message("disk full")).unwrap().issue_number, 1);
    vault.undo(&named("2")).unwrap();
    assert_eq!(counts(&vault), [(1, 3), (2, 1), (3, 2)]);
}

#[test]
fn what_was_merged_and_taken_apart_outlives_a_rebuild_and_an_import() {
    let (home, mut vault) = vault();
    let variant = variants(&vault, "3")[1];
    vault.merge(&named("1"), &[named("2")]).unwrap();
    vault.unmerge(&named("3"), variant).unwrap();
    let expected = [(1, 2), (3, 1), (4, 1)];
    assert_eq!(counts(&vault), expected);
    vault.rebuild().unwrap();
    assert_eq!(counts(&vault), expected);
    assert_eq!(vault.verify().unwrap(), [""; 0]);

    let mut written = Vec::new();
    vault
        .export(
            &ExportRule::all(),
            ExportFormat::Ndjson,
            &mut written,
            &mut |_| {},
        )
        .unwrap();
    let file = home.path().join("all.ndjson");
    std::fs::write(&file, written).unwrap();
    let other_home = scratch();
    let mut other = Vault::open(other_home.path()).unwrap();
    other.import_export(&file).unwrap();
    assert_eq!(counts(&other), expected);
    assert_eq!(other.issue(&named("2")).unwrap().number, 1);
    assert_eq!(
        other
            .add(crash(&["total", "quote", "mail"]))
            .unwrap()
            .issue_number,
        4
    );
    assert_eq!(other.verify().unwrap(), [""; 0]);
}
