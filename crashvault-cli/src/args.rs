//! Enters: the words of a command line. Leaves: [`Args`], or a usage error with its reason.
//!
//! Never: looks at a vault or prints.

mod begin;
mod change;
mod configure;
mod decide;
mod direct;
mod foreign;
mod group;
mod grouping;
mod merge;
mod parse;
mod reflow;
mod report_to;
mod room;
mod searches;
mod serve;
mod sharing;
mod shell;
mod source;
mod values;
mod watch;
mod wrap;
mod write;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args as Group, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use crashvault::{Cursor, EventId, IssueRef, IssueSort, Level, Status as IssueStatus};

pub use begin::{Autolog, Decrypt, Docs, Encrypt, Init, Setup, Where};
pub use change::{Batch, Kill, Purge, SetSeverity, SetStatus, SetTitle};
pub use configure::{Config, ConfigCommand, Notify, Webhook, WebhookCommand};
pub use decide::{Assign, Comment, Ignore, Reopen, Resolve, Undo};
pub use foreign::{Import, Mode, Symbols, SymbolsCommand};
pub use group::GroupTraces;
pub use grouping::{Causes, GroupRules, GroupRulesCommand, TestRules, WhyIssue};
pub use merge::{Merge, Move, Regroup, Related, Unmerge};
pub use parse::Parse;
pub use report_to::ReportTo;
pub use room::{Archive, Gc, Prune, Restore};
pub use searches::{Period, Searches, SearchesCommand};
pub use serve::Serve;
pub use sharing::{Export, Form, GenerateReport, Share};
pub use shell::{Completion, Man, Plugins, Shell};
pub use source::{Diagnose, Open, Sources};
pub use values::ORDERS;
use values::{cursor, event_id, issue, level, limit, pair, sort, statuses, tag};
pub use watch::{Chosen, Events, Stats, Tail};
pub use wrap::Wrap;
pub use write::{
    Attach, Attachment, AttachmentCommand, AttachmentGet, AttachmentList, Note, Report,
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed: the vault cannot be read or written, or `doctor` or `rebuild --verify` found a problem
  2  the command line, or a query in it, was not understood
  3  there is no such vault, issue or event
`wrap` and plugins end with the code of the program they run.

Answers go to stdout, everything else to stderr as lines that begin with `error:`, `hint:` or
`note:`, with -v also `info:` and `debug:`. With --json an error is one JSON object on stderr.

Examples:
  crashvault demo             see it work, in a vault of its own
  crashvault list             the issues seen last
  crashvault show 7           the newest event of issue #7, with its stack
  crashvault search timeout   what says so
  crashvault resolve 7        it is fixed; should it come back, that is a regression
  crashvault list --json      for programs";

/// See what crashed: the issues and events that Crashvault has kept on this machine
#[derive(Debug, Parser)]
#[command(
    name = "crashvault",
    version,
    styles = STYLES,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = AFTER_HELP
)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Group)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The vault's directory [default: $CRASHVAULT_HOME, else ~/.crashvault]
    #[arg(long, global = true, value_name = "DIR")]
    pub vault: Option<PathBuf>,
    /// Answer in JSON, or with these of its keys: --json=number,title
    #[arg(
        long,
        global = true,
        value_name = "FIELDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    pub json: Option<String>,
    /// Who decides [default: $CRASHVAULT_AUTHOR, else the login name]
    #[arg(long, global = true, value_name = "NAME")]
    pub author: Option<String>,
    /// When to use colour: auto, always or never; auto heeds NO_COLOR and CLICOLOR_FORCE
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub color: When,
    /// Say nothing beside the answer but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say what is done, twice for more; also $CRASHVAULT_LOG_LEVEL (error, warning, info, debug)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Put no long answer into a pager [otherwise: $CRASHVAULT_PAGER, else $PAGER, else less]
    #[arg(long, global = true)]
    pub no_pager: bool,
}

/// When colour is used; `auto` is on a terminal that knows any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// The one that issues are to have; `None` for any.
#[derive(Clone, Copy, Debug)]
pub struct Statuses(pub Option<IssueStatus>);

