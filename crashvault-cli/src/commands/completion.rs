//! `completion`: what a shell needs to complete, and what it is told then.
//!
//! Never: takes events in, or says anything but candidates: a key was pressed, nobody waits.

use std::path::{Path, PathBuf};

use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{ArgValueCandidates, CompletionCandidate};
use crashvault::{IssueFilter, Level, SETTINGS, Vault};
use serde_json::json;

use super::Done;
use crate::args::{self, Completion, Shell};
use crate::output::text::{fit, visible};
use crate::output::{Failure, Screen, Stop};

/// Set by the scripts: the shell that asks.
const VARIABLE: &str = "CRASHVAULT_COMPLETE";
const PROGRAM: &str = "crashvault";
/// zsh reads a file of $fpath when it first completes, as the body of a function that answers already then.
const ZSH_FIRST_CALL: &str = r#"
if [[ "${funcstack[1]}" == _crashvault ]]; then
    _clap_dynamic_completer_crashvault "$@"
fi
"#;
/// Issues that are offered, and the columns of their titles.
const ISSUES_MAX: usize = 50;
const TITLE_WIDTH: usize = 60;

/// Answers a shell that asks for candidates. False if none does.
pub fn answer() -> bool {
    let asked = CompleteEnv::with_factory(command).var(VARIABLE);
    // What cannot be answered has no candidates.
    asked
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref())
        .unwrap_or(true)
}

/// The command, with what the vault has wherever it takes that, and the words of lists that are fixed.
fn command() -> clap::Command {
    args::command().mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        with_values(command, &name)
    })
}

fn with_values(command: clap::Command, top: &str) -> clap::Command {
    let command = command.mut_args(|arg| {
        let names = arg.get_value_names().unwrap_or_default();
        let name = names.first().map(ToString::to_string).unwrap_or_default();
        let candidates: fn() -> Vec<CompletionCandidate> = match (top, name.as_str()) {
            (_, name) if name.starts_with("ISSUE") => issues,
            (_, "QUERY") | ("searches", "NAME") => searches,
            ("config", "KEY") => settings,
            ("webhook", "ID") => webhooks,
            ("list", "STATUS") => || words(&["open", "resolved", "ignored", "all"]),
            (_, "STATUS") => || words(&["open", "resolved", "ignored"]),
            (_, "LEVEL") => || words(&Level::ALL.map(Level::name)),
            (_, "ORDER") => || words(&args::ORDERS),
            _ => return arg,
        };
        arg.add(ArgValueCandidates::new(candidates))
    });
    command.mut_subcommands(|below| with_values(below, top))
}

/// In this order.
fn words(words: &[&str]) -> Vec<CompletionCandidate> {
    let words = words.iter().enumerate();
    words
        .map(|(place, word)| CompletionCandidate::new(*word).display_order(Some(place)))
        .collect()
}

fn settings() -> Vec<CompletionCandidate> {
    words(&SETTINGS.map(|(key, _)| key))
}

fn directory() -> Option<PathBuf> {
    asked_vault().or_else(Vault::default_directory)
}

fn webhooks() -> Vec<CompletionCandidate> {
    let webhooks = directory().and_then(|place| Vault::webhooks(place).ok());
    let webhooks = webhooks.unwrap_or_default().into_iter().map(|webhook| {
        let kind = webhook.kind.name();
        let name = match webhook.name.is_empty() {
            true => webhook.id,
            false => webhook.name,
        };
        CompletionCandidate::new(name).help(Some(kind.into()))
    });
    webhooks.collect()
}

/// Those that were saved, as a query names them.
fn searches() -> Vec<CompletionCandidate> {
    let vault = directory().and_then(|place| Vault::options().create(false).open(place).ok());
    let saved = vault.and_then(|vault| vault.saved_searches().ok());
    let saved = saved.unwrap_or_default().into_iter().map(|search| {
        let query = visible(&search.query);
        let query = fit(&query, TITLE_WIDTH).into_owned();
        CompletionCandidate::new(format!("@{}", search.name)).help(Some(query.into()))
    });
    saved.collect()
}

