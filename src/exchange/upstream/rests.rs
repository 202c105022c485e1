//! Which upstreams may be called, which of them first, and what answers say about them.

use std::time::Duration;

use super::endings;
use crate::config::{Balance, Candidate, Model, Upstream};
use crate::exchange::metrics::{Count, UPSTREAM_HOLD, UPSTREAM_REST, UPSTREAM_USED};
use crate::exchange::shared::Shared;
use crate::openai::error::{Failure, UpstreamFailure};
use crate::order;
use crate::pool::balance::Member;
use crate::pool::{self, Cause, Key, Refusal, Resting, State, Usage};
use crate::span::whole_secs;

/// What a call says about its upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign {
    /// It serves.
    Serves,
    /// It serves no request for now.
    Refuses(Refusal),
    /// It has used this much of its limit.
    Uses(Usage),
}

/// An upstream that is not called, by its name.
pub(crate) type Passed = (String, Resting);

/// Keeps the candidates that do not rest, in the order in which they are called, each with the notes
/// about its upstream. Returns the others.
///
/// A candidate for which `wish` is false is called only if there is no other.
pub(crate) fn choose(
    shared: &Shared,
    model: &mut Model<'_>,
    wish: &dyn Fn(&Candidate<'_>) -> bool,
    now: Duration,
) -> Vec<Passed> {
    let mut resting = Vec::new();
    let mut awake: Vec<(State, Candidate<'_>)> = Vec::new();
    for mut candidate in model.candidates.drain(..) {
        let key = key(candidate.upstream);
        candidate.notes = pool::notes(shared.store(), key);
        let state = pool::noted(&candidate.notes, key, now);
        match state.resting(now) {
            Some(rest) => resting.push((candidate.upstream.name().to_owned(), rest)),
            None => awake.push((state, candidate)),
        }
    }
    if awake.iter().any(|(_, it)| wish(it)) {
        awake.retain(|(_, it)| wish(it));
    }
    let awake = rank(shared, model.balance, model.entry, awake, now);
    model.candidates = awake.into_iter().map(|(_, it)| it).collect();
    resting
}

/// Puts the candidates into the order in which they are called.
fn rank<'a>(
    shared: &Shared,
    balance: Balance,
    entry: usize,
    awake: Vec<(State, Candidate<'a>)>,
    now: Duration,
) -> Vec<(State, Candidate<'a>)> {
    let member = |(state, it): &(State, Candidate<'_>)| Member {
        place: it.place,
        weight: it.weight,
        headroom: 100_u8.saturating_sub(state.used_percent(now)),
    };
    let members: Vec<_> = awake.iter().map(member).collect();
    let turns = shared.turns(entry, |turns| match balance {
        Balance::First => Vec::new(),
        Balance::RoundRobin => turns.order(&members),
        Balance::LeastUsed => turns.least_used(&members),
    });
    // Stable: without an order they stay as they are.
    order::by_key(awake, |(_, it)| turns.iter().position(|place| *place == it.place))
}

/// Drops candidates from the front until one may be called: after a rest only one request may call
/// it. What `orders` has of each candidate goes with it, and it is one of those that are `passed`.
///
/// # Errors
///
/// None may. The failure has the earliest time at which one is called again.
pub(crate) fn claim<T>(
    shared: &Shared,
    candidates: &mut Vec<Candidate<'_>>,
    orders: &mut Vec<T>,
    passed: &mut Vec<Passed>,
    now: Duration,
) -> Result<(), Failure> {
    while let Some(first) = candidates.first() {
        let key = key(first.upstream);
        let state = pool::noted(&first.notes, key, now);
        match pool::claim_noted(shared.store(), key, state, now) {
            Ok(()) => return Ok(()),
            Err(rest) => passed.push((first.upstream.name().to_owned(), rest)),
        }
        candidates.remove(0);
        if !orders.is_empty() {
            orders.remove(0);
        }
    }
    Err(failure(passed.iter().map(|(_, rest)| *rest), now))
}

/// Claims the next call of the upstream for a request.
pub(crate) fn claim_one(
    shared: &Shared,
    upstream: &Upstream,
    now: Duration,
) -> Result<(), Resting> {
    pool::claim(shared.store(), key(upstream), now)
}

/// Gives back the call that a request claimed at `claimed_at`, if it sends nothing.
pub(crate) fn release(shared: &Shared, upstream: Option<&Upstream>, claimed_at: Duration) {
    upstream.into_iter().for_each(|it| pool::release(shared.store(), key(it), claimed_at));
}

/// Whether a call that another upstream has refused may go to this one. A request `has_called` it
/// if it waits for the outcome itself.
pub(crate) fn may_follow(
    shared: &Shared,
    upstream: &Upstream,
    has_called: bool,
    now: Duration,
) -> bool {
    let state = pool::read(shared.store(), key(upstream), now);
    state.resting(now).is_none() || has_called && state.is_probed(now)
}

/// How long the first of these upstreams to end its rest still rests. `None` if none rests.
pub(crate) fn earliest<'n>(
    shared: &Shared,
    names: impl Iterator<Item = &'n str>,
    now: Duration,
) -> Option<Duration> {
    let upstreams = names.filter_map(|name| shared.config.upstream(name));
    upstreams.map(|it| known(shared, it, now).0).filter(|rest| !rest.is_zero()).min()
}

/// Notes a sign. The cause of the rest that it began, if it did.
pub(crate) fn note(
    shared: &Shared,
    upstream: &Upstream,
    sign: &Sign,
    now: Duration,
) -> Option<Cause> {
    let (store, key) = (shared.store(), key(upstream));
    match sign {
        Sign::Serves => pool::note_serves(store, key, now),
        Sign::Uses(usage) => pool::note_usage(store, key, *usage, now),
        Sign::Refuses(refusal) => {
            let rest = pool::note_refusal(store, key, refusal, now);
            return rest.map(|rest| rest.cause);
        }
    }
    None
}

/// What is known of the upstream: how long it rests from `now` on, and how many percent of its
/// limit are used.
pub(crate) fn known(shared: &Shared, upstream: &Upstream, now: Duration) -> (Duration, u8) {
    let state = pool::read(shared.store(), key(upstream), now);
    let rest = state.resting(now).map(|rest| rest.until.saturating_sub(now));
    (rest.unwrap_or_default(), state.used_percent(now))
}

impl Shared {
    /// How long each upstream rests, how much of its limit is used, and how long its answers are
    /// held, as gauges.
    #[must_use]
    pub fn upstream_gauges(&self, now: Duration) -> Vec<Count> {
        let gauges = |upstream: &Upstream| {
            let (rest, percent) = known(self, upstream, now);
            let seconds = whole_secs(rest);
            let (name, percent) = (upstream.name(), u64::from(percent));
            let held = endings::held_for(self, upstream, now).as_secs();
            [
                UPSTREAM_REST.amount(seconds, [name]),
                UPSTREAM_USED.amount(percent, [name]),
                UPSTREAM_HOLD.amount(held, [name]),
            ]
        };
        self.config.upstreams().flat_map(gauges).collect()
    }
}

fn failure(resting: impl Iterator<Item = Resting>, now: Duration) -> Failure {
    let Some(first) = resting.min_by_key(|rest| rest.until) else { return Failure::overloaded() };
    let retry_after = first.until.saturating_sub(now);
    match first.cause.is_limit() {
        true => Failure::Upstream(UpstreamFailure::RateLimited { retry_after }),
        false => Failure::Upstream(UpstreamFailure::AllRest { retry_after }),
    }
}

fn key(upstream: &Upstream) -> Key<'_> {
    Key { name: upstream.name(), fingerprint: upstream.fingerprint(), longest: upstream.max_rest() }
}
