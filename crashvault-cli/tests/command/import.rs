//! Minidumps in, and symbols for them.

// They die with the registers of one machine.
#[cfg(target_arch = "x86_64")]
mod real;

use std::path::{Path, PathBuf};

use crashvault::{ErrorKind, Vault};
use serde_json::Value;

use crate::dumps::{self, Signal};
use crate::run::Place;

const SEGV: u32 = 11;
const MAPERR: u32 = 1;
const BAD_READ: Option<Signal> = Some((SEGV, MAPERR, 0x10));

fn write(place: &Place, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = place.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Imports and returns the payload of the event.
fn imported(place: &Place, words: &[&str]) -> Value {
    let ran = place.ok(&[&["import", "--json"], words].concat()).json();
    let id = ran["event_id"].as_str().unwrap();
    place.ok(&["show", id, "--json"]).json()["events"][0].take()
}

/// `function (file:line)` of the thrown exception's frames, innermost first.
fn calls(event: &Value) -> Vec<String> {
    let frames = event["exception"]["values"][0]["stacktrace"]["frames"].as_array();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let call = |frame: &Value| {
        let file = text(&frame["filename"]);
        let file = file.rsplit('/').next().unwrap();
        match frame["lineno"].as_u64() {
            Some(line) => format!("{} ({file}:{line})", text(&frame["function"])),
            None => text(&frame["function"]),
        }
    };
    frames.unwrap().iter().rev().map(call).collect()
}

fn flaws(event: &Value) -> String {
    event["contexts"]["crashvault"]["flaws"].to_string()
}

#[test]
fn breakpads_files_name_functions_lines_and_callers() {
    let place = Place::new();
    let dump = write(&place, "crash.dmp", dumps::shop(BAD_READ));
    let symbols = write(&place, "shop.txt", dumps::shop_symbols());
    let event = imported(&place, &[&dump, "--symbols", &symbols]);
    let expected = [
        "shop::charge (pay.cc:42)",
        "shop::pay(int) (pay.cc:99)",
        "shop::checkout() (checkout.cc:17)",
    ];
    assert_eq!(calls(&event)[..3], expected);
    assert!(!flaws(&event).contains("no symbols"), "{}", flaws(&event));

    let other = Place::new();
    let added = other.ok(&["symbols", "add", &symbols]).stdout;
    let id = dumps::debug_id(dumps::SHOP_ID).to_lowercase();
    assert!(
        added.contains(&format!("shop.txt\tbreakpad\t{id}\t")),
        "{added}"
    );
    assert_eq!(calls(&imported(&other, &[&dump]))[..3], expected);
}

#[test]
fn symbols_that_are_damaged_do_no_harm() {
    let whole = dumps::shop_symbols();
    let first_line = whole.find('\n').unwrap();
    for len in (first_line..whole.len()).step_by(7) {
        let mut importing = Importing::new(&whole[..len]);
        assert!(importing.takes(&dumps::shop(BAD_READ)));
    }
}

#[test]
fn symbols_of_another_build_are_not_believed() {
    let place = Place::new();
    let dump = write(&place, "crash.dmp", dumps::shop(BAD_READ));
    let id = dumps::debug_id(dumps::SHOP_ID);
    let other = dumps::shop_symbols().replace(&id, &id.replace('3', "4"));
    // Also not under the name that the right ones would have.
    let kept = place.vault().join("symbols");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join(format!("{}.sym", id.to_lowercase())), &other).unwrap();
    let symbols = write(&place, "shop.sym", &other);
    let event = imported(&place, &[&dump, "--symbols", &symbols]);
    assert_eq!(calls(&event)[0], "?");
}

#[test]
fn the_same_dump_twice_is_one_event() {
    let place = Place::new();
    let dump = write(&place, "crash.dmp", dumps::shop(BAD_READ));
    let first = place.ok(&["import", &dump]).stdout;
    assert!(first.starts_with("Created new issue #1\nEvent "), "{first}");
    let copy = write(&place, "copy.dmp", std::fs::read(&dump).unwrap());
    let again = place.ok(&["import", &copy, "--json"]).json();
    assert_eq!(again["is_known"], true);
    let other = write(&place, "other.dmp", dumps::shop(Some((SEGV, MAPERR, 0x20))));
    let other = place.ok(&["import", &other, "--json"]).json();
    assert_eq!(
        (&other["is_known"], &other["is_new_issue"]),
        (&false.into(), &false.into())
    );
    assert_eq!(
        place.ok(&["list", "--json"]).json()["issues"][0]["seen_count"],
        2
    );
}

#[test]
fn a_call_without_a_name_is_shown_by_its_place_in_the_binary() {
    let place = Place::new();
    let dump = write(&place, "crash.dmp", dumps::shop(BAD_READ));
    place.ok(&["import", &dump]);
    let shown = place.ok(&["show", "1"]).stdout;
    assert!(shown.contains("SIGSEGV: SEGV_MAPERR at 0x10"), "{shown}");
    assert!(
        shown.contains("at 0x401010  in /srv/shop/shop + 0x1010"),
        "{shown}"
    );
}

