//! A state as JSON: what a store keeps so that it need not fold again.
//!
//! Fields have their names of [`IssueState`]; `resolution` and `ignore` are as in a deed. What is as in an issue about
//! which nothing was decided is left out, so that most states are `{}`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::Fields;
use super::{ignore, ignore_value, resolution, resolution_value, step};
use crate::error::Error;
use crate::event::Object;
use crate::issue::{IssueState, Status};

const READ: &str = "read issue state";

impl IssueState {
    /// As JSON; what is as in the default state is left out.
    ///
    /// ```
    /// use crashvault::issue::IssueState;
    /// assert_eq!(IssueState::default().to_value().to_string(), "{}");
    /// ```
    pub fn to_value(&self) -> Value {
        let mut object = Object::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        };
        let is_open = self.status == Status::Open;
        put("status", (!is_open).then(|| self.status.name().into()));
        put("resolution", self.resolution.as_ref().map(resolution_value));
        put("ignore", self.ignore.as_ref().map(ignore_value));
        put("since", self.since.map(|time| time.to_string().into()));
        put(
            "regression",
            self.regression.map(|event| event.to_string().into()),
        );
        put("assignee", self.assignee.as_deref().map(Into::into));
        put("title", self.title.as_deref().map(Into::into));
        put("severity", self.severity.as_deref().map(Into::into));
        put("tags", tags_value(&self.tags));
        put("is_bookmarked", self.is_bookmarked.then_some(true.into()));
        put("review", self.review.map(|step| step.name().into()));
        put(
            "comment_count",
            (self.comment_count > 0).then(|| self.comment_count.into()),
        );
        put("is_deleted", self.is_deleted.then_some(true.into()));
        Value::Object(object)
    }

    /// From the form of [`IssueState::to_value`].
    ///
    /// # Errors
    /// InvalidInput naming the field that does not hold what it must; Unsupported naming a word that this version does
    /// not know. In both cases the activities can be folded again.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let fields = Fields::of(value, READ)?;
        Ok(Self {
            status: status(&fields)?,
            resolution: match fields.has("resolution") {
                true => Some(resolution(&fields.inner("resolution")?)?),
                false => None,
            },
            ignore: match fields.has("ignore") {
                true => Some(ignore(&fields, "ignore")?),
                false => None,
            },
            since: fields.optional("since")?,
            regression: fields.optional("regression")?,
            assignee: fields.optional("assignee")?,
            title: fields.optional("title")?,
            severity: fields.optional("severity")?,
            tags: tags(&fields)?,
            is_bookmarked: fields.optional("is_bookmarked")?.unwrap_or_default(),
            review: step(&fields, "review", fields.optional("review")?)?,
            comment_count: fields.optional("comment_count")?.unwrap_or_default(),
            is_deleted: fields.optional("is_deleted")?.unwrap_or_default(),
        })
    }
}

fn status(fields: &Fields<'_>) -> Result<Status, Error> {
    match fields.optional::<String>("status")? {
        Some(word) => Status::from_name(&word).ok_or_else(|| fields.unknown("status", &word)),
        None => Ok(Status::Open),
    }
}

fn tags_value(tags: &BTreeMap<String, String>) -> Option<Value> {
    let pairs = tags
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().into()));
    (!tags.is_empty()).then(|| Value::Object(pairs.collect()))
}

fn tags(fields: &Fields<'_>) -> Result<BTreeMap<String, String>, Error> {
    if !fields.has("tags") {
        return Ok(BTreeMap::new());
    }
    let tags = fields.inner("tags")?;
    tags.names()
        .map(|key| Ok((key.to_owned(), tags.required(key)?)))
        .collect()
}
