//! A program that dies as its argument says, and leaves what a crash handler would: on stdout its registers (pc, then by
//! DWARF number), the address where the copy of its stack begins and its mappings; on stderr the stack itself.

use std::arch::global_asm;
use std::hint::black_box;
use std::ptr;

#[repr(C)]
struct Action {
    handler: usize,
    mask: [u64; 16],
    flags: i32,
    restorer: usize,
}

#[repr(C)]
struct AlternateStack {
    pointer: *mut u8,
    flags: i32,
    len: usize,
}

unsafe extern "C" {
    fn sigaction(signal: i32, action: *const Action, old: *mut Action) -> i32;
    fn sigaltstack(stack: *const AlternateStack, old: *mut AlternateStack) -> i32;
    fn write(descriptor: i32, bytes: *const u8, len: usize) -> isize;
    fn open(path: *const u8, flags: i32) -> i32;
    fn read(descriptor: i32, bytes: *mut u8, len: usize) -> isize;
    fn raise(signal: i32) -> i32;
    fn abort() -> !;
    fn clock_gettime(clock: i32, time: *mut u64) -> i32;
    fn _exit(status: i32) -> !;
    fn bare();
    fn framed();
}

const ILL: i32 = 4;
const ABRT: i32 = 6;
const SEGV: i32 = 11;
const USR1: i32 = 10;
const SIGINFO: i32 = 4;
const ONSTACK: i32 = 0x0800_0000;
const PAGE: usize = 4096;
const STACK_MAX: usize = 64 * 1024;

// What has no unwind table: with a frame of its own size only, and with a frame pointer.
global_asm!(
    ".globl bare",
    ".type bare, @function",
    "bare:",
    "sub $40, %rsp",
    "movq $0, 8(%rsp)",
    "call abort",
    "ud2",
    ".size bare, . - bare",
    ".globl framed",
    ".type framed, @function",
    "framed:",
    "push %rbp",
    "mov %rsp, %rbp",
    "sub $4096, %rsp",
    "call abort",
    "ud2",
    ".size framed, . - framed",
    options(att_syntax)
);

extern "C" fn last_words(_: i32, _: *const u8, context: *const u64) -> ! {
    unsafe {
        // Behind flags, link and stack: r8 … r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip.
        let saved = context.add(5);
        let order = [16, 13, 12, 14, 11, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7];
        for place in order {
            write(1, saved.add(place).cast(), 8);
        }
        let mut at = *saved.add(15) as usize & !7;
        // A stack that overflowed ends below what can be read.
        while write(2, at as *const u8, 8) < 8 {
            at = (at & !(PAGE - 1)) + PAGE;
        }
        write(1, (&raw const at).cast(), 8);
        let end = at + STACK_MAX;
        at += 8;
        while at < end {
            let len = (PAGE - at % PAGE).min(end - at);
            if write(2, at as *const u8, len) != len as isize {
                break;
            }
            at += len;
        }
        let maps = open(c"/proc/self/maps".as_ptr().cast(), 0);
        let mut bytes = [0u8; 2048];
        loop {
            let len = read(maps, bytes.as_mut_ptr(), bytes.len());
            if len <= 0 {
                _exit(0);
            }
            write(1, bytes.as_ptr(), len as usize);
        }
    }
}

extern "C" fn on_user_signal(_: i32) {
    unsafe { abort() }
}

fn handle(signal: i32, handler: usize, flags: i32) {
    let action = Action {
        handler,
        mask: [0; 16],
        flags,
        restorer: 0,
    };
    unsafe { sigaction(signal, &action, ptr::null_mut()) };
}

static DATA: [u64; 64] = [0x1122_3344_5566_7788; 64];

#[inline(never)]
fn overflow(depth: u64) -> u64 {
    let room = black_box([depth; 4096]);
    overflow(depth + 1) + room[depth as usize % 4096]
}

#[inline(never)]
fn pay(way: &str) -> u64 {
    let call = |address: usize| {
        let function: extern "C" fn() -> u64 = unsafe { std::mem::transmute(black_box(address)) };
        function() + 1
    };
    match way {
        "abort" => unsafe { abort() },
        "null" => black_box(call)(black_box(0x10) - 0x10 + 0x8),
        "execute" => black_box(call)(DATA.as_ptr() as usize),
        "read" => unsafe { ptr::read_volatile(black_box(0x10) as *const u64) },
        "overflow" => overflow(1),
        "signal" => unsafe { raise(USR1) as u64 },
        "kernel" => unsafe { clock_gettime(0, black_box(0x10) as *mut u64) as u64 },
        "bare" => unsafe {
            bare();
            1
        },
        "framed" => unsafe {
            framed();
            1
        },
        _ => 0,
    }
}

#[inline(never)]
fn checkout(way: &str) -> u64 {
    black_box(pay(black_box(way))) + 1
}

fn main() {
    let mut room = vec![0u8; 256 * 1024];
    let stack = AlternateStack {
        pointer: room.as_mut_ptr(),
        flags: 0,
        len: room.len(),
    };
    unsafe { sigaltstack(&stack, ptr::null_mut()) };
    for signal in [ILL, ABRT, SEGV] {
        handle(signal, last_words as *const () as usize, SIGINFO | ONSTACK);
    }
    handle(USR1, on_user_signal as *const () as usize, 0);
    let way = std::env::args().nth(1).unwrap_or_default();
    let status = match way.strip_prefix("thread-") {
        Some(way) => std::thread::scope(|scope| scope.spawn(|| checkout(way)).join().unwrap()),
        None => checkout(&way),
    };
    std::process::exit(black_box(status) as i32);
}
