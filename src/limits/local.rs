//! Limits counted in the shared data of one Envoy: exact across its workers.
//!
//! All rules that apply to a request must admit it. If every rule of the configuration counts the
//! same kind of scope, a request touches one slot, and a swap of that slot decides. Else it touches
//! several. Far from every limit it swaps each of them; close to one, a lock makes the step over them
//! atomic (`reserve.rs`). A settlement takes each slot by itself: nothing depends on two of them at
//! once.

mod held;
mod reserve;

use std::time::Duration;

use super::table::Loaded;
pub use super::table::{Counters, Table};
use super::{Hold, Rule, Scope, State, Unit};
use crate::order;
use held::{Counted, Held, change, counted_here, limit_status, slots};
pub use held::{Error, LimitStatus, Outcome, Rejected, Reservation, Reserved};

/// Reserves what a request may take, under all `rules` that apply to it and are counted here. If
/// one does not admit it, reserves under none.
///
/// # Errors
///
/// [`Error`]. Every counter is then as it was.
pub fn reserve(
    counters: Counters<'_>,
    rules: &[Rule],
    scope: &Scope<'_>,
    amount: &dyn Fn(Unit) -> u64,
    patience: Duration,
    now: Duration,
) -> Result<Reserved, Error> {
    let held = |it: Counted<'_>| Held::new(&it, amount(it.rule.unit), now, patience);
    let held = counted_here(counters, rules, scope, held)?;
    let request = reserve::Request { counters, rules, held, now };
    request.reserve()
}

/// Counts what the request used, and releases the rest. Its places in flight stay in the
/// reservation until it is [`land`]ed. Returns the state of each rule after that.
///
/// A slot in which nothing changes is not even read: its rules count requests only, and this one
/// was. Their state is then that of the reservation, unless their windows have moved on since.
///
/// # Errors
///
/// [`Error::Store`] or [`Error::Full`]. The hold then expires by itself.
pub fn settle(
    counters: Counters<'_>,
    rules: &[Rule],
    reservation: &mut Reservation,
    outcome: &Outcome,
    now: Duration,
) -> Result<Vec<LimitStatus>, Error> {
    let Reservation { held, statuses } = std::mem::take(reservation);
    let statuses = statuses.into_iter().map(|it| Some(it).filter(|it| it.full_at > Some(now)));
    let mut statuses: Vec<_> = statuses.collect();
    statuses.resize(held.len(), None);
    let open = held.iter().zip(&statuses);
    let open = open.filter(|(it, status)| status.is_none() || !it.is_settled(outcome));
    let open = order::distinct(open.map(|(it, _)| it.slot()));
    let updated = update(counters, &open, &held, now, |place, it, state| {
        if it.unit != Unit::Concurrent {
            state.settle(it.hold, outcome.of(it.unit));
        }
        if let Some(status) = statuses.get_mut(place) {
            *status = Some(limit_status(rules, it.rule, state, now));
        }
    });
    reservation.held = held.into_iter().filter(|it| it.unit == Unit::Concurrent).collect();
    updated.map(|()| statuses.into_iter().flatten().collect())
}

/// Releases the places in flight of a request that is settled.
///
/// # Errors
///
/// [`Error::Store`]. The hold then expires by itself.
pub fn land(counters: Counters<'_>, reservation: Reservation, now: Duration) -> Result<(), Error> {
    let held = &reservation.held;
    update(counters, &slots(held), held, now, |_, it, state| state.settle(it.hold, 0))
}

/// Holds the places in flight for another `patience`, of a request that is settled and whose answer
/// has not left.
///
/// # Errors
///
/// [`Error::Store`] or [`Error::Full`]. A hold that could not be renewed expires as before.
pub fn renew(
    counters: Counters<'_>,
    reservation: &mut Reservation,
    patience: Duration,
    now: Duration,
) -> Result<(), Error> {
    let mut result = Ok(());
    for it in &mut reservation.held {
        let renewed = Hold::new(it.place.window, it.hold.amount, now, patience);
        let one = std::slice::from_ref(it);
        let updated = update(counters, &[it.slot()], one, now, |_, it, state| {
            state.settle(it.hold, 0);
            state.hold(renewed);
        });
        match updated {
            Ok(()) => it.hold = renewed,
            Err(error) => result = Err(error),
        }
    }
    result
}

/// Changes the state of each rule that a request holds something under in these slots, as
/// [`change`] does. If one slot cannot be changed, the others are all the same.
fn update(
    counters: Counters<'_>,
    slots: &[u16],
    held: &[Held],
    now: Duration,
    mut step: impl FnMut(usize, &Held, &mut State),
) -> Result<(), Error> {
    let mut result = Ok(());
    for slot in slots {
        let changed = change(counters, *slot, held, now, &mut step);
        result = result.and(changed);
    }
    result.map_err(Error::from)
}

/// The state of every rule that applies to `scope` and is counted here. Empty if the shared data
/// breaks its contract.
pub fn statuses(
    counters: Counters<'_>,
    rules: &[Rule],
    scope: &Scope<'_>,
    now: Duration,
) -> Vec<LimitStatus> {
    let mut loaded: Vec<Loaded> = Vec::new();
    let mut statuses = Vec::new();
    for it in counted_here(counters, rules, scope, |it| it).unwrap_or_default() {
        let slot = it.place.scope.slot();
        if !loaded.iter().any(|it| it.number() == slot) {
            loaded.extend(counters.peek(slot));
        }
        let found = loaded.iter_mut().find(|it| it.number() == slot);
        let state = found.and_then(|slot| slot.state(it.place)).cloned();
        let mut state = state.unwrap_or_else(|| counters.old_state(it.old));
        state.prune(it.rule.window, now);
        statuses.push(limit_status(rules, it.number, &state, now));
    }
    statuses
}
