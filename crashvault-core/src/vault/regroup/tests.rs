//! What was grouped by another algorithm, or in another order, and is to be put right.

use serde_json::json;

use super::*;
use crate::event::Event;
use crate::group;
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
    // It goes back to the issue that it founded.
    assert_eq!(counts(&vault), [(1, 3), (2, 1)]);
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

/// Events of one message each, with a tag.
fn said(message: &str, region: &str) -> Event {
    let event = json!({"message": message, "tags": {"region": region}});
    Event::from_json(event.to_string().as_bytes()).unwrap()
}

fn with_rules(home: &Scratch, rules: &str) -> Vault {
    std::fs::create_dir_all(home.path()).unwrap();
    std::fs::write(home.path().join("vault.toml"), rules).unwrap();
    Vault::options().author("ada").open(home.path()).unwrap()
}

const TIMEOUTS: &str = "[[group.rule]]\nid = \"timeouts\"\nmatch = { message = \"*timed out*\" }\nfingerprint = [\"timeout\"]\n";
const BY_REGION: &str = "[[group.rule]]\nid = \"by-region\"\nmatch = { message = \"*\" }\n\
    fingerprint = [\"{{ default }}\", \"{{ tags.region }}\"]\n";
const EU: &str =
    "[[group.rule]]\nid = \"eu\"\nmatch = { \"tags.region\" = \"eu\" }\nfingerprint = [\"eu\"]\n";

/// A vault of three issues: two that timed out, and one that did not.
fn timed_out() -> Scratch {
    let home = scratch();
    let mut vault = with_rules(&home, "");
    let events = [
        said("reading timed out", "eu"),
        said("disk full", "eu"),
        said("writing timed out", "eu"),
        said("writing timed out", "us"),
        said("writing timed out", "us"),
    ];
    vault.add_all(events).unwrap();
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 3)]);
    home
}

/// What a rule makes of the vault, told and done; then all is where it belongs, also after a rebuild.
fn check_regrouped(home: &Scratch, rules: &str, expected: &[(u64, u64)]) -> (Regrouping, Vault) {
    let mut vault = with_rules(home, rules);
    let before = counts(&vault);
    let plan = vault.plan_regrouping().unwrap();
    assert_eq!(counts(&vault), before);
    let (done, _) = vault.regroup().unwrap();
    assert_eq!(done, plan);
    assert_eq!(counts(&vault), expected, "{plan:?}");
    assert_eq!(vault.verify().unwrap(), [""; 0]);
    vault.rebuild().unwrap();
    assert_eq!(counts(&vault), expected);
    let again = vault.plan_regrouping().unwrap();
    assert!(again.is_empty(), "{again:?}");
    (plan, vault)
}

#[test]
fn a_rule_that_takes_whole_issues_merges_them() {
    let home = timed_out();
    let (plan, mut vault) = check_regrouped(&home, TIMEOUTS, &[(1, 4), (2, 1)]);
    let [merge] = &plan.merges[..] else {
        panic!("{plan:?}");
    };
    assert_eq!((merge.issue.number, merge.into.number), (3, 1));
    assert_eq!((merge.score, plan.splits.len()), (1.0, 0));
    let [variant] = &plan.variants[..] else {
        panic!("{plan:?}");
    };
    assert_eq!(variant.issue.as_ref().map(|issue| issue.number), Some(1));
    assert_eq!(
        (variant.rule.as_deref(), variant.event_count),
        (Some("timeouts"), 4)
    );
    // The number of the other leads on, and what comes by the rule finds its issue.
    assert_eq!(vault.issue(&named(3)).unwrap().number, 1);
    vault.add(said("naming timed out", "us")).unwrap();
    assert_eq!(counts(&vault), [(1, 5), (2, 1)]);
}

#[test]
fn a_rule_that_takes_some_events_moves_them() {
    let home = timed_out();
    // What is still by its default key keeps the number.
    let (plan, mut vault) = check_regrouped(&home, EU, &[(1, 3), (3, 2)]);
    let moved: Vec<_> = plan
        .splits
        .iter()
        .map(|split| {
            (
                split.issue.number,
                split.to.as_ref().map(|to| to.number),
                split.event_count,
            )
        })
        .collect();
    assert_eq!(moved, [(3, Some(1), 1)]);
    assert_eq!(plan.splits[0].rules, ["eu"]);
    let eu = said("writing timed out", "eu");
    vault
        .add_all([eu, said("writing timed out", "us")])
        .unwrap();
    assert_eq!(counts(&vault), [(1, 4), (3, 3)]);
}

#[test]
fn a_rule_that_divides_an_issue_leaves_the_number_to_the_larger_part() {
    let home = timed_out();
    let (plan, mut vault) = check_regrouped(&home, BY_REGION, &[(1, 1), (2, 1), (3, 2), (4, 1)]);
    assert_eq!((plan.merges.len(), plan.splits.len()), (0, 1));
    assert_eq!(
        (plan.splits[0].to.as_ref(), plan.splits[0].event_count),
        (None, 1)
    );
    vault
        .add_all([
            said("writing timed out", "eu"),
            said("writing timed out", "us"),
        ])
        .unwrap();
    assert_eq!(counts(&vault), [(1, 1), (2, 1), (3, 3), (4, 2)]);
}

