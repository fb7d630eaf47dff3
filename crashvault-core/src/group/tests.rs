use serde_json::{Value, json};

use super::*;
use crate::event::Object;

fn event(value: Value) -> Event {
    match value {
        Value::Object(map) => Event::from_object(map),
        _ => Event::from_object(Object::new()),
    }
}

fn default(value: Value) -> Grouping {
    group(&event(value), &GroupRules::default())
}

/// An event with one exception; frames innermost first, `-name` is a library's.
fn thrown(platform: &str, ty: &str, value: &str, functions: &[&str]) -> Value {
    json!({"platform": platform, "exception": [
        {"type": ty, "value": value, "stacktrace": {"frames": frames(functions)}}
    ]})
}

fn frames(functions: &[&str]) -> Vec<Value> {
    let frame = |(line, name): (usize, &&str)| match name.strip_prefix('-') {
        Some(library) => json!({"function": library, "in_app": false, "lineno": line}),
        None => json!({"function": name, "in_app": true, "lineno": line}),
    };
    functions.iter().enumerate().map(frame).rev().collect()
}

#[track_caller]
fn check(value: Value, reason: &str, parts: &[&str]) {
    let grouping = default(value);
    assert_eq!(grouping.parts, parts);
    assert_eq!(grouping.reason, reason);
}

#[track_caller]
fn same(left: Value, right: Value) {
    let (left, right) = (default(left), default(right));
    assert_eq!(
        left.variant, right.variant,
        "{:?} {:?}",
        left.parts, right.parts
    );
}

#[track_caller]
fn different(left: Value, right: Value) {
    assert_ne!(default(left).variant, default(right).variant);
}

#[test]
fn a_stack_is_type_and_five_in_app_functions() {
    check(
        thrown(
            "rust",
            "ParseError",
            "line 7",
            &[
                "-core::iter::next",
                "a::f",
                "a::g",
                "a::h",
                "a::i",
                "a::j",
                "a::k",
            ],
        ),
        "stack",
        &[
            "type ParseError",
            "fn a::f",
            "fn a::g",
            "fn a::h",
            "fn a::i",
            "fn a::j",
            "platform rust",
        ],
    );
}

#[test]
fn without_in_app_frames_all_count() {
    check(
        thrown("rust", "E", "", &["-lib::f", "-lib::g"]),
        "stack",
        &[
            "type E",
            "value ",
            "fn lib::f",
            "fn lib::g",
            "platform rust",
        ],
    );
}

/// A test runner or a server looks the same around everything that goes wrong in it.
#[test]
fn where_all_is_a_librarys_the_message_counts() {
    let event = |value: &str, frames: &[&str]| thrown("java", "E", value, frames);
    different(
        event("no cart", &["-lib.run"]),
        event("no till", &["-lib.run"]),
    );
    same(
        event("no cart", &["lib.run"]),
        event("no till", &["lib.run"]),
    );
}

/// Found where all failures below `main` were one issue.
#[test]
fn methods_with_a_helpers_verb_do_work() {
    let event = |function: &str| thrown("java", "E", "", &[function, "com.shop.Main.main"]);
    different(event("Billing.reportSales"), event("Billing.reportTax"));
    different(event("Game.throwBall"), event("Cluster.failover"));
}

#[test]
fn a_helper_counts_beside_a_single_function() {
    check(
        thrown("java", "E", "", &["a.B.throwIfBad", "a.Main.main"]),
        "stack",
        &[
            "type E",
            "fn a.B.throwIfBad",
            "fn a.Main.main",
            "platform java",
        ],
    );
}

#[test]
fn the_message_makes_no_difference_with_a_stack() {
    same(
        thrown("native", "panic", "a", &["a::f"]),
        thrown("native", "panic", "b", &["a::f"]),
    );
}

#[test]
fn the_type_makes_a_difference() {
    different(
        thrown("native", "A", "", &["a::f"]),
        thrown("native", "B", "", &["a::f"]),
    );
}

#[test]
fn the_platform_makes_a_difference() {
    different(
        json!({"platform": "go", "message": "m"}),
        json!({"platform": "php", "message": "m"}),
    );
}

#[test]
fn line_numbers_make_no_difference() {
    let mut moved = thrown("native", "E", "", &["a::f", "a::g"]);
    moved["exception"][0]["stacktrace"]["frames"][0]["lineno"] = json!(999);
    same(thrown("native", "E", "", &["a::f", "a::g"]), moved);
}

