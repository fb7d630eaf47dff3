//! The `crashvault` command: arguments in, one command run, an exit code out.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod output;
mod shop;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "out-of-process")]
    crashvault::receive_crash();
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    match args::parse(&words) {
        Ok(args) => commands::run(&args),
        Err(error) => output::failure::usage(&error, &words),
    }
}
