//! A server with axum: each request has a scope of its own, and what fails in it is one event with the request.
//!
//! ```text
//! PORT=8080 cargo run -p rust-axum
//! curl 'http://127.0.0.1:8080/orders/7?page=2'; cargo run -p crashvault-cli -- show 1
//! ```
//!
//! `LAYER=off` leaves the layer out: the answers are the same.

use std::error::Error;
use std::sync::Arc;
use std::{env, fmt, io};

use axum::Router;
use axum::extract::{MatchedPath, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use crashvault::Level;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

#[derive(Debug)]
enum ShopError {
    NoSuchOrder,
    Storage(io::Error),
}

impl fmt::Display for ShopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchOrder => "there is no such order",
            Self::Storage(_) => "the order cannot be read",
        })
    }
}

impl Error for ShopError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoSuchOrder => None,
            Self::Storage(source) => Some(source),
        }
    }
}

/// Where errors become responses they are captured, once, and only those that are the server's fault.
impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        match self {
            Self::NoSuchOrder => (StatusCode::NOT_FOUND, "no such order\n").into_response(),
            Self::Storage(_) => {
                crashvault::capture_error(&self);
                (StatusCode::INTERNAL_SERVER_ERROR, "try again later\n").into_response()
            }
        }
    }
}

async fn user(Path(id): Path<u32>) -> String {
    crashvault::set_tag("user", id);
    format!("user {id}\n")
}

async fn order(Path(id): Path<u32>) -> Result<String, ShopError> {
    crashvault::breadcrumb("orders", "reading one");
    if id == 0 {
        return Err(ShopError::NoSuchOrder);
    }
    let text = std::fs::read_to_string(format!("orders/{id}.json"));
    text.map_err(ShopError::Storage)
}

async fn basket(Path(index): Path<usize>) -> String {
    let prices = [250, 990];
    format!("{}\n", prices[index])
}

/// The task carries the request's scope along.
async fn mail(Path(to): Path<String>) -> &'static str {
    let sending = crashvault::tokio::spawn(async move {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, format!("no way to {to}"));
        crashvault::capture_error(&refused);
    });
    match sending.await {
        Ok(()) => "it will be sent\n",
        Err(_) => "it will not be sent\n",
    }
}

/// Answers when two have come.
async fn meeting(Path(name): Path<String>, State(both): State<Arc<Barrier>>) -> String {
    crashvault::set_tag("name", &name);
    both.wait().await;
    crashvault::capture_message("they have met", Level::Warning);
    format!("{name} was there\n")
}

fn app() -> Router {
    Router::new()
        .route("/users/{id}", get(user))
        .route("/orders/{id}", get(order))
        .route("/baskets/{index}", get(basket))
        .route("/mail/{to}", get(mail))
        .route("/meeting/{name}", get(meeting))
        .with_state(Arc::new(Barrier::new(2)))
}

fn app_with_scopes() -> Router {
    app().layer(crashvault::tower::layer().route(MatchedPath::as_str))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    crashvault::options()
        .release(crashvault::release!())
        .install();
    let port = env::var("PORT").unwrap_or_else(|_| "0".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let is_bare = env::var("LAYER").is_ok_and(|layer| layer == "off");
    axum::serve(listener, if is_bare { app() } else { app_with_scopes() }).await
}
