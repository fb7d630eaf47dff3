//! What to search for: terms of events that are known, from the common to the absent.
//!
//! Enters: events with the issue each one is in. Leaves: queries as people type them, each with what it must find.
//!
//! Never: asks the vault: what a query finds is known from the events alone.

use std::collections::{BTreeMap, HashSet};

use crashvault::Event;

use crate::events::random::Random;

/// An event that was taken in, and the number of its issue.
pub struct Known {
    pub event: Event,
    pub issue_number: u64,
}

/// What the answer to a query must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finds {
    /// This issue, perhaps among many.
    Issue(u64),
    Nothing,
}

/// A query with its expected answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub text: String,
    pub finds: Finds,
}

/// Parts of a hundred known events that have a common term at least, and a middling one.
const COMMON_PERCENT: usize = 8;
const MIDDLING_PERCENT: usize = 1;

/// `count` different queries for words of messages and breadcrumbs: common, middling, rare and absent ones, and pairs.
pub fn texts(known: &[Known], count: usize, random: &mut Random) -> Vec<Query> {
    let words: Vec<Vec<String>> = known.iter().map(|known| text_words(&known.event)).collect();
    let ranks = Ranks::of(known, &words);
    draw(count, random, |kind, random| match kind % 6 {
        0 => ranks.common(random),
        1 => ranks.middling(random),
        2 => ranks.rare(random),
        3 => Some(absent(String::new(), random)),
        // Both from one event, so that it answers the pair.
        _ => {
            let at = random.below(known.len() as u64) as usize;
            let (first, second) = two(&words[at], random)?;
            Some(found(format!("{first} {second}"), known[at].issue_number))
        }
    })
}

/// `count` different queries for functions, modules and files of stacks, whole and by their beginning.
pub fn frames(known: &[Known], count: usize, random: &mut Random) -> Vec<Query> {
    let of_frames = |key: &str, value: fn(&crashvault::Frame) -> Option<&str>| {
        let terms = known
            .iter()
            .map(|known| frame_terms(&known.event, key, value));
        Ranks::of(known, &terms.collect::<Vec<_>>())
    };
    let functions = of_frames("stack.function", |frame| frame.function.as_deref());
    let modules = of_frames("stack.module", |frame| frame.module.as_deref());
    let files = of_frames("stack.filename", |frame| frame.filename.as_deref());
    draw(count, random, |kind, random| match kind % 8 {
        0 => functions.common(random),
        1 => functions.middling(random),
        2 => functions.rare(random),
        3 => Some(absent("stack.function:".into(), random)),
        4 => beginning(functions.any(random)?, random),
        5 => files.any(random),
        6 => modules.any(random),
        _ => {
            let known = random.pick(known);
            let terms = frame_terms(&known.event, "stack.function", |frame| {
                frame.function.as_deref()
            });
            let (first, second) = two(&terms, random)?;
            Some(found(format!("{first} {second}"), known.issue_number))
        }
    })
}

/// `count` different queries for tags, releases, users and environments: alone, negated and combined.
pub fn tags(known: &[Known], count: usize, random: &mut Random) -> Vec<Query> {
    let tags: Vec<Vec<String>> = known.iter().map(|known| tag_terms(&known.event)).collect();
    let fields: Vec<Vec<String>> = known
        .iter()
        .map(|known| field_terms(&known.event))
        .collect();
    let (tag_ranks, field_ranks) = (Ranks::of(known, &tags), Ranks::of(known, &fields));
    draw(count, random, |kind, random| {
        let one = random.below(known.len() as u64) as usize;
        let other = random.below(known.len() as u64) as usize;
        let finds = |text: String| Some(found(text, known[one].issue_number));
        match kind % 8 {
            0 => tag_ranks.common(random).or_else(|| tag_ranks.any(random)),
            1 => tag_ranks.rare(random),
            2 => field_ranks.any(random),
            3 => field_ranks.rare(random).or_else(|| field_ranks.any(random)),
            4 => {
                let key = term_key(pick(&tags[one], random)?).to_owned();
                Some(absent(format!("{key}:"), random))
            }
            5 => finds(format!(
                "{} OR {}",
                pick(&tags[one], random)?,
                pick(&fields[other], random)?
            )),
            6 => {
                let unwanted = pick(&tags[other], random)?;
                let wanted = pick(&fields[one], random)?;
                let has_it = tags[one].contains(unwanted);
                (!has_it).then(|| found(format!("{wanted} !{unwanted}"), known[one].issue_number))
            }
            _ => {
                let (first, second) = two(&tags[one], random)?;
                finds(format!(
                    "({first} OR {}) {second}",
                    pick(&tags[other], random)?
                ))
            }
        }
    })
}

