//! The words of the commands that look into source files.

use std::path::PathBuf;

use clap::Args as Group;
use crashvault::IssueRef;

use super::Wait;
use super::values::{issue, limit};

/// Which event is meant, and where its source files are.
#[derive(Debug, Group)]
pub struct Sources {
    /// The issue's number (7 or #7), its id or the start of it, or the id of an event
    #[arg(value_name = "ISSUE|EVENT", value_parser = issue)]
    pub issue: IssueRef,
    /// A directory that source files are looked for below, before the working directory; may be
    /// given several times
    #[arg(long = "source", value_name = "DIR")]
    pub directories: Vec<PathBuf>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Show the source lines around each call of an event
#[derive(Debug, Group)]
#[command(after_help = "\
Of an issue its newest event is taken. Each call whose file is here is shown with five lines on
both sides and `>` before its own: the program's own calls first, the innermost call first, then
those of libraries. A file is looked for at its whole path, then below each --source, then below
the working directory, also without the first directories of its name. Places in a stack that was
given as text count too (`File \"cart.py\", line 12`, `src/cart.rs:12:5`). On a terminal each file
is a link.

JSON: event_id, issue_number, frames (frame, function, file, path, line, column, in_app,
is_changed, lines (number, text, is_marked)), missing (file, line)

Examples:
  crashvault diagnose 7
  crashvault diagnose 7 --source ~/src/shop --limit 3
  crashvault diagnose 01980d5e9c4a7a23b1f0c2d4e6f80912 --json | jq '.frames[0].path'")]
pub struct Diagnose {
    #[command(flatten)]
    pub of: Sources,
    /// At most so many calls
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = limit)]
    pub limit: u32,
}

/// Open the source line of an issue in an editor
#[derive(Debug, Group)]
#[command(after_help = "\
Starts $VISUAL, else $EDITOR, else vi, at the line of the frame; words behind the editor's name are
passed on. Known ways to say the line: those of vi, vim, nvim, emacs, nano, micro, kak, code (and
its kin), hx, subl, zed, idea (and its kin), kate, mate; other editors get the file alone.

JSON: frame, function, file, path, line, column, in_app, is_changed

Examples:
  crashvault open 7
  crashvault open 7 --frame 2
  EDITOR='code --wait' crashvault open 7
  crashvault open 7 --print")]
pub struct Open {
    #[command(flatten)]
    pub of: Sources,
    /// Which of the calls that `diagnose` shows
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = limit)]
    pub frame: u32,
    /// Print PATH:LINE and start nothing; --json prints too
    #[arg(long)]
    pub print: bool,
}
