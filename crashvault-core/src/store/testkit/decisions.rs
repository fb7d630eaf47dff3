//! What is decided: recorded once, in order, and seen in the issue; moved and deleted events.

use super::*;
use crate::event::User;
use crate::issue::{HybridTime, Ignore, Resolution, ReviewStep, fold};

fn undo(decision: u8) -> Deed {
    Deed::Undo(ActivityId::from_bytes([decision; 16]))
}

fn event_id(event: u32) -> EventId {
    new_event(event, 0).event.event_id
}

fn move_event(event: u32) -> Deed {
    Deed::MoveEvent(event_id(event))
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

pub(in crate::store) fn a_decision_is_recorded_as_it_was_made(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    let recorded = store
        .act(&[decision(9, 1, 50, Deed::Comment("seen".into()))])
        .unwrap();
    let expected = Activity {
        id: ActivityId::from_bytes([9; 16]),
        vault: [3; 16],
        author: "anna".into(),
        time: HybridTime {
            wall: time(50),
            tick: 0,
        },
        decided_at: time(50),
        issue: issue_id(1),
        deed: Deed::Comment("seen".into()),
    };
    assert_eq!(recorded[0], expected);
    assert_eq!(store.activities(&issue_id(1)).unwrap(), recorded);
    assert_eq!(store.activities(&issue_id(2)).unwrap(), []);
    assert_eq!(store.activities(&issue_id(77)).unwrap(), []);
}

pub(in crate::store) fn every_deed_is_read_back_whole(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    let text = || "naïve \"q\" \0 \u{10ffff}".to_owned();
    let tag = |value| Deed::Tag { key: text(), value };
    let deeds_made = vec![
        Deed::Resolve(Resolution::Now),
        Deed::Resolve(Resolution::NextRelease(None)),
        Deed::Resolve(Resolution::NextRelease(Some(text()))),
        Deed::Resolve(Resolution::Release(text())),
        Deed::Reopen,
        Deed::Ignore(Ignore::Forever),
        Deed::Ignore(Ignore::UntilSeenCount(u64::from(u32::MAX))),
        Deed::Ignore(Ignore::UntilTime(Timestamp::from_nanos(
            1_767_607_200_123_456_789,
        ))),
        Deed::Ignore(Ignore::UntilDayCount(7)),
        Deed::Assign(Some(text())),
        Deed::Assign(None),
        Deed::Comment(text()),
        tag(Some(text())),
        tag(None),
        Deed::SetTitle(Some(text())),
        Deed::SetTitle(None),
        Deed::SetSeverity(Some(text())),
        Deed::SetSeverity(None),
        Deed::Bookmark(true),
        Deed::Bookmark(false),
        Deed::Review(Some(ReviewStep::Verify)),
        Deed::Review(None),
        move_event(2),
        undo(1),
    ];
    let decisions: Vec<Decision> = (1..)
        .zip(deeds_made.clone())
        .map(|(n, deed)| decision(n, 1, 50, deed))
        .collect();
    let recorded = store.act(&decisions).unwrap();
    assert_eq!(deeds(store, 1), deeds_made);
    assert_eq!(store.activities(&issue_id(1)).unwrap(), recorded);
    assert_eq!(only(store).state, fold(&recorded));
}

pub(in crate::store) fn a_decision_is_seen_in_its_issue_alone(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    decide(store, 1, 1, Deed::Assign(Some("bob".into())));
    decide(store, 2, 1, Deed::SetTitle(Some("The till".into())));
    decide(store, 3, 1, Deed::Bookmark(true));
    decide(store, 4, 1, Deed::Resolve(Resolution::Now));
    let issue = only(store);
    assert_eq!(issue.status, Status::Resolved);
    assert_eq!(issue.state.status, Status::Resolved);
    assert_eq!(issue.state.assignee.as_deref(), Some("bob"));
    assert_eq!(issue.state.title.as_deref(), Some("The till"));
    assert_eq!(
        (issue.state.is_bookmarked, issue.title.as_str()),
        (true, "The till")
    );
    assert_eq!(issue.state.since, Some(time(104)));
    assert_eq!(numbered(store, 2).state, Default::default());
    assert_eq!(
        store.issues(&all(IssueSort::Number)).unwrap(),
        [numbered(store, 2), issue]
    );
}

pub(in crate::store) fn an_issue_without_a_title_of_its_own_has_its_events(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    decide(store, 1, 1, Deed::SetTitle(Some("The till".into())));
    keep(store, vec![new_event(2, 1)]);
    assert_eq!(only(store).title, "The till");
    decide(store, 2, 1, Deed::SetTitle(None));
    assert_eq!(only(store).title, "message 2");
}

pub(in crate::store) fn an_issue_keeps_its_project(store: &mut dyn Store) {
    let mut other = new_event(2, 2);
    other.join.project = "till".into();
    keep(store, vec![new_event(1, 1), other, new_event(3, 3)]);
    decide(store, 1, 1, move_event(2));
    decide(store, 2, 3, move_event(1));
    assert_eq!(
        (only(store).project.as_str(), only(store).seen_count),
        ("shop", 1)
    );
    assert_eq!(store.verify().unwrap(), [""; 0]);
    let filter = all(IssueSort::Number).project("shop");
    assert_eq!(numbers(store, &filter), [3, 1]);
}

pub(in crate::store) fn issues_are_filtered_by_what_was_decided(store: &mut dyn Store) {
    keep(store, (1..=4).map(|n| new_event(n.into(), n)).collect());
    decide(store, 1, 1, Deed::Resolve(Resolution::Now));
    decide(store, 2, 2, Deed::Ignore(Ignore::Forever));
    decide(store, 3, 3, Deed::Resolve(Resolution::Now));
    decide(store, 4, 3, Deed::Reopen);
    let with = |status| numbers(store, &all(IssueSort::Number).status(status));
    assert_eq!(with(Status::Open), [4, 3]);
    assert_eq!(with(Status::Resolved), [1]);
    assert_eq!(with(Status::Ignored), [2]);
}

pub(in crate::store) fn a_new_event_leaves_what_was_decided(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    decide(store, 1, 1, Deed::Assign(Some("bob".into())));
    let before = only(store).state;
    keep(store, vec![new_event(2, 1)]);
    assert_eq!((only(store).state, only(store).seen_count), (before, 2));
}

pub(in crate::store) fn the_clock_never_goes_back(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    let at = |n, issue, second| decision(n, issue, second, Deed::Reopen);
    let mut recorded = store.act(&[at(1, 1, 100), at(2, 2, 50)]).unwrap();
    recorded.extend(store.act(&[at(3, 1, 100), at(4, 1, 101)]).unwrap());
    let times: Vec<_> = recorded.iter().map(|activity| activity.time).collect();
    let tick = |second, tick| HybridTime {
        wall: time(second),
        tick,
    };
    assert_eq!(
        times,
        [tick(100, 0), tick(100, 1), tick(100, 2), tick(101, 0)]
    );
}

pub(in crate::store) fn a_decision_counts_once(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    let first = store
        .act(&[decision(1, 1, 50, Deed::Comment("a".into()))])
        .unwrap();
    let again = [
        decision(1, 1, 60, Deed::Comment("b".into())),
        decision(1, 2, 60, Deed::Reopen),
        decision(2, 1, 70, Deed::Comment("c".into())),
        decision(2, 1, 80, Deed::Comment("d".into())),
    ];
    let recorded = store.act(&again).unwrap();
    assert_eq!(recorded[..2], [first[0].clone(), first[0].clone()]);
    assert_eq!(recorded[2], recorded[3]);
    assert_eq!(
        deeds(store, 1),
        [Deed::Comment("a".into()), Deed::Comment("c".into())]
    );
    assert_eq!(deeds(store, 2), []);
    assert_eq!(only(store).state.comment_count, 2);
}

pub(in crate::store) fn nothing_is_decided_about_what_is_not_there(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    let mut fails = |issue, deed| kind(store.act(&[decision(1, issue, 50, deed)]));
    assert_eq!(fails(77, Deed::Reopen), ErrorKind::NotFound);
    assert_eq!(fails(1, move_event(99)), ErrorKind::NotFound);
    assert_eq!(fails(1, undo(99)), ErrorKind::NotFound);
    assert_eq!(fails(1, undo(1)), ErrorKind::NotFound);
    decide(store, 5, 2, Deed::Bookmark(true));
    assert_eq!(
        kind(store.act(&[decision(6, 1, 200, undo(5))])),
        ErrorKind::NotFound
    );
    assert_eq!(deeds(store, 1), []);
}

pub(in crate::store) fn a_call_that_fails_decides_nothing(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    let decisions = [
        decision(1, 1, 50, Deed::Bookmark(true)),
        decision(2, 1, 50, move_event(2)),
        decision(3, 77, 50, Deed::Reopen),
    ];
    assert_eq!(kind(store.act(&decisions)), ErrorKind::NotFound);
    assert_eq!(deeds(store, 1), []);
    assert_eq!(only(store).state, Default::default());
    assert_eq!(numbered(store, 2).seen_count, 1);
}

pub(in crate::store) fn an_undo_takes_back(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    decide(store, 1, 1, Deed::Resolve(Resolution::Now));
    decide(store, 2, 1, undo(1));
    assert_eq!(only(store).status, Status::Open);
    decide(store, 3, 1, undo(2));
    assert_eq!(only(store).status, Status::Resolved);
    assert_eq!(deeds(store, 1).len(), 3);
}

pub(in crate::store) fn undos_that_name_each_other_end(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    let mut first = decide(store, 1, 1, Deed::Comment("a".into()));
    let mut from_elsewhere = |number: u8, earlier| {
        first.id = ActivityId::from_bytes([number; 16]);
        first.deed = undo(earlier);
        Record::Activity(first.clone())
    };
    let records = [from_elsewhere(7, 8), from_elsewhere(8, 7)];
    store.restore(&records).unwrap();
    decide(store, 2, 1, undo(7));
    assert_eq!(deeds(store, 1).len(), 4);
}

pub(in crate::store) fn a_moved_event_belongs_to_its_new_issue(store: &mut dyn Store) {
    let mut moved = new_event(9, 1);
    moved.event.level = Level::Fatal;
    moved.event.user = Some(User::new("ada"));
    keep(store, vec![new_event(1, 1), moved, new_event(5, 2)]);
    decide(store, 1, 2, move_event(9));
    let (from, to) = (only(store), numbered(store, 2));
    assert_eq!(
        (
            from.seen_count,
            from.user_count,
            to.seen_count,
            to.user_count
        ),
        (1, 0, 2, 1)
    );
    assert_eq!(
        (from.title.as_str(), to.title.as_str()),
        ("message 1", "message 9")
    );
    assert_eq!((from.level, to.level), (Level::Error, Level::Fatal));
    assert_eq!(
        (from.last_seen, to.last_seen, to.first_seen),
        (time(1), time(9), time(5))
    );
    assert_eq!((from.last_event, to.last_event), (event_id(1), event_id(9)));
    assert_eq!(
        (event_numbers(store, 1, 10), event_numbers(store, 2, 10)),
        (vec![1], vec![9, 5])
    );
    let stored = store.event(event_id(9)).unwrap();
    assert_eq!((stored.issue, stored.issue_number), (issue_id(2), 2));
    assert_eq!(stored.variant, new_event(9, 1).join.variant);
    assert_eq!(store.stats().unwrap().events, 3);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

pub(in crate::store) fn only_the_event_moves_not_its_variant(store: &mut dyn Store) {
    keep(
        store,
        vec![new_event(1, 1), new_event(2, 1), new_event(3, 2)],
    );
    decide(store, 1, 2, move_event(2));
    let committed = keep(store, vec![new_event(4, 1), new_event(2, 1)]);
    let places: Vec<_> = committed
        .outcomes
        .iter()
        .map(|o| (o.issue_number, o.is_known))
        .collect();
    assert_eq!(places, [(1, false), (2, true)]);
    assert_eq!(
        (event_numbers(store, 1, 10), event_numbers(store, 2, 10)),
        (vec![4, 1], vec![3, 2])
    );
}

pub(in crate::store) fn a_move_can_be_undone_and_done_again(store: &mut dyn Store) {
    keep(
        store,
        vec![new_event(1, 1), new_event(2, 1), new_event(3, 2)],
    );
    let mut check = |number, deed, expected: [u64; 2]| {
        decide(store, number, 2, deed);
        assert_eq!(
            [1, 2].map(|n| numbered(store, n).seen_count),
            expected,
            "{number}"
        );
    };
    check(1, move_event(2), [1, 2]);
    check(2, undo(1), [2, 1]);
    check(3, undo(2), [1, 2]);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

pub(in crate::store) fn the_last_move_that_stands_counts(store: &mut dyn Store) {
    keep(
        store,
        vec![
            new_event(1, 1),
            new_event(2, 1),
            new_event(3, 2),
            new_event(4, 3),
        ],
    );
    let issue_of = |store: &dyn Store| store.event(event_id(2)).unwrap().issue_number;
    decide(store, 1, 2, move_event(2));
    decide(store, 2, 3, move_event(2));
    assert_eq!(issue_of(store), 3);
    decide(store, 3, 3, undo(2));
    assert_eq!(issue_of(store), 2);
    decide(store, 4, 2, undo(1));
    assert_eq!(issue_of(store), 1);
    decide(store, 5, 1, move_event(2));
    assert_eq!((issue_of(store), only(store).seen_count), (1, 2));
    decide(store, 6, 3, move_event(2));
    decide(store, 7, 2, move_event(2));
    assert_eq!(issue_of(store), 2);
}

pub(in crate::store) fn an_issue_without_events_is_not_shown(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    decide(store, 1, 1, Deed::Assign(Some("bob".into())));
    decide(store, 2, 2, move_event(1));
    assert_eq!(kind(store.issue(&IssueRef::Number(1))), ErrorKind::NotFound);
    assert_eq!(
        kind(store.issue(&IssueRef::Prefix("010101".into()))),
        ErrorKind::NotFound
    );
    assert_eq!(numbers(store, &all(IssueSort::Number)), [2]);
    assert_eq!(store.stats().unwrap().issues, 1);
    assert_eq!(store.hours(&issue_id(1)).unwrap(), []);
    assert_eq!(store.values(&issue_id(1), 9).unwrap(), []);
    assert_eq!(
        kind(store.act(&[decision(3, 1, 300, Deed::Reopen)])),
        ErrorKind::NotFound
    );
}

pub(in crate::store) fn an_issue_comes_back_with_its_number_and_state(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    decide(store, 1, 1, Deed::Assign(Some("bob".into())));
    decide(store, 2, 2, move_event(1));
    let committed = keep(store, vec![new_event(3, 1), new_event(4, 3)]);
    assert_eq!(committed.issues_new, [3]);
    let is_new: Vec<bool> = committed.outcomes.iter().map(|o| o.is_new_issue).collect();
    assert_eq!(is_new, [false, true]);
    let issue = only(store);
    assert_eq!((issue.seen_count, issue.title.as_str()), (1, "message 3"));
    assert_eq!(issue.state.assignee.as_deref(), Some("bob"));
}

pub(in crate::store) fn a_deleted_issue_is_gone_with_its_events(store: &mut dyn Store) {
    keep(
        store,
        vec![new_event(1, 1), new_event(2, 1), new_event(3, 2)],
    );
    decide(store, 1, 2, move_event(2));
    decide(store, 2, 2, Deed::Tombstone);
    assert_eq!(numbers(store, &all(IssueSort::Number)), [1]);
    assert_eq!(
        kind(store.issue(&IssueRef::Id(issue_id(2)))),
        ErrorKind::NotFound
    );
    for event in [2, 3] {
        assert_eq!(kind(store.event(event_id(event))), ErrorKind::NotFound);
    }
    assert!(event_numbers(store, 2, 10).is_empty());
    let stats = store.stats().unwrap();
    assert_eq!((stats.events, stats.issues), (1, 1));
    assert_eq!(deeds(store, 2), [move_event(2), Deed::Tombstone]);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

pub(in crate::store) fn a_deleted_event_does_not_come_back(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    decide(store, 1, 1, Deed::Tombstone);
    let committed = keep(store, vec![new_event(1, 1)]);
    assert_eq!((committed.events_new, committed.events_known), (0, 1));
    assert!(committed.outcomes[0].is_known && !committed.outcomes[0].is_new_issue);
    assert_eq!(kind(store.event(event_id(1))), ErrorKind::NotFound);
    assert_eq!(numbers(store, &all(IssueSort::Number)), [2]);
}

pub(in crate::store) fn a_new_event_of_a_deleted_issue_is_kept(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    decide(store, 1, 1, Deed::Tombstone);
    let committed = keep(store, vec![new_event(3, 1)]);
    assert_eq!((committed.events_new, committed.issues_new), (1, vec![]));
    assert_eq!(
        (only(store).seen_count, only(store).first_seen),
        (1, time(3))
    );
}

pub(in crate::store) fn a_deletion_cannot_be_undone(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    decide(store, 1, 1, Deed::Tombstone);
    keep(store, vec![new_event(3, 1)]);
    assert_eq!(
        kind(store.act(&[decision(2, 1, 300, undo(1))])),
        ErrorKind::InvalidInput
    );
    assert_eq!(deeds(store, 1), [Deed::Tombstone]);
}
