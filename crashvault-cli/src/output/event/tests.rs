use serde_json::json;

use super::*;

fn page_of(payload: serde_json::Value, is_whole: bool) -> String {
    let event = Event::from_json(payload.to_string().as_bytes()).unwrap();
    let mut page = Page::new(Paint::OFF, is_whole);
    failure(&mut page, &event);
    threads(&mut page, &event);
    breadcrumbs(&mut page, &event.breadcrumbs);
    surroundings(&mut page, &event);
    page.lines.join("\n")
}

fn check(payload: serde_json::Value, expected: &str) {
    assert_eq!(page_of(payload, false), expected.trim_matches('\n'));
}

fn chain() -> serde_json::Value {
    json!({"exception": {"values": [
        {"type": "Timeout", "value": "no answer"},
        {"type": "OrderError", "module": "shop", "value": "order 7\nwas not stored",
         "mechanism": {"type": "generic", "handled": false},
         "stacktrace": {"frames": [
            {"function": "std::rt::lang_start", "in_app": false},
            {"function": "std::rt::run", "in_app": false},
            {"function": "shop::main", "filename": "src/main.rs", "lineno": 3, "in_app": true},
            {"function": "serde::walk", "in_app": false, "package": "/lib/x.so"},
            {"function": "shop::order", "filename": "src/order.rs", "lineno": 10, "colno": 5, "in_app": true,
             "pre_context": ["one", "two", "", "fn order() {"], "context_line": "    store()?;",
             "post_context": ["}", "", "more"]},
         ]}},
    ]}})
}

#[test]
fn a_chain_is_read_from_what_was_thrown_to_its_cause() {
    check(
        chain(),
        "
  shop::OrderError: order 7  (not handled)
    was not stored
    at shop::order  src/order.rs:10:5
          8 |
          9 | fn order() {
       > 10 |     store()?;
         11 | }
         12 |
    … 1 frame of libraries; --all-frames shows them
    at shop::main  src/main.rs:3
    … 2 frames of libraries
  caused by Timeout: no answer",
    );
}

#[test]
fn what_was_suppressed_is_no_cause() {
    check(
        json!({"exception": {"values": [
            {"type": "Timeout", "mechanism": {"type": "chained", "exception_id": 2, "parent_id": 0}},
            {"type": "CloseError", "mechanism": {"type": "suppressed", "exception_id": 1, "parent_id": 0}},
            {"type": "OrderError", "mechanism": {"type": "generic", "exception_id": 0}},
        ]}}),
        "
  OrderError
  suppressed CloseError
  caused by Timeout",
    );
}

#[test]
fn a_recursion_is_told_once() {
    let call =
        |name: &str| json!({"function": name, "filename": "a.py", "lineno": 3, "in_app": true});
    let rounds = (0..500).flat_map(|_| [call("even"), call("odd")]);
    let frames: Vec<_> = [call("main")]
        .into_iter()
        .chain(rounds)
        .chain([call("end")])
        .collect();
    let payload =
        json!({"exception": {"values": [{"type": "E", "stacktrace": {"frames": frames}}]}});
    check(
        payload.clone(),
        "
  E
    at end  a.py:3
    at odd  a.py:3
    at even  a.py:3
    at odd  a.py:3
    at even  a.py:3
    … 996 calls more of the same
    at main  a.py:3",
    );
    assert_eq!(page_of(payload, true).matches("at even").count(), 500);
}

#[test]
fn all_frames_are_shown_when_asked() {
    let text = page_of(chain(), true);
    assert!(text.contains("    at serde::walk  in /lib/x.so"), "{text}");
    assert!(text.contains("at std::rt::lang_start"), "{text}");
    assert!(text.contains("  6 | one"), "{text}");
    assert!(!text.contains('…'), "{text}");
}

#[test]
fn a_stack_of_strangers_shows_its_innermost_calls() {
    let frames: Vec<_> = (0..20)
        .map(|n| json!({"function": format!("f{n}")}))
        .collect();
    let text = page_of(
        json!({"exception": {"values": [{"type": "E", "stacktrace": {"frames": frames}}]}}),
        false,
    );
    assert!(
        text.contains("at f19\n") && text.contains("at f12\n"),
        "{text}"
    );
    assert!(
        text.ends_with("… 12 frames of libraries; --all-frames shows them"),
        "{text}"
    );
}

#[test]
fn an_address_without_a_name_is_shown_with_its_binary() {
    let text = page_of(
        json!({"exception": [{"type": "E", "stacktrace": {"frames": [
            {"instruction_addr": "0x1234", "package": "/opt/app"}]}}]}),
        false,
    );
    assert_eq!(text, "  E\n    at 0x1234  in /opt/app");
}

