//! The compact body of a journal frame, both ways (docs/journal.md, "Body").
//!
//! A body is a sequence of fields: `tag u8, length u32, payload`, integers little-endian. Capture writes them in the
//! order of importance straight into its buffer with [`Encoder`]; ingest reads them with [`decode_onto`].

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::limits::{self, CUT_MARK, RECORD_BYTES_MAX};
use super::model::*;
use crate::time::Timestamp;

/// The fields of an event body, by tag. Released tags are never given another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Field {
    Timestamp = 1,
    Level = 2,
    Message = 3,
    Exception = 4,
    Thread = 5,
    Tag = 6,
    User = 7,
    Context = 8,
    Extra = 9,
    Fingerprint = 10,
    Breadcrumb = 11,
    Transaction = 12,
    Release = 13,
    Environment = 14,
    Dist = 15,
    ServerName = 16,
    Logger = 17,
    Platform = 18,
    Sdk = 19,
    Project = 20,
    Cut = 21,
    Flaw = 22,
    Image = 23,
    Location = 24,
    Signal = 25,
    #[cfg(any(feature = "native", feature = "store"))]
    Registers = 26,
    #[cfg(any(feature = "native", feature = "store"))]
    Stack = 27,
    #[cfg(any(feature = "native", feature = "store"))]
    Maps = 28,
    Absorbed = 29,
    Backtrace = 30,
    Request = 31,
}

/// The fields inside [`Field::Signal`].
#[cfg(any(feature = "native", feature = "store"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SignalPart {
    Number = 1,
    Code = 2,
    Address = 3,
    SenderPid = 4,
    SenderUid = 5,
    Thread = 6,
    ThreadName = 7,
    Pc = 8,
    Text = 9,
}

/// What the machine was, in [`Field::Registers`].
#[cfg(any(feature = "native", feature = "store"))]
#[cfg_attr(
    not(feature = "store"),
    expect(dead_code, reason = "a program writes one of them, a vault reads all")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Machine {
    X86_64 = 1,
    Aarch64 = 2,
}

/// The fields inside [`Field::Exception`] and [`Field::Thread`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Part {
    Type = 1,
    Value = 2,
    Module = 3,
    Mechanism = 4,
    Handled = 5,
    Addresses = 6,
    AddressesOmitted = 7,
    Location = 8,
    Errno = 9,
    Id = 10,
    Name = 11,
    Crashed = 12,
    Frame = 13,
    FramesOmitted = 14,
    ExceptionId = 15,
    ParentId = 16,
    IsGroup = 17,
    Source = 18,
}

/// The fields inside [`Part::Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FramePart {
    Function = 1,
    Module = 2,
    Filename = 3,
    AbsPath = 4,
    Line = 5,
    Column = 6,
    InApp = 7,
    Variable = 8,
}

/// The fields inside [`Field::Breadcrumb`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Crumb {
    Timestamp = 1,
    Type = 2,
    Category = 3,
    Level = 4,
    Message = 5,
    Data = 6,
}

/// The fields inside [`Field::Image`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ImagePart {
    File = 1,
    BuildId = 2,
    Address = 3,
    Size = 4,
    Inode = 5,
    MtimeNs = 6,
    FileSize = 7,
}

/// The key in a stack under which its text is kept, where a payload had a text in its place.
pub(crate) const STACK_TEXT: &str = "text";
/// Where a stack keeps the text it is told by, until ingest reads frames from it.
pub(crate) const RUST_BACKTRACE: &str = "rust_backtrace";

const FIELD_HEAD_BYTES: usize = 5;
/// Kept free at the end of a record for [`Field::Cut`].
const CUT_FIELD_BYTES: usize = FIELD_HEAD_BYTES + 4;

/// Writes fields to the end of a buffer; what would pass the record's limit is left out and counted.
pub(crate) struct Encoder<'b> {
    buffer: &'b mut Vec<u8>,
    end_max: usize,
    dropped: u32,
}

impl<'b> Encoder<'b> {
    pub(crate) fn new(buffer: &'b mut Vec<u8>) -> Self {
        let end_max = buffer.len() + RECORD_BYTES_MAX - CUT_FIELD_BYTES;
        Self {
            buffer,
            end_max,
            dropped: 0,
        }
    }

    /// For a record that already holds `used` bytes.
    pub(crate) fn with_used(buffer: &'b mut Vec<u8>, used: usize) -> Self {
        let end_max = buffer.len() + RECORD_BYTES_MAX.saturating_sub(used + 2 * CUT_FIELD_BYTES);
        Self {
            buffer,
            end_max,
            dropped: 0,
        }
    }

