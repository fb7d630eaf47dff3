//! What a process left at its end → the event of it: the handler's record of a signal, the black box, or both.

use serde_json::{Value, json};

use crate::event::wire::{self, LastWords, Machine, SignalFacts};
use crate::event::{
    Event, Exception, Flaw, Frame, Image, Level, Mechanism, Object, Stacktrace, Thread,
};
use crate::journal::BoxContent;
use crate::symbol::{Arch, Registers, Snapshot, Symbolizer};

/// A fault this far from the stack pointer can be the stack's own, in bytes.
const OVERFLOW_REACH: u64 = 128 * 1024;
/// Breadcrumbs of an event.
const BREADCRUMBS_MAX: usize = crate::event::limits::BREADCRUMBS_MAX;

/// Puts the scope and the breadcrumbs of the black box into an event: those of `thread`, or without one those that were
/// written last.
///
/// The box of a forked child is its parent's, whose threads have other numbers: then the newest scope counts.
pub(super) fn add_surroundings(
    event: &mut Event,
    content: &BoxContent<'_>,
    thread: Option<u64>,
    is_forked: bool,
) {
    let mut scopes: Vec<_> = content.scopes().collect();
    scopes.sort_by_key(|scope| scope.stamp);
    let named = scopes
        .iter()
        .find(|scope| thread == Some(scope.thread.into()));
    let newest = scopes.iter().rev().find(|scope| scope.thread != 0);
    let own = named.or(newest.filter(|_| thread.is_none() || is_forked));
    let shared = scopes.iter().find(|scope| scope.thread == 0);
    for scope in [shared, own].into_iter().flatten() {
        let fingerprint = std::mem::take(&mut event.fingerprint);
        wire::decode_onto(event, scope.fields);
        if event.fingerprint.is_empty() {
            event.fingerprint = fingerprint;
        }
    }
    let crumbs = content.crumbs();
    let is_own = |crumb: &&crate::journal::BoxCrumb<'_>| {
        thread.is_none_or(|thread| u64::from(crumb.thread) == thread)
    };
    let own: Vec<_> = crumbs.iter().filter(is_own).collect();
    // A thread that left none was seldom alone in what led to its end.
    let chosen = if own.is_empty() {
        crumbs.iter().collect()
    } else {
        own
    };
    let skipped = chosen.len().saturating_sub(BREADCRUMBS_MAX);
    for crumb in &chosen[skipped..] {
        wire::decode_onto(event, crumb.field);
    }
}

/// Puts what a handler wrote into an event; `images` grows by the binaries that only its maps name.
pub(super) fn add_signal(
    event: &mut Event,
    words: &LastWords<'_>,
    images: &mut Vec<Image>,
    symbolizer: &mut Symbolizer,
) {
    let Some(signal) = &words.signal else { return };
    let maps = words.maps.map(String::from_utf8_lossy).unwrap_or_default();
    if !maps.is_empty() {
        add_mapped(images, &maps);
    }
    let context = signal_context(signal);
    if !event.exceptions.is_empty() {
        // A panic, of which the signal is only the end.
        event.contexts.insert("signal".into(), context);
        return;
    }
    event.level = Level::Fatal;
    let thread = signal.thread.map(|thread| thread.to_string());
    let overflows = is_overflow(signal, words, &maps);
    let mut mechanism = Mechanism {
        ty: Some("signalhandler".into()),
        handled: Some(false),
        ..Mechanism::default()
    };
    mechanism.other.insert("synthetic".into(), true.into());
    mechanism
        .other
        .insert("meta".into(), json!({"signal": context}));
    event.exceptions.push(Exception {
        ty: Some(type_of(signal)),
        value: Some(value_of(signal, overflows)),
        mechanism: Some(mechanism),
        thread_id: thread.clone(),
        stacktrace: stack_of(words, images, symbolizer),
        ..Exception::default()
    });
    event.threads.push(Thread {
        id: thread,
        name: signal.thread_name.clone(),
        crashed: Some(true),
        current: Some(true),
        ..Thread::default()
    });
    for (part, is_there) in [
        ("registers", words.registers.is_some()),
        ("stack", words.stack.is_some()),
        ("maps", words.maps.is_some_and(|maps| !maps.is_empty())),
    ] {
        if !is_there {
            let reason = format!("the dying process left no {part}");
            event.flaws.push(Flaw::new("stacktrace", reason));
        }
    }
}

