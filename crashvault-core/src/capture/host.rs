//! The door for bindings: what a program in another language throws, with frames that the language knows by name, goes
//! straight into a record.
//!
//! Enters: exceptions, frames, variables, scopes of the other language, by reference. Leaves: events, by the same walk as
//! a Rust program's own.
//!
//! Never: keeps anything of the other language, or decides what of its data is worth a look: that is the binding's.
//!
//! ```
//! # let home = tempfile::tempdir().unwrap();
//! use crashvault::host::{Capture, Language, Site};
//!
//! let language = Language::new("python", "crashvault.python").runtime("CPython", "3.13.0");
//! crashvault::options().vault(home.path()).drain(false).language(language).install();
//! let id = Capture::at(Site { file: "shop.py", line: 4, column: 0 }).capture(
//!     &|kind| kind.text(&"ValueError"),
//!     &|event| {
//!         event.exception(|exception| {
//!             exception.ty("ValueError");
//!             exception.value(&"no such item");
//!             exception.frame(|frame| {
//!                 frame.function("price");
//!                 frame.filename("shop.py");
//!                 frame.line(4);
//!             });
//!         });
//!     },
//! );
//! assert!(!id.is_nil());
//! ```

use std::fmt::{self, Write as _};
use std::hash::Hash;
use std::path::PathBuf;

use super::chain::KeyText;
pub use super::engine::Site;
use super::engine::{Draft, KeyHasher, Stack, engine};
use super::late::Late;
pub use super::local::lent::ScopeSource;
pub use super::process::Language;
use super::request::Kept;
use super::{
    Admitted, Options, Scope, ScopeHandle, engine as engines, local, native, platform, stacks,
};
use crate::event::wire::{self, Encoder, Field, FramePart, Part};
use crate::event::{Breadcrumb, Event, EventId, Level, is_forbidden_key, limits};
use crate::journal::Mark;

impl Language {
    /// `platform` as in the event payload (`python`, `node`, `ruby` …), `sdk` by name (`crashvault.python`).
    pub fn new(platform: &'static str, sdk: &'static str) -> Self {
        Self {
            platform,
            sdk,
            ..Self::default()
        }
    }

    /// What runs the program, and its version.
    #[must_use]
    pub fn runtime(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.runtime = Some((name.into(), version.into()));
        self
    }

    /// The program's name, where the executable's file is that of the runtime; it is the project where none is set.
    #[must_use]
    pub fn program(mut self, name: impl Into<String>) -> Self {
        self.program = Some(name.into());
        self
    }

    /// The program's arguments as it sees them.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        self.arguments = Some(arguments.into_iter().collect());
        self
    }
}

impl Options {
    /// The language whose binding installs.
    #[must_use]
    pub fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }
}

impl ScopeHandle {
    /// Runs `work` with this scope as the thread's; what it sets stays in the handle. The former scope returns afterwards,
    /// also after a panic.
    pub fn enter<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.lend(work)
    }

    /// The scope itself, to be changed where it is.
    pub fn scope(&mut self) -> &mut Scope {
        &mut self.0
    }

    /// Tells the black box that this is what the calling thread is at.
    pub fn show(&mut self) {
        local::show_kept_scope(&mut self.0);
    }
}

/// A breadcrumb that `before_breadcrumb` has let through, so that no code of the host runs while a scope is held.
pub struct AdmittedBreadcrumb(Admitted);

impl fmt::Debug for AdmittedBreadcrumb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdmittedBreadcrumb")
    }
}

impl AdmittedBreadcrumb {
    /// `None` where the hook drops it, where nothing is installed, and while the host's code is being asked by a capture or a
    /// hook: a hook that adds breadcrumbs would be asked for ever.
    pub fn new(crumb: Breadcrumb) -> Option<Self> {
        if local::is_guarded() {
            return None;
        }
        Admitted::new(crumb).map(Self)
    }

    /// Adds it; the oldest give way.
    pub fn add_to(&self, scope: &mut Scope) {
        self.0.add_to(scope.crumbs_mut());
    }
}

