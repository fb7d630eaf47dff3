//! Frames that a program in another language than Rust named itself: whose they are, and their source.
//!
//! Only of events that the program's own process wrote: a path in any other payload is of another machine.

use crate::event::{Event, Frame, Stacktrace};
use crate::language;
use crate::symbol::Symbolizer;

/// Frames of one event that get their source: the innermost ones of each stack, the thrown exception's first.
const SOURCES_MAX: usize = 50;

/// Says of each such frame whether it is the program's own, and shows the source of those that are.
///
/// `language` is that of the process, as in the event payload's `platform`.
pub(super) fn read(event: &mut Event, language: &str, symbolizer: &mut Symbolizer) {
    if matches!(language, "" | "native") || event.platform != language {
        return;
    }
    let timestamp = event.timestamp;
    let mut sources_left = SOURCES_MAX;
    for stack in event.stacktraces_mut() {
        judge(stack, language, symbolizer);
        let Some(timestamp) = timestamp else { continue };
        let own = stack.frames.iter_mut().rev().filter(|frame| {
            frame.in_app == Some(true) && is_named(frame) && frame.context_line.is_none()
        });
        for frame in own.take(sources_left) {
            sources_left -= 1;
            symbolizer.show_source(frame, timestamp);
        }
    }
}

fn judge(stack: &mut Stacktrace, language: &str, symbolizer: &Symbolizer) {
    for frame in &mut stack.frames {
        if frame.in_app.is_none() && is_named(frame) {
            let is_own = language::is_in_app(language, frame, symbolizer.rules());
            frame.in_app = Some(is_own);
        }
    }
}

/// An address that found no name is the business of symbolication.
fn is_named(frame: &Frame) -> bool {
    frame.instruction_addr.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::InAppRules;
    use crate::scratch::scratch;
    use crate::time::Timestamp;
    use serde_json::json;

    /// The innermost frame of an event that a Python process wrote, which has `frame` in it.
    fn check(process: &str, frame: serde_json::Value) -> Frame {
        let event = json!({
            "platform": "python",
            "timestamp": Timestamp::now().saturating_add_secs(60).to_string(),
            "exception": [{"type": "KeyError", "stacktrace": {"frames": [frame]}}],
        });
        let mut event = Event::from_json(event.to_string().as_bytes()).unwrap();
        let mut symbolizer = Symbolizer::new(None, InAppRules::default());
        read(&mut event, process, &mut symbolizer);
        let mut stacks = event.stacktraces_mut();
        stacks.next().unwrap().frames.pop().unwrap()
    }

    #[test]
    fn a_library_is_not_the_programs_own() {
        let own = json!({"function": "pay", "module": "shop", "abs_path": "/srv/shop.py"});
        assert_eq!(check("python", own).in_app, Some(true));
        let path = "/srv/env/lib/python3.11/site-packages/flask/app.py";
        let foreign = json!({"function": "wsgi_app", "module": "flask.app", "abs_path": path});
        assert_eq!(check("python", foreign).in_app, Some(false));
    }

    #[test]
    fn what_the_program_said_of_a_frame_stays() {
        let frame = json!({"function": "pay", "abs_path": "/srv/shop.py", "in_app": false});
        assert_eq!(check("python", frame).in_app, Some(false));
    }

    #[test]
    fn the_line_is_shown_with_its_surroundings() {
        let dir = scratch();
        let path = dir.path().join("shop.py");
        std::fs::write(&path, "def pay():\n    raise KeyError\n").unwrap();
        let frame = json!({"function": "pay", "abs_path": path, "lineno": 2});
        let shown = check("python", frame.clone());
        assert_eq!(shown.context_line.as_deref(), Some("    raise KeyError"));
        assert_eq!(shown.pre_context, ["def pay():"]);
        assert_eq!(check("native", frame).context_line, None);
    }

    #[test]
    fn a_payload_of_somebody_else_names_no_file_here() {
        let frame = json!({"function": "pay", "abs_path": "/srv/shop.py", "lineno": 1});
        let found = check("native", frame);
        assert_eq!((found.in_app, found.context_line), (None, None));
    }
}
