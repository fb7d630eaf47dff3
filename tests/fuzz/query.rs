//! Asks mutated queries of a vault, round after round: none panics or takes too long, each error is at a place of its text,
//! and a query that was read and is written out again is read as the same.

use std::process::ExitCode;

use crashvault::issue::Deed;
use crashvault::{Error, Event, ExplainedTerm, FixedClock, IssueRef, Search, TermKind, Vault};
use crashvault_tests::fuzz::{self, Folder, Mutator, Random, Target, literals};
use crashvault_tests::repository;
use serde_json::Value;

/// A little more than a query may have.
const TEXT_BYTES_MAX: usize = 5000;
/// What a query may have; one that is written out again may have more.
const QUERY_BYTES_MAX: usize = 4096;

fn main() -> ExitCode {
    fuzz::run::<Queries>()
}

struct Queries {
    mutator: Mutator,
    vault: Vault,
    _folder: Folder,
}

impl Target for Queries {
    const NAME: &'static str = "query";
    const MS_MIN: u128 = 1_000;
    const MS_PER_MB_MAX: u128 = 0;

    fn new(more: Vec<Vec<u8>>) -> Result<Self, String> {
        let mut seeds: Vec<Vec<u8>> = lines("queries.jsonl")?
            .into_iter()
            .chain(lines("wrong.jsonl")?)
            .filter_map(|line| {
                line["query"]
                    .as_str()
                    .map(|query| query.as_bytes().to_vec())
            })
            .collect();
        seeds.extend(more);
        let words = literals::below("crashvault-core/src/query");
        let mut words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
        words.retain(|word| !word.is_empty() && word.len() < 80);
        words.extend(seeds.iter().cloned());
        let folder = Folder::new("query")?;
        let mutator = Mutator {
            seeds,
            words,
            bytes_max: TEXT_BYTES_MAX,
        };
        Ok(Self {
            mutator,
            vault: filled(&folder)?,
            _folder: folder,
        })
    }

    fn make(&mut self, random: &mut Random) -> Vec<u8> {
        self.mutator.text(random)
    }

    fn attempt(&mut self, text: &[u8]) -> Result<u64, String> {
        let text = String::from_utf8_lossy(text);
        if let Err(error) = Search::check(&text) {
            check_position(&error, &text)?;
        }
        let search = Search::new(&*text).limit(5);
        let found = match self.vault.search(&search) {
            Ok(found) => found,
            Err(error) => return check_position(&error, &text).map(|()| 0),
        };
        Search::check(&text)
            .map_err(|error| format!("it is answered and cannot be read: {error}"))?;
        let events = self.vault.search_events(&search).map_err(told)?;
        let told_of = self.vault.explain(&search).map_err(told)?;
        if told_of.found_count != found.issues.len() {
            return Err("it finds another number of issues when it is explained".into());
        }
        self.vault.explain_events(&search).map_err(told)?;
        self.check_again(&told_of.tree)?;
        Ok(1 + events.events.len() as u64)
    }
}

impl Queries {
    fn check_again(&self, tree: &ExplainedTerm) -> Result<(), String> {
        let text = written(tree);
        if text.len() > QUERY_BYTES_MAX {
            return Ok(());
        }
        let again = match self.vault.explain(&Search::new(&*text)) {
            Ok(again) => again.tree,
            // The parentheses that writing adds may be too many.
            Err(error) if error.message().contains("parentheses") => return Ok(()),
            Err(error) => return Err(format!("written out, it cannot be read: {error}: {text}")),
        };
        match shape(tree) == shape(&again) {
            true => Ok(()),
            false => Err(format!("written out, it is read otherwise: {text}")),
        }
    }
}

/// A vault with the events that the committed queries are asked of.
fn filled(folder: &Folder) -> Result<Vault, String> {
    let clock = FixedClock::at("2026-01-05T10:00:00Z").ok_or("no time")?;
    let options = Vault::options().clock(clock).author("ada");
    let mut vault = options.open(folder.path()).map_err(told)?;
    for event in lines("events.jsonl")? {
        let event = Event::from_json(event.to_string().as_bytes()).map_err(told)?;
        vault.add(event).map_err(told)?;
    }
    for decision in lines("decisions.jsonl")? {
        let issue = IssueRef::Number(decision["issue"].as_u64().ok_or("no issue")?);
        let deed = Deed::from_value(&decision["deed"]).map_err(told)?;
        vault.decide(&issue, deed).map_err(told)?;
    }
    let searches = repository().join("tests/behaviour/queries/searches.toml");
    std::fs::copy(searches, folder.path().join("searches.toml"))
        .map_err(|error| error.to_string())?;
    Ok(vault)
}

fn lines(name: &str) -> Result<Vec<Value>, String> {
    let path = repository().join("tests/behaviour/queries").join(name);
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

/// Whoever asked is shown where it went wrong.
fn check_position(error: &Error, text: &str) -> Result<(), String> {
    let mut context = error.context();
    let Some((_, position)) = context.find(|(key, _)| *key == "position") else {
        return Err(format!("an error has no place: {error}"));
    };
    let is_within = |at: usize| at <= text.len() && text.is_char_boundary(at);
    match position.parse().is_ok_and(is_within) {
        true => Ok(()),
        // A text that is too long ends where it may, letter or not.
        false if position == QUERY_BYTES_MAX.to_string() => Ok(()),
        false => Err(format!(
            "an error is at {position}, which is no place: {error}"
        )),
    }
}

/// A query that says the same.
fn written(term: &ExplainedTerm) -> String {
    let joined = |by: &str| {
        let parts: Vec<String> = term.parts.iter().map(written).collect();
        match parts.len() {
            1 => parts.join(by),
            // A word may end in a parenthesis that it opened itself.
            _ => format!("( {} )", parts.join(by)),
        }
    };
    match term.kind {
        TermKind::All if term.parts.is_empty() => String::new(),
        TermKind::All => joined(" "),
        TermKind::Any => joined(" OR "),
        TermKind::Not => format!("NOT {}", joined(" ")),
        _ => term.text.clone(),
    }
}

/// The tree without places, and without what saved searches stand for.
fn shape(term: &ExplainedTerm) -> Value {
    let parts: Vec<Value> = match term.kind {
        TermKind::Saved => Vec::new(),
        _ => term.parts.iter().map(shape).collect(),
    };
    serde_json::json!([term.kind.name(), term.text, parts])
}

fn told(error: Error) -> String {
    error.to_string()
}
