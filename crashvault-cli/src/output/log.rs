//! Enters: `-q`, `-v` and `$CRASHVAULT_LOG_LEVEL`. Leaves: how much is said on stderr beside errors.

use clap::ValueEnum;

/// What decides where no option does.
pub const VARIABLE: &str = "CRASHVAULT_LOG_LEVEL";

/// How much a command says of what it does. Errors are always told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Talk {
    /// Errors alone.
    #[value(alias = "off", alias = "critical", alias = "fatal")]
    Error,
    /// Notes too.
    #[value(alias = "warn", alias = "note")]
    Warning,
    /// Which vault, what was taken in, how long it took.
    Info,
    /// And what that consisted of.
    #[value(alias = "trace")]
    Debug,
}

impl Talk {
    /// The options decide, then the variable. What it says that is no level counts as nothing, and comes back to be told.
    pub fn of(is_quiet: bool, verbose: u8) -> (Self, Option<String>) {
        match (is_quiet, verbose) {
            (true, _) => (Self::Error, None),
            (_, 0) => match std::env::var(VARIABLE) {
                Ok(value) if !value.trim().is_empty() => Self::named(&value),
                _ => (Self::Warning, None),
            },
            (_, 1) => (Self::Info, None),
            _ => (Self::Debug, None),
        }
    }

    fn named(value: &str) -> (Self, Option<String>) {
        match Self::from_str(value.trim(), true) {
            Ok(level) => (level, None),
            Err(_) => (Self::Warning, Some(value.to_owned())),
        }
    }
}
