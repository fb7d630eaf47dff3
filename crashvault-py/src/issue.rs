//! Issues, what was decided about them, and how one is named.

use std::collections::BTreeMap;
use std::str::FromStr;

use crashvault::{EventId, IssueId, IssueRef};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString};

use crate::error::{invalid, raised};
use crate::record::{Json, Moment, Rows, mirror, record};

record! {
    /// A group of events that are one bug, as it was when the vault was asked.
    Issue(number, title, status, seen_count) {
        /// 32 hex digits, the same on every machine.
        id: String,
        /// The local number, never reused.
        number: u64,
        /// The project its events belong to.
        project: String,
        /// ``open``, ``resolved`` or ``ignored``.
        status: &'static str,
        /// Since when, where something was decided about that.
        since: Option<Moment>,
        /// The worst level seen: ``debug``, ``info``, ``warning``, ``error`` or ``fatal``.
        level: &'static str,
        /// Its own title, else the first line of its newest event.
        title: String,
        /// Where its newest event happened.
        culprit: Option<String>,
        /// The newest event's platform, such as ``python``.
        platform: String,
        /// The earliest event's time.
        first_seen: Moment,
        /// The latest event's time.
        last_seen: Moment,
        /// How many events it has.
        seen_count: u64,
        /// The id of its newest event.
        last_event: String,
        /// How many users met it.
        user_count: u64,
        /// Who is to deal with it.
        assignee: Option<String>,
        /// How bad a person thinks it is: by default ``low``, ``medium``, ``high`` or ``critical``.
        severity: Option<String>,
        /// Whether it is open because it came back after it was resolved.
        is_regressed: bool,
        /// The id of the event that came back.
        regression: Option<String>,
        /// Whether it is bookmarked.
        is_bookmarked: bool,
        /// How far its review is: ``triage``, ``assigned``, ``fix`` or ``verify``.
        review: Option<&'static str>,
        /// What the resolution covers, while it is resolved: ``{"in": "now"}``, ``{"in": "next_release", "after": …}``
        /// or ``{"in": "release", "release": …}``.
        resolution: Option<Json>,
        /// How long it is ignored, while it is: ``"forever"``, or a dict with ``seen_count``, ``time`` or
        /// ``day_count``.
        ignore: Option<Json>,
        /// Its own tags, which people gave it.
        tags: BTreeMap<String, String>,
        /// How many comments it has.
        comment_count: u64,
    }
}

impl From<crashvault::Issue> for Issue {
    fn from(issue: crashvault::Issue) -> Self {
        let state = issue.state.to_value();
        let told = |key: &str| {
            state
                .get(key)
                .filter(|value| !value.is_null())
                .cloned()
                .map(Json::from)
        };
        Self {
            id: issue.id.to_string(),
            number: issue.number,
            project: issue.project,
            status: issue.status.name(),
            since: issue.state.since.map(Moment::from),
            level: issue.level.name(),
            title: issue.title,
            culprit: issue.culprit,
            platform: issue.platform,
            first_seen: issue.first_seen.into(),
            last_seen: issue.last_seen.into(),
            seen_count: issue.seen_count,
            last_event: issue.last_event.to_string(),
            user_count: issue.user_count,
            is_regressed: issue.state.regression.is_some(),
            regression: issue.state.regression.map(|event| event.to_string()),
            is_bookmarked: issue.state.is_bookmarked,
            review: issue.state.review.map(|step| step.name()),
            resolution: told("resolution"),
            ignore: told("ignore"),
            assignee: issue.state.assignee,
            severity: issue.state.severity,
            tags: issue.state.tags,
            comment_count: issue.state.comment_count,
        }
    }
}

record! {
    /// One decision about an issue.
    Activity(kind, author, decided_at) {
        /// 32 hex digits.
        id: String,
        /// The issue's id.
        issue: String,
        /// Who decided; ``crashvault`` where an event did.
        author: String,
        /// When, by the clock of whoever decided.
        decided_at: Moment,
        /// What was decided, in a word: ``resolve``, ``comment``, ``merge`` …
        kind: &'static str,
        /// The whole decision: ``kind`` and what belongs to it, in the form that ``Vault.decide`` takes.
        deed: Json,
    }
}

impl From<crashvault::Activity> for Activity {
    fn from(activity: crashvault::Activity) -> Self {
        Self {
            id: activity.id.to_string(),
            issue: activity.issue.to_string(),
            author: activity.author,
            decided_at: activity.decided_at.into(),
            kind: activity.deed.kind(),
            deed: activity.deed.to_value().into(),
        }
    }
}

mirror! {
    /// A key of a query that is probably another one's misspelling.
    Doubt(key, meant) of crashvault::Doubt {
        /// Where the key begins, in bytes of the query.
        position: usize,
        /// The key as it was written; it was taken for a tag's.
        key: String,
        /// The key that was probably meant.
        meant: String,
    }
}

record! {
    /// A page of issues; it can be iterated, indexed and measured like its ``issues``.
    IssuesFound(issues, next) {
        /// The issues, in the order asked for.
        issues: Rows<Issue>,
        /// Where the next page begins, for ``after=``; ``None`` if this is the last one.
        next: Option<String>,
        /// Where nothing was found: keys that were taken for tags and are nearly the name of something else.
        doubts: Rows<Doubt>,
    }
    with {
        fn __len__(&self) -> usize {
            self.issues.0.len()
        }

        fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
            self.issues.get(index)
        }

        fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            self.issues.iterator(py)
        }
    }
}

impl From<crashvault::IssuesFound> for IssuesFound {
    fn from(found: crashvault::IssuesFound) -> Self {
        Self {
            issues: Rows::of(found.issues),
            next: found.next.map(|cursor| cursor.to_string()),
            doubts: Rows::of(found.doubts),
        }
    }
}

/// An issue as it is named: an `Issue`, its number, `#7`, its id or how that begins.
#[derive(Clone, Debug)]
pub struct Named(pub IssueRef);

impl<'py> FromPyObject<'_, 'py> for Named {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if let Ok(issue) = object.cast::<Issue>() {
            let id = IssueId::from_str(&issue.get().id).map_err(|error| raised(py, &error))?;
            return Ok(Self(IssueRef::Id(id)));
        }
        if object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>() {
            let number = object.extract::<u64>();
            let refuse = |_| {
                invalid(
                    py,
                    "read issue reference",
                    "an issue's number is not negative and has 64 bits",
                )
            };
            return Ok(Self(IssueRef::Number(number.map_err(refuse)?)));
        }
        if object.is_instance_of::<PyString>() {
            let text: String = object.extract()?;
            let read = IssueRef::from_str(&text).map_err(|error| raised(py, &error))?;
            return Ok(Self(read));
        }
        Err(PyTypeError::new_err(
            "an issue is named by an Issue, its number, or its id as str",
        ))
    }
}

/// An event's id as text.
#[derive(Clone, Copy, Debug)]
pub struct EventNamed(pub EventId);

impl<'py> FromPyObject<'_, 'py> for EventNamed {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if !object.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("an event is named by its id as str"));
        }
        let text: String = object.extract()?;
        EventId::from_str(&text)
            .map(Self)
            .map_err(|error| raised(object.py(), &error))
    }
}
