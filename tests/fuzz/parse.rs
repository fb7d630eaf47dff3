//! Reads mutated failures, round after round, and stops at the first that panics or takes longer than its length allows.
//!
//! `fuzz-parse [--seconds N] [--seed N]`: the texts of `tests/traces` are cut, spliced, repeated, their bytes and lines
//! changed, their lines made huge. The text that failed is written beside the build, and its path is told.

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crashvault::{TraceReader, parse_traces};

/// What a text may grow to, in bytes.
const TEXT_BYTES_MAX: usize = 512 << 10;
/// Of a text read whole; a stream goes on.
const TRACES_MAX: usize = 10_000;
/// A megabyte may take so long, with whatever else the machine does. A walk that is quadratic takes a hundred times that.
const MS_PER_MB_MAX: u128 = 2_000;
/// A text that was too slow is read again so often; the fastest counts.
const RETRIES: usize = 4;
const SECONDS: u64 = 60;

fn main() -> ExitCode {
    let Some((seconds, seed)) = asked() else {
        eprintln!("usage: fuzz-parse [--seconds N] [--seed N]");
        return ExitCode::from(2);
    };
    let corpus = corpus();
    if corpus.is_empty() {
        eprintln!("error: tests/traces holds no texts");
        return ExitCode::FAILURE;
    }
    // A panic is told once, with its text.
    std::panic::set_hook(Box::new(|_| {}));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut random = Random(seed);
    let (mut count, mut bytes, mut found) = (0u64, 0u64, 0u64);
    while Instant::now() < end {
        let text = mutated(&corpus, &mut random);
        match read(&text) {
            Ok(traces) => found += traces,
            Err(why) => return fail(&text, &why, seed),
        }
        count += 1;
        bytes += text.len() as u64;
    }
    println!(
        "{count} texts, {} MB, {found} failures read, seed {seed}: none panicked, none was slow",
        bytes >> 20
    );
    match found {
        0 => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn asked() -> Option<(u64, u64)> {
    let (mut seconds, mut seed) = (SECONDS, 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let number = words.next()?.parse().ok()?;
        match word.as_str() {
            "--seconds" => seconds = number,
            "--seed" => seed = number,
            _ => return None,
        }
    }
    Some((seconds, seed))
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("traces");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "txt"));
    files.sort();
    files
        .iter()
        .filter_map(|file| std::fs::read(file).ok())
        .collect()
}

/// How many failures are in the text; why it is one for us.
fn read(text: &[u8]) -> Result<u64, String> {
    let took = |text: &[u8]| {
        let (begun, worked) = (Instant::now(), worked());
        let read = catch_unwind(|| parse_traces(text)).map_err(|_| "it panicked".to_owned());
        let took = match (worked, self::worked()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => begun.elapsed(),
        };
        read.map(|traces| (traces, took))
    };
    let allowed_ms = 20 + text.len() as u128 * MS_PER_MB_MAX / (1 << 20);
    let (traces, mut fastest) = took(text)?;
    for _ in 0..RETRIES {
        if fastest.as_millis() <= allowed_ms {
            break;
        }
        fastest = fastest.min(took(text)?.1);
    }
    if fastest.as_millis() > allowed_ms {
        return Err(format!("it took {fastest:?} for {} bytes", text.len()));
    }
    let streamed = catch_unwind(|| TraceReader::new(text).count());
    let streamed = streamed.map_err(|_| "it panicked as a stream".to_owned())?;
    if streamed != traces.len() && traces.len() < TRACES_MAX {
        return Err("it is read otherwise as a stream".into());
    }
    let found = traces.iter().filter(|trace| trace.language != "other");
    Ok(found.count() as u64)
}

/// The processor's time that this thread had, where the system tells it: the machine may have other work.
fn worked() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = told.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

fn fail(text: &[u8], why: &str, seed: u64) -> ExitCode {
    let path = std::env::temp_dir().join(format!("fuzz-parse-{seed}.txt"));
    let kept = std::fs::write(&path, text);
    eprintln!(
        "error: {why}; {} (seed {seed})",
        match kept {
            Ok(()) => format!("the text is in {}", path.display()),
            Err(error) => format!("the text cannot be kept: {error}"),
        }
    );
    ExitCode::FAILURE
}

// ---- what is done to a text ----

fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut text = random.pick(corpus).clone();
    for _ in 0..=random.below(6) {
        change(&mut text, corpus, random);
        text.truncate(TEXT_BYTES_MAX);
    }
    text
}

fn change(text: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let len = text.len();
    let at = random.below(len + 1);
    match random.below(11) {
        0 => text.truncate(at),
        1 => drop(text.drain(..at)),
        2 => {
            let other = random.pick(corpus);
            let from = random.below(other.len() + 1);
            text.splice(at..at, other[from..].iter().copied());
        }
        3 => each(text, random, |byte, random| *byte = random.below(256) as u8),
        4 => each(text, random, |byte, random| {
            *byte = *random.pick(b" \n\r\t:()[]{}<>#./\\\"'0aA=,|@*-\x00\x1b\xff");
        }),
        5 => repeat_line(text, random, at),
        6 => swap_lines(text, random),
        7 => {
            let longest = TEXT_BYTES_MAX / 4;
            let filler = vec![*random.pick(b"a (:<./\\0\""); random.below(longest)];
            text.splice(at..at, filler);
        }
        8 => *text = text.repeat(1 + random.below(40)),
        9 => prefixed(text, random),
        _ => text.retain(|byte| *byte != b'\n' || random.below(4) > 0),
    }
}

fn each(text: &mut [u8], random: &mut Random, to: impl Fn(&mut u8, &mut Random)) {
    for _ in 0..=random.below(8) {
        let at = random.below(text.len().max(1));
        if let Some(byte) = text.get_mut(at) {
            to(byte, random);
        }
    }
}

fn repeat_line(text: &mut Vec<u8>, random: &mut Random, at: usize) {
    let start = text[..at]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let end = text[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |end| at + end + 1);
    let line = text[start..end].to_vec();
    let most = TEXT_BYTES_MAX / line.len().max(1);
    let times = random.below(most.min(5000) + 1);
    text.splice(end..end, line.repeat(times));
}

fn swap_lines(text: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for _ in 0..=random.below(4) {
        let (a, b) = (
            random.below(lines.len().max(1)),
            random.below(lines.len().max(1)),
        );
        if a < lines.len() && b < lines.len() {
            lines.swap(a, b);
        }
    }
    *text = lines.concat();
}

/// As a log has it.
fn prefixed(text: &mut Vec<u8>, random: &mut Random) {
    const PREFIXES: &[&str] = &[
        "app_1  | ",
        "E/AndroidRuntime( 123): ",
        "2026-01-05 10:00:00,123 ERROR [7] ",
        "\t",
        "> ",
    ];
    let prefix = random.pick(PREFIXES);
    let mut made = Vec::with_capacity(text.len() * 2);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        made.extend_from_slice(prefix.as_bytes());
        made.extend_from_slice(line);
    }
    *text = made;
}

/// Numbers that look random, and are the same for a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        // Marsaglia's xorshift; a seed of 0 would stay 0.
        self.0 = self.0.max(1);
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }

    fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }
}
