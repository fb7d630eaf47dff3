use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::run::{Place, Ran, keys};

const SLACK: &str = "https://hooks.slack.com/services/T0/B0/hidden";

fn add(place: &Place, words: &[&str]) -> serde_json::Value {
    let words = [&["webhook", "add"], words, &["--json"]].concat();
    place.ok(&words).json()["webhook"].clone()
}

#[test]
fn every_type_is_kept_with_v1s_defaults() {
    let place = Place::new();
    for kind in ["slack", "discord", "teams", "http", "GitHub"] {
        let url = if kind == "GitHub" { "acme/shop" } else { SLACK };
        let webhook = add(&place, &[kind, "--url", url]);
        let kind = kind.to_lowercase();
        assert_eq!(webhook["type"], *kind);
        assert_eq!(webhook["name"], format!("{kind}-webhook"));
        assert_eq!(webhook["events"], json!(["error", "fatal"]));
        assert_eq!(webhook["is_enabled"], true);
        assert_eq!(webhook["id"].as_str().unwrap().len(), 8);
    }
    let lines = place.ok(&["webhook", "list"]).stdout;
    assert_eq!(lines.lines().count(), 5);
    assert!(
        lines.lines().all(|line| line.split('\t').count() == 7),
        "{lines}"
    );
    // The vault still knows all its settings.
    assert!(!place.ok(&["add", "x"]).stderr.contains("webhooks"));
    assert_eq!(place.ok(&["doctor"]).stdout.matches("webhooks").count(), 0);
}

