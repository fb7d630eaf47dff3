//! What today's algorithm would make of the variants that are known, beside what was made of them; and that done.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::door::Vault;
use crate::error::Result;
use crate::group::{self, Variants, WEIGHTS};
use crate::issue::{
    AUTHOR_OF_REGROUPING, Activity, ActivityId, Deed, Issue, IssueId, IssueRef, VariantKey,
};
use crate::store::{Decision, Links, SketchedVariant};

/// What a regrouping changes, or would change.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Regrouping {
    /// Issues that become part of another, the most alike first.
    pub merges: Vec<RegroupedMerge>,
    /// Variants that leave their issue, those with the most events first.
    pub splits: Vec<RegroupedSplit>,
    /// How many variants were compared.
    pub variant_count: u64,
}

/// An issue that becomes part of another.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegroupedMerge {
    /// The issue that becomes part.
    pub issue: Issue,
    /// The older issue that it becomes part of, which keeps its number.
    pub into: Issue,
    /// How alike two variants of them are, from 0 to 1.
    pub score: f64,
    /// How many of its variants are compared.
    pub variant_count: u64,
}

/// Variants of one issue that leave it together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegroupedSplit {
    /// The issue that they leave.
    pub issue: Issue,
    /// The issue that they go to; `None`: one of their own.
    pub to: Option<Issue>,
    /// The variants.
    pub variants: Vec<VariantKey>,
    /// How many events of them are here.
    pub event_count: u64,
    target: IssueId,
}

impl Vault {
    /// What would merge and split if all variants that are compared were grouped anew, in the order in which they became
    /// known, by today's algorithm. Nothing is changed. What people merged stays together, what they took apart stays
    /// apart; rules are not asked again, since what they decided was never compared.
    ///
    /// # Errors
    /// Corrupt, Io.
    pub fn plan_regrouping(&self) -> Result<Regrouping> {
        let variants = self.store.sketched()?;
        let links = self.store.links()?;
        let mut issues = HashMap::new();
        for home in variants
            .iter()
            .map(|variant| variant.home)
            .collect::<BTreeSet<_>>()
        {
            // One without events is not shown, and nothing is said of it.
            if let Ok(issue) = self.store.issue(&IssueRef::Id(home)) {
                issues.insert(home, issue);
            }
        }
        let mut by_project: BTreeMap<&str, Vec<&SketchedVariant>> = BTreeMap::new();
        for variant in &variants {
            by_project
                .entry(&variant.project)
                .or_default()
                .push(variant);
        }
        let mut regrouping = Regrouping {
            variant_count: variants.len() as u64,
            ..Regrouping::default()
        };
        for variants in by_project.into_values() {
            Plan::of(variants, &issues, &links).tell(&mut regrouping);
        }
        regrouping.merges.sort_by(|a, b| {
            let order = b.score.total_cmp(&a.score);
            order.then(a.issue.number.cmp(&b.issue.number))
        });
        let place = |split: &RegroupedSplit| (u64::MAX - split.event_count, split.issue.number);
        regrouping.splits.sort_by_key(place);
        Ok(regrouping)
    }

    /// Does what [`Vault::plan_regrouping`] tells, all of it or nothing, as merges and unmerges by the author `regroup`:
    /// numbers stay, those of merged issues lead on, and `undo` takes each back.
    ///
    /// # Errors
    /// As [`Vault::plan_regrouping`] and [`Vault::decide`].
    pub fn regroup(&mut self) -> Result<(Regrouping, Vec<Activity>)> {
        self.lineage.check()?;
        let regrouping = self.plan_regrouping()?;
        let splits = regrouping.splits.iter().flat_map(|split| {
            let deed = |variant: &VariantKey| Deed::Unmerge {
                variant: *variant,
                to: split.target,
            };
            split
                .variants
                .iter()
                .map(move |variant| (split.issue.id, deed(variant)))
        });
        let merges = regrouping.merges.iter();
        let merges = merges.map(|merge| (merge.into.id, Deed::Merge(merge.issue.id)));
        let decisions: Vec<Decision> = splits
            .chain(merges)
            .map(|(issue, deed)| Decision {
                id: ActivityId::from_bytes(crate::capture::random_bytes()),
                vault: self.settings.vault_id,
                author: AUTHOR_OF_REGROUPING.to_owned(),
                at: self.clock.now(),
                issue,
                deed,
            })
            .collect();
        let activities = self.store.act(&decisions)?;
        Ok((regrouping, activities))
    }
}

/// The variants of one project, grouped anew.
struct Plan<'p> {
    issues: &'p HashMap<IssueId, Issue>,
    links: &'p Links,
    variants: Vec<&'p SketchedVariant>,
    /// The new group of each variant.
    groups: Vec<u64>,
    /// How alike two issues were found to be.
    scores: HashMap<(IssueId, IssueId), f64>,
    /// The group that most of an issue is in.
    mains: HashMap<IssueId, u64>,
}

impl<'p> Plan<'p> {
    fn of(
        variants: Vec<&'p SketchedVariant>,
        issues: &'p HashMap<IssueId, Issue>,
        links: &'p Links,
    ) -> Self {
        let is_shown = |variant: &&SketchedVariant| issues.contains_key(&variant.home);
        let mut plan = Self {
            issues,
            links,
            variants: variants.into_iter().filter(is_shown).collect(),
            groups: Vec::new(),
            scores: HashMap::new(),
            mains: HashMap::new(),
        };
        plan.group();
        plan.find_mains();
        plan
    }