fn found(text: String, issue_number: u64) -> Query {
    Query {
        text,
        finds: Finds::Issue(issue_number),
    }
}

/// No event has a word with so many letters between two digits.
fn absent(key: String, random: &mut Random) -> Query {
    let letters: String = (0..8)
        .map(|_| char::from(b'a' + random.below(26) as u8))
        .collect();
    Query {
        text: format!("{key}0{letters}0"),
        finds: Finds::Nothing,
    }
}

/// Asks for queries of each kind in turn until there are enough that differ; what has run out is passed over.
fn draw(
    count: usize,
    random: &mut Random,
    query: impl Fn(usize, &mut Random) -> Option<Query>,
) -> Vec<Query> {
    let mut seen = HashSet::new();
    let mut queries = Vec::with_capacity(count);
    for kind in 0..count * 20 {
        if queries.len() == count {
            break;
        }
        // Some tries for each kind, or the kinds with few terms would come less and less.
        let fresh =
            (0..20).find_map(|_| query(kind, random).filter(|query| !seen.contains(&query.text)));
        if let Some(query) = fresh {
            seen.insert(query.text.clone());
            queries.push(query);
        }
    }
    queries
}

/// Terms by how many of the known events have them, each with an issue that does.
struct Ranks {
    /// Most frequent first.
    terms: Vec<(String, u64)>,
    common: usize,
    middling: usize,
}

impl Ranks {
    fn of(known: &[Known], terms: &[Vec<String>]) -> Ranks {
        let mut counts: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for (known, terms) in known.iter().zip(terms) {
            let distinct: HashSet<&String> = terms.iter().collect();
            for term in distinct {
                counts.entry(term).or_insert((0, known.issue_number)).0 += 1;
            }
        }
        let mut ranked: Vec<(&str, (usize, u64))> = counts.into_iter().collect();
        ranked.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let above = |percent: usize| {
            let enough = (known.len() * percent / 100).max(2);
            ranked.partition_point(|(_, (count, _))| *count >= enough)
        };
        Ranks {
            common: above(COMMON_PERCENT),
            middling: above(MIDDLING_PERCENT),
            terms: ranked
                .into_iter()
                .map(|(term, (_, issue))| (term.to_owned(), issue))
                .collect(),
        }
    }

    fn common(&self, random: &mut Random) -> Option<Query> {
        Self::one(&self.terms[..self.common], random)
    }

    fn middling(&self, random: &mut Random) -> Option<Query> {
        Self::one(&self.terms[self.common..self.middling], random)
    }

    fn rare(&self, random: &mut Random) -> Option<Query> {
        Self::one(&self.terms[self.middling..], random)
    }

    fn any(&self, random: &mut Random) -> Option<Query> {
        Self::one(&self.terms, random)
    }

    fn one(terms: &[(String, u64)], random: &mut Random) -> Option<Query> {
        let (term, issue) = random.pick(some(terms)?);
        Some(found(term.clone(), *issue))
    }
}

fn some<T>(items: &[T]) -> Option<&[T]> {
    (!items.is_empty()).then_some(items)
}

fn pick<'t>(terms: &'t [String], random: &mut Random) -> Option<&'t String> {
    Some(random.pick(some(terms)?))
}

fn two<'t>(terms: &'t [String], random: &mut Random) -> Option<(&'t String, &'t String)> {
    let (first, second) = (pick(terms, random)?, pick(terms, random)?);
    (first != second).then_some((first, second))
}

/// The words of the messages, and of the breadcrumbs' categories and messages, as an index reads them.
fn text_words(event: &Event) -> Vec<String> {
    let values = event
        .exceptions
        .iter()
        .filter_map(|exception| exception.value.as_deref());
    let crumbs = event.breadcrumbs.iter().rev().take(20);
    let crumbs = crumbs.flat_map(|crumb| [crumb.category.as_deref(), crumb.message.as_deref()]);
    let texts = values.chain(event.message_text()).chain(crumbs.flatten());
    // What a secret was replaced by is in no event that was sent, but in one that is read back.
    let texts = texts.filter(|text| text.len() < 4096 && !text.contains("[Filtered]"));
    let words = texts.flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let words = words.filter(|word| word.len() > 1 && word.is_ascii());
    words.map(str::to_ascii_lowercase).collect()
}

