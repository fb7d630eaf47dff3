//! `export`: issues with all that belongs to them, as a file others read.

use std::error::Error as _;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crashvault::{Error, ErrorKind, ExportFormat, ExportReport, ExportRule, Search, Vault};
use serde_json::{Value, json};

use super::Done;
use super::reading::{self, Place};
use super::search::explained;
use crate::args::{Export, Form};
use crate::output::text::{bytes, counted, visible};
use crate::output::{Failure, Screen, Stop, explanation};

pub fn run(place: &Place, export: &Export, screen: &mut Screen) -> Result<Done, Stop> {
    let output = file_of(export.output.as_deref());
    let form = export.format.unwrap_or_else(|| form_of(output));
    if form == Form::Sqlite {
        refuse_sqlite(export, output)?;
    }
    let vault = reading::open(place, export.wait, screen)?.vault;
    let (rule, query) = rule(&vault, export, screen)?;
    let format = match (form, output) {
        (Form::Text(format), _) => format,
        (Form::Sqlite, Some(path)) => {
            vault.copy_database(path, export.force).map_err(refused)?;
            let status = vault.status()?;
            let (issues, events) = (status.issue_count, status.event_count);
            return told(
                path,
                "sqlite",
                screen,
                &[("issue_count", issues), ("event_count", events)],
            );
        }
        (Form::Sqlite, None) => return Ok(Done::Well),
    };
    let mut progress = Progress::new();
    let report = match output {
        None => vault.export(&rule, format, screen.writer(), &mut |n| progress.tell(n)),
        Some(path) => {
            vault.export_file(&rule, format, path, export.force, &mut |n| progress.tell(n))
        }
    };
    progress.end();
    let report = report.map_err(|error| stopped(error, &query))?;
    tell_losses(&report, screen)?;
    if report.issues == 0 && !query.trim().is_empty() {
        tell_doubts(&vault, &query, screen)?;
    }
    let Some(path) = output else {
        return Ok(Done::Well);
    };
    let counts = [
        ("issue_count", report.issues),
        ("event_count", report.events),
        ("unreadable_count", report.events_unreadable),
        ("attachment_count", report.attachments),
        ("attachment_missing_count", report.attachments_missing),
    ];
    told(path, format.name(), screen, &counts)
}

/// A file; `-` is none.
pub fn file_of(output: Option<&Path>) -> Option<&Path> {
    output.filter(|path| *path != Path::new("-"))
}

/// What the end of a name says, below that of its compression.
fn form_of(output: Option<&Path>) -> Form {
    let mut name = output.map(PathBuf::from).unwrap_or_default();
    if name
        .extension()
        .is_some_and(|ending| ending == "gz" || ending == "zst")
    {
        name.set_extension("");
    }
    let ending = name.extension().and_then(|ending| ending.to_str());
    match ending {
        Some("db" | "sqlite") => Form::Sqlite,
        Some(ending) => Form::Text(ExportFormat::from_name(ending).unwrap_or(ExportFormat::Json)),
        None => Form::Text(ExportFormat::Json),
    }
}

fn refuse_sqlite(export: &Export, output: Option<&Path>) -> Result<(), Failure> {
    let why = match output {
        None => "a database goes into a file, not to stdout",
        Some(_) if !export.query.is_empty() || export.issue.is_some() => {
            "a copy of the database is of the whole vault"
        }
        Some(path) if path.extension().is_some_and(|e| e == "gz" || e == "zst") => {
            "a copy of the database is not compressed"
        }
        Some(_) => return Ok(()),
    };
    let hint =
        "crashvault export --format sqlite --output copy.db; ndjson takes a query and compresses";
    Err(Failure::usage(why, hint))
}

/// What is meant, and the words of its query.
fn rule(vault: &Vault, export: &Export, screen: &Screen) -> Result<(ExportRule, String), Stop> {
    if let Some(reference) = &export.issue {
        let (issue, _) = reading::find(vault, reference, screen)?;
        return Ok((
            ExportRule::issue(&crashvault::IssueRef::Id(issue.id)),
            String::new(),
        ));
    }
    let query = export.query.join(" ");
    let rule = match query.trim() {
        "" => ExportRule::all(),
        text => ExportRule::query(text),
    };
    Ok((rule, query))
}

/// A file that was written, for programs.
pub fn file_value(path: &Path, format: &str) -> Value {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    json!({"path": path.display().to_string(), "format": format, "bytes": size})
}

/// What a file came to hold.
fn told(
    path: &Path,
    format: &str,
    screen: &mut Screen,
    counts: &[(&str, u64)],
) -> Result<Done, Stop> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let name = path.display().to_string();
    if screen.json {
        let mut value = file_value(path, format);
        for (key, count) in counts {
            value[key] = (*count).into();
        }
        screen.value(&value)?;
        return Ok(Done::Well);
    }
    let count = |key| {
        counts
            .iter()
            .find(|(known, _)| *known == key)
            .map_or(0, |(_, n)| *n)
    };
    let issues = counted(count("issue_count"), "issue", "issues");
    let events = counted(count("event_count"), "event", "events");
    screen.line(format!(
        "Exported {issues}, {events}, {} into {}",
        bytes(size),
        visible(&name)
    ))?;
    Ok(Done::Well)
}

fn tell_losses(report: &ExportReport, screen: &mut Screen) -> io::Result<()> {
    screen.flush()?;
    if report.events_unreadable > 0 {
        let events = counted(report.events_unreadable, "event", "events");
        screen.note(format!(
            "{events} cannot be read and are not in it; `crashvault doctor` tells more"
        ));
    }
    if report.attachments_missing > 0 {
        let files = counted(report.attachments_missing, "attachment", "attachments");
        screen.note(format!("the content of {files} is missing or damaged"));
    }
    Ok(())
}

/// Nothing fits: which keys may have been meant.
fn tell_doubts(vault: &Vault, query: &str, screen: &Screen) -> Result<(), Stop> {
    screen.note("nothing fits");
    for doubt in &vault.search(&Search::new(query).limit(1))?.doubts {
        screen.note(explanation::doubt(doubt));
    }
    Ok(())
}

/// A refusal to replace a file, with the way to insist.
pub fn refused(error: Error) -> Stop {
    let source = error.source().and_then(|source| source.downcast_ref());
    if source.is_some_and(|source: &io::Error| source.kind() == io::ErrorKind::BrokenPipe) {
        return Stop::Closed;
    }
    let mut failure = Failure::from(&error);
    if error.kind() == ErrorKind::Conflict {
        failure.hint = "--force replaces it".into();
    }
    failure.into()
}

fn stopped(error: Error, query: &str) -> Stop {
    match error.kind() {
        ErrorKind::InvalidInput => explained(&error, query).into(),
        _ => refused(error),
    }
}

/// How many events were written, on a terminal.
struct Progress {
    is_shown: bool,
    is_told: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            is_told: false,
        }
    }

    fn tell(&mut self, events: u64) {
        // A blink or two each second is enough, and a short export says nothing.
        if self.is_shown && events.is_multiple_of(8192) {
            self.is_told = true;
            let _ = write!(io::stderr(), "\r{events} events");
        }
    }

    fn end(&mut self) {
        if self.is_told {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
