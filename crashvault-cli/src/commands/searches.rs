//! `searches`: what was saved by `search --save`, and how it is forgotten.

use serde_json::json;

use super::Done;
use super::list;
use super::reading::{self, Place};
use crate::args::{Searches, SearchesCommand};
use crate::output::text::{visible, width};
use crate::output::{Screen, Stop, Style};

pub fn run(place: &Place, searches: &Searches, screen: &mut Screen) -> Result<Done, Stop> {
    match &searches.command {
        Some(SearchesCommand::Remove(remove)) => forget(place, &remove.name, screen),
        None => show(place, screen),
    }
}

fn show(place: &Place, screen: &mut Screen) -> Result<Done, Stop> {
    let found = place.open().and_then(|vault| vault.saved_searches());
    let found = match found.map_err(Stop::from) {
        Err(stop) if reading::is_missing(&stop) => {
            list::tell_missing(place, screen);
            Vec::new()
        }
        Ok(found) if found.is_empty() => {
            screen.note("no search is saved; `crashvault search --save NAME QUERY` saves one");
            found
        }
        found => found?,
    };
    if screen.json {
        let searches = found.iter();
        let searches = searches.map(|saved| json!({"name": saved.name, "query": saved.query}));
        screen.value(&json!({
            "vault": place.directory.to_string_lossy(),
            "searches": searches.collect::<Vec<_>>(),
        }))?;
        return Ok(Done::Well);
    }
    let widest = found.iter().map(|saved| width(&saved.name)).max();
    for saved in &found {
        let query = visible(&saved.query);
        match screen.width {
            Some(_) => {
                let blanks = " ".repeat(widest.unwrap_or_default() - width(&saved.name));
                let name = screen.paint.on(Style::Name, format!("@{}", saved.name));
                screen.line(format!("{name}{blanks}  {query}"))?;
            }
            None => screen.line(format!("{}\t{query}", visible(&saved.name)))?,
        }
    }
    Ok(Done::Well)
}

fn forget(place: &Place, name: &str, screen: &mut Screen) -> Result<Done, Stop> {
    let name = name.strip_prefix('@').unwrap_or(name);
    let query = place.open()?.remove_search(name)?;
    match screen.json {
        true => screen.value(&json!({"name": name, "query": query}))?,
        false => screen.line(format!("Forgot @{}: {}", visible(name), visible(&query)))?,
    }
    Ok(Done::Well)
}
