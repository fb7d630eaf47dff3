//! Systems without signals: the child's end is waited for, nothing is sent on.

use std::fs::File;
use std::io;
use std::process::Child;

use super::child::Ended;

pub struct Signals;

impl Signals {
    pub fn hold() -> io::Result<Self> {
        Ok(Self)
    }

    pub fn wait(self, child: &mut Child, _terminal: Option<File>) -> io::Result<Ended> {
        let code = child.wait()?.code();
        let status = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(Ended {
            status,
            signal: None,
            is_interrupted: false,
            stderr: String::new(),
        })
    }
}
