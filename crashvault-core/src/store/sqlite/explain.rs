//! A search → how it is answered, in words and numbers.

use std::time::Instant;

use rusqlite::{Connection, params_from_iter};

use super::super::told::{Estimate, Plan};
use super::super::{Condition, EventSearch, EventTest, IssueSearch, IssueTest};
use super::compile::compile;
use super::postings::Reach;
use super::search::{self, Found, Route};
use super::{Failed, issue_sql, meter};

/// Events of a term that are counted; of more it is enough to know that they are many.
const COUNTED_MAX: u64 = 10_000;

/// What fits a term, and what it is looked up in. The condition asks of issues or of events, or of both.
pub(super) fn estimate(conn: &Connection, condition: &Condition) -> Result<Estimate, Failed> {
    let condition = search::with_numbers(conn, condition)?;
    let mut indexes = Vec::new();
    name_indexes(&condition, &mut indexes);
    let (rows, is_at_least) = match (condition.asks_issue(), condition.asks_event()) {
        (true, true) => (None, false),
        (true, false) => (Some(count_issues(conn, &condition)?), false),
        (false, _) => {
            let count = count_events(conn, &condition)?;
            (Some(count), count >= COUNTED_MAX)
        }
    };
    Ok(Estimate {
        index: indexes.join(", "),
        rows,
        is_at_least,
        is_of_issues: condition.asks_issue(),
    })
}

fn count_issues(conn: &Connection, condition: &Condition) -> rusqlite::Result<u64> {
    let filter = issue_sql::of(condition);
    let sql = format!("SELECT count(*) FROM derived_issue i WHERE {}", filter.text);
    let count: i64 = conn
        .prepare_cached(&sql)?
        .query_row(params_from_iter(filter.values), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn count_events(conn: &Connection, condition: &Condition) -> Result<u64, Failed> {
    let mut list = compile(conn, condition)?;
    let (mut count, mut at) = (0, 0);
    while let Some(document) = list.seek(conn, at, &mut Reach::all())? {
        count += 1;
        if count >= COUNTED_MAX {
            break;
        }
        at = document + 1;
    }
    Ok(count)
}

fn name_indexes(condition: &Condition, indexes: &mut Vec<&'static str>) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| name_indexes(part, indexes));
        }
        Condition::Not(part) => name_indexes(part, indexes),
        Condition::Issue(test) => name_index(indexes, of_issue(test)),
        Condition::Event(test) => of_event(test)
            .iter()
            .for_each(|name| name_index(indexes, name)),
    }
}

fn name_index(indexes: &mut Vec<&'static str>, name: &'static str) {
    if !indexes.contains(&name) {
        indexes.push(name);
    }
}

fn of_issue(test: &IssueTest) -> &'static str {
    match test {
        IssueTest::Status(_) => "issues by status",
        IssueTest::Project(_) => "issues by project",
        IssueTest::Number(_) | IssueTest::Id(_) | IssueTest::OneOf(_) => "issues by number",
        IssueTest::FirstSeen(_) => "issues by first seen",
        IssueTest::LastSeen(_) => "issues by last seen",
        IssueTest::SeenCount(_) => "issues by count",
        IssueTest::UserCount(_) => "issues by users",
        IssueTest::Label(..) => "labels of issues",
        _ => "issues, one by one",
    }
}

fn of_event(test: &EventTest) -> &'static [&'static str] {
    match test {
        EventTest::Value(..) => &["values, in the index of texts"],
        EventTest::Message(_) => &["index of texts, messages"],
        EventTest::Breadcrumb(_) => &["index of texts, breadcrumbs"],
        EventTest::Frame(..) => &["index of stacks"],
        EventTest::Anywhere(_) => &["index of texts", "index of stacks"],
        EventTest::Time(_) => &["events by issue and time"],
        EventTest::Id(_) => &["events by id"],
    }
}

pub(super) fn issues(conn: &Connection, search: &IssueSearch) -> Result<Plan, Failed> {
    let begun = Instant::now();
    let (found, rows_read) = meter::measured(|| search::issues_found(conn, search));
    let Found { page, route } = found?;
    Ok(Plan {
        elapsed: begun.elapsed(),
        rows_read,
        found: page.issues.len(),
        route: told(route, "issues"),
        lists: lists(conn, &search.condition)?,
    })
}

pub(super) fn events(conn: &Connection, search: &EventSearch) -> Result<Plan, Failed> {
    let begun = Instant::now();
    let (found, rows_read) = meter::measured(|| search::events_found(conn, search));
    let (hits, _, route) = found?;
    Ok(Plan {
        elapsed: begun.elapsed(),
        rows_read,
        found: hits.len(),
        route: told(route, "events"),
        lists: lists(conn, &search.condition)?,
    })
}

/// The lists that what is asked of events is joined from.
fn lists(conn: &Connection, condition: &Condition) -> Result<Vec<(usize, String)>, Failed> {
    let condition = search::with_numbers(conn, condition)?;
    let Some((_, of_event)) = search::split(&condition) else {
        return Ok(Vec::new());
    };
    let mut lists = Vec::new();
    if !search::is_true(&of_event) {
        compile(conn, &of_event)?.tell(0, &mut lists);
    }
    Ok(lists)
}

fn told(route: Route, what: &str) -> String {
    match route {
        Route::Listed => format!("nothing is asked of events: {what} are read in their order"),
        Route::Gathered => {
            format!("what fits was looked up in the indexes, then its {what} were read")
        }
        Route::Walked => {
            format!(
                "much fits: {what} were read in their order, each looked up, until the page was full"
            )
        }
        Route::Mixed => format!(
            "what is asked of issues and of events is mixed: {what} were read in their order, each with what is left to ask of it"
        ),
    }
}
