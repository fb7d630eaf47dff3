//! Enters: a store, which issues, and what is attached to their events. Leaves: one file of text: NDJSON and JSON that
//! can be read back, CSV for tables, Markdown and HTML for people (docs/export.md); and, the other way, the records of
//! such a file. With the feature `v1`, the issues, events and files that Crashvault 1 kept, with what was wrong with them.
//!
//! Never: collects more than a page of what it writes, writes to what it reads, gives up a file because another one is
//! damaged, decides who may see it, opens a vault, or lets text of an event
//! act as markup, formula or script.

mod base64;
mod classic;
mod csv;
mod document;
pub(crate) mod lines;
pub(crate) mod page;
pub(crate) mod record;
pub(crate) mod report;
mod sheet;
mod source;
mod text;
#[cfg(feature = "v1")]
pub(crate) mod v1;

use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::issue::IssueRef;
use crate::store::{Attachment, Record, Store};
use crate::time::Timestamp;

pub use report::ReportRule;
pub use source::ExportKind;
pub(crate) use source::{Source, detect};

/// The version of what can be read back.
const FORMAT: u64 = 1;
/// Of a first line, which anything can claim to have.
const HEAD_BYTES_MAX: u64 = 4096;

/// What is exported.
///
/// ```
/// let rule = crashvault::ExportRule::query("is:unresolved level:error");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportRule {
    pub(crate) which: Which,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Which {
    #[default]
    All,
    Query(String),
    Issue(IssueRef),
}

impl ExportRule {
    /// The whole vault.
    pub fn all() -> Self {
        Self::default()
    }

    /// The issues that a query finds (see [`Search`](crate::Search)), with all their events.
    pub fn query(text: impl Into<String>) -> Self {
        let which = Which::Query(text.into());
        Self { which }
    }

    /// One issue.
    pub fn issue(issue: &IssueRef) -> Self {
        let which = Which::Issue(issue.clone());
        Self { which }
    }
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// Every record on a line of its own, and what is attached: nothing is lost.
    Ndjson,
    /// Crashvault 1's `{version, exported_at, issues, events}` with all records beside; contents of attachments alone are
    /// not in it.
    Json,
    /// Crashvault 1's two tables, for spreadsheets; cannot be read back.
    Csv,
    /// A page as Markdown: an issue told, or a list and the first twenty. Text of events stands in code alone.
    Markdown,
    /// The same as a page of HTML that needs nothing else and runs nothing.
    Html,
}

impl ExportFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ndjson,
        Self::Json,
        Self::Csv,
        Self::Markdown,
        Self::Html,
    ];

    /// Its name, which is also how names of such files end.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }

    /// The format of that name; `md`, `jsonl` and `htm` are understood.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let name = match name.as_str() {
            "md" => "markdown",
            "jsonl" => "ndjson",
            "htm" => "html",
            name => name,
        };
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What an export holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// Issues that have events.
    pub issues: u64,
    /// Their events.
    pub events: u64,
    /// Events that cannot be read, and so are not in it.
    pub events_unreadable: u64,
    /// Files that belong to events.
    pub attachments: u64,
    /// Of these, those whose content is missing or damaged.
    pub attachments_missing: u64,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Issues in the file.
    pub issues: u64,
    /// Events that came in.
    pub events: u64,
    /// Events that were there already, or were removed for good before.
    pub events_known: u64,
    /// Files that belong to events, and are kept now.
    pub attachments: u64,
    /// Those that the file names without their content.
    pub attachments_missing: u64,
}

/// An export to be written.
pub(crate) struct Job<'j> {
    pub(crate) store: &'j dyn Store,
    /// The numbers of the issues; `None`: all there is.
    pub(crate) issues: Option<&'j [u64]>,
    pub(crate) vault: [u8; 16],
    pub(crate) at: Timestamp,
    pub(crate) content: &'j dyn Fn(&Attachment) -> Result<Box<dyn Read>>,
}

/// What has been written so far.
pub(crate) struct Counted<'c> {
    pub(crate) report: ExportReport,
    /// Told the number of events from time to time.
    pub(crate) progress: &'c mut dyn FnMut(u64),
}

impl Counted<'_> {
    fn count(&mut self, record: &Record) {
        match record {
            Record::Issue { .. } => self.report.issues += 1,
            Record::Event { .. } => {
                self.report.events += 1;
                if self.report.events.is_multiple_of(256) {
                    (self.progress)(self.report.events);
                }
            }
            Record::Attachment(_) => self.report.attachments += 1,
            _ => {}
        }
    }
}

/// What a file that is read back hands out.
pub(crate) enum Item {
    Record(Record),
    /// A piece of an attachment's content.
    Content {
        hash: [u8; 32],
        size_bytes: u64,
        offset: u64,
        bytes: Vec<u8>,
    },
}

/// Writes an export.
///
/// # Errors
/// Io, whose source is what the writer said; LimitReached for a record of more than 64 MB; what the store says.
pub(crate) fn write(
    job: &Job<'_>,
    format: ExportFormat,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<ExportReport> {
    let mut counted = Counted {
        report: ExportReport::default(),
        progress,
    };
    match format {
        ExportFormat::Ndjson => lines::write(job, out, &mut counted)?,
        ExportFormat::Json => document::write(job, out, &mut counted)?,
        ExportFormat::Csv => csv::write(job, out, &mut counted)?,
        ExportFormat::Markdown => page::write(job, page::Form::Markdown, out, &mut counted)?,
        ExportFormat::Html => page::write(job, page::Form::Html, out, &mut counted)?,
    }
    out.flush().map_err(unwritten)?;
    Ok(counted.report)
}

fn put(out: &mut dyn Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(unwritten)
}

fn unwritten(source: io::Error) -> Error {
    Error::new(ErrorKind::Io, "export", "cannot write").with_source(source)
}

/// Whether what a file says of itself is a form that can be read.
fn check_head(path: &Path, head: &Value) -> Result<()> {
    match head.get("crashvault_export").and_then(Value::as_u64) {
        Some(..=FORMAT) => Ok(()),
        Some(newer) => {
            let message = format!(
                "{} has form {newer}, this version reads up to {FORMAT}; use a newer crashvault",
                path.display()
            );
            Err(Error::new(ErrorKind::Unsupported, "import", message))
        }
        None => Err(record::broken("no export of Crashvault")),
    }
}
