//! Limits counted in the shared data of one Envoy: exact across its workers.
//!
//! A request touches several states in several slots, and all of them must admit it. One
//! lock (`lock.rs`) makes each such step atomic.

use std::collections::BTreeMap;
use std::time::Duration;

pub use super::lock::prepare;
use super::lock::{self, OutOfReach};
use super::slot::{self, Slot, StateId};
use super::{Engine, Hold, Rule, Scope, State, Store, Unit, Window};

/// The state of a rule for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    /// The rule's place in the configuration's list.
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
    held: Vec<Held>,
}

/// What it holds under one rule.
#[derive(Debug)]
struct Held {
    rule: usize,
    id: StateId,
    window: Window,
    unit: Unit,
    hold: Hold,
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
}

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A rule does not admit the request.
    Rejected(Rejected),
    /// There is no room for the state of another scope.
    Full,
    /// The shared data breaks its contract.
    Store,
}

/// A successful reservation.
#[derive(Debug)]
pub struct Reserved {
    /// What to settle.
    pub reservation: Reservation,
    /// The state of each rule that applies, this request included.
    pub statuses: Vec<LimitStatus>,
    /// The shadow rules that would have rejected.
    pub shadowed: Vec<usize>,
}

/// Reserves what a request may take, under all `rules` that apply to it and are counted here. If
/// one does not admit it, reserves under none.
///
/// # Errors
///
/// [`Error`]. Every counter is then as it was.
pub fn reserve(
    store: &dyn Store,
    rules: &[Rule],
    scope: &Scope<'_>,
    amount: &dyn Fn(Unit) -> u64,
    patience: Duration,
    now: Duration,
) -> Result<Reserved, Error> {
    let applying = counted_here(rules, scope);
    let held: Vec<Held> = applying
        .map(|(place, rule)| Held {
            rule: place,
            id: rule.state_id(scope),
            window: rule.window,
            unit: rule.unit,
            hold: Hold::new(rule.window, amount(rule.unit), now, patience),
        })
        .collect();
    if held.is_empty() {
        return Ok(Reserved {
            reservation: Reservation::default(),
            statuses: Vec::new(),
            shadowed: Vec::new(),
        });
    }
    locked(store, || {
        let mut slots = load(store, &held);
        let shadowed = admit(rules, &held, &slots, now)?;
        let mut statuses = Vec::new();
        for it in &held {
            let Some((slot, _)) = slots.get_mut(&slot::slot_of(&it.id)) else { continue };
            let mut state = slot.state(&it.id, it.window, now);
            state.hold(it.hold);
            statuses.push(limit_status(rules, it.rule, &state, now));
            if !slot.put(it.id, it.window, state, now) {
                return Err(Error::Full);
            }
        }
        save(store, &slots)?;
        Ok(Reserved { reservation: Reservation { held }, statuses, shadowed })
    })
}

/// The shadow rules that would not admit the request. An error if another rule does not.
fn admit(rules: &[Rule], held: &[Held], slots: &Slots, now: Duration) -> Result<Vec<usize>, Error> {
    let mut shadowed = Vec::new();
    for it in held {
        let (Some((slot, _)), Some(rule)) = (slots.get(&slot::slot_of(&it.id)), rules.get(it.rule))
        else {
            continue;
        };
        let state = slot.state(&it.id, it.window, now);
        if it.hold.amount <= state.remaining(rule.max) {
            continue;
        }
        if rule.shadow {
            shadowed.push(it.rule);
            continue;
        }
        return Err(Error::Rejected(Rejected {
            limit_status: limit_status(rules, it.rule, &state, now),
            fits_at: state.fits_at(it.window, rule.max, it.hold.amount, now),
        }));
    }
    Ok(shadowed)
}

/// Counts what the request used, and releases the rest. Its places in flight stay in the
/// reservation until it is [`land`]ed. Returns the state of each rule after that.
///
/// # Errors
///
/// [`Error::Store`]. The hold then expires by itself.
pub fn settle(
    store: &dyn Store,
    rules: &[Rule],
    reservation: &mut Reservation,
    outcome: &Outcome,
    now: Duration,
) -> Result<Vec<LimitStatus>, Error> {
    let held = std::mem::take(&mut reservation.held);
    let mut statuses = Vec::new();
    let updated = update(store, &held, now, |it, state| {
        if it.unit != Unit::Concurrent {
            state.settle(it.hold, outcome.of(it.unit));
        }
        statuses.push(limit_status(rules, it.rule, state, now));
    });
    reservation.held = held.into_iter().filter(|it| it.unit == Unit::Concurrent).collect();
    updated.map(|()| statuses)
}

