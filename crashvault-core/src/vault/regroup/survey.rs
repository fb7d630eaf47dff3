//! Enters: the events of a vault, one after the other. Leaves: how many events of each issue are of which variant, and of
//! which they would be by today's rules.
//!
//! Never: keeps an event.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventId, EventKind};
use crate::group::{self, GroupRules, Sketch};
use crate::ingest::{PROJECT_DEFAULT, ask_again};
use crate::issue::{IssueId, Join, VariantKey};
use crate::language::InAppRules;
use crate::store::{Adoption, KnownVariant, Store, StoredEvent};

/// Events read at a time.
pub(super) const STEP_EVENTS: usize = 256;
/// Variants that nobody knew: rules that make more divide events rather than group them.
const NEW_VARIANTS_MAX: usize = 100_000;

/// A variant, by its place in [`Survey::variants`].
pub(super) type Place = usize;

/// A variant that events are, or would be.
pub(super) struct Variant {
    pub(super) project: Rc<str>,
    pub(super) key: VariantKey,
    /// What is known of it; nothing where nobody knew it.
    pub(super) known: Option<KnownVariant>,
    /// What is compared; of one that events would be.
    pub(super) sketch: Option<Rc<Sketch>>,
    /// The rule that decides.
    pub(super) rule: Option<String>,
    /// What is to be recorded of one that nobody knew.
    pub(super) adoption: Option<Box<Adoption>>,
    /// Whether an event would be of it.
    pub(super) is_wanted: bool,
}

/// Events of one issue that are of one variant and would be of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Unit {
    pub(super) issue: IssueId,
    pub(super) is: Place,
    pub(super) would_be: Place,
}

/// All units, in the order in which they were met, each with its events.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) variants: Vec<Variant>,
    pub(super) units: Vec<(Unit, u64)>,
    places: HashMap<(Rc<str>, VariantKey), Place>,
    unit_places: HashMap<Unit, usize>,
    projects: HashMap<String, Rc<str>>,
    new_count: usize,
}

/// By what events are grouped again.
pub(super) struct Rules<'r> {
    pub(super) group: &'r GroupRules,
    pub(super) in_app: &'r InAppRules,
}

/// The variants that single events were found to be since they came; none for those that people moved.
pub(super) type MovedEvents = HashMap<EventId, Option<VariantKey>>;

/// Hands out all events that can be read, in the order in which they came.
pub(super) fn walk(
    store: &dyn Store,
    take: &mut dyn FnMut(StoredEvent) -> Result<()>,
) -> Result<()> {
    let last = store.last_ingest_sequence()?;
    let mut reached = 0;
    while reached < last {
        let (events, next) = store.events_behind(reached, STEP_EVENTS)?;
        if events.is_empty() && next <= reached {
            break;
        }
        reached = next;
        events.into_iter().try_for_each(&mut *take)?;
    }
    Ok(())
}

impl Survey {
    pub(super) fn of(store: &dyn Store, rules: &Rules<'_>) -> Result<Self> {
        let moved = moved(store)?;
        let mut survey = Self::default();
        walk(store, &mut |stored| {
            if let Some(unit) = survey.unit(store, rules, &moved, stored)? {
                let next = survey.units.len();
                let place = *survey.unit_places.entry(unit).or_insert(next);
                if place == next {
                    survey.units.push((unit, 0));
                }
                survey.units[place].1 += 1;
            }
            Ok(())
        })?;
        Ok(survey)
    }

    /// The unit of an event; `None` for one that is no matter of rules: people put it where it is, or wrote it.
    pub(super) fn unit(
        &mut self,
        store: &dyn Store,
        rules: &Rules<'_>,
        moved: &MovedEvents,
        stored: StoredEvent,
    ) -> Result<Option<Unit>> {
        let mut event = stored.event;
        let is = match moved.get(&event.event_id) {
            Some(None) => return Ok(None),
            Some(Some(variant)) => *variant,
            None => stored.variant,
        };
        if event.kind().is_some_and(EventKind::is_written) {
            return Ok(None);
        }
        let project = self.project(event.project().unwrap_or(PROJECT_DEFAULT));
        let is = self.place(store, &project, is)?;
        let Some(known) = &self.variants[is].known else {
            return Ok(None);
        };
        let is_legacy = known.reason == group::LEGACY;
        ask_again(&mut event, rules.in_app);
        let grouping = group::group(&event, rules.group);
        // What version 1 put together, only a rule takes apart.
        let would_be = match is_legacy && grouping.reason != group::RULE {
            true => is,
            false => self.place(store, &project, grouping.variant)?,
        };
        if !self.variants[would_be].is_wanted {
            let traits = match is_legacy && would_be == is {
                true => None,
                false => group::traits(&event, grouping.reason, &grouping.parts),
            };
            let variant = &mut self.variants[would_be];
            variant.is_wanted = true;
            variant.sketch = traits.as_ref().map(|traits| Rc::new(Sketch::of(traits)));
            if grouping.reason == group::RULE {
                let named = grouping
                    .parts
                    .first()
                    .and_then(|part| part.strip_prefix("rule "));
                variant.rule = named.map(str::to_owned);
            }
            if variant.known.is_none() {
                let issue = group::issue_id(&project, &grouping.variant);
                let mut join = Join::new(grouping.variant, issue, &*project, stored.received_at);
                join.reason = grouping.reason.into();
                join.parts = grouping.parts;
                join.algorithm = grouping.algorithm;
                variant.adoption = Some(Box::new(Adoption { join, traits }));
                self.count_new()?;
            }
        }
        Ok(Some(Unit {
            issue: stored.issue,
            is,
            would_be,
        }))
    }

    fn count_new(&mut self) -> Result<()> {
        self.new_count += 1;
        if self.new_count > NEW_VARIANTS_MAX {
            let message = format!(
                "the rules make more than {NEW_VARIANTS_MAX} variants of what is here; \
                 let them take less of an event into the fingerprint"
            );
            return Err(Error::new(ErrorKind::LimitReached, "regroup", message));
        }
        Ok(())
    }

    fn project(&mut self, name: &str) -> Rc<str> {
        if let Some(project) = self.projects.get(name) {
            return Rc::clone(project);
        }
        let project: Rc<str> = name.into();
        self.projects.insert(name.to_owned(), Rc::clone(&project));
        project
    }

    fn place(&mut self, store: &dyn Store, project: &Rc<str>, key: VariantKey) -> Result<Place> {
        let next = self.variants.len();
        match self.places.entry((Rc::clone(project), key)) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(free) => free.insert(next),
        };
        self.variants.push(Variant {
            project: Rc::clone(project),
            key,
            known: store.known_variant(project, &key)?,
            sketch: None,
            rule: None,
            adoption: None,
            is_wanted: false,
        });
        Ok(next)
    }
}

pub(super) fn moved(store: &dyn Store) -> Result<MovedEvents> {
    Ok(store.moved()?.into_iter().collect())
}
