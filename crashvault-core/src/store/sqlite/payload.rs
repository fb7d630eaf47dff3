//! Event ↔ the bytes of its payload.

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe;

use super::super::NewEvent;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;

/// JSON as one zstd frame with checksum, no dictionary.
pub(super) const CODEC_ZSTD: i64 = 1;

/// zstd's own default: of the time of a commit it takes a quarter.
const ZSTD_LEVEL: i32 = 3;

/// A payload that unpacks to more is damaged: no sender's limit comes near.
const JSON_BYTES_MAX: u64 = 1 << 30;

/// An event's payload as it is stored.
pub(super) struct Payload {
    pub(super) json_bytes: i64,
    pub(super) data: Vec<u8>,
}

/// Keeps its tables between events; making them costs as much as packing one.
pub(super) struct Encoder(Compressor<'static>);

impl Encoder {
    pub(super) fn new() -> Result<Self> {
        let mut compressor = Compressor::new(ZSTD_LEVEL).map_err(unpackable)?;
        // Four bytes that find a flipped bit, which SQLite does not look for inside a value.
        compressor.include_checksum(true).map_err(unpackable)?;
        Ok(Self(compressor))
    }

    pub(super) fn encode(&mut self, events: &[NewEvent]) -> Result<Vec<Payload>> {
        events
            .iter()
            .map(|new| self.encode_one(&new.event))
            .collect()
    }

    fn encode_one(&mut self, event: &Event) -> Result<Payload> {
        if event.event_id.is_nil() {
            let message = "an event needs an id before it is stored";
            return Err(Error::new(ErrorKind::InvalidInput, "commit", message));
        }
        let json = event.to_json();
        let data = self.0.compress(&json).map_err(unpackable)?;
        Ok(Payload {
            json_bytes: json.len() as i64,
            data,
        })
    }
}

fn unpackable(source: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, "commit", "cannot compress an event").with_source(source)
}

/// Keeps its tables between payloads, as [`Encoder`] does.
pub(super) struct Decoder(Decompressor<'static>);

impl Decoder {
    pub(super) fn new() -> Result<Self> {
        Decompressor::new().map(Self).map_err(|source| {
            Error::new(ErrorKind::Internal, "read event", "cannot decompress").with_source(source)
        })
    }

    /// The JSON text of a payload, its checksum compared.
    pub(super) fn decode(&mut self, codec: i64, data: &[u8]) -> Result<Vec<u8>> {
        if codec != CODEC_ZSTD {
            let message =
                format!("payload codec {codec} is not known; this version reads {CODEC_ZSTD}");
            return Err(Error::new(ErrorKind::Unsupported, "read event", message));
        }
        let corrupt = |what: &str| Error::new(ErrorKind::Corrupt, "read event", what);
        let declared = zstd_safe::get_frame_content_size(data)
            .ok()
            .flatten()
            .filter(|bytes| *bytes <= JSON_BYTES_MAX)
            .ok_or_else(|| corrupt("the payload has a damaged head"))?;
        self.0
            .decompress(data, declared as usize)
            .map_err(|source| corrupt("the payload is damaged").with_source(source))
    }
}
