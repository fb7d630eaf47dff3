//! Variants that join the issue of those they are like.

use super::*;
use crate::group::{self, GroupRules, Grouper};
use crate::issue::{Comparison, VariantWhy, Verdict};
use serde_json::json;

/// Event number `event`, thrown in these functions, the innermost first.
fn crash(project: &str, event: u32, ty: &str, functions: &[String], value: &str) -> NewEvent {
    let base = new_event(event, 0);
    let frames: Vec<_> = functions
        .iter()
        .rev()
        .map(|function| json!({"function": function, "in_app": true}))
        .collect();
    let exception = json!({"type": ty, "value": value, "stacktrace": {"frames": frames}});
    let made = json!({"platform": "ruby", "exception": exception});
    let mut made = Event::from_json(made.to_string().as_bytes()).unwrap();
    made.event_id = base.event.event_id;
    made.timestamp = base.event.timestamp;
    let grouping = group::group(&made, &GroupRules::default());
    let issue = group::issue_id(project, &grouping.variant);
    let mut join = Join::new(grouping.variant, issue, project, base.received_at);
    join.reason = grouping.reason.into();
    join.parts = grouping.parts.clone();
    join.algorithm = grouping.algorithm;
    NewEvent {
        traits: group::traits(&made, grouping.reason, &grouping.parts),
        event: made,
        join,
        ..base
    }
}

/// Of the project "shop".
pub(in crate::store) fn shop(event: u32, functions: &str, value: &str) -> NewEvent {
    let functions: Vec<String> = functions.split(' ').map(str::to_owned).collect();
    crash("shop", event, "E", &functions, value)
}

fn issues(committed: &Committed) -> Vec<u64> {
    let outcomes = committed.outcomes.iter();
    outcomes.map(|outcome| outcome.issue_number).collect()
}

fn verdict(store: &dyn Store, event: u32) -> Verdict {
    let join = store.join_of(new_event(event, 0).event.event_id).unwrap();
    VariantWhy::of(join).verdict
}

fn similar(store: &dyn Store, event: u32) -> Comparison {
    match verdict(store, event) {
        Verdict::Similar(comparison) => comparison,
        other => panic!("{other:?}"),
    }
}

pub(in crate::store) fn a_variant_joins_the_issue_of_those_it_is_like(store: &mut dyn Store) {
    let first = shop(1, "total pay main", "no price");
    let events = vec![
        first.clone(),
        shop(2, "total quote mail", "no price"),
        shop(3, "open load main", "no such file"),
    ];
    let committed = keep(store, events);
    assert_eq!(issues(&committed), [1, 1, 2]);
    assert_eq!(committed.issues_new, [1, 2]);
    let joined = store.event(new_event(2, 0).event.event_id).unwrap();
    assert_eq!((joined.issue, joined.issue_number), (first.join.issue, 1));
    let joins = store.joins(&first.join.issue).unwrap();
    let reasons: Vec<&str> = joins.iter().map(|join| &join.reason[..]).collect();
    assert_eq!(reasons, ["stack", "similar"]);
    assert_eq!(joins[1], store.join_of(joined.event.event_id).unwrap());
    assert_eq!(
        joins[1].parts,
        shop(2, "total quote mail", "no price").join.parts
    );
    // From another batch, too.
    let committed = keep(store, vec![shop(4, "total quote cron", "no price")]);
    assert_eq!(issues(&committed), [1]);
}

pub(in crate::store) fn what_was_compared_is_kept_with_the_join(store: &mut dyn Store) {
    let first = shop(1, "total pay main", "no price");
    let other = shop(2, "open load main", "no such file");
    keep(store, vec![first.clone(), other.clone()]);
    keep(store, vec![shop(3, "total quote main", "no price")]);
    let comparison = similar(store, 3);
    let nearest = comparison.nearest.unwrap();
    assert_eq!(nearest.issue, first.join.issue);
    assert_eq!(nearest.variant, first.join.variant);
    assert!(nearest.score >= comparison.score_min, "{nearest:?}");
    let functions = nearest.functions.iter();
    let functions: Vec<(&str, bool)> = functions.map(|f| (&f.name[..], f.is_matched)).collect();
    let expected = [("total", true), ("quote", false), ("main", true)];
    assert_eq!(functions, expected);
    let [missing] = &nearest.functions_missing[..] else {
        panic!("{nearest:?}");
    };
    assert_eq!((&missing.name[..], missing.is_matched), ("pay", false));
    let parts: Vec<&str> = nearest.parts.iter().map(|part| &part.name[..]).collect();
    assert_eq!(parts, ["stack", "type", "top", "message"]);
    let runner_up = comparison.runner_up.unwrap();
    assert_eq!(runner_up.issue, other.join.issue);
    assert!(runner_up.score < nearest.score);
    assert_eq!(
        store.numbers(&[runner_up.issue]).unwrap()[&runner_up.issue],
        2
    );
}

