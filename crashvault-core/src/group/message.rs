//! Enters: a message. Leaves: its template, with what changes from event to event replaced by placeholders.
//!
//! Never: reads beyond the first lines; changes a text it has already made (its output is its own template).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::event::limits::head;

/// What is read of a message, in bytes, and the bound of what is made of it.
const TEXT_BYTES_MAX: usize = 4096;
/// The same of a message whose words are compared.
const WORDS_BYTES_MAX: usize = 1000;
/// Lines read of a message: the rest is often a dump.
const LINES_MAX: usize = 10;
/// Longest local part of an e-mail address (RFC 5321 §4.5.3.1.1).
const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// Longest scheme of a URL that is looked for.
const SCHEME_BYTES_MAX: usize = 16;
/// Shortest run of hex digits that is taken for an id.
const HEX_BYTES_MIN: usize = 8;

const PLACEHOLDERS: &[&str] = &[
    "<uuid>", "<hex>", "<path>", "<url>", "<email>", "<ip>", "<time>", "<str>", "<num>",
];

type Matcher = fn(&str) -> Option<usize>;

/// What is looked for at the start of a word; the first that fits wins.
const WORDS: &[(Matcher, &str)] = &[
    (url, "<url>"),
    (email, "<email>"),
    (uuid, "<uuid>"),
    (time, "<time>"),
    (prefixed_hex, "<hex>"),
    (ipv4, "<ip>"),
    (ipv6, "<ip>"),
    (windows_path, "<path>"),
    (bare_hex, "<hex>"),
    (number, "<num>"),
];

/// What is looked for at a sign.
const SIGNS: &[(Matcher, &str)] = &[
    (ipv6, "<ip>"),
    (windows_path, "<path>"),
    (unix_path, "<path>"),
    (negative, "<num>"),
];

/// Replaces ids, numbers, addresses, paths, times and quoted texts by placeholders; white space becomes one blank.
pub(super) fn parameterise(text: &str) -> String {
    template(head(text, TEXT_BYTES_MAX), false)
}

/// The words of a message, with placeholders for what changes. What stands in quotes are words too: names of types and
/// members, more often than not.
pub(super) fn words(text: &str, max: usize) -> Vec<String> {
    let text = without_quotes(head(text, WORDS_BYTES_MAX).trim());
    let template = template(text, true);
    let is_outside = |c: char| !is_word(c) && c != '<' && c != '>';
    let pieces = template.split(is_outside).filter_map(|piece| {
        let is_placeholder = PLACEHOLDERS.contains(&piece);
        let word = if is_placeholder {
            piece
        } else {
            piece.trim_matches(['<', '>'])
        };
        (!word.is_empty()).then(|| word.to_owned())
    });
    pieces.take(max).collect()
}

/// A message that is a quoted text as a whole is that text.
fn without_quotes(text: &str) -> &str {
    let mut inside = text.chars();
    match (inside.next(), inside.next_back()) {
        (Some(open), Some(close)) if partner(open) == Some(close) => inside.as_str(),
        _ => text,
    }
}

fn template(text: &str, reads_quotes: bool) -> String {
    let text = first_lines(text);
    let mut scanner = Scanner {
        rest: text,
        made: String::with_capacity(text.len()),
        unclosed: Vec::new(),
        reads_quotes,
    };
    while scanner.step() {}
    scanner.made.truncate(scanner.made.trim_end().len());
    scanner.made
}

fn first_lines(text: &str) -> &str {
    match text.trim_start().match_indices('\n').nth(LINES_MAX - 1) {
        Some((end, _)) => &text.trim_start()[..end],
        None => text.trim(),
    }
}

struct Scanner<'t> {
    rest: &'t str,
    made: String,
    /// Quotes known to have no partner in the rest.
    unclosed: Vec<char>,
    /// What is quoted is read as the rest.
    reads_quotes: bool,
}

