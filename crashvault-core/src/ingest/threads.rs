//! The minidump that our receiver wrote of a dying process → the threads of its event.
//!
//! Only what that takes is read here: threads, their names, registers and stacks. The stacks are walked as the crashing
//! thread's is (`last_words`), so that both read the same. Dumps of other writers are `minidump`'s.

use crate::event::limits::{NAME_BYTES_MAX, cut};
use crate::event::{Event, Flaw, Image, Thread};
use crate::symbol::{Arch, Registers, Snapshot, Symbolizer};

/// Threads of one dump that are kept.
const THREADS_MAX: usize = 256;
/// Streams of one dump that are looked at.
const STREAMS_MAX: usize = 64;
/// Of a stack, from its pointer upward, in bytes: as much as outlasts any walk of sane frames.
const STACK_BYTES_MAX: usize = 1 << 20;

const SIGNATURE: &[u8] = b"MDMP";
const THREAD_LIST: u32 = 3;
const SYSTEM_INFO: u32 = 7;
const THREAD_NAMES: u32 = 24;

/// Adds the threads that the event does not tell of yet; a flaw where the dump cannot be read.
pub(super) fn add_threads(
    event: &mut Event,
    dump: &[u8],
    images: &[Image],
    symbolizer: &mut Symbolizer,
) {
    let Some(dump) = Dump::read(dump) else {
        let reason = "the dump of all threads is damaged";
        return event.flaws.push(Flaw::new("threads", reason));
    };
    let found = dump.threads();
    let left_out = found.len().saturating_sub(THREADS_MAX);
    for stopped in found.into_iter().take(THREADS_MAX) {
        let id = stopped.id.to_string();
        let name = dump.name_of(stopped.id);
        if let Some(known) = event
            .threads
            .iter_mut()
            .find(|known| known.id.as_ref() == Some(&id))
        {
            known.name = known.name.take().or(name);
            continue;
        }
        let stacktrace = dump.snapshot(&stopped, images).map(|snapshot| {
            let steps = symbolizer.unwind(&snapshot);
            snapshot.stacktrace(&steps)
        });
        event.threads.push(Thread {
            id: Some(id),
            name,
            crashed: Some(false),
            current: Some(false),
            stacktrace,
            ..Thread::default()
        });
    }
    if left_out > 0 {
        let reason = format!("{left_out} threads more are in the dump");
        event.flaws.push(Flaw::new("threads", reason));
    }
}

/// A minidump's bytes; every number in it may be anything.
struct Dump<'d> {
    bytes: &'d [u8],
    arch: Option<Arch>,
}

struct Stopped<'d> {
    id: u32,
    stack_base: u64,
    stack: &'d [u8],
    context: &'d [u8],
}

impl<'d> Dump<'d> {
    fn read(bytes: &'d [u8]) -> Option<Self> {
        if !bytes.starts_with(SIGNATURE) {
            return None;
        }
        let mut dump = Self { bytes, arch: None };
        let system = dump.stream(SYSTEM_INFO)?;
        dump.arch = match half(system, 0)? {
            9 => Some(Arch::X86_64),
            12 | 0x8003 => Some(Arch::Aarch64),
            _ => None,
        };
        dump.stream(THREAD_LIST)?;
        Some(dump)
    }

    fn stream(&self, kind: u32) -> Option<&'d [u8]> {
        let (count, directory) = (word(self.bytes, 8)?, word(self.bytes, 12)?);
        (0..(count as usize).min(STREAMS_MAX)).find_map(|entry| {
            let at = (directory as usize).checked_add(12 * entry)?;
            (word(self.bytes, at)? == kind).then_some(())?;
            self.range(word(self.bytes, at + 8)?, word(self.bytes, at + 4)?)
        })
    }

    fn range(&self, at: u32, length: u32) -> Option<&'d [u8]> {
        let at = at as usize;
        self.bytes.get(at..at.checked_add(length as usize)?)
    }

    /// In the order of the dump; of each as much as is there.
    fn threads(&self) -> Vec<Stopped<'d>> {
        const ENTRY_BYTES: usize = 48;
        let list = self.stream(THREAD_LIST).unwrap_or_default();
        let entries = list.get(4..).unwrap_or_default().chunks_exact(ENTRY_BYTES);
        let entries = entries.take(word(list, 0).unwrap_or(0) as usize);
        let read = entries.filter_map(|entry| {
            let part = |length, at| self.range(word(entry, at)?, word(entry, length)?);
            Some(Stopped {
                id: word(entry, 0)?,
                stack_base: long(entry, 24)?,
                stack: part(32, 36).unwrap_or_default(),
                context: part(40, 44).unwrap_or_default(),
            })
        });
        read.collect()
    }

    fn name_of(&self, thread: u32) -> Option<String> {
        const ENTRY_BYTES: usize = 12;
        let list = self.stream(THREAD_NAMES)?;
        let mut entries = list.get(4..)?.chunks_exact(ENTRY_BYTES);
        let entry = entries.find(|entry| word(entry, 0) == Some(thread))?;
        let at = u32::try_from(long(entry, 4)?).ok()?;
        let text = self.range(at.checked_add(4)?, word(self.bytes, at as usize)?)?;
        let units: Vec<u16> = text
            .chunks_exact(2)
            .filter_map(|unit| half(unit, 0))
            .collect();
        let name = String::from_utf16_lossy(&units);
        let name = name.trim_end_matches(['\0', '\n']);
        (!name.is_empty()).then(|| cut(name, NAME_BYTES_MAX).into_owned())
    }

    fn snapshot<'s>(&'s self, thread: &Stopped<'s>, images: &'s [Image]) -> Option<Snapshot<'s>> {
        let arch = self.arch?;
        let registers = registers(arch, thread.context)?;
        let sp = match arch {
            Arch::X86_64 => registers.general[7],
            Arch::Aarch64 => registers.general[31],
        };
        let skipped = usize::try_from(sp.checked_sub(thread.stack_base)?).ok()?;
        let stack = thread.stack.get(skipped..)?;
        Some(Snapshot {
            arch,
            registers,
            stack_base: sp,
            stack: &stack[..stack.len().min(STACK_BYTES_MAX)],
            images,
        })
    }
}