    /// For at most `bytes_max` more bytes.
    pub(crate) fn within(buffer: &'b mut Vec<u8>, bytes_max: usize) -> Self {
        let end_max = buffer.len() + bytes_max;
        Self {
            buffer,
            end_max,
            dropped: 0,
        }
    }

    /// Notes visibly, as the last field, that something did not fit.
    pub(crate) fn finish(self) {
        if self.dropped > 0 {
            self.buffer.push(Field::Cut as u8);
            self.buffer.extend_from_slice(&4u32.to_le_bytes());
            self.buffer.extend_from_slice(&self.dropped.to_le_bytes());
        }
    }

    /// Fields that were encoded before; where they do not all fit, those that do.
    pub(crate) fn encoded(&mut self, fields: &[u8]) {
        if self.buffer.len() + fields.len() <= self.end_max {
            return self.buffer.extend_from_slice(fields);
        }
        for (tag, payload) in Fields::new(fields, &mut Vec::new()) {
            self.bytes(tag, payload);
        }
    }

    pub(crate) fn bytes(&mut self, tag: u8, payload: &[u8]) {
        if self.has_room(FIELD_HEAD_BYTES + payload.len()) {
            self.head(tag, payload.len());
            self.buffer.extend_from_slice(payload);
        }
    }

    pub(crate) fn text(&mut self, tag: u8, text: &str, bytes_max: usize) {
        if text.len() <= bytes_max {
            return self.bytes(tag, text.as_bytes());
        }
        let kept = limits::head(text, bytes_max.saturating_sub(CUT_MARK.len()));
        if self.has_room(FIELD_HEAD_BYTES + kept.len() + CUT_MARK.len()) {
            self.head(tag, kept.len() + CUT_MARK.len());
            self.buffer.extend_from_slice(kept.as_bytes());
            self.buffer.extend_from_slice(CUT_MARK.as_bytes());
        }
    }

    /// A key and its value: `key length u16, key, value`.
    pub(crate) fn keyed(&mut self, tag: u8, key: &str, value: &[u8]) {
        let key = limits::head(key, limits::TAG_KEY_BYTES_MAX);
        let length = 2 + key.len() + value.len();
        if self.has_room(FIELD_HEAD_BYTES + length) {
            self.head(tag, length);
            // A key is at most TAG_KEY_BYTES_MAX long.
            self.buffer
                .extend_from_slice(&(key.len() as u16).to_le_bytes());
            self.buffer.extend_from_slice(key.as_bytes());
            self.buffer.extend_from_slice(value);
        }
    }

