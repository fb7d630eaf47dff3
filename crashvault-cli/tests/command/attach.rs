use crate::run::{Place, keys};

/// A vault with one issue, and a file beside it.
fn vault() -> Place {
    let place = Place::new();
    place.ok(&["add", "disk full"]);
    std::fs::write(place.path().join("app.log"), "it began well\n").unwrap();
    place
}

fn file(place: &Place) -> String {
    place.path().join("app.log").display().to_string()
}

fn names(place: &Place, of: &str) -> Vec<String> {
    let lines = place.ok(&["attachment", "list", of]).stdout;
    let names = lines.lines().map(|line| line.split('\t').nth(1).unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn a_file_is_kept_with_an_issue_and_written_out_again() {
    let place = vault();
    let said = place.ok(&["attach", &file(&place), "--issue", "1"]).stdout;
    assert!(
        said.starts_with("Attached app.log (14 B) to event "),
        "{said}"
    );
    assert!(said.ends_with(" of issue #1\n"), "{said}");
    let line = place.ok(&["attachment", "list", "1"]).stdout;
    assert_eq!(line.split('\t').count(), 7, "{line}");
    let shown = place.ok(&["show", "1"]).stdout;
    assert!(shown.contains("app.log"), "{shown}");
    let got = place.ok(&["attachment", "get", "1", "app.log", "--output", "-"]);
    assert_eq!(got.stdout, "it began well\n");
    let to = place.path().join("copy").display().to_string();
    let words = ["attachment", "get", "#1", "app.log", "-o", &to];
    let value = place.ok(&[&words[..], &["--json"]].concat()).json();
    assert_eq!(
        (value["path"].as_str(), &value["size_bytes"]),
        (Some(&*to), &14.into())
    );
    assert_eq!(std::fs::read_to_string(&to).unwrap(), "it began well\n");
    place.run(&words).fails(1, "hint: --force writes over it");
    place.ok(&[&words[..], &["--force"]].concat());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&to).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "for its owner alone");
}

#[test]
fn a_file_is_kept_with_one_event() {
    let place = vault();
    let first = place.ok(&["events", "--json"]).json()["events"][0]["id"].clone();
    let first = first.as_str().unwrap();
    place.ok(&["add", "disk full"]);
    let words = [
        "attach",
        &file(&place),
        "--event",
        first,
        "--name",
        "a",
        "--json",
    ];
    let kept = place.ok(&words).json();
    assert_eq!(
        keys(&kept),
        [
            "added_at",
            "content_type",
            "event",
            "hash",
            "issue_number",
            "kind",
            "name",
            "size_bytes"
        ]
    );
    assert_eq!(kept["event"], first);
    assert_eq!(names(&place, first), ["a"]);
    assert_eq!(names(&place, "1"), ["a"]);
}

#[test]
fn without_an_event_a_note_holds_it() {
    let place = vault();
    let ran = place.answered(&["attach", "-", "--name", "journal.log"], "a line");
    assert!(
        ran.stdout.ends_with(" of issue #2\n"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let found = place.ok(&["search", "kind:note"]).stdout;
    assert!(found.contains("\tFile journal.log\t"), "{found}");
    assert_eq!(names(&place, "2"), ["journal.log"]);
}

#[test]
fn a_name_never_leads_out_of_the_vault_or_the_directory() {
    let place = vault();
    for name in ["../../x", "..", "/etc/passwd", "a\u{1b}b"] {
        place.ok(&["attach", &file(&place), "--issue", "1", "--name", name]);
    }
    assert_eq!(names(&place, "1"), [".._.._x", "..", "_etc_passwd", "a_b"]);
    assert!(!place.path().join("x").exists());
    place
        .run(&["attachment", "get", "1", ".."])
        .fails(2, ".. is no name for a file here");
}

#[test]
fn what_is_not_there_is_told_and_leaves_nothing() {
    let place = vault();
    place
        .run(&["attach", "/nowhere/x"])
        .fails(3, "cannot read /nowhere/x");
    place
        .run(&["attach", &file(&place), "--issue", "9"])
        .fails(3, "no issue #9");
    let event = "1".repeat(32);
    place
        .run(&["attach", &file(&place), "--event", &event])
        .fails(3, &event);
    place
        .run(&["attachment", "get", "1", "none"])
        .fails(3, "there is no file none there");
    place
        .run(&["attachment", "list", "9"])
        .fails(3, "no issue #9");
    assert_eq!(place.ok(&["list"]).stdout.lines().count(), 1);
}

#[test]
fn a_file_that_is_too_large_leaves_no_note() {
    let place = vault();
    place.ok(&["config", "set", "attachments.bytes_max", "3"]);
    let before = place.ok(&["list"]).stdout;
    let words = ["attach", "../too-large"];
    std::fs::create_dir(place.path().join("here")).unwrap();
    std::fs::write(place.path().join("too-large"), "abcd").unwrap();
    let mut command = place.command(&words);
    let ran = command.current_dir(place.path().join("here")).output();
    let ran = crate::run::Ran::of(ran.unwrap());
    ran.fails(1, "has more than");
    assert!(ran.stderr.contains("attachments.bytes_max"));
    assert_eq!(place.ok(&["list"]).stdout, before);
}
