//! A vault after the steps, and what the case expects of it → what is not so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crashvault::{Issue, IssueFilter, StoredEvent, Vault};
use serde_json::{Value, json};

use crate::case::only_keys;

const KEYS: &[&str] = &[
    "issues",
    "event_count",
    "events",
    "events_lack",
    "returned",
    "counts",
    "journal_has",
    "journal_lacks",
];

/// Drains the vault and compares; at the end drains the same journal once more, which must change nothing.
pub fn check(expect: &Value, home: &Path, returned: &BTreeMap<String, String>) -> Vec<String> {
    only_keys(home, expect, KEYS);
    let mut faults = Faults::default();
    let journal = Journal::read(home);
    faults.journal(expect, &journal);
    let mut vault = Vault::open(home).expect("the vault opens");
    vault.drain_all().expect("the vault drains");
    let seen = Seen::read(&vault);
    faults.returned(expect, returned);
    faults.issues(expect, &seen);
    faults.events(expect, &seen, returned);
    faults.counts(expect, &vault);
    journal.put_back();
    let again = vault.drain_all().expect("the vault drains again");
    let is_read_again = seen.events.is_empty() || again.events_known > 0;
    if !is_read_again || again.events_new != 0 || Seen::read(&vault) != seen {
        faults.0.push(format!(
            "draining the same journal again must find it and change nothing: {again:?}"
        ));
    }
    faults.0
}

/// The journal's files as they lie before the drain.
struct Journal(Vec<(PathBuf, Vec<u8>)>);

impl Journal {
    fn read(home: &Path) -> Self {
        let entries = fs::read_dir(home.join("journal"))
            .into_iter()
            .flatten()
            .flatten();
        Self(
            entries
                .map(|entry| {
                    (
                        entry.path(),
                        fs::read(entry.path()).expect("the file can be read"),
                    )
                })
                .collect(),
        )
    }

