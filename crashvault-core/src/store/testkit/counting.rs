//! What is counted: users, hours, values.

use super::*;
use crate::event::{Exception, User};

const HOUR: i64 = 3600;

fn tagged(event: u32, tags: &[(&str, &str)]) -> NewEvent {
    let mut new = new_event(event, 1);
    let tags = tags
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    new.event.tags = tags.collect();
    new
}

fn by(event: u32, issue: u8, user: Option<User>) -> NewEvent {
    let mut new = new_event(event, issue);
    new.event.user = user;
    new
}

/// The values of a key, as counted.
fn counts(store: &dyn Store, limit: usize, is_tag: bool, key: &str) -> Vec<(String, u64)> {
    let values = store.values(&issue_id(1), limit).unwrap();
    let of_key = values
        .into_iter()
        .filter(|v| v.is_tag == is_tag && v.key == key);
    of_key.map(|value| (value.value, value.count)).collect()
}

fn pairs(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs
        .iter()
        .map(|(value, count)| ((*value).to_owned(), *count))
        .collect()
}

pub(in crate::store) fn users_are_counted_once_each(store: &mut dyn Store) {
    let named = |name: &str| {
        Some(User {
            username: Some(name.into()),
            ..User::default()
        })
    };
    keep(
        store,
        vec![
            by(1, 1, Some(User::new("ada"))),
            by(2, 1, Some(User::new("ada").email("ada@a.org"))),
            by(3, 1, None),
            by(4, 2, Some(User::new("ada"))),
        ],
    );
    assert_eq!([1, 2].map(|n| numbered(store, n).user_count), [1, 1]);
    keep(
        store,
        vec![by(5, 1, named("ada")), by(6, 1, Some(User::new("bob")))],
    );
    keep(
        store,
        vec![
            by(7, 1, Some(User::new("ada"))),
            by(8, 2, Some(User::default())),
        ],
    );
    assert_eq!([1, 2].map(|n| numbered(store, n).user_count), [3, 1]);
    assert_eq!(numbers(store, &all(IssueSort::UserCount)), [1, 2]);
}

pub(in crate::store) fn a_user_is_known_by_the_first_of_its_names(store: &mut dyn Store) {
    let mail = || User {
        email: Some("ada@a.org".into()),
        ..User::default()
    };
    let both = User::new("ada").email("ada@a.org");
    keep(store, vec![by(1, 1, Some(both))]);
    assert_eq!(only(store).user_count, 1);
    keep(
        store,
        vec![by(2, 1, Some(mail())), by(3, 1, Some(User::new("ada")))],
    );
    keep(store, vec![by(4, 1, Some(mail()))]);
    assert_eq!(only(store).user_count, 2);
}

pub(in crate::store) fn hours_count_their_events(store: &mut dyn Store) {
    let at = |event, issue, second| {
        let mut new = new_event(event, issue);
        new.event.timestamp = Some(time(second));
        new
    };
    keep(
        store,
        vec![
            at(1, 1, 2 * HOUR),
            at(2, 1, 3 * HOUR - 1),
            at(3, 1, 3 * HOUR),
            at(4, 2, 0),
        ],
    );
    keep(store, vec![at(5, 1, -1), at(6, 1, 2 * HOUR + 7)]);
    let expected = [(time(-HOUR), 1), (time(2 * HOUR), 3), (time(3 * HOUR), 1)];
    assert_eq!(store.hours(&issue_id(1)).unwrap(), expected);
    assert_eq!(store.hours(&issue_id(2)).unwrap(), [(time(0), 1)]);
    assert_eq!(store.hours(&issue_id(77)).unwrap(), []);
}

pub(in crate::store) fn values_are_counted_most_frequent_first(store: &mut dyn Store) {
    keep(
        store,
        vec![
            tagged(1, &[("os", "linux")]),
            tagged(2, &[("os", "mac"), ("cpu", "arm")]),
        ],
    );
    keep(
        store,
        vec![
            tagged(3, &[("os", "mac")]),
            tagged(4, &[("os", "linux")]),
            tagged(5, &[("os", "mac")]),
        ],
    );
    keep(store, vec![tagged(6, &[("os", "bsd")])]);
    assert_eq!(
        counts(store, 9, true, "os"),
        pairs(&[("mac", 3), ("linux", 2), ("bsd", 1)])
    );
    assert_eq!(
        counts(store, 2, true, "os"),
        pairs(&[("mac", 3), ("linux", 2)])
    );
    assert_eq!(counts(store, 2, true, "cpu"), pairs(&[("arm", 1)]));
    assert_eq!(counts(store, 9, false, "level"), pairs(&[("error", 6)]));
    assert_eq!(store.values(&issue_id(1), 0).unwrap(), []);
    assert_eq!(store.values(&issue_id(77), 9).unwrap(), []);
}

