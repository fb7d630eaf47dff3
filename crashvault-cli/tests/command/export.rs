//! `export`, `share`, `generate-report`, and `import` of what they wrote.

use std::fs;

use serde_json::Value;

use crate::run::{Place, keys};

/// A vault with two issues, one of them decided about.
fn filled() -> Place {
    let place = Place::new();
    place.ok(&["add", "disk full", "--tag", "host=db1"]);
    place.ok(&["add", "disk full", "--tag", "host=db2"]);
    place.ok(&[
        "add",
        "=1+1, \u{1b}[31m<script>",
        "--level",
        "fatal",
        "--tag",
        "odd",
    ]);
    place.ok(&["resolve", "1", "--comment", "made room"]);
    place
}

fn listed(place: &Place, vault: &str) -> String {
    let words = ["--vault", vault, "list", "--sort", "number"];
    place.ok(&words).stdout
}

#[test]
fn a_vault_goes_into_a_file_and_into_another_vault() {
    let place = filled();
    let here = listed(&place, place.vault().to_str().unwrap());
    for name in [
        "all.ndjson",
        "all.ndjson.gz",
        "all.json",
        "all.json.zst",
        "all.db",
    ] {
        let file = place.path().join(name);
        let file = file.to_str().unwrap();
        let told = place.ok(&["export", "--output", file]).stdout;
        assert!(told.starts_with("Exported 2 issues, 3 events, "), "{told}");
        let other = format!("{file}.vault");
        let told = place.ok(&["--vault", &other, "import", file]).stdout;
        assert_eq!(told, "Imported 2 issues, 3 events\n", "{name}");
        assert_eq!(listed(&place, &other), here, "{name}");
        let again = place
            .ok(&["--vault", &other, "import", file, "--json"])
            .json();
        assert_eq!(
            (&again["event_count"], &again["known_count"]),
            (&0.into(), &3.into())
        );
    }
}

#[test]
fn json_goes_to_stdout_unless_something_else_is_said() {
    let place = filled();
    let value = place.ok(&["export"]).json();
    assert_eq!(value["version"], 1);
    assert_eq!(value["issues"].as_array().unwrap().len(), 2);
    let event = &value["events"][2];
    assert_eq!(
        (&event["level"], &event["tags"][0]),
        (&"critical".into(), &"odd".into())
    );
}

#[test]
fn csv_goes_to_stdout_too() {
    let place = filled();
    let table = place.ok(&["export", "--format", "csv"]).stdout;
    assert!(
        table.starts_with("# Issues\nid,title,status,created_at,resolved_at,event_count,tags,")
    );
    assert!(
        table.contains(
            "\n\n# Events\nevent_id,issue_id,message,level,timestamp,source,tags,context,"
        )
    );
    assert!(
        table.contains(",\"'=1+1, \\x1b[31m<script>\",critical,"),
        "{table}"
    );
}

