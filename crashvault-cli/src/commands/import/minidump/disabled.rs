use std::path::Path;

use crate::args::Import;
use crate::commands::Done;
use crate::output::{Failure, Screen, Stop};

pub fn run(_: &Path, import: &Import, _: &mut Screen) -> Result<Done, Stop> {
    let message = format!(
        "this build of crashvault reads no minidumps, {} neither",
        import.path.display()
    );
    Err(Failure::new(message, "build it with --features minidump").into())
}
