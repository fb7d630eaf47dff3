//! `merge`, `unmerge`, `move`, `related`, `regroup`: what belongs together.

use crashvault::{
    Activity, Deed, Issue, IssueRef, RegroupedMerge, RegroupedSplit, RegroupedVariant, Regrouping,
    Vault,
};
use serde_json::{Value, json};

use super::Done;
use super::decide::{self, Decided};
use super::reading::{self, Place};
use crate::args::{Merge, Move, Regroup, Related, Unmerge, Wait};
use crate::output::text::{counted, visible};
use crate::output::{Screen, Stop, Style, json, table};

pub fn merge(place: &Place, merge: &Merge, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let into = named(&vault, &merge.into)?;
    let others = merge.others.iter().map(|other| named(&vault, other));
    let others = others.collect::<Result<Vec<_>, _>>()?;
    let taken = others.iter().map(|other| vault.issue(other));
    let taken = taken.collect::<crashvault::Result<Vec<Issue>>>()?;
    let activities = vault.merge(&into, &others)?;
    let issue = vault.issue(&into)?;
    if screen.json {
        let merged = vault.merged(&into)?.into_iter();
        let merged = merged.map(|(number, id)| json!({"number": number, "id": id.to_string()}));
        screen.value(&json!({
            "decided": [decided(&issue, &activities)],
            "merged": merged.collect::<Vec<_>>(),
        }))?;
        return Ok(Done::Well);
    }
    let mut numbers: Vec<u64> = taken.iter().map(|issue| issue.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let what = format!("now has what {} had", list(&numbers));
    tell(&issue, &what, screen)?;
    Ok(Done::Well)
}

pub fn unmerge(place: &Place, unmerge: &Unmerge, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let reference = named(&vault, &unmerge.issue)?;
    let variant = vault.variant(&reference, &unmerge.variant)?;
    let activity = vault.unmerge(&reference, variant)?;
    let issue = vault.issue(&reference)?;
    // Without an event that is here it is not shown.
    let to = match activity.deed {
        Deed::Unmerge { to, .. } => vault.issue(&IssueRef::Id(to)).ok(),
        _ => None,
    };
    if screen.json {
        screen.value(&json!({
            "decided": [decided(&issue, std::slice::from_ref(&activity))],
            "to": to.as_ref().map(json::issue),
        }))?;
        return Ok(Done::Well);
    }
    let where_to = match &to {
        Some(to) => format!("#{}", to.number),
        None => "an issue without events".into(),
    };
    let variant = variant.to_string();
    let what = format!(
        "no longer has variant {}, which is now in {where_to}",
        short(&variant)
    );
    tell(&issue, &what, screen)?;
    Ok(Done::Well)
}

pub fn move_event(place: &Place, moved: &Move, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let to = named(&vault, &moved.issue)?;
    let activity = vault.move_event(moved.event, &to)?;
    let issue = vault.issue(&to)?;
    decide::answer(&issue, Decided::of([activity]), screen)?;
    Ok(Done::Well)
}

pub fn related(place: &Place, related: &Related, screen: &mut Screen) -> Result<Done, Stop> {
    let vault = reading::open(place, Wait::default(), screen)?.vault;
    let (issue, _) = reading::find(&vault, &related.issue, screen)?;
    let found = vault.related(&IssueRef::Id(issue.id))?;
    if screen.json {
        let found = found.iter().map(|related| {
            json!({
                "issue": json::issue(&related.issue),
                "score": related.score,
                "variant": related.variant.to_string(),
                "is_like": related.is_like.to_string(),
            })
        });
        screen.value(&json!({ "related": found.collect::<Vec<_>>() }))?;
        return Ok(Done::Well);
    }
    if found.is_empty() {
        screen.note(format!("no other issue is like #{}", issue.number));
    }
    for related in &found {
        let line = match screen.width {
            Some(_) => format!(
                "{:.2}  {}  {}",
                related.score,
                screen
                    .paint
                    .on(Style::Name, format!("#{}", related.issue.number)),
                visible(&related.issue.title)
            ),
            None => format!(
                "{:.4}\t{}",
                related.score,
                table::tab_separated(&related.issue)
            ),
        };
        screen.line(line)?;
    }
    Ok(Done::Well)
}

pub fn regroup(place: &Place, regroup: &Regroup, screen: &mut Screen) -> Result<Done, Stop> {
    let mut vault = reading::open(place, Wait::default(), screen)?.vault;
    let regrouping = match regroup.apply {
        true => vault.regroup()?.0,
        false => vault.plan_regrouping()?,
    };
    if screen.json {
        screen.value(&regrouped(&regrouping, regroup.apply))?;
        return Ok(Done::Well);
    }
    for merge in &regrouping.merges {
        let line = merge_line(merge, screen);
        screen.line(line)?;
    }
    for split in &regrouping.splits {
        let line = split_line(split, screen);
        screen.line(line)?;
    }
    for variant in &regrouping.variants {
        let line = variant_line(variant, screen);
        screen.line(line)?;
    }
    screen.note(summary(&regrouping, regroup.apply));
    Ok(Done::Well)
}

fn summary(regrouping: &Regrouping, is_applied: bool) -> String {
    let grouped = format!(
        "{} of {} grouped",
        counted(regrouping.event_count, "event", "events"),
        counted(regrouping.variant_count, "variant", "variants")
    );
    if regrouping.is_empty() {
        return format!("{grouped}: all are where they belong");
    }
    let merges = counted(regrouping.merges.len() as u64, "issue", "issues");
    let splits = regrouping.splits.iter().map(|split| split.event_count);
    let splits = counted(splits.sum(), "event", "events");
    let new = regrouping.variants.len() as u64;
    let new = match new {
        0 => String::new(),
        _ => format!(", {}", counted(new, "new variant", "new variants")),
    };
    match is_applied {
        true => format!("{grouped}: {merges} merged, {splits} moved{new}; `undo` takes it back"),
        false => {
            format!("{grouped}: {merges} would merge, {splits} would move{new}; --apply does it")
        }
    }
}

fn variant_line(variant: &RegroupedVariant, screen: &Screen) -> String {
    let key = variant.variant.to_string();
    let number = variant.issue.as_ref().map(|issue| issue.number);
    let rule = variant.rule.as_deref().map(visible);
    match screen.width {
        Some(_) => format!(
            "new variant {} in {} ({}{})",
            short(&key),
            number.map_or("a new issue".into(), |number| {
                screen.paint.on(Style::Name, format!("#{number}"))
            }),
            counted(variant.event_count, "event", "events"),
            rule.map_or(String::new(), |rule| format!(", rule {rule}")),
        ),
        None => format!(
            "variant\t{key}\t{}\t\t\t{}\t{}",
            number.map_or("new".into(), |number| number.to_string()),
            variant.event_count,
            rule.unwrap_or_default()
        ),
    }
}

fn merge_line(merge: &RegroupedMerge, screen: &Screen) -> String {
    let (issue, into) = (&merge.issue, &merge.into);
    let events = counted(issue.seen_count, "event", "events");
    match screen.width {
        Some(_) => format!(
            "merge {} into {} ({:.2}, {events}): {}",
            screen.paint.on(Style::Name, format!("#{}", issue.number)),
            screen.paint.on(Style::Name, format!("#{}", into.number)),
            merge.score,
            visible(&issue.title)
        ),
        None => format!(
            "merge\t{}\t{}\t{:.4}\t{}\t{}\t{}",
            issue.number,
            into.number,
            merge.score,
            merge.variant_count,
            issue.seen_count,
            visible(&issue.title)
        ),
    }
}

fn split_line(split: &RegroupedSplit, screen: &Screen) -> String {
    let issue = &split.issue;
    let count = split.variants.len() as u64;
    let to = split.to.as_ref();
    match screen.width {
        Some(_) => format!(
            "split {} ({}, {}{}) to {}: {}",
            screen.paint.on(Style::Name, format!("#{}", issue.number)),
            counted(count, "variant", "variants"),
            counted(split.event_count, "event", "events"),
            match &split.rules[..] {
                [] => String::new(),
                [rule] => format!(", rule {}", visible(rule)),
                rules => format!(", {} rules", rules.len()),
            },
            to.map_or("a new issue".into(), |to| format!("#{}", to.number)),
            visible(&issue.title)
        ),
        None => format!(
            "split\t{}\t{}\t\t{count}\t{}\t{}",
            issue.number,
            to.map_or("new".into(), |to| to.number.to_string()),
            split.event_count,
            visible(&issue.title)
        ),
    }
}

fn regrouped(regrouping: &Regrouping, is_applied: bool) -> Value {
    let merges = regrouping.merges.iter().map(|merge| {
        json!({
            "issue": json::issue(&merge.issue),
            "into": json::issue(&merge.into),
            "score": merge.score,
            "variant_count": merge.variant_count,
        })
    });
    let splits = regrouping.splits.iter().map(|split| {
        let variants = split.variants.iter().map(ToString::to_string);
        json!({
            "issue": json::issue(&split.issue),
            "to": split.to.as_ref().map(json::issue),
            "variants": variants.collect::<Vec<_>>(),
            "rules": split.rules,
            "event_count": split.event_count,
        })
    });
    let variants = regrouping.variants.iter().map(|variant| {
        json!({
            "variant": variant.variant.to_string(),
            "issue": variant.issue.as_ref().map(json::issue),
            "rule": variant.rule,
            "event_count": variant.event_count,
        })
    });
    json!({
        "is_applied": is_applied,
        "variant_count": regrouping.variant_count,
        "merges": merges.collect::<Vec<_>>(),
        "splits": splits.collect::<Vec<_>>(),
        "variants": variants.collect::<Vec<_>>(),
        "event_count": regrouping.event_count,
    })
}

/// The name as it was given, so that one of a merged issue is told; that of the issue where it was an event's id.
fn named(vault: &Vault, reference: &IssueRef) -> Result<IssueRef, Stop> {
    let (issue, asked) = reading::look_up(vault, reference)?;
    Ok(match asked {
        Some(_) => IssueRef::Id(issue.id),
        None => reference.clone(),
    })
}

fn decided(issue: &Issue, activities: &[Activity]) -> Value {
    let activities = activities.iter().map(Activity::to_value);
    json!({
        "issue": json::issue(issue),
        "activities": activities.collect::<Vec<_>>(),
    })
}

fn tell(issue: &Issue, what: &str, screen: &mut Screen) -> std::io::Result<()> {
    let number = screen.paint.on(Style::Name, format!("#{}", issue.number));
    let title = screen.paint.on(Style::Dim, visible(&issue.title));
    screen.line(format!("{number} {what}: {title}"))
}

/// The first digits of an id, enough to tell it from others.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// `#1, #2 and #3`.
fn list(numbers: &[u64]) -> String {
    let names: Vec<String> = numbers.iter().map(|number| format!("#{number}")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
