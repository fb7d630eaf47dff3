//! On a bad day the host runs on, nothing is printed, and what fits is kept.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

use crashvault::{Event, IssueFilter, Level, Vault};

fn run(home: &std::path::Path, kind: &str) -> Output {
    let vault = home.join("vault");
    let output = Command::new(env!("CARGO_BIN_EXE_survivor"))
        .arg(&vault)
        .arg(kind)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!complaint.contains("assertion"), "{complaint}");
    output
}

/// Runs a bad day that must end well and silently; returns the events by their titles.
fn check(kind: &str) -> BTreeMap<String, Event> {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), kind);
    assert!(
        output.status.success(),
        "{kind}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "{kind} printed"
    );
    events(home.path())
}

fn events(home: &std::path::Path) -> BTreeMap<String, Event> {
    let mut vault = Vault::open(home.join("vault")).unwrap();
    vault.drain_all().unwrap();
    let issues = vault.issues(&IssueFilter::default()).unwrap();
    let events = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, 100).unwrap());
    events
        .map(|stored| (stored.event.title(), stored.event))
        .collect()
}

fn has_flaw(event: &Event, part: &str) -> bool {
    event
        .flaws
        .iter()
        .any(|flaw| flaw.reason.contains(part) || flaw.field.contains(part))
}

#[test]
fn an_error_that_panics_while_printed_is_kept_without_its_text() {
    let events = check("display-panics");
    assert_eq!(events.len(), 1, "the inner panic is no event: {events:?}");
    let event = events.values().next().unwrap();
    assert!(has_flaw(event, "panicked"));
    assert!(event.exceptions[0].stacktrace.is_some());
}

#[test]
fn a_circle_of_sources_ends() {
    let events = check("circle-of-sources");
    assert_eq!(events.len(), 2);
    assert!(
        events
            .values()
            .all(|event| event.exceptions.len() <= 50 && has_flaw(event, "circle"))
    );
}

#[test]
fn a_capture_within_a_capture_is_kept_too() {
    let events = check("capture-within-capture");
    assert_eq!(events.len(), 2, "{:?}", events.keys());
    assert_eq!(events["Talkative: outer"].tags["outer"], "kept");
}

#[test]
fn hooks_that_panic_lose_nothing() {
    let events = check("hooks-panic");
    assert_eq!(events.len(), 1);
    assert!(has_flaw(&events["panic"], "before_send"));
    assert!(events["panic"].breadcrumbs.is_empty());
}

#[test]
fn a_hook_that_panics_about_a_panic_neither_aborts_nor_loses_it() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), "hook-panics-in-a-panic");
    assert_eq!(output.status.code(), Some(101), "as without Crashvault");
    let events = events(home.path());
    assert!(has_flaw(&events["panic: the first one"], "before_send"));
}

#[test]
fn the_id_that_was_returned_is_the_events_id() {
    let home = tempfile::tempdir().unwrap();
    let printed = String::from_utf8(run(home.path(), "ids").stdout).unwrap();
    assert_eq!(
        events(home.path())["kept"].event_id.to_string(),
        printed.trim()
    );
}

#[test]
fn host_code_that_panics_is_silent_without_our_panic_hook_too() {
    assert_eq!(check("silent-without-hook").len(), 1);
}

#[test]
fn a_panic_that_cannot_unwind_is_one_event_with_its_own_message() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), "cannot-unwind");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    assert_eq!(
        events(home.path()).into_keys().collect::<Vec<_>>(),
        ["panic: the real reason"]
    );
}

#[test]
fn the_global_scope_may_be_changed_from_within_its_own_change() {
    let events = check("global-scope");
    assert_eq!(events["from a thread"].tags["outer"], "1");
    assert_eq!(events.len(), 2);
}

