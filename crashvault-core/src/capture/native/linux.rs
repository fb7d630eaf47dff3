//! The handlers of fatal signals on Linux.
//!
//! What they may do: atomics, system calls, copying between memory that was there before. The record is written in two
//! steps, so that a fault while the second is collected leaves the first. They need less than 4 KB of stack: all large
//! things lie in memory made at installing.

#![expect(unsafe_code, reason = "handlers of signals have no safe interface")]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};

use super::super::receiver::Crash;
use super::super::{blackbox, engine, platform, receiver};
use super::body::Body;
use crate::event::wire::{Field, Machine, SignalPart};
use crate::event::{EventId, Level};
use crate::journal::{Flags, Kind, Mark, Place};

pub(in crate::capture) const IS_BUILT: bool = true;

const SIGNALS: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Of the stack, from its pointer upward, in bytes.
const STACK_BYTES_MAX: usize = 64 * 1024;
/// Of `/proc/self/maps`, in bytes.
const MAPS_BYTES_MAX: usize = 64 * 1024;
/// Of what the C library said before it aborted, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// A frame with all of it, in bytes.
const SCRATCH_BYTES: usize = STACK_BYTES_MAX + MAPS_BYTES_MAX + 8 * 1024;
/// What is not collected after this time stays out.
const COLLECT_NS_MAX: u64 = 500_000_000;
/// How long another crashing thread waits for the record of the first.
const OTHERS_WAIT_MS_MAX: u32 = 1000;
/// The alternate stack of a thread that has none, in bytes.
const ALTERNATE_BYTES: usize = 64 * 1024;
const PAGE: u64 = 4096;

/// What handled each signal before us.
static PREVIOUS: [OnceLock<libc::sigaction>; SIGNALS.len()] =
    [const { OnceLock::new() }; SIGNALS.len()];
static SCRATCH: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
/// The C library's `__abort_msg`, if it has one.
static ABORT_MESSAGE: AtomicPtr<*const c_void> = AtomicPtr::new(std::ptr::null_mut());
/// The thread that records or has recorded the end of the process; 0 as long as it lives.
static RECORDER: AtomicU32 = AtomicU32::new(0);
static IS_RECORDED: AtomicBool = AtomicBool::new(false);
/// Where the record begins in this process's own place; 0 if there is none.
static RECORDED_FROM: AtomicU64 = AtomicU64::new(0);

/// What says for the runtime of the program's language what its threads were at, as a handler of each signal; 0 for nobody.
static TELLERS: [AtomicUsize; SIGNALS.len()] = [const { AtomicUsize::new(0) }; SIGNALS.len()];
/// The signal at which it is saying so now, in the recorder's thread; 0 for none.
static TELLING: AtomicI32 = AtomicI32::new(0);

/// Puts our handlers in front of those that are there. Signals that the host ignores are left alone.
pub(in crate::capture) fn install() {
    static IS_INSTALLED: AtomicBool = AtomicBool::new(false);
    if IS_INSTALLED.swap(true, Ordering::SeqCst) {
        return;
    }
    // Written to, so that a handler need not ask the system for it.
    let scratch: &'static mut [u8] = Box::leak(vec![1; SCRATCH_BYTES].into_boxed_slice());
    SCRATCH.store(scratch.as_mut_ptr(), Ordering::Release);
    // SAFETY: the name ends with a zero.
    let message = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__abort_msg".as_ptr()) };
    ABORT_MESSAGE.store(message.cast(), Ordering::Release);
    ensure_alternate_stack();
    for (index, signal) in SIGNALS.into_iter().enumerate() {
        take(index, signal);
    }
}

