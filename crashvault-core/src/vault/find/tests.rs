//! What queries find and how wrong ones are refused, from files (tests/behaviour/queries), on every store.
//!
//! `UPDATE=1 cargo test -p crashvault-core --lib find::` writes the messages of wrong queries anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::Vault;
use crate::event::Event;
use crate::issue::{Deed, IssueRef};
use crate::query::{self, Search};
use crate::scratch::{Scratch, scratch};
use crate::store::MemoryStore;
use crate::time::FixedClock;

fn file(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../tests/behaviour/queries").join(name)
}

fn lines(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(file(name)).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// The vault that the queries are asked of, and a name of its store.
fn vaults() -> Vec<(&'static str, Scratch, Vault)> {
    filled(fill)
}

fn filled(fill: fn(&mut Vault)) -> Vec<(&'static str, Scratch, Vault)> {
    let stores = ["sqlite", "memory"].into_iter();
    stores
        .map(|store| {
            let home = scratch();
            let clock = FixedClock::at("2026-01-05T10:00:00Z").unwrap();
            let options = Vault::options().clock(clock).author("ada");
            let mut vault = options.open(home.path()).unwrap();
            if store == "memory" {
                vault.store = Box::new(MemoryStore::default());
            }
            fill(&mut vault);
            (store, home, vault)
        })
        .collect()
}

fn fill(vault: &mut Vault) {
    for event in lines("events.jsonl") {
        let event = Event::from_json(event.to_string().as_bytes()).unwrap();
        assert_eq!(event.flaws, [], "{event:?}");
        vault.add(event).unwrap();
    }
    for decision in lines("decisions.jsonl") {
        let issue = IssueRef::Number(decision["issue"].as_u64().unwrap());
        let deed = Deed::from_value(&decision["deed"]).unwrap();
        vault.decide(&issue, deed).unwrap();
    }
    std::fs::copy(
        file("searches.toml"),
        vault.directory().join("searches.toml"),
    )
    .unwrap();
}

fn asked(line: &Value) -> Search {
    let mut search = Search::new(line["query"].as_str().unwrap()).limit(1000);
    if let Some(since) = line["since"].as_str() {
        search = search.since(since);
    }
    if let Some(until) = line["until"].as_str() {
        search = search.until(until);
    }
    search
}

#[test]
fn queries_find_the_same_in_every_store() {
    let queries = lines("queries.jsonl");
    assert!(queries.len() >= 100, "{} queries", queries.len());
    let mut wrong = Vec::new();
    for (store, _home, vault) in vaults() {
        for line in &queries {
            let search = asked(line);
            let of_issues = vault.search(&search).map(|found| {
                let mut numbers: Vec<u64> = found.issues.iter().map(|i| i.number).collect();
                numbers.sort_unstable();
                numbers
            });
            let of_events = vault.search_events(&search).map(|found| {
                let numbers = found.events.iter().map(|event| event.issue_number);
                numbers.collect::<BTreeSet<u64>>()
            });
            let (of_issues, of_events) = (of_issues.unwrap(), of_events.unwrap());
            if json!(of_issues) != line["expect"] {
                wrong.push(format!("{store}: {line} found {of_issues:?}"));
            }
            if json!(of_events) != line["expect"] {
                wrong.push(format!("{store}: events of {line} found {of_events:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_release_that_is_the_latest_of_another_project_is_not_found() {
    let fill = |vault: &mut Vault| {
        let events = [
            ("shop", "1.0", "old", 1),
            ("shop", "2.0", "new", 2),
            ("web", "1.0", "other", 3),
        ];
        for (project, release, message, day) in events {
            let event = json!({
                "timestamp": format!("2026-01-0{day}T09:00:00Z"), "message": message, "release": release,
                "contexts": {"crashvault": {"project": project}},
            });
            vault
                .add(Event::from_json(event.to_string().as_bytes()).unwrap())
                .unwrap();
        }
    };
    for (store, _home, vault) in filled(fill) {
        for query in ["release:latest", "firstRelease:latest"] {
            let found = vault.search(&Search::new(query)).unwrap();
            let titles: BTreeSet<_> = found.issues.iter().map(|i| i.title.as_str()).collect();
            assert_eq!(titles, BTreeSet::from(["new", "other"]), "{store}: {query}");
            let found = vault.search_events(&Search::new(query)).unwrap();
            assert_eq!(found.events.len(), 2, "{store}: events of {query}");
        }
    }
}

#[test]
fn each_wrong_query_says_where_and_why() {
    for (store, _home, vault) in vaults() {
        let told: Vec<Value> = lines("wrong.jsonl")
            .into_iter()
            .map(|line| {
                let query = line["query"].as_str().unwrap();
                let error = vault.search(&Search::new(query)).expect_err(query);
                let position = error.context().find(|(key, _)| *key == "position");
                let position: usize = position.unwrap().1.parse().unwrap();
                json!({"query": query, "position": position, "message": error.message()})
            })
            .collect();
        if std::env::var_os("UPDATE").is_some() && store == "sqlite" {
            let text: String = told.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(file("wrong.jsonl"), text).unwrap();
        }
        for (line, expected) in told.iter().zip(lines("wrong.jsonl")) {
            assert_eq!(*line, expected, "{store}");
        }
    }
}

#[test]
fn every_key_is_asked_for() {
    let asked: Vec<String> = lines("queries.jsonl")
        .iter()
        .map(|line| line["query"].as_str().unwrap().to_owned())
        .collect();
    let refused: Vec<String> = lines("wrong.jsonl")
        .iter()
        .map(|line| line["query"].as_str().unwrap().to_owned())
        .collect();
    let has = |queries: &[String], key: &str| {
        let written = format!("{key}:");
        queries.iter().any(|query| query.contains(&written))
    };
    let missing: Vec<&str> = query::keys_known()
        .filter(|key| !has(&asked, key))
        .chain(query::keys_refused().filter(|key| !has(&refused, key)))
        .collect();
    assert!(missing.is_empty(), "no query has {missing:?}");
}

#[test]
fn the_guide_lists_every_key() {
    let guide = file("../../../docs/guide/search.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let keys = query::keys_known().chain(query::keys_refused());
    let missing: Vec<&str> = keys
        .filter(|key| !guide.contains(&format!("`{key}`")))
        .collect();
    assert!(missing.is_empty(), "docs/guide/search.md lacks {missing:?}");
}

#[test]
fn every_query_can_be_explained() {
    for (store, _home, vault) in vaults() {
        for line in lines("queries.jsonl") {
            let search = asked(&line);
            let told = vault.explain(&search).unwrap();
            let expected = line["expect"].as_array().unwrap().len();
            assert_eq!(told.found_count, expected, "{store}: {line}");
            assert!(vault.explain_events(&search).unwrap().found_count >= expected);
        }
    }
}

#[test]
fn an_explanation_tells_what_each_store_does() {
    for (store, _home, vault) in vaults() {
        let search = Search::new("is:open (timed OR levle:x) !region:us @shop");
        let told = vault.explain(&search).unwrap();
        let parts = &told.tree.parts;
        let positions: Vec<usize> = parts.iter().map(|part| part.position).collect();
        assert_eq!(positions, [0, 9, 28, 38], "{store}");
        let kinds: Vec<&str> = parts.iter().map(|part| part.kind.name()).collect();
        assert_eq!(kinds, ["pair", "any", "not", "saved"]);
        assert_eq!(
            parts[0].meaning.as_deref(),
            Some("issue: status is open"),
            "{store}"
        );
        let counted = |at: usize| parts[at].rows.map(|rows| (rows.count, rows.is_of_issues));
        assert_eq!(counted(0), Some((7, true)), "{store}");
        assert_eq!(parts[1].parts[0].rows.map(|rows| rows.count), Some(3));
        assert_eq!(parts[1].parts[1].rows.map(|rows| rows.count), Some(0));
        assert_eq!((told.found_count, told.doubts.len()), (1, 1), "{told:?}");
        assert_eq!(told.doubts[0].meant, "level");
        assert_eq!(told.route.contains("full scan"), store == "memory");
        assert!(told.rows_read > 0, "{store}");
        let nested = Search::new("@europe (is:open level:error)").since("9d");
        let told = vault.explain_events(&nested).unwrap();
        assert!(!told.route.contains("mixed"), "{}", told.route);
    }
}

#[test]
fn a_part_is_told_so_that_it_can_be_asked_again() {
    let (_, _home, vault) = vaults().remove(0);
    for query in [
        r#""job name":x"#,
        r#"tags["job name"]:x"#,
        "tags[os]:linux",
        r#"region:"""#,
        "timesSeen:>=5",
        "region:[>5]",
        "region:[a)]",
        "region:[[a]",
        "region:a,b]",
        "region:[a, b]",
    ] {
        let told = vault.explain(&Search::new(query)).unwrap();
        assert_eq!(told.tree.text, query);
    }
}

#[test]
fn what_was_nearly_a_key_is_asked_about() {
    for (_, _home, vault) in vaults() {
        let doubts = |query: &str| {
            let found = vault.search(&Search::new(query)).unwrap();
            let doubts = found.doubts.into_iter();
            doubts
                .map(|doubt| (doubt.position, doubt.meant))
                .collect::<Vec<_>>()
        };
        assert_eq!(doubts("timed levle:error"), [(6, "level".to_owned())]);
        assert_eq!(doubts("has:relase x"), [(4, "release".to_owned())]);
        assert_eq!(doubts("email:x"), [(0, "user.email".to_owned())]);
        assert_eq!(doubts("tags[levle]:error"), []);
        assert_eq!(doubts("region:nowhere"), []);
        assert_eq!(doubts("timed OR levle:error"), []);
    }
}
