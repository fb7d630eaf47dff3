//! What Crashvault 1 left, taken in by the command.

use std::fs;
use std::path::Path;

use crate::run::{Place, keys};

/// Version 1's `issues.json` with the one issue #1 "disk full", resolved, under the password below; sealed with OpenSSL.
const SEALED: &str = "gAAAAABl4YsAAAECAwQFBgcICQoLDA0OD0z7ysaOivIkmoBm4AZRxkQIbSJ6FzcK8eGrOVrvduFTkJ-dFH98VTE6q2PH_Irnp-vF6fNmRpapAhv_OtAdnC5zK6qKDiITBa5tEEKfaDB0K2Yx_TbnIPZ71I4DoCJ4SN82eX0NV71Wvs4OWcvAUbWJEYmS5AG_A5SZ2gmXwtwflVOPljLIY9XwYEAA_eUUhclZMu-gMdHxF7a2P9dg-i3GXzInHrXkuAaBq1Sl-EDvq5t3UTKNi1rk3462xWFANw==";
pub const PASSWORD: &str = "open sesame";

pub const ISSUES: &str = r#"[
  {
    "id": 1,
    "fingerprint": "774c8b52",
    "title": "disk full",
    "status": "resolved",
    "created_at": "2024-03-01T00:00:00.000000Z",
    "severity": "high"
  },
  {
    "id": 2,
    "fingerprint": "90a7191d",
    "title": "User 123 is unknown",
    "status": "open",
    "created_at": "2024-03-01T00:00:00.000000Z"
  }
]"#;

fn event(id: u8, issue: i8, message: &str, tags: &str) -> String {
    format!(
        r#"{{
  "event_id": "00000000-0000-4000-8000-0000000000{id:02x}",
  "issue_id": {issue},
  "message": "{message}",
  "stacktrace": "",
  "timestamp": "2024-03-02T10:11:12.000131Z",
  "level": "error",
  "tags": [{tags}],
  "context": {{}},
  "host": "web-1",
  "pid": 7
}}"#
    )
}

/// A directory of version 1 with two issues, three events, a note and a file.
pub fn write_old(root: &Path, issues: &str) {
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("config.json", "{\"version\": 1}");
    write("issues.json", issues);
    write("attachments/app.log", "it began well");
    write(
        "events/2024/03/02/1.json",
        &event(1, 1, "disk full", "\"db\""),
    );
    write("events/2024/03/02/2.json", &event(2, 1, "disk full", ""));
    write(
        "events/2024/03/02/3.json",
        &event(3, 2, "User 123 is unknown", ""),
    );
    write(
        "events/2024/03/02/4.json",
        &event(4, 0, "looks better", "\"note\""),
    );
}

pub fn write_export(path: &Path) {
    let events = event(1, 1, "disk full", "");
    let export = format!(
        "{{\"version\": 1, \"exported_at\": \"x\", \"issues\": {ISSUES}, \"events\": [{events}]}}"
    );
    fs::write(path, export).unwrap();
}

pub fn write_sealed(root: &Path, password: &Path) {
    write_old(root, SEALED);
    fs::write(password, format!("{PASSWORD}\n")).unwrap();
}

const FIRST: &str =
    "from Crashvault 1: 2 issues (2 new), 3 events and 1 note (4 new), 1 attachment (1 new)";

#[test]
fn a_directory_comes_in_beside_itself_and_only_once() {
    let place = Place::new();
    write_old(&place.vault(), ISSUES);
    let before = Place::files(&place.vault());
    let home = place.vault();
    let home = home.to_str().unwrap();
    let hint = format!("`crashvault import {home}` takes it in");
    assert!(place.ok(&["list"]).stderr.contains(&hint));

    let dry = place.ok(&["import", home, "--dry-run"]);
    assert_eq!(
        dry.stdout,
        format!("Would import {FIRST}\n2 decisions: statuses, titles, severities, tags\n")
    );
    assert!(before == Place::files(&place.vault()), "a file has changed");

    let ran = place.ok(&["import", home]);
    assert_eq!(ran.stdout, dry.stdout.replace("Would import", "Imported"));
    let after = Place::files(&place.vault());
    assert!(
        before.iter().all(|file| after.contains(file)),
        "v1's files have changed"
    );
    let again = place.ok(&["import", home]).stdout;
    assert!(
        again.contains("2 issues (0 new), 3 events and 1 note (0 new), 1 attachment (0 new)\n"),
        "{again}"
    );

    let list = place.ok(&["list", "--status", "resolved", "--json"]);
    assert!(!list.stderr.contains("Crashvault 1"), "{}", list.stderr);
    let issue = &list.json()["issues"][0];
    assert_eq!(
        (&issue["number"], &issue["severity"]),
        (&1.into(), &"high".into())
    );
    assert_eq!(issue["last_seen"], "2024-03-02T10:11:12.000131Z");

    let added = place.ok(&["add", "disk full", "--json"]).json();
    assert_eq!(added["issue_number"], 1);
    let back = place.ok(&["show", "1", "--json"]).json();
    assert_eq!(back["issue"]["is_regressed"], true);
    assert_eq!(back["joins"][0]["reason"], "v1");
    assert_eq!(back["activities"][0]["author"], "crashvault 1");
}

