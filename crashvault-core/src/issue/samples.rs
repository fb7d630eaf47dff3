//! Activities for the tests of this room.

use super::{
    AUTHOR_OF_EVENTS, Activity, ActivityId, Deed, HybridTime, Ignore, IssueId, Resolution,
    ReviewStep, VariantKey,
};
use crate::event::EventId;
use crate::time::Timestamp;

pub(super) fn id(n: u8) -> ActivityId {
    ActivityId::from_bytes([n; 16])
}

pub(super) fn event(n: u8) -> EventId {
    EventId::from_bytes([n; 16])
}

pub(super) fn at(second: u8) -> Timestamp {
    Timestamp::from_nanos(i64::from(second) * 1_000_000_000)
}

/// The activity with id `n`, decided by ada in second `n`.
pub(super) fn activity(n: u8, deed: Deed) -> Activity {
    Activity {
        id: id(n),
        vault: [1; 16],
        author: "ada".into(),
        time: HybridTime {
            wall: at(n),
            tick: 0,
        },
        decided_at: at(n),
        issue: IssueId::from_bytes([2; 16]),
        deed,
    }
}

pub(super) fn by_event(n: u8, deed: Deed) -> Activity {
    Activity {
        author: AUTHOR_OF_EVENTS.into(),
        ..activity(n, deed)
    }
}

/// A deed of every kind and form.
pub(super) fn every_deed() -> Vec<Deed> {
    let text = || Some("é \"x\"\u{1F980}".to_owned());
    let tag = |value| Deed::Tag {
        key: "team".into(),
        value,
    };
    vec![
        Deed::Resolve(Resolution::Now),
        Deed::Resolve(Resolution::NextRelease(None)),
        Deed::Resolve(Resolution::NextRelease(Some("shop@1.2".into()))),
        Deed::Resolve(Resolution::Release("shop@1.3".into())),
        Deed::Reopen,
        Deed::Ignore(Ignore::Forever),
        Deed::Ignore(Ignore::UntilSeenCount(u64::MAX)),
        Deed::Ignore(Ignore::UntilTime(Timestamp::from_nanos(i64::MIN))),
        Deed::Ignore(Ignore::UntilTime(Timestamp::from_nanos(i64::MAX))),
        Deed::Ignore(Ignore::UntilDayCount(0)),
        Deed::Assign(text()),
        Deed::Assign(None),
        Deed::Comment("two\nlines".into()),
        tag(text()),
        tag(None),
        Deed::SetTitle(text()),
        Deed::SetTitle(None),
        Deed::SetSeverity(text()),
        Deed::SetSeverity(None),
        Deed::Bookmark(true),
        Deed::Bookmark(false),
        Deed::Review(Some(ReviewStep::Triage)),
        Deed::Review(Some(ReviewStep::Assigned)),
        Deed::Review(Some(ReviewStep::Fix)),
        Deed::Review(Some(ReviewStep::Verify)),
        Deed::Review(None),
        Deed::MoveEvent(event(3)),
        Deed::Merge(IssueId::from_bytes([7; 16])),
        Deed::Unmerge {
            variant: VariantKey::from_bytes([8; 16]),
            to: IssueId::from_bytes([9; 16]),
        },
        Deed::Regroup {
            variant: VariantKey::from_bytes([8; 16]),
            events: vec![event(3), event(7)],
        },
        Deed::Tombstone,
        Deed::Regress(event(4)),
        Deed::Resume(event(5)),
        Deed::Undo(id(6)),
    ]
}

/// Numbers that look random and are the same in every run.
pub(super) struct Lcg(pub(super) u64);

impl Lcg {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
