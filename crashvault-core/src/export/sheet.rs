//! One issue as a page: what a person needs in a ticket. Bounded, whatever the event holds.

use super::text::cut;
use super::{Job, classic};
use crate::error::Result;
use crate::event::{Breadcrumb, Event, Frame, Level};
use crate::issue::{Activity, Deed, Issue, IssueRef};
use crate::store::{Attachment, StoredEvent, ValueCount};
use crate::time::Timestamp;

/// Calls of one stack, innermost first.
const FRAMES_MAX: usize = 40;
/// Exceptions of a chain.
const EXCEPTIONS_MAX: usize = 5;
/// Own calls that are shown with their source, and lines of it on each side.
const SOURCES_MAX: usize = 3;
const SOURCE_LINES: usize = 2;
/// The last breadcrumbs.
const BREADCRUMBS_MAX: usize = 30;
/// Keys of tags, and values of each.
const KEYS_MAX: usize = 30;
const VALUES_MAX: usize = 3;
const COMMENTS_MAX: usize = 10;
/// Days of the trend.
const DAYS: i64 = 30;
const DAY_SECS: i64 = 86_400;
const VALUE_CHARS_MAX: usize = 300;
const TEXT_CHARS_MAX: usize = 8000;

/// A part of a page. Names are our own words; texts are anybody's.
pub(super) enum Block {
    /// Of a depth from 1, with the text it is about.
    Heading(u8, String, Option<String>),
    Rows(Vec<(String, String)>),
    Code(String),
    /// Our own words.
    Note(String),
}

/// The page of an issue, its headings from this depth on.
pub(super) fn blocks(job: &Job<'_>, issue: &Issue, depth: u8) -> Result<Vec<Block>> {
    let reference = IssueRef::Id(issue.id);
    let mut blocks = vec![
        Block::Heading(
            depth,
            format!("Issue {}", issue.number),
            Some(issue.title.clone()),
        ),
        Block::Rows(facts(job, issue)?),
    ];
    let newest = job.store.events(&issue.id, 1)?;
    if let Some(stored) = newest.first() {
        put_event(&mut blocks, stored, depth + 1);
        let attachments = job.store.attachments(stored.event.event_id)?;
        put_attachments(&mut blocks, &attachments, depth + 1);
    }
    let values = job.store.values(&issue.id, VALUES_MAX)?;
    put_values(&mut blocks, &values, issue, depth + 1);
    let activities = job.store.activities(&job.store.issue(&reference)?.id)?;
    put_comments(&mut blocks, &activities, depth + 1);
    Ok(blocks)
}

