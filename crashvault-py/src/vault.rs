//! The vault as Python sees it: the engine's verbs, in Python's manner.
//!
//! Never: decides anything about issues or events, or keeps the interpreter from others while the engine works.

mod ask;
mod drain;
mod export;
pub mod reports;
mod shared;

use std::collections::VecDeque;
use std::path::PathBuf;

use crashvault::{
    ArchiveRule, Deed, IgnoreUntil, IssueFilter, IssueRef, Level, NewAttachment, PruneRule,
    Resolution, ReviewStep, Search, Status,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use self::ask::{PAGE, search, sort_of};
pub use self::ask::{Time, count_of};
pub use self::drain::Drain;
pub use self::export::{ExportReport, ImportReport};
use self::reports::{
    Archive, ArchiveReport, ArchivesFound, CausesFound, DrainReport, EmptyReport, Explanation,
    Finding, GarbageReport, Join, PruneReport, RebuildReport, Regrouping, RelatedIssue,
    RestoreReport, SavedSearch, SpaceReport, Stats, ValueCount, VaultStatus, hours,
};
use self::shared::{HostClock, Shared};
use crate::error::{invalid, raised, unknown};
use crate::event::{Added, Attachment, EventsFound, Followed, Payload};
use crate::issue::{Activity, EventNamed, Issue, IssuesFound, Named};
use crate::record::{Json, Moment, from_object};

/// Opens a vault, or makes one where there is none.
///
/// Args:
///     path: The vault's directory. Default: that of ``install()``, else ``$CRASHVAULT_HOME``, else ``~/.crashvault``.
///     read_only: Whether nothing of the vault is changed, made or drained. A vault that cannot be written is opened so
///         by itself.
///     create: Whether one is made where there is none.
///     drain: What is done first with what programs captured: ``True`` takes all of it in, a number does so for at most
///         so many seconds, ``False`` not at all. ``Vault.drained`` tells.
///     author: Who decides about issues. Default: ``$CRASHVAULT_AUTHOR``, else the login name.
///     clock: Says the time, as a ``datetime`` or in nanoseconds since 1970; for tests.
///
/// Raises NotFoundError where there is none and none may be made; CorruptError; UnsupportedError for a newer format,
/// and in a forked child whose parent had a vault open; ReadOnlyError, BusyError, CrashvaultIoError.
#[pyfunction]
#[pyo3(signature = (path=None, *, read_only=false, create=true, drain=Drain::All, author=None, clock=None),
       text_signature = "(path=None, *, read_only=False, create=True, drain=True, author=None, clock=None)")]
pub fn open(
    py: Python<'_>,
    path: Option<PathBuf>,
    read_only: bool,
    create: bool,
    drain: Drain,
    author: Option<String>,
    clock: Option<Py<PyAny>>,
) -> PyResult<Vault> {
    let known = path
        .or_else(crashvault::host::vault)
        .or_else(crashvault::Vault::default_directory);
    let Some(directory) = known else {
        let message = "there is no home directory; name the vault's";
        return Err(invalid(py, "open vault", message));
    };
    let mut options = crashvault::Vault::options()
        .read_only(read_only)
        .create(create);
    if let Some(author) = author {
        options = options.author(author);
    }
    if let Some(clock) = clock {
        options = options.clock(HostClock(clock));
    }
    let opened = py.detach(|| options.open(directory));
    let vault = opened.map_err(|error| raised(py, &error))?;
    let mut opened = Vault {
        directory: vault.directory().to_owned(),
        author: vault.author().to_owned(),
        is_read_only: vault.is_read_only(),
        drained: None,
        open: Shared::new(vault),
    };
    opened.drained = drain.run(py, &opened.open)?;
    Ok(opened)
}

/// An open vault: issues, their events, and what people decide about them.
///
/// Made by ``crashvault.open()``; a context manager that closes itself. Several threads may use it; one call after the
/// other is answered, and other threads of the program run meanwhile. It stays in the process that opened it.
///
/// Reading shows what was taken in; what was captured since then comes in with ``drain()``.
///
/// An issue is named by an ``Issue``, its number, ``"#7"``, its id or how that begins (6 hex digits at least); an event
/// by its id. Every method raises ``crashvault.Error``, NotFoundError for what is not there, InvalidInputError after
/// ``close()``, ConflictError when called by what it called itself.
#[pyclass(frozen, module = "crashvault")]
pub struct Vault {
    open: Shared,
    directory: PathBuf,
    author: String,
    is_read_only: bool,
    drained: Option<DrainReport>,
}

impl Vault {
    /// See [`Shared::work`].
    pub fn work<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut crashvault::Vault) -> crashvault::Result<T> + Send,
    ) -> PyResult<T> {
        self.open.work(py, work)
    }

    fn decided(&self, py: Python<'_>, Named(issue): Named, deed: Deed) -> PyResult<Activity> {
        let activity = self.open.work(py, |vault| vault.decide(&issue, deed))?;
        Ok(activity.into())
    }
}

