//! `diagnose` and `open`: the places of an event in the source files that are on this machine.
//!
//! Never: reads what is no plain file, takes a name of an event for an option, or starts a shell.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use crashvault::event::SourcePlace;
use crashvault::{ErrorKind, StoredEvent, Timestamp};
use serde_json::{Value, json};

use super::Done;
use super::editor;
use super::reading::{self, Place};
use crate::args::{Diagnose, Open, Sources};
use crate::output::failure::NOT_FOUND;
use crate::output::source::{self, Found, Line};
use crate::output::text::{counted, visible};
use crate::output::{Failure, Screen, Stop};

/// Lines shown on each side.
const LINES_AROUND: u64 = 5;
/// Of a file, in bytes: what lies behind is not looked at.
const FILE_BYTES_READ: u64 = 16 * 1024 * 1024;
/// Of a line that is shown, in bytes.
const LINE_BYTES_MAX: usize = 1000;
/// Directories of a name that may be missing here.
const DIRECTORIES_DROPPED_MAX: usize = 16;

pub fn diagnose(place: &Place, asked: &Diagnose, screen: &mut Screen) -> Result<Done, Stop> {
    let stored = event(place, &asked.of, screen)?;
    let (mut found, missing) = find(&stored, &asked.of.directories);
    let all = found.len();
    found.truncate(asked.limit as usize);
    let shown: Vec<(Found, Vec<Line>)> = found
        .into_iter()
        .map(|found| {
            let lines = lines_around(&found.path, found.place.line).unwrap_or_default();
            (found, lines)
        })
        .collect();
    if screen.json {
        screen.value(&diagnosis(&stored, &shown, &missing))?;
        return Ok(Done::Well);
    }
    for (index, (found, lines)) in shown.iter().enumerate() {
        if index > 0 {
            screen.line("")?;
        }
        source::call(found, lines, screen)?;
    }
    screen.flush()?;
    tell_rest(all, shown.len(), missing.len(), screen);
    Ok(Done::Well)
}

pub fn open(place: &Place, asked: &Open, screen: &mut Screen) -> Result<Done, Stop> {
    let stored = event(place, &asked.of, screen)?;
    let (found, missing) = find(&stored, &asked.of.directories);
    let count = found.len();
    let wanted = found.into_iter().nth(asked.frame as usize - 1);
    let Some(found) = wanted else {
        return Err(no_such_frame(asked.frame, count, missing.len()).into());
    };
    if screen.json {
        screen.value(&value(&found))?;
        return Ok(Done::Well);
    }
    if asked.print {
        let path = found.path.display().to_string();
        screen.line(format!("{}:{}", visible(&path), found.place.line))?;
        return Ok(Done::Well);
    }
    if found.is_changed {
        screen.note("the file was changed after the event; the line may be another");
    }
    screen.flush()?;
    editor::open(&found.path, found.place.line, found.place.column, screen)?;
    Ok(Done::Well)
}

/// The event that is named, or the newest of the issue.
fn event(place: &Place, of: &Sources, screen: &Screen) -> Result<StoredEvent, Stop> {
    let vault = reading::open(place, of.wait, screen)?.vault;
    let (issue, asked) = reading::find(&vault, &of.issue, screen)?;
    let id = asked.unwrap_or(issue.last_event);
    Ok(vault.event(id)?)
}

fn no_such_frame(frame: u32, count: usize, missing: usize) -> Failure {
    let (message, hint) = match (count, missing) {
        (0, 0) => (
            "the event names no line of a source file".into(),
            "`crashvault show` tells what it has",
        ),
        (0, _) => (
            "none of the files that the event names is here".into(),
            "--source DIR says where the sources are; `crashvault diagnose --json` lists the files",
        ),
        _ => (
            format!(
                "there is no frame {frame}: the files of {} are here",
                counted(count as u64, "frame", "frames")
            ),
            "`crashvault diagnose` shows them in this order",
        ),
    };
    let mut failure = Failure::new(message, hint);
    failure.kind = ErrorKind::NotFound.name();
    failure.code = NOT_FOUND;
    failure
}

fn tell_rest(all: usize, shown: usize, missing: usize, screen: &Screen) {
    if all == 0 && missing == 0 {
        screen.note("the event names no line of a source file");
    }
    if all > shown {
        let calls = counted((all - shown) as u64, "call", "calls");
        screen.note(format!("{calls} more; --limit N shows more"));
    }
    if missing > 0 {
        let calls = counted(missing as u64, "call", "calls");
        screen.note(format!(
            "the files of {calls} are not here; --source DIR says where sources are"
        ));
    }
}

