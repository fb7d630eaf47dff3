//! What Perl prints when it dies, and the calls that Carp lists below.
//!
//! ```text
//! bad price at Cart.pm line 2.
//!         Cart::total("a", 3) called at shop.pl line 4
//! ```

use super::record::begins_a_record;
use super::text::{Prefix, Text};
use super::{Trace, exception};
use crate::event::Frame;

/// Warnings of the interpreter end as errors do.
const WARNINGS: [&str; 6] = [
    "Use of uninitialized value",
    "Argument \"",
    "Odd number of elements",
    "Deep recursion on ",
    "Useless use of ",
    "Possible ",
];

pub(super) fn find(text: &Text<'_>, found: &mut Vec<Trace>) {
    let mut next = 0;
    for (line, column) in text.places(" line ") {
        if line < next {
            continue;
        }
        if let Some(trace) = read(text, line, column) {
            next = trace.lines.end;
            found.push(trace);
        }
    }
}

fn read(text: &Text<'_>, line: usize, column: usize) -> Option<Trace> {
    let printed = text.line(line);
    let (before, place) = place(printed, column)?;
    // A call whose stack was cut off above.
    if before.ends_with(" called") {
        return None;
    }
    let first_call = prefix_of_call(printed, text.line(line + 1));
    let start = match first_call {
        Some(prefix) => prefix,
        None => start_of_message(before),
    };
    let message = before.get(start..)?.trim_start();
    let is_known = is_perl(place.0);
    if (first_call.is_none() && !is_known)
        || WARNINGS.iter().any(|warning| message.starts_with(warning))
    {
        return None;
    }
    let prefix = Prefix::of(printed, start);
    let mut place = Some(place);
    let mut frames = Vec::new();
    let mut at = line + 1;
    while at < text.len() && first_call.is_some() {
        let Some((function, from)) = call(prefix.strip(text.line(at))) else {
            break;
        };
        frames.push(frame(Some(function), place.take()));
        place = Some(from);
        at += 1;
    }
    frames.push(frame(None, place));
    let value = Some(message).filter(|message| !message.is_empty());
    Some(Trace {
        language: "perl",
        exceptions: vec![exception(None, value, frames)],
        threads: Vec::new(),
        lines: line..at,
    })
}

/// `message at FILE line N.`: the message and the place, where the line ends with them.
fn place(line: &str, column: usize) -> Option<(&str, (&str, u64))> {
    let (before, number) = (&line[..column], &line[column + " line ".len()..]);
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = number.split_at(digits);
    if !(matches!(rest, "." | "") || (rest.starts_with(", <") && rest.ends_with('.'))) {
        return None;
    }
    // No name of a file is longer, and no text makes the walk back long.
    let from = before.len().saturating_sub(1024);
    let from = (from..=before.len()).find(|&at| before.is_char_boundary(at))?;
    let at = from + before[from..].rfind("at ")?;
    let (message, file) = (&before[..at], &before[at + "at ".len()..]);
    let is_word = message.is_empty() || message.ends_with([' ', '\t']);
    let is_place = is_word && !file.is_empty() && !file.ends_with([',', ':']);
    is_place.then(|| Some((message.trim_end(), (file, number.parse().ok()?))))?
}

fn is_perl(file: &str) -> bool {
    let ends = [".pl", ".pm", ".t", ".cgi", ".psgi", ".PL"];
    file == "-e"
        || file == "-"
        || file.starts_with("(eval ")
        || ends.iter().any(|end| file.ends_with(end))
        || (file.starts_with('/') && !file.rsplit('/').next().unwrap_or_default().contains('.'))
}

/// How much of the lines a log wrote, if the line below is a call.
fn prefix_of_call(line: &str, below: &str) -> Option<usize> {
    let tab = below.find('\t')?;
    call(&below[tab..])?;
    Some(if Prefix::of(below, tab).of_line(line).is_some() {
        line.len().min(tab)
    } else {
        start_of_message(line)
    })
    .filter(|start| line.is_char_boundary(*start))
}

fn start_of_message(before: &str) -> usize {
    if let Some(logged) = before.rfind("] ").or_else(|| before.rfind("| "))
        && (begins_a_record(before) || before[..logged].ends_with(' '))
    {
        return logged + 2;
    }
    0
}

/// `\tCart::total("a", 3) called at shop.pl line 4`
fn call(line: &str) -> Option<(&str, (&str, u64))> {
    let (function, from) = line.strip_prefix('\t')?.rsplit_once(" called at ")?;
    let (file, number) = from.rsplit_once(" line ")?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let name = match function.find('(') {
        Some(end) if end > 0 => &function[..end],
        _ => function,
    };
    Some((name, (file, number[..digits].parse().ok()?)))
}

fn frame(function: Option<&str>, place: Option<(&str, u64)>) -> Frame {
    let path = place.map(|place| place.0.to_owned());
    Frame {
        function: function.map(str::to_owned),
        abs_path: path.clone().filter(|path| path.starts_with('/')),
        filename: path,
        lineno: place.map(|place| place.1),
        ..Frame::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        shown::check(find, text, expected);
    }

    const STACK: &str = "bad thing at p.pl line 2.\n\tMy::Mod::f(\"a b\", 3, undef, ARRAY(0x5641)) called at p.pl line 4\n\tmain::g(1) called at p.pl line 5\n\teval {...} called at p.pl line 6\n";
    const STACK_SHOWN: &str =
        "?: bad thing | ? p.pl:6 | eval {...} p.pl:5 | main::g p.pl:4 | My::Mod::f p.pl:2";

    #[test]
    fn a_stack_is_read() {
        check(STACK, &[STACK_SHOWN]);
        check(
            &format!("x\n{STACK}{STACK}y\n"),
            &[STACK_SHOWN, "--", STACK_SHOWN],
        );
        let logged: String = STACK
            .lines()
            .map(|line| format!("app | {line}\n"))
            .collect();
        check(&logged, &[STACK_SHOWN]);
    }

    #[test]
    fn a_place_alone_is_the_frame() {
        check(
            "Illegal division by zero at pl/b.pl line 2.\n",
            &["?: Illegal division by zero | ? pl/b.pl:2"],
        );
        check(
            "with handle at /srv/a b.pl line 9, <F> line 1.\n",
            &["?: with handle | ? /srv/a b.pl:9"],
        );
        check("Died at -e line 1.\n", &["?: Died | ? -e:1"]);
        check(
            "look at me at (eval 3) line 1.\n",
            &["?: look at me | ? (eval 3):1"],
        );
        check(
            "2026/01/02 03:04:05 [error] boom at /srv/x.pm line 7.\n",
            &["?: boom | ? /srv/x.pm:7"],
        );
    }

    #[test]
    fn what_is_no_death_is_none() {
        for text in [
            "",
            " line ",
            "error at config.yml line 3.",
            "see x.pl line 3.",
            "Use of uninitialized value $x in addition (+) at p.pl line 3.",
            "at noon the line 3 train left",
            "bad at p.pl line 3 of 4",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_are_walked_once() {
        check(&" at x line ".repeat(2_000), &[]);
        check(&"\tx called at x line 3\n".repeat(20_000), &[]);
    }

    #[test]
    fn any_bytes_are_read() {
        shown::any_bytes(find, STACK);
        shown::any_bytes(find, "é [error] boom at /srv/x.pm line 7, <F> line 2.\n");
    }
}
