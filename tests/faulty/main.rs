//! A program whose n-th change to a file fails or is its last: `faulty VAULT WHAT FAULT N`.
//!
//! WHAT is `capture` (50 messages; prints how many were refused), or one of [`work`], which prints a line for each thing
//! that the vault acknowledged. FAULT is `kill` (SIGKILL instead of the n-th
//! change), `fail` (the n-th change alone fails with EIO) or `full` (from the n-th on nothing new fits: ENOSPC). Ends with
//! status 42 and tells how many there were if there were fewer than N changes.
//!
//! The functions of the C library that change files are replaced here, for SQLite and the Rust library alike.

#![expect(unsafe_code, reason = "replaces functions of the C library")]

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use crashvault::{
    ArchiveRule, FixedClock, IssueRef, Level, NewAttachment, PruneRule, Resolution, Result, Vault,
};
use crashvault_tests::generated::{self, Chance};

/// Changes left until the fault; negative while nothing is counted.
static LEFT: AtomicI64 = AtomicI64::new(-1);
static FAULT: AtomicU8 = AtomicU8::new(0);
const KILL: u8 = 1;
const FAIL: u8 = 2;
const FULL: u8 = 3;

/// The error number of this change, 0 if it may happen.
fn fault(needs_room: bool) -> c_int {
    if LEFT.load(Ordering::Relaxed) < 0 {
        return 0;
    }
    let fault = FAULT.load(Ordering::Relaxed);
    let left = LEFT.load(Ordering::Relaxed);
    if left > 0 {
        LEFT.store(left - 1, Ordering::Relaxed);
        return 0;
    }
    match fault {
        KILL => {
            // SAFETY: ends this process.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            libc::EIO
        }
        FAIL => {
            LEFT.store(i64::MAX, Ordering::Relaxed);
            libc::EIO
        }
        _ if needs_room => libc::ENOSPC,
        _ => 0,
    }
}

fn refuse(errno: c_int) -> isize {
    // SAFETY: the C library's errno of this thread.
    unsafe { *libc::__errno_location() = errno };
    -1
}

macro_rules! replaced {
    ($name:ident($($argument:ident: $kind:ty),*) -> $result:ty, $number:expr, $needs_room:expr) => {
        /// # Safety
        /// As the function of the C library that it stands for.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $kind),*) -> $result {
            match fault($needs_room) {
                // SAFETY: hands the caller's arguments on unchanged.
                0 => (unsafe { libc::syscall($number, $($argument),*) }) as $result,
                errno => refuse(errno) as $result,
            }
        }
    };
}

// A write into room that the file has already (the preallocated segment) succeeds on a full disk.
replaced!(write(fd: c_int, data: *const c_void, length: usize) -> isize, libc::SYS_write, fd > 2);
replaced!(pwrite64(fd: c_int, data: *const c_void, length: usize, offset: i64) -> isize, libc::SYS_pwrite64, false);
replaced!(ftruncate64(fd: c_int, length: i64) -> c_int, libc::SYS_ftruncate, true);
replaced!(fsync(fd: c_int) -> c_int, libc::SYS_fsync, false);
replaced!(fdatasync(fd: c_int) -> c_int, libc::SYS_fdatasync, false);
replaced!(unlink(path: *const c_char) -> c_int, libc::SYS_unlink, false);
replaced!(rename(from: *const c_char, to: *const c_char) -> c_int, libc::SYS_rename, true);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, home, what, kind, number] = &arguments[..] else {
        std::process::exit(2)
    };
    FAULT.store(
        match kind.as_str() {
            "kill" => KILL,
            "fail" => FAIL,
            _ => FULL,
        },
        Ordering::Relaxed,
    );
    let number: i64 = number.parse().expect("a number");
    let start = || LEFT.store(number, Ordering::Relaxed);
    if what == "capture" {
        capture(home, number, start);
    }
    let failed = work(what, home, start).is_err();
    end(number, i32::from(failed));
}

fn capture(home: &str, number: i64, start: impl Fn()) -> ! {
    crashvault::options()
        .vault(home)
        .throttle(false)
        .drain(false)
        .install();
    start();
    let refused = (0..50)
        .filter(|n| crashvault::capture_message(&format!("message {n}"), Level::Error).is_nil());
    say(&refused.count().to_string());
    end(number, 0);
}

/// Ends with this status, or tells how many changes there were if that was too few.
fn end(number: i64, status: i32) -> ! {
    let was_reached = is_reached();
    let changes = number - LEFT.swap(-1, Ordering::Relaxed);
    if was_reached {
        std::process::exit(status);
    }
    eprintln!("changes: {changes}");
    std::process::exit(42);
}

/// Opens the vault, which must succeed, then does the work with its fault. `open` fails within the opening.
fn work(what: &str, home: &str, start: impl Fn()) -> Result<()> {
    let clock = FixedClock::at("2026-06-01T00:00:00Z").expect("a time");
    let options = Vault::options().clock(clock).author("ada");
    if what == "open" {
        start();
        return options.open(home).map(drop);
    }
    let mut vault = options
        .open(home)
        .expect("the vault opens before anything fails");
    start();
    match what {
        "drain" => drop(vault.drain_all()?),
        "rebuild" => drop(vault.rebuild()?),
        "add" => {
            let mut chance = Chance::new(3);
            for number in 100..108 {
                let added = vault.add(generated::event(number, 12, &mut chance))?;
                say(&added.event_id.to_string());
            }
            return Ok(());
        }
        "resolve" => {
            for number in 1..=4 {
                vault.resolve(&IssueRef::Number(number), Resolution::Now)?;
                say(&number.to_string());
            }
            return Ok(());
        }
        "prune" => drop(vault.prune(&PruneRule::new().older_than_days(136))?),
        "attach" => {
            for content in ["one", "two"] {
                let attachment = NewAttachment::new(content, content.repeat(1000));
                vault.attach(generated::event_id(1), &attachment)?;
                say(content);
            }
            return Ok(());
        }
        "archive" => drop(vault.archive(&ArchiveRule::older_than_days(90))?),
        "restore" => {
            for archive in vault.archives()? {
                vault.restore_and_remove(archive.path)?;
            }
        }
        "collect" => drop(vault.collect_garbage()?),
        other => panic!("no work is called {other}"),
    }
    say("done");
    Ok(())
}

/// Prints past the functions that fail, before the next change may end the program.
fn say(line: &str) {
    let line = format!("{line}\n");
    // SAFETY: writes bytes that live here.
    unsafe { libc::syscall(libc::SYS_write, 1, line.as_ptr(), line.len()) };
}

/// Whether the fault struck: then the count is 0 (it keeps striking) or far away (it struck once).
fn is_reached() -> bool {
    matches!(LEFT.load(Ordering::Relaxed), 0 | 1_000_000_000..)
}
