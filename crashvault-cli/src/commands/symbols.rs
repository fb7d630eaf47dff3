//! `symbols`: what the vault knows of programs that are shipped without symbols.

use std::path::Path;

use crashvault::{Result as Answer, SymbolsAdded, SymbolsKind, Vault};
use serde_json::{Value, json};

use super::{Done, reading};
use crate::args::{Symbols, SymbolsCommand};
use crate::output::text::{bytes, visible};
use crate::output::{Failure, Screen, Stop};

pub fn run(directory: &Path, symbols: &Symbols, screen: &mut Screen) -> Result<Done, Stop> {
    let SymbolsCommand::Add(add) = &symbols.command;
    let mut vault = None;
    let mut all: Vec<Value> = Vec::new();
    let mut worst: Option<u8> = None;
    for file in &add.files {
        match keep(directory, &mut vault, file) {
            Ok(added) if screen.json => all.push(value(file, &added)),
            Ok(added) => screen.line(line(file, &added, screen.width.is_some()))?,
            Err(error) => {
                let failure = Failure::from(&error);
                screen.fail(&failure)?;
                worst = Some(worst.map_or(failure.code, |code| code.min(failure.code)));
            }
        }
    }
    if screen.json {
        screen.value(&json!({ "added": all }))?;
    }
    Ok(worst.map_or(Done::Well, Done::Partly))
}

fn keep(directory: &Path, vault: &mut Option<Vault>, file: &Path) -> Answer<SymbolsAdded> {
    if vault.is_none() && !reading::is_there(directory) {
        Vault::check_symbols(file)?;
    }
    let vault = match vault {
        Some(vault) => vault,
        None => vault.insert(Vault::open(directory)?),
    };
    vault.add_symbols(file)
}

fn value(file: &Path, added: &SymbolsAdded) -> Value {
    json!({
        "file": file.display().to_string(),
        "kind": kind(added.kind),
        "id": added.id,
        "path": added.path.display().to_string(),
        "bytes": added.bytes,
        "is_known": added.is_known,
    })
}

fn line(file: &Path, added: &SymbolsAdded, is_terminal: bool) -> String {
    let file = file.display().to_string();
    let file = visible(&file);
    let (kind, id) = (kind(added.kind), &added.id);
    if !is_terminal {
        return format!("{file}\t{kind}\t{id}\t{}", added.bytes);
    }
    let done = if added.is_known { "Replaced" } else { "Kept" };
    let what = match added.kind {
        SymbolsKind::Binary => "the binary",
        SymbolsKind::Debug => "the debug information",
        SymbolsKind::Breakpad => "the Breakpad symbols",
        _ => "the symbols",
    };
    format!("{done} {what} of {id}: {file}, {}", bytes(added.bytes))
}

fn kind(kind: SymbolsKind) -> &'static str {
    match kind {
        SymbolsKind::Binary => "binary",
        SymbolsKind::Debug => "debug",
        SymbolsKind::Breakpad => "breakpad",
        _ => "other",
    }
}
