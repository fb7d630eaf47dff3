//! Every way a program can end, each in a child program of its own: exactly one event where it crashed, none where it did
//! not, and the same end as without Crashvault. `docs/crash-matrix.md` is the table of what was seen; the tests fail where
//! it differs. `UPDATE=1` writes it anew.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crashvault::{Event, FixedClock, IssueFilter, Timestamp, Vault};

mod program;
#[path = "../../tests/skip.rs"]
mod skip;

use program::program;
use skip::skip;

/// A child that has not ended by then is killed, and the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// One end, and what is to be kept of it.
struct Case {
    kind: &'static str,
    /// For people.
    what: &'static str,
    /// The title of the one event begins with this; nothing is kept where it is empty.
    title: &'static str,
    /// This stands among the innermost three frames.
    function: &'static str,
}

const CASES: &[Case] = &[
    case(
        "segv_null",
        "write to a null pointer",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "segv_wild",
        "write through a wild pointer",
        "SIGSEGV / SEGV_MAPERR",
        "crash_wild",
    ),
    case(
        "segv_execute",
        "call of data",
        "SIGSEGV / SEGV_ACCERR",
        "crash_execute",
    ),
    case(
        "fault_sent",
        "SIGFPE sent by a process",
        "SIGFPE",
        "send_fault",
    ),
    case(
        "bus",
        "memory behind the end of a file",
        "SIGBUS / BUS_ADRERR",
        "crash_bus",
    ),
    case("fpe", "division by zero", "SIGFPE", "crash_divide"),
    case("ill", "illegal instruction", "SIGILL", "crash_illegal"),
    case("trap", "trap instruction", "SIGTRAP", "crash_trap"),
    case("sys", "SIGSYS", "SIGSYS", "crash_forbidden"),
    case("abort", "`abort()`", "SIGABRT", "crash_abort"),
    case(
        "c_assert",
        "failed `assert` of C",
        "SIGABRT: crasher",
        "crash_assert",
    ),
    case(
        "double_free",
        "memory freed twice",
        "SIGABRT: free(): double free",
        "crash_double_free",
    ),
    case(
        "overflow_main",
        "stack overflow in the main thread",
        "SIGSEGV",
        "crash_deep",
    ),
    case(
        "overflow_thread",
        "stack overflow in a thread",
        "SIGSEGV",
        "crash_deep",
    ),
    case("oom", "failed allocation", "SIGABRT", "crash_allocate"),
    case(
        "panic_main",
        "panic in `main`",
        "panic: it panicked",
        "crash_panic",
    ),
    case(
        "panic_thread",
        "panic in a thread",
        "panic: it panicked",
        "crash_panic",
    ),
    case(
        "panic_async",
        "panic in an async task",
        "panic: a task panicked",
        "crash_task",
    ),
    case(
        "panic_in_drop",
        "panic in a destructor during another",
        "panic: the first one",
        "crash_drop",
    ),
    case(
        "panic_extern_c",
        "panic in an `extern \"C\"` function",
        "panic: it cannot unwind",
        "crash_extern",
    ),
    case(
        "panic_in_hook",
        "panic in the host's panic hook",
        "panic: it panicked",
        "crash_panic",
    ),
    case(
        "panic_abort",
        "panic in a program built with `panic=abort`",
        "panic: no unwinding here",
        "crash_panic_abort",
    ),
    case("sigkill", "SIGKILL", "ended without notice", ""),
    case(
        "fork_child",
        "crash of a forked child",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "exec_child",
        "crash of a started program",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "crash_in_capture",
        "crash while an error is captured",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "crash_in_handler",
        "crash in the host's own handler",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "alternate_stack",
        "stack overflow, the host has an alternate stack",
        "SIGSEGV",
        "crash_deep",
    ),
    case(
        "small_alternate_stack",
        "4 KB of alternate stack",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "foreign_handler",
        "the host's handler ends the program",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "two_threads",
        "two threads crash at once",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "at_exit",
        "crash in a function that runs at exit",
        "SIGSEGV / SEGV_MAPERR",
        "crash_null",
    ),
    case(
        "underscore_exit",
        "`_exit` without `close()`",
        "ended without notice",
        "",
    ),
    case(
        "exec",
        "`exec` without `close()`",
        "ended without notice",
        "",
    ),
    case("underscore_exit_closed", "`_exit` after `close()`", "", ""),
    case("exec_closed", "`exec` after `close()`", "", ""),
    case("term", "SIGTERM", "", ""),
    case("int", "SIGINT (Ctrl-C)", "", ""),
    case("hup", "SIGHUP", "", ""),
    case("pipe", "SIGPIPE", "", ""),
    case(
        "term_chained",
        "SIGTERM, which the host handles and hands on",
        "",
        "",
    ),
    case(
        "recovered",
        "a fault that the host's handler deals with",
        "",
        "",
    ),
    case("clean", "the end of `main`", "", ""),
    case("clean_exit", "`exit`", "", ""),
];

