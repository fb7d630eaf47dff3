//! Enters: lines and JSON values. Leaves: bytes on stdout, and notes on stderr.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde_json::Value;

use super::{Failure, Paint, Style};
use crate::args::Global;

/// Where a command writes.
pub struct Screen {
    out: Box<dyn Write>,
    /// Colour of stdout.
    pub paint: Paint,
    note_paint: Paint,
    /// Columns of the terminal; `None` if stdout is none.
    pub width: Option<usize>,
    /// Whether the answer is JSON.
    pub json: bool,
}

const WIDTH_DEFAULT: usize = 80;

impl Screen {
    /// Stdout and stderr as they are, and as the options want them.
    pub fn new(global: &Global) -> Self {
        let stdout = io::stdout();
        Self {
            paint: Paint::of(&stdout, global.color),
            note_paint: Paint::of(&io::stderr(), global.color),
            width: stdout.is_terminal().then(columns),
            json: global.json,
            out: Box::new(BufWriter::new(stdout)),
        }
    }

    /// Writes one line. Any text of an event in it must have been made [`visible`](super::visible).
    pub fn line(&mut self, text: impl Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Writes one line in a style.
    pub fn styled(&mut self, style: Style, text: impl Display) -> io::Result<()> {
        let text = self.paint.on(style, text);
        self.line(text)
    }

    /// Writes a JSON value: indented on a terminal, one line in a pipe.
    pub fn value(&mut self, value: &Value) -> io::Result<()> {
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
        let label = self.note_paint.on(Style::Note, "note:");
        let _ = writeln!(io::stderr(), "{label} {text}");
    }

    /// Tells a failure and goes on; what was answered before comes first.
    pub fn fail(&mut self, failure: &Failure) -> io::Result<()> {
        self.flush()?;
        failure.tell(self.json, self.note_paint);
        Ok(())
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn columns() -> usize {
    let of_terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let of_variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    of_terminal()
        .or_else(of_variable)
        .filter(|width| *width > 0)
        .unwrap_or(WIDTH_DEFAULT)
}
