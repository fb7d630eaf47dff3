//! Searches: conditions → lists of documents → issues and events, page by page.
//!
//! What is asked of events is first looked up as a whole, for a moment ([`PATIENCE`]). Where that does not suffice, much
//! fits; then the issues (or events) are walked in the order asked for, and each is looked up by itself, until the page
//! is full.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::super::{
    Condition, EventSearch, EventTest, IssueOrder, IssuePage, IssueSearch, IssueTest, Key, Pattern,
    Place,
};
use super::Failed;
use super::compile::compile;
use super::derive::{document, shelf};
use super::issue_sql::{self, Sql};
use super::postings::{Postings, Reach};
use super::{homes, meter, read};
use crate::issue::Issue;
use crate::store::matching;

/// How long documents are gathered before it is asked whether that is the quicker way.
const PATIENCE: Duration = Duration::from_millis(3);
/// Shelves or events gathered at most.
const GATHERED_MAX: usize = 20_000;
/// Issues or events looked at together on a walk.
const STRIDE: usize = 128;

/// The way that a search was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Nothing is asked of events.
    Listed,
    /// What fits was looked up as a whole.
    Gathered,
    /// Issues or events were walked, each looked up by itself.
    Walked,
    /// As [`Route::Walked`], because what is asked of issues and of events is mixed.
    Mixed,
}

/// Issues, and how they were found.
pub(super) struct Found {
    pub(super) page: IssuePage,
    pub(super) route: Route,
}

pub(super) fn issues(conn: &Connection, search: &IssueSearch) -> Result<IssuePage, Failed> {
    Ok(issues_found(conn, search)?.page)
}

pub(super) fn issues_found(conn: &Connection, search: &IssueSearch) -> Result<Found, Failed> {
    let condition = with_numbers(conn, &search.condition)?;
    let wanted = search.limit.saturating_add(1);
    let (mut found, route) = match split(&condition) {
        Some((of_issue, of_event)) => {
            let filter = issue_sql::of(&of_issue);
            match is_true(&of_event) {
                true => (
                    page(conn, search.order, search.after, &filter, wanted)?,
                    Route::Listed,
                ),
                false => issues_with(conn, search, &filter, &of_event, wanted)?,
            }
        }
        None => {
            let mut lists = Lists::default();
            let found = walk_issues(conn, search, &Sql::all(), wanted, |issue| {
                let rest = condition.rest_for(&|test| matching::issue_fits(test, issue));
                let list = lists.of(conn, &rest)?;
                has_document(conn, issue, list)
            })?;
            (found, Route::Mixed)
        }
    };
    let has_more = found.len() > search.limit;
    found.truncate(search.limit);
    let next = found
        .last()
        .filter(|_| has_more)
        .map(|issue| search.order.place(issue));
    let page = IssuePage {
        issues: found,
        next,
    };
    Ok(Found { page, route })
}

/// The condition with the numbers of the issues that first came in a release it names, and of those that others are part of.
pub(super) fn with_numbers<'c>(
    conn: &Connection,
    condition: &'c Condition,
) -> Result<Cow<'c, Condition>, Failed> {
    let has_merged: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM derived_alias)")?
        .query_row([], |row| row.get(0))?;
    let condition = match has_merged {
        true => Cow::Owned(condition.with_roots(&mut |test| root(conn, test))?),
        false => Cow::Borrowed(condition),
    };
    if !condition.asks_first_release() {
        return Ok(condition);
    }
    let numbers = condition.with_first_releases(&mut |pattern| first_in(conn, pattern))?;
    Ok(Cow::Owned(numbers))
}

/// The number of the issue that another one is part of, which a test names.
fn root(conn: &Connection, test: &IssueTest) -> Result<Option<u64>, Failed> {
    let number = match test {
        IssueTest::Number(number) => Some(read::signed(*number)),
        IssueTest::Id(id) => read::number(conn, id)?,
        _ => None,
    };
    let target = number.map(|number| homes::target(conn, number));
    let target = target.transpose()?.flatten();
    Ok(target.map(read::unsigned).transpose()?)
}

