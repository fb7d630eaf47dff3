//! `events`: events, newest first, page by page.

use crashvault::{EventsFound, Search, StoredEvent, Timestamp, Vault};
use serde_json::json;

use super::reading::{self, Place};
use super::search::explained;
use super::{Done, chosen, list};
use crate::args::Events;
use crate::output::{Screen, Stop, json, table};

/// Events of one page of those that are passed over.
const PASSED_PAGE: usize = 500;

pub fn run(place: &Place, events: &Events, screen: &mut Screen) -> Result<Done, Stop> {
    let opened = match reading::open(place, events.wait, screen) {
        Err(stop) if reading::is_missing(&stop) && events.issue.is_none() => {
            if screen.json {
                screen.value(&json!({
                    "vault": place.directory.to_string_lossy(),
                    "waiting_count": 0,
                    "events": [],
                    "next": null,
                }))?;
            }
            list::tell_missing(place, screen);
            return Ok(Done::Well);
        }
        opened => opened?,
    };
    let found = find(&opened.vault, events, screen)?;
    if screen.json {
        screen.value(&json!({
            "vault": place.directory.to_string_lossy(),
            "waiting_count": opened.waiting_count,
            "events": found.events.iter().map(json::found_event).collect::<Vec<_>>(),
            "next": found.next.as_ref().map(ToString::to_string),
        }))?;
    } else {
        write(&found.events, screen)?;
    }
    screen.flush()?;
    match found.next {
        _ if found.events.is_empty() => screen.note("there are none"),
        Some(cursor) if !screen.json => {
            screen.note(format!("there are more; --after {cursor} goes on"));
        }
        _ => {}
    }
    Ok(Done::Well)
}

/// The events for people or, in a pipe, for programs that read lines.
fn write(events: &[StoredEvent], screen: &mut Screen) -> std::io::Result<()> {
    let lines = match screen.width {
        Some(columns) => table::events(events, Timestamp::now(), columns, screen.paint),
        None => events.iter().map(table::event_line).collect(),
    };
    lines.iter().try_for_each(|line| screen.line(line))
}

fn find(vault: &Vault, events: &Events, screen: &Screen) -> Result<EventsFound, Stop> {
    let query = query(vault, events, screen)?;
    let mut search = Search::new(&query);
    if let Some(cursor) = &events.after {
        search = search.after(cursor);
    }
    let mut passed = events.offset as usize;
    while passed > 0 {
        let page = asked(
            vault,
            search.clone().limit(passed.min(PASSED_PAGE)),
            &query,
            events,
        )?;
        let Some(next) = page.next else {
            let mut nothing = page;
            nothing.events.clear();
            return Ok(nothing);
        };
        passed -= page.events.len().min(passed);
        search = search.after(&next);
    }
    asked(vault, search.limit(events.limit as usize), &query, events)
}

/// A query that cannot be read is shown as it was typed.
fn asked(vault: &Vault, search: Search, query: &str, events: &Events) -> Result<EventsFound, Stop> {
    let error = match vault.search_events(&search) {
        Ok(found) => return Ok(found),
        Err(error) => error,
    };
    if let Some(typed) = &events.query
        && let Err(error) = vault.search_events(&Search::new(typed).limit(1))
    {
        return Err(explained(&error, typed).into());
    }
    Err(explained(&error, query).into())
}

fn query(vault: &Vault, events: &Events, screen: &Screen) -> Result<String, Stop> {
    let typed = events.query.as_deref().unwrap_or_default();
    let Some(issue) = &events.issue else {
        return Ok(typed.to_owned());
    };
    let (issue, _) = reading::find(vault, issue, screen)?;
    Ok(match typed.trim().is_empty() {
        true => format!("issue:{}", issue.number),
        false => format!("issue:{} {}", issue.number, chosen::part(typed)?),
    })
}
