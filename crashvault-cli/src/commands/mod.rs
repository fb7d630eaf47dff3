//! Enters: a command line that was understood. Leaves: an exit code, after the command has answered.
//!
//! Never: holds a rule of its own about events or issues; those are the engine's.

mod add;
mod archive;
mod ask;
mod attach;
mod begin;
mod causes;
mod change;
mod chosen;
mod completion;
mod config;
mod decide;
mod demo;
mod doctor;
mod edit;
mod editor;
mod events;
mod export;
mod gc;
mod group;
mod group_rules;
mod import;
mod import_export;
mod kept;
mod keys;
mod list;
mod man;
mod merge;
mod note;
mod notify;
mod parse;
mod plugin;
mod prune;
mod purge;
mod reading;
mod rebuild;
mod report;
mod report_to;
mod rescue;
mod search;
mod searches;
mod serve;
mod share;
mod show;
mod source;
mod stats;
mod status;
mod symbols;
mod tail;
mod webhook;
mod why;
mod wrap;

use std::process::ExitCode;

use crashvault::Vault;

use crate::args::{Args, Command, Global};
use crate::output::failure::FAILED;
use crate::output::{Failure, Paint, Screen, Stop};
use reading::Place;

/// How a command ended that was not stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Well,
    /// It answered, and the answer is that something is wrong.
    Badly,
    /// Some of what was asked for failed, with this exit code at worst; that was told.
    Partly(u8),
    /// A program ran in its place and ended with this status.
    Passed(u8),
}

pub use completion::answer as answer_completion;

/// Whether the words begin with the name of no command and no plugin.
pub fn is_unknown(args: &Args) -> bool {
    let Command::Plugin(words) = &args.command else {
        return false;
    };
    words
        .first()
        .is_none_or(|name| plugin::find(name).is_none())
}

/// What there is to say of a command that version 1 had and this one has not.
pub fn not_here(args: &Args) -> Option<Failure> {
    let Command::Plugin(words) = &args.command else {
        return None;
    };
    let (message, hint) = match words.first()?.to_str()? {
        "server" => (
            "there is no `server` any more: it is one command now, without start and stop",
            "`crashvault serve` listens until Ctrl-C or SIGTERM; a service manager can keep it running",
        ),
        "test" => (
            "there is no `test` any more: in version 1 it ran Crashvault's own tests",
            "`crashvault demo` shows that everything works, `crashvault doctor` looks for what is wrong",
        ),
        _ => return None,
    };
    Some(Failure::usage(message, hint))
}

/// Runs the command.
pub fn run(args: &Args) -> ExitCode {
    let mut screen = Screen::new(&args.global, has_long_answer(&args.command));
    let done = command(args, &mut screen).and_then(|done| Ok(screen.end().map(|()| done)?));
    match done {
        Ok(Done::Well) | Err(Stop::Closed) => ExitCode::SUCCESS,
        Ok(Done::Badly) => ExitCode::from(FAILED),
        Ok(Done::Partly(code) | Done::Passed(code)) => ExitCode::from(code),
        Err(Stop::Failed(failure)) => {
            // What was answered before comes first.
            let _ = screen.finish();
            failure.tell(
                args.global.json.is_some(),
                Paint::of(&std::io::stderr(), args.global.color),
            )
        }
    }
}

/// Answers that may be longer than a terminal, of commands that neither ask nor start anything.
fn has_long_answer(command: &Command) -> bool {
    matches!(
        command,
        Command::List(_)
            | Command::Show(_)
            | Command::Search(_)
            | Command::Diagnose(_)
            | Command::WhyIssue(_)
            | Command::Causes(_)
            | Command::Status(_)
            | Command::Doctor(_)
            | Command::Archive(_)
            | Command::Parse(_)
    )
}

