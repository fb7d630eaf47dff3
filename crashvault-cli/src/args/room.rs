//! The words of the commands that make room, and of those that bring back what they moved.

use std::path::PathBuf;

use clap::Args as Group;
use crashvault::{Level, Status, Timestamp};

use super::values::{count, days, level, past, size, status};

/// Let old events leave; their issues go on counting them
#[derive(Debug, Group)]
#[command(after_help = "\
Each issue keeps its newest event, and the file shrinks. Events that left do not come back. Without
an option it does what [retention] in vault.toml says, as taking in events does once a day by itself.

JSON: events_removed, attachments_removed, bytes_freed (an estimate with --dry-run), is_dry_run

Examples:
  crashvault prune --older-than 90d --dry-run
  crashvault prune --older-than 30d --level debug
  crashvault prune --keep-events 100000
  crashvault prune --keep-bytes 2GB")]
pub struct Prune {
    /// Events that happened longer ago (90d; s, m, h, d, w), or before this date or time
    #[arg(long, value_name = "TIME", value_parser = past)]
    pub older_than: Option<Timestamp>,
    /// Events that happened more than so many days ago
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "older_than")]
    pub days: Option<u32>,
    /// The oldest, until no more than so many are there
    #[arg(long, value_name = "N", value_parser = count)]
    pub keep_events: Option<u64>,
    /// The oldest, until they take no more than so many bytes (500MB, 2GB)
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub keep_bytes: Option<u64>,
    /// Only events of this level
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub level: Option<Level>,
    /// Only events of issues of this status: open, resolved or ignored
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Option<Status>,
    /// Only tell what would leave
    #[arg(long)]
    pub dry_run: bool,
}

/// Remove what nothing needs any more: files, texts and stacks of events that left
#[derive(Debug, Group)]
#[command(after_help = "\
Files younger than an hour stay, for somebody may be writing them.

JSON: attachments_removed, texts_removed, stacks_removed, dictionaries_removed,
temporaries_removed, bytes_freed, archives_unreadable

Example:
  crashvault gc")]
pub struct Gc {}

/// Move old resolved issues out of the vault's file into a compressed one
#[derive(Debug, Group)]
#[command(after_help = "\
Prints the file, with how much went there. Archived issues are found by `search --archived` and come
back with `restore`. A new event of one brings it back by itself: as a regression, with its number
and decisions.

In a pipe one line, with tabs between: file, issues, events, bytes. With --list a line for each
archive, oldest first, and two columns more: when it was made, and what is wrong with it.

JSON: path (null if there was nothing to archive), issue_count, event_count, bytes; with --list:
vault, archives (path, issue_count, event_count, bytes, created_at, vault_id, fault)

Examples:
  crashvault archive
  crashvault archive --older-than 30d --ignored
  crashvault archive --list")]
pub struct Archive {
    /// Issues last seen longer ago than that, in days (90d) or weeks (12w) [default: 90d]
    #[arg(long, value_name = "SPAN", value_parser = days)]
    pub older_than: Option<u32>,
    /// Ignored issues as well
    #[arg(long)]
    pub ignored: bool,
    /// Only list the archives that there are
    #[arg(long, conflicts_with_all = ["older_than", "ignored"])]
    pub list: bool,
}

/// Bring archived issues back into the vault
#[derive(Debug, Group)]
#[command(after_help = "\
All that is in the archive comes back as it was: numbers, events, decisions. Twice is as good as
once. An archive that is not whole brings nothing back.

JSON: issue_count, event_count, known_count (events that were there already, or were removed for
good since), is_removed

Examples:
  crashvault archive --list
  crashvault restore 2026-03-01-836d5dc8386c46d6a6cbca36eeabce7f.cva
  crashvault restore /mnt/backup/old.cva --remove")]
pub struct Restore {
    /// The archive: a path, or the name alone of one of this vault
    pub file: PathBuf,
    /// Remove the file when all of it is back
    #[arg(long)]
    pub remove: bool,
}
