//! Whole imports: once, again, after both sides went on.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::event::Event;
use crate::group::LegacyFingerprint;
use crate::issue::{Deed, Issue, IssueRef, Resolution, Status};
use crate::query::Search;
use crate::scratch::{Scratch, scratch};
use crate::store::IssueFilter;
use crate::time::{FixedClock, Timestamp};

struct Old {
    root: Scratch,
    issues: Vec<Value>,
    events: usize,
}

impl Old {
    fn new() -> Self {
        Self {
            root: scratch(),
            issues: Vec::new(),
            events: 0,
        }
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn issue(&mut self, number: i64, message: &str, more: Value) {
        let mut issue = json!({
            "id": number, "fingerprint": LegacyFingerprint::of(message).to_string(),
            "title": message.chars().take(80).collect::<String>(), "status": "open",
            "created_at": "2024-03-01T00:00:00.000000Z"
        });
        for (key, value) in more.as_object().unwrap() {
            issue[key] = value.clone();
        }
        self.issues.push(issue);
        self.save();
    }

    fn save(&self) {
        self.write("issues.json", Value::from(self.issues.clone()).to_string());
    }

    fn event(&mut self, issue: i64, message: &str, tags: Value) {
        self.events += 1;
        let number = self.events;
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let event = json!({
            "event_id": id, "issue_id": issue, "message": message, "stacktrace": "", "level": "error",
            "timestamp": format!("2024-03-02T00:00:{:02}.5Z", number % 60), "tags": tags, "context": {},
            "host": "web-1", "pid": 7
        });
        self.write(&format!("events/2024/03/02/{id}.json"), event.to_string());
    }
}

fn open(home: &Scratch) -> Vault {
    let clock = FixedClock::at("2026-01-05T10:00:00Z").unwrap();
    Vault::options()
        .clock(clock)
        .author("ada")
        .open(home.path())
        .unwrap()
}

fn import(vault: &mut Vault, old: &Old) -> V1Report {
    vault.import_v1(old.path(), &V1Options::default()).unwrap()
}

fn dump(vault: &Vault) -> String {
    let mut out = Vec::new();
    vault.dump(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn issue(vault: &Vault, number: u64) -> Issue {
    vault.issue(&IssueRef::Number(number)).unwrap()
}

fn message(text: &str) -> Event {
    let mut event = Event::new();
    event.message = Some(text.into());
    event
}

/// Importing again changes nothing, and everything can be derived again.
#[track_caller]
fn check_stable(vault: &mut Vault, old: &Old) {
    let before = dump(vault);
    let again = import(vault, old);
    assert_eq!(dump(vault), before);
    let new = (
        again.issues_new,
        again.events_new,
        again.attachments_new,
        again.decision_count,
    );
    assert_eq!(new, (0, 0, 0, 0));
    assert_eq!(vault.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn a_vault_comes_in_whole_and_once() {
    let mut old = Old::new();
    old.issue(1, "User 123 is unknown", json!({}));
    old.issue(
        2,
        "User 124 is unknown",
        json!({"status": "resolved", "severity": "high", "tags": ["db"]}),
    );
    old.issue(
        3,
        "Renamed",
        json!({"title": "A better name", "status": "ignored"}),
    );
    old.issue(4, "no event is left", json!({"severity": "critical"}));
    for (number, words) in [
        (1, "User 123 is unknown"),
        (1, "User 123 is unknown"),
        (2, "User 124 is unknown"),
        (3, "Renamed"),
    ] {
        old.event(number, words, json!([]));
    }
    old.event(0, "looks better now", json!(["note"]));
    old.event(-1, "the button is gone", json!(["report"]));
    let home = scratch();
    let mut vault = open(&home);
    let report = import(&mut vault, &old);
    assert_eq!((report.issue_count, report.issues_new), (4, 4));
    assert_eq!(
        (report.event_count, report.note_count, report.events_new),
        (4, 2, 6)
    );
    assert_eq!((report.synthetic_count, report.decision_count), (1, 6));
    assert!(report.skipped.is_empty() && report.changed.is_empty() && report.renumbered.is_empty());

    assert_eq!(issue(&vault, 1).seen_count, 2);
    let second = issue(&vault, 2);
    assert_eq!(second.status, Status::Resolved);
    assert_eq!(second.state.severity.as_deref(), Some("high"));
    assert_eq!(second.state.tags["db"], "true");
    assert_eq!(
        second.state.since.unwrap().to_string(),
        "2024-03-02T00:00:03.5Z"
    );
    assert_eq!(issue(&vault, 3).title, "A better name");
    assert_eq!(issue(&vault, 3).status, Status::Ignored);
    let empty = issue(&vault, 4);
    assert_eq!(empty.title, "no event is left");
    assert_eq!(empty.first_seen.to_string(), "2024-03-01T00:00:00Z");
    assert_eq!(vault.issues(&IssueFilter::default()).unwrap().len(), 6);
    assert!(vault.has_imported_v1().unwrap());
    check_stable(&mut vault, &old);
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let mut old = Old::new();
    old.issue(3, "a", json!({"status": "resolved"}));
    old.issue(3, "b", json!({}));
    old.event(3, "a", json!([]));
    old.event(3, "lost", json!([]));
    old.write("attachments/app.log", "x");
    let home = scratch();
    let mut vault = open(&home);
    let before = dump(&vault);
    let dry = V1Options::default().dry_run(true);
    let alone = Vault::examine_v1(old.path(), &dry).unwrap();
    let first = vault.import_v1(old.path(), &dry).unwrap();
    assert_eq!(dump(&vault), before);
    assert!(!vault.has_imported_v1().unwrap());
    assert_eq!((&alone, &alone), (&first, &import(&mut vault, &old)));
    assert_eq!(alone.renumbered, [(3, 4)]);
    assert_eq!(
        (alone.issue_count, alone.issues_new, alone.attachments_new),
        (3, 3, 1)
    );
    let again = vault.import_v1(old.path(), &dry).unwrap();
    assert_eq!(
        (again.issues_new, again.events_new, again.attachments_new),
        (0, 0, 0)
    );
    check_stable(&mut vault, &old);
}

#[test]
fn what_is_captured_later_in_the_same_words_joins_the_old_issue() {
    let mut old = Old::new();
    old.issue(7, "User 123 is unknown", json!({"status": "resolved"}));
    old.event(7, "User 123 is unknown", json!([]));
    let home = scratch();
    let mut vault = open(&home);
    import(&mut vault, &old);
    let added = vault.add(message("User 123 is unknown")).unwrap();
    assert_eq!((added.issue_number, added.is_new_issue), (7, false));
    assert_eq!(issue(&vault, 7).state.regression, Some(added.event_id));
    // Words that version 1 did not know are grouped as always, and a wish of the sender's goes before all.
    let other = vault.add(message("User 125 is unknown")).unwrap();
    assert_eq!((other.issue_number, other.is_new_issue), (8, true));
    assert_eq!(
        vault
            .add(message("User 126 is unknown"))
            .unwrap()
            .issue_number,
        8
    );
    let mut wished = message("User 123 is unknown");
    wished.fingerprint = vec!["mine".into()];
    assert_eq!(vault.add(wished).unwrap().issue_number, 9);
    // A vault of another project is none of its business.
    let mut shop = message("User 123 is unknown");
    shop.set_own("project", "shop");
    assert_eq!(vault.add(shop).unwrap().issue_number, 10);
    check_stable(&mut vault, &old);
}

#[test]
fn a_vault_without_version_1_groups_as_before() {
    let home = scratch();
    let mut vault = open(&home);
    vault.add(message("User 123 is unknown")).unwrap();
    assert_eq!(
        vault
            .add(message("User 124 is unknown"))
            .unwrap()
            .issue_number,
        1
    );
    assert!(!vault.has_imported_v1().unwrap());
}

#[test]
fn later_decisions_are_not_overruled() {
    let mut old = Old::new();
    for (number, words) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        let more = json!({"status": "resolved", "severity": "low", "tags": ["x=1"]});
        old.issue(number, words, more);
        old.event(number, words, json!([]));
    }
    let home = scratch();
    let mut vault = open(&home);
    import(&mut vault, &old);
    vault.reopen(&IssueRef::Number(1)).unwrap();
    vault
        .decide(&IssueRef::Number(1), Deed::SetSeverity(Some("high".into())))
        .unwrap();
    vault
        .decide(
            &IssueRef::Number(1),
            Deed::Tag {
                key: "x".into(),
                value: None,
            },
        )
        .unwrap();
    vault.undo(&IssueRef::Number(2)).unwrap();
    check_stable(&mut vault, &old);

    // Version 1 went on: what nobody touched here follows, the rest stays.
    for entry in &mut old.issues {
        entry["status"] = "ignored".into();
        entry["severity"] = "medium".into();
        entry["tags"] = json!(["x=2"]);
    }
    old.save();
    old.event(1, "a", json!([]));
    let report = import(&mut vault, &old);
    assert_eq!(report.events_new, 1);
    let first = issue(&vault, 1);
    assert_eq!(
        (first.status, first.state.severity.as_deref()),
        (Status::Open, Some("high"))
    );
    assert!(first.state.tags.is_empty());
    assert_eq!(issue(&vault, 2).status, Status::Open);
    let third = issue(&vault, 3);
    assert_eq!(
        (third.status, third.state.severity.as_deref()),
        (Status::Ignored, Some("medium"))
    );
    assert_eq!(third.state.tags["x"], "2");
    check_stable(&mut vault, &old);

    // And back: the same words a second time are recorded again.
    old.issues[2]["status"] = "resolved".into();
    old.save();
    import(&mut vault, &old);
    assert_eq!(issue(&vault, 3).status, Status::Resolved);
    check_stable(&mut vault, &old);
}

#[test]
fn events_that_came_in_between_change_nothing_about_importing_again() {
    let mut old = Old::new();
    old.issue(
        1,
        "a",
        json!({"status": "resolved", "resolved_at": "2024-03-05T00:00:00Z"}),
    );
    old.issue(2, "empty", json!({}));
    old.event(1, "a", json!([]));
    let home = scratch();
    let mut vault = open(&home);
    import(&mut vault, &old);
    assert_eq!(
        issue(&vault, 1).state.since.unwrap().to_string(),
        "2024-03-05T00:00:00Z"
    );
    vault.add(message("a")).unwrap();
    vault.add(message("empty")).unwrap();
    assert_eq!(issue(&vault, 1).status, Status::Open);
    check_stable(&mut vault, &old);
    vault
        .resolve(&IssueRef::Number(1), Resolution::Now)
        .unwrap();
    check_stable(&mut vault, &old);
}

#[test]
fn numbers_that_are_taken_stay_findable() {
    let mut old = Old::new();
    for number in 1..=4 {
        let words = format!("old {}", ["a", "b", "c", "d"][number as usize - 1]);
        old.issue(number, &words, json!({}));
        old.event(number, &words, json!([]));
    }
    old.issue(i64::MAX, "far away", json!({}));
    let home = scratch();
    let mut vault = open(&home);
    vault.add(message("mine")).unwrap();
    vault.add(message("mine too")).unwrap();
    let report = import(&mut vault, &old);
    assert_eq!(report.renumbered, [(1, 5), (2, 6), (i64::MAX as u64, 7)]);
    assert_eq!(issue(&vault, 3).title, "old c");
    assert_eq!(issue(&vault, 5).state.tags["v1"], "1");
    let found = vault.search(&Search::new("labels[v1]:2")).unwrap().issues;
    assert_eq!(
        found.iter().map(|found| found.number).collect::<Vec<_>>(),
        [6]
    );
    assert!(issue(&vault, 3).state.tags.is_empty());
    assert_eq!(vault.add(message("later")).unwrap().issue_number, 8);
    check_stable(&mut vault, &old);
}

#[test]
fn notes_never_meet_crashes() {
    let mut old = Old::new();
    old.issue(1, "disk full", json!({}));
    old.event(1, "disk full", json!([]));
    old.event(0, "disk full", json!(["note"]));
    old.event(0, "disk full", json!(["note"]));
    old.event(0, "disk full", json!(["wrap"]));
    old.event(0, "disk full", json!(["wrap"]));
    old.event(0, "disk full", json!(["autolog"]));
    old.event(-1, "disk full", json!(["report"]));
    let home = scratch();
    let mut vault = open(&home);
    import(&mut vault, &old);
    assert_eq!(issue(&vault, 1).seen_count, 1);
    // Two notes and a report are issues of their own each; of wrap and autolog there is one issue each.
    assert_eq!(vault.issues(&IssueFilter::default()).unwrap().len(), 6);
    let count = |query: &str| vault.search(&Search::new(query)).unwrap().issues.len();
    let found = ["kind:note", "kind:report", "kind:wrap", "kind:autolog"].map(count);
    assert_eq!((found, count("has:kind")), ([2, 1, 1, 1], 5));
    assert_eq!(vault.add(message("disk full")).unwrap().issue_number, 1);
    check_stable(&mut vault, &old);
}

#[test]
fn files_are_kept_and_the_vaults_own_are_none_of_them() {
    let mut old = Old::new();
    old.issue(1, "a", json!({}));
    old.event(1, "a", json!([]));
    old.write("attachments/app.log", "it began well");
    old.write("attachments/deep/er/core.bin", [0, 255]);
    let mut vault = Vault::open(old.path()).unwrap();
    let files = |old: &Old| {
        ["issues.json", "attachments/app.log"].map(|name| fs::read(old.path().join(name)).unwrap())
    };
    let before = files(&old);
    let report = import(&mut vault, &old);
    assert_eq!((report.attachment_count, report.attachments_new), (2, 2));
    assert_eq!(files(&old), before);
    assert_eq!(contents(&vault), [vec![0, 255], b"it began well".to_vec()]);
    assert_eq!(vault.issues(&IssueFilter::default()).unwrap().len(), 3);
    check_stable(&mut vault, &old);
}

/// Of every file that hangs on an event.
fn contents(vault: &Vault) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    for issue in vault.issues(&IssueFilter::default()).unwrap() {
        for stored in vault.events(&issue.id, 9).unwrap() {
            let attachments = vault.attachments(stored.event.event_id).unwrap();
            contents.extend(
                attachments
                    .iter()
                    .map(|file| vault.read_attachment(file).unwrap()),
            );
        }
    }
    contents.sort();
    contents
}

#[test]
fn retention_keeps_the_files_of_version_1() {
    let old = Old::new();
    old.write("issues.json", "[]");
    old.write("attachments/app.log", "it began well");
    old.write("attachments/core.bin", [0, 255]);
    let mut vault = Vault::open(old.path()).unwrap();
    import(&mut vault, &old);
    let later = Timestamp::parse("2200-01-01T00:00:00Z").unwrap();
    vault.prune(&crate::PruneRule::new().before(later)).unwrap();
    assert_eq!(contents(&vault).len(), 2);
}

#[test]
fn a_file_that_is_too_large_is_told_and_not_read() {
    let old = Old::new();
    old.write("issues.json", "[]");
    old.write("attachments/small.log", "x");
    old.write("attachments/huge.core", "");
    let huge = old.path().join("attachments/huge.core");
    let file = fs::File::options().write(true).open(huge).unwrap();
    // A hole: no memory would hold it.
    file.set_len(1 << 40).unwrap();
    let alone = Vault::examine_v1(old.path(), &V1Options::default()).unwrap();
    let home = scratch();
    let mut vault = open(&home);
    let report = import(&mut vault, &old);
    assert_eq!(alone, report);
    assert_eq!((report.attachment_count, report.attachments_new), (2, 1));
    assert_eq!(report.skipped.len(), 1);
    assert!(report.skipped[0].path.ends_with("huge.core"));
    assert!(report.skipped[0].reason.contains("attachments.bytes_max"));
    check_stable(&mut vault, &old);
}

#[test]
fn tags_of_one_key_are_one_decision() {
    let mut old = Old::new();
    let more =
        json!({"severity": "urgent", "tags": ["env=a", "env=b", "v1=mine", "v1_severity=none"]});
    old.issue(1, "a", more.clone());
    old.issue(1, "b", more);
    old.event(1, "a", json!([]));
    old.event(1, "b", json!([]));
    let home = scratch();
    let mut vault = open(&home);
    import(&mut vault, &old);
    let tags = |number| Value::from_iter(issue(&vault, number).state.tags);
    let expected = json!({"env": "b", "v1": "mine", "v1_severity": "urgent"});
    assert_eq!(tags(1), expected);
    let expected = json!({"env": "b", "v1": "1", "v1_severity": "urgent"});
    assert_eq!(tags(2), expected);
    check_stable(&mut vault, &old);
}

#[test]
fn what_was_removed_here_does_not_come_back() {
    let mut old = Old::new();
    old.issue(1, "a", json!({"status": "resolved"}));
    old.event(1, "a", json!([]));
    let home = scratch();
    let mut vault = open(&home);
    import(&mut vault, &old);
    vault.decide(&IssueRef::Number(1), Deed::Tombstone).unwrap();
    check_stable(&mut vault, &old);
    assert!(vault.issues(&IssueFilter::default()).unwrap().is_empty());
}

#[test]
fn a_severity_that_is_none_here_becomes_a_tag() {
    let mut old = Old::new();
    old.issue(1, "a", json!({"severity": "urgent"}));
    old.event(1, "a", json!([]));
    let home = scratch();
    let mut vault = open(&home);
    let alone = Vault::examine_v1(old.path(), &V1Options::default()).unwrap();
    let report = import(&mut vault, &old);
    assert_eq!((report.changed.len(), &report), (1, &alone));
    assert_eq!(issue(&vault, 1).state.tags["v1_severity"], "urgent");
    check_stable(&mut vault, &old);
}

#[test]
fn another_project_can_be_named() {
    let mut old = Old::new();
    old.issue(1, "a", json!({}));
    old.event(1, "a", json!([]));
    let home = scratch();
    let mut vault = open(&home);
    let options = V1Options::default().project("shop");
    vault.import_v1(old.path(), &options).unwrap();
    assert_eq!(issue(&vault, 1).project, "shop");
    let mut event = message("a");
    event.set_own("project", "shop");
    assert_eq!(vault.add(event).unwrap().issue_number, 1);
}

#[test]
fn a_failure_before_the_first_event_changes_nothing() {
    let old = Old::new();
    old.write("issues.json", "gAAAAABl");
    let home = scratch();
    let mut vault = open(&home);
    let before = dump(&vault);
    for (options, expected) in [
        (V1Options::default(), ErrorKind::Locked),
        (
            V1Options::default().password("wrong"),
            ErrorKind::InvalidInput,
        ),
    ] {
        let error = vault.import_v1(old.path(), &options).unwrap_err();
        assert_eq!(error.kind(), expected);
    }
    assert_eq!(dump(&vault), before);
    assert!(!vault.has_imported_v1().unwrap());
}
