//! What `crashvault::test` hands to tests, with tests running side by side in one process.

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use crashvault::test::{with_captured, with_captured_options};
use crashvault::{
    Breadcrumb, Event, EventId, Level, ResultExt, ScopeFutureExt, ScopeHandle, capture_error,
    capture_message,
};

fn message(text: &str) -> EventId {
    capture_message(text, Level::Info)
}

fn messages(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(Event::message_text).collect()
}

fn check<T>(work: impl FnOnce() -> T, expected: &[&str]) {
    assert_eq!(messages(&with_captured(work)), expected);
}

/// Polls to the end a future that never waits.
fn finish<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn events_come_in_the_order_of_their_captures() {
    check(
        || {
            message("one");
            message("two");
        },
        &["one", "two"],
    );
}

#[test]
fn what_is_captured_outside_is_nothing() {
    assert!(message("before").is_nil());
    check(|| assert!(!message("inside").is_nil()), &["inside"]);
    assert!(message("after").is_nil());
    assert_eq!(crashvault::health().captured_count, 0);
}

#[test]
fn threads_collect_side_by_side() {
    let threads: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || {
                let events = with_captured(|| {
                    crashvault::set_tag("thread", number);
                    for _ in 0..20 {
                        message("from a thread");
                        thread::yield_now();
                    }
                });
                assert_eq!(events.len(), 20);
                let own = number.to_string();
                assert!(events.iter().all(|event| event.tags["thread"] == own));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn another_thread_collects_by_the_scope_it_was_given() {
    check(
        || {
            let scope = ScopeHandle::current();
            let with_it = thread::spawn(move || scope.run(|| message("with the scope")));
            assert!(!with_it.join().unwrap().is_nil());
            let without = thread::spawn(|| message("without"));
            assert!(without.join().unwrap().is_nil());
        },
        &["with the scope"],
    );
}

#[test]
fn a_scope_from_elsewhere_collects_where_it_is_entered() {
    check(
        || {
            ScopeHandle::default().run(|| message("run"));
            finish(async { message("awaited") }.in_scope(ScopeHandle::default()));
            crashvault::with_scope(crashvault::Scope::clear, || message("cleared"));
        },
        &["run", "awaited", "cleared"],
    );
}

#[test]
fn a_future_collects_where_its_scope_was_taken() {
    check(
        || {
            let task = async { message("elsewhere") }.in_scope(ScopeHandle::current());
            thread::scope(|threads| {
                threads.spawn(|| finish(task));
            });
        },
        &["elsewhere"],
    );
}

#[test]
fn what_comes_too_late_is_dropped() {
    let mut kept = ScopeHandle::default();
    check(|| kept = ScopeHandle::current(), &[]);
    assert!(kept.run(|| message("late")).is_nil());
}

#[test]
fn the_inner_of_two_collects() {
    check(
        || {
            message("outer");
            check(|| message("inner"), &["inner"]);
            message("outer again");
        },
        &["outer", "outer again"],
    );
}

#[test]
fn the_scope_is_as_it_was_afterwards() {
    with_captured(|| crashvault::set_tag("inner", 1));
    let events = with_captured(|| message("bare"));
    assert!(events[0].tags.is_empty());
}

#[test]
fn a_panic_that_is_caught_is_an_event() {
    let events = with_captured(|| {
        crashvault::breadcrumb("step", "one");
        let _ = catch_unwind(|| panic!("that went wrong"));
        message("afterwards");
    });
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].title(), "panic: that went wrong");
    assert_eq!(events[0].level, Level::Fatal);
    assert_eq!(events[0].breadcrumbs.len(), 1);
}

#[test]
fn a_panic_that_leaves_goes_on() {
    let left = catch_unwind(|| with_captured(|| panic!("on to the caller")));
    assert!(left.is_err());
    assert!(message("nobody collects").is_nil());
}

#[test]
fn panics_can_be_left_alone() {
    let options = crashvault::options().panic_hook(false);
    let events = with_captured_options(options, || catch_unwind(|| panic!("not of interest")));
    assert_eq!(events, []);
}

