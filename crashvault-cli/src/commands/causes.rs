//! `causes`: what several issues have in common that may be their one cause.

use crashvault::{Cause, CausesFound, FactKind, Issue, Search, SharedFact};
use serde_json::{Value, json};

use super::reading::{self, Place};
use super::search::explained;
use super::{Done, list};
use crate::args::Causes;
use crate::output::event::Page;
use crate::output::text::{counted, fit, visible};
use crate::output::{Screen, Stop, Style};

/// Issues of a candidate that are shown, and facts.
const ISSUES_SHOWN: usize = 5;
const FACTS_SHOWN: usize = 4;
const WIDTH_MIN: usize = 40;

pub fn run(place: &Place, causes: &Causes, screen: &mut Screen) -> Result<Done, Stop> {
    let opened = match reading::open(place, causes.wait, screen) {
        Err(stop) if reading::is_missing(&stop) && !screen.json => {
            list::tell_missing(place, screen);
            return Ok(Done::Well);
        }
        opened => opened?,
    };
    let query = causes.query.join(" ");
    let search = causes.period.of(Search::new(&query));
    let found = opened.vault.causes(&search, causes.limit as usize);
    let found = found.map_err(|error| explained(&error, &query))?;
    match (screen.json, screen.width) {
        (true, _) => {
            let mut value = value(&found);
            value["vault"] = place.directory.to_string_lossy().into();
            value["waiting_count"] = opened.waiting_count.into();
            screen.value(&value)?;
        }
        (false, Some(columns)) => {
            let mut page = Page::new(screen.paint, true);
            for (index, cause) in found.causes.iter().enumerate() {
                write(&mut page, index, cause, columns.max(WIDTH_MIN));
            }
            page.lines.iter().try_for_each(|line| screen.line(line))?;
        }
        (false, None) => {
            for (index, cause) in found.causes.iter().enumerate() {
                let facts = cause.facts.iter();
                let lines: Vec<String> = facts.map(|fact| fact_line(index, cause, fact)).collect();
                lines.iter().try_for_each(|line| screen.line(line))?;
            }
        }
    }
    screen.flush()?;
    if found.causes.is_empty() {
        let issues = counted(found.issue_count as u64, "issue", "issues");
        screen.note(format!(
            "{issues} looked at; they share nothing that tells some of them apart"
        ));
    }
    if found.is_cut {
        let issues = counted(found.issue_count as u64, "issue", "issues");
        screen.note(format!(
            "only {issues} were looked at; a query or --since chooses others"
        ));
    }
    Ok(Done::Well)
}

fn value(found: &CausesFound) -> Value {
    let causes = found.causes.iter().map(|cause| {
        json!({
            "score": cause.score,
            "project": cause.project,
            "facts": cause.facts.iter().map(fact_value).collect::<Vec<_>>(),
            "issues": cause.issues.iter().map(issue_value).collect::<Vec<_>>(),
        })
    });
    json!({
        "issue_count": found.issue_count,
        "is_cut": found.is_cut,
        "causes": causes.collect::<Vec<_>>(),
    })
}

fn fact_value(fact: &SharedFact) -> Value {
    json!({
        "kind": fact.kind.name(),
        "key": fact.key,
        "value": fact.value,
        "score": fact.score,
        "issue_count": fact.issue_count,
        "project_count": fact.project_count,
        "share_inside": fact.share_inside,
        "share_outside": fact.share_outside,
        "lift": fact.lift,
    })
}

fn issue_value(issue: &Issue) -> Value {
    json!({
        "id": issue.id.to_string(),
        "number": issue.number,
        "title": issue.title,
        "seen_count": issue.seen_count,
        "first_seen": issue.first_seen.to_string(),
        "last_seen": issue.last_seen.to_string(),
    })
}

fn fact_line(index: usize, cause: &Cause, fact: &SharedFact) -> String {
    let numbers = cause.issues.iter().map(|issue| issue.number.to_string());
    [
        (index + 1).to_string(),
        format!("{:.3}", cause.score),
        fact.kind.name().to_owned(),
        visible(fact.key.as_deref().unwrap_or_default()).into_owned(),
        visible(&fact.value).into_owned(),
        fact.issue_count.to_string(),
        format!("{:.3}", fact.share_inside),
        format!("{:.3}", fact.share_outside),
        format!("{:.1}", fact.lift),
        numbers.collect::<Vec<_>>().join(","),
    ]
    .join("\t")
}

fn write(page: &mut Page, index: usize, cause: &Cause, columns: usize) {
    if index > 0 {
        page.line("");
    }
    let Some((first, others)) = cause.facts.split_first() else {
        return;
    };
    let score = page
        .paint
        .on(Style::Dim, format!("score {:.2}", cause.score));
    let name = fit(&named(first), columns.saturating_sub(16)).into_owned();
    let name = page.paint.on(Style::Bold, name);
    page.line(format!("{}. {name}  {score}", index + 1));
    page.line(format!("   {}", fit(&evidence(first), columns - 3)));
    for fact in others.iter().take(FACTS_SHOWN) {
        let text = format!("also {}: {}", named(fact), evidence(fact));
        page.line(format!("   {}", fit(&text, columns - 3)));
    }
    for issue in cause.issues.iter().take(ISSUES_SHOWN) {
        let number = format!("#{}", issue.number);
        let title = visible(&issue.title);
        let title = fit(&title, columns.saturating_sub(number.len() + 7));
        page.line(format!(
            "     {}  {title}",
            page.paint.on(Style::Name, &number)
        ));
    }
    if cause.issues.len() > ISSUES_SHOWN {
        let more = cause.issues.len() - ISSUES_SHOWN;
        page.line(page.paint.on(Style::Dim, format!("     … {more} more")));
    }
}

fn named(fact: &SharedFact) -> String {
    let value = visible(&fact.value);
    match (&fact.kind, &fact.key) {
        (FactKind::Tag, Some(key)) => format!("tag {}={value}", visible(key)),
        (kind, _) => format!("{} {value}", kind.name()),
    }
}

fn evidence(fact: &SharedFact) -> String {
    let issues = format!("{} of {} issues", fact.issue_count, fact.project_count);
    let lift = format!("{:.1} times as common as in all", fact.lift);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    match fact.kind {
        FactKind::Release | FactKind::Tag => {
            let (inside, outside) = (percent(fact.share_inside), percent(fact.share_outside));
            format!("{issues}; {inside} of their events, {outside} of the others'; {lift}")
        }
        _ => format!("{issues}; {lift}"),
    }
}
