//! NDJSON: one JSON text on each line, the records of docs/archive.md between a head and an end, and with them what is
//! attached.

use std::collections::HashSet;
use std::io::{BufRead, Read, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::record::{self, Fields, broken};
use super::{Counted, FORMAT, Item, Job, base64, classic};
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventId;
use crate::store::{Attachment, Record, hex};

/// Bytes of one line with its end, for a writer and a reader alike: no sender's limit comes near, and a small file that
/// unpacks to more must not fill the memory.
pub(crate) const LINE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of an attachment on one line; a multiple of three, so that base64 needs no padding in between.
const CHUNK_BYTES: usize = 768 * 1024;

/// The lines of a file whose last one says how many there are and what they hash to.
pub(crate) struct Lines<'p, R> {
    operation: &'static str,
    path: &'p Path,
    reader: R,
    /// Of all lines before the present one.
    hasher: blake3::Hasher,
    count: u64,
    line: Vec<u8>,
}

impl<'p, R: BufRead> Lines<'p, R> {
    /// From the first line on; what is done with the file and its name are for messages.
    pub(crate) fn new(operation: &'static str, path: &'p Path, reader: R) -> Self {
        Self {
            operation,
            path,
            reader,
            hasher: blake3::Hasher::new(),
            count: 0,
            line: Vec::new(),
        }
    }

    fn corrupt(&self, what: &str) -> Error {
        let message = format!("{}, line {}: {what}", self.path.display(), self.count);
        Error::new(ErrorKind::Corrupt, self.operation, message)
            .with_context("path", self.path.display())
    }

    /// The error with the line it is about.
    pub(crate) fn at_line(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Unsupported => error,
            _ => self.corrupt(error.message()),
        }
    }

    /// The next line, whatever is in it, of at most so many bytes.
    pub(crate) fn next(&mut self, bytes_max: u64) -> Result<Value> {
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

    /// Whether the file is what its last line says, and ends there.
    pub(crate) fn check_end(&mut self, end: &Value) -> Result<()> {
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

/// LimitReached for a record that no reader would take.
pub(crate) fn too_long(operation: &'static str, record: &Record, bytes: usize) -> Error {
    let what = match record {
        Record::Event { stored, .. } => format!("event {}", stored.event.event_id),
        Record::Activity(activity) => format!("activity {}", activity.id),
        _ => "a record".to_owned(),
    };
    let message = format!("{what} takes {bytes} bytes, a line holds up to {LINE_BYTES_MAX}");
    Error::new(ErrorKind::LimitReached, operation, message)
}

/// The first line, which begins every export that can be read back.
pub(super) fn head(job: &Job<'_>) -> Value {
    json!({
        "crashvault_export": FORMAT,
        "vault": EventId::from_bytes(job.vault).to_string(),
        "created_at": job.at.to_string(),
        "is_whole": job.issues.is_none(),
    })
}

struct Writer<'w> {
    out: &'w mut dyn Write,
    hasher: blake3::Hasher,
    lines: u64,
    /// The contents that were written, by the first half of their hashes.
    contents: HashSet<[u8; 16]>,
}

/// Writes all records.
pub(super) fn write(job: &Job<'_>, out: &mut dyn Write, counted: &mut Counted<'_>) -> Result<()> {
    let mut writer = Writer {
        out,
        hasher: blake3::Hasher::new(),
        lines: 0,
        contents: HashSet::new(),
    };
    writer.line(head(job).to_string().as_bytes())?;
    let unreadable = job.store.records(job.issues, &mut |record| {
        if let Record::Attachment(attachment) = &record
            && writer.content(job, attachment).is_err()
        {
            counted.report.attachments_missing += 1;
        }
        let line = record::to_text(&record);
        if line.len() as u64 >= LINE_BYTES_MAX {
            return Err(too_long("export", &record, line.len()));
        }
        if is_shown(job, &record)? {
            counted.count(&record);
        }
        writer.line(&line)
    })?;
    counted.report.events_unreadable += unreadable;
    writer.end()
}

/// An issue without events has a number, and is not counted.
fn is_shown(job: &Job<'_>, record: &Record) -> Result<bool> {
    match record {
        Record::Issue { number, .. } => Ok(classic::issue(job.store, *number)?.is_some()),
        _ => Ok(true),
    }
}

impl Writer<'_> {
    fn line(&mut self, text: &[u8]) -> Result<()> {
        for part in [text, b"\n"] {
            self.hasher.update(part);
            self.out.write_all(part).map_err(super::unwritten)?;
        }
        self.lines += 1;
        Ok(())
    }

    /// The content before the first record that names it, so that a reader has it when it comes to that. The last piece
    /// is told by its size.
    fn content(&mut self, job: &Job<'_>, attachment: &Attachment) -> Result<()> {
        let mut key = [0; 16];
        key.copy_from_slice(&attachment.hash[..16]);
        if self.contents.contains(&key) {
            return Ok(());
        }
        let mut reader = (job.content)(attachment)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut offset = 0;
        while offset < attachment.size_bytes || attachment.size_bytes == 0 {
            let wanted = (attachment.size_bytes - offset).min(CHUNK_BYTES as u64) as usize;
            reader
                .read_exact(&mut chunk[..wanted])
                .map_err(|source| broken("an attachment").with_source(source))?;
            let content = json!({"content": {
                "hash": hex(&attachment.hash), "size_bytes": attachment.size_bytes, "offset": offset,
                "base64": base64::encode(&chunk[..wanted]),
            }});
            self.line(content.to_string().as_bytes())?;
            offset += wanted as u64;
            if attachment.size_bytes == 0 {
                break;
            }
        }
        self.contents.insert(key);
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        let hash = self.hasher.finalize().to_hex();
        let end = json!({"end": {"lines": self.lines, "blake3": hash.as_str()}});
        self.line(end.to_string().as_bytes())
    }
}

/// Hands out what an export holds. Whether it is whole is known when this returns.
///
/// # Errors
/// Corrupt, naming file and line; Unsupported for a newer form; what `take` says.
pub(super) fn read(
    path: &Path,
    reader: impl BufRead,
    take: &mut dyn FnMut(Item) -> Result<()>,
) -> Result<()> {
    let mut lines = Lines::new("import", path, reader);
    let first = lines.next(super::HEAD_BYTES_MAX)?;
    super::check_head(path, &first).map_err(|error| lines.at_line(error))?;
    loop {
        let value = lines.next(LINE_BYTES_MAX)?;
        if let Some(end) = value.get("end") {
            return lines.check_end(end);
        }
        let item = match value.get("content") {
            Some(content) => piece(content),
            None => record::from_value(value).map(Item::Record),
        };
        take(item.map_err(|error| lines.at_line(error))?)?;
    }
}

fn piece(content: &Value) -> Result<Item> {
    let fields = Fields(content);
    let hash = blake3::Hash::from_hex(fields.text("hash")?).map_err(|_| broken("hash"))?;
    Ok(Item::Content {
        hash: *hash.as_bytes(),
        size_bytes: fields.number("size_bytes")?,
        offset: fields.number("offset")?,
        bytes: base64::decode(fields.text("base64")?).ok_or_else(|| broken("base64"))?,
    })
}
