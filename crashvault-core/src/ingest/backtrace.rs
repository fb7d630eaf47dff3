//! Stacks that came as text.

use serde_json::Value;

use crate::event::wire::RUST_BACKTRACE;
use crate::event::{Event, Flaw, limits};
use crate::symbol::Symbolizer;
use crate::trace;

/// Longest text shown of a stack that could not be read, in bytes.
const SHOWN_BYTES_MAX: usize = 2 * 1024;

/// Puts frames in the place of texts.
pub(super) fn read(event: &mut Event, symbolizer: &Symbolizer) {
    let mut unread = Vec::new();
    for stack in event.stacktraces_mut() {
        if !stack.frames.is_empty() {
            continue;
        }
        let Some(Value::String(text)) = stack.other.get(RUST_BACKTRACE) else {
            continue;
        };
        let frames = trace::rust::frames(text);
        if frames.is_empty() {
            unread.push(limits::cut(text, SHOWN_BYTES_MAX).into_owned());
            stack.other.remove(RUST_BACKTRACE);
            continue;
        }
        stack.frames = frames;
        // What is left says that this is the stack of the error, and not of its capture.
        stack.other.insert(RUST_BACKTRACE.into(), true.into());
        symbolizer.judge_stack(stack);
    }
    for text in unread {
        let mut flaw = Flaw::new("stacktrace", "no frame can be read from its text");
        flaw.value = Some(text.into());
        event.flaws.push(flaw);
    }
}