const fn case(
    kind: &'static str,
    what: &'static str,
    title: &'static str,
    function: &'static str,
) -> Case {
    Case {
        kind,
        what,
        title,
        function,
    }
}

macro_rules! crash_matrix {
    ($($name:ident => $kind:literal,)*) => {
        $(#[test] fn $name() { check($kind); })*

        /// Kinds that have a test.
        const TESTED: &[&str] = &[$($kind),*];
    };
}

crash_matrix! {
    crash_matrix_segv_null => "segv_null",
    crash_matrix_segv_wild => "segv_wild",
    crash_matrix_segv_execute => "segv_execute",
    crash_matrix_fault_sent => "fault_sent",
    crash_matrix_bus => "bus",
    crash_matrix_fpe => "fpe",
    crash_matrix_ill => "ill",
    crash_matrix_trap => "trap",
    crash_matrix_sys => "sys",
    crash_matrix_abort => "abort",
    crash_matrix_c_assert => "c_assert",
    crash_matrix_double_free => "double_free",
    crash_matrix_overflow_main => "overflow_main",
    crash_matrix_overflow_thread => "overflow_thread",
    crash_matrix_oom => "oom",
    crash_matrix_panic_main => "panic_main",
    crash_matrix_panic_thread => "panic_thread",
    crash_matrix_panic_async => "panic_async",
    crash_matrix_panic_in_drop => "panic_in_drop",
    crash_matrix_panic_extern_c => "panic_extern_c",
    crash_matrix_panic_in_hook => "panic_in_hook",
    crash_matrix_panic_abort => "panic_abort",
    crash_matrix_sigkill => "sigkill",
    crash_matrix_fork_child => "fork_child",
    crash_matrix_exec_child => "exec_child",
    crash_matrix_crash_in_capture => "crash_in_capture",
    crash_matrix_crash_in_handler => "crash_in_handler",
    crash_matrix_alternate_stack => "alternate_stack",
    crash_matrix_small_alternate_stack => "small_alternate_stack",
    crash_matrix_foreign_handler => "foreign_handler",
    crash_matrix_two_threads => "two_threads",
    crash_matrix_at_exit => "at_exit",
    crash_matrix_underscore_exit => "underscore_exit",
    crash_matrix_exec => "exec",
    crash_matrix_underscore_exit_closed => "underscore_exit_closed",
    crash_matrix_exec_closed => "exec_closed",
    crash_matrix_term => "term",
    crash_matrix_int => "int",
    crash_matrix_hup => "hup",
    crash_matrix_pipe => "pipe",
    crash_matrix_term_chained => "term_chained",
    crash_matrix_recovered => "recovered",
    crash_matrix_clean => "clean",
    crash_matrix_clean_exit => "clean_exit",
}

/// Runs one kind, and holds what was kept to what is expected and to the table.
fn check(kind: &str) {
    let case = CASES.iter().find(|case| case.kind == kind).unwrap();
    let home = tempfile::tempdir().unwrap();
    let bare = run(case, Path::new("-"));
    let watched = run(case, home.path());
    assert_eq!(watched.status, bare.status, "{kind} ends as without us");
    assert_eq!(
        watched.output, bare.output,
        "{kind}: the host's handler is called"
    );
    let events = events(home.path());
    let expected = usize::from(!case.title.is_empty());
    let titles: Vec<String> = events.iter().map(Event::title).collect();
    assert_eq!(events.len(), expected, "{kind}: {titles:?}");
    if let Some(event) = events.first() {
        check_event(case, event);
    }
    check_row(case, &row(case, watched.status, events.first()));
}

fn check_event(case: &Case, event: &Event) {
    let kind = case.kind;
    let title = event.title();
    assert!(title.starts_with(case.title), "{kind}: {title}");
    let inner = innermost(event);
    assert!(
        inner
            .iter()
            .take(3)
            .any(|name| name.contains(case.function)),
        "{kind}: {inner:?}, {:?}",
        event.flaws
    );
    let mechanism = event
        .primary_exception()
        .unwrap()
        .mechanism
        .as_ref()
        .unwrap();
    assert_eq!(mechanism.handled, Some(false));
    // A panic carries the breadcrumbs of its own thread alone.
    if kind != "panic_thread" {
        assert!(
            event.breadcrumbs.iter().any(|crumb| crumb
                .message
                .as_deref()
                .is_some_and(|text| text.starts_with("about to"))),
            "{kind} has its breadcrumbs"
        );
    }
    assert!(
        event.tags.contains_key("kind"),
        "{kind} has the scope of the process"
    );
    if kind == "segv_null" || kind == "fork_child" {
        assert_eq!(
            event.tags["thread"], "main",
            "{kind} has the scope of its thread"
        );
    }
}

/// The functions of the thrown exception, innermost first.
fn innermost(event: &Event) -> Vec<String> {
    let trace = event
        .primary_exception()
        .and_then(|e| e.stacktrace.as_ref());
    let frames = trace
        .map(|trace| trace.frames.as_slice())
        .unwrap_or_default();
    let names = frames.iter().rev().map(|frame| {
        let name = frame.function.as_deref().or(frame.package.as_deref());
        name.unwrap_or("?").to_owned()
    });
    let mut names: Vec<String> = names.collect();
    if names.is_empty() {
        names.push(String::new());
    }
    names
}

struct Ended {
    status: ExitStatus,
    output: String,
}

fn run(case: &Case, vault: &Path) -> Ended {
    let mut command = if case.kind == "panic_abort" {
        Command::new(program("crasher-abort"))
    } else {
        Command::new(program("crasher"))
    };
    command
        .args([vault.to_str().unwrap(), case.kind])
        .env_remove("CRASHVAULT_HOME")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut output = String::new();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{} did not end", case.kind);
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    Ended { status, output }
}

/// Drains and returns all events.
fn events(home: &Path) -> Vec<Event> {
    let mut vault = Vault::open(home).unwrap();
    let report = vault.drain_all().unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert_eq!((report.torn_count, report.waiting_count), (0, 0));
    let issues = vault.issues(&IssueFilter::default()).unwrap();
    let events = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, 1000).unwrap());
    let events = events.map(|stored| stored.event).collect();
    let left = std::fs::read_dir(home.join("journal")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing is left in the journal");
    events
}

