//! An event in two kinds of parts: the frames that many events share, and the rest of it.

use serde_json::Value;

use super::write::{self, Stacks};
use super::{Event, Frame, Object};
use crate::error::{Error, ErrorKind};

/// An event as JSON, its stacks apart.
pub(crate) struct Apart {
    /// The event without what the stacks hold.
    pub(crate) rest: Vec<u8>,
    /// For each stack trace in the order of [`Event::stacktraces`]: a JSON list of its frames without what differs from
    /// event to event (addresses, variables); `None` if it has no frames.
    pub(crate) stacks: Vec<Option<Vec<u8>>>,
}

impl Event {
    /// Takes the event apart. [`Event::join`] makes an equal one of the parts.
    pub(crate) fn apart(&self) -> Apart {
        let stacks = self.stacktraces().map(|trace| {
            let has_frames = !trace.frames.is_empty();
            has_frames.then(|| write::shared_frames(&trace.frames))
        });
        Apart {
            rest: self.json(Stacks::Apart),
            stacks: stacks.collect(),
        }
    }

    /// Puts frames back into an event read from [`Apart::rest`]: one list for each stack trace, in the same order.
    pub(crate) fn join<'f>(&mut self, stacks: impl IntoIterator<Item = Option<&'f [Frame]>>) {
        for (trace, shared) in self.stacktraces_mut().zip(stacks) {
            let Some(shared) = shared else { continue };
            let own = std::mem::take(&mut trace.frames);
            trace.frames = shared.to_vec();
            for (frame, own) in trace.frames.iter_mut().zip(own) {
                frame.instruction_addr = own.instruction_addr;
                frame.other = own.other;
            }
        }
    }
}

/// Frames from a list of [`Apart::stacks`].
///
/// # Errors
/// Corrupt for anything but a JSON list.
pub(crate) fn read_frames(json: &[u8]) -> Result<Vec<Frame>, Error> {
    let corrupt = || {
        Error::new(
            ErrorKind::Corrupt,
            "read event",
            "a stack is no list of frames",
        )
    };
    let frames: Value =
        serde_json::from_slice(json).map_err(|source| corrupt().with_source(source))?;
    if !frames.is_array() {
        return Err(corrupt());
    }
    let thread = serde_json::json!({"stacktrace": {"frames": frames}});
    let event = Event::from_object(Object::from_iter([(
        "threads".to_owned(),
        Value::Array(vec![thread]),
    )]));
    let trace = event
        .threads
        .into_iter()
        .next()
        .and_then(|thread| thread.stacktrace);
    Ok(trace.map(|trace| trace.frames).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(event: Value) -> Apart {
        let event = Event::from_json(event.to_string().as_bytes()).unwrap();
        let apart = event.apart();
        let stacks: Vec<Option<Vec<Frame>>> = apart
            .stacks
            .iter()
            .map(|stack| stack.as_deref().map(|json| read_frames(json).unwrap()))
            .collect();
        let mut joined = Event::from_json(&apart.rest).unwrap();
        joined.join(stacks.iter().map(Option::as_deref));
        assert_eq!(joined, event);
        apart
    }

    #[test]
    fn what_every_event_has_of_its_own_stays_with_it() {
        let frames = json!([{"function": "f", "vars": {"x": 1}}, {"function": "g", "instruction_addr": "0x10"}]);
        let apart = check(
            json!({"exception": [{"stacktrace": {"frames": frames, "registers": {"rip": "1"}}}]}),
        );
        let rest = String::from_utf8(apart.rest).unwrap();
        assert!(rest.contains("vars") && rest.contains("0x10") && rest.contains("rip"));
        assert!(!rest.contains("function"));
    }

    #[test]
    fn frames_without_anything_of_their_own_leave_nothing() {
        let apart = check(
            json!({"exception": [{"stacktrace": {"frames": [{"function": "f", "lineno": 3}]}}]}),
        );
        assert!(!String::from_utf8(apart.rest).unwrap().contains("frames"));
        let shared = apart.stacks[0].as_deref().unwrap();
        assert_eq!(shared, br#"[{"function":"f","lineno":3}]"#);
    }

    #[test]
    fn all_stacks_of_an_event_are_taken_out() {
        let stack = |name: &str| json!({"frames": [{"function": name, "in_app": true}]});
        let apart = check(json!({
            "exception": [{"stacktrace": stack("cause")}, {"value": "no stack"}, {"stacktrace": {"frames": []}}],
            "threads": {"values": [{"id": 1}, {"id": 2, "stacktrace": stack("other")}]},
        }));
        assert_eq!(apart.stacks.len(), 3);
        assert!(apart.stacks[0].is_none());
    }

    #[test]
    fn broken_frames_stay_flaws() {
        check(
            json!({"exception": [{"stacktrace": {"frames": [7, {"lineno": "x", "function": "f"}]}}]}),
        );
    }

    #[test]
    fn what_is_no_list_of_frames_is_an_error() {
        assert!(read_frames(b"{}").is_err());
        assert!(read_frames(b"[").is_err());
    }
}
