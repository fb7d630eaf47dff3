//! What the engine pulls in: pinned by committed lists, bounded in number, and of known licences.
//!
//! `UPDATE=1 cargo test -p crashvault-tests --test dependencies` writes the lists anew.

use std::collections::BTreeSet;
use std::env;
use std::fs;

use crashvault_tests::{cargo, repository, skip};

/// The lists hold for one platform, so that they are equal wherever they are compared.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

#[test]
fn the_engine_with_its_defaults() {
    check_engine("default", &[], 60);
}

#[test]
fn the_engine_with_capture_and_journal_alone() {
    check_engine("journal-only", &["--no-default-features"], 30);
}

#[test]
fn the_chores_start_fast() {
    if is_comparable("the_chores_start_fast") {
        let count = crates("xtask", &[]).len();
        assert!(
            count < 25,
            "xtask has {count} crates in its tree, 24 are allowed"
        );
    }
}

#[test]
fn licences_are_on_the_list() {
    if !is_comparable("licences_are_on_the_list") {
        return;
    }
    let text = fs::read_to_string(repository().join("deny.toml")).expect("deny.toml is committed");
    let allowed = allowed_licences(&text);
    let tree = tree(&["--workspace", "--format", "{p}\t{l}"]);
    let rows = tree.lines().filter_map(|line| line.split_once('\t'));
    let wrong: BTreeSet<String> = rows
        .filter(|(_, licence)| !is_allowed(licence, &allowed))
        .map(|(package, licence)| format!("{package}: `{licence}`"))
        .collect();
    assert!(wrong.is_empty(), "not allowed by deny.toml: {wrong:#?}");
}

fn check_engine(list: &str, flags: &[&str], below: usize) {
    if !is_comparable(list) {
        return;
    }
    let found = crates("crashvault-core", flags);
    let path = repository().join(format!("tests/dependencies/{list}.txt"));
    if env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, found.join("\n") + "\n").expect("the list can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let committed: Vec<&str> = committed.lines().collect();
    let new: Vec<_> = found
        .iter()
        .filter(|name| !committed.contains(&name.as_str()))
        .collect();
    let gone: Vec<_> = committed
        .iter()
        .filter(|name| !found.iter().any(|found| found == **name))
        .collect();
    assert!(
        found == committed,
        "{list}.txt differs: new {new:?}, gone {gone:?} (or another version beside one listed). \
         If this is meant, run with UPDATE=1 and say why in docs/decisions."
    );
    assert!(
        found.len() < below,
        "{} crates, fewer than {below} are promised",
        found.len()
    );
}

/// Packages for other platforms are not downloaded by a build, and the tests use no network.
fn is_comparable(test: &str) -> bool {
    let here = cfg!(all(
        target_arch = "x86_64",
        target_os = "linux",
        target_env = "gnu"
    ));
    if !here {
        skip(test, &format!("the lists are for {PLATFORM}"));
    }
    here
}

/// The crates in a package's tree, itself included; a name stands twice where two versions are built.
fn crates(package: &str, flags: &[&str]) -> Vec<String> {
    let tree = tree(&[&["--package", package, "--format", "{p}"], flags].concat());
    let versions: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or_default()))
        .collect();
    versions
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn tree(flags: &[&str]) -> String {
    let fixed = [
        "tree",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--no-dedupe",
        "--target",
        PLATFORM,
    ];
    cargo(&[&fixed, flags].concat())
}

/// The strings of `allow = [ … ]` in the table `[licenses]`.
fn allowed_licences(deny: &str) -> BTreeSet<&str> {
    let table = deny.split_once("[licenses]").map_or("", |(_, table)| table);
    let list = table.split_once("allow = [").map_or("", |(_, list)| list);
    let list = list.split_once("\n]").map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).collect()
}

/// Whether an SPDX expression can be fulfilled with allowed licences. `/` is the old way to write OR.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let answer = any_of(&words, &mut at, allowed);
    answer && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut answer = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        answer |= all_of(words, at, allowed);
    }
    answer
}

fn all_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut answer = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        answer &= one(words, at, allowed);
    }
    answer
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let answer = any_of(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return answer && closed;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).unwrap_or(&"");
        *at += 2;
        return allowed.contains(format!("{word} WITH {exception}").as_str());
    }
    allowed.contains(word)
}

fn check_licence(expression: &str, expected: bool) {
    let allowed = BTreeSet::from([
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "Unicode-3.0",
    ]);
    assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
}

#[test]
fn one_licence_of_a_choice_is_enough() {
    check_licence("MIT", true);
    check_licence("MIT OR GPL-3.0", true);
    check_licence("GPL-3.0/MIT", true);
    check_licence("GPL-3.0", false);
}

#[test]
fn all_licences_of_a_sum_are_needed() {
    check_licence("(MIT OR Apache-2.0) AND Unicode-3.0", true);
    check_licence("MIT AND GPL-3.0", false);
    check_licence("GPL-3.0 OR MIT AND Apache-2.0", true);
    check_licence("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true);
    check_licence("Apache-2.0 WITH Other-exception", false);
}

#[test]
fn an_expression_that_cannot_be_read_is_not_allowed() {
    check_licence("", false);
    check_licence("(MIT", false);
    check_licence("MIT MIT", false);
}

#[test]
fn the_list_of_licences_is_read() {
    let deny = "[licenses]\nallow = [\n    \"MIT\",\n    \"ISC\",\n]\n[bans]\nx = \"y\"\n";
    assert_eq!(allowed_licences(deny), BTreeSet::from(["ISC", "MIT"]));
}
