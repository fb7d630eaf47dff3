//! The examples as a newcomer runs them: real programs, a vault of their own, and what it holds afterwards.

mod servers;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crashvault::{Event, Frame, Issue, IssueFilter, Search, Vault};
use crashvault_tests::{cargo, repository};
use serde_json::{Value, json};

/// One run of an example: what it printed, and the only issue and event of its vault.
struct Ran {
    output: Output,
    issue: Issue,
    event: Event,
}

impl Ran {
    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// The innermost frame of the thrown exception.
    fn frame(&self) -> &Frame {
        let thrown = self
            .event
            .primary_exception()
            .expect("there is an exception");
        let stack = thrown
            .stacktrace
            .as_ref()
            .expect("the exception has a stack");
        stack.frames.last().expect("the stack has frames")
    }

    fn check_place(&self, function: &str, source: &str, line: &str) {
        let frame = self.frame();
        assert_eq!(frame.function.as_deref(), Some(function));
        let file = frame.abs_path.as_deref().unwrap_or_default();
        assert!(file.ends_with(source), "{file}");
        assert_eq!(frame.lineno, Some(line_of(source, line)));
        assert_eq!(frame.in_app, Some(true));
        assert_eq!(frame.context_line.as_deref().map(str::trim), Some(line));
        assert!(
            self.issue
                .culprit
                .as_deref()
                .unwrap_or_default()
                .starts_with(function)
        );
    }
}

/// Builds an example and runs it in a new vault.
fn run(package: &str) -> Ran {
    run_with(package, &[])
}

fn run_with(package: &str, arguments: &[&str]) -> Ran {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(built(package))
        .args(arguments)
        .env("CRASHVAULT_HOME", home.path())
        .current_dir(home.path())
        .output()
        .unwrap();
    let mut vault = Vault::open(home.path()).unwrap();
    let report = vault.drain_all().unwrap();
    assert_eq!(
        (report.events_new, report.torn_count, report.faults.len()),
        (1, 0, 0)
    );
    let issues = vault.issues(&IssueFilter::default()).unwrap();
    let [issue] = issues.as_slice() else {
        panic!("expected one issue, found {issues:?}");
    };
    let event = vault.event(issue.last_event).unwrap().event;
    Ran {
        output,
        issue: issue.clone(),
        event,
    }
}

/// The path of an example's program, as cargo tells it.
fn built(package: &str) -> PathBuf {
    let told = cargo(&["build", "--package", package, "--message-format", "json"]);
    let messages = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs =
        messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    programs.next_back().expect("the example has a program")
}

/// The 1-based number of the only line of `source` that reads `line`.
fn line_of(source: &str, line: &str) -> u64 {
    let text = std::fs::read_to_string(repository().join(source)).unwrap();
    let found: Vec<usize> = text
        .lines()
        .enumerate()
        .filter(|(_, read)| read.trim() == line)
        .map(|(index, _)| index)
        .collect();
    let [index] = found.as_slice() else {
        panic!("`{line}` stands {} times in {source}", found.len());
    };
    *index as u64 + 1
}

fn messages(event: &Event) -> Vec<(&str, &str)> {
    let crumbs = event.breadcrumbs.iter();
    crumbs
        .filter_map(|crumb| Some((crumb.category.as_deref()?, crumb.message.as_deref()?)))
        .collect()
}

