//! Stacks of programs that really died, hand-made ones of another machine, and bytes that mean nothing.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::language::InAppRules;
use crate::scratch::{Scratch, scratch};

// They die with the registers of one machine.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod real;

/// What one thread left, with all that a [`Snapshot`] borrows.
#[derive(Clone)]
struct Left {
    arch: Arch,
    registers: Registers,
    stack_base: u64,
    stack: Vec<u8>,
    images: Vec<Image>,
}

impl Left {
    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            arch: self.arch,
            registers: self.registers,
            stack_base: self.stack_base,
            stack: &self.stack,
            images: &self.images,
        }
    }

    fn steps(&self) -> Vec<Step> {
        fresh().unwind(&self.snapshot())
    }
}

fn fresh() -> Symbolizer {
    Symbolizer::new(None, InAppRules::default())
}

fn own_images() -> Vec<Image> {
    images(&std::fs::read_to_string("/proc/self/maps").unwrap())
}

/// The files of `/proc/self/maps`, as the journal's module table has them: one entry from the first to the last mapping.
fn images(maps: &str) -> Vec<Image> {
    let mut ranges = BTreeMap::<&str, (u64, u64)>::new();
    for line in maps.lines() {
        let Some(path) = line.find(['/', '[']).map(|at| &line[at..]) else {
            continue;
        };
        let (start, rest) = line.split_once('-').unwrap();
        let (end, _) = rest.split_once(' ').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let range = ranges.entry(path).or_insert((number(start), 0));
        range.1 = number(end);
    }
    ranges.retain(|path, _| path.starts_with('/') || *path == "[vdso]");
    let image = |(path, (start, end)): (&str, (u64, u64))| {
        let elf = crate::symbol::file::RegularFile::open(Path::new(path)).ok();
        Image {
            code_file: Some(path.to_owned()),
            code_id: elf
                .and_then(crate::symbol::elf::Elf::read)
                .and_then(|elf| elf.build_id),
            image_addr: Some(start),
            image_size: Some(end - start),
            ..Image::default()
        }
    };
    ranges.into_iter().map(image).collect()
}

// ---- binaries made by hand ----

const BASE: u64 = 0x7f00_0000_0000;
const TEXT: u64 = 0x1000;
const TEXT_LEN: u64 = 0x100;
const TABLES: u64 = 0x2000;
const BINARY_LEN: u64 = 0x3000;
const STACK: u64 = 0x7ffe_0000_0000;

