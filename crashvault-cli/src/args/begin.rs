//! The words of the commands that make a vault ready, and of those that tell where things are.

use clap::Args as Group;

/// Make a vault where there is none
#[derive(Debug, Group)]
#[command(after_help = "\
A vault that is there already is left as it is. None has to be made by hand: `add`, and programs that
install Crashvault, make theirs.

JSON: path, is_new

Examples:
  crashvault init
  crashvault --vault ./crashes init")]
pub struct Init {}

/// Print the vault's directory, whether it is there or not
#[derive(Debug, Group)]
#[command(after_help = "\
JSON: path, exists

Example:
  ls \"$(crashvault path)\"")]
pub struct Where {}

/// Read the guide: its pages come with the command
#[derive(Debug, Group)]
#[command(after_help = "\
Without a name it lists the pages. Nothing is opened or fetched.

JSON: pages (name, title), or with a name: name, text

Examples:
  crashvault docs
  crashvault docs settings | less")]
pub struct Docs {
    /// The page
    #[arg(value_name = "PAGE")]
    pub page: Option<String>,
}

/// Make a vault and choose its most important settings
#[derive(Debug, Group)]
#[command(after_help = "\
Asks, one question a line, and changes only what is answered; an empty answer keeps what is set.
Settings that are there already stay, and so does everything in the vault. With --yes nothing is
asked and the vault is made as `init` makes it.

JSON, with --yes: path, is_new

Examples:
  crashvault setup
  crashvault setup --yes")]
pub struct Setup {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Make a sealed vault: not in this version
    #[arg(long)]
    pub encrypted: bool,
    /// A password is never taken from the command line
    #[arg(long, hide = true, value_name = "PASSWORD")]
    pub password: Option<String>,
}

/// Seal the vault: not in this version
#[derive(Debug, Group)]
#[command(after_help = "\
Says that sealed vaults are not there yet, with exit code 1. Nothing is touched.")]
pub struct Encrypt {
    /// A password is never taken from the command line
    #[arg(hide = true, value_name = "PASSWORD")]
    pub password: Option<String>,
}

/// Unseal the vault: not in this version
#[derive(Debug, Group)]
#[command(after_help = "\
Says that sealed vaults are not there yet, with exit code 1. Nothing is touched. A vault of version 1
that was encrypted is a matter of `import`.")]
pub struct Decrypt {
    /// A password is never taken from the command line
    #[arg(hide = true, value_name = "PASSWORD")]
    pub password: Option<String>,
}

/// Tell what to write into a program so that it captures by itself
#[derive(Debug, Group)]
#[command(after_help = "\
A command cannot reach into other programs: each says itself that it wants to capture. (That of
version 1 had no effect either.)

JSON: languages (name, lines)

Example:
  crashvault autolog")]
pub struct Autolog {
    /// As without
    #[arg(long, conflicts_with = "disable")]
    pub enable: bool,
    /// Tell how a program captures no more
    #[arg(long)]
    pub disable: bool,
}