#[test]
fn nothing_secret_is_ever_printed() {
    let place = Place::new();
    let ran = place.answered(
        &[
            "webhook", "add", "slack", "--url", SLACK, "--secret", "-", "--name", "ops",
        ],
        "s3cret\n",
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let mut said = ran.stdout + &ran.stderr;
    for words in [
        &["webhook", "list"][..],
        &["webhook", "show", "ops"],
        &["webhook", "list", "--json"],
        &["config", "list"],
        &["status"],
        &["doctor"],
    ] {
        let ran = place.run(words);
        said += &(ran.stdout + &ran.stderr);
    }
    assert!(said.contains("https://hooks.slack.com/…"), "{said}");
    for secret in ["s3cret", "hidden"] {
        assert!(!said.contains(secret), "{said}");
    }
    let secrets: Vec<_> = std::fs::read_dir(place.vault().join("secrets"))
        .unwrap()
        .collect();
    let secret = secrets[0].as_ref().unwrap().path();
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "s3cret");
    assert_eq!(
        secret.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let settings = place.vault().join("vault.toml");
    assert_eq!(
        settings.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(
        !std::fs::read_to_string(settings)
            .unwrap()
            .contains("s3cret")
    );
    place.ok(&["webhook", "remove", "ops"]);
    assert!(!secret.exists());
    assert_eq!(place.ok(&["webhook", "list"]).stdout, "");
}

#[test]
fn one_is_turned_off_and_on_and_removed() {
    let place = Place::new();
    let webhook = add(
        &place,
        &[
            "http",
            "--url",
            "http://127.0.0.1:9/x",
            "--events",
            "warning",
        ],
    );
    assert_eq!(
        keys(&webhook),
        [
            "events",
            "has_secret",
            "id",
            "is_enabled",
            "name",
            "type",
            "url"
        ]
    );
    let id = webhook["id"].as_str().unwrap();
    let is_enabled =
        || place.ok(&["webhook", "show", id, "--json"]).json()["webhook"]["is_enabled"].clone();
    place.ok(&["webhook", "disable", id]);
    assert_eq!(is_enabled(), false);
    let said = place.ok(&["webhook", "enable", "http-webhook"]);
    assert_eq!(
        said.stdout,
        format!("Enabled webhook {id} (http, http-webhook)\n")
    );
    assert!(
        said.stderr.contains("delivers nothing yet"),
        "{}",
        said.stderr
    );
    assert_eq!(is_enabled(), true);
    let removed = place.ok(&["webhook", "remove", id, "--json"]).json();
    assert_eq!(removed["removed"]["id"], id);
    place
        .run(&["webhook", "show", id])
        .fails(3, "there is no webhook");
}

#[test]
fn a_test_says_plainly_that_nothing_is_sent() {
    let place = Place::new();
    add(&place, &["slack", "--url", SLACK]);
    place
        .run(&["webhook", "test", "slack-webhook"])
        .fails(1, "nothing was sent to slack-webhook");
    place
        .run(&["webhook", "test", "nobody"])
        .fails(3, "there is no webhook nobody");
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_kept() {
    let place = Place::new();
    let refused = |words: &[&str], says: &str| {
        place
            .run(&[&["webhook", "add"], words].concat())
            .fails(2, says);
        assert!(!place.vault().exists());
    };
    refused(
        &["fax", "--url", SLACK],
        "expected slack, discord, teams, http or github",
    );
    refused(&["slack"], "--url");
    refused(
        &["slack", "--url", "acme/shop"],
        "begins with https:// or http://",
    );
    refused(&["github", "--url", "acme"], "owner/repository");
    refused(
        &["http", "--url", SLACK, "--events", "loud"],
        "expected debug, info",
    );
    refused(
        &["http", "--url", SLACK, "--secret", "s3cret"],
        "a secret is no word of the command line",
    );
    refused(
        &["http", "--url", SLACK, "--secret", "-"],
        "the secret is empty",
    );
}

#[test]
fn a_name_is_that_of_one_webhook() {
    let place = Place::new();
    add(&place, &["slack", "--url", SLACK]);
    let second = add(&place, &["slack", "--url", SLACK]);
    assert_eq!(second["name"], "slack-webhook-2");
    add(&place, &["slack", "--url", SLACK, "--name", "ops"]);
    place
        .run(&["webhook", "add", "http", "--url", SLACK, "--name", "ops"])
        .fails(2, "there is a webhook ops already");
    assert_eq!(place.ok(&["webhook", "list"]).stdout.lines().count(), 3);
}

#[test]
fn two_of_one_name_are_told_apart_by_id() {
    let place = Place::new();
    add(&place, &["slack", "--url", SLACK]);
    let second = add(&place, &["slack", "--url", SLACK, "--name", "other"]);
    // As somebody may write it by hand.
    let settings = place.vault().join("vault.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("\"other\"", "\"slack-webhook\"")).unwrap();
    place
        .run(&["webhook", "disable", "slack-webhook"])
        .fails(2, "name one by its id");
    place.ok(&["webhook", "disable", second["id"].as_str().unwrap()]);
    let lines = place.ok(&["webhook", "list"]).stdout;
    assert_eq!(lines.matches("\tfalse\terror").count(), 1, "{lines}");
}

#[test]
fn a_secret_comes_from_a_file() {
    let place = Place::new();
    let file = place.path().join("secret");
    std::fs::write(&file, "s3cret\n").unwrap();
    let words = [
        "http",
        "--url",
        SLACK,
        "--secret-file",
        file.to_str().unwrap(),
    ];
    let webhook = add(&place, &words);
    assert_eq!(webhook["has_secret"], true);
    let name = format!("webhook-{}", webhook["id"].as_str().unwrap());
    let kept = place.vault().join("secrets").join(name);
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "s3cret");
}

/// Runs `notify` with only these programs to be found.
fn notify(place: &Place, event: &str, programs: &std::path::Path) -> Ran {
    let mut command = place.command(&["notify", event]);
    Ran::of(command.env("PATH", programs).output().unwrap())
}

#[test]
fn an_event_is_handed_to_the_desktop_as_plain_text() {
    let place = Place::new();
    let title = format!("<b>$(touch x)</b> -- \u{1b}[31m{}", "y".repeat(300));
    place.ok(&["add", "--", &title]);
    let event = place.ok(&["events", "--json"]).json()["events"][0]["id"].clone();
    let event = event.as_str().unwrap();
    let programs = place.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    notify(&place, event, &programs).fails(1, "neither notify-send nor osascript");
    let program = programs.join("notify-send");
    let script = "#!/bin/sh\nfor word in \"$@\"; do echo \"$word\"; done > \"$HOME/told\"\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = notify(&place, event, &programs);
    assert_eq!(
        ran.stdout, "Shown by notify-send: Crashvault: #1 ERROR\n",
        "{}",
        ran.stderr
    );
    let told = std::fs::read_to_string(place.path().join("told")).unwrap();
    let words: Vec<&str> = told.lines().collect();
    assert_eq!(
        words[..3],
        ["--app-name=Crashvault", "--", "Crashvault: #1 ERROR"]
    );
    assert!(
        words[3].starts_with("&lt;b&gt;$(touch x)&lt;/b&gt; -- \\x1b[31myyy"),
        "{told}"
    );
    assert!(words[3].len() < 230 && words.len() == 4, "{told}");
    notify(&place, &"1".repeat(32), &programs).fails(3, "1111");
}
