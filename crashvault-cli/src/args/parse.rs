//! The words of the command that reads failures out of texts.

use std::path::PathBuf;

use clap::Args as Group;

/// Read the failures out of any text: a log, a terminal's output, a crash report
#[derive(Debug, Group)]
#[command(after_help = "\
Finds what Python, JavaScript, Java and its kin, Go, Rust, Ruby, PHP, C#, C and C++ (debuggers,
sanitizers, tombstones), the Linux kernel, Apple's systems, Dart, Elixir, Lua and Perl print when
they fail, also between the lines of a log. No vault is opened and none is changed. The error that
was thrown comes first, then its causes, as in `show`.

A text without a failure is one of the language `other`, with its first lines as value. Files of any
length are read, some megabytes at a time.

JSON, one object for each failure, in the order of the text: language, exceptions (type, value,
frames: function, module, filename, lineno, colno, in_app, instruction_addr). Exceptions come oldest
cause first, frames outermost first; a key is null where the text does not tell. An exception that
was thrown beside the failure has is_suppressed; other threads are in threads (id, name, frames).

Examples:
  crashvault parse app.log
  journalctl -u shop | crashvault parse -
  crashvault parse app.log --json | jq '.exceptions[-1].type'")]
pub struct Parse {
    /// The text; `-` is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Show every call and long values whole
    #[arg(long)]
    pub all_frames: bool,
}
