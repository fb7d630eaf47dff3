//! What is found, in which order, page by page.

use super::*;
use crate::event::{Breadcrumb, Exception, Frame, Stacktrace, Thread, User};
use crate::issue::{Resolution, ReviewStep};

use Condition::{All, Any};

pub(super) fn issue(test: IssueTest) -> Condition {
    Condition::Issue(test)
}

pub(super) fn event(test: EventTest) -> Condition {
    Condition::Event(test)
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn exact(text: &str) -> Pattern {
    Pattern::Exact(text.into())
}

fn glob(text: &str) -> Pattern {
    Pattern::Glob(text.into())
}

fn attribute(name: &str, pattern: Pattern) -> Condition {
    event(EventTest::Value(Key::Attribute(name.into()), pattern))
}

fn tag(name: &str, pattern: Pattern) -> Condition {
    event(EventTest::Value(Key::Tag(name.into()), pattern))
}

fn phrase(text: &str) -> Words {
    Words::Phrase(words(text).collect())
}

fn prefix(text: &str) -> Words {
    Words::Prefix(words(text).collect())
}

fn wild(text: &str) -> Words {
    Words::Glob(text.into())
}

fn message(words: Words) -> Condition {
    event(EventTest::Message(words))
}

fn anywhere(words: Words) -> Condition {
    event(EventTest::Anywhere(words))
}

/// All that is found in this order, in pages of `limit`.
pub(super) fn search_pages(
    store: &dyn Store,
    condition: &Condition,
    order: impl Into<IssueOrder>,
    limit: usize,
) -> Vec<Issue> {
    let order = order.into();
    let mut search = IssueSearch {
        condition: condition.clone(),
        order,
        limit,
        after: None,
    };
    let mut found = Vec::new();
    loop {
        let page = store.search(&search).unwrap();
        assert!(page.issues.len() <= limit);
        let last = page.issues.last().map(|issue| order.place(issue));
        found.extend(page.issues);
        search.after = page.next;
        match page.next {
            None => return found,
            next => assert_eq!(next, last),
        }
    }
}

/// The ingest sequences of all events found, in pages of `limit`.
pub(super) fn event_pages(
    store: &dyn Store,
    condition: &Condition,
    limit: usize,
) -> Vec<StoredEvent> {
    let mut search = EventSearch {
        condition: condition.clone(),
        limit,
        after: None,
    };
    let mut found = Vec::new();
    loop {
        let page = store.search_events(&search).unwrap();
        assert!(page.events.len() <= limit);
        found.extend(page.events);
        search.after = page.next;
        if page.next.is_none() {
            return found;
        }
    }
}

/// The issues found, by their numbers; newest first is oldest last.
fn found(store: &dyn Store, condition: Condition) -> Vec<u64> {
    let mut found: Vec<u64> = search_pages(store, &condition, IssueSort::Number, 50)
        .iter()
        .map(|issue| issue.number)
        .collect();
    found.reverse();
    found
}

fn check(store: &dyn Store, condition: Condition, expected: &[u64]) {
    assert_eq!(found(store, condition.clone()), expected, "{condition:?}");
}

fn with_message(event: u32, issue: u8, message: &str) -> NewEvent {
    let mut new = new_event(event, issue);
    new.event.message = Some(message.into());
    new
}

fn tagged(event: u32, issue: u8, key: &str, value: &str) -> NewEvent {
    let mut new = new_event(event, issue);
    new.event.tags.insert(key.into(), value.into());
    new
}

fn frame(function: &str, module: &str, filename: &str) -> Frame {
    Frame {
        function: Some(function.into()),
        module: Some(module.into()),
        filename: Some(filename.into()),
        ..Frame::default()
    }
}

fn stack(frames: Vec<Frame>) -> Option<Stacktrace> {
    Some(Stacktrace {
        frames,
        ..Stacktrace::default()
    })
}

fn thrown(event: u32, issue: u8, value: &str, frames: Vec<Frame>) -> NewEvent {
    let exception = Exception {
        ty: Some("IoError".into()),
        value: Some(value.into()),
        stacktrace: stack(frames),
        ..Exception::default()
    };
    let mut new = new_event(event, issue);
    new.event.message = None;
    new.event.exceptions = vec![exception];
    new
}

fn with_crumbs(event: u32, issue: u8, crumbs: Vec<Breadcrumb>) -> NewEvent {
    let mut new = new_event(event, issue);
    new.event.breadcrumbs = crumbs;
    new
}

pub(in crate::store) fn nothing_asked_finds_all(store: &mut dyn Store) {
    check(store, All(vec![]), &[]);
    keep(
        store,
        vec![new_event(1, 1), new_event(2, 2), new_event(3, 1)],
    );
    check(store, All(vec![]), &[1, 2]);
    check(store, Any(vec![]), &[]);
    check(store, not(Any(vec![])), &[1, 2]);
    check(store, not(All(vec![])), &[]);
    assert_eq!(event_pages(store, &All(vec![]), 9).len(), 3);
    assert_eq!(event_pages(store, &Any(vec![]), 9).len(), 0);
}

pub(in crate::store) fn a_found_issue_is_the_listed_one(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1), new_event(2, 2)]);
    decide(store, 1, 1, Deed::Assign(Some("bob".into())));
    let found = search_pages(store, &All(vec![]), IssueSort::Number, 9);
    assert_eq!(found, [numbered(store, 2), only(store)]);
    let events = event_pages(store, &issue(IssueTest::Number(1)), 9);
    assert_eq!(
        events,
        [store.event(new_event(1, 1).event.event_id).unwrap()]
    );
}

