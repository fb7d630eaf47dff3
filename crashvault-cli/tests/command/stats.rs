use serde_json::json;

use crate::run::{Place, keys};

fn vault() -> Place {
    let place = Place::new();
    for message in ["disk full on 1", "connection refused", "disk full on 2"] {
        place.ok(&["add", message]);
    }
    place.ok(&["add", "coupon \u{1b}[31mexpired", "--level", "info"]);
    place.ok(&["resolve", "2"]);
    place.ok(&["note", "of no account here"]);
    place
}

#[test]
fn a_pipe_gets_a_line_for_each_number() {
    let stats = vault().ok(&["stats"]).stdout;
    assert_eq!(
        stats,
        "status\topen\t3\nstatus\tresolved\t1\nstatus\tignored\t0\n\
         level\tdebug\t0\nlevel\tinfo\t2\nlevel\twarning\t0\nlevel\terror\t3\nlevel\tfatal\t0\n\
         last\t24h\t5\nlast\t7d\t5\nlast\t30d\t5\n\
         top\t1\t2\tdisk full on 2\ntop\t3\t1\tcoupon \\x1b[31mexpired\n"
    );
}

#[test]
fn json_holds_all_of_it() {
    let place = vault();
    let stats = place.ok(&["stats", "--json", "--top", "1"]).json();
    assert_eq!(
        keys(&stats),
        [
            "event_count",
            "events",
            "hours",
            "issue_count",
            "issues",
            "last_24h",
            "last_30d",
            "last_7d",
            "top_issues",
            "vault",
            "waiting_count"
        ]
    );
    assert_eq!(
        stats["issues"],
        json!({"open": 3, "resolved": 1, "ignored": 0})
    );
    assert_eq!(stats["events"]["error"], 3);
    assert_eq!(stats["top_issues"].as_array().unwrap().len(), 1);
    let hours = stats["hours"].as_array().unwrap();
    let sum: u64 = hours
        .iter()
        .map(|hour| hour["count"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 5);
}

#[test]
fn without_a_vault_there_is_nothing_to_count() {
    let ran = Place::new().ok(&["stats"]);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("there is no vault"), "{}", ran.stderr);
    assert_eq!(Place::new().run(&["stats", "--json"]).code, 3);
}