/// As Microsoft's CONTEXT of the machine has them (winnt.h), whose layouts minidumps use everywhere.
fn registers(arch: Arch, context: &[u8]) -> Option<Registers> {
    /// rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 … r15 within the context.
    const X86_64: [usize; 16] = [
        0x78, 0x88, 0x80, 0x90, 0xA8, 0xB0, 0xA0, 0x98, 0xB8, 0xC0, 0xC8, 0xD0, 0xD8, 0xE0, 0xE8,
        0xF0,
    ];
    let mut registers = Registers::default();
    match arch {
        Arch::X86_64 => {
            registers.pc = long(context, 0xF8)?;
            for (register, at) in registers.general.iter_mut().zip(X86_64) {
                *register = long(context, at)?;
            }
        }
        Arch::Aarch64 => {
            registers.pc = long(context, 264)?;
            for (number, register) in registers.general.iter_mut().enumerate() {
                *register = long(context, 8 + 8 * number)?;
            }
        }
    }
    Some(registers)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(array(bytes, at)?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(array(bytes, at)?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(array(bytes, at)?))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::InAppRules;

    /// A dump of two threads on x86-64: 7 with a name and 16 bytes of stack, 8 without either.
    fn dump() -> Vec<u8> {
        let words = |words: &[u32]| {
            words
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<_>>()
        };
        let mut bytes = words(&[0x504D_444D, 0xA793, 3, 32, 0, 0, 0, 0]);
        bytes.extend(words(&[
            SYSTEM_INFO,
            4,
            68,
            THREAD_LIST,
            100,
            72,
            THREAD_NAMES,
            16,
            172,
        ]));
        bytes.extend(words(&[9]));
        bytes.extend(words(&[2]));
        bytes.extend(words(&[7, 0, 0, 0, 0, 0, 0x1000, 0, 16, 200, 256, 216]));
        bytes.extend(words(&[
            8,
            0,
            0,
            0,
            0,
            0,
            0x2000,
            0,
            u32::MAX,
            u32::MAX,
            256,
            216,
        ]));
        bytes.extend(words(&[1, 7, 188, 0]));
        bytes.extend(words(&[8]));
        bytes.extend("user".encode_utf16().flat_map(u16::to_le_bytes));
        bytes.extend([0; 16]);
        let mut context = [0; 256];
        context[0x98..0xA0].copy_from_slice(&0x1008u64.to_le_bytes());
        context[0xF8..].copy_from_slice(&0x4242u64.to_le_bytes());
        bytes.extend(context);
        bytes
    }

    fn threads_of(dump: &[u8]) -> Event {
        let mut event = Event::new();
        event.threads.push(Thread {
            id: Some("8".into()),
            crashed: Some(true),
            ..Thread::default()
        });
        add_threads(
            &mut event,
            dump,
            &[],
            &mut Symbolizer::new(None, InAppRules::default()),
        );
        event
    }

    #[test]
    fn a_thread_has_its_name_and_where_it_was() {
        let event = threads_of(&dump());
        let thread = &event.threads[1];
        assert_eq!(
            (thread.id.as_deref(), thread.name.as_deref()),
            (Some("7"), Some("user"))
        );
        let trace = thread.stacktrace.as_ref().unwrap();
        let innermost = trace.frames.last().unwrap();
        assert_eq!(innermost.instruction_addr, Some(0x4242));
    }

    #[test]
    fn the_thread_that_the_event_tells_of_stays_as_it_is() {
        let event = threads_of(&dump());
        assert_eq!(event.threads.len(), 2);
        assert_eq!(event.threads[0].crashed, Some(true));
        assert!(event.threads[0].stacktrace.is_none());
    }

    #[test]
    fn a_dump_that_is_none_leaves_a_flaw() {
        let event = threads_of(b"MDMP and so on");
        assert_eq!((event.threads.len(), event.flaws.len()), (1, 1));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        let whole = dump();
        for length in 0..whole.len() {
            threads_of(&whole[..length]);
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] = 0xFF;
            threads_of(&broken);
        }
    }
}
