//! A drain for `slog` that passes everything on to the one the program has: errors become events, warnings and notices
//! breadcrumbs.
//!
//! ```
//! use slog::{Logger, error, info, o};
//!
//! # let home = tempfile::tempdir().unwrap();
//! # crashvault::options().vault(home.path()).drain(false).install();
//! let drain = crashvault::slog::Drain::new(slog::Discard); // or the drain the program has
//! let logger = Logger::root(drain, o!("service" => "shop"));
//! info!(logger, "opened cart"; "items" => 3); // a breadcrumb with both key-values
//! error!(logger, "not paid"; "order" => 4711); // an event
//! assert_eq!(crashvault::health().captured_count, 1);
//! ```
//!
//! An event carries the message, the stack, and the key-values of the record and its loggers as the context
//! `Rust Slog Fields`; an error among them (`"error" => #failure`) becomes the exception with all its sources.
//!
//! Behind `slog-async` the drain runs on that crate's thread: breadcrumbs and the scope are then those of that thread, and
//! the stack is its stack. Put this drain in front of it.

use std::error::Error;
use std::fmt;
use std::panic::RefUnwindSafe;
use std::sync::Arc;

use ::slog::{KV, Key, Level as Severity, OwnedKVList, Record, Serializer};

pub use super::filter::EventFilter;
use crate::capture::Site;
use crate::capture::report::{self, CrumbWriter, EventWriter, Kind, Members, Report, Value};
use crate::event::{Level, limits};

const FIELDS: &str = "Rust Slog Fields";

type Filter = Arc<dyn Fn(&Record<'_>) -> EventFilter + Send + Sync + RefUnwindSafe>;

/// What [`Drain`] does by default: errors and what is critical are events, warnings and notices breadcrumbs, the rest
/// nothing.
pub fn default_filter(record: &Record<'_>) -> EventFilter {
    match record.level() {
        Severity::Critical | Severity::Error => EventFilter::Event,
        Severity::Warning | Severity::Info => EventFilter::Breadcrumb,
        Severity::Debug | Severity::Trace => EventFilter::Ignore,
    }
}

/// The drain; see the [module](self).
pub struct Drain<D> {
    inner: D,
    filter: Filter,
}

impl<D> fmt::Debug for Drain<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").finish_non_exhaustive()
    }
}

impl<D> Drain<D> {
    /// A drain that passes every record on to `inner`, unchanged, after it has looked at it itself.
    pub fn new(inner: D) -> Self {
        Self {
            inner,
            filter: Arc::new(default_filter),
        }
    }

    /// Decides what becomes of a record, by its level, module, tag or whatever else it tells.
    ///
    /// ```
    /// use crashvault::slog::{Drain, EventFilter, default_filter};
    ///
    /// let drain = Drain::new(slog::Discard).filter(|record| match record.module() {
    ///     "noisy" => EventFilter::Ignore,
    ///     _ => default_filter(record),
    /// });
    /// # drop(drain);
    /// ```
    #[must_use]
    pub fn filter(
        mut self,
        filter: impl Fn(&Record<'_>) -> EventFilter + Send + Sync + RefUnwindSafe + 'static,
    ) -> Self {
        self.filter = Arc::new(filter);
        self
    }
}

impl<D: ::slog::Drain> ::slog::Drain for Drain<D> {
    type Ok = D::Ok;
    type Err = D::Err;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<D::Ok, D::Err> {
        match (self.filter)(record) {
            EventFilter::Ignore => {}
            EventFilter::Breadcrumb => add_breadcrumb(record, values),
            EventFilter::Event => capture(record, values),
        }
        self.inner.log(record, values)
    }

