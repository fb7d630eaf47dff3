//! `cargo xtask bench NAME`: one benchmark beside its peers.
//!
//! Enters: a name and flags. Leaves: what the benchmark printed, and its result as a table or as one JSON object.
//!
//! Never: measures anything itself, or depends on the peers: they are a workspace of their own in `bench/peers`.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::python;
use crate::run::{self, cargo};
use crate::usage::{self, Answer, Usage};

/// The benchmarks and what each shows. The program is `bench-NAME` in `bench/peers`, or one of [`SCRIPTS`].
const BENCHES: [(&str, &str); 8] = [
    (
        "capture",
        "microseconds and allocations of each capture verb",
    ),
    (
        "cli",
        "milliseconds and memory of the command, whole processes over a large vault",
    ),
    (
        "grouping",
        "how well stack traces with known causes are grouped, events a second, memory",
    ),
    (
        "native",
        "microseconds of a signal's handler, breadcrumbs into the black box, memory, forks",
    ),
    (
        "parse",
        "share of texts whose failure is read rightly, and megabytes of logs a second",
    ),
    (
        "python",
        "microseconds of each capture verb in Python, its start and memory",
    ),
    (
        "store",
        "events a second into the vault, bytes on disk, and the time of searches",
    ),
    (
        "survive",
        "events kept when the process is killed; --lang python: when a Python program dies",
    ),
];

/// What is measured inside Python, below `bench/peers/python`: name, language asked for, program.
const SCRIPTS: [(&str, Option<&str>, &str); 3] = [
    ("python", None, "bench.py"),
    ("python", Some("python"), "bench.py"),
    ("survive", Some("python"), "survive.py"),
];

/// Tells the benchmark where its raw samples go.
const SAMPLES: &str = "CRASHVAULT_BENCH_SAMPLES";

pub fn list() -> String {
    let lines = BENCHES
        .iter()
        .map(|(name, shows)| format!("  {name:<9} {shows}\n"));
    format!("\nBenchmarks:\n{}", lines.collect::<String>())
}

pub fn command(arguments: &[String]) -> Result<Answer, Usage> {
    let (name, flags) = name_and_flags(arguments)?;
    let as_json = flags.iter().any(|flag| flag == "--json");
    let flags: Vec<&String> = flags.iter().filter(|flag| *flag != "--json").collect();
    let samples = run::target_directory().join("bench").join(name);
    if let Err(error) = fs::create_dir_all(&samples) {
        eprintln!("error: cannot create {}: {error}", samples.display());
        return Ok(Answer::Failed);
    }
    let (language, flags) = language_of(&flags)?;
    let mut command = match program(name, language, &samples)? {
        Ok(command) => command,
        Err(missing) => {
            eprintln!("error: missing tool: {missing}");
            return Ok(Answer::Failed);
        }
    };
    command.args(&flags);
    if flags.iter().any(|flag| usage::is_help(flag)) {
        return Ok(Answer::well_if(
            command.status().is_ok_and(|status| status.success()),
        ));
    }
    Ok(match measure(&mut command, as_json) {
        Ok(well) => Answer::well_if(well),
        Err(error) => {
            eprintln!("error: cannot run bench-{name}: {error}");
            Answer::Failed
        }
    })
}

fn name_and_flags(arguments: &[String]) -> Result<(&str, &[String]), Usage> {
    let names = BENCHES.map(|(name, _)| name);
    match arguments.split_first() {
        Some((name, flags)) if names.contains(&name.as_str()) => Ok((name, flags)),
        Some((name, _)) if !name.starts_with('-') => Err(usage::unknown("benchmark", name, &names)),
        _ => Err(Usage(format!(
            "the benchmark's name is missing\nknown: {}",
            names.join(", ")
        ))),
    }
}

/// Takes `--lang LANGUAGE` out of the flags.
fn language_of<'f>(flags: &[&'f String]) -> Result<(Option<&'f str>, Vec<&'f String>), Usage> {
    let mut language = None;
    let mut others = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        if *flag != "--lang" {
            others.push(*flag);
            continue;
        }
        let Some(name) = flags.next() else {
            return Err(Usage("--lang needs a language".into()));
        };
        language = Some(name.as_str()).filter(|name| *name != "rust");
    }
    Ok((language, others))
}

