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

#[cfg(test)]
mod tests {
    use super::*;

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
