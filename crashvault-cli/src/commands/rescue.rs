//! `doctor --rescue`: every event that can still be read of a damaged vault.

use std::error::Error as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crashvault::{Error, RescueReport, Vault};
use serde_json::json;

use super::Done;
use super::reading::Place;
use crate::output::failure::FAILED;
use crate::output::text::{counted, visible};
use crate::output::{Failure, Screen, Stop};

pub fn run(place: &Place, file: &Path, screen: &mut Screen) -> Result<Done, Stop> {
    let is_stdout = file == Path::new("-");
    let report = match is_stdout {
        true => Vault::rescue(&place.directory, screen.writer()).map_err(stopped)?,
        false => into_file(&place.directory, file)?,
    };
    screen.flush()?;
    if is_stdout {
        // The answer is the events alone.
        screen.note(told(&report));
    } else if screen.json {
        screen.value(&json!({
            "vault": place.directory.to_string_lossy(),
            "path": file.to_string_lossy(),
            "event_count": report.events,
            "incomplete_count": report.incomplete,
            "unreadable_count": report.unreadable,
        }))?;
    } else {
        let file = file.display().to_string();
        screen.line(format!("{}; written to {}", told(&report), visible(&file)))?;
    }
    if report.events == 0 {
        // Of a file that is no vault any more nobody can tell how many there were.
        screen.flush()?;
        screen.note("no event was found; `crashvault doctor` tells whether the vault is whole");
        return Ok(Done::Badly);
    }
    Ok(match report.incomplete + report.unreadable {
        0 => Done::Well,
        _ => Done::Badly,
    })
}

/// Into a new file, for its owner alone: nothing that is there is worth less than what is rescued.
fn into_file(directory: &Path, path: &Path) -> Result<RescueReport, Stop> {
    let shown = path.display();
    let failed = |error: io::Error| {
        let hint = "name a new file in a place that can be written";
        Failure::new(format!("cannot write {shown}: {error}"), hint)
    };
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut out = BufWriter::new(file.map_err(failed)?);
    let rescued = Vault::rescue(directory, &mut out);
    let written = out.flush().and_then(|()| out.get_ref().sync_all());
    if rescued.is_err() {
        remove_empty(out.get_ref(), path);
    }
    let report = rescued.map_err(stopped)?;
    written.map_err(failed)?;
    Ok(report)
}

fn remove_empty(file: &File, path: &Path) {
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        let _ = fs::remove_file(path);
    }
}

/// A vault that is not there is a failure here, as for all that the doctor does.
fn stopped(error: Error) -> Stop {
    let source = error.source().and_then(|source| source.downcast_ref());
    if source.is_some_and(|source: &io::Error| source.kind() == io::ErrorKind::BrokenPipe) {
        return Stop::Closed;
    }
    let mut failure = Failure::from(&error);
    failure.code = FAILED;
    failure.into()
}

fn told(report: &RescueReport) -> String {
    let events = counted(report.events, "event", "events");
    let incomplete = match report.incomplete {
        0 => String::new(),
        count => format!(
            " ({} without all stacks)",
            counted(count, "of them", "of them")
        ),
    };
    let unreadable = counted(report.unreadable, "event is", "events are");
    format!("{events} rescued{incomplete}, {unreadable} unreadable")
}
