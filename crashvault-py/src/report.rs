//! `report()`: what a vault holds goes to a collector, because it was asked for.
//!
//! Never: sends anything by itself; keeps the interpreter while it waits for the network; shows a key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crashvault_notify::{Dsn, ReportOptions};
use pyo3::prelude::*;

use crate::error::{invalid, raised};
use crate::record::{Moment, Rows, record};
use crate::vault::{self, Drain, Time, Vault, count_of};

/// The vault that is reported: an open one, or where one lies.
pub enum Reported {
    Open(Py<Vault>),
    At(PathBuf),
}

impl<'py> FromPyObject<'_, 'py> for Reported {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<Vault>() {
            Ok(vault) => Ok(Self::Open(vault.to_owned().unbind())),
            Err(_) => object.extract().map(Self::At),
        }
    }
}

/// Sends the vault's events to a collector that speaks Sentry's protocol, each once, from where it ended the last time.
///
/// It blocks, while other threads of the program run, and leaves nothing running. Where it cannot go on it says so:
/// ``end`` is ``"done"``, ``"limit"``, ``"waiting"`` (see ``next_try_at`` and ``trouble``) or ``"stopped"``; the next
/// call goes on from there. A collector that cannot be reached raises nothing. Ctrl-C ends it when the request that is
/// under way has ended; what was sent is known.
///
/// Args:
///     destination: The collector's DSN, as ``https://KEY@host/1``. Default: ``report.to`` of the vault's settings, or
///         ``$CRASHVAULT_REPORT_TO``.
///     vault: An open ``Vault``, or where one lies, which is then drained first. Default: as for ``open()``.
///     limit: Events that are sent at most.
///     seconds: How long it goes on, waiting included.
///     since: Only events that happened since then; older ones are passed over for good. See ``Vault.search``.
///     again: Whether it begins with the first event, whatever was sent before.
///     dry_run: Whether it only counts what it would send.
///     attachments: Whether files go with their events, up to 20 MiB of each event.
///     dumps: Whether dumps of memory do, which nobody has looked through for secrets.
///     tries: How often in a row a request is tried that gets no answer, or one of a collector in trouble.
///     wait_seconds: The longest wait that is sat out; a longer one ends the call.
///     request_seconds: How long one request may take.
///
/// Raises InvalidInputError for a DSN that cannot be read, for a key that the collector does not know, and where no
/// collector answers; BusyError while another process reports there; ReadOnlyError; what ``open()`` raises.
#[pyfunction]
#[pyo3(signature = (destination=None, *, vault=None, limit=10_000, seconds=600.0, since=None, again=false, dry_run=false,
           attachments=true, dumps=false, tries=4, wait_seconds=120.0, request_seconds=120.0),
       text_signature = "(destination=None, *, vault=None, limit=10000, seconds=600.0, since=None, again=False, \
           dry_run=False, attachments=True, dumps=False, tries=4, wait_seconds=120.0, request_seconds=120.0)")]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of the host")]
pub fn report(
    py: Python<'_>,
    destination: Option<&str>,
    vault: Option<Reported>,
    limit: i64,
    seconds: f64,
    since: Option<Time>,
    again: bool,
    dry_run: bool,
    attachments: bool,
    dumps: bool,
    tries: i64,
    wait_seconds: f64,
    request_seconds: f64,
) -> PyResult<ReportOutcome> {
    let named = destination.map(|text| dsn(py, text)).transpose()?;
    let raised_meanwhile: Arc<Mutex<Option<PyErr>>> = Arc::default();
    let mut options = ReportOptions::new()
        .events_max(count_of(py, "limit", limit)? as u64)
        .time_max(time(py, "seconds", seconds)?)
        .wait_max(time(py, "wait_seconds", wait_seconds)?)
        .request_time_max(time(py, "request_seconds", request_seconds)?)
        .tries_max(u32::try_from(count_of(py, "tries", tries)?).unwrap_or(u32::MAX))
        .anew(again)
        .dry_run(dry_run)
        .dumps(dumps)
        .stop_when({
            let raised = Arc::clone(&raised_meanwhile);
            move || is_interrupted(&raised)
        });
    if !attachments {
        options = options.attachments_bytes_max(0);
    }
    if let Some(since) = since {
        options = options.since(since.into_text());
    }
    let vault = match vault {
        Some(Reported::Open(vault)) => vault,
        Some(Reported::At(path)) => opened(py, Some(path))?,
        None => opened(py, None)?,
    };
    let dsn = match named {
        Some(dsn) => dsn,
        None => known_dsn(py, vault.get())?,
    };
    let done = vault
        .get()
        .work(py, |vault| crashvault_notify::report(vault, &dsn, &options));
    let raised_meanwhile = lock(&raised_meanwhile).take();
    match raised_meanwhile {
        Some(error) => Err(error),
        None => Ok(done?.into()),
    }
}

