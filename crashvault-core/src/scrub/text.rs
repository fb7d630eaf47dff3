//! Enters: a text: a message, a value's printed form, a line of source. Leaves: it without what looks like a
//! secret: passwords in URLs, `password=…`, bearer and basic tokens, JWTs, keys of known services, private keys,
//! card numbers.
//!
//! One pass; nothing is allocated unless something is found. Every detector needs a border before its match and
//! one behind it, so that a second pass over the result finds nothing new.
//!
//! Never: uses a regular expression; looks into structured data (`keys.rs` does).

use super::ScrubRules;
use crate::event::limits::FILTERED;
use crate::event::secret_userinfo;

/// What kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// `password: x` gives x away.
    Prose,
    /// `password = x` names a variable; only literals are secrets.
    Source,
}

/// Longest key that is looked for before a `=` or `:`, in bytes.
const KEY_BYTES_MAX: usize = 64;
/// Longest blank between key, sign and value, in bytes.
const BLANKS_MAX: usize = 16;
/// Longest type between a name and its value in source (`password: &str = "…"`), in bytes.
const ANNOTATION_BYTES_MAX: usize = 48;
/// Shortest literal without quotes that is taken for a secret in source, in bytes.
const BARE_LITERAL_BYTES_MIN: usize = 6;
/// And the longest.
const BARE_LITERAL_BYTES_MAX: usize = 256;
/// Longest placeholder in a format string, in bytes.
const TEMPLATE_BYTES_MAX: usize = 64;
/// Longest kind in `-----BEGIN … PRIVATE KEY-----`, in bytes.
const PEM_KIND_BYTES_MAX: usize = 64;

/// How tokens of known services begin, and how many characters follow at least.
const TOKEN_PREFIXES: &[(&str, usize)] = &[
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxs-", 10),
    ("xoxr-", 10),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("sk-", 32),
    ("npm_", 30),
    ("pypi-", 40),
    ("hf_", 30),
    ("dop_v1_", 40),
];

/// Words that follow "Bearer" in a sentence.
const AFTER_BEARER: &[&str] = &[
    "authentication",
    "authorization",
    "credential",
    "credentials",
    "format",
    "header",
    "realm",
    "required",
    "scheme",
    "tokens",
    "method",
];

/// Words before "token" in the reports of parsers: what follows is a sign of the language.
const BEFORE_TOKEN: &[&str] = &[
    "unexpected",
    "expected",
    "invalid",
    "illegal",
    "unknown",
    "missing",
    "bad",
    "stray",
];

/// Values that say that there is none.
const NO_VALUES: &[&str] = &["null", "none", "nil", "undefined", "true", "false", "..."];

/// The bytes at which something may begin.
const TRIGGERS: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"=:0123456789JIBb-_";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

impl ScrubRules {
    /// Replaces the secrets in a text; gives their number.
    pub(super) fn text(&self, text: &mut String, manner: Manner) -> usize {
        if !self.patterns_enabled {
            return 0;
        }
        let mut search = Search {
            rules: self,
            manner,
            text,
            done: 0,
            made: String::new(),
            count: 0,
        };
        search.run();
        if search.count == 0 {
            return 0;
        }
        let Search { made, count, .. } = search;
        *text = made;
        count
    }

    /// Lines of source that follow each other: a private key may stretch over them.
    pub(super) fn lines<'l>(&self, lines: impl Iterator<Item = &'l mut String>) -> usize {
        let mut count = 0;
        let mut in_key = false;
        for line in lines {
            let opens = self.patterns_enabled && opens_private_key(line);
            if in_key && self.patterns_enabled {
                in_key = !line.contains("-----END");
                count += usize::from(line != FILTERED);
                *line = FILTERED.into();
            } else {
                count += self.text(line, Manner::Source);
                in_key = opens;
            }
        }
        count
    }
}

