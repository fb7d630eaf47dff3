//! A layer for `tracing_subscriber`: errors become events, warnings and notices breadcrumbs.
//!
//! ```
//! use tracing_subscriber::prelude::*;
//!
//! # let home = tempfile::tempdir().unwrap();
//! # crashvault::options().vault(home.path()).drain(false).install();
//! tracing_subscriber::registry()
//!     .with(crashvault::tracing::layer())
//!     .init();
//!
//! tracing::info!(items = 3, "the order is complete"); // a breadcrumb
//! tracing::error!(code = 7, "not paid"); // an event
//! assert_eq!(crashvault::health().captured_count, 1);
//! ```
//!
//! | what is logged | what becomes of it, unless [`Layer::event_filter`] says otherwise |
//! |---|---|
//! | `error!` | an event with the stack, its fields, and the spans it is in |
//! | `warn!`, `info!` | a breadcrumb with its fields |
//! | `debug!`, `trace!` | nothing |
//!
//! Of an event's fields, `message` is the event's message (without one, `error` is, as `#[instrument(err)]` writes it); an
//! error given as one (`error = &failure as &dyn std::error::Error`) becomes the exception with all its sources; fields
//! named `tags.…` become tags; the others form the context `Rust Tracing Fields`. The spans form the context
//! `Rust Tracing Spans`, the root first; the root's name is the event's transaction where the scope names none. A span's
//! field `traceparent` (W3C) makes the event a part of that trace.
//!
//! A breadcrumb costs less than a microsecond and no allocation; an event costs what
//! [`capture_error`](crate::capture_error) does.
//!
//! Limits: 8 KB of fields on an event and 4 KB on a span or breadcrumb, 32 spans; what passes them is left out, the outer
//! spans first.

use std::error::Error;
use std::fmt::{self, Write as _};

use ::tracing_core::field::{Field, Visit};
use ::tracing_core::span::{Attributes, Id, Record};
use ::tracing_core::{Event, Level as Severity, Metadata, Subscriber};
use ::tracing_subscriber::layer::Context;
use ::tracing_subscriber::registry::{LookupSpan, SpanRef};

pub use super::filter::EventFilter;
use crate::capture::Site;
use crate::capture::report::{
    self, Above, CrumbWriter, EventWriter, Kind, Members, Report, Trace, Value,
};
use crate::event::{Level, is_forbidden_key, limits};

const FIELDS: &str = "Rust Tracing Fields";
const SPANS: &str = "Rust Tracing Spans";
/// What a tag's field begins with.
const TAGS_PREFIX: &str = "tags.";
/// The target of what `tracing-log` hands over from the `log` crate, with the true one in fields.
const LOG_TARGET: &str = "log";

/// Spans of one event, the innermost ones.
const SPANS_MAX: usize = 32;
/// Fields of one span, in bytes.
const SPAN_FIELDS_BYTES_MAX: usize = 4 * 1024;

/// A layer with the default filters.
pub fn layer() -> Layer {
    Layer::default()
}

/// What [`Layer`] does by default: errors are events, warnings and notices breadcrumbs, the rest nothing.
pub fn default_event_filter(metadata: &Metadata<'_>) -> EventFilter {
    match *metadata.level() {
        Severity::ERROR => EventFilter::Event,
        Severity::WARN | Severity::INFO => EventFilter::Breadcrumb,
        _ => EventFilter::Ignore,
    }
}

/// Whose fields [`Layer`] keeps by default: those of the levels error, warn and info.
pub fn default_span_filter(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Severity::INFO
}

