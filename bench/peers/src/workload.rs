//! The one situation in which everybody is timed: an error with a cause, deep in a program, with a scope.

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::io;

/// Calls between the harness and the place of the capture. Each is a frame of the stack that is captured.
pub const DEPTH: usize = 30;

/// Tags of the scope.
pub const TAGS: [(&str, &str); 2] = [("region", "eu-west"), ("plan", "team")];

/// The user's id of the scope.
pub const USER: &str = "user-4711";

/// Breadcrumbs of the scope.
pub const BREADCRUMBS: usize = 20;

/// The category of all breadcrumbs.
pub const CATEGORY: &str = "bench";

/// The messages of the scope's breadcrumbs.
pub fn breadcrumbs() -> impl Iterator<Item = String> {
    (0..BREADCRUMBS).map(|number| format!("GET /api/items/{number} answered 200 in 12 ms"))
}

/// An error with one cause: a chain of two links.
#[derive(Debug)]
pub struct LoadError {
    number: usize,
    source: io::Error,
}

impl LoadError {
    /// The `number` makes the messages of a run different, as in a real program.
    pub fn new(number: usize) -> LoadError {
        LoadError {
            number,
            source: io::Error::new(io::ErrorKind::TimedOut, "the database did not answer"),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot load profile {}", self.number)
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Runs `work` under `depth` real frames.
#[inline(never)]
pub fn at_depth<R>(depth: usize, work: &mut dyn FnMut() -> R) -> R {
    if depth <= 1 {
        return work();
    }
    let result = at_depth(black_box(depth - 1), work);
    // Something to do after the call keeps it from becoming a jump.
    black_box(depth);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_frames() {
        let frames = |depth| {
            let trace = at_depth(depth, &mut std::backtrace::Backtrace::force_capture);
            trace.to_string().matches("at_depth").count()
        };
        assert_eq!(frames(DEPTH), DEPTH);
    }

    #[test]
    fn the_chain_has_two_links() {
        let error = LoadError::new(7);
        assert_eq!(error.to_string(), "cannot load profile 7");
        assert!(error.source().is_some_and(|cause| cause.source().is_none()));
    }
}
