//! `group-rules test`: which rule fits an event, why the others do not, and where the event would come to.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crashvault::issue::Comparison;
use crashvault::{
    ErrorKind, Event, EventId, FieldMissed, GroupRulesTried, GroupingTried, IssueRef, RuleTried,
    Vault,
};
use serde_json::{Value, json};

use super::Done;
use super::reading::{self, Place};
use crate::args::{GroupRules, GroupRulesCommand, TestRules};
use crate::output::event::Page;
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop, Style};

/// An event that was named has this many bytes at most.
const BYTES_MAX: u64 = 64 << 20;

pub fn run(place: &Place, rules: &GroupRules, screen: &mut Screen) -> Result<Done, Stop> {
    let GroupRulesCommand::Test(test) = &rules.command;
    let mut vault = reading::open(place, test.wait, screen)?.vault;
    let (id, tried) = tried(&mut vault, test, screen)?;
    if screen.json {
        screen.value(&value(id, &tried))?;
    } else {
        let mut page = Page::new(screen.paint, true);
        page.width = screen.width;
        write(&mut page, &tried);
        page.lines.iter().try_for_each(|line| screen.line(line))?;
        screen.flush()?;
        for fault in &tried.faults {
            screen.note(visible(fault));
        }
    }
    Ok(match tried.faults.is_empty() {
        true => Done::Well,
        false => Done::Badly,
    })
}

fn tried(
    vault: &mut Vault,
    test: &TestRules,
    screen: &Screen,
) -> Result<(Option<EventId>, GroupRulesTried), Stop> {
    let rules = test.rules.as_deref();
    if let Some(path) = rules {
        fs::File::open(path).map_err(|error| reading::unread(path, &error))?;
    }
    let told = |error: crashvault::Error| match (error.kind(), rules) {
        (ErrorKind::Io | ErrorKind::Corrupt | ErrorKind::NotFound, Some(_))
            if error.operation() != "find event" =>
        {
            Failure::new(
                error.to_string(),
                "--rules names a file of the form of vault.toml",
            )
            .into()
        }
        _ => Stop::from(error),
    };
    if test.event == "-" || Path::new(&test.event).is_file() {
        let event = read(&test.event)?;
        return Ok((None, vault.try_group_rules(event, rules).map_err(told)?));
    }
    let id = stored(vault, &test.event, screen)?;
    Ok((Some(id), vault.try_group_rules_on(id, rules).map_err(told)?))
}

/// The event that is named, else the newest of the issue that is.
fn stored(vault: &Vault, name: &str, screen: &Screen) -> Result<EventId, Stop> {
    let reference = name.parse::<IssueRef>().map_err(|_| {
        let message = format!(
            "{} is no file, and no event or issue is called so",
            visible(name)
        );
        Failure::new(
            message,
            "name an event by its id, an issue, a file, or - for stdin",
        )
    })?;
    let (issue, event) = reading::find(vault, &reference, screen)?;
    Ok(event.unwrap_or(issue.last_event))
}

fn read(name: &str) -> Result<Event, Stop> {
    let mut bytes = Vec::new();
    let ended = match name {
        "-" => io::stdin().lock().take(BYTES_MAX).read_to_end(&mut bytes),
        path => fs::File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes)),
    };
    let shown = match name {
        "-" => "stdin".into(),
        path => visible(path),
    };
    ended.map_err(|error| reading::unread(Path::new(name), &error))?;
    Event::from_json(&bytes).map_err(|error| {
        let message = format!("{shown} holds no event: {}", error.message());
        Failure::new(
            message,
            "an event is one JSON object; `crashvault show --json` shows some",
        )
        .into()
    })
}

fn value(id: Option<EventId>, tried: &GroupRulesTried) -> Value {
    json!({
        "event_id": id.map(|id| id.to_string()),
        "issue_number": tried.issue_number,
        "rules": tried.rules.iter().map(rule_value).collect::<Vec<_>>(),
        "before": grouping_value(&tried.before),
        "after": grouping_value(&tried.after),
        "faults": tried.faults,
    })
}

