//! A query and a store → what many of the issues that fit have in common, and the rest has not: candidates for one cause.
//!
//! A *fact* is a function or module of an issue's newest event, a release, or the value of a tag that stands out in an
//! issue's events. Facts of the same issues are one candidate. The score, from 0 to 1, is the product of: how many issues
//! have the fact (two say little, ten say all), how rare it is among the issues of the project, how far in the function
//! stands, how much oftener the value comes than the other values of its key, and what kind of fact it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Asking, Search, Understood};
use crate::error::Result;
use crate::event::limits::cut;
use crate::event::{Event, EventKind};
use crate::group;
use crate::issue::{Issue, IssueId};
use crate::store::{IssueSearch, Store, ValueCount};

/// Issues that are looked at, in the search's order.
const ISSUES_MAX: usize = 2000;
const PAGE: usize = 200;
/// Functions, and modules, of one issue: the innermost.
const CALLS_MAX: usize = 32;
/// Values of each key of one issue, and of all keys together.
const VALUES_MAX: usize = 3;
const FACTS_OF_VALUES_MAX: usize = 100;
const TEXT_BYTES_MAX: usize = 300;

/// Issues that must have a fact.
const ISSUES_MIN: usize = 2;
/// What more than this share of the issues has tells nothing apart.
const SHARE_MAX: f64 = 0.6;
/// A value is an issue's if so much of its events have it.
const DOMINANT: f64 = 0.8;
/// So many issues more make evidence nearly three times as good as one more.
const ENOUGH: f64 = 3.0;
/// A function so many calls further out weighs half.
const HALF_DEPTH: f64 = 4.0;
/// Candidates are one if they share so much of their issues, or one has so much of the other's.
const SAME: f64 = 0.6;
const PART: f64 = 0.75;
/// Facts that are told of one candidate.
const FACTS_MAX: usize = 8;

/// What issues have in common, the best first.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CausesFound {
    /// The candidates.
    pub causes: Vec<Cause>,
    /// How many issues were looked at.
    pub issue_count: usize,
    /// Whether more issues fit than were looked at.
    pub is_cut: bool,
}

/// A candidate for the one cause of several issues.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cause {
    /// From 0 to 1; for comparing candidates, no probability.
    pub score: f64,
    /// The project of the issues.
    pub project: String,
    /// What they share, the strongest first; at most 8.
    pub facts: Vec<SharedFact>,
    /// The issues that have the first fact, seen most first.
    pub issues: Vec<Issue>,
}

/// Something that issues share.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SharedFact {
    /// What it is.
    pub kind: FactKind,
    /// The key of a tag.
    pub key: Option<String>,
    /// The function, the module, the release, the tag's value.
    pub value: String,
    /// From 0 to 1, as [`Cause::score`].
    pub score: f64,
    /// How many issues have it.
    pub issue_count: usize,
    /// How many issues of the project were looked at.
    pub project_count: usize,
    /// The share of these issues' events that have it; 1 of functions and modules.
    pub share_inside: f64,
    /// The same of the project's other issues.
    pub share_outside: f64,
    /// How much commoner it is inside than in all of the project.
    pub lift: f64,
}

/// What issues can share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FactKind {
    /// A function of the stack.
    Function,
    /// A module, or a file where there is none.
    Module,
    /// A release.
    Release,
    /// The value of a tag.
    Tag,
}

