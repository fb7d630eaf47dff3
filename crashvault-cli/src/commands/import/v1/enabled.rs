use std::io::IsTerminal;
use std::path::Path;

use crashvault::{ErrorKind, V1Options, V1Remark, V1Report, Vault};
use serde_json::{Value, json};

use crate::args::Import;
use crate::commands::{Done, reading};
use crate::output::text::{counted, visible};
use crate::output::{Failure, Screen, Stop};

const PASSWORD_VARIABLE: &str = "CRASHVAULT_V1_PASSWORD";
/// Lines about what came in otherwise than it stood there; JSON tells all.
const CHANGED_LINES_MAX: usize = 20;

pub fn is_ours(path: &Path) -> bool {
    Vault::is_v1(path)
}

pub fn run(directory: &Path, import: &Import, screen: &mut Screen) -> Result<Done, Stop> {
    let mut options = V1Options::default().dry_run(import.dry_run);
    if let Some(project) = &import.project {
        options = options.project(project);
    }
    if let Some(password) = given_password(import)? {
        options = options.password(password);
    }
    let take_in =
        |options: &V1Options| screen.during("importing", || take_in(directory, import, options));
    let report = match take_in(&options) {
        Err(error) if error.kind() == ErrorKind::Locked => match asked_password(&import.path)? {
            Some(password) => take_in(&options.password(password))?,
            None => return Err(locked(&error).into()),
        },
        done => done?,
    };
    match screen.json {
        true => screen.value(&value(directory, import, &report))?,
        false => tell(import, &report, screen)?,
    }
    Ok(match report.skipped.is_empty() {
        true => Done::Well,
        false => Done::Badly,
    })
}

fn take_in(directory: &Path, import: &Import, options: &V1Options) -> crashvault::Result<V1Report> {
    if !reading::is_there(directory) {
        if import.dry_run {
            return Vault::examine_v1(&import.path, options);
        }
        Vault::check_v1(&import.path, options)?;
    }
    Vault::open(directory)?.import_v1(&import.path, options)
}

fn given_password(import: &Import) -> Result<Option<String>, Failure> {
    let Some(file) = &import.password_file else {
        return Ok(std::env::var(PASSWORD_VARIABLE).ok());
    };
    let read = std::fs::read_to_string(file);
    let text = read.map_err(|error| {
        let message = format!("cannot read {}: {error}", file.display());
        Failure::new(
            message,
            "--password-file names a file with one line, the password",
        )
    })?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Some(line.to_owned()))
}

fn asked_password(path: &Path) -> Result<Option<String>, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    let prompt = format!("Password of {}: ", visible(&path.display().to_string()));
    let asked = rpassword::prompt_password(prompt);
    let failed = |error| Failure::new(format!("cannot ask for the password: {error}"), "");
    asked.map(Some).map_err(failed)
}

fn locked(error: &crashvault::Error) -> Failure {
    Failure {
        hint: format!("give it with --password-file FILE or ${PASSWORD_VARIABLE}"),
        ..Failure::from(error)
    }
}

fn value(directory: &Path, import: &Import, report: &V1Report) -> Value {
    let renumbered = report.renumbered.iter();
    let renumbered = renumbered.map(|(v1, number)| json!({"v1": v1, "number": number}));
    json!({
        "vault": directory.display().to_string(),
        "is_dry_run": import.dry_run,
        "issue_count": report.issue_count,
        "issues_new": report.issues_new,
        "event_count": report.event_count,
        "note_count": report.note_count,
        "events_new": report.events_new,
        "synthetic_count": report.synthetic_count,
        "decision_count": report.decision_count,
        "attachment_count": report.attachment_count,
        "attachments_new": report.attachments_new,
        "renumbered": renumbered.collect::<Vec<_>>(),
        "skipped": remarks(&report.skipped),
        "changed": remarks(&report.changed),
    })
}

fn remarks(remarks: &[V1Remark]) -> Vec<Value> {
    let values = remarks.iter();
    let values = values.map(|remark| json!({"path": remark.path, "reason": remark.reason}));
    values.collect()
}

fn tell(import: &Import, report: &V1Report, screen: &mut Screen) -> std::io::Result<()> {
    let done = match import.dry_run {
        true => "Would import",
        false => "Imported",
    };
    screen.line(format!(
        "{done} from Crashvault 1: {} ({} new), {} and {} ({} new), {} ({} new)",
        counted(report.issue_count, "issue", "issues"),
        report.issues_new,
        counted(report.event_count, "event", "events"),
        counted(report.note_count, "note", "notes"),
        report.events_new,
        counted(report.attachment_count, "attachment", "attachments"),
        report.attachments_new,
    ))?;
    if report.decision_count > 0 {
        let decisions = counted(report.decision_count, "decision", "decisions");
        screen.line(format!("{decisions}: statuses, titles, severities, tags"))?;
    }
    if report.synthetic_count > 0 {
        let issues = counted(report.synthetic_count, "issue", "issues");
        screen.line(format!(
            "{issues} without an event, shown by one made for it"
        ))?;
    }
    for (old, number) in &report.renumbered {
        screen.line(format!("#{old} of Crashvault 1 is #{number} here"))?;
    }
    for remark in &report.skipped {
        screen.line(line("skipped", remark))?;
    }
    for remark in report.changed.iter().take(CHANGED_LINES_MAX) {
        screen.line(line("changed", remark))?;
    }
    let more = report.changed.len().saturating_sub(CHANGED_LINES_MAX);
    match more {
        0 => Ok(()),
        _ => screen.line(format!("changed: {more} more, which --json tells")),
    }
}

fn line(what: &str, remark: &V1Remark) -> String {
    let (path, reason) = (visible(&remark.path), visible(&remark.reason));
    format!("{what}: {path}: {reason}")
}