impl Scanner<'_> {
    /// Takes one piece off the text; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        if first.is_whitespace() {
            let blank = if self.made.is_empty() || self.made.ends_with(' ') {
                ""
            } else {
                " "
            };
            return self.take(first.len_utf8(), blank);
        }
        if first == '<'
            && let Some(placeholder) = PLACEHOLDERS.iter().find(|p| self.rest.starts_with(**p))
        {
            return self.take(placeholder.len(), placeholder);
        }
        if self.at_border()
            && let Some((length, placeholder)) = self.find(first)
        {
            return self.take(length, placeholder);
        }
        let length = if is_word(first) {
            run(self.rest, is_word)
        } else {
            first.len_utf8()
        };
        let piece = &self.rest[..length];
        self.take(length, piece)
    }

    fn take(&mut self, length: usize, piece: &str) -> bool {
        if self.made.len() + piece.len() > TEXT_BYTES_MAX {
            return false;
        }
        self.made.push_str(piece);
        self.rest = &self.rest[length..];
        true
    }

    /// Whether what was made so far does not reach into the next word. It is asked of the output, so that a
    /// second pass sees the same borders.
    fn at_border(&self) -> bool {
        let last = self.made.chars().next_back();
        let in_placeholder =
            last == Some('>') && PLACEHOLDERS.iter().any(|p| self.made.ends_with(p));
        !in_placeholder && !last.is_some_and(is_word)
    }

    fn find(&mut self, first: char) -> Option<(usize, &'static str)> {
        if let Some(close) = partner(first)
            && !self.reads_quotes
        {
            return Some((self.quoted(first, close)?, "<str>"));
        }
        let table = if is_word(first) { WORDS } else { SIGNS };
        table
            .iter()
            .find_map(|(matcher, placeholder)| Some((matcher(self.rest)?, *placeholder)))
    }

    /// A quoted text ends at a quote that no word follows: `'it's'` is one.
    fn quoted(&mut self, open: char, close: char) -> Option<usize> {
        if self.unclosed.contains(&open) {
            return None;
        }
        let start = open.len_utf8();
        let end = self.rest[start..]
            .match_indices(close)
            .map(|(at, _)| start + at + close.len_utf8())
            .find(|end| {
                let after = &self.rest[*end..];
                !after.starts_with(is_word) && !PLACEHOLDERS.iter().any(|p| after.starts_with(p))
            });
        if end.is_none() {
            self.unclosed.push(open);
        }
        end
    }
}

fn partner(open: char) -> Option<char> {
    match open {
        '"' | '\'' | '`' => Some(open),
        '“' => Some('”'),
        '‘' => Some('’'),
        '«' => Some('»'),
        _ => None,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn run(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

/// `length` if the word ends there.
fn word_end(text: &str, length: usize) -> Option<usize> {
    (!text[length..].starts_with(is_word)).then_some(length)
}

/// Paths and URLs end at blanks, quotes and brackets, and do not end in a full stop.
fn reach(text: &str, stops: &[char]) -> usize {
    let end = run(text, |c| {
        !c.is_whitespace()
            && partner(c).is_none()
            && !matches!(c, '<' | '>' | '”' | '’' | '»')
            && !stops.contains(&c)
    });
    text[..end]
        .trim_end_matches(['.', ',', ';', ':', '!', '?'])
        .len()
}

fn url(text: &str) -> Option<usize> {
    let scheme = run(head(text, SCHEME_BYTES_MAX + 3), |c| {
        c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
    });
    let rest = text[scheme..].strip_prefix("://")?;
    let length = reach(rest, &[')', '|']);
    (length > 0).then_some(scheme + 3 + length)
}

fn email(text: &str) -> Option<usize> {
    let local = run(head(text, EMAIL_LOCAL_BYTES_MAX + 1), |c| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-')
    });
    let domain = text[local..].strip_prefix('@')?;
    let length = run(domain, |c| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '-')
    });
    let length = domain[..length].trim_end_matches(['.', '-']).len();
    let has_dot = domain[..length].contains('.');
    (has_dot && length > 2)
        .then_some(local + 1 + length)
        .and_then(|length| word_end(text, length))
}

fn uuid(text: &str) -> Option<usize> {
    const LENGTH: usize = 36;
    let bytes = text.as_bytes().get(..LENGTH)?;
    let fits = bytes.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some(LENGTH)
        .and_then(|length| word_end(text, length))
}

/// The length of digits and separators laid out as in `shape`, where `0` is any digit.
fn shaped(text: &str, shape: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..shape.len())?;
    let fits = bytes.iter().zip(shape.bytes()).all(|(byte, wanted)| {
        if wanted == b'0' {
            byte.is_ascii_digit()
        } else {
            *byte == wanted
        }
    });
    fits.then_some(shape.len())
}

/// An ISO date with or without a time, or a time with seconds.
fn time(text: &str) -> Option<usize> {
    let Some(date) = shaped(text, "0000-00-00").or_else(|| shaped(text, "0000/00/00")) else {
        let clock = clock(text)?;
        return word_end(text, clock);
    };
    let rest = &text[date..];
    let with_clock = rest
        .strip_prefix(['T', 't', ' '])
        .and_then(clock)
        .map(|length| date + 1 + length);
    word_end(text, with_clock.unwrap_or(date))
}

