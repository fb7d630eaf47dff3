//! The programs that these tests start.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds the programs, once; the one whose panics abort as such.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let deps = std::env::current_exe().unwrap();
    let profile = deps.parent().unwrap().parent().unwrap();
    BUILT.get_or_init(|| {
        build(
            profile,
            &["build", "--example", "crasher", "--example", "crasher-heap"],
        );
        let abort = [
            "rustc",
            "--example",
            "crasher-abort",
            "--",
            "-C",
            "panic=abort",
        ];
        build(profile, &abort);
    });
    profile.join("examples").join(name)
}

fn build(profile: &Path, arguments: &[&str]) {
    let (cargo, rest) = arguments.split_first().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args([cargo, "-p", "crashvault-core", "--offline", "--quiet"]);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let status = command
        .args(rest)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", profile.parent().unwrap())
        .status();
    assert!(status.unwrap().success(), "{arguments:?}");
}
