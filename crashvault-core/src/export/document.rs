//! JSON in Crashvault 1's shape, `{version, exported_at, issues, events}`, with everything else beside: what v1's tools
//! read, and what brings all but the contents of attachments back.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::rc::Rc;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::lines::LINE_BYTES_MAX;
use super::{Counted, Item, Job, classic, put, record};
use crate::error::{Error, ErrorKind, Result};
use crate::issue::Issue;
use crate::store::{Record, StoredEvent};

/// The lists, in their order, with the kind of record that each holds.
const LISTS: [(&str, &str); 7] = [
    ("issues", "issue"),
    ("numbers", "issue"),
    ("joins", "join"),
    ("activities", "activity"),
    ("events", "event"),
    ("residues", "residue"),
    ("tombstones", "tombstone"),
];
const NUMBERS: usize = 1;
const EVENTS: usize = 4;

struct Writer<'w> {
    out: &'w mut dyn Write,
    /// The list that is open.
    list: usize,
    is_empty: bool,
    /// Issues without events: they have a number, and what was decided about them.
    hidden: Vec<Value>,
    /// The event that waits for its attachments.
    event: Option<(String, Vec<Value>)>,
}

pub(super) fn write(job: &Job<'_>, out: &mut dyn Write, counted: &mut Counted<'_>) -> Result<()> {
    let head = super::lines::head(job);
    let at = Value::from(job.at.to_string());
    let start = format!(
        "{{\"version\":1,\"exported_at\":{at},\"crashvault_export\":{},\"vault\":{},\"is_whole\":{},\n\"issues\":[",
        head["crashvault_export"], head["vault"], head["is_whole"]
    );
    put(out, &start)?;
    let mut writer = Writer {
        out,
        list: 0,
        is_empty: true,
        hidden: Vec::new(),
        event: None,
    };
    let unreadable = job.store.records(job.issues, &mut |record| {
        let is_shown = writer.record(job, &record)?;
        if is_shown {
            counted.count(&record);
        }
        Ok(())
    })?;
    counted.report.events_unreadable += unreadable;
    writer.open(LISTS.len() - 1)?;
    put(writer.out, "\n]}\n")
}

impl Writer<'_> {
    /// Whether it is something that is shown.
    fn record(&mut self, job: &Job<'_>, record: &Record) -> Result<bool> {
        let kept = inner(record);
        match record {
            Record::Issue { number, .. } => match classic::issue(job.store, *number)? {
                Some(issue) => {
                    self.item(&format!("{},\"crashvault\":{kept}}}", issue_text(&issue)))?
                }
                None => {
                    self.hidden.push(kept);
                    return Ok(false);
                }
            },
            Record::Join { .. } => self.listed(2, &kept)?,
            Record::Activity(_) => self.listed(3, &kept)?,
            Record::Event { stored, .. } => {
                self.open(EVENTS)?;
                self.finish_event()?;
                self.event = Some((
                    format!("{},\"crashvault\":{kept}", event_text(stored)),
                    Vec::new(),
                ));
            }
            Record::Attachment(_) => {
                if let Some((_, attachments)) = &mut self.event {
                    attachments.push(kept);
                }
            }
            Record::Residue(_) => self.listed(5, &kept)?,
            Record::Tombstone { .. } => self.listed(6, &kept)?,
        }
        Ok(true)
    }

    fn listed(&mut self, list: usize, value: &Value) -> Result<()> {
        self.open(list)?;
        self.item(&value.to_string())
    }

    /// Closes what is open and opens the lists up to this one.
    fn open(&mut self, list: usize) -> Result<()> {
        while self.list < list {
            self.finish_event()?;
            self.list += 1;
            self.is_empty = true;
            put(self.out, &format!("\n],\n\"{}\":[", LISTS[self.list].0))?;
            if self.list == NUMBERS {
                for hidden in std::mem::take(&mut self.hidden) {
                    self.item(&hidden.to_string())?;
                }
            }
        }
        Ok(())
    }

    fn finish_event(&mut self) -> Result<()> {
        match self.event.take() {
            Some((text, attachments)) => {
                let attachments = Value::from(attachments);
                self.item(&format!("{text},\"attachments\":{attachments}}}"))
            }
            None => Ok(()),
        }
    }

    fn item(&mut self, text: &str) -> Result<()> {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        put(self.out, if is_first { "\n" } else { ",\n" })?;
        put(self.out, text)
    }
}

/// The record without the name of its kind.
fn inner(record: &Record) -> Value {
    let Value::Object(named) = record::to_value(record) else {
        return Value::Null;
    };
    let inner = named.into_iter().next();
    inner.map_or(Value::Null, |(_, value)| value)
}

/// A JSON object's text with its fields in this order, not closed.
fn fields(fields: &[(&str, Value)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}", fields.join(","))
}

