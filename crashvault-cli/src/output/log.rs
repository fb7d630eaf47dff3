//! Enters: `-q`, `-v` and `$CRASHVAULT_LOG_LEVEL`. Leaves: how much is said on stderr beside errors.

use clap::ValueEnum;

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
    /// The options decide, then the variable; what it says that is no level is as if it said nothing.
    pub fn of(is_quiet: bool, verbose: u8) -> Self {
        let variable = || {
            let value = std::env::var("CRASHVAULT_LOG_LEVEL").ok()?;
            Self::from_str(value.trim(), true).ok()
        };
        match (is_quiet, verbose) {
            (true, _) => Self::Error,
            (_, 0) => variable().unwrap_or(Self::Warning),
            (_, 1) => Self::Info,
            _ => Self::Debug,
        }
    }
}