    /// A key and the value that `fill` appends to the buffer: at most `bytes_max` bytes, which it keeps to itself.
    #[cfg(any(
        feature = "host",
        feature = "tracing",
        feature = "log",
        feature = "slog"
    ))]
    pub(crate) fn keyed_with(
        &mut self,
        tag: u8,
        key: &str,
        bytes_max: usize,
        fill: impl FnOnce(&mut Vec<u8>),
    ) {
        let key = limits::head(key, limits::TAG_KEY_BYTES_MAX);
        if !self.has_room(FIELD_HEAD_BYTES + 2 + key.len() + bytes_max) {
            return;
        }
        self.nested(tag, |inner| {
            // A key is at most TAG_KEY_BYTES_MAX long.
            inner
                .buffer
                .extend_from_slice(&(key.len() as u16).to_le_bytes());
            inner.buffer.extend_from_slice(key.as_bytes());
            fill(inner.buffer);
        });
    }

    /// Whatever `value` prints, formatted straight into the buffer and cut at `bytes_max`.
    ///
    /// Formatting stops at the cut, so that ten megabytes are not printed to keep eight thousand bytes.
    pub(crate) fn display(&mut self, tag: u8, value: &dyn fmt::Display, bytes_max: usize) {
        if !self.has_room(FIELD_HEAD_BYTES + bytes_max) {
            return;
        }
        self.nested(tag, |encoder| {
            bounded_text(encoder.buffer, value, bytes_max);
        });
    }

    /// Addresses as 64-bit integers.
    pub(crate) fn addresses(&mut self, tag: u8, addresses: &[u64]) {
        if self.has_room(FIELD_HEAD_BYTES + addresses.len() * 8) {
            self.head(tag, addresses.len() * 8);
            for address in addresses {
                self.buffer.extend_from_slice(&address.to_le_bytes());
            }
        }
    }

    /// A field whose payload is fields; left out whole if one of them did not fit.
    pub(crate) fn nested(&mut self, tag: u8, fill: impl FnOnce(&mut Encoder<'_>)) {
        if !self.has_room(FIELD_HEAD_BYTES) {
            return;
        }
        let start = self.buffer.len();
        self.head(tag, 0);
        let mut inner = Encoder {
            buffer: self.buffer,
            end_max: self.end_max,
            dropped: 0,
        };
        fill(&mut inner);
        if inner.dropped > 0 {
            self.buffer.truncate(start);
            self.dropped += 1;
            return;
        }
        let length = (self.buffer.len() - start - FIELD_HEAD_BYTES) as u32;
        self.buffer[start + 1..start + FIELD_HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
    }

    /// What `fill` writes, if it says that it came to its end.
    pub(crate) fn or_nothing(&mut self, fill: impl FnOnce(&mut Self) -> bool) {
        let start = self.buffer.len();
        if !fill(self) {
            self.buffer.truncate(start);
        }
    }

    /// How many bytes a field may still have.
    #[cfg(feature = "host")]
    pub(crate) fn room(&self) -> usize {
        self.end_max
            .saturating_sub(self.buffer.len() + FIELD_HEAD_BYTES)
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        let fits = self.buffer.len() + bytes <= self.end_max;
        self.dropped += u32::from(!fits);
        fits
    }

    fn head(&mut self, tag: u8, length: usize) {
        let length = (length as u32).to_le_bytes();
        self.buffer
            .extend_from_slice(&[tag, length[0], length[1], length[2], length[3]]);
    }
}

/// Appends what `value` prints, at most `bytes_max` bytes of it.
pub(crate) fn bounded_text(buffer: &mut Vec<u8>, value: &dyn fmt::Display, bytes_max: usize) {
    let mut bounded = Bounded {
        left: bytes_max - CUT_MARK.len(),
        buffer,
        is_cut: false,
    };
    // An error here is the cut, or the host's own; either way what was written stands.
    let _ = write!(bounded, "{value}");
}

struct Bounded<'b> {
    buffer: &'b mut Vec<u8>,
    left: usize,
    is_cut: bool,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Some code goes on writing after an error.
        if self.is_cut {
            return Err(fmt::Error);
        }
        let kept = limits::head(text, self.left);
        self.buffer.extend_from_slice(kept.as_bytes());
        self.left -= kept.len();
        if kept.len() < text.len() {
            self.buffer.extend_from_slice(CUT_MARK.as_bytes());
            self.is_cut = true;
            return Err(fmt::Error);
        }
        Ok(())
    }
}

/// Encodes one breadcrumb; the same for a scope's ring and for tests.
pub(crate) fn breadcrumb(encoder: &mut Encoder<'_>, crumb: &Breadcrumb, now: Timestamp) {
    let text_max = limits::BREADCRUMB_TEXT_BYTES_MAX;
    encoder.nested(Field::Breadcrumb as u8, |inner| {
        let time = crumb.timestamp.unwrap_or(now);
        inner.bytes(Crumb::Timestamp as u8, &time.as_nanos().to_le_bytes());
        if let Some(level) = crumb.level {
            inner.bytes(Crumb::Level as u8, &[level as u8]);
        }
        for (tag, text, bytes_max) in [
            (Crumb::Type, &crumb.ty, limits::NAME_BYTES_MAX),
            (Crumb::Category, &crumb.category, limits::NAME_BYTES_MAX),
            (Crumb::Message, &crumb.message, text_max),
        ] {
            if let Some(text) = text {
                inner.text(tag as u8, text, bytes_max);
            }
        }
        for (key, value) in &crumb.data {
            json_item(inner, Crumb::Data as u8, key, value, text_max);
        }
    });
}

/// Encodes the breadcrumb that most callers add: a category and a message.
pub(crate) fn text_breadcrumb(
    encoder: &mut Encoder<'_>,
    category: &str,
    message: &str,
    now: Timestamp,
) {
    encoder.nested(Field::Breadcrumb as u8, |inner| {
        inner.bytes(Crumb::Timestamp as u8, &now.as_nanos().to_le_bytes());
        inner.text(Crumb::Category as u8, category, limits::NAME_BYTES_MAX);
        inner.text(
            Crumb::Message as u8,
            message,
            limits::BREADCRUMB_TEXT_BYTES_MAX,
        );
    });
}

