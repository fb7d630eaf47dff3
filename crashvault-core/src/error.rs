//! Enters: what went wrong in any room. Leaves: one [`Error`], one word wide.
//!
//! Never: prints, logs, or travels through the capture path (a failure of ours must not loop).

use std::fmt;

/// What kind of failure an [`Error`] is. Ask this, never the text.
///
/// Each kind has a fixed number and a fixed name, the same in every language and in HTTP answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ErrorKind {
    /// The thing asked for is not in the vault.
    NotFound = 1,
    /// The caller's input is malformed; the message says what was expected.
    InvalidInput = 2,
    /// The request contradicts what is already stored.
    Conflict = 3,
    /// Another process holds what is needed; trying again later can succeed.
    Busy = 4,
    /// The vault cannot be written here.
    ReadOnly = 5,
    /// A file does not hold what it should; the message names the file and, if known, the offset.
    Corrupt = 6,
    /// A sealed vault must be unlocked first.
    Locked = 7,
    /// This version or platform cannot do it.
    Unsupported = 8,
    /// A stated limit was reached.
    LimitReached = 9,
    /// The operating system refused; the source has its reason.
    Io = 10,
    /// A bug of ours.
    Internal = 11,
}

impl ErrorKind {
    /// The fixed number of this kind (C, Python, HTTP).
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The fixed name of this kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "NotFound",
            Self::InvalidInput => "InvalidInput",
            Self::Conflict => "Conflict",
            Self::Busy => "Busy",
            Self::ReadOnly => "ReadOnly",
            Self::Corrupt => "Corrupt",
            Self::Locked => "Locked",
            Self::Unsupported => "Unsupported",
            Self::LimitReached => "LimitReached",
            Self::Io => "Io",
            Self::Internal => "Internal",
        }
    }
}

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Source>,
    backtrace: Option<std::backtrace::Backtrace>,
}

/// The one error of the engine: kind, operation, context pairs, source.
///
/// ```
/// use crashvault::{Error, ErrorKind};
/// let err = Error::new(ErrorKind::NotFound, "show", "no issue #7");
/// assert_eq!(err.kind(), ErrorKind::NotFound);
/// assert_eq!(err.to_string(), "show: no issue #7");
/// assert!(!err.is_retryable());
/// ```
pub struct Error(Box<Inner>);

/// The result of every vault function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A new error. `operation` is a short verb (`"open"`, `"drain"`); `message` says what to do where that is known.
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        let backtrace =
            (kind == ErrorKind::Internal).then(std::backtrace::Backtrace::force_capture);
        Self(Box::new(Inner {
            kind,
            operation,
            message: message.into(),
            context: Vec::new(),
            source: None,
            backtrace,
        }))
    }

    /// An [`ErrorKind::Io`] (or [`ErrorKind::ReadOnly`] where the system says so) about one path.
    pub fn io(operation: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, hint) = match source.kind() {
            Io::PermissionDenied => (ErrorKind::ReadOnly, "no permission to use"),
            Io::ReadOnlyFilesystem => (ErrorKind::ReadOnly, "read-only file system at"),
            Io::StorageFull | Io::QuotaExceeded => (ErrorKind::Io, "disk full at"),
            Io::NotFound => (ErrorKind::NotFound, "no such file"),
            _ => (ErrorKind::Io, "cannot use"),
        };
        Self::new(kind, operation, format!("{hint} {}", path.display()))
            .with_context("path", path.display())
            .with_source(source)
    }

    /// Adds a context pair.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Sets the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The message without operation and source.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The context pairs, in the order they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .context
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
    }

    /// Whether the same call can succeed later without anything being changed.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Busy => true,
            ErrorKind::Io => self.0.source.as_ref().is_some_and(|source| {
                source.downcast_ref::<std::io::Error>().is_some_and(|io| {
                    use std::io::ErrorKind as Io;
                    matches!(
                        io.kind(),
                        Io::Interrupted | Io::WouldBlock | Io::TimedOut | Io::StorageFull
                    )
                })
            }),
            _ => false,
        }
    }

    /// The backtrace, kept for [`ErrorKind::Internal`] alone.
    pub fn backtrace(&self) -> Option<&std::backtrace::Backtrace> {
        self.0.backtrace.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("message", &self.0.message)
            .field("context", &self.0.context)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn only_internal_errors_keep_a_backtrace() {
        assert!(
            Error::new(ErrorKind::Internal, "x", "y")
                .backtrace()
                .is_some()
        );
        assert!(Error::new(ErrorKind::Busy, "x", "y").backtrace().is_none());
    }

    #[test]
    fn a_full_disk_is_retryable_and_a_missing_permission_is_not() {
        let path = std::path::Path::new("v");
        let full = Error::io("append", path, std::io::ErrorKind::StorageFull.into());
        let denied = Error::io("append", path, std::io::ErrorKind::PermissionDenied.into());
        assert!(full.is_retryable());
        assert!(!denied.is_retryable());
        assert_eq!(denied.kind(), ErrorKind::ReadOnly);
    }
}