pub(in crate::store) fn messages_are_found_by_words(store: &mut dyn Store) {
    let refused = with_message(1, 1, "Connection REFUSED (os error 111)");
    let timeout = thrown(2, 2, "read_timeout: connection reset", vec![]);
    keep(
        store,
        vec![refused, timeout, with_message(3, 3, "refused connection")],
    );
    check(store, message(phrase("connection refused")), &[1]);
    check(store, message(phrase("connection")), &[1, 2, 3]);
    check(store, message(phrase("read timeout")), &[2]);
    check(store, message(phrase("timeout reset")), &[]);
    check(store, message(phrase("connect")), &[]);
    check(store, message(prefix("connect")), &[1, 2, 3]);
    check(store, message(prefix("connection re")), &[1, 2]);
    check(store, message(prefix("con refused")), &[]);
    check(store, message(wild("ref*ed")), &[1, 3]);
    check(store, message(wild("*out")), &[2]);
    check(store, message(wild("*ime*")), &[2]);
    check(store, message(wild("1*1")), &[1]);
    check(store, message(wild("*x*")), &[]);
    check(store, message(phrase("ioerror")), &[]);
}

pub(in crate::store) fn a_phrase_lies_within_one_text(store: &mut dyn Store) {
    let mut chained = thrown(1, 1, "disk", vec![frame("parse", "header", "lib.rs")]);
    let mut cause = Exception {
        value: Some("full".into()),
        ..Exception::default()
    };
    chained.event.exceptions.insert(0, cause.clone());
    cause.value = Some("disk".into());
    chained.event.exceptions.insert(0, cause);
    let crumbs = vec![
        Breadcrumb::new("opened cart").category("shop"),
        Breadcrumb::new("closed"),
    ];
    keep(store, vec![chained, with_crumbs(2, 2, crumbs)]);
    check(store, message(phrase("disk full")), &[]);
    check(store, message(phrase("full disk")), &[]);
    check(
        store,
        event(EventTest::Breadcrumb(phrase("shop opened"))),
        &[],
    );
    check(
        store,
        event(EventTest::Breadcrumb(phrase("closed shop"))),
        &[],
    );
    check(
        store,
        event(EventTest::Breadcrumb(phrase("opened cart"))),
        &[2],
    );
    check(
        store,
        event(EventTest::Frame(FrameField::Any, phrase("parse header"))),
        &[],
    );
    check(store, anywhere(phrase("disk parse")), &[]);
}

