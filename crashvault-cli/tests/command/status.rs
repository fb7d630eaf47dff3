use crate::run::{Place, keys};

#[test]
fn status_tells_everything_it_knows() {
    let place = Place::new();
    place.ok(&["add", "disk full"]);
    let text = place.ok(&["status"]).stdout;
    for part in [
        "1 event, 1 issue, 1 project",
        "thinned out",
        "lost",
        "kB in vault.db",
        "capture.throttle",
        "(default)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = place.ok(&["status", "--json"]).json();
    let expected = [
        "directory",
        "event_count",
        "format",
        "is_read_only",
        "issue_count",
        "journal_bytes",
        "last_failure",
        "lost_count",
        "project_count",
        "refused_count",
        "sampled_count",
        "settings",
        "store_bytes",
        "symbols_bytes",
        "throttled_count",
        "torn_count",
        "unreadable_count",
        "vault_id",
        "waiting_count",
        "writers_alive",
    ];
    assert_eq!(keys(&json), expected);
    assert_eq!(keys(&json["settings"][0]), ["key", "source", "value"]);
    assert_eq!(json["event_count"], 1);
}

#[test]
fn settings_say_where_they_come_from() {
    let place = Place::new();
    place.ok(&["add", "x"]);
    let file = place.vault().join("vault.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\n[capture]\nsample_rate = 0.5\n").unwrap();
    let output = place
        .command(&["status"])
        .env("CRASHVAULT_DURABILITY", "data")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |key: &str| {
        text.lines()
            .find(|line| line.contains(key))
            .unwrap()
            .to_owned()
    };
    assert!(
        line("capture.sample_rate").ends_with("(vault.toml)"),
        "{text}"
    );
    assert!(line("capture.durability").ends_with("(variable)"), "{text}");
}

#[test]
fn a_sound_vault_has_a_clean_bill() {
    let place = Place::new();
    place.ok(&["add", "x"]);
    let found = place.ok(&["doctor"]).stdout;
    assert!(
        found.lines().all(|line| line.split('\t').count() == 3),
        "{found}"
    );
    assert!(found.contains("fine\tvault.db is whole\t"), "{found}");
    let json = place.ok(&["doctor", "--json"]).json();
    assert_eq!(keys(&json), ["findings", "is_healthy", "vault"]);
    assert_eq!(keys(&json["findings"][0]), ["advice", "severity", "what"]);
    assert_eq!(json["is_healthy"], true);
}

#[test]
fn a_setting_that_is_not_understood_is_a_problem() {
    let place = Place::new();
    place.ok(&["add", "x"]);
    let file = place.vault().join("vault.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\ncolour = 1\n").unwrap();
    let found = place.run(&["doctor"]);
    assert_eq!(found.code, 1);
    assert!(
        found.stdout.contains("problem\tvault.toml: colour"),
        "{}",
        found.stdout
    );
}
