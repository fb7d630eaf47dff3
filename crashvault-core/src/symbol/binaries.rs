//! Enters: images as an event's process recorded them. Leaves: the calls at their addresses, and why some cannot be told.
//!
//! Never: asks a binary whose identity is not that of the image.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::binary::{Binary, Detail, RawCall, installed_debug};
use super::elf::Elf;
use super::file::{RegularFile, Unreadable};
use super::library::{Holding, Library};
use super::rules::{is_system_library, is_virtual};
use super::unwind::Code;
use crate::event::Image;

/// Binaries whose debug information is held in memory at once.
const LOADED_MAX: usize = 4;
/// Their debug information together, in bytes; the one in use may be larger.
const LOADED_BYTES_MAX: u64 = 1 << 30;
/// Binaries whose unwind tables are held in memory at once.
const CODES_MAX: usize = 64;
/// Their tables together, in bytes; those in use may be larger.
const CODES_BYTES_MAX: u64 = 256 << 20;
/// Binaries remembered at once, loaded or not.
const KNOWN_MAX: usize = 1024;
/// After this time a binary that could not be used is looked for again.
const RETRY: Duration = Duration::from_secs(5);
/// A build id in hex digits.
const BUILD_ID_DIGITS_MAX: usize = 128;

/// A number for one binary of one identity, never used for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BinaryId(u64);

/// All binaries met so far.
pub(super) struct Binaries {
    symbols_dir: Option<PathBuf>,
    /// Files that somebody named for this one occasion.
    library: Library,
    ids: HashMap<(String, String), BinaryId>,
    known: HashMap<BinaryId, Known>,
    /// The loaded ones, the one used last at the end.
    loaded: Vec<BinaryId>,
    codes: HashMap<BinaryId, Arc<Code>>,
    /// Those whose code could not be had, and when.
    codeless: HashMap<BinaryId, Instant>,
    next_id: u64,
}

#[derive(Default)]
struct Known {
    /// What a reader of the event should know about its frames in this binary.
    note: Option<String>,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Unloaded,
    Loaded(Box<Binary>),
    Failed(Instant),
}

impl Binaries {
    pub fn new(symbols_dir: Option<PathBuf>) -> Self {
        Self {
            // A vault may be named by a relative path; files are only opened by absolute ones.
            symbols_dir: symbols_dir.and_then(|dir| std::path::absolute(dir).ok()),
            library: Library::default(),
            ids: HashMap::new(),
            known: HashMap::new(),
            loaded: Vec::new(),
            codes: HashMap::new(),
            codeless: HashMap::new(),
            next_id: 0,
        }
    }

    /// From now on these files are looked at too. What was found without them is forgotten.
    #[cfg(feature = "minidump")]
    pub fn set_library(&mut self, library: Library) {
        self.library = library;
        self.forget();
    }

    fn forget(&mut self) {
        self.ids.clear();
        self.known.clear();
        self.loaded.clear();
        self.codes.clear();
        self.codeless.clear();
    }

    /// The number of an image's binary.
    pub fn id(&mut self, image: &Image) -> BinaryId {
        let key = (
            package(image).unwrap_or_default().to_owned(),
            image.symbols_key().unwrap_or_default(),
        );
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        if self.ids.len() >= KNOWN_MAX {
            self.forget();
        }
        let id = BinaryId(self.next_id);
        self.next_id += 1;
        self.ids.insert(key, id);
        id
    }

    /// What a reader should know about frames in this binary.
    pub fn note(&self, id: BinaryId) -> Option<&str> {
        self.known.get(&id)?.note.as_deref()
    }

    /// The calls at `offset` bytes behind the start of `image`, innermost first; `None` if its binary cannot be used.
    pub fn calls(&mut self, id: BinaryId, image: &Image, offset: u64) -> Option<Vec<RawCall>> {
        self.load(id, image);
        match &self.known.get(&id)?.state {
            State::Loaded(binary) => Some(binary.calls(offset)),
            State::Unloaded | State::Failed(_) => None,
        }
    }

