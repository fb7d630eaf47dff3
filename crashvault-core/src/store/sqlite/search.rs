//! Searches: conditions → lists of documents → issues and events, page by page.
//!
//! What is asked of events is first looked up as a whole, for a moment ([`PATIENCE`]). Where that does not suffice, much
//! fits; then the issues (or events) are walked in the order asked for, and each is looked up by itself, until the page
//! is full.

use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::super::facts::TRACE;
use super::super::words::glob_fits;
use super::super::{
    Condition, EventSearch, EventTest, FrameField, IssuePage, IssueSearch, IssueSort, Key, Pattern,
    Place, Words,
};
use super::Failed;
use super::derive::{document, shelf};
use super::issue_sql::{self, Sql};
use super::names::{find_key, find_value};
use super::postings::{Chunked, Postings, Reach, Union, Within};
use super::read;
use super::side::Side;
use super::terms;
use crate::error::{Error, ErrorKind};
use crate::issue::Issue;
use crate::store::matching;

/// How long documents are gathered before it is asked whether that is the quicker way.
const PATIENCE: Duration = Duration::from_millis(3);
/// Shelves or events gathered at most.
const GATHERED_MAX: usize = 20_000;
/// Issues or events looked at together on a walk.
const STRIDE: usize = 128;
/// Values in one expression of the full-text index, and values that a wildcard may stand for.
const TERMS_TOGETHER_MAX: usize = 200;
const WILD_VALUES_MAX: usize = 20_000;
/// Values of a key that are sought one by one; of more, it is quicker to read all values there are in a row.
const SOUGHT_VALUES_MAX: i64 = 5_000;
/// Levels of one expression; the index's reader keeps a stack of a hundred, of which each takes several.
const EXPRESSION_DEPTH_MAX: usize = 8;
/// Pieces of a wildcard's words in one expression.
const EXPRESSIONS_TOGETHER_MAX: usize = 3;
/// Plain words asked for together.
const WORDS_TOGETHER_MAX: usize = 3;
/// Words that a wildcard may stand for.
const WILD_WORDS_MAX: usize = 2_000;
/// Words in one expression of the full-text index.
const EXPRESSION_WORDS_MAX: usize = 100;

pub(super) fn issues(conn: &Connection, search: &IssueSearch) -> Result<IssuePage, Failed> {
    let wanted = search.limit.saturating_add(1);
    let mut found = match split(&search.condition) {
        Some((of_issue, of_event)) => {
            let filter = issue_sql::of(&of_issue);
            match is_true(&of_event) {
                true => page(conn, search.sort, search.after, &filter, wanted)?,
                false => issues_with(conn, search, &filter, &of_event, wanted)?,
            }
        }
        None => {
            let mut lists = Lists::default();
            walk_issues(conn, search, &Sql::all(), wanted, |issue| {
                let rest = search
                    .condition
                    .rest_for(&|test| matching::issue_fits(test, issue));
                let list = lists.of(conn, &rest)?;
                has_document(conn, issue, list)
            })?
        }
    };
    let has_more = found.len() > search.limit;
    found.truncate(search.limit);
    let next = found
        .last()
        .filter(|_| has_more)
        .map(|issue| search.sort.place(issue));
    Ok(IssuePage {
        issues: found,
        next,
    })
}

fn issues_with(
    conn: &Connection,
    search: &IssueSearch,
    filter: &Sql,
    condition: &Condition,
    wanted: usize,
) -> Result<Vec<Issue>, Failed> {
    let mut list = compile(conn, condition)?;
    let count = conn.query_row("SELECT count(*) FROM derived_issue", [], |row| row.get(0))?;
    let gathered = gather(conn, &mut list, wanted, count, |found| {
        document((found >> 32) + 1, 0)
    })?;
    if let Some(documents) = gathered {
        let shelves: Vec<i64> = documents.iter().map(|document| document >> 32).collect();
        let among = Sql {
            text: "i.number IN (SELECT s.issue FROM json_each(?) j CROSS JOIN derived_shelf s ON s.id = j.value)".into(),
            values: vec![numbers(&shelves)],
        };
        let found = page(conn, search.sort, search.after, &filter.and(&among), wanted)?;
        return Ok(found);
    }
    walk_issues(conn, search, filter, wanted, |issue| {
        has_document(conn, issue, &mut list)
    })
}

