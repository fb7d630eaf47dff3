//! Enters: a W3C `traceparent` text. Leaves: the trace an event belongs to, and the text that passes it on.
//!
//! Never: guesses at a text that breaks the standard's form.
//!
//! Source: W3C Trace Context, level 2, section 3.2 (`traceparent` header).

use std::fmt::{self, Write as _};

use super::local;
use crate::event::wire::{Encoder, Field};

/// The place of this program in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    id: [u8; 16],
    /// This program's own part of the trace; new for each program that takes the trace up.
    span: [u8; 8],
    /// The part of whoever called it.
    parent: Option<[u8; 8]>,
    flags: u8,
}

/// The only flags of version 00 that are passed on: sampled, random trace id.
const KNOWN_FLAGS: u8 = 0b11;

impl Trace {
    /// Takes up the trace of a caller. `None` if `text` is not a valid `traceparent`.
    ///
    /// Of versions after 00 the part that 00 defines is read, as the standard asks.
    pub(crate) fn continued(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        let (head, rest) = text.split_at_checked(55)?;
        let bytes = head.as_bytes();
        if [2, 35, 52].iter().any(|dash| bytes[*dash] != b'-') {
            return None;
        }
        let [version] = hex(&bytes[..2])?;
        let ends_well = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let id: [u8; 16] = hex(&bytes[3..35])?;
        let parent: [u8; 8] = hex(&bytes[36..52])?;
        let [flags] = hex(&bytes[53..])?;
        let is_valid = ends_well && id != [0; 16] && parent != [0; 8];
        is_valid.then(|| Self {
            id,
            span: new_span(),
            parent: Some(parent),
            flags: flags & KNOWN_FLAGS,
        })
    }

    /// A trace that begins here.
    pub(crate) fn begun() -> Self {
        let [first, second] = local::random();
        let id = (u128::from(first) << 64 | u128::from(second)) | 1;
        Self {
            id: id.to_be_bytes(),
            span: new_span(),
            parent: None,
            // Not sampled: nobody recorded it. Its id is random.
            flags: 0b10,
        }
    }

    /// Writes the event's context `trace`.
    pub(super) fn encode(self, encoder: &mut Encoder<'_>) {
        encoder.keyed(Field::Context as u8, "trace", self.to_json().as_bytes());
    }

    fn to_json(self) -> String {
        let mut json = String::with_capacity(128);
        // Writing to a String does not fail.
        let _ = write!(
            json,
            "{{\"trace_id\":\"{}\",\"span_id\":\"{}\"",
            Hex(&self.id),
            Hex(&self.span)
        );
        if let Some(parent) = &self.parent {
            let _ = write!(json, ",\"parent_span_id\":\"{}\"", Hex(parent));
        }
        json.push('}');
        json
    }
}

impl fmt::Display for Trace {
    /// The `traceparent` for whomever this program calls.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            Hex(&self.id),
            Hex(&self.span),
            self.flags
        )
    }
}

fn new_span() -> [u8; 8] {
    (local::random()[0] | 1).to_be_bytes()
}

struct Hex<'b>(&'b [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Lower-case digits only, as the standard has them.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// What is passed on: the same trace and flags, another span.
    fn check(text: &str, expected: Option<&str>) {
        let trace = Trace::continued(text);
        let flags = trace.map(|trace| {
            let next = trace.to_string();
            assert_eq!(next.len(), 55);
            assert_eq!(&next[..36], format!("00-{ID}-"));
            assert!(!text.contains(&next[36..52]), "the span is our own");
            next[53..].to_owned()
        });
        assert_eq!(flags.as_deref(), expected, "{text}");
    }

    #[test]
    fn a_version_00_is_read_whole() {
        check(&format!("00-{ID}-00f067aa0ba902b7-01"), Some("01"));
        check(&format!(" 00-{ID}-00f067aa0ba902b7-00\t"), Some("00"));
        check(&format!("00-{ID}-00f067aa0ba902b7-01-more"), None);
        check(&format!("00-{ID}-00f067aa0ba902b7-1"), None);
    }

    #[test]
    fn of_later_versions_the_known_part_is_read() {
        check(&format!("cc-{ID}-00f067aa0ba902b7-01"), Some("01"));
        check(
            &format!("cc-{ID}-00f067aa0ba902b7-01-what-the-future-holds"),
            Some("01"),
        );
        check(&format!("cc-{ID}-00f067aa0ba902b7-01.x"), None);
        check(&format!("cc-{ID}-00f067aa0ba902b7-ff"), Some("03"));
        check(&format!("ff-{ID}-00f067aa0ba902b7-01"), None);
    }

    #[test]
    fn zeros_capitals_and_other_texts_are_no_trace() {
        check(&format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), None);
        check(&format!("00-{ID}-0000000000000000-01"), None);
        check(
            &format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            None,
        );
        check(&format!("00_{ID}-00f067aa0ba902b7-01"), None);
        check("", None);
        check(&"ñ".repeat(40), None);
    }

    #[test]
    fn a_trace_that_begins_here_has_no_parent() {
        let trace = Trace::begun();
        let next = Trace::continued(&trace.to_string()).unwrap();
        assert_eq!((next.id, next.parent), (trace.id, Some(trace.span)));
        assert!(!trace.to_json().contains("parent_span_id"));
    }

    #[test]
    fn the_context_names_the_trace_and_both_spans() {
        let trace = Trace::continued(&format!("00-{ID}-00f067aa0ba902b7-01")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&trace.to_json()).unwrap();
        assert_eq!(json["trace_id"], ID);
        assert_eq!(json["parent_span_id"], "00f067aa0ba902b7");
        assert_eq!(json["span_id"].as_str().map(str::len), Some(16));
    }
}
