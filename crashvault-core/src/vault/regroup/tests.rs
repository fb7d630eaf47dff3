//! What was grouped by another algorithm, or in another order, and is to be put right.

use serde_json::json;

use super::*;
use crate::event::Event;
use crate::scratch::{Scratch, scratch};

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

fn pay() -> Event {
    crash(&["total", "pay", "main"])
}

fn quote() -> Event {
    crash(&["total", "quote", "mail"])
}

fn named(number: u64) -> IssueRef {
    IssueRef::Number(number)
}

/// A decision about the issue of that number.
type Decide = fn(&Vault) -> (u64, Deed);

/// A vault in which `quote` was put apart from `pay`, or something else into it, as another algorithm might have.
fn vault(deeds: &[Decide]) -> (Scratch, Vault) {
    let home = scratch();
    let mut vault = Vault::options()
        .author(AUTHOR_OF_REGROUPING)
        .open(home.path())
        .unwrap();
    let open = crash(&["open", "load", "main"]);
    vault.add_all([pay(), quote(), quote(), open]).unwrap();
    for deed in deeds {
        let (issue, deed) = deed(&vault);
        vault.decide(&named(issue), deed).unwrap();
    }
    (home, vault)
}

fn quote_apart(vault: &Vault) -> (u64, Deed) {
    let issue = vault.issue(&named(1)).unwrap();
    let variant = vault.joins(&issue.id).unwrap()[1].variant;
    let to = group::issue_id(&issue.project, &variant);
    (1, Deed::Unmerge { variant, to })
}

fn all_in_one(vault: &Vault) -> (u64, Deed) {
    (1, Deed::Merge(vault.issue(&named(2)).unwrap().id))
}

fn counts(vault: &Vault) -> Vec<(u64, u64)> {
    let issues = vault.issues(&Default::default()).unwrap();
    let mut counts: Vec<_> = issues
        .iter()
        .map(|issue| (issue.number, issue.seen_count))
        .collect();
    counts.sort_unstable();
    counts
}

#[test]
fn what_is_right_stays() {
    let (_home, mut vault) = vault(&[]);
    let plan = vault.plan_regrouping().unwrap();
    assert_eq!(
        (plan.merges.len(), plan.splits.len(), plan.variant_count),
        (0, 0, 3)
    );
    assert_eq!(vault.regroup().unwrap().1, []);
}

#[test]
fn what_is_alike_is_merged_into_the_older() {
    let (_home, mut vault) = vault(&[quote_apart]);
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 2)]);
    let plan = vault.plan_regrouping().unwrap();
    let [merge] = &plan.merges[..] else {
        panic!("{plan:?}");
    };
    assert_eq!((merge.issue.number, merge.into.number), (3, 1));
    assert!(merge.score > 0.5 && merge.variant_count == 1, "{merge:?}");
    assert_eq!(plan.splits, []);
    assert_eq!(counts(&vault).len(), 3);
    let (done, activities) = vault.regroup().unwrap();
    assert_eq!((&done, activities.len()), (&plan, 1));
    assert_eq!(activities[0].author, AUTHOR_OF_REGROUPING);
    assert_eq!(counts(&vault), [(1, 3), (2, 1)]);
    assert_eq!(vault.issue(&named(3)).unwrap().number, 1);
    assert_eq!(vault.verify().unwrap(), [""; 0]);
    assert_eq!(vault.regroup().unwrap().1, []);
    vault.undo(&named(1)).unwrap();
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 2)]);
}

#[test]
fn what_is_not_alike_is_split() {
    let (_home, mut vault) = vault(&[all_in_one]);
    assert_eq!(counts(&vault), [(1, 4)]);
    let (plan, _) = vault.regroup().unwrap();
    let [split] = &plan.splits[..] else {
        panic!("{plan:?}");
    };
    assert_eq!((split.issue.number, &split.to), (1, &None));
    assert_eq!((split.variants.len(), split.event_count), (1, 1));
    assert_eq!(counts(&vault), [(1, 3), (3, 1)]);
    assert_eq!(vault.verify().unwrap(), [""; 0]);
    assert_eq!(vault.regroup().unwrap().1, []);
}

#[test]
fn what_people_decided_stays() {
    let (home, before) = vault(&[]);
    drop(before);
    let mut vault = Vault::options().author("ada").open(home.path()).unwrap();
    let (issue, deed) = quote_apart(&vault);
    vault.decide(&named(issue), deed).unwrap();
    assert_eq!(vault.plan_regrouping().unwrap().merges, []);
    vault.undo(&named(1)).unwrap();
    vault.merge(&named(1), &[named(2)]).unwrap();
    assert_eq!(vault.plan_regrouping().unwrap().splits, []);
    assert_eq!(vault.regroup().unwrap().1, []);
}
