//! Without the feature `test` every journal writes.

use crate::journal::Entry;

pub(in crate::journal) struct Memory;

impl Memory {
    pub(in crate::journal) fn none() -> Self {
        Self
    }

    pub(in crate::journal) fn keeps(&self, _: &[u8], _: &Entry) -> bool {
        false
    }
}