fn clock(text: &str) -> Option<usize> {
    let mut length = shaped(text, "00:00:00").or_else(|| shaped(text, "0:00:00"))?;
    if let Some(fraction) = text[length..].strip_prefix(['.', ',']) {
        match run(fraction, |c| c.is_ascii_digit()) {
            0 => {}
            digits => length += 1 + digits,
        }
    }
    let rest = &text[length..];
    if rest.starts_with(['Z', 'z']) {
        return Some(length + 1);
    }
    let zone = ["+00:00", "-00:00", "+0000", "-0000"]
        .iter()
        .find_map(|shape| shaped(rest, shape));
    Some(length + zone.unwrap_or(0))
}

fn prefixed_hex(text: &str) -> Option<usize> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))?;
    let length = run(digits, |c| c.is_ascii_hexdigit());
    (length > 0)
        .then_some(2 + length)
        .and_then(|length| word_end(text, length))
}

/// At least eight hex digits with a figure and a letter among them: words such as `deadbeef` stay.
fn bare_hex(text: &str) -> Option<usize> {
    let length = run(text, |c| c.is_ascii_hexdigit());
    let digits = &text.as_bytes()[..length];
    let mixed = digits.iter().any(u8::is_ascii_digit) && !digits.iter().all(u8::is_ascii_digit);
    (mixed && length >= HEX_BYTES_MIN)
        .then_some(length)
        .and_then(|length| word_end(text, length))
}

fn ipv4(text: &str) -> Option<usize> {
    let length = run(head(text, 16), |c| c.is_ascii_digit() || c == '.');
    let address = text[..length].trim_end_matches('.');
    address.parse::<Ipv4Addr>().ok()?;
    word_end(text, address.len())
}

/// Needs a figure: `a::b` is a path of names.
fn ipv6(text: &str) -> Option<usize> {
    let length = run(head(text, 40), |c| c.is_ascii_hexdigit() || c == ':');
    let address = match text[..length].strip_suffix(':') {
        Some(address) if !address.ends_with(':') => address,
        _ => &text[..length],
    };
    let plausible = address.bytes().filter(|byte| *byte == b':').count() >= 2
        && address.bytes().any(|byte| byte.is_ascii_digit());
    if !plausible {
        return None;
    }
    address.parse::<Ipv6Addr>().ok()?;
    // What follows was more of the same run before a first pass made a placeholder of it.
    let after = text[address.len()..].trim_start_matches(':');
    let goes_on = PLACEHOLDERS.iter().any(|p| after.starts_with(p));
    word_end(text, address.len()).filter(|_| !goes_on)
}

fn windows_path(text: &str) -> Option<usize> {
    const STOPS: &[char] = &[',', ';', ')', ']', '}', '|', ':'];
    if let Some(share) = text.strip_prefix("\\\\") {
        let length = reach(share, STOPS);
        return share
            .starts_with(|c: char| is_word(c) || c == '?' || c == '.')
            .then_some(2 + length)
            .filter(|length| *length > 2);
    }
    let mut start = text.chars();
    let drive = start.next()?.is_ascii_alphabetic()
        && start.next()? == ':'
        && matches!(start.next()?, '\\' | '/');
    if !drive || text[2..].starts_with("//") {
        return None;
    }
    Some(2 + reach(&text[2..], STOPS).max(1))
}

/// `/a`, `~/a`, `./a`, `../a`.
fn unix_path(text: &str) -> Option<usize> {
    let dots = run(text, |c| matches!(c, '.' | '~'));
    let named = text[dots..]
        .strip_prefix('/')?
        .starts_with(|c: char| is_word(c) || matches!(c, '.' | '-' | '@' | '+'));
    if !named || dots > 2 {
        return None;
    }
    let length = reach(
        &text[dots..],
        &[',', ';', ')', ']', '}', '|', ':', '=', '&'],
    );
    (length > 1).then_some(dots + length)
}

fn number(text: &str) -> Option<usize> {
    let digits = |text: &str| run(text, |c| c.is_ascii_digit());
    let mut length = digits(text);
    if length == 0 {
        return None;
    }
    while let Some(more) = text[length..].strip_prefix(['.', ',']) {
        let group = digits(more);
        let is_comma = text[length..].starts_with(',');
        if group == 0 || (is_comma && group != 3) {
            break;
        }
        length += 1 + group;
    }
    if let Some(exponent) = text[length..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let power = digits(&exponent[sign..]);
        if power > 0 {
            length += 1 + sign + power;
        }
    }
    Some(length)
}

