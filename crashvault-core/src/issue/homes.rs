//! Merges and unmerges → which issue another one is part of now, and where a variant belongs that was taken out.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::{Activity, Deed, HybridTime, IssueId, VariantKey, standing};
use crate::event::EventId;
use crate::issue::ActivityId;

/// The author of what a regrouping decided. It links nothing for ever: a later one may decide otherwise.
pub const AUTHOR_OF_REGROUPING: &str = "regroup";

/// Which issues are part of others, and which variants were taken out of one. `P` tells projects apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Homes<P: Eq + Hash> {
    merged: HashMap<IssueId, IssueId>,
    taken_out: HashMap<(P, VariantKey), IssueId>,
    apart: Vec<(IssueId, IssueId)>,
    together: Vec<(IssueId, IssueId)>,
}

impl<P: Eq + Hash> Default for Homes<P> {
    fn default() -> Self {
        Self {
            merged: HashMap::new(),
            taken_out: HashMap::new(),
            apart: Vec::new(),
            together: Vec::new(),
        }
    }
}

impl<P: Clone + Eq + Hash> Homes<P> {
    /// From all activities of the issues that ever merged or unmerged, in any order. What stands of each issue is taken
    /// in the order of (time, id) of all of them. A merge that would make an issue part of itself, or of one of another
    /// project, has no effect: two vaults may decide so before they meet. Of an issue whose project is not known, nothing
    /// is.
    pub(crate) fn of(activities: &[Activity], project: impl Fn(&IssueId) -> Option<P>) -> Self {
        let mut homes = Self::default();
        for activity in in_order(activities) {
            let Some(place) = project(&activity.issue) else {
                continue;
            };
            match activity.deed {
                Deed::Merge(other) if project(&other) == Some(place.clone()) => {
                    homes.merge(activity, other);
                }
                Deed::Unmerge { variant, to } if project(&to) == Some(place.clone()) => {
                    homes.taken_out.insert((place, variant), to);
                    homes.release(&to);
                    if activity.author != AUTHOR_OF_REGROUPING {
                        homes.apart.push((activity.issue, to));
                    }
                }
                _ => {}
            }
        }
        homes
    }

    fn merge(&mut self, activity: &Activity, other: IssueId) {
        let into = activity.issue;
        if self.root(&into) == other {
            return;
        }
        self.merged.insert(other, into);
        if activity.author != AUTHOR_OF_REGROUPING {
            self.together.push((into, other));
        }
    }

    /// An issue is no part of another one any more; what is part of it stays where it was.
    fn release(&mut self, issue: &IssueId) {
        let Some(into) = self.merged.remove(issue) else {
            return;
        };
        let inner = self.merged.values_mut().filter(|parent| *parent == issue);
        inner.for_each(|parent| *parent = into);
    }

    /// The issue that this one is part of, after all; itself if of none.
    pub(crate) fn root(&self, issue: &IssueId) -> IssueId {
        let mut issue = *issue;
        // It ends: `merge` lets no circle begin, and an unmerge only ends chains.
        while let Some(into) = self.merged.get(&issue) {
            issue = *into;
        }
        issue
    }

    /// The issue that a variant belongs to which once joined `joined`.
    #[cfg(test)]
    pub(crate) fn of_variant(&self, project: P, variant: VariantKey, joined: &IssueId) -> IssueId {
        self.root(self.taken_out.get(&(project, variant)).unwrap_or(joined))
    }

    /// The issues that are part of another one, each with that.
    pub(crate) fn merged(&self) -> impl Iterator<Item = (IssueId, IssueId)> {
        self.merged.keys().map(|issue| (*issue, self.root(issue)))
    }

    /// The variants that were taken out, each with the issue it belongs to.
    pub(crate) fn taken_out(&self) -> impl Iterator<Item = (&P, VariantKey, IssueId)> {
        let all = self.taken_out.iter();
        all.map(|((project, variant), to)| (project, *variant, self.root(to)))
    }