type Filter<T> = Box<dyn Fn(&Metadata<'_>) -> T + Send + Sync>;

/// The layer; see the [module](self).
#[must_use = "a layer does nothing until a subscriber has it"]
pub struct Layer {
    event_filter: Filter<EventFilter>,
    span_filter: Filter<bool>,
}

impl Default for Layer {
    fn default() -> Self {
        Self {
            event_filter: Box::new(default_event_filter),
            span_filter: Box::new(default_span_filter),
        }
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").finish_non_exhaustive()
    }
}

impl Layer {
    /// Decides what becomes of an event, by its level, target or whatever else its metadata tell.
    ///
    /// ```
    /// use crashvault::tracing::{EventFilter, default_event_filter, layer};
    ///
    /// let layer = layer().event_filter(|metadata| match metadata.target() {
    ///     "hyper" => EventFilter::Ignore,
    ///     _ => default_event_filter(metadata),
    /// });
    /// # drop(layer);
    /// ```
    pub fn event_filter(
        mut self,
        filter: impl Fn(&Metadata<'_>) -> EventFilter + Send + Sync + 'static,
    ) -> Self {
        self.event_filter = Box::new(filter);
        self
    }

    /// Decides of which spans the fields are kept, so that events in them can tell them. The names of all are told.
    pub fn span_filter(
        mut self,
        filter: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.span_filter = Box::new(filter);
        self
    }
}

impl<S> ::tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let has_fields = !attributes.fields().is_empty();
        if !has_fields || !(self.span_filter)(attributes.metadata()) {
            return;
        }
        if let Some(span) = context.span(id) {
            let mut fields = SpanFields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if span.extensions().get::<SpanFields>().is_none() {
            return;
        }
        // Before the lock: what the host prints may log in this very span.
        let mut printed = Printed::default();
        values.record(&mut printed);
        if let Some(fields) = span.extensions_mut().get_mut::<SpanFields>() {
            let texts = printed.texts.into_iter();
            values.record(&mut Recorder { fields, texts });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        match (self.event_filter)(event.metadata()) {
            EventFilter::Ignore => {}
            EventFilter::Breadcrumb => add_breadcrumb(event),
            EventFilter::Event => capture(event, &context),
        }
    }
}

fn level_of(severity: Severity) -> Level {
    match severity {
        Severity::ERROR => Level::Error,
        Severity::WARN => Level::Warning,
        Severity::INFO => Level::Info,
        _ => Level::Debug,
    }
}

/// Makes a visitor of whatever takes a field and its value.
macro_rules! visit_values {
    () => {
        fn record_i64(&mut self, field: &Field, value: i64) {
            self.put(field.name(), Value::I64(value));
        }

        fn record_u64(&mut self, field: &Field, value: u64) {
            self.put(field.name(), Value::U64(value));
        }

        fn record_f64(&mut self, field: &Field, value: f64) {
            self.put(field.name(), Value::F64(value));
        }

        fn record_bool(&mut self, field: &Field, value: bool) {
            self.put(field.name(), Value::Bool(value));
        }

        fn record_str(&mut self, field: &Field, value: &str) {
            self.put(field.name(), Value::Text(value));
        }

        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.put(field.name(), Value::Debug(value));
        }
    };
}

// Breadcrumbs --------------------------------------------------------------------------------------------------

fn add_breadcrumb(event: &Event<'_>) {
    let metadata = event.metadata();
    report::add_breadcrumb(level_of(*metadata.level()), metadata.target(), &|writer| {
        event.record(&mut CrumbVisitor {
            writer,
            is_from_log: metadata.target() == LOG_TARGET,
        });
    });
}

struct CrumbVisitor<'v, 'w, 'b> {
    writer: &'v mut CrumbWriter<'w, 'b>,
    is_from_log: bool,
}

impl CrumbVisitor<'_, '_, '_> {
    fn put(&mut self, name: &str, value: Value<'_>) {
        match (name, value) {
            ("message", value) => self.writer.message(&value),
            ("log.target", Value::Text(target)) if self.is_from_log => self.writer.category(target),
            _ if self.is_from_log && name.starts_with("log.") => {}
            _ => self.writer.data(name, value),
        }
    }
}

impl Visit for CrumbVisitor<'_, '_, '_> {
    visit_values!();

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field.name(), Value::Display(&value));
    }
}

// Spans --------------------------------------------------------------------------------------------------------

/// The fields of a span, as JSON members, until an event needs them.
struct SpanFields {
    members: Members,
    trace: Option<Trace>,
    /// More can no longer be recorded.
    is_closed: bool,
}

impl Default for SpanFields {
    fn default() -> Self {
        Self {
            members: Members::within(SPAN_FIELDS_BYTES_MAX),
            trace: None,
            is_closed: false,
        }
    }
}

impl SpanFields {
    fn put(&mut self, name: &str, value: Value<'_>) {
        if let ("traceparent", Value::Text(text)) = (name, value) {
            self.trace = Trace::continued(text).or(self.trace);
        }
        self.members.put(name, value);
        // A span may record one field again and again; only its last value counts.
        if self.members.is_full() && !self.is_closed {
            self.is_closed = !self.members.compact();
            if !self.is_closed {
                self.members.put(name, value);
            }
        }
    }
}

impl Visit for SpanFields {
    visit_values!();

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field.name(), Value::Display(&value));
    }
}

/// The texts of those values that are printed by the host's code, in their order.
#[derive(Default)]
struct Printed {
    texts: Vec<String>,
}

