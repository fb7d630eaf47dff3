//! Enters: a variant that is new, and those that are known. Leaves: which issue it joins, if any, and how near it was.
//!
//! Deterministic: the same variants in the same order join the same issues.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::similar::{Likeness, Rarity, Subject, Weights};
use super::traits::{Name, Sketch};

/// The rarest functions of a variant, by which those are found that may be like it.
const KEYS_MAX: usize = 8;
/// Of so many innermost functions.
const KEYS_FROM: usize = 12;
/// Variants read for each of them, the newest.
pub(crate) const BEARERS_MAX: usize = 32;
/// Variants compared with a new one.
const COMPARED_MAX: usize = 32;
/// Variants of an issue that must be like a new one.
const SUPPORT_COUNT: usize = 3;
/// What a name counts in finding others however common it is.
const FLOOR: f64 = 0.05;
/// What the same message counts in finding others.
const SAME_MESSAGE: f64 = 0.5;

/// The variants of one project that are known.
pub(crate) trait Known {
    type Error;
    /// How many issues they make.
    fn issues(&self) -> Result<u64, Self::Error>;
    /// In how many of them a name occurs.
    fn spread(&self, name: Name) -> Result<u32, Self::Error>;
    /// The variants that bear a name, the newest first, at most [`BEARERS_MAX`].
    fn bearers(&self, name: Name) -> Result<Vec<u64>, Self::Error>;
    /// A variant, and the issue it belongs to.
    fn variant(&self, variant: u64) -> Result<Option<(Rc<Sketch>, u64)>, Self::Error>;
}

/// An issue that a variant is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Match {
    pub(crate) issue: u64,
    /// Its variant that is most alike.
    pub(crate) variant: u64,
    pub(crate) likeness: Likeness,
    /// The mean of its variants that are most alike.
    pub(crate) support: f64,
}

/// What becomes of a new variant.
#[derive(Debug)]
pub(crate) struct Placing {
    /// The issue it joins.
    pub(crate) joins: Option<Match>,
    /// The other issues that were nearest, the nearest first.
    pub(crate) others: [Option<Match>; 2],
    /// How rare its names were.
    pub(crate) rarity: Rarity,
}

/// The names by which a variant is found again: its functions and its message.
pub(crate) fn names(sketch: &Sketch) -> Vec<Name> {
    let mut names = sketch.functions.clone();
    names.extend(sketch.message());
    names
}

/// Finds the place of a new variant.
pub(crate) fn place<K: Known>(
    known: &K,
    sketch: &Sketch,
    weights: &Weights,
) -> Result<Placing, K::Error> {
    let (compared, rarity) = compared(known, sketch, weights)?;
    let mut issues: BTreeMap<u64, Vec<(u64, Likeness)>> = BTreeMap::new();
    for (variant, issue, likeness) in compared {
        issues.entry(issue).or_default().push((variant, likeness));
    }
    let mut matches: Vec<Match> = issues.into_iter().map(best).collect();
    // Stable: of two that are equal, the older issue is first.
    matches.sort_by(|a, b| b.support.total_cmp(&a.support));
    let is_joined = |m: &&Match| m.likeness.score >= weights.join && m.support >= weights.support;
    let joins = matches.iter().find(is_joined).copied();
    matches.retain(|found| Some(found.issue) != joins.map(|joined| joined.issue));
    matches.sort_by(|a, b| b.likeness.score.total_cmp(&a.likeness.score));
    Ok(Placing {
        joins,
        others: [matches.first().copied(), matches.get(1).copied()],
        rarity,
    })
}

/// The other issues that have a variant at least so alike to one of these of `issue`, the most alike first; of each the
/// two variants.
pub(crate) fn related<K: Known>(
    known: &K,
    issue: u64,
    variants: &[(u64, Rc<Sketch>)],
    weights: &Weights,
) -> Result<Vec<Related>, K::Error> {
    let mut found: BTreeMap<u64, Related> = BTreeMap::new();
    for (own, sketch) in variants {
        for (variant, other, likeness) in compared(known, sketch, weights)?.0 {
            if other == issue || likeness.score < weights.related {
                continue;
            }
            let related = Related {
                issue: other,
                variant,
                own: *own,
                score: likeness.score,
            };
            let best = found.entry(other).or_insert(related);
            if related.score > best.score {
                *best = related;
            }
        }
    }
    let mut found: Vec<Related> = found.into_values().collect();
    // Stable: of two that are equal, the older issue is first.
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(found)
}

/// An issue that has a variant like one of another issue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Related {
    pub(crate) issue: u64,
    /// Its variant.
    pub(crate) variant: u64,
    /// The other issue's.
    pub(crate) own: u64,
    pub(crate) score: f64,
}

/// Variants that may be like this one: each with its issue and how alike it is.
type Compared = Vec<(u64, u64, Likeness)>;

fn compared<K: Known>(
    known: &K,
    sketch: &Sketch,
    weights: &Weights,
) -> Result<(Compared, Rarity), K::Error> {
    let mut spread = HashMap::new();
    for name in names(sketch) {
        spread.insert(name, known.spread(name)?);
    }
    let rarity = Rarity::new(known.issues()?, spread);
    let mut others = Vec::new();
    for variant in nearest(known, sketch, &rarity)? {
        if let Some((other, issue)) = known.variant(variant)? {
            others.push((variant, other, issue));
        }
    }
    let subject = Subject::new(sketch, weights, &rarity);
    let compare = |(variant, other, issue): &(u64, Rc<Sketch>, u64)| {
        (*variant, *issue, subject.compare(other))
    };
    Ok((others.iter().map(compare).collect(), rarity))
}

/// Those that share the most, and rarest, names.
fn nearest<K: Known>(known: &K, sketch: &Sketch, rarity: &Rarity) -> Result<Vec<u64>, K::Error> {
    let mut keys: Vec<(f64, Name)> = sketch
        .functions
        .iter()
        .take(KEYS_FROM)
        .map(|name| (rarity.of(*name) + FLOOR, *name))
        .collect();
    keys.sort_by(|a, b| b.0.total_cmp(&a.0));
    keys.truncate(KEYS_MAX);
    keys.extend(sketch.message().map(|message| (SAME_MESSAGE, message)));
    let mut found: Vec<(u64, f64)> = Vec::with_capacity(keys.len() * BEARERS_MAX);
    for (weight, name) in keys {
        found.extend(
            known
                .bearers(name)?
                .into_iter()
                .map(|variant| (variant, weight)),
        );
    }
    // Stable, so that each variant's weights are added up in one order.
    found.sort_by_key(|(variant, _)| *variant);
    found.dedup_by(|next, first| {
        let is_same = next.0 == first.0;
        first.1 += if is_same { next.1 } else { 0.0 };
        is_same
    });
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(COMPARED_MAX);
    Ok(found.into_iter().map(|(variant, _)| variant).collect())
}

fn best((issue, mut variants): (u64, Vec<(u64, Likeness)>)) -> Match {
    variants.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then(a.0.cmp(&b.0)));
    let nearest = &variants[..variants.len().min(SUPPORT_COUNT)];
    let sum: f64 = nearest.iter().map(|(_, likeness)| likeness.score).sum();
    Match {
        issue,
        variant: variants[0].0,
        likeness: variants[0].1,
        support: sum / nearest.len() as f64,
    }
}
