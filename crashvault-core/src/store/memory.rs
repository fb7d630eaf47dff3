//! A store that forgets everything with the process, and looks at every event for each search.
//!
//! It keeps ground records alone and works out the rest when asked: what the other stores keep up to date must come to
//! the same.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::matching::fits;
use super::view::line;
use super::{
    Adoption, Attachment, Batch, Collected, Committed, Condition, Contents, Decision, Effort,
    Estimate, EventPage, EventSearch, Expendable, Exported, Foreseen, IssueFilter, IssueOrder,
    IssuePage, IssueSearch, IssueSort, IssueTest, Item, ItemFilter, KnownVariant, LEGACY_COUNTER,
    Links, NewEvent, NewItem, Outcome, Packed, Pattern, Place, Plan, RELATED_FROM_MAX,
    RebuildReport, Record, RelatedIssue, Residue, Retired, STATUSES, Store, StoreStats,
    StoredEvent, Tally, ValueCount, facts, id_of_reaction, needs_id,
};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventId, Level};
use crate::group::{self, Name, Sketch, Traits, Variants, WEIGHTS};
use crate::issue::{
    AUTHOR_OF_EVENTS, Activity, ActivityId, Deed, Homes, Issue, IssueId, IssueRef, IssueState,
    Join, Seen, VariantKey, fold, standing,
};
use crate::time::Timestamp;

/// Issues named in a conflict.
const CANDIDATES_MAX: usize = 10;
/// Stands where a number is free.
#[cfg(feature = "v1")]
const NOBODY: IssueId = IssueId::from_bytes([0; 16]);
/// Nanoseconds of an hour.
const HOUR: i64 = 3_600_000_000_000;

/// Everything in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryStore {
    /// By number, from 1 on; never removed.
    issues: Vec<Known>,
    projects: BTreeSet<String>,
    /// In the order they were recorded.
    joins: Vec<Join>,
    /// In the order in which variants became known by their likeness.
    sketched: Vec<Sketched>,
    /// By ingest sequence.
    events: BTreeMap<u64, Kept>,
    sequences: BTreeMap<EventId, u64>,
    deleted: BTreeSet<EventId>,
    /// In the order they came.
    attachments: Vec<Attachment>,
    /// By their numbers.
    items: BTreeMap<u64, NewItem>,
    /// The last number that an item got.
    items_given: u64,
    /// The last ingest sequence given.
    ingested: u64,
    /// In the order of the clock.
    activities: Vec<Activity>,
    offsets: BTreeMap<String, u64>,
    counters: BTreeMap<String, u64>,
}

/// An issue that has a number.
#[derive(Clone, Debug)]
struct Known {
    id: IssueId,
    project: String,
    /// The ingest sequences of its events; none: it is not shown.
    events: BTreeSet<u64>,
    /// What is left of events that were given up.
    retired: Vec<Left>,
}

/// What is left of an event.
#[derive(Clone, Debug, PartialEq)]
struct Left {
    time: Timestamp,
    level: Level,
    shelf: Shelf,
}

/// By what an event belongs to its issue.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shelf {
    /// Its variant does.
    Variant(VariantKey),
    /// People put it there.
    Moved(IssueId),
}

/// A variant that is compared.
#[derive(Clone, Debug)]
struct Sketched {
    project: String,
    variant: VariantKey,
    traits: Traits,
}

#[derive(Clone, Debug)]
struct Kept {
    stored: Arc<StoredEvent>,
    json_bytes: u64,
    user: Option<String>,
    /// The number of the issue that its variant belongs to.
    home: u64,
}

impl Kept {
    fn event(&self) -> &Event {
        &self.stored.event
    }

    /// When it happened, as issues and lists see it.
    fn time(&self) -> Timestamp {
        self.event().timestamp.unwrap_or(self.stored.received_at)
    }

    /// Its place in the order of an issue's events.
    fn place(&self) -> (Timestamp, [u8; 16], u64, EventId) {
        let stored = &self.stored;
        let id = stored.event.event_id;
        (self.time(), stored.process, stored.sequence, id)
    }
}

fn not_found(operation: &'static str, message: String) -> Error {
    Error::new(ErrorKind::NotFound, operation, message)
}

