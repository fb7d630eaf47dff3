//! Enters: a command line. Leaves: how it ended, and what it wrote to stderr.
//!
//! Never: reads what the command reads, or touches its stdout: those stay what they are.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::passed::Passed;
use super::system::Signals;

/// How long the command's own children, which may hold its stderr open, are listened to after its end: while nothing
/// comes, and at all.
const QUIET_MAX: Duration = Duration::from_millis(300);
const AFTER_MAX: Duration = Duration::from_secs(3);

/// How a command ended.
pub struct Ended {
    /// The status a shell would tell.
    pub status: u8,
    pub signal: Option<i32>,
    /// Whether it ended by Ctrl-C at the terminal: whoever sits there wanted it so.
    pub is_interrupted: bool,
    pub stderr: String,
}

/// Runs the command to its end.
pub fn run(words: &[OsString]) -> io::Result<Ended> {
    let signals = Signals::hold()?;
    let Started {
        mut child,
        stderr,
        terminal,
    } = start(words)?;
    let passed = Arc::new(Passed::default());
    let (done, is_done) = channel();
    let passing = Arc::clone(&passed);
    // Without a thread nothing would pass; then the pipe closes, as if nobody read stderr.
    let thread = thread::Builder::new().spawn(move || {
        passing.pass(stderr, io::stderr());
        drop(done);
    });
    let ended = signals.wait(&mut child, terminal)?;
    if thread.is_ok() {
        listen_on(&passed, &is_done);
    }
    Ok(Ended {
        stderr: passed.text(),
        ..ended
    })
}

/// A command that runs.
struct Started {
    child: Child,
    stderr: Box<dyn Read + Send>,
    /// Our side of the terminal that its stderr is, if it is one.
    terminal: Option<File>,
}

fn start(words: &[OsString]) -> io::Result<Started> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    #[cfg(target_os = "linux")]
    if let Some((ours, theirs)) = super::pty::pair() {
        // The command goes with its side of the terminal when this function ends; then the child alone holds it.
        command.stderr(theirs);
        return Ok(Started {
            child: command.spawn()?,
            terminal: ours.try_clone().ok(),
            stderr: Box::new(ours),
        });
    }
    command.stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let stream = child.stderr.take();
    let stream = stream.ok_or_else(|| io::Error::other("there is no pipe to its stderr"))?;
    Ok(Started {
        child,
        stderr: Box::new(stream),
        terminal: None,
    })
}

/// Waits for the end of the stream. What is read is always written, however long the reader behind us takes.
fn listen_on(passed: &Passed, is_done: &Receiver<()>) {
    let ended = Instant::now();
    let mut steps = passed.steps();
    while let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(QUIET_MAX) {
        let now = passed.steps();
        let is_writing = now % 2 == 1;
        if !is_writing && (now == steps || ended.elapsed() > AFTER_MAX) {
            return;
        }
        steps = now;
    }
}
