//! One step by our tables, for a walk that somebody else makes.

use gimli::Register;

use super::cfi::{Caller, Unwinder};
use super::registers::Known;
use super::{Arch, Memory, Position};
use crate::event::Image;
use crate::symbol::Symbolizer;

/// A call of that walk.
pub(crate) struct Callee {
    arch: Arch,
    lookup_address: u64,
    position: Position,
}

impl Callee {
    /// At `lookup_address`, which lies within the instruction that was running (`is_exact`) or that made the call.
    pub(crate) fn new(arch: Arch, lookup_address: u64, is_exact: bool) -> Self {
        let mut known = Known::nothing(arch);
        known.pc = match is_exact {
            true => lookup_address,
            false => lookup_address.saturating_add(1),
        };
        Self {
            arch,
            lookup_address,
            position: Position { known, is_exact },
        }
    }

    /// What is known of a register.
    pub(crate) fn set(&mut self, register: u16, value: Option<u64>) {
        self.position.known.set(Register(register), value);
    }
}

/// The registers of the caller; of the last one the address is 0.
pub(crate) struct CallerFound {
    pub(crate) pc: u64,
    pub(crate) sp: u64,
    /// By DWARF number.
    pub(crate) registers: Vec<Option<u64>>,
}

impl Symbolizer {
    /// The caller by the tables of `image`'s binary; none if it has none for this place.
    pub(crate) fn caller(
        &mut self,
        image: &Image,
        callee: &Callee,
        memory: &dyn Memory,
    ) -> Option<CallerFound> {
        let id = self.binaries.id(image);
        let code = self.binaries.code(id, image);
        let code = code.filter(|code| code.is_for(callee.arch))?;
        let address = code.address_at(callee.lookup_address.checked_sub(image.image_addr?)?);
        let mut unwinder = Unwinder::default();
        let known = match code.caller(&mut unwinder, address, &callee.position, memory)? {
            Caller::Called(known) | Caller::Interrupted(known) => known,
            Caller::Root => {
                let mut root = Known::nothing(callee.arch);
                root.set_sp(callee.position.known.sp()?);
                root
            }
        };
        let registers = 0..callee.arch.registers_len();
        Some(CallerFound {
            pc: known.pc,
            sp: known.sp()?,
            registers: registers
                .map(|register| known.get(Register(register)))
                .collect(),
        })
    }

    /// Whether the instruction around `address` is a call; none if the binary of `image` cannot be asked.
    pub(crate) fn is_call(&mut self, image: &Image, address: u64) -> Option<bool> {
        let id = self.binaries.id(image);
        let code = self.binaries.code(id, image)?;
        let address = code.address_at(address.checked_sub(image.image_addr?)?);
        code.has_code()
            .then(|| code.call_before(address.wrapping_add(1)).is_some())
    }
}
