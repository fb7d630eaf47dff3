use crate::run::{Place, keys};

#[test]
fn a_new_issue_is_told_and_then_only_the_event() {
    let place = Place::new();
    let first = place.ok(&["add", "disk full on 7"]).stdout;
    let mut lines = first.lines();
    assert_eq!(lines.next(), Some("Created new issue #1"));
    let event = lines.next().unwrap();
    assert!(
        event.starts_with("Event ") && event.ends_with(" logged to issue #1"),
        "{event}"
    );
    let second = place.ok(&["add", "disk full on 8"]).stdout;
    assert_eq!(second.lines().count(), 1, "{second}");
    assert!(second.ends_with(" logged to issue #1\n"), "{second}");
}

#[test]
fn everything_given_is_shown() {
    let place = Place::new();
    place.ok(&[
        "add",
        "import failed",
        "--level",
        "CRITICAL",
        "--tag",
        "host=db1",
        "--tag",
        "nightly",
        "--context",
        "file=a=b.csv",
        "--stack",
        "at one\nat two",
        "--project",
        "shop",
    ]);
    let shown = place.ok(&["show", "1"]).stdout;
    for text in [
        "fatal",
        "shop",
        "host     db1",
        "nightly  true",
        "a=b.csv",
        "    at one\n    at two",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
}

#[test]
fn of_a_long_log_on_stdin_the_end_is_read_too() {
    let place = Place::new();
    let mut command = place.command(&["add", "build failed", "--stack", "-"]);
    command.stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let log = "12:00:01 all is well\n".repeat(100_000);
    let failure = "Traceback (most recent call last):\n  File \"/srv/shop.py\", line 9, in pay\nKeyError: 'total'\n";
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{log}{failure}").as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let found = place.ok(&["search", "--events", "--json"]).json();
    let thrown = &found["events"][0]["event"]["exception"]["values"][0];
    assert_eq!(thrown["type"], "KeyError");
}

#[test]
fn a_stack_may_come_from_stdin() {
    use std::io::Write;
    let place = Place::new();
    let mut command = place.command(&["add", "build failed", "--stack", "-"]);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"line \xff one\n")
        .unwrap();
    assert!(child.wait().unwrap().success());
    let shown = place.ok(&["show", "1"]).stdout;
    assert!(shown.contains("    line \u{fffd} one"), "{shown}");
}

#[test]
fn the_same_id_changes_nothing() {
    let place = Place::new();
    let add = [
        "add",
        "once",
        "--id",
        "836d5dc8-386c-46d6-a6cb-ca36eeabce7f",
        "--json",
    ];
    let first = place.ok(&add).json();
    assert_eq!(
        keys(&first),
        [
            "event_id",
            "is_known",
            "is_new_issue",
            "is_regression",
            "issue_number"
        ]
    );
    assert_eq!(first["event_id"], "836d5dc8386c46d6a6cbca36eeabce7f");
    assert_eq!(
        (&first["is_known"], &first["is_new_issue"]),
        (&false.into(), &true.into())
    );
    let second = place.ok(&add).json();
    assert_eq!(second["is_known"], true);
    assert_eq!(
        place.ok(&["list", "--json"]).json()["issues"][0]["seen_count"],
        1
    );
    let again = place.ok(&add[..4]).stdout;
    assert_eq!(
        again,
        "Event 836d5dc8386c46d6a6cbca36eeabce7f was in issue #1 already\n"
    );
}

#[test]
fn wrong_words_are_usage_errors_that_say_what_is_right() {
    let place = Place::new();
    let check = |words: &[&str], says: &str| place.run(words).fails(2, says);
    check(
        &["add", "x", "--level", "bad"],
        "expected debug, info, warning, error or fatal",
    );
    check(&["add", "x", "--context", "novalue"], "expected KEY=VALUE");
    check(&["add", "x", "--tag", "=v"], "expected KEY=VALUE");
    check(&["add", "x", "--id", "7"], "32 hex digits");
    check(&["add", "x", "--id", &"0".repeat(32)], "the nil id");
    check(&["add"], "MESSAGE");
    check(&["ad", "x"], "hint: ");
    assert!(!place.vault().exists());
}

#[test]
fn an_empty_message_is_an_event_too() {
    let place = Place::new();
    place.ok(&["add", ""]);
    assert_eq!(
        place.ok(&["list", "--json"]).json()["issues"][0]["title"],
        "<no message>"
    );
}