impl FactKind {
    /// `function`, `module`, `release`, `tag`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Module => "module",
            Self::Release => "release",
            Self::Tag => "tag",
        }
    }

    /// What says where the fault is goes before what says when or for whom.
    fn weight(self) -> f64 {
        match self {
            Self::Function => 1.0,
            Self::Release => 0.9,
            Self::Module => 0.85,
            Self::Tag => 0.8,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fact {
    kind: FactKind,
    key: Option<String>,
    value: String,
}

impl Fact {
    fn new(kind: FactKind, key: Option<&str>, value: &str) -> Self {
        Self {
            kind,
            key: key.map(str::to_owned),
            value: cut(value, TEXT_BYTES_MAX).into_owned(),
        }
    }
}

/// What one issue has.
struct Seen {
    issue: Issue,
    /// Of each fact how much it is the issue's, from 0 to 1.
    facts: BTreeMap<Fact, Weight>,
}

#[derive(Clone, Copy)]
struct Weight {
    /// How many events have it, and how many there are.
    events: (u64, u64),
    /// Of a function how far in it stands, from 0 to 1.
    depth: f64,
}

/// Finds what the issues that fit have in common.
///
/// # Errors
/// As [`super::search_issues`].
pub(crate) fn causes(search: &Search, limit: usize, asking: &Asking<'_>) -> Result<CausesFound> {
    let understood = Understood::of(search, asking)?;
    let mut wanted: IssueSearch = understood.issue_search(search)?;
    wanted.limit = PAGE;
    let mut projects: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    let (mut issue_count, mut is_cut) = (0, false);
    loop {
        let page = asking.store.search(&wanted)?;
        for issue in page.issues {
            if let Some(seen) = seen(asking.store, issue)? {
                issue_count += 1;
                let project = seen.issue.project.clone();
                projects.entry(project).or_default().push(seen);
            }
        }
        wanted.after = page.next;
        is_cut |= issue_count >= ISSUES_MAX && page.next.is_some();
        if page.next.is_none() || is_cut {
            break;
        }
    }
    let mut causes: Vec<Cause> = projects
        .into_values()
        .flat_map(|seen| of(&seen, limit))
        .collect();
    causes.sort_by(|a, b| b.score.total_cmp(&a.score));
    causes.truncate(limit);
    Ok(CausesFound {
        causes,
        issue_count,
        is_cut,
    })
}

/// What an issue has, by its newest event and the counts of its values; nothing of what a person wrote.
fn seen(store: &dyn Store, issue: Issue) -> Result<Option<Seen>> {
    let newest = store.events(&issue.id, 1)?;
    let Some(event) = newest.first().map(|stored| &stored.event) else {
        return Ok(None);
    };
    if event.kind().is_some_and(EventKind::is_written) {
        return Ok(None);
    }
    let mut facts = calls(event);
    let values = store.values(&issue.id, VALUES_MAX)?;
    add_values(&mut facts, &values, issue.seen_count);
    Ok(Some(Seen { issue, facts }))
}

fn calls(event: &Event) -> BTreeMap<Fact, Weight> {
    let functions = group::functions(event, CALLS_MAX);
    let functions = functions.iter().map(|name| (FactKind::Function, name));
    let modules = group::modules(event, CALLS_MAX);
    let modules = modules.iter().map(|name| (FactKind::Module, name));
    let mut facts = BTreeMap::new();
    for names in [functions.collect::<Vec<_>>(), modules.collect()] {
        for (place, (kind, name)) in names.into_iter().enumerate() {
            let weight = Weight {
                events: (1, 1),
                depth: 1.0 / (1.0 + place as f64 / HALF_DEPTH),
            };
            facts.entry(Fact::new(kind, None, name)).or_insert(weight);
        }
    }
    facts
}

fn add_values(facts: &mut BTreeMap<Fact, Weight>, values: &[ValueCount], seen_count: u64) {
    let known = values.iter().filter_map(|value| {
        let kind = match (value.is_tag, value.key.as_str()) {
            (true, _) => FactKind::Tag,
            (false, "release") => FactKind::Release,
            _ => return None,
        };
        let key = value.is_tag.then_some(value.key.as_str());
        Some((Fact::new(kind, key, &value.value), value.count))
    });
    for (fact, count) in known.take(FACTS_OF_VALUES_MAX) {
        let weight = Weight {
            events: (count, seen_count.max(count)),
            depth: 1.0,
        };
        facts.insert(fact, weight);
    }
}

/// A fact with the issues, by their places in the list, that have it.
struct Candidate<'s> {
    fact: &'s Fact,
    members: Members,
    score: f64,
}

/// Places in a list of at most [`ISSUES_MAX`], a bit for each: thousands of candidates are compared with one another.
#[derive(Clone, Debug, Default)]
struct Members {
    words: Vec<u64>,
    count: usize,
}

impl FromIterator<usize> for Members {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut members = Self::default();
        for place in places {
            let (word, bit) = (place / 64, 1 << (place % 64));
            if members.words.len() <= word {
                members.words.resize(word + 1, 0);
            }
            members.count += usize::from(members.words[word] & bit == 0);
            members.words[word] |= bit;
        }
        members
    }
}

