//! Sizes, durations, times and money as the configuration writes them.
//!
//! Sizes are whole bytes or text such as `"32MiB"` (bytesize); durations are text with a unit such
//! as `"300s"` (humantime); times are RFC 3339 in UTC; money is decimal text, because a JSON number
//! with a fraction would be a binary one. The field checks its range.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use crate::limits::Window;
use crate::prices::Money;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) u64);

/// A span of time. Zero is possible here. The range of the field may reject it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// A point in time, as the time since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instant(pub(super) Duration);

/// A day, as the time since the Unix epoch at which it begins in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date(pub(super) Duration);

/// US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dollars(pub(super) Money);

/// How much a rule allows. The meaning of the text depends on the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    /// A whole number.
    Whole(u64),
    /// Decimal text.
    Text(String),
}

/// The window of a rule: a calendar period, or a duration that slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period(pub(super) Window);

impl Bytes {
    fn parse(text: &str) -> Option<Self> {
        // A unit or a digit, never a sign: bytesize would accept "+1".
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        text.parse::<bytesize::ByteSize>().ok().map(|size| Self(size.as_u64()))
    }
}

impl Span {
    fn parse(text: &str) -> Option<Self> {
        // humantime accepts a bare "0", and panics if seconds and nanoseconds add up to 2^64
        // seconds. That needs more than twenty digits.
        if text.len() > MAX_SPAN_CHARS || text == "0" {
            return None;
        }
        humantime::parse_duration(text).ok().map(Self)
    }
}

impl Instant {
    fn parse(text: &str) -> Option<Self> {
        let time = humantime::parse_rfc3339(text).ok()?;
        time.duration_since(UNIX_EPOCH).ok().map(Self)
    }
}

impl Date {
    fn parse(text: &str) -> Option<Self> {
        Instant::parse(&format!("{text}T00:00:00Z")).map(|Instant(begin)| Self(begin))
    }
}

impl Period {
    fn parse(text: &str) -> Option<Self> {
        let window = match text {
            "day" => Window::Day,
            "week" => Window::Week,
            "month" => Window::Month,
            _ => Window::Sliding(Span::parse(text)?.0),
        };
        Some(Self(window))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_u64<E>(self, bytes: u64) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
                Bytes::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(""), &self))
            }
        }
        value.deserialize_any(Size)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let text = String::deserialize(value)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a duration with a unit"))
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let text = String::deserialize(value)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("an RFC 3339 time"))
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let text = String::deserialize(value)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a date"))
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let text = String::deserialize(value)?;
        Money::parse(&text).map(Self).ok_or_else(|| D::Error::custom("a decimal number"))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Amount, E> {
                Ok(Amount::Whole(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Amount, E> {
                Ok(Amount::Text(text.to_owned()))
            }
        }
        value.deserialize_any(Number)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let text = String::deserialize(value)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a window"))
    }
}

/// Room for `1h 30m 15s 500ms`.
const MAX_SPAN_CHARS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        assert_eq!(Bytes::parse("32MiB"), Some(Bytes(32 << 20)));
        assert_eq!(Bytes::parse("1.5 kB"), Some(Bytes(1_500)));
        assert_eq!(Bytes::parse("7"), Some(Bytes(7)));
        assert_eq!(Bytes::parse("99999999999EiB"), Some(Bytes(u64::MAX)));
        for text in
            ["", "MiB", "-1", "+1", "1 apple", "1.2.3MB", "0x10", "1é", "NaN", "inf", " 1MiB"]
        {
            assert_eq!(Bytes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(Span::parse("300s"), Some(Span(Duration::from_secs(300))));
        assert_eq!(Span::parse("1h 30m"), Some(Span(Duration::from_secs(5_400))));
        assert_eq!(Span::parse("0s"), Some(Span(Duration::ZERO)));
        for text in
            ["", "300", "0", "-1s", "1", "s", "1 fortnight", "1é", "18446744073709551615s 1000ms"]
        {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    #[test]
    fn windows_are_calendar_periods_or_durations() {
        let sliding = |secs| Some(Period(Window::Sliding(Duration::from_secs(secs))));
        assert_eq!(Period::parse("day"), Some(Period(Window::Day)));
        assert_eq!(Period::parse("week"), Some(Period(Window::Week)));
        assert_eq!(Period::parse("month"), Some(Period(Window::Month)));
        assert_eq!(Period::parse("1d"), sliding(86_400));
        assert_eq!(Period::parse("1m"), sliding(60));
        for text in ["", "Day", "year", "60", "day 1s", "calendar_day"] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }

    #[test]
    fn dates_have_a_year_a_month_and_a_day() {
        assert_eq!(Date::parse("1970-01-02"), Some(Date(Duration::from_secs(86_400))));
        assert_eq!(Date::parse("2028-02-29"), Some(Date(Duration::from_secs(1_835_395_200))));
        for text in [
            "",
            "2026-11",
            "2026-11-31",
            "2027-02-29",
            "2026-1-1",
            "1969-12-31",
            "28.11.2026",
            "2026-11-28Z",
            "2026-11-28T00:00:00Z",
            " 2026-11-28",
            "２026-11-28",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let new_year = Some(Instant(Duration::from_secs(1_798_761_600)));
        assert_eq!(Instant::parse("2027-01-01T00:00:00Z"), new_year);
        assert_eq!(Instant::parse("2027-01-01T00:00:00+00:00"), new_year);
        for text in [
            "",
            "2027-01-01",
            "2027-01-01 00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-01-01T00:00:00é",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }
}
