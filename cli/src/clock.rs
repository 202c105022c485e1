//! The one reader of the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the ban is the filter's; this is a native tool")]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
