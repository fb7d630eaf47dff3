//! What programs log with `tracing`, `log` and `slog`, as the events and breadcrumbs it becomes.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Once;

use crashvault::event::limits::{CONTEXT_BYTES_MAX, FILTERED};
use crashvault::{Event, Level};
use serde_json::{Value, json};

thread_local!(static SEEN: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) });

/// The events that `work` leaves, captured in a scope of its own.
fn captured(work: impl FnOnce()) -> Vec<Event> {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let home = tempfile::tempdir().unwrap().keep();
        crashvault::options()
            .vault(home)
            .throttle(false)
            .drain(false)
            .black_box(false)
            .native(false)
            .before_send(|event| {
                SEEN.with(|seen| seen.borrow_mut().push(event.clone()));
                Some(event)
            })
            .install();
    });
    SEEN.take();
    crashvault::with_scope(crashvault::Scope::clear, work);
    SEEN.take()
}

fn one(events: Vec<Event>) -> Event {
    let [event] = <[Event; 1]>::try_from(events).expect("exactly one event");
    event
}

/// The event and, with it, the breadcrumbs that `work` leaves.
fn with_last_event(work: impl FnOnce()) -> Event {
    one(captured(|| {
        work();
        crashvault::capture_message("last", Level::Info);
    }))
}

#[derive(Debug)]
struct Refused(io::Error);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn refused() -> Refused {
    Refused(io::Error::new(io::ErrorKind::TimedOut, "no answer"))
}

fn exceptions(event: &Event) -> Vec<(&str, &str)> {
    let exceptions = event.exceptions.iter();
    exceptions
        .filter_map(|e| Some((e.ty.as_deref()?, e.value.as_deref()?)))
        .collect()
}

#[test]
fn a_trace_is_told_and_passed_on_with_a_span_of_our_own() {
    let passed_on = RefCell::new(None);
    let event = with_last_event(|| {
        assert_eq!(crashvault::traceparent(), None);
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        crashvault::configure_scope(|scope| {
            assert!(scope.set_traceparent(traceparent));
            assert!(!scope.set_traceparent("none"));
        });
        passed_on.replace(crashvault::traceparent());
    });
    let trace = &event.contexts["trace"];
    let span = trace["span_id"].as_str().unwrap();
    assert_ne!(span, "00f067aa0ba902b7");
    assert_eq!(
        passed_on.take(),
        Some(format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-01"))
    );
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("Debug of the host")
    }
}

mod with_tracing {
    use super::*;
    use crashvault::tracing::{EventFilter, Layer, default_event_filter, layer};
    use tracing::{debug, error, info, info_span, trace_span, warn};
    use tracing_subscriber::prelude::*;

