//! Enters: an event as it was received. Leaves: the same event without secrets: values under forbidden keys, and
//! what looks like a secret inside of texts, have become `[Filtered]`.
//!
//! Scrubbing twice is scrubbing once.
//!
//! Never: alters ids, times, addresses, or the names of functions, files, modules and packages; drops a key.

mod keys;
mod text;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::event::limits::FILTERED;
use crate::event::{Breadcrumb, Event, Exception, Flaw, Frame, LogEntry, Object, Stacktrace};
use text::Manner;

/// The key of Crashvault's own context that counts what was replaced.
const COUNT_KEY: &str = "scrubbed";

/// Unknown fields of the payload that hold names, versions and numbers only.
const PLAIN_FIELDS: &[&str] = &["modules", "debug_meta", "_meta", "measurements"];

/// What counts as a secret beside [`crate::event::FORBIDDEN_PARTS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScrubRules {
    /// Further parts of keys whose values are dropped; compared without case and separators.
    pub extra_keys: Vec<String>,
    /// Whole keys whose values are kept although they would be dropped (`max_tokens`).
    pub keep_keys: Vec<String>,
    /// Whether texts are searched for secrets too; on by default.
    pub patterns_enabled: bool,
}

impl Default for ScrubRules {
    fn default() -> Self {
        Self {
            extra_keys: Vec::new(),
            keep_keys: Vec::new(),
            patterns_enabled: true,
        }
    }
}

/// Replaces the secrets of an event; how many is added to `contexts.crashvault.scrubbed`.
pub(crate) fn scrub(event: &mut Event, rules: &ScrubRules) {
    let count = rules.event(event);
    if count > 0 {
        let before = event
            .contexts
            .get("crashvault")
            .and_then(|own| own.get(COUNT_KEY));
        let before = before.and_then(Value::as_u64).unwrap_or(0);
        event.set_own(COUNT_KEY, before.saturating_add(count as u64));
    }
}

/// Replaces the secrets of any JSON that was sent beside events; how many is the answer.
pub(crate) fn scrub_value(value: &mut Value, rules: &ScrubRules) -> usize {
    rules.value(value)
}

/// Each function gives the number of values it replaced.
impl ScrubRules {
    fn event(&self, event: &mut Event) -> usize {
        self.optional(&mut event.message)
            + event
                .logentry
                .as_mut()
                .map_or(0, |entry| self.logentry(entry))
            + self.each(&mut event.exceptions, Self::exception)
            + self.each(
                event
                    .threads
                    .iter_mut()
                    .filter_map(|t| t.stacktrace.as_mut()),
                Self::stack,
            )
            + self.each(event.threads.iter_mut().map(|t| &mut t.other), Self::object)
            + self.each(&mut event.breadcrumbs, Self::breadcrumb)
            + self.tags(&mut event.tags)
            + self.contexts(&mut event.contexts)
            + self.object(&mut event.extra)
            + event
                .user
                .as_mut()
                .map_or(0, |user| self.object(&mut user.other))
            + event
                .request
                .as_mut()
                .map_or(0, |request| self.request(request))
            + self.optional(&mut event.transaction)
            + self.each(&mut event.fingerprint, Self::prose)
            + self.unknown_fields(&mut event.other)
            + self.each(&mut event.flaws, Self::flaw)
    }

    fn each<T>(&self, items: impl IntoIterator<Item = T>, scrub: fn(&Self, T) -> usize) -> usize {
        items.into_iter().map(|item| scrub(self, item)).sum()
    }

    fn prose(&self, text: &mut String) -> usize {
        self.text(text, Manner::Prose)
    }

    fn optional(&self, text: &mut Option<String>) -> usize {
        text.as_mut().map_or(0, |text| self.prose(text))
    }

