//! Enters: a DSN as a project's settings show it. Leaves: where events go, and with what key.
//!
//! Never: shows the key to anybody but that place.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crashvault::{Error, ErrorKind, Result};

const LOOK: &str = "a DSN looks like https://KEY@host/1; the project's settings show it";
const BYTES_MAX: usize = 2048;

/// Where a collector takes events, and the key it knows the sender by.
///
/// What is shown of it is the place alone, also by `{:?}`.
///
/// ```
/// use crashvault_notify::Dsn;
/// let dsn: Dsn = "https://0123456789abcdef0123456789abcdef@errors.example.com/team/42".parse()?;
/// assert_eq!(dsn.to_string(), "https://errors.example.com/team/42");
/// assert!("https://errors.example.com/42".parse::<Dsn>().is_err());
/// # Ok::<(), crashvault::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
    /// What stands before the project, without a slash at its end.
    path: String,
    project: String,
    key: String,
    secret: Option<String>,
}

impl Dsn {
    /// The place without the key, which is what cursors are kept by: the same place with another key is the same.
    pub fn destination(&self) -> String {
        format!("{}{}/{}", self.origin(), self.path, self.project)
    }

    /// Whether nobody on the way can read what is sent: by TLS, or because it does not leave the machine.
    pub fn is_private(&self) -> bool {
        self.scheme == "https" || self.is_loopback()
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        match address.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => address == "localhost" || address.ends_with(".localhost"),
        }
    }

    /// Where envelopes are posted to.
    pub(crate) fn envelope_url(&self) -> String {
        format!(
            "{}{}/api/{}/envelope/",
            self.origin(),
            self.path,
            self.project
        )
    }

    /// The value of `X-Sentry-Auth`.
    pub(crate) fn auth(&self, client: &str) -> String {
        let mut auth = format!(
            "Sentry sentry_version=7, sentry_client={client}, sentry_key={}",
            self.key
        );
        if let Some(secret) = &self.secret {
            auth.push_str(", sentry_secret=");
            auth.push_str(secret);
        }
        auth
    }

    /// A text that may have been made of what was sent, without the key.
    pub(crate) fn hide_key(&self, text: &str) -> String {
        let hidden = text.replace(&self.key, "…");
        match &self.secret {
            Some(secret) => hidden.replace(secret.as_str(), "…"),
            None => hidden,
        }
    }

    fn origin(&self) -> String {
        match self.port {
            Some(port) => format!("{}://{}:{port}", self.scheme, self.host),
            None => format!("{}://{}", self.scheme, self.host),
        }
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.destination())
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dsn").field(&self.destination()).finish()
    }
}

impl FromStr for Dsn {
    type Err = Error;

    /// # Errors
    /// InvalidInput, which says what is missing; never with the text itself, which may hold a key.
    fn from_str(text: &str) -> Result<Self> {
        parse(text.trim()).map_err(|why| {
            Error::new(
                ErrorKind::InvalidInput,
                "read DSN",
                format!("{why}; {LOOK}"),
            )
        })
    }
}

fn parse(text: &str) -> std::result::Result<Dsn, &'static str> {
    if text.len() > BYTES_MAX {
        return Err("it is too long for a DSN");
    }
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("there is a blank or another odd character in the DSN");
    }
    let (scheme, rest) = text
        .split_once("://")
        .ok_or("the DSN does not begin with https://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => "https",
        "http" => "http",
        _ => return Err("the DSN begins with neither https:// nor http://"),
    };
    if rest.contains(['?', '#']) {
        return Err("nothing may stand behind the project in a DSN");
    }
    let (authority, path) = rest
        .split_once('/')
        .ok_or("the DSN does not end with a project")?;
    let (keys, host) = authority
        .rsplit_once('@')
        .ok_or("there is no key before the host in the DSN")?;
    let (key, secret) = match keys.split_once(':') {
        Some((key, secret)) => (key, Some(secret).filter(|secret| !secret.is_empty())),
        None => (keys, None),
    };
    if !is_word(key) || secret.is_some_and(|secret| !is_word(secret)) {
        return Err("the key in the DSN is not one: it has letters, digits and hyphens alone");
    }
    let (host, port) = host_and_port(host)?;
    let path = path.trim_end_matches('/');
    let (path, project) = match path.rsplit_once('/') {
        Some((path, project)) => (format!("/{path}"), project),
        None => (String::new(), path),
    };
    if !is_word(project) {
        return Err("the DSN does not end with a project, which is a number mostly");
    }
    if path.split('/').skip(1).any(|part| !is_part(part)) {
        return Err("the path in the DSN cannot be one");
    }
    Ok(Dsn {
        scheme,
        host,
        port: port.filter(|port| *port != default_port(scheme)),
        path,
        project: project.to_owned(),
        key: key.to_owned(),
        secret: secret.map(str::to_owned),
    })
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