/// What was kept of a kind that is no single crash.
fn titles(kind: &str) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let status = Command::new(program("crasher"))
        .args([home.path().to_str().unwrap(), kind])
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let mut titles: Vec<String> = events(home.path()).iter().map(Event::title).collect();
    titles.sort();
    titles
}

#[test]
fn panics_that_are_caught_are_events_of_their_own() {
    assert_eq!(
        titles("panics_caught"),
        ["panic: it panicked", "panic: it panicked"]
    );
}

/// Counts are written down now and then; what came after the last time is left in the black box.
#[test]
fn what_was_suppressed_is_counted_to_the_last_when_a_program_ends_well() {
    let home = tempfile::tempdir().unwrap();
    let status = Command::new(program("crasher"))
        .args([home.path().to_str().unwrap(), "sampled"])
        .env("CRASHVAULT_SAMPLE_RATE", "0")
        .status();
    assert!(status.unwrap().success());
    assert!(events(home.path()).is_empty());
    let status = Vault::open(home.path()).unwrap().status().unwrap();
    assert_eq!(status.sampled_count, 11);
}

#[test]
fn a_caught_panic_does_not_hide_how_the_process_ended() {
    let expected = [
        "ended without notice: killed, _exit or exec",
        "panic: it panicked",
    ];
    assert_eq!(titles("panic_caught"), expected);
}

