//! Crashes of a program that really died, with its symbols in one place or another.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

use super::*;
use crate::dumps::{Mapped, Stopped, minidump};
use crate::run::keys;

/// A program that dies as its argument says, and the symbols of its build. The engine's tests of stacks use the same.
pub struct Program {
    pub path: PathBuf,
}

impl Program {
    pub fn build(directory: &Path) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let source = root.join("crashvault-core/src/symbol/unwind/tests/dying.rs");
        let path = directory.join("dying");
        let mut compiler = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
        compiler
            .args(["--edition=2024", "-Copt-level=1", "-Cdebuginfo=1"])
            .args(["-Clink-arg=-Wl,--build-id", "-o"])
            .args([&path, &source]);
        run(&mut compiler);
        Self { path }
    }

    /// What a handler would have written when the program died this way.
    pub fn dump(&self, way: &str, signal: Option<Signal>) -> Vec<u8> {
        let left = Command::new(&self.path).arg(way).output().unwrap();
        assert_eq!(left.status.code(), Some(0), "{way}");
        let (words, maps) = left.stdout.split_at(18 * 8);
        let words: Vec<u64> = words
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        let crashed = Stopped {
            id: 101,
            name: "main",
            registers: words[..17].try_into().unwrap(),
            stack_base: words[17],
            stack: left.stderr,
        };
        let idle = Stopped {
            id: 102,
            name: "idle",
            registers: crashed.registers,
            stack_base: crashed.stack_base,
            stack: crashed.stack.clone(),
        };
        let modules = self.modules(std::str::from_utf8(maps).unwrap());
        minidump(&modules, &[crashed, idle], signal)
    }

    /// The program first, as handlers do.
    fn modules(&self, maps: &str) -> Vec<Mapped> {
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
        let mut modules: Vec<Mapped> = ranges
            .into_iter()
            .map(|(path, (start, end))| Mapped {
                path: path.to_owned(),
                start,
                len: (end - start) as u32,
                build_id: build_id(Path::new(path)),
            })
            .collect();
        modules.sort_by_key(|module| Path::new(&module.path) != self.path);
        modules
    }

    /// Takes the symbols out of the program where it lies, into files of these names beside it: all of it, and only the
    /// debug information.
    pub fn strip(&self, whole: &Path, debug: &Path) {
        std::fs::rename(&self.path, whole).unwrap();
        run(Command::new("objcopy")
            .arg("--only-keep-debug")
            .args([whole, debug]));
        run(Command::new("strip").arg("-o").args([&self.path, whole]));
    }
}

fn run(command: &mut Command) {
    let ran = command.output().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// As the command tells it.
pub fn build_id(file: &Path) -> String {
    let ran = Place::new().run(&["symbols", "add", file.to_str().unwrap(), "--json"]);
    match ran.code {
        0 => ran.json()["added"][0]["id"].as_str().unwrap().to_owned(),
        _ => String::new(),
    }
}

/// A dump of the program that read from a bad address; then the program lost its symbols to two files.
struct Crash {
    /// Kept, because its files are what the dump names.
    directory: Place,
    dump: Vec<u8>,
}

impl Crash {
    fn get() -> &'static Self {
        static CRASH: OnceLock<Crash> = OnceLock::new();
        CRASH.get_or_init(|| {
            let directory = Place::new();
            let program = Program::build(directory.path());
            let dump = program.dump("read", BAD_READ);
            let crash = Self { directory, dump };
            program.strip(&crash.whole(), &crash.debug());
            crash
        })
    }

    /// Under names that say nothing, in directories of their own.
    fn whole(&self) -> PathBuf {
        self.file("whole/a/b")
    }

    fn debug(&self) -> PathBuf {
        self.file("debug/c")
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }
}

fn check_calls(event: &Value) {
    let calls = calls(event);
    let start = |name: &str| calls.iter().position(|call| call.starts_with(name));
    let places = [
        "dying::pay (dying.rs:",
        "dying::checkout (dying.rs:",
        "dying::main (dying.rs:",
    ];
    let places: Vec<_> = places.iter().map(|name| start(name)).collect();
    assert!(places[0].is_some() && places.is_sorted(), "{calls:#?}");
    assert_eq!(calls.last().unwrap(), "_start", "{calls:#?}");
    assert!(
        !flaws(event).contains("no symbols for dying"),
        "{}",
        flaws(event)
    );
}

