//! How well stack traces are grouped, and how fast, beside the rules that others group by.
//!
//! `bench-grouping [--data DIR] [--variants N]`; the last line is one JSON object.
//! DIR holds sets of traces with true groups, each in a folder (`python-faults/dev.jsonl` …). Each set is grouped in the
//! three orders that Python's `random.Random(seed).shuffle` gives for the seeds 1, 2 and 3, in one pass, by one set of
//! weights; figures are means of the three. libcasr clusters a whole set at once, in its own order.
//! Then all sets together are grouped on one thread, again and again with functions renamed: 100,000 events, and N variants
//! that each come once; behind these some more are timed one by one.
//!
//! It ends with an error where a grouping leaves a trace out, or where the same order does not give the same groups twice.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use bench_peers::Report;
use bench_peers::grouping::{Fit, RULES, SETS, STRONGEST, Set, Trace};
use bench_peers::stats::percentile;
use bench_peers::usage::{self, Times};
use crashvault::{Event, Grouper};
use libcasr::stacktrace::{DebugInfo, Stacktrace, StacktraceEntry, cluster_stacktraces};
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const SEEDS: [u32; 3] = [1, 2, 3];
const DATA: &str = "../shared/data/grouping";
/// Events of the traces as they are: some variants come again, most do not.
const EVENTS: usize = 100_000;
const VARIANTS: usize = 100_000;
/// Events that are timed one by one, once all variants are known.
const TIMED: usize = 10_000;
const USAGE: &str = "usage: bench-grouping [--data DIR] [--variants N]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let (data, variants) = options()?;
    let sets = SETS.map(|name| Set::read(&data, name));
    let sets = sets.into_iter().collect::<Outcome<Vec<Set>>>()?;
    let mut report = Report::new("grouping");
    fits(&sets, &mut report)?;
    speed(&sets, variants, &mut report)?;
    println!("{}", report.to_json());
    Ok(())
}

fn options() -> Outcome<(PathBuf, usize)> {
    let (mut data, mut variants) = (PathBuf::from(DATA), VARIANTS);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{flag} needs a value\n{USAGE}"))
        };
        match flag.as_str() {
            "--data" => data = PathBuf::from(value()?),
            "--variants" => variants = value()?.parse()?,
            "--help" | "-h" => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            _ => return Err(format!("unknown: {flag}\n{USAGE}").into()),
        }
    }
    Ok((data, variants))
}

// How well -----------------------------------------------------------------------------------------------------

fn fits(sets: &[Set], report: &mut Report) -> Outcome {
    let mut means: BTreeMap<&str, f64> = BTreeMap::new();
    for set in sets {
        println!("{} ({} traces)", set.name, set.traces.len());
        let mut told = serde_json::Map::new();
        let mut tell = |name: &'static str, fit: Fit| {
            println!(
                "  {name:<36} B3 {:.4}  P {:.3} R {:.3}  pairs P {:.3} R {:.3}  {:.0} groups",
                fit.b3_f1,
                fit.b3_precision,
                fit.b3_recall,
                fit.pair_precision,
                fit.pair_recall,
                fit.groups
            );
            *means.entry(name).or_default() += fit.b3_f1 / sets.len() as f64;
            told.insert(name.replace(' ', "_"), as_json(&fit));
        };
        tell("crashvault", of_orders(set, ours)?);
        for (name, rule) in RULES {
            tell(
                name,
                of_orders(set, |traces| {
                    Ok(traces.iter().map(|t| rule(&t.line)).collect())
                })?,
            );
        }
        tell("libcasr", casr(set)?);
        report.set(set.name, Value::Object(told));
    }
    println!("mean of the sets");
    for (name, mean) in &means {
        println!("  {name:<36} B3 {mean:.4}");
    }
    report.set("mean_b3_f1", json!(means));
    report.set(
        "gain_over_strongest_rule",
        means["crashvault"] - means[RULES[STRONGEST].0],
    );
    Ok(())
}

fn as_json(fit: &Fit) -> Value {
    json!({
        "b3_f1": fit.b3_f1,
        "b3_precision": fit.b3_precision,
        "b3_recall": fit.b3_recall,
        "pair_precision": fit.pair_precision,
        "pair_recall": fit.pair_recall,
        "groups": fit.groups,
    })
}

fn of_orders<G: Ord + Clone>(
    set: &Set,
    group: impl Fn(&[&Trace]) -> Outcome<Vec<G>>,
) -> Outcome<Fit> {
    let fits = SEEDS.map(|seed| {
        let traces = set.shuffled(seed);
        let groups = group(&traces)?;
        match groups.len() == traces.len() {
            true => Ok(Fit::of(&traces, &groups)),
            false => Err("a trace was left out".into()),
        }
    });
    let fits = fits.into_iter().collect::<Outcome<Vec<Fit>>>()?;
    Ok(Fit::mean(&fits))
}

