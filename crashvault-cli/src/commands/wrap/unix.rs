//! Enters: a running child. Leaves: its end; until then signals that are sent to us are sent on to it.
//!
//! Never: sends on what the terminal sends (Ctrl-C, hang-up): the child is in the same process group, and has it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use super::child::Ended;

const SENT_ON: [i32; 6] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

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

    /// Waits for the child's end.
    pub fn wait(mut self, child: &mut Child) -> io::Result<Ended> {
        let pid = Pid::from_child(child);
        let handle = self.0.handle();
        // Its number means the child only until it has been waited for.
        let running = Arc::new(Mutex::new(Some(pid)));
        let sending = Arc::clone(&running);
        // Without a thread signals end here; the child is waited for all the same.
        let _ = thread::Builder::new().spawn(move || {
            for origin in self.0.forever() {
                let running = sending.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(pid) = *running else { return };
                if origin.cause != Cause::Kernel
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
        handle.close();
        Ok(ended(status))
    }
}

fn ended(status: ExitStatus) -> Ended {
    let signal = status.signal();
    // A signal's number is below 65 wherever there are signals, a status below 256.
    let status = status.code().or(signal.map(|signal| 128 + signal));
    Ended {
        status: status.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        signal,
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
