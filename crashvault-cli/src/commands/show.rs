//! `show`: one issue, why its events are one, and the newest of them.

use crashvault::{ErrorKind, EventId, Issue, IssueRef, Join, StoredEvent, Timestamp, Vault};

use super::Done;
use super::reading::{self, Place};
use crate::args::Show;
use crate::output::age::{age, moment};
use crate::output::event::{self, Page};
use crate::output::json::{self, Shown};
use crate::output::text::{counted, visible};
use crate::output::{Failure, Screen, Stop, Style, activity, paint, trend, values};

/// Variants whose reasons are shown.
const JOINS_MAX: usize = 5;
/// Digits of a variant's key that are shown, as `unmerge` takes them.
const VARIANT_DIGITS: usize = 12;
/// Values of each key that are asked for.
const VALUES_MAX: usize = 10;

pub fn run(place: &Place, show: &Show, screen: &mut Screen) -> Result<Done, Stop> {
    let vault = reading::open(place, show.wait, screen)?.vault;
    let (issue, asked) = reading::find(&vault, &show.issue, screen)?;
    let shown = gather(&vault, issue, show.event.or(asked), show.limit as usize)?;
    if screen.json {
        screen.value(&json::shown(&shown))?;
        return Ok(Done::Well);
    }
    let mut page = Page::new(screen.paint, show.all_frames);
    page.width = screen.width;
    write(&mut page, &shown, Timestamp::now());
    page.lines.iter().try_for_each(|line| screen.line(line))?;
    Ok(Done::Well)
}

/// All that is shown of an issue: this event of it, else so many of the newest.
pub fn gather(
    vault: &Vault,
    issue: Issue,
    event: Option<EventId>,
    limit: usize,
) -> Result<Shown, Stop> {
    let reference = IssueRef::Id(issue.id);
    let events = match event {
        Some(id) => vec![event_of(vault, &issue, id)?],
        None => vault.events(&issue.id, limit)?,
    };
    let attachments = events.iter();
    let attachments = attachments.map(|stored| vault.attachments(stored.event.event_id));
    Ok(Shown {
        attachments: attachments.collect::<crashvault::Result<_>>()?,
        events,
        joins: vault.joins(&issue.id)?,
        merged: vault.merged(&reference)?,
        why: vault.why(&reference)?,
        activities: vault.activities(&reference)?,
        values: vault.values(&reference, VALUES_MAX)?,
        hours: vault.hours(&reference)?,
        issue,
    })
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

fn write(page: &mut Page, shown: &Shown, now: Timestamp) {
    head(page, shown, now);
    activity::feed(page, &shown.activities, now);
    values::values(page, &shown.values, shown.issue.seen_count);
    why(page, &shown.joins);
    for (stored, attachments) in shown.events.iter().zip(&shown.attachments) {
        page.line("");
        page.line(event_line(page, stored, &shown.issue, now));
        event::failure(page, &stored.event);
        event::threads(page, &stored.event);
        event::breadcrumbs(page, &stored.event.breadcrumbs);
        event::surroundings(page, &stored.event);
        event::attachments(page, attachments);
    }
}

fn head(page: &mut Page, shown: &Shown, now: Timestamp) {
    let issue = &shown.issue;
    let paint = page.paint;
    let number = paint.on(Style::Name, format!("#{}", issue.number));
    page.line(format!(
        "{number}  {}",
        paint.on(Style::Bold, visible(&issue.title))
    ));
    let when = |seen: Timestamp| format!("{} ({})", age(seen, now), moment(seen));
    let mut rows = vec![
        ("level", paint.on(paint::level(issue.level), issue.level)),
        ("status", activity::status(issue, now)),
        ("project", visible(&issue.project).into_owned()),
        ("seen", seen(issue)),
        ("first", when(issue.first_seen)),
        ("last", when(issue.last_seen)),
    ];
    if let Some(culprit) = &issue.culprit {
        rows.push(("where", visible(culprit).into_owned()));
    }
    rows.extend(decided(issue));
    if let Some(event) = shown.events.first().map(|stored| &stored.event) {
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
    let rows = rows.into_iter().map(|(name, value)| (name.into(), value));
    let mut rows: Vec<(String, String)> = rows.chain(trend::rows(&shown.hours, now)).collect();
    if !shown.merged.is_empty() {
        let merged = shown.merged.iter().map(|(number, _)| format!("#{number}"));
        rows.push(("merged".into(), merged.collect::<Vec<_>>().join(", ")));
    }
    rows.push(("id".into(), issue.id.to_string()));
    page.rows(&rows);
}

fn seen(issue: &Issue) -> String {
    let times = counted(issue.seen_count, "time", "times");
    match issue.user_count {
        0 => times,
        users => format!("{times}, by {}", counted(users, "user", "users")),
    }
}

/// What people decided, beside the status.
fn decided(issue: &Issue) -> Vec<(&'static str, String)> {
    let state = &issue.state;
    let mut rows = Vec::new();
    let assignee = state.assignee.as_deref();
    let texts = [
        ("assignee", assignee),
        ("severity", state.severity.as_deref()),
    ];
    for (name, value) in texts {
        rows.extend(value.map(|value| (name, visible(value).into_owned())));
    }
    rows.extend(state.review.map(|step| ("review", step.to_string())));
    if state.is_bookmarked {
        rows.push(("bookmark", "yes".into()));
    }
    let labels = state.tags.iter();
    let labels = labels.map(|(key, value)| format!("{}={}", visible(key), visible(value)));
    let labels = labels.collect::<Vec<_>>().join(", ");
    if !labels.is_empty() {
        rows.push(("labels", labels));
    }
    rows
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
            let mut text = parts.join(" · ");
            // One alone cannot be taken out, so that nobody needs its name.
            if joins.len() > 1 {
                let variant = join.variant.to_string();
                let variant = format!("  variant {}", &variant[..VARIANT_DIGITS]);
                text.push_str(&page.paint.on(Style::Dim, variant));
            }
            (visible(&join.reason).into_owned(), text)
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
