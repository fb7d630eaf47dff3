//! What events do to issues that are resolved or ignored.

use super::*;
use crate::issue::{AUTHOR_OF_EVENTS, Ignore, Resolution};

/// Event number `event` of issue 1, at that second.
fn at(event: u32, second: i64) -> NewEvent {
    let mut new = new_event(event, 1);
    new.event.timestamp = Some(time(second));
    new
}

fn of_release(event: u32, release: &str) -> NewEvent {
    let mut new = at(event, 1000);
    new.event.release = Some(release.into());
    new
}

/// A store whose issue 1 has one event, decided about in second 101.
fn decided(store: &mut dyn Store, deed: Deed) {
    keep(store, vec![of_release(1, "shop@1.0.0"), new_event(2, 2)]);
    decide(store, 1, 1, deed);
}

fn regress(new: &NewEvent) -> Deed {
    Deed::Regress(new.event.event_id)
}

fn resume(new: &NewEvent) -> Deed {
    Deed::Resume(new.event.event_id)
}

/// These events are kept one by one; the last one alone does this.
fn check_last(store: &mut dyn Store, events: &[NewEvent], expected: fn(&NewEvent) -> Deed) {
    for (place, new) in events.iter().enumerate() {
        let status = only(store).status;
        assert_ne!(status, Status::Open, "before event {place}");
        keep(store, vec![new.clone()]);
    }
    assert_eq!(only(store).status, Status::Open);
    let last = events.last().unwrap();
    assert_eq!(deeds(store, 1)[1..], [expected(last)]);
}

pub(in crate::store) fn a_release_is_new_to_the_batch_that_brings_it(store: &mut dyn Store) {
    decided(
        store,
        Deed::Resolve(Resolution::NextRelease(Some("a41f2c".into()))),
    );
    // By its clock the first one happened before the resolution.
    let (mut early, mut late) = (at(3, 99), at(4, 500));
    early.event.release = Some("77ab01".into());
    late.event.release = Some("77ab01".into());
    keep(store, vec![early, late.clone()]);
    assert_eq!(deeds(store, 1)[1..], [regress(&late)]);
}

pub(in crate::store) fn an_event_after_a_resolution_is_a_regression(store: &mut dyn Store) {
    decided(store, Deed::Resolve(Resolution::Now));
    let new = at(3, 500);
    keep(store, vec![new.clone(), new_event(4, 2)]);
    let issue = only(store);
    assert_eq!(issue.status, Status::Open);
    assert_eq!(issue.state.regression, Some(new.event.event_id));
    let activities = store.activities(&issue_id(1)).unwrap();
    let made = &activities[1];
    assert_eq!((activities.len(), &made.deed), (2, &regress(&new)));
    assert_eq!(
        (made.author.as_str(), made.issue),
        (AUTHOR_OF_EVENTS, issue_id(1))
    );
    assert!(made.time > activities[0].time);
    assert_eq!(deeds(store, 2), []);
}

/// One decision of a clock that ran ahead must not hide regressions until then.
pub(in crate::store) fn a_clock_that_ran_ahead_hides_no_regression(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    let ahead = decision(1, 2, 1_000_000, Deed::Bookmark(true));
    let resolved = decision(2, 1, 100, Deed::Resolve(Resolution::Now));
    store.act(&[ahead, resolved]).unwrap();
    let new = at(3, 500);
    keep(store, vec![new.clone()]);
    assert_eq!(deeds(store, 1)[1..], [regress(&new)]);
    let activities = store.activities(&issue_id(1)).unwrap();
    assert!(activities[0].time.wall >= time(1_000_000));
    assert_eq!(activities[0].decided_at, time(100));
}

pub(in crate::store) fn the_first_event_of_a_batch_is_the_regression(store: &mut dyn Store) {
    decided(store, Deed::Resolve(Resolution::Now));
    let (early, late) = (at(3, 500), at(4, 600));
    keep(store, vec![at(5, 50), early.clone(), late]);
    assert_eq!(deeds(store, 1)[1..], [regress(&early)]);
    keep(store, vec![at(6, 700)]);
    assert_eq!(deeds(store, 1).len(), 2);
}

pub(in crate::store) fn an_event_from_before_the_resolution_is_none(store: &mut dyn Store) {
    decided(store, Deed::Resolve(Resolution::Now));
    keep(store, vec![at(3, 100)]);
    assert_eq!(
        (only(store).status, deeds(store, 1).len()),
        (Status::Resolved, 1)
    );
}

