//! Runs the real binary in a terminal of its own: what people see, key by key.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::run::Place;

/// Until here everything that is waited for has happened, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn winsize(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// A terminal with a command in it.
pub struct Terminal {
    keys: File,
    child: Child,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

impl Terminal {
    /// Starts a command in the foreground of a new terminal of 100 columns and `rows` lines.
    pub fn start(command: &Command, rows: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).unwrap();
        unlockpt(&ours).unwrap();
        let theirs = ioctl_tiocgptpeer(&ours, flags).unwrap();
        tcsetwinsize(&theirs, winsize(rows, 100)).unwrap();
        let mut setsid = Command::new("setsid");
        setsid
            .args(["--ctty", "--wait"])
            .arg(command.get_program())
            .args(command.get_args())
            .env("TERM", "xterm-256color")
            .stdin(theirs.try_clone().unwrap())
            .stdout(theirs.try_clone().unwrap())
            .stderr(theirs);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => setsid.env(name, value),
                None => setsid.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            setsid.current_dir(directory);
        }
        let child = setsid.spawn().unwrap();
        drop(setsid);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let mut seen = File::from(ours.try_clone().unwrap());
        let filled = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = seen.read(&mut bytes) {
                filled.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        Self {
            keys: ours.into(),
            child,
            screen,
            reader,
        }
    }

