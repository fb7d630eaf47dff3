//! Enters: the bytes of a minidump, and where symbols lie. Leaves: one event: the crash, every thread's stack, registers,
//! modules, the system.
//!
//! The walk of the stacks is minidump-processor's; where a binary's unwind tables are at hand, they lead it.
//!
//! Never: fetches symbols from anywhere, believes a number in the dump before it is bounded, keeps the dump's memory.

mod symbols;

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread as Waiting;

use minidump::system_info::{Cpu, Os};
use minidump::{Minidump, MinidumpModule, MinidumpSystemInfo, Module};
use minidump_processor::{ExceptionInfo, ProcessError, ProcessState, process_minidump};
use minidump_unwind::{CallStack, FrameTrust, StackFrame};
use serde_json::{Value, json};

use self::symbols::Symbols;
use crate::error::{Error, ErrorKind, Result};
use crate::event::limits::{ADDRESSES_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX, cut};
use crate::event::{
    Event, EventId, Exception, Flaw, Frame, Image, Level, Mechanism, Object, Stacktrace, Thread,
};
use crate::symbol::{Arch, Library, Symbolizer};
use crate::time::Timestamp;

/// Threads of one dump that are kept; the crashing one always is.
const THREADS_MAX: usize = 256;
/// Modules of one dump that are kept.
const MODULES_MAX: usize = 4096;
/// Modules without symbols that are named.
const UNTOLD_MAX: usize = 5;

/// Reads a minidump. `kept` is the vault's directory of symbols; `library` what was named beside it.
///
/// # Errors
/// InvalidInput for what is no whole minidump, saying what is wrong.
pub(crate) fn read(
    bytes: &[u8],
    symbolizer: &mut Symbolizer,
    kept: &Path,
    library: Library,
) -> Result<Event> {
    let dump = Minidump::read(bytes).map_err(unreadable)?;
    symbolizer.set_library(library.clone());
    let symbols = Symbols {
        breakpad: Symbols::breakpad(kept, library),
        binaries: Mutex::new(&mut *symbolizer),
        arch: arch(&dump),
    };
    let state = block_on(process_minidump(&dump, &symbols));
    drop(symbols);
    let event = state.map_err(unprocessed).map(|state| {
        let mut event = event(&state, bytes);
        let images = event.images.clone();
        for frame in event.stacktraces_mut().flat_map(|trace| &mut trace.frames) {
            if frame.function.is_some() {
                symbolizer.judge(frame);
            }
        }
        // Its notes are about files on this machine; of a crash from elsewhere only what is missing matters.
        let _ = symbolizer.resolve(&mut event, &images);
        tell_untold(&mut event);
        event
    });
    symbolizer.set_library(Library::default());
    event
}

/// The machine it ran on, if its stacks can be walked by the tables of binaries.
fn arch(dump: &Minidump<'_, &[u8]>) -> Option<Arch> {
    match dump.get_stream::<MinidumpSystemInfo>().ok()?.cpu {
        Cpu::X86_64 => Some(Arch::X86_64),
        Cpu::Arm64 => Some(Arch::Aarch64),
        _ => None,
    }
}

const OPERATION: &str = "import minidump";

fn unreadable(error: minidump::Error) -> Error {
    use minidump::Error as Why;
    let message = match error {
        Why::MissingHeader => {
            "the file is empty or shorter than a minidump's header; write or copy it again"
        }
        Why::HeaderMismatch => {
            "this is no minidump (it does not begin with MDMP); give a file that Breakpad, Crashpad or Windows wrote"
        }
        Why::VersionMismatch => "this is a minidump of a version that is not known",
        Why::MissingDirectory => "the minidump is cut off; copy it again, in binary mode",
        _ => "the minidump is damaged; copy it again, in binary mode",
    };
    Error::new(ErrorKind::InvalidInput, OPERATION, message).with_source(error)
}

fn unprocessed(error: ProcessError) -> Error {
    let message = match error {
        ProcessError::MinidumpReadError(error) => return unreadable(error),
        ProcessError::MissingSystemInfo => {
            "the minidump does not say which system wrote it; it is damaged or was cut off"
        }
        ProcessError::MissingThreadList => {
            "the minidump has no threads; it is damaged or was cut off"
        }
        ProcessError::UnknownError => "the minidump cannot be understood",
    };
    Error::new(ErrorKind::InvalidInput, OPERATION, message).with_source(error)
}

/// Nothing in this walk waits for anything but itself; should it ever, this thread sleeps.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Waiting);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn event(state: &ProcessState, bytes: &[u8]) -> Event {
    let mut event = Event::new();
    event.event_id = id_of(bytes);
    event.timestamp = timestamp(state);
    event.level = match crash(state) {
        Some(_) => Level::Fatal,
        None => Level::Warning,
    };
    event.images = state.modules.iter().take(MODULES_MAX).map(image).collect();
    event.threads = threads(state);
    let mut exception = exception(state);
    let requesting = state.requesting_thread.and_then(|at| state.threads.get(at));
    exception.thread_id = requesting.map(|thread| thread.thread_id.to_string());
    exception.stacktrace = requesting.map(stacktrace);
    event.exceptions.push(exception);
    event.contexts = contexts(state);
    let program = state.modules.iter().next();
    if let Some(program) = program.and_then(|module| file_name(&module.name)) {
        event.set_own("project", name(program));
    }
    if state.threads.len() > event.threads.len() {
        let (all, kept) = (state.threads.len(), event.threads.len());
        let reason = format!("the dump has {all} threads; {kept} were kept");
        event.flaws.push(Flaw::new("threads", reason));
    }
    event
}

