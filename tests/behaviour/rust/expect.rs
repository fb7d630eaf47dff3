//! A vault after the steps, and what the case expects of it → what is not so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crashvault::{
    Activity, Issue, IssueFilter, IssueSort, Search, StoredEvent, Timestamp, ValueCount, Vault,
};
use serde_json::{Map, Value, json};

use crate::case::only_keys;
use crate::steps;

const KEYS: &[&str] = &[
    "issues",
    "event_count",
    "events",
    "events_lack",
    "returned",
    "counts",
    "journal_has",
    "journal_lacks",
    "searches",
];

/// Drains the vault and compares. At the end drains the same journal once more and makes derived state anew, which must
/// change nothing.
pub fn check(expect: &Value, home: &Path, work: &Path) -> Vec<String> {
    only_keys(home, expect, KEYS);
    let returned = steps::returned(work);
    let mut faults = Faults::default();
    let journal = Journal::read(home);
    faults.journal(expect, &journal);
    let options = Vault::options()
        .clock(steps::clock(work))
        .author("behaviour");
    let mut vault = options.open(home).expect("the vault opens");
    vault.drain_all().expect("the vault drains");
    let seen = Seen::read(&vault);
    faults.returned(expect, &returned);
    faults.issues(expect, &seen, &returned);
    faults.events(expect, &seen, &returned);
    faults.searches(expect, &vault, &returned);
    faults.counts(expect, &vault);
    faults.drained_again(&mut vault, &seen, &journal);
    faults.rebuilt(&mut vault, &seen);
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
    issues: Vec<SeenIssue>,
    events: Vec<StoredEvent>,
}

#[derive(PartialEq)]
struct SeenIssue {
    issue: Issue,
    /// Of its first join.
    reason: String,
    /// Of each join.
    verdicts: Vec<&'static str>,
    activities: Vec<Activity>,
    hours: Vec<(Timestamp, u64)>,
    values: Vec<ValueCount>,
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
        let issues = issues.into_iter();
        Self {
            issues: issues.map(|issue| SeenIssue::read(vault, issue)).collect(),
            events,
        }
    }
}

impl SeenIssue {
    fn read(vault: &Vault, issue: Issue) -> Self {
        let reference = format!("#{}", issue.number)
            .parse()
            .expect("a number names an issue");
        let joins = vault.joins(&issue.id).expect("the issue has joins");
        Self {
            reason: joins[0].reason.clone(),
            verdicts: {
                let why = vault.why(&reference).expect("the issue tells why");
                let variants = why.variants.iter();
                variants.map(|variant| variant.verdict.kind()).collect()
            },
            activities: vault
                .activities(&reference)
                .expect("the issue has activities"),
            hours: vault.hours(&reference).expect("the issue has hours"),
            values: vault
                .values(&reference, 1000)
                .expect("the issue has values"),
            issue,
        }
    }

    fn to_json(&self) -> Value {
        let issue = &self.issue;
        let mut shown = json!({
            "number": issue.number,
            "title": issue.title,
            "culprit": issue.culprit,
            "level": issue.level.name(),
            "status": issue.status.name(),
            "project": issue.project,
            "platform": issue.platform,
            "seen_count": issue.seen_count,
            "user_count": issue.user_count,
            "first_seen": issue.first_seen.to_string(),
            "last_seen": issue.last_seen.to_string(),
            "reason": self.reason,
            "verdicts": self.verdicts,
            "is_regressed": issue.state.regression.is_some(),
            "activity_kinds": self.activities.iter().map(|activity| activity.deed.kind()).collect::<Vec<_>>(),
            "hours": self.hours.iter().map(|(hour, count)| json!([hour.to_string(), count])).collect::<Vec<_>>(),
            "values": self.values_json(),
        });
        // What was decided is left out where nothing was; an own title is shown already.
        if let Value::Object(state) = issue.state.to_value() {
            let shown = shown.as_object_mut().expect("an object was written above");
            state.into_iter().for_each(|(key, value)| {
                shown.entry(key).or_insert(value);
            });
        }
        shown
    }

    fn values_json(&self) -> Value {
        let mut keys = Map::new();
        for value in &self.values {
            let key = match value.is_tag {
                true => format!("tags[{}]", value.key),
                false => value.key.clone(),
            };
            keys.entry(key).or_insert_with(|| json!({}))[&value.value] = value.count.into();
        }
        keys.into()
    }
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

