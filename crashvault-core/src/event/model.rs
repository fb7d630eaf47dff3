use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::EventId;
use crate::time::Timestamp;

/// A JSON object.
pub type Object = serde_json::Map<String, Value>;

/// How bad an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Level {
    /// For the developer.
    Debug = 0,
    /// Worth knowing.
    Info = 1,
    /// Something may be wrong.
    Warning = 2,
    /// Something failed; the default.
    #[default]
    Error = 3,
    /// The program, thread or task ended.
    Fatal = 4,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Self; 5] = [
        Self::Debug,
        Self::Info,
        Self::Warning,
        Self::Error,
        Self::Fatal,
    ];

    /// The name in the event payload.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// From a name, without case; `warn` and v1's `critical` are understood.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "debug" | "trace" => Some(Self::Debug),
            "info" | "log" => Some(Self::Info),
            "warning" | "warn" => Some(Self::Warning),
            "error" => Some(Self::Error),
            "fatal" | "critical" => Some(Self::Fatal),
            _ => None,
        }
    }

    /// From its number (0 debug … 4 fatal).
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where an event holds the title that it was given.
const METADATA: &str = "metadata";
const TITLE: &str = "title";

/// One occurrence of a crash, an error or a message: the Sentry event payload as typed data.
///
/// Read one with [`Event::from_json`], write it with [`Event::to_value`]. What the types here do not name is in
/// `other`; what was broken is in `flaws`, with the value that could not be understood.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Event {
    /// Unique; nil until it is assigned.
    pub event_id: EventId,
    /// When it happened, by the sender's clock; `None` if it did not say.
    pub timestamp: Option<Timestamp>,
    /// How bad; `error` if the sender did not say.
    pub level: Level,
    /// The family of the program: `native`, `python`, `javascript`, `other` …
    pub platform: String,
    /// The plain message.
    pub message: Option<String>,
    /// A log line with its template and parameters.
    pub logentry: Option<LogEntry>,
    /// The error chain: oldest cause first, the one that was thrown last.
    pub exceptions: Vec<Exception>,
    /// Threads, where the sender lists them.
    pub threads: Vec<Thread>,
    /// What happened before, oldest first.
    pub breadcrumbs: Vec<Breadcrumb>,
    /// Short searchable pairs.
    pub tags: BTreeMap<String, String>,
    /// Structured surroundings by name (`os`, `process`, `runtime`, `trace`, `crashvault` …).
    pub contexts: Object,
    /// Free data.
    pub extra: Object,
    /// Who was affected.
    pub user: Option<User>,
    /// The HTTP request, as sent.
    pub request: Option<Object>,
    /// The route, job or operation it happened in.
    pub transaction: Option<String>,
    /// The program's version, `name@version`.
    pub release: Option<String>,
    /// `production`, `staging` …
    pub environment: Option<String>,
    /// The build of a release.
    pub dist: Option<String>,
    /// The machine.
    pub server_name: Option<String>,
    /// The logger that spoke.
    pub logger: Option<String>,
    /// The sender's wish for grouping; `{{ default }}` stands for ours.
    pub fingerprint: Vec<String>,
    /// Who made the event.
    pub sdk: Option<Object>,
    /// The binaries its addresses lie in.
    pub images: Vec<Image>,
    /// Everything the payload held beside these.
    pub other: Object,
    /// What was broken on reading.
    pub flaws: Vec<Flaw>,
}

impl Event {
    /// An event of level error, platform `native`, with nothing else in it.
    pub fn new() -> Self {
        Self {
            platform: "native".into(),
            ..Self::default()
        }
    }

    /// The sender's words: the plain message, else the formatted log entry, else its template.
    pub fn message_text(&self) -> Option<&str> {
        let entry = || {
            let entry = self.logentry.as_ref()?;
            entry.formatted.as_deref().or(entry.message.as_deref())
        };
        self.message.as_deref().or_else(entry)
    }

    /// The exception that was thrown: the last of the chain that was not made up by a framework.
    pub fn primary_exception(&self) -> Option<&Exception> {
        self.exceptions.last()
    }

    /// The first line a person should read: `metadata.title` if a rule or the sender said so, else `Type: value`, else the
    /// message, else `<no message>`.
    pub fn title(&self) -> String {
        let first_line = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
        let given = || self.other.get(METADATA)?.get(TITLE)?.as_str();
        if let Some(title) = given().map(first_line).filter(|title| !title.is_empty()) {
            return title;
        }
        if let Some(exception) = self.primary_exception() {
            let value = exception
                .value
                .as_deref()
                .map(first_line)
                .unwrap_or_default();
            return match exception.ty.as_deref().unwrap_or_default() {
                "" => value,
                ty if value.is_empty() => ty.to_owned(),
                ty => format!("{ty}: {value}"),
            };
        }
        match self.message_text().map(first_line) {
            Some(message) if !message.is_empty() => message,
            _ => "<no message>".into(),
        }
    }

