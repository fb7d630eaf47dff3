//! `set-status`, `set-severity`, `set-title`, `batch`: one thing set, or many issues changed.

use crashvault::issue::TITLE_CHARS_MAX;
use crashvault::{Deed, Ignore, IssueId, IssueRef, Resolution, Search, Status, Vault};

use serde_json::json;

use super::decide::{Decided, each, each_in};
use super::reading::{self, Place};
use super::search::explained;
use super::{Done, ask};
use crate::args::{Batch, SetSeverity, SetStatus, SetTitle, Wait};
use crate::output::text::counted;
use crate::output::{Screen, Stop};

/// Issues of one page of those that a query finds.
const PAGE: usize = 500;

pub fn set_status(place: &Place, set: &SetStatus, screen: &mut Screen) -> Result<Done, Stop> {
    one(place, &set.issue, turn(set.status), screen)
}

pub fn set_severity(place: &Place, set: &SetSeverity, screen: &mut Screen) -> Result<Done, Stop> {
    let deed = Deed::SetSeverity(set.severity.clone());
    one(place, &set.issue, deed, screen)
}

pub fn set_title(place: &Place, set: &SetTitle, screen: &mut Screen) -> Result<Done, Stop> {
    let title = set.title.as_deref().map(|title| cut(title, screen));
    one(place, &set.issue, Deed::SetTitle(title), screen)
}

fn one(place: &Place, issue: &IssueRef, deed: Deed, screen: &mut Screen) -> Result<Done, Stop> {
    let issues = std::slice::from_ref(issue);
    each(place, issues, screen, |vault, issue| {
        Ok(Decided::of([vault.decide(issue, deed.clone())?]))
    })
}

/// As many characters as a title may have, as v1 kept.
fn cut(title: &str, screen: &Screen) -> String {
    let title = title.trim();
    match title.char_indices().nth(TITLE_CHARS_MAX) {
        None => title.to_owned(),
        Some((end, _)) => {
            screen.note(format!("the title was cut to {TITLE_CHARS_MAX} characters"));
            title[..end].to_owned()
        }
    }
}

/// What gives an issue this status, from now on and for ever.
fn turn(status: Status) -> Deed {
    match status {
        Status::Resolved => Deed::Resolve(Resolution::Now),
        Status::Ignored => Deed::Ignore(Ignore::Forever),
        _ => Deed::Reopen,
    }
}

pub fn batch(place: &Place, batch: &Batch, screen: &mut Screen) -> Result<Done, Stop> {
    let deeds = deeds(batch);
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let issues = match &batch.query {
        None => batch.issues.clone(),
        Some(query) => {
            let found = found(&vault, query)?;
            if found.is_empty() {
                if screen.json {
                    screen.value(&json!({ "decided": [] }))?;
                }
                screen.note("nothing fits, and nothing was changed");
            } else {
                let issues = counted(found.len() as u64, "issue fits", "issues fit");
                let question = format!("{issues} the query. Change them?");
                ask::confirm(&question, batch.yes, screen)?;
            }
            found
        }
    };
    each_in(&mut vault, &issues, screen, |vault, issue| {
        let decisions = deeds.iter().map(|deed| (issue.clone(), deed.clone()));
        let decisions: Vec<_> = decisions.collect();
        Ok(Decided::all(vault.decide_all(&decisions)?))
    })
}

fn deeds(batch: &Batch) -> Vec<Deed> {
    let mut deeds: Vec<Deed> = batch.to().map(turn).into_iter().collect();
    let severity = batch.severity.clone();
    deeds.extend(severity.map(|severity| Deed::SetSeverity(Some(severity))));
    let set = batch.tags.iter();
    deeds.extend(set.map(|(key, value)| Deed::Tag {
        key: key.clone(),
        value: Some(value.clone()),
    }));
    let removed = batch.untags.iter();
    deeds.extend(removed.map(|key| Deed::Tag {
        key: key.clone(),
        value: None,
    }));
    deeds
}

/// All issues that fit, found before the first is changed: a change may make them fit no longer.
fn found(vault: &Vault, query: &str) -> Result<Vec<IssueRef>, Stop> {
    let mut found: Vec<IssueId> = Vec::new();
    let mut search = Search::new(query).limit(PAGE);
    loop {
        let page = vault
            .search(&search)
            .map_err(|error| explained(&error, query))?;
        found.extend(page.issues.iter().map(|issue| issue.id));
        match page.next {
            Some(next) => search = search.after(&next),
            None => return Ok(found.into_iter().map(IssueRef::Id).collect()),
        }
    }
}
