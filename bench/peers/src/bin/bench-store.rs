//! What a vault of many events costs: to fill, to keep, to ask, to make again.
//!
//! `bench-store [--events N | --million | --corpus FILE] [--keep DIR]`; the last line is one JSON object.
//! Events are generated (`bench_peers::events`), or read from FILE, one JSON event a line. They go into a fresh vault
//! as text, in chunks: reading the text, taking the event in and all its indexes are timed together, generating is not.
//! Then the vault is closed, measured, opened again and asked; at last it is rebuilt, verified and asked once more.
//!
//! It ends with an error unless every event is there, a sample is read back as it was sent, searches find what they
//! must and nothing where there is nothing, and the rebuilt vault answers as before.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench_peers::events::Generator;
use bench_peers::events::random::Random;
use bench_peers::harness;
use bench_peers::ours::fresh_directory;
use bench_peers::terms::{self, Finds, Known, Query};
use bench_peers::usage::{self, Times};
use bench_peers::{Report, Samples};
use crashvault::{Added, Cursor, Event, EventId, IssueFilter, IssueSort, Search, Status, Vault};
use serde_json::json;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Vaults with more are not verified after the rebuild.
const VERIFIED_EVENTS_MAX: u64 = 20_000;
const SEED: u64 = 1;
const EVENTS: u64 = 100_000;
/// Events given to the vault with one call; it divides them into batches by itself.
const CHUNK: usize = 8192;
/// Queries of each kind; those before them only fill the caches.
const QUERIES: usize = 200;
const WARM_UPS: usize = 20;
/// Events that are packed with gzip, that terms are taken from, and that are read back.
const PACKED: u64 = 1000;
const KNOWN: u64 = 400;
const READ_BACK: usize = 200;
/// Searches that are followed to their last page and asked again after the rebuild.
const PROVED: usize = 50;
/// Slow queries of each kind that are told.
const SLOWEST: usize = 3;
/// Issues on a page.
const PAGE: usize = 50;

const USAGE: &str = "usage: bench-store [--events N | --million | --corpus FILE] [--keep DIR]";

fn main() -> ExitCode {
    let done = Options::read(std::env::args().skip(1)).and_then(|options| run(&options));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    source: Source,
    count: u64,
    keep: Option<PathBuf>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Outcome<Options> {
        let (mut count, mut corpus, mut keep) = (EVENTS, None, None);
        while let Some(flag) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{flag} needs a value\n{USAGE}"))
            };
            match flag.as_str() {
                "--events" => count = value()?.parse()?,
                "--million" => count = 1_000_000,
                "--corpus" => corpus = Some(PathBuf::from(value()?)),
                "--keep" => keep = Some(PathBuf::from(value()?)),
                "--help" | "-h" => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                _ => return Err(format!("unknown: {flag}\n{USAGE}").into()),
            }
        }
        let source = match corpus {
            Some(file) => {
                count = BufReader::new(open(&file)?).lines().count() as u64;
                Source::Corpus(file)
            }
            None => Source::Generated(Box::new(Generator::new(SEED, count))),
        };
        if count == 0 {
            return Err("there are no events".into());
        }
        Ok(Options {
            source,
            count,
            keep,
        })
    }

    /// Where the vault is made; nothing may be there yet.
    fn home(&self) -> Outcome<PathBuf> {
        let home = match &self.keep {
            Some(directory) => directory.clone(),
            None => fresh_directory().join("vault"),
        };
        match home
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
        {
            true => Err(format!("{} is not empty", home.display()).into()),
            false => Ok(home),
        }
    }
}

fn open(file: &Path) -> Outcome<File> {
    File::open(file).map_err(|error| format!("cannot open {}: {error}", file.display()).into())
}

/// Where the events come from, as lines of JSON.
enum Source {
    Generated(Box<Generator>),
    Corpus(PathBuf),
}

