//! What today's rules and algorithm would make of the events that are here, beside what was made of them; and that done.

mod plan;
mod survey;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use self::plan::{Doing, Plan};
use self::survey::{Rules, Survey, Unit};
use super::door::Vault;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventId;
use crate::issue::{
    AUTHOR_OF_REGROUPING, Activity, ActivityId, Deed, Issue, IssueId, IssueRef,
    REGROUPED_EVENTS_MAX, VariantKey,
};
use crate::store::{Adoption, Decision};

/// Events that wait to be moved together.
const WAITING_EVENTS_MAX: usize = 4 * REGROUPED_EVENTS_MAX;

/// What a regrouping changes, or would change.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct Regrouping {
    /// Issues that become part of another, the most alike first.
    pub merges: Vec<RegroupedMerge>,
    /// Events that leave their issue, the most first.
    pub splits: Vec<RegroupedSplit>,
    /// Variants that nobody knew and that events would be of by today's rules, those with the most events first.
    pub variants: Vec<RegroupedVariant>,
    /// How many variants there are of what is here, by today's rules.
    pub variant_count: u64,
    /// How many events were grouped.
    pub event_count: u64,
}

/// An issue that becomes part of another.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegroupedMerge {
    /// The issue that becomes part.
    pub issue: Issue,
    /// The older issue that it becomes part of, which keeps its number.
    pub into: Issue,
    /// How alike two variants of them are, from 0 to 1; 1 where events of both would be of one variant.
    pub score: f64,
    /// How many variants its events would be of.
    pub variant_count: u64,
}

/// Events of one issue that leave it together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegroupedSplit {
    /// The issue that they leave.
    pub issue: Issue,
    /// The issue that they go to; `None`: one of their own.
    pub to: Option<Issue>,
    /// The variants that they are, or would be.
    pub variants: Vec<VariantKey>,
    /// The rules that say so, if any does.
    pub rules: Vec<String>,
    /// How many events there are.
    pub event_count: u64,
}

/// A variant that nobody knew.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RegroupedVariant {
    /// Its key.
    pub variant: VariantKey,
    /// The issue that it joins, and whatever comes to be of it; `None`: one of its own.
    pub issue: Option<Issue>,
    /// The rule that makes it, if one does.
    pub rule: Option<String>,
    /// How many events would be of it.
    pub event_count: u64,
}

impl Regrouping {
    /// Whether all is as it would be made today.
    pub fn is_empty(&self) -> bool {
        self.merges.is_empty() && self.splits.is_empty() && self.variants.is_empty()
    }
}