fn listed<T, E>(items: Vec<E>) -> Vec<T>
where
    T: From<E>,
{
    items.into_iter().map(T::from).collect()
}

#[pymethods]
impl Vault {
    /// The vault's directory.
    #[getter]
    fn directory(&self) -> PathBuf {
        self.directory.clone()
    }

    /// Who decides about issues through this vault, and whom ``assigned:me`` means.
    #[getter]
    fn author(&self) -> &str {
        &self.author
    }

    /// Whether it is open for reading alone.
    #[getter]
    fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// What draining did when it was opened; ``None`` with ``drain=False``.
    #[getter]
    fn drained(&self) -> Option<DrainReport> {
        self.drained.clone()
    }

    /// Whether it was closed.
    #[getter]
    fn is_closed(&self) -> bool {
        self.open.is_closed()
    }

    /// Closes it; what is under way is finished first. Closing again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.open.close(py)
    }

    fn __enter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<Self>> {
        slf.get().open.work(py, |_| Ok(()))?;
        Ok(slf)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.open.close(py)
    }

    fn __repr__(&self) -> String {
        format!("<crashvault.Vault {}>", self.directory.display())
    }

    /// Moves what waits in the journal into the vault: all of it, or for at most so many ``seconds``.
    ///
    /// Without ``seconds`` it waits for another process that is draining, and raises BusyError if that gets nowhere.
    /// Ctrl-C ends it; what came in stays. Of a read-only vault the report says how many wait.
    #[pyo3(signature = (seconds=None))]
    fn drain(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<DrainReport> {
        let drain = match seconds {
            Some(seconds) => Drain::seconds(py, seconds)?,
            None => Drain::All,
        };
        let report = drain.run(py, &self.open)?;
        Ok(report.unwrap_or_else(DrainReport::none))
    }

    /// The issues that fit a query, one by one, however many there are; they are fetched as they are asked for.
    ///
    /// For what a query can say see ``search``. ``limit`` ends it after so many, ``after`` begins behind a page of
    /// ``search`` in the same order.
    #[pyo3(signature = (query="", *, sort="last_seen", reverse=false, since=None, until=None, limit=None, after=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the host")]
    fn issues(
        slf: Py<Self>,
        py: Python<'_>,
        query: &str,
        sort: &str,
        reverse: bool,
        since: Option<Time>,
        until: Option<Time>,
        limit: Option<i64>,
        after: Option<&str>,
    ) -> PyResult<IssueIterator> {
        let search = search(py, query, since, until, after)?
            .sort(sort_of(py, sort)?)
            .reversed(reverse);
        let limit = limit
            .map(|limit| count_of(py, "limit", limit))
            .transpose()?;
        let mut issues = IssueIterator {
            vault: slf,
            search: Some(search),
            page: VecDeque::new(),
            left: limit.unwrap_or(usize::MAX),
        };
        // What cannot be read is told here, not at the first issue.
        issues.fetch(py)?;
        Ok(issues)
    }

    /// The issues of which at least one event fits a query, a page at a time.
    ///
    /// A query is words and ``key:value`` terms, such as ``is:open level:error timeout release:shop@2.*``; an empty one
    /// fits all. ``since`` and ``until`` bound when events happened: a text (``"7d"``, ``"2026-01-05"``), a datetime
    /// with a time zone, a date, or a timedelta back from now. ``sort`` is ``last_seen``, ``first_seen``,
    /// ``seen_count``, ``user_count``, ``number``, ``status`` or ``title``. ``after`` is the ``next`` of the page
    /// before.
    ///
    /// Raises InvalidInputError for a query that cannot be read (``context["position"]`` is the byte it went wrong at)
    /// and for a cursor of another list; LimitReachedError for a wildcard that stands for too many words.
    #[pyo3(signature = (query="", *, sort="last_seen", reverse=false, since=None, until=None, limit=50, after=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the host")]
    fn search(
        &self,
        py: Python<'_>,
        query: &str,
        sort: &str,
        reverse: bool,
        since: Option<Time>,
        until: Option<Time>,
        limit: i64,
        after: Option<&str>,
    ) -> PyResult<IssuesFound> {
        let search = search(py, query, since, until, after)?
            .sort(sort_of(py, sort)?)
            .reversed(reverse)
            .limit(count_of(py, "limit", limit)?);
        let found = self.open.work(py, |vault| vault.search(&search))?;
        Ok(found.into())
    }

    /// The events that fit a query, newest first, a page at a time. See ``search``.
    #[pyo3(signature = (query="", *, since=None, until=None, limit=50, after=None))]
    fn search_events(
        &self,
        py: Python<'_>,
        query: &str,
        since: Option<Time>,
        until: Option<Time>,
        limit: i64,
        after: Option<&str>,
    ) -> PyResult<EventsFound> {
        let search = search(py, query, since, until, after)?.limit(count_of(py, "limit", limit)?);
        let found = self.open.work(py, |vault| vault.search_events(&search))?;
        Ok(found.into())
    }

    /// Answers a search for issues, or with ``of_events=True`` for events, and tells how: what was read of the query,
    /// what each part means and how many fit it, how the store joined that, and what the answer cost.
    #[pyo3(signature = (query="", *, sort="last_seen", reverse=false, since=None, until=None, limit=50, after=None,
           of_events=false))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the host")]
    fn explain(
        &self,
        py: Python<'_>,
        query: &str,
        sort: &str,
        reverse: bool,
        since: Option<Time>,
        until: Option<Time>,
        limit: i64,
        after: Option<&str>,
        of_events: bool,
    ) -> PyResult<Explanation> {
        let search = search(py, query, since, until, after)?
            .sort(sort_of(py, sort)?)
            .reversed(reverse)
            .limit(count_of(py, "limit", limit)?);
        let told = self.open.work(py, |vault| match of_events {
            true => vault.explain_events(&search),
            false => vault.explain(&search),
        })?;
        Ok(told.into())
    }

    /// How many issues there are, of one project or status where one is named.
    #[pyo3(signature = (*, project=None, status=None))]
    fn issue_count(
        &self,
        py: Python<'_>,
        project: Option<String>,
        status: Option<&str>,
    ) -> PyResult<u64> {
        let mut filter = IssueFilter::default();
        filter.project = project;
        filter.status = status.map(|word| status_of(py, word)).transpose()?;
        self.open.work(py, |vault| vault.issue_count(&filter))
    }

    /// One issue.
    ///
    /// Raises ConflictError for the start of an id that fits several, naming them.
    fn issue(&self, py: Python<'_>, issue: Named) -> PyResult<Issue> {
        let issue = self.open.work(py, |vault| vault.issue(&issue.0))?;
        Ok(issue.into())
    }

    /// The newest events of an issue, newest first, as dicts in the shape of Sentry's payload.
    #[pyo3(signature = (issue, *, limit=50))]
    fn events(&self, py: Python<'_>, issue: Named, limit: i64) -> PyResult<Vec<Payload>> {
        let limit = count_of(py, "limit", limit)?;
        let events = self.open.work(py, |vault| {
            let issue = vault.issue(&issue.0)?;
            vault.events(&issue.id, limit)
        })?;
        Ok(events
            .into_iter()
            .map(|stored| Payload(stored.event))
            .collect())
    }

    /// One event, as a dict in the shape of Sentry's payload.
    fn event(&self, py: Python<'_>, event: EventNamed) -> PyResult<Payload> {
        let stored = self.open.work(py, |vault| vault.event(event.0))?;
        Ok(Payload(stored.event))
    }

    /// The events that came into the vault after that ingest sequence and fit the query, in the order they came.
    ///
    /// It looks at ``limit`` events; go on with ``reached``. ``last_ingest_sequence()`` is where to begin.
    #[pyo3(signature = (query="", *, after, limit=50))]
    fn follow(&self, py: Python<'_>, query: &str, after: u64, limit: i64) -> PyResult<Followed> {
        let search = Search::new(query).limit(count_of(py, "limit", limit)?);
        let followed = self.open.work(py, |vault| vault.follow(&search, after))?;
        Ok(followed.into())
    }

    /// The place in the order of ingestion that the newest event has; 0 if there is none.
    fn last_ingest_sequence(&self, py: Python<'_>) -> PyResult<u64> {
        self.open.work(py, |vault| vault.last_ingest_sequence())
    }

    /// What was decided about an issue, oldest first.
    fn activities(&self, py: Python<'_>, issue: Named) -> PyResult<Vec<Activity>> {
        self.open
            .work(py, |vault| vault.activities(&issue.0))
            .map(listed)
    }

    /// How often an issue was seen in each hour that it was seen in: the hour's start, the count; oldest first.
    fn hours(&self, py: Python<'_>, issue: Named) -> PyResult<Vec<(Moment, u64)>> {
        self.open.work(py, |vault| vault.hours(&issue.0)).map(hours)
    }

    /// The values of an issue's events by key, most frequent first, at most ``limit`` of each key.
    #[pyo3(signature = (issue, *, limit=10))]
    fn values(&self, py: Python<'_>, issue: Named, limit: i64) -> PyResult<Vec<ValueCount>> {
        let limit = count_of(py, "limit", limit)?;
        self.open
            .work(py, |vault| vault.values(&issue.0, limit))
            .map(listed)
    }

    /// What there is, counted; the hours of the last ``days``.
    #[pyo3(signature = (*, days=30))]
    fn stats(&self, py: Python<'_>, days: u32) -> PyResult<Stats> {
        let tally = self.open.work(py, |vault| vault.tally(days))?;
        Ok(tally.into())
    }

    /// What the vault holds and has lost, without draining.
    fn status(&self, py: Python<'_>) -> PyResult<VaultStatus> {
        let status = self.open.work(py, |vault| vault.status())?;
        Ok(status.into())
    }

    /// Looks at everything that can go wrong with the vault and says what to do. Reads the whole store.
    fn doctor(&self, py: Python<'_>) -> PyResult<Vec<Finding>> {
        self.open.work(py, |vault| vault.doctor()).map(listed)
    }

    /// Where the bytes of the vault are.
    fn space(&self, py: Python<'_>) -> PyResult<SpaceReport> {
        let space = self.open.work(py, |vault| vault.space())?;
        Ok(space.into())
    }

    /// Takes an event into the vault at once: a dict in the shape of Sentry's payload. Without ``event_id`` it gets
    /// one, without ``timestamp`` the present.
    ///
    /// Raises TypeError for what JSON has no word for, naming the place.
    fn add(&self, py: Python<'_>, event: Payload) -> PyResult<Added> {
        let added = self.open.work(py, |vault| vault.add(event.0))?;
        Ok(added.into())
    }

    /// Takes events into the vault at once, many in one transaction.
    fn add_all(&self, py: Python<'_>, events: &Bound<'_, PyAny>) -> PyResult<Vec<Added>> {
        let events = events
            .try_iter()?
            .map(|event| Ok(event?.extract::<Payload>()?.0));
        let events = events.collect::<PyResult<Vec<_>>>()?;
        self.open
            .work(py, |vault| vault.add_all(events))
            .map(listed)
    }

    /// Records a decision in the form of ``Activity.deed``, such as ``{"kind": "assign", "to": "ada"}``. The methods
    /// below are short for it.
    ///
    /// Raises InvalidInputError for what cannot be decided so, saying why; UnsupportedError for an unknown kind.
    fn decide(&self, py: Python<'_>, issue: Named, deed: &Bound<'_, PyDict>) -> PyResult<Activity> {
        self.decided(py, issue, deed_of(deed)?)
    }

    /// Records several decisions, ``(issue, deed)`` each: all of them or none.
    fn decide_all(&self, py: Python<'_>, decisions: &Bound<'_, PyAny>) -> PyResult<Vec<Activity>> {
        let mut read = Vec::new();
        for decision in decisions.try_iter()? {
            let (issue, deed): (Named, Bound<'_, PyDict>) = decision?.extract()?;
            read.push((issue.0, deed_of(&deed)?));
        }
        self.open
            .work(py, |vault| vault.decide_all(&read))
            .map(listed)
    }

    /// Says that an issue is fixed; a later event that this covers is a regression.
    ///
    /// Every release is covered; with ``release`` that one and later ones; with ``next_release=True`` those after the
    /// project's newest.
    #[pyo3(signature = (issue, *, release=None, next_release=false))]
    fn resolve(
        &self,
        py: Python<'_>,
        issue: Named,
        release: Option<String>,
        next_release: bool,
    ) -> PyResult<Activity> {
        let resolution = match (release, next_release) {
            (Some(_), true) => {
                return Err(invalid(
                    py,
                    "resolve",
                    "name a release or the next one, not both",
                ));
            }
            (Some(release), false) => Resolution::Release(release),
            (None, true) => Resolution::NextRelease(None),
            (None, false) => Resolution::Now,
        };
        self.decided(py, issue, Deed::Resolve(resolution))
    }

    /// Opens an issue again.
    fn reopen(&self, py: Python<'_>, issue: Named) -> PyResult<Activity> {
        self.decided(py, issue, Deed::Reopen)
    }

    /// Ignores an issue until somebody reopens it, or until the first event after a moment (``until``), until it has
    /// been seen so many times more (``seen_again``), or until it is seen much more often than lately (``grown=True``).
    #[pyo3(signature = (issue, *, until=None, seen_again=None, grown=false))]
    fn ignore(
        &self,
        py: Python<'_>,
        issue: Named,
        until: Option<Moment>,
        seen_again: Option<i64>,
        grown: bool,
    ) -> PyResult<Activity> {
        let until = match (until, seen_again, grown) {
            (None, None, false) => IgnoreUntil::Reopened,
            (Some(moment), None, false) => IgnoreUntil::Time(moment.0),
            (None, Some(times), false) => {
                IgnoreUntil::SeenAgain(count_of(py, "seen_again", times)? as u64)
            }
            (None, None, true) => IgnoreUntil::Grown,
            _ => {
                return Err(invalid(
                    py,
                    "ignore",
                    "say one of until, seen_again and grown",
                ));
            }
        };
        let activity = self.open.work(py, |vault| vault.ignore(&issue.0, until))?;
        Ok(activity.into())
    }

    /// Gives an issue to somebody, or (``None``) to nobody.
    fn assign(&self, py: Python<'_>, issue: Named, to: Option<String>) -> PyResult<Activity> {
        self.decided(py, issue, Deed::Assign(to))
    }

    /// Adds words about an issue.
    fn comment(&self, py: Python<'_>, issue: Named, text: String) -> PyResult<Activity> {
        self.decided(py, issue, Deed::Comment(text))
    }

    /// Sets a tag of the issue itself, or (``None``) removes it.
    fn tag(
        &self,
        py: Python<'_>,
        issue: Named,
        key: String,
        value: Option<String>,
    ) -> PyResult<Activity> {
        self.decided(py, issue, Deed::Tag { key, value })
    }

    /// Gives an issue a title of its own, or (``None``) that of its newest event again.
    fn set_title(&self, py: Python<'_>, issue: Named, title: Option<String>) -> PyResult<Activity> {
        self.decided(py, issue, Deed::SetTitle(title))
    }

    /// Says how bad an issue is: by default ``low``, ``medium``, ``high`` or ``critical``; ``None`` takes it away.
    fn set_severity(
        &self,
        py: Python<'_>,
        issue: Named,
        severity: Option<String>,
    ) -> PyResult<Activity> {
        self.decided(py, issue, Deed::SetSeverity(severity))
    }

    /// Sets or removes a bookmark.
    #[pyo3(signature = (issue, on=true))]
    fn bookmark(&self, py: Python<'_>, issue: Named, on: bool) -> PyResult<Activity> {
        self.decided(py, issue, Deed::Bookmark(on))
    }

    /// Says how far an issue's review is: ``triage``, ``assigned``, ``fix`` or ``verify``; ``None`` ends it.
    fn review(&self, py: Python<'_>, issue: Named, step: Option<&str>) -> PyResult<Activity> {
        let step = step.map(|word| step_of(py, word)).transpose()?;
        self.decided(py, issue, Deed::Review(step))
    }

    /// Deletes an issue with all its events for good.
    fn delete(&self, py: Python<'_>, issue: Named) -> PyResult<Activity> {
        self.decided(py, issue, Deed::Tombstone)
    }

    /// Takes back the last thing that a person decided about an issue; again: the one before. What was taken back, and
    /// the record of that.
    fn undo(&self, py: Python<'_>, issue: Named) -> PyResult<(Activity, Activity)> {
        let (earlier, undo) = self.open.work(py, |vault| vault.undo(&issue.0))?;
        Ok((earlier.into(), undo.into()))
    }

    /// Why the events of an issue, or one event, are where they are: of each variant what decided when it joined.
    ///
    /// A dict: ``issue``, ``issue_number``, ``event`` and ``variants``, each of which has ``reason``, ``parts`` and a
    /// ``verdict`` by ``kind``: ``rule``, ``exact``, ``similar`` or ``founded``.
    #[pyo3(signature = (issue=None, *, event=None))]
    fn why(
        &self,
        py: Python<'_>,
        issue: Option<Named>,
        event: Option<EventNamed>,
    ) -> PyResult<Json> {
        let why = match (issue, event) {
            (Some(issue), None) => self.open.work(py, |vault| vault.why(&issue.0)),
            (None, Some(event)) => self.open.work(py, |vault| vault.why_event(event.0)),
            _ => Err(invalid(py, "tell why", "name an issue or an event")),
        };
        Ok(why?.to_value().into())
    }

    /// Why events are in an issue: its variants in the order they joined.
    fn joins(&self, py: Python<'_>, issue: Named) -> PyResult<Vec<Join>> {
        let joins = self.open.work(py, |vault| {
            let issue = vault.issue(&issue.0)?;
            vault.joins(&issue.id)
        });
        joins.map(listed)
    }

    /// The issues that have a variant like one of this issue's, the most alike first.
    fn related(&self, py: Python<'_>, issue: Named) -> PyResult<Vec<RelatedIssue>> {
        self.open
            .work(py, |vault| vault.related(&issue.0))
            .map(listed)
    }

    /// What the issues that fit a query have in common and the other issues of their project have not, the best
    /// candidates for one cause first.
    #[pyo3(signature = (query="", *, since=None, until=None, limit=10))]
    fn causes(
        &self,
        py: Python<'_>,
        query: &str,
        since: Option<Time>,
        until: Option<Time>,
        limit: i64,
    ) -> PyResult<CausesFound> {
        let search = search(py, query, since, until, None)?;
        let limit = count_of(py, "limit", limit)?;
        let found = self.open.work(py, |vault| vault.causes(&search, limit))?;
        Ok(found.into())
    }

    /// Makes issues part of another one: all of their events move there, later ones too, and their numbers and ids lead
    /// there. All are merged, or none.
    fn merge(&self, py: Python<'_>, into: Named, others: Vec<Named>) -> PyResult<Vec<Activity>> {
        let others: Vec<IssueRef> = others.into_iter().map(|Named(issue)| issue).collect();
        self.open
            .work(py, |vault| vault.merge(&into.0, &others))
            .map(listed)
    }

    /// Takes a variant out of an issue with its events, later ones too. ``variant`` is its key or how that begins (4
    /// hex digits at least); see ``joins``.
    fn unmerge(&self, py: Python<'_>, issue: Named, variant: &str) -> PyResult<Activity> {
        let activity = self.open.work(py, |vault| {
            let variant = vault.variant(&issue.0, variant)?;
            vault.unmerge(&issue.0, variant)
        })?;
        Ok(activity.into())
    }

    /// Puts one event into another issue, whatever its variant says.
    fn move_event(&self, py: Python<'_>, event: EventNamed, to: Named) -> PyResult<Activity> {
        let activity = self
            .open
            .work(py, |vault| vault.move_event(event.0, &to.0))?;
        Ok(activity.into())
    }

    /// The issues that are part of this one: their numbers and ids.
    fn merged(&self, py: Python<'_>, issue: Named) -> PyResult<Vec<(u64, String)>> {
        let merged = self.open.work(py, |vault| vault.merged(&issue.0))?;
        Ok(merged
            .into_iter()
            .map(|(number, id)| (number, id.to_string()))
            .collect())
    }

    /// What would merge and split if all variants were grouped anew by today's algorithm. Nothing is changed.
    fn plan_regrouping(&self, py: Python<'_>) -> PyResult<Regrouping> {
        let plan = self.open.work(py, |vault| vault.plan_regrouping())?;
        Ok((plan, Vec::new()).into())
    }

    /// Does what ``plan_regrouping`` tells.
    fn regroup(&self, py: Python<'_>) -> PyResult<Regrouping> {
        let done = self.open.work(py, |vault| vault.regroup())?;
        Ok(done.into())
    }

    /// Keeps a file with an event.
    ///
    /// Raises LimitReachedError for a file that is too large or one too many; ConflictError for an event that was
    /// removed.
    #[pyo3(signature = (event, name, content, *, content_type=None, kind=None))]
    fn attach(
        &self,
        py: Python<'_>,
        event: EventNamed,
        name: String,
        content: &Bound<'_, PyBytes>,
        content_type: Option<String>,
        kind: Option<String>,
    ) -> PyResult<Attachment> {
        let mut new = NewAttachment::new(name, content.as_bytes());
        if let Some(content_type) = content_type {
            new = new.content_type(content_type);
        }
        if let Some(kind) = kind {
            new = new.kind(kind);
        }
        let kept = self.open.work(py, |vault| vault.attach(event.0, &new))?;
        Ok(kept.into())
    }

    /// The files of an event, in the order they came.
    fn attachments(&self, py: Python<'_>, event: EventNamed) -> PyResult<Vec<Attachment>> {
        self.open
            .work(py, |vault| vault.attachments(event.0))
            .map(listed)
    }

    /// The content of an attachment, its hash compared.
    fn read_attachment<'py>(
        &self,
        attachment: &Bound<'py, Attachment>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let py = attachment.py();
        let wanted = attachment.get();
        let event = wanted.event.parse().map_err(|error| raised(py, &error))?;
        let content = self.open.work(py, |vault| {
            let kept = vault.attachments(event)?;
            let found = kept.iter().find(|kept| kept.id == wanted.id);
            let missing = || {
                let message = format!("event {event} has no attachment {} any more", wanted.id);
                crashvault::Error::new(crashvault::ErrorKind::NotFound, "read attachment", message)
            };
            vault.read_attachment(found.ok_or_else(missing)?)
        })?;
        Ok(PyBytes::new(py, &content))
    }

    /// The saved searches, by name.
    fn saved_searches(&self, py: Python<'_>) -> PyResult<Vec<SavedSearch>> {
        self.open
            .work(py, |vault| vault.saved_searches())
            .map(listed)
    }

    /// Keeps a query under a name, so that ``@name`` stands for it; what was kept under it is replaced, and given back.
    fn save_search(&self, py: Python<'_>, name: &str, query: &str) -> PyResult<Option<String>> {
        self.open.work(py, |vault| vault.save_search(name, query))
    }

    /// Forgets a saved search, and gives back its query.
    fn remove_search(&self, py: Python<'_>, name: &str) -> PyResult<String> {
        self.open.work(py, |vault| vault.remove_search(name))
    }

    /// Writes issues with all that belongs to them, of one moment: all, those that a query finds, or one issue.
    ///
    /// ``to`` is a path or a file that is open for writing, in bytes or text. ``format`` is ``ndjson`` or ``json`` (can
    /// be read back), ``csv``, ``markdown`` or ``html``; by default what the path's end says, else ``json``. A path
    /// that ends in ``.gz`` or ``.zst`` is compressed; the file there is whole or not there.
    ///
    /// Raises ConflictError for a path that is there, unless ``replace=True``; what the file's ``write`` raises.
    #[pyo3(signature = (to, *, format=None, query=None, issue=None, replace=false))]
    fn export(
        &self,
        to: &Bound<'_, PyAny>,
        format: Option<&str>,
        query: Option<&str>,
        issue: Option<Named>,
        replace: bool,
    ) -> PyResult<ExportReport> {
        let rule = export::rule_of(to.py(), query, issue)?;
        let report = export::export(&self.open, to, format, &rule, replace)?;
        Ok(report.into())
    }

    /// Writes the vault's database, as it is now, into a new file that any SQLite opens. How many bytes it has.
    #[pyo3(signature = (path, *, replace=false))]
    fn copy_database(&self, py: Python<'_>, path: PathBuf, replace: bool) -> PyResult<u64> {
        self.open
            .work(py, |vault| vault.copy_database(&path, replace))
    }

    /// Takes in what ``export`` wrote as NDJSON or JSON, a copy of a vault's database, or another vault's directory.
    /// What is here already stays as it is: doing it twice changes nothing.
    ///
    /// Raises CorruptError for a file that is not whole: then nothing comes in.
    fn import_export(&self, py: Python<'_>, path: PathBuf) -> PyResult<ImportReport> {
        let report = self.open.work(py, |vault| vault.import_export(&path))?;
        Ok(report.into())
    }

    /// Makes issues, counters and the search index again from the records, while others read and write.
    ///
    /// Raises CorruptError for a record that cannot be read: then everything stays as it was.
    fn rebuild(&self, py: Python<'_>) -> PyResult<RebuildReport> {
        let report = self.open.work(py, |vault| vault.rebuild())?;
        Ok(report.into())
    }

    /// Makes all that again and tells where what is there differs, in words; empty if it is as it should be.
    fn verify(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.open.work(py, |vault| vault.verify())
    }

    /// Does what ``[retention]`` in ``vault.toml`` says: lets events leave by its ages and sizes; with ``dry_run=True``
    /// tells what would leave.
    #[pyo3(signature = (*, dry_run=false))]
    fn retain(&self, py: Python<'_>, dry_run: bool) -> PyResult<PruneReport> {
        let report = self.open.work(py, |vault| match dry_run {
            true => vault.retain_dry_run(),
            false => vault.retain(),
        })?;
        Ok(report.into())
    }

    /// Lets events leave, oldest first: those that happened more than so many days ago or ``before`` a moment, and the
    /// oldest of those beyond ``events_max`` or ``bytes_max``; only those of a ``level`` or of issues of a ``status``,
    /// where one is named. Their issues go on counting them and keep their newest event. With ``dry_run=True`` tells
    /// what would leave.
    ///
    /// Raises InvalidInputError for a rule that says neither how old nor how many.
    #[pyo3(signature = (*, older_than_days=None, before=None, level=None, status=None, events_max=None, bytes_max=None,
           dry_run=false))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the host")]
    fn prune(
        &self,
        py: Python<'_>,
        older_than_days: Option<u32>,
        before: Option<Moment>,
        level: Option<&str>,
        status: Option<&str>,
        events_max: Option<u64>,
        bytes_max: Option<u64>,
        dry_run: bool,
    ) -> PyResult<PruneReport> {
        let level = level.map(|word| level_of(py, word)).transpose()?;
        let status = status.map(|word| status_of(py, word)).transpose()?;
        let rule = PruneRule::new().dry_run(dry_run);
        let rule = with(rule, older_than_days, PruneRule::older_than_days);
        let rule = with(rule, before.map(|moment| moment.0), PruneRule::before);
        let rule = with(
            with(rule, level, PruneRule::level),
            status,
            PruneRule::status,
        );
        let rule = with(
            with(rule, events_max, PruneRule::events_max),
            bytes_max,
            PruneRule::bytes_max,
        );
        let report = self.open.work(py, |vault| vault.prune(&rule))?;
        Ok(report.into())
    }

    /// Moves resolved issues that were last seen more than so many days ago, with ``ignored=True`` ignored ones as
    /// well, with all their records into one file in ``archive/``.
    #[pyo3(signature = (*, older_than_days, ignored=false))]
    fn archive(
        &self,
        py: Python<'_>,
        older_than_days: u32,
        ignored: bool,
    ) -> PyResult<ArchiveReport> {
        let rule = ArchiveRule::older_than_days(older_than_days).ignored(ignored);
        let report = self.open.work(py, |vault| vault.archive(&rule))?;
        Ok(report.into())
    }

    /// The archives, oldest first. Reads them whole.
    fn archives(&self, py: Python<'_>) -> PyResult<Vec<Archive>> {
        self.open.work(py, |vault| vault.archives()).map(listed)
    }

    /// The archived issues of which at least one event fits a query, a page at a time. See ``search``.
    #[pyo3(signature = (query="", *, sort="last_seen", reverse=false, since=None, until=None, limit=50, after=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of the host")]
    fn search_archives(
        &self,
        py: Python<'_>,
        query: &str,
        sort: &str,
        reverse: bool,
        since: Option<Time>,
        until: Option<Time>,
        limit: i64,
        after: Option<&str>,
    ) -> PyResult<ArchivesFound> {
        let search = search(py, query, since, until, after)?
            .sort(sort_of(py, sort)?)
            .reversed(reverse)
            .limit(count_of(py, "limit", limit)?);
        let found = self.open.work(py, |vault| vault.search_archives(&search))?;
        Ok(found.into())
    }

    /// Puts the records of an archive back: the same numbers, events, counts and decisions. The file stays, unless
    /// ``remove=True``: then it goes when everything is safe in the store.
    ///
    /// Raises CorruptError for a file that is not whole: then nothing comes back.
    #[pyo3(signature = (path, *, remove=false))]
    fn restore(&self, py: Python<'_>, path: PathBuf, remove: bool) -> PyResult<RestoreReport> {
        let report = self.open.work(py, |vault| match remove {
            true => vault.restore_and_remove(&path),
            false => vault.restore(&path),
        })?;
        Ok(report.into())
    }

    /// Removes what nothing names any more, and gives the room back.
    fn collect_garbage(&self, py: Python<'_>) -> PyResult<GarbageReport> {
        let report = self.open.work(py, |vault| vault.collect_garbage())?;
        Ok(report.into())
    }

    /// Deletes all issues with their events for good, those that wait in the journal among them.
    fn empty(&self, py: Python<'_>) -> PyResult<EmptyReport> {
        let report = self.open.work(py, |vault| vault.empty())?;
        Ok(report.into())
    }
}

