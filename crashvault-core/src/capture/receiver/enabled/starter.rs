//! In the handler of a fatal signal: has the receiver started, and waits for it.
//!
//! Two processes, because a program that was started tells its end to its parent whatever was asked for (execve(2) makes
//! the signal SIGCHLD again). The *attendant* is made of ourselves: it shares our memory, runs no program, is found by no
//! `waitpid(-1)` and announced by no signal. The receiver is the attendant's child, so that its end is the attendant's
//! affair.
//!
//! Both run on stacks made at installing, and by system calls alone: they share the thread's own memory (errno, and what
//! the C library keeps there).

#![expect(
    unsafe_code,
    reason = "processes that share memory have no safe interface"
)]

use std::env;
use std::ffi::{CString, c_char, c_int, c_void};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::request::{MARK, NUMBERS_BYTES, VARIABLE, VARIABLE_NAME, put_hex, put_numbers};
use crate::journal::DUMP_ENDING;

/// What a receiver may take. Less than a drain leaves the last words of a living process alone for (`ingest::ending`).
pub(in crate::capture) const TIME_MS_MAX: u32 = 4000;
/// What the attendant may take to end it.
const GRACE_MS: u32 = 500;
const STACK_BYTES: usize = 16 * 1024;
const ID_DIGITS: usize = 32;

static STARTER: AtomicPtr<Starter> = AtomicPtr::new(null_mut());
static WAS_STARTED: AtomicBool = AtomicBool::new(false);
static IS_OVERDUE: AtomicBool = AtomicBool::new(false);

/// All that starting a program needs, made beforehand.
struct Starter {
    program: CString,
    numbers: [u8; NUMBERS_BYTES],
    /// The dump's path, with a zero behind it.
    path: Vec<u8>,
    arguments: [*const c_char; 5],
    environment: [*const c_char; 3],
    _library_path: Option<CString>,
    attendant_stack: *mut c_void,
    receiver_stack: *mut c_void,
    /// The process that crashed.
    pid: u32,
}

/// What a receiver is told.
pub(in crate::capture) struct Crash {
    pub(in crate::capture) pid: u32,
    pub(in crate::capture) thread: u32,
    /// Where the signal's information lies.
    pub(in crate::capture) info: u64,
    /// Where the interrupted context lies.
    pub(in crate::capture) context: u64,
    pub(in crate::capture) id: [u8; 16],
}

/// Why there will be no dumps.
pub(in crate::capture) fn refusal(program: &Path) -> Option<String> {
    let found = find(program);
    (!is_executable(&found)).then(|| {
        format!(
            "out_of_process: {} is no program that can be started; a crash keeps the stack of its own thread",
            found.display()
        )
    })
}

/// Makes everything that is needed to start `program` at a crash.
pub(in crate::capture) fn prepare(program: &Path, journal: &Path) {
    // A receiver that did not know itself for one must not start others when it crashes.
    if env::var_os(VARIABLE_NAME).is_some() {
        return;
    }
    let Ok(program) = CString::new(find(program).into_os_string().into_vec()) else {
        return;
    };
    let mut path = journal.as_os_str().as_bytes().to_vec();
    path.push(b'/');
    path.resize(path.len() + ID_DIGITS, b'0');
    path.extend_from_slice(DUMP_ENDING.as_bytes());
    path.push(0);
    let library_path = env::var_os("LD_LIBRARY_PATH")
        .and_then(|value| CString::new([b"LD_LIBRARY_PATH=", value.as_bytes()].concat()).ok());
    let starter = Box::leak(Box::new(Starter {
        program,
        numbers: [0; NUMBERS_BYTES],
        path,
        arguments: [null(); 5],
        environment: [
            VARIABLE.as_ptr(),
            library_path.as_ref().map_or(null(), |text| text.as_ptr()),
            null(),
        ],
        _library_path: library_path,
        attendant_stack: new_stack(),
        receiver_stack: new_stack(),
        pid: 0,
    }));
    starter.arguments = [
        starter.program.as_ptr(),
        MARK.as_ptr(),
        starter.numbers.as_ptr().cast(),
        starter.path.as_ptr().cast(),
        null(),
    ];
    STARTER.store(starter, Ordering::Release);
}

