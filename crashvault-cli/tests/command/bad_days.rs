//! Vaults that are missing, foreign, damaged, newer, read-only, or lie beside the data of Crashvault 1.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crashvault::Vault;

use crate::run::{Place, Ran};

const READERS: [&[&str]; 3] = [&["list"], &["show", "1"], &["status"]];

/// A vault with one event.
fn vault() -> Place {
    let place = Place::new();
    place.ok(&["add", "kept"]);
    place
}

#[test]
fn a_foreign_file_is_named_and_left_alone() {
    let place = vault();
    let file = place.vault().join("vault.db");
    fs::write(
        &file,
        "this is no database, and long enough to be looked at",
    )
    .unwrap();
    let before = Place::files(&place.vault());
    for words in READERS.iter().chain([&["add", "x"][..]].iter()) {
        let ran = place.run(words);
        ran.fails(1, file.to_str().unwrap());
        assert!(
            ran.stderr.contains("offset 0") && ran.stderr.contains("hint: "),
            "{}",
            ran.stderr
        );
    }
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(
        doctor.stdout.contains("problem\t") && doctor.stdout.contains("vault.db"),
        "{}",
        doctor.stdout
    );
    assert!(before == Place::files(&place.vault()), "a file has changed");
}

#[test]
fn a_newer_format_is_told_with_both_versions() {
    let place = vault();
    fs::write(place.vault().join("vault.toml"), "format = 9\n").unwrap();
    for words in READERS {
        place
            .run(words)
            .fails(1, "has format 9, this version reads up to 1");
    }
    let doctor = place.run(&["doctor", "--json"]);
    assert_eq!(
        (doctor.code, &doctor.json()["is_healthy"]),
        (1, &false.into())
    );
    assert!(
        doctor.stdout.contains("vault.toml has format 9"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn settings_that_are_no_toml_are_told_with_their_place() {
    let place = vault();
    fs::write(place.vault().join("vault.toml"), "format = [").unwrap();
    place.run(&["list"]).fails(1, "vault.toml, line ");
    assert!(
        place
            .run(&["doctor"])
            .stdout
            .contains("correct it or move it away")
    );
}

#[test]
fn status_and_doctor_explain_a_missing_vault() {
    let place = Place::new();
    place.run(&["status"]).fails(1, "there is no vault in");
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(
        doctor.stdout.contains("crashvault demo"),
        "{}",
        doctor.stdout
    );
    assert!(!place.vault().exists());
}

#[test]
fn what_is_refused_leaves_no_empty_vault_behind() {
    let place = Place::new();
    let write = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cut = "{\"crashvault_export\":1,\"vault\":\"x\"}\n{\"kind\":\"issue\"";
    let cut = write("cut.ndjson", cut);
    let table = write("table.csv", "# Issues\nid,title,\n");
    let dump = write("crash.dmp", "MDMP");
    let text = write("text", "hello");
    for words in [
        &["import", "missing"][..],
        &["import", &cut],
        &["import", &table],
        &["import", &dump],
        &["import", &text],
        &["import", "."],
        &["symbols", "add", &text, "missing"],
        &["config", "set", "retention.age_days", "soon"],
        &["config", "set", "capture.throttle", "perhaps"],
        &["config", "set", "capture.durability", "none"],
        &["config", "unset", "capture.throttle"],
        &["webhook", "add", "slack", "--url", "no url"],
        &["webhook", "enable", "x"],
        &["attach", "missing"],
    ] {
        let ran = place.run(words);
        assert_ne!(ran.code, 0, "{words:?}");
        assert!(!place.vault().exists(), "{words:?}: {}", ran.stderr);
    }
}

#[test]
fn a_place_that_cannot_be_one_is_told() {
    let place = Place::new();
    let file = place.path().join("file");
    fs::write(&file, "x").unwrap();
    let below = file.join("vault");
    let below = below.to_str().unwrap();
    place.run(&["add", "x", "--vault", below]).fails(1, below);
    place.run(&["demo", "--vault", below]).fails(1, below);
    place.run(&["status", "--vault", below]).fails(1, below);
    assert_eq!(place.run(&["doctor", "--vault", below]).code, 1);
}

/// A vault that others may look at and not change, and the command in the hands of such another.
///
/// Root may write anywhere, so it lends the command to a user who may not; that user has to reach the program too.
struct Foreign {
    place: Place,
    program: PathBuf,
    is_root: bool,
}

impl Foreign {
    fn new(place: Place) -> Self {
        let program = place.path().join("crashvault");
        let built = env!("CARGO_BIN_EXE_crashvault");
        // Not written by this process where it can be helped: a child of another test might hold it open for writing.
        if fs::hard_link(built, &program).is_err() {
            let copied = Command::new("cp").arg(built).arg(&program).status();
            assert!(copied.unwrap().success());
        }
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        set_mode(place.path(), 0o755);
        for entry in fs::read_dir(place.vault()).unwrap() {
            let entry = entry.unwrap().path();
            // Files below `symbols/` may be links to the very program.
            set_mode(&entry, if entry.is_dir() { 0o755 } else { 0o444 });
        }
        set_mode(&place.vault(), 0o555);
        Self {
            place,
            program,
            is_root,
        }
    }

    fn run(&self, words: &[&str]) -> Ran {
        const NOBODY: u32 = 65534;
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .env("CRASHVAULT_HOME", self.place.vault());
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        Ran::of(command.output().unwrap())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        set_mode(&self.place.vault(), 0o755);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_vault_that_cannot_be_written_is_read_while_its_owner_has_it_open() {
    let place = vault();
    let owner = Vault::open(place.vault()).unwrap();
    let foreign = Foreign::new(place);
    let listed = foreign.run(&["list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(listed.stdout.contains("kept"), "{}", listed.stdout);
    let note = "the vault cannot be written; it is shown as it is";
    assert!(listed.stderr.contains(note), "{}", listed.stderr);
    let status = foreign.run(&["status", "--json"]);
    assert_eq!(status.json()["is_read_only"], true);
    let doctor = foreign.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(
        doctor.stdout.contains("cannot be written") && doctor.stdout.contains("let this user own"),
        "{}",
        doctor.stdout
    );
    foreign.run(&["add", "x"]).fails(1, "vault.db");
    drop(owner);
}

#[test]
fn a_vault_that_nobody_has_open_is_read_where_it_cannot_be_written() {
    let foreign = Foreign::new(vault());
    let before = Place::files(&foreign.place.vault());
    for words in [
        &["list"][..],
        &["show", "1"],
        &["search", "kept"],
        &["events"],
        &["stats"],
        &["status"],
    ] {
        let ran = foreign.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        let note = "the vault cannot be written; it is shown as it is";
        assert_eq!(ran.stderr.matches(note).count(), 1, "{}", ran.stderr);
    }
    assert!(foreign.run(&["list"]).stdout.contains("kept"));
    let doctor = foreign.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(
        doctor.stdout.contains("cannot be written") && !doctor.stdout.contains("can be written"),
        "{}",
        doctor.stdout
    );
    let resolved = foreign.run(&["resolve", "1"]);
    assert_eq!(resolved.code, 1);
    assert!(
        resolved.stderr.contains("not allowed to write"),
        "{}",
        resolved.stderr
    );
    assert!(
        before == Place::files(&foreign.place.vault()),
        "a file has changed"
    );
}

#[test]
fn what_waits_where_nothing_can_be_written_is_told_once() {
    let place = vault();
    let home = place.vault();
    let child = place.run(&["__demo-child", "error", "--vault", home.to_str().unwrap()]);
    assert_eq!(child.code, 1);
    let foreign = Foreign::new(place);
    for (file, _) in Place::files(&foreign.place.vault().join("journal")) {
        set_mode(&file, 0o444);
    }
    let listed = foreign.run(&["list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let told = "1 event waits in its journal and cannot be shown";
    assert_eq!(listed.stderr.matches(told).count(), 1, "{}", listed.stderr);
}

#[test]
fn a_copy_with_a_log_and_no_index_is_read_where_it_cannot_be_written() {
    let place = vault();
    let mut owner = Vault::open(place.vault()).unwrap();
    let mut event = crashvault::Event::new();
    event.message = Some("only in the log".into());
    owner.add(event).unwrap();
    let copy = Place::new();
    fs::create_dir(copy.vault()).unwrap();
    for name in ["vault.db", "vault.db-wal", "vault.toml"] {
        fs::copy(place.vault().join(name), copy.vault().join(name)).unwrap();
    }
    drop(owner);
    let foreign = Foreign::new(copy);
    let before = Place::files(&foreign.place.vault());
    let listed = foreign.run(&["list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert!(
        listed.stdout.contains("only in the log") && listed.stdout.contains("kept"),
        "{}",
        listed.stdout
    );
    assert!(
        before == Place::files(&foreign.place.vault()),
        "a file has changed"
    );
}

#[test]
fn a_doctor_tells_files_that_cannot_be_written_in_a_directory_that_can() {
    let foreign = Foreign::new(vault());
    set_mode(&foreign.place.vault(), 0o777);
    let doctor = foreign.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("cannot be written") && !doctor.stdout.contains("can be written"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn a_vault_that_can_neither_be_written_nor_read_is_explained() {
    let foreign = Foreign::new(vault());
    set_mode(&foreign.place.vault().join("vault.db"), 0o000);
    let listed = foreign.run(&["list"]);
    listed.fails(1, "vault.db");
    assert!(listed.stderr.contains("hint: "), "{}", listed.stderr);
    foreign.run(&["add", "x"]).fails(1, "vault.db");
    let doctor = foreign.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(
        doctor.stdout.contains("cannot be written"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn data_of_crashvault_1_is_seen_and_not_touched() {
    let place = Place::new();
    fs::create_dir_all(place.vault().join("events/2024/01/02")).unwrap();
    fs::write(
        place.vault().join("issues.json"),
        "[{\"id\": 1, \"title\": \"old\"}]",
    )
    .unwrap();
    fs::write(place.vault().join("config.json"), "{\"version\": 1}").unwrap();
    fs::write(place.vault().join("events/2024/01/02/a.json"), "{}").unwrap();
    let before = Place::files(&place.vault());
    for words in [&["list"][..], &["show", "1"], &["status"]] {
        let stderr = place.run(words).stderr;
        assert!(
            stderr.contains("Crashvault 1") && stderr.contains("left as it is"),
            "{stderr}"
        );
    }
    let doctor = place.run(&["doctor"]).stdout;
    assert!(
        doctor.contains("notice\t") && doctor.contains("Crashvault 1"),
        "{doctor}"
    );
    assert!(before == Place::files(&place.vault()), "a file has changed");
    place.ok(&["add", "new"]);
    let after = Place::files(&place.vault());
    assert!(
        before.iter().all(|file| after.contains(file)),
        "v1's files have changed"
    );
    assert!(place.ok(&["list"]).stderr.contains("Crashvault 1"));
}

#[test]
fn events_that_wait_are_taken_in_or_told() {
    let place = Place::new();
    let vault = place.vault();
    let child = place.run(&["__demo-child", "error", "--vault", vault.to_str().unwrap()]);
    assert_eq!(child.code, 1);
    // Nobody else may drain while this lock is held.
    let lock = fs::File::create(vault.join("drain.lock")).unwrap();
    lock.lock().unwrap();
    let listed = place.ok(&["list", "--json"]);
    assert_eq!(listed.json()["waiting_count"], 1);
    assert!(
        listed
            .stderr
            .contains("1 event waits still; another process is taking them in"),
        "{}",
        listed.stderr
    );
    drop(lock);
    let listed = place.ok(&["list", "--wait", "--json"]);
    assert_eq!(
        (
            &listed.json()["waiting_count"],
            listed.json()["issues"].as_array().unwrap().len()
        ),
        (&0.into(), 1)
    );
    assert_eq!(listed.stderr, "");
}

#[test]
fn a_damaged_journal_is_told_and_the_rest_is_read() {
    let place = vault();
    let journal = place.vault().join("journal");
    fs::create_dir_all(&journal).unwrap();
    fs::write(
        journal.join("1-2-00000000000000000000000000000000.cvj"),
        "no journal at all, whatever it is",
    )
    .unwrap();
    let listed = place.ok(&["list"]);
    assert!(listed.stdout.contains("kept"));
    let doctor = place.run(&["doctor"]);
    assert!(
        doctor.stdout.contains(".cvj") || listed.stderr.contains(".cvj"),
        "{}{}",
        doctor.stdout,
        listed.stderr
    );
}
