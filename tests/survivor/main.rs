//! A program that captures and then comes to an end in the way it is told: `survivor VAULT KIND [NUMBER]`.

#![expect(unsafe_code, reason = "fork and _exit have no safe interface")]

mod oddities;

use std::io::{BufRead, Write};

use crashvault::{Level, Vault};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(vault), Some(kind)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: survivor VAULT KIND [NUMBER]");
        std::process::exit(2);
    };
    let number = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    if kind == "drain" {
        let report = Vault::open(&vault).and_then(|mut vault| vault.drain_all());
        println!("{}", report.expect("the vault can be drained").events_new);
        return;
    }
    if oddities::run(&vault, &kind) {
        return;
    }
    crashvault::options()
        .vault(&vault)
        .throttle(false)
        .drain(false)
        .install();
    match kind.as_str() {
        "errors" => errors(number),
        "located" => {
            located_failure();
        }
        "hold" => hold(),
        "fork" => fork_and_capture(),
        "orphan" => orphan(),
        other => panic!("{other}"),
    }
}

fn errors(count: usize) {
    for index in 0..count {
        let id = crashvault::capture_message(&format!("message {index}"), Level::Error);
        assert!(!id.is_nil());
    }
}

#[inline(never)]
fn located_failure() {
    let error = "seven".parse::<u8>().expect_err("it is no number");
    assert!(!crashvault::capture_error(&error).is_nil());
}

/// Captures, says so, and lives until its input ends.
fn hold() {
    errors(1);
    println!("ready");
    let _ = std::io::stdout().flush();
    let _ = std::io::stdin().lock().lines().next();
}

/// SAFETY for all forks here: the process has one thread, so the child may do what it likes.
fn fork() -> i32 {
    // SAFETY: see above.
    unsafe { libc::fork() }
}

fn fork_and_capture() {
    crashvault::set_tag("who", "parent");
    crashvault::capture_message("before the fork", Level::Error);
    let child = fork();
    if child == 0 {
        crashvault::set_tag("who", "child");
        let kept = !crashvault::capture_message("in the child", Level::Error).is_nil();
        // SAFETY: ends the child without running the parent's exit handlers a second time.
        unsafe { libc::_exit(i32::from(!kept)) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(status, 0, "the child captured");
    crashvault::capture_message("after the fork", Level::Error);
}

/// The parent ends at once; the child, which inherited its descriptors, lives on and never captures.
fn orphan() {
    errors(1);
    let child = fork();
    if child == 0 {
        let _ = std::io::stdin().lock().lines().next();
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
    println!("{child}");
}