    fn group(&mut self) {
        let mut known = Variants::default();
        let mut last = 0;
        for variant in &self.variants {
            let Ok(placing) = group::place(&known, &variant.sketch, &WEIGHTS);
            let group = match placing.joins {
                Some(joined) => {
                    let other = self.variants[joined.variant as usize].home;
                    let score = self.scores.entry(pair(variant.home, other)).or_default();
                    *score = score.max(joined.likeness.score);
                    joined.issue
                }
                None => {
                    last += 1;
                    last
                }
            };
            known.add(Rc::new(variant.sketch.clone()), group);
            self.groups.push(group);
        }
    }

    /// The group with the most events of an issue, the older of two with as many.
    fn find_mains(&mut self) {
        let mut counts: BTreeMap<(IssueId, u64), u64> = BTreeMap::new();
        for (variant, group) in self.variants.iter().zip(&self.groups) {
            *counts.entry((variant.home, *group)).or_default() += variant.event_count;
        }
        let mut best: HashMap<IssueId, u64> = HashMap::new();
        for ((issue, group), count) in counts {
            if best.get(&issue).is_none_or(|best| count > *best) {
                best.insert(issue, count);
                self.mains.insert(issue, group);
            }
        }
    }

    fn tell(&self, regrouping: &mut Regrouping) {
        let heirs = self.heirs();
        self.tell_merges(&heirs, regrouping);
        self.tell_splits(&heirs, regrouping);
    }

    /// Of each group the oldest issue that is mostly in it, and the others.
    fn heirs(&self) -> BTreeMap<u64, Vec<&'p Issue>> {
        let mut heirs: BTreeMap<u64, Vec<&Issue>> = BTreeMap::new();
        for (issue, group) in &self.mains {
            heirs
                .entry(*group)
                .or_default()
                .extend(self.issues.get(issue));
        }
        for issues in heirs.values_mut() {
            issues.sort_by_key(|issue| issue.number);
        }
        heirs
    }

    fn tell_merges(&self, heirs: &BTreeMap<u64, Vec<&Issue>>, regrouping: &mut Regrouping) {
        for issues in heirs.values() {
            // Each goes to the first one that nobody took it, or what goes there too, apart from.
            let mut kept: Vec<Vec<&Issue>> = Vec::new();
            for issue in issues {
                let fits = |kept: &&mut Vec<&Issue>| {
                    let mut kept = kept.iter();
                    !kept.any(|other| self.links.are_apart(&issue.id, &other.id))
                };
                match kept.iter_mut().find(fits) {
                    Some(kept) => kept.push(issue),
                    None => kept.push(vec![issue]),
                }
            }
            for kept in kept {
                let [into, merged @ ..] = &kept[..] else {
                    continue;
                };
                let merges = merged.iter().map(|issue| RegroupedMerge {
                    issue: (*issue).clone(),
                    into: (*into).clone(),
                    score: self.score(issue, &kept),
                    variant_count: self.variant_count(issue),
                });
                regrouping.merges.extend(merges);
            }
        }
    }

    /// How alike an issue and the nearest of the others are.
    fn score(&self, issue: &Issue, others: &[&Issue]) -> f64 {
        let others = others.iter().filter(|other| other.id != issue.id);
        let scores = others.filter_map(|other| self.scores.get(&pair(issue.id, other.id)));
        scores.copied().fold(0.0, f64::max)
    }

    fn variant_count(&self, issue: &Issue) -> u64 {
        let variants = self.variants.iter();
        variants.filter(|variant| variant.home == issue.id).count() as u64
    }

    fn tell_splits(&self, heirs: &BTreeMap<u64, Vec<&Issue>>, regrouping: &mut Regrouping) {
        let linked: HashSet<IssueId> = self
            .links
            .together
            .iter()
            .map(|(_, other)| *other)
            .collect();
        let left: HashSet<IssueId> = self.links.apart.iter().map(|(_, to)| *to).collect();
        let mut own: HashMap<u64, IssueId> = HashMap::new();
        let mut splits: BTreeMap<(IssueId, u64), RegroupedSplit> = BTreeMap::new();
        for (variant, group) in self.variants.iter().zip(&self.groups) {
            let is_main = self.mains.get(&variant.home) == Some(group);
            let is_linked = linked.contains(&variant.joined) || left.contains(&variant.home);
            let Some(issue) = self
                .issues
                .get(&variant.home)
                .filter(|_| !is_main && !is_linked)
            else {
                continue;
            };
            let to = heirs.get(group).and_then(|heirs| heirs.first()).copied();
            if to.is_some_and(|to| self.links.are_apart(&issue.id, &to.id)) {
                continue;
            }
            let target = match to {
                Some(to) => to.id,
                None => *own
                    .entry(*group)
                    .or_insert_with(|| group::issue_id_apart(&issue.id, &variant.variant)),
            };
            let split = splits
                .entry((issue.id, *group))
                .or_insert_with(|| RegroupedSplit {
                    issue: issue.clone(),
                    to: to.cloned(),
                    variants: Vec::new(),
                    event_count: 0,
                    target,
                });
            split.variants.push(variant.variant);
            split.event_count += variant.event_count;
        }
        regrouping.splits.extend(splits.into_values());
    }
}

fn pair(one: IssueId, other: IssueId) -> (IssueId, IssueId) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests;
