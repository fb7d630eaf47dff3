//! `search`: the issues or events that fit a query.

use crashvault::{Cursor, Error, Timestamp};
use serde_json::{Value, json};

use super::Done;
use super::list;
use super::reading::{self, Place};
use crate::args::Search;
use crate::output::failure::Excerpt;
use crate::output::{Failure, Screen, Stop, json, table};

pub fn run(place: &Place, search: &Search, screen: &mut Screen) -> Result<Done, Stop> {
    let opened = match reading::open(place, search.wait, screen) {
        Err(stop) if reading::is_missing(&stop) => {
            if screen.json {
                let none = json!([]);
                screen.value(&page(place, search, 0, none, None))?;
            }
            list::tell_missing(place, screen);
            return Ok(Done::Well);
        }
        opened => opened?,
    };
    let query = search.query.join(" ");
    let mut asked = crashvault::Search::new(&query)
        .sort(search.sort.unwrap_or_default())
        .limit(search.limit as usize);
    if let Some(cursor) = &search.after {
        asked = asked.after(cursor);
    }
    let explain = |error: Error| explained(&error, &query);
    let vault = &opened.vault;
    let waiting = opened.waiting_count;
    let (count, next) = if search.events {
        let found = vault.search_events(&asked).map_err(explain)?;
        let next = found.next.as_ref();
        if screen.json {
            let events = found.events.iter().map(json::found_event).collect();
            screen.value(&page(place, search, waiting, events, next))?;
        } else {
            let lines = match screen.width {
                Some(columns) => {
                    table::events(&found.events, Timestamp::now(), columns, screen.paint)
                }
                None => found.events.iter().map(table::event_line).collect(),
            };
            lines.iter().try_for_each(|line| screen.line(line))?;
        }
        (found.events.len(), found.next)
    } else {
        let found = vault.search(&asked).map_err(explain)?;
        let next = found.next.as_ref();
        if screen.json {
            let issues = found.issues.iter().map(json::issue).collect();
            screen.value(&page(place, search, waiting, issues, next))?;
        } else {
            list::write_lines(&found.issues, screen)?;
        }
        (found.issues.len(), found.next)
    };
    // On a terminal what is said about the answer stands below it.
    screen.flush()?;
    match next {
        _ if count == 0 => screen.note("nothing fits"),
        Some(cursor) if !screen.json => {
            screen.note(format!("there are more; --after {cursor} goes on"));
        }
        _ => {}
    }
    Ok(Done::Well)
}

fn page(
    place: &Place,
    search: &Search,
    waiting_count: u64,
    found: Value,
    next: Option<&Cursor>,
) -> Value {
    let what = match search.events {
        true => "events",
        false => "issues",
    };
    json!({
        "vault": place.directory.to_string_lossy(),
        "waiting_count": waiting_count,
        what: found,
        "next": next.map(Cursor::to_string),
    })
}

/// The failure with the place in the query that it is about.
fn explained(error: &Error, query: &str) -> Failure {
    let mut failure = Failure::from(error);
    let position = error.context().find(|(key, _)| *key == "position");
    failure.excerpt = position
        .and_then(|(_, position)| position.parse().ok())
        .map(|position| Excerpt {
            query: query.to_owned(),
            position,
        });
    failure
}
