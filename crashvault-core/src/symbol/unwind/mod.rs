//! Enters: what a dying process left of one thread (registers, the bytes of its stack, its module table). Leaves: the
//! addresses of its calls, innermost first, each with how far it can be trusted.
//!
//! The unwind tables of the very binaries that ran say where each caller is. Where they are silent: the return address that
//! the last call left, frame pointers, and last a short search of the stack for what a call instruction would have left.
//!
//! Never: reads outside the copied bytes, follows a chain that does not climb, panics on any bytes.

mod cfi;
mod code;
#[cfg(feature = "minidump")]
mod foreign;
mod registers;
#[cfg(test)]
mod tests;
mod trampoline;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

pub(super) use code::Code;
#[cfg(feature = "minidump")]
pub(crate) use foreign::Callee;
pub(crate) use registers::{Arch, Registers};

use self::cfi::Caller;
use self::code::Call;
use self::registers::Known;
use super::Symbolizer;
use super::binaries::{self, Binaries};
use super::rules::is_virtual;
use super::table::ImageTable;
use crate::event::limits::ADDRESSES_MAX;
use crate::event::{Frame, Image, Stacktrace};

/// Words of the stack searched for one caller.
const SCAN_WORDS_MAX: u64 = 128;
/// Callers of one stack that may come from a search.
const SCANS_MAX: usize = 16;
/// Signal frames of one stack: each may lead to another stack, so nothing else ends a ring of them.
const SIGNALS_MAX: usize = 8;

/// What a dying process left of one thread: enough to walk its stack elsewhere.
pub(crate) struct Snapshot<'a> {
    pub(crate) arch: Arch,
    pub(crate) registers: Registers,
    /// The address of the first byte of `stack`.
    pub(crate) stack_base: u64,
    /// The stack from its pointer upward.
    pub(crate) stack: &'a [u8],
    /// The binaries mapped into the process; where they overlap the later one counts.
    pub(crate) images: &'a [Image],
}

/// One call of an unwound stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The instruction that was running, else the one a call returns to.
    pub(crate) address: u64,
    pub(crate) trust: Trust,
    /// Whether `address` was running: the innermost call, or one that a signal interrupted.
    pub(crate) is_exact: bool,
}

/// How an address was found, surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    /// From the registers.
    Context,
    /// By the binary's unwind table, or where the machine's calls leave it.
    Cfi,
    /// By a chain of frame pointers.
    FramePointer,
    /// It looks like a return address; it may be one of an earlier call.
    Scan,
}

impl Trust {
    /// The event payload's word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Cfi => "cfi",
            Self::FramePointer => "fp",
            Self::Scan => "scan",
        }
    }
}

impl Snapshot<'_> {
    /// The stack trace of these calls, to be symbolicated.
    pub(crate) fn stacktrace(&self, steps: &[Step]) -> Stacktrace {
        let frames = steps.iter().rev().map(|step| {
            let mut frame = Frame {
                instruction_addr: Some(step.address),
                ..Frame::default()
            };
            frame.other.insert("trust".into(), step.trust.name().into());
            if step.is_exact {
                frame.other.insert("addr_mode".into(), "exact".into());
            }
            frame
        });
        let mut trace = Stacktrace {
            frames: frames.collect(),
            ..Stacktrace::default()
        };
        let registers = Value::Object(self.registers.to_object(self.arch));
        trace.other.insert("registers".into(), registers);
        trace
    }
}

impl Symbolizer {
    /// The calls on a thread's stack, innermost first: where it was, then return addresses. At most [`ADDRESSES_MAX`].
    pub(crate) fn unwind(&mut self, snapshot: &Snapshot<'_>) -> Vec<Step> {
        let stack = Stack {
            base: snapshot.stack_base,
            bytes: snapshot.stack,
        };
        let mut codes = Codes {
            binaries: &mut self.binaries,
            table: ImageTable::new(snapshot.images),
            loaded: HashMap::new(),
            arch: snapshot.arch,
        };
        walk(&mut codes, stack, Known::of(snapshot))
    }
}

fn walk<'a>(codes: &mut Codes<'a>, stack: Stack<'a>, start: Known) -> Vec<Step> {
    let mut walk = Walk {
        codes,
        stack,
        unwinder: cfi::Unwinder::default(),
        scans: 0,
        signals: 0,
    };
    let mut steps = vec![Step {
        address: start.pc,
        trust: Trust::Context,
        is_exact: true,
    }];
    let mut callee = Position {
        known: start,
        is_exact: true,
    };
    while steps.len() < ADDRESSES_MAX {
        let Some((caller, trust)) = walk.caller(&callee) else {
            break;
        };
        steps.push(Step {
            address: caller.known.pc,
            trust,
            is_exact: caller.is_exact,
        });
        callee = caller;
    }
    steps
}

