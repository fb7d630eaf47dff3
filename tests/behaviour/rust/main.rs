//! The Rust runner of the behaviour suite (tests/behaviour/SCHEMA.md).
//!
//! Enters: case files. Leaves: one line for each that failed, and the totals. Each run of a case is a process of its
//! own, this program started again, because `install()` works once in a process.
//!
//! Never: knows a case by name.

mod case;
mod decisions;
mod expect;
mod places;
mod steps;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use case::Case;

/// What this language can do; a case that needs more is skipped.
const ABLE: &[&str] = &[
    "before_breadcrumb",
    "before_send",
    "capture_event",
    "clock",
    "cycle",
    "decisions",
    "errno",
    "global_scope",
    "panic",
    "search",
    "threads",
];

const CASE: &str = "CRASHVAULT_BEHAVIOUR_CASE";
const RUN: &str = "CRASHVAULT_BEHAVIOUR_RUN";
const WORK: &str = "CRASHVAULT_BEHAVIOUR_WORK";

fn main() -> ExitCode {
    if let Some(path) = std::env::var_os(CASE) {
        let run = std::env::var(RUN)
            .expect("the parent says which run")
            .parse()
            .expect("runs are numbers");
        let work = PathBuf::from(std::env::var_os(WORK).expect("the parent says where"));
        steps::run(&Case::read(Path::new(&path)), run, &work);
        return ExitCode::SUCCESS;
    }
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let mut totals = Totals::default();
    for path in case::all() {
        let name = case::name_of(&path);
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        totals.add(&name, &path);
    }
    totals.print()
}

#[derive(Default)]
struct Totals {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Totals {
    fn add(&mut self, name: &str, path: &Path) {
        let case = Case::read(path);
        let missing: Vec<&String> = case
            .needs
            .iter()
            .filter(|need| !ABLE.contains(&need.as_str()))
            .collect();
        if !missing.is_empty() {
            println!("behaviour {name} ... skipped, needs {missing:?}");
            self.skipped += 1;
            return;
        }
        let faults = play(path, &case);
        if faults.is_empty() {
            self.passed += 1;
            return;
        }
        self.failed += 1;
        println!("behaviour {name} ... FAILED ({})", case.title);
        faults.iter().for_each(|fault| println!("    {fault}"));
    }

    /// The second line is read by `cargo xtask test`.
    fn print(&self) -> ExitCode {
        let Totals {
            passed,
            failed,
            skipped,
        } = self;
        let word = if *failed == 0 { "ok" } else { "FAILED" };
        println!("behaviour rust: {} run, {skipped} skipped", passed + failed);
        println!(
            "test result: {word}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; 0 filtered out"
        );
        ExitCode::from(u8::from(*failed > 0))
    }
}

/// Runs a case in a vault of its own and returns what is not as expected.
fn play(path: &Path, case: &Case) -> Vec<String> {
    let work = tempfile::tempdir().expect("there is room for a vault");
    let home = work.path().join("vault");
    if let Some(settings) = &case.vault_toml {
        std::fs::create_dir(&home).expect("the directory is new");
        std::fs::write(home.join("vault.toml"), settings).expect("vault.toml can be written");
    }
    for (index, run) in case.runs.iter().enumerate() {
        let output = Command::new(std::env::current_exe().expect("this program has a path"))
            .envs([(CASE, path.as_os_str()), (WORK, work.path().as_os_str())])
            .env(RUN, index.to_string())
            .env_remove("RUST_BACKTRACE")
            .output()
            .expect("this program can be started again");
        let expected = if case::ends_in_panic(&run.steps) {
            101
        } else {
            0
        };
        if output.status.code() != Some(expected) {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return vec![format!(
                "run {index} ended with {}, expected {expected}:\n{said}",
                output.status
            )];
        }
    }
    expect::check(&case.expect, &home, work.path())
}