impl MemoryStore {
    fn known(&self, number: u64) -> Option<&Known> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        self.issues.get(place)
    }

    fn known_mut(&mut self, number: u64) -> Option<&mut Known> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        self.issues.get_mut(place)
    }

    fn number(&self, id: &IssueId) -> Option<u64> {
        let place = self.issues.iter().position(|known| known.id == *id)?;
        Some(place as u64 + 1)
    }

    fn number_or_new(&mut self, join: &Join, committed: &mut Committed) -> u64 {
        self.number(&join.issue).unwrap_or_else(|| {
            self.issues.push(Known {
                id: join.issue,
                project: join.project.clone(),
                events: BTreeSet::new(),
                retired: Vec::new(),
            });
            let number = self.issues.len() as u64;
            committed.issues_new.push(number);
            number
        })
    }

    /// Gives an issue this number if it is free. Numbers that were passed over belong to nobody yet.
    #[cfg(feature = "v1")]
    fn take_number(&mut self, number: u64, issue: &IssueId, project: &str) {
        let known = |id| Known {
            id,
            project: project.to_owned(),
            events: BTreeSet::new(),
            retired: Vec::new(),
        };
        while (self.issues.len() as u64) < number {
            self.issues.push(known(NOBODY));
        }
        if let Some(place) = self.known_mut(number)
            && place.id == NOBODY
        {
            *place = known(*issue);
        }
    }

    fn joined(&self, project: &str, variant: VariantKey) -> Option<u64> {
        let join = self
            .joins
            .iter()
            .find(|join| join.project == project && join.variant == variant)?;
        self.number(&self.home(&self.homes(), join))
    }

    fn homes(&self) -> Homes<String> {
        Homes::of(&self.activities, |issue| {
            let known = self.number(issue).and_then(|number| self.known(number));
            known.map(|known| known.project.clone())
        })
    }

    fn home(&self, homes: &Homes<String>, join: &Join) -> IssueId {
        homes.of_variant(join.project.clone(), join.variant, &join.issue)
    }

    /// The number that counts for this one: that of the issue it is part of, else itself.
    fn root(&self, number: u64) -> u64 {
        let known = self.known(number).map(|known| known.id);
        let root = known.and_then(|id| self.number(&self.homes().root(&id)));
        root.unwrap_or(number)
    }

    fn join(&mut self, new: &Packed, committed: &mut Committed) -> u64 {
        let join = &new.join;
        self.projects.insert(join.project.clone());
        let number = match (self.joined(&join.project, join.variant), &new.traits) {
            (Some(number), _) => number,
            (None, None) => self.found(join.clone(), committed),
            (None, Some(traits)) => self.place_new(join, traits, committed),
        };
        if let Some(traits) = &new.traits {
            self.sketch(join, traits);
        }
        number
    }

    fn found(&mut self, join: Join, committed: &mut Committed) -> u64 {
        let number = self.number_or_new(&join, committed);
        let (project, variant) = (join.project.clone(), join.variant);
        self.joins.push(join);
        self.joined(&project, variant).unwrap_or(number)
    }

    fn place_new(&mut self, join: &Join, traits: &Traits, committed: &mut Committed) -> u64 {
        let sketch = Sketch::of(traits);
        let known = InProject::of(self, &join.project);
        let Ok(placing) = group::place(&known, &sketch, &WEIGHTS);
        let sides = Texts {
            store: self,
            known: &known,
            own: traits,
        };
        let Ok(comparison) = group::comparison(&sketch, &placing, &WEIGHTS, &sides);
        let mut join = join.clone();
        join.comparison = Some(comparison.into());
        if let Some(joined) = placing.joins {
            join.issue = self.id(joined.issue, join.issue);
            join.reason = group::SIMILAR.into();
        }
        self.found(join, committed)
    }

    fn sketch(&mut self, join: &Join, traits: &Traits) {
        let is_same =
            |known: &Sketched| known.project == join.project && known.variant == join.variant;
        if !self.sketched.iter().any(is_same) {
            self.sketched.push(Sketched {
                project: join.project.clone(),
                variant: join.variant,
                traits: traits.clone(),
            });
        }
    }

    fn kept(&self, event: EventId) -> Option<&Kept> {
        self.events.get(self.sequences.get(&event)?)
    }

    /// The issue of an event that is here; 0 for one that was deleted and must not come back.
    fn known_issue(&self, id: EventId) -> Option<u64> {
        match self.sequences.get(&id) {
            Some(sequence) => self
                .events
                .get(sequence)
                .map(|kept| kept.stored.issue_number),
            None => self.deleted.contains(&id).then_some(0),
        }
    }

    fn keep(&mut self, new: &Packed, committed: &mut Committed) {
        let event = new.event_id;
        let known = self.known_issue(event);
        let issues_before = committed.issues_new.len();
        let issue_number = match known {
            Some(number) => {
                committed.events_known += 1;
                number
            }
            None => {
                let legacy = new
                    .legacy
                    .and_then(|legacy| Some((legacy, self.joined(&new.join.project, legacy)?)));
                let (variant, number) =
                    legacy.unwrap_or_else(|| (new.join.variant, self.join(new, committed)));
                self.insert(new, variant, number);
                committed.events_new += 1;
                number
            }
        };
        committed.outcomes.push(Outcome {
            event,
            issue_number,
            is_new_issue: committed.issues_new.len() > issues_before,
            is_known: known.is_some(),
            is_regression: false,
        });
    }

    fn insert(&mut self, new: &Packed, variant: VariantKey, issue_number: u64) {
        let Contents::Whole(event) = &new.contents else {
            panic!("the event was packed for another store");
        };
        self.ingested += 1;
        let stored = StoredEvent {
            event: Event::clone(event),
            issue: self.id(issue_number, new.join.issue),
            issue_number,
            variant,
            ingest_sequence: self.ingested,
            received_at: new.received_at,
            process: new.process,
            sequence: new.sequence,
        };
        let kept = Kept {
            stored: Arc::new(stored),
            json_bytes: event.to_json().len() as u64,
            user: user(event),
            home: issue_number,
        };
        self.events.insert(self.ingested, kept);
        self.sequences.insert(new.event_id, self.ingested);
        self.put(self.ingested, issue_number);
    }

    /// The id of an issue that has this number.
    fn id(&self, number: u64, otherwise: IssueId) -> IssueId {
        self.known(number).map_or(otherwise, |known| known.id)
    }

    fn put(&mut self, sequence: u64, issue: u64) {
        if let Some(known) = self.known_mut(issue) {
            known.events.insert(sequence);
        }
    }

    fn take_out(&mut self, sequence: u64, issue: u64) {
        if let Some(known) = self.known_mut(issue) {
            known.events.remove(&sequence);
        }
    }

    /// Lets new events reopen what was resolved or ignored. `before` is the last ingest sequence before them.
    fn react(&mut self, events: &[Packed], committed: &mut Committed, before: u64) {
        let mut touched: BTreeMap<u64, Vec<&Packed>> = BTreeMap::new();
        for (outcome, new) in committed.outcomes.iter().zip(events) {
            if !outcome.is_known {
                touched.entry(outcome.issue_number).or_default().push(new);
            }
        }
        for (number, new) in touched {
            let Some(last) = new.iter().max_by_key(|new| new.time) else {
                continue;
            };
            if let Some((issue, deed)) = self.reaction(number, &new, last.time, before) {
                committed.note_reaction(&deed);
                self.record(&Decision {
                    id: id_of_reaction(&issue, &deed),
                    vault: [0; 16],
                    author: AUTHOR_OF_EVENTS.to_owned(),
                    at: last.received_at,
                    issue,
                    deed,
                });
            }
        }
    }

    fn reaction(
        &self,
        number: u64,
        new: &[&Packed],
        until: Timestamp,
        before: u64,
    ) -> Option<(IssueId, Deed)> {
        let known = self.known(number)?;
        let seen = new.iter().map(|new| Seen {
            event: new.event_id,
            time: new.time,
            release: new.release.as_deref(),
            release_first_seen: self.release_first_seen(new, before),
        });
        let until = hour(until);
        let retired = known.retired.iter().map(|left| hour(left.time));
        let hours = self.of(known).map(|kept| hour(kept.time())).chain(retired);
        let day_count = hours
            .filter(|hour| (until - 23..=until).contains(hour))
            .count();
        let seen_count = (known.events.len() + known.retired.len()) as u64;
        let deed = self
            .state(&known.id)
            .reaction(seen, seen_count, day_count as u64)?;
        Some((known.id, deed))
    }

    fn release_first_seen(&self, new: &Packed, before: u64) -> Option<Timestamp> {
        let release = new.release.as_ref()?;
        let is_of_project = |kept: &&Kept| {
            let issue = self.known(kept.stored.issue_number);
            issue.is_some_and(|known| known.project == new.join.project)
        };
        self.events
            .range(..=before)
            .map(|(_, kept)| kept)
            .filter(|kept| kept.event().release.as_ref() == Some(release))
            .filter(is_of_project)
            .map(|kept| kept.time())
            .min()
    }

    fn record(&mut self, decision: &Decision) -> Activity {
        let last = self.activities.last().map(|activity| activity.time);
        let activity = Activity {
            id: decision.id,
            vault: decision.vault,
            author: decision.author.clone(),
            time: last.unwrap_or_default().next(decision.at),
            decided_at: decision.at,
            issue: decision.issue,
            deed: decision.deed.clone(),
        };
        if self.activity(&activity.id).is_none() {
            self.activities.push(activity.clone());
        }
        activity
    }

    fn activity(&self, id: &ActivityId) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.id == *id)
    }

    fn activities_of(&self, issue: &IssueId) -> impl Iterator<Item = &Activity> {
        self.activities
            .iter()
            .filter(|activity| activity.issue == *issue)
    }

    fn state(&self, issue: &IssueId) -> IssueState {
        fold(self.activities_of(issue))
    }

    fn decide(&mut self, decision: &Decision) -> Result<Activity> {
        if let Some(known) = self.activity(&decision.id) {
            return Ok(known.clone());
        }
        let number = match &decision.deed {
            Deed::Regroup { .. } | Deed::Unmerge { .. } => {
                let number = self.number(&decision.issue);
                number.ok_or_else(|| not_found("decide", format!("no issue {}", decision.issue)))?
            }
            _ => self.shown(&decision.issue)?,
        };
        match &decision.deed {
            Deed::MoveEvent(event) => self.sequence(*event).map(|_| ())?,
            Deed::Undo(target) => self.check_undo(&decision.issue, target)?,
            Deed::Merge(other) => self.check_merge(number, other)?,
            Deed::Unmerge { variant, to } => self.check_unmerge(number, *variant, to)?,
            _ => {}
        }
        let activity = self.record(decision);
        match &decision.deed {
            deed @ (Deed::MoveEvent(_) | Deed::Regroup { .. }) => {
                deed.moved_events()
                    .iter()
                    .for_each(|event| self.place(*event));
            }
            Deed::Undo(_) | Deed::Merge(_) | Deed::Unmerge { .. } => self.place_all(),
            Deed::Tombstone => self.delete(number),
            _ => {}
        }
        Ok(activity)
    }

    fn shown(&self, issue: &IssueId) -> Result<u64> {
        let number = self.number(issue);
        let is_shown = |number: &u64| {
            self.known(*number)
                .is_some_and(|known| !known.events.is_empty())
        };
        let shown = number.filter(is_shown);
        shown.ok_or_else(|| not_found("decide", format!("no issue {issue}")))
    }

    fn sequence(&self, event: EventId) -> Result<u64> {
        let found = self.sequences.get(&event).copied();
        found.ok_or_else(|| not_found("decide", format!("no event {event}")))
    }

    fn check_undo(&self, issue: &IssueId, target: &ActivityId) -> Result<()> {
        let found = self
            .activities_of(issue)
            .find(|activity| activity.id == *target);
        match found.map(|activity| &activity.deed) {
            None => Err(not_found(
                "undo",
                format!("the issue has no activity {target}"),
            )),
            Some(Deed::Tombstone) => {
                let message = "a deletion cannot be undone: its events are gone";
                Err(Error::new(ErrorKind::InvalidInput, "undo", message))
            }
            Some(_) => Ok(()),
        }
    }

    fn check_merge(&self, number: u64, other: &IssueId) -> Result<()> {
        let other = self.shown(other)?;
        let refuse = |message: String| Err(Error::new(ErrorKind::InvalidInput, "merge", message));
        if other == number {
            return refuse(format!("#{number} cannot become part of itself"));
        }
        let project = |number| self.known(number).map(|known| &known.project);
        if project(number) != project(other) {
            return refuse(format!("#{number} and #{other} are of two projects"));
        }
        Ok(())
    }

    fn check_unmerge(&mut self, number: u64, variant: VariantKey, to: &IssueId) -> Result<()> {
        let project = self.known(number).map(|known| known.project.clone());
        let project = project.unwrap_or_default();
        if self.joined(&project, variant) != Some(number) {
            let message = format!("#{number} has no variant {variant}");
            return Err(not_found("unmerge", message));
        }
        if self.number_of(*to, &project) == number {
            let message = "the variant is there already";
            return Err(Error::new(ErrorKind::InvalidInput, "unmerge", message));
        }
        Ok(())
    }

    /// The number of an issue that an activity names.
    fn number_of(&mut self, issue: IssueId, project: &str) -> u64 {
        let variant = VariantKey::from_bytes([0; 16]);
        let join = Join::new(variant, issue, project, Timestamp::default());
        self.number_or_new(&join, &mut Committed::default())
    }

    /// Puts all events, and what is left of others, where they belong now.
    fn place_all(&mut self) {
        let homes = self.homes();
        let found: Vec<(EventId, u64)> = self
            .events
            .values()
            .filter_map(|kept| {
                let project = &self.known(kept.home)?.project;
                let home = self.joined(project, kept.stored.variant)?;
                Some((kept.event().event_id, home))
            })
            .collect();
        for (event, home) in found {
            let sequence = self.sequences.get(&event).copied();
            if let Some(kept) = sequence.and_then(|sequence| self.events.get_mut(&sequence)) {
                kept.home = home;
            }
            self.place(event);
        }
        let mut all = Vec::new();
        for known in &mut self.issues {
            let left = std::mem::take(&mut known.retired);
            all.extend(left.into_iter().map(|left| (known.project.clone(), left)));
        }
        for (project, left) in all {
            let number = match &left.shelf {
                Shelf::Variant(variant) => self.joined(&project, *variant),
                Shelf::Moved(issue) => self.number(&homes.root(issue)),
            };
            if let Some(known) = number.and_then(|number| self.known_mut(number)) {
                known.retired.push(left);
            }
        }
    }

    /// Puts an event where the last standing decision says, else where its variant belongs.
    fn place(&mut self, event: EventId) {
        let Some(&sequence) = self.sequences.get(&event) else {
            return;
        };
        let Some(kept) = self.events.get(&sequence) else {
            return;
        };
        let from = kept.stored.issue_number;
        let to = match self.moved_to(event) {
            Some(issue) => issue,
            None => kept.home,
        };
        let id = self.id(to, kept.stored.issue);
        if let Some(kept) = self.events.get_mut(&sequence) {
            let stored = Arc::make_mut(&mut kept.stored);
            (stored.issue, stored.issue_number) = (id, to);
        }
        self.take_out(sequence, from);
        self.put(sequence, to);
    }

    fn moved_to(&self, event: EventId) -> Option<u64> {
        self.move_of(event).map(|(number, _)| number)
    }

    /// Where the decisions about an event put it, and the variant that it is by them.
    fn move_of(&self, event: EventId) -> Option<(u64, Option<VariantKey>)> {
        let mut found = Vec::new();
        for (number, known) in (1..).zip(&self.issues) {
            for activity in standing(self.activities_of(&known.id)) {
                if !activity.deed.moved_events().contains(&event) {
                    continue;
                }
                let variant = match &activity.deed {
                    Deed::Regroup { variant, .. } => Some(*variant),
                    _ => None,
                };
                let joined = variant.and_then(|variant| self.joined(&known.project, variant));
                let to = joined.unwrap_or_else(|| self.root(number));
                // What people say goes before what a regrouping found.
                let place = (variant.is_none(), activity.time);
                found.push((place, (to, variant)));
            }
        }
        found.into_iter().max().map(|(_, moved)| moved)
    }

    fn delete(&mut self, number: u64) {
        let Some(known) = self.known_mut(number) else {
            return;
        };
        known.retired.clear();
        for sequence in std::mem::take(&mut known.events) {
            if let Some(kept) = self.drop_event(sequence) {
                let id = kept.event().event_id;
                self.items.retain(|_, item| item.event != Some(id));
                self.deleted.insert(id);
            }
        }
    }

    fn keep_items(&mut self, batch: &Batch) {
        for new in &batch.items {
            let is_known = self.items.values().any(|known| known.key == new.key);
            if !is_known && new.event.is_none_or(|event| !self.deleted.contains(&event)) {
                self.items_given += 1;
                self.items.insert(self.items_given, new.clone());
            }
        }
        for file in &batch.files {
            // One of an event that was removed is passed over.
            let _ = self.attach(file, usize::MAX);
        }
    }

    /// Takes an event and its attachments out.
    fn drop_event(&mut self, sequence: u64) -> Option<Kept> {
        let kept = self.events.remove(&sequence)?;
        let id = kept.event().event_id;
        self.sequences.remove(&id);
        self.take_out(sequence, kept.stored.issue_number);
        self.attachments.retain(|attachment| attachment.event != id);
        Some(kept)
    }

    /// The places of events that can be given up, oldest first.
    fn expendable(&self, which: &Expendable) -> Vec<Place> {
        let mut places = Vec::new();
        for issue in self.shown_issues() {
            let fits = |kept: &&Kept| {
                let event = kept.event();
                event.event_id != issue.last_event
                    && which.before.is_none_or(|before| kept.time() < before)
                    && (which.kinds.is_empty()
                        || which.kinds.contains(&(event.level, issue.status)))
            };
            places.extend(self.of_issue(&issue.id).filter(fits).map(|kept| Place {
                by: kept.time().as_nanos(),
                id: kept.stored.ingest_sequence,
            }));
        }
        places.sort_unstable();
        places
    }

    /// Whether the event was not here. Only into the store it came from: its variant is known there.
    fn restore_event(&mut self, project: &str, stored: &StoredEvent) -> bool {
        let id = stored.event.event_id;
        let home = self.joined(project, stored.variant);
        let Some(home) = home.filter(|_| self.known_issue(id).is_none()) else {
            return false;
        };
        let kept = Kept {
            json_bytes: stored.event.to_json().len() as u64,
            user: user(&stored.event),
            home,
            stored: Arc::new(stored.clone()),
        };
        self.events.insert(stored.ingest_sequence, kept);
        self.sequences.insert(id, stored.ingest_sequence);
        self.put(stored.ingest_sequence, stored.issue_number);
        self.place(id);
        true
    }

    fn retire_one(&mut self, sequence: u64) {
        if let Some(kept) = self.drop_event(sequence) {
            let moved = self.moved_to(kept.event().event_id);
            let moved = moved
                .and_then(|number| self.known(number))
                .map(|known| known.id);
            let left = Left {
                time: kept.time(),
                level: kept.event().level,
                shelf: moved.map_or(Shelf::Variant(kept.stored.variant), Shelf::Moved),
            };
            if let Some(known) = self.known_mut(kept.stored.issue_number) {
                known.retired.push(left);
            }
            self.deleted.insert(kept.event().event_id);
        }
    }

    fn of<'s>(&'s self, known: &'s Known) -> impl Iterator<Item = &'s Kept> {
        let sequences = known.events.iter();
        sequences.filter_map(|sequence| self.events.get(sequence))
    }

    fn of_issue<'s>(&'s self, issue: &IssueId) -> impl Iterator<Item = &'s Kept> + use<'s> {
        let known = self.number(issue).and_then(|number| self.known(number));
        known.into_iter().flat_map(|known| self.of(known))
    }

    fn attachment_count(&self, issue: &IssueId) -> u64 {
        let events: BTreeSet<EventId> = self
            .of_issue(issue)
            .map(|kept| kept.event().event_id)
            .collect();
        let attachments = self.attachments.iter();
        attachments
            .filter(|known| events.contains(&known.event))
            .count() as u64
    }

    /// The issues as they are shown, by number.
    fn shown_issues(&self) -> impl Iterator<Item = Issue> {
        let numbered = (1..).zip(&self.issues);
        numbered.filter_map(|(number, known)| self.view(number, known))
    }

    fn view(&self, number: u64, known: &Known) -> Option<Issue> {
        let newest = self.of(known).max_by_key(|kept| kept.place())?;
        let (event, seen) = (newest.event(), newest.time());
        let mut issue = Issue::new(known.id, number, &known.project, event.event_id, seen);
        issue.culprit = event.culprit().map(line);
        issue.platform = line(event.platform.clone());
        let mut users = BTreeSet::new();
        for kept in self.of(known) {
            issue.first_seen = issue.first_seen.min(kept.time());
            issue.level = issue.level.max(kept.event().level);
            issue.seen_count += 1;
            users.extend(kept.user.as_deref());
        }
        for left in &known.retired {
            issue.first_seen = issue.first_seen.min(left.time);
            issue.level = issue.level.max(left.level);
            issue.seen_count += 1;
        }
        issue.user_count = users.len() as u64;
        issue.state = self.state(&known.id);
        issue.status = issue.state.status;
        let own_title = issue.state.title.clone();
        issue.title = own_title.unwrap_or_else(|| line(event.title()));
        Some(issue)
    }

    /// The condition with the numbers of the issues that first came in a release it names.
    fn with_numbers(&self, condition: &Condition) -> Condition {
        let mut root = |test: &IssueTest| -> std::result::Result<_, Infallible> {
            Ok(match test {
                IssueTest::Number(number) => Some(self.root(*number)),
                IssueTest::Id(id) => self.number(id).map(|number| self.root(number)),
                _ => None,
            })
        };
        let Ok(condition) = condition.with_roots(&mut root);
        let mut numbers = |pattern: &Pattern| -> std::result::Result<_, Infallible> {
            let is_first = |issue: &Issue| {
                let place = |kept: &&Kept| (kept.time(), kept.stored.ingest_sequence);
                let first = self.of_issue(&issue.id).min_by_key(place);
                let release = first.and_then(|kept| kept.event().release.as_deref());
                release.is_some_and(|release| pattern.fits(&facts::cut(release)))
            };
            let first = self.shown_issues().filter(is_first);
            Ok(first.map(|issue| issue.number).collect())
        };
        let Ok(condition) = condition.with_first_releases(&mut numbers);
        condition
    }

    fn scanned(&self, found: usize, begun: Instant) -> Plan {
        Plan {
            elapsed: begun.elapsed(),
            route: "a full scan: every event was looked at".to_owned(),
            lists: Vec::new(),
            rows_read: self.events.len() as u64,
            found,
        }
    }

    fn one_by_prefix(&self, prefix: &str) -> Result<Issue> {
        let begins = |known: &Known| known.id.to_string().starts_with(prefix);
        let named = (1..).zip(&self.issues).filter(|(_, known)| begins(known));
        let roots = named.map(|(number, _)| self.root(number));
        let mut found: Vec<Issue> = roots
            .filter_map(|number| self.view(number, self.known(number)?))
            .collect();
        if found.len() > 1 {
            found.sort_by_key(|issue| issue.id);
            let names = found.iter().take(CANDIDATES_MAX);
            let names: Vec<String> = names.map(|i| format!("#{} ({})", i.number, i.id)).collect();
            let message = format!("{prefix} is the start of {}", names.join(", "));
            return Err(Error::new(ErrorKind::Conflict, "find issue", message));
        }
        let found = found.pop();
        found.ok_or_else(|| not_found("find issue", format!("no issue {prefix}")))
    }
}