fn issues() -> Vec<CompletionCandidate> {
    let vault = directory().and_then(|place| Vault::options().create(false).open(place).ok());
    let filter = IssueFilter::default().limit(ISSUES_MAX);
    let issues = vault.and_then(|vault| vault.issues(&filter).ok());
    let issues = issues.unwrap_or_default().into_iter().enumerate();
    let candidates = issues.map(|(place, issue)| {
        let title = visible(&issue.title);
        let title = fit(&title, TITLE_WIDTH).into_owned();
        CompletionCandidate::new(issue.number.to_string())
            .help(Some(title.into()))
            .display_order(Some(place))
    });
    candidates.collect()
}

/// `--vault DIR` among the words that are being completed.
fn asked_vault() -> Option<PathBuf> {
    let mut words = std::env::args_os().skip_while(|word| word != "--vault");
    words.nth(1).map(PathBuf::from)
}

pub fn run(asked: &Completion, screen: &mut Screen) -> Result<Done, Stop> {
    let shell = match asked.shell {
        Some(shell) => shell,
        None => of_variable()?,
    };
    let script = script(shell)?;
    if !asked.install {
        match screen.json {
            true => screen.value(&json!({"shell": name(shell), "path": null, "script": script}))?,
            false => screen.writer().write_all(script.as_bytes())?,
        }
        return Ok(Done::Well);
    }
    let path = install(shell, &script)?;
    let shown = path.display().to_string();
    match screen.json {
        true => screen.value(&json!({"shell": name(shell), "path": shown, "script": null}))?,
        false => screen.line(format!("Wrote {}", visible(&shown)))?,
    }
    if shell == Shell::Zsh {
        screen.note("~/.zshrc needs `fpath=(~/.zfunc $fpath)` before its `compinit`");
    }
    Ok(Done::Well)
}

fn name(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
    }
}

fn of_variable() -> Result<Shell, Failure> {
    let path = std::env::var("SHELL").unwrap_or_default();
    let program = Path::new(&path)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let all = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Powershell];
    let found = all
        .into_iter()
        .find(|shell| name(*shell) == program || *shell == Shell::Powershell && program == "pwsh");
    found.ok_or_else(|| {
        let message = format!("$SHELL names no shell that is known: {path:?}");
        Failure::usage(
            message,
            "name it: `crashvault completion bash|zsh|fish|powershell`",
        )
    })
}

fn script(shell: Shell) -> Result<String, Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let written = shells.completer(name(shell)).map(|completer| {
        completer.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)
    });
    match written {
        Some(Ok(())) => Ok(String::from_utf8_lossy(&script).trim_start().to_owned()),
        _ => Err(Failure::new(
            format!("there is no script for {}", name(shell)),
            "",
        )),
    }
}

fn install(shell: Shell, script: &str) -> Result<PathBuf, Failure> {
    let directory = |variable: &str, otherwise: &str| {
        let set = std::env::var_os(variable).map(PathBuf::from);
        let set = set.filter(|path| path.is_absolute());
        set.or_else(|| Some(std::env::home_dir()?.join(otherwise)))
    };
    let path = match shell {
        Shell::Bash => directory("XDG_DATA_HOME", ".local/share")
            .map(|path| path.join("bash-completion/completions/crashvault")),
        Shell::Zsh => std::env::home_dir().map(|path| path.join(".zfunc/_crashvault")),
        Shell::Fish => directory("XDG_CONFIG_HOME", ".config")
            .map(|path| path.join("fish/completions/crashvault.fish")),
        Shell::Powershell => {
            let hint = "crashvault completion powershell >> $PROFILE";
            return Err(Failure::usage(
                "PowerShell has no place for single scripts",
                hint,
            ));
        }
    };
    let path = path.ok_or_else(|| Failure::new("there is no home directory", "set $HOME"))?;
    let script = match shell {
        Shell::Zsh => format!("{script}{ZSH_FIRST_CALL}"),
        _ => script.to_owned(),
    };
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(&path, script))
        .map_err(|error| {
            Failure::new(
                format!("cannot write {}: {error}", path.display()),
                "without --install it is printed",
            )
        })?;
    Ok(path)
}
