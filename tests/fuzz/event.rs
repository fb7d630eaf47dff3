//! Takes mutated foreign events through the whole walk, round after round: read, written and read again; scrubbed, grouped
//! and explained in a vault.
//!
//! No event panics or takes longer than its length allows; one that is written reads as itself; the same event twice is in
//! the same variant; what came out of the vault goes in again as it is; and the vault is what a rebuild makes of it.

use std::process::ExitCode;

use crashvault::{Event, EventId, FixedClock, Grouper, IssueRef, StoredEvent, VariantKey, Vault};
use crashvault_tests::fuzz::json::{Shuffler, printed};
use crashvault_tests::fuzz::{self, Folder, Mutator, Random, Target, literals};
use crashvault_tests::repository;
use serde_json::{Value, json};

/// What an event may grow to, in bytes.
const EVENT_BYTES_MAX: usize = 512 << 10;
/// Of a text that is put into one.
const TEXT_BYTES_MAX: usize = 128 << 10;
/// What is nested deeper may be cut when it is read again.
const NESTING_MAX: usize = 110;
/// Inputs that go into one vault.
const VAULT_INPUTS: u64 = 300;

fn main() -> ExitCode {
    fuzz::run::<Events>()
}

struct Events {
    shuffler: Shuffler,
    texts: Mutator,
    folder: Folder,
    /// With the number of inputs that went into it.
    vault: Option<(Vault, u64)>,
    grouper: Grouper,
    ids: u64,
}

impl Target for Events {
    const NAME: &'static str = "event";
    const MS_MIN: u128 = 250;
    const MS_PER_MB_MAX: u128 = 10_000;

    fn new(more: Vec<Vec<u8>>) -> Result<Self, String> {
        let corpus = repository().join("tests/corpus/sentry-events");
        let mut files = fuzz::files(&corpus, ".json");
        files.extend(more);
        let parsed = files.iter().map(|file| serde_json::from_slice(file));
        let mut donors: Vec<Value> = parsed.flatten().collect();
        if donors.is_empty() {
            return Err("tests/corpus holds no events".into());
        }
        let queried = repository().join("tests/behaviour/queries/events.jsonl");
        let queried = std::fs::read_to_string(queried).unwrap_or_default();
        donors.extend(queried.lines().flat_map(serde_json::from_str));
        let rooms = ["scrub", "group", "event", "trace"].iter();
        let words = rooms.flat_map(|room| literals::below(&format!("crashvault-core/src/{room}")));
        let words: Vec<String> = words.collect();
        let traces = fuzz::files(&repository().join("tests/traces"), ".txt");
        Ok(Self {
            shuffler: Shuffler::new(donors, words.clone()),
            texts: Mutator::of_literals(traces, words, TEXT_BYTES_MAX),
            folder: Folder::new("event")?,
            vault: None,
            grouper: Grouper::new(),
            ids: 0,
        })
    }

    fn make(&mut self, random: &mut Random) -> Vec<u8> {
        loop {
            let mut value = self.shuffler.value(random);
            if value.is_object() && random.once_in(2) {
                self.put_text(&mut value, random);
            }
            let mut json = printed(&value);
            if random.once_in(10) {
                self.texts.change(&mut json, random);
            }
            if json.len() <= EVENT_BYTES_MAX {
                return json;
            }
        }
    }

    fn attempt(&mut self, json: &[u8]) -> Result<u64, String> {
        let Ok(event) = Event::from_json(json) else {
            return Ok(0);
        };
        let written = event.to_json();
        let again = Event::from_json(&written)
            .map_err(|error| format!("it cannot be read as it was written: {error}"))?;
        let is_deep = is_deeper(&event.to_value(), NESTING_MAX);
        if again != event && !is_deep {
            let (one, other) = (event.to_value(), again.to_value());
            let differs = difference(&one, &other, "");
            return Err(format!("it reads otherwise as it was written: {differs}"));
        }
        self.renew()?;
        if self.grouper.add(&event) != self.grouper.add(&event) {
            return Err("the same event is in two issues".into());
        }
        let (first, variant) = self.added(event.clone())?;
        let (second, same) = self.added(event)?;
        if variant != same {
            return Err("the same event has two variants".into());
        }
        let (one, other) = (plain(&first.event), plain(&second.event));
        if one != other {
            let differs = difference(&one, &other, "");
            return Err(format!("the same event is kept in two ways: {differs}"));
        }
        let (third, same) = self.added(first.event.clone())?;
        let (one, other) = (plain(&first.event), plain(&third.event));
        if one != other && !is_deep {
            let differs = difference(&one, &other, "");
            return Err(format!("what was kept goes in otherwise: {differs}"));
        }
        if variant != same {
            return Err("what was kept has another variant".into());
        }
        Ok(1)
    }