fn take(index: usize, signal: c_int) {
    // SAFETY: an all-zero sigaction is valid, and the calls read or write the structures they are given.
    unsafe {
        let mut previous: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(signal, std::ptr::null(), &mut previous) != 0
            || previous.sa_sigaction == libc::SIG_IGN
            || PREVIOUS[index].set(previous).is_err()
        {
            return;
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as *const () as usize;
        // A handler that leaves by a jump relies on what it asked to be blocked.
        action.sa_flags =
            libc::SA_SIGINFO | libc::SA_ONSTACK | (previous.sa_flags & libc::SA_NODEFER);
        action.sa_mask = previous.sa_mask;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

/// The standard library gives its threads an alternate stack; a thread of a C program may have none. One that is there is
/// never replaced.
fn ensure_alternate_stack() {
    // SAFETY: the structures are valid; the mapping is new, and its lowest page is made inaccessible to end an overflow.
    unsafe {
        let mut present: libc::stack_t = std::mem::zeroed();
        if libc::sigaltstack(std::ptr::null(), &mut present) != 0
            || present.ss_flags & libc::SS_DISABLE == 0
        {
            return;
        }
        let guard = libc::sysconf(libc::_SC_PAGESIZE).max(4096) as usize;
        let base = libc::mmap(
            std::ptr::null_mut(),
            guard + ALTERNATE_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if base == libc::MAP_FAILED {
            return;
        }
        libc::mprotect(base, guard, libc::PROT_NONE);
        let stack = libc::stack_t {
            ss_sp: base.byte_add(guard),
            ss_flags: 0,
            ss_size: ALTERNATE_BYTES,
        };
        libc::sigaltstack(&stack, std::ptr::null_mut());
    }
}

/// Lets `begin` put the runtime's handlers, and puts back what was there. Where that was ours, and nobody's before it, ours
/// calls the runtime's.
#[cfg(feature = "host")]
pub(in crate::capture) fn stand_before(begin: impl FnOnce()) {
    let before = SIGNALS.map(action_of);
    let stack = alternate_stack();
    begin();
    for (index, signal) in SIGNALS.into_iter().enumerate() {
        let (Some(before), Some(after)) = (&before[index], action_of(signal)) else {
            continue;
        };
        if before.sa_sigaction == after.sa_sigaction {
            continue;
        }
        let is_last = PREVIOUS[index]
            .get()
            .is_some_and(|previous| previous.sa_sigaction == libc::SIG_DFL);
        let is_plain = after.sa_flags & libc::SA_SIGINFO == 0;
        if before.sa_sigaction == handle as *const () as usize && is_last && is_plain {
            TELLERS[index].store(after.sa_sigaction, Ordering::Release);
        }
        // SAFETY: the structure is what was there before.
        unsafe { libc::sigaction(signal, before, std::ptr::null_mut()) };
    }
    if let Some(stack) = stack.filter(|stack| stack.ss_flags & libc::SS_DISABLE == 0) {
        // SAFETY: the memory is that of the stack which this thread had, and was given up by nobody.
        unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
    }
}

#[cfg(feature = "host")]
fn action_of(signal: c_int) -> Option<libc::sigaction> {
    // SAFETY: an all-zero sigaction is valid to be overwritten.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &mut present) == 0).then_some(present)
    }
}

#[cfg(feature = "host")]
fn alternate_stack() -> Option<libc::stack_t> {
    // SAFETY: an all-zero structure is valid to be overwritten.
    unsafe {
        let mut present: libc::stack_t = std::mem::zeroed();
        (libc::sigaltstack(std::ptr::null(), &mut present) == 0).then_some(present)
    }
}

/// SAFETY: called by the kernel with a signal's information and the interrupted context, or by a handler that came after
/// ours with the same.
unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: both are async-signal-safe and always succeed.
    let (errno, thread) = unsafe { (*libc::__errno_location(), libc::gettid() as u32) };
    let telling = TELLING.load(Ordering::Acquire);
    if telling != 0 && RECORDER.load(Ordering::Acquire) == thread {
        // SAFETY: as the caller promises.
        return unsafe { end_telling(telling, (*info).si_code) };
    }
    match RECORDER.compare_exchange(0, thread, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            // SAFETY: as the caller promises.
            unsafe { record(signal, info, context, thread) };
            IS_RECORDED.store(true, Ordering::Release);
        }
        // A fault in a handler, or the abort that follows: the end is recorded, as far as it can be.
        Err(recorder) if recorder == thread => {}
        Err(_) => wait_for_the_record(),
    }
    // SAFETY: as above; the interrupted code finds errno as it left it.
    unsafe { *libc::__errno_location() = errno };
    // SAFETY: as the caller promises.
    unsafe { pass_on(signal, info, context) };
}

fn wait_for_the_record() {
    let pause = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    for _ in 0..OTHERS_WAIT_MS_MAX + receiver::TIME_MS_MAX {
        if IS_RECORDED.load(Ordering::Acquire) {
            return;
        }
        // SAFETY: nanosleep is async-signal-safe; the structure is valid.
        unsafe { libc::nanosleep(&pause, std::ptr::null_mut()) };
    }
}

/// Does what would have happened without us.
///
/// SAFETY: as for `handle`.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let index = SIGNALS.iter().position(|known| *known == signal);
    let Some(previous) = index.and_then(|index| PREVIOUS[index].get()) else {
        return;
    };
    let is_default = previous.sa_sigaction == libc::SIG_DFL;
    if let Some(index) = index.filter(|_| is_default) {
        tell(index, signal);
    }
    if is_default || previous.sa_flags & libc::SA_RESETHAND != 0 {
        restore_default(signal);
    }
    if is_default {
        // SAFETY: `info` is the kernel's.
        return unsafe { end_by(signal, info) };
    }
    // SAFETY: the host installed this function for this signal with these flags.
    unsafe {
        if previous.sa_flags & libc::SA_SIGINFO != 0 {
            type Action = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            std::mem::transmute::<usize, Action>(previous.sa_sigaction)(signal, info, context);
        } else {
            type Handler = extern "C" fn(c_int);
            std::mem::transmute::<usize, Handler>(previous.sa_sigaction)(signal);
        }
    }
    // It came back. If it kept the signal it has dealt with the fault: a runtime that uses it. If it gave the signal up, as the
    // standard library's does, the fault comes again and ends the process.
    // SAFETY: `info` is what the kernel gave us.
    let is_fault = unsafe { (*info).si_code } > 0;
    // Another thread's record is not ours to take back.
    // SAFETY: async-signal-safe and always succeeds.
    if RECORDER.load(Ordering::Acquire) != unsafe { libc::gettid() } as u32 {
        return;
    }
    match (is_fault, is_still_ours(signal)) {
        (true, false) => return,
        (true, true) => withdraw(),
        (false, _) => {}
    }
    IS_RECORDED.store(false, Ordering::Release);
    RECORDER.store(0, Ordering::Release);
}