    /// The code of `image`'s binary; `None` if it cannot be used.
    pub fn code(&mut self, id: BinaryId, image: &Image) -> Option<Arc<Code>> {
        if let Some(code) = self.codes.get(&id) {
            return Some(code.clone());
        }
        if self
            .codeless
            .get(&id)
            .is_some_and(|at| at.elapsed() < RETRY)
        {
            return None;
        }
        let Ok(elf) = self.find(image) else {
            self.codeless.insert(id, Instant::now());
            return None;
        };
        let code = Arc::new(Code::load(elf, |elf| self.separate(elf)));
        let bytes: u64 = self.codes.values().map(|code| code.len()).sum();
        if self.codes.len() >= CODES_MAX || bytes + code.len() > CODES_BYTES_MAX {
            self.codes.clear();
        }
        self.codes.insert(id, code.clone());
        Some(code)
    }

    fn load(&mut self, id: BinaryId, image: &Image) {
        match self.known.get(&id).map(|known| &known.state) {
            Some(State::Loaded(_)) => return self.used(id),
            Some(State::Failed(at)) if at.elapsed() < RETRY => return,
            _ => {}
        }
        let known = match self.find(image) {
            Ok(elf) => {
                let has_symbols = elf.has_symbols();
                let path = package(image).unwrap_or_default();
                let separate = self.separate(&elf);
                let (binary, detail) = Binary::load(elf, separate, is_system_library(path));
                Known {
                    note: note(path, detail, has_symbols),
                    state: State::Loaded(Box::new(binary)),
                }
            }
            Err(note) => Known {
                note,
                state: State::Failed(Instant::now()),
            },
        };
        let loaded = matches!(known.state, State::Loaded(_));
        self.known.insert(id, known);
        if loaded {
            self.used(id);
            self.unload_oldest();
        }
    }

    fn used(&mut self, id: BinaryId) {
        if self.loaded.last() != Some(&id) {
            self.loaded.retain(|other| *other != id);
            self.loaded.push(id);
        }
    }

    fn unload_oldest(&mut self) {
        let len = |known: &Known| match &known.state {
            State::Loaded(binary) => binary.len,
            State::Unloaded | State::Failed(_) => 0,
        };
        let mut total: u64 = self.known.values().map(len).sum();
        while self.loaded.len() > LOADED_MAX || (total > LOADED_BYTES_MAX && self.loaded.len() > 1)
        {
            let oldest = self.loaded.remove(0);
            if let Some(known) = self.known.get_mut(&oldest) {
                total -= len(known);
                known.state = State::Unloaded;
            }
        }
    }

    /// The image's binary: the kept link, else the file itself, whichever has the image's identity. Else the reason to tell, if any.
    fn find(&self, image: &Image) -> Result<Elf, Option<String>> {
        let path = match package(image) {
            Some(path) if is_virtual(path) => return Err(None),
            Some(path) => path,
            None => {
                let reason = "the event does not name the binary of these addresses";
                return Err(Some(reason.into()));
            }
        };
        let Some(identity) = Identity::of(image) else {
            return Err(Some(format!(
                "nothing in the event tells which build of {path} it was; lines cannot be told"
            )));
        };
        let key = image.symbols_key();
        let of_key = |holding| self.holding(key.as_deref()?, holding);
        let link = self.symbols_dir.as_deref().zip(key.as_deref());
        let kept = of_key(Holding::Binary).or_else(|| {
            let (dir, key) = link?;
            identity.verified(&dir.join(key)).ok()
        });
        if let Some(elf) = kept {
            return Ok(elf);
        }
        identity.verified(Path::new(path)).or_else(|mismatch| {
            // It has no code, but names and lines.
            of_key(Holding::Debug).ok_or_else(|| Some(mismatch.reason(path)))
        })
    }

    /// A file that somebody put there for a build id.
    fn holding(&self, build_id: &str, holding: Holding) -> Option<Elf> {
        let name = holding.file_name(build_id);
        let added = self.symbols_dir.as_deref().map(|dir| dir.join(&name));
        let named = self.library.find(&name).map(Path::to_owned);
        let identity = Identity::BuildId(build_id.to_owned());
        let mut paths = added.into_iter().chain(named);
        paths.find_map(|path| identity.verified(&path).ok())
    }

