//! `cargo xtask test`: check, then every test of the workspace, then the account of it.
//!
//! Enters: the output of `cargo test`. Leaves: the same output, the table of stages,
//! and as the last line `N passed, N failed, N skipped`.
//!
//! Never: decides by itself what a test means; it adds up what the test programs said.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::check;
use crate::python;
use crate::run::{self, Run, cargo, for_each_line};
use crate::totals::{self, Totals};
use crate::usage::{self, Answer, Usage};

/// Names the file to which a test adds one line `skipped: …` when it leaves something out.
const SKIP_LOG: &str = "CRASHVAULT_SKIP_LOG";

pub fn command(flags: &[String]) -> Result<Answer, Usage> {
    usage::only(flags, &["--install", "--python"])?;
    let mut run = Run::default();
    let has = |name: &str| flags.iter().any(|flag| flag == name);
    let installs = has("--install");
    if installs {
        install(&mut run);
    }
    if installs || run::in_ci() {
        install_system_packages();
        install_bugsink();
    }
    let totals = if has("--python") {
        python_tests(&mut run)
    } else {
        check::stages(&mut run);
        tests(&mut run)
    };
    println!("{}{totals}", run.report());
    Ok(Answer::well_if(totals.failed == 0))
}

fn install(run: &mut Run) {
    for component in ["rustfmt", "clippy"] {
        let program = if component == "clippy" {
            "cargo-clippy"
        } else {
            component
        };
        let works = Command::new(program).arg("--version").output();
        if !works.is_ok_and(|output| output.status.success()) {
            let mut rustup = Command::new("rustup");
            run.stage(
                &format!("install {component}"),
                rustup.args(["component", "add", component]),
            );
        }
    }
    if !run::on_path("cargo-deny") {
        run.stage(
            "install cargo-deny",
            &mut cargo(&["install", "--locked", "cargo-deny"]),
        );
    }
}

/// The shells that completions are tried in and what Python makes environments with, where this is Debian and we may.
/// Without them their tests are skipped.
fn install_system_packages() {
    let mut missing: Vec<&str> = ["fish", "zsh"]
        .into_iter()
        .filter(|shell| !run::on_path(shell))
        .collect();
    if !python::is_usable() {
        missing.push("python3-venv");
    }
    if missing.is_empty() || !run::on_path("apt-get") {
        return;
    }
    run::announce(&format!("install {}", missing.join(" and ")));
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        let status = command.args(["--quiet", "--quiet"]).args(words).status();
        status.is_ok_and(|status| status.success())
    };
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(&missing);
    if !(apt(&words) || apt(&["update"]) && apt(&words)) {
        println!("cannot install {}", missing.join(" and "));
    }
}

/// The collector that reports are tried with, in an environment of its own. Without it its test is skipped.
fn install_bugsink() {
    const PACKAGE: &str = "bugsink==2.6.1";
    let home = run::target_directory().join("bugsink");
    if home.join("bin/bugsink-manage").is_file() || !run::on_path("python3") {
        return;
    }
    run::announce("install Bugsink, which reports are tried with");
    let works = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    let made = works(Command::new("python3").args(["-m", "venv"]).arg(&home));
    let pip = home.join("bin/pip");
    let pip_options = ["install", "--quiet", "--disable-pip-version-check", PACKAGE];
    if !(made && works(Command::new(pip).args(pip_options))) {
        println!("cannot install {PACKAGE}");
    }
}

fn tests(run: &mut Run) -> Totals {
    let mut totals = Totals::default();
    // Failed stages that are told by their failed tests.
    let mut told = 0;
    let build = ["test", "--workspace", "--no-run"];
    if run.stage("build of the tests", &mut cargo(&build)) {
        let log = fresh_skip_log(run);
        let mut cases = None;
        told += run_tests(run, &mut totals, &mut cases, &log);
        told += python::stages(run, &mut totals, &python::WITH_THE_TESTS, cases);
        count_skips(run, &log, run::in_ci());
    }
    account(run, &mut totals, told);
    totals
}

fn python_tests(run: &mut Run) -> Totals {
    let mut totals = Totals::default();
    let told = python::stages(run, &mut totals, &python::ALONE, None);
    account(run, &mut totals, told);
    totals
}

/// Adds what no test program counted. A lint, a build or a test program that died names no failed test, and must not
/// read as success.
fn account(run: &Run, totals: &mut Totals, told: u64) {
    totals.skipped += run.skips.len() as u64;
    totals.failed += run.failures().count() as u64 - told;
}

const TESTS: &str = "start and end of the test programs";

/// Returns 1 if the stage failed and its failed tests say so.
fn run_tests(run: &mut Run, totals: &mut Totals, cases: &mut Option<u64>, log: &Path) -> u64 {
    run::announce("tests");
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.env(SKIP_LOG, log);
    // The names of the test programs are read from these lines.
    command.env("CARGO_TERM_COLOR", "never");
    let start = Instant::now();
    let each = |line: &str| {
        totals.add_line(line);
        *cases = totals::behaviour_cases("rust", line).or(*cases);
    };
    let (well, programs) = match stream(&mut command, each) {
        Ok((status, programs)) => (status.success(), programs),
        Err(error) => {
            eprintln!("error: cannot run cargo test: {error}");
            (false, Vec::new())
        }
    };
    let inside: Duration = programs.iter().map(|(_, duration)| *duration).sum();
    for (name, duration) in programs {
        run.record(&name, duration, true);
    }
    run.record(TESTS, start.elapsed().saturating_sub(inside), well);
    u64::from(!well && totals.failed > 0)
}

