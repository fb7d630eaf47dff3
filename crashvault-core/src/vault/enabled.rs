//! Installing with a vault behind the journal: settings are read, and a drainer may follow.

use std::sync::Arc;

use super::settings::Settings;
use super::{drainer, home};
use crate::capture::{self, Installed, Options, Wiring};

pub(crate) fn install(options: Options) -> Installed {
    capture::attend(&options);
    let mut home = home::find(options.vault.as_deref());
    let settings = match home.directory.as_deref().map(Settings::read) {
        Some(Ok(settings)) => settings,
        Some(Err(error)) => {
            note(&mut home.note, error.to_string());
            Settings::default()
        }
        None => Settings::default(),
    };
    for fault in &settings.faults {
        note(&mut home.note, fault.clone());
    }
    let options = settings.fill(options);
    let wake = match home.directory.clone() {
        Some(directory) if options.drain.unwrap_or(true) => {
            drainer::configure(directory, Arc::clone(&options.clock));
            drainer::wake
        }
        _ => || (),
    };
    let wiring = Wiring {
        home: home.directory,
        note: home.note,
        wake,
        vault_id: settings.vault_id,
    };
    capture::start(options, wiring)
}

fn note(notes: &mut Option<String>, more: String) {
    match notes {
        Some(text) => {
            text.push_str(". ");
            text.push_str(&more);
        }
        None => *notes = Some(more),
    }
}
