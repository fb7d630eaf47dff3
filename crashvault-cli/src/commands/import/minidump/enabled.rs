use std::path::Path;

use crashvault::Vault;

use crate::args::Import;
use crate::commands::Done;
use crate::commands::add::tell_added;
use crate::output::{Failure, Screen, Stop};

pub fn run(directory: &Path, import: &Import, screen: &mut Screen) -> Result<Done, Stop> {
    if let Some(missing) = import.symbols.iter().find(|path| !path.exists()) {
        let message = format!("there is nothing at {}", missing.display());
        return Err(Failure::new(message, "--symbols takes a directory or a file").into());
    }
    let added = Vault::open(directory)?.import_minidump(&import.path, &import.symbols)?;
    tell_added(&added, screen)?;
    Ok(Done::Well)
}
