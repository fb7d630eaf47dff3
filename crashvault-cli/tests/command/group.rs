use serde_json::{Value, json};

use crate::run::Place;

fn trace(id: &str, ty: &str, functions: &[&str]) -> String {
    let frames: Vec<Value> = functions
        .iter()
        .map(|function| json!({"function": function, "module": "shop", "in_app": true}))
        .collect();
    json!({"id": id, "platform": "python", "type": ty, "message": "", "frames": frames}).to_string()
}

#[test]
fn traces_of_a_file_get_the_numbers_of_their_groups() {
    let place = Place::new();
    let lines = [
        trace("a", "KeyError", &["price", "total", "pay"]),
        trace("b", "TypeError", &["open", "load", "main"]),
        String::new(),
        trace("c", "KeyError", &["price", "total", "quote"]),
    ];
    let file = place.vault().with_file_name("traces.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let ran = place.ok(&["group", file.to_str().unwrap()]);
    let groups: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = [("a", 1), ("b", 2), ("c", 1)]
        .map(|(id, predicted)| json!({"id": id, "predicted": predicted}));
    assert_eq!(groups, expected);
    assert!(
        !place.vault().exists(),
        "no vault is needed, so none is made"
    );
}

#[test]
fn a_line_that_is_no_trace_is_named() {
    let place = Place::new();
    let file = place.vault().with_file_name("traces.jsonl");
    std::fs::write(&file, format!("{}\n[]\n", trace("a", "E", &["f"]))).unwrap();
    let ran = place.run(&["group", file.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with("{\"id\":\"a\""), "{}", ran.stdout);
    assert!(ran.stderr.contains("line 2 of"), "{}", ran.stderr);
    assert_eq!(place.run(&["group", "/nowhere/traces.jsonl"]).code, 3);
}

#[test]
fn a_line_without_an_end_is_refused_before_it_is_held_whole() {
    let place = Place::new();
    let file = place.path().join("traces.jsonl");
    std::fs::write(&file, vec![b' '; 17 << 20]).unwrap();
    let ran = place.run(&["group", file.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("line 1 of") && ran.stderr.contains("longer than 16 MiB"),
        "{}",
        ran.stderr
    );
}
