//! In the receiver: the process that crashed → a minidump.
//!
//! What may hold secrets and helps nobody to understand a stack is blanked: the environment and the command line.

#![expect(unsafe_code, reason = "a filter of system calls has no safe interface")]

use std::fs::File;
use std::io::{self, Cursor, ErrorKind};
use std::mem::offset_of;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic;
use std::time::{Duration, Instant};
use std::{env, process};

use minidump_writer::CrashContextExt;
use minidump_writer::crash_context::{CrashContext, fpregset_t, mcontext_t, ucontext_t};
use minidump_writer::minidump_writer::MinidumpWriterConfig;

use super::request::{Request, VARIABLE_NAME};
use crate::journal;

/// From here on only the first twenty threads and the one that crashed keep their whole stacks, in bytes.
const STACKS_BYTES: u64 = 8 << 20;
/// The starter allows us to look into the process a moment after we began.
const PERMISSION_PATIENCE: Duration = Duration::from_millis(500);

/// Writes the minidump and ends the process, if it was started for that by a program that crashes; else returns at once.
///
/// [`Options::install`](crate::Options::install) calls it where [`Options::out_of_process`](crate::Options::out_of_process)
/// is set. A program that does much before it installs Crashvault, and names itself as its receiver, calls it first.
///
/// ```
/// crashvault::receive_crash();
/// // What the program is there for.
/// ```
pub fn receive_crash() {
    if env::var_os(VARIABLE_NAME).is_none() {
        return;
    }
    let Some(request) = Request::read(env::args_os()) else {
        return;
    };
    let written = panic::catch_unwind(|| write(&request));
    process::exit(match written {
        Ok(Ok(())) => 0,
        _ => 1,
    });
}

fn write(request: &Request) -> io::Result<()> {
    never_signal()?;
    let context = read_context(request)?;
    let mut config = MinidumpWriterConfig::new(request.pid, request.thread);
    config.set_minidump_size_limit(STACKS_BYTES);
    config.set_crash_context(CrashContextExt { inner: context });
    let written = config.write(&mut Cursor::new(Vec::new()));
    let mut dump = written.map_err(|error| io::Error::other(error.to_string()))?;
    let arguments = arguments_on_stack(request.pid).ok_or(ErrorKind::NotFound)?;
    blank_secrets(&mut dump, arguments);
    journal::write_dump(&request.dump, &dump)
}

