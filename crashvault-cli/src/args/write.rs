//! The words of the commands by which people write into the vault: notes, reports, files.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};
use crashvault::{EventId, IssueRef};

use super::values::{event_id, issue, tag};

/// Keep a note in the vault
#[derive(Debug, Group)]
#[command(after_help = "\
A note is an event of level info and of its own kind, and an issue of its own: it never becomes one
with a crash of the same words, and neither `gc` nor `prune` removes it. `search kind:note` finds
notes, `search '!kind:note'` all else. A vault is made where there is none.

JSON: event_id, issue_number, is_new_issue, is_known, is_regression

Examples:
  crashvault note 'deployed shop 2.1' --tag release=shop@2.1
  git log -1 | crashvault note -")]
pub struct Note {
    /// What there is to say; `-` reads it from stdin
    #[arg(value_name = "MESSAGE", allow_hyphen_values = true)]
    pub message: String,
    /// A tag: KEY=VALUE, or a word alone
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// The project it belongs to
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub project: String,
}

/// Put a report by hand into the vault, of something that no program noticed
#[derive(Debug, Group)]
#[command(after_help = "\
As a note, with a title and a body: an event of its own kind, and an issue of its own, which can be
assigned, commented and resolved. `search kind:report` finds reports. A vault is made where there is
none.

This report is what a person says. `generate-report` is another thing: it counts what is in the vault
and keeps nothing. `share` tells one issue.

JSON: event_id, issue_number, is_new_issue, is_known, is_regression

Examples:
  crashvault report --title 'Invoices show the wrong currency' --body 'since Monday, customer 42'
  crashvault report --title 'Slow start' --body - --tag machine=till-3 < notes.txt")]
pub struct Report {
    /// What it is about, in one line
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub title: String,
    /// All there is to say; `-` reads it from stdin
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub body: String,
    /// A tag: KEY=VALUE, or a word alone
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// The project it belongs to
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub project: String,
}

/// Keep a file with an event
#[derive(Debug, Group)]
#[command(after_help = "\
Without --event and --issue a note is made that holds the file. The same content is kept once, and
the same file twice changes nothing. An event holds at most 50 files, each of at most 100 MB
(attachments.bytes_max). `show` tells an event's files, `attachment get` writes one out.

JSON: event, name, content_type, kind, size_bytes, hash, added_at, issue_number

Examples:
  crashvault attach app.log --issue 7
  crashvault attach core.dump --event 01980d5e9c4a7a23b1f0c2d4e6f80912
  journalctl -u shop | crashvault attach - --name journal.log --issue 7")]
pub struct Attach {
    /// The file; `-` is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Its name in the vault [default: that of the file]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The event that it belongs to
    #[arg(long, value_name = "ID", value_parser = event_id, conflicts_with = "issue")]
    pub event: Option<EventId>,
    /// The issue to whose newest event it belongs
    #[arg(long, value_name = "ISSUE", value_parser = issue)]
    pub issue: Option<IssueRef>,
}

/// List the files of an issue or an event, or write one out
#[derive(Debug, Group)]
pub struct Attachment {
    #[command(subcommand)]
    pub command: AttachmentCommand,
}

#[derive(Debug, Subcommand)]
pub enum AttachmentCommand {
    List(AttachmentList),
    Get(AttachmentGet),
}

/// List the files of an issue's newest 100 events, or of one event
#[derive(Debug, Group)]
#[command(after_help = "\
In a pipe one line per file, with tabs between: event id, name, bytes, content type, kind, when it
was added, hash.

JSON: attachments (event, name, content_type, kind, size_bytes, hash, added_at)

Examples:
  crashvault attachment list 7
  crashvault attachment list 01980d5e9c4a7a23b1f0c2d4e6f80912")]
pub struct AttachmentList {
    /// The issue's number (7 or #7), its id or the start of it; or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub of: IssueRef,
}

/// Write a file of an issue's newest 100 events, or of one event, to disk
#[derive(Debug, Group)]
#[command(after_help = "\
Of several files of that name the one of the newest event. Without --output it is written here under
its name. A file that is there already is left alone unless --force is given.

JSON, but not with `--output -`: event, name, content_type, kind, size_bytes, hash, added_at, path

Examples:
  crashvault attachment get 7 app.log
  crashvault attachment get 7 app.log --output - | less
  crashvault attachment get 7 app.log --output /tmp/app.log --force")]
pub struct AttachmentGet {
    /// The issue's number (7 or #7), its id or the start of it; or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub of: IssueRef,
    /// The file's name in the vault
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where to; `-` is stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
}