/// Has the runtime say what its threads were at: the process ends for certain, and our own record is written.
fn tell(index: usize, signal: c_int) {
    let teller = TELLERS[index].load(Ordering::Acquire);
    // SAFETY: async-signal-safe and without arguments.
    let (thread, process) = unsafe { (libc::gettid() as u32, libc::getpid() as u32) };
    if teller == 0 || RECORDER.load(Ordering::Acquire) != thread || !is_told(process) {
        return;
    }
    TELLING.store(signal, Ordering::Release);
    // SAFETY: async-signal-safe calls with valid structures. The function is what the runtime put as a plain handler of this
    // signal. At its end it raises the signal, which must come to `handle` now and not when we have returned.
    unsafe {
        let (mut only, mut blocked) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&mut only);
        libc::sigaddset(&mut only, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &only, &mut blocked);
        type Handler = extern "C" fn(c_int);
        std::mem::transmute::<usize, Handler>(teller)(signal);
        libc::pthread_sigmask(libc::SIG_SETMASK, &blocked, std::ptr::null_mut());
    }
    TELLING.store(0, Ordering::Release);
}

#[cfg(feature = "host")]
fn is_told(process: u32) -> bool {
    super::super::stacks::are_wanted(process)
}

#[cfg(not(feature = "host"))]
fn is_told(_process: u32) -> bool {
    false
}

