//! Ends by signals.

use std::error::Error;
use std::ffi::{c_char, c_int, c_void};
use std::fmt;
use std::hint::black_box;

/// Ends as told; false if there is no such end.
pub fn run(kind: &str) -> bool {
    match kind {
        "segv_null"
        | "foreign_handler"
        | "crash_in_handler"
        | "small_alternate_stack"
        | "no_descriptors"
        | "full_disk"
        | "stack_need" => crash_null(),
        "segv_wild" => crash_wild(),
        "segv_execute" => crash_execute(),
        "fault_sent" => send_fault(),
        "bus" => crash_bus(),
        "fpe" => crash_divide(),
        "ill" => crash_illegal(),
        "trap" => crash_trap(),
        "sys" => crash_forbidden(),
        "abort" => crash_abort(),
        "c_assert" => crash_assert(),
        "double_free" => crash_double_free(),
        "overflow_main" | "alternate_stack" => {
            black_box(crash_deep(1));
        }
        "overflow_thread" => {
            let thread = std::thread::spawn(|| black_box(crash_deep(1)));
            let _ = thread.join();
        }
        "oom" => crash_allocate(),
        "fork_child" => crash_child(),
        "two_threads" => crash_twice(),
        "crash_in_capture" => crash_null(),
        "recovered" => recover(),
        _ => return false,
    }
    true
}

#[inline(never)]
fn crash_null() {
    unsafe { black_box(std::ptr::null_mut::<u8>()).write_volatile(1) };
}

#[inline(never)]
fn crash_wild() {
    unsafe { black_box(0x0000_4123_4567_8000 as *mut u8).write_volatile(1) };
}

#[inline(never)]
fn crash_execute() {
    static DATA: [u8; 16] = [0x90; 16];
    let function: extern "C" fn() = unsafe { std::mem::transmute(black_box(DATA.as_ptr())) };
    function();
    black_box(());
}

#[inline(never)]
fn send_fault() {
    unsafe { libc::kill(libc::getpid(), libc::SIGFPE) };
    std::thread::sleep(std::time::Duration::from_secs(10));
}

/// Memory of a file that is shorter than its mapping.
#[inline(never)]
fn crash_bus() {
    unsafe {
        let file = libc::memfd_create(c"empty".as_ptr(), 0);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let memory = libc::mmap(
            std::ptr::null_mut(),
            4096,
            access,
            libc::MAP_SHARED,
            file,
            0,
        );
        memory.cast::<u8>().write_volatile(1);
    }
}

#[inline(never)]
fn crash_divide() {
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("xor edx, edx", "mov eax, 1", "xor ecx, ecx", "div ecx",
            out("eax") _, out("edx") _, out("ecx") _);
    }
    #[cfg(not(target_arch = "x86_64"))]
    unsafe {
        libc::raise(libc::SIGFPE);
    }
}

#[inline(never)]
fn crash_illegal() {
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("ud2");
    }
    #[cfg(not(target_arch = "x86_64"))]
    unsafe {
        libc::raise(libc::SIGILL);
    }
}

#[inline(never)]
fn crash_trap() {
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("int3");
    }
    #[cfg(not(target_arch = "x86_64"))]
    unsafe {
        libc::raise(libc::SIGTRAP);
    }
    black_box(());
}

#[inline(never)]
fn crash_forbidden() {
    unsafe { libc::raise(libc::SIGSYS) };
    black_box(());
}

#[inline(never)]
fn crash_abort() {
    unsafe { libc::abort() };
}

unsafe extern "C" {
    fn __assert_fail(
        text: *const c_char,
        file: *const c_char,
        line: u32,
        function: *const c_char,
    ) -> !;
}

#[inline(never)]
fn crash_assert() {
    unsafe {
        __assert_fail(
            c"balance >= 0".as_ptr(),
            c"ledger.c".as_ptr(),
            42,
            c"book".as_ptr(),
        )
    };
}

#[inline(never)]
fn crash_double_free() {
    unsafe {
        let memory = libc::malloc(64);
        libc::free(black_box(memory));
        libc::free(black_box(memory));
    }
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn crash_deep(depth: u64) -> u64 {
    let room = black_box([depth; 16]);
    crash_deep(depth + 1) + room[3]
}

#[inline(never)]
fn crash_allocate() {
    let limit = libc::rlimit {
        rlim_cur: 256 << 20,
        rlim_max: 256 << 20,
    };
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) };
    black_box(vec![1u8; 1 << 30]);
}

#[inline(never)]
fn crash_child() {
    let mut status = 0;
    unsafe {
        let child = libc::fork();
        if child == 0 {
            crash_null();
        }
        libc::waitpid(child, &mut status, 0);
    }
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV);
}

