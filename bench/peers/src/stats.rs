//! Samples, what is said of them, and where they are kept.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::harness::{Start, Timed};
use crate::subject::{Kept, Subject};

/// Where `cargo xtask bench` wants the raw samples.
const DIRECTORY: &str = "CRASHVAULT_BENCH_SAMPLES";

/// One timed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub ns: u64,
    pub allocations: u64,
    pub bytes: u64,
}

/// The timed calls of one verb of one subject, in the order they were made.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    pub samples: Vec<Sample>,
    /// Calls that the subject accepted, those that only settle the caches included.
    pub accepted: u64,
    /// Calls that the subject refused: timed like the others, but they must not flatter the result.
    pub refused: u64,
}

impl Samples {
    /// Nanoseconds that `percent` of the samples do not exceed (nearest rank). Zero without samples.
    pub fn ns(&self, percent: f64) -> u64 {
        percentile(self.samples.iter().map(|sample| sample.ns), percent)
    }

    /// The median number of allocations of a call.
    pub fn allocations(&self) -> u64 {
        percentile(self.samples.iter().map(|sample| sample.allocations), 50.0)
    }

    /// The median number of bytes that a call asked of the allocator.
    pub fn bytes(&self) -> u64 {
        percentile(self.samples.iter().map(|sample| sample.bytes), 50.0)
    }
}

/// The nearest-rank percentile: always one of the values.
pub fn percentile(values: impl Iterator<Item = u64>, percent: f64) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let rank = (percent / 100.0 * values.len() as f64).ceil() as usize;
    let last = values.len().saturating_sub(1);
    values
        .get(rank.saturating_sub(1).min(last))
        .copied()
        .unwrap_or(0)
}

/// Microseconds with two digits.
pub fn us(ns: u64) -> Value {
    json!((ns as f64 / 10.0).round() / 100.0)
}

/// The result of one benchmark: a flat JSON object, and one file of raw samples per verb and subject.
pub struct Report {
    result: Map<String, Value>,
    captured: BTreeMap<&'static str, u64>,
    directory: Option<PathBuf>,
}

impl Report {
    /// Raw samples go where `CRASHVAULT_BENCH_SAMPLES` says; without it none are written.
    pub fn new(name: &str) -> Report {
        let mut result = Map::new();
        result.insert("bench".into(), json!(name));
        Report {
            result,
            captured: BTreeMap::new(),
            directory: env::var_os(DIRECTORY)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
        }
    }

    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.result.insert(key.into(), value.into());
    }

    /// Adds `<prefix><verb>_p50_us`, `_p99_us`, `_allocs`, `_bytes` and, where there were any, `_refused`.
    /// What was accepted counts as captured: for verbs that make an event.
    pub fn add(&mut self, verb: &str, timed: &[Timed<'_>]) -> io::Result<()> {
        for Timed { subject, samples } in timed {
            let key = format!("{}{verb}", subject.prefix());
            self.set(&format!("{key}_p50_us"), us(samples.ns(50.0)));
            self.set(&format!("{key}_p99_us"), us(samples.ns(99.0)));
            self.set(&format!("{key}_allocs"), samples.allocations());
            self.set(&format!("{key}_bytes"), samples.bytes());
            *self.captured.entry(subject.prefix()).or_default() += samples.accepted;
            self.add_refused(&key, samples);
            self.save(&key, samples)?;
        }
        Ok(())
    }

    /// Adds `<prefix><verb>_p50_ns`, `_p99_ns` and `_allocs` of one call, for samples that are blocks of `block` calls.
    pub fn add_blocks(&mut self, verb: &str, timed: &[Timed<'_>], block: u64) -> io::Result<()> {
        for Timed { subject, samples } in timed {
            let key = format!("{}{verb}", subject.prefix());
            self.set(&format!("{key}_p50_ns"), samples.ns(50.0) / block);
            self.set(&format!("{key}_p99_ns"), samples.ns(99.0) / block);
            self.set(
                &format!("{key}_allocs"),
                samples.allocations() as f64 / block as f64,
            );
            self.add_refused(&key, samples);
            self.save(&key, samples)?;
        }
        Ok(())
    }

    /// Adds the medians `<prefix>install_us` and `<prefix>first_capture_us` over fresh processes.
    pub fn add_starts(&mut self, starts: &[Timed<'_, Vec<Start>>]) -> io::Result<()> {
        for Timed {
            subject,
            samples: starts,
        } in starts
        {
            let install = starts.iter().map(|start| start.install).collect();
            let capture = starts.iter().map(|start| start.capture).collect();
            for (verb, samples) in [("install", install), ("first_capture", capture)] {
                let key = format!("{}{verb}", subject.prefix());
                let samples = Samples {
                    samples,
                    ..Samples::default()
                };
                self.set(&format!("{key}_us"), us(samples.ns(50.0)));
                self.save(&key, &samples)?;
            }
        }
        Ok(())
    }

    /// Adds `<prefix>captured`, `kept`, `inspected` and `incomplete`, and the subject's version to `peers`.
    /// True where everything captured was kept and all that was looked at is whole.
    pub fn add_kept(&mut self, subject: &dyn Subject) -> bool {
        let Kept {
            events,
            inspected,
            incomplete,
        } = subject.kept();
        let prefix = subject.prefix();
        let captured = self.captured.get(prefix).copied().unwrap_or(0);
        self.set(&format!("{prefix}captured"), captured);
        self.set(&format!("{prefix}kept"), events);
        self.set(&format!("{prefix}inspected"), inspected);
        self.set(&format!("{prefix}incomplete"), incomplete);
        let peers = self.result.entry("peers").or_insert_with(|| json!([]));
        if let Value::Array(peers) = peers {
            peers.push(json!(subject.version()));
        }
        captured == events && incomplete == 0
    }

    /// One line.
    pub fn to_json(&self) -> String {
        Value::Object(self.result.clone()).to_string()
    }

    fn add_refused(&mut self, key: &str, samples: &Samples) {
        if samples.refused > 0 {
            self.set(&format!("{key}_refused"), samples.refused);
        }
    }

    /// Writes the raw samples of `key`, where they are wanted.
    pub fn save(&self, key: &str, samples: &Samples) -> io::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        fs::create_dir_all(directory)?;
        let mut file = BufWriter::new(File::create(directory.join(format!("{key}.jsonl")))?);
        for Sample {
            ns,
            allocations,
            bytes,
        } in &samples.samples
        {
            writeln!(
                file,
                r#"{{"ns":{ns},"allocations":{allocations},"bytes":{bytes}}}"#
            )?;
        }
        file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[u64], percent: f64, expected: u64) {
        assert_eq!(
            percentile(values.iter().copied(), percent),
            expected,
            "{percent} of {values:?}"
        );
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        check(&[3, 1, 2], 50.0, 2);
        check(&[4, 1, 2, 3], 50.0, 2);
        check(&[1, 2], 99.0, 2);
        check(&[7], 0.0, 7);
        check(&[7], 100.0, 7);
        check(&[], 50.0, 0);
    }

    #[test]
    fn the_99th_of_a_hundred_is_not_the_worst() {
        let values: Vec<u64> = (1..=100).collect();
        check(&values, 99.0, 99);
    }

    #[test]
    fn microseconds_have_two_digits() {
        assert_eq!(us(12_345), json!(12.35));
    }
}
