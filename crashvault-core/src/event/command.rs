//! Enters: how a command ended that somebody ran. Leaves: the event that says so.
//!
//! Never: runs anything, or keeps an argument or a variable that looks like a secret.

use std::time::Duration;

use super::forbidden::{filter_arguments, is_forbidden_key};
use super::limits::{self, cut};
use super::{Event, Exception, Mechanism, Object};

/// The type of the exception, and of its mechanism.
const TYPE: &str = "CommandFailed";
const MECHANISM: &str = "wrap";
/// Of the line that says what went wrong.
const LINE_BYTES_MAX: usize = 500;
/// Variables of the environment that are kept, the bytes of each, and of all.
const VARIABLES_MAX: usize = 200;
const VARIABLE_BYTES_MAX: usize = 512;
const ENVIRONMENT_BYTES_MAX: usize = 16 * 1024;

/// Words in the names of variables that are secret, beside those of every key.
const SECRET_WORDS: &[&str] = &[
    "key",
    "keys",
    "pat",
    "pw",
    "pem",
    "dsn",
    "salt",
    "webhook",
    "connection",
];

/// Words that a line has which says what went wrong.
const TELLING: &[&str] = &[
    "error",
    "fatal",
    "panic",
    "exception",
    "fail",
    "cannot",
    "can't",
    "could not",
    "couldn't",
    "unable to",
    "not found",
    "no such",
    "denied",
    "refused",
    "invalid",
    "abort",
    "undefined",
];

/// A command that ended with a status other than 0, or could not be started.
///
/// ```
/// use crashvault::event::FailedCommand;
/// let failed = FailedCommand::new(["make", "-j2"].map(String::from), 2);
/// let event = failed.stderr("cc: fatal error: no input files\n").event();
/// assert_eq!(event.title(), "CommandFailed: cc: fatal error: no input files");
/// assert_eq!(event.message.as_deref(), Some("Command failed: make -j2 (exit 2)"));
/// ```
#[derive(Clone, Debug)]
pub struct FailedCommand {
    arguments: Vec<String>,
    status: i32,
    signal: Option<i32>,
    directory: Option<String>,
    environment: Vec<(String, String)>,
    duration: Option<Duration>,
    stderr: String,
}

impl FailedCommand {
    /// The program and its arguments, and the status a shell would tell: 128 + N after signal N, 127 for a program that
    /// was not found. Secrets among the arguments are replaced (see [`filter_arguments`]).
    pub fn new(arguments: impl IntoIterator<Item = String>, status: i32) -> Self {
        Self {
            arguments: filter_arguments(arguments),
            status,
            signal: None,
            directory: None,
            environment: Vec::new(),
            duration: None,
            stderr: String::new(),
        }
    }

    /// The signal that ended it.
    #[must_use]
    pub fn signal(mut self, number: i32) -> Self {
        self.signal = Some(number);
        self
    }

    /// Where it ran.
    #[must_use]
    pub fn directory(mut self, path: impl Into<String>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// The variables it was given; at most 200 and 16 KiB of them are kept, in the order of their names. Values under
    /// forbidden keys are replaced.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment = variables.into_iter().collect();
        self.environment.sort_unstable();
        self
    }

    /// How long it ran.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// What it wrote to stderr, or what the caller kept of that. Colours and overwritten progress lines are taken out.
    #[must_use]
    pub fn stderr(mut self, text: &str) -> Self {
        self.stderr = plain(text);
        self
    }

    /// The event, with the tags `program` and `exit_code`. Where stderr tells of a failure with a stack, that is the event's
    /// once it is in a vault, and its issue is the failure's. Else the issue is that of the program, the status, and the line
    /// that says what went wrong with numbers, paths and the like taken out; arguments tell no issues apart.
    pub fn event(self) -> Event {
        let line = self.arguments.join(" ");
        let program = self.program();
        let failed = format!("{line} (exit {})", self.status);
        let mut event = Event::new();
        event.platform = "other".into();
        event.message = Some(limit(&format!("Command failed: {failed}")));
        let value = telling_line(&self.stderr).unwrap_or(&failed);
        event.exceptions = vec![Exception {
            ty: Some(TYPE.into()),
            value: Some(cut(value, LINE_BYTES_MAX).into_owned()),
            mechanism: Some(Mechanism {
                ty: Some(MECHANISM.into()),
                handled: Some(true),
                ..Mechanism::default()
            }),
            ..Exception::default()
        }];
        event.transaction = Some(cut(&program, limits::NAME_BYTES_MAX).into_owned());
        let name = cut(&program, limits::TAG_VALUE_BYTES_MAX).into_owned();
        event.tags.insert("program".into(), name);
        let status = self.status.to_string();
        event.tags.insert("exit_code".into(), status);
        event.fingerprint = vec![
            "{{ default }}".into(),
            program,
            format!("exit {}", self.status),
        ];
        event.extra.insert("returncode".into(), self.status.into());
        event.contexts.insert("command".into(), self.context(&line));
        if !self.environment.is_empty() {
            let variables = variables(&self.environment);
            event.contexts.insert("variables".into(), variables.into());
        }
        if !self.stderr.trim().is_empty() {
            event.set_own("stack", self.stderr);
        }
        event
    }

