//! How many rows and index entries this thread has read for searches.
//!
//! Reading goes through many hands, which know nothing of each other; a number per thread asks nothing of them.

use std::cell::Cell;

thread_local! {
    static ROWS: Cell<u64> = const { Cell::new(0) };
}

/// So many were read.
pub(super) fn count(rows: usize) {
    ROWS.set(ROWS.get().wrapping_add(rows as u64));
}

/// What `work` gives, and how many were read meanwhile.
pub(super) fn measured<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = ROWS.get();
    let done = work();
    (done, ROWS.get().wrapping_sub(before))
}
