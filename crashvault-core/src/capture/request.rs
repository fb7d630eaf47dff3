//! A served request as its scope keeps it: cheap copies of its parts, which become the event's `request` and
//! `transaction` at a capture. A binding makes one when something is captured.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::late::Late;
use crate::event::wire::{Encoder, Field, json_item};
use crate::event::{Level, Object, is_forbidden_key, limits, without_userinfo};

/// Headers that are kept of one request.
const HEADERS_MAX: usize = 64;
/// One header's value, in bytes.
const HEADER_BYTES_MAX: usize = 1024;
/// All headers together, in bytes.
const HEADERS_BYTES_MAX: usize = 12 * 1024;
/// All headers as JSON, where each byte may have become six.
const HEADERS_JSON_BYTES_MAX: usize = 6 * HEADERS_BYTES_MAX;
/// Address and query, in bytes each.
const URL_BYTES_MAX: usize = 4 * 1024;

/// Headers that tell who called, by address.
const ADDRESSES: &[&str] = &[
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded-for",
    "x-original-forwarded-for",
    "x-real-ip",
];

/// The parts, in the types of whoever served the request: there are several versions of them about.
pub struct Kept<M, U, N, V> {
    method: M,
    uri: U,
    /// A value that its owner called sensitive is not kept.
    headers: Vec<(N, Option<V>)>,
    headers_left_out: usize,
    route: Option<String>,
    has_error: AtomicBool,
    outer: Option<Arc<dyn Late>>,
}

impl<M, U, N, V> Kept<M, U, N, V> {
    pub(crate) fn new(
        method: M,
        uri: U,
        headers_count: usize,
        headers: impl Iterator<Item = (N, Option<V>)>,
        route: Option<String>,
    ) -> Self {
        Self {
            method,
            uri,
            headers_left_out: headers_count.saturating_sub(HEADERS_MAX),
            headers: first(headers_count, headers),
            route,
            has_error: AtomicBool::new(false),
            outer: None,
        }
    }

    /// This request, served inside of another, or of itself where there are several layers. Errors in it are the outer
    /// one's too; not the other way round, since one request may have several inside.
    #[cfg(any(feature = "actix", feature = "tower"))]
    pub(crate) fn inside(mut self, outer: Option<Arc<dyn Late>>) -> Self {
        self.outer = outer;
        self
    }

    /// Whether an event of level error or above was captured in the request's scope.
    #[cfg(any(feature = "actix", feature = "tower"))]
    pub(crate) fn has_error(&self) -> bool {
        self.has_error.load(Ordering::Relaxed)
    }
}

impl<M: AsRef<str>, U: fmt::Display, N: AsRef<str>, V: AsRef<[u8]>> Kept<M, U, N, V> {
    /// `GET /users/{id}`, or with the path where the route is not known.
    pub(crate) fn transaction(&self) -> String {
        let method = self.method.as_ref();
        match &self.route {
            Some(route) => format!("{method} {route}"),
            None => {
                let uri = self.uri.to_string();
                format!("{method} {}", path_of(&uri))
            }
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.headers.iter().find(|(of, _)| of.as_ref() == name)?;
        Some(String::from_utf8_lossy(value.as_ref()?.as_ref()))
    }

    /// The whole address as far as it is known, without its query; and the query.
    fn url(&self) -> (String, Option<String>) {
        let uri = self.uri.to_string();
        let (path, query) = split_query(&uri);
        let url = match self.header("host") {
            Some(host) if path.starts_with('/') => {
                let forwarded = self.header("x-forwarded-proto");
                let is_secure = forwarded.is_some_and(|scheme| scheme == "https");
                let scheme = if is_secure { "https" } else { "http" };
                format!("{scheme}://{host}{path}")
            }
            _ => path.to_owned(),
        };
        (without_userinfo(&url), query.map(filter_query))
    }

    /// The headers, and how many there was no room for.
    fn headers(&self) -> (Object, usize) {
        let mut kept = Object::new();
        let mut room = HEADERS_BYTES_MAX;
        let mut left_out = self.headers_left_out;
        for (name, value) in &self.headers {
            let name = name.as_ref();
            let value = filter_header(name, value.as_ref().map(AsRef::as_ref));
            match room.checked_sub(name.len() + value.len()) {
                Some(rest) => room = rest,
                None => {
                    left_out += 1;
                    continue;
                }
            }
            match kept.get_mut(name) {
                Some(Value::String(before)) => {
                    before.push_str(", ");
                    before.push_str(&value);
                }
                _ => {
                    kept.insert(name.to_owned(), value.into());
                }
            }
        }
        (kept, left_out)
    }
}

impl<M, U, N, V> Late for Kept<M, U, N, V>
where
    Self: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe,
    M: AsRef<str>,
    U: fmt::Display,
    N: AsRef<str>,
    V: AsRef<[u8]>,
{
    fn encode(&self, encoder: &mut Encoder<'_>, level: Level) {
        self.see(level);
        let mut put = |key: &str, value: Value, bytes_max| {
            json_item(encoder, Field::Request as u8, key, &value, bytes_max);
        };
        let (url, query) = self.url();
        put(
            "method",
            self.method.as_ref().into(),
            limits::NAME_BYTES_MAX,
        );
        put("url", url.into(), URL_BYTES_MAX);
        if let Some(query) = query {
            put("query_string", query.into(), URL_BYTES_MAX);
        }
        let (headers, left_out) = self.headers();
        put("headers", headers.into(), HEADERS_JSON_BYTES_MAX);
        if left_out > 0 {
            let reason = format!("{left_out} more than fit were left out");
            encoder.keyed(Field::Flaw as u8, "request.headers", reason.as_bytes());
        }
        encoder.text(
            Field::Transaction as u8,
            &self.transaction(),
            limits::NAME_BYTES_MAX,
        );
    }

    fn see(&self, level: Level) {
        if level >= Level::Error {
            self.has_error.store(true, Ordering::Relaxed);
        }
        if let Some(outer) = &self.outer {
            outer.see(level);
        }
    }
}

/// Without growing step by step: the iterators of headers do not know how many there are.
fn first<T>(count: usize, items: impl Iterator<Item = T>) -> Vec<T> {
    let mut first = Vec::with_capacity(count.min(HEADERS_MAX));
    first.extend(items.take(HEADERS_MAX));
    first
}

fn split_query(uri: &str) -> (&str, Option<&str>) {
    match uri.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (uri, None),
    }
}