pub(in crate::store) fn a_founded_issue_tells_what_was_nearest(store: &mut dyn Store) {
    let first = shop(1, "total pay main", "no price");
    keep(
        store,
        vec![
            first.clone(),
            shop(2, "open load main", "no such file"),
            shop(3, "read load main", "no such socket or line"),
        ],
    );
    let Verdict::Founded(alone) = verdict(store, 1) else {
        panic!();
    };
    assert_eq!((alone.nearest, alone.runner_up), (None, None));
    let Verdict::Founded(founded) = verdict(store, 2) else {
        panic!();
    };
    let nearest = founded.nearest.unwrap();
    assert_eq!(nearest.issue, first.join.issue);
    assert!(nearest.score < founded.score_min);
    let Verdict::Founded(third) = verdict(store, 3) else {
        panic!();
    };
    let (nearest, next) = (third.nearest.unwrap(), third.runner_up.unwrap());
    assert_ne!(nearest.issue, next.issue);
    assert!(next.score <= nearest.score, "{next:?} {nearest:?}");
}

pub(in crate::store) fn what_has_no_traits_joins_nothing(store: &mut dyn Store) {
    let mut told_apart = shop(2, "total quote main", "no price");
    told_apart.traits = None;
    let events = vec![shop(1, "total pay main", "no price"), told_apart];
    assert_eq!(issues(&keep(store, events)), [1, 2]);
    assert_eq!(verdict(store, 2), Verdict::Exact);
}

pub(in crate::store) fn projects_are_compared_apart(store: &mut dyn Store) {
    let functions = ["total", "pay"].map(str::to_owned);
    let others = ["total", "quote"].map(str::to_owned);
    let events = vec![
        crash("shop", 1, "E", &functions, "no price"),
        crash("mail", 2, "E", &others, "no price"),
    ];
    assert_eq!(issues(&keep(store, events)), [1, 2]);
}

/// As in a vault of a version that compared nothing.
pub(in crate::store) fn a_variant_known_from_before_is_compared_from_its_next_event_on(
    store: &mut dyn Store,
) {
    let mut old = shop(1, "total pay main", "no price");
    old.traits = None;
    keep(store, vec![old]);
    let unlike = keep(store, vec![shop(2, "total quote main", "no price")]);
    assert_eq!(issues(&unlike), [2]);
    let again = keep(store, vec![shop(3, "total pay main", "no price")]);
    assert_eq!(issues(&again), [1]);
    let joined = keep(store, vec![shop(4, "total pay cron", "no price")]);
    assert_eq!(issues(&joined), [1]);
    assert_eq!(store.verify().unwrap(), [""; 0]);
}

