//! `config`: the settings of a vault, read and changed.

use std::path::Path;

use crashvault::issue::SEVERITIES;
use crashvault::{Error, ErrorKind, SETTINGS, Setting, SettingForm, Vault};
use serde_json::json;

use super::{Done, edit};
use crate::args::ConfigCommand;
use crate::output::event::Page;
use crate::output::failure::NOT_FOUND;
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop, Style};

const FILE: &str = "vault.toml";
/// How alike a name must be to be meant.
const ALIKE: f64 = 0.75;
/// What version 1 called settings, and what to do instead.
const OF_V1: [(&str, &str); 6] = [
    (
        "root",
        "the vault's place is no setting of it: use --vault or $CRASHVAULT_HOME",
    ),
    ("severity_levels", "it is issues.severities now"),
    ("storage.retention_days", "it is retention.age_days now"),
    (
        "storage.max_events_per_day",
        "it is retention.events_max now, for all days together",
    ),
    ("webhooks", "`crashvault webhook` adds and changes them"),
    ("colors", "--color and NO_COLOR say whether there is colour"),
];

/// One setting with the value it has.
struct Shown {
    key: &'static str,
    value: String,
    source: String,
}

pub fn run(directory: &Path, command: &ConfigCommand, screen: &mut Screen) -> Result<Done, Stop> {
    match command {
        ConfigCommand::Get { key } => {
            let key = known(key)?.0;
            let shown = of(directory, key)?;
            match screen.json {
                true => screen.value(&value(&shown))?,
                false => screen.line(visible(&shown.value))?,
            }
        }
        ConfigCommand::Set { key, values } => {
            let (key, form) = known(key)?;
            if form != SettingForm::Texts && values.len() > 1 {
                let message = format!("{key} has one value, not {}", values.len());
                return Err(
                    Failure::usage(message, "put quotes around a value with blanks").into(),
                );
            }
            Vault::change_settings(directory, |text| edit::set(text, key, form, values))?;
            tell_change(directory, key, screen)?;
        }
        ConfigCommand::Unset { key } => {
            let key = known(key)?.0;
            // A vault that is not there has no settings to take out.
            of(directory, key)?;
            let mut was_set = false;
            Vault::change_settings(directory, |text| {
                let without = edit::unset(text, key)?;
                was_set = without.is_some();
                Ok(without.unwrap_or_else(|| text.to_owned()))
            })?;
            tell_change(directory, key, screen)?;
            if !was_set {
                screen.note(format!("{key} was not set in {FILE}"));
            }
        }
        ConfigCommand::List => list(directory, screen)?,
        ConfigCommand::Path => {
            let path = directory.join(FILE).display().to_string();
            match screen.json {
                true => screen.value(&json!({ "path": path }))?,
                false => screen.line(visible(&path))?,
            }
        }
    }
    Ok(Done::Well)
}

fn tell_change(directory: &Path, key: &'static str, screen: &mut Screen) -> Result<(), Stop> {
    let shown = of(directory, key)?;
    if screen.json {
        return Ok(screen.value(&value(&shown))?);
    }
    let (value, source) = (visible(&shown.value), &shown.source);
    screen.line(format!("{key} is {value} ({source})"))?;
    if source == "variable" {
        screen.note("a variable of this process says otherwise than vault.toml");
    }
    Ok(())
}

/// The setting of that name, or which one may be meant.
fn known(key: &str) -> Result<(&'static str, SettingForm), Failure> {
    if let Some(found) = SETTINGS.iter().find(|(known, _)| *known == key) {
        return Ok(*found);
    }
    let mut failure = Failure::usage(
        format!("there is no setting {}", visible(key)),
        "`crashvault config list` shows all",
    );
    let of_v1 = OF_V1.iter().find(|(old, _)| *old == key);
    if let Some((_, instead)) = of_v1 {
        failure.hint = (*instead).to_owned();
    } else if let Some(meant) = meant(key) {
        failure.hint = format!("did you mean {meant}?\n{}", failure.hint);
    }
    Err(failure)
}

/// The most similar name, also of the last part alone.
fn meant(key: &str) -> Option<&'static str> {
    let likeness = |known: &str| {
        let last = known.rsplit('.').next().unwrap_or(known);
        let key = key.to_ascii_lowercase().replace('-', "_");
        strsim::jaro_winkler(&key, known).max(strsim::jaro_winkler(&key, last))
    };
    let names = SETTINGS.iter().map(|(known, _)| *known);
    let best = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= ALIKE).then_some(best)
}

fn of(directory: &Path, key: &'static str) -> Result<Shown, Stop> {
    Ok(shown(
        key,
        &Vault::settings_of(directory)?,
        &text(directory)?,
    )?)
}

fn text(directory: &Path) -> Result<String, Error> {
    let path = directory.join(FILE);
    std::fs::read_to_string(&path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        Error::new(ErrorKind::Io, "read settings", message)
    })
}

/// What is not read as one value, a list, is shown as it stands in the file.
fn shown(key: &'static str, settings: &[Setting], text: &str) -> Result<Shown, Error> {
    if let Some(setting) = settings.iter().find(|setting| setting.key == key) {
        return Ok(Shown {
            key,
            value: setting.value.clone(),
            source: setting.source.to_string(),
        });
    }
    let (value, source) = match edit::get(text, key)? {
        Some(value) => (value, "vault.toml"),
        None if key == "issues.severities" => (SEVERITIES.join(", "), "default"),
        None => ("none".into(), "default"),
    };
    Ok(Shown {
        key,
        value,
        source: source.into(),
    })
}

fn value(shown: &Shown) -> serde_json::Value {
    json!({"key": shown.key, "value": shown.value, "source": shown.source})
}

fn list(directory: &Path, screen: &mut Screen) -> Result<(), Stop> {
    let settings = Vault::settings_of(directory)?;
    let text = text(directory)?;
    let all = SETTINGS.iter().map(|(key, _)| shown(key, &settings, &text));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    if screen.json {
        let all: Vec<_> = all.iter().map(value).collect();
        return Ok(screen.value(&json!({ "settings": all }))?);
    }
    if screen.width.is_none() {
        for shown in &all {
            let value = visible(&shown.value);
            screen.line(format!("{}\t{value}\t{}", shown.key, shown.source))?;
        }
        return Ok(());
    }
    let mut page = Page::new(screen.paint, true);
    page.width = screen.width;
    let rows = all.iter().map(|shown| {
        let source = screen.paint.on(Style::Dim, format!("({})", shown.source));
        (
            shown.key.to_owned(),
            format!("{}  {source}", visible(&shown.value)),
        )
    });
    page.rows(&rows.collect::<Vec<_>>());
    Ok(page.lines.iter().try_for_each(|line| screen.line(line))?)
}

/// A failure because something named is not there.
pub fn not_found(message: String, hint: &str) -> Failure {
    let mut failure = Failure::new(message, hint);
    failure.kind = ErrorKind::NotFound.name();
    failure.code = NOT_FOUND;
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, expected: Option<&str>) {
        assert_eq!(meant(key), expected);
    }

    #[test]
    fn a_name_that_is_nearly_right_is_meant() {
        check("retention.age_day", Some("retention.age_days"));
        check("age-days", Some("retention.age_days"));
        check("capture.enviroment", Some("capture.environment"));
        check("zzz", None);
    }
}
