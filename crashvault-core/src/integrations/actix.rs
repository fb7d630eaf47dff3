//! A middleware for actix-web.
//!
//! Each request runs in a scope of its own, which knows the request: what is captured while it is served, a panic too,
//! carries method, address, headers and route. The error of a handler whose response has a status of 500 and above is
//! captured once. Responses and errors go on unchanged.
//!
//! ```
//! use actix_web::{App, HttpServer, web};
//!
//! async fn hello() -> &'static str {
//!     crashvault::breadcrumb("hello", "in this request's scope alone");
//!     "hello"
//! }
//!
//! let server = HttpServer::new(|| {
//!     App::new()
//!         .wrap(crashvault::actix::Middleware::new())
//!         .route("/hello", web::get().to(hello))
//! });
//! # drop(server);
//! ```
//!
//! Not seen: what a response's body does when it is sent, after the service has answered.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::actix_web::dev::{self, ServiceRequest, ServiceResponse, Transform};
use ::actix_web::http::header::{HeaderName, HeaderValue};
use ::actix_web::http::{Method, Uri};
use ::actix_web::{Error, ResponseError};

use super::scoped::{Scoped, Watch};
use crate::capture::{Kept, ScopeHandle, capture_error, capture_message, is_capturing};
use crate::event::Level;

type Parts = Kept<Method, Uri, HeaderName, HeaderValue>;

/// Gives each request a scope of its own, and captures the errors of handlers.
///
/// Put it last (`wrap` it after the others) so that it sees what the others see.
#[derive(Clone, Default)]
pub struct Middleware {
    captures_server_errors: bool,
    known: Vec<CaptureAs>,
}

/// Captures an error as a type that it may be; false if it is another.
type CaptureAs = fn(&Error) -> bool;

impl Middleware {
    /// The middleware, with its defaults: errors are captured, other responses are not looked at.
    pub fn new() -> Self {
        Self::default()
    }

    /// Errors that are an `E` are captured as such: with the name of the type and all their `source()`s. Of others
    /// actix-web tells no more than what they print. Can be called for several types.
    ///
    /// ```
    /// # use std::fmt;
    /// #[derive(Debug)]
    /// struct NoStock(std::io::Error);
    ///
    /// impl fmt::Display for NoStock {
    ///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    ///         f.write_str("the stock cannot be read")
    ///     }
    /// }
    ///
    /// impl std::error::Error for NoStock {
    ///     fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
    ///         Some(&self.0)
    ///     }
    /// }
    ///
    /// impl actix_web::ResponseError for NoStock {}
    ///
    /// let middleware = crashvault::actix::Middleware::new().errors_of::<NoStock>();
    /// ```
    #[must_use]
    pub fn errors_of<E: ResponseError + StdError + 'static>(mut self) -> Self {
        self.known.push(|error| {
            let known = error.as_error::<E>();
            known.map(capture_error).is_some()
        });
        self
    }

    /// Whether a response of status 500 and above that carries no error is captured as a message, where its request has
    /// no event of level error yet. Off at first.
    #[must_use]
    pub fn capture_server_errors(mut self, captures: bool) -> Self {
        self.captures_server_errors = captures;
        self
    }

    fn capture(&self, error: &Error) {
        if !self.known.iter().any(|capture_as| capture_as(error)) {
            // As a trait object, so that it is named by what its Debug says and not by the box around it.
            let error: &dyn StdError = error;
            capture_error(error);
        }
    }
}

impl fmt::Debug for Middleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Middleware")
            .field("captures_server_errors", &self.captures_server_errors)
            .finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for Middleware
where
    S: dev::Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Service<S>;
    type InitError = ();
    type Future = Ready<Result<Service<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Service {
            inner,
            middleware: Rc::new(self.clone()),
        }))
    }
}

/// A service each of whose requests runs in a scope of its own; made by [`Middleware`].
#[derive(Debug)]
pub struct Service<S> {
    inner: S,
    middleware: Rc<Middleware>,
}

impl<S, B> dev::Service<ServiceRequest> for Service<S>
where
    S: dev::Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Scoped<S::Future, Option<Observer>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if !is_capturing() {
            return Scoped::new(self.inner.call(request), None, None);
        }
        let scope = ScopeHandle::current();
        let parts = Arc::new(parts(&request).inside(scope.request()));
        let traceparent = parts.header("traceparent");
        let mut scope = scope.of_request(parts.clone(), traceparent.as_deref());
        drop(traceparent);
        let future = scope.lend(|| self.inner.call(request));
        let observer = Observer {
            request: parts,
            middleware: Rc::clone(&self.middleware),
        };
        Scoped::new(future, Some(scope), Some(observer))
    }
}

/// The route is asked now: later the request belongs to its handler, and a scope may go to other threads.
fn parts(request: &ServiceRequest) -> Parts {
    let headers = request.headers().iter().map(|(name, value)| {
        let value = (!value.is_sensitive()).then(|| value.clone());
        (name.clone(), value)
    });
    Kept::new(
        request.method().clone(),
        request.uri().clone(),
        request.headers().len(),
        headers,
        request.match_pattern(),
    )
}

/// Looks at how a request ends.
pub struct Observer {
    request: Arc<Parts>,
    middleware: Rc<Middleware>,
}

impl<B> Watch<Result<ServiceResponse<B>, Error>> for Option<Observer> {
    fn see(&self, output: &Result<ServiceResponse<B>, Error>) {
        let Some(Observer {
            request,
            middleware,
        }) = self
        else {
            return;
        };
        let (status, error) = match output {
            Ok(response) => (response.status(), response.response().error()),
            Err(error) => (error.as_response_error().status_code(), Some(error)),
        };
        if !status.is_server_error() || request.has_error() {
            return;
        }
        match error {
            Some(error) => middleware.capture(error),
            None if middleware.captures_server_errors => {
                let text = format!("{} answered {status}", request.transaction());
                capture_message(&text, Level::Error);
            }
            None => {}
        }
    }
}
