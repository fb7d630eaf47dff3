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
