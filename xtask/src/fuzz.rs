//! `cargo xtask fuzz NAME`: mutated inputs for what reads anything.
//!
//! Enters: a name and flags. Leaves: what the target printed, and whether all inputs went well.
//!
//! Never: makes an input itself, or needs another toolchain: a target is a program of `tests/fuzz`, built in release.

use crate::run::cargo;
use crate::usage::{self, Answer, Usage};

/// The targets; the program is `fuzz-NAME`.
const TARGETS: [&str; 5] = ["parse", "event", "query", "journal", "export"];

/// What a program that is built for its makers has: an overflow is a panic there.
const CHECKS: [&str; 2] = ["overflow-checks", "debug-assertions"];

pub fn command(arguments: &[String]) -> Result<Answer, Usage> {
    let (name, flags) = match arguments.split_first() {
        Some((name, flags)) if TARGETS.contains(&name.as_str()) => (name, flags),
        Some((name, _)) if !name.starts_with('-') => {
            return Err(usage::unknown("target", name, &TARGETS));
        }
        _ => {
            let known = TARGETS.join(", ");
            return Err(Usage(format!(
                "the target's name is missing\nknown: {known}"
            )));
        }
    };
    let mut command = cargo(&["run", "--release", "--package", "crashvault-tests"]);
    for check in CHECKS {
        let profile = "profile.release.package.crashvault-core";
        command.args(["--config", &format!("{profile}.{check}=true")]);
    }
    command.args(["--bin", &format!("fuzz-{name}"), "--"]);
    match command.args(flags).status() {
        Ok(status) => Ok(Answer::well_if(status.success())),
        Err(error) => {
            eprintln!("error: cannot run fuzz-{name}: {error}");
            Ok(Answer::Failed)
        }
    }
}
