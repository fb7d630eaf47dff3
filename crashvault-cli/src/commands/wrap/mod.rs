//! `wrap`: a command runs as if it ran alone; if it fails, that is an event.
//!
//! Never: makes the command wait for a vault, or changes how it ends because of one.

mod child;
mod passed;
#[cfg(target_os = "linux")]
mod pty;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as system;
#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
use other as system;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

use crashvault::event::FailedCommand;
use crashvault::{Event, EventId};

use super::Done;
use crate::args::{Global, Wrap};
use crate::output::{Failure, Screen, Stop, visible};
use child::Ended;

/// As shells have it.
const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;

pub fn run(global: &Global, wrap: &Wrap, screen: &mut Screen) -> Result<Done, Stop> {
    let first = wrap.command[0].to_string_lossy();
    if first.starts_with('-') {
        let message = format!("{} is no option of wrap, and no program", visible(&first));
        let hint = "`crashvault wrap --help` tells the options; a program of such a name is written ./NAME";
        return Err(Failure::usage(message, hint).into());
    }
    let began = Instant::now();
    let ended = child::run(&wrap.command).unwrap_or_else(|error| {
        let program = wrap.command[0].to_string_lossy();
        let is_found = error.kind() != ErrorKind::NotFound;
        let mut failure = Failure::new(format!("cannot run {program}: {error}"), "");
        failure.code = if is_found { NOT_STARTED } else { NOT_FOUND };
        // Whether anybody hears it changes nothing.
        let _ = screen.fail(&failure);
        Ended {
            status: failure.code,
            signal: None,
            is_interrupted: false,
            stderr: failure.message,
        }
    });
    let status = ended.status;
    if ended.is_interrupted && !wrap.exit_codes.contains(&status) {
        screen.info("Ctrl-C ended it; nothing was kept");
    } else if is_wanted(wrap, status) {
        let failed = failed(wrap, ended).duration(began.elapsed());
        match keep(global, wrap, failed.event()) {
            Ok(id) => screen.note(format!(
                "exit code {status} was kept; `crashvault show {id}` shows it"
            )),
            Err(why) => screen.note(format!(
                "exit code {status} could not be kept: {}",
                visible(&why)
            )),
        }
    }
    Ok(Done::Passed(status))
}

fn is_wanted(wrap: &Wrap, status: u8) -> bool {
    let is_ignored = |tag| wrap.ignored_tags.contains(tag);
    status != 0
        && (wrap.exit_codes.is_empty() || wrap.exit_codes.contains(&status))
        && !all_tags(wrap).iter().any(is_ignored)
}

/// Version 1 gave each such event the word `wrap`.
fn all_tags(wrap: &Wrap) -> Vec<(String, String)> {
    let own = ("wrap".to_owned(), "true".to_owned());
    [own].into_iter().chain(wrap.tags.iter().cloned()).collect()
}

fn failed(wrap: &Wrap, ended: Ended) -> FailedCommand {
    let arguments = wrap.command.iter();
    let arguments = arguments.map(|word| word.to_string_lossy().into_owned());
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let mut failed = FailedCommand::new(arguments, ended.status.into())
        .environment(variables)
        .stderr(&ended.stderr);
    if let Ok(directory) = std::env::current_dir() {
        failed = failed.directory(directory.to_string_lossy());
    }
    match ended.signal {
        Some(signal) => failed.signal(signal),
        None => failed,
    }
}

/// Into the journal: whoever reads next takes it in. No lock of the vault is waited for.
fn keep(global: &Global, wrap: &Wrap, mut event: Event) -> Result<EventId, String> {
    event.level = wrap.level;
    event.tags.extend(all_tags(wrap));
    let place = super::place(global).map_err(|failure| failure.message)?;
    let project = wrap.project.clone().unwrap_or_else(|| {
        let program = Path::new(&wrap.command[0]).file_name();
        program.map_or("default".into(), |name| name.to_string_lossy().into_owned())
    });
    event.set_own("project", project.as_str());
    let installed = crashvault::options()
        .vault(place.directory)
        .project(project)
        .drain(false)
        .black_box(false)
        .native(false)
        .panic_hook(false)
        .stacks(false)
        .install();
    let id = crashvault::capture_event(event);
    crashvault::close();
    if !id.is_nil() {
        return Ok(id);
    }
    let failure = crashvault::health().last_failure;
    let note = installed.note().map(str::to_owned);
    Err(failure.or(note).unwrap_or_else(|| "no place for it".into()))
}
