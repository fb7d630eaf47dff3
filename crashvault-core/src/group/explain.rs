//! Enters: how a new variant was placed, and what was compared. Leaves: [`Comparison`], what is told of it to people.

use super::PART_BYTES_MAX;
use super::join::{Match, Placing};
use super::similar::{Rarity, Subject, Weights, shared};
use super::traits::{Name, Sketch};
use crate::event::limits::cut;
use crate::issue::{Alike, AlikeFunction, AlikePart, Comparison, IssueId, RunnerUp, VariantKey};

/// What an explanation asks of whoever knows the variants.
pub(crate) trait Sides {
    type Error;
    /// The ids of a variant and of its issue, and what it is like.
    fn side(&self, found: &Match) -> Result<(VariantKey, IssueId, Sketch), Self::Error>;
    /// The function of that name.
    fn function(&self, name: Name) -> Result<String, Self::Error>;
}

/// Tells how a new variant was placed.
pub(crate) fn comparison<S: Sides>(
    sketch: &Sketch,
    placing: &Placing,
    weights: &Weights,
    sides: &S,
) -> Result<Comparison, S::Error> {
    let [first, second] = &placing.others;
    let (nearest, runner_up) = match &placing.joins {
        Some(joined) => (Some(joined), first.as_ref()),
        None => (first.as_ref(), second.as_ref()),
    };
    let nearest = nearest.map(|found| alike(sketch, found, &placing.rarity, weights, sides));
    Ok(Comparison {
        is_joined: placing.joins.is_some(),
        score_min: weights.join,
        support_min: weights.support,
        nearest: nearest.transpose()?,
        runner_up: runner_up.map(|found| less_near(found, sides)).transpose()?,
    })
}

fn alike<S: Sides>(
    sketch: &Sketch,
    found: &Match,
    rarity: &Rarity,
    weights: &Weights,
    sides: &S,
) -> Result<Alike, S::Error> {
    let (variant, issue, other) = sides.side(found)?;
    let subject = Subject::new(sketch, weights, rarity);
    let functions = |of: &Sketch, in_other: &Sketch| {
        let weighed = subject.weigh(&of.functions);
        let matched = shared(&of.functions, &in_other.functions);
        let functions = of.functions.iter().zip(weighed).zip(matched);
        let function = |((name, weight), is_matched): ((&Name, f64), bool)| {
            Ok(AlikeFunction {
                name: cut(&sides.function(*name)?, PART_BYTES_MAX).into_owned(),
                weight: rounded(weight),
                is_matched,
            })
        };
        functions
            .map(function)
            .collect::<Result<Vec<_>, S::Error>>()
    };
    let mut missing = functions(&other, sketch)?;
    missing.retain(|function| !function.is_matched);
    let parts = subject.parts(&other, &found.likeness).into_iter();
    Ok(Alike {
        issue,
        issue_number: None,
        variant,
        score: rounded(found.likeness.score),
        support: rounded(found.support),
        parts: parts
            .map(|part| AlikePart {
                name: part.name.to_owned(),
                likeness: rounded(part.likeness),
                weight: rounded(part.weight),
            })
            .collect(),
        functions: functions(sketch, &other)?,
        functions_missing: missing,
    })
}

fn less_near<S: Sides>(found: &Match, sides: &S) -> Result<RunnerUp, S::Error> {
    let (variant, issue, _) = sides.side(found)?;
    Ok(RunnerUp {
        issue,
        issue_number: None,
        variant,
        score: rounded(found.likeness.score),
        support: rounded(found.support),
    })
}

/// To four digits: nobody reads more, and each is kept.
fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}