/// v1's fields first; the object is not closed.
pub(super) fn issue_text(issue: &Issue) -> String {
    fields(&[
        ("id", issue.number.into()),
        ("fingerprint", classic::fingerprint(issue).into()),
        ("title", issue.title.as_str().into()),
        ("status", issue.status.name().into()),
        ("created_at", issue.first_seen.to_string().into()),
        ("severity", issue.state.severity.as_deref().into()),
        ("resolved_at", classic::resolved_at(issue).into()),
        ("tags", classic::words(&issue.state.tags).into()),
        ("event_count", issue.seen_count.into()),
        ("user_count", issue.user_count.into()),
        ("last_seen", issue.last_seen.to_string().into()),
        ("level", issue.level.name().into()),
        ("project", issue.project.as_str().into()),
        ("culprit", issue.culprit.as_deref().into()),
        ("assignee", issue.state.assignee.as_deref().into()),
    ])
}

/// As [`issue_text`].
pub(super) fn event_text(stored: &StoredEvent) -> String {
    let event = &stored.event;
    fields(&[
        ("event_id", classic::uuid(event.event_id).into()),
        ("issue_id", stored.issue_number.into()),
        ("message", classic::message(event).into()),
        ("stacktrace", classic::stack(event).into()),
        ("timestamp", classic::time(stored).into()),
        ("level", classic::level(event.level).into()),
        ("tags", classic::words(&event.tags).into()),
        ("context", classic::context(event)),
        (
            "host",
            event.server_name.as_deref().unwrap_or_default().into(),
        ),
        ("pid", classic::pid(event).into()),
    ])
}

/// Hands out what the document holds, in its order, never more than one item of it in memory.
///
/// # Errors
/// Corrupt for what is no JSON, not whole, or no record, naming the line; Unsupported for a newer form; what `take`
/// says.
pub(super) fn read(
    path: &Path,
    reader: impl BufRead,
    take: &mut dyn FnMut(Item) -> Result<()>,
) -> Result<()> {
    let left = Rc::new(Cell::new(LINE_BYTES_MAX));
    let bounded = Bounded {
        reader,
        left: Rc::clone(&left),
    };
    let mut parser = serde_json::Deserializer::from_reader(io::BufReader::new(bounded));
    let mut refusal = None;
    let document = Document {
        path,
        take,
        left: &left,
        refusal: &mut refusal,
    };
    let read = document
        .deserialize(&mut parser)
        .and_then(|()| parser.end());
    match (read, refusal) {
        (_, Some(error)) => Err(error),
        (Err(source), None) => {
            let message = format!("{}: the file is not whole, or no JSON", path.display());
            Err(Error::new(ErrorKind::Corrupt, "import", message)
                .with_context("path", path.display())
                .with_source(source))
        }
        (Ok(()), None) => Ok(()),
    }
}

/// Bytes up to the next item; a small file that unpacks to more must not fill the memory.
struct Bounded<R> {
    reader: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let left = self.left.get().checked_sub(read as u64);
        let left = left.ok_or_else(|| io::Error::other("an item is too large"))?;
        self.left.set(left);
        Ok(read)
    }
}

struct Document<'d> {
    path: &'d Path,
    take: &'d mut dyn FnMut(Item) -> Result<()>,
    left: &'d Cell<u64>,
    refusal: &'d mut Option<Error>,
}

impl Document<'_> {
    /// Keeps our error, which the parser's cannot carry.
    fn told<E: de::Error>(&mut self, done: Result<()>) -> Result<(), E> {
        done.map_err(|error| {
            let told = E::custom(error.message());
            self.refusal.get_or_insert(error);
            told
        })
    }

    fn item(&mut self, kind: &str, mut value: Value) -> Result<()> {
        self.left.set(LINE_BYTES_MAX);
        let attachments = value.get_mut("attachments").map(Value::take);
        if let Some(kept) = value.get_mut("crashvault") {
            value = kept.take();
        }
        (self.take)(Item::Record(record::from_value(json!({kind: value}))?))?;
        let attachments = attachments.filter(|_| kind == "event");
        let attachments = match attachments {
            Some(Value::Array(attachments)) => attachments,
            _ => Vec::new(),
        };
        for attachment in attachments {
            let record = record::from_value(json!({"attachment": attachment}))?;
            (self.take)(Item::Record(record))?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an export of Crashvault")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut has_form = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "crashvault_export" {
                let head = json!({"crashvault_export": map.next_value::<Value>()?});
                let checked = super::check_head(self.path, &head);
                self.told(checked)?;
                has_form = true;
                continue;
            }
            match LISTS.iter().find(|(name, _)| *name == key) {
                Some((_, kind)) => map.next_value_seed(List {
                    kind,
                    document: &mut self,
                })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        match has_form {
            true => Ok(()),
            false => Err(de::Error::custom("it does not say which form it has")),
        }
    }
}

struct List<'l, 'd> {
    kind: &'static str,
    document: &'l mut Document<'d>,
}

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(value) = items.next_element::<Value>()? {
            let taken = self.document.item(self.kind, value);
            self.document.told(taken)?;
        }
        Ok(())
    }
}