/// What comes while the runtime is telling: the signal that it raises, which is passed over, or a fault of its own, which ends
/// the process by the signal that it was to end by.
///
/// SAFETY: as for `handle`.
unsafe fn end_telling(signal: c_int, code: c_int) {
    if code <= 0 {
        return;
    }
    restore_default(signal);
    // SAFETY: async-signal-safe calls with valid structures.
    unsafe {
        let mut only = std::mem::zeroed();
        libc::sigemptyset(&mut only);
        libc::sigaddset(&mut only, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &only, std::ptr::null_mut());
        libc::raise(signal);
    }
}

fn is_still_ours(signal: c_int) -> bool {
    // SAFETY: an all-zero sigaction is valid to be overwritten.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut present) == 0
            && present.sa_sigaction == handle as *const () as usize
    }
}

/// Takes the record back. Nobody has read it yet: a drain leaves a living process's last words alone for a while.
fn withdraw() {
    let since = RECORDED_FROM.swap(0, Ordering::AcqRel);
    if since != 0
        && let Some(place) = engine::place()
    {
        place.withdraw(since);
        receiver::withdraw();
    }
}

fn restore_default(signal: c_int) {
    // SAFETY: an all-zero sigaction is the default action with an empty mask.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

/// With the default action restored: the instruction at fault is run again when we return, and the kernel ends the process
/// there, as if we had never been. What nobody would repeat is sent again.
///
/// SAFETY: `info` is what the kernel gave us.
unsafe fn end_by(signal: c_int, info: *mut libc::siginfo_t) {
    let repeats = matches!(
        signal,
        libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE
    );
    // SAFETY: as the caller promises; the kernel's own signals have codes above zero.
    if repeats && unsafe { (*info).si_code } > 0 {
        return;
    }
    // SAFETY: the same signal with the same information to this very thread.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_rt_tgsigqueueinfo,
            libc::getpid(),
            libc::gettid(),
            signal,
            info,
        )
    };
    if sent != 0 {
        // SAFETY: async-signal-safe.
        unsafe { libc::raise(signal) };
    }
}

/// What the kernel gave us, to whom, and when, in nanoseconds since 1970.
struct Fault {
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
    thread: u32,
    time: u64,
}

/// Where a record goes.
struct Target<'p> {
    place: &'p Place,
    kind: Kind,
    id: EventId,
}

/// SAFETY: as for `handle`; called once in a process.
unsafe fn record(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
    thread: u32,
) -> Option<()> {
    let scratch = SCRATCH.load(Ordering::Acquire);
    if scratch.is_null() {
        return None;
    }
    let time = now(libc::CLOCK_REALTIME);
    // SAFETY: made for this, of this size, and only the one recorder comes here.
    let scratch = unsafe { std::slice::from_raw_parts_mut(scratch, SCRATCH_BYTES) };
    let fault = Fault {
        signal,
        info,
        context,
        thread,
        time,
    };
    // SAFETY: async-signal-safe and without arguments.
    let pid = unsafe { libc::getpid() } as u32;
    let generation = platform::fork_generation();
    let own = engine::place_of(generation).filter(|place| place.pid() == pid);
    // What the program does at its exit may still crash when its place has been given up.
    if let Some(place) = own.filter(|place| !place.is_done()) {
        RECORDED_FROM.store(place.position(), Ordering::Release);
        // SAFETY: as the caller promises.
        return unsafe { record_in(place, scratch, &fault) };
    }
    let parents = (0..=generation).rev().find_map(engine::place_of)?;
    let place = parents
        .for_child(
            pid,
            random_segment(thread),
            now(libc::CLOCK_REALTIME),
            scratch,
        )
        .ok()?;
    // SAFETY: as the caller promises.
    unsafe { record_in(&place, scratch, &fault) }
}

