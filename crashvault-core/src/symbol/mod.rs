//! Enters: events with raw return addresses, and the images of their process. Leaves: the same events with functions,
//! files, lines (inlined calls as frames of their own), source context, and `in_app`; what could not be told is a flaw.
//!
//! A binary is only asked if it is the very build that ran: the kept link or the file itself, by build id, else by size and time.
//!
//! Never: runs in a dying process, panics on a hostile binary, opens anything but regular files, guesses.

mod binaries;
mod binary;
mod elf;
mod file;
mod library;
mod name;
mod rules;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod unwind;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use binaries::{Binaries, BinaryId};
use binary::RawCall;
use rules::{Role, Verdict};
use source::Sources;
use table::{Hit, ImageTable};

#[cfg(feature = "minidump")]
pub(crate) use library::Library;
pub(crate) use library::{Holding, SymbolFile};
pub(crate) use unwind::{Arch, Registers, Snapshot};
#[cfg(feature = "minidump")]
pub(crate) use unwind::{Callee, Memory};

use crate::event::{Event, Flaw, Frame, Image, Stacktrace};
use crate::language::InAppRules;
use crate::time::Timestamp;

/// Resolved addresses remembered at once.
const CALLS_MAX: usize = 64 * 1024;
/// The same by their texts, in bytes.
const CALLS_BYTES_MAX: usize = 32 << 20;

/// Turns addresses into functions and lines, and remembers what it found.
pub(crate) struct Symbolizer {
    rules: InAppRules,
    binaries: Binaries,
    sources: Sources,
    calls: HashMap<(BinaryId, u64), Arc<[Call]>>,
    calls_len: usize,
}

/// One call at an address, ready to be put into a frame.
struct Call {
    function: Option<Box<str>>,
    filename: Option<Box<str>>,
    abs_path: Option<Box<str>>,
    lineno: Option<u64>,
    colno: Option<u64>,
    verdict: Verdict,
}

impl Symbolizer {
    /// `symbols_dir` is where executables are kept by hard links named with [`Image::symbols_key`].
    pub(crate) fn new(symbols_dir: Option<PathBuf>, in_app: InAppRules) -> Self {
        Self {
            rules: in_app,
            binaries: Binaries::new(symbols_dir),
            sources: Sources::default(),
            calls: HashMap::new(),
            calls_len: 0,
        }
    }

    /// From now on these files are looked at too.
    #[cfg(feature = "minidump")]
    pub(crate) fn set_library(&mut self, library: Library) {
        self.binaries.set_library(library);
        self.calls.clear();
        self.calls_len = 0;
    }

    /// Tells whose a frame is that came with its function.
    #[cfg(feature = "minidump")]
    pub(crate) fn judge(&self, frame: &mut Frame) {
        let file = frame.abs_path.as_deref().or(frame.filename.as_deref());
        let package = frame.package.as_deref();
        let verdict = self.rules.judge(frame.function.as_deref(), file, package);
        frame.in_app = Some(verdict.in_app);
    }

    /// The host's rules on what belongs to the program.
    pub(crate) fn rules(&self) -> &InAppRules {
        &self.rules
    }

    /// Tells whose the frames of a stack are that came with their functions, and takes off its innermost end what only
    /// handled the failure.
    pub(crate) fn judge_stack(&self, trace: &mut Stacktrace) {
        let mut roles = Vec::with_capacity(trace.frames.len());
        for frame in &mut trace.frames {
            let file = frame.abs_path.as_deref().or(frame.filename.as_deref());
            let package = frame.package.as_deref();
            let verdict = self.rules.judge(frame.function.as_deref(), file, package);
            frame.in_app = Some(verdict.in_app);
            if let Some(path) = frame.abs_path.as_deref() {
                frame.filename = Some(name::readable_path(path, None));
            }
            roles.push(verdict.role);
        }
        let kept = trace.frames.len() - rules::machinery_len(&roles);
        trace.frames.truncate(kept);
        disown_start_shim(&mut trace.frames);
    }

    /// Shows the source of a frame that came with its file and line, unless the file changed after `not_after`.
    pub(crate) fn show_source(&mut self, frame: &mut Frame, not_after: Timestamp) {
        if let (Some(path), Some(line)) = (frame.abs_path.as_deref(), frame.lineno)
            && let Some(context) = self.sources.context(path, line, not_after)
        {
            context.fill(frame);
        }
    }

