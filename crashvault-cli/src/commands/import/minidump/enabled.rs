use std::path::Path;

use crashvault::{Added, Vault};

use crate::args::Import;
use crate::commands::add::tell_added;
use crate::commands::{Done, reading};
use crate::output::{Failure, Screen, Stop};

pub fn run(directory: &Path, import: &Import, screen: &mut Screen) -> Result<Done, Stop> {
    if let Some(missing) = import.symbols.iter().find(|path| !path.exists()) {
        let message = format!("there is nothing at {}", missing.display());
        return Err(Failure::new(message, "--symbols takes a directory or a file").into());
    }
    let added = screen.during("reading the minidump", || take_in(directory, import))?;
    tell_added(&added, screen)?;
    Ok(Done::Well)
}

fn take_in(directory: &Path, import: &Import) -> crashvault::Result<Added> {
    if !reading::is_there(directory) {
        Vault::check_minidump(&import.path)?;
    }
    Vault::open(directory)?.import_minidump(&import.path, &import.symbols)
}
