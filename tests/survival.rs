//! What was captured survives: other processes, forks, replaced binaries, and failures at every single write.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crashvault::{Event, IssueFilter, Vault};
use crashvault_tests::healthy;
use crashvault_tests::nth_write::{Tried, at_each_write};

const SURVIVOR: &str = env!("CARGO_BIN_EXE_survivor");
const FAULTY: &str = env!("CARGO_BIN_EXE_faulty");

fn run(program: &Path, arguments: &[&str]) -> String {
    let output = loop {
        match Command::new(program).args(arguments).output() {
            // A copy just made is open for writing still in the child that another test is starting.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::yield_now();
            }
            output => break output.unwrap(),
        }
    };
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn survivor(home: &Path, arguments: &[&str]) -> String {
    let mut all = vec![home.to_str().unwrap()];
    all.extend(arguments);
    run(Path::new(SURVIVOR), &all)
}

/// Drains and returns all events.
fn events(home: &Path) -> Vec<Event> {
    let mut vault = Vault::open(home).unwrap();
    let report = vault.drain_all().unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let issues = vault.issues(&IssueFilter::default().limit(10_000)).unwrap();
    let events = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, 100_000).unwrap());
    let events: Vec<Event> = events.map(|stored| stored.event).collect();
    let counted: u64 = issues.iter().map(|issue| issue.seen_count).sum();
    assert_eq!(counted, events.len() as u64);
    events
}

fn messages(home: &Path) -> Vec<String> {
    let mut messages: Vec<_> = events(home)
        .into_iter()
        .filter_map(|event| event.message)
        .collect();
    messages.sort();
    messages
}

fn segments(home: &Path) -> usize {
    std::fs::read_dir(home.join("journal")).map_or(0, |entries| entries.count())
}

fn start(home: &Path, kind: &str) -> (Child, String) {
    let mut child = Command::new(SURVIVOR)
        .args([home.to_str().unwrap(), kind])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, line.trim().to_owned())
}

#[test]
fn a_binary_replaced_before_the_drain_still_has_its_lines() {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("program");
    std::fs::copy(SURVIVOR, &program).unwrap();
    run(&program, &[home.path().to_str().unwrap(), "located"]);
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "edited and built anew").unwrap();
    let events = events(home.path());
    let culprit = events[0].culprit().unwrap();
    assert!(
        culprit.contains("located_failure") && culprit.contains("survivor/main.rs:"),
        "{culprit}"
    );
    let links = std::fs::read_dir(home.path().join("symbols"))
        .unwrap()
        .count();
    assert_eq!(links, 0, "the link goes with its last segment");
}

#[test]
fn a_binary_that_is_gone_leaves_addresses_and_a_note() {
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("program");
    std::fs::copy(SURVIVOR, &program).unwrap();
    run(&program, &[home.path().to_str().unwrap(), "located"]);
    std::fs::remove_file(&program).unwrap();
    std::fs::remove_dir_all(home.path().join("symbols")).unwrap();
    let events = events(home.path());
    let frames = &events[0].exceptions[0].stacktrace.as_ref().unwrap().frames;
    assert!(frames.iter().all(|frame| frame.instruction_addr.is_some()));
    let note = events[0]
        .flaws
        .iter()
        .find(|flaw| flaw.field == "stacktrace")
        .unwrap();
    assert!(note.reason.contains("program"), "{note:?}");
}

#[test]
fn a_forked_child_has_its_own_segment_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    survivor(home.path(), &["fork"]);
    let mut found: Vec<(String, String)> = events(home.path())
        .into_iter()
        .map(|event| (event.message.unwrap(), event.tags["who"].clone()))
        .collect();
    found.sort();
    let pair = |message: &str, who: &str| (message.to_owned(), who.to_owned());
    assert_eq!(
        found,
        [
            pair("after the fork", "parent"),
            pair("before the fork", "parent"),
            pair("in the child", "child")
        ]
    );
    assert_eq!(segments(home.path()), 0);
}

/// SQLite's locks do not cross a fork: a child that drained by itself committed to a log that others had removed, and
/// then removed the segments of those events.
#[test]
fn a_child_of_a_process_that_drained_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (mut parent, said) = start(home.path(), "fork_drained");
    assert_eq!(said, "forking");
    for _ in 0..2 {
        std::thread::sleep(std::time::Duration::from_millis(2200));
        survivor(home.path(), &["drain"]);
        survivor(home.path(), &["errors", "1"]);
    }
    assert!(parent.wait().unwrap().success());
    let mut expected: Vec<String> = (0..25).map(|index| format!("child {index:02}")).collect();
    expected.extend(std::iter::repeat_n("message 0".to_owned(), 3));
    assert_eq!(messages(home.path()), expected);
    assert_eq!(segments(home.path()), 0);
}

#[test]
fn a_vault_stays_on_its_side_of_a_fork() {
    let home = tempfile::tempdir().unwrap();
    survivor(home.path(), &["fork_open"]);
}

#[test]
fn a_child_forked_amid_captures_can_capture() {
    let home = tempfile::tempdir().unwrap();
    survivor(home.path(), &["fork_busy", "200"]);
}