/// Written to, so that a handler need not ask the system for it. Its upper end, as stacks grow downward.
fn new_stack() -> *mut c_void {
    let stack: &'static mut [u128] =
        Box::leak(vec![1u128; STACK_BYTES / size_of::<u128>()].into_boxed_slice());
    stack.as_mut_ptr_range().end.cast()
}

/// A bare name is looked for where a shell would; a relative path is one now, not where the program may go to.
fn find(program: &Path) -> PathBuf {
    if program.as_os_str().as_bytes().contains(&b'/') {
        return std::path::absolute(program).unwrap_or_else(|_| program.to_owned());
    }
    let directories = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&directories)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program));
    candidates
        .find(|candidate| is_executable(candidate))
        .unwrap_or_else(|| program.to_owned())
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Has the dump written. Says why there is none, if one was wanted. Async-signal-safe; one thread at a time comes here.
pub(in crate::capture) fn dump(crash: &Crash) -> Option<&'static str> {
    let starter = STARTER.load(Ordering::Acquire);
    if starter.is_null() {
        return None;
    }
    // SAFETY: made at installing and never freed; only the thread that records the crash comes here, and it starts who else
    // looks at it after this.
    let told = unsafe { &mut *starter };
    put_numbers(
        [
            crash.pid.into(),
            crash.thread.into(),
            crash.info,
            crash.context,
        ],
        &mut told.numbers,
    );
    let id_at = told.path.len() - 1 - DUMP_ENDING.len() - ID_DIGITS;
    put_hex(&crash.id, &mut told.path[id_at..id_at + ID_DIGITS]);
    told.pid = crash.pid;
    WAS_STARTED.store(false, Ordering::Release);
    IS_OVERDUE.store(false, Ordering::Release);
    // SAFETY: as above; nothing writes to it from here on.
    let starter = unsafe { &*starter };
    starter.run();
    // SAFETY: the path ends with a zero.
    let is_there = unsafe {
        libc::syscall(
            libc::SYS_faccessat,
            libc::AT_FDCWD,
            starter.path.as_ptr(),
            libc::F_OK,
        )
    } == 0;
    let is_overdue = IS_OVERDUE.load(Ordering::Acquire);
    match (is_there, WAS_STARTED.load(Ordering::Acquire), is_overdue) {
        (true, ..) => None,
        (false, _, true) => {
            Some("no dump of all threads: the receiver took longer than 4 s and was ended")
        }
        (false, false, _) => Some("no dump of all threads: the receiver could not be started"),
        (false, true, _) => Some("no dump of all threads: the receiver ended without one"),
    }
}

/// Removes the last dump: the crash did not come to an end after all.
pub(in crate::capture) fn withdraw() {
    let starter = STARTER.load(Ordering::Acquire);
    if !starter.is_null() {
        // SAFETY: never freed, and nobody writes to it now; the path ends with a zero.
        unsafe {
            libc::syscall(
                libc::SYS_unlinkat,
                libc::AT_FDCWD,
                (*starter).path.as_ptr(),
                0,
            )
        };
    }
}

impl Starter {
    /// Until the attendant is gone no signal is taken: it would run the host's handlers in two processes at once.
    fn run(&self) {
        let all: u64 = !0;
        let mut before: u64 = 0;
        // SAFETY: async-signal-safe calls with valid pointers. The attendant's stack is used by nobody else, and the
        // attendant has ended, or was ended, before this returns. What it gets as argument lives for ever.
        unsafe {
            set_mask(&raw const all, &raw mut before);
            let attendant = libc::clone(
                attend,
                self.attendant_stack,
                // No signal tells of its end.
                libc::CLONE_VM,
                std::ptr::from_ref(self).cast_mut().cast(),
            );
            if attendant > 0 {
                // Where only ancestors may look into a process (Yama), its descendants now may, too.
                libc::syscall(libc::SYS_prctl, libc::PR_SET_PTRACER, attendant, 0, 0, 0);
                if status_within(attendant, TIME_MS_MAX + GRACE_MS).is_none() {
                    libc::syscall(libc::SYS_kill, attendant, libc::SIGKILL);
                    wait(attendant, 0);
                }
                libc::syscall(libc::SYS_prctl, libc::PR_SET_PTRACER, 0, 0, 0, 0);
            }
            set_mask(&raw const before, null_mut());
        }
    }
}