impl Printed {
    fn put(&mut self, name: &str, value: Value<'_>) {
        if let Value::Display(_) | Value::Debug(_) = value {
            let mut text = Text::default();
            if !is_forbidden_key(name) {
                // An error is the limit, or the host's own; what was written stands.
                let _ = write!(text, "{value}");
            }
            self.texts.push(text.0);
        }
    }
}

impl Visit for Printed {
    visit_values!();

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field.name(), Value::Display(&value));
    }
}

/// A text as long as a span has room for at most: what ends here is cut there too, and marked.
#[derive(Default)]
struct Text(String);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let kept = limits::head(text, SPAN_FIELDS_BYTES_MAX.saturating_sub(self.0.len()));
        self.0.push_str(kept);
        match kept.len() == text.len() {
            true => Ok(()),
            false => Err(fmt::Error),
        }
    }
}

/// Adds values to a span's fields without asking the host's code.
struct Recorder<'f> {
    fields: &'f mut SpanFields,
    texts: std::vec::IntoIter<String>,
}

impl Recorder<'_> {
    fn put(&mut self, name: &str, value: Value<'_>) {
        if let Value::Display(_) | Value::Debug(_) = value {
            let text = self.texts.next().unwrap_or_default();
            self.fields.put(name, Value::Display(&text));
        } else {
            self.fields.put(name, value);
        }
    }
}

impl Visit for Recorder<'_> {
    visit_values!();

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field.name(), Value::Display(&value));
    }
}

/// The spans an event is in, as the JSON of a context, and what they say about the whole event.
#[derive(Default)]
struct Spans {
    json: Vec<u8>,
    root: Option<&'static str>,
    trace: Option<Trace>,
}

impl Spans {
    fn of<S>(event: &Event<'_>, context: &Context<'_, S>) -> Self
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        let mut spans = Self::default();
        let Some(scope) = context.event_scope(event) else {
            return spans;
        };
        // From the innermost out, so that what has no room is the outermost.
        let mut list = SpanList::default();
        for span in scope {
            spans.root = Some(span.name());
            let extensions = span.extensions();
            let fields = extensions.get::<SpanFields>();
            spans.trace = spans.trace.or(fields.and_then(|fields| fields.trace));
            list.add(&span, fields.map(|fields| &fields.members));
        }
        spans.json = list.root_first();
        spans
    }
}

#[derive(Default)]
struct SpanList {
    json: Vec<u8>,
    ends: Vec<usize>,
    left_out: usize,
}

impl SpanList {
    fn add<'r, S: LookupSpan<'r>>(&mut self, span: &SpanRef<'r, S>, fields: Option<&Members>) {
        let mut members = Members::within(2 * SPAN_FIELDS_BYTES_MAX);
        members.put("id", Value::U64(span.id().into_u64()));
        members.put("name", Value::Text(span.name()));
        members.put("target", Value::Text(span.metadata().target()));
        if let Some(fields) = fields {
            let mut object = Vec::new();
            fields.append_object_to(&mut object);
            members.put_json("fields", &object);
        }
        let start = self.json.len();
        members.append_object_to(&mut self.json);
        if self.ends.len() == SPANS_MAX || self.json.len() > limits::CONTEXT_BYTES_MAX {
            self.json.truncate(start);
            self.left_out += 1;
        } else {
            self.ends.push(self.json.len());
        }
    }

    fn root_first(&self) -> Vec<u8> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let ranges: Vec<_> = starts.zip(&self.ends).collect();
        let mut json = Vec::with_capacity(self.json.len() + 64);
        json.extend_from_slice(b"{\"spans\":[");
        for (index, (start, end)) in ranges.into_iter().rev().enumerate() {
            if index > 0 {
                json.push(b',');
            }
            json.extend_from_slice(&self.json[*start..*end]);
        }
        json.push(b']');
        if self.left_out > 0 {
            json.extend_from_slice(format!(",\"outer_left_out\":{}", self.left_out).as_bytes());
        }
        json.push(b'}');
        json
    }
}

// Events -------------------------------------------------------------------------------------------------------

