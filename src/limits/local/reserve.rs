//! A reservation: all rules admit a request, or nothing is stored.

use std::time::Duration;

use super::held::{
    Error, Held, LimitStatus, Rejected, Reservation, Reserved, limit_status, old_state, slots,
};
use crate::limits::lock::{Lock, Planned};
use crate::limits::table::{Counters, Loaded, TableError};
use crate::limits::{Conflict, Engine, Per, Rule, State, Unit};

/// How often a step is tried whose lock was taken over.
const MAX_TAKE_OVERS: u32 = 3;
/// How often a step is tried while requests settle in its slots.
const MAX_TRIES: u32 = 1_000;

/// A request, and what it would hold.
pub(super) struct Request<'a> {
    pub(super) counters: Counters<'a>,
    pub(super) rules: &'a [Rule],
    pub(super) held: Vec<Held>,
    pub(super) now: Duration,
}

/// A request that all rules admit.
#[derive(Default)]
struct Admitted {
    /// The state of each rule with the hold, in the order of the holds.
    states: Vec<State>,
    shadowed: Vec<usize>,
}

impl Request<'_> {
    /// Stores what the request holds if all rules admit it.
    pub(super) fn reserve(self) -> Result<Reserved, Error> {
        let slots = slots(&self.held);
        let (admitted, evicted) = match slots.as_slice() {
            [] => (Admitted::default(), 0),
            [slot] if !count_several_kinds(self.rules) => self.swap(*slot)?,
            _ => self.step(&slots)?,
        };
        let states = self.held.iter().zip(&admitted.states);
        let statuses: Vec<LimitStatus> =
            states.map(|(it, state)| limit_status(self.rules, it.rule, state, self.now)).collect();
        let shadowed = admitted.shadowed;
        Ok(Reserved { reservation: Reservation { held: self.held }, statuses, shadowed, evicted })
    }

    /// Admits by a swap of one slot.
    fn swap(&self, slot: u16) -> Result<(Admitted, u32), Error> {
        self.counters.change(slot, |loaded| {
            let slots = std::slice::from_mut(loaded);
            let admitted = self.admit(slots)?;
            self.put(slots, &admitted);
            Ok(admitted)
        })
    }

    /// Admits under the lock, and stores slot after slot.
    fn step(&self, slots: &[u16]) -> Result<(Admitted, u32), Error> {
        for _ in 0..MAX_TAKE_OVERS {
            let lock = self.counters.lock(self.plan())?;
            let stored = self.store(&lock, slots);
            match (stored, lock.release(self.counters.store())) {
                (stored, Ok(())) => return stored,
                (Err(rejected @ Error::Rejected(_)), Err(_)) => return Err(rejected),
                // Another worker has taken the lock over, and has taken back what was stored.
                (_, Err(_)) => {}
            }
        }
        Err(Error::Store)
    }

    /// Stores all slots, or none. The lock keeps other reservations out. A settlement may still
    /// change a slot meanwhile: then all starts again.
    fn store(&self, lock: &Lock, slots: &[u16]) -> Result<(Admitted, u32), Error> {
        for _ in 0..MAX_TRIES {
            let load = |slot: &u16| self.counters.load_locked(*slot);
            let mut loaded = slots.iter().map(load).collect::<Result<Vec<_>, _>>()?;
            let admitted = self.admit(&mut loaded)?;
            self.put(&mut loaded, &admitted);
            match self.save(lock, &mut loaded) {
                Ok(evicted) => return Ok((admitted, evicted)),
                Err(None) => {}
                Err(Some(error)) => return Err(error.into()),
            }
        }
        Err(Error::Store)
    }

    /// Stores slot after slot. If one cannot be, takes back what it has stored. The error is `None`
    /// if a slot has changed meanwhile.
    fn save(&self, lock: &Lock, loaded: &mut [Loaded]) -> Result<u32, Option<TableError>> {
        let (mut evicted, mut stored) = (0_u32, Vec::new());
        for slot in loaded {
            slot.mark(lock.step);
            let error = match self.counters.save(slot) {
                Ok(Ok(gone)) => {
                    evicted = evicted.saturating_add(gone);
                    stored.push(slot.number());
                    continue;
                }
                // Who has taken the lock over takes back what was stored.
                Ok(Err(Conflict)) if !lock.is_held(self.counters.store()) => {
                    return Err(Some(TableError::LockLost));
                }
                Ok(Err(Conflict)) => None,
                Err(error) => Some(error),
            };
            let plan = self.plan();
            stored.iter().for_each(|it| self.counters.take_back(*it, lock.step, &plan));
            return Err(error);
        }
        Ok(evicted)
    }

    fn plan(&self) -> Vec<Planned> {
        self.held.iter().map(|it| Planned::new(it.scope, it.id, it.hold)).collect()
    }

    /// What the rules say to the request, by the slots that it touches. Of several that reject it,
    /// the one with the longest wait is reported: a client that waits for less is rejected again.
    fn admit(&self, slots: &mut [Loaded]) -> Result<Admitted, Error> {
        let mut admitted = Admitted::default();
        let mut longest: Option<(Wait, Rejected)> = None;
        for it in &self.held {
            let Some(rule) = self.rules.get(it.rule) else { continue };
            let found = slots.iter_mut().find(|slot| slot.number() == it.scope.slot());
            let state = found.and_then(|slot| slot.state(it.scope, it.id, it.window, self.now));
            let old = || old_state(self.counters, it.old, it.window, self.now);
            let mut state = state.or_else(old).unwrap_or_default();
            if it.hold.amount > state.remaining(rule.max) {
                if rule.shadow {
                    admitted.shadowed.push(it.rule);
                } else {
                    let (wait, rejected) = self.rejection(it, rule.max, &state);
                    if longest.as_ref().is_none_or(|(longest, _)| *longest < wait) {
                        longest = Some((wait, rejected));
                    }
                }
            }
            state.hold(it.hold);
            admitted.states.push(state);
        }
        // A rule has several states if the caller is in several groups.
        admitted.shadowed.dedup();
        longest.map_or(Ok(admitted), |(_, rejected)| Err(Error::Rejected(rejected)))
    }

    fn rejection(&self, held: &Held, max: u64, state: &State) -> (Wait, Rejected) {
        let fits_at = state.fits_at(held.window, max, held.hold.amount, self.now);
        let limit_status = limit_status(self.rules, held.rule, state, self.now);
        (Wait::of(held.unit, fits_at), Rejected { limit_status, fits_at })
    }

    fn put(&self, slots: &mut [Loaded], admitted: &Admitted) {
        for (it, state) in self.held.iter().zip(&admitted.states) {
            let found = slots.iter_mut().find(|slot| slot.number() == it.scope.slot());
            if let Some(slot) = found {
                slot.put(it.scope, it.id, it.window, state, self.now);
            }
        }
    }
}

/// Until when a rejected request has to wait, the shortest first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wait {
    /// Whoever is in flight may land any moment.
    Landing,
    Until(Duration),
    Forever,
}

impl Wait {
    fn of(unit: Unit, fits_at: Option<Duration>) -> Self {
        match (unit, fits_at) {
            (_, None) => Self::Forever,
            (Unit::Concurrent, Some(_)) => Self::Landing,
            (_, Some(at)) => Self::Until(at),
        }
    }
}

/// Whether requests under these rules may touch several slots.
fn count_several_kinds(rules: &[Rule]) -> bool {
    let mut kinds = rules.iter().filter(|rule| rule.engine == Engine::Local).map(|rule| rule.per);
    let first = kinds.next();
    // A caller may be in several groups.
    first == Some(Per::Group) || kinds.any(|kind| Some(kind) != first)
}
