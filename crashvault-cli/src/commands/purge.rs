//! `purge` and `kill`: issues and events that leave for good.

use std::collections::HashSet;

use crashvault::{Deed, Issue, IssueRef, Vault};
use serde_json::json;

use super::decide::Worst;
use super::reading::{self, Place};
use super::{Done, ask};
use crate::args::{Kill, Purge, Wait};
use crate::output::text::{bytes, counted, visible};
use crate::output::{Screen, Stop};

pub fn purge(place: &Place, purge: &Purge, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let mut worst = Worst::default();
    let issues = named(&vault, &purge.of.issues, &mut worst, screen)?;
    if !issues.is_empty() {
        ask::confirm(&question(&issues), purge.yes, screen)?;
    }
    let mut purged = Vec::new();
    for issue in &issues {
        match vault.decide(&IssueRef::Id(issue.id), Deed::Tombstone) {
            Ok(_) if screen.json => purged.push(json!({
                "id": issue.id.to_string(),
                "number": issue.number,
                "title": issue.title,
                "event_count": issue.seen_count,
            })),
            Ok(_) => {
                let events = counted(issue.seen_count, "event", "events");
                screen.line(format!("Purged issue #{} and {events}", issue.number))?;
            }
            Err(error) => worst.meet(error.into(), screen)?,
        }
    }
    if !purged.is_empty() {
        screen.value(&json!({ "purged": purged }))?;
    }
    Ok(worst.done())
}

/// Each issue once, before anything is asked; one that is not there is told.
fn named(
    vault: &Vault,
    references: &[IssueRef],
    worst: &mut Worst,
    screen: &mut Screen,
) -> Result<Vec<Issue>, Stop> {
    let mut known = HashSet::new();
    let mut issues = Vec::new();
    for reference in references {
        match reading::find(vault, reference, screen) {
            Ok((issue, _)) if known.insert(issue.id) => issues.push(issue),
            Ok(_) => {}
            Err(stop) => worst.meet(stop, screen)?,
        }
    }
    Ok(issues)
}

fn question(issues: &[Issue]) -> String {
    let events = issues.iter().map(|issue| issue.seen_count).sum();
    let events = counted(events, "event", "events");
    match issues {
        [issue] => format!(
            "Remove issue #{} ({}) and its {events} for good?",
            issue.number,
            visible(&issue.title)
        ),
        _ => format!(
            "Remove {} issues and their {events} for good?",
            issues.len()
        ),
    }
}

pub fn kill(place: &Place, kill: &Kill, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait { wait: true }, screen)?.vault;
    let status = vault.status()?;
    let directory = status.directory.display().to_string();
    let question = format!(
        "Remove all of {}: {} and {}, for good?",
        visible(&directory),
        counted(status.issue_count, "issue", "issues"),
        counted(status.event_count, "event", "events"),
    );
    ask::confirm(&question, kill.yes, screen)?;
    let report = vault.empty()?;
    if screen.json {
        screen.value(&json!({
            "issues_removed": report.issues_removed,
            "events_removed": report.events_removed,
            "bytes_freed": report.bytes_freed,
        }))?;
    } else {
        screen.line(format!(
            "Removed {} and {}; {} freed",
            counted(report.issues_removed, "issue", "issues"),
            counted(report.events_removed, "event", "events"),
            bytes(report.bytes_freed),
        ))?;
    }
    screen.flush()?;
    screen.note("settings, symbols and archives are kept");
    Ok(Done::Well)
}