#[test]
fn closure_numbers_make_no_difference() {
    same(
        thrown("native", "E", "", &["a::f::{closure#0}", "a::f"]),
        thrown("native", "E", "", &["a::f::{closure#3}", "a::f"]),
    );
}

#[test]
fn the_depth_of_a_recursion_makes_no_difference() {
    same(
        thrown("native", "E", "", &["a::f", "a::f", "a::f", "a::main"]),
        thrown("native", "E", "", &["a::f", "a::main"]),
    );
    same(
        thrown(
            "native",
            "E",
            "",
            &["a::f", "a::g", "a::f", "a::g", "a::main"],
        ),
        thrown("native", "E", "", &["a::f", "a::g", "a::main"]),
    );
}

#[test]
fn generic_arguments_make_no_difference() {
    same(
        thrown("native", "E<u8>", "", &["a::Map<u8>::get", "a::f::<u8>"]),
        thrown("native", "E<i64>", "", &["a::Map<i64>::get", "a::f::<i64>"]),
    );
}

#[test]
fn how_a_panic_is_reported_makes_no_difference() {
    same(
        thrown(
            "native",
            "panic",
            "",
            &[
                "sentry_panic::handler",
                "__rustc::rust_begin_unwind",
                "-core::panicking::panic_fmt",
                "a::f",
            ],
        ),
        thrown("native", "panic", "", &["a::f"]),
    );
}

#[test]
fn the_standard_library_is_never_in_app() {
    let mut value = thrown(
        "native",
        "panic",
        "",
        &["<usize as core::Index>::index", "a::f"],
    );
    value["exception"][0]["stacktrace"]["frames"][1]["abs_path"] =
        json!("/rustc/1a2b/library/core/src/index.rs");
    same(value, thrown("native", "panic", "", &["a::f"]));
}

#[test]
fn a_stack_of_machinery_alone_still_counts() {
    check(
        thrown("native", "SIGABRT", "", &["raise", "abort"]),
        "stack",
        &["type SIGABRT", "fn raise", "fn abort", "platform native"],
    );
}

#[test]
fn a_cause_gives_its_type_and_its_frames() {
    check(
        json!({"platform": "python", "exception": [
            {"type": "KeyError", "stacktrace": {"frames": [{"module": "app", "function": "load", "in_app": true}]}},
            {"type": "ConfigError", "stacktrace": {"frames": [{"module": "app", "function": "main", "in_app": true}]}},
        ]}),
        "stack",
        &[
            "type ConfigError",
            "cause KeyError",
            "fn app.load",
            "platform python",
        ],
    );
}

#[test]
fn a_cause_without_frames_takes_those_of_the_thrown_one() {
    check(
        json!({"platform": "native", "exception": [
            {"type": "ParseIntError"},
            {"type": "ConfigError", "stacktrace": {"frames": [{"function": "app::main", "in_app": true}]}},
        ]}),
        "stack",
        &[
            "type ConfigError",
            "cause ParseIntError",
            "fn app::main",
            "platform native",
        ],
    );
}

#[test]
fn the_component_stack_of_react_is_no_cause() {
    check(
        json!({"platform": "javascript", "exception": [
            {"type": "React ErrorBoundary TypeError", "mechanism": {"exception_id": 1, "parent_id": 0},
             "stacktrace": {"frames": [{"function": "section", "in_app": true}]}},
            {"type": "TypeError", "mechanism": {"exception_id": 0},
             "stacktrace": {"frames": [{"function": "Cart", "filename": "cart.js", "in_app": true}]}},
        ]}),
        "stack",
        &["type TypeError", "fn cart.js.Cart", "platform javascript"],
    );
}

#[test]
fn a_tree_is_walked_along_its_first_children() {
    check(
        json!({"platform": "python", "exception": [
            {"type": "Second", "value": "", "mechanism": {"exception_id": 3, "parent_id": 0}},
            {"type": "Cause", "value": "", "mechanism": {"exception_id": 2, "parent_id": 1}},
            {"type": "First", "value": "", "mechanism": {"exception_id": 1, "parent_id": 0}},
            {"type": "Group", "value": "2 errors", "mechanism": {"exception_id": 0}},
        ]}),
        "type",
        &[
            "type Group",
            "cause Cause",
            "value <num> errors",
            "platform python",
        ],
    );
}

