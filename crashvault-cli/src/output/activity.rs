//! Enters: what was decided about an issue. Leaves: words for it: one decision, the status they add up to, all of them in
//! their order.

use std::collections::HashSet;

use crashvault::issue::standing;
use crashvault::{Activity, Deed, Ignore, Issue, Resolution, Status, Timestamp};

use super::Style;
use super::age::{age, moment};
use super::event::Page;
use super::text::{count, counted, visible, width};

/// Activities shown: the last ones.
const ACTIVITIES_MAX: usize = 20;

/// A decision in words that stand behind the issue: `resolved`, `assigned to ada`. Of a comment not its text.
pub fn deed(deed: &Deed) -> String {
    match deed {
        Deed::Resolve(Resolution::Now) => "resolved".into(),
        Deed::Resolve(resolution) => format!("resolved {}", covered(resolution)),
        Deed::Reopen => "reopened".into(),
        Deed::Ignore(ignore) => format!("ignored {}", how_long(ignore)),
        Deed::Assign(Some(name)) => format!("assigned to {}", visible(name)),
        Deed::Assign(None) => "assigned to nobody".into(),
        Deed::Comment(_) => "commented".into(),
        Deed::Tag { key, value } => match value {
            Some(value) => format!("tag {} set to {}", visible(key), visible(value)),
            None => format!("tag {} removed", visible(key)),
        },
        Deed::SetTitle(Some(title)) => format!("titled {}", visible(title)),
        Deed::SetTitle(None) => "title of its own removed".into(),
        Deed::SetSeverity(Some(severity)) => format!("severity set to {}", visible(severity)),
        Deed::SetSeverity(None) => "severity removed".into(),
        Deed::Bookmark(true) => "bookmarked".into(),
        Deed::Bookmark(false) => "bookmark removed".into(),
        Deed::Review(Some(step)) => format!("review: {step}"),
        Deed::Review(None) => "review ended".into(),
        Deed::MoveEvent(event) => format!("event {event} moved here"),
        Deed::Merge(issue) => format!("issue {} merged into it", short(&issue.to_string())),
        Deed::Unmerge { variant, .. } => {
            format!("variant {} taken out", short(&variant.to_string()))
        }
        Deed::Regroup { variant, events } => format!(
            "{} found to be variant {}",
            counted(events.len() as u64, "event", "events"),
            short(&variant.to_string())
        ),
        Deed::Tombstone => "deleted".into(),
        Deed::Regress(event) => format!("regressed by event {event}"),
        Deed::Resume(event) => format!("ignored no longer, because of event {event}"),
        Deed::Undo(_) => "took back an earlier decision".into(),
        other => other.kind().replace('_', " "),
    }
}

/// The first digits of an id.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn covered(resolution: &Resolution) -> String {
    match resolution {
        Resolution::NextRelease(Some(release)) => {
            format!("in the next release, after {}", visible(release))
        }
        Resolution::NextRelease(None) => "in the next release, though none is known yet".into(),
        Resolution::Release(release) => format!("in release {}", visible(release)),
        _ => String::new(),
    }
}

fn how_long(ignore: &Ignore) -> String {
    match ignore {
        Ignore::UntilSeenCount(times) => {
            format!(
                "until it has been seen {} in all",
                counted(*times, "time", "times")
            )
        }
        Ignore::UntilTime(time) => format!("until {}", moment(*time)),
        Ignore::UntilDayCount(times) => {
            format!(
                "until it is seen more than {} times in 24 hours",
                count(*times)
            )
        }
        _ => "until it is reopened".into(),
    }
}

/// The status with what belongs to it.
pub fn status(issue: &Issue, now: Timestamp) -> String {
    let state = &issue.state;
    let detail = match issue.status {
        Status::Resolved => state.resolution.as_ref().map(covered),
        Status::Ignored => state.ignore.as_ref().map(how_long),
        _ => state
            .regression
            .map(|event| format!("again, regressed by event {event}")),
    };
    let detail = detail.filter(|detail| !detail.is_empty());
    let mut status = issue.status.to_string();
    if let Some(detail) = detail {
        status = format!("{status} {detail}");
    }
    match state.since {
        Some(since) => format!("{status} ({})", age(since, now)),
        None => status,
    }
}

/// All decisions, oldest first: when, who, what.
pub fn feed(page: &mut Page, activities: &[Activity], now: Timestamp) {
    if activities.is_empty() {
        return;
    }
    page.heading("Decisions, oldest first");
    let shown = match page.is_whole {
        true => activities.len(),
        false => ACTIVITIES_MAX,
    };
    let hidden = activities.len().saturating_sub(shown);
    if hidden > 0 {
        let text = format!("  … {hidden} earlier; --all-frames shows them");
        page.line(page.paint.on(Style::Dim, text));
    }
    let counting: HashSet<_> = standing(activities).iter().map(|one| one.id).collect();
    let ages = activities[hidden..]
        .iter()
        .map(|one| age(one.decided_at, now));
    let widest = ages.map(|age| width(&age)).max().unwrap_or(0);
    let rows: Vec<(String, String)> = activities[hidden..]
        .iter()
        .map(|one| {
            let age = age(one.decided_at, now);
            let who = format!("{age:widest$}  {}", visible(&one.author));
            let is_standing = counting.contains(&one.id);
            (who, what(page, one, activities, is_standing))
        })
        .collect();
    page.rows(&rows);
}

fn what(page: &Page, activity: &Activity, all: &[Activity], is_standing: bool) -> String {
    let words = match &activity.deed {
        Deed::Comment(text) => format!("commented: {}", page.value(text)),
        Deed::Undo(earlier) => match all.iter().find(|one| one.id == *earlier) {
            Some(earlier) => return format!("took back: {}", deed(&earlier.deed)),
            None => return deed(&activity.deed),
        },
        other => deed(other),
    };
    if is_standing {
        return words;
    }
    let lines = format!("{words} (taken back)");
    let lines = lines.lines().map(|line| page.paint.on(Style::Dim, line));
    lines.collect::<Vec<_>>().join("\n")
}