pub(in crate::store) fn frames_are_found_by_their_fields(store: &mut dyn Store) {
    let native = Frame {
        function: Some("parse_row".into()),
        package: Some("/usr/lib/libdb.so".into()),
        abs_path: Some("/srv/build/row.c".into()),
        ..Frame::default()
    };
    let mut threaded = new_event(2, 2);
    let thread = Thread {
        stacktrace: stack(vec![native]),
        ..Thread::default()
    };
    threaded.event.threads = vec![thread];
    let frames = vec![
        frame("main", "app", "main.rs"),
        frame("parse_header", "app::http", "src/http.rs"),
    ];
    keep(
        store,
        vec![thrown(1, 1, "x", frames), threaded, new_event(3, 3)],
    );
    let by = |field, words| event(EventTest::Frame(field, words));
    check(store, by(FrameField::Function, prefix("parse")), &[1, 2]);
    check(
        store,
        by(FrameField::Function, phrase("parse header")),
        &[1],
    );
    check(store, by(FrameField::Function, phrase("http")), &[]);
    check(store, by(FrameField::Module, phrase("app http")), &[1]);
    check(store, by(FrameField::Module, phrase("libdb so")), &[2]);
    check(store, by(FrameField::Filename, phrase("http rs")), &[1]);
    check(store, by(FrameField::Filename, phrase("build row")), &[2]);
    check(store, by(FrameField::Filename, wild("*ain")), &[1]);
    check(store, by(FrameField::Any, phrase("http")), &[1]);
    check(store, by(FrameField::Any, phrase("row")), &[2]);
    check(store, not(by(FrameField::Any, phrase("main"))), &[2, 3]);
}

pub(in crate::store) fn events_that_share_a_stack_are_all_found(store: &mut dyn Store) {
    let frames = || vec![frame("main", "app", "main.rs")];
    keep(
        store,
        vec![thrown(1, 1, "a", frames()), thrown(2, 2, "b", frames())],
    );
    keep(store, vec![thrown(3, 3, "c", frames())]);
    let main = event(EventTest::Frame(FrameField::Function, phrase("main")));
    check(store, main.clone(), &[1, 2, 3]);
    check(store, All(vec![main, message(phrase("b"))]), &[2]);
}

pub(in crate::store) fn breadcrumbs_are_found_by_words(store: &mut dyn Store) {
    let query = Breadcrumb::new("SELECT * FROM cart")
        .category("db.query")
        .data("rows", 4711)
        .data("host", "db7");
    keep(
        store,
        vec![
            with_crumbs(1, 1, vec![query]),
            with_message(2, 2, "select from cart"),
        ],
    );
    for words in [
        phrase("select from cart"),
        phrase("db query"),
        phrase("4711"),
        wild("d*7"),
    ] {
        check(store, event(EventTest::Breadcrumb(words)), &[1]);
    }
    check(store, event(EventTest::Breadcrumb(phrase("rows"))), &[]);
}

pub(in crate::store) fn words_are_found_anywhere(store: &mut dyn Store) {
    let mut surroundings = new_event(5, 5);
    surroundings.event.server_name = Some("needle-7.example.org".into());
    surroundings.event.platform = "needle".into();
    let mut unread = new_event(6, 6);
    unread.event.platform = "needle".into();
    unread.event.user = None;
    keep(
        store,
        vec![
            with_message(1, 1, "a Needle in"),
            with_crumbs(2, 2, vec![Breadcrumb::new("needle")]),
            thrown(3, 3, "x", vec![frame("find_needle", "m", "f")]),
            tagged(4, 4, "needle_key", "x-needle"),
            surroundings,
            unread,
            tagged(7, 7, "needle", "hay"),
        ],
    );
    check(store, anywhere(phrase("needle")), &[1, 2, 3, 4, 5]);
    check(store, anywhere(prefix("needle 7")), &[5]);
    check(store, anywhere(wild("n*dle")), &[1, 2, 3, 4, 5]);
    check(store, not(anywhere(phrase("needle"))), &[6, 7]);
}