    /// What stands on the screen so far.
    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub fn until(&self, text: &str) {
        let began = Instant::now();
        while !self.seen().contains(text) {
            assert!(began.elapsed() < PATIENCE, "{text} in {:?}", self.seen());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until keys are not shown any more: a prompt may come before that.
    #[track_caller]
    fn until_hidden(&self) {
        let began = Instant::now();
        let is_shown = || {
            let settings = tcgetattr(&self.keys).unwrap();
            settings.local_modes.contains(LocalModes::ECHO)
        };
        while is_shown() {
            assert!(began.elapsed() < PATIENCE, "{:?}", self.seen());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(&self.keys, winsize(rows, columns)).unwrap();
    }

    pub fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
    }

    /// The exit code, and all that was on the screen.
    pub fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().expect("ended by itself");
        self.reader.join().unwrap();
        let seen = String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned();
        (code, seen)
    }
}

/// What a command shows on a terminal that ends by itself.
pub fn shown(place: &Place, words: &[&str]) -> (i32, String) {
    Terminal::start(&place.command(words), 200).end()
}

#[test]
fn colour_is_for_terminals() {
    let place = Place::new();
    place.ok(&["add", "no cart"]);
    let (code, seen) = shown(&place, &["list"]);
    assert_eq!(code, 0);
    assert!(seen.contains("\u{1b}[31merror"), "{seen}");
    assert!(!place.ok(&["list"]).stdout.contains('\u{1b}'));
    let (_, seen) = shown(&place, &["list", "--color", "never"]);
    assert!(!seen.contains('\u{1b}'), "{seen}");
}

#[test]
fn text_of_events_does_nothing_to_a_terminal() {
    let place = Place::new();
    let hostile = "\u{1b}]0;title\u{7}\u{1b}[2J\u{202e}[red]x[/red]\r\ngone";
    place.ok(&[
        "add",
        hostile,
        "--stack",
        hostile,
        "--tag",
        &format!("a={hostile}"),
    ]);
    for words in [&["list"][..], &["show", "1"], &["search", "gone"]] {
        let (code, seen) = shown(&place, words);
        assert_eq!(code, 0);
        assert!(seen.contains("[red]x[/red]"), "{seen}");
        for sequence in ["\u{1b}]0", "\u{1b}[2J", "\u{202e}", "\u{7}"] {
            assert!(!seen.contains(sequence), "{words:?}: {seen:?}");
        }
    }
}

#[test]
fn a_wrapped_command_finds_the_terminal_it_would_have() {
    let place = Place::new();
    let script = "test -t 0 && echo in; test -t 1 && echo out; test -t 2 && echo err; stty size <&2; printf 'a\\rb\\nc\\n' >&2";
    let (code, seen) = shown(&place, &["wrap", "sh", "-c", script]);
    assert_eq!(code, 0);
    assert!(
        seen.starts_with("in\r\nout\r\nerr\r\n200 100\r\n"),
        "{seen:?}"
    );
    // Our terminal begins a new line once, as without us.
    assert!(seen.ends_with("a\rb\r\nc\r\n"), "{seen:?}");
}

/// Tells each SIGINT, and ends when there is a file `go`.
const STUBBORN: &str =
    "trap 'echo told' INT; echo ready; until [ -e go ]; do sleep 0.02; done; exit 7";

#[test]
fn ctrl_c_reaches_a_wrapped_command_once() {
    let place = Place::new();
    let mut command = place.command(&["wrap", "sh", "-c", STUBBORN]);
    command.current_dir(place.path());
    let mut terminal = Terminal::start(&command, 24);
    terminal.until("ready");
    terminal.press(b"\x03");
    terminal.until("told");
    std::fs::write(place.path().join("go"), "").unwrap();
    let (code, seen) = terminal.end();
    assert_eq!(code, 7, "{seen}");
    assert_eq!(seen.matches("told").count(), 1, "{seen}");
    let found = place.ok(&["search", "--events"]).stdout;
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn ctrl_c_ends_a_wrapped_command_that_lets_it() {
    let place = Place::new();
    let command = place.command(&["wrap", "sh", "-c", "echo ready; exec sleep 1000"]);
    let mut terminal = Terminal::start(&command, 24);
    terminal.until("ready");
    terminal.press(b"\x03");
    let (code, seen) = terminal.end();
    assert_eq!(code, 130);
    // It was the user's wish, and no crash.
    assert!(!seen.contains("was kept"), "{seen}");
    assert!(!place.vault().exists());
}

#[test]
fn ctrl_c_is_a_failure_where_its_code_was_asked_for() {
    let place = Place::new();
    let words = ["wrap", "--exit-code", "130", "sh", "-c"];
    let command = place.command(&[&words[..], &["echo ready; exec sleep 1000"]].concat());
    let mut terminal = Terminal::start(&command, 24);
    terminal.until("ready");
    terminal.press(b"\x03");
    let (code, seen) = terminal.end();
    assert_eq!(code, 130);
    assert!(seen.contains("exit code 130 was kept"), "{seen}");
}

#[test]
fn a_wrapped_command_hears_of_a_new_size() {
    let place = Place::new();
    let script = "trap 'stty size <&2' WINCH; echo ready; until [ -e go ]; do sleep 0.02; done";
    let mut command = place.command(&["wrap", "sh", "-c", script]);
    command.current_dir(place.path());
    let terminal = Terminal::start(&command, 24);
    terminal.until("ready");
    terminal.resize(33, 44);
    terminal.until("33 44");
    std::fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(terminal.end().0, 0);
}

/// A vault with more issues than a small terminal has lines.
fn crowd() -> Place {
    let place = Place::new();
    let mut vault = crashvault::Vault::open(place.vault()).unwrap();
    for number in 0..20 {
        let mut event = crashvault::Event::new();
        let word = char::from(b'a' + number);
        event.message = Some(format!("failure {word}"));
        vault.add(event).unwrap();
    }
    place
}

/// A pager that says so and shows all at once.
fn pager(place: &Place) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = place.path().join("pager");
    std::fs::write(&path, "#!/bin/sh\necho \"paged $*\"\ncat\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{} -x", path.display())
}

#[track_caller]
fn check_pager(words: &[&str], rows: u16, variables: &[(&str, &str)], is_paged: bool) {
    let place = crowd();
    let pager = pager(&place);
    let mut command = place.command(words);
    for (name, value) in variables {
        command.env(
            name,
            if *value == "OURS" {
                pager.as_str()
            } else {
                *value
            },
        );
    }
    let (code, seen) = Terminal::start(&command, rows).end();
    assert_eq!(code, 0, "{seen}");
    assert_eq!(seen.contains("paged -x"), is_paged, "{seen}");
    assert!(
        seen.contains("failure a") && seen.contains("20 issues"),
        "{seen}"
    );
}

#[test]
fn a_long_answer_is_paged() {
    check_pager(&["list"], 10, &[("CRASHVAULT_PAGER", "OURS")], true);
    check_pager(&["list"], 10, &[("PAGER", "OURS")], true);
    check_pager(
        &["list"],
        10,
        &[("CRASHVAULT_PAGER", "OURS"), ("PAGER", "false")],
        true,
    );
}

#[test]
fn what_fits_or_is_not_to_be_paged_is_not() {
    check_pager(&["list"], 60, &[("PAGER", "OURS")], false);
    check_pager(&["list", "--no-pager"], 10, &[("PAGER", "OURS")], false);
    check_pager(
        &["list"],
        10,
        &[("PAGER", "OURS"), ("CRASHVAULT_PAGER", "")],
        false,
    );
    check_pager(&["list"], 10, &[("PAGER", "no-such-pager-here")], false);
}

#[test]
fn a_pipe_is_never_paged() {
    let place = crowd();
    let mut command = place.command(&["list"]);
    command.env("PAGER", pager(&place));
    let ran = crate::run::Ran::of(command.output().unwrap());
    assert_eq!(ran.stdout.lines().count(), 20);
    assert!(!ran.stdout.contains("paged"));
}

#[test]
fn what_is_said_beside_a_paged_answer_comes_after_it() {
    let place = crowd();
    let mut command = place.command(&["list", "--limit", "15"]);
    command.env("PAGER", pager(&place));
    let (_, seen) = Terminal::start(&command, 10).end();
    let (before, after) = seen.split_once("15 issues").unwrap();
    assert!(
        before.contains("paged") && after.contains("there are more than 15"),
        "{seen}"
    );
}

#[test]
fn ctrl_c_in_a_pager_is_the_pagers() {
    use std::os::unix::fs::PermissionsExt;
    let place = crowd();
    let path = place.path().join("pager");
    let script =
        "#!/bin/sh\ntrap 'echo told' INT\necho paged\nuntil [ -e go ]; do sleep 0.02; done\ncat\n";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = place.command(&["list"]);
    command.env("PAGER", &path).current_dir(place.path());
    let mut terminal = Terminal::start(&command, 10);
    terminal.until("paged");
    terminal.press(b"\x03");
    terminal.until("told");
    std::fs::write(place.path().join("go"), "").unwrap();
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("20 issues"), "{seen}");
}

