//! What a crash costs, and what being ready for one costs.
//!
//! `bench-native [--children N]`; the last line is one JSON object.
//! 1. N children crash by a real SIGSEGV at depth 30, with a scope. A handler that was there before ours takes the time as
//!    it is called, which is when everything is written; the event's own time is that of the entry into our handler.
//!    Once without waiting for the disk, once (a quarter as many) with `fdatasync`, the default.
//! 2. Breadcrumbs with and without the black box, in blocks of 100.
//! 3. What the peer keeps of each end in the crash matrix, with a server on loopback to send to. It is written to
//!    `crashvault-core/tests/crash_matrix_sentry.tsv`, which docs/crash-matrix.md is made from.
//! 4. The time of `install()`, memory that stays resident for it, and a fork of a process with 512 MB, with and without.

use std::collections::HashMap;
use std::error::Error;
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bench_peers::ours::{fresh_directory, is_whole};
use bench_peers::sink::Sink;
use bench_peers::stats::{percentile, us};
use bench_peers::workload::{self, CATEGORY, DEPTH, TAGS, USER, at_depth};
use crashvault::{Durability, IssueFilter, User, Vault};
use serde_json::{Map, Value, json};

#[path = "../../../../crashvault-core/tests/crasher/ends.rs"]
mod ends;
#[path = "../../../../crashvault-core/tests/crasher/faults.rs"]
mod faults;
#[path = "../../../../crashvault-core/tests/crasher/panics.rs"]
mod panics;
#[path = "../../../../crashvault-core/tests/crasher/run.rs"]
mod run;
#[path = "../watched.rs"]
mod watched;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const CHILDREN: usize = 400;
const CRUMB_BLOCK: u32 = 100;
const CRUMB_BLOCKS: usize = 5000;
const FORKS: usize = 15;
const RESIDENT_BYTES: usize = 512 << 20;
/// Processes for each figure of memory.
const PROCESSES: usize = 9;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--crash", home, durability] => crash(home, durability),
        ["--crumbs", home, mode] => crumbs(home, mode),
        ["--memory", home, mode] => memory(home, mode),
        ["--forks", home, mode] => forks(home, mode),
        ["--install", home, mode] => install(home, mode),
        ["--end", dsn, kind] => {
            run::run(dsn, kind);
            Ok(())
        }
        [] => measure(CHILDREN),
        ["--children", children] => children.parse().map_err(Into::into).and_then(measure),
        _ => Err("usage: bench-native [--children N]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(children: usize) -> Outcome {
    let home = fresh_directory();
    let mut result = Map::new();
    result.insert("bench".into(), json!("native"));
    result.insert("children".into(), children.into());
    result.insert("depth".into(), DEPTH.into());
    let mut is_all_whole = true;
    for (prefix, durability, count) in [
        ("handler", "process", children),
        ("handler_synced", "data", children.div_ceil(4)),
    ] {
        let times = crashes(&home.join(prefix), durability, count)?;
        for percent in [50.0, 99.0] {
            let value = us(percentile(times.ns.iter().copied(), percent));
            result.insert(format!("{prefix}_p{percent}_us"), value);
        }
        result.insert(format!("{prefix}_events"), times.events.into());
        result.insert(format!("{prefix}_whole"), times.whole.into());
        is_all_whole &= times.events == count && times.whole == count;
    }
    for (key, what, mode) in [
        ("breadcrumb_ring_p50_ns", "--crumbs", "on"),
        ("breadcrumb_alone_p50_ns", "--crumbs", "off"),
        ("install_us", "--install", "on"),
        ("install_without_us", "--install", "off"),
        ("memory_kb", "--memory", "on"),
        ("memory_without_kb", "--memory", "off"),
        ("fork_512mb_p50_ms", "--forks", "on"),
        ("fork_512mb_without_p50_ms", "--forks", "bare"),
    ] {
        let is_quick = what == "--memory" || what == "--install";
        let times = if is_quick { PROCESSES } else { 1 };
        let mut figures = Vec::new();
        for index in 0..times {
            let home = home.join(format!("{key}-{index}"));
            figures.push(in_child(&[what, home.to_str().unwrap_or_default(), mode])?);
        }
        figures.sort_by(f64::total_cmp);
        result.insert(key.into(), figures[figures.len() / 2].into());
    }
    let memory = |key: &str| result.get(key).and_then(Value::as_f64).unwrap_or_default();
    let added = memory("memory_kb") - memory("memory_without_kb");
    result.insert("memory_added_kb".into(), added.into());
    let _ = std::fs::remove_dir_all(&home);
    result.extend(matrix()?);
    println!("{}", Value::Object(result));
    if is_all_whole {
        return Ok(());
    }
    Err("a crash was lost, or arrived without its stack, breadcrumbs, tags or user".into())
}

