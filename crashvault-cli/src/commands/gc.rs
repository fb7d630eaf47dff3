//! `gc`: what nothing needs any more is removed.

use serde_json::json;

use super::Done;
use super::reading::Place;
use crate::output::text::{bytes, counted};
use crate::output::{Screen, Stop};

pub fn run(place: &Place, screen: &mut Screen) -> Result<Done, Stop> {
    let report = place.open()?.collect_garbage()?;
    if screen.json {
        screen.value(&json!({
            "attachments_removed": report.attachments_removed,
            "texts_removed": report.texts_removed,
            "stacks_removed": report.stacks_removed,
            "dictionaries_removed": report.dictionaries_removed,
            "temporaries_removed": report.temporaries_removed,
            "bytes_freed": report.bytes_freed,
            "archives_unreadable": report.archives_unreadable,
        }))?;
    } else {
        let removed = [
            counted(report.attachments_removed, "attachment", "attachments"),
            counted(report.texts_removed, "text", "texts"),
            counted(report.stacks_removed, "stack", "stacks"),
            counted(report.dictionaries_removed, "dictionary", "dictionaries"),
            counted(
                report.temporaries_removed,
                "half-written file",
                "half-written files",
            ),
        ];
        let freed = bytes(report.bytes_freed);
        screen.line(format!("Removed {}; {freed} freed", removed.join(", ")))?;
    }
    if report.archives_unreadable > 0 {
        let archives = counted(report.archives_unreadable, "archive", "archives");
        screen.note(format!(
            "{archives} cannot be read; as long as that is so all attachments stay, for they may be named there; `crashvault archive --list` tells which"
        ));
    }
    Ok(Done::Well)
}
