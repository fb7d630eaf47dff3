//! The words of the commands that make the command at home: completions, manual pages, plugins.

use std::path::PathBuf;

use clap::Args as Group;

/// Print what makes a shell complete commands, options and the numbers of issues
#[derive(Debug, Group)]
#[command(after_help = "\
The numbers of issues come from the vault, the ones seen last. With --install the script goes where
the shell looks for it: ~/.local/share/bash-completion/completions/crashvault,
~/.zfunc/_crashvault (which must be in $fpath) or ~/.config/fish/completions/crashvault.fish.

JSON: shell, path (null without --install), script (null with it)

Examples:
  crashvault completion bash > ~/.crashvault-completion.bash
  crashvault completion zsh --install
  crashvault completion powershell >> $PROFILE")]
pub struct Completion {
    /// bash, zsh, fish or powershell [default: that of $SHELL]
    pub shell: Option<Shell>,
    /// Put it where the shell looks for it
    #[arg(long)]
    pub install: bool,
}

/// A shell that completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// Print the manual pages
#[derive(Debug, Group)]
#[command(after_help = "\
One page for `man`, of the whole or of one command; with --output all of them as files.

JSON: pages (name, path; without --output: name, text)

Examples:
  crashvault man | man -l -
  crashvault man search > crashvault-search.1
  crashvault man --output ~/.local/share/man/man1")]
pub struct Man {
    /// The command whose page it is [default: the page of all]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    pub command: Vec<String>,
    /// Write all pages into this directory
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// List the plugins: programs crashvault-NAME on $PATH, which run as `crashvault NAME`
#[derive(Debug, Group)]
#[command(after_help = "\
In a pipe a line for each, with tabs between: name, path, and `hidden` where a command of that name
is built in.

JSON: plugins (name, path, is_hidden)

Example:
  crashvault plugins")]
pub struct Plugins {}