/// The path of an address, which may stand there alone.
fn path_of(uri: &str) -> &str {
    let (whole, _) = split_query(uri);
    match whole.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => whole,
    }
}

/// What may be kept of a header's value; `None` is one that its owner called sensitive.
fn filter_header(name: &str, value: Option<&[u8]>) -> String {
    let bare = name.strip_prefix("x-").unwrap_or(name);
    let is_secret = is_forbidden_key(name) || is_forbidden_key(bare) || ADDRESSES.contains(&name);
    let Some(value) = value.filter(|_| !is_secret) else {
        return limits::FILTERED.to_owned();
    };
    // Before the query is found: a password may hold what begins one.
    let text = without_userinfo(&String::from_utf8_lossy(value));
    let (head, query) = split_query(&text);
    let mut kept = head.to_owned();
    if let Some(query) = query {
        kept.push('?');
        kept.push_str(&filter_query(query));
    }
    limits::cut(&kept, HEADER_BYTES_MAX).into_owned()
}

/// A query without the values of forbidden keys.
fn filter_query(query: &str) -> String {
    let mut kept = String::with_capacity(query.len());
    for part in query.split_inclusive(['&', ';']) {
        match part.split_once('=') {
            Some((key, value)) if is_forbidden_key(&decoded(key)) => {
                kept.push_str(key);
                kept.push('=');
                kept.push_str(limits::FILTERED);
                kept.extend(value.chars().next_back().filter(|c| matches!(c, '&' | ';')));
            }
            _ => kept.push_str(part),
        }
    }
    kept
}

