//! Enters: a text and what it is. Leaves: the same text, in colour where that is wanted.

use std::io::IsTerminal;

use crashvault::Level;

use crate::args::When;

/// How a text stands out. Colour is never the only sign of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Note,
    Bad,
    Worst,
    Name,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Note => "33",
            Self::Bad => "31",
            Self::Worst => "1;31",
            Self::Name => "36",
        }
    }
}

/// The style of a level.
pub fn level(level: Level) -> Style {
    match level {
        Level::Debug => Style::Dim,
        Level::Info => Style::Name,
        Level::Warning => Style::Note,
        Level::Error => Style::Bad,
        Level::Fatal => Style::Worst,
    }
}

/// Whether colour is used, and with it.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    is_on: bool,
}

impl Paint {
    /// No colour.
    #[cfg(test)]
    pub const OFF: Self = Self { is_on: false };

    /// What `--color` says, else `NO_COLOR`, else `CLICOLOR_FORCE`, else whether `stream` is a terminal that knows any.
    pub fn of(stream: &impl IsTerminal, when: When) -> Self {
        let is_on = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => !is_refused() && (is_forced() || stream.is_terminal() && !is_dumb()),
        };
        Self { is_on }
    }

    /// The text in its style.
    pub fn on(self, style: Style, text: impl std::fmt::Display) -> String {
        if !self.is_on || style == Style::Plain {
            return text.to_string();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", style.code())
    }
}

/// no-color.org: set and not empty.
pub fn is_refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

fn is_forced() -> bool {
    std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0")
}

/// A terminal that says it knows nothing.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}
