//! `generate-report`: what there is, counted.

use crashvault::{ExportFormat, ReportRule, Vault};

use super::Done;
use super::export::{file_of, file_value, refused};
use super::reading::{self, Place};
use crate::args::GenerateReport;
use crate::output::text::visible;
use crate::output::{Screen, Stop};

pub fn run(place: &Place, asked: &GenerateReport, screen: &mut Screen) -> Result<Done, Stop> {
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
