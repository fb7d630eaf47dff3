//! The room against real binaries: the test program itself, and small ones the compiler makes on the spot.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::elf::Elf;
use super::file::RegularFile;
use super::*;
use crate::event::Exception;

/// This program is the engine, whose frames are nobody's; the tests are theirs.
fn tests_are_in_app() -> InAppRules {
    InAppRules {
        include: vec!["crashvault::symbol::tests".into()],
        exclude: Vec::new(),
    }
}

fn event(addresses_innermost_first: &[u64]) -> Event {
    let mut event = Event::new();
    event.timestamp = Some(Timestamp::now());
    let frames = addresses_innermost_first.iter().rev().map(|address| Frame {
        instruction_addr: Some(*address),
        ..Frame::default()
    });
    event.exceptions.push(Exception {
        stacktrace: Some(Stacktrace {
            frames: frames.collect(),
            ..Stacktrace::default()
        }),
        ..Exception::default()
    });
    event
}

fn frames(event: &Event) -> &[Frame] {
    &event.stacktraces().next().unwrap().frames
}

/// An image of `path` mapped at `address`, identified by size and time, and by its build id if asked.
fn image(path: &Path, address: u64, len: u64, with_build_id: bool) -> Image {
    let metadata = std::fs::metadata(path).unwrap();
    let code_id = RegularFile::open(path).ok().and_then(Elf::read);
    let mut image = Image {
        ty: Some("elf".into()),
        code_file: Some(path.to_str().unwrap().into()),
        code_id: code_id
            .and_then(|elf| elf.build_id)
            .filter(|_| with_build_id),
        image_addr: Some(address),
        image_size: Some(len),
        ..Image::default()
    };
    image.other.insert("inode".into(), metadata.ino().into());
    image
        .other
        .insert("mtime_ns".into(), file::mtime_ns(&metadata).into());
    image
        .other
        .insert("file_size".into(), metadata.len().into());
    image
}

/// The module table of this process.
fn own_images() -> Vec<Image> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut ranges = BTreeMap::<&str, (u64, u64)>::new();
    for line in maps.lines() {
        let Some(path) = line.find('/').map(|at| &line[at..]) else {
            continue;
        };
        let (start, rest) = line.split_once('-').unwrap();
        let (end, _) = rest.split_once(' ').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let range = ranges.entry(path).or_insert((number(start), 0));
        range.1 = number(end);
    }
    ranges
        .into_iter()
        .filter(|(path, _)| Path::new(path).is_file())
        .map(|(path, (start, end))| image(Path::new(path), start, end - start, true))
        .collect()
}

#[inline(never)]
fn captured(addresses: &mut Vec<u64>) -> u32 {
    let line = line!() + 1;
    backtrace::trace(|frame| {
        addresses.push(frame.ip() as u64);
        true
    });
    std::hint::black_box(line)
}

#[inline(always)]
fn inlined(addresses: &mut Vec<u64>) -> (u32, u32) {
    (line!(), captured(addresses))
}

#[inline(never)]
fn outer(addresses: &mut Vec<u64>) -> (u32, u32, u32) {
    let (line, (inlined, captured)) = (line!(), inlined(addresses));
    std::hint::black_box((line, inlined, captured))
}

