//! Errors of `anyhow` and `eyre` as events, and which of them are one issue.

use std::fmt;
use std::io;
use std::process::Command;

use anyhow::Context as _;
use crashvault::anyhow::{AnyhowExt, capture_anyhow, capture_anyhow_with_backtrace};
use crashvault::eyre::{EyreExt, capture_eyre};
use crashvault::test::with_captured;
use crashvault::{Event, EventId, Vault};

#[derive(Debug)]
struct OutOfStock {
    #[expect(dead_code, reason = "shown by its Debug")]
    shelf: u8,
}

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing left")
    }
}

impl std::error::Error for OutOfStock {}

fn not_found() -> io::Error {
    io::Error::from_raw_os_error(2)
}

fn only(mut events: Vec<Event>) -> Event {
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn event_of(error: &anyhow::Error) -> Event {
    only(with_captured(|| capture_anyhow(error)))
}

fn event_of_report(report: &eyre::Report) -> Event {
    only(with_captured(|| capture_eyre(report)))
}

/// Each exception as `module::type: value`, the root cause first.
fn chain(event: &Event) -> Vec<String> {
    let shown = event.exceptions.iter().map(|exception| {
        let ty = exception.ty.as_deref().unwrap_or_default();
        let value = exception.value.as_deref().unwrap_or_default();
        match exception.module.as_deref() {
            Some(module) => format!("{module}::{ty}: {value}"),
            None => format!("{ty}: {value}"),
        }
    });
    shown.collect()
}

fn check(error: anyhow::Error, expected: &[&str]) {
    assert_eq!(chain(&event_of(&error)), expected);
}

fn check_report(report: eyre::Report, expected: &[&str]) {
    assert_eq!(chain(&event_of_report(&report)), expected);
}

#[test]
fn contexts_stand_above_their_cause() {
    let error = anyhow::Error::from(OutOfStock { shelf: 1 });
    let error = error.context("cannot sell").context(format!("order {}", 7));
    check(
        error,
        &[
            "OutOfStock: nothing left",
            "Error: cannot sell",
            "anyhow::Error: order 7",
        ],
    );
}

#[test]
fn an_error_without_a_context_has_its_type() {
    check(
        OutOfStock { shelf: 1 }.into(),
        &["OutOfStock: nothing left"],
    );
    check(
        not_found().into(),
        &["std::io::error::Error: No such file or directory (os error 2)"],
    );
}

#[test]
fn an_error_of_words_has_the_type_of_its_holder() {
    check(anyhow::anyhow!("words"), &["anyhow::Error: words"]);
    check(anyhow::anyhow!("a {}", 1), &["anyhow::Error: a 1"]);
    check_report(eyre::eyre!("words"), &["eyre::Report: words"]);
}

#[test]
fn an_error_of_the_system_is_known_as_a_cause() {
    check(
        anyhow::Error::from(not_found()).context("reading"),
        &[
            "std::io::Error: No such file or directory (os error 2)",
            "anyhow::Error: reading",
        ],
    );
}

#[test]
fn a_report_is_as_an_error() {
    let report = eyre::Report::from(OutOfStock { shelf: 1 });
    check_report(
        report.wrap_err("cannot sell").wrap_err("order"),
        &[
            "OutOfStock: nothing left",
            "Error: cannot sell",
            "eyre::Report: order",
        ],
    );
}

#[test]
fn a_chain_is_bounded() {
    let mut error = anyhow::anyhow!("deepest");
    for depth in 0..200 {
        error = error.context(depth);
    }
    let event = event_of(&error);
    assert_eq!(event.exceptions.len(), 50);
    assert_eq!(event.flaws.len(), 1);
}

#[test]
fn an_error_whose_display_panics_is_kept() {
    #[derive(Debug)]
    struct Rude;
    impl fmt::Display for Rude {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("not today")
        }
    }
    impl std::error::Error for Rude {}
    assert_eq!(event_of(&Rude.into()).flaws.len(), 1);
}

#[test]
fn a_result_is_passed_on() {
    fn sold(left: u8) -> anyhow::Result<u8> {
        anyhow::ensure!(left > 0, "the shelf is empty");
        Ok(left - 1)
    }
    let events = with_captured(|| {
        assert_eq!(sold(3).capture().unwrap(), 2);
        assert_eq!(
            sold(0).capture().unwrap_err().to_string(),
            "the shelf is empty"
        );
    });
    assert_eq!(events.len(), 1);
    let location = &events[0].exceptions[0].mechanism.as_ref().unwrap().other["data"]["location"];
    assert!(location.as_str().unwrap().contains("reports.rs:"));
}

#[test]
fn both_verbs_may_be_in_reach() {
    use crashvault::ResultExt;
    let events = with_captured(|| {
        let _ = "x".parse::<u8>().capture();
        let _ = anyhow::Result::<()>::Err(anyhow::anyhow!("any")).capture();
        let _ = eyre::Result::<()>::Err(eyre::eyre!("eyre")).capture();
    });
    assert_eq!(events.len(), 3);
}

#[test]
fn nothing_is_captured_where_nothing_is_installed() {
    assert!(capture_anyhow(&anyhow::anyhow!("words")).is_nil());
    assert!(capture_eyre(&eyre::eyre!("words")).is_nil());
}

