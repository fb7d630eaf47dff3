//! Makes minidumps: of programs that really died, and by hand.

use minidump_synth::{
    DumpString, Exception, Memory, Module, SynthMinidump, SystemInfo, Thread, ThreadName,
};
use test_assembler::{Endian, Section};

const LITTLE: Endian = Endian::Little;

/// A binary in a dump.
pub struct Mapped {
    pub path: String,
    pub start: u64,
    pub len: u32,
    /// Hex digits; nothing if the dump does not say.
    pub build_id: String,
}

/// A thread in a dump.
pub struct Stopped {
    pub id: u32,
    pub name: &'static str,
    /// rip, then by DWARF number.
    pub registers: [u64; 17],
    pub stack_base: u64,
    pub stack: Vec<u8>,
}

/// Signal, its code, and the address it is about.
pub type Signal = (u32, u32, u64);

/// A minidump as a handler on Linux (x86-64) writes it; the first thread crashed, if there is a signal.
pub fn minidump(modules: &[Mapped], threads: &[Stopped], signal: Option<Signal>) -> Vec<u8> {
    const X86_64: u16 = 9;
    const LINUX: u32 = 0x8201;
    let system = SystemInfo::new(LITTLE)
        .set_processor_architecture(X86_64)
        .set_platform_id(LINUX);
    let mut dump = SynthMinidump::with_endian(LITTLE)
        .add_system_info(system)
        .set_linux_lsb_release(b"DISTRIB_ID=Test\nDISTRIB_DESCRIPTION=\"Test Linux 1\"\n");
    for mapped in modules {
        let name = DumpString::new(&mapped.path, LITTLE);
        let id = Section::with_endian(LITTLE)
            .D32(0x4270_454c) // "BpEL"
            .append_bytes(&bytes_of(&mapped.build_id));
        let module = Module::new(LITTLE, mapped.start, mapped.len, &name, 1, 0, None);
        let module = match mapped.build_id.is_empty() {
            true => module,
            false => module.cv_record(&id),
        };
        dump = dump.add_module(module).add(name).add(id);
    }
    for stopped in threads {
        let context = context(&stopped.registers);
        let bytes = Section::with_endian(LITTLE).append_bytes(&stopped.stack);
        let stack = Memory::with_section(bytes, stopped.stack_base);
        let thread = Thread::new(LITTLE, stopped.id, &stack, &context);
        let name = DumpString::new(stopped.name, LITTLE);
        let named = ThreadName::new(LITTLE, stopped.id, Some(&name));
        dump = dump
            .add_thread(thread)
            .add_thread_name(named)
            .add(context)
            .add(name)
            .add_memory(stack);
    }
    if let Some((number, code, address)) = signal {
        let mut exception = Exception::new(LITTLE);
        exception.thread_id = threads[0].id;
        exception.exception_record.exception_code = number;
        exception.exception_record.exception_flags = code;
        exception.exception_record.exception_address = address;
        dump = dump.add_exception(exception);
    }
    dump.finish().unwrap()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// `CONTEXT_AMD64`.
fn context(registers: &[u64; 17]) -> Section {
    // rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, then as DWARF counts; rip last.
    let order = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut context = Section::with_endian(LITTLE)
        .append_repeated(0, 48)
        .D32(0x0010_001f)
        .D32(0)
        .append_repeated(0, 12)
        .D32(0)
        .append_repeated(0, 48);
    for register in order {
        context = context.D64(registers[1 + register]);
    }
    context = context.D64(registers[0]);
    context.append_repeated(0, 512 + 16 * 26 + 48)
}

/// The id by which Breakpad's files name the binary with this build id.
pub fn debug_id(build_id: &str) -> String {
    let bytes = bytes_of(build_id);
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let digits: String = order
        .iter()
        .map(|at| format!("{:02X}", bytes[*at]))
        .collect();
    digits + "0"
}

pub const SHOP_ID: &str = "00112233445566778899aabbccddeeff00112233";
const SHOP: u64 = 0x40_0000;
const STACK: u64 = 0x7ffe_0000_1000;

/// A crash in a program that is nowhere: `pay` called by `checkout`, for Breakpad's files alone to tell.
pub fn shop(signal: Option<Signal>) -> Vec<u8> {
    let shop = Mapped {
        path: "/srv/shop/shop".into(),
        start: SHOP,
        len: 0x1_0000,
        build_id: SHOP_ID.into(),
    };
    let mut registers = [0; 17];
    registers[0] = SHOP + 0x1010;
    registers[1 + 7] = STACK;
    let words = [7, 7, SHOP + 0x2020, 0, 0, 0];
    let stopped = Stopped {
        id: 7,
        name: "worker",
        registers,
        stack_base: STACK,
        stack: words.iter().flat_map(|word| word.to_le_bytes()).collect(),
    };
    minidump(&[shop], &[stopped], signal)
}

/// A program on Windows that wrote to address 32.
pub fn windows() -> Vec<u8> {
    const X86_64: u16 = 9;
    const WINDOWS: u32 = 2;
    let system = SystemInfo::new(LITTLE)
        .set_processor_architecture(X86_64)
        .set_platform_id(WINDOWS);
    let name = DumpString::new(r"C:\shop\shop.exe", LITTLE);
    let id = Section::with_endian(LITTLE)
        .D32(0x5344_5352) // "RSDS"
        .append_bytes(&bytes_of("00112233445566778899aabbccddeeff"))
        .D32(1)
        .append_bytes(b"shop.pdb\0");
    let module = Module::new(LITTLE, SHOP, 0x1_0000, &name, 1, 0, None).cv_record(&id);
    let mut registers = [0; 17];
    registers[0] = SHOP + 0x1010;
    registers[1 + 7] = STACK;
    let context = context(&registers);
    let bytes = Section::with_endian(LITTLE).append_repeated(0, 64);
    let stack = Memory::with_section(bytes, STACK);
    let thread = Thread::new(LITTLE, 7, &stack, &context);
    let mut exception = Exception::new(LITTLE);
    exception.thread_id = 7;
    exception.exception_record.exception_code = 0xc000_0005;
    exception.exception_record.exception_address = SHOP + 0x1010;
    exception.exception_record.number_parameters = 2;
    exception.exception_record.exception_information[..2].copy_from_slice(&[1, 0x20]);
    let dump = SynthMinidump::with_endian(LITTLE)
        .add_system_info(system)
        .add_module(module)
        .add(name)
        .add(id)
        .add_thread(thread)
        .add(context)
        .add_memory(stack)
        .add_exception(exception);
    dump.finish().unwrap()
}

/// The Breakpad file of [`shop`].
pub fn shop_symbols() -> String {
    format!(
        "MODULE Linux x86_64 {} shop\n\
         FILE 0 /build/shop/src/pay.cc\n\
         FILE 1 /build/shop/src/checkout.cc\n\
         INLINE_ORIGIN 0 shop::charge\n\
         FUNC 1000 100 0 shop::pay(int)\n\
         INLINE 0 99 0 0 1000 20\n\
         1000 20 42 0\n\
         1020 e0 43 0\n\
         FUNC 2000 100 0 shop::checkout()\n\
         2000 100 17 1\n\
         STACK CFI INIT 1000 100 .cfa: $rsp 24 + .ra: .cfa -8 + ^\n\
         STACK CFI INIT 2000 100 .cfa: $rsp 8 + .ra: .cfa -8 + ^\n",
        debug_id(SHOP_ID)
    )
}
