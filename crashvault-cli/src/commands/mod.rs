//! Enters: a command line that was understood. Leaves: an exit code, after the command has answered.
//!
//! Never: holds a rule of its own about events or issues; those are the engine's.

mod add;
mod demo;
mod doctor;
mod list;
mod reading;
mod show;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use crashvault::Vault;

use crate::args::{Args, Command, Global};
use crate::output::failure::FAILED;
use crate::output::{Failure, Paint, Screen, Stop};

/// How a command ended that was not stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Well,
    /// It answered, and the answer is that something is wrong.
    Badly,
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let mut screen = Screen::new(&args.global);
    let done = command(args, &mut screen).and_then(|done| Ok(screen.flush().map(|()| done)?));
    match done {
        Ok(Done::Well) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Ok(Done::Badly) => ExitCode::from(FAILED),
        Err(Stop::Failed(failure)) => {
            // What was answered before comes first.
            let _ = screen.flush();
            failure.tell(
                args.global.json,
                Paint::of(&std::io::stderr(), args.global.color),
            )
        }
    }
}

fn command(args: &Args, screen: &mut Screen) -> Result<Done, Stop> {
    let global = &args.global;
    match &args.command {
        Command::Demo(_) => demo::run(global, screen),
        Command::DemoChild(child) => Ok(crate::shop::run(child.kind, global.vault.as_deref())),
        Command::Add(add) => add::run(&directory(global)?, add, screen),
        Command::List(list) => list::run(&directory(global)?, list, screen),
        Command::Show(show) => show::run(&directory(global)?, show, screen),
        Command::Status(reading) => status::run(&directory(global)?, reading.wait, screen),
        Command::Doctor(reading) => doctor::run(&directory(global)?, reading.wait, screen),
    }
}

/// The vault that is meant.
fn directory(global: &Global) -> Result<PathBuf, Failure> {
    let asked = global.vault.clone();
    asked.or_else(Vault::default_directory).ok_or_else(|| {
        let message = "neither $CRASHVAULT_HOME nor a home directory is set";
        Failure::new(message, "name the vault with --vault DIR")
    })
}