/// The attendant: starts the receiver, and ends it if it takes too long.
extern "C" fn attend(starter: *mut c_void) -> c_int {
    // SAFETY: what `run` gave; system calls with valid pointers. The receiver's stack is used by nobody else, and we stand
    // still until it has become another program.
    unsafe {
        let starter = &*starter.cast::<Starter>();
        end_with_parent();
        let receiver = libc::clone(
            become_receiver,
            starter.receiver_stack,
            libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD,
            std::ptr::from_ref(starter).cast_mut().cast(),
        );
        if receiver <= 0 {
            return 1;
        }
        let status = status_within(receiver, TIME_MS_MAX);
        if status.is_none() {
            IS_OVERDUE.store(true, Ordering::Release);
            libc::syscall(libc::SYS_kill, receiver, libc::SIGKILL);
            wait(receiver, 0);
        }
        if !status.is_some_and(|status| libc::WIFEXITED(status)) {
            // It may have ended while it attached to a thread: the stop that it asked for would be left behind.
            libc::syscall(libc::SYS_kill, starter.pid, libc::SIGCONT);
        }
    }
    0
}

/// The receiver until it is another program: none of the host's descriptors, handlers, limits on signals.
extern "C" fn become_receiver(starter: *mut c_void) -> c_int {
    /// Where the kernel cannot close a range: up to here, one by one.
    const CLOSED_MAX: c_int = 4096;
    let default = [0u64; 4];
    let none: u64 = 0;
    let no_core = [0u64; 2];
    // SAFETY: what `attend` gave; system calls with valid pointers. The descriptors and dispositions are this process's
    // own copies.
    unsafe {
        let starter = &*starter.cast::<Starter>();
        end_with_parent();
        for signal in 1..=64 {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                &raw const default,
                null_mut::<u8>(),
                8,
            );
        }
        set_mask(&raw const none, null_mut());
        if libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) != 0 {
            for descriptor in 0..CLOSED_MAX {
                libc::syscall(libc::SYS_close, descriptor);
            }
        }
        for _ in 0..3 {
            libc::syscall(
                libc::SYS_openat,
                libc::AT_FDCWD,
                c"/dev/null".as_ptr(),
                libc::O_RDWR,
            );
        }
        libc::syscall(
            libc::SYS_prlimit64,
            0,
            libc::RLIMIT_CORE,
            &raw const no_core,
            null_mut::<u8>(),
        );
        WAS_STARTED.store(true, Ordering::Release);
        libc::syscall(
            libc::SYS_execve,
            starter.program.as_ptr(),
            starter.arguments.as_ptr(),
            starter.environment.as_ptr(),
        );
    }
    WAS_STARTED.store(false, Ordering::Release);
    127
}

/// SAFETY: a system call.
unsafe fn end_with_parent() {
    // SAFETY: without pointers.
    unsafe {
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_SET_PDEATHSIG,
            libc::SIGKILL,
            0,
            0,
            0,
        )
    };
}

/// SAFETY: both point to a mask of 8 bytes, or are null.
unsafe fn set_mask(new: *const u64, before: *mut u64) {
    // SAFETY: as the caller promises.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, before, 8) };
}

/// Collects a child, of whatever kind: its status. None as long as it lives; zero if somebody else has collected it.
fn wait(child: c_int, flags: c_int) -> Option<c_int> {
    let mut status: c_int = 0;
    // SAFETY: the kernel writes one number; it is given no place for what the child used.
    let collected = unsafe {
        libc::syscall(
            libc::SYS_wait4,
            child,
            &raw mut status,
            libc::__WALL | flags,
            null_mut::<u8>(),
        )
    };
    (collected != 0).then_some(status)
}

/// Waits until a child has ended and collects it; none if it takes longer.
fn status_within(child: c_int, time_ms: u32) -> Option<c_int> {
    let begun = now_ms();
    let pause = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    loop {
        let status = wait(child, libc::WNOHANG);
        if status.is_some() || now_ms().saturating_sub(begun) > time_ms.into() {
            return status;
        }
        // SAFETY: the structure is valid.
        unsafe { libc::syscall(libc::SYS_nanosleep, &raw const pause, null_mut::<u8>()) };
    }
}

fn now_ms() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: async-signal-safe; the structure is valid.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    (time.tv_sec as u64) * 1000 + time.tv_nsec as u64 / 1_000_000
}