#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(Demo),
    Init(Init),
    Setup(Setup),
    Path(Where),
    Docs(Docs),
    Autolog(Autolog),
    #[command(alias = "new")]
    Add(Add),
    Note(Note),
    Report(Report),
    Attach(Attach),
    Attachment(Attachment),
    Wrap(Wrap),
    Import(Import),
    Symbols(Symbols),
    Parse(Parse),
    #[command(alias = "ls")]
    List(List),
    #[command(alias = "sh")]
    Show(Show),
    Search(Box<Search>),
    Searches(Searches),
    Events(Events),
    Tail(Tail),
    Stats(Stats),
    Diagnose(Diagnose),
    Open(Open),
    #[command(name = "group")]
    GroupTraces(GroupTraces),
    GroupRules(GroupRules),
    #[command(name = "why")]
    WhyIssue(WhyIssue),
    Causes(Causes),
    Resolve(Resolve),
    Reopen(Reopen),
    Ignore(Ignore),
    Assign(Assign),
    Comment(Comment),
    Undo(Undo),
    Merge(Merge),
    Unmerge(Unmerge),
    Move(Move),
    Related(Related),
    Regroup(Regroup),
    #[command(alias = "st")]
    SetStatus(SetStatus),
    SetSeverity(SetSeverity),
    #[command(alias = "title")]
    SetTitle(SetTitle),
    Batch(Batch),
    #[command(alias = "rm")]
    Purge(Purge),
    Kill(Kill),
    Config(Config),
    Webhook(Webhook),
    Notify(Notify),
    Status(Status),
    Doctor(Doctor),
    Rebuild(Rebuild),
    Prune(Prune),
    Gc(Gc),
    Archive(Archive),
    Restore(Restore),
    Encrypt(Encrypt),
    Decrypt(Decrypt),
    Completion(Completion),
    Man(Man),
    Plugins(Plugins),
    /// A plugin's name, and the words behind it.
    #[command(external_subcommand)]
    Plugin(Vec<OsString>),
    Export(Export),
    Share(Share),
    GenerateReport(GenerateReport),
    ReportTo(ReportTo),
    Serve(Serve),
    /// One failing program of the demo.
    #[command(name = "__demo-child", hide = true)]
    DemoChild(DemoChild),
}

/// See Crashvault work: three programs fail, and their events are shown
#[derive(Debug, Group)]
#[command(after_help = "\
Starts three real processes: one panics, one fails with an error and its causes, one fails 2,000
times in the same way. Then shows what the vault holds, what each capture cost, and what to try
next. The vault is a new directory below the temporary one and stays there; --vault names another
place. $CRASHVAULT_HOME is not used.

Example:
  crashvault demo")]
pub struct Demo {}

#[derive(Debug, Group)]
pub struct DemoChild {
    pub kind: crate::shop::Kind,
}

/// Put an event into the vault
#[derive(Debug, Group)]
#[command(after_help = "\
Prints the issue if the event made a new one, and the event's id. A vault is made where there is
none.

JSON: event_id, issue_number, is_new_issue, is_known, is_regression

Examples:
  crashvault add 'backup failed' --level warning --tag host=db1
  crashvault add 'import failed' --context file=orders.csv --context line=17
  make 2>&1 >/dev/null | crashvault add 'build failed' --stack -")]
pub struct Add {
    /// What happened; its first line becomes the title
    pub message: String,
    /// How bad it is: debug, info, warning, error or fatal
    #[arg(long, value_name = "LEVEL", default_value = "error", value_parser = level)]
    pub level: Level,
    /// A tag: KEY=VALUE, or a word alone
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// A detail: KEY=VALUE
    #[arg(long = "context", value_name = "KEY=VALUE", value_parser = pair)]
    pub context: Vec<(String, String)>,
    /// A stack trace or other output as text; `-` reads it from stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub stack: Option<String>,
    /// The project it belongs to
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub project: String,
    /// The event's id; adding the same id again changes nothing [default: a new one]
    #[arg(long, value_name = "UUID", value_parser = event_id)]
    pub id: Option<EventId>,
}

/// Which end of an order comes first.
#[derive(Clone, Copy, Debug, Default, Group)]
pub struct Direction {
    /// The least first: oldest, fewest, A [otherwise: the most first, but titles and statuses as with --asc]
    #[arg(long, conflicts_with = "desc")]
    pub asc: bool,
    /// The most first: newest, most, Z
    #[arg(long)]
    pub desc: bool,
}

impl Direction {
    /// Whether that is the other way than the order goes by itself.
    pub fn is_reversed(self, sort: IssueSort) -> bool {
        match sort.is_ascending() {
            true => self.desc,
            false => self.asc,
        }
    }
}

