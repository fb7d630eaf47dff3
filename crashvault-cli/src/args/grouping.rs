//! The words of the commands about why events are one issue, and what issues have in common.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};
use crashvault::IssueRef;

use super::values::{issue, limit};
use super::{Period, Wait};

/// Try the rules of grouping on an event
#[derive(Debug, Group)]
pub struct GroupRules {
    #[command(subcommand)]
    pub command: GroupRulesCommand,
}

#[derive(Debug, Subcommand)]
pub enum GroupRulesCommand {
    Test(TestRules),
}

/// Tell which rule fits an event, why the others do not, and where it would come to
#[derive(Debug, Group)]
#[command(after_help = "\
The rules are the [[group.rule]] of the vault's vault.toml; `crashvault docs grouping` tells what they
can say. Shown are each rule with what of it does not fit, the key that the event has without rules
and with them, and the issue that it would come to, were it new. Nothing is changed: events that are
in the vault stay where they are. Exit code 1 if a rule is wrong.

JSON: event_id (null of a file), issue_number (where it is now), rules (id, is_deciding, misses: field,
patterns, values), before and after (reason, parts, variant, is_known, issue_number: null if it would
found an issue, title, comparison), faults

Examples:
  crashvault group-rules test 01980d5e9c4a7a23b1f0c2d4e6f80912
  crashvault group-rules test 7 --rules new-rules.toml    the newest event of issue #7
  crashvault show 7 --json | jq '.events[0]' | crashvault group-rules test -")]
pub struct TestRules {
    /// The id of an event, an issue (its newest event), a file that holds an event as JSON, or `-` for stdin
    pub event: String,
    /// Try the rules of this file instead, which has the form of vault.toml
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    #[command(flatten)]
    pub wait: Wait,
}

/// Find what several issues have in common that may be their one cause
#[derive(Debug, Group)]
#[command(after_help = "\
Looks at the issues that fit the query (at most 2,000, the one seen last first) for a function, a
module, a release or the value of a tag that several of them have and the other issues of their
project have not. What the same issues share is one candidate. The best come first, by a score from 0
to 1 that compares candidates: more issues, a rarer fact, a function further in, failures that look
more different. `lift` is how much commoner the fact is in these issues than in all.

In a pipe one line per fact of a candidate, with tabs between: candidate, score, kind, key, value,
issues, share among them, share among the others, lift, numbers of the issues.

JSON: vault, waiting_count, issue_count, is_cut, causes (score, project, facts: kind, key, value,
score, issue_count, project_count, share_inside, share_outside, lift; issues: id, number, title,
seen_count, first_seen, last_seen)

Examples:
  crashvault causes
  crashvault causes is:unresolved --since 7d --limit 3
  crashvault causes --json | jq '.causes[0].facts'")]
pub struct Causes {
    /// Only issues that fit; `crashvault search --help` tells what a query can say
    pub query: Vec<String>,
    /// At most so many candidates
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = limit)]
    pub limit: u32,
    #[command(flatten)]
    pub period: Period,
    #[command(flatten)]
    pub wait: Wait,
}

/// Tell why events are in their issue
#[derive(Debug, Group)]
#[command(after_help = "\
Of an issue each of its variants is told, in the order they joined; of an event its variant: what
decided, and what was compared then. `+` marks a function that both have, `-` one that only the new
variant has, `~` one that only the known one has; the number is its weight. `crashvault docs grouping`
tells how that works.

JSON: issue, issue_number, event, variants (variant, issue, issue_number, reason, parts, algorithm,
joined_at, verdict: kind (rule, exact, similar, founded); of rule: id; of similar and founded:
is_joined, score_min, support_min, nearest (issue, issue_number, variant, score, support, parts: name,
likeness, weight; functions and functions_missing: name, weight, is_matched), runner_up (issue,
issue_number, variant, score, support))

Examples:
  crashvault why 7
  crashvault why 01980d5e9c4a7a23b1f0c2d4e6f80912   the event with this id
  crashvault why 7 --json | jq '.variants[].verdict.kind'")]
pub struct WhyIssue {
    /// The issue's number (7 or #7), its id or the start of it, or the id of an event
    #[arg(value_name = "ISSUE", value_parser = issue)]
    pub issue: IssueRef,
    #[command(flatten)]
    pub wait: Wait,
}