fn opens_private_key(line: &str) -> bool {
    line.find("-----BEGIN ")
        .is_some_and(|at| begins_private_key(&line[at..]) && !line[at..].contains("-----END"))
}

/// `-----BEGIN RSA PRIVATE KEY-----` and its like (RFC 7468; OpenPGP says `KEY BLOCK`).
fn begins_private_key(block: &str) -> bool {
    let Some(kind) = block.strip_prefix("-----BEGIN ") else {
        return false;
    };
    let length = kind
        .bytes()
        .take(PEM_KIND_BYTES_MAX)
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ')
        .count();
    kind[length..].starts_with("-----") && kind[..length].contains("PRIVATE KEY")
}

/// A place to be replaced.
type Found = Option<(usize, usize)>;

struct Search<'s> {
    rules: &'s ScrubRules,
    manner: Manner,
    text: &'s str,
    /// Up to here the text is in `made`.
    done: usize,
    made: String,
    count: usize,
}

impl Search<'_> {
    fn run(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(skipped) = bytes[at..]
            .iter()
            .position(|byte| TRIGGERS[usize::from(*byte)])
        {
            at += skipped;
            match self.detect(at) {
                Some((start, end)) if start >= self.done && end > start => {
                    self.made.push_str(&self.text[self.done..start]);
                    self.made.push_str(FILTERED);
                    self.count += 1;
                    self.done = end;
                    at = end;
                }
                _ if bytes[at].is_ascii_digit() => at = self.run_end(at, |b| b.is_ascii_digit()),
                _ => at += 1,
            }
        }
        if self.count > 0 {
            self.made.push_str(&self.text[self.done..]);
        }
    }

    fn detect(&self, at: usize) -> Found {
        match self.text.as_bytes()[at] {
            b':' => self.userinfo(at).or_else(|| self.keyed(at)),
            b'=' => self.keyed(at),
            b'0'..=b'9' => self.card(at),
            b'J' => self.jwt(at),
            b'I' => self.cloud_key(at),
            b'B' | b'b' => self.scheme(at),
            b'-' => self.private_key(at).or_else(|| self.service_token(at)),
            _ => self.service_token(at),
        }
    }

    /// The byte before `at`, as a second pass would see it.
    fn before(&self, at: usize) -> u8 {
        if at == 0 {
            b' '
        } else if at == self.done {
            b']'
        } else {
            self.text.as_bytes()[at - 1]
        }
    }

    /// Whether no word reaches to `at`.
    fn is_border(&self, at: usize) -> bool {
        let before = self.before(at);
        !before.is_ascii_alphanumeric() && before != b'_' && before < 0x80
    }

    /// The byte at `at`; 0 at the end.
    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// Where the run of wanted bytes that begins at `at` ends.
    fn run_end(&self, at: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !wanted(*byte));
        at + length.unwrap_or(rest.len())
    }

    /// The same; `None` if the run is longer than `length_max`.
    fn run_end_within(
        &self,
        at: usize,
        length_max: usize,
        wanted: impl Fn(u8) -> bool,
    ) -> Option<usize> {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .take(length_max + 1)
            .take_while(|byte| wanted(**byte))
            .count();
        (length <= length_max).then_some(at + length)
    }

    /// `scheme://user:password@`.
    fn userinfo(&self, colon: usize) -> Found {
        if self.is_border(colon) {
            return None;
        }
        secret_userinfo(self.text, colon).map(|found| (found.start, found.end))
    }

    /// `key=value`, `key: value`, `"key": "value"`, `headers["key"] = 'value'`.
    fn keyed(&self, sign: usize) -> Found {
        if self.is_path_or_url(sign) {
            return None;
        }
        let key = self
            .forbidden_before(sign)
            .or_else(|| self.annotated(sign))?;
        if self.is_syntax_report(&key) || self.is_file(&key, sign) {
            return None;
        }
        let start = self.value_start(sign);
        if self.text[start..].starts_with(FILTERED) {
            return None;
        }
        if let Some(found) = self.quoted(start) {
            return found;
        }
        match self.manner {
            Manner::Prose => self.bare_value(&key, sign, start),
            Manner::Source => self.bare_literal(start),
        }
    }

    fn forbidden_before(&self, sign: usize) -> Option<Key<'_>> {
        let key = self.key_before(sign)?;
        let last = key.text.rsplit('.').next().unwrap_or_default();
        let is_forbidden =
            self.rules.forbids(key.text) || (!last.is_empty() && self.rules.forbids(last));
        is_forbidden.then_some(key)
    }

    /// `password: &str = "x"` in source: the key stands before the type.
    fn annotated(&self, sign: usize) -> Option<Key<'_>> {
        if self.manner != Manner::Source || self.byte(sign) != b'=' {
            return None;
        }
        let from = sign.saturating_sub(ANNOTATION_BYTES_MAX).max(self.done);
        let bytes = &self.text.as_bytes()[from..sign];
        let colon = bytes.windows(2).rposition(|pair| pair == b": ")?;
        let is_type = bytes[colon + 1..]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b" _&<>[]'.,:|?*".contains(byte));
        // A second pass must not look past what the first replaced.
        let holds = |part: &[u8]| {
            bytes[colon..]
                .windows(part.len())
                .any(|window| window == part)
        };
        if is_type && !holds(FILTERED.as_bytes()) {
            self.forbidden_before(from + colon)
        } else {
            None
        }
    }

    /// `a::b` and `scheme://`.
    fn is_path_or_url(&self, sign: usize) -> bool {
        let rest = &self.text[sign..];
        rest.starts_with("::")
            || rest.starts_with("://")
            || (rest.starts_with(':') && self.before(sign) == b':')
    }

    fn key_before(&self, sign: usize) -> Option<Key<'_>> {
        let bytes = self.text.as_bytes();
        let mut end = sign;
        let is_compound = end > self.done
            && match bytes[sign] {
                b'=' => matches!(bytes[end - 1], b'!' | b'?' | b':'),
                _ => bytes[end - 1] == b'?',
            };
        end -= usize::from(is_compound);
        let blanks_from = end.saturating_sub(BLANKS_MAX).max(self.done);
        while end > blanks_from && matches!(bytes[end - 1], b' ' | b'\t') {
            end -= 1;
        }
        let is_quote = |at: usize| at > self.done && matches!(bytes[at - 1], b'"' | b'\'' | b'`');
        if end > self.done && bytes[end - 1] == b']' && is_quote(end - 1) {
            end -= 1;
        }
        let is_quoted = is_quote(end);
        if is_quoted {
            end -= 1;
            if end > self.done && bytes[end - 1] == b'\\' {
                end -= 1;
            }
        }
        let from = end.saturating_sub(KEY_BYTES_MAX).max(self.done);
        let length = bytes[from..end]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
            .count();
        let start = end - length;
        (length > 1).then(|| Key {
            text: &self.text[start..end],
            start,
            is_quoted,
        })
    }

    /// `/etc/passwd: Permission denied`: what stands before the colon is a path's last part.
    fn is_file(&self, key: &Key<'_>, sign: usize) -> bool {
        self.byte(sign) == b':' && !key.is_quoted && self.before(key.start) == b'/'
    }

    /// "Unexpected token: …" and its like.
    fn is_syntax_report(&self, key: &Key<'_>) -> bool {
        if !key.text.eq_ignore_ascii_case("token") && !key.text.eq_ignore_ascii_case("tokens") {
            return false;
        }
        let before = self.text[self.done..key.start].trim_end_matches([' ', '"', '\'']);
        let word = before
            .bytes()
            .rev()
            .take(KEY_BYTES_MAX)
            .take_while(u8::is_ascii_alphabetic)
            .count();
        let word = &before[before.len() - word..];
        BEFORE_TOKEN
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word))
    }

    /// Behind `=`, `==`, `:=`, `=>` and the blanks.
    fn value_start(&self, sign: usize) -> usize {
        let mut start = sign + 1;
        let signs_end = start + 2;
        while start < signs_end && matches!(self.byte(start), b'=' | b'>') {
            start += 1;
        }
        let blanks_end = start + BLANKS_MAX;
        while start < blanks_end && matches!(self.byte(start), b' ' | b'\t') {
            start += 1;
        }
        start
    }

    /// What stands in quotes, with prefixes such as `b"` and in the escaped form `\"…\"`. `Some(None)` if there are
    /// quotes and nothing to hide in them.
    fn quoted(&self, start: usize) -> Option<Found> {
        let prefix = self.run_end(start, |byte| {
            matches!(byte, b'b' | b'B' | b'r' | b'R' | b'f' | b'F' | b'u' | b'U')
        }) - start;
        let mut open = start + if prefix <= 2 { prefix } else { 0 };
        let is_escaped = self.byte(open) == b'\\';
        open += usize::from(is_escaped);
        let quote = self.byte(open);
        if !matches!(quote, b'"' | b'\'' | b'`') {
            return None;
        }
        let is_triple = self.byte(open + 1) == quote && self.byte(open + 2) == quote;
        let from = open + if is_triple { 3 } else { 1 };
        let end = self.closing(from, quote, is_escaped);
        Some(self.secret(from, end))
    }

    /// The closing quote, else the end of the line.
    fn closing(&self, from: usize, quote: u8, is_escaped: bool) -> usize {
        let mut at = from;
        loop {
            match self.byte(at) {
                b'\\' if is_escaped && self.byte(at + 1) == quote => return at,
                b'\\' if !is_escaped && self.byte(at + 1) >= 0x20 => {
                    at = (at + 2).min(self.text.len());
                    while !self.text.is_char_boundary(at) {
                        at += 1;
                    }
                }
                b'\n' | b'\r' => return at,
                0 if at >= self.text.len() => return self.text.len(),
                byte if byte == quote && !is_escaped => return at,
                _ => at += 1,
            }
        }
    }

    fn secret(&self, start: usize, end: usize) -> Found {
        let value = self.text.get(start..end)?;
        let is_none = value.trim().is_empty()
            || value.starts_with(FILTERED)
            || is_template(value)
            || NO_VALUES
                .iter()
                .any(|none| none.eq_ignore_ascii_case(value));
        (!is_none).then_some((start, end))
    }

    /// A value without quotes. Header lines of cookies and authorization are one value.
    fn bare_value(&self, key: &Key<'_>, sign: usize, start: usize) -> Found {
        let first = self.byte(start);
        let opens = matches!(first, b'{' | b'[' | b'(' | b'<')
            || (matches!(first, b'$' | b'%') && matches!(self.byte(start + 1), b'{' | b'('));
        if opens {
            return None;
        }
        let is_header = self.byte(sign) == b':' && !key.is_quoted && is_header(key.text);
        if is_header {
            let end = self.run_end(start, |byte| {
                !matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'\\' | b']')
            });
            return self.secret(start, end);
        }
        let mut end = self.run_end(start, is_bare);
        let word = &self.text[start..end];
        let is_scheme = ["bearer", "basic", "digest", "negotiate"]
            .iter()
            .any(|scheme| scheme.eq_ignore_ascii_case(word));
        if is_scheme && self.byte(end) == b' ' {
            end = self.run_end(end + 1, is_bare);
        }
        let end = start
            + self.text[start..end]
                .trim_end_matches(['.', ':', '!', '?'])
                .len();
        self.secret(start, end)
    }

    /// In source a bare word is a name; with figures in it, and not called, it may be a literal.
    fn bare_literal(&self, start: usize) -> Found {
        let end = self.run_end_within(start, BARE_LITERAL_BYTES_MAX, |byte| {
            is_bare(byte) && !matches!(byte, b'(' | b'[' | b'{')
        })?;
        let value = &self.text[start..end];
        let is_literal = value.len() >= BARE_LITERAL_BYTES_MIN
            && value.bytes().any(|byte| byte.is_ascii_digit())
            && !matches!(self.byte(end), b'(' | b'[' | b'{' | b'<' | b'>');
        if is_literal {
            self.secret(start, end)
        } else {
            None
        }
    }

    /// 13 to 19 digits in groups, of a length that their issuer uses, with a right check digit (ISO/IEC 7812).
    fn card(&self, start: usize) -> Found {
        let before = self.before(start);
        if !self.is_border(start) || matches!(before, b'-' | b'.' | b'+') {
            return None;
        }
        let mut digits = [0u8; 19];
        let mut length = 0;
        let mut at = start;
        let mut separator = None;
        let mut found = None;
        loop {
            let end = self.run_end(at, |byte| byte.is_ascii_digit());
            let group = end - at;
            if group == 0 || length + group > digits.len() {
                break;
            }
            for byte in &self.text.as_bytes()[at..end] {
                digits[length] = byte - b'0';
                length += 1;
            }
            if self.ends_number(end) && is_card(&digits[..length]) {
                found = Some((start, end));
            }
            let next = self.byte(end);
            let goes_on = matches!(next, b' ' | b'-') && *separator.get_or_insert(next) == next;
            if !goes_on || !(4..=6).contains(&group) {
                break;
            }
            at = end + 1;
        }
        found
    }

    fn ends_number(&self, end: usize) -> bool {
        let next = self.byte(end);
        let joins = matches!(next, b'-' | b'.') && self.byte(end + 1).is_ascii_digit();
        !joins && !next.is_ascii_alphanumeric() && next != b'_' && next < 0x80
    }

    /// Three parts in base64url; the first is JSON, so it begins with `eyJ`.
    fn jwt(&self, at: usize) -> Found {
        let start = at.checked_sub(2)?;
        if self.text.as_bytes().get(start..at) != Some(b"ey") || !self.is_token_border(start) {
            return None;
        }
        let head = self.run_end(start, is_base64url);
        if head - start < 8 || self.byte(head) != b'.' {
            return None;
        }
        let body = self.run_end(head + 1, is_base64url);
        if body - head < 5 {
            return None;
        }
        match self.byte(body) {
            b'.' => Some((start, self.run_end(body + 1, is_base64url))),
            _ => Some((start, body)),
        }
    }

    fn is_token_border(&self, at: usize) -> bool {
        let before = self.before(at);
        self.is_border(at) && before != b'-'
    }

    /// `AKIA…`, `ASIA…` of AWS; `AIza…` of Google.
    fn cloud_key(&self, at: usize) -> Found {
        let matches = |start: Option<usize>, prefix: &str, wanted: fn(u8) -> bool, least: usize| {
            let start = start.filter(|start| {
                self.text.as_bytes()[*start..].starts_with(prefix.as_bytes())
                    && self.is_token_border(*start)
            })?;
            let end = self.run_end(start + prefix.len(), wanted);
            let is_whole = end - start - prefix.len() >= least && self.ends_number(end);
            is_whole.then_some((start, end))
        };
        let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        matches(at.checked_sub(2), "AKIA", is_upper, 16)
            .or_else(|| matches(at.checked_sub(2), "ASIA", is_upper, 16))
            .or_else(|| matches(at.checked_sub(1), "AIza", is_base64url, 35))
    }

    /// `Bearer …` and `Basic …`.
    fn scheme(&self, start: usize) -> Found {
        let rest = &self.text.as_bytes()[start..];
        let is = |word: &[u8]| {
            rest.get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word))
                && rest.get(word.len()) == Some(&b' ')
        };
        let is_bearer = is(b"bearer");
        if !(is_bearer || is(b"basic")) || !self.is_border(start) {
            return None;
        }
        let blank = start + if is_bearer { 6 } else { 5 };
        let from = self.run_end(blank, |byte| byte == b' ');
        let end = self.run_end(from, |byte| is_base64url(byte) || b".~+/=".contains(&byte));
        let token = self.text[from..end].trim_end_matches('.');
        let is_secret = if is_bearer {
            token.len() >= 6
                && !AFTER_BEARER
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case(token))
        } else {
            token.len() >= 8 && is_mixed(token)
        };
        is_secret.then_some((from, from + token.len()))
    }

    fn service_token(&self, at: usize) -> Found {
        let head = &self.text.as_bytes()[..=at];
        let (prefix, least) = TOKEN_PREFIXES
            .iter()
            .find(|(prefix, _)| head.ends_with(prefix.as_bytes()))?;
        let start = at + 1 - prefix.len();
        if !self.is_token_border(start) {
            return None;
        }
        let end = self.run_end(at + 1, is_base64url);
        let is_token =
            end - at > *least && self.text[at..end].bytes().any(|byte| byte.is_ascii_digit());
        is_token.then_some((start, end))
    }

    /// A whole PEM block, or what there is of it.
    fn private_key(&self, start: usize) -> Found {
        let block = &self.text[start..];
        if !begins_private_key(block) || self.before(start) == b'-' {
            return None;
        }
        let end = block.find("-----END").and_then(|end| {
            let name = end + "-----END".len();
            let close = block[name..].find("-----")?;
            Some(name + close + "-----".len())
        });
        Some((start, start + end.unwrap_or(block.len())))
    }
}

