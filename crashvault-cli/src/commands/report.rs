//! `generate-report`: what there is, counted.

use crashvault::{Error, ExportFormat, ReportRule, Vault};

use super::Done;
use super::export::{file_of, file_value, refused};
use super::reading::{self, Place};
use crate::args::GenerateReport;
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop};

pub fn run(place: &Place, asked: &GenerateReport, screen: &mut Screen) -> Result<Done, Stop> {
    if screen.has_choice()
        && asked
            .format
            .is_some_and(|format| format != ExportFormat::Json)
    {
        let message = "--json=FIELDS chooses among the keys of JSON, and --format asks for a page";
        return Err(Failure::usage(message, "leave out one of them").into());
    }
    let vault = reading::open(place, asked.wait, screen)?.vault;
    let mut rule = ReportRule::default();
    if let Some(status) = asked.status {
        rule = rule.status(status);
    }
    if let Some(level) = asked.level {
        rule = rule.level(level);
    }
    for (key, value) in &asked.tags {
        rule = rule.tag(key, value);
    }
    let format = asked.format.unwrap_or(match screen.json {
        true => ExportFormat::Json,
        false => ExportFormat::Markdown,
    });
    if screen.has_choice() {
        return write_chosen(&vault, &rule, asked, screen);
    }
    let Some(path) = file_of(asked.output.as_deref()) else {
        vault
            .report(&rule, format, screen.writer())
            .map_err(refused)?;
        return Ok(Done::Well);
    };
    let write = &mut |out: &mut dyn std::io::Write| vault.report(&rule, format, out);
    Vault::write_file(path, asked.force, write).map_err(refused)?;
    let name = path.display().to_string();
    match screen.json {
        true => screen.value(&file_value(path, format.name()))?,
        false => screen.line(format!("Report written into {}", visible(&name)))?,
    }
    Ok(Done::Well)
}

/// Some keys alone. What is chosen from is held whole, unlike a report that is written as it is made.
fn write_chosen(
    vault: &Vault,
    rule: &ReportRule,
    asked: &GenerateReport,
    screen: &mut Screen,
) -> Result<Done, Stop> {
    let mut text = Vec::new();
    vault.report(rule, ExportFormat::Json, &mut text)?;
    let value = serde_json::from_slice(&text).map_err(std::io::Error::other)?;
    let Some(path) = file_of(asked.output.as_deref()) else {
        screen.value(&value)?;
        return Ok(Done::Well);
    };
    let text = format!("{:#}\n", screen.chosen(&value)?);
    let write = &mut |out: &mut dyn std::io::Write| {
        let written = out.write_all(text.as_bytes());
        written.map_err(|error| Error::io("report", path, error))
    };
    Vault::write_file(path, asked.force, write).map_err(refused)?;
    Ok(Done::Well)
}