/// `key:value` for what can be typed without thinking about signs.
fn term(key: &str, value: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./@ ".contains(c);
    let is_typable = value.len() < 150 && value.chars().all(is_plain) && value.trim() == value;
    let has_word = value.chars().any(char::is_alphanumeric);
    if !is_typable || !has_word {
        return None;
    }
    Some(match value.contains(' ') {
        true => format!("{key}:\"{value}\""),
        false => format!("{key}:{value}"),
    })
}

fn term_key(term: &str) -> &str {
    term.split_once(':').map_or(term, |(key, _)| key)
}

fn frame_terms(
    event: &Event,
    key: &str,
    value: fn(&crashvault::Frame) -> Option<&str>,
) -> Vec<String> {
    let frames = event
        .exceptions
        .iter()
        .filter_map(|exception| exception.stacktrace.as_ref());
    let frames = frames.flat_map(|stack| &stack.frames);
    frames
        .filter_map(|frame| term(key, value(frame)?))
        .collect()
}

/// `stack.function:parse_header` → `stack.function:par*`.
fn beginning(query: Query, random: &mut Random) -> Option<Query> {
    let (key, value) = query.text.split_once(':')?;
    let word = value.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let length = random.between(3, 7) as usize;
    (word.len() > length).then(|| Query {
        text: format!("{key}:{}*", &word[..length]),
        finds: query.finds,
    })
}

/// Under `tags[…]`: a foreign tag may have the name of a key that means something else.
fn tag_terms(event: &Event) -> Vec<String> {
    let is_plain = |key: &str| {
        key.chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    let tags = event.tags.iter().filter(|(key, _)| is_plain(key));
    tags.filter_map(|(key, value)| term(&format!("tags[{key}]"), value))
        .collect()
}

fn field_terms(event: &Event) -> Vec<String> {
    let user = event.user.as_ref().and_then(|user| user.id.as_deref());
    let fields = [
        ("release", event.release.as_deref()),
        ("environment", event.environment.as_deref()),
        ("transaction", event.transaction.as_deref()),
        ("user.id", user),
    ];
    fields
        .into_iter()
        .filter_map(|(key, value)| term(key, value?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Generator;

    fn known() -> Vec<Known> {
        let generator = Generator::new(1, 600);
        let event = |number| Known {
            event: Event::from_json(generator.json(number).as_bytes()).unwrap(),
            issue_number: generator.variant(number) as u64 + 1,
        };
        (0..600).map(event).collect()
    }

    fn check(queries: fn(&[Known], usize, &mut Random) -> Vec<Query>, needs: &[&str]) {
        let found = queries(&known(), 220, &mut Random::new(1));
        let distinct: HashSet<&String> = found.iter().map(|query| &query.text).collect();
        assert_eq!((found.len(), distinct.len()), (220, 220));
        assert!(found.iter().any(|query| query.finds == Finds::Nothing));
        for need in needs {
            assert!(
                found.iter().any(|query| query.text.contains(need)),
                "{need}"
            );
        }
    }

    #[test]
    fn texts_are_words_and_pairs() {
        check(texts, &[" ", "select"]);
    }

    #[test]
    fn frames_are_asked_for_by_all_their_names() {
        check(
            frames,
            &[
                "stack.function:",
                "stack.module:",
                "stack.filename:",
                "*",
                " ",
            ],
        );
    }

    #[test]
    fn tags_are_combined() {
        check(
            tags,
            &[
                " OR ",
                "!",
                "(",
                "tags[request_id]:",
                "release:",
                "user.id:",
            ],
        );
    }

    #[test]
    fn common_terms_are_in_more_events_than_rare_ones() {
        let known = known();
        let words: Vec<Vec<String>> = known.iter().map(|known| text_words(&known.event)).collect();
        let ranks = Ranks::of(&known, &words);
        let count = |query: Query| {
            words
                .iter()
                .filter(|words| words.contains(&query.text))
                .count()
        };
        let mut random = Random::new(1);
        assert!(count(ranks.common(&mut random).unwrap()) >= 48);
        assert!((6..48).contains(&count(ranks.middling(&mut random).unwrap())));
        assert!((1..6).contains(&count(ranks.rare(&mut random).unwrap())));
    }
}
