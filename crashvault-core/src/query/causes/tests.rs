//! Causes that are planted amid noise are found.

use serde_json::{Value, json};

use super::*;
use crate::ingest::{Origin, Walk};
use crate::language::InAppRules;
use crate::query::Saved;
use crate::store::{Batch, MemoryStore};
use crate::symbol::Symbolizer;
use crate::time::Timestamp;

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn is_one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// What makes an issue's events alike beyond noise.
#[derive(Clone, Default)]
struct Planted {
    function: Option<&'static str>,
    release: Option<&'static str>,
    tag: Option<(&'static str, &'static str)>,
}

/// The innermost functions are an issue's own; further out stand some that many issues share.
fn stack(issue: u64, dice: &mut Dice, planted: &Planted) -> Vec<Value> {
    let frame = |function: String| json!({"function": function, "module": module(&function), "in_app": true});
    let mut names = vec!["main".to_owned(), "serve".into()];
    for _ in 0..dice.roll(3) + 1 {
        names.push(format!("shared_{}", letters(dice.roll(12))));
    }
    names.push(format!("work_{}", letters(issue)));
    names.extend(planted.function.map(str::to_owned));
    if dice.is_one_in(2) || planted.function.is_none() {
        names.push(format!("fail_{}", letters(issue)));
    }
    names.into_iter().map(frame).collect()
}

fn module(function: &str) -> String {
    format!("shop.{}", function.split('_').next().unwrap_or_default())
}

/// A number as a name: digits at a name's end would be taken off.
fn letters(number: u64) -> String {
    number
        .to_string()
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'a'))
        .collect()
}

fn events(issue: u64, count: u64, planted: &Planted, dice: &mut Dice) -> Vec<Event> {
    let frames = stack(issue, dice, planted);
    let one = |dice: &mut Dice| {
        let region = ["eu", "us", "asia", "africa"][dice.roll(4) as usize];
        let mut tags = json!({
            "region": region,
            "host": format!("db{}", dice.roll(10)),
            "request": format!("{:x}", dice.roll(u64::MAX)),
        });
        if let Some((key, value)) = planted.tag {
            tags[key] = value.into();
        }
        let release = format!("shop@1.{}", dice.roll(5));
        let event = json!({
            "platform": "python",
            "event_id": format!("{:016x}{:016x}", dice.roll(u64::MAX), dice.roll(u64::MAX)),
            "release": planted.release.unwrap_or(&release),
            "tags": tags,
            "exception": [{
                "type": format!("Error{}", letters(issue)),
                "value": format!("it went wrong in the way of {}", letters(issue)),
                "stacktrace": {"frames": frames.clone()},
            }],
        });
        Event::from_json(event.to_string().as_bytes()).unwrap()
    };
    (0..count).map(|_| one(dice)).collect()
}

fn keep(store: &mut MemoryStore, events: Vec<Event>) {
    let mut walk = Walk {
        symbolizer: Symbolizer::new(None, InAppRules::default()),
        group_rules: Default::default(),
        scrub_rules: Default::default(),
        has_legacy: false,
    };
    let origin = Origin::handed_in(Timestamp::parse("2026-01-05T10:00:00Z").unwrap());
    let mut batch = Batch::default();
    for event in events {
        let packed = store.pack(walk.digest(event, &[], origin)).unwrap();
        batch.events.push(packed);
    }
    store.commit(&batch).unwrap();
}

fn found(store: &MemoryStore, query: &str, limit: usize) -> CausesFound {
    let saved = Saved::default();
    let asking = Asking {
        store,
        now: Timestamp::parse("2026-01-06T10:00:00Z").unwrap(),
        me: None,
        saved: &saved,
    };
    causes(&Search::new(query), limit, &asking).unwrap()
}

const FUNCTION: &str = "decode_price";
const RELEASE: &str = "shop@1.3";
const TAG: (&str, &str) = ("host", "db7");