#[test]
fn the_own_stack_gets_functions_lines_inlined_calls_and_source() {
    let mut addresses = Vec::new();
    let (outer_line, inlined_line, captured_line) = outer(&mut addresses);
    let mut event = event(&addresses);
    Symbolizer::new(None, tests_are_in_app()).symbolicate(&mut event, &own_images());

    assert_eq!(event.flaws, []);
    let frames = frames(&event);
    let innermost: Vec<_> = frames.iter().rev().take(3).collect();
    let expected = [
        ("crashvault::symbol::tests::captured", captured_line),
        ("crashvault::symbol::tests::inlined", inlined_line),
        ("crashvault::symbol::tests::outer", outer_line),
    ];
    for (frame, (function, line)) in innermost.into_iter().zip(expected) {
        assert_eq!(frame.function.as_deref(), Some(function));
        assert_eq!(frame.lineno, Some(u64::from(line)), "{function}");
        assert_eq!(
            frame.filename.as_deref(),
            Some("crashvault-core/src/symbol/tests.rs")
        );
        assert!(Path::new(frame.abs_path.as_deref().unwrap()).is_absolute());
        assert_eq!(frame.in_app, Some(true));
        let source = frame.context_line.as_deref().unwrap();
        let name = function.rsplit("::").next().unwrap();
        let called = match name {
            "captured" => "backtrace::trace(|frame| {",
            "inlined" => "captured(addresses)",
            _ => "inlined(addresses)",
        };
        assert!(source.contains(called), "{source}");
        assert_eq!((frame.pre_context.len(), frame.post_context.len()), (5, 5));
    }
    let start = frames.iter().find(|frame| {
        let function = frame.function.as_deref().unwrap_or_default();
        function.starts_with("std::panicking::")
    });
    let start = start.expect("the test harness catches panics");
    assert_eq!(start.in_app, Some(false));
    assert!(
        start
            .filename
            .as_deref()
            .unwrap()
            .starts_with("library/std/src/")
    );
    assert_eq!(start.context_line, None);
}

thread_local! {
    static PANICKED_AT: std::cell::RefCell<Vec<u64>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// The addresses of the stack in which `failing` panicked, seen from a panic hook.
fn panicked(failing: fn()) -> Vec<u64> {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let mut addresses = Vec::new();
            captured(&mut addresses);
            PANICKED_AT.set(addresses);
            previous(info);
        }));
    });
    assert!(std::panic::catch_unwind(failing).is_err());
    PANICKED_AT.take()
}

mod user {
    use std::hint::black_box;

    pub const UNWRAP_LINE: u32 = line!() + 2;
    pub fn unwraps() {
        black_box(None::<u8>).unwrap();
    }

    pub const INDEX_LINE: u32 = line!() + 2;
    pub fn indexes() {
        black_box(vec![1, 2][black_box(5)]);
    }

    pub const SLICE_LINE: u32 = line!() + 2;
    pub fn slices() {
        black_box(&"año"[black_box(2)..]);
    }

    pub const EXPECT_LINE: u32 = line!() + 2;
    pub fn expects() {
        black_box("x".parse::<u8>()).expect("a number");
    }

    pub const REMOVE_LINE: u32 = line!() + 2;
    pub fn removes() {
        black_box(vec![1]).remove(black_box(3));
    }

    pub const BORROW_LINE: u32 = line!() + 4;
    pub fn borrows() {
        let cell = black_box(std::cell::RefCell::new(1));
        let _held = cell.borrow_mut();
        black_box(*cell.borrow());
    }

    pub const PLAIN_LINE: u32 = line!() + 2;
    pub fn panics() {
        panic!("plain {}", black_box(5));
    }

    pub const OVERFLOW_LINE: u32 = line!() + 2;
    pub fn divides() {
        black_box(5 / black_box(0));
    }
}

#[test]
fn a_panic_ends_at_the_line_that_panicked() {
    let rules = InAppRules {
        include: vec!["crashvault::symbol::tests::user".into()],
        exclude: Vec::new(),
    };
    let mut symbolizer = Symbolizer::new(None, rules);
    let mut check = |failing: fn(), function: &str, line: u32| {
        let mut event = event(&panicked(failing));
        symbolizer.symbolicate(&mut event, &own_images());
        let frame = frames(&event).last().unwrap().to_string();
        let expected = format!(
            "crashvault::symbol::tests::user::{function} (crashvault-core/src/symbol/tests.rs:{line})"
        );
        assert_eq!(frame, expected);
    };
    check(user::unwraps, "unwraps", user::UNWRAP_LINE);
    check(user::indexes, "indexes", user::INDEX_LINE);
    check(user::slices, "slices", user::SLICE_LINE);
    check(user::expects, "expects", user::EXPECT_LINE);
    check(user::removes, "removes", user::REMOVE_LINE);
    check(user::borrows, "borrows", user::BORROW_LINE);
    check(user::panics, "panics", user::PLAIN_LINE);
    check(user::divides, "divides", user::OVERFLOW_LINE);
}

