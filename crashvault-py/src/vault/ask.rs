//! What a search is asked with: orders, times, limits, cursors.

use std::str::FromStr;

use crashvault::{Cursor, IssueSort, Search};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDateTime, PyDelta, PyString};

use crate::error::{invalid, raised, unknown};
use crate::record::{Moment, micros};

/// Issues that are fetched together where they are iterated.
pub const PAGE: usize = 200;

const SORTS: [(&str, IssueSort); 7] = [
    ("last_seen", IssueSort::LastSeen),
    ("first_seen", IssueSort::FirstSeen),
    ("seen_count", IssueSort::SeenCount),
    ("user_count", IssueSort::UserCount),
    ("number", IssueSort::Number),
    ("status", IssueSort::Status),
    ("title", IssueSort::Title),
];

pub fn sort_of(py: Python<'_>, word: &str) -> PyResult<IssueSort> {
    let found = SORTS.iter().find(|(name, _)| *name == word);
    found
        .map(|(_, sort)| *sort)
        .ok_or_else(|| unknown(py, "order of issues", word, &SORTS.map(|(name, _)| name)))
}

/// A number of things that are wanted.
pub fn count_of(py: Python<'_>, name: &str, number: i64) -> PyResult<usize> {
    match usize::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(invalid(
            py,
            "read argument",
            format!("{name} is at least 1"),
        )),
    }
}

pub fn cursor_of(py: Python<'_>, text: &str) -> PyResult<Cursor> {
    Cursor::from_str(text).map_err(|error| raised(py, &error))
}

/// A time as queries write it: of a text, a `datetime`, a `date`, or a `timedelta` back from now.
#[derive(Clone, Debug)]
pub struct Time(String);

impl Time {
    pub fn into_text(self) -> String {
        self.0
    }
}

impl<'py> FromPyObject<'_, 'py> for Time {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        if object.is_instance_of::<PyString>() {
            return object.extract().map(Self);
        }
        if object.is_instance_of::<PyDateTime>() {
            return Ok(Self(object.extract::<Moment>()?.0.to_string()));
        }
        if object.is_instance_of::<PyDate>() {
            return object.call_method0("isoformat")?.extract().map(Self);
        }
        if object.is_instance_of::<PyDelta>() {
            let seconds = micros(&object)?.div_euclid(1_000_000);
            if seconds < 0 {
                let message = "a timedelta says how long ago; it is not negative";
                return Err(invalid(py, "read time", message));
            }
            return Ok(Self(format!("{seconds}s")));
        }
        Err(PyTypeError::new_err(
            "a time is a str such as '7d' or '2026-01-05', a datetime, a date or a timedelta",
        ))
    }
}

/// A search, with what all of them can be asked.
pub fn search(
    py: Python<'_>,
    query: &str,
    since: Option<Time>,
    until: Option<Time>,
    after: Option<&str>,
) -> PyResult<Search> {
    let mut search = Search::new(query);
    if let Some(Time(since)) = since {
        search = search.since(since);
    }
    if let Some(Time(until)) = until {
        search = search.until(until);
    }
    if let Some(cursor) = after {
        search = search.after(&cursor_of(py, cursor)?);
    }
    Ok(search)
}