/// A keyed JSON value: forbidden keys filtered at any depth, too long a value replaced by the head of its text.
pub(crate) fn json_item(
    encoder: &mut Encoder<'_>,
    tag: u8,
    key: &str,
    value: &Value,
    bytes_max: usize,
) {
    let json = if super::is_forbidden_key(key) {
        Value::from(limits::FILTERED).to_string()
    } else {
        let mut value = value.clone();
        super::filter_forbidden(&mut value);
        value.to_string()
    };
    if json.len() <= bytes_max {
        return encoder.keyed(tag, key, json.as_bytes());
    }
    let text = value.as_str().map_or(json.as_str(), |text| text);
    // Quoting can make it longer again, at most six times, which the record's own limit still bounds.
    let cut = Value::from(limits::cut(text, bytes_max / 2)).to_string();
    encoder.keyed(
        tag,
        key,
        limits::head(&cut, bytes_max.max(cut.len())).as_bytes(),
    );
}

/// Reads a body's fields into `event`: later fields win over earlier ones, lists grow.
///
/// Broken parts and unknown tags become flaws. Exceptions are encoded thrown first, so each goes to the front.
pub(crate) fn decode_onto(event: &mut Event, body: &[u8]) {
    let mut flaws = Vec::new();
    for (tag, payload) in Fields::new(body, &mut flaws) {
        decode_field(event, tag, payload);
    }
    event.flaws.extend(flaws);
}

/// A new event read from a body.
pub(crate) fn decode(body: &[u8]) -> Event {
    let mut event = Event::new();
    decode_onto(&mut event, body);
    event
}

fn decode_field(event: &mut Event, tag: u8, payload: &[u8]) {
    const fn is(tag: u8, field: Field) -> bool {
        tag == field as u8
    }
    match tag {
        t if is(t, Field::Timestamp) => {
            event.timestamp = number(payload).map(|n| Timestamp::from_nanos(n as i64))
        }
        t if is(t, Field::Level) => {
            event.level = payload
                .first()
                .copied()
                .and_then(Level::from_number)
                .unwrap_or_default();
        }
        t if is(t, Field::Message) => event.message = Some(text(payload)),
        t if is(t, Field::Exception) => {
            let exception = decode_exception(payload, &mut event.flaws);
            event.exceptions.insert(0, exception);
        }
        t if is(t, Field::Thread) => {
            let thread = decode_thread(payload, &mut event.flaws);
            event.threads.push(thread);
        }
        t if is(t, Field::Breadcrumb) => {
            let crumb = decode_breadcrumb(payload, &mut event.flaws);
            event.breadcrumbs.push(crumb);
        }
        t if is(t, Field::Image) => {
            let image = decode_image(payload, &mut event.flaws);
            event.images.push(image);
        }
        t if is(t, Field::Fingerprint) => event.fingerprint.push(text(payload)),
        t if is(t, Field::Transaction) => event.transaction = Some(text(payload)),
        t if is(t, Field::Release) => event.release = Some(text(payload)),
        t if is(t, Field::Environment) => event.environment = Some(text(payload)),
        t if is(t, Field::Dist) => event.dist = Some(text(payload)),
        t if is(t, Field::ServerName) => event.server_name = Some(text(payload)),
        t if is(t, Field::Logger) => event.logger = Some(text(payload)),
        t if is(t, Field::Platform) => event.platform = text(payload),
        t if is(t, Field::Sdk) => event.sdk = json(payload).as_object().cloned(),
        t if is(t, Field::Project) => event.set_own("project", text(payload)),
        t if is(t, Field::Location) => event.set_own("location", text(payload)),
        // Read by `last_words`: they mean nothing one by one.
        t if (Field::Signal as u8..=Field::Absorbed as u8).contains(&t) => {}
        t if is(t, Field::Backtrace) => {
            if let Some(thrown) = event.exceptions.last_mut() {
                let stack = thrown.stacktrace.get_or_insert_default();
                stack
                    .other
                    .insert(RUST_BACKTRACE.into(), text(payload).into());
            }
        }
        t if is(t, Field::Cut) => {
            let count = number(payload).unwrap_or_default();
            let reason = format!("{count} parts did not fit into {RECORD_BYTES_MAX} bytes");
            event.flaws.push(Flaw::new("record", reason));
        }
        _ => decode_keyed(event, tag, payload),
    }
}

