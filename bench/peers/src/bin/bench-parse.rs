//! How much of what texts tell of failures is read, and how fast.
//!
//! `bench-parse [--traces DIR]… [--faults] [--mb N]`; the last line is one JSON object.
//! Texts with what is known of them as JSON beside them come from `tests/traces`, and from every `--traces` directory. What
//! is wrong is asked of those whose expectation is strong: by construction, read by hand, or the upstream's own. A text is right
//! if the thrown exception has the type as printed (where the expectation is in that vocabulary) and the innermost in-app
//! call of it or of its root cause is the expected one (where there is one).
//!
//! Then logs are read through `TraceReader`: one of `tests/traces` between lines of a log, one of such lines alone, and the
//! first as JSON, a text as a value of one line.
//!
//! It ends with an error unless the logs hold, by language, as many failures as their texts hold one by one, and the
//! log without any is told as one text without a failure.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use bench_peers::Report;
use bench_peers::events::random::Random;
use crashvault::{Exception, Frame, Trace, TraceReader, parse_traces};
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/traces");
const USAGE: &str = "usage: bench-parse [--traces DIR]… [--faults] [--mb N]";
/// Size of the logs in MB.
const LOG_MB: usize = 64;
/// Times a log is read; the fastest counts.
const ROUNDS: usize = 3;
/// Lines of a log before each failure.
const LINES_BETWEEN: u64 = 40;

struct Asked {
    folders: Vec<PathBuf>,
    shows_faults: bool,
    log_mb: usize,
}

fn main() -> ExitCode {
    match asked().and_then(|asked| run(&asked)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked() -> Outcome<Asked> {
    let mut asked = Asked {
        folders: vec![OWN.into()],
        shows_faults: false,
        log_mb: LOG_MB,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--traces" => asked.folders.push(words.next().ok_or(USAGE)?.into()),
            "--faults" => asked.shows_faults = true,
            "--mb" => asked.log_mb = words.next().ok_or(USAGE)?.parse()?,
            "--help" | "-h" => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            _ => return Err(USAGE.into()),
        }
    }
    Ok(asked)
}

fn run(asked: &Asked) -> Outcome {
    let mut report = Report::new("parse");
    let done = measure(asked, &mut report);
    println!("{}", report.to_json());
    done
}

fn measure(asked: &Asked, report: &mut Report) -> Outcome {
    let texts = texts(&asked.folders)?;
    let shares = right(&texts, asked.shows_faults);
    let all = shares.values().fold(Share::default(), Share::and);
    if all.count == 0 {
        return Err("no text has a strong expectation".into());
    }
    report.set("text_count", texts.len());
    report.set("strong_count", all.count);
    report.set("right_percent", all.percent());
    report.set("goal_right_percent", 99);
    let shares = shares.iter();
    let shares: serde_json::Map<String, Value> = shares
        .map(|(name, share)| {
            (
                name.clone(),
                json!({"right": share.right, "of": share.count}),
            )
        })
        .collect();
    report.set("by_source_and_language", shares);
    let own: Vec<&Text> = texts.iter().filter(|text| text.source == "own").collect();
    speeds(&own, asked.log_mb << 20, report)
}

// ---- what is right ----

struct Text {
    text: Vec<u8>,
    expected: Value,
    /// `own`, or the name of the folder.
    source: String,
    is_strong: bool,
    /// Whether the type is said in the words of the text.
    has_printed_type: bool,
}

#[derive(Clone, Copy, Default)]
struct Share {
    right: usize,
    count: usize,
}

impl Share {
    fn and(self, other: &Self) -> Self {
        Self {
            right: self.right + other.right,
            count: self.count + other.count,
        }
    }

    fn percent(self) -> f64 {
        (self.right as f64 * 10_000.0 / self.count as f64).round() / 100.0
    }
}

fn texts(folders: &[PathBuf]) -> Outcome<Vec<Text>> {
    let mut texts = Vec::new();
    for (index, folder) in folders.iter().enumerate() {
        let source = match index {
            0 => "own".to_owned(),
            _ => folder
                .file_name()
                .map_or("other".into(), |name| name.to_string_lossy().into()),
        };
        let entries =
            std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "json"));
        files.sort();
        for file in files {
            texts.push(text(&file, &source)?);
        }
    }
    Ok(texts)
}