fn command(args: &Args, screen: &mut Screen) -> Result<Done, Stop> {
    let global = &args.global;
    screen.expect(keys::of(&args.command))?;
    match &args.command {
        Command::Demo(_) => demo::run(global, screen),
        Command::DemoChild(child) => Ok(crate::shop::run(child.kind, global.vault.as_deref())),
        Command::Init(_) => begin::init(&place(global)?.directory, screen),
        Command::Setup(setup) => begin::setup(&place(global)?.directory, setup, screen),
        Command::Path(_) => begin::path(&place(global)?.directory, screen),
        Command::Docs(docs) => begin::docs(docs, screen),
        Command::Autolog(autolog) => begin::autolog(autolog, screen),
        Command::Encrypt(_) | Command::Decrypt(_) => begin::sealed(),
        Command::Add(add) => add::run(&place(global)?.directory, add, screen),
        Command::Note(note) => note::note(&place(global)?.directory, note, screen),
        Command::Report(report) => note::report(&place(global)?.directory, report, screen),
        Command::Attach(attach) => attach::attach(&place(global)?, attach, screen),
        Command::Attachment(attachment) => attach::run(&place(global)?, attachment, screen),
        Command::Wrap(wrap) => wrap::run(global, wrap, screen),
        Command::Import(import) => import::run(&place(global)?.directory, import, screen),
        Command::Symbols(symbols) => symbols::run(&place(global)?.directory, symbols, screen),
        Command::Parse(parse) => parse::run(parse, screen),
        Command::List(list) => list::run(&place(global)?, list, screen),
        Command::Show(show) => show::run(&place(global)?, show, screen),
        Command::Search(search) => search::run(&place(global)?, search, screen),
        Command::Searches(searches) => searches::run(&place(global)?, searches, screen),
        Command::Events(events) => events::run(&place(global)?, events, screen),
        Command::Tail(tail) => tail::run(&place(global)?, tail, screen),
        Command::Stats(stats) => stats::run(&place(global)?, stats, screen),
        Command::Diagnose(diagnose) => source::diagnose(&place(global)?, diagnose, screen),
        Command::Open(open) => source::open(&place(global)?, open, screen),
        Command::GroupTraces(traces) => group::run(traces, screen),
        Command::GroupRules(rules) => group_rules::run(&place(global)?, rules, screen),
        Command::WhyIssue(why) => why::run(&place(global)?, why, screen),
        Command::Causes(causes) => causes::run(&place(global)?, causes, screen),
        Command::Completion(completion) => completion::run(completion, screen),
        Command::Man(man) => man::run(man, screen),
        Command::Plugins(_) => plugin::list(screen),
        Command::Plugin(words) => plugin::run(global, words, screen),
        Command::Resolve(resolve) => decide::resolve(&place(global)?, resolve, screen),
        Command::Reopen(reopen) => decide::reopen(&place(global)?, reopen, screen),
        Command::Ignore(ignore) => decide::ignore(&place(global)?, ignore, screen),
        Command::Assign(assign) => decide::assign(&place(global)?, assign, screen),
        Command::Comment(comment) => decide::comment(&place(global)?, comment, screen),
        Command::Undo(undo) => decide::undo(&place(global)?, undo, screen),
        Command::Merge(words) => merge::merge(&place(global)?, words, screen),
        Command::Unmerge(words) => merge::unmerge(&place(global)?, words, screen),
        Command::Move(words) => merge::move_event(&place(global)?, words, screen),
        Command::Related(words) => merge::related(&place(global)?, words, screen),
        Command::Regroup(words) => merge::regroup(&place(global)?, words, screen),
        Command::SetStatus(set) => change::set_status(&place(global)?, set, screen),
        Command::SetSeverity(set) => change::set_severity(&place(global)?, set, screen),
        Command::SetTitle(set) => change::set_title(&place(global)?, set, screen),
        Command::Batch(batch) => change::batch(&place(global)?, batch, screen),
        Command::Purge(purge) => purge::purge(&place(global)?, purge, screen),
        Command::Kill(kill) => purge::kill(&place(global)?, kill, screen),
        Command::Config(config) => config::run(&place(global)?.directory, &config.command, screen),
        Command::Webhook(webhook) => {
            webhook::run(&place(global)?.directory, &webhook.command, screen)
        }
        Command::Notify(notify) => notify::run(&place(global)?, notify, screen),
        Command::Status(status) => status::run(&place(global)?, status, screen),
        Command::Doctor(doctor) => doctor::run(&place(global)?, doctor, screen),
        Command::Rebuild(rebuild) => rebuild::run(&place(global)?, rebuild, screen),
        Command::Prune(prune) => prune::run(&place(global)?, prune, screen),
        Command::Gc(_) => gc::run(&place(global)?, screen),
        Command::Archive(archive) => archive::run(&place(global)?, archive, screen),
        Command::Restore(restore) => archive::restore(&place(global)?, restore, screen),
        Command::Export(export) => export::run(&place(global)?, export, screen),
        Command::Share(share) => share::run(&place(global)?, share, screen),
        Command::GenerateReport(report) => report::run(&place(global)?, report, screen),
        Command::ReportTo(words) => report_to::run(&place(global)?, words, screen),
        Command::Serve(words) => serve::run(&place(global)?, words, screen),
    }
}

/// The vault that is meant.
fn place(global: &Global) -> Result<Place, Failure> {
    let asked = global.vault.clone().or_else(Vault::default_directory);
    let directory = asked.ok_or_else(|| {
        let message = "neither $CRASHVAULT_HOME nor a home directory is set";
        Failure::new(message, "name the vault with --vault DIR")
    })?;
    Ok(Place {
        directory,
        author: global.author.clone(),
    })
}