/// The documents of a list, as far as `next` lets them be told apart; none if a walk over the `count` there are will be
/// quicker: it looks at many that do not fit, but ends when it has as many as are wanted.
fn gather(
    conn: &Connection,
    list: &mut Postings,
    wanted: usize,
    count: i64,
    next: impl Fn(i64) -> i64,
) -> rusqlite::Result<Option<Vec<i64>>> {
    let last: Option<i64> = conn.query_row(
        "SELECT max(id) FROM derived_shelf WHERE id < 1073741824",
        [],
        |row| row.get(0),
    )?;
    let last = document(last.unwrap_or_default() + 1, 0);
    let mut patience = PATIENCE;
    let mut reach = Reach::all();
    reach.deadline = Some(Instant::now() + patience);
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(document) = list.seek(conn, at, &mut reach)? {
        match reach.is_late {
            true => at = document,
            false => {
                found.push(document);
                at = next(document);
            }
        }
        let is_late = reach.is_late
            || reach
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline);
        if is_late {
            // By what was found so far: how many there will be in all.
            let share = at as f64 / last as f64;
            let expected = found.len() as f64 / share.max(1e-9);
            let met_on_walk = (wanted as f64) * (count as f64) / expected.max(1.0);
            if found.len() >= GATHERED_MAX || met_on_walk < expected - found.len() as f64 {
                return Ok(None);
            }
            patience *= 2;
            reach = Reach::all();
            reach.deadline = Some(Instant::now() + patience);
        }
    }
    Ok(Some(found))
}

fn numbers(values: &[i64]) -> Value {
    let text: Vec<String> = values.iter().map(i64::to_string).collect();
    Value::Text(format!("[{}]", text.join(",")))
}

fn page(
    conn: &Connection,
    sort: IssueSort,
    after: Option<Place>,
    filter: &Sql,
    limit: usize,
) -> rusqlite::Result<Vec<Issue>> {
    let (sql, values) = read::issues_sql(sort, after, filter, limit);
    conn.prepare_cached(&sql)?
        .query_map(params_from_iter(values), read::issue_row)?
        .collect()
}

