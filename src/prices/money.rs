//! US dollars as integers of nano-dollars.
//!
//! Prices are decimal strings and stay exact: money is never a binary fraction. 2^64 nano-dollars
//! are 18 thousand million dollars, far beyond any budget. Sums and products saturate there.

use std::fmt;

use crate::decimal;

/// Digits after the point of a dollar.
const PLACES: usize = 9;
/// Token prices are for this many tokens.
const MILLION: u128 = 1_000_000;

/// An amount of money, in nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Money(u64);

impl Money {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// An amount of nano-dollars.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Reads a decimal number of dollars: digits, with at most nine of them after a point. No sign,
    /// no exponent, no separators.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        decimal::parse(text, PLACES).map(Self)
    }

    /// A decimal number of dollars, without trailing zeros.
    #[must_use]
    pub fn text(self) -> String {
        decimal::text(self.0, PLACES)
    }

    /// `self` times `count`, saturating.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// The sum, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The sum of prices of a million, each for this many units, rounded to the nearest
    /// nano-dollar, a half up. Nothing is rounded if all prices have at most three digits after the
    /// point.
    #[must_use]
    pub fn of_millionths<const N: usize>(parts: [(Self, u64); N]) -> Self {
        let product =
            |(price, units): (Self, u64)| u128::from(price.0).saturating_mul(u128::from(units));
        let sum = parts.into_iter().map(product).fold(0, u128::saturating_add);
        let nanos = sum.saturating_add(MILLION / 2) / MILLION;
        Self(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Money {
    /// As [`Self::text`] writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_dollars_are_exact() {
        for (text, nanos) in [
            ("0", 0),
            ("0.211", 211_000_000),
            ("25.00", 25_000_000_000),
            ("0.000000001", 1),
            ("18446744073.709551615", u64::MAX),
        ] {
            assert_eq!(Money::parse(text), Some(Money(nanos)), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_an_amount() {
        for text in ["", "1.", "-1", "1e3", "$1", "0.0000000001", "18446744073.709551616"] {
            assert_eq!(Money::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_amount_is_shown_as_it_was_written() {
        for text in ["0", "0.211", "25", "0.000000001", "18446744073.709551615"] {
            assert_eq!(Money::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn sums_and_products_saturate() {
        assert_eq!(Money(211_000_000).times(10), Money(2_110_000_000));
        assert_eq!(Money(1).plus(Money(2)), Money(3));
        assert_eq!(Money(u64::MAX).times(2), Money(u64::MAX));
        assert_eq!(Money(u64::MAX).plus(Money(1)), Money(u64::MAX));
    }

    #[test]
    fn a_sum_of_millionths_is_rounded_to_the_nearest_nano_dollar() {
        let sum = |price, units| Money::of_millionths([(price, units)]);
        assert_eq!(sum(Money::parse("5.00").unwrap(), 31), Money(155_000));
        assert_eq!(sum(Money(1), 499_999), Money(0));
        assert_eq!(sum(Money(1), 500_000), Money(1));
        assert_eq!(sum(Money(u64::MAX), u64::MAX), Money(u64::MAX));
        assert_eq!(Money::of_millionths([(Money(1), 250_000); 2]), Money(1));
        assert_eq!(Money::of_millionths([(Money(u64::MAX), u64::MAX); 6]), Money(u64::MAX));
    }
}
