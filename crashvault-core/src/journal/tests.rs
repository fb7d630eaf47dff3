use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::error::ErrorKind;

struct Nothing;

impl Preamble for Nothing {
    fn process(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"process");
    }

    fn modules(&self, body: &mut Vec<u8>) -> u64 {
        body.extend_from_slice(b"modules");
        1
    }
}

fn random() -> [u8; 16] {
    crate::capture::random_bytes()
}

fn journal_of(directory: &Path, limits: Limits, pid: u32) -> Journal {
    let identity = Identity {
        process: random(),
        pid,
        ..Identity::default()
    };
    Journal::new(
        directory.to_owned(),
        limits,
        identity,
        Box::new(Nothing),
        random,
    )
}

fn journal(directory: &Path) -> Journal {
    journal_of(directory, Limits::default(), 7)
}

fn append(journal: &Journal, body: &[u8], durability: Durability) -> std::io::Result<()> {
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    frame.extend_from_slice(body);
    let entry = Entry {
        kind: Kind::Event,
        flags: Flags::default(),
        id: [1; 16],
        durability,
        modules_generation: 1,
    };
    journal.append(&mut frame, entry)
}

fn write(journal: &Journal, bodies: &[&str]) {
    for body in bodies {
        append(journal, body.as_bytes(), Durability::Process).unwrap();
    }
}

fn scans(directory: &Path) -> Vec<Scan> {
    list(directory)
        .unwrap()
        .iter()
        .map(|segment| segment.scan().unwrap())
        .collect()
}

/// The events of a scan, by their bodies.
fn events(scan: &Scan) -> Vec<String> {
    let frames = scan.frames().filter(|frame| frame.kind == Kind::Event);
    frames
        .map(|frame| String::from_utf8_lossy(frame.body).into_owned())
        .collect()
}

/// The events of all segments in the order of their sequence.
fn all_events(directory: &Path) -> Vec<String> {
    let scans = scans(directory);
    let frames = scans
        .iter()
        .flat_map(Scan::frames)
        .filter(|frame| frame.kind == Kind::Event);
    let mut found: Vec<_> = frames
        .map(|frame| {
            (
                frame.sequence,
                String::from_utf8_lossy(frame.body).into_owned(),
            )
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, body)| body).collect()
}

/// One append segment with three events, its writer gone.
fn one_segment(directory: &Path) -> (std::path::PathBuf, Vec<u8>) {
    segment_of(directory, &["first", "second", "third"])
}

fn segment_of(directory: &Path, bodies: &[&str]) -> (std::path::PathBuf, Vec<u8>) {
    write(
        &journal_of(
            directory,
            Limits {
                preallocated_bytes: 0,
                ..Limits::default()
            },
            7,
        ),
        bodies,
    );
    let mut segments = list(directory).unwrap();
    segments.retain(|segment| !segment.scan().unwrap().header.is_preallocated);
    let path = segments[0].path.clone();
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn what_was_appended_is_read() {
    let home = crate::scratch::scratch();
    let journal = journal(home.path());
    write(&journal, &["a", "b"]);
    assert_eq!(all_events(home.path()), ["a", "b"]);
    assert!(
        scans(home.path()).iter().all(|scan| !scan.is_ownerless),
        "its writer lives"
    );
    drop(journal);
    assert!(
        scans(home.path())
            .iter()
            .all(|scan| scan.is_ownerless && scan.skipped.is_empty())
    );
}

#[test]
fn a_segment_torn_at_every_byte_keeps_its_whole_frames() {
    let home = crate::scratch::scratch();
    let (path, whole) = one_segment(home.path());
    let ends: Vec<usize> = scans(home.path())
        .iter()
        .filter(|scan| !scan.header.is_preallocated)
        .flat_map(|scan| {
            scan.frames()
                .filter(|f| f.kind == Kind::Event)
                .map(|f| f.end as usize)
                .collect::<Vec<_>>()
        })
        .collect();
    let segment = list(home.path())
        .unwrap()
        .into_iter()
        .find(|s| s.path == path)
        .unwrap();
    for end in segment::HEADER_BYTES..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let scan = segment.scan().unwrap();
        let expected = ends.iter().filter(|frame_end| **frame_end <= end).count();
        assert_eq!(events(&scan).len(), expected, "torn at {end}");
        assert_eq!(scan.end, end as u64);
    }
    for end in 0..segment::HEADER_BYTES {
        fs::write(&path, &whole[..end]).unwrap();
        assert_eq!(
            segment.scan().unwrap_err().kind(),
            ErrorKind::Corrupt,
            "torn at {end}"
        );
    }
}

