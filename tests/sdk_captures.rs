//! Events that real SDKs sent go through the event model and lose nothing.
//!
//! "Nothing lost" is meant strictly: every leaf of what was sent stands at the same path of what is written, equal
//! but for the quirks in [`RULES`] and in docs/event.md ("Reading what others send"). And what is written reads as
//! the same event again.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crashvault::{Event, Timestamp};
use crashvault_tests::{repository, skip};
use serde_json::{Map, Value, json};

/// How a leaf may look different and still be the same.
#[derive(Clone, Copy)]
enum Rule {
    /// Hex digits, with or without hyphens.
    Id,
    /// The same moment within a microsecond.
    Time,
    /// The same number, hexadecimal or not.
    Address,
    /// A number, flag or JSON as its text.
    Text,
}

/// Where leaves may look different; `*` is one step. Every other leaf is exactly equal.
const RULES: &[(&str, Rule)] = &[
    ("event_id", Rule::Id),
    ("timestamp", Rule::Time),
    ("breadcrumbs/*/timestamp", Rule::Time),
    (
        "exception/*/stacktrace/frames/*/instruction_addr",
        Rule::Address,
    ),
    (
        "threads/*/stacktrace/frames/*/instruction_addr",
        Rule::Address,
    ),
    ("debug_meta/images/*/image_addr", Rule::Address),
    ("exception/*/thread_id", Rule::Text),
    ("exception/*/value", Rule::Text),
    ("threads/*/id", Rule::Text),
    ("tags/*", Rule::Text),
    ("user/id", Rule::Text),
];

/// Lists that may stand alone or under `values`.
const LISTS: &[&str] = &["exception", "threads", "breadcrumbs"];

#[test]
fn the_corpus_loses_nothing() {
    let directory = repository().join("tests/corpus/sentry-events");
    let files = files_of(&directory, "json");
    assert!(files.len() >= 12, "{} files", files.len());
    let losses: Vec<String> = files
        .iter()
        .flat_map(|file| losses(&name_of(file), &fs::read(file).unwrap()))
        .collect();
    assert!(losses.is_empty(), "{}", losses.join("\n"));
}

/// The whole set of recorded requests is large and lies beside the repository where it is at hand.
#[test]
fn every_recorded_request_loses_nothing() {
    let directory = repository().join("../shared/sdk-captures");
    if !directory.is_dir() {
        return skip(
            "every_recorded_request_loses_nothing",
            "the recorded requests are not beside the repository",
        );
    }
    let mut count = 0;
    let mut lost = Vec::new();
    for sdk in fs::read_dir(&directory)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        for file in files_of(&sdk.path(), "bin") {
            let (body, listed) = decoded(&file);
            let events = events_of(&body);
            assert_eq!(events.len(), listed, "{}", file.display());
            count += listed;
            lost.extend(
                events
                    .iter()
                    .flat_map(|event| losses(&name_of(&file), event)),
            );
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
    assert!(count >= 50, "only {count} events were found");
}

fn files_of(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    files
}

fn name_of(file: &Path) -> String {
    let parts: Vec<_> = file
        .iter()
        .rev()
        .take(2)
        .map(|part| part.to_string_lossy())
        .collect();
    format!("{}/{}", parts[1], parts[0])
}

/// The body of a recorded request, decoded, and how many events its neighbour `.json` lists.
fn decoded(file: &Path) -> (Vec<u8>, usize) {
    let about: Value =
        serde_json::from_slice(&fs::read(file.with_extension("json")).unwrap()).unwrap();
    let body = fs::read(file).unwrap();
    let mut decoded = Vec::new();
    match about["content_encoding"].as_str() {
        Some("br") => {
            brotli_decompressor::Decompressor::new(&body[..], 4096).read_to_end(&mut decoded)
        }
        Some("gzip") => flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut decoded),
        _ => (&body[..]).read_to_end(&mut decoded),
    }
    .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let items = about["items"]
        .as_array()
        .expect("each request lists its items");
    let listed = items
        .iter()
        .filter(|item| item["header"]["type"] == "event")
        .count();
    (decoded, listed)
}

/// The payloads of an envelope's `event` items. An item's length may be left out; then it ends with its line.
fn events_of(envelope: &[u8]) -> Vec<&[u8]> {
    let mut events = Vec::new();
    let (_, mut rest) = line_of(envelope);
    while !rest.is_empty() {
        let (head, behind) = line_of(rest);
        rest = behind;
        if head.is_empty() {
            continue;
        }
        let head: Value = serde_json::from_slice(head).expect("an item's head is JSON");
        let payload = match head["length"].as_u64() {
            Some(length) => {
                let (payload, behind) = rest.split_at(length as usize);
                rest = behind;
                payload
            }
            None => {
                let (payload, behind) = line_of(rest);
                rest = behind;
                payload
            }
        };
        if head["type"] == "event" {
            events.push(payload);
        }
    }
    events
}