impl Members {
    fn contains(&self, place: usize) -> bool {
        let word = self.words.get(place / 64);
        word.is_some_and(|word| word & 1 << (place % 64) != 0)
    }

    fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.words.len() * 64).filter(|place| self.contains(*place))
    }

    fn is_same(&self, other: &Self) -> bool {
        let words = self.words.iter().zip(&other.words);
        let both: u32 = words.map(|(own, other)| (own & other).count_ones()).sum();
        let (both, other_count) = (f64::from(both), other.count as f64);
        let either = self.count as f64 + other_count - both;
        both / either >= SAME || both / other_count >= PART
    }
}

/// The best `limit` candidates of one project's issues.
fn of(seen: &[Seen], limit: usize) -> Vec<Cause> {
    let candidates = candidates(seen);
    let mut causes: Vec<(&Candidate<'_>, Vec<&Candidate<'_>>)> = Vec::new();
    for candidate in &candidates {
        let known = causes
            .iter()
            .position(|(first, _)| first.members.is_same(&candidate.members));
        match known {
            Some(at) if causes[at].1.len() < FACTS_MAX => causes[at].1.push(candidate),
            // What comes later scores less.
            None if causes.len() < limit => causes.push((candidate, vec![candidate])),
            _ => (),
        }
    }
    let cause = |(first, facts): (&Candidate<'_>, Vec<&Candidate<'_>>)| {
        let places = first.members.places();
        let mut issues: Vec<Issue> = places.map(|at| seen[at].issue.clone()).collect();
        issues.sort_by_key(|issue| (std::cmp::Reverse(issue.seen_count), issue.number));
        Cause {
            score: first.score,
            project: issues[0].project.clone(),
            facts: facts.into_iter().map(|fact| shared(fact, seen)).collect(),
            issues,
        }
    };
    causes.into_iter().map(cause).collect()
}

/// All facts that issues share and that tell them apart, the best first.
fn candidates(seen: &[Seen]) -> Vec<Candidate<'_>> {
    let mut found: HashMap<&Fact, Vec<(usize, Weight)>> = HashMap::new();
    let is_dominant = |weight: &Weight| weight.events.0 as f64 >= DOMINANT * weight.events.1 as f64;
    for (at, seen) in seen.iter().enumerate() {
        for (fact, weight) in seen.facts.iter().filter(|(_, weight)| is_dominant(weight)) {
            found.entry(fact).or_default().push((at, *weight));
        }
    }
    let usual = usual_counts(&found);
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for (fact, members) in &found {
        let count = members.len();
        if count < ISSUES_MIN || count as f64 > SHARE_MAX * seen.len() as f64 {
            continue;
        }
        let score = score(fact, members, seen, usual(fact, count));
        if score > 0.0 {
            candidates.push(Candidate {
                fact,
                members: members.iter().map(|(at, _)| *at).collect(),
                score,
            });
        }
    }
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.fact.cmp(b.fact)));
    candidates
}

