//! The hybrid logical clock: last time seen and the wall clock → the next time.

use super::HybridTime;
use crate::time::Timestamp;

impl HybridTime {
    /// The time after this one: the wall clock's where that is later, else this one's with the next tick.
    ///
    /// `self` is the greatest time the vault has seen, its own activities' and others' alike; so what is decided after
    /// something was seen also counts after it, even if that came from a vault whose clock is ahead. The answer is
    /// strictly greater than `self`, except behind the last moment there is (in 2262), where the clock stands still.
    ///
    /// Source: S. Kulkarni, M. Demirbas, D. Madappa, B. Avva, M. Leone: *Logical Physical Clocks*, OPODIS 2014. The
    /// tick is its `c`; where 32 bits do not hold it, the wall part moves by a nanosecond.
    ///
    /// ```
    /// use crashvault::{Timestamp, issue::HybridTime};
    /// let wall = Timestamp::from_nanos(7);
    /// let first = HybridTime::default().next(wall);
    /// assert_eq!(first, HybridTime { wall, tick: 0 });
    /// assert_eq!(first.next(wall), HybridTime { wall, tick: 1 });
    /// ```
    #[must_use]
    pub fn next(self, wall: Timestamp) -> Self {
        if wall > self.wall {
            return Self { wall, tick: 0 };
        }
        if let Some(tick) = self.tick.checked_add(1) {
            return Self { tick, ..self };
        }
        match self.wall.as_nanos().checked_add(1) {
            Some(nanos) => Self {
                wall: Timestamp::from_nanos(nanos),
                tick: 0,
            },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time((nanos, tick): (i64, u32)) -> HybridTime {
        HybridTime {
            wall: Timestamp::from_nanos(nanos),
            tick,
        }
    }

    fn check(last: (i64, u32), wall: i64, expected: (i64, u32)) {
        let next = time(last).next(Timestamp::from_nanos(wall));
        assert_eq!(next, time(expected));
    }

    #[test]
    fn a_wall_clock_that_moved_on_is_taken() {
        check((5, 3), 6, (6, 0));
    }

    #[test]
    fn a_wall_clock_that_stands_or_runs_behind_costs_a_tick() {
        check((5, 3), 5, (5, 4));
        check((5, 3), 1, (5, 4));
    }

    #[test]
    fn a_full_tick_moves_the_wall_part() {
        check((5, u32::MAX), 5, (6, 0));
    }

    #[test]
    fn behind_the_last_moment_it_stands_still() {
        check((i64::MAX, u32::MAX), 0, (i64::MAX, u32::MAX));
    }
}
