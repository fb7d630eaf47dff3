//! A program that captures and then comes to an end in the way it is told: `survivor VAULT KIND [NUMBER]`.

#![expect(unsafe_code, reason = "fork and _exit have no safe interface")]

mod busy;
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
    if kind == "open" {
        match Vault::open(&vault) {
            Ok(_) => println!("open"),
            Err(error) => println!("{} {error}", error.kind().name()),
        }
        return;
    }
    if kind == "rebuild" {
        let mut vault = Vault::open(&vault).expect("the vault opens");
        println!("begins");
        vault.rebuild().expect("the vault can be rebuilt");
        println!("done");
        return;
    }
    if busy::run(&vault, &kind, number) || oddities::run(&vault, &kind) {
        return;
    }
    crashvault::options()
        .vault(&vault)
        .throttle(false)
        .drain(kind == "fork_drained")
        .install();
    match kind.as_str() {
        "errors" => errors(number),
        "located" => {
            located_failure();
        }
        "hold" => hold(),
        "fork" => fork_and_capture(),
        "fork_drained" => fork_drained(),
        "fork_open" => fork_open(&vault),
        "fork_busy" => fork_busy(number),
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

/// SAFETY for all forks here: the process has one thread, so the child may do what it likes; or else the child only
/// captures and ends, which is what is tested.
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

/// Runs `work` in a forked child and tells how it ended.
fn in_child(work: impl FnOnce() -> bool) -> i32 {
    let child = fork();
    if child == 0 {
        // SAFETY: a child that hangs is ended by the kernel.
        unsafe { libc::alarm(10) };
        let is_well = work();
        // SAFETY: ends the child without running the parent's exit handlers a second time.
        unsafe { libc::_exit(i32::from(!is_well)) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &mut status, 0) };
    status
}

fn capture_slowly(who: &str, count: usize) -> bool {
    (0..count).all(|index| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        !crashvault::capture_message(&format!("{who} {index:02}"), Level::Error).is_nil()
    })
}

/// Forks while its own drainer, which took a first event in, has the vault open. Says so; the child captures for five
/// seconds.
fn fork_drained() {
    errors(1);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    println!("forking");
    let _ = std::io::stdout().flush();
    assert_eq!(in_child(|| capture_slowly("child", 25)), 0);
}

fn fork_open(vault: &str) {
    let is_kind = |kind| Vault::open(vault).is_err_and(|error| error.kind() == kind);
    let unsupported = crashvault::ErrorKind::Unsupported;
    assert_eq!(in_child(|| Vault::open(vault).is_ok()), 0, "nobody had it");
    let mut opened = Vault::open(vault).expect("the child has gone");
    let status = in_child(|| {
        let used = opened.drain_all();
        is_kind(unsupported) && used.is_err_and(|error| error.kind() == unsupported)
    });
    assert_eq!(status, 0, "the parent has it open");
    drop(opened);
    assert_eq!(in_child(|| is_kind(unsupported)), 0, "the parent had it");
    Vault::open(vault).expect("the parent may go on");
}

/// Forks while other threads capture all the time.
fn fork_busy(children: usize) {
    for _ in 0..3 {
        std::thread::spawn(|| {
            loop {
                crashvault::capture_message("busy", Level::Error);
            }
        });
    }
    let capture = || !crashvault::capture_message("child", Level::Error).is_nil();
    for number in 0..children {
        assert_eq!(in_child(capture), 0, "child {number}");
    }
    std::process::exit(0);
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
