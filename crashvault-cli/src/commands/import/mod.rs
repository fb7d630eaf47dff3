//! `import`: what others wrote. What it is, its content tells.

mod minidump;
mod v1;

use std::fs::File;
use std::io;
use std::path::Path;

use crashvault::{ErrorKind, Vault};

use super::config::not_found;
use super::{Done, import_export};
use crate::args::{Import, Mode};
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop};

pub fn run(directory: &Path, import: &Import, screen: &mut Screen) -> Result<Done, Stop> {
    if import.mode == Some(Mode::Replace) {
        let hint = "import into a new vault instead: crashvault --vault DIR import PATH";
        return Err(Failure::usage("an import replaces nothing that is in the vault", hint).into());
    }
    let of_v1 = [
        ("--dry-run", import.dry_run),
        ("--password-file", import.password_file.is_some()),
        ("--project", import.project.is_some()),
    ];
    let of_minidumps = [("--symbols", !import.symbols.is_empty())];
    look(&import.path)?;
    if import_export::detect(&import.path)?.is_some() {
        refuse(&of_minidumps, "a minidump")?;
        refuse(&of_v1, "data of Crashvault 1")?;
        return import_export::run(directory, &import.path, screen);
    }
    if v1::is_ours(&import.path) {
        refuse(&of_minidumps, "a minidump")?;
        return v1::run(directory, import, screen);
    }
    if is_minidump(import) {
        refuse(&of_v1, "data of Crashvault 1")?;
        return minidump::run(directory, import, screen);
    }
    Err(unknown(&import.path).into())
}

/// Whether there is anything that can be read.
fn look(path: &Path) -> Result<(), Failure> {
    let looked = match path.is_dir() {
        true => path.read_dir().map(drop),
        false => File::open(path).map(drop),
    };
    looked.map_err(|error| {
        let name = path.display().to_string();
        let name = visible(&name);
        match error.kind() {
            io::ErrorKind::NotFound => {
                not_found(format!("there is nothing at {name}"), "name it by its path")
            }
            _ => Failure::new(format!("cannot read {name}: {error}"), "see the reason"),
        }
    })
}

/// Also what is said to be one: then it is told what is wrong with it.
fn is_minidump(import: &Import) -> bool {
    let ending = import.path.extension().and_then(|ending| ending.to_str());
    let is_named_so = ending.is_some_and(|ending| ["dmp", "mdmp"].contains(&ending));
    let is_said = is_named_so || !import.symbols.is_empty();
    (is_said && !import.path.is_dir()) || Vault::is_minidump(&import.path)
}

fn unknown(path: &Path) -> Failure {
    let name = path.display().to_string();
    let what = match path.is_dir() {
        true => "is the directory of no vault, of this version or the first",
        false => {
            "is no minidump, no export of Crashvault, and nothing that Crashvault 1 wrote, or is damaged from its first bytes on"
        }
    };
    let hint = "`crashvault import --help` tells what can be imported";
    Failure {
        kind: ErrorKind::InvalidInput.name(),
        ..Failure::usage(format!("{} {what}", visible(&name)), hint)
    }
}

/// Options of one thing say nothing about another.
fn refuse(options: &[(&str, bool)], of: &str) -> Result<(), Failure> {
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => {
            let message = format!("{name} goes with {of}, which this is not");
            Err(Failure::usage(
                message,
                "`crashvault import --help` tells what goes with what",
            ))
        }
        None => Ok(()),
    }
}
