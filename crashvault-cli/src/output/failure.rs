//! Enters: what went wrong. Leaves: `error:` and `hint:` lines (or one JSON object) on stderr, and an exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind as UsageKind;
use crashvault::{Error, ErrorKind};
use serde_json::json;

use super::fields::Unknown;
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
    /// Where in the question it lies.
    pub excerpt: Option<Excerpt>,
}

/// A query and the byte in it where it went wrong.
#[derive(Debug)]
pub struct Excerpt {
    pub query: String,
    pub position: usize,
}

/// Columns of a query that are shown before and behind the place that is meant.
const EXCERPT_BEFORE: usize = 50;
const EXCERPT_BEHIND: usize = 25;

impl Excerpt {
    /// The query around the place, and a mark below it.
    fn lines(&self) -> [String; 2] {
        let place = (0..=self.position.min(self.query.len()))
            .rev()
            .find(|place| self.query.is_char_boundary(*place))
            .unwrap_or(0);
        let (before, behind) = self.query.split_at(place);
        let before = text::visible(before);
        let before = match text::width(&before) > EXCERPT_BEFORE {
            true => format!("…{}", text::fit_end(&before, EXCERPT_BEFORE - 1)),
            false => before.into_owned(),
        };
        let behind = text::visible(behind);
        let behind = text::fit(&behind, EXCERPT_BEHIND);
        let blanks = " ".repeat(text::width(&before));
        [format!("{before}{behind}"), format!("{blanks}^")]
    }
}

impl Failure {
    /// Words of a command line that were not understood.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: "Usage",
            code: USAGE,
            ..Self::new(message, hint)
        }
    }

    /// A failure of the command itself.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: "Failed",
            message: message.into(),
            hint: hint.into(),
            code: FAILED,
            excerpt: None,
        }
    }

    /// Tells it on stderr. That stderr may be closed is no failure.
    pub fn tell(&self, json: bool, paint: Paint) -> ExitCode {
        let mut err = io::stderr().lock();
        let _ = if json {
            let mut value = json!({"error": {
                "kind": self.kind,
                "message": self.message,
                "hint": self.hint,
                "exit_code": self.code,
            }});
            if let Some(excerpt) = &self.excerpt {
                value["error"]["position"] = excerpt.position.into();
            }
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
        if let Some([query, mark]) = self.excerpt.as_ref().map(Excerpt::lines) {
            writeln!(err, "  {query}")?;
            writeln!(err, "  {}", paint.on(Style::Worst, mark))?;
        }
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
            excerpt: None,
        }
    }
}

/// What a person can do about an error of the vault.
pub fn advice(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound if error.operation() == "open vault" => {
            "`crashvault demo` makes one to look at; a program makes one when it installs Crashvault; --vault names another place"
        }
        ErrorKind::NotFound if error.operation() == "undo" => {
            "`crashvault show ISSUE` tells what was decided"
        }
        ErrorKind::NotFound if error.operation() == "remove search" => {
            "`crashvault searches` lists them"
        }
        ErrorKind::NotFound if error.operation() == "read archive" => {
            "`crashvault archive --list` shows the archives that there are"
        }
        ErrorKind::NotFound if error.operation() == "find event" => {
            "`crashvault events` shows what there is"
        }
        ErrorKind::NotFound if is_about_files(error) => "name the file by its path",
        ErrorKind::NotFound => "`crashvault list` shows what there is",
        ErrorKind::InvalidInput if error.operation() == "read query" => {
            "`crashvault search --help` tells what a query can say"
        }
        ErrorKind::Conflict if error.operation() == "find issue" => {
            "write more of the id, or the number"
        }
        ErrorKind::Corrupt if error.operation() == "read archive" => {
            "nothing came back and the file stays; restore it from a backup if there is one"
        }
        ErrorKind::Corrupt if error.operation() == "import" => {
            "nothing came in; have it written or copied again"
        }
        ErrorKind::Corrupt => {
            "the file was left as it is; keep a copy of the whole directory, then move the file away or correct it"
        }
        ErrorKind::Unsupported if error.operation() == "import" => "nothing was changed",
        ErrorKind::Unsupported => {
            "nothing was changed; use the version that wrote it, or a newer one"
        }
        ErrorKind::Io | ErrorKind::ReadOnly if error.operation() == "export" => {
            "see the reason; --output names another place"
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

/// Whether it is of what reads files that somebody names.
fn is_about_files(error: &Error) -> bool {
    let operations = [
        "import",
        "import v1",
        "import minidump",
        "add symbols",
        "rescue",
    ];
    operations.contains(&error.operation())
}

impl From<&Unknown> for Failure {
    fn from(unknown: &Unknown) -> Self {
        let hint = "--json without names answers with all of it";
        Self::usage(unknown.to_string(), hint)
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
        if let Some(unknown) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Unknown>())
        {
            return Failure::from(unknown).into();
        }
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
    refuse(&Failure::usage(message, hint), words)
}

/// Tells what is wrong with words that were not understood whole.
pub fn refuse(failure: &Failure, words: &[OsString]) -> ExitCode {
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

    fn check_excerpt(query: &str, position: usize, expected: [&str; 2]) {
        let query = query.to_owned();
        assert_eq!(Excerpt { query, position }.lines(), expected);
    }

    #[test]
    fn the_mark_stands_below_the_place() {
        check_excerpt("a (b", 2, ["a (b", "  ^"]);
        check_excerpt("漢 (b", 4, ["漢 (b", "   ^"]);
        check_excerpt("\u{1b} (b", 2, ["\\x1b (b", "     ^"]);
        check_excerpt("a", 9, ["a", " ^"]);
        check_excerpt("漢", 1, ["漢", "^"]);
    }

    #[test]
    fn a_long_query_is_shown_around_the_place() {
        let query = format!("{}({}", "a".repeat(100), "b".repeat(100));
        let before = format!("…{}", "a".repeat(49));
        let line = format!("{before}({}…", "b".repeat(23));
        check_excerpt(&query, 100, [&line, &format!("{}^", " ".repeat(50))]);
    }

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
