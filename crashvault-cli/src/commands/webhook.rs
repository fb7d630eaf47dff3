//! `webhook`: who is to be told of events. Nothing is sent from here.

use std::io::IsTerminal;
use std::path::Path;

use crashvault::{ErrorKind, Level, Vault, Webhook, WebhookKind};
use serde_json::{Value, json};
use toml_edit::Array;

use super::add::text_or_stdin;
use super::config::not_found;
use super::{Done, edit};
use crate::args::WebhookCommand;
use crate::output::event::Page;
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop};

pub fn run(directory: &Path, command: &WebhookCommand, screen: &mut Screen) -> Result<Done, Stop> {
    match command {
        WebhookCommand::Add {
            kind,
            url,
            name,
            secret,
            secret_file,
            events,
        } => {
            kind.check_url(url)?;
            let secret = match (secret_file, secret.as_deref()) {
                (Some(file), _) => Some(secret_in(file)?),
                (None, Some("-")) => Some(asked_secret()?),
                (None, Some(_)) => return Err(refused_word().into()),
                (None, None) => None,
            };
            let id = add(directory, *kind, url, name.as_deref(), events)?;
            if let Some(secret) = &secret {
                Vault::keep_webhook_secret(directory, &id, Some(secret))?;
            }
            tell(directory, &id, "Kept", screen)?;
        }
        WebhookCommand::List => list(directory, screen)?,
        WebhookCommand::Show { id } => show(directory, &find(directory, id)?, screen)?,
        WebhookCommand::Test { id } => {
            let webhook = find(directory, id)?;
            let message = format!(
                "nothing was sent to {}: this version keeps webhooks, but delivers nothing yet",
                visible(&webhook.name)
            );
            return Err(Failure::new(
                message,
                "`crashvault notify` shows an event on this desktop",
            )
            .into());
        }
        WebhookCommand::Enable { id } => turn(directory, id, true, screen)?,
        WebhookCommand::Disable { id } => turn(directory, id, false, screen)?,
        WebhookCommand::Remove { id } => remove(directory, id, screen)?,
    }
    Ok(Done::Well)
}

/// Not with the word itself, which would be printed.
fn refused_word() -> Failure {
    let message = "a secret is no word of the command line, where others can see it";
    Failure::usage(
        message,
        "--secret - reads it from stdin, --secret-file FILE from a file",
    )
}

fn secret_in(file: &Path) -> Result<String, Failure> {
    let read = std::fs::read_to_string(file);
    let text = read.map_err(|error| {
        let name = file.display().to_string();
        let message = format!("cannot read {}: {error}", visible(&name));
        Failure::new(
            message,
            "--secret-file names a file with one line, the secret",
        )
    })?;
    filled(text.lines().next().unwrap_or_default())
}

/// From stdin; on a terminal it is not shown.
fn asked_secret() -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return filled(&text_or_stdin("-")?);
    }
    let asked = rpassword::prompt_password("Secret: ");
    filled(&asked.map_err(|error| Failure::new(format!("cannot ask: {error}"), ""))?)
}

fn filled(secret: &str) -> Result<String, Failure> {
    match secret.trim() {
        "" => Err(Failure::usage(
            "the secret is empty",
            "leave --secret and --secret-file out for none",
        )),
        secret => Ok(secret.to_owned()),
    }
}

fn add(
    directory: &Path,
    kind: WebhookKind,
    url: &str,
    name: Option<&str>,
    levels: &[Level],
) -> Result<String, Stop> {
    let id = Webhook::fresh_id();
    let default = free_name(directory, &format!("{}-webhook", kind.name()))?;
    let levels = levels.iter().map(|level| level.name());
    let fields = vec![
        ("id", id.as_str().into()),
        ("type", kind.name().into()),
        ("url", url.into()),
        ("name", name.unwrap_or(&default).into()),
        ("events", levels.collect::<Array>().into()),
        ("enabled", true.into()),
    ];
    Vault::change_settings(directory, |text| edit::add_webhook(text, &fields))?;
    Ok(id)
}

/// The name, with a number behind it where it is taken.
fn free_name(directory: &Path, name: &str) -> Result<String, Stop> {
    let all = match Vault::webhooks(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        all => all?,
    };
    let is_free = |name: &String| all.iter().all(|webhook| webhook.name != *name);
    let names = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(names);
    Ok(names.find(is_free).unwrap_or_else(|| name.to_owned()))
}