    /// Says what the event is to be called.
    #[cfg(feature = "store")]
    pub(crate) fn set_title(&mut self, title: String) {
        let metadata = self.other.entry(METADATA).or_insert(Value::Null);
        if !metadata.is_object() {
            *metadata = Value::Object(Object::new());
        }
        metadata[TITLE] = title.into();
    }

    /// Where it happened: the innermost in-app frame of the thrown exception (else of any stack), as
    /// `function (file:line)`; else the transaction.
    pub fn culprit(&self) -> Option<String> {
        let frames = || {
            self.stacktraces()
                .flat_map(|trace| trace.frames.iter().rev())
        };
        let frame = frames()
            .find(|frame| frame.in_app == Some(true) && frame.function.is_some())
            .or_else(|| frames().find(|frame| frame.function.is_some()));
        match frame {
            Some(frame) => Some(frame.to_string()),
            None => self.transaction.clone(),
        }
    }

    /// The stack traces, that of the thrown exception first, then its causes', then the threads'.
    pub fn stacktraces(&self) -> impl Iterator<Item = &Stacktrace> {
        let exceptions = self
            .exceptions
            .iter()
            .rev()
            .filter_map(|e| e.stacktrace.as_ref());
        exceptions.chain(self.threads.iter().filter_map(|t| t.stacktrace.as_ref()))
    }

    /// The stack traces, to be changed; exceptions first, then threads.
    pub fn stacktraces_mut(&mut self) -> impl Iterator<Item = &mut Stacktrace> {
        let exceptions = self
            .exceptions
            .iter_mut()
            .rev()
            .filter_map(|e| e.stacktrace.as_mut());
        exceptions.chain(
            self.threads
                .iter_mut()
                .filter_map(|t| t.stacktrace.as_mut()),
        )
    }

    /// The project this event belongs to, where it says so.
    pub fn project(&self) -> Option<&str> {
        self.contexts.get("crashvault")?.get("project")?.as_str()
    }

    /// Sets one key of Crashvault's own context.
    pub fn set_own(&mut self, key: &str, value: impl Into<Value>) {
        let own = self
            .contexts
            .entry("crashvault")
            .or_insert_with(|| Object::new().into());
        if !own.is_object() {
            *own = Object::new().into();
        }
        if let Value::Object(own) = own {
            own.insert(key.to_owned(), value.into());
        }
    }
}

/// A log line: template, parameters, result.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct LogEntry {
    /// The template, before parameters were put in.
    pub message: Option<String>,
    /// The text after parameters were put in.
    pub formatted: Option<String>,
    /// The parameters, as sent.
    pub params: Option<Value>,
    /// Everything else.
    pub other: Object,
}

/// One error of a chain.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Exception {
    /// The type's name, as the language prints it.
    pub ty: Option<String>,
    /// The message.
    pub value: Option<String>,
    /// The module or namespace of the type.
    pub module: Option<String>,
    /// The thread it was thrown in.
    pub thread_id: Option<String>,
    /// How it was caught.
    pub mechanism: Option<Mechanism>,
    /// Its stack.
    pub stacktrace: Option<Stacktrace>,
    /// Everything else.
    pub other: Object,
}

impl Exception {
    /// Whether it was thrown beside the failure, as while something was closed, and caused nothing: Java's
    /// `Suppressed:`.
    pub fn is_suppressed(&self) -> bool {
        let mechanism = self.mechanism.as_ref();
        mechanism.and_then(|mechanism| mechanism.ty.as_deref()) == Some(SUPPRESSED)
    }
}

/// The type of the mechanism of what [`Exception::is_suppressed`].
pub(crate) const SUPPRESSED: &str = "suppressed";

/// How an exception came to be captured.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Mechanism {
    /// `panic`, `generic`, `excepthook`, `signalhandler` …
    pub ty: Option<String>,
    /// Whether the program dealt with it.
    pub handled: Option<bool>,
    /// Everything else (`synthetic`, `source`, `exception_id`, `meta` …).
    pub other: Object,
}

/// Frames, outermost first.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Stacktrace {
    /// The frames; the last one is where it happened.
    pub frames: Vec<Frame>,
    /// Everything else (`registers`, `lang` …).
    pub other: Object,
}

/// One call on a stack.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Frame {
    /// The function, demangled.
    pub function: Option<String>,
    /// Its module or namespace.
    pub module: Option<String>,
    /// The file as the program's author would name it.
    pub filename: Option<String>,
    /// The file's absolute path.
    pub abs_path: Option<String>,
    /// 1-based line.
    pub lineno: Option<u64>,
    /// 1-based column.
    pub colno: Option<u64>,
    /// The source line.
    pub context_line: Option<String>,
    /// Source lines before it.
    pub pre_context: Vec<String>,
    /// Source lines after it.
    pub post_context: Vec<String>,
    /// Whether it belongs to the program rather than to a library; `None` if not known.
    pub in_app: Option<bool>,
    /// The binary it lies in.
    pub package: Option<String>,
    /// The return address, absolute in the process.
    pub instruction_addr: Option<u64>,
    /// Everything else (`vars`, `symbol_addr`, `addr_mode` …).
    pub other: Object,
}