/// The same for the same dump, so that it is one event however often it is imported.
fn id_of(bytes: &[u8]) -> EventId {
    let mut id = [0; 16];
    id.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    EventId::from_bytes(id)
}

fn timestamp(state: &ProcessState) -> Option<Timestamp> {
    let since = state.time.duration_since(std::time::UNIX_EPOCH).ok()?;
    let nanos = i64::try_from(since.as_nanos()).ok()?;
    (nanos > 0).then(|| Timestamp::from_nanos(nanos))
}

/// What made the handler write; none if it was merely asked to.
fn crash(state: &ProcessState) -> Option<&ExceptionInfo> {
    // How handlers on Linux, and Crashpad elsewhere, mark a dump that was asked for.
    const ASKED: [&str; 2] = ["DUMP_REQUESTED", "Simulated Exception"];
    let info = state.exception_info.as_ref()?;
    (!ASKED.contains(&info.reason.to_string().as_str())).then_some(info)
}

/// `SIGSEGV / SEGV_MAPERR` at an address: the signal is the type, its reason and the address are the value.
fn exception(state: &ProcessState) -> Exception {
    let mut mechanism = Mechanism {
        ty: Some("minidump".into()),
        handled: Some(crash(state).is_none()),
        ..Mechanism::default()
    };
    mechanism.other.insert("synthetic".into(), true.into());
    let (ty, value) = match crash(state) {
        Some(info) => {
            let reason = info.reason.to_string();
            let (ty, detail) = reason.split_once(" / ").unwrap_or((reason.as_str(), ""));
            let address = format!("at {:#x}", info.address.0);
            let parts = [detail, address.as_str()];
            let value = parts.into_iter().filter(|part| !part.is_empty());
            (ty.to_owned(), value.collect::<Vec<_>>().join(" "))
        }
        None => ("Minidump".to_owned(), "written without a crash".to_owned()),
    };
    let value = match &state.assertion {
        Some(assertion) => format!("{value}: {assertion}"),
        None => value,
    };
    Exception {
        ty: Some(name(&ty)),
        value: Some(cut(&value, MESSAGE_BYTES_MAX).into_owned()),
        mechanism: Some(mechanism),
        ..Exception::default()
    }
}

/// All threads; the stack of the crashing one stands with the exception.
fn threads(state: &ProcessState) -> Vec<Thread> {
    let requesting = state.requesting_thread;
    let has_crashed = crash(state).is_some();
    let kept = state.threads.iter().enumerate();
    // The crashing one first in line, so that it is kept in any case.
    let (crashing, others): (Vec<_>, Vec<_>) = kept.partition(|(at, _)| Some(*at) == requesting);
    let mut kept: Vec<_> = crashing
        .into_iter()
        .chain(others)
        .take(THREADS_MAX)
        .collect();
    kept.sort_by_key(|(at, _)| *at);
    kept.into_iter()
        .map(|(at, stack)| {
            let is_requesting = Some(at) == requesting;
            Thread {
                id: Some(stack.thread_id.to_string()),
                name: stack.thread_name.as_deref().map(name),
                current: Some(is_requesting),
                crashed: Some(is_requesting && has_crashed),
                stacktrace: (!is_requesting).then(|| stacktrace(stack)),
                ..Thread::default()
            }
        })
        .collect()
}

fn stacktrace(stack: &CallStack) -> Stacktrace {
    let innermost = stack.frames.iter().take(ADDRESSES_MAX);
    let mut frames: Vec<Frame> = innermost.flat_map(frames_of).collect();
    frames.reverse();
    let mut trace = Stacktrace {
        frames,
        ..Stacktrace::default()
    };
    if let Some(first) = stack.frames.first() {
        let registers = first.context.valid_registers();
        let registers: Object = registers
            .map(|(name, value)| (name.to_owned(), format!("{value:#018x}").into()))
            .collect();
        trace.other.insert("registers".into(), registers.into());
    }
    trace
}

