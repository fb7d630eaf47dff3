//! What the guides tell to type can be typed.

use std::path::Path;

use crate::dumps;
use crate::from_v1;
use crate::run::{Place, Ran};

/// The lines of a guide's blocks for a shell.
fn typed(guide: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let guide = std::fs::read_to_string(root.join("docs/guide").join(guide)).unwrap();
    let blocks = guide.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    blocks
        .flat_map(str::lines)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_command_of_the_guide_works() {
    check("command.md", 15);
}

#[test]
fn every_command_about_sharing_works() {
    check("sharing.md", 10);
}

#[test]
fn every_parse_of_the_guide_works() {
    check("parse.md", 5);
}

#[test]
fn every_command_about_grouping_works() {
    check("grouping.md", 4);
}

#[test]
fn every_search_of_the_guide_works() {
    check("search.md", 15);
}

/// Types a page's lines beside a vault that has something in it.
#[track_caller]
fn check(page: &str, lines_min: usize) {
    let place = Place::new();
    let vault = place.vault();
    place.ok(&["demo", "--vault", vault.to_str().unwrap()]);
    // What the guide's examples find in the directory they are typed in.
    let write = |name: &str, bytes: &[u8]| std::fs::write(place.path().join(name), bytes).unwrap();
    write("crash.dmp", &dumps::shop(Some((11, 1, 0x10))));
    write("shop.sym", dumps::shop_symbols().as_bytes());
    std::fs::create_dir_all(place.path().join("build/symbols")).unwrap();
    let lines = typed(page);
    assert!(lines.len() > lines_min, "{lines:?}");
    run(&place, &lines);
}

#[test]
fn every_command_of_the_guide_from_version_1_works() {
    let place = Place::new();
    // The guide's vault is the default one.
    let home = place.path().join(".crashvault");
    from_v1::write_old(&home, from_v1::ISSUES);
    from_v1::write_export(&place.path().join("v1-export.json"));
    let sealed = place.path().join("old-encrypted");
    from_v1::write_sealed(&sealed, &place.path().join("password.txt"));
    let lines = typed("from-v1.md");
    assert!(lines.len() >= 5, "{lines:?}");
    run(&place, &lines);
}

#[track_caller]
fn run(place: &Place, lines: &[String]) {
    let program = Path::new(env!("CARGO_BIN_EXE_crashvault"));
    let search = std::env::var("PATH").unwrap();
    let search = format!("{}:{search}", program.parent().unwrap().display());
    for line in lines {
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", line])
            .env("PATH", &search)
            .current_dir(place.path());
        for (name, value) in place.command(&[]).get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let ran = Ran::of(shell.output().unwrap());
        assert_eq!(ran.code, 0, "{line}\n{}{}", ran.stdout, ran.stderr);
    }
}