fn ours(traces: &[&Trace]) -> Outcome<Vec<u64>> {
    let pass = || {
        let mut grouper = Grouper::new();
        let numbers = traces.iter().map(|trace| grouper.add(&trace.event));
        numbers.collect::<Vec<u64>>()
    };
    let groups = pass();
    match groups == pass() {
        true => Ok(groups),
        false => Err("the same order gave other groups the second time".into()),
    }
}

/// What libcasr compares is the source lines of a stack; it gets the program's own frames, as it would drop the others.
fn casr(set: &Set) -> Outcome<Fit> {
    let stacks: Vec<Stacktrace> = set.traces.iter().map(|trace| stack(&trace.line)).collect();
    let groups = cluster_stacktraces(&stacks)?;
    let traces: Vec<&Trace> = set.traces.iter().collect();
    match groups.len() == traces.len() {
        true => Ok(Fit::of(&traces, &groups)),
        false => Err("libcasr left a trace out".into()),
    }
}

fn stack(line: &Value) -> Stacktrace {
    let frames = || line["frames"].as_array().into_iter().flatten();
    // It cannot compare a stack of no frames with anything.
    let some_own = frames().any(|frame| frame["in_app"] == true);
    let own = frames().filter(|frame| !some_own || frame["in_app"] == true);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    own.map(|frame| StacktraceEntry {
        function: text(&frame["function"]),
        debug: DebugInfo {
            // Where there is no file, the function's name stands for one: it would be equal to nothing else.
            file: match text(&frame["file"]) {
                file if file.is_empty() => text(&frame["function"]),
                file => file,
            },
            line: frame["line"].as_u64().unwrap_or_default(),
            column: 0,
        },
        ..StacktraceEntry::default()
    })
    .collect()
}

// How fast -----------------------------------------------------------------------------------------------------

fn speed(sets: &[Set], variants: usize, report: &mut Report) -> Outcome {
    let all: Vec<&Trace> = sets.iter().flat_map(|set| &set.traces).collect();
    let events = renamed(&all, EVENTS);
    let (rate, issues) = grouped(&mut Grouper::new(), &events)?;
    println!("{EVENTS} events of {issues} issues: {rate:.0} events/s on one core");
    report.set("events_per_s", rate);
    drop(events);

    let events = renamed(&distinct(&all), variants + TIMED);
    let (filling, timed) = events.split_at(variants);
    usage::forget_peak();
    let before = usage::peak_bytes()?;
    let mut grouper = Grouper::new();
    let (rate, issues) = grouped(&mut grouper, filling)?;
    let bytes = usage::peak_bytes()?.saturating_sub(before);
    let single = timed.iter().map(|event| {
        let begun = Instant::now();
        std::hint::black_box(grouper.add(event));
        begun.elapsed().as_nanos() as u64
    });
    let single: Vec<u64> = single.collect();
    let p50 = percentile(single.iter().copied(), 50.0);
    let p99 = percentile(single.iter().copied(), 99.0);
    println!(
        "{variants} variants of {issues} issues, each seen once: {rate:.0} events/s on one core, {} MB more memory; \
         then one more p50 {} µs, p99 {} µs",
        bytes >> 20,
        p50 / 1000,
        p99 / 1000,
    );
    report.set("variants", variants);
    report.set("new_variants_per_s", rate);
    report.set("memory_bytes", bytes);
    report.set("one_variant_p50_ns", p50);
    report.set("one_variant_p99_ns", p99);
    Ok(())
}

/// Events a second of processor time, and how many issues they make.
fn grouped(grouper: &mut Grouper, events: &[Event]) -> Outcome<(f64, u64)> {
    let mut times = Times::default();
    let numbers: Vec<u64> = times.add(|| events.iter().map(|event| grouper.add(event)).collect());
    let issues = numbers.iter().max().copied().unwrap_or_default();
    match numbers.len() == events.len() && issues == grouper.issue_count() {
        true => Ok((events.len() as f64 / times.cpu.as_secs_f64(), issues)),
        false => Err("an event was left out".into()),
    }
}

/// One trace of each type and stack.
fn distinct<'t>(traces: &[&'t Trace]) -> Vec<&'t Trace> {
    let mut known = BTreeSet::new();
    let is_new = |trace: &&&Trace| {
        let line = &trace.line;
        known.insert((line["type"].to_string(), line["frames"].to_string()))
    };
    traces.iter().filter(is_new).copied().collect()
}

/// The traces again and again, each time as those of another program, whose variants nobody knows.
fn renamed(traces: &[&Trace], count: usize) -> Vec<Event> {
    let events = (0..count).map(|number| {
        let mut event = traces[number % traces.len()].event.clone();
        let program = number / traces.len();
        for exception in &mut event.exceptions {
            let frames = exception
                .stacktrace
                .iter_mut()
                .flat_map(|stack| &mut stack.frames);
            for frame in frames {
                // Every third function is shared by all programs, as a library's are.
                let name = frame.function.as_deref().unwrap_or_default();
                if !name.len().is_multiple_of(3) {
                    frame.function = Some(format!("{name}_{program}"));
                }
            }
        }
        event
    });
    events.collect()
}
