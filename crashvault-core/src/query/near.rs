//! A word that is not known → the known one that was probably meant.

use super::keys;
use super::parse::{Key, Tree, parse_key};
use crate::store::Key as StoreKey;

/// A key that is looked for as a tag, and a known one that is written nearly so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Doubt {
    /// Where the key begins, in bytes of the query.
    pub position: usize,
    /// The key as it was written.
    pub key: String,
    /// The key that was probably meant.
    pub meant: String,
}

/// Names shorter than that are near too many others.
const NAME_CHARS_MIN: usize = 3;

/// Families whose keys are written without them: `email` for `user.email`. (`region` is more often a tag.)
const FAMILIES: [&str; 4] = ["error", "http", "stack", "user"];

/// The known word that is nearest, if one is near.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    let far = match word.len() {
        ..NAME_CHARS_MIN => return None,
        3..=4 => 1,
        _ => 2,
    };
    let distances = known.into_iter().map(|known| {
        let letters: Vec<char> = known.chars().flat_map(char::to_lowercase).collect();
        (distance(&word, &letters), known)
    });
    let near = distances.filter(|(distance, _)| *distance <= far);
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Letters to put in, take out, change or swap with their neighbour until one word is the other.
fn distance(a: &[char], b: &[char]) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = last[j] + usize::from(x != y);
            let mut best = changed.min(last[j + 1] + 1).min(row[j] + 1);
            let is_swapped = i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x;
            if is_swapped {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

/// `; did you mean WORD?`, or nothing.
pub(super) fn question<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    match nearest(word, known) {
        Some(meant) => format!("; did you mean {meant}?"),
        None => String::new(),
    }
}

/// The keys of a query that are taken for tags and are nearly the name of something else.
pub(super) fn doubts(tree: &Tree) -> Vec<Doubt> {
    let mut found = Vec::new();
    collect(tree, None, &mut found);
    found
}

/// `saved`: where the saved search stands that this is part of.
fn collect(tree: &Tree, saved: Option<usize>, found: &mut Vec<Doubt>) {
    match tree {
        Tree::All(trees) | Tree::Any(trees) => {
            trees.iter().for_each(|tree| collect(tree, saved, found));
        }
        Tree::Not(tree) => collect(tree, saved, found),
        Tree::Saved(named) => {
            if let Some(tree) = &named.tree {
                collect(tree, saved.or(Some(named.position)), found);
            }
        }
        Tree::Text(_) => {}
        Tree::Pair(pair) => {
            add(&pair.key, saved.unwrap_or(pair.position), found);
            if pair.key.name.eq_ignore_ascii_case("has") && pair.key.part.is_none() {
                for value in pair.values.iter().filter(|value| !value.is_quoted) {
                    if let Some(key) = parse_key(&value.text) {
                        add(&key, saved.unwrap_or(value.position), found);
                    }
                }
            }
        }
    }
}

fn add(key: &Key, position: usize, found: &mut Vec<Doubt>) {
    let name = key.name.as_str();
    let is_tag = || matches!(keys::store_key(name), StoreKey::Tag(_));
    if key.part.is_some() || keys::Subject::of(name).is_some() || !is_tag() {
        return;
    }
    let lower = name.to_ascii_lowercase();
    let mut ends = keys::known().filter(|known| {
        let tail = known.split_once('.');
        tail.is_some_and(|(family, tail)| FAMILIES.contains(&family) && tail == lower)
    });
    if let Some(meant) = nearest(name, keys::known()).or_else(|| ends.next()) {
        found.push(Doubt {
            position,
            key: name.to_owned(),
            meant: meant.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: Option<&str>) {
        assert_eq!(nearest(word, keys::known()), expected, "{word}");
    }

    #[test]
    fn a_slip_is_near() {
        check("levle", Some("level"));
        check("leve", Some("level"));
        check("relaese", Some("release"));
        check("timeSeen", Some("timesSeen"));
        check("enviroment", Some("environment"));
        check("asigned", Some("assigned"));
        check("stack.fucntion", Some("stack.function"));
    }

    #[test]
    fn another_word_is_not() {
        check("region", None);
        check("os", None);
        check("customer", None);
        check("ab", None);
    }

    #[test]
    fn neighbours_that_changed_places_are_one_slip() {
        let letters = |text: &str| text.chars().collect::<Vec<char>>();
        assert_eq!(distance(&letters("levle"), &letters("level")), 1);
        assert_eq!(distance(&letters(""), &letters("ab")), 2);
        assert_eq!(distance(&letters("abc"), &letters("abc")), 0);
    }
}
