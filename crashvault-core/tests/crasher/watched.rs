//! Who watches the program: Crashvault. What it is compared with has a file of the same shape.

use std::error::Error;
use std::process::Command;

pub use crashvault::close;

/// Holds whatever has to be held while the program runs.
pub fn install(vault: &str, kind: &str) -> crashvault::Installed {
    let installed = crashvault::options()
        .vault(vault)
        .drain(false)
        .throttle(false)
        .install();
    crashvault::configure_global_scope(|scope| scope.set_tag("kind", kind));
    crashvault::set_tag("thread", "main");
    installed
}

pub fn breadcrumb(message: &str) {
    crashvault::breadcrumb("crasher", message);
}

pub fn capture_error(error: &dyn Error) {
    crashvault::capture_error(error);
}

/// The id under which it was acknowledged.
pub fn capture_message(message: &str) -> String {
    crashvault::capture_message(message, crashvault::Level::Error).to_string()
}

/// This program, to be started once more with a place and a kind.
pub fn again() -> Command {
    Command::new(std::env::current_exe().expect("it is running"))
}