pub(in crate::store) fn values_are_compared_from_end_to_end(store: &mut dyn Store) {
    let release = |event, issue, release: &str| {
        let mut new = new_event(event, issue);
        new.event.release = Some(release.into());
        new
    };
    keep(
        store,
        vec![
            release(1, 1, "Shop@2.0"),
            release(2, 2, "shop@2.0.1"),
            release(3, 3, ""),
            new_event(4, 4),
        ],
    );
    check(store, attribute("release", exact("Shop@2.0")), &[1]);
    check(store, attribute("release", exact("shop@2.0")), &[]);
    check(store, attribute("release", exact("")), &[3]);
    check(store, attribute("release", glob("shop@2.*")), &[1, 2]);
    check(store, attribute("release", glob("*.0")), &[1]);
    check(store, attribute("release", glob("*2*0*")), &[1, 2]);
    check(store, attribute("release", Pattern::Any), &[1, 2, 3]);
    check(store, not(attribute("release", Pattern::Any)), &[4]);
    check(store, attribute("no_such", Pattern::Any), &[]);
    check(
        store,
        not(attribute("no_such", Pattern::Any)),
        &[1, 2, 3, 4],
    );
}

pub(in crate::store) fn signs_of_other_languages_mean_nothing(store: &mut dyn Store) {
    let texts = [
        "100%",
        "1000",
        "a_b",
        "a.b",
        "c\\d",
        "[x]",
        "it's \"q\"",
        "\0",
        "?",
    ];
    let each = (1..).zip(texts);
    keep(
        store,
        each.clone()
            .map(|(n, text)| tagged(n, n as u8, "t", text))
            .collect(),
    );
    for (number, text) in each {
        check(store, tag("t", exact(text)), &[number.into()]);
        check(store, tag("t", glob(&format!("{text}*"))), &[number.into()]);
    }
    for words in ["and", "or", "not", "near", "null"] {
        check(store, anywhere(phrase(words)), &[]);
        check(store, anywhere(prefix(words)), &[]);
        check(store, anywhere(wild(&format!("{words}*x"))), &[]);
    }
}

pub(in crate::store) fn titles_are_compared_as_they_are_shown(store: &mut dyn Store) {
    keep(
        store,
        vec![
            with_message(1, 1, "50% of_it"),
            with_message(2, 2, "50 of it"),
            with_message(3, 3, "other"),
        ],
    );
    decide(store, 1, 3, Deed::SetTitle(Some("The Till".into())));
    let title = |pattern| issue(IssueTest::Title(pattern));
    check(store, title(exact("50% of_it")), &[1]);
    check(store, title(glob("50%*")), &[1]);
    check(store, title(glob("50*OF_it")), &[1]);
    check(store, title(exact("The Till")), &[3]);
    check(store, title(glob("the t*")), &[3]);
    check(store, title(exact("other")), &[]);
    check(store, title(Pattern::Any), &[1, 2, 3]);
}

pub(in crate::store) fn tags_and_attributes_of_one_name_are_apart(store: &mut dyn Store) {
    keep(store, vec![tagged(1, 1, "level", "error"), new_event(2, 2)]);
    check(store, tag("level", exact("error")), &[1]);
    check(store, attribute("level", exact("error")), &[1, 2]);
    check(store, tag("platform", Pattern::Any), &[]);
}

pub(in crate::store) fn one_event_must_fit_it_all(store: &mut dyn Store) {
    let mut both = tagged(3, 2, "os", "linux");
    both.event.tags.insert("cpu".into(), "arm".into());
    keep(
        store,
        vec![
            tagged(1, 1, "os", "linux"),
            tagged(2, 1, "cpu", "arm"),
            both,
        ],
    );
    let (os, cpu) = (tag("os", exact("linux")), tag("cpu", exact("arm")));
    check(store, All(vec![os.clone(), cpu.clone()]), &[2]);
    check(store, Any(vec![os.clone(), cpu.clone()]), &[1, 2]);
    check(store, All(vec![os.clone(), not(cpu.clone())]), &[1]);
    check(store, not(All(vec![os.clone(), cpu.clone()])), &[1]);
    check(store, not(os.clone()), &[1]);
    check(store, All(vec![not(os.clone()), os]), &[]);
}

