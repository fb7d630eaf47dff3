//! `group`: stack traces of a file in groups, by the engine's rules and without a vault.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crashvault::{Grouper, TraceLine};
use serde_json::json;

use super::{Done, reading};
use crate::args::GroupTraces;
use crate::output::{Failure, Screen, Stop};

pub fn run(traces: &GroupTraces, screen: &mut Screen) -> Result<Done, Stop> {
    let file = &traces.file;
    if file == Path::new("-") {
        return lines(&mut io::stdin().lock(), file, screen);
    }
    let opened = File::open(file).map_err(|error| reading::unread(file, &error))?;
    lines(&mut BufReader::new(opened), file, screen)
}

fn lines(from: &mut dyn BufRead, file: &Path, screen: &mut Screen) -> Result<Done, Stop> {
    let name = file.display();
    let mut grouper = Grouper::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let length = from.read_until(b'\n', &mut line);
        if length.map_err(|error| reading::unread(file, &error))? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let read = TraceLine::from_json(&line).map_err(|error| {
            let message = format!("line {number} of {name} is no trace: {}", error.message());
            Failure::new(message, "`crashvault help group` shows what a line is")
        })?;
        let predicted = grouper.add(&read.event);
        screen.line(json!({"id": read.id, "predicted": predicted}))?;
    }
    Ok(Done::Well)
}