#[test]
fn only_images_with_frames_are_kept() {
    let mut addresses = Vec::new();
    captured(&mut addresses);
    let mut images = own_images();
    images.push(image(Path::new("/proc/self/exe"), 16, 16, false));
    let mut event = event(&addresses);
    Symbolizer::new(None, tests_are_in_app()).symbolicate(&mut event, &images);
    let own = std::env::current_exe().unwrap();
    let kept: Vec<_> = event
        .images
        .iter()
        .map(|i| i.code_file.as_deref().unwrap())
        .collect();
    assert!(kept.contains(&own.to_str().unwrap()), "{kept:?}");
    assert!(!kept.contains(&"/proc/self/exe"));
    assert!(kept.len() < images.len());
}

/// The small program: nothing but two functions, so that every byte of it can be broken in turn.
const PROGRAM: &str = r#"#![no_std]
#![no_main]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
#[inline(always)]
fn add(n: u64) -> u64 {
    core::hint::black_box(n) | 1
}
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn shop_total(n: u64) -> u64 {
    add(n)
}
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    shop_total(3);
    loop {}
}
"#;
const ADDED_LINE: u64 = 9;
const TOTAL_LINE: u64 = 14;
const LINES: &str = "-Cdebuginfo=line-tables-only";

/// A built program in a directory of its own.
struct Program {
    dir: crate::scratch::Scratch,
    path: PathBuf,
}

impl Program {
    fn build(flags: &[&str]) -> Self {
        let dir = crate::scratch::scratch();
        let path = dir.path().join("shop");
        std::fs::write(dir.path().join("shop.rs"), PROGRAM).unwrap();
        let built = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--edition=2024", "--crate-name=shop", "-Cpanic=abort"])
            .args(["-Clink-arg=-nostartfiles", "-Clink-arg=-nostdlib"])
            .arg("-Clink-arg=-Wl,--build-id=sha1")
            .args(flags)
            .arg("-o")
            .args(["shop", "shop.rs"])
            .current_dir(dir.path())
            .output()
            .expect("rustc is where cargo is");
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        Self { dir, path }
    }

    fn elf(&self) -> Elf {
        Elf::read(RegularFile::open(&self.path).unwrap()).unwrap()
    }

    /// A return address inside `shop_total`, behind its inlined part, for the program mapped at `base`.
    fn address(&self, base: u64) -> u64 {
        let elf = self.elf();
        let (functions, names) = elf.functions();
        let total = functions
            .iter()
            .find(|function| elf::name_at(&names, function.name) == "shop_total")
            .unwrap();
        // The last instruction returns and belongs to the outer function.
        base + (total.address - elf.lowest_vaddr) + total.len
    }

    fn image(&self, with_build_id: bool) -> Image {
        image(&self.path, BASE, 1 << 20, with_build_id)
    }

    fn symbolicated(&self, symbolizer: &mut Symbolizer, image: &Image) -> Event {
        let mut event = event(&[self.address(BASE)]);
        symbolicate_one(symbolizer, &mut event, image);
        event
    }
}

const BASE: u64 = 0x5500_0000_0000;

fn symbolicate_one(symbolizer: &mut Symbolizer, event: &mut Event, image: &Image) {
    symbolizer.symbolicate(event, std::slice::from_ref(image));
}

fn fresh() -> Symbolizer {
    Symbolizer::new(None, InAppRules::default())
}

/// The innermost frame as a person reads it, and the reasons of the flaws.
fn told(event: &Event) -> (String, Vec<&str>) {
    let frame = frames(event).last().unwrap().to_string();
    (
        frame,
        event
            .flaws
            .iter()
            .map(|flaw| flaw.reason.as_str())
            .collect(),
    )
}

fn check_untold(event: &Event, reason: &str) {
    let frame = frames(event).last().unwrap();
    assert_eq!(frame.function, None);
    assert!(frame.instruction_addr.is_some());
    assert_eq!(frame.package, event.images[0].code_file);
    let (_, flaws) = told(event);
    assert_eq!(flaws.len(), 1, "{flaws:?}");
    assert!(flaws[0].contains(reason), "{flaws:?}");
    assert_eq!(event.flaws[0].field, "stacktrace");
}

fn check_lines(flags: &[&str]) {
    let program = Program::build(flags);
    let event = program.symbolicated(&mut fresh(), &program.image(true));
    let (frame, flaws) = told(&event);
    assert_eq!(frame, format!("shop_total (shop.rs:{})", TOTAL_LINE + 1));
    assert_eq!(flaws, [""; 0]);
}

