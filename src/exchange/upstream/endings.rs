//! Which upstreams have broken off after a complete answer: shared by all workers.
//!
//! The filter cannot end a response whose head has left. So the client of an upstream that breaks
//! its response off after `response.completed` gets a broken transfer, although the image is
//! whole. For an hour after that, the answers of such an upstream are held and sent as a reply.
//!
//! It is a line of the [`shared`] notes: the Unix milliseconds until which answers are held.

use std::time::Duration;

use crate::config::{Candidate, Pass, Upstream};
use crate::exchange::shared::Shared;
use crate::pool::shared::{self, Place};

/// How long the answers of an upstream are held after it has broken one off.
pub(crate) const HOLD_TIME: Duration = Duration::from_secs(3600);

/// Whether an answer of a chosen `candidate` passes through while it comes.
pub(crate) fn passes(candidate: &Candidate<'_>, now: Duration) -> bool {
    match candidate.upstream.delivery() {
        Pass::Always => true,
        Pass::Never => false,
        Pass::Auto => noted(&candidate.notes, now).is_zero(),
    }
}

/// How long the answers of `upstream` are still held.
pub(crate) fn held_for(shared: &Shared, upstream: &Upstream, now: Duration) -> Duration {
    if upstream.delivery() != Pass::Auto {
        return Duration::ZERO;
    }
    noted(&shared::read(shared.store(), place(upstream)), now)
}

fn noted(notes: &str, now: Duration) -> Duration {
    let until = shared::lines(notes, HELD).last().and_then(|it| it.parse().ok());
    let until = until.map_or(Duration::ZERO, Duration::from_millis);
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
    let line = format!("{HELD} {until}");
    shared::change(shared.store(), place(upstream), &[HELD], |_| Some(vec![line.clone()]));
    true
}

fn place(upstream: &Upstream) -> Place<'_> {
    Place { name: upstream.name(), fingerprint: upstream.fingerprint() }
}

/// The word of its line.
const HELD: &str = "held";
