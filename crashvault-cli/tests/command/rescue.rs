use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crashvault::Event;

use crate::run::{Place, Ran, keys};

const COUNT: usize = 30;

/// A vault in one file with so many events, which are most of it: each takes several pages for itself.
fn vault() -> Place {
    let place = Place::new();
    let mut vault = crashvault::Vault::open(place.vault()).unwrap();
    let mut state = 1_u64;
    let events = (0..COUNT).map(|n| {
        let mut event = Event::new();
        event.message = Some(format!("failure {n}"));
        let noise: String = (0..4000)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                format!("{:016x}", state >> 8)
            })
            .collect();
        event.extra.insert("noise".into(), noise.into());
        event
    });
    vault.add_all(events).unwrap();
    drop(vault);
    assert!(
        !place.vault().join("vault.db-wal").exists(),
        "not in one file"
    );
    place
}

/// The events among the lines.
fn events(lines: &str) -> usize {
    let events = lines.lines().map(|line| Event::from_json(line.as_bytes()));
    events.filter(Result::is_ok).count()
}

#[test]
fn every_event_is_a_line_of_a_new_file() {
    let place = vault();
    let file = place.path().join("events.jsonl");
    let path = file.to_str().unwrap();
    let said = place.ok(&["doctor", "--rescue", path]).stdout;
    assert_eq!(
        said,
        format!("30 events rescued, 0 events are unreadable; written to {path}\n")
    );
    assert_eq!(events(&fs::read_to_string(&file).unwrap()), COUNT);
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let json = ["doctor", "--rescue", path, "--json"];
    let again = place.run(&json);
    assert_eq!((again.code, again.stdout.as_str()), (1, ""));
    assert!(again.stderr.contains("cannot write"), "{}", again.stderr);
    fs::remove_file(&file).unwrap();
    let said = place.ok(&json).json();
    let expected = [
        "event_count",
        "incomplete_count",
        "path",
        "unreadable_count",
        "vault",
    ];
    assert_eq!(keys(&said), expected);
    assert_eq!(said["event_count"], COUNT);
}

#[test]
fn on_stdout_there_are_only_events() {
    let ran = vault().ok(&["doctor", "--rescue", "-", "--json"]);
    assert_eq!(events(&ran.stdout), COUNT);
    assert_eq!(ran.stdout.lines().count(), COUNT);
    assert!(ran.stderr.starts_with("note: 30 events rescued"));
}

#[test]
fn who_reads_no_further_is_no_failure() {
    let place = vault();
    let mut command = place.command(&["doctor", "--rescue", "-"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn a_vault_that_does_not_open_gives_up_its_events() {
    let place = vault();
    let file = place.vault().join("vault.db");
    let mut bytes = fs::read(&file).unwrap();
    bytes[..8192].fill(0xff);
    fs::write(&file, bytes).unwrap();
    assert_eq!(place.run(&["list"]).code, 1);
    let before = Place::files(&place.vault());
    let ran = place.run(&["doctor", "--rescue", "-"]);
    assert_eq!(events(&ran.stdout), COUNT, "{}", ran.stderr);
    assert!(before == Place::files(&place.vault()), "a file has changed");
}

#[test]
fn what_cannot_be_read_is_counted_and_exit_code_1() {
    let place = vault();
    let file = place.vault().join("vault.db");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 8192 / 2 * 8192;
    bytes[middle..middle + 8192].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let out = place.path().join("events.jsonl");
    let ran = place.run(&["doctor", "--rescue", out.to_str().unwrap(), "--json"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let said = ran.json();
    assert_eq!(
        (&said["event_count"], &said["unreadable_count"]),
        (&(COUNT - 1).into(), &1.into())
    );
    assert_eq!(events(&fs::read_to_string(out).unwrap()), COUNT - 1);
}

#[test]
fn that_nothing_was_found_is_told() {
    let place = vault();
    let file = place.vault().join("vault.db");
    let length = fs::metadata(&file).unwrap().len() as usize;
    fs::write(&file, vec![0xff; length]).unwrap();
    let ran = place.run(&["doctor", "--rescue", "-"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.contains("`crashvault doctor` tells whether"),
        "{}",
        ran.stderr
    );
}

#[test]
fn where_there_is_no_vault_nothing_is_written() {
    let place = Place::new();
    let file = place.path().join("events.jsonl");
    let ran = place.run(&["doctor", "--rescue", file.to_str().unwrap()]);
    ran.fails(1, "there is no vault in");
    assert!(!file.exists());
    place
        .run(&["doctor", "--rescue", "-", "--wait"])
        .fails(2, "cannot be used");
}