#[test]
fn a_segment_damaged_at_every_byte_loses_at_most_the_frame_that_was_hit() {
    let home = crate::scratch::scratch();
    let (path, whole) = one_segment(home.path());
    let segment = list(home.path())
        .unwrap()
        .into_iter()
        .find(|s| s.path == path)
        .unwrap();
    for at in segment::HEADER_BYTES..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5A;
        fs::write(&path, &damaged).unwrap();
        let scan = segment.scan().unwrap();
        let kept = scan.frames().count();
        assert_eq!(kept, 4, "of five frames, damaged at {at}");
        assert_eq!(scan.skipped.len(), 1, "damaged at {at}");
    }
}

#[test]
fn a_hole_in_the_middle_is_passed_over_and_counted() {
    let home = crate::scratch::scratch();
    let (path, whole) = one_segment(home.path());
    let segment = list(home.path())
        .unwrap()
        .into_iter()
        .find(|s| s.path == path)
        .unwrap();
    let second = whole
        .windows(6)
        .position(|window| window == b"second")
        .unwrap();
    let mut torn = whole[..second + 3].to_vec();
    torn.extend_from_slice(&whole[second + 6..]);
    fs::write(&path, &torn).unwrap();
    let scan = segment.scan().unwrap();
    assert_eq!(events(&scan), ["first", "third"]);
    assert_eq!(
        scan.skipped[0].end - scan.skipped[0].start,
        FRAME_HEADER_BYTES as u64 + 3
    );
}

/// As a hostile message may have been written when the disk failed.
#[test]
fn a_damaged_frame_full_of_heads_hides_none_behind_it() {
    let home = crate::scratch::scratch();
    let long = "long".repeat(64 * 1024);
    let (path, whole) = segment_of(home.path(), &["first", &long, "third"]);
    let mut segments = list(home.path()).unwrap();
    segments.retain(|segment| segment.path == path);
    let frames = segments[0].scan().unwrap();
    let first = frames.frames().find(|frame| frame.body == b"first");
    let second = first.unwrap().end as usize;
    let heads = (0..20_000).flat_map(|_| {
        let mut head = [0; FRAME_HEADER_BYTES];
        head[..4].copy_from_slice(&frame::MAGIC);
        head[8..12].copy_from_slice(&100_000_u32.to_le_bytes());
        head
    });
    let mut damaged = whole[..second].to_vec();
    damaged.extend(heads);
    damaged.extend_from_slice(&whole[second..]);
    fs::write(&path, &damaged).unwrap();
    let scan = segments[0].scan().unwrap();
    assert_eq!(events(&scan), ["first", &long, "third"]);
    assert_eq!(scan.skipped.len(), 1);
}

#[test]
fn a_live_writers_unfinished_frame_is_waited_for() {
    let home = crate::scratch::scratch();
    let journal = journal(home.path());
    write(&journal, &["a", "b"]);
    let live = scans(home.path())
        .into_iter()
        .find(|scan| !scan.header.is_preallocated)
        .unwrap();
    let segment = list(home.path())
        .unwrap()
        .into_iter()
        .find(|s| s.stem == live.header.stem())
        .unwrap();
    let whole = fs::read(&segment.path).unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&segment.path)
        .unwrap();
    file.set_len(whole.len() as u64 - 1).unwrap();
    let scan = segment.scan().unwrap();
    assert_eq!(events(&scan), ["a"]);
    assert!(scan.skipped.is_empty(), "it is not torn, only not finished");
    assert!(scan.end < whole.len() as u64 - 1);
}

