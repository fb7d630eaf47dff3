//! Enters: the bytes of an answer. Leaves: them on stdout, or in a pager if they are more than the terminal has lines.
//!
//! Never: starts a pager where stdout is no terminal, or through a shell.

use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The program and its words that page on this machine, if any does: `$CRASHVAULT_PAGER`, else `$PAGER`, else `less`.
/// One that is empty or `cat` is none.
pub fn chosen() -> Option<Vec<String>> {
    let names = ["CRASHVAULT_PAGER", "PAGER"];
    let asked = names.into_iter().find_map(|name| std::env::var(name).ok());
    let asked = asked.as_deref().unwrap_or("less");
    let words: Vec<String> = asked.split_whitespace().map(str::to_owned).collect();
    let program = words.first()?;
    (program != "cat").then_some(words)
}

/// Where an answer goes.
pub enum Out {
    Straight(BufWriter<Stdout>),
    /// Not known yet whether it is long.
    Held(Held),
    Paged(Paged),
}

pub struct Held {
    bytes: Vec<u8>,
    lines_left: usize,
    pager: Vec<String>,
}

pub struct Paged {
    child: Child,
    /// `None` once it has all.
    pipe: Option<BufWriter<ChildStdin>>,
}

impl Out {
    pub fn straight() -> Self {
        Self::Straight(BufWriter::new(io::stdout()))
    }

    /// What has more than `lines` lines goes to the pager.
    pub fn held(lines: usize, pager: Vec<String>) -> Self {
        Self::Held(Held {
            bytes: Vec::new(),
            lines_left: lines,
            pager,
        })
    }

    /// Whether a pager holds the terminal.
    pub fn is_paged(&self) -> bool {
        matches!(self, Self::Paged(_))
    }

    /// Ends the answer; a pager is waited for until it is left.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Self::Paged(paged) = self {
            drop(paged.pipe.take());
            // How it ended is between it and who looked at it.
            let _ = paged.child.wait();
            *self = Self::straight();
        }
        Ok(())
    }

    /// It is short after all.
    fn release(&mut self) -> io::Result<()> {
        if let Self::Held(held) = self {
            let bytes = std::mem::take(&mut held.bytes);
            *self = Self::straight();
            self.write_all(&bytes)?;
        }
        Ok(())
    }

    /// It is long; where the pager cannot be started it goes where it would have gone without.
    fn page(&mut self) -> io::Result<()> {
        let Self::Held(held) = self else {
            return Ok(());
        };
        let bytes = std::mem::take(&mut held.bytes);
        *self = start(&held.pager).map_or_else(|_| Self::straight(), Self::Paged);
        self.write_all(&bytes)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Straight(out) => out.write(bytes),
            Self::Paged(Paged {
                pipe: Some(pipe), ..
            }) => pipe.write(bytes),
            Self::Paged(_) => Err(io::ErrorKind::BrokenPipe.into()),
            Self::Held(held) => {
                held.bytes.extend_from_slice(bytes);
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                match held.lines_left.checked_sub(lines) {
                    Some(left) => held.lines_left = left,
                    None => self.page()?,
                }
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.release()?;
        match self {
            Self::Straight(out) => out.flush(),
            Self::Paged(Paged {
                pipe: Some(pipe), ..
            }) => pipe.flush(),
            _ => Ok(()),
        }
    }
}

fn start(words: &[String]) -> io::Result<Paged> {
    let (program, words) = words.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Ends at once with what fits after all, shows colour, leaves the answer on the screen.
        command.env("LESS", "FRX");
    }
    let mut child = command.spawn()?;
    hold_ctrl_c();
    let pipe = child.stdin.take().map(BufWriter::new);
    Ok(Paged { child, pipe })
}

/// Ctrl-C means the pager; if it ended us, the shell and the pager would both read the keys.
#[cfg(unix)]
fn hold_ctrl_c() {
    let seen = std::sync::Arc::default();
    // Where it cannot be held, Ctrl-C does what it always does.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, seen);
}

#[cfg(not(unix))]
fn hold_ctrl_c() {}
