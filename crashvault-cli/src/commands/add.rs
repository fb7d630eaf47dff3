//! `add`: an event from the command line.

use std::io::{self, Read};
use std::path::Path;

use crashvault::{Added, Event, Vault};
use serde_json::json;

use super::Done;
use super::kept::Kept;
use crate::args::Add;
use crate::output::{Failure, Screen, Stop};

/// Kept of a text on stdin: how it begins, and how it ends, where a log tells of the failure.
const HEAD_BYTES: usize = 128 * 1024;
const TAIL_BYTES: usize = 896 * 1024;
const STEP_BYTES: usize = 64 * 1024;

pub fn run(directory: &Path, add: &Add, screen: &mut Screen) -> Result<Done, Stop> {
    let event = event(add)?;
    let added = Vault::open(directory)?.add(event)?;
    tell_added(&added, screen)?;
    Ok(Done::Well)
}

/// Where an event came that was put in.
pub fn tell_added(added: &Added, screen: &mut Screen) -> io::Result<()> {
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
fn tell(added: &Added, screen: &mut Screen) -> io::Result<()> {
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
    let kept = kept_of(&mut io::stdin().lock());
    kept.map_err(|error| Failure::new(format!("cannot read stdin: {error}"), ""))
}

/// All is read, whatever its length, so that the last words are among what is kept.
fn kept_of(from: &mut dyn Read) -> io::Result<String> {
    let mut kept = Kept::new(HEAD_BYTES, TAIL_BYTES);
    let mut bytes = vec![0; STEP_BYTES];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return Ok(kept.text()),
            Ok(read) => kept.add(&bytes[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