#[test]
fn frames_of_another_segment_are_not_believed() {
    let home = crate::scratch::scratch();
    let (_, first) = one_segment(home.path());
    let other = crate::scratch::scratch();
    let (path, mut second) = one_segment(other.path());
    second.extend_from_slice(&first[segment::HEADER_BYTES..]);
    fs::write(&path, &second).unwrap();
    assert_eq!(all_events(other.path()), ["first", "second", "third"]);
}

#[test]
fn foreign_and_newer_files_are_told_and_left_alone() {
    let home = crate::scratch::scratch();
    let (path, mut bytes) = one_segment(home.path());
    bytes[8] = 9;
    fs::write(&path, &bytes).unwrap();
    let foreign = home.path().join("notes.cvj");
    fs::write(&foreign, "not a segment at all").unwrap();
    for (path, kind) in [
        (&path, ErrorKind::Unsupported),
        (&foreign, ErrorKind::Corrupt),
    ] {
        let before = fs::read(path).unwrap();
        let segment = list(home.path())
            .unwrap()
            .into_iter()
            .find(|s| &s.path == path)
            .unwrap();
        let error = segment.scan().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(
            error.message().contains(&path.display().to_string()),
            "{error}"
        );
        assert_eq!(fs::read(path).unwrap(), before);
    }
}

#[test]
fn a_full_segment_is_rotated_and_the_old_one_given_up() {
    let home = crate::scratch::scratch();
    let limits = Limits {
        segment_bytes_max: 2000,
        ..Limits::default()
    };
    let journal = journal_of(home.path(), limits, 7);
    let bodies: Vec<String> = (0..100)
        .map(|number| format!("{number:03}").repeat(20))
        .collect();
    for body in &bodies {
        append(&journal, body.as_bytes(), Durability::Process).unwrap();
    }
    let scans = scans(home.path());
    assert!(scans.len() > 5);
    let live = scans
        .iter()
        .filter(|scan| !scan.is_ownerless && !scan.header.is_preallocated);
    assert_eq!(live.count(), 1);
    let first_kinds = scans
        .iter()
        .map(|scan| scan.frames().take(2).map(|f| f.kind).collect::<Vec<_>>());
    assert!(
        first_kinds
            .into_iter()
            .all(|kinds| kinds == [Kind::Process, Kind::Modules])
    );
    assert_eq!(all_events(home.path()), bodies);
}

#[test]
fn a_changed_module_list_is_written_before_the_event_that_needs_it() {
    let home = crate::scratch::scratch();
    let journal = journal(home.path());
    write(&journal, &["a"]);
    let mut frame = vec![0; FRAME_HEADER_BYTES];
    let entry = Entry {
        kind: Kind::Event,
        flags: Flags::default(),
        id: [2; 16],
        durability: Durability::Process,
        modules_generation: 2,
    };
    journal.append(&mut frame, entry).unwrap();
    let scan = scans(home.path())
        .into_iter()
        .find(|scan| !scan.header.is_preallocated)
        .unwrap();
    let kinds: Vec<Kind> = scan.frames().map(|frame| frame.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::Process,
            Kind::Modules,
            Kind::Event,
            Kind::Modules,
            Kind::Event
        ]
    );
}