/// The program, or what is missing to run it.
fn program(
    name: &str,
    language: Option<&str>,
    samples: &Path,
) -> Result<Result<Command, String>, Usage> {
    let script = SCRIPTS
        .iter()
        .find(|(bench, lang, _)| (*bench, *lang) == (name, language));
    let mut program = match (script, language) {
        (Some((_, _, script)), _) => python::bench(script),
        (None, None) => Ok(rust_program(name)),
        (None, Some(language)) => return Err(usage::unknown("language", language, &["rust"])),
    };
    if let Ok(command) = &mut program {
        command.env(SAMPLES, samples);
    }
    Ok(program)
}

fn rust_program(name: &str) -> Command {
    let mut command = cargo(&[
        "run",
        "--release",
        "--manifest-path",
        "bench/peers/Cargo.toml",
    ]);
    command.args(["--bin", &format!("bench-{name}"), "--"]);
    command
}

/// Passes the output on, except for the last line, which must be the JSON object. It is shown even where the
/// benchmark failed, because then the numbers say why.
fn measure(command: &mut Command, as_json: bool) -> io::Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let last = match child.stdout.take() {
        Some(pipe) => all_but_last_line(BufReader::new(pipe), &mut io::stdout())?,
        None => String::new(),
    };
    let ended_well = child.wait()?.success();
    let Ok(Value::Object(result)) = serde_json::from_str(&last) else {
        if !last.is_empty() {
            println!("{last}");
        }
        if ended_well {
            eprintln!("error: the benchmark's last line is not a JSON object");
        }
        return Ok(false);
    };
    if as_json {
        println!("{last}");
    } else {
        print!("{}", table(&result));
    }
    Ok(ended_well)
}

fn all_but_last_line(input: impl BufRead, output: &mut impl Write) -> io::Result<String> {
    let mut last: Option<String> = None;
    for line in input.lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        if let Some(earlier) = last.replace(line) {
            writeln!(output, "{earlier}")?;
        }
    }
    Ok(last.unwrap_or_default())
}

fn table(result: &serde_json::Map<String, Value>) -> String {
    let width = result.keys().map(|key| key.len()).max().unwrap_or(0);
    let line = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key:<width$}  {text}\n"),
        other => format!("{key:<width$}  {other}\n"),
    };
    result.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_taken_out_of_the_flags() {
        let flags = ["--lang", "python", "--count", "5"].map(str::to_owned);
        let flags: Vec<&String> = flags.iter().collect();
        let (language, others) = language_of(&flags).unwrap();
        assert_eq!((language, others), (Some("python"), flags[2..].to_vec()));
        assert!(language_of(&flags[..1]).is_err());
    }

    #[test]
    fn a_benchmark_that_a_language_has_not_is_refused() {
        assert!(program("store", Some("python"), Path::new("samples")).is_err());
    }

    fn check_last(input: &str, shown: &str, last: &str) {
        let mut output = Vec::new();
        assert_eq!(
            all_but_last_line(input.as_bytes(), &mut output).unwrap(),
            last
        );
        assert_eq!(String::from_utf8(output).unwrap(), shown);
    }

    #[test]
    fn the_last_line_is_kept_back() {
        check_last("one\ntwo\n{}\n", "one\ntwo\n", "{}");
        check_last("{}", "", "{}");
        check_last("", "", "");
    }

    #[test]
    fn empty_lines_at_the_end_do_not_hide_the_result() {
        check_last("one\n{}\n\n", "one\n", "{}");
    }

    #[test]
    fn the_table_aligns_its_keys() {
        let Value::Object(result) = serde_json::json!({"a": 1.5, "longer": "text"}) else {
            unreachable!("the literal above is an object");
        };
        assert_eq!(table(&result), "a       1.5\nlonger  text\n");
    }

    #[test]
    fn a_benchmark_without_a_result_has_failed() {
        assert!(!measure(&mut Command::new("true"), true).unwrap());
    }
}