/// How a command that reads takes in what waits in the journal.
#[derive(Clone, Copy, Debug, Default, Group)]
pub struct Wait {
    /// Take in all that was captured first, however long it takes [default: at most 200 ms]
    #[arg(long)]
    pub wait: bool,
}

/// List the issues, the one seen last first
#[derive(Debug, Group)]
#[command(after_help = "\
On a terminal a table that is cut to its width. In a pipe one line per issue, with tabs between
the columns, in this order: number, level, status, count, first seen, last seen, project, title,
culprit, users, assignee, severity. Times are RFC 3339 in UTC; control characters are written as
escapes such as \\x1b, so that a line is always one issue.

JSON: vault, waiting_count, total (that fit, on all pages; null with --since or --until), next (for
--after; null on the last page), issues; of each issue: id, number, project, status, level, title,
culprit, platform, first_seen, last_seen, seen_count, last_event, user_count, assignee, severity,
is_regressed, regression (an event's id), is_bookmarked, review, resolution, ignore, tags,
comment_count

Examples:
  crashvault list --status open --sort count
  crashvault list | cut -f1,8
  crashvault list --json | jq '.issues[].title'")]
pub struct List {
    /// Only issues of this status: open, resolved or ignored; `all` is the default
    #[arg(long, value_name = "STATUS", value_parser = statuses)]
    pub status: Option<Statuses>,
    /// The order: last-seen, first-seen, count, users, number, status or title
    #[arg(long, value_name = "ORDER", default_value = "last-seen", value_parser = sort)]
    pub sort: IssueSort,
    #[command(flatten)]
    pub direction: Direction,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit)]
    pub limit: u32,
    /// Go on behind the page that told this cursor
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    pub after: Option<Cursor>,
    /// Only issues of this project
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    #[command(flatten)]
    pub period: Period,
    #[command(flatten)]
    pub wait: Wait,
}

/// Find issues, or events, by what they say and what was decided about them
#[derive(Debug, Group)]
#[command(after_help = "\
The words are joined by blanks. An issue is found if one of its events fits the whole query.

  timeout  \"connection refused\"  time*   words, phrases, beginnings, anywhere in an event
  level:error  level:>=warning           debug, info, warning, error, fatal
  release:shop@2.*  release:[a, b]       `*` stands for anything, [a, b] for one of several
  release:latest  release.version:>=2.1  each project's newest release; versions are compared
  tags[region]:eu  region:eu             a key with no other meaning is a tag of the event
  has:user  !has:release  !level:info    there at all; `!` or NOT excludes
  is:unresolved                          or open, resolved, ignored, regressed, assigned,
                                         unassigned, bookmarked, for_review
  assigned:me  assigned:none             whose it is: a name, me, none
  timesSeen:>100  users:>=10             counts
  age:-7d  age:+7d  lastSeen:-2h         first seen, last seen: less, more than that ago
  firstSeen:2026-01-05                   on that day (UTC; a time may name its zone)
  stack.function:parse*                  in a stack; also stack.module, stack.filename
  error.type:Timeout  os.name:Linux      and other fields: http.*, device.*, runtime.*, user.* …
  (timeout OR refused) project:shop      AND goes without saying; OR binds weaker
  @mine                                  what was saved by --save mine

A shell takes quotes, `!`, `*`, `>` and parentheses for itself: put the query in single quotes.
Answers as `list` does. With --events each line of a pipe is: time, level, issue, title, event id;
with --archived the archive is one column more. Where nothing fits and a key is nearly a known one,
that is told. docs/guide/search.md has all of the language.

JSON: vault, waiting_count, issues (as in `list`), next (for --after; null on the last page), doubts
(position, key, meant: keys that are nearly known ones, if nothing fits); with --events instead of
issues: events (id, issue, issue_number, time, received_at, level, title, event); with --archived
also: archive of each issue, unreadable (archives that are damaged); with --explain: tree (kind,
position, text, meaning, index, rows, parts), meaning, route, lists (depth, what), rows_read,
found_count, elapsed_us, doubts; with --save: name, query, replaced

Examples:
  crashvault search 'is:unresolved level:error timeout'
  crashvault search 'release:shop@2.* users:>=10' --sort users
  crashvault search '\"connection refused\"' --events --limit 5 --since 7d
  crashvault search --save mine 'is:unresolved assigned:me'
  crashvault search '@mine timeout' --explain
  crashvault search is:regressed --json | jq '.issues[].number'")]