    /// The pairs of issues that a person took apart and that nobody has put together since.
    pub(crate) fn apart(&self) -> Vec<(IssueId, IssueId)> {
        let pairs = self.apart.iter();
        let pairs = pairs.map(|(from, to)| (self.root(from), self.root(to)));
        pairs.filter(|(from, to)| from != to).collect()
    }

    /// The pairs of issues that a person merged and that still are one: what they were before.
    pub(crate) fn together(&self) -> Vec<(IssueId, IssueId)> {
        let pairs = self.together.iter().copied();
        pairs
            .filter(|(into, other)| self.root(into) == self.root(other))
            .collect()
    }
}

/// The merges and unmerges that stand, of all issues. Only what is decided about the same issue is taken back.
fn in_order(activities: &[Activity]) -> Vec<&Activity> {
    let mut by_issue: BTreeMap<IssueId, Vec<&Activity>> = BTreeMap::new();
    for activity in activities {
        by_issue.entry(activity.issue).or_default().push(activity);
    }
    let mut found: Vec<&Activity> = by_issue
        .into_values()
        .flat_map(standing)
        .filter(|activity| activity.deed.is_about_belonging())
        .collect();
    found.sort_by_key(|activity| -> (HybridTime, ActivityId) { (activity.time, activity.id) });
    found
}

impl Deed {
    /// The other issue that it names.
    pub(crate) fn other_issue(&self) -> Option<IssueId> {
        match self {
            Self::Merge(issue) | Self::Unmerge { to: issue, .. } => Some(*issue),
            _ => None,
        }
    }

    /// The events that it puts into an issue.
    pub(crate) fn moved_events(&self) -> &[EventId] {
        match self {
            Self::MoveEvent(event) => std::slice::from_ref(event),
            Self::Regroup { events, .. } => events,
            _ => &[],
        }
    }