#[test]
fn a_real_crash_is_told_by_the_program_named_beside_it() {
    let (crash, place) = (Crash::get(), Place::new());
    let dump = write(&place, "crash.dmp", &crash.dump);
    let symbols = crash.directory.path().join("whole");
    let event = imported(&place, &[&dump, "--symbols", symbols.to_str().unwrap()]);
    check_calls(&event);

    assert_eq!(event["level"], "fatal");
    let exception = &event["exception"]["values"][0];
    assert_eq!(exception["type"], "SIGSEGV");
    assert_eq!(exception["value"], "SEGV_MAPERR at 0x10");
    assert_eq!(exception["mechanism"]["type"], "minidump");
    assert_eq!(exception["mechanism"]["handled"], false);
    assert_eq!(exception["thread_id"], "101");
    let registers = &exception["stacktrace"]["registers"];
    assert_eq!(keys(registers).len(), 17);
    let frames = exception["stacktrace"]["frames"].as_array().unwrap();
    let number = |value: &Value| {
        let digits = value.as_str().unwrap().trim_start_matches("0x");
        u64::from_str_radix(digits, 16).unwrap()
    };
    let at = |frame: &Value| number(&frame["instruction_addr"]);
    assert_eq!(at(frames.last().unwrap()), number(&registers["rip"]));
    for frame in frames {
        let is_innermost = at(frame) == number(&registers["rip"]);
        let expected = if is_innermost { "context" } else { "cfi" };
        assert_eq!(frame["trust"], expected, "{frame:#}");
        assert!(number(&frame["image_addr"]) < at(frame));
    }
    let main = frames
        .iter()
        .find(|frame| frame["function"] == "dying::main");
    assert_eq!(main.unwrap()["in_app"], true);

    let threads = event["threads"]["values"].as_array().unwrap();
    let told: Vec<_> = threads
        .iter()
        .map(|t| {
            (
                t["id"].as_str().unwrap(),
                t["name"].as_str().unwrap(),
                t["crashed"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("101", "main", true), ("102", "idle", false)]);
    assert!(threads[1]["stacktrace"]["frames"].as_array().unwrap().len() > 3);

    let images = event["debug_meta"]["images"].as_array().unwrap();
    assert!(images[0]["code_file"].as_str().unwrap().ends_with("/dying"));
    assert_eq!(images[0]["code_id"], build_id(&crash.whole()));
    assert!(
        images
            .iter()
            .any(|image| image["code_file"].as_str().unwrap().contains("libc"))
    );
    assert_eq!(event["contexts"]["os"]["name"], "Linux");
    assert_eq!(event["contexts"]["os"]["distribution"], "Test Linux 1");
    assert_eq!(event["contexts"]["device"]["arch"], "x86_64");
    assert_eq!(event["contexts"]["crashvault"]["project"], "dying");
}

#[test]
fn a_stripped_program_is_told_by_the_symbols_that_were_added() {
    let crash = Crash::get();
    for file in [crash.whole(), crash.debug()] {
        let place = Place::new();
        let dump = write(&place, "crash.dmp", &crash.dump);
        place.ok(&["symbols", "add", file.to_str().unwrap()]);
        check_calls(&imported(&place, &[&dump]));
    }
}

#[test]
fn without_symbols_the_event_says_what_is_missing() {
    let (crash, place) = (Crash::get(), Place::new());
    let dump = write(&place, "crash.dmp", &crash.dump);
    let event = imported(&place, &[&dump]);
    let id = build_id(&crash.whole());
    assert!(
        flaws(&event).contains(&format!("no symbols for dying (build id {id})")),
        "{}",
        flaws(&event)
    );
    // The stripped program still has its unwind tables.
    assert_eq!(calls(&event).last().unwrap(), "?");
    assert!(
        calls(&event)
            .iter()
            .any(|call| call.starts_with("__libc_start")),
        "{:?}",
        calls(&event)
    );
}

#[test]
fn kinds_of_symbols_are_told() {
    let (crash, place) = (Crash::get(), Place::new());
    let (whole, debug) = (crash.whole(), crash.debug());
    let words = [
        "symbols",
        "add",
        whole.to_str().unwrap(),
        debug.to_str().unwrap(),
        "--json",
    ];
    let added = place.ok(&words).json();
    let added = added["added"].as_array().unwrap();
    let kinds: Vec<_> = added
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["binary", "debug"]);
    assert_eq!(added[0]["id"], added[1]["id"]);
    assert!(
        Path::new(added[0]["path"].as_str().unwrap()).starts_with(place.vault().join("symbols"))
    );
    assert_eq!(
        keys(&added[0]),
        ["bytes", "file", "id", "is_known", "kind", "path"]
    );
    let status = place.ok(&["status", "--json"]).json();
    let bytes: u64 = added.iter().map(|one| one["bytes"].as_u64().unwrap()).sum();
    assert_eq!(status["symbols_bytes"], bytes);
}