struct Times {
    ns: Vec<u64>,
    events: usize,
    whole: usize,
}

fn crashes(home: &Path, durability: &str, count: usize) -> Outcome<Times> {
    let mut ended_at: HashMap<u64, u64> = HashMap::new();
    let program = std::env::current_exe()?;
    for _ in 0..count {
        let mut command = Command::new(&program);
        command.arg("--crash").arg(home).arg(durability);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pid = child.id().into();
        let output = child.wait_with_output()?;
        let time: [u8; 8] = output
            .stdout
            .try_into()
            .map_err(|said| format!("a child said {said:?}"))?;
        ended_at.insert(pid, u64::from_ne_bytes(time));
    }
    let mut times = Times {
        ns: Vec::new(),
        events: 0,
        whole: 0,
    };
    let mut vault = Vault::open(home)?;
    vault.drain_all()?;
    for issue in vault.issues(&IssueFilter::default())? {
        for stored in vault.events(&issue.id, usize::MAX >> 1)? {
            let event = stored.event;
            times.events += 1;
            times.whole += usize::from(is_whole(&event));
            let pid = event.contexts["process"]["pid"]
                .as_u64()
                .unwrap_or_default();
            let begun_at = event.timestamp.map_or(0, |time| time.as_nanos() as u64);
            if let Some(ended_at) = ended_at.get(&pid) {
                times.ns.push(ended_at.saturating_sub(begun_at));
            }
        }
    }
    Ok(times)
}

/// How long a child of the matrix may take. The peer waits two seconds for its server when a program ends well.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was on the wire when a program ended may still arrive.
const ARRIVAL: Duration = Duration::from_millis(300);

/// Lets a child of the peer end in each of the ways in the crash matrix, and writes down what arrived.
fn matrix() -> Outcome<Map<String, Value>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = std::fs::read_to_string(repository.join("docs/crash-matrix.md"))?;
    let ends: Vec<(&str, bool)> = ends(&table).collect();
    let abort = build_abort()?;
    let sink = Sink::start()?;
    let mut rows = String::new();
    let (mut crashes, mut kept) = (0, 0);
    for (kind, is_crash) in &ends {
        let mut command = if *kind == "panic_abort" {
            let mut command = Command::new(&abort);
            command.arg(sink.dsn());
            command
        } else {
            let mut command = watched::again();
            command.args([sink.dsn().as_str(), kind]);
            command
        };
        let has_ended = end(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        std::thread::sleep(ARRIVAL);
        let events = sink.take();
        crashes += usize::from(*is_crash);
        kept += usize::from(*is_crash && !events.is_empty());
        rows.push_str(&format!("{kind}\t{}\n", told(&events, has_ended)));
    }
    if crashes == 0 {
        return Err("docs/crash-matrix.md has no rows".into());
    }
    let path = repository.join("crashvault-core/tests/crash_matrix_sentry.tsv");
    std::fs::write(path, rows)?;
    let mut result = Map::new();
    result.insert("matrix_ends".into(), crashes.into());
    result.insert("matrix_sentry_kept".into(), kept.into());
    Ok(result)
}

/// The kinds of ends in the table, and whether something is to be kept of each.
fn ends(table: &str) -> impl Iterator<Item = (&str, bool)> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    rows.skip(1).filter_map(|row| {
        let mut cells = row.split(" | ");
        let kind = cells.next()?;
        Some((kind, cells.nth(2)? != "nothing"))
    })
}

