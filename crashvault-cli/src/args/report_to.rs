//! The words of the command that sends events elsewhere.

use std::time::Duration;

use clap::Args as Group;

use super::values::{count, seconds};

/// Send the vault's events to a collector that speaks Sentry's protocol
#[derive(Debug, Group)]
#[command(after_help = "\
Each event is sent once, in the order they came into the vault, as it is stored and scrubbed, with
its attachments. How far it has come is kept in the vault, for each destination; the next call goes
on from there. Where the collector wants none for more than two minutes, or cannot be reached in
four tries, it ends with exit code 1 and says when to try again; nothing is lost. It ends with 1 as
well if an event was refused, which is not sent again by itself. --watch goes on until Ctrl-C, and
waits as long as it takes.

The DSN is that of a project's settings: https://KEY@host/1. Without one it is `report.to` of
vault.toml or $CRASHVAULT_REPORT_TO, which nobody else on the machine sees. Dumps of memory are left
out, for nobody has looked for secrets in them; --dumps sends them too.

JSON: destination, is_dry_run, end (done, limit, waiting, stopped), sent_count, known_count (that it
had already), refused_count, refusals (event_id, reason, at; the first 100), passed_count (too old,
or cannot be read), attachment_count, attachment_left_out_count, sent_bytes, waiting_count,
next_try_at, trouble, pauses (until when it wants none, by kind; all kinds: \"\"). With --watch one
object per line, whenever something happened.

Examples:
  crashvault report-to https://KEY@errors.example.com/1 --dry-run
  crashvault config set report.to https://KEY@errors.example.com/1
  crashvault report-to --since 7d
  crashvault report-to --watch --quiet")]
pub struct ReportTo {
    /// Where to: the project's DSN
    #[arg(value_name = "DSN")]
    pub dsn: Option<String>,
    /// Go on sending what comes in, until Ctrl-C
    #[arg(long, conflicts_with_all = ["limit", "dry_run", "again"])]
    pub watch: bool,
    /// With --watch: look for new events every so many seconds, 0.1 at least
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, requires = "watch")]
    pub interval: Duration,
    /// Only what happened since then: an age (7d; s, m, h, d, w), a date or a time; what is older is passed over for good
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// At most so many events
    #[arg(long, value_name = "N", value_parser = count)]
    pub limit: Option<u64>,
    /// Begin with the first event again, whatever was sent before
    #[arg(long)]
    pub again: bool,
    /// Leave all attachments out
    #[arg(long)]
    pub no_attachments: bool,
    /// Send dumps of memory too
    #[arg(long, conflicts_with = "no_attachments")]
    pub dumps: bool,
    /// Only tell how much would be sent
    #[arg(long)]
    pub dry_run: bool,
}