/// The event of the panic is stored before the abort that follows it is written.
#[test]
fn a_crash_that_was_drained_in_the_middle_is_one_event() {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(program("crasher"))
        .args([home.path().to_str().unwrap(), "drained_first"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "panicked");
    let mut vault = Vault::open(home.path()).unwrap();
    let held = vault.drain_all().unwrap();
    assert_eq!(
        (held.events_new, held.waiting_count),
        (0, 1),
        "it may not be over yet"
    );
    // Later than anybody waits for what may follow.
    let clock = FixedClock::at(&Timestamp::now().to_string()).unwrap();
    clock.advance_secs(60);
    let mut later = Vault::options().clock(clock).open(home.path()).unwrap();
    assert_eq!(later.drain_all().unwrap().events_new, 1);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGABRT));
    let events = events(home.path());
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].title(), "panic: it cannot unwind");
}

/// Crashes while the host is in a bad way; the record is whole all the same.
fn check_bad_day(home: &Path, program_name: &str, kind: &str) -> Event {
    let status = Command::new(program(program_name))
        .args([home.to_str().unwrap(), kind])
        .stderr(Stdio::null())
        .status();
    assert_eq!(status.unwrap().signal(), Some(libc::SIGSEGV), "{kind}");
    check_null(home, kind)
}

fn check_null(home: &Path, kind: &str) -> Event {
    let mut events = events(home);
    assert_eq!(events.len(), 1, "{kind}");
    let event = events.remove(0);
    let inner = innermost(&event);
    let is_named = inner.iter().take(3).any(|name| name.contains("crash_null"));
    assert!(is_named, "{kind}: {inner:?}");
    assert!(!event.breadcrumbs.is_empty(), "{kind}");
    event
}

#[test]
fn a_handler_asks_for_no_memory() {
    let home = tempfile::tempdir().unwrap();
    check_bad_day(home.path(), "crasher-heap", "segv_null");
}

/// The standard library's alternate stacks have 8 KB, half of which a machine's registers may take.
#[test]
fn a_handler_needs_less_than_four_kilobytes_of_stack() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(program("crasher"))
        .args([home.path().to_str().unwrap(), "stack_need"])
        .output()
        .unwrap();
    let need: u32 = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!((500..=4096).contains(&need), "{need} bytes");
}

#[test]
fn a_handler_does_not_wait_for_the_vault() {
    let home = tempfile::tempdir().unwrap();
    Vault::open(home.path()).unwrap();
    let lock = std::fs::File::create(home.path().join("drain.lock")).unwrap();
    lock.lock().unwrap();
    let status = Command::new(program("crasher"))
        .args([home.path().to_str().unwrap(), "segv_null"])
        .stderr(Stdio::null())
        .status();
    assert_eq!(status.unwrap().signal(), Some(libc::SIGSEGV));
    drop(lock);
    check_null(home.path(), "locked");
}

#[test]
fn a_handler_needs_no_descriptor() {
    let home = tempfile::tempdir().unwrap();
    let event = check_bad_day(home.path(), "crasher", "no_descriptors");
    let flaws: Vec<&str> = event
        .flaws
        .iter()
        .map(|flaw| flaw.reason.as_str())
        .collect();
    assert_eq!(flaws, ["the dying process left no maps"]);
}

