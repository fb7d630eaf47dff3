//! One entry of `issues.json` → [`OldIssue`].

use serde_json::{Deserializer, Value};

use super::event::{tag, text_of};
use crate::event::Object;
use crate::group::LegacyFingerprint;
use crate::issue::Status;
use crate::time::Timestamp;

/// An issue as version 1 had it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OldIssue {
    pub(crate) fingerprint: LegacyFingerprint,
    /// Its number; not for itself alone after a purge.
    pub(crate) number: Option<i64>,
    pub(crate) title: String,
    pub(crate) status: Status,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) severity: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
}

/// The entries of a list, as far as it can be read, and what is wrong behind them.
pub(super) fn entries(bytes: &[u8]) -> (Vec<Value>, Option<String>) {
    if let Ok(Value::Array(values)) = crate::event::read_value(bytes) {
        return (values, None);
    }
    let mut values = Vec::new();
    let Some(mut rest) = bytes.trim_ascii_start().strip_prefix(b"[") else {
        return (values, Some("not a list of issues".into()));
    };
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        let mut stream = Deserializer::from_slice(rest).into_iter::<Value>();
        let reason = match stream.next() {
            Some(Ok(value)) => {
                values.push(value);
                rest = &rest[stream.byte_offset()..];
                continue;
            }
            _ if rest.starts_with(b"]") => "it goes on behind the end of its list".to_owned(),
            Some(Err(error)) => error.to_string(),
            None => "it ends in the middle".to_owned(),
        };
        let count = values.len();
        return (
            values,
            Some(format!("damaged behind {count} issues: {reason}")),
        );
    }
}

impl OldIssue {
    /// What an entry says, and what of it was not as it should be.
    pub(super) fn read(mut fields: Object) -> (Self, Vec<String>) {
        let mut odd = Vec::new();
        let title = match fields.remove("title") {
            Some(Value::String(title)) => title,
            other => {
                odd.push("has no title".to_owned());
                other.map(|value| text_of(&value)).unwrap_or_default()
            }
        };
        let number = fields.remove("id").as_ref().and_then(Value::as_i64);
        if number.is_none_or(|number| number < 1) {
            odd.push("has no number".to_owned());
        }
        let issue = Self {
            fingerprint: fingerprint(&mut fields, &title, &mut odd),
            number: number.filter(|number| *number > 0),
            title,
            status: status(&mut fields, &mut odd),
            created_at: time(&mut fields, "created_at", &mut odd),
            resolved_at: time(&mut fields, "resolved_at", &mut odd),
            severity: word(&mut fields, "severity", &mut odd),
            tags: tags(&mut fields, &mut odd),
        };
        let rest = fields
            .keys()
            .map(|key| format!("'{key}' is not known, and is left out"));
        odd.extend(rest);
        (issue, odd)
    }

    /// How people know it.
    pub(crate) fn name(&self) -> String {
        match self.number {
            Some(number) => format!("#{number}"),
            None => format!("the issue {}", self.fingerprint),
        }
    }
}

fn fingerprint(fields: &mut Object, title: &str, odd: &mut Vec<String>) -> LegacyFingerprint {
    let text = fields.remove("fingerprint");
    let known = text.as_ref().and_then(Value::as_str);
    known.and_then(LegacyFingerprint::parse).unwrap_or_else(|| {
        odd.push("has no fingerprint; that of its title is taken".to_owned());
        LegacyFingerprint::of(title)
    })
}

fn status(fields: &mut Object, odd: &mut Vec<String>) -> Status {
    let value = fields.remove("status");
    let known = value.as_ref().and_then(Value::as_str);
    known.and_then(Status::from_name).unwrap_or_else(|| {
        odd.push("has no status that is known; it is taken as open".to_owned());
        Status::Open
    })
}

fn time(fields: &mut Object, key: &str, odd: &mut Vec<String>) -> Option<Timestamp> {
    let text = word(fields, key, odd)?;
    let time = Timestamp::parse(&text);
    if time.is_none() {
        odd.push(format!("{key} is no time"));
    }
    time
}

fn word(fields: &mut Object, key: &str, odd: &mut Vec<String>) -> Option<String> {
    match fields.remove(key)? {
        Value::Null => None,
        Value::String(text) => Some(text).filter(|text| !text.trim().is_empty()),
        _ => {
            odd.push(format!("{key} is no text"));
            None
        }
    }
}

fn tags(fields: &mut Object, odd: &mut Vec<String>) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    match fields.remove("tags") {
        None | Some(Value::Null) => {}
        Some(Value::Array(values)) => {
            for value in values {
                match value.as_str().and_then(tag) {
                    Some(pair) => tags.push(pair),
                    None => odd.push(format!("{value} is no tag")),
                }
            }
        }
        Some(_) => odd.push("tags is no list".to_owned()),
    }
    tags
}
