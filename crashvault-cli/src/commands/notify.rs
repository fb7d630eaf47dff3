//! `notify`: an event as a notification of the desktop, by a program that is there for it.

use std::io;
use std::process::{Command, Stdio};

use serde_json::json;

use super::Done;
use super::reading::{self, Place};
use crate::args::{Notify, Wait};
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop};

/// Characters of the title.
const CHARS_MAX: usize = 200;
/// The texts are arguments of the script, so that nothing in them is read as part of it.
const APPLE_SCRIPT: [&str; 6] = [
    "-e",
    "on run argv",
    "-e",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "-e",
    "end run",
];

pub fn run(place: &Place, notify: &Notify, screen: &mut Screen) -> Result<Done, Stop> {
    let vault = reading::open(place, Wait::default(), screen)?.vault;
    let stored = vault.event(notify.event)?;
    let level = stored.event.level.name().to_uppercase();
    let title = format!("Crashvault: #{} {level}", stored.issue_number);
    let text: String = stored.event.title().chars().take(CHARS_MAX).collect();
    let program = show(&title, &visible(&text))?;
    if screen.json {
        screen.value(&json!({
            "event_id": stored.event.event_id.to_string(),
            "issue_number": stored.issue_number,
            "program": program,
        }))?;
    } else {
        screen.line(format!("Shown by {program}: {title}"))?;
    }
    Ok(Done::Well)
}

/// The program that showed it.
fn show(title: &str, text: &str) -> Result<&'static str, Failure> {
    // Its text may be read as markup by whoever draws it.
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let desktop = ["--app-name=Crashvault", "--", title, &escaped];
    let apple: Vec<&str> = APPLE_SCRIPT.into_iter().chain([title, text]).collect();
    let programs: [(&'static str, &[&str]); 2] = [("notify-send", &desktop), ("osascript", &apple)];
    for (program, arguments) in programs {
        match start(program, arguments) {
            Ok(()) => return Ok(program),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("{program} could not show it: {error}");
                return Err(Failure::new(message, "is there a desktop session?"));
            }
        }
    }
    Err(Failure::new(
        "there is nothing here that shows notifications: neither notify-send nor osascript",
        "on Linux the package libnotify has notify-send",
    ))
}

fn start(program: &str, arguments: &[&str]) -> io::Result<()> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let output = command.stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(match said.is_empty() {
        true => output.status.to_string(),
        false => said,
    }))
}
