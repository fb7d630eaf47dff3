//! Asking before what cannot be taken back.

use std::io::{self, Write};

use crate::output::{Failure, Screen};

/// Goes on if `is_sure`, or if whoever sits (or speaks) at stdin says yes. The question is on stderr, for stdout holds the answer.
pub fn confirm(question: &str, is_sure: bool, screen: &mut Screen) -> Result<(), Failure> {
    if is_sure {
        return Ok(());
    }
    let _ = screen.flush();
    let mut err = io::stderr().lock();
    let _ = write!(err, "{question} [y/N] ");
    let _ = err.flush();
    let answer = line()?;
    if answer.is_none() {
        // Nobody's line break ended the question.
        let _ = writeln!(err);
    }
    let answer = answer.unwrap_or_default();
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(
            "nothing was done: the answer was not yes",
            "--yes goes ahead without asking",
        )),
    }
}

/// The next line of stdin; `None` at its end.
pub fn line() -> Result<Option<String>, Failure> {
    let mut answer = String::new();
    match io::stdin().read_line(&mut answer) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(answer.trim_end_matches(['\n', '\r']).to_owned())),
        Err(error) => Err(Failure::new(format!("cannot read stdin: {error}"), "")),
    }
}