#[test]
fn a_dump_of_another_system_is_understood() {
    let place = Place::new();
    let dump = write(&place, "crash.dmp", dumps::windows());
    let event = imported(&place, &[&dump]);
    let exception = &event["exception"]["values"][0];
    assert_eq!(exception["type"], "EXCEPTION_ACCESS_VIOLATION_WRITE");
    assert_eq!(exception["value"], "at 0x20");
    assert_eq!(event["contexts"]["os"]["name"], "Windows");
    assert_eq!(event["contexts"]["crashvault"]["project"], "shop.exe");
    let image = &event["debug_meta"]["images"][0];
    assert_eq!(image["type"], "pe");
    assert_eq!(image["code_file"], "C:\\shop\\shop.exe");
    assert_eq!(image["debug_file"], "shop.pdb");
    assert_eq!(image["debug_id"], "33221100554477668899AABBCCDDEEFF1");
    let symbols = "MODULE windows x86_64 33221100554477668899AABBCCDDEEFF1 shop.pdb\n\
                   FUNC 1000 100 0 shop::pay\n";
    let symbols = write(&place, "shop.sym", symbols);
    let other = Place::new();
    let event = imported(&other, &[&dump, "--symbols", &symbols]);
    assert_eq!(calls(&event)[0], "shop::pay");
}

#[test]
fn a_dump_without_a_crash_says_so() {
    // Without an exception, and with the one that stands for a request.
    for signal in [None, Some((u32::MAX, 0, 0x40_1010))] {
        let place = Place::new();
        let dump = write(&place, "crash.dmp", dumps::shop(signal));
        let event = imported(&place, &[&dump]);
        assert_eq!(event["level"], "warning");
        let exception = &event["exception"]["values"][0];
        assert_eq!(exception["value"], "written without a crash");
        assert_eq!(event["threads"]["values"][0]["crashed"], false);
    }
}

fn check_refused(content: &[u8], says: &str) {
    let place = Place::new();
    let dump = write(&place, "crash.dmp", content);
    place.run(&["import", &dump]).fails(2, says);
    assert_eq!(
        place.ok(&["list", "--json"]).json()["issues"],
        Value::Array(Vec::new())
    );
}

#[test]
fn what_is_no_minidump_is_refused_with_the_reason() {
    check_refused(b"", "the file is empty or shorter than a minidump's header");
    check_refused(&[0; 4096], "this is no minidump");
    check_refused(
        b"\x7fELF is something else altogether, and longer",
        "this is no minidump",
    );
    let whole = dumps::shop(BAD_READ);
    check_refused(&whole[..40], "the minidump is cut off");
}

#[test]
fn missing_files_are_told() {
    let place = Place::new();
    place
        .run(&["import", "missing.dmp"])
        .fails(3, "there is nothing at missing.dmp");
    place
        .run(&["import", "."])
        .fails(2, ". is the directory of no vault");
    let dump = write(&place, "crash.dmp", dumps::shop(BAD_READ));
    let ran = place.run(&["import", &dump, "--symbols", "missing"]);
    ran.fails(1, "there is nothing at missing");
    let ran = place.run(&["symbols", "add", "missing", &dump]);
    ran.fails(2, "no such file missing");
    assert!(
        ran.stderr
            .contains("is neither an ELF file nor a Breakpad symbol file"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_nothing_of_ours_is_refused_without_a_word_of_what_it_was_not() {
    let place = Place::new();
    for (name, content) in [
        ("text", &b"hello"[..]),
        ("empty", b""),
        ("program", b"\x7fELF is something else"),
        ("foreign.json", b"{\"a\": 1}"),
    ] {
        let file = write(&place, name, content);
        let ran = place.run(&["import", &file]);
        ran.fails(2, "is no minidump, no export of Crashvault");
        assert!(ran.stderr.contains("import --help"), "{}", ran.stderr);
    }
    // What begins like one is told what is wrong with it, whatever its name.
    let cut = write(&place, "cut", "MDMP and no more");
    place.run(&["import", &cut]).fails(2, "header");
    assert!(!place.vault().exists());
}

/// A vault that minidumps are imported into without a process of their own, and the symbols of one of them.
struct Importing {
    place: Place,
    vault: Vault,
    symbols: [PathBuf; 1],
}

impl Importing {
    fn new(symbols: &str) -> Self {
        let place = Place::new();
        let symbols = write(&place, "shop.sym", symbols);
        Self {
            vault: Vault::open(place.vault()).unwrap(),
            symbols: [PathBuf::from(symbols)],
            place,
        }
    }

    /// Whether these bytes are taken; whatever they are, there is an answer.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let path = self.place.path().join("crash.dmp");
        std::fs::write(&path, bytes).unwrap();
        match self.vault.import_minidump(&path, &self.symbols) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                assert!(error.message().contains("minidump"), "{error}");
                false
            }
        }
    }
}

#[test]
fn dumps_cut_anywhere_are_taken_or_refused() {
    let mut importing = Importing::new(&dumps::shop_symbols());
    let whole = dumps::shop(BAD_READ);
    let mut taken = 0;
    for len in (0..whole.len()).step_by(13).chain([whole.len()]) {
        taken += u32::from(importing.takes(&whole[..len]));
    }
    assert!(taken > 0);
}

#[test]
fn dumps_with_flipped_bytes_are_taken_or_refused() {
    let mut importing = Importing::new(&dumps::shop_symbols());
    let whole = dumps::shop(BAD_READ);
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= [0xff, 0x80, 0x01][at % 3];
        importing.takes(&bytes);
    }
}
