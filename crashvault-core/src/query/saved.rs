//! `@name` in a query → the saved search of that name, as one part in parentheses.

use std::collections::BTreeMap;

use super::near;
use super::parse::{SavedPart, TERMS_MAX, Tree, is_name, parse, wrong};
use crate::error::{Error, ErrorKind, Result};

/// Queries by the names they were saved under.
pub(crate) type Saved = BTreeMap<String, String>;

/// Saved searches within each other.
const WITHIN_MAX: usize = 8;

/// Reads a query and puts in what it names.
///
/// # Errors
/// InvalidInput with the byte offset as the context `position`; what is wrong inside of a saved search is told at its
/// name.
pub(super) fn read(text: &str, saved: &Saved) -> Result<Tree> {
    let mut tree = parse(text)?;
    Expanding { saved, terms: 0 }.fill(&mut tree, &mut Vec::new())?;
    Ok(tree)
}

/// Whether a text can be the name of a saved search.
///
/// # Errors
/// InvalidInput.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    let message = format!(
        "'{name}' is no name for a search: write a letter, then letters, digits, '-' and '_', at most 64 in all"
    );
    Err(Error::new(ErrorKind::InvalidInput, "save search", message))
}

/// The same failure, told at the name of the saved search it lies in.
pub(super) fn inside(name: &str, position: usize, error: Error) -> Error {
    if !error.context().any(|(key, _)| key == "position") {
        return error;
    }
    let message = match error.message() {
        told if told.starts_with("in the saved search") => told.to_owned(),
        told => format!("in the saved search @{name}: {told}"),
    };
    wrong(position, message)
}

struct Expanding<'a> {
    saved: &'a Saved,
    terms: usize,
}

impl Expanding<'_> {
    fn fill(&mut self, tree: &mut Tree, open: &mut Vec<String>) -> Result<()> {
        match tree {
            Tree::All(trees) | Tree::Any(trees) => {
                trees.iter_mut().try_for_each(|tree| self.fill(tree, open))
            }
            Tree::Not(tree) => self.fill(tree, open),
            Tree::Text(value) => self.count(1, value.position),
            Tree::Pair(pair) => self.count(pair.values.len(), pair.position),
            Tree::Saved(part) => self.put_in(part, open),
        }
    }

    fn put_in(&mut self, part: &mut SavedPart, open: &mut Vec<String>) -> Result<()> {
        let name = part.name.clone();
        if open.contains(&name) {
            let message = format!("@{name} is part of itself: {} → @{name}", chain(open));
            return Err(wrong(part.position, message));
        }
        if open.len() >= WITHIN_MAX {
            let message = format!("more than {WITHIN_MAX} saved searches within each other");
            return Err(wrong(part.position, message));
        }
        let Some(text) = self.saved.get(&name) else {
            let meant = near::nearest(&name, self.saved.keys().map(String::as_str));
            let meant = meant.map(|meant| format!("; did you mean @{meant}?"));
            let message = format!(
                "no search is saved as @{name} (\"@{name}\" in quotes looks for the word){}",
                meant.unwrap_or_default()
            );
            return Err(wrong(part.position, message));
        };
        let mut tree = parse(text).map_err(|error| inside(&name, part.position, error))?;
        open.push(name.clone());
        self.fill(&mut tree, open)
            .map_err(|error| inside(&name, part.position, error))?;
        open.pop();
        part.tree = Some(Box::new(tree));
        Ok(())
    }

    fn count(&mut self, more: usize, position: usize) -> Result<()> {
        self.terms += more;
        if self.terms > TERMS_MAX {
            let message = format!(
                "a query has at most {TERMS_MAX} words and values, with those of its saved searches"
            );
            return Err(wrong(position, message));
        }
        Ok(())
    }
}

fn chain(open: &[String]) -> String {
    let names: Vec<String> = open.iter().map(|name| format!("@{name}")).collect();
    names.join(" → ")
}