fn build_abort() -> Outcome<PathBuf> {
    let name = "crasher-peer-abort";
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["rustc", "--quiet", "--release", "--bin", name, "--"])
        .args(["-C", "panic=abort"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if !status.success() {
        return Err(format!("{name} cannot be built").into());
    }
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// False if the child had to be killed.
fn end(command: &mut Command) -> Outcome<bool> {
    let mut child = command.spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(true)
}

fn told(events: &[Value], has_ended: bool) -> String {
    let each = events.iter().map(|event| {
        let exceptions = &event["exception"]["values"];
        let last = exceptions.as_array().and_then(|all| all.last());
        let ty = last.and_then(|thrown| thrown["type"].as_str());
        let level = event["level"].as_str().unwrap_or("error");
        format!("{level}: {}", ty.unwrap_or("a message"))
    });
    let each: Vec<String> = each.collect();
    let kept = match &each[..] {
        [] => "nothing".to_owned(),
        [one] => format!("one event, {one}"),
        more => format!("{} events, {}", more.len(), more.join("; ")),
    };
    match has_ended {
        true => kept,
        false => format!("{kept}; it hung"),
    }
}

fn in_child(arguments: &[&str]) -> Outcome<f64> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    said.trim()
        .parse()
        .map_err(|_| format!("{arguments:?} said {said:?}").into())
}

fn options(home: &str, mode: &str) -> crashvault::Options {
    crashvault::options()
        .vault(home)
        .drain(false)
        .native(mode == "on")
        .black_box(mode == "on")
}

/// Stands where a host's own handler would: says when it was called, and lets the signal end the process.
extern "C" fn called_after(signal: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: async-signal-safe calls with valid arguments.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut time);
        let ns = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
        libc::write(1, ns.to_ne_bytes().as_ptr().cast(), 8);
        libc::signal(signal, libc::SIG_DFL);
    }
}

fn crash(home: &str, durability: &str) -> Outcome {
    // SAFETY: a valid structure for a static function; cores are not what is measured.
    unsafe {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        libc::setrlimit(libc::RLIMIT_CORE, &none);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = called_after as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
    }
    let durability = Durability::from_name(durability).ok_or("no such durability")?;
    options(home, "on").durability(durability).install();
    crashvault::configure_scope(|scope| {
        for (key, value) in TAGS {
            scope.set_tag(key, value);
        }
        scope.set_user(User::new(USER));
    });
    for message in workload::breadcrumbs() {
        crashvault::breadcrumb(CATEGORY, &message);
    }
    // A stack as deep as what is copied of it.
    let mut room = [0u8; 80 * 1024];
    black_box(&mut room);
    at_depth(DEPTH, &mut || {
        // SAFETY: none; it is to crash.
        unsafe { black_box(std::ptr::null_mut::<u8>()).write_volatile(1) };
    });
    black_box(&mut room);
    Err("it did not crash".into())
}

fn crumbs(home: &str, mode: &str) -> Outcome {
    options(home, mode).install();
    let blocks = (0..CRUMB_BLOCKS).map(|number| {
        let message = format!("GET /api/items/{number} answered 200 in 12 ms");
        let begun = Instant::now();
        for _ in 0..CRUMB_BLOCK {
            crashvault::breadcrumb(CATEGORY, black_box(&message));
        }
        begun.elapsed().as_nanos() as u64
    });
    let blocks: Vec<u64> = blocks.collect();
    let p50 = percentile(blocks.into_iter(), 50.0) as f64 / f64::from(CRUMB_BLOCK);
    println!("{p50:.1}");
    Ok(())
}

/// Resident memory that installing adds, in kilobytes.
fn memory(home: &str, mode: &str) -> Outcome {
    let before = resident_kb()?;
    options(home, mode).install();
    crashvault::set_tag("region", "eu-west");
    crashvault::breadcrumb(CATEGORY, "one");
    println!("{}", resident_kb()?.saturating_sub(before));
    Ok(())
}

fn install(home: &str, mode: &str) -> Outcome {
    let options = options(home, mode);
    let begun = Instant::now();
    options.install();
    println!("{}", begun.elapsed().as_micros());
    Ok(())
}

fn resident_kb() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmRSS")?.parse()?)
}

fn forks(home: &str, mode: &str) -> Outcome {
    let resident = black_box(vec![1u8; RESIDENT_BYTES]);
    if mode == "on" {
        options(home, mode).install();
    }
    let mut times = Vec::new();
    for _ in 0..FORKS {
        let begun = Instant::now();
        // SAFETY: one thread; the child ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        times.push(begun.elapsed().as_nanos() as u64);
        // SAFETY: waits for the child made above.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    }
    black_box(resident);
    println!("{:.2}", percentile(times.into_iter(), 50.0) as f64 / 1e6);
    Ok(())
}