#[test]
fn durable_frames_go_to_the_preallocated_segment_and_fit_it() {
    let home = crate::scratch::scratch();
    let journal = journal(home.path());
    let body = "x".repeat(1000);
    for _ in 0..300 {
        append(&journal, body.as_bytes(), Durability::Data).unwrap();
    }
    let scans = scans(home.path());
    assert!(
        scans
            .iter()
            .all(|scan| scan.header.is_preallocated && scan.skipped.is_empty())
    );
    assert!(scans.len() >= 3, "300 KB in segments of 128 KB");
    assert_eq!(all_events(home.path()).len(), 300);
    let sizes: Vec<u64> = list(home.path()).unwrap().iter().map(|s| s.bytes).collect();
    assert!(
        sizes
            .iter()
            .all(|bytes| *bytes == Limits::default().preallocated_bytes),
        "{sizes:?}"
    );
}

#[test]
fn a_durable_frame_longer_than_the_preallocated_segment_is_still_kept() {
    let home = crate::scratch::scratch();
    let journal = journal(home.path());
    append(&journal, "y".repeat(200_000).as_bytes(), Durability::Data).unwrap();
    assert_eq!(all_events(home.path())[0].len(), 200_000);
}

#[test]
fn async_frames_wait_a_moment_and_keep_their_order() {
    let home = crate::scratch::scratch();
    let journal = journal(home.path());
    append(&journal, b"slow", Durability::Async).unwrap();
    assert_eq!(all_events(home.path()), [""; 0]);
    assert!(journal.flush_due().is_some());
    append(&journal, b"quick", Durability::Process).unwrap();
    assert_eq!(all_events(home.path()), ["slow", "quick"]);
    append(&journal, b"later", Durability::Async).unwrap();
    std::thread::sleep(Duration::from_millis(110));
    assert_eq!(journal.flush_due(), None);
    assert_eq!(all_events(home.path()).len(), 3);
}

#[test]
fn writers_with_equal_pids_do_not_meet() {
    let home = crate::scratch::scratch();
    let [one, two] = [1, 2].map(|_| journal_of(home.path(), Limits::default(), 1));
    write(&one, &["a"]);
    write(&two, &["b"]);
    drop(one);
    let ownerless: Vec<_> = scans(home.path())
        .into_iter()
        .filter(|scan| scan.is_ownerless)
        .collect();
    assert_eq!(ownerless.iter().flat_map(events).collect::<Vec<_>>(), ["a"]);
    write(&two, &["c"]);
    assert_eq!(all_events(home.path()).len(), 3);
}

#[test]
fn threads_append_whole_frames() {
    let home = crate::scratch::scratch();
    let journal = journal_of(
        home.path(),
        Limits {
            segment_bytes_max: 20_000,
            ..Limits::default()
        },
        7,
    );
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0..200 {
                    let durability = if number % 50 == 0 {
                        Durability::Data
                    } else {
                        Durability::Process
                    };
                    append(journal, format!("{thread}-{number}").as_bytes(), durability).unwrap();
                }
            });
        }
    });
    drop(journal);
    assert!(
        scans(home.path())
            .iter()
            .all(|scan| scan.skipped.is_empty())
    );
    assert_eq!(all_events(home.path()).len(), 1600);
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_and_counted() {
    let home = crate::scratch::scratch();
    let file = home.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let journal = journal(&file.join("journal"));
    assert!(append(&journal, b"a", Durability::Process).is_err());
    assert!(append(&journal, b"b", Durability::Data).is_err());
    let (lost, errno) = journal.losses();
    assert_eq!(lost, 2);
    assert_eq!(errno as i32, libc::ENOTDIR);
}

#[test]
fn only_old_and_unlocked_temporaries_are_removed() {
    let home = crate::scratch::scratch();
    let make = |name: &str, age_secs: u64| {
        let path = home
            .path()
            .join(format!("{}{name}", segment::TEMPORARY_PREFIX));
        let file = fs::File::create(&path).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age_secs))
            .unwrap();
        (path, file)
    };
    let (old, _) = make("old", 60);
    let (young, _) = make("young", 0);
    let (locked, file) = make("locked", 60);
    file.try_lock().unwrap();
    remove_stale_temporaries(home.path());
    assert!(!old.exists() && young.exists() && locked.exists());
}

