//! What a request is charged in the end.

use crate::limits::local::Outcome;

/// What a request is charged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) outcome: Outcome,
    /// An image came of another model, size or quality than was asked for.
    pub(crate) mismatch: bool,
}

impl Charge {
    /// The charge if no image was delivered: only the request counts, which went upstream.
    pub(crate) fn nothing() -> Self {
        Self { outcome: Outcome { requests: 1, ..Outcome::default() }, mismatch: false }
    }

    /// The charge if no call went upstream.
    pub(crate) fn rejected() -> Self {
        Self { outcome: Outcome::default(), mismatch: false }
    }
}