pub(in crate::store) fn issues_are_found_by_what_was_decided(store: &mut dyn Store) {
    keep(store, (1..=4).map(|n| new_event(n.into(), n)).collect());
    let label = |value: &str| Deed::Tag {
        key: "team".into(),
        value: Some(value.into()),
    };
    decide(store, 1, 1, Deed::Assign(Some("bob".into())));
    decide(store, 2, 2, Deed::Bookmark(true));
    decide(store, 3, 2, label("Pay"));
    decide(store, 4, 3, Deed::SetSeverity(Some("high".into())));
    decide(store, 5, 3, Deed::Review(Some(ReviewStep::Fix)));
    decide(store, 6, 4, Deed::Resolve(Resolution::Now));
    let labelled = |pattern| issue(IssueTest::Label("team".into(), pattern));
    check(store, issue(IssueTest::Status(Status::Open)), &[1, 2, 3]);
    check(store, not(issue(IssueTest::Status(Status::Open))), &[4]);
    check(store, issue(IssueTest::Assigned(Pattern::Any)), &[1]);
    check(
        store,
        not(issue(IssueTest::Assigned(exact("bob")))),
        &[2, 3, 4],
    );
    check(
        store,
        not(issue(IssueTest::Assigned(glob("B*")))),
        &[2, 3, 4],
    );
    check(store, issue(IssueTest::Bookmarked), &[2]);
    check(store, issue(IssueTest::Severity(exact("high"))), &[3]);
    check(
        store,
        not(issue(IssueTest::Severity(Pattern::Any))),
        &[1, 2, 4],
    );
    check(store, issue(IssueTest::Review(ReviewStep::Fix)), &[3]);
    check(
        store,
        not(issue(IssueTest::Review(ReviewStep::Fix))),
        &[1, 2, 4],
    );
    check(store, labelled(glob("pa*")), &[2]);
    check(store, labelled(exact("pay")), &[]);
    check(store, not(labelled(Pattern::Any)), &[1, 3, 4]);
    check(store, tag("team", Pattern::Any), &[]);
    let mut late = new_event(9, 4);
    late.event.timestamp = Some(time(5000));
    keep(store, vec![late]);
    check(store, issue(IssueTest::Regressed), &[4]);
    decide(
        store,
        7,
        2,
        Deed::Tag {
            key: "team".into(),
            value: None,
        },
    );
    check(store, labelled(Pattern::Any), &[]);
}

pub(in crate::store) fn issues_are_found_by_name_and_number(store: &mut dyn Store) {
    let mut other = new_event(2, 2);
    other.join.project = "Till".into();
    keep(store, vec![new_event(1, 1), other]);
    check(store, issue(IssueTest::Project(exact("shop"))), &[1]);
    check(store, issue(IssueTest::Project(exact("till"))), &[]);
    check(store, issue(IssueTest::Project(glob("t*"))), &[2]);
    check(
        store,
        not(issue(IssueTest::Project(exact("none")))),
        &[1, 2],
    );
    check(store, issue(IssueTest::Number(2)), &[2]);
    check(store, issue(IssueTest::Number(u64::MAX)), &[]);
    check(store, issue(IssueTest::Id(issue_id(1))), &[1]);
    check(store, not(issue(IssueTest::Id(issue_id(77)))), &[1, 2]);
}

