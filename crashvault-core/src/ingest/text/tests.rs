use serde_json::json;

use super::*;

const PYTHON: &str = "Traceback (most recent call last):\n  File \"/srv/shop.py\", line 9, in pay\n    charge()\nKeyError: 'total'\n";

fn traces(reader: TraceReader<impl Read>) -> Vec<Trace> {
    reader
        .map(|trace| trace.expect("memory can be read"))
        .collect()
}

/// A reader that gives a few bytes at a time, as a pipe does.
struct Trickle<'t>(&'t [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.0.len().min(buffer.len()).min(7001);
        let (now, later) = self.0.split_at(len);
        buffer[..len].copy_from_slice(now);
        self.0 = later;
        Ok(len)
    }
}

#[test]
fn a_text_without_a_failure_is_told_by_its_first_lines() {
    let found = parse_traces("\n\none\ntwo\n".as_bytes());
    assert_eq!((found.len(), found[0].language), (1, "other"));
    assert_eq!(found[0].exceptions[0].value.as_deref(), Some("one\ntwo"));
    assert_eq!(found[0].exceptions[0].ty, None);
    let long = parse_traces("line\n".repeat(1000).as_bytes());
    let value = long[0].exceptions[0].value.as_deref();
    assert_eq!(value.map(|value| value.lines().count()), Some(LINES_MAX));
    assert_eq!(parse_traces(b"")[0].exceptions[0].value, None);
    assert_eq!(parse_traces(&[0xff, 0, 0xfe]).len(), 1);
}

/// The calls that are the program's own, innermost first, by function or address.
fn own_calls(text: &str) -> Vec<String> {
    let traces = parse_traces(text.as_bytes());
    let stacks = traces[0].exceptions.iter().flat_map(|e| &e.stacktrace);
    let frames = stacks.flat_map(|stack| stack.frames.iter().rev());
    let own = frames.filter(|frame| frame.in_app == Some(true));
    let name = |frame: &Frame| match &frame.function {
        Some(function) => function.clone(),
        None => format!("{:#x}", frame.instruction_addr.unwrap_or_default()),
    };
    own.map(name).collect()
}

#[test]
fn what_has_no_name_in_a_binary_with_lines_is_not_its_own() {
    let head = "==1==ERROR: AddressSanitizer: SEGV on unknown address 0x0\n";
    let nameless = "    #0 0x10  (/srv/shop+0x10)\n";
    let with_lines = "    #1 0x20 in pay /srv/pay.c:3\n";
    let without = "    #1 0x20 in pay (/srv/shop+0x20)\n";
    assert_eq!(own_calls(&[head, nameless, with_lines].concat()), ["pay"]);
    assert_eq!(
        own_calls(&[head, nameless, without].concat()),
        ["0x10", "pay"]
    );
}

#[test]
fn a_text_may_say_that_a_call_is_not_to_blame() {
    let text = "lua: a.lua:4: no\nstack traceback:\n\t[C]: in function 'error'\n\ta.lua:2: in upvalue 'check'\n\ta.lua:4: in main chunk\n";
    assert_eq!(own_calls(text), ["main chunk"]);
    let text = "TypeError: no\n    at Array.map (<anonymous>)\n    at pay (/srv/pay.js:1:2)\n";
    assert_eq!(own_calls(text), ["pay"]);
}

#[test]
fn a_long_text_is_read_as_a_short_one() {
    let filler = "12:00:01 INFO all is well with order 4711 of customer 42\n".repeat(300);
    let text = format!("{filler}{PYTHON}").repeat(700);
    assert!(text.len() > 2 * WINDOW_BYTES);
    let found = traces(TraceReader::new(Trickle(text.as_bytes())));
    let expected = parse_traces(text.as_bytes());
    assert_eq!(found.len(), 700);
    assert_eq!(found, expected);
}

#[test]
fn what_powershell_wrote_is_read() {
    let filler = "12:00:01 INFO all is well – with order 4711 of customer 42\n".repeat(300);
    let text = format!("{filler}{PYTHON}").repeat(200);
    assert!(text.len() > WINDOW_BYTES / 2);
    let marked = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let bytes: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = traces(TraceReader::new(Trickle(&bytes)));
    assert_eq!(found, parse_traces(&bytes));
    assert_eq!(found, parse_traces(text.as_bytes()));
    assert_eq!(found.len(), 200);
}

#[test]
fn a_window_without_a_line_is_passed_over() {
    let mut text = vec![b'x'; 2 * WINDOW_BYTES + 10];
    text.push(b'\n');
    text.extend_from_slice(PYTHON.as_bytes());
    let found = traces(TraceReader::new(&*text));
    assert_eq!((found.len(), found[0].language), (1, "python"));
    assert_eq!(found[0].lines.start, 1);
}

