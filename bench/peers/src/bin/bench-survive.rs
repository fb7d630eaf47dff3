//! What is left when a process is killed.
//!
//! `bench-survive [--seconds N]`; the last line is one JSON object.
//! 1. A child captures 10,000 distinct errors (200 places × 50) with the default settings, its drainer off, and kills itself
//!    with SIGKILL. The `sentry` crate does the same, sending to a server on loopback that answers
//!    after 5 ms.
//! 2. Eight writers that note each acknowledged capture are killed at random for 30 seconds, while two others drain.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bench_peers::ours::fresh_directory;
use bench_peers::sink::Sink;
use bench_peers::sites::SITES;
use bench_peers::workload::LoadError;
use crashvault::{IssueFilter, StoredEvent, Vault};
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PER_SITE: usize = 50;
const WRITERS: usize = 8;
const DRAINERS: usize = 2;
/// Captures of one writer between two rests: together they make some 6,000 a second, which two cores can also drain.
const BURST: usize = 16;
const REST: Duration = Duration::from_millis(20);
const ACKNOWLEDGED_MIN: usize = 100_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--burst", home] => burst(home),
        ["--peer-burst", dsn] => peer_burst(dsn),
        ["--write", home, notes, name] => write(home, notes, name),
        ["--drain", home] => drain(home),
        [] => run(Duration::from_secs(30)),
        ["--seconds", seconds] => seconds
            .parse()
            .map_err(Into::into)
            .and_then(|s| run(Duration::from_secs(s))),
        _ => Err("usage: bench-survive [--seconds N]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(time: Duration) -> Outcome {
    let home = fresh_directory();
    let mut result = serde_json::Map::new();
    result.insert("bench".into(), json!("survive"));
    result.insert(
        "peers".into(),
        json!([
            format!("crashvault {}", env!("CARGO_PKG_VERSION")),
            "sentry 0.49.5 (ureq transport, server on loopback that answers after 5 ms)"
        ]),
    );
    let after_burst = kept_of_burst(&home.join("burst"));
    let after_storm = kept_of_storm(&home.join("storm"), time);
    let peer = kept_of_peer();
    if let Some(directory) =
        std::env::var_os("CRASHVAULT_BENCH_SAMPLES").filter(|value| !value.is_empty())
    {
        let notes = home.join("storm.acknowledged");
        std::fs::copy(notes, Path::new(&directory).join("acknowledged.txt"))?;
    }
    let _ = std::fs::remove_dir_all(&home);
    let mut whole = true;
    for (values, is_whole) in [after_burst?, after_storm?, peer?] {
        result.extend(values);
        whole &= is_whole;
    }
    println!("{}", Value::Object(result));
    if whole {
        Ok(())
    } else {
        Err("something that was acknowledged is lost, doubled or out of order, or too little was tried".into())
    }
}

type Part = (serde_json::Map<String, Value>, bool);

fn part(values: Value, is_whole: bool) -> Part {
    let Value::Object(values) = values else {
        return Default::default();
    };
    (values, is_whole)
}

/// This program again, in another part.
fn again(arguments: &[&str]) -> Outcome<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    Ok(command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?)
}

fn text(path: &Path) -> Outcome<&str> {
    path.to_str()
        .ok_or_else(|| "the temporary directory's path is no UTF-8".into())
}