#[test]
fn a_panic_is_kept_and_the_program_ends_as_before() {
    let ran = run("rust-panic");
    assert_eq!(ran.output.status.code(), Some(101));
    let stderr = ran.stderr();
    assert!(
        stderr.contains("panicked at") && stderr.contains("the len is 2 but the index is 7"),
        "{stderr}"
    );
    assert!(
        !stderr.contains("crashvault"),
        "nothing is added to what the program says: {stderr}"
    );

    let source = "examples/rust-panic/src/main.rs";
    ran.check_place("rust_panic::Cart::price_of", source, "self.prices[index]");
    assert_eq!(
        ran.issue.title,
        "panic: index out of bounds: the len is 2 but the index is 7"
    );
    assert_eq!(
        (ran.issue.seen_count, ran.issue.level),
        (1, crashvault::Level::Fatal)
    );
    assert_eq!(ran.issue.project, "rust-panic");
    assert_eq!(ran.event.tags["shop"], "north");
    assert_eq!(ran.event.release.as_deref(), Some("rust-panic@1.4.0"));
    assert_eq!(messages(&ran.event), [("checkout", "adding up the cart")]);
    let functions: Vec<&str> = stack(&ran.event);
    assert!(
        functions.ends_with(&[
            "rust_panic::main",
            "rust_panic::checkout",
            "rust_panic::Cart::price_of"
        ]),
        "{functions:?}"
    );
}

/// The program's own functions of the thrown exception, outermost first.
fn stack(event: &Event) -> Vec<&str> {
    let frames = event
        .stacktraces()
        .next()
        .map(|stack| stack.frames.as_slice())
        .unwrap_or_default();
    frames
        .iter()
        .filter(|frame| frame.in_app == Some(true))
        .filter_map(|frame| frame.function.as_deref())
        .collect()
}

#[test]
fn an_error_is_kept_with_its_cause_and_the_program_goes_on() {
    let ran = run("rust-error-chain");
    assert_eq!(ran.output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&ran.output.stdout),
        "listening on port 8080\n"
    );
    assert_eq!(ran.stderr(), "");

    let source = "examples/rust-error-chain/src/main.rs";
    let line = "let port = read_port(\"eighty\").capture().unwrap_or(8080);";
    ran.check_place("rust_error_chain::main", source, line);
    assert_eq!(
        ran.issue.title,
        "ConfigError: the port in the configuration is not a number"
    );
    assert_eq!(
        (ran.issue.seen_count, ran.issue.level),
        (1, crashvault::Level::Error)
    );
    let chain: Vec<_> = ran
        .event
        .exceptions
        .iter()
        .map(|e| {
            (
                e.ty.as_deref().unwrap_or_default(),
                e.value.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        chain,
        [
            ("ParseIntError", "invalid digit found in string"),
            (
                "ConfigError",
                "the port in the configuration is not a number"
            )
        ]
    );
    assert_eq!(ran.event.release.as_deref(), Some("rust-error-chain@1.4.0"));
    assert_eq!(messages(&ran.event), [("config", "reading the port")]);
}

#[test]
fn an_error_that_main_returns_is_kept_and_the_command_ends_as_before() {
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), "3\n4 euro\n").unwrap();
    let path = list.path().to_str().unwrap();
    let ran = run_with("rust-cli", &[path, "--token", "s3cret"]);
    assert_eq!(ran.output.status.code(), Some(1));
    assert!(ran.output.stdout.is_empty());
    let told = "Error: line 2 is no price\n\nCaused by:\n    invalid digit found in string\n";
    assert!(ran.stderr().starts_with(told), "{}", ran.stderr());

    let source = "examples/rust-cli/src/main.rs";
    ran.check_place("rust_cli::main", source, "run().capture()");
    assert_eq!(ran.issue.title, "Error: line 2 is no price");
    let values = ran.event.exceptions.iter();
    let values: Vec<_> = values.filter_map(|e| e.value.as_deref()).collect();
    assert_eq!(
        values,
        ["invalid digit found in string", "line 2 is no price"]
    );
    assert_eq!(ran.event.exceptions[0].ty.as_deref(), Some("ParseIntError"));
    assert_eq!(messages(&ran.event), [("prices", "reading the list")]);
    let arguments = ran.event.contexts["process"]["arguments"].to_string();
    assert!(arguments.contains(path), "{arguments}");
    assert!(!ran.event.to_value().to_string().contains("s3cret"));
}