    fn contains(&self, text: &str) -> bool {
        self.0.iter().any(|(_, bytes)| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
    }

    fn put_back(&self) {
        for (path, bytes) in &self.0 {
            fs::write(path, bytes).expect("the file can be written");
        }
    }
}

/// What a vault shows: issues by number, events in the order they came in.
#[derive(PartialEq)]
struct Seen {
    issues: Vec<(Issue, String)>,
    events: Vec<StoredEvent>,
}

impl Seen {
    fn read(vault: &Vault) -> Self {
        let filter = IssueFilter::default().limit(10_000);
        let mut issues = vault.issues(&filter).expect("the vault lists its issues");
        issues.sort_by_key(|issue| issue.number);
        let events = issues.iter().flat_map(|issue| {
            vault
                .events(&issue.id, usize::MAX)
                .expect("the issue has events")
        });
        let mut events: Vec<StoredEvent> = events.collect();
        events.sort_by_key(|event| event.ingest_sequence);
        let reason = |issue: &Issue| {
            vault.joins(&issue.id).expect("each issue has a join")[0]
                .reason
                .clone()
        };
        let issues = issues
            .into_iter()
            .map(|issue| (issue.clone(), reason(&issue)))
            .collect();
        Self { issues, events }
    }
}

fn issue_json((issue, reason): &(Issue, String)) -> Value {
    json!({
        "number": issue.number,
        "title": issue.title,
        "culprit": issue.culprit,
        "level": issue.level.name(),
        "status": issue.status.name(),
        "project": issue.project,
        "platform": issue.platform,
        "seen_count": issue.seen_count,
        "first_seen": issue.first_seen.to_string(),
        "last_seen": issue.last_seen.to_string(),
        "reason": reason,
    })
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn journal(&mut self, expect: &Value, journal: &Journal) {
        for (key, wanted) in [("journal_has", true), ("journal_lacks", false)] {
            for text in texts(&expect[key]).filter(|text| journal.contains(text) != wanted) {
                self.0.push(format!("{key}: {text}"));
            }
        }
    }

    fn returned(&mut self, expect: &Value, returned: &BTreeMap<String, String>) {
        for (label, wanted) in expect["returned"].as_object().into_iter().flatten() {
            let found = returned.get(label).map_or("nothing", String::as_str);
            let is_nil = !found.bytes().any(|byte| byte != b'0');
            let is_as_wanted = match wanted.as_str() {
                Some("nil") => is_nil,
                Some("id") => found.len() == 32 && !is_nil,
                other => other == Some(found),
            };
            if !is_as_wanted {
                self.0
                    .push(format!("{label} returned {found}, expected {wanted}"));
            }
        }
    }

    fn issues(&mut self, expect: &Value, seen: &Seen) {
        let wanted = match &expect["issues"] {
            Value::Array(issues) => issues.as_slice(),
            Value::Number(count) if count.as_u64() == Some(seen.issues.len() as u64) => return,
            _ => &[],
        };
        let found: Vec<Value> = seen.issues.iter().map(issue_json).collect();
        if wanted.len() != found.len() {
            let titles: Vec<&Value> = found.iter().map(|issue| &issue["title"]).collect();
            return self.0.push(format!(
                "{} issues, expected {}: {titles:?}",
                found.len(),
                expect["issues"]
            ));
        }
        for (index, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
            for (key, matcher) in wanted.as_object().into_iter().flatten() {
                self.compare(
                    &format!("issue {} {key}", index + 1),
                    found.get(key),
                    matcher,
                );
            }
        }
    }

    fn events(&mut self, expect: &Value, seen: &Seen, returned: &BTreeMap<String, String>) {
        let count = seen.events.len() as u64;
        if expect["event_count"].as_u64() != Some(count) {
            self.0.push(format!(
                "{count} events, expected {}",
                expect["event_count"]
            ));
        }
        let events: Vec<Value> = seen
            .events
            .iter()
            .map(|stored| stored.event.to_value())
            .collect();
        for wanted in expect["events"].as_array().into_iter().flatten() {
            let found = match &wanted["event"] {
                Value::String(label) => events.iter().find(|event| {
                    event["event_id"].as_str() == returned.get(label).map(String::as_str)
                }),
                index => index.as_u64().and_then(|index| events.get(index as usize)),
            };
            let Some(found) = found else {
                self.0
                    .push(format!("there is no event {}", wanted["event"]));
                continue;
            };
            for (pointer, matcher) in wanted["has"].as_object().into_iter().flatten() {
                self.compare(
                    &format!("event {} {pointer}", wanted["event"]),
                    at(found, pointer),
                    matcher,
                );
            }
        }
        for text in texts(&expect["events_lack"]) {
            if events.iter().any(|event| event.to_string().contains(text)) {
                self.0.push(format!("events_lack: {text}"));
            }
        }
    }

    fn counts(&mut self, expect: &Value, vault: &Vault) {
        let status = vault.status().expect("the vault has a status");
        let counts = json!({
            "throttled": status.throttled_count,
            "sampled": status.sampled_count,
            "refused": status.refused_count,
            "lost": status.lost_count,
            "torn": status.torn_count,
        });
        for (key, matcher) in expect["counts"].as_object().into_iter().flatten() {
            self.compare(&format!("count {key}"), counts.get(key), matcher);
        }
    }

    fn compare(&mut self, what: &str, found: Option<&Value>, matcher: &Value) {
        if !matches(found, matcher) {
            let found = found.map_or("nothing".into(), Value::to_string);
            let shown: String = found.chars().take(600).collect();
            self.0.push(format!("{what}: {shown}, expected {matcher}"));
        }
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// A JSON pointer, in which a negative number counts from a list's end: `-1` is the last.
fn at<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    pointer.split('/').skip(1).try_fold(value, |value, step| {
        let from_end = step
            .strip_prefix('-')
            .and_then(|number| number.parse().ok());
        match (value, from_end) {
            (Value::Array(items), Some(from_end)) => items.get(items.len().checked_sub(from_end)?),
            _ => value.pointer(&format!("/{step}")),
        }
    })
}

/// A value stands for itself, an object with one of these keys for a looser wish.
fn matches(found: Option<&Value>, matcher: &Value) -> bool {
    let loose = matcher
        .as_object()
        .filter(|map| map.len() == 1)
        .and_then(|map| map.iter().next());
    let Some((wish, argument)) = loose else {
        return found == Some(matcher);
    };
    let text = |fits: fn(&str, &str) -> bool| {
        found
            .and_then(Value::as_str)
            .is_some_and(|found| fits(found, argument.as_str().expect("the wish is a text")))
    };
    let length = || match found? {
        Value::String(text) => Some(text.len() as u64),
        Value::Array(items) => Some(items.len() as u64),
        Value::Object(map) => Some(map.len() as u64),
        _ => None,
    };
    let size = |fits: fn(u64, u64) -> bool| {
        length()
            .is_some_and(|length| fits(length, argument.as_u64().expect("the wish is a number")))
    };
    match wish.as_str() {
        "equals" => found == Some(argument),
        "absent" => found.is_none() == (*argument == true),
        "contains" => text(|found, wanted| found.contains(wanted)),
        "lacks" => text(|found, wanted| !found.contains(wanted)),
        "starts_with" => text(|found, wanted| found.starts_with(wanted)),
        "ends_with" => text(|found, wanted| found.ends_with(wanted)),
        "length" => size(|found, wanted| found == wanted),
        "length_min" => size(|found, wanted| found >= wanted),
        "length_max" => size(|found, wanted| found <= wanted),
        other => panic!("the schema knows no wish {other}"),
    }
}
