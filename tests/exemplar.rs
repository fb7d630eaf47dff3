//! Vaults of all formats open, show what they showed when they were written, and can be searched.
//!
//! `tests/exemplar/format-N` was written by the first version with that format and is never written again, but for the
//! newest as long as its format is not released: `UPDATE=1 cargo test -p crashvault-tests --test exemplar`.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crashvault::{
    ArchiveRule, Deed, Delivery, Event, FixedClock, IgnoreUntil, IntakeOptions, Issue, IssueFilter,
    IssueRef, IssueSort, ItemFilter, NewAttachment, Resolution, ReviewStep, Search, StoredEvent,
    Timestamp, Vault,
};
use crashvault_tests::{copy_files, files_below, healthy, repository, skip};
use serde_json::{Value, json};

const NEWEST: u32 = 4;
const NOW: &str = "2026-01-05T10:00:00Z";

fn exemplar(format: u32) -> PathBuf {
    repository().join(format!("tests/exemplar/format-{format}"))
}

/// A copy that may be opened, which changes it.
fn copy(format: u32) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy_files(&exemplar(format), to.path());
    to
}

fn open(home: &Path) -> Vault {
    let clock = FixedClock::at(NOW).unwrap();
    let options = Vault::options().clock(clock).author("ada");
    options.open(home).unwrap()
}

fn expected(format: u32) -> Value {
    let text = fs::read(exemplar(format).join("expected.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn issues(vault: &Vault) -> Vec<Issue> {
    let filter = IssueFilter::default().sort(IssueSort::Number).limit(1000);
    vault.issues(&filter).unwrap()
}

fn events(vault: &Vault) -> Vec<StoredEvent> {
    let issues = issues(vault);
    let events = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, 1000).unwrap());
    events.collect()
}

/// An issue as `list --json` shows it.
fn shown(vault: &Vault, issue: &Issue) -> Value {
    let mut shown = json!({
        "id": issue.id.to_string(),
        "number": issue.number,
        "project": issue.project,
        "status": issue.status.name(),
        "level": issue.level.name(),
        "title": issue.title,
        "culprit": issue.culprit,
        "platform": issue.platform,
        "first_seen": issue.first_seen.to_string(),
        "last_seen": issue.last_seen.to_string(),
        "seen_count": issue.seen_count,
        "last_event": issue.last_event.to_string(),
    });
    let activities = vault.activities(&IssueRef::Id(issue.id)).unwrap();
    if !activities.is_empty() {
        shown["user_count"] = issue.user_count.into();
        shown["state"] = issue.state.to_value();
        shown["activities"] = activities
            .iter()
            .map(|activity| activity.to_value())
            .collect();
    }
    shown
}

/// What each key of an exemplar's issues holds, in the order of `list --sort number`.
fn check_issues(vault: &Vault, expected: &Value) {
    let found = issues(vault);
    let wanted = expected["issues"].as_array().unwrap();
    assert_eq!(found.len(), wanted.len());
    for (issue, wanted) in found.iter().zip(wanted) {
        let shown = shown(vault, issue);
        for (key, value) in wanted.as_object().unwrap() {
            assert_eq!(&shown[key], value, "{key} of #{}", issue.number);
        }
    }
}

fn found(vault: &Vault, query: &str) -> Vec<u64> {
    let found = vault
        .search(&Search::new(query).sort(IssueSort::Number))
        .unwrap();
    found.issues.iter().map(|issue| issue.number).collect()
}

/// The exemplar shows what is expected, before and after everything derived is made anew.
fn check(format: u32, event_count: usize) -> (tempfile::TempDir, Vault) {
    let home = copy(format);
    let mut vault = open(home.path());
    let expected = expected(format);
    check_issues(&vault, &expected);
    assert_eq!(events(&vault).len(), event_count);
    let counted: u64 = issues(&vault).iter().map(|issue| issue.seen_count).sum();
    assert_eq!(counted, event_count as u64);
    assert_eq!(vault.status().unwrap().format, NEWEST);
    let differences = vault.verify().unwrap();
    assert!(
        differences.is_empty(),
        "what is derived now is not what was derived then; a released format needs a new one for that: {differences:?}"
    );
    vault.rebuild().unwrap();
    check_issues(&vault, &expected);
    healthy(&vault);
    (home, vault)
}

