//! An event in two kinds of parts: the frames that many events share, and the rest of it.

use super::raw::{Raw, RawObject};
use super::write::{self, Stacks};
use super::{Event, Frame};
use crate::error::{Error, ErrorKind};

impl Event {
    /// The event as JSON without what its stacks share with others. [`Event::join`] puts that back.
    pub(crate) fn json_apart(&self) -> Vec<u8> {
        self.json(Stacks::Apart)
    }

    /// Puts frames back into an event read from [`Event::json_apart`]: one list for each stack trace, in the order of
    /// [`Event::stacktraces`].
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

/// A stack as JSON: a list of its frames without what differs from event to event (addresses, variables).
pub(crate) fn write_frames(frames: &[Frame]) -> Vec<u8> {
    write::shared_frames(frames)
}

/// What tells stacks apart, in bytes: the same for two stacks if [`write_frames`] writes the same of them. Much quicker,
/// and most stacks have been met before.
pub(crate) fn put_key_of_frames(frames: &[Frame], key: &mut Vec<u8>) {
    for frame in frames {
        let texts = [
            &frame.function,
            &frame.module,
            &frame.filename,
            &frame.abs_path,
            &frame.context_line,
            &frame.package,
        ];
        for text in texts {
            put_text(text.as_deref(), key);
        }
        for lines in [&frame.pre_context, &frame.post_context] {
            put_number(Some(lines.len() as u64), key);
            lines.iter().for_each(|line| put_text(Some(line), key));
        }
        put_number(frame.lineno, key);
        put_number(frame.colno, key);
        key.push(frame.in_app.map_or(2, u8::from));
    }
}

fn put_text(text: Option<&str>, key: &mut Vec<u8>) {
    put_number(text.map(|text| text.len() as u64), key);
    key.extend_from_slice(text.unwrap_or_default().as_bytes());
}

fn put_number(number: Option<u64>, key: &mut Vec<u8>) {
    key.push(number.is_some().into());
    key.extend_from_slice(&number.unwrap_or_default().to_le_bytes());
}

/// Frames from a list that [`write_frames`] wrote.
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
    let text = std::str::from_utf8(json).map_err(|source| corrupt().with_source(source))?;
    // Borrowed from the text all the way: by way of values it took longer than to read three whole events.
    let frames: Raw<'_> =
        serde_json::from_str(text).map_err(|source| corrupt().with_source(source))?;
    if !matches!(frames, Raw::Array(_)) {
        return Err(corrupt());
    }
    let trace = object("frames", frames);
    let thread = object("stacktrace", Raw::Object(trace));
    let event = Event::from_raw(object("threads", Raw::Array(vec![Raw::Object(thread)])));
    let trace = event
        .threads
        .into_iter()
        .next()
        .and_then(|thread| thread.stacktrace);
    Ok(trace.map(|trace| trace.frames).unwrap_or_default())
}

fn object<'j>(key: &'static str, value: Raw<'j>) -> RawObject<'j> {
    let mut object = RawObject::default();
    object.insert(key, value);
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    struct Apart {
        rest: Vec<u8>,
        stacks: Vec<Option<Vec<u8>>>,
    }

    fn check(event: Value) -> Apart {
        let event = Event::from_json(event.to_string().as_bytes()).unwrap();
        let stacks = event.stacktraces().map(|trace| {
            let has_frames = !trace.frames.is_empty();
            has_frames.then(|| write_frames(&trace.frames))
        });
        let apart = Apart {
            rest: event.json_apart(),
            stacks: stacks.collect(),
        };
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

    /// Whether two stacks have one key, which must be so if and only if their JSON is one.
    fn check_keys(one: Value, other: Value, expected: bool) {
        let [one, other] =
            [one, other].map(|frames| read_frames(frames.to_string().as_bytes()).unwrap());
        let [key, other_key] = [&one, &other].map(|frames| {
            let mut key = Vec::new();
            put_key_of_frames(frames, &mut key);
            key
        });
        assert_eq!(key == other_key, expected);
        assert_eq!(write_frames(&one) == write_frames(&other), expected);
    }

    #[test]
    fn a_key_tells_apart_what_the_json_tells_apart() {
        check_keys(json!([{"function": "f"}]), json!([{"function": "f"}]), true);
        check_keys(
            json!([{"function": "f", "instruction_addr": "0x1"}]),
            json!([{"function": "f"}]),
            true,
        );
        check_keys(json!([{"function": "f"}]), json!([{"module": "f"}]), false);
        check_keys(
            json!([{"function": "f"}]),
            json!([{"function": "f"}, {}]),
            false,
        );
        check_keys(
            json!([{"function": "fg"}]),
            json!([{"function": "f", "module": "g"}]),
            false,
        );
        check_keys(json!([{"function": ""}]), json!([{}]), false);
        check_keys(json!([{"lineno": 0}]), json!([{}]), false);
        check_keys(json!([{"in_app": false}]), json!([{}]), false);
        check_keys(
            json!([{"pre_context": ["a", "b"]}]),
            json!([{"pre_context": ["a"], "post_context": ["b"]}]),
            false,
        );
    }

    #[test]
    fn what_is_no_list_of_frames_is_an_error() {
        assert!(read_frames(b"{}").is_err());
        assert!(read_frames(b"[").is_err());
    }
}
