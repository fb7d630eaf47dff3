//! Enters: what the engine answers. Leaves: JSON with documented keys (docs/guide/command.md); keys are only ever added.

use crashvault::{Finding, Issue, Join, StoredEvent, VaultStatus};
use serde_json::{Value, json};

pub fn issue(issue: &Issue) -> Value {
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

pub fn shown(of: &Issue, joins: &[Join], events: &[StoredEvent]) -> Value {
    json!({
        "issue": issue(of),
        "joins": joins.iter().map(join).collect::<Vec<_>>(),
        "events": events.iter().map(|stored| stored.event.to_value()).collect::<Vec<_>>(),
    })
}

pub fn status(status: &VaultStatus) -> Value {
    let settings = status.settings.iter().map(|setting| {
        json!({"key": setting.key, "value": setting.value, "source": setting.source.to_string()})
    });
    json!({
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
        "settings": settings.collect::<Vec<_>>(),
    })
}

pub fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.to_string(),
        "what": finding.what,
        "advice": finding.advice,
    })
}
