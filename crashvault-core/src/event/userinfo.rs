//! Enters: a text with addresses in it. Leaves: where user and password stand before their hosts.
//!
//! Never: takes what stands there for a secret where it is a short name alone (`ssh://git@host`).

use std::ops::Range;

use super::limits::FILTERED;

/// Longest user and password of an address, in bytes.
const BYTES_MAX: usize = 512;
/// Shortest user that is taken for a token although it has no password.
const TOKEN_BYTES_MIN: usize = 16;
/// Longest scheme, in bytes.
const SCHEME_BYTES_MAX: usize = 32;
const SIGN: &str = "://";

/// A text without the users and passwords of the addresses in it.
pub(crate) fn without_userinfo(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut done = 0;
    let mut at = 0;
    while let Some(skipped) = text.get(at..).and_then(|rest| rest.find(SIGN)) {
        at += skipped;
        if let Some(found) = secret_userinfo(text, at) {
            kept.push_str(&text[done..found.start]);
            kept.push_str(FILTERED);
            done = found.end;
            at = done;
        } else {
            at += SIGN.len();
        }
    }
    kept.push_str(&text[done..]);
    kept
}

/// The user and password of the address whose scheme ends at `colon`, if they are secret.
pub(crate) fn secret_userinfo(text: &str, colon: usize) -> Option<Range<usize>> {
    let start = colon + SIGN.len();
    if !text.get(colon..)?.starts_with(SIGN) {
        return None;
    }
    let opener = opener(&text.as_bytes()[..colon])?;
    let rest = text.as_bytes().get(start..)?;
    let length = length(Address::of(rest, opener))?;
    let user = text.get(start..start + length)?;
    let is_secret = user != FILTERED && (user.contains(':') || user.len() >= TOKEN_BYTES_MIN);
    is_secret.then_some(start..start + length)
}

/// The byte before the scheme, 0 at the beginning; nothing where there is no scheme.
fn opener(before: &[u8]) -> Option<u8> {
    let is_scheme =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
    let scheme = before.iter().rev().take(SCHEME_BYTES_MAX);
    let length = scheme.take_while(is_scheme).count();
    let last = before.last()?;
    if length == 0 && *last < 0x80 {
        return None;
    }
    let place = before.len().checked_sub(length + 1);
    Some(place.map_or(0, |place| before[place]))
}

/// What may belong to an address: up to a blank, and to what closes where it was opened.
#[derive(Clone, Copy)]
struct Address<'t> {
    bytes: &'t [u8],
}

impl<'t> Address<'t> {
    fn of(rest: &'t [u8], opener: u8) -> Self {
        let closer = match opener {
            b'"' | b'\'' | b'`' => opener,
            b'<' => b'>',
            _ => b' ',
        };
        let most = rest.len().min(BYTES_MAX);
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == closer;
        let length = rest[..most].iter().position(is_end).unwrap_or(most);
        Self {
            bytes: &rest[..length],
        }
    }

    /// Up to what ends a host and its port, from `place` on.
    fn authority_end(self, place: usize) -> usize {
        let is_end = |byte: &u8| matches!(byte, b'/' | b'?' | b'#');
        let length = self.bytes[place..].iter().position(is_end);
        place + length.unwrap_or(self.bytes.len() - place)
    }

    /// The last `@` between two places.
    fn last_sign(self, from: usize, to: usize) -> Option<usize> {
        let found = self.bytes[from..to].iter().rposition(|byte| *byte == b'@');
        found.map(|place| from + place)
    }
}

/// How long user and password are. A password may hold what would end a host, unless it is a port's number: no address
/// begins with `user:p/x`, and many with `host:80/@me`.
fn length(address: Address<'_>) -> Option<usize> {
    let end = address.authority_end(0);
    if let Some(sign) = address.last_sign(0, end) {
        return Some(sign);
    }
    let authority = &address.bytes[..end];
    let colon = authority.iter().position(|byte| *byte == b':')?;
    // The colons of an IPv6 address stand in brackets.
    let is_host =
        authority.starts_with(b"[") || authority[colon + 1..].iter().all(u8::is_ascii_digit);
    if is_host {
        return None;
    }
    let first = address.bytes.iter().position(|byte| *byte == b'@')?;
    address.last_sign(first, address.authority_end(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let kept = without_userinfo(text);
        assert_eq!(kept.replace(FILTERED, "#"), expected);
        assert_eq!(without_userinfo(&kept), kept);
    }

    #[test]
    fn every_address_in_a_text_loses_its_password() {
        check(
            "a://u:p@h/x b://v:q@i,c://w:r@j",
            "a://#@h/x b://#@i,c://#@j",
        );
        check("x://a:b@c://d:e@f", "x://#@c://#@f");
    }

    #[test]
    fn a_password_may_hold_odd_characters() {
        check("a://u:p/w@h/x", "a://#@h/x");
        check("a://u:p?w#@h/x?y@z", "a://#@h/x?y@z");
        check("a://u:p@w@h", "a://#@h");
        check("a://u:p/a@w@h/y@z", "a://#@h/y@z");
        check("a://u:p\"w'<`@h", "a://#@h");
        check("a://u:ü§%40@h", "a://#@h");
        check("a://:p@h", "a://#@h");
        check("a://0123456789abcdef@h", "a://#@h");
    }

    #[test]
    fn what_is_no_password_stays() {
        for text in [
            "ssh://git@host",
            "http://localhost:8080/users/@me",
            "http://a.example/b@c:d",
            "http://[::1]:80/@me",
            "[\"http://host:port\",\"me@x\"]",
            "<http://host:port>me@x",
            "see http://host:x and me@x",
            "://u:p@h",
            "a://",
            "",
        ] {
            check(text, text);
        }
    }
}
