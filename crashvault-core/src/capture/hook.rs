//! The panic hook: write first, then call the hook that was there.

use std::hash::Hash;
use std::panic::PanicHookInfo;

use super::engine::{self, Draft, Stack};
use super::{blackbox, chain, local};
use crate::event::Level;
use crate::event::limits;
use crate::event::wire::{Field, Part};

/// Chains our hook before the present one. `captures` is what the host chose; silence while the host's code is asked by a
/// capture is not its choice.
pub(super) fn chain_panic_hook(captures: impl Fn() -> bool + Send + Sync + 'static) {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // The host's code panicked while it was asked by a capture: that ends in the capture, silently.
        if local::is_guarded() || local::is_own_thread() {
            return;
        }
        if captures() {
            match aftermath(info) {
                None => capture(info),
                Some(Aftermath::OfTwo) => blackbox::join_panics(),
                Some(Aftermath::OfOne) => {}
            }
        }
        previous(info);
    }));
}

/// What the language itself says when a panic that was captured on this thread cannot go on: it tells nothing new, and one
/// crash is one event.
enum Aftermath {
    /// A panic reached a function that cannot unwind.
    OfOne,
    /// A panic left a destructor that ran because of another one.
    OfTwo,
}

fn aftermath(info: &PanicHookInfo<'_>) -> Option<Aftermath> {
    let aftermath = match info.payload_as_str()? {
        "panic in a function that cannot unwind" => Aftermath::OfOne,
        "panic in a destructor during cleanup" => Aftermath::OfTwo,
        _ => return None,
    };
    local::has_captured_panic().then_some(aftermath)
}

#[inline(never)]
fn capture(info: &PanicHookInfo<'_>) {
    let Some(engine) = engine::engine() else {
        return;
    };
    let message = info
        .payload_as_str()
        .unwrap_or("<the panic's payload is not a text>");
    let here = std::panic::Location::caller();
    let location = info.location().unwrap_or(here);
    let draft = Draft {
        level: Level::Fatal,
        is_fatal: true,
        is_in_panic_hook: true,
        wants_stack: true,
        thread_name: None,
        key: &|hasher| {
            let mut key = chain::KeyText::default();
            let _ = std::fmt::Write::write_str(&mut key, message);
            key.as_bytes().hash(hasher);
        },
        fill: &|encoder, addresses| {
            encoder.nested(Field::Exception as u8, |inner| {
                inner.text(Part::Type as u8, "panic", limits::NAME_BYTES_MAX);
                inner.text(Part::Value as u8, message, limits::MESSAGE_BYTES_MAX);
                inner.text(Part::Mechanism as u8, "panic", limits::NAME_BYTES_MAX);
                inner.bytes(Part::Handled as u8, &[0]);
                chain::encode_stack(inner, addresses);
                inner.display(Part::Location as u8, location, limits::NAME_BYTES_MAX);
            });
            Stack::Written
        },
        above_scopes: None,
    };
    let id = engine.capture(&draft, location.into());
    if !local::collector().is_some() {
        local::note_panic(id);
    }
}
