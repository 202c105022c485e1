//! The period of a rule, cut into numbered intervals.
//!
//! A sliding window of length W is counted in intervals of W/60: what was used in an interval
//! counts until W has passed since the *end* of that interval. So no more than the limit is ever
//! used within a time W, and what was used stops counting up to W/60 late.

use std::time::Duration;

use super::calendar;
use crate::span::millis;

/// Intervals of a sliding window.
const INTERVALS: u64 = 60;

/// The period that a limit holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// This much time up to now.
    Sliding(Duration),
    /// The UTC day.
    Day,
    /// The ISO week in UTC, from Monday.
    Week,
    /// The UTC month.
    Month,
    /// No period: what is held at one time.
    Now,
}

impl Window {
    /// The window in words that must never change; see `Rule::state_id`.
    pub(super) fn key_words(self) -> String {
        match self {
            Self::Sliding(length) => format!("Sliding({})", seconds(length)),
            Self::Day => "Day".to_owned(),
            Self::Week => "Week".to_owned(),
            Self::Month => "Month".to_owned(),
            Self::Now => "Now".to_owned(),
        }
    }

    /// The number of the interval that `now` lies in.
    #[must_use]
    pub fn interval(self, now: Duration) -> u64 {
        match self {
            Self::Sliding(_) => millis(now).checked_div(self.step_millis()).unwrap_or(0),
            Self::Day => calendar::day(now),
            Self::Week => calendar::week(now),
            Self::Month => calendar::month(now),
            Self::Now => 0,
        }
    }

    /// The first interval of which what was used still counts at `now`, as do all after it. `None`
    /// if none counts.
    ///
    /// An interval after that of `now` counts: it comes from a worker whose clock is ahead.
    #[must_use]
    pub fn first_that_counts(self, now: Duration) -> Option<u64> {
        match self {
            // Interval `i` ends `i + 1` steps after the epoch, and counts for `length` after that.
            Self::Sliding(length) => Some(self.interval(now.saturating_sub(length))),
            Self::Day | Self::Week | Self::Month => Some(self.interval(now)),
            Self::Now => None,
        }
    }

    /// When what was used in `interval` no longer counts.
    #[must_use]
    pub fn leaves(self, interval: u64) -> Duration {
        let next = interval.saturating_add(1);
        match self {
            Self::Sliding(length) => {
                let end = Duration::from_millis(next.saturating_mul(self.step_millis()));
                end.saturating_add(length)
            }
            Self::Day => calendar::day_start(next),
            Self::Week => calendar::week_start(next),
            Self::Month => calendar::month_start(next),
            Self::Now => Duration::ZERO,
        }
    }

    /// The length of a sliding window's interval, in milliseconds; at least 1.
    fn step_millis(self) -> u64 {
        let Self::Sliding(length) = self else { return 1 };
        millis(length).div_ceil(INTERVALS).max(1)
    }
}

/// A span in decimal seconds, as in `90.5s`; it has at least one whole second.
fn seconds(span: Duration) -> String {
    let fraction = format!(".{:09}", span.subsec_nanos());
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction}s", span.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Window = Window::Sliding(Duration::from_secs(60));

    impl Window {
        fn counts(self, interval: u64, now: Duration) -> bool {
            self.first_that_counts(now).is_some_and(|first| interval >= first)
        }
    }

    /// The first release wrote a window as the standard library shows it.
    #[test]
    fn the_words_of_a_window_are_those_of_the_first_release() {
        for millis in [1_000, 1_001, 60_000, 90_500, 86_400_000, 2_678_400_000] {
            let window = Window::Sliding(Duration::from_millis(millis));
            assert_eq!(window.key_words(), format!("{window:?}"));
        }
        for window in [Window::Day, Window::Week, Window::Month, Window::Now] {
            assert_eq!(window.key_words(), format!("{window:?}"));
        }
    }

    #[test]
    fn what_was_used_counts_for_the_whole_window_and_one_interval_at_most() {
        for millis in [0, 1, 999, 1_000, 59_999] {
            let used = Duration::from_secs(1_000_000) + Duration::from_millis(millis);
            let interval = MINUTE.interval(used);
            assert!(MINUTE.counts(interval, used));
            assert!(MINUTE.counts(interval, used + Duration::from_millis(59_999)), "{millis}");
            assert!(!MINUTE.counts(interval, used + Duration::from_millis(61_000)), "{millis}");
        }
    }

    proptest! {
        #[test]
        fn an_interval_counts_until_it_leaves(
            length in 1..10_000_000_u64,
            millis in 0..20_000_000_000_u64,
            nanos in 0..1_000_000_u64,
            distance in -70..3_i64,
        ) {
            let now = Duration::from_millis(millis).saturating_add(Duration::from_nanos(nanos));
            let sliding = Window::Sliding(Duration::from_millis(length));
            for window in [sliding, Window::Day, Window::Week, Window::Month] {
                let interval = window.interval(now).saturating_add_signed(distance);
                let leaves = window.leaves(interval);
                prop_assert_eq!(window.counts(interval, now), now < leaves, "{:?}", window);
            }
        }
    }

    #[test]
    fn a_late_clock_counts_later_intervals() {
        let now = Duration::from_secs(1_000_000);
        assert!(MINUTE.counts(MINUTE.interval(now + Duration::from_secs(5)), now));
        assert!(Window::Day.counts(Window::Day.interval(now) + 1, now));
    }

    #[test]
    fn a_calendar_window_ends_with_its_period() {
        let noon = Duration::from_secs(86_400 * 100 + 43_200);
        let day = Window::Day.interval(noon);
        assert!(Window::Day.counts(day, Duration::from_secs(86_400 * 101 - 1)));
        assert!(!Window::Day.counts(day, Duration::from_secs(86_400 * 101)));
    }

    #[test]
    fn the_shortest_window_has_intervals_of_a_millisecond() {
        let shortest = Window::Sliding(Duration::from_millis(1));
        assert!(!shortest.counts(5, Duration::from_millis(7)));
        assert!(shortest.counts(5, Duration::from_millis(6)));
    }
}
