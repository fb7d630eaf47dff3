//! What is sent to a collector, and what is done about its answers.

#[path = "../../tests/collector.rs"]
#[expect(
    dead_code,
    reason = "what else it may be called is asked by other tests"
)]
mod collector;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use collector::{Collector, Reply};
use crashvault::{ErrorKind, Event, EventId, FixedClock, NewAttachment, Result, Timestamp, Vault};
use crashvault_notify::{Dsn, ReportEnd, ReportOptions, ReportOutcome, report};

/// A vault, and a world in which waiting takes no time.
struct World {
    home: tempfile::TempDir,
    vault: Vault,
    clock: FixedClock,
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let clock = FixedClock::at("2026-01-05T10:00:00Z").unwrap();
        let vault = Vault::options().clock(clock.clone()).open(home.path());
        Self {
            vault: vault.unwrap(),
            home,
            clock,
            waits: Arc::default(),
        }
    }

    /// One with so many events: `event 1` …
    fn with(count: u32) -> Self {
        let mut world = Self::new();
        world.add_numbered(1..=count);
        world
    }

    fn add(&mut self, message: &str) -> EventId {
        let mut event = Event::new();
        event.message = Some(message.into());
        self.vault.add(event).unwrap().event_id
    }

    fn add_numbered(&mut self, numbers: std::ops::RangeInclusive<u32>) {
        let events = messages(numbers).into_iter().map(|message| {
            let mut event = Event::new();
            event.message = Some(message);
            event
        });
        self.vault.add_all(events).unwrap();
    }

    /// Waits are noted and the clock goes on by them; chance is always one half.
    fn options(&self) -> ReportOptions {
        let (clock, waits) = (self.clock.clone(), Arc::clone(&self.waits));
        ReportOptions::new()
            .clock(self.clock.clone())
            .chance(|| 0.5)
            .wait(move |time| {
                clock.advance_secs(time.as_secs() as i64 + i64::from(time.subsec_nanos() > 0));
                waits.lock().unwrap().push(time);
            })
    }

    fn report(&mut self, to: &Collector) -> ReportOutcome {
        self.try_report(&to.dsn(), &self.options()).unwrap()
    }

    fn try_report(&mut self, dsn: &str, options: &ReportOptions) -> Result<ReportOutcome> {
        let dsn: Dsn = dsn.parse().unwrap();
        report(&mut self.vault, &dsn, options)
    }

    fn waited_ms(&self) -> Vec<u128> {
        let waits = self.waits.lock().unwrap();
        waits.iter().map(Duration::as_millis).collect()
    }
}

fn messages(numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.map(|number| format!("event {number}")).collect()
}

fn time(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

/// A refusal in words.
fn no(status: u16) -> Reply {
    Reply::Refuse(status, &[], "{\"detail\": \"no\"}")
}

#[test]
fn an_event_arrives_as_it_is_stored() {
    let (collector, mut world) = (Collector::start(), World::new());
    let id = world.add("disk full");
    let outcome = world.report(&collector);
    assert_eq!((outcome.sent_count, outcome.waiting_count), (1, 0));
    assert_eq!(outcome.end, ReportEnd::Done);
    let taken = collector.taken();
    assert_eq!(taken.len(), 1);
    let stored = world.vault.event(id).unwrap().event;
    assert_eq!(taken[0].event, Some(stored.to_value()));
    assert_eq!(taken[0].header["sent_at"], "2026-01-05T10:00:00Z");
}

#[test]
fn events_arrive_once_and_in_the_order_they_came() {
    let (collector, mut world) = (Collector::start(), World::with(50));
    assert_eq!(world.report(&collector).sent_count, 50);
    assert_eq!(world.report(&collector).sent_count, 0);
    world.add_numbered(51..=52);
    assert_eq!(world.report(&collector).sent_count, 2);
    assert_eq!(collector.messages(), messages(1..=52));
}

#[test]
fn nothing_to_send_is_no_request() {
    let (collector, mut world) = (Collector::start(), World::new());
    let outcome = world.report(&collector);
    assert_eq!((outcome.end, outcome.sent_count), (ReportEnd::Done, 0));
    assert_eq!(collector.request_count(), 0);
}

#[test]
fn what_was_scrubbed_is_not_sent() {
    let (collector, mut world) = (Collector::start(), World::new());
    world.add("login failed: password=correct-horse-battery");
    world.report(&collector);
    assert!(!collector.messages()[0].contains("correct-horse"));
}

#[test]
fn each_destination_has_its_own_cursor_whatever_the_key() {
    let (first, second, mut world) = (Collector::start(), Collector::start(), World::with(3));
    world.report(&first);
    assert_eq!(world.report(&second).sent_count, 3);
    let other_key = first.dsn().replace(collector::KEY, "abcdef");
    let outcome = world.try_report(&other_key, &world.options()).unwrap();
    assert_eq!(outcome.sent_count, 0);
}

#[test]
fn no_key_is_written_down() {
    let (collector, mut world) = (Collector::start(), World::with(1));
    world.report(&collector);
    let directory = world.home.path().join("reports");
    let files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains(collector::KEY), "{}", file.display());
    }
}

