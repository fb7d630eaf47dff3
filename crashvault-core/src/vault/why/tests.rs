//! Variants that join by their likeness, and what is told of it.

use serde_json::json;

use super::*;
use crate::event::Event;
use crate::export::{ExportFormat, ExportRule};
use crate::scratch::{Scratch, scratch};

fn crash(functions: &[&str], value: &str) -> Event {
    let frames: Vec<_> = functions
        .iter()
        .rev()
        .map(|function| json!({"function": function, "in_app": true}))
        .collect();
    let exception = json!({"type": "E", "value": value, "stacktrace": {"frames": frames}});
    let event = json!({"platform": "ruby", "exception": exception});
    Event::from_json(event.to_string().as_bytes()).unwrap()
}

fn pay() -> Event {
    crash(&["total", "pay", "main"], "no price")
}

fn quote() -> Event {
    crash(&["total", "quote", "mail"], "no price")
}

fn fresh() -> (Scratch, Vault) {
    let home = scratch();
    let vault = Vault::open(home.path()).unwrap();
    (home, vault)
}

fn kinds(why: &Why) -> Vec<&'static str> {
    let verdicts = why.variants.iter().map(|variant| &variant.verdict);
    verdicts.map(Verdict::kind).collect()
}

#[test]
fn an_issue_tells_of_each_of_its_variants() {
    let (_home, mut vault) = fresh();
    let added = vault.add_all([pay(), quote()]).unwrap();
    let why = vault.why(&IssueRef::Number(1)).unwrap();
    assert_eq!((why.issue_number, why.event), (1, None));
    assert_eq!(kinds(&why), ["founded", "similar"]);
    let of_event = vault.why_event(added[1].event_id).unwrap();
    assert_eq!(of_event.event, Some(added[1].event_id));
    assert_eq!(of_event.variants, why.variants[1..]);
    let value = of_event.to_value();
    let nearest = "/variants/0/verdict/nearest";
    assert_eq!(
        value.pointer(&format!("{nearest}/issue_number")),
        Some(&json!(1))
    );
    let functions = value.pointer(&format!("{nearest}/functions/0"));
    assert_eq!(functions.unwrap()["name"], "total");
}

#[test]
fn what_the_sender_told_apart_stays_apart() {
    let (_home, mut vault) = fresh();
    let mut apart = quote();
    apart.fingerprint = vec!["{{ default }}".into(), "mail".into()];
    vault.add_all([pay(), apart]).unwrap();
    let why = vault.why(&IssueRef::Number(2)).unwrap();
    assert_eq!(kinds(&why), ["exact"]);
    // The default alone is no wish.
    let mut default = quote();
    default.fingerprint = vec!["{{ default }}".into()];
    let added = vault.add(default).unwrap();
    assert_eq!(added.issue_number, 1);
}

#[test]
fn what_a_rule_told_apart_stays_apart() {
    let home = scratch();
    let rule = "[[group.rule]]\nid = \"mails\"\nmatch = { type = \"E\", function = \"mail\" }\nfingerprint = [\"mails\"]\n";
    std::fs::write(home.path().join("vault.toml"), rule).unwrap();
    let mut vault = Vault::open(home.path()).unwrap();
    vault.add_all([pay(), quote()]).unwrap();
    let why = vault.why(&IssueRef::Number(2)).unwrap();
    let rule = Verdict::Rule { id: "mails".into() };
    assert_eq!(why.variants[0].verdict, rule);
}

#[test]
fn words_that_are_part_of_the_key_are_not_passed_over() {
    let (_home, mut vault) = fresh();
    let failed = |value: &str| {
        let mut event = pay();
        event.platform = "rust".into();
        event.exceptions[0].module = Some("anyhow".into());
        event.exceptions[0].ty = Some("Error".into());
        event.exceptions[0].value = Some(value.into());
        event
    };
    let events = [
        failed("cannot open the cart"),
        failed("cannot open the door"),
    ];
    let added = vault.add_all(events).unwrap();
    assert_eq!((added[0].issue_number, added[1].issue_number), (1, 2));
}

#[test]
fn a_rebuild_decides_nothing_again() {
    let (_home, mut vault) = fresh();
    vault.add_all([pay(), quote()]).unwrap();
    let why = vault.why(&IssueRef::Number(1)).unwrap();
    vault.rebuild().unwrap();
    assert_eq!(vault.why(&IssueRef::Number(1)).unwrap(), why);
    assert_eq!(vault.verify().unwrap(), [""; 0]);
}

#[test]
fn an_import_brings_what_was_decided_and_goes_on_from_there() {
    let (_home, mut vault) = fresh();
    vault.add_all([pay(), quote()]).unwrap();
    let why = vault.why(&IssueRef::Number(1)).unwrap();
    let mut written = Vec::new();
    let rule = ExportRule::all();
    vault
        .export(&rule, ExportFormat::Ndjson, &mut written, &mut |_| {})
        .unwrap();
    let (other_home, mut other) = fresh();
    let file = other_home.path().join("whole.ndjson");
    std::fs::write(&file, written).unwrap();
    other.import_export(&file).unwrap();
    assert_eq!(other.why(&IssueRef::Number(1)).unwrap(), why);
    let added = other
        .add(crash(&["total", "quote", "cron"], "no price"))
        .unwrap();
    assert_eq!(added.issue_number, 1);
    assert_eq!(other.verify().unwrap(), [""; 0]);
}

#[test]
fn an_issue_that_is_alike_is_related() {
    let (_home, mut vault) = fresh();
    let other = crash(&["sum", "cron"], "no price for cart");
    let first = crash(&["total", "pay", "main"], "no price for cart");
    vault.add_all([first, other]).unwrap();
    let related = vault.related(&IssueRef::Number(1)).unwrap();
    assert_eq!(related[0].issue.number, 2);
    assert!(vault.related(&IssueRef::Number(3)).is_err());
}
