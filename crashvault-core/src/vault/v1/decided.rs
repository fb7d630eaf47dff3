//! What version 1 says about an issue → what is to be recorded of it here.
//!
//! Version 1 had states and no history, so each becomes one decision, by [`AUTHOR`]. Where it was recorded before, or
//! somebody decided otherwise since, nothing is.

use super::importer::Seen;
use crate::export::v1::{OldIssue, id_of};
use crate::issue::{
    AUTHOR_OF_EVENTS, Activity, ActivityId, Deed, Ignore, IssueId, Resolution, Status,
    TITLE_CHARS_MAX,
};
use crate::store::Decision;
use crate::time::Timestamp;

/// Who decided what was decided in version 1, which did not ask.
pub(super) const AUTHOR: &str = "crashvault 1";

/// A deed that version 1's data stands for, and when it was done.
pub(super) struct Wanted {
    deed: Deed,
    at: Timestamp,
}

/// What an issue's entry stands for, in the order it is recorded.
pub(super) fn wanted(
    issue: &OldIssue,
    seen: Option<&Seen>,
    number: u64,
    now: Timestamp,
) -> Vec<Wanted> {
    let last = seen.map(|seen| seen.last);
    let begun = issue.created_at.or(last).unwrap_or(now);
    // Not before its last event: what comes after that is a regression.
    let settled = issue.created_at.max(last).unwrap_or(now);
    let mut deeds = Vec::new();
    if let Some(title) = own_title(issue, seen) {
        deeds.push((Deed::SetTitle(Some(title)), begun));
    }
    let label = issue.number.filter(|old| u64::try_from(*old) != Ok(number));
    let label = label.map(|old| ("v1".to_owned(), old.to_string()));
    for (key, value) in issue.tags.iter().cloned().chain(label) {
        let value = Some(value);
        deeds.push((Deed::Tag { key, value }, begun));
    }
    // Behind the tags, for it may become one, which goes before theirs.
    if let Some(severity) = &issue.severity {
        deeds.push((Deed::SetSeverity(Some(severity.clone())), begun));
    }
    deeds.push(match issue.status {
        Status::Open => (Deed::Reopen, settled),
        Status::Resolved => {
            let at = issue.resolved_at.unwrap_or(settled);
            (Deed::Resolve(Resolution::Now), at)
        }
        Status::Ignored => (Deed::Ignore(Ignore::Forever), settled),
    });
    let deeds = deeds.into_iter();
    deeds.map(|(deed, at)| Wanted { deed, at }).collect()
}

/// The title that somebody gave it: not the one it had from its first event.
fn own_title(issue: &OldIssue, seen: Option<&Seen>) -> Option<String> {
    let given = seen.map_or(issue.title.as_str(), |seen| seen.title.as_str());
    let is_own = issue.title != given && !issue.title.trim().is_empty();
    is_own.then(|| {
        let chars = issue.title.chars().take(TITLE_CHARS_MAX);
        let plain = chars.map(|c| if c.is_control() { ' ' } else { c });
        plain.collect()
    })
}

/// What of it is to be recorded, and why the rest cannot be.
pub(super) fn missing(
    issue: IssueId,
    wanted: Vec<Wanted>,
    known: &[Activity],
    severities: &[String],
) -> (Vec<Decision>, Vec<String>) {
    let (mut kept, mut refused): (Vec<Wanted>, _) = (Vec::new(), Vec::new());
    for Wanted { deed, at } in wanted {
        let (deed, why) = recordable(deed, severities);
        refused.extend(why);
        let Some(deed) = deed else { continue };
        // Two of one subject would take each other's place again at every import: the last one wins.
        kept.retain(|before| subject(&before.deed) != subject(&deed));
        kept.push(Wanted { deed, at });
    }
    let missing = kept.into_iter().filter_map(|Wanted { deed, at }| {
        let count = is_missing(&deed, known)?;
        Some(Decision {
            id: activity_id(&issue, &deed, count),
            vault: [0; 16],
            author: AUTHOR.into(),
            at,
            issue,
            deed,
        })
    });
    (missing.collect(), refused)
}

/// How often version 1 had decided the like before; `None` if there is nothing to record.
fn is_missing(deed: &Deed, known: &[Activity]) -> Option<usize> {
    let alike = known
        .iter()
        .filter(|activity| subject(&activity.deed) == subject(deed));
    let (ours, others): (Vec<_>, Vec<_>) = alike
        .filter(|activity| activity.author != AUTHOR_OF_EVENTS)
        .partition(|activity| activity.author == AUTHOR);
    let is_taken_back = known.iter().any(|activity| match activity.deed {
        Deed::Undo(id) => ours.iter().any(|ours| ours.id == id),
        _ => false,
    });
    if !others.is_empty() || is_taken_back {
        return None;
    }
    match ours.last() {
        // Open is what an issue is of itself.
        None => (*deed != Deed::Reopen).then_some(0),
        Some(last) => (last.deed != *deed).then_some(ours.len()),
    }
}

/// What a deed is about, where a later one of its kind takes its place.
fn subject(deed: &Deed) -> (&'static str, Option<&str>) {
    match deed {
        Deed::Resolve(_) | Deed::Reopen | Deed::Ignore(_) => ("status", None),
        Deed::Tag { key, .. } => ("tag", Some(key)),
        other => (other.kind(), None),
    }
}

/// The deed as it can be kept here, if it can, and what is to be told about it.
fn recordable(deed: Deed, severities: &[String]) -> (Option<Deed>, Option<String>) {
    if let Err(error) = deed.check() {
        return (None, Some(error.message().to_owned()));
    }
    match deed {
        Deed::SetSeverity(Some(word)) if !severities.contains(&word) => {
            let reason =
                format!("the severity '{word}' is none here, and is kept as a tag v1_severity");
            let key = "v1_severity".into();
            let value = Some(word);
            (Some(Deed::Tag { key, value }), Some(reason))
        }
        deed => (Some(deed), None),
    }
}

/// The same in every vault that imports the same.
fn activity_id(issue: &IssueId, deed: &Deed, count: usize) -> ActivityId {
    let content = format!("{issue}\n{count}\n{}", deed.to_value());
    ActivityId::from_bytes(*id_of("activity", content.as_bytes()).as_bytes())
}
