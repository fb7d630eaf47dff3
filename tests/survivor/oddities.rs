//! Host programs on a bad day. Each function asserts what the host sees; the test looks at the vault afterwards.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crashvault::{Breadcrumb, Durability, Event, Level, ScopeFutureExt, ScopeHandle};

/// Runs one of the bad days; false if there is none of that name.
pub fn run(vault: &str, kind: &str) -> bool {
    let options = crashvault::options().vault(vault).drain(false);
    match kind {
        "display-panics" => {
            options.install();
            display_panics();
        }
        "circle-of-sources" => {
            options.install();
            assert!(!crashvault::capture_error(&Circle).is_nil());
            assert!(!crashvault::capture_error(&Endless(Box::new(Circle))).is_nil());
        }
        "capture-within-capture" => {
            options.install();
            crashvault::set_tag("outer", "kept");
            assert!(!crashvault::capture_error(&Talkative).is_nil());
        }
        "hooks-panic" => {
            let options = options.before_send(|event| {
                assert!(
                    event.message.as_deref() != Some("panic"),
                    "a hook that panics"
                );
                (event.message.as_deref() != Some("drop")).then_some(event)
            });
            options.before_breadcrumb(|_| panic!("another")).install();
            crashvault::add_breadcrumb(Breadcrumb::new("gone"));
            assert!(!crashvault::capture_message("panic", Level::Error).is_nil());
            assert!(crashvault::capture_message("drop", Level::Error).is_nil());
            assert_eq!(crashvault::health().refused_count, 1);
        }
        "hook-panics-in-a-panic" => {
            std::panic::set_hook(Box::new(|_| ()));
            options
                .before_send(|_| -> Option<Event> { Vec::<Option<Event>>::new().remove(7) })
                .install();
            panic!("the first one");
        }
        "ids" => {
            options
                .before_send(|mut event| {
                    event.event_id = crashvault::EventId::from_bytes([9; 16]);
                    Some(event)
                })
                .install();
            println!("{}", crashvault::capture_message("kept", Level::Error));
        }
        "silent-without-hook" => {
            options
                .panic_hook(false)
                .before_send(|_| -> Option<Event> { panic!("quietly") })
                .install();
            assert!(!crashvault::capture_message("kept", Level::Error).is_nil());
        }
        "durable-call" => {
            options.install();
            let id = crashvault::with_scope(
                |scope| scope.set_durability(Durability::Data),
                || crashvault::capture_message("kept", Level::Error),
            );
            assert!(!id.is_nil());
        }
        "suppressed" => {
            let clock = crashvault::FixedClock::at("2026-01-05T10:00:00Z").expect("a time");
            options.clock(clock).install();
            for _ in 0..500 {
                crashvault::capture_message("again", Level::Error);
            }
            assert!(crashvault::flush());
        }
        "cannot-unwind" => {
            std::panic::set_hook(Box::new(|_| ()));
            options.install();
            cannot_unwind();
        }
        "global-scope" => global_scope(options),
        "user-secrets" => {
            options.install();
            let mut user = crashvault::User::new("4711");
            user.other.insert(
                "profile".into(),
                serde_json::json!({"password": "hunter2", "plan": "team"}),
            );
            crashvault::set_user(user);
            assert!(!crashvault::capture_message("kept", Level::Error).is_nil());
        }
        "previous-hook" => previous_hook(options),
        "before-install-and-after-close" => {
            assert!(crashvault::capture_message("too early", Level::Error).is_nil());
            crashvault::set_tag("too", "early");
            options.install();
            assert!(!crashvault::capture_message("kept", Level::Error).is_nil());
            crashvault::close();
            assert!(crashvault::capture_message("too late", Level::Error).is_nil());
        }
        "second-install" => {
            assert!(options.clone().install().is_first());
            let second = options.vault("/elsewhere").install();
            assert!(!second.is_first());
            assert_eq!(second.vault(), Some(Path::new(vault)));
            assert!(!crashvault::capture_message("kept", Level::Error).is_nil());
        }
        "async" => {
            options.durability(Durability::Async).install();
            assert!(!crashvault::capture_message("kept", Level::Error).is_nil());
            std::thread::sleep(std::time::Duration::from_millis(400));
            std::process::abort();
        }
        "thread-ends" => thread_ends(options),
        "task-moves" => task_moves(options),
        "huge" => huge(options),
        "unwritable" => unwritable(vault),
        "clock-jumps-back" => {
            let clock = crashvault::FixedClock::at("2026-01-05T10:00:00Z").expect("a time");
            options.clock(clock.clone()).install();
            for step in [60, -86_400, 30] {
                assert!(
                    !crashvault::capture_message(&format!("moved by {step}"), Level::Error)
                        .is_nil()
                );
                clock.advance_secs(step);
            }
        }
        _ => return false,
    }
    true
}

#[derive(Debug)]
struct Explosive;

impl fmt::Display for Explosive {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("while being printed");
    }
}

impl Error for Explosive {}

