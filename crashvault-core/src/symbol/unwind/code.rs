use std::sync::Arc;

use super::cfi::{Caller, Tables, Unwinder};
use super::trampoline;
use super::{Arch, Memory, Position};
use crate::symbol::elf::Elf;

/// Unwind tables of one binary, in bytes; larger ones are not read.
const TABLES_BYTES_MAX: u64 = 256 << 20;

/// A binary's code: its unwind tables, and its instructions where they are asked for.
pub(in crate::symbol) struct Code {
    elf: Elf,
    arch: Option<Arch>,
    tables: Vec<Tables>,
}

impl Code {
    /// `separate` finds the binary's debug file; it is asked only if the binary has no tables of its own.
    pub(in crate::symbol) fn load(elf: Elf, separate: impl FnOnce(&Elf) -> Option<Elf>) -> Self {
        let arch = elf
            .arch
            .filter(|_| elf.endian() == object::Endianness::Little);
        let tables = match arch {
            Some(arch) => tables(&elf, arch, separate),
            None => Vec::new(),
        };
        Self { elf, arch, tables }
    }

    pub(super) fn is_for(&self, arch: Arch) -> bool {
        self.arch == Some(arch)
    }

    /// Whether its instructions can be looked at; debug files have none.
    pub(super) fn has_code(&self) -> bool {
        !self.elf.is_debug_only()
    }

    /// Bytes of unwind tables held in memory.
    pub(in crate::symbol) fn len(&self) -> u64 {
        self.tables.iter().map(Tables::len).sum()
    }

    /// The address, as the file counts, of the byte at `offset` from the binary's start in the process.
    pub(super) fn address_at(&self, offset: u64) -> u64 {
        self.elf.lowest_vaddr.wrapping_add(offset)
    }

    /// What the tables say about the caller of `callee`, which stands at `address`.
    pub(super) fn caller(
        &self,
        unwinder: &mut Unwinder,
        address: u64,
        callee: &Position,
        stack: &dyn Memory,
    ) -> Option<Caller> {
        let mut tables = self.tables.iter();
        tables.find_map(|tables| tables.caller(unwinder, address, callee, stack))
    }

    /// Whether anything can run there, for all that the file tells.
    pub(super) fn may_run(&self, address: u64) -> bool {
        !self.has_code() || self.elf.is_code(address)
    }

    /// The instructions at an address.
    pub(super) fn bytes(&self, address: u64) -> Option<Vec<u8>> {
        let is_code = self.elf.is_code(address);
        is_code.then(|| self.elf.loaded_bytes(address, trampoline::LEN))?
    }

    /// The call that ends before `address`, if one does.
    pub(super) fn call_before(&self, address: u64) -> Option<Call> {
        const CALL_BYTES_MAX: u64 = 7;
        let before = |len: u64| {
            let start = address.checked_sub(len)?;
            let is_code = self.elf.is_code(start);
            is_code.then(|| self.elf.loaded_bytes(start, len))?
        };
        let distance = match self.arch? {
            Arch::X86_64 => {
                let bytes = before(CALL_BYTES_MAX).or_else(|| before(5))?;
                call_x86_64(&bytes)?
            }
            Arch::Aarch64 => call_aarch64(&before(4)?)?,
        };
        Some(match distance {
            Some(distance) => Call::To(address.wrapping_add_signed(distance)),
            None => Call::Somewhere,
        })
    }

    /// Whether a function may reach from `start` to `address`, for all that the tables say.
    pub(super) fn is_one_function(&self, start: u64, address: u64) -> bool {
        const FUNCTION_BYTES_MAX: u64 = 1 << 20;
        let is_near = address
            .checked_sub(start)
            .is_some_and(|len| len < FUNCTION_BYTES_MAX);
        is_near
            && !self
                .tables
                .iter()
                .any(|tables| tables.begins_within(start, address))
    }
}

/// A call instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// To this address.
    To(u64),
    /// Through a register or memory.
    Somewhere,
}

fn tables(elf: &Elf, arch: Arch, separate: impl FnOnce(&Elf) -> Option<Elf>) -> Vec<Tables> {
    let section = |elf: &Elf, name: &str| {
        let bytes = elf.section_bytes(name, TABLES_BYTES_MAX)?;
        let is_there = !bytes.is_empty();
        is_there.then_some((elf.section_address(name)?, bytes))
    };
    let text = elf.section_address(".text").unwrap_or_default();
    let loaded = section(elf, ".eh_frame").or_else(|| elf.loaded_eh_frame(TABLES_BYTES_MAX));
    let loaded = loaded.map(|(at, bytes)| Tables::of_eh_frame(arch, at, text, bytes));
    let of_debugger = |bytes: Arc<[u8]>| Tables::of_debug_frame(arch, text, bytes);
    let kept = section(elf, ".debug_frame").or_else(|| {
        let is_needed = loaded.as_ref().is_none_or(|tables| tables.is_empty());
        section(&is_needed.then(|| separate(elf))??, ".debug_frame")
    });
    let kept = kept.map(|(_, bytes)| of_debugger(bytes));
    loaded.into_iter().chain(kept).collect()
}