#[test]
fn a_vault_of_the_first_format_opens_and_is_whole() {
    let (_home, vault) = check(1, 28);
    assert_eq!(
        found(&vault, "stack.function:core"),
        [11, 10, 9, 7],
        "a stack"
    );
    assert_eq!(found(&vault, "breadcrumb:\"slow query\""), [13]);
    assert_eq!(found(&vault, "\"division by zero\""), [9], "a message");
}

#[test]
fn a_vault_of_the_first_format_can_be_used_on() {
    let home = copy(1);
    let mut vault = open(home.path());
    let (number, event) = {
        let stored = &events(&vault)[0];
        (stored.issue_number, stored.event.clone())
    };
    let issue = IssueRef::Number(number);
    vault.resolve(&issue, Resolution::Now).unwrap();
    let mut again: Event = event;
    again.event_id = "22222222222242228222222222222222".parse().unwrap();
    again.timestamp = Timestamp::parse("2099-01-01T00:00:00Z");
    let added = vault.add(again).unwrap();
    assert_eq!(added.issue_number, number, "its variants are known");
    let regression = vault.issue(&issue).unwrap().state.regression;
    assert_eq!(regression, Some(added.event_id));
}

/// The first format in a place where nothing can be written, opened by `command`, which gets the program to run.
fn check_unwritable(command: impl Fn(&Path, &Path) -> Command, expected: &str) {
    let home = copy(1);
    let program = home.path().join("survivor");
    fs::copy(env!("CARGO_BIN_EXE_survivor"), &program).unwrap();
    for file in files_below(home.path()) {
        fs::set_permissions(&file, Permissions::from_mode(0o555)).unwrap();
    }
    fs::set_permissions(home.path(), Permissions::from_mode(0o555)).unwrap();
    let before = fs::read(home.path().join("vault.db")).unwrap();
    let output = command(&program, home.path()).output().unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    if said.is_empty() {
        return skip(expected, "namespaces are not allowed here");
    }
    assert!(
        said.starts_with("ReadOnly") && said.contains(expected),
        "{said}"
    );
    assert!(fs::read(home.path().join("vault.db")).unwrap() == before);
}

