use crate::run::{Place, keys};

/// Every capture is kept or counted. Of the flood 50 are kept, and five more for each second that a slow machine takes.
#[track_caller]
fn check_counts(demo: &serde_json::Value) {
    let count = |key: &str| demo[key].as_u64().unwrap();
    assert_eq!(count("event_count") + count("throttled_count"), 2002);
    assert!((52..152).contains(&count("event_count")), "{demo}");
}

#[test]
fn the_demo_shows_three_real_failures() {
    let place = Place::new();
    let shown = place.ok(&["demo"]);
    assert_eq!(shown.stderr, "");
    for text in [
        "panicked at crashvault-cli/src/shop.rs:",
        "exit code 101, as without Crashvault",
        " kept whole, ",
        " counted, ",
        "shop::Cart::price_of",
        "shop::checkout",
        "> ",
        "self.prices[item]",
        "adding up the cart  {coupon: SPRING}",
        "export CRASHVAULT_HOME=",
        "OrderError: order 10017 was not stored",
    ] {
        assert!(shown.stdout.contains(text), "{text}\n---\n{}", shown.stdout);
    }
    // In a place of its own, not in the user's.
    assert!(!place.vault().exists());
}

#[test]
fn what_the_demo_left_can_be_looked_at() {
    let place = Place::new();
    let vault = place.path().join("a demo");
    let vault = vault.to_str().unwrap();
    let demo = place.ok(&["demo", "--json", "--vault", vault]).json();
    assert_eq!(
        keys(&demo),
        [
            "event_count",
            "issues",
            "programs",
            "throttled_count",
            "vault"
        ]
    );
    check_counts(&demo);
    let codes: Vec<i64> = demo["programs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["exit_code"].as_i64().unwrap())
        .collect();
    assert_eq!(codes, [101, 1, 1]);
    let of = |words: &[&str]| place.ok(&[words, &["--vault", vault]].concat());
    let listed = of(&["list", "--sort", "number"]).stdout;
    let levels: Vec<&str> = listed
        .lines()
        .rev()
        .map(|line| line.split('\t').nth(1).unwrap())
        .collect();
    assert_eq!(levels, ["fatal", "error", "error"]);
    let chain = of(&["show", "2", "--json"]).json();
    let causes = chain["events"][0]["exception"]["values"]
        .as_array()
        .unwrap();
    assert_eq!(causes.len(), 4, "{causes:#?}");
    let flood = of(&["show", "3"]).stdout;
    assert!(flood.contains("shop::update_price"), "{flood}");
}

#[test]
fn settings_of_the_user_do_not_thin_the_demo() {
    let place = Place::new();
    let mut command = place.command(&["demo", "--json"]);
    command
        .env("CRASHVAULT_SAMPLE_RATE", "0")
        .env("CRASHVAULT_THROTTLE", "false");
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let demo: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    check_counts(&demo);
}
