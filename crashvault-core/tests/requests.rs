//! Requests and tasks without a network: services called directly, futures polled by hand, and what the vault has of them.
//!
//! All tests share one process and so one vault; each finds its events by its own tag `test`.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn, ready};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use crashvault::{Event, IssueFilter, Level, ScopeFutureExt, ScopeHandle, Vault};
use http::{Request, Response, StatusCode};
use serde_json::json;
use tower_layer::Layer;
use tower_service::Service;

/// Runs `work` with a scope of this test, and returns what was captured in it.
fn captured(test: &str, work: impl FnOnce()) -> Vec<Event> {
    let home = home();
    crashvault::with_scope(|scope| scope.set_tag("test", test), work);
    let mut vault = Vault::open(home).unwrap();
    vault.drain_all().unwrap();
    let issues = vault.issues(&IssueFilter::default()).unwrap();
    let events = issues
        .iter()
        .flat_map(|issue| vault.events(&issue.id, 1000).unwrap());
    let mut events: Vec<Event> = events
        .map(|stored| stored.event)
        .filter(|event| event.tags.get("test").is_some_and(|of| of == test))
        .collect();
    events.sort_by_key(|event| event.timestamp);
    events
}

fn home() -> &'static std::path::Path {
    static HOME: OnceLock<tempfile::TempDir> = OnceLock::new();
    let home = HOME.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        crashvault::options()
            .vault(home.path())
            .drain(false)
            .throttle(false)
            .install();
        home
    });
    home.path()
}

fn title(event: &Event) -> String {
    event.title()
}

/// A service made of a function.
#[derive(Clone)]
struct Of<H>(H);

impl<H, F, R, E> Service<Request<()>> for Of<H>
where
    H: FnMut(Request<()>) -> F,
    F: Future<Output = Result<Response<R>, E>>,
{
    type Response = Response<R>;
    type Error = E;
    type Future = F;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> F {
        (self.0)(request)
    }
}

#[derive(Clone)]
struct Pattern(&'static str);

fn request(uri: &str) -> Request<()> {
    let mut request = Request::builder()
        .uri(uri)
        .header("host", "shop.test")
        .header("authorization", "Bearer hunter2")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Pattern("/orders/{id}"));
    request
}

