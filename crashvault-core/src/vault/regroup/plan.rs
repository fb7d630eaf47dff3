//! Enters: the units of one project. Leaves: which issues merge, which units leave theirs and where to, and which variants
//! are new.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::survey::{Place, Survey, Unit};
use super::{RegroupedMerge, RegroupedSplit, RegroupedVariant, Regrouping};
use crate::group::{self, Variants, WEIGHTS};
use crate::issue::{Deed, Issue, IssueId};
use crate::store::Links;

/// What is to be done so that all is as it is told.
#[derive(Default)]
pub(super) struct Doing {
    /// Variants that nobody knew, each with the issue that it joins.
    pub(super) adopted: Vec<(Place, IssueId)>,
    /// Units whose events move one by one, each with the issue they move to.
    pub(super) moved: HashMap<Unit, IssueId>,
    /// Variants that leave an issue.
    pub(super) unmerges: Vec<(IssueId, Deed)>,
}

/// The units of one project, grouped anew.
pub(super) struct Plan<'p> {
    issues: &'p HashMap<IssueId, Issue>,
    links: &'p Links,
    survey: &'p Survey,
    units: Vec<(Unit, u64)>,
    /// The new group of each variant.
    groups: HashMap<Place, u64>,
    /// How alike two issues were found to be.
    scores: HashMap<(IssueId, IssueId), f64>,
    /// The group that most of an issue is in.
    mains: HashMap<IssueId, u64>,
}

impl<'p> Plan<'p> {
    pub(super) fn of(
        units: Vec<(Unit, u64)>,
        survey: &'p Survey,
        issues: &'p HashMap<IssueId, Issue>,
        links: &'p Links,
    ) -> Self {
        let mut plan = Self {
            issues,
            links,
            survey,
            units,
            groups: HashMap::new(),
            scores: HashMap::new(),
            mains: HashMap::new(),
        };
        plan.group();
        plan.find_mains();
        plan
    }

    fn group(&mut self) {
        let mut known = Variants::default();
        // Of each variant that is compared, and of each at all, the issue in which it was met first.
        let (mut compared, mut first) = (Vec::new(), HashMap::new());
        let mut last = 0;
        for (unit, _) in &self.units {
            let met = *first.entry(unit.would_be).or_insert(unit.issue);
            if self.groups.contains_key(&unit.would_be) {
                self.scores.insert(pair(unit.issue, met), 1.0);
                continue;
            }
            let sketch = self.survey.variants[unit.would_be].sketch.as_ref();
            let joined = sketch.and_then(|sketch| {
                let Ok(placing) = group::place(&known, sketch, &WEIGHTS);
                placing.joins
            });
            let group = match joined {
                Some(joined) => {
                    let other = compared[joined.variant as usize];
                    let score = self.scores.entry(pair(unit.issue, other)).or_default();
                    *score = score.max(joined.likeness.score);
                    joined.issue
                }
                None => {
                    last += 1;
                    last
                }
            };
            if let Some(sketch) = sketch {
                known.add(Rc::clone(sketch), group);
                compared.push(unit.issue);
            }
            self.groups.insert(unit.would_be, group);
        }
    }

    fn group_of(&self, unit: &Unit) -> u64 {
        self.groups[&unit.would_be]
    }

    /// The group with the most events of an issue, the older of two with as many. Events that stay what they are go before
    /// those that would be something else: the issue is theirs.
    fn find_mains(&mut self) {
        let mut counts: BTreeMap<(IssueId, bool, u64), u64> = BTreeMap::new();
        for (unit, count) in &self.units {
            let place = (unit.issue, unit.is == unit.would_be, self.group_of(unit));
            *counts.entry(place).or_default() += count;
        }
        let mut best: HashMap<IssueId, (bool, u64)> = HashMap::new();
        for ((issue, stays, group), count) in counts {
            if best.get(&issue).is_none_or(|best| (stays, count) > *best) {
                best.insert(issue, (stays, count));
                self.mains.insert(issue, group);
            }
        }
    }

