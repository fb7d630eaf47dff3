//! Programs named crashvault-NAME on $PATH, which run as `crashvault NAME`.
//!
//! Never: looks in the working directory, or runs in the place of a command that is built in.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Done;
use crate::args::{self, Global};
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop};

const PREFIX: &str = "crashvault-";

/// Where the plugin of this name is.
pub fn find(name: &OsStr) -> Option<PathBuf> {
    let name = name.to_str().filter(|name| is_name(name))?;
    let file = format!("{PREFIX}{name}{}", std::env::consts::EXE_SUFFIX);
    let mut candidates = directories()
        .into_iter()
        .map(|directory| directory.join(&file));
    candidates.find(|path| is_program(path))
}

/// A name that could be one of a command: no path, nothing to be escaped.
fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    !name.is_empty() && name.chars().all(is_plain)
}

/// Relative ones mean something else in each directory, and so whoever owns that.
fn directories() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|path| path.is_absolute())
        .collect()
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let data = path.metadata();
    data.is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Runs the plugin with the words behind its name, in the place of this process where that can be.
pub fn run(global: &Global, words: &[OsString], screen: &Screen) -> Result<Done, Stop> {
    let (name, words) = words
        .split_first()
        .ok_or_else(|| Failure::usage("no command", ""))?;
    let shown = name.to_string_lossy();
    let program = find(name).ok_or_else(|| {
        let message = format!("there is no command and no plugin `{shown}`");
        Failure::usage(
            message,
            "`crashvault --help` lists the commands, `crashvault plugins` the plugins",
        )
    })?;
    let path = program.display().to_string();
    screen.info(format!("the plugin is {}", visible(&path)));
    let mut command = Command::new(&program);
    command
        .args(words)
        .env("CRASHVAULT_HOME", super::place(global)?.directory);
    if let Ok(own) = std::env::current_exe() {
        command.env("CRASHVAULT_BIN", own);
    }
    if let Some(author) = &global.author {
        command.env("CRASHVAULT_AUTHOR", author);
    }
    let error = match in_place(&mut command) {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    Err(Failure::new(format!("cannot run {path}: {error}"), "").into())
}

#[cfg(unix)]
fn in_place(command: &mut Command) -> std::io::Result<Done> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn in_place(command: &mut Command) -> std::io::Result<Done> {
    let code = command.status()?.code();
    let code = code.and_then(|code| u8::try_from(code).ok());
    Ok(Done::Passed(code.unwrap_or(crate::output::failure::FAILED)))
}

/// `plugins`: those there are; of two with one name the first on $PATH.
pub fn list(screen: &mut Screen) -> Result<Done, Stop> {
    let built_in = args::command();
    let found = all();
    let is_hidden = |name: &str| built_in.find_subcommand(name).is_some() || name == "help";
    if screen.json {
        let plugins = found.iter().map(|(name, path)| {
            json!({"name": name, "path": path.to_string_lossy(), "is_hidden": is_hidden(name)})
        });
        screen.value(&json!({"plugins": plugins.collect::<Vec<Value>>()}))?;
        return Ok(Done::Well);
    }
    for (name, path) in &found {
        let path = path.display().to_string();
        let hidden = if is_hidden(name) { "hidden" } else { "" };
        let path = visible(&path);
        match screen.width {
            None => screen.line(format!("{name}\t{path}\t{hidden}"))?,
            Some(_) if hidden.is_empty() => screen.line(format!("{name}  {path}"))?,
            Some(_) => screen.line(format!(
                "{name}  {path}  (hidden by the command of this name)"
            ))?,
        }
    }
    if found.is_empty() {
        screen.note(format!("no program on $PATH is named {PREFIX}NAME"));
    }
    Ok(Done::Well)
}

fn all() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for directory in directories() {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let name = path.file_name().and_then(OsStr::to_str);
            let name = name.and_then(|name| name.strip_suffix(std::env::consts::EXE_SUFFIX));
            let name = name.and_then(|name| name.strip_prefix(PREFIX));
            if let Some(name) = name.filter(|name| is_name(name) && is_program(&path)) {
                found.entry(name.to_owned()).or_insert(path);
            }
        }
    }
    found
}
