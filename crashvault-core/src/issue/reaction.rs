//! New events of an issue that is resolved or ignored → the deed they are, if any.

use std::cmp::Ordering;

use super::{Deed, Ignore, IssueState, Resolution, Status, release};
use crate::event::EventId;
use crate::time::Timestamp;

/// What of a new event decides whether its issue is open again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The event.
    pub(crate) event: EventId,
    /// When it happened.
    pub(crate) time: Timestamp,
    /// Its release.
    pub(crate) release: Option<&'a str>,
    /// When the project's first event of that release happened, before this batch; `None` if the release is new. Looked
    /// at only where [`IssueState::asks_first_sight`].
    pub(crate) release_first_seen: Option<Timestamp>,
}

impl IssueState {
    /// What new events do to an issue in this state: [`Deed::Regress`] or [`Deed::Resume`] with the first one that
    /// opens it again; `None` if it stays as it is.
    ///
    /// `seen` are the issue's new events in their order; `seen_count` is how many it has with them, `day_count` how
    /// many of those in the last 24 hours. Where a count opens it, the last of `seen` is named.
    pub(crate) fn reaction<'a>(
        &self,
        mut seen: impl Iterator<Item = Seen<'a>>,
        seen_count: u64,
        day_count: u64,
    ) -> Option<Deed> {
        match self.status {
            Status::Open => None,
            Status::Resolved => {
                let first = seen.find(|seen| self.is_regression(seen))?;
                Some(Deed::Regress(first.event))
            }
            Status::Ignored => {
                let ends = match self.ignore.as_ref()? {
                    Ignore::Forever => None,
                    Ignore::UntilTime(end) => seen.find(|seen| seen.time > *end),
                    Ignore::UntilSeenCount(count) if seen_count >= *count => seen.last(),
                    Ignore::UntilDayCount(count) if day_count > *count => seen.last(),
                    Ignore::UntilSeenCount(_) | Ignore::UntilDayCount(_) => None,
                };
                Some(Deed::Resume(ends?.event))
            }
        }
    }

    /// Whether it takes [`Seen::release_first_seen`] to tell what an event of that release and time does: names of
    /// releases mostly tell by themselves, and to find out may mean to look at many events.
    pub(crate) fn asks_first_sight(&self, release: &str, time: Timestamp) -> bool {
        let (Some(Resolution::NextRelease(Some(other))) | Some(Resolution::Release(other))) =
            &self.resolution
        else {
            return false;
        };
        Some(time) > self.since && release::compare(release, other).is_none()
    }

    fn is_regression(&self, seen: &Seen<'_>) -> bool {
        if Some(seen.time) <= self.since {
            return false;
        }
        match &self.resolution {
            None | Some(Resolution::Now | Resolution::NextRelease(None)) => true,
            Some(Resolution::NextRelease(Some(after))) => {
                self.is_release(seen, after, Ordering::is_gt)
            }
            Some(Resolution::Release(fixed)) => self.is_release(seen, fixed, Ordering::is_ge),
        }
    }

    /// Whether the event's release stands so to another; where names do not tell, one first seen later is newer.
    fn is_release(&self, seen: &Seen<'_>, other: &str, fits: fn(Ordering) -> bool) -> bool {
        let Some(release) = seen.release else {
            return false;
        };
        match release::compare(release, other) {
            Some(ordering) => fits(ordering),
            None => seen
                .release_first_seen
                .is_none_or(|first| Some(first) > self.since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::fold;
    use crate::issue::samples::{activity, at, event};

    /// Resolved or ignored in second 10.
    fn decided(deed: Deed) -> IssueState {
        fold([&activity(10, deed)])
    }

    fn seen(second: u8) -> Seen<'static> {
        Seen {
            event: event(second),
            time: at(second),
            release: None,
            release_first_seen: None,
        }
    }

    fn of(release: &str, first_seen: Option<u8>) -> Seen<'_> {
        Seen {
            release: Some(release),
            release_first_seen: first_seen.map(at),
            ..seen(11)
        }
    }

    fn check_times(deed: Deed, seconds: &[u8], expected: Option<Deed>) {
        let events = seconds.iter().map(|second| seen(*second));
        assert_eq!(decided(deed).reaction(events, 0, 0), expected);
    }

    fn check_release(resolution: Resolution, seen: Seen<'_>, is_regression: bool) {
        let expected = is_regression.then_some(Deed::Regress(seen.event));
        let state = decided(Deed::Resolve(resolution));
        assert_eq!(state.reaction([seen].into_iter(), 0, 0), expected);
    }

    fn check_counts(ignore: Ignore, (seen_count, day_count): (u64, u64), is_over: bool) {
        let expected = is_over.then_some(Deed::Resume(event(12)));
        let events = [seen(13), seen(12)].into_iter();
        let state = decided(Deed::Ignore(ignore));
        assert_eq!(state.reaction(events, seen_count, day_count), expected);
    }

    fn regress(second: u8) -> Option<Deed> {
        Some(Deed::Regress(event(second)))
    }

    fn next(after: &str) -> Resolution {
        Resolution::NextRelease(Some(after.into()))
    }

    fn fixed_in(release: &str) -> Resolution {
        Resolution::Release(release.into())
    }

    #[test]
    fn an_open_issue_stays_open() {
        check_times(Deed::Reopen, &[11], None);
        assert_eq!(
            IssueState::default().reaction([seen(1)].into_iter(), 1, 1),
            None
        );
    }

    #[test]
    fn the_first_event_after_the_resolution_is_the_regression() {
        check_times(
            Deed::Resolve(Resolution::Now),
            &[9, 10, 12, 11],
            regress(12),
        );
    }

    #[test]
    fn an_event_that_only_arrived_later_is_none() {
        check_times(Deed::Resolve(Resolution::Now), &[9, 10], None);
    }

    #[test]
    fn where_no_release_was_known_the_next_release_is_now() {
        check_times(
            Deed::Resolve(Resolution::NextRelease(None)),
            &[11],
            regress(11),
        );
        check_release(Resolution::NextRelease(None), of("shop@0.1", Some(1)), true);
    }

    #[test]
    fn the_next_release_spares_the_one_before_it() {
        check_release(next("shop@1.2"), of("shop@1.2", None), false);
        check_release(next("shop@1.2"), of("shop@1.1", None), false);
        check_release(next("shop@1.2"), of("shop@1.3", Some(1)), true);
    }

    #[test]
    fn a_release_that_has_the_fix_regresses() {
        check_release(fixed_in("shop@1.2"), of("shop@1.2", Some(1)), true);
        check_release(fixed_in("shop@1.2"), of("shop@1.2.0+b7", Some(1)), true);
        check_release(fixed_in("shop@1.2"), of("shop@1.3", Some(1)), true);
        check_release(fixed_in("shop@1.2"), of("shop@1.2-rc.1", None), false);
        check_release(fixed_in("a41f2c"), of("a41f2c", Some(1)), true);
    }

    #[test]
    fn without_a_release_nothing_is_known_to_be_fixed() {
        check_release(next("shop@1.2"), seen(11), false);
        check_release(fixed_in("shop@1.2"), seen(11), false);
    }

    #[test]
    fn where_names_do_not_tell_the_first_sight_does() {
        check_release(next("a41f2c"), of("77ab01", None), true);
        check_release(next("a41f2c"), of("77ab01", Some(11)), true);
        check_release(next("a41f2c"), of("77ab01", Some(10)), false);
        check_release(fixed_in("a41f2c"), of("77ab01", Some(11)), true);
        check_release(fixed_in("a41f2c"), of("77ab01", Some(10)), false);
    }

    fn check_asks(deed: Deed, release: &str, second: u8, expected: bool) {
        let asks = decided(deed).asks_first_sight(release, at(second));
        assert_eq!(asks, expected);
    }

    #[test]
    fn the_first_sight_is_asked_for_only_where_it_tells() {
        check_asks(Deed::Resolve(next("a41f2c")), "77ab01", 11, true);
        check_asks(Deed::Resolve(fixed_in("a41f2c")), "77ab01", 11, true);
        check_asks(Deed::Resolve(next("a41f2c")), "77ab01", 10, false);
        check_asks(Deed::Resolve(next("a41f2c")), "a41f2c", 11, false);
        check_asks(Deed::Resolve(next("shop@1.2")), "shop@1.1", 11, false);
        check_asks(Deed::Resolve(Resolution::Now), "77ab01", 11, false);
        check_asks(Deed::Ignore(Ignore::Forever), "77ab01", 11, false);
    }

    #[test]
    fn a_newer_release_also_needs_a_later_event() {
        let early = Seen {
            time: at(10),
            ..of("shop@1.3", None)
        };
        check_release(next("shop@1.2"), early, false);
        check_release(fixed_in("shop@1.2"), early, false);
    }

    #[test]
    fn what_is_ignored_for_ever_stays_so() {
        check_counts(Ignore::Forever, (u64::MAX, u64::MAX), false);
    }

    #[test]
    fn the_count_that_was_named_ends_it() {
        check_counts(Ignore::UntilSeenCount(50), (49, 49), false);
        check_counts(Ignore::UntilSeenCount(50), (50, 0), true);
    }

    #[test]
    fn more_in_a_day_than_was_named_ends_it() {
        check_counts(Ignore::UntilDayCount(50), (99, 50), false);
        check_counts(Ignore::UntilDayCount(50), (51, 51), true);
    }

    #[test]
    fn without_a_new_event_no_count_ends_it() {
        check_times(Deed::Ignore(Ignore::UntilSeenCount(0)), &[], None);
    }

    #[test]
    fn the_first_event_after_the_moment_ends_it() {
        let until = || Deed::Ignore(Ignore::UntilTime(at(20)));
        check_times(until(), &[19, 20], None);
        check_times(until(), &[20, 22, 21], Some(Deed::Resume(event(22))));
    }

    #[test]
    fn an_event_that_regressed_does_so_once() {
        let resolved = activity(10, Deed::Resolve(Resolution::Now));
        let deed = fold([&resolved])
            .reaction([seen(11)].into_iter(), 0, 0)
            .unwrap();
        let state = fold([&resolved, &activity(11, deed)]);
        assert_eq!(state.regression, Some(event(11)));
        assert_eq!(state.reaction([seen(12)].into_iter(), 0, 0), None);
    }
}
