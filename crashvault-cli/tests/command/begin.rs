use serde_json::json;

use crate::run::{Place, keys};

fn file(place: &Place) -> String {
    std::fs::read_to_string(place.vault().join("vault.toml")).unwrap()
}

#[test]
fn a_vault_is_made_once() {
    let place = Place::new();
    let path = place.vault().display().to_string();
    assert_eq!(
        place.ok(&["path", "--json"]).json(),
        json!({"path": path, "exists": false})
    );
    assert_eq!(place.ok(&["path"]).stdout, format!("{path}\n"));
    assert!(!place.vault().exists());
    assert_eq!(
        place.ok(&["init"]).stdout,
        format!("Made a vault in {path}\n")
    );
    let old = file(&place);
    let again = place.ok(&["init", "--json"]).json();
    assert_eq!(again, json!({"path": path, "is_new": false}));
    assert_eq!(file(&place), old);
    assert_eq!(place.ok(&["path", "--json"]).json()["exists"], true);
}

#[test]
fn setup_asks_and_sets_what_is_answered() {
    let place = Place::new();
    let ran = place.answered(&["setup"], "staging\n\n500\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[1..],
        [
            "capture.environment is staging",
            "retention.bytes_max_mb is 500"
        ]
    );
    assert!(
        ran.stderr
            .contains("After how many days may events leave? [none] ")
    );
    let settings = file(&place);
    assert!(
        settings.contains("environment = \"staging\"") && settings.contains("bytes_max_mb = 500")
    );
    assert!(!settings.contains("age_days"), "{settings}");
    // Again, with nothing answered: all stays.
    let again = place.answered(&["setup"], "\n\n\n");
    assert!(again.stderr.contains("[staging]"), "{}", again.stderr);
    assert_eq!(file(&place), settings);
}

#[test]
fn a_wrong_answer_is_asked_for_again() {
    let place = Place::new();
    let ran = place.answered(&["setup"], "staging\nsoon\n-1\n30\n\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let question = "After how many days may events leave? [none] ";
    assert_eq!(ran.stderr.matches(question).count(), 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("error: retention.age_days"),
        "{}",
        ran.stderr
    );
    let settings = file(&place);
    assert!(settings.contains("environment = \"staging\"") && settings.contains("age_days = 30"));
    // Without a right one nothing is changed.
    let place = Place::new();
    place.answered(&["setup"], "staging\nsoon\n");
    assert!(!place.vault().exists());
}

#[test]
fn setup_without_answers_makes_nothing() {
    let place = Place::new();
    let ran = place.answered(&["setup"], "staging\n");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("error: nothing was changed"),
        "{}",
        ran.stderr
    );
    assert!(!place.vault().exists());
    assert_eq!(place.run(&["setup", "--json"]).code, 2);
    place.ok(&["setup", "--yes"]);
    assert!(place.vault().join("vault.db").exists());
}

#[test]
fn what_is_to_be_sealed_is_refused_and_untouched() {
    let place = Place::new();
    for words in [
        &["encrypt"][..],
        &["decrypt"],
        &["encrypt", "password"],
        &["setup", "--encrypted"],
        &["setup", "--password", "x", "--yes"],
    ] {
        place.run(words).fails(1, "sealed vaults are not there yet");
        assert!(!place.vault().exists());
    }
}

#[test]
fn the_guide_comes_with_the_command() {
    let place = Place::new();
    let pages = place.ok(&["docs"]).stdout;
    assert!(pages.contains("settings\tSettings\n"), "{pages}");
    assert!(
        place
            .ok(&["docs", "settings"])
            .stdout
            .starts_with("# Settings\n")
    );
    let page = place.ok(&["docs", "rust", "--json"]).json();
    assert_eq!(keys(&page), ["name", "text"]);
    assert_eq!(keys(&place.ok(&["docs", "--json"]).json()), ["pages"]);
    place.run(&["docs", "cooking"]).fails(3, "no page cooking");
}

#[test]
fn autolog_tells_what_to_write() {
    let place = Place::new();
    for words in [&["autolog"][..], &["autolog", "--enable"]] {
        let said = place.ok(words);
        assert!(
            said.stdout.starts_with("rust\tcrashvault::install();"),
            "{}",
            said.stdout
        );
        assert!(
            said.stderr.contains("nothing was changed"),
            "{}",
            said.stderr
        );
    }
    let off = place.ok(&["autolog", "--disable", "--json"]).json();
    assert_eq!(off["languages"][0]["name"], "rust");
    assert!(!place.vault().exists());
}

#[test]
fn help_explains_a_command() {
    let place = Place::new();
    let help = place.ok(&["help", "batch"]).stdout;
    assert!(help.starts_with("Change many issues at once"), "{help}");
}