/// SAFETY: as for `record`.
unsafe fn record_in(place: &Place, scratch: &mut [u8], fault: &Fault) -> Option<()> {
    // The event of the panic that the thread is dying of, else a new one.
    let (kind, id) = match blackbox::dying_of(fault.thread) {
        Some(id) => (Kind::Amend, id),
        None => (Kind::Event, new_id(fault)),
    };
    let target = Target { place, kind, id };
    // SAFETY: as the caller promises.
    unsafe { put_signal(scratch, &target, fault) };
    let begun = now(libc::CLOCK_MONOTONIC);
    place.put_mark(Mark::Recorded);
    // SAFETY: as the caller promises.
    unsafe { put_details(scratch, &target, fault.context, begun) };
    if engine::syncs_last_words() {
        place.sync();
    }
    let crash = Crash {
        // SAFETY: async-signal-safe and without arguments.
        pid: unsafe { libc::getpid() } as u32,
        thread: fault.thread,
        info: fault.info as u64,
        context: fault.context as u64,
        id: *id.as_bytes(),
    };
    if let Some(why) = receiver::dump(&crash) {
        put_flaw(scratch, &target, why);
    }
    Some(())
}

/// Says what else was wanted and is not there.
fn put_flaw(scratch: &mut [u8], target: &Target<'_>, why: &str) {
    let mut body = Body::new(scratch);
    body.keyed(Field::Flaw as u8, "threads", why.as_bytes());
    let id = *target.id.as_bytes();
    let _ = target
        .place
        .write(body.into_frame(), Kind::Amend, Flags::FATAL, id);
}

/// A name for a segment that nobody else makes.
fn random_segment(thread: u32) -> [u8; 16] {
    let mut segment = [0; 16];
    segment[..10].copy_from_slice(&random(thread));
    segment[10..14].copy_from_slice(&thread.to_le_bytes());
    segment
}

fn new_id(fault: &Fault) -> EventId {
    EventId::v7(fault.time / 1_000_000, &random(fault.thread))
}

fn random(thread: u32) -> [u8; 10] {
    let mut random = [0u8; 10];
    // SAFETY: the buffer has this size; without waiting it may come back empty.
    let got = unsafe { libc::getrandom(random.as_mut_ptr().cast(), 10, libc::GRND_NONBLOCK) };
    if got != 10 {
        random[..8].copy_from_slice(&now(libc::CLOCK_REALTIME).to_le_bytes());
        random[6..].copy_from_slice(&thread.to_le_bytes());
    }
    random
}

/// Nanoseconds of a clock.
fn now(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: async-signal-safe; the structure is valid.
    unsafe { libc::clock_gettime(clock, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000) + time.tv_nsec as u64
}

/// The first step: what happened, to which thread, where.
///
/// SAFETY: as for `handle`.
unsafe fn put_signal(scratch: &mut [u8], target: &Target<'_>, fault: &Fault) {
    let signal = fault.signal;
    let mut body = Body::new(scratch);
    if target.kind == Kind::Event {
        body.number(Field::Timestamp as u8, fault.time);
        body.bytes(Field::Level as u8, &[Level::Fatal as u8]);
    }
    let start = body.begin(Field::Signal as u8);
    body.number(SignalPart::Number as u8, signal as u64);
    // SAFETY: as the caller promises.
    unsafe { put_cause(&mut body, signal, &*fault.info) };
    body.number(SignalPart::Thread as u8, fault.thread.into());
    put_thread_name(&mut body);
    // SAFETY: as the caller promises.
    unsafe { body.number(SignalPart::Pc as u8, program_counter(fault.context)) };
    if signal == libc::SIGABRT {
        put_abort_message(&mut body);
    }
    body.end(start);
    let _ = target.place.write(
        body.into_frame(),
        target.kind,
        Flags::FATAL,
        *target.id.as_bytes(),
    );
}

/// SAFETY: the union's fields are those of this signal and code.
unsafe fn put_cause(body: &mut Body<'_>, signal: c_int, info: &libc::siginfo_t) {
    body.number(SignalPart::Code as u8, info.si_code as u32 as u64);
    // SAFETY: codes up to zero come from a process, the others from the kernel with an address.
    unsafe {
        if info.si_code <= 0 {
            body.number(SignalPart::SenderPid as u8, info.si_pid() as u32 as u64);
            body.number(SignalPart::SenderUid as u8, info.si_uid().into());
        } else if signal != libc::SIGABRT {
            body.number(SignalPart::Address as u8, info.si_addr() as u64);
        }
    }
}

fn put_thread_name(body: &mut Body<'_>) {
    let mut name = [0u8; 16];
    // SAFETY: the kernel writes at most 16 bytes.
    if unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) } == 0 {
        let length = name.iter().position(|byte| *byte == 0).unwrap_or(16);
        body.bytes(SignalPart::ThreadName as u8, &name[..length]);
    }
}

