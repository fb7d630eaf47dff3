//! Enters: a line of JSON that tells of one stack trace. Leaves: its id, and the event it is.
//!
//! `{"id", "platform", "type", "message", "frames": [{"function", "module", "file", "line", "in_app"}], "chain"}`; frames
//! are innermost first, `chain` is the exceptions from the thrown one down to its root cause.

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Exception, Frame, Stacktrace};

/// One line of a file of stack traces: what [`Grouper`](crate::Grouper) is measured on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TraceLine {
    /// The trace's own id; empty if it has none.
    pub id: String,
    /// The trace as an event.
    pub event: Event,
}

impl TraceLine {
    /// Reads one line.
    ///
    /// ```
    /// use crashvault::TraceLine;
    /// let line = br#"{"id": "1", "platform": "ruby", "type": "E", "frames": [{"function": "pay", "in_app": true}]}"#;
    /// let line = TraceLine::from_json(line)?;
    /// assert_eq!((&line.id[..], line.event.title()), ("1", "E".into()));
    /// # Ok::<(), crashvault::Error>(())
    /// ```
    ///
    /// # Errors
    /// InvalidInput for what is no JSON object.
    pub fn from_json(line: &[u8]) -> Result<Self> {
        let wrong = |message: String| Error::new(ErrorKind::InvalidInput, "read a trace", message);
        let value: Value =
            serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        if !value.is_object() {
            return Err(wrong("it is no JSON object".into()));
        }
        let mut event = Event::new();
        if let Some(platform) = text(&value["platform"]) {
            event.platform = platform;
        }
        let causes = value["chain"].as_array().into_iter().flatten().skip(1);
        event.exceptions = causes.map(exception).collect();
        event.exceptions.reverse();
        event.exceptions.push(exception(&value));
        let id = match &value["id"] {
            Value::String(id) => id.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        Ok(Self { id, event })
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn exception(value: &Value) -> Exception {
    let frames = value["frames"].as_array().into_iter().flatten();
    let frames: Vec<Frame> = frames.rev().map(frame).collect();
    Exception {
        ty: text(&value["type"]),
        value: text(&value["message"]),
        stacktrace: (!frames.is_empty()).then(|| Stacktrace {
            frames,
            ..Stacktrace::default()
        }),
        ..Exception::default()
    }
}

fn frame(value: &Value) -> Frame {
    Frame {
        function: text(&value["function"]),
        module: text(&value["module"]),
        filename: text(&value["file"]),
        lineno: value["line"].as_u64(),
        in_app: value["in_app"].as_bool(),
        ..Frame::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_causes_are_turned_round() {
        let line = br#"{"id": 7, "platform": "java", "type": "Outer", "message": "m",
            "frames": [{"function": "inner", "module": "a.B", "file": "B.java", "line": 3, "in_app": true}, {"function": "main"}],
            "chain": [{"type": "Outer"}, {"type": "Middle"}, {"type": "Root", "message": "r"}]}"#;
        let read = TraceLine::from_json(line).expect("a trace");
        let types: Vec<_> = read
            .event
            .exceptions
            .iter()
            .map(|e| e.ty.as_deref())
            .collect();
        assert_eq!(types, [Some("Root"), Some("Middle"), Some("Outer")]);
        let stack = read.event.exceptions[2]
            .stacktrace
            .as_ref()
            .expect("a stack");
        assert_eq!(stack.frames[1].to_string(), "inner (B.java:3)");
        assert_eq!(read.id, "7");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in ["", "[]", "7", "{", "\"x\""] {
            let error = TraceLine::from_json(line.as_bytes()).expect_err(line);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        assert!(TraceLine::from_json(b"{\"frames\": 7, \"chain\": {}}").is_ok());
    }
}
