use std::ops::Range;
use std::sync::Arc;

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, DebugFrame, EhFrame, EndianSlice, EvaluationResult,
    FrameDescriptionEntry, LittleEndian, Location, Piece, Register, RegisterRule, UnwindContext,
    UnwindExpression, UnwindSection, Value, Vendor,
};

use super::registers::{Arch, Known};
use super::{Memory, Position};

/// Functions with unwind rules in one binary.
const FUNCTIONS_MAX: usize = 4 << 20;
/// Operations of one expression, against expressions that jump in circles.
const OPERATIONS_MAX: u32 = 1000;

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// What a table says about the caller.
pub(super) enum Caller {
    /// There is none.
    Root,
    /// Called from there.
    Called(Known),
    /// Interrupted there by a signal.
    Interrupted(Known),
}

/// Memory kept between frames.
#[derive(Default)]
pub(super) struct Unwinder {
    context: UnwindContext<usize>,
}

/// `.eh_frame` or `.debug_frame` of one binary, with an index of its functions.
///
/// The index is made here and not taken from `.eh_frame_hdr`: one way for both, and one less to believe.
pub(super) struct Tables {
    arch: Arch,
    bytes: Arc<[u8]>,
    is_debug_frame: bool,
    bases: BaseAddresses,
    functions: Vec<Function>,
}

struct Function {
    range: Range<u64>,
    entry: usize,
}

impl Tables {
    pub(super) fn of_eh_frame(arch: Arch, address: u64, text: u64, bytes: Arc<[u8]>) -> Self {
        let bases = BaseAddresses::default()
            .set_eh_frame(address)
            .set_text(text);
        Self::new(arch, false, bases, bytes)
    }

    pub(super) fn of_debug_frame(arch: Arch, text: u64, bytes: Arc<[u8]>) -> Self {
        Self::new(arch, true, BaseAddresses::default().set_text(text), bytes)
    }

    fn new(arch: Arch, is_debug_frame: bool, bases: BaseAddresses, bytes: Arc<[u8]>) -> Self {
        let mut tables = Self {
            arch,
            bytes,
            is_debug_frame,
            bases,
            functions: Vec::new(),
        };
        let mut functions = match is_debug_frame {
            true => functions(&tables.debug_frame(), &tables.bases),
            false => functions(&tables.eh_frame(), &tables.bases),
        };
        functions.sort_by_key(|function| function.range.start);
        tables.functions = functions;
        tables
    }

    pub(super) fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        (self.bytes.len() + self.functions.len() * size_of::<Function>()) as u64
    }

    /// The caller of `callee`, which stands at `address` as the file counts; none if no rule covers it or none can be
    /// followed.
    pub(super) fn caller(
        &self,
        unwinder: &mut Unwinder,
        address: u64,
        callee: &Position,
        stack: &dyn Memory,
    ) -> Option<Caller> {
        let behind = self
            .functions
            .partition_point(|function| function.range.start <= address);
        let function = self.functions.get(behind.checked_sub(1)?)?;
        if !function.range.contains(&address) {
            return None;
        }
        let question = Question {
            bases: &self.bases,
            entry: function.entry,
            address,
            callee,
            stack,
        };
        match self.is_debug_frame {
            true => question.answer(&self.debug_frame(), unwinder),
            false => question.answer(&self.eh_frame(), unwinder),
        }
    }

    /// Whether a function begins behind `start` and not behind `address`.
    pub(super) fn begins_within(&self, start: u64, address: u64) -> bool {
        let begun = |at: u64| {
            self.functions
                .partition_point(|function| function.range.start <= at)
        };
        begun(start) < begun(address)
    }

    fn vendor(&self) -> Vendor {
        match self.arch {
            Arch::X86_64 => Vendor::Default,
            Arch::Aarch64 => Vendor::AArch64,
        }
    }

    fn eh_frame(&self) -> EhFrame<Bytes<'_>> {
        let mut section = EhFrame::new(&self.bytes, LittleEndian);
        section.set_address_size(8);
        section.set_vendor(self.vendor());
        section
    }

    fn debug_frame(&self) -> DebugFrame<Bytes<'_>> {
        let mut section = DebugFrame::new(&self.bytes, LittleEndian);
        section.set_address_size(8);
        section.set_vendor(self.vendor());
        section
    }
}

/// What can be read of a table; a broken entry hides the ones behind it only where its length is broken.
fn functions<'a, S: UnwindSection<Bytes<'a>>>(section: &S, bases: &BaseAddresses) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut entries = section.entries(bases);
    while let Ok(Some(entry)) = entries.next()
        && functions.len() < FUNCTIONS_MAX
    {
        let CieOrFde::Fde(entry) = entry else {
            continue;
        };
        let Ok(entry) = entry.parse(S::cie_from_offset) else {
            continue;
        };
        let start = entry.initial_address();
        let range = start..start.saturating_add(entry.len());
        if !range.is_empty() {
            functions.push(Function {
                range,
                entry: entry.offset(),
            });
        }
    }
    functions
}