#[test]
fn more_failures_than_are_read_at_once_are_all_read() {
    let text = "Traceback (most recent call last):\n  File \"a\", line 1, in f\nE: 1\n\n";
    let text = text.repeat(2 * WINDOW_TRACES_MAX);
    assert_eq!(
        traces(TraceReader::new(text.as_bytes())).len(),
        2 * WINDOW_TRACES_MAX
    );
}

#[test]
fn a_long_text_without_a_failure_is_told_once() {
    let text = "all is well\n".repeat(WINDOW_BYTES / 4);
    let found = traces(TraceReader::new(text.as_bytes()));
    assert_eq!((found.len(), found[0].language), (1, "other"));
}

fn event(payload: Value) -> Event {
    let mut event = Event::from_json(payload.to_string().as_bytes()).expect("an object");
    read(&mut event, &InAppRules::default());
    event
}

/// Exceptions as `type: value (functions)`, outermost first.
#[track_caller]
fn check(payload: Value, platform: &str, expected: &[&str]) {
    let event = event(payload);
    let shown = event.exceptions.iter().map(|exception| {
        let frames = exception.stacktrace.iter().flat_map(|stack| &stack.frames);
        let functions: Vec<&str> = frames
            .filter_map(|frame| frame.function.as_deref())
            .collect();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        format!(
            "{}: {} ({})",
            text(&exception.ty),
            text(&exception.value),
            functions.join(" ")
        )
    });
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!(event.platform, platform);
}

#[test]
fn the_text_of_an_exceptions_stack_becomes_frames() {
    let payload = json!({"exception": [{"type": "KeyError", "value": "x", "stacktrace": PYTHON}]});
    check(payload.clone(), "python", &["KeyError: x (pay)"]);
    let event = event(payload);
    let stack = event.exceptions[0].stacktrace.as_ref().expect("a stack");
    assert_eq!(stack.frames[0].in_app, Some(true));
    assert_eq!(stack.other[STACK_TEXT], PYTHON);
    assert!(event.flaws.is_empty());
}

#[test]
fn a_text_that_is_only_calls_is_read() {
    let calls = "  File \"/srv/shop.py\", line 9, in pay\n    charge()\n";
    let payload = json!({"exception": [{"type": "KeyError", "value": "x", "stacktrace": calls}]});
    check(payload, "python", &["KeyError: x (pay)"]);
}

#[test]
fn a_text_without_a_call_stays_a_flaw() {
    let event = event(json!({
        "exception": [{"type": "E", "stacktrace": "none"}, {"type": "F", "stacktrace": 7}],
        "threads": [{"id": 1, "stacktrace": "idle"}],
    }));
    assert!(event.stacktraces().next().is_none());
    let mut fields: Vec<&str> = event.flaws.iter().map(|flaw| flaw.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "exception.0.stacktrace",
            "exception.1.stacktrace",
            "threads.0.stacktrace"
        ]
    );
}

#[test]
fn the_stack_of_a_thread_becomes_frames() {
    let event = event(json!({"threads": [{"id": 1, "stacktrace": PYTHON}]}));
    let stack = event.threads[0].stacktrace.as_ref().expect("a stack");
    assert_eq!(stack.frames[0].function.as_deref(), Some("pay"));
    assert!(event.exceptions.is_empty());
}

#[test]
fn the_events_own_text_and_message_are_read() {
    check(
        json!({"stacktrace": PYTHON}),
        "python",
        &["KeyError: 'total' (pay)"],
    );
    check(
        json!({"message": PYTHON, "platform": "other"}),
        "python",
        &["KeyError: 'total' (pay)"],
    );
    check(
        json!({"logentry": {"formatted": PYTHON}}),
        "python",
        &["KeyError: 'total' (pay)"],
    );
    check(
        json!({"message": PYTHON, "platform": "ruby"}),
        "ruby",
        &["KeyError: 'total' (pay)"],
    );
    check(json!({"message": "two\nlines"}), "other", &[]);
    let event = event(json!({"message": PYTHON}));
    assert_eq!(event.message.as_deref(), Some(PYTHON));
}

#[test]
fn what_came_with_a_stack_is_left_alone() {
    let stack = json!({"frames": [{"function": "f"}]});
    check(
        json!({"message": PYTHON, "exception": [{"type": "E", "stacktrace": stack}]}),
        "other",
        &["E:  (f)"],
    );
    check(
        json!({"message": PYTHON, "exception": [{"type": "E"}]}),
        "other",
        &["E:  ()"],
    );
}

#[test]
fn what_was_given_beside_an_exception_is_its_cause() {
    check(
        json!({"exception": [{"type": "CommandFailed"}], "contexts": {"crashvault": {"stack": PYTHON}}}),
        "python",
        &["KeyError: 'total' (pay)", "CommandFailed:  ()"],
    );
}