/// A rule with what is asked of it, where something is.
fn with<R, T>(rule: R, asked: Option<T>, set: impl FnOnce(R, T) -> R) -> R {
    match asked {
        Some(asked) => set(rule, asked),
        None => rule,
    }
}

fn level_of(py: Python<'_>, word: &str) -> PyResult<Level> {
    let known = ["debug", "info", "warning", "error", "fatal"];
    Level::from_name(word).ok_or_else(|| unknown(py, "level", word, &known))
}

fn status_of(py: Python<'_>, word: &str) -> PyResult<Status> {
    Status::from_name(word)
        .ok_or_else(|| unknown(py, "status", word, &["open", "resolved", "ignored"]))
}

fn step_of(py: Python<'_>, word: &str) -> PyResult<ReviewStep> {
    ReviewStep::from_name(word).ok_or_else(|| {
        unknown(
            py,
            "step of a review",
            word,
            &["triage", "assigned", "fix", "verify"],
        )
    })
}

fn deed_of(deed: &Bound<'_, PyDict>) -> PyResult<Deed> {
    let value = from_object(deed.as_any(), "deed")?;
    Deed::from_value(&value).map_err(|error| raised(deed.py(), &error))
}

/// The issues that ``Vault.issues`` finds, one by one.
#[pyclass(module = "crashvault")]
pub struct IssueIterator {
    vault: Py<Vault>,
    /// The page that is next; `None` after the last one.
    search: Option<Search>,
    page: VecDeque<crashvault::Issue>,
    left: usize,
}

impl IssueIterator {
    /// What fails can be asked again.
    fn fetch(&mut self, py: Python<'_>) -> PyResult<()> {
        let Some(search) = &self.search else {
            return Ok(());
        };
        let search = search.clone().limit(PAGE.min(self.left));
        let vault = &self.vault.get().open;
        let found = vault.work(py, |vault| vault.search(&search))?;
        self.page = found.issues.into();
        self.search = found.next.map(|cursor| search.after(&cursor));
        Ok(())
    }
}

#[pymethods]
impl IssueIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Issue>> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.page.is_empty() {
            self.fetch(py)?;
        }
        let next = self.page.pop_front();
        self.left -= usize::from(next.is_some());
        Ok(next.map(Issue::from))
    }
}
