//! Texts, changed: cut, spliced, repeated, their bytes and lines changed, their lines made huge.

use crate::generated::Chance;

/// Numbers that look random, and are the same for a seed.
pub struct Random(Chance);

impl Random {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Chance::new(seed))
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.below(end.max(1) as u64) as usize
    }

    /// Once in so many.
    pub fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// One of the items, of which there must be some.
    pub fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }
}

/// Makes texts out of others.
pub struct Mutator {
    /// What it begins with; not empty.
    pub seeds: Vec<Vec<u8>>,
    /// What means something to the reader, to be put anywhere.
    pub words: Vec<Vec<u8>>,
    /// What a text may grow to.
    pub bytes_max: usize,
}

impl Mutator {
    /// Texts with several lines are seeds, short ones without are words.
    pub fn of_literals(mut seeds: Vec<Vec<u8>>, literals: Vec<String>, bytes_max: usize) -> Self {
        let (texts, words): (Vec<_>, Vec<_>) = literals
            .into_iter()
            .filter(|literal| !literal.is_empty())
            .partition(|literal| literal.contains('\n'));
        seeds.extend(texts.into_iter().map(String::into_bytes));
        let words = words.into_iter().map(String::into_bytes);
        Self {
            seeds,
            words: words.filter(|word| word.len() <= 80).collect(),
            bytes_max,
        }
    }

    /// Another text.
    pub fn text(&self, random: &mut Random) -> Vec<u8> {
        let mut text = random.pick(&self.seeds).clone();
        for _ in 0..=random.below(6) {
            self.change(&mut text, random);
        }
        text
    }

    /// Changes a text in one way.
    pub fn change(&self, text: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(text.len() + 1);
        match random.below(14) {
            0 => text.truncate(at),
            1 => drop(text.drain(..at)),
            2 => {
                let other = random.pick(&self.seeds);
                let from = random.below(other.len() + 1);
                text.splice(at..at, other[from..].iter().copied());
            }
            3 => each(text, random, |byte, random| *byte = random.below(256) as u8),
            4 => each(text, random, |byte, random| {
                *byte = *random.pick(b" \n\r\t:()[]{}<>#./\\\"'0aA=,|@*-\x00\x1b\xff");
            }),
            5 => self.repeat_line(text, random, at),
            6 => swap_lines(text, random),
            7 => {
                let longest = self.bytes_max / 4;
                let filler = vec![*random.pick(b"a (:<./\\0\""); random.below(longest)];
                text.splice(at..at, filler);
            }
            8 => *text = text.repeat(1 + random.below(40.min(self.bytes_max / text.len().max(1)))),
            9 => prefixed(text, random),
            10 => text.retain(|byte| *byte != b'\n' || !random.once_in(4)),
            11 => self.repeat_word(text, random, at),
            _ if self.words.is_empty() => {}
            _ => {
                let word = random.pick(&self.words);
                text.splice(at..at, word.iter().copied());
            }
        }
        text.truncate(self.bytes_max);
    }

    /// What is looked for over and over costs most where it stands over and over.
    fn repeat_word(&self, text: &mut Vec<u8>, random: &mut Random, at: usize) {
        if self.words.is_empty() {
            return;
        }
        let mut word = random.pick(&self.words).clone();
        if random.once_in(2) {
            word.extend(random.pick(&self.words));
        }
        if random.once_in(3) {
            word.push(b'\n');
        }
        let most = self.bytes_max / word.len().max(1);
        text.splice(at..at, word.repeat(random.below(most.min(20_000))));
    }

    fn repeat_line(&self, text: &mut Vec<u8>, random: &mut Random, at: usize) {
        let start = text[..at]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let end = text[at..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(text.len(), |end| at + end + 1);
        let line = text[start..end].to_vec();
        let most = self.bytes_max / line.len().max(1);
        let times = random.below(most.min(5000) + 1);
        text.splice(end..end, line.repeat(times));
    }
}

fn each(text: &mut [u8], random: &mut Random, to: impl Fn(&mut u8, &mut Random)) {
    for _ in 0..=random.below(8) {
        let at = random.below(text.len());
        if let Some(byte) = text.get_mut(at) {
            to(byte, random);
        }
    }
}

fn swap_lines(text: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.is_empty() {
        return;
    }
    for _ in 0..=random.below(4) {
        let (a, b) = (random.below(lines.len()), random.below(lines.len()));
        lines.swap(a, b);
    }
    *text = lines.concat();
}

/// As a log has it.
fn prefixed(text: &mut Vec<u8>, random: &mut Random) {
    const PREFIXES: &[&str] = &[
        "app_1  | ",
        "E/AndroidRuntime( 123): ",
        "2026-01-05 10:00:00,123 ERROR [7] ",
        "\t",
        "> ",
    ];
    let prefix = random.pick(PREFIXES);
    let mut made = Vec::with_capacity(text.len() * 2);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        made.extend_from_slice(prefix.as_bytes());
        made.extend_from_slice(line);
    }
    *text = made;
}
