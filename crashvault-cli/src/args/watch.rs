//! The words of the commands that look at events as they come, and at all of them together.

use std::time::Duration;

use clap::Args as Group;
use crashvault::{Cursor, IssueRef, Level};

use super::Wait;
use super::values::{cursor, issue, level, limit, seconds, tag};

/// List events, newest first
#[derive(Debug, Group)]
#[command(after_help = "\
In a pipe one line per event, with tabs between: time, level, issue, title, event id.

JSON: vault, waiting_count, events (id, issue, issue_number, time, received_at, level, title, event),
next (for --after; null on the last page)

Examples:
  crashvault events
  crashvault events --issue 7 --limit 10
  crashvault events --query 'level:error release:shop@2.*'
  crashvault events --json | jq -r '.events[].id'")]
pub struct Events {
    /// Only of this issue: its number (7 or #7), its id or the start of it, or the id of an event
    #[arg(long, value_name = "ISSUE", value_parser = issue)]
    pub issue: Option<IssueRef>,
    /// Only those that fit; `crashvault search --help` tells what a query can say
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit)]
    pub limit: u32,
    /// Pass over so many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: u32,
    /// Go on behind the page that told this cursor; it finds its place faster than --offset
    #[arg(long, value_name = "CURSOR", value_parser = cursor, conflicts_with = "offset")]
    pub after: Option<Cursor>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Show the last events, and new ones as they come in, until Ctrl-C
#[derive(Debug, Group)]
#[command(after_help = "\
Takes in what programs capture, and shows each event once, in the order they come in. Ctrl-C ends it
with exit code 0.

In a pipe one line per event as `events` writes it. With --json one object per line: id, issue,
issue_number, time, received_at, level, title, event; --json=FIELDS has these of each alone.

Examples:
  crashvault tail
  crashvault tail --level error --tag region=eu --lines 0
  crashvault tail --query 'release:shop@2.*' --json | jq -r .title")]
pub struct Tail {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Only those that fit; `crashvault search --help` tells what a query can say
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,
    /// Look for new ones every so many seconds, 0.1 at least
    #[arg(long, value_name = "SECONDS", default_value = "1.0", value_parser = seconds)]
    pub interval: Duration,
    /// Begin with so many that are there already
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub lines: u32,
}

/// Count what there is: issues by status, events by level and lately, the issues seen most
#[derive(Debug, Group)]
#[command(after_help = "\
Events that left by retention are counted where it says how often and when something was seen, but
have no level any more. In a pipe one line per number, with tabs between: what (status, level, last
or top), which, how many; of the issues seen most also their title.

JSON: vault, waiting_count, issue_count, event_count (that are here), issues (by status), events (by
level), last_24h, last_7d, last_30d, hours (hour, count; of the last 30 days), top_issues (as in
`list`)

Examples:
  crashvault stats
  crashvault stats --json | jq .last_24h")]
pub struct Stats {
    /// So many of the open issues seen most, without notes and reports
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub top: u32,
    #[command(flatten)]
    pub wait: Wait,
}

/// What else a query could say.
#[derive(Debug, Default, Group)]
pub struct Chosen {
    /// Only of this level: debug, info, warning, error or fatal
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub level: Option<Level>,
    /// Only with this tag: KEY=VALUE, or a word alone
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// Only with these words in the message; a word alone also within a longer one
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
}
