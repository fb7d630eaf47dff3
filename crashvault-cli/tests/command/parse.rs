use std::path::Path;

use serde_json::Value;

use crate::run::{Place, keys};

const LOG: &str = "12:00:01 INFO ready\n12:00:02 ERROR order 7\nTraceback (most recent call last):\n  File \"/srv/shop.py\", line 9, in pay\n    charge(order)\n  File \"/usr/lib/python3.11/json/decoder.py\", line 337, in decode\n    return x\nKeyError: 'total'\n12:00:03 INFO next\n";

/// A line of JSON for each failure.
fn parsed(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_failure_of_a_log_is_one_object_in_a_line() {
    let place = Place::new();
    let ran = place.answered(&["parse", "-", "--json"], &LOG.repeat(2));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = parsed(&ran.stdout);
    assert_eq!(found.len(), 2);
    assert_eq!(keys(&found[0]), ["exceptions", "language"]);
    assert_eq!(found[0]["language"], "python");
    let thrown = &found[0]["exceptions"][0];
    assert_eq!(keys(thrown), ["frames", "type", "value"]);
    assert_eq!(thrown["type"], "KeyError");
    assert_eq!(thrown["value"], "'total'");
    let own = &thrown["frames"][0];
    assert_eq!(
        keys(own),
        [
            "colno",
            "filename",
            "function",
            "in_app",
            "instruction_addr",
            "lineno",
            "module"
        ]
    );
    assert_eq!(
        (&own["function"], &own["lineno"]),
        (&"pay".into(), &9.into())
    );
    assert_eq!(
        (&own["in_app"], &own["module"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(thrown["frames"][1]["in_app"], false);
    assert!(!place.vault().exists());
}

#[test]
fn what_was_suppressed_is_told_from_a_cause() {
    let place = Place::new();
    let text = "a.A: x\n\tat a.A.a(A.java:1)\n\tSuppressed: a.B: y\n\t\tat a.B.b(B.java:2)\nCaused by: a.C\n\tat a.C.c(C.java:3)\n";
    std::fs::write(place.path().join("app.log"), text).unwrap();
    let log = place.path().join("app.log");
    let ran = place.ok(&["parse", log.to_str().unwrap(), "--json"]);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let told = |index: usize| {
        let exception = &found["exceptions"][index];
        (
            exception["type"].as_str(),
            exception["is_suppressed"].as_bool(),
        )
    };
    assert_eq!(told(0), (Some("a.C"), None));
    assert_eq!(told(1), (Some("a.B"), Some(true)));
    assert_eq!(told(2), (Some("a.A"), None));
    let ran = place.ok(&["parse", log.to_str().unwrap()]);
    assert!(
        ran.stdout.contains("  suppressed a.B: y\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("  caused by a.C\n"), "{}", ran.stdout);
}

#[test]
fn a_dump_of_threads_keeps_its_frames() {
    let place = Place::new();
    let text = "\"main\" #1 prio=5 tid=0x1 nid=0x2 runnable\n   java.lang.Thread.State: RUNNABLE\n\tat shop.Main.main(Main.java:9)\n\tat shop.App.run(App.java:2)\n";
    std::fs::write(place.path().join("app.log"), text).unwrap();
    let log = place.path().join("app.log");
    let ran = place.ok(&["parse", log.to_str().unwrap(), "--json"]);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["exceptions"], Value::Array(Vec::new()));
    let thread = &found["threads"][0];
    assert_eq!(thread["name"], "main");
    assert_eq!(thread["frames"][1]["function"], "main");
}

#[test]
fn an_empty_text_has_no_failure() {
    let place = Place::new();
    std::fs::write(place.path().join("app.log"), "\n").unwrap();
    let log = place.path().join("app.log");
    let ran = place.ok(&["parse", log.to_str().unwrap()]);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains("no failure was found"),
        "{}",
        ran.stderr
    );
}

#[test]
fn people_see_it_as_an_event_shows_it() {
    let place = Place::new();
    std::fs::write(place.path().join("app.log"), LOG).unwrap();
    let log = place.path().join("app.log");
    let ran = place.ok(&["parse", log.to_str().unwrap()]);
    let expected = "python, lines 3 to 8\n  KeyError: 'total'\n    … 1 frame of libraries; --all-frames shows them\n    at pay  /srv/shop.py:9\n       > 9 | charge(order)\n";
    assert_eq!(ran.stdout, expected);
    let whole = place.ok(&["parse", log.to_str().unwrap(), "--all-frames"]);
    assert!(whole.stdout.contains("at decode"), "{}", whole.stdout);
}

#[test]
fn a_text_without_a_failure_is_told_by_its_first_lines() {
    let place = Place::new();
    let ran = place.answered(&["parse", "-", "--json"], "all\nis well\n");
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.stdout,
        "{\"exceptions\":[{\"frames\":[],\"type\":null,\"value\":\"all\\nis well\"}],\"language\":\"other\"}\n"
    );
    let nothing = parsed(&place.answered(&["parse", "-", "--json"], "").stdout);
    assert_eq!(nothing[0]["exceptions"][0]["value"], Value::Null);
    let escaped = place.answered(&["parse", "-"], "a\x1b[2Jb\x07");
    assert!(
        !escaped.stdout.contains(['\x1b', '\x07']),
        "{}",
        escaped.stdout
    );
}

#[test]
fn any_bytes_are_a_text() {
    let place = Place::new();
    let file = place.path().join("bytes");
    let bytes: Vec<u8> = (0..100_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    std::fs::write(&file, bytes).unwrap();
    let found = parsed(
        &place
            .ok(&["parse", file.to_str().unwrap(), "--json"])
            .stdout,
    );
    assert_eq!(found[0]["language"], "other");
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let place = Place::new();
    place
        .run(&["parse", "no-such.log"])
        .fails(3, "cannot read no-such.log");
    place.run(&["parse", "/"]).fails(1, "cannot read /");
    place.run(&["parse"]).fails(2, "required");
}

#[test]
fn the_top_call_of_each_text_of_the_corpus_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces");
    let place = Place::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "txt") {
            let found = parsed(
                &place
                    .ok(&["parse", path.to_str().unwrap(), "--json"])
                    .stdout,
            );
            assert_ne!(found[0]["language"], "other", "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 20);
}