    /// A parameter that is gone from the finished text must go from the list of parameters too.
    fn logentry(&self, entry: &mut LogEntry) -> usize {
        let before = entry.formatted.clone().unwrap_or_default();
        let mut count = self.optional(&mut entry.message) + self.optional(&mut entry.formatted);
        let after = entry.formatted.as_deref().unwrap_or_default();
        let is_gone =
            |text: &str| !text.is_empty() && before.contains(text) && !after.contains(text);
        if let Some(params) = &mut entry.params {
            if before != after {
                count += filter_texts(params, &is_gone);
            }
            count += self.value(params);
        }
        count + self.object(&mut entry.other)
    }

    fn exception(&self, exception: &mut Exception) -> usize {
        let mechanism = exception.mechanism.as_mut();
        self.optional(&mut exception.value)
            + mechanism.map_or(0, |mechanism| self.object(&mut mechanism.other))
            + exception
                .stacktrace
                .as_mut()
                .map_or(0, |stack| self.stack(stack))
            + self.object(&mut exception.other)
    }

    fn stack(&self, stack: &mut Stacktrace) -> usize {
        self.each(&mut stack.frames, Self::frame)
    }

    fn frame(&self, frame: &mut Frame) -> usize {
        let vars = frame.other.get_mut("vars");
        let lines = frame
            .pre_context
            .iter_mut()
            .chain(&mut frame.context_line)
            .chain(&mut frame.post_context);
        vars.map_or(0, |vars| self.value(vars)) + self.lines(lines)
    }

    fn breadcrumb(&self, crumb: &mut Breadcrumb) -> usize {
        self.optional(&mut crumb.message)
            + self.object(&mut crumb.data)
            + self.object(&mut crumb.other)
    }

    fn tags(&self, tags: &mut BTreeMap<String, String>) -> usize {
        self.each(tags, |rules, (key, value)| {
            if !rules.forbids(key) {
                return rules.prose(value);
            }
            let is_secret = !value.is_empty() && value != FILTERED;
            if is_secret {
                *value = FILTERED.into();
            }
            usize::from(is_secret)
        })
    }

    /// The trace context is ids, but for its data.
    fn contexts(&self, contexts: &mut Object) -> usize {
        let trace = contexts.remove("trace");
        let mut count = self.object(contexts);
        if let Some(mut trace) = trace {
            count += trace.get_mut("data").map_or(0, |data| self.value(data));
            contexts.insert("trace".into(), trace);
        }
        count
    }

    fn request(&self, request: &mut Object) -> usize {
        let mut count = 0;
        for (key, value) in request.iter_mut() {
            count += match (key.as_str(), value) {
                ("url", Value::String(url)) => self.url(url),
                ("query_string" | "fragment", Value::String(query)) => self.query(query),
                ("data", Value::String(body)) => self.body(body),
                ("cookies", Value::Object(cookies)) => {
                    self.each(cookies.values_mut(), |_, value| keys::filter(value))
                }
                (key, value) if self.forbids(key) => keys::filter(value),
                (_, value) => self.value(value),
            };
        }
        count
    }

    fn unknown_fields(&self, fields: &mut Object) -> usize {
        let searched = fields
            .iter_mut()
            .filter(|(key, _)| !PLAIN_FIELDS.contains(&key.as_str()));
        self.each(searched, |rules, (key, value)| {
            if rules.forbids(key) {
                keys::filter(value)
            } else {
                rules.value(value)
            }
        })
    }

    /// What could not be read is as secret as it would have been.
    fn flaw(&self, flaw: &mut Flaw) -> usize {
        let is_forbidden = flaw.field.split('.').any(|part| self.forbids(part));
        flaw.value.as_mut().map_or(0, |value| {
            if is_forbidden {
                keys::filter(value)
            } else {
                self.value(value)
            }
        })
    }
}

fn filter_texts(value: &mut Value, is_secret: &dyn Fn(&str) -> bool) -> usize {
    match value {
        Value::String(text) if is_secret(text) => keys::filter(value),
        Value::Array(items) => items
            .iter_mut()
            .map(|item| filter_texts(item, is_secret))
            .sum(),
        Value::Object(map) => map
            .values_mut()
            .map(|item| filter_texts(item, is_secret))
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
