use super::plain::PLAIN;
use super::*;

fn trace(language: &'static str, lines: Range<usize>) -> Trace {
    Trace {
        language,
        exceptions: Vec::new(),
        threads: Vec::new(),
        lines,
    }
}

#[test]
fn the_first_to_claim_lines_has_them() {
    let mut kept = vec![trace("a", 2..4), trace("a", 8..9)];
    let found = [0..1, 1..3, 3..5, 4..8, 8..12, 12..13].map(|lines| trace("b", lines));
    keep_free(&mut kept, found.into());
    let lines: Vec<_> = kept.iter().map(|trace| trace.lines.clone()).collect();
    assert_eq!(lines, [0..1, 2..4, 4..8, 8..9, 12..13]);
}

/// What is known of a text of the corpus, beside it as JSON.
struct Expected {
    id: String,
    language: String,
    exception_type: Option<String>,
    message: Option<String>,
    frames: usize,
    top_in_app: Option<Top>,
}

struct Top {
    function: Option<String>,
    file: Option<String>,
    line: Option<u64>,
}

impl Expected {
    fn read(json: &[u8]) -> Self {
        let json: serde_json::Value = serde_json::from_slice(json).expect("JSON");
        let text = |at: &serde_json::Value| at.as_str().map(str::to_owned);
        let top = &json["top_in_app"];
        Self {
            id: text(&json["id"]).expect("an id"),
            language: text(&json["language"]).expect("a language"),
            exception_type: text(&json["exception_type"]),
            message: text(&json["message"]).filter(|message| !message.is_empty()),
            frames: json["frames"].as_u64().unwrap_or_default() as usize,
            top_in_app: top.is_object().then(|| Top {
                function: text(&top["function"]),
                file: text(&top["file"]),
                line: top["line"].as_u64(),
            }),
        }
    }
}

/// What is wrong with what is read of the texts in `folder` that are in one of `languages`: one line for each fault. `None`
/// without such a folder.
fn faults(folder: &str, languages: &[&str]) -> Option<Vec<String>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .ok()?
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let mut faults = Vec::new();
    for path in files {
        let json = std::fs::read(&path).expect("a file can be read");
        let expected = Expected::read(&json);
        if languages.contains(&expected.language.as_str()) {
            let text = std::fs::read(path.with_extension("txt")).expect("a text for each JSON");
            faults.extend(fault(&expected, &parse(&text)));
        }
    }
    Some(faults)
}

fn fault(expected: &Expected, traces: &[Trace]) -> Option<String> {
    let Some(trace) = traces.first() else {
        return Some(format!("{}: nothing was found", expected.id));
    };
    let mut wrong = Vec::new();
    let thrown = trace.exceptions.last();
    let (ty, value) = thrown.map_or((None, None), |thrown| {
        (thrown.ty.clone(), thrown.value.clone())
    });
    if expected.exception_type.is_some() && ty != expected.exception_type {
        wrong.push(format!("type {ty:?} for {:?}", expected.exception_type));
    }
    if expected.message.is_some() && value != expected.message {
        wrong.push(format!("value {value:?} for {:?}", expected.message));
    }
    let stacks = trace
        .exceptions
        .iter()
        .filter_map(|e| e.stacktrace.as_ref());
    let counts: Vec<usize> = stacks.clone().map(|stack| stack.frames.len()).collect();
    if !counts.contains(&expected.frames) && expected.frames > 0 {
        wrong.push(format!("{counts:?} frames for {}", expected.frames));
    }
    if let Some(top) = &expected.top_in_app {
        let mut frames = stacks.flat_map(|stack| &stack.frames);
        if !frames.any(|frame| is_top(frame, top)) {
            wrong.push(format!(
                "no frame {:?} {:?}:{:?}",
                top.function, top.file, top.line
            ));
        }
    }
    (!wrong.is_empty()).then(|| format!("{}: {}", expected.id, wrong.join(", ")))
}

fn is_top(frame: &Frame, top: &Top) -> bool {
    let function = frame.function.as_deref().unwrap_or_default();
    let whole = match &frame.module {
        Some(module) => format!("{module}.{function}"),
        None => function.to_owned(),
    };
    let has = |wanted: &Option<String>, names: &[&str]| match wanted {
        Some(wanted) => names.contains(&wanted.as_str()),
        None => true,
    };
    let file = frame.filename.as_deref().unwrap_or_default();
    let name = file.rsplit('/').next().unwrap_or_default();
    let path = frame.abs_path.as_deref().unwrap_or_default();
    let package = frame.package.as_deref().unwrap_or_default();
    has(&top.function, &[function, &whole])
        && has(&top.file, &[file, name, path, package])
        && (top.line.is_none() || top.line == frame.lineno)
}

/// Printed, as expectations of others differ from ours in places: `cargo test … trace -- --nocapture`.
fn show(folder: &str, languages: &[&str]) {
    match faults(folder, languages) {
        Some(faults) => println!("{folder}: {} faults\n{}", faults.len(), faults.join("\n")),
        None => println!("skipped: {folder} is not here"),
    }
}

const OWN: &str = "../tests/traces";
const FOREIGN: &str = "../../shared/data/traces/foreign";

#[test]
fn foreign_texts_are_read() {
    show(
        FOREIGN,
        &[
            "python",
            "javascript",
            "java",
            "kotlin",
            "go",
            "c",
            "c++",
            "dart",
            "objc",
            "swift/objc",
        ],
    );
}

