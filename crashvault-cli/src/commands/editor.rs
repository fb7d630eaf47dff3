//! Enters: a file and a line. Leaves: an editor that shows it, run to its end.
//!
//! Never: starts a shell. The file is one word of the editor's arguments, and begins with a directory.

use std::path::Path;
use std::process::Command;

use crate::output::text::visible;
use crate::output::{Failure, Screen};

const DEFAULT: &str = "vi";

/// How an editor is told the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// `+LINE FILE`
    Plus,
    /// `+LINE:COLUMN FILE`
    PlusColumn,
    /// `--goto FILE:LINE:COLUMN`
    Goto,
    /// `FILE:LINE:COLUMN`
    Colons,
    /// `--line LINE FILE`
    LineOption,
    /// `-l LINE FILE`
    LineLetter,
    /// `FILE`
    Unknown,
}

const MANNERS: &[(Manner, &[&str])] = &[
    (
        Manner::Plus,
        &[
            "vi", "vim", "nvim", "gvim", "mvim", "view", "nvi", "elvis", "nano", "pico", "joe",
            "jed", "mg", "ne", "gedit",
        ],
    ),
    (
        Manner::PlusColumn,
        &["emacs", "emacsclient", "kak", "micro"],
    ),
    (
        Manner::Goto,
        &[
            "code",
            "code-insiders",
            "codium",
            "vscodium",
            "cursor",
            "windsurf",
        ],
    ),
    (
        Manner::Colons,
        &["hx", "helix", "subl", "sublime_text", "zed", "zeditor"],
    ),
    (
        Manner::LineOption,
        &[
            "idea",
            "clion",
            "goland",
            "pycharm",
            "rubymine",
            "rustrover",
            "webstorm",
            "phpstorm",
            "kate",
        ],
    ),
    (Manner::LineLetter, &["mate"]),
];

/// Opens the file in $VISUAL, else $EDITOR, else vi.
pub fn open(path: &Path, line: u64, column: Option<u64>, screen: &Screen) -> Result<(), Failure> {
    let asked = ["VISUAL", "EDITOR"].into_iter().find_map(|name| {
        let value = std::env::var(name).ok()?;
        (!value.trim().is_empty()).then_some(value)
    });
    let asked = asked.unwrap_or_else(|| DEFAULT.into());
    let (program, words) = split(&asked);
    let manner = manner(program);
    if manner == Manner::Unknown {
        screen.note(format!(
            "it is line {line}; how to tell {} is not known",
            visible(program)
        ));
    }
    let arguments = arguments(manner, &path.to_string_lossy(), line, column);
    let ran = Command::new(program).args(words).args(arguments).status();
    let told = match ran {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => format!("{program} ended with {status}"),
        Err(error) => format!("cannot run {program}: {error}"),
    };
    Err(Failure::new(
        told,
        "$VISUAL or $EDITOR names the editor; --print tells the place",
    ))
}

/// The program and its own words. A program whose path has blanks is one word.
fn split(asked: &str) -> (&str, Vec<&str>) {
    if Path::new(asked).is_file() {
        return (asked, Vec::new());
    }
    let mut words = asked.split_whitespace();
    (words.next().unwrap_or(DEFAULT), words.collect())
}

fn manner(program: &str) -> Manner {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    // `vim.basic`, `emacs-nox`, `nvim-0.9` are what the name begins with.
    let short = name.split(['.', '-']).next().unwrap_or(name);
    let known = |name: &str| {
        let found = MANNERS.iter().find(|(_, names)| names.contains(&name));
        found.map(|(manner, _)| *manner)
    };
    known(name)
        .or_else(|| known(short))
        .unwrap_or(Manner::Unknown)
}

fn arguments(manner: Manner, path: &str, line: u64, column: Option<u64>) -> Vec<String> {
    let at = match column {
        Some(column) => format!("{line}:{column}"),
        None => line.to_string(),
    };
    let path = path.to_owned();
    match manner {
        Manner::Plus => vec![format!("+{line}"), path],
        Manner::PlusColumn => vec![format!("+{at}"), path],
        Manner::Goto => vec!["--goto".into(), format!("{path}:{at}")],
        Manner::Colons => vec![format!("{path}:{at}")],
        Manner::LineOption => vec!["--line".into(), line.to_string(), path],
        Manner::LineLetter => vec!["-l".into(), line.to_string(), path],
        Manner::Unknown => vec![path],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(editor: &str, expected: &[&str]) {
        let (program, words) = split(editor);
        let mut all: Vec<String> = words.into_iter().map(str::to_owned).collect();
        all.extend(arguments(manner(program), "/a b/-x:1.rs", 7, Some(3)));
        assert_eq!(all, expected, "{editor}");
    }

    #[test]
    fn every_editor_is_told_in_its_way() {
        check("vim", &["+7", "/a b/-x:1.rs"]);
        check("/usr/bin/vim.basic", &["+7", "/a b/-x:1.rs"]);
        check("emacsclient -nw", &["-nw", "+7:3", "/a b/-x:1.rs"]);
        check("code --wait", &["--wait", "--goto", "/a b/-x:1.rs:7:3"]);
        check("code-insiders", &["--goto", "/a b/-x:1.rs:7:3"]);
        check("hx", &["/a b/-x:1.rs:7:3"]);
        check("idea", &["--line", "7", "/a b/-x:1.rs"]);
        check("mate -w", &["-w", "-l", "7", "/a b/-x:1.rs"]);
        check("ed", &["/a b/-x:1.rs"]);
    }

    #[test]
    fn an_unknown_column_is_left_out() {
        assert_eq!(arguments(Manner::Goto, "/a", 7, None), ["--goto", "/a:7"]);
        assert_eq!(arguments(Manner::PlusColumn, "/a", 7, None), ["+7", "/a"]);
    }
}
