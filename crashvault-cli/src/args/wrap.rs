//! The words of the command that runs another.

use std::ffi::OsString;

use clap::Args as Group;
use crashvault::Level;

use super::values::{exit_code, level, tag};

/// Run a command, and keep an event if it fails
#[derive(Debug, Group)]
#[command(after_help = "\
What the command reads and writes stays as it is: stdout and stdin are its own, stderr passes
through; lines of the two may mix in another order. Signals reach it. The exit code is its own; 128
+ N if signal N ended it, 127 if it was not found, 126 if it could not be started. If that is not 0,
an event is kept: the command and its environment without secrets, where and how long it ran, and
what it wrote to stderr (its first 16 KiB and its last 48). A command that Ctrl-C ended, by the signal
or with code 130, did what was wanted: nothing is kept, unless --exit-code 130 asks for it. Failures of one program with the same
code and the same error are one issue, whatever its arguments were. A vault that cannot be written
is a note on stderr and nothing more.

Examples:
  crashvault wrap make test
  crashvault wrap --tag nightly --level fatal -- pg_dump --file shop.sql shop
  crashvault wrap --exit-code 1 --exit-code 2 -- diff -q old new")]
pub struct Wrap {
    /// How bad a failure is: debug, info, warning, error or fatal
    #[arg(long, value_name = "LEVEL", default_value = "error", value_parser = level)]
    pub level: Level,
    /// A tag of the event: KEY=VALUE, or a word alone
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// Keep an event only of this exit code; may be given several times
    #[arg(long = "exit-code", value_name = "N", value_parser = exit_code)]
    pub exit_codes: Vec<u8>,
    /// Keep no event that would have this tag; may be given several times
    #[arg(long = "ignore-tag", value_name = "TAG", value_parser = tag)]
    pub ignored_tags: Vec<(String, String)>,
    /// The project the event belongs to [default: the program's name]
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<OsString>,
}