/// From now on captures, and whatever else looks at the thread's scope, take the one that `source` calls back with, and the
/// thread's own where it does not call back. It must run no code of the host, and wait for nothing.
pub fn lend_scopes(source: ScopeSource) {
    local::lent::set_source(source);
}

/// Whether something is installed and not closed, and the calling thread is the host's.
pub fn is_installed() -> bool {
    engine().is_some()
}

/// Whether a capture on this thread would be looked at now: something is installed and not closed, and the host's code is
/// not being asked by a capture.
pub fn is_listening() -> bool {
    engine().is_some() && !local::is_guarded()
}

/// Where events go; `None` before installing, and where no place could be written.
pub fn vault() -> Option<PathBuf> {
    engines::installed().and_then(|engine| engine.wiring.home.clone())
}

/// The process is about to end, or to become another program, on purpose and past everything that runs at an end
/// (`_exit`, `exec`): it leaves its mark. Captures are still kept.
pub fn note_end() {
    put_mark(Mark::Ended);
}

/// It did not: the program that it wanted to become could not be started.
pub fn note_stay() {
    put_mark(Mark::None);
}

/// The host gave a signal back to the system: one that asks the process to end is noticed again. `install()` saw to those that
/// were the system's then.
pub fn watch_requests() {
    platform::watch_requests();
}

/// A descriptor of a file beside the place for last words, in which the runtime of the host's language may say what its
/// threads were at, when a signal ends the process: the event of that end then tells it. The same at each call; `None` where
/// crashes by signals are not captured.
///
/// For handlers that were put by [`stand_before`] alone: they are asked only while the descriptor still leads there, as a
/// host may close it, and a forked child has no such file before its first capture.
pub fn stacks_file() -> Option<std::os::fd::RawFd> {
    engines::stacks_file()
}

/// Runs `begin`, in which the runtime puts handlers of fatal signals that say what its threads were at; then our handlers
/// stand where they stood before. They write their own record, call those of the runtime, take no notice of the signal that
/// these raise at their end, and let the process end by the first signal, as it would have.
///
/// Where the host has put handlers of its own before ours, those of the runtime are not called: it is for the host's to say
/// whether the process ends.
pub fn stand_before(begin: impl FnOnce()) {
    native::stand_before(begin);
}

/// Whether the runtime's handlers say it to somebody else, because the host wants that: then they are called in any case.
pub fn lend_stacks(is_lent: bool) {
    stacks::lend(is_lent);
}

fn put_mark(mark: Mark) {
    if let Some(place) = engines::place() {
        place.put_mark(mark);
    }
}

/// Captures an event that the program built itself at `site`, as [`capture_event`](crate::capture_event). `fill` says what is
/// known beside it, unless the throttle was against it; the event's and the scope's words count more.
pub fn capture_event(
    event: Event,
    site: Site<'_>,
    fill: &dyn Fn(&mut EventWriter<'_, '_>),
) -> EventId {
    match engine().filter(|_| !local::is_guarded()) {
        Some(engine) => engine.capture_event(event, site, &|encoder| {
            fill(&mut EventWriter {
                encoder,
                has_exception: true,
            });
        }),
        None => EventId::NIL,
    }
}

/// An event to be captured.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Capture<'c> {
    /// Unless the scope says another one.
    pub level: Level,
    /// Whether it ended the program, thread or task: it is then never sampled out, and its level stays.
    pub is_fatal: bool,
    /// Where it was thrown or said: tells kinds apart for the throttle.
    pub site: Site<'c>,
    /// The thread's name, where the language knows it better than the system.
    pub thread_name: Option<&'c str>,
}

impl<'c> Capture<'c> {
    /// Of level error, and not fatal.
    pub fn at(site: Site<'c>) -> Self {
        Self {
            level: Level::Error,
            is_fatal: false,
            site,
            thread_name: None,
        }
    }

