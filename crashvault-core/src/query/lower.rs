//! A query's tree → what a store is asked: keys and values get their meaning here.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::ops::RangeInclusive;

use super::Asking;
use super::keys::{REFUSED_STATES, Subject, refused, store_key};
use super::near::question;
use super::parse::{Key, Operator, Pair, Tree, Value, parse_key, wrong};
use super::saved::inside;
use super::times::{Span, compared, span, time_message};
use crate::error::{Error, Result};
use crate::event::{EventId, Level};
use crate::issue::{IssueRef, ReviewStep, Status, compare_releases};
use crate::store::{
    Condition, EventSearch, EventTest, FLAG, IssueSearch, IssueSort, IssueTest, Key as StoreKey,
    PartTest, Pattern, ReleasePart, Words, fold, words,
};
use crate::time::moment;

/// Projects whose latest releases one query can mean.
const LATEST_PROJECTS_MAX: usize = 50;

/// What a query means at this moment.
///
/// # Errors
/// InvalidInput with the byte offset as the context `position`; as reading the store, where the query asks for what is
/// latest.
pub(super) fn lower(tree: &Tree, asking: &Asking<'_>) -> Result<Condition> {
    let latest = OnceCell::new();
    Lowering { asking, latest }.tree(tree)
}

struct Lowering<'a> {
    asking: &'a Asking<'a>,
    /// Each project with its newest release, once it was asked for.
    latest: OnceCell<Vec<(String, String)>>,
}

/// What a key names: a subject, an issue's own tag, a feature flag, or a value of the event.
enum Named {
    Subject(Subject),
    Label(String),
    Flag(String),
    Event(StoreKey),
}

fn named(position: usize, key: &Key) -> Result<Named> {
    let name = key.name.as_str();
    match &key.part {
        Some(part) if name == "tags" => Ok(Named::Event(StoreKey::Tag(part.clone()))),
        Some(part) if name == "labels" => Ok(Named::Label(part.clone())),
        Some(part) if name == "flags" => Ok(Named::Flag(part.clone())),
        Some(_) => {
            let message = format!(
                "{name}[…] is not known: write tags[KEY] for a tag of the event, flags[NAME] for a feature flag, labels[KEY] for a tag of the issue"
            );
            Err(wrong(position, message))
        }
        None => match (Subject::of(name), refused(name)) {
            (Some(subject), _) => Ok(Named::Subject(subject)),
            (None, Some(why)) => {
                let message = format!(
                    "{name} means nothing here: {why} (tags[{name}] for a tag of that name)"
                );
                Err(wrong(position, message))
            }
            (None, None) => Ok(Named::Event(store_key(name))),
        },
    }
}