#[test]
fn what_is_removed_for_good_is_asked_for() {
    let place = Place::new();
    place.ok(&["add", "no cart"]);
    let ask = |words: &[&str], question: &str, answer: &[u8]| {
        let mut terminal = Terminal::start(&place.command(words), 24);
        terminal.until(question);
        terminal.press(answer);
        terminal.end()
    };
    let question = "Remove issue #1 (no cart) and its 1 event for good? [y/N] ";
    let (code, seen) = ask(&["purge", "1"], question, b"\n");
    assert_eq!(code, 1);
    assert!(
        seen.contains("nothing was done: the answer was not yes"),
        "{seen}"
    );
    let (code, seen) = ask(&["kill"], "1 issue and 1 event, for good? [y/N] ", b"no\n");
    assert_eq!(code, 1, "{seen}");
    // Ctrl-D is no answer.
    assert_eq!(ask(&["purge", "1"], question, b"\x04").0, 1);
    assert_eq!(place.ok(&["list"]).stdout.lines().count(), 1);
    let (code, seen) = ask(&["purge", "1"], question, b"y\n");
    assert_eq!(code, 0);
    assert!(seen.contains("Purged issue #1 and 1 event"), "{seen}");
    place.ok(&["add", "no price"]);
    let (code, seen) = ask(&["kill"], "1 issue and 1 event, for good? [y/N] ", b"yes\n");
    assert_eq!(code, 0);
    assert!(seen.contains("Removed 1 issue and 1 event"), "{seen}");
    assert_eq!(place.ok(&["list"]).stdout, "");
}

#[test]
fn setup_asks_key_by_key() {
    let place = Place::new();
    let mut terminal = Terminal::start(&place.command(&["setup"]), 24);
    terminal.until("(production, staging, …)? [none] ");
    terminal.press(b"staging\n");
    terminal.until("may events leave? [none] ");
    terminal.press(b"soon\n");
    terminal.until("error: retention.age_days");
    terminal.press(b"30\n");
    terminal.until("megabytes may events take? [none] ");
    terminal.press(b"\n");
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("retention.age_days is 30"), "{seen}");
}

#[test]
#[cfg(feature = "v1")]
fn a_password_is_asked_for_and_not_shown() {
    let place = Place::new();
    let old = place.path().join("old");
    crate::from_v1::write_sealed(&old, &place.path().join("password.txt"));
    let ask = |password: &str| {
        let command = place.command(&["import", old.to_str().unwrap()]);
        let mut terminal = Terminal::start(&command, 24);
        terminal.until("Password of ");
        terminal.until_hidden();
        terminal.press(format!("{password}\n").as_bytes());
        terminal.end()
    };
    let (code, seen) = ask("not this one");
    assert_eq!(code, 2, "{seen}");
    assert!(!seen.contains("not this one"), "{seen}");
    let (code, seen) = ask(crate::from_v1::PASSWORD);
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("from Crashvault 1: "), "{seen}");
    assert!(!seen.contains(crate::from_v1::PASSWORD), "{seen}");
}
