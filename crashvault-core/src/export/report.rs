//! What there is, counted: Crashvault 1's report.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::document::{event_text, issue_text};
use super::page::{self, Form};
use super::sheet::Block;
use super::{classic, put, text};
use crate::error::Result;
use crate::event::Level;
use crate::issue::{Issue, Status};
use crate::store::StoredEvent;
use crate::time::Timestamp;

/// Issues that a page lists.
const LISTED_MAX: usize = 100;
/// The newest events that a page lists.
const EVENTS_MAX: usize = 20;
const TITLE_CHARS_MAX: usize = 120;

/// What a report is about: everything, unless it is narrowed down.
///
/// ```
/// let rule = crashvault::ReportRule::default().status(crashvault::Status::Open);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportRule {
    pub(crate) status: Option<Status>,
    pub(crate) level: Option<Level>,
    pub(crate) tags: Vec<(String, String)>,
}

impl ReportRule {
    /// Only issues of this status, and their events.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Only events of this level; issues are not asked.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Only events with this tag, beside others that were named; issues are not asked.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    pub(crate) fn filters(&self) -> Value {
        let tags: BTreeMap<_, _> = self.tags.iter().map(|(key, value)| (key, value)).collect();
        json!({
            "status": self.status.map(Status::name),
            "level": self.level.map(classic::level),
            "tags": classic::words(tags),
        })
    }
}

/// What is counted on the way.
#[derive(Default)]
pub(crate) struct Tally {
    issues: u64,
    events: u64,
    by_status: BTreeMap<&'static str, u64>,
    by_level: BTreeMap<Level, u64>,
    listed: Vec<String>,
    newest: Vec<String>,
}

impl Tally {
    pub(crate) fn issue(&mut self, issue: &Issue) {
        self.issues += 1;
        *self.by_status.entry(issue.status.name()).or_default() += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(format!(
                "#{:<6} {:<8} {:>8}  {}",
                issue.number,
                issue.status.name(),
                issue.seen_count,
                text::line(&issue.title)
            ));
        }
    }

    pub(crate) fn event(&mut self, stored: &StoredEvent) {
        self.events += 1;
        *self.by_level.entry(stored.event.level).or_default() += 1;
        if self.newest.len() < EVENTS_MAX {
            let title = stored.event.title();
            self.newest.push(format!(
                "{}  [{}]  #{}  {}",
                classic::time(stored),
                classic::level(stored.event.level).to_uppercase(),
                stored.issue_number,
                text::line(&text::cut(&title, TITLE_CHARS_MAX))
            ));
        }
    }

    fn summary(&self) -> Value {
        let levels = self.by_level.iter();
        let levels: BTreeMap<_, _> = levels
            .map(|(level, count)| (classic::level(*level), *count))
            .collect();
        json!({
            "total_issues": self.issues,
            "total_events": self.events,
            "issues_by_status": self.by_status,
            "events_by_level": levels,
        })
    }

    /// The report as a page.
    pub(crate) fn write_page(
        &self,
        form: Form,
        head: &Head<'_>,
        out: &mut dyn Write,
    ) -> Result<()> {
        page::begin(form, "Crashvault report", out)?;
        let share = |count: u64| format!("{count} ({} %)", count * 100 / self.events.max(1));
        let statuses = self.by_status.iter();
        let levels = self.by_level.iter().rev();
        let blocks = [
            heading(1, "Crashvault report"),
            Block::Rows(vec![
                ("made at".into(), head.at.to_string()),
                ("made by".into(), head.author.into()),
                ("filters".into(), head.rule.filters().to_string()),
                ("issues".into(), self.issues.to_string()),
                ("events".into(), self.events.to_string()),
            ]),
            heading(2, "Issues by status"),
            Block::Rows(
                statuses
                    .map(|(name, n)| ((*name).into(), n.to_string()))
                    .collect(),
            ),
            heading(2, "Events by level"),
            Block::Rows(
                levels
                    .map(|(level, n)| (classic::level(*level).into(), share(*n)))
                    .collect(),
            ),
            heading(2, "Issues"),
            Block::Code(self.listed.join("\n")),
            heading(2, "Newest events"),
            Block::Code(self.newest.join("\n")),
        ];
        page::put_blocks(form, &blocks, out)?;
        page::end(form, head.at, out)
    }
}

fn heading(depth: u8, words: &str) -> Block {
    Block::Heading(depth, words.into(), None)
}

/// What a report says of itself.
pub(crate) struct Head<'h> {
    pub(crate) at: Timestamp,
    pub(crate) author: &'h str,
    pub(crate) rule: &'h ReportRule,
}

/// The report as JSON, in pieces: begun, then issues, then events, then ended with what was counted.
pub(crate) struct Document<'d> {
    out: &'d mut dyn Write,
    is_empty: bool,
}

impl<'d> Document<'d> {
    pub(crate) fn begin(head: &Head<'_>, out: &'d mut dyn Write) -> Result<Self> {
        let (at, author) = (Value::from(head.at.to_string()), Value::from(head.author));
        put(
            out,
            &format!(
                "{{\"generated_at\":{at},\"generated_by\":{author},\"team\":null,\"filters\":{},\n\"issues\":[",
                head.rule.filters()
            ),
        )?;
        let is_empty = true;
        Ok(Self { out, is_empty })
    }

    fn item(&mut self, text: &str) -> Result<()> {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        put(self.out, if is_first { "\n" } else { ",\n" })?;
        put(self.out, text)?;
        put(self.out, "}")
    }

    pub(crate) fn issue(&mut self, issue: &Issue) -> Result<()> {
        self.item(&issue_text(issue))
    }

    pub(crate) fn begin_events(&mut self) -> Result<()> {
        self.is_empty = true;
        put(self.out, "\n],\n\"events\":[")
    }

    pub(crate) fn event(&mut self, stored: &StoredEvent) -> Result<()> {
        self.item(&event_text(stored))
    }

    pub(crate) fn end(self, tally: &Tally) -> Result<()> {
        put(
            self.out,
            &format!("\n],\n\"summary\":{}}}\n", tally.summary()),
        )
    }
}
