//! A decision step → the vault's own function for it.

use crashvault::{
    Activity, Deed, EventId, IgnoreUntil, IssueRef, Resolution, Result, ReviewStep, Timestamp,
    Vault,
};
use serde_json::Value;

use crate::steps::{number, text};

/// Steps that are done on the vault, not on the scope or the journal.
pub const VERBS: &[&str] = &[
    "assign",
    "bookmark",
    "comment",
    "ignore",
    "move_event",
    "reopen_issue",
    "resolve",
    "review",
    "set_severity",
    "set_title",
    "tag",
    "tombstone",
    "undo",
];

/// Does it, and holds it to how the step says that it ends.
pub fn decide(vault: &mut Vault, verb: &str, argument: &Value, event: impl Fn(&Value) -> EventId) {
    let issue = IssueRef::Number(number(&argument["issue"]));
    let result = match verb {
        "resolve" => vault.resolve(&issue, resolution(&argument["in"])),
        "reopen_issue" => vault.reopen(&issue),
        "ignore" => vault.ignore(&issue, until(&argument["until"])),
        "assign" => vault.assign(&issue, argument["to"].as_str()),
        "comment" => vault.comment(&issue, text(&argument["text"])),
        "undo" => vault.undo(&issue).map(|(_, undo)| undo),
        _ => vault.decide(&issue, deed(verb, argument, event)),
    };
    compare(verb, argument, result);
}

fn compare(verb: &str, argument: &Value, result: Result<Activity>) {
    let kind = result.as_ref().err().map(|error| error.kind().name());
    assert_eq!(
        kind,
        argument["fails"].as_str(),
        "{verb} {argument}: {result:?}"
    );
}

fn deed(verb: &str, argument: &Value, event: impl Fn(&Value) -> EventId) -> Deed {
    let optional = |key: &str| argument[key].as_str().map(str::to_owned);
    match verb {
        "tag" => Deed::Tag {
            key: text(&argument["key"]).to_owned(),
            value: optional("value"),
        },
        "set_title" => Deed::SetTitle(optional("title")),
        "set_severity" => Deed::SetSeverity(optional("severity")),
        "bookmark" => Deed::Bookmark(argument["on"] == true),
        "review" => Deed::Review(
            optional("step").map(|name| ReviewStep::from_name(&name).expect("a step of a review")),
        ),
        "move_event" => Deed::MoveEvent(event(&argument["event"])),
        "tombstone" => Deed::Tombstone,
        other => panic!("the schema knows no decision {other}"),
    }
}

fn resolution(value: &Value) -> Resolution {
    match value {
        Value::Null => Resolution::Now,
        Value::String(word) if word == "next_release" => Resolution::NextRelease(None),
        other => Resolution::Release(text(&other["release"]).to_owned()),
    }
}

fn until(value: &Value) -> IgnoreUntil {
    match value {
        Value::Null => IgnoreUntil::Reopened,
        Value::String(word) if word == "grown" => IgnoreUntil::Grown,
        other if other.get("time").is_some() => {
            IgnoreUntil::Time(Timestamp::parse(text(&other["time"])).expect("an RFC 3339 time"))
        }
        other => IgnoreUntil::SeenAgain(number(&other["seen_again"])),
    }
}
