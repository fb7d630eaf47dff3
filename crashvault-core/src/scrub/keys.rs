//! Enters: structured data. Leaves: it without the values that stand under forbidden keys, in all the shapes that
//! keys and values come in: objects, pairs, arguments, query strings, forms, JSON inside of texts.
//!
//! Never: decides what a secret inside of a free text looks like (`text.rs` does).

use serde_json::Value;

use super::ScrubRules;
use super::text::Manner;
use crate::event::limits::{CUT_MARK, FILTERED};
use crate::event::{Object, is_forbidden_key};

/// Nesting that is walked; the JSON reader stops at 128.
const DEPTH_MAX: usize = 160;

/// Replaces a value unless it is empty; counts it unless that was done before.
pub(super) fn filter(value: &mut Value) -> usize {
    let is_empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || text == FILTERED,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if is_empty {
        return 0;
    }
    *value = FILTERED.into();
    1
}

fn fold(key: &str) -> String {
    key.chars()
        .filter(|c| !matches!(c, '-' | '_' | '.' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

impl ScrubRules {
    /// Whether values under `key` must go.
    pub(super) fn forbids(&self, key: &str) -> bool {
        if self.extra_keys.is_empty() && self.keep_keys.is_empty() {
            return is_forbidden_key(key);
        }
        let folded = fold(key);
        if self.keep_keys.iter().any(|keep| fold(keep) == folded) {
            return false;
        }
        let is_extra = |extra: &String| {
            let extra = fold(extra);
            !extra.is_empty() && folded.contains(&extra)
        };
        is_forbidden_key(key) || self.extra_keys.iter().any(is_extra)
    }

    pub(super) fn object(&self, map: &mut Object) -> usize {
        self.entries(map, 0)
    }

    pub(super) fn value(&self, value: &mut Value) -> usize {
        self.walk(value, 0)
    }

    fn walk(&self, value: &mut Value, depth: usize) -> usize {
        if depth > DEPTH_MAX {
            *value = CUT_MARK.into();
            return 0;
        }
        match value {
            Value::String(text) => self.text(text, Manner::Prose),
            Value::Object(map) => self.entries(map, depth),
            Value::Array(items) => self.items(items, depth),
            _ => 0,
        }
    }

    fn entries(&self, map: &mut Object, depth: usize) -> usize {
        if let Some(value) = self.named_value(map) {
            return filter(value);
        }
        let mut count = 0;
        for (key, value) in map.iter_mut() {
            count += if self.forbids(key) {
                filter(value)
            } else if is_id(key) && value.is_string() {
                0
            } else {
                self.walk(value, depth + 1)
            };
        }
        count
    }

    /// `{"name": "Authorization", "value": "…"}`.
    fn named_value<'m>(&self, map: &'m mut Object) -> Option<&'m mut Value> {
        if !map.contains_key("value") {
            return None;
        }
        let name = map.get("name").or_else(|| map.get("key"))?.as_str()?;
        if self.forbids(name) {
            map.get_mut("value")
        } else {
            None
        }
    }

    fn items(&self, items: &mut [Value], depth: usize) -> usize {
        let mut count = 0;
        let mut is_secret_next = false;
        for item in items {
            let is_secret = std::mem::take(&mut is_secret_next);
            count += match item {
                Value::String(text) if is_secret && !text.starts_with('-') => filter(item),
                Value::String(text) => {
                    is_secret_next = self.is_secret_option(text);
                    self.text(text, Manner::Prose)
                }
                Value::Array(pair) => match pair.as_mut_slice() {
                    [Value::String(key), value] if self.forbids(key) => filter(value),
                    _ => self.walk(item, depth + 1),
                },
                _ => self.walk(item, depth + 1),
            };
        }
        count
    }

    /// `--password`, whose value is the next argument.
    fn is_secret_option(&self, argument: &str) -> bool {
        argument.starts_with('-') && !argument.contains('=') && self.forbids(argument)
    }

    /// `a=b&token=c`.
    pub(super) fn query(&self, query: &mut String) -> usize {
        let mut made = String::with_capacity(query.len());
        let mut count = 0;
        for part in query.split_inclusive(['&', ';']) {
            let pair = part.trim_end_matches(['&', ';']);
            match pair.split_once('=') {
                Some((key, value))
                    if !value.is_empty()
                        && value != FILTERED
                        && self.forbids(&decoded(key.trim_start_matches(['?', '#']))) =>
                {
                    made.push_str(key);
                    made.push('=');
                    made.push_str(FILTERED);
                    count += 1;
                }
                _ => made.push_str(pair),
            }
            made.push_str(&part[pair.len()..]);
        }
        if count > 0 {
            *query = made;
        }
        count + self.text(query, Manner::Prose)
    }

    /// A URL's query and fragment; what stands before them is searched like any text.
    pub(super) fn url(&self, url: &mut String) -> usize {
        let at = url.find(['?', '#']).unwrap_or(url.len());
        let tail = url.split_off(at);
        let (query, fragment) = match tail.find('#') {
            Some(at) => tail.split_at(at),
            None => (tail.as_str(), ""),
        };
        let mut count = 0;
        for part in [query, fragment] {
            let mut part = part.to_owned();
            count += self.query(&mut part);
            url.push_str(&part);
        }
        count + self.text(url, Manner::Prose)
    }

    /// A request's body: JSON, a form, or text. It is written anew only if something was replaced.
    pub(super) fn body(&self, body: &mut String) -> usize {
        if body.trim_start().starts_with(['{', '['])
            && let Ok(mut value) = serde_json::from_str::<Value>(body)
        {
            let count = self.value(&mut value);
            if count > 0 {
                *body = value.to_string();
            }
            return count;
        }
        if body.contains('=') && !body.contains(['\n', ' ', '"']) {
            return self.query(body);
        }
        self.text(body, Manner::Prose)
    }
}

/// Ids are never altered, whatever number they look like.
fn is_id(key: &str) -> bool {
    key == "id" || key.ends_with("_id") || key.ends_with("Id")
}

/// A query's key without `%xx`; bytes that are not ASCII do not matter for the comparison.
fn decoded(key: &str) -> std::borrow::Cow<'_, str> {
    if !key.contains('%') {
        return key.into();
    }
    let mut made = String::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        made.push(char::from(hex.unwrap_or(byte)));
        rest = &after[if hex.is_some() { 2 } else { 0 }..];
    }
    made.into()
}
