//! The words of the commands about settings and about who is to be told.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};
use crashvault::{EventId, Level, WebhookKind};

use super::values::{event_id, level, webhook_kind};

/// Read and change the settings of the vault
#[derive(Debug, Group)]
pub struct Config {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the value of a setting
    #[command(after_help = "\
JSON: key, value, source (default, vault.toml or variable)

Example:
  crashvault config get capture.environment")]
    Get {
        /// Its name, as `config list` has it
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Set a setting in vault.toml
    #[command(after_help = "\
All else in the file stays as it is, comments too. A value that the vault does not understand is
refused, and so is a name that there is not. A vault is made where there is none.

JSON: key, value, source

Examples:
  crashvault config set retention.age_days 90
  crashvault config set scrub.keys iban tax_id")]
    Set {
        /// Its name; docs/guide/settings.md tells what each is for
        #[arg(value_name = "KEY")]
        key: String,
        /// Its value; of a list all of them
        #[arg(value_name = "VALUE", required = true, allow_hyphen_values = true)]
        values: Vec<String>,
    },
    /// List the settings with their values and where each came from
    #[command(after_help = "\
In a pipe one line per setting, with tabs between: name, value, source.

JSON: settings (key, value, source)")]
    List,
    /// Take a setting out of vault.toml, so that its default counts
    #[command(after_help = "\
JSON: key, value, source

Example:
  crashvault config unset retention.age_days")]
    Unset {
        /// Its name
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// Print the path of vault.toml
    #[command(after_help = "\
JSON: path")]
    Path,
}

/// Say who is to be told of new events
#[derive(Debug, Group)]
#[command(after_help = "\
Webhooks are kept and checked. This version does not tell anybody yet: nothing is sent.")]
pub struct Webhook {
    #[command(subcommand)]
    pub command: WebhookCommand,
}

#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Keep a new webhook, and print its id
    #[command(after_help = "\
The secret signs what is sent; for GitHub it is the token. It is kept in a file that only its owner
can read, and never printed. It is no word of the command line, where others can see it: --secret -
reads it from stdin, or asks for it on a terminal; --secret-file reads it from a file.

The name is one that no other webhook has; by default a number is put behind one that is taken.

JSON: webhook (id, type, name, url, events, is_enabled, has_secret); of the url only scheme and host

Examples:
  crashvault webhook add slack --url https://hooks.slack.com/services/T0/B0/x
  crashvault webhook add github --url acme/shop --secret - --events error,fatal < token")]
    Add {
        /// slack, discord, teams, http or github
        #[arg(value_name = "TYPE", value_parser = webhook_kind)]
        kind: WebhookKind,
        /// Where it is; for GitHub also owner/repository
        #[arg(long, value_name = "URL")]
        url: String,
        /// What to call it [default: TYPE-webhook]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Take its secret from stdin, or ask for it on a terminal
        #[arg(long, value_name = "-", allow_hyphen_values = true)]
        secret: Option<String>,
        /// The file that holds its secret
        #[arg(long, value_name = "FILE", conflicts_with = "secret")]
        secret_file: Option<PathBuf>,
        /// The levels of events that it is told of
        #[arg(
            long,
            value_name = "LEVELS",
            value_delimiter = ',',
            default_value = "error,critical",
            value_parser = level
        )]
        events: Vec<Level>,
    },
    /// List the webhooks
    #[command(after_help = "\
In a pipe one line per webhook, with tabs between: id, type, name, enabled (true or false), levels
(with commas between), url (scheme and host alone), secret (true or false).

JSON: webhooks (as of `webhook add`)")]
    List,
    /// Show a webhook
    #[command(after_help = "\
JSON: webhook (as of `webhook add`)")]
    Show {
        /// Its id, or its name
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Send something to try it: not in this version
    #[command(after_help = "\
Says that nothing is sent yet, with exit code 1.")]
    Test {
        /// Its id, or its name
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Tell it of events again
    #[command(after_help = "\
JSON: webhook (as of `webhook add`)")]
    Enable {
        /// Its id, or its name
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Tell it of nothing for now
    #[command(after_help = "\
JSON: webhook (as of `webhook add`)")]
    Disable {
        /// Its id, or its name
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Remove a webhook and its secret
    #[command(after_help = "\
JSON: removed (as of `webhook add`)")]
    Remove {
        /// Its id, or its name
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Show an event as a notification of the desktop
#[derive(Debug, Group)]
#[command(after_help = "\
Starts notify-send, or osascript where there is none. Neither gets more than the issue's number, the
level and the first 200 characters of the title.

JSON: event_id, issue_number, program

Example:
  crashvault notify 01980d5e9c4a7a23b1f0c2d4e6f80912")]
pub struct Notify {
    /// The event's id
    #[arg(value_name = "EVENT", value_parser = event_id)]
    pub event: EventId,
}