    /// Captures it: on disk when this returns. `kind` says what tells kinds apart at one place, before anything else is
    /// asked; `fill` says what is known, unless the throttle was against it. In both, code of the host may run.
    ///
    /// The nil id, as [`capture_error`](crate::capture_error).
    pub fn capture(
        &self,
        kind: &dyn Fn(&mut Kind<'_>),
        fill: &dyn Fn(&mut EventWriter<'_, '_>),
    ) -> EventId {
        let Some(engine) = engine().filter(|_| !local::is_guarded()) else {
            return EventId::NIL;
        };
        let draft = Draft {
            level: self.level,
            is_fatal: self.is_fatal,
            is_in_panic_hook: false,
            wants_stack: false,
            thread_name: self.thread_name,
            key: &|hasher| kind(&mut Kind(hasher)),
            fill: &|encoder, _| {
                let mut writer = EventWriter {
                    encoder,
                    has_exception: false,
                };
                fill(&mut writer);
                writer.finish(self.site);
                Stack::Written
            },
            above_scopes: None,
        };
        engine.capture(&draft, self.site)
    }
}

/// Takes the texts that tell kinds of events apart.
pub struct Kind<'h>(&'h mut KeyHasher);

impl fmt::Debug for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kind")
    }
}

impl Kind<'_> {
    /// Only its first 64 bytes count, and no digits.
    pub fn text(&mut self, text: &dyn fmt::Display) {
        let mut key = KeyText::default();
        let _ = write!(key, "{text}");
        key.as_bytes().hash(self.0);
    }

    /// Something that says it exactly: an instruction's place in its function.
    pub fn number(&mut self, number: u64) {
        number.hash(self.0);
    }
}

/// A request that a server of the other language serves.
pub struct Served(Kept<String, String, String, Vec<u8>>);

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Served")
    }
}

impl Served {
    /// `url` with its query, whole or from the path on; `headers` by their names in small letters, the first 64 of
    /// `headers_count`; `route` as a pattern, `/users/{id}`, where it is known.
    pub fn new(
        method: String,
        url: String,
        headers_count: usize,
        headers: impl IntoIterator<Item = (String, Vec<u8>)>,
        route: Option<String>,
    ) -> Self {
        let headers = headers.into_iter();
        let headers = headers.map(|(name, value)| (name, Some(value)));
        Self(Kept::new(method, url, headers_count, headers, route))
    }
}

/// Writes an event's own fields. What comes first is kept where not everything fits.
pub struct EventWriter<'w, 'b> {
    encoder: &'w mut Encoder<'b>,
    has_exception: bool,
}

impl fmt::Debug for EventWriter<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventWriter")
    }
}

impl EventWriter<'_, '_> {
    /// At most 8 KB of it.
    pub fn message(&mut self, message: &dyn fmt::Display) {
        let tag = Field::Message as u8;
        self.encoder
            .display(tag, message, limits::MESSAGE_BYTES_MAX);
    }

    /// The name of who speaks.
    pub fn logger(&mut self, name: &str) {
        self.name(Field::Logger, name);
    }

    /// What was being done; the scope's word counts more.
    pub fn transaction(&mut self, name: &str) {
        self.name(Field::Transaction, name);
    }

    /// A tag; the scope's of the same name counts more.
    pub fn tag(&mut self, key: &str, value: &dyn fmt::Display) {
        let (tag, bytes_max) = (Field::Tag as u8, limits::TAG_VALUE_BYTES_MAX);
        if is_forbidden_key(key) {
            return self.encoder.keyed(tag, key, limits::FILTERED.as_bytes());
        }
        self.encoder.keyed_with(tag, key, bytes_max, |buffer| {
            wire::bounded_text(buffer, value, bytes_max);
        });
    }

    /// A context, as a JSON object of at most 8 KB without forbidden keys; a longer one is left out.
    pub fn context(&mut self, name: &str, json: &[u8]) {
        self.json(Field::Context, name, json, limits::CONTEXT_BYTES_MAX);
    }

    /// An entry of free data, as JSON of at most 16 KB without forbidden keys; a longer one is left out.
    pub fn extra(&mut self, key: &str, json: &[u8]) {
        self.json(Field::Extra, key, json, limits::EXTRA_ITEM_BYTES_MAX);
    }

