//! Reads mutated failures, round after round: no text panics, takes longer than its length allows, or is read otherwise as
//! a stream.
//!
//! The seeds are the texts of `tests/traces` and those that the readers' own tests read.

use std::process::ExitCode;

use crashvault::{TraceReader, parse_traces};
use crashvault_tests::fuzz::{self, Mutator, Random, Target, literals};
use crashvault_tests::repository;

/// What a text may grow to, in bytes.
const TEXT_BYTES_MAX: usize = 512 << 10;
/// Of a text read whole; a stream goes on.
const TRACES_MAX: usize = 10_000;

fn main() -> ExitCode {
    fuzz::run::<Parse>()
}

struct Parse(Mutator);

impl Target for Parse {
    const NAME: &'static str = "parse";
    const MS_MIN: u128 = 30;
    const MS_PER_MB_MAX: u128 = 4_000;

    fn new(more: Vec<Vec<u8>>) -> Result<Self, String> {
        let mut seeds = fuzz::files(&repository().join("tests/traces"), ".txt");
        if seeds.is_empty() {
            return Err("tests/traces holds no texts".into());
        }
        seeds.extend(more);
        let literals = literals::below("crashvault-core/src/trace");
        let mutator = Mutator::of_literals(seeds, literals, TEXT_BYTES_MAX);
        Ok(Self(mutator))
    }

    fn make(&mut self, random: &mut Random) -> Vec<u8> {
        self.0.text(random)
    }

    fn attempt(&mut self, text: &[u8]) -> Result<u64, String> {
        let traces = parse_traces(text);
        let streamed = TraceReader::new(text).count();
        if streamed != traces.len() && traces.len() < TRACES_MAX {
            let whole = traces.len();
            return Err(format!(
                "{whole} failures are read, and {streamed} in a stream"
            ));
        }
        let found = traces.iter().filter(|trace| trace.language != "other");
        Ok(found.count() as u64)
    }
}