fn text(file: &Path, source: &str) -> Outcome<Text> {
    let expected: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let from = expected["expected_from"].as_str().unwrap_or_default();
    let strong = [
        "by construction",
        "read by hand",
        "upstream test expectation",
    ];
    Ok(Text {
        text: std::fs::read(file.with_extension("txt"))?,
        source: source.to_owned(),
        is_strong: strong.iter().any(|start| from.starts_with(start)),
        has_printed_type: !from.starts_with("upstream"),
        expected,
    })
}

/// By source and language.
fn right(texts: &[Text], shows_faults: bool) -> BTreeMap<String, Share> {
    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    for text in texts.iter().filter(|text| text.is_strong) {
        let language = text.expected["language"].as_str().unwrap_or_default();
        let share = shares
            .entry(format!("{} {language}", text.source))
            .or_default();
        share.count += 1;
        match fault(text) {
            None => share.right += 1,
            Some(fault) if shows_faults => println!("{}: {fault}", text.expected["id"]),
            Some(_) => {}
        }
    }
    shares
}

fn fault(text: &Text) -> Option<String> {
    let traces = parse_traces(&text.text);
    let trace = &traces[0];
    let thrown = trace.exceptions.last();
    let ty = thrown.and_then(|thrown| thrown.ty.as_deref());
    let expected = text.expected["exception_type"].as_str();
    if text.has_printed_type && expected.is_some() && ty != expected {
        return Some(format!("the type is {ty:?}, not {expected:?}"));
    }
    let top = &text.expected["top_in_app"];
    if !top.is_object() {
        return None;
    }
    let tops: Vec<&Frame> = [thrown, trace.exceptions.first()]
        .into_iter()
        .flatten()
        .filter_map(top_frame)
        .collect();
    match tops.iter().any(|frame| is_top(frame, top)) {
        true => None,
        false => {
            let shown: Vec<String> = tops.iter().map(ToString::to_string).collect();
            Some(format!("the top call is {}, not {top}", shown.join(" or ")))
        }
    }
}

/// The innermost in-app call; of a stack without any the innermost.
fn top_frame(exception: &Exception) -> Option<&Frame> {
    let frames = &exception.stacktrace.as_ref()?.frames;
    let mut own = frames
        .iter()
        .rev()
        .filter(|frame| frame.in_app == Some(true));
    own.next().or(frames.last())
}

fn is_top(frame: &Frame, top: &Value) -> bool {
    let function = frame.function.as_deref().unwrap_or_default();
    let whole = match &frame.module {
        Some(module) => format!("{module}.{function}"),
        None => function.to_owned(),
    };
    let file = frame.filename.as_deref().unwrap_or_default();
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let others = [&frame.abs_path, &frame.package].map(|text| text.as_deref().unwrap_or_default());
    // Where the function is the same in all programs some name the file, and where it has no name the binary.
    let is_binary = |wanted: &str| frame.function.is_none() && others.contains(&wanted);
    let is_function = |wanted: &str| {
        wanted == whole || wanted == name || is_binary(wanted) || names(function, wanted)
    };
    let is_file = |wanted: &str| [file, name].contains(&wanted) || others.contains(&wanted);
    top["function"].as_str().is_none_or(is_function)
        && top["file"].as_str().is_none_or(is_file)
        && top["line"]
            .as_u64()
            .is_none_or(|line| frame.lineno == Some(line))
}

/// Whether `wanted` is the function's name without parameters, templates and what it returns.
fn names(function: &str, wanted: &str) -> bool {
    let function = function.replace("`anonymous namespace'::", "");
    function.match_indices(wanted).any(|(at, _)| {
        let before = function[..at].chars().next_back();
        let behind = function[at + wanted.len()..].chars().next();
        before.is_none_or(|c| c == ' ')
            && behind.is_none_or(|c| matches!(c, '(' | '<' | ' ' | '+' | '@'))
    })
}

// ---- how fast ----