/// The registers as they are in one call, as far as they are known.
struct Position {
    known: Known,
    /// Whether the instruction at `pc` was running, rather than being returned to.
    is_exact: bool,
}

impl Position {
    fn returned_to(known: Known) -> Self {
        Self {
            known,
            is_exact: false,
        }
    }

    /// An address inside the instruction of this call.
    fn lookup_address(&self) -> u64 {
        match self.is_exact {
            true => self.known.pc,
            false => self.known.pc.wrapping_sub(1),
        }
    }
}

/// What can still be read of a process.
pub(crate) trait Memory {
    /// `len` (1 to 8) bytes at an address, as a number.
    fn read(&self, address: u64, len: usize) -> Option<u64>;

    /// Eight of them.
    fn word(&self, address: u64) -> Option<u64> {
        self.read(address, 8)
    }
}

/// The copied bytes.
#[derive(Clone, Copy)]
struct Stack<'a> {
    base: u64,
    bytes: &'a [u8],
}

impl Memory for Stack<'_> {
    fn read(&self, address: u64, len: usize) -> Option<u64> {
        let at = usize::try_from(address.checked_sub(self.base)?).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(len)?)?;
        let mut word = [0; 8];
        word.get_mut(..len)?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(word))
    }
}

/// The code of the process's binaries, by the addresses they were mapped at.
struct Codes<'a> {
    binaries: &'a mut Binaries,
    table: ImageTable<'a>,
    /// By image: none if its binary cannot be used.
    loaded: HashMap<usize, Option<Arc<Code>>>,
    arch: Arch,
}

/// Code that covers an address.
struct Covering {
    /// The binary's code, and the address as its file counts it; none if the binary cannot be used.
    code: Option<(Arc<Code>, u64)>,
    /// Mapped by the kernel, without a file.
    is_virtual: bool,
}

impl Covering {
    /// Data of a binary may have been called as well.
    fn may_run(&self) -> bool {
        let code = self.code.as_ref();
        code.is_none_or(|(code, address)| code.may_run(*address))
    }
}

impl Codes<'_> {
    fn find(&mut self, address: u64) -> Option<Covering> {
        let hit = self.table.find(address)?;
        let (binaries, arch) = (&mut *self.binaries, self.arch);
        let code = self.loaded.entry(hit.index).or_insert_with(|| {
            let id = binaries.id(hit.image);
            binaries
                .code(id, hit.image)
                .filter(|code| code.is_for(arch))
        });
        Some(Covering {
            code: code.clone().map(|code| {
                let address = code.address_at(hit.offset);
                (code, address)
            }),
            is_virtual: binaries::package(hit.image).is_some_and(is_virtual),
        })
    }

    /// How likely it is that the call of `callee` returns to `address`.
    fn likeness(&mut self, address: u64, callee: Option<&Covering>) -> Option<Likeness> {
        let covering = self.find(address.wrapping_sub(1))?;
        let Some((code, at)) = covering.code.filter(|(code, _)| code.has_code()) else {
            return Some(Likeness::Unasked);
        };
        let callee = callee.and_then(|covering| covering.code.as_ref());
        Some(match code.call_before(at.wrapping_add(1))? {
            Call::Somewhere => Likeness::Possible,
            Call::To(start) => match callee {
                Some((of, at)) if Arc::ptr_eq(of, &code) && of.is_one_function(start, *at) => {
                    Likeness::Sure
                }
                _ => Likeness::Elsewhere,
            },
        })
    }
}

/// What speaks for a return address, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// The call before it goes to the function that was called.
    Sure,
    /// The call before it goes wherever a register said.
    Possible,
    /// The call before it goes to another function, which may have jumped on.
    Elsewhere,
    /// It lies in a binary that cannot be read.
    Unasked,
}

struct Walk<'w, 'a> {
    codes: &'w mut Codes<'a>,
    stack: Stack<'a>,
    unwinder: cfi::Unwinder,
    scans: usize,
    signals: usize,
}

impl Walk<'_, '_> {
    /// None at the end of the stack, or of what can be known of it.
    fn caller(&mut self, callee: &Position) -> Option<(Position, Trust)> {
        let covering = self.codes.find(callee.lookup_address());
        let code = covering
            .as_ref()
            .and_then(|covering| covering.code.as_ref());
        if let Some((code, address)) = code {
            match code.caller(&mut self.unwinder, *address, callee, &self.stack) {
                Some(Caller::Root) => return None,
                Some(Caller::Interrupted(known)) => return self.interrupted(known),
                Some(Caller::Called(known)) if climbs(callee, &known) => {
                    return Some((Position::returned_to(known), Trust::Cfi));
                }
                Some(Caller::Called(_)) | None => {}
            }
        }
        if let Some(covering) = &covering
            && let Some(known) = self.trampoline(covering, callee)
        {
            return self.interrupted(known);
        }
        let covering = covering.as_ref().filter(|covering| covering.may_run());
        let (known, trust) = match self.last_call(callee, covering) {
            Some(known) => (known, Trust::Cfi),
            None => match self.frame_pointer(&callee.known) {
                Some(known) => (known, Trust::FramePointer),
                None => (self.scan(&callee.known, covering)?, Trust::Scan),
            },
        };
        Some((Position::returned_to(known), trust))
    }