    /// The name of the program without the directory it lies in.
    fn program(&self) -> String {
        let path = self.arguments.first().map_or("", String::as_str);
        let name = path.rsplit(['/', '\\']).find(|part| !part.is_empty());
        name.unwrap_or(path).to_owned()
    }

    fn context(&self, line: &str) -> serde_json::Value {
        let mut context = Object::new();
        context.insert("line".into(), limit(line).into());
        let arguments = self.arguments.iter().take(limits::ARGUMENTS_MAX);
        let arguments: Vec<&str> = arguments.map(String::as_str).collect();
        context.insert("arguments".into(), arguments.into());
        context.insert("exit_code".into(), self.status.into());
        if let Some(signal) = self.signal {
            context.insert("signal".into(), signal.into());
        }
        if let Some(directory) = &self.directory {
            context.insert("directory".into(), limit(directory).into());
        }
        if let Some(duration) = self.duration {
            let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            context.insert("duration_ms".into(), millis.into());
        }
        context.into()
    }
}

/// Puts the exceptions that a failed command printed in the place of the one that says that it failed; `false`, and nothing
/// is changed, for other events.
#[cfg(feature = "store")]
pub(crate) fn put_printed(event: &mut Event, printed: &mut Vec<Exception>) -> bool {
    let [failed] = &mut event.exceptions[..] else {
        return false;
    };
    let mechanism = failed.mechanism.as_ref();
    let is_wrapped = mechanism.is_some_and(|one| one.ty.as_deref() == Some(MECHANISM));
    if !is_wrapped || failed.ty.as_deref() != Some(TYPE) {
        return false;
    }
    if let Some(thrown) = printed.last_mut().filter(|one| one.mechanism.is_none()) {
        thrown.mechanism = failed.mechanism.take();
    }
    event.exceptions = std::mem::take(printed);
    // The failure itself tells its issue from others, whichever program printed it.
    event.fingerprint.clear();
    true
}

fn limit(text: &str) -> String {
    cut(text, limits::MESSAGE_BYTES_MAX).into_owned()
}

/// A variable is scrubbed as an argument `NAME=VALUE` is: by its name, and an address by what it has before the `@`.
fn variables(all: &[(String, String)]) -> Object {
    let pairs = filter_arguments(all.iter().map(|(name, value)| format!("{name}={value}")));
    let mut kept = Object::new();
    let mut left = ENVIRONMENT_BYTES_MAX;
    for pair in pairs.iter().take(VARIABLES_MAX) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = match is_secret_name(name) {
            true => limits::FILTERED.into(),
            false => cut(value, VARIABLE_BYTES_MAX),
        };
        let Some(rest) = left.checked_sub(name.len() + value.len()) else {
            continue;
        };
        left = rest;
        kept.insert(name.to_owned(), value.as_ref().into());
    }
    kept
}

/// Environments are full of secrets, and their names are made of words: `DB_PASS`, `MAPS_KEY`, `GH_PAT`.
fn is_secret_name(name: &str) -> bool {
    let is_secret = |word: &str| {
        SECRET_WORDS
            .iter()
            .any(|secret| word.eq_ignore_ascii_case(secret))
    };
    name.split('_')
        .any(|word| is_secret(word) || is_forbidden_key(word))
}

/// The line that says what went wrong: that of a Python or Rust failure where it is known to stand, else the first that
/// has a telling word, else the last.
fn telling_line(text: &str) -> Option<&str> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    if let Some(at) = last_traceback(text) {
        let after = text[at..].lines().skip(1);
        let thrown = after.filter(|line| !line.trim().is_empty());
        if let Some(line) = { thrown }.find(|line| !line.starts_with([' ', '\t'])) {
            return Some(line);
        }
    }
    let panicked = lines
        .clone()
        .skip_while(|line| !(line.starts_with("thread '") && line.contains(" panicked at ")));
    // Since Rust 1.73 the place stands on the first line and the words on the next.
    let place = panicked.clone().next().filter(|line| line.ends_with(':'));
    if let Some(line) = place.and_then(|_| panicked.clone().nth(1)) {
        return Some(line.trim());
    }
    let telling = lines.clone().find(|line| {
        let line = line.to_ascii_lowercase();
        TELLING.iter().any(|word| line.contains(word))
    });
    telling.or_else(|| lines.next_back()).map(str::trim)
}

/// Where the last traceback begins that is of no exception that Python passed over.
fn last_traceback(text: &str) -> Option<usize> {
    let mut heads = text.rmatch_indices("Traceback (most recent call last)");
    let is_ignored = |at: usize| {
        let above = text[..at].lines().next_back().unwrap_or_default();
        above.starts_with("Exception ignored ")
    };
    heads.find(|&(at, _)| !is_ignored(at)).map(|(at, _)| at)
}

/// The text as it would be read on paper: no escape sequences, of a line that was overwritten the last state.
fn plain(text: &str) -> String {
    let text = without_escapes(text);
    let mut plain = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        let line = line.trim_end_matches(['\n', '\r']);
        plain.push_str(line.rsplit('\r').next().unwrap_or(line));
        plain.push_str(end);
    }
    plain
}