    /// Whether it merges or unmerges.
    pub(crate) fn is_about_belonging(&self) -> bool {
        matches!(self, Self::Merge(_) | Self::Unmerge { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::samples::{Lcg, activity, id};

    fn issue(n: u8) -> IssueId {
        IssueId::from_bytes([n; 16])
    }

    fn variant(n: u8) -> VariantKey {
        VariantKey::from_bytes([n; 16])
    }

    fn merge(n: u8, into: u8, other: u8) -> Activity {
        of(into, activity(n, Deed::Merge(issue(other))))
    }

    fn unmerge(n: u8, from: u8, taken: u8, to: u8) -> Activity {
        let deed = Deed::Unmerge {
            variant: variant(taken),
            to: issue(to),
        };
        of(from, activity(n, deed))
    }

    fn undo(n: u8, of_issue: u8, earlier: u8) -> Activity {
        of(of_issue, activity(n, Deed::Undo(id(earlier))))
    }

    fn of(n: u8, activity: Activity) -> Activity {
        Activity {
            issue: issue(n),
            ..activity
        }
    }

    /// Issues from 100 on are of another project, those from 200 on of none that is known.
    fn project(issue: &IssueId) -> Option<u8> {
        let n = issue.as_bytes()[0];
        (n < 200).then_some(n / 100)
    }

    /// Where issues, and variants that joined the issue of their number, belong: in whatever order it is heard of.
    fn check(activities: &[Activity], issues: &[(u8, u8)], variants: &[(u8, u8)]) {
        let mut activities = activities.to_vec();
        let mut lcg = Lcg(7);
        for _ in 0..8 {
            let homes = Homes::of(&activities, project);
            for (asked, expected) in issues {
                assert_eq!(homes.root(&issue(*asked)), issue(*expected), "#{asked}");
            }
            for (asked, expected) in variants {
                let found = homes.of_variant(0, variant(*asked), &issue(*asked));
                assert_eq!(found, issue(*expected), "variant {asked}");
            }
            lcg.shuffle(&mut activities);
        }
    }

    #[test]
    fn what_is_merged_leads_on() {
        check(
            &[merge(1, 1, 2), merge(2, 3, 1)],
            &[(1, 3), (2, 3), (3, 3)],
            &[(2, 3)],
        );
    }

    #[test]
    fn a_merge_taken_back_has_never_been() {
        check(&[merge(1, 1, 2), undo(2, 1, 1)], &[(2, 2)], &[(2, 2)]);
        check(&[merge(1, 1, 2), undo(2, 5, 1)], &[(2, 1)], &[]);
        check(
            &[merge(1, 1, 2), undo(2, 1, 1), undo(3, 1, 2)],
            &[(2, 1)],
            &[],
        );
    }

    #[test]
    fn nothing_becomes_part_of_itself() {
        check(
            &[merge(1, 1, 2), merge(2, 2, 1)],
            &[(1, 1), (2, 1)],
            &[(1, 1)],
        );
        check(&[merge(1, 1, 1)], &[(1, 1)], &[]);
        let circle = [merge(1, 1, 2), merge(2, 2, 3), merge(3, 3, 1)];
        check(&circle, &[(1, 1), (2, 1), (3, 1)], &[]);
    }

    #[test]
    fn the_later_of_two_merges_counts() {
        check(&[merge(1, 1, 3), merge(2, 2, 3)], &[(3, 2)], &[]);
    }

    #[test]
    fn projects_stay_apart() {
        check(&[merge(1, 1, 101)], &[(101, 101)], &[]);
        check(
            &[merge(1, 1, 201), merge(2, 201, 1)],
            &[(201, 201), (1, 1)],
            &[],
        );
        check(&[unmerge(1, 1, 1, 101)], &[], &[(1, 1)]);
    }

    #[test]
    fn a_variant_that_left_belongs_elsewhere_until_it_is_merged_again() {
        let left = [merge(1, 1, 2), unmerge(2, 1, 2, 2)];
        check(&left, &[(2, 2)], &[(2, 2), (1, 1)]);
        let again = [left.as_slice(), &[merge(3, 1, 2)]].concat();
        check(&again, &[(2, 1)], &[(2, 1)]);
        let undone = [left.as_slice(), &[undo(3, 1, 2)]].concat();
        check(&undone, &[(2, 1)], &[(2, 1)]);
    }

    #[test]
    fn what_was_merged_into_an_issue_that_leaves_stays() {
        let left = [merge(1, 2, 3), merge(2, 1, 2), unmerge(3, 1, 2, 2)];
        check(&left, &[(1, 1), (2, 2), (3, 1)], &[(2, 2), (3, 1)]);
    }

    #[test]
    fn a_variant_of_an_issue_leaves_for_one_of_its_own() {
        check(&[unmerge(1, 1, 1, 5)], &[(1, 1)], &[(1, 5)]);
        check(&[unmerge(1, 1, 1, 5), merge(2, 3, 5)], &[], &[(1, 3)]);
    }

    fn check_links(activities: &[Activity], apart: &[(u8, u8)], together: &[(u8, u8)]) {
        let homes = Homes::of(activities, project);
        let pairs = |pairs: &[(u8, u8)]| -> Vec<_> {
            pairs.iter().map(|(a, b)| (issue(*a), issue(*b))).collect()
        };
        assert_eq!(homes.apart(), pairs(apart));
        assert_eq!(homes.together(), pairs(together));
    }

    #[test]
    fn what_people_took_apart_is_remembered_until_they_merge_it() {
        let left = [merge(1, 1, 2), unmerge(2, 1, 2, 2)];
        check_links(&left, &[(1, 2)], &[]);
        let again = [left.as_slice(), &[merge(3, 1, 2)]].concat();
        check_links(&again, &[], &[(1, 2), (1, 2)]);
    }

    #[test]
    fn a_regrouping_links_nothing() {
        let by_regrouping = |activity| Activity {
            author: AUTHOR_OF_REGROUPING.into(),
            ..activity
        };
        let activities = [merge(1, 1, 2), unmerge(2, 3, 3, 4)].map(by_regrouping);
        check_links(&activities, &[], &[]);
    }
}
