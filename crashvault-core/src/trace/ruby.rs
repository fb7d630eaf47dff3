//! What Ruby prints of an exception: newest frame first, or the oldest as terminals were shown it until 3.0; its causes; and
//! the lists of frames that loggers write below a message.
//!
//! ```text
//! cart.rb:3:in `total': divided by 0 (ZeroDivisionError)
//!         from cart.rb:9:in `<main>'
//! ```

use super::record::begins_a_record;
use super::text::{Prefix, Text};
use super::{Trace, exception};
use crate::event::{Exception, Frame};

/// Lines looked at for the end of a message.
const MESSAGE_LINES_MAX: usize = 64;

const SYNTAX: &str = ": syntax error";

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut next = 0;
    let mut marks: Vec<(usize, usize)> = text.places(":in `").collect();
    marks.extend(text.places(":in '"));
    marks.sort_unstable();
    for (line, column) in marks {
        if line < next {
            continue;
        }
        let (trace, end) = read(text, line, column, next);
        next = end.max(line + 1);
        found.extend(trace);
    }
    let mut unread = Vec::new();
    for (line, column) in text.places(SYNTAX) {
        unread.extend(unreadable(text, line, column));
    }
    super::keep_free(found, unread);
}

/// A file that cannot be read as a program: `cart.rb:5: syntax error found (SyntaxError)`, and the lines of it that are shown
/// below. Ruby names the type since 3.2.
fn unreadable(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let printed = text.line(line);
    let (path, number) = printed[..column].rsplit_once(':')?;
    let path = &path[start_of_place(path)..];
    let ends = [
        ".rb", ".rake", ".ru", ".erb", ".gemspec", "Gemfile", "Rakefile",
    ];
    let is_program = path == "-e" || ends.iter().any(|end| path.ends_with(end));
    let lineno = number.parse().ok().filter(|_| is_program)?;
    let prefix = Prefix::of(printed, column - number.len() - 1 - path.len());
    let said = printed[column + 2..].trim_end();
    let mut value = said
        .strip_suffix(" (SyntaxError)")
        .unwrap_or(said)
        .to_owned();
    let mut end = line + 1;
    while end < text.len().min(line + MESSAGE_LINES_MAX) {
        let below = prefix.strip(text.line(end)).trim_end();
        // Lines of the program with their numbers, or one with a caret below.
        let is_caret = |line: &str| line.trim_start().starts_with(['^', '|', '.', '~']);
        let numbered = below.trim_start_matches(['>', ' ']);
        let is_numbered = numbered.len() < below.len() && numbered.contains('|');
        let is_marked = is_caret(prefix.strip(text.line(end + 1))) && !below.is_empty();
        if !is_numbered && !is_caret(below) && !is_marked {
            break;
        }
        value.push('\n');
        value.push_str(below);
        end += 1;
    }
    let frame = Frame {
        abs_path: path.starts_with('/').then(|| path.to_owned()),
        filename: Some(path.to_owned()),
        lineno: Some(lineno),
        ..Frame::default()
    };
    Some(Trace {
        language: "ruby",
        exceptions: vec![exception(Some("SyntaxError"), Some(&value), vec![frame])],
        threads: Vec::new(),
        lines: line..end,
    })
}

fn read(text: &Text<'_>, line: usize, column: usize, free: usize) -> (Option<Trace>, usize) {
    let before = &text.line(line)[..column];
    let start = start_of_place(before);
    let prefix = Prefix::of(before, start);
    let reader = Reader { text, prefix };
    let (exceptions, lines) = match reader.place(line) {
        Some(place) if place.is_from => reader.oldest_first(line, free),
        Some(place) if !place.rest.is_empty() => reader.newest_first(line),
        Some(_) => reader.list(line, free),
        None => return (None, line),
    };
    let end = lines.end;
    let trace = Trace {
        language: "ruby",
        exceptions,
        threads: Vec::new(),
        lines,
    };
    ((!trace.exceptions.is_empty()).then_some(trace), end)
}

