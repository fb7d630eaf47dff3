//! A program with threads that crashes, and may be its own receiver: `witness VAULT KIND RECEIVER`. Without a vault (`-`)
//! it does so without Crashvault, which is what each end is compared with; without a receiver (`-`) it names none, and
//! `self` is itself.

#![expect(
    unsafe_code,
    reason = "most of what a host does here has no safe interface"
)]
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "what they break is what they are for"
)]

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let vault = arguments.next().unwrap_or_default();
    let kind = arguments.next().unwrap_or_default();
    let receiver = arguments.next().unwrap_or_default();
    forbid_cores();
    if kind == "recovered" {
        handle(
            libc::SIGSEGV,
            recover as *const () as usize,
            libc::SA_SIGINFO,
        );
    }
    if vault != "-" {
        install(&vault, &receiver);
    }
    let threads = ["alpha", "beta", "gamma"];
    let ready = Arc::new(Barrier::new(threads.len() + 1));
    for name in threads {
        let ready = Arc::clone(&ready);
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread
            .spawn(move || wait_as(name, &ready))
            .expect("there is room for a thread");
    }
    ready.wait();
    match kind.as_str() {
        "watchful" => watch_children(),
        "no_descriptors" => use_up_descriptors(),
        "small_alternate_stack" => use_small_alternate_stack(),
        _ => {}
    }
    end(&kind);
}

fn install(vault: &str, receiver: &str) {
    let mut options = crashvault::options()
        .vault(vault)
        .drain(false)
        .throttle(false);
    match receiver {
        "-" => {}
        "self" => {
            let own = std::env::current_exe().expect("it is running");
            options = options.out_of_process(own);
        }
        other => options = options.out_of_process(other),
    }
    let installed = options.install();
    if let Some(note) = installed.note() {
        eprintln!("{note}");
    }
    crashvault::breadcrumb("witness", "about to crash");
}

fn end(kind: &str) {
    match kind {
        "fork_child" => crash_child(),
        "abort" => crash_abort(),
        "panic_extern_c" => panic_without_unwinding(),
        "two_threads" => crash_twice(),
        "recovered" => fault_and_go_on(),
        _ => crash_here(),
    }
}

fn wait_as(name: &str, ready: &Barrier) {
    ready.wait();
    match name {
        "alpha" => wait_in_alpha(),
        "beta" => wait_in_beta(),
        _ => wait_in_gamma(),
    }
}

#[inline(never)]
fn wait_in_alpha() {
    std::thread::sleep(black_box(Duration::from_secs(60)));
    black_box(());
}

#[inline(never)]
fn wait_in_beta() {
    std::thread::sleep(black_box(Duration::from_secs(61)));
    black_box(());
}

#[inline(never)]
fn wait_in_gamma() {
    while black_box(true) {
        std::hint::spin_loop();
    }
}

#[inline(never)]
fn crash_here() {
    unsafe { black_box(std::ptr::null_mut::<u8>()).write_volatile(1) };
}

#[inline(never)]
fn crash_abort() {
    unsafe { libc::abort() };
}

fn crash_child() {
    let mut status = 0;
    unsafe {
        let child = libc::fork();
        if child == 0 {
            crash_here();
        }
        libc::waitpid(child, &mut status, 0);
    }
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV);
    // The threads are still waiting.
    std::process::exit(0);
}

extern "C" fn panic_without_unwinding() {
    panic!("it cannot unwind");
}

fn crash_twice() {
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                start.wait();
                crash_here();
            });
        }
    });
}

fn forbid_cores() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}

fn handle(signal: c_int, action: usize, flags: c_int) {
    unsafe {
        let mut taken: libc::sigaction = std::mem::zeroed();
        taken.sa_sigaction = action;
        taken.sa_flags = flags;
        libc::sigaction(signal, &taken, std::ptr::null_mut());
    }
}

/// A host that wants to know of every child: by signal and by waiting. It has none.
fn watch_children() {
    handle(libc::SIGCHLD, tell_child as *const () as usize, 0);
    std::thread::spawn(|| {
        loop {
            let mut status = 0;
            if unsafe { libc::waitpid(-1, &mut status, libc::WUNTRACED) } > 0 {
                tell(b"waited for a child\n");
            }
        }
    });
    std::thread::sleep(Duration::from_millis(20));
}

extern "C" fn tell_child(_: c_int) {
    tell(b"told of a child\n");
}

fn tell(what: &[u8]) {
    unsafe { libc::write(1, what.as_ptr().cast(), what.len()) };
}

fn use_up_descriptors() {
    let few = libc::rlimit {
        rlim_cur: 24,
        rlim_max: 24,
    };
    unsafe {
        libc::setrlimit(libc::RLIMIT_NOFILE, &few);
        while libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) >= 0 {}
    }
}

/// One with room for what the kernel puts there and 4 KB, and nothing below it.
fn use_small_alternate_stack() {
    unsafe {
        let bytes = (libc::getauxval(libc::AT_MINSIGSTKSZ) as usize).max(2048) + 4096;
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

static GUARDED: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// A runtime that protects memory and learns by the signal that somebody wants it.
extern "C" fn recover(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    let memory = GUARDED.load(Ordering::Relaxed);
    unsafe { libc::mprotect(memory, 4096, libc::PROT_READ | libc::PROT_WRITE) };
}

fn fault_and_go_on() {
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let memory = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0);
        GUARDED.store(memory, Ordering::Relaxed);
        memory.cast::<u8>().write_volatile(1);
    }
    println!("and goes on");
}
