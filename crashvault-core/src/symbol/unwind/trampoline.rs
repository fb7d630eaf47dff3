//! Where the kernel keeps the registers that a signal interrupted (Linux: `struct rt_sigframe`, `struct ucontext` of
//! each machine), for C libraries whose trampoline has no unwind table.

use gimli::Register;

use super::Memory;
use super::registers::{Arch, Known};

/// Bytes to look at.
pub(super) const LEN: u64 = 9;

/// `mov $15, %rax; syscall`, in its longer and its shorter spelling.
const X86_64: [&[u8]; 2] = [
    &[0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05],
    &[0xb8, 15, 0, 0, 0, 0x0f, 0x05],
];
/// `mov x8, #139; svc #0`
const AARCH64: &[u8] = &[0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4];

/// Bytes from the stack pointer to each register of x86-64, by DWARF number.
const X86_64_PLACES: [u64; 16] = [
    144, 136, 152, 128, 112, 104, 120, 160, 40, 48, 56, 64, 72, 80, 88, 96,
];
const X86_64_PC: u64 = 168;
/// Bytes from the stack pointer to x0 of aarch64; the others, sp and pc follow.
const AARCH64_X0: u64 = 312;

/// Whether these instructions return from a signal's handler.
pub(super) fn is_at(arch: Arch, bytes: &[u8]) -> bool {
    match arch {
        Arch::X86_64 => X86_64.iter().any(|code| bytes.starts_with(code)),
        Arch::Aarch64 => bytes.starts_with(AARCH64),
    }
}

/// The registers that were interrupted, from those in the trampoline.
pub(super) fn interrupted(trampoline: &Known, stack: &dyn Memory) -> Option<Known> {
    let sp = trampoline.sp()?;
    let word = |place: u64| stack.word(sp.checked_add(place)?);
    let mut known = Known::nothing(trampoline.arch);
    for register in 0..known.arch.registers_len() {
        let place = match known.arch {
            Arch::X86_64 => X86_64_PLACES[usize::from(register)],
            Arch::Aarch64 => AARCH64_X0 + 8 * u64::from(register),
        };
        known.set(Register(register), Some(word(place)?));
    }
    known.pc = match known.arch {
        Arch::X86_64 => word(X86_64_PC)?,
        Arch::Aarch64 => word(AARCH64_X0 + 8 * 32)?,
    };
    Some(known)
}
