//! Many events, decisions and searches by chance: every store finds what looking at each event finds.

use super::searching::{event, event_pages, issue, search_pages};
use super::*;
use crate::event::{Breadcrumb, Exception, Frame, Stacktrace, User};
use crate::issue::{Ignore, Resolution, ReviewStep};
use crate::store::matching::fits;

const EVENTS: u32 = 300;
const ISSUES: usize = 20;
const SEARCHES: usize = 150;

const WORDS: [&str; 12] = [
    "parse",
    "header",
    "timeout",
    "Time",
    "read_row",
    "IO",
    "10.0.0.7",
    "größe",
    "x",
    "connection",
    "reset",
    "parsed",
];
const VALUES: [&str; 7] = ["linux", "Linux", "mac", "2.0", "2.0.1", "", "a*b"];
const KEYS: [&str; 4] = ["os", "cpu", "level", "rare"];

/// Knuth's generator: the same numbers everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn is_one_of(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    fn text(&mut self) -> String {
        let words: Vec<&str> = (0..=self.below(4)).map(|_| self.pick(&WORDS)).collect();
        words.join(self.pick(&[" ", "::", ", "]))
    }

    fn maybe_text(&mut self) -> Option<String> {
        (!self.is_one_of(3)).then(|| self.text())
    }

    fn value(&mut self) -> String {
        self.pick(&VALUES).to_owned()
    }

    fn event(&mut self, number: u32) -> NewEvent {
        let variant = self.below(ISSUES + 5);
        let mut new = new_event(number, variant as u8);
        new.join.issue = issue_id((variant % ISSUES) as u8);
        new.join.project = self.pick(&["shop", "till"]).to_owned();
        if new.join.project == "till" {
            new.join.issue = issue_id((100 + variant % ISSUES) as u8);
        }
        let made = &mut new.event;
        made.timestamp = (!self.is_one_of(9)).then(|| time(self.below(200) as i64 * 600));
        made.message = self.maybe_text();
        made.level = self.pick(&Level::ALL);
        made.release = (!self.is_one_of(3)).then(|| self.value());
        made.environment = self.is_one_of(2).then(|| self.text());
        made.user = self.is_one_of(2).then(|| User::new(self.value()));
        for _ in 0..self.below(4) {
            made.tags.insert(self.pick(&KEYS).to_owned(), self.value());
        }
        made.breadcrumbs = (0..self.below(3)).map(|_| self.breadcrumb()).collect();
        made.exceptions = (0..self.below(3)).map(|_| self.exception()).collect();
        new
    }

    fn breadcrumb(&mut self) -> Breadcrumb {
        let crumb = Breadcrumb::new(self.text()).category(self.text());
        match self.is_one_of(2) {
            true => crumb.data("key", self.text()),
            false => crumb,
        }
    }

    fn exception(&mut self) -> Exception {
        Exception {
            ty: Some(self.pick(&["IoError", "ParseError"]).to_owned()),
            value: self.maybe_text(),
            stacktrace: self.is_one_of(2).then(|| {
                let frames = (0..self.below(3)).map(|_| self.frame()).collect();
                Stacktrace {
                    frames,
                    ..Stacktrace::default()
                }
            }),
            ..Exception::default()
        }
    }

    fn frame(&mut self) -> Frame {
        Frame {
            function: self.maybe_text(),
            module: self.is_one_of(2).then(|| self.text()),
            package: self.is_one_of(2).then(|| self.text()),
            filename: self.maybe_text(),
            abs_path: self.is_one_of(4).then(|| self.text()),
            ..Frame::default()
        }
    }

    fn deed(&mut self) -> Deed {
        match self.below(12) {
            0 | 1 => Deed::Resolve(Resolution::Now),
            2 => Deed::Ignore(Ignore::UntilSeenCount(15)),
            3 => Deed::Assign(Some(self.value())),
            4 => Deed::SetTitle(Some(self.text())),
            5 => Deed::SetSeverity(Some(self.value())),
            6 => Deed::Bookmark(true),
            7 => Deed::Review(Some(ReviewStep::Fix)),
            8 => Deed::Tag {
                key: self.pick(&KEYS).to_owned(),
                value: Some(self.value()),
            },
            9 => Deed::Tombstone,
            _ => Deed::MoveEvent(
                new_event(1 + self.below(EVENTS as usize) as u32, 0)
                    .event
                    .event_id,
            ),
        }
    }

    fn pattern(&mut self) -> Pattern {
        match self.below(4) {
            0 => Pattern::Any,
            1 => Pattern::Glob(
                self.pick(&["*", "l*", "*a*", "2.*", "*.1", "LINUX", "*n*x", "a*b"])
                    .to_owned(),
            ),
            _ => Pattern::Exact(self.value()),
        }
    }

    fn words(&mut self) -> Words {
        let glob = ["*", "par*", "*er", "t*m*", "*o*", "io", "gr*e", "zz*"];
        let text = self.pick(&[
            "parse",
            "time",
            "read row",
            "10 0",
            "parse header",
            "x",
            "größ",
            "none",
            "timeout",
        ]);
        match self.below(3) {
            0 => Words::Glob(self.pick(&glob).to_owned()),
            1 => Words::Prefix(words(text).collect()),
            _ => Words::Phrase(words(text).collect()),
        }
    }

    fn span(&mut self) -> std::ops::RangeInclusive<i64> {
        let first = self.below(200) as i64 * 600;
        time(first).as_nanos()..=time(first + self.below(60_000) as i64).as_nanos()
    }

    fn count(&mut self) -> std::ops::RangeInclusive<i64> {
        let first = self.below(12) as i64;
        first..=first + self.below(9) as i64
    }

    fn of_issue(&mut self) -> IssueTest {
        match self.below(15) {
            0 => IssueTest::Status(self.pick(&[Status::Open, Status::Resolved, Status::Ignored])),
            1 => IssueTest::Regressed,
            2 => IssueTest::Assigned(self.pattern()),
            3 => IssueTest::Bookmarked,
            4 => IssueTest::Severity(self.pattern()),
            5 => IssueTest::Review(self.pick(&[ReviewStep::Fix, ReviewStep::Triage])),
            6 => IssueTest::Label(self.pick(&KEYS).to_owned(), self.pattern()),
            7 => IssueTest::Project(Pattern::Exact(
                self.pick(&["shop", "till", "none"]).to_owned(),
            )),
            8 => IssueTest::Title(Pattern::Glob(
                self.pick(&["*parse*", "io*", "*", "*: x*"]).to_owned(),
            )),
            9 => IssueTest::Number(self.below(ISSUES) as u64),
            10 => IssueTest::Id(issue_id(self.below(ISSUES) as u8)),
            11 => IssueTest::FirstSeen(self.span()),
            12 => IssueTest::LastSeen(self.span()),
            13 => IssueTest::SeenCount(self.count()),
            _ => IssueTest::UserCount(self.count()),
        }
    }

    fn of_event(&mut self) -> EventTest {
        let fields = [
            FrameField::Any,
            FrameField::Function,
            FrameField::Module,
            FrameField::Filename,
        ];
        match self.below(10) {
            0 | 1 => EventTest::Value(Key::Tag(self.pick(&KEYS).to_owned()), self.pattern()),
            2 | 3 => {
                let names = ["release", "level", "environment", "user.id", "error.type"];
                EventTest::Value(Key::Attribute(self.pick(&names).to_owned()), self.pattern())
            }
            4 => EventTest::Message(self.words()),
            5 => EventTest::Breadcrumb(self.words()),
            6 => EventTest::Frame(self.pick(&fields), self.words()),
            7 => EventTest::Time(self.span()),
            8 => EventTest::Id(
                new_event(1 + self.below(EVENTS as usize) as u32, 0)
                    .event
                    .event_id,
            ),
            _ => EventTest::Anywhere(self.words()),
        }
    }

    fn condition(&mut self, depth: usize) -> Condition {
        match self.below(if depth == 0 { 5 } else { 10 }) {
            0 | 1 => issue(self.of_issue()),
            2..=4 => event(self.of_event()),
            5 => Condition::Not(Box::new(self.condition(depth - 1))),
            6 | 7 => Condition::All(
                (0..self.below(4))
                    .map(|_| self.condition(depth - 1))
                    .collect(),
            ),
            _ => Condition::Any(
                (0..self.below(4))
                    .map(|_| self.condition(depth - 1))
                    .collect(),
            ),
        }
    }
}