fn opened(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Py<Vault>> {
    let vault = vault::open(py, path, false, true, Drain::All, None, None)?;
    Py::new(py, vault)
}

fn dsn(py: Python<'_>, text: &str) -> PyResult<Dsn> {
    text.parse::<Dsn>().map_err(|error| raised(py, &error))
}

/// The one of the vault's settings.
fn known_dsn(py: Python<'_>, vault: &Vault) -> PyResult<Dsn> {
    let known = vault.work(py, |vault| Ok(vault.report_to().map(str::to_owned)))?;
    let missing = || {
        let message = "no destination is named, and report.to of the vault's settings names none";
        invalid(py, "report", message)
    };
    dsn(py, &known.ok_or_else(missing)?)
}

fn time(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Duration> {
    let refused = |_| invalid(py, "report", format!("{name} is a number from 0"));
    Duration::try_from_secs_f64(seconds).map_err(refused)
}

/// Lets the host's handlers of signals run; what one raises ends the report, and passes on then.
fn is_interrupted(raised: &Mutex<Option<PyErr>>) -> bool {
    let checked = Python::try_attach(|py| py.check_signals());
    match checked {
        Some(Err(error)) => *lock(raised) = Some(error),
        Some(Ok(())) => {}
        // The interpreter is ending.
        None => return true,
    }
    lock(raised).is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

record! {
    /// An event that a collector would not take.
    ReportRefusal(event_id, reason) {
        /// The event, which is in the vault still.
        event_id: String,
        /// Why, as the collector said.
        reason: String,
        /// When that was.
        at: Moment,
    }
}

impl From<crashvault::ReportRefusal> for ReportRefusal {
    fn from(refusal: crashvault::ReportRefusal) -> Self {
        Self {
            event_id: refusal.event_id.to_string(),
            reason: refusal.reason,
            at: refusal.at.into(),
        }
    }
}

record! {
    /// What a report did, and what is left to do.
    ReportOutcome(destination, end, sent_count, waiting_count) {
        /// The place, without its key.
        destination: String,
        /// Whether nothing was sent, and the counts say what would have been.
        is_dry_run: bool,
        /// Why it ended: ``done``, ``limit``, ``waiting`` or ``stopped``.
        end: &'static str,
        /// Events that the collector took.
        sent_count: u64,
        /// Events that it said it has already.
        known_count: u64,
        /// Events that it would not take. They are in the vault still, and are not sent again by themselves.
        refused_count: u64,
        /// The first hundred of these, and why.
        refusals: Rows<ReportRefusal>,
        /// Events that are older than was asked for, or that cannot be read.
        passed_count: u64,
        /// Attachments that went with their events.
        attachments_sent: u64,
        /// Attachments that did not: too large, dumps, not wanted, or their files are gone.
        attachments_left_out: u64,
        /// Bytes of requests, packed.
        sent_bytes: u64,
        /// Events that are in the vault and were not sent yet.
        waiting_count: u64,
        /// When to try again, where that is known.
        next_try_at: Option<Moment>,
        /// What went wrong last, unless it went well since.
        trouble: Option<String>,
        /// Until when the collector wants none of a kind of data; all kinds where the key is empty.
        pauses: BTreeMap<String, Moment>,
    }
}

impl From<crashvault_notify::ReportOutcome> for ReportOutcome {
    fn from(told: crashvault_notify::ReportOutcome) -> Self {
        let pauses = told.pauses.into_iter();
        Self {
            destination: told.destination,
            is_dry_run: told.is_dry_run,
            end: told.end.name(),
            sent_count: told.sent_count,
            known_count: told.known_count,
            refused_count: told.refused_count,
            refusals: told.refusals.into(),
            passed_count: told.passed_count,
            attachments_sent: told.attachments_sent,
            attachments_left_out: told.attachments_left_out,
            sent_bytes: told.sent_bytes,
            waiting_count: told.waiting_count,
            next_try_at: told.next_try_at.map(Moment),
            trouble: told.trouble,
            pauses: pauses.map(|(kind, until)| (kind, until.into())).collect(),
        }
    }
}