impl Lowering<'_> {
    fn tree(&self, tree: &Tree) -> Result<Condition> {
        let each = |trees: &[Tree]| {
            trees
                .iter()
                .map(|tree| self.tree(tree))
                .collect::<Result<Vec<_>>>()
        };
        match tree {
            Tree::All(trees) => each(trees).map(Condition::All),
            Tree::Any(trees) => each(trees).map(Condition::Any),
            Tree::Not(tree) => self.tree(tree).map(not),
            Tree::Text(value) => text(value),
            Tree::Pair(pair) => self.pair(pair),
            Tree::Saved(part) => match &part.tree {
                Some(tree) => self
                    .tree(tree)
                    .map_err(|error| inside(&part.name, part.position, error)),
                None => Err(wrong(part.position, "this search was not looked up")),
            },
        }
    }

    fn pair(&self, pair: &Pair) -> Result<Condition> {
        let named = named(pair.position, &pair.key)?;
        let is_comparable = matches!(&named, Named::Subject(subject) if subject.is_comparable());
        if pair.operator != Operator::Is && !is_comparable {
            let message = "comparisons are for timesSeen, users, level, age, firstSeen, lastSeen, timestamp, release.version and release.build";
            return Err(wrong(pair.position, message));
        }
        let mut lowered = Vec::with_capacity(pair.values.len());
        for value in &pair.values {
            lowered.push(match &named {
                Named::Subject(subject) => self.subject(*subject, pair.operator, value)?,
                Named::Label(key) => one_value(value, |pattern| {
                    Condition::Issue(IssueTest::Label(key.clone(), pattern))
                }),
                Named::Flag(name) => one_value(value, |pattern| flag_fits(name, pattern)),
                Named::Event(key) => match is_latest(key, value) {
                    true => self.latest(value, |release| attribute_fits("release", release))?,
                    false => event_value(key, value),
                },
            });
        }
        Ok(match (lowered.len(), lowered.pop()) {
            (1, Some(one)) => one,
            (_, last) => {
                lowered.extend(last);
                Condition::Any(lowered)
            }
        })
    }

    fn subject(&self, subject: Subject, operator: Operator, value: &Value) -> Result<Condition> {
        let issue = |test: fn(Pattern) -> IssueTest| {
            Ok(one_value(value, |pattern| Condition::Issue(test(pattern))))
        };
        match subject {
            Subject::Has => has(value),
            Subject::Is => is(value),
            Subject::Status => status(value),
            Subject::Level => level(operator, value),
            Subject::Assigned => self.assigned(value),
            Subject::Bookmarked => flag(value, bookmarked(), not(bookmarked())),
            Subject::Severity => issue(IssueTest::Severity),
            Subject::Review => review(value),
            Subject::Project => issue(IssueTest::Project),
            Subject::Title => issue(IssueTest::Title),
            Subject::Culprit => issue(IssueTest::Culprit),
            Subject::FirstRelease if is_word(value, "latest") => self.latest(value, |release| {
                Condition::Issue(IssueTest::FirstRelease(release))
            }),
            Subject::FirstRelease => issue(IssueTest::FirstRelease),
            Subject::Release(part) => release_part(part, operator, value),
            Subject::Issue => issue_named(value),
            Subject::EventId => event_id(value),
            Subject::Age => self.time(true, operator, value, of_issue(IssueTest::FirstSeen)),
            Subject::FirstSeen => self.time(false, operator, value, of_issue(IssueTest::FirstSeen)),
            Subject::LastSeen => self.time(false, operator, value, of_issue(IssueTest::LastSeen)),
            Subject::EventTime => self.time(false, operator, value, |range| {
                Condition::Event(EventTest::Time(range))
            }),
            Subject::SeenCount => count(operator, value, IssueTest::SeenCount),
            Subject::UserCount => count(operator, value, IssueTest::UserCount),
            Subject::Message => found_words(value, EventTest::Message),
            Subject::Breadcrumb => found_words(value, EventTest::Breadcrumb),
            Subject::Frame(field) => found_words(value, |words| EventTest::Frame(field, words)),
            Subject::User => Ok(user(value)),
            Subject::Trace => trace(value),
            Subject::Handled => flag(value, handled("true"), handled("false")),
            Subject::Unhandled => flag(value, handled("false"), handled("true")),
        }
    }

    fn assigned(&self, value: &Value) -> Result<Condition> {
        let assigned = |pattern| Condition::Issue(IssueTest::Assigned(pattern));
        match (value.is_quoted, value.text.as_str()) {
            (false, team) if team == "my_teams" || team.starts_with('#') => {
                let message =
                    "there are no teams here: write me, none or a name, in quotes if it begins so";
                Err(wrong(value.position, message))
            }
            (false, "none") => Ok(not(assigned(Pattern::Any))),
            (false, "me") => match self.asking.me {
                Some(me) => Ok(assigned(Pattern::Exact(me.to_owned()))),
                None => {
                    let message = "it is not known who 'me' is: write the name";
                    Err(wrong(value.position, message))
                }
            },
            _ => Ok(one_value(value, assigned)),
        }
    }

    /// A test of a time. `is_age`: a comparison with a span compares the age (`age:>2d` is older than two days).
    fn time(
        &self,
        is_age: bool,
        operator: Operator,
        value: &Value,
        test: impl Fn(RangeInclusive<i64>) -> Condition,
    ) -> Result<Condition> {
        let text = value.text.as_str();
        let range = match (operator, span(text)) {
            (Operator::Is, Some(Span::Younger(nanos))) => Some(self.ago(nanos)..=i64::MAX),
            (Operator::Is, Some(Span::Older(nanos))) => Some(i64::MIN..=self.ago(nanos)),
            (Operator::Is, Some(Span::Plain(_))) => {
                let message = format!("write -{text} for less than that ago, +{text} for more");
                return Err(wrong(value.position, message));
            }
            (operator, Some(Span::Plain(nanos))) if is_age => {
                let then = self.ago(nanos);
                compared(operator.reversed(), then..=then)
            }
            (operator, Some(Span::Younger(nanos))) if !is_age => {
                let then = self.ago(nanos);
                compared(operator, then..=then)
            }
            (operator, _) => match moment(text) {
                Some(moment) => compared(operator, moment),
                None => return Err(wrong(value.position, time_message(is_age, operator))),
            },
        };
        Ok(range.map_or_else(never, test))
    }

    fn ago(&self, nanos: i64) -> i64 {
        self.asking.now.as_nanos().saturating_sub(nanos)
    }

    /// The release of the newest event that has one, of each project.
    fn latest(&self, value: &Value, test: impl Fn(Pattern) -> Condition) -> Result<Condition> {
        let releases = match self.latest.get() {
            Some(releases) => releases,
            None => {
                let found = newest_releases(self.asking, value)?;
                self.latest.get_or_init(|| found)
            }
        };
        // One project's newest release may be an old one of another's.
        let each = releases.iter().map(|(project, release)| {
            Condition::All(vec![
                of_project(project),
                test(Pattern::Exact(release.clone())),
            ])
        });
        Ok(Condition::Any(each.collect()))
    }
}