/// What an assertion or a broken heap made the C library say: it keeps the text for those who look into a core.
fn put_abort_message(body: &mut Body<'_>) {
    let variable = ABORT_MESSAGE.load(Ordering::Acquire) as u64;
    let mut word = [0u8; 8];
    if variable == 0 || copy(variable, &mut word) != 8 {
        return;
    }
    let message = u64::from_ne_bytes(word);
    if message == 0 {
        return;
    }
    let start = body.begin(SignalPart::Text as u8);
    // A length of four bytes stands before the text, which begins a page of its own.
    body.fill(TEXT_BYTES_MAX, |place| {
        let length = copy(message + 4, place);
        let text = &place[..length];
        text.iter().position(|byte| *byte == 0).unwrap_or(length)
    });
    body.end(start);
}

/// The second step: registers, stack, maps.
///
/// SAFETY: as for `handle`.
unsafe fn put_details(scratch: &mut [u8], target: &Target<'_>, context: *mut c_void, begun: u64) {
    let mut body = Body::new(scratch);
    let start = body.begin(Field::Registers as u8);
    // SAFETY: as the caller promises.
    let sp = unsafe { put_registers(&mut body, context) };
    body.end(start);
    put_stack(&mut body, sp);
    if now(libc::CLOCK_MONOTONIC).saturating_sub(begun) < COLLECT_NS_MAX {
        let start = body.begin(Field::Maps as u8);
        let room = (target.place.room() as usize).min(MAPS_BYTES_MAX);
        body.fill(room, read_maps);
        body.end(start);
    }
    let id = *target.id.as_bytes();
    let _ = target
        .place
        .write(body.into_frame(), Kind::Amend, Flags::FATAL, id);
}

fn put_stack(body: &mut Body<'_>, sp: u64) {
    let mut base = sp & !7;
    // Where the stack ran out, its pointer may stand in the pages behind its end.
    for _ in 0..16 {
        let length = readable(base, STACK_BYTES_MAX);
        if length > 0 {
            let start = body.begin(Field::Stack as u8);
            body.word(base);
            body.fill(length, |into| {
                // SAFETY: the kernel has just read from each of these pages. The two may overlap: behind a thread's stack may lie whatever
                // was mapped next to it.
                unsafe { std::ptr::copy(base as *const u8, into.as_mut_ptr(), into.len()) };
                into.len()
            });
            return body.end(start);
        }
        base = (base & !(PAGE - 1)).wrapping_add(PAGE);
    }
}

/// How many bytes from an address on can be read, at most `bytes`: each page is shown to a system call that reads a word
/// of it before it refuses the rest of what it is asked.
fn readable(from: u64, bytes: usize) -> usize {
    const NO_SUCH_WAY: c_int = -1;
    let end = from.saturating_add(bytes as u64);
    let mut at = from;
    while at < end {
        // SAFETY: changes no mask, as there is no such way to; the kernel reads what is there and reports what is not.
        let asked = unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                NO_SUCH_WAY,
                at & !7,
                std::ptr::null_mut::<c_void>(),
                8usize,
            )
        };
        // SAFETY: async-signal-safe and always succeeds.
        if asked != -1 || unsafe { *libc::__errno_location() } != libc::EINVAL {
            break;
        }
        at = (at & !(PAGE - 1)).saturating_add(PAGE);
    }
    at.min(end).saturating_sub(from) as usize
}

