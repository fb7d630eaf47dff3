//! `search`: the issues or events that fit a query, in the vault or in its archives.

use std::io;

use crashvault::{
    ArchivesFound, Cursor, Doubt, Error, EventsFound, IssuesFound, Result as Answer, Timestamp,
    Vault,
};
use serde_json::{Value, json};

use super::list;
use super::reading::{self, Place};
use super::{Done, chosen};
use crate::args::Search;
use crate::output::failure::Excerpt;
use crate::output::{Failure, Screen, Stop, explanation, json, table, visible};

pub fn run(place: &Place, search: &Search, screen: &mut Screen) -> Result<Done, Stop> {
    let query = chosen::query(Some(&search.query.join(" ")), &search.chosen)?;
    if let Some(name) = &search.save {
        return save(place, name, &query, screen);
    }
    let opened = match reading::open(place, search.wait, screen) {
        Err(stop) if reading::is_missing(&stop) => {
            if screen.json {
                screen.value(&empty_page(place, search, 0))?;
            }
            list::tell_missing(place, screen);
            return Ok(Done::Well);
        }
        opened => opened?,
    };
    if search.explain {
        return explain(&opened.vault, search, &query, screen);
    }
    let found = find(&opened.vault, search, &query).map_err(|error| explained(&error, &query))?;
    if screen.json {
        let mut value = empty_page(place, search, opened.waiting_count);
        found.fill(&mut value);
        screen.value(&value)?;
    } else {
        found.write(screen)?;
    }
    // On a terminal what is said about the answer stands below it.
    screen.flush()?;
    found.tell_unreadable(screen);
    for doubt in found.doubts() {
        screen.note(explanation::doubt(doubt));
    }
    match found.next() {
        _ if found.is_empty() => screen.note("nothing fits"),
        Some(cursor) if !screen.json => {
            screen.note(format!("there are more; --after {cursor} goes on"));
        }
        _ => {}
    }
    Ok(Done::Well)
}

/// A page of what was found.
enum Found {
    Issues(IssuesFound),
    Events(EventsFound),
    Archived(ArchivesFound),
}

fn save(place: &Place, name: &str, query: &str, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = place.open()?;
    let name = name.strip_prefix('@').unwrap_or(name);
    let replaced = vault
        .save_search(name, query)
        .map_err(|error| explained(&error, query))?;
    if screen.json {
        screen.value(&json!({"name": name, "query": query, "replaced": replaced}))?;
        return Ok(Done::Well);
    }
    screen.line(format!("Saved as @{name}: {}", visible(query)))?;
    if let Some(before) = replaced.filter(|before| before != query) {
        screen.flush()?;
        screen.note(format!("@{name} was before: {}", visible(&before)));
    }
    Ok(Done::Well)
}

fn explain(vault: &Vault, search: &Search, query: &str, screen: &mut Screen) -> Result<Done, Stop> {
    let asked = asked(search, query);
    let told = match search.events {
        true => vault.explain_events(&asked),
        false => vault.explain(&asked),
    };
    let told = told.map_err(|error| explained(&error, query))?;
    if screen.json {
        screen.value(&explanation::json(&told))?;
        return Ok(Done::Well);
    }
    explanation::write(&told, search.events, screen)?;
    screen.flush()?;
    for doubt in &told.doubts {
        screen.note(explanation::doubt(doubt));
    }
    Ok(Done::Well)
}

fn asked(search: &Search, query: &str) -> crashvault::Search {
    let asked = crashvault::Search::new(query)
        .sort(search.sort.unwrap_or_default())
        .reversed(
            search
                .direction
                .is_reversed(search.sort.unwrap_or_default()),
        )
        .limit(search.limit as usize);
    let asked = search.period.of(asked);
    match &search.after {
        Some(cursor) => asked.after(cursor),
        None => asked,
    }
}

fn find(vault: &Vault, search: &Search, query: &str) -> Answer<Found> {
    let asked = asked(search, query);
    match (search.events, search.archived) {
        (true, _) => vault.search_events(&asked).map(Found::Events),
        (_, true) => vault.search_archives(&asked).map(Found::Archived),
        _ => vault.search(&asked).map(Found::Issues),
    }
}

impl Found {
    fn next(&self) -> Option<&Cursor> {
        match self {
            Self::Issues(found) => found.next.as_ref(),
            Self::Events(found) => found.next.as_ref(),
            Self::Archived(found) => found.next.as_ref(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Issues(found) => found.issues.is_empty(),
            Self::Events(found) => found.events.is_empty(),
            Self::Archived(found) => found.issues.is_empty(),
        }
    }

    fn doubts(&self) -> &[Doubt] {
        match self {
            Self::Issues(found) => &found.doubts,
            Self::Events(found) => &found.doubts,
            Self::Archived(found) => &found.doubts,
        }
    }

    fn fill(&self, value: &mut Value) {
        value["next"] = self.next().map(Cursor::to_string).into();
        value["doubts"] = explanation::doubts_json(self.doubts());
        match self {
            Self::Issues(found) => {
                value["issues"] = found.issues.iter().map(json::issue).collect();
            }
            Self::Events(found) => {
                value["events"] = found.events.iter().map(json::found_event).collect();
            }
            Self::Archived(found) => {
                value["issues"] = found.issues.iter().map(json::archived).collect();
                let unreadable = found.unreadable.iter();
                value["unreadable"] = unreadable.map(|path| path.to_string_lossy()).collect();
            }
        }
    }

    fn write(&self, screen: &mut Screen) -> io::Result<()> {
        let now = Timestamp::now();
        let lines: Vec<String> = match (self, screen.width) {
            (Self::Issues(found), _) => return list::write_lines(&found.issues, screen),
            (Self::Events(found), Some(columns)) => {
                table::events(&found.events, now, columns, screen.paint)
            }
            (Self::Events(found), None) => found.events.iter().map(table::event_line).collect(),
            (Self::Archived(found), Some(columns)) => {
                let found = found.issues.iter();
                let (issues, paths): (Vec<_>, Vec<_>) = found
                    .map(|archived| (archived.issue.clone(), archived.path.as_path()))
                    .unzip();
                table::archived(&issues, &paths, now, columns, screen.paint)
            }
            (Self::Archived(found), None) => {
                found.issues.iter().map(table::archived_line).collect()
            }
        };
        lines.iter().try_for_each(|line| screen.line(line))
    }

    fn tell_unreadable(&self, screen: &Screen) {
        let Self::Archived(found) = self else { return };
        for path in &found.unreadable {
            let path = path.display().to_string();
            screen.note(format!(
                "{} is damaged; what lies behind the damage was not looked at",
                visible(&path)
            ));
        }
    }
}

fn empty_page(place: &Place, search: &Search, waiting_count: u64) -> Value {
    let what = match search.events {
        true => "events",
        false => "issues",
    };
    let mut value = json!({
        "vault": place.directory.to_string_lossy(),
        "waiting_count": waiting_count,
        what: [],
        "next": null,
        "doubts": [],
    });
    if search.archived {
        value["unreadable"] = json!([]);
    }
    value
}

/// The failure with the place in the query that it is about.
pub fn explained(error: &Error, query: &str) -> Failure {
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
