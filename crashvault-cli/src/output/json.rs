//! Enters: what the engine answers. Leaves: JSON with documented keys (docs/guide/command.md); keys are only ever added.

use crashvault::{
    Activity, Archive, ArchivedIssue, Attachment, Finding, Issue, IssueId, Join, ReportCursor,
    ReportRefusal, SpaceReport, StoredEvent, Timestamp, ValueCount, VaultStatus, Why,
};
use serde_json::{Value, json};

pub fn issue(issue: &Issue) -> Value {
    // Resolution and ignore have one form, here and in activities.
    let state = issue.state.to_value();
    json!({
        "id": issue.id.to_string(),
        "number": issue.number,
        "project": issue.project,
        "status": issue.status.name(),
        "level": issue.level.name(),
        "title": issue.title,
        "culprit": issue.culprit,
        "platform": issue.platform,
        "first_seen": issue.first_seen.to_string(),
        "last_seen": issue.last_seen.to_string(),
        "seen_count": issue.seen_count,
        "last_event": issue.last_event.to_string(),
        "user_count": issue.user_count,
        "assignee": issue.state.assignee,
        "severity": issue.state.severity,
        "is_regressed": issue.state.regression.is_some(),
        "regression": issue.state.regression.map(|event| event.to_string()),
        "is_bookmarked": issue.state.is_bookmarked,
        "review": issue.state.review.map(|step| step.name()),
        "resolution": state["resolution"],
        "ignore": state["ignore"],
        "tags": issue.state.tags,
        "comment_count": issue.state.comment_count,
    })
}

/// An issue that lies in an archive.
pub fn archived(archived: &ArchivedIssue) -> Value {
    let mut value = issue(&archived.issue);
    value["archive"] = archived.path.to_string_lossy().into();
    value
}

/// One event among those that a search found.
pub fn found_event(stored: &StoredEvent) -> Value {
    let event = &stored.event;
    json!({
        "id": event.event_id.to_string(),
        "issue": stored.issue.to_string(),
        "issue_number": stored.issue_number,
        "time": event.timestamp.unwrap_or(stored.received_at).to_string(),
        "received_at": stored.received_at.to_string(),
        "level": event.level.name(),
        "title": event.title(),
        "event": event.to_value(),
    })
}

fn value_count(value: &ValueCount) -> Value {
    json!({
        "key": value.key,
        "is_tag": value.is_tag,
        "value": value.value,
        "count": value.count,
    })
}

pub fn join(join: &Join) -> Value {
    json!({
        "reason": join.reason,
        "parts": join.parts,
        "variant": join.variant.to_string(),
        "algorithm": join.algorithm,
        "joined_at": join.joined_at.to_string(),
    })
}

/// An issue with all that `show` knows about it.
pub struct Shown {
    pub issue: Issue,
    pub joins: Vec<Join>,
    /// The issues that are part of it.
    pub merged: Vec<(u64, IssueId)>,
    pub why: Why,
    pub events: Vec<StoredEvent>,
    pub activities: Vec<Activity>,
    pub values: Vec<ValueCount>,
    pub hours: Vec<(Timestamp, u64)>,
    /// Of each event those that it has.
    pub attachments: Vec<Vec<Attachment>>,
}

pub fn shown(shown: &Shown) -> Value {
    let events = shown.events.iter().map(|stored| stored.event.to_value());
    let hours = shown.hours.iter();
    let hours = hours.map(|(hour, count)| json!({"hour": hour.to_string(), "count": count}));
    let merged = shown.merged.iter();
    let merged = merged.map(|(number, id)| json!({"number": number, "id": id.to_string()}));
    json!({
        "issue": issue(&shown.issue),
        "merged": merged.collect::<Vec<_>>(),
        "joins": shown.joins.iter().map(join).collect::<Vec<_>>(),
        "why": shown.why.to_value(),
        "events": events.collect::<Vec<_>>(),
        "activities": shown.activities.iter().map(Activity::to_value).collect::<Vec<_>>(),
        "values": shown.values.iter().map(value_count).collect::<Vec<_>>(),
        "hours": hours.collect::<Vec<_>>(),
        "attachments": shown.attachments.iter().flatten().map(attachment).collect::<Vec<_>>(),
    })
}

