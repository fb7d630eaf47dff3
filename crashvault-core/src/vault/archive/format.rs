//! Records ↔ an archive file: one zstd stream of JSON lines.
//!
//! The first line is `{"crashvault_archive": 1, "vault": …, "created_at": …}`, the last one
//! `{"end": {"lines": …, "blake3": …}}` with the number of lines before it and the hash of their bytes: a file that was
//! torn or changed is found. Between them lies one record on each line, under the name of its kind.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::super::attach;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventId, Level};
use crate::issue::{Activity, ActivityId, IssueId, Join, VariantKey};
use crate::store::{Attachment, Record, Residue, StoredEvent, hex};
use crate::time::Timestamp;

const WRITE: &str = "archive";
/// The version of the form.
const FORMAT: u64 = 1;
/// Slower than what is used every day, and a fifth smaller.
const ZSTD_LEVEL: i32 = 9;
/// Bytes of one line with its end, for a writer and a reader alike: no sender's limit comes near, and a small file that
/// unpacks to more must not fill the memory.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// The same of the first line, which anything can claim to have.
const HEAD_BYTES_MAX: u64 = 4096;

/// Writes an archive.
pub(super) struct Writer {
    encoder: zstd::stream::write::Encoder<'static, File>,
    path: PathBuf,
    hasher: blake3::Hasher,
    lines: u64,
}

impl Writer {
    pub(super) fn begin(file: File, path: &Path, vault: [u8; 16], at: Timestamp) -> Result<Self> {
        let encoder = zstd::stream::write::Encoder::new(file, ZSTD_LEVEL);
        let encoder = encoder.and_then(|mut encoder| {
            encoder.include_checksum(true)?;
            Ok(encoder)
        });
        let mut writer = Self {
            encoder: encoder.map_err(|error| Error::io(WRITE, path, error))?,
            path: path.to_owned(),
            hasher: blake3::Hasher::new(),
            lines: 0,
        };
        let vault = EventId::from_bytes(vault).to_string();
        let head =
            json!({"crashvault_archive": FORMAT, "vault": vault, "created_at": at.to_string()});
        writer.line(&format!("{head}\n"))?;
        Ok(writer)
    }

    /// # Errors
    /// LimitReached for a record that could not be read again, naming it; Io.
    pub(super) fn put(&mut self, record: &Record) -> Result<()> {
        let line = format!("{}\n", to_value(record));
        if line.len() as u64 > LINE_BYTES_MAX {
            return Err(too_long(record, line.len()));
        }
        self.line(&line)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        self.hasher.update(line.as_bytes());
        self.lines += 1;
        let written = self.encoder.write_all(line.as_bytes());
        written.map_err(|error| Error::io(WRITE, &self.path, error))
    }

    /// Ends the file; it is on the disk when this returns.
    pub(super) fn finish(mut self) -> Result<()> {
        let hash = self.hasher.finalize().to_hex();
        let end = json!({"end": {"lines": self.lines, "blake3": hash.as_str()}});
        let written = writeln!(self.encoder, "{end}")
            .and_then(|()| self.encoder.finish())
            .and_then(|file| file.sync_all());
        written.map_err(|error| Error::io(WRITE, &self.path, error))
    }
}

fn too_long(record: &Record, bytes: usize) -> Error {
    let what = match record {
        Record::Event { stored, .. } => format!("event {}", stored.event.event_id),
        Record::Activity(activity) => format!("activity {}", activity.id),
        _ => "a record".to_owned(),
    };
    let message =
        format!("{what} takes {bytes} bytes, an archive's line holds up to {LINE_BYTES_MAX}");
    Error::new(ErrorKind::LimitReached, WRITE, message)
}

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) vault: String,
    pub(super) created_at: Timestamp,
}

/// Hands out the records of an archive in their order. Whether the file is whole is known when this returns.
///
/// # Errors
/// Corrupt, naming file and line; Unsupported for a newer form; NotFound, Io; what `take` says.
pub(super) fn read(path: &Path, take: &mut dyn FnMut(Record) -> Result<()>) -> Result<Head> {
    let io = |error| Error::io("read archive", path, error);
    let file = File::open(path).map_err(io)?;
    let decoder = zstd::stream::read::Decoder::new(file).map_err(io)?;
    let mut lines = Lines {
        path,
        reader: BufReader::new(decoder),
        hasher: blake3::Hasher::new(),
        count: 0,
        line: Vec::new(),
    };
    let first = lines.next(HEAD_BYTES_MAX)?;
    let head = head(path, &first).map_err(|error| lines.at_line(error))?;
    loop {
        let value = lines.next(LINE_BYTES_MAX)?;
        if let Some(end) = value.get("end") {
            lines.check_end(end)?;
            return Ok(head);
        }
        take(from_value(value).map_err(|error| lines.at_line(error))?)?;
    }
}

