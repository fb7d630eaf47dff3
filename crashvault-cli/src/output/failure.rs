//! Enters: what went wrong. Leaves: `error:` and `hint:` lines (or one JSON object) on stderr, and an exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind as UsageKind;
use crashvault::{Error, ErrorKind};
use serde_json::json;

use super::{Paint, Style, text};
use crate::args;

/// Failed.
pub const FAILED: u8 = 1;
/// The command line was not understood.
pub const USAGE: u8 = 2;
/// There is no such thing.
pub const NOT_FOUND: u8 = 3;

/// Why a command ended early.
#[derive(Debug)]
pub enum Stop {
    /// It failed.
    Failed(Failure),
    /// Nobody reads on (`| head`); there is nobody to tell.
    Closed,
}

/// A failure as people see it.
#[derive(Debug)]
pub struct Failure {
    /// A fixed name: the engine's kind, or `Usage`.
    pub kind: &'static str,
    pub message: String,
    pub hint: String,
    pub code: u8,
}

impl Failure {
    /// A failure of the command itself.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: "Failed",
            message: message.into(),
            hint: hint.into(),
            code: FAILED,
        }
    }

    /// Tells it on stderr. That stderr may be closed is no failure.
    pub fn tell(&self, json: bool, paint: Paint) -> ExitCode {
        let mut err = io::stderr().lock();
        let _ = if json {
            let value = json!({"error": {
                "kind": self.kind,
                "message": self.message,
                "hint": self.hint,
                "exit_code": self.code,
            }});
            writeln!(err, "{value}")
        } else {
            self.tell_people(&mut err, paint)
        };
        ExitCode::from(self.code)
    }

    fn tell_people(&self, err: &mut impl Write, paint: Paint) -> io::Result<()> {
        let label = paint.on(Style::Worst, "error:");
        let mut lines = text::visible_lines(&self.message);
        writeln!(err, "{label} {}", lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| writeln!(err, "  {line}"))?;
        let label = paint.on(Style::Name, "hint:");
        text::visible_lines(&self.hint).try_for_each(|line| writeln!(err, "{label} {line}"))
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().name(),
            message: error.to_string(),
            hint: advice(error).into(),
            code: match error.kind() {
                ErrorKind::NotFound => NOT_FOUND,
                ErrorKind::InvalidInput | ErrorKind::Conflict => USAGE,
                _ => FAILED,
            },
        }
    }
}

/// What a person can do about an error of the vault.
pub fn advice(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound if error.operation() == "open vault" => {
            "`crashvault demo` makes one to look at; a program makes one when it installs Crashvault; --vault names another place"
        }
        ErrorKind::NotFound => "`crashvault list` shows what there is",
        ErrorKind::Conflict => "write more of the id, or the number",
        ErrorKind::Corrupt => {
            "the file was left as it is; keep a copy of the whole directory, then move the file away or correct it"
        }
        ErrorKind::Unsupported => {
            "nothing was changed; use the version that wrote it, or a newer one"
        }
        ErrorKind::ReadOnly => {
            "let this user own the vault's directory, or name another with --vault or $CRASHVAULT_HOME"
        }
        ErrorKind::Busy => "another process is using the vault; try again in a moment",
        ErrorKind::Io => "see the reason; --vault or $CRASHVAULT_HOME names another place",
        ErrorKind::Internal => "this is a fault of Crashvault; please report it with these lines",
        _ => "",
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(Failure::from(&error))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<io::Error> for Stop {
    /// A failure of stdout.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Failure::new(format!("cannot write the answer: {error}"), "").into(),
        }
    }
}

/// Tells a usage error; prints help and version, which clap hands over as errors too.
pub fn usage(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let is_answer = matches!(
        error.kind(),
        UsageKind::DisplayHelp | UsageKind::DisplayVersion
    );
    if is_answer || error.kind() == UsageKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Whether anybody reads it to its end is theirs to know.
        let _ = error.print();
        return ExitCode::from(if is_answer { 0 } else { USAGE });
    }
    let (message, hint) = usage_lines(&error.render().to_string());
    let failure = Failure {
        kind: "Usage",
        message,
        hint,
        code: USAGE,
    };
    let paint = Paint::of(&io::stderr(), args::asked_color(words));
    failure.tell(args::wants_json(words), paint)
}

/// clap's text in our shape: its tips are hints, its blank lines go.
fn usage_lines(rendered: &str) -> (String, String) {
    let (mut message, mut hint) = (Vec::new(), Vec::new());
    for line in rendered.lines().map(str::trim) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            hint.push(tip);
        } else if line.starts_with("For more information") {
            hint.push("--help explains every option");
        } else if !line.is_empty() {
            message.push(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    (message.join("\n"), hint.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_errors_have_our_shape() {
        let rendered = "error: unexpected argument '--jsn' found\n\n  tip: a similar argument exists: '--json'\n\nUsage: crashvault list\n\nFor more information, try '--help'.\n";
        let (message, hint) = usage_lines(rendered);
        assert_eq!(
            message,
            "unexpected argument '--jsn' found\nUsage: crashvault list"
        );
        assert_eq!(
            hint,
            "a similar argument exists: '--json'\n--help explains every option"
        );
    }
}
