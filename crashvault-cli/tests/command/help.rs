//! What `--help` says, against committed texts. `UPDATE=1 cargo test -p crashvault-cli help` writes them anew.

use std::path::Path;

use crate::run::Place;

#[track_caller]
fn check(name: &str, words: &[&str]) {
    let help = Place::new().ok(&[words, &["--help"]].concat()).stdout;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &help).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(help, expected, "UPDATE=1 writes {} anew", file.display());
    assert!(!help.contains("demo-child"));
    let widest = help.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns");
}

#[test]
fn of_the_command() {
    check("crashvault", &[]);
}

#[test]
fn of_demo() {
    check("demo", &["demo"]);
}

#[test]
fn of_add() {
    check("add", &["add"]);
}

#[test]
fn of_import() {
    check("import", &["import"]);
}

#[test]
fn of_symbols() {
    check("symbols", &["symbols"]);
}

#[test]
fn of_symbols_add() {
    check("symbols-add", &["symbols", "add"]);
}

#[test]
fn of_list() {
    check("list", &["list"]);
}

#[test]
fn of_show() {
    check("show", &["show"]);
}

#[test]
fn of_search() {
    check("search", &["search"]);
}

#[test]
fn of_searches() {
    check("searches", &["searches"]);
}

#[test]
fn of_searches_remove() {
    check("searches-remove", &["searches", "remove"]);
}

#[test]
fn of_resolve() {
    check("resolve", &["resolve"]);
}

#[test]
fn of_reopen() {
    check("reopen", &["reopen"]);
}

#[test]
fn of_ignore() {
    check("ignore", &["ignore"]);
}

#[test]
fn of_assign() {
    check("assign", &["assign"]);
}

#[test]
fn of_comment() {
    check("comment", &["comment"]);
}

#[test]
fn of_undo() {
    check("undo", &["undo"]);
}

#[test]
fn of_rebuild() {
    check("rebuild", &["rebuild"]);
}

#[test]
fn of_prune() {
    check("prune", &["prune"]);
}

#[test]
fn of_gc() {
    check("gc", &["gc"]);
}

#[test]
fn of_archive() {
    check("archive", &["archive"]);
}

#[test]
fn of_restore() {
    check("restore", &["restore"]);
}

#[test]
fn of_status() {
    check("status", &["status"]);
}

#[test]
fn of_doctor() {
    check("doctor", &["doctor"]);
}

#[test]
fn no_command_is_a_usage_error_with_help() {
    let ran = Place::new().run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("Usage: crashvault"), "{}", ran.stderr);
}

#[test]
fn the_version_is_told() {
    let version = Place::new().ok(&["--version"]).stdout;
    assert_eq!(
        version,
        format!("crashvault {}\n", env!("CARGO_PKG_VERSION"))
    );
}
