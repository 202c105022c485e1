//! The one place that reads the clock; everything else takes the time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "a server has to know the time; it is read here only"
)]
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
