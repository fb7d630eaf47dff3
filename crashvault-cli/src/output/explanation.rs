//! How a search was understood and answered, for people and as JSON.

use std::io;

use crashvault::{Doubt, ExplainedTerm, Explanation, TermKind};
use serde_json::{Value, json};

use super::text::{counted, visible};
use super::{Screen, Style};

/// What may have been meant by a key.
pub fn doubt(doubt: &Doubt) -> String {
    let key = visible(&doubt.key);
    let meant = &doubt.meant;
    format!("{key} is looked for as a tag; did you mean {meant}?")
}

pub fn doubts_json(doubts: &[Doubt]) -> Value {
    let doubts = doubts.iter();
    let doubts = doubts
        .map(|doubt| json!({"position": doubt.position, "key": doubt.key, "meant": doubt.meant}));
    doubts.collect()
}

pub fn json(explanation: &Explanation) -> Value {
    let lists = explanation.lists.iter();
    let lists = lists.map(|(depth, what)| json!({"depth": depth, "what": what}));
    json!({
        "tree": term_json(&explanation.tree),
        "meaning": explanation.meaning,
        "route": explanation.route,
        "lists": lists.collect::<Vec<_>>(),
        "rows_read": explanation.rows_read,
        "found_count": explanation.found_count,
        "elapsed_us": explanation.elapsed_us,
        "doubts": doubts_json(&explanation.doubts),
    })
}

fn term_json(term: &ExplainedTerm) -> Value {
    let rows = term.rows.map(|rows| {
        json!({
            "count": rows.count,
            "is_at_least": rows.is_at_least,
            "of": if rows.is_of_issues { "issues" } else { "events" },
        })
    });
    json!({
        "kind": term.kind.name(),
        "position": term.position,
        "text": term.text,
        "meaning": term.meaning,
        "index": term.index,
        "rows": rows,
        "parts": term.parts.iter().map(term_json).collect::<Vec<_>>(),
    })
}

pub fn write(explanation: &Explanation, is_of_events: bool, screen: &mut Screen) -> io::Result<()> {
    screen.styled(Style::Name, "Read as (position, part, what it asks)")?;
    write_term(&explanation.tree, 1, screen)?;
    screen.styled(Style::Name, "Meaning")?;
    screen.line(format!("  {}", visible(&explanation.meaning)))?;
    screen.styled(Style::Name, "Plan")?;
    screen.line(format!("  {}", explanation.route))?;
    for (depth, list) in &explanation.lists {
        screen.line(format!("  {}{list}", "  ".repeat(depth + 1)))?;
    }
    screen.styled(Style::Name, "Cost")?;
    let rows = counted(explanation.rows_read, "row", "rows");
    let found = match is_of_events {
        true => counted(explanation.found_count as u64, "event", "events"),
        false => counted(explanation.found_count as u64, "issue", "issues"),
    };
    let milliseconds = explanation.elapsed_us as f64 / 1000.0;
    screen.line(format!(
        "  {rows} read, {milliseconds:.1} ms, {found} on the page"
    ))
}

fn write_term(term: &ExplainedTerm, depth: usize, screen: &mut Screen) -> io::Result<()> {
    let blanks = "  ".repeat(depth);
    let position = term.position;
    let name = match term.kind {
        TermKind::All if term.parts.is_empty() => "everything".to_owned(),
        TermKind::All => "all of".to_owned(),
        TermKind::Any => "any of".to_owned(),
        TermKind::Not => "not".to_owned(),
        _ => format!("{position}  {}", visible(&term.text)),
    };
    match &term.meaning {
        Some(meaning) => {
            screen.line(format!("{blanks}{name}  →  {}", visible(meaning)))?;
            let index = term.index.as_deref().unwrap_or_default();
            let rows = rows(term);
            screen.styled(Style::Dim, format!("{blanks}    {rows}in {index}"))?;
        }
        None => screen.line(format!("{blanks}{name}"))?,
    }
    let mut parts = term.parts.iter();
    parts.try_for_each(|part| write_term(part, depth + 1, screen))
}

fn rows(term: &ExplainedTerm) -> String {
    let Some(rows) = term.rows else {
        return String::new();
    };
    let what = match rows.is_of_issues {
        true => counted(rows.count, "issue", "issues"),
        false => counted(rows.count, "event", "events"),
    };
    match rows.is_at_least {
        true => format!("at least {what}, "),
        false => format!("{what}, "),
    }
}
