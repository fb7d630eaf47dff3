//! What Crashvault 1 left → [`OldIssue`]s, [`OldEvent`]s, files: its directory, or the JSON that its `export` wrote.
//!
//! Version 1 trusted nothing but a message's hash to tell issues apart, and lost track of its own numbers: an event
//! belongs to the issue whose fingerprint its message has, whatever number it carries. Everything is opened for reading
//! only, and what cannot be read is told and passed over.

mod event;
mod fernet;
mod files;
mod head;
mod issue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventId, Object, read_value};
use crate::group::LegacyFingerprint;

pub(crate) use event::{OldEvent, OldKind, id_of};
pub(crate) use issue::OldIssue;

/// An export or the list of issues, in bytes.
const WHOLE_BYTES_MAX: u64 = 2 << 30;
/// The file of one event, in bytes.
const EVENT_BYTES_MAX: u64 = 64 << 20;
const OPERATION: &str = "import v1";

/// Something of version 1 that did not come in, or not as it stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct V1Remark {
    /// The file, and the place in it.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Everything that is to be had, events and files not read yet.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) issues: Vec<OldIssue>,
    /// What does not come in.
    pub(crate) skipped: Vec<V1Remark>,
    /// What comes in otherwise than it stood there.
    pub(crate) changed: Vec<V1Remark>,
    index: Index,
    events: Events,
    /// What stood in the events met so far, by their ids.
    met: HashMap<EventId, [u8; 16]>,
}

/// Where the issues are found in their list.
#[derive(Debug, Default)]
struct Index {
    by_fingerprint: HashMap<LegacyFingerprint, usize>,
    /// `None` for a number that several issues have.
    by_number: HashMap<i64, Option<usize>>,
}

#[derive(Debug)]
enum Events {
    Directory(PathBuf),
    Export(PathBuf, Vec<Value>),
}

/// Whether version 1 left this: a directory of its own, or an export of it.
pub(crate) fn is_ours(path: &Path) -> bool {
    if path.is_dir() {
        return files::is_vault(path);
    }
    path.is_file() && File::open(path).is_ok_and(head::is_export)
}

/// The object that version 1's `export` wrote, whatever its version.
fn as_export(bytes: &[u8]) -> Option<Object> {
    match read_value(bytes) {
        Ok(Value::Object(export)) => {
            let has = |key| export.get(key).is_some_and(Value::is_array);
            let is_export = export.contains_key("version") && (has("issues") || has("events"));
            is_export.then_some(export)
        }
        _ => None,
    }
}

impl Source {
    /// Looks at everything but events and files.
    ///
    /// # Errors
    /// NotFound; InvalidInput for what version 1 did not write, and for a wrong password; Locked where one is needed;
    /// Unsupported for an export of another version; LimitReached, Io.
    pub(crate) fn open(path: &Path, password: Option<&str>) -> Result<Self> {
        match std::fs::metadata(path) {
            Err(error) => Err(Error::io(OPERATION, path, error)),
            Ok(metadata) if metadata.is_dir() => Self::open_directory(path, password),
            Ok(_) => Self::open_export(path),
        }
    }

    fn open_directory(path: &Path, password: Option<&str>) -> Result<Self> {
        if !files::is_vault(path) {
            let message = format!(
                "{} holds no data of Crashvault 1 (issues.json, events/)",
                path.display()
            );
            return Err(Error::new(ErrorKind::InvalidInput, OPERATION, message));
        }
        let mut source = Self::of(Events::Directory(path.to_owned()));
        let file = path.join("issues.json");
        match files::read(&file, WHOLE_BYTES_MAX) {
            Ok(bytes) => source.read_issues(&file, &opened(&file, bytes, password)?),
            Err(reason) => source.skip(&file, reason),
        }
        source.skip_links();
        Ok(source)
    }

    fn open_export(path: &Path) -> Result<Self> {
        let invalid = |reason: String| {
            let message = format!("{} {reason}", path.display());
            Error::new(ErrorKind::InvalidInput, OPERATION, message)
        };
        let bytes = files::read(path, WHOLE_BYTES_MAX).map_err(&invalid)?;
        if fernet::is_token(&bytes) {
            return Err(invalid(
                "is encrypted; name the directory it lies in".to_owned(),
            ));
        }
        let Some(mut export) = as_export(&bytes) else {
            return Err(invalid(
                "is no export of Crashvault 1 (an object with version, issues and events)".into(),
            ));
        };
        if export.get("version").and_then(Value::as_f64) != Some(1.0) {
            let message = format!("{} is an export of another version", path.display());
            return Err(Error::new(ErrorKind::Unsupported, OPERATION, message));
        }
        let mut list = |key: &str| match export.remove(key) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        let issues = list("issues");
        let mut source = Self::of(Events::Export(path.to_owned(), list("events")));
        for (place, value) in issues.into_iter().enumerate() {
            source.add_issue(&format!("{} issues[{place}]", path.display()), value);
        }
        Ok(source)
    }

    fn of(events: Events) -> Self {
        Self {
            issues: Vec::new(),
            skipped: Vec::new(),
            changed: Vec::new(),
            index: Index::default(),
            events,
            met: HashMap::new(),
        }
    }

    fn skip(&mut self, path: &Path, reason: impl Into<String>) {
        let path = path.display().to_string();
        let reason = reason.into();
        self.skipped.push(V1Remark { path, reason });
    }

    fn change(&mut self, path: &str, reason: impl Into<String>) {
        self.changed.push(V1Remark {
            path: path.to_owned(),
            reason: reason.into(),
        });
    }