impl Source {
    fn lines(&self, count: u64) -> Outcome<Box<dyn Iterator<Item = std::io::Result<String>> + '_>> {
        Ok(match self {
            Source::Generated(generator) => {
                Box::new((0..count).map(|number| Ok(generator.json(number))))
            }
            Source::Corpus(file) => Box::new(BufReader::new(open(file)?).lines()),
        })
    }

    /// Some lines again, by their numbers in rising order.
    fn again(&self, numbers: &[u64]) -> Outcome<Vec<String>> {
        Ok(match self {
            Source::Generated(generator) => numbers
                .iter()
                .map(|number| generator.json(*number))
                .collect(),
            Source::Corpus(_) => {
                let lines = (0..).zip(self.lines(0)?);
                let chosen = lines.filter(|(number, _)| numbers.binary_search(number).is_ok());
                chosen.map(|(_, line)| line).collect::<Result<_, _>>()?
            }
        })
    }

    fn is_generated(&self) -> bool {
        matches!(self, Source::Generated(_))
    }
}

fn run(options: &Options) -> Outcome {
    let home = options.home()?;
    let mut report = Report::new("store");
    let done = measure(options, &home, &mut report);
    if options.keep.is_none() {
        let _ = std::fs::remove_dir_all(fresh_directory());
    }
    println!("{}", report.to_json());
    done
}

fn measure(options: &Options, home: &Path, report: &mut Report) -> Outcome {
    usage::forget_peak();
    let filled = fill(options, home)?;
    filled.report(options, report);
    report.set(
        "disk_bytes_per_event",
        usage::directory_bytes(home)? / filled.events.max(1),
    );
    let ingest_peak = usage::peak_bytes()?;

    let vault = Vault::open(home)?;
    all_are_there(&vault, &filled, report)?;
    as_they_were_sent(&vault, options, &filled)?;
    let questions = Questions::of(&known(options, &filled)?)?;
    report.set("queries", questions.asked_min() - WARM_UPS);
    usage::forget_peak();
    lists(&vault, report)?;
    searches(&vault, &questions, report)?;
    report.set("rss_mb", megabytes(ingest_peak.max(usage::peak_bytes()?)));
    let answers = prove(&vault, &questions.proved)?;
    drop(vault);

    rebuild(home, report)?;
    let vault = Vault::open(home)?;
    all_are_there(&vault, &filled, report)?;
    if prove(&vault, &questions.proved)? != answers {
        return Err("the rebuilt vault answers otherwise than before".into());
    }
    Ok(())
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

// ---- filling ----

/// An event of the sample, and what became of it.
struct Taken {
    number: u64,
    event_id: EventId,
    issue_number: u64,
}

#[derive(Default)]
struct Filled {
    /// Without those whose id had come before.
    events: u64,
    times: Times,
    /// The last tenth, when the indexes are large.
    last_tenth: Duration,
    last_tenth_events: u64,
    generation: Duration,
    json_bytes: u64,
    packed: u64,
    packed_bytes: u64,
    taken: Vec<Taken>,
}

fn fill(options: &Options, home: &Path) -> Outcome<Filled> {
    let mut vault = Vault::open(home)?;
    let mut filled = Filled::default();
    let mut lines = options.source.lines(options.count)?;
    let mut random = Random::of(SEED, &[1]);
    let mut first = 0;
    loop {
        let mut source = Reading {
            lines: &mut *lines,
            random: &mut random,
            count: options.count,
            aside: Times::default(),
            filled: &mut filled,
            read: 0,
            broken: None,
        };
        let mut spent = Times::default();
        let added =
            spent.add(|| vault.add_all((0..CHUNK).map_while(|_| source.next_event(first))))?;
        let (aside, read, broken) = (source.aside, source.read, source.broken);
        if let Some(broken) = broken {
            return Err(broken);
        }
        if read == 0 {
            break;
        }
        let spent = spent.without(aside);
        filled.generation += aside.wall;
        filled.times = filled.times.with(spent);
        if first * 10 >= options.count * 9 {
            filled.last_tenth += spent.wall;
            filled.last_tenth_events += read;
        }
        if added.len() as u64 != read {
            return Err(format!("{} of {read} events were answered", added.len()).into());
        }
        filled.note(first, &added, options.count, &mut random);
        progress(first, read, options.count, &filled);
        first += read;
    }
    // Closing writes the log back into the database: a part of the work.
    filled.times.add(|| drop(vault));
    Ok(filled)
}

/// Events as the vault asks for them. Reading the text is a part of what is timed; making it is not.
struct Reading<'r> {
    lines: &'r mut dyn Iterator<Item = std::io::Result<String>>,
    random: &'r mut Random,
    count: u64,
    aside: Times,
    filled: &'r mut Filled,
    read: u64,
    broken: Option<Box<dyn Error>>,
}

