//! What one scope has used and holds, under each rule that counts it.
//!
//! Its bytes are the states one after another. Each has the name of its rule (8 bytes, little-endian),
//! the second since the Unix epoch from which nothing in it counts (4 bytes), and the lists of what
//! was used and of holds. A list is its length and its numbers, as variable-length integers. An
//! interval is written as the distance to the one before, in zigzag encoding: it mostly takes one
//! byte.

use std::time::Duration;

use prost::encoding::{decode_varint, encode_varint};

use super::id::RuleId;
use crate::limits::{Hold, State, Window};
use crate::span::whole_secs;

/// A sliding window has about this many intervals.
const MAX_ROOM: usize = 64;

/// The states of one scope.
#[derive(Debug, Default)]
pub(super) struct Entry {
    states: Vec<RuleState>,
    /// The place after the rule that was last looked up. Rules are mostly looked up in the order in
    /// which they were stored, so hundreds of them are not searched for each.
    next: usize,
}

/// The state of one rule.
#[derive(Debug)]
struct RuleState {
    rule: RuleId,
    /// When nothing in it counts any more, in seconds since the Unix epoch. It is stored because
    /// the rule may be gone from the configuration.
    expires: u32,
    state: State,
}

impl Entry {
    /// The entry that these bytes hold. What comes after the first state that cannot be read is
    /// dropped.
    pub(super) fn read(mut bytes: &[u8]) -> Self {
        let mut states = Vec::new();
        while let Some(state) = RuleState::read(&mut bytes) {
            states.push(state);
        }
        Self { states, next: 0 }
    }

    /// Adds the bytes of the entry.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        self.states.iter().for_each(|it| it.write(bytes));
    }

    /// The state of a rule as it was stored. `None` if there is none.
    pub(super) fn state(&mut self, rule: RuleId) -> Option<&State> {
        let place = self.place(rule)?;
        self.states.get(place).map(|it| &it.state)
    }

    /// The place of a rule's state. `None` if there is none.
    fn place(&mut self, rule: RuleId) -> Option<usize> {
        let is_there = |place: &usize| self.states.get(*place).is_some_and(|it| it.rule == rule);
        let place = (self.next..self.states.len()).chain(0..self.next).find(is_there)?;
        self.next = place.saturating_add(1);
        Some(place)
    }

    /// Changes the state of a rule as it is at `now`. If there is none, `first` returns it.
    pub(super) fn change<T>(
        &mut self,
        (rule, window): (RuleId, Window),
        now: Duration,
        first: impl FnOnce() -> State,
        step: impl FnOnce(&mut State) -> T,
    ) -> Option<T> {
        let place = self.place(rule).unwrap_or_else(|| {
            self.states.push(RuleState { rule, expires: 0, state: first() });
            self.states.len().saturating_sub(1)
        });
        let found = self.states.get_mut(place)?;
        found.state.prune(window, now);
        let result = step(&mut found.state);
        found.expires = expires(window, &found.state);
        Some(result)
    }

    /// Takes back a hold under a rule.
    pub(super) fn take_back(&mut self, rule: RuleId, hold: Hold) {
        let place = self.place(rule);
        if let Some(found) = place.and_then(|place| self.states.get_mut(place)) {
            found.state.settle(hold, 0);
        }
    }

    /// Drops the states in which nothing counts.
    pub(super) fn prune(&mut self, now: u32) {
        self.states.retain(|it| it.expires > now && !it.state.is_empty());
        self.next = 0;
    }

    /// Whether it has no state.
    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// When nothing in it counts any more.
    pub(super) fn expires(&self) -> u32 {
        self.states.iter().map(|it| it.expires).max().unwrap_or(0)
    }

    /// When the last of its holds expires; 0 if it has none.
    pub(super) fn held_until(&self) -> u32 {
        let holds = self.states.iter().flat_map(|it| &it.state.holds);
        holds.map(|hold| seconds(hold.until)).max().unwrap_or(0)
    }
}

