//! The peer alone: shows that the harness works and what there is to beat.
//!
//! `bench-sentry-only [--calls N]`; the last line is one JSON object.

use std::error::Error;
use std::process::ExitCode;

use bench_peers::{Plan, Report, Subject, harness, sentry::Sentry};

/// Fresh processes per subject.
const PROCESSES: usize = 11;

fn main() -> ExitCode {
    let subjects: Vec<&'static dyn Subject> = vec![Sentry::with_stack(), Sentry::without_stack()];
    if harness::was_child(&subjects) {
        return ExitCode::SUCCESS;
    }
    match plan().and_then(|plan| run(&subjects, &plan)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plan() -> Result<Plan, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(Plan::default()),
        ["--calls", calls] => Ok(Plan::default().calls(calls.parse()?)),
        _ => Err("usage: bench-sentry-only [--calls N]".into()),
    }
}

fn run(subjects: &[&'static dyn Subject], plan: &Plan) -> Result<(), Box<dyn Error>> {
    let mut report = Report::new("sentry-only");
    report.set("calls", plan.calls);
    report.set("depth", plan.depth);
    report.add_starts(&harness::first_captures(subjects, PROCESSES)?)?;
    let installed = harness::install(subjects);
    report.add("message", &harness::messages(&installed, plan))?;
    report.add("panic_hook", &harness::panics(&installed, plan))?;
    let crumbs = harness::breadcrumbs(&installed, plan);
    report.add_blocks("breadcrumb", &crumbs, harness::BREADCRUMB_BLOCK)?;
    // Last, so that the event that is kept and looked at is an error.
    report.add("capture_error", &harness::errors(&installed, plan))?;
    let mut whole = true;
    for subject in subjects {
        whole &= report.add_kept(*subject);
    }
    println!("{}", report.to_json());
    if !whole {
        return Err(
            "an event was lost or arrived without its stack, breadcrumbs, tags or user".into(),
        );
    }
    Ok(())
}
