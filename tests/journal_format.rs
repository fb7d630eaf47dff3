//! A journal written from docs/journal.md alone is read whole.
//!
//! Nothing here uses the engine's code to write: this is what another language would do.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crashvault::{DrainReport, Event, IssueFilter, ItemFilter, Level, Timestamp, Vault};
use crashvault_tests::journal::{FATAL, JSON, PREALLOCATED, Writer, crc32c, field, keyed};
use serde_json::json;

#[test]
fn the_checksum_is_castagnolis() {
    // The check value of the CRC catalogue for CRC-32/ISCSI.
    assert_eq!(crc32c(&[b"1234", b"56789"]), 0xE306_9283);
}

/// A vault without a database yet, and its journal's directory.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.journal()).unwrap();
        place
    }

    fn journal(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    /// As a writer that has ended: made under a temporary name, locked, renamed, closed.
    fn put(&self, name: &str, content: &[u8]) {
        drop(self.make(name, content));
    }

    fn make(&self, name: &str, content: &[u8]) -> File {
        let temporary = self.journal().join(format!(".new-{name}"));
        let mut file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(&temporary)
            .unwrap();
        file.try_lock().unwrap();
        file.write_all(content).unwrap();
        fs::rename(&temporary, self.path(name)).unwrap();
        file
    }

    fn path(&self, name: &str) -> PathBuf {
        self.journal().join(format!("{name}.cvj"))
    }

    fn drained(&self) -> (Vault, DrainReport) {
        let mut vault = Vault::open(self.0.path()).unwrap();
        let report = vault.drain_all().unwrap();
        (vault, report)
    }
}

/// The events of a vault in the order of their coming in.
fn events(vault: &Vault) -> Vec<Event> {
    let issues = vault.issues(&IssueFilter::default().limit(1000)).unwrap();
    let mut stored: Vec<_> = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, usize::MAX).unwrap())
        .collect();
    stored.sort_by_key(|stored| stored.ingest_sequence);
    stored.into_iter().map(|stored| stored.event).collect()
}

fn messages(vault: &Vault) -> Vec<String> {
    events(vault)
        .into_iter()
        .filter_map(|event| event.message)
        .collect()
}

fn check_order(place: &Path, expected: &[&str]) {
    let mut vault = Vault::open(place).unwrap();
    vault.drain_all().unwrap();
    assert_eq!(messages(&vault), expected);
}