/// Copies memory that may not be there; says how much was.
fn copy(from: u64, into: &mut [u8]) -> usize {
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    // Up to the end of its page: what lies behind may be missing.
    let page_left = (PAGE - from % PAGE) as usize;
    let remote = libc::iovec {
        iov_base: from as *mut c_void,
        iov_len: into.len().min(page_left),
    };
    // SAFETY: the kernel checks both sides and writes into `into` alone.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    copied.max(0) as usize
}

fn read_maps(place: &mut [u8]) -> usize {
    // SAFETY: async-signal-safe calls; the kernel writes into `place` alone; our own descriptor is closed.
    unsafe {
        let file = libc::open(
            c"/proc/self/maps".as_ptr(),
            libc::O_RDONLY | libc::O_CLOEXEC,
        );
        if file < 0 {
            return 0;
        }
        let mut length = 0;
        while length < place.len() {
            let rest = &mut place[length..];
            let got = libc::read(file, rest.as_mut_ptr().cast(), rest.len());
            if got <= 0 {
                break;
            }
            length += got as usize;
        }
        libc::close(file);
        length
    }
}

#[cfg(target_arch = "x86_64")]
mod machine {
    use super::*;

    /// SAFETY: `context` is the kernel's.
    pub(super) unsafe fn program_counter(context: *mut c_void) -> u64 {
        // SAFETY: as the caller promises.
        unsafe { register(context, libc::REG_RIP) }
    }

    /// SAFETY: as above.
    unsafe fn register(context: *mut c_void, register: c_int) -> u64 {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: as the caller promises; the register's number is one of the list's.
        unsafe { (*context).uc_mcontext.gregs[register as usize] as u64 }
    }

    /// Writes the registers and returns the stack pointer.
    ///
    /// SAFETY: as above.
    pub(super) unsafe fn put_registers(body: &mut Body<'_>, context: *mut c_void) -> u64 {
        /// In the order of DWARF's numbers.
        const GENERAL: [c_int; 16] = [
            libc::REG_RAX,
            libc::REG_RDX,
            libc::REG_RCX,
            libc::REG_RBX,
            libc::REG_RSI,
            libc::REG_RDI,
            libc::REG_RBP,
            libc::REG_RSP,
            libc::REG_R8,
            libc::REG_R9,
            libc::REG_R10,
            libc::REG_R11,
            libc::REG_R12,
            libc::REG_R13,
            libc::REG_R14,
            libc::REG_R15,
        ];
        body.byte(Machine::X86_64 as u8);
        // SAFETY: as the caller promises.
        unsafe {
            body.word(program_counter(context));
            for number in GENERAL {
                body.word(register(context, number));
            }
            register(context, libc::REG_RSP)
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod machine {
    use super::*;

    /// SAFETY: `context` is the kernel's.
    pub(super) unsafe fn program_counter(context: *mut c_void) -> u64 {
        // SAFETY: as the caller promises.
        unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.pc }
    }

    /// Writes the registers and returns the stack pointer.
    ///
    /// SAFETY: as above.
    pub(super) unsafe fn put_registers(body: &mut Body<'_>, context: *mut c_void) -> u64 {
        body.byte(Machine::Aarch64 as u8);
        // SAFETY: as the caller promises.
        unsafe {
            let machine = &raw const (*context.cast::<libc::ucontext_t>()).uc_mcontext;
            body.word((*machine).pc);
            for number in 0..31 {
                body.word((*machine).regs[number]);
            }
            body.word((*machine).sp);
            (*machine).sp
        }
    }
}

use machine::{program_counter, put_registers};
