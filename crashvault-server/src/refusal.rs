//! What a client is told that did not get what it asked for: one shape for all.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use crashvault::{Error, ErrorKind};
use serde_json::json;

/// How long a sender is to wait while the vault takes nothing, in seconds.
const RETRY_SECS: u64 = 60;
/// How long one is to wait while more comes in than goes out, in seconds.
const BUSY_SECS: u64 = 5;

/// An answer that says no: `{"error": {"kind", "message", "hint"}}`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
    hint: &'static str,
    retry_secs: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        kind: &'static str,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            hint,
            retry_secs: None,
        }
    }

    /// The request cannot be read.
    pub(crate) fn bad(message: impl Into<String>, hint: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidInput", message, hint)
    }

    /// It is longer than is taken.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        let hint = "send less at once";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "LimitReached", message, hint)
    }

    /// Nobody knows who asks.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        let hint = "send the project's key once: in X-Sentry-Auth, or as sentry_key in the address";
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message, hint)
    }

    /// Who asks may not.
    pub(crate) fn forbidden(message: impl Into<String>, hint: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message, hint)
    }

    /// There is no such thing.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        let hint = "look at the address";
        Self::new(StatusCode::NOT_FOUND, "NotFound", message, hint)
    }

    /// It was too slow.
    pub(crate) fn too_slow() -> Self {
        let hint = "send the request without a pause";
        let message = "the request did not come to its end in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "LimitReached", message, hint)
    }

    /// More is at work than there is room for.
    pub(crate) fn busy() -> Self {
        let hint = "try again later";
        let message = "too much is being received at once";
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "Busy", message, hint);
        refusal.retry_secs = Some(BUSY_SECS);
        refusal
    }

    /// The vault could not take it now.
    pub(crate) fn full(error: &Error) -> Self {
        let hint = "try again later; `crashvault status` on the server tells more";
        let status = match error.kind() {
            ErrorKind::LimitReached | ErrorKind::Io if is_about_room(error) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            ErrorKind::LimitReached => return Self::too_large(error.message()),
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut refusal = Self::new(status, error.kind().name(), error.message(), hint);
        refusal.retry_secs = Some(RETRY_SECS);
        refusal
    }

    /// What reading the vault said.
    pub(crate) fn of(error: &Error) -> Self {
        let (status, hint) = match error.kind() {
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "look at the id"),
            ErrorKind::InvalidInput => (StatusCode::BAD_REQUEST, "correct the query"),
            ErrorKind::Conflict => (StatusCode::CONFLICT, "say it more exactly"),
            ErrorKind::LimitReached => (StatusCode::BAD_REQUEST, "ask for less"),
            ErrorKind::Busy => (StatusCode::SERVICE_UNAVAILABLE, "try again"),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "`crashvault doctor` on the server tells more",
            ),
        };
        Self::new(status, error.kind().name(), error.message(), hint)
    }
}

fn is_about_room(error: &Error) -> bool {
    error.is_retryable() || error.context().any(|(key, _)| key == "retry")
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json!({"kind": self.kind, "message": self.message, "hint": self.hint});
        let mut response = json_response(self.status, &json!({ "error": error }));
        let headers = response.headers_mut();
        // What a header cannot hold is in the body all the same.
        if let Ok(message) = HeaderValue::from_str(&self.message) {
            headers.insert("x-sentry-error", message);
        }
        if let Some(seconds) = self.retry_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            if let Ok(limits) = HeaderValue::from_str(&format!("{seconds}::organization")) {
                headers.insert("x-sentry-rate-limits", limits);
            }
        }
        response
    }
}

/// An answer in JSON.
pub(crate) fn json_response(status: StatusCode, value: &serde_json::Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, value.to_string()).into_response()
}
