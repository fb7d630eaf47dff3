//! Enters: stack traces whose true groups are known. Leaves: how well a grouping of them fits, and the simple rules it is
//! compared with.

use std::collections::BTreeMap;
use std::path::Path;

use crashvault::{Event, TraceLine};
use serde_json::Value;

/// A set of traces.
pub struct Set {
    pub name: &'static str,
    pub traces: Vec<Trace>,
}

pub struct Trace {
    pub event: Event,
    /// The line it was read from.
    pub line: Value,
    /// Its true group.
    pub truth: String,
}

pub const SETS: [&str; 4] = [
    "defects4j-exceptions",
    "python-faults",
    "syzkaller-linux",
    "casr-xlnt",
];

impl Set {
    /// Reads `folder/NAME/dev.jsonl`.
    pub fn read(folder: &Path, name: &'static str) -> Result<Self, Box<dyn std::error::Error>> {
        let file = folder.join(name).join("dev.jsonl");
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let traces = text.lines().map(|text| {
            let line: Value = serde_json::from_str(text)?;
            let truth = line["group"].as_str().unwrap_or_default().to_owned();
            let event = TraceLine::from_json(text.as_bytes())?.event;
            Ok(Trace { event, line, truth })
        });
        Ok(Self {
            name,
            traces: traces.collect::<Result<_, Box<dyn std::error::Error>>>()?,
        })
    }

    /// The traces in the order that Python's `random.Random(seed).shuffle` gives, so that figures can be compared.
    pub fn shuffled(&self, seed: u32) -> Vec<&Trace> {
        let mut traces: Vec<&Trace> = self.traces.iter().collect();
        let mut random = Twister::new(seed);
        for at in (1..traces.len()).rev() {
            traces.swap(at, random.below(at as u32 + 1) as usize);
        }
        traces
    }
}

/// How well a grouping fits the truth. B-cubed: Bagga and Baldwin 1998; pairs: Rand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fit {
    pub b3_f1: f64,
    pub b3_precision: f64,
    pub b3_recall: f64,
    pub pair_precision: f64,
    pub pair_recall: f64,
    pub groups: f64,
}

impl Fit {
    pub fn of<G: Ord + Clone>(traces: &[&Trace], groups: &[G]) -> Self {
        let mut truths: BTreeMap<&str, f64> = BTreeMap::new();
        let mut predicted: BTreeMap<&G, f64> = BTreeMap::new();
        let mut both: BTreeMap<(&str, &G), f64> = BTreeMap::new();
        for (trace, group) in traces.iter().zip(groups) {
            *truths.entry(&trace.truth).or_default() += 1.0;
            *predicted.entry(group).or_default() += 1.0;
            *both.entry((&trace.truth, group)).or_default() += 1.0;
        }
        let pairs = |count: f64| count * (count - 1.0) / 2.0;
        let (mut precision, mut recall, mut right) = (0.0, 0.0, 0.0);
        for ((truth, group), count) in &both {
            precision += count * count / predicted[group];
            recall += count * count / truths[truth];
            right += pairs(*count);
        }
        let total = traces.len() as f64;
        let (precision, recall) = (precision / total, recall / total);
        let share = |all: f64| if all > 0.0 { right / all } else { 1.0 };
        Self {
            b3_f1: 2.0 * precision * recall / (precision + recall),
            b3_precision: precision,
            b3_recall: recall,
            pair_precision: share(predicted.values().map(|count| pairs(*count)).sum()),
            pair_recall: share(truths.values().map(|count| pairs(*count)).sum()),
            groups: predicted.len() as f64,
        }
    }

    /// The mean of several.
    pub fn mean(fits: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| fits.iter().map(of).sum::<f64>() / fits.len() as f64;
        Self {
            b3_f1: mean(|fit| fit.b3_f1),
            b3_precision: mean(|fit| fit.b3_precision),
            b3_recall: mean(|fit| fit.b3_recall),
            pair_precision: mean(|fit| fit.pair_precision),
            pair_recall: mean(|fit| fit.pair_recall),
            groups: mean(|fit| fit.groups),
        }
    }
}

/// A rule of one line: what it says of a trace is its group.
pub type Rule = fn(&Value) -> String;