#[test]
fn a_position_independent_program_is_read() {
    check_lines(&[LINES]);
}

#[test]
fn a_program_with_fixed_addresses_is_read() {
    let flags = [LINES, "-Crelocation-model=static", "-Clink-arg=-no-pie"];
    assert!(Program::build(&flags).elf().lowest_vaddr > 0);
    check_lines(&flags);
}

#[test]
fn compressed_debug_information_is_read() {
    check_lines(&[LINES, "-Clink-arg=-Wl,--compress-debug-sections=zlib"]);
}

#[test]
fn an_exact_address_is_not_moved() {
    let program = Program::build(&[LINES]);
    // One byte behind a function is outside of it; a return address there is the last call inside.
    let mut event = event(&[program.address(BASE)]);
    let trace = event.stacktraces_mut().next().unwrap();
    trace.frames[0]
        .other
        .insert("addr_mode".into(), "exact".into());
    symbolicate_one(&mut fresh(), &mut event, &program.image(true));
    assert_ne!(frames(&event)[0].function.as_deref(), Some("shop_total"));
}

#[test]
fn every_address_of_a_function_tells_its_inlined_calls() {
    let program = Program::build(&[LINES]);
    let end = program.address(BASE);
    let mut symbolizer = fresh();
    let mut seen = BTreeSet::new();
    for address in end - 20..=end {
        let mut event = event(&[address]);
        symbolicate_one(&mut symbolizer, &mut event, &program.image(true));
        for frame in frames(&event) {
            seen.insert((frame.function.clone().unwrap_or_default(), frame.lineno));
        }
    }
    assert!(
        seen.contains(&("shop::add".into(), Some(ADDED_LINE))),
        "{seen:?}"
    );
    assert!(
        seen.contains(&("shop_total".into(), Some(TOTAL_LINE))),
        "{seen:?}"
    );
}

#[test]
fn another_build_id_leaves_the_address() {
    let program = Program::build(&[LINES]);
    let mut image = program.image(true);
    image.code_id = Some("ab".repeat(20));
    let event = program.symbolicated(&mut fresh(), &image);
    check_untold(&event, "changed since the event (build id abab");
}

#[test]
fn another_size_or_time_leaves_the_address() {
    let program = Program::build(&[LINES]);
    for key in ["mtime_ns", "file_size"] {
        let mut image = program.image(false);
        image.other.insert(key.into(), 5.into());
        let event = program.symbolicated(&mut fresh(), &image);
        check_untold(&event, "changed since the event (other size or time)");
    }
}

#[test]
fn an_image_without_identity_is_not_trusted() {
    let program = Program::build(&[LINES]);
    let mut image = program.image(false);
    image.other.clear();
    let event = program.symbolicated(&mut fresh(), &image);
    check_untold(&event, "nothing in the event tells which build");
}

#[test]
fn a_vanished_binary_leaves_the_address() {
    let program = Program::build(&[LINES]);
    let (image, address) = (program.image(true), program.address(BASE));
    std::fs::remove_file(&program.path).unwrap();
    let mut event = event(&[address]);
    symbolicate_one(&mut fresh(), &mut event, &image);
    check_untold(&event, "is gone");
}

#[test]
fn what_was_resolved_outlives_the_binary() {
    let program = Program::build(&[LINES]);
    let (image, address) = (program.image(true), program.address(BASE));
    let mut symbolizer = fresh();
    program.symbolicated(&mut symbolizer, &image);
    std::fs::remove_file(&program.path).unwrap();
    let mut event = event(&[address]);
    symbolicate_one(&mut symbolizer, &mut event, &image);
    assert_eq!(frames(&event)[0].function.as_deref(), Some("shop_total"));
}