pub fn attachment(attachment: &Attachment) -> Value {
    json!({
        "event": attachment.event.to_string(),
        "name": attachment.name,
        "content_type": attachment.content_type,
        "kind": attachment.kind,
        "size_bytes": attachment.size_bytes,
        "hash": attachment.hash_hex(),
        "added_at": attachment.added_at.to_string(),
    })
}

pub fn archive(archive: &Archive) -> Value {
    json!({
        "path": archive.path.to_string_lossy(),
        "issue_count": archive.issues,
        "event_count": archive.events,
        "bytes": archive.bytes,
        "created_at": archive.created_at.map(|time| time.to_string()),
        "vault_id": (!archive.vault_id.is_empty()).then_some(&archive.vault_id),
        "fault": archive.fault,
    })
}

/// Where events were sent to, and how many are still to be.
pub fn reported((cursor, waiting): &(ReportCursor, u64)) -> Value {
    json!({
        "destination": cursor.destination,
        "sent_count": cursor.sent_count,
        "refused_count": cursor.refused_count,
        "waiting_count": waiting,
        "refusals": cursor.refusals.iter().map(refusal).collect::<Vec<_>>(),
        "trouble": cursor.trouble,
        "kept_at": cursor.kept_at.map(|at| at.to_string()),
    })
}

/// An event that was refused where it was sent to.
pub fn refusal(refusal: &ReportRefusal) -> Value {
    json!({
        "event_id": refusal.event_id.to_string(),
        "reason": refusal.reason,
        "at": refusal.at.to_string(),
    })
}

/// What a vault holds; with what its tables take, where that was asked for.
pub fn status(status: &VaultStatus, space: Option<&SpaceReport>) -> Value {
    let settings = status.settings.iter().map(|setting| {
        json!({"key": setting.key, "value": setting.value, "source": setting.source.to_string()})
    });
    let mut value = json!({
        "directory": status.directory.to_string_lossy(),
        "vault_id": status.vault_id,
        "format": status.format,
        "is_read_only": status.is_read_only,
        "event_count": status.event_count,
        "issue_count": status.issue_count,
        "project_count": status.project_count,
        "waiting_count": status.waiting_count,
        "writers_alive": status.writers_alive,
        "throttled_count": status.throttled_count,
        "sampled_count": status.sampled_count,
        "refused_count": status.refused_count,
        "lost_count": status.lost_count,
        "last_failure": status.last_failure,
        "torn_count": status.torn_count,
        "unreadable_count": status.unreadable_count,
        "store_bytes": status.store_bytes,
        "journal_bytes": status.journal_bytes,
        "symbols_bytes": status.symbols_bytes,
        "attachments_bytes": status.attachments_bytes,
        "archive_bytes": status.archive_bytes,
        "payload_bytes": status.payload_bytes,
        "index_bytes": index_bytes(status),
        "store_free_bytes": status.store_free_bytes,
        "disk_free_bytes": status.disk_free_bytes,
        "is_disk_full": status.is_disk_full,
        "settings": settings.collect::<Vec<_>>(),
    });
    if let Some(space) = space {
        let tables = space.tables.iter();
        let tables = tables.map(|(name, bytes)| json!({"name": name, "bytes": bytes}));
        value["tables"] = tables.collect();
    }
    value
}

/// What of the store is neither payloads nor free: other records, indexes, the log.
pub fn index_bytes(status: &VaultStatus) -> u64 {
    let known = status.payload_bytes + status.store_free_bytes;
    status.store_bytes.saturating_sub(known)
}

pub fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.to_string(),
        "what": finding.what,
        "advice": finding.advice,
    })
}
