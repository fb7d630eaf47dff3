//! Activities and states ↔ JSON: one form for storing, for archives and for exchange.
//!
//! ```json
//! {"id": "32 hex digits", "vault": "32 hex digits", "author": "ada", "issue": "32 hex digits",
//!  "time": {"wall": "2026-01-05T10:00:00Z", "tick": 0}, "decided_at": "2026-01-05T10:00:00Z",
//!  "deed": {"kind": "resolve", "in": "now"}}
//! ```
//!
//! `decided_at` may be missing: then it is the time's `wall`.
//!
//! | deed | beside `kind` |
//! |---|---|
//! | `resolve` | `in`: `now`; `next_release` with `after`: a release or null; `release` with `release` |
//! | `ignore` | `until`: `forever`, `{"seen_count": n}`, `{"time": "…"}` or `{"day_count": n}` |
//! | `assign` | `to`: a name or null |
//! | `comment` | `text` |
//! | `tag` | `key`; `value`: a text or null |
//! | `set_title` | `title`: a text or null |
//! | `set_severity` | `severity`: a word or null |
//! | `bookmark` | `on`: true or false |
//! | `review` | `step`: `triage`, `assigned`, `fix`, `verify` or null |
//! | `move_event`, `regress`, `resume` | `event`: its id |
//! | `merge` | `issue`: its id |
//! | `unmerge` | `variant`: its key; `to`: an issue's id |
//! | `regroup` | `variant`: its key; `events`: a list of ids |
//! | `undo` | `activity`: its id |
//! | `reopen`, `tombstone` | nothing |
//!
//! What takes something away says null; a field of a deed is never left out. Fields beside these are not looked at.
//! A state leaves out whatever is as in an issue about which nothing was decided (`state.rs`).
//!
//! Never: judges the texts (`check.rs`), so that whatever was once recorded can be read; panics, whatever it is given.

mod fields;
mod state;

use serde_json::{Value, json};

use self::fields::Fields;
use super::{Activity, Deed, HybridTime, Ignore, Resolution, ReviewStep};
use crate::error::Error;
use crate::event::Object;

const READ: &str = "read activity";

impl Activity {
    /// As JSON; the form is stable and the same for storing, archives and exchange.
    pub fn to_value(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "vault": super::ActivityId::from_bytes(self.vault).to_string(),
            "author": self.author,
            "time": {"wall": self.time.wall.to_string(), "tick": self.time.tick},
            "decided_at": self.decided_at.to_string(),
            "issue": self.issue.to_string(),
            "deed": self.deed.to_value(),
        })
    }

    /// From the form of [`Activity::to_value`]. Its texts are not judged: for that, [`Activity::check`].
    ///
    /// # Errors
    /// As [`Deed::from_value`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let fields = Fields::of(value, READ)?;
        let time = fields.inner("time")?;
        let time = HybridTime {
            wall: time.required("wall")?,
            tick: time.required("tick")?,
        };
        Ok(Self {
            id: fields.required("id")?,
            vault: fields.required("vault")?,
            author: fields.required("author")?,
            time,
            decided_at: fields.optional("decided_at")?.unwrap_or(time.wall),
            issue: fields.required("issue")?,
            deed: deed(&fields.inner("deed")?)?,
        })
    }
}

impl Deed {
    /// As JSON: its [`kind`](Deed::kind) and what belongs to it; the form is stable.
    ///
    /// ```
    /// use crashvault::issue::Deed;
    /// let value = Deed::Assign(Some("ada".into())).to_value();
    /// assert_eq!(value.to_string(), r#"{"kind":"assign","to":"ada"}"#);
    /// assert_eq!(Deed::from_value(&value).unwrap().kind(), "assign");
    /// ```
    pub fn to_value(&self) -> Value {
        let mut value = match self {
            Self::Resolve(resolution) => resolution_value(resolution),
            Self::Ignore(ignore) => json!({"until": ignore_value(ignore)}),
            Self::Assign(to) => json!({"to": to}),
            Self::Comment(text) => json!({"text": text}),
            Self::Tag { key, value } => json!({"key": key, "value": value}),
            Self::SetTitle(title) => json!({"title": title}),
            Self::SetSeverity(severity) => json!({"severity": severity}),
            Self::Bookmark(is_set) => json!({"on": is_set}),
            Self::Review(step) => json!({"step": step.map(ReviewStep::name)}),
            Self::MoveEvent(event) | Self::Regress(event) | Self::Resume(event) => {
                json!({"event": event.to_string()})
            }
            Self::Merge(issue) => json!({"issue": issue.to_string()}),
            Self::Unmerge { variant, to } => {
                json!({"variant": variant.to_string(), "to": to.to_string()})
            }
            Self::Regroup { variant, events } => {
                let events = events.iter().map(ToString::to_string);
                json!({"variant": variant.to_string(), "events": events.collect::<Vec<_>>()})
            }
            Self::Undo(activity) => json!({"activity": activity.to_string()}),
            Self::Reopen | Self::Tombstone => Value::Object(Object::new()),
        };
        value["kind"] = self.kind().into();
        value
    }

