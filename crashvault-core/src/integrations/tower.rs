//! A `tower` layer for servers of HTTP: axum, tonic, hyper.
//!
//! Each request runs in a scope of its own, which knows the request: what is captured while it is served, a panic too,
//! carries method, address, headers and route. The response, and an error in its place, go on unchanged.
//!
//! ```
//! use std::convert::Infallible;
//! use std::task::{Context, Poll};
//!
//! use http::{Request, Response};
//! use tower_layer::Layer;
//! use tower_service::Service;
//!
//! #[derive(Clone)]
//! struct Hello;
//!
//! impl Service<Request<()>> for Hello {
//!     type Response = Response<&'static str>;
//!     type Error = Infallible;
//!     type Future = std::future::Ready<Result<Self::Response, Infallible>>;
//!
//!     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn call(&mut self, _: Request<()>) -> Self::Future {
//!         crashvault::breadcrumb("hello", "in this request's scope alone");
//!         std::future::ready(Ok(Response::new("hello")))
//!     }
//! }
//!
//! let mut service = crashvault::tower::layer().layer(Hello);
//! # let _ = service.call(Request::new(()));
//! ```
//!
//! One layer is enough; there is none for the service that makes services. What is to be known of a whole connection is
//! set in the scope of its task ([`crashvault::tokio::spawn`](crate::tokio::spawn)): each request begins with a copy of
//! that.
//!
//! Not seen: what a response's body does when it is sent, after the service has answered; what `poll_ready` says, which
//! belongs to no request.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::header::{HeaderName, HeaderValue};
use ::http::{Extensions, Method, Request, Response, Uri};
use ::tower_service::Service as TowerService;

use super::scoped::{Scoped, Watch};
use crate::capture::{Kept, ScopeHandle, capture_error, capture_message, is_capturing};
use crate::event::Level;

type Parts = Kept<Method, Uri, HeaderName, HeaderValue>;

/// The layer, with its defaults: errors of the service are captured, responses are not looked at.
pub fn layer() -> Layer {
    Layer {
        route: None,
        captures_server_errors: false,
        errors: PhantomData,
    }
}

/// Gives each request a scope of its own; made by [`layer`].
pub struct Layer<E = Errors> {
    route: Option<Arc<RouteOf>>,
    captures_server_errors: bool,
    errors: PhantomData<fn(E)>,
}

type RouteOf = dyn Fn(&Extensions) -> Option<String> + Send + Sync;

impl<E> Clone for Layer<E> {
    fn clone(&self) -> Self {
        Self {
            route: self.route.clone(),
            ..*self
        }
    }
}

impl<E> fmt::Debug for Layer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("captures_server_errors", &self.captures_server_errors)
            .finish_non_exhaustive()
    }
}

impl<E> Layer<E> {
    /// Where the route's pattern stands among the request's extensions; it names the transaction then: `GET /users/{id}`.
    /// Without it, or where there is no `R`, the path does.
    ///
    /// With axum it is `.route(axum::extract::MatchedPath::as_str)`, on a layer that was given to `Router::layer`.
    ///
    /// ```
    /// #[derive(Clone)]
    /// struct Pattern(String);
    ///
    /// let layer = crashvault::tower::layer().route(|pattern: &Pattern| &pattern.0);
    /// ```
    #[must_use]
    pub fn route<R: Send + Sync + 'static>(mut self, name: fn(&R) -> &str) -> Self {
        self.route = Some(Arc::new(move |extensions: &Extensions| {
            extensions.get().map(|route| name(route).to_owned())
        }));
        self
    }

    /// Whether a response of status 500 and above is captured as a message, where its request has no event of level error
    /// yet. Off at first: a handler that captures its own error tells more.
    #[must_use]
    pub fn capture_server_errors(mut self, captures: bool) -> Self {
        self.captures_server_errors = captures;
        self
    }

    /// For a service whose errors are `Box<dyn Error + Send + Sync>`, as after tower's `timeout` or `buffer`.
    #[must_use]
    pub fn boxed_errors(self) -> Layer<BoxedErrors> {
        Layer {
            route: self.route,
            captures_server_errors: self.captures_server_errors,
            errors: PhantomData,
        }
    }
}

impl<S, E> ::tower_layer::Layer<S> for Layer<E> {
    type Service = Service<S, E>;

    fn layer(&self, inner: S) -> Service<S, E> {
        Service {
            inner,
            layer: self.clone(),
        }
    }
}

/// Captures an error of the layer's service as what it is.
pub trait CaptureAs<E> {
    #[doc(hidden)]
    fn capture(error: &E);
}

/// Errors that implement [`Error`].
#[derive(Debug)]
pub enum Errors {}

/// Errors in boxes, which do not implement [`Error`] themselves.
#[derive(Debug)]
pub enum BoxedErrors {}

impl<E: Error + 'static> CaptureAs<E> for Errors {
    fn capture(error: &E) {
        capture_error(error);
    }
}

impl CaptureAs<Box<dyn Error + Send + Sync>> for BoxedErrors {
    fn capture(error: &Box<dyn Error + Send + Sync>) {
        capture_error(&**error);
    }
}

/// A service each of whose requests runs in a scope of its own; made by [`Layer`].
pub struct Service<S, E = Errors> {
    inner: S,
    layer: Layer<E>,
}

impl<S: Clone, E> Clone for Service<S, E> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S: fmt::Debug, E> fmt::Debug for Service<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}

impl<S, E, B, R> TowerService<Request<B>> for Service<S, E>
where
    S: TowerService<Request<B>, Response = Response<R>>,
    E: CaptureAs<S::Error>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Scoped<S::Future, Observer<E>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !is_capturing() {
            return Scoped::new(self.inner.call(request), None, Observer::blind());
        }
        let scope = ScopeHandle::current();
        let parts = Arc::new(self.layer.parts(&request).inside(scope.request()));
        let traceparent = parts.header("traceparent");
        let mut scope = scope.of_request(parts.clone(), traceparent.as_deref());
        drop(traceparent);
        let future = scope.lend(|| self.inner.call(request));
        let observer = Observer {
            request: Some(parts),
            captures_server_errors: self.layer.captures_server_errors,
            errors: PhantomData,
        };
        Scoped::new(future, Some(scope), observer)
    }
}

impl<E> Layer<E> {
    fn parts<B>(&self, request: &Request<B>) -> Parts {
        let headers = request.headers().iter().map(|(name, value)| {
            let value = (!value.is_sensitive()).then(|| value.clone());
            (name.clone(), value)
        });
        Kept::new(
            request.method().clone(),
            request.uri().clone(),
            request.headers().len(),
            headers,
            self.route
                .as_ref()
                .and_then(|route| route(request.extensions())),
        )
    }
}

/// Looks at how a request ends.
pub struct Observer<E> {
    request: Option<Arc<Parts>>,
    captures_server_errors: bool,
    errors: PhantomData<fn(E)>,
}

impl<E> Observer<E> {
    fn blind() -> Self {
        Self {
            request: None,
            captures_server_errors: false,
            errors: PhantomData,
        }
    }
}

impl<E: CaptureAs<F>, F, B> Watch<Result<Response<B>, F>> for Observer<E> {
    fn see(&self, output: &Result<Response<B>, F>) {
        let Some(request) = self.request.as_ref().filter(|request| !request.has_error()) else {
            return;
        };
        match output {
            Err(error) => E::capture(error),
            Ok(response) if self.captures_server_errors && response.status().is_server_error() => {
                let text = format!("{} answered {}", request.transaction(), response.status());
                capture_message(&text, Level::Error);
            }
            Ok(_) => {}
        }
    }
}
