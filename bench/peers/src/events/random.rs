//! Numbers that look random and are the same on every machine.

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and any two seeds give unrelated rows.
#[derive(Debug, Clone)]
pub struct Random(u64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The row that belongs to `parts` under this seed: asking for event 7 does not need events 0 to 6.
    pub fn of(seed: u64, parts: &[u64]) -> Random {
        let mut state = seed;
        for part in parts {
            state = Random(state ^ part.wrapping_mul(STEP)).number();
        }
        Random(state)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(end)) >> 64) as u64
    }

    /// From `low` up to and with `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// Ranks by Zipf's law: rank k (from 0) comes in proportion to 1 / (k + 1)^s.
pub struct Zipf {
    cumulative: Vec<f32>,
}

impl Zipf {
    pub fn new(ranks: usize, s: f64) -> Zipf {
        let weights: Vec<f64> = (1..=ranks).map(|rank| (rank as f64).powf(-s)).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let cumulative = weights.iter().map(|weight| {
            sum += weight;
            (sum / total) as f32
        });
        Zipf {
            cumulative: cumulative.collect(),
        }
    }

    pub fn rank(&self, random: &mut Random) -> usize {
        let unit = (random.number() >> 40) as f32 / (1u32 << 24) as f32;
        let rank = self.cumulative.partition_point(|end| *end <= unit);
        rank.min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_two_comes_half_as_often_as_rank_one() {
        let zipf = Zipf::new(100, 1.0);
        let mut random = Random::new(1);
        let mut counts = [0; 100];
        for _ in 0..100_000 {
            counts[zipf.rank(&mut random)] += 1;
        }
        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.9..2.1).contains(&ratio), "{ratio}");
        assert!(counts[99] > 0);
    }

    #[test]
    fn both_ends_of_a_range_come() {
        let mut random = Random::new(1);
        let seen: std::collections::BTreeSet<u64> =
            (0..100).map(|_| random.between(3, 5)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
    }

    #[test]
    fn rows_of_different_parts_differ() {
        let first = |parts: &[u64]| Random::of(7, parts).number();
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(first(&[1]), first(&[1, 0]));
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
    }
}
