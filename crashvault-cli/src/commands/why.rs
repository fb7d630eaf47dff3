//! `why`: what decided that events are in their issue.

use crashvault::issue::{Alike, AlikeFunction, Comparison, RunnerUp, VariantWhy, Verdict};
use crashvault::{Activity, Deed, EventId, IssueId, IssueRef, Timestamp, Vault, Why};

use super::Done;
use super::reading::{self, Place};
use crate::args::WhyIssue;
use crate::output::age::{age, moment};
use crate::output::event::Page;
use crate::output::text::{counted, fit, visible};
use crate::output::{Screen, Stop, Style};

/// Functions that are shown of each side.
const FUNCTIONS_MAX: usize = 12;

pub fn run(place: &Place, asked: &WhyIssue, screen: &mut Screen) -> Result<Done, Stop> {
    let vault = reading::open(place, asked.wait, screen)?.vault;
    let (issue, event) = reading::find(&vault, &asked.issue, screen)?;
    let why = match event {
        Some(event) => vault.why_event(event)?,
        None => vault.why(&IssueRef::Id(issue.id))?,
    };
    if screen.json {
        screen.value(&why.to_value())?;
        return Ok(Done::Well);
    }
    let mut page = Page::new(screen.paint, true);
    page.width = screen.width;
    let moved = event.map(|event| moved(&vault, &why, event)).transpose()?;
    head(&mut page, &why, &issue.title, moved.flatten().as_ref());
    for (index, variant) in why.variants.iter().enumerate() {
        write(&mut page, index, variant, why.issue);
    }
    page.lines.iter().try_for_each(|line| screen.line(line))?;
    Ok(Done::Well)
}

/// The decision that put an event where its variant is not.
fn moved(vault: &Vault, why: &Why, event: EventId) -> Result<Option<Activity>, Stop> {
    let activities = vault.activities(&IssueRef::Id(why.issue))?;
    let mut newest_first = activities.into_iter().rev();
    Ok(newest_first.find(|activity| activity.deed == Deed::MoveEvent(event)))
}

fn head(page: &mut Page, why: &Why, title: &str, moved: Option<&Activity>) {
    let number = page.paint.on(Style::Name, format!("#{}", why.issue_number));
    let title = page.paint.on(Style::Bold, visible(title));
    page.line(format!("{number}  {title}"));
    match why.event {
        Some(event) => page.line(match moved {
            Some(moved) => format!(
                "Event {event} is there because {} moved it ({}).",
                visible(&moved.author),
                moment(moved.decided_at)
            ),
            None => format!("Event {event} is there because its variant is."),
        }),
        None => {
            let variants = counted(why.variants.len() as u64, "variant", "variants");
            page.line(format!("Its events are {variants}."));
        }
    }
}

fn write(page: &mut Page, index: usize, variant: &VariantWhy, issue: IssueId) {
    let key = variant.variant.to_string();
    page.heading(&format!("{}. {}", index + 1, &key[..key.len().min(12)]));
    let parts = variant.parts.iter().map(|part| visible(part).into_owned());
    let now = Timestamp::now();
    let joined = variant.joined_at;
    let mut rows = vec![
        ("verdict".to_owned(), verdict(variant)),
        ("key".into(), parts.collect::<Vec<_>>().join("\n")),
        (
            "decided".into(),
            format!(
                "{} ({}), by algorithm {}",
                age(joined, now),
                moment(joined),
                variant.algorithm
            ),
        ),
    ];
    if variant.issue != issue {
        let at_first = named(&variant.issue, variant.issue_number);
        rows.push(("at first in".into(), format!("{at_first}; people moved it")));
    }
    let (Verdict::Similar(comparison) | Verdict::Founded(comparison)) = &variant.verdict else {
        page.rows(&rows);
        return;
    };
    rows.extend(compared(comparison));
    page.rows(&rows);
    if let Some(nearest) = &comparison.nearest {
        functions(page, nearest);
    }
}

fn verdict(variant: &VariantWhy) -> String {
    match &variant.verdict {
        Verdict::Rule { id } => format!("the rule {} made its key", visible(id)),
        Verdict::Similar(_) => "alike enough to a known variant: it joined that one's issue".into(),
        Verdict::Founded(comparison) if comparison.nearest.is_some() => {
            "not alike enough to anything known: it founded an issue".into()
        }
        Verdict::Founded(_) => "had nothing in common with anything: it founded an issue".into(),
        _ => match variant.reason.as_str() {
            "note" | "report" => "a person wrote it: it is an issue of its own".into(),
            "fingerprint" => "the sender's fingerprint is its key".into(),
            reason => format!(
                "its key alone decides (by {}); nothing was compared",
                visible(reason)
            ),
        },
    }
}

fn compared(comparison: &Comparison) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    if let Some(nearest) = &comparison.nearest {
        rows.push((
            "nearest".to_owned(),
            named(&nearest.issue, nearest.issue_number),
        ));
        let of = |value: f64, min: f64| {
            let than = if value >= min {
                "at least"
            } else {
                "less than"
            };
            format!("{value:.3}, {than} the {min:.2} that are needed")
        };
        rows.push(("score".into(), of(nearest.score, comparison.score_min)));
        rows.push((
            "support".into(),
            of(nearest.support, comparison.support_min),
        ));
        let parts = nearest.parts.iter().map(|part| {
            format!(
                "{} {:.2} (weight {:.2})",
                visible(&part.name),
                part.likeness,
                part.weight
            )
        });
        rows.push(("made of".into(), parts.collect::<Vec<_>>().join("\n")));
    }
    let next = match &comparison.runner_up {
        Some(RunnerUp {
            issue,
            issue_number,
            score,
            support,
            ..
        }) => {
            format!(
                "{}, score {score:.3}, support {support:.3}",
                named(issue, *issue_number)
            )
        }
        None => "none".into(),
    };
    rows.push(("runner-up".into(), next));
    rows
}

fn named(issue: &IssueId, number: Option<u64>) -> String {
    match number {
        Some(number) => format!("issue #{number}"),
        None => format!("an issue that is gone ({issue})"),
    }
}

fn functions(page: &mut Page, nearest: &Alike) {
    let mark = |function: &AlikeFunction| match function.is_matched {
        true => ('+', Style::Good),
        false => ('-', Style::Bad),
    };
    let own: Vec<_> = nearest
        .functions
        .iter()
        .map(|function| (function, mark(function)))
        .collect();
    let missing: Vec<_> = nearest
        .functions_missing
        .iter()
        .map(|function| (function, ('~', Style::Dim)))
        .collect();
    for (name, functions) in [("functions", own), ("only there", missing)] {
        if functions.is_empty() {
            continue;
        }
        page.line(format!("  {}", page.paint.on(Style::Dim, name)));
        let columns = page
            .width
            .map_or(usize::MAX, |columns| columns.saturating_sub(13));
        for (function, (mark, style)) in functions.iter().take(FUNCTIONS_MAX) {
            let text = visible(&function.name);
            let text = page
                .paint
                .on(*style, format!("{mark} {}", fit(&text, columns)));
            page.line(format!("    {:>5.2}  {text}", function.weight));
        }
        if functions.len() > FUNCTIONS_MAX {
            let more = functions.len() - FUNCTIONS_MAX;
            page.line(
                page.paint
                    .on(Style::Dim, format!("           … {more} more")),
            );
        }
    }
}
