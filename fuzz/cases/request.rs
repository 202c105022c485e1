//! A client's body: refused in JSON, or sent upstream as JSON.

use super::common;

/// Panics if the input breaks what holds of any.
pub fn run(data: &[u8]) {
    common::send(&common::head(), data);
}
