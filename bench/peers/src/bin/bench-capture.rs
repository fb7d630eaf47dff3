//! What one capture costs: Crashvault beside the `sentry` crate, in one process and in turns.
//!
//! `bench-capture [--integrations] [--calls N]`; the last line is one JSON object. With `--integrations` it is what the
//! libraries cost that programs log with or serve requests with, instead of the verbs. Crashvault's other configurations (`before_send`,
//! durability `data`, the throttle) install once per process, so each runs in a child of its own.

use std::error::Error;
use std::process::{Command, ExitCode};

use bench_peers::harness;
use bench_peers::logging::{self, Bare, Subscribers};
use bench_peers::ours::{self, Crashvault};
use bench_peers::requests;
use bench_peers::sentry::Sentry;
use bench_peers::workload::{LoadError, at_depth};
use bench_peers::{Plan, Report, Samples, Subject, stats};
use crashvault::Durability;
use serde_json::json;

/// Fresh processes per subject.
const PROCESSES: usize = 15;
const CHILD: &str = "--configuration";
const CONFIGURATIONS: [&str; 3] = ["before_send", "fatal_data", "throttled"];

fn main() -> ExitCode {
    let subjects: Vec<&'static dyn Subject> = vec![
        Crashvault::new(),
        Sentry::with_stack(),
        Sentry::without_stack(),
    ];
    if harness::was_child(&subjects) {
        let _ = std::fs::remove_dir_all(Crashvault::new().home());
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [CHILD, name, calls] => configuration(name, calls),
        [] => run(&subjects, &Plan::default()),
        ["--calls", calls] => plan(calls).and_then(|plan| run(&subjects, &plan)),
        [LOGGED] => logging::prove().map_err(Into::into),
        [REQUESTS] => requests::report().map(|report| println!("{}", report.to_json())),
        ["--integrations"] => integrations(subjects, &Plan::default()),
        ["--integrations", "--calls", calls] => {
            plan(calls).and_then(|plan| integrations(subjects, &plan))
        }
        _ => Err("usage: bench-capture [--integrations] [--calls N]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn plan(calls: &str) -> Outcome<Plan> {
    Ok(Plan::default().calls(calls.parse()?))
}

/// Proves in a fresh process that what is logged arrives.
const LOGGED: &str = "--prove-logging";
/// Measures requests in a fresh process, where nothing else is installed.
const REQUESTS: &str = "--requests";

fn integrations(mut subjects: Vec<&'static dyn Subject>, plan: &Plan) -> Outcome {
    let proof = Command::new(std::env::current_exe()?)
        .arg(LOGGED)
        .output()?;
    if !proof.status.success() {
        return Err(String::from_utf8_lossy(&proof.stderr).into());
    }
    let requests = in_child(&[REQUESTS])?;
    let mut report = Report::new("capture");
    report.set("calls", plan.calls);
    report.set("depth", plan.depth);
    layers(&mut report, requests);
    subjects.push(&Bare);
    let installed = harness::install(&subjects);
    let subscribers = Subscribers::of(&subjects);
    let whole = tracing(&mut report, &installed, &subscribers, plan)?;
    println!("{}", report.to_json());
    if whole {
        Ok(())
    } else {
        Err("an event was lost, or arrived without its stack, breadcrumbs, tags or user".into())
    }
}

/// What a request pays for its layer, beyond a service without one.
fn layers(report: &mut Report, mut requests: serde_json::Map<String, serde_json::Value>) {
    let p50 = |subject: &str| {
        let time = requests.get(&format!("{subject}_request_p50_ns"));
        time.and_then(serde_json::Value::as_u64).unwrap_or_default()
    };
    let beyond = |subject| p50(subject).saturating_sub(p50("bare"));
    let (own, peer) = (beyond("tower"), beyond("sentry_tower"));
    requests.remove("bench");
    for (key, value) in requests {
        report.set(&key, value);
    }
    report.set("tower_layer_beyond_ns", own);
    report.set("sentry_tower_layer_beyond_ns", peer);
    report.set("vs_sentry_tower_layer", ratio(peer, own));
}

fn ratio(peer: u64, own: u64) -> f64 {
    (peer as f64 / own.max(1) as f64 * 10.0).round() / 10.0
}

/// `info!` and `error!` through a subscriber. True if every event is there, and whole.
fn tracing(
    report: &mut Report,
    installed: &[harness::Installed],
    subscribers: &Subscribers,
    plan: &Plan,
) -> Outcome<bool> {
    let crumbs = logging::breadcrumbs(installed, subscribers, plan);
    report.add_blocks("tracing_breadcrumb", &crumbs, harness::BREADCRUMB_BLOCK)?;
    let (_, others) = installed.split_last().ok_or("there are subjects")?;
    let events = logging::errors(others, subscribers, plan);
    report.add("tracing_event", &events)?;
    let mut whole = true;
    for one in others {
        whole &= report.add_kept(one.subject);
    }
    // Beyond the subscriber alone, which is the last of them.
    let per_crumb = |at: usize| crumbs[at].samples.ns(50.0) / harness::BREADCRUMB_BLOCK;
    let bare = per_crumb(crumbs.len() - 1);
    let beyond = |at| per_crumb(at).saturating_sub(bare);
    report.set("tracing_breadcrumb_beyond_ns", beyond(0));
    report.set("sentry_tracing_breadcrumb_beyond_ns", beyond(1));
    report.set("vs_sentry_tracing_breadcrumb", ratio(beyond(1), beyond(0)));
    let event = |at: usize| events[at].samples.ns(50.0);
    report.set("vs_sentry_tracing_event", ratio(event(1), event(0)));
    report.set("vs_sentry_nostack_tracing_event", ratio(event(2), event(0)));
    Ok(whole)
}

fn run(subjects: &[&'static dyn Subject], plan: &Plan) -> Outcome {
    let mut report = Report::new("capture");
    report.set("calls", plan.calls);
    report.set("depth", plan.depth);
    report.add_starts(&harness::first_captures(subjects, PROCESSES)?)?;
    for name in CONFIGURATIONS {
        for (key, value) in in_child(&[CHILD, name, &plan.calls.to_string()])? {
            report.set(&key, value);
        }
    }
    let installed = harness::install(subjects);
    let crumbs = harness::breadcrumbs(&installed, plan);
    report.add_blocks("breadcrumb", &crumbs, harness::BREADCRUMB_BLOCK)?;
    report.add("message", &harness::messages(&installed, plan))?;
    report.add("panic_hook", &harness::panics(&installed, plan))?;
    // Last, so that the one event that the peer keeps and that is looked at is an error.
    report.add("capture_error", &harness::errors(&installed, plan))?;
    report.set("throttled", crashvault::health().throttled_count);
    let mut whole = crashvault::health().throttled_count == 0;
    for subject in subjects {
        whole &= report.add_kept(*subject);
    }
    println!("{}", report.to_json());
    if whole {
        Ok(())
    } else {
        Err("an event was lost, thinned out, or arrived without its stack, breadcrumbs, tags or user".into())
    }
}

/// Runs one configuration in a fresh process; what it printed last is its result.
fn in_child(arguments: &[&str]) -> Outcome<serde_json::Map<String, serde_json::Value>> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{arguments:?}: {text}{said}").into());
    }
    Ok(serde_json::from_str(
        text.lines().last().unwrap_or_default(),
    )?)
}