pub(in crate::store) fn ranges_hold_both_ends(store: &mut dyn Store) {
    let by = |event, issue, user: &str| {
        let mut new = new_event(event, issue);
        new.event.user = Some(User::new(user));
        new
    };
    keep(
        store,
        vec![
            by(10, 1, "a"),
            by(20, 1, "b"),
            by(30, 1, "a"),
            by(20_000, 2, "a"),
            new_event(15, 3),
        ],
    );
    let span = |first, last| time(first).as_nanos()..=time(last).as_nanos();
    check(store, issue(IssueTest::FirstSeen(span(10, 15))), &[1, 3]);
    check(store, issue(IssueTest::FirstSeen(span(11, 15))), &[3]);
    check(store, issue(IssueTest::LastSeen(span(30, 20_000))), &[1, 2]);
    check(
        store,
        issue(IssueTest::LastSeen(i64::MIN..=i64::MAX)),
        &[1, 2, 3],
    );
    check(store, issue(IssueTest::SeenCount(3..=3)), &[1]);
    check(store, issue(IssueTest::SeenCount(i64::MIN..=1)), &[2, 3]);
    check(store, issue(IssueTest::UserCount(1..=i64::MAX)), &[1, 2]);
    check(store, event(EventTest::Time(span(20, 20))), &[1]);
    check(store, event(EventTest::Time(span(15, 20))), &[1, 3]);
    check(store, event(EventTest::Time(span(21, 29))), &[]);
    check(store, not(event(EventTest::Time(span(0, 29)))), &[1, 2]);
    let empty = std::ops::RangeInclusive::new(5, 4);
    check(store, event(EventTest::Time(empty.clone())), &[]);
    check(store, not(issue(IssueTest::SeenCount(empty))), &[1, 2, 3]);
}

pub(in crate::store) fn an_event_without_a_time_is_found_by_that_of_its_receipt(
    store: &mut dyn Store,
) {
    let mut new = new_event(1, 1);
    new.event.timestamp = None;
    new.received_at = time(500);
    keep(store, vec![new]);
    let at = time(500).as_nanos();
    check(store, event(EventTest::Time(at..=at)), &[1]);
}

pub(in crate::store) fn a_trace_is_found_by_its_whole_id(store: &mut dyn Store) {
    let traced = |number: u32, issue, id: &str| {
        let mut new = new_event(number, issue);
        let context = serde_json::json!({ "trace_id": id });
        new.event.contexts.insert("trace".into(), context);
        new
    };
    keep(
        store,
        vec![
            traced(1, 1, "4bf9"),
            traced(2, 2, "4bf9"),
            traced(3, 3, "00aa"),
            new_event(4, 4),
        ],
    );
    check(store, attribute("trace", exact("4bf9")), &[1, 2]);
    check(store, attribute("trace", exact("4bf")), &[]);
    check(store, anywhere(phrase("4bf9")), &[]);
    decide(store, 1, 4, Deed::MoveEvent(new_event(1, 1).event.event_id));
    decide(store, 2, 2, Deed::Tombstone);
    check(store, attribute("trace", exact("4bf9")), &[4]);
    assert_eq!(store.verify().unwrap(), [""; 0]);
}

pub(in crate::store) fn an_event_is_found_by_its_id(store: &mut dyn Store) {
    keep(
        store,
        vec![new_event(1, 1), new_event(2, 1), new_event(3, 2)],
    );
    let id = |n| event(EventTest::Id(new_event(n, 0).event.event_id));
    check(store, id(3), &[2]);
    check(store, id(77), &[]);
    check(store, not(id(3)), &[1]);
    assert_eq!(event_pages(store, &id(2), 9).len(), 1);
}

pub(in crate::store) fn questions_of_issues_and_events_mix(store: &mut dyn Store) {
    keep(
        store,
        (1..=4)
            .map(|n| tagged(n, n as u8, "os", if n % 2 == 0 { "mac" } else { "bsd" }))
            .collect(),
    );
    decide(store, 1, 1, Deed::Bookmark(true));
    decide(store, 2, 2, Deed::Bookmark(true));
    let (marked, mac) = (issue(IssueTest::Bookmarked), tag("os", exact("mac")));
    check(store, All(vec![marked.clone(), mac.clone()]), &[2]);
    check(store, Any(vec![marked.clone(), mac.clone()]), &[1, 2, 4]);
    check(store, not(Any(vec![marked.clone(), mac.clone()])), &[3]);
    check(
        store,
        Any(vec![
            All(vec![not(marked.clone()), mac.clone()]),
            All(vec![marked.clone(), not(mac.clone())]),
        ]),
        &[1, 4],
    );
    let sequences: Vec<u64> = event_pages(store, &Any(vec![marked, mac]), 2)
        .iter()
        .map(|e| e.sequence)
        .collect();
    assert_eq!(sequences, [4, 2, 1]);
}