/// How many issues the other values of a value's key have in the middle; none of functions, which are not one of several.
fn usual_counts<'f>(
    found: &HashMap<&'f Fact, Vec<(usize, Weight)>>,
) -> impl Fn(&Fact, usize) -> f64 + use<'f> {
    let mut counts: HashMap<(FactKind, Option<&'f str>), Vec<usize>> = HashMap::new();
    for (fact, members) in found {
        if matches!(fact.kind, FactKind::Release | FactKind::Tag) {
            let key = (fact.kind, fact.key.as_deref());
            counts.entry(key).or_default().push(members.len());
        }
    }
    counts
        .values_mut()
        .for_each(|counts| counts.sort_unstable());
    move |fact, own| {
        let Some(counts) = counts.get(&(fact.kind, fact.key.as_deref())) else {
            return 0.0;
        };
        // Its own count is one of these; the middle is that of the others.
        let own = counts.partition_point(|count| *count < own);
        let middle = counts.len().saturating_sub(1) / 2;
        let middle = middle + usize::from(own <= middle);
        counts.get(middle).map_or(0.0, |middle| *middle as f64)
    }
}

fn score(fact: &Fact, members: &[(usize, Weight)], seen: &[Seen], usual: f64) -> f64 {
    let (count, all) = (members.len() as f64, seen.len() as f64);
    let sum = |of: fn(&Weight) -> u64| {
        members
            .iter()
            .map(|(_, weight)| of(weight) as f64)
            .sum::<f64>()
    };
    let inside = sum(|weight| weight.events.0) / sum(|weight| weight.events.1).max(1.0);
    let rarity = (all / count).ln() / all.ln();
    let support = 1.0 - (-(count - 1.0) / ENOUGH).exp();
    let depth = members.iter().map(|(_, weight)| weight.depth).sum::<f64>() / count;
    let excess = (1.0 - usual / count).max(0.0);
    let types: BTreeSet<&str> = members
        .iter()
        .map(|(at, _)| kind_of(&seen[*at].issue))
        .collect();
    // One cause behind failures that look different is what nobody sees without counting.
    let variety = 0.8 + 0.2 * types.len() as f64 / count;
    fact.kind.weight() * support * rarity * depth * excess * inside * variety
}

/// What stands before the words of a title: the type.
fn kind_of(issue: &Issue) -> &str {
    issue.title.split(':').next().unwrap_or_default()
}

/// The share of events that have a fact, in these issues and in the others.
fn shares(fact: &Fact, members: &Members, seen: &[Seen]) -> (f64, f64) {
    let (mut inside, mut outside) = ((0_u64, 0_u64), (0_u64, 0_u64));
    for (at, seen) in seen.iter().enumerate() {
        let total = match fact.kind {
            FactKind::Function | FactKind::Module => 1,
            FactKind::Release | FactKind::Tag => seen.issue.seen_count.max(1),
        };
        let (having, of) = seen
            .facts
            .get(fact)
            .map_or((0, total), |weight| weight.events);
        let sums = if members.contains(at) {
            &mut inside
        } else {
            &mut outside
        };
        sums.0 = sums.0.saturating_add(having);
        sums.1 = sums.1.saturating_add(of);
    }
    let share = |(having, of): (u64, u64)| having as f64 / of.max(1) as f64;
    (share(inside), share(outside))
}

fn shared(candidate: &Candidate<'_>, seen: &[Seen]) -> SharedFact {
    let (share_inside, share_outside) = shares(candidate.fact, &candidate.members, seen);
    let (all, _) = shares(candidate.fact, &(0..seen.len()).collect(), seen);
    SharedFact {
        kind: candidate.fact.kind,
        key: candidate.fact.key.clone(),
        value: candidate.fact.value.clone(),
        score: candidate.score,
        issue_count: candidate.members.count,
        project_count: seen.len(),
        share_inside,
        share_outside,
        lift: share_inside / all.max(f64::MIN_POSITIVE),
    }
}

impl Cause {
    /// The ids of the issues.
    pub fn issue_ids(&self) -> impl Iterator<Item = &IssueId> {
        self.issues.iter().map(|issue| &issue.id)
    }
}

#[cfg(test)]
mod tests;
