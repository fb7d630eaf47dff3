use std::borrow::Cow;

use gimli::{AArch64, Register, X86_64};

use super::Snapshot;
use crate::event::Object;

/// A machine whose stacks can be walked, on any host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    X86_64,
    Aarch64,
}

/// The general registers of the larger machine.
const GENERAL_MAX: usize = 32;

/// Registers by their DWARF numbers: of x86-64 the first 16 (rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 … r15), of aarch64
/// x0 … x30 and sp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers {
    pub(crate) pc: u64,
    pub(crate) general: [u64; GENERAL_MAX],
}

const NAMES_X86_64: [&str; 16] = [
    "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];

impl Arch {
    pub(super) fn registers_len(self) -> u16 {
        match self {
            Self::X86_64 => 16,
            Self::Aarch64 => 32,
        }
    }

    fn stack_pointer(self) -> Register {
        match self {
            Self::X86_64 => X86_64::RSP,
            Self::Aarch64 => AArch64::SP,
        }
    }

    fn frame_pointer(self) -> Register {
        match self {
            Self::X86_64 => X86_64::RBP,
            Self::Aarch64 => AArch64::X29,
        }
    }

    /// Whether a function leaves this register as it found it.
    pub(super) fn is_preserved(self, register: u16) -> bool {
        match self {
            Self::X86_64 => matches!(register, 3 | 6 | 12..=15),
            Self::Aarch64 => matches!(register, 19..=29),
        }
    }

    /// An address without the signature that aarch64 may keep in its upper bits; Linux gives programs 48 bits there unless
    /// they ask for more.
    pub(super) fn strip(self, address: u64) -> u64 {
        match self {
            Self::X86_64 => address,
            Self::Aarch64 => address & 0x0000_FFFF_FFFF_FFFF,
        }
    }
}

impl Arch {
    /// The names of the registers by DWARF number.
    pub(crate) fn register_names(self) -> impl Iterator<Item = Cow<'static, str>> {
        (0..usize::from(self.registers_len())).map(move |number| match (self, number) {
            (Self::X86_64, number) => NAMES_X86_64[number].into(),
            (Self::Aarch64, 29) => "fp".into(),
            (Self::Aarch64, 30) => "lr".into(),
            (Self::Aarch64, 31) => "sp".into(),
            (Self::Aarch64, number) => format!("x{number}").into(),
        })
    }
}

impl Registers {
    /// By the names of the machine's assembly, in the event payload's spelling.
    pub(crate) fn to_object(self, arch: Arch) -> Object {
        let pc = match arch {
            Arch::X86_64 => "rip",
            Arch::Aarch64 => "pc",
        };
        let general = arch.register_names().zip(self.general);
        general
            .chain([(pc.into(), self.pc)])
            .map(|(name, value)| (name.into_owned(), format!("{value:#018x}").into()))
            .collect()
    }
}

/// What is known of the registers in one call.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) arch: Arch,
    pub(super) pc: u64,
    general: [Option<u64>; GENERAL_MAX],
}

impl Known {
    pub(super) fn of(snapshot: &Snapshot<'_>) -> Self {
        Self {
            arch: snapshot.arch,
            pc: snapshot.registers.pc,
            general: snapshot.registers.general.map(Some),
        }
    }

    pub(super) fn nothing(arch: Arch) -> Self {
        Self {
            arch,
            pc: 0,
            general: [None; GENERAL_MAX],
        }
    }

    pub(super) fn get(&self, register: Register) -> Option<u64> {
        if self.arch == Arch::X86_64 && register == X86_64::RA {
            return Some(self.pc);
        }
        *self.general.get(usize::from(register.0))?
    }

    pub(super) fn set(&mut self, register: Register, value: Option<u64>) {
        if let Some(slot) = self.general.get_mut(usize::from(register.0)) {
            *slot = value;
        }
    }

    pub(super) fn sp(&self) -> Option<u64> {
        self.get(self.arch.stack_pointer())
    }

    pub(super) fn set_sp(&mut self, sp: u64) {
        self.set(self.arch.stack_pointer(), Some(sp));
    }

    pub(super) fn fp(&self) -> Option<u64> {
        self.get(self.arch.frame_pointer())
    }

    pub(super) fn set_fp(&mut self, fp: u64) {
        self.set(self.arch.frame_pointer(), Some(fp));
    }

    /// Where aarch64 keeps the return address until it is saved.
    pub(super) fn link(&self) -> Option<u64> {
        self.get(AArch64::X30)
    }

    /// After a return only preserved registers hold what the caller had put there.
    pub(super) fn forget_scratch(&mut self) {
        let stack_pointer = self.arch.stack_pointer().0;
        for register in 0..self.arch.registers_len() {
            if register != stack_pointer && !self.arch.is_preserved(register) {
                self.set(Register(register), None);
            }
        }
    }
}