/// Where the path begins behind what a log wrote.
fn start_of_place(before: &str) -> usize {
    let before = match before.find("from ") {
        // The prefix ends before the blanks and numbers that belong to a frame.
        Some(from) => {
            let counted = before[..from].trim_end_matches([' ', ':']);
            let counted = counted.trim_end_matches(|number: char| number.is_ascii_digit());
            return counted.trim_end_matches([' ', '\t']).len();
        }
        None => before,
    };
    if begins_a_record(before) {
        return before.rfind(' ').map_or(0, |at| at + 1);
    }
    [": ", "| ", "] ", "> "]
        .iter()
        .filter_map(|end| Some(before.rfind(end)? + end.len()))
        .max()
        .unwrap_or_default()
}

/// `path:line:in 'name': rest`, with or without `from` before it.
struct Place<'t> {
    frame: Frame,
    is_from: bool,
    rest: &'t str,
}

struct Reader<'t> {
    text: &'t Text<'t>,
    prefix: Prefix<'t>,
}

impl<'t> Reader<'t> {
    fn line(&self, number: usize) -> &'t str {
        self.prefix.strip(self.text.line(number))
    }

    fn place(&self, number: usize) -> Option<Place<'t>> {
        place(self.line(number))
    }

    fn newest_first(&self, head: usize) -> (Vec<Exception>, std::ops::Range<usize>) {
        let mut exceptions: Vec<Exception> = Vec::new();
        let mut at = head;
        while let Some(place) = self
            .place(at)
            .filter(|place| !place.is_from && !place.rest.is_empty())
        {
            let (ty, first) = type_and_message(place.rest);
            if at > head && ty.is_none() {
                break;
            }
            let below = at + 1;
            at = self.end_of_message(below);
            let value = self.message(first, below..at);
            let mut frames = vec![place.frame];
            while let Some(frame) = self.from(at) {
                frames.extend(frame);
                at += 1;
            }
            let read = exception(ty, value.as_deref(), frames);
            // A thread that fails prints its exception, and so does the program that waits for it.
            if exceptions.last() != Some(&read) {
                exceptions.push(read);
            }
        }
        exceptions.reverse();
        (exceptions, head..at)
    }

    /// A `from` line; one without a frame stands for many.
    fn from(&self, number: usize) -> Option<Option<Frame>> {
        let line = self.line(number);
        if let Some(place) = place(line).filter(|place| place.is_from) {
            return Some(Some(place.frame));
        }
        let line = line.strip_prefix(['\t', ' '])?.trim();
        if line.starts_with("... ") && line.ends_with(" levels...") {
            return Some(None);
        }
        let (path, number) = line.strip_prefix("from ")?.rsplit_once(':')?;
        Some(Some(frame(path, number.parse().ok()?, None)))
    }

    /// The line behind a message: before the next frame, if one is near, or before what can be no more of it.
    fn end_of_message(&self, start: usize) -> usize {
        let mut end = None;
        for number in start..(start + MESSAGE_LINES_MAX).min(self.text.len()) {
            let line = self.line(number);
            if self.from(number).is_some() {
                return number;
            }
            if place(line).is_some() || begins_a_record(line) {
                return end.unwrap_or(number);
            }
            let is_code = number == start && is_marker(self.line(start + 2));
            if end.is_none() && line.trim().is_empty() && !is_code {
                end = Some(number);
            }
        }
        end.unwrap_or((start + MESSAGE_LINES_MAX).min(self.text.len()))
    }

    /// A message with the lines below it, but for the code that it is about.
    fn message(&self, first: Option<&str>, below: std::ops::Range<usize>) -> Option<String> {
        let mut value = first.unwrap_or_default().to_owned();
        let mut number = below.start;
        while number < below.end {
            if self.line(number).trim().is_empty() && is_marker(self.line(number + 2)) {
                number += 3;
                continue;
            }
            value.push('\n');
            value.push_str(self.line(number));
            number += 1;
        }
        value.truncate(value.trim_end().len());
        (!value.is_empty()).then_some(value)
    }

    /// `2: from a.rb:5:in 'f'` and so on, and the innermost frame last, with the message. Causes stand before.
    fn oldest_first(&self, start: usize, free: usize) -> (Vec<Exception>, std::ops::Range<usize>) {
        let mut exceptions = Vec::new();
        let mut at = start;
        loop {
            let mut frames = Vec::new();
            let first = at;
            while let Some(frame) = self.from(at) {
                frames.extend(frame);
                at += 1;
            }
            let head = self
                .place(at)
                .filter(|place| !place.is_from && !place.rest.is_empty());
            let Some((head, (ty @ Some(_), message))) = head.map(|head| {
                let read = type_and_message(head.rest);
                (head, read)
            }) else {
                at = if exceptions.is_empty() { at } else { first };
                break;
            };
            at += 1;
            let below = at;
            at = self.end_of_oldest_first(below);
            frames.push(head.frame);
            frames.reverse();
            let value = self.message(message, below..at);
            exceptions.push(exception(ty, value.as_deref(), frames));
            if self.from(at).is_none() {
                break;
            }
        }
        let headed = start
            .checked_sub(1)
            .filter(|above| *above >= free && self.line(*above).starts_with("Traceback"));
        (exceptions, headed.unwrap_or(start)..at)
    }

    /// Frames below belong to the next exception, so that they do not tell where a message ends.
    fn end_of_oldest_first(&self, start: usize) -> usize {
        let end = (start + MESSAGE_LINES_MAX).min(self.text.len());
        (start..end)
            .find(|&number| {
                let line = self.line(number);
                let is_code = number == start && is_marker(self.line(start + 2));
                self.from(number).is_some()
                    || place(line).is_some()
                    || begins_a_record(line)
                    || (line.trim().is_empty() && !is_code)
            })
            .unwrap_or(end)
    }

    /// Frames without a message: it stands above, as loggers and Rails write it.
    fn list(&self, start: usize, free: usize) -> (Vec<Exception>, std::ops::Range<usize>) {
        let mut frames = Vec::new();
        let mut at = start;
        while let Some(place) = self.place(at).filter(|place| place.rest.is_empty()) {
            frames.push(place.frame);
            at += 1;
        }
        let mut above = (free.max(start.saturating_sub(3))..start).rev();
        let above = above.find(|&number| !self.text.line(number).trim().is_empty());
        let named = above.and_then(|above| Some((above, message_above(self.text.line(above))?)));
        match named {
            Some((above, (ty, value))) => (vec![exception(Some(ty), value, frames)], above..at),
            None => (Vec::new(), start..at),
        }
    }
}

