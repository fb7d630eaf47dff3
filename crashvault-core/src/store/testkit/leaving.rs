//! What belongs to events, and events that leave: attachments, retention, archives.

use super::*;

fn attachment(event: u32, name: &str) -> Attachment {
    Attachment {
        id: 0,
        event: new_event(event, 0).event.event_id,
        name: name.into(),
        content_type: Some("text/plain".into()),
        kind: "event.attachment".into(),
        hash: *blake3::hash(name.as_bytes()).as_bytes(),
        size_bytes: 7,
        added_at: time(9),
    }
}

fn everything() -> Expendable {
    Expendable::default()
}

/// Events 1 to 4 of one issue, 1 and 3 of level fatal, one an hour.
fn keep_hourly(store: &mut dyn Store) {
    let events = (1..=4).map(|n| {
        let mut new = new_event(n, 1);
        new.event.timestamp = Some(time(i64::from(n) * 3600));
        if n % 2 == 1 {
            new.event.level = Level::Fatal;
        }
        new
    });
    keep(store, events.collect());
}

fn exported(store: &dyn Store, number: u64) -> (Exported, Vec<Record>) {
    let mut records = Vec::new();
    let exported = store.export(number, &mut |record| {
        records.push(record);
        Ok(())
    });
    (exported.unwrap(), records)
}

pub(in crate::store) fn an_attachment_is_kept_once_and_read_back(store: &mut dyn Store) {
    // Before its event.
    let first = store.attach(&attachment(1, "a"), 9).unwrap();
    assert!(first.id > 0);
    assert_eq!(store.attach(&attachment(1, "a"), 9).unwrap(), first);
    let second = store.attach(&attachment(1, "b"), 9).unwrap();
    let other = store.attach(&attachment(2, "a"), 9).unwrap();
    keep(store, vec![new_event(1, 1)]);
    let expected = [first.clone(), second.clone()];
    assert_eq!(store.attachments(first.event).unwrap(), expected);
    assert_eq!(store.attachments_behind(0, 9).unwrap().len(), 3);
    assert_eq!(store.attachments_behind(second.id, 9).unwrap(), [other]);
    assert_eq!(store.attachments_behind(0, 1).unwrap(), [first]);
}

pub(in crate::store) fn attachments_of_an_event_have_a_limit(store: &mut dyn Store) {
    store.attach(&attachment(1, "a"), 1).unwrap();
    let error = store.attach(&attachment(1, "b"), 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitReached);
    store.attach(&attachment(1, "a"), 1).unwrap();
    store.attach(&attachment(2, "b"), 1).unwrap();
}

