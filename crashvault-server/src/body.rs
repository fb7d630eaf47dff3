//! A request's body → its bytes, decoded. What is on its way is bounded: on the wire, decoded, and over all requests.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::refusal::Refusal;

/// The longest body on the wire, in bytes.
pub(crate) const WIRE_BYTES_MAX: usize = 20 * 1024 * 1024;
/// The longest body once decoded, in bytes.
pub(crate) const DECODED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// All bodies that are being received and decoded, in bytes.
const TOGETHER_BYTES_MAX: usize = 192 * 1024 * 1024;
/// How long the next part of a body may take.
const PART_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a whole body may take.
const BODY_WAIT_MAX: Duration = Duration::from_secs(120);
/// What is decoded between two requests on the same thread: every event by itself. More is left to another thread.
const AT_ONCE_BYTES: usize = 2 * 1024 * 1024;
/// zstd's window, as a power of two: what RFC 8878 asks every decoder for.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// What all requests together hold in memory.
#[derive(Debug, Default)]
pub(crate) struct Budget(AtomicUsize);

/// A part of it; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes += bytes;
        let before = self.budget.0.fetch_add(bytes, Ordering::Relaxed);
        match before + bytes <= TOGETHER_BYTES_MAX {
            true => Ok(()),
            false => Err(Refusal::busy()),
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// One that is not known is none: so do others, and what comes of it is then refused for what it is.
    fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_ENCODING);
        let value = value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        match value.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "br" => Self::Brotli,
            "zstd" => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Receives a body and decodes it.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    share: &mut Share,
) -> Result<Bytes, Refusal> {
    let received = tokio::time::timeout(BODY_WAIT_MAX, receive(body, share)).await;
    let wire = received.map_err(|_| Refusal::too_slow())??;
    let coding = Coding::of(headers);
    if coding == Coding::Plain {
        return Ok(wire);
    }
    let decoded = match decode(coding, &wire, AT_ONCE_BYTES) {
        Err(Unfit::TooLong) => {
            // A bomb, or an honest long one: another thread finds out.
            share.grow(DECODED_BYTES_MAX)?;
            let work = move || decode(coding, &wire, DECODED_BYTES_MAX);
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or(Err(Unfit::Broken("the decoder failed".into())))
        }
        decoded => decoded,
    };
    match decoded {
        Ok(bytes) => {
            share.grow(bytes.len())?;
            Ok(bytes.into())
        }
        Err(Unfit::TooLong) => Err(Refusal::too_large(format!(
            "the body is longer than {DECODED_BYTES_MAX} bytes once it is decoded"
        ))),
        Err(Unfit::Broken(what)) => Err(Refusal::bad(
            format!("the body is not what Content-Encoding says: {what}"),
            "send it as it is, or name its encoding",
        )),
    }
}

async fn receive(mut body: Body, share: &mut Share) -> Result<Bytes, Refusal> {
    let mut whole = Vec::new();
    let mut only = None;
    loop {
        let part = tokio::time::timeout(PART_WAIT_MAX, body.frame()).await;
        let frame = match part.map_err(|_| Refusal::too_slow())? {
            None => break,
            Some(Ok(frame)) => frame,
            Some(Err(_)) => {
                return Err(Refusal::bad("the body broke off", "send the whole body"));
            }
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        share.grow(data.len())?;
        let so_far = only.as_ref().map_or(whole.len(), Bytes::len);
        if so_far + data.len() > WIRE_BYTES_MAX {
            let what = format!("the body is longer than {WIRE_BYTES_MAX} bytes");
            return Err(Refusal::too_large(what));
        }
        // Most bodies come in one part, which need not be copied.
        match (only.take(), whole.is_empty()) {
            (None, true) => only = Some(data),
            (None, false) => whole.extend_from_slice(&data),
            (Some(first), _) => {
                whole.extend_from_slice(&first);
                whole.extend_from_slice(&data);
            }
        }
    }
    Ok(only.unwrap_or_else(|| whole.into()))
}

#[derive(Debug, PartialEq)]
enum Unfit {
    TooLong,
    Broken(String),
}

fn decode(coding: Coding, wire: &[u8], bytes_max: usize) -> Result<Vec<u8>, Unfit> {
    let broken = |error: io::Error| Unfit::Broken(error.to_string());
    match coding {
        Coding::Plain => Ok(wire.to_vec()),
        Coding::Gzip => unpack(flate2::read::MultiGzDecoder::new(wire), bytes_max),
        Coding::Deflate => unpack(flate2::read::ZlibDecoder::new(wire), bytes_max),
        Coding::Brotli => unpack(
            brotli_decompressor::Decompressor::new(wire, wire.len().clamp(256, 16 * 1024)),
            bytes_max,
        ),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(wire).map_err(broken)?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG_MAX)
                .map_err(broken)?;
            unpack(decoder, bytes_max)
        }
    }
}

/// Reads no further than one byte above the limit, however long it would go on.
fn unpack(decoder: impl Read, bytes_max: usize) -> Result<Vec<u8>, Unfit> {
    let mut decoded = Vec::new();
    let read = decoder.take(bytes_max as u64 + 1).read_to_end(&mut decoded);
    read.map_err(|error| Unfit::Broken(error.to_string()))?;
    match decoded.len() <= bytes_max {
        true => Ok(decoded),
        false => Err(Unfit::TooLong),
    }
}

/// Decodes what old clients send in the address or instead of JSON: base64 of JSON, or of packed JSON.
pub(crate) fn unpack_deflated(bytes: &[u8]) -> Option<Vec<u8>> {
    decode(Coding::Deflate, bytes, DECODED_BYTES_MAX).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const TEXT: &[u8] = b"once more, once more, once more";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    #[test]
    fn each_coding_is_undone() {
        let check = |coding, wire: Vec<u8>| {
            assert_eq!(decode(coding, &wire, TEXT.len()).as_deref(), Ok(TEXT));
            assert_eq!(decode(coding, &wire, TEXT.len() - 1), Err(Unfit::TooLong));
            let torn = decode(coding, &wire[..wire.len() / 2], 1000);
            assert!(matches!(torn, Err(Unfit::Broken(_))), "{coding:?}");
        };
        check(Coding::Gzip, gzip(TEXT));
        check(Coding::Deflate, zlib(TEXT));
        check(Coding::Zstd, zstd(TEXT));
    }

    #[test]
    fn a_bomb_is_left_before_it_goes_off() {
        let bomb = vec![0; 100 << 20];
        for (coding, wire) in [(Coding::Gzip, gzip(&bomb)), (Coding::Zstd, zstd(&bomb))] {
            assert_eq!(decode(coding, &wire, 1 << 20), Err(Unfit::TooLong));
        }
    }

    #[test]
    fn what_requests_hold_together_is_bounded() {
        let budget = Arc::new(Budget::default());
        let mut first = budget.share();
        first.grow(TOGETHER_BYTES_MAX).unwrap();
        assert!(budget.share().grow(1).is_err());
        drop(first);
        assert!(budget.share().grow(1).is_ok());
    }
}
