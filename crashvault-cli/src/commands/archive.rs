//! `archive` and `restore`: old issues leave `vault.db` for a file of their own, and come back.

use std::path::{Path, PathBuf};

use crashvault::{ArchiveRule, Timestamp};
use serde_json::json;

use super::Done;
use super::reading::{self, Place};
use crate::args::{Archive, Restore, Wait};
use crate::output::text::{bytes, counted, visible};
use crate::output::{Screen, Stop, json, table};

/// Days since an issue was last seen, where nothing else is said.
const DAYS: u32 = 90;

pub fn run(place: &Place, archive: &Archive, screen: &mut Screen) -> Result<Done, Stop> {
    if archive.list {
        return list(place, screen);
    }
    let days = archive.older_than.unwrap_or(DAYS);
    let rule = ArchiveRule::older_than_days(days).ignored(archive.ignored);
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let report = vault.archive(&rule)?;
    if screen.json {
        screen.value(&json!({
            "path": report.path.as_deref().map(Path::to_string_lossy),
            "issue_count": report.issues,
            "event_count": report.events,
            "bytes": report.bytes,
        }))?;
    }
    let Some(path) = &report.path else {
        screen.note(format!(
            "no {} was last seen more than {} ago; nothing was archived",
            match archive.ignored {
                true => "resolved or ignored issue",
                false => "resolved issue",
            },
            counted(days.into(), "day", "days"),
        ));
        return Ok(Done::Well);
    };
    if screen.json {
        return Ok(Done::Well);
    }
    let path = path.display().to_string();
    if screen.width.is_none() {
        let numbers = [report.issues, report.events, report.bytes].map(|n| n.to_string());
        screen.line(format!("{}\t{}", visible(&path), numbers.join("\t")))?;
        return Ok(Done::Well);
    }
    screen.line(format!(
        "Archived {} with {}, {}, in",
        counted(report.issues, "issue", "issues"),
        counted(report.events, "event", "events"),
        bytes(report.bytes),
    ))?;
    screen.line(visible(&path))?;
    Ok(Done::Well)
}

fn list(place: &Place, screen: &mut Screen) -> Result<Done, Stop> {
    let archives = place.open()?.archives()?;
    if screen.json {
        screen.value(&json!({
            "vault": place.directory.to_string_lossy(),
            "archives": archives.iter().map(json::archive).collect::<Vec<_>>(),
        }))?;
        return Ok(Done::Well);
    }
    let lines = match screen.width {
        Some(_) => table::archives(&archives, Timestamp::now(), screen.paint),
        None => archives.iter().map(table::archive_line).collect(),
    };
    lines.iter().try_for_each(|line| screen.line(line))?;
    screen.flush()?;
    if archives.is_empty() {
        screen.note("there is no archive; `crashvault archive` makes one");
    }
    // In a pipe it is the last column.
    for archive in archives.iter().filter(|_| screen.width.is_some()) {
        archive
            .fault
            .iter()
            .for_each(|fault| screen.note(visible(fault)));
    }
    Ok(Done::Well)
}

pub fn restore(place: &Place, restore: &Restore, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let file = file_of(place, &restore.file);
    let report = match restore.remove {
        true => vault.restore_and_remove(&file)?,
        false => vault.restore(&file)?,
    };
    if screen.json {
        screen.value(&json!({
            "issue_count": report.issues,
            "event_count": report.events,
            "known_count": report.events_known,
            "is_removed": restore.remove,
        }))?;
        return Ok(Done::Well);
    }
    let issues = counted(report.issues, "issue", "issues");
    let events = counted(report.events, "event", "events");
    let known = match report.events_known {
        0 => String::new(),
        known => format!(
            "; {} there already, or removed for good since",
            counted(known, "event was", "events were")
        ),
    };
    screen.line(format!("Restored {issues} with {events}{known}"))?;
    Ok(Done::Well)
}

/// A name alone that is not here is that of an archive of the vault.
fn file_of(place: &Place, file: &Path) -> PathBuf {
    let is_name = file.file_name() == Some(file.as_os_str());
    let inside = place.directory.join("archive").join(file);
    match is_name && !file.exists() && inside.exists() {
        true => inside,
        false => file.to_owned(),
    }
}