/// A 64-bit binary whose code is one call after the other, with this section of unwind tables.
fn binary(machine: u16, call: u32, name: &str, tables: &[u8]) -> Vec<u8> {
    let mut file = vec![0; BINARY_LEN as usize];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &3u16.to_le_bytes()); // ET_DYN
    put(18, &machine.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(32, &64u64.to_le_bytes()); // program headers
    put(40, &0x200u64.to_le_bytes()); // section headers
    put(52, &[64, 0, 56, 0, 1, 0, 64, 0, 4, 0, 3, 0]);
    let words = |words: &[u64]| {
        words
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    // PT_LOAD, readable and executable.
    put(
        64,
        &words(&[1 | (5 << 32), 0, 0, 0, BINARY_LEN, BINARY_LEN, 0x1000]),
    );
    let names = format!("\0.text\0.shstrtab\0{name}\0");
    put(0x180, names.as_bytes());
    // Of each section: name and type, flags, address, offset, length.
    put(0x240, &words(&[1 | (1 << 32), 6, TEXT, TEXT, TEXT_LEN]));
    put(
        0x280,
        &words(&[17 | (1 << 32), 2, TABLES, TABLES, tables.len() as u64]),
    );
    put(
        0x2c0,
        &words(&[7 | (3 << 32), 0, 0, 0x180, names.len() as u64]),
    );
    for at in (TEXT..TEXT + TEXT_LEN).step_by(4) {
        put(at as usize, &call.to_le_bytes());
    }
    put(TABLES as usize, tables);
    file
}

/// One entry of a table: its length, then these bytes, filled up with no-operations.
fn entry(bytes: &[u8]) -> Vec<u8> {
    let padded = bytes.len().next_multiple_of(8);
    let mut entry = (padded as u32).to_le_bytes().to_vec();
    entry.extend(bytes);
    entry.resize(4 + padded, 0);
    entry
}

/// `.eh_frame` of a machine: the rules of every function, then each with its start, its length and its own rules.
fn eh_frame(
    alignment: u8,
    return_register: u8,
    rules: &[u8],
    functions: &[(u64, u32, &[u8])],
) -> Vec<u8> {
    const PCREL_SDATA4: u8 = 0x1b;
    let head = [
        0,
        0,
        0,
        0,
        1,
        b'z',
        b'R',
        0,
        alignment,
        0x78,
        return_register,
        1,
        PCREL_SDATA4,
    ];
    let mut table = entry(&[&head, rules].concat());
    for (start, len, rules) in functions {
        let at = table.len() as u64;
        let distance = (*start as i64 - (TABLES + at + 8) as i64) as i32;
        let mut bytes = (at as u32 + 4).to_le_bytes().to_vec();
        bytes.extend(distance.to_le_bytes());
        bytes.extend(len.to_le_bytes());
        bytes.push(0);
        bytes.extend(*rules);
        table.extend(entry(&bytes));
    }
    table.extend([0; 4]);
    table
}

/// A binary on disk, mapped at [`BASE`].
struct Made {
    directory: Scratch,
    file: Vec<u8>,
}

impl Made {
    fn new(file: Vec<u8>) -> Self {
        let directory = scratch();
        Self { directory, file }
    }

    fn image(&self) -> Image {
        use std::os::unix::fs::MetadataExt;
        let path = self.directory.path().join("made");
        std::fs::write(&path, &self.file).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        let mtime_ns = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
        let mut image = Image {
            code_file: Some(path.to_str().unwrap().to_owned()),
            image_addr: Some(BASE),
            image_size: Some(BINARY_LEN),
            ..Image::default()
        };
        image.other.insert("inode".into(), metadata.ino().into());
        image.other.insert("mtime_ns".into(), mtime_ns.into());
        image
            .other
            .insert("file_size".into(), metadata.len().into());
        image
    }
}

/// A thread at `pc` of the code, with these words on its stack.
fn left(arch: Arch, image: Image, pc: u64, words: &[u64]) -> Left {
    let mut registers = Registers {
        pc: BASE + TEXT + pc,
        ..Registers::default()
    };
    let sp = match arch {
        Arch::X86_64 => 7,
        Arch::Aarch64 => 31,
    };
    registers.general[sp] = STACK;
    Left {
        arch,
        registers,
        stack_base: STACK,
        stack: words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        images: vec![image],
    }
}

fn at(offset: u64) -> u64 {
    BASE + TEXT + offset
}

/// The addresses from the start of the code, with their trust.
fn check_steps(left: &Left, expected: &[(u64, Trust)]) {
    let steps = left.steps();
    let found: Vec<_> = steps
        .iter()
        .map(|step| (step.address.wrapping_sub(BASE + TEXT), step.trust))
        .collect();
    assert_eq!(found, expected, "{found:x?}");
}

const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
/// `bl .`: before every instruction stands a call.
const BL: u32 = 0x9400_0000;
const DEF_CFA: u8 = 0x0c;
const DEF_CFA_OFFSET: u8 = 0x0e;
const UNDEFINED: u8 = 0x07;
const NEGATE_RA_STATE: u8 = 0x2d;
const ADVANCE: u8 = 0x40;
const OFFSET: u8 = 0x80;
/// What a signature may look like in the upper bits of an address.
const SIGNED: u64 = 0x00b5 << 48;

/// Four functions of aarch64: a leaf; one with its frame on the stack pointer; one with a signed return address and its
/// frame on the frame pointer; one that nobody called. Behind them code without rules.
fn aarch64() -> Made {
    let table = eh_frame(
        4,
        30,
        &[DEF_CFA, 31, 0],
        &[
            (TEXT, 0x10, &[]),
            (
                TEXT + 0x10,
                0x20,
                &[
                    ADVANCE | 1,
                    DEF_CFA_OFFSET,
                    32,
                    OFFSET | 29,
                    4,
                    OFFSET | 30,
                    3,
                ],
            ),
            (
                TEXT + 0x30,
                0x20,
                &[
                    ADVANCE | 1,
                    NEGATE_RA_STATE,
                    DEF_CFA,
                    29,
                    16,
                    OFFSET | 29,
                    2,
                    OFFSET | 30,
                    1,
                ],
            ),
            (TEXT + 0x50, 0x10, &[UNDEFINED, 30]),
        ],
    );
    Made::new(binary(EM_AARCH64, BL, ".eh_frame", &table))
}

/// The stack of the leaf, called by the second, called by the third, called by the fourth.
fn aarch64_left(made: &Made) -> Left {
    let fp = STACK + 5 * 8;
    let words = [fp, at(0x40), 0, 0, 0, 0, at(0x58) | SIGNED, 0, 0];
    let mut left = left(Arch::Aarch64, made.image(), 0x4, &words);
    left.registers.general[30] = at(0x20);
    left
}

#[test]
fn aarch64_is_walked_by_its_tables() {
    let made = aarch64();
    let expected = [
        (0x4, Trust::Context),
        (0x20, Trust::Cfi),
        (0x40, Trust::Cfi),
        (0x58, Trust::Cfi),
    ];
    check_steps(&aarch64_left(&made), &expected);
}

#[test]
fn aarch64_without_tables_is_walked_by_frame_pointers() {
    let made = aarch64();
    let fp = STACK + 8;
    let words = [0, fp + 24, at(0x80), 0, 0, at(0x90), 0];
    let mut left = left(Arch::Aarch64, made.image(), 0x70, &words);
    left.registers.general[29] = fp;
    let expected = [
        (0x70, Trust::Context),
        (0x80, Trust::FramePointer),
        (0x90, Trust::FramePointer),
    ];
    check_steps(&left, &expected);
}

#[test]
fn aarch64_calls_to_nowhere_return_by_the_link_register() {
    let made = aarch64();
    let mut left = aarch64_left(&made);
    left.registers.pc = 0;
    let addresses: Vec<u64> = left.steps().iter().map(|step| step.address).collect();
    assert_eq!(addresses, [0, at(0x20), at(0x40), at(0x58)]);
}

#[test]
fn aarch64_signals_lead_back_through_the_kernels_trampoline() {
    let made = aarch64();
    let mut inner = aarch64_left(&made);
    // The handler is the leaf, returning to the kernel's code; the frame of the signal holds the registers from before.
    let vdso = 0x7fff_0000_0000u64;
    let mut words = vec![0; 39];
    words.extend(inner.registers.general[..31].iter());
    words.extend([STACK + 600, at(0x4)]);
    words.resize(75, 0);
    let stack = words.iter().flat_map(|word: &u64| word.to_le_bytes());
    inner.stack = stack.chain(inner.stack.clone()).collect();
    inner.registers.general[30] = vdso + 0x800;
    // What was interrupted kept its frame pointer behind the signal's frame.
    let fp_saved = 600;
    let at_fp = STACK + 5 * 8 + 600;
    inner.stack[fp_saved..fp_saved + 8].copy_from_slice(&at_fp.to_le_bytes());
    inner.images.push(Image {
        code_file: Some("[vdso]".into()),
        image_addr: Some(vdso),
        image_size: Some(0x2000),
        ..Image::default()
    });
    let addresses: Vec<u64> = inner.steps().iter().map(|step| step.address).collect();
    let expected = [at(0x4), vdso + 0x800, at(0x4), at(0x20), at(0x40), at(0x58)];
    assert_eq!(addresses, expected, "{addresses:x?}");
}

/// `call .+5` and three bytes more: eight bytes after each start stands a return address.
const CALL: u32 = 0x0000_00e8;

/// Functions of x86-64: one with 24 bytes of stack; the one that called it; one whose frame lies where the second word
/// on its stack says, and its return address below that.
fn x86_64_rules() -> [(u64, u32, &'static [u8]); 3] {
    const DEF_CFA_EXPRESSION: u8 = 0x0f;
    const EXPRESSION: u8 = 0x10;
    const BREG7: u8 = 0x77;
    const DEREF: u8 = 0x06;
    const PLUS_UCONST: u8 = 0x23;
    [
        (TEXT, 0x20, &[DEF_CFA_OFFSET, 32]),
        (TEXT + 0x20, 0x20, &[UNDEFINED, 16]),
        (
            TEXT + 0x40,
            0x20,
            &[
                DEF_CFA_EXPRESSION,
                3,
                BREG7,
                8,
                DEREF,
                // The saved rbx, four words above the frame.
                EXPRESSION,
                3,
                2,
                PLUS_UCONST,
                32,
            ],
        ),
    ]
}

#[test]
fn rules_may_be_expressions() {
    let made = Made::new(binary(EM_X86_64, CALL, ".eh_frame", &x86_64_table()));
    let words = [0, STACK + 32, 0, at(0x31), 0, 0, 0, 0, 77];
    let left = left(Arch::X86_64, made.image(), 0x48, &words);
    check_steps(&left, &[(0x48, Trust::Context), (0x31, Trust::Cfi)]);
}

fn check_x86_64(file: Vec<u8>) {
    let made = Made::new(file);
    let left = left(Arch::X86_64, made.image(), 0x8, &[0, 0, 0, at(0x31)]);
    check_steps(&left, &[(0x8, Trust::Context), (0x31, Trust::Cfi)]);
}

#[test]
fn the_debuggers_table_serves_where_it_is_all_there_is() {
    // Entries of `.debug_frame` name their common rules by place and hold whole addresses.
    let common = [
        &[0xff; 4],
        &[1, 0, 1, 0x78, 16, DEF_CFA, 7, 8, OFFSET | 16, 1][..],
    ]
    .concat();
    let mut table = entry(&common);
    for (start, len, rules) in x86_64_rules() {
        let mut bytes = vec![0; 4];
        bytes.extend(start.to_le_bytes());
        bytes.extend(u64::from(len).to_le_bytes());
        bytes.extend(rules);
        table.extend(entry(&bytes));
    }
    check_x86_64(binary(EM_X86_64, CALL, ".debug_frame", &table));
}

fn x86_64_table() -> Vec<u8> {
    let rules = [DEF_CFA, 7, 8, OFFSET | 16, 1];
    eh_frame(1, 16, &rules, &x86_64_rules())
}

#[test]
fn a_table_is_found_without_section_headers() {
    let mut file = binary(EM_X86_64, CALL, ".eh_frame", &x86_64_table());
    check_x86_64(file.clone());
    file[40..48].fill(0); // their place
    file[60..62].fill(0); // their number
    file[56] = 2;
    let index = 0x2800u64;
    let header = [0x6474_e550 | (4 << 32), index, index, index, 8, 8, 4];
    for (at, word) in header.into_iter().enumerate() {
        file[120 + 8 * at..][..8].copy_from_slice(&u64::to_le_bytes(word));
    }
    let distance = (TABLES as i64 - (index + 4) as i64) as i32;
    file[index as usize..][..4].copy_from_slice(&[1, 0x1b, 3, 0x3b]);
    file[index as usize + 4..][..4].copy_from_slice(&distance.to_le_bytes());
    check_x86_64(file);
}

#[test]
fn a_trampoline_without_a_table_is_known_by_its_instructions() {
    let mut file = binary(EM_X86_64, CALL, ".eh_frame", &x86_64_table());
    let trampoline = (TEXT + 0x60) as usize;
    file[trampoline..trampoline + 9].copy_from_slice(&[0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 5]);
    let made = Made::new(file);
    // A handler with 24 bytes of stack; behind it the registers that were interrupted.
    let mut words = vec![0, 0, 0, at(0x60)];
    words.resize(4 + 22, 0);
    words[4 + 20] = STACK + 8 * 40;
    words[4 + 21] = at(0x10);
    words.resize(40, 0);
    words.extend([0, 0, 0, at(0x31)]);
    let left = left(Arch::X86_64, made.image(), 0x8, &words);
    let exact: Vec<_> = left
        .steps()
        .iter()
        .map(|step| (step.address - at(0), step.is_exact))
        .collect();
    assert_eq!(
        exact,
        [(0x8, true), (0x60, false), (0x10, true), (0x31, false)]
    );
}

#[test]
fn a_binary_of_which_only_the_debug_file_is_left_forbids_nothing() {
    let mut file = binary(EM_X86_64, CALL, ".debug_frame", &[]);
    file[0x244..0x248].copy_from_slice(&8u32.to_le_bytes()); // .text is left out
    file[64 + 32..64 + 40].fill(0); // and its segment holds nothing
    let made = Made::new(file);
    let words = [0, STACK + 32, at(0x55), 0, 0, at(0x66), 0];
    let mut left = left(Arch::X86_64, made.image(), 0x8, &words);
    left.registers.general[6] = STACK + 8;
    let expected = [
        (0x8, Trust::Context),
        (0x55, Trust::FramePointer),
        (0x66, Trust::FramePointer),
    ];
    check_steps(&left, &expected);
}

#[test]
fn a_table_of_another_machine_is_not_followed() {
    let made = Made::new(binary(EM_AARCH64, BL, ".eh_frame", &x86_64_table()));
    let left = left(Arch::X86_64, made.image(), 0x8, &[0, 0, 0, at(0x31)]);
    check_steps(&left, &[(0x8, Trust::Context)]);
}

// ---- anything at all ----

/// Numbers that look random and are the same every time (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Numbers as they stand on stacks: places in code and on the stack, small ones, the ends of the range, any.
    fn word(&mut self, images: &[Image]) -> u64 {
        let image = &images[self.below(images.len() as u64) as usize];
        match self.below(8) {
            0..=2 => image.image_addr.unwrap() + self.below(image.image_size.unwrap()),
            3 => STACK.wrapping_add(self.below(2048)).wrapping_sub(512),
            4 => STACK + 8 * self.below(128),
            5 => self.below(64),
            6 => u64::MAX - self.below(64),
            _ => self.next(),
        }
    }
}

fn scrambled(numbers: &mut Numbers, arch: Arch, images: &[Image]) -> Left {
    let mut registers = Registers {
        pc: numbers.word(images),
        ..Registers::default()
    };
    for register in &mut registers.general {
        *register = numbers.word(images);
    }
    let stack_pointer = if arch == Arch::X86_64 { 7 } else { 31 };
    if numbers.below(4) > 0 {
        registers.general[stack_pointer] = STACK + numbers.below(256);
    }
    let len = numbers.below(128);
    let words = (0..len).flat_map(|_| numbers.word(images).to_le_bytes());
    let mut stack: Vec<u8> = words.collect();
    stack.truncate(stack.len().saturating_sub(numbers.below(9) as usize));
    let bases = [STACK, STACK, STACK, STACK + 3, u64::MAX - 100, 0];
    Left {
        arch,
        registers,
        stack_base: bases[numbers.below(6) as usize],
        stack,
        images: images.to_vec(),
    }
}

#[test]
fn any_registers_and_stack_end_the_walk() {
    let images = own_images();
    let mut symbolizer = fresh();
    let mut numbers = Numbers(1);
    let mut longest = 0;
    for _ in 0..4000 {
        let left = scrambled(&mut numbers, Arch::X86_64, &images);
        let steps = symbolizer.unwind(&left.snapshot());
        assert!((1..=ADDRESSES_MAX).contains(&steps.len()));
        longest = longest.max(steps.len());
    }
    assert!(longest > 3, "no walk got anywhere: {longest}");
}

#[test]
fn any_tables_end_the_walk() {
    let mut numbers = Numbers(2);
    let x86_64 = binary(EM_X86_64, CALL, ".eh_frame", &x86_64_table());
    for (arch, file) in [(Arch::Aarch64, aarch64().file), (Arch::X86_64, x86_64)] {
        for _ in 0..1500 {
            let mut made = Made::new(file.clone());
            for _ in 0..=numbers.below(6) {
                // Headers, code and tables alike, mostly tables.
                let place = match numbers.below(6) {
                    0 => numbers.below(0x300),
                    _ => TABLES + numbers.below(0xb0),
                };
                let byte = [numbers.next() as u8, 0xff, 0, 0x80][numbers.below(4) as usize];
                made.file[place as usize] = byte;
            }
            let left = scrambled(&mut numbers, arch, &[made.image()]);
            assert!(left.steps().len() <= ADDRESSES_MAX);
        }
    }
}

#[test]
fn numbers_at_the_ends_of_the_range_do_no_harm() {
    let images = own_images();
    for value in [0, 1, 7, u64::MAX, u64::MAX - 7, 1 << 63] {
        for arch in [Arch::X86_64, Arch::Aarch64] {
            for bytes in [0, 7, 8, 4096] {
                let left = Left {
                    arch,
                    registers: Registers {
                        pc: value,
                        general: [value; 32],
                    },
                    stack_base: value,
                    stack: vec![0xff; bytes],
                    images: images.clone(),
                };
                assert_eq!(left.steps()[0].address, value);
            }
        }
    }
}
