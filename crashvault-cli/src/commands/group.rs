//! `group`: stack traces of a file in groups, by the engine's rules and without a vault.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crashvault::{Grouper, TraceLine};
use serde_json::json;

use super::{Done, reading};
use crate::args::GroupTraces;
use crate::output::{Failure, Screen, Stop};

/// Of one line; a trace of a thousand calls has some hundred thousand bytes.
const LINE_BYTES_MAX: u64 = 16 << 20;
const LINE_HINT: &str = "`crashvault help group` shows what a line is";

pub fn run(traces: &GroupTraces, screen: &mut Screen) -> Result<Done, Stop> {
    let file = &traces.file;
    if file == Path::new("-") {
        return lines(&mut io::stdin().lock(), file, screen);
    }
    let opened = File::open(file).map_err(|error| reading::unread(file, &error))?;
    lines(&mut BufReader::new(opened), file, screen)
}

fn lines(mut from: &mut dyn BufRead, file: &Path, screen: &mut Screen) -> Result<Done, Stop> {
    let name = file.display();
    let mut grouper = Grouper::new();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let mut bounded = (&mut from).take(LINE_BYTES_MAX + 1);
        let length = bounded.read_until(b'\n', &mut line);
        let length = length.map_err(|error| reading::unread(file, &error))?;
        if length == 0 {
            break;
        }
        if length as u64 > LINE_BYTES_MAX {
            let message = format!("line {number} of {name} is longer than 16 MiB, and no trace");
            return Err(Failure::new(message, LINE_HINT).into());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let read = TraceLine::from_json(&line).map_err(|error| {
            let message = format!("line {number} of {name} is no trace: {}", error.message());
            Failure::new(message, LINE_HINT)
        })?;
        let predicted = grouper.add(&read.event);
        screen.line(json!({"id": read.id, "predicted": predicted}))?;
    }
    Ok(Done::Well)
}
