//! What a request without an error pays for its layer: Crashvault's beside `sentry-tower`'s, in one process and in turns.
//!
//! Times are those of one whole request through a trivial service: `bare_…` has no layer, so what a layer costs is the
//! difference to it. In `…_busy_request_…` the service sets a tag and adds a breadcrumb. At the end the same services
//! capture an error, and each side must have one event with the request.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crashvault::{IssueFilter, Vault};
use http::{Request, Response};
use sentry::protocol::Envelope;
use sentry::{ClientOptions, Transport};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use tower_layer::Layer;
use tower_service::Service;

use crate::ours::Crashvault;
use crate::{Report, stats};

/// Requests in one sample: one alone is as short as the reading of the clock.
const BLOCK: usize = 100;
const BLOCKS: usize = 2000;

const HEADERS: [(&str, &str); 12] = [
    ("host", "shop.example:8080"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://shop.example/carts/7"),
    ("cookie", "session=6f29f81cfbafa1274ba5d78287f40d89"),
    ("authorization", "Bearer 6f29f81cfbafa1274ba5d78287f40d89"),
    ("x-request-id", "019ab2c4-9a4e-7e54-a1d0-2f7c1e6b2a11"),
    ("x-forwarded-proto", "https"),
    ("content-type", "application/json"),
    ("content-length", "0"),
];

/// What the service does beside answering.
#[derive(Clone, Copy)]
struct Work {
    ours: fn(),
    theirs: fn(),
}

const NOTHING: Work = Work {
    ours: || (),
    theirs: || (),
};
const BUSY: Work = Work {
    ours: || {
        crashvault::set_tag("cart", 7);
        crashvault::breadcrumb("shop", "opened the cart");
    },
    theirs: || {
        sentry::configure_scope(|scope| scope.set_tag("cart", 7));
        sentry::add_breadcrumb(sentry::Breadcrumb {
            category: Some("shop".into()),
            message: Some("opened the cart".into()),
            ..Default::default()
        });
    },
};
const FAILING: Work = Work {
    ours: || {
        crashvault::capture_error(&io::Error::other("no stock"));
    },
    theirs: || {
        sentry::capture_error(&io::Error::other("no stock"));
    },
};

/// A service that answers at once.
#[derive(Clone)]
struct Trivial(fn());

impl Service<Request<()>> for Trivial {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        Answering(self.0)
    }
}

/// Works when it is polled, as handlers do: the peer's scope has the request only then.
struct Answering(fn());

impl Future for Answering {
    type Output = Result<Response<()>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        (self.0)();
        Poll::Ready(Ok(Response::new(())))
    }
}

/// One request through a service, to its end.
fn run(service: &mut impl Service<Request<()>>, request: Request<()>) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    let mut future = pin!(service.call(request));
    assert!(future.as_mut().poll(&mut context).is_ready());
}

fn ours(work: Work) -> impl Service<Request<()>> {
    crashvault::tower::layer().layer(Trivial(work.ours))
}

/// As its documentation puts it together: a hub for each request, and the request in it.
fn theirs(work: Work) -> impl Service<Request<()>> {
    let http = SentryHttpLayer::new().layer(Trivial(work.theirs));
    NewSentryLayer::<Request<()>>::new_from_top().layer(http)
}

fn request() -> Request<()> {
    let mut request = Request::builder().uri("/users/4711/orders?page=2&sort=date");
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    request.body(()).expect("the headers are well formed")
}

/// Nanoseconds of a block of requests, which were made before.
fn block(service: &mut impl Service<Request<()>>, model: &Request<()>) -> u64 {
    let requests: Vec<Request<()>> = (0..BLOCK).map(|_| model.clone()).collect();
    let start = Instant::now();
    for request in requests {
        run(service, request);
    }
    start.elapsed().as_nanos() as u64
}

fn measure(report: &mut Report, verb: &str, work: Work) {
    let model = request();
    let mut bare = Trivial(|| ());
    let (mut ours, mut theirs) = (ours(work), theirs(work));
    let mut samples = [const { Vec::new() }; 3];
    for number in 0..BLOCKS + BLOCKS / 20 {
        let times = [
            block(&mut bare, &model),
            block(&mut ours, &model),
            block(&mut theirs, &model),
        ];
        // The first ones bring code and data into the caches.
        if number >= BLOCKS / 20 {
            for (samples, time) in samples.iter_mut().zip(times) {
                samples.push(time);
            }
        }
    }
    for (prefix, samples) in ["bare_", "tower_", "sentry_tower_"].iter().zip(&samples) {
        for percent in [50.0, 99.0] {
            let time = stats::percentile(samples.iter().copied(), percent) / BLOCK as u64;
            report.set(&format!("{prefix}{verb}_p{percent}_ns"), time);
        }
    }
}

/// Serializes what it is sent, and keeps the last of it.
#[derive(Default)]
struct Keeping(Mutex<(u64, Vec<u8>)>);

impl Transport for Keeping {
    fn send_envelope(&self, envelope: Envelope) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 += 1;
        kept.1.clear();
        // Into memory: that cannot fail.
        let _ = envelope.to_writer(&mut kept.1);
    }
}

/// The same services with an error in them leave one event each, with the request.
fn prove(kept: &Keeping) -> Result<(), Box<dyn Error>> {
    run(&mut ours(FAILING), request());
    run(&mut theirs(FAILING), request());
    let mut vault = Vault::open(Crashvault::new().home())?;
    vault.drain_all()?;
    let issues = vault.issues(&IssueFilter::default())?;
    let [issue] = issues.as_slice() else {
        return Err(format!("{} issues instead of one", issues.len()).into());
    };
    let event = vault.event(issue.last_event)?.event;
    let url = event.request.as_ref().map(|request| &request["url"]);
    let is_whole = issue.seen_count == 1
        && url.is_some_and(|url| url == "https://shop.example:8080/users/4711/orders")
        && event.transaction.as_deref() == Some("GET /users/4711/orders");
    if !is_whole {
        return Err(format!("our event lacks its request: {event:?}").into());
    }
    let kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&kept.1);
    if kept.0 != 1 || !text.contains("users/4711/orders") {
        return Err(format!("the peer's event lacks its request: {text}").into());
    }
    Ok(())
}

/// Measures in this process, which has nothing installed yet.
///
/// # Errors
/// An event was lost, or came without its request.
pub fn report() -> Result<Report, Box<dyn Error>> {
    Crashvault::new().options().install();
    let kept = Arc::new(Keeping::default());
    let _peer = sentry::init(
        ClientOptions::new()
            .dsn("https://key@localhost/1")
            .transport(Arc::clone(&kept)),
    );
    let mut report = Report::new("tower");
    report.set("tower_requests", BLOCKS * BLOCK);
    measure(&mut report, "request", NOTHING);
    measure(&mut report, "busy_request", BUSY);
    let proof = prove(&kept);
    let _ = std::fs::remove_dir_all(Crashvault::new().home());
    proof.map(|()| report)
}
