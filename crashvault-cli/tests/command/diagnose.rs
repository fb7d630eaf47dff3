use std::path::PathBuf;

use crashvault::{Event, Vault};
use serde_json::{Value, json};

use crate::run::{Place, Ran, keys};

/// A vault with one event, and a source file of 20 lines that its frames name.
fn vault(frames: &Value) -> Place {
    let place = Place::new();
    let lines: String = (1..=20).map(|line| format!("line {line}\n")).collect();
    std::fs::create_dir_all(place.path().join("src")).unwrap();
    std::fs::write(place.path().join("src/cart.py"), lines).unwrap();
    let payload = json!({
        "event_id": "836d5dc8386c46d6a6cbca36eeabce70",
        "exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": frames}}]},
    });
    let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
    Vault::open(place.vault()).unwrap().add(event).unwrap();
    place
}

fn frame(file: &str, line: u64) -> Value {
    json!({"filename": file, "lineno": line, "function": "pay", "in_app": true})
}

/// Runs it where the sources are.
fn run(place: &Place, words: &[&str], editor: Option<&str>) -> Ran {
    let mut command = place.command(words);
    command
        .current_dir(place.path())
        .env_remove("VISUAL")
        .env_remove("EDITOR");
    if let Some(editor) = editor {
        command.env("EDITOR", editor);
    }
    Ran::of(command.output().unwrap())
}

fn here(place: &Place, file: &str) -> String {
    let path: PathBuf = place.path().canonicalize().unwrap().join(file);
    path.to_str().unwrap().to_owned()
}