/// What others group by, from the finest to the coarsest.
pub const RULES: [(&str, Rule); 4] = [
    ("type and all in-app functions", |line| {
        format!("{} {}", text(&line["type"]), in_app(line).join(" "))
    }),
    ("type and top five in-app functions", |line| {
        let mut functions = in_app(line);
        functions.truncate(5);
        format!("{} {}", text(&line["type"]), functions.join(" "))
    }),
    ("type and top in-app function", |line| {
        format!("{} {}", text(&line["type"]), top(line))
    }),
    ("type and message", |line| {
        format!("{} {}", text(&line["type"]), text(&line["message"]))
    }),
];

/// The strongest of them.
pub const STRONGEST: usize = 2;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn in_app(line: &Value) -> Vec<String> {
    let frames = line["frames"].as_array().into_iter().flatten();
    let own = frames.filter(|frame| frame["in_app"] == true);
    own.map(|frame| format!("{}.{}", text(&frame["module"]), text(&frame["function"])))
        .collect()
}

fn top(line: &Value) -> String {
    match in_app(line).into_iter().next() {
        Some(function) => function,
        None => text(&line["frames"][0]["function"]).to_owned(),
    }
}

/// MT19937, seeded and read as Python's `random` does.
struct Twister {
    state: [u32; 624],
    at: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut state = [0u32; 624];
        state[0] = 19_650_218;
        for at in 1..624 {
            let before = state[at - 1] ^ (state[at - 1] >> 30);
            state[at] = before.wrapping_mul(1_812_433_253).wrapping_add(at as u32);
        }
        let mut at = 1;
        for _ in 0..624 {
            let before = (state[at - 1] ^ (state[at - 1] >> 30)).wrapping_mul(1_664_525);
            state[at] = (state[at] ^ before).wrapping_add(seed);
            at += 1;
            if at == 624 {
                state[0] = state[623];
                at = 1;
            }
        }
        for _ in 0..623 {
            let before = (state[at - 1] ^ (state[at - 1] >> 30)).wrapping_mul(1_566_083_941);
            state[at] = (state[at] ^ before).wrapping_sub(at as u32);
            at += 1;
            if at == 624 {
                state[0] = state[623];
                at = 1;
            }
        }
        state[0] = 0x8000_0000;
        Self { state, at: 624 }
    }

    fn next(&mut self) -> u32 {
        if self.at == 624 {
            for at in 0..624 {
                let mixed =
                    (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % 624] & 0x7fff_ffff);
                let twist = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[at] = self.state[(at + 397) % 624] ^ (mixed >> 1) ^ twist;
            }
            self.at = 0;
        }
        let mut value = self.state[self.at];
        self.at += 1;
        value ^= value >> 11;
        value ^= (value << 7) & 0x9d2c_5680;
        value ^= (value << 15) & 0xefc6_0000;
        value ^ (value >> 18)
    }

    fn below(&mut self, end: u32) -> u32 {
        let bits = 32 - end.leading_zeros();
        loop {
            let value = self.next() >> (32 - bits);
            if value < end {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `random.Random(1).shuffle(list(range(10)))` in CPython 3.
    #[test]
    fn traces_are_shuffled_as_python_does() {
        let mut numbers: Vec<u32> = (0..10).collect();
        let mut random = Twister::new(1);
        for at in (1..10).rev() {
            numbers.swap(at, random.below(at as u32 + 1) as usize);
        }
        assert_eq!(numbers, [6, 8, 9, 7, 5, 3, 0, 4, 1, 2]);
    }

    #[test]
    fn a_perfect_grouping_fits() {
        let trace = |truth: &str| Trace {
            event: Event::new(),
            line: Value::Null,
            truth: truth.into(),
        };
        let traces = ["a", "a", "b"].map(trace);
        let traces: Vec<&Trace> = traces.iter().collect();
        let fit = Fit::of(&traces, &[1, 1, 2]);
        assert_eq!(
            (fit.b3_f1, fit.pair_precision, fit.pair_recall),
            (1.0, 1.0, 1.0)
        );
        let fit = Fit::of(&traces, &[1, 1, 1]);
        assert_eq!((fit.pair_precision, fit.pair_recall), (1.0 / 3.0, 1.0));
    }
}
