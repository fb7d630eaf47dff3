//! A program that ends in the way it is told: `crasher VAULT KIND`. With `-` for the vault it does so without Crashvault,
//! which is what each end is compared with.

#![expect(
    unsafe_code,
    reason = "most ways to crash are not to be had in safe code"
)]

mod ends;
#[expect(
    clippy::undocumented_unsafe_blocks,
    reason = "what they break is what they are for"
)]
mod faults;
mod panics;

use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(vault), Some(kind)) = (arguments.next(), arguments.next()) else {
        // Run as a test of its own, or by hand: there is nothing to do.
        return;
    };
    // SAFETY: the structure is valid. Cores are not what is looked at here, and writing them takes time.
    unsafe {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        libc::setrlimit(libc::RLIMIT_CORE, &none);
    }
    before_install(&kind);
    let is_watched = vault != "-";
    if is_watched {
        crashvault::options()
            .vault(&vault)
            .drain(false)
            .throttle(false)
            .install();
        crashvault::configure_global_scope(|scope| scope.set_tag("kind", &kind));
        crashvault::set_tag("thread", "main");
        crashvault::breadcrumb("crasher", &format!("about to: {kind}"));
    }
    after_install(&kind, &vault);
    match kind.as_str() {
        "exec_child" => exec_child(&vault),
        "exec" => replace_with_true(),
        "exec_closed" => {
            crashvault::close();
            replace_with_true();
        }
        "write" => write_until_killed(),
        kind if ends::run(kind) || faults::run(kind) || panics::run(kind) => {}
        other => panic!("{other} is no kind of end"),
    }
}

/// What a host does before it installs Crashvault.
fn before_install(kind: &str) {
    match kind {
        "foreign_handler" => faults::handle_segv(faults::foreign),
        "stack_need" => faults::handle_segv(faults::measuring),
        "recovered" => faults::handle_segv(faults::recovering),
        "crash_in_handler" => faults::handle_segv(faults::crashing),
        "panic_in_hook" => std::panic::set_hook(Box::new(|_| panic!("the hook panics too"))),
        // Rust programs ignore it from their start.
        "pipe" => faults::restore_default(libc::SIGPIPE),
        _ => {}
    }
}

/// What a host does afterwards.
fn after_install(kind: &str, vault: &str) {
    let is_watched = vault != "-";
    match kind {
        "stack_need" => faults::use_measured_alternate_stack(),
        "no_descriptors" => faults::use_up_descriptors(),
        "full_disk" => faults::fill_disk(vault),
        "alternate_stack" => faults::use_own_alternate_stack(),
        "small_alternate_stack" => faults::use_small_alternate_stack(),
        "crash_in_capture" if is_watched => faults::crash_while_captured(),
        "drained_first" if is_watched => panics::announce(),
        _ => {}
    }
}

/// Captures without end, and says which events were acknowledged.
fn write_until_killed() {
    use std::io::Write;
    let mut out = std::io::stdout();
    for number in 0u64.. {
        crashvault::breadcrumb("writer", &format!("round {number}"));
        let id =
            crashvault::capture_message(&format!("message {number}"), crashvault::Level::Error);
        // One write: a line is there whole or not at all.
        let _ = out.write_all(format!("{id}\n").as_bytes());
        let _ = out.flush();
    }
}

/// Starts another one, which crashes, and ends well.
fn exec_child(vault: &str) {
    let program = std::env::current_exe().expect("it is running");
    let status = Command::new(program).args([vault, "segv_null"]).status();
    assert!(!status.expect("it can be started").success());
}

fn replace_with_true() {
    panic!("{}", Command::new("true").exec());
}