#[test]
fn secrets_inside_of_the_users_data_never_reach_the_disk() {
    let home = tempfile::tempdir().unwrap();
    assert!(run(home.path(), "user-secrets").status.success());
    for segment in std::fs::read_dir(home.path().join("vault/journal")).unwrap() {
        let bytes = std::fs::read(segment.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
    }
    let user = events(home.path())["kept"].user.clone().unwrap();
    assert!(user.other["profile"].as_str().unwrap().contains("team"));
}

#[test]
fn the_previous_panic_hook_is_called_after_the_event_is_written() {
    let events = check("previous-hook");
    let event = &events["panic: in a thread"];
    assert_eq!(event.level, Level::Fatal);
    assert_eq!(event.threads[0].name.as_deref(), Some("worker"));
    assert_eq!(event.threads[0].crashed, Some(true));
}

#[test]
fn before_install_and_after_close_nothing_happens() {
    let events = check("before-install-and-after-close");
    assert_eq!(events.keys().collect::<Vec<_>>(), ["kept"]);
    assert!(!events["kept"].tags.contains_key("too"));
}

#[test]
fn the_first_installation_stays() {
    assert_eq!(check("second-install").len(), 1);
}

#[test]
fn an_async_event_is_written_within_a_moment() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), "async");
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    let events = events(home.path());
    let titles: Vec<&str> = events.keys().map(String::as_str).collect();
    assert_eq!(titles, ["SIGABRT: the program aborted", "kept"]);
}

#[test]
fn a_thread_captures_until_its_very_end() {
    assert_eq!(check("thread-ends").len(), 1);
}

#[test]
fn a_task_keeps_its_scope_on_whatever_thread() {
    let events = check("task-moves");
    let task = &events["from the task"].tags;
    let keys: Vec<&str> = task.keys().map(String::as_str).collect();
    assert_eq!(keys, ["poll1", "poll2", "poll3", "request"]);
    let thread: Vec<&str> = events["from the thread"]
        .tags
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(thread, ["thread"]);
}

#[test]
fn what_is_too_big_is_cut_visibly() {
    let events = check("huge");
    assert_eq!(events.len(), 1, "both have the same title");
    let event = events.values().next().unwrap();
    let message = event.message.as_deref().unwrap();
    assert!(message.len() <= 8192 && message.ends_with("…[cut]"));
    assert!(!event.flaws.is_empty(), "what was left out is said");
}

#[test]
fn a_vault_that_cannot_be_written_costs_the_host_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), "unwritable");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_clock_that_jumps_back_keeps_the_order_of_the_process() {
    let home = tempfile::tempdir().unwrap();
    assert!(run(home.path(), "clock-jumps-back").status.success());
    let mut vault = Vault::open(home.path().join("vault")).unwrap();
    vault.drain_all().unwrap();
    let issues = vault.issues(&IssueFilter::default()).unwrap();
    let mut events: Vec<_> = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, 10).unwrap())
        .collect();
    events.sort_by_key(|stored| stored.sequence);
    let messages: Vec<_> = events
        .iter()
        .filter_map(|stored| stored.event.message.as_deref())
        .collect();
    assert_eq!(messages, ["moved by 60", "moved by -86400", "moved by 30"]);
}

#[test]
fn arguments_that_are_no_utf8_are_kept_as_far_as_they_can_be_read() {
    use std::os::unix::ffi::OsStrExt;
    let home = tempfile::tempdir().unwrap();
    let odd = std::ffi::OsStr::from_bytes(b"1\xFF");
    let vault = home.path().join("vault");
    let output = Command::new(env!("CARGO_BIN_EXE_survivor"))
        .arg(&vault)
        .arg("located")
        .arg("1")
        .arg("--token")
        .arg(odd)
        .output();
    assert!(output.unwrap().status.success());
    let events = events(home.path());
    let arguments = events.values().next().unwrap().contexts["process"]["arguments"].clone();
    assert!(arguments.to_string().contains("[Filtered]"), "{arguments}");
}

#[test]
fn what_was_suppressed_is_counted_in_the_vault_too() {
    let home = tempfile::tempdir().unwrap();
    assert!(run(home.path(), "suppressed").status.success());
    let mut vault = Vault::open(home.path().join("vault")).unwrap();
    vault.drain_all().unwrap();
    let status = vault.status().unwrap();
    assert_eq!(
        (status.event_count, status.throttled_count),
        (50, 450),
        "flush() writes the rest"
    );
}

#[test]
fn one_call_may_ask_for_more_durability_than_the_options() {
    let home = tempfile::tempdir().unwrap();
    assert!(run(home.path(), "durable-call").status.success());
    let journal = std::fs::read_dir(home.path().join("vault/journal")).unwrap();
    let sizes: Vec<u64> = journal
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    assert_eq!(
        sizes,
        [128 * 1024],
        "it lies in the preallocated segment alone"
    );
    assert_eq!(events(home.path()).len(), 1);
}