fn line_of(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

/// What an event loses on its way through the model, one sentence each.
fn losses(name: &str, json: &[u8]) -> Vec<String> {
    let original: Value =
        serde_json::from_slice(json).unwrap_or_else(|error| panic!("{name}: {error}"));
    let event = Event::from_json(json).unwrap_or_else(|error| panic!("{name}: {error}"));
    let written = event.to_value();
    let mut lost = Vec::new();
    compare(&mut Vec::new(), &original, Some(&written), &mut lost);
    let again =
        Event::from_json(&event.to_json()).unwrap_or_else(|error| panic!("{name}: {error}"));
    if again != event || again.to_value() != written {
        lost.push("a second reading differs".into());
    }
    if !event.flaws.is_empty() {
        lost.push(format!("flaws: {:?}", event.flaws));
    }
    lost.iter().map(|loss| format!("{name}: {loss}")).collect()
}

fn compare(
    path: &mut Vec<String>,
    original: &Value,
    written: Option<&Value>,
    lost: &mut Vec<String>,
) {
    let (original, written) = (
        unwrapped(path, original),
        written.map(|value| unwrapped(path, value)),
    );
    match (&original, &written) {
        // Nothing is in them, so nothing can be lost.
        (Value::Null, _) => {}
        (Value::Object(map), _) if map.is_empty() => {}
        (Value::Array(items), _) if items.is_empty() => {}
        (Value::Object(map), Some(Value::Object(found))) => {
            for (key, value) in map {
                step(path, key, value, found.get(key), lost);
            }
        }
        (Value::Array(items), Some(Value::Array(found))) => {
            for (index, value) in items.iter().enumerate() {
                step(path, &index.to_string(), value, found.get(index), lost);
            }
        }
        (leaf, Some(found)) if is_same(path, leaf, found) => {}
        (leaf, found) => lost.push(format!("{}: {leaf} became {found:?}", path.join("/"))),
    }
}

fn step(
    path: &mut Vec<String>,
    key: &str,
    value: &Value,
    found: Option<&Value>,
    lost: &mut Vec<String>,
) {
    path.push(key.to_owned());
    compare(path, value, found, lost);
    path.pop();
}

/// One shape for what may have several: lists under `values` or alone, pairs as an object or as a list.
fn unwrapped(path: &[String], value: &Value) -> Value {
    let [key] = path else {
        return value.clone();
    };
    match value {
        Value::Object(map) if LISTS.contains(&key.as_str()) => match map.get("values") {
            Some(values) => values.clone(),
            None => json!([value]),
        },
        Value::Array(pairs) if key == "tags" => {
            let pairs = pairs.iter().map(|pair| {
                (
                    pair[0].as_str().unwrap_or_default().to_owned(),
                    pair[1].clone(),
                )
            });
            Value::Object(Map::from_iter(pairs))
        }
        other => other.clone(),
    }
}

fn is_same(path: &[String], original: &Value, written: &Value) -> bool {
    let fits = |pattern: &str| {
        let steps: Vec<&str> = pattern.split('/').collect();
        steps.len() == path.len()
            && steps
                .iter()
                .zip(path)
                .all(|(step, key)| *step == "*" || step == key)
    };
    let rule = RULES
        .iter()
        .find(|(pattern, _)| fits(pattern))
        .map(|(_, rule)| *rule);
    match rule {
        None => original == written,
        Some(Rule::Id) => {
            plain_text(original).replace('-', "").to_lowercase() == plain_text(written)
        }
        Some(Rule::Time) => match (instant(original), instant(written)) {
            (Some(sent), Some(kept)) => (sent.as_nanos() - kept.as_nanos()).abs() <= 1_000,
            _ => false,
        },
        Some(Rule::Address) => address(original).is_some_and(|sent| address(written) == Some(sent)),
        Some(Rule::Text) => written.as_str() == Some(plain_text(original).as_str()),
    }
}

fn plain_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => Timestamp::from_secs_f64(number.as_f64()?),
        other => Timestamp::parse(other.as_str()?),
    }
}

fn address(value: &Value) -> Option<u64> {
    match value.as_str() {
        Some(text) => u64::from_str_radix(text.strip_prefix("0x")?, 16).ok(),
        None => value.as_u64(),
    }
}

// The comparison itself must be able to see a loss.

fn check(original: Value, written: Value, losses: usize) {
    let mut lost = Vec::new();
    compare(&mut Vec::new(), &original, Some(&written), &mut lost);
    assert_eq!(lost.len(), losses, "{lost:?}");
}

#[test]
fn a_missing_changed_or_shortened_leaf_is_a_loss() {
    check(json!({"a": {"b": 1}}), json!({"a": {}}), 1);
    check(json!({"a": {"b": 1}}), json!({"a": {"b": "1"}}), 1);
    check(json!({"a": [1, 2]}), json!({"a": [1]}), 1);
    check(json!({"a": "x"}), json!({"a": {"x": 1}}), 1);
}

#[test]
fn quirks_are_allowed_only_in_their_places() {
    check(json!({"tags": {"n": 5}}), json!({"tags": {"n": "5"}}), 0);
    check(json!({"extra": {"n": 5}}), json!({"extra": {"n": "5"}}), 1);
    check(
        json!({"timestamp": 1.5}),
        json!({"timestamp": "1970-01-01T00:00:01.5Z"}),
        0,
    );
    check(
        json!({"timestamp": 1.5}),
        json!({"timestamp": "1970-01-01T00:00:01.6Z"}),
        1,
    );
    check(
        json!({"exception": [{"type": "A"}]}),
        json!({"exception": {"values": [{"type": "A"}]}}),
        0,
    );
    check(
        json!({"exception": [{"type": "A"}]}),
        json!({"exception": {"values": [{"type": "B"}]}}),
        1,
    );
}