pub struct Search {
    /// What to look for; nothing finds all
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Find events, newest first, instead of issues
    #[arg(long, conflicts_with_all = ["sort", "asc", "desc"])]
    pub events: bool,
    /// Look into the archives instead, which takes longer, and tell where each issue lies
    #[arg(long, conflicts_with = "events")]
    pub archived: bool,
    /// Tell how the query was understood, how it was answered and what that cost, instead of the answer
    #[arg(long, conflicts_with = "archived")]
    pub explain: bool,
    /// Keep the query under this name instead; @NAME in a query stands for it
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with_all = ["events", "archived", "explain", "sort", "asc", "desc", "after", "since", "until"]
    )]
    pub save: Option<String>,
    /// The order: last-seen, first-seen, count, users, number, status or title [default: last-seen]
    #[arg(long, value_name = "ORDER", value_parser = sort)]
    pub sort: Option<IssueSort>,
    #[command(flatten)]
    pub direction: Direction,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit)]
    pub limit: u32,
    /// Go on behind the page that told this cursor
    #[arg(long, value_name = "CURSOR", value_parser = cursor)]
    pub after: Option<Cursor>,
    #[command(flatten)]
    pub chosen: Chosen,
    #[command(flatten)]
    pub period: Period,
    #[command(flatten)]
    pub wait: Wait,
}

/// Make issues, counters and the search index again from the records
#[derive(Debug, Group)]
#[command(after_help = "\
Others can read and write meanwhile, and nothing is lost if it is interrupted. What people decided
and the numbers of issues stay. With --verify each difference is one line, and exit code 1.

JSON: event_count, issue_count; with --verify: is_same, differences

Examples:
  crashvault rebuild
  crashvault rebuild --verify")]
pub struct Rebuild {
    /// Change nothing; tell what would be different
    #[arg(long)]
    pub verify: bool,
}

/// Show an issue: why its events are one, and the newest of them
#[derive(Debug, Group)]
#[command(after_help = "\
The error that was thrown comes first, then its causes; of each stack the innermost call comes
first. Calls of libraries are folded, and source lines are shown for the first of the program's
own calls.

JSON: issue (as in `list`), joins (reason, parts, variant, algorithm, joined_at), why (as in `why`),
events (the whole event payloads, newest first), activities (id, vault, author, time, decided_at, issue, deed;
oldest first), values (key, is_tag, value, count; the ten most frequent of each key), hours (hour,
count), attachments (event, name, content_type, kind, size_bytes, hash, added_at; of the events
shown)

Examples:
  crashvault show 7
  crashvault show '#7' --all-frames
  crashvault show 01980d5e9c4a7a23b1f0c2d4e6f80912   the event with this id
  crashvault show 7 --json | jq '.events[0].exception'")]
pub struct Show {
    /// The issue's number (7 or #7), its id or the start of it, or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
    /// Show this event of it
    #[arg(long, value_name = "ID", value_parser = event_id, conflicts_with = "limit")]
    pub event: Option<EventId>,
    /// Show every call, all stored source lines and long values whole
    #[arg(long)]
    pub all_frames: bool,
    /// Show so many events, newest first
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = limit)]
    pub limit: u32,
    #[command(flatten)]
    pub wait: Wait,
}

/// Tell what the vault holds, what it has lost, where its bytes are, and its settings
#[derive(Debug, Group)]
#[command(after_help = "\
JSON: directory, vault_id, format, is_read_only, event_count, issue_count, project_count,
waiting_count, writers_alive, throttled_count, sampled_count, refused_count, lost_count,
last_failure, torn_count, unreadable_count, store_bytes (of them payload_bytes, store_free_bytes and,
the rest, index_bytes), journal_bytes, symbols_bytes, attachments_bytes, archive_bytes,
disk_free_bytes (null where the system does not say), is_disk_full, settings (key, value, source),
reports (where events were sent to: destination, sent_count, refused_count, waiting_count, refusals
(event_id, reason, at; the last 20), trouble, kept_at); with --space: tables (name, bytes)

Examples:
  crashvault status
  crashvault status --space
  crashvault status --json | jq .lost_count")]