fn decode_keyed(event: &mut Event, tag: u8, payload: &[u8]) {
    let Some((key, value)) = split_key(payload) else {
        event
            .flaws
            .push(Flaw::new("record", format!("field {tag} is broken")));
        return;
    };
    match tag {
        t if t == Field::Tag as u8 => {
            event.tags.insert(key, text(value));
        }
        t if t == Field::User as u8 => {
            set_user(event.user.get_or_insert_default(), &key, text(value))
        }
        t if t == Field::Context as u8 => {
            event.contexts.insert(key, json(value));
        }
        t if t == Field::Extra as u8 => {
            event.extra.insert(key, json(value));
        }
        t if t == Field::Request as u8 => {
            let request = event.request.get_or_insert_default();
            request.insert(key, json(value));
        }
        t if t == Field::Flaw as u8 => event.flaws.push(Flaw::new(key, text(value))),
        _ => event.flaws.push(Flaw::new(
            "record",
            format!("field {tag} is not known to this version"),
        )),
    }
}

fn set_user(user: &mut User, key: &str, value: String) {
    match key {
        "id" => user.id = Some(value),
        "email" => user.email = Some(value),
        "username" => user.username = Some(value),
        "ip_address" => user.ip_address = Some(value),
        _ => {
            user.other.insert(key.to_owned(), value.into());
        }
    }
}

fn decode_exception(payload: &[u8], flaws: &mut Vec<Flaw>) -> Exception {
    let mut exception = Exception::default();
    for (tag, payload) in Fields::new(payload, flaws) {
        let mechanism = &mut exception.mechanism;
        match tag {
            t if t == Part::Type as u8 => exception.ty = Some(text(payload)),
            t if t == Part::Value as u8 => exception.value = Some(text(payload)),
            t if t == Part::Module as u8 => exception.module = Some(text(payload)),
            t if t == Part::Id as u8 => exception.thread_id = Some(text(payload)),
            t if t == Part::Mechanism as u8 => {
                mechanism.get_or_insert_default().ty = Some(text(payload))
            }
            t if t == Part::Handled as u8 => {
                mechanism.get_or_insert_default().handled = Some(payload.first() == Some(&1));
            }
            t if t == Part::Location as u8 => {
                let data = serde_json::json!({"location": text(payload)});
                mechanism
                    .get_or_insert_default()
                    .other
                    .insert("data".into(), data);
            }
            t if t == Part::Errno as u8 => {
                let number = number(payload).unwrap_or_default() as i32;
                let meta = serde_json::json!({"errno": {"number": number}});
                mechanism
                    .get_or_insert_default()
                    .other
                    .insert("meta".into(), meta);
            }
            t if (Part::ExceptionId as u8..=Part::Source as u8).contains(&t) => {
                decode_kinship(mechanism.get_or_insert_default(), t, payload);
            }
            _ => decode_stack(&mut exception.stacktrace, tag, payload),
        }
    }
    exception
}

fn decode_thread(payload: &[u8], flaws: &mut Vec<Flaw>) -> Thread {
    let mut thread = Thread {
        current: Some(true),
        ..Thread::default()
    };
    for (tag, payload) in Fields::new(payload, flaws) {
        match tag {
            t if t == Part::Id as u8 => thread.id = Some(text(payload)),
            t if t == Part::Name as u8 => thread.name = Some(text(payload)),
            t if t == Part::Crashed as u8 => thread.crashed = Some(payload.first() == Some(&1)),
            _ => decode_stack(&mut thread.stacktrace, tag, payload),
        }
    }
    thread
}

/// Where an exception stands in a tree of them.
fn decode_kinship(mechanism: &mut Mechanism, tag: u8, payload: &[u8]) {
    let number = || Value::from(number(payload).unwrap_or_default());
    let (key, value) = match tag {
        t if t == Part::ExceptionId as u8 => ("exception_id", number()),
        t if t == Part::ParentId as u8 => ("parent_id", number()),
        t if t == Part::IsGroup as u8 => {
            ("is_exception_group", (payload.first() == Some(&1)).into())
        }
        _ => ("source", text(payload).into()),
    };
    mechanism.other.insert(key.into(), value);
}

/// Addresses come innermost first, frames stand outermost first.
fn decode_stack(stacktrace: &mut Option<Stacktrace>, tag: u8, payload: &[u8]) {
    if tag == Part::Frame as u8 {
        let frame = decode_frame(payload);
        stacktrace.get_or_insert_default().frames.push(frame);
    } else if tag == Part::FramesOmitted as u8 {
        // From which frame on, and how many.
        let place = payload.split_at_checked(4);
        if let Some((first, count)) =
            place.and_then(|(first, count)| Some((number(first)?, number(count)?)))
        {
            let omitted = serde_json::json!([first, first.saturating_add(count)]);
            let other = &mut stacktrace.get_or_insert_default().other;
            other.insert("frames_omitted".into(), omitted);
        }
    } else if tag == Part::Addresses as u8 {
        let frames = payload.chunks_exact(8).rev().map(|bytes| Frame {
            instruction_addr: number(bytes),
            ..Frame::default()
        });
        stacktrace.get_or_insert_default().frames = frames.collect();
    } else if tag == Part::AddressesOmitted as u8 {
        let omitted = number(payload).unwrap_or_default();
        stacktrace
            .get_or_insert_default()
            .other
            .insert("frames_omitted_outer".into(), omitted.into());
    }
}

