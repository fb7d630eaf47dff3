//! Records ↔ an archive file: one zstd stream of JSON lines.
//!
//! The first line is `{"crashvault_archive": 1, "vault": …, "created_at": …}`, the last one
//! `{"end": {"lines": …, "blake3": …}}` with the number of lines before it and the hash of their bytes: a file that was
//! torn or changed is found. Between them lies one record on each line, under the name of its kind.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::event::EventId;
use crate::export::lines::{LINE_BYTES_MAX, Lines, too_long};
use crate::export::record::{Fields, broken, from_value, to_text};
use crate::store::Record;
use crate::time::Timestamp;

const WRITE: &str = "archive";
/// The version of the form.
const FORMAT: u64 = 1;
/// Slower than what is used every day, and a fifth smaller.
const ZSTD_LEVEL: i32 = 9;
/// Bytes of the first line, which anything can claim to have.
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
        writer.line(format!("{head}\n").as_bytes())?;
        Ok(writer)
    }

    /// # Errors
    /// LimitReached for a record that could not be read again, naming it; Io.
    pub(super) fn put(&mut self, record: &Record) -> Result<()> {
        let mut line = to_text(record);
        line.push(b'\n');
        if line.len() as u64 > LINE_BYTES_MAX {
            return Err(too_long(WRITE, record, line.len()));
        }
        self.line(&line)
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        self.hasher.update(line);
        self.lines += 1;
        let written = self.encoder.write_all(line);
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
    let mut lines = Lines::new("read archive", path, BufReader::new(decoder));
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
