//! `stats`: what there is, counted.

use crashvault::{Issue, IssueSort, Search, Tally, Timestamp, VaultStatus};
use serde_json::{Value, json};

use super::reading::{self, Place};
use super::{Done, list};
use crate::args::Stats;
use crate::output::event::Page;
use crate::output::text::{count, counted, fit, visible, width};
use crate::output::{Screen, Stop, Style, json, paint, trend};

const DAYS: u32 = 30;
const DAY_SECS: i64 = 86_400;
/// Spans that are summed, in days, by their names.
const SPANS: [(&str, i64); 3] = [("24h", 1), ("7d", 7), ("30d", 30)];

struct Counted {
    status: VaultStatus,
    tally: Tally,
    top: Vec<Issue>,
    now: Timestamp,
}

pub fn run(place: &Place, stats: &Stats, screen: &mut Screen) -> Result<Done, Stop> {
    let opened = match reading::open(place, stats.wait, screen) {
        Err(stop) if reading::is_missing(&stop) && !screen.json => {
            list::tell_missing(place, screen);
            return Ok(Done::Well);
        }
        opened => opened?,
    };
    let vault = &opened.vault;
    let top = match stats.top {
        0 => Vec::new(),
        top => {
            let search =
                Search::new("is:unresolved !kind:note !kind:report").sort(IssueSort::SeenCount);
            vault.search(&search.limit(top as usize))?.issues
        }
    };
    let counted = Counted {
        status: vault.status()?,
        tally: vault.tally(DAYS)?,
        top,
        now: Timestamp::now(),
    };
    match (screen.json, screen.width) {
        (true, _) => {
            let mut value = counted.value();
            value["vault"] = place.directory.to_string_lossy().into();
            value["waiting_count"] = opened.waiting_count.into();
            screen.value(&value)?;
        }
        (false, Some(columns)) => {
            let mut page = Page::new(screen.paint, true);
            page.width = screen.width;
            counted.write(&mut page, columns);
            page.lines.iter().try_for_each(|line| screen.line(line))?;
        }
        (false, None) => {
            let lines = counted.lines();
            lines.iter().try_for_each(|line| screen.line(line))?;
        }
    }
    Ok(Done::Well)
}

impl Counted {
    /// How many events each span had that ends now; hours count as wholes.
    fn spans(&self) -> [(&'static str, u64); 3] {
        SPANS.map(|(name, days)| {
            let first = self.now.saturating_add_secs(-days * DAY_SECS);
            let hours = self.tally.hours.iter().filter(|(hour, _)| *hour > first);
            (name, hours.map(|(_, count)| count).sum())
        })
    }

    fn value(&self) -> Value {
        let named = |name: &str, count: u64| (name.to_owned(), Value::from(count));
        let issues = self.tally.issues.iter();
        let issues = issues.map(|(status, count)| named(status.name(), *count));
        let events = self.tally.events.iter();
        let events = events.map(|(level, count)| named(level.name(), *count));
        let hours = self.tally.hours.iter();
        let hours = hours.map(|(hour, count)| json!({"hour": hour.to_string(), "count": count}));
        let mut value = json!({
            "issue_count": self.status.issue_count,
            "event_count": self.status.event_count,
            "issues": issues.collect::<serde_json::Map<_, _>>(),
            "events": events.collect::<serde_json::Map<_, _>>(),
            "hours": hours.collect::<Vec<_>>(),
            "top_issues": self.top.iter().map(json::issue).collect::<Vec<_>>(),
        });
        for (name, count) in self.spans() {
            value[format!("last_{name}")] = count.into();
        }
        value
    }

    fn lines(&self) -> Vec<String> {
        let statuses = self.tally.issues.iter();
        let statuses = statuses.map(|(status, count)| format!("status\t{status}\t{count}"));
        let levels = self.tally.events.iter();
        let levels = levels.map(|(level, count)| format!("level\t{level}\t{count}"));
        let spans = self.spans();
        let spans = spans.map(|(name, count)| format!("last\t{name}\t{count}"));
        let top = self.top.iter().map(|issue| {
            let title = visible(&issue.title);
            format!("top\t{}\t{}\t{title}", issue.number, issue.seen_count)
        });
        statuses.chain(levels).chain(spans).chain(top).collect()
    }

    fn write(&self, page: &mut Page, columns: usize) {
        let issues = counted(self.status.issue_count, "issue", "issues");
        let events = counted(self.status.event_count, "event", "events");
        page.line(
            page.paint
                .on(Style::Bold, format!("{issues}, {events} in the vault")),
        );
        page.heading("Issues by status");
        let rows = self.tally.issues.iter();
        let rows: Vec<_> = rows
            .map(|(status, number)| (status.to_string(), count(*number)))
            .collect();
        page.rows(&rows);
        page.heading("Events by level");
        let rows = self.tally.events.iter().filter(|(_, number)| *number > 0);
        let rows: Vec<_> = rows
            .map(|(level, number)| {
                let number = page.paint.on(paint::level(*level), count(*number));
                (level.to_string(), number)
            })
            .collect();
        page.rows(&rows);
        page.heading("Lately");
        let mut rows: Vec<_> = self
            .spans()
            .map(|(name, number)| (format!("last {name}"), counted(number, "event", "events")))
            .into();
        rows.extend(trend::rows(&self.tally.hours, self.now));
        page.rows(&rows);
        if !self.top.is_empty() {
            page.heading("Open issues seen most");
            self.write_top(page, columns);
        }
    }

    fn write_top(&self, page: &mut Page, columns: usize) {
        let counts = self.top.iter().map(|issue| count(issue.seen_count));
        let widest = counts.map(|text| width(&text)).max().unwrap_or(0);
        for issue in &self.top {
            let number = page.paint.on(Style::Name, format!("#{}", issue.number));
            let seen = count(issue.seen_count);
            let before = format!("  {seen:>widest$}  ");
            let taken = width(&before) + issue.number.to_string().len() + 3;
            let title = visible(&issue.title);
            let title = fit(&title, columns.saturating_sub(taken).max(10));
            page.line(format!("{before}{number}  {title}"));
        }
    }
}
