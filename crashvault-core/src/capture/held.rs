//! Errors behind a type that is no error itself: `anyhow::Error`, `eyre::Report`.

use std::error::Error;
use std::fmt::{self, Write};
use std::hash::Hash;
use std::io;
use std::panic::Location;

use super::chain;
use super::engine::{Draft, Stack, engine};
use crate::event::wire::Field;
use crate::event::{EventId, Level, limits};

/// What such a type holds.
pub(crate) struct Held<'r> {
    /// The type's own name, for errors that are nothing but words.
    pub(crate) holder: &'static str,
    pub(crate) error: &'r (dyn Error + 'static),
    /// The stack of where the error came to be; it stands for the one of the caller.
    pub(crate) backtrace: Option<&'r dyn fmt::Display>,
}

#[inline(never)]
pub(crate) fn capture_held(held: &Held<'_>, location: &Location<'_>) -> EventId {
    let Some(engine) = engine() else {
        return EventId::NIL;
    };
    let draft = Draft {
        level: Level::Error,
        is_fatal: false,
        is_in_panic_hook: false,
        wants_stack: held.backtrace.is_none(),
        thread_name: None,
        key: &|hasher| {
            held.holder.hash(hasher);
            held.link("", None).key_text().as_bytes().hash(hasher);
        },
        fill: &|encoder, addresses| {
            let link = held.link(held.type_name(), held.error.source());
            chain::encode(encoder, &link, addresses, location.into());
            if let Some(backtrace) = held.backtrace {
                let bytes_max = limits::BACKTRACE_BYTES_MAX;
                encoder.display(Field::Backtrace as u8, backtrace, bytes_max);
            }
            Stack::Written
        },
        above_scopes: None,
    };
    engine.capture(&draft, location.into())
}

impl Held<'_> {
    fn link<'l>(
        &'l self,
        type_name: &'l str,
        source: Option<&'l (dyn Error + 'static)>,
    ) -> chain::Link<'l> {
        chain::Link {
            type_name,
            address: std::ptr::from_ref(self.error).cast(),
            display: &self.error,
            debug: &self.error,
            source,
        }
    }

    /// The first error's type as far as it can be known; nothing leaves it to the error's `Debug`.
    fn type_name(&self) -> &'static str {
        if self.error.is::<io::Error>() {
            std::any::type_name::<io::Error>()
        } else if is_only_words(self.error) {
            self.holder
        } else {
            ""
        }
    }
}

/// Whether an error was made of a text: its `Debug` is that text, or what `anyhow` and `eyre` print of a context.
fn is_only_words(error: &dyn Error) -> bool {
    let mut start = Start::default();
    let _ = write!(start, "{error:?}");
    let start = start.as_str();
    !start.starts_with(|first: char| first.is_alphabetic() || first == '_')
        || start.starts_with("Error { context: ")
        || start.starts_with("Error { msg: ")
}

/// The first bytes of what is printed.
#[derive(Default)]
struct Start {
    bytes: [u8; 24],
    length: usize,
}

impl Start {
    fn as_str(&self) -> &str {
        // Only whole characters were kept.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept = limits::head(text, self.bytes.len() - self.length);
        self.bytes[self.length..self.length + kept.len()].copy_from_slice(kept.as_bytes());
        self.length += kept.len();
        if kept.len() < text.len() {
            return Err(fmt::Error);
        }
        Ok(())
    }
}
