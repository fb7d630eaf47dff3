//! `share`: one issue as a page for a ticket.

use crashvault::{ExportFormat, ExportRule, IssueRef, Vault};

use super::Done;
use super::export::{file_of, file_value, refused};
use super::reading::{self, Place};
use super::show;
use crate::args::Share;
use crate::output::text::visible;
use crate::output::{Screen, Stop, json};

pub fn run(place: &Place, share: &Share, screen: &mut Screen) -> Result<Done, Stop> {
    let vault = reading::open(place, share.wait, screen)?.vault;
    let (issue, _) = reading::find(&vault, &share.issue, screen)?;
    let output = file_of(share.output.as_deref());
    if screen.json {
        let value = json::shown(&show::gather(&vault, issue, None, 1)?);
        let Some(path) = output else {
            screen.value(&value)?;
            return Ok(Done::Well);
        };
        let text = format!("{:#}\n", screen.chosen(&value)?);
        let write = &mut |out: &mut dyn std::io::Write| {
            let written = out.write_all(text.as_bytes());
            written.map_err(|error| crashvault::Error::io("share", path, error))
        };
        Vault::write_file(path, share.force, write).map_err(refused)?;
        // The names chose among the keys of the page.
        if !screen.has_choice() {
            screen.value(&file_value(path, "json"))?;
        }
        return Ok(Done::Well);
    }
    let format = match share.html {
        true => ExportFormat::Html,
        false => ExportFormat::Markdown,
    };
    let rule = ExportRule::issue(&IssueRef::Id(issue.id));
    let Some(path) = output else {
        let written = vault.export(&rule, format, screen.writer(), &mut |_| {});
        written.map_err(refused)?;
        return Ok(Done::Well);
    };
    let written = vault.export_file(&rule, format, path, share.force, &mut |_| {});
    written.map_err(refused)?;
    let name = path.display().to_string();
    screen.line(format!(
        "Wrote issue #{} into {}",
        issue.number,
        visible(&name)
    ))?;
    Ok(Done::Well)
}