fn newest_releases(asking: &Asking<'_>, value: &Value) -> Result<Vec<(String, String)>> {
    let mut releases = Vec::new();
    let mut others = Vec::new();
    while let Some(project) = another_project(asking, &others)? {
        if others.len() >= LATEST_PROJECTS_MAX {
            let message = format!(
                "more than {LATEST_PROJECTS_MAX} projects have a latest release: write the releases"
            );
            return Err(wrong(value.position, message));
        }
        let newest = asking.store.search_events(&EventSearch {
            condition: Condition::All(vec![
                of_project(&project),
                attribute_fits("release", Pattern::Any),
            ]),
            limit: 1,
            after: None,
        })?;
        others.push(not(of_project(&project)));
        let release = newest.events.into_iter().next();
        if let Some(release) = release.and_then(|stored| stored.event.release) {
            releases.push((project, release));
        }
    }
    Ok(releases)
}

fn of_project(name: &str) -> Condition {
    Condition::Issue(IssueTest::Project(Pattern::Exact(name.to_owned())))
}

/// A project beside these, by its issues, which are far fewer than events.
fn another_project(asking: &Asking<'_>, others: &[Condition]) -> Result<Option<String>> {
    let page = asking.store.search(&IssueSearch {
        condition: Condition::All(others.to_vec()),
        order: IssueSort::LastSeen.into(),
        limit: 1,
        after: None,
    })?;
    Ok(page.issues.into_iter().next().map(|issue| issue.project))
}

fn is_word(value: &Value, word: &str) -> bool {
    !value.is_quoted && value.text == word
}

fn is_latest(key: &StoreKey, value: &Value) -> bool {
    *key == StoreKey::Attribute("release".to_owned()) && is_word(value, "latest")
}