fn rule_value(rule: &RuleTried) -> Value {
    let misses = rule
        .misses
        .iter()
        .map(|miss| json!({"field": miss.field, "patterns": miss.patterns, "values": miss.values}));
    json!({"number": rule.number, "id": rule.id, "is_deciding": rule.is_deciding, "misses": misses.collect::<Vec<_>>()})
}

fn grouping_value(grouping: &GroupingTried) -> Value {
    json!({
        "reason": grouping.reason,
        "parts": grouping.parts,
        "variant": grouping.variant.to_string(),
        "is_known": grouping.is_known,
        "issue_number": grouping.issue_number,
        "title": grouping.title,
        "comparison": grouping.comparison.as_ref().map(Comparison::to_value),
    })
}

fn write(page: &mut Page, tried: &GroupRulesTried) {
    page.line(page.paint.on(Style::Bold, visible(&tried.after.title)));
    page.heading("Rules");
    if tried.rules.is_empty() {
        page.line("  none");
    }
    let numbered = |rule: &RuleTried| {
        let name = visible(&rule.id).into_owned();
        // A rule that has no name is called by its number.
        let name = match rule.number.to_string() {
            number if number == name => number,
            number => format!("{number} {name}"),
        };
        (name, verdict(rule))
    };
    let rows: Vec<(String, String)> = tried.rules.iter().map(numbered).collect();
    page.rows(&rows);
    grouping(page, "Without rules", &tried.before, None);
    grouping(page, "With them", &tried.after, tried.issue_number);
}

fn verdict(rule: &RuleTried) -> String {
    match (rule.is_deciding, rule.misses.as_slice()) {
        (true, _) => "fits, and decides".into(),
        (false, []) => "fits, and is not asked: one before it decides".into(),
        (false, misses) => {
            let misses = misses.iter().map(missed).collect::<Vec<_>>();
            format!("does not fit: {}", misses.join("\n"))
        }
    }
}

fn missed(miss: &FieldMissed) -> String {
    let quoted = |texts: &[String]| {
        let texts = texts.iter().map(|text| format!("'{}'", visible(text)));
        texts.collect::<Vec<_>>().join(", ")
    };
    let field = visible(&miss.field);
    let patterns = quoted(&miss.patterns);
    match (miss.values.as_slice(), miss.field.as_str()) {
        ([], "template") => format!("the event has no message for {patterns}"),
        ([], _) => format!("the event has no {field} for {patterns}"),
        (values, "template") => format!("the message {} is not of {patterns}", quoted(values)),
        (values, _) => format!("{field} {} is not of {patterns}", quoted(values)),
    }
}

fn grouping(page: &mut Page, name: &str, grouping: &GroupingTried, now: Option<u64>) {
    page.heading(name);
    let parts = grouping.parts.iter().map(|part| visible(part).into_owned());
    let mut rows = vec![
        (
            "decided by".to_owned(),
            visible(&grouping.reason).into_owned(),
        ),
        ("key".into(), parts.collect::<Vec<_>>().join("\n")),
        ("comes to".into(), destination(grouping)),
    ];
    rows.extend(now.map(|number| {
        (
            "is now in".to_owned(),
            format!("issue #{number}; it stays there"),
        )
    }));
    page.rows(&rows);
}

fn destination(grouping: &GroupingTried) -> String {
    let score = grouping.comparison.as_ref();
    let score = score.and_then(|comparison| Some(comparison.nearest.as_ref()?.score));
    match (grouping.issue_number, grouping.is_known, score) {
        (Some(number), true, _) => format!("issue #{number}, which has this variant"),
        (Some(number), false, Some(score)) => {
            format!("issue #{number}, as a new variant that is like it ({score:.2} of 1)")
        }
        (Some(number), false, None) => format!("issue #{number}"),
        (None, _, Some(score)) => {
            format!("a new issue; the nearest one is like it by {score:.2} of 1")
        }
        (None, _, None) => "a new issue".into(),
    }
}