/// Polls what is always ready.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// A future that waits once.
async fn turn() {
    let mut has_waited = false;
    poll_fn(|_| match std::mem::replace(&mut has_waited, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

async fn ok() -> Result<Response<()>, Infallible> {
    Ok(Response::new(()))
}

#[derive(Debug)]
struct Broken(io::Error);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service is broken")
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn broken() -> Broken {
    Broken(io::Error::other("no storage"))
}

#[test]
fn an_error_of_a_service_is_one_event_and_goes_on() {
    let events = captured("an error of a service", || {
        let layer = crashvault::tower::layer().route(|pattern: &Pattern| pattern.0);
        let mut service = layer.layer(Of(|_| ready(Err::<Response<()>, _>(broken()))));
        let error = now(service.call(request("/orders/7?page=2&token=hunter2"))).unwrap_err();
        assert_eq!(error.0.to_string(), "no storage");
    });
    let [event] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(title(event), "Broken: the service is broken");
    assert_eq!((event.level, event.exceptions.len()), (Level::Error, 2));
    assert_eq!(event.transaction.as_deref(), Some("GET /orders/{id}"));
    let expected = json!({
        "method": "GET", "url": "http://shop.test/orders/7", "query_string": "page=2&token=[Filtered]",
        "headers": {"authorization": "[Filtered]", "host": "shop.test"},
    });
    assert_eq!(event.request.as_ref(), expected.as_object());
}

#[test]
fn an_error_in_a_box_is_captured_as_what_is_in_it() {
    let events = captured("an error in a box", || {
        let fails = |_| {
            ready(Err::<Response<()>, Box<dyn Error + Send + Sync>>(
                broken().into(),
            ))
        };
        let mut service = crashvault::tower::layer().boxed_errors().layer(Of(fails));
        assert!(now(service.call(request("/"))).is_err());
    });
    assert_eq!(
        events.iter().map(title).collect::<Vec<_>>(),
        ["Broken: the service is broken"]
    );
}

#[test]
fn an_error_that_was_captured_already_is_not_captured_again() {
    let events = captured("an error captured already", || {
        let fails = |_| async {
            crashvault::capture_error(&broken());
            Err::<Response<()>, _>(broken())
        };
        let mut service = crashvault::tower::layer().layer(Of(fails));
        assert!(now(service.call(request("/"))).is_err());
    });
    assert_eq!(events.len(), 1);
}

#[test]
fn a_failure_that_passes_two_layers_is_one_event() {
    let layer = || crashvault::tower::layer().capture_server_errors(true);
    let events = captured("two layers, error", || {
        let fails = Of(|_| ready(Err::<Response<()>, _>(broken())));
        let mut service = layer().layer(layer().layer(fails));
        assert!(now(service.call(request("/"))).is_err());
    });
    assert_eq!(events.len(), 1);
    let events = captured("two layers, answer", || {
        let answers = Of(|_| {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            ready(Ok::<_, Infallible>(response))
        });
        let mut service = layer().layer(layer().layer(answers));
        assert!(now(service.call(request("/"))).is_ok());
    });
    assert_eq!(events.len(), 1);
}

#[test]
fn of_two_requests_inside_one_each_failure_is_an_event() {
    let events = captured("two inside one", || {
        let serves_both = |_| async {
            let fails = Of(|_| ready(Err::<Response<()>, _>(broken())));
            let mut inner = crashvault::tower::layer().layer(fails);
            let _ = inner.call(request("/orders/1")).await;
            inner.call(request("/orders/2")).await
        };
        let mut service = crashvault::tower::layer().layer(Of(serves_both));
        assert!(now(service.call(request("/batch"))).is_err());
    });
    let transactions: Vec<_> = events.iter().map(|e| e.transaction.as_deref()).collect();
    assert_eq!(transactions, [Some("GET /orders/1"), Some("GET /orders/2")]);
}

#[test]
fn a_warning_on_the_way_does_not_hide_the_error() {
    let events = captured("a warning on the way", || {
        let fails = |_| async {
            crashvault::capture_message("slow", Level::Warning);
            Err::<Response<()>, _>(broken())
        };
        let mut service = crashvault::tower::layer().layer(Of(fails));
        assert!(now(service.call(request("/"))).is_err());
    });
    assert_eq!(events.len(), 2);
}

fn answers(test: &str, status: StatusCode, is_wanted: bool) -> Vec<String> {
    let events = captured(test, || {
        let answer = move |_| {
            let mut response = Response::new(());
            *response.status_mut() = status;
            ready(Ok::<_, Infallible>(response))
        };
        let layer = crashvault::tower::layer().capture_server_errors(is_wanted);
        let response = now(layer.layer(Of(answer)).call(request("/orders/7"))).unwrap();
        assert_eq!(response.status(), status);
    });
    events.iter().map(title).collect()
}

#[test]
fn an_answer_of_500_is_a_message_where_that_is_wanted() {
    let status = StatusCode::BAD_GATEWAY;
    assert_eq!(
        answers("answer, wanted", status, true),
        ["GET /orders/7 answered 502 Bad Gateway"]
    );
    assert!(answers("answer, not wanted", status, false).is_empty());
    assert!(answers("answer of 404", StatusCode::NOT_FOUND, true).is_empty());
}

#[test]
fn a_panic_is_one_event_with_its_request_and_unwinds_on() {
    let events = captured("a panic", || {
        let panics = |_| async {
            turn().await;
            if true {
                panic!("no price");
            }
            ok().await
        };
        let mut service = crashvault::tower::layer().layer(Of(panics));
        let mut future = pin!(service.call(request("/baskets/5")));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        let poll = AssertUnwindSafe(|| future.as_mut().poll(&mut context).is_ready());
        let payload = catch_unwind(poll).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"no price"));
        crashvault::capture_message("after the panic", Level::Info);
    });
    let [panic, after] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(title(panic), "panic: no price");
    assert_eq!(panic.transaction.as_deref(), Some("GET /baskets/5"));
    assert_eq!(
        (after.transaction.as_deref(), after.request.as_ref()),
        (None, None)
    );
}

#[test]
fn requests_begin_with_the_scope_around_them_and_share_nothing() {
    let events = captured("two requests", || {
        crashvault::set_tag("around", "both");
        let tags = |request: Request<()>| async move {
            crashvault::set_tag(request.uri().path().trim_start_matches('/'), 1);
            turn().await;
            crashvault::capture_message("in a request", Level::Info);
            ok().await
        };
        let mut service = crashvault::tower::layer().layer(Of(tags));
        let mut one = pin!(service.call(request("/one")));
        let mut two = pin!(service.call(request("/two")));
        let mut context = Context::from_waker(Waker::noop());
        assert!(one.as_mut().poll(&mut context).is_pending());
        assert!(two.as_mut().poll(&mut context).is_pending());
        assert!(one.as_mut().poll(&mut context).is_ready());
        assert!(two.as_mut().poll(&mut context).is_ready());
        crashvault::capture_message("outside", Level::Info);
    });
    let keys = |event: &Event| event.tags.keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        events.iter().map(keys).collect::<Vec<_>>(),
        ["around one test", "around test two", "around test"]
    );
    assert!(events[2].request.is_none());
}

