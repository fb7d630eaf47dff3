//! Enters: two sketches and how rare their names are. Leaves: how alike they are, from 0 to 1, and by what.

use std::collections::HashMap;
use std::iter::successors;

use super::frames::COMPARED_MAX as FUNCTIONS_MAX;
use super::traits::{Name, Sketch, WORDS_MAX};

/// How much each part of a comparison weighs. One set for all languages; how it was found: docs/decisions/0022.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    /// The stacks, aligned.
    pub(crate) stack: f64,
    /// The same type.
    pub(crate) ty: f64,
    /// The same innermost function.
    pub(crate) top: f64,
    /// The messages' likeness; it counts where both have one.
    pub(crate) message: f64,
    /// What a message that is the very same weighs more, the rarer it is.
    pub(crate) same_message: f64,
    /// Messages that differ in a word differ by more than a word.
    pub(crate) message_power: f64,
    /// What the next function further out weighs less.
    pub(crate) decay: f64,
    /// What a function weighs however common it is.
    pub(crate) floor: f64,
    /// At least so alike is the variant that a new one joins.
    pub(crate) join: f64,
    /// At least so alike, in the mean, are those of its issue that are most alike.
    pub(crate) support: f64,
    /// At least so alike are variants that are told of as related.
    pub(crate) related: f64,
}

pub(crate) const WEIGHTS: Weights = Weights {
    stack: 2.0,
    ty: 2.0,
    top: 2.0,
    message: 2.5,
    same_message: 1.5,
    message_power: 2.0,
    decay: 0.75,
    floor: 0.3,
    join: 0.75,
    support: 0.65,
    related: 0.5,
};

/// How rare the names are that a variant bears.
#[derive(Debug)]
pub(crate) struct Rarity {
    issues: f64,
    spread: HashMap<Name, u32>,
}

impl Rarity {
    /// `spread` tells in how many of `issues` a name occurs.
    pub(crate) fn new(issues: u64, spread: HashMap<Name, u32>) -> Self {
        Self {
            issues: issues as f64,
            spread,
        }
    }

    /// 1 for what no issue has, 0 for what all have.
    pub(crate) fn of(&self, name: Name) -> f64 {
        let spread = self.spread.get(&name).copied().unwrap_or_default();
        let all = self.issues + 2.0;
        (all / (f64::from(spread) + 1.0)).ln() / all.ln()
    }
}

/// How rare a function is taken to be that the compared variant does not have. To ask for each would cost more than all
/// the rest, and changed nothing that was measured.
const RARITY_OF_OTHERS: f64 = 0.6;

/// A variant to be compared with many.
pub(crate) struct Subject<'s> {
    sketch: &'s Sketch,
    weights: &'s Weights,
    /// How rare each of its functions is.
    rarities: Vec<f64>,
    /// What functions weigh by their depth alone.
    depths: Vec<f64>,
    /// What all its functions weigh.
    sum: f64,
    message_rarity: f64,
}

/// How alike two variants are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Likeness {
    /// From 0 to 1: the mean of the others by their weights.
    pub(crate) score: f64,
    /// The share of the stacks' weight that is the same.
    pub(crate) stack: f64,
    /// Whether the types are the same.
    pub(crate) ty: bool,
    /// Whether the innermost functions are the same.
    pub(crate) top: bool,
    /// How alike the messages are; `None` where one has none.
    pub(crate) message: Option<f64>,
}

/// One thing that was compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// From 0 to 1.
    pub(crate) likeness: f64,
    pub(crate) weight: f64,
}

impl<'s> Subject<'s> {
    pub(crate) fn new(sketch: &'s Sketch, weights: &'s Weights, rarity: &Rarity) -> Self {
        let depth = |depth: &f64| Some(depth * weights.decay);
        let mut subject = Self {
            sketch,
            weights,
            rarities: sketch
                .functions
                .iter()
                .map(|name| rarity.of(*name))
                .collect(),
            depths: successors(Some(1.0), depth).take(FUNCTIONS_MAX).collect(),
            sum: 0.0,
            message_rarity: sketch.message().map_or(0.0, |message| rarity.of(message)),
        };
        subject.sum = subject.weigh(&sketch.functions).sum();
        subject
    }