/// The variants of a project that are compared, by their order.
struct InProject<'s> {
    sketched: Vec<&'s Sketched>,
    /// Each in the issue it joined.
    variants: Variants,
    /// The issue that each is in now.
    homes: Vec<u64>,
}

impl<'s> InProject<'s> {
    fn of(store: &'s MemoryStore, project: &str) -> Self {
        let mut known = Self {
            sketched: Vec::new(),
            variants: Variants::default(),
            homes: Vec::new(),
        };
        for sketched in &store.sketched {
            let join = store.joins.iter().find(|join| {
                join.project == project
                    && (&join.project, join.variant) == (&sketched.project, sketched.variant)
            });
            let Some(joined) = join.and_then(|join| store.number(&join.issue)) else {
                continue;
            };
            known
                .variants
                .add(Rc::new(Sketch::of(&sketched.traits)), joined);
            let home = store.joined(project, sketched.variant);
            known.homes.push(home.unwrap_or(joined));
            known.sketched.push(sketched);
        }
        known
    }

    fn sketched(&self, variant: u64) -> &'s Sketched {
        self.sketched[variant as usize]
    }
}

impl group::Known for InProject<'_> {
    type Error = Infallible;

    fn issues(&self) -> std::result::Result<u64, Infallible> {
        self.variants.issues()
    }

    fn spread(&self, name: Name) -> std::result::Result<u32, Infallible> {
        self.variants.spread(name)
    }

    fn bearers(&self, name: Name) -> std::result::Result<Vec<u64>, Infallible> {
        self.variants.bearers(name)
    }

    fn variant(&self, variant: u64) -> std::result::Result<Option<(Rc<Sketch>, u64)>, Infallible> {
        let Ok(found) = self.variants.variant(variant);
        Ok(found.map(|(sketch, _)| (sketch, self.homes[variant as usize])))
    }
}

