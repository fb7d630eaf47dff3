//! Errors → exceptions of a record: the whole `source()` chain, the captured error first.

use std::error::Error;
use std::fmt::{self, Write};
use std::io;

use super::engine::Site;
use super::platform::Addresses;
use crate::event::limits;
use crate::event::wire::{Encoder, Field, Part};

/// The message of each cause, in bytes; the captured error itself may be longer.
const CAUSE_VALUE_BYTES_MAX: usize = 2 * 1024;
const TYPE_BYTES_MAX: usize = 200;

/// One error of a chain, without its type.
pub(super) struct Link<'e> {
    pub(super) type_name: &'e str,
    pub(super) address: *const (),
    pub(super) display: &'e dyn fmt::Display,
    pub(super) debug: &'e dyn fmt::Debug,
    pub(super) source: Option<&'e (dyn Error + 'static)>,
}

impl Link<'_> {
    /// What the throttle tells errors apart by, without looking further down the chain.
    pub(super) fn key_text(&self) -> KeyText {
        let mut text = KeyText::default();
        let _ = write!(text, "{}", self.display);
        text
    }
}

impl<'e> Link<'e> {
    /// Of an error whose type the caller does not know. An [`io::Error`] is named as where its type is known, so that
    /// both are one issue.
    #[cfg(any(feature = "tracing", feature = "log", feature = "slog"))]
    pub(super) fn of_dyn(error: &'e &'e (dyn Error + 'static)) -> Self {
        let type_name = match error.is::<io::Error>() {
            true => std::any::type_name::<io::Error>(),
            false => std::any::type_name::<dyn Error>(),
        };
        Self {
            type_name,
            address: std::ptr::from_ref(*error).cast(),
            display: error,
            debug: error,
            source: error.source(),
        }
    }
}

/// The first 64 bytes of a message without its digits.
pub(super) struct KeyText {
    bytes: [u8; 64],
    length: usize,
}

impl Default for KeyText {
    fn default() -> Self {
        Self {
            bytes: [0; 64],
            length: 0,
        }
    }
}

impl KeyText {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Write for KeyText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes().filter(|byte| !byte.is_ascii_digit()) {
            if self.length == self.bytes.len() {
                return Err(fmt::Error);
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// Encodes the chain. Ends at [`limits::EXCEPTIONS_MAX`], and where an error names itself as its source.
pub(super) fn encode(
    encoder: &mut Encoder<'_>,
    first: &Link<'_>,
    addresses: &Addresses,
    site: Site<'_>,
) {
    encoder.nested(Field::Exception as u8, |inner| {
        let (module, ty) = split_type(first.type_name);
        match ty {
            Some(ty) => inner.text(Part::Type as u8, ty, TYPE_BYTES_MAX),
            None => inner.text(
                Part::Type as u8,
                debug_name(first.debug).as_str(),
                TYPE_BYTES_MAX,
            ),
        }
        if let Some(module) = module {
            inner.text(Part::Module as u8, module, limits::NAME_BYTES_MAX);
        }
        inner.display(Part::Value as u8, first.display, limits::MESSAGE_BYTES_MAX);
        inner.text(Part::Mechanism as u8, "generic", TYPE_BYTES_MAX);
        inner.bytes(Part::Handled as u8, &[1]);
        encode_stack(inner, addresses);
        inner.display(Part::Location as u8, &site, limits::NAME_BYTES_MAX);
    });
    encode_sources(encoder, first);
}

fn encode_sources(encoder: &mut Encoder<'_>, first: &Link<'_>) {
    let mut source = first.source;
    if source.is_some_and(|error| is_first_again(first, error)) {
        return note(encoder, NAMES_ITSELF);
    }
    let mut count = 1;
    while let Some(error) = source {
        if count == limits::EXCEPTIONS_MAX {
            return note(
                encoder,
                "the chain of sources is longer than can be kept, or a circle",
            );
        }
        encode_source(encoder, error);
        if names_itself(error) {
            return note(encoder, NAMES_ITSELF);
        }
        count += 1;
        source = error.source();
    }
}

const NAMES_ITSELF: &str = "an error names itself as its source";

/// Whether `error` is its own source. A wrapper and what it wraps may share an address; so their types must agree too;
/// that one type may have two tables only makes a circle end at the chain's limit.
fn names_itself(error: &(dyn Error + 'static)) -> bool {
    error
        .source()
        .is_some_and(|source| size_of_val(error) > 0 && std::ptr::eq(error, source))
}

/// The captured error's type is not known as that of its sources is; so it is only believed to be its own source if
/// what stands at its address is.
fn is_first_again(first: &Link<'_>, error: &(dyn Error + 'static)) -> bool {
    first.address == std::ptr::from_ref(error).cast() && names_itself(error)
}

fn encode_source(encoder: &mut Encoder<'_>, error: &(dyn Error + 'static)) {
    encoder.nested(Field::Exception as u8, |inner| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => {
                inner.text(Part::Type as u8, "std::io::Error", TYPE_BYTES_MAX);
                if let Some(errno) = io.raw_os_error() {
                    inner.bytes(Part::Errno as u8, &errno.to_le_bytes());
                }
            }
            None => inner.text(
                Part::Type as u8,
                debug_name(&error).as_str(),
                TYPE_BYTES_MAX,
            ),
        }
        inner.display(Part::Value as u8, &error, CAUSE_VALUE_BYTES_MAX);
    });
}

fn note(encoder: &mut Encoder<'_>, reason: &str) {
    encoder.keyed(Field::Flaw as u8, "exception", reason.as_bytes());
}

pub(super) fn encode_stack(encoder: &mut Encoder<'_>, addresses: &Addresses) {
    if !addresses.as_slice().is_empty() {
        encoder.addresses(Part::Addresses as u8, addresses.as_slice());
    }
    if addresses.omitted > 0 {
        encoder.bytes(
            Part::AddressesOmitted as u8,
            &addresses.omitted.to_le_bytes(),
        );
    }
}

/// `app::db::QueryError<T>` → module `app::db`, type `QueryError`; a trait object has no name of its own.
fn split_type(type_name: &str) -> (Option<&str>, Option<&str>) {
    let base = type_name
        .trim_start_matches('&')
        .split('<')
        .next()
        .unwrap_or_default();
    if base.is_empty() || base.contains(' ') {
        return (None, None);
    }
    match base.rsplit_once("::") {
        Some((module, ty)) => (Some(module), Some(ty)),
        None => (None, Some(base)),
    }
}

/// The name a derived `Debug` begins with; `Error` where there is none. Formatting ends with the name.
fn debug_name(debug: &dyn fmt::Debug) -> DebugName {
    let mut name = DebugName {
        text: String::new(),
        is_whole: false,
    };
    let _ = write!(name, "{debug:?}");
    if !name
        .text
        .starts_with(|first: char| first.is_alphabetic() || first == '_')
    {
        name.text.clear();
        name.text.push_str("Error");
    }
    name
}

struct DebugName {
    text: String,
    /// The name has ended; what follows is not part of it.
    is_whole: bool,
}

impl DebugName {
    fn as_str(&self) -> &str {
        &self.text
    }
}

impl Write for DebugName {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_whole {
            return Err(fmt::Error);
        }
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        self.text
            .push_str(limits::head(&text[..end], TYPE_BYTES_MAX));
        self.is_whole = end < text.len() || self.text.len() >= TYPE_BYTES_MAX;
        if self.is_whole {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(type_name: &str, module: Option<&str>, ty: Option<&str>) {
        assert_eq!(split_type(type_name), (module, ty));
    }

    #[test]
    fn a_type_is_split_from_its_module() {
        check("app::db::QueryError", Some("app::db"), Some("QueryError"));
        check(
            "app::Wrapped<alloc::string::String>",
            Some("app"),
            Some("Wrapped"),
        );
        check("Plain", None, Some("Plain"));
        check("dyn core::error::Error", None, None);
    }

    #[test]
    fn debug_gives_a_name_where_it_has_one() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "only its Debug is looked at")]
        struct Timeout {
            after: u8,
        }
        assert_eq!(debug_name(&Timeout { after: 1 }).as_str(), "Timeout");
        assert_eq!(debug_name(&"a text").as_str(), "Error");
    }

    #[derive(Debug)]
    struct Leaf(u8);

    #[derive(Debug)]
    struct Wrapper(Leaf);

    #[derive(Debug)]
    struct Circle(u8);

    impl fmt::Display for Leaf {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "leaf {}", self.0)
        }
    }

    impl fmt::Display for Wrapper {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "around {}", self.0)
        }
    }

    impl fmt::Display for Circle {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "round {}", self.0)
        }
    }

    impl Error for Leaf {}

    impl Error for Wrapper {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    impl Error for Circle {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    #[derive(Debug)]
    struct Outer(Box<dyn Error>);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&*self.0)
        }
    }

    fn check_chain(error: &(impl Error + 'static), expected: &[&str], flaws: usize) {
        let mut body = Vec::new();
        let link = Link {
            type_name: std::any::type_name_of_val(error),
            address: std::ptr::from_ref(error).cast(),
            display: error,
            debug: error,
            source: error.source(),
        };
        let mut encoder = Encoder::new(&mut body);
        let site = std::panic::Location::caller().into();
        encode(&mut encoder, &link, &Addresses::new(), site);
        encoder.finish();
        let event = crate::event::wire::decode(&body);
        let values: Vec<_> = event
            .exceptions
            .iter()
            .rev()
            .filter_map(|e| e.value.as_deref())
            .collect();
        assert_eq!((values, event.flaws.len()), (expected.to_vec(), flaws));
    }

    #[test]
    fn an_error_that_is_its_own_source_is_kept_once() {
        check_chain(&Circle(1), &["round 1"], 1);
        check_chain(&Outer(Box::new(Circle(1))), &["outer", "round 1"], 1);
    }

    #[test]
    fn a_wrapper_at_the_address_of_what_it_wraps_hides_nothing() {
        check_chain(&Wrapper(Leaf(1)), &["around leaf 1", "leaf 1"], 0);
        check_chain(
            &Outer(Box::new(Wrapper(Leaf(1)))),
            &["outer", "around leaf 1", "leaf 1"],
            0,
        );
    }

    #[test]
    fn digits_do_not_make_a_key() {
        let key = |text: &str| {
            let mut key = KeyText::default();
            let _ = write!(key, "{text}");
            key.as_bytes().to_vec()
        };
        assert_eq!(key("user 123 not found"), key("user 7 not found"));
        assert_eq!(key(&"x".repeat(100)).len(), 64);
    }
}
