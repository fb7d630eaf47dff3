//! Text that anybody may have written, made harmless for each form.

use std::borrow::Cow;

/// Controls, line separators, marks that reorder or hide text.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
        )
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// One line in which everything is seen: what is not, is written as an escape.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same, of several lines.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hidden(c) && !is_kept(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.replace("\r\n", "\n").chars() {
        match c {
            c if !is_hidden(c) || is_kept(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c.is_ascii() => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => shown.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(shown)
}

/// At most so many characters, the last one a mark if something was cut.
pub(super) fn cut(text: &str, chars_max: usize) -> Cow<'_, str> {
    if text.char_indices().nth(chars_max).is_none() {
        return Cow::Borrowed(text);
    }
    let mut head: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    head.push('…');
    Cow::Owned(head)
}

/// For HTML, between tags and in quotes.
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in lines(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A code span of Markdown: in it nothing is markup, a link, or somebody's name.
pub(super) fn code_span(text: &str) -> String {
    let text = line(text);
    if text.trim().is_empty() {
        return String::from("(empty)");
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let is_padded = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if is_padded { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A code block of Markdown.
pub(super) fn code_block(text: &str) -> String {
    let text = lines(text);
    let fence = "`".repeat((longest_run(&text) + 1).max(3));
    format!("{fence}text\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// A cell of CSV: quoted where it must be (RFC 4180), and with a `'` before what a table would take for a formula.
pub(super) fn cell(text: &str) -> String {
    let text = lines(text);
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t']);
    let guard = if is_formula { "'" } else { "" };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => format!("{guard}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: impl AsRef<str>, expected: &str) {
        assert_eq!(found.as_ref(), expected);
    }

    #[test]
    fn what_is_not_seen_is_escaped() {
        check(line("a\u{1b}[31m\nb\u{202e}"), "a\\x1b[31m\\nb\\u{202e}");
        check(lines("a\r\nb\rc"), "a\nb\\rc");
    }

    #[test]
    fn markup_of_pages_is_text() {
        check(
            html("<script>alert('1')</script>&\""),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;",
        );
    }

    #[test]
    fn a_code_span_holds_any_text() {
        check(code_span("[a](http://b) @c <d>"), "`[a](http://b) @c <d>`");
        check(code_span("a ``b` c"), "```a ``b` c```");
        check(code_span("`a`"), "`` `a` ``");
        check(code_span(" "), "(empty)");
    }

    #[test]
    fn a_code_block_ends_where_it_should() {
        check(code_block("a\n```\nb"), "````text\na\n```\nb\n````\n");
        check(code_block("a"), "```text\na\n```\n");
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be() {
        check(cell("plain"), "plain");
        check(cell("a,b"), "\"a,b\"");
        check(cell("say \"x\"\nand y"), "\"say \"\"x\"\"\nand y\"");
    }

    #[test]
    fn a_cell_is_no_formula() {
        check(cell("=1+1"), "'=1+1");
        check(cell("+1"), "'+1");
        check(cell("-1,2"), "\"'-1,2\"");
        check(cell("@SUM(A1)"), "'@SUM(A1)");
        check(cell("\t=1"), "'\t=1");
        check(cell("\r=1"), "\\r=1");
    }

    #[test]
    fn what_is_cut_shows_it() {
        check(cut("abc", 3), "abc");
        check(cut("abcd", 3), "ab…");
    }
}