/// Flags are kept as `name:result`.
fn flag_fits(name: &str, pattern: Pattern) -> Condition {
    let pattern = match pattern {
        Pattern::Exact(result) => Pattern::Exact(format!("{name}:{result}")),
        Pattern::Glob(glob) => Pattern::Glob(format!("{name}:{glob}")),
        _ => Pattern::Glob(format!("{name}:*")),
    };
    attribute_fits(FLAG, pattern)
}

fn release_part(part: ReleasePart, operator: Operator, value: &Value) -> Result<Condition> {
    let fits = |test| attribute_fits("release", Pattern::Release(part, test));
    let is_ordered = compare_releases(&value.text, "0").is_some();
    if part == ReleasePart::Package || !is_ordered {
        if operator != Operator::Is {
            let message = "this is no version: write numbers with dots between them, as 2.1.0";
            return Err(wrong(value.position, message));
        }
        return Ok(one_value(value, |pattern| {
            fits(PartTest::Fits(Box::new(pattern)))
        }));
    }
    let orders = match operator {
        Operator::Is => vec![Ordering::Equal],
        Operator::Above => vec![Ordering::Greater],
        Operator::AtLeast => vec![Ordering::Greater, Ordering::Equal],
        Operator::Below => vec![Ordering::Less],
        Operator::AtMost => vec![Ordering::Less, Ordering::Equal],
    };
    Ok(fits(PartTest::Compared(orders, value.text.clone())))
}

impl Operator {
    /// Older is earlier.
    fn reversed(self) -> Self {
        match self {
            Self::Is => Self::Is,
            Self::Above => Self::Below,
            Self::AtLeast => Self::AtMost,
            Self::Below => Self::Above,
            Self::AtMost => Self::AtLeast,
        }
    }
}

fn of_issue(
    test: fn(RangeInclusive<i64>) -> IssueTest,
) -> impl Fn(RangeInclusive<i64>) -> Condition {
    move |range| Condition::Issue(test(range))
}