/// At once: a program that did it for us would give the peer's thread milliseconds more.
fn kill_self() {
    // SAFETY: ends this process and nothing else.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

// ---- one burst, then SIGKILL ----

fn burst(home: &str) -> Outcome {
    crashvault::options().vault(home).drain(false).install();
    for round in 0..PER_SITE {
        for (place, site) in SITES.iter().enumerate() {
            site(round * SITES.len() + place);
        }
    }
    println!("{}", crashvault::health().throttled_count);
    std::io::stdout().flush()?;
    kill_self();
    Ok(())
}

fn kept_of_burst(home: &Path) -> Outcome<Part> {
    let output = again(&["--burst", text(home)?])?.wait_with_output()?;
    let throttled: u64 = String::from_utf8(output.stdout)?.trim().parse()?;
    let was_killed = output.status.code().is_none();
    let mut events = all_events(home)?;
    events.sort_by_key(|event| event.sequence);
    let numbers: Vec<Option<usize>> = events.iter().map(number_of).collect();
    let captured = SITES.len() * PER_SITE;
    let in_order = numbers
        .iter()
        .enumerate()
        .all(|(at, number)| *number == Some(at));
    let whole = was_killed && events.len() == captured && in_order && throttled == 0;
    let values = json!({"captured": captured, "kept": events.len(), "in_order": in_order, "throttled": throttled});
    Ok(part(values, whole))
}

/// The number in `cannot load profile N`.
fn number_of(stored: &StoredEvent) -> Option<usize> {
    let value = stored.event.exceptions.last()?.value.as_deref()?;
    value.rsplit(' ').next()?.parse().ok()
}

fn all_events(home: &Path) -> Outcome<Vec<StoredEvent>> {
    let mut vault = Vault::open(home)?;
    vault.drain_all()?;
    let mut events = Vec::new();
    for issue in vault.issues(&IssueFilter::default().limit(1_000_000))? {
        // That a killed process was killed is told too, and is no capture.
        if issue.title.starts_with("ended without notice") {
            continue;
        }
        events.extend(vault.events(&issue.id, 10_000_000)?);
    }
    Ok(events)
}

// ---- the peer ----

fn peer_burst(dsn: &str) -> Outcome {
    let _guard = sentry::init((
        dsn.to_owned(),
        sentry::ClientOptions::new().attach_stacktrace(true),
    ));
    for number in 0..SITES.len() * PER_SITE {
        sentry::capture_error(&LoadError::new(number));
    }
    kill_self();
    Ok(())
}

fn kept_of_peer() -> Outcome<Part> {
    let sink = Sink::start()?;
    again(&["--peer-burst", &sink.dsn()])?.wait()?;
    // What was on the wire may still arrive.
    std::thread::sleep(Duration::from_millis(500));
    Ok(part(
        json!({"sentry_captured": SITES.len() * PER_SITE, "sentry_kept": sink.count()}),
        true,
    ))
}

// ---- a storm of kills ----

/// Captures until killed and notes each id that came back, in one write after the capture.
fn write(home: &str, notes: &str, name: &str) -> Outcome {
    crashvault::options().vault(home).drain(false).install();
    crashvault::set_tag("writer", name);
    let mut notes = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(notes)?;
    let mut number = 0;
    loop {
        for _ in 0..BURST {
            let error = LoadError::new(number);
            let id = capture_at(number % SITES.len(), &error);
            number += 1;
            if !id.is_nil() {
                notes.write_all(format!("{id}\n").as_bytes())?;
            }
        }
        std::thread::sleep(REST);
    }
}

/// One place, two hundred kinds: the tag in the scope cannot tell the throttle anything, the message's head can.
fn capture_at(place: usize, error: &LoadError) -> crashvault::EventId {
    let head = [
        char::from(b'a' + (place / 26) as u8),
        char::from(b'a' + (place % 26) as u8),
    ];
    let message = format!("{}{}: {error}", head[0], head[1]);
    crashvault::capture_error(&std::io::Error::other(message))
}

/// Drains again and again until its input ends, as two commands side by side would.
fn drain(home: &str) -> Outcome {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        let _ = sender.send(());
    });
    while receiver.recv_timeout(Duration::from_millis(50)).is_err() {
        let report = Vault::open(home)?.drain_all()?;
        if let Some(fault) = report.faults.into_iter().next() {
            return Err(fault.into());
        }
    }
    Ok(())
}

fn kept_of_storm(home: &Path, time: Duration) -> Outcome<Part> {
    std::fs::create_dir_all(home)?;
    let notes = home.with_extension("acknowledged");
    let mut drainers = Vec::new();
    for _ in 0..DRAINERS {
        drainers.push(again(&["--drain", text(home)?])?);
    }
    let kills = storm(home, &notes, time)?;
    for mut drainer in drainers {
        drop(drainer.stdin.take());
        if !drainer.wait()?.success() {
            return Err("a drainer failed".into());
        }
    }
    let acknowledged = read_notes(&notes)?;
    let mut kept: HashMap<String, usize> = HashMap::new();
    let events = all_events(home)?;
    for event in &events {
        *kept.entry(event.event.event_id.to_string()).or_default() += 1;
    }
    let lost = acknowledged
        .iter()
        .filter(|id| !kept.contains_key(*id))
        .count();
    let doubled = kept.values().filter(|count| **count > 1).count();
    let broken = events
        .iter()
        .filter(|event| !event.event.flaws.is_empty())
        .count();
    let left = std::fs::read_dir(home.join("journal"))?.count();
    let values = json!({
        "acknowledged": acknowledged.len(), "storm_kept": events.len(), "lost": lost, "doubled": doubled,
        "broken": broken, "kills": kills, "segments_left": left,
    });
    let is_enough = acknowledged.len() >= ACKNOWLEDGED_MIN || time < Duration::from_secs(30);
    Ok(part(
        values,
        lost == 0 && doubled == 0 && broken == 0 && left == 0 && is_enough,
    ))
}

/// Keeps eight writers alive and kills each after a random fraction of a second to two seconds.
fn storm(home: &Path, notes: &Path, time: Duration) -> Outcome<u64> {
    let mut random = std::process::id();
    let mut next = |below: u64| {
        // Numerical Recipes' generator: any spread of times will do.
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u64::from(random >> 8) % below
    };
    let start = |name: u64| again(&["--write", text(home)?, text(notes)?, &name.to_string()]);
    let begun = Instant::now();
    let mut writers: Vec<(Child, Instant)> = Vec::new();
    let mut kills = 0;
    while begun.elapsed() < time {
        while writers.len() < WRITERS {
            let end = Instant::now() + Duration::from_millis(100 + next(1900));
            writers.push((start(kills + writers.len() as u64)?, end));
        }
        std::thread::sleep(Duration::from_millis(5));
        for index in (0..writers.len()).rev() {
            if writers[index].1 <= Instant::now() {
                let (mut writer, _) = writers.swap_remove(index);
                writer.kill()?;
                writer.wait()?;
                kills += 1;
            }
        }
    }
    for (mut writer, _) in writers {
        writer.kill()?;
        writer.wait()?;
        kills += 1;
    }
    Ok(kills)
}

/// Whole lines only: the last one of a killed writer may be cut, and was then not acknowledged to anybody.
fn read_notes(notes: &PathBuf) -> Outcome<HashSet<String>> {
    let text = std::fs::read_to_string(notes)?;
    Ok(text
        .lines()
        .filter(|line| line.len() == 32)
        .map(str::to_owned)
        .collect())
}
