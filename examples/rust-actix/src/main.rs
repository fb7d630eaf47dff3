//! A server with actix-web: each request has a scope of its own, and what fails in it is one event with the request.
//!
//! ```text
//! PORT=8080 cargo run -p rust-actix
//! curl 'http://127.0.0.1:8080/orders/7?page=2'; cargo run -p crashvault-cli -- show 1
//! ```
//!
//! `LAYER=off` leaves the middleware out: the answers are the same.

use std::error::Error;
use std::{env, fmt, io};

use actix_web::http::StatusCode;
use actix_web::middleware::Condition;
use actix_web::web::{Data, Path, ServiceConfig, get};
use actix_web::{App, HttpResponse, HttpServer, ResponseError, rt};
use crashvault::Level;
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

/// The middleware captures what becomes a status of 500 and above.
impl ResponseError for ShopError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoSuchOrder => StatusCode::NOT_FOUND,
            Self::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).body(match self {
            Self::NoSuchOrder => "no such order\n",
            Self::Storage(_) => "try again later\n",
        })
    }
}

async fn user(id: Path<u32>) -> String {
    crashvault::set_tag("user", *id);
    format!("user {id}\n")
}

async fn order(id: Path<u32>) -> Result<String, ShopError> {
    crashvault::breadcrumb("orders", "reading one");
    if *id == 0 {
        return Err(ShopError::NoSuchOrder);
    }
    let text = std::fs::read_to_string(format!("orders/{id}.json"));
    text.map_err(ShopError::Storage)
}

async fn basket(index: Path<usize>) -> String {
    let prices = [250, 990];
    format!("{}\n", prices[*index])
}

/// The task carries the request's scope along.
async fn mail(to: Path<String>) -> &'static str {
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
async fn meeting(name: Path<String>, both: Data<Barrier>) -> String {
    crashvault::set_tag("name", &name);
    both.wait().await;
    crashvault::capture_message("they have met", Level::Warning);
    format!("{name} was there\n")
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/users/{id}", get().to(user))
        .route("/orders/{id}", get().to(order))
        .route("/baskets/{index}", get().to(basket))
        .route("/mail/{to}", get().to(mail))
        .route("/meeting/{name}", get().to(meeting));
}

fn main() -> io::Result<()> {
    crashvault::options()
        .release(crashvault::release!())
        .install();
    rt::System::new().block_on(serve())
}

async fn serve() -> io::Result<()> {
    let port = env::var("PORT").unwrap_or_else(|_| "0".to_owned());
    let is_bare = env::var("LAYER").is_ok_and(|layer| layer == "off");
    let both = Data::new(Barrier::new(2));
    let server = HttpServer::new(move || {
        let scopes = crashvault::actix::Middleware::new().errors_of::<ShopError>();
        App::new()
            .app_data(both.clone())
            .configure(routes)
            .wrap(Condition::new(!is_bare, scopes))
    });
    let server = server.workers(2).bind(format!("127.0.0.1:{port}"))?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    server.run().await
}
