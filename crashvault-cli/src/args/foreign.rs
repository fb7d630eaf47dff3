//! The words of the commands that bring in what others wrote: crashes, and the symbols of programs.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};

/// Take in a minidump, what `export` wrote, or what Crashvault 1 left
#[derive(Debug, Group)]
#[command(after_help = "\
What PATH is, its content tells.

A minidump, as handlers of Breakpad, Crashpad and Windows write it: the stacks of all threads become
one event; the same file twice is still one. Functions and lines come from Breakpad .sym files and
from ELF programs and debug files of the very build, wherever they lie below --symbols, from what
`symbols add` gave the vault, and from this machine. Nothing is fetched. An event keeps the names it
came with: have the symbols ready first.

The directory of Crashvault 1 (issues.json, events/), which may be the vault's own, or the JSON that
its `export` wrote: ids, times and what was decided stay, numbers where they are free. Its files are
only read. Doing it again adds what is new there and overrules nothing. The password of an encrypted
issues.json comes from --password-file, else $CRASHVAULT_V1_PASSWORD, else it is asked for on a
terminal. Exit code 1 if something could not be read; the rest came in.

Of `export`: NDJSON and JSON, compressed or not, and copies of the database; also the directory of
another vault. What is here stays as it is, and twice is as good as once. Issues keep their numbers
where those are free. A file that is not whole brings nothing in.

A vault is made where there is none.

JSON of a minidump: event_id, issue_number, is_new_issue, is_known; of an export: issue_count,
event_count, known_count (events that were there already, or were removed for good before),
attachment_count, attachment_missing_count; of Crashvault 1: vault,
is_dry_run, issue_count, issues_new, event_count, note_count, events_new (of both), synthetic_count,
decision_count, attachment_count, attachments_new, renumbered (v1, number), skipped (path, reason),
changed (path, reason)

Examples:
  crashvault import crash.dmp
  crashvault import crash.dmp --symbols build/symbols
  crashvault import vault.ndjson.zst
  crashvault import ~/.crashvault --dry-run
  crashvault import v1-export.json --project shop")]
pub struct Import {
    /// The minidump, the directory or the export
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// A directory with symbols, or a file; may be given several times
    #[arg(long, value_name = "DIR")]
    pub symbols: Vec<PathBuf>,
    /// Only tell what of Crashvault 1 would come in
    #[arg(long)]
    pub dry_run: bool,
    /// The file that holds the password of Crashvault 1's data
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The project that Crashvault 1's data comes into [default: default]
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// As Crashvault 1 had it: merge; replace is refused [default: merge]
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub mode: Option<Mode>,
}

/// What becomes of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Merge,
    Replace,
}

fn mode(text: &str) -> Result<Mode, String> {
    match text.to_ascii_lowercase().as_str() {
        "merge" => Ok(Mode::Merge),
        "replace" => Ok(Mode::Replace),
        _ => Err("expected merge".into()),
    }
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
