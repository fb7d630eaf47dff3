//! `status`: what the vault holds, what it has lost, where its bytes are, and its settings.

use crashvault::{ReportCursor, SpaceReport, Vault, VaultStatus};

use super::Done;
use super::reading::{self, Place};
use crate::args::Status;
use crate::output::event::Page;
use crate::output::text::{bytes, count, counted, visible};
use crate::output::{Screen, Stop, Style, json};

pub fn run(place: &Place, asked: &Status, screen: &mut Screen) -> Result<Done, Stop> {
    let opened = match reading::open(place, asked.wait, screen) {
        Err(Stop::Failed(mut failure)) => {
            // Nothing to tell the status of is a failure here, as it is for the doctor.
            failure.code = crate::output::failure::FAILED;
            return Err(failure.into());
        }
        opened => opened?,
    };
    let status = opened.vault.status()?;
    let space = asked.space.then(|| opened.vault.space()).transpose()?;
    let reports = reports(&opened.vault, screen)?;
    if screen.json {
        let mut value = json::status(&status, space.as_ref());
        value["reports"] = reports.iter().map(json::reported).collect();
        screen.value(&value)?;
        return Ok(Done::Well);
    }
    let mut page = Page::new(screen.paint, true);
    page.width = screen.width;
    write(&mut page, &status, &reports);
    if let Some(space) = &space {
        tables(&mut page, space);
    }
    settings(&mut page, &status);
    page.lines.iter().try_for_each(|line| screen.line(line))?;
    Ok(Done::Well)
}

/// Where events were sent to, each with how many are still to be sent there.
fn reports(vault: &Vault, screen: &Screen) -> Result<Vec<(ReportCursor, u64)>, Stop> {
    let cursors = vault.reports().unwrap_or_else(|error| {
        screen.note(visible(&error.to_string()));
        Vec::new()
    });
    let counted = cursors.into_iter().map(|cursor| {
        let waiting = vault.event_count_behind(cursor.reached)?;
        Ok((cursor, waiting))
    });
    counted.collect()
}

fn write(page: &mut Page, status: &VaultStatus, reports: &[(ReportCursor, u64)]) {
    let place = status.directory.display().to_string();
    page.line(
        page.paint
            .on(Style::Bold, format!("Vault {}", visible(&place))),
    );
    let mut rows = vec![
        row("holds", held(status)),
        row("waiting", waiting(status)),
        row("thinned out", thinned(status)),
        row("lost", lost(page, status)),
    ];
    if status.torn_count + status.unreadable_count > 0 {
        rows.push(row("damaged", damaged(status)));
    }
    rows.extend(reports.iter().map(reported));
    rows.push(row("on disk", disk(status)));
    rows.extend(left(page, status).map(|left| row("disk", left)));
    if status.is_read_only {
        rows.push(row("access", "read only: it cannot be written here".into()));
    }
    rows.push(row(
        "format",
        format!("{}, id {}", status.format, status.vault_id),
    ));
    if Vault::has_v1_data(&status.directory) {
        rows.push(row(
            "beside it",
            "data of Crashvault 1, left as it is".into(),
        ));
    }
    page.rows(&rows);
}

fn row(name: &str, value: String) -> (String, String) {
    (name.into(), value)
}

fn held(status: &VaultStatus) -> String {
    [
        counted(status.event_count, "event", "events"),
        counted(status.issue_count, "issue", "issues"),
        counted(status.project_count, "project", "projects"),
    ]
    .join(", ")
}

fn waiting(status: &VaultStatus) -> String {
    let events = counted(status.waiting_count, "event", "events");
    let writers = counted(status.writers_alive, "running program", "running programs");
    format!("{events}; {writers} with the journal open")
}

fn thinned(status: &VaultStatus) -> String {
    format!(
        "at least {} by flood control, {} by sampling, {} by before_send",
        count(status.throttled_count),
        count(status.sampled_count),
        count(status.refused_count),
    )
}

fn lost(page: &Page, status: &VaultStatus) -> String {
    let events = counted(status.lost_count, "event", "events");
    if status.lost_count == 0 {
        return events;
    }
    let why = status
        .last_failure
        .as_deref()
        .unwrap_or("the reason was not kept");
    format!("{}\n{}", page.paint.on(Style::Worst, events), visible(why))
}

fn damaged(status: &VaultStatus) -> String {
    let places = counted(status.torn_count, "place", "places");
    let files = counted(status.unreadable_count, "part", "parts");
    format!("{places} of the journal passed over, {files} not readable by this version (kept)")
}

fn reported((cursor, waiting): &(ReportCursor, u64)) -> (String, String) {
    let sent = counted(cursor.sent_count, "event", "events");
    let refused = match cursor.refused_count {
        0 => String::new(),
        refused => format!(", {} refused", count(refused)),
    };
    let place = visible(&cursor.destination);
    let mut text = format!("{sent} to {place}{refused}, {} to go", count(*waiting));
    if let Some(trouble) = &cursor.trouble {
        text.push_str(&format!("\n{}", visible(trouble)));
    }
    row("sent on", text)
}

fn disk(status: &VaultStatus) -> String {
    format!(
        "{} in vault.db ({} payloads, {} records and indexes, {} unused)\n\
         {} in journal/, {} in symbols/, {} in attachments/, {} in archive/",
        bytes(status.store_bytes),
        bytes(status.payload_bytes),
        bytes(json::index_bytes(status)),
        bytes(status.store_free_bytes),
        bytes(status.journal_bytes),
        bytes(status.symbols_bytes),
        bytes(status.attachments_bytes),
        bytes(status.archive_bytes),
    )
}

/// What the file system has left, where it says so.
fn left(page: &Page, status: &VaultStatus) -> Option<String> {
    let free = format!("{} free", bytes(status.disk_free_bytes?));
    Some(match status.is_disk_full {
        false => free,
        true => format!(
            "{}\nless than space.free_min_mb: events stay in the journal until there is room",
            page.paint.on(Style::Worst, free)
        ),
    })
}

fn tables(page: &mut Page, space: &SpaceReport) {
    page.heading("Tables of vault.db, each with its indexes");
    let rows = space.tables.iter();
    let rows: Vec<_> = rows
        .map(|(name, size)| row(&visible(name), bytes(*size)))
        .collect();
    page.rows(&rows);
}

fn settings(page: &mut Page, status: &VaultStatus) {
    page.heading("Settings");
    let widest = |text: fn(&crashvault::Setting) -> usize| {
        status.settings.iter().map(text).max().unwrap_or(0)
    };
    let (of_key, of_value) = (
        widest(|s| s.key.len()),
        widest(|s| s.value.chars().count()).min(44),
    );
    for setting in &status.settings {
        let value = visible(&setting.value);
        let source = page.paint.on(Style::Dim, format!("({})", setting.source));
        page.line(format!(
            "  {:of_key$}  {value:of_value$}  {source}",
            setting.key
        ));
    }
}