fn host_and_port(text: &str) -> std::result::Result<(String, Option<u16>), &'static str> {
    let end = match text.strip_prefix('[') {
        Some(_) => {
            text.find(']')
                .ok_or("the host in the DSN has a [ without a ]")?
                + 1
        }
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    let is_address = || {
        let inner = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    };
    let is_name = || {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        !host.is_empty() && host.chars().all(is_fit)
    };
    if !is_name() && !is_address() {
        return Err("there is no host in the DSN that could be one");
    }
    let port = match rest.strip_prefix(':') {
        Some(port) => Some(
            port.parse()
                .map_err(|_| "the port in the DSN is no number up to 65535")?,
        ),
        None if rest.is_empty() => None,
        None => return Err("there is no host in the DSN that could be one"),
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn is_word(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.chars().all(is_fit)
}

/// A part of the path that no URL has to write in another way.
fn is_part(part: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    !part.is_empty() && part != "." && part != ".." && part.chars().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn check(rest: &str, destination: &str, url: &str) {
        let (scheme, rest) = rest.split_once("://").unwrap();
        let dsn: Dsn = format!("{scheme}://{KEY}@{rest}").parse().unwrap();
        assert_eq!(dsn.destination(), destination);
        assert_eq!(dsn.envelope_url(), url);
    }

    fn check_refused(text: &str, says: &str) {
        let error = text.parse::<Dsn>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(says), "{text}: {error}");
        assert!(error.message().contains("https://KEY@host/1"), "{error}");
    }

    #[test]
    fn a_dsn_says_where_envelopes_go() {
        check(
            "https://errors.example.com/42",
            "https://errors.example.com/42",
            "https://errors.example.com/api/42/envelope/",
        );
        check(
            "http://127.0.0.1:8000/1",
            "http://127.0.0.1:8000/1",
            "http://127.0.0.1:8000/api/1/envelope/",
        );
    }

    #[test]
    fn a_path_stands_before_api() {
        check(
            "https://example.com/a/b/7",
            "https://example.com/a/b/7",
            "https://example.com/a/b/api/7/envelope/",
        );
    }

    #[test]
    fn the_same_place_is_told_in_one_way() {
        check(
            "HTTPS://Example.COM:443/1/",
            "https://example.com/1",
            "https://example.com/api/1/envelope/",
        );
        check(
            "http://[::1]:80/1",
            "http://[::1]/1",
            "http://[::1]/api/1/envelope/",
        );
    }

    #[test]
    fn an_old_secret_is_sent_along() {
        let dsn: Dsn = "https://abc:def@example.com/1".parse().unwrap();
        assert_eq!(
            dsn.auth("crashvault/1"),
            "Sentry sentry_version=7, sentry_client=crashvault/1, sentry_key=abc, sentry_secret=def"
        );
    }

    #[test]
    fn the_key_is_shown_nowhere() {
        let dsn: Dsn = format!("https://{KEY}:hidden@example.com/1")
            .parse()
            .unwrap();
        let shown = format!("{dsn} {dsn:?} {}", dsn.destination());
        assert!(!shown.contains(KEY) && !shown.contains("hidden"), "{shown}");
        let odd = format!("https://{KEY} @example.com/1")
            .parse::<Dsn>()
            .unwrap_err();
        assert!(!format!("{odd} {odd:?}").contains(KEY));
    }

    #[test]
    fn what_is_missing_is_named() {
        check_refused("", "does not begin with https://");
        check_refused("example.com/1", "does not begin with https://");
        check_refused("ftp://k@example.com/1", "neither https:// nor http://");
        check_refused("https://example.com/1", "no key before the host");
        check_refused("https://@example.com/1", "the key in the DSN is not one");
        check_refused("https://k\u{e4}y@example.com/1", "odd character");
        check_refused("https://a,b@example.com/1", "the key in the DSN is not one");
        check_refused("https://k@example.com", "does not end with a project");
        check_refused("https://k@example.com/", "does not end with a project");
        check_refused("https://k@/1", "no host in the DSN");
        check_refused("https://k@a b/1", "a blank");
        check_refused("https://k@example.com:99999/1", "the port in the DSN");
        check_refused("https://k@[::1/1", "a [ without a ]");
        check_refused("https://k@[::g]/1", "no host in the DSN");
        check_refused("https://k@example.com/1?x=2", "nothing may stand behind");
        check_refused("https://k@example.com/../1", "the path in the DSN");
        check_refused(&format!("https://k@{}/1", "a".repeat(3000)), "too long");
    }

    #[test]
    fn it_is_known_who_can_read_along() {
        let check = |text: &str, expected| {
            assert_eq!(
                text.parse::<Dsn>().unwrap().is_private(),
                expected,
                "{text}"
            );
        };
        check("https://k@example.com/1", true);
        check("http://k@example.com/1", false);
        check("http://k@127.0.0.2:8000/1", true);
        check("http://k@[::1]/1", true);
        check("http://k@localhost/1", true);
        check("http://k@localhost.example.com/1", false);
    }
}