/// What is broken of it shows by what it lacks.
fn decode_frame(payload: &[u8]) -> Frame {
    let mut frame = Frame::default();
    let mut variables = Object::new();
    for (tag, payload) in Fields::new(payload, &mut Vec::new()) {
        match tag {
            t if t == FramePart::Function as u8 => frame.function = Some(text(payload)),
            t if t == FramePart::Module as u8 => frame.module = Some(text(payload)),
            t if t == FramePart::Filename as u8 => frame.filename = Some(text(payload)),
            t if t == FramePart::AbsPath as u8 => frame.abs_path = Some(text(payload)),
            t if t == FramePart::Line as u8 => frame.lineno = number(payload),
            t if t == FramePart::Column as u8 => frame.colno = number(payload),
            t if t == FramePart::InApp as u8 => frame.in_app = Some(payload.first() == Some(&1)),
            t if t == FramePart::Variable as u8 => {
                if let Some((key, value)) = split_key(payload) {
                    variables.insert(key, json(value));
                }
            }
            _ => {}
        }
    }
    if !variables.is_empty() {
        frame.other.insert("vars".into(), variables.into());
    }
    frame
}

fn decode_breadcrumb(payload: &[u8], flaws: &mut Vec<Flaw>) -> Breadcrumb {
    let mut crumb = Breadcrumb::default();
    for (tag, payload) in Fields::new(payload, flaws) {
        match tag {
            t if t == Crumb::Timestamp as u8 => {
                crumb.timestamp = number(payload).map(|n| Timestamp::from_nanos(n as i64));
            }
            t if t == Crumb::Type as u8 => crumb.ty = Some(text(payload)),
            t if t == Crumb::Category as u8 => crumb.category = Some(text(payload)),
            t if t == Crumb::Level as u8 => {
                crumb.level = payload.first().copied().and_then(Level::from_number)
            }
            t if t == Crumb::Message as u8 => crumb.message = Some(text(payload)),
            t if t == Crumb::Data as u8 => {
                if let Some((key, value)) = split_key(payload) {
                    crumb.data.insert(key, json(value));
                }
            }
            _ => {}
        }
    }
    crumb
}

fn decode_image(payload: &[u8], flaws: &mut Vec<Flaw>) -> Image {
    let mut image = Image {
        ty: Some("elf".into()),
        ..Image::default()
    };
    for (tag, payload) in Fields::new(payload, flaws) {
        let mut other = |key: &str| {
            if let Some(number) = number(payload) {
                image.other.insert(key.into(), number.into());
            }
        };
        match tag {
            t if t == ImagePart::File as u8 => image.code_file = Some(text(payload)),
            t if t == ImagePart::BuildId as u8 => {
                image.code_id = Some(payload.iter().map(|byte| format!("{byte:02x}")).collect());
            }
            t if t == ImagePart::Address as u8 => image.image_addr = number(payload),
            t if t == ImagePart::Size as u8 => image.image_size = number(payload),
            t if t == ImagePart::Inode as u8 => other("inode"),
            t if t == ImagePart::MtimeNs as u8 => other("mtime_ns"),
            t if t == ImagePart::FileSize as u8 => other("file_size"),
            _ => {}
        }
    }
    image
}

/// What the handler of a signal wrote about the end of its process.
#[cfg(feature = "store")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastWords<'b> {
    pub(crate) signal: Option<SignalFacts>,
    /// The machine's number, program counter, and the general registers by their DWARF numbers.
    pub(crate) registers: Option<(u8, u64, Vec<u64>)>,
    /// The address of the first byte of the stack, and its bytes.
    pub(crate) stack: Option<(u64, &'b [u8])>,
    /// `/proc/self/maps`.
    pub(crate) maps: Option<&'b [u8]>,
    /// The event that tells of the same end and is to be a part of this one.
    pub(crate) absorbed: Option<[u8; 16]>,
}

/// A signal as the kernel reported it.
#[cfg(feature = "store")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SignalFacts {
    pub(crate) number: i32,
    pub(crate) code: i32,
    pub(crate) address: Option<u64>,
    /// Who sent it, where somebody did.
    pub(crate) sender_pid: Option<u64>,
    pub(crate) sender_uid: Option<u64>,
    pub(crate) thread: Option<u64>,
    pub(crate) thread_name: Option<String>,
    pub(crate) pc: Option<u64>,
    /// What the C library said before it aborted.
    pub(crate) text: Option<String>,
}

