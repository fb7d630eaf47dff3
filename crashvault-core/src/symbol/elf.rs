//! Enters: a regular file. Leaves: what identifies an ELF binary, where it wants to be mapped, and its sections' bytes.
//!
//! Never: believes a number in the file before comparing it with the file's length and a limit; reads what nobody asked for.

use std::borrow::Cow;
use std::sync::Arc;

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{
    CompressionHeader, FileHeader, NoteIterator, ProgramHeader, SectionHeader, Sym,
};
use object::read::{CompressedData, CompressionFormat};
use object::{Endianness, pod};

use super::file::RegularFile;
use super::unwind::Arch;

/// Program headers of one file.
const SEGMENTS_MAX: u16 = 4096;
/// Sections of one file; the format's own escape for more is not followed.
const SECTIONS_MAX: u16 = 0xff00;
/// All section names together, in bytes.
const SECTION_NAMES_BYTES_MAX: u64 = 16 << 20;
/// One note section or segment, in bytes.
const NOTES_BYTES_MAX: u64 = 1 << 20;
/// A build id, in bytes (linkers write 8 to 20).
const BUILD_ID_BYTES_MAX: usize = 64;
/// A symbol table, in bytes: 2.8 million symbols.
const SYMBOLS_BYTES_MAX: u64 = 64 << 20;
/// The names of a symbol table, in bytes.
const SYMBOL_NAMES_BYTES_MAX: u64 = 512 << 20;
/// The smallest page of the machines we know; where segments are not aligned to more, they are mapped from such a page.
const PAGE_BYTES: u64 = 4096;

/// An ELF file whose headers were read.
#[derive(Debug)]
pub(super) struct Elf {
    file: RegularFile,
    wide: bool,
    endian: Endianness,
    /// The page of the lowest address that a loaded segment asks for.
    pub lowest_vaddr: u64,
    /// The build id, lower-case hex.
    pub build_id: Option<String>,
    /// The machine it is made for, where we can walk its stacks.
    pub arch: Option<Arch>,
    sections: Vec<Section>,
    segments: Vec<Segment>,
}

#[derive(Debug)]
struct Section {
    name: String,
    address: u64,
    ty: elf::SectionType,
    compressed: bool,
    offset: u64,
    len: u64,
    link: u32,
}

/// A loaded segment, or the one that tells where the index of unwind tables lies.
#[derive(Debug)]
struct Segment {
    ty: elf::ProgramType,
    address: u64,
    offset: u64,
    len: u64,
    is_code: bool,
}

impl Segment {
    /// Where the byte of an address stands in the file, and how many follow it.
    fn place(&self, address: u64) -> Option<(u64, u64)> {
        let into = address.checked_sub(self.address)?;
        let rest = self.len.checked_sub(into).filter(|rest| *rest > 0)?;
        Some((self.offset.checked_add(into)?, rest))
    }
}

/// A function of a symbol table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Function {
    pub address: u64,
    /// Bytes it covers; 0 if the table does not say.
    pub len: u64,
    /// Where its name starts among the names.
    pub name: u32,
}

impl Elf {
    /// Reads the headers; `None` if this is no whole ELF executable or library.
    pub fn read(file: RegularFile) -> Option<Self> {
        // 64 bytes are the longer of the two headers; a file shorter than that holds no code.
        let head = file.read(0, 64)?;
        match head.get(..5)? {
            [0x7f, b'E', b'L', b'F', 1] => read_as::<FileHeader32<Endianness>>(file, &head),
            [0x7f, b'E', b'L', b'F', 2] => read_as::<FileHeader64<Endianness>>(file, &head),
            _ => None,
        }
    }

    /// The file's length and last change.
    pub fn len_and_mtime_ns(&self) -> (u64, i64) {
        (self.file.len, self.file.mtime_ns)
    }

    /// Its byte order.
    pub fn endian(&self) -> Endianness {
        self.endian
    }

    /// Bytes of a section once it is unpacked; 0 if it is not there.
    pub fn section_len(&self, name: &str) -> u64 {
        match self.section(name) {
            Some(section) if section.compressed => {
                self.unpacked(section).map_or(0, |(len, ..)| len)
            }
            Some(section) => section.len,
            None => 0,
        }
    }

