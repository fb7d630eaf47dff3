//! Enters: an ELF binary whose identity was verified, and addresses as the binary counts them. Leaves: functions, files and lines.
//!
//! Never: demangles, judges or shortens what it finds; loads split or supplementary debug files.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

use addr2line::Context;
use gimli::{EndianArcSlice, RunTimeEndian, SectionId};
use object::Endianness;

use super::elf::{Elf, Function, name_at};
use super::file::RegularFile;
use super::name::is_mangled;

/// Debug information of one binary, unpacked, in bytes; above it only function names are told.
const DWARF_BYTES_MAX: u64 = 1 << 30;
/// Functions inlined into each other at one address.
const INLINED_MAX: usize = 64;
/// Where distributions put debug information, below it by build id.
const DEBUG_ROOT: &str = "/usr/lib/debug/.build-id";

type Reader = EndianArcSlice<RunTimeEndian>;

/// A binary ready to be asked.
pub(super) struct Binary {
    elf: Elf,
    separate: Option<Elf>,
    context: Option<Context<Reader>>,
    symbols: OnceCell<Symbols>,
    /// Debug information it holds in memory, in bytes.
    pub len: u64,
}

/// What a binary can tell of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Files and lines.
    Lines,
    /// Function names only: no debug information.
    Names,
    /// Function names only: its debug information is larger than the limit.
    TooLarge,
    /// Function names only: its debug information cannot be read.
    Broken,
}

/// One call at an address, as the binary spells it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RawCall {
    pub function: Option<String>,
    /// The symbol that covers the address, for the outermost call whose `function` is a bare name.
    pub symbol: Option<String>,
    /// The file's path with directories, as the compiler saw it.
    pub file: Option<String>,
    /// The directory the compiler ran in.
    pub compile_dir: Option<String>,
    /// What the compiler calls its unit of work; of Rust, `<root file>/@/<crate>.<hash>-cgu.<number>`.
    pub unit: Option<String>,
    pub line: Option<u32>,
    pub column: Option<u32>,
}

impl Binary {
    /// Reads the debug information, the binary's own or else that of `separate`.
    ///
    /// Of `separate` only function names are taken `for_names_only`: unpacking the C library's lines costs more than
    /// all else, and nobody reads them.
    pub fn load(elf: Elf, separate: Option<Elf>, for_names_only: bool) -> (Self, Detail) {
        let source = separate
            .as_ref()
            .filter(|_| !for_names_only)
            .unwrap_or(&elf);
        let len = SECTIONS.iter().fold(0, |len: u64, id| {
            len.saturating_add(source.section_len(id.name()))
        });
        let (context, detail) = if source.section_len(".debug_info") == 0 {
            (None, Detail::Names)
        } else if len > DWARF_BYTES_MAX {
            (None, Detail::TooLarge)
        } else {
            match context(source) {
                Some(context) => (Some(context), Detail::Lines),
                None => (None, Detail::Broken),
            }
        };
        let binary = Self {
            len: if context.is_some() { len } else { 0 },
            context,
            separate,
            elf,
            symbols: OnceCell::new(),
        };
        (binary, detail)
    }

    /// The calls at `offset` bytes from the lowest address, innermost first; empty if nothing is known.
    pub fn calls(&self, offset: u64) -> Vec<RawCall> {
        let address = self.elf.lowest_vaddr.wrapping_add(offset);
        let mut calls = self.dwarf_calls(address).unwrap_or_default();
        match calls.last_mut() {
            // Assembly and start-up code have lines but no function; line tables alone have no paths of functions.
            Some(outer) => match outer.function.as_deref() {
                None => outer.function = self.symbol(address),
                Some(name) if !is_mangled(name) => outer.symbol = self.symbol(address),
                Some(_) => {}
            },
            None => calls.extend(self.symbol(address).map(|function| RawCall {
                function: Some(function),
                ..RawCall::default()
            })),
        }
        calls
    }

