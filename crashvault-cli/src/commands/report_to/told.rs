//! What `report-to` did, for people and programs.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crashvault_notify::{ReportEnd, ReportOutcome};
use serde_json::{Map, Value, json};

use crate::output::text::{bytes, counted, visible};
use crate::output::{Screen, json};

/// Refused events that are told to people.
const REFUSALS_TOLD: usize = 5;
/// A line that changes faster is not read.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Tells what happened, and what is to be known of it.
pub fn tell(outcome: &ReportOutcome, screen: &mut Screen) -> io::Result<()> {
    if screen.json {
        return screen.value_line(&value(outcome));
    }
    screen.line(summary(outcome))?;
    screen.flush()?;
    for refusal in outcome.refusals.iter().take(REFUSALS_TOLD) {
        let reason = visible(&refusal.reason);
        screen.note(format!("event {} was refused ({reason})", refusal.event_id));
    }
    let more = outcome.refused_count.saturating_sub(REFUSALS_TOLD as u64);
    if more > 0 {
        let events = counted(more, "event", "events");
        screen.note(format!(
            "{events} more were refused; --json names the first 100"
        ));
    }
    if outcome.attachments_left_out > 0 {
        let files = counted(outcome.attachments_left_out, "attachment", "attachments");
        screen.note(format!(
            "{files} stayed here: too large, not wanted, a dump of memory, or the file is gone"
        ));
    }
    if let Some(left) = left(outcome) {
        screen.note(left);
    }
    Ok(())
}

/// Whether a round of many is worth a line.
pub fn is_news(outcome: &ReportOutcome, last: &ReportOutcome) -> bool {
    let answered = outcome.sent_count + outcome.known_count + outcome.refused_count;
    answered > 0 || outcome.trouble != last.trouble
}

fn summary(outcome: &ReportOutcome) -> String {
    let events = counted(outcome.sent_count, "event", "events");
    let files = match outcome.attachments_sent {
        0 => String::new(),
        count => format!(" with {}", counted(count, "attachment", "attachments")),
    };
    let place = visible(&outcome.destination);
    if outcome.is_dry_run {
        return format!("{events}{files} would be sent to {place}");
    }
    let known = match outcome.known_count {
        0 => String::new(),
        count => format!(", {count} that it had already"),
    };
    let size = match outcome.sent_bytes {
        0 => String::new(),
        sent => format!(" ({})", bytes(sent)),
    };
    format!("Sent {events}{files}{known} to {place}{size}")
}

/// What was not sent, and why.
fn left(outcome: &ReportOutcome) -> Option<String> {
    let events = counted(outcome.waiting_count, "event waits", "events wait");
    let why = outcome.trouble.as_deref().unwrap_or("it wants none now");
    let why = visible(why);
    match (outcome.end, outcome.next_try_at) {
        (ReportEnd::Waiting, Some(at)) => Some(format!("{events} ({why}); try again after {at}")),
        (ReportEnd::Waiting, None) => Some(format!("{events} ({why})")),
        (ReportEnd::Stopped, _) => Some(format!("stopped; {events}")),
        (ReportEnd::Limit, _) if !outcome.is_dry_run => Some(events),
        _ => None,
    }
}

fn value(outcome: &ReportOutcome) -> Value {
    let refusals = outcome.refusals.iter().map(json::refusal);
    let pauses = outcome.pauses.iter();
    let pauses = pauses.map(|(kind, until)| (kind.clone(), until.to_string().into()));
    json!({
        "destination": outcome.destination,
        "is_dry_run": outcome.is_dry_run,
        "end": outcome.end.name(),
        "sent_count": outcome.sent_count,
        "known_count": outcome.known_count,
        "refused_count": outcome.refused_count,
        "refusals": refusals.collect::<Vec<_>>(),
        "passed_count": outcome.passed_count,
        "attachment_count": outcome.attachments_sent,
        "attachment_left_out_count": outcome.attachments_left_out,
        "sent_bytes": outcome.sent_bytes,
        "waiting_count": outcome.waiting_count,
        "next_try_at": outcome.next_try_at.map(|at| at.to_string()),
        "trouble": outcome.trouble,
        "pauses": pauses.collect::<Map<_, _>>(),
    })
}

/// How far it is, on a terminal.
#[derive(Clone)]
pub struct Progress {
    is_shown: bool,
    told_at: Arc<Mutex<Option<Instant>>>,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            told_at: Arc::default(),
        }
    }

    pub fn tell(&self, outcome: &ReportOutcome) {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early = told_at.is_some_and(|at| at.elapsed() < TOLD_EVERY);
        if !self.is_shown || is_early && outcome.next_try_at.is_none() {
            return;
        }
        *told_at = Some(Instant::now());
        let sent = counted(outcome.sent_count, "event", "events");
        let wait = match outcome.next_try_at {
            Some(at) => format!(", waiting until {at}"),
            None => String::new(),
        };
        // That stderr may be closed stops no work.
        let _ = write!(io::stderr(), "\r{sent} sent{wait}\x1b[K");
    }

    pub fn end(&self) {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if told_at.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
