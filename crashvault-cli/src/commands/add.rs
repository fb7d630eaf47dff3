//! `add`: an event from the command line.

use std::io::Read;
use std::path::Path;

use crashvault::{Added, Event, Vault};
use serde_json::json;

use super::Done;
use crate::args::Add;
use crate::output::{Failure, Screen, Stop};

/// Of a stack on stdin, in bytes.
const STACK_BYTES_MAX: u64 = 1024 * 1024;

pub fn run(directory: &Path, add: &Add, screen: &mut Screen) -> Result<Done, Stop> {
    let event = event(add)?;
    let added = Vault::open(directory)?.add(event)?;
    tell_added(&added, screen)?;
    Ok(Done::Well)
}

/// Where an event came that was put in.
pub fn tell_added(added: &Added, screen: &mut Screen) -> std::io::Result<()> {
    if screen.json {
        screen.value(&json!({
            "event_id": added.event_id.to_string(),
            "issue_number": added.issue_number,
            "is_new_issue": added.is_new_issue,
            "is_known": added.is_known,
            "is_regression": added.is_regression,
        }))
    } else {
        tell(added, screen)
    }
}

/// In v1's words.
fn tell(added: &Added, screen: &mut Screen) -> std::io::Result<()> {
    let number = added.issue_number;
    if added.is_known {
        return screen.line(format!(
            "Event {} was in issue #{number} already",
            added.event_id
        ));
    }
    if added.is_new_issue {
        screen.line(format!("Created new issue #{number}"))?;
    }
    let event = added.event_id;
    screen.line(format!("Event {event} logged to issue #{number}"))?;
    if added.is_regression {
        screen.line(format!(
            "Issue #{number} was resolved; this is a regression, and it is open again"
        ))?;
    }
    Ok(())
}

fn event(add: &Add) -> Result<Event, Failure> {
    let mut event = Event::new();
    event.platform = "other".into();
    event.message = Some(add.message.clone());
    event.level = add.level;
    event.tags = add.tags.iter().cloned().collect();
    let details = add.context.iter();
    event.extra = details
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    event.set_own("project", add.project.as_str());
    if let Some(stack) = stack(add)? {
        event.set_own("stack", stack);
    }
    event.event_id = add.id.unwrap_or_default();
    event.server_name = host();
    Ok(event)
}

/// The host that the command runs on.
pub fn host() -> Option<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    host.ok().map(|name| name.trim().to_owned())
}

fn stack(add: &Add) -> Result<Option<String>, Failure> {
    match add.stack.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => text_or_stdin(text).map(Some),
    }
}

/// The text itself, or what is on stdin for `-`.
pub fn text_or_stdin(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(STACK_BYTES_MAX)
        .read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(format!("cannot read stdin: {error}"), ""))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