    fn logged(layer: Layer, work: impl FnOnce()) -> impl FnOnce() {
        || tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work)
    }

    fn event_of(work: impl FnOnce()) -> Event {
        one(captured(logged(layer(), work)))
    }

    fn fields(event: &Event) -> &Value {
        event
            .contexts
            .get("Rust Tracing Fields")
            .unwrap_or(&Value::Null)
    }

    fn spans(event: &Event) -> Value {
        let mut spans = event.contexts["Rust Tracing Spans"].clone();
        for span in spans["spans"].as_array_mut().unwrap() {
            assert!(span["id"].as_u64().is_some());
            assert_eq!(span["target"], "logging::with_tracing");
            let object = span.as_object_mut().unwrap();
            object.remove("id");
            object.remove("target");
        }
        spans
    }

    #[test]
    fn an_error_is_an_event_of_its_message_with_the_stack() {
        let event = event_of(|| error!(code = 7, ratio = 0.5, name = "x", "cannot load {}", 3));
        assert_eq!(event.message.as_deref(), Some("cannot load 3"));
        assert_eq!(event.level, Level::Error);
        assert_eq!(event.logger.as_deref(), Some("logging::with_tracing"));
        assert_eq!(
            fields(&event),
            &json!({"code": 7, "ratio": 0.5, "name": "x"})
        );
        let stack = event.threads[0].stacktrace.as_ref().unwrap();
        assert!(stack.frames.len() > 3);
        let place = event.contexts["crashvault"]["location"].as_str().unwrap();
        assert!(place.contains("tests/logging.rs:"), "{place}");
    }

    #[test]
    fn warnings_and_notices_are_breadcrumbs_the_rest_is_nothing() {
        let event = with_last_event(logged(layer(), || {
            info!(items = 3, seen = ?Some(1), "opened {}", "cart");
            warn!(target: "shop", ok = false, "slow");
            debug!("not kept");
        }));
        let [info, warn] = &event.breadcrumbs[..] else {
            panic!("{:?}", event.breadcrumbs);
        };
        assert_eq!(info.message.as_deref(), Some("opened cart"));
        assert_eq!(info.level, Some(Level::Info));
        assert_eq!(info.category.as_deref(), Some("logging::with_tracing"));
        assert_eq!(json!(info.data), json!({"items": 3, "seen": "Some(1)"}));
        assert!(info.timestamp.is_some());
        assert_eq!(warn.level, Some(Level::Warning));
        assert_eq!(warn.category.as_deref(), Some("shop"));
        assert_eq!(json!(warn.data), json!({"ok": false}));
    }

    #[test]
    fn an_error_value_becomes_the_exception_with_its_sources() {
        let event = event_of(|| {
            let failed = refused();
            error!(error = &failed as &(dyn Error + 'static), "not paid");
        });
        assert_eq!(event.message.as_deref(), Some("not paid"));
        let chain = [("std::io::Error", "no answer"), ("Refused", "refused")];
        assert_eq!(exceptions(&event), chain);
        let thrown = event.primary_exception().unwrap();
        assert!(thrown.stacktrace.as_ref().unwrap().frames.len() > 3);
        assert!(event.threads[0].stacktrace.is_none());
    }

    #[test]
    fn of_two_error_values_the_second_is_a_field() {
        let event = event_of(|| {
            let failed = refused();
            let failed: &(dyn Error + 'static) = &failed;
            error!(first = failed, second = failed);
        });
        assert_eq!(event.exceptions.len(), 2);
        assert_eq!(fields(&event), &json!({"second": "refused"}));
    }

    #[test]
    fn an_error_as_text_is_the_message_where_there_is_none() {
        let event = event_of(|| error!(error = %refused(), code = 1));
        assert_eq!(event.message.as_deref(), Some("refused"));
    }

    #[test]
    fn spans_are_told_from_the_root_with_their_fields() {
        let event = event_of(|| {
            let _request = info_span!("request", method = "GET", done = tracing::field::Empty);
            let _request = _request.record("done", 5).clone().entered();
            let _quiet = trace_span!("quiet", secret_of_level = 1).entered();
            let _query = info_span!("query").entered();
            error!("broken");
        });
        assert_eq!(
            spans(&event),
            json!({"spans": [
                {"name": "request", "fields": {"method": "GET", "done": 5}},
                {"name": "quiet"},
                {"name": "query"},
            ]})
        );
        assert_eq!(event.transaction.as_deref(), Some("request"));
    }

    #[test]
    fn the_scopes_transaction_stands_above_the_spans() {
        let event = event_of(|| {
            crashvault::configure_scope(|scope| scope.set_transaction("GET /"));
            let _request = info_span!("request").entered();
            error!("broken");
        });
        assert_eq!(event.transaction.as_deref(), Some("GET /"));
    }

    #[test]
    fn fields_named_as_tags_are_tags_above_the_scopes() {
        let event = event_of(|| {
            crashvault::set_tag("shop", "south");
            crashvault::set_tag("plan", "team");
            error!(
                tags.shop = "north",
                tags.count = 3,
                tags.password = "x",
                "broken"
            );
        });
        let tags: Vec<_> = event.tags.iter().map(|(k, v)| (&k[..], &v[..])).collect();
        let expected = [
            ("count", "3"),
            ("password", FILTERED),
            ("plan", "team"),
            ("shop", "north"),
        ];
        assert_eq!(tags, expected);
        assert_eq!(fields(&event), &Value::Null);
    }

    #[test]
    fn forbidden_keys_are_filtered_everywhere() {
        let event = event_of(|| {
            let _span = info_span!("login", api_key = "hunter2").entered();
            info!(password = "hunter2", "crumb");
            error!(token = "hunter2", "event");
        });
        let text = event.to_value().to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(text.matches(FILTERED).count(), 3);
    }

    #[test]
    fn a_spans_traceparent_is_the_events_trace() {
        let event = event_of(|| {
            crashvault::configure_scope(|scope| scope.start_trace());
            let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            let _span = info_span!("request", traceparent).entered();
            error!("broken");
        });
        let trace = &event.contexts["trace"];
        assert_eq!(trace["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace["parent_span_id"], "00f067aa0ba902b7");
    }

    #[test]
    fn records_of_the_log_crate_keep_their_target_and_place() {
        let events = captured(logged(layer(), || {
            warn!(target: "log", { log.target = "shop", log.line = 7 }, "slow");
            error!(target: "log", { log.target = "shop", log.file = "src/cart.rs", log.line = 7_u64 }, "broken");
        }));
        let event = one(events);
        assert_eq!(event.logger.as_deref(), Some("shop"));
        assert_eq!(event.contexts["crashvault"]["location"], "src/cart.rs:7");
        assert_eq!(fields(&event), &Value::Null);
        assert_eq!(event.breadcrumbs[0].category.as_deref(), Some("shop"));
        assert!(event.breadcrumbs[0].data.is_empty());
    }

    #[test]
    fn a_filter_decides_by_level_and_target() {
        let layer = layer().event_filter(|metadata| match metadata.target() {
            "noisy" => EventFilter::Ignore,
            "audit" => EventFilter::Event,
            _ => default_event_filter(metadata),
        });
        let events = captured(logged(layer, || {
            error!(target: "noisy", "no");
            debug!(target: "audit", "yes");
        }));
        let event = one(events);
        assert_eq!(event.message.as_deref(), Some("yes"));
        assert_eq!(event.level, Level::Debug);
    }

    #[test]
    fn long_fields_are_cut_and_too_many_left_out() {
        let long = "x".repeat(100_000);
        let event = event_of(|| {
            let mut spans = Vec::new();
            for _ in 0..50 {
                spans.push(info_span!("deep", long = &long[..]).entered());
            }
            warn!(a = &long[..], b = ?long, c = 1, "{long}");
            error!(
                a = &long[..],
                b = &long[..],
                c = &long[..],
                d = &long[..],
                e = 1,
                "{long}"
            );
            while spans.pop().is_some() {}
        });
        for context in ["Rust Tracing Fields", "Rust Tracing Spans"] {
            let bytes = event.contexts[context].to_string().len();
            assert!(bytes <= CONTEXT_BYTES_MAX + 100, "{context}: {bytes}");
        }
        let spans = &event.contexts["Rust Tracing Spans"];
        let kept = spans["spans"].as_array().unwrap().len() as u64;
        assert_eq!(spans["outer_left_out"], json!(50 - kept));
        assert!(event.breadcrumbs[0].data.contains_key("a"));
        let data = json!(event.breadcrumbs[0].data).to_string();
        assert!(data.len() < 5 * 1024, "{}", data.len());
    }

    #[test]
    fn a_span_recorded_again_and_again_keeps_the_last() {
        let event = event_of(|| {
            let span = info_span!("copy", done = 0_u64, name = "a");
            for done in 0..10_000_u64 {
                span.record("done", done);
            }
            let _span = span.entered();
            error!("broken");
        });
        assert_eq!(
            spans(&event)["spans"][0]["fields"],
            json!({"done": 9999, "name": "a"})
        );
    }

    #[test]
    fn a_panicking_debug_harms_nobody() {
        let events = captured(logged(layer(), || {
            info!(value = ?Panics, "crumb");
            error!(value = ?Panics, "event");
            error!(tags.value = ?Panics, "tagged");
        }));
        let [untold, tagged] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(untold.exceptions[0].ty.as_deref(), Some("Error"));
        assert!(untold.breadcrumbs.is_empty());
        assert_eq!(tagged.message.as_deref(), Some("tagged"));
        assert!(tagged.tags.is_empty());
    }

    #[test]
    fn a_debug_that_logs_in_the_span_it_is_recorded_in_does_not_hang() {
        struct Logs;
        impl fmt::Debug for Logs {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                error!("from inside");
                f.write_str("logged")
            }
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let events = captured(logged(layer(), || {
                let empty = tracing::field::Empty;
                let span = info_span!("request", state = empty, token = empty).entered();
                span.record("state", tracing::field::debug(Logs));
                span.record("token", tracing::field::debug("hunter2"));
                error!("after");
            }));
            sender.send(events).unwrap();
        });
        let events = receiver.recv_timeout(std::time::Duration::from_secs(30));
        let [inside, after] = &events.expect("it hangs")[..] else {
            panic!("not two events");
        };
        assert_eq!(inside.message.as_deref(), Some("from inside"));
        assert_eq!(inside.transaction.as_deref(), Some("request"));
        assert_eq!(
            spans(after)["spans"][0]["fields"],
            json!({"state": "logged", "token": FILTERED})
        );
    }

    #[test]
    fn what_is_logged_while_a_capture_asks_is_not_listened_to() {
        struct Talks;
        impl fmt::Display for Talks {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                error!("from inside");
                f.write_str("talks")
            }
        }
        let event = event_of(|| error!("it {}", Talks));
        assert_eq!(event.message.as_deref(), Some("it talks"));
    }
}

mod with_log {
    use super::*;
    use crashvault::log::{EventFilter, Logger};
    use log::{Log, Record};
    use std::sync::{Arc, Mutex};

    fn check(logger: &Logger, level: log::Level, message: &str) {
        let record = |args: fmt::Arguments<'_>| {
            logger.log(
                &Record::builder()
                    .level(level)
                    .target("shop")
                    .file(Some("src/cart.rs"))
                    .line(Some(7))
                    .key_values(&[("items", 3), ("token", 4)])
                    .args(args)
                    .build(),
            );
        };
        record(format_args!("{message}"));
    }

    #[test]
    fn an_error_is_an_event_with_its_attributes() {
        let event = one(captured(|| {
            check(&Logger::new(), log::Level::Error, "broken")
        }));
        assert_eq!(event.message.as_deref(), Some("broken"));
        assert_eq!(event.logger.as_deref(), Some("shop"));
        assert_eq!(event.contexts["crashvault"]["location"], "src/cart.rs:7");
        let attributes = &event.contexts["Rust Log Attributes"];
        assert_eq!(attributes, &json!({"items": 3, "token": FILTERED}));
        assert!(event.threads[0].stacktrace.is_some());
    }

    #[test]
    fn a_warning_is_a_breadcrumb_and_a_detail_nothing() {
        let event = with_last_event(|| {
            check(&Logger::new(), log::Level::Warn, "slow");
            check(&Logger::new(), log::Level::Debug, "detail");
        });
        let [crumb] = &event.breadcrumbs[..] else {
            panic!("{:?}", event.breadcrumbs);
        };
        assert_eq!(crumb.message.as_deref(), Some("slow"));
        assert_eq!(crumb.category.as_deref(), Some("shop"));
        assert_eq!(crumb.level, Some(Level::Warning));
        assert_eq!(json!(crumb.data), json!({"items": 3, "token": FILTERED}));
    }

    struct Recording(Arc<Mutex<Vec<String>>>);

    impl Log for Recording {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.level() == log::Level::Trace
        }

        fn log(&self, record: &Record<'_>) {
            let line = format!("{} {}", record.level(), record.args());
            self.0.lock().unwrap().push(line);
        }

        fn flush(&self) {}
    }

    #[test]
    fn every_record_reaches_the_wrapped_logger() {
        let lines = Arc::default();
        let logger = Logger::wrap(Recording(Arc::clone(&lines))).filter(|_| EventFilter::Ignore);
        let events = captured(|| {
            check(&logger, log::Level::Error, "one");
            check(&logger, log::Level::Trace, "two");
        });
        assert!(events.is_empty());
        assert_eq!(*lines.lock().unwrap(), ["ERROR one", "TRACE two"]);
        let is_enabled = |level| logger.enabled(&log::Metadata::builder().level(level).build());
        assert!(is_enabled(log::Level::Trace) && !is_enabled(log::Level::Error));
    }
}

