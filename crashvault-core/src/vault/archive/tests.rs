use std::io::Write;

use super::*;
use crate::event::{Event, EventId, Level};
use crate::issue::{Deed, IssueRef, Resolution};
use crate::scratch::{Scratch, scratch};
use crate::time::FixedClock;
use crate::vault::samples::thrown;
use crate::{NewAttachment, PruneRule};

fn vault() -> (Scratch, Vault) {
    let home = scratch();
    let clock = FixedClock::at("2026-03-01T00:00:00Z").unwrap();
    let vault = Vault::options()
        .clock(clock)
        .author("ada")
        .open(home.path())
        .unwrap();
    (home, vault)
}

fn event(function: &str, at: &str) -> Event {
    let mut event = thrown(function, &format!("{function} failed at {at}"));
    event.level = Level::Error;
    event.timestamp = Timestamp::parse(at);
    event.user = Some(crate::User::new(format!("user of {at}")));
    event.tags.insert("at".into(), at.into());
    event
}

fn number(number: u64) -> IssueRef {
    IssueRef::Number(number)
}

/// Issue 1 open; 2 resolved, with an event moved there, attachments, events that retention gave up; 3 ignored.
fn filled() -> (Scratch, Vault, EventId) {
    let (home, mut vault) = vault();
    let times = [
        "2025-01-01T01:30:00Z",
        "2025-01-01T02:00:00Z",
        "2025-02-01T00:00:00.000000001Z",
    ];
    let events = ["shop::pay", "shop::ship", "shop::count"]
        .iter()
        .flat_map(|function| times.iter().map(|at| event(function, at)));
    let added = vault.add_all(events.collect::<Vec<_>>()).unwrap();
    let moved = added[1].event_id;
    vault.decide(&number(2), Deed::MoveEvent(moved)).unwrap();
    vault.comment(&number(2), "seen \"before\"\n").unwrap();
    vault
        .attach(added[5].event_id, &NewAttachment::new("a.log", "content"))
        .unwrap();
    vault
        .prune(&PruneRule::new().before(Timestamp::parse("2025-01-01T01:45:00Z").unwrap()))
        .unwrap();
    vault.resolve(&number(2), Resolution::Now).unwrap();
    vault
        .ignore(&number(3), crate::IgnoreUntil::Reopened)
        .unwrap();
    (home, vault, added[5].event_id)
}

