//! A search → what was read of it, what it means, how the store answered it and what that cost.

use super::parse::{Operator, Pair, Tree, Value, parse_key};
use super::{Asking, Doubt, Search, Understood, lower, near};
use crate::error::Result;
use crate::store::Estimate;

/// How a search is understood and answered. See `Vault::explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The query as it was read.
    pub tree: ExplainedTerm,
    /// All that is asked, in one line, with the times that ages came to.
    pub meaning: String,
    /// Which way the store went, as a sentence.
    pub route: String,
    /// The lists that were joined in the store, each with how deep it lies within others.
    pub lists: Vec<(usize, String)>,
    /// Rows and index entries that were read for the answer.
    pub rows_read: u64,
    /// Issues or events on the page.
    pub found_count: usize,
    /// How long the store took for it, in microseconds.
    pub elapsed_us: u64,
    /// Keys that are taken for tags and are nearly the name of something else.
    pub doubts: Vec<Doubt>,
}

/// A part of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedTerm {
    /// What it is.
    pub kind: TermKind,
    /// Where its first word begins, in bytes of the query; inside of a saved search, of that search's text.
    pub position: usize,
    /// What stands there; empty for what holds other parts.
    pub text: String,
    /// What is asked by it; `None` for what holds other parts.
    pub meaning: Option<String>,
    /// What the store looks it up in.
    pub index: Option<String>,
    /// How many fit it.
    pub rows: Option<TermRows>,
    /// The parts it holds.
    pub parts: Vec<ExplainedTerm>,
}

/// What a part of a query is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TermKind {
    /// All of its parts must hold.
    All,
    /// One of its parts must hold.
    Any,
    /// Its part must not hold.
    Not,
    /// A saved search.
    Saved,
    /// A word or phrase.
    Text,
    /// A key with a value.
    Pair,
}

impl TermKind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
            Self::Not => "not",
            Self::Saved => "saved",
            Self::Text => "text",
            Self::Pair => "pair",
        }
    }
}

/// How many issues or events fit a term by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TermRows {
    /// How many.
    pub count: u64,
    /// Whether there may be more.
    pub is_at_least: bool,
    /// Whether they are issues; else events.
    pub is_of_issues: bool,
}

/// Answers a search and tells how.
///
/// # Errors
/// As the search itself.
pub(crate) fn explain(
    search: &Search,
    is_of_events: bool,
    asking: &Asking<'_>,
) -> Result<Explanation> {
    let understood = Understood::of(search, asking)?;
    let (plan, condition) = match is_of_events {
        true => {
            let wanted = understood.event_search(search)?;
            (asking.store.explain_events(&wanted)?, wanted.condition)
        }
        false => {
            let wanted = understood.issue_search(search)?;
            (asking.store.explain(&wanted)?, wanted.condition)
        }
    };
    Ok(Explanation {
        tree: explained(&understood.tree, asking)?,
        meaning: condition.to_string(),
        route: plan.route,
        lists: plan.lists,
        rows_read: plan.rows_read,
        found_count: plan.found,
        elapsed_us: u64::try_from(plan.elapsed.as_micros()).unwrap_or(u64::MAX),
        doubts: near::doubts(&understood.tree),
    })
}

fn explained(tree: &Tree, asking: &Asking<'_>) -> Result<ExplainedTerm> {
    let each = |trees: &[Tree]| {
        let parts = trees.iter().map(|tree| explained(tree, asking));
        parts.collect::<Result<Vec<_>>>()
    };
    match tree {
        Tree::All(trees) => Ok(holding(TermKind::All, each(trees)?)),
        Tree::Any(trees) => Ok(holding(TermKind::Any, each(trees)?)),
        Tree::Not(tree) => Ok(holding(TermKind::Not, vec![explained(tree, asking)?])),
        Tree::Saved(part) => {
            let parts = each(part.tree.as_deref().map_or(&[], std::slice::from_ref))?;
            Ok(ExplainedTerm {
                position: part.position,
                text: format!("@{}", part.name),
                ..holding(TermKind::Saved, parts)
            })
        }
        Tree::Text(value) => term(TermKind::Text, value.position, written(value), tree, asking),
        Tree::Pair(pair) => term(
            TermKind::Pair,
            pair.position,
            written_pair(pair),
            tree,
            asking,
        ),
    }
}

fn holding(kind: TermKind, parts: Vec<ExplainedTerm>) -> ExplainedTerm {
    ExplainedTerm {
        kind,
        position: parts.first().map_or(0, |part| part.position),
        text: String::new(),
        meaning: None,
        index: None,
        rows: None,
        parts,
    }
}

fn term(
    kind: TermKind,
    position: usize,
    text: String,
    tree: &Tree,
    asking: &Asking<'_>,
) -> Result<ExplainedTerm> {
    let condition = lower::lower(tree, asking)?;
    let Estimate {
        index,
        rows,
        is_at_least,
        is_of_issues,
    } = asking.store.estimate(&condition)?;
    Ok(ExplainedTerm {
        kind,
        position,
        text,
        meaning: Some(condition.to_string()),
        index: Some(index),
        rows: rows.map(|count| TermRows {
            count,
            is_at_least,
            is_of_issues,
        }),
        parts: Vec::new(),
    })
}

fn written(value: &Value) -> String {
    match value.is_quoted {
        true => super::quoted(&value.text),
        false => value.text.clone(),
    }
}

/// As it can be read again.
fn written_pair(pair: &Pair) -> String {
    let name = match parse_key(&pair.key.name) {
        Some(key) if key.part.is_none() => pair.key.name.clone(),
        _ => super::quoted(&pair.key.name),
    };
    let part = pair.key.part.as_deref().map(written_part);
    let sign = match pair.operator {
        Operator::Is => "",
        Operator::Above => ">",
        Operator::AtLeast => ">=",
        Operator::Below => "<",
        Operator::AtMost => "<=",
    };
    let values: Vec<String> = pair.values.iter().map(written).collect();
    let values = match values.as_slice() {
        [one] if !(pair.operator == Operator::Is && is_of_list(&pair.values[0])) => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    format!("{name}{}:{sign}{values}", part.unwrap_or_default())
}

fn written_part(part: &str) -> String {
    let plain = format!("[{part}]");
    match parse_key(&format!("k{plain}")).and_then(|key| key.part) {
        Some(read) if read == part => plain,
        _ => format!("[{}]", super::quoted(part)),
    }
}

/// Whether a word can stand in a list alone.
fn is_of_list(value: &Value) -> bool {
    let text = &value.text;
    let is_special = text.starts_with(['>', '<', '[']) || text.contains(['(', ')']);
    !value.is_quoted && is_special && !text.contains([',', ']'])
}