    /// A section's bytes, unpacked; `None` if it is missing, broken or longer than `len_max`.
    pub fn section_bytes(&self, name: &str, len_max: u64) -> Option<Arc<[u8]>> {
        let section = self.section(name)?;
        if section.len > len_max {
            return None;
        }
        if !section.compressed {
            return self.file.read_shared(section.offset, section.len);
        }
        let (uncompressed_size, format, head_len) = self.unpacked(section)?;
        if uncompressed_size > len_max {
            return None;
        }
        let packed = self.file.read(section.offset, section.len)?;
        let packed = CompressedData {
            format,
            data: packed.get(head_len..)?,
            uncompressed_size,
        };
        match packed.decompress().ok()? {
            Cow::Borrowed(bytes) => Some(bytes.into()),
            Cow::Owned(bytes) => Some(bytes.into()),
        }
    }

    /// A section's first address as the file counts them.
    pub fn section_address(&self, name: &str) -> Option<u64> {
        Some(self.section(name)?.address)
    }

    /// Whether code is loaded to this address.
    pub fn is_code(&self, address: u64) -> bool {
        let mut loaded = self.loaded();
        loaded.any(|segment| segment.is_code && segment.place(address).is_some())
    }

    /// `len` loaded bytes as the file holds them.
    pub fn loaded_bytes(&self, address: u64, len: u64) -> Option<Vec<u8>> {
        let (offset, rest) = self.loaded().find_map(|segment| segment.place(address))?;
        (len <= rest).then(|| self.file.read(offset, len))?
    }

    /// `.eh_frame` and its address, found as the loader finds it: also without section headers. It is taken to reach to the
    /// end of its segment (it ends itself).
    pub fn loaded_eh_frame(&self, len_max: u64) -> Option<(u64, Arc<[u8]>)> {
        const PCREL_SDATA4: u8 = 0x1b;
        let index = self
            .segments
            .iter()
            .find(|s| s.ty == elf::PT_GNU_EH_FRAME)?;
        let head = self.file.read(index.offset, 8)?;
        let [1, PCREL_SDATA4, _, _, distance @ ..] = head.as_slice() else {
            return None;
        };
        let distance = i32::from_le_bytes(distance.try_into().ok()?);
        let start = index
            .address
            .wrapping_add(4)
            .wrapping_add_signed(distance.into());
        let (offset, rest) = self.loaded().find_map(|segment| segment.place(start))?;
        let bytes = (rest <= len_max).then(|| self.file.read_shared(offset, rest))??;
        Some((start, bytes))
    }

