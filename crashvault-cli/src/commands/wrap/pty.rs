//! Enters: our stderr, if it is a terminal. Leaves: a terminal for the command's stderr, and the side of it that we read.
//!
//! A program asks whether its stderr is a terminal to decide about colour and progress; it gets the answer that it would
//! get without us.
//!
//! Never: makes it anybody's controlling terminal, or lets it change a byte.

use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::os::fd::OwnedFd;

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

/// Our side and the command's. `None` if stderr is no terminal, or there is none to be had: then a pipe does.
pub fn pair() -> Option<(File, OwnedFd)> {
    if !stderr().is_terminal() {
        return None;
    }
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).ok()?;
    unlockpt(&ours).ok()?;
    let theirs = ioctl_tiocgptpeer(&ours, flags).ok()?;
    let mut settings = tcgetattr(&theirs).ok()?;
    settings.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &settings).ok()?;
    if let Ok(size) = tcgetwinsize(stderr()) {
        // One of no size works as well.
        let _ = tcsetwinsize(&theirs, size);
    }
    Some((ours.into(), theirs))
}