fn count(
    operator: Operator,
    value: &Value,
    test: fn(RangeInclusive<i64>) -> IssueTest,
) -> Result<Condition> {
    let is_number = !value.text.is_empty() && value.text.bytes().all(|b| b.is_ascii_digit());
    if !is_number {
        return Err(wrong(
            value.position,
            "this is no number: write digits, as in timesSeen:>10",
        ));
    }
    // Digits alone fail to be read only where they are too many.
    let number = value.text.parse().unwrap_or(i64::MAX);
    Ok(compared(operator, number..=number).map_or_else(never, of_issue(test)))
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn always() -> Condition {
    Condition::All(Vec::new())
}

fn never() -> Condition {
    Condition::Any(Vec::new())
}

/// How a value is compared with a text: in quotes literally, else `*` stands for anything.
fn pattern(value: &Value) -> Pattern {
    let text = value.text.as_str();
    match !value.is_quoted && text.contains('*') {
        true if text.bytes().all(|b| b == b'*') => Pattern::Any,
        true => Pattern::Glob(text.to_owned()),
        false => Pattern::Exact(text.to_owned()),
    }
}

/// A test of one text. An empty value also stands for none.
fn one_value(value: &Value, test: impl Fn(Pattern) -> Condition) -> Condition {
    match value.text.is_empty() {
        true => Condition::Any(vec![test(pattern(value)), not(test(Pattern::Any))]),
        false => test(pattern(value)),
    }
}

fn event_value(key: &StoreKey, value: &Value) -> Condition {
    one_value(value, |pattern| {
        Condition::Event(EventTest::Value(key.clone(), pattern))
    })
}

fn attribute_fits(name: &str, pattern: Pattern) -> Condition {
    let key = StoreKey::Attribute(name.to_owned());
    Condition::Event(EventTest::Value(key, pattern))
}

fn bookmarked() -> Condition {
    Condition::Issue(IssueTest::Bookmarked)
}

fn handled(value: &str) -> Condition {
    attribute_fits("error.handled", Pattern::Exact(value.to_owned()))
}

/// `user:id:42` is that user; without the kind it is whoever has it as id, e-mail, name or address.
fn user(value: &Value) -> Condition {
    for (kind, name) in USER_KINDS {
        if let Some(text) = value.text.strip_prefix(kind) {
            let value = Value {
                text: text.to_owned(),
                ..value.clone()
            };
            return attribute_fits(name, pattern(&value));
        }
    }
    one_value(value, any_user)
}

const USER_KINDS: [(&str, &str); 4] = [
    ("id:", "user.id"),
    ("email:", "user.email"),
    ("username:", "user.username"),
    ("ip:", "user.ip"),
];

fn any_user(pattern: Pattern) -> Condition {
    let tests = USER_KINDS.map(|(_, name)| attribute_fits(name, pattern.clone()));
    Condition::Any(tests.into())
}

/// A store finds traces by their whole ids alone.
fn trace(value: &Value) -> Result<Condition> {
    match pattern(value) {
        Pattern::Exact(id) if !id.is_empty() => Ok(attribute_fits("trace", Pattern::Exact(id))),
        _ => Err(wrong(
            value.position,
            "a trace is found by its whole id: write it without '*'",
        )),
    }
}

fn unknown(value: &Value, known: &[&str]) -> Error {
    let (last, others) = known.split_last().unwrap_or((&"nothing", &[]));
    let listed = match others.is_empty() {
        true => (*last).to_owned(),
        false => format!("{} or {last}", others.join(", ")),
    };
    let question = question(&value.text, known.iter().copied());
    let message = format!(
        "'{}' is not known here: write {listed}{question}",
        value.text
    );
    wrong(value.position, message)
}

fn flag(value: &Value, when_true: Condition, when_false: Condition) -> Result<Condition> {
    match value.text.as_str() {
        "true" | "1" => Ok(when_true),
        "false" | "0" => Ok(when_false),
        _ => Err(unknown(value, &["true", "false"])),
    }
}

fn is(value: &Value) -> Result<Condition> {
    let issue = Condition::Issue;
    Ok(match value.text.as_str() {
        "regressed" => issue(IssueTest::Regressed),
        "assigned" => issue(IssueTest::Assigned(Pattern::Any)),
        "unassigned" => not(issue(IssueTest::Assigned(Pattern::Any))),
        "bookmarked" => issue(IssueTest::Bookmarked),
        "for_review" => issue(IssueTest::Review(ReviewStep::Triage)),
        name => match status_named(name) {
            Some(status) => issue(IssueTest::Status(status)),
            None => return Err(unknown_state(value)),
        },
    })
}

fn unknown_state(value: &Value) -> Error {
    const STATES: [&str; 8] = [
        "unresolved",
        "resolved",
        "archived",
        "regressed",
        "assigned",
        "unassigned",
        "bookmarked",
        "for_review",
    ];
    match REFUSED_STATES.iter().find(|(name, _)| *name == value.text) {
        Some((name, why)) => {
            let message = format!("is:{name} means nothing here: {why}");
            wrong(value.position, message)
        }
        None => unknown(value, &STATES),
    }
}

fn status(value: &Value) -> Result<Condition> {
    let status = status_named(&value.text);
    let status = status.ok_or_else(|| unknown(value, &["open", "resolved", "ignored"]))?;
    Ok(Condition::Issue(IssueTest::Status(status)))
}

fn status_named(name: &str) -> Option<Status> {
    match name {
        "unresolved" | "open" => Some(Status::Open),
        "resolved" => Some(Status::Resolved),
        "archived" | "ignored" => Some(Status::Ignored),
        _ => None,
    }
}

fn level(operator: Operator, value: &Value) -> Result<Condition> {
    let of = |level: Level| attribute_fits("level", Pattern::Exact(level.name().to_owned()));
    if operator == Operator::Is && matches!(pattern(value), Pattern::Any | Pattern::Glob(_)) {
        return Ok(attribute_fits("level", pattern(value)));
    }
    let known = Level::from_name(&value.text);
    let asked = known.ok_or_else(|| unknown(value, &Level::ALL.map(Level::name)))?;
    let number = i64::from(asked as u8);
    let range = compared(operator, number..=number);
    let fits = |level: &Level| {
        range
            .as_ref()
            .is_some_and(|range| range.contains(&i64::from(*level as u8)))
    };
    Ok(match operator {
        Operator::Is => of(asked),
        _ => Condition::Any(Level::ALL.into_iter().filter(fits).map(of).collect()),
    })
}

const REVIEW_STEPS: [(&str, ReviewStep); 4] = [
    ("triage", ReviewStep::Triage),
    ("assigned", ReviewStep::Assigned),
    ("fix", ReviewStep::Fix),
    ("verify", ReviewStep::Verify),
];

fn review(value: &Value) -> Result<Condition> {
    let step = REVIEW_STEPS.iter().find(|(name, _)| *name == value.text);
    let (_, step) = step.ok_or_else(|| unknown(value, &REVIEW_STEPS.map(|(name, _)| name)))?;
    Ok(Condition::Issue(IssueTest::Review(*step)))
}

fn issue_named(value: &Value) -> Result<Condition> {
    match value.text.parse() {
        Ok(IssueRef::Number(number)) => Ok(Condition::Issue(IssueTest::Number(number))),
        Ok(IssueRef::Id(id)) => Ok(Condition::Issue(IssueTest::Id(id))),
        _ => Err(wrong(
            value.position,
            "write an issue's number (issue:7) or its whole id",
        )),
    }
}

fn event_id(value: &Value) -> Result<Condition> {
    let id = value.text.parse();
    let id = id.map_err(|_| wrong(value.position, "an event id has 32 hex digits"))?;
    Ok(Condition::Event(EventTest::Id(id)))
}

fn has(value: &Value) -> Result<Condition> {
    let key = match value.is_quoted {
        true => None,
        false => parse_key(&value.text),
    };
    let (name, part) = (value.text.clone(), None);
    let key = key.unwrap_or(Key { name, part });
    match named(value.position, &key)? {
        Named::Label(key) => Ok(Condition::Issue(IssueTest::Label(key, Pattern::Any))),
        Named::Flag(name) => Ok(flag_fits(&name, Pattern::Any)),
        Named::Event(key) => Ok(Condition::Event(EventTest::Value(key, Pattern::Any))),
        Named::Subject(subject) => {
            let never =
                "has: is for what an event or issue may lack, such as release, user or a tag";
            has_subject(subject).ok_or_else(|| wrong(value.position, never))
        }
    }
}

fn has_subject(subject: Subject) -> Option<Condition> {
    let issue = |test| Some(Condition::Issue(test));
    let event = |test| Some(Condition::Event(test));
    match subject {
        Subject::Assigned => issue(IssueTest::Assigned(Pattern::Any)),
        Subject::Bookmarked => Some(bookmarked()),
        Subject::Severity => issue(IssueTest::Severity(Pattern::Any)),
        Subject::Review => {
            let steps = REVIEW_STEPS
                .iter()
                .map(|(_, step)| Condition::Issue(IssueTest::Review(*step)));
            Some(Condition::Any(steps.collect()))
        }
        Subject::Culprit => issue(IssueTest::Culprit(Pattern::Any)),
        Subject::FirstRelease => issue(IssueTest::FirstRelease(Pattern::Any)),
        Subject::Release(part) => {
            let any = PartTest::Fits(Box::new(Pattern::Any));
            Some(attribute_fits("release", Pattern::Release(part, any)))
        }
        Subject::Message => event(EventTest::Message(any_word())),
        Subject::Breadcrumb => event(EventTest::Breadcrumb(any_word())),
        Subject::Frame(field) => event(EventTest::Frame(field, any_word())),
        Subject::User => Some(any_user(Pattern::Any)),
        Subject::Handled | Subject::Unhandled => {
            Some(attribute_fits("error.handled", Pattern::Any))
        }
        _ => None,
    }
}

/// A word or phrase without a key: looked for anywhere. 32 hex digits are an id.
fn text(value: &Value) -> Result<Condition> {
    if let Some(id) = whole_id(value) {
        return Ok(id);
    }
    if !value.is_quoted && pattern(value) == Pattern::Any {
        return Ok(always());
    }
    found_words(value, EventTest::Anywhere)
}

fn whole_id(value: &Value) -> Option<Condition> {
    let is_id = matches!(value.text.len(), 32 | 36)
        && value
            .text
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b == b'-');
    if value.is_quoted || !is_id {
        return None;
    }
    let event: EventId = value.text.parse().ok()?;
    let issue = crate::issue::IssueId::from_bytes(*event.as_bytes());
    Some(Condition::Any(vec![
        Condition::Event(EventTest::Id(event)),
        attribute_fits("trace", Pattern::Exact(event.to_string())),
        Condition::Issue(IssueTest::Id(issue)),
    ]))
}

