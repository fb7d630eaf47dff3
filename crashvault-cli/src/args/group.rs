//! The words of the commands about grouping.

use std::path::PathBuf;

use clap::Args as Group;

/// Group stack traces of a file, without any vault
#[derive(Debug, Group)]
#[command(after_help = "\
Each line of the file is one trace as JSON: id, platform, type, message, frames (function, module,
file, line, in_app; innermost first), chain (the exceptions from the thrown one down to its root
cause). They are grouped in the given order, each with what came before it, as a vault groups
events.

JSON, in any case, one line for each trace: id, predicted (the number of its group, from 1)

Examples:
  crashvault group traces.jsonl
  crashvault group - < traces.jsonl | jq -s 'group_by(.predicted) | length'")]
pub struct GroupTraces {
    /// The file; `-` for stdin
    pub file: PathBuf,
}