/// Some decisions fail: about what was deleted or emptied before.
fn decide_by_chance(store: &mut dyn Store, chance: &mut Chance, ids: std::ops::Range<u8>) {
    for id in ids {
        let issue = chance.below(ISSUES) as u8;
        let decision = decision(id, issue, 60_000 + i64::from(id), chance.deed());
        if let Err(error) = store.act(&[decision]) {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
    }
}

/// Every issue with its events.
fn everything(store: &dyn Store) -> Vec<(Issue, Vec<StoredEvent>)> {
    let mut filter = all(IssueSort::Number);
    filter.limit = usize::MAX;
    let issues = store.issues(&filter).unwrap();
    let with_events = issues.into_iter().map(|issue| {
        let events = store.events(&issue.id, usize::MAX).unwrap();
        assert_eq!(events.len() as u64, issue.seen_count);
        (issue, events)
    });
    with_events.collect()
}

fn check_search(
    store: &dyn Store,
    all: &[(Issue, Vec<StoredEvent>)],
    condition: &Condition,
    order: IssueOrder,
) -> (usize, usize) {
    let mut issues: Vec<&Issue> = Vec::new();
    let mut events: Vec<(Place, &StoredEvent)> = Vec::new();
    for (issue, of_issue) in all {
        let fitting = of_issue
            .iter()
            .filter(|stored| fits(condition, issue, stored));
        let places = fitting.map(|stored| {
            let by = stored
                .event
                .timestamp
                .unwrap_or(stored.received_at)
                .as_nanos();
            let id = stored.ingest_sequence;
            (Place { by, id }, stored)
        });
        let before = events.len();
        events.extend(places);
        if events.len() > before {
            issues.push(issue);
        }
    }
    issues.sort_by(|one, other| order.compare(one, other));
    events.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    let found = search_pages(store, condition, order, 7);
    assert_eq!(found.iter().collect::<Vec<_>>(), issues, "{condition:?}");
    let found = event_pages(store, condition, 41);
    let expected: Vec<&StoredEvent> = events.iter().map(|(_, stored)| *stored).collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{condition:?}");
    (issues.len(), events.len())
}

/// Events, decisions, and events after them.
fn fill_by_chance(store: &mut dyn Store, chance: &mut Chance) {
    let events: Vec<NewEvent> = (1..=EVENTS).map(|number| chance.event(number)).collect();
    let (first, second) = events.split_at(200);
    for part in first.chunks(37) {
        keep(store, part.to_vec());
    }
    decide_by_chance(store, chance, 1..60);
    keep(store, second.to_vec());
    decide_by_chance(store, chance, 60..90);
}

fn dump(store: &dyn Store) -> String {
    let mut text = Vec::new();
    store.dump(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

pub(in crate::store) fn a_rebuild_comes_to_the_same(store: &mut dyn Store) {
    fill_by_chance(store, &mut Chance(7));
    let (before, issues) = (dump(store), everything(store));
    assert_eq!(store.verify().unwrap(), [""; 0]);
    let report = store.rebuild().unwrap();
    assert_eq!(report.issue_count, issues.len() as u64);
    assert_eq!(report.event_count, store.stats().unwrap().events);
    assert!(everything(store) == issues);
    let after = dump(store);
    let differing = before.lines().zip(after.lines()).find(|(a, b)| a != b);
    assert_eq!(differing, None);
    assert_eq!(before.len(), after.len());
}

pub(in crate::store) fn searches_find_what_looking_at_each_event_finds(store: &mut dyn Store) {
    let mut chance = Chance(20_260_105);
    fill_by_chance(store, &mut chance);
    assert_eq!(store.check().unwrap(), [""; 0]);
    let all = everything(store);
    let sorts = [
        IssueSort::LastSeen,
        IssueSort::FirstSeen,
        IssueSort::SeenCount,
        IssueSort::UserCount,
        IssueSort::Number,
        IssueSort::Status,
        IssueSort::Title,
    ];
    let mut telling = 0;
    for _ in 0..SEARCHES {
        let condition = chance.condition(3);
        let order = IssueOrder {
            sort: chance.pick(&sorts),
            is_reversed: chance.pick(&[false, true]),
        };
        let (issues, _) = check_search(store, &all, &condition, order);
        telling += usize::from((1..all.len()).contains(&issues));
    }
    assert!(
        telling > SEARCHES / 4,
        "{telling} searches found some and not all"
    );
}