#[test]
fn an_event_of_fields_is_found_whole() {
    let place = Place::new();
    let mut writer = Writer::new(1);
    let process = [
        field(18, b"ruby"),
        field(20, b"shop"),
        field(13, b"shop@2.0"),
        field(14, b"test"),
        field(15, b"9"),
        field(16, b"till"),
        field(19, br#"{"name": "hand"}"#),
        keyed(8, "os", r#"{"name": "Plan 9"}"#),
    ];
    let cause = [
        field(1, b"Errno::ENOENT"),
        field(2, b"no such file"),
        field(9, &2u32.to_le_bytes()),
    ]
    .concat();
    let thrown = [
        field(1, b"ConfigError"),
        field(2, b"cannot read"),
        field(3, b"Shop"),
        field(4, b"generic"),
        field(5, &[1]),
        field(
            6,
            &[
                0x1122_3344_5566_7788u64.to_le_bytes(),
                0x99u64.to_le_bytes(),
            ]
            .concat(),
        ),
        field(7, &3u32.to_le_bytes()),
        field(8, b"shop.rb:7:1"),
    ];
    let crumb = [
        field(1, &1_767_607_199_000_000_000i64.to_le_bytes()),
        field(2, b"http"),
        field(3, b"net"),
        field(4, &[2]),
        field(5, b"GET /"),
        keyed(6, "status", "404"),
    ];
    let body = [
        field(1, &1_767_607_200_250_000_000i64.to_le_bytes()),
        field(2, &[4]),
        field(3, "größer".as_bytes()),
        field(4, &thrown.concat()),
        field(4, &cause),
        field(
            5,
            &[field(10, b"17"), field(11, b"worker"), field(12, &[1])].concat(),
        ),
        keyed(6, "region", "eu"),
        keyed(7, "id", "u1"),
        keyed(7, "plan", "gold"),
        keyed(9, "attempt", "[1, 2]"),
        field(10, b"{{ default }}"),
        field(10, b"tenant"),
        field(11, &crumb.concat()),
        field(12, b"GET /cart"),
        field(17, b"shop.log"),
        field(21, &2u32.to_le_bytes()),
        keyed(22, "extra", "left out"),
        field(24, b"shop.rb:8:1"),
    ];
    let frames = [
        writer.frame(2, 0, 0, &process.concat()),
        writer.frame(3, 0, 0, b""),
        writer.frame(1, FATAL, 0x2A, &body.concat()),
    ];
    place.put(
        &writer.name(),
        &[writer.head(0, 0, 0, 0), frames.concat()].concat(),
    );

    let (vault, report) = place.drained();
    assert_eq!(
        (
            report.events_new,
            report.torn_count,
            report.segments_removed
        ),
        (1, 0, 1)
    );
    assert!(report.faults.is_empty());
    let flaws = json!([
        {"field": "record", "reason": "2 parts did not fit into 262144 bytes"},
        {"field": "extra", "reason": "left out"},
    ]);
    let expected = json!({
        "event_id": "2a".repeat(16),
        "timestamp": "2026-01-05T10:00:00.25Z",
        "level": "fatal",
        "platform": "ruby",
        "message": "größer",
        "exception": {"values": [
            {"type": "Errno::ENOENT", "value": "no such file", "mechanism": {"meta": {"errno": {"number": 2}}}},
            {
                "type": "ConfigError",
                "value": "cannot read",
                "module": "Shop",
                "mechanism": {"type": "generic", "handled": true, "data": {"location": "shop.rb:7:1"}},
                "stacktrace": {"frames": [{"instruction_addr": "0x99"}, {"instruction_addr": "0x1122334455667788"}], "frames_omitted_outer": 3},
            },
        ]},
        "threads": {"values": [{"id": "17", "name": "worker", "current": true, "crashed": true}]},
        "breadcrumbs": {"values": [{
            "timestamp": "2026-01-05T09:59:59Z",
            "type": "http",
            "category": "net",
            "level": "warning",
            "message": "GET /",
            "data": {"status": 404},
        }]},
        "tags": {"region": "eu"},
        "contexts": {"os": {"name": "Plan 9"}, "crashvault": {"project": "shop", "location": "shop.rb:8:1", "flaws": flaws}},
        "extra": {"attempt": [1, 2]},
        "user": {"id": "u1", "plan": "gold"},
        "transaction": "GET /cart",
        "release": "shop@2.0",
        "environment": "test",
        "dist": "9",
        "server_name": "till",
        "logger": "shop.log",
        "fingerprint": ["{{ default }}", "tenant"],
        "sdk": {"name": "hand"},
    });
    assert_eq!(events(&vault)[0].to_value(), expected);
    assert_eq!(
        vault.issues(&IssueFilter::default()).unwrap()[0].project,
        "shop"
    );
}

#[test]
fn an_event_of_json_is_found_whole() {
    let place = Place::new();
    let mut writer = Writer::new(2);
    let body =
        br#"{"message": "as JSON", "level": "warning", "platform": "perl", "new_thing": [1]}"#;
    let frames = [
        writer.frame(2, 0, 0, &field(13, b"not@this")),
        writer.frame(1, JSON, 7, body),
    ];
    place.put(
        &writer.name(),
        &[writer.head(0, 0, 0, 0), frames.concat()].concat(),
    );
    let (vault, _) = place.drained();
    let event = &events(&vault)[0];
    assert_eq!(event.event_id.to_string(), "07".repeat(16));
    assert_eq!(
        (event.level, event.release.as_deref()),
        (Level::Warning, None)
    );
    assert_eq!(event.other["new_thing"], json!([1]));
}

#[test]
fn counters_are_added_and_losses_told() {
    let place = Place::new();
    let mut writer = Writer::new(3);
    let counts = [keyed(6, "throttled", "40"), keyed(6, "sampled", "2")].concat();
    let frames = [
        writer.frame(4, 0, 0, &counts),
        writer.frame(4, 0, 0, &keyed(6, "throttled", "2")),
    ];
    place.put(
        &writer.name(),
        &[writer.head(0, 0, 5, 28), frames.concat()].concat(),
    );
    let (vault, _) = place.drained();
    let status = vault.status().unwrap();
    assert_eq!(
        (
            status.throttled_count,
            status.sampled_count,
            status.lost_count
        ),
        (42, 2, 5)
    );
}

#[test]
fn the_sequence_orders_the_segments_of_a_process() {
    let place = Place::new();
    let mut first = Writer::new(4);
    let one = first.message(1, "one");
    let mut second = Writer {
        id: [5; 16],
        ..Writer::new(4)
    };
    second.sequence = 1;
    let two = second.message(2, "two");
    first.sequence = 2;
    let three = first.message(3, "three");
    place.put(
        &first.name(),
        &[first.head(0, 0, 0, 0), one, three].concat(),
    );
    place.put(&second.name(), &[second.head(0, 1, 0, 0), two].concat());
    check_order(place.0.path(), &["one", "two", "three"]);
}

#[test]
fn what_is_torn_is_passed_over_and_counted() {
    let place = Place::new();
    let mut writer = Writer::new(6);
    let (one, two) = (writer.message(1, "one"), writer.message(2, "two"));
    let torn = &writer.message(3, "torn")[..60];
    let mut flipped = writer.message(4, "flipped");
    flipped[50] ^= 1;
    let foreign = Writer::new(7).message(5, "valid in another segment only");
    let content = [
        writer.head(0, 0, 0, 0),
        one,
        torn.to_vec(),
        flipped,
        foreign,
        two,
        torn.to_vec(),
    ]
    .concat();
    place.put(&writer.name(), &content);
    let (vault, report) = place.drained();
    assert_eq!(messages(&vault), ["one", "two"]);
    assert_eq!(report.torn_count, 2);
}

#[test]
fn what_was_received_is_taken_in_as_what_it_is() {
    let place = Place::new();
    let mut writer = Writer::new(9);
    let mut received = |kind: &str, id: u8, item: &str| {
        let head = json!({
            "kind": kind, "project": "shop", "received_at": 1_767_607_200_000_000_000_i64,
            "sent_at": null, "event": format!("{id:02x}").repeat(16), "client": "::1",
            "head": {"type": kind, "filename": "app.log"},
        });
        let head = head.to_string();
        let length = (head.len() as u32).to_le_bytes();
        let body = [&length, head.as_bytes(), item.as_bytes()].concat();
        writer.frame(6, 1, id, &body)
    };
    let content = [
        received(
            "event",
            1,
            r#"{"message":"sent","user":{"ip_address":"{{auto}}"}}"#,
        ),
        received("attachment", 1, "it began well"),
        received("check_in", 2, r#"{"status":"ok"}"#),
        received("event", 3, "no JSON"),
    ]
    .concat();
    let head = writer.head(0, 0, 0, 0);
    place.put(&writer.name(), &[head, content].concat());
    let (vault, report) = place.drained();
    assert_eq!((report.events_new, report.torn_count), (2, 0));
    let id = "01010101010101010101010101010101".parse().unwrap();
    let event = vault.event(id).unwrap().event;
    assert_eq!(
        (event.title().as_str(), event.project()),
        ("sent", Some("shop"))
    );
    assert_eq!(event.timestamp, Timestamp::parse("2026-01-05T10:00:00Z"));
    assert_eq!(event.user.unwrap().ip_address.as_deref(), Some("::1"));
    let file = &vault.attachments(id).unwrap()[0];
    assert_eq!(vault.read_attachment(file).unwrap(), b"it began well");
    let items = vault.items(&ItemFilter::default()).unwrap();
    assert_eq!(vault.read_item(&items[0]).unwrap(), br#"{"status":"ok"}"#);
    let broken = "03030303030303030303030303030303".parse().unwrap();
    assert!(!vault.event(broken).unwrap().event.flaws.is_empty());
}

#[test]
fn a_frame_of_a_newer_kind_stays_with_its_segment() {
    let place = Place::new();
    let mut writer = Writer::new(8);
    let newer = [
        writer.frame(77, 0, 1, b"of a kind to come"),
        writer.frame(7, 0, 1, b"of another kind to come"),
        writer.frame_of(2, 1, 0, 2, 0, b"of a version to come"),
        writer.frame_of(1, 1, 0, 3, 9, b"sealed"),
    ];
    let known = writer.message(4, "known");
    place.put(
        &writer.name(),
        &[writer.head(0, 0, 0, 0), newer.concat(), known].concat(),
    );
    let (vault, report) = place.drained();
    assert_eq!(messages(&vault), ["known"]);
    assert_eq!((report.torn_count, report.segments_removed), (0, 0));
    assert!(place.path(&writer.name()).exists());
    assert_eq!(vault.status().unwrap().unreadable_count, 4);
}

#[test]
fn a_segment_of_a_newer_version_or_of_no_kind_is_left_alone() {
    let place = Place::new();
    let writer = Writer::new(9);
    let mut newer = writer.head(0, 0, 0, 0);
    newer[8] = 2;
    let mut damaged = writer.head(0, 0, 0, 0);
    damaged[100] ^= 1;
    let contents = [
        ("newer", newer),
        ("damaged", damaged),
        ("foreign", b"not a journal".to_vec()),
    ];
    for (name, content) in &contents {
        place.put(name, content);
    }
    let (_, report) = place.drained();
    assert_eq!((report.faults.len(), report.segments_removed), (3, 0));
    for (name, content) in &contents {
        assert_eq!(&fs::read(place.path(name)).unwrap(), content, "{name}");
    }
}

#[test]
fn while_the_writer_lives_its_last_frame_is_waited_for() {
    let place = Place::new();
    let mut writer = Writer::new(10);
    let (one, two) = (writer.message(1, "one"), writer.message(2, "two"));
    let (begun, rest) = two.split_at(70);
    let mut file = place.make(
        &writer.name(),
        &[&writer.head(0, 0, 0, 0)[..], &one, begun].concat(),
    );
    let (vault, report) = place.drained();
    assert_eq!(messages(&vault), ["one"]);
    assert_eq!((report.torn_count, report.segments_removed), (0, 0));

    file.write_all(rest).unwrap();
    drop(file);
    let (vault, report) = place.drained();
    assert_eq!(messages(&vault), ["one", "two"]);
    assert_eq!((report.torn_count, report.segments_removed), (0, 1));
}

#[test]
fn a_gap_in_a_living_preallocated_segment_is_waited_for() {
    let place = Place::new();
    let mut writer = Writer::new(11);
    let (one, two, three) = (
        writer.message(1, "one"),
        writer.message(2, "two"),
        writer.message(3, "three"),
    );
    let gap = vec![0; two.len()];
    let mut content = [&writer.head(PREALLOCATED, 0, 0, 0)[..], &one, &gap, &three].concat();
    content.resize(4096, 0);
    let file = place.make(&writer.name(), &content);
    assert_eq!(messages(&place.drained().0), ["one"]);

    let at = 512 + one.len();
    content[at..at + two.len()].copy_from_slice(&two);
    fs::write(place.path(&writer.name()), &content).unwrap();
    drop(file);
    let (vault, report) = place.drained();
    assert_eq!(messages(&vault), ["one", "two", "three"]);
    assert_eq!((report.torn_count, report.segments_removed), (0, 1));
}

#[test]
fn a_segment_in_the_making_is_passed_over() {
    let place = Place::new();
    let mut writer = Writer::new(12);
    let content = [writer.head(0, 0, 0, 0), writer.message(1, "not yet")].concat();
    let path = place.journal().join(format!(".new-{}", writer.name()));
    fs::write(&path, content).unwrap();
    let (vault, _) = place.drained();
    assert!(messages(&vault).is_empty() && path.exists());
}

#[test]
fn an_event_without_an_id_gets_one_and_a_note() {
    let place = Place::new();
    let mut writer = Writer::new(13);
    let frames = [
        writer.message(0, "one"),
        writer.message(0, "two"),
        writer.message(3, "three"),
    ];
    let content = [writer.head(0, 0, 0, 0), frames.concat()].concat();
    place.put(&writer.name(), &content);
    let (vault, report) = place.drained();
    assert_eq!(messages(&vault), ["one", "two", "three"]);
    assert_eq!((report.events_new, report.segments_removed), (3, 1));
    let noted = events(&vault)
        .iter()
        .filter(|event| event.flaws.iter().any(|flaw| flaw.field == "event_id"))
        .count();
    assert_eq!(noted, 2);

    place.put(&writer.name(), &content);
    let (_, report) = place.drained();
    assert_eq!((report.events_new, report.events_known), (0, 3));
}

fn image(file: &str, start: u64, size: u64) -> Vec<u8> {
    let parts = [
        field(1, file.as_bytes()),
        field(3, &start.to_le_bytes()),
        field(4, &size.to_le_bytes()),
    ];
    field(23, &parts.concat())
}

fn traced(writer: &mut Writer, event: u8, addresses: [u64; 2]) -> Vec<u8> {
    let addresses: Vec<u8> = addresses.iter().flat_map(|at| at.to_le_bytes()).collect();
    let exception = [field(1, b"Error"), field(6, &addresses)].concat();
    let body = [
        field(1, &1_767_607_200_000_000_000i64.to_le_bytes()),
        field(4, &exception),
    ]
    .concat();
    writer.frame(1, 0, event, &body)
}

#[test]
fn addresses_lie_in_the_module_table_before_their_event() {
    let place = Place::new();
    let mut writer = Writer::new(14);
    let tables = [
        [
            image("/nowhere/program", 0x1000, 0x1000),
            image("/nowhere/old.so", 0x8000, 0x1000),
        ]
        .concat(),
        image("/nowhere/new.so", 0x8000, 0x1000),
    ];
    let frames = [
        writer.frame(3, 0, 0, &tables[0]),
        traced(&mut writer, 1, [0x8100, 0x1100]),
        writer.frame(3, 0, 0, &tables[1]),
        traced(&mut writer, 2, [0x8100, 0x1100]),
    ];
    place.put(
        &writer.name(),
        &[writer.head(0, 0, 0, 0), frames.concat()].concat(),
    );
    let (vault, _) = place.drained();
    let mut files: Vec<Vec<String>> = events(&vault)
        .into_iter()
        .map(|event| {
            let mut files: Vec<String> = event
                .images
                .into_iter()
                .filter_map(|image| image.code_file)
                .collect();
            files.sort();
            files
        })
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            ["/nowhere/new.so", "/nowhere/program"],
            ["/nowhere/old.so", "/nowhere/program"]
        ]
    );
}

const LAST_WORDS: u16 = 2;
const MARKED: u16 = 4;
const FORKED: u16 = 8;

/// Drains a place for last words that was left with this mark, and tells the titles and levels of its events.
fn check_end(flags: u16, mark: u32, frames: &[u8], expected: &[(&str, Level)]) {
    let place = Place::new();
    let writer = Writer::new(9);
    let mut head = writer.head(PREALLOCATED | LAST_WORDS | flags, 0, 0, 0);
    head[456..460].copy_from_slice(&mark.to_le_bytes());
    place.put(&writer.name(), &[&head, frames, &[0; 4096]].concat());
    let (vault, report) = place.drained();
    assert_eq!((report.torn_count, report.segments_removed), (0, 1));
    let events = events(&vault);
    let found: Vec<(String, Level)> = events.iter().map(|e| (e.title(), e.level)).collect();
    let found: Vec<(&str, Level)> = found
        .iter()
        .map(|(title, l)| (title.as_str(), *l))
        .collect();
    assert_eq!(found, expected);
}

const WITHOUT_NOTICE: (&str, Level) = (
    "ended without notice: killed, _exit or exec",
    Level::Warning,
);

#[test]
fn a_process_that_promised_a_mark_and_left_none_is_a_warning() {
    check_end(MARKED, 0, b"", &[WITHOUT_NOTICE]);
}

#[test]
fn a_process_that_ended_well_or_was_asked_to_leaves_nothing() {
    check_end(MARKED, 1, b"", &[]);
    check_end(MARKED, 2, b"", &[]);
}

#[test]
fn a_process_that_promised_no_mark_leaves_nothing() {
    check_end(0, 0, b"", &[]);
}

#[test]
fn a_forked_child_ends_without_a_mark_in_the_usual_way() {
    check_end(MARKED | FORKED, 0, b"", &[]);
}

/// The record of a signal: what happened in a first frame, registers and stack in a second one that adds to it.
#[test]
fn a_signal_is_one_event_with_its_registers() {
    let mut writer = Writer::new(9);
    let signal = [
        field(1, &11u64.to_le_bytes()),
        field(2, &1u64.to_le_bytes()),
        field(3, &0x10u64.to_le_bytes()),
        field(6, &4712u64.to_le_bytes()),
        field(7, b"worker"),
        field(8, &0x5555_0000u64.to_le_bytes()),
    ]
    .concat();
    let first = [field(2, &[4]), field(25, &signal)].concat();
    let first = writer.frame(1, FATAL, 7, &first);
    let title = "SIGSEGV / SEGV_MAPERR: nothing is mapped at 0x0000000000000010";
    check_end(MARKED, 3, &first, &[(title, Level::Fatal)]);

    let mut registers = vec![1];
    for number in 0..17u64 {
        registers.extend((0x5555_0000 + number).to_le_bytes());
    }
    let stack = [&0x7000u64.to_le_bytes()[..], &[0; 64]].concat();
    let second = [field(26, &registers), field(27, &stack)].concat();
    let second = writer.frame(5, FATAL, 7, &second);
    let place = Place::new();
    let head = writer.head(PREALLOCATED | LAST_WORDS, 0, 0, 0);
    place.put(&writer.name(), &[head, first, second].concat());
    let (vault, _) = place.drained();
    let event = events(&vault).remove(0);
    let exception = event.primary_exception().unwrap();
    let trace = exception.stacktrace.as_ref().unwrap();
    assert_eq!(trace.other["registers"]["rip"], "0x0000000055550000");
    assert_eq!(
        trace.frames.last().unwrap().instruction_addr,
        Some(0x5555_0000)
    );
    assert_eq!(exception.thread_id.as_deref(), Some("4712"));
    assert_eq!(event.threads[0].name.as_deref(), Some("worker"));
}

/// More segments than are read at once, the place for last words last: a drain that is cut short leaves it for the next.
#[test]
fn last_words_wait_for_the_event_that_they_are_about() {
    let place = Place::new();
    for number in 1..=4 {
        let mut writer = Writer {
            process: [1; 16],
            ..Writer::new(number)
        };
        let event = writer.message(number, &format!("message {number}"));
        let head = writer.head(0, number.into(), 0, 0);
        place.put(&writer.name(), &[head, event].concat());
    }
    let mut writer = Writer {
        process: [1; 16],
        ..Writer::new(9)
    };
    let signal = [field(1, &6u64.to_le_bytes()), field(7, b"worker")].concat();
    let amend = writer.frame(5, FATAL, 2, &field(25, &signal));
    let head = writer.head(PREALLOCATED | LAST_WORDS, 0, 0, 0);
    place.put(&writer.name(), &[head, amend].concat());

    let mut vault = Vault::open(place.0.path()).unwrap();
    vault.drain(Duration::ZERO).unwrap();
    assert!(place.path(&writer.name()).exists());
    drop(vault);
    let (vault, report) = place.drained();
    assert_eq!((report.events_new, report.segments_removed), (4, 5));
    let told: Vec<bool> = events(&vault)
        .iter()
        .map(|event| event.to_value().to_string().contains("worker"))
        .collect();
    assert_eq!(told, [false, true, false, false]);
}