#[test]
fn a_query_and_an_issue_choose() {
    let place = filled();
    let numbers = |words: &[&str]| {
        let value = place.ok(&[&["export"], words].concat()).json();
        let issues = value["issues"].as_array().unwrap().iter();
        issues
            .map(|issue| issue["id"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&["is:resolved", "disk"]), [1]);
    assert_eq!(numbers(&["--issue", "2"]), [2]);
    assert_eq!(numbers(&["is:resolved", "fatal-nothing"]), [0; 0]);
    place.run(&["export", "level:"]).fails(2, "level");
    place.run(&["export", "--issue", "9"]).fails(3, "9");
}

#[test]
fn a_file_that_is_there_stays_unless_it_is_insisted() {
    let place = filled();
    let file = place.path().join("mine.csv");
    fs::write(&file, "mine").unwrap();
    let words = ["export", "--output", file.to_str().unwrap()];
    let ran = place.run(&words);
    ran.fails(2, "is there already");
    assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    place.ok(&[&words[..], &["--force"]].concat());
    assert!(fs::read(&file).unwrap().starts_with(b"# Issues"));
}

#[test]
fn a_database_is_not_for_stdout() {
    let place = filled();
    place
        .run(&["export", "--format", "sqlite"])
        .fails(2, "into a file");
    let words = [
        "export", "--format", "sqlite", "--issue", "1", "--output", "x",
    ];
    place.run(&words).fails(2, "whole vault");
}

#[test]
fn what_an_export_holds_is_told_in_json() {
    let place = filled();
    let file = place.path().join("all.ndjson");
    let told = place
        .ok(&["export", "--json", "--output", file.to_str().unwrap()])
        .json();
    assert_eq!(
        keys(&told),
        [
            "attachment_count",
            "attachment_missing_count",
            "bytes",
            "event_count",
            "format",
            "issue_count",
            "path",
            "unreadable_count",
        ]
    );
    assert_eq!(told["format"], "ndjson");
}

#[test]
fn pages_and_tables_are_not_read_back() {
    let place = filled();
    for name in ["a.csv", "a.md", "a.html"] {
        let file = place.path().join(name);
        let file = file.to_str().unwrap();
        place.ok(&["export", "--output", file]);
        place.run(&["import", file]).fails(1, "cannot be read back");
    }
}

#[test]
fn an_issue_is_shared_as_a_page() {
    let place = filled();
    let page = place.ok(&["share", "1"]).stdout;
    assert!(page.contains("# Issue 1: `disk full`"), "{page}");
    assert!(
        page.contains("ada: made room") || page.contains(": made room"),
        "{page}"
    );
    assert!(page.contains(" 50 %  host  db1"), "{page}");
    assert_eq!(
        place.ok(&["share", "1", "--md"]).stdout.lines().next(),
        page.lines().next()
    );
    let html = place.ok(&["share", "2", "--html"]).stdout;
    assert!(
        html.contains("&lt;script&gt;") && !html.contains("<script"),
        "{html}"
    );
    let value: Value = place.ok(&["share", "1", "--json"]).json();
    assert_eq!(value["issue"]["number"], 1);
    let file = place.path().join("one.json");
    place.ok(&["share", "1", "--json", "--output", file.to_str().unwrap()]);
    let value: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(value["issue"]["number"], 1);
    place.run(&["share", "9"]).fails(3, "9");
}

#[test]
fn a_report_counts_and_can_be_narrowed_down() {
    let place = filled();
    let page = place.ok(&["generate-report"]).stdout;
    assert!(page.contains("# Crashvault report"), "{page}");
    assert!(page.contains("- critical: `1 (33 %)`"), "{page}");
    let words = ["generate-report", "--format", "json", "--tag", "host=db1"];
    let value = place.ok(&words).json();
    assert_eq!(
        keys(&value),
        [
            "events",
            "filters",
            "generated_at",
            "generated_by",
            "issues",
            "summary",
            "team",
        ]
    );
    assert_eq!(value["summary"]["total_events"], 1);
    let file = place.path().join("report.html");
    place.ok(&[
        "generate-report",
        "--format",
        "html",
        "--output",
        file.to_str().unwrap(),
    ]);
    assert!(!fs::read_to_string(&file).unwrap().contains("<script"));
}

#[test]
fn a_directory_that_is_not_there_is_told_and_is_no_missing_issue() {
    let place = filled();
    let file = place.path().join("nope/all.json");
    let file = file.to_str().unwrap();
    for words in [
        &["export", "--output", file][..],
        &["export", "--output", file, "--format", "sqlite"],
        &["share", "1", "--output", file],
        &["generate-report", "--output", file],
    ] {
        let ran = place.run(words);
        ran.fails(1, "lies in a directory that is not there");
        assert!(
            ran.stderr.contains("hint: see the reason; --output"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn an_export_of_nothing_asks_what_was_meant() {
    let ran = filled().ok(&["export", "levle:error"]);
    assert!(ran.stderr.contains("nothing fits"), "{}", ran.stderr);
    assert!(ran.stderr.contains("did you mean level?"), "{}", ran.stderr);
}

#[test]
fn a_file_that_was_written_is_told_in_json() {
    let place = filled();
    let file = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    for words in [
        &["generate-report", "--output", &file("a.json"), "--json"][..],
        &["share", "1", "--output", &file("b.json"), "--json"],
    ] {
        let told = place.ok(words).json();
        assert_eq!(keys(&told), ["bytes", "format", "path"]);
        assert_eq!(told["format"], "json");
        let written = fs::read(told["path"].as_str().unwrap()).unwrap();
        assert_eq!(told["bytes"], written.len());
    }
}
