use crate::run::{Place, keys};

fn file(place: &Place) -> String {
    std::fs::read_to_string(place.vault().join("vault.toml")).unwrap()
}

#[test]
fn a_setting_is_set_read_and_taken_out() {
    let place = Place::new();
    let said = place
        .ok(&["config", "set", "retention.age_days", "90"])
        .stdout;
    assert_eq!(said, "retention.age_days is 90 (vault.toml)\n");
    assert!(
        file(&place).ends_with("\n[retention]\nage_days = 90\n"),
        "{}",
        file(&place)
    );
    assert_eq!(
        place.ok(&["config", "get", "retention.age_days"]).stdout,
        "90\n"
    );
    assert!(place.ok(&["status"]).stdout.contains("(vault.toml)"));
    let unset = ["config", "unset", "retention.age_days", "--json"];
    let value = place.ok(&unset).json();
    assert_eq!(keys(&value), ["key", "source", "value"]);
    assert_eq!(
        (&value["value"], &value["source"]),
        (&"none".into(), &"default".into())
    );
    assert!(place.ok(&unset).stderr.contains("was not set"));
}

#[test]
fn a_list_has_several_values() {
    let place = Place::new();
    place.ok(&["config", "set", "scrub.keys", "iban", "tax id"]);
    assert!(file(&place).contains("keys = [\"iban\", \"tax id\"]"));
    let got = place.ok(&["config", "get", "scrub.keys"]).stdout;
    assert_eq!(got, "[\"iban\", \"tax id\"]\n");
    place
        .run(&["config", "set", "capture.project", "a", "b"])
        .fails(2, "capture.project has one value, not 2");
}

#[test]
fn comments_and_what_others_wrote_stay() {
    let place = Place::new();
    place.ok(&["init"]);
    let old = file(&place) + "colour = 1 # whose?\n[capture] # mine\nthrottle = true # for now\n";
    std::fs::write(place.vault().join("vault.toml"), &old).unwrap();
    place.ok(&["config", "set", "capture.throttle", "off"]);
    assert_eq!(
        file(&place),
        old.replace("throttle = true", "throttle = false")
    );
}

#[test]
fn what_the_vault_does_not_understand_changes_nothing() {
    let place = Place::new();
    place.ok(&["init"]);
    let old = file(&place);
    let check = |key: &str, value: &str, says: &str| {
        place.run(&["config", "set", key, value]).fails(2, says);
        assert_eq!(file(&place), old);
    };
    check(
        "retention.age_days",
        "0",
        "expected a number of days, found '0'",
    );
    check("capture.throttle", "maybe", "expected true or false");
    check("capture.durability", "strong", "process, data or async");
    check("retention.age_day", "9", "did you mean retention.age_days?");
    check(
        "storage.retention_days",
        "9",
        "it is retention.age_days now",
    );
    check("root", "/tmp", "$CRASHVAULT_HOME");
    check("format", "2", "there is no setting format");
    check("id", "x", "there is no setting id");
    check("group.rule", "x", "there is no setting group.rule");
}

#[test]
fn a_variable_that_says_otherwise_is_told() {
    let place = Place::new();
    let mut command = place.command(&["config", "set", "capture.project", "shop"]);
    let ran = crate::run::Ran::of(command.env("CRASHVAULT_PROJECT", "till").output().unwrap());
    assert_eq!(ran.stdout, "capture.project is till (variable)\n");
    assert!(ran.stderr.contains("says otherwise"), "{}", ran.stderr);
    assert!(file(&place).contains("project = \"shop\""));
}

#[test]
fn all_settings_are_listed_and_their_file_is_named() {
    let place = Place::new();
    place.run(&["config", "list"]).fails(3, "there is no vault");
    place
        .run(&["config", "get", "scrub.keys"])
        .fails(3, "there is no vault");
    place
        .run(&["config", "unset", "scrub.keys"])
        .fails(3, "there is no vault");
    assert!(!place.vault().exists());
    let path = place.vault().join("vault.toml").display().to_string();
    assert_eq!(place.ok(&["config", "path"]).stdout, path + "\n");
    place.ok(&["init"]);
    let lines = place.ok(&["config", "list"]).stdout;
    assert!(
        lines.lines().all(|line| line.split('\t').count() == 3),
        "{lines}"
    );
    assert!(
        lines.contains("capture.throttle\ttrue\tdefault\n"),
        "{lines}"
    );
    let json = place.ok(&["config", "list", "--json"]).json();
    assert_eq!(
        json["settings"].as_array().unwrap().len(),
        lines.lines().count()
    );
}
