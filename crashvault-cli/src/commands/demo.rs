//! `demo`: three programs fail, and what the vault then holds is shown.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crashvault::{Issue, IssueFilter, Vault, VaultStatus};
use serde_json::{Value, json};

use super::{Done, list};
use crate::args::Global;
use crate::output::event::{self, Page};
use crate::output::text::{count, counted, visible, visible_lines};
use crate::output::{Failure, Screen, Stop, Style, json};
use crate::shop::{FLOOD_CAPTURES, Kind};

/// A pipe has no width; the demo is for people none the less.
const WIDTH_IN_PIPES: usize = 100;
/// Names of fresh directories that are tried.
const NAMES_MAX: u32 = 100;

/// What became of one failing program.
struct Outcome {
    kind: Kind,
    exit_code: Option<i32>,
    said: String,
    told: Value,
}

pub fn run(global: &Global, screen: &mut Screen) -> Result<Done, Stop> {
    let directory = match &global.vault {
        Some(directory) => std::path::absolute(directory).unwrap_or_else(|_| directory.clone()),
        None => fresh_directory()?,
    };
    // Made before the children start, so that a place that cannot be used is told once.
    let mut vault = Vault::open(&directory)?;
    let is_json = screen.json;
    if !is_json {
        tell_beginning(&directory, screen)?;
    }
    let mut outcomes = Vec::new();
    for (index, kind) in Kind::ALL.into_iter().enumerate() {
        let outcome = fail(kind, &directory)?;
        // One after the other, so that the issues are numbered as they are told.
        vault.drain_all()?;
        if !is_json {
            tell_outcome(index + 1, &outcome, screen)?;
        }
        outcomes.push(outcome);
    }
    let issues = vault.issues(&IssueFilter::default())?;
    let status = vault.status()?;
    if is_json {
        screen.value(&summary(&outcomes, &issues, &status))?;
    } else {
        tell_vault(&vault, &issues, screen)?;
        tell_next(&directory, &issues, screen)?;
    }
    check(&outcomes)?;
    Ok(Done::Well)
}

/// A new directory that only this user can enter.
fn fresh_directory() -> Result<PathBuf, Failure> {
    let parent = std::env::temp_dir();
    let process = std::process::id();
    for number in 0..NAMES_MAX {
        let directory = parent.join(format!("crashvault-demo-{process}-{number}"));
        match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(no_directory(&parent, &error.to_string())),
        }
    }
    Err(no_directory(&parent, "every name is taken"))
}

fn no_directory(parent: &Path, reason: &str) -> Failure {
    Failure::new(
        format!("cannot make a directory in {}: {reason}", parent.display()),
        "name a place with --vault DIR",
    )
}

/// Runs one failing program to its end.
fn fail(kind: Kind, vault: &Path) -> Result<Outcome, Failure> {
    let not_started =
        |error: io::Error| Failure::new(format!("cannot start a program: {error}"), "");
    let mut command = Command::new(std::env::current_exe().map_err(not_started)?);
    command
        .args(["__demo-child", kind.name(), "--vault"])
        .arg(vault)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null());
    // The user's own settings must not thin out or divert what the demo is about to show.
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"CRASHVAULT_") {
            command.env_remove(name);
        }
    }
    let output = command.output().map_err(not_started)?;
    Ok(Outcome {
        kind,
        exit_code: output.status.code(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
        told: told(&output.stdout),
    })
}

/// The line of JSON among what the program wrote.
fn told(stdout: &[u8]) -> Value {
    let lines = stdout.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .find(Value::is_object)
        .unwrap_or_default()
}

fn tell_beginning(directory: &Path, screen: &mut Screen) -> io::Result<()> {
    let place = directory.display().to_string();
    screen.line(format!("A vault for this demo: {}", visible(&place)))?;
    screen.line("")?;
    screen.styled(
        Style::Bold,
        "Three programs fail, each a process of its own",
    )
}

fn tell_outcome(number: usize, outcome: &Outcome, screen: &mut Screen) -> io::Result<()> {
    let what = match outcome.kind {
        Kind::Panic => "panics in the middle of a checkout".into(),
        Kind::Error => "fails with an error that has three causes".into(),
        Kind::Flood => format!(
            "fails {} times in the same way",
            count(FLOOD_CAPTURES as u64)
        ),
    };
    screen.line("")?;
    screen.line(format!("{number}. It {what}."))?;
    for line in visible_lines(&outcome.said).filter(|line| keeps(line)) {
        screen.styled(Style::Dim, format!("   │ {line}"))?;
    }
    let exit = match outcome.exit_code {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".into(),
    };
    screen.line(format!(
        "   {exit}, as without Crashvault; {}",
        captured(outcome)
    ))
}

/// What of a program's last words is worth a line here.
fn keeps(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE")
}

