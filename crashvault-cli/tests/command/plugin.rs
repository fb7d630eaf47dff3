use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::run::{Place, Ran};

/// Puts a plugin on a $PATH of its own.
fn plugin(place: &Place, name: &str, script: &str) {
    let directory = place.path().join("bin");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn command(place: &Place, words: &[&str]) -> Command {
    let mut command = place.command(words);
    let path = std::env::var("PATH").unwrap();
    let directory = place.path().join("bin");
    command.env("PATH", format!("{}:{path}", directory.display()));
    command
}

fn run(place: &Place, words: &[&str]) -> Ran {
    Ran::of(command(place, words).output().unwrap())
}

const ECHO: &str =
    "#!/bin/sh\necho \"$CRASHVAULT_HOME $CRASHVAULT_BIN $CRASHVAULT_AUTHOR $*\"; exit 7\n";

#[test]
fn a_program_on_the_path_is_a_command() {
    let place = Place::new();
    plugin(&place, "crashvault-hello", ECHO);
    let ran = run(
        &place,
        &["--author", "ada", "hello", "--json", "-v", "--help", "a b"],
    );
    let own = std::fs::canonicalize(env!("CARGO_BIN_EXE_crashvault")).unwrap();
    let (home, own) = (place.vault(), own.display());
    let expected = format!("{} {own} ada --json -v --help a b\n", home.display());
    assert_eq!((ran.code, ran.stdout), (7, expected));
    let ran = run(&place, &["--vault", "/elsewhere", "hello"]);
    assert!(ran.stdout.starts_with("/elsewhere "), "{}", ran.stdout);
}

#[test]
fn an_unknown_name_is_a_usage_error_with_what_may_be_meant() {
    let place = Place::new();
    run(&place, &["lsit"]).fails(2, "unrecognized subcommand");
    assert!(run(&place, &["lst"]).stderr.contains("'list'"));
    run(&place, &["zebra", "--stripes"]).fails(2, "zebra");
    // What could be a path is never one.
    std::fs::create_dir(place.path().join("crashvault-")).unwrap();
    plugin(&place, "hello", ECHO);
    run(&place, &["/../hello"]).fails(2, "hello");
}

#[test]
fn a_plugin_takes_no_built_in_commands_place() {
    let place = Place::new();
    plugin(&place, "crashvault-list", ECHO);
    assert_eq!(run(&place, &["list"]).code, 0);
}

#[test]
fn only_absolute_directories_are_looked_in() {
    let place = Place::new();
    plugin(&place, "crashvault-hello", ECHO);
    let mut command = place.command(&["hello"]);
    command.env("PATH", "bin:.:").current_dir(place.path());
    Ran::of(command.output().unwrap()).fails(2, "hello");
}

#[test]
fn plugins_are_listed() {
    let place = Place::new();
    plugin(&place, "crashvault-hello", ECHO);
    plugin(&place, "crashvault-ls", ECHO);
    std::fs::write(place.path().join("bin/crashvault-no-program"), "").unwrap();
    let mut command = command(&place, &["plugins"]);
    let directory = place.path().join("bin").display().to_string();
    command.env("PATH", format!("{directory}:/no/such/place:{directory}"));
    let listed = Ran::of(command.output().unwrap()).stdout;
    let lines = [
        format!("hello\t{directory}/crashvault-hello\t\n"),
        format!("ls\t{directory}/crashvault-ls\thidden\n"),
    ];
    assert_eq!(listed, lines.concat());
    command.arg("--json");
    let value = Ran::of(command.output().unwrap()).json();
    let hello = json!({"name": "hello", "path": format!("{directory}/crashvault-hello"), "is_hidden": false});
    assert_eq!(value["plugins"][0], hello);
}

#[test]
fn the_plugin_of_the_guide_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let guide = std::fs::read_to_string(root.join("docs/guide/plugins.md")).unwrap();
    let script = guide
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let place = Place::new();
    plugin(&place, "crashvault-top", script);
    for title in ["once", "twice", "twice", "never again"] {
        place.ok(&["add", title]);
    }
    place.ok(&["resolve", "3"]);
    let ran = run(&place, &["top", "1"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "2\t2\ttwice\n"),
        "{}",
        ran.stderr
    );
}