/// A key without its percent signs: `pass%77ord` is one too.
fn decoded(key: &str) -> Cow<'_, str> {
    if !key.contains('%') {
        return key.into();
    }
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.split_at_checked(2).filter(|_| *first == b'%');
        let number = digits.and_then(|(digits, _)| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 16).ok()
        });
        bytes.push(number.unwrap_or(*first));
        rest = if number.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, wire};
    use serde_json::json;

    fn kept(
        uri: &str,
        headers: &[(&'static str, &str)],
    ) -> Kept<&'static str, String, &'static str, Vec<u8>> {
        let count = headers.len();
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, Some(value.as_bytes().to_vec())));
        Kept::new("GET", uri.to_owned(), count, headers, None)
    }

    fn event(kept: &impl Late) -> Event {
        let mut body = Vec::new();
        let mut encoder = Encoder::new(&mut body);
        kept.encode(&mut encoder, Level::Warning);
        encoder.finish();
        wire::decode(&body)
    }

    fn check_url(uri: &str, headers: &[(&'static str, &str)], url: &str, query: Option<&str>) {
        let request = event(&kept(uri, headers)).request.unwrap();
        assert_eq!(request["url"], url);
        assert_eq!(request.get("query_string").and_then(Value::as_str), query);
    }

    fn check_header(name: &'static str, value: &str, expected: &str) {
        let request = event(&kept("/", &[(name, value)])).request.unwrap();
        assert_eq!(request["headers"], json!({name: expected}));
    }

    fn check_query(query: &str, expected: &str) {
        assert_eq!(filter_query(query), expected);
    }

    #[test]
    fn the_host_makes_an_address_whole() {
        let shop = ("host", "shop.test:8080");
        check_url(
            "/a/b?c=d",
            &[shop],
            "http://shop.test:8080/a/b",
            Some("c=d"),
        );
        check_url(
            "/a",
            &[shop, ("x-forwarded-proto", "https")],
            "https://shop.test:8080/a",
            None,
        );
        check_url("/a", &[], "/a", None);
        check_url("*", &[shop], "*", None);
    }

    #[test]
    fn a_whole_address_stays_without_its_user() {
        check_url(
            "http://u:p@shop.test/a",
            &[("host", "other")],
            "http://[Filtered]@shop.test/a",
            None,
        );
    }

    #[test]
    fn secrets_of_a_query_are_not_kept() {
        check_query("a=1&password=hunter2&b=2", "a=1&password=[Filtered]&b=2");
        check_query("api_key=x;b=2", "api_key=[Filtered];b=2");
        check_query("user[pass%77ord]=x", "user[pass%77ord]=[Filtered]");
        check_query("a%=1&%zz=2&flag", "a%=1&%zz=2&flag");
        check_query("", "");
    }

    #[test]
    fn secret_headers_are_not_kept() {
        for name in [
            "authorization",
            "cookie",
            "proxy-authorization",
            "x-api-key",
            "x-auth",
            "x-csrf-token",
        ] {
            check_header(name, "hunter2", "[Filtered]");
        }
    }

    #[test]
    fn addresses_of_callers_are_not_kept() {
        check_header("x-forwarded-for", "203.0.113.7", "[Filtered]");
        check_header("forwarded", "for=203.0.113.7", "[Filtered]");
    }

    #[test]
    fn addresses_in_headers_lose_their_secrets() {
        check_header(
            "referer",
            "https://u:p@a.test/b?token=x&c=d",
            "https://[Filtered]@a.test/b?token=[Filtered]&c=d",
        );
        check_header("user-agent", "curl/8", "curl/8");
    }

    #[test]
    fn a_sensitive_value_is_filtered() {
        let headers = [("x-level", None::<Vec<u8>>)].into_iter();
        let kept = Kept::new("GET", "/", 1, headers, None);
        assert_eq!(
            event(&kept).request.unwrap()["headers"],
            json!({"x-level": "[Filtered]"})
        );
    }

    #[test]
    fn headers_of_one_name_are_joined() {
        let kept = kept("/", &[("accept", "a"), ("accept", "b")]);
        assert_eq!(
            event(&kept).request.unwrap()["headers"],
            json!({"accept": "a, b"})
        );
    }

    #[test]
    fn too_many_and_too_long_headers_are_cut_visibly() {
        let long = "x".repeat(5000);
        let many: Vec<_> = (0..80).map(|_| ("a", long.as_str())).collect();
        let event = event(&kept("/", &many));
        let text = event.request.unwrap()["headers"]["a"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(text.matches(limits::CUT_MARK).count(), 11);
        assert_eq!(event.flaws[0].reason, "69 more than fit were left out");
    }

    #[test]
    fn any_bytes_in_a_header_are_kept_as_text() {
        let headers = [("x-odd", Some(vec![0xff, b'"', b'\n']))].into_iter();
        let kept = Kept::new("GET", "/", 1, headers, None);
        assert_eq!(
            event(&kept).request.unwrap()["headers"],
            json!({"x-odd": "\u{fffd}\"\n"})
        );
    }

    fn check_transaction(uri: &str, route: Option<&str>, expected: &str) {
        let none = std::iter::empty::<(&str, Option<&[u8]>)>();
        let kept = Kept::new("GET", uri, 0, none, route.map(str::to_owned));
        assert_eq!(event(&kept).transaction.as_deref(), Some(expected));
    }

    #[test]
    fn the_route_names_the_transaction_else_the_path() {
        check_transaction("/users/7?a=b", Some("/users/{id}"), "GET /users/{id}");
        check_transaction("/users/7?a=b", None, "GET /users/7");
        check_transaction("http://a.test/users/7", None, "GET /users/7");
        check_transaction("http://a.test", None, "GET /");
    }

    #[cfg(any(feature = "actix", feature = "tower"))]
    #[test]
    fn only_errors_count_as_the_events_of_a_request() {
        let kept = kept("/", &[]);
        event(&kept);
        assert!(!kept.has_error());
        kept.encode(&mut Encoder::new(&mut Vec::new()), Level::Error);
        assert!(kept.has_error());
    }
}