struct Key<'t> {
    text: &'t str,
    start: usize,
    is_quoted: bool,
}

fn is_header(key: &str) -> bool {
    let key = key.as_bytes();
    [&b"cookie"[..], b"authorization"].iter().any(|name| {
        key.len() >= name.len() && key[key.len() - name.len()..].eq_ignore_ascii_case(name)
    })
}

/// What a value without quotes is made of.
fn is_bare(byte: u8) -> bool {
    byte > b' ' && !b"&;,)]}\"'`<>|\\".contains(&byte) && byte != 0x7f
}

/// Placeholders of format strings and settings (`%s`, `%(name)s`, `{name}`, `${NAME}`, `<name>`) are not secrets,
/// and neither are stars.
fn is_template(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.iter().all(|byte| *byte == b'*') {
        return true;
    }
    let is_name = |name: &[u8]| {
        name.len() <= TEMPLATE_BYTES_MAX
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-!:#? ".contains(byte))
    };
    match bytes {
        [b'%', last] => last.is_ascii_alphabetic(),
        [b'%', b'(', name @ .., b')', _] | [b'{', name @ .., b'}'] | [b'<', name @ .., b'>'] => {
            is_name(name)
        }
        [b'$', b'{', name @ .., b'}'] | [b'$', b'(', name @ .., b')'] => is_name(name),
        _ => false,
    }
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Whether a word is none of a language: figures, signs, or capitals inside.
fn is_mixed(word: &str) -> bool {
    word.bytes()
        .skip(1)
        .any(|byte| !byte.is_ascii_lowercase() && byte != b'-')
        && !word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The issuers' first digits and the lengths they use.
fn is_card(digits: &[u8]) -> bool {
    let prefix = digits
        .iter()
        .take(2)
        .fold(0, |number, digit| number * 10 + u32::from(*digit));
    let fits = matches!(
        (prefix, digits.len()),
        (40..=49, 13 | 16 | 19)
            | (22..=27 | 51..=55, 16)
            | (34 | 37, 15)
            | (30 | 36 | 38 | 39, 14)
            | (35 | 60 | 62 | 64 | 65, 16..=19)
    );
    fits && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match u32::from(*digit) << (at % 2) {
            doubled @ 10.. => doubled - 9,
            single => single,
        })
        .sum();
    sum.is_multiple_of(10)
}