fn configuration(name: &str, calls: &str) -> Outcome {
    let subject = Crashvault::new();
    let options = subject.options();
    let options = match name {
        "before_send" => options.before_send(Some),
        "fatal_data" => options.durability(Durability::Data),
        "throttled" => options.throttle(true),
        _ => return Err(format!("no configuration {name}").into()),
    };
    std::panic::set_hook(Box::new(|_| {}));
    options.install();
    subject.set_scope();
    let calls: usize = calls.parse()?;
    // A disk needs hundreds of microseconds for each; the median is steady long before the others' number.
    let plan = Plan::default().calls(if name == "fatal_data" {
        calls.min(500)
    } else {
        calls
    });
    let values = match name {
        "throttled" => throttled(subject, &plan)?,
        _ => captured(name, subject, &plan)?,
    };
    println!("{values}");
    Ok(())
}

fn captured(name: &str, subject: &'static Crashvault, plan: &Plan) -> Outcome<serde_json::Value> {
    let samples = errors(subject, plan);
    let kept = ours::read_back(subject.home())?;
    let _ = std::fs::remove_dir_all(subject.home());
    if kept.events != samples.accepted || samples.refused > 0 || kept.incomplete > 0 {
        return Err(format!("{name}: {} accepted, {kept:?}", samples.accepted).into());
    }
    let key = match name {
        "before_send" => "capture_error_before_send",
        name => name,
    };
    Report::new(name).save(key, &samples)?;
    Ok(json!({
        format!("{key}_p50_us"): stats::us(samples.ns(50.0)),
        format!("{key}_p99_us"): stats::us(samples.ns(99.0)),
        format!("{key}_allocs"): samples.allocations(),
        format!("{key}_kept"): kept.events,
    }))
}

/// One and the same error until the throttle closes; only then refusals are timed.
fn throttled(subject: &'static Crashvault, plan: &Plan) -> Outcome<serde_json::Value> {
    let first = errors(subject, plan);
    let refused = errors(subject, plan);
    let counted = crashvault::health().throttled_count;
    let _ = std::fs::remove_dir_all(subject.home());
    // Some hundreds of milliseconds let a few more through.
    if first.refused + refused.refused != counted || refused.accepted > plan.calls as u64 / 100 {
        return Err(format!(
            "throttled: {} of {} accepted, {counted} counted",
            refused.accepted, plan.calls
        )
        .into());
    }
    Report::new("throttled").save("throttled", &refused)?;
    Ok(json!({
        "throttled_p50_ns": refused.ns(50.0),
        "throttled_p99_ns": refused.ns(99.0),
        "throttled_refused": counted,
    }))
}

fn errors(subject: &'static Crashvault, plan: &Plan) -> Samples {
    let mut samples = Samples::default();
    for number in 0..plan.calls {
        let error = LoadError::new(number);
        let (sample, accepted) = at_depth(plan.depth, &mut || {
            harness::measure(&mut || subject.capture_error(&error))
        });
        samples.samples.push(sample);
        samples.accepted += u64::from(accepted);
        samples.refused += u64::from(!accepted);
    }
    samples
}
