//! What every event of a thread or task carries: tags, user, contexts, extra, breadcrumbs.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::Value;

use super::crumbs::Crumbs;
use super::engine::collect::Collector;
use super::late::LateParts;
use super::local;
use super::trace::Trace;
use crate::event::limits;
use crate::event::wire::{Encoder, Field, json_item};
use crate::event::{Breadcrumb, Level, Object, User, filter_forbidden, is_forbidden_key};
use crate::journal::Durability;

/// Data that every event captured in it carries. Each thread has one; see [`configure_scope`](crate::configure_scope),
/// [`with_scope`](crate::with_scope) and, for work that moves between threads, [`ScopeHandle`].
///
/// Values under forbidden keys (password, token, authorization …) are replaced before they are written.
///
/// Limits: 200 tags of 200 bytes, 50 contexts of 8 KB, 128 KB of extra, 100 breadcrumbs within 32 KB; what passes them is
/// cut or left out visibly.
#[derive(Clone, Default)]
pub struct Scope {
    tags: BTreeMap<String, String>,
    user: Option<User>,
    contexts: Object,
    extra: Object,
    fingerprint: Vec<String>,
    level: Option<Level>,
    durability: Option<Durability>,
    transaction: Option<String>,
    trace: Option<Trace>,
    crumbs: Crumbs,
    encoded: Encoded,
    collector: Collector,
    pub(super) late: LateParts,
}

/// The scope's fields as they go into a record; made when a capture finds them stale.
#[derive(Clone, Default)]
struct Encoded {
    is_fresh: bool,
    head: Vec<u8>,
    contexts: Vec<u8>,
    extra: Vec<u8>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("tags", &self.tags)
            .field("transaction", &self.transaction)
            .finish_non_exhaustive()
    }
}

impl Scope {
    /// Sets a tag; an earlier value gives way.
    pub fn set_tag(&mut self, key: impl Into<String>, value: impl fmt::Display) {
        self.tags.insert(key.into(), value.to_string());
        self.changed();
    }

    /// Removes a tag.
    pub fn remove_tag(&mut self, key: &str) {
        self.tags.remove(key);
        self.changed();
    }

    /// Sets or, with `None`, removes the user.
    pub fn set_user(&mut self, user: impl Into<Option<User>>) {
        self.user = user.into();
        self.changed();
    }

    /// Sets a context: structured data under a name.
    pub fn set_context(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.contexts.insert(name.into(), value.into());
        self.changed();
    }

    /// Removes a context.
    pub fn remove_context(&mut self, name: &str) {
        self.contexts.remove(name);
        self.changed();
    }

    /// Sets one entry of free data.
    pub fn set_extra(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.extra.insert(key.into(), value.into());
        self.changed();
    }

    /// Groups the events of this scope by these parts; `{{ default }}` stands for what they would be grouped by.
    pub fn set_fingerprint<T: Into<String>>(&mut self, parts: impl IntoIterator<Item = T>) {
        self.fingerprint = parts.into_iter().map(Into::into).collect();
        self.changed();
    }

    /// Sets or removes the level of errors and messages captured in this scope. Panics stay fatal.
    pub fn set_level(&mut self, level: impl Into<Option<Level>>) {
        self.level = level.into();
    }

    /// Sets or removes how much captures in this scope wait for; it stands above the options.
    ///
    /// ```
    /// use crashvault::{Durability, Level};
    /// crashvault::with_scope(
    ///     |scope| scope.set_durability(Durability::Data),
    ///     || crashvault::capture_message("the ledger does not balance", Level::Fatal),
    /// );
    /// ```
    pub fn set_durability(&mut self, durability: impl Into<Option<Durability>>) {
        self.durability = durability.into();
    }

    /// Names the route, job or operation.
    pub fn set_transaction(&mut self, name: impl Into<String>) {
        self.transaction = Some(name.into());
        self.changed();
    }

    /// Takes up the trace of a caller, from the W3C `traceparent` it sent (an HTTP header, a variable, a message's field):
    /// events then carry `contexts.trace`, and `trace:ID` finds those of all programs on its way. False, and nothing is
    /// changed, where the text is not valid.
    ///
    /// ```
    /// crashvault::configure_scope(|scope| {
    ///     assert!(scope.set_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    ///     assert!(!scope.set_traceparent("4bf92f3577b34da6a3ce929d0e0e4736"));
    /// });
    /// ```
    pub fn set_traceparent(&mut self, traceparent: &str) -> bool {
        let Some(trace) = Trace::continued(traceparent) else {
            return false;
        };
        self.trace = Some(trace);
        self.changed();
        true
    }