/// The numbers of the issues whose earliest event is of such a release. Only issues with any such event are looked at.
fn first_in(conn: &Connection, pattern: &Pattern) -> Result<Vec<u64>, Failed> {
    let key = Key::Attribute("release".to_owned());
    let test = EventTest::Value(key, pattern.clone());
    let mut list = compile(conn, &Condition::Event(test))?;
    let mut issues = BTreeSet::new();
    let mut of_shelf = conn.prepare_cached("SELECT issue FROM derived_shelf WHERE id = ?1")?;
    let mut at = 0;
    while let Some(found) = list.seek(conn, at, &mut Reach::all().coarse())? {
        let shelf = found >> 32;
        issues.insert(of_shelf.query_row([shelf], |row| row.get::<_, i64>(0))?);
        at = document(shelf + 1, 0);
    }
    meter::count(issues.len());
    let mut earliest = conn.prepare_cached(
        "SELECT p.event, p.is_moved, e.variant FROM derived_placement p
         CROSS JOIN event e ON e.ingest_sequence = p.event
         WHERE p.issue = ?1 ORDER BY p.time, p.event LIMIT 1",
    )?;
    let mut numbers = Vec::new();
    for issue in issues {
        let first = earliest.query_row([issue], |row| {
            let shelf = shelf(row.get(2)?, issue, row.get(1)?);
            Ok(document(shelf, row.get(0)?))
        })?;
        if list.holds(conn, first)? {
            numbers.push(read::unsigned(issue)?);
        }
    }
    Ok(numbers)
}

fn issues_with(
    conn: &Connection,
    search: &IssueSearch,
    filter: &Sql,
    condition: &Condition,
    wanted: usize,
) -> Result<(Vec<Issue>, Route), Failed> {
    let mut list = compile(conn, condition)?;
    let count = conn.query_row("SELECT count(*) FROM derived_issue", [], |row| row.get(0))?;
    let gathered = gather(conn, &mut list, wanted, count, Grain::Shelf)?;
    if let Some(documents) = gathered {
        let shelves: Vec<i64> = documents.iter().map(|document| document >> 32).collect();
        let among = Sql {
            text: "i.number IN (SELECT s.issue FROM json_each(?) j CROSS JOIN derived_shelf s ON s.id = j.value)".into(),
            values: vec![numbers(&shelves)],
        };
        let found = page(
            conn,
            search.order,
            search.after,
            &filter.and(&among),
            wanted,
        )?;
        return Ok((found, Route::Gathered));
    }
    let found = walk_issues(conn, search, filter, wanted, |issue| {
        has_document(conn, issue, &mut list)
    })?;
    Ok((found, Route::Walked))
}

/// What is gathered: one document of each shelf, or all.
#[derive(Clone, Copy)]
enum Grain {
    Shelf,
    Document,
}

impl Grain {
    fn reach(self, deadline: Instant) -> Reach {
        let reach = Reach {
            deadline: Some(deadline),
            ..Reach::all()
        };
        match self {
            Self::Shelf => reach.coarse(),
            Self::Document => reach,
        }
    }

    fn next(self, found: i64) -> i64 {
        match self {
            Self::Shelf => document((found >> 32) + 1, 0),
            Self::Document => found + 1,
        }
    }
}