fn place(line: &str) -> Option<Place<'_>> {
    let (before, name) = line.split_once(":in ")?;
    let name = name.strip_prefix(['`', '\''])?;
    let (name, rest) = match name.split_once("': ") {
        Some((name, rest)) => (name, rest.trim_end()),
        None => (name.trim_end().strip_suffix('\'')?, ""),
    };
    let (before, number) = before.rsplit_once(':')?;
    let number = number.parse().ok()?;
    let unindented = before.trim_start();
    let counted = match unindented.split_once(": from ") {
        Some((count, path)) if count.bytes().all(|byte| byte.is_ascii_digit()) => Some(path),
        _ => unindented.strip_prefix("from "),
    };
    let path = counted.unwrap_or(unindented);
    (!path.is_empty()).then(|| Place {
        frame: frame(path, number, Some(name)),
        is_from: counted.is_some(),
        rest,
    })
}

/// The parts of a method that handle its failures are the method.
fn frame(path: &str, number: u64, name: Option<&str>) -> Frame {
    let name = name.map(|name| {
        let name = name.strip_prefix("rescue in ").unwrap_or(name);
        name.strip_prefix("ensure in ").unwrap_or(name)
    });
    let (module, function) = name.map_or((None, None), |name| {
        let (module, function) = module_and_function(name);
        (module, Some(function))
    });
    let is_absolute = path.starts_with('/') || path.as_bytes().get(1) == Some(&b':');
    Frame {
        function,
        module,
        abs_path: is_absolute.then(|| path.to_owned()),
        filename: Some(path.to_owned()),
        lineno: Some(number),
        ..Frame::default()
    }
}

