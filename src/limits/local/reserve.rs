//! A reservation: all rules admit a request, or nothing is stored.

use std::time::Duration;

use super::held::{
    Error, Held, LimitStatus, Rejected, Reservation, Reserved, change, limit_status, slots,
};
use crate::limits::lock::{Lock, Planned};
use crate::limits::table::{Counters, Loaded, TableError};
use crate::limits::{Conflict, Engine, Per, Rule, State, Unit};

/// How often a step is tried whose lock was taken over.
const MAX_TAKE_OVERS: u32 = 3;
/// How often a step is tried while requests settle in its slots.
const MAX_TRIES: u32 = 1_000;

/// A rule with room for fewer requests than this, each like the one that it admits, is close to its
/// limit.
const MANY_REQUESTS: u64 = 64;
/// A rule that has less than its limit divided by this left is close to it, too.
const CLOSE_SHARE: u64 = 4;

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
    statuses: Vec<LimitStatus>,
    shadowed: Vec<usize>,
    /// One of the rules is so close to its limit that the order of requests may matter.
    is_close: bool,
}

/// The slots as they were read, with the holds of the request.
struct Read {
    slots: Vec<Loaded>,
    admitted: Admitted,
}

impl Request<'_> {
    /// Stores what the request holds if all rules admit it.
    pub(super) fn reserve(self) -> Result<Reserved, Error> {
        let slots = slots(&self.held);
        let admitted = match slots.as_slice() {
            [] => Admitted::default(),
            [slot] if !count_several_kinds(self.rules) => self.swap(*slot)?,
            slots => match self.swap_each(slots) {
                Ok(stored) => stored,
                Err(read) => self.step(slots, read)?,
            },
        };
        let Admitted { statuses, mut shadowed, .. } = admitted;
        // A rule has several states if the caller is in several groups.
        shadowed.dedup();
        Ok(Reserved { reservation: Reservation { held: self.held, statuses }, shadowed })
    }

    /// Admits by a swap of one slot.
    fn swap(&self, slot: u16) -> Result<Admitted, Error> {
        self.counters.change(slot, |loaded| self.admit(std::slice::from_mut(loaded)))
    }

    /// Admits by a swap of each slot if every rule has room for many more. Without that, or if
    /// another worker is faster, returns what it has read: the lock has to decide.
    ///
    /// Each slot is stored only as it was read, so no rule ever admits too much. What was stored is
    /// taken back if a later slot has changed. Another request can be rejected for such a hold only if
    /// the rest of the room is used between two swaps of this worker. If the worker is lost in between,
    /// its holds expire like those of its other requests, and the request counts until its window
    /// ends.
    fn swap_each(&self, slots: &[u16]) -> Result<Admitted, Option<Read>> {
        let Read { mut slots, admitted } = self.read(slots).map_err(|_| None)?;
        if admitted.is_close {
            return Err(Some(Read { slots, admitted }));
        }
        for place in 0..slots.len() {
            let Some(slot) = slots.get_mut(place) else { continue };
            if let Ok(Ok(())) = self.counters.save(slot) {
                continue;
            }
            slots.iter().take(place).for_each(|it| self.take_back(it.number()));
            return Err(None);
        }
        Ok(admitted)
    }

    /// Takes back what was stored in a slot without the lock.
    fn take_back(&self, slot: u16) {
        // If the slot is out of reach, what it holds expires.
        let release = |_, it: &Held, state: &mut State| state.settle(it.hold, 0);
        let _ = change(self.counters, slot, &self.held, self.now, release);
    }

    /// Admits under the lock, and stores slot after slot.
    fn step(&self, slots: &[u16], mut read: Option<Read>) -> Result<Admitted, Error> {
        for _ in 0..MAX_TAKE_OVERS {
            let lock = self.counters.lock(self.plan())?;
            let stored = self.store(&lock, slots, read.take());
            match (stored, lock.release(self.counters.store())) {
                (stored, Ok(())) => return stored,
                (Err(rejected @ Error::Rejected(_)), Err(_)) => return Err(rejected),
                // Another worker has taken the lock over, and has taken back what was stored.
                (_, Err(_)) => {}
            }
        }
        Err(Error::Store)
    }

    /// Stores all slots, or none. The lock keeps other steps out. A settlement may still change a
    /// slot meanwhile: then all starts again. What was read before the lock is as good as what is
    /// read now, since a slot is stored only if it is still the same.
    fn store(&self, lock: &Lock, slots: &[u16], mut read: Option<Read>) -> Result<Admitted, Error> {
        for _ in 0..MAX_TRIES {
            let Read { mut slots, admitted } = match read.take() {
                Some(read) => read,
                None => {
                    let read = self.read(slots);
                    // Who has taken the lock over has not seen what is stored after that.
                    if !lock.is_held(self.counters.store()) {
                        return Err(TableError::LockLost.into());
                    }
                    read?
                }
            };
            match self.save(lock, &mut slots) {
                Ok(()) => return Ok(admitted),
                Err(None) => {}
                Err(Some(error)) => return Err(error.into()),
            }
        }
        Err(Error::Store)
    }

    /// Reads the slots, and adds the holds.
    fn read(&self, slots: &[u16]) -> Result<Read, Error> {
        let load = |slot: &u16| self.counters.load(*slot);
        let mut slots = slots.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let admitted = self.admit(&mut slots)?;
        Ok(Read { slots, admitted })
    }

    /// Stores slot after slot. If one cannot be, takes back what it has stored. The error is `None`
    /// if a slot has changed meanwhile.
    fn save(&self, lock: &Lock, loaded: &mut [Loaded]) -> Result<(), Option<TableError>> {
        let mut stored = Vec::new();
        for slot in loaded {
            slot.mark(lock.step);
            let error = match self.counters.save(slot) {
                Ok(Ok(())) => {
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
        Ok(())
    }

    fn plan(&self) -> Vec<Planned> {
        self.held.iter().map(|it| Planned::new(it.place.scope, it.place.rule, it.hold)).collect()
    }

    /// What the rules say to the request, by the slots that it touches. Adds its holds to them. Of
    /// several rules that reject it, the one with the longest wait is reported: a client that waits
    /// for less is rejected again.
    fn admit(&self, slots: &mut [Loaded]) -> Result<Admitted, Error> {
        let statuses = Vec::with_capacity(self.held.len());
        let mut admitted = Admitted { statuses, ..Admitted::default() };
        let mut longest: Option<(Wait, Rejected)> = None;
        for it in &self.held {
            let Some(rule) = self.rules.get(it.rule) else { continue };
            let Some(slot) = slots.iter_mut().find(|slot| slot.number() == it.slot()) else {
                continue;
            };
            let first = || self.counters.old_state(it.old);
            let rejected = slot.change(it.place, self.now, first, |state| {
                let fits = it.hold.amount <= state.remaining(rule.max);
                let rejected = (!fits && !rule.shadow).then(|| self.rejection(it, rule.max, state));
                if !fits && rule.shadow {
                    admitted.shadowed.push(it.rule);
                }
                state.hold(it.hold);
                let status = limit_status(self.rules, it.rule, state, self.now);
                let many = it.hold.amount.saturating_mul(MANY_REQUESTS);
                admitted.is_close |= !rule.shadow
                    && it.hold.amount > 0
                    && status.remaining < many.max(rule.max / CLOSE_SHARE);
                admitted.statuses.push(status);
                rejected
            });
            if let Some((wait, rejected)) = rejected.flatten() {
                if longest.as_ref().is_none_or(|(longest, _)| *longest < wait) {
                    longest = Some((wait, rejected));
                }
            }
        }
        match longest {
            None => Ok(admitted),
            Some((_, rejected)) => {
                let statuses = self.statuses_without(slots);
                Err(Error::Rejected(Rejected { statuses, ..rejected }))
            }
        }
    }

    /// The state of each rule without this request, whose holds were added to the slots.
    fn statuses_without(&self, slots: &mut [Loaded]) -> Vec<LimitStatus> {
        let status = |it: &Held| {
            let slot = slots.iter_mut().find(|slot| slot.number() == it.slot())?;
            slot.change(it.place, self.now, State::default, |state| {
                state.settle(it.hold, 0);
                limit_status(self.rules, it.rule, state, self.now)
            })
        };
        self.held.iter().filter_map(status).collect()
    }

    fn rejection(&self, held: &Held, max: u64, state: &State) -> (Wait, Rejected) {
        let fits_at = state.fits_at(held.place.window, max, held.hold.amount, self.now);
        let limit_status = limit_status(self.rules, held.rule, state, self.now);
        (Wait::of(held.unit, fits_at), Rejected { limit_status, fits_at, statuses: Vec::new() })
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
            // A budget names no time to wait for.
            (Unit::Usd, _) | (_, None) => Self::Forever,
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