impl Reading<'_> {
    fn next_event(&mut self, first: u64) -> Option<Event> {
        let mut aside = self.aside;
        let line = aside.add(|| self.next_line());
        self.aside = aside;
        let event = line
            .transpose()?
            .and_then(|line| Ok(Event::from_json(line.as_bytes())?));
        match event {
            Ok(event) => {
                self.read += 1;
                Some(event)
            }
            Err(error) => {
                self.broken = Some(format!("line {}: {error}", first + self.read + 1).into());
                None
            }
        }
    }

    fn next_line(&mut self) -> Outcome<Option<String>> {
        let Some(line) = self.lines.next().transpose()? else {
            return Ok(None);
        };
        self.filled.json_bytes += line.len() as u64;
        if self.random.below(self.count) < PACKED {
            self.filled.packed += 1;
            self.filled.packed_bytes += packed_bytes(&line)?;
        }
        Ok(Some(line))
    }
}

fn progress(first: u64, length: u64, count: u64, filled: &Filled) {
    let tenth = |number: u64| number * 10 / count;
    if tenth(first) < tenth(first + length) {
        let rate = (first + length) as f64 / filled.times.wall.as_secs_f64();
        eprintln!("{} events, {rate:.0} a second", first + length);
    }
}

impl Filled {
    fn note(&mut self, first: u64, added: &[Added], count: u64, random: &mut Random) {
        for (number, added) in (first..).zip(added) {
            self.events += u64::from(!added.is_known);
            if random.below(count) < KNOWN && !added.is_known {
                self.taken.push(Taken {
                    number,
                    event_id: added.event_id,
                    issue_number: added.issue_number,
                });
            }
        }
    }

    fn report(&self, options: &Options, report: &mut Report) {
        let count = options.count as f64;
        let rate = |count: f64, time: Duration| (count / time.as_secs_f64()).round();
        report.set("events", self.events);
        report.set("json_bytes_per_event", self.json_bytes / options.count);
        report.set(
            "gzip_bytes_per_event",
            self.packed_bytes / self.packed.max(1),
        );
        if options.source.is_generated() {
            report.set("generated_events_per_s", rate(count, self.generation));
        }
        report.set("ingest_events_per_s", rate(count, self.times.wall));
        // A run of few chunks has no last tenth.
        if self.last_tenth_events > 0 {
            let rate = rate(self.last_tenth_events as f64, self.last_tenth);
            report.set("ingest_last_tenth_events_per_s", rate);
        }
        report.set(
            "ingest_cpu_us_per_event",
            (self.times.cpu.as_micros() as f64 / count).round(),
        );
    }
}

/// As `gzip -9` would make it, without its name and time.
fn packed_bytes(line: &str) -> Outcome<u64> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(line.as_bytes())?;
    Ok(encoder.finish()?.len() as u64)
}

// ---- what must be true ----

fn all_are_there(vault: &Vault, filled: &Filled, report: &mut Report) -> Outcome {
    let issues = vault.issues(&IssueFilter::default().limit(10_000_000))?;
    report.set("issues", issues.len());
    let seen: u64 = issues.iter().map(|issue| issue.seen_count).sum();
    if seen != filled.events {
        return Err(format!("{} events were taken in, {seen} are there", filled.events).into());
    }
    Ok(())
}

fn as_they_were_sent(vault: &Vault, options: &Options, filled: &Filled) -> Outcome {
    let mut chosen: Vec<&Taken> = filled.taken.iter().collect();
    Random::of(SEED, &[2]).shuffle(&mut chosen);
    chosen.truncate(READ_BACK);
    chosen.sort_by_key(|taken| taken.number);
    let numbers: Vec<u64> = chosen.iter().map(|taken| taken.number).collect();
    for (line, taken) in options.source.again(&numbers)?.iter().zip(chosen) {
        let sent = Event::from_json(line.as_bytes())?;
        let stored = vault.event(taken.event_id)?;
        let view = match options.source {
            Source::Generated(_) => whole_view,
            // Foreign events have secrets that are scrubbed and frames that are completed: only what stays is compared.
            Source::Corpus(_) => rough_view,
        };
        let (sent, read) = (view(&sent), view(&stored.event));
        if stored.issue_number != taken.issue_number || sent != read {
            return Err(format!(
                "event {} was sent as\n{sent:#?}\nand is read as\n{read:#?}",
                taken.event_id
            )
            .into());
        }
    }
    Ok(())
}