/// Everything the store knows, sorted; stacks, whose ids are new when they come back, by their hashes.
fn dump(vault: &Vault) -> Vec<String> {
    let mut text = Vec::new();
    vault.store.dump(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let rows: Vec<Vec<String>> = text
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect();
    let stacks = rows.iter().filter(|row| row[0] == "stack");
    let hashes: HashMap<u32, String> = stacks
        .map(|row| (row[1].parse().unwrap(), row[2].clone()))
        .collect();
    let named = |mut row: Vec<String>| {
        let id = match row[0].as_str() {
            "stack" => Some((1, row[1].parse().unwrap())),
            "stack_text" => Some((2, row[2].parse().unwrap())),
            "posting" => Some((1, row[1].parse().unwrap())),
            "shelf_stack" => Some((2, row[2].parse().unwrap())),
            // One stack each, little-endian.
            "event_payload" => Some((5, u32::from_str_radix(&row[5], 16).unwrap().swap_bytes())),
            _ => None,
        };
        if let Some((column, id)) = id {
            row[column].clone_from(&hashes[&id]);
        }
        row.join("\t")
    };
    let mut lines: Vec<String> = rows.into_iter().map(named).collect();
    lines.sort_unstable();
    lines
}

fn check_same(found: &[String], expected: &[String]) {
    let differs = found.iter().zip(expected).find(|(a, b)| a != b);
    assert_eq!((differs, found.len()), (None, expected.len()));
}

fn check_sound(vault: &mut Vault) {
    assert_eq!(vault.store.check().unwrap(), [""; 0]);
    assert_eq!(vault.verify().unwrap(), [""; 0]);
}

#[test]
fn what_was_archived_comes_back_as_it_was() {
    let (_home, mut vault, with_file) = filled();
    let before = dump(&vault);
    let rule = ArchiveRule::older_than_days(100).ignored(true);
    let report = vault.archive(&rule).unwrap();
    assert_eq!((report.issues, report.events), (2, 5));
    let path = report.path.unwrap();
    assert_eq!(
        vault.issue(&number(2)).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert!(vault.attachments(with_file).unwrap().is_empty());
    assert_eq!(vault.status().unwrap().event_count, 1);
    assert!(vault.status().unwrap().archive_bytes > 0);
    check_sound(&mut vault);
    assert_eq!(vault.archive(&rule).unwrap(), ArchiveReport::default());

    let restored = vault.restore(&path).unwrap();
    assert_eq!(
        (restored.issues, restored.events, restored.events_known),
        (2, 5, 0)
    );
    check_same(&dump(&vault), &before);
    check_sound(&mut vault);
    let again = vault.restore_and_remove(&path).unwrap();
    assert_eq!((again.events, again.events_known), (0, 5));
    check_same(&dump(&vault), &before);
    assert!(!path.exists());
}

#[test]
fn only_resolved_issues_that_rest_are_archived() {
    let check = |rule: ArchiveRule, expected: u64| {
        let (_home, mut vault, _) = filled();
        assert_eq!(vault.archive(&rule).unwrap().issues, expected);
    };
    check(ArchiveRule::older_than_days(1000).ignored(true), 0);
    check(ArchiveRule::older_than_days(100), 1);
    check(ArchiveRule::older_than_days(100).ignored(true), 2);
}

#[test]
fn archived_issues_are_found_as_they_were() {
    let (_home, mut vault, _) = filled();
    let expected = [2, 3].map(|n| vault.issue(&number(n)).unwrap());
    vault
        .archive(&ArchiveRule::older_than_days(100).ignored(true))
        .unwrap();
    let check = |query: &str, numbers: &[u64]| {
        let found = vault.search_archives(&Search::new(query)).unwrap();
        let mut issues: Vec<Issue> = found.issues.into_iter().map(|found| found.issue).collect();
        issues.sort_by_key(|issue| issue.number);
        let wanted: Vec<&Issue> = expected
            .iter()
            .filter(|issue| numbers.contains(&issue.number))
            .collect();
        assert_eq!(issues.iter().collect::<Vec<_>>(), wanted, "{query}");
    };
    check("", &[2, 3]);
    check("stack.function:ship", &[2]);
    // The event that was moved there.
    check("stack.function:pay", &[2]);
    check("is:ignored", &[3]);
    check("is:resolved stack.function:count", &[]);
    let first = vault.search_archives(&Search::new("").limit(1)).unwrap();
    let next = first.next.unwrap();
    let second = vault
        .search_archives(&Search::new("").limit(1).after(&next))
        .unwrap();
    assert_ne!(first.issues[0].issue.number, second.issues[0].issue.number);
    assert!(second.next.is_none());
}

#[test]
fn an_archived_issue_that_is_seen_again_is_a_regression_with_its_old_number() {
    let (_home, mut vault, _) = filled();
    let path = vault
        .archive(&ArchiveRule::older_than_days(100))
        .unwrap()
        .path
        .unwrap();
    let added = vault
        .add(event("shop::ship", "2026-03-02T00:00:00Z"))
        .unwrap();
    assert_eq!(added.issue_number, 2);
    let issue = vault.issue(&number(2)).unwrap();
    assert_eq!(
        (issue.seen_count, issue.state.regression),
        (1, Some(added.event_id))
    );
    check_sound(&mut vault);
    vault.restore(path).unwrap();
    let issue = vault.issue(&number(2)).unwrap();
    assert_eq!(
        (issue.seen_count, issue.state.regression),
        (5, Some(added.event_id))
    );
    check_sound(&mut vault);
    let fresh = vault
        .add(event("shop::new", "2026-03-02T00:00:00Z"))
        .unwrap();
    assert_eq!(fresh.issue_number, 4);
}

#[test]
fn an_archive_can_be_restored_into_another_vault() {
    let (_home, mut vault, _) = filled();
    let before = vault.issue(&number(2)).unwrap();
    let path = vault
        .archive(&ArchiveRule::older_than_days(100))
        .unwrap()
        .path
        .unwrap();
    let (_other_home, mut other) = self::vault();
    other.restore(&path).unwrap();
    assert_eq!(other.issue(&number(2)).unwrap(), before);
    check_sound(&mut other);
}

#[test]
fn a_torn_archive_is_found_and_changes_nothing() {
    let (_home, mut vault, _) = filled();
    let path = vault
        .archive(&ArchiveRule::older_than_days(100))
        .unwrap()
        .path
        .unwrap();
    let whole = fs::read(&path).unwrap();
    let before = dump(&vault);
    let mut check = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        let error = vault.restore(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.message().contains(".cva, line"), "{error}");
        check_same(&dump(&vault), &before);
        assert_eq!(vault.archive_findings().len(), 1);
        assert_eq!(
            vault
                .search_archives(&Search::new(""))
                .unwrap()
                .unreadable
                .len(),
            1
        );
        assert_eq!(vault.collect_garbage().unwrap().archives_unreadable, 1);
    };
    check(&[]);
    check(&whole[..whole.len() / 2]);
    check(&whole[..whole.len() - 1]);
    for place in [10, whole.len() / 2, whole.len() - 2] {
        let mut flipped = whole.clone();
        flipped[place] ^= 4;
        check(&flipped);
    }
    let lines = String::from_utf8(zstd::decode_all(&whole[..]).unwrap()).unwrap();
    let recompressed = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    check(&recompressed(&lines.replace("seen", "sene")));
    check(&recompressed(&format!("{lines}{{}}\n")));
    check(&recompressed(lines.split_inclusive('\n').next().unwrap()));
}

#[test]
fn attachments_outlive_their_event_as_long_as_an_archive_names_them() {
    let (home, mut vault, event) = filled();
    let kept = vault.attachments(event).unwrap().remove(0);
    let path = vault
        .archive(&ArchiveRule::older_than_days(100))
        .unwrap()
        .path
        .unwrap();
    let file = super::super::attach::file_of(home.path(), &kept.hash);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(9999);
    File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(old)
        .unwrap();
    assert_eq!(vault.collect_garbage().unwrap().attachments_removed, 0);
    vault.restore(&path).unwrap();
    assert_eq!(
        vault
            .read_attachment(&vault.attachments(event).unwrap()[0])
            .unwrap(),
        b"content"
    );
    vault.archive(&ArchiveRule::older_than_days(100)).unwrap();
    for archive in vault.archives().unwrap() {
        assert_eq!(
            (archive.issues, archive.events, archive.fault),
            (1, 3, None)
        );
        fs::remove_file(archive.path).unwrap();
    }
    assert_eq!(vault.collect_garbage().unwrap().attachments_removed, 1);
}

/// What another vault archived of one event with an attachment, each record changed, and restored here.
fn restored(change: impl Fn(&mut Record)) -> (Scratch, Vault, EventId) {
    let (_from, mut source) = vault();
    let event = source
        .add(event("shop::pay", "2025-01-01T00:00:00Z"))
        .unwrap()
        .event_id;
    source
        .attach(event, &NewAttachment::new("a.log", "content"))
        .unwrap();
    let (home, mut vault) = vault();
    let path = home.path().join("from-elsewhere.cva");
    let file = File::create(&path).unwrap();
    let mut writer = Writer::begin(file, &path, [1; 16], Timestamp::from_nanos(0)).unwrap();
    let mut put = |mut record| {
        change(&mut record);
        writer.put(&record).unwrap();
        Ok(())
    };
    source.store.export(1, &mut put).unwrap();
    writer.finish().unwrap();
    assert_eq!(vault.restore(&path).unwrap().events, 1);
    (home, vault, event)
}

#[test]
fn an_archive_with_the_last_numbers_leaves_room_for_what_comes() {
    let (_home, mut vault, event_id) = restored(|record| match record {
        Record::Issue { number, .. } | Record::Join { number, .. } => *number = u64::MAX,
        Record::Event { stored, .. } => stored.ingest_sequence = u64::from(u32::MAX),
        Record::Attachment(attachment) => attachment.id = u64::MAX,
        _ => {}
    });
    let added = vault
        .add(event("shop::ship", "2025-01-01T00:00:00Z"))
        .unwrap();
    assert_eq!(added.issue_number, 2);
    assert_eq!(vault.attachments(event_id).unwrap()[0].id, 1);
    assert_eq!(vault.verify().unwrap(), [""; 0]);
}

#[test]
fn a_name_in_an_archive_is_no_path() {
    let (_home, vault, event) = restored(|record| {
        if let Record::Attachment(attachment) = record {
            attachment.name = "../../.bashrc\u{1b}[2J".into();
            attachment.kind = "\n".into();
        }
    });
    let found = &vault.attachments(event).unwrap()[0];
    assert_eq!(found.name, ".._.._.bashrc_[2J");
    assert_eq!(found.kind, "event.attachment");
}

/// A small file that unpacks to a line without an end is refused before it fills the memory.
#[test]
fn a_line_without_an_end_is_corrupt() {
    let check = |before: &[&str], words: &str| {
        let home = scratch();
        let path = home.path().join("bomb.cva");
        let mut out = zstd::stream::write::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
        for line in before {
            writeln!(out, "{line}").unwrap();
        }
        let piece = vec![b' '; 1 << 20];
        for _ in 0..65 {
            out.write_all(&piece).unwrap();
        }
        out.finish().unwrap();
        assert!(fs::metadata(&path).unwrap().len() < 1 << 20);
        let error = format::read(&path, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains(words), "{error}");
    };
    check(&[], "line 1: the line is longer than 4096 bytes");
    let head = r#"{"crashvault_archive": 1, "vault": "", "created_at": "2026-01-01T00:00:00Z"}"#;
    check(&[head], "line 2: the line is longer than 67108864 bytes");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let (home, mut vault) = vault();
    let mut long = event("shop::pay", "2025-01-01T00:00:00Z");
    let added = vault.add(long.clone()).unwrap();
    let mut stored = vault.event(added.event_id).unwrap();
    long.event_id = added.event_id;
    long.message = Some("x".repeat(64 << 20));
    stored.event = long;
    let path = home.path().join("long.cva");
    let file = File::create(&path).unwrap();
    let mut writer = Writer::begin(file, &path, [1; 16], Timestamp::from_nanos(0)).unwrap();
    let record = Record::Event {
        project: "shop".into(),
        stored: Box::new(stored),
    };
    let error = writer.put(&record).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitReached);
    assert!(
        error.message().contains(&added.event_id.to_string()),
        "{error}"
    );
}

#[test]
fn what_nobody_could_have_decided_is_not_restored() {
    let check = |author: &str, deed: Deed, words: &str| {
        let (_from, mut source) = vault();
        source
            .add(event("shop::pay", "2025-01-01T00:00:00Z"))
            .unwrap();
        source.comment(&number(1), "seen").unwrap();
        let (home, mut vault) = vault();
        let path = home.path().join("from-elsewhere.cva");
        let file = File::create(&path).unwrap();
        let mut writer = Writer::begin(file, &path, [1; 16], Timestamp::from_nanos(0)).unwrap();
        let mut put = |mut record| {
            if let Record::Activity(activity) = &mut record {
                activity.author = author.into();
                activity.deed = deed.clone();
            }
            writer.put(&record)
        };
        source.store.export(1, &mut put).unwrap();
        writer.finish().unwrap();
        let error = vault.restore(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains(words), "{error}");
        assert_eq!(vault.store.stats().unwrap().events, 0);
    };
    check("a\u{1b}[2J", Deed::Reopen, "author must be one line");
    check(
        "ada",
        Deed::SetTitle(Some("a\nb".into())),
        "title must be one line",
    );
}
