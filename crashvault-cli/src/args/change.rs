//! The words of the commands that set one thing of an issue, change many issues, or remove them for good.

use clap::{ArgGroup, Args as Group};
use crashvault::{IssueRef, Status};

use super::decide::Issues;
use super::values::{issue, label, status};

/// Give an issue a status: open, resolved or ignored
#[derive(Debug, Group)]
#[command(after_help = "\
As `reopen`, `resolve` and `ignore` without options.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Example:
  crashvault set-status 7 resolved")]
pub struct SetStatus {
    /// The issue's number (7 or #7), its id or the start of it, or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
    /// Open, resolved or ignored
    #[arg(value_name = "STATUS", value_parser = status)]
    pub status: Status,
}

/// Say how bad an issue is
#[derive(Debug, Group)]
#[command(after_help = "\
The severities are low, medium, high and critical, or those that issues.severities in vault.toml
ranks. The level, in contrast, is what the program said.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Examples:
  crashvault set-severity 7 high
  crashvault set-severity 7 --clear")]
pub struct SetSeverity {
    /// The issue's number (7 or #7), its id or the start of it, or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
    /// One of the severities there are
    #[arg(
        value_name = "SEVERITY",
        required_unless_present = "clear",
        conflicts_with = "clear"
    )]
    pub severity: Option<String>,
    /// Take its severity away
    #[arg(long)]
    pub clear: bool,
}

/// Give an issue a title of its own
#[derive(Debug, Group)]
#[command(after_help = "\
Without one it is called by its newest event. What is longer than 200 characters is cut.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Examples:
  crashvault set-title 7 'Checkout fails for empty carts'
  crashvault set-title 7 --clear")]
pub struct SetTitle {
    /// The issue's number (7 or #7), its id or the start of it, or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
    /// One line
    #[arg(
        value_name = "TITLE",
        required_unless_present = "clear",
        conflicts_with = "clear",
        allow_hyphen_values = true
    )]
    pub title: Option<String>,
    /// Call it by its newest event again
    #[arg(long)]
    pub clear: bool,
}

/// Change many issues at once
#[derive(Debug, Group)]
#[command(
    group(ArgGroup::new("which").args(["issues", "query"]).required(true)),
    group(ArgGroup::new("to").args(["resolve", "reopen", "ignore", "status"])),
    group(ArgGroup::new("what").args(["resolve", "reopen", "ignore", "status", "severity", "tags", "untags"])
        .required(true).multiple(true)),
    override_usage = "crashvault batch [OPTIONS] <ISSUE>...\n       crashvault batch [OPTIONS] --query <QUERY>",
    after_help = "\
The issues are named, or found by a query (`crashvault search --help` tells what it can say); then
it is asked, with their number, whether to go ahead. All that is changed about an issue is changed
together or not at all; one that fails keeps the others from nothing. `undo` takes it back, one
decision at a time.

JSON: decided; of each issue: issue (as in `list`), activities (as in `show`)

Examples:
  crashvault batch 7 8 9 --resolve
  crashvault batch 7 8 --severity high --tag team=payments
  crashvault batch --query 'is:unresolved lastSeen:+90d' --ignore --yes"
)]
pub struct Batch {
    /// Numbers (7 or #7), ids or the starts of ids; an event's id stands for its issue
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issues: Vec<IssueRef>,
    /// All issues that fit this query instead
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,
    /// They are fixed
    #[arg(long)]
    pub resolve: bool,
    /// They are open again
    #[arg(long)]
    pub reopen: bool,
    /// They are not to be heard of
    #[arg(long)]
    pub ignore: bool,
    /// Give them this status: open, resolved or ignored
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Option<Status>,
    /// Say how bad they are
    #[arg(long, value_name = "SEVERITY")]
    pub severity: Option<String>,
    /// Set a tag of theirs: KEY=VALUE, or a word alone; `labels[KEY]:VALUE` finds it
    #[arg(long = "tag", value_name = "TAG", value_parser = super::values::tag)]
    pub tags: Vec<(String, String)>,
    /// Remove a tag of theirs
    #[arg(long = "untag", value_name = "KEY", value_parser = label)]
    pub untags: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

impl Batch {
    /// The status that they are to have.
    pub fn to(&self) -> Option<Status> {
        let flags = [
            (self.resolve, Status::Resolved),
            (self.reopen, Status::Open),
            (self.ignore, Status::Ignored),
        ];
        let flag = flags.into_iter().find_map(|(on, to)| on.then_some(to));
        flag.or(self.status)
    }
}

/// Remove issues and their events for good
#[derive(Debug, Group)]
#[command(after_help = "\
Asks first. What was removed does not come back, neither by `undo` nor from an archive or another
vault; a new event of the same kind makes the issue anew, with its old number. `gc` removes the
contents of attachments that only these events had.

JSON: purged (id, number, title, event_count)

Examples:
  crashvault purge 7
  crashvault purge 7 8 --yes")]
pub struct Purge {
    #[command(flatten)]
    pub of: Issues,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Remove all issues and events from the vault for good
#[derive(Debug, Group)]
#[command(after_help = "\
Asks first, and takes in what waits in the journal so that it goes too. What stays: settings
(vault.toml), symbols, archives with what is in them, and the numbers that were given. Running
programs go on writing.

JSON: issues_removed, events_removed, bytes_freed

Examples:
  crashvault kill
  crashvault --vault ./crashes kill --yes")]
pub struct Kill {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}