#[test]
fn a_journal_over_its_limit_says_so_until_it_has_room() {
    let home = crate::scratch::scratch();
    let limits = Limits {
        journal_bytes_max: 10_000,
        segment_bytes_max: 4_000,
        preallocated_bytes: 0,
    };
    let journal = journal_of(home.path(), limits, 7);
    let mut seen = vec![journal.fullness()];
    for _ in 0..200 {
        append(&journal, &[b'z'; 500], Durability::Process).unwrap();
        seen.push(journal.fullness());
    }
    seen.dedup();
    assert_eq!(seen, [Fullness::HasRoom, Fullness::Over, Fullness::FarOver]);
    for segment in list(home.path()).unwrap() {
        fs::remove_file(segment.path).unwrap();
    }
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(journal.fullness(), Fullness::HasRoom);
}

#[test]
fn a_segment_longer_than_any_writer_makes_is_read_to_its_end() {
    let home = crate::scratch::scratch();
    let (path, mut bytes) = one_segment(home.path());
    let seed = crc32c::crc32c(&bytes[16..32]);
    let mut head = frame::Head {
        kind: Kind::Event as u8,
        flags: Flags::default(),
        id: [3; 16],
        sequence: 100,
        key_id: 0,
    };
    for _ in 0..5 {
        let start = bytes.len();
        bytes.resize(start + FRAME_HEADER_BYTES + 14 * 1024 * 1024, 0);
        head.sequence += 1;
        frame::seal(&mut bytes[start..], head, seed);
    }
    fs::write(&path, &bytes).unwrap();
    let segment = list(home.path())
        .unwrap()
        .into_iter()
        .find(|segment| segment.path == path)
        .unwrap();
    let scan = segment.scan().unwrap();
    assert_eq!(scan.end, bytes.len() as u64);
    assert_eq!(scan.frames().last().unwrap().sequence, 105);
}

#[test]
fn a_file_too_long_to_be_read_is_told_and_left_alone() {
    let home = crate::scratch::scratch();
    let (path, _) = one_segment(home.path());
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // Sparse: takes no room.
    file.set_len(1 << 31).unwrap();
    let segments = list(home.path()).unwrap();
    let segment = segments.iter().find(|segment| segment.path == path);
    let error = segment.unwrap().scan().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitReached);
}

/// From now on no segment can be made in `directory`; those that are open stay usable under another name.
fn bar(directory: &Path) -> std::path::PathBuf {
    let moved = directory.with_extension("moved");
    fs::rename(directory, &moved).unwrap();
    fs::write(directory, "in the way").unwrap();
    moved
}

fn unbar(directory: &Path, moved: &Path) {
    fs::remove_file(directory).unwrap();
    fs::rename(moved, directory).unwrap();
}

#[test]
fn a_segment_that_cannot_be_rotated_stops_growing() {
    let home = crate::scratch::scratch();
    let directory = home.path().join("journal");
    let limits = Limits {
        segment_bytes_max: 2000,
        preallocated_bytes: 8 * 1024,
        ..Limits::default()
    };
    let journal = journal_of(&directory, limits, 7);
    write(&journal, &["a", "b"]);
    let moved = bar(&directory);
    let body = [b'x'; 500];
    let kept = (0..100)
        .filter(|_| append(&journal, &body, Durability::Process).is_ok())
        .count();
    assert!((20..60).contains(&kept), "{kept}");
    assert_eq!(journal.losses().0, 100 - kept as u64);
    let longest = list(&moved).unwrap().iter().map(|s| s.bytes).max();
    assert!(longest.unwrap() < 26_000, "{longest:?}");
    unbar(&directory, &moved);
    append(&journal, b"again", Durability::Process).unwrap();
    assert_eq!(all_events(&directory).len(), 2 + kept + 1);
}

