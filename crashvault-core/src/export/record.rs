//! Records ↔ JSON, one object for each, under the name of its kind: what archives and exports are made of
//! (docs/archive.md).

use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Level};
use crate::issue::{Activity, ActivityId, Comparison, IssueId, Join, VariantKey};
use crate::store::{
    Attachment, Record, Residue, StoredEvent, attachment_line, attachment_name, hex,
};
use crate::time::Timestamp;

/// `{"KIND": {…}}`.
pub(crate) fn to_value(record: &Record) -> Value {
    match record {
        Record::Issue {
            number,
            id,
            project,
        } => {
            json!({"issue": {"number": number, "id": id.to_string(), "project": project}})
        }
        Record::Join { number, join } => json!({"join": join_value(*number, join)}),
        Record::Activity(activity) => json!({"activity": activity.to_value()}),
        Record::Event { project, stored } => {
            let mut line = around(project, stored);
            line.insert("body".into(), stored.event.to_value());
            Value::Object(Map::from_iter([("event".into(), Value::Object(line))]))
        }
        Record::Attachment(attachment) => json!({"attachment": {
            "id": attachment.id, "event": attachment.event.to_string(), "name": attachment.name,
            "content_type": attachment.content_type, "kind": attachment.kind, "hash": attachment.hash_hex(),
            "size_bytes": attachment.size_bytes, "added_at": attachment.added_at.to_string(),
        }}),
        Record::Residue(residue) => json!({"residue": {
            "issue": residue.issue.to_string(),
            "project": residue.variant.as_ref().map(|(project, _)| project),
            "variant": residue.variant.as_ref().map(|(_, variant)| variant.to_string()),
            "hour": residue.hour, "level": residue.level.name(), "count": residue.count,
            "first_seen": residue.first_seen.to_string(),
        }}),
        Record::Tombstone { event, removed_at } => json!({"tombstone": {
            "event": event.to_string(), "removed_at": removed_at.to_string(),
        }}),
    }
}

/// The same as text. The body of an event is written as it is, not made a tree of values first: that took more time than
/// all the rest.
pub(crate) fn to_text(record: &Record) -> Vec<u8> {
    let Record::Event { project, stored } = record else {
        return to_value(record).to_string().into_bytes();
    };
    let around = Value::Object(around(project, stored)).to_string();
    let mut text = br#"{"event":{"body":"#.to_vec();
    text.extend(stored.event.to_json());
    text.push(b',');
    text.extend(around.bytes().skip(1));
    text.push(b'}');
    text
}

/// What the store says of an event, beside its body.
fn around(project: &str, stored: &StoredEvent) -> Map<String, Value> {
    let fields = [
        ("issue", stored.issue.to_string().into()),
        ("number", stored.issue_number.into()),
        ("project", project.into()),
        ("variant", stored.variant.to_string().into()),
        ("ingest_sequence", stored.ingest_sequence.into()),
        ("received_at", stored.received_at.to_string().into()),
        ("process", hex(&stored.process).into()),
        ("sequence", stored.sequence.into()),
    ];
    Map::from_iter(fields.map(|(name, value): (&str, Value)| (name.to_owned(), value)))
}

fn join_value(number: u64, join: &Join) -> Value {
    let mut value = json!({
        "number": number, "issue": join.issue.to_string(), "project": join.project,
        "variant": join.variant.to_string(), "reason": join.reason, "parts": join.parts,
        "algorithm": join.algorithm, "joined_at": join.joined_at.to_string(),
    });
    if let Some(comparison) = &join.comparison {
        value["comparison"] = comparison.to_value();
    }
    value
}

/// # Errors
/// Corrupt for what is no record.
pub(crate) fn from_value(value: Value) -> Result<Record> {
    let Value::Object(line) = value else {
        return Err(broken("no record"));
    };
    let (kind, mut value) = line
        .into_iter()
        .next()
        .ok_or_else(|| broken("an empty record"))?;
    let body = value.get_mut("body").map(Value::take);
    let fields = Fields(&value);
    match kind.as_str() {
        "issue" => Ok(Record::Issue {
            number: fields.number("number")?,
            id: fields.parsed("id")?,
            project: fields.text("project")?.to_owned(),
        }),
        "join" => join(&fields),
        "activity" => activity(&value),
        "event" => event(&fields, body),
        "attachment" => attachment(&fields),
        "residue" => residue(&fields),
        "tombstone" => Ok(Record::Tombstone {
            event: fields.parsed("event")?,
            removed_at: fields.time("removed_at")?,
        }),
        other => Err(broken(&format!("a record of an unknown kind, '{other}'"))),
    }
}

/// Archives come from elsewhere too: what nobody could have decided here is refused.
fn activity(value: &Value) -> Result<Record> {
    let activity = Activity::from_value(value)?;
    activity.check()?;
    Ok(Record::Activity(activity))
}