#[test]
fn own_texts_are_read_as_they_were_written() {
    let languages = [
        "c",
        "c++",
        "elixir",
        "go",
        "java",
        "javascript",
        "lua",
        "perl",
        "php",
        "python",
        "ruby",
        "rust",
    ];
    let none: Vec<String> = Vec::new();
    assert_eq!(faults(OWN, &languages), Some(none));
}

/// The texts of the corpus, by name.
pub(super) fn own_texts() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(OWN);
    let paths = std::fs::read_dir(folder).expect("the corpus is here");
    let mut paths: Vec<_> = paths
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_stem().map(|name| name.to_string_lossy());
        let text = std::fs::read_to_string(path).expect("a text");
        (name.unwrap_or_default().into_owned(), text)
    };
    paths.iter().map(read).collect()
}

/// Traces with the line they begin in.
pub(super) fn shown(traces: &[Trace], from: usize) -> Vec<String> {
    let shown = traces.iter().map(|trace| {
        let thrown = trace.exceptions.last();
        let stack = thrown.and_then(|thrown| thrown.stacktrace.as_ref());
        format!(
            "{} {:?} {:?}: {:?}, {} exceptions, {} frames",
            trace.language,
            trace.lines.start + from..trace.lines.end + from,
            thrown.and_then(|thrown| thrown.ty.as_ref()),
            thrown.and_then(|thrown| thrown.value.as_ref()),
            trace.exceptions.len(),
            stack.map_or(0, |stack| stack.frames.len()),
        )
    });
    shown.collect()
}

#[test]
fn texts_between_each_other_are_read_as_alone() {
    let texts = own_texts();
    let alone: Vec<Vec<Trace>> = texts
        .iter()
        .map(|(_, text)| parse(text.as_bytes()))
        .collect();
    let mut wrong = Vec::new();
    for (first, one) in texts.iter().zip(&alone) {
        for (second, other) in texts.iter().zip(&alone) {
            let joined = format!("{}\n\n{}", first.1, second.1);
            let behind = first.1.lines().count() + 1 + usize::from(first.1.ends_with('\n'));
            let mut expected = shown(one, 0);
            expected.extend(shown(other, behind));
            let read = shown(&parse(joined.as_bytes()), 0);
            if read != expected {
                wrong.push(format!(
                    "{} {}: {read:#?} for {expected:#?}",
                    first.0, second.0
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn each_text_is_of_its_language_alone() {
    for (name, text) in own_texts() {
        let languages: Vec<&str> = LANGUAGES
            .iter()
            .flat_map(|language| {
                let mut found = Vec::new();
                (language.find)(&Text::new(&text), &mut found);
                found
            })
            .map(|trace| trace.language)
            .collect();
        let first = parse(text.as_bytes()).first().map(|trace| trace.language);
        assert!(
            languages.iter().all(|language| Some(*language) == first),
            "{name}: {languages:?}"
        );
    }
}

#[test]
fn what_tells_of_no_failure_has_no_trace() {
    let all = PLAIN.concat();
    for text in PLAIN.iter().copied().chain([all.as_str()]) {
        assert_eq!(shown(&parse(text.as_bytes()), 0), [""; 0], "{text}");
    }
}

/// How many bytes of lines the languages ask for, each once or more.
fn asked(text: &str) -> usize {
    let mut text = Text::new(text);
    let mut traces = Vec::new();
    find_all(&mut text, &mut traces);
    text.asked.get()
}

/// Texts that begin what never ends, a line or a line's part each.
fn hostile() -> Vec<String> {
    let heads = [
        "at ",
        "@",
        "#0",
        "#0  f ()",
        "** (",
        "at a.B.c(D.java:1)",
        "at f (a.js:1:2)",
        "f@a.js:1:2",
        "   at A.B() in a.cs:line 1",
        "#0 f (package:a/b.dart:1:2)",
        "package:a/b.dart 1:2  f",
        "Error: x",
        "java.lang.Error: x",
        "goroutine 1 [running]:",
        "pid: 1, tid: 2, name: a",
        "  File \"a.py\", line 1, in f",
        "Traceback (most recent call last):",
        "^",
        "Node.js v1",
        "==1==ERROR: AddressSanitizer: a",
        "Thread 0:",
        "BUG: x",
        "a.rb:1:in `f'",
        "x at a.pl line 1.",
        "thread 'a' panicked at a.rs:1:2:",
        "PHP Fatal error: x",
        "#0 {main}",
        "{",
        "",
        "Caused by:",
    ];
    let heads = heads
        .iter()
        .chain(marks::MARKS)
        .map(|head| (*head).to_owned());
    let of_texts = own_texts().into_iter().flat_map(|(_, text)| {
        let lines: Vec<&str> = text.lines().collect();
        let half = lines.len() / 2;
        [lines[..half].join("\n"), lines[half..].join("\n")]
    });
    heads.chain(of_texts).collect()
}

#[test]
fn twice_the_text_is_twice_the_work() {
    let mut wrong = Vec::new();
    for part in hostile() {
        for end in ["\n", " "] {
            let part = format!("{part}{end}");
            let times = 1 + 10_000 / part.len();
            let (once, twice) = (asked(&part.repeat(times)), asked(&part.repeat(2 * times)));
            if twice > once * 5 / 2 + 20_000 {
                wrong.push(format!(
                    "{once} {twice} {}",
                    part.lines().next().unwrap_or_default()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn many_marks_in_a_line_are_no_more_work() {
    let mut wrong = Vec::new();
    for mark in marks::MARKS {
        let text = format!("{}\n", mark.repeat(20)).repeat(200);
        let times = asked(&text) / text.len();
        if times > 100 {
            wrong.push(format!("{times} {mark}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