#[test]
fn the_kept_link_is_used_when_the_file_was_replaced() {
    for with_build_id in [true, false] {
        let program = Program::build(&[LINES]);
        let (image, address) = (program.image(with_build_id), program.address(BASE));
        let symbols = program.dir.path().join("symbols");
        std::fs::create_dir(&symbols).unwrap();
        std::fs::hard_link(&program.path, symbols.join(image.symbols_key().unwrap())).unwrap();
        std::fs::remove_file(&program.path).unwrap();
        std::fs::write(&program.path, "another program").unwrap();
        let mut event = event(&[address]);
        let mut symbolizer = Symbolizer::new(Some(symbols), InAppRules::default());
        symbolicate_one(&mut symbolizer, &mut event, &image);
        assert!(told(&event).0.starts_with("shop_total (shop.rs:"));
        assert_eq!(event.flaws, []);
    }
}

#[test]
fn without_debug_information_there_are_names_and_a_note() {
    let program = Program::build(&["-Cdebuginfo=0"]);
    let event = program.symbolicated(&mut fresh(), &program.image(true));
    let (frame, flaws) = told(&event);
    assert_eq!(frame, format!("shop_total (in {})", program.path.display()));
    assert_eq!(flaws.len(), 1);
    assert!(
        flaws[0].contains("no debug information: function names only"),
        "{flaws:?}"
    );
}

#[test]
fn a_stripped_binary_leaves_addresses_and_a_note() {
    let program = Program::build(&["-Cstrip=symbols"]);
    let mut event = event(&[BASE + 0x1010]);
    symbolicate_one(&mut fresh(), &mut event, &program.image(true));
    check_untold(&event, "is stripped");
}

#[test]
fn garbage_is_no_binary() {
    let dir = crate::scratch::scratch();
    let path = dir.path().join("shop");
    for garbage in [
        &b""[..],
        b"\x7fELF",
        &[0x7f; 4096],
        b"\x7fELF\x02\x01\x01garbage",
    ] {
        std::fs::write(&path, garbage).unwrap();
        let mut event = event(&[BASE + 5]);
        symbolicate_one(&mut fresh(), &mut event, &image(&path, BASE, 4096, false));
        check_untold(&event, "no ELF binary");
    }
}

fn check_refused(path: &str, reason: &str) {
    let mut image = image(Path::new("/proc/self/exe"), BASE, 4096, false);
    image.code_file = Some(path.into());
    let mut event = event(&[BASE + 5]);
    symbolicate_one(&mut fresh(), &mut event, &image);
    check_untold(&event, reason);
}

#[test]
fn only_regular_files_are_opened() {
    check_refused("/dev/zero", "not a regular file");
    check_refused("/", "not a regular file");
    check_refused("shop", "not a regular file");
    check_refused("/none/such", "is gone");
    check_refused("/dev/null/such", "is gone");
    check_refused("/with\0nul", "cannot be read");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let dir = crate::scratch::scratch();
    let pipe = dir.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    check_refused(pipe.to_str().unwrap(), "not a regular file");
}

#[test]
fn the_kernels_own_image_needs_no_note() {
    let mut image = image(Path::new("/proc/self/exe"), BASE, 4096, false);
    image.code_file = Some("linux-vdso.so.1".into());
    let mut event = event(&[BASE + 5]);
    symbolicate_one(&mut fresh(), &mut event, &image);
    assert_eq!(event.flaws, []);
    assert_eq!(frames(&event)[0].in_app, Some(false));
}

#[test]
fn one_note_stands_for_all_frames_of_an_image() {
    let mut image = image(Path::new("/proc/self/exe"), BASE, 4096, false);
    image.code_file = Some("/none/such".into());
    let images = [image.clone(), image];
    let mut event = event(&[BASE + 5, BASE + 9, BASE + 5]);
    fresh().symbolicate(&mut event, &images);
    assert_eq!(event.flaws.len(), 1);
    assert_eq!(event.images.len(), 1);
}

#[test]
fn frames_with_names_and_addresses_anywhere_stay() {
    let program = Program::build(&[LINES]);
    let mut event = event(&[0, 1, BASE, BASE + (1 << 20), u64::MAX]);
    let trace = event.stacktraces_mut().next().unwrap();
    trace.frames.push(Frame {
        function: Some("named".into()),
        instruction_addr: Some(program.address(BASE)),
        ..Frame::default()
    });
    trace.frames.push(Frame::default());
    let before = frames(&event).len();
    symbolicate_one(&mut fresh(), &mut event, &program.image(true));
    let after = frames(&event);
    assert_eq!(after.len(), before);
    assert_eq!(after[before - 2].to_string(), "named");
    assert!(
        after[..before - 2]
            .iter()
            .all(|frame| frame.function.is_none())
    );
}