#[test]
fn what_a_rule_did_is_taken_back_without_it() {
    let home = timed_out();
    check_regrouped(&home, EU, &[(1, 3), (3, 2)]);
    check_regrouped(&home, "", &[(1, 1), (2, 1), (3, 3)]);
    check_regrouped(&home, TIMEOUTS, &[(1, 4), (2, 1)]);
    check_regrouped(&home, BY_REGION, &[(1, 2), (2, 1), (4, 1), (5, 1)]);
    let (_, mut vault) = check_regrouped(&home, "", &[(1, 3), (2, 1), (4, 1)]);
    // The next ones find where theirs are.
    vault
        .add_all(["reading", "writing"].map(|what| said(&format!("{what} timed out"), "")))
        .unwrap();
    assert_eq!(counts(&vault), [(1, 4), (2, 1), (4, 2)]);
}

#[test]
fn an_event_that_was_moved_tells_by_which_rule() {
    let home = timed_out();
    let (_, vault) = check_regrouped(&home, EU, &[(1, 3), (3, 2)]);
    let events = vault
        .events(&vault.issue(&named(1)).unwrap().id, 9)
        .unwrap();
    let moved = events
        .iter()
        .find(|stored| stored.event.message.as_deref() == Some("writing timed out"));
    let why = vault.why_event(moved.unwrap().event.event_id).unwrap();
    let verdict = &why.variants[0].verdict;
    assert!(
        matches!(verdict, crate::issue::Verdict::Rule { id } if id == "eu"),
        "{why:?}"
    );
}

#[test]
fn what_people_moved_stays_where_it_is() {
    let home = timed_out();
    let mut vault = with_rules(&home, "");
    let events = vault
        .events(&vault.issue(&named(3)).unwrap().id, 9)
        .unwrap();
    let eu = events
        .iter()
        .find(|stored| stored.event.tags["region"] == "eu")
        .unwrap();
    vault.move_event(eu.event.event_id, &named(2)).unwrap();
    drop(vault);
    check_regrouped(&home, TIMEOUTS, &[(1, 3), (2, 2)]);
}

#[test]
fn what_people_merged_goes_as_one() {
    let home = timed_out();
    with_rules(&home, "").merge(&named(2), &[named(3)]).unwrap();
    // The one that timed out would go with #1, but for the other.
    check_regrouped(&home, TIMEOUTS, &[(1, 1), (2, 4)]);
}

#[test]
fn what_people_merged_into_a_smaller_issue_stays() {
    let home = timed_out();
    let mut vault = with_rules(&home, "");
    vault.merge(&named(1), &[named(3)]).unwrap();
    assert_eq!(vault.plan_regrouping().unwrap().splits, []);
    assert_eq!(vault.regroup().unwrap().1, []);
    assert_eq!(counts(&vault), [(1, 4), (2, 1)]);
}

#[test]
fn a_regrouping_comes_along_with_an_export() {
    let home = timed_out();
    let (_, vault) = check_regrouped(&home, EU, &[(1, 3), (3, 2)]);
    let file = home.path().join("all.ndjson");
    let format = crate::export::ExportFormat::Ndjson;
    let all = crate::export::ExportRule::all();
    vault
        .export_file(&all, format, &file, false, &mut |_| {})
        .unwrap();
    let other = scratch();
    let mut copy = with_rules(&other, EU);
    copy.import_export(&file).unwrap();
    assert_eq!(counts(&copy), [(1, 3), (3, 2)]);
    assert_eq!(copy.verify().unwrap(), [""; 0]);
    assert!(copy.plan_regrouping().unwrap().is_empty());
    // Where the events are already, too.
    let third = timed_out();
    let mut third = with_rules(&third, EU);
    third.import_export(&file).unwrap();
    assert_eq!(third.verify().unwrap(), [""; 0]);
}

#[test]
fn nothing_is_regrouped_while_a_rule_is_wrong() {
    let home = timed_out();
    check_regrouped(&home, EU, &[(1, 3), (3, 2)]);
    let mut vault = with_rules(&home, &EU.replace("fingerprint", "fingerprints"));
    let error = vault.regroup().unwrap_err();
    assert_eq!(error.kind(), crate::error::ErrorKind::InvalidInput);
    assert!(error.message().contains("group.rule 1"), "{error}");
    assert_eq!(counts(&vault), [(1, 3), (3, 2)]);
}

#[test]
fn rules_that_are_the_same_change_nothing() {
    let home = scratch();
    let mut vault = with_rules(&home, EU);
    let events = [pay(), quote(), crash(&["open", "load", "main"])];
    vault.add_all(events).unwrap();
    vault
        .add_all(["eu", "us"].map(|region| said("disk full", region)))
        .unwrap();
    let plan = vault.plan_regrouping().unwrap();
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!((plan.event_count, plan.variant_count), (5, 5));
}

