//! Enters: events, one after the other. Leaves: the issue of each, by the rules of this room alone; everything is in memory.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::rc::Rc;

use super::join::{self, BEARERS_MAX, Known};
use super::similar::{WEIGHTS, Weights};
use super::traits::{Name, Sketch};
use super::{GroupRules, group, traits};
use crate::event::Event;
use crate::issue::VariantKey;

/// The variants of one project, in memory.
#[derive(Default)]
pub(crate) struct Variants {
    issues: HashSet<u32>,
    variants: Vec<(Rc<Sketch>, u64)>,
    names: HashMap<Name, Bearers>,
}

#[derive(Default)]
struct Bearers {
    /// Those that have the name, in order.
    issues: Vec<u32>,
    /// The oldest first; only the newest are ever read.
    variants: Vec<u32>,
}

impl Variants {
    /// Adds a variant to an issue.
    pub(crate) fn add(&mut self, sketch: Rc<Sketch>, issue: u64) {
        // Four thousand million of either do not fit into memory.
        let (number, short) = (self.variants.len() as u32, issue as u32);
        self.issues.insert(short);
        for name in join::names(&sketch) {
            let bearers = self.names.entry(name).or_default();
            // Nearly always the last one, or behind it.
            if let Err(place) = bearers.issues.binary_search(&short) {
                bearers.issues.insert(place, short);
            }
            if bearers.variants.len() == 2 * BEARERS_MAX {
                bearers.variants.drain(..BEARERS_MAX);
            }
            bearers.variants.push(number);
        }
        self.variants.push((sketch, issue));
    }
}

impl Known for Variants {
    type Error = Infallible;

    fn issues(&self) -> Result<u64, Infallible> {
        Ok(self.issues.len() as u64)
    }

    fn spread(&self, name: Name) -> Result<u32, Infallible> {
        let bearers = self.names.get(&name);
        Ok(bearers.map_or(0, |bearers| bearers.issues.len() as u32))
    }

    fn bearers(&self, name: Name) -> Result<Vec<u64>, Infallible> {
        let bearers = self.names.get(&name).map(|bearers| &bearers.variants[..]);
        let newest = bearers.unwrap_or_default().iter().rev().take(BEARERS_MAX);
        Ok(newest.map(|variant| u64::from(*variant)).collect())
    }

    fn variant(&self, variant: u64) -> Result<Option<(Rc<Sketch>, u64)>, Infallible> {
        Ok(self.variants.get(variant as usize).cloned())
    }
}

/// Groups events that are in no vault, in one pass.
///
/// ```
/// use crashvault::{Event, Grouper};
/// let event = |json: &str| Event::from_json(json.as_bytes());
/// let mut grouper = Grouper::new();
/// let first = event(r#"{"message": "disk 1 is full"}"#)?;
/// let second = event(r#"{"message": "disk 2 is full"}"#)?;
/// assert_eq!(grouper.add(&first), grouper.add(&second));
/// # Ok::<(), crashvault::Error>(())
/// ```
pub struct Grouper {
    rules: GroupRules,
    weights: Weights,
    known: HashMap<VariantKey, u64>,
    variants: Variants,
    issues: u64,
}

impl Default for Grouper {
    fn default() -> Self {
        Self::new()
    }
}

impl Grouper {
    /// One that knows nothing.
    pub fn new() -> Self {
        Self {
            rules: GroupRules::default(),
            weights: WEIGHTS,
            known: HashMap::new(),
            variants: Variants::default(),
            issues: 0,
        }
    }

    /// The number of the event's issue, counted from 1.
    pub fn add(&mut self, event: &Event) -> u64 {
        let grouping = group(event, &self.rules);
        if let Some(issue) = self.known.get(&grouping.variant) {
            return *issue;
        }
        let issue = match traits(event, grouping.reason, &grouping.parts) {
            Some(traits) => self.place(Sketch::of(&traits)),
            None => self.next(),
        };
        self.known.insert(grouping.variant, issue);
        issue
    }

    fn place(&mut self, sketch: Sketch) -> u64 {
        let Ok(placing) = join::place(&self.variants, &sketch, &self.weights);
        let joins = placing.joins.map(|joined| joined.issue);
        let issue = joins.unwrap_or_else(|| self.next());
        self.variants.add(Rc::new(sketch), issue);
        issue
    }

    fn next(&mut self) -> u64 {
        self.issues += 1;
        self.issues
    }

    /// How many issues there are.
    pub fn issue_count(&self) -> u64 {
        self.issues
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(ty: &str, functions: &[&str], value: &str) -> Event {
        let frames: Vec<_> = functions
            .iter()
            .rev()
            .map(|function| json!({"function": function, "in_app": true}))
            .collect();
        let exception = json!({"type": ty, "value": value, "stacktrace": {"frames": frames}});
        let event = json!({"platform": "ruby", "exception": exception});
        Event::from_json(event.to_string().as_bytes()).expect("an event")
    }

    fn issues(events: &[Event]) -> Vec<u64> {
        let mut grouper = Grouper::new();
        events.iter().map(|event| grouper.add(event)).collect()
    }

    #[test]
    fn another_way_to_the_same_place_is_the_same_issue() {
        let events = [
            event("E", &["total", "pay", "main"], "no price"),
            event("E", &["total", "quote", "mail"], "no price"),
            event("E", &["open", "load", "main"], "no such file"),
        ];
        assert_eq!(issues(&events), [1, 1, 2]);
    }

    #[test]
    fn the_same_words_elsewhere_are_another_issue() {
        let events = [
            event("E", &["total", "pay", "main"], "undefined method for nil"),
            event("E", &["open", "load", "main"], "undefined method for nil"),
        ];
        assert_eq!(issues(&events), [1, 2]);
    }

    /// What joins an issue must be like several of it, so that a chain of neighbours does not make one of all.
    #[test]
    fn a_chain_of_neighbours_does_not_grow_for_ever() {
        let names: Vec<String> = (0..40).map(|number| format!("f{number}")).collect();
        let events: Vec<Event> = names
            .windows(4)
            .map(|names| {
                let functions: Vec<&str> = names.iter().map(String::as_str).collect();
                event("E", &functions, "")
            })
            .collect();
        let issues = issues(&events);
        assert!(issues.iter().max() > Some(&10), "{issues:?}");
    }

    #[test]
    fn only_the_newest_bearers_of_a_name_are_kept() {
        let mut grouper = Grouper::new();
        for number in 0..1000 {
            let other = format!("f{number}");
            grouper.add(&event(&other, &["shared", &other], ""));
        }
        let longest = grouper
            .variants
            .names
            .values()
            .map(|b| b.variants.len())
            .max();
        assert!(longest <= Some(2 * BEARERS_MAX));
    }
}