pub(in crate::store) fn a_search_pages_through_every_order(store: &mut dyn Store) {
    let mut events: Vec<NewEvent> = (1..=23).map(|n| new_event(n, (n % 11) as u8)).collect();
    for (place, new) in events.iter_mut().enumerate() {
        new.event.timestamp = Some(time((place as i64 * 7) % 5));
        new.event.user = Some(User::new(format!("u{}", place % 4)));
    }
    keep(store, events);
    let sorts = [
        IssueSort::LastSeen,
        IssueSort::FirstSeen,
        IssueSort::SeenCount,
        IssueSort::UserCount,
        IssueSort::Number,
        IssueSort::Status,
        IssueSort::Title,
    ];
    for sort in sorts {
        let mut listed = all(sort);
        listed.limit = 99;
        let expected = store.issues(&listed).unwrap();
        assert_eq!(expected.len(), 11);
        for limit in [1, 2, 3, 10, 11, 12] {
            assert_eq!(
                search_pages(store, &All(vec![]), sort, limit),
                expected,
                "{sort:?} by {limit}"
            );
        }
        let even = not(anywhere(phrase("23")));
        assert_eq!(search_pages(store, &even, sort, 2), expected, "{sort:?}");
        let reversed = IssueOrder {
            sort,
            is_reversed: true,
        };
        let mut found = search_pages(store, &All(vec![]), reversed, 3);
        found.reverse();
        assert_eq!(found, expected, "{sort:?} reversed");
    }
}

pub(in crate::store) fn a_page_of_none_is_the_last(store: &mut dyn Store) {
    keep(store, vec![new_event(1, 1)]);
    let page = store.search(&IssueSearch {
        condition: All(vec![]),
        order: IssueSort::LastSeen.into(),
        limit: 0,
        after: None,
    });
    assert_eq!(
        page.unwrap(),
        IssuePage {
            issues: vec![],
            next: None
        }
    );
    let page = store.search_events(&EventSearch {
        condition: All(vec![]),
        limit: 0,
        after: None,
    });
    assert_eq!(
        page.unwrap(),
        EventPage {
            events: vec![],
            next: None
        }
    );
}

pub(in crate::store) fn found_events_are_newest_first(store: &mut dyn Store) {
    let at = |event, issue, second| {
        let mut new = new_event(event, issue);
        new.event.timestamp = Some(time(second));
        new
    };
    keep(
        store,
        vec![
            at(1, 1, 5),
            at(2, 2, 9),
            at(3, 1, 5),
            at(4, 3, -3),
            at(5, 2, 5),
        ],
    );
    for limit in [1, 2, 4, 5, 9] {
        let found = event_pages(store, &All(vec![]), limit);
        let order: Vec<u64> = found.iter().map(|stored| stored.sequence).collect();
        assert_eq!(order, [2, 5, 3, 1, 4], "by {limit}");
    }
    let first = event_pages(store, &issue(IssueTest::Number(1)), 1);
    assert_eq!(first.iter().map(|e| e.sequence).collect::<Vec<_>>(), [3, 1]);
}