/// Takes out CSI sequences (`ESC [ … letter`), OSC sequences (`ESC ] … BEL` or `ESC \`) and two-character ones.
fn without_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        kept.push_str(&rest[..at]);
        rest = behind_escape(&rest[at + 1..]);
    }
    kept.push_str(rest);
    kept
}

fn behind_escape(text: &str) -> &str {
    let mut letters = text.char_indices();
    let end = match letters.next() {
        Some((_, '[')) => letters.find(|(_, letter)| ('@'..='~').contains(letter)),
        Some((_, ']')) => {
            let end = text.find(['\u{7}', '\u{1b}', '\n']);
            return match end {
                Some(at) if text[at..].starts_with("\u{1b}\\") => &text[at + 2..],
                Some(at) if text[at..].starts_with('\u{7}') => &text[at + 1..],
                // It never ended; what follows is text again.
                Some(at) => &text[at..],
                None => "",
            };
        }
        other => other,
    };
    end.map_or("", |(at, letter)| &text[at + letter.len_utf8()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(words: &[&str], status: i32) -> FailedCommand {
        FailedCommand::new(words.iter().map(|word| word.to_string()), status)
    }

    #[track_caller]
    fn check_line(stderr: &str, expected: &str) {
        let event = failed(&["make"], 2).stderr(stderr).event();
        assert_eq!(event.exceptions[0].value.as_deref(), Some(expected));
    }

    #[test]
    fn the_first_line_with_a_telling_word_says_it() {
        check_line("Compiling a\nerror: no b\nerror: aborting", "error: no b");
        check_line("x: Permission denied\nbye", "x: Permission denied");
    }

    #[test]
    fn without_one_the_last_line_does() {
        check_line("one\ntwo\n\n", "two");
    }

    #[test]
    fn without_any_line_the_command_does() {
        check_line("", "make (exit 2)");
        check_line("\n \n", "make (exit 2)");
    }

    #[test]
    fn python_says_it_behind_the_calls() {
        let text = "warning: failed once\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\nValueError: no\n";
        check_line(text, "ValueError: no");
    }

    #[test]
    fn rust_says_it_below_the_place() {
        let text = "\nthread 'main' (7) panicked at src/main.rs:2:5:\nno cart\nnote: run with `RUST_BACKTRACE=1`\n";
        check_line(text, "no cart");
    }

    #[test]
    fn colours_and_progress_are_no_text() {
        check_line("\u{1b}[1;31merror\u{1b}[0m: x", "error: x");
        check_line("  1%\r 50%\rerror: y\r\n", "error: y");
        check_line(
            "\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{7} error",
            "link error",
        );
        check_line("\u{1b}]0;never ended\nerror: z", "error: z");
        check_line("error\u{1b}", "error");
        check_line("error \u{1b}[12", "error");
    }

    #[test]
    fn secrets_leave_the_line_and_the_variables() {
        let failed = failed(&["/usr/bin/mysql", "--password=hunter2", "-u", "root"], 1);
        let variables = [("API_TOKEN", "abc"), ("HOME", "/h"), ("DB", "pg://a:b@h/d")];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let event = failed.environment(variables).event();
        assert_eq!(
            event.message.as_deref(),
            Some("Command failed: /usr/bin/mysql --password=[Filtered] -u root (exit 1)")
        );
        assert_eq!(
            event.contexts["variables"],
            serde_json::json!({"API_TOKEN": "[Filtered]", "HOME": "/h", "DB": "pg://[Filtered]@h/d"})
        );
        assert!(
            !String::from_utf8(event.to_json())
                .unwrap()
                .contains("hunter2")
        );
    }

    #[test]
    fn words_of_a_variable_say_that_it_is_secret() {
        let secret = [
            "DB_PASS",
            "MAPS_KEY",
            "GH_PAT",
            "STRIPE_KEY_LIVE",
            "SLACK_WEBHOOK_URL",
            "PGPASSWORD",
            "NPM_AUTH_X",
            "SENTRY_DSN",
        ];
        for name in secret {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["PATH", "HOME", "KEYBOARD", "KEYMAP", "PASSENGERS", "LANG"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn the_environment_is_bounded() {
        let many = (0..5000).map(|n| (format!("NAME_{n}"), "x".repeat(2000)));
        let event = failed(&["a"], 1).environment(many).event();
        let kept = event.contexts["variables"].as_object().unwrap();
        assert!(kept.len() < VARIABLES_MAX);
        assert!(
            kept.values()
                .all(|value| value.as_str().unwrap().len() <= VARIABLE_BYTES_MAX)
        );
    }

    #[test]
    fn the_program_and_the_status_tell_issues_apart() {
        let parts = |words: &[&str], status| failed(words, status).event().fingerprint;
        assert_eq!(parts(&["make", "a"], 2), parts(&["/bin/make", "b"], 2));
        assert_ne!(parts(&["make"], 2), parts(&["make"], 1));
        assert_ne!(parts(&["make"], 2), parts(&["cmake"], 2));
    }
}