fn display_panics() {
    let seen = std::sync::Arc::new(AtomicU32::new(0));
    let counter = std::sync::Arc::clone(&seen);
    let ours = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        counter.fetch_add(1, Ordering::Relaxed);
        ours(info);
    }));
    assert!(
        !crashvault::capture_error(&Explosive).is_nil(),
        "the event is kept without its text"
    );
    assert!(seen.load(Ordering::Relaxed) > 0, "it did panic");
}

#[derive(Debug)]
struct Circle;

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a circle")
    }
}

impl Error for Circle {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&Circle)
    }
}

/// An error with a size that is its own source.
#[derive(Debug)]
struct Endless(Box<Circle>);

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Endless {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[derive(Debug)]
struct Talkative;

impl fmt::Display for Talkative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crashvault::breadcrumb("inner", "while being printed");
        crashvault::capture_message("captured while being printed", Level::Info);
        f.write_str("outer")
    }
}

impl Error for Talkative {}

extern "C" fn cannot_unwind() {
    panic!("the real reason");
}

/// Host code that captures and configures while it configures.
fn global_scope(options: crashvault::Options) {
    options.install();
    crashvault::configure_global_scope(|scope| {
        scope.set_tag("outer", 1);
        crashvault::configure_global_scope(|scope| scope.set_tag("lost", "to the outer change"));
        assert!(!crashvault::capture_message("within", Level::Error).is_nil());
    });
    let thread = std::thread::spawn(|| crashvault::capture_message("from a thread", Level::Error));
    assert!(thread.join().is_ok_and(|id| !id.is_nil()));
}

/// The hook that was there before is called after ours, once per panic.
fn previous_hook(options: crashvault::Options) {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    std::panic::set_hook(Box::new(|_| {
        assert_eq!(
            crashvault::health().captured_count,
            1,
            "written before the hook is called"
        );
        CALLS.fetch_add(1, Ordering::Relaxed);
    }));
    options.install();
    let panicked = std::thread::Builder::new()
        .name("worker".into())
        .spawn(|| panic!("in a thread"));
    assert!(panicked.expect("a thread").join().is_err());
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}

/// A capture while the thread's own data is already gone.
fn thread_ends(options: crashvault::Options) {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            crashvault::set_tag("late", "tag");
            assert!(!crashvault::capture_message("at the thread's end", Level::Error).is_nil());
        }
    }
    thread_local!(static LATE: RefCell<Option<Late>> = const { RefCell::new(None) });
    options.install();
    let thread = std::thread::spawn(|| {
        LATE.with(|late| *late.borrow_mut() = Some(Late));
        crashvault::set_tag("early", "tag");
    });
    assert!(thread.join().is_ok());
}

/// A future polled on several threads keeps its own scope and leaves theirs alone.
fn task_moves(options: crashvault::Options) {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    options.install();
    crashvault::set_tag("request", "r1");
    let mut polled = 0;
    let work = std::future::poll_fn(move |_| {
        polled += 1;
        crashvault::set_tag(format!("poll{polled}"), "seen");
        if polled < 3 {
            return Poll::Pending;
        }
        crashvault::capture_message("from the task", Level::Error);
        Poll::Ready(())
    });
    let mut task = Box::pin(work.in_scope(ScopeHandle::current()));
    for round in 0..3 {
        let polling = std::thread::spawn(move || {
            crashvault::set_tag("thread", round);
            let done = task
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_ready();
            crashvault::capture_message("from the thread", Level::Info);
            (task, done)
        });
        let (moved, done) = polling.join().expect("no panic");
        task = moved;
        assert_eq!(done, round == 2);
    }
}

/// Everything too big at once.
fn huge(options: crashvault::Options) {
    options.install();
    crashvault::configure_scope(|scope| {
        for number in 0..5000 {
            scope.set_tag(format!("tag{number}"), "v".repeat(500));
            scope.set_extra(format!("extra{number}"), "e".repeat(1000));
        }
        let mut deep = serde_json::Value::Null;
        for _ in 0..200 {
            deep = serde_json::json!([deep]);
        }
        scope.set_context("deep", deep);
    });
    let message = "m".repeat(10 << 20);
    assert!(!crashvault::capture_message(&message, Level::Error).is_nil());
    let mut event = Event::new();
    event.message = Some(message);
    event.extra.insert("big".into(), "x".repeat(1 << 20).into());
    assert!(!crashvault::capture_event(event).is_nil());
}

/// The vault's place is below a regular file.
fn unwritable(vault: &str) {
    std::fs::write(vault, "a file").expect("the file can be written");
    let installed = crashvault::options()
        .vault(Path::new(vault).join("vault"))
        .install();
    assert!(
        installed
            .note()
            .is_some_and(|note| note.contains("cannot write")),
        "{installed:?}"
    );
    assert!(crashvault::capture_message("lost", Level::Error).is_nil());
    let health = crashvault::health();
    assert_eq!((health.captured_count, health.lost_count), (0, 1));
    assert!(
        health
            .last_failure
            .is_some_and(|reason| reason.contains("no directory")),
        "it says what to do"
    );
}
