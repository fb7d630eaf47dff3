//! Subjects as a program meets them that logs with `tracing`: each has a subscriber of a registry and its own layer, as its
//! documentation shows it, and one has the registry alone.

use std::error::Error;

use crashvault::Event;
use tracing::dispatcher::{self, Dispatch};
use tracing_subscriber::prelude::*;

use crate::Plan;
use crate::harness::{self, BREADCRUMB_BLOCK, Installed, Timed};
use crate::ours::{self, Crashvault};
use crate::sentry::Sentry;
use crate::subject::{Kept, Subject};
use crate::workload::{LoadError, at_depth};

/// A subscriber without any layer: what logging costs by itself.
pub struct Bare;

impl Subject for Bare {
    fn prefix(&self) -> &'static str {
        "bare_"
    }

    fn version(&self) -> String {
        "tracing-subscriber's registry alone".into()
    }

    fn install(&self) {}

    fn set_scope(&self) {}

    fn capture_error(&self, _error: &(dyn Error + 'static)) -> bool {
        false
    }

    fn capture_message(&self, _text: &str) -> bool {
        false
    }

    fn add_breadcrumb(&self, _message: &str) {}

    fn has_panic_hook(&self) -> bool {
        false
    }

    fn kept(&self) -> Kept {
        Kept::default()
    }
}

/// The subscriber of each subject.
pub struct Subscribers(Vec<(&'static str, Dispatch)>);

impl Subscribers {
    pub fn of(subjects: &[&'static dyn Subject]) -> Self {
        let with_prefix = |subject: &&'static dyn Subject| (subject.prefix(), subscriber(*subject));
        Self(subjects.iter().map(with_prefix).collect())
    }

    /// Runs `work` with a subject's subscriber.
    fn with<R>(&self, subject: &dyn Subject, work: impl FnOnce() -> R) -> R {
        let found = self
            .0
            .iter()
            .find(|(prefix, _)| *prefix == subject.prefix());
        let (_, dispatch) = found.unwrap_or_else(|| panic!("{} logs nothing", subject.prefix()));
        dispatcher::with_default(dispatch, work)
    }
}

fn subscriber(subject: &dyn Subject) -> Dispatch {
    let registry = tracing_subscriber::registry();
    match subject.prefix() {
        "" => registry.with(crashvault::tracing::layer()).into(),
        "bare_" => registry.into(),
        _ => registry.with(sentry_layer()).into(),
    }
}

/// The one layer that does what ours does, errors to events and warnings and notices to breadcrumbs, with its own filter.
/// The newer layers, one for each, need filters of the subscriber, which every subject here would pay for.
#[expect(deprecated, reason = "see above")]
fn sentry_layer<S>() -> sentry::integrations::tracing::SentryLayer<S>
where
    S: tracing::Subscriber + for<'l> tracing_subscriber::registry::LookupSpan<'l>,
{
    sentry::integrations::tracing::layer()
}

/// `info!` with two fields, in samples of [`BREADCRUMB_BLOCK`] calls. The scope is restored afterwards.
pub fn breadcrumbs<'s>(
    installed: &'s [Installed],
    subscribers: &Subscribers,
    plan: &Plan,
) -> Vec<Timed<'s>> {
    let timed = harness::interleave(installed, plan, |one, number| {
        subscribers.with(one.subject, || {
            harness::measure(&mut || {
                for _ in 0..BREADCRUMB_BLOCK {
                    log_notice(number);
                }
                true
            })
        })
    });
    for one in installed {
        one.subject.take_turn(&mut || one.subject.set_scope());
    }
    timed
}

fn log_notice(number: usize) {
    tracing::info!(items = 3, cached = true, "loaded profile {number}");
}

/// `error!` with an error of two links, in a span with two fields. What was accepted shows in what was kept.
pub fn errors<'s>(
    installed: &'s [Installed],
    subscribers: &Subscribers,
    plan: &Plan,
) -> Vec<Timed<'s>> {
    harness::interleave(installed, plan, |one, number| {
        let error = LoadError::new(number);
        subscribers.with(one.subject, || {
            let _request = tracing::info_span!("request", method = "GET", number).entered();
            at_depth(plan.depth, &mut || {
                harness::measure(&mut || {
                    log_error(&error, number);
                    true
                })
            })
        })
    })
}

fn log_error(error: &(dyn Error + 'static), number: usize) {
    tracing::error!(error, number, "cannot answer");
}

/// Logs once in each library and looks at what arrived.
///
/// # Errors
/// What is missing.
pub fn prove() -> Result<(), String> {
    let (own, peer) = (Crashvault::new(), Sentry::with_stack());
    let subjects: [&'static dyn Subject; 2] = [own, peer];
    let subscribers = Subscribers::of(&subjects);
    for subject in subjects {
        subject.install();
        subject.take_turn(&mut || {
            subscribers.with(subject, || {
                let _request = tracing::info_span!("request", method = "GET").entered();
                log_notice(7);
                log_error(&LoadError::new(7), 7);
            });
        });
    }
    let kept = ours::last_event(own.home()).map_err(|error| error.to_string())?;
    let _ = std::fs::remove_dir_all(own.home());
    let event = kept.ok_or("the vault is empty")?;
    if !is_told(&event) {
        return Err(format!("the vault has {}", event.to_value()));
    }
    let sent = peer.last_event();
    let crumb = sent
        .pointer("/breadcrumbs/values/0")
        .or(sent.pointer("/breadcrumbs/0"));
    let exceptions = sent
        .pointer("/exception/values")
        .and_then(|list| list.as_array());
    let well = crumb.is_some_and(|crumb| crumb["message"] == NOTICE && crumb["data"]["items"] == 3)
        && exceptions.is_some_and(|list| list.len() >= 2);
    well.then_some(())
        .ok_or_else(|| format!("the peer sent {sent}"))
}

const NOTICE: &str = "loaded profile 7";

fn is_told(event: &Event) -> bool {
    let [crumb] = &event.breadcrumbs[..] else {
        return false;
    };
    crumb.message.as_deref() == Some(NOTICE)
        && crumb.data.get("items").is_some_and(|items| *items == 3)
        && event.message.as_deref() == Some("cannot answer")
        && event.exceptions.len() == 2
        && event.contexts["Rust Tracing Fields"]["number"] == 7
        && event.contexts["Rust Tracing Spans"]["spans"][0]["fields"]["method"] == "GET"
}