#[test]
fn the_last_failure_of_a_text_counts() {
    let text = format!("{}\nretry\n{PYTHON}", PYTHON.replace("'total'", "'first'"));
    check(
        json!({ "message": text }),
        "python",
        &["KeyError: 'total' (pay)"],
    );
}

#[test]
fn of_a_long_text_both_ends_are_read() {
    let filler = format!("\n{}", "all is well\n".repeat(TEXT_BYTES_MAX / 4));
    let first = PYTHON.replace("'total'", "'first'");
    for (text, expected) in [
        (format!("{filler}{PYTHON}"), "KeyError: 'total' (pay)"),
        (format!("{first}{filler}"), "KeyError: 'first' (pay)"),
        (
            format!("é\n{first}{filler}{PYTHON}"),
            "KeyError: 'total' (pay)",
        ),
    ] {
        check(json!({ "stacktrace": text }), "python", &[expected]);
    }
}

#[test]
fn a_failure_goes_before_what_was_ignored_behind_it() {
    let ignored = PYTHON.replace("'total'", "'closed'");
    for head in [
        "Exception ignored in: <function Cart.__del__ at 0x7f12>",
        "Exception ignored while calling deallocator <function Cart.__del__ at 0x7f12>:",
        "--- Logging error ---",
    ] {
        check(
            json!({ "message": format!("{PYTHON}{head}\n{ignored}") }),
            "python",
            &["KeyError: 'total' (pay)"],
        );
        check(
            json!({ "message": format!("{head}\n{ignored}") }),
            "python",
            &["KeyError: 'closed' (pay)"],
        );
    }
}

const DUMP: &str = "2026-01-02 10:00:01\nFull thread dump OpenJDK 64-Bit Server VM (17.0.1+12 mixed mode):\n\n\"main\" #1 prio=5 os_prio=0 tid=0x1 nid=0x2 runnable\n   java.lang.Thread.State: RUNNABLE\n\tat shop.Main.main(Main.java:9)\n";

#[test]
fn a_failure_goes_before_a_dump_of_threads() {
    let java =
        "Exception in thread \"main\" shop.NoCart: none\n\tat shop.Cart.total(Cart.java:4)\n";
    check(
        json!({ "message": format!("{java}{DUMP}") }),
        "java",
        &["shop.NoCart: none (total)"],
    );
}

#[test]
fn a_dump_alone_gives_its_threads() {
    let event = event(json!({ "message": DUMP }));
    assert!(event.exceptions.is_empty());
    let names: Vec<_> = event
        .threads
        .iter()
        .map(|thread| thread.name.as_deref())
        .collect();
    assert_eq!(names, [Some("main")]);
    assert_eq!(event.platform, "java");
}

#[test]
fn of_a_long_chain_the_root_and_the_thrown_are_kept_and_the_rest_is_told() {
    let link = "\nDuring handling of the above exception, another exception occurred:\n\n";
    let chain: Vec<String> = (0..60)
        .map(|number| PYTHON.replace("'total'", &number.to_string()))
        .collect();
    let event = event(json!({ "message": chain.join(link) }));
    let values: Vec<_> = event
        .exceptions
        .iter()
        .map(|one| one.value.as_deref())
        .collect();
    assert_eq!(values.len(), limits::EXCEPTIONS_MAX);
    assert_eq!(
        (values[0], values[1], values[49]),
        (Some("0"), Some("11"), Some("59"))
    );
    assert_eq!(
        event.flaws[0].reason,
        "10 of the exceptions in its text were left out"
    );
}

#[test]
fn what_a_failed_command_printed_is_the_failure() {
    let failed = |stderr: &str| {
        let arguments = ["/usr/bin/python3", "shop.py"].map(String::from);
        let failed = crate::event::FailedCommand::new(arguments, 1).stderr(stderr);
        let mut event = failed.event();
        read(&mut event, &InAppRules::default());
        event
    };
    let event = failed(&format!("ready\n{PYTHON}"));
    assert_eq!(event.title(), "KeyError: 'total'");
    assert_eq!((event.exceptions.len(), &event.platform[..]), (1, "python"));
    let tag = |key: &str| event.tags.get(key).map(String::as_str);
    assert_eq!(
        (tag("program"), tag("exit_code")),
        (Some("python3"), Some("1"))
    );
    let mut added = Event::new();
    added.platform = "other".into();
    added.set_own("stack", PYTHON);
    read(&mut added, &InAppRules::default());
    let variant = |event: &Event| crate::group::group(event, &Default::default()).variant;
    assert_eq!(variant(&event), variant(&added));

    let plain = failed("error: no cart\n");
    assert_eq!(plain.title(), "CommandFailed: error: no cart");
    assert_eq!(plain.fingerprint.len(), 3);
    let ignored = failed(&format!(
        "error: no cart\nException ignored in: <f>\n{PYTHON}"
    ));
    assert_eq!(ignored.title(), "CommandFailed: error: no cart");
}
