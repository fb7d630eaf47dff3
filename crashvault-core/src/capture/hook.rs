//! The panic hook: write first, then call the hook that was there.

use std::hash::Hash;
use std::panic::PanicHookInfo;

use super::engine::{self, Draft};
use super::{chain, local};
use crate::event::Level;
use crate::event::limits;
use crate::event::wire::{Field, Part};

/// Chains our hook before the present one.
pub(super) fn chain_panic_hook() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // The host's code panicked while it was asked by a capture: that ends in the capture, silently.
        if local::is_guarded() || local::is_own_thread() {
            return;
        }
        capture(info);
        previous(info);
    }));
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
        wants_stack: true,
        durability: None,
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
        },
    };
    engine.capture(&draft, location);
}