/// The calls at one address, innermost first: those that were inlined, then the one that has the address.
fn frames_of(walked: &StackFrame) -> Vec<Frame> {
    let mut frame = Frame {
        instruction_addr: Some(walked.resume_address),
        package: walked.module.as_ref().map(|module| module.name.clone()),
        ..Frame::default()
    };
    let mut tell = |key: &str, value: Value| frame.other.insert(key.to_owned(), value);
    tell("trust", trust(walked.trust).into());
    if walked.trust == FrameTrust::Context {
        tell("addr_mode", "exact".into());
    }
    if let Some(module) = &walked.module {
        tell("image_addr", format!("{:#x}", module.base_address()).into());
    }
    let place = |frame: &mut Frame, function: &str, file: Option<&str>, line: Option<u32>| {
        frame.function = Some(function.to_owned());
        frame.filename = file.map(str::to_owned);
        frame.lineno = line.filter(|line| *line > 0).map(u64::from);
    };
    let inlined = walked.inlines.iter().map(|call| {
        let mut frame = frame.clone();
        let file = call.source_file_name.as_deref();
        place(&mut frame, &call.function_name, file, call.source_line);
        frame
    });
    let mut frames: Vec<Frame> = inlined.collect();
    if let Some(function) = &walked.function_name {
        let file = walked.source_file_name.as_deref();
        place(&mut frame, function, file, walked.source_line);
    }
    frames.push(frame);
    frames
}

/// The event payload's words.
fn trust(trust: FrameTrust) -> &'static str {
    match trust {
        FrameTrust::Context => "context",
        FrameTrust::CallFrameInfo => "cfi",
        FrameTrust::CfiScan => "cfi-scan",
        FrameTrust::FramePointer => "fp",
        FrameTrust::Scan => "scan",
        FrameTrust::PreWalked => "prewalked",
        FrameTrust::None => "none",
    }
}

fn image(module: &MinidumpModule) -> Image {
    let mut image = Image {
        ty: module.codeview_info.as_ref().map(|info| match info {
            minidump::CodeView::Elf(_) => "elf".to_owned(),
            _ => "pe".to_owned(),
        }),
        code_file: Some(module.name.clone()).filter(|name| !name.is_empty()),
        code_id: module.code_identifier().map(|id| id.to_string()),
        image_addr: Some(module.base_address()),
        image_size: Some(module.size()),
        ..Image::default()
    };
    if let Some(id) = module.debug_identifier() {
        let id = id.breakpad().to_string();
        image.other.insert("debug_id".into(), id.into());
    }
    if let Some(file) = module.debug_file().filter(|file| !file.is_empty()) {
        image
            .other
            .insert("debug_file".into(), file.as_ref().into());
    }
    image
}

fn contexts(state: &ProcessState) -> Object {
    let system = &state.system_info;
    let os_name = match system.os {
        Os::Windows => "Windows",
        Os::MacOs => "macOS",
        Os::Ios => "iOS",
        Os::Linux => "Linux",
        Os::Android => "Android",
        _ => "unknown",
    };
    let arch = match system.cpu {
        Cpu::X86 => "x86".into(),
        Cpu::X86_64 => "x86_64".into(),
        Cpu::Arm => "arm".into(),
        Cpu::Arm64 => "arm64".into(),
        other => other.to_string(),
    };
    let mut os = json!({"name": os_name});
    let mut device = json!({"arch": arch, "processor_count": system.cpu_count});
    let tell = |context: &mut Value, key: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            context[key] = name(value).into();
        }
    };
    tell(&mut os, "version", system.os_version.as_deref());
    tell(&mut os, "build", system.os_build.as_deref());
    if let Some(distribution) = &state.linux_standard_base {
        let title = [&distribution.description, &distribution.id];
        let title = title.into_iter().find(|title| !title.is_empty());
        tell(&mut os, "distribution", title.map(String::as_str));
    }
    tell(&mut device, "cpu_description", system.cpu_info.as_deref());
    let mut contexts = Object::new();
    contexts.insert("os".into(), os);
    contexts.insert("device".into(), device);
    if let Some(pid) = state.process_id {
        contexts.insert("process".into(), json!({"pid": pid}));
    }
    contexts
}

/// One flaw for the modules on the crashing stack whose functions nobody could tell, with what to do.
fn tell_untold(event: &mut Event) {
    let Some(trace) = event.stacktraces().next() else {
        return;
    };
    let mut untold: Vec<&str> = Vec::new();
    for frame in trace.frames.iter().rev() {
        if let (None, Some(package)) = (&frame.function, frame.package.as_deref())
            && !untold.contains(&package)
        {
            untold.push(package);
        }
    }
    if untold.is_empty() {
        return;
    }
    let named: Vec<String> = untold
        .iter()
        .take(UNTOLD_MAX)
        .map(|package| {
            let of_it = |image: &&Image| image.code_file.as_deref() == Some(*package);
            let id = event
                .images
                .iter()
                .find(of_it)
                .and_then(|image| image.code_id.as_deref());
            let file = file_name(package).unwrap_or(package);
            format!("{} (build id {})", name(file), id.unwrap_or("not recorded"))
        })
        .collect();
    let more = match untold.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let reason = format!(
        "no symbols for {}{more}; name them with `crashvault import --symbols DIR` or `crashvault symbols add FILE`",
        named.join(", ")
    );
    event.flaws.push(Flaw::new("stacktrace", reason));
}

/// The last part of a path of any system.
fn file_name(path: &str) -> Option<&str> {
    path.rsplit(['/', '\\'])
        .next()
        .filter(|name| !name.is_empty())
}

fn name(text: &str) -> String {
    cut(text.trim(), NAME_BYTES_MAX).into_owned()
}