    /// Resolves every frame that has an address and no function, and adds to `event.images` the images its frames lie in.
    ///
    /// Addresses are return addresses, so the call is one byte before them; a frame whose `addr_mode` is `exact` (where a
    /// signal struck) is taken as it is. Frames of the capture itself are removed from the innermost end. `images` is the
    /// module table of the process; where entries overlap the later one counts. Without a table nothing is done.
    pub(crate) fn symbolicate(&mut self, event: &mut Event, images: &[Image]) {
        let notes = self.resolve(event, images);
        let flaws = notes.into_iter().map(|note| Flaw::new("stacktrace", note));
        event.flaws.extend(flaws);
    }

    /// As [`symbolicate`](Self::symbolicate), but what could not be told is told to the caller.
    pub(crate) fn resolve(&mut self, event: &mut Event, images: &[Image]) -> Vec<String> {
        if images.is_empty() {
            return Vec::new();
        }
        let mut walk = Walk {
            table: ImageTable::new(images),
            timestamp: event.timestamp,
            ids: vec![None; images.len()],
            symbolizer: self,
        };
        for trace in event.stacktraces_mut() {
            walk.resolve(trace);
        }
        let ids: BTreeSet<BinaryId> = walk.ids.iter().copied().flatten().collect();
        let used = used_images(event, &walk.table);
        let used = used.into_iter().map(|at| &images[at]);
        for image in used {
            if !event.images.contains(image) {
                event.images.push(image.clone());
            }
        }
        let notes = ids.into_iter().filter_map(|id| self.binaries.note(id));
        notes.map(str::to_owned).collect()
    }

    /// The calls at an address, innermost first; `None` if the image's binary cannot be used.
    fn calls(&mut self, id: BinaryId, hit: Hit<'_>) -> Option<Arc<[Call]>> {
        if let Some(calls) = self.calls.get(&(id, hit.offset)) {
            return Some(calls.clone());
        }
        let raw = self.binaries.calls(id, hit.image, hit.offset)?;
        let package = binaries::package(hit.image);
        let outer = raw.last();
        let calls: Arc<[Call]> = raw
            .iter()
            .map(|call| Call::new(call, outer.unwrap_or(call), package, &self.rules))
            .collect();
        let len: usize = calls.iter().map(Call::len).sum();
        if self.calls.len() >= CALLS_MAX || self.calls_len + len > CALLS_BYTES_MAX {
            self.calls.clear();
            self.calls_len = 0;
        }
        self.calls_len += len;
        self.calls.insert((id, hit.offset), calls.clone());
        Some(calls)
    }
}

impl Call {
    fn new(raw: &RawCall, outer: &RawCall, package: Option<&str>, rules: &InAppRules) -> Self {
        let function = name::function(raw, outer);
        let verdict = rules.judge(function.as_deref(), raw.file.as_deref(), package);
        let filename = raw
            .file
            .as_deref()
            .map(|file| name::readable_path(file, raw.compile_dir.as_deref()));
        Self {
            function: function.map(Into::into),
            filename: filename.map(Into::into),
            abs_path: raw.file.as_deref().map(Into::into),
            lineno: raw.line.map(u64::from),
            colno: raw.column.map(u64::from),
            verdict,
        }
    }

    fn len(&self) -> usize {
        let texts = [&self.function, &self.filename, &self.abs_path];
        let texts: usize = texts
            .iter()
            .filter_map(|t| t.as_deref())
            .map(str::len)
            .sum();
        texts + size_of::<Self>()
    }

    fn fill(&self, frame: &mut Frame) {
        let owned = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        frame.function = owned(&self.function);
        frame.filename = owned(&self.filename);
        frame.abs_path = owned(&self.abs_path);
        frame.lineno = self.lineno;
        frame.colno = self.colno;
        frame.in_app = Some(self.verdict.in_app);
    }
}

/// What the user's rules say of a frame that is named already; `None` where they say nothing.
pub(crate) fn said(frame: &Frame, rules: &InAppRules) -> Option<bool> {
    let file = frame.abs_path.as_deref().or(frame.filename.as_deref());
    rules.said(frame.function.as_deref(), file, frame.package.as_deref())
}

/// Tells whose the frames of a Rust program's stack are that came as text.
pub(crate) fn judge_text(frames: &mut [Frame], rules: &InAppRules) {
    for frame in &mut *frames {
        let file = frame.abs_path.as_deref().or(frame.filename.as_deref());
        let package = frame.package.as_deref();
        let verdict = rules.judge(frame.function.as_deref(), file, package);
        frame.in_app = Some(verdict.in_app);
    }
    disown_start_shim(frames);
}

