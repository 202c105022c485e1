//! What a request holds under the rules, and how these then stand.

use std::time::Duration;

use crate::limits::table::{Counters, OldId, Place, TableError};
use crate::limits::{Engine, Hold, Rule, Scope, State, Unit, Window};
use crate::order;

/// The state of a rule for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    /// The rule's number in the configuration's list.
    pub rule: usize,
    /// What was used.
    pub used: u64,
    /// What is held.
    pub reserved: u64,
    /// What is left.
    pub remaining: u64,
    /// When the whole limit is available again, if that is later than now.
    pub full_at: Option<Duration>,
}

/// What a request holds.
#[derive(Debug, Default)]
pub struct Reservation {
    pub(super) held: Vec<Held>,
    /// The state of the rule of each hold after the reservation.
    pub(super) statuses: Vec<LimitStatus>,
}

impl Reservation {
    /// The state of each rule that applies, this request included. Empty once it is settled.
    #[must_use]
    pub fn statuses(&self) -> &[LimitStatus] {
        &self.statuses
    }
}

/// What it holds under one rule for one scope.
#[derive(Debug)]
pub(super) struct Held {
    /// The rule's number in the configuration's list.
    pub(super) rule: usize,
    pub(super) place: Place,
    pub(super) old: Option<OldId>,
    pub(super) unit: Unit,
    pub(super) hold: Hold,
}

impl Held {
    /// What a request holds that comes at `now`. That it is one request is known, so this counts as
    /// used at once. The other amounts are known with its outcome.
    pub(super) fn new(it: &Counted<'_>, amount: u64, now: Duration, patience: Duration) -> Self {
        let (unit, window) = (it.rule.unit, it.rule.window);
        let hold = match unit {
            Unit::Requests => Hold::as_used(window, amount, now),
            Unit::Images | Unit::Megapixels | Unit::Concurrent | Unit::Usd => {
                Hold::new(window, amount, now, patience)
            }
        };
        Self { rule: it.number, place: it.place, old: it.old, unit, hold }
    }

    /// The slot that it is in.
    pub(super) const fn slot(&self) -> u16 {
        self.place.scope.slot()
    }

    /// Whether a settlement by `outcome` changes nothing.
    pub(super) const fn is_settled(&self, outcome: &Outcome) -> bool {
        match self.unit {
            Unit::Requests => self.hold.amount == outcome.requests,
            Unit::Images | Unit::Megapixels | Unit::Usd => {
                self.hold.amount == 0 && outcome.of(self.unit) == 0
            }
            // Nothing changes, but others come and go: what was read at the reservation is old.
            Unit::Concurrent => false,
        }
    }
}

/// The result of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The request went upstream.
    pub requests: u64,
    /// Images delivered.
    pub images: u64,
    /// Their pixels.
    pub pixels: u64,
    /// Their price in nano-dollars.
    pub nanodollars: u64,
}

/// A rule does not admit a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The state of the rule.
    pub limit_status: LimitStatus,
    /// When the request will fit if no other comes. `None` if it never will.
    pub fits_at: Option<Duration>,
    /// The state of each rule that applies, without this request.
    pub statuses: Vec<LimitStatus>,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A rule does not admit the request.
    Rejected(Rejected),
    /// The slot of a scope is full of scopes that all have requests in flight.
    Full,
    /// The shared data breaks its contract.
    Store,
}

impl From<TableError> for Error {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Full => Self::Full,
            TableError::OutOfReach | TableError::LockLost => Self::Store,
        }
    }
}

/// A successful reservation.
#[derive(Debug)]
pub struct Reserved {
    /// What to settle.
    pub reservation: Reservation,
    /// The shadow rules that would have rejected.
    pub shadowed: Vec<usize>,
}

/// The slots that a request touches, in their order.
pub(super) fn slots(held: &[Held]) -> Vec<u16> {
    order::distinct(held.iter().map(Held::slot))
}

/// A rule that counts a request, and where.
pub(super) struct Counted<'r> {
    /// The rule's number in the configuration's list.
    pub(super) number: usize,
    pub(super) rule: &'r Rule,
    pub(super) place: Place,
    /// Where 0.1 has counted it; `None` if nothing is left of that.
    pub(super) old: Option<OldId>,
}

/// Where the rules that apply and are counted here count a request, each as `keep` returns it. A
/// rule `per` group counts it in several places.
pub(super) fn counted_here<'r, T>(
    counters: Counters<'_>,
    rules: &'r [Rule],
    scope: &'r Scope<'r>,
    keep: impl Fn(Counted<'r>) -> T,
) -> Result<Vec<T>, TableError> {
    let here = |rule: &Rule| rule.engine == Engine::Local && rule.applies(scope);
    let mut found = Vec::with_capacity(rules.len().min(8));
    for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| here(rule)) {
        for counted in rule.scopes(scope) {
            let (kind, value) = counted.unwrap_or(("global", ""));
            let scope = counters.scope_id(kind, value)?;
            let old = counters.has_old().then(|| rule.old_state_id(value));
            let place = Place { scope, rule: rule.id, window: rule.window };
            found.push(keep(Counted { number, rule, place, old }));
        }
    }
    Ok(found)
}

/// Changes the state of each rule that these hold something under in one slot. `step` also gets
/// the place of each in `held`, and runs again if another worker was faster.
pub(super) fn change(
    counters: Counters<'_>,
    slot: u16,
    held: &[Held],
    now: Duration,
    mut step: impl FnMut(usize, &Held, &mut State),
) -> Result<(), TableError> {
    counters.change(slot, |loaded| {
        for (place, it) in held.iter().enumerate().filter(|(_, it)| it.slot() == slot) {
            loaded.change(it.place, now, State::default, |state| step(place, it, state));
        }
        Ok(())
    })
}

pub(super) fn limit_status(
    rules: &[Rule],
    place: usize,
    state: &State,
    now: Duration,
) -> LimitStatus {
    let rule = rules.get(place);
    let max = rule.map_or(0, |rule| rule.max);
    let window = rule.map_or(Window::Now, |rule| rule.window);
    let (used, reserved) = (state.used(), state.reserved());
    LimitStatus {
        rule: place,
        used,
        reserved,
        remaining: max.saturating_sub(used).saturating_sub(reserved),
        full_at: Some(state.empty_at(window, now)).filter(|at| *at > now),
    }
}

impl Outcome {
    /// The amount that a rule of `unit` counts, in the unit's own integers.
    #[must_use]
    pub const fn of(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::Images => self.images,
            Unit::Megapixels => self.pixels,
            // A place in flight is held, and not used.
            Unit::Concurrent => 0,
            Unit::Usd => self.nanodollars,
        }
    }
}