#[test]
fn an_old_format_in_a_foreign_directory_says_what_to_do() {
    const NOBODY: u32 = 65534;
    let as_other_user = |program: &Path, home: &Path| {
        let mut command = Command::new(program);
        command.arg(home).arg("open");
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    check_unwritable(as_other_user, "copy it to a writable directory");
}

#[test]
fn an_old_format_on_a_read_only_file_system_says_what_to_do() {
    let mounted = |program: &Path, home: &Path| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec"]);
        command
            .arg(r#"mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; exec "$0" "$1" open"#);
        command.arg(program).arg(home);
        command
    };
    check_unwritable(mounted, "has format 1 and must be opened for writing once");
}

/// The vault of the newest format: all payloads of the corpus, decisions of all kinds, an attachment, an archive.
fn make(home: &Path) {
    let settings = "format = 1\nid = \"0123456789abcdef0123456789abcdef\"\n";
    fs::write(home.join("vault.toml"), settings).unwrap();
    let clock = FixedClock::at(NOW).unwrap();
    let options = Vault::options().clock(clock.clone()).author("ada");
    let mut vault = options.open(home).unwrap();
    let corpus = files_below(&repository().join("tests/corpus/sentry-events"));
    for (index, file) in corpus.iter().enumerate() {
        let mut event = Event::from_json(&fs::read(file).unwrap()).unwrap();
        for copy in 0..2 {
            clock.advance_secs(60);
            event.event_id = format!("{copy}{index:02}00000000040008000000000000000")
                .parse()
                .unwrap();
            event.timestamp = Some(crashvault::Clock::now(&clock));
            vault.add(event.clone()).unwrap();
        }
    }
    let event = "00000000000040008000000000000000".parse().unwrap();
    let attachment =
        NewAttachment::new("app.log", "it began well\n".repeat(40)).content_type("text/plain");
    vault.attach(event, &attachment).unwrap();
    take_in(&mut vault, crashvault::Clock::now(&clock));
    decide(&mut vault, &clock);
    clock.advance_secs(100 * 86_400);
    let report = vault.archive(&ArchiveRule::older_than_days(90)).unwrap();
    assert_eq!(report.issues, 1);
}

const LOG: &[u8] = br#"{"items":[{"level":"warn","body":"slow"}]}"#;

/// What others sent beside events.
fn take_in(vault: &mut Vault, now: Timestamp) {
    let intake = vault.intake(IntakeOptions::default()).unwrap();
    let check_in = br#"{"check_in_id":"5","status":"ok"}"#;
    for (kind, payload) in [("check_in", &check_in[..]), ("log", LOG)] {
        let (done, outcome) = std::sync::mpsc::channel();
        let delivery = Delivery::new(kind, "shop", now, payload);
        let tell = move |result: crashvault::Result<()>| done.send(result).unwrap();
        intake.take(&[delivery], tell).unwrap();
        outcome.recv().unwrap().unwrap();
    }
    drop(intake);
    vault.drain_all().unwrap();
}

fn decide(vault: &mut Vault, clock: &FixedClock) {
    clock.advance_secs(60);
    let number = |number| IssueRef::Number(number);
    let title = |title: &str| Deed::SetTitle(Some(title.into()));
    let until = Timestamp::parse("2027-01-01T00:00:00Z").unwrap();
    vault.resolve(&number(1), Resolution::Now).unwrap();
    vault
        .resolve(&number(2), Resolution::Release("shop@9.0.0".into()))
        .unwrap();
    vault.decide(&number(2), Deed::Reopen).unwrap();
    vault
        .resolve(&number(2), Resolution::NextRelease(None))
        .unwrap();
    vault.undo(&number(2)).unwrap();
    vault.ignore(&number(3), IgnoreUntil::Time(until)).unwrap();
    vault.ignore(&number(4), IgnoreUntil::SeenAgain(5)).unwrap();
    vault.ignore(&number(5), IgnoreUntil::Grown).unwrap();
    vault.assign(&number(6), Some("grace")).unwrap();
    vault.comment(&number(6), "seen in Oslo ☕").unwrap();
    let team = Deed::Tag {
        key: "team".into(),
        value: Some("payments".into()),
    };
    vault.decide(&number(6), team).unwrap();
    vault
        .decide(&number(7), title("A title of its own"))
        .unwrap();
    let high = Deed::SetSeverity(Some("high".into()));
    vault.decide(&number(7), high).unwrap();
    vault.decide(&number(7), Deed::Bookmark(true)).unwrap();
    let fix = Deed::Review(Some(ReviewStep::Fix));
    vault.decide(&number(8), fix).unwrap();
    let moved = vault
        .events(&vault.issue(&number(8)).unwrap().id, 1)
        .unwrap();
    let moved = Deed::MoveEvent(moved[0].event.event_id);
    vault.decide(&number(9), moved).unwrap();
    vault.decide(&number(10), Deed::Tombstone).unwrap();
    vault.resolve(&number(11), Resolution::Now).unwrap();
    let back = vault.issue(&number(11)).unwrap();
    let mut event = vault.event(back.last_event).unwrap().event;
    clock.advance_secs(60);
    event.event_id = "33300000000040008000000000000000".parse().unwrap();
    event.timestamp = Some(crashvault::Clock::now(clock));
    vault.add(event).unwrap();
}

/// Writes the exemplar of the newest format and what is expected of it.
fn update() {
    let made = tempfile::tempdir().unwrap();
    make(made.path());
    let to = exemplar(NEWEST);
    let _ = fs::remove_dir_all(&to);
    for file in files_below(made.path()) {
        let place = to.join(file.strip_prefix(made.path()).unwrap());
        let is_lock = file.extension().is_some_and(|ending| ending == "lock");
        if is_lock {
            continue;
        }
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&file, &place).unwrap();
        fs::set_permissions(&place, Permissions::from_mode(0o644)).unwrap();
    }
    let vault = open(made.path());
    let issues: Vec<Value> = issues(&vault)
        .iter()
        .map(|issue| shown(&vault, issue))
        .collect();
    let expected = json!({
        "issues": issues,
        "events": event_lengths(&vault),
        "compared": compared(&vault),
    });
    let text = serde_json::to_string_pretty(&expected).unwrap() + "\n";
    fs::write(to.join("expected.json"), text).unwrap();
}

