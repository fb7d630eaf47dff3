//! The errors that cases name, as real types with real causes, and the functions in which they are raised.

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::io;

use crashvault::{EventId, capture_error};
use serde_json::Value;

type Cause = Box<dyn Error + Send + Sync>;

macro_rules! failures {
    ($($name:ident)*) => {
        $(
            #[derive(Debug)]
            pub struct $name {
                message: String,
                cause: Option<Cause>,
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.message)
                }
            }

            impl Error for $name {
                fn source(&self) -> Option<&(dyn Error + 'static)> {
                    self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
                }
            }
        )*

        /// What a place fails with.
        #[derive(Debug)]
        pub enum Failure {
            $($name($name),)*
            Io(io::Error),
            Circular(CircularError),
            Panic(String),
        }

        impl Failure {
            fn new(ty: &str, message: String, cause: Option<Cause>) -> Self {
                match ty {
                    $(stringify!($name) => Self::$name($name { message, cause }),)*
                    "io_not_found" => Self::Io(io::Error::from_raw_os_error(2)),
                    other => panic!("the schema knows no error type {other}"),
                }
            }

            fn into_cause(self) -> Cause {
                match self {
                    $(Self::$name(error) => Box::new(error),)*
                    Self::Io(error) => Box::new(error),
                    other => panic!("{other:?} is no cause"),
                }
            }
        }

        macro_rules! place {
            ($place:ident) => {
                /// Fails as many calls deep as it is told. Not in tail position, so that each call keeps its frame.
                #[inline(never)]
                fn $place(depth: u64, failure: &Failure) -> EventId {
                    if depth > 1 {
                        return black_box($place(depth - 1, failure));
                    }
                    match failure {
                        $(Failure::$name(error) => capture_error(error),)*
                        Failure::Io(error) => capture_error(error),
                        Failure::Circular(error) => capture_error(error),
                        Failure::Panic(message) => panic!("{message}"),
                    }
                }
            };
        }
    };
}
failures!(PaymentError NetworkError ConfigError ParseError);

/// An error that names itself as its cause.
#[derive(Debug)]
pub struct CircularError {
    message: String,
}

impl fmt::Display for CircularError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CircularError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

place!(checkout);
place!(refund);
place!(import);

/// Fails in the named place.
pub fn fail_in(place: &str, depth: u64, failure: &Failure) -> EventId {
    match place {
        "checkout" => checkout(depth, failure),
        "refund" => refund(depth, failure),
        "import" => import(depth, failure),
        other => panic!("the schema knows no place {other}"),
    }
}

impl Failure {
    /// From an entry of `given.errors`; its causes stand nearest first.
    pub fn declared(error: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if error["cycle"] == true {
            return Self::Circular(CircularError {
                message: text(&error["message"]),
            });
        }
        let causes = error["causes"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut cause: Option<Cause> = None;
        for declared in causes.iter().rev() {
            for _ in 0..declared["times"].as_u64().unwrap_or(1) {
                let failure = Self::new(
                    &text(&declared["type"]),
                    text(&declared["message"]),
                    cause.take(),
                );
                cause = Some(failure.into_cause());
            }
        }
        Self::new(&text(&error["type"]), text(&error["message"]), cause)
    }
}
