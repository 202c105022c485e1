//! Spans and times as whole numbers.

use std::time::Duration;

/// Whole seconds, rounded up: at this second, `span` has passed.
pub(crate) fn whole_secs(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0))
}

/// Whole milliseconds, rounded down. `Duration::as_millis` has 128 bits, which WebAssembly lacks.
pub(crate) fn millis(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1_000).saturating_add(span.subsec_millis().into())
}

/// `span` in the largest unit of which it is a multiple, as the configuration takes it: `31d`,
/// `36h`, `90s`, `250ms`. A part of a millisecond is left out.
pub(crate) fn text(span: Duration) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let millis = millis(span);
    let whole = |(_, size): &(&str, u64)| millis > 0 && millis.checked_rem(*size) == Some(0);
    let (unit, size) = units.into_iter().find(whole).unwrap_or(("ms", 1));
    format!("{}{unit}", millis.checked_div(size).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_the_configuration_has_it() {
        for written in ["1d", "7d", "31d", "1h", "36h", "1m", "90m", "1s", "90s", "1500ms", "1ms"] {
            let span = humantime::parse_duration(written).unwrap();
            assert_eq!(text(span), written);
            assert_eq!(humantime::parse_duration(&text(span)), Ok(span));
        }
        for (span, written) in [
            (Duration::from_secs(24 * 3_600), "1d"),
            (Duration::from_secs(5_400), "90m"),
            (Duration::ZERO, "0ms"),
            (Duration::from_micros(1_900), "1ms"),
        ] {
            assert_eq!(text(span), written);
        }
        assert_eq!(text(Duration::MAX), "18446744073709551615ms");
    }

    #[test]
    fn seconds_are_rounded_up_and_milliseconds_down() {
        for (span, secs, thousandths) in [
            (Duration::ZERO, 0, 0),
            (Duration::from_nanos(1), 1, 0),
            (Duration::new(1, 999_999_999), 2, 1_999),
            (Duration::from_secs(60), 60, 60_000),
            (Duration::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!((whole_secs(span), millis(span)), (secs, thousandths), "{span:?}");
        }
    }
}
