//! `import`: what others wrote. What it is, its content tells.

mod minidump;
mod v1;

use std::path::Path;

use super::{Done, import_export};
use crate::args::{Import, Mode};
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
    if import_export::detect(&import.path)?.is_some() {
        refuse(&of_minidumps, "a minidump")?;
        refuse(&of_v1, "data of Crashvault 1")?;
        return import_export::run(directory, &import.path, screen);
    }
    match v1::is_ours(&import.path) {
        true => {
            refuse(&of_minidumps, "a minidump")?;
            v1::run(directory, import, screen)
        }
        false => {
            refuse(&of_v1, "data of Crashvault 1")?;
            minidump::run(directory, import, screen)
        }
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