/// The places whose files are here, and those whose are not.
fn find(stored: &StoredEvent, directories: &[PathBuf]) -> (Vec<Found>, Vec<SourcePlace>) {
    let time = stored.event.timestamp.unwrap_or(stored.received_at);
    let mut roots: Vec<PathBuf> = directories.iter().filter_map(|d| absolute(d)).collect();
    roots.extend(std::env::current_dir());
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for place in stored.event.source_places() {
        match file_of(&place, &roots) {
            Some(path) => found.push(Found {
                number: found.len() + 1,
                is_changed: is_younger(&path, time),
                place,
                path,
            }),
            None => missing.push(place),
        }
    }
    (found, missing)
}

fn absolute(path: &Path) -> Option<PathBuf> {
    std::path::absolute(path).ok()
}

fn is_younger(path: &Path, time: Timestamp) -> bool {
    let changed = path.metadata().and_then(|data| data.modified()).ok();
    let changed = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    changed.is_some_and(|since| {
        i128::try_from(since.as_nanos()).is_ok_and(|at| at > i128::from(time.as_nanos()))
    })
}

fn file_of(place: &SourcePlace, roots: &[PathBuf]) -> Option<PathBuf> {
    let names = || place.path.iter().chain([&place.file]);
    let whole = names().map(Path::new).filter(|path| path.is_absolute());
    let mut candidates = whole.map(Path::to_path_buf);
    if let Some(path) = candidates.find(|path| is_plain_file(path)) {
        return Some(path);
    }
    roots
        .iter()
        .find_map(|root| names().find_map(|name| below(root, name)))
}

/// The file `name`, with or without its first directories, below `root`. What climbs out of a directory is no name.
fn below(root: &Path, name: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = Path::new(name)
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_str()),
            Component::ParentDir => Some(None),
            _ => None,
        })
        .collect::<Option<_>>()?;
    // A file's name alone is too little where the event says more: `main.py` is everywhere.
    let last = parts.len().saturating_sub(2).min(DIRECTORIES_DROPPED_MAX);
    (0..=last)
        .map(|dropped| root.join(parts[dropped..].iter().collect::<PathBuf>()))
        .find(|path| is_plain_file(path))
}

/// A pipe or a device could be read for ever.
fn is_plain_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file())
}

fn lines_around(path: &Path, line: u64) -> io::Result<Vec<Line>> {
    let first = line.saturating_sub(LINES_AROUND).max(1);
    let last = line.saturating_add(LINES_AROUND);
    let mut reader = BufReader::new(File::open(path)?.take(FILE_BYTES_READ));
    let (mut lines, mut bytes, mut number) = (Vec::new(), Vec::new(), 0);
    while number < last {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        number += 1;
        if number >= first {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_end_matches(['\n', '\r']);
            let text = crashvault::event::limits::cut(text, LINE_BYTES_MAX).into_owned();
            let is_marked = number == line;
            lines.push(Line {
                number,
                text,
                is_marked,
            });
        }
    }
    // A file that ends before the line is another file by now.
    Ok(lines.into_iter().filter(|_| number >= line).collect())
}

fn value(found: &Found) -> Value {
    let place = &found.place;
    json!({
        "frame": found.number,
        "function": place.function,
        "file": place.file,
        "path": found.path.to_string_lossy(),
        "line": place.line,
        "column": place.column,
        "in_app": place.in_app,
        "is_changed": found.is_changed,
    })
}

fn diagnosis(stored: &StoredEvent, shown: &[(Found, Vec<Line>)], missing: &[SourcePlace]) -> Value {
    let frames = shown.iter().map(|(found, lines)| {
        let lines = lines.iter().map(
            |line| json!({"number": line.number, "text": line.text, "is_marked": line.is_marked}),
        );
        let mut value = value(found);
        value["lines"] = lines.collect();
        value
    });
    let missing = missing.iter();
    let missing = missing.map(|place| json!({"file": place.file, "line": place.line}));
    json!({
        "event_id": stored.event.event_id.to_string(),
        "issue_number": stored.issue_number,
        "frames": frames.collect::<Vec<_>>(),
        "missing": missing.collect::<Vec<_>>(),
    })
}
