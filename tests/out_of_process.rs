//! The receiver: at a crash a second process writes down the stacks of all threads, and nobody notices it.

#![cfg(target_os = "linux")]
#![expect(
    unsafe_code,
    reason = "waitpid has no safe interface that tells of stops"
)]

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crashvault::event::Thread;
use crashvault::{Event, IssueFilter, Vault};

const WITNESS: &str = env!("CARGO_BIN_EXE_witness");

struct Ended {
    /// As waitpid tells it: nothing but the end may be seen.
    status: i32,
    output: String,
    errors: String,
}

#[expect(clippy::zombie_processes, reason = "waitpid collects it")]
fn run(home: &Path, kind: &str, receiver: &str) -> Ended {
    let mut child = Command::new(WITNESS)
        .args([home.to_str().unwrap(), kind, receiver])
        .env("CRASHVAULT_TEST_SECRET", "a-secret-in-the-environment")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut status = 0;
    // SAFETY: the child was made above; the standard library does not wait for it.
    let waited = unsafe {
        libc::waitpid(
            child.id() as i32,
            &mut status,
            libc::WUNTRACED | libc::WCONTINUED,
        )
    };
    assert_eq!(waited, child.id() as i32);
    let (mut output, mut errors) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    Ended {
        status,
        output,
        errors,
    }
}

/// Crashes as told; the end is that of a program without Crashvault, and nothing of ours is left running.
fn crash(home: &Path, kind: &str, receiver: &str) -> Ended {
    let bare = run(Path::new("-"), kind, "-");
    let watched = run(home, kind, receiver);
    assert_eq!(watched.status, bare.status, "{kind} ends as without us");
    assert_eq!(watched.output, bare.output, "{kind}: the host sees nothing");
    assert_eq!(left_running(home), Vec::<String>::new(), "{kind}");
    watched
}

/// The command lines of processes that name the vault.
fn left_running(home: &Path) -> Vec<String> {
    let lines = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            Some(String::from_utf8_lossy(&line).into_owned())
        });
    let home = home.to_str().unwrap();
    lines.filter(|line| line.contains(home)).collect()
}

/// Drains; the one event, and the dumps with it.
fn event_and_dumps(home: &Path) -> (Event, Vec<Vec<u8>>) {
    let (mut events, dumps) = events_and_dumps(home);
    assert_eq!(events.len(), 1);
    (events.remove(0), dumps)
}

