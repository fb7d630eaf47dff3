//! Who watches a program of the crash matrix here: the peer, as its documentation sets it up. The shape is that of
//! `crashvault-core/tests/crasher/watched.rs`.

use std::error::Error;
use std::process::Command;

use sentry::{Breadcrumb, ClientInitGuard, ClientOptions, Hub, Level};

/// Holds whatever has to be held while the program runs.
pub fn install(dsn: &str, kind: &str) -> ClientInitGuard {
    let options = ClientOptions::new().attach_stacktrace(true);
    let guard = sentry::init((dsn.to_owned(), options));
    sentry::configure_scope(|scope| scope.set_tag("kind", kind));
    guard
}

pub fn close() {
    if let Some(client) = Hub::current().client() {
        client.close(None);
    }
}

pub fn breadcrumb(message: &str) {
    sentry::add_breadcrumb(Breadcrumb {
        message: Some(message.to_owned()),
        ..Breadcrumb::default()
    });
}

pub fn capture_error(error: &dyn Error) {
    sentry::capture_error(error);
}

/// The id under which it was taken in.
pub fn capture_message(message: &str) -> String {
    sentry::capture_message(message, Level::Error).to_string()
}

/// This program, to be started once more with a place and a kind.
pub fn again() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("it is running"));
    command.arg("--end");
    command
}
