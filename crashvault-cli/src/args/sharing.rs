//! The words of the commands that write what others read.

use std::path::PathBuf;

use clap::Args as Group;
use crashvault::{ExportFormat, IssueRef, Level, Status};

use super::Wait;
use super::values::{issue, level, status, tag};

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text(ExportFormat),
    Sqlite,
}

/// Write issues with all that belongs to them: all, those a query finds, or one
#[derive(Debug, Group)]
#[command(after_help = "\
  ndjson    every record on a line of its own, with what is attached: nothing is lost
  json      version, exported_at, issues and events as version 1 had them, and all records beside
  csv       two tables for a spreadsheet, issues and events
  markdown  a page to read: an issue told, or a list and the first twenty
  html      the same, which needs nothing else and runs nothing
  sqlite    a copy of the vault's database, whole and into a file alone

Without --format the end of the file's name says it, else it is json. `.gz` or `.zst` behind that
compresses. `import` takes ndjson, json and sqlite back in. The file appears when it is whole.

JSON, with --output: path, format, bytes, issue_count, event_count, unreadable_count,
attachment_count, attachment_missing_count

Examples:
  crashvault export --output vault.ndjson.zst
  crashvault export 'is:unresolved level:error' --output open.csv
  crashvault export --issue 7 --format markdown
  crashvault export | jq '.issues[].title'")]
pub struct Export {
    /// Only the issues it finds, with all their events
    #[arg(value_name = "QUERY", conflicts_with = "issue")]
    pub query: Vec<String>,
    /// Only this issue
    #[arg(long, value_name = "ISSUE", value_parser = issue)]
    pub issue: Option<IssueRef>,
    /// ndjson, json, csv, markdown, html or sqlite [default: json]
    #[arg(long, value_name = "FORMAT", value_parser = form)]
    pub format: Option<Form>,
    /// Write into this file; `-` is stdout [default: -]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    pub force: bool,
    #[command(flatten)]
    pub wait: Wait,
}

/// Write one issue as a page to paste into a ticket
#[derive(Debug, Group)]
#[command(after_help = "\
Counts, the last 30 days, the newest event with its stack and source, breadcrumbs, tags with their
shares, comments. Long parts are cut, and what was scrubbed from events is in none of it. Whatever
an event says stands in code, so that it is no link, no markup and nobody's name.

JSON: as of `show`; with --output that goes into the file, and the answer is path, format, bytes

Examples:
  crashvault share 7
  crashvault share 7 --html --output issue-7.html
  crashvault share 7 --json --output issue-7.json")]
pub struct Share {
    /// The issue's number (7 or #7), its id or the start of it, or the id of one of its events
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
    /// As Markdown, which is what it does anyway
    #[arg(long, conflicts_with = "html")]
    pub md: bool,
    /// As a page of HTML
    #[arg(long, conflicts_with = "json")]
    pub html: bool,
    /// Write into this file [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    pub force: bool,
    #[command(flatten)]
    pub wait: Wait,
}

/// Write an overview of the whole vault, counted, to read or for programs
#[derive(Debug, Group)]
#[command(after_help = "\
Nothing is put into the vault: that is what `report` does, with what a person noticed. `share` tells
one issue, `stats` the counts alone.

A page has the counts, up to 100 issues and the newest 20 events; JSON has all of both. The level and
the tags narrow down events alone, the status issues and their events. --json is --format json.

JSON: generated_at, generated_by, team (null), filters (status, level, tags), summary (total_issues,
total_events, issues_by_status, events_by_level), issues, events (both as `export` has them); with
--output: path, format, bytes

Examples:
  crashvault generate-report
  crashvault generate-report --format html --output report.html
  crashvault generate-report --format json --status open --level error --tag region=eu")]
pub struct GenerateReport {
    /// markdown, html or json [default: markdown]
    #[arg(long, value_name = "FORMAT", value_parser = page)]
    pub format: Option<ExportFormat>,
    /// Write into this file [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only issues of this status, and their events: open, resolved or ignored
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Option<Status>,
    /// Only events of this level
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub level: Option<Level>,
    /// Only events with this tag: KEY=VALUE, or a word alone; may be given several times
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    pub force: bool,
    #[command(flatten)]
    pub wait: Wait,
}

fn form(text: &str) -> Result<Form, String> {
    if ["sqlite", "db"].contains(&text.to_ascii_lowercase().as_str()) {
        return Ok(Form::Sqlite);
    }
    let format = ExportFormat::from_name(text).map(Form::Text);
    format.ok_or_else(|| "expected ndjson, json, csv, markdown, html or sqlite".into())
}

fn page(text: &str) -> Result<ExportFormat, String> {
    let pages = [
        ExportFormat::Markdown,
        ExportFormat::Html,
        ExportFormat::Json,
    ];
    let format = ExportFormat::from_name(text).filter(|format| pages.contains(format));
    format.ok_or_else(|| "expected markdown, html or json".into())
}