    pub(super) fn tell(&self, regrouping: &mut Regrouping, doing: &mut Doing) {
        let heirs = self.heirs();
        self.tell_merges(&heirs, regrouping);
        let own = self.tell_splits(&heirs, regrouping, doing);
        self.tell_variants(&heirs, &own, regrouping, doing);
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
        let mut variants: HashMap<IssueId, BTreeSet<Place>> = HashMap::new();
        for (unit, _) in &self.units {
            variants
                .entry(unit.issue)
                .or_default()
                .insert(unit.would_be);
        }
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
                    variant_count: variants.get(&issue.id).map_or(0, |all| all.len() as u64),
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

    /// Tells which units leave, and of each group without an issue the one that it gets.
    fn tell_splits(
        &self,
        heirs: &BTreeMap<u64, Vec<&Issue>>,
        regrouping: &mut Regrouping,
        doing: &mut Doing,
    ) -> HashMap<u64, IssueId> {
        let linked = self.linked();
        let left: HashSet<IssueId> = self.links.apart.iter().map(|(_, to)| *to).collect();
        let mut own: HashMap<u64, IssueId> = HashMap::new();
        let mut taken: HashSet<IssueId> = HashSet::new();
        let mut splits: BTreeMap<(IssueId, u64), RegroupedSplit> = BTreeMap::new();
        let mut unmerged: HashSet<Place> = HashSet::new();
        for (unit, count) in &self.units {
            let (is, group) = (&self.survey.variants[unit.is], self.group_of(unit));
            let is_main = self.mains.get(&unit.issue) == Some(&group);
            let joined = is.known.as_ref().map(|known| known.joined);
            let is_linked =
                joined.is_some_and(|joined| linked.contains(&joined)) || left.contains(&unit.issue);
            let issue = self.issues.get(&unit.issue);
            let Some(issue) = issue.filter(|_| !is_main && !is_linked) else {
                continue;
            };
            let to = heirs.get(&group).and_then(|heirs| heirs.first()).copied();
            if to.is_some_and(|to| self.links.are_apart(&issue.id, &to.id)) {
                continue;
            }
            let target = match to {
                Some(to) => to.id,
                None => match own.get(&group) {
                    Some(target) => *target,
                    None => {
                        let target = self.own_issue(unit, &taken);
                        taken.insert(target);
                        own.insert(group, target);
                        target
                    }
                },
            };
            if target == issue.id {
                continue;
            }
            let would_be = &self.survey.variants[unit.would_be];
            if unit.is != unit.would_be {
                doing.moved.insert(*unit, target);
            } else if unmerged.insert(unit.is) {
                let deed = Deed::Unmerge {
                    variant: is.key,
                    to: target,
                };
                doing.unmerges.push((issue.id, deed));
            }
            let split = splits
                .entry((issue.id, group))
                .or_insert_with(|| RegroupedSplit {
                    issue: issue.clone(),
                    to: to.cloned(),
                    variants: Vec::new(),
                    rules: Vec::new(),
                    event_count: 0,
                });
            add(&mut split.variants, Some(&would_be.key));
            add(&mut split.rules, would_be.rule.as_ref());
            split.event_count += count;
        }
        self.move_homes(heirs, &own, &mut unmerged, doing);
        // What stays must not go along with a variant that it would no longer be.
        for (unit, _) in &self.units {
            if unit.is != unit.would_be && unmerged.contains(&unit.is) {
                doing.moved.entry(*unit).or_insert(unit.issue);
            }
        }
        regrouping.splits.extend(splits.into_values());
        own
    }

    /// The issues that people made one, before they were: what joined one of them stays with the others.
    fn linked(&self) -> HashSet<IssueId> {
        let pairs = self.links.together.iter();
        pairs.flat_map(|(into, other)| [*into, *other]).collect()
    }

    /// Lets variants belong where the events are that would be of them, so that the next one finds them.
    fn move_homes(
        &self,
        heirs: &BTreeMap<u64, Vec<&Issue>>,
        own: &HashMap<u64, IssueId>,
        unmerged: &mut HashSet<Place>,
        doing: &mut Doing,
    ) {
        let linked = self.linked();
        for (unit, _) in &self.units {
            let (place, group) = (unit.would_be, self.group_of(unit));
            let is_main = self.mains.get(&unit.issue) == Some(&group);
            let Some(known) = &self.survey.variants[place].known else {
                continue;
            };
            let heirs = heirs.get(&group).map_or(&[][..], Vec::as_slice);
            let target = heirs.first().map(|heir| heir.id);
            let Some(target) = target.or_else(|| own.get(&group).copied()) else {
                continue;
            };
            let is_there = known.home == target || heirs.iter().any(|heir| heir.id == known.home);
            let is_linked =
                linked.contains(&known.joined) || self.links.are_apart(&known.home, &target);
            let goes = is_main || doing.moved.contains_key(unit);
            if goes && !is_there && !is_linked && unmerged.insert(place) {
                let deed = Deed::Unmerge {
                    variant: self.survey.variants[place].key,
                    to: target,
                };
                doing.unmerges.push((known.home, deed));
            }
        }
    }

    /// The issue that a unit gets which goes to none that is shown.
    fn own_issue(&self, unit: &Unit, taken: &HashSet<IssueId>) -> IssueId {
        let would_be = &self.survey.variants[unit.would_be];
        let is_free = |issue: &IssueId| !self.mains.contains_key(issue) && !taken.contains(issue);
        let founded = match &would_be.known {
            // What it founded was merged, or it is there without an event.
            Some(known) if unit.is == unit.would_be => known.joined,
            Some(known) => return known.home,
            None => group::issue_id(&would_be.project, &would_be.key),
        };
        match is_free(&founded) {
            true => founded,
            false => group::issue_id_apart(&unit.issue, &would_be.key),
        }
    }

    /// Tells which variants are new, and which issue they join.
    fn tell_variants(
        &self,
        heirs: &BTreeMap<u64, Vec<&Issue>>,
        own: &HashMap<u64, IssueId>,
        regrouping: &mut Regrouping,
        doing: &mut Doing,
    ) {
        let mut counts: BTreeMap<Place, u64> = BTreeMap::new();
        for (unit, count) in &self.units {
            let is_new = self.survey.variants[unit.would_be].known.is_none();
            let is_main = self.mains.get(&unit.issue) == Some(&self.group_of(unit));
            if is_new && (is_main || doing.moved.contains_key(unit)) {
                *counts.entry(unit.would_be).or_default() += count;
            }
        }
        for (place, event_count) in counts {
            let group = self.groups[&place];
            let heir = heirs.get(&group).and_then(|heirs| heirs.first());
            let Some(issue) = heir
                .map(|heir| heir.id)
                .or_else(|| own.get(&group).copied())
            else {
                continue;
            };
            doing.adopted.push((place, issue));
            let variant = &self.survey.variants[place];
            regrouping.variants.push(RegroupedVariant {
                variant: variant.key,
                issue: heir.map(|heir| (*heir).clone()),
                rule: variant.rule.clone(),
                event_count,
            });
        }
    }
}

fn add<T: Clone + PartialEq>(list: &mut Vec<T>, item: Option<&T>) {
    if let Some(item) = item.filter(|item| !list.contains(item)) {
        list.push(item.clone());
    }
}

fn pair(one: IssueId, other: IssueId) -> (IssueId, IssueId) {
    (one.min(other), one.max(other))
}