fn stack_of(
    words: &LastWords<'_>,
    images: &[Image],
    symbolizer: &mut Symbolizer,
) -> Option<Stacktrace> {
    let Some((machine, pc, general)) = &words.registers else {
        let pc = words.signal.as_ref()?.pc?;
        let mut frame = Frame {
            instruction_addr: Some(pc),
            ..Frame::default()
        };
        frame.other.insert("addr_mode".into(), "exact".into());
        return Some(Stacktrace {
            frames: vec![frame],
            ..Stacktrace::default()
        });
    };
    let arch = match *machine {
        number if number == Machine::X86_64 as u8 => Arch::X86_64,
        number if number == Machine::Aarch64 as u8 => Arch::Aarch64,
        _ => return None,
    };
    let mut registers = Registers {
        pc: *pc,
        ..Registers::default()
    };
    for (register, value) in registers.general.iter_mut().zip(general) {
        *register = *value;
    }
    let (stack_base, stack) = words.stack.unwrap_or_default();
    let snapshot = Snapshot {
        arch,
        registers,
        stack_base,
        stack,
        images,
    };
    let steps = symbolizer.unwind(&snapshot);
    Some(snapshot.stacktrace(&steps))
}

fn stack_pointer(words: &LastWords<'_>) -> Option<u64> {
    let (machine, _, general) = words.registers.as_ref()?;
    let number = if *machine == Machine::X86_64 as u8 {
        7
    } else {
        31
    };
    general.get(number).copied()
}

/// Whether the fault is where the stack ran out: near its pointer, and nothing usable is mapped there.
fn is_overflow(signal: &SignalFacts, words: &LastWords<'_>, maps: &str) -> bool {
    let (Some(address), Some(sp)) = (signal.address, stack_pointer(words)) else {
        return false;
    };
    let is_mapped = maps
        .lines()
        .filter_map(Mapping::parse)
        .any(|mapping| (mapping.start..mapping.end).contains(&address) && mapping.is_usable);
    signal.number == 11 && address.abs_diff(sp) < OVERFLOW_REACH && !is_mapped
}

type Code = (i32, &'static str);

/// Linux's numbers, the same on both machines.
const SIGNALS: &[(i32, &str, &[Code])] = &[
    (
        4,
        "SIGILL",
        &[
            (1, "ILL_ILLOPC"),
            (2, "ILL_ILLOPN"),
            (3, "ILL_ILLADR"),
            (4, "ILL_ILLTRP"),
            (5, "ILL_PRVOPC"),
            (6, "ILL_PRVREG"),
            (7, "ILL_COPROC"),
            (8, "ILL_BADSTK"),
        ],
    ),
    (
        5,
        "SIGTRAP",
        &[
            (1, "TRAP_BRKPT"),
            (2, "TRAP_TRACE"),
            (3, "TRAP_BRANCH"),
            (4, "TRAP_HWBKPT"),
        ],
    ),
    (6, "SIGABRT", &[]),
    (
        7,
        "SIGBUS",
        &[
            (1, "BUS_ADRALN"),
            (2, "BUS_ADRERR"),
            (3, "BUS_OBJERR"),
            (4, "BUS_MCEERR_AR"),
            (5, "BUS_MCEERR_AO"),
        ],
    ),
    (
        8,
        "SIGFPE",
        &[
            (1, "FPE_INTDIV"),
            (2, "FPE_INTOVF"),
            (3, "FPE_FLTDIV"),
            (4, "FPE_FLTOVF"),
            (5, "FPE_FLTUND"),
            (6, "FPE_FLTRES"),
            (7, "FPE_FLTINV"),
            (8, "FPE_FLTSUB"),
        ],
    ),
    (
        11,
        "SIGSEGV",
        &[
            (1, "SEGV_MAPERR"),
            (2, "SEGV_ACCERR"),
            (3, "SEGV_BNDERR"),
            (4, "SEGV_PKUERR"),
        ],
    ),
    (31, "SIGSYS", &[(1, "SYS_SECCOMP")]),
];
/// The code of faults about which the kernel knows no more.
const SI_KERNEL: i32 = 0x80;

fn names(signal: &SignalFacts) -> (String, Option<&'static str>) {
    let Some((_, name, codes)) = SIGNALS.iter().find(|(number, ..)| *number == signal.number)
    else {
        return (format!("signal {}", signal.number), None);
    };
    let code = codes.iter().find(|(code, _)| *code == signal.code);
    let general = (signal.code == SI_KERNEL).then_some("SI_KERNEL");
    ((*name).to_owned(), code.map(|(_, name)| *name).or(general))
}

fn type_of(signal: &SignalFacts) -> String {
    match names(signal) {
        (name, Some(code)) => format!("{name} / {code}"),
        (name, None) => name,
    }
}

fn value_of(signal: &SignalFacts, overflows: bool) -> String {
    let text = signal.text.as_deref().map(str::trim);
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        return text.to_owned();
    }
    let address = format!("{:#018x}", signal.address.unwrap_or_default());
    if overflows {
        return format!("the stack overflowed at {address}");
    }
    if signal.code <= 0 {
        return match (signal.number, signal.sender_pid) {
            // The program's own thread: `abort()` and `raise()` look alike.
            (6, _) if is_own(signal) => "the program aborted".into(),
            (_, Some(pid)) if !is_own(signal) => format!("sent by process {pid}"),
            _ => "sent by the program itself".into(),
        };
    }
    match (signal.number, signal.code) {
        (11, SI_KERNEL) => "an address that no memory can have, or a forbidden instruction".into(),
        (11, 1) => format!("nothing is mapped at {address}"),
        (11, _) => format!("the memory at {address} does not allow it"),
        (7, 1) => format!("{address} is not aligned"),
        (7, _) => format!("nothing stands behind the memory at {address}"),
        (8, 1) => "an integer was divided by zero, or the result does not fit".into(),
        (31, _) => "a system call that is forbidden here".into(),
        (5, _) => "a trap instruction".into(),
        (4, _) => format!("an illegal instruction at {address}"),
        _ => format!("at {address}"),
    }
}

