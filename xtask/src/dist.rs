//! `cargo xtask dist NAME`: what is shipped, built as it is shipped, and tried.
//!
//! Enters: a name. Leaves: files in `dist/` below the target directory.
//!
//! Never: sends anything anywhere.

use crate::python::{self, Environment};
use crate::run::{self, Run};
use crate::usage::{self, Answer, Usage};

const NAMES: [&str; 1] = ["python"];

pub fn command(arguments: &[String]) -> Result<Answer, Usage> {
    match arguments.split_first() {
        Some((name, flags)) if name == "python" => {
            usage::only(flags, &[])?;
            Ok(wheel())
        }
        Some((name, _)) if !name.starts_with('-') => Err(usage::unknown("package", name, &NAMES)),
        _ => Err(Usage(format!(
            "the package's name is missing\nknown: {}",
            NAMES.join(", ")
        ))),
    }
}

fn wheel() -> Answer {
    let environment = match Environment::of_tests() {
        Ok(environment) => environment,
        Err(missing) => {
            eprintln!("error: missing tool: {missing}");
            return Answer::Failed;
        }
    };
    let mut run = Run::default();
    let place = run::target_directory().join("dist");
    let wheel = python::wheel(&mut run, &environment, "dist", &place);
    if let Some(wheel) = &wheel {
        python::try_wheel(&mut run, wheel);
    }
    print!("{}", run.report());
    if let Some(wheel) = wheel {
        println!("{}", wheel.display());
    }
    Answer::well_if(run.failures().next().is_none())
}
