//! What becomes of a line that a program logs; the same for every library it logs with.

/// What a filter decides about a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventFilter {
    /// Nothing.
    Ignore,
    /// A breadcrumb on the scope of the thread.
    Breadcrumb,
    /// An event, on disk when the line is logged.
    Event,
}
