//! Issues that become part of others, and variants that leave them.

use super::*;
use crate::event::User;

fn merge(other: u8) -> Deed {
    Deed::Merge(issue_id(other))
}

fn unmerge(variant: u8, to: u8) -> Deed {
    Deed::Unmerge {
        variant: VariantKey::from_bytes([variant; 16]),
        to: issue_id(to),
    }
}

fn undo(decision: u8) -> Deed {
    Deed::Undo(ActivityId::from_bytes([decision; 16]))
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn sound(store: &mut dyn Store) {
    assert_eq!(store.check().unwrap(), [""; 0]);
    assert_eq!(store.verify().unwrap(), [""; 0]);
}

/// Each issue that is shown, by number, with its events.
fn placed(store: &dyn Store) -> Vec<(u64, Vec<u64>)> {
    let mut issues = store.issues(&all(IssueSort::Number)).unwrap();
    issues.reverse();
    let events = |issue: &Issue| {
        let events = store.events(&issue.id, 99).unwrap();
        assert_eq!(issue.seen_count, events.len() as u64);
        let mut numbers: Vec<u64> = events.iter().map(|stored| stored.sequence).collect();
        numbers.sort_unstable();
        numbers
    };
    issues
        .iter()
        .map(|issue| (issue.number, events(issue)))
        .collect()
}

fn three(store: &mut dyn Store) {
    keep(
        store,
        vec![
            new_event(1, 1),
            new_event(2, 2),
            new_event(3, 2),
            new_event(4, 3),
        ],
    );
}

pub(in crate::store) fn a_merged_issue_is_part_of_the_other(store: &mut dyn Store) {
    let mut worst = new_event(9, 2);
    worst.event.level = Level::Fatal;
    worst.event.user = Some(User::new("ada"));
    worst.event.tags.insert("till".into(), "3".into());
    let mut same = new_event(7200, 1);
    same.event.user = Some(User::new("ada"));
    same.event.tags.insert("till".into(), "3".into());
    keep(store, vec![same, new_event(2, 2), worst, new_event(4, 3)]);
    decide(store, 1, 1, Deed::Assign(Some("bob".into())));
    decide(store, 2, 2, Deed::Resolve(crate::issue::Resolution::Now));
    decide(store, 3, 1, merge(2));
    assert_eq!(placed(store), [(1, vec![2, 9, 7200]), (3, vec![4])]);
    let issue = only(store);
    assert_eq!((issue.level, issue.user_count), (Level::Fatal, 1));
    assert_eq!((issue.first_seen, issue.last_seen), (time(2), time(7200)));
    assert_eq!(
        (issue.status, issue.title.as_str()),
        (Status::Open, "message 7200")
    );
    assert_eq!(issue.state.assignee.as_deref(), Some("bob"));
    let hours = store.hours(&issue.id).unwrap();
    assert_eq!(hours, [(time(0), 2), (time(7200), 1)]);
    let values = store.values(&issue.id, 9).unwrap();
    let till = values.iter().find(|value| value.key == "till").unwrap();
    assert_eq!((till.count, till.is_tag), (2, true));
    sound(store);
}

pub(in crate::store) fn a_merged_number_leads_on(store: &mut dyn Store) {
    three(store);
    decide(store, 1, 1, merge(2));
    for name in [
        IssueRef::Number(2),
        IssueRef::Id(issue_id(2)),
        IssueRef::Prefix("020202".into()),
    ] {
        assert_eq!(store.issue(&name).unwrap().number, 1, "{name:?}");
    }
    assert_eq!(store.merged(&issue_id(1)).unwrap(), [(2, issue_id(2))]);
    assert_eq!(store.merged(&issue_id(2)).unwrap(), []);
    let stored = store.event(new_event(2, 0).event.event_id).unwrap();
    assert_eq!((stored.issue, stored.issue_number), (issue_id(1), 1));
    let variants = store.joins(&issue_id(1)).unwrap();
    let keys: Vec<u8> = variants.iter().map(|j| j.variant.as_bytes()[0]).collect();
    assert_eq!(keys, [1, 2]);
    assert_eq!(store.joins(&issue_id(2)).unwrap(), []);
    decide(store, 2, 3, merge(1));
    assert_eq!(numbered(store, 2).number, 3);
    assert_eq!(store.merged(&issue_id(3)).unwrap().len(), 2);
    sound(store);
}

pub(in crate::store) fn a_merged_issue_is_found_by_its_names(store: &mut dyn Store) {
    three(store);
    decide(store, 1, 1, merge(2));
    let found = |test: IssueTest| -> Vec<u64> {
        let condition = Condition::Issue(test);
        let search = IssueSearch {
            condition: condition.clone(),
            order: IssueSort::default().into(),
            limit: 9,
            after: None,
        };
        let page = store.search(&search).unwrap();
        let events = store
            .search_events(&EventSearch {
                condition,
                limit: 9,
                after: None,
            })
            .unwrap();
        assert_eq!(
            page.issues.iter().map(|i| i.seen_count).sum::<u64>(),
            events.events.len() as u64
        );
        page.issues.iter().map(|issue| issue.number).collect()
    };
    assert_eq!(found(IssueTest::Number(2)), [1]);
    assert_eq!(found(IssueTest::Id(issue_id(2))), [1]);
    assert_eq!(found(IssueTest::Number(3)), [3]);
    assert_eq!(found(IssueTest::Number(77)), [0_u64; 0]);
}

pub(in crate::store) fn later_events_go_where_theirs_went(store: &mut dyn Store) {
    three(store);
    decide(store, 1, 1, merge(2));
    decide(store, 2, 1, Deed::Resolve(crate::issue::Resolution::Now));
    let committed = keep(store, vec![new_event(500, 2)]);
    let outcome = committed.outcomes[0];
    assert_eq!((outcome.issue_number, outcome.is_new_issue), (1, false));
    assert_eq!(only(store).status, Status::Open);
    assert!(only(store).state.regression.is_some());
    sound(store);
}

pub(in crate::store) fn a_merge_can_be_undone_and_done_again(store: &mut dyn Store) {
    three(store);
    decide(store, 1, 2, Deed::Assign(Some("bob".into())));
    let before = placed(store);
    let issues = store.issues(&all(IssueSort::Number)).unwrap();
    decide(store, 2, 1, merge(2));
    decide(store, 3, 1, undo(2));
    assert_eq!(placed(store), before);
    assert_eq!(store.issues(&all(IssueSort::Number)).unwrap(), issues);
    sound(store);
    decide(store, 4, 1, undo(3));
    assert_eq!(placed(store)[0], (1, vec![1, 2, 3]));
    sound(store);
}

pub(in crate::store) fn what_cannot_be_merged_is_refused(store: &mut dyn Store) {
    three(store);
    let mut other = new_event(9, 9);
    other.join.project = "till".into();
    keep(store, vec![other]);
    let mut fails = |issue, deed| kind(store.act(&[decision(9, issue, 50, deed)]));
    assert_eq!(fails(1, merge(1)), ErrorKind::InvalidInput);
    assert_eq!(fails(1, merge(9)), ErrorKind::InvalidInput);
    assert_eq!(fails(1, merge(77)), ErrorKind::NotFound);
    assert_eq!(fails(77, merge(1)), ErrorKind::NotFound);
    decide(store, 1, 1, merge(2));
    let mut fails = |issue, deed| kind(store.act(&[decision(9, issue, 200, deed)]));
    assert_eq!(fails(1, merge(2)), ErrorKind::NotFound);
    assert_eq!(fails(2, merge(3)), ErrorKind::NotFound);
    assert_eq!(placed(store).len(), 3);
}

pub(in crate::store) fn a_moved_event_goes_where_its_issue_went(store: &mut dyn Store) {
    three(store);
    keep(store, vec![new_event(5, 3)]);
    decide(store, 1, 2, Deed::MoveEvent(new_event(4, 0).event.event_id));
    decide(store, 2, 1, merge(2));
    assert_eq!(placed(store), [(1, vec![1, 2, 3, 4]), (3, vec![5])]);
    sound(store);
    decide(store, 3, 1, undo(2));
    assert_eq!(placed(store)[1], (2, vec![2, 3, 4]));
    decide(store, 4, 3, merge(2));
    decide(store, 5, 1, Deed::MoveEvent(new_event(4, 0).event.event_id));
    assert_eq!(placed(store), [(1, vec![1, 4]), (3, vec![2, 3, 5])]);
    sound(store);
}

pub(in crate::store) fn a_variant_leaves_with_its_events(store: &mut dyn Store) {
    let mut joined = new_event(6, 6);
    joined.join.issue = issue_id(1);
    joined.event.user = Some(User::new("ada"));
    three(store);
    keep(store, vec![joined, new_event(5, 2)]);
    decide(store, 1, 1, unmerge(6, 6));
    assert_eq!(
        placed(store),
        [(1, vec![1]), (2, vec![2, 3, 5]), (3, vec![4]), (4, vec![6])]
    );
    let issue = numbered(store, 4);
    assert_eq!((issue.id, issue.user_count), (issue_id(6), 1));
    assert_eq!(
        (issue.title.as_str(), only(store).user_count),
        ("message 6", 0)
    );
    assert_eq!(store.links().unwrap().apart, [(issue_id(1), issue_id(6))]);
    sound(store);
    let mut later = new_event(7, 6);
    later.join.issue = issue_id(1);
    assert_eq!(keep(store, vec![later]).outcomes[0].issue_number, 4);
    decide(store, 2, 1, undo(1));
    assert_eq!(placed(store)[0], (1, vec![1, 6, 7]));
    assert_eq!(store.links().unwrap().apart, []);
    sound(store);
}

pub(in crate::store) fn a_merged_variant_goes_back_to_its_own_issue(store: &mut dyn Store) {
    three(store);
    decide(store, 1, 2, Deed::Assign(Some("bob".into())));
    decide(store, 2, 1, merge(2));
    decide(store, 3, 1, unmerge(2, 2));
    assert_eq!(placed(store), [(1, vec![1]), (2, vec![2, 3]), (3, vec![4])]);
    assert_eq!(numbered(store, 2).state.assignee.as_deref(), Some("bob"));
    assert_eq!(store.merged(&issue_id(1)).unwrap(), []);
    assert_eq!(
        keep(store, vec![new_event(5, 2)]).outcomes[0].issue_number,
        2
    );
    sound(store);
    decide(store, 4, 1, merge(2));
    assert_eq!(placed(store)[0], (1, vec![1, 2, 3, 5]));
    assert_eq!(store.links().unwrap().apart, []);
    sound(store);
}

pub(in crate::store) fn only_what_belongs_to_an_issue_leaves_it(store: &mut dyn Store) {
    three(store);
    let mut fails = |issue, deed| kind(store.act(&[decision(9, issue, 50, deed)]));
    assert_eq!(fails(1, unmerge(2, 9)), ErrorKind::NotFound);
    assert_eq!(fails(1, unmerge(77, 9)), ErrorKind::NotFound);
    assert_eq!(fails(1, unmerge(1, 1)), ErrorKind::InvalidInput);
    assert_eq!(placed(store).len(), 3);
}

pub(in crate::store) fn what_was_given_up_goes_along(store: &mut dyn Store) {
    let hourly = |n: u32, variant| {
        let mut new = new_event(n, variant);
        new.event.timestamp = Some(time(i64::from(n) * 3600));
        new
    };
    let events = (1..=6).map(|n| hourly(n, 1 + u8::try_from(n % 2).unwrap()));
    keep(store, events.collect());
    let which = Expendable {
        before: Some(time(5 * 3600)),
        ..Expendable::default()
    };
    assert_eq!(store.retire(&which, 9, None, time(0)).unwrap().events, 4);
    let shown = |store: &dyn Store| {
        let issues = store.issues(&all(IssueSort::Number)).unwrap();
        let hours = |issue: &Issue| store.hours(&issue.id).unwrap();
        let each = issues.iter().map(|issue| (issue.clone(), hours(issue)));
        each.collect::<Vec<_>>()
    };
    let before = shown(store);
    decide(store, 1, 2, merge(1));
    let issue = only(store);
    assert_eq!((issue.id, issue.seen_count), (issue_id(2), 6));
    assert_eq!(
        (issue.first_seen, issue.last_seen),
        (time(3600), time(6 * 3600))
    );
    assert_eq!(store.hours(&issue.id).unwrap().len(), 6);
    sound(store);
    decide(store, 2, 2, undo(1));
    assert_eq!(shown(store), before);
    sound(store);
}

fn exported(store: &dyn Store, number: u64) -> (Exported, Vec<Record>) {
    let mut records = Vec::new();
    let exported = store.export(number, &mut |record| {
        records.push(record);
        Ok(())
    });
    (exported.unwrap(), records)
}

pub(in crate::store) fn what_was_merged_comes_back_from_an_archive(store: &mut dyn Store) {
    three(store);
    decide(store, 1, 2, merge(3));
    decide(store, 2, 1, merge(2));
    let before = placed(store);
    let (all, records) = exported(store, 1);
    assert!(store.release(&all, time(0)).unwrap());
    assert_eq!(placed(store), []);
    assert_eq!(store.restore(&records).unwrap(), 4);
    assert_eq!(placed(store), before);
    assert_eq!(numbered(store, 3).number, 1);
    sound(store);
}

/// The same merges and unmerges, in whatever order vaults hear of them.
pub(in crate::store) fn merges_from_elsewhere_come_to_the_same(store: &mut dyn Store) {
    three(store);
    let deeds = [
        (1, merge(2)),
        (3, merge(1)),
        (3, unmerge(2, 2)),
        (2, merge(1)),
    ];
    let mut activities: Vec<Activity> = (1..)
        .zip(deeds)
        .map(|(n, (issue, deed))| {
            let made = decision(n, issue, 100 + i64::from(n), deed);
            Activity {
                id: made.id,
                vault: made.vault,
                author: made.author,
                time: crate::issue::HybridTime {
                    wall: made.at,
                    tick: 0,
                },
                decided_at: made.at,
                issue: made.issue,
                deed: made.deed,
            }
        })
        .collect();
    activities.reverse();
    for activity in activities {
        store.restore(&[Record::Activity(activity)]).unwrap();
        sound(store);
    }
    // 2 became part of 1, that of 3; 2 left; then 1 was said to be part of 2.
    assert_eq!(placed(store), [(2, vec![1, 2, 3]), (3, vec![4])]);
    assert_eq!(numbered(store, 1).number, 2);
}

fn regroup(variant: u8, events: &[u32]) -> Deed {
    let events = events.iter().map(|event| new_event(*event, 0));
    Deed::Regroup {
        variant: VariantKey::from_bytes([variant; 16]),
        events: events.map(|new| new.event.event_id).collect(),
    }
}

/// A variant that nobody knew joins an issue.
fn adopt(store: &mut dyn Store, variant: u8, issue: u8) {
    let mut join = new_event(50, variant).join;
    join.issue = issue_id(issue);
    join.reason = "rule".into();
    let traits = None;
    store.adopt(&[Adoption { join, traits }]).unwrap();
}

pub(in crate::store) fn events_go_where_their_new_variant_is(store: &mut dyn Store) {
    three(store);
    adopt(store, 8, 1);
    adopt(store, 9, 9);
    decide(store, 1, 1, regroup(8, &[2]));
    decide(store, 2, 9, regroup(9, &[3, 4]));
    assert_eq!(placed(store), [(1, vec![1, 2]), (4, vec![3, 4])]);
    sound(store);
    let join = store.join_of(new_event(2, 0).event.event_id).unwrap();
    assert_eq!((join.variant.as_bytes()[0], &join.reason[..]), (8, "rule"));
    // They go along with it, and the next one finds them.
    decide(store, 3, 1, unmerge(8, 9));
    assert_eq!(placed(store), [(1, vec![1]), (4, vec![2, 3, 4])]);
    assert_eq!(
        keep(store, vec![new_event(7, 8)]).outcomes[0].issue_number,
        4
    );
    sound(store);
    decide(store, 4, 9, undo(2));
    decide(store, 5, 1, undo(3));
    assert_eq!(
        placed(store),
        [(1, vec![1, 2, 7]), (2, vec![3]), (3, vec![4])]
    );
    sound(store);
}

pub(in crate::store) fn what_people_moved_is_not_regrouped(store: &mut dyn Store) {
    three(store);
    let [first, second] = [1, 2].map(|event| new_event(event, 0).event.event_id);
    decide(store, 1, 3, Deed::MoveEvent(first));
    adopt(store, 8, 2);
    decide(store, 2, 2, regroup(8, &[1, 4]));
    assert_eq!(placed(store), [(2, vec![2, 3, 4]), (3, vec![1])]);
    let key = VariantKey::from_bytes([8; 16]);
    let mut moved = store.moved().unwrap();
    moved.sort_unstable();
    let last = new_event(4, 0).event.event_id;
    assert_eq!(moved, [(first, None), (last, Some(key))]);
    assert_eq!(store.join_of(second).unwrap().variant.as_bytes()[0], 2);
    sound(store);
}

pub(in crate::store) fn an_adopted_variant_stays_where_it_joined(store: &mut dyn Store) {
    three(store);
    adopt(store, 2, 3);
    let known = |store: &dyn Store, variant| {
        let key = VariantKey::from_bytes([variant; 16]);
        store.known_variant("shop", &key).unwrap()
    };
    let second = known(store, 2).unwrap();
    assert_eq!((second.joined, second.home), (issue_id(2), issue_id(2)));
    assert_eq!(known(store, 9), None);
    adopt(store, 9, 3);
    decide(store, 1, 1, merge(3));
    let ninth = known(store, 9).unwrap();
    assert_eq!((ninth.joined, ninth.home), (issue_id(3), issue_id(1)));
    assert_eq!(ninth.reason, "rule");
    assert_eq!(
        keep(store, vec![new_event(7, 9)]).outcomes[0].issue_number,
        1
    );
    sound(store);
}

/// Deeds that are decided together are as if they were decided one after the other.
pub(in crate::store) fn deeds_together_are_as_deeds_alone(store: &mut dyn Store) {
    let events = (1..=8).map(|n| new_event(u32::from(n), n));
    keep(store, events.collect());
    let deeds = [
        (1, merge(2)),
        (1, merge(3)),
        (4, merge(1)),
        (4, unmerge(2, 2)),
        (4, unmerge(3, 9)),
        (9, merge(5)),
        (6, regroup(7, &[6, 8])),
        (9, unmerge(5, 5)),
        (5, merge(7)),
        (5, Deed::Assign(Some("bob".into()))),
    ];
    let decisions: Vec<Decision> = (1..)
        .zip(&deeds)
        .map(|(n, (issue, deed))| decision(n, *issue, 100 + i64::from(n), deed.clone()))
        .collect();
    // One that cannot be decided takes all back.
    let before = placed(store);
    let wrong = [&decisions[..], &[decision(77, 1, 300, merge(5))]].concat();
    assert_eq!(kind(store.act(&wrong)), ErrorKind::NotFound);
    assert_eq!(placed(store), before);
    store.act(&decisions).unwrap();
    assert_eq!(
        placed(store),
        [
            (2, vec![2]),
            (4, vec![1, 4]),
            (5, vec![5, 6, 7, 8]),
            (9, vec![3])
        ]
    );
    sound(store);
}