#[test]
fn breadcrumbs_and_surroundings_are_aligned_and_short() {
    check(
        json!({
            "message": "slow",
            "breadcrumbs": [
                {"timestamp": "2026-01-05T10:00:00.25Z", "category": "db", "message": "select\n1", "data": {"rows": 3}},
                {"timestamp": "2026-01-05T10:00:01Z", "category": "http.get", "level": "warning", "message": "retry"},
            ],
            "tags": {"region": "eu", "a": "b"},
            "user": {"id": "7", "plan": "gold"},
            "contexts": {
                "os": {"type": "os", "name": "Debian", "version": "12"},
                "process": {"pid": 7, "arguments": ["shop", "--fast"]},
                "crashvault": {"project": "shop"},
            },
            "extra": {"query": "select *\nfrom t"},
        }),
        "
  slow

Breadcrumbs, oldest first
  10:00:00.250  db                 select\\n1  {rows: 3}
  10:00:01.000  http.get  warning  retry

Tags
  a       b
  region  eu

User
  id    7
  plan  gold

Contexts
  os       name: Debian, version: 12
  process  arguments: [shop, --fast], pid: 7

Details
  query  select *
         from t",
    );
}

#[test]
fn what_was_broken_is_told() {
    let text = page_of(json!({"message": "m", "timestamp": "yesterday"}), false);
    assert!(
        text.contains("Notes on what was broken or cut\n  timestamp  "),
        "{text}"
    );
}

#[test]
fn nothing_in_an_event_reaches_the_terminal_as_a_command() {
    let evil = "a\u{1b}[2J\u{202e}\u{9b}b\r";
    let text = page_of(
        json!({
            "exception": [{"type": evil, "module": evil, "value": evil, "stacktrace": {"frames": [
                {"function": evil, "filename": evil, "lineno": 1, "context_line": evil, "pre_context": [evil],
                 "in_app": true}, {"package": evil}, {"function": "x", "module": evil}]}}],
            "threads": [{"id": evil, "stacktrace": {"frames": []}}],
            "breadcrumbs": [{"category": evil, "message": evil, "data": {evil: [evil, {evil: evil}]}}],
            "tags": {evil: evil}, "user": {"id": evil, evil: evil}, "request": {evil: evil},
            "contexts": {evil: {evil: evil}, "x": evil, "crashvault": {"stack": evil}}, "extra": {evil: evil},
            "level": evil, "logger": evil, "transaction": evil,
        }),
        true,
    );
    let is_bad = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
    assert!(!text.contains(is_bad), "{text:?}");
}

#[test]
fn a_long_value_is_cut_and_says_so() {
    let text = page_of(json!({"message": "x".repeat(1000)}), false);
    assert!(
        text.ends_with("… 700 characters more; --all-frames shows them"),
        "{text}"
    );
    let whole = page_of(json!({"message": "x".repeat(1000)}), true);
    assert_eq!(whole.trim().len(), 1000);
}

fn threads_of_a_crash() -> serde_json::Value {
    json!({
        "message": "while the shop closed",
        "exception": {"values": [{"type": "SIGSEGV", "value": "address 0x10", "stacktrace": {"frames": [
            {"function": "shop::crash", "in_app": true}]}}]},
        "threads": {"values": [
            {"id": "1", "name": "main", "crashed": true},
            {"id": "2", "name": "till", "stacktrace": {"frames": [
                {"function": "shop::wait", "filename": "src/till.rs", "lineno": 7, "in_app": true},
                {"function": "futex_wait", "in_app": false}]}},
            {"id": "3", "stacktrace": {"frames": [{"function": "epoll_wait", "in_app": false}]}}]},
    })
}

#[test]
fn other_threads_are_told_by_what_they_were_doing() {
    check(
        threads_of_a_crash(),
        "
  while the shop closed
  SIGSEGV: address 0x10
    at shop::crash

Other threads
  till  shop::wait  src/till.rs:7
  3     epoll_wait
  --all-frames shows their stacks",
    );
}

#[test]
fn stacks_of_other_threads_are_shown_when_asked() {
    let text = page_of(threads_of_a_crash(), true);
    assert!(
        text.contains("  till\n    at futex_wait\n    at shop::wait"),
        "{text}"
    );
}

#[test]
fn words_that_were_thrown_are_said_once() {
    let text = page_of(
        json!({"message": "no answer", "exception": {"values": [{"type": "Timeout", "value": "no answer"}]}}),
        false,
    );
    assert_eq!(text, "  Timeout: no answer");
}