/// A test of words that are all found.
fn found_words(value: &Value, test: impl Fn(Words) -> EventTest) -> Result<Condition> {
    let found = match value.is_quoted {
        true => phrase(&value.text).into_iter().collect(),
        false => looked_for(&value.text),
    };
    let mut tests: Vec<_> = found
        .into_iter()
        .map(|words| Condition::Event(test(words)))
        .collect();
    match (tests.len(), tests.pop()) {
        (_, None) => {
            let message = "there is no word to look for: write letters or digits";
            Err(wrong(value.position, message))
        }
        (1, Some(one)) => Ok(one),
        (_, Some(last)) => {
            tests.push(last);
            Ok(Condition::All(tests))
        }
    }
}

fn phrase(text: &str) -> Option<Words> {
    let phrase: Vec<String> = words(text).collect();
    (!phrase.is_empty()).then_some(Words::Phrase(phrase))
}

/// What is to be found of a text in which `*` stands for any letters and digits. Where it stands inside or before a
/// word the words are looked for one by one: only a phrase's last word can be one that goes on.
fn looked_for(text: &str) -> Vec<Words> {
    let is_word = |c: char| c.is_alphanumeric() || c == '*';
    let tokens = text
        .split(|c| !is_word(c))
        .filter(|token| !token.is_empty());
    let tokens: Vec<&str> = tokens.collect();
    let goes_together = |a: &&str, b: &&str| !a.contains('*') && !is_stars(b) && !has_inner_star(b);
    let found: Vec<Words> = tokens.chunk_by(goes_together).filter_map(run).collect();
    match found.is_empty() && !tokens.is_empty() {
        true => vec![any_word()],
        false => found,
    }
}

fn is_stars(token: &str) -> bool {
    token.bytes().all(|b| b == b'*')
}

fn has_inner_star(token: &str) -> bool {
    token.trim_end_matches('*').contains('*')
}

/// Words that stand together; a star is at the end of the last one, or there is but one word.
fn run(tokens: &[&str]) -> Option<Words> {
    let (last, before) = tokens.split_last()?;
    let stem = last.trim_end_matches('*');
    let phrase: Vec<String> = before
        .iter()
        .copied()
        .chain([stem])
        .flat_map(words)
        .collect();
    match stem.len() < last.len() {
        _ if is_stars(last) => None,
        _ if has_inner_star(last) => Some(Words::Glob(fold(last))),
        true => Some(Words::Prefix(phrase)),
        false => Some(Words::Phrase(phrase)),
    }
}

fn any_word() -> Words {
    Words::Glob("*".to_owned())
}
