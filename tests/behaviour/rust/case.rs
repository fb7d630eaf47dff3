//! Case files → [`Case`], with generated values made and the steps split into runs.

use std::fs;
use std::path::{Path, PathBuf};

use crashvault_tests::repository;
use serde_json::{Value, json};

pub struct Case {
    pub title: String,
    pub needs: Vec<String>,
    pub vault_toml: Option<String>,
    pub errors: Value,
    pub hooks: Value,
    pub installs: bool,
    pub runs: Vec<Run>,
    pub expect: Value,
}

/// What one process does.
#[derive(Clone)]
pub struct Run {
    pub clock: String,
    pub options: Value,
    pub steps: Vec<Value>,
}

/// All case files, by topic and name.
pub fn all() -> Vec<PathBuf> {
    let mut files = crashvault_tests::files_below(&repository().join("tests/behaviour"));
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    assert!(!files.is_empty(), "there are no cases");
    files
}

pub fn name_of(path: &Path) -> String {
    let topic = path.parent().and_then(Path::file_name).unwrap_or_default();
    format!(
        "{}/{}",
        topic.to_string_lossy(),
        path.file_stem().unwrap_or_default().to_string_lossy()
    )
}

impl Case {
    pub fn read(path: &Path) -> Self {
        let broken = |what: &str| -> ! { panic!("{}: {what}", path.display()) };
        let text = fs::read(path).unwrap_or_else(|error| broken(&error.to_string()));
        let mut case: Value =
            serde_json::from_slice(&text).unwrap_or_else(|error| broken(&error.to_string()));
        generate(&mut case);
        only_keys(path, &case, &["title", "needs", "given", "steps", "expect"]);
        let given = &case["given"];
        only_keys(
            path,
            given,
            &[
                "clock",
                "options",
                "hooks",
                "errors",
                "vault_toml",
                "install",
            ],
        );
        let steps = case["steps"]
            .as_array()
            .cloned()
            .unwrap_or_else(|| broken("steps is a list"));
        let first = Run {
            clock: given["clock"]
                .as_str()
                .unwrap_or("2026-01-05T10:00:00Z")
                .to_owned(),
            options: or_empty(&given["options"]),
            steps: Vec::new(),
        };
        let needs = case["needs"]
            .as_array()
            .unwrap_or_else(|| broken("needs is a list"));
        Self {
            title: case["title"]
                .as_str()
                .unwrap_or_else(|| broken("title is a text"))
                .to_owned(),
            needs: needs
                .iter()
                .filter_map(|need| Some(need.as_str()?.to_owned()))
                .collect(),
            vault_toml: given["vault_toml"].as_str().map(str::to_owned),
            errors: given["errors"].clone(),
            hooks: given["hooks"].clone(),
            installs: given["install"] != json!(false),
            runs: split(first, steps),
            expect: case["expect"].clone(),
        }
    }
}

/// A key that no runner knows would be a check that nobody makes.
pub fn only_keys(path: &Path, object: &Value, known: &[&str]) {
    let keys = object.as_object().into_iter().flat_map(|map| map.keys());
    for key in keys {
        assert!(
            known.contains(&key.as_str()),
            "{}: `{key}` is not in the schema",
            path.display()
        );
    }
}

fn or_empty(value: &Value) -> Value {
    if value.is_null() {
        json!({})
    } else {
        value.clone()
    }
}

/// Each `reopen` ends a run; the next one starts with the options and clock that it names, else with the same.
fn split(first: Run, steps: Vec<Value>) -> Vec<Run> {
    let mut runs = vec![first];
    for step in steps {
        let run = runs.last_mut().expect("there is always a run");
        let Some(reopen) = step.get("reopen") else {
            run.steps.push(step);
            continue;
        };
        let mut next = Run {
            steps: Vec::new(),
            ..run.clone()
        };
        if let Some(clock) = reopen["clock"].as_str() {
            next.clock = clock.to_owned();
        }
        if let Some(options) = reopen["options"].as_object() {
            options
                .iter()
                .for_each(|(key, value)| next.options[key] = value.clone());
        }
        runs.push(next);
    }
    runs
}

/// Whether the program dies of these steps; a panic in a thread ends that thread alone.
pub fn ends_in_panic(steps: &[Value]) -> bool {
    let inner = |step: &Value| {
        ["with_scope", "repeat"].iter().any(|verb| {
            step[verb]["steps"]
                .as_array()
                .is_some_and(|steps| ends_in_panic(steps))
        })
    };
    steps
        .iter()
        .any(|step| step.get("panic").is_some() || inner(step))
}

/// What a built event is that does not say its platform.
const PLATFORM: &str = "other";

/// Makes the values that would be too long to write, `{"$repeat": [text, times]}` and `{"$nest": [value, depth]}`, and
/// those that languages have of their own.
fn generate(value: &mut Value) {
    if *value == "$platform" {
        *value = PLATFORM.into();
    } else if let Some(arguments) = value.get("$repeat") {
        let times = arguments[1].as_u64().expect("$repeat: [text, times]") as usize;
        *value = arguments[0]
            .as_str()
            .expect("$repeat: [text, times]")
            .repeat(times)
            .into();
    } else if let Some(arguments) = value.get("$nest") {
        let depth = arguments[1].as_u64().expect("$nest: [value, depth]");
        *value = (0..depth).fold(arguments[0].clone(), |inner, _| json!([inner]));
    } else if let Some(map) = value.as_object_mut() {
        map.values_mut().for_each(generate);
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(generate);
    }
}

/// Puts the number of the pass in the place of `{n}`.
pub fn numbered(value: &Value, pass: u64) -> Value {
    match value {
        Value::String(text) => text.replace("{n}", &pass.to_string()).into(),
        Value::Array(items) => items.iter().map(|item| numbered(item, pass)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), numbered(value, pass)))
            .collect(),
        other => other.clone(),
    }
}