    /// A field of the request that is being served (`url`, `method`, `query_string`, `headers` …), as JSON of at most 8 KB
    /// without forbidden keys; a longer one is left out.
    pub fn request(&mut self, key: &str, json: &[u8]) {
        self.json(Field::Request, key, json, limits::CONTEXT_BYTES_MAX);
    }

    /// The request that is being served, bounded and without secrets; it also names the transaction. The scope's word
    /// counts more there.
    pub fn served(&mut self, request: &Served) {
        request.0.encode(self.encoder, Level::Error);
    }

    /// One part of what the event is grouped by; the scope's parts come behind it.
    pub fn fingerprint(&mut self, part: &str) {
        self.name(Field::Fingerprint, part);
    }

    /// What could not be had of the event, and why.
    pub fn flaw(&mut self, field: &str, reason: &str) {
        let reason = limits::head(reason, limits::NAME_BYTES_MAX);
        self.encoder
            .keyed(Field::Flaw as u8, field, reason.as_bytes());
    }

    /// An exception: the thrown one first, then what it came from.
    pub fn exception(&mut self, fill: impl FnOnce(&mut ExceptionWriter<'_, '_>)) {
        self.has_exception = true;
        self.encoder.nested(Field::Exception as u8, |inner| {
            fill(&mut ExceptionWriter(inner));
        });
    }

    fn name(&mut self, field: Field, name: &str) {
        self.encoder.text(field as u8, name, limits::NAME_BYTES_MAX);
    }

    fn json(&mut self, field: Field, key: &str, json: &[u8], bytes_max: usize) {
        if json.len() <= bytes_max {
            return self.encoder.keyed(field as u8, key, json);
        }
        self.flaw(key, "longer than is kept, and left out");
    }

    fn finish(self, site: Site<'_>) {
        if !self.has_exception {
            let tag = Field::Location as u8;
            self.encoder.display(tag, &site, limits::NAME_BYTES_MAX);
        }
    }
}

/// Writes one exception.
pub struct ExceptionWriter<'w, 'b>(&'w mut Encoder<'b>);

impl fmt::Debug for ExceptionWriter<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExceptionWriter")
    }
}

/// Where an exception stands in a tree of them, as in the event payload's `mechanism`.
#[derive(Clone, Copy, Debug)]
pub struct Kinship<'k> {
    /// The exception's name in the tree, from 0 for the thrown one.
    pub id: u32,
    /// The one it hangs on.
    pub parent: Option<u32>,
    /// Whether it holds others.
    pub is_group: bool,
    /// How it hangs there: `__cause__`, `__context__`, `exceptions[0]`.
    pub source: Option<&'k str>,
}

impl ExceptionWriter<'_, '_> {
    /// Its type, without the module.
    pub fn ty(&mut self, ty: &str) {
        self.0.text(Part::Type as u8, ty, limits::NAME_BYTES_MAX);
    }

    /// The module of its type.
    pub fn module(&mut self, module: &str) {
        let tag = Part::Module as u8;
        self.0.text(tag, module, limits::NAME_BYTES_MAX);
    }

    /// What it says, at most 8 KB of it.
    pub fn value(&mut self, value: &dyn fmt::Display) {
        let tag = Part::Value as u8;
        self.0.display(tag, value, limits::MESSAGE_BYTES_MAX);
    }

    /// Who noticed it (`generic`, `excepthook`, `logging` …), and whether the program dealt with it.
    pub fn mechanism(&mut self, ty: &str, is_handled: bool) {
        let tag = Part::Mechanism as u8;
        self.0.text(tag, ty, limits::NAME_BYTES_MAX);
        self.0.bytes(Part::Handled as u8, &[u8::from(is_handled)]);
    }

    /// Where it stands among others; after [`ExceptionWriter::mechanism`].
    pub fn kinship(&mut self, kinship: Kinship<'_>) {
        let id = kinship.id.to_le_bytes();
        self.0.bytes(Part::ExceptionId as u8, &id);
        if let Some(parent) = kinship.parent {
            self.0.bytes(Part::ParentId as u8, &parent.to_le_bytes());
        }
        if kinship.is_group {
            self.0.bytes(Part::IsGroup as u8, &[1]);
        }
        if let Some(source) = kinship.source {
            let tag = Part::Source as u8;
            self.0.text(tag, source, limits::NAME_BYTES_MAX);
        }
    }