impl fmt::Display for Frame {
    /// `function (file:line)`, with what is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.function, self.instruction_addr) {
            (Some(function), _) => f.write_str(function)?,
            (None, Some(address)) => write!(f, "{address:#x}")?,
            (None, None) => f.write_str("<unknown>")?,
        }
        match (
            self.filename.as_deref().or(self.abs_path.as_deref()),
            self.lineno,
        ) {
            (Some(file), Some(line)) => write!(f, " ({file}:{line})"),
            (Some(file), None) => write!(f, " ({file})"),
            (None, _) => match self.package.as_deref() {
                Some(package) => write!(f, " (in {package})"),
                None => Ok(()),
            },
        }
    }
}

/// One thread.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Thread {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Whether the event happened in it.
    pub current: Option<bool>,
    /// Whether it ended the program.
    pub crashed: Option<bool>,
    /// Its stack.
    pub stacktrace: Option<Stacktrace>,
    /// Everything else.
    pub other: Object,
}

/// Something that happened before the event.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Breadcrumb {
    /// When; the time of adding if the host does not say.
    pub timestamp: Option<Timestamp>,
    /// `default`, `http`, `navigation` …
    pub ty: Option<String>,
    /// A dotted name such as `db.query`.
    pub category: Option<String>,
    /// How bad.
    pub level: Option<Level>,
    /// What happened.
    pub message: Option<String>,
    /// Details.
    pub data: Object,
    /// Everything else.
    pub other: Object,
}

impl Breadcrumb {
    /// A breadcrumb with a message.
    ///
    /// ```
    /// use crashvault::{Breadcrumb, Level};
    /// let crumb = Breadcrumb::new("opened cart").category("shop").level(Level::Info);
    /// assert_eq!(crumb.category.as_deref(), Some("shop"));
    /// ```
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..Self::default()
        }
    }

    /// Sets the category.
    #[must_use]
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// Sets the level.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Adds one detail; values under forbidden keys are replaced before they are written.
    #[must_use]
    pub fn data(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.data.insert(key.into(), value.into());
        self
    }
}

/// Who was affected.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct User {
    /// The program's id of the user.
    pub id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Login name.
    pub username: Option<String>,
    /// Network address.
    pub ip_address: Option<String>,
    /// Everything else.
    pub other: Object,
}

impl User {
    /// A user known by an id.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            ..Self::default()
        }
    }

    /// Sets the e-mail address.
    #[must_use]
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Sets the login name.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }
}

/// A binary mapped into the process (an entry of `debug_meta.images`).
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Image {
    /// The kind: `elf`, `symbolic`, `sourcemap` …
    pub ty: Option<String>,
    /// The file.
    pub code_file: Option<String>,
    /// The build id as hex digits.
    pub code_id: Option<String>,
    /// Where its first segment lies in the process.
    pub image_addr: Option<u64>,
    /// Bytes it covers from there.
    pub image_size: Option<u64>,
    /// Everything else (`debug_id`, `image_vmaddr`, and our `inode`, `mtime_ns`, `file_size`).
    pub other: Object,
}

impl Image {
    /// A whole number among the other keys (`inode`, `mtime_ns`, `file_size`).
    pub fn number(&self, key: &str) -> Option<u64> {
        self.other.get(key)?.as_u64()
    }

    /// Notes which file it is, by what tells it from another of its name.
    #[cfg(unix)]
    pub(crate) fn set_file(&mut self, metadata: &std::fs::Metadata) {
        use std::os::unix::fs::MetadataExt;
        let mtime_ns = metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec());
        let other = &mut self.other;
        other.insert("inode".into(), metadata.ino().into());
        other.insert("mtime_ns".into(), (mtime_ns as u64).into());
        other.insert("file_size".into(), metadata.len().into());
    }

    /// The name under which `symbols/` keeps this binary: its build id, else `<inode>-<mtime_ns>-<file_size>`.
    pub fn symbols_key(&self) -> Option<String> {
        let is_plain = |id: &&str| {
            !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_hexdigit())
        };
        match self.code_id.as_deref().filter(is_plain) {
            Some(build_id) => Some(build_id.to_ascii_lowercase()),
            None => Some(format!(
                "{}-{}-{}",
                self.number("inode")?,
                self.number("mtime_ns")?,
                self.number("file_size")?
            )),
        }
    }
}

/// A part that was broken on reading: where, why, and what stood there.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Flaw {
    /// The field, dotted (`exception.0.stacktrace`).
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// What stood there.
    pub value: Option<Value>,
}

impl Flaw {
    /// A flaw without a value.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
            value: None,
        }
    }
}