    /// Two writers at once left lists that end in the middle, or go on behind their end: what stands before is good.
    fn read_issues(&mut self, file: &Path, bytes: &[u8]) {
        let (values, fault) = issue::entries(bytes);
        for (place, value) in values.into_iter().enumerate() {
            self.add_issue(&format!("{} [{place}]", file.display()), value);
        }
        if let Some(fault) = fault {
            self.skip(file, fault);
        }
    }

    fn add_issue(&mut self, path: &str, value: Value) {
        let Value::Object(fields) = value else {
            self.skip(Path::new(path), "not an object");
            return;
        };
        let (issue, oddities) = OldIssue::read(fields);
        for oddity in oddities {
            self.change(path, oddity);
        }
        let place = self.issues.len();
        if let Some(first) = self.index.by_fingerprint.get(&issue.fingerprint) {
            let first = self.issues[*first].name();
            let reason = format!("has the fingerprint of {first}, and is taken for it");
            return self.change(path, reason);
        }
        self.index.by_fingerprint.insert(issue.fingerprint, place);
        if let Some(number) = issue.number {
            let several = self.index.by_number.contains_key(&number);
            let found = (!several).then_some(place);
            self.index.by_number.insert(number, found);
        }
        self.issues.push(issue);
    }

    /// Hands out every event, with what is wrong with it.
    ///
    /// # Errors
    /// What `take` says.
    pub(crate) fn events(&mut self, take: &mut dyn FnMut(OldEvent) -> Result<()>) -> Result<()> {
        match std::mem::replace(&mut self.events, Events::Directory(PathBuf::new())) {
            Events::Directory(root) => {
                let below = root.join("events");
                for file in self.files_below(&below) {
                    if let Some(fields) = self.event_file(&file) {
                        let day = files::day_of(&below, &file);
                        let place = file.display().to_string();
                        self.hand_out(&place, fields, day, take)?;
                    }
                }
                self.events = Events::Directory(root);
            }
            Events::Export(path, values) => {
                for (number, value) in values.into_iter().enumerate() {
                    let place = format!("{} events[{number}]", path.display());
                    match value {
                        Value::Object(fields) => self.hand_out(&place, fields, None, take)?,
                        _ => self.skip(Path::new(&place), "not an object"),
                    }
                }
            }
        }
        Ok(())
    }

    fn event_file(&mut self, file: &Path) -> Option<Object> {
        if file.extension().is_none_or(|ending| ending != "json") {
            self.skip(file, "its name does not end with .json");
            return None;
        }
        let read = files::read(file, EVENT_BYTES_MAX).and_then(|bytes| read_value(&bytes));
        match read {
            Ok(Value::Object(fields)) => Some(fields),
            Ok(_) => {
                self.skip(file, "not an object");
                None
            }
            Err(reason) => {
                self.skip(file, reason);
                None
            }
        }
    }

    fn hand_out(
        &mut self,
        place: &str,
        fields: Object,
        day: Option<crate::time::Timestamp>,
        take: &mut dyn FnMut(OldEvent) -> Result<()>,
    ) -> Result<()> {
        let content = id_of(
            "event",
            Value::Object(fields.clone()).to_string().as_bytes(),
        );
        let mut old = event::read(fields, content, day, &self.index, &self.issues);
        match self.met.get(&old.event.event_id) {
            Some(known) if known == content.as_bytes() => {
                self.change(place, "stands there twice, and is kept once");
                return Ok(());
            }
            Some(_) => {
                old.renew_id(content);
                self.change(
                    place,
                    "has the id of another event, and gets one of its own",
                );
            }
            None => {}
        }
        self.met.insert(old.event.event_id, *content.as_bytes());
        take(old)
    }

    /// The files that belonged to no event, each with its name below `attachments/`.
    pub(crate) fn attachments(&mut self) -> Vec<(PathBuf, String)> {
        let Events::Directory(root) = &self.events else {
            return Vec::new();
        };
        let below = root.join("attachments");
        let files = self.files_below(&below).into_iter().filter_map(|file| {
            let name = file
                .strip_prefix(&below)
                .ok()?
                .to_string_lossy()
                .into_owned();
            (!files::is_of_this_version(&name)).then_some((file, name))
        });
        files.collect()
    }

    fn files_below(&mut self, directory: &Path) -> Vec<PathBuf> {
        let found = files::below(directory);
        for (path, reason) in found.refused {
            self.skip(&path, reason);
        }
        found.files
    }

    /// Version 1 followed them; what lies behind them is nobody's to copy.
    fn skip_links(&mut self) {
        let Events::Directory(root) = &self.events else {
            return;
        };
        let names = ["events", "attachments"].map(|name| root.join(name));
        for path in names.into_iter().filter(|path| path.is_symlink()) {
            self.skip(&path, files::LINK);
        }
    }
}

/// The text of a file that may be encrypted.
fn opened(file: &Path, bytes: Vec<u8>, password: Option<&str>) -> Result<Vec<u8>> {
    if !fernet::is_token(&bytes) {
        return Ok(bytes);
    }
    let Some(password) = password else {
        let message = format!("{} is encrypted; give its password", file.display());
        return Err(Error::new(ErrorKind::Locked, OPERATION, message));
    };
    fernet::open(&bytes, &fernet::Key::of_password(password)).ok_or_else(|| {
        let message = format!(
            "this is not the password of {}, or the file is damaged; nothing was imported",
            file.display()
        );
        Error::new(ErrorKind::InvalidInput, OPERATION, message)
    })
}