mod with_slog {
    use super::*;
    use crashvault::slog::{Drain, EventFilter};
    use slog::{Logger, crit, debug, error, info, o};

    fn logger() -> Logger {
        Logger::root(
            Drain::new(slog::Discard),
            o!("service" => "shop", "items" => 1),
        )
    }

    #[test]
    fn an_error_is_an_event_with_the_values_of_its_loggers() {
        let event = one(captured(
            || crit!(logger(), "broken {}", 1; "items" => 3, "api_key" => "x", "ratio" => 0.5),
        ));
        assert_eq!(event.message.as_deref(), Some("broken 1"));
        assert_eq!(event.level, Level::Error);
        assert_eq!(event.logger.as_deref(), Some("logging::with_slog"));
        assert_eq!(
            event.contexts["Rust Slog Fields"],
            json!({"service": "shop", "items": 3, "api_key": FILTERED, "ratio": 0.5})
        );
        assert!(event.threads[0].stacktrace.is_some());
    }

    #[test]
    fn an_error_value_becomes_the_exception() {
        let event = one(captured(
            || error!(logger(), "not paid"; "error" => #refused()),
        ));
        let chain = [("std::io::Error", "no answer"), ("Refused", "refused")];
        assert_eq!(exceptions(&event), chain);
    }

    #[test]
    fn a_notice_is_a_breadcrumb_with_all_values() {
        let event = with_last_event(|| {
            info!(logger(), "opened"; "items" => 3);
            debug!(logger(), "detail");
        });
        let [crumb] = &event.breadcrumbs[..] else {
            panic!("{:?}", event.breadcrumbs);
        };
        assert_eq!(crumb.message.as_deref(), Some("opened"));
        assert_eq!(json!(crumb.data), json!({"service": "shop", "items": 3}));
    }

    #[test]
    fn a_filter_decides() {
        let drain = Drain::new(slog::Discard).filter(|_| EventFilter::Event);
        let events = captured(|| debug!(Logger::root(drain, o!()), "kept"));
        assert_eq!(one(events).level, Level::Debug);
    }
}
