//! `prune`: old events leave.

use crashvault::{PruneReport, PruneRule};
use serde_json::json;

use super::Done;
use super::reading::{self, Place};
use crate::args::{Prune, Wait};
use crate::output::text::{bytes, counted};
use crate::output::{Screen, Stop};

pub fn run(place: &Place, prune: &Prune, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let report = match (rule(prune), prune.dry_run) {
        (Some(rule), _) => vault.prune(&rule)?,
        (None, true) => vault.retain_dry_run()?,
        (None, false) => vault.retain()?,
    };
    if screen.json {
        screen.value(&json!({
            "events_removed": report.events_removed,
            "attachments_removed": report.attachments_removed,
            "bytes_freed": report.bytes_freed,
            "is_dry_run": prune.dry_run,
        }))?;
    } else {
        screen.line(told(&report, prune.dry_run))?;
    }
    screen.flush()?;
    if report.events_removed == 0 && rule(prune).is_none() {
        screen.note(
            "[retention] in vault.toml lets none leave now; --older-than and --keep-events do",
        );
    }
    Ok(Done::Well)
}

/// What the options say; `None` if they leave it to the settings.
fn rule(prune: &Prune) -> Option<PruneRule> {
    let mut rule = PruneRule::new().dry_run(prune.dry_run);
    if let Some(time) = prune.older_than {
        rule = rule.before(time);
    }
    if let Some(days) = prune.days {
        rule = rule.older_than_days(days);
    }
    if let Some(count) = prune.keep_events {
        rule = rule.events_max(count);
    }
    if let Some(bytes) = prune.keep_bytes {
        rule = rule.bytes_max(bytes);
    }
    if let Some(level) = prune.level {
        rule = rule.level(level);
    }
    if let Some(status) = prune.status {
        rule = rule.status(status);
    }
    (rule != PruneRule::new().dry_run(prune.dry_run)).then_some(rule)
}

fn told(report: &PruneReport, is_dry_run: bool) -> String {
    let events = counted(report.events_removed, "event", "events");
    let freed = bytes(report.bytes_freed);
    if is_dry_run {
        return format!("{events} would leave, about {freed}");
    }
    let attachments = match report.attachments_removed {
        0 => String::new(),
        count => format!(" with {}", counted(count, "attachment", "attachments")),
    };
    format!("{events} left{attachments}, {freed} freed")
}