/// The writer of minidumps stops the whole process by a signal first, as well as it can: a shell that started it in the
/// foreground would take that for Ctrl-Z. Each thread is held by ptrace all the same, which nobody sees.
fn never_signal() -> io::Result<()> {
    #[cfg(target_arch = "x86_64")]
    const ARCHITECTURE: u32 = 0xC000_003E;
    #[cfg(target_arch = "aarch64")]
    const ARCHITECTURE: u32 = 0xC000_00B7;
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const SKIP_UNLESS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const ANSWER: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    let mut steps = [
        step(LOAD, 0, offset_of!(libc::seccomp_data, arch) as u32),
        step(SKIP_UNLESS, 3, ARCHITECTURE),
        step(LOAD, 0, offset_of!(libc::seccomp_data, nr) as u32),
        step(SKIP_UNLESS, 1, libc::SYS_kill as u32),
        step(ANSWER, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(ANSWER, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, which is of that length; it binds this thread alone.
    let is_set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ) == 0
    };
    is_set.then_some(()).ok_or_else(io::Error::last_os_error)
}

/// What the kernel told the handler, read from where it lies.
fn read_context(request: &Request) -> io::Result<CrashContext> {
    let memory = open_memory(request.pid)?;
    let mut bytes = vec![0; size_of::<CrashContext>()];
    let context = offset_of!(CrashContext, context);
    memory.read_exact_at(
        &mut bytes[context..context + context_bytes()],
        request.context,
    )?;
    put_floats(&memory, &mut bytes)?;
    let mut info = [0; 24];
    memory.read_exact_at(&mut info, request.info)?;
    put_info(&info, &mut bytes);
    for (at, number) in [
        (offset_of!(CrashContext, pid), request.pid),
        (offset_of!(CrashContext, tid), request.thread),
    ] {
        bytes[at..at + 4].copy_from_slice(&number.to_ne_bytes());
    }
    CrashContext::from_bytes(&bytes).ok_or_else(|| ErrorKind::InvalidData.into())
}

fn open_memory(pid: i32) -> io::Result<File> {
    let begun = Instant::now();
    loop {
        match File::open(format!("/proc/{pid}/mem")) {
            Err(error)
                if error.kind() == ErrorKind::PermissionDenied
                    && begun.elapsed() < PERMISSION_PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => return opened,
        }
    }
}

/// The kernel's structure ends before the C library's does.
#[cfg(target_arch = "x86_64")]
fn context_bytes() -> usize {
    offset_of!(ucontext_t, uc_sigmask)
}

#[cfg(target_arch = "aarch64")]
fn context_bytes() -> usize {
    size_of::<ucontext_t>()
}

/// They lie apart.
#[cfg(target_arch = "x86_64")]
fn put_floats(memory: &File, bytes: &mut [u8]) -> io::Result<()> {
    let pointer_at = offset_of!(CrashContext, context)
        + offset_of!(ucontext_t, uc_mcontext)
        + offset_of!(mcontext_t, fpregs);
    let mut pointer = [0; 8];
    pointer.copy_from_slice(&bytes[pointer_at..pointer_at + 8]);
    let pointer = u64::from_ne_bytes(pointer);
    if pointer == 0 {
        return Ok(());
    }
    let at = offset_of!(CrashContext, float_state);
    memory.read_exact_at(&mut bytes[at..at + size_of::<fpregset_t>()], pointer)
}

/// They are the first record of those that follow the general registers.
#[cfg(target_arch = "aarch64")]
fn put_floats(_: &File, bytes: &mut [u8]) -> io::Result<()> {
    use minidump_writer::crash_context::FPSIMD_MAGIC;
    let from = offset_of!(CrashContext, context)
        + offset_of!(ucontext_t, uc_mcontext)
        + offset_of!(mcontext_t, __reserved);
    if bytes[from..from + 4] == FPSIMD_MAGIC.to_ne_bytes() {
        let at = offset_of!(CrashContext, float_state);
        bytes.copy_within(from..from + size_of::<fpregset_t>(), at);
    }
    Ok(())
}

/// `siginfo_t` begins with signal, error and code, of four bytes each, then the address (sigaction(2)).
fn put_info(info: &[u8; 24], bytes: &mut [u8]) {
    let at = offset_of!(CrashContext, siginfo);
    let mut put = |field: usize, from: Range<usize>| {
        let target = at + field..at + field + from.len();
        bytes[target].copy_from_slice(&info[from]);
    };
    put(offset_of!(libc::signalfd_siginfo, ssi_signo), 0..4);
    put(offset_of!(libc::signalfd_siginfo, ssi_code), 8..12);
    let is_sent = i32::from_ne_bytes([info[8], info[9], info[10], info[11]]) <= 0;
    if !is_sent {
        put(offset_of!(libc::signalfd_siginfo, ssi_addr), 16..24);
    }
}

/// Zeros where the environment and the command line stand: in streams of their own, and at the end of the first stack.
fn blank_secrets(dump: &mut [u8], on_stack: Range<u64>) {
    const MEMORY_LIST: u32 = 5;
    const COMMAND_LINE: u32 = 0x4767_0006;
    const ENVIRONMENT: u32 = 0x4767_0007;
    for (kind, place, length) in streams(dump) {
        match kind {
            COMMAND_LINE | ENVIRONMENT => blank(dump, place, length),
            MEMORY_LIST => blank_memory(dump, place, &on_stack),
            _ => {}
        }
    }
}

/// Kind, place and length of each.
fn streams(dump: &[u8]) -> Vec<(u32, usize, usize)> {
    let (count, directory) = (word(dump, 8), word(dump, 12));
    let streams = (0..count).map(|entry| {
        let at = directory + 12 * entry;
        (
            word(dump, at) as u32,
            word(dump, at + 8),
            word(dump, at + 4),
        )
    });
    streams.collect()
}

fn blank_memory(dump: &mut [u8], list: usize, secret: &Range<u64>) {
    for entry in 0..word(dump, list) {
        let at = list + 4 + 16 * entry;
        let start = word(dump, at) as u64 | (word(dump, at + 4) as u64) << 32;
        let (length, place) = (word(dump, at + 8), word(dump, at + 12));
        let from = secret.start.clamp(start, start + length as u64) - start;
        let to = secret.end.clamp(start, start + length as u64) - start;
        blank(dump, place + from as usize, (to - from) as usize);
    }
}

fn blank(dump: &mut [u8], place: usize, length: usize) {
    if let Some(bytes) = dump.get_mut(place..place + length) {
        bytes.fill(0);
    }
}

/// A number of the dump, which we have just written ourselves; zero behind its end.
fn word(dump: &[u8], at: usize) -> usize {
    let bytes = dump.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes) as usize
}

/// Where command line and environment lie in the process: proc(5), fields 48 to 51 of `stat`.
fn arguments_on_stack(pid: i32) -> Option<Range<u64>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(45);
    let start = fields.next()?.parse().ok()?;
    let end = fields.nth(2)?.parse().ok()?;
    (start != 0 && start <= end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four bytes each: a stream of that kind that is blanked where it should be, and one that is kept.
    fn check(kind: u32, content: &[u8], expected: &[u8]) {
        let mut dump = vec![0; 32];
        dump[8] = 2;
        dump[12] = 32;
        let length = content.len() as u32;
        for (kind, place, length) in [(kind, 56, length), (0x4767_0008, 56 + length, 4)] {
            for word in [kind, length, place] {
                dump.extend_from_slice(&word.to_le_bytes());
            }
        }
        dump.extend_from_slice(content);
        dump.extend_from_slice(b"kept");
        blank_secrets(&mut dump, 0x1002..0x2000);
        assert_eq!(&dump[56..], [expected, b"kept"].concat());
    }

    #[test]
    fn the_environment_and_the_command_line_are_blanked() {
        check(0x4767_0006, b"args", b"\0\0\0\0");
        check(0x4767_0007, b"envs", b"\0\0\0\0");
        check(0x4767_0009, b"maps", b"maps");
    }

    #[test]
    fn what_the_first_stack_holds_of_them_is_blanked() {
        let list = |stack: &[u8]| {
            let words = [1u32, 0x1000, 0, 4, 76];
            let words = words.into_iter().flat_map(u32::to_le_bytes);
            words.chain(stack.iter().copied()).collect::<Vec<_>>()
        };
        check(5, &list(b"abcd"), &list(b"ab\0\0"));
    }

    #[test]
    fn this_process_knows_where_its_arguments_are() {
        let range = arguments_on_stack(process::id() as i32).unwrap();
        assert!(range.start < range.end);
    }
}