struct Capturing(&'static str);

impl Drop for Capturing {
    fn drop(&mut self) {
        crashvault::capture_message(self.0, Level::Info);
    }
}

#[test]
fn a_cancelled_request_is_dropped_in_its_scope() {
    let events = captured("a cancelled request", || {
        let waits = |_| async {
            let _guard = Capturing("cancelled");
            turn().await;
            ok().await
        };
        let mut future = Box::pin(
            crashvault::tower::layer()
                .layer(Of(waits))
                .call(request("/slow")),
        );
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
    });
    assert_eq!(events[0].transaction.as_deref(), Some("GET /slow"));
}

#[test]
fn a_transaction_of_the_scope_stands_above_the_route() {
    let events = captured("own transaction", || {
        let names = |_| async {
            crashvault::configure_scope(|scope| scope.set_transaction("import"));
            crashvault::capture_message("named", Level::Info);
            ok().await
        };
        let mut service = crashvault::tower::layer().layer(Of(names));
        assert!(now(service.call(request("/"))).is_ok());
    });
    assert_eq!(events[0].transaction.as_deref(), Some("import"));
}

#[test]
fn a_request_is_a_part_of_its_callers_trace_and_passes_it_on() {
    let mut passed_on = None;
    let events = captured("trace", || {
        let service = crashvault::tower::layer().layer(Of(|_: Request<()>| {
            passed_on = crashvault::traceparent();
            crashvault::capture_message("traced", Level::Error);
            ready(Ok::<_, Infallible>(Response::new(())))
        }));
        let mut request = request("/traced");
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        request
            .headers_mut()
            .insert("traceparent", header.parse().unwrap());
        let mut service = service;
        now(service.call(request)).unwrap();
    });
    let trace = &events[0].contexts["trace"];
    assert_eq!(trace["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(trace["parent_span_id"], "00f067aa0ba902b7");
    let span = trace["span_id"].as_str().unwrap();
    let expected = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-01");
    assert_eq!(passed_on.as_deref(), Some(expected.as_str()));
}

#[test]
fn an_event_of_the_program_carries_the_request_too() {
    let events = captured("own event", || {
        let builds = |_| async {
            crashvault::capture_event(Event::new());
            ok().await
        };
        let mut service = crashvault::tower::layer().layer(Of(builds));
        assert!(now(service.call(request("/built"))).is_ok());
    });
    assert_eq!(
        events[0].request.as_ref().unwrap()["url"],
        "http://shop.test/built"
    );
    assert_eq!(events[0].transaction.as_deref(), Some("GET /built"));
}

fn on_tokio<F: Future>(work: impl FnOnce() -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async { work().await })
}

#[test]
fn a_task_takes_the_scope_along_and_says_where_it_was_spawned() {
    let line = line!() + 4;
    let events = captured("a task", || {
        let joined: Result<u32, tokio::task::JoinError> = on_tokio(|| async {
            crashvault::set_tag("cart", 7);
            crashvault::tokio::spawn(async {
                crashvault::set_tag("inside", 1);
                turn_on_tokio().await;
                panic!("the task failed")
            })
            .await
        });
        assert!(joined.unwrap_err().is_panic());
        crashvault::capture_message("outside", Level::Info);
    });
    let place = format!("crashvault-core/tests/requests.rs:{line}:13");
    assert_eq!(events[0].contexts["task"]["spawned_at"], place);
    assert!(events[0].contexts["task"]["id"].is_string());
    assert_eq!(
        (&*events[0].tags["cart"], &*events[0].tags["inside"]),
        ("7", "1")
    );
    assert!(!events[1].tags.contains_key("inside") && !events[1].contexts.contains_key("task"));
}

async fn turn_on_tokio() {
    tokio::task::yield_now().await;
}

#[test]
fn blocking_work_takes_the_scope_along() {
    let events = captured("blocking work", || {
        let number = on_tokio(|| async {
            crashvault::tokio::spawn_blocking(|| {
                crashvault::capture_message("blocked", Level::Info);
                7
            })
            .await
        });
        assert_eq!(number.unwrap(), 7);
    });
    assert_eq!(events.len(), 1);
    assert!(events[0].contexts.contains_key("task"));
}

#[test]
fn a_local_task_takes_the_scope_along() {
    let events = captured("a local task", || {
        let local = tokio::task::LocalSet::new();
        let shared = std::rc::Rc::new(7);
        let number = on_tokio(|| {
            local.run_until(async move {
                crashvault::tokio::spawn_local(async move {
                    crashvault::capture_message("local", Level::Info);
                    *shared
                })
                .await
            })
        });
        assert_eq!(number.unwrap(), 7);
    });
    assert_eq!(events.len(), 1);
}

/// Both at once on one task, as `join!` does.
struct Join<A, B>(Option<Pin<Box<A>>>, Option<Pin<Box<B>>>);

impl<A: Future, B: Future> Future for Join<A, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self
            .0
            .as_mut()
            .is_some_and(|a| a.as_mut().poll(context).is_ready())
        {
            self.0 = None;
        }
        if self
            .1
            .as_mut()
            .is_some_and(|b| b.as_mut().poll(context).is_ready())
        {
            self.1 = None;
        }
        match (&self.0, &self.1) {
            (None, None) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

#[test]
fn futures_that_share_a_task_keep_their_scopes() {
    let step = |name: &'static str| {
        async move {
            crashvault::set_tag("step", name);
            turn_on_tokio().await;
            crashvault::capture_message("joined", Level::Info);
        }
        .in_scope(ScopeHandle::current())
    };
    let events = captured("joined futures", || {
        on_tokio(|| Join(Some(Box::pin(step("one"))), Some(Box::pin(step("two")))));
    });
    let steps: Vec<_> = events.iter().map(|event| &*event.tags["step"]).collect();
    assert_eq!(steps, ["one", "two"]);
}

mod of_actix {
    use super::*;
    use actix_web::dev::ServiceResponse;
    use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
    use actix_web::{App, HttpResponse, ResponseError, error, web};
    use crashvault::actix::Middleware;

    impl ResponseError for Broken {}

    async fn fails() -> Result<HttpResponse, Broken> {
        Err(broken())
    }

    async fn refuses() -> Result<HttpResponse, error::Error> {
        Err(error::ErrorConflict("not twice"))
    }

    async fn answers_500() -> HttpResponse {
        HttpResponse::InternalServerError().finish()
    }

    async fn captures_itself() -> Result<HttpResponse, Broken> {
        Err(broken()).inspect_err(|error| {
            crashvault::capture_error(error);
        })
    }

    fn bad_gateway() -> error::Error {
        error::ErrorBadGateway("nobody there")
    }

    fn serve(test: &str, middleware: Middleware, path: &str, status: u16) -> Vec<Event> {
        captured(test, || {
            actix_web::rt::System::new().block_on(async {
                let app = App::new()
                    .service(
                        web::scope("/shop")
                            .route("/fails/{id}", web::get().to(fails))
                            .route("/refuses", web::get().to(refuses))
                            .route("/itself", web::get().to(captures_itself))
                            .route("/answers", web::get().to(answers_500)),
                    )
                    .wrap(middleware);
                let app = init_service(app).await;
                let request = TestRequest::get()
                    .uri(path)
                    .insert_header(("host", "shop.test"))
                    .insert_header(("cookie", "a=hunter2"));
                let response = call_service(&app, request.to_request()).await;
                assert_eq!(response.status().as_u16(), status);
            });
        })
    }

    #[test]
    fn an_error_of_a_handler_is_one_event_with_its_chain() {
        let middleware = Middleware::new().errors_of::<Broken>();
        let events = serve(
            "actix, chain",
            middleware,
            "/shop/fails/7?token=hunter2",
            500,
        );
        let [event] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!(title(event), "Broken: the service is broken");
        assert_eq!(event.exceptions.len(), 2);
        assert_eq!(event.transaction.as_deref(), Some("GET /shop/fails/{id}"));
        let expected = json!({
            "method": "GET", "url": "http://shop.test/shop/fails/7", "query_string": "token=[Filtered]",
            "headers": {"cookie": "[Filtered]", "host": "shop.test"},
        });
        assert_eq!(event.request.as_ref(), expected.as_object());
    }

    #[test]
    fn an_error_of_a_type_that_nobody_named_is_told_by_what_it_prints() {
        let events = serve("actix, unnamed", Middleware::new(), "/shop/fails/7", 500);
        assert_eq!(
            events.iter().map(title).collect::<Vec<_>>(),
            ["Broken: the service is broken"]
        );
        assert_eq!(events[0].exceptions.len(), 1);
    }

    #[test]
    fn a_mistake_of_the_client_is_no_event() {
        assert!(serve("actix, 409", Middleware::new(), "/shop/refuses", 409).is_empty());
        assert!(serve("actix, 404", Middleware::new(), "/nowhere", 404).is_empty());
    }

    #[test]
    fn an_error_that_its_handler_captured_is_one_event() {
        let events = serve("actix, itself", Middleware::new(), "/shop/itself", 500);
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn an_error_that_passes_two_middlewares_is_one_event() {
        let events = captured("actix, two", || {
            actix_web::rt::System::new().block_on(async {
                let app = App::new()
                    .route("/fails", web::get().to(fails))
                    .wrap(Middleware::new())
                    .wrap(Middleware::new());
                let app = init_service(app).await;
                let request = TestRequest::get().uri("/fails").to_request();
                assert_eq!(call_service(&app, request).await.status().as_u16(), 500);
            });
        });
        assert_eq!(events.len(), 1);
    }

    #[test]
    fn an_answer_of_500_is_a_message_where_that_is_wanted() {
        let wanted = Middleware::new().capture_server_errors(true);
        let events = serve("actix, answer", wanted, "/shop/answers", 500);
        let expected = "GET /shop/answers answered 500 Internal Server Error";
        assert_eq!(events.iter().map(title).collect::<Vec<_>>(), [expected]);
        assert!(serve("actix, unwanted", Middleware::new(), "/shop/answers", 500).is_empty());
    }

    #[test]
    fn an_error_of_a_middleware_further_in_is_one_event_and_goes_on() {
        let events = captured("actix, inner", || {
            actix_web::rt::System::new().block_on(async {
                let app = App::new()
                    .wrap_fn(|_, _| ready(Err::<ServiceResponse, _>(bad_gateway())))
                    .wrap(Middleware::new());
                let app = init_service(app).await;
                let error = try_call_service(&app, TestRequest::get().to_request()).await;
                assert_eq!(error.unwrap_err().to_string(), "nobody there");
            });
        });
        assert_eq!(events.len(), 1);
    }
}
