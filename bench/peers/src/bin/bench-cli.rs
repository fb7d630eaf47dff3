//! What the command costs, process by process.
//!
//! `bench-cli [--events N | --million]`; the last line is one JSON object.
//! A vault of generated events (`bench_peers::events`) is made; one of a million is kept under `target/bench/cli-vaults`
//! and used again. `$CRASHVAULT_BIN`, or the command built here in release, then runs as a whole process for each
//! question: the time runs from its start to its end, its output goes through a pipe that is read meanwhile.
//! Processor time and the peak of memory are what the system tells of the ended process.
//!
//! It ends with an error unless every run ends with exit code 0 and says what the library says: the issues of the list
//! and of each search, which must hold the issue of an event known to have the term; the counts; the events; and an
//! export with every event and its end, which in a small vault is also brought into an empty one.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use bench_peers::Report;
use bench_peers::events::Generator;
use bench_peers::events::random::Random;
use bench_peers::ours::fresh_directory;
use bench_peers::stats::percentile;
use bench_peers::terms::{self, Finds, Known, Query};
use bench_peers::usage;
use crashvault::{Event, Issue, IssueFilter, IssueRef, Search, Vault};
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const SEED: u64 = 1;
const EVENTS: u64 = 100_000;
const MILLION: u64 = 1_000_000;
const CHUNK: u64 = 8192;
/// Events that terms are taken from.
const KNOWN: usize = 400;
/// Processes of each kind that count, and those before them that only fill the caches.
const RUNS: usize = 40;
const WARM_UPS: usize = 3;
const EXPORTS: usize = 3;
/// What the command shows if nobody says how much.
const PAGE: usize = 50;
/// More than there are.
const ISSUES_MAX: usize = 100_000;
/// Exports of larger vaults are counted, and not brought into another one.
const IMPORTED_EVENTS_MAX: u64 = 20_000;

const USAGE: &str = "usage: bench-cli [--events N | --million]";

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let [timed, program, arguments @ ..] = &words[..]
        && timed == TIMED
    {
        return time_one(program, arguments);
    }
    match events(&words).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn events(words: &[OsString]) -> Outcome<u64> {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let count = match words[..] {
        [] => EVENTS,
        ["--million"] => MILLION,
        ["--events", count] => count.parse()?,
        ["--help" | "-h"] => {
            println!("{USAGE}");
            std::process::exit(0);
        }
        _ => return Err(USAGE.into()),
    };
    match count {
        0 => Err("there are no events".into()),
        count => Ok(count),
    }
}

fn run(count: u64) -> Outcome {
    let bench = Bench {
        program: program()?,
        place: fresh_directory(),
        count,
    };
    let mut report = Report::new("cli");
    let done = bench.measure(&mut report);
    let _ = std::fs::remove_dir_all(&bench.place);
    println!("{}", report.to_json());
    done
}

/// `target`, which this program lies two levels below.
fn target() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    Ok(target
        .ok_or("this program lies in no target directory")?
        .to_owned())
}

/// The command that is measured.
fn program() -> Outcome<PathBuf> {
    if let Some(program) = std::env::var_os("CRASHVAULT_BIN") {
        return Ok(PathBuf::from(program));
    }
    let target = target()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--package", "crashvault-cli"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", &target)
        .status()?;
    match status.success() {
        true => Ok(target.join("release").join("crashvault")),
        false => Err("the command cannot be built".into()),
    }
}

// ---- one process ----

const TIMED: &str = "--timed";

/// Runs a command and writes what it took as the last line of stderr. This is a process of its own because a new process
/// has, by the system's account, at least the peak of the one that started it; and ours knows a whole vault.
fn time_one(program: &OsString, arguments: &[OsString]) -> ExitCode {
    let begun = Instant::now();
    let status = Command::new(program).args(arguments).status();
    let wall = begun.elapsed();
    let (cpu, peak) = usage::of_children();
    let code = match status {
        Ok(status) => status.code(),
        Err(error) => {
            eprintln!("{}: {error}", program.display());
            None
        }
    };
    eprintln!(
        "{}",
        json!([code, wall.as_nanos() as u64, cpu.as_nanos() as u64, peak])
    );
    ExitCode::SUCCESS
}

/// What processes of one kind took.
#[derive(Default)]
struct Took {
    wall_ns: Vec<u64>,
    cpu_ns: Vec<u64>,
    peak_bytes: Vec<u64>,
}

impl Took {
    fn ms(&self, percent: f64) -> f64 {
        rounded(percentile(self.wall_ns.iter().copied(), percent) as f64 / 1e6)
    }