#[test]
fn a_tree_that_bites_its_tail_ends() {
    default(json!({"exception": [
        {"type": "A", "mechanism": {"exception_id": 1, "parent_id": 2}},
        {"type": "B", "mechanism": {"exception_id": 2, "parent_id": 1}},
    ]}));
}

#[test]
fn without_a_stack_the_value_counts_without_its_numbers() {
    check(
        json!({"platform": "go", "exception": {"type": "Timeout", "value": "after 12 s"}}),
        "type",
        &["type Timeout", "value after <num> s", "platform go"],
    );
}

#[test]
fn a_template_wins_over_the_finished_text() {
    check(
        json!({"platform": "python", "logentry": {"message": "user %s left", "formatted": "user bob left"}}),
        "message",
        &["message user %s left", "platform python"],
    );
}

#[test]
fn messages_that_differ_in_a_number_are_one() {
    same(
        json!({"message": "took 5 ms"}),
        json!({"message": "took 19 ms"}),
    );
    different(
        json!({"message": "took 5 ms"}),
        json!({"message": "lost 5 ms"}),
    );
}

#[test]
fn threads_stand_in_where_nothing_was_said() {
    check(
        json!({"platform": "native", "threads": [
            {"stacktrace": {"frames": [{"function": "idle"}]}},
            {"crashed": true, "stacktrace": {"frames": [{"function": "work"}]}},
        ]}),
        "stack",
        &["fn work", "platform native"],
    );
}

#[test]
fn nothing_at_all_is_one_issue() {
    same(json!({}), json!({"level": "info"}));
}

#[test]
fn frames_without_names_are_offsets_in_their_binary() {
    let crash = |base: u64| {
        json!({"platform": "native",
        "exception": {"type": "SIGSEGV", "value": "at 0x1", "stacktrace": {"frames": [
            {"instruction_addr": format!("{:#x}", base + 0x20)},
            {"instruction_addr": format!("{:#x}", base + 0x10)},
        ]}},
        "debug_meta": {"images": [
            {"type": "elf", "code_file": "/opt/app", "image_addr": format!("{base:#x}"), "image_size": 4096},
        ]}})
    };
    check(
        crash(0x5000),
        "stack",
        &[
            "type SIGSEGV",
            "fn app+0x10",
            "fn app+0x20",
            "platform native",
        ],
    );
    same(crash(0x5000), crash(0x9000));
}

#[test]
fn addresses_without_a_binary_are_no_key() {
    check(
        json!({"platform": "native", "exception": {"type": "SIGSEGV", "stacktrace": {"frames": [
            {"instruction_addr": "0x7f001234"},
        ]}}}),
        "type",
        &["type SIGSEGV", "value ", "platform native"],
    );
}

// Stage 0

fn ruled(value: Value, rules: impl IntoIterator<Item = GroupRule>) -> Grouping {
    let mut ordered = GroupRules::default();
    rules.into_iter().for_each(|rule| ordered.push(rule));
    group(&event(value), &ordered)
}

#[test]
fn the_first_rule_that_fits_wins() {
    let rule = |id: &str, pattern| {
        GroupRule::new(id)
            .matching("type", &[pattern])
            .and_then(|rule| rule.fingerprint([id]))
            .unwrap()
    };
    let grouping = ruled(
        thrown("native", "IoError", "", &["a::f"]),
        [
            rule("none", "X*"),
            rule("first", "Io*"),
            rule("second", "*"),
        ],
    );
    assert_eq!(grouping.reason, "rule");
    assert_eq!(grouping.parts, ["rule first", "fingerprint first"]);
}

#[test]
fn a_rule_beats_the_senders_fingerprint() {
    let grouping = ruled(
        json!({"message": "m", "fingerprint": ["mine"]}),
        [GroupRule::new("r").fingerprint(["theirs"]).unwrap()],
    );
    assert_eq!(grouping.parts, ["rule r", "fingerprint theirs"]);
}

#[test]
fn the_name_of_a_rule_is_no_part_of_the_key() {
    let key = |id: &str| {
        ruled(
            json!({"message": "m"}),
            [GroupRule::new(id).fingerprint(["x"]).unwrap()],
        )
        .variant
    };
    assert_eq!(key("a"), key("b"));
}

