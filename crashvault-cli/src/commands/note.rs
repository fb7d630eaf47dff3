//! `note` and `report`: what people write into the vault.

use std::path::Path;

use crashvault::{Event, Vault};

use super::Done;
use super::add::{host, tell_added, text_or_stdin};
use crate::args::{Note, Report};
use crate::output::{Failure, Screen, Stop};

pub fn note(directory: &Path, note: &Note, screen: &mut Screen) -> Result<Done, Stop> {
    let message = filled("message", &text_or_stdin(&note.message)?)?;
    let event = signed(Event::note(message), &note.tags, &note.project);
    keep(directory, event, "Note", screen)
}

pub fn report(directory: &Path, report: &Report, screen: &mut Screen) -> Result<Done, Stop> {
    let title = filled("title", &report.title)?;
    let body = text_or_stdin(&report.body)?;
    let event = signed(Event::report(title, body), &report.tags, &report.project);
    keep(directory, event, "Report", screen)
}

fn filled(what: &str, text: &str) -> Result<String, Failure> {
    match text.trim_end() {
        "" => Err(Failure::usage(
            format!("the {what} is empty"),
            "write something",
        )),
        text => Ok(text.to_owned()),
    }
}

/// With where it was written, and what it is about.
pub fn signed(mut event: Event, tags: &[(String, String)], project: &str) -> Event {
    event.tags.extend(tags.iter().cloned());
    event.set_own("project", project);
    event.server_name = host();
    event
}

fn keep(directory: &Path, event: Event, what: &str, screen: &mut Screen) -> Result<Done, Stop> {
    let added = Vault::open(directory)?.add(event)?;
    if screen.json {
        tell_added(&added, screen)?;
    } else {
        let (id, number) = (added.event_id, added.issue_number);
        screen.line(format!("{what} {id} saved as issue #{number}"))?;
    }
    Ok(Done::Well)
}