fn captured(outcome: &Outcome) -> String {
    let number = |key: &str| outcome.told[key].as_u64().unwrap_or_default();
    let time = |key: &str| microseconds(outcome.told[key].as_f64().unwrap_or_default());
    let kept = time("kept_median_us");
    match outcome.kind {
        Kind::Flood => format!(
            "{} kept whole, {kept} each; {} counted, {} each (medians)",
            number("captured_count"),
            count(number("throttled_count")),
            time("throttled_median_us"),
        ),
        _ => format!("on disk after {kept}, the cost of a first capture included"),
    }
}

fn microseconds(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.1} µs"),
        ..1000.0 => format!("{value:.0} µs"),
        _ => format!("{:.1} ms", value / 1000.0),
    }
}

fn tell_vault(vault: &Vault, issues: &[Issue], screen: &mut Screen) -> Result<(), Stop> {
    screen.line("")?;
    screen.styled(Style::Bold, "What the vault holds")?;
    let columns = screen.width.unwrap_or(WIDTH_IN_PIPES);
    list::write_table(issues, columns, screen)?;
    let Some(panic) = panic_of(issues) else {
        return Ok(());
    };
    let stored = vault.event(panic.last_event)?;
    screen.line("")?;
    screen.styled(Style::Bold, format!("The panic, #{}", panic.number))?;
    let mut page = Page::new(screen.paint, false);
    event::failure(&mut page, &stored.event);
    event::breadcrumbs(&mut page, &stored.event.breadcrumbs);
    page.lines.iter().try_for_each(|line| screen.line(line))?;
    Ok(())
}

fn panic_of(issues: &[Issue]) -> Option<&Issue> {
    issues
        .iter()
        .find(|issue| issue.title.starts_with("panic: "))
}

fn tell_next(directory: &Path, issues: &[Issue], screen: &mut Screen) -> io::Result<()> {
    let directory = quoted(directory.as_os_str());
    let name = command_name();
    let panic = panic_of(issues).map_or(1, |issue| issue.number);
    screen.line("")?;
    screen.styled(Style::Bold, "What to try next")?;
    screen.line(format!("  export CRASHVAULT_HOME={directory}"))?;
    let next = [
        "list".to_owned(),
        format!("show {panic}"),
        "search 'is:unresolved order'".to_owned(),
        format!("resolve {panic} --comment 'no coupon without a price'"),
        format!("undo {panic}"),
        "status".to_owned(),
        "doctor".to_owned(),
        "add 'my first event' --level info".to_owned(),
    ];
    for next in next {
        screen.line(format!("  {name} {next}"))?;
    }
    screen.styled(
        Style::Dim,
        format!("  rm -r {directory}   # when you have seen enough"),
    )
}

/// How this command can be called again: its name if the shell would find it, else its path.
fn command_name() -> String {
    let Ok(path) = std::env::current_exe() else {
        return "crashvault".into();
    };
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&search)
        .map(|directory| directory.join("crashvault"))
        .find(|candidate| candidate.is_file())
        .is_some_and(|candidate| candidate.canonicalize().is_ok_and(|found| found == path));
    if is_found {
        return "crashvault".into();
    }
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(&here) {
        Ok(below) => quoted(Path::new(".").join(below).as_os_str()),
        Err(_) => quoted(path.as_os_str()),
    }
}

/// A word for a shell.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let word = visible(&word);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,".contains(c);
    match word.chars().all(is_plain) {
        true => word.into_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn summary(outcomes: &[Outcome], issues: &[Issue], status: &VaultStatus) -> Value {
    let programs = outcomes.iter().map(|outcome| {
        json!({
            "kind": outcome.kind.name(),
            "exit_code": outcome.exit_code,
            "captures": outcome.told,
        })
    });
    json!({
        "vault": status.directory.to_string_lossy(),
        "programs": programs.collect::<Vec<_>>(),
        "issues": issues.iter().map(json::issue).collect::<Vec<_>>(),
        "event_count": status.event_count,
        "throttled_count": status.throttled_count,
    })
}

/// The demo has failed if a program could not capture.
fn check(outcomes: &[Outcome]) -> Result<(), Failure> {
    let is_well = |outcome: &&Outcome| {
        outcome.told["captured_count"].as_u64() > Some(0) && outcome.told["lost_count"] == 0
    };
    let Some(outcome) = outcomes.iter().find(|outcome| !is_well(outcome)) else {
        return Ok(());
    };
    let programs = counted(outcomes.len() as u64, "program", "programs");
    let why = outcome.told["last_failure"]
        .as_str()
        .unwrap_or("it did not say why");
    let message = format!(
        "of {programs} the one that shows `{}` could not capture: {why}",
        outcome.kind.name()
    );
    Err(Failure::new(message, "name another place with --vault DIR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted(OsStr::new("/tmp/a-b_1")), "/tmp/a-b_1");
        assert_eq!(quoted(OsStr::new("/tmp/it's here")), r"'/tmp/it'\''s here'");
    }

    #[test]
    fn times_have_a_fitting_unit() {
        assert_eq!(microseconds(0.25), "0.2 µs");
        assert_eq!(microseconds(84.4), "84 µs");
        assert_eq!(microseconds(12_340.0), "12.3 ms");
    }
}
