//! Whatever a vault is doing when a write fails, the disk is full or the process dies: it opens, it is whole, it has what
//! was acknowledged, and the same can be done later.

use std::collections::BTreeSet;
use std::path::Path;

use crashvault::{
    ArchiveRule, FixedClock, IssueFilter, IssueRef, NewAttachment, PruneRule, Resolution, Status,
    Vault,
};
use crashvault_tests::generated::{self, Chance};
use crashvault_tests::nth_write::{Tried, at_each_write};
use crashvault_tests::{copy_files, healthy, repository};

const FAULTS: [&str; 3] = ["kill", "fail", "full"];
const EVENTS: u64 = 40;

fn open(home: &Path) -> Vault {
    let clock = FixedClock::at("2026-06-01T00:00:00Z").unwrap();
    let options = Vault::options().clock(clock).author("ada");
    options.open(home).unwrap()
}

fn dump(vault: &Vault) -> Vec<u8> {
    let mut text = Vec::new();
    vault.dump(&mut text).unwrap();
    text
}

fn event_ids(vault: &Vault) -> BTreeSet<String> {
    let issues = vault.issues(&IssueFilter::default().limit(1000)).unwrap();
    let events = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, 1000).unwrap());
    let ids: Vec<String> = events
        .map(|stored| stored.event.event_id.to_string())
        .collect();
    let distinct: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), distinct.len(), "each once");
    distinct
}

fn names(vault: &Vault) -> BTreeSet<String> {
    let attachments = vault.attachments(generated::event_id(1)).unwrap();
    attachments
        .iter()
        .map(|attachment| {
            let content = vault.read_attachment(attachment).unwrap();
            assert_eq!(content, attachment.name.repeat(1000).into_bytes());
            attachment.name.clone()
        })
        .collect()
}

/// A vault of forty events, closed, to be copied.
fn template() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let mut vault = open(home.path());
    let mut chance = Chance::new(1);
    let events = (0..EVENTS).map(|number| generated::event(number, 12, &mut chance));
    vault.add_all(events).unwrap();
    home
}

/// Does the work with each of its writes failing, in each way. `check` gets the vault as it opens, and what was
/// acknowledged; then it does the work itself.
fn check_each(what: &str, template: &Path, check: impl Fn(&mut Vault, &BTreeSet<String>)) {
    for fault in FAULTS {
        let prepare = |home: &Path| copy_files(template, home);
        at_each_write(
            env!("CARGO_BIN_EXE_faulty"),
            what,
            fault,
            Tried::About(12),
            prepare,
            |home, number, printed| {
                let mut vault = open(home);
                healthy(&vault);
                let differences = vault.verify().unwrap();
                assert!(
                    differences.is_empty(),
                    "{what}, {fault} at {number}: {differences:?}"
                );
                let acknowledged = printed.lines().map(str::to_owned).collect();
                check(&mut vault, &acknowledged);
                healthy(&vault);
            },
        );
    }
}

#[test]
fn adding() {
    let template = template();
    check_each("add", template.path(), |vault, acknowledged| {
        assert!(event_ids(vault).is_superset(acknowledged));
        let mut chance = Chance::new(3);
        let again = (100..108).map(|number| generated::event(number, 12, &mut chance));
        vault.add_all(again).unwrap();
        assert_eq!(event_ids(vault).len() as u64, EVENTS + 8);
    });
}

#[test]
fn deciding() {
    let template = template();
    check_each("resolve", template.path(), |vault, acknowledged| {
        for number in 1..=4 {
            let issue = IssueRef::Number(number);
            if acknowledged.contains(&number.to_string()) {
                assert_eq!(vault.issue(&issue).unwrap().status, Status::Resolved);
            }
            vault.resolve(&issue, Resolution::Now).unwrap();
            assert_eq!(vault.issue(&issue).unwrap().status, Status::Resolved);
        }
    });
}

#[test]
fn rebuilding() {
    let template = template();
    let before = dump(&open(template.path()));
    check_each("rebuild", template.path(), |vault, _| {
        assert!(dump(vault) == before);
        vault.rebuild().unwrap();
        assert!(dump(vault) == before);
        let tables = vault.space().unwrap().tables;
        let leftovers = tables
            .iter()
            .filter(|(name, _)| name.starts_with("rebuilt") || name.starts_with("dropped"));
        assert_eq!(leftovers.count(), 0);
    });
}

#[test]
fn opening_a_vault_of_the_first_format() {
    let exemplar = repository().join("tests/exemplar/format-1");
    check_each("open", &exemplar, |vault, _| {
        assert_eq!(event_ids(vault).len(), 28);
    });
}

#[test]
fn retaining() {
    let template = template();
    let rule = PruneRule::new().older_than_days(136);
    let left = {
        let home = tempfile::tempdir().unwrap();
        copy_files(template.path(), home.path());
        let mut vault = open(home.path());
        vault.prune(&rule).unwrap();
        event_ids(&vault)
    };
    assert!((1..EVENTS).contains(&(left.len() as u64)), "{}", left.len());
    check_each("prune", template.path(), |vault, _| {
        vault.prune(&rule).unwrap();
        assert_eq!(event_ids(vault), left);
        let counted = vault.issues(&IssueFilter::default()).unwrap();
        assert_eq!(
            counted.iter().map(|issue| issue.seen_count).sum::<u64>(),
            EVENTS
        );
    });
}

#[test]
fn attaching() {
    let template = template();
    check_each("attach", template.path(), |vault, acknowledged| {
        assert!(names(vault).is_superset(acknowledged));
        for content in ["one", "two"] {
            let attachment = NewAttachment::new(content, content.repeat(1000));
            vault.attach(generated::event_id(1), &attachment).unwrap();
        }
        assert_eq!(names(vault), ["one", "two"].map(str::to_owned).into());
        vault.collect_garbage().unwrap();
        assert_eq!(names(vault).len(), 2);
    });
}

/// Two resolved issues, long not seen.
fn resolved() -> tempfile::TempDir {
    let template = template();
    let mut vault = open(template.path());
    for number in 1..=2 {
        vault
            .resolve(&IssueRef::Number(number), Resolution::Now)
            .unwrap();
    }
    template
}

fn restore_all(vault: &mut Vault) {
    for archive in vault.archives().unwrap() {
        vault.restore_and_remove(archive.path).unwrap();
    }
}

#[test]
fn archiving() {
    let template = resolved();
    let before = event_ids(&open(template.path()));
    check_each("archive", template.path(), |vault, _| {
        vault.archive(&ArchiveRule::older_than_days(90)).unwrap();
        let left = event_ids(vault);
        assert!(left.len() < before.len() && left.is_subset(&before));
        restore_all(vault);
        assert_eq!(event_ids(vault), before);
    });
}

#[test]
fn restoring() {
    let template = resolved();
    let mut vault = open(template.path());
    let before = event_ids(&vault);
    vault.archive(&ArchiveRule::older_than_days(90)).unwrap();
    drop(vault);
    check_each("restore", template.path(), |vault, acknowledged| {
        if !acknowledged.is_empty() {
            assert_eq!(event_ids(vault), before);
        }
        restore_all(vault);
        assert_eq!(event_ids(vault), before);
    });
}