type View = BTreeMap<&'static str, serde_json::Value>;

fn whole_view(event: &Event) -> View {
    const FIELDS: [&str; 14] = [
        "timestamp",
        "level",
        "platform",
        "exception",
        "breadcrumbs",
        "tags",
        "user",
        "request",
        "release",
        "environment",
        "server_name",
        "transaction",
        "logger",
        "sdk",
    ];
    let mut value = event.to_value();
    let mut view: View = FIELDS
        .iter()
        .map(|field| (*field, value[*field].take()))
        .collect();
    view.insert("trace", value["contexts"]["trace"].take());
    view
}

fn rough_view(event: &Event) -> View {
    let frames: Vec<usize> = event
        .stacktraces()
        .map(|stack| stack.frames.len())
        .collect();
    let types: Vec<_> = event
        .exceptions
        .iter()
        .map(|exception| &exception.ty)
        .collect();
    View::from([
        ("level", json!(event.level.name())),
        ("types", json!(types)),
        ("frames", json!(frames)),
        ("breadcrumbs", json!(event.breadcrumbs.len())),
        ("tags", json!(event.tags.keys().collect::<Vec<_>>())),
        ("user", json!(event.user.is_some())),
        ("release", json!(event.release)),
    ])
}

/// Asks each query to its last page. What it found, by query.
fn prove(vault: &Vault, queries: &[Query]) -> Outcome<Vec<Vec<u64>>> {
    let mut answers = Vec::with_capacity(queries.len());
    for query in queries {
        let mut numbers = Vec::new();
        let mut next: Option<Cursor> = None;
        loop {
            let search = Search::new(&query.text).limit(1000);
            let search = next.iter().fold(search, Search::after);
            let found = vault.search(&search)?;
            numbers.extend(found.issues.iter().map(|issue| issue.number));
            next = found.next;
            if next.is_none() {
                break;
            }
        }
        let is_right = match query.finds {
            Finds::Issue(number) => numbers.contains(&number),
            Finds::Nothing => numbers.is_empty(),
        };
        if !is_right {
            let count = numbers.len();
            return Err(format!(
                "{} must find {:?}, and found {count} issues",
                query.text, query.finds
            )
            .into());
        }
        answers.push(numbers);
    }
    Ok(answers)
}