fn crash_twice() {
    let start = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                start.wait();
                crash_null();
            });
        }
    });
}

#[derive(Debug)]
struct Crashing;

impl fmt::Display for Crashing {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        crash_null();
        Ok(())
    }
}

impl Error for Crashing {}

pub fn crash_while_captured() {
    crate::watched::capture_error(&Crashing);
}

/// Functions that were there before run after those of whoever comes later.
pub fn crash_at_exit() {
    extern "C" fn crash() {
        crash_null();
    }
    unsafe { libc::atexit(crash) };
}

pub fn restore_default(signal: c_int) {
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

type Action = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

pub fn handle_segv(action: Action) {
    unsafe {
        let mut taken: libc::sigaction = std::mem::zeroed();
        taken.sa_sigaction = action as *const () as usize;
        taken.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &taken, std::ptr::null_mut());
    }
}

/// A host's own handler: it says something and ends the program in its own way.
pub extern "C" fn foreign(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    let said = b"the host's handler\n";
    unsafe {
        libc::write(1, said.as_ptr().cast(), said.len());
        libc::_exit(7);
    }
}

/// A host's own handler that is broken.
pub extern "C" fn crashing(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    unsafe { black_box(std::ptr::null_mut::<u8>()).write_volatile(2) };
}

/// The host gives its thread an alternate stack of its own, after Crashvault was installed.
pub fn use_own_alternate_stack() {
    use_alternate_stack(256 * 1024);
}

/// One with room for what the kernel puts there and 4 KB, and nothing below it.
pub fn use_small_alternate_stack() {
    let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
    use_alternate_stack(frame.max(2048) + 4096);
}

fn use_alternate_stack(bytes: usize) {
    unsafe {
        let pages = bytes.next_multiple_of(4096) + 4096;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let base = libc::mmap(std::ptr::null_mut(), pages, access, flags, -1, 0);
        assert!(base != libc::MAP_FAILED);
        libc::mprotect(base, 4096, libc::PROT_NONE);
        let stack = libc::stack_t {
            ss_sp: base.byte_add(pages - bytes),
            ss_flags: 0,
            ss_size: bytes,
        };
        assert_eq!(libc::sigaltstack(&stack, std::ptr::null_mut()), 0);
    }
}

pub fn use_up_descriptors() {
    let few = libc::rlimit {
        rlim_cur: 16,
        rlim_max: 16,
    };
    unsafe {
        libc::setrlimit(libc::RLIMIT_NOFILE, &few);
        while libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) >= 0 {}
    }
}

pub fn fill_disk(vault: &str) {
    use std::io::Write;
    let filler = std::path::Path::new(vault).join("filler");
    let mut filler = std::fs::File::create(filler).expect("the vault is there");
    while filler.write_all(&[1; 512]).is_ok() {}
}

static GUARDED: std::sync::atomic::AtomicPtr<c_void> =
    std::sync::atomic::AtomicPtr::new(std::ptr::null_mut());

/// A runtime that protects memory and learns by the signal that somebody wants it.
pub extern "C" fn recovering(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    let memory = GUARDED.load(std::sync::atomic::Ordering::Relaxed);
    unsafe { libc::mprotect(memory, 4096, libc::PROT_READ | libc::PROT_WRITE) };
}

fn recover() {
    for _ in 0..5 {
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let memory = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0);
            GUARDED.store(memory, std::sync::atomic::Ordering::Relaxed);
            memory.cast::<u8>().write_volatile(1);
        }
    }
    println!("and goes on");
}

const UNTOUCHED: u8 = 0xA5;
const MEASURED_BYTES: usize = 256 * 1024;
static MEASURED: std::sync::atomic::AtomicPtr<u8> =
    std::sync::atomic::AtomicPtr::new(std::ptr::null_mut());

/// The host's alternate stack, filled so that what was used of it can be seen.
pub fn use_measured_alternate_stack() {
    let stack: &'static mut [u8] = Box::leak(vec![UNTOUCHED; MEASURED_BYTES].into_boxed_slice());
    MEASURED.store(stack.as_mut_ptr(), std::sync::atomic::Ordering::Relaxed);
    let stack = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: MEASURED_BYTES,
    };
    assert_eq!(
        unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) },
        0
    );
}

/// Called by the handler that is measured, so all of that one's work is done: prints how far below what the kernel put on
/// the stack something was written.
pub extern "C" fn measuring(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    let base = MEASURED.load(std::sync::atomic::Ordering::Relaxed);
    let stack = unsafe { std::slice::from_raw_parts(base, MEASURED_BYTES) };
    let lowest = stack
        .iter()
        .position(|byte| *byte != UNTOUCHED)
        .unwrap_or(0);
    println!("{}", context as usize - (base as usize + lowest));
    std::process::exit(0);
}