/// What an explanation tells by name.
struct Texts<'t> {
    store: &'t MemoryStore,
    known: &'t InProject<'t>,
    own: &'t Traits,
}

impl group::Sides for Texts<'_> {
    type Error = Infallible;

    fn side(
        &self,
        found: &group::Match,
    ) -> std::result::Result<(VariantKey, IssueId, Sketch), Infallible> {
        let sketched = self.known.sketched(found.variant);
        let issue = self.store.id(found.issue, IssueId::from_bytes([0; 16]));
        Ok((sketched.variant, issue, Sketch::of(&sketched.traits)))
    }

    fn function(&self, name: Name) -> std::result::Result<String, Infallible> {
        let all = self.store.sketched.iter().map(|sketched| &sketched.traits);
        let mut functions = all.chain([self.own]).flat_map(|traits| &traits.functions);
        let found = functions.find(|function| Name::of(function) == name);
        Ok(found.cloned().unwrap_or_default())
    }
}

fn hour(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(HOUR)
}

fn user(event: &Event) -> Option<String> {
    let (fact, value) = facts::user(event)?;
    Some(format!("{}:{value}", fact.name))
}

/// Whether a place comes behind another one in a list, which begins with the largest.
fn is_behind(place: Place, after: Option<Place>) -> bool {
    after.is_none_or(|after| place < after)
}

