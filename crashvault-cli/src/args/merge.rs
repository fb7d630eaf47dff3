//! The words of the commands about what belongs together.

use clap::Args as Group;
use crashvault::{EventId, IssueRef};

use super::values::{event_id, issue};

/// Make issues part of another one
#[derive(Debug, Group)]
#[command(after_help = "\
All of their events move there, later ones too, and their numbers lead there. The first one keeps
its number and what was decided about it. `undo` takes back one merge after the other, `unmerge`
takes a variant out again. Issues of two projects, and notes, stay apart.

JSON: decided (issue, as in `list`; activities, as in `show`), merged (number, id; all that are
part of it)

Examples:
  crashvault merge 7 9
  crashvault merge 7 8 9 12")]
pub struct Merge {
    /// The issue that they become part of
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub into: IssueRef,
    /// The issues that become part of it
    #[arg(value_name = "OTHER", required = true, value_parser = issue)]
    pub others: Vec<IssueRef>,
}

/// Take a variant out of an issue
#[derive(Debug, Group)]
#[command(after_help = "\
Its events leave, later ones too: for the issue that was merged, if it was all of that, else for a
new one. The two are never found to be alike again; `merge` puts them together. `show` has the
variants of an issue.

JSON: decided (issue, as in `list`; activities, as in `show`), to (the issue it belongs to now)

Example:
  crashvault unmerge 7 3f9a2c1b")]
pub struct Unmerge {
    /// The issue
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
    /// The variant, or the first of its hex digits, at least 4
    #[arg(value_name = "VARIANT")]
    pub variant: String,
}

/// Put one event into another issue
#[derive(Debug, Group)]
#[command(after_help = "\
Other events of its variant stay where they are; `undo` of that issue takes it back.

JSON: decided; issue (as in `list`), activities (as in `show`)

Example:
  crashvault move 019b8f6e4c2a7d3e8f1029384756abcd 7")]
pub struct Move {
    /// The event's id
    #[arg(value_name = "EVENT", value_parser = event_id)]
    pub event: EventId,
    /// The issue it is to belong to
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
}

/// List issues that are like one
#[derive(Debug, Group)]
#[command(after_help = "\
The most alike first, with how alike a variant of each is, from 0 to 1. Those that people took
apart are left out.

JSON: related; of each: issue (as in `list`), score, variant (its variant), is_like (the variant of
the one that was named)

Example:
  crashvault related 7")]
pub struct Related {
    /// The issue's number (7 or #7), its id or the start of it, or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
}

/// Group all events anew by today's rules and algorithm, and tell what would change
#[derive(Debug, Group)]
#[command(after_help = "\
Without --apply nothing is changed. With it, what is told is done, by the author `regroup`: numbers
stay, those of merged issues lead on, and `undo` takes each step back. What people merged stays
together, what they took apart stays apart, and events that they moved stay where they are.

Lines in a pipe: merge, issue, into, score, variants, events, title; split, issue, to or new, -,
variants, events, title; variant (nobody knew it), key, issue or new, -, -, events, rule

JSON: is_applied, event_count, variant_count, merges (issue, into, score, variant_count), splits
(issue, to (null: a new one), variants, rules, event_count), variants (variant, issue (null: a new
one), rule, event_count); issues as in `list`

Examples:
  crashvault regroup
  crashvault regroup --apply")]
pub struct Regroup {
    /// Only tell, as without an option
    #[arg(long, conflicts_with = "apply")]
    pub dry_run: bool,
    /// Do what is told
    #[arg(long)]
    pub apply: bool,
}