#[test]
fn a_rule_without_fingerprint_keeps_the_default_key() {
    let value = thrown("native", "E", "", &["a::f"]);
    let grouping = ruled(value.clone(), [GroupRule::new("r")]);
    assert_eq!(grouping.variant, default(value).variant);
    assert_eq!(grouping.reason, "rule");
}

fn template(text: &str) -> GroupRule {
    GroupRule::new("r").template(text).unwrap()
}

#[test]
fn messages_of_one_template_are_one() {
    let grouping =
        |message: &str| ruled(json!({"message": message}), [template("user * not found")]);
    let (ada, bob) = (
        grouping("user ada not found"),
        grouping("user bob not found"),
    );
    assert_eq!(ada.variant, bob.variant);
    assert_eq!(ada.parts, ["rule r", "message user * not found"]);
    assert_eq!(ada.title.as_deref(), Some("user * not found"));
    let other = grouping("no such file");
    assert_eq!((other.reason, other.title), ("message", None));
}

#[test]
fn a_template_alone_is_the_key_whatever_the_stack() {
    let at = |function| thrown("native", "E", "user 1 not found", &[function]);
    let [a, b] = ["a::f", "b::g"].map(|at_| ruled(at(at_), [template("user * not found")]));
    assert_eq!(a.variant, b.variant);
    assert_eq!(a.title.as_deref(), Some("E: user * not found"));
}

#[test]
fn a_template_stands_in_a_fingerprint_for_the_message() {
    let rule = template("user * not found");
    let rule = rule.fingerprint(["{{ default }}", "{{ message }} in {{ function }}"]);
    let value = thrown("native", "E", "user 1 not found", &["a::f"]);
    let grouping = ruled(value, [rule.unwrap()]);
    let expected = [
        "rule r",
        "type E",
        "fn a::f",
        "platform native",
        "fingerprint user * not found in a::f",
    ];
    assert_eq!(grouping.parts, expected);
    let rule = template("user * not found").fingerprint(["{{ default }}"]);
    let grouping = ruled(json!({"message": "user x not found"}), [rule.unwrap()]);
    assert_eq!(grouping.parts[1], "message user * not found");
}

#[test]
fn the_first_rule_that_fits_is_the_one_that_decides() {
    let rule = |id: &str, pattern| GroupRule::new(id).matching("type", &[pattern]).unwrap();
    let mut rules = GroupRules::default();
    [rule("x", "X"), rule("any", "*"), rule("e", "E")]
        .into_iter()
        .for_each(|rule| rules.push(rule));
    let tried = try_rules(&event(thrown("native", "E", "", &[])), &rules);
    let told: Vec<_> = tried
        .iter()
        .map(|rule| (&rule.id[..], rule.is_deciding, rule.misses.len()))
        .collect();
    assert_eq!(told, [("x", false, 1), ("any", true, 0), ("e", false, 0)]);
}

#[test]
fn the_default_key_can_be_extended() {
    let mut value = thrown("native", "E", "", &["a::f"]);
    value["fingerprint"] = json!(["{{ default }}", "tenant-1"]);
    check(
        value,
        "fingerprint",
        &[
            "type E",
            "fn a::f",
            "platform native",
            "fingerprint tenant-1",
        ],
    );
}

#[test]
fn the_bare_default_is_no_fingerprint() {
    let mut value = thrown("native", "E", "", &["a::f"]);
    value["fingerprint"] = json!(["{{default}}"]);
    same(value, thrown("native", "E", "", &["a::f"]));
}

#[track_caller]
fn expands(part: &str, expected: &str) {
    let mut value = thrown("native", "E", "v", &["a::f"]);
    value["tags"] = json!({"x": "y"});
    value["release"] = json!("r@1");
    value["fingerprint"] = json!([part]);
    assert_eq!(default(value).parts, [format!("fingerprint {expected}")]);
}

#[test]
fn fingerprints_may_ask_for_values() {
    expands("{{ type }} in {{function}}", "E in a::f");
    expands("{{ value }}/{{ message }}", "v/v");
    expands("{{ tags.x }}{{ tags.z }}", "y<none>");
    expands("{{ release }} {{ level }}", "r@1 error");
    expands("{{ other }}", "{{ other }}");
    expands("{{ open", "{{ open");
    expands("{{{{ type }}", "{{E");
}