fn passes(filter: &IssueFilter, issue: &Issue) -> bool {
    let mut project = filter.project.iter();
    project.all(|name| *name == issue.project)
        && filter.status.is_none_or(|status| status == issue.status)
}

/// The first page of what has a place each, and where the next one begins.
fn page<T>(mut found: Vec<(Place, T)>, limit: usize) -> (Vec<T>, Option<Place>) {
    found.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|(place, _)| *place);
    (found.into_iter().map(|(_, item)| item).collect(), next)
}

fn shown_item(id: u64, item: &NewItem) -> Item {
    Item {
        id,
        kind: item.kind.clone(),
        project: item.project.clone(),
        event: item.event,
        received_at: item.received_at,
        head: serde_json::from_str(&item.head).unwrap_or_default(),
        size_bytes: item.payload.len() as u64,
    }
}

impl Store for MemoryStore {
    fn pack(&mut self, new: NewEvent) -> Result<Packed> {
        Packed::new(new, |event| {
            needs_id(&event)?;
            Ok(Contents::Whole(event.into()))
        })
    }

    fn commit(&mut self, batch: &Batch) -> Result<Committed> {
        let before = self.ingested;
        let mut committed = Committed::default();
        for new in &batch.events {
            self.keep(new, &mut committed);
        }
        self.react(&batch.events, &mut committed, before);
        self.keep_items(batch);
        for (name, bytes) in &batch.offsets {
            let offset = self.offsets.entry(name.clone()).or_default();
            *offset = (*offset).max(*bytes);
        }
        for (name, count) in &batch.counters {
            let counter = self.counters.entry(name.clone()).or_default();
            *counter = counter.saturating_add(*count).min(i64::MAX as u64);
        }
        Ok(committed)
    }

    #[cfg(feature = "v1")]
    fn number_legacy(
        &mut self,
        project: &str,
        issues: &[(IssueId, Option<u64>)],
        keep: bool,
    ) -> Result<Vec<(u64, bool)>> {
        let mut next = self.clone();
        let known: Vec<bool> = issues
            .iter()
            .map(|(issue, _)| next.number(issue).is_some())
            .collect();
        for (issue, wish) in issues {
            if let Some(wish) = wish
                && next.number(issue).is_none()
            {
                next.take_number(*wish, issue, project);
            }
        }
        let mut committed = Committed::default();
        let numbers = issues.iter().zip(known).map(|((issue, _), known)| {
            let variant = VariantKey::from_bytes([0; 16]);
            let join = Join::new(variant, *issue, project, Timestamp::default());
            (next.number_or_new(&join, &mut committed), !known)
        });
        let numbers = numbers.collect();
        next.counters.entry(LEGACY_COUNTER.into()).or_insert(0);
        if keep {
            *self = next;
        }
        Ok(numbers)
    }

    fn has_legacy(&self) -> Result<bool> {
        Ok(self.counters.contains_key(LEGACY_COUNTER))
    }

    fn sync(&mut self) -> Result<()> {
        Ok(())
    }

    fn act(&mut self, decisions: &[Decision]) -> Result<Vec<Activity>> {
        let mut next = self.clone();
        let recorded = decisions.iter().map(|decision| next.decide(decision));
        let recorded = recorded.collect::<Result<Vec<_>>>()?;
        *self = next;
        Ok(recorded)
    }

    fn activities(&self, issue: &IssueId) -> Result<Vec<Activity>> {
        Ok(self.activities_of(issue).cloned().collect())
    }

    fn issue_count(&self, filter: &IssueFilter) -> Result<u64> {
        let passing = self.shown_issues().filter(|issue| passes(filter, issue));
        Ok(passing.count() as u64)
    }

    fn issues(&self, filter: &IssueFilter) -> Result<Vec<Issue>> {
        let asked = self.shown_issues().filter(|issue| passes(filter, issue));
        let mut issues: Vec<Issue> = asked.collect();
        issues.sort_by(|one, other| IssueOrder::from(filter.sort).compare(one, other));
        issues.truncate(filter.limit);
        Ok(issues)
    }

    fn search(&self, search: &IssueSearch) -> Result<IssuePage> {
        let condition = self.with_numbers(&search.condition);
        let order = search.order;
        let is_behind = |issue: &Issue| match (order.sort, search.after) {
            (IssueSort::Title, Some(after)) => {
                let number = order.turned(after).id;
                let mut all = self.shown_issues();
                let last = all.find(|issue| issue.number == number);
                last.is_some_and(|last| order.compare(&last, issue).is_lt())
            }
            (_, after) => is_behind(order.place(issue), after),
        };
        let is_found = |issue: &Issue| {
            let mut events = self.of_issue(&issue.id);
            events.any(|kept| fits(&condition, issue, &kept.stored))
        };
        let shown = self.shown_issues();
        let mut issues: Vec<Issue> = shown
            .filter(|issue| is_behind(issue) && is_found(issue))
            .collect();
        issues.sort_by(|one, other| order.compare(one, other));
        let has_more = issues.len() > search.limit;
        issues.truncate(search.limit);
        let last = issues.last().filter(|_| has_more);
        let next = last.map(|issue| order.place(issue));
        Ok(IssuePage { issues, next })
    }

    fn search_events(&self, search: &EventSearch) -> Result<EventPage> {
        let condition = self.with_numbers(&search.condition);
        let mut found = Vec::new();
        for issue in self.shown_issues() {
            for kept in self.of_issue(&issue.id) {
                let place = Place {
                    by: kept.time().as_nanos(),
                    id: kept.stored.ingest_sequence,
                };
                if is_behind(place, search.after) && fits(&condition, &issue, &kept.stored) {
                    found.push((place, &*kept.stored));
                }
            }
        }
        let (events, next) = page(found, search.limit);
        let events = events.into_iter().cloned().collect();
        Ok(EventPage { events, next })
    }

