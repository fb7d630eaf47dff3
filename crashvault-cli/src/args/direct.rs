//! Enters: words. Leaves: [`Args`], of a definition that holds one command alone: that of all of them takes longer to
//! build than most commands take to answer.
//!
//! Never: says what is wrong. Words that are not understood here are read again with all commands, which knows the help
//! and the names that were meant.

use std::ffi::OsString;

use super::*;

/// What a command's definition gets from its options.
type Define = fn(clap::Command) -> clap::Command;

/// The commands, with what else they are called. One that is missing is only slower.
const COMMANDS: &[(&str, &[&str], Define)] = &[
    ("demo", &[], Demo::augment_args),
    ("init", &[], Init::augment_args),
    ("setup", &[], Setup::augment_args),
    ("path", &[], Where::augment_args),
    ("docs", &[], Docs::augment_args),
    ("autolog", &[], Autolog::augment_args),
    ("add", &["new"], Add::augment_args),
    ("note", &[], Note::augment_args),
    ("report", &[], Report::augment_args),
    ("attach", &[], Attach::augment_args),
    ("attachment", &[], Attachment::augment_args),
    ("wrap", &[], Wrap::augment_args),
    ("import", &[], Import::augment_args),
    ("symbols", &[], Symbols::augment_args),
    ("list", &["ls"], List::augment_args),
    ("show", &["sh"], Show::augment_args),
    ("search", &[], Search::augment_args),
    ("searches", &[], Searches::augment_args),
    ("events", &[], Events::augment_args),
    ("tail", &[], Tail::augment_args),
    ("stats", &[], Stats::augment_args),
    ("diagnose", &[], Diagnose::augment_args),
    ("open", &[], Open::augment_args),
    ("group", &[], GroupTraces::augment_args),
    ("parse", &[], Parse::augment_args),
    ("group-rules", &[], GroupRules::augment_args),
    ("why", &[], WhyIssue::augment_args),
    ("causes", &[], Causes::augment_args),
    ("resolve", &[], Resolve::augment_args),
    ("reopen", &[], Reopen::augment_args),
    ("ignore", &[], Ignore::augment_args),
    ("assign", &[], Assign::augment_args),
    ("comment", &[], Comment::augment_args),
    ("undo", &[], Undo::augment_args),
    ("merge", &[], Merge::augment_args),
    ("unmerge", &[], Unmerge::augment_args),
    ("move", &[], Move::augment_args),
    ("related", &[], Related::augment_args),
    ("regroup", &[], Regroup::augment_args),
    ("set-status", &["st"], SetStatus::augment_args),
    ("set-severity", &[], SetSeverity::augment_args),
    ("set-title", &["title"], SetTitle::augment_args),
    ("batch", &[], Batch::augment_args),
    ("purge", &["rm"], Purge::augment_args),
    ("kill", &[], Kill::augment_args),
    ("config", &[], Config::augment_args),
    ("webhook", &[], Webhook::augment_args),
    ("notify", &[], Notify::augment_args),
    ("status", &[], Status::augment_args),
    ("doctor", &[], Doctor::augment_args),
    ("rebuild", &[], Rebuild::augment_args),
    ("prune", &[], Prune::augment_args),
    ("gc", &[], Gc::augment_args),
    ("archive", &[], Archive::augment_args),
    ("restore", &[], Restore::augment_args),
    ("encrypt", &[], Encrypt::augment_args),
    ("decrypt", &[], Decrypt::augment_args),
    ("completion", &[], Completion::augment_args),
    ("man", &[], Man::augment_args),
    ("plugins", &[], Plugins::augment_args),
    ("export", &[], Export::augment_args),
    ("share", &[], Share::augment_args),
    ("generate-report", &[], GenerateReport::augment_args),
    ("report-to", &[], ReportTo::augment_args),
    ("serve", &[], Serve::augment_args),
];

/// The words as they are meant, where they name a command and are right.
pub fn parse(words: &[OsString]) -> Option<Args> {
    let asked = asked(words)?;
    let is_meant = |name: &str, others: &[&str]| name == asked || others.contains(&&*asked);
    let (name, others, define) = COMMANDS
        .iter()
        .find(|(name, others, _)| is_meant(name, others))?;
    let command = define(clap::Command::new(*name).aliases(*others));
    let matches = program().subcommand(command).try_get_matches_from(words);
    Args::from_arg_matches(&matches.ok()?).ok()
}

/// The first word that belongs to no option of every command.
fn asked(words: &[OsString]) -> Option<String> {
    let program = program().allow_external_subcommands(true);
    let matches = program.try_get_matches_from(words).ok()?;
    matches.subcommand_name().map(str::to_owned)
}

fn program() -> clap::Command {
    Global::augment_args(clap::Command::new("crashvault"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    /// What the words are with all commands known, and whether one alone is enough for that.
    fn check(line: &str, is_direct: bool) {
        let words = words(line);
        let long = super::super::parse_with_all(&words).ok();
        let direct = parse(&words);
        assert_eq!(direct.is_some(), is_direct, "{line}");
        if is_direct {
            assert_eq!(format!("{direct:?}"), format!("{long:?}"), "{line}");
        }
    }

    #[test]
    fn every_command_that_is_shown_is_known_with_its_other_names() {
        for command in command().get_subcommands().filter(|c| !c.is_hide_set()) {
            let name = command.get_name();
            let known = COMMANDS.iter().find(|(known, ..)| *known == name);
            let others = known.map(|(_, others, _)| *others);
            assert_eq!(
                others,
                Some(&*command.get_all_aliases().collect::<Vec<_>>()),
                "{name}"
            );
        }
    }

    #[test]
    fn one_definition_understands_what_all_do() {
        for line in [
            "crashvault path",
            "crashvault list",
            "crashvault ls --status open --sort count --limit 3",
            "crashvault --vault list show 7 --json=number",
            "crashvault show --event 01980d5e9c4a7a23b1f0c2d4e6f80912 7 -vv",
            "crashvault --color never search --events -- -is:unresolved timeout",
            "crashvault add failed --tag a=b --tag plain --context line=17 --quiet",
            "crashvault config set capture.sample_rate 0.5",
            "crashvault wrap --tag nightly -- make --json -v",
            "crashvault st 7 resolved",
            "crashvault export --format ndjson --output all.ndjson --force",
        ] {
            check(line, true);
        }
    }

    #[test]
    fn what_is_not_understood_is_left_to_all_commands() {
        for line in [
            "crashvault",
            "crashvault --help",
            "crashvault --version",
            "crashvault help list",
            "crashvault list --help",
            "crashvault lisst",
            "crashvault list --limmit 3",
            "crashvault -- list",
            "crashvault a-plugin --json",
            "crashvault --vault list",
        ] {
            check(line, false);
        }
    }
}
