//! Calendar dates in UTC from the time since the Unix epoch.
//!
//! The arithmetic is Howard Hinnant's ("chrono-Compatible Low-Level Date Algorithms"), for dates
//! after 1970 only.

use std::time::Duration;

/// Seconds of a day: UTC as Unix time counts it has no leap seconds.
const DAY_SECS: u64 = 86_400;
/// 1970-01-01 was a Thursday: this many days after a Monday, when ISO weeks begin.
const EPOCH_WEEKDAY: u64 = 3;
/// Days of four hundred years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT_DAYS: u64 = 719_468;

/// The number of the day since the epoch.
pub(super) fn day(now: Duration) -> u64 {
    now.as_secs() / DAY_SECS
}

/// When a day begins.
pub(super) fn day_start(day: u64) -> Duration {
    Duration::from_secs(day.saturating_mul(DAY_SECS))
}

/// The number of the ISO week since the one that contains the epoch.
pub(super) fn week(now: Duration) -> u64 {
    day(now).saturating_add(EPOCH_WEEKDAY) / 7
}

/// When an ISO week begins: on a Monday.
pub(super) fn week_start(week: u64) -> Duration {
    day_start(week.saturating_mul(7).saturating_sub(EPOCH_WEEKDAY))
}

/// The number of the month since year 0: twelve times the year, plus the month from 0.
pub(super) fn month(now: Duration) -> u64 {
    let days = day(now).saturating_add(EPOCH_SHIFT_DAYS);
    let (era, of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    // Years begin in March, so that the leap day is the last day of a year.
    let leaps = (of_era / 1_460).saturating_add(of_era / 146_096);
    let year_of_era = of_era.saturating_add(of_era / 36_524).saturating_sub(leaps) / 365;
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let of_year = of_era.saturating_sub(before);
    let month_from_march = of_year.saturating_mul(5).saturating_add(2) / 153;
    let years = era.saturating_mul(400).saturating_add(year_of_era);
    years.saturating_mul(12).saturating_add(month_from_march).saturating_add(2)
}

/// When a month begins.
pub(super) fn month_start(month: u64) -> Duration {
    let from_march = month.saturating_sub(2);
    let (year, month) = (from_march / 12, from_march % 12);
    let leaps = (year / 4).saturating_sub(year / 100).saturating_add(year / 400);
    let of_year = month.saturating_mul(153).saturating_add(2) / 5;
    let days = year.saturating_mul(365).saturating_add(leaps).saturating_add(of_year);
    day_start(days.saturating_sub(EPOCH_SHIFT_DAYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Duration {
        humantime::parse_rfc3339(text).unwrap().duration_since(std::time::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn months_begin_when_the_calendar_says() {
        for (date, start, next) in [
            ("2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2023-02-28T23:59:59Z", "2023-02-01T00:00:00Z", "2023-03-01T00:00:00Z"),
            ("2100-02-28T12:00:00Z", "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z"),
            ("2000-02-29T12:00:00Z", "2000-02-01T00:00:00Z", "2000-03-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z"),
        ] {
            let number = month(at(date));
            assert_eq!(month_start(number), at(start), "{date}");
            assert_eq!(month_start(number + 1), at(next), "{date}");
        }
    }

    #[test]
    fn a_month_number_counts_years_and_months() {
        assert_eq!(month(at("2026-11-22T00:00:00Z")), 2026 * 12 + 10);
        assert_eq!(month(at("2026-01-01T00:00:00Z")), 2026 * 12);
    }

    #[test]
    fn every_day_of_eight_centuries_lies_in_its_month() {
        for number in 0..292_194 {
            let now = day_start(number);
            let month = month(now);
            assert!(month_start(month) <= now && now < month_start(month + 1), "day {number}");
        }
    }

    #[test]
    fn weeks_begin_on_mondays() {
        let number = week(at("2026-11-22T23:59:59Z"));
        assert_eq!(week_start(number), at("2026-11-16T00:00:00Z"));
        assert_eq!(week_start(number + 1), at("2026-11-23T00:00:00Z"));
        assert_eq!(week(at("1970-01-04T23:59:59Z")), 0);
        assert_eq!(week(at("1970-01-05T00:00:00Z")), 1);
    }
}