struct Question<'a> {
    bases: &'a BaseAddresses,
    entry: usize,
    address: u64,
    callee: &'a Position,
    stack: &'a dyn Memory,
}

impl Question<'_> {
    fn answer<'s, S: UnwindSection<Bytes<'s>>>(
        &self,
        section: &S,
        unwinder: &mut Unwinder,
    ) -> Option<Caller> {
        let entry: FrameDescriptionEntry<Bytes<'s>> = section
            .fde_from_offset(self.bases, self.entry.into(), S::cie_from_offset)
            .ok()?;
        let row = entry
            .unwind_info_for_address(section, self.bases, &mut unwinder.context, self.address)
            .ok()?;
        let callee = &self.callee.known;
        let mut values = Values {
            section,
            encoding: entry.cie().encoding(),
            callee,
            stack: self.stack,
            cfa: 0,
            reader: std::marker::PhantomData,
        };
        values.cfa = match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => {
                callee.get(*register)?.wrapping_add_signed(*offset)
            }
            CfaRule::Expression(expression) => values.address(expression, None)?,
        };
        let mut caller = Known::nothing(callee.arch);
        caller.set_sp(values.cfa);
        for number in 0..callee.arch.registers_len() {
            let register = Register(number);
            match row.register(register) {
                Some(rule) => caller.set(register, values.follow(&rule, register)),
                // Compilers leave preserved registers out, and mean that they are the same.
                None if callee.arch.is_preserved(number) => {
                    caller.set(register, callee.get(register));
                }
                None => {}
            }
        }
        caller.sp()?;
        let column = entry.cie().return_address_register();
        let link = match row.register(column) {
            Some(RegisterRule::Undefined) => return Some(Caller::Root),
            Some(RegisterRule::SameValue) | None => {
                // Only before anything was called can a register still hold it.
                let is_held = self.callee.is_exact && callee.arch == Arch::Aarch64;
                is_held.then(|| callee.get(column))??
            }
            Some(rule) => values.follow(&rule, column)?,
        };
        caller.pc = callee.arch.strip(link);
        Some(match (caller.pc, entry.is_signal_trampoline()) {
            (0, false) => Caller::Root,
            (_, false) => Caller::Called(caller),
            (_, true) => Caller::Interrupted(caller),
        })
    }
}

/// What rules are made of.
struct Values<'a, 's, S: UnwindSection<Bytes<'s>>> {
    section: &'a S,
    encoding: gimli::Encoding,
    callee: &'a Known,
    stack: &'a dyn Memory,
    cfa: u64,
    reader: std::marker::PhantomData<Bytes<'s>>,
}

impl<'s, S: UnwindSection<Bytes<'s>>> Values<'_, 's, S> {
    fn follow(&self, rule: &RegisterRule<usize>, register: Register) -> Option<u64> {
        match rule {
            RegisterRule::SameValue => self.callee.get(register),
            RegisterRule::Offset(offset) => self.stack.word(self.cfa.wrapping_add_signed(*offset)),
            RegisterRule::ValOffset(offset) => Some(self.cfa.wrapping_add_signed(*offset)),
            RegisterRule::Register(other) => self.callee.get(*other),
            RegisterRule::Expression(expression) => {
                self.stack.word(self.address(expression, Some(self.cfa))?)
            }
            RegisterRule::ValExpression(expression) => self.address(expression, Some(self.cfa)),
            RegisterRule::Constant(value) => Some(*value),
            _ => None,
        }
    }

    /// What an expression leaves on its stack.
    fn address(&self, expression: &UnwindExpression<usize>, start: Option<u64>) -> Option<u64> {
        let expression = expression.get(self.section).ok()?;
        let mut evaluation = expression.evaluation(self.encoding);
        evaluation.set_max_iterations(OPERATIONS_MAX);
        if let Some(start) = start {
            evaluation.set_initial_value(start);
        }
        let mut result = evaluation.evaluate();
        loop {
            result = match result.ok()? {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresRegister { register, .. } => {
                    let value = Value::Generic(self.callee.get(register)?);
                    evaluation.resume_with_register(value)
                }
                EvaluationResult::RequiresMemory { address, size, .. } => {
                    let value = self.stack.read(address, size.into())?;
                    evaluation.resume_with_memory(Value::Generic(value))
                }
                EvaluationResult::RequiresCallFrameCfa => {
                    evaluation.resume_with_call_frame_cfa(self.cfa)
                }
                _ => return None,
            };
        }
        match evaluation.as_result() {
            [
                Piece {
                    location: Location::Address { address },
                    ..
                },
            ] => Some(*address),
            _ => None,
        }
    }
}
