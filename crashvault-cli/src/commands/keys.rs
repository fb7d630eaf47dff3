//! Enters: a command. Leaves: the keys that its answer in JSON may have, known before it does anything.
//!
//! Commands that change something are all here, so that a slip in `--json=FIELDS` is told before anything is changed.
//! Of those that only read, the answer itself knows best.

use super::export::file_of;
use crate::args::{
    Command, ConfigCommand, Doctor, Search, SearchesCommand, SymbolsCommand, WebhookCommand,
};
use crate::output::fields::Known;

const ADDED: &str = "event_id issue_number is_new_issue is_known is_regression";
const DECIDED: &str = "decided issue activities undone";
const ATTACHED: &str = "event name content_type kind size_bytes hash added_at";
const FOUND_EVENT: &str = "id issue issue_number time received_at level title event";
const ISSUE: &str = "id number project status level title culprit platform first_seen last_seen seen_count \
    last_event user_count assignee severity is_regressed regression is_bookmarked review resolution ignore tags \
    comment_count";
/// Of a minidump, of an export, of Crashvault 1.
const IMPORTED: &str = "event_id issue_number is_new_issue is_known is_regression issue_count event_count known_count \
    attachment_count attachment_missing_count vault is_dry_run issues_new note_count events_new synthetic_count \
    decision_count attachments_new renumbered v1 number skipped path reason changed";
const EXPORTED: &str = "path format bytes issue_count event_count unreadable_count attachment_count \
    attachment_missing_count";
const REPORTED: &str = "destination is_dry_run end sent_count known_count refused_count refusals event_id reason at \
    passed_count attachment_count attachment_left_out_count sent_bytes waiting_count next_try_at trouble pauses";
const COLLECTED: &str = "attachments_removed texts_removed stacks_removed dictionaries_removed \
    temporaries_removed bytes_freed archives_unreadable";

/// What the command can be asked for by name.
pub fn of(command: &Command) -> Known {
    match command {
        Command::Add(_) | Command::Note(_) | Command::Report(_) => Known::words(ADDED),
        Command::Attach(_) => Known::words(ATTACHED).and("issue_number"),
        Command::Resolve(_)
        | Command::Reopen(_)
        | Command::Ignore(_)
        | Command::Assign(_)
        | Command::Comment(_)
        | Command::Undo(_)
        | Command::SetStatus(_)
        | Command::SetSeverity(_)
        | Command::SetTitle(_)
        | Command::Batch(_) => Known::words(DECIDED),
        Command::Purge(_) => Known::words("purged id number title event_count"),
        Command::Kill(_) => Known::words("issues_removed events_removed bytes_freed"),
        Command::Import(_) => Known::words(IMPORTED),
        Command::Symbols(symbols) => match &symbols.command {
            SymbolsCommand::Add(_) => Known::words("added file kind id path bytes is_known"),
        },
        Command::Init(_) | Command::Setup(_) => Known::words("path is_new"),
        Command::Config(config) => match &config.command {
            ConfigCommand::Set { .. } | ConfigCommand::Unset { .. } => {
                Known::words("key value source")
            }
            _ => Known::Answer,
        },
        Command::Webhook(webhook) => match &webhook.command {
            WebhookCommand::Add { .. }
            | WebhookCommand::Enable { .. }
            | WebhookCommand::Disable { .. } => Known::words("webhook"),
            WebhookCommand::Remove { .. } => Known::words("removed"),
            _ => Known::Answer,
        },
        Command::Notify(_) => Known::words("event_id issue_number program"),
        Command::Rebuild(_) => Known::words("event_count issue_count is_same differences"),
        Command::Prune(_) => {
            Known::words("events_removed attachments_removed bytes_freed is_dry_run")
        }
        Command::Gc(_) => Known::words(COLLECTED),
        Command::ReportTo(_) => Known::words(REPORTED),
        Command::Serve(_) => Known::words("address dsn project"),
        Command::Archive(archive) if archive.list => Known::Answer,
        Command::Archive(_) => Known::words("path issue_count event_count bytes"),
        Command::Restore(_) => Known::words("issue_count event_count known_count is_removed"),
        Command::Export(export) if file_of(export.output.as_deref()).is_some() => {
            Known::words(EXPORTED)
        }
        Command::Export(_) => Known::Nothing("what `export` writes to stdout is the file itself"),
        Command::Wrap(_) => Known::Nothing("`wrap` leaves stdout to the command that it runs"),
        other => of_others(other),
    }
}

/// Those that change nothing in a vault, but write or start something elsewhere, or never end.
fn of_others(command: &Command) -> Known {
    match command {
        Command::Tail(_) => Known::words(FOUND_EVENT),
        Command::Search(search) => of_search(search),
        Command::Searches(searches) => match &searches.command {
            Some(SearchesCommand::Remove(_)) => Known::words("name query"),
            None => Known::Answer,
        },
        Command::Doctor(Doctor {
            rescue: Some(file), ..
        }) => match file_of(Some(file)) {
            Some(_) => Known::words("vault path event_count incomplete_count unreadable_count"),
            None => Known::Nothing("the answer of `doctor --rescue -` is the events alone"),
        },
        Command::Attachment(attachment) => match &attachment.command {
            crate::args::AttachmentCommand::Get(get) => match get.output.as_deref() {
                Some(path) if file_of(Some(path)).is_none() => {
                    Known::Nothing("what `attachment get` writes to stdout is the file itself")
                }
                _ => Known::words(ATTACHED).and("path"),
            },
            crate::args::AttachmentCommand::List(_) => Known::Answer,
        },
        Command::Open(_) => Known::words("frame function file path line column in_app is_changed"),
        Command::Completion(_) => Known::words("shell path script"),
        Command::Man(_) => Known::words("pages name path text"),
        Command::Demo(_) => Known::words(ISSUE)
            .and("vault programs kind exit_code captures issues event_count throttled_count"),
        Command::List(_) => Known::words(ISSUE).and("vault waiting_count total next issues"),
        _ => Known::Answer,
    }
}

fn of_search(search: &Search) -> Known {
    match search.save {
        Some(_) => Known::words("name query replaced"),
        None => Known::Answer,
    }
}