#[test]
fn a_dead_parent_is_known_to_be_dead_while_its_child_lives() {
    let home = tempfile::tempdir().unwrap();
    let (mut parent, child) = start(home.path(), "orphan");
    let input = parent.stdin.take();
    parent.wait().unwrap();
    assert!(Path::new("/proc").join(&child).exists(), "the child lives");
    assert_eq!(messages(home.path()), ["message 0"]);
    assert_eq!(segments(home.path()), 0, "its segments could be removed");
    drop(input);
}

#[test]
fn a_living_writers_segment_is_read_and_stays() {
    let home = tempfile::tempdir().unwrap();
    let (mut holder, ready) = start(home.path(), "hold");
    assert_eq!(ready, "ready");
    assert_eq!(messages(home.path()), ["message 0"]);
    assert_eq!(
        segments(home.path()),
        2,
        "one for events, one for last words"
    );
    assert_eq!(
        messages(home.path()),
        ["message 0"],
        "reading again doubles nothing"
    );
    holder.stdin.take().unwrap().write_all(b"\n").unwrap();
    holder.wait().unwrap();
    assert_eq!(messages(home.path()), ["message 0"]);
    assert_eq!(segments(home.path()), 0);
}

/// Containers share a volume, and both programs are process 1 in their own.
#[test]
fn two_pid_namespaces_share_a_vault() {
    let home = tempfile::tempdir().unwrap();
    let in_namespace = || {
        let mut command = Command::new("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--pid",
            "--fork",
            SURVIVOR,
            home.path().to_str().unwrap(),
            "hold",
        ]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    };
    let (Ok(one), Ok(two)) = (in_namespace(), in_namespace()) else {
        return crashvault_tests::skip("two_pid_namespaces_share_a_vault", "missing tool: unshare");
    };
    let mut both = [one, two];
    let mut lines = both.each_mut().map(|child| {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        line
    });
    if lines.iter_mut().any(|line| line.trim() != "ready") {
        both.iter_mut().for_each(|child| drop(child.wait()));
        // Equal pids in one namespace are covered by the journal's own tests.
        return crashvault_tests::skip(
            "two_pid_namespaces_share_a_vault",
            "namespaces are not allowed here",
        );
    }
    let names: HashSet<String> = std::fs::read_dir(home.path().join("journal"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .split('-')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(names.len(), 1, "both have the same pid: {names:?}");
    assert_eq!(messages(home.path()), ["message 0", "message 0"]);
    assert_eq!(segments(home.path()), 4);
    both.iter_mut().for_each(|child| {
        drop(child.stdin.take());
        child.wait().unwrap();
    });
    assert_eq!(messages(home.path()).len(), 2);
    assert_eq!(segments(home.path()), 0);
}

const CAPTURED: usize = 40;

fn check_whole(home: &Path, number: usize) {
    let expected: HashSet<String> = (0..CAPTURED)
        .map(|index| format!("message {index}"))
        .collect();
    let found = messages(home);
    assert_eq!(
        found.len(),
        CAPTURED,
        "exactly once each, fault at {number}"
    );
    assert_eq!(found.into_iter().collect::<HashSet<_>>(), expected);
    assert_eq!(
        segments(home),
        0,
        "nothing is left behind, fault at {number}"
    );
    healthy(&Vault::open(home).unwrap());
}

fn captured(home: &Path) {
    survivor(home, &["errors", &CAPTURED.to_string()]);
}

#[test]
fn a_drain_killed_at_each_write_loses_and_doubles_nothing() {
    at_each_write(
        FAULTY,
        "drain",
        "kill",
        Tried::All,
        captured,
        |home, number, _| check_whole(home, number),
    );
}

#[test]
fn a_drain_whose_nth_write_fails_loses_and_doubles_nothing() {
    at_each_write(
        FAULTY,
        "drain",
        "fail",
        Tried::All,
        captured,
        |home, number, _| check_whole(home, number),
    );
}

#[test]
fn a_drain_on_a_disk_that_fills_up_loses_and_doubles_nothing() {
    at_each_write(
        FAULTY,
        "drain",
        "full",
        Tried::All,
        captured,
        |home, number, _| check_whole(home, number),
    );
}

#[test]
fn a_capture_that_was_acknowledged_is_kept_when_the_disk_fills_up() {
    at_each_write(
        FAULTY,
        "capture",
        "full",
        Tried::All,
        |_| (),
        |home, number, printed| {
            let refused: usize = printed.parse().unwrap();
            assert_eq!(
                messages(home).len(),
                50 - refused,
                "full from change {number} on"
            );
        },
    );
}

#[test]
fn a_capture_whose_nth_write_fails_is_kept_elsewhere_or_refused() {
    at_each_write(
        FAULTY,
        "capture",
        "fail",
        Tried::All,
        |_| (),
        |home, number, printed| {
            let refused: usize = printed.parse().unwrap();
            assert!(refused <= 1, "one fault, {refused} refused, at {number}");
            assert_eq!(messages(home).len(), 50 - refused, "fault at {number}");
        },
    );
}
