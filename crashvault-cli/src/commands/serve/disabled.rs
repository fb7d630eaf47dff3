use crate::args::Serve;
use crate::commands::Done;
use crate::commands::reading::Place;
use crate::output::{Failure, Screen, Stop};

pub fn run(_: &Place, _: &Serve, _: &mut Screen) -> Result<Done, Stop> {
    let message = "this build of crashvault listens to nobody";
    Err(Failure::new(message, "build it with --features serve").into())
}