#[cfg(feature = "store")]
impl<'b> LastWords<'b> {
    /// Adds what a body says; later bodies win.
    pub(crate) fn read(&mut self, body: &'b [u8]) {
        for (tag, payload) in Fields::new(body, &mut Vec::new()) {
            match tag {
                t if t == Field::Signal as u8 => self.signal = Some(SignalFacts::read(payload)),
                t if t == Field::Registers as u8 => self.registers = read_registers(payload),
                t if t == Field::Stack as u8 => {
                    self.stack = payload
                        .split_at_checked(8)
                        .and_then(|(base, bytes)| Some((number(base)?, bytes)));
                }
                t if t == Field::Maps as u8 => self.maps = Some(payload),
                t if t == Field::Absorbed as u8 => self.absorbed = payload.try_into().ok(),
                _ => {}
            }
        }
    }
}

#[cfg(feature = "store")]
fn read_registers(payload: &[u8]) -> Option<(u8, u64, Vec<u64>)> {
    let (machine, words) = payload.split_first()?;
    let mut words = words.chunks_exact(8).filter_map(number);
    Some((*machine, words.next()?, words.collect()))
}

#[cfg(feature = "store")]
impl SignalFacts {
    fn read(payload: &[u8]) -> Self {
        let mut facts = Self::default();
        for (tag, payload) in Fields::new(payload, &mut Vec::new()) {
            let signed = || number(payload).unwrap_or_default() as i32;
            match tag {
                t if t == SignalPart::Number as u8 => facts.number = signed(),
                t if t == SignalPart::Code as u8 => facts.code = signed(),
                t if t == SignalPart::Address as u8 => facts.address = number(payload),
                t if t == SignalPart::SenderPid as u8 => facts.sender_pid = number(payload),
                t if t == SignalPart::SenderUid as u8 => facts.sender_uid = number(payload),
                t if t == SignalPart::Thread as u8 => facts.thread = number(payload),
                t if t == SignalPart::ThreadName as u8 => facts.thread_name = Some(text(payload)),
                t if t == SignalPart::Pc as u8 => facts.pc = number(payload),
                t if t == SignalPart::Text as u8 => facts.text = Some(text(payload)),
                _ => {}
            }
        }
        facts
    }
}

/// The fields of a body; a length beyond the end becomes a flaw and ends the walk.
struct Fields<'b, 'f> {
    rest: &'b [u8],
    flaws: &'f mut Vec<Flaw>,
}

impl<'b, 'f> Fields<'b, 'f> {
    fn new(rest: &'b [u8], flaws: &'f mut Vec<Flaw>) -> Self {
        Self { rest, flaws }
    }
}

impl<'b> Iterator for Fields<'b, '_> {
    type Item = (u8, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let split = self
            .rest
            .split_at_checked(FIELD_HEAD_BYTES)
            .and_then(|(head, rest)| {
                let length = number(&head[1..])? as usize;
                let (payload, rest) = rest.split_at_checked(length)?;
                Some((head[0], payload, rest))
            });
        let Some((tag, payload, rest)) = split else {
            self.flaws
                .push(Flaw::new("record", "a field is longer than the body"));
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some((tag, payload))
    }
}

/// A little-endian integer of one to eight bytes.
fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    let mut wide = [0u8; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Some(u64::from_le_bytes(wide))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(text(bytes)))
}