impl Vault {
    /// What would merge and split if all events that are here were grouped anew, in the order in which they came, by
    /// today's rules and algorithm. Nothing is changed. What people merged stays together, what they took apart stays
    /// apart, and events that they moved stay where they are.
    ///
    /// Reads all events, and keeps of them what differs: how many of which issue would be of which variant.
    ///
    /// # Errors
    /// InvalidInput where a rule is wrong and left out: what it did would be taken back; LimitReached for rules that make
    /// more than 100,000 new variants; Corrupt, Io.
    pub fn plan_regrouping(&self) -> Result<Regrouping> {
        Ok(self.planned()?.0)
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            group: &self.walk.group_rules,
            in_app: self.walk.symbolizer.rules(),
        }
    }

    fn planned(&self) -> Result<(Regrouping, Survey, Doing)> {
        let mut faults = self.settings.faults.iter();
        if let Some(fault) = faults.find(|fault| fault.contains(": group.rule")) {
            let message = format!("{fault}; mend it first");
            return Err(Error::new(ErrorKind::InvalidInput, "regroup", message));
        }
        let survey = Survey::of(&*self.store, &self.rules())?;
        let links = self.store.links()?;
        let issues: BTreeSet<IssueId> = survey.units.iter().map(|(unit, _)| unit.issue).collect();
        let mut shown = HashMap::new();
        for id in issues {
            // One that events left meanwhile is not shown, and nothing is said of it.
            if let Ok(issue) = self.store.issue(&IssueRef::Id(id)) {
                shown.insert(id, issue);
            }
        }
        let mut by_project: BTreeMap<Rc<str>, Vec<(Unit, u64)>> = BTreeMap::new();
        for (unit, count) in &survey.units {
            if shown.contains_key(&unit.issue) {
                let project = &survey.variants[unit.would_be].project;
                let units = by_project.entry(Rc::clone(project)).or_default();
                units.push((*unit, *count));
            }
        }
        let wanted = survey.variants.iter().filter(|variant| variant.is_wanted);
        let mut regrouping = Regrouping {
            variant_count: wanted.count() as u64,
            event_count: survey.units.iter().map(|(_, count)| count).sum(),
            ..Regrouping::default()
        };
        let mut doing = Doing::default();
        for units in by_project.into_values() {
            Plan::of(units, &survey, &shown, &links).tell(&mut regrouping, &mut doing);
        }
        regrouping.sort();
        Ok((regrouping, survey, doing))
    }

    /// Does what [`Vault::plan_regrouping`] tells, as merges, unmerges and moves by the author `regroup`: numbers stay,
    /// those of merged issues lead on, and `undo` takes each back. It is done in steps, each of them whole; what an
    /// interruption left over, the next regrouping does.
    ///
    /// # Errors
    /// As [`Vault::plan_regrouping`] and [`Vault::decide`].
    pub fn regroup(&mut self) -> Result<(Regrouping, Vec<Activity>)> {
        self.lineage.check()?;
        let (regrouping, mut survey, doing) = self.planned()?;
        let now = self.clock.now();
        let adopted = doing.adopted.iter().filter_map(|(place, issue)| {
            let mut adoption = survey.variants[*place].adoption.take()?;
            (adoption.join.issue, adoption.join.joined_at) = (*issue, now);
            Some(*adoption)
        });
        let adopted: Vec<Adoption> = adopted.collect();
        self.store.adopt(&adopted)?;
        let mut activities = self.move_units(&doing.moved, survey)?;
        let merges = regrouping.merges.iter();
        let merges = merges.map(|merge| (merge.into.id, Deed::Merge(merge.issue.id)));
        activities.extend(self.regroup_by(doing.unmerges.into_iter().chain(merges))?);
        Ok((regrouping, activities))
    }

    /// Moves the events of these units, and keeps no more of them than wait to be moved together.
    fn move_units(
        &mut self,
        units: &HashMap<Unit, IssueId>,
        mut survey: Survey,
    ) -> Result<Vec<Activity>> {
        let mut activities = Vec::new();
        if units.is_empty() {
            return Ok(activities);
        }
        let moved = survey::moved(&*self.store)?;
        let (mut reached, last) = (0, self.store.last_ingest_sequence()?);
        while reached < last {
            let mut waiting = Waiting::default();
            reached = waiting.fill(self, &mut survey, units, &moved, reached, last)?;
            activities.extend(self.regroup_by(waiting.deeds(&survey))?);
        }
        Ok(activities)
    }

    fn regroup_by(
        &mut self,
        deeds: impl IntoIterator<Item = (IssueId, Deed)>,
    ) -> Result<Vec<Activity>> {
        let decision = |(issue, deed)| Decision {
            id: ActivityId::from_bytes(crate::capture::random_bytes()),
            vault: self.settings.vault_id,
            author: AUTHOR_OF_REGROUPING.to_owned(),
            at: self.clock.now(),
            issue,
            deed,
        };
        let decisions: Vec<Decision> = deeds.into_iter().map(decision).collect();
        match decisions.is_empty() {
            true => Ok(Vec::new()),
            false => self.store.act(&decisions),
        }
    }
}

/// Events that are to be moved together, by the issue they go to and the variant they would be.
#[derive(Default)]
struct Waiting {
    events: BTreeMap<(IssueId, survey::Place), Vec<EventId>>,
    count: usize,
}

impl Waiting {
    /// Gathers events behind a place until there are enough. How far it came.
    fn fill(
        &mut self,
        vault: &Vault,
        survey: &mut Survey,
        units: &HashMap<Unit, IssueId>,
        moved: &survey::MovedEvents,
        mut reached: u64,
        last: u64,
    ) -> Result<u64> {
        while reached < last && self.count < WAITING_EVENTS_MAX {
            let (events, next) = vault.store.events_behind(reached, survey::STEP_EVENTS)?;
            if events.is_empty() && next <= reached {
                return Ok(last);
            }
            reached = next;
            for stored in events {
                let event = stored.event.event_id;
                let unit = survey.unit(&*vault.store, &vault.rules(), moved, stored)?;
                let target = unit.and_then(|unit| Some((units.get(&unit)?, unit.would_be)));
                if let Some((target, would_be)) = target {
                    let waiting = self.events.entry((*target, would_be)).or_default();
                    waiting.push(event);
                    self.count += 1;
                }
            }
        }
        Ok(reached)
    }

    fn deeds(self, survey: &Survey) -> Vec<(IssueId, Deed)> {
        let mut deeds = Vec::new();
        for ((issue, place), events) in self.events {
            let variant = survey.variants[place].key;
            for events in events.chunks(REGROUPED_EVENTS_MAX) {
                let events = events.to_vec();
                deeds.push((issue, Deed::Regroup { variant, events }));
            }
        }
        deeds
    }
}

impl Regrouping {
    fn sort(&mut self) {
        self.merges.sort_by(|a, b| {
            let order = b.score.total_cmp(&a.score);
            order.then(a.issue.number.cmp(&b.issue.number))
        });
        let place = |split: &RegroupedSplit| (u64::MAX - split.event_count, split.issue.number);
        self.splits.sort_by_key(place);
        let place = |variant: &RegroupedVariant| (u64::MAX - variant.event_count, variant.variant);
        self.variants.sort_by_key(place);
    }
}

#[cfg(test)]
mod tests;