/// The `main` that the C start-up code calls in a Rust program has no file and belongs to nobody: the program's own
/// `main` is called by `std::rt::lang_start`.
fn disown_start_shim(frames: &mut [Frame]) {
    let is_start = |frame: &Frame| {
        frame
            .function
            .as_deref()
            .is_some_and(|name| name.starts_with("std::rt::lang_start"))
    };
    for at in 1..frames.len() {
        let (outer, inner) = frames.split_at_mut(at);
        let shim = &mut outer[at - 1];
        if shim.function.as_deref() == Some("main")
            && shim.filename.is_none()
            && is_start(&inner[0])
        {
            shim.in_app = Some(false);
        }
    }
}

/// One event on its way through.
struct Walk<'a> {
    symbolizer: &'a mut Symbolizer,
    table: ImageTable<'a>,
    timestamp: Option<Timestamp>,
    /// By image: its binary's number, once a frame was looked up in it.
    ids: Vec<Option<BinaryId>>,
}

impl Walk<'_> {
    fn resolve(&mut self, trace: &mut Stacktrace) {
        let raw = std::mem::take(&mut trace.frames);
        let mut roles = Vec::with_capacity(raw.len());
        trace.frames.reserve(raw.len());
        for frame in raw {
            self.resolve_frame(frame, &mut trace.frames, &mut roles);
            // A frame that came with its name, or got none, is the work of somebody.
            roles.resize(trace.frames.len(), Role::Work);
        }
        let kept = trace.frames.len() - rules::machinery_len(&roles);
        trace.frames.truncate(kept);
        disown_start_shim(&mut trace.frames);
    }

    fn resolve_frame(&mut self, mut frame: Frame, frames: &mut Vec<Frame>, roles: &mut Vec<Role>) {
        let hit = match &frame.function {
            Some(_) => None,
            None => lookup_address(&frame).and_then(|address| self.table.find(address)),
        };
        let Some(hit) = hit else {
            return frames.push(frame);
        };
        let id = *self.ids[hit.index].get_or_insert_with(|| self.symbolizer.binaries.id(hit.image));
        if frame.package.is_none() {
            frame.package = binaries::package(hit.image).map(str::to_owned);
        }
        match self.symbolizer.calls(id, hit) {
            Some(calls) if !calls.is_empty() => {
                for (at, call) in calls.iter().enumerate().rev() {
                    let mut frame = match at {
                        0 => std::mem::take(&mut frame),
                        _ => frame.clone(),
                    };
                    call.fill(&mut frame);
                    self.add_source(call, hit.image, &mut frame);
                    frames.push(frame);
                    roles.push(call.verdict.role);
                }
            }
            _ => {
                let package = frame.package.as_deref();
                let verdict = self.symbolizer.rules.judge(None, None, package);
                frame.in_app = frame.in_app.or(Some(verdict.in_app));
                frames.push(frame);
            }
        }
    }

    /// A source file changed after the event, or after the binary was built, no longer holds the lines that ran.
    fn add_source(&mut self, call: &Call, image: &Image, frame: &mut Frame) {
        let (Some(path), Some(line), Some(timestamp)) =
            (call.abs_path.as_deref(), call.lineno, self.timestamp)
        else {
            return;
        };
        if !call.verdict.in_app {
            return;
        }
        let built = binaries::mtime_ns(image).map(Timestamp::from_nanos);
        let not_after = built.map_or(timestamp, |built| built.min(timestamp));
        if let Some(context) = self.symbolizer.sources.context(path, line, not_after) {
            context.fill(frame);
        }
    }
}

/// The address to look up: inside the call instruction, which ends where the return address points.
fn lookup_address(frame: &Frame) -> Option<u64> {
    let address = frame.instruction_addr?;
    let exact = frame
        .other
        .get("addr_mode")
        .is_some_and(|mode| mode == "exact");
    match exact {
        true => Some(address),
        false => address.checked_sub(1),
    }
}

/// The images that frames lie in, by index.
fn used_images(event: &Event, table: &ImageTable<'_>) -> BTreeSet<usize> {
    event
        .stacktraces()
        .flat_map(|trace| &trace.frames)
        .filter_map(|frame| Some(table.find(lookup_address(frame)?)?.index))
        .collect()
}