#[test]
fn a_handler_needs_no_room_on_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let (small, kept) = (home.path().join("small"), home.path().join("kept"));
    std::fs::create_dir(&small).unwrap();
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        command.args([script, "sh"]).stderr(Stdio::null());
        let status = command.args([&small, &program("crasher"), &kept]).status();
        status.is_ok_and(|status| status.success())
    };
    if !in_namespace("mount -t tmpfs -o size=2m none \"$1\"") {
        // What a full disk does to writes is tested without namespaces too (tests/survival.rs).
        skip(
            "crash_matrix",
            "a full disk: namespaces are not allowed here",
        );
        return;
    }
    assert!(in_namespace(
        "mount -t tmpfs -o size=2m none \"$1\" && \
        { \"$2\" \"$1/vault\" full_disk; rm \"$1/vault/filler\" && cp -a \"$1/vault\" \"$3\"; }"
    ));
    check_null(&kept, "full_disk");
}

// ---- the table ----

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/crash-matrix.md")
}

const HEAD: &str = "\
# What is kept of each way to end

Each line is a child program of `crashvault-core/tests/crash_matrix.rs` and what was seen of it; the test fails where
this page differs, and `UPDATE=1 cargo test -p crashvault-core --test crash_matrix` writes it anew.
Every program ends with the status it has without Crashvault. Measured on x86-64 Linux.

The last column is what the `sentry` crate (0.49.5, its defaults with `attach_stacktrace`) kept of the same program, with a
server on loopback that answers after 5 ms; `cargo xtask bench native` writes it to
`crashvault-core/tests/crash_matrix_sentry.tsv`. It has no black box and no signal handlers: that is not what it is for.

| kind | the program | ends with | kept | innermost function of its own | `sentry` keeps |
|---|---|---|---|---|---|
";

fn row(case: &Case, status: ExitStatus, event: Option<&Event>) -> String {
    let end = match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => "?".into(),
    };
    let kept = match event {
        None => "nothing".into(),
        Some(event) => {
            let exception = event.primary_exception().unwrap();
            let ty = exception.ty.as_deref().unwrap_or("?");
            format!("one event, {}: {ty}", event.level)
        }
    };
    let function = match event {
        Some(event) => innermost(event)
            .into_iter()
            .find(|name| name.contains(case.function) && !case.function.is_empty())
            .map_or("–".into(), |name| format!("`{name}`")),
        None => "–".into(),
    };
    format!(
        "| {} | {} | {end} | {kept} | {function} | {} |",
        case.kind,
        case.what,
        kept_by_the_peer(case.kind)
    )
}

fn kept_by_the_peer(kind: &str) -> &'static str {
    let lines = include_str!("crash_matrix_sentry.tsv").lines();
    let mut cells = lines.filter_map(|line| line.split_once('\t'));
    cells
        .find(|(of, _)| *of == kind)
        .map_or("not measured", |(_, kept)| kept)
}

fn check_row(case: &Case, seen: &str) {
    let path = table();
    if std::env::var_os("UPDATE").is_some() {
        return write_row(&path, case, seen);
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        text.lines().any(|line| line == seen),
        "docs/crash-matrix.md lacks: {seen}"
    );
}

fn write_row(path: &Path, case: &Case, seen: &str) {
    static ROWS: Mutex<BTreeMap<usize, String>> = Mutex::new(BTreeMap::new());
    let place = CASES
        .iter()
        .position(|other| other.kind == case.kind)
        .unwrap();
    let mut rows = ROWS.lock().unwrap();
    rows.insert(place, seen.to_owned());
    let rows: Vec<&str> = rows.values().map(String::as_str).collect();
    std::fs::write(path, format!("{HEAD}{}\n", rows.join("\n"))).unwrap();
}

#[test]
fn the_table_has_each_tested_kind_once() {
    if std::env::var_os("UPDATE").is_some() {
        return;
    }
    let text = std::fs::read_to_string(table()).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    let kinds: Vec<&str> = rows.filter_map(|row| row.split(" | ").next()).collect();
    let expected: Vec<String> = TESTED.iter().map(|kind| format!("| {kind}")).collect();
    assert_eq!(kinds, expected);
    assert!(kinds.len() >= 24);
}