fn walk_issues(
    conn: &Connection,
    search: &IssueSearch,
    filter: &Sql,
    wanted: usize,
    mut fits: impl FnMut(&Issue) -> Result<bool, Failed>,
) -> Result<Vec<Issue>, Failed> {
    let mut found = Vec::new();
    let mut after = search.after;
    loop {
        let stride = page(conn, search.sort, after, filter, STRIDE)?;
        after = stride.last().map(|issue| search.sort.place(issue));
        let is_last = stride.len() < STRIDE;
        for issue in stride {
            if fits(&issue)? {
                found.push(issue);
                if found.len() >= wanted {
                    return Ok(found);
                }
            }
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// Whether a document of the issue stands in the list.
fn has_document(conn: &Connection, issue: &Issue, list: &mut Postings) -> Result<bool, Failed> {
    let mut find = conn.prepare_cached("SELECT id FROM derived_shelf WHERE issue = ?1")?;
    let shelves = find.query_map([issue.number as i64], |row| row.get::<_, i64>(0))?;
    for shelf in shelves {
        let shelf = shelf?;
        let last = document(shelf + 1, 0) - 1;
        let found = list.seek(conn, document(shelf, 0), &mut Reach::until(last))?;
        if found.is_some_and(|found| found <= last) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An event found: its ingest sequence and time.
pub(super) struct Hit {
    pub(super) sequence: i64,
    pub(super) time: i64,
}

pub(super) fn events(
    conn: &Connection,
    search: &EventSearch,
) -> Result<(Vec<Hit>, Option<Place>), Failed> {
    let wanted = search.limit.saturating_add(1);
    let mut found = match split(&search.condition) {
        Some((of_issue, of_event)) => {
            let filter = issue_sql::of(&of_issue);
            match is_true(&of_event) {
                true => stride(conn, search.after, &filter, wanted)?
                    .into_iter()
                    .map(|s| s.hit)
                    .collect(),
                false => events_with(conn, search, &filter, &of_event, wanted)?,
            }
        }
        None => {
            let mut lists = Lists::default();
            walk_events(conn, search, &Sql::all(), wanted, |conn, stop| {
                let number = read::unsigned(stop.issue)?;
                let Some(issue) = read::issue_by_number(conn, number)? else {
                    return Ok(false);
                };
                let rest = search
                    .condition
                    .rest_for(&|test| matching::issue_fits(test, &issue));
                Ok(lists.of(conn, &rest)?.holds(conn, stop.document)?)
            })?
        }
    };
    let has_more = found.len() > search.limit;
    found.truncate(search.limit);
    let next = found.last().filter(|_| has_more).map(|hit| Place {
        by: hit.time,
        id: hit.sequence as u64,
    });
    Ok((found, next))
}

fn events_with(
    conn: &Connection,
    search: &EventSearch,
    filter: &Sql,
    condition: &Condition,
    wanted: usize,
) -> Result<Vec<Hit>, Failed> {
    let mut list = compile(conn, condition)?;
    let count = conn.query_row("SELECT events FROM derived_total", [], |row| row.get(0))?;
    if let Some(documents) = gather(conn, &mut list, wanted, count, |found| found + 1)? {
        let sequences: Vec<i64> = documents
            .iter()
            .map(|document| document & 0xffff_ffff)
            .collect();
        let among = Sql {
            text: "p.event IN (SELECT value FROM json_each(?))".into(),
            values: vec![numbers(&sequences)],
        };
        let stops = stride(conn, search.after, &filter.and(&among), wanted)?;
        return Ok(stops.into_iter().map(|stop| stop.hit).collect());
    }
    walk_events(conn, search, filter, wanted, |conn, stop| {
        Ok(list.holds(conn, stop.document)?)
    })
}

/// An event met on a walk.
struct Stop {
    hit: Hit,
    document: i64,
    issue: i64,
}

/// The newest events behind a place whose issues pass the filter.
fn stride(
    conn: &Connection,
    after: Option<Place>,
    filter: &Sql,
    limit: usize,
) -> rusqlite::Result<Vec<Stop>> {
    let mut sql = String::from(
        "SELECT p.event, p.time, p.issue, p.is_moved, e.variant
         FROM derived_placement p
         CROSS JOIN event e ON e.ingest_sequence = p.event
         CROSS JOIN derived_issue i ON i.number = p.issue WHERE ",
    );
    sql.push_str(&filter.text);
    let mut values = filter.values.clone();
    if let Some(place) = after {
        sql.push_str(" AND (p.time, p.event) < (?, ?)");
        values.push(place.by.into());
        values.push(read::signed(place.id).into());
    }
    sql.push_str(" ORDER BY p.time DESC, p.event DESC LIMIT ?");
    values.push(read::bounded(limit).into());
    conn.prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            let (sequence, issue): (i64, i64) = (row.get(0)?, row.get(2)?);
            let shelf = shelf(row.get(4)?, issue, row.get(3)?);
            Ok(Stop {
                hit: Hit {
                    sequence,
                    time: row.get(1)?,
                },
                document: document(shelf, sequence),
                issue,
            })
        })?
        .collect()
}

fn walk_events(
    conn: &Connection,
    search: &EventSearch,
    filter: &Sql,
    wanted: usize,
    mut fits: impl FnMut(&Connection, &Stop) -> Result<bool, Failed>,
) -> Result<Vec<Hit>, Failed> {
    let mut found = Vec::new();
    let mut after = search.after;
    loop {
        let stops = stride(conn, after, filter, STRIDE)?;
        after = stops.last().map(|stop| Place {
            by: stop.hit.time,
            id: stop.hit.sequence as u64,
        });
        let is_last = stops.len() < STRIDE;
        for stop in stops {
            if fits(conn, &stop)? {
                found.push(stop.hit);
                if found.len() >= wanted {
                    return Ok(found);
                }
            }
        }
        if is_last {
            return Ok(found);
        }
    }
}

/// What is asked of the issue and what of the event, where a condition asks for both; none where they are mixed.
fn split(condition: &Condition) -> Option<(Condition, Condition)> {
    let (mut of_issue, mut of_event) = (Vec::new(), Vec::new());
    let parts = match condition {
        Condition::All(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    for part in parts {
        match (part.asks_issue(), part.asks_event()) {
            (true, true) => return None,
            (true, false) => of_issue.push(part.clone()),
            (false, _) => of_event.push(part.clone()),
        }
    }
    Some((Condition::All(of_issue), Condition::All(of_event)))
}

fn is_true(condition: &Condition) -> bool {
    matches!(condition, Condition::All(parts) if parts.iter().all(is_true))
}

/// Lists by what they stand for: a walk meets the same few conditions again and again.
#[derive(Default)]
struct Lists(Vec<(Condition, Postings)>);

impl Lists {
    fn of(&mut self, conn: &Connection, condition: &Condition) -> Result<&mut Postings, Failed> {
        let known = self.0.iter().position(|(known, _)| known == condition);
        let place = match known {
            Some(place) => place,
            None => {
                self.0.push((condition.clone(), compile(conn, condition)?));
                self.0.len() - 1
            }
        };
        Ok(&mut self.0[place].1)
    }
}

/// The documents that fit a condition, which asks nothing of issues.
fn compile(conn: &Connection, condition: &Condition) -> Result<Postings, Failed> {
    if let Some(expression) = expression(conn, condition)? {
        return source(conn, expression);
    }
    let list = match condition {
        Condition::Event(test) => of_test(conn, test)?,
        Condition::Any(parts) => Postings::Any(compile_each(conn, parts)?),
        Condition::Not(part) => {
            let not = compile(conn, part)?;
            Postings::Except(Box::new(every(conn)?), Box::new(not))
        }
        Condition::All(parts) => compile_all(conn, parts)?,
        Condition::Issue(_) => {
            let message = "a condition of issues was asked of events";
            return Err(Error::new(ErrorKind::Internal, "search", message).into());
        }
    };
    Ok(list.settled(conn)?)
}

fn compile_each(conn: &Connection, parts: &[Condition]) -> Result<Vec<Postings>, Failed> {
    parts.iter().map(|part| compile(conn, part)).collect()
}

/// The condition as one expression of the full-text index, which joins lists better than we do; none if a part of it is
/// about stacks, times or ids, or if it is too deep for the index to read.
fn expression(conn: &Connection, condition: &Condition) -> Result<Option<String>, Failed> {
    if depth(condition) > EXPRESSION_DEPTH_MAX {
        return Ok(None);
    }
    match condition {
        Condition::All(parts) => all_of(conn, parts),
        Condition::Any(parts) => {
            let Some(parts) = each_expression(conn, parts)? else {
                return Ok(None);
            };
            Ok(Some(any_of(parts)))
        }
        Condition::Not(part) => {
            Ok(expression(conn, part)?.map(|not| format!("(\"{}\" NOT {not})", terms::EVERY)))
        }
        Condition::Event(EventTest::Value(key, pattern)) => of_value(conn, key, pattern),
        Condition::Event(EventTest::Message(words)) => of_column(conn, "message : ", words),
        Condition::Event(EventTest::Breadcrumb(words)) => of_column(conn, "breadcrumb : ", words),
        Condition::Event(EventTest::Anywhere(words)) => {
            match stacks(conn, FrameField::Any, words)?.is_empty() {
                true => of_column(conn, "", words),
                false => Ok(None),
            }
        }
        Condition::Event(_) | Condition::Issue(_) => Ok(None),
    }
}

fn depth(condition: &Condition) -> usize {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            1 + parts.iter().map(depth).max().unwrap_or_default()
        }
        Condition::Not(part) => 1 + depth(part),
        Condition::Issue(_) | Condition::Event(_) => 1,
    }
}

fn all_of(conn: &Connection, parts: &[Condition]) -> Result<Option<String>, Failed> {
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    for part in parts {
        let (list, part) = match part {
            Condition::Not(not) => (&mut excluded, &**not),
            other => (&mut included, other),
        };
        match expression(conn, part)? {
            Some(part) => list.push(part),
            None => return Ok(None),
        }
    }
    if included.is_empty() {
        included.push(format!("\"{}\"", terms::EVERY));
    }
    let all = format!("({})", included.join(" AND "));
    Ok(Some(match excluded.is_empty() {
        true => all,
        false => format!("({all} NOT {})", any_of(excluded)),
    }))
}

fn any_of(parts: Vec<String>) -> String {
    match parts.is_empty() {
        true => format!("\"{}\"", terms::NONE),
        false => format!("({})", parts.join(" OR ")),
    }
}

fn each_expression(conn: &Connection, parts: &[Condition]) -> Result<Option<Vec<String>>, Failed> {
    parts.iter().map(|part| expression(conn, part)).collect()
}

fn of_column(conn: &Connection, column: &str, words: &Words) -> Result<Option<String>, Failed> {
    let parts = expressions(conn, Index::Texts, column, words)?;
    Ok((parts.len() <= EXPRESSIONS_TOGETHER_MAX).then(|| any_of(parts)))
}

/// Documents with one of the values that fit; none if those are too many for one expression.
fn of_value(conn: &Connection, key: &Key, pattern: &Pattern) -> Result<Option<String>, Failed> {
    let parts = value_terms(conn, key, pattern)?;
    Ok((parts.len() <= TERMS_TOGETHER_MAX).then(|| any_of(quoted_each(&parts))))
}

fn quoted_each(terms: &[String]) -> Vec<String> {
    terms.iter().map(|term| format!("\"{term}\"")).collect()
}

fn source(conn: &Connection, expression: String) -> Result<Postings, Failed> {
    Ok(Postings::Source(Chunked::new(expression)).settled(conn)?)
}

/// What the index can join is asked of it together; the rest is joined to that. What is excluded is taken from what is
/// included, rather than from everything first.
fn compile_all(conn: &Connection, parts: &[Condition]) -> Result<Postings, Failed> {
    let (mut included, mut excluded, mut words) = (Vec::new(), Vec::new(), Vec::new());
    let mut together = Vec::new();
    for part in parts {
        if expression(conn, part)?.is_some() {
            together.push(part.clone());
            continue;
        }
        match part {
            Condition::Not(not) => excluded.push(compile(conn, not)?),
            Condition::Event(EventTest::Anywhere(of_words)) if words.len() < WORDS_TOGETHER_MAX => {
                words.push(of_words);
            }
            other => included.push(compile(conn, other)?),
        }
    }
    if let Some(expression) = all_of(conn, &together)?.filter(|_| !together.is_empty()) {
        included.push(source(conn, expression)?);
    }
    match words.as_slice() {
        [] => {}
        [one] => included.push(anywhere(conn, one)?),
        several => included.push(all_anywhere(conn, several)?),
    }
    if included.is_empty() {
        included.push(every(conn)?);
    }
    let all = Postings::All(included).settled(conn)?;
    Ok(match excluded.is_empty() {
        true => all,
        false => Postings::Except(Box::new(all), Box::new(Postings::Any(excluded))),
    })
}

/// Where a word stands: in an event's own texts, or in its stacks.
struct Found {
    expressions: Vec<String>,
    stacks: Vec<i64>,
}

impl Found {
    fn of(conn: &Connection, words: &Words) -> Result<Self, Failed> {
        Ok(Self {
            expressions: expressions(conn, Index::Texts, "", words)?,
            stacks: stacks(conn, FrameField::Any, words)?,
        })
    }
}

fn anywhere(conn: &Connection, words: &Words) -> Result<Postings, Failed> {
    let found = Found::of(conn, words)?;
    let mut lists = of_expressions(conn, found.expressions)?;
    lists.push(of_stacks(found.stacks));
    Ok(Postings::Any(lists).settled(conn)?)
}

/// Several words, each anywhere. Those that stand in the texts are asked for together, because the index can pass over
/// what has only one of them; what a word has of stacks is joined to that case by case.
fn all_anywhere(conn: &Connection, words: &[&Words]) -> Result<Postings, Failed> {
    let found = words
        .iter()
        .map(|words| Found::of(conn, words))
        .collect::<Result<Vec<_>, _>>()?;
    let mut cases = Vec::new();
    for in_texts in 0..1_u32 << found.len() {
        let is_in_text = |index: usize| in_texts & (1 << index) != 0;
        let mut lists = Vec::new();
        let mut texts = Vec::new();
        for (index, found) in found.iter().enumerate() {
            match is_in_text(index) {
                true => texts.push(format!("({})", found.expressions.join(" OR "))),
                false => lists.push(of_stacks(found.stacks.clone())),
            }
        }
        let has_nowhere = found
            .iter()
            .enumerate()
            .any(|(index, found)| match is_in_text(index) {
                true => found.expressions.is_empty(),
                false => found.stacks.is_empty(),
            });
        if has_nowhere {
            continue;
        }
        if !texts.is_empty() {
            lists.extend(of_expressions(conn, vec![texts.join(" AND ")])?);
        }
        cases.push(Postings::All(lists).settled(conn)?);
    }
    Ok(Postings::Any(cases).settled(conn)?)
}

fn every(conn: &Connection) -> Result<Postings, Failed> {
    source(conn, format!("\"{}\"", terms::EVERY))
}

fn of_test(conn: &Connection, test: &EventTest) -> Result<Postings, Failed> {
    match test {
        EventTest::Value(key, pattern) => {
            let parts = value_terms(conn, key, pattern)?;
            let lists = parts
                .chunks(TERMS_TOGETHER_MAX)
                .map(|terms| source(conn, any_of(quoted_each(terms))));
            Ok(Postings::Any(lists.collect::<Result<_, _>>()?))
        }
        EventTest::Message(words) => of_texts(conn, "message : ", words),
        EventTest::Breadcrumb(words) => of_texts(conn, "breadcrumb : ", words),
        EventTest::Frame(field, words) => Ok(of_stacks(stacks(conn, *field, words)?)),
        EventTest::Anywhere(words) => anywhere(conn, words),
        EventTest::Time(span) => Ok(Postings::Time(Box::new(Within {
            every: every(conn)?,
            first: *span.start(),
            last: *span.end(),
        }))),
        EventTest::Id(id) => {
            let found: Option<(i64, i64, bool, i64)> = conn
                .prepare_cached(
                    "SELECT e.variant, p.issue, p.is_moved, p.event FROM event e
                     JOIN derived_placement p ON p.event = e.ingest_sequence WHERE e.event_id = ?1",
                )?
                .query_row([id.as_bytes()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()?;
            let found = found.map(|(variant, issue, is_moved, event)| {
                document(shelf(variant, issue, is_moved), event)
            });
            Ok(Postings::List(found.into_iter().collect()))
        }
    }
}

fn of_stacks(stacks: Vec<i64>) -> Postings {
    Postings::Union(Union::new(stacks))
}

/// The terms of the values of a key that fit.
fn value_terms(conn: &Connection, key: &Key, pattern: &Pattern) -> Result<Vec<String>, Failed> {
    let (is_tag, name) = match key {
        Key::Tag(name) => (true, name),
        Key::Attribute(name) => (false, name),
    };
    if !is_tag && name == TRACE {
        return match pattern {
            Pattern::Exact(text) => Ok(vec![terms::hashed(name, text)]),
            _ => {
                let message = "a trace is found by its whole id alone; write it without '*'";
                Err(Error::new(ErrorKind::InvalidInput, "search", message).into())
            }
        };
    }
    let Some(key) = find_key(conn, Side::Live, is_tag, name)? else {
        return Ok(Vec::new());
    };
    match pattern {
        Pattern::Any => Ok(vec![terms::key(key)]),
        Pattern::Exact(text) => {
            let found = find_value(conn, Side::Live, key, text)?;
            Ok(found.map(terms::value).into_iter().collect())
        }
        Pattern::Glob(glob) => values_like(conn, key, glob),
    }
}

fn values_like(conn: &Connection, key: i64, glob: &str) -> Result<Vec<String>, Failed> {
    let count: i64 = conn
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM derived_value WHERE key = ?1 LIMIT ?2)",
        )?
        .query_row(params![key, SOUGHT_VALUES_MAX + 1], |row| row.get(0))?;
    let mut all = conn.prepare_cached(match count > SOUGHT_VALUES_MAX {
        true => "SELECT id, text FROM derived_value NOT INDEXED WHERE key = ?1",
        false => "SELECT id, text FROM derived_value WHERE key = ?1",
    })?;
    let mut rows = all.query([key])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if glob_fits(glob, text) {
            found.push(terms::value(row.get(0)?));
        }
        if found.len() > WILD_VALUES_MAX {
            let message =
                format!("more than {WILD_VALUES_MAX} values fit '{glob}'; write more of the value");
            return Err(Error::new(ErrorKind::LimitReached, "search", message).into());
        }
    }
    Ok(found)
}

/// The ids of the stacks that hold the words.
fn stacks(conn: &Connection, field: FrameField, words: &Words) -> Result<Vec<i64>, Failed> {
    let column = match field {
        FrameField::Any => "",
        FrameField::Function => "function : ",
        FrameField::Module => "module : ",
        FrameField::Filename => "filename : ",
    };
    let sql = "SELECT rowid FROM derived_stack_text WHERE derived_stack_text MATCH ?1";
    rows_with(conn, sql, Index::Stacks, column, words)
}

fn rows_with(
    conn: &Connection,
    sql: &str,
    index: Index,
    column: &str,
    words: &Words,
) -> Result<Vec<i64>, Failed> {
    let mut found = Vec::new();
    for expression in expressions(conn, index, column, words)? {
        let mut find = conn.prepare_cached(sql)?;
        for row in find.query_map([expression], |row| row.get(0))? {
            found.push(row?);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn of_texts(conn: &Connection, column: &str, words: &Words) -> Result<Postings, Failed> {
    let expressions = expressions(conn, Index::Texts, column, words)?;
    Ok(Postings::Any(of_expressions(conn, expressions)?))
}

fn of_expressions(conn: &Connection, expressions: Vec<String>) -> Result<Vec<Postings>, Failed> {
    let lists = expressions.into_iter();
    lists.map(|expression| source(conn, expression)).collect()
}

/// A full-text index.
#[derive(Clone, Copy)]
enum Index {
    Texts,
    Stacks,
}

/// What is asked of the index, in pieces that it takes.
fn expressions(
    conn: &Connection,
    index: Index,
    column: &str,
    words: &Words,
) -> Result<Vec<String>, Failed> {
    let quoted = |words: &[String]| format!("\"{}\"", words.join(" ").replace('"', "\"\""));
    Ok(match words {
        Words::Phrase(words) => vec![format!("{column}{}", quoted(words))],
        Words::Prefix(words) => vec![format!("{column}{} *", quoted(words))],
        // Any word: whatever has a text.
        Words::Glob(glob) if glob.bytes().all(|byte| byte == b'*') => {
            vec![format!("{column}\"{}\"", terms::BARRIER)]
        }
        Words::Glob(glob) => wild_words(conn, index, glob)?
            .chunks(EXPRESSION_WORDS_MAX)
            .map(|words| {
                let words: Vec<String> = words
                    .iter()
                    .map(|word| quoted(std::slice::from_ref(word)))
                    .collect();
                format!("{column}({})", words.join(" OR "))
            })
            .collect(),
    })
}

/// The words of an index that fit a pattern.
fn wild_words(conn: &Connection, index: Index, glob: &str) -> Result<Vec<String>, Failed> {
    let sql = match index {
        Index::Texts => "SELECT term FROM derived_text_word WHERE term >= ?1 AND term < ?2",
        Index::Stacks => "SELECT term FROM derived_stack_text_word WHERE term >= ?1 AND term < ?2",
    };
    let start = glob.split('*').next().unwrap_or_default();
    let end = format!("{start}\u{10FFFF}");
    // Terms are no words; there is one for each value.
    let (first, behind) = (terms::FIRST.to_string(), terms::BEHIND.to_string());
    let mut find = conn.prepare_cached(sql)?;
    let mut found = Vec::new();
    for (from, to) in [
        (start, end.as_str().min(&first)),
        (start.max(&behind), end.as_str()),
    ] {
        let mut rows = find.query([from, to])?;
        while let Some(row) = rows.next()? {
            let word = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            if glob_fits(glob, word) {
                found.push(word.to_owned());
            }
            if found.len() > WILD_WORDS_MAX {
                let message = format!(
                    "more than {WILD_WORDS_MAX} words fit '{glob}'; write more of the word"
                );
                return Err(Error::new(ErrorKind::LimitReached, "search", message).into());
            }
        }
    }
    Ok(found)
}