/// `call rel32`, or `call` through a register or memory in any of its lengths (Intel SDM volume 2, CALL and table 2-2): how
/// far the called function is from the instruction's end, where it says.
fn call_x86_64(bytes: &[u8]) -> Option<Option<i64>> {
    let at = |back: usize| Some(&bytes[bytes.len().checked_sub(back)?..]);
    if let Some([0xe8, distance @ ..]) = at(5) {
        let distance = i32::from_le_bytes(distance.try_into().ok()?);
        return Some(Some(distance.into()));
    }
    let is_indirect = |back: usize| {
        let Some([0xff, form, rest @ ..]) = at(back) else {
            return false;
        };
        let (mode, operation, register) = (form >> 6, (form >> 3) & 7, form & 7);
        let has_base = rest.first().is_some_and(|scaled| scaled & 7 != 5);
        let operands = match (mode, register) {
            (3, _) => 0,
            (0, 4) if has_base => 1,
            (0, 4) => 5,
            (0, 5) => 4,
            (0, _) => 0,
            (1, 4) => 2,
            (1, _) => 1,
            (_, 4) => 5,
            _ => 4,
        };
        operation == 2 && back == 2 + operands
    };
    [2, 3, 4, 6, 7].into_iter().any(is_indirect).then_some(None)
}

/// `bl`, `blr` and its authenticated kin (Arm ARM, C6.2).
fn call_aarch64(bytes: &[u8]) -> Option<Option<i64>> {
    let code = u32::from_le_bytes(bytes.try_into().ok()?);
    if code & 0xFC00_0000 == 0x9400_0000 {
        // 26 bits with a sign, counted in instructions from this one.
        let words = ((code << 6) as i32) >> 6;
        return Some(Some(i64::from(words) * 4 - 4));
    }
    let is_indirect = code & 0xFFFF_FC1F == 0xD63F_0000 || code & 0xFEFF_F800 == 0xD63F_0800;
    is_indirect.then_some(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &[u8], expected: Option<Option<i64>>) {
        let mut bytes = vec![0x90; 7 - code.len()];
        bytes.extend(code);
        assert_eq!(call_x86_64(&bytes), expected, "{code:02x?}");
    }

    const INDIRECT: Option<Option<i64>> = Some(None);

    #[test]
    fn calls_of_every_form_are_known() {
        check(&[0xe8, 1, 0, 0, 0], Some(Some(1))); // call rel32
        check(&[0xe8, 0xfb, 0xff, 0xff, 0xff], Some(Some(-5)));
        check(&[0xff, 0xd0], INDIRECT); // call *%rax
        check(&[0x41, 0xff, 0xd3], INDIRECT); // call *%r11
        check(&[0xff, 0x10], INDIRECT); // call *(%rax)
        check(&[0xff, 0x50, 8], INDIRECT); // call *8(%rax)
        check(&[0xff, 0x54, 0x24, 8], INDIRECT); // call *8(%rsp)
        check(&[0xff, 0x14, 0xc8], INDIRECT); // call *(%rax,%rcx,8)
        check(&[0xff, 0x15, 1, 2, 3, 4], INDIRECT); // call *x(%rip)
        check(&[0xff, 0x90, 1, 2, 3, 4], INDIRECT); // call *x(%rax)
        check(&[0xff, 0x94, 0x24, 1, 2, 3, 4], INDIRECT); // call *x(%rsp)
        check(&[0xff, 0x14, 0xc5, 1, 2, 3, 4], INDIRECT); // call *x(,%rax,8)
    }

    #[test]
    fn what_is_no_call_is_none() {
        check(&[0xe9, 1, 2, 3, 4], None); // jmp
        check(&[0xff, 0xe0], None); // jmp *%rax
        check(&[0xff, 0x30], None); // push (%rax)
        check(&[0xff, 0x15, 1, 2, 3], None); // cut
        check(&[], None);
        assert_eq!(call_x86_64(&[0xe8]), None);
    }

    #[test]
    fn branches_with_link_are_known() {
        let check = |code: u32, expected| {
            assert_eq!(call_aarch64(&code.to_le_bytes()), expected, "{code:08x}");
        };
        check(0x9400_0010, Some(Some(0x3c))); // bl .+0x40
        check(0x97FF_FFFF, Some(Some(-8))); // bl .-4
        check(0xD63F_0200, INDIRECT); // blr x16
        check(0xD73F_0910, INDIRECT); // blraa x8, x16
        check(0xD63F_091F, INDIRECT); // blraaz x8
        check(0x1400_0010, None); // b
        check(0xD61F_0200, None); // br x16
        check(0xD503_201F, None); // nop
    }
}