#[test]
fn a_logged_error_is_kept_with_its_spans_and_what_was_logged_before() {
    let ran = run("rust-tracing");
    assert_eq!(ran.output.status.code(), Some(0));
    assert_eq!(ran.stderr(), "");
    let stdout = String::from_utf8_lossy(&ran.output.stdout);
    assert!(
        stdout.contains("ERROR handle_order{order=4711}"),
        "{stdout}"
    );
    assert_eq!(
        stdout.lines().count(),
        4,
        "nothing is added to what the program prints"
    );

    let source = "examples/rust-tracing/src/main.rs";
    let line = r#"tracing::error!(error = cause, order, tags.shop = "north", "not paid");"#;
    ran.check_place("rust_tracing::report", source, line);
    assert_eq!(ran.issue.title, "PaymentError: the card was not charged");
    assert_eq!(
        (ran.issue.seen_count, ran.issue.level),
        (1, crashvault::Level::Error)
    );
    let event = &ran.event;
    assert_eq!(
        stack(event).last_chunk(),
        Some(&[
            "rust_tracing::main",
            "rust_tracing::handle_order",
            "rust_tracing::report"
        ])
    );
    let types: Vec<_> = event
        .exceptions
        .iter()
        .filter_map(|e| e.ty.as_deref())
        .collect();
    assert_eq!(types, ["std::io::Error", "PaymentError"]);
    assert_eq!(event.message.as_deref(), Some("not paid"));
    assert_eq!(event.logger.as_deref(), Some("rust_tracing"));
    assert_eq!(event.transaction.as_deref(), Some("handle_order"));
    assert_eq!(event.tags["shop"], "north");
    assert_eq!(
        event.contexts["Rust Tracing Fields"],
        json!({"order": 4711})
    );
    let span = &event.contexts["Rust Tracing Spans"]["spans"][0];
    assert_eq!(
        (&span["name"], &span["fields"]),
        (&json!("handle_order"), &json!({"order": 4711}))
    );
    let said = [
        ("rust_tracing", "the order is complete"),
        ("rust_tracing", "the provider is slow"),
    ];
    assert_eq!(messages(event), said);
    assert_eq!(
        json!(event.breadcrumbs[1].data),
        json!({"attempt": 1, "provider": "acme-pay"})
    );
}

#[test]
fn a_trace_finds_the_events_of_all_programs_on_its_way() {
    let home = tempfile::tempdir().unwrap();
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (package, trace) in [
        ("rust-panic", id),
        ("rust-error-chain", id),
        ("rust-tracing", &id.replace('4', "5")),
    ] {
        Command::new(built(package))
            .env("CRASHVAULT_HOME", home.path())
            .env("TRACEPARENT", format!("00-{trace}-00f067aa0ba902b7-01"))
            .current_dir(home.path())
            .output()
            .unwrap();
    }
    let mut vault = Vault::open(home.path()).unwrap();
    vault.drain_all().unwrap();
    let found = vault
        .search_events(&Search::new(format!("trace:{id}")))
        .unwrap();
    let mut projects: Vec<_> = found
        .events
        .iter()
        .map(|stored| {
            assert_eq!(
                stored.event.contexts["trace"]["parent_span_id"],
                "00f067aa0ba902b7"
            );
            stored.event.project().unwrap_or_default().to_owned()
        })
        .collect();
    projects.sort();
    assert_eq!(projects, ["rust-error-chain", "rust-panic"]);
}

#[test]
fn every_example_is_run_here() {
    let examples = std::fs::read_dir(repository().join("examples")).unwrap();
    let mut names: Vec<String> = examples
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        // Those of other languages are run by the tests of their packages.
        .filter(|name| name.starts_with("rust-"))
        .collect();
    names.sort();
    let expected = [
        "rust-actix",
        "rust-axum",
        "rust-cli",
        "rust-error-chain",
        "rust-panic",
        "rust-tracing",
    ];
    assert_eq!(names, expected);
    assert!(Path::new(&built("rust-panic")).is_file());
}