fn split_key(payload: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = payload.split_at_checked(2)?;
    let (key, value) = rest.split_at_checked(number(length)? as usize)?;
    Some((text(key), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn encode(fill: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
        let mut buffer = Vec::new();
        let mut encoder = Encoder::new(&mut buffer);
        fill(&mut encoder);
        encoder.finish();
        buffer
    }

    #[test]
    fn a_chain_is_turned_so_that_the_cause_stands_first() {
        let body = encode(|encoder| {
            for (ty, addresses) in [("Outer", &[3u64, 2, 1][..]), ("Cause", &[])] {
                encoder.nested(Field::Exception as u8, |inner| {
                    inner.text(Part::Type as u8, ty, 100);
                    inner.addresses(Part::Addresses as u8, addresses);
                });
            }
        });
        let event = decode(&body);
        let types: Vec<_> = event
            .exceptions
            .iter()
            .filter_map(|e| e.ty.as_deref())
            .collect();
        assert_eq!(types, ["Cause", "Outer"]);
        let frames = &event.exceptions[1].stacktrace.as_ref().unwrap().frames;
        assert_eq!(frames.last().unwrap().instruction_addr, Some(3));
    }

    #[test]
    fn later_tags_win() {
        let body = encode(|encoder| {
            encoder.keyed(Field::Tag as u8, "k", b"old");
            encoder.keyed(Field::Tag as u8, "k", b"new");
        });
        assert_eq!(decode(&body).tags["k"], "new");
    }

    #[test]
    fn a_breadcrumb_comes_back_whole() {
        let crumb = Breadcrumb::new("m")
            .category("c")
            .level(Level::Info)
            .data("n", 5);
        let body = encode(|encoder| breadcrumb(encoder, &crumb, Timestamp::from_nanos(7)));
        let read = &decode(&body).breadcrumbs[0];
        assert_eq!(
            read,
            &Breadcrumb {
                timestamp: Some(Timestamp::from_nanos(7)),
                ..crumb
            }
        );
    }

    #[test]
    fn ten_megabytes_are_cut_visibly() {
        let long = "x".repeat(10 << 20);
        let body = encode(|encoder| encoder.display(Field::Message as u8, &long, 1000));
        let message = decode(&body).message.unwrap();
        assert_eq!(message.len(), 1000);
        assert!(message.ends_with(CUT_MARK));
    }

    #[test]
    fn a_display_that_ignores_the_cut_is_cut_once() {
        struct Stubborn;
        impl fmt::Display for Stubborn {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for _ in 0..100_000 {
                    let _ = f.write_str("again ");
                }
                Ok(())
            }
        }
        let body = encode(|encoder| encoder.display(Field::Message as u8, &Stubborn, 1000));
        assert_eq!(decode(&body).message.unwrap().matches(CUT_MARK).count(), 1);
        assert!(body.len() <= 1010);
    }

    #[test]
    fn of_encoded_fields_those_that_fit_are_kept() {
        let many = encode(|encoder| {
            for index in 0..20 {
                encoder.keyed(Field::Extra as u8, &format!("k{index}"), &[b'1'; 10_000]);
            }
        });
        let body = encode(|encoder| {
            encoder.encoded(&many);
            encoder.encoded(&many);
            encoder.keyed(Field::Tag as u8, "small", b"fits");
        });
        let event = decode(&body);
        assert_eq!(event.tags["small"], "fits");
        assert_eq!(
            event.flaws[0].reason,
            format!("14 parts did not fit into {RECORD_BYTES_MAX} bytes")
        );
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let body = encode(|encoder| {
            for index in 0..40 {
                encoder.keyed(Field::Extra as u8, &format!("k{index}"), &[b'1'; 10_000]);
            }
        });
        assert!(body.len() <= RECORD_BYTES_MAX);
        let event = decode(&body);
        assert_eq!(event.extra.len(), 26);
        assert!(event.flaws[0].reason.starts_with("14 parts"));
    }

    #[test]
    fn forbidden_values_are_never_encoded() {
        let body = encode(|encoder| {
            json_item(
                encoder,
                Field::Extra as u8,
                "cfg",
                &json!({"db": {"password": "hunter2"}}),
                1000,
            );
            json_item(
                encoder,
                Field::Extra as u8,
                "api_key",
                &json!("hunter2"),
                1000,
            );
        });
        assert!(!String::from_utf8_lossy(&body).contains("hunter2"));
        assert_eq!(decode(&body).extra["api_key"], json!(limits::FILTERED));
    }

    #[test]
    fn a_long_json_value_is_cut_but_stays_json() {
        let body = encode(|encoder| {
            json_item(
                encoder,
                Field::Extra as u8,
                "k",
                &json!("\"\n".repeat(9000)),
                1000,
            );
        });
        assert!(
            decode(&body).extra["k"]
                .as_str()
                .unwrap()
                .ends_with(CUT_MARK)
        );
    }

    #[test]
    fn any_bytes_decode_without_panic() {
        let mut state = 1u64;
        for length in 0..300 {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    (state >> 60) as u8
                })
                .collect();
            decode(&bytes);
        }
    }

    #[test]
    fn every_truncation_decodes() {
        let body = encode(|encoder| {
            breadcrumb(
                encoder,
                &Breadcrumb::new("m").data("k", "v"),
                Timestamp::from_nanos(7),
            );
            encoder.keyed(Field::Tag as u8, "k", b"v");
        });
        for end in 0..body.len() {
            decode(&body[..end]);
        }
    }
}