    /// What each of these functions weighs, innermost first.
    pub(crate) fn weigh(&self, functions: &[Name]) -> impl Iterator<Item = f64> {
        let weigh =
            |(name, depth): (&Name, &f64)| depth * (self.weights.floor + self.rarity(*name));
        functions.iter().zip(&self.depths).map(weigh)
    }

    fn rarity(&self, name: Name) -> f64 {
        let own = self.sketch.functions.iter().position(|own| *own == name);
        own.map_or(RARITY_OF_OTHERS, |own| self.rarities[own])
    }

    pub(crate) fn compare(&self, other: &Sketch) -> Likeness {
        if self.sketch.family != other.family {
            return Likeness::default();
        }
        let weights = self.weights;
        let stack = self.stack(other);
        let ty = self.sketch.ty == other.ty;
        let top = self.sketch.functions.first() == other.functions.first();
        let sum = weights.stack + weights.ty + weights.top;
        let won = weights.stack * stack
            + weights.ty * f64::from(u8::from(ty))
            + weights.top * f64::from(u8::from(top));
        let mut likeness = Likeness {
            score: won / sum,
            stack,
            ty,
            top,
            message: None,
        };
        // Messages are compared last: they take the longest, and most others are too far away for them to matter.
        let with = |alike: f64, weight: f64| (won + weight * alike) / (sum + weight);
        let is_near = with(1.0, self.message_weight(other)) >= weights.related;
        if let Some(alike) = is_near.then(|| self.message(other)).flatten() {
            let counts = alike.powf(weights.message_power);
            likeness.score = with(counts, self.message_weight(other));
            likeness.message = Some(alike);
        }
        likeness
    }

    fn message_weight(&self, other: &Sketch) -> f64 {
        let is_same = self.sketch.words == other.words;
        let rare = self.weights.same_message * self.message_rarity;
        self.weights.message + if is_same { rare } else { 0.0 }
    }

    /// What a likeness is made of: the mean of the parts by their weights is its score.
    pub(crate) fn parts(&self, other: &Sketch, likeness: &Likeness) -> Vec<Part> {
        let part = |name, likeness, weight| Part {
            name,
            likeness,
            weight,
        };
        let (weights, whole) = (self.weights, |is| f64::from(u8::from(is)));
        let mut parts = vec![
            part("stack", likeness.stack, weights.stack),
            part("type", whole(likeness.ty), weights.ty),
            part("top", whole(likeness.top), weights.top),
        ];
        if let Some(alike) = likeness.message {
            let counts = alike.powf(weights.message_power);
            parts.push(part("message", counts, self.message_weight(other)));
        }
        parts
    }

    /// Both are walked once, from the innermost out; a function is found only further out than the one before.
    fn stack(&self, other: &Sketch) -> f64 {
        let mut from = 0;
        let mut shared = 0.0;
        for (own, name) in self.sketch.functions.iter().enumerate() {
            let rest = &other.functions[from..];
            if let Some(at) = rest.iter().position(|other| other == name) {
                // Both have the name: what differs is how deep it lies.
                let deeper = self
                    .depths
                    .get(own.max(from + at))
                    .copied()
                    .unwrap_or_default();
                shared += deeper * (self.weights.floor + self.rarities[own]);
                from += at + 1;
            }
        }
        if shared == 0.0 {
            return 0.0;
        }
        shared / self.sum.max(self.weigh(&other.functions).sum())
    }

    fn message(&self, other: &Sketch) -> Option<f64> {
        let (ours, theirs) = (&self.sketch.words, &other.words);
        if ours.is_empty() || theirs.is_empty() {
            return None;
        }
        if ours == theirs {
            return Some(1.0);
        }
        let shared = common(ours, theirs) as f64;
        Some(2.0 * shared / (ours.len() + theirs.len()) as f64)
    }
}

/// The length of the longest common subsequence.
fn common(a: &[u32], b: &[u32]) -> usize {
    let mut lengths = [0u8; WORDS_MAX + 1];
    let b = &b[..b.len().min(WORDS_MAX)];
    for x in a.iter().take(WORDS_MAX) {
        let mut before = 0;
        for (at, y) in b.iter().enumerate() {
            let above = lengths[at + 1];
            lengths[at + 1] = if x == y {
                before + 1
            } else {
                above.max(lengths[at])
            };
            before = above;
        }
    }
    usize::from(lengths[b.len()])
}

