//! CSV in Crashvault 1's two sections; columns are only added at their ends.

use std::io::Write;

use super::{Counted, Job, classic, put, text};
use crate::error::Result;
use crate::issue::Issue;
use crate::store::{Record, StoredEvent};

const ISSUES: &str = "id,title,status,created_at,resolved_at,event_count,tags,\
    severity,level,project,last_seen,user_count,assignee,fingerprint,issue_id";
const EVENTS: &str = "event_id,issue_id,message,level,timestamp,source,tags,context,\
    stacktrace,host,pid,platform,release,environment,transaction,user_id";

/// Rows end with CR LF, the other lines with LF, as v1's do.
pub(super) fn write(job: &Job<'_>, out: &mut dyn Write, counted: &mut Counted<'_>) -> Result<()> {
    put(out, &format!("# Issues\n{ISSUES}\r\n"))?;
    let mut is_in_events = false;
    let unreadable = job.store.records(job.issues, &mut |record| {
        let row = match &record {
            Record::Issue { number, .. } => match classic::issue(job.store, *number)? {
                Some(issue) => issue_row(&issue),
                None => return Ok(()),
            },
            Record::Event { stored, .. } => {
                if !std::mem::replace(&mut is_in_events, true) {
                    put(out, &events_head())?;
                }
                event_row(stored)
            }
            _ => return Ok(()),
        };
        counted.count(&record);
        put(out, &joined(&row))
    })?;
    if !is_in_events {
        put(out, &events_head())?;
    }
    counted.report.events_unreadable += unreadable;
    Ok(())
}

fn events_head() -> String {
    format!("\n# Events\n{EVENTS}\r\n")
}

fn joined(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| text::cell(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

fn issue_row(issue: &Issue) -> Vec<String> {
    let state = &issue.state;
    vec![
        issue.number.to_string(),
        issue.title.clone(),
        issue.status.name().to_owned(),
        issue.first_seen.to_string(),
        classic::resolved_at(issue).unwrap_or_default(),
        issue.seen_count.to_string(),
        classic::words(&state.tags).join(", "),
        state.severity.clone().unwrap_or_default(),
        classic::level(issue.level).to_owned(),
        issue.project.clone(),
        issue.last_seen.to_string(),
        issue.user_count.to_string(),
        state.assignee.clone().unwrap_or_default(),
        classic::fingerprint(issue),
        issue.id.to_string(),
    ]
}

fn event_row(stored: &StoredEvent) -> Vec<String> {
    let event = &stored.event;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let user = event.user.as_ref().map(|user| text(&user.id));
    vec![
        classic::uuid(event.event_id),
        stored.issue_number.to_string(),
        classic::message(event),
        classic::level(event.level).to_owned(),
        classic::time(stored),
        text(&event.server_name),
        classic::words(&event.tags).join(", "),
        classic::context(event).to_string(),
        classic::stack(event),
        text(&event.server_name),
        classic::pid(event).to_string(),
        event.platform.clone(),
        text(&event.release),
        text(&event.environment),
        text(&event.transaction),
        user.unwrap_or_default(),
    ]
}
