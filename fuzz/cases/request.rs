//! A client's body is rejected with JSON, or sent upstream as JSON.

use super::common;

/// Panics if the input breaks the property.
pub fn run(data: &[u8]) {
    common::send(&common::head(), data);
}
