//! The report of what the vault holds.

use std::io::Write;

use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::export::page::Form;
use crate::export::report::{Document, Head, Tally};
use crate::export::{ExportFormat, ReportRule};
use crate::issue::Issue;
use crate::query::{Search, quoted};
use crate::store::StoredEvent;

/// Issues or events read at a time.
const PAGE: usize = 500;

impl Vault {
    /// Writes what there is, counted, as Crashvault 1 did: JSON with all issues and events, or a page of Markdown or
    /// HTML with the newest. Reads every event that the rule leaves.
    ///
    /// ```
    /// use crashvault::{Event, ExportFormat, ReportRule, Vault};
    /// # let home = std::env::temp_dir().join(format!("crashvault-doc-report-{}", std::process::id()));
    /// let mut vault = Vault::open(&home)?;
    /// vault.add(Event::new())?;
    /// let mut page = Vec::new();
    /// vault.report(&ReportRule::default(), ExportFormat::Markdown, &mut page)?;
    /// assert!(String::from_utf8_lossy(&page).contains("# Crashvault report"));
    /// # let _ = std::fs::remove_dir_all(&home);
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// Unsupported for another format; Io, whose source is what the writer said; what the store says.
    pub fn report(
        &self,
        rule: &ReportRule,
        format: ExportFormat,
        out: &mut dyn Write,
    ) -> Result<()> {
        let head = Head {
            at: self.clock.now(),
            author: &self.author,
            rule,
        };
        let mut tally = Tally::default();
        let form = match format {
            ExportFormat::Markdown => Form::Markdown,
            ExportFormat::Html => Form::Html,
            ExportFormat::Json => {
                let mut document = Document::begin(&head, out)?;
                self.each_issue(rule, &mut |issue| {
                    tally.issue(issue);
                    document.issue(issue)
                })?;
                document.begin_events()?;
                self.each_event(rule, &mut |stored| {
                    tally.event(stored);
                    document.event(stored)
                })?;
                return document.end(&tally);
            }
            other => {
                let message = format!("a report is markdown, html or json, not {}", other.name());
                return Err(Error::new(ErrorKind::Unsupported, "report", message));
            }
        };
        self.each_issue(rule, &mut |issue| {
            tally.issue(issue);
            Ok(())
        })?;
        self.each_event(rule, &mut |stored| {
            tally.event(stored);
            Ok(())
        })?;
        tally.write_page(form, &head, out)
    }

    fn each_issue(
        &self,
        rule: &ReportRule,
        take: &mut dyn FnMut(&Issue) -> Result<()>,
    ) -> Result<()> {
        let mut search = Search::new(of_status(rule)).limit(PAGE);
        loop {
            let page = self.search(&search)?;
            page.issues.iter().try_for_each(&mut *take)?;
            match page.next {
                Some(cursor) => search = search.after(&cursor),
                None => return Ok(()),
            }
        }
    }

    fn each_event(
        &self,
        rule: &ReportRule,
        take: &mut dyn FnMut(&StoredEvent) -> Result<()>,
    ) -> Result<()> {
        let mut query = of_status(rule);
        if let Some(level) = rule.level {
            query.push_str(&format!(" level:{}", level.name()));
        }
        for (key, value) in &rule.tags {
            query.push_str(&format!(" tags[{}]:{}", quoted(key), quoted(value)));
        }
        let mut search = Search::new(query).limit(PAGE);
        loop {
            let page = self.search_events(&search)?;
            page.events.iter().try_for_each(&mut *take)?;
            match page.next {
                Some(cursor) => search = search.after(&cursor),
                None => return Ok(()),
            }
        }
    }
}

fn of_status(rule: &ReportRule) -> String {
    let status = rule
        .status
        .map(|status| format!("status:{}", status.name()));
    status.unwrap_or_default()
}