type Programs = Vec<(String, Duration)>;

/// Passes both outputs on as they come; hands the lines of one out and times the test programs by the other.
fn stream(command: &mut Command, mut each: impl FnMut(&str)) -> io::Result<(ExitStatus, Programs)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let notes = child
        .stderr
        .take()
        .map(|pipe| thread::spawn(move || time_programs(BufReader::new(pipe))));
    if let Some(pipe) = child.stdout.take() {
        for_each_line(BufReader::new(pipe), |line| {
            each(line);
            let _ = io::stdout().write_all(line.as_bytes());
        })?;
    }
    let programs = notes
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    Ok((child.wait()?, programs))
}

/// A test program runs from its own announcement to the next one.
fn time_programs(input: impl BufRead) -> Programs {
    let mut programs = Programs::new();
    let mut running: Option<(String, Instant)> = None;
    let mut finish = |running: &mut Option<(String, Instant)>| {
        if let Some((name, start)) = running.take() {
            programs.push((name, start.elapsed()));
        }
    };
    let _ = for_each_line(input, |line| {
        eprint!("{line}");
        if let Some(name) = program_name(line) {
            finish(&mut running);
            running = Some((name, Instant::now()));
        }
    });
    finish(&mut running);
    programs
}

/// The name of the test program that a line of cargo announces.
fn program_name(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(package) = line.strip_prefix("Doc-tests ") {
        return Some(format!("doc tests of {package}"));
    }
    let (source, path) = line
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .rsplit_once(" (")?;
    let stem = Path::new(path).file_stem().and_then(OsStr::to_str)?;
    let name = stem.rsplit_once('-').map_or(stem, |(name, _hash)| name);
    Some(match source.strip_prefix("unittests ") {
        Some(file) => format!("unit tests of {name} ({file})"),
        None => format!("tests {name}"),
    })
}

fn fresh_skip_log(run: &mut Run) -> PathBuf {
    let directory = run::target_directory().join("xtask");
    let log = directory.join("skipped.log");
    if let Err(error) = fs::create_dir_all(&directory).and_then(|()| fs::write(&log, "")) {
        eprintln!("error: cannot write {}: {error}", log.display());
        run.record("log of skipped tests", Duration::ZERO, false);
    }
    log
}

fn count_skips(run: &mut Run, log: &Path, in_ci: bool) {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    for line in text.lines().filter(|line| line.starts_with("skipped: ")) {
        if in_ci && line.contains("missing tool") {
            run.record(&format!("{line} (a failure in CI)"), Duration::ZERO, false);
        } else {
            run.skip(line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_program(line: &str, expected: Option<&str>) {
        assert_eq!(program_name(line).as_deref(), expected, "{line}");
    }

    #[test]
    fn announcements_name_their_program() {
        check_program(
            "     Running unittests src/lib.rs (/build/debug/deps/crashvault-0a1b)\n",
            Some("unit tests of crashvault (src/lib.rs)"),
        );
        check_program(
            "     Running layering.rs (target/debug/deps/layering-0a1b)",
            Some("tests layering"),
        );
        check_program("   Doc-tests crashvault", Some("doc tests of crashvault"));
        check_program(
            "    Finished `test` profile [unoptimized] target(s) in 0.05s",
            None,
        );
        check_program("running 3 tests", None);
    }

    #[test]
    fn a_line_of_foreign_bytes_does_not_stop_the_count() {
        let input: &[u8] = b"\xff\xfe\ntest result: ok. 1 passed; 0 failed\n";
        let mut totals = Totals::default();
        for_each_line(input, |line| totals.add_line(line)).unwrap();
        assert_eq!(totals.passed, 1);
    }

    fn check_skips(in_ci: bool, skips: &[&str], failures: usize) {
        let name = format!("xtask-skips-{}-{in_ci}", std::process::id());
        let log = std::env::temp_dir().join(name);
        let lines = "skipped: a: needs root\nnoise\nskipped: b: missing tool: mkfs\n";
        fs::write(&log, lines).unwrap();
        let mut run = Run::default();
        count_skips(&mut run, &log, in_ci);
        fs::remove_file(&log).unwrap();
        assert_eq!(run.skips, skips);
        assert_eq!(run.failures().count(), failures);
    }

    #[test]
    fn the_skip_log_is_read_by_line() {
        let both = ["skipped: a: needs root", "skipped: b: missing tool: mkfs"];
        check_skips(false, &both, 0);
    }

    #[test]
    fn a_missing_tool_is_a_failure_in_ci() {
        check_skips(true, &["skipped: a: needs root"], 1);
    }
}
