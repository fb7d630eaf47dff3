//! What a program that ends as told does before, at and after its end; whoever watches it is in `watched`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{ends, faults, panics, watched};

/// Installs the watcher in `place`, unless that is `-`, and ends as told.
pub fn run(place: &str, kind: &str) {
    // SAFETY: the structure is valid. Cores are not what is looked at here, and writing them takes time.
    unsafe {
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        libc::setrlimit(libc::RLIMIT_CORE, &none);
    }
    before_install(kind);
    let is_watched = place != "-";
    let _installed = is_watched.then(|| {
        let installed = watched::install(place, kind);
        watched::breadcrumb(&format!("about to: {kind}"));
        installed
    });
    after_install(kind, place);
    match kind {
        "exec_child" => exec_child(place),
        "exec" => replace_with_true(),
        "exec_closed" => {
            watched::close();
            replace_with_true();
        }
        "write" => write_until_killed(),
        "sampled" => {
            for number in 0..11 {
                watched::capture_message(&format!("message {number}"));
            }
        }
        kind if ends::run(kind) || faults::run(kind) || panics::run(kind) => {}
        other => panic!("{other} is no kind of end"),
    }
}

/// What a host does before it installs Crashvault.
fn before_install(kind: &str) {
    match kind {
        "foreign_handler" => faults::handle_segv(faults::foreign),
        "stack_need" => faults::handle_segv(faults::measuring),
        "at_exit" => faults::crash_at_exit(),
        "recovered" => faults::handle_segv(faults::recovering),
        "crash_in_handler" => faults::handle_segv(faults::crashing),
        "panic_in_hook" => std::panic::set_hook(Box::new(|_| panic!("the hook panics too"))),
        // Rust programs ignore it from their start.
        "pipe" => faults::restore_default(libc::SIGPIPE),
        _ => {}
    }
}

/// What a host does afterwards.
fn after_install(kind: &str, place: &str) {
    let is_watched = place != "-";
    match kind {
        "stack_need" => faults::use_measured_alternate_stack(),
        "no_descriptors" => faults::use_up_descriptors(),
        "full_disk" => faults::fill_disk(place),
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
        watched::breadcrumb(&format!("round {number}"));
        let id = watched::capture_message(&format!("message {number}"));
        // One write: a line is there whole or not at all.
        let _ = out.write_all(format!("{id}\n").as_bytes());
        let _ = out.flush();
    }
}

/// Starts another one, which crashes, and ends well.
fn exec_child(place: &str) {
    let status = watched::again().args([place, "segv_null"]).status();
    assert!(!status.expect("it can be started").success());
}

fn replace_with_true() {
    panic!("{}", Command::new("true").exec());
}