pub(in crate::store) fn a_known_event_is_no_regression(store: &mut dyn Store) {
    decided(store, Deed::Resolve(Resolution::Now));
    keep(store, vec![of_release(1, "shop@1.0.0")]);
    assert_eq!(only(store).status, Status::Resolved);
}

pub(in crate::store) fn a_regression_can_be_resolved_and_come_again(store: &mut dyn Store) {
    decided(store, Deed::Resolve(Resolution::Now));
    let (first, second) = (at(3, 500), at(4, 9000));
    keep(store, vec![first.clone()]);
    store
        .act(&[decision(7, 1, 8000, Deed::Resolve(Resolution::Now))])
        .unwrap();
    assert_eq!(
        (only(store).status, only(store).state.regression),
        (Status::Resolved, None)
    );
    keep(store, vec![second.clone()]);
    let made = deeds(store, 1);
    assert_eq!((&made[1], &made[3]), (&regress(&first), &regress(&second)));
    assert_eq!(only(store).state.regression, Some(second.event.event_id));
}

pub(in crate::store) fn an_older_release_is_no_regression(store: &mut dyn Store) {
    decided(
        store,
        Deed::Resolve(Resolution::Release("shop@2.0.0".into())),
    );
    let events = [of_release(3, "shop@1.9.9"), of_release(4, "shop@2.0.0")];
    check_last(store, &events, regress);
}

pub(in crate::store) fn the_release_it_was_resolved_in_is_no_regression(store: &mut dyn Store) {
    decided(
        store,
        Deed::Resolve(Resolution::NextRelease(Some("shop@1.0.0".into()))),
    );
    let events = [of_release(3, "shop@1.0.0"), of_release(4, "shop@1.0.1")];
    check_last(store, &events, regress);
}

pub(in crate::store) fn a_release_without_a_version_is_newer_if_it_is_new(store: &mut dyn Store) {
    let mut old = of_release(9, "a41f2c");
    old.event.timestamp = Some(time(20));
    keep(store, vec![old]);
    decided(
        store,
        Deed::Resolve(Resolution::NextRelease(Some("c0ffee".into()))),
    );
    let events = [of_release(3, "a41f2c"), of_release(4, "77ab01")];
    check_last(store, &events, regress);
}

pub(in crate::store) fn what_is_ignored_for_ever_stays_so(store: &mut dyn Store) {
    decided(store, Deed::Ignore(Ignore::Forever));
    keep(store, (3..30).map(|n| at(n, 1000 + i64::from(n))).collect());
    assert_eq!(
        (only(store).status, deeds(store, 1).len()),
        (Status::Ignored, 1)
    );
}

pub(in crate::store) fn what_is_ignored_resumes_at_its_count(store: &mut dyn Store) {
    decided(store, Deed::Ignore(Ignore::UntilSeenCount(3)));
    check_last(store, &[at(3, 5), at(4, 6)], resume);
}

pub(in crate::store) fn what_is_ignored_resumes_after_its_time(store: &mut dyn Store) {
    decided(store, Deed::Ignore(Ignore::UntilTime(time(700))));
    check_last(store, &[at(3, 699), at(4, 700), at(5, 701)], resume);
}

pub(in crate::store) fn what_is_ignored_resumes_when_a_day_has_more(store: &mut dyn Store) {
    decided(store, Deed::Ignore(Ignore::UntilDayCount(2)));
    let day = 86_400;
    let events = [
        at(3, 10 * day),
        at(4, 10 * day + 10),
        at(5, 12 * day),
        at(6, 12 * day + 10),
        at(7, 12 * day + 20_000),
    ];
    check_last(store, &events, resume);
}

pub(in crate::store) fn a_batch_counts_as_a_whole(store: &mut dyn Store) {
    decided(store, Deed::Ignore(Ignore::UntilSeenCount(3)));
    keep(store, vec![at(3, 500), at(4, 501), at(5, 502)]);
    assert_eq!(deeds(store, 1)[1..], [resume(&at(5, 502))]);
    assert_eq!(only(store).state.status, Status::Open);
}

pub(in crate::store) fn an_event_moved_by_hand_is_no_regression(store: &mut dyn Store) {
    decided(store, Deed::Resolve(Resolution::Now));
    let mut later = new_event(3, 2);
    later.event.timestamp = Some(time(5000));
    keep(store, vec![later.clone()]);
    decide(store, 2, 1, Deed::MoveEvent(later.event.event_id));
    assert_eq!(
        (only(store).status, only(store).seen_count),
        (Status::Resolved, 2)
    );
}