    fn settle(&mut self) -> Result<(), String> {
        let Some((mut vault, _)) = self.vault.take() else {
            return Ok(());
        };
        let differences = vault.verify().map_err(|error| error.to_string())?;
        match differences.first() {
            None => Ok(()),
            Some(first) => Err(format!("a rebuild makes another vault: {first}")),
        }
    }
}

impl Events {
    /// Puts the text of a failure where SDKs and people put such texts.
    fn put_text(&self, event: &mut Value, random: &mut Random) {
        let text = self.texts.text(random);
        let text = String::from_utf8_lossy(&text).into_owned();
        match random.below(6) {
            0 => event["message"] = json!(text),
            1 => event["logentry"] = json!({"message": text, "formatted": text, "params": [text]}),
            2 => event["exception"] = json!({"type": "Error", "value": text}),
            3 => {
                event["exception"] =
                    json!({"values": [{"type": "Error", "value": "x", "stacktrace": text}]});
            }
            4 => event["stacktrace"] = json!(text),
            _ => event["threads"] = json!({"values": [{"id": 1, "stacktrace": text}]}),
        }
    }

    /// A vault that is not full, once the last one was looked over.
    fn renew(&mut self) -> Result<(), String> {
        if self
            .vault
            .as_ref()
            .is_some_and(|(_, count)| *count >= VAULT_INPUTS)
        {
            self.settle()?;
        }
        match &mut self.vault {
            Some((_, count)) => *count += 1,
            None => {
                let _ = std::fs::remove_dir_all(self.folder.path());
                let clock = FixedClock::at("2026-01-05T10:00:00Z").ok_or("no time")?;
                let vault = Vault::options().clock(clock).author("fuzz");
                let vault = vault.open(self.folder.path()).map_err(told)?;
                self.vault = Some((vault, 1));
                self.grouper = Grouper::new();
            }
        }
        Ok(())
    }

    /// What became of an event, and where it is; each time under another id.
    fn added(&mut self, mut event: Event) -> Result<(StoredEvent, VariantKey), String> {
        let Some((vault, _)) = &mut self.vault else {
            return Err("there is no vault".into());
        };
        self.ids += 1;
        let mut unique = [0; 10];
        unique[..8].copy_from_slice(&self.ids.to_be_bytes());
        event.event_id = EventId::v7(1_767_225_600_000, &unique);
        let added = vault.add(event).map_err(told)?;
        let why = vault.why_event(added.event_id).map_err(told)?;
        let issue = IssueRef::Number(added.issue_number);
        vault.why(&issue).map_err(told)?;
        vault.related(&issue).map_err(told)?;
        vault.values(&issue, 5).map_err(told)?;
        let stored = vault.event(added.event_id).map_err(told)?;
        let variant = why.variants.first().ok_or("nothing says why it is there")?;
        Ok((stored, variant.variant))
    }
}

/// Without what tells one event from another.
fn plain(event: &Event) -> Value {
    let mut value = event.to_value();
    if let Value::Object(map) = &mut value {
        map.remove("event_id");
    }
    value
}

fn told(error: crashvault::Error) -> String {
    error.to_string()
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else {
        return value.is_array() || value.is_object();
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, below)),
        Value::Object(map) => map.values().any(|item| is_deeper(item, below)),
        _ => false,
    }
}

/// The first place at which two values differ.
fn difference(one: &Value, other: &Value, path: &str) -> String {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys());
            let mut differing = keys.filter(|key| a.get(*key) != b.get(*key));
            match differing.next() {
                Some(key) => {
                    let none = Value::Null;
                    let (a, b) = (a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none));
                    difference(a, b, &format!("{path}/{key}"))
                }
                None => path.to_owned(),
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let differing = a.iter().zip(b).position(|(a, b)| a != b);
            differing.map_or_else(
                || path.to_owned(),
                |at| difference(&a[at], &b[at], &format!("{path}/{at}")),
            )
        }
        _ => {
            let shown = |value: &Value| value.to_string().chars().take(300).collect::<String>();
            format!("{path}: {} then {}", shown(one), shown(other))
        }
    }
}