struct Lines<'p, R> {
    path: &'p Path,
    reader: R,
    /// Of all lines before the present one.
    hasher: blake3::Hasher,
    count: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<'_, R> {
    fn corrupt(&self, what: &str) -> Error {
        let message = format!("{}, line {}: {what}", self.path.display(), self.count);
        Error::new(ErrorKind::Corrupt, "read archive", message)
            .with_context("path", self.path.display())
    }

    fn at_line(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Unsupported => error,
            _ => self.corrupt(error.message()),
        }
    }

    fn next(&mut self, bytes_max: u64) -> Result<Value> {
        self.hasher.update(&self.line);
        self.line.clear();
        self.count += 1;
        let read = self
            .reader
            .by_ref()
            .take(bytes_max)
            .read_until(b'\n', &mut self.line);
        if let Err(source) = read {
            return Err(self.corrupt("the file is damaged").with_source(source));
        }
        if self.line.last() != Some(&b'\n') {
            return Err(match self.line.len() as u64 == bytes_max {
                true => self.corrupt(&format!("the line is longer than {bytes_max} bytes")),
                false => self.corrupt("the file ends too early"),
            });
        }
        serde_json::from_slice(&self.line)
            .map_err(|source| self.corrupt("no JSON").with_source(source))
    }

    fn check_end(&mut self, end: &Value) -> Result<()> {
        let hash = self.hasher.finalize().to_hex();
        let is_whole = end.get("lines").and_then(Value::as_u64) == Some(self.count - 1)
            && end.get("blake3").and_then(Value::as_str) == Some(hash.as_str());
        let mut more = [0];
        match (is_whole, self.reader.read(&mut more)) {
            (true, Ok(0)) => Ok(()),
            (true, _) => Err(self.corrupt("something follows the end")),
            (false, _) => Err(self.corrupt("the content is not what the last line says")),
        }
    }
}

fn head(path: &Path, value: &Value) -> Result<Head> {
    let fields = Fields(value);
    match fields.number("crashvault_archive") {
        Ok(..=FORMAT) => {}
        Ok(newer) => {
            let message = format!(
                "{} has form {newer}, this version reads up to {FORMAT}; use a newer crashvault",
                path.display()
            );
            return Err(Error::new(ErrorKind::Unsupported, "read archive", message));
        }
        Err(_) => return Err(broken("no archive of Crashvault")),
    }
    Ok(Head {
        vault: fields.text("vault")?.to_owned(),
        created_at: fields.time("created_at")?,
    })
}

fn to_value(record: &Record) -> Value {
    match record {
        Record::Issue {
            number,
            id,
            project,
        } => {
            json!({"issue": {"number": number, "id": id.to_string(), "project": project}})
        }
        Record::Join { number, join } => json!({"join": {
            "number": number, "issue": join.issue.to_string(), "project": join.project,
            "variant": join.variant.to_string(), "reason": join.reason, "parts": join.parts,
            "algorithm": join.algorithm, "joined_at": join.joined_at.to_string(),
        }}),
        Record::Activity(activity) => json!({"activity": activity.to_value()}),
        Record::Event { project, stored } => json!({"event": {
            "issue": stored.issue.to_string(), "number": stored.issue_number, "project": project,
            "variant": stored.variant.to_string(), "ingest_sequence": stored.ingest_sequence,
            "received_at": stored.received_at.to_string(), "process": hex(&stored.process),
            "sequence": stored.sequence, "body": stored.event.to_value(),
        }}),
        Record::Attachment(attachment) => json!({"attachment": {
            "id": attachment.id, "event": attachment.event.to_string(), "name": attachment.name,
            "content_type": attachment.content_type, "kind": attachment.kind, "hash": attachment.hash_hex(),
            "size_bytes": attachment.size_bytes, "added_at": attachment.added_at.to_string(),
        }}),
        Record::Residue(residue) => json!({"residue": {
            "issue": residue.issue.to_string(),
            "project": residue.variant.as_ref().map(|(project, _)| project),
            "variant": residue.variant.as_ref().map(|(_, variant)| variant.to_string()),
            "hour": residue.hour, "level": residue.level.name(), "count": residue.count,
            "first_seen": residue.first_seen.to_string(),
        }}),
    }
}