#[test]
fn what_cannot_be_read_is_told_and_the_exit_code_says_so() {
    let place = Place::new();
    let old = place.path().join("old");
    write_old(&old, ISSUES);
    fs::write(old.join("events/2024/03/02/0\u{1b}[31m.json"), "{").unwrap();
    let ran = place.run(&["import", old.to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("(4 new)") && ran.stdout.contains("\nskipped: "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("0\\x1b[31m.json: EOF"),
        "{}",
        ran.stdout
    );
    let ran = place.run(&["import", old.to_str().unwrap(), "--json"]);
    let value = ran.json();
    assert_eq!(value["skipped"].as_array().unwrap().len(), 1);
    assert_eq!(keys(&value["skipped"][0]), ["path", "reason"]);
    let expected = [
        "attachment_count",
        "attachments_new",
        "changed",
        "decision_count",
        "event_count",
        "events_new",
        "is_dry_run",
        "issue_count",
        "issues_new",
        "note_count",
        "renumbered",
        "skipped",
        "synthetic_count",
        "vault",
    ];
    assert_eq!(keys(&value), expected);
}

#[test]
fn an_export_comes_in_whatever_its_name() {
    let place = Place::new();
    let export = place.path().join("backup");
    write_export(&export);
    let ran = place.ok(&[
        "import",
        export.to_str().unwrap(),
        "--project",
        "shop",
        "--json",
    ]);
    assert_eq!(
        (&ran.json()["issues_new"], &ran.json()["synthetic_count"]),
        (&2.into(), &1.into())
    );
    let issue = &place.ok(&["show", "2", "--json"]).json()["issue"];
    assert_eq!(issue["project"], "shop");
    fs::write(&export, "{\"version\": 1}").unwrap();
    place
        .run(&["import", export.to_str().unwrap()])
        .fails(2, "nothing that Crashvault 1 wrote");
}

#[test]
fn an_encrypted_list_takes_its_password_from_a_file_or_the_environment() {
    let place = Place::new();
    let (old, file) = (place.path().join("old"), place.path().join("password"));
    write_sealed(&old, &file);
    let words = ["import", old.to_str().unwrap()];
    let ran = place.run(&words);
    ran.fails(1, "is encrypted");
    assert!(ran.stderr.contains("--password-file"), "{}", ran.stderr);
    let with = |password: &str| {
        let mut command = place.command(&words);
        command.env("CRASHVAULT_V1_PASSWORD", password);
        crate::run::Ran::of(command.output().unwrap())
    };
    with("wrong").fails(2, "this is not the password");
    assert!(!place.vault().exists(), "a vault was made for nothing");
    assert_eq!(with(PASSWORD).code, 0);
    // The file goes before the variable.
    let mut command =
        place.command(&[&words[..], &["--password-file", file.to_str().unwrap()]].concat());
    command.env("CRASHVAULT_V1_PASSWORD", "wrong");
    assert!(command.output().unwrap().status.success());
    let list = place.ok(&["list", "--status", "resolved", "--json"]).json();
    assert_eq!(list["issues"][0]["title"], "disk full");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let place = Place::new();
    let old = place.path().join("old");
    write_old(&old, ISSUES);
    let old = old.to_str().unwrap();
    place
        .run(&["import", old, "--mode", "replace"])
        .fails(2, "replaces nothing");
    place
        .run(&["import", old, "--mode", "other"])
        .fails(2, "expected merge");
    place
        .run(&["import", old, "--symbols", old])
        .fails(2, "--symbols goes with a minidump");
    let dump = place.path().join("x.dmp");
    fs::write(&dump, "MDMP").unwrap();
    let dump = dump.to_str().unwrap();
    place
        .run(&["import", dump, "--dry-run"])
        .fails(2, "--dry-run goes with data of Crashvault 1");
    place.ok(&["import", old, "--mode", "merge"]);
    place
        .run(&["import", "nothing-here"])
        .fails(3, "nothing-here");
}