    fn dwarf_calls(&self, address: u64) -> Option<Vec<RawCall>> {
        let context = self.context.as_ref()?;
        let unit = context.find_dwarf_and_unit(address).skip_all_loads();
        let compile_dir = unit.and_then(|unit| text(unit.comp_dir.as_ref()?));
        let unit = unit.and_then(|unit| text(unit.name.as_ref()?));
        let mut frames = context.find_frames(address).skip_all_loads().ok()?;
        let mut calls = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let location = frame.location.as_ref();
            calls.push(RawCall {
                function: frame
                    .function
                    .as_ref()
                    .and_then(|function| function.raw_name().ok())
                    .map(|name| name.into_owned()),
                file: location.and_then(|l| l.file).map(str::to_owned),
                symbol: None,
                compile_dir: compile_dir.clone(),
                unit: unit.clone(),
                line: location.and_then(|l| l.line).filter(|line| *line > 0),
                column: location.and_then(|l| l.column).filter(|column| *column > 0),
            });
            if calls.len() >= INLINED_MAX {
                break;
            }
        }
        Some(calls)
    }

    fn symbol(&self, address: u64) -> Option<String> {
        let symbols = self.symbols.get_or_init(|| {
            let own = Symbols::of(&self.elf);
            match &self.separate {
                Some(separate) if !self.elf.has_symbols() => Symbols::of(separate).or(own),
                _ => own,
            }
        });
        symbols.find(address)
    }
}

/// The functions of a symbol table, by address.
#[derive(Default)]
struct Symbols {
    functions: Vec<Function>,
    names: Vec<u8>,
}

impl Symbols {
    fn of(elf: &Elf) -> Self {
        let (functions, names) = elf.functions();
        Self { functions, names }
    }

    fn or(self, other: Self) -> Self {
        match self.functions.is_empty() {
            true => other,
            false => self,
        }
    }

    fn find(&self, address: u64) -> Option<String> {
        let after = self
            .functions
            .partition_point(|function| function.address <= address);
        let function = self.functions.get(after.checked_sub(1)?)?;
        // A function without a length ends where the next one starts.
        if function.len > 0 && address - function.address >= function.len {
            return None;
        }
        let name = name_at(&self.names, function.name);
        (!name.is_empty()).then(|| name.into_owned())
    }
}

/// The sections that lines and inlined functions need; values of variables are never asked for.
const SECTIONS: [SectionId; 10] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugAranges,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

fn context(elf: &Elf) -> Option<Context<Reader>> {
    let endian = match elf.endian() {
        Endianness::Little => RunTimeEndian::Little,
        Endianness::Big => RunTimeEndian::Big,
    };
    let empty: Arc<[u8]> = Arc::from([]);
    let load = |id: SectionId| -> Result<Reader, gimli::Error> {
        let wanted = SECTIONS.contains(&id);
        let bytes = wanted.then(|| elf.section_bytes(id.name(), DWARF_BYTES_MAX));
        let bytes = bytes.flatten().unwrap_or_else(|| empty.clone());
        Ok(Reader::new(bytes, endian))
    };
    Context::from_dwarf(gimli::Dwarf::load(load).ok()?).ok()
}

/// The distribution's file of debug information for this binary, if it is installed and carries the same build id.
pub(super) fn installed_debug(elf: &Elf) -> Option<Elf> {
    let build_id = elf.build_id.as_deref()?;
    let (head, tail) = build_id.split_at_checked(2)?;
    let path = PathBuf::from(format!("{DEBUG_ROOT}/{head}/{tail}.debug"));
    let debug = Elf::read(RegularFile::open(&path).ok()?)?;
    (debug.build_id.as_deref() == Some(build_id)).then_some(debug)
}

fn text(reader: &Reader) -> Option<String> {
    use gimli::Reader as _;
    Some(reader.to_string_lossy().ok()?.into_owned())
}
