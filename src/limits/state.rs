//! What one rule has counted for one scope.

use std::time::Duration;

use super::Window;

/// Holds expire in steps of so many seconds, so that many of them share one entry.
const EXPIRY_STEP_SECS: u64 = 8;

/// What was used, by interval, and what is held for requests in flight.
///
/// Invariants: intervals, and the pairs of expiry and interval of holds, are distinct; no amount is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub(super) used: Vec<(u64, u64)>,
    pub(super) holds: Vec<Hold>,
}

/// An amount held for requests in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// When it is given up, in seconds since the Unix epoch: its request was lost with its VM.
    pub until: u64,
    /// The interval in which what comes of it is used.
    pub interval: u64,
    /// How much.
    pub amount: u64,
}

impl Hold {
    /// A hold of `amount` made at `now` that expires `patience` later, a few seconds more at most.
    #[must_use]
    pub fn new(window: Window, amount: u64, now: Duration, patience: Duration) -> Self {
        let end = now.saturating_add(patience).as_secs();
        let until = end.div_ceil(EXPIRY_STEP_SECS).saturating_mul(EXPIRY_STEP_SECS);
        Self { until, interval: window.interval(now), amount }
    }

    /// When it no longer counts: with what was used in its interval, or, where that is over, when it
    /// is given up.
    fn leaves(&self, window: Window, now: Duration) -> Duration {
        let with_interval = window.leaves(self.interval);
        if with_interval > now { with_interval } else { Duration::from_secs(self.until) }
    }

    fn joins(&self, other: &Self) -> bool {
        self.until == other.until && self.interval == other.interval
    }
}

impl State {
    /// Forgets what no longer counts.
    pub fn prune(&mut self, window: Window, now: Duration) {
        self.used.retain(|(interval, _)| window.counts(*interval, now));
        self.holds.retain(|hold| hold.until > now.as_secs());
    }

    /// Whether nothing is left to remember.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty() && self.holds.is_empty()
    }

    /// What was used.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.iter().fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// What is held.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.holds.iter().fold(0, |sum, hold| sum.saturating_add(hold.amount))
    }

    /// What is left of `max`.
    #[must_use]
    pub fn remaining(&self, max: u64) -> u64 {
        max.saturating_sub(self.used()).saturating_sub(self.reserved())
    }

    /// Takes a hold. Whether it fits is the caller's to know.
    pub fn hold(&mut self, hold: Hold) {
        if hold.amount == 0 {
            return;
        }
        match self.holds.iter_mut().find(|it| it.joins(&hold)) {
            Some(joined) => joined.amount = joined.amount.saturating_add(hold.amount),
            None => self.holds.push(hold),
        }
    }

    /// Gives a hold back and counts `used` in its place. A hold that has expired is gone; what came of
    /// it counts all the same.
    pub fn settle(&mut self, hold: Hold, used: u64) {
        if let Some(joined) = self.holds.iter_mut().find(|it| it.joins(&hold)) {
            joined.amount = joined.amount.saturating_sub(hold.amount);
        }
        self.holds.retain(|hold| hold.amount > 0);
        if used == 0 {
            return;
        }
        match self.used.iter_mut().find(|(interval, _)| *interval == hold.interval) {
            Some((_, amount)) => *amount = amount.saturating_add(used),
            None => self.used.push((hold.interval, used)),
        }
    }

    /// When `amount` will fit below `max` if nothing else is used until then; `None` where it never
    /// fits. What is held is taken to be used in full, as mostly it is.
    #[must_use]
    pub fn fits_at(
        &self,
        window: Window,
        max: u64,
        amount: u64,
        now: Duration,
    ) -> Option<Duration> {
        if amount > max {
            return None;
        }
        let mut leaving: Vec<(Duration, u64)> = self
            .used
            .iter()
            .map(|(interval, amount)| (window.leaves(*interval), *amount))
            .chain(self.holds.iter().map(|hold| (hold.leaves(window, now), hold.amount)))
            .collect();
        leaving.sort_unstable();
        let mut total = self.used().saturating_add(self.reserved()).saturating_add(amount);
        for (at, amount) in leaving {
            total = total.saturating_sub(amount);
            if total <= max {
                return Some(at);
            }
        }
        Some(Duration::ZERO)
    }
}
