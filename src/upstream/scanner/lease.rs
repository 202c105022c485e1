//! The memory of a string of which something is kept.

use super::{Kept, Kind, Place};
use crate::memory::{BudgetError, Lease, Pieces};

/// Takes room for a string, with its first byte.
pub(super) fn begin(
    place: Place,
    kept: &mut Kept,
    began: &mut (bool, bool),
    lease: &mut dyn FnMut(Kind) -> Lease,
) {
    let kind = match place {
        Place::Preview => Kind::Preview,
        Place::Image | Place::Elsewhere | Place::ItemEnd => Kind::Image,
    };
    match kind {
        Kind::Image => began.0 = true,
        Kind::Preview => began.1 = true,
    }
    kept.base64 = Pieces::new(lease(kind));
}

/// Whether a string is dropped if there is no room for it. A preview is, since the image itself
/// comes later.
pub(super) fn may_go(pushed: Result<(), BudgetError>, place: Place) -> Result<bool, BudgetError> {
    match pushed {
        Err(_) if place == Place::Preview => Ok(true),
        pushed => pushed.map(|()| false),
    }
}
