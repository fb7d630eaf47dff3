//! What is derived can be made again from the records, byte for byte, whatever happens meanwhile.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crashvault::{
    Activity, ArchiveRule, Event, FixedClock, IssueFilter, NewAttachment, PruneRule, Vault,
};
use crashvault_tests::generated::{self, Chance};
use crashvault_tests::healthy;

const SURVIVOR: &str = env!("CARGO_BIN_EXE_survivor");

fn dump(vault: &Vault) -> String {
    let mut text = Vec::new();
    vault.dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Both whole texts would say nothing.
fn check_same(found: &str, expected: &str) {
    if found == expected {
        return;
    }
    let differing = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    let lengths = [found.lines().count(), expected.lines().count()];
    panic!("{lengths:?} lines, first difference: {differing:#?}");
}

fn activities(vault: &Vault) -> Vec<Activity> {
    let issues = vault.issues(&IssueFilter::default().limit(10_000)).unwrap();
    let activities = issues.iter().flat_map(|issue| {
        vault
            .activities(&format!("#{}", issue.number).parse().unwrap())
            .unwrap()
    });
    activities.collect()
}

/// A vault of shuffled events, with decisions between them.
struct Filled {
    home: tempfile::TempDir,
    vault: Vault,
    clock: FixedClock,
}

impl Filled {
    fn new(events: u64, variants: u64, decisions: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let clock = FixedClock::at("2026-02-01T00:00:00Z").unwrap();
        let options = Vault::options().clock(clock.clone()).author("ada");
        let vault = options.open(home.path()).unwrap();
        let mut filled = Self { home, vault, clock };
        filled.fill(events, variants, decisions);
        filled
    }

    fn fill(&mut self, events: u64, variants: u64, decisions: u64) {
        const STEPS: u64 = 20;
        let mut chance = Chance::new(7);
        let made = (0..events).map(|number| generated::event(number, variants, &mut chance));
        let mut made: Vec<Event> = made.collect();
        chance.shuffle(&mut made);
        for step in made.chunks(made.len().div_ceil(STEPS as usize)) {
            self.vault.add_all(step.iter().cloned()).unwrap();
            let issues = self.vault.status().unwrap().issue_count;
            let mut left = decisions / STEPS;
            while left > 0 {
                self.clock.advance_secs(1);
                left -= u64::from(generated::decide(
                    &mut self.vault,
                    &mut chance,
                    issues,
                    events,
                ));
            }
        }
    }

    fn check_rebuilt(&mut self) {
        let before = dump(&self.vault);
        assert_eq!(self.vault.verify().unwrap(), [""; 0]);
        check_same(&dump(&self.vault), &before);
        self.vault.rebuild().unwrap();
        check_same(&dump(&self.vault), &before);
        healthy(&self.vault);
    }
}

#[test]
fn ten_thousand_events_and_two_hundred_decisions_are_derived_the_same_again() {
    let mut filled = Filled::new(10_000, 200, 200);
    let kinds: BTreeSet<&str> = activities(&filled.vault)
        .iter()
        .map(|activity| activity.deed.kind())
        .collect();
    assert!(kinds.len() >= 14, "{kinds:?}");
    filled.check_rebuilt();
    let dumped = dump(&filled.vault);
    assert!(
        dumped.contains("\"kind\\\":\\\"tombstone\\\""),
        "issues were deleted"
    );
    assert!(dumped.lines().count() > 100_000);
}

#[test]
fn what_retention_and_archives_left_is_derived_the_same_again() {
    let mut filled = Filled::new(1000, 60, 100);
    let kept = generated::event_id(3);
    let attachment = NewAttachment::new("a.txt", b"attached".to_vec());
    filled.vault.attach(kept, &attachment).unwrap();
    let pruned = filled
        .vault
        .prune(&PruneRule::new().older_than_days(10))
        .unwrap();
    assert!(pruned.events_removed > 100, "{pruned:?}");
    filled.check_rebuilt();
    filled.clock.advance_secs(100 * 86_400);
    let archived = filled
        .vault
        .archive(&ArchiveRule::older_than_days(90).ignored(true))
        .unwrap();
    assert!(archived.issues > 0);
    filled.check_rebuilt();
    filled.vault.restore(archived.path.unwrap()).unwrap();
    filled.check_rebuilt();
    filled.vault.collect_garbage().unwrap();
    filled.check_rebuilt();
}

fn leftovers(vault: &Vault) -> Vec<String> {
    let tables = vault
        .space()
        .unwrap()
        .tables
        .into_iter()
        .map(|(name, _)| name);
    tables
        .filter(|name| name.starts_with("rebuilt_") || name.starts_with("dropped_"))
        .collect()
}

/// Starts a rebuild in another process and kills it after that time. Whether it was killed before it had ended.
fn killed_rebuild(home: &Path, after: Duration) -> bool {
    let mut child = Command::new(SURVIVOR)
        .args([home.to_str().unwrap(), "rebuild"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begins");
    std::thread::sleep(after);
    let _ = child.kill();
    child.wait().unwrap();
    lines.next().is_none()
}

#[test]
fn a_rebuild_killed_anywhere_leaves_the_vault_as_it_was() {
    let mut filled = Filled::new(2500, 100, 60);
    let before = dump(&filled.vault);
    let begun = Instant::now();
    filled.vault.rebuild().unwrap();
    let lasts = begun.elapsed();
    let mut chance = Chance::new(lasts.as_nanos() as u64);
    let (mut killed, mut left) = (0, 0);
    for _ in 0..20 {
        let after = lasts.mul_f64(chance.below(1000) as f64 / 1000.0);
        killed += u32::from(killed_rebuild(filled.home.path(), after));
        left += u32::from(!leftovers(&filled.vault).is_empty());
        let opened = Vault::open(filled.home.path()).unwrap();
        check_same(&dump(&opened), &before);
    }
    assert!(
        killed > 5 && left > 5,
        "{killed} were killed, {left} left something"
    );
    healthy(&filled.vault);
    filled.vault.rebuild().unwrap();
    assert_eq!(leftovers(&filled.vault), [""; 0]);
    check_same(&dump(&filled.vault), &before);
}
