//! Enters: one event. Leaves: its tags, user, request, contexts, free data and notes, compactly.

use crashvault::event::Object;
use crashvault::{Event, User};
use serde_json::Value;

use super::Page;
use crate::output::visible;

/// What of Crashvault's own context is shown elsewhere.
const OWN_SHOWN_ELSEWHERE: &[&str] = &["project", "stack", "flaws"];

/// Everything around the failure that the event tells.
pub fn surroundings(page: &mut Page, event: &Event) {
    section(page, "Tags", tags(event));
    section(
        page,
        "User",
        event.user.as_ref().map(user).unwrap_or_default(),
    );
    section(
        page,
        "Request",
        event
            .request
            .as_ref()
            .map(|map| object_rows(page, map))
            .unwrap_or_default(),
    );
    let contexts = contexts(page, &event.contexts);
    section(page, "Contexts", contexts);
    let extra = object_rows(page, &event.extra);
    section(page, "Details", extra);
    let notes: Vec<(String, String)> = event
        .flaws
        .iter()
        .map(|flaw| (visible(&flaw.field).into_owned(), page.value(&flaw.reason)))
        .collect();
    section(page, "Notes on what was broken or cut", notes);
}

fn section(page: &mut Page, heading: &str, rows: Vec<(String, String)>) {
    if !rows.is_empty() {
        page.heading(heading);
        page.rows(&rows);
    }
}

fn tags(event: &Event) -> Vec<(String, String)> {
    let own = event.tags.iter().map(|(key, value)| (&**key, &**value));
    let logger = event.logger.as_deref().map(|name| ("logger", name));
    let transaction = event
        .transaction
        .as_deref()
        .map(|name| ("transaction", name));
    own.chain(logger)
        .chain(transaction)
        .map(|(key, value)| (visible(key).into_owned(), visible(value).into_owned()))
        .collect()
}

fn user(user: &User) -> Vec<(String, String)> {
    let named = [
        ("id", &user.id),
        ("username", &user.username),
        ("email", &user.email),
        ("address", &user.ip_address),
    ];
    let named = named.into_iter().filter_map(|(key, value)| {
        let value = value.as_deref()?;
        Some((key.to_owned(), visible(value).into_owned()))
    });
    let other = user
        .other
        .iter()
        .map(|(key, value)| (visible(key).into_owned(), compact(value)));
    named.chain(other).collect()
}

fn contexts(page: &Page, contexts: &Object) -> Vec<(String, String)> {
    let rows = contexts.iter().filter_map(|(name, value)| {
        let text = match value {
            Value::Object(map) => {
                let is_own = name == "crashvault";
                let shown = map.iter().filter(|(key, value)| {
                    let is_elsewhere = is_own && OWN_SHOWN_ELSEWHERE.contains(&key.as_str());
                    let repeats_name = *key == "type" && *value == name;
                    !is_elsewhere && !repeats_name && !value.is_null()
                });
                let shown: Vec<String> = shown.map(pair).collect();
                shown.join(", ")
            }
            value => compact(value),
        };
        (!text.is_empty()).then(|| (visible(name).into_owned(), page.value(&text)))
    });
    rows.collect()
}

fn object_rows(page: &Page, map: &Object) -> Vec<(String, String)> {
    map.iter()
        .map(|(key, value)| {
            let text = match value {
                Value::String(text) => page.value(text),
                value => page.value(&compact(value)),
            };
            (visible(key).into_owned(), text)
        })
        .collect()
}

/// `{a: 1, b: [x, y]}`: for people, so texts have no quotation marks.
pub fn compact(value: &Value) -> String {
    match value {
        Value::String(text) => visible(text).into_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(compact).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => compact_object(map),
        plain => plain.to_string(),
    }
}

pub fn compact_object(map: &Object) -> String {
    let pairs: Vec<String> = map.iter().map(pair).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn pair((key, value): (&String, &Value)) -> String {
    format!("{}: {}", visible(key), compact(value))
}
