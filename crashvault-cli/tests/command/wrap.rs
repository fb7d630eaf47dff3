use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::run::{Place, Ran};

/// Runs a script under `wrap`.
fn wrap(place: &Place, options: &[&str], script: &str) -> Ran {
    place.run(&[&["wrap"], options, &["--", "sh", "-c", script]].concat())
}

fn events(place: &Place) -> Vec<Value> {
    let found = place.ok(&["search", "--events", "--json"]).json();
    let events = found["events"].as_array().unwrap().iter();
    events.map(|found| found["event"].clone()).collect()
}

fn issues(place: &Place) -> usize {
    place.ok(&["list"]).stdout.lines().count()
}

#[track_caller]
fn check_code(script: &str, code: i32) {
    let place = Place::new();
    assert_eq!(wrap(&place, &[], script).code, code, "{script}");
    assert_eq!(issues(&place), usize::from(code != 0), "{script}");
}

#[test]
fn the_exit_code_is_the_commands() {
    check_code("true", 0);
    check_code("exit 1", 1);
    check_code("exit 255", 255);
    check_code("kill -TERM $$", 143);
    check_code("kill -KILL $$", 137);
}

#[test]
fn both_streams_pass_unchanged_and_apart() {
    let place = Place::new();
    let ran = wrap(
        &place,
        &[],
        "printf 'o\\0\\tut'; printf 'e\\033[1mrr\\r\\n' >&2",
    );
    assert_eq!(ran.stdout, "o\0\tut");
    assert_eq!(ran.stderr, "e\u{1b}[1mrr\r\n");
    assert!(!place.vault().exists());
}

