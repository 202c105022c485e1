//! Which upstreams have broken off after a complete answer: shared by all workers.
//!
//! The filter cannot end a response whose head has left. So the client of an upstream that breaks
//! its response off after `response.completed` gets a broken transfer, although the image is
//! whole. For an hour after that, the answers of such an upstream are held and sent as a reply.
//!
//! It is kept as [`shared`] text: the Unix milliseconds until which answers are held.

use std::time::Duration;

use crate::config::{Pass, Upstream};
use crate::exchange::shared::Shared;
use crate::pool::shared::{self, Place};

/// How long the answers of an upstream are held after it has broken one off.
pub(crate) const HOLD_TIME: Duration = Duration::from_secs(3600);

/// Whether an answer of `upstream` passes on while it comes.
pub(crate) fn passes(shared: &Shared, upstream: &Upstream, now: Duration) -> bool {
    match upstream.delivery() {
        Pass::Always => true,
        Pass::Never => false,
        Pass::Auto => held_for(shared, upstream, now).is_zero(),
    }
}

/// How long the answers of `upstream` are still held.
pub(crate) fn held_for(shared: &Shared, upstream: &Upstream, now: Duration) -> Duration {
    if upstream.delivery() != Pass::Auto {
        return Duration::ZERO;
    }
    let lines = shared::read(shared.store(), place(upstream));
    let until = lines.parse().map_or(Duration::ZERO, Duration::from_millis);
    // A clock that was set back may not make it longer.
    until.saturating_sub(now).min(HOLD_TIME)
}

/// Notes that `upstream` broke off after a complete answer. Returns whether its answers are held
/// from now on.
pub(crate) fn note_break(shared: &Shared, upstream: &Upstream, now: Duration) -> bool {
    if upstream.delivery() != Pass::Auto {
        return false;
    }
    let until = now.saturating_add(HOLD_TIME).as_millis();
    shared::change(shared.store(), place(upstream), |_| Some(until.to_string()));
    true
}

fn place(upstream: &Upstream) -> Place<'_> {
    Place { kind: "endings", name: upstream.name(), fingerprint: upstream.fingerprint() }
}