fn facts(job: &Job<'_>, issue: &Issue) -> Result<Vec<(String, String)>> {
    let state = &issue.state;
    let mut rows = vec![
        ("level", issue.level.name().to_owned()),
        ("status", issue.status.name().to_owned()),
        ("seen", seen(issue)),
        ("first seen", issue.first_seen.to_string()),
        ("last seen", issue.last_seen.to_string()),
        ("project", issue.project.clone()),
    ];
    let texts = [
        ("where", &issue.culprit),
        ("assignee", &state.assignee),
        ("severity", &state.severity),
    ];
    for (name, text) in texts {
        rows.extend(text.clone().map(|text| (name, text)));
    }
    if !state.tags.is_empty() {
        rows.push(("labels", classic::words(&state.tags).join(", ")));
    }
    let hours = job.store.hours(&issue.id)?;
    rows.push(("last 30 days", trend(&hours, job.at)));
    rows.push(("id", issue.id.to_string()));
    let rows = rows.into_iter();
    Ok(rows
        .map(|(name, text)| (name.to_owned(), cut(&text, VALUE_CHARS_MAX).into_owned()))
        .collect())
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn seen(issue: &Issue) -> String {
    let times = counted(issue.seen_count, "time", "times");
    match issue.user_count {
        0 => times,
        users => format!("{times}, by {}", counted(users, "user", "users")),
    }
}

/// A bar for each day up to today, the highest full.
fn trend(hours: &[(Timestamp, u64)], now: Timestamp) -> String {
    let day = |time: Timestamp| (time.as_nanos() / 1_000_000_000).div_euclid(DAY_SECS);
    let today = day(now);
    let mut counts = vec![0_u64; DAYS as usize];
    for (hour, count) in hours {
        let ago = today - day(*hour);
        if let Ok(place) = usize::try_from(DAYS - 1 - ago)
            && let Some(of_day) = counts.get_mut(place)
        {
            *of_day += count;
        }
    }
    let highest = counts.iter().copied().max().unwrap_or(0);
    let bars = counts.iter().map(|count| bar(*count, highest));
    format!(
        "{} {}",
        bars.collect::<String>(),
        counts.iter().sum::<u64>()
    )
}

fn bar(count: u64, highest: u64) -> char {
    const BARS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let place = (count * 8).div_ceil(highest.max(1));
    BARS[place.min(8) as usize]
}

fn put_event(blocks: &mut Vec<Block>, stored: &StoredEvent, depth: u8) {
    let event = &stored.event;
    blocks.push(Block::Heading(depth, "Newest event".into(), None));
    let mut rows = vec![
        ("id".to_owned(), event.event_id.to_string()),
        ("time".to_owned(), classic::time(stored)),
        ("level".to_owned(), event.level.name().to_owned()),
    ];
    let texts = [
        ("release", &event.release),
        ("environment", &event.environment),
        ("server", &event.server_name),
        ("transaction", &event.transaction),
        ("logger", &event.logger),
    ];
    for (name, text) in texts {
        let text = text.as_deref().map(|text| cut(text, VALUE_CHARS_MAX));
        rows.extend(text.map(|text| (name.to_owned(), text.into_owned())));
    }
    blocks.push(Block::Rows(rows));
    if let Some(text) = event.message_text() {
        blocks.push(Block::Code(cut(text, TEXT_CHARS_MAX).into_owned()));
    }
    let stack = stack(event);
    if !stack.is_empty() {
        blocks.push(Block::Heading(depth, "Stack".into(), None));
        blocks.push(Block::Code(stack));
    }
    put_breadcrumbs(blocks, &event.breadcrumbs, depth);
    if !event.tags.is_empty() {
        blocks.push(Block::Heading(depth, "Tags of this event".into(), None));
        let tags = event.tags.iter().take(KEYS_MAX);
        let tags = tags.map(|(key, value)| format!("{key}={}", cut(value, VALUE_CHARS_MAX)));
        blocks.push(Block::Code(tags.collect::<Vec<_>>().join("\n")));
    }
}

/// The exceptions with their calls, and the source around the first of the program's own.
fn stack(event: &Event) -> String {
    let mut lines = Vec::new();
    let mut sources = 0;
    for (index, exception) in event
        .exceptions
        .iter()
        .rev()
        .take(EXCEPTIONS_MAX)
        .enumerate()
    {
        let cause = classic::relation(index, exception);
        let headline = classic::headline(exception);
        lines.push(format!("{cause}{}", cut(&headline, TEXT_CHARS_MAX / 4)));
        let frames = exception.stacktrace.iter().flat_map(|trace| &trace.frames);
        put_frames(&mut lines, &frames.collect::<Vec<_>>(), &mut sources);
    }
    if let Some(hidden) = event.exceptions.len().checked_sub(EXCEPTIONS_MAX + 1) {
        lines.push(format!("… {} more causes", hidden + 1));
    }
    if lines.is_empty() {
        let frames = event.stacktraces().next().into_iter();
        let frames: Vec<&Frame> = frames.flat_map(|trace| &trace.frames).collect();
        put_frames(&mut lines, &frames, &mut sources);
    }
    match lines.is_empty() {
        true => cut(&classic::stack(event), TEXT_CHARS_MAX).into_owned(),
        false => lines.join("\n"),
    }
}

fn put_frames(lines: &mut Vec<String>, frames: &[&Frame], sources: &mut usize) {
    for frame in frames.iter().rev().take(FRAMES_MAX) {
        let own = if frame.in_app == Some(false) {
            " "
        } else {
            "*"
        };
        let call = frame.to_string();
        lines.push(format!("  {own} {}", cut(&call, VALUE_CHARS_MAX)));
        if frame.in_app != Some(false) && *sources < SOURCES_MAX && put_source(lines, frame) {
            *sources += 1;
        }
    }
    if let Some(hidden) = frames.len().checked_sub(FRAMES_MAX + 1) {
        lines.push(format!("    … {} more calls", hidden + 1));
    }
}

fn put_source(lines: &mut Vec<String>, frame: &Frame) -> bool {
    let (Some(line), Some(number)) = (&frame.context_line, frame.lineno) else {
        return false;
    };
    let before = &frame.pre_context[frame.pre_context.len().saturating_sub(SOURCE_LINES)..];
    let after = frame.post_context.iter().take(SOURCE_LINES);
    let first = number.saturating_sub(before.len() as u64);
    for (index, text) in before.iter().chain([line]).chain(after).enumerate() {
        let mark = if index == before.len() { ">" } else { " " };
        let at = first.saturating_add(index as u64);
        let text = cut(text.trim_end(), VALUE_CHARS_MAX);
        lines.push(format!("      {mark} {at:>5} | {text}"));
    }
    true
}

fn put_breadcrumbs(blocks: &mut Vec<Block>, crumbs: &[Breadcrumb], depth: u8) {
    if crumbs.is_empty() {
        return;
    }
    blocks.push(Block::Heading(
        depth,
        "Breadcrumbs, oldest first".into(),
        None,
    ));
    let hidden = crumbs.len().saturating_sub(BREADCRUMBS_MAX);
    let mut lines = Vec::new();
    if hidden > 0 {
        lines.push(format!("… {hidden} earlier"));
    }
    lines.extend(crumbs[hidden..].iter().map(crumb_line));
    blocks.push(Block::Code(lines.join("\n")));
}

fn crumb_line(crumb: &Breadcrumb) -> String {
    let time = crumb.timestamp.map(|time| time.to_string());
    let category = crumb.category.as_deref().or(crumb.ty.as_deref());
    let data =
        (!crumb.data.is_empty()).then(|| serde_json::Value::Object(crumb.data.clone()).to_string());
    let parts = [
        time.as_deref(),
        crumb.level.map(Level::name),
        category,
        crumb.message.as_deref(),
        data.as_deref(),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    cut(&parts.join("  ").replace('\n', "\\n"), VALUE_CHARS_MAX).into_owned()
}

fn put_attachments(blocks: &mut Vec<Block>, attachments: &[Attachment], depth: u8) {
    if attachments.is_empty() {
        return;
    }
    blocks.push(Block::Heading(depth, "Attachments".into(), None));
    let rows = attachments.iter().map(|attachment| {
        let size = format!("{} bytes", attachment.size_bytes);
        (size, attachment.name.clone())
    });
    blocks.push(Block::Rows(rows.collect()));
}

/// The most frequent values of each key of the issue's events, with their share.
fn put_values(blocks: &mut Vec<Block>, values: &[ValueCount], issue: &Issue, depth: u8) {
    let mut lines: Vec<String> = Vec::new();
    let mut keys = 0;
    let mut last = None;
    for value in values {
        let key = (value.is_tag, value.key.as_str());
        if last.replace(key) != Some(key) {
            keys += 1;
        }
        if keys > KEYS_MAX {
            lines.push("…".into());
            break;
        }
        let share = value.count * 100 / issue.seen_count.max(1);
        let text = cut(&value.value, VALUE_CHARS_MAX / 3).replace('\n', "\\n");
        lines.push(format!("{share:>3} %  {}  {text}", value.key));
    }
    if !lines.is_empty() {
        blocks.push(Block::Heading(depth, "Shares of its events".into(), None));
        blocks.push(Block::Code(lines.join("\n")));
    }
}

fn put_comments(blocks: &mut Vec<Block>, activities: &[Activity], depth: u8) {
    let comments = crate::issue::standing(activities).into_iter();
    let comments: Vec<String> = comments
        .filter_map(|activity| match &activity.deed {
            Deed::Comment(text) => Some(format!(
                "{} {}: {}",
                activity.decided_at,
                activity.author,
                cut(text, VALUE_CHARS_MAX * 3)
            )),
            _ => None,
        })
        .collect();
    if comments.is_empty() {
        return;
    }
    blocks.push(Block::Heading(depth, "Comments".into(), None));
    let hidden = comments.len().saturating_sub(COMMENTS_MAX);
    if hidden > 0 {
        blocks.push(Block::Note(format!("{hidden} earlier ones are left out.")));
    }
    blocks.push(Block::Code(comments[hidden..].join("\n")));
}
