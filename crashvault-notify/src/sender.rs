//! Enters: an envelope. Leaves: what the collector answered, or why there was no answer.
//!
//! Never: sends to any other place than the one it was made for; decides what an answer means for an event.

use std::time::Duration;

use serde_json::Value;
use ureq::http::HeaderMap;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

use crate::dsn::Dsn;

/// Who sends, for `X-Sentry-Auth` and `User-Agent`.
const CLIENT: &str = concat!("crashvault/", env!("CARGO_PKG_VERSION"));
/// To a collector that is there this takes a moment.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read; what follows says nothing about an event.
const ANSWER_BYTES_MAX: u64 = 16 << 10;
/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 300;

/// What a collector answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `X-Sentry-Rate-Limits`.
    pub(crate) limits: Option<String>,
    /// `Retry-After`.
    pub(crate) retry_after: Option<String>,
    /// Where it wants to be asked instead.
    pub(crate) location: Option<String>,
    /// Whether it can be a collector's: nothing, or JSON.
    pub(crate) is_of_a_collector: bool,
    /// What it says in words; empty if nothing.
    pub(crate) reason: String,
}

/// Posts envelopes to one place, over connections that are kept.
pub(crate) struct Sender {
    agent: Agent,
    dsn: Dsn,
}

impl Sender {
    /// A sender to that place, of which each request takes at most `time_max`.
    pub(crate) fn new(dsn: &Dsn, time_max: Duration) -> Self {
        // This machine is not to be reached through another one.
        let proxy = if dsn.is_loopback() {
            None
        } else {
            Proxy::try_from_env()
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Events and the key are for the place that was named, and for no other.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(CLIENT)
            .proxy(proxy)
            .tls_config(TlsConfig::builder().root_certs(roots()).build())
            .timeout_connect(Some(CONNECT_TIME_MAX.min(time_max)))
            .timeout_global(Some(time_max));
        Self {
            agent: Agent::new_with_config(config.build()),
            dsn: dsn.clone(),
        }
    }

    /// Posts a packed envelope.
    ///
    /// # Errors
    /// Why there was no whole answer. The envelope may have arrived.
    pub(crate) fn post(&self, packed: &[u8]) -> Result<Answer, String> {
        let request = self
            .agent
            .post(self.dsn.envelope_url())
            .header("X-Sentry-Auth", self.dsn.auth(CLIENT))
            .header("Content-Type", "application/x-sentry-envelope")
            .header("Content-Encoding", "gzip");
        let mut response = request
            .send(packed)
            .map_err(|error| line(&error.to_string()))?;
        let headers = response.headers();
        let (limits, retry_after) = (
            text(headers, "x-sentry-rate-limits"),
            text(headers, "retry-after"),
        );
        let (location, said) = (text(headers, "location"), text(headers, "x-sentry-error"));
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec();
        let body = match body {
            Ok(body) => Some(body),
            // It is longer than a collector's answer ever is.
            Err(ureq::Error::BodyExceedsLimit(_)) => None,
            Err(error) => return Err(line(&error.to_string())),
        };
        let value: Option<Value> = body
            .as_deref()
            .and_then(|body| serde_json::from_slice(body).ok());
        let is_empty = body
            .as_ref()
            .is_some_and(|body| body.trim_ascii().is_empty());
        Ok(Answer {
            status,
            limits,
            retry_after,
            location: location.map(|location| self.dsn.hide_key(&location)),
            is_of_a_collector: is_empty || value.is_some(),
            // Bugsink repeats the whole DSN where the key is wrong.
            reason: self
                .dsn
                .hide_key(&reason(said, value.as_ref(), body.as_deref())),
        })
    }
}

/// Whom to believe that they are who they say: what `$SSL_CERT_FILE` holds, as for other programs, else the well-known
/// authorities.
fn roots() -> RootCerts {
    let file = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty());
    let Some(pem) = file.and_then(|file| std::fs::read(file).ok()) else {
        return RootCerts::WebPki;
    };
    let items = ureq::tls::parse_pem(&pem).filter_map(Result::ok);
    let certificates: Vec<Certificate<'static>> = items
        .filter_map(|item| match item {
            ureq::tls::PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    RootCerts::new_with_certs(&certificates)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(name).iter();
    let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

/// What the collector says in words, on one line: in a header, as JSON, else as text.
fn reason(said: Option<String>, value: Option<&Value>, body: Option<&[u8]>) -> String {
    let told = |key: &str| {
        let told = value?.get(key)?;
        let causes = told.as_array().into_iter().flatten();
        let causes: Vec<&str> = causes.filter_map(Value::as_str).collect();
        told.as_str()
            .map(str::to_owned)
            .or((!causes.is_empty()).then(|| causes.join(": ")))
    };
    let of_json = || {
        let parts: Vec<String> = ["detail", "error", "message", "causes"]
            .into_iter()
            .filter_map(told)
            .collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    };
    let of_text = || {
        let text = String::from_utf8_lossy(body?);
        // A page for people says nothing in its first lines.
        (value.is_none() && !text.trim_start().starts_with('<')).then(|| text.into_owned())
    };
    line(&said.or_else(of_json).or_else(of_text).unwrap_or_default())
}

/// A foreign text as one line that is not long.
fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: Option<&str>, body: &str, expected: &str) {
        let value: Option<Value> = serde_json::from_str(body).ok();
        let found = reason(
            header.map(str::to_owned),
            value.as_ref(),
            Some(body.as_bytes()),
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn a_reason_is_found_wherever_it_is_told() {
        check(Some("bad key"), "{\"detail\": \"x\"}", "bad key");
        check(
            None,
            "{\"detail\": \"project disabled\"}",
            "project disabled",
        );
        check(
            None,
            "{\"detail\": \"no\", \"causes\": [\"a\", \"b\"]}",
            "no: a: b",
        );
        check(None, "Event too large\n", "Event too large");
        check(None, "{}", "");
        check(None, "[1]", "");
        check(None, "<html>\n<title>Error</title>", "");
    }

    #[test]
    fn a_reason_is_one_short_line() {
        check(None, "a\n\u{1b}[31mb\r\n c", "a [31mb c");
        assert_eq!(line(&"x".repeat(1000)).len(), REASON_CHARS_MAX);
    }
}