/// Releases the places in flight of a request that is settled.
///
/// # Errors
///
/// [`Error::Store`]. The hold then expires by itself.
pub fn land(store: &dyn Store, reservation: Reservation, now: Duration) -> Result<(), Error> {
    update(store, &reservation.held, now, |it, state| state.settle(it.hold, 0))
}

/// Holds the places in flight for another `patience`, of a request that is settled and whose answer
/// has not left.
///
/// # Errors
///
/// [`Error::Store`]. The holds then expire as before.
pub fn renew(
    store: &dyn Store,
    reservation: &mut Reservation,
    patience: Duration,
    now: Duration,
) -> Result<(), Error> {
    let renewed = |it: &Held| Hold::new(it.window, it.hold.amount, now, patience);
    update(store, &reservation.held, now, |it, state| {
        state.settle(it.hold, 0);
        state.hold(renewed(it));
    })?;
    for it in &mut reservation.held {
        it.hold = renewed(it);
    }
    Ok(())
}

/// Changes the state of each rule that a request holds something under.
fn update(
    store: &dyn Store,
    held: &[Held],
    now: Duration,
    mut step: impl FnMut(&Held, &mut State),
) -> Result<(), Error> {
    if held.is_empty() {
        return Ok(());
    }
    locked(store, || {
        let mut slots = load(store, held);
        for it in held {
            let Some((slot, _)) = slots.get_mut(&slot::slot_of(&it.id)) else { continue };
            let mut state = slot.state(&it.id, it.window, now);
            step(it, &mut state);
            // A slot that is full stays full: the state was there, or is dropped.
            let _ = slot.put(it.id, it.window, state, now);
        }
        save(store, &slots)
    })
}

/// The rules that apply and are counted here, with their places.
fn counted_here<'r>(
    rules: &'r [Rule],
    scope: &Scope<'_>,
) -> impl Iterator<Item = (usize, &'r Rule)> {
    let here = |rule: &Rule| rule.engine == Engine::Local && rule.applies(scope);
    rules.iter().enumerate().filter(move |(_, rule)| here(rule))
}

/// The state of every rule that applies to `scope` and is counted here.
pub fn statuses(
    store: &dyn Store,
    rules: &[Rule],
    scope: &Scope<'_>,
    now: Duration,
) -> Vec<LimitStatus> {
    let applying = counted_here(rules, scope);
    applying
        .map(|(place, rule)| {
            let id = rule.state_id(scope);
            let (slot, _) = read(store, slot::slot_of(&id));
            limit_status(rules, place, &slot.state(&id, rule.window, now), now)
        })
        .collect()
}

fn limit_status(rules: &[Rule], place: usize, state: &State, now: Duration) -> LimitStatus {
    let rule = rules.get(place);
    let max = rule.map_or(0, |rule| rule.max);
    let window = rule.map_or(Window::Now, |rule| rule.window);
    LimitStatus {
        rule: place,
        used: state.used(),
        reserved: state.reserved(),
        remaining: state.remaining(max),
        full_at: state.fits_at(window, max, max, now).filter(|at| *at > now),
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

/// The slots that a step works on, with the tokens that they were read with.
type Slots = BTreeMap<u8, (Slot, Option<u32>)>;

fn read(store: &dyn Store, slot: u8) -> (Slot, Option<u32>) {
    let (bytes, token) = store.get(&slot::key(slot));
    // Bytes of another layout come from an older version. Its counters end with it.
    (bytes.and_then(|bytes| Slot::read(&bytes)).unwrap_or_default(), token)
}

fn load(store: &dyn Store, held: &[Held]) -> Slots {
    let mut slots = BTreeMap::new();
    for it in held {
        let number = slot::slot_of(&it.id);
        slots.entry(number).or_insert_with(|| read(store, number));
    }
    slots
}

/// Stores the slots, each only if it has not changed since it was read. A worker that seemed lost,
/// and whose lock was taken over, must not overwrite what has changed since.
fn save(store: &dyn Store, slots: &Slots) -> Result<(), Error> {
    for (number, (slot, token)) in slots {
        store.swap(&slot::key(*number), &slot.write(), *token).map_err(|_| Error::Store)?;
    }
    Ok(())
}

/// Runs `step` while no other worker runs one.
fn locked<T>(store: &dyn Store, step: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    lock::acquire(store).map_err(|OutOfReach| Error::Store)?;
    let result = step();
    lock::release(store).map_err(|OutOfReach| Error::Store)?;
    result
}
