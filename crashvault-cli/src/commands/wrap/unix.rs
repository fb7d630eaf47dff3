//! Enters: a running child. Leaves: its end; until then signals that are sent to us are sent on to it, and its terminal
//! is kept as large as ours.
//!
//! Never: sends on what the terminal sends (Ctrl-C, hang-up): the child is in the same process group, and has it.

use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use rustix::termios::{tcgetwinsize, tcsetwinsize};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use super::child::Ended;

const SENT_ON: [i32; 7] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH];
/// How a shell tells that SIGINT ended a program.
const INTERRUPTED: u8 = 130;
/// The signal came before the child's end was told; our thread may still have to look at it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Signals that no longer end this process.
pub struct Signals(SignalsInfo<WithOrigin>);

impl Signals {
    /// From here on they are held for the child. What whoever started us wants to be ignored (`nohup`) stays so, for the
    /// child too.
    pub fn hold() -> io::Result<Self> {
        let ignored = ignored();
        let held = SENT_ON.into_iter();
        let held = held.filter(|signal| ignored & (1 << (signal - 1)) == 0);
        SignalsInfo::new(held).map(Self)
    }

    /// Waits for the child's end; `terminal` is our side of one that is the child's alone.
    pub fn wait(mut self, child: &mut Child, terminal: Option<File>) -> io::Result<Ended> {
        let pid = Pid::from_child(child);
        let handle = self.0.handle();
        // Its number means the child only until it has been waited for.
        let running = Arc::new(Mutex::new(Some(pid)));
        let sending = Arc::clone(&running);
        let (interrupt, is_interrupted) = channel();
        // Without a thread signals end here; the child is waited for all the same.
        let _ = thread::Builder::new().spawn(move || {
            for origin in self.0.forever() {
                if origin.signal == SIGINT && origin.cause == Cause::Kernel {
                    // Nobody may be there to hear it any more.
                    let _ = interrupt.send(());
                }
                let running = sending.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(pid) = *running else { continue };
                // Of its new size the child hears from the terminal that we share, maybe before its own has it.
                let is_resized = origin.signal == SIGWINCH && terminal.as_ref().is_some_and(resize);
                if is_resized {
                    let _ = kill_process(pid, Signal::WINCH);
                } else if origin.cause != Cause::Kernel
                    && let Some(signal) = Signal::from_named_raw(origin.signal)
                {
                    // A child that has just ended needs none.
                    let _ = kill_process(pid, signal);
                }
            }
        });
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = None;
        let status = child.wait()?;
        drop(running);
        let mut ended = ended(status);
        if ended.signal == Some(SIGINT) || ended.status == INTERRUPTED {
            ended.is_interrupted = is_interrupted.recv_timeout(PATIENCE).is_ok();
        }
        handle.close();
        Ok(ended)
    }
}

/// Gives the child's terminal the size of ours; whether it has it now.
fn resize(terminal: &File) -> bool {
    let size = tcgetwinsize(io::stderr());
    size.is_ok_and(|size| tcsetwinsize(terminal, size).is_ok())
}

fn ended(status: ExitStatus) -> Ended {
    let signal = status.signal();
    // A signal's number is below 65 wherever there are signals, a status below 256.
    let status = status.code().or(signal.map(|signal| 128 + signal));
    Ended {
        status: status.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        signal,
        is_interrupted: false,
        stderr: String::new(),
    }
}

/// One bit for each signal that is ignored; none where the system does not say.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
