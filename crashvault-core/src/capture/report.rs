//! Enters: what a library that serves the host (a logger, a subscriber) says, by reference. Leaves: events and
//! breadcrumbs, by the same walk as the host's own.
//!
//! Never: allocates for a breadcrumb, or listens to what the host's code says while a capture asks it something.
#![cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "log and slog need less of it than tracing does")
)]

use std::error::Error;
use std::fmt::{self, Write as _};
use std::hash::Hash;

pub(crate) use super::fields::{Members, Value};
pub(crate) use super::trace::Trace;

use super::engine::{Draft, Engine, KeyHasher, Site, Stack, engine};
use super::platform::Addresses;
use super::{chain, fields, local};
use crate::event::wire::{self, Crumb, Encoder, Field};
use crate::event::{EventId, Level, is_forbidden_key, limits};

/// Data of one breadcrumb together, in bytes; its message is not among them.
const CRUMB_DATA_BYTES_MAX: usize = 4 * 1024;

/// The engine, unless the host's code is being asked by a capture right now: what it says then would be about itself.
fn listening() -> Option<&'static Engine> {
    engine().filter(|_| !local::is_guarded())
}

/// What is to become an event.
pub(crate) struct Report<'r> {
    pub(crate) level: Level,
    pub(crate) site: Site<'r>,
    /// Whether the caller's stack is walked.
    pub(crate) wants_stack: bool,
    /// Says what tells kinds apart at one place, for the throttle; the host's code runs in it.
    pub(crate) kind: &'r dyn Fn(&mut Kind<'_>),
    /// Says what is known; the host's code runs in it.
    pub(crate) fill: &'r dyn Fn(&mut EventWriter<'_, '_>),
    /// Says what stands above the scope's data of the same name; the host's code runs in it.
    pub(crate) above_scopes: &'r dyn Fn(&mut Above<'_, '_>),
}

/// Captures what a library reports.
#[inline(never)]
pub(crate) fn capture(report: &Report<'_>) -> EventId {
    let Some(engine) = listening() else {
        return EventId::NIL;
    };
    let draft = Draft {
        level: report.level,
        is_fatal: report.level == Level::Fatal,
        is_in_panic_hook: false,
        wants_stack: report.wants_stack,
        thread_name: None,
        key: &|hasher| (report.kind)(&mut Kind(hasher)),
        fill: &|encoder, addresses| {
            let mut writer = EventWriter {
                encoder,
                addresses,
                site: report.site,
                stack: Stack::OfThread,
            };
            (report.fill)(&mut writer);
            writer.finish()
        },
        above_scopes: Some(&|encoder| (report.above_scopes)(&mut Above(encoder))),
    };
    engine.capture(&draft, report.site)
}

/// Takes the texts that tell kinds of events apart.
pub(crate) struct Kind<'h>(&'h mut KeyHasher);

impl Kind<'_> {
    /// Only its first letters count, and no digits.
    pub(crate) fn text(&mut self, text: &dyn fmt::Display) {
        let mut key = chain::KeyText::default();
        let _ = write!(key, "{text}");
        key.as_bytes().hash(self.0);
    }
}

/// Writes an event's own fields.
pub(crate) struct EventWriter<'w, 'b> {
    encoder: &'w mut Encoder<'b>,
    addresses: &'w Addresses,
    site: Site<'w>,
    stack: Stack,
}

impl EventWriter<'_, '_> {
    pub(crate) fn message(&mut self, message: &dyn fmt::Display) {
        let tag = Field::Message as u8;
        self.encoder
            .display(tag, message, limits::MESSAGE_BYTES_MAX);
    }