    fn flush(&self) -> Result<(), ::slog::FlushError> {
        self.inner.flush()
    }
}

fn level_of(severity: Severity) -> Level {
    match severity {
        Severity::Critical | Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
        Severity::Info => Level::Info,
        Severity::Debug | Severity::Trace => Level::Debug,
    }
}

/// The logger's key-values first, so that of one key the record's counts.
fn serialize(record: &Record<'_>, values: &OwnedKVList, serializer: &mut dyn Serializer) {
    // Our serializers do not fail; of a value that does, the others are kept.
    let _ = values.serialize(record, serializer);
    let _ = record.kv().serialize(record, serializer);
}

fn add_breadcrumb(record: &Record<'_>, values: &OwnedKVList) {
    report::add_breadcrumb(level_of(record.level()), record.module(), &|writer| {
        writer.message(record.msg());
        serialize(record, values, &mut CrumbSerializer(writer));
    });
}

fn capture(record: &Record<'_>, values: &OwnedKVList) {
    report::capture(&Report {
        level: level_of(record.level()),
        site: Site {
            file: record.file(),
            line: record.line(),
            column: record.column(),
        },
        wants_stack: true,
        kind: &|kind| {
            kind.text(record.msg());
            serialize(record, values, &mut KindSerializer(kind));
        },
        fill: &|writer| {
            writer.message(record.msg());
            writer.logger(record.module());
            let mut serializer = EventSerializer {
                writer,
                fields: Members::within(limits::CONTEXT_BYTES_MAX),
            };
            serialize(record, values, &mut serializer);
            let fields = serializer.fields;
            writer.context(FIELDS, &fields);
        },
        above_scopes: &|_| (),
    });
}

/// Makes a serializer of whatever takes a key and its value.
macro_rules! emit_values {
    () => {
        emit_values!(
            emit_u8(u8) U64, emit_u16(u16) U64, emit_u32(u32) U64, emit_u64(u64) U64,
            emit_i8(i8) I64, emit_i16(i16) I64, emit_i32(i32) I64, emit_i64(i64) I64,
            emit_f32(f32) F64, emit_f64(f64) F64
        );

        fn emit_usize(&mut self, key: Key, value: usize) -> ::slog::Result {
            self.emit_u64(key, value as u64)
        }

        fn emit_isize(&mut self, key: Key, value: isize) -> ::slog::Result {
            self.emit_i64(key, value as i64)
        }

        fn emit_bool(&mut self, key: Key, value: bool) -> ::slog::Result {
            self.put(key.as_ref(), Value::Bool(value));
            Ok(())
        }

        fn emit_str(&mut self, key: Key, value: &str) -> ::slog::Result {
            self.put(key.as_ref(), Value::Text(value));
            Ok(())
        }

        fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> ::slog::Result {
            self.put(key.as_ref(), Value::Display(value));
            Ok(())
        }
    };
    ($($method:ident($ty:ty) $kind:ident),*) => {$(
        fn $method(&mut self, key: Key, value: $ty) -> ::slog::Result {
            self.put(key.as_ref(), Value::$kind(value.into()));
            Ok(())
        }
    )*};
}

struct CrumbSerializer<'v, 'w, 'b>(&'v mut CrumbWriter<'w, 'b>);

impl CrumbSerializer<'_, '_, '_> {
    fn put(&mut self, key: &str, value: Value<'_>) {
        self.0.data(key, value);
    }
}

impl Serializer for CrumbSerializer<'_, '_, '_> {
    emit_values!();
}

struct EventSerializer<'v, 'w, 'b> {
    writer: &'v mut EventWriter<'w, 'b>,
    fields: Members,
}

impl EventSerializer<'_, '_, '_> {
    fn put(&mut self, key: &str, value: Value<'_>) {
        self.fields.put(key, value);
    }
}

impl Serializer for EventSerializer<'_, '_, '_> {
    emit_values!();

    fn emit_error(&mut self, key: Key, error: &(dyn Error + 'static)) -> ::slog::Result {
        if !self.writer.error(error) {
            self.fields.put(key.as_ref(), Value::Display(&error));
        }
        Ok(())
    }
}

/// What tells events of one line apart beside their message: their error.
struct KindSerializer<'v, 'h>(&'v mut Kind<'h>);

impl Serializer for KindSerializer<'_, '_> {
    fn emit_arguments(&mut self, _: Key, _: &fmt::Arguments<'_>) -> ::slog::Result {
        Ok(())
    }

    fn emit_error(&mut self, _: Key, error: &(dyn Error + 'static)) -> ::slog::Result {
        self.0.text(&error);
        Ok(())
    }
}