#[test]
fn a_report_ends_at_its_limits_and_goes_on_from_there() {
    let (collector, mut world) = (Collector::start(), World::with(30));
    let outcome = world
        .try_report(&collector.dsn(), &world.options().events_max(25))
        .unwrap();
    assert_eq!(
        (outcome.end, outcome.sent_count, outcome.waiting_count),
        (ReportEnd::Limit, 25, 5)
    );
    let outcome = world
        .try_report(&collector.dsn(), &world.options().bytes_max(1))
        .unwrap();
    assert_eq!((outcome.end, outcome.sent_count), (ReportEnd::Limit, 1));
    let outcome = world
        .try_report(&collector.dsn(), &world.options().time_max(Duration::ZERO))
        .unwrap();
    assert_eq!((outcome.end, outcome.sent_count), (ReportEnd::Limit, 0));
    assert_eq!(world.report(&collector).sent_count, 4);
    assert_eq!(collector.messages(), messages(1..=30));
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_id() {
    let collector = Collector::answering(&[Reply::Take, Reply::LoseAnswer]);
    let mut world = World::with(3);
    let outcome = world.report(&collector);
    assert_eq!((outcome.sent_count, outcome.end), (3, ReportEnd::Done));
    let taken = collector.taken();
    assert_eq!(
        collector.messages(),
        ["event 1", "event 2", "event 2", "event 3"]
    );
    assert_eq!(taken[1].id(), taken[2].id());
}

#[test]
fn a_connection_that_ends_before_it_is_read_is_begun_again() {
    let collector = Collector::answering(&[Reply::HangUp, Reply::Take, Reply::HangUp]);
    let mut world = World::with(3);
    assert_eq!(world.report(&collector).sent_count, 3);
    assert_eq!(collector.messages(), messages(1..=3));
}

#[test]
fn trouble_is_waited_out_longer_each_time_and_by_chance() {
    let collector = Collector::answering(&[no(500), no(503), no(408), Reply::Take, no(502)]);
    let mut world = World::with(2);
    let outcome = world.report(&collector);
    assert_eq!((outcome.sent_count, outcome.trouble), (2, None));
    // Half of 1, 2 and 4 seconds; and from the beginning after it went well.
    assert_eq!(world.waited_ms(), [500, 1000, 2000, 500]);
    assert_eq!(collector.messages(), messages(1..=2));
}

#[test]
fn after_four_tries_it_ends_and_says_when_to_go_on() {
    let collector = Collector::answering(&[no(503), no(503), no(503), no(503)]);
    let mut world = World::with(2);
    let outcome = world.report(&collector);
    assert_eq!((outcome.end, outcome.sent_count), (ReportEnd::Waiting, 0));
    assert_eq!((outcome.refused_count, outcome.waiting_count), (0, 2));
    assert_eq!(outcome.trouble.as_deref(), Some("503: no"));
    // The clock went on by 1, 1 and 2 seconds; half of 8 to come.
    assert_eq!(outcome.next_try_at, time("2026-01-05T10:00:08Z"));
    // The next call tries at once, and waits longer where that fails.
    collector.answer(&[no(503)]);
    assert_eq!(world.report(&collector).sent_count, 2);
    assert_eq!(world.waited_ms(), [500, 1000, 2000, 8000]);
}

/// Reports until the first event has failed twelve times; then answers like this.
fn after_twelve_failures(then: &[Reply]) -> (Collector, World, ReportOutcome) {
    let collector = Collector::answering(&vec![no(500); 12]);
    let mut world = World::with(3);
    while collector.request_count() < 11 {
        assert_eq!(world.report(&collector).end, ReportEnd::Waiting);
    }
    collector.answer(then);
    let outcome = world.report(&collector);
    (collector, world, outcome)
}

#[test]
fn an_event_that_alone_makes_the_collector_fail_holds_nobody_up_for_ever() {
    let (collector, _, outcome) = after_twelve_failures(&[]);
    assert_eq!((outcome.end, outcome.sent_count), (ReportEnd::Done, 2));
    assert_eq!(outcome.refusals[0].reason, "500: no");
    // The second one was asked with first.
    assert_eq!(collector.messages(), ["event 2", "event 2", "event 3"]);
}

#[test]
fn a_collector_that_fails_at_every_event_is_waited_for() {
    let (collector, mut world, outcome) = after_twelve_failures(&[no(500)]);
    assert_eq!(
        (outcome.end, outcome.refused_count),
        (ReportEnd::Waiting, 0)
    );
    assert_eq!(world.report(&collector).sent_count, 3);
    assert_eq!(collector.messages(), messages(1..=3));
}

#[test]
fn a_wait_is_never_longer_than_five_minutes() {
    let collector = Collector::start();
    let mut world = World::with(1);
    for _ in 0..5 {
        collector.answer(&[no(500), no(500)]);
        let options = world
            .options()
            .tries_max(2)
            .wait_max(Duration::from_secs(600));
        world.try_report(&collector.dsn(), &options).unwrap();
    }
    assert_eq!(world.waited_ms().iter().max(), Some(&128_000));
    collector.answer(&[no(500), no(500), no(500)]);
    let options = world.options().wait_max(Duration::from_secs(600));
    world.try_report(&collector.dsn(), &options).unwrap();
    assert_eq!(world.waited_ms().iter().max(), Some(&150_000));
}

#[test]
fn nothing_is_lost_while_nobody_answers() {
    let collector = Collector::start();
    let (dsn, address) = (collector.dsn(), collector.address().to_string());
    drop(collector);
    let mut world = World::with(3);
    for day in 0..4 {
        let outcome = world.try_report(&dsn, &world.options()).unwrap();
        assert_eq!((outcome.end, outcome.sent_count), (ReportEnd::Waiting, 0));
        assert!(outcome.trouble.unwrap().starts_with("no answer: "));
        world.clock.advance_secs(24 * 3600);
        world.add(&format!("event {}", day + 4));
    }
    let collector = Collector::at(&address);
    assert_eq!(world.report(&collector).sent_count, 7);
    assert_eq!(collector.messages(), messages(1..=7));
}

#[test]
fn a_limit_for_events_is_kept_to_the_second() {
    let collector = Collector::answering(&[
        Reply::Take,
        Reply::Refuse(
            429,
            &[("X-Sentry-Rate-Limits", "30:error:organization")],
            "",
        ),
    ]);
    let mut world = World::with(3);
    assert_eq!(world.report(&collector).sent_count, 3);
    assert_eq!(world.waited_ms(), [30_000]);
    assert_eq!(collector.messages(), messages(1..=3));
}

#[test]
fn a_limit_counts_with_whatever_answer_it_comes() {
    let collector = Collector::answering(&[
        Reply::TakeWith(&[(
            "X-Sentry-Rate-Limits",
            "7:error;default:key, 20:transaction:key",
        )]),
        Reply::TakeWith(&[("Retry-After", "5")]),
    ]);
    let mut world = World::with(3);
    assert_eq!(world.report(&collector).sent_count, 3);
    assert_eq!(world.waited_ms(), [7000, 5000]);
}

#[test]
fn a_limit_for_something_else_holds_no_event_up() {
    let collector = Collector::answering(&[Reply::TakeWith(&[(
        "X-Sentry-Rate-Limits",
        "3600:transaction;session:organization",
    )])]);
    let mut world = World::with(2);
    assert_eq!(world.report(&collector).sent_count, 2);
    assert_eq!(world.waited_ms(), [0; 0]);
}

#[test]
fn too_many_requests_without_a_word_are_a_minute() {
    let collector = Collector::answering(&[no(429)]);
    let mut world = World::with(1);
    assert_eq!(world.report(&collector).sent_count, 1);
    assert_eq!(world.waited_ms(), [60_000]);
}

#[test]
fn retry_after_is_heeded_as_a_date_too() {
    let collector = Collector::answering(&[
        Reply::Refuse(429, &[("Retry-After", "Mon, 05 Jan 2026 10:00:09 GMT")], ""),
        Reply::Refuse(503, &[("Retry-After", "100")], ""),
    ]);
    let mut world = World::with(1);
    assert_eq!(world.report(&collector).sent_count, 1);
    // Half a second more is the wait after trouble.
    assert_eq!(world.waited_ms(), [9000, 500, 99_000]);
}

#[test]
fn a_long_limit_ends_the_call_and_binds_the_next_one() {
    let collector = Collector::answering(&[Reply::Refuse(
        429,
        &[("X-Sentry-Rate-Limits", "7200::organization")],
        "",
    )]);
    let mut world = World::with(1);
    let outcome = world.report(&collector);
    assert_eq!(outcome.end, ReportEnd::Waiting);
    assert_eq!(outcome.next_try_at, time("2026-01-05T12:00:00Z"));
    assert_eq!(
        outcome.pauses.get(""),
        time("2026-01-05T12:00:00Z").as_ref()
    );
    assert_eq!(world.report(&collector).end, ReportEnd::Waiting);
    assert_eq!(collector.request_count(), 1);
    world.clock.advance_secs(7200);
    assert_eq!(world.report(&collector).sent_count, 1);
}

#[test]
fn an_event_that_is_refused_is_told_and_passed() {
    let collector = Collector::answering(&[Reply::Take, no(400), no(413)]);
    let mut world = World::with(4);
    let outcome = world.report(&collector);
    assert_eq!((outcome.sent_count, outcome.refused_count), (2, 2));
    let told: Vec<&str> = outcome
        .refusals
        .iter()
        .map(|refusal| refusal.reason.as_str())
        .collect();
    assert_eq!(told, ["400: no", "413: no"]);
    assert_eq!(collector.messages(), ["event 1", "event 4"]);
    let kept = &world.vault.reports().unwrap()[0];
    assert_eq!((kept.sent_count, kept.refused_count), (2, 2));
    assert_eq!(kept.refusals, outcome.refusals);
    assert_eq!(world.report(&collector).sent_count, 0);
}

#[test]
fn an_event_that_the_collector_has_is_counted_as_that() {
    let collector = Collector::answering(&[
        no(409),
        Reply::Refuse(400, &[], "{\"message\": \"['Event already exists']\"}"),
    ]);
    let mut world = World::with(2);
    let outcome = world.report(&collector);
    assert_eq!((outcome.known_count, outcome.refused_count), (2, 0));
}

#[test]
fn a_forbidden_event_is_passed_where_the_key_is_known() {
    // The second request asks with an empty envelope.
    let collector = Collector::answering(&[no(403), Reply::Take]);
    let mut world = World::with(2);
    let outcome = world.report(&collector);
    assert_eq!((outcome.sent_count, outcome.refused_count), (1, 1));
    assert_eq!(collector.messages(), ["", "event 2"]);
}

fn check_stops(replies: &[Reply], says: &[&str]) {
    let collector = Collector::answering(&[&[Reply::Take], replies].concat());
    let mut world = World::with(3);
    let error = world
        .try_report(&collector.dsn(), &world.options())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for part in says {
        assert!(error.message().contains(part), "{error}");
    }
    assert!(!error.to_string().contains(collector::KEY));
    // Nothing is lost by it.
    assert_eq!(world.report(&collector).sent_count, 2);
    assert_eq!(collector.messages(), messages(1..=3));
}

#[test]
fn a_key_that_is_not_known_ends_it() {
    check_stops(
        &[no(401)],
        &["does not take this key (401: no)", "copy the DSN"],
    );
    check_stops(&[no(403), no(403)], &["does not take this key (403: no)"]);
}

#[test]
fn a_key_that_the_collector_repeats_is_hidden() {
    const SAID: &str = "{\"detail\": \"no key 0123456789abcdef0123456789abcdef here\"}";
    check_stops(&[Reply::Refuse(401, &[], SAID)], &["(401: no key … here)"]);
}

#[test]
fn who_is_no_collector_ends_it() {
    check_stops(&[no(404)], &["no collector answers", "404"]);
    check_stops(
        &[Reply::Refuse(200, &[], "<html>Welcome to the hotel</html>")],
        &["no collector answers"],
    );
    check_stops(&[no(407)], &["proxy", "$HTTPS_PROXY"]);
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Collector::start();
    let location: &'static str =
        Box::leak(format!("http://{}/api/1/envelope/", other.address()).into_boxed_str());
    for status in [301, 302, 303, 307, 308] {
        let headers: &'static [_] = Box::leak(Box::new([("Location", location)]));
        check_stops(
            &[Reply::Refuse(status, headers, "")],
            &["which is not followed", location],
        );
    }
    assert_eq!(other.request_count(), 0);
}

/// A vault with an event and a file of that kind.
fn with_file(name: &str, kind: &str, bytes: usize) -> World {
    let mut world = World::new();
    let id = world.add("event 1");
    let file = NewAttachment::new(name, vec![b'x'; bytes])
        .content_type("text/plain")
        .kind(kind);
    world.vault.attach(id, &file).unwrap();
    world
}

#[test]
fn attachments_go_with_their_event() {
    let (collector, mut world) = (
        Collector::start(),
        with_file("app.log", "event.attachment", 10),
    );
    let id = world
        .vault
        .search_events(&crashvault::Search::new(""))
        .unwrap()
        .events[0]
        .event
        .event_id;
    world
        .vault
        .attach(id, &NewAttachment::new("odd\n name", b"\n{}\n\0".to_vec()))
        .unwrap();
    let outcome = world.report(&collector);
    assert_eq!(
        (outcome.attachments_sent, outcome.attachments_left_out),
        (2, 0)
    );
    let taken = collector.taken();
    let header = &taken[0].files[0].header;
    assert_eq!(header["filename"], "app.log");
    assert_eq!(header["content_type"], "text/plain");
    assert_eq!(header["attachment_type"], "event.attachment");
    assert_eq!(taken[0].files[0].content, b"xxxxxxxxxx");
    assert_eq!(taken[0].files[1].content, b"\n{}\n\0");
}

fn check_left_out(world: &mut World, replies: &[Reply], options: ReportOptions) {
    let collector = Collector::answering(replies);
    let outcome = world.try_report(&collector.dsn(), &options).unwrap();
    assert_eq!((outcome.sent_count, outcome.refused_count), (1, 0));
    assert_eq!(
        (outcome.attachments_sent, outcome.attachments_left_out),
        (0, 1)
    );
    assert!(collector.taken()[0].files.is_empty());
}

#[test]
fn an_attachment_that_is_too_large_stays_here() {
    let mut world = with_file("app.log", "event.attachment", 11);
    let options = world.options().attachments_bytes_max(10);
    check_left_out(&mut world, &[], options);
}

#[test]
fn a_dump_is_sent_only_where_that_is_asked() {
    let mut world = with_file("crash.dmp", "event.minidump", 10);
    let options = world.options();
    check_left_out(&mut world, &[], options);
    let collector = Collector::start();
    let outcome = world
        .try_report(&collector.dsn(), &world.options().dumps(true))
        .unwrap();
    assert_eq!(outcome.attachments_sent, 1);
}

#[test]
fn an_attachment_whose_file_is_gone_stops_nothing() {
    let mut world = with_file("app.log", "event.attachment", 10);
    std::fs::remove_dir_all(world.home.path().join("attachments")).unwrap();
    let options = world.options();
    check_left_out(&mut world, &[], options);
}

#[test]
fn where_it_is_too_much_the_event_goes_alone() {
    let mut world = with_file("app.log", "event.attachment", 10);
    let options = world.options();
    check_left_out(&mut world, &[no(413)], options);
}

#[test]
fn where_attachments_are_not_wanted_the_event_goes_alone() {
    const LIMIT: &[(&str, &str)] = &[("X-Sentry-Rate-Limits", "3600:attachment:organization")];
    let mut world = with_file("app.log", "event.attachment", 10);
    let options = world.options();
    check_left_out(&mut world, &[Reply::Refuse(429, LIMIT, "")], options);
    assert_eq!(world.waited_ms(), [0; 0]);
}

#[test]
fn a_limit_for_attachments_that_refuses_an_event_too_is_waited_out() {
    const LIMIT: &[(&str, &str)] = &[("X-Sentry-Rate-Limits", "9:attachment:organization")];
    let collector = Collector::answering(&[Reply::Refuse(429, LIMIT, "")]);
    let mut world = World::with(1);
    assert_eq!(world.report(&collector).sent_count, 1);
    assert_eq!(world.waited_ms(), [60_000]);
}

#[test]
fn what_comes_in_meanwhile_is_sent_too() {
    let (collector, mut world) = (Collector::start(), World::with(3));
    let other = Mutex::new(Vault::open(world.home.path()).unwrap());
    let options = world.options().progress(move |outcome| {
        if (1..=2).contains(&outcome.sent_count) {
            let mut event = Event::new();
            event.message = Some(format!("event {}", outcome.sent_count + 3));
            other.lock().unwrap().add(event).unwrap();
        }
    });
    assert_eq!(
        world
            .try_report(&collector.dsn(), &options)
            .unwrap()
            .sent_count,
        5
    );
    assert_eq!(collector.messages(), messages(1..=5));
}

#[test]
fn a_dry_run_sends_nothing_and_changes_nothing() {
    let (collector, mut world) = (
        Collector::start(),
        with_file("app.log", "event.attachment", 10),
    );
    world.add("event 2");
    let outcome = world
        .try_report(&collector.dsn(), &world.options().dry_run(true))
        .unwrap();
    assert!(outcome.is_dry_run);
    assert_eq!((outcome.sent_count, outcome.attachments_sent), (2, 1));
    assert_eq!(collector.request_count(), 0);
    assert_eq!(world.vault.reports().unwrap(), []);
    let limited = world.options().dry_run(true).events_max(1);
    assert_eq!(
        world
            .try_report(&collector.dsn(), &limited)
            .unwrap()
            .sent_count,
        1
    );
    assert_eq!(world.report(&collector).sent_count, 2);
    let outcome = world
        .try_report(&collector.dsn(), &world.options().dry_run(true))
        .unwrap();
    assert_eq!(outcome.sent_count, 0);
}

#[test]
fn older_events_are_passed_over() {
    let (collector, mut world) = (Collector::start(), World::new());
    for (message, at) in [
        ("event 1", "2025-12-01T00:00:00Z"),
        ("event 2", "2026-01-05T00:00:00Z"),
    ] {
        let mut event = Event::new();
        event.message = Some(message.into());
        event.timestamp = Timestamp::parse(at);
        world.vault.add(event).unwrap();
    }
    let options = world.options().since("7d");
    let outcome = world.try_report(&collector.dsn(), &options).unwrap();
    assert_eq!((outcome.sent_count, outcome.passed_count), (1, 1));
    assert_eq!(world.report(&collector).sent_count, 0);
    assert_eq!(collector.messages(), ["event 2"]);
}

#[test]
fn a_time_that_cannot_be_read_is_told_before_anything_is_sent() {
    let (collector, mut world) = (Collector::start(), World::with(1));
    let error = world
        .try_report(&collector.dsn(), &world.options().since("soon"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(collector.request_count(), 0);
}

#[test]
fn everything_is_sent_again_where_that_is_asked() {
    let (collector, mut world) = (Collector::start(), World::with(2));
    world.report(&collector);
    let outcome = world
        .try_report(&collector.dsn(), &world.options().anew(true))
        .unwrap();
    assert_eq!(outcome.sent_count, 2);
    assert_eq!(world.report(&collector).sent_count, 0);
}

#[test]
fn who_is_told_to_stop_stops_and_goes_on_later() {
    let (collector, mut world) = (Collector::start(), World::with(5));
    let is_enough = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&is_enough);
    let options = world
        .options()
        .progress(move |outcome| is_enough.store(outcome.sent_count == 2, Ordering::Relaxed))
        .stop_when(move || asked.load(Ordering::Relaxed));
    let outcome = world.try_report(&collector.dsn(), &options).unwrap();
    assert_eq!(
        (outcome.end, outcome.sent_count, outcome.waiting_count),
        (ReportEnd::Stopped, 2, 3)
    );
    world.report(&collector);
    assert_eq!(collector.messages(), messages(1..=5));
}

#[test]
fn a_wait_ends_when_it_is_told_to_stop() {
    let collector = Collector::answering(&[Reply::Refuse(429, &[("Retry-After", "60")], "")]);
    let mut world = World::with(1);
    let (begun, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (seen, told) = (Arc::clone(&begun), Arc::clone(&asked));
    // A real wait of a minute, which nobody sits out.
    let options = ReportOptions::new()
        .progress(move |_| begun.store(true, Ordering::Relaxed))
        .stop_when(move || {
            let was = told.load(Ordering::Relaxed);
            told.store(seen.load(Ordering::Relaxed), Ordering::Relaxed);
            was
        });
    let outcome = world.try_report(&collector.dsn(), &options).unwrap();
    assert_eq!((outcome.end, outcome.sent_count), (ReportEnd::Stopped, 0));
    drop(asked);
}

#[test]
fn a_collector_that_takes_too_long_is_asked_again() {
    let collector = Collector::answering(&[Reply::Slowly(Duration::from_secs(600))]);
    let mut world = World::with(1);
    let options = world.options().request_time_max(Duration::from_millis(300));
    let outcome = world.try_report(&collector.dsn(), &options).unwrap();
    assert_eq!(
        (outcome.sent_count, collector.messages()[0].as_str()),
        (1, "event 1")
    );
}

#[test]
fn one_report_to_a_destination_goes_on_at_a_time() {
    let (collector, mut world) = (Collector::start(), World::with(1));
    let other = Vault::open(world.home.path()).unwrap();
    let destination = collector.dsn().parse::<Dsn>().unwrap().destination();
    let turn = other.begin_report(&destination).unwrap();
    let error = world
        .try_report(&collector.dsn(), &world.options())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    drop(turn);
    assert_eq!(world.report(&collector).sent_count, 1);
}

#[test]
fn after_a_rebuild_it_goes_on_where_it_was() {
    let (collector, mut world) = (Collector::start(), World::with(3));
    world.report(&collector);
    world.vault.rebuild().unwrap();
    assert_eq!(world.report(&collector).sent_count, 0);
}

/// The collector of these tests would see that something is wrong.
fn check_seen(request: &str, fault: &str) {
    let collector = Collector::start();
    let mut stream = std::net::TcpStream::connect(collector.address()).unwrap();
    let request = request.replace("HOST", &collector.address().to_string());
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(collector.faults(), [fault]);
}

#[test]
fn the_collector_is_strict() {
    const HEAD: &str = "POST /api/1/envelope/ HTTP/1.1\r\nHost: HOST\r\n\
        Content-Type: application/x-sentry-envelope\r\nContent-Encoding: gzip\r\n\
        User-Agent: crashvault/1\r\nContent-Length: 1\r\n";
    let auth = |key: &str| {
        format!(
            "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=crashvault/1, sentry_key={key}\r\n"
        )
    };
    let good = auth(collector::KEY);
    check_seen(
        &HEAD.replace("/1/", "/2/"),
        "request line: POST /api/2/envelope/ HTTP/1.1",
    );
    check_seen(&format!("{HEAD}\r\nx"), "no x-sentry-auth");
    check_seen(&format!("{HEAD}{good}{good}\r\nx"), "x-sentry-auth twice");
    check_seen(
        &format!("{HEAD}{good}Authorization: Sentry x\r\n\r\nx"),
        "a second key",
    );
    check_seen(&format!("{HEAD}{}\r\nx", auth("other")), "sentry_key");
    check_seen(
        &format!("{HEAD}{good}\r\nx"),
        "gzip: unexpected end of file",
    );
    check_seen(
        &format!("{}{good}\r\nx", HEAD.replace("gzip", "br")),
        "content-encoding",
    );
}

/// A binding lets go of its host's lock while it waits here.
#[test]
fn a_report_may_run_in_any_thread() {
    let (collector, mut world) = (Collector::start(), World::with(2));
    let (dsn, options) = (collector.dsn(), world.options());
    let outcome = std::thread::spawn(move || world.try_report(&dsn, &options).unwrap());
    assert_eq!(outcome.join().unwrap().sent_count, 2);
}
