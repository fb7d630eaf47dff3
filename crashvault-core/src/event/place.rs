//! Enters: an event. Leaves: the places in source files that it names, those of the program itself first.
//!
//! Never: looks whether a file is there.

use super::{Event, Frame, Stacktrace};

/// Places that are told of one event, and lines of a text that are read for them.
const PLACES_MAX: usize = 200;
const TEXT_LINES_MAX: usize = 5000;
/// A longer name is none of a file.
const FILE_BYTES_MAX: usize = 4096;

/// A line of a source file that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourcePlace {
    /// The file, as the event tells it to people: often below some directory that is not said.
    pub file: String,
    /// The whole path, where the event tells that too.
    pub path: Option<String>,
    /// From 1.
    pub line: u64,
    /// From 1, in the units of whoever reported it.
    pub column: Option<u64>,
    /// The function that the line is in.
    pub function: Option<String>,
    /// Whether it is the program's own code; `None` where nobody said.
    pub in_app: Option<bool>,
}

impl Event {
    /// The places in source files that the event names, each once: of the frames of what was thrown and its causes, else
    /// of the threads, innermost calls first; then those named in a stack that was given as text (`File "a.py", line 3`,
    /// `src/a.rs:3:7`). The program's own come before those nobody knows about, libraries last. At most 200.
    ///
    /// ```
    /// use crashvault::Event;
    /// let mut event = Event::new();
    /// event.set_own("stack", "  File \"/srv/shop/cart.py\", line 12, in pay");
    /// let places = event.source_places();
    /// assert_eq!((places[0].file.as_str(), places[0].line), ("/srv/shop/cart.py", 12));
    /// ```
    pub fn source_places(&self) -> Vec<SourcePlace> {
        let thrown = self.exceptions.iter().rev();
        let thrown = thrown.filter_map(|exception| exception.stacktrace.as_ref());
        let mut stacks: Vec<&Stacktrace> = thrown.collect();
        if stacks.is_empty() {
            let threads = self.threads.iter();
            stacks.extend(threads.filter_map(|thread| thread.stacktrace.as_ref()));
        }
        let frames = stacks.iter().flat_map(|stack| stack.frames.iter().rev());
        let mut places: Vec<SourcePlace> = frames.filter_map(of_frame).collect();
        let own = self.contexts.get("crashvault");
        if let Some(text) = own.and_then(|own| own.get("stack")?.as_str()) {
            places.extend(of_text(text));
        }
        places.sort_by_key(|place| match place.in_app {
            Some(true) => 0,
            None => 1,
            Some(false) => 2,
        });
        let mut seen = std::collections::HashSet::new();
        places.retain(|place| seen.insert((place.file.clone(), place.line)));
        places.truncate(PLACES_MAX);
        places
    }
}

fn of_frame(frame: &Frame) -> Option<SourcePlace> {
    let file = frame.filename.as_ref().or(frame.abs_path.as_ref())?;
    Some(SourcePlace {
        file: file.clone(),
        path: frame.abs_path.clone(),
        line: frame.lineno.filter(|line| *line > 0)?,
        column: frame.colno.filter(|column| *column > 0),
        function: frame.function.clone(),
        in_app: frame.in_app,
    })
}

/// Python names the innermost call last, all others first.
fn of_text(text: &str) -> Vec<SourcePlace> {
    let (mut python, mut others) = (Vec::new(), Vec::new());
    for line in text.lines().take(TEXT_LINES_MAX) {
        match of_python(line) {
            Some(place) => python.push(place),
            None => others.extend(of_words(line)),
        }
    }
    python.reverse();
    python.append(&mut others);
    python
}

/// `File "a.py", line 3, in load`.
fn of_python(line: &str) -> Option<SourcePlace> {
    let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once('"')?;
    let rest = rest.strip_prefix(", line ")?;
    let (number, rest) = leading_number(rest)?;
    let function = rest
        .strip_prefix(", in ")
        .map(|name| name.trim().to_owned());
    place(file, number, None, function)
}

/// `a.rs:3:7` anywhere in a line.
fn of_words(line: &str) -> Vec<SourcePlace> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(colon) = line[from..].find(':').map(|at| from + at) {
        let start = from;
        from = colon + 1;
        let Some((number, rest)) = leading_number(&line[from..]) else {
            continue;
        };
        let column = rest.strip_prefix(':').and_then(leading_number);
        let end = line.len() - column.map_or(rest, |(_, rest)| rest).len();
        let file = file_before(&line[start..colon]);
        if is_file_name(file) {
            places.extend(place(file, number, column.map(|(column, _)| column), None));
        }
        from = end;
    }
    places
}