    /// The debug information of a binary that has none itself.
    fn separate(&self, elf: &Elf) -> Option<Elf> {
        if elf.section_len(".debug_info") > 0 {
            return None;
        }
        let added = self.holding(elf.build_id.as_deref()?, Holding::Debug);
        added.or_else(|| installed_debug(elf))
    }
}

/// What tells one build of a binary from another.
enum Identity {
    BuildId(String),
    LenAndMtime(u64, i64),
}

/// Why a file is not the binary.
enum Mismatch {
    Unreadable(Unreadable),
    NoElf,
    BuildId {
        expected: String,
        found: Option<String>,
    },
    LenOrMtime,
}

impl Identity {
    fn of(image: &Image) -> Option<Self> {
        if let Some(build_id) = build_id(image) {
            return Some(Self::BuildId(build_id));
        }
        let (_, mtime_ns, len) = file_numbers(image)?;
        Some(Self::LenAndMtime(len, mtime_ns))
    }

    fn verified(&self, path: &Path) -> Result<Elf, Mismatch> {
        let file = RegularFile::open(path).map_err(Mismatch::Unreadable)?;
        let elf = Elf::read(file).ok_or(Mismatch::NoElf)?;
        match self {
            Self::BuildId(expected) if elf.build_id.as_ref() != Some(expected) => {
                Err(Mismatch::BuildId {
                    expected: expected.clone(),
                    found: elf.build_id,
                })
            }
            Self::LenAndMtime(len, mtime_ns) if elf.len_and_mtime_ns() != (*len, *mtime_ns) => {
                Err(Mismatch::LenOrMtime)
            }
            _ => Ok(elf),
        }
    }
}

impl Mismatch {
    fn reason(self, path: &str) -> String {
        let what = match self {
            Self::Unreadable(Unreadable::Gone) => format!("the binary {path} is gone"),
            Self::Unreadable(Unreadable::NotRegular) => format!("{path} is not a regular file"),
            Self::Unreadable(Unreadable::Refused(kind)) => {
                format!("the binary {path} cannot be read ({kind})")
            }
            Self::NoElf => {
                format!("the binary {path} changed since the event (it is no ELF binary)")
            }
            Self::BuildId { expected, found } => {
                let found = found.as_deref().unwrap_or("none");
                format!(
                    "the binary {path} changed since the event (build id {expected} expected, {found} found)"
                )
            }
            Self::LenOrMtime => {
                format!("the binary {path} changed since the event (other size or time)")
            }
        };
        format!("{what}; lines cannot be told")
    }
}

/// Nobody expects lines of the system's libraries; a note on each event would only be noise.
fn note(path: &str, detail: Detail, has_symbols: bool) -> Option<String> {
    if is_system_library(path) {
        return None;
    }
    match detail {
        Detail::Lines => None,
        Detail::Names if has_symbols => Some(format!(
            "{path} has no debug information: function names only (build with debug = \"limited\")"
        )),
        Detail::Names => Some(format!(
            "{path} is stripped: addresses and exported functions only (build with debug = \"limited\" and strip = \"none\", or keep its symbols with `crashvault symbols add`)"
        )),
        Detail::TooLarge => Some(format!(
            "{path} has more than 1 GB of debug information: function names only"
        )),
        Detail::Broken => Some(format!(
            "the debug information of {path} cannot be read: function names only"
        )),
    }
}

/// The image's path, without the mark the kernel puts behind that of a deleted file.
pub(super) fn package(image: &Image) -> Option<&str> {
    let path = image.code_file.as_deref()?;
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    (!path.is_empty()).then_some(path)
}

/// The recorded last change of the image's file.
pub(super) fn mtime_ns(image: &Image) -> Option<i64> {
    image.other.get("mtime_ns")?.as_i64()
}

/// Only hex digits become part of a path.
fn build_id(image: &Image) -> Option<String> {
    let id = image.code_id.as_deref()?;
    let usable = (1..=BUILD_ID_DIGITS_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    usable.then(|| id.to_ascii_lowercase())
}

fn file_numbers(image: &Image) -> Option<(u64, i64, u64)> {
    let number = |key: &str| image.other.get(key)?.as_u64();
    Some((number("inode")?, mtime_ns(image)?, number("file_size")?))
}