fn speeds(own: &[&Text], bytes: usize, report: &mut Report) -> Outcome {
    let mut random = Random::new(7);
    let mut log = Vec::with_capacity(bytes + (1 << 20));
    let mut expected: BTreeMap<&'static str, usize> = BTreeMap::new();
    let alone: Vec<BTreeMap<&'static str, usize>> =
        own.iter().map(|text| count(&text.text)).collect();
    while log.len() < bytes {
        for (text, alone) in own.iter().zip(&alone) {
            for _ in 0..LINES_BETWEEN {
                push_line(&mut log, &mut random);
            }
            log.extend_from_slice(&text.text);
            log.extend_from_slice(b"\n\n");
            for (language, count) in alone {
                *expected.entry(language).or_default() += count;
            }
        }
    }
    expected.remove("other");
    let (found, mb_per_s) = fastest(&log);
    report.set("log_mb", log.len() >> 20);
    report.set("log_trace_count", found.values().sum::<usize>());
    report.set("log_mb_per_s", mb_per_s);
    report.set("goal_log_mb_per_s", 100);
    if found != expected || found.is_empty() {
        return Err(format!("the log holds {expected:?}, and {found:?} were found").into());
    }
    log.clear();
    while log.len() < bytes {
        push_line(&mut log, &mut random);
    }
    let (found, mb_per_s) = fastest(&log);
    report.set("plain_log_mb", log.len() >> 20);
    report.set("plain_log_mb_per_s", mb_per_s);
    if found != BTreeMap::from([("other", 1)]) {
        return Err(format!("in a log without a failure {found:?} were found").into());
    }
    json_speed(own, bytes, report)
}

/// A log of JSON, each text a value of one line.
fn json_speed(own: &[&Text], bytes: usize, report: &mut Report) -> Outcome {
    let mut random = Random::new(7);
    let (mut log, mut plain) = (Vec::with_capacity(bytes + (1 << 20)), Vec::new());
    let mut expected: BTreeMap<&'static str, usize> = BTreeMap::new();
    let told: Vec<_> = own
        .iter()
        .map(|text| {
            let line = json_line("error", &String::from_utf8_lossy(&text.text));
            (count(&line), line)
        })
        .collect();
    while log.len() < bytes {
        for (alone, line) in &told {
            for _ in 0..LINES_BETWEEN {
                plain.clear();
                push_line(&mut plain, &mut random);
                log.extend(json_line(
                    "info",
                    String::from_utf8_lossy(&plain).trim_end(),
                ));
            }
            log.extend_from_slice(line);
            for (language, count) in alone {
                *expected.entry(language).or_default() += count;
            }
        }
    }
    expected.remove("other");
    let (found, mb_per_s) = fastest(&log);
    report.set("json_log_mb", log.len() >> 20);
    report.set("json_log_trace_count", found.values().sum::<usize>());
    report.set("json_log_mb_per_s", mb_per_s);
    report.set("goal_json_log_mb_per_s", 50);
    match found == expected {
        true => Ok(()),
        false => {
            Err(format!("the log of JSON holds {expected:?}, and {found:?} were found").into())
        }
    }
}

fn json_line(level: &str, said: &str) -> Vec<u8> {
    let line = json!({"time": "2026-01-05T10:00:00.000Z", "level": level, "message": said});
    format!("{line}\n").into_bytes()
}

fn count(text: &[u8]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for trace in parse_traces(text) {
        *counts.entry(trace.language).or_default() += 1;
    }
    counts
}

/// What was found, by language, and the speed of the fastest of some rounds.
fn fastest(log: &[u8]) -> (BTreeMap<&'static str, usize>, u64) {
    let mut best = 0.0_f64;
    let mut found = BTreeMap::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let traces: Vec<&'static str> = TraceReader::new(log)
            .map_while(Result::ok)
            .map(|trace: Trace| trace.language)
            .collect();
        best = best.max(log.len() as f64 / begun.elapsed().as_secs_f64() / 1e6);
        found.clear();
        for language in traces {
            *found.entry(language).or_default() += 1;
        }
    }
    (found, best as u64)
}

fn push_line(log: &mut Vec<u8>, random: &mut Random) {
    const SAID: &[&str] = &[
        "INFO  [http] GET /orders/{} 200 in 12 ms",
        "DEBUG [db] select * from orders where id = {} took 3 ms",
        "INFO  [mail] sent order confirmation at once to customer {}",
        "WARN  [cache] error rate of shard {} is 0.2%, retrying",
        "INFO  [jobs] worker {} is ready: 4 threads, 16 slots",
        "ERROR [pay] card of customer {} was declined (code 51)",
    ];
    let number = random.below(1_000_000);
    let (minute, second) = (random.below(60), random.below(60));
    let said = random.pick(SAID).replace("{}", &number.to_string());
    let line = format!(
        "2026-01-05T10:{minute:02}:{second:02}.{:03}Z {said}\n",
        number % 1000
    );
    log.extend_from_slice(line.as_bytes());
}