#[test]
fn five_lines_are_shown_on_each_side() {
    let place = vault(&json!([frame("src/cart.py", 12)]));
    let shown = run(&place, &["diagnose", "1"], None).stdout;
    let mut lines = shown.lines();
    let head = format!("1  {}:12  pay", here(&place, "src/cart.py"));
    assert!(lines.next().unwrap().starts_with(&head), "{shown}");
    let numbers: Vec<&str> = lines.collect();
    assert_eq!(numbers.len(), 11, "{shown}");
    assert_eq!(numbers[0], "     7 | line 7");
    assert_eq!(numbers[5], "  > 12 | line 12");
    assert_eq!(numbers[10], "    17 | line 17");
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn a_file_is_found_without_the_first_of_its_directories() {
    let found = |file: &str| {
        let place = vault(&json!([frame(file, 3)]));
        run(&place, &["open", "1", "--print"], None).code == 0
    };
    assert!(found("/build/worker7/src/cart.py"));
    assert!(found("./src/cart.py"));
    assert!(found("src\u{2f}cart.py"));
    // The name alone would be found in too many places.
    assert!(!found("/build/other/cart.py"));
    assert!(!found("src/../src/cart.py"));
    assert!(!found("src"));
    assert!(!found("/dev/zero"));
}

#[test]
fn a_directory_of_sources_can_be_named() {
    let place = vault(&json!([frame("src/cart.py", 3)]));
    let ran = place.run(&["open", "1", "--print"]);
    ran.fails(3, "none of the files that the event names is here");
    let directory = place.path().to_str().unwrap();
    let ran = place.ok(&["open", "1", "--print", "--source", directory]);
    assert_eq!(ran.stdout, format!("{directory}/src/cart.py:3\n"));
}

#[test]
fn a_stack_given_as_text_counts() {
    let place = vault(&json!([]));
    let text =
        "Traceback (most recent call last):\n  File \"src/cart.py\", line 9, in pay\n    x\nE: v";
    place.ok(&["add", "with text", "--stack", text]);
    let value = run(&place, &["diagnose", "2", "--json"], None).json();
    assert_eq!(
        keys(&value),
        ["event_id", "frames", "issue_number", "missing"]
    );
    let frame = &value["frames"][0];
    assert_eq!(
        keys(frame),
        [
            "column",
            "file",
            "frame",
            "function",
            "in_app",
            "is_changed",
            "line",
            "lines",
            "path"
        ]
    );
    assert_eq!(
        (&frame["line"], &frame["function"]),
        (&9.into(), &"pay".into())
    );
    assert_eq!(
        frame["lines"][5],
        json!({"number": 9, "text": "line 9", "is_marked": true})
    );
}

#[test]
fn own_calls_come_first_and_what_is_not_here_is_told() {
    let library = json!({"filename": "src/cart.py", "lineno": 2, "in_app": false});
    let place = vault(&json!([
        frame("src/cart.py", 1),
        frame("gone/a.py", 1),
        library
    ]));
    let value = run(&place, &["diagnose", "1", "--json"], None).json();
    let lines: Vec<_> = value["frames"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["line"].clone())
        .collect();
    assert_eq!(lines, [1, 2]);
    assert_eq!(value["missing"], json!([{"file": "gone/a.py", "line": 1}]));
    let ran = run(&place, &["diagnose", "1", "--limit", "1"], None);
    assert!(ran.stderr.contains("1 call more"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the files of 1 call are not here"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_file_that_is_shorter_now_is_told() {
    let place = vault(&json!([frame("src/cart.py", 21)]));
    let shown = run(&place, &["diagnose", "1"], None).stdout;
    assert!(shown.contains("the file ends before this line"), "{shown}");
}

#[test]
fn an_event_may_be_named() {
    let place = vault(&json!([frame("src/cart.py", 12)]));
    let ran = run(
        &place,
        &["diagnose", "836d5dc8386c46d6a6cbca36eeabce70"],
        None,
    );
    assert!(ran.stdout.contains("> 12 | line 12"), "{}", ran.stdout);
    place.run(&["diagnose", "9"]).fails(3, "9");
}

/// An editor that writes its arguments down, one on each line, ended by a file's end.
fn editor(place: &Place, name: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = place.path().join(name);
    std::fs::write(&path, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn an_editor_opens_at_the_line() {
    let place = vault(&json!([frame("src/cart.py", 3), frame("src/cart.py", 12)]));
    let file = here(&place, "src/cart.py");
    let vim = editor(&place, "vim");
    let ran = run(&place, &["open", "1"], Some(&vim));
    assert_eq!(ran.stdout, format!("+12\n{file}\n"));
    let ran = run(&place, &["open", "1", "--frame", "2"], Some(&vim));
    assert_eq!(ran.stdout, format!("+3\n{file}\n"));
    let code = format!("{} --wait", editor(&place, "code"));
    let ran = run(&place, &["open", "1"], Some(&code));
    assert_eq!(ran.stdout, format!("--wait\n--goto\n{file}:12\n"));
    run(&place, &["open", "1", "--frame", "3"], Some(&vim)).fails(3, "there is no frame 3");
    let ran = run(&place, &["open", "1"], Some("false"));
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("error: false ended with"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_hostile_name_is_one_word() {
    let name = "src/$(touch pwned);`touch pwned` -c '!x'\u{1b}[2J.py";
    let place = vault(&json!([frame(name, 1)]));
    std::fs::write(place.path().join(name), "one\n").unwrap();
    let vim = editor(&place, "vim");
    let ran = run(&place, &["open", "1"], Some(&vim));
    assert_eq!(ran.stdout, format!("+1\n{}\n", here(&place, name)));
    assert!(!place.path().join("pwned").exists());
    let shown = run(&place, &["diagnose", "1"], None).stdout;
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let printed = run(&place, &["open", "1", "--print"], None).stdout;
    assert!(!printed.contains('\u{1b}'), "{printed:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn links_are_for_terminals() {
    use crate::terminal::Terminal;
    let place = vault(&json!([frame("src/cart.py", 12)]));
    let mut command = place.command(&["diagnose", "1"]);
    command.current_dir(place.path());
    let (code, seen) = Terminal::start(&command, 200).end();
    assert_eq!(code, 0);
    assert!(seen.contains("\u{1b}]8;;file://"), "{seen:?}");
    assert!(seen.contains("/src/cart.py#12\u{1b}\\"), "{seen:?}");
    let piped = run(&place, &["diagnose", "1", "--color", "always"], None).stdout;
    assert!(
        piped.contains("\u{1b}[") && !piped.contains("\u{1b}]8"),
        "{piped:?}"
    );
}
