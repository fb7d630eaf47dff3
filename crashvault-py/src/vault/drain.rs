//! Draining as long as it takes, in steps: between them the host's signals are answered, Ctrl-C above all.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

use super::reports::DrainReport;
use super::shared::Shared;
use crate::error::invalid;

const STEP: Duration = Duration::from_millis(250);
/// How long another process may drain before the engine is left to wait for it, and to say that it got nowhere.
const ELSEWHERE_MAX: Duration = Duration::from_secs(60);

/// Whether and how long to drain.
#[derive(Clone, Copy, Debug)]
pub enum Drain {
    No,
    All,
    For(Duration),
}

impl<'py> FromPyObject<'_, 'py> for Drain {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(is_wanted) = object.extract::<bool>() {
            return Ok(if is_wanted { Self::All } else { Self::No });
        }
        Self::seconds(object.py(), object.extract()?)
    }
}

impl Drain {
    pub fn seconds(py: Python<'_>, seconds: f64) -> PyResult<Self> {
        let time_max = Duration::try_from_secs_f64(seconds);
        let refused = |_| invalid(py, "drain", "seconds are a number from 0");
        time_max.map(Self::For).map_err(refused)
    }

    pub fn run(self, py: Python<'_>, open: &Shared) -> PyResult<Option<DrainReport>> {
        let end = match self {
            Self::No => return Ok(None),
            Self::All => None,
            Self::For(time_max) => Instant::now().checked_add(time_max),
        };
        steps(py, open, end).map(Some)
    }
}

/// Until nothing waits, or the end.
fn steps(py: Python<'_>, open: &Shared, end: Option<Instant>) -> PyResult<DrainReport> {
    let begun = Instant::now();
    let mut done = DrainReport::none();
    loop {
        let left = end.map_or(STEP, |end| end.saturating_duration_since(Instant::now()));
        let (part, is_read_only) = open.work(py, |vault| {
            Ok((vault.drain(left.min(STEP))?, vault.is_read_only()))
        })?;
        done = done.then(part.into());
        py.check_signals()?;
        let is_over = end.is_some_and(|end| Instant::now() >= end);
        if done.is_all() || is_read_only || is_over {
            return Ok(done);
        }
        if end.is_none() && done.is_elsewhere && begun.elapsed() > ELSEWHERE_MAX {
            let rest = open.work(py, |vault| vault.drain_all())?;
            return Ok(done.then(rest.into()));
        }
    }
}