/// The documents of a list, as many as matter; none if a walk over the `count` there are will be
/// quicker: it looks at many that do not fit, but ends when it has as many as are wanted.
fn gather(
    conn: &Connection,
    list: &mut Postings,
    wanted: usize,
    count: i64,
    grain: Grain,
) -> rusqlite::Result<Option<Vec<i64>>> {
    let last: Option<i64> = conn.query_row(
        "SELECT max(id) FROM derived_shelf WHERE id < 1073741824",
        [],
        |row| row.get(0),
    )?;
    let last = document(last.unwrap_or_default() + 1, 0);
    let mut patience = PATIENCE;
    let mut reach = grain.reach(Instant::now() + patience);
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(document) = list.seek(conn, at, &mut reach)? {
        match reach.is_late {
            true => at = document,
            false => {
                found.push(document);
                at = grain.next(document);
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
            reach = grain.reach(Instant::now() + patience);
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
    order: IssueOrder,
    after: Option<Place>,
    filter: &Sql,
    limit: usize,
) -> rusqlite::Result<Vec<Issue>> {
    let (sql, values) = read::issues_sql(order, after, filter, limit);
    let issues: Vec<Issue> = conn
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), read::issue_row)?
        .collect::<rusqlite::Result<_>>()?;
    meter::count(issues.len());
    Ok(issues)
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
        let stride = page(conn, search.order, after, filter, STRIDE)?;
        after = stride.last().map(|issue| search.order.place(issue));
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
        let found = list.seek(conn, document(shelf, 0), &mut Reach::until(last).coarse())?;
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
    let (hits, next, _) = events_found(conn, search)?;
    Ok((hits, next))
}

pub(super) fn events_found(
    conn: &Connection,
    search: &EventSearch,
) -> Result<(Vec<Hit>, Option<Place>, Route), Failed> {
    let condition = with_numbers(conn, &search.condition)?;
    let wanted = search.limit.saturating_add(1);
    let (mut found, route) = match split(&condition) {
        Some((of_issue, of_event)) => {
            let filter = issue_sql::of(&of_issue);
            match is_true(&of_event) {
                true => {
                    let stops = stride(conn, search.after, &filter, wanted)?;
                    let hits: Vec<Hit> = stops.into_iter().map(|stop| stop.hit).collect();
                    (hits, Route::Listed)
                }
                false => events_with(conn, search, &filter, &of_event, wanted)?,
            }
        }
        None => {
            let mut lists = Lists::default();
            let found = walk_events(conn, search, &Sql::all(), wanted, |conn, stop| {
                let number = read::unsigned(stop.issue)?;
                let Some(issue) = read::issue_by_number(conn, number)? else {
                    return Ok(false);
                };
                let rest = condition.rest_for(&|test| matching::issue_fits(test, &issue));
                Ok(lists.of(conn, &rest)?.holds(conn, stop.document)?)
            })?;
            (found, Route::Mixed)
        }
    };
    let has_more = found.len() > search.limit;
    found.truncate(search.limit);
    let next = found.last().filter(|_| has_more).map(|hit| Place {
        by: hit.time,
        id: hit.sequence as u64,
    });
    Ok((found, next, route))
}

fn events_with(
    conn: &Connection,
    search: &EventSearch,
    filter: &Sql,
    condition: &Condition,
    wanted: usize,
) -> Result<(Vec<Hit>, Route), Failed> {
    let mut list = compile(conn, condition)?;
    let count = conn.query_row("SELECT events FROM derived_total", [], |row| row.get(0))?;
    if let Some(documents) = gather(conn, &mut list, wanted, count, Grain::Document)? {
        let sequences: Vec<i64> = documents
            .iter()
            .map(|document| document & 0xffff_ffff)
            .collect();
        let among = Sql {
            text: "p.event IN (SELECT value FROM json_each(?))".into(),
            values: vec![numbers(&sequences)],
        };
        let stops = stride(conn, search.after, &filter.and(&among), wanted)?;
        let hits = stops.into_iter().map(|stop| stop.hit).collect();
        return Ok((hits, Route::Gathered));
    }
    let found = walk_events(conn, search, filter, wanted, |conn, stop| {
        Ok(list.holds(conn, stop.document)?)
    })?;
    Ok((found, Route::Walked))
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
    let stops: Vec<Stop> = conn
        .prepare_cached(&sql)?
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
        .collect::<rusqlite::Result<_>>()?;
    meter::count(stops.len());
    Ok(stops)
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
pub(super) fn split(condition: &Condition) -> Option<(Condition, Condition)> {
    let (mut of_issue, mut of_event) = (Vec::new(), Vec::new());
    let is_sorted = sort_out(condition, &mut of_issue, &mut of_event);
    is_sorted.then_some((Condition::All(of_issue), Condition::All(of_event)))
}

/// Puts each part of what must all hold to its like; false if one is about both. What stands in parentheses or in a
/// saved search must hold as well.
fn sort_out(
    condition: &Condition,
    of_issue: &mut Vec<Condition>,
    of_event: &mut Vec<Condition>,
) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().all(|part| sort_out(part, of_issue, of_event)),
        part => match (part.asks_issue(), part.asks_event()) {
            (true, true) => false,
            (true, false) => {
                of_issue.push(part.clone());
                true
            }
            (false, _) => {
                of_event.push(part.clone());
                true
            }
        },
    }
}

pub(super) fn is_true(condition: &Condition) -> bool {
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