    /// Begins a trace of its own, with a random id; [`traceparent`](crate::traceparent) passes it on.
    pub fn start_trace(&mut self) {
        self.trace = Some(Trace::begun());
        self.changed();
    }

    /// The W3C `traceparent` to pass on, if this scope has a trace; [`traceparent`](crate::traceparent) also asks the global one.
    pub fn traceparent(&self) -> Option<String> {
        self.trace.map(|trace| trace.to_string())
    }

    /// Adds a breadcrumb now, if `before_breadcrumb` lets it through; the oldest give way.
    pub fn add_breadcrumb(&mut self, crumb: Breadcrumb) {
        if let Some(admitted) = super::Admitted::new(crumb) {
            admitted.add_to(&mut self.crumbs);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        let crumbs = std::mem::take(&mut self.crumbs);
        *self = Self {
            crumbs,
            collector: self.collector,
            ..Self::default()
        };
        self.crumbs.clear();
    }

    /// An empty scope whose captures go to a collector.
    #[cfg(feature = "test")]
    pub(super) fn leading_to(collector: Collector) -> Self {
        Self {
            collector,
            ..Self::default()
        }
    }

    pub(super) fn collector(&self) -> Collector {
        self.collector
    }

    pub(super) fn crumbs_mut(&mut self) -> &mut Crumbs {
        &mut self.crumbs
    }

    pub(super) fn level(&self) -> Option<Level> {
        self.level
    }

    pub(super) fn durability(&self) -> Option<Durability> {
        self.durability
    }

    pub(super) fn trace(&self) -> Option<Trace> {
        self.trace
    }

    pub(super) fn has_fingerprint(&self) -> bool {
        !self.fingerprint.is_empty()
    }

    fn changed(&mut self) {
        self.encoded.is_fresh = false;
    }

    /// The short and important fields: tags, user, fingerprint, transaction, trace.
    pub(super) fn encode_head(&self, encoder: &mut Encoder<'_>) {
        encoder.encoded(&self.encoded.head);
    }

    /// The long fields, which come last in a record.
    pub(super) fn encode_tail(&self, encoder: &mut Encoder<'_>) {
        self.crumbs.encode(encoder);
        self.encode_data(encoder);
    }

    /// Contexts and extra.
    pub(super) fn encode_data(&self, encoder: &mut Encoder<'_>) {
        encoder.encoded(&self.encoded.contexts);
        encoder.encoded(&self.encoded.extra);
    }

    /// Whether there is nothing that [`Scope::encode_head`] and its kin would write.
    pub(super) fn is_bare(&self) -> bool {
        self.tags.is_empty()
            && self.user.is_none()
            && self.contexts.is_empty()
            && self.extra.is_empty()
            && self.fingerprint.is_empty()
            && self.transaction.is_none()
            && self.trace.is_none()
    }

    pub(super) fn encode_fingerprint(&self, encoder: &mut Encoder<'_>) {
        for part in self.fingerprint.iter().take(limits::FINGERPRINT_PARTS_MAX) {
            encoder.text(Field::Fingerprint as u8, part, limits::NAME_BYTES_MAX);
        }
    }

    /// Makes the encoded fields anew where they are stale; before any `encode_*`.
    pub(super) fn refresh(&mut self) {
        if self.encoded.is_fresh {
            return;
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.head.clear();
        self.fill_head(&mut Encoder::new(&mut encoded.head));
        encoded.contexts.clear();
        let most = limits::CONTEXTS_MAX;
        self.fill_json(
            &mut encoded.contexts,
            Field::Context,
            &self.contexts,
            (most, limits::CONTEXT_BYTES_MAX, 64 * 1024),
        );
        encoded.extra.clear();
        let item_max = limits::EXTRA_ITEM_BYTES_MAX;
        self.fill_json(
            &mut encoded.extra,
            Field::Extra,
            &self.extra,
            (usize::MAX, item_max, limits::EXTRA_BYTES_MAX),
        );
        encoded.is_fresh = true;
        self.encoded = encoded;
    }

    fn fill_head(&self, encoder: &mut Encoder<'_>) {
        if let Some(transaction) = &self.transaction {
            encoder.text(
                Field::Transaction as u8,
                transaction,
                limits::NAME_BYTES_MAX,
            );
        }
        if let Some(trace) = self.trace {
            trace.encode(encoder);
        }
        if let Some(user) = &self.user {
            encode_user(encoder, user);
        }
        for (key, value) in self.tags.iter().take(limits::TAGS_MAX) {
            let value = if is_forbidden_key(key) {
                limits::FILTERED.into()
            } else {
                limits::cut(value, limits::TAG_VALUE_BYTES_MAX)
            };
            encoder.keyed(Field::Tag as u8, key, value.as_bytes());
        }
        note_left_out(
            encoder,
            "tags",
            self.tags.len().saturating_sub(limits::TAGS_MAX),
        );
    }

    fn fill_json(
        &self,
        buffer: &mut Vec<u8>,
        field: Field,
        map: &Object,
        (count_max, item_max, bytes_max): (usize, usize, usize),
    ) {
        let mut left_out = map.len().saturating_sub(count_max);
        for (key, value) in map.iter().take(count_max) {
            let before = buffer.len();
            json_item(&mut Encoder::new(buffer), field as u8, key, value, item_max);
            if buffer.len() > bytes_max {
                buffer.truncate(before);
                left_out += 1;
            }
        }
        let name = if field == Field::Context {
            "contexts"
        } else {
            "extra"
        };
        note_left_out(&mut Encoder::new(buffer), name, left_out);
    }
}

fn note_left_out(encoder: &mut Encoder<'_>, field: &str, count: usize) {
    if count > 0 {
        let reason = format!("{count} more than fit were left out");
        encoder.keyed(Field::Flaw as u8, field, reason.as_bytes());
    }
}

fn encode_user(encoder: &mut Encoder<'_>, user: &User) {
    let known = [
        ("id", &user.id),
        ("email", &user.email),
        ("username", &user.username),
        ("ip_address", &user.ip_address),
    ];
    for (key, value) in known {
        if let Some(value) = value {
            let value = limits::cut(value, limits::NAME_BYTES_MAX);
            encoder.keyed(Field::User as u8, key, value.as_bytes());
        }
    }
    for (key, value) in user.other.iter().take(limits::USER_FIELDS_MAX) {
        let text = user_text(key, value);
        let text = limits::cut(&text, limits::NAME_BYTES_MAX);
        encoder.keyed(Field::User as u8, key, text.as_bytes());
    }
    note_left_out(
        encoder,
        "user",
        user.other.len().saturating_sub(limits::USER_FIELDS_MAX),
    );
}

fn user_text(key: &str, value: &Value) -> String {
    if is_forbidden_key(key) {
        return limits::FILTERED.to_owned();
    }
    match value {
        Value::String(text) => text.clone(),
        other => {
            let mut other = other.clone();
            filter_forbidden(&mut other);
            other.to_string()
        }
    }
}

/// A copy of a scope to be carried to other threads or tasks.
///
/// ```
/// use crashvault::ScopeHandle;
/// crashvault::set_tag("request", "r1");
/// let scope = ScopeHandle::current();
/// std::thread::spawn(move || scope.run(|| {
///     // events captured here carry request=r1
/// })).join().unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ScopeHandle(pub(super) Scope);

impl ScopeHandle {
    /// A copy of the calling thread's scope.
    pub fn current() -> Self {
        Self(local::with_scope_of_thread(|scope| scope.clone()).unwrap_or_default())
    }

    /// Runs `work` with this scope as the thread's; the former one returns afterwards, also after a panic.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let mut scope = self.0;
        let _entered = Entered::enter(&mut scope);
        work()
    }
}

/// Swaps a scope with the thread's, and back when dropped.
pub(super) struct Entered<'s> {
    scope: &'s mut Scope,
    is_swapped: bool,
}