    fn estimate(&self, condition: &Condition) -> Result<Estimate> {
        let is_of_issues = condition.asks_issue();
        let all = IssueSearch {
            condition: condition.clone(),
            order: IssueSort::default().into(),
            limit: usize::MAX,
            after: None,
        };
        let rows = match is_of_issues {
            true => self.search(&all)?.issues.len(),
            false => {
                let (limit, after) = (all.limit, all.after);
                let events = self.search_events(&EventSearch {
                    condition: all.condition,
                    limit,
                    after,
                })?;
                events.events.len()
            }
        };
        Ok(Estimate {
            index: "none: every event is looked at".to_owned(),
            rows: Some(rows as u64),
            is_at_least: false,
            is_of_issues,
        })
    }

    fn explain(&self, search: &IssueSearch) -> Result<Plan> {
        let begun = Instant::now();
        let found = self.search(search)?.issues.len();
        Ok(self.scanned(found, begun))
    }

    fn explain_events(&self, search: &EventSearch) -> Result<Plan> {
        let begun = Instant::now();
        let found = self.search_events(search)?.events.len();
        Ok(self.scanned(found, begun))
    }

    fn hours(&self, issue: &IssueId) -> Result<Vec<(Timestamp, u64)>> {
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        for kept in self.of_issue(issue) {
            *counts.entry(hour(kept.time())).or_default() += 1;
        }
        let known = self.number(issue).and_then(|number| self.known(number));
        let shown = known.filter(|known| !known.events.is_empty());
        for left in shown.into_iter().flat_map(|known| &known.retired) {
            *counts.entry(hour(left.time)).or_default() += 1;
        }
        let start = |hour: i64| Timestamp::from_nanos(hour.saturating_mul(HOUR));
        Ok(counts
            .into_iter()
            .map(|(hour, count)| (start(hour), count))
            .collect())
    }

    fn events_behind(&self, ingest_sequence: u64, limit: usize) -> Result<(Vec<StoredEvent>, u64)> {
        let behind = self.events.range(ingest_sequence.saturating_add(1)..);
        let kept = behind.take(limit).map(|(_, kept)| (*kept.stored).clone());
        let events: Vec<_> = kept.collect();
        let last = events.last();
        let reached = last.map_or(ingest_sequence, |stored| stored.ingest_sequence);
        Ok((events, reached))
    }

    fn last_ingest_sequence(&self) -> Result<u64> {
        let last = self.events.last_key_value();
        Ok(last.map_or(0, |(sequence, _)| *sequence))
    }

    fn event_count_behind(&self, ingest_sequence: u64) -> Result<u64> {
        let behind = self.events.range(ingest_sequence.saturating_add(1)..);
        Ok(behind.count() as u64)
    }

    fn last_given_sequence(&self) -> Result<u64> {
        Ok(self.ingested)
    }

    fn tally(&self, since: Timestamp) -> Result<Tally> {
        let issues: Vec<Issue> = self.shown_issues().collect();
        let mut hours: BTreeMap<Timestamp, u64> = BTreeMap::new();
        let first = Timestamp::from_nanos(hour(since).saturating_mul(HOUR));
        for issue in &issues {
            for (hour, count) in self.hours(&issue.id)? {
                if hour >= first {
                    *hours.entry(hour).or_default() += count;
                }
            }
        }
        let of_status = |status| issues.iter().filter(move |issue| issue.status == status);
        let events = || self.events.values().map(Kept::event);
        let of_level = |level| events().filter(move |event| event.level == level);
        Ok(Tally {
            issues: STATUSES
                .map(|status| (status, of_status(status).count() as u64))
                .into(),
            events: Level::ALL
                .map(|level| (level, of_level(level).count() as u64))
                .into(),
            hours: hours.into_iter().collect(),
        })
    }

    fn values(&self, issue: &IssueId, limit: usize) -> Result<Vec<ValueCount>> {
        let mut counts: BTreeMap<(bool, String), BTreeMap<String, u64>> = BTreeMap::new();
        for kept in self.of_issue(issue) {
            let values = facts::values(kept.event()).into_iter();
            let counted = values.filter(|(fact, _)| facts::is_counted(*fact));
            for (fact, value) in counted.chain(facts::user(kept.event())) {
                let key = (fact.is_tag, fact.name.to_owned());
                let of_key = counts.entry(key).or_default();
                *of_key.entry(value.into_owned()).or_default() += 1;
            }
        }
        let mut found = Vec::new();
        for ((is_tag, key), values) in counts {
            let mut values: Vec<(String, u64)> = values.into_iter().collect();
            values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            values.truncate(limit);
            found.extend(values.into_iter().map(|(value, count)| ValueCount {
                key: key.clone(),
                is_tag,
                value,
                count,
            }));
        }
        Ok(found)
    }

    fn issue(&self, reference: &IssueRef) -> Result<Issue> {
        let (number, name) = match reference {
            IssueRef::Prefix(prefix) => return self.one_by_prefix(prefix),
            IssueRef::Number(number) => (Some(*number), format!("#{number}")),
            IssueRef::Id(id) => (self.number(id), id.to_string()),
        };
        let found = number
            .map(|number| self.root(number))
            .and_then(|number| self.view(number, self.known(number)?));
        found.ok_or_else(|| not_found("find issue", format!("no issue {name}")))
    }

    fn events(&self, issue: &IssueId, limit: usize) -> Result<Vec<StoredEvent>> {
        let mut found: Vec<&Kept> = self.of_issue(issue).collect();
        found.sort_by_key(|kept| std::cmp::Reverse(kept.place()));
        found.truncate(limit);
        let stored = found.into_iter().map(|kept| &*kept.stored);
        Ok(stored.cloned().collect())
    }

    fn event(&self, id: EventId) -> Result<StoredEvent> {
        let sequence = self.sequences.get(&id);
        let kept = sequence.and_then(|sequence| self.events.get(sequence));
        let kept = kept.ok_or_else(|| not_found("find event", format!("no event {id}")))?;
        Ok(StoredEvent::clone(&kept.stored))
    }

    fn joins(&self, issue: &IssueId) -> Result<Vec<Join>> {
        let homes = self.homes();
        let is_here = |join: &&Join| self.home(&homes, join) == *issue;
        Ok(self.joins.iter().filter(is_here).cloned().collect())
    }