pub struct Status {
    /// Look at the whole vault.db, and tell what each of its tables takes
    #[arg(long)]
    pub space: bool,
    #[command(flatten)]
    pub wait: Wait,
}

/// Look for everything that can be wrong with the vault, and say what to do
#[derive(Debug, Group)]
#[command(after_help = "\
Reads the whole vault. Exit code 1 if there is a problem. In a pipe one line per finding: severity
(fine, notice, problem), what was found, what to do, with tabs between them.

With --rescue it reads what can be read of a damaged vault, also of one that does not open, and
changes nothing in it: each event is one line of JSON. Exit code 1 if some cannot be read, or none
was found. What waits in the journal is not among them.

JSON: vault, is_healthy, findings (severity, what, advice); with --rescue: vault, path, event_count,
incomplete_count (events that lack stacks), unreadable_count

Examples:
  crashvault doctor
  crashvault --vault /srv/app/crashes doctor
  crashvault doctor --rescue events.jsonl")]
pub struct Doctor {
    /// Write every event that can be read into this new file instead; `-` is stdout
    #[arg(long, value_name = "FILE", conflicts_with = "wait")]
    pub rescue: Option<PathBuf>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Reads a command line. Help and version come as errors, as clap has it.
pub fn parse(words: &[OsString]) -> Result<Args, clap::Error> {
    direct::parse(words).map_or_else(|| parse_with_all(words), Ok)
}

fn parse_with_all(words: &[OsString]) -> Result<Args, clap::Error> {
    let command = colored(words);
    Args::from_arg_matches(&command.try_get_matches_from(words)?)
}

/// Why words that begin with no command's name are not understood, if there is no plugin of that name either.
pub fn unknown_command(words: &[OsString]) -> Option<clap::Error> {
    let command = colored(words).external_subcommand_value_parser(Resettable::Reset);
    let command = command.allow_external_subcommands(false);
    command.try_get_matches_from(words).err()
}

/// The definition.
pub fn command() -> clap::Command {
    Args::command()
}

fn colored(words: &[OsString]) -> clap::Command {
    fitted(words).color(match asked_color(words) {
        When::Auto if crate::output::paint::is_refused() => ColorChoice::Never,
        When::Auto => ColorChoice::Auto,
        When::Always => ColorChoice::Always,
        When::Never => ColorChoice::Never,
    })
}

/// The definition, with texts that fit the terminal where they are asked for.
fn fitted(words: &[OsString]) -> clap::Command {
    let asks = |word: &OsString| word == "--help" || word == "-h" || word == "help";
    let is_asked = words.len() < 2 || options(words).any(asks);
    let columns = is_asked
        .then(crate::output::screen::known_columns)
        .flatten();
    match columns.filter(|columns| *columns < reflow::WRITTEN_FOR) {
        Some(columns) => reflowed(command(), columns),
        None => command(),
    }
}

fn reflowed(command: clap::Command, columns: usize) -> clap::Command {
    let text = command.get_after_help().map(ToString::to_string);
    let command = match text {
        Some(text) => command.after_help(reflow::reflow(&text, columns)),
        None => command,
    };
    command.mut_subcommands(|below| reflowed(below, columns))
}

/// Whether the words ask for JSON, also where they are not understood otherwise.
pub fn wants_json(words: &[OsString]) -> bool {
    options(words).any(|word| {
        let word = word.to_string_lossy();
        word == "--json" || word.starts_with("--json=")
    })
}

/// The colour the words ask for, known before they are understood: help has colour too.
pub fn asked_color(words: &[OsString]) -> When {
    let mut words = options(words);
    while let Some(word) = words.next() {
        let value = match word.to_str() {
            Some("--color") => words.next().and_then(|word| word.to_str()),
            Some(word) => word.strip_prefix("--color="),
            None => None,
        };
        match value {
            Some("always") => return When::Always,
            Some("never") => return When::Never,
            _ => {}
        }
    }
    When::Auto
}

fn options(words: &[OsString]) -> impl Iterator<Item = &OsString> {
    words.iter().skip(1).take_while(|word| *word != "--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_stands_behind_two_hyphens_is_no_option() {
        assert!(wants_json(&words("crashvault list --json")));
        assert!(!wants_json(&words("crashvault add -- --json")));
        assert_eq!(
            asked_color(&words("crashvault --color never list")),
            When::Never
        );
        assert_eq!(
            asked_color(&words("crashvault list --color=always")),
            When::Always
        );
    }
}