pub(in crate::store) fn attachments_leave_with_their_event(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    let kept = store.attach(&attachment(1, "a"), 9).unwrap();
    store.act(&[decision(1, 1, 50, Deed::Tombstone)]).unwrap();
    assert_eq!(store.attachments(kept.event).unwrap(), []);
    let error = store.attach(&attachment(1, "b"), 9).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

pub(in crate::store) fn what_is_given_up_still_counts(store: &mut dyn Store) {
    keep_hourly(store);
    let (before, hours) = (only(store), store.hours(&issue_id(1)).unwrap());
    let which = Expendable {
        before: Some(time(3 * 3600)),
        ..everything()
    };
    assert_eq!(store.count_expendable(&which).unwrap(), 2);
    let retired = store.retire(&which, 9, None, time(0)).unwrap();
    assert_eq!((retired.events, retired.next), (2, None));
    assert_eq!(only(store), before);
    assert_eq!(store.hours(&issue_id(1)).unwrap(), hours);
    assert_eq!(event_numbers(store, 1, 9), [4, 3]);
    assert_eq!(store.stats().unwrap().events, 2);
    let again = keep(store, vec![new_event(1, 1)]);
    assert_eq!((again.events_new, again.events_known), (0, 1));
    assert_eq!(store.verify().unwrap(), [""; 0]);
}

pub(in crate::store) fn an_issue_keeps_its_newest_event(store: &mut dyn Store) {
    keep_hourly(store);
    keep(store, vec![new_event(9, 2)]);
    assert_eq!(
        store
            .retire(&everything(), 9, None, time(0))
            .unwrap()
            .events,
        3
    );
    assert_eq!(event_numbers(store, 1, 9), [4]);
    assert_eq!(event_numbers(store, 2, 9), [9]);
}

pub(in crate::store) fn the_oldest_are_given_up_first(store: &mut dyn Store) {
    keep_hourly(store);
    let first = store.retire(&everything(), 1, None, time(0)).unwrap();
    assert_eq!(event_numbers(store, 1, 9), [4, 3, 2]);
    let second = store.retire(&everything(), 1, first.next, time(0)).unwrap();
    assert_eq!((second.events, second.next.is_some()), (1, true));
    assert_eq!(event_numbers(store, 1, 9), [4, 3]);
}

pub(in crate::store) fn only_events_of_that_kind_are_given_up(store: &mut dyn Store) {
    keep_hourly(store);
    let of = |level, status| Expendable {
        kinds: vec![(level, status)],
        ..everything()
    };
    let count = |store: &dyn Store, which| store.count_expendable(&which).unwrap();
    assert_eq!(count(store, of(Level::Fatal, Status::Open)), 2);
    assert_eq!(count(store, of(Level::Fatal, Status::Resolved)), 0);
    assert_eq!(count(store, of(Level::Info, Status::Open)), 0);
}

pub(in crate::store) fn what_was_released_comes_back(store: &mut dyn Store) {
    keep_hourly(store);
    keep(store, vec![new_event(5, 2)]);
    let moved = Deed::MoveEvent(new_event(5, 2).event.event_id);
    store
        .act(&[
            decision(1, 1, 50, moved),
            decision(2, 1, 51, Deed::Comment("why".into())),
        ])
        .unwrap();
    store.attach(&attachment(5, "a"), 9).unwrap();
    let which = Expendable {
        before: Some(time(3600)),
        ..everything()
    };
    store.retire(&which, 9, None, time(0)).unwrap();
    let see = |store: &dyn Store| {
        let id = issue_id(1);
        let attachments = store.attachments_behind(0, 9).unwrap();
        let joins = [
            store.joins(&id).unwrap(),
            store.joins(&issue_id(2)).unwrap(),
        ];
        (
            (
                only(store),
                store.events(&id, 9).unwrap(),
                store.activities(&id).unwrap(),
            ),
            (
                attachments,
                joins,
                store.hours(&id).unwrap(),
                store.values(&id, 9).unwrap(),
            ),
        )
    };
    let before = see(store);
    let (exported, records) = exported(store, 1);
    assert!(store.release(&exported, time(0)).unwrap());
    assert!(store.issue(&IssueRef::Number(1)).is_err());
    assert_eq!(store.stats().unwrap().events, 0);
    assert_eq!(store.attachments_behind(0, 9).unwrap(), []);
    let restored = store.restore(&records).unwrap();
    assert_eq!(restored, exported.events.len() as u64);
    assert_eq!(see(store), before);
    assert_eq!(store.restore(&records).unwrap(), 0);
    assert_eq!(see(store), before);
    assert_eq!(store.verify().unwrap(), [""; 0]);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

pub(in crate::store) fn what_has_changed_is_not_released(store: &mut dyn Store) {
    keep_hourly(store);
    let (exported, _) = exported(store, 1);
    keep(store, vec![new_event(5, 1)]);
    assert!(!store.release(&exported, time(0)).unwrap());
    assert_eq!(only(store).seen_count, 5);
}

pub(in crate::store) fn what_got_an_attachment_is_not_released(store: &mut dyn Store) {
    keep_hourly(store);
    let (exported, _) = exported(store, 1);
    store.attach(&attachment(2, "late"), 9).unwrap();
    assert!(!store.release(&exported, time(0)).unwrap());
    let event = new_event(2, 1).event.event_id;
    assert_eq!(store.attachments(event).unwrap().len(), 1);
}

pub(in crate::store) fn an_issue_that_was_empty_counts_what_was_given_up(store: &mut dyn Store) {
    keep_hourly(store);
    keep(store, vec![new_event(9, 2)]);
    store.retire(&everything(), 9, None, time(0)).unwrap();
    let last = new_event(4, 1).event.event_id;
    decide(store, 1, 2, Deed::MoveEvent(last));
    keep(store, vec![new_event(5, 1)]);
    assert_eq!(numbered(store, 1).seen_count, 4);
    let hours = store.hours(&issue_id(1)).unwrap();
    assert_eq!(hours.iter().map(|(_, count)| count).sum::<u64>(), 4);
    assert_eq!(store.verify().unwrap(), [""; 0]);
}

pub(in crate::store) fn the_move_of_an_event_that_left_can_be_undone(store: &mut dyn Store) {
    keep_hourly(store);
    keep(store, vec![new_event(9, 2)]);
    let first = new_event(1, 1).event.event_id;
    let moved = decide(store, 1, 2, Deed::MoveEvent(first));
    store.retire(&everything(), 9, None, time(0)).unwrap();
    decide(store, 2, 2, Deed::Undo(moved.id));
    assert_eq!(deeds(store, 2).len(), 2);
    let again = decision(3, 2, 103, Deed::MoveEvent(first));
    let refused = store.act(&[again]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(store.verify().unwrap(), [""; 0]);
}

pub(in crate::store) fn a_released_issue_keeps_number_and_decisions(store: &mut dyn Store) {
    keep_hourly(store);
    store
        .act(&[decision(1, 1, 50, Deed::Comment("why".into()))])
        .unwrap();
    let (exported, _) = exported(store, 1);
    store.release(&exported, time(0)).unwrap();
    let committed = keep(store, vec![new_event(5, 2), new_event(6, 1)]);
    let numbers = committed
        .outcomes
        .iter()
        .map(|outcome| outcome.issue_number);
    assert_eq!(numbers.collect::<Vec<_>>(), [2, 1]);
    assert_eq!(
        (only(store).seen_count, only(store).state.comment_count),
        (1, 1)
    );
}

pub(in crate::store) fn a_set_counter_is_no_sum(store: &mut dyn Store) {
    store.set_counter("a", 7).unwrap();
    store.set_counter("a", 5).unwrap();
    assert_eq!(store.counters().unwrap()["a"], 5);
}
