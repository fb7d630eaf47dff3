//! `cargo xtask check`: everything that can be said about the code without running it.
//!
//! Enters: the working tree. Leaves: one stage per tool.
//!
//! Never: changes a file.

use crate::run::{self, Run, cargo};
use crate::usage::{self, Answer, Usage};

const PEERS_MANIFEST: &str = "bench/peers/Cargo.toml";

pub fn command(flags: &[String]) -> Result<Answer, Usage> {
    usage::only(flags, &[])?;
    let mut run = Run::default();
    stages(&mut run);
    print!("{}", run.report());
    Ok(Answer::well_if(run.failures().next().is_none()))
}

pub fn stages(run: &mut Run) {
    run.stage("format", &mut cargo(&["fmt", "--all", "--check"]));
    // A workspace of its own, so that nobody builds the peers to run the tests; its format costs nothing to check.
    if run::root().join(PEERS_MANIFEST).is_file() {
        let arguments = ["fmt", "--all", "--check", "--manifest-path", PEERS_MANIFEST];
        run.stage("format of the peers", &mut cargo(&arguments));
    }
    run.stage(
        "lints",
        &mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    );
    run.stage(
        "lints of the engine without default features",
        &mut without_defaults("crashvault-core"),
    );
    // What the README's first command builds; the workspace's lints see the engine with minidumps only.
    run.stage(
        "lints of the command without default features",
        &mut without_defaults("crashvault-cli"),
    );
    run.stage("documentation", &mut documentation());
    deny(run);
}

fn without_defaults(package: &str) -> std::process::Command {
    let arguments = ["clippy", "--package", package, "--no-default-features"];
    let mut command = cargo(&arguments);
    command.args(["--", "-D", "warnings"]);
    command
}

fn documentation() -> std::process::Command {
    let packages = [
        "--package",
        "crashvault-core",
        "--package",
        "crashvault-notify",
        "--package",
        "crashvault-server",
    ];
    let mut command = cargo(&[&["doc", "--no-deps"], &packages[..]].concat());
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

/// Not demanded, even in CI: building cargo-deny takes longer than all our tests, and `tests/dependencies.rs`
/// already holds the engine to the same list of licences.
fn deny(run: &mut Run) {
    if !run::on_path("cargo-deny") {
        run.skip("skipped: cargo-deny: not installed (`cargo xtask test --install` does)".into());
        return;
    }
    let arguments = ["deny", "check", "licenses", "bans", "sources"];
    run.stage("licences and sources", &mut cargo(&arguments));
}
