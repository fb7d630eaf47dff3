//! `tail`: events as they come in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crashvault::{READER_DRAIN_MAX, Search, StoredEvent, Vault};

use super::reading::{self, Place};
use super::search::explained;
use super::{Done, chosen};
use crate::args::{Tail, Wait};
use crate::output::{Failure, Screen, Stop, json, table, visible};

/// Events looked at together.
const PAGE: usize = 500;
/// How soon Ctrl-C is noticed.
const NAP: Duration = Duration::from_millis(50);

pub fn run(place: &Place, tail: &Tail, screen: &mut Screen) -> Result<Done, Stop> {
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))
        .map_err(|error| Failure::new(format!("cannot wait for Ctrl-C: {error}"), ""))?;
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let query = chosen::query(tail.query.as_deref(), &tail.chosen)?;
    let search = Search::new(&query).limit(PAGE);
    let reached = vault.last_ingest_sequence()?;
    begin(&vault, tail, &query, reached, screen)?;
    if screen.width.is_some() {
        screen.flush()?;
        screen.note("waiting for new events; Ctrl-C ends");
    }
    let mut following = Following {
        reached,
        told: String::new(),
    };
    while !interrupted.load(Ordering::Relaxed) {
        following.show_new(&vault, &search, screen)?;
        nap(tail.interval, &interrupted);
        following.take_in(&mut vault, screen);
    }
    following.show_new(&vault, &search, screen)?;
    Ok(Done::Well)
}

/// Those that are there already, the newest last.
fn begin(
    vault: &Vault,
    tail: &Tail,
    query: &str,
    reached: u64,
    screen: &mut Screen,
) -> Result<(), Stop> {
    let search = Search::new(query).limit(tail.lines.max(1) as usize);
    let found = vault
        .search_events(&search)
        .map_err(|error| explain(vault, &error, tail, query))?;
    let events = found.events.iter().take(tail.lines as usize).rev();
    // What came in since `reached` was read is shown as new.
    for stored in events.filter(|stored| stored.ingest_sequence <= reached) {
        show(stored, screen)?;
    }
    Ok(screen.flush()?)
}

/// A query that cannot be read is shown as it was typed.
fn explain(vault: &Vault, error: &crashvault::Error, tail: &Tail, query: &str) -> Failure {
    if let Some(typed) = &tail.query
        && let Err(error) = vault.search_events(&Search::new(typed).limit(1))
    {
        return explained(&error, typed);
    }
    explained(error, query)
}

struct Following {
    reached: u64,
    /// What was told last about events that cannot be taken in.
    told: String,
}

impl Following {
    fn show_new(
        &mut self,
        vault: &Vault,
        search: &Search,
        screen: &mut Screen,
    ) -> Result<(), Stop> {
        loop {
            let followed = vault.follow(search, self.reached)?;
            for stored in &followed.events {
                show(stored, screen)?;
            }
            screen.flush()?;
            if followed.reached == self.reached {
                return Ok(());
            }
            self.reached = followed.reached;
        }
    }

    /// What goes wrong is told once, and tried again.
    fn take_in(&mut self, vault: &mut Vault, screen: &Screen) {
        let Err(error) = vault.drain(READER_DRAIN_MAX) else {
            self.told.clear();
            return;
        };
        let why = error.to_string();
        if why != self.told {
            screen.note(format!(
                "new events could not be taken in: {}",
                visible(&why)
            ));
            self.told = why;
        }
    }
}

fn show(stored: &StoredEvent, screen: &mut Screen) -> std::io::Result<()> {
    if screen.json {
        return screen.value_line(&json::found_event(stored));
    }
    let line = match screen.width {
        Some(_) => table::followed_line(stored, screen.paint),
        None => table::event_line(stored),
    };
    screen.line(line)
}

fn nap(interval: Duration, interrupted: &AtomicBool) {
    let end = Instant::now() + interval;
    while !interrupted.load(Ordering::Relaxed) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(NAP));
    }
}
