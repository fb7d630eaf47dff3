use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::error::{Error, ErrorKind};

/// The id of one event: 128 bits, UUID v7 unless the sender chose one. Printed as 32 lower-case hex digits.
///
/// ```
/// use crashvault::EventId;
/// let id: EventId = "836d5dc8-386c-46d6-a6cb-ca36eeabce7f".parse().unwrap();
/// assert_eq!(id.to_string(), "836d5dc8386c46d6a6cbca36eeabce7f");
/// assert!(EventId::NIL.is_nil());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId([u8; 16]);

impl EventId {
    /// The id of what was not captured: throttled, sampled out, refused, or before `install()`.
    pub const NIL: Self = Self([0; 16]);

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A UUID v7 made of milliseconds since the epoch and ten bytes of randomness.
    pub fn v7(millis: u64, random: &[u8; 10]) -> Self {
        Self(
            *uuid::Builder::from_unix_timestamp_millis(millis, random)
                .as_uuid()
                .as_bytes(),
        )
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether this is [`EventId::NIL`].
    pub fn is_nil(&self) -> bool {
        *self == Self::NIL
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_bytes(self.0).as_simple().fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

impl FromStr for EventId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Uuid::try_parse(text.trim())
            .map(|uuid| Self(*uuid.as_bytes()))
            .map_err(|_| {
                Error::new(
                    ErrorKind::InvalidInput,
                    "read event id",
                    "an event id has 32 hex digits, with or without hyphens",
                )
            })
    }
}