fn negative(text: &str) -> Option<usize> {
    Some(1 + number(text.strip_prefix('-')?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let made = parameterise(text);
        assert_eq!(made, expected, "{text}");
        assert_eq!(parameterise(&made), made, "a second pass over {text}");
    }

    #[test]
    fn ids() {
        check(
            "job 836d5dc8-386c-46d6-a6cb-ca36eeabce7f failed",
            "job <uuid> failed",
        );
        check(
            "commit 1f6a3b9c2d is gone, deadbeef stays",
            "commit <hex> is gone, deadbeef stays",
        );
        check("at 0x7ffe12ab", "at <hex>");
        check("key 0011aabbccddeeff", "key <hex>");
    }

    #[test]
    fn numbers() {
        check("took 12 ms", "took <num> ms");
        check("took 12ms", "took <num>ms");
        check("-3.5 and 1e-9 of 1,234,567", "<num> and <num> of <num>");
        check("range 3-5", "range <num>-<num>");
        check("index [3]", "index [<num>]");
        check("thread-12 of utf8", "thread-<num> of utf8");
        check("x=5, y=-7", "x=<num>, y=<num>");
        check("version 1.2.3", "version <num>");
        check("100% of it.", "<num>% of it.");
    }

    #[test]
    fn places() {
        check(
            "cannot open /etc/app/x.toml: 2",
            "cannot open <path>: <num>",
        );
        check(
            "in ~/a and ./b or ../c/d.",
            "in <path> and <path> or <path>.",
        );
        check(
            r"cannot open C:\Users\me\x.txt, sorry",
            "cannot open <path>, sorry",
        );
        check(r"share \\host\data", "share <path>");
        check("and/or either/neither", "and/or either/neither");
        check("GET https://a.example/b?c=1 failed", "GET <url> failed");
        check("see (http://a.example/x).", "see (<url>).");
        check("at main.rs:12:5", "at main.rs:<num>:<num>");
    }

    #[test]
    fn people_and_machines() {
        check(
            "mail to a.b+c@example.org bounced",
            "mail to <email> bounced",
        );
        check("connect to 10.0.0.1:8080", "connect to <ip>:<num>");
        check("connect to [fe80::1]:80", "connect to [<ip>]:<num>");
        check("listen on ::1: refused", "listen on <ip>: refused");
        check("a::b::c is a path", "a::b::c is a path");
    }

    #[test]
    fn times() {
        check("at 2026-01-05T10:00:00.123Z", "at <time>");
        check("at 2026-01-05 10:00:00+02:00 it", "at <time> it");
        check("on 2026-01-05", "on <time>");
        check("at 10:00:00,123 it", "at <time> it");
    }

    #[test]
    fn quoted_texts() {
        check("no column 'user name' here", "no column <str> here");
        check("key \"a\" of `b`", "key <str> of <str>");
        check("don't do 'it'", "don't do <str>");
        check("he said \"it's 5\"", "he said <str>");
        check("open 'never", "open 'never");
        check("“words”", "<str>");
        check("'a'5", "'a'<num>");
    }

    #[test]
    fn white_space_and_lines() {
        check("  a \t b\n\n c  ", "a b c");
        check(&"x\n".repeat(50), "x ".repeat(10).trim_end());
    }

    #[test]
    fn placeholders_stay() {
        check("<num> and <str>", "<num> and <str>");
        check("<none>", "<none>");
    }

    #[test]
    fn a_long_text_is_bounded() {
        assert!(parameterise(&"1 ".repeat(100_000)).len() <= TEXT_BYTES_MAX);
        assert!(parameterise(&"'é".repeat(100_000)).len() <= TEXT_BYTES_MAX);
    }

    #[test]
    fn any_text_is_its_own_template_after_one_pass() {
        const PIECES: &[&str] = &[
            "1",
            "-",
            "a",
            "f",
            "0x",
            "'",
            "\"",
            "`",
            " ",
            "/",
            "\\",
            "C:",
            ":",
            "::",
            ".",
            "@",
            "http://",
            "é",
            "<num>",
            "<",
            ">",
            "2026-01-05",
            "10:00:00",
            "_",
            "e",
            "deadbee1",
            ",",
            "“",
            "”",
            "~",
            "(",
            ")",
            "\n",
            "10.0.0.1",
            "=",
        ];
        let mut state = 7u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                text.push_str(PIECES[(state >> 33) as usize % PIECES.len()]);
            }
            let once = parameterise(&text);
            assert_eq!(parameterise(&once), once, "{text:?}");
        }
    }
}