    /// From the form of [`Deed::to_value`]. Its texts are not judged: for that, [`Deed::check`].
    ///
    /// # Errors
    /// InvalidInput naming the field that is missing or does not hold what it must; Unsupported naming the kind, or
    /// another word, that this version does not know.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        deed(&Fields::of(value, READ)?)
    }
}

fn deed(fields: &Fields<'_>) -> Result<Deed, Error> {
    let kind: String = fields.required("kind")?;
    Ok(match kind.as_str() {
        "resolve" => Deed::Resolve(resolution(fields)?),
        "reopen" => Deed::Reopen,
        "ignore" => Deed::Ignore(ignore(fields, "until")?),
        "assign" => Deed::Assign(fields.nullable("to")?),
        "comment" => Deed::Comment(fields.required("text")?),
        "tag" => Deed::Tag {
            key: fields.required("key")?,
            value: fields.nullable("value")?,
        },
        "set_title" => Deed::SetTitle(fields.nullable("title")?),
        "set_severity" => Deed::SetSeverity(fields.nullable("severity")?),
        "bookmark" => Deed::Bookmark(fields.required("on")?),
        "review" => Deed::Review(step(fields, "step", fields.nullable("step")?)?),
        "move_event" => Deed::MoveEvent(fields.required("event")?),
        "merge" => Deed::Merge(fields.required("issue")?),
        "unmerge" => Deed::Unmerge {
            variant: fields.required("variant")?,
            to: fields.required("to")?,
        },
        "regroup" => Deed::Regroup {
            variant: fields.required("variant")?,
            events: fields.required("events")?,
        },
        "tombstone" => Deed::Tombstone,
        "regress" => Deed::Regress(fields.required("event")?),
        "resume" => Deed::Resume(fields.required("event")?),
        "undo" => Deed::Undo(fields.required("activity")?),
        unknown => return Err(fields.unknown("kind", unknown)),
    })
}

fn resolution_value(resolution: &Resolution) -> Value {
    match resolution {
        Resolution::Now => json!({"in": "now"}),
        Resolution::NextRelease(after) => json!({"in": "next_release", "after": after}),
        Resolution::Release(release) => json!({"in": "release", "release": release}),
    }
}

fn resolution(fields: &Fields<'_>) -> Result<Resolution, Error> {
    let word: String = fields.required("in")?;
    Ok(match word.as_str() {
        "now" => Resolution::Now,
        "next_release" => Resolution::NextRelease(fields.nullable("after")?),
        "release" => Resolution::Release(fields.required("release")?),
        unknown => return Err(fields.unknown("in", unknown)),
    })
}

fn ignore_value(ignore: &Ignore) -> Value {
    match ignore {
        Ignore::Forever => "forever".into(),
        Ignore::UntilSeenCount(count) => json!({"seen_count": count}),
        Ignore::UntilTime(time) => json!({"time": time.to_string()}),
        Ignore::UntilDayCount(count) => json!({"day_count": count}),
    }
}

fn ignore(fields: &Fields<'_>, name: &str) -> Result<Ignore, Error> {
    if let Ok(word) = fields.required::<String>(name) {
        return match word.as_str() {
            "forever" => Ok(Ignore::Forever),
            unknown => Err(fields.unknown(name, unknown)),
        };
    }
    let expected = "'forever' or an object with one of seen_count, time, day_count";
    let until = fields
        .inner(name)
        .map_err(|_| fields.wrong(name, expected))?;
    let mut names = until.names();
    let (Some(only), None) = (names.next(), names.next()) else {
        return Err(fields.wrong(name, expected));
    };
    Ok(match only {
        "seen_count" => Ignore::UntilSeenCount(until.required(only)?),
        "time" => Ignore::UntilTime(until.required(only)?),
        "day_count" => Ignore::UntilDayCount(until.required(only)?),
        unknown => return Err(fields.unknown(name, unknown)),
    })
}

fn step(
    fields: &Fields<'_>,
    name: &str,
    word: Option<String>,
) -> Result<Option<ReviewStep>, Error> {
    let read =
        |word: String| ReviewStep::from_name(&word).ok_or_else(|| fields.unknown(name, &word));
    word.map(read).transpose()
}

#[cfg(test)]
mod tests;