    /// The operating system's number of the error.
    pub fn errno(&mut self, errno: i32) {
        self.0.bytes(Part::Errno as u8, &errno.to_le_bytes());
    }

    /// The next frame further in: the outermost comes first.
    pub fn frame(&mut self, fill: impl FnOnce(&mut FrameWriter<'_, '_>)) {
        self.0
            .nested(Part::Frame as u8, |inner| fill(&mut FrameWriter(inner)));
    }

    /// `count` frames were left out before the frame that would be the `first`.
    pub fn frames_omitted(&mut self, first: u32, count: u32) {
        let mut payload = [0; 8];
        payload[..4].copy_from_slice(&first.to_le_bytes());
        payload[4..].copy_from_slice(&count.to_le_bytes());
        self.0.bytes(Part::FramesOmitted as u8, &payload);
    }
}

/// Writes one frame.
pub struct FrameWriter<'w, 'b>(&'w mut Encoder<'b>);

impl fmt::Debug for FrameWriter<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameWriter")
    }
}

impl FrameWriter<'_, '_> {
    /// The function, as the language names it: with its class, if it has one.
    pub fn function(&mut self, name: &str) {
        self.name(FramePart::Function, name);
    }

    /// The module or namespace.
    pub fn module(&mut self, name: &str) {
        self.name(FramePart::Module, name);
    }

    /// The file as the program's author would name it.
    pub fn filename(&mut self, path: &str) {
        self.path(FramePart::Filename, path);
    }

    /// The file's absolute path: its source is read there when the event is taken in, if it is not newer.
    pub fn abs_path(&mut self, path: &str) {
        self.path(FramePart::AbsPath, path);
    }

    /// The line, from 1.
    pub fn line(&mut self, line: u32) {
        self.0.bytes(FramePart::Line as u8, &line.to_le_bytes());
    }

    /// The column, from 1.
    pub fn column(&mut self, column: u32) {
        self.0.bytes(FramePart::Column as u8, &column.to_le_bytes());
    }

    /// Whether it belongs to the program rather than to a library; left open, the vault's rules say it.
    pub fn in_app(&mut self, is_in_app: bool) {
        self.0.bytes(FramePart::InApp as u8, &[u8::from(is_in_app)]);
    }

    /// A local variable: `put` appends its JSON, at most `bytes_max` bytes. Under a forbidden key it is not asked. False if
    /// there is no room for so much any more.
    pub fn variable(
        &mut self,
        name: &str,
        bytes_max: usize,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let name = limits::head(name, limits::TAG_KEY_BYTES_MAX);
        if self.0.room() < 2 + name.len() + bytes_max.max(2 + limits::FILTERED.len()) {
            return false;
        }
        let tag = FramePart::Variable as u8;
        if is_forbidden_key(name) {
            let filtered = serde_json::Value::from(limits::FILTERED).to_string();
            self.0.keyed(tag, name, filtered.as_bytes());
        } else {
            self.0.keyed_with(tag, name, bytes_max, put);
        }
        true
    }

    /// A local variable whose name and JSON hold nothing forbidden: whoever read it has seen to that. Left out where it does
    /// not fit.
    pub fn clean_variable(&mut self, name: &str, json: &[u8]) {
        if self.0.room() > 2 + limits::TAG_KEY_BYTES_MAX + json.len() {
            self.0.keyed(FramePart::Variable as u8, name, json);
        }
    }

    fn name(&mut self, part: FramePart, text: &str) {
        self.0.text(part as u8, text, limits::NAME_BYTES_MAX);
    }

    fn path(&mut self, part: FramePart, text: &str) {
        self.0.text(part as u8, text, PATH_BYTES_MAX);
    }
}

/// A file's path, in bytes: what Linux takes.
const PATH_BYTES_MAX: usize = 4096;
