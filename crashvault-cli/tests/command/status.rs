use crashvault::{NewAttachment, Vault};

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
        "kB in vault.db (",
        "B payloads, ",
        "B unused)\n",
        "in attachments/, 0 B in archive/",
        "B free\n",
        "capture.throttle",
        "(default)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = place.ok(&["status", "--json"]).json();
    let expected = [
        "archive_bytes",
        "attachments_bytes",
        "directory",
        "disk_free_bytes",
        "event_count",
        "format",
        "index_bytes",
        "is_disk_full",
        "is_read_only",
        "issue_count",
        "journal_bytes",
        "last_failure",
        "lost_count",
        "payload_bytes",
        "project_count",
        "refused_count",
        "reports",
        "sampled_count",
        "settings",
        "store_bytes",
        "store_free_bytes",
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
    let bytes = |key: &str| json[key].as_u64().unwrap();
    assert!(bytes("payload_bytes") > 0 && bytes("disk_free_bytes") > 0);
    let parts = bytes("payload_bytes") + bytes("index_bytes") + bytes("store_free_bytes");
    assert_eq!(parts, bytes("store_bytes"));
}

#[test]
fn every_kind_of_file_is_counted() {
    let place = Place::new();
    let event = place.ok(&["add", "x", "--json"]).json()["event_id"].clone();
    let event = event.as_str().unwrap().parse().unwrap();
    let mut vault = Vault::open(place.vault()).unwrap();
    vault
        .attach(event, &NewAttachment::new("a.log", "content"))
        .unwrap();
    std::fs::create_dir_all(place.vault().join("archive")).unwrap();
    std::fs::write(place.vault().join("archive/old.cva"), "content").unwrap();
    let json = place.ok(&["status", "--json"]).json();
    for key in ["attachments_bytes", "archive_bytes"] {
        assert!(json[key].as_u64().unwrap() > 0, "{key}: {json}");
    }
}

#[test]
fn tables_are_measured_when_asked() {
    let place = Place::new();
    place.ok(&["add", "x"]);
    let text = place.ok(&["status", "--space"]).stdout;
    let heading = "Tables of vault.db, each with its indexes\n";
    assert!(
        text.contains(heading) && text.contains("  event_payload "),
        "{text}"
    );
    let json = place.ok(&["status", "--space", "--json"]).json();
    let tables = json["tables"].as_array().unwrap();
    assert_eq!(keys(&tables[0]), ["bytes", "name"]);
    let sizes: Vec<u64> = tables
        .iter()
        .map(|t| t["bytes"].as_u64().unwrap())
        .collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    assert!(sizes.iter().sum::<u64>() <= json["store_bytes"].as_u64().unwrap());
}

#[test]
fn a_disk_that_is_as_good_as_full_is_told() {
    let place = Place::new();
    place.ok(&["add", "x"]);
    let file = place.vault().join("vault.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\n[space]\nfree_min_mb = 1000000000\n").unwrap();
    let text = place.ok(&["status"]).stdout;
    assert!(text.contains("less than space.free_min_mb"), "{text}");
    assert_eq!(place.ok(&["status", "--json"]).json()["is_disk_full"], true);
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
