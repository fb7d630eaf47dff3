//! Events for the tests of this room.

use crate::event::{Event, Exception, Frame, Stacktrace};

/// An error with this text, thrown in a function that nothing called.
pub(super) fn thrown(function: &str, value: &str) -> Event {
    let frame = Frame {
        function: Some(function.into()),
        ..Frame::default()
    };
    let stack = Stacktrace {
        frames: vec![frame],
        ..Stacktrace::default()
    };
    let exception = Exception {
        ty: Some("Error".into()),
        value: Some(value.into()),
        stacktrace: Some(stack),
        ..Exception::default()
    };
    let mut event = Event::new();
    event.exceptions.push(exception);
    event
}