/// `block in Shop::Cart#total` and `Kernel.require`, as 3.4 and later print them.
fn module_and_function(name: &str) -> (Option<String>, String) {
    let (part, owned) = name
        .rsplit_once(" in ")
        .map_or(("", name), |(part, owned)| (part, owned));
    let split = owned.split_once('#').or_else(|| owned.split_once('.'));
    match split {
        Some((module, function))
            if module.starts_with(char::is_uppercase) && !function.is_empty() =>
        {
            let part = if part.is_empty() {
                String::new()
            } else {
                format!("{part} in ")
            };
            (Some(module.to_owned()), format!("{part}{function}"))
        }
        _ => (None, name.to_owned()),
    }
}

fn is_marker(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line.bytes().all(|byte| byte == b'^' || byte == b'~')
}

fn is_constant(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || matches!(character, '_' | ':'))
        || name.starts_with("#<Class:")
}

/// `divided by 0 (ZeroDivisionError)`; the class stands at the end of the first line of a message.
fn type_and_message(rest: &str) -> (Option<&str>, Option<&str>) {
    if rest == "unhandled exception" {
        return (Some("RuntimeError"), None);
    }
    match rest
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("))
    {
        Some((message, class)) if is_constant(class) => {
            (Some(class), (message != class).then_some(message))
        }
        _ if is_constant(rest) => (Some(rest), None),
        _ => (None, Some(rest)),
    }
}

/// `divided by 0 (ZeroDivisionError)`, `ZeroDivisionError (divided by 0):` or `ZeroDivisionError: divided by 0`, behind what
/// a log wrote.
fn message_above(line: &str) -> Option<(&str, Option<&str>)> {
    let line = line.trim_end();
    let line = line
        .rsplit_once(" -- : ")
        .map_or(line, |(_, message)| message);
    if let (Some(class), message) = type_and_message(line)
        && line.ends_with(')')
    {
        return Some((class, message));
    }
    if let Some((class, message)) = line
        .strip_suffix("):")
        .and_then(|line| line.split_once(" ("))
    {
        let class = class.rsplit(' ').next().unwrap_or(class);
        return is_constant(class).then_some((class, Some(message)));
    }
    let is_error = |word: &str| {
        is_constant(word)
            && (word.contains("Error") || word.contains("Exception") || word.contains("::"))
    };
    let mut from = 0;
    while let Some(at) = line[from..].find(": ") {
        let class = line[..from + at].rsplit(' ').next().unwrap_or_default();
        if is_error(class) {
            return Some((class, Some(&line[from + at + 2..])));
        }
        from += at + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(find, text, expected);
    }

    const PLAIN: &str = "r.rb:2:in `fetch': key not found: :price (KeyError)\n\tfrom /srv/a b.rb:2:in `block in total'\n\tfrom r.rb:10:in `<main>'\n";
    const PLAIN_SHOWN: &str = "KeyError: key not found: :price | <main> r.rb:10 | block in total /srv/a b.rb:2 | fetch r.rb:2";

    #[test]
    fn an_exception_is_read() {
        check(PLAIN, &[PLAIN_SHOWN]);
        check(
            &format!(
                "#<Thread:0x00007f r.rb:14 run> terminated with exception (report_on_exception is true):\n{PLAIN}bye\n"
            ),
            &[PLAIN_SHOWN],
        );
        check(&format!("{PLAIN}{PLAIN}"), &[PLAIN_SHOWN]);
        check(
            &format!("{PLAIN}\nx\n{PLAIN}"),
            &[PLAIN_SHOWN, "--", PLAIN_SHOWN],
        );
        check("C:/x.rb:3:in `f': b (E)\n", &["E: b | f C:/x.rb:3"]);
    }

    #[test]
    fn exceptions_in_logs_are_read() {
        let prefixed = |prefix: &str| {
            PLAIN
                .lines()
                .map(|line| format!("{prefix}{line}\n"))
                .collect::<String>()
        };
        check(&prefixed("web-1  | "), &[PLAIN_SHOWN]);
        check(
            &format!("2026-01-02 03:04:05 ERROR {PLAIN}"),
            &[PLAIN_SHOWN],
        );
        check(
            &format!("Jan 02 03:04:05 host app[3]: {PLAIN}"),
            &[PLAIN_SHOWN],
        );
    }

    #[test]
    fn classes_own_methods_since_3_4() {
        check(
            "r.rb:2:in 'Shop::Order#fetch': x (KeyError)\n\tfrom r.rb:3:in 'block in Order#run'\n\tfrom r.rb:4:in 'Kernel.require'\n\tfrom r.rb:9:in '<main>'\n",
            &[
                "KeyError: x | <main> r.rb:9 | Kernel!require r.rb:4 | Order!block in run r.rb:3 | Shop::Order!fetch r.rb:2",
            ],
        );
    }

    #[test]
    fn causes_come_first() {
        check(
            "r.rb:4:in `rescue in run': order (ArgumentError)\ninvalid\n\tfrom r.rb:3:in `run'\nr.rb:2:in `fetch': no key (KeyError)\n\tfrom r.rb:3:in `run'\n",
            &[
                "KeyError: no key | run r.rb:3 | fetch r.rb:2",
                "ArgumentError: order\ninvalid | run r.rb:3 | run r.rb:4",
            ],
        );
    }

    #[test]
    fn the_older_order_is_read() {
        check(
            "Traceback (most recent call last):\n\t1: from r.rb:3:in `<main>'\nr.rb:1:in `a': boom 12 (RuntimeError)\n",
            &["RuntimeError: boom 12 | <main> r.rb:3 | a r.rb:1"],
        );
        check(
            "Traceback (most recent call last):\n\t10: from r.rb:17:in `<main>'\n\t 1: from r.rb:4:in `run'\nr.rb:2:in `fetch': no key (KeyError)\n\t1: from r.rb:17:in `<main>'\nr.rb:4:in `rescue in run': order (ArgumentError)\ninvalid\n\nnext\n",
            &[
                "KeyError: no key | <main> r.rb:17 | run r.rb:4 | fetch r.rb:2",
                "ArgumentError: order\ninvalid | <main> r.rb:17 | run r.rb:4",
            ],
        );
        check(
            "app |\tTraceback (most recent call last):\napp |\t1: from r.rb:3:in `<main>'\napp |r.rb:1:in `a': boom (RuntimeError)\n",
            &["RuntimeError: boom | <main> r.rb:3 | a r.rb:1"],
        );
    }

    #[test]
    fn a_single_frame_has_no_order() {
        check(
            "Traceback (most recent call last):\nr.rb:16:in `<main>': x (RuntimeError)\n",
            &["RuntimeError: x | <main> r.rb:16"],
        );
    }

    #[test]
    fn messages_are_whole_without_the_code() {
        check(
            "n.rb:3:in `name': undefined method `foo' for nil:NilClass (NoMethodError)\n\n    def name(u) = u.foo\n                   ^^^^\nDid you mean?  fob\n\tfrom n.rb:9:in `<main>'\n",
            &[
                "NoMethodError: undefined method `foo' for nil:NilClass\nDid you mean?  fob | <main> n.rb:9 | name n.rb:3",
            ],
        );
        check(
            "n.rb:3:in `<main>': bad (NameError)\n\n    foo\n    ^^^\nDid you mean?  fob\n\nnext\n",
            &["NameError: bad\nDid you mean?  fob | <main> n.rb:3"],
        );
        check(
            "n.rb:3:in `f': one (E)\n\nfrom here\n\tfrom n.rb:9:in `<main>'\n",
            &["E: one\n\nfrom here | <main> n.rb:9 | f n.rb:3"],
        );
    }

    #[test]
    fn exceptions_without_message_are_read() {
        check(
            "r.rb:12:in `<main>': MyE (MyE)\n",
            &["MyE | <main> r.rb:12"],
        );
        check("r.rb:12:in `<main>': MyE\n", &["MyE | <main> r.rb:12"]);
        check(
            "r.rb:13:in `<main>': unhandled exception\n",
            &["RuntimeError | <main> r.rb:13"],
        );
    }

    #[test]
    fn levels_left_out_are_passed_over() {
        check(
            "r.rb:8:in `rec': stack level too deep (SystemStackError)\n\tfrom r.rb:8:in `rec'\n\t ... 10068 levels...\n\tfrom r.rb:11:in `<main>'\n",
            &["SystemStackError: stack level too deep | <main> r.rb:11 | rec r.rb:8 | rec r.rb:8"],
        );
    }

    #[test]
    fn lists_of_loggers_are_read() {
        let list = "r.rb:4:in `run'\nr.rb:19:in `<main>'\n";
        check(
            &format!("E, [2026-11-23T04:45:06 #14176] ERROR -- : bad (ArgumentError)\n{list}"),
            &["ArgumentError: bad | <main> r.rb:19 | run r.rb:4"],
        );
        check(
            &format!("ActionView::Template::Error (bad):\n  \n{list}"),
            &["ActionView::Template::Error: bad | <main> r.rb:19 | run r.rb:4"],
        );
        check(
            &format!("2026-01-02 WARN: Shop::Error: bad\n{list}"),
            &["Shop::Error: bad | <main> r.rb:19 | run r.rb:4"],
        );
        check(&format!("hello\n{list}"), &[]);
    }

    #[test]
    fn what_is_no_exception_is_none() {
        for text in [
            "",
            "a:in 'b'",
            "r.rb:x:in `f': y",
            ":in `",
            "x:1:in `",
            "\t1: from r.rb:3:in `<main>'\n",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&"\tfrom r.rb:3:in `f'\n".repeat(20_000), &[]);
        check(&"x: ".repeat(50_000), &[]);
        check(&":in '".repeat(50_000), &[]);
    }

    #[test]
    fn programs_that_cannot_be_read_are_told() {
        check(
            "bad.rb:5: syntax error, unexpected end-of-input\nclass\n     ^\nnext\n",
            &["SyntaxError: syntax error, unexpected end-of-input\nclass\n     ^ | ? bad.rb:5"],
        );
        check(
            "bad.rb: --> bad.rb\n/srv/bad.rb:5: syntax errors found (SyntaxError)\n  3 |     puts 1\n> 5 | class\n    |      ^ expected a name\n",
            &[
                "SyntaxError: syntax errors found\n  3 |     puts 1\n> 5 | class\n    |      ^ expected a name | ? /srv/bad.rb:5",
            ],
        );
        check("bad.y:5: syntax error, unexpected x\n", &[]);
        check("sh: 1: syntax error near x\n", &[]);
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(
            find,
            &format!("{PLAIN}n.rb:3:in `f': b (E)\n\n    a\n    ^\n\tfrom x:1\n"),
        );
        shown::any_bytes(
            find,
            "Traceback (most recent call last):\n\t1: from r.rb:3:in `<main>'\nr.rb:1:in `a': boom 12 (RuntimeError)\n",
        );
    }
}
