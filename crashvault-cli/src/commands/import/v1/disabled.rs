use std::path::Path;

use crashvault::Vault;

use crate::args::Import;
use crate::commands::Done;
use crate::output::{Failure, Screen, Stop};

/// A directory of it at least; exports take more to be known.
pub fn is_ours(path: &Path) -> bool {
    Vault::has_v1_data(path)
}

pub fn run(_: &Path, import: &Import, _: &mut Screen) -> Result<Done, Stop> {
    let message = format!(
        "this build of crashvault reads no data of Crashvault 1, {} neither",
        import.path.display()
    );
    Err(Failure::new(message, "build it with --features v1").into())
}
