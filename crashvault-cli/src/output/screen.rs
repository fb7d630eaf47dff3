//! Enters: lines and JSON values. Leaves: bytes on stdout or in a pager, and notes on stderr.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use serde_json::Value;

use super::fields::{Fields, Known, Unknown};
use super::log::{Talk, VARIABLE};
use super::pager::{self, Out};
use super::{Failure, Paint, Style, paint, progress, visible};
use crate::args::Global;

/// Where a command writes.
pub struct Screen {
    out: Out,
    /// Colour of stdout.
    pub paint: Paint,
    note_paint: Paint,
    /// Columns of the terminal; `None` if stdout is none.
    pub width: Option<usize>,
    /// Whether the answer is JSON.
    pub json: bool,
    /// Whether files may be shown as links: stdout is a terminal, and not one that knows nothing.
    pub has_links: bool,
    fields: Option<Fields>,
    known: Known,
    talk: Talk,
    /// What is said while a pager holds the terminal, for afterwards.
    held_back: RefCell<Vec<String>>,
    began: Instant,
}

const WIDTH_DEFAULT: usize = 80;
const HEIGHT_DEFAULT: usize = 24;

impl Screen {
    /// Stdout and stderr as they are, and as the options want them. A long answer goes to a pager, if it may.
    pub fn new(global: &Global, may_page: bool) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let is_smart = is_terminal && !paint::is_dumb();
        let pager = (may_page && is_smart && !global.no_pager).then(pager::chosen);
        let out = match pager.flatten() {
            // The shell's next prompt takes a line.
            Some(pager) => Out::held(size().1.saturating_sub(1), pager),
            None => Out::straight(),
        };
        let (talk, no_level) = Talk::of(global.quiet, global.verbose);
        let screen = Self {
            paint: Paint::of(&stdout, global.color),
            note_paint: Paint::of(&io::stderr(), global.color),
            width: is_terminal.then(columns),
            json: global.json.is_some(),
            has_links: is_smart,
            fields: global.json.as_deref().and_then(Fields::read),
            known: Known::Answer,
            talk,
            held_back: RefCell::default(),
            began: Instant::now(),
            out,
        };
        if let Some(value) = no_level {
            screen.note(format!(
                "${VARIABLE} is '{}', which is no level: it may be error, warning, info or debug",
                visible(&value)
            ));
        }
        screen
    }

    /// Writes one line. Any text of an event in it must have been made [`visible`](super::visible).
    pub fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Does what takes long. A terminal is told that it goes on, unless it is to be quiet.
    pub fn during<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        match self.talk >= Talk::Warning && io::stderr().is_terminal() {
            true => progress::during(what, work),
            false => work(),
        }
    }

    /// Writes one line in a style.
    pub fn styled(&mut self, style: Style, text: impl Display) -> io::Result<()> {
        let text = self.paint.on(style, text);
        self.line(text)
    }

    /// Says what is known of the answer to come. Names behind `--json=` that it cannot have are a failure now, before
    /// anything is done.
    pub fn expect(&mut self, known: Known) -> Result<(), Failure> {
        if let Some(fields) = &self.fields {
            if let Known::Nothing(why) = known {
                let hint = "--json=FIELDS chooses among the keys of an answer; there is none here";
                return Err(Failure::usage(why, hint));
            }
            fields
                .check(&known)
                .map_err(|unknown| Failure::from(&unknown))?;
        }
        self.known = known;
        Ok(())
    }

    /// Whether only some keys of the answer are wanted.
    pub fn has_choice(&self) -> bool {
        self.fields.is_some()
    }

    /// What is wanted of a JSON value.
    pub fn chosen<'a>(&self, value: &'a Value) -> io::Result<Cow<'a, Value>> {
        debug_assert!(self.known.holds(value), "keys of {value} are not declared");
        let Some(fields) = &self.fields else {
            return Ok(Cow::Borrowed(value));
        };
        let chosen = fields.choose(value, &self.known);
        Ok(Cow::Owned(chosen.map_err(io::Error::other)?))
    }

    /// Writes what is wanted of a JSON value on one line, wherever it goes.
    pub fn value_line(&mut self, value: &Value) -> io::Result<()> {
        let value = self.chosen(value)?;
        writeln!(self.out, "{value}")
    }

    /// Writes a JSON value, or what is wanted of it: indented on a terminal, one line in a pipe.
    pub fn value(&mut self, value: &Value) -> io::Result<()> {
        let value = self.chosen(value)?;
        match self.width {
            Some(_) => writeln!(self.out, "{value:#}"),
            None => writeln!(self.out, "{value}"),
        }
    }

    /// Where the answer goes, for what makes its lines itself.
    pub fn writer(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Says something beside the answer. That stderr may be closed is no failure.
    pub fn note(&self, text: impl Display) {
        if self.talk >= Talk::Warning {
            self.say(self.note_paint.on(Style::Note, "note:"), text);
        }
    }

    /// Says what is done, where that is wanted (`-v`).
    pub fn info(&self, text: impl Display) {
        if self.talk >= Talk::Info {
            self.say(self.note_paint.on(Style::Dim, "info:"), text);
        }
    }

    /// Says what that consists of, where that is wanted (`-vv`).
    pub fn debug(&self, text: impl Display) {
        if self.talk >= Talk::Debug {
            self.say(self.note_paint.on(Style::Dim, "debug:"), text);
        }
    }

    fn say(&self, label: String, text: impl Display) {
        let line = format!("{label} {text}");
        match self.out.is_paged() {
            true => self.held_back.borrow_mut().push(line),
            false => {
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    /// Tells a failure and goes on; what was answered before comes first.
    pub fn fail(&mut self, failure: &Failure) -> io::Result<()> {
        self.finish()?;
        failure.tell(self.json, self.note_paint);
        Ok(())
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the answer, and a pager with it; then says what waited for that.
    pub fn finish(&mut self) -> io::Result<()> {
        let finished = self.out.finish();
        for line in self.held_back.take() {
            let _ = writeln!(io::stderr(), "{line}");
        }
        finished
    }

    /// The command is done.
    pub fn end(&mut self) -> io::Result<()> {
        self.finish()?;
        let millis = self.began.elapsed().as_secs_f64() * 1000.0;
        self.debug(format!("done after {millis:.1} ms"));
        Ok(())
    }
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.names.join(", ");
        write!(
            f,
            "the answer has no {names}; it has {}",
            self.known.join(", ")
        )
    }
}

impl std::error::Error for Unknown {}

fn columns() -> usize {
    size().0
}

/// Columns of a terminal that any of our streams is, else of $COLUMNS, if that is known.
pub fn known_columns() -> Option<usize> {
    let of_terminal = terminal_size::terminal_size().map(|(width, _)| width.0.into());
    let of_variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    of_terminal
        .or_else(of_variable)
        .filter(|columns| *columns > 0)
}

/// Columns and lines of the terminal.
fn size() -> (usize, usize) {
    let of_terminal = terminal_size::terminal_size();
    let of_terminal = of_terminal.map(|(width, height)| (width.0.into(), height.0.into()));
    let of_variable = |name| std::env::var(name).ok()?.parse().ok();
    let or = |found: Option<usize>, name, default| {
        let found = found
            .filter(|count| *count > 0)
            .or_else(|| of_variable(name));
        found.filter(|count| *count > 0).unwrap_or(default)
    };
    (
        or(
            of_terminal.map(|(width, _): (usize, usize)| width),
            "COLUMNS",
            WIDTH_DEFAULT,
        ),
        or(
            of_terminal.map(|(_, height)| height),
            "LINES",
            HEIGHT_DEFAULT,
        ),
    )
}