/// Three causes of five issues each amid 45 others. `events_max` of each issue.
fn vault(seed: u64, events_max: u64) -> MemoryStore {
    let mut store = MemoryStore::default();
    let mut dice = Dice(seed);
    let causes = [
        Planted {
            function: Some(FUNCTION),
            ..Planted::default()
        },
        Planted {
            release: Some(RELEASE),
            ..Planted::default()
        },
        Planted {
            tag: Some(TAG),
            ..Planted::default()
        },
    ];
    for issue in 0..60 {
        let planted = causes.get(issue as usize / 5).cloned().unwrap_or_default();
        let count = dice.roll(events_max) + events_max / 2 + 1;
        let events = events(issue, count, &planted, &mut dice);
        keep(&mut store, events);
    }
    store
}

/// Whether a candidate is one of those planted, by any of its facts and by its issues.
fn is_planted(cause: &Cause) -> bool {
    let is = |kind, value: &str| {
        let fact = &cause.facts[0];
        fact.kind == kind && fact.value.ends_with(value)
    };
    let range = match () {
        () if is(FactKind::Function, FUNCTION) || is(FactKind::Module, "decode") => 1..=5,
        () if is(FactKind::Release, RELEASE) => 6..=10,
        () if is(FactKind::Tag, TAG.1) => 11..=15,
        () => return false,
    };
    let numbers = cause.issues.iter().map(|issue| issue.number);
    numbers.filter(|number| range.contains(number)).count() * 2 > cause.issues.len()
}

#[test]
fn three_of_the_first_three_are_nearly_always_those_planted() {
    let (mut right, mut shown) = (0, 0);
    for seed in 0..8 {
        let causes = found(&vault(seed, 12), "", 3).causes;
        assert_eq!(causes.len(), 3);
        right += causes.iter().filter(|cause| is_planted(cause)).count();
        shown += causes.len();
    }
    let precision = f64::from(right as u32) / f64::from(shown as u32);
    println!("{right} of {shown} shown were planted");
    assert!(precision >= 0.8, "precision@3 is {precision:.2}");
}

#[test]
fn a_function_is_found_where_each_issue_was_seen_once() {
    for seed in 0..5 {
        let causes = found(&vault(seed, 1), "", 3).causes;
        let fact = &causes[0].facts[0];
        assert!(fact.value.ends_with(FUNCTION), "seed {seed}: {causes:?}");
        assert_eq!((fact.issue_count, fact.project_count), (5, 60));
        assert_eq!(
            (fact.share_inside, fact.share_outside, fact.lift),
            (1.0, 0.0, 12.0)
        );
    }
}

#[test]
fn facts_of_the_same_issues_are_one_candidate() {
    let causes = found(&vault(1, 12), "", 50).causes;
    let of_function = |cause: &&Cause| cause.facts.iter().any(|f| f.value.contains("decode"));
    assert_eq!(causes.iter().filter(of_function).count(), 1);
    let facts = &causes.iter().find(of_function).unwrap().facts;
    let kinds: Vec<FactKind> = facts.iter().map(|fact| fact.kind).collect();
    assert!(
        kinds.starts_with(&[FactKind::Function, FactKind::Module]),
        "{facts:?}"
    );
}

#[test]
fn what_all_have_and_what_one_has_is_no_cause() {
    let causes = found(&vault(1, 12), "", 1000).causes;
    for fact in causes.iter().flat_map(|cause| &cause.facts) {
        assert!(
            !fact.value.ends_with("main") && fact.issue_count > 1,
            "{fact:?}"
        );
        assert_ne!(fact.key.as_deref(), Some("request"));
    }
}

#[test]
fn only_issues_that_fit_are_looked_at() {
    let store = vault(1, 1);
    let all = found(&store, "", 3);
    assert_eq!((all.issue_count, all.is_cut), (60, false));
    let none = found(&store, "level:fatal", 3);
    assert_eq!((none.issue_count, none.causes.len()), (0, 0));
    assert_eq!(found(&MemoryStore::default(), "", 3).causes, []);
}

#[test]
fn issues_of_other_projects_are_no_evidence() {
    let mut store = MemoryStore::default();
    for (number, project) in ["a", "b"].into_iter().enumerate() {
        let mut dice = Dice(7);
        let planted = Planted {
            function: Some(FUNCTION),
            ..Planted::default()
        };
        let mut events = events(number as u64, 1, &planted, &mut dice);
        events[0].event_id = crate::event::EventId::from_bytes([number as u8 + 1; 16]);
        events[0].set_own("project", project);
        keep(&mut store, events);
    }
    assert_eq!(found(&store, "", 3).causes, []);
}