fn join(fields: &Fields<'_>) -> Result<Record> {
    let (issue, variant): (IssueId, VariantKey) =
        (fields.parsed("issue")?, fields.parsed("variant")?);
    let mut join = Join::new(
        variant,
        issue,
        fields.text("project")?,
        fields.time("joined_at")?,
    );
    join.reason = fields.text("reason")?.to_owned();
    let parts = fields
        .0
        .get("parts")
        .and_then(Value::as_array)
        .ok_or_else(|| broken("parts"))?;
    join.parts = parts
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    join.algorithm = u32::try_from(fields.number("algorithm")?).map_err(|_| broken("algorithm"))?;
    let comparison = fields.0.get("comparison").filter(|value| !value.is_null());
    let comparison = comparison.map(Comparison::from_value).transpose();
    join.comparison = comparison.map_err(|_| broken("comparison"))?.map(Box::new);
    Ok(Record::Join {
        number: fields.number("number")?,
        join,
    })
}

fn event(fields: &Fields<'_>, body: Option<Value>) -> Result<Record> {
    let body: Map<String, Value> = match body {
        Some(Value::Object(body)) => body,
        _ => return Err(broken("an event without a body")),
    };
    let process: ActivityId = fields.parsed("process")?;
    Ok(Record::Event {
        project: fields.text("project")?.to_owned(),
        stored: Box::new(StoredEvent {
            event: Event::from_object(body),
            issue: fields.parsed("issue")?,
            issue_number: fields.number("number")?,
            variant: fields.parsed("variant")?,
            ingest_sequence: fields.number("ingest_sequence")?,
            received_at: fields.time("received_at")?,
            process: *process.as_bytes(),
            sequence: fields.number("sequence")?,
        }),
    })
}

fn attachment(fields: &Fields<'_>) -> Result<Record> {
    let hash = blake3::Hash::from_hex(fields.text("hash")?).map_err(|_| broken("hash"))?;
    Ok(Record::Attachment(Attachment {
        id: fields.number("id")?,
        event: fields.parsed("event")?,
        // Archives come from elsewhere too.
        name: attachment_name(fields.text("name")?).unwrap_or_else(|| "unnamed".into()),
        content_type: fields.text("content_type").ok().and_then(attachment_line),
        kind: attachment_name(fields.text("kind")?).unwrap_or_else(|| "event.attachment".into()),
        hash: *hash.as_bytes(),
        size_bytes: fields.number("size_bytes")?,
        added_at: fields.time("added_at")?,
    }))
}

fn residue(fields: &Fields<'_>) -> Result<Record> {
    let variant = match fields.text("project") {
        Ok(project) => Some((project.to_owned(), fields.parsed("variant")?)),
        Err(_) => None,
    };
    Ok(Record::Residue(Residue {
        issue: fields.parsed("issue")?,
        variant,
        hour: fields
            .0
            .get("hour")
            .and_then(Value::as_i64)
            .ok_or_else(|| broken("hour"))?,
        level: Level::from_name(fields.text("level")?).ok_or_else(|| broken("level"))?,
        count: fields.number("count")?,
        first_seen: fields.time("first_seen")?,
    }))
}

pub(crate) fn broken(what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "read record",
        format!("unreadable: {what}"),
    )
}

/// The fields of a JSON object; one that is missing or has another shape is told by its name.
pub(crate) struct Fields<'v>(pub(crate) &'v Value);

impl<'v> Fields<'v> {
    pub(crate) fn text(&self, name: &str) -> Result<&'v str> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| broken(name))
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64> {
        self.0
            .get(name)
            .and_then(Value::as_u64)
            .ok_or_else(|| broken(name))
    }

    pub(crate) fn parsed<T: FromStr>(&self, name: &str) -> Result<T> {
        self.text(name)?.parse().map_err(|_| broken(name))
    }

    pub(crate) fn time(&self, name: &str) -> Result<Timestamp> {
        Timestamp::parse(self.text(name)?).ok_or_else(|| broken(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_same_as_text_and_as_values() {
        let mut event = Event::from_json(br#"{"message": "a \"b\"", "zz": [1, null]}"#).unwrap();
        event.tags.insert("ort".into(), "K\u{f6}ln".into());
        let record = Record::Event {
            project: "shop \"x\"".into(),
            stored: Box::new(StoredEvent {
                event,
                issue: IssueId::from_bytes([1; 16]),
                issue_number: 7,
                variant: VariantKey::from_bytes([2; 16]),
                ingest_sequence: 9,
                received_at: Timestamp::from_nanos(1_000),
                process: [3; 16],
                sequence: 4,
            }),
        };
        let text = String::from_utf8(to_text(&record)).unwrap();
        assert_eq!(text, to_value(&record).to_string());
    }
}