/// Puts the events into a vault and says how many issues they are.
fn issue_count(events: Vec<Event>) -> usize {
    let home = tempfile::tempdir().unwrap();
    let mut vault = Vault::open(home.path()).unwrap();
    for event in events {
        vault.add(event).unwrap();
    }
    vault.issues(&Default::default()).unwrap().len()
}

#[inline(never)]
fn bake() -> EventId {
    capture_anyhow(&anyhow::anyhow!("no flour"))
}

#[inline(never)]
fn brew() -> EventId {
    capture_anyhow(&anyhow::anyhow!("no flour"))
}

/// Where a program captures what its parts return.
#[inline(never)]
fn end(error: anyhow::Error) -> EventId {
    capture_anyhow(&error)
}

#[test]
fn errors_of_different_places_are_different_issues() {
    let events = with_captured(|| {
        bake();
        bake();
        brew();
        brew();
    });
    assert_eq!((events.len(), issue_count(events)), (4, 2));
}

#[test]
fn different_words_captured_in_one_place_are_different_issues() {
    let events = with_captured(|| {
        for number in 0..3 {
            end(anyhow::anyhow!("no flour in bin {number}"));
            end(anyhow::anyhow!("no water from tap {number}"));
            end(anyhow::anyhow!("no water from tap {number}").context("cannot bake"));
            end(anyhow::anyhow!("no flour in bin {number}").context("cannot bake"));
        }
    });
    assert_eq!((events.len(), issue_count(events)), (12, 4));
}

#[test]
fn different_types_captured_in_one_place_are_different_issues() {
    let events = with_captured(|| {
        for _ in 0..3 {
            end(OutOfStock { shelf: 1 }.into());
            end(not_found().into());
            end(anyhow::Error::from(not_found()).context("reading"));
        }
    });
    assert_eq!((events.len(), issue_count(events)), (9, 3));
}

#[test]
fn reports_are_told_apart_in_the_same_way() {
    #[inline(never)]
    fn end(report: eyre::Report) -> EventId {
        capture_eyre(&report)
    }
    let events = with_captured(|| {
        for number in 0..3 {
            end(eyre::eyre!("no flour in bin {number}"));
            end(eyre::eyre!("no water from tap {number}"));
        }
    });
    assert_eq!((events.len(), issue_count(events)), (6, 2));
}

#[inline(never)]
fn parse(text: &str) -> anyhow::Result<u16> {
    let port = text.parse::<u16>()?;
    Ok(port)
}

#[inline(never)]
fn load(text: &str) -> anyhow::Result<u16> {
    parse(text).context("cannot load the settings")
}

/// Does `work` in a run of this program of its own, with backtraces in errors or without; `test` is the one that asks.
fn with_backtraces(test: &str, on: &str, work: impl FnOnce()) {
    const AGAIN: &str = "CRASHVAULT_TEST_AGAIN";
    if std::env::var_os(AGAIN).is_some() {
        return work();
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .envs([(AGAIN, "1"), ("RUST_LIB_BACKTRACE", on)])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_stack_of_the_error_is_taken_on_request() {
    with_backtraces(
        "the_stack_of_the_error_is_taken_on_request",
        "1",
        stack_of_the_error,
    );
}

#[test]
fn without_one_the_stack_of_the_capture_stands() {
    with_backtraces("without_one_the_stack_of_the_capture_stands", "0", || {
        let error = load("eighty").unwrap_err();
        let event = only(with_captured(|| capture_anyhow_with_backtrace(&error)));
        let culprit = event.culprit().unwrap();
        assert!(culprit.starts_with("reports::without_one"), "{culprit}");
        assert_eq!(event.flaws, []);
    });
}

fn stack_of_the_error() {
    let error = load("eighty").unwrap_err();
    let asked = only(with_captured(|| capture_anyhow_with_backtrace(&error)));
    assert_eq!(asked.flaws, []);
    let thrown = asked.primary_exception().unwrap();
    let frames = &thrown.stacktrace.as_ref().unwrap().frames;
    let innermost = frames.last().unwrap();
    assert_eq!(
        innermost.function.as_deref(),
        Some("reports::parse"),
        "{frames:#?}"
    );
    let file = innermost.filename.as_deref().unwrap();
    assert!(file.ends_with("tests/reports.rs"), "{file}");
    assert!(innermost.lineno.is_some());
    assert!(asked.culprit().unwrap().starts_with("reports::parse"));
    let own: Vec<_> = frames.iter().filter(|f| f.in_app == Some(true)).collect();
    assert!(own.len() >= 3 && own.len() < frames.len());

    let usual = event_of(&error);
    assert!(usual.culprit().unwrap().starts_with("reports::event_of"));

    // The words do not count where the stack is the error's own.
    let events = with_captured(|| {
        for text in ["eighty", ""] {
            let error = load(text).unwrap_err().context(format!("reading {text}x"));
            capture_anyhow_with_backtrace(&error);
        }
    });
    assert_eq!(issue_count(events), 1);

    // A hook sees the text, and what it passes on becomes frames too.
    let options = crashvault::options().before_send(Some);
    let hooked =
        crashvault::test::with_captured_options(options, || capture_anyhow_with_backtrace(&error));
    assert!(
        only(hooked)
            .culprit()
            .unwrap()
            .starts_with("reports::parse")
    );
}
