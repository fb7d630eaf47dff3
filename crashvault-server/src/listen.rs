//! Address → connections → requests. Bounded in number and in time; ends with everything written that was accepted.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use crashvault::{Error, ErrorKind, IntakeOptions, Result, Vault};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

use crate::digest::{self, Digester};
use crate::options::ServerOptions;
use crate::projects::{Project, Projects};
use crate::readers::Readers;
use crate::refusal::Refusal;
use crate::state::State;
use crate::{accept, read};

/// How long a connection may be without a whole head of a request.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long requests that are at work have after the server was asked to end.
const END_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long it waits where the system gives no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const THREADS_MAX: usize = 4;
/// The project that the DSN leads to which is told at the start.
const FIRST_PROJECT: u64 = 1;

/// A server that listens. It ends when it is dropped, or with [`Server::wait`].
pub struct Server {
    address: SocketAddr,
    first: Project,
    runtime: Option<Runtime>,
    stop: watch::Sender<bool>,
    connections: Arc<Semaphore>,
    connections_max: usize,
    state: Option<Arc<State>>,
    digester: Arc<Digester>,
    digesting: Option<JoinHandle<()>>,
    requests: Option<Requests>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

pub(crate) fn start(options: ServerOptions) -> Result<Server> {
    let projects = Projects::open(&options.home)?;
    let demands_key = !options.address.ip().to_canonical().is_loopback();
    if demands_key && !projects.has_keys() {
        let message = format!(
            "{} can be reached by others, and no project has a key; start once on 127.0.0.1, which makes a project and \
             prints its DSN",
            options.address
        );
        return Err(Error::new(ErrorKind::InvalidInput, "start server", message));
    }
    // Not before: what is refused leaves no vault.
    let vault = Vault::open(&options.home)?;
    let first = match demands_key {
        false => projects.obtain(FIRST_PROJECT)?,
        true => projects
            .list()
            .into_iter()
            .find(|project| !project.keys.is_empty())
            .ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "start server", "no project has a key")
            })?,
    };
    let intake = vault.intake(IntakeOptions::default().synced(options.is_synced))?;
    let failed = |error| {
        Error::io(
            "listen",
            std::path::Path::new(&options.address.to_string()),
            error,
        )
    };
    let listener = TcpListener::bind(options.address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let runtime = runtime().map_err(failed)?;
    let digester = Arc::new(Digester::default());
    let state = Arc::new(State {
        intake,
        digester: Arc::clone(&digester),
        projects,
        readers: Readers::new(options.home.clone()),
        budget: Arc::default(),
        demands_key,
    });
    let digesting = digest::start(Arc::clone(&digester), vault)?;
    let (stop, stopped) = watch::channel(false);
    let connections = Arc::new(Semaphore::new(options.connections_max));
    let door = Door {
        router: router(Arc::clone(&state)),
        connections: Arc::clone(&connections),
        stopped,
    };
    runtime.spawn(async move {
        // It fails only where the runtime has no sockets, which it has.
        if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
            door.open(listener).await;
        }
    });
    Ok(Server {
        address,
        first,
        runtime: Some(runtime),
        stop,
        connections,
        connections_max: options.connections_max,
        state: Some(state),
        digester,
        digesting: Some(digesting),
        requests: None,
    })
}

fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(THREADS_MAX))
        .thread_name("crashvault-serve")
        .enable_all()
        .build()
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first project, which the DSN leads to.
    pub fn project(&self) -> &Project {
        &self.first
    }

    /// Where SDKs send to: the first project's DSN. A server that listens on every address names itself by this machine's
    /// loopback; others put its name there.
    pub fn dsn(&self) -> String {
        let mut place = self.address;
        if place.ip().is_unspecified() {
            place.set_ip(match place.ip() {
                std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        self.first.dsn(&place.to_string()).unwrap_or_default()
    }

    /// Serves until the process is asked to end (SIGTERM, SIGINT), then ends well: what was accepted is in the vault.
    pub fn wait(mut self) {
        self.heed_signals();
        if let Some(runtime) = &self.runtime {
            runtime.block_on(asked_to_end(self.requests.take()));
        }
    }

    /// From now on SIGTERM and SIGINT end [`Server::wait`] and no longer the process: to be called before anybody is told
    /// that the server is there.
    pub fn heed_signals(&mut self) {
        if let (Some(runtime), None) = (&self.runtime, &self.requests) {
            let _inside = runtime.enter();
            self.requests = requests();
        }
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if let Some(runtime) = self.runtime.take() {
            let all = u32::try_from(self.connections_max).unwrap_or(u32::MAX);
            let connections = Arc::clone(&self.connections);
            runtime.block_on(async move {
                // Requests that do not come to an end are left.
                let _ = tokio::time::timeout(END_WAIT_MAX, connections.acquire_many(all)).await;
            });
            runtime.shutdown_timeout(END_WAIT_MAX);
        }
        // The intake writes what waits, and gives up its segment: then all of it can be taken in.
        self.state = None;
        self.digester.end();
        if let Some(digesting) = self.digesting.take() {
            let _ = digesting.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// The signals that ask a process to end, once somebody listens to them.
type Requests = (tokio::signal::unix::Signal, tokio::signal::unix::Signal);

fn requests() -> Option<Requests> {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate()).ok()?;
    Some((terminate, signal(SignalKind::interrupt()).ok()?))
}

async fn asked_to_end(requests: Option<Requests>) {
    let Some((mut terminate, mut interrupt)) = requests else {
        // Without them it goes on until it is killed.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Lets connections in.
struct Door {
    router: Router,
    connections: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Door {
    async fn open(mut self, listener: tokio::net::TcpListener) {
        loop {
            let next = async {
                let place = Arc::clone(&self.connections).acquire_owned().await;
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                next = next => next,
                _ = self.stopped.changed() => return,
            };
            let Ok(place) = place else { return };
            let Ok((stream, client)) = accepted else {
                // Out of descriptors, or the client has gone again.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Without it answers of two parts wait for the client's acknowledgement.
            let _ = stream.set_nodelay(true);
            let (router, stopped) = (self.router.clone(), self.stopped.clone());
            tokio::spawn(async move {
                serve(router, stream, client, stopped).await;
                drop(place);
            });
        }
    }
}

async fn serve(
    router: Router,
    stream: tokio::net::TcpStream,
    client: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(client));
        let router = router.clone();
        async move { Ok::<_, Infallible>(answer(router, request.map(axum::body::Body::new)).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that breaks off is its own affair.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(router: Router, request: Request) -> Response {
    use hyper::service::Service as _;
    // A router is always ready, and never fails.
    let service = hyper_util::service::TowerToHyperService::new(router);
    match service.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/api/{project}/envelope/", post(accept::envelope))
        .route("/api/{project}/envelope", post(accept::envelope))
        .route("/api/{project}/store/", post(accept::store))
        .route("/api/{project}/store", post(accept::store))
        .route("/api/v1/events", get(read::events))
        .route("/api/v1/events/{id}", get(read::one_event))
        .route("/api/v1/events/{id}/attachments", get(read::attachments))
        .route(
            "/api/v1/events/{id}/attachments/{attachment}",
            get(read::one_attachment),
        )
        .route("/api/v1/issues", get(read::issues))
        .route("/api/v1/issues/{reference}", get(read::one_issue))
        .route("/api/v1/items", get(read::items))
        .route("/api/v1/items/{id}", get(read::one_item))
        .route("/api/v1/projects", get(read::projects))
        .route("/api/v1/{*rest}", axum::routing::any(read::nothing))
        .route("/health", get(read::health))
        .route("/api/health", get(read::health))
        .route("/ready", get(read::ready))
        .fallback(accept::tunnel)
        .method_not_allowed_fallback(read::nothing)
        .layer(middleware::from_fn(dress))
        .with_state(state)
}

/// What every answer carries: browsers of any origin may send, and take no answer for a page.
async fn dress(request: Request, next: Next) -> Response {
    let is_question = request.method() == Method::OPTIONS;
    let is_read = request.uri().path().starts_with("/api/v1/");
    let mut response = match is_question {
        true => StatusCode::OK.into_response(),
        false if is_read && !is_local(request.headers()) => Refusal::forbidden(
            "another site, or a proxy, asks for what only this machine may read",
            "ask http://127.0.0.1 or http://localhost itself",
        )
        .into_response(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    // Any site may send here; none may read.
    if !is_read {
        put(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        put(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "x-sentry-error, x-sentry-rate-limits, retry-after",
        );
    }
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    put(header::REFERRER_POLICY, "no-referrer");
    put(header::CACHE_CONTROL, "no-store");
    if is_question && !is_read {
        put(header::ACCESS_CONTROL_ALLOW_METHODS, "POST");
        put(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        put(header::ACCESS_CONTROL_MAX_AGE, "3600");
    }
    response
}

/// Whether a program of this machine asks for itself: no proxy for somebody else, no page of another site, no name that
/// somebody made lead here.
fn is_local(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if ["forwarded", "x-forwarded-for", "x-real-ip"]
        .into_iter()
        .any(|name| headers.contains_key(name))
    {
        return false;
    }
    let Some(host) = text("host") else {
        return true;
    };
    let is_loopback = match host.parse::<SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || host == "[::1]" || address.is_ok_and(|ip| ip.is_loopback())
        }
    };
    let origin = text("origin");
    is_loopback && origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

const ALLOWED_HEADERS: &str = "x-sentry-auth, x-requested-with, x-forwarded-for, origin, referer, accept, content-type, \
                               authentication, authorization, content-encoding, transfer-encoding, sentry-trace, baggage";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        let check = |host: &'static str, expected: bool| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            assert_eq!(is_local(&headers), expected, "{host}");
        };
        for host in [
            "127.0.0.1:5678",
            "127.0.0.1",
            "localhost:5678",
            "localhost",
            "[::1]:5678",
            "[::1]",
        ] {
            check(host, true);
        }
        for host in [
            "shop.test:5678",
            "shop.test",
            "192.0.2.7",
            "localhost.shop.test",
            "127.0.0.1.shop.test",
        ] {
            check(host, false);
        }
        assert!(is_local(&HeaderMap::new()));
    }
}
