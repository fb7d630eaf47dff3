//! Running tools as timed stages.
//!
//! Enters: commands. Leaves: their output as it comes, and a [`Run`] that knows every stage's seconds and outcome.
//!
//! Never: stops at the first failure. A person who waited for the build wants to hear everything at once.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// One finished piece of work.
#[derive(Debug)]
pub struct Stage {
    pub name: String,
    pub duration: Duration,
    pub well: bool,
}

/// The stages of one chore, in the order they ran, and what was left out with its reason.
#[derive(Debug, Default)]
pub struct Run {
    pub stages: Vec<Stage>,
    pub skips: Vec<String>,
}

impl Run {
    /// Runs `command` to its end; its output goes where ours goes. A tool that cannot be started is a failed stage.
    pub fn stage(&mut self, name: &str, command: &mut Command) -> bool {
        announce(name);
        let start = Instant::now();
        let well = match command.status() {
            Ok(status) => status.success(),
            Err(error) => {
                eprintln!("error: cannot start {:?}: {error}", command.get_program());
                false
            }
        };
        self.record(name, start.elapsed(), well);
        well
    }

    pub fn record(&mut self, name: &str, duration: Duration, well: bool) {
        let name = name.to_owned();
        self.stages.push(Stage {
            name,
            duration,
            well,
        });
    }

    pub fn skip(&mut self, line: String) {
        self.skips.push(line);
    }

    /// What was left out because this machine lacks something; in CI that is a failure.
    pub fn skip_for_tool(&mut self, what: &str, missing: &str) {
        let line = format!("skipped: {what}: missing tool: {missing}");
        if in_ci() {
            self.record(&format!("{line} (a failure in CI)"), Duration::ZERO, false);
        } else {
            self.skip(line);
        }
    }

    pub fn failures(&self) -> impl Iterator<Item = &str> {
        let failed = self.stages.iter().filter(|stage| !stage.well);
        failed.map(|stage| stage.name.as_str())
    }

    /// The stages with their seconds, slowest first, then what was skipped and what failed.
    pub fn report(&self) -> String {
        let mut stages: Vec<&Stage> = self.stages.iter().collect();
        stages.sort_by_key(|stage| std::cmp::Reverse(stage.duration));
        let mut report = String::from("\nseconds  stage\n");
        for stage in stages {
            let mark = if stage.well { "" } else { "  FAILED" };
            report += &format!(
                "{:>7.1}  {}{mark}\n",
                stage.duration.as_secs_f64(),
                stage.name
            );
        }
        for skip in &self.skips {
            report += &format!("{skip}\n");
        }
        for failure in self.failures() {
            report += &format!("failed: {failure}\n");
        }
        report
    }
}

pub fn announce(name: &str) {
    eprintln!("\n── {name}");
}

/// Runs a command, shows what it prints and hands each line out.
///
/// # Errors
/// If it cannot be started or read.
pub fn show_lines(command: &mut Command, mut each: impl FnMut(&str)) -> io::Result<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    if let Some(pipe) = child.stdout.take() {
        for_each_line(BufReader::new(pipe), |line| {
            each(line);
            let _ = io::stdout().write_all(line.as_bytes());
        })?;
    }
    child.wait()
}

/// Test output may be any bytes: lines are read as such, and shown with replacement characters.
pub fn for_each_line(mut input: impl BufRead, mut each: impl FnMut(&str)) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        each(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

/// The repository's root, wherever the command was called.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The absolute directory of builds and samples.
pub fn target_directory() -> PathBuf {
    let directory =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    std::path::absolute(&directory).unwrap_or(directory)
}

/// The same cargo that started us, in the root of the repository.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // A relative directory would mean another place from another working directory.
    command.env("CARGO_TARGET_DIR", target_directory());
    command
}

/// Whether a program of this name lies on PATH.
pub fn on_path(program: &str) -> bool {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(&file).is_file())
}

pub fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_lists_slowest_first_and_names_failures() {
        let mut run = Run::default();
        run.record("quick", Duration::from_millis(100), false);
        run.record("slow", Duration::from_millis(2300), true);
        run.skip("skipped: one: no docker".into());
        let expected = "\nseconds  stage\n    2.3  slow\n    0.1  quick  FAILED\nskipped: one: no docker\nfailed: quick\n";
        assert_eq!(run.report(), expected);
    }

    #[test]
    fn a_tool_that_cannot_start_fails_its_stage() {
        let mut run = Run::default();
        assert!(!run.stage("absent", &mut Command::new("no-such-program-anywhere")));
        assert_eq!(run.failures().collect::<Vec<_>>(), ["absent"]);
    }

    #[test]
    fn programs_are_found_by_name_alone() {
        assert!(on_path("cargo"));
        assert!(!on_path("no-such-program-anywhere"));
    }
}