#[test]
fn an_issue_is_exported_with_what_variants_came_to_it_by() {
    // Elsewhere the two are merged, and nobody hears that they are not one any more.
    let other = timed_out();
    let mut copy = with_rules(&other, "");
    copy.merge(&named(1), &[named(2)]).unwrap();
    let home = timed_out();
    let mut vault = with_rules(&home, "");
    vault.merge(&named(1), &[named(2), named(3)]).unwrap();
    let variant = vault.joins(&vault.issue(&named(1)).unwrap().id).unwrap()[1].variant;
    vault.unmerge(&named(1), variant).unwrap();
    assert_eq!(counts(&vault), [(1, 4), (2, 1)]);
    let file = home.path().join("one.ndjson");
    let format = crate::export::ExportFormat::Ndjson;
    let one = crate::export::ExportRule::issue(&named(2));
    vault
        .export_file(&one, format, &file, false, &mut |_| {})
        .unwrap();
    copy.import_export(&file).unwrap();
    assert_eq!(copy.verify().unwrap(), [""; 0]);
    let issue = vault.issue(&named(2)).unwrap().id;
    let there = copy.joins(&issue).unwrap();
    assert_eq!(
        there.iter().map(|join| join.variant).collect::<Vec<_>>(),
        [variant]
    );
    let fresh = scratch();
    let mut fresh = with_rules(&fresh, "");
    fresh.import_export(&file).unwrap();
    assert_eq!(counts(&fresh), [(2, 1)]);
}

#[test]
fn a_part_that_a_regrouping_made_is_exported_alone() {
    let home = timed_out();
    let (_, vault) = check_regrouped(&home, EU, &[(1, 3), (3, 2)]);
    let file = home.path().join("one.ndjson");
    let format = crate::export::ExportFormat::Ndjson;
    let one = crate::export::ExportRule::issue(&named(1));
    vault
        .export_file(&one, format, &file, false, &mut |_| {})
        .unwrap();
    let other = scratch();
    let mut copy = with_rules(&other, EU);
    copy.import_export(&file).unwrap();
    assert_eq!(counts(&copy), [(1, 3)]);
    assert_eq!(copy.verify().unwrap(), [""; 0]);
    copy.add(said("reading timed out", "eu")).unwrap();
    assert_eq!(counts(&copy), [(1, 4)]);
}

/// Told by the clock: how long it takes to do thousands of deeds at once, and one by one.
#[test]
#[ignore = "measures: cargo test -p crashvault-core --lib thousands_of_deeds -- --ignored --nocapture"]
fn thousands_of_deeds_at_once() {
    const VARIANTS: usize = 2000;
    let home = scratch();
    let mut vault = with_rules(&home, "");
    for at in 0..VARIANTS {
        let words = [
            "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        ];
        let word = |by: usize| words[at / by % 10];
        let text = format!(
            "{} {} {} {} is late",
            word(1),
            word(10),
            word(100),
            word(1000)
        );
        vault
            .add_all([said(&text, "eu"), said(&text, "us")])
            .unwrap();
    }
    assert_eq!(
        vault.issue_count(&Default::default()).unwrap(),
        VARIANTS as u64
    );
    drop(vault);
    let rule =
        "[[group.rule]]\nid = \"late\"\nmatch = { message = \"one *\" }\nfingerprint = [\"one\"]\n";
    let rules: String = [
        "one two",
        "two",
        "three one",
        "three",
        "four",
        "five",
        "six",
        "seven",
    ]
    .iter()
    .map(|word| rule.replace("one", word))
    .collect();
    let mut vault = with_rules(&home, &rules);
    let begun = std::time::Instant::now();
    let plan = vault.plan_regrouping().unwrap();
    println!(
        "planned: {:?}, {} merges",
        begun.elapsed(),
        plan.merges.len()
    );
    let one = &plan.merges[..100.min(plan.merges.len())];
    let begun = std::time::Instant::now();
    for merge in one {
        let deed = Deed::Merge(merge.issue.id);
        vault.decide(&IssueRef::Id(merge.into.id), deed).unwrap();
    }
    println!("{} merges one by one: {:?}", one.len(), begun.elapsed());
    let begun = std::time::Instant::now();
    let (done, deeds) = vault.regroup().unwrap();
    println!(
        "{} merges at once, {} deeds: {:?}",
        done.merges.len(),
        deeds.len(),
        begun.elapsed()
    );
    drop(vault);
    let mut vault = with_rules(&home, BY_REGION);
    let begun = std::time::Instant::now();
    let (done, deeds) = vault.regroup().unwrap();
    let moved: u64 = done.splits.iter().map(|split| split.event_count).sum();
    println!(
        "{moved} events moved, {} deeds: {:?}",
        deeds.len(),
        begun.elapsed()
    );
    assert_eq!(vault.verify().unwrap(), [""; 0]);
}
