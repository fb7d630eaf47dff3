//! Runs the real binary, in a home of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A directory for vaults that goes when the test ends.
pub struct Place {
    directory: tempfile::TempDir,
}

/// What a run of the command left.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn vault(&self) -> PathBuf {
        self.path().join("vault")
    }

    /// The command with nothing of this machine's environment that could change what it says.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crashvault"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CRASHVAULT_") {
                command.env_remove(name);
            }
        }
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "PAGER", "LESS"] {
            command.env_remove(name);
        }
        command
            .args(words)
            .env("HOME", self.path())
            .env("TMPDIR", self.path())
            .env("CRASHVAULT_HOME", self.vault())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.command(words).output().unwrap())
    }

    /// Runs what must go well.
    pub fn ok(&self, words: &[&str]) -> Ran {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    /// Runs it with these lines on stdin.
    pub fn answered(&self, words: &[&str], answer: &str) -> Ran {
        let mut command = self.command(words);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        // It may end without having asked.
        let _ = child.stdin.take().unwrap().write_all(answer.as_bytes());
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Names and bytes of all files in a directory.
    pub fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut left = vec![directory.to_owned()];
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => left.push(path),
                    false => files.push((path.clone(), std::fs::read(path).unwrap())),
                }
            }
        }
        files.sort();
        files
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("ended by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// The failure in its two forms of JSON and text has a code and words.
    #[track_caller]
    pub fn fails(&self, code: i32, says: &str) {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert!(self.stderr.contains(says), "{}", self.stderr);
    }
}

/// The keys of an issue in JSON.
pub const ISSUE_KEYS: [&str; 23] = [
    "assignee",
    "comment_count",
    "culprit",
    "first_seen",
    "id",
    "ignore",
    "is_bookmarked",
    "is_regressed",
    "last_event",
    "last_seen",
    "level",
    "number",
    "platform",
    "project",
    "regression",
    "resolution",
    "review",
    "seen_count",
    "severity",
    "status",
    "tags",
    "title",
    "user_count",
];

/// The keys of a JSON object.
pub fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}