#[test]
fn an_issue_id_is_of_project_and_variant() {
    let variant = default(json!({"message": "m"})).variant;
    let other = default(json!({"message": "n"})).variant;
    assert_eq!(issue_id("p", &variant), issue_id("p", &variant));
    assert_ne!(issue_id("p", &variant), issue_id("q", &variant));
    assert_ne!(issue_id("p", &variant), issue_id("p", &other));
}

/// Ids are kept for ever: these may only change together with [`ALGORITHM`], and issue ids never.
#[test]
fn keys_stay_the_same_from_release_to_release() {
    let variant = default(thrown("native", "E", "", &["a::f"])).variant;
    assert_eq!(variant.to_string(), "cb58e3321054e113e35827b72ef5f896");
    assert_eq!(
        issue_id("p", &VariantKey::from_bytes([7; 16])).to_string(),
        "729e803f90d1e9baffe850524cb1bc45"
    );
}

#[test]
fn any_names_make_a_key() {
    const PIECES: &[&str] = &[
        "a",
        "::",
        "<",
        ">",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "$",
        "1",
        ".",
        " ",
        "é",
        "operator",
        "impl ",
        " for ",
        " as ",
        "lambda",
        "'",
        "-",
        "{{",
        "/",
        "0x",
        "<locals>",
        "#",
        "closure #1 in ",
        "block in ",
        "$$",
        "%",
    ];
    let mut state = 3u64;
    let mut word = |length: usize| -> String {
        let mut text = String::new();
        for _ in 0..length {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push_str(PIECES[(state >> 33) as usize % PIECES.len()]);
        }
        text
    };
    let platforms = [
        "native",
        "python",
        "javascript",
        "java",
        "csharp",
        "go",
        "ruby",
        "php",
        "elixir",
        "other",
    ];
    for round in 0..3000 {
        let value = json!({"platform": platforms[round % platforms.len()], "fingerprint": [word(3)],
        "exception": {"type": word(5), "value": word(9), "stacktrace": {"frames": [
            {"function": word(9), "module": word(4)}, {"function": word(9), "filename": word(4), "in_app": true},
        ]}}});
        same(value.clone(), value);
    }
}

/// The variant key alone must rarely mix two faults; joining variants is stage 2's work.
#[test]
fn faults_of_real_programs_are_rarely_mixed() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/grouping");
    let path = data.join("python-faults/dev.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: ../shared/data/grouping is not here");
        return;
    };
    let mut true_groups =
        std::collections::BTreeMap::<_, std::collections::BTreeMap<_, usize>>::new();
    let mut sizes = std::collections::BTreeMap::<_, usize>::new();
    let mut truths = std::collections::BTreeMap::<_, usize>::new();
    for line in text.lines() {
        let trace: Value = serde_json::from_str(line).unwrap();
        let event = super::TraceLine::from_json(line.as_bytes()).unwrap().event;
        let key = group(&event, &GroupRules::default()).variant;
        let truth = trace["group"].to_string();
        *sizes.entry(key).or_default() += 1;
        *truths.entry(truth.clone()).or_default() += 1;
        *true_groups
            .entry(key)
            .or_default()
            .entry(truth)
            .or_default() += 1;
    }
    let total = text.lines().count() as f64;
    let shared = |of: &dyn Fn(&VariantKey, &String) -> usize| -> f64 {
        let cells = true_groups
            .iter()
            .flat_map(|(key, cells)| cells.iter().map(move |cell| (key, cell)));
        cells
            .map(|(key, (truth, n))| (n * n) as f64 / of(key, truth) as f64)
            .sum::<f64>()
            / total
    };
    let precision = shared(&|key, _| sizes[key]);
    let recall = shared(&|_, truth| truths[truth]);
    assert!(precision > 0.9, "B-cubed precision {precision}");
    assert!(recall > 0.3, "B-cubed recall {recall}");
}

#[test]
fn what_a_person_wrote_is_like_nothing_else() {
    let id = "11111111111111111111111111111111";
    let written = |kind: &str, id: &str| json!({"event_id": id, "message": "disk full", "contexts": {"crashvault": {"kind": kind}}});
    check(written("note", id), "note", &[&format!("note {id}")]);
    same(written("report", id), written("report", id));
    different(written("note", id), written("report", id));
    different(written("note", id), written("note", &"2".repeat(32)));
    different(written("note", id), json!({"message": "disk full"}));
    same(written("wrap", id), written("autolog", &"2".repeat(32)));
    // A kind that is not known is no kind.
    same(written("rumour", id), json!({"message": "disk full"}));
}
