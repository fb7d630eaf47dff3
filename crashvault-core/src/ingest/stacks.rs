//! What the runtime of the program's language said of its threads as a signal ended them (Python's faulthandler) → the event of
//! that end.
//!
//! Never: makes a second event of an end that has one.

use crate::event::{Event, Exception, Frame, Level, Mechanism, Stacktrace, Thread};
use crate::language::InAppRules;
use crate::symbol;
use crate::trace::{self, Trace};

/// Functions of interpreters that run frames of their language; what such frames call lies further in.
const INTERPRETERS: &[&str] = &["_PyEval_EvalFrame", "PyEval_EvalFrame"];

/// The failure that the text tells of.
pub(super) fn read(text: &[u8]) -> Option<Trace> {
    trace::parse_some(text, 1).pop()
}

/// Adds the threads to the event that a handler of signals wrote: the crashing one's frames to the thread that it has.
pub(super) fn add(event: &mut Event, told: &Trace) {
    let frames = told.exceptions.last().and_then(|e| e.stacktrace.clone());
    let crashed = event.threads.iter_mut();
    if let Some(crashed) = crashed
        .filter(|thread| thread.crashed == Some(true))
        .find(|thread| thread.stacktrace.is_none())
    {
        crashed.stacktrace = frames;
    }
    event.threads.extend(others(told));
}

fn others(told: &Trace) -> impl Iterator<Item = Thread> {
    told.threads.iter().cloned().map(|thread| Thread {
        crashed: Some(false),
        current: Some(false),
        ..thread
    })
}

/// Makes `event` that of an end of which the runtime alone could tell.
pub(super) fn tell(event: &mut Event, told: Trace) {
    event.level = Level::Fatal;
    event.threads.extend(others(&told));
    for mut exception in told.exceptions {
        let mut mechanism = Mechanism {
            ty: Some("faulthandler".into()),
            handled: Some(false),
            ..Mechanism::default()
        };
        mechanism.other.insert("synthetic".into(), true.into());
        exception.mechanism = Some(mechanism);
        event.threads.push(Thread {
            id: exception.thread_id.clone(),
            crashed: Some(true),
            current: Some(true),
            ..Thread::default()
        });
        event.exceptions.push(exception);
    }
}

/// Puts the frames of the crashing thread that the runtime told of where the interpreter stands in its native stack: from the
/// program's entry to the last frame of its language, then what that called. The whole native stack is the thread's then. What
/// is native is a library or the runtime to such a program, unless the user's rules say otherwise.
///
/// Behind symbolication, without which nobody knows where the interpreter stands.
pub(super) fn join(event: &mut Event, rules: &InAppRules) {
    let Some((exception, thread)) = crashed(event) else {
        return;
    };
    let (Some(native), Some(told)) = (&mut exception.stacktrace, &mut thread.stacktrace) else {
        return;
    };
    if told.frames.iter().any(is_native) || !native.frames.iter().all(is_native) {
        return;
    }
    for frame in &mut native.frames {
        frame.other.insert("platform".into(), "native".into());
        frame.in_app = Some(symbol::said(frame, rules).unwrap_or(false));
    }
    let inner = native.frames.iter().rposition(is_interpreter);
    let inner = &native.frames[inner.map_or(0, |at| at + 1)..];
    let joined = Stacktrace {
        frames: told.frames.iter().chain(inner).cloned().collect(),
        ..native.clone()
    };
    *told = std::mem::replace(native, joined);
}

/// The exception that a handler of signals stands for, and its thread.
fn crashed(event: &mut Event) -> Option<(&mut Exception, &mut Thread)> {
    let [exception] = event.exceptions.as_mut_slice() else {
        return None;
    };
    let mechanism = exception.mechanism.as_ref()?.ty.as_deref();
    if mechanism != Some("signalhandler") || exception.thread_id.is_none() {
        return None;
    }
    let mut threads = event.threads.iter_mut();
    let thread = threads.find(|thread| thread.id == exception.thread_id)?;
    Some((exception, thread))
}

