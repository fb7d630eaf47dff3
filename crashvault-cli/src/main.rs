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
    if commands::answer_completion() {
        return ExitCode::SUCCESS;
    }
    match args::parse(&words) {
        Ok(args) if commands::is_unknown(&args) => {
            match (commands::not_here(&args), args::unknown_command(&words)) {
                (Some(failure), _) => output::failure::refuse(&failure, &words),
                (None, Some(error)) => output::failure::usage(&error, &words),
                (None, None) => commands::run(&args),
            }
        }
        Ok(args) => commands::run(&args),
        Err(error) => output::failure::usage(&error, &words),
    }
}
