//! A logger for the `log` crate that passes everything on to the one the program has: errors become events, warnings and
//! notices breadcrumbs.
//!
//! ```
//! # let home = tempfile::tempdir().unwrap();
//! # crashvault::options().vault(home.path()).drain(false).install();
//! crashvault::log::Logger::new().init(); // or Logger::wrap(the logger the program has)
//!
//! log::warn!("disk is nearly full"); // a breadcrumb
//! log::error!("disk is full"); // an event
//! assert_eq!(crashvault::health().captured_count, 1);
//! ```
//!
//! An event carries the message, the stack, the logger's target, and the record's key-values as the context
//! `Rust Log Attributes`.

use std::fmt;

use ::log::kv::{self, VisitSource};
use ::log::{Level as Severity, LevelFilter, Log, Metadata, Record, SetLoggerError};

pub use super::filter::EventFilter;
use crate::capture::Site;
use crate::capture::report::{self, CrumbWriter, Members, Report, Value};
use crate::event::{Level, limits};

const ATTRIBUTES: &str = "Rust Log Attributes";

type Filter = Box<dyn Fn(&Metadata<'_>) -> EventFilter + Send + Sync>;

/// What [`Logger`] does by default: errors are events, warnings and notices breadcrumbs, the rest nothing.
pub fn default_filter(metadata: &Metadata<'_>) -> EventFilter {
    match metadata.level() {
        Severity::Error => EventFilter::Event,
        Severity::Warn | Severity::Info => EventFilter::Breadcrumb,
        _ => EventFilter::Ignore,
    }
}

/// The logger; see the [module](self).
#[must_use = "a logger does nothing until it is installed"]
pub struct Logger {
    inner: Option<Box<dyn Log>>,
    filter: Filter,
    level_max: Option<LevelFilter>,
}

impl Default for Logger {
    fn default() -> Self {
        Self {
            inner: None,
            filter: Box::new(default_filter),
            level_max: None,
        }
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger")
            .field("wraps", &self.inner.is_some())
            .finish_non_exhaustive()
    }
}

impl Logger {
    /// A logger that prints nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A logger that passes every record on to `inner`, unchanged, after it has looked at it itself.
    pub fn wrap(inner: impl Log + 'static) -> Self {
        Self {
            inner: Some(Box::new(inner)),
            ..Self::default()
        }
    }

    /// Decides what becomes of a record, by its level and target.
    ///
    /// ```
    /// use crashvault::log::{EventFilter, Logger, default_filter};
    ///
    /// let logger = Logger::new().filter(|metadata| match metadata.target() {
    ///     "noisy" => EventFilter::Ignore,
    ///     _ => default_filter(metadata),
    /// });
    /// # drop(logger);
    /// ```
    pub fn filter(
        mut self,
        filter: impl Fn(&Metadata<'_>) -> EventFilter + Send + Sync + 'static,
    ) -> Self {
        self.filter = Box::new(filter);
        self
    }

    /// The level up to which records are made at all, for `log::set_max_level`.
    ///
    /// Default: what is set already, if that is anything; else `Trace` where a logger is wrapped, which then sorts them
    /// out itself, and `Info` where none is.
    pub fn max_level(mut self, level: LevelFilter) -> Self {
        self.level_max = Some(level);
        self
    }

    /// Makes this the program's logger.
    ///
    /// # Errors
    ///
    /// The program has one already; nothing is changed then.
    pub fn try_init(self) -> Result<(), SetLoggerError> {
        let set = Some(::log::max_level()).filter(|level| *level != LevelFilter::Off);
        let default = match self.inner {
            Some(_) => LevelFilter::Trace,
            None => LevelFilter::Info,
        };
        let level = self.level_max.or(set).unwrap_or(default);
        ::log::set_boxed_logger(Box::new(self))?;
        ::log::set_max_level(level);
        Ok(())
    }

    /// The same, for programs that do not care: where there is a logger already nothing is changed, and nobody told.
    pub fn init(self) {
        let _ = self.try_init();
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        (self.filter)(metadata) != EventFilter::Ignore
            || self
                .inner
                .as_ref()
                .is_some_and(|inner| inner.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        match (self.filter)(record.metadata()) {
            EventFilter::Ignore => {}
            EventFilter::Breadcrumb => add_breadcrumb(record),
            EventFilter::Event => capture(record),
        }
        if let Some(inner) = &self.inner {
            inner.log(record);
        }
    }

    fn flush(&self) {
        if let Some(inner) = &self.inner {
            inner.flush();
        }
    }
}

fn level_of(severity: Severity) -> Level {
    match severity {
        Severity::Error => Level::Error,
        Severity::Warn => Level::Warning,
        Severity::Info => Level::Info,
        Severity::Debug | Severity::Trace => Level::Debug,
    }
}

fn add_breadcrumb(record: &Record<'_>) {
    report::add_breadcrumb(level_of(record.level()), record.target(), &|writer| {
        writer.message(record.args());
        // Our visitors do not fail.
        let _ = record.key_values().visit(&mut CrumbVisitor(writer));
    });
}

fn capture(record: &Record<'_>) {
    report::capture(&Report {
        level: level_of(record.level()),
        site: Site {
            file: record.file().unwrap_or_default(),
            line: record.line().unwrap_or_default(),
            column: 0,
        },
        wants_stack: true,
        kind: &|kind| kind.text(record.args()),
        fill: &|writer| {
            writer.message(record.args());
            writer.logger(record.target());
            let mut members = Members::within(limits::CONTEXT_BYTES_MAX);
            let _ = record.key_values().visit(&mut MemberVisitor(&mut members));
            writer.context(ATTRIBUTES, &members);
        },
        above_scopes: &|_| (),
    });
}

struct CrumbVisitor<'v, 'w, 'b>(&'v mut CrumbWriter<'w, 'b>);

impl<'kv> VisitSource<'kv> for CrumbVisitor<'_, '_, '_> {
    fn visit_pair(&mut self, key: kv::Key<'kv>, value: kv::Value<'kv>) -> Result<(), kv::Error> {
        self.0.data(key.as_str(), value_of(&value));
        Ok(())
    }
}

struct MemberVisitor<'v>(&'v mut Members);

impl<'kv> VisitSource<'kv> for MemberVisitor<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kv>, value: kv::Value<'kv>) -> Result<(), kv::Error> {
        self.0.put(key.as_str(), value_of(&value));
        Ok(())
    }
}

fn value_of<'v>(value: &'v kv::Value<'_>) -> Value<'v> {
    if let Some(text) = value.to_borrowed_str() {
        Value::Text(text)
    } else if let Some(number) = value.to_u64() {
        Value::U64(number)
    } else if let Some(number) = value.to_i64() {
        Value::I64(number)
    } else if let Some(number) = value.to_f64() {
        Value::F64(number)
    } else if let Some(truth) = value.to_bool() {
        Value::Bool(truth)
    } else {
        Value::Display(value)
    }
}