impl<'s> Entered<'s> {
    pub(super) fn enter(scope: &'s mut Scope) -> Self {
        scope.collector = scope.collector.or(local::collector());
        let is_swapped = local::swap_scope(scope);
        local::show_scope();
        Self { scope, is_swapped }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if self.is_swapped {
            local::swap_scope(self.scope);
            local::show_scope();
        }
    }
}

/// A future that runs in a scope of its own; made by [`ScopeFutureExt::in_scope`].
#[derive(Debug)]
pub struct InScope<F> {
    scope: Scope,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let _entered = Entered::enter(&mut this.scope);
        this.future.as_mut().poll(context)
    }
}

/// Gives futures a scope of their own.
pub trait ScopeFutureExt: Future + Sized {
    /// Runs this future in `scope`, on whatever thread it is polled; what it sets stays in it.
    ///
    /// ```
    /// use crashvault::{ScopeFutureExt, ScopeHandle};
    /// let task = async { crashvault::set_tag("step", 2) }.in_scope(ScopeHandle::current());
    /// # drop(task);
    /// ```
    fn in_scope(self, scope: ScopeHandle) -> InScope<Self> {
        InScope {
            scope: scope.0,
            future: Box::pin(self),
        }
    }
}

impl<F: Future> ScopeFutureExt for F {}