pub(in crate::store) fn values_are_listed_by_key(store: &mut dyn Store) {
    let mut first = tagged(1, &[("b", "2"), ("a", "1"), ("level", "x")]);
    first.event.release = Some("2.0".into());
    keep(store, vec![first, tagged(2, &[("b", "1")])]);
    let values = store.values(&issue_id(1), 9).unwrap();
    let keys: Vec<(bool, &str)> = values.iter().map(|v| (v.is_tag, v.key.as_str())).collect();
    let attributes = [(false, "level"), (false, "platform"), (false, "release")];
    let tags = [(true, "a"), (true, "b"), (true, "b"), (true, "level")];
    assert_eq!(keys, [attributes.as_slice(), tags.as_slice()].concat());
    assert_eq!(counts(store, 9, true, "b"), pairs(&[("1", 1), ("2", 1)]));
}

pub(in crate::store) fn a_value_counts_once_in_an_event(store: &mut dyn Store) {
    let mut new = new_event(1, 1);
    let exception = Exception {
        ty: Some("Error".into()),
        ..Exception::default()
    };
    new.event.exceptions = vec![exception.clone(), exception];
    keep(store, vec![new]);
    assert_eq!(
        counts(store, 9, false, "error.type"),
        pairs(&[("Error", 1)])
    );
}

pub(in crate::store) fn a_moved_event_takes_its_counts_along(store: &mut dyn Store) {
    let mut other = new_event(5, 2);
    other.event.tags.insert("os".into(), "mac".into());
    other.event.user = Some(User::new("ada"));
    keep(
        store,
        vec![
            tagged(1, &[("os", "mac")]),
            tagged(2, &[("os", "bsd")]),
            other,
        ],
    );
    decide(store, 1, 1, Deed::MoveEvent(new_event(5, 2).event.event_id));
    assert_eq!(
        counts(store, 9, true, "os"),
        pairs(&[("mac", 2), ("bsd", 1)])
    );
    assert_eq!(store.hours(&issue_id(1)).unwrap(), [(time(0), 3)]);
    assert_eq!(only(store).user_count, 1);
    let undo = Deed::Undo(ActivityId::from_bytes([1; 16]));
    decide(store, 2, 1, undo);
    assert_eq!(
        counts(store, 9, true, "os"),
        pairs(&[("bsd", 1), ("mac", 1)])
    );
    assert_eq!(store.hours(&issue_id(1)).unwrap(), [(time(0), 2)]);
    assert_eq!(
        (only(store).user_count, numbered(store, 2).user_count),
        (0, 1)
    );
}

pub(in crate::store) fn a_tally_counts_all_issues(store: &mut dyn Store) {
    let leveled = |event: u32, issue: u8, level: Level| {
        let mut new = new_event(event, issue);
        new.event.level = level;
        new
    };
    let later = |event: u32, issue: u8| {
        let mut new = new_event(event, issue);
        new.event.timestamp = Some(time(3 * HOUR + i64::from(event)));
        new
    };
    keep(
        store,
        vec![
            leveled(1, 1, Level::Debug),
            leveled(2, 2, Level::Debug),
            later(3, 1),
            later(4, 2),
            later(5, 3),
        ],
    );
    decide(store, 1, 3, Deed::Ignore(crate::issue::Ignore::Forever));
    let tally = store.tally(time(0)).unwrap();
    let statuses = [Status::Open, Status::Resolved, Status::Ignored];
    assert_eq!(
        tally.issues,
        statuses.into_iter().zip([2, 0, 1]).collect::<Vec<_>>()
    );
    let levels = Level::ALL.into_iter().zip([2, 0, 0, 3, 0]);
    assert_eq!(tally.events, levels.collect::<Vec<_>>());
    let hours = [(time(0), 2), (time(3 * HOUR), 3)];
    assert_eq!(tally.hours, hours);
    assert_eq!(store.tally(time(3 * HOUR + 59)).unwrap().hours, hours[1..]);
    assert_eq!(store.tally(time(4 * HOUR)).unwrap().hours, []);
}

pub(in crate::store) fn events_are_read_in_the_order_they_came(store: &mut dyn Store) {
    assert_eq!(store.last_ingest_sequence().unwrap(), 0);
    // The newest by time comes first.
    keep(
        store,
        vec![new_event(9, 1), new_event(2, 2), new_event(5, 1)],
    );
    let behind = |after, limit| {
        let (events, reached) = store.events_behind(after, limit).unwrap();
        let numbers: Vec<u64> = events.iter().map(|stored| stored.sequence).collect();
        (numbers, reached)
    };
    assert_eq!(behind(0, 10), (vec![9, 2, 5], 3));
    assert_eq!(behind(1, 1), (vec![2], 2));
    assert_eq!(behind(3, 10), (vec![], 3));
    assert_eq!(behind(u64::MAX, 10), (vec![], u64::MAX));
    assert_eq!(store.last_ingest_sequence().unwrap(), 3);
    let counts = [0, 2, 3, u64::MAX].map(|after| store.event_count_behind(after).unwrap());
    assert_eq!(counts, [3, 1, 0, 0]);
}

pub(in crate::store) fn a_place_in_the_order_is_given_once(store: &mut dyn Store) {
    assert_eq!(store.last_given_sequence().unwrap(), 0);
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    decide(store, 2, 2, Deed::Tombstone);
    assert_eq!(store.last_ingest_sequence().unwrap(), 1);
    assert_eq!(store.last_given_sequence().unwrap(), 2);
    keep(store, vec![new_event(3, 1)]);
    assert_eq!(store.last_given_sequence().unwrap(), 3);
}
