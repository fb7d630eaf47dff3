//! The words of the commands that bring in what others wrote: crashes, and the symbols of programs.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};

/// Take a crash in that was written as a minidump
#[derive(Debug, Group)]
#[command(after_help = "\
Reads what handlers of Breakpad, Crashpad and Windows write. The stacks of all threads become one
event; the same file twice is still one. Functions and lines come from Breakpad .sym files and from
ELF programs and debug files of the very build, wherever they lie below --symbols, from what
`symbols add` gave the vault, and from this machine. Nothing is fetched. An event keeps the names it
came with: have the symbols ready first. A vault is made where there is none.

JSON: event_id, issue_number, is_new_issue, is_known

Examples:
  crashvault import crash.dmp
  crashvault import crash.dmp --symbols build/symbols")]
pub struct Import {
    /// The minidump
    pub file: PathBuf,
    /// A directory with symbols, or a file; may be given several times
    #[arg(long, value_name = "DIR")]
    pub symbols: Vec<PathBuf>,
}

/// Keep symbols in the vault, for programs that are shipped without
#[derive(Debug, Group)]
pub struct Symbols {
    #[command(subcommand)]
    pub command: SymbolsCommand,
}

#[derive(Debug, Subcommand)]
pub enum SymbolsCommand {
    Add(SymbolsAdd),
}

/// Copy programs, libraries, their debug files or Breakpad .sym files into the vault
#[derive(Debug, Group)]
#[command(after_help = "\
A file is known by the build id within it, whatever its name. It serves events that come in from
then on: of stripped programs, and minidumps. It stays until somebody removes it from the vault's
symbols/, which holds 2 GB. A vault is made where there is none.

In a pipe a line for each, with tabs between: file, kind (binary, debug or breakpad), id, bytes.

JSON: added (file, kind, id, path, bytes, is_known)

Examples:
  crashvault symbols add target/release/shop
  crashvault symbols add shop.debug libpay.so.debug")]
pub struct SymbolsAdd {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}
