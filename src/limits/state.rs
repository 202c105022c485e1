//! What one rule has counted for one scope.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Window;

/// Holds expire in steps of this many seconds, so that many of them share one entry.
const EXPIRY_STEP_SECS: u64 = 8;

/// A client waits this long for what may be free at any moment.
const ANY_MOMENT: Duration = Duration::from_secs(1);

/// The expiry of an amount that counts as used: it has none. No hold expires at the Unix epoch.
const AS_USED: u64 = 0;

/// What was used, by interval, and what is held for requests in flight.
///
/// Invariants: intervals, and the pairs of expiry and interval of holds, are distinct; no amount is
/// 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub(super) used: Vec<(u64, u64)>,
    pub(super) holds: Vec<Hold>,
}

/// An amount held for requests in flight, or one that counts as used before the outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// When it expires, in seconds since the Unix epoch. Its request was then lost with its VM.
    /// 0 if the amount counts as used.
    pub until: u64,
    /// The interval in which the outcome is counted.
    pub interval: u64,
    /// How much.
    pub amount: u64,
}

impl Hold {
    /// A hold of `amount` taken at `now`. It expires after `patience`, or a few seconds later.
    #[must_use]
    pub fn new(window: Window, amount: u64, now: Duration, patience: Duration) -> Self {
        let end = now.saturating_add(patience).as_secs();
        let until = end.div_ceil(EXPIRY_STEP_SECS).saturating_mul(EXPIRY_STEP_SECS);
        Self { until, interval: window.interval(now), amount }
    }

    /// An amount that counts as used from `now` on. Its settlement is exact, but nothing gives it back
    /// if its request is lost with its VM.
    #[must_use]
    pub fn as_used(window: Window, amount: u64, now: Duration) -> Self {
        Self { until: AS_USED, interval: window.interval(now), amount }
    }

    const fn counts_as_used(&self) -> bool {
        self.until == AS_USED
    }

    /// When it no longer counts together with what was used in its interval. `None` if that is over.
    fn leaves(&self, window: Window, now: Duration) -> Option<Duration> {
        Some(window.leaves(self.interval)).filter(|at| *at > now)
    }

    /// When it no longer counts: at the latest when it expires.
    fn leaves_at_last(&self, window: Window, now: Duration) -> Duration {
        self.leaves(window, now).unwrap_or_else(|| Duration::from_secs(self.until))
    }

    /// When it may no longer count. If its interval is over, its request may end at any moment: the
    /// expiry is only for those that are lost.
    fn may_leave(&self, window: Window, now: Duration) -> Duration {
        self.leaves(window, now).unwrap_or_else(|| now.saturating_add(ANY_MOMENT))
    }

    fn joins(&self, other: &Self) -> bool {
        self.until == other.until && self.interval == other.interval
    }
}

impl State {
    /// Drops what no longer counts.
    pub fn prune(&mut self, window: Window, now: Duration) {
        let first = window.first_that_counts(now);
        self.used.retain(|(interval, _)| first.is_some_and(|first| *interval >= first));
        self.holds.retain(|hold| hold.until > now.as_secs());
    }

    /// Whether nothing is used or held.
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

    /// Adds a hold. The caller has checked that it fits.
    pub fn hold(&mut self, hold: Hold) {
        if hold.amount == 0 {
            return;
        }
        if hold.counts_as_used() {
            return self.count(hold.interval, hold.amount);
        }
        match self.holds.iter_mut().find(|it| it.joins(&hold)) {
            Some(joined) => joined.amount = joined.amount.saturating_add(hold.amount),
            None => self.holds.push(hold),
        }
    }

    /// Releases a hold and counts `used` in its place. A hold that has expired is gone, but `used`
    /// counts all the same.
    pub fn settle(&mut self, hold: Hold, used: u64) {
        if hold.counts_as_used() {
            return self.correct(hold, used);
        }
        if let Some(joined) = self.holds.iter_mut().find(|it| it.joins(&hold)) {
            joined.amount = joined.amount.saturating_sub(hold.amount);
        }
        self.holds.retain(|hold| hold.amount > 0);
        self.count(hold.interval, used);
    }

    /// Counts `used` in place of what counts as used already.
    fn correct(&mut self, hold: Hold, used: u64) {
        let unused = hold.amount.saturating_sub(used);
        if let Some((_, amount)) = self.interval(hold.interval).filter(|_| unused > 0) {
            *amount = amount.saturating_sub(unused);
            self.used.retain(|(_, amount)| *amount > 0);
        }
        self.count(hold.interval, used.saturating_sub(hold.amount));
    }

    /// Counts an amount as used in an interval.
    fn count(&mut self, interval: u64, used: u64) {
        if used == 0 {
            return;
        }
        match self.interval(interval) {
            Some((_, amount)) => *amount = amount.saturating_add(used),
            None => self.used.push((interval, used)),
        }
    }

    /// What was used in an interval. The last one is mostly the one that is asked for.
    fn interval(&mut self, interval: u64) -> Option<&mut (u64, u64)> {
        self.used.iter_mut().rev().find(|(it, _)| *it == interval)
    }

    /// When nothing is used or held any more if nothing else is used until then. Zero if nothing is.
    /// Assumes that holds are used in full, as they mostly are.
    #[must_use]
    pub fn empty_at(&self, window: Window, now: Duration) -> Duration {
        let last = self.used.iter().map(|(interval, _)| *interval).max();
        let used = last.map_or(Duration::ZERO, |interval| window.leaves(interval));
        self.holds.iter().map(|hold| hold.leaves_at_last(window, now)).fold(used, Duration::max)
    }

    /// When `amount` may fit below `max` if nothing else is used until then. `None` if it never
    /// fits. Assumes that holds are used in full, as they mostly are.
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
        let mut leaving: BinaryHeap<Reverse<(Duration, u64)>> = self
            .used
            .iter()
            .map(|(interval, amount)| (window.leaves(*interval), *amount))
            .chain(self.holds.iter().map(|hold| (hold.may_leave(window, now), hold.amount)))
            .map(Reverse)
            .collect();
        let mut total = self.used().saturating_add(self.reserved()).saturating_add(amount);
        while let Some(Reverse((at, amount))) = leaving.pop() {
            total = total.saturating_sub(amount);
            if total <= max {
                return Some(at);
            }
        }
        Some(Duration::ZERO)
    }
}
