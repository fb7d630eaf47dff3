//! The last breadcrumbs of a scope, already encoded, in one preallocated ring of bytes.

use std::collections::VecDeque;

use super::blackbox;
use crate::event::Breadcrumb;
use crate::event::limits::{BREADCRUMBS_BYTES_MAX, BREADCRUMBS_MAX};
use crate::event::wire::{self, Encoder};
use crate::time::Timestamp;

/// Adding allocates nothing once the ring is there; the oldest give way by count and by bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Crumbs {
    ring: Vec<u8>,
    /// Start and length of each, oldest first.
    entries: VecDeque<(u32, u32)>,
    next: usize,
    scratch: Vec<u8>,
}

impl Crumbs {
    pub(super) fn add(&mut self, crumb: &Breadcrumb, now: Timestamp, count_max: usize) {
        let mut scratch = self.cleared_scratch();
        wire::breadcrumb(&mut Encoder::new(&mut scratch), crumb, now);
        self.push(&scratch, count_max);
        self.scratch = scratch;
    }

    /// The quick way for the three usual texts, without a [`Breadcrumb`].
    pub(super) fn add_text(
        &mut self,
        category: &str,
        message: &str,
        now: Timestamp,
        count_max: usize,
    ) {
        let mut scratch = self.cleared_scratch();
        wire::text_breadcrumb(&mut Encoder::new(&mut scratch), category, message, now);
        self.push(&scratch, count_max);
        self.scratch = scratch;
    }

    fn cleared_scratch(&mut self) -> Vec<u8> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch
    }

    /// Adds a breadcrumb that is encoded already, as one field.
    pub(super) fn push(&mut self, crumb: &[u8], count_max: usize) {
        let length = crumb.len();
        if length == 0 || length > BREADCRUMBS_BYTES_MAX || count_max == 0 {
            return;
        }
        let count_max = count_max.min(BREADCRUMBS_MAX);
        blackbox::note_crumb(crumb);
        if self.ring.is_empty() {
            self.ring.resize(BREADCRUMBS_BYTES_MAX, 0);
            self.entries.reserve(BREADCRUMBS_MAX + 1);
        }
        if self.next + length > self.ring.len() {
            // What lies between here and the end of the ring is older than anything at its start.
            self.pop_while(|start, _, next| start >= next);
            self.next = 0;
        }
        let (start, end) = (self.next, self.next + length);
        self.pop_while(|old_start, old_end, _| old_start < end && start < old_end);
        if self.entries.len() >= count_max {
            self.entries.pop_front();
        }
        self.ring[start..end].copy_from_slice(crumb);
        self.entries.push_back((start as u32, length as u32));
        self.next = end;
    }

    /// Drops the oldest entries while `is_in_the_way(start, end, next)`.
    fn pop_while(&mut self, is_in_the_way: impl Fn(usize, usize, usize) -> bool) {
        while let Some((start, length)) = self.entries.front() {
            let (start, end) = (*start as usize, (*start + *length) as usize);
            if !is_in_the_way(start, end, self.next) {
                break;
            }
            self.entries.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.next = 0;
    }

    pub(super) fn encode(&self, encoder: &mut Encoder<'_>) {
        for (start, length) in &self.entries {
            encoder.encoded(&self.ring[*start as usize..(*start + *length) as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(crumbs: &Crumbs) -> Vec<String> {
        let mut body = Vec::new();
        crumbs.encode(&mut Encoder::new(&mut body));
        wire::decode(&body)
            .breadcrumbs
            .into_iter()
            .filter_map(|crumb| crumb.message)
            .collect()
    }

    #[test]
    fn the_newest_hundred_stay_in_order() {
        let mut crumbs = Crumbs::default();
        for index in 0..250 {
            crumbs.add_text("c", &format!("m{index}"), Timestamp::default(), 1000);
        }
        let expected: Vec<_> = (150..250).map(|index| format!("m{index}")).collect();
        assert_eq!(messages(&crumbs), expected);
    }

    #[test]
    fn long_ones_push_out_by_bytes_and_never_tear() {
        let mut crumbs = Crumbs::default();
        for index in 0..200usize {
            let message = format!("{index}-").repeat(1 + index * 37 % 400);
            crumbs.add_text("c", &message, Timestamp::default(), 100);
            let kept = messages(&crumbs);
            assert!(kept.last().unwrap().starts_with(&format!("{index}-")));
            let numbers: Vec<usize> = kept
                .iter()
                .map(|m| m.split('-').next().unwrap().parse().unwrap())
                .collect();
            assert!(
                numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
                "{numbers:?}"
            );
        }
    }
}