    fn cpu_ms(&self) -> f64 {
        rounded(percentile(self.cpu_ns.iter().copied(), 50.0) as f64 / 1e6)
    }

    /// Of the process that had the most.
    fn peak_mb(&self) -> f64 {
        rounded(percentile(self.peak_bytes.iter().copied(), 100.0) as f64 / 1e6)
    }

    fn report(&self, verb: &str, report: &mut Report) {
        report.set(&format!("{verb}_ms"), self.ms(50.0));
        report.set(&format!("{verb}_p95_ms"), self.ms(95.0));
        report.set(&format!("{verb}_cpu_ms"), self.cpu_ms());
        report.set(&format!("{verb}_rss_mb"), self.peak_mb());
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

// ---- all of them ----

struct Bench {
    program: PathBuf,
    /// For everything that is not kept.
    place: PathBuf,
    count: u64,
}

impl Bench {
    fn measure(&self, report: &mut Report) -> Outcome {
        let home = self.vault()?;
        let expected = Expected::of(&home, self.count)?;
        report.set("events", self.count);
        report.set("issues", expected.counts.0);
        report.set("runs", RUNS);
        self.floor(report)?;

        self.timed(
            "start",
            report,
            &home,
            |_| words(&["path"]),
            |_, told| Ok(told.trim_end() == home.to_string_lossy()),
        )?;
        self.timed(
            "list",
            report,
            &home,
            |_| words(&["list"]),
            |_, told| Ok(column(told, 0) == expected.list),
        )?;
        for (verb, asked) in [
            ("search_tag", &expected.tags),
            ("search_text", &expected.texts),
            ("search_frame", &expected.frames),
        ] {
            let of = |run: usize| &asked[run % asked.len()];
            report.set(&format!("{verb}_queries"), asked.len().min(RUNS));
            self.timed(
                verb,
                report,
                &home,
                |run| words(&["search", "--", &of(run).query]),
                |run, told| Ok(column(told, 0) == of(run).answer),
            )?;
        }
        self.timed(
            "stats",
            report,
            &home,
            |_| words(&["stats"]),
            |_, told| Ok(expected.counts == (sum(told, "status"), sum(told, "level"))),
        )?;
        let shown = |run: usize| &expected.shown[run % expected.shown.len()];
        self.timed(
            "show",
            report,
            &home,
            |run| words(&["show", &shown(run).number.to_string()]),
            |run, told| Ok(is_shown(shown(run), told)),
        )?;
        self.timed(
            "events",
            report,
            &home,
            |_| words(&["events"]),
            |_, told| Ok(column(told, 4) == expected.events),
        )?;
        self.exports(&home, &expected, report)
    }

    /// A program that does nothing: what of each figure is the machine's own.
    fn floor(&self, report: &mut Report) -> Outcome {
        let mut took = Took::default();
        for _ in 0..WARM_UPS + RUNS {
            self.once(Path::new("true"), &[], &self.place, &mut took)?;
        }
        report.set("true_ms", took.ms(50.0));
        report.set("true_rss_mb", took.peak_mb());
        Ok(())
    }

    /// Runs the command with its words of each run, and hears whether what it said is right.
    fn timed(
        &self,
        verb: &str,
        report: &mut Report,
        home: &Path,
        words: impl Fn(usize) -> Vec<OsString>,
        is_right: impl Fn(usize, &str) -> Outcome<bool>,
    ) -> Outcome {
        let (mut took, mut warming) = (Took::default(), Took::default());
        for run in 0..WARM_UPS + RUNS {
            let took = match run < WARM_UPS {
                true => &mut warming,
                false => &mut took,
            };
            let words = words(run);
            let told = self.once(&self.program, &words, home, took)?;
            if !is_right(run, &told)? {
                let beginning: String = told.chars().take(500).collect();
                return Err(format!("{verb}: {words:?} was answered wrongly: {beginning}").into());
            }
        }
        took.report(verb, report);
        Ok(())
    }

    fn exports(&self, home: &Path, expected: &Expected, report: &mut Report) -> Outcome {
        let file = self.place.join("export.ndjson");
        let mut took = Took::default();
        for _ in 0..EXPORTS {
            let mut export = words(&["export", "--force", "--format", "ndjson", "--output"]);
            export.push(file.clone().into());
            self.once(&self.program, &export, home, &mut took)?;
            let found = exported(&file)?;
            if found != expected.counts {
                let wanted = expected.counts;
                return Err(
                    format!("an export has {found:?} issues and events of {wanted:?}").into(),
                );
            }
        }
        report.set("export_s", rounded(took.ms(50.0) / 1000.0));
        report.set("export_cpu_ms", took.cpu_ms());
        report.set("export_rss_mb", took.peak_mb());
        report.set("export_bytes", std::fs::metadata(&file)?.len());
        if self.count <= IMPORTED_EVENTS_MAX {
            let mut other = Vault::open(self.place.join("other"))?;
            let imported = other.import_export(&file)?;
            if (imported.issues, imported.events) != expected.counts {
                return Err(format!("an export came in as {imported:?}").into());
            }
        }
        Ok(())
    }

    /// What it said; an error where it did not end well.
    fn once(
        &self,
        program: &Path,
        words: &[OsString],
        home: &Path,
        took: &mut Took,
    ) -> Outcome<String> {
        let output = Command::new(std::env::current_exe()?)
            .arg(TIMED)
            .arg(program)
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.place)
            .env("CRASHVAULT_HOME", home)
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let figures = said.trim_end().lines().next_back().unwrap_or_default();
        let (code, wall, cpu, peak): (Option<i32>, u64, u64, u64) = figures_of(figures)?;
        if code != Some(0) {
            return Err(format!("{} {words:?}: {said}", program.display()).into());
        }
        took.wall_ns.push(wall);
        took.cpu_ns.push(cpu);
        took.peak_bytes.push(peak);
        Ok(String::from_utf8(output.stdout)?)
    }

    // ---- the vault ----

    /// Where it is: the one that is kept, or a new one.
    fn vault(&self) -> Outcome<PathBuf> {
        let home = match self.count {
            MILLION => target()?.join(format!("bench/cli-vaults/{MILLION}")),
            _ => self.place.join("vault"),
        };
        if !home.exists() {
            // Under another name until it is whole, so that half of one is never used.
            let begun = home.with_extension("begun");
            let _ = std::fs::remove_dir_all(&begun);
            self.fill(&begun)?;
            std::fs::rename(&begun, &home)?;
        }
        Ok(home)
    }

    fn fill(&self, home: &Path) -> Outcome {
        std::fs::create_dir_all(home)?;
        let generator = Generator::new(SEED, self.count);
        let mut vault = Vault::open(home)?;
        let mut first = 0;
        while first < self.count {
            let end = self.count.min(first + CHUNK);
            let events = (first..end).map(|number| parsed(&generator, number));
            vault.add_all(events.collect::<Outcome<Vec<Event>>>()?)?;
            first = end;
        }
        Ok(())
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn figures_of(line: &str) -> Outcome<(Option<i32>, u64, u64, u64)> {
    let figures: Value = serde_json::from_str(line)?;
    let figure = |at: usize| figures[at].as_u64().ok_or("a process told no figures");
    let code = figures[0]
        .as_i64()
        .and_then(|code| i32::try_from(code).ok());
    Ok((code, figure(1)?, figure(2)?, figure(3)?))
}

fn parsed(generator: &Generator, number: u64) -> Outcome<Event> {
    Ok(Event::from_json(generator.json(number).as_bytes())?)
}

// ---- what must be said ----

/// A query with the issues on its first page.
struct Asked {
    query: String,
    answer: Vec<String>,
}

struct Expected {
    /// Issues and events.
    counts: (u64, u64),
    list: Vec<String>,
    tags: Vec<Asked>,
    texts: Vec<Asked>,
    frames: Vec<Asked>,
    shown: Vec<Issue>,
    events: Vec<String>,
}

impl Expected {
    /// Asks the library, in this process. The vault is closed again afterwards.
    fn of(home: &Path, count: u64) -> Outcome<Expected> {
        let vault = Vault::open(home)?;
        let status = vault.status()?;
        if status.event_count != count {
            return Err(format!("{} of {count} events are there", status.event_count).into());
        }
        let known = known(&vault, count)?;
        let random = &mut Random::of(SEED, &[3]);
        let asked = |queries: Vec<Query>| -> Outcome<Vec<Asked>> {
            match queries.is_empty() {
                true => Err("the events have too few different terms".into()),
                false => queries.iter().map(|query| asked(&vault, query)).collect(),
            }
        };
        let wanted = WARM_UPS + RUNS;
        let mut numbers: Vec<u64> = known.iter().map(|known| known.issue_number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        random.shuffle(&mut numbers);
        let shown = numbers.iter().take(wanted);
        let shown = shown.map(|number| vault.issue(&IssueRef::Number(*number)));
        let list = vault.issues(&IssueFilter::default().limit(PAGE))?;
        let events = vault.search_events(&Search::new("").limit(PAGE))?.events;
        Ok(Expected {
            counts: (status.issue_count, status.event_count),
            list: list.iter().map(|issue| issue.number.to_string()).collect(),
            tags: asked(terms::tags(&known, wanted, random))?,
            texts: asked(terms::texts(&known, wanted, random))?,
            frames: asked(terms::frames(&known, wanted, random))?,
            shown: shown.collect::<crashvault::Result<_>>()?,
            events: events
                .iter()
                .map(|stored| stored.event.event_id.to_string())
                .collect(),
        })
    }
}

/// Some events with the issues they came to be in.
fn known(vault: &Vault, count: u64) -> Outcome<Vec<Known>> {
    let generator = Generator::new(SEED, count);
    let mut random = Random::of(SEED, &[1]);
    let numbers: BTreeSet<u64> = (0..KNOWN).map(|_| random.below(count)).collect();
    let known = numbers.into_iter().map(|number| {
        let event = parsed(&generator, number)?;
        let issue_number = vault.event(event.event_id)?.issue_number;
        Ok(Known {
            event,
            issue_number,
        })
    });
    known.collect()
}

fn asked(vault: &Vault, query: &Query) -> Outcome<Asked> {
    let found = vault.search(&Search::new(&query.text).limit(ISSUES_MAX))?;
    let numbers: Vec<u64> = found.issues.iter().map(|issue| issue.number).collect();
    let is_right = match query.finds {
        Finds::Issue(number) => numbers.contains(&number),
        Finds::Nothing => numbers.is_empty(),
    };
    if !is_right {
        return Err(format!("{} must find {:?}", query.text, query.finds).into());
    }
    Ok(Asked {
        query: query.text.clone(),
        answer: numbers.iter().take(PAGE).map(u64::to_string).collect(),
    })
}

/// Lines with tabs: one column of each.
fn column(told: &str, at: usize) -> Vec<&str> {
    let cells = told.lines().map(|line| line.split('\t').nth(at));
    cells.map(Option::unwrap_or_default).collect()
}

/// The counts of the lines of `stats` of one kind.
fn sum(told: &str, kind: &str) -> u64 {
    let lines = told
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let counts = lines.filter_map(|line| match line[..] {
        [found, _, count] if found == kind => count.parse::<u64>().ok(),
        _ => None,
    });
    counts.sum()
}

/// Whether it is the page of that issue, with an event and its stack.
fn is_shown(issue: &Issue, told: &str) -> bool {
    let first = told.lines().next().unwrap_or_default();
    first.starts_with(&format!("#{}  ", issue.number))
        && told.contains(&issue.id.to_string())
        && told.contains("Breadcrumbs")
}

/// The issues and events in an export that has its end, and as many lines as that says.
fn exported(file: &Path) -> Outcome<(u64, u64)> {
    let (mut issues, mut events, mut lines) = (0, 0, 0_u64);
    let mut last = String::new();
    for line in BufReader::new(File::open(file)?).lines() {
        last = line?;
        // Read whole, ten gigabytes would take longer than all the rest.
        issues += u64::from(last.starts_with(r#"{"issue":"#));
        events += u64::from(last.starts_with(r#"{"event":"#));
        lines += 1;
    }
    let last: Value = serde_json::from_str(&last)?;
    match last["end"]["lines"].as_u64() {
        Some(before) if before + 1 == lines => Ok((issues, events)),
        _ => Err(format!("an export of {lines} lines ends with {last}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_column(told: &str, at: usize, expected: &[&str]) {
        assert_eq!(column(told, at), expected);
    }

    #[test]
    fn a_column_is_taken_of_each_line() {
        check_column("", 0, &[]);
        check_column("7\topen\n9\n", 0, &["7", "9"]);
        check_column("7\topen\n9\n", 1, &["open", ""]);
    }

    #[test]
    fn only_lines_of_the_kind_are_summed() {
        assert_eq!(
            sum(
                "status\topen\t3\nlevel\tinfo\t4\nlevel\tfatal\t5\n",
                "level"
            ),
            9
        );
    }

    #[test]
    fn a_process_that_was_not_started_told_no_code() {
        assert_eq!(figures_of("[null,1,2,3]").unwrap(), (None, 1, 2, 3));
    }

    #[test]
    fn a_line_without_figures_is_an_error() {
        assert!(figures_of("crashvault: no such file").is_err());
        assert!(figures_of("[0,1]").is_err());
    }
}