fn capture<S>(event: &Event<'_>, context: &Context<'_, S>)
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    let metadata = event.metadata();
    let told = Told::of(event);
    let site = Site {
        file: told.file.as_deref().or(metadata.file()).unwrap_or_default(),
        line: told.line.or(metadata.line()).unwrap_or_default(),
        column: 0,
    };
    let trace = std::cell::Cell::new(None);
    report::capture(&Report {
        level: level_of(*metadata.level()),
        site,
        wants_stack: true,
        kind: &|kind| event.record(&mut KindVisitor(kind)),
        fill: &|writer| {
            let spans = Spans::of(event, context);
            trace.set(spans.trace);
            let logger = told.target.as_deref().unwrap_or(metadata.target());
            writer.logger(logger);
            fill(event, writer, told.is_from_log);
            if let Some(root) = spans.root {
                writer.transaction(root);
                writer.context_json(SPANS, &spans.json);
            }
        },
        above_scopes: &|above| {
            if let Some(trace) = trace.get() {
                above.trace(trace);
            }
            event.record(&mut TagVisitor(above));
        },
    });
}

fn fill(event: &Event<'_>, writer: &mut EventWriter<'_, '_>, is_from_log: bool) {
    let mut visitor = EventVisitor {
        writer,
        fields: Members::within(limits::CONTEXT_BYTES_MAX),
        is_from_log,
        has_message: false,
        has_error_text: false,
    };
    event.record(&mut visitor);
    let EventVisitor {
        fields,
        has_message,
        has_error_text,
        ..
    } = visitor;
    writer.context(FIELDS, &fields);
    if has_error_text && !has_message {
        event.record(&mut ErrorAsMessage(writer));
    }
}

struct EventVisitor<'v, 'w, 'b> {
    writer: &'v mut EventWriter<'w, 'b>,
    fields: Members,
    is_from_log: bool,
    has_message: bool,
    has_error_text: bool,
}

impl EventVisitor<'_, '_, '_> {
    fn put(&mut self, name: &str, value: Value<'_>) {
        if name == "message" {
            self.has_message = true;
            return self.writer.message(&value);
        }
        let is_told_elsewhere =
            name.starts_with(TAGS_PREFIX) || self.is_from_log && name.starts_with("log.");
        if !is_told_elsewhere {
            self.has_error_text |= name == "error";
            self.fields.put(name, value);
        }
    }
}

impl Visit for EventVisitor<'_, '_, '_> {
    visit_values!();

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if !self.writer.error(value) {
            self.fields.put(field.name(), Value::Display(&value));
        }
    }
}

/// Takes the field `error` for the message.
struct ErrorAsMessage<'v, 'w, 'b>(&'v mut EventWriter<'w, 'b>);

impl ErrorAsMessage<'_, '_, '_> {
    fn put(&mut self, name: &str, value: Value<'_>) {
        if name == "error" {
            self.0.message(&value);
        }
    }
}

impl Visit for ErrorAsMessage<'_, '_, '_> {
    visit_values!();

    fn record_error(&mut self, _: &Field, _: &(dyn Error + 'static)) {}
}

struct TagVisitor<'v, 'w, 'b>(&'v mut Above<'w, 'b>);

impl TagVisitor<'_, '_, '_> {
    fn put(&mut self, name: &str, value: Value<'_>) {
        if let Some(key) = name.strip_prefix(TAGS_PREFIX) {
            self.0.tag(key, &value);
        }
    }
}

impl Visit for TagVisitor<'_, '_, '_> {
    visit_values!();
}

/// What tells events of one line apart: their message and their error.
struct KindVisitor<'v, 'h>(&'v mut Kind<'h>);

impl KindVisitor<'_, '_> {
    fn put(&mut self, name: &str, value: Value<'_>) {
        if matches!(name, "message" | "error") {
            self.0.text(&value);
        }
    }
}

impl Visit for KindVisitor<'_, '_> {
    visit_values!();

    fn record_error(&mut self, _: &Field, value: &(dyn Error + 'static)) {
        self.0.text(&value);
    }
}

/// Who spoke and where, where `tracing-log` tells it in fields.
#[derive(Default)]
struct Told {
    is_from_log: bool,
    target: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

impl Told {
    fn of(event: &Event<'_>) -> Self {
        let mut told = Self {
            is_from_log: event.metadata().target() == LOG_TARGET,
            ..Self::default()
        };
        if told.is_from_log {
            event.record(&mut told);
        }
        told
    }

    fn put(&mut self, name: &str, value: Value<'_>) {
        match (name, value) {
            ("log.target", Value::Text(target)) => self.target = Some(target.to_owned()),
            ("log.file", Value::Text(file)) => self.file = Some(file.to_owned()),
            ("log.line", Value::U64(line)) => self.line = u32::try_from(line).ok(),
            _ => {}
        }
    }
}

impl Visit for Told {
    visit_values!();
}
