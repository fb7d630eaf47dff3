//! Enters: keys of tags, contexts, arguments and data. Leaves: whether their values may be written at all.
//!
//! Never: looks at values; patterns in values are the business of `scrub/`.

use serde_json::Value;

use super::limits::{FILTERED, JSON_DEPTH_MAX};

/// Parts of key names whose values never reach the journal from in-process capture.
///
/// Compared without case, `-`, `_`, `.` and blanks, anywhere in the key. Source: the substrings that Sentry's
/// data scrubber documents, and the fields of original-v1 vaults that held secrets.
pub const FORBIDDEN_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "authorization",
    "authentication",
    "cookie",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "csrf",
    "xsrf",
    "jwt",
    "bearer",
    "sessionid",
    "signingkey",
    "encryptionkey",
    "dsnkey",
    "mysqlpwd",
    "creditcard",
    "cardnumber",
    "saml",
    "setcookie",
];

/// Keys that are forbidden as whole words only: as parts they would hit harmless names.
pub const FORBIDDEN_WHOLE: &[&str] = &["auth", "pwd", "sso", "pin", "cvv", "cvc", "ssn", "pass"];

const KEY_BYTES_MAX: usize = 256;

/// Whether values under `key` must not be kept.
///
/// ```
/// use crashvault::event::is_forbidden_key;
/// assert!(is_forbidden_key("X-API-Key"));
/// assert!(is_forbidden_key("db_password"));
/// assert!(!is_forbidden_key("author"));
/// ```
pub fn is_forbidden_key(key: &str) -> bool {
    let mut folded = [0u8; KEY_BYTES_MAX];
    let mut length = 0;
    for byte in key
        .bytes()
        .filter(|byte| !matches!(byte, b'-' | b'_' | b'.' | b' '))
    {
        if length == KEY_BYTES_MAX {
            break;
        }
        folded[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let folded = &folded[..length];
    FORBIDDEN_WHOLE
        .iter()
        .any(|whole| whole.as_bytes() == folded)
        || FORBIDDEN_PARTS
            .iter()
            .any(|part| contains(folded, part.as_bytes()))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Replaces every value under a forbidden key, at any depth, by [`FILTERED`]; cuts nesting beyond the limit.
///
/// Returns how many values were replaced.
pub fn filter_forbidden(value: &mut Value) -> usize {
    filter_at(value, 0)
}

fn filter_at(value: &mut Value, depth: usize) -> usize {
    if depth > JSON_DEPTH_MAX {
        *value = Value::String(super::limits::CUT_MARK.into());
        return 0;
    }
    match value {
        Value::Object(map) => map
            .iter_mut()
            .map(|(key, inner)| {
                if is_forbidden_key(key) && !is_filtered(inner) {
                    *inner = Value::String(FILTERED.into());
                    1
                } else {
                    filter_at(inner, depth + 1)
                }
            })
            .sum(),
        Value::Array(items) => items
            .iter_mut()
            .map(|item| filter_at(item, depth + 1))
            .sum(),
        _ => 0,
    }
}

fn is_filtered(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str() == Some(FILTERED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(key: &str, forbidden: bool) {
        assert_eq!(is_forbidden_key(key), forbidden, "{key}");
    }

    #[test]
    fn common_secrets_are_forbidden() {
        for key in [
            "password",
            "PASSWD",
            "Authorization",
            "Cookie",
            "set-cookie",
            "api_key",
            "apiKey",
            "client_secret",
            "access_token",
            "AWS_SECRET_ACCESS_KEY",
            "auth",
            "pwd",
        ] {
            check(key, true);
        }
    }

    #[test]
    fn harmless_names_are_not() {
        for key in [
            "author",
            "keyboard",
            "passenger",
            "path",
            "user",
            "pinned",
            "session",
            "monkey",
        ] {
            check(key, false);
        }
    }

    #[test]
    fn nested_values_are_filtered_once() {
        let mut value = json!({"a": {"Password": "x", "b": [{"token": 1}]}, "ok": 1});
        assert_eq!(filter_forbidden(&mut value), 2);
        assert_eq!(
            value,
            json!({"a": {"Password": FILTERED, "b": [{"token": FILTERED}]}, "ok": 1})
        );
        assert_eq!(filter_forbidden(&mut value), 0);
    }
}