fn from_value(value: Value) -> Result<Record> {
    let Value::Object(line) = value else {
        return Err(broken("no record"));
    };
    let (kind, mut value) = line
        .into_iter()
        .next()
        .ok_or_else(|| broken("an empty record"))?;
    let body = value.get_mut("body").map(Value::take);
    let fields = Fields(&value);
    match kind.as_str() {
        "issue" => Ok(Record::Issue {
            number: fields.number("number")?,
            id: fields.parsed("id")?,
            project: fields.text("project")?.to_owned(),
        }),
        "join" => join(&fields),
        "activity" => activity(&value),
        "event" => event(&fields, body),
        "attachment" => attachment(&fields),
        "residue" => residue(&fields),
        other => Err(broken(&format!("a record of an unknown kind, '{other}'"))),
    }
}

/// Archives come from elsewhere too: what nobody could have decided here is refused.
fn activity(value: &Value) -> Result<Record> {
    let activity = Activity::from_value(value)?;
    activity.check()?;
    Ok(Record::Activity(activity))
}

fn join(fields: &Fields<'_>) -> Result<Record> {
    let (issue, variant): (IssueId, VariantKey) =
        (fields.parsed("issue")?, fields.parsed("variant")?);
    let mut join = Join::new(
        variant,
        issue,
        fields.text("project")?,
        fields.time("joined_at")?,
    );
    join.reason = fields.text("reason")?.to_owned();
    let parts = fields
        .0
        .get("parts")
        .and_then(Value::as_array)
        .ok_or_else(|| broken("parts"))?;
    join.parts = parts
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    join.algorithm = u32::try_from(fields.number("algorithm")?).map_err(|_| broken("algorithm"))?;
    Ok(Record::Join {
        number: fields.number("number")?,
        join,
    })
}

fn event(fields: &Fields<'_>, body: Option<Value>) -> Result<Record> {
    let body: Map<String, Value> = match body {
        Some(Value::Object(body)) => body,
        _ => return Err(broken("an event without a body")),
    };
    let process: ActivityId = fields.parsed("process")?;
    Ok(Record::Event {
        project: fields.text("project")?.to_owned(),
        stored: Box::new(StoredEvent {
            event: Event::from_object(body),
            issue: fields.parsed("issue")?,
            issue_number: fields.number("number")?,
            variant: fields.parsed("variant")?,
            ingest_sequence: fields.number("ingest_sequence")?,
            received_at: fields.time("received_at")?,
            process: *process.as_bytes(),
            sequence: fields.number("sequence")?,
        }),
    })
}

fn attachment(fields: &Fields<'_>) -> Result<Record> {
    let hash = blake3::Hash::from_hex(fields.text("hash")?).map_err(|_| broken("hash"))?;
    Ok(Record::Attachment(Attachment {
        id: fields.number("id")?,
        event: fields.parsed("event")?,
        // Archives come from elsewhere too.
        name: attach::clean(fields.text("name")?).unwrap_or_else(|| attach::UNNAMED.into()),
        content_type: fields.text("content_type").ok().and_then(attach::one_line),
        kind: attach::clean(fields.text("kind")?).unwrap_or_else(|| attach::KIND.into()),
        hash: *hash.as_bytes(),
        size_bytes: fields.number("size_bytes")?,
        added_at: fields.time("added_at")?,
    }))
}

fn residue(fields: &Fields<'_>) -> Result<Record> {
    let variant = match fields.text("project") {
        Ok(project) => Some((project.to_owned(), fields.parsed("variant")?)),
        Err(_) => None,
    };
    Ok(Record::Residue(Residue {
        issue: fields.parsed("issue")?,
        variant,
        hour: fields
            .0
            .get("hour")
            .and_then(Value::as_i64)
            .ok_or_else(|| broken("hour"))?,
        level: Level::from_name(fields.text("level")?).ok_or_else(|| broken("level"))?,
        count: fields.number("count")?,
        first_seen: fields.time("first_seen")?,
    }))
}

fn broken(what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "read archive",
        format!("unreadable: {what}"),
    )
}

struct Fields<'v>(&'v Value);

impl<'v> Fields<'v> {
    fn text(&self, name: &str) -> Result<&'v str> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| broken(name))
    }

    fn number(&self, name: &str) -> Result<u64> {
        self.0
            .get(name)
            .and_then(Value::as_u64)
            .ok_or_else(|| broken(name))
    }

    fn parsed<T: FromStr>(&self, name: &str) -> Result<T> {
        self.text(name)?.parse().map_err(|_| broken(name))
    }

    fn time(&self, name: &str) -> Result<Timestamp> {
        Timestamp::parse(self.text(name)?).ok_or_else(|| broken(name))
    }
}
