//! `attach` and `attachment`: files that belong to events.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crashvault::{
    Attachment, ErrorKind, Event, EventId, IssueRef, NewAttachment, Timestamp, Vault,
};
use serde_json::json;

use super::reading::{self, Place};
use super::{Done, note};
use crate::args::{self, Attach, AttachmentCommand, AttachmentGet, AttachmentList, Wait};
use crate::output::age::age;
use crate::output::failure::NOT_FOUND;
use crate::output::text::{bytes, visible};
use crate::output::{Failure, Screen, Stop, json, table};

/// Events of an issue whose files are looked at, the newest.
const EVENTS_MAX: usize = 100;
/// The setting that bounds a file, and its value where it cannot be read.
const BYTES_MAX: (&str, u64) = ("attachments.bytes_max", 100 * 1024 * 1024);
const STDIN: &str = "stdin";

pub fn attach(place: &Place, attach: &Attach, screen: &mut Screen) -> Result<Done, Stop> {
    let is_new = attach.event.is_none() && attach.issue.is_none();
    let mut vault = match is_new {
        true => Vault::open(&place.directory)?,
        false => reading::open(place, Wait::default(), screen)?.vault,
    };
    // Before anything is made: a file that cannot be read leaves no note.
    let target = target(&vault, attach)?;
    let name = name(attach);
    let content = content(&vault, &attach.file)?;
    let event = match target {
        Some(event) => event,
        None => {
            let event = note::signed(Event::note(format!("File {name}")), &[], "default");
            vault.add(event)?.event_id
        }
    };
    let kept = vault.attach(event, &NewAttachment::new(name, content))?;
    let number = vault.event(event)?.issue_number;
    if screen.json {
        let mut value = json::attachment(&kept);
        value["issue_number"] = number.into();
        screen.value(&value)?;
    } else {
        let (name, size) = (visible(&kept.name), bytes(kept.size_bytes));
        screen.line(format!(
            "Attached {name} ({size}) to event {event} of issue #{number}"
        ))?;
    }
    Ok(Done::Well)
}

/// The event that is to have the file; `None`: a new one.
fn target(vault: &Vault, attach: &Attach) -> Result<Option<EventId>, Stop> {
    if let Some(id) = attach.event {
        return Ok(Some(vault.event(id)?.event.event_id));
    }
    let Some(issue) = &attach.issue else {
        return Ok(None);
    };
    let (issue, event) = reading::find(vault, issue)?;
    Ok(Some(event.unwrap_or(issue.last_event)))
}

fn name(attach: &Attach) -> String {
    let of_file = || match attach.file.as_os_str() == "-" {
        true => STDIN.into(),
        false => attach
            .file
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
    };
    attach.name.clone().unwrap_or_else(of_file)
}

/// The file's bytes, one more than it may have at most: the engine refuses it then.
fn content(vault: &Vault, file: &Path) -> Result<Vec<u8>, Stop> {
    let settings = vault.status()?.settings;
    let mut setting = settings.iter().filter(|setting| setting.key == BYTES_MAX.0);
    let most = setting
        .next()
        .and_then(|setting| setting.value.parse().ok());
    let most: u64 = most.unwrap_or(BYTES_MAX.1);
    let mut bytes = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin()
            .lock()
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes),
        false => File::open(file)
            .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes)),
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let path = file.display().to_string();
            let message = format!("cannot read {}: {error}", visible(&path));
            let mut failure = Failure::new(message, "name the file by its path");
            if error.kind() == io::ErrorKind::NotFound {
                failure.kind = ErrorKind::NotFound.name();
                failure.code = NOT_FOUND;
            }
            Err(failure.into())
        }
    }
}

pub fn run(
    place: &Place,
    attachment: &args::Attachment,
    screen: &mut Screen,
) -> Result<Done, Stop> {
    match &attachment.command {
        AttachmentCommand::List(asked) => list(place, asked, screen),
        AttachmentCommand::Get(asked) => get(place, asked, screen),
    }
}

fn list(place: &Place, asked: &AttachmentList, screen: &mut Screen) -> Result<Done, Stop> {
    let vault = reading::open(place, Wait::default(), screen)?.vault;
    let all = all(&vault, &asked.of)?;
    if screen.json {
        let all: Vec<_> = all.iter().map(json::attachment).collect();
        screen.value(&json!({ "attachments": all }))?;
        return Ok(Done::Well);
    }
    let now = Timestamp::now();
    for attachment in &all {
        let line = match screen.width {
            None => table::attachment_line(attachment),
            Some(_) => format!(
                "{}  {}, {}, event {}",
                visible(&attachment.name),
                bytes(attachment.size_bytes),
                age(attachment.added_at, now),
                attachment.event,
            ),
        };
        screen.line(line)?;
    }
    if all.is_empty() {
        screen.note("there are no files");
    }
    Ok(Done::Well)
}

/// The files of an event or of an issue's newest events, those of the newest first.
fn all(vault: &Vault, of: &IssueRef) -> Result<Vec<Attachment>, Stop> {
    let (issue, event) = reading::find(vault, of)?;
    let events = match event {
        Some(event) => vec![event],
        None => {
            let events = vault.events(&issue.id, EVENTS_MAX)?;
            events.iter().map(|stored| stored.event.event_id).collect()
        }
    };
    let mut all = Vec::new();
    for event in events {
        all.extend(vault.attachments(event)?);
    }
    Ok(all)
}

fn get(place: &Place, asked: &AttachmentGet, screen: &mut Screen) -> Result<Done, Stop> {
    let vault = reading::open(place, Wait::default(), screen)?.vault;
    let mut all = all(&vault, &asked.of)?.into_iter();
    let Some(attachment) = all.find(|attachment| attachment.name == asked.name) else {
        let message = format!("there is no file {} there", visible(&asked.name));
        let mut failure = Failure::new(message, "`crashvault attachment list` shows the names");
        failure.kind = ErrorKind::NotFound.name();
        failure.code = NOT_FOUND;
        return Err(failure.into());
    };
    let content = vault.read_attachment(&attachment)?;
    if asked.output.as_deref() == Some(Path::new("-")) {
        screen.writer().write_all(&content)?;
        return Ok(Done::Well);
    }
    let path = path(asked, &attachment)?;
    write(&path, &content, asked.force)?;
    let shown = path.display().to_string();
    if screen.json {
        let mut value = json::attachment(&attachment);
        value["path"] = shown.into();
        screen.value(&value)?;
    } else {
        let size = bytes(attachment.size_bytes);
        screen.line(format!("Wrote {}, {size}", visible(&shown)))?;
    }
    Ok(Done::Well)
}

/// Where it is written. A name from the vault is one part of a path and never a way to somewhere else.
fn path(asked: &AttachmentGet, attachment: &Attachment) -> Result<PathBuf, Failure> {
    if let Some(path) = &asked.output {
        return Ok(path.clone());
    }
    let name = Path::new(&attachment.name);
    match name.file_name() == Some(name.as_os_str()) {
        true => Ok(name.to_owned()),
        false => Err(Failure::usage(
            format!("{} is no name for a file here", visible(&attachment.name)),
            "name one with --output",
        )),
    }
}

/// For its owner alone, as the vault keeps it.
fn write(path: &Path, content: &[u8], is_forced: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    match is_forced {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(content));
    written.map_err(|error| {
        let shown = path.display().to_string();
        let hint = match error.kind() {
            io::ErrorKind::AlreadyExists => "--force writes over it, --output names another",
            _ => "--output names another place",
        };
        Failure::new(format!("cannot write {}: {error}", visible(&shown)), hint)
    })
}