/// What was decided about each variant, by its key.
fn compared(vault: &Vault) -> Value {
    let issues = issues(vault);
    let whys = issues
        .iter()
        .map(|issue| vault.why(&IssueRef::Number(issue.number)).unwrap());
    let variants = whys.flat_map(|why| why.variants);
    let verdict = |variant: crashvault::issue::VariantWhy| {
        let value = variant.to_value();
        (variant.variant.to_string(), value["verdict"].clone())
    };
    Value::Object(variants.map(verdict).collect())
}

/// Of each event its issue and the length of its JSON.
fn event_lengths(vault: &Vault) -> BTreeMap<String, Value> {
    let line = |stored: &StoredEvent| {
        let length = stored.event.to_value().to_string().len();
        json!([stored.issue_number, length])
    };
    let events = events(vault);
    let pairs = events.iter();
    pairs
        .map(|stored| (stored.event.event_id.to_string(), line(stored)))
        .collect()
}

#[test]
fn a_vault_of_the_second_format_opens_and_is_whole() {
    check_second(2);
}

/// What the exemplars hold since the second format.
fn check_second(format: u32) {
    let (home, mut vault) = check(format, 25);
    let lengths = serde_json::to_value(event_lengths(&vault)).unwrap();
    assert_eq!(lengths, expected(format)["events"]);
    assert_eq!(found(&vault, "labels[team]:payments"), [6]);
    assert_eq!(found(&vault, "is:regressed"), [11]);
    let archives = vault.archives().unwrap();
    assert_eq!((archives[0].issues, archives[0].events), (1, 2));
    let restored = vault.restore(&archives[0].path).unwrap();
    assert_eq!(restored.events, 2);
    let event = "00000000000040008000000000000000".parse().unwrap();
    let attachments = vault.attachments(event).unwrap();
    let content = vault.read_attachment(&attachments[0]).unwrap();
    assert_eq!(content, "it began well\n".repeat(40).as_bytes());
    assert_eq!(vault.verify().unwrap(), [""; 0]);
    drop(home);
}

#[test]
fn a_vault_of_the_second_format_learns_to_compare() {
    let home = copy(2);
    let mut vault = open(home.path());
    let known: Vec<StoredEvent> = events(&vault);
    let stored = known.iter().find(|stored| {
        let joins = vault.joins(&stored.issue).unwrap();
        joins[0].reason == "stack" && stored.event.exceptions.len() == 1
    });
    let stored = stored.expect("an event with a stack");
    let mut again = stored.event.clone();
    again.event_id = "44444444444444444444444444444444".parse().unwrap();
    assert_eq!(
        vault.add(again.clone()).unwrap().issue_number,
        stored.issue_number
    );
    // The same, called from elsewhere.
    again.event_id = "55555555555555555555555555555555".parse().unwrap();
    let trace = again.exceptions[0].stacktrace.as_mut().unwrap();
    let mut outer = trace.frames[0].clone();
    outer.function = Some("another::way".into());
    outer.in_app = Some(true);
    trace.frames = [
        &[outer],
        &trace.frames[trace.frames.len().saturating_sub(4)..],
    ]
    .concat();
    let added = vault.add(again).unwrap();
    let why = vault.why_event(added.event_id).unwrap();
    let numbers = (added.issue_number, why.variants[0].verdict.kind());
    assert_eq!(numbers, (stored.issue_number, "similar"), "{why:?}");
    assert_eq!(vault.verify().unwrap(), [""; 0]);
    healthy(&vault);
}

#[test]
fn a_vault_of_the_third_format_opens_and_is_whole() {
    check_third(3);
}

/// What the exemplars hold since the third format.
fn check_third(format: u32) {
    check_second(format);
    let home = copy(format);
    let vault = open(home.path());
    assert_eq!(compared(&vault), expected(format)["compared"]);
}

#[test]
fn a_vault_of_the_fourth_format_opens_and_is_whole() {
    if std::env::var_os("UPDATE").is_some() {
        update();
    }
    check_third(4);
    let home = copy(4);
    let vault = open(home.path());
    let items = vault.items(&ItemFilter::default()).unwrap();
    let kinds: Vec<&str> = items.iter().map(|item| item.kind.as_str()).collect();
    assert_eq!(kinds, ["log", "check_in"]);
    assert_eq!(vault.read_item(&items[0]).unwrap(), LOG);
}