/// `tgkill`, which `raise` and `abort` use.
fn is_own(signal: &SignalFacts) -> bool {
    signal.code == -6
}

fn signal_context(signal: &SignalFacts) -> Value {
    let (name, code_name) = names(signal);
    let mut context = Object::new();
    context.insert("number".into(), signal.number.into());
    context.insert("code".into(), signal.code.into());
    context.insert("name".into(), name.into());
    if let Some(code_name) = code_name {
        context.insert("code_name".into(), code_name.into());
    }
    if let Some(address) = signal.address {
        context.insert("address".into(), format!("{address:#018x}").into());
    }
    if let Some(pid) = signal.sender_pid {
        context.insert("sender_pid".into(), pid.into());
    }
    if let Some(uid) = signal.sender_uid {
        context.insert("sender_uid".into(), uid.into());
    }
    context.into()
}

/// One line of `/proc/self/maps`.
struct Mapping<'m> {
    start: u64,
    end: u64,
    is_usable: bool,
    inode: u64,
    file: &'m str,
}

impl<'m> Mapping<'m> {
    /// `start-end perms offset device inode   file` (proc(5)).
    fn parse(line: &'m str) -> Option<Self> {
        let mut rest = line;
        let mut word = || {
            let trimmed = rest.trim_start_matches(' ');
            let (word, after) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
            rest = after;
            word
        };
        let (range, access) = (word(), word());
        let (_offset, _device, inode) = (word(), word(), word());
        let (start, end) = range.split_once('-')?;
        Some(Self {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            is_usable: access.starts_with(['r', 'w']) || access.contains('w'),
            inode: inode.parse().ok()?,
            file: rest.trim_start_matches(' '),
        })
    }
}

/// Adds the files that were mapped and that no table of the process names: they stand before the tables, which know more.
fn add_mapped(images: &mut Vec<Image>, maps: &str) {
    let mut mapped: Vec<Image> = Vec::new();
    let lines = maps.lines().filter_map(Mapping::parse);
    for mapping in lines.filter(|mapping| mapping.inode != 0 && mapping.file.starts_with('/')) {
        if let Some(last) = mapped
            .last_mut()
            .filter(|last| last.code_file.as_deref() == Some(mapping.file))
        {
            last.image_size = last
                .image_addr
                .map(|start| mapping.end.saturating_sub(start));
            continue;
        }
        let mut image = Image {
            ty: Some("elf".into()),
            code_file: Some(mapping.file.to_owned()),
            image_addr: Some(mapping.start),
            image_size: Some(mapping.end.saturating_sub(mapping.start)),
            ..Image::default()
        };
        identify(&mut image, mapping.inode);
        mapped.push(image);
    }
    mapped.retain(|new| {
        !images
            .iter()
            .any(|known| known.image_addr == new.image_addr)
    });
    mapped.append(images);
    *images = mapped;
}

/// The file under that name now, if it is the same one.
fn identify(image: &mut Image, inode: u64) {
    use std::os::unix::fs::MetadataExt;
    image.other.insert("inode".into(), inode.into());
    if let Some(Ok(metadata)) = image.code_file.as_ref().map(std::fs::metadata)
        && metadata.ino() == inode
    {
        image.set_file(&metadata);
    }
}
