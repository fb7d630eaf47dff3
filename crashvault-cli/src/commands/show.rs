//! `show`: one issue, why its events are one, and the newest of them.

use std::path::Path;

use crashvault::{ErrorKind, EventId, Issue, IssueRef, Join, StoredEvent, Timestamp, Vault};

use super::{Done, reading};
use crate::args::Show;
use crate::output::age::{age, moment};
use crate::output::event::{self, Page};
use crate::output::text::{counted, visible};
use crate::output::{Failure, Screen, Stop, Style, json, paint};

/// Variants whose reasons are shown.
const JOINS_MAX: usize = 5;

pub fn run(directory: &Path, show: &Show, screen: &mut Screen) -> Result<Done, Stop> {
    let vault = reading::open(directory, show.wait, screen)?.vault;
    let (issue, asked) = find(&vault, &show.issue)?;
    let events = match show.event.or(asked) {
        Some(id) => vec![event_of(&vault, &issue, id)?],
        None => vault.events(&issue.id, show.limit as usize)?,
    };
    let joins = vault.joins(&issue.id)?;
    if screen.json {
        screen.value(&json::shown(&issue, &joins, &events))?;
        return Ok(Done::Well);
    }
    let mut page = Page::new(screen.paint, show.all_frames);
    page.width = screen.width;
    write(&mut page, &issue, &joins, &events, Timestamp::now());
    page.lines.iter().try_for_each(|line| screen.line(line))?;
    Ok(Done::Well)
}

/// The issue that is named; where its name is an event's id, that event's issue, and the event.
fn find(vault: &Vault, reference: &IssueRef) -> Result<(Issue, Option<EventId>), Stop> {
    let error = match vault.issue(reference) {
        Ok(issue) => return Ok((issue, None)),
        Err(error) => error,
    };
    let IssueRef::Id(id) = reference else {
        return Err(error.into());
    };
    if error.kind() != ErrorKind::NotFound {
        return Err(error.into());
    }
    let id = EventId::from_bytes(*id.as_bytes());
    match vault.event(id) {
        Ok(stored) => Ok((vault.issue(&IssueRef::Id(stored.issue))?, Some(id))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut failure = Failure::from(&error);
            failure.message = format!("show: no issue and no event has the id {id}");
            Err(failure.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn event_of(vault: &Vault, issue: &Issue, id: EventId) -> Result<StoredEvent, Stop> {
    let stored = vault.event(id)?;
    if stored.issue == issue.id {
        return Ok(stored);
    }
    let number = stored.issue_number;
    let mut failure = Failure::new(
        format!(
            "show: event {id} belongs to issue #{number}, not to #{}",
            issue.number
        ),
        format!("crashvault show {number} --event {id}"),
    );
    failure.kind = ErrorKind::NotFound.name();
    failure.code = crate::output::failure::NOT_FOUND;
    Err(failure.into())
}

fn write(page: &mut Page, issue: &Issue, joins: &[Join], events: &[StoredEvent], now: Timestamp) {
    head(page, issue, events.first(), now);
    why(page, joins);
    for stored in events {
        page.line("");
        page.line(event_line(page, stored, issue, now));
        event::failure(page, &stored.event);
        event::breadcrumbs(page, &stored.event.breadcrumbs);
        event::surroundings(page, &stored.event);
    }
}

fn head(page: &mut Page, issue: &Issue, newest: Option<&StoredEvent>, now: Timestamp) {
    let paint = page.paint;
    let number = paint.on(Style::Name, format!("#{}", issue.number));
    page.line(format!(
        "{number}  {}",
        paint.on(Style::Bold, visible(&issue.title))
    ));
    let when = |seen: Timestamp| format!("{} ({})", age(seen, now), moment(seen));
    let mut rows = vec![
        ("level", paint.on(paint::level(issue.level), issue.level)),
        ("status", issue.status.to_string()),
        ("project", visible(&issue.project).into_owned()),
        ("seen", counted(issue.seen_count, "time", "times")),
        ("first", when(issue.first_seen)),
        ("last", when(issue.last_seen)),
    ];
    if let Some(culprit) = &issue.culprit {
        rows.push(("where", visible(culprit).into_owned()));
    }
    if let Some(event) = newest.map(|stored| &stored.event) {
        let named = [
            ("release", &event.release),
            ("environment", &event.environment),
            ("server", &event.server_name),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                rows.push((name, visible(value).into_owned()));
            }
        }
    }
    rows.push(("id", issue.id.to_string()));
    let rows: Vec<(String, String)> = rows
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect();
    page.rows(&rows);
}

/// Why these events are one issue.
fn why(page: &mut Page, joins: &[Join]) {
    if joins.is_empty() {
        return;
    }
    page.heading("Grouped by");
    let shown = if page.is_whole {
        joins.len()
    } else {
        JOINS_MAX
    };
    let rows: Vec<(String, String)> = joins
        .iter()
        .take(shown)
        .map(|join| {
            let parts: Vec<_> = join.parts.iter().map(|part| visible(part)).collect();
            (visible(&join.reason).into_owned(), parts.join(" · "))
        })
        .collect();
    page.rows(&rows);
    if joins.len() > shown {
        let text = format!("  … {} more; --all-frames shows them", joins.len() - shown);
        page.line(page.paint.on(Style::Dim, text));
    }
}

fn event_line(page: &Page, stored: &StoredEvent, issue: &Issue, now: Timestamp) -> String {
    let event = &stored.event;
    let time = event.timestamp.unwrap_or(stored.received_at);
    let which = match event.event_id == issue.last_event && issue.seen_count > 1 {
        true => "Newest event",
        false => "Event",
    };
    let which = page.paint.on(Style::Bold, which);
    let thread = event
        .threads
        .iter()
        .find_map(|thread| thread.name.as_deref());
    let thread = match thread.filter(|name| *name != "main") {
        Some(name) => format!(", thread {}", visible(name)),
        None => String::new(),
    };
    let when = moment(time);
    let rest = format!("{}, {} ({when}){thread}", event.event_id, age(time, now));
    format!("{which} {}", page.paint.on(Style::Dim, rest))
}
