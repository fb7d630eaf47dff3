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
    let (vault, kept) = match attach.event.is_none() && attach.issue.is_none() {
        true => with_note(place, attach)?,
        false => with_event(place, attach, screen)?,
    };
    tell(&vault, &kept, screen)?;
    Ok(Done::Well)
}

fn with_note(place: &Place, attach: &Attach) -> Result<(Vault, Attachment), Stop> {
    // Before anything is made: a file that cannot be had leaves no note, and no vault.
    let file = file(place, attach)?;
    let note = Event::note(format!("File {}", file.name));
    let mut vault = Vault::open(&place.directory)?;
    let kept = vault
        .add_attached(note::signed(note, &[], "default"), &file)?
        .1;
    Ok((vault, kept))
}

fn with_event(
    place: &Place,
    attach: &Attach,
    screen: &Screen,
) -> Result<(Vault, Attachment), Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let target = target(&vault, attach, screen)?;
    let kept = vault.attach(target, &file(place, attach)?)?;
    Ok((vault, kept))
}

fn tell(vault: &Vault, kept: &Attachment, screen: &mut Screen) -> Result<(), Stop> {
    let event = kept.event;
    let number = vault.event(event)?.issue_number;
    if screen.json {
        let mut value = json::attachment(kept);
        value["issue_number"] = number.into();
        return Ok(screen.value(&value)?);
    }
    let (name, size) = (visible(&kept.name), bytes(kept.size_bytes));
    Ok(screen.line(format!(
        "Attached {name} ({size}) to event {event} of issue #{number}"
    ))?)
}

fn file(place: &Place, attach: &Attach) -> Result<NewAttachment, Stop> {
    let content = content(&place.directory, &attach.file)?;
    Ok(NewAttachment::new(name(attach), content))
}

/// The event that is to have the file.
fn target(vault: &Vault, attach: &Attach, screen: &Screen) -> Result<EventId, Stop> {
    match (attach.event, &attach.issue) {
        (Some(id), _) => Ok(vault.event(id)?.event.event_id),
        (None, Some(issue)) => {
            let (issue, event) = reading::find(vault, issue, screen)?;
            Ok(event.unwrap_or(issue.last_event))
        }
        (None, None) => Err(Failure::usage("nothing is named to attach to", "").into()),
    }
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

/// The file's bytes, unless they are more than it may have.
fn content(directory: &Path, file: &Path) -> Result<Vec<u8>, Stop> {
    let most = bytes_max(directory)?;
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
        Ok(_) if bytes.len() as u64 > most => Err(too_large(file, most).into()),
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

/// What the settings say, of a vault that may not be there yet.
fn bytes_max(directory: &Path) -> Result<u64, Stop> {
    let settings = match Vault::settings_of(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BYTES_MAX.1),
        settings => settings?,
    };
    let setting = settings.iter().find(|setting| setting.key == BYTES_MAX.0);
    let most = setting.and_then(|setting| setting.value.parse().ok());
    Ok(most.unwrap_or(BYTES_MAX.1))
}

fn too_large(file: &Path, most: u64) -> Failure {
    let path = file.display().to_string();
    let message = format!(
        "{} has more than {}, the most an attachment may have",
        visible(&path),
        bytes(most)
    );
    let mut failure = Failure::new(message, "shorten it or raise attachments.bytes_max");
    failure.kind = ErrorKind::LimitReached.name();
    failure
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
    let all = all(&vault, &asked.of, screen)?;
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
fn all(vault: &Vault, of: &IssueRef, screen: &Screen) -> Result<Vec<Attachment>, Stop> {
    let (issue, event) = reading::find(vault, of, screen)?;
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
    let mut all = all(&vault, &asked.of, screen)?.into_iter();
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