#[test]
fn a_collector_in_a_destructor_of_a_panic_works() {
    struct Collects;
    impl Drop for Collects {
        fn drop(&mut self) {
            check(|| message("while it unwinds"), &["while it unwinds"]);
        }
    }
    let unwound = catch_unwind(|| {
        let _collects = Collects;
        panic!("with a destructor");
    });
    assert!(unwound.is_err());
}

#[test]
fn options_are_the_collectors_own() {
    let options = crashvault::options()
        .release("shop@2")
        .tag("region", "eu")
        .max_breadcrumbs(1)
        .before_breadcrumb(|crumb| (crumb.message.as_deref() != Some("dull")).then_some(crumb))
        .before_send(|mut event| {
            event.logger = Some("seen".into());
            (event.message.as_deref() != Some("dropped")).then_some(event)
        });
    let events = with_captured_options(options, || {
        crashvault::breadcrumb("a", "too old");
        crashvault::add_breadcrumb(Breadcrumb::new("kept"));
        crashvault::configure_scope(|scope| scope.add_breadcrumb(Breadcrumb::new("dull")));
        assert!(message("dropped").is_nil());
        message("changed");
        assert_eq!(crashvault::health().refused_count, 1);
    });
    assert_eq!(messages(&events), ["changed"]);
    let event = &events[0];
    assert_eq!(event.logger.as_deref(), Some("seen"));
    assert_eq!(event.release.as_deref(), Some("shop@2"));
    assert_eq!(event.tags["region"], "eu");
    assert_eq!(event.breadcrumbs.len(), 1);
    assert_eq!(event.breadcrumbs[0].message.as_deref(), Some("kept"));
}

#[test]
fn floods_are_thinned_as_ever() {
    let flood = || {
        for _ in 0..70 {
            message("again");
        }
    };
    let options = |on| crashvault::options().throttle(on);
    assert!(with_captured_options(options(true), flood).len() < 60);
    assert_eq!(with_captured_options(options(false), flood).len(), 70);
    assert_eq!(
        with_captured_options(crashvault::options().sample_rate(0.0), flood),
        []
    );
}

#[test]
fn the_global_scope_is_the_collectors_own() {
    let events = with_captured(|| {
        crashvault::configure_global_scope(|scope| scope.set_tag("lies", "below"));
        message("tagged");
    });
    assert_eq!(events[0].tags["lies"], "below");
    assert!(with_captured(|| message("not tagged"))[0].tags.is_empty());
}

#[test]
fn what_is_closed_stays_closed() {
    check(
        || {
            message("one");
            assert!(crashvault::flush());
            crashvault::close();
            assert!(message("two").is_nil());
        },
        &["one"],
    );
    check(|| message("anew"), &["anew"]);
}

#[test]
fn a_large_value_is_cut_as_ever() {
    let events = with_captured(|| message(&"x".repeat(100_000)));
    let text = events[0].message_text().unwrap();
    assert!(text.len() <= 8192 && text.ends_with("…[cut]"));
}

#[test]
fn an_event_that_was_built_takes_what_the_scope_has() {
    let events = with_captured(|| {
        crashvault::set_tag("from", "the scope");
        let mut event = Event::new();
        event.message = Some("built".into());
        crashvault::capture_event(event)
    });
    assert_eq!(messages(&events), ["built"]);
    assert_eq!(events[0].tags["from"], "the scope");
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    let hook = |_| -> Option<Event> { panic!("in the hook") };
    let options = crashvault::options().before_send(hook);
    let events = with_captured_options(options, || message("kept as it was"));
    assert_eq!(messages(&events), ["kept as it was"]);
    assert_eq!(events[0].flaws[0].field, "before_send");
}

#[cfg(feature = "store")]
#[test]
fn events_are_as_a_vault_would_hold_them() {
    #[inline(never)]
    fn read_port() -> EventId {
        let failed = "eighty".parse::<u16>().capture().unwrap_err();
        capture_error(&failed)
    }
    let events = with_captured(|| {
        crashvault::set_extra("note", "card 4111 1111 1111 1111");
        read_port();
    });
    assert_eq!(events.len(), 2);
    for event in &events {
        let culprit = event.culprit().unwrap_or_default();
        assert!(culprit.contains("read_port"), "{culprit}");
        assert!(!event.extra["note"].to_string().contains("4111"));
    }
}
