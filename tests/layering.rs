//! The direction of the house, read from the sources and manifests. The table is the rule; the reasons are in
//! ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crashvault_tests::{cargo, files_below, repository, source};

/// What each room of the engine may use, besides itself. A new room needs a row. `lib.rs` may use all of them
/// and none of them may use `lib.rs`: a name is imported from the room that owns it.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("file", &[]),
    ("scratch", &[]),
    ("time", &["error"]),
    ("event", &["error", "time"]),
    ("issue", &["error", "time", "event"]),
    ("language", &["error", "time", "event"]),
    // Pure rooms.
    ("scrub", &["error", "time", "event"]),
    ("group", FACTS),
    ("trace", FACTS),
    ("symbol", FACTS),
    ("rules", FACTS),
    ("query::parse", FACTS),
    // Rooms that touch the disk.
    ("crypto", FACTS),
    ("journal", BELOW_JOURNAL),
    ("store", BELOW_JOURNAL),
    // A panic must not wait for a database lock: capture knows nothing of the store.
    ("capture", &["error", "time", "event", "journal"]),
    ("ingest", BELOW_WALK),
    ("query", BELOW_WALK),
    ("analytics", BELOW_WALK),
    ("sync", BELOW_WALK),
    ("export", BELOW_WALK),
    ("replay", BELOW_WALK),
    ("vault", BELOW_VAULT),
    ("integrations", &["error", "time", "event", "capture"]),
    (
        "test",
        &[
            "time", "event", "journal", "capture", "ingest", "group", "language", "scrub", "symbol",
        ],
    ),
];

const FACTS: &[&str] = &["error", "time", "event", "issue", "language"];

const BELOW_JOURNAL: &[&str] = &[
    "error",
    "time",
    "event",
    "issue",
    "language",
    "scrub",
    "group",
    "trace",
    "symbol",
    "rules",
    "query::parse",
    "crypto",
];

const BELOW_WALK: &[&str] = &[
    "error",
    "time",
    "event",
    "issue",
    "language",
    "scrub",
    "group",
    "trace",
    "symbol",
    "rules",
    "query::parse",
    "crypto",
    "journal",
    "store",
];

const BELOW_VAULT: &[&str] = &[
    "error",
    "file",
    "time",
    "event",
    "issue",
    "language",
    "scrub",
    "group",
    "trace",
    "symbol",
    "rules",
    "query::parse",
    "crypto",
    "journal",
    "store",
    "capture",
    "ingest",
    "query",
    "analytics",
    "sync",
    "export",
    "replay",
];