    fn loaded(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|s| s.ty == elf::PT_LOAD)
    }

    /// Whether its code was taken out: a file of separate debug information.
    pub fn is_debug_only(&self) -> bool {
        let is_left_out =
            |section: &Section| section.ty == elf::SHT_NOBITS && section.name == ".text";
        self.sections.iter().any(is_left_out)
    }

    /// Whether the full symbol table is there, not only the dynamic one.
    pub fn has_symbols(&self) -> bool {
        self.sections
            .iter()
            .any(|section| section.ty == elf::SHT_SYMTAB)
    }

    /// The functions of the full symbol table, else of the dynamic one, sorted by address, and the bytes of all names.
    pub fn functions(&self) -> (Vec<Function>, Vec<u8>) {
        [elf::SHT_SYMTAB, elf::SHT_DYNSYM]
            .into_iter()
            .filter_map(|ty| {
                let table = self.sections.iter().find(|section| section.ty == ty)?;
                match self.wide {
                    true => self.functions_as::<FileHeader64<Endianness>>(table),
                    false => self.functions_as::<FileHeader32<Endianness>>(table),
                }
            })
            .find(|(functions, _)| !functions.is_empty())
            .unwrap_or_default()
    }

    fn functions_as<Header: FileHeader<Endian = Endianness>>(
        &self,
        table: &Section,
    ) -> Option<(Vec<Function>, Vec<u8>)> {
        let names = self.sections.get(usize::try_from(table.link).ok()?)?;
        if table.len > SYMBOLS_BYTES_MAX || names.len > SYMBOL_NAMES_BYTES_MAX {
            return None;
        }
        let bytes = self.file.read(table.offset, table.len)?;
        let count = bytes.len() / size_of::<Header::Sym>();
        let (symbols, _) = pod::slice_from_bytes::<Header::Sym>(&bytes, count).ok()?;
        let names = self.file.read(names.offset, names.len)?;
        let mut functions: Vec<Function> = symbols
            .iter()
            .filter(|symbol| {
                matches!(symbol.st_type(), elf::STT_FUNC | elf::STT_GNU_IFUNC)
                    && symbol.st_shndx(self.endian) != elf::SHN_UNDEF
            })
            .map(|symbol| Function {
                address: symbol.st_value(self.endian).into(),
                len: symbol.st_size(self.endian).into(),
                name: symbol.st_name(self.endian),
            })
            .collect();
        functions.sort_unstable();
        Some((functions, names))
    }

    /// Unpacked length, format and header length of a compressed section.
    fn unpacked(&self, section: &Section) -> Option<(u64, CompressionFormat, usize)> {
        fn head<T: CompressionHeader<Endian = Endianness>>(
            bytes: &[u8],
            endian: Endianness,
        ) -> Option<(u64, CompressionFormat, usize)> {
            let (head, _) = pod::from_bytes::<T>(bytes).ok()?;
            let format = match head.ch_type(endian) {
                elf::ELFCOMPRESS_ZLIB => CompressionFormat::Zlib,
                elf::ELFCOMPRESS_ZSTD => CompressionFormat::Zstandard,
                _ => return None,
            };
            Some((head.ch_size(endian).into(), format, size_of::<T>()))
        }
        let bytes = self.file.read(section.offset, section.len.min(24))?;
        match self.wide {
            true => head::<elf::CompressionHeader64<Endianness>>(&bytes, self.endian),
            false => head::<elf::CompressionHeader32<Endianness>>(&bytes, self.endian),
        }
    }

    fn section(&self, name: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.name == name && section.ty != elf::SHT_NOBITS)
    }
}

fn read_as<Header: FileHeader<Endian = Endianness>>(file: RegularFile, head: &[u8]) -> Option<Elf> {
    let header = Header::parse(head).ok()?;
    let endian = header.endian().ok()?;
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) {
        return None;
    }
    let segment_bytes = segment_bytes(&file, header, endian)?;
    let segments = pod::slice_from_all_bytes::<Header::ProgramHeader>(&segment_bytes).ok()?;
    let section_bytes = section_bytes(&file, header, endian).unwrap_or_default();
    let sections = pod::slice_from_all_bytes::<Header::SectionHeader>(&section_bytes).ok()?;
    let lowest_vaddr = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .map(|segment| segment.p_vaddr(endian).into())
        .min()?;
    Some(Elf {
        wide: Header::is_type_64_sized(),
        endian,
        lowest_vaddr: lowest_vaddr & !(PAGE_BYTES - 1),
        build_id: build_id::<Header>(&file, endian, segments, sections),
        arch: match header.e_machine(endian) {
            elf::EM_X86_64 => Some(Arch::X86_64),
            elf::EM_AARCH64 => Some(Arch::Aarch64),
            _ => None,
        },
        sections: named_sections(&file, header, endian, sections),
        segments: segments
            .iter()
            .filter(|segment| matches!(segment.p_type(endian), elf::PT_LOAD | elf::PT_GNU_EH_FRAME))
            .map(|segment| Segment {
                ty: segment.p_type(endian),
                address: segment.p_vaddr(endian).into(),
                offset: segment.p_offset(endian).into(),
                len: segment.p_filesz(endian).into(),
                is_code: segment.p_flags(endian).contains(elf::PF_X),
            })
            .collect(),
        file,
    })
}