fn preallocated_count(directory: &Path) -> usize {
    let scans = scans(directory);
    let preallocated = scans.iter().filter(|scan| scan.header.is_preallocated);
    preallocated.count()
}

/// Small enough to be full soon; 32 KiB of the emergency place are for fatal events.
const SMALL: Limits = Limits {
    segment_bytes_max: 1000,
    preallocated_bytes: 80 * 1024,
    journal_bytes_max: 256 * 1024 * 1024,
};

/// Appends until the append segment takes nothing more, and returns how many went to the emergency place after that.
fn fill(journal: &Journal) -> usize {
    let body = [b'x'; 1000];
    let kept = (0..200)
        .take_while(|_| append(journal, &body, Durability::Process).is_ok())
        .count();
    kept.saturating_sub(12)
}

#[test]
fn the_emergency_place_is_made_anew_after_its_use() {
    let home = crate::scratch::scratch();
    let directory = home.path().join("journal");
    let journal = journal_of(&directory, SMALL, 7);
    write(&journal, &["a", "b"]);
    for round in 1..=3 {
        let moved = bar(&directory);
        assert!(fill(&journal) > 35, "round {round}");
        unbar(&directory, &moved);
        write(&journal, &["there is room again"]);
        assert_eq!(preallocated_count(&directory), round + 1);
    }
}

#[test]
fn an_emergency_place_that_could_not_be_made_is_made_later() {
    let home = crate::scratch::scratch();
    let directory = home.path().join("journal");
    let journal = journal_of(&directory, SMALL, 7);
    write(&journal, &["a"]);
    let moved = bar(&directory);
    write(&journal, &["b"]);
    unbar(&directory, &moved);
    assert_eq!(preallocated_count(&directory), 0);
    write(&journal, &["x".repeat(1000).as_str(), "rotated"]);
    assert_eq!(preallocated_count(&directory), 1);
}

#[test]
fn a_durable_event_has_its_module_table_before_it() {
    let home = crate::scratch::scratch();
    let journal = journal(home.path());
    let mut entry = Entry {
        kind: Kind::Event,
        flags: Flags::default(),
        id: [2; 16],
        durability: Durability::Data,
        modules_generation: 2,
    };
    for generation in [2, 2, 1] {
        entry.modules_generation = generation;
        journal.append(&mut [0; FRAME_HEADER_BYTES], entry).unwrap();
    }
    let kinds: Vec<Kind> = scans(home.path())[0].frames().map(|f| f.kind).collect();
    let event = Kind::Event;
    assert_eq!(
        kinds,
        [
            Kind::Process,
            Kind::Modules,
            Kind::Modules,
            event,
            event,
            event
        ]
    );
}

#[test]
fn durable_frames_that_never_fit_leave_no_empty_segments() {
    let home = crate::scratch::scratch();
    let journal = journal(home.path());
    let body = vec![b'y'; 200_000];
    for _ in 0..5 {
        append(&journal, &body, Durability::Data).unwrap();
    }
    assert_eq!(all_events(home.path()).len(), 5);
    assert!(preallocated_count(home.path()) <= 1);
}

#[test]
fn a_flush_to_the_disk_passes_over_segments_that_are_gone() {
    let home = crate::scratch::scratch();
    let journal = journal_of(home.path(), SMALL, 7);
    assert!(journal.flush(true).is_ok(), "nothing was written yet");
    for _ in 0..5 {
        write(&journal, &["x".repeat(1000).as_str()]);
    }
    append(&journal, b"slow", Durability::Async).unwrap();
    let segments = list(home.path()).unwrap();
    let mut given_up = segments
        .iter()
        .filter(|segment| segment.scan().unwrap().is_ownerless);
    fs::remove_file(&given_up.next().unwrap().path).unwrap();
    journal.flush(true).unwrap();
    assert!(all_events(home.path()).contains(&"slow".to_owned()));
}