#[test]
fn without_a_module_table_nothing_is_done() {
    let mut changed = event(&[5]);
    let unchanged = changed.clone();
    fresh().symbolicate(&mut changed, &[]);
    assert_eq!(changed, unchanged);
}

fn source_line(timestamp: impl Fn(i64) -> Option<i64>, touch: bool) -> Option<String> {
    let program = Program::build(&[LINES]);
    let image = program.image(true);
    if touch {
        std::fs::write(program.dir.path().join("shop.rs"), PROGRAM).unwrap();
    }
    let metadata = std::fs::metadata(program.dir.path().join("shop.rs")).unwrap();
    let mut event = event(&[program.address(BASE)]);
    event.timestamp = timestamp(file::mtime_ns(&metadata)).map(Timestamp::from_nanos);
    symbolicate_one(&mut fresh(), &mut event, &image);
    assert!(frames(&event)[0].lineno.is_some());
    frames(&event)[0].context_line.clone()
}

#[test]
fn source_is_shown_only_if_it_is_older_than_event_and_binary() {
    assert_eq!(
        source_line(|mtime| Some(mtime + 1), false).as_deref(),
        Some("}")
    );
    assert_eq!(source_line(|mtime| Some(mtime - 1), false), None);
    assert_eq!(source_line(|mtime| Some(mtime + 1), true), None);
    assert_eq!(source_line(|_| None, false), None);
}

#[test]
fn broken_binaries_do_no_harm() {
    let program = Program::build(&[LINES]);
    let whole = std::fs::read(&program.path).unwrap();
    let address = program.address(BASE);
    let addresses: Vec<u64> = (address - 20..address + 20).collect();
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut resolved = 0;
    for round in 0..600 {
        let mut bytes = whole.clone();
        match round % 4 {
            0 => bytes.truncate(random(whole.len())),
            // The headers of the file and its segments, then anything, sparsely and densely.
            1 => bytes[16 + random(400)] = random(256) as u8,
            2 => bytes[random(whole.len())] = random(256) as u8,
            _ => (0..200).for_each(|_| bytes[64 + random(whole.len() - 64)] ^= 1 << random(8)),
        }
        std::fs::write(&program.path, bytes).unwrap();
        let mut event = event(&addresses);
        symbolicate_one(&mut fresh(), &mut event, &program.image(false));
        resolved += usize::from(frames(&event).iter().any(|frame| frame.lineno.is_some()));
    }
    // Else the test would only have shown that broken headers are refused.
    assert!(resolved > 100, "{resolved}");
}

#[test]
fn more_binaries_than_are_held_at_once_are_all_told() {
    let programs: Vec<Program> = (0..6)
        .map(|number| Program::build(&[LINES, &format!("-Cmetadata={number}")]))
        .collect();
    let mut symbolizer = fresh();
    for _ in 0..2 {
        for program in &programs {
            symbolizer.calls.clear();
            let event = program.symbolicated(&mut symbolizer, &program.image(false));
            assert!(told(&event).0.starts_with("shop_total (shop.rs:"));
        }
    }
}

#[test]
fn a_key_is_a_build_id_or_numbers_and_nothing_else() {
    let mut image = image(Path::new("/proc/self/exe"), BASE, 4096, false);
    let (inode, mtime_ns, len) = (
        &image.other["inode"],
        &image.other["mtime_ns"],
        &image.other["file_size"],
    );
    let numbers = format!("{inode}-{mtime_ns}-{len}");
    let mut check = |code_id: Option<&str>, expected: &str| {
        image.code_id = code_id.map(str::to_owned);
        assert_eq!(image.symbols_key().as_deref(), Some(expected));
    };
    check(Some("AB12cd"), "ab12cd");
    check(None, &numbers);
    check(Some(""), &numbers);
    check(Some("../../etc/passwd"), &numbers);
    check(Some(&"a".repeat(1000)), &numbers);
    assert_eq!(Image::default().symbols_key(), None);
}

#[test]
fn a_symbolizer_can_move_to_the_drainers_thread() {
    fn is_send<T: Send>() {}
    is_send::<Symbolizer>();
}
