//! `rebuild`: derived state again from the records, or how it differs from them.

use serde_json::json;

use super::Done;
use super::reading::Place;
use crate::args::Rebuild;
use crate::output::text::{counted, visible};
use crate::output::{Screen, Stop};

pub fn run(place: &Place, rebuild: &Rebuild, screen: &mut Screen) -> Result<Done, Stop> {
    match rebuild.verify {
        true => verify(place, screen),
        false => renew(place, screen),
    }
}

fn renew(place: &Place, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = place.open()?;
    let report = screen.during("making issues again", || vault.rebuild())?;
    if screen.json {
        screen.value(&json!({
            "event_count": report.event_count,
            "issue_count": report.issue_count,
        }))?;
    } else {
        let issues = counted(report.issue_count, "issue", "issues");
        let events = counted(report.event_count, "event", "events");
        screen.line(format!("Made {issues} again from {events}"))?;
    }
    Ok(Done::Well)
}

fn verify(place: &Place, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = place.open()?;
    let differences = screen.during("comparing", || vault.verify())?;
    if screen.json {
        screen.value(&json!({
            "is_same": differences.is_empty(),
            "differences": differences,
        }))?;
    } else if differences.is_empty() {
        screen.line("Issues, counters and the search index are what the records say")?;
    } else {
        differences
            .iter()
            .try_for_each(|difference| screen.line(visible(difference)))?;
        screen.note("`crashvault rebuild` makes it again from the records");
    }
    Ok(match differences.is_empty() {
        true => Done::Well,
        false => Done::Badly,
    })
}
