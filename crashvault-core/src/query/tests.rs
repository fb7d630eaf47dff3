use std::cmp::Ordering;

use super::lower::lower;
use super::parse::parse;
use super::*;
use crate::event::{Event, EventId};
use crate::issue::{IssueId, Join, ReviewStep, Status, VariantKey};
use crate::store::{
    Batch, Condition, EventTest, FrameField, IssueTest, Key, MemoryStore, NewEvent, PartTest,
    Pattern, ReleasePart, Words,
};

use Condition::{All, Any, Not};

const HOUR: i64 = 3_600_000_000_000;

fn now() -> Timestamp {
    time("2026-01-05T10:00:00Z")
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn meaning(text: &str) -> Result<Condition> {
    let (store, saved) = (MemoryStore::default(), Saved::new());
    lower(&saved::read(text, &saved)?, &asking(&store, &saved))
}

fn asking<'a>(store: &'a MemoryStore, saved: &'a Saved) -> Asking<'a> {
    Asking {
        store,
        now: now(),
        me: Some("anna"),
        saved,
    }
}

fn check(text: &str, expected: Condition) {
    assert_eq!(meaning(text).unwrap(), expected, "{text}");
}

fn check_same(text: &str, other: &str) {
    assert_eq!(meaning(text).unwrap(), meaning(other).unwrap(), "{text}");
}

/// The query is refused at that byte, with these words in the message.
fn check_wrong(text: &str, position: usize, words: &str) {
    let error = meaning(text).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    let context: Vec<_> = error.context().collect();
    assert_eq!(
        context,
        [("position", position.to_string().as_str())],
        "{text}"
    );
    assert!(error.message().contains(words), "{text}: {error}");
}

fn issue(test: IssueTest) -> Condition {
    Condition::Issue(test)
}

fn event(test: EventTest) -> Condition {
    Condition::Event(test)
}

fn not(condition: Condition) -> Condition {
    Not(Box::new(condition))
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

fn list(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn phrase(words: &[&str]) -> Words {
    Words::Phrase(list(words))
}

fn prefix(words: &[&str]) -> Words {
    Words::Prefix(list(words))
}

fn glob_word(text: &str) -> Words {
    Words::Glob(text.into())
}

fn anywhere(words: Words) -> Condition {
    event(EventTest::Anywhere(words))
}

#[test]
fn an_empty_query_fits_all() {
    check("", All(vec![]));
    check("*", All(vec![]));
}

#[test]
fn a_word_is_looked_for_anywhere() {
    check("Timeout", anywhere(phrase(&["timeout"])));
    check("parse_header", anywhere(phrase(&["parse", "header"])));
    check(
        "\"connection refused!\"",
        anywhere(phrase(&["connection", "refused"])),
    );
}

#[test]
fn a_star_goes_on_with_a_word() {
    check("time*", anywhere(prefix(&["time"])));
    check("parse_head*", anywhere(prefix(&["parse", "head"])));
    check("std::io::*", anywhere(phrase(&["std", "io"])));
    check("*.rs", anywhere(phrase(&["rs"])));
}

#[test]
fn a_star_inside_of_a_word_is_one_word() {
    check("T*out", anywhere(glob_word("t*out")));
    check("*out*", anywhere(glob_word("*out*")));
    check(
        "std::i*o::read_*x.rs",
        All(vec![
            anywhere(phrase(&["std"])),
            anywhere(glob_word("i*o")),
            anywhere(phrase(&["read"])),
            anywhere(glob_word("*x")),
            anywhere(phrase(&["rs"])),
        ]),
    );
}

#[test]
fn two_words_that_go_on_are_looked_for_apart() {
    check(
        "pars*.head*",
        All(vec![
            anywhere(prefix(&["pars"])),
            anywhere(prefix(&["head"])),
        ]),
    );
}

#[test]
fn a_word_needs_a_letter_or_digit() {
    check_wrong("a --", 2, "letters or digits");
    check_wrong("message:\"\"", 8, "letters or digits");
}

#[test]
fn an_id_is_that_of_an_event_a_trace_or_an_issue() {
    let bytes = [0xab; 16];
    let hex = "ab".repeat(16);
    let ids = Any(vec![
        event(EventTest::Id(EventId::from_bytes(bytes))),
        attribute("trace", exact(&hex)),
        issue(IssueTest::Id(IssueId::from_bytes(bytes))),
    ]);
    check(&hex, ids.clone());
    check("ABABABAB-abab-abab-abab-abababababab", ids);
    check(&format!("\"{hex}\""), anywhere(phrase(&[&hex])));
}

#[test]
fn trees_are_kept() {
    check(
        "a:1 b:2 OR !(c:3)",
        Any(vec![
            All(vec![tag("a", exact("1")), tag("b", exact("2"))]),
            not(tag("c", exact("3"))),
        ]),
    );
}

#[test]
fn a_list_is_any_of_its_values() {
    check(
        "a:[1, 2*]",
        Any(vec![tag("a", exact("1")), tag("a", glob("2*"))]),
    );
    check(
        "!is:[resolved, ignored]",
        not(Any(vec![
            issue(IssueTest::Status(Status::Resolved)),
            issue(IssueTest::Status(Status::Ignored)),
        ])),
    );
}

#[test]
fn a_star_in_quotes_is_a_star() {
    check("release:2.*", attribute("release", glob("2.*")));
    check("release:\"2.*\"", attribute("release", exact("2.*")));
    check("release:*", attribute("release", Pattern::Any));
}

#[test]
fn an_empty_value_is_also_none() {
    let either = Any(vec![
        attribute("release", exact("")),
        not(attribute("release", Pattern::Any)),
    ]);
    check("release:\"\"", either);
}

#[test]
fn other_keys_are_tags() {
    check("checkout:v2", tag("checkout", exact("v2")));
    check("Checkout:v2", tag("Checkout", exact("v2")));
    check("tags[level]:x", tag("level", exact("x")));
    check_same("tags[checkout]:v2", "checkout:v2");
}

#[test]
fn attributes_have_other_names() {
    for (name, known) in [
        ("server_name", "server"),
        ("env", "environment"),
        ("http.url", "url"),
        ("user.ip_address", "user.ip"),
        ("Release", "release"),
        ("error.type", "error.type"),
    ] {
        check(&format!("{name}:x"), attribute(known, exact("x")));
    }
}

#[test]
fn handled_and_unhandled_are_opposites() {
    check(
        "error.handled:true",
        attribute("error.handled", exact("true")),
    );
    check_same("error.unhandled:true", "error.handled:false");
    check_same("error.unhandled:0", "error.handled:1");
    check_wrong("error.handled:maybe", 14, "true or false");
}

#[test]
fn a_user_is_known_by_any_name() {
    let any = |pattern: Pattern| {
        Any(["user.id", "user.email", "user.username", "user.ip"]
            .map(|name| attribute(name, pattern.clone()))
            .into())
    };
    check("user:id:42", attribute("user.id", exact("42")));
    check("user:anna*", any(glob("anna*")));
    check("has:user", any(Pattern::Any));
    check_same("user:*", "has:user");
}

#[test]
fn a_trace_is_named_as_a_whole() {
    check("trace:4bf9", attribute("trace", exact("4bf9")));
    check_same("trace_id:4bf9", "trace:4bf9");
    check_wrong("trace:4b*", 6, "whole id");
    check_wrong("x has:trace", 6, "may lack");
}

#[test]
fn parts_of_a_release_are_compared_as_versions() {
    let release = |part, test| attribute("release", Pattern::Release(part, test));
    let compared = |orders: &[Ordering], version: &str| {
        release(
            ReleasePart::Version,
            PartTest::Compared(orders.into(), version.into()),
        )
    };
    check("release.version:2.0", compared(&[Ordering::Equal], "2.0"));
    check(
        "release.version:>=v2.0-rc.1",
        compared(&[Ordering::Greater, Ordering::Equal], "v2.0-rc.1"),
    );
    check(
        "release.version:2.*",
        release(ReleasePart::Version, PartTest::Fits(glob("2.*").into())),
    );
    check(
        "has:release.build",
        release(ReleasePart::Build, PartTest::Fits(Pattern::Any.into())),
    );
    check_same("release.package:*", "has:release.package");
    check_wrong("release.version:<shop", 17, "no version");
}

#[test]
fn a_flag_is_asked_for_with_its_result() {
    check("flags[a]:true", attribute("flag", exact("a:true")));
    check("flags[\"a b\"]:t*", attribute("flag", glob("a b:t*")));
    check("has:flags[a]", attribute("flag", glob("a:*")));
    check_same("flags[a]:*", "has:flags[a]");
    check("flag:x", tag("flag", exact("x")));
}

#[test]
fn a_saved_search_is_put_in_as_one_part() {
    let store = MemoryStore::default();
    let named = |text: &str| (text.to_owned(), "a OR b".to_owned());
    let saved = Saved::from([named("x")]);
    let of = |text: &str| lower(&saved::read(text, &saved).unwrap(), &asking(&store, &saved));
    assert_eq!(of("@x c").unwrap(), meaning("(a OR b) c").unwrap());
    assert_eq!(of("!@x").unwrap(), meaning("!(a OR b)").unwrap());
}

#[test]
fn saved_searches_have_bounds() {
    let chain = (1..=10).map(|n| (format!("s{n}"), format!("@s{} w", n - 1)));
    let wide = ("wide".to_owned(), vec!["w"; 150].join(" "));
    let zero = ("s0".to_owned(), "w".to_owned());
    let saved: Saved = chain.chain([wide, zero]).collect();
    let refused = |text: &str| {
        let error = saved::read(text, &saved).unwrap_err();
        error.message().to_owned()
    };
    assert!(saved::read("@s7", &saved).is_ok());
    assert!(refused("@s8").contains("more than 8 saved searches"));
    assert!(saved::read("@wide", &saved).is_ok());
    assert!(refused("@wide @wide").contains("at most 200 words"));
}

#[test]
fn is_knows_every_state() {
    check("is:unresolved", issue(IssueTest::Status(Status::Open)));
    check_same("is:open", "is:unresolved");
    check("is:resolved", issue(IssueTest::Status(Status::Resolved)));
    check("is:archived", issue(IssueTest::Status(Status::Ignored)));
    check("is:regressed", issue(IssueTest::Regressed));
    check("is:assigned", issue(IssueTest::Assigned(Pattern::Any)));
    check_same("is:unassigned", "!is:assigned");
    check("is:bookmarked", issue(IssueTest::Bookmarked));
    check(
        "is:for_review",
        issue(IssueTest::Review(ReviewStep::Triage)),
    );
    check_wrong(
        "x is:closed",
        5,
        "'closed' is not known here: write unresolved",
    );
}

#[test]
fn status_has_the_names_of_the_command() {
    check_same("status:open", "is:unresolved");
    check_same("status:ignored", "is:archived");
    check_wrong("status:regressed", 7, "open, resolved or ignored");
}

#[test]
fn levels_are_compared_by_how_bad_they_are() {
    let level = |name: &str| attribute("level", exact(name));
    check("level:warn", level("warning"));
    check("level:>=error", Any(vec![level("error"), level("fatal")]));
    check("level:<info", Any(vec![level("debug")]));
    check("level:>fatal", Any(vec![]));
    check("level:err*", attribute("level", glob("err*")));
    check_wrong("level:eror", 6, "debug, info, warning");
}

#[test]
fn who_deals_with_it() {
    let assigned = |pattern| issue(IssueTest::Assigned(pattern));
    check("assigned:me", assigned(exact("anna")));
    check("assigned:none", not(assigned(Pattern::Any)));
    check("assigned:bob", assigned(exact("bob")));
    check("assigned:\"none\"", assigned(exact("none")));
    check_same("assigned:*", "is:assigned");
    let (store, saved) = (MemoryStore::default(), Saved::new());
    let nobody = Asking {
        me: None,
        ..asking(&store, &saved)
    };
    let error = lower(&parse("x assigned:me").unwrap(), &nobody).unwrap_err();
    assert!(error.message().contains("write the name"));
}

#[test]
fn what_people_said_of_an_issue() {
    check("bookmarked:true", issue(IssueTest::Bookmarked));
    check("bookmarked:false", not(issue(IssueTest::Bookmarked)));
    check(
        "severity:critical",
        issue(IssueTest::Severity(exact("critical"))),
    );
    check("review:fix", issue(IssueTest::Review(ReviewStep::Fix)));
    check_wrong("review:done", 7, "triage");
    check(
        "labels[team]:pay*",
        issue(IssueTest::Label("team".into(), glob("pay*"))),
    );
    check(
        "has:labels[team]",
        issue(IssueTest::Label("team".into(), Pattern::Any)),
    );
    check_wrong("flag[x]:true", 0, "tags[KEY]");
}

#[test]
fn an_issue_is_named() {
    check("issue:7", issue(IssueTest::Number(7)));
    check("issue:#7", issue(IssueTest::Number(7)));
    check(
        &format!("issue:{}", "0a".repeat(16)),
        issue(IssueTest::Id(IssueId::from_bytes([10; 16]))),
    );
    check_wrong("issue:abcdef", 6, "whole id");
    check("project:shop", issue(IssueTest::Project(exact("shop"))));
    check(
        "title:*Timeout*",
        issue(IssueTest::Title(glob("*Timeout*"))),
    );
    check(
        &format!("id:{}", "0a".repeat(16)),
        event(EventTest::Id(EventId::from_bytes([10; 16]))),
    );
    check_wrong("id:7", 3, "32 hex digits");
}

#[test]
fn ages_count_from_now() {
    let now = now().as_nanos();
    check(
        "age:-24h",
        issue(IssueTest::FirstSeen(now - 24 * HOUR..=i64::MAX)),
    );
    check(
        "age:+12h",
        issue(IssueTest::FirstSeen(i64::MIN..=now - 12 * HOUR)),
    );
    check(
        "lastSeen:-2w",
        issue(IssueTest::LastSeen(now - 336 * HOUR..=i64::MAX)),
    );
    check_same("lastSeen:-90m", "lastSeen:-5400s");
    check_same("firstSeen:-1d", "age:-24h");
    check(
        "timestamp:>-1h",
        event(EventTest::Time(now - HOUR + 1..=i64::MAX)),
    );
    check(
        "age:-4000000000w",
        issue(IssueTest::FirstSeen(now - i64::MAX..=i64::MAX)),
    );
}

#[test]
fn an_older_age_is_an_earlier_time() {
    let then = now().as_nanos() - 48 * HOUR;
    check("age:>2d", issue(IssueTest::FirstSeen(i64::MIN..=then - 1)));
    check("age:<=2d", issue(IssueTest::FirstSeen(then..=i64::MAX)));
}

#[test]
fn a_date_is_its_whole_day_in_utc() {
    let start = time("2026-01-04T00:00:00Z").as_nanos();
    let end = start + 24 * HOUR - 1;
    check("timestamp:2026-01-04", event(EventTest::Time(start..=end)));
    check(
        "lastSeen:>2026-01-04",
        issue(IssueTest::LastSeen(end + 1..=i64::MAX)),
    );
    check(
        "lastSeen:>=2026-01-04",
        issue(IssueTest::LastSeen(start..=i64::MAX)),
    );
    check(
        "lastSeen:<2026-01-04",
        issue(IssueTest::LastSeen(i64::MIN..=start - 1)),
    );
    check(
        "lastSeen:<=2026-01-04",
        issue(IssueTest::LastSeen(i64::MIN..=end)),
    );
}

#[test]
fn a_time_may_have_a_zone() {
    let nine = time("2026-01-04T09:00:00Z").as_nanos();
    check(
        "firstSeen:>=2026-01-04T10:00:00+01:00",
        issue(IssueTest::FirstSeen(nine..=i64::MAX)),
    );
    check_same(
        "timestamp:<2026-01-04T09:00:00",
        "timestamp:<2026-01-04T09:00:00Z",
    );
    check(
        "timestamp:2026-01-04T09:00:00.5Z",
        event(EventTest::Time(nine + 500_000_000..=nine + 500_000_000)),
    );
    check(
        "timestamp:\"2026-01-04 09:00:00\"",
        event(EventTest::Time(nine..=nine + 999_999_999)),
    );
}

#[test]
fn a_time_that_is_none_says_what_to_write() {
    check_wrong(
        "age:24h",
        4,
        "write -24h for less than that ago, +24h for more",
    );
    check_wrong("lastSeen:yesterday", 9, "-24h");
    check_wrong("age:-h", 4, "no time");
    check_wrong("age:--2h", 4, "no time");
    check_wrong("timestamp:>2026-02-30", 11, "2026-01-05");
    check_wrong("age:>soon", 5, "no age");
}

#[test]
fn counts_are_compared() {
    check("timesSeen:10", issue(IssueTest::SeenCount(10..=10)));
    check("timesSeen:>10", issue(IssueTest::SeenCount(11..=i64::MAX)));
    check("timesseen:<=10", issue(IssueTest::SeenCount(i64::MIN..=10)));
    check("users:>=3", issue(IssueTest::UserCount(3..=i64::MAX)));
    check_same("usersSeen:<3", "users:<3");
    check("timesSeen:>99999999999999999999", Any(vec![]));
    check_wrong("timesSeen:>many", 11, "digits");
    check_wrong("timesSeen:-1", 10, "digits");
}

#[test]
fn only_what_has_an_order_is_compared() {
    check_wrong("x release:>2", 2, "comparisons are for");
    check_wrong("is:>open", 0, "comparisons are for");
    check_wrong("mytag:<3", 0, "comparisons are for");
}

#[test]
fn texts_of_an_event_are_read_as_words() {
    check(
        "message:\"disk full\"",
        event(EventTest::Message(phrase(&["disk", "full"]))),
    );
    check_same("error.value:x", "message:x");
    check(
        "breadcrumb:GET*",
        event(EventTest::Breadcrumb(prefix(&["get"]))),
    );
    check(
        "stack.function:parse*",
        event(EventTest::Frame(FrameField::Function, prefix(&["parse"]))),
    );
    check(
        "stack.module:app.db",
        event(EventTest::Frame(FrameField::Module, phrase(&["app", "db"]))),
    );
    check(
        "stack.abs_path:/srv/*",
        event(EventTest::Frame(FrameField::Filename, phrase(&["srv"]))),
    );
    check(
        "stack:main",
        event(EventTest::Frame(FrameField::Any, phrase(&["main"]))),
    );
}

#[test]
fn has_asks_for_any_value() {
    check("has:release", attribute("release", Pattern::Any));
    check("!has:env", not(attribute("environment", Pattern::Any)));
    check("has:checkout", tag("checkout", Pattern::Any));
    check("has:tags[level]", tag("level", Pattern::Any));
    check(
        "has:[release, dist]",
        Any(vec![
            attribute("release", Pattern::Any),
            attribute("dist", Pattern::Any),
        ]),
    );
    check("has:\"my key\"", tag("my key", Pattern::Any));
    check(
        "has:stack",
        event(EventTest::Frame(FrameField::Any, glob_word("*"))),
    );
    check_same("has:assigned", "is:assigned");
    check_wrong("has:is", 4, "may lack");
    check_wrong("has:firstSeen", 4, "may lack");
}

#[test]
fn a_cursor_is_kept_as_text() {
    let sorts = Order::SORTS.into_iter().flat_map(|(sort, letter)| {
        let order = |is_reversed| Order::Issues(IssueOrder { sort, is_reversed });
        [
            (order(false), letter),
            (order(true), letter.to_ascii_uppercase()),
        ]
    });
    for (order, letter) in sorts.chain([(Order::Events, Order::EVENTS)]) {
        let cursor = Cursor {
            order,
            place: Place {
                by: -12,
                id: u64::MAX,
            },
        };
        assert_eq!(
            cursor.to_string(),
            format!("{letter}-12.18446744073709551615")
        );
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
    }
}

#[test]
fn what_is_no_cursor_is_refused() {
    for text in [
        "",
        "l",
        "l1",
        "1.2",
        "l1.2.3",
        "x1.2",
        "l1.-2",
        "é1.2",
        "l99999999999999999999.1",
    ] {
        let error = text.parse::<Cursor>().expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_cursor_belongs_to_its_order() {
    let cursor: Cursor = "c5.1".parse().unwrap();
    let search = Search::new("").after(&cursor);
    let error = search
        .place(Order::Issues(IssueSort::LastSeen.into()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let search = search.sort(IssueSort::SeenCount);
    let place = search
        .place(Order::Issues(IssueSort::SeenCount.into()))
        .unwrap();
    assert_eq!(place, Some(Place { by: 5, id: 1 }));
}

/// Issue `issue` of a store, by event number `number` with this message, a minute before now for each number.
fn put(store: &mut MemoryStore, number: u8, issue: u8, message: &str) {
    let mut made = Event::new();
    made.event_id = EventId::from_bytes([number; 16]);
    let at = now().saturating_add_secs(-60 * i64::from(number));
    made.timestamp = Some(at);
    made.message = Some(message.into());
    let variant = VariantKey::from_bytes([issue; 16]);
    let new = NewEvent {
        event: made,
        legacy: None,
        join: Join::new(variant, IssueId::from_bytes([issue; 16]), "shop", at),
        traits: None,
        received_at: at,
        process: [1; 16],
        sequence: number.into(),
    };
    let batch = Batch {
        events: vec![store.pack(new).unwrap()],
        ..Batch::default()
    };
    store.commit(&batch).unwrap();
}

fn some_store() -> MemoryStore {
    let mut store = MemoryStore::default();
    put(&mut store, 9, 1, "connection refused");
    put(&mut store, 8, 2, "connection reset");
    put(&mut store, 3, 3, "out of memory");
    put(&mut store, 2, 1, "connection refused again");
    store
}

#[test]
fn issues_are_found_page_by_page() {
    let store = some_store();
    let search = Search::new("connection age:-1h").limit(1);
    let saved = Saved::new();
    let find = |search: &Search| search_issues(search, &asking(&store, &saved)).unwrap();
    let first = find(&search);
    let second = find(&search.clone().after(&first.next.unwrap()));
    let numbers = |found: &IssuesFound| found.issues.iter().map(|i| i.number).collect::<Vec<_>>();
    assert_eq!((numbers(&first), numbers(&second)), (vec![1], vec![2]));
    assert_eq!(second.next, None);
    let by_number = Search::new("").sort(IssueSort::Number).limit(2);
    let found = find(&by_number);
    assert_eq!(numbers(&found), [3, 2]);
    let error = search_issues(&search.after(&found.next.unwrap()), &asking(&store, &saved));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn events_are_found_page_by_page() {
    let store = some_store();
    let search = Search::new("connection OR memory")
        .sort(IssueSort::Number)
        .limit(3);
    let saved = Saved::new();
    let find = |search: &Search| search_events(search, &asking(&store, &saved)).unwrap();
    let first = find(&search);
    let second = find(&search.after(&first.next.unwrap()));
    let sequences =
        |found: &EventsFound| found.events.iter().map(|e| e.sequence).collect::<Vec<_>>();
    assert_eq!(
        (sequences(&first), sequences(&second)),
        (vec![2, 3, 8], vec![9])
    );
    assert_eq!(second.next, None);
}

/// Parts that meet each other in every order, well-formed or not.
const NASTY: [&str; 55] = [
    "@",
    "@mine",
    "release:latest",
    "release.version:",
    "firstRelease:",
    "flags[",
    "+02:00",
    " ",
    " ",
    " ",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\\",
    "!",
    ":",
    ",",
    "*",
    ">",
    ">=",
    "<",
    "-",
    "+",
    "#",
    "OR",
    "AND",
    "NOT",
    "is:",
    "open",
    "age:",
    "-24h",
    "has:",
    "tags[",
    "level:",
    "timesSeen:",
    "issue:",
    "id:",
    "lastSeen:",
    "assigned:",
    "me",
    "message:",
    "stack:",
    "user:",
    "9",
    "99999999999999999999",
    "w",
    "2026-01-05",
    "T10:00:00Z",
    "ü",
    "İ",
    "\u{0}",
    "\u{2003}",
    "word",
];

#[test]
fn any_text_is_read_or_refused() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut read = 0;
    for _ in 0..20_000 {
        let length = random(14);
        let text: String = (0..length).map(|_| NASTY[random(NASTY.len())]).collect();
        match meaning(&text) {
            Ok(_) => read += 1,
            Err(error) => {
                let (_, position) = error.context().next().unwrap();
                assert!(
                    text.is_char_boundary(position.parse().unwrap()),
                    "{text:?}: {error:?}"
                );
            }
        }
    }
    assert!(read > 1_000, "{read} texts were read");
}