    fn interrupted(&mut self, known: Known) -> Option<(Position, Trust)> {
        self.signals += 1;
        let position = Position {
            known,
            is_exact: true,
        };
        (self.signals <= SIGNALS_MAX).then_some((position, Trust::Cfi))
    }

    /// A signal's trampoline without an unwind table.
    fn trampoline(&self, covering: &Covering, callee: &Position) -> Option<Known> {
        if callee.is_exact {
            return None;
        }
        let is_trampoline = match &covering.code {
            Some((code, address)) => {
                trampoline::is_at(self.codes.arch, &code.bytes(address.wrapping_add(1))?)
            }
            // On this machine the kernel's own code holds it, and nothing else there calls anybody.
            None => covering.is_virtual && self.codes.arch == Arch::Aarch64,
        };
        let known =
            is_trampoline.then(|| trampoline::interrupted(&callee.known, &self.stack))??;
        self.codes.table.find(known.pc).map(|_| known)
    }

    /// At the first instruction of a function, also of one that is not there, the return address lies where the call left it.
    fn last_call(&mut self, callee: &Position, covering: Option<&Covering>) -> Option<Known> {
        if !callee.is_exact {
            return None;
        }
        let mut caller = callee.known.clone();
        caller.pc = match caller.arch {
            Arch::X86_64 => {
                let sp = caller.sp()?;
                caller.set_sp(sp.checked_add(8)?);
                self.stack.word(sp)?
            }
            Arch::Aarch64 => caller.arch.strip(caller.link()?),
        };
        // In the middle of code without tables a caller's address may lie there from earlier.
        let worst = match covering {
            Some(_) => Likeness::Possible,
            None => Likeness::Elsewhere,
        };
        let likeness = self.codes.likeness(caller.pc, covering)?;
        caller.forget_scratch();
        (likeness <= worst).then_some(caller)
    }

    /// Both machines keep the caller's frame pointer where the frame pointer points, and the return address above it.
    fn frame_pointer(&mut self, callee: &Known) -> Option<Known> {
        let fp = callee.fp().filter(|fp| fp.is_multiple_of(8))?;
        if fp < callee.sp()? {
            return None;
        }
        let saved = self.stack.word(fp)?;
        let pc = callee.arch.strip(self.stack.word(fp.checked_add(8)?)?);
        let climbs = saved == 0 || saved > fp;
        if !climbs || self.codes.likeness(pc, None).is_none() {
            return None;
        }
        let mut caller = Known::nothing(callee.arch);
        caller.pc = pc;
        caller.set_sp(fp.checked_add(16)?);
        caller.set_fp(saved);
        Some(caller)
    }

    /// The nearest of the likeliest return addresses.
    fn scan(&mut self, callee: &Known, covering: Option<&Covering>) -> Option<Known> {
        if self.scans >= SCANS_MAX {
            return None;
        }
        self.scans += 1;
        let first = callee.sp()?.checked_next_multiple_of(8)?;
        let words = (0..SCAN_WORDS_MAX).map_while(|at| {
            let place = first.checked_add(at * 8)?;
            Some((place, callee.arch.strip(self.stack.word(place)?)))
        });
        let (_, place, pc) = words
            .filter_map(|(place, pc)| Some((self.codes.likeness(pc, covering)?, place, pc)))
            .filter(|(likeness, ..)| *likeness < Likeness::Unasked)
            .min_by_key(|(likeness, ..)| *likeness)?;
        let mut caller = Known::nothing(callee.arch);
        caller.pc = pc;
        caller.set_sp(place.checked_add(8)?);
        // Mostly the frame pointer is saved last, just below; else nobody has changed it, if it points above.
        let below = place
            .checked_sub(8)
            .and_then(|below| self.stack.word(below));
        let fp = below.into_iter().chain(callee.fp()).find(|fp| *fp > place);
        if let Some(fp) = fp {
            caller.set_fp(fp);
        }
        Some(caller)
    }
}

/// A caller's frame lies above its callee's; only a leaf has none.
fn climbs(callee: &Position, caller: &Known) -> bool {
    match (callee.known.sp(), caller.sp()) {
        (Some(below), Some(above)) => {
            above > below || (callee.is_exact && above == below && caller.pc != callee.known.pc)
        }
        _ => false,
    }
}
