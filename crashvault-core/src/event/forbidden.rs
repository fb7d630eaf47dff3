//! Enters: keys of tags, contexts, arguments and data. Leaves: whether their values may be written at all.
//!
//! Never: looks at values; patterns in values are the business of `scrub/`.

use serde_json::Value;

use super::limits::{FILTERED, JSON_DEPTH_MAX};
use super::userinfo::without_userinfo;

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
        || has_forbidden_part(folded)
}

/// For each byte, which parts have it first, and which have it second: one bit each. Almost every place in a key is
/// ruled out by its two bytes, and keys are many (each local variable of each frame).
const FIRST_BYTES: [u32; 256] = parts_with_byte(0);
const SECOND_BYTES: [u32; 256] = parts_with_byte(1);

const fn parts_with_byte(place: usize) -> [u32; 256] {
    assert!(FORBIDDEN_PARTS.len() <= u32::BITS as usize);
    let mut table = [0; 256];
    let mut part = 0;
    while part < FORBIDDEN_PARTS.len() {
        table[FORBIDDEN_PARTS[part].as_bytes()[place] as usize] |= 1 << part;
        part += 1;
    }
    table
}

fn has_forbidden_part(folded: &[u8]) -> bool {
    folded.windows(2).enumerate().any(|(at, pair)| {
        let mut parts = FIRST_BYTES[usize::from(pair[0])] & SECOND_BYTES[usize::from(pair[1])];
        while parts != 0 {
            let part = FORBIDDEN_PARTS[parts.trailing_zeros() as usize];
            if folded[at..].starts_with(part.as_bytes()) {
                return true;
            }
            parts &= parts - 1;
        }
        false
    })
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
        Value::Array(items) => match items.as_mut_slice() {
            // Headers and the like also come as lists of pairs.
            [Value::String(key), inner] if is_forbidden_key(key) && !is_filtered(inner) => {
                *inner = Value::String(FILTERED.into());
                1
            }
            items => items
                .iter_mut()
                .map(|item| filter_at(item, depth + 1))
                .sum(),
        },
        _ => 0,
    }
}

/// Program arguments without secrets: `--token x`, `--token=x`, `TOKEN=x` and `scheme://user:password@host`.
///
/// ```
/// use crashvault::event::filter_arguments;
/// let kept = filter_arguments(["app", "--password", "x", "--level=3"].map(String::from));
/// assert_eq!(kept, ["app", "--password", "[Filtered]", "--level=3"]);
/// ```
pub fn filter_arguments(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut is_next_secret = false;
    let filtered = arguments.into_iter().map(|argument| {
        if std::mem::take(&mut is_next_secret) && !argument.starts_with('-') {
            return FILTERED.to_owned();
        }
        match argument.split_once('=') {
            Some((key, _)) if is_forbidden_key(key) => format!("{key}={FILTERED}"),
            Some(_) => without_userinfo(&argument),
            None => {
                is_next_secret = argument.starts_with('-') && is_forbidden_key(&argument);
                without_userinfo(&argument)
            }
        }
    });
    filtered
        .map(|argument| super::limits::cut(&argument, ARGUMENT_BYTES_MAX).into_owned())
        .collect()
}

const ARGUMENT_BYTES_MAX: usize = 1024;

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
    fn arguments_lose_their_secrets() {
        let check = |input: &[&str], expected: &[&str]| {
            assert_eq!(
                filter_arguments(input.iter().map(|s| s.to_string())),
                expected
            );
        };
        check(&["a", "--api-key=xyz"], &["a", "--api-key=[Filtered]"]);
        check(
            &["a", "--token", "--verbose"],
            &["a", "--token", "--verbose"],
        );
        check(&["postgres://me:pw@db/x"], &["postgres://[Filtered]@db/x"]);
        check(&["--url=http://me:pw@db"], &["--url=http://[Filtered]@db"]);
        check(
            &["a://u:p@h,b://v:q/r@i"],
            &["a://[Filtered]@h,b://[Filtered]@i"],
        );
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

    #[test]
    fn pairs_are_keys_and_values_too() {
        let mut value = json!({"headers": [["Cookie", "x"], ["Accept", "y"]]});
        assert_eq!(filter_forbidden(&mut value), 1);
        assert_eq!(
            value,
            json!({"headers": [["Cookie", FILTERED], ["Accept", "y"]]})
        );
    }
}