/// By its id, or by a name that only one has.
fn find(directory: &Path, asked: &str) -> Result<Webhook, Stop> {
    let all = Vault::webhooks(directory)?;
    let by_id = all.iter().find(|webhook| webhook.id == asked);
    let by_name: Vec<&Webhook> = all.iter().filter(|webhook| webhook.name == asked).collect();
    match (by_id, by_name.as_slice()) {
        (Some(webhook), _) => Ok(webhook.clone()),
        (None, [webhook]) => Ok((*webhook).clone()),
        (None, []) => {
            let message = format!("there is no webhook {}", visible(asked));
            Err(not_found(message, "`crashvault webhook list` shows their ids").into())
        }
        (None, several) => {
            let ids: Vec<&str> = several.iter().map(|webhook| webhook.id.as_str()).collect();
            let message = format!("several webhooks are called {}", visible(asked));
            Err(Failure::usage(message, format!("name one by its id: {}", ids.join(", "))).into())
        }
    }
}

fn turn(directory: &Path, asked: &str, on: bool, screen: &mut Screen) -> Result<(), Stop> {
    let id = find(directory, asked)?.id;
    let set = |text: &str| edit::set_webhook(text, &id, "enabled", on.into());
    Vault::change_settings(directory, set)?;
    tell(
        directory,
        &id,
        if on { "Enabled" } else { "Disabled" },
        screen,
    )
}

fn remove(directory: &Path, asked: &str, screen: &mut Screen) -> Result<(), Stop> {
    let webhook = find(directory, asked)?;
    let removed = value(directory, &webhook);
    Vault::change_settings(directory, |text| edit::remove_webhook(text, &webhook.id))?;
    Vault::keep_webhook_secret(directory, &webhook.id, None)?;
    if screen.json {
        return Ok(screen.value(&json!({ "removed": removed }))?);
    }
    Ok(screen.line(format!("Removed {}", named(&webhook)))?)
}

fn named(webhook: &Webhook) -> String {
    let (id, kind, name) = (&webhook.id, webhook.kind.name(), visible(&webhook.name));
    format!("webhook {id} ({kind}, {name})")
}

fn tell(directory: &Path, id: &str, what: &str, screen: &mut Screen) -> Result<(), Stop> {
    let webhook = find(directory, id)?;
    if screen.json {
        screen.value(&json!({ "webhook": value(directory, &webhook) }))?;
    } else {
        screen.line(format!("{what} {}", named(&webhook)))?;
    }
    screen.flush()?;
    if webhook.is_enabled {
        screen.note("this version delivers nothing yet");
    }
    Ok(())
}

fn levels(webhook: &Webhook) -> Vec<&'static str> {
    webhook.levels.iter().map(|level| level.name()).collect()
}

/// Without what is secret: neither the secret nor all of the url.
fn value(directory: &Path, webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "type": webhook.kind.name(),
        "name": webhook.name,
        "url": webhook.shown_url(),
        "events": levels(webhook),
        "is_enabled": webhook.is_enabled,
        "has_secret": Vault::has_webhook_secret(directory, &webhook.id),
    })
}

fn list(directory: &Path, screen: &mut Screen) -> Result<(), Stop> {
    let all = Vault::webhooks(directory)?;
    if screen.json {
        let all: Vec<_> = all
            .iter()
            .map(|webhook| value(directory, webhook))
            .collect();
        return Ok(screen.value(&json!({ "webhooks": all }))?);
    }
    for webhook in &all {
        let line = match screen.width {
            None => line(directory, webhook),
            Some(_) => {
                let state = if webhook.is_enabled { "" } else { ", disabled" };
                let levels = levels(webhook).join(", ");
                format!(
                    "{}  {}  {levels}{state}",
                    named(webhook),
                    visible(&webhook.shown_url())
                )
            }
        };
        screen.line(line)?;
    }
    if all.is_empty() {
        screen.note("there are no webhooks");
    }
    Ok(())
}

fn line(directory: &Path, webhook: &Webhook) -> String {
    [
        webhook.id.clone(),
        webhook.kind.name().into(),
        visible(&webhook.name).into_owned(),
        webhook.is_enabled.to_string(),
        levels(webhook).join(","),
        visible(&webhook.shown_url()).into_owned(),
        Vault::has_webhook_secret(directory, &webhook.id).to_string(),
    ]
    .join("\t")
}

fn show(directory: &Path, webhook: &Webhook, screen: &mut Screen) -> Result<(), Stop> {
    if screen.json {
        return Ok(screen.value(&json!({ "webhook": value(directory, webhook) }))?);
    }
    let secret = match Vault::has_webhook_secret(directory, &webhook.id) {
        true => "kept, never shown",
        false => "none",
    };
    let rows = [
        ("id", webhook.id.clone()),
        ("type", webhook.kind.name().into()),
        ("name", visible(&webhook.name).into_owned()),
        ("url", visible(&webhook.shown_url()).into_owned()),
        ("events", levels(webhook).join(", ")),
        ("enabled", webhook.is_enabled.to_string()),
        ("secret", secret.into()),
    ];
    let mut page = Page::new(screen.paint, true);
    page.rows(&rows.map(|(name, value)| (name.to_owned(), value)));
    Ok(page.lines.iter().try_for_each(|line| screen.line(line))?)
}
