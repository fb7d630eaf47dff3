//! The ground that tests across crates stand on.
//!
//! Enters: the repository as it lies on disk. Leaves: its files, its sources as words, the answers of cargo.
//!
//! Never: changes the repository, or uses the network.

pub mod fuzz;
pub mod generated;
pub mod journal;
pub mod nth_write;
mod skip;
pub mod source;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crashvault::{Severity, Vault};

pub use skip::skip;

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What cargo prints, run in the repository's root with the committed lock and what is already downloaded.
///
/// # Panics
/// With cargo's own message where it fails.
pub fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(repository())
        .output()
        .expect("cargo runs these tests, so it can be started");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {} failed:\n{complaint}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// All files below `directory` in a stable order, without hidden and built ones.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("the directory can be read to its end").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Copies all files below a directory to another one.
///
/// # Panics
/// If one cannot be copied.
pub fn copy_files(from: &Path, to: &Path) {
    for file in files_below(from) {
        let place = to.join(file.strip_prefix(from).expect("it lies below"));
        let folder = place.parent().expect("it lies in a folder");
        fs::create_dir_all(folder).expect("the folder can be made");
        fs::copy(&file, place).expect("the file can be copied");
    }
}

/// Holds a vault to what it promises always: the doctor finds no problem.
///
/// # Panics
/// With what the doctor found.
pub fn healthy(vault: &Vault) {
    let findings = vault.doctor().expect("the doctor can look");
    let problems: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Problem)
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
}