impl RuleState {
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (rule, rest) = bytes.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        *bytes = rest;
        let mut state = State::default();
        let mut before = 0;
        let used = number(bytes)?;
        state.used.reserve_exact(usize::try_from(used).map_or(0, room));
        for _ in 0..used {
            before = interval_after(before, number(bytes)?);
            state.used.push((before, number(bytes)?));
        }
        for _ in 0..number(bytes)? {
            let until = number(bytes)?;
            before = interval_after(before, number(bytes)?);
            state.holds.push(Hold { until, interval: before, amount: number(bytes)? });
        }
        let (rule, expires) = (u64::from_le_bytes(*rule), u32::from_le_bytes(*expires));
        Some(Self { rule, expires, state })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.rule.to_le_bytes());
        bytes.extend_from_slice(&self.expires.to_le_bytes());
        let mut before = 0;
        put_len(bytes, self.state.used.len());
        for (interval, amount) in &self.state.used {
            encode_varint(distance(before, *interval), bytes);
            encode_varint(*amount, bytes);
            before = *interval;
        }
        put_len(bytes, self.state.holds.len());
        for hold in &self.state.holds {
            encode_varint(hold.until, bytes);
            encode_varint(distance(before, hold.interval), bytes);
            encode_varint(hold.amount, bytes);
            before = hold.interval;
        }
    }
}

/// The room for this many intervals and the one that a request may add. The number comes from
/// bytes that another program may have written.
fn room(intervals: usize) -> usize {
    intervals.min(MAX_ROOM).saturating_add(1)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    decode_varint(bytes).ok()
}

fn put_len(bytes: &mut Vec<u8>, len: usize) {
    encode_varint(u64::try_from(len).unwrap_or(u64::MAX), bytes);
}

/// From one interval to another, with the sign in the lowest bit.
const fn distance(from: u64, to: u64) -> u64 {
    let distance = to.wrapping_sub(from);
    (distance << 1) ^ (distance >> 63).wrapping_neg()
}

/// The interval at this distance from another.
const fn interval_after(from: u64, distance: u64) -> u64 {
    from.wrapping_add((distance >> 1) ^ (distance & 1).wrapping_neg())
}

/// When nothing in `state` counts any more.
fn expires(window: Window, state: &State) -> u32 {
    let last = state.used.iter().map(|(interval, _)| *interval).max();
    let used = last.map_or(0, |interval| whole_secs(window.leaves(interval)));
    let held = state.holds.iter().map(|hold| hold.until).max().unwrap_or(0);
    seconds(used.max(held))
}

fn seconds(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(used: &[(u64, u64)], holds: &[Hold]) -> RuleState {
        let state = State { used: used.to_vec(), holds: holds.to_vec() };
        RuleState { rule: 7, expires: 9, state }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let hold = |until, interval, amount| Hold { until, interval, amount };
        let entry = Entry {
            states: vec![
                state(&[(5, 1), (6, u64::MAX), (2, 3)], &[hold(80, 6, 1), hold(88, 0, 2)]),
                state(&[(u64::MAX, 1), (0, 2), (u64::MAX / 2, 3)], &[]),
                state(&[], &[hold(u64::MAX, u64::MAX, 1), hold(0, 1 << 63, 2)]),
            ],
            next: 0,
        };
        let mut bytes = Vec::new();
        entry.write(&mut bytes);
        let read = Entry::read(&bytes);
        let states = |it: &Entry| it.states.iter().map(|it| it.state.clone()).collect::<Vec<_>>();
        assert_eq!(states(&read), states(&entry));
        assert!(read.states.iter().all(|it| (it.rule, it.expires) == (7, 9)));
        // No cut of the bytes is taken for more than it is.
        for len in 0..bytes.len() {
            let cut = Entry::read(bytes.get(..len).unwrap());
            assert!(cut.states.len() < entry.states.len());
            assert!(states(&entry).starts_with(&states(&cut)), "{len}");
        }
    }

    #[test]
    fn a_rule_is_found_wherever_the_last_one_was() {
        let rules = 0..5;
        let state = |rule| RuleState { rule, ..state(&[(rule, 1)], &[]) };
        for first in rules.clone() {
            let mut entry = Entry { states: rules.clone().map(state).collect(), next: 0 };
            for rule in [first, 4, 0, 0, 3, 1] {
                assert_eq!(entry.state(rule).unwrap().used, [(rule, 1)], "{first}");
            }
            assert_eq!(entry.state(5), None);
        }
    }
}