fn is_native(frame: &Frame) -> bool {
    frame.instruction_addr.is_some()
}

fn is_interpreter(frame: &Frame) -> bool {
    let function = frame.function.as_deref().unwrap_or_default();
    INTERPRETERS.iter().any(|name| function.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "Fatal Python error: Segmentation fault\n\nThread 0x00007f01 [worker] (most recent call first):\n  File \"/srv/t.py\", line 8 in wait\n\nCurrent thread 0x00007f02 (most recent call first):\n  File \"/srv/t.py\", line 5 in poke\n  File \"/srv/t.py\", line 7 in <module>\n";

    /// The functions of the exception and of the crashed thread, where these stand on the native stack.
    fn joined(native: &[&str], text: &str) -> (Vec<String>, Vec<String>) {
        let frames: Vec<_> = native
            .iter()
            .map(|name| json!({"function": name, "instruction_addr": "0x10"}))
            .collect();
        let event = json!({
            "platform": "python",
            "exception": [{
                "type": "SIGSEGV", "thread_id": 7, "mechanism": {"type": "signalhandler"},
                "stacktrace": {"frames": frames},
            }],
            "threads": [{"id": 7, "crashed": true}],
        });
        let mut event = Event::from_json(event.to_string().as_bytes()).unwrap();
        if let Some(told) = read(text.as_bytes()) {
            add(&mut event, &told);
        }
        join(&mut event, &InAppRules::default());
        let functions = |stack: &Option<Stacktrace>| {
            let frames = stack.iter().flat_map(|stack| &stack.frames);
            let names = frames.map(|frame| frame.function.clone().unwrap_or_default());
            names.collect()
        };
        (
            functions(&event.exceptions[0].stacktrace),
            functions(&event.threads[0].stacktrace),
        )
    }

    fn check(native: &[&str], text: &str, expected: &[&str], thread: &[&str]) {
        let (found, whole) = joined(native, text);
        assert_eq!((found, whole), (owned(expected), owned(thread)));
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn frames_of_the_language_stand_where_the_interpreter_stood() {
        let native = ["main", "_PyEval_EvalFrameDefault", "string_at", "strlen"];
        let expected = ["<module>", "poke", "string_at", "strlen"];
        check(&native, TEXT, &expected, &native);
    }

    #[test]
    fn a_native_stack_that_does_not_reach_the_interpreter_lies_further_in() {
        check(
            &["strlen"],
            TEXT,
            &["<module>", "poke", "strlen"],
            &["strlen"],
        );
    }

    #[test]
    fn a_thread_without_frames_of_the_language_keeps_its_own() {
        let text = "Fatal Python error: Aborted\n\nThread 0x00007f01 (most recent call first):\n  File \"/srv/t.py\", line 8 in wait\n";
        check(&["main", "abort"], text, &["main", "abort"], &[]);
        check(&["main", "abort"], "", &["main", "abort"], &[]);
    }

    #[test]
    fn other_threads_are_told() {
        let mut event = Event::new();
        add(&mut event, &read(TEXT.as_bytes()).unwrap());
        let [other] = event.threads.as_slice() else {
            panic!("{:?}", event.threads)
        };
        assert_eq!(other.name.as_deref(), Some("worker"));
        assert_eq!(other.crashed, Some(false));
        assert!(other.stacktrace.is_some());
    }

    #[test]
    fn the_text_alone_makes_a_fatal_event() {
        let mut event = Event::new();
        tell(&mut event, read(TEXT.as_bytes()).unwrap());
        assert_eq!(event.level, Level::Fatal);
        let exception = &event.exceptions[0];
        assert_eq!(exception.ty.as_deref(), Some("Segmentation fault"));
        assert_eq!(exception.stacktrace.as_ref().unwrap().frames.len(), 2);
        assert_eq!(exception.thread_id, event.threads[1].id);
    }
}
