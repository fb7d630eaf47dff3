//! Enters: a command line that was understood. Leaves: an exit code, after the command has answered.
//!
//! Never: holds a rule of its own about events or issues; those are the engine's.

mod add;
mod archive;
mod decide;
mod demo;
mod doctor;
mod gc;
mod import;
mod list;
mod prune;
mod reading;
mod rebuild;
mod rescue;
mod search;
mod searches;
mod show;
mod status;
mod symbols;

use std::process::ExitCode;

use crashvault::Vault;

use crate::args::{Args, Command, Global};
use crate::output::failure::FAILED;
use crate::output::{Failure, Paint, Screen, Stop};
use reading::Place;

/// How a command ended that was not stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Well,
    /// It answered, and the answer is that something is wrong.
    Badly,
    /// Some of what was asked for failed, with this exit code at worst; that was told.
    Partly(u8),
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let mut screen = Screen::new(&args.global);
    let done = command(args, &mut screen).and_then(|done| Ok(screen.flush().map(|()| done)?));
    match done {
        Ok(Done::Well) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Ok(Done::Badly) => ExitCode::from(FAILED),
        Ok(Done::Partly(code)) => ExitCode::from(code),
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
        Command::Add(add) => add::run(&place(global)?.directory, add, screen),
        Command::Import(import) => import::run(&place(global)?.directory, import, screen),
        Command::Symbols(symbols) => symbols::run(&place(global)?.directory, symbols, screen),
        Command::List(list) => list::run(&place(global)?, list, screen),
        Command::Show(show) => show::run(&place(global)?, show, screen),
        Command::Search(search) => search::run(&place(global)?, search, screen),
        Command::Searches(searches) => searches::run(&place(global)?, searches, screen),
        Command::Resolve(resolve) => decide::resolve(&place(global)?, resolve, screen),
        Command::Reopen(reopen) => decide::reopen(&place(global)?, reopen, screen),
        Command::Ignore(ignore) => decide::ignore(&place(global)?, ignore, screen),
        Command::Assign(assign) => decide::assign(&place(global)?, assign, screen),
        Command::Comment(comment) => decide::comment(&place(global)?, comment, screen),
        Command::Undo(undo) => decide::undo(&place(global)?, undo, screen),
        Command::Status(status) => status::run(&place(global)?, status, screen),
        Command::Doctor(doctor) => doctor::run(&place(global)?, doctor, screen),
        Command::Rebuild(rebuild) => rebuild::run(&place(global)?, rebuild, screen),
        Command::Prune(prune) => prune::run(&place(global)?, prune, screen),
        Command::Gc(_) => gc::run(&place(global)?, screen),
        Command::Archive(archive) => archive::run(&place(global)?, archive, screen),
        Command::Restore(restore) => archive::restore(&place(global)?, restore, screen),
    }
}

/// The vault that is meant.
fn place(global: &Global) -> Result<Place, Failure> {
    let asked = global.vault.clone().or_else(Vault::default_directory);
    let directory = asked.ok_or_else(|| {
        let message = "neither $CRASHVAULT_HOME nor a home directory is set";
        Failure::new(message, "name the vault with --vault DIR")
    })?;
    Ok(Place {
        directory,
        author: global.author.clone(),
    })
}
