//! Enters: which vault is meant. Leaves: the open vault, with what programs captured taken in first, and the issue that
//! is named in it.
//!
//! Never: makes a vault, or touches what Crashvault 1 left beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crashvault::{
    DrainReport, Error, ErrorKind, EventId, Issue, IssueRef, READER_DRAIN_MAX, Result, Vault,
};

use crate::args::Wait;
use crate::output::failure::NOT_FOUND;
use crate::output::text::{counted, visible};
use crate::output::{Failure, Screen, Stop};

/// The vault that is meant, and who decides in it; `None`: whom the engine takes.
pub struct Place {
    pub directory: PathBuf,
    pub author: Option<String>,
}

impl Place {
    /// Opens the vault that is there.
    pub fn open(&self) -> Result<Vault> {
        let mut options = Vault::options().create(false);
        if let Some(author) = &self.author {
            options = options.author(author);
        }
        options.open(&self.directory)
    }
}

/// Whether there is a vault. Nobody makes one before what is to come into it was looked at: what is refused leaves none.
pub fn is_there(directory: &Path) -> bool {
    directory.join("vault.db").exists()
}

/// A vault that was opened to be read.
pub struct Opened {
    pub vault: Vault,
    /// Events that are in the journal still.
    pub waiting_count: u64,
    /// Why events could not be taken in; what is in the vault can be read none the less.
    pub drain_error: Option<Error>,
}

/// Opens and drains. What is not as usual is told on stderr.
pub fn open(place: &Place, wait: Wait, screen: &Screen) -> Result<Opened, Stop> {
    let opened = try_open(place, wait, screen);
    let has_imported = opened
        .as_ref()
        .is_ok_and(|opened| opened.vault.has_imported_v1().unwrap_or(false));
    if !has_imported {
        tell_v1(&place.directory, screen);
    }
    let opened = opened?;
    if let Some(error) = &opened.drain_error {
        screen.note(format!(
            "what programs captured lately could not be taken in: {}",
            visible(&error.to_string())
        ));
    }
    Ok(opened)
}

/// As [`open`], leaving a failure and v1's data to the caller.
pub fn try_open(place: &Place, wait: Wait, screen: &Screen) -> Result<Opened> {
    let directory = place.directory.display().to_string();
    screen.info(format!("the vault is {}", visible(&directory)));
    let began = Instant::now();
    let mut vault = place.open()?;
    screen.debug(format!("opened in {:.1} ms", millis(began)));
    let began = Instant::now();
    let drained = match wait.wait {
        true => vault.drain_all(),
        false => vault.drain(READER_DRAIN_MAX),
    };
    let (waiting_count, drain_error) = match drained {
        Ok(report) => {
            let events = counted(report.events_new, "event", "events");
            screen.info(format!("took {events} in, in {:.1} ms", millis(began)));
            tell_drain(&report, vault.is_read_only(), screen);
            (report.waiting_count, None)
        }
        // What came in before the failure is not known; what still waits is.
        Err(error) => match vault.status() {
            Ok(status) => (status.waiting_count, Some(error)),
            Err(_) => return Err(error),
        },
    };
    Ok(Opened {
        vault,
        waiting_count,
        drain_error,
    })
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// The issue that is named; where its name is an event's id, that event's issue, and the event. Says so where the name is
/// one of an issue that became part of another.
pub fn find(
    vault: &Vault,
    reference: &IssueRef,
    screen: &Screen,
) -> Result<(Issue, Option<EventId>), Stop> {
    let (issue, event) = look_up(vault, reference)?;
    if event.is_none() && !reference.names(&issue) {
        screen.note(format!("{reference} was merged into #{}", issue.number));
    }
    Ok((issue, event))
}

/// As [`find`], for who says more of it.
pub fn look_up(vault: &Vault, reference: &IssueRef) -> Result<(Issue, Option<EventId>), Stop> {
    let error = match vault.issue(reference) {
        Ok(issue) => return Ok((issue, None)),
        Err(error) => error,
    };
    let IssueRef::Id(id) = reference else {
        return Err(error.into());
    };
    if error.kind() != ErrorKind::NotFound {
        return Err(error.into());
    }
    let id = EventId::from_bytes(*id.as_bytes());
    match vault.event(id) {
        Ok(stored) => Ok((vault.issue(&IssueRef::Id(stored.issue))?, Some(id))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut failure = Failure::from(&error);
            failure.message = format!("no issue and no event has the id {id}");
            Err(failure.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether opening failed because there is nothing.
pub fn is_missing(stop: &Stop) -> bool {
    matches!(stop, Stop::Failed(failure) if failure.kind == ErrorKind::NotFound.name())
}

fn tell_drain(report: &DrainReport, is_read_only: bool, screen: &Screen) {
    for fault in &report.faults {
        screen.note(visible(&fault.to_string()));
    }
    if report.torn_count > 0 {
        let places = counted(report.torn_count, "damaged place", "damaged places");
        screen.note(format!(
            "{places} in the journal passed over; everything around was kept"
        ));
    }
    let events = counted(report.waiting_count, "event waits", "events wait");
    match (report.waiting_count, is_read_only, report.is_elsewhere) {
        (0, true, _) => screen.note("the vault cannot be written; it is shown as it is"),
        (_, true, _) => screen.note(format!(
            "the vault cannot be written; {events} in its journal and cannot be shown"
        )),
        (0, ..) => {}
        (_, _, true) => {
            screen.note(format!("{events} still; another process is taking them in"));
        }
        _ => screen.note(format!("{events} still; --wait takes them all in first")),
    }
}

fn tell_v1(directory: &Path, screen: &Screen) {
    if Vault::has_v1_data(directory) {
        let place = directory.display().to_string();
        screen.note(format!(
            "{0} holds data of Crashvault 1 (issues.json, events/); `crashvault import {0}` takes it in, and it is left as it is",
            visible(&place)
        ));
    }
}

/// Why a file that was named could not be read.
pub fn unread(file: &Path, error: &io::Error) -> Failure {
    let path = match file.as_os_str() == "-" {
        true => "stdin".to_owned(),
        false => file.display().to_string(),
    };
    let message = format!("cannot read {}: {error}", visible(&path));
    let mut failure = Failure::new(message, "name a file that can be read, or - for stdin");
    if error.kind() == io::ErrorKind::NotFound {
        failure.kind = ErrorKind::NotFound.name();
        failure.code = NOT_FOUND;
    }
    failure
}
