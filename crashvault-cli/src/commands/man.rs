//! `man`: the manual pages, made from what `--help` knows.

use std::path::Path;

use clap_mangen::Man as Page;
use serde_json::{Value, json};

use super::Done;
use crate::args::{self, Man};
use crate::output::text::visible;
use crate::output::{Failure, Screen, Stop};

pub fn run(asked: &Man, screen: &mut Screen) -> Result<Done, Stop> {
    let mut command = args::command();
    command.build();
    match &asked.output {
        Some(directory) => write_all(&command, directory, screen)?,
        None => print(one(command, &asked.command)?, screen)?,
    }
    Ok(Done::Well)
}

/// The command of these words.
fn one(mut command: clap::Command, words: &[String]) -> Result<clap::Command, Failure> {
    for word in words {
        let found = command
            .find_subcommand(word)
            .filter(|found| !found.is_hide_set());
        command = found.cloned().ok_or_else(|| {
            Failure::usage(
                format!("there is no command `{word}`"),
                "`crashvault --help` lists them",
            )
        })?;
    }
    Ok(command)
}

fn page_name(command: &clap::Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    format!("{name}.1")
}

fn text(command: clap::Command) -> std::io::Result<(String, Vec<u8>)> {
    let name = page_name(&command);
    let mut text = Vec::new();
    Page::new(command).render(&mut text)?;
    Ok((name, text))
}

fn print(command: clap::Command, screen: &mut Screen) -> Result<(), Stop> {
    let (name, text) = text(command)?;
    match screen.json {
        true => {
            let text = String::from_utf8_lossy(&text);
            screen.value(&json!({"pages": [{"name": name, "text": text}]}))?;
        }
        false => screen.writer().write_all(&text)?,
    }
    Ok(())
}

fn write_all(command: &clap::Command, directory: &Path, screen: &mut Screen) -> Result<(), Stop> {
    let failed = |error: std::io::Error| {
        let place = directory.display();
        Failure::new(format!("cannot write manual pages to {place}: {error}"), "")
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut pages: Vec<Value> = Vec::new();
    for command in all(command) {
        let (name, text) = text(command)?;
        let path = directory.join(&name);
        std::fs::write(&path, text).map_err(failed)?;
        let path = path.display().to_string();
        match screen.json {
            true => pages.push(json!({"name": name, "path": path})),
            false => screen.line(visible(&path))?,
        }
    }
    if screen.json {
        screen.value(&json!({ "pages": pages }))?;
    }
    Ok(())
}

/// A command and all below it that are shown.
fn all(command: &clap::Command) -> Vec<clap::Command> {
    let below = command.get_subcommands();
    let below = below.filter(|below| !below.is_hide_set() && below.get_name() != "help");
    [command.clone()]
        .into_iter()
        .chain(below.flat_map(all))
        .collect()
}