    fn merged(&self, issue: &IssueId) -> Result<Vec<(u64, IssueId)>> {
        let homes = self.homes();
        let merged = homes.merged().filter(|(_, root)| root == issue);
        let mut found: Vec<(u64, IssueId)> = merged
            .filter_map(|(merged, _)| Some((self.number(&merged)?, merged)))
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    fn links(&self) -> Result<Links> {
        let homes = self.homes();
        Ok(Links {
            apart: homes.apart(),
            together: homes.together(),
        })
    }

    fn join_of(&self, event: EventId) -> Result<Join> {
        let stored = self.event(event)?;
        let project = self.kept(event).and_then(|kept| self.known(kept.home));
        let variant = self.move_of(event).and_then(|(_, variant)| variant);
        let variant = variant.unwrap_or(stored.variant);
        let join = self.joins.iter().find(|join| {
            project.is_some_and(|known| known.project == join.project) && join.variant == variant
        });
        let join = join.cloned();
        join.ok_or_else(|| not_found("explain", format!("no event {event}")))
    }

    fn known_variant(&self, project: &str, variant: &VariantKey) -> Result<Option<KnownVariant>> {
        let is_it = |join: &&Join| join.project == project && join.variant == *variant;
        let found = self.joins.iter().find(is_it);
        Ok(found.map(|join| KnownVariant {
            joined: join.issue,
            home: self.home(&self.homes(), join),
            reason: join.reason.clone(),
        }))
    }

    fn moved(&self) -> Result<Vec<(EventId, Option<VariantKey>)>> {
        let events = self.sequences.keys();
        let moved = events.filter_map(|event| Some((*event, self.move_of(*event)?.1)));
        Ok(moved.collect())
    }

    fn adopt(&mut self, adoptions: &[Adoption]) -> Result<()> {
        for Adoption { join, traits } in adoptions {
            if self.joined(&join.project, join.variant).is_none() {
                self.found(join.clone(), &mut Committed::default());
            }
            if let Some(traits) = traits {
                self.sketch(join, traits);
            }
        }
        Ok(())
    }

    fn numbers(&self, issues: &[IssueId]) -> Result<BTreeMap<IssueId, u64>> {
        let numbers = issues
            .iter()
            .filter_map(|issue| Some((*issue, self.number(issue)?)));
        Ok(numbers.collect())
    }

    fn foresee(&self, new: &NewEvent) -> Result<Foreseen> {
        let project = &new.join.project;
        let variants = new.legacy.into_iter().chain([new.join.variant]);
        let known = variants
            .filter_map(|variant| self.joined(project, variant))
            .next();
        let mut copy = self.clone();
        let mut kept = new.clone();
        kept.event.event_id = EventId::from_bytes([0xff; 16]);
        let packed = copy.pack(kept)?;
        let mut committed = Committed::default();
        copy.keep(&packed, &mut committed);
        let outcome = committed.outcomes[0];
        let mut join = new.join.clone();
        if known.is_none() {
            join = copy.join_of(outcome.event)?;
            join.issue = new.join.issue;
        }
        Ok(Foreseen {
            join,
            is_known: known.is_some(),
            issue_number: (!outcome.is_new_issue).then_some(outcome.issue_number),
        })
    }

    fn related(&self, issue: &IssueId) -> Result<Vec<RelatedIssue>> {
        let number = self.number(issue);
        let Some((number, here)) = number.and_then(|n| Some((n, self.known(n)?))) else {
            return Ok(Vec::new());
        };
        let known = InProject::of(self, &here.project);
        let place = |key: &VariantKey| {
            let mut places = known.sketched.iter();
            places.position(|sketched| sketched.variant == *key)
        };
        // The newest variants that have events here, or had.
        let joined = self.joins.iter().rev();
        let joined = joined.filter(|join| join.project == here.project);
        let joined = joined.filter_map(|join| place(&join.variant));
        let own = joined.filter(|place| known.homes[*place] == number);
        let own: Vec<(u64, Rc<Sketch>)> = own
            .take(RELATED_FROM_MAX)
            .map(|place| {
                let sketch = Sketch::of(&known.sketched[place].traits);
                (place as u64, Rc::new(sketch))
            })
            .collect();
        let Ok(related) = group::related(&known, number, &own, &WEIGHTS);
        let shown = related.into_iter().filter_map(|related| {
            Some(RelatedIssue {
                issue: self.view(related.issue, self.known(related.issue)?)?,
                score: related.score,
                variant: known.sketched(related.variant).variant,
                is_like: known.sketched(related.own).variant,
            })
        });
        Ok(shown.collect())
    }

    fn offsets(&self) -> Result<BTreeMap<String, u64>> {
        Ok(self.offsets.clone())
    }

    fn forget_segments(&mut self, names: &[String]) -> Result<()> {
        self.offsets.retain(|name, _| !names.contains(name));
        Ok(())
    }

    fn counters(&self) -> Result<BTreeMap<String, u64>> {
        Ok(self.counters.clone())
    }

    fn stats(&self) -> Result<StoreStats> {
        let json_bytes = self.events.values().map(|kept| kept.json_bytes).sum();
        Ok(StoreStats {
            events: self.events.len() as u64,
            issues: self.shown_issues().count() as u64,
            projects: self.projects.len() as u64,
            disk_bytes: 0,
            free_bytes: 0,
            payload_bytes: json_bytes,
            json_bytes,
            schema_version: 0,
        })
    }

    fn attach(&mut self, attachment: &Attachment, count_max: usize) -> Result<Attachment> {
        let refused = |kind, message: String| Err(Error::new(kind, "attach", message));
        let of_event = self.attachments(attachment.event)?;
        let is_same =
            |known: &&Attachment| known.name == attachment.name && known.hash == attachment.hash;
        if let Some(known) = of_event.iter().find(is_same) {
            return Ok(known.clone());
        }
        if self.deleted.contains(&attachment.event) {
            let message = format!("event {} was removed", attachment.event);
            return refused(ErrorKind::Conflict, message);
        }
        if of_event.len() >= count_max {
            let message = format!("event {} has {count_max} attachments", attachment.event);
            return refused(ErrorKind::LimitReached, message);
        }
        let last = self
            .attachments
            .last()
            .map_or(0, |attachment| attachment.id);
        let kept = Attachment {
            id: last + 1,
            ..attachment.clone()
        };
        self.attachments.push(kept.clone());
        Ok(kept)
    }

    fn attachments(&self, event: EventId) -> Result<Vec<Attachment>> {
        let of_event = self.attachments.iter().filter(|known| known.event == event);
        Ok(of_event.cloned().collect())
    }

    fn items(&self, filter: &ItemFilter) -> Result<Vec<Item>> {
        let found = self.items.iter().rev().filter(|(id, item)| {
            filter.before.is_none_or(|before| **id < before)
                && filter.kind.as_ref().is_none_or(|kind| *kind == item.kind)
                && (filter.project.as_ref()).is_none_or(|project| *project == item.project)
                && filter.event.is_none_or(|event| item.event == Some(event))
        });
        Ok(found
            .take(filter.limit)
            .map(|(id, item)| shown_item(*id, item))
            .collect())
    }

    fn item(&self, id: u64) -> Result<Item> {
        let found = self.items.get(&id).map(|item| shown_item(id, item));
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "read item", "there is no such item"))
    }

    fn item_payload(&self, id: u64) -> Result<Vec<u8>> {
        self.item(id)?;
        Ok(self.items[&id].payload.clone())
    }

    fn attachments_behind(&self, id: u64, limit: usize) -> Result<Vec<Attachment>> {
        let behind = self.attachments.iter().filter(|known| known.id > id);
        Ok(behind.take(limit).cloned().collect())
    }

    fn export(&self, number: u64, put: &mut dyn FnMut(Record) -> Result<()>) -> Result<Exported> {
        let issue = self.issue(&IssueRef::Number(number))?;
        let (id, project) = (issue.id, issue.project);
        put(Record::Issue {
            number,
            id,
            project: project.clone(),
        })?;
        let events: Vec<&Kept> = self.of_issue(&id).collect();
        let mut issues: BTreeSet<u64> = events.iter().map(|kept| kept.home).collect();
        issues.insert(number);
        for join in &self.joins {
            if let Some(number) = self.number(&join.issue).filter(|n| issues.contains(n)) {
                let join = join.clone();
                put(Record::Join { number, join })?;
            }
        }
        let activities = self.activities(&id)?;
        let exported = Exported {
            number,
            events: events
                .iter()
                .map(|kept| kept.stored.ingest_sequence)
                .collect(),
            activities: activities.len() as u64,
            attachments: self.attachment_count(&id),
            last_event: issue.last_event,
        };
        activities
            .into_iter()
            .try_for_each(|activity| put(Record::Activity(activity)))?;
        for kept in events {
            let stored = Box::new(StoredEvent::clone(&kept.stored));
            let project = self.known(kept.home).map(|known| known.project.clone());
            let event = stored.event.event_id;
            put(Record::Event {
                project: project.unwrap_or_default(),
                stored,
            })?;
            let attachments = self.attachments(event)?.into_iter();
            attachments
                .map(Record::Attachment)
                .try_for_each(&mut *put)?;
        }
        let retired = self.known(number).map(|known| known.retired.as_slice());
        let mut counts: BTreeMap<(Option<VariantKey>, IssueId, Timestamp, Level), u64> =
            BTreeMap::new();
        for left in retired.unwrap_or_default() {
            let (variant, issue) = match left.shelf {
                Shelf::Variant(variant) => (Some(variant), id),
                Shelf::Moved(issue) => (None, issue),
            };
            let key = (variant, issue, left.time, left.level);
            *counts.entry(key).or_default() += 1;
        }
        for ((variant, issue, time, level), count) in counts {
            put(Record::Residue(Residue {
                issue,
                variant: variant.map(|variant| (project.clone(), variant)),
                hour: hour(time),
                level,
                count,
                first_seen: time,
            }))?;
        }
        Ok(exported)
    }

    fn records(
        &self,
        issues: Option<&[u64]>,
        put: &mut dyn FnMut(Record) -> Result<()>,
    ) -> Result<u64> {
        let shown = (1..)
            .zip(&self.issues)
            .filter(|(_, known)| !known.events.is_empty());
        let all: Vec<u64> = shown.map(|(number, _)| number).collect();
        for number in issues.unwrap_or(&all) {
            self.export(*number, put)?;
        }
        Ok(0)
    }

    fn copy(&self, _path: &std::path::Path) -> Result<()> {
        let message = "a store in memory has no file";
        Err(Error::new(ErrorKind::Unsupported, "copy", message))
    }

    fn release(&mut self, exported: &Exported, _at: Timestamp) -> Result<bool> {
        let Some(known) = self.known(exported.number) else {
            return Ok(false);
        };
        let is_same = known.events.iter().eq(&exported.events)
            && self.activities_of(&known.id).count() as u64 == exported.activities
            && self.attachment_count(&known.id) == exported.attachments;
        if is_same {
            for sequence in &exported.events {
                self.drop_event(*sequence);
            }
            if let Some(known) = self.known_mut(exported.number) {
                known.retired.clear();
            }
        }
        Ok(is_same)
    }

    fn restore(&mut self, records: &[Record]) -> Result<u64> {
        let mut restored = 0;
        for record in records {
            match record {
                Record::Issue { .. } | Record::Join { .. } => {}
                Record::Tombstone { event, .. } => {
                    if !self.sequences.contains_key(event) {
                        self.deleted.insert(*event);
                    }
                }
                Record::Activity(activity) if self.activity(&activity.id).is_none() => {
                    self.activities.push(activity.clone());
                    self.activities
                        .sort_by_key(|activity| (activity.time, activity.id));
                    self.place_all();
                }
                Record::Activity(_) => {}
                Record::Event { project, stored } => {
                    restored += u64::from(self.restore_event(project, stored));
                }
                Record::Attachment(attachment) => {
                    if self.sequences.contains_key(&attachment.event) {
                        self.attach(attachment, usize::MAX)?;
                    }
                }
                Record::Residue(residue) => {
                    let (number, shelf) = match &residue.variant {
                        Some((project, variant)) => {
                            (self.joined(project, *variant), Shelf::Variant(*variant))
                        }
                        None => {
                            let number = self.number(&residue.issue);
                            let number = number.map(|number| self.root(number));
                            (number, Shelf::Moved(residue.issue))
                        }
                    };
                    if let Some(known) = number.and_then(|number| self.known_mut(number)) {
                        let left = Left {
                            time: residue.first_seen,
                            level: residue.level,
                            shelf,
                        };
                        let there = known.retired.iter().filter(|there| **there == left).count();
                        let count = usize::try_from(residue.count).unwrap_or(there);
                        known
                            .retired
                            .extend(std::iter::repeat_n(left, count.saturating_sub(there)));
                    }
                }
            }
        }
        Ok(restored)
    }

    fn retire(
        &mut self,
        which: &Expendable,
        limit: usize,
        after: Option<Place>,
        _at: Timestamp,
    ) -> Result<Retired> {
        let behind = |place: &Place| after.is_none_or(|after| *place > after);
        let places: Vec<Place> = self
            .expendable(which)
            .into_iter()
            .filter(behind)
            .take(limit)
            .collect();
        let before = self.attachments.len();
        for place in &places {
            self.retire_one(place.id);
        }
        if places.len() < limit && which.kinds.is_empty() {
            let sequences = &self.sequences;
            self.attachments.retain(|known| {
                sequences.contains_key(&known.event)
                    || which.before.is_none_or(|before| known.added_at >= before)
            });
        }
        let next = places.last().copied().filter(|_| places.len() == limit);
        let reached = next.map(|place| Timestamp::from_nanos(place.by));
        if let Some(horizon) = reached.or(which.before).filter(|_| which.kinds.is_empty()) {
            self.items.retain(|_, item| item.received_at >= horizon);
        }
        Ok(Retired {
            events: places.len() as u64,
            attachments: (before - self.attachments.len()) as u64,
            next,
        })
    }

    fn count_expendable(&self, which: &Expendable) -> Result<u64> {
        Ok(self.expendable(which).len() as u64)
    }

    fn in_use_bytes(&self) -> Result<u64> {
        Ok(self.stats()?.json_bytes)
    }

    fn tables(&self) -> Result<Vec<(String, u64)>> {
        Ok(Vec::new())
    }

    fn shrink(&mut self, _effort: Effort) -> Result<()> {
        Ok(())
    }

    /// Nothing is kept that nothing names.
    fn collect(&mut self, _now: Timestamp) -> Result<Collected> {
        Ok(Collected::default())
    }

    fn set_counter(&mut self, name: &str, value: u64) -> Result<()> {
        self.counters.insert(name.to_owned(), value);
        Ok(())
    }

    fn tend(&mut self, _now: Timestamp) -> Result<()> {
        Ok(())
    }

    /// Nothing is derived, so nothing is to be made again.
    fn rebuild(&mut self) -> Result<RebuildReport> {
        Ok(RebuildReport {
            event_count: self.events.len() as u64,
            issue_count: self.shown_issues().count() as u64,
        })
    }

    fn verify(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn dump(&self, out: &mut dyn Write) -> Result<()> {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.joins.iter().map(|join| format!("{join:?}")));
        lines.extend(
            self.events
                .values()
                .map(|kept| format!("{:?}", kept.stored)),
        );
        lines.extend(
            self.activities
                .iter()
                .map(|activity| format!("{activity:?}")),
        );
        lines.extend(self.deleted.iter().map(|event| format!("deleted {event}")));
        lines.extend(self.shown_issues().map(|issue| format!("{issue:?}")));
        for line in lines {
            writeln!(out, "{line}").map_err(|source| {
                Error::new(ErrorKind::Io, "dump", "cannot write the dump").with_source(source)
            })?;
        }
        Ok(())
    }

    /// Nothing is derived, so nothing can contradict.
    fn check(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testkit::conformance;

    fn fresh() -> Box<MemoryStore> {
        Box::default()
    }

    conformance!(fresh);

    #[cfg(feature = "v1")]
    #[test]
    fn legacy_numbers_are_kept_where_they_are_free() {
        crate::store::testkit::legacy_numbers_are_kept_where_they_are_free(&mut *fresh());
    }
}