    /// The error with its sources and the stack. False, and nothing is written, where there is one already.
    pub(crate) fn error(&mut self, error: &(dyn Error + 'static)) -> bool {
        if self.stack == Stack::Written {
            return false;
        }
        let link = chain::Link::of_dyn(&error);
        chain::encode(self.encoder, &link, self.addresses, self.site);
        self.stack = Stack::Written;
        true
    }

    /// The name of who speaks.
    pub(crate) fn logger(&mut self, name: &str) {
        let tag = Field::Logger as u8;
        self.encoder.text(tag, name, limits::NAME_BYTES_MAX);
    }

    /// What was being done; the scope's word counts more.
    pub(crate) fn transaction(&mut self, name: &str) {
        let tag = Field::Transaction as u8;
        self.encoder.text(tag, name, limits::NAME_BYTES_MAX);
    }

    /// A context, if there is something in it.
    pub(crate) fn context(&mut self, name: &str, members: &Members) {
        if !members.is_empty() {
            let mut json = Vec::new();
            members.append_object_to(&mut json);
            self.context_json(name, &json);
        }
    }

    /// A context that is JSON already.
    pub(crate) fn context_json(&mut self, name: &str, json: &[u8]) {
        self.encoder.keyed(Field::Context as u8, name, json);
    }

    fn finish(self) -> Stack {
        if self.stack == Stack::OfThread {
            let tag = Field::Location as u8;
            self.encoder
                .display(tag, &self.site, limits::NAME_BYTES_MAX);
        }
        self.stack
    }
}

/// Writes what an event says itself although its scope says something else.
pub(crate) struct Above<'w, 'b>(&'w mut Encoder<'b>);

impl Above<'_, '_> {
    pub(crate) fn tag(&mut self, key: &str, value: &dyn fmt::Display) {
        let bytes_max = limits::TAG_VALUE_BYTES_MAX;
        let tag = Field::Tag as u8;
        if is_forbidden_key(key) {
            return self.0.keyed(tag, key, limits::FILTERED.as_bytes());
        }
        self.0.keyed_with(tag, key, bytes_max, |buffer| {
            wire::bounded_text(buffer, value, bytes_max)
        });
    }

    pub(crate) fn trace(&mut self, trace: Trace) {
        trace.encode(self.0);
    }
}

/// Adds a breadcrumb whose message and data `fill` says; the host's code runs in it.
pub(crate) fn add_breadcrumb(
    level: Level,
    category: &str,
    fill: &dyn Fn(&mut CrumbWriter<'_, '_>),
) {
    let Some(engine) = listening() else { return };
    let now = engine.options.clock.now();
    local::with_buffer(|buffer| {
        let filled = local::guarded(|| {
            Encoder::new(buffer).nested(Field::Breadcrumb as u8, |encoder| {
                encoder.bytes(Crumb::Timestamp as u8, &now.as_nanos().to_le_bytes());
                encoder.bytes(Crumb::Level as u8, &[level as u8]);
                encoder.text(Crumb::Category as u8, category, limits::NAME_BYTES_MAX);
                fill(&mut CrumbWriter {
                    encoder,
                    bytes_left: CRUMB_DATA_BYTES_MAX,
                });
            });
        });
        if filled.is_some() {
            admit(engine, buffer);
        }
    });
}

fn admit(engine: &Engine, crumb: &[u8]) {
    if engine.options.before_breadcrumb.is_some() {
        let whole = wire::decode(crumb).breadcrumbs.pop();
        return whole.into_iter().for_each(super::add_breadcrumb);
    }
    let count_max = engine
        .options
        .breadcrumbs_max
        .unwrap_or(limits::BREADCRUMBS_MAX);
    local::with_scope_of_thread(|scope| scope.crumbs_mut().push(crumb, count_max));
}

/// Writes a breadcrumb's message and data.
pub(crate) struct CrumbWriter<'w, 'b> {
    encoder: &'w mut Encoder<'b>,
    bytes_left: usize,
}

impl CrumbWriter<'_, '_> {
    /// Who spoke, where that is not who was named first.
    pub(crate) fn category(&mut self, name: &str) {
        let tag = Crumb::Category as u8;
        self.encoder.text(tag, name, limits::NAME_BYTES_MAX);
    }

    pub(crate) fn message(&mut self, message: &dyn fmt::Display) {
        let tag = Crumb::Message as u8;
        self.encoder
            .display(tag, message, limits::BREADCRUMB_TEXT_BYTES_MAX);
    }

    /// One entry of data; left out where the breadcrumb is long enough.
    pub(crate) fn data(&mut self, key: &str, value: Value<'_>) {
        let head = limits::head(key, limits::TAG_KEY_BYTES_MAX);
        let room = self.bytes_left.saturating_sub(head.len());
        if room < DATA_BYTES_MIN {
            return;
        }
        let bytes_max = room.min(limits::BREADCRUMB_TEXT_BYTES_MAX);
        let tag = Crumb::Data as u8;
        self.encoder.keyed_with(tag, head, bytes_max, |buffer| {
            let start = buffer.len();
            fields::allowed(key, value).put_json(buffer, bytes_max);
            self.bytes_left = room.saturating_sub(buffer.len() - start);
        });
    }
}

/// No data is begun that has less room than this, in bytes: the longest number fits.
const DATA_BYTES_MIN: usize = 64;
