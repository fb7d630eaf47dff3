//! `import` of what `export` wrote, and of other vaults.

use std::path::Path;

use crashvault::{ErrorKind, ExportKind, ImportReport, Vault};
use serde_json::json;

use super::{Done, reading};
use crate::output::text::counted;
use crate::output::{Screen, Stop};

/// What a path is, if it is one of these; `None` for any other, also where there is nothing, and for a directory in
/// which Crashvault 1 left its data, whatever lies beside.
pub fn detect(path: &Path) -> crashvault::Result<Option<ExportKind>> {
    if Vault::has_v1_data(path) {
        return Ok(None);
    }
    match Vault::detect_export(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found,
    }
}

pub fn run(directory: &Path, file: &Path, screen: &mut Screen) -> Result<Done, Stop> {
    let report = screen.during("importing", || take_in(directory, file))?;
    if screen.json {
        screen.value(&json!({
            "issue_count": report.issues,
            "event_count": report.events,
            "known_count": report.events_known,
            "attachment_count": report.attachments,
            "attachment_missing_count": report.attachments_missing,
        }))?;
        return Ok(Done::Well);
    }
    let issues = counted(report.issues, "issue", "issues");
    let events = counted(report.events, "event", "events");
    let known = match report.events_known {
        0 => String::new(),
        known => format!(
            "; {} there already, or removed for good before",
            counted(known, "event was", "events were")
        ),
    };
    screen.line(format!("Imported {issues}, {events}{known}"))?;
    if report.attachments_missing > 0 {
        screen.flush()?;
        let files = counted(report.attachments_missing, "attachment", "attachments");
        screen.note(format!("the content of {files} is not in it"));
    }
    Ok(Done::Well)
}

fn take_in(directory: &Path, file: &Path) -> crashvault::Result<ImportReport> {
    if !reading::is_there(directory) {
        Vault::check_export(file)?;
    }
    Vault::open(directory)?.import_export(file)
}