#[test]
fn what_is_written_passes_at_once() {
    let place = Place::new();
    let script = "echo first >&2; read line; echo $line >&2";
    let mut command = place.command(&["wrap", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = [0; 6];
    let mut stderr = child.stderr.take().unwrap();
    // It comes while the command waits for us.
    stderr.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first\n");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"second\n").unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "second\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_failure_is_an_event_with_all_around_it() {
    let place = Place::new();
    let script = "echo 'error: no disk 7' >&2; exit 3";
    let ran = wrap(
        &place,
        &["--tag", "host=db1", "--tag", "nightly", "--level", "fatal"],
        script,
    );
    assert_eq!(ran.code, 3);
    assert!(
        ran.stderr.contains("note: exit code 3 was kept"),
        "{}",
        ran.stderr
    );
    let event = &events(&place)[0];
    assert_eq!(event["level"], "fatal");
    assert_eq!(
        event["message"],
        format!("Command failed: sh -c {script} (exit 3)")
    );
    assert_eq!(event["exception"]["values"][0]["type"], "CommandFailed");
    assert_eq!(event["exception"]["values"][0]["value"], "error: no disk 7");
    let tags = serde_json::json!({
        "exit_code": "3", "host": "db1", "nightly": "true", "program": "sh", "wrap": "true",
    });
    assert_eq!(event["tags"], tags);
    assert_eq!(event["extra"]["returncode"], 3);
    let contexts = &event["contexts"];
    assert_eq!(contexts["command"]["exit_code"], 3);
    let here = std::env::current_dir().unwrap();
    assert_eq!(contexts["command"]["directory"], here.to_str().unwrap());
    assert!(contexts["command"]["duration_ms"].is_u64());
    assert_eq!(contexts["crashvault"]["stack"], "error: no disk 7\n");
    assert_eq!(contexts["crashvault"]["project"], "sh");
}

#[test]
fn a_failure_that_was_printed_is_that_of_the_same_text() {
    let place = Place::new();
    let text = "Traceback (most recent call last):\n  File \"/srv/shop.py\", line 9, in pay\n    charge()\nKeyError: 'total'\n";
    let file = place.path().join("stderr.txt");
    std::fs::write(&file, text).unwrap();
    let script = format!("cat {} >&2; exit 1", file.display());
    wrap(&place, &["--project", "shop"], &script);
    place.ok(&["add", "it failed", "--project", "shop", "--stack", text]);
    assert_eq!(issues(&place), 1);
    let event = &events(&place)[0];
    let exceptions = event["exception"]["values"].as_array().unwrap();
    assert_eq!(exceptions.len(), 1);
    assert_eq!(exceptions[0]["type"], "KeyError");
}

#[test]
fn secrets_are_not_kept() {
    let place = Place::new();
    let mut command = place.command(&[
        "wrap",
        "sh",
        "-c",
        "exit 1",
        "--api-key=k1",
        "--token",
        "k2",
    ]);
    command
        .env("SHOP_PASSWORD", "k3")
        .env("SHOP_NAME", "corner");
    assert_eq!(Ran::of(command.output().unwrap()).code, 1);
    let event = &events(&place)[0];
    let text = event.to_string();
    for secret in ["k1", "k2", "k3"] {
        assert!(
            !text.contains(&format!("\"{secret}\"")) && !text.contains(&format!("={secret}")),
            "{text}"
        );
    }
    assert_eq!(event["contexts"]["variables"]["SHOP_NAME"], "corner");
    assert_eq!(
        event["contexts"]["variables"]["SHOP_PASSWORD"],
        "[Filtered]"
    );
}

#[test]
fn arguments_and_numbers_make_no_new_issue() {
    let place = Place::new();
    for (program, code, line) in [("a", 1, "error: no disk 7"), ("b", 1, "error: no disk 8")] {
        wrap(
            &place,
            &[],
            &format!(": {program}; echo '{line}' >&2; exit {code}"),
        );
    }
    assert_eq!(issues(&place), 1);
    wrap(&place, &[], "echo 'error: no disk 7' >&2; exit 2");
    wrap(&place, &[], "echo 'error: no net' >&2; exit 1");
    assert_eq!(issues(&place), 3);
}

#[test]
fn only_what_is_wanted_is_kept() {
    let place = Place::new();
    wrap(&place, &["--exit-code", "2", "--exit-code", "3"], "exit 1");
    wrap(
        &place,
        &["--tag", "flaky", "--ignore-tag", "flaky"],
        "exit 1",
    );
    wrap(&place, &["--ignore-tag", "wrap"], "exit 1");
    assert!(!place.vault().exists());
    wrap(
        &place,
        &[
            "--exit-code",
            "2",
            "--exit-code",
            "3",
            "--ignore-tag",
            "flaky",
        ],
        "exit 3",
    );
    assert_eq!(events(&place).len(), 1);
}

#[test]
fn what_cannot_be_started_is_told_and_kept() {
    let place = Place::new();
    place
        .run(&["wrap", "no-such-program-here"])
        .fails(127, "cannot run no-such-program-here");
    let directory = place.path().to_str().unwrap();
    place.run(&["wrap", directory]).fails(126, "cannot run");
    assert_eq!(events(&place).len(), 2);
}

#[test]
fn a_vault_that_cannot_be_written_changes_nothing_else() {
    let place = Place::new();
    std::fs::write(place.vault(), "a file").unwrap();
    let ran = wrap(&place, &[], "echo out; exit 9");
    assert_eq!((ran.code, ran.stdout.as_str()), (9, "out\n"));
    assert!(
        ran.stderr
            .starts_with("note: exit code 9 could not be kept: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn options_of_the_command_are_its_own() {
    let place = Place::new();
    let ran = place.ok(&["wrap", "echo", "--json", "--vault", "-x", "--", "y"]);
    assert_eq!(ran.stdout, "--json --vault -x -- y\n");
    place.run(&["wrap"]).fails(2, "COMMAND");
    place
        .run(&["wrap", "--exit-code", "0", "true"])
        .fails(2, "expected an exit code");
}

#[track_caller]
fn check_signal(signal: Signal, name: &str) {
    let place = Place::new();
    let script = format!(
        "trap 'echo {name}' {name}; echo ready; until [ -e go ]; do sleep 0.02; done; exit 7"
    );
    let mut command = place.command(&["wrap", "sh", "-c", &script]);
    command.stdout(Stdio::piped()).current_dir(place.path());
    let mut child = command.spawn().unwrap();
    let mut ready = [0; 6];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut ready).unwrap();
    kill_process(Pid::from_child(&child), signal).unwrap();
    let mut told = vec![0; name.len() + 1];
    stdout.read_exact(&mut told).unwrap();
    std::fs::write(place.path().join("go"), "").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(String::from_utf8(told).unwrap(), format!("{name}\n"));
    assert_eq!(
        (rest.as_str(), status.code(), status.signal()),
        ("", Some(7), None)
    );
}

#[test]
fn signals_are_sent_on_once() {
    check_signal(Signal::TERM, "TERM");
    check_signal(Signal::INT, "INT");
    check_signal(Signal::HUP, "HUP");
    check_signal(Signal::USR1, "USR1");
}

#[test]
fn what_was_ignored_stays_ignored() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_crashvault");
    let script =
        format!("trap '' HUP; exec {program} wrap sh -c 'kill -HUP $PPID; kill -HUP $$; exit 4'");
    let mut shell = place.command(&[]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]).stdin(Stdio::null());
    for (name, value) in shell.stdin(Stdio::null()).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    assert_eq!(command.output().unwrap().status.code(), Some(4));
}

#[test]
fn what_stays_in_the_background_is_not_waited_for() {
    let place = Place::new();
    let script = "sleep 1000 >/dev/null & echo $! >&2";
    let ran = wrap(&place, &[], script);
    let pid: i32 = ran.stderr.trim().parse().unwrap();
    // It is there still; and now not any more.
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}