    fn issues(&mut self, expect: &Value, seen: &Seen, returned: &BTreeMap<String, String>) {
        let wanted = match &expect["issues"] {
            Value::Array(issues) => issues.as_slice(),
            Value::Number(count) if count.as_u64() == Some(seen.issues.len() as u64) => return,
            _ => &[],
        };
        let found: Vec<Value> = seen.issues.iter().map(SeenIssue::to_json).collect();
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
                if key == "values" {
                    self.values(index + 1, &found[key], matcher);
                    continue;
                }
                let label = matcher.as_str().filter(|_| key == "regression");
                let id = label.map(|label| Value::from(returned.get(label).cloned()));
                self.compare(
                    &format!("issue {} {key}", index + 1),
                    found.get(key),
                    id.as_ref().unwrap_or(matcher),
                );
            }
        }
    }

    fn values(&mut self, number: usize, found: &Value, wanted: &Value) {
        for (key, matcher) in wanted.as_object().into_iter().flatten() {
            self.compare(&format!("issue {number} {key}"), found.get(key), matcher);
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
        let issue_of = |event: &Value| {
            let is_it =
                |stored: &&StoredEvent| event["event_id"] == stored.event.event_id.to_string();
            seen.events
                .iter()
                .find(is_it)
                .map(|stored| stored.issue_number.into())
        };
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
            if let Some(issue) = wanted.get("issue") {
                let what = format!("event {} issue", wanted["event"]);
                self.compare(&what, issue_of(found).as_ref(), issue);
            }
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

    fn searches(&mut self, expect: &Value, vault: &Vault, returned: &BTreeMap<String, String>) {
        for wanted in expect["searches"].as_array().into_iter().flatten() {
            only_keys(
                vault.directory(),
                wanted,
                &["query", "sort", "issues", "events", "fails"],
            );
            let query = wanted["query"].as_str().expect("a search has a query");
            let mut search = Search::new(query).limit(100);
            if let Some(name) = wanted["sort"].as_str() {
                search = search.sort(sort(name));
            }
            if let Some(issues) = wanted.get("issues") {
                let found = vault.search(&search).map(|found| {
                    let numbers = found.issues.iter().map(|issue| issue.number.into());
                    numbers.collect::<Vec<Value>>()
                });
                self.found(&format!("search {query}"), found, issues);
            }
            if let Some(events) = wanted.get("events") {
                let label = |stored: &StoredEvent| {
                    let id = stored.event.event_id.to_string();
                    let label = returned.iter().find(|(_, known)| **known == id);
                    Value::from(label.map(|(label, _)| label.as_str()))
                };
                let found = vault
                    .search_events(&search)
                    .map(|found| found.events.iter().map(label).collect());
                self.found(&format!("events of {query}"), found, events);
            }
            if let Some(kind) = wanted["fails"].as_str() {
                let found = vault
                    .search(&search)
                    .map_or_else(|e| e.kind().name(), |_| "nothing");
                if found != kind {
                    self.0.push(format!(
                        "search {query} fails with {found}, expected {kind}"
                    ));
                }
            }
        }
    }

    fn found(&mut self, what: &str, found: crashvault::Result<Vec<Value>>, wanted: &Value) {
        match found {
            Ok(found) => self.compare(what, Some(&Value::Array(found)), wanted),
            Err(error) => self.0.push(format!("{what}: {error}")),
        }
    }

    fn drained_again(&mut self, vault: &mut Vault, seen: &Seen, journal: &Journal) {
        journal.put_back();
        let again = vault.drain_all().expect("the vault drains again");
        let is_read_again = seen.events.is_empty() || again.events_known > 0;
        if !is_read_again || again.events_new != 0 || Seen::read(vault) != *seen {
            self.0.push(format!(
                "draining the same journal again must find it and change nothing: {again:?}"
            ));
        }
    }

    fn rebuilt(&mut self, vault: &mut Vault, seen: &Seen) {
        let differences = vault.verify().expect("the vault can be verified");
        self.0.extend(
            differences
                .into_iter()
                .map(|found| format!("verify: {found}")),
        );
        let before = dump(vault);
        vault.rebuild().expect("the vault can be rebuilt");
        if Seen::read(vault) != *seen || dump(vault) != before {
            self.0.push("a rebuild changed what is seen".into());
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

fn dump(vault: &Vault) -> Vec<u8> {
    let mut text = Vec::new();
    vault.dump(&mut text).expect("the vault can be written out");
    text
}

fn sort(name: &str) -> IssueSort {
    match name {
        "last_seen" => IssueSort::LastSeen,
        "first_seen" => IssueSort::FirstSeen,
        "seen_count" => IssueSort::SeenCount,
        "user_count" => IssueSort::UserCount,
        "number" => IssueSort::Number,
        other => panic!("the schema knows no order {other}"),
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