fn events_and_dumps(home: &Path) -> (Vec<Event>, Vec<Vec<u8>>) {
    let mut vault = Vault::open(home).unwrap();
    let report = vault.drain_all().unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let issues = vault.issues(&IssueFilter::default()).unwrap();
    let events = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, 100).unwrap());
    let events: Vec<Event> = events.map(|stored| stored.event).collect();
    let dumps = events
        .iter()
        .flat_map(|event| vault.attachments(event.event_id).unwrap());
    let dumps = dumps
        .map(|dump| vault.read_attachment(&dump).unwrap())
        .collect();
    let left: Vec<_> = fs::read_dir(home.join("journal"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(left.is_empty(), "left in the journal: {left:?}");
    (events, dumps)
}

fn functions(thread: &Thread) -> Vec<&str> {
    let frames = thread.stacktrace.iter().flat_map(|trace| &trace.frames);
    frames
        .filter_map(|frame| frame.function.as_deref())
        .collect()
}

/// The crashing thread's stack and those of the three others are there.
fn check_threads(event: &Event, function: &str) {
    let trace = event
        .primary_exception()
        .unwrap()
        .stacktrace
        .as_ref()
        .unwrap();
    let mut names = trace
        .frames
        .iter()
        .filter_map(|frame| frame.function.as_deref());
    assert!(names.any(|name| name.contains(function)), "{trace:?}");
    for name in ["alpha", "beta", "gamma"] {
        let mut threads = event.threads.iter();
        let thread = threads.find(|thread| thread.name.as_deref() == Some(name));
        let thread = thread.unwrap_or_else(|| panic!("{name}: {:?}", event.flaws));
        let expected = format!("wait_in_{name}");
        let functions = functions(thread);
        assert!(
            functions
                .iter()
                .any(|function| function.contains(&expected)),
            "{name}: {functions:?}"
        );
        assert_eq!(thread.crashed, Some(false));
    }
    let crashed = event
        .threads
        .iter()
        .filter(|thread| thread.crashed == Some(true));
    assert_eq!(crashed.count(), 1);
}

fn check_whole(kind: &str, title: &str, function: &str) {
    let home = tempfile::tempdir().unwrap();
    let ended = crash(home.path(), kind, "self");
    let (event, dumps) = event_and_dumps(home.path());
    assert!(event.title().starts_with(title), "{}", event.title());
    assert!(!event.breadcrumbs.is_empty());
    check_threads(&event, function);
    assert_eq!(dumps.len(), 1, "{}", ended.errors);
}

#[test]
fn a_crash_keeps_the_stacks_of_all_threads() {
    check_whole("segv", "SIGSEGV / SEGV_MAPERR", "crash_here");
}

#[test]
fn an_abort_keeps_the_stacks_of_all_threads() {
    check_whole("abort", "SIGABRT", "crash_abort");
}

#[test]
fn a_panic_that_aborts_keeps_the_stacks_of_all_threads() {
    check_whole(
        "panic_extern_c",
        "panic: it cannot unwind",
        "panic_without_unwinding",
    );
}

#[test]
fn two_threads_that_crash_at_once_are_one_event() {
    check_whole("two_threads", "SIGSEGV", "crash_here");
}

#[test]
fn a_host_that_waits_for_all_children_sees_none() {
    check_whole("watchful", "SIGSEGV", "crash_here");
}

#[test]
fn a_host_without_a_free_descriptor_has_its_dump() {
    check_whole("no_descriptors", "SIGSEGV", "crash_here");
}

#[test]
fn a_small_alternate_stack_is_enough() {
    check_whole("small_alternate_stack", "SIGSEGV", "crash_here");
}

#[test]
fn a_forked_child_has_its_dump() {
    let home = tempfile::tempdir().unwrap();
    crash(home.path(), "fork_child", "self");
    let (event, dumps) = event_and_dumps(home.path());
    assert!(event.title().starts_with("SIGSEGV"));
    assert_eq!(dumps.len(), 1, "{:?}", event.flaws);
}

#[test]
fn a_fault_that_the_host_deals_with_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let ended = crash(home.path(), "recovered", "self");
    assert_eq!(ended.output, "and goes on\n");
    let (events, dumps) = events_and_dumps(home.path());
    assert_eq!((events.len(), dumps.len()), (0, 0));
}

#[test]
fn a_dump_tells_nothing_of_the_environment() {
    let home = tempfile::tempdir().unwrap();
    crash(home.path(), "segv", "self");
    let (_, dumps) = event_and_dumps(home.path());
    let dump = String::from_utf8_lossy(&dumps[0]).into_owned();
    assert!(dump.contains("witness"), "the names of binaries are there");
    assert!(!dump.contains("a-secret-in-the-environment"));
}

#[test]
fn without_the_option_there_is_no_dump() {
    let home = tempfile::tempdir().unwrap();
    crash(home.path(), "segv", "-");
    let (event, dumps) = event_and_dumps(home.path());
    assert_eq!((event.threads.len(), dumps.len()), (1, 0));
    assert!(event.flaws.iter().all(|flaw| flaw.field != "threads"));
}

/// A receiver that does not do what it should: the event is whole, and says what is missing.
fn check_failing(receiver: &Path, home: &Path, expected: &str) -> Ended {
    let ended = crash(home, "segv", receiver.to_str().unwrap());
    let (event, dumps) = event_and_dumps(home);
    assert!(event.title().starts_with("SIGSEGV"));
    assert!(dumps.is_empty());
    let flaw = event.flaws.iter().find(|flaw| flaw.field == "threads");
    let flaw = flaw.unwrap_or_else(|| panic!("{:?}", event.flaws));
    assert!(flaw.reason.contains(expected), "{flaw:?}");
    ended
}

fn script(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("receiver");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_receiver_that_is_not_there_is_told_of() {
    let home = tempfile::tempdir().unwrap();
    let missing = Path::new("/no/such/receiver");
    let ended = check_failing(missing, home.path(), "could not be started");
    assert!(
        ended.errors.contains("/no/such/receiver"),
        "{}",
        ended.errors
    );
}

#[test]
fn a_receiver_that_hangs_is_ended() {
    let home = tempfile::tempdir().unwrap();
    let hanging = script(home.path(), "while :; do sleep 0.1; done");
    check_failing(&hanging, home.path(), "longer than 4 s");
}

#[test]
fn a_receiver_that_crashes_is_told_of() {
    let home = tempfile::tempdir().unwrap();
    let crashing = script(home.path(), "kill -SEGV $$");
    check_failing(&crashing, home.path(), "ended without one");
}
