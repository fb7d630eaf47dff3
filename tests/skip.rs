//! What a test leaves out, told so that it is counted. The engine's own tests take this file in too.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

/// Says that `test` left something out and why. `cargo xtask test` counts it; in CI a reason that
/// contains the words "missing tool" is a failure.
pub fn skip(test: &str, reason: &str) {
    let line = format!("skipped: {test}: {reason}\n");
    match env::var_os("CRASHVAULT_SKIP_LOG") {
        // One write in append mode: test programs of several threads and processes share the file.
        Some(log) => OpenOptions::new()
            .append(true)
            .create(true)
            .open(log)
            .and_then(|mut log| log.write_all(line.as_bytes()))
            .expect("the skip log can be written"),
        None => eprint!("{line}"),
    }
}
