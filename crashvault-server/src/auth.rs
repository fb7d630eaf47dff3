//! Who sends: the key that a request carries, in the places where Sentry's clients put it. Pure.

use axum::http::{HeaderMap, header};

use crate::refusal::Refusal;

/// The highest number of a project: TOML's are not longer, and nobody counts so far.
pub(crate) const PROJECT_MAX: u64 = 1_000_000_000_000_000;

/// A project's key, as the request carries it; `None` if it carries none.
///
/// Two that are told in different places are refused, even if they agree: one of them is not what the sender means.
pub(crate) fn key(headers: &HeaderMap, query: Option<&str>) -> Result<Option<String>, Refusal> {
    let mut found = Vec::new();
    for name in [
        &header::HeaderName::from_static("x-sentry-auth"),
        &header::AUTHORIZATION,
    ] {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        found.extend(value.and_then(sentry_key));
    }
    found.extend(query.and_then(|query| parameter(query, "sentry_key")));
    match found.len() {
        0 => Ok(None),
        1 => Ok(found.pop()),
        _ => Err(Refusal::unauthorized("the request carries several keys")),
    }
}

/// The key of `Sentry sentry_key=…, sentry_version=7, …`.
fn sentry_key(value: &str) -> Option<String> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("sentry") {
        return None;
    }
    let mut pairs = rest.split(',').filter_map(|pair| pair.split_once('='));
    let (_, key) = pairs.find(|(name, _)| name.trim() == "sentry_key")?;
    Some(key.trim().to_owned())
}

/// A parameter of an address, decoded.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| decoded(key) == name)?;
    Some(decoded(value))
}

/// Undoes percent encoding.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = (*first == b'%').then(|| behind.get(..2)).flatten();
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (_, Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
                continue;
            }
            (b'+', None) => bytes.push(b' '),
            (byte, None) => bytes.push(*byte),
        }
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The key and the project's number that a DSN names.
pub(crate) fn of_dsn(dsn: &str) -> Option<(String, u64)> {
    let (_, rest) = dsn.split_once("://")?;
    let (keys, place) = rest.split_once('@')?;
    let key = keys.split(':').next()?;
    let project = place.trim_end_matches('/').rsplit('/').next()?;
    let project = project.parse().ok()?;
    (1..=PROJECT_MAX)
        .contains(&project)
        .then(|| (key.to_owned(), project))
}

/// A key as it is kept: 32 digits, without the hyphens that some tools put in.
pub(crate) fn plain(key: &str) -> String {
    key.replace('-', "").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    /// Headers, query, and the key found; or the status of the refusal.
    fn check(headers: &[(&'static str, &str)], query: &str, expected: Result<Option<&str>, u16>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let found = key(&map, Some(query)).map_err(|refusal| refusal.into_response().status());
        let expected = expected
            .map(|key| key.map(str::to_owned))
            .map_err(|status| StatusCode::from_u16(status).unwrap());
        assert_eq!(found, expected, "{headers:?} {query}");
    }

    #[test]
    fn a_key_is_found_where_clients_put_it() {
        let value = "Sentry sentry_version=7, sentry_key=abc, sentry_client=x/1";
        check(&[("x-sentry-auth", value)], "", Ok(Some("abc")));
        check(
            &[("authorization", "sentry sentry_key=abc")],
            "a=b",
            Ok(Some("abc")),
        );
        check(&[], "sentry_version=7&sentry_key=a%62c", Ok(Some("abc")));
        check(&[], "sentry_version=7", Ok(None));
        check(&[("authorization", "Bearer sentry_key=abc")], "", Ok(None));
    }

    #[test]
    fn two_keys_are_one_too_many() {
        check(
            &[("x-sentry-auth", "Sentry sentry_key=abc")],
            "sentry_key=abc",
            Err(401),
        );
    }

    #[test]
    fn a_dsn_names_key_and_project() {
        let check = |dsn: &str, expected: Option<(&str, u64)>| {
            let expected = expected.map(|(key, project)| (key.to_owned(), project));
            assert_eq!(of_dsn(dsn), expected, "{dsn}");
        };
        check("https://abc@host.example/7", Some(("abc", 7)));
        check("http://abc:secret@[::1]:5678/team/7/", Some(("abc", 7)));
        check("https://host.example/7", None);
        check("https://abc@host.example/shop", None);
    }
}