fn segment_bytes<Header: FileHeader<Endian = Endianness>>(
    file: &RegularFile,
    header: &Header,
    endian: Endianness,
) -> Option<Vec<u8>> {
    let count = header.e_phnum(endian);
    let one = size_of::<Header::ProgramHeader>();
    if count > SEGMENTS_MAX || usize::from(header.e_phentsize(endian)) != one {
        return None;
    }
    file.read(header.e_phoff(endian).into(), u64::from(count) * one as u64)
}

/// The section headers; `None` (a binary without sections is still a binary) if there are none or they are broken.
fn section_bytes<Header: FileHeader<Endian = Endianness>>(
    file: &RegularFile,
    header: &Header,
    endian: Endianness,
) -> Option<Vec<u8>> {
    let count = header.e_shnum(endian);
    let one = size_of::<Header::SectionHeader>();
    if count > SECTIONS_MAX || usize::from(header.e_shentsize(endian)) != one {
        return None;
    }
    file.read(header.e_shoff(endian).into(), u64::from(count) * one as u64)
}

fn named_sections<Header: FileHeader<Endian = Endianness>>(
    file: &RegularFile,
    header: &Header,
    endian: Endianness,
    sections: &[Header::SectionHeader],
) -> Vec<Section> {
    let names = sections
        .get(usize::from(header.e_shstrndx(endian).0))
        .filter(|names| names.sh_size(endian).into() <= SECTION_NAMES_BYTES_MAX)
        .and_then(|names| file.read(names.sh_offset(endian).into(), names.sh_size(endian).into()))
        .unwrap_or_default();
    sections
        .iter()
        .map(|section| Section {
            name: name_at(&names, section.sh_name(endian)).into_owned(),
            address: section.sh_addr(endian).into(),
            ty: section.sh_type(endian),
            compressed: section.sh_flags(endian).contains(elf::SHF_COMPRESSED),
            offset: section.sh_offset(endian).into(),
            len: section.sh_size(endian).into(),
            link: section.sh_link(endian),
        })
        .collect()
}

/// The text at `offset` of a string table, up to its zero byte (or 4,096 bytes); empty if there is none.
pub(super) fn name_at(names: &[u8], offset: u32) -> Cow<'_, str> {
    const NAME_BYTES_MAX: usize = 4096;
    let rest = usize::try_from(offset).ok().and_then(|at| names.get(at..));
    let rest = rest.unwrap_or_default();
    let rest = &rest[..rest.len().min(NAME_BYTES_MAX)];
    let end = rest.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&rest[..end.unwrap_or(rest.len())])
}

/// Sections are asked before segments: in a file of split debug information the segments point at bytes that were taken out.
fn build_id<Header: FileHeader<Endian = Endianness>>(
    file: &RegularFile,
    endian: Endianness,
    segments: &[Header::ProgramHeader],
    sections: &[Header::SectionHeader],
) -> Option<String> {
    let sections = sections
        .iter()
        .filter(|section| section.sh_type(endian) == elf::SHT_NOTE)
        .map(|section| {
            (
                section.sh_offset(endian),
                section.sh_size(endian),
                section.sh_addralign(endian),
            )
        });
    let segments = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_NOTE)
        .map(|segment| {
            (
                segment.p_offset(endian),
                segment.p_filesz(endian),
                segment.p_align(endian),
            )
        });
    sections
        .chain(segments)
        // Real files have a handful of notes; the bound is against a file that is nothing but note headers.
        .take(64)
        .find_map(|(offset, len, align)| {
            let len = len.into();
            let bytes = (len <= NOTES_BYTES_MAX).then(|| file.read(offset.into(), len))??;
            build_id_in::<Header>(&bytes, endian, align)
        })
}

fn build_id_in<Header: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    endian: Endianness,
    align: Header::Word,
) -> Option<String> {
    let mut notes = NoteIterator::<Header>::new(endian, align, bytes).ok()?;
    while let Ok(Some(note)) = notes.next() {
        let wanted =
            note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID;
        if wanted && (1..=BUILD_ID_BYTES_MAX).contains(&note.desc().len()) {
            return Some(hex(note.desc()));
        }
    }
    None
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