pub(in crate::store) fn a_join_by_likeness_outlives_a_release(store: &mut dyn Store) {
    let events = vec![
        shop(1, "total pay main", "no price"),
        shop(2, "total quote mail", "no price"),
    ];
    let issue = events[0].join.issue;
    keep(store, events);
    let before = store.joins(&issue).unwrap();
    let mut records = Vec::new();
    let exported = store
        .export(1, &mut |record| {
            records.push(record);
            Ok(())
        })
        .unwrap();
    assert!(store.release(&exported, time(50)).unwrap());
    let committed = keep(store, vec![shop(3, "total quote cron", "no price")]);
    assert_eq!(issues(&committed), [1]);
    assert_eq!(store.restore(&records).unwrap(), 2);
    let after = store.joins(&issue).unwrap();
    assert_eq!(after[..2], before);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

pub(in crate::store) fn related_issues_are_the_most_alike_first(store: &mut dyn Store) {
    let events = vec![
        shop(1, "total pay main", "no price for cart"),
        shop(2, "sum pay main", "no price for door"),
        shop(3, "open load boot", "no such file"),
        shop(4, "sum cron", "no price for cart"),
    ];
    assert_eq!(issues(&keep(store, events.clone())), [1, 2, 3, 4]);
    let related = store.related(&events[0].join.issue).unwrap();
    let found: Vec<u64> = related.iter().map(|related| related.issue.number).collect();
    assert_eq!(found, [4, 2]);
    assert!(related[0].score > related[1].score);
    assert_eq!(related[0].variant, events[3].join.variant);
    assert_eq!(related[0].is_like, events[0].join.variant);
    assert_eq!(store.related(&events[2].join.issue).unwrap(), []);
    assert_eq!(store.related(&issue_id(99)).unwrap(), []);
    // What is not shown is not told of.
    let gone = Decision {
        issue: events[3].join.issue,
        ..decision(1, 0, 100, Deed::Tombstone)
    };
    store.act(&[gone]).unwrap();
    let related = store.related(&events[0].join.issue).unwrap();
    assert_eq!(related.len(), 1);
}

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn crash(&mut self, project: &str, event: u32) -> NewEvent {
        let ty = format!("E{}", self.below(3));
        let mut functions: Vec<String> = Vec::new();
        for _ in 0..2 + self.below(6) {
            let function = format!("f{}", self.below(9) * self.below(9));
            if !functions.contains(&function) {
                functions.push(function);
            }
        }
        let value = ["", "no such cart", "no such door here", "disk is full"];
        let value = value[self.below(4) as usize];
        crash(project, event, &ty, &functions, value)
    }
}

/// Issues by the place of their first event.
fn firsts(issues: &[u64]) -> Vec<usize> {
    let first = |issue: &u64| issues.iter().position(|other| other == issue);
    issues.iter().map(|issue| first(issue).unwrap()).collect()
}

/// The same events in the same order are the same issues, in whichever batches they come, also after a rebuild, and
/// without a store.
pub(in crate::store) fn the_same_events_in_the_same_order_make_the_same_issues(
    store: &mut dyn Store,
) {
    const EVENTS: u32 = 150;
    let events = |project: &str, from: u32| -> Vec<NewEvent> {
        let mut chance = Chance(5);
        (0..EVENTS)
            .map(|event| chance.crash(project, from + event))
            .collect()
    };
    let mut grouper = Grouper::new();
    let expected: Vec<u64> = events("shop", 0)
        .iter()
        .map(|new| grouper.add(&new.event))
        .collect();
    let expected = firsts(&expected);
    let distinct = grouper.issue_count();
    assert!((10..100).contains(&distinct), "{distinct} issues");
    for (at, size) in [1, 7, 64, EVENTS as usize].into_iter().enumerate() {
        let project = format!("project {at}");
        let mut found = Vec::new();
        for batch in events(&project, 1000 * at as u32).chunks(size) {
            found.extend(issues(&keep(store, batch.to_vec())));
            if found.len() % 49 == 0 {
                store.rebuild().unwrap();
            }
        }
        assert_eq!(firsts(&found), expected, "batches of {size}");
    }
    assert_eq!(store.verify().unwrap(), [""; 0]);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

pub(in crate::store) fn what_is_foreseen_comes_to_be(store: &mut dyn Store) {
    let mut legacy = shop(9, "read parse main", "no end");
    legacy.legacy = Some(VariantKey::from_bytes([1; 16]));
    let news = [
        shop(1, "total pay main", "no price"),
        shop(2, "total pay main", "no price"),
        shop(3, "total quote mail", "no price"),
        shop(4, "open load main", "no such file"),
        new_event(5, 1),
        legacy,
    ];
    for new in news {
        let (issues, events) = (store.stats().unwrap().issues, store.stats().unwrap().events);
        let foreseen = store.foresee(&new).unwrap();
        let stats = store.stats().unwrap();
        assert_eq!((stats.issues, stats.events), (issues, events));
        let event = new.event.event_id;
        let outcome = keep(store, vec![new.clone()]).outcomes[0];
        let number = (!outcome.is_new_issue).then_some(outcome.issue_number);
        assert_eq!(foreseen.issue_number, number, "{foreseen:?}");
        if !foreseen.is_known {
            let join = store.join_of(event).unwrap();
            assert_eq!(foreseen.join.reason, join.reason);
            assert_eq!(foreseen.join.comparison, join.comparison);
        }
        // Once it is there its variant is known.
        let again = store.foresee(&new).unwrap();
        assert_eq!(
            (again.is_known, again.issue_number),
            (true, Some(outcome.issue_number))
        );
    }
}