pub(in crate::store) fn a_moved_event_is_found_where_it_is(store: &mut dyn Store) {
    keep(
        store,
        vec![
            tagged(1, 1, "os", "mac"),
            with_message(2, 1, "rest"),
            new_event(3, 2),
        ],
    );
    decide(store, 1, 2, Deed::MoveEvent(new_event(1, 1).event.event_id));
    check(store, tag("os", exact("mac")), &[2]);
    check(store, message(phrase("message 1")), &[2]);
    check(
        store,
        event(EventTest::Time(time(1).as_nanos()..=time(1).as_nanos())),
        &[2],
    );
    check(
        store,
        All(vec![issue(IssueTest::Number(1)), tag("os", Pattern::Any)]),
        &[],
    );
    let of_two = event_pages(store, &issue(IssueTest::Number(2)), 1);
    assert_eq!(
        of_two.iter().map(|e| e.sequence).collect::<Vec<_>>(),
        [3, 1]
    );
    decide(store, 2, 2, Deed::Undo(ActivityId::from_bytes([1; 16])));
    check(store, tag("os", exact("mac")), &[1]);
}

pub(in crate::store) fn what_was_deleted_is_not_found(store: &mut dyn Store) {
    let frames = || vec![frame("main", "app", "main.rs")];
    keep(
        store,
        vec![
            thrown(1, 1, "gone", frames()),
            thrown(2, 2, "stays", frames()),
            tagged(3, 1, "os", "mac"),
        ],
    );
    decide(store, 1, 1, Deed::Tombstone);
    check(store, All(vec![]), &[2]);
    check(store, anywhere(phrase("gone")), &[]);
    check(store, tag("os", Pattern::Any), &[]);
    check(
        store,
        event(EventTest::Frame(FrameField::Any, phrase("main"))),
        &[2],
    );
    check(
        store,
        event(EventTest::Id(new_event(1, 1).event.event_id)),
        &[],
    );
    assert_eq!(event_pages(store, &All(vec![]), 9).len(), 1);
    keep(store, vec![thrown(4, 1, "again", frames())]);
    check(
        store,
        event(EventTest::Frame(FrameField::Any, phrase("main"))),
        &[1, 2],
    );
}

pub(in crate::store) fn words_are_the_same_in_every_script(store: &mut dyn Store) {
    let texts = [
        "GRÖẞE",
        "ΟΔΟΣ",
        "İstanbul",
        "हिन्दी",
        "Ошибка",
        "ｆｕｌｌ１２",
        "a\u{e000}b",
        "Ⓐⓑ",
        "x\u{301}y",
        "東京都",
        "ǅ",
        "²³",
    ];
    let each = (1..).zip(texts);
    keep(
        store,
        each.clone()
            .map(|(n, text)| with_message(n, n as u8, text))
            .collect(),
    );
    let mut missed = Vec::new();
    for (number, text) in each {
        for word in words(text) {
            for asked in [
                Words::Phrase(vec![word.clone()]),
                Words::Prefix(vec![word.clone()]),
                Words::Glob(format!("{word}*")),
            ] {
                if found(store, message(asked.clone())) != [u64::from(number)] {
                    missed.push((text, asked));
                }
            }
        }
    }
    assert_eq!(missed, []);
    check(store, message(Words::Phrase(vec!["x\u{301}y".into()])), &[]);
}

pub(in crate::store) fn large_conditions_are_answered(store: &mut dyn Store) {
    keep(
        store,
        vec![tagged(1, 1, "os", "v150"), tagged(2, 2, "os", "mac")],
    );
    let many = |test: fn(usize) -> Condition| (0..200).map(test).collect::<Vec<_>>();
    let value = |n: usize| tag("os", exact(&format!("v{n}")));
    check(store, Any(many(value)), &[1]);
    check(store, not(Any(many(value))), &[2]);
    check(store, All(many(|_| anywhere(prefix("messag")))), &[1, 2]);
    check(
        store,
        Any(many(|n| issue(IssueTest::Number(n as u64 + 2)))),
        &[2],
    );
    let deep = (0..50).fold(tag("os", exact("mac")), |inner, _| {
        not(All(vec![Any(vec![inner])]))
    });
    check(store, deep, &[2]);
    let deep = (0..50).fold(issue(IssueTest::Number(2)), |inner, _| {
        not(All(vec![Any(vec![inner])]))
    });
    check(store, deep, &[2]);
}