/// The functions of `a` that are found in `b` when both are walked from the innermost out.
pub(crate) fn shared(a: &[Name], b: &[Name]) -> Vec<bool> {
    let mut from = 0;
    let find = |name: &Name| {
        let at = b[from..].iter().position(|other| other == name);
        from += at.map_or(0, |at| at + 1);
        at.is_some()
    };
    a.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::super::traits::Traits;
    use super::*;

    fn sketch(ty: &str, functions: &str, words: &str) -> Sketch {
        let split = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Sketch::of(&Traits {
            family: "python".into(),
            ty: ty.into(),
            functions: split(functions),
            words: split(words),
        })
    }

    /// Nothing is common: of so many issues none has these names.
    fn likeness(a: &Sketch, b: &Sketch) -> Likeness {
        let rarity = Rarity::new(100, HashMap::new());
        Subject::new(a, &WEIGHTS, &rarity).compare(b)
    }

    #[test]
    fn the_same_is_wholly_alike() {
        let a = sketch("E", "f g h", "no such cart");
        assert_eq!(likeness(&a, &a).score, 1.0);
    }

    #[test]
    fn other_families_are_never_alike() {
        let a = sketch("E", "f g h", "no such cart");
        let mut b = a.clone();
        b.family += 1;
        assert_eq!(likeness(&a, &b), Likeness::default());
    }

    #[test]
    fn inner_functions_weigh_more() {
        let a = sketch("E", "f g h", "");
        let inner = likeness(&a, &sketch("E", "f g x", "")).stack;
        let outer = likeness(&a, &sketch("E", "x g h", "")).stack;
        assert!(inner > outer, "{inner} {outer}");
    }

    #[test]
    fn what_stands_in_the_way_costs_little() {
        let a = sketch("E", "f g h", "");
        let b = sketch("E", "f new g h", "");
        assert!(likeness(&a, &b).score > WEIGHTS.join);
    }

    #[test]
    fn common_functions_weigh_less_than_rare_ones() {
        let a = sketch("E", "f g", "");
        let spread = HashMap::from([(a.functions[0], 100)]);
        let rarity = Rarity::new(100, spread);
        let subject = Subject::new(&a, &WEIGHTS, &rarity);
        let common = subject.compare(&sketch("E", "f x", "")).stack;
        let rare = subject.compare(&sketch("E", "x g", "")).stack;
        assert!(rare > common, "{rare} {common}");
    }

    #[test]
    fn a_missing_message_counts_for_nothing() {
        let a = sketch("E", "f g h", "no such cart");
        assert_eq!(likeness(&a, &sketch("E", "f g h", "")).message, None);
        assert_eq!(likeness(&a, &sketch("E", "f g h", "")).score, 1.0);
        let other = likeness(&a, &sketch("E", "f g h", "disk is full"));
        assert!(other.score < 1.0);
    }

    #[test]
    fn the_parts_make_the_score() {
        let a = sketch("E", "f g h", "no such cart");
        let rarity = Rarity::new(100, HashMap::from([(a.functions[0], 7)]));
        let subject = Subject::new(&a, &WEIGHTS, &rarity);
        for (ty, functions, words) in [
            ("E", "f x h", "no such cart"),
            ("F", "g h", "no such door here"),
            ("E", "f", ""),
        ] {
            let other = sketch(ty, functions, words);
            let likeness = subject.compare(&other);
            let parts = subject.parts(&other, &likeness);
            let sum: f64 = parts.iter().map(|part| part.weight).sum();
            let won: f64 = parts.iter().map(|part| part.weight * part.likeness).sum();
            assert!((won / sum - likeness.score).abs() < 1e-12, "{parts:?}");
        }
    }

    #[test]
    fn functions_are_shared_in_order() {
        let names = |functions: &str| sketch("E", functions, "").functions;
        assert_eq!(
            shared(&names("a b c"), &names("b a c")),
            [true, false, true]
        );
        assert_eq!(shared(&names("a b"), &names("")), [false, false]);
    }
}