fn file_before(text: &str) -> &str {
    let is_end = |letter: char| letter.is_whitespace() || "\"'`()[]<>,;=|".contains(letter);
    let start = text.rfind(is_end).map_or(0, |at| {
        let letter = text[at..].chars().next();
        at + letter.map_or(1, char::len_utf8)
    });
    let file = &text[start..];
    file.strip_prefix("//")
        .filter(|_| file.starts_with("///"))
        .unwrap_or(file)
}

/// Something with an ending or a directory, and no number or address on the net.
fn is_file_name(file: &str) -> bool {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let has_ending = ending.is_some_and(|ending| {
        ending.starts_with(|letter: char| letter.is_ascii_alphabetic()) && ending.len() <= 12
    });
    let is_remote = file.starts_with("//");
    has_ending && !is_remote
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn place(
    file: &str,
    line: u64,
    column: Option<u64>,
    function: Option<String>,
) -> Option<SourcePlace> {
    let is_usable = line > 0 && !file.is_empty() && file.len() <= FILE_BYTES_MAX;
    is_usable.then(|| SourcePlace {
        file: file.to_owned(),
        path: None,
        line,
        column: column.filter(|column| *column > 0),
        function,
        in_app: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, u64, Option<u64>)]) {
        let mut event = Event::new();
        event.set_own("stack", text);
        let places = event.source_places();
        let found: Vec<_> = places
            .iter()
            .map(|place| (place.file.as_str(), place.line, place.column))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_innermost_call_of_python_comes_first() {
        let text = "Traceback (most recent call last):\n  File \"/a b/main.py\", line 1, in <module>\n    run()\n  File \"lib.py\", line 20, in run\nValueError";
        check(text, &[("lib.py", 20, None), ("/a b/main.py", 1, None)]);
    }

    #[test]
    fn places_of_many_languages_are_seen() {
        check("  --> src/main.rs:3:7", &[("src/main.rs", 3, Some(7))]);
        check(
            "    at pay (/srv/cart.js:12:5)",
            &[("/srv/cart.js", 12, Some(5))],
        );
        check(
            "    at file:///srv/cart.mjs:12:5",
            &[("/srv/cart.mjs", 12, Some(5))],
        );
        check("\t/go/src/main.go:9 +0x1d", &[("/go/src/main.go", 9, None)]);
        check(
            "\tat shop.Cart.pay(Cart.java:41)",
            &[("Cart.java", 41, None)],
        );
        check("cart.rb:7:in `pay': no (E)", &[("cart.rb", 7, None)]);
        check(
            "cart.c:7:1: error: a.h:3:2",
            &[("cart.c", 7, Some(1)), ("a.h", 3, Some(2))],
        );
    }

    #[test]
    fn what_is_no_place_is_none() {
        check(
            "at 10:30:15 http://host.example:80/x 10.0.0.7:5432 note:12 ::1:2 é:3",
            &[],
        );
        check("a.rs:0 a.rs:99999999999999999999999 a.rs:x :5", &[]);
    }

    #[test]
    fn own_calls_come_first_and_each_place_once() {
        let frame =
            |file: &str, in_app: bool| json!({"filename": file, "lineno": 1, "in_app": in_app});
        let payload = json!({"exception": {"values": [{"type": "E", "stacktrace": {"frames": [
            frame("own_outer.rs", true), frame("lib.rs", false), frame("own_inner.rs", true),
            frame("own_inner.rs", true), frame("lib_inner.rs", false), {"filename": "no_line.rs"},
        ]}}]}});
        let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
        let places = event.source_places();
        let files: Vec<_> = places.iter().map(|place| place.file.as_str()).collect();
        assert_eq!(
            files,
            ["own_inner.rs", "own_outer.rs", "lib_inner.rs", "lib.rs"]
        );
    }

    #[test]
    fn many_places_are_bounded() {
        let text: String = (1..9000).map(|line| format!("a.rs:{line}\n")).collect();
        let mut event = Event::new();
        event.set_own("stack", text);
        assert_eq!(event.source_places().len(), PLACES_MAX);
    }
}