/// What each package of the workspace may depend on within the workspace. A new package needs a row.
const PACKAGES: &[(&str, &[&str])] = &[
    // Its tests and documentation use it with features that are off by default.
    ("crashvault-core", &["crashvault-core"]),
    ("crashvault-notify", &["crashvault-core"]),
    (
        "crashvault-server",
        &["crashvault-core", "crashvault-notify"],
    ),
    (
        "crashvault-cli",
        &["crashvault-core", "crashvault-notify", "crashvault-server"],
    ),
    ("crashvault-py", &["crashvault-core", "crashvault-notify"]),
    (
        "crashvault-tests",
        &["crashvault-core", "crashvault-notify", "crashvault-cli"],
    ),
    ("rust-actix", &["crashvault-core"]),
    ("rust-axum", &["crashvault-core"]),
    ("rust-panic", &["crashvault-core"]),
    ("rust-error-chain", &["crashvault-core"]),
    ("rust-cli", &["crashvault-core"]),
    ("rust-tracing", &["crashvault-core"]),
    ("xtask", &[]),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc"];

const SOURCE_ENDINGS: &[&str] = &[
    "rs", "py", "js", "ts", "go", "rb", "java", "kt", "swift", "c", "h",
];

#[test]
fn rooms_use_only_what_lies_below_them() {
    let engine = repository().join("crashvault-core/src");
    let mut wrong = Vec::new();
    for file in files_below(&engine) {
        let name = relative(&file, &engine);
        if name.ends_with(".rs") {
            let text = fs::read_to_string(&file).expect("source files are UTF-8");
            wrong.extend(wrong_arrows(&name, &text));
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows the wrong way:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn rooms_open_with_what_they_never_do() {
    let engine = repository().join("crashvault-core/src");
    let mut wrong = Vec::new();
    for file in files_below(&engine) {
        let name = relative(&file, &engine);
        if is_head(&name) {
            let text = fs::read_to_string(&file).expect("source files are UTF-8");
            wrong.extend(head_faults(&name, &text));
        }
    }
    assert!(wrong.is_empty(), "heads of rooms:\n{}", wrong.join("\n"));
}

#[test]
fn files_and_folders_have_names_that_say_something() {
    let wrong: BTreeSet<String> = files_below(repository())
        .iter()
        .map(|file| relative(file, repository()))
        .filter(|name| !name.starts_with("tests/corpus/") && has_empty_name(name))
        .collect();
    assert!(wrong.is_empty(), "rename: {wrong:?}");
}

#[test]
fn packages_depend_only_on_what_lies_below_them() {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages is a list");
    let name =
        |value: &serde_json::Value| value["name"].as_str().expect("names are text").to_owned();
    let members: BTreeSet<String> = packages.iter().map(name).collect();
    let mut wrong = Vec::new();
    for package in packages {
        let dependencies = package["dependencies"]
            .as_array()
            .expect("dependencies is a list");
        let within: BTreeSet<String> = dependencies
            .iter()
            .map(name)
            .filter(|name| members.contains(name))
            .collect();
        wrong.extend(wrong_dependencies(&name(package), &within));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn relative(file: &Path, root: &Path) -> String {
    let inside = file
        .strip_prefix(root)
        .expect("the file was found below the root");
    inside.to_string_lossy().replace('\\', "/")
}

/// Each forbidden or unknown arrow of one file of the engine, as a sentence.
fn wrong_arrows(file: &str, text: &str) -> Vec<String> {
    let modules = modules_of(file);
    if file == "lib.rs" || modules.last().is_some_and(|module| *module == "tests") {
        return Vec::new();
    }
    let room = room_of(&modules);
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!(
            "{file}: the room `{room}` has no row in tests/layering.rs"
        )];
    };
    let targets: BTreeSet<String> = source::paths(text)
        .iter()
        .filter_map(|path| target_of(path, modules.len()))
        .collect();
    let wrong = targets
        .iter()
        .filter(|target| **target != room && !allowed.contains(&target.as_str()));
    wrong
        .map(|target| format!("{file}: {room} → {target}"))
        .collect()
}

/// `store/sqlite/read.rs` is `["store", "sqlite", "read"]`, `store/mod.rs` is `["store"]`.
fn modules_of(file: &str) -> Vec<&str> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    path.strip_suffix("/mod")
        .unwrap_or(path)
        .split('/')
        .collect()
}

fn room_of(modules: &[impl AsRef<str>]) -> String {
    let name = |at: usize| modules.get(at).map(AsRef::as_ref);
    match (name(0), name(1)) {
        // The parser of queries is a room below the one that answers them: the store reads its trees.
        (Some("query"), Some("parse")) => "query::parse".to_owned(),
        (first, _) => first.unwrap_or_default().to_owned(),
    }
}

/// The room that a path leads to from a file `depth` modules deep; nothing where it stays inside its own.
fn target_of(path: &source::Path, depth: usize) -> Option<String> {
    let ups = path.iter().take_while(|word| *word == "super").count();
    let from_root = if path[0] == "crate" {
        &path[1..]
    } else {
        &path[ups..]
    };
    let room = room_of(from_root);
    let known = ROOMS.iter().any(|(name, _)| *name == room);
    if path[0] == "crate" {
        return Some(if known {
            room
        } else {
            format!("lib.rs ({})", path.join("::"))
        });
    }
    // In a module inside the file the same `super` leads less far; such a path rarely names a room.
    (ups >= depth && known).then_some(room)
}

fn is_head(file: &str) -> bool {
    file.ends_with(".rs") && file != "lib.rs" && modules_of(file).len() == 1
}

fn head_faults(file: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//!") {
        faults.push(format!("{file}: does not open with `//!`"));
    }
    if !text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .any(|line| line.starts_with("//! Never:"))
    {
        faults.push(format!("{file}: its head has no line `//! Never: …`"));
    }
    faults
}

fn has_empty_name(file: &str) -> bool {
    let path = Path::new(file);
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let mut names = path
        .components()
        .map(|part| Path::new(part.as_os_str()).file_stem().unwrap_or_default());
    SOURCE_ENDINGS.contains(&ending.as_ref())
        && names.any(|name| EMPTY_NAMES.contains(&name.to_string_lossy().as_ref()))
}

fn wrong_dependencies(package: &str, within: &BTreeSet<String>) -> Vec<String> {
    let Some((_, allowed)) = PACKAGES.iter().find(|(name, _)| *name == package) else {
        return vec![format!(
            "the package {package} has no row in tests/layering.rs"
        )];
    };
    let wrong = within
        .iter()
        .filter(|name| !allowed.contains(&name.as_str()));
    wrong
        .map(|name| format!("{package} may not depend on {name}"))
        .collect()
}

fn check(file: &str, text: &str, expected: &[&str]) {
    assert_eq!(wrong_arrows(file, text), expected, "{file}: {text}");
}

#[test]
fn arrows_down_are_fine() {
    check(
        "store/sqlite.rs",
        "use crate::event::Event; use crate::query::parse::Tree;",
        &[],
    );
    check(
        "vault/mod.rs",
        "use crate::{capture, ingest::Walk, store::Store};",
        &[],
    );
    check(
        "capture/hook.rs",
        "use crate::journal::Writer; use super::scope::Scope;",
        &[],
    );
    check(
        "group/mod.rs",
        "use self::keys::Key; use crate::group::keys; mod keys;",
        &[],
    );
}

#[test]
fn arrows_up_and_sideways_are_found() {
    check(
        "event/mod.rs",
        "use crate::store::Row;",
        &["event/mod.rs: event → store"],
    );
    check(
        "capture/hook.rs",
        "fn f() { crate::store::open() }",
        &["capture/hook.rs: capture → store"],
    );
    check(
        "journal/mod.rs",
        "use crate::{store, event};",
        &["journal/mod.rs: journal → store"],
    );
    check(
        "scrub/score.rs",
        "use crate::issue::Issue;",
        &["scrub/score.rs: scrub → issue"],
    );
    check(
        "store/mod.rs",
        "use crate::query::Page;",
        &["store/mod.rs: store → query"],
    );
}

#[test]
fn a_parser_is_below_its_room() {
    check(
        "query/parse/mod.rs",
        "use crate::store::Row;",
        &["query/parse/mod.rs: query::parse → store"],
    );
    check(
        "query/mod.rs",
        "use crate::store::Row; use crate::query::parse::Tree;",
        &[],
    );
}

#[test]
fn arrows_over_super_are_found() {
    check(
        "scrub.rs",
        "use super::store::Row;",
        &["scrub.rs: scrub → store"],
    );
    check(
        "scrub/rules.rs",
        "use super::super::store::Row;",
        &["scrub/rules.rs: scrub → store"],
    );
    check("scrub/rules.rs", "use super::store::Row;", &[]);
}

#[test]
fn names_are_taken_from_their_room() {
    check(
        "time.rs",
        "use crate::Error;",
        &["time.rs: time → lib.rs (crate::Error)"],
    );
}

#[test]
fn an_unknown_room_needs_a_row() {
    check(
        "flood/mod.rs",
        "",
        &["flood/mod.rs: the room `flood` has no row in tests/layering.rs"],
    );
}

#[test]
fn tests_may_reach_further() {
    check("event/tests.rs", "use crate::store::Row;", &[]);
    check(
        "event/mod.rs",
        "#[cfg(test)] mod tests { use crate::store::Row; }",
        &[],
    );
}

#[test]
fn a_head_without_its_absences_is_found() {
    assert!(head_faults("a.rs", "//! What it is.\n//!\n//! Never: waits.\n").is_empty());
    assert_eq!(
        head_faults("a.rs", "//! What it is.\nfn f() {}\n//! Never: late.\n").len(),
        1
    );
    assert_eq!(head_faults("a.rs", "use std::fs;\n").len(), 2);
}

#[test]
fn empty_names_are_found_at_every_depth() {
    assert!(has_empty_name("crashvault-core/src/store/utils.rs"));
    assert!(has_empty_name("crashvault-py/common/vault.py"));
    assert!(!has_empty_name("crashvault-core/src/store/sqlite.rs"));
    assert!(!has_empty_name("docs/common.md"));
}

#[test]
fn a_package_without_a_row_or_against_it_is_found() {
    let core = BTreeSet::from(["crashvault-core".to_owned()]);
    assert!(wrong_dependencies("crashvault-cli", &core).is_empty());
    assert_eq!(
        wrong_dependencies("xtask", &core),
        ["xtask may not depend on crashvault-core"]
    );
    assert_eq!(wrong_dependencies("crashvault-new", &core).len(), 1);
}
