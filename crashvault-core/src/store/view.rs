//! Records of one issue → the issue as it is shown, for where no store keeps it.

use std::collections::BTreeSet;

use super::{LINE_CHARS_MAX, Record, StoredEvent, facts};
use crate::event::EventId;
use crate::issue::{Activity, Issue, IssueId, fold};
use crate::time::Timestamp;

/// Gathers what an issue shows.
#[derive(Debug)]
pub(crate) struct IssueView {
    issue: Issue,
    newest: Option<(Timestamp, [u8; 16], u64, EventId)>,
    users: BTreeSet<String>,
    activities: Vec<Activity>,
}

impl IssueView {
    /// Of an issue of which nothing is known yet but its names.
    pub(crate) fn new(id: IssueId, number: u64, project: &str) -> Self {
        let nobody = Timestamp::from_nanos(i64::MAX);
        Self {
            issue: Issue::new(id, number, project, EventId::NIL, nobody),
            newest: None,
            users: BTreeSet::new(),
            activities: Vec::new(),
        }
    }

    /// Takes in one of the issue's records.
    pub(crate) fn add(&mut self, record: &Record) {
        match record {
            Record::Activity(activity) => self.activities.push(activity.clone()),
            Record::Event { stored, .. } => self.add_event(stored),
            Record::Residue(residue) => {
                let issue = &mut self.issue;
                issue.seen_count += residue.count;
                issue.level = issue.level.max(residue.level);
                issue.first_seen = issue.first_seen.min(residue.first_seen);
            }
            Record::Issue { .. }
            | Record::Join { .. }
            | Record::Attachment(_)
            | Record::Tombstone { .. } => {}
        }
    }

    fn add_event(&mut self, stored: &StoredEvent) {
        let (event, issue) = (&stored.event, &mut self.issue);
        let time = event.timestamp.unwrap_or(stored.received_at);
        issue.seen_count += 1;
        issue.level = issue.level.max(event.level);
        issue.first_seen = issue.first_seen.min(time);
        if let Some((fact, value)) = facts::user(event) {
            self.users.insert(format!("{}:{value}", fact.name));
        }
        let place = (time, stored.process, stored.sequence, event.event_id);
        if self.newest.is_none_or(|newest| place > newest) {
            self.newest = Some(place);
            issue.last_seen = time;
            issue.last_event = event.event_id;
            issue.title = line(event.title());
            issue.culprit = event.culprit().map(line);
            issue.platform = line(event.platform.clone());
        }
    }

    /// The issue; `None` if it has no event.
    pub(crate) fn finish(mut self) -> Option<Issue> {
        self.newest?;
        self.issue.user_count = self.users.len() as u64;
        self.issue.state = fold(&self.activities);
        self.issue.status = self.issue.state.status;
        if let Some(title) = &self.issue.state.title {
            self.issue.title.clone_from(title);
        }
        Some(self.issue)
    }
}

/// At most [`LINE_CHARS_MAX`] characters, the last one a mark if something was cut. Without NUL, at which patterns would
/// end.
pub(super) fn line(mut text: String) -> String {
    if text.contains('\0') {
        text = text.replace('\0', "\u{fffd}");
    }
    if text.char_indices().nth(LINE_CHARS_MAX).is_none() {
        return text;
    }
    if let Some((end, _)) = text.char_indices().nth(LINE_CHARS_MAX - 1) {
        text.truncate(end);
        text.push('…');
    }
    text
}
