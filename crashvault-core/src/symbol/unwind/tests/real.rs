//! Programs that really die.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::*;
use crate::event::{Event, Exception};

/// The program of `tests/dying.rs`, built once.
fn program() -> &'static Path {
    static BUILT: OnceLock<(Scratch, PathBuf)> = OnceLock::new();
    let (_, path) = BUILT.get_or_init(|| {
        let directory = scratch();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/symbol/unwind/tests/dying.rs");
        let path = directory.path().join("dying");
        let built = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--edition=2024", "-Copt-level=1", "-Cdebuginfo=1"])
            .args(["-Clink-arg=-Wl,--build-id", "-o"])
            .args([&path, &source])
            .output()
            .unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        (directory, path)
    });
    path
}

impl Left {
    /// By the program, dying this way.
    fn dying(way: &str) -> Self {
        let left = Command::new(program()).arg(way).output().unwrap();
        assert_eq!(left.status.code(), Some(0), "{way}");
        let (words, maps) = left.stdout.split_at(18 * 8);
        let words: Vec<u64> = words
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        let mut registers = Registers {
            pc: words[0],
            ..Registers::default()
        };
        registers.general[..16].copy_from_slice(&words[1..17]);
        Self {
            arch: Arch::X86_64,
            registers,
            stack_base: words[17],
            stack: left.stderr,
            images: images(std::str::from_utf8(maps).unwrap()),
        }
    }

    /// Functions, innermost first.
    fn functions(&self) -> Vec<String> {
        let mut symbolizer = fresh();
        let snapshot = self.snapshot();
        let steps = symbolizer.unwind(&snapshot);
        let mut event = Event::new();
        event.exceptions.push(Exception {
            stacktrace: Some(snapshot.stacktrace(&steps)),
            ..Exception::default()
        });
        symbolizer.symbolicate(&mut event, &self.images);
        let trace = event.stacktraces().next().unwrap();
        let frames = trace.frames.iter().rev();
        frames
            .map(|frame| frame.function.clone().unwrap_or_else(|| "?".into()))
            .collect()
    }
}

/// The functions from one to another (both included), innermost first, which must stand together.
fn check_calls(left: &Left, expected: &[&str]) {
    let functions = left.functions();
    let at = functions.iter().position(|name| name == expected[0]);
    let found = at.and_then(|at| functions.get(at..at + expected.len()));
    assert_eq!(
        found.unwrap_or_default(),
        expected,
        "in {functions:#?} {:x?}",
        left.steps()
    );
}

fn trusts(left: &Left) -> Vec<Trust> {
    left.steps().iter().map(|step| step.trust).collect()
}

#[test]
fn an_abort_inside_the_c_library_shows_who_called_it() {
    let left = Left::dying("abort");
    check_calls(&left, &["dying::pay", "dying::checkout", "dying::main"]);
    let functions = left.functions();
    assert_eq!(
        functions[0], "dying::pay",
        "what aborts for its caller is not shown"
    );
    assert_eq!(functions.last().unwrap(), "_start", "{functions:?}");
    let trusts = trusts(&left);
    assert_eq!(trusts[0], Trust::Context);
    assert!(
        trusts[1..].iter().all(|trust| *trust == Trust::Cfi),
        "{trusts:?}"
    );
}

#[test]
fn a_bad_read_is_in_the_function_that_read() {
    let left = Left::dying("read");
    let functions = left.functions();
    let at = functions.iter().position(|name| name == "dying::pay");
    assert!(at.is_some_and(|at| at < 3), "{functions:?}");
    check_calls(&left, &["dying::pay", "dying::checkout", "dying::main"]);
}

#[test]
fn a_call_to_nowhere_returns_to_its_caller() {
    let left = Left::dying("null");
    let steps = left.steps();
    assert_eq!((steps[0].address, steps[0].is_exact), (8, true));
    check_calls(&left, &["dying::pay", "dying::checkout", "dying::main"]);
}

#[test]
fn a_call_into_data_returns_to_its_caller() {
    let left = Left::dying("execute");
    check_calls(&left, &["dying::pay", "dying::checkout", "dying::main"]);
    assert_eq!(trusts(&left)[1], Trust::Cfi);
}

#[test]
fn the_stack_of_a_thread_ends_where_threads_begin() {
    for way in ["thread-abort", "thread-read", "thread-null"] {
        let left = Left::dying(way);
        check_calls(&left, &["dying::pay", "dying::checkout"]);
        assert!(left.steps().len() < 30, "{:?}", left.functions());
        assert!(trusts(&left)[1..].iter().all(|trust| *trust == Trust::Cfi));
    }
}

#[test]
fn an_overflow_shows_the_function_that_recurs() {
    let left = Left::dying("overflow");
    let functions = left.functions();
    assert_eq!(
        functions[..2],
        ["dying::overflow", "dying::overflow"],
        "{functions:?}"
    );
}

#[test]
fn a_signal_leads_back_to_what_it_interrupted() {
    let left = Left::dying("signal");
    let functions = left.functions();
    let place = |name: &str| functions.iter().position(|other| other == name);
    let (handler, payer) = (place("dying::on_user_signal"), place("dying::pay"));
    assert!(handler.is_some() && handler < payer, "{functions:?}");
    let exact = left.steps().iter().filter(|step| step.is_exact).count();
    assert_eq!(exact, 2);
    check_calls(&left, &["dying::pay", "dying::checkout", "dying::main"]);
}

#[test]
fn code_without_tables_is_passed_by_its_frame_pointer() {
    let left = Left::dying("framed");
    check_calls(&left, &["framed", "dying::pay", "dying::checkout"]);
    assert!(trusts(&left).contains(&Trust::FramePointer));
}

#[test]
fn code_without_tables_or_frame_pointer_is_passed_by_a_search() {
    let left = Left::dying("bare");
    check_calls(&left, &["bare", "dying::pay", "dying::checkout"]);
    let trusts = trusts(&left);
    assert_eq!(
        trusts.iter().filter(|trust| **trust == Trust::Scan).count(),
        1
    );
}

#[test]
fn code_of_the_kernel_has_no_file_and_is_passed() {
    let left = Left::dying("kernel");
    check_calls(&left, &["dying::pay", "dying::checkout", "dying::main"]);
}

#[test]
fn a_stack_trace_holds_registers_trust_and_exact_addresses() {
    let left = Left::dying("signal");
    let steps = left.steps();
    let trace = left.snapshot().stacktrace(&steps);
    assert_eq!(trace.frames.len(), steps.len());
    let innermost = trace.frames.last().unwrap();
    assert_eq!(innermost.instruction_addr, Some(left.registers.pc));
    assert_eq!(innermost.other["trust"], "context");
    assert_eq!(innermost.other["addr_mode"], "exact");
    assert_eq!(trace.frames[0].other["trust"], "cfi");
    assert_eq!(trace.frames[0].other.get("addr_mode"), None);
    let registers = trace.other["registers"].as_object().unwrap();
    assert_eq!(registers.len(), 17);
    assert_eq!(registers["rip"], format!("{:#018x}", left.registers.pc));
    assert_eq!(
        registers["rsp"],
        format!("{:#018x}", left.registers.general[7])
    );
}