fn rebuild(home: &Path, report: &mut Report) -> Outcome {
    let mut vault = Vault::open(home)?;
    usage::forget_peak();
    let mut times = Times::default();
    times.add(|| vault.rebuild())?;
    report.set("rebuild_s", seconds(times.wall));
    report.set("rebuild_rss_mb", megabytes(usage::peak_bytes()?));
    // Comparing every word of every event takes longer than all the rest; the searches below are compared in any case.
    if vault.status()?.event_count > VERIFIED_EVENTS_MAX {
        return Ok(());
    }
    let begun = Instant::now();
    let faults = vault.verify()?;
    report.set("verify_s", seconds(begun.elapsed()));
    match faults.first() {
        Some(fault) => Err(format!("verify found {} faults: {fault}", faults.len()).into()),
        None => Ok(()),
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}

/// The sample with its issues, to take terms from.
fn known(options: &Options, filled: &Filled) -> Outcome<Vec<Known>> {
    let numbers: Vec<u64> = filled.taken.iter().map(|taken| taken.number).collect();
    let lines = options.source.again(&numbers)?;
    let known = lines.iter().zip(&filled.taken).map(|(line, taken)| {
        Ok(Known {
            event: Event::from_json(line.as_bytes())?,
            issue_number: taken.issue_number,
        })
    });
    known.collect()
}

// ---- asking ----

/// What is asked, made before the memory of asking is measured.
struct Questions {
    texts: Vec<Query>,
    frames: Vec<Query>,
    tags: Vec<Query>,
    /// Others of all three kinds.
    proved: Vec<Query>,
}

impl Questions {
    fn of(known: &[Known]) -> Outcome<Questions> {
        let mut random = Random::of(SEED, &[3]);
        let count = WARM_UPS + QUERIES;
        let mut proved = terms::texts(known, PROVED, &mut random);
        proved.extend(terms::frames(known, PROVED, &mut random));
        proved.extend(terms::tags(known, PROVED, &mut random));
        random.shuffle(&mut proved);
        proved.truncate(PROVED);
        let questions = Questions {
            texts: terms::texts(known, count, &mut random),
            frames: terms::frames(known, count, &mut random),
            tags: terms::tags(known, count, &mut random),
            proved,
        };
        // A small corpus has fewer different terms; without any behind the warm-ups there would be nothing to time.
        match questions.asked_min() > WARM_UPS {
            true => Ok(questions),
            false => Err("the events have too few different terms".into()),
        }
    }

    fn asked_min(&self) -> usize {
        let kinds = [&self.texts, &self.frames, &self.tags];
        kinds.map(Vec::len).into_iter().min().unwrap_or(0)
    }
}

/// The newest, the open ones, the most frequent, the second page.
fn lists(vault: &Vault, report: &mut Report) -> Outcome {
    let newest = || Search::new("").limit(PAGE);
    // A vault with few issues has no second page: then the first is asked for again.
    let second = vault
        .search(&newest())?
        .next
        .iter()
        .fold(newest(), Search::after);
    let lists = [
        newest(),
        Search::new("is:unresolved").limit(PAGE),
        newest().sort(IssueSort::SeenCount),
        second,
    ];
    let filters = [
        IssueFilter::default().limit(PAGE),
        IssueFilter::default().status(Status::Open).limit(PAGE),
    ];
    timed(
        report,
        "list",
        (0..).map(|number: usize| number % 6),
        |kind| {
            Ok(match filters.get(kind) {
                Some(filter) => !vault.issues(filter)?.is_empty(),
                None => !vault
                    .search(&lists[kind - filters.len()])?
                    .issues
                    .is_empty(),
            })
        },
    )
}

fn searches(vault: &Vault, questions: &Questions, report: &mut Report) -> Outcome {
    let kinds = [
        ("search_text", &questions.texts),
        ("search_frame", &questions.frames),
        ("search_tag", &questions.tags),
    ];
    for (verb, queries) in kinds {
        timed(report, verb, queries.iter(), |query| {
            let found = vault.search(&Search::new(&query.text).limit(PAGE))?;
            Ok(found.issues.is_empty() == (query.finds == Finds::Nothing))
        })?;
    }
    Ok(())
}

/// Asks and adds `<verb>_p50_ms`, `_p95_ms` and `_max_ms`, and tells the slowest. An answer of `false` is a failure.
fn timed<Q: Copy + Debug>(
    report: &mut Report,
    verb: &str,
    queries: impl Iterator<Item = Q>,
    ask: impl Fn(Q) -> Outcome<bool>,
) -> Outcome {
    let mut samples = Samples::default();
    let mut slowest: Vec<(u64, Q)> = Vec::new();
    for (number, query) in queries.take(WARM_UPS + QUERIES).enumerate() {
        let mut answer = Ok(false);
        let (sample, _) = harness::measure(&mut || {
            answer = ask(query);
            answer.is_ok()
        });
        if !answer? {
            return Err(format!("{verb}: {query:?} was answered wrongly").into());
        }
        if number >= WARM_UPS {
            samples.samples.push(sample);
            slowest.push((sample.ns, query));
        }
    }
    for (name, percent) in [("p50", 50.0), ("p95", 95.0), ("max", 100.0)] {
        report.set(&format!("{verb}_{name}_ms"), ms(samples.ns(percent)));
    }
    slowest.sort_by_key(|(ns, _)| std::cmp::Reverse(*ns));
    for (ns, query) in slowest.iter().take(SLOWEST) {
        eprintln!("{verb}: {} ms for {query:?}", ms(*ns));
    }
    Ok(report.save(verb, &samples)?)
}

fn ms(ns: u64) -> f64 {
    (ns as f64 / 10_000.0).round() / 100.0
}
